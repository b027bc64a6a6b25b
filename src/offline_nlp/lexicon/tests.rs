//! Entities that must and must not be found.

use super::*;
use crate::offline_nlp::agent::EntityType;

fn moment() -> Moment {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    Moment { now: jiff::civil::date(2026, 11, 20).at(10, 0, 0, 0).to_zoned(zone.clone()).unwrap().timestamp(), zone }
}

fn entity(name: &str, entries: &[(&str, &[&str])]) -> EntityType {
    let entries: Vec<Entry> = entries
        .iter()
        .map(|(value, synonyms)| Entry {
            value: (*value).to_owned(),
            synonyms: synonyms.iter().map(|it| (*it).to_owned()).collect(),
        })
        .collect();
    let entries = ["en", "de", "fr"].into_iter().map(|it| (it.to_owned(), entries.clone())).collect();
    EntityType { name: name.to_owned(), entries, ..EntityType::default() }
}

fn lexicon(language: &str, entities: Vec<EntityType>) -> Lexicon {
    Lexicon::build(&Agent { entities, ..Agent::default() }, language)
}

#[test]
fn b16_custom_entities_are_found_by_their_synonyms_whole_and_longest_first() {
    let shoes = entity("product", &[("shoe", &["shoe", "trainer", "running shoe"]), ("t-shirt", &["T-Shirt", "tee"])]);
    let lexicon = lexicon("en", vec![shoes]);
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("I want a SHOE", &[("SHOE", "shoe")]),
        ("two running  shoes, please", &[("running  shoes", "shoe")]),
        ("a t shirt and a Tshirt", &[("t shirt", "t-shirt"), ("Tshirt", "t-shirt")]),
        ("horseshoe", &[]),
        ("shoe5", &[]),
        ("snowshoes", &[]),
    ];
    for (text, wanted) in rows {
        let found = lexicon.all(text, &moment());
        let found: Vec<_> = found.iter().map(|it| (it.original.as_str(), it.value.as_str().unwrap())).collect();
        assert_eq!(found, *wanted, "{text}");
    }
}

#[test]
fn b16_a_sessions_entries_override_or_supplement() {
    let lexicon = lexicon("en", vec![entity("room", &[("blue", &["blue"])])]);
    let entries = vec![Entry { value: "red".to_owned(), synonyms: vec!["red".to_owned()] }];
    let session = |mode| vec![SessionEntity { name: "room".to_owned(), mode, entries: entries.clone() }];
    let values = |lexicon: &Lexicon| -> Vec<Value> {
        lexicon.all("blue or red", &moment()).into_iter().map(|it| it.value).collect()
    };
    assert_eq!(values(&lexicon), ["blue"]);
    assert_eq!(values(&lexicon.with_session(&session(Mode::Supplement))), ["blue", "red"]);
    assert_eq!(values(&lexicon.with_session(&session(Mode::Override))), ["red"]);
    assert_eq!(values(&lexicon.with_session(&session(Mode::Override)).with_session(&[])), ["blue"]);
}
