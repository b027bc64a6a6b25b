//! The accuracy must not rot. One fold is asked, so that it stays quick without optimisation.

use super::*;
use crate::offline_nlp::{
    demo_files,
    load::{Source, load},
};

const OUT_OF_SCOPE: &str = include_str!("../../../benches/nlp/out_of_scope.txt");

#[test]
fn b16_the_demo_agent_tells_its_intents_apart_and_strangers_from_friends() {
    let agent = load(Source::files(demo_files())).unwrap().agent;
    let sentences: Vec<String> = OUT_OF_SCOPE.lines().filter(|it| !it.starts_with('#')).map(str::to_owned).collect();
    let folds = Folds::deal(&agent, "en", 5, 0);
    let evaluation = evaluate(&agent, &folds, 1..2, &sentences);
    let strangers = evaluation.out_of_scope.unwrap();
    assert_eq!(strangers.sentences, 200);
    assert!(evaluation.accuracy >= 0.52, "{}", evaluation.accuracy);
    assert!(strangers.recall >= 0.75, "{}: {:?}", strangers.recall, strangers.taken);
    assert!(evaluation.false_rejections <= 0.28, "{}", evaluation.false_rejections);
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
