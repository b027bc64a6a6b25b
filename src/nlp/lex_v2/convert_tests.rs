//! What becomes of a question, and of whatever comes back.

use proptest::prelude::*;
use serde_json::json;

use super::{
    super::tests::{bot, place},
    *,
};

fn parameters_of(json: Value) -> Parameters {
    fit::object(json).unwrap()
}

fn said(input: Input, payload: Value) -> Result<Value, AskError> {
    let texts = BTreeMap::from([("WELCOME".to_owned(), "hello".to_owned())]);
    let utterance = utterance(input, (fit::object(payload).unwrap(), None), &texts, &place())?;
    Ok(serde_json::to_value(utterance).unwrap())
}

#[test]
fn b7_a_conversation_that_is_taken_over_brings_session_attributes_and_what_was_said() {
    let mut seed = seed::tests::seed();
    seed.slots.insert("guests".to_owned(), json!(4));
    let told = seed::json(&seed).to_string();
    let given = (Parameters::new(), Some(seed));
    let sent = utterance(Input::Text("and soon".into()), given, &BTreeMap::new(), &place()).unwrap();
    let expected = json!({
        "text": "and soon",
        "requestAttributes": {"usher_seed": told},
        "sessionState": {"sessionAttributes": {"size": "L", "guests": "4"}}
    });
    assert_eq!(serde_json::to_value(sent).unwrap(), expected);

    let seed = Box::new(Seed { returns: true, ..*seed::tests::seed() });
    let given = (Parameters::new(), Some(seed));
    let sent = utterance(Input::Text("and soon".into()), given, &BTreeMap::new(), &place()).unwrap();
    assert_eq!(serde_json::to_value(sent).unwrap().get("sessionState"), None, "what the session keeps is its own");
}

fn read(document: &Value) -> Result<Answer, AskError> {
    read_bytes(document.to_string().as_bytes())
}

fn read_bytes(body: &[u8]) -> Result<Answer, AskError> {
    let (actions, place, bot) = (BTreeSet::from(["BookTable".to_owned()]), place(), bot());
    Reading { fallback_intent: "FallbackIntent", actions: &actions, place: &place, bot: &bot }.answer(body)
}

/// A response of an intent in this state, as the API's reference has it.
fn response(intent: &str, state: &str, dialog_action: &str) -> Value {
    let intent = json!({
        "name": intent,
        "state": state,
        "confirmationState": "None",
        "slots": {
            "when": {"shape": "Scalar", "value": {"originalValue": "tonight", "interpretedValue": "2026-11-20", "resolvedValues": ["2026-11-20"]}},
            "toppings": {"shape": "List", "values": [
                {"shape": "Scalar", "value": {"interpretedValue": "ham", "originalValue": "ham"}},
                {"shape": "Scalar", "value": {"interpretedValue": "olives", "originalValue": "olive"}},
            ]},
            "address": {"shape": "Composite", "subSlots": {"street": {"value": {"interpretedValue": "High St"}}, "number": null}},
            "odd": {"value": {"originalValue": "as said"}},
            "open": null
        }
    });
    json!({
        "sessionId": "u.c-1",
        "messages": [{"contentType": "PlainText", "content": "Fine."}],
        "sessionState": {
            "dialogAction": {"type": dialog_action},
            "intent": intent,
            "sessionAttributes": {"usher": "{\"end\": true}"},
            "activeContexts": [{"name": "booking", "timeToLive": {"timeToLiveInSeconds": 600, "turnsToLive": 5}, "contextAttributes": {}}],
            "originatingRequestId": "4e0b"
        },
        "interpretations": [
            {"intent": {"name": "Other"}, "nluConfidence": {"score": 0.99}},
            {"intent": intent, "nluConfidence": {"score": 0.82}, "interpretationSource": "Lex", "sentimentResponse":
                {"sentiment": "NEGATIVE", "sentimentScore": {"positive": 0.1, "negative": 0.6, "neutral": 0.2, "mixed": 0.1}}},
            {"intent": {"name": "FallbackIntent", "slots": {}}}
        ],
        "requestAttributes": {"usher_payload": "{}"}
    })
}

#[test]
fn words_go_as_they_are_with_what_the_bots_function_may_want() {
    assert_eq!(said(Input::Text("hi".into()), json!({})).unwrap(), json!({"text": "hi"}));
    let with_payload = said(Input::Dtmf("42".into()), json!({"attributes": {"tier": "gold"}})).unwrap();
    assert_eq!(with_payload["text"], "42");
    assert_eq!(with_payload["requestAttributes"], json!({"usher_payload": "{\"attributes\":{\"tier\":\"gold\"}}"}));
    let too_much = said(Input::Text("hi".into()), json!({"note": "x".repeat(MAX_ATTRIBUTE_BYTES)})).unwrap();
    assert_eq!(too_much, json!({"text": "hi"}));
}

