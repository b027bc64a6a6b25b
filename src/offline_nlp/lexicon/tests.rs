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

#[test]
fn b16_a_sessions_entries_are_matched_as_the_agents_are() {
    let mut room = entity("room", &[("blue", &["blue"])]);
    room.fuzzy = true;
    let entries = vec![Entry { value: "turquoise".to_owned(), synonyms: vec!["turquoise".to_owned()] }];
    let session = SessionEntity { name: "room".to_owned(), mode: Mode::Supplement, entries };
    let lexicon = lexicon("en", vec![room]).with_session(&[session]);
    let values: Vec<Value> = lexicon.all("turqoise", &moment()).into_iter().map(|it| it.value).collect();
    assert_eq!(values, ["turquoise"]);
}

mod calendar;
mod custom;
mod names;
mod numbers;
mod robust;

/// What is found, as `original=value`; objects as `key:value`, moments of that winter to the minute.
fn shown(lexicon: &Lexicon, text: &str, entity: &str) -> String {
    let found = lexicon.find(text, &[entity], &moment());
    let found = found.iter().map(|it| {
        assert_eq!(text.get(it.range.clone()), Some(it.original.as_str()), "{text}");
        assert_eq!(it.entity, entity);
        format!("{}={}", it.original, brief(&it.value))
    });
    found.collect::<Vec<_>>().join(" | ")
}

fn brief(value: &Value) -> String {
    match value {
        Value::String(text) => text.strip_suffix(":00+01:00").unwrap_or(text).to_owned(),
        Value::Object(fields) => {
            fields.iter().map(|(key, value)| format!("{key}:{}", brief(value))).collect::<Vec<_>>().join(" ")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => value.to_string(),
    }
}

/// Rows of text, entity and what is found; all that fail are shown at once.
#[track_caller]
fn check(language: &str, rows: &[(&str, &str, &str)]) {
    let lexicon = lexicon(language, Vec::new());
    let wrong: Vec<String> = rows
        .iter()
        .map(|(text, entity, wanted)| (text, entity, *wanted, shown(&lexicon, text, &format!("sys.{entity}"))))
        .filter(|(.., wanted, found)| wanted != found)
        .map(|(text, entity, wanted, found)| format!("{text:?} {entity}\n  wanted {wanted}\n  found  {found}"))
        .collect();
    assert!(wrong.is_empty(), "{} of {} wrong\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
