//! What becomes of a question, and of whatever comes back.

use proptest::prelude::*;
use serde_json::json;

use super::{super::tests::place, *};
use crate::core::message::FailureKind;

fn parameters(json: Value) -> Parameters {
    fit::object(json).unwrap()
}

fn asked(input: Input, payload: Value) -> Value {
    let setting = Setting { language: "pt-BR", session: "u.c-1", time_zone: "Europe/Berlin" };
    serde_json::to_value(query(input, (parameters(payload), None), setting, &place()).unwrap()).unwrap()
}

fn read(document: &Value) -> Result<Answer, AskError> {
    answer(document.to_string().as_bytes(), true, &place())
}

/// A whole response, as the API's reference has it.
#[expect(clippy::needless_pass_by_value, reason = "what `json!` makes")]
fn response(messages: Value) -> Value {
    json!({
        "id": "b340a1f7-abee-4e13-9bdd-5e8938a48b7d",
        "timestamp": "2018-08-08T08:20:10.676Z",
        "lang": "en",
        "result": {
            "source": "agent",
            "resolvedQuery": "my name is Sam",
            "action": "greetings",
            "actionIncomplete": false,
            "parameters": {"name": "Sam", "size": {"amount": 3, "unit": "m"}},
            "contexts": [{"name": "greetings", "parameters": {"name": "Sam", "name.original": "Sam"}, "lifespan": 5}],
            "metadata": {
                "intentId": "373a354b-c15a-4a60-ac9d-a9f2aee76cb4",
                "webhookUsed": "false",
                "webhookForSlotFillingUsed": "false",
                "isFallbackIntent": "false",
                "intentName": "greetings"
            },
            "fulfillment": {"speech": "Nice to meet you!", "messages": messages},
            "score": 0.83
        },
        "status": {"code": 200, "errorType": "success"},
        "sessionId": "u.c-1"
    })
}

#[test]
fn s9_a_question_is_a_query_or_an_event() {
    let text = asked(Input::Text("hi".into()), json!({}));
    assert_eq!(text, json!({"query": "hi", "lang": "pt-BR", "sessionId": "u.c-1", "timezone": "Europe/Berlin"}));
    assert_eq!(asked(Input::Dtmf("42".into()), json!({}))["query"], "42");

    let event = asked(
        Input::Event { name: "WELCOME".into(), parameters: parameters(json!({"tier": "gold"})) },
        json!({"attributes": {"a": 1}}),
    );
    assert_eq!(event["event"], json!({"name": "WELCOME", "data": {"tier": "gold"}}));
    assert_eq!(event["originalRequest"], json!({"source": "usher", "data": {"attributes": {"a": 1}}}));
    assert_eq!(event.get("query"), None);

    let bare = asked(Input::Event { name: "WELCOME".into(), parameters: Parameters::new() }, json!({}));
    assert_eq!(bare["event"], json!({"name": "WELCOME"}));
    let click = asked(Input::Structured(parameters(json!({"chose": 1}))), json!({}));
    assert_eq!(click["event"], json!({"name": "structured", "data": {"chose": 1}}));

    let setting = Setting { language: "en", session: "s", time_zone: "UTC" };
    let error = query(Input::Redacted, (Parameters::new(), None), setting, &place()).unwrap_err();
    assert_eq!(error.kind, FailureKind::Interrupted);
}

#[test]
fn b7_a_conversation_that_is_taken_over_brings_a_context_and_what_was_said() {
    let seed = seed::tests::seed();
    let told = json!({ "seed": seed::json(&seed) });
    let setting = Setting { language: "en", session: "s", time_zone: "UTC" };
    let given = (Parameters::new(), Some(seed));
    let sent = query(Input::Text("and soon".into()), given, setting, &place()).unwrap();
    let sent = serde_json::to_value(sent).unwrap();
    assert_eq!(sent["contexts"], json!([{"name": "usher-seed", "lifespan": 50, "parameters": {"size": "L"}}]));
    assert_eq!(sent["originalRequest"], json!({"source": "usher", "data": told}));
    let seed = Box::new(Seed { returns: true, ..*seed::tests::seed() });
    let sent = query(Input::Text("x".into()), (Parameters::new(), Some(seed)), setting, &place()).unwrap();
    assert_eq!(serde_json::to_value(sent).unwrap().get("contexts"), None, "what the session keeps is its own");
}

