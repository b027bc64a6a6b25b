//! The accuracy must not rot. One fold is asked, so that it stays quick without optimisation.

use super::*;
use crate::offline_nlp::{
    demo_files,
    load::{Source, load},
};

/// The sentences that nothing was fitted on.
const OUT_OF_SCOPE: &str = include_str!("../../../benches/nlp/out_of_scope_held_out.txt");

#[test]
fn b16_the_demo_agent_tells_its_intents_apart_and_strangers_from_friends() {
    let agent = load(Source::files(demo_files())).unwrap().agent;
    let sentences: Vec<String> = OUT_OF_SCOPE.lines().filter(|it| !it.starts_with('#')).map(str::to_owned).collect();
    let folds = Folds::deal(&agent, "en", 5, 0);
    let evaluation = evaluate(&agent, &folds, 1..2, &sentences);
    let strangers = evaluation.out_of_scope.unwrap();
    assert_eq!(strangers.sentences, 200);
    assert!(evaluation.accuracy >= 0.75, "{}", evaluation.accuracy);
    assert!(strangers.recall >= 0.78, "{}: {:?}", strangers.recall, strangers.taken);
    assert!(evaluation.false_rejections <= 0.13, "{}", evaluation.false_rejections);
}

#[test]
fn b16_folds_are_even_and_no_phrase_is_asked_of_one_that_knows_it() {
    let agent = load(Source::files(demo_files())).unwrap().agent;
    let folds = Folds::deal(&agent, "en", 5, 0);
    let size = |fold| folds.phrases.iter().filter(|it| it.fold == fold).count();
    assert!((0..5).all(|it| size(it).abs_diff(folds.phrases.len() / 5) <= 1));
    let rest = folds.without(&agent, 0);
    let known: BTreeSet<String> = taught(&rest, "en").flat_map(|it| it.1).map(|it| folded(&it.text())).collect();
    assert!(folds.phrases.iter().all(|it| known.contains(&folded(&it.text)) == (it.fold != 0)));
}

#[test]
fn b16_intents_that_share_most_of_their_words_are_told_apart() {
    let acts = ["cancel", "change", "pause", "pay for"];
    let things = ["order", "contract", "booking"];
    let frames =
        ["I want to _ my", "how can I _ the", "please _ our", "could you _ this", "help me to _ my", "I must _ the"];
    let mut files = BTreeMap::from([("agent.json".to_owned(), br#"{"language": "en"}"#.to_vec())]);
    for (act, thing) in acts.iter().flat_map(|act| things.map(|thing| (act, thing))) {
        let phrase = |frame: &str| {
            let text = format!("{} {thing}", frame.replace('_', act));
            serde_json::json!({"isTemplate": false, "data": [{"text": text}]})
        };
        let phrases: Vec<_> = frames.into_iter().map(phrase).collect();
        let name = format!("{act} {thing}");
        files.insert(format!("intents/{name}.json"), serde_json::json!({"name": name}).to_string().into_bytes());
        files.insert(format!("intents/{name}_usersays_en.json"), serde_json::json!(phrases).to_string().into_bytes());
    }
    let agent = load(Source::files(files)).unwrap().agent;
    let evaluation = evaluate(&agent, &Folds::deal(&agent, "en", 3, 0), 0..3, &["how do volcanoes erupt".to_owned()]);
    assert_eq!((evaluation.intents, evaluation.phrases), (12, 72));
    assert!(evaluation.accuracy >= 0.95, "{}: {:?}", evaluation.accuracy, evaluation.confusions);
    assert_eq!(evaluation.out_of_scope.unwrap().taken, []);
}