#[test]
fn an_event_is_what_the_profile_says_for_it_or_nothing() {
    let event = |name: &str, parameters| Input::Event { name: name.to_owned(), parameters };
    let welcome = said(event("WELCOME", parameters_of(json!({"from": "web"}))), json!({})).unwrap();
    let attributes = json!({"usher_event": "WELCOME", "usher_event_parameters": "{\"from\":\"web\"}"});
    assert_eq!(welcome, json!({"text": "hello", "requestAttributes": attributes}));
    for unheard in [event("CALLBACK_DONE", Parameters::new()), Input::Structured(parameters_of(json!({"planted": 1})))]
    {
        let error = said(unheard, json!({})).unwrap_err();
        assert_eq!(error.kind, FailureKind::Empty);
        assert!(
            error.advice.to_string().contains("`event_texts`") && !error.advice.to_string().contains("planted"),
            "{}",
            error.advice
        );
    }
    assert_eq!(said(Input::Redacted, json!({})).unwrap_err().kind, FailureKind::Interrupted);
}

#[test]
fn a_complete_intent_is_the_action_of_its_name() {
    for state in ["ReadyForFulfillment", "Fulfilled"] {
        let answer = read(&response("BookTable", state, "Close")).unwrap();
        assert_eq!((answer.action.as_str(), answer.parameters_complete), ("BookTable", true), "{state}");
        let slots = json!({"when": "2026-11-20", "toppings": ["ham", "olives"], "address": {"street": "High St"}, "odd": "as said"});
        assert_eq!(Value::Object(answer.parameters), slots);
        assert_eq!((answer.intent.as_deref(), answer.confidence), (Some("BookTable"), Some(0.82)));
        assert_eq!((answer.sentiment, answer.contexts), (Some(-0.5), vec!["booking".to_owned()]));
        assert_eq!(answer.replies, [Reply::Text("Fine.".into())]);
        assert!(!answer.end_interaction, "a session attribute is no wish: it would come again with every turn");
    }
    for (intent, state, dialog_action, complete) in [
        ("BookTable", "InProgress", "ElicitSlot", false),
        ("BookTable", "InProgress", "ConfirmIntent", false),
        ("BookTable", "Failed", "Close", true),
        ("OpeningHours", "ReadyForFulfillment", "Close", true),
    ] {
        let answer = read(&response(intent, state, dialog_action)).unwrap();
        assert_eq!((answer.action.as_str(), answer.parameters_complete), ("", complete), "{intent} {state}");
        assert!(!answer.not_understood);
    }
}

#[test]
fn the_fallback_intent_means_not_understood() {
    let mut document = response("FallbackIntent", "ReadyForFulfillment", "Close");
    let answer = read(&document).unwrap();
    assert!(answer.not_understood && answer.action.is_empty());
    document["messages"] = json!([]);
    assert!(read(&document).unwrap().not_understood, "also without words");
    document["sessionState"]["intent"]["name"] = json!("OpeningHours");
    let error = read(&document).unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty);
    assert!(error.advice.to_string().contains("intent OpeningHours of bot ABCDEFGHIJ"), "{}", error.advice);
}

#[test]
fn messages_of_every_kind_are_said() {
    let button = |text: &str, value: &str| json!({"text": text, "value": value});
    let card = |card: Value| json!({"contentType": "ImageResponseCard", "imageResponseCard": card});
    let mut document = response("BookTable", "InProgress", "ElicitSlot");
    document["messages"] = json!([
        {"contentType": "SSML", "content": "<speak>Tom &amp; <break time='1s'/>Ann &lt;3</speak>"},
        {"contentType": "CustomPayload", "content": "{\"map\": {\"pins\": [1]}}"},
        {"contentType": "CustomPayload", "content": "just words"},
        card(json!({"title": "Lamp", "subtitle": "Warm", "imageUrl": "https://x/l.png", "buttons": [button("Buy", "buy it"), button("Later", "later")]})),
        card(json!({"title": "Which?", "buttons": [button("This", "This"), button("That", "That")]})),
        card(json!({"title": "The way", "imageUrl": "https://x/m.png"})),
        card(json!({"title": "Only words"})),
        card(json!({})),
        {"contentType": "ImageResponseCard"},
        {"contentType": "PlainText", "content": " "},
        {"contentType": "NotYetInvented", "content": "said all the same"}
    ]);
    let buttons = [("Buy", "buy it"), ("Later", "later")]
        .map(|(text, postback)| Button { text: text.into(), postback: postback.into() });
    let card = |title: &str, subtitle: &str, image_uri: &str, buttons| Reply::Card {
        title: title.into(),
        subtitle: subtitle.into(),
        image_uri: image_uri.into(),
        buttons,
    };
    assert_eq!(
        read(&document).unwrap().replies,
        [
            Reply::Text("Tom & Ann <3".into()),
            Reply::Payload(parameters_of(json!({"map": {"pins": [1]}}))),
            Reply::Text("just words".into()),
            card("Lamp", "Warm", "https://x/l.png", buttons.into()),
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["This".into(), "That".into()] },
            Reply::Image { uri: "https://x/m.png".into(), description: "The way".into() },
            card("Only words", "", "", Vec::new()),
            Reply::Text("said all the same".into()),
        ]
    );
}