#[test]
fn s9_a_response_is_read_whole() {
    let messages = json!([
        {"type": 0, "speech": "Hello"},
        {"type": "0", "speech": ["", "there"]},
        {"type": 0, "platform": "facebook", "speech": "for another channel"},
        {"type": "simple_response", "platform": "google", "textToSpeech": "for another channel"},
        {"type": 1, "title": "Lamp", "subtitle": "Warm", "imageUrl": "https://x/l.png", "buttons": [{"text": "Buy", "postback": "buy"}, {"text": " "}]},
        {"type": 2, "title": "Which?", "replies": ["A", "", "B"]},
        {"type": 3, "imageUrl": "https://x/i.png"},
        {"type": 4, "payload": {"map": {"pins": [1]}}},
        {"type": 9, "speech": "unknown"},
        {"type": 0, "speech": " "},
        "no message"
    ]);
    let answer = read(&response(messages)).unwrap();
    let button = Button { text: "Buy".into(), postback: "buy".into() };
    assert_eq!(
        answer.replies,
        [
            Reply::Text("Hello".into()),
            Reply::Text("there".into()),
            Reply::Card {
                title: "Lamp".into(),
                subtitle: "Warm".into(),
                image_uri: "https://x/l.png".into(),
                buttons: vec![button]
            },
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["A".into(), "B".into()] },
            Reply::Image { uri: "https://x/i.png".into(), description: String::new() },
            Reply::Payload(parameters(json!({"map": {"pins": [1]}}))),
        ]
    );
    assert_eq!((answer.action.as_str(), answer.parameters_complete), ("greetings", true));
    assert_eq!(Value::Object(answer.parameters), json!({"name": "Sam", "size": {"amount": 3, "unit": "m"}}));
    assert_eq!((answer.intent.as_deref(), answer.confidence), (Some("greetings"), Some(0.83)));
    assert_eq!(answer.contexts, ["greetings"]);
    assert!(!answer.not_understood && !answer.end_interaction && !answer.live_agent_handoff);
    assert_eq!(answer.webhook_failure, None);
}

#[test]
fn s9_speech_speaks_where_no_message_does() {
    let said = |document: &Value| read(document).unwrap().replies;
    assert_eq!(said(&response(json!([]))), [Reply::Text("Nice to meet you!".into())]);
    let mut older = response(json!([{"type": 0, "speech": "", "platform": "slack"}]));
    older["result"]["fulfillment"]["speech"] = json!("");
    older["result"]["speech"] = json!("Older.");
    assert_eq!(said(&older), [Reply::Text("Older.".into())]);
}

#[test]
fn s9_a_fallback_is_known_by_its_flag_or_by_its_action() {
    for (flag, action) in [(json!("true"), "greetings"), (json!(true), ""), (json!("false"), "input.unknown")] {
        let mut document = response(json!([]));
        document["result"]["metadata"]["isFallbackIntent"] = flag;
        document["result"]["action"] = json!(action);
        assert!(read(&document).unwrap().not_understood, "{document}");
    }
    let nothing = json!({"result": {"metadata": {}, "fulfillment": {"speech": ""}}, "status": {"code": 200}});
    assert!(read(&nothing).unwrap().not_understood, "no intent, no words");
    let error = answer(nothing.to_string().as_bytes(), false, &place()).unwrap_err();
    assert_eq!(error.kind, FailureKind::Empty, "an event that no intent knows");
}

#[test]
fn s9_an_incomplete_action_is_told_as_such() {
    for incomplete in [json!(true), json!("true")] {
        let mut document = response(json!([]));
        document["result"]["actionIncomplete"] = incomplete;
        assert!(!read(&document).unwrap().parameters_complete);
    }
}

