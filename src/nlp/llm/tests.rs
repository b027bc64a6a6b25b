//! What the unit tests of this engine share, and which of a model's calls counts.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    config::{self, Embedded, SecretError, Sources},
    egress::Names,
    nlp,
};

const MAIN: &str = r#"
[[unit]]
name = "sales"
zone = "Europe/Berlin"
country = "DE"
[[unit.action]]
name = "rückruf"
media = "openmedia"
kind = "requeue"
queue = "never"
[[engine]]
id = "engine-1"
token = "token-1-of-the-engine"
units = ["sales"]
"#;

const PROFILE: &str = r#"
name = "support"
type = "llm"
agents = ["va1"]
agent_password = "secret"
fallback_message = "Sorry."
[llm]
endpoint = "http://127.0.0.1:1/v1"
model = "m-1"
system_prompt = "You are the virtual agent of Example Ltd."
[handover]
queue = "support"
[[action]]
name = "rückruf"
media = "openmedia"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
description = "Books a call."
[[action.parameter]]
name = "when"
type = "date_time"
description = "When it suits the customer."
[[action.parameter]]
name = "topic"
type = "enum"
values = ["bill", "order"]
[[action]]
name = "order.status"
media = "openmedia"
kind = "external"
uri = "https://orders.example.com/status"
[[action.parameter]]
name = "order"
type = "integer"
description = "As on the bill."
required = true
[[action]]
name = "order status"
media = ["openmedia", "webinteraction"]
kind = "requeue"
queue = "support"
[[action]]
name = "free"
media = "openmedia"
kind = "external"
uri_parameter = "uri"
[[action]]
name = "page"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
[[action.parameter]]
name = "url"
type = "enum"
values = ["https://shop.example.com/a", "https://shop.example.com/b"]
[[action]]
name = "end_conversation"
media = "webinteraction"
kind = "requeue"
queue = "support"
"#;

/// The profile above, and what is found of it.
pub(super) fn profile() -> (Arc<Profile>, Vec<String>) {
    let profiles = vec![("support.toml".to_owned(), PROFILE.to_owned())];
    let embedded = Some(Embedded { main: MAIN.to_owned(), profiles });
    let sources = Sources { embedded, ..Sources::default() };
    let loaded = config::load(&sources, &nlp::schemas(), &|_| Err(SecretError::Unknown));
    let loaded = loaded.unwrap_or_else(|findings| panic!("{:?}", findings.list));
    let warnings = loaded.warnings.into_iter().map(|it| it.message.to_string()).collect();
    (Arc::clone(&loaded.settings.profiles[0]), warnings)
}

fn support() -> Engine {
    let (profile, _) = profile();
    let deps = Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()));
    engine(&profile.engines.primary, &profile, &deps).unwrap()
}

/// What comes of an answer with these words and calls.
fn judged(message: &Value, finish: &str) -> Result<Judged, AskError> {
    let engine = support();
    let body = json!({"choices": [{"message": message, "finish_reason": finish}]}).to_string();
    let completion = Completion::whole(body.as_bytes()).unwrap();
    engine.judge(&completion, &Said::default(), engine.guide(MediaType::OpenMedia))
}

#[track_caller]
fn answer(content: &str, calls: &[(&str, Value)]) -> Answer {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(name, arguments)| json!({"function": {"name": name, "arguments": arguments.to_string()}}))
        .collect();
    match judged(&json!({"content": content, "tool_calls": calls}), "tool_calls") {
        Ok(Judged::Answer(answer)) => *answer,
        Ok(Judged::Refused(problems)) => panic!("{problems:?}"),
        Err(error) => panic!("{error}"),
    }
}

#[track_caller]
fn refused(calls: &[(&str, Value)]) -> Vec<String> {
    let calls: Vec<Value> =
        calls.iter().map(|(name, arguments)| json!({"function": {"name": name, "arguments": arguments}})).collect();
    match judged(&json!({"content": "Done!", "tool_calls": calls}), "tool_calls") {
        Ok(Judged::Refused(problems)) => problems,
        Ok(Judged::Answer(answer)) => panic!("{answer:?}"),
        Err(error) => panic!("{error}"),
    }
}

fn said(texts: &[&str]) -> Vec<Reply> {
    texts.iter().map(|&it| Reply::Text(it.to_owned())).collect()
}

#[test]
fn words_alone_are_said() {
    let spoken = answer("One.\n\nTwo.", &[]);
    assert_eq!(spoken, Answer { replies: said(&["One.", "Two."]), ..plain() });
}