#[test]
fn a_bot_says_what_it_wants_in_a_payload_or_a_request_attribute() {
    let mut document = response("OpeningHours", "Fulfilled", "ElicitIntent");
    document["messages"] = json!([{"contentType": "CustomPayload", "content": "{\"usher\": {\"action\": \"call\", \"parameters\": {\"phone\": \"1\"}}}"}]);
    let answer = read(&document).unwrap();
    assert_eq!((answer.action.as_str(), answer.parameters_complete), ("call", true));
    assert_eq!((&answer.parameters["phone"], &answer.parameters["when"]), (&json!("1"), &json!("2026-11-20")));
    assert_eq!(answer.replies, [], "it is not for the customer");

    document["messages"] = json!(null);
    document["requestAttributes"] = json!({"usher": "{\"live_agent\": true}", "other": null});
    assert!(read(&document).unwrap().live_agent_handoff);
    document["requestAttributes"] = json!({"usher": "{\"end\": true}"});
    assert!(read(&document).unwrap().end_interaction);
    for bad in ["planted", "{\"planted\": 1}"] {
        document["requestAttributes"] = json!({"usher": bad});
        let error = read(&document).unwrap_err();
        assert_eq!(error.kind, FailureKind::Malformed);
        assert!(
            error.advice.to_string().contains("`usher`") && !error.advice.to_string().contains("planted"),
            "{}",
            error.advice
        );
    }
}

#[test]
fn what_is_no_answer_is_malformed() {
    for body in [
        "",
        "<html>",
        "[]",
        "{}",
        "null",
        "{\"messages\": 1}",
        "{\"sessionState\": null}",
        "{\"sessionState\": {\"intent\"",
    ] {
        assert_eq!(read_bytes(body.as_bytes()).unwrap_err().kind, FailureKind::Malformed, "{body}");
    }
    let state_alone = json!({"sessionState": {"dialogAction": {"type": "Close"}}});
    assert_eq!(read(&state_alone).unwrap_err().kind, FailureKind::Empty);
}

/// JSON with the API's own keys, and anything under them.
fn soup() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "messages",
        "content",
        "contentType",
        "imageResponseCard",
        "title",
        "imageUrl",
        "buttons",
        "text",
        "value",
        "sessionState",
        "intent",
        "name",
        "state",
        "slots",
        "when",
        "shape",
        "values",
        "subSlots",
        "interpretedValue",
        "dialogAction",
        "type",
        "interpretations",
        "nluConfidence",
        "score",
        "requestAttributes",
        "usher",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["CustomPayload", "SSML", "{\"usher\":{}}", "BookTable", "Fulfilled", "List"])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|it| Value::Object(it.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_panics(bytes: Vec<u8>) {
        drop(read_bytes(&bytes));
    }

    #[test]
    fn no_json_panics(whole in soup()) {
        drop(read(&whole));
    }

    /// What an answer of the right shape may hold.
    #[test]
    fn no_words_or_slots_panic(content in ".*", kind in "PlainText|SSML|CustomPayload|ImageResponseCard", slot in soup(), score: f64) {
        let mut document = response("BookTable", "Fulfilled", "Close");
        document["messages"] = json!([{"contentType": kind, "content": content}]);
        document["interpretations"][1]["nluConfidence"]["score"] = json!(score);
        let plain = read(&document);
        prop_assert!(plain.is_ok_and(|it| it.confidence.is_none_or(|it| (0.0..=1.0).contains(&it))) || kind == "CustomPayload");
        document["sessionState"]["intent"]["slots"]["when"] = slot;
        drop(read(&document));
    }

    #[test]
    fn no_refusal_panics(status in 100_u16..1000, named in ".*") {
        errors::refused(&place(), &bot(), status, &named);
    }
}