#[test]
fn s9_a_failed_webhook_leaves_what_was_said() {
    let mut document = response(json!([{"type": 0, "speech": "Let me see."}]));
    document["status"] = json!({"code": 206, "errorType": "partial_content", "errorDetails": "Webhook call failed. Error: 500", "webhookTimedOut": false});
    let answer = read(&document).unwrap();
    assert_eq!(answer.replies, [Reply::Text("Let me see.".into())]);
    assert_eq!(answer.webhook_failure.as_deref(), Some("Webhook call failed. Error: 500"));

    document["result"]["fulfillment"] = json!({"speech": "", "messages": [{"type": 0, "speech": ""}]});
    document["result"]["action"] = json!("");
    assert_eq!(read(&document).unwrap_err().kind, FailureKind::Webhook);
    document.as_object_mut().unwrap().remove("result");
    assert_eq!(read(&document).unwrap_err().kind, FailureKind::Webhook);
}

#[test]
fn s9_a_refusal_may_come_in_an_answer_that_is_none() {
    for (code, kind) in
        [(json!(400), FailureKind::Invalid), (json!("401"), FailureKind::Credential), (json!(429), FailureKind::Quota)]
    {
        let document = json!({"status": {"code": code, "errorType": "x", "errorDetails": "planted"}});
        let error = read(&document).unwrap_err();
        assert_eq!(error.kind, kind);
        assert!(!error.advice.to_string().contains("planted"), "{}", error.advice);
    }
    for body in ["", "<html>", "[]", "{}", "null", "{\"result\": \"x\"}", "{\"status\": {\"code\": 200}}"] {
        assert_eq!(answer(body.as_bytes(), true, &place()).unwrap_err().kind, FailureKind::Malformed, "{body}");
    }
}

#[test]
fn s9_a_payload_may_ask_for_what_the_api_has_no_words_for() {
    let answer = read(&response(json!([{"type": 4, "payload": {"usher": {"end": true}, "map": 1}}]))).unwrap();
    assert!(answer.end_interaction && answer.action == "greetings");
    assert_eq!(answer.replies, [Reply::Payload(parameters(json!({"map": 1})))]);
    let answer = read(&response(json!([{"type": 4, "payload": {"usher": {"action": "person"}}}]))).unwrap();
    assert_eq!(answer.action, "person", "instead of the intent's");
    let error = read(&response(json!([{"type": 4, "payload": {"usher": {"planted": 1}}}]))).unwrap_err();
    assert_eq!(error.kind, FailureKind::Malformed);
    assert!(
        error.advice.to_string().contains("`live_agent`") && !error.advice.to_string().contains("planted"),
        "{}",
        error.advice
    );
}

/// JSON with the API's own keys, and anything under them.
fn soup() -> impl Strategy<Value = Value> {
    let key = prop::sample::select(vec![
        "result",
        "status",
        "code",
        "fulfillment",
        "messages",
        "speech",
        "type",
        "platform",
        "payload",
        "usher",
        "action",
        "parameters",
        "contexts",
        "name",
        "metadata",
        "isFallbackIntent",
        "score",
        "title",
        "buttons",
        "text",
        "replies",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2_i64..500).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["true", "206", "4", "input.unknown"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..8)
                .prop_map(|it| Value::Object(it.into_iter().map(|(key, it)| (key.to_owned(), it)).collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_panics(bytes: Vec<u8>, words: bool) {
        drop(answer(&bytes, words, &place()));
        status_code(&bytes);
    }

    #[test]
    fn no_json_panics_and_what_comes_of_it_is_bounded(result in soup(), whole in soup(), words: bool) {
        drop(answer(whole.to_string().as_bytes(), words, &place()));
        let document = json!({"result": result, "status": {"code": 200}});
        if let Ok(answer) = answer(document.to_string().as_bytes(), words, &place()) {
            prop_assert!(answer.replies.len() <= MAX_REPLIES && answer.contexts.len() <= MAX_ITEMS);
            prop_assert!(answer.confidence.is_none_or(|it| (0.0..=1.0).contains(&it)));
        }
    }
}
