//! docs/chat.md shows what the API really speaks.

use serde_json::Value;
use usher::switchboard::talk::{Entry, Hint};

const DOCUMENT: &str = include_str!("../../../docs/chat.md");

/// Blocks of the document with this mark, in order.
fn blocks(mark: &str) -> Vec<&'static str> {
    let opening = format!("```{mark}\n");
    DOCUMENT.split(&opening).skip(1).map(|it| it.split_once("\n```").unwrap().0).collect()
}

/// Every event in the document is one of ours, and every kind of ours is in the document.
#[test]
fn every_event_by_example_is_what_we_send() {
    let mut seen = std::collections::BTreeSet::new();
    for line in blocks("json events").into_iter().flat_map(str::lines) {
        let told: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let ours = if told.get("seq").is_some() {
            serde_json::to_value(serde_json::from_value::<Entry>(told.clone()).unwrap())
        } else {
            serde_json::to_value(serde_json::from_value::<Hint>(told.clone()).unwrap())
        };
        assert_eq!(ours.unwrap(), told, "{line}");
        seen.insert(["type", "state", "after", "by"].map(|it| told[it].as_str().unwrap_or_default()).join(" "));
        for content in told["content"].as_array().into_iter().flatten() {
            seen.insert(content["kind"].as_str().unwrap().to_owned());
        }
    }
    let seen: Vec<String> = seen.iter().map(|it| it.trim().to_owned()).collect();
    let expected = [
        "callback",
        "card",
        "delivered",
        "image",
        "message",
        "payload",
        "push",
        "quickReplies",
        "state bot",
        "state bot expired",
        "state bot failed",
        "state bot returned",
        "state connecting",
        "state ended  bot",
        "state ended  customer",
        "state ended  person",
        "state ended  system",
        "state person",
        "state waiting",
        "text",
        "typing",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn every_statement_of_a_number_is_true() {
    let settings = usher::chat::Settings::default();
    for (rate, words) in [
        (settings.contacts, "20 new contacts a minute"),
        (settings.requests, "600 requests a minute"),
        (settings.messages, "20 messages in 10 seconds"),
    ] {
        let said = format!("{} ", rate.count);
        assert!(words.starts_with(&said) && DOCUMENT.contains(words), "{words}: {rate:?}");
    }
}
