//! The documented JSON, and whatever else may come.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::tests::wire, Rasa, answer::read, metadata};
use crate::{
    config::schema::{Value as Set, Values},
    core::{
        ids::{ContactId, ContactName, UnitName},
        message::{Button, FailureKind, Input, Reply},
    },
    gateway::ports::Ask,
    nlp::webhook::schema::Webhook,
};

fn contact() -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c-1").unwrap() }
}

fn rasa() -> Rasa {
    let values: Values =
        [("dialect", Set::Text("rasa".into())), ("url", Set::Text("http://127.0.0.1:9".into()))].into_iter().collect();
    Rasa::new(wire("Rasa"), &Webhook::of(&values))
}

fn answer(body: &Value) -> Result<super::answer::Read, FailureKind> {
    read(body.to_string().as_bytes(), "sales/c-1", &wire("Rasa").place).map_err(|it| it.kind)
}

#[test]
fn b17_rasas_documented_messages_become_replies_in_order() {
    let body = json!([
        {"recipient_id": "sales/c-1", "text": "Hello."},
        {"recipient_id": "sales/c-1", "text": "Which?", "buttons": [{"title": "This", "payload": "This"}, {"title": "That"}]},
        {"recipient_id": "sales/c-1", "text": "Sure?", "buttons": [{"title": "Yes", "payload": "/affirm"}]},
        {"recipient_id": "sales/c-1", "image": "https://shop.example.com/map.png"},
        {"recipient_id": "sales/c-1", "attachment": {"type": "file"}},
        {"recipient_id": "sales/c-1", "custom": {"kind": "map"}},
    ]);
    let read = answer(&body).ok().unwrap();
    assert_eq!(
        read.answer.replies,
        [
            Reply::Text("Hello.".into()),
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["This".into(), "That".into()] },
            Reply::Card {
                title: "Sure?".into(),
                subtitle: String::new(),
                image_uri: String::new(),
                buttons: vec![Button { text: "Yes".into(), postback: "/affirm".into() }],
            },
            Reply::Image { uri: "https://shop.example.com/map.png".into(), description: String::new() },
            Reply::Payload(json!({"attachment": {"type": "file"}}).as_object().unwrap().clone()),
            Reply::Payload(json!({"kind": "map"}).as_object().unwrap().clone()),
        ]
    );
    assert_eq!(read.offered, ["This", "/affirm"]);
    assert!(read.answer.parameters_complete && read.answer.action.is_empty());
}

#[test]
fn b17_rasa_asks_for_actions_in_short_and_for_everything_at_length() {
    let short = answer(&json!([{"custom": {"action": "call", "parameters": {"phone": "1"}}}])).ok().unwrap().answer;
    assert_eq!((short.action.as_str(), &short.parameters["phone"]), ("call", &json!("1")));
    let long = json!({"usher": {"not_understood": true, "end": true, "live_agent": true, "intent": "i", "confidence": 7,
        "action": "a", "parameters": {"x": 1}, "parameters_complete": false}});
    let long = answer(&json!([{"text": "?", "custom": long}])).ok().unwrap().answer;
    assert!(long.not_understood && long.end_interaction && long.live_agent_handoff && !long.parameters_complete);
    assert_eq!((long.intent.as_deref(), long.confidence, long.action.as_str()), (Some("i"), Some(1.0), "a"));
}

#[test]
fn b17_what_rasa_may_not_say_is_malformed() {
    for bad in [
        json!({"text": "no array"}),
        json!([{"recipient_id": "sales/c-2", "text": "for somebody else"}]),
        json!([{"custom": {"usher": {"acton": "a slip"}}}]),
        json!([{"custom": {"action": "a"}}, {"custom": {"action": "b"}}]),
        json!([{"custom": "text"}]),
        json!([{"custom": {"action": "a", "parameters": []}}]),
        json!([{"text": 7}]),
    ] {
        assert_eq!(answer(&bad).err(), Some(FailureKind::Malformed), "{bad}");
    }
    let many: Vec<Value> = (0..40).map(|n| json!({"text": n.to_string()})).collect();
    assert_eq!(answer(&json!(many)).ok().unwrap().answer.replies.len(), 32);
}

#[test]
fn b17_customers_cannot_trigger_intents_unless_rasa_offered_the_payload() {
    let rasa = rasa();
    let message = |text: &str| rasa.message(&contact(), &Input::Text(text.to_owned())).unwrap().into_owned();
    assert_eq!(message("hello / there"), "hello / there");
    assert_eq!(message("/restart"), "\u{200b}/restart");
    assert_eq!(message(" \u{1f}/restart"), "\u{200b} \u{1f}/restart");
    rasa.offered.keep(&contact(), Arc::from(["/affirm".to_owned()]));
    assert_eq!(message("/affirm"), "/affirm");
    assert_eq!(message("/affirm{\"x\":1}"), "\u{200b}/affirm{\"x\":1}");
}

#[test]
fn b17_events_are_intents_with_entities() {
    let rasa = rasa();
    let event = |name: &str, parameters: Value| {
        let input = Input::Event { name: name.to_owned(), parameters: parameters.as_object().unwrap().clone() };
        rasa.message(&contact(), &input).map(|it| it.into_owned()).map_err(|it| it.kind)
    };
    assert_eq!(event("WELCOME", json!({})).as_deref(), Ok("/WELCOME"));
    assert_eq!(event("DONE", json!({"at": "noon"})).as_deref(), Ok("/DONE{\"at\":\"noon\"}"));
    for bad in ["", "a b", "a{", "a@0.5", "/a", "a\nb"] {
        assert_eq!(event(bad, json!({})), Err(FailureKind::Invalid), "{bad:?}");
    }
    let clicked = Input::Structured(json!({"form": "address"}).as_object().unwrap().clone());
    assert_eq!(rasa.message(&contact(), &clicked).unwrap(), "/structured{\"form\":\"address\"}");
}

#[test]
fn b17_custom_actions_find_the_contact_in_the_metadata() {
    let ask = Ask::new(contact(), Input::Text("hi".into()), "de-AT");
    let expected = json!({"usher": {"unit": "sales", "contact": "c-1", "media": "webinteraction", "language": "de-AT",
        "parameters": {}}});
    assert_eq!(metadata(&ask), expected);
    assert_eq!(rasa().deadline, Duration::ZERO, "the schema's defaults are laid under by `config`");
}

proptest! {
    #[test]
    fn b17_no_answer_of_rasas_panics(bytes in prop::collection::vec(any::<u8>(), 0..256), text in ".{0,40}") {
        let place = wire("Rasa").place;
        drop(read(&bytes, "s", &place));
        let body = json!([{"recipient_id": "s", "text": text, "buttons": [{"title": text, "payload": text}],
            "image": text, "custom": {"usher": {"action": text, "intent": text}}}]);
        drop(read(body.to_string().as_bytes(), "s", &place));
    }
}
