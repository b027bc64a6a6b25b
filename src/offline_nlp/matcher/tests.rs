//! What the matcher must tell apart.

use serde_json::json;

use super::*;
use crate::offline_nlp::load::{Source, load};

/// Intents with phrases; `[value](entity:alias)` is an example of an entity.
fn matcher(intents: &[(&str, &[&str])]) -> (Matcher, Agent) {
    let mut files = BTreeMap::from([("agent.json".to_owned(), br#"{"language": "en"}"#.to_vec())]);
    for (name, phrases) in intents {
        let phrases: Vec<_> =
            phrases.iter().map(|it| json!({"isTemplate": it.contains('@'), "data": parts(it)})).collect();
        files.insert(format!("intents/{name}.json"), json!({"name": name}).to_string().into_bytes());
        files.insert(format!("intents/{name}_usersays_en.json"), json!(phrases).to_string().into_bytes());
    }
    let agent = load(Source::files(files)).unwrap().agent;
    (Matcher::build(&agent, "en"), agent)
}

fn parts(phrase: &str) -> Vec<serde_json::Value> {
    let mut parts = Vec::new();
    let mut rest = phrase;
    while let Some((before, (value, (mark, after)))) = rest.split_once('[').and_then(|(before, it)| {
        Some((before, it.split_once("](").and_then(|(v, it)| Some((v, it.split_once(')')?)))?))
    }) {
        let (entity, alias) = mark.split_once(':').unwrap();
        parts.push(json!({"text": before}));
        parts.push(json!({"text": value, "meta": format!("@{entity}"), "alias": alias}));
        rest = after;
    }
    parts.push(json!({"text": rest}));
    parts
}

fn found(text: &str, entity: &str, original: &str) -> Found {
    let first = text.find(original).unwrap();
    Found {
        range: first..first + original.len(),
        entity: entity.to_owned(),
        value: json!(original),
        original: original.to_owned(),
    }
}

const SHOP: &[(&str, &[&str])] = &[
    ("cancel", &["cancel my order", "I want to cancel the order", "stop my order please", "call off the purchase"]),
    ("hours", &["when are you open", "what are your opening hours", "when do you close", "are you open on sunday"]),
    ("travel", &["from [Bonn](sys.geo-city:from) to [Ulm](sys.geo-city:to)", "a trip to [Ulm](sys.geo-city:to)"]),
    ("note", &["please write down @sys.any:text"]),
];

#[test]
fn b16_a_phrase_as_it_is_written_is_certain_whatever_its_case_and_accents() {
    let (matcher, agent) = matcher(SHOP);
    let best = matcher.rank("  WHEN are yóu open?! ", &[])[0];
    assert_eq!((agent.intents[best.intent].name.as_str(), best.confidence, best.exact), ("hours", 1.0, true));
}

#[test]
fn b16_other_values_of_the_same_entities_are_the_same_phrase() {
    let (matcher, agent) = matcher(SHOP);
    let text = "from Kiel to Trier";
    let both = [found(text, "sys.geo-city", "Kiel"), found(text, "sys.geo-city", "Trier")];
    let best = matcher.rank(text, &both)[0];
    assert_eq!((agent.intents[best.intent].name.as_str(), best.confidence, best.exact), ("travel", 1.0, true));
    let unfound = matcher.rank(text, &[])[0];
    assert!(!unfound.exact);
}

#[test]
fn b16_what_is_said_in_other_words_is_understood_and_what_is_strange_is_not() {
    let (matcher, agent) = matcher(SHOP);
    let best = matcher.rank("I want to cancel my purchase", &[])[0];
    assert_eq!(agent.intents[best.intent].name, "cancel");
    assert!(best.confidence >= 0.3 && !best.exact, "{best:?}");
    let strange = matcher.rank("how do volcanoes erupt", &[])[0];
    assert!(strange.confidence < 0.3, "{strange:?}");
}

#[test]
fn b16_any_words_fill_an_open_place() {
    let (matcher, agent) = matcher(SHOP);
    let text = "please write down that volcanoes erupt";
    let best = matcher.rank(text, &[])[0];
    assert_eq!((agent.intents[best.intent].name.as_str(), best.exact), ("note", false));
    assert!(best.confidence >= 0.45, "{best:?}");
    assert_eq!(matcher.align(best.intent, text, &[])["text"].original, "that volcanoes erupt");
}

#[test]
fn b16_two_of_one_entity_are_told_apart_by_what_stands_before_them() {
    let (matcher, agent) = matcher(SHOP);
    let travel = agent.intents.iter().position(|it| it.name == "travel").unwrap();
    for text in ["from Kiel to Trier", "to Trier from Kiel", "I must go to Trier, starting from Kiel"] {
        let both = [found(text, "sys.geo-city", "Kiel"), found(text, "sys.geo-city", "Trier")];
        let aligned = matcher.align(travel, text, &both);
        assert_eq!((aligned["from"].original.as_str(), aligned["to"].original.as_str()), ("Kiel", "Trier"), "{text}");
    }
}

#[test]
fn b16_an_empty_agent_and_an_empty_text_match_nothing() {
    assert_eq!(Matcher::build(&Agent::default(), "en").rank("hello", &[]), []);
    let (matcher, _) = matcher(SHOP);
    assert!(matcher.rank(" \u{301}?!", &[]).iter().all(|it| it.confidence < 0.3));
}