#[test]
fn an_action_fires_by_its_own_name_with_what_was_checked() {
    let order = answer("I look.", &[("order_status", json!({"order": 4711}))]);
    assert_eq!((order.action.as_str(), &order.replies), ("order.status", &said(&["I look."])));
    assert_eq!(Value::Object(order.parameters), json!({"order": 4711}));
    assert!(order.parameters_complete && !order.live_agent_handoff && !order.end_interaction);
    assert_eq!(answer("", &[("order_status_2", json!({}))]).action, "order status");
}

#[test]
fn the_first_valid_call_counts_and_an_end_waits_for_it() {
    let good = ("order_status", json!({"order": 1}));
    let hand_over = ("hand_over_to_person", json!({"reason": "asked", "summary": "Wants a person."}));
    let (end, bad) = (("end_conversation", json!({})), ("invented", json!({})));
    let first = answer("", &[bad.clone(), good.clone(), hand_over.clone()]);
    assert_eq!(
        (first.action.as_str(), first.live_agent_handoff, first.end_interaction),
        ("order.status", false, false)
    );
    let first = answer("", &[hand_over.clone(), good.clone(), end.clone()]);
    assert_eq!((first.action.as_str(), first.live_agent_handoff, first.end_interaction), ("", true, false));
    assert_eq!(Value::Object(first.parameters), json!({"reason": "asked", "summary": "Wants a person."}));
    let last = answer("", &[end.clone(), good]);
    assert_eq!((last.action.as_str(), last.end_interaction), ("order.status", true));
    let over = answer("Bye.", &[end]);
    assert_eq!(over, Answer { replies: said(&["Bye."]), end_interaction: true, ..plain() });
}

#[test]
fn a_model_may_say_that_it_did_not_understand() {
    let tool = ("not_understood", json!({"reply": "Pardon?"}));
    for (content, words) in [("", "Pardon?"), ("How do you mean?", "How do you mean?")] {
        let answer = answer(content, std::slice::from_ref(&tool));
        assert_eq!(answer, Answer { replies: said(&[words]), not_understood: true, ..plain() });
    }
}

#[test]
fn what_was_not_offered_or_does_not_fit_is_refused() {
    let problems = refused(&[
        ("order.status", json!({"order": 1})),
        ("order_status", json!({"order": "4711"})),
        ("order_status", json!("{\"order\":")),
        ("free", json!({"uri": "https://x"})),
        ("r_ckruf", json!({"phone": "030 1234567", "when": "2001-01-31T14:30"})),
        ("r_ckruf", json!({"phone": "12", "when": "2001-01-31T14:30"})),
    ]);
    let tools = "hand_over_to_person, end_conversation, not_understood, r_ckruf, order_status, order_status_2";
    let unknown = format!("there is no such tool, and nothing was done; the tools are {tools}");
    assert_eq!(
        problems,
        [
            unknown.as_str(),
            "`order` must be a whole number; nothing was done",
            "the arguments are no JSON; nothing was done",
            unknown.as_str(),
            "`when`: the time is past; nothing was done",
            "`phone` cannot be used: the phone number is too short or too long; nothing was done",
        ]
    );
}

#[test]
fn refusals_filters_and_limits_are_told_apart() {
    let of = |message: &Value, finish| match judged(message, finish) {
        Ok(Judged::Answer(answer)) => (answer.replies.iter().map(Reply::text).collect::<Vec<_>>(), answer),
        Ok(Judged::Refused(problems)) => panic!("{problems:?}"),
        Err(error) => panic!("{error}"),
    };
    let (words, answer) = of(&json!({"content": null, "refusal": "I cannot help with that."}), "stop");
    assert_eq!((words, answer.not_understood), (vec!["I cannot help with that.".to_owned()], true));
    let (words, answer) = of(&json!({"content": "Half an"}), "content_filter");
    assert_eq!((words, answer.not_understood), (vec!["Sorry.".to_owned()], true));
    assert_eq!(answer.contexts, ["filtered"]);
    let (words, answer) = of(&json!({"content": "Half an"}), "length");
    assert_eq!((words, answer.not_understood), (vec!["Half an".to_owned()], false));
    assert_eq!(answer.contexts, ["cut_at_max_tokens"]);
    for nothing in [json!({"content": ""}), json!({"content": null}), json!({"content": "<think>Hm."})] {
        let error = judged(&nothing, "stop").map(drop).unwrap_err();
        assert_eq!(error.kind, crate::core::message::FailureKind::Empty, "{nothing}");
    }
}

#[test]
fn no_secret_of_the_settings_is_shown() {
    let (profile, _) = profile();
    let mut settings = profile.engines.primary.clone();
    settings.values.set("api_key", config::schema::Value::Secret("planted".into()));
    let deps = Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()));
    let engine = engine(&settings, &profile, &deps).unwrap();
    assert!(!format!("{engine:?}").contains("planted"));
}
