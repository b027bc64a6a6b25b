//! `docs/connectors.md` and `docs/connectors.asyncapi.yaml` say what the code does: every example is read by it, every field of
//! every frame is named, and nothing else is.

mod yaml;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{close_code, frames::*};
use crate::{
    core::message::{MediaType, Speaker},
    telemetry::labels::{ConnectorClose, Label as _},
};

const PAGE: &str = include_str!("../../../docs/connectors.md");
const ASYNCAPI: &str = include_str!("../../../docs/connectors.asyncapi.yaml");

/// Every frame from a connector, with every field. No `..`: a new field must be put here to compile.
fn from_connector() -> Vec<FromConnector> {
    let r#type = Tag;
    let some = |text: &str| Some(text.to_owned());
    let messages = vec![
        Message::Text("a".to_owned()),
        Message::QuickReplies(QuickReplies { title: "b".to_owned(), replies: vec!["c".to_owned()] }),
        Message::Card(Card {
            title: "d".to_owned(),
            subtitle: "e".to_owned(),
            image_uri: some("https://f"),
            buttons: vec![Button { text: "g".to_owned(), postback: "h".to_owned() }],
        }),
        Message::Image(Image { uri: "https://i".to_owned(), description: "j".to_owned() }),
        Message::Payload(object(json!({"k": 1}))),
    ];
    vec![
        FromConnector::Hello(Hello { r#type, name: some("n"), credits: Some(1), resume: some("r") }),
        FromConnector::Reply(Box::new(Reply {
            r#type,
            turn_id: "t".to_owned(),
            messages,
            action: some("a"),
            parameters: Some(object(json!({"k": "v"}))),
            parameters_complete: Some(true),
            not_understood: Some(true),
            end: Some(true),
            live_agent: Some(true),
            intent: some("i"),
            confidence: Some(0.5),
            is_final: Some(true),
        })),
        FromConnector::Typing(Typing { r#type, turn_id: "t".to_owned() }),
        FromConnector::Failed(Failed {
            r#type,
            turn_id: "t".to_owned(),
            kind: Some(FailedKind::Quota),
            detail: some("d"),
        }),
        FromConnector::Leaving(Leaving { r#type }),
        FromConnector::Ping(Ping { r#type, id: some("1") }),
    ]
}

/// Every frame from the gateway, with every field.
fn to_connector() -> Vec<ToConnector> {
    let some = |text: &str| Some(text.to_owned());
    let question = Question {
        contact: "c".to_owned(),
        media: MediaType::Speech,
        language: "en".to_owned(),
        input: Input::Text("x".to_owned()),
        parameters: object(json!({"k": 1})),
        actions: vec!["a".to_owned()],
        shadow: true,
        seed: Some(Seed {
            transcript: vec![Line {
                speaker: Speaker::Person,
                text: "x".to_owned(),
                at: "2027-01-04T09:30:00Z".to_owned(),
            }],
            slots: object(json!({"k": 1})),
        }),
    };
    let event = Input::Event { name: "e".to_owned(), parameters: object(json!({"k": 1})) };
    let turn = |question: Question| {
        let (turn_id, question) = ("t".to_owned(), Arc::new(question));
        ToConnector::Turn(Box::new(Turn { turn_id, question, deadline_ms: 1, again: true }))
    };
    vec![
        ToConnector::Welcome(Welcome {
            session: "s".to_owned(),
            resumed: true,
            unit: "u".to_owned(),
            profile: "p".to_owned(),
            credits: 1,
            resume_within_ms: 1,
            ping_every_ms: 1,
            max_frame_bytes: 1,
        }),
        turn(question.clone()),
        turn(Question { input: event, ..question.clone() }),
        turn(Question { input: Input::Structured(object(json!({"k": 1}))), ..question.clone() }),
        turn(Question { input: Input::Dtmf("1".to_owned()), ..question }),
        ToConnector::Cancelled(Cancelled { turn_id: "t".to_owned(), reason: CancelReason::Moved }),
        ToConnector::Outcome(Outcome {
            contact: "c".to_owned(),
            action: some("a"),
            outcome: OutcomeKind::Done,
            detail: some("d"),
        }),
        ToConnector::Closed(Closed { contact: "c".to_owned(), reason: ClosedReason::Left }),
        ToConnector::Pong(Pong { id: some("1") }),
        ToConnector::Error(Error {
            code: Code::BadFrame,
            message: "m".to_owned(),
            at: Some(At { path: "p".to_owned(), line: Some(1), column: Some(1) }),
            turn_id: some("t"),
        }),
    ]
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(map) = value else { panic!("{value}") };
    map
}

/// Every frame as JSON.
fn all() -> Vec<Value> {
    let from = from_connector().into_iter().map(|it| it.text());
    let to = to_connector().into_iter().map(|it| it.text());
    from.chain(to).map(|it| serde_json::from_str(&it).unwrap()).collect()
}

/// The page's JSON blocks, with what stands behind `json` in their first line.
fn examples() -> Vec<(String, String)> {
    let mut examples = Vec::new();
    let mut lines = PAGE.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```json") {
            let text: Vec<&str> = lines.by_ref().take_while(|it| *it != "```").collect();
            examples.push((info.trim().to_owned(), text.join("\n")));
        }
    }
    examples
}

#[test]
fn s11_every_example_of_the_page_is_a_frame_and_every_frame_has_one() {
    let asyncapi = yaml::read(ASYNCAPI);
    let mut shown = BTreeSet::new();
    for (info, example) in examples() {
        let json: Value = serde_json::from_str(&example).unwrap_or_else(|error| panic!("{error}: {example}"));
        if info == "message" {
            let message: Message = serde_json::from_str(&example).unwrap_or_else(|error| panic!("{error}: {example}"));
            assert_eq!(serde_json::to_value(message).unwrap(), json, "nothing is lost: {example}");
            shown.insert(format!("message {}", json.as_object().unwrap().keys().next().unwrap()));
            check(&asyncapi, &json, &asyncapi["components"]["schemas"]["Message"], &example);
            continue;
        }
        let kind = json["type"].as_str().unwrap_or_else(|| panic!("no type: {example}")).to_owned();
        let again = match FromConnector::read(&example) {
            Ok(frame) => frame.text(),
            Err(_) => match ToConnector::read(&example) {
                Ok(Some(frame)) => frame.text(),
                other => panic!("{other:?}: {example}"),
            },
        };
        let again: Value = serde_json::from_str(&again).unwrap();
        assert_eq!(without_null(&again), json_f32(&json), "nothing is lost: {example}");
        check(&asyncapi, &json, &asyncapi["components"]["schemas"][schema_name(&kind)], &example);
        shown.insert(kind);
    }
    for frame in all() {
        let kind = frame["type"].as_str().unwrap();
        assert!(shown.contains(kind), "{kind} has no example");
    }
    for message in ["text", "quick_replies", "card", "image", "payload"] {
        assert!(shown.contains(&format!("message {message}")), "{message} has no example");
    }
}

fn without_null(value: &Value) -> Value {
    json_f32(value)
}

/// With fractions as the code keeps them.
fn json_f32(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let short = number.as_f64().unwrap() as f32;
            json!(short)
        }
        Value::Array(list) => Value::Array(list.iter().map(json_f32).collect()),
        Value::Object(map) => Value::Object(map.iter().map(|(key, value)| (key.clone(), json_f32(value))).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// `quick_replies` → `QuickReplies`
fn schema_name(kind: &str) -> String {
    let mut name = String::new();
    for word in kind.split('_') {
        let mut letters = word.chars();
        name.extend(letters.next().map(|it| it.to_ascii_uppercase()));
        name.push_str(letters.as_str());
    }
    name
}

/// The fields that the page's table below a frame's heading names.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut frames: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let (mut frame, mut in_table) = (None, false);
    for line in PAGE.lines() {
        if let Some(heading) = line.strip_prefix('#') {
            let heading = heading.trim_start_matches('#').trim();
            frame = heading.strip_prefix('`').and_then(|it| it.strip_suffix('`')).map(str::to_owned);
            if let Some(frame) = &frame {
                frames.insert(frame.clone(), BTreeSet::new());
            }
        }
        if line.starts_with("| field |") {
            in_table = true;
        } else if !line.starts_with('|') {
            in_table = false;
        } else if in_table && let (Some(frame), Some(field)) = (&frame, line.split('`').nth(1)) {
            frames.get_mut(frame).unwrap().insert(field.to_owned());
        }
    }
    frames
}

#[test]
fn s11_the_page_names_every_field_of_every_frame_and_no_other() {
    let documented = documented();
    let mut kinds = BTreeSet::new();
    for frame in all() {
        let kind = frame["type"].as_str().unwrap();
        let fields: BTreeSet<String> = frame.as_object().unwrap().keys().filter(|it| *it != "type").cloned().collect();
        assert_eq!(documented.get(kind), Some(&fields), "{kind}");
        kinds.insert(kind.to_owned());
    }
    let headings: BTreeSet<String> = documented.into_keys().collect();
    assert_eq!(headings, kinds);
}

#[test]
fn s11_the_page_names_every_close_code_with_its_reason() {
    for why in ConnectorClose::ALL.iter().filter(|it| **it != ConnectorClose::Cut) {
        let (code, reason) = (close_code(*why), why.text());
        let row = PAGE.lines().find(|it| it.contains(&format!("`{reason}`")) && it.contains(&code.to_string()));
        assert!(row.is_some(), "{code} {reason} is not in the table of codes");
    }
}

#[test]
fn s11_the_schemas_are_those_of_the_code() {
    let asyncapi = yaml::read(ASYNCAPI);
    let schemas = asyncapi["components"]["schemas"].as_object().unwrap();
    let mut used = BTreeSet::new();
    for frame in all() {
        let kind = frame["type"].as_str().unwrap();
        let name = schema_name(kind);
        let schema = &asyncapi["components"]["schemas"][&name];
        assert!(schema.is_object(), "there is no schema {name}");
        check(&asyncapi, &frame, schema, kind);
        complete(&asyncapi, &frame, schema, kind, &mut used);
        used.insert(name);
    }
    let known: BTreeSet<String> = schemas.keys().cloned().collect();
    assert_eq!(known, used, "a schema that nothing uses, or one that is missing");
    for (text, schema) in enums() {
        let listed = asyncapi["components"]["schemas"][schema.0]["properties"][schema.1]["enum"].clone();
        assert_eq!(listed, text, "{schema:?}");
    }
}

/// The closed sets, from the code.
fn enums() -> Vec<(Value, (&'static str, &'static str))> {
    use {CancelReason as C, ClosedReason as D, Code as E, FailedKind as F, MediaType as M, OutcomeKind as O};
    let outcomes =
        [O::Done, O::Offered, O::Accepted, O::Failed, O::Expired, O::Superseded, O::Refused, O::Incomplete, O::Unknown];
    vec![
        (json!([C::Deadline, C::Moved, C::Closed, C::Abandoned]), ("Cancelled", "reason")),
        (json!([D::Completed, D::Inactivity, D::Left, D::EngineAway, D::NotServed]), ("Closed", "reason")),
        (json!([E::BadJson, E::BadFrame, E::NotText, E::Unexpected, E::UnknownTurn]), ("Error", "code")),
        (json!([F::Internal, F::Unavailable, F::Quota]), ("Failed", "kind")),
        (json!([M::OpenMedia, M::WebInteraction, M::Speech]), ("Turn", "media")),
        (json!(outcomes), ("Outcome", "outcome")),
        (json!([Speaker::Customer, Speaker::VirtualAgent, Speaker::Person, Speaker::System]), ("Line", "speaker")),
    ]
}

fn resolve<'a>(asyncapi: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(name) => asyncapi.pointer(name.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{name}")),
        None => schema,
    }
}

/// As much of JSON Schema as these schemas use; a keyword beyond it is refused.
fn check(asyncapi: &Value, value: &Value, schema: &Value, at: &str) {
    let schema = resolve(asyncapi, schema);
    for (keyword, rule) in schema.as_object().unwrap_or_else(|| panic!("no schema at {at}")) {
        let holds = match keyword.as_str() {
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                "number" => value.is_number(),
                "boolean" => value.is_boolean(),
                other => panic!("{other}"),
            },
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "required" => rule.as_array().unwrap().iter().all(|it| value.get(it.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, schema) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        check(asyncapi, value, schema, &format!("{at}.{name}"));
                    }
                }
                true
            }
            "additionalProperties" => {
                *rule == json!(true)
                    || value.as_object().unwrap().keys().all(|it| schema["properties"].get(it).is_some())
            }
            "items" => {
                value.as_array().unwrap().iter().for_each(|it| check(asyncapi, it, rule, &format!("{at}[]")));
                true
            }
            "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "maxItems" => value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(),
            "minProperties" => value.as_object().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "maxProperties" => value.as_object().unwrap().len() as u64 <= rule.as_u64().unwrap(),
            "minLength" => value.as_str().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "maxLength" => value.as_str().unwrap().len() as u64 <= rule.as_u64().unwrap(),
            "minimum" => value.as_f64().unwrap() >= rule.as_f64().unwrap(),
            "maximum" => value.as_f64().unwrap() <= rule.as_f64().unwrap(),
            "description" | "default" | "format" => true,
            other => panic!("{other} is no keyword that this test knows"),
        };
        assert!(holds, "{at}: {value} breaks {keyword}: {rule}");
    }
}

/// A value with every field names every property, and what is left out of the least is not required.
fn complete(asyncapi: &Value, value: &Value, schema: &Value, at: &str, used: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        used.insert(name.rsplit('/').next().unwrap().to_owned());
    }
    let schema = resolve(asyncapi, schema);
    match value {
        Value::Object(map) => {
            let Some(properties) = schema["properties"].as_object() else {
                assert_eq!(schema["additionalProperties"], json!(true), "{at} is an object of any kind");
                return;
            };
            for (name, value) in map {
                let schema = properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not in the schema"));
                complete(asyncapi, value, schema, &format!("{at}.{name}"), used);
            }
            // One of several: the samples have each.
            if schema.get("maxProperties").is_none() {
                let named: BTreeSet<&String> = properties.keys().collect();
                assert_eq!(named, map.keys().collect(), "{at}");
            }
        }
        Value::Array(list) => list.iter().for_each(|it| complete(asyncapi, it, &schema["items"], at, used)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn s11_what_the_schemas_require_is_what_the_code_requires() {
    let asyncapi = yaml::read(ASYNCAPI);
    for frame in from_connector() {
        let full: Value = serde_json::from_str(&frame.text()).unwrap();
        let schema = &asyncapi["components"]["schemas"][schema_name(full["type"].as_str().unwrap())];
        let required: Vec<&str> =
            schema["required"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
        for field in full.as_object().unwrap().keys() {
            let mut less = full.clone();
            less.as_object_mut().unwrap().remove(field);
            let is_read = FromConnector::read(&less.to_string()).is_ok();
            assert_eq!(is_read, !required.contains(&field.as_str()), "{field} of {full}");
        }
    }
}

#[test]
fn s11_a_mistake_is_told_by_its_place() {
    let told = |text: &str| {
        let bad = FromConnector::read(text).unwrap_err();
        let at = bad.at.clone().map(|it| (it.path, it.line, it.column));
        (bad.code, at, bad.message, bad.turn_id, bad.ends_turn)
    };
    let (code, at, message, turn_id, ends_turn) = told(
        "{\"type\": \"reply\", \"turn_id\": \"t-1\", \"messages\": [\n{\"text\": \"a\"},\n{\"card\": {\"title\": \" \"}}]}",
    );
    assert_eq!((code, at), (Code::BadFrame, Some(("messages[1].card.title".to_owned(), Some(3), Some(23)))));
    assert_eq!(
        (message.as_str(), turn_id.as_deref(), ends_turn),
        ("must not be blank; leave out what says nothing", Some("t-1"), true)
    );
    assert_eq!(told("{\"type\": \"reply\"").0, Code::BadJson);
    assert_eq!(told("{\"type\": \"ping\"} {}").0, Code::BadJson);
    assert_eq!(told("[\"ping\"]").0, Code::BadFrame);
    assert_eq!(told("{\"typ\": \"ping\"}").2, "the frame says no `type`");
    assert!(told("{\"type\": \"pin\"}").2.contains("`pin` is no type of frame; there are `hello`"));
    let part = told(
        "{\"type\": \"reply\", \"turn_id\": \"t\", \"messages\": [{\"text\": \"a\"}], \"final\": false, \"end\": true}",
    );
    assert_eq!(part.1, Some(("end".to_owned(), None, None)));
    for bad in [
        "{\"type\": \"hello\", \"credits\": 0}",
        "{\"type\": \"hello\", \"name\": \"a\\nb\"}",
        "{\"type\": \"ping\", \"id\": null}",
        "{\"type\": \"reply\", \"turn_id\": \"t\", \"confidence\": 1.5}",
        "{\"type\": \"reply\", \"turn_id\": \"t\", \"messages\": [{\"image\": {\"uri\": \"javascript:x\"}}]}",
        "{\"type\": \"reply\", \"turn_id\": \"t\", \"messages\": [{\"quick_replies\": {\"replies\": []}}]}",
        "{\"type\": \"reply\", \"turn_id\": \"t\", \"messages\": [], \"final\": false}",
    ] {
        assert_eq!(told(bad).0, Code::BadFrame, "{bad}");
    }
    let many = json!({"type": "reply", "turn_id": "t", "messages": vec![json!({"text": "a"}); MAX_MESSAGES + 1]});
    assert!(told(&many.to_string()).2.contains("33 messages where 0 to 32 are allowed"));
    let deep = format!(
        "{{\"type\": \"reply\", \"turn_id\": \"t\", \"parameters\": {}1{}}}",
        "{\"a\":".repeat(200),
        "}".repeat(200)
    );
    assert_eq!(told(&deep).0, Code::BadFrame, "too deep");
}

/// JSON that is nearly a frame.
fn nearly() -> impl Strategy<Value = Value> {
    let word = prop::sample::select(vec![
        "type",
        "reply",
        "hello",
        "typing",
        "failed",
        "ping",
        "leaving",
        "turn_id",
        "messages",
        "text",
        "card",
        "title",
        "final",
        "parameters",
        "credits",
        "confidence",
        "image",
        "uri",
        "https://a",
        "quick_replies",
        "replies",
        "payload",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        word.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Value::Array),
            prop::collection::btree_map(word.clone().prop_map(str::to_owned), inner, 0..8)
                .prop_map(|it| Value::Object(it.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Fuzzed by tests/fuzz.sh.
    #[test]
    fn s11_no_frame_panics(frame in nearly(), text in ".{0,200}", kind in 0_usize..6) {
        drop(FromConnector::read(&text));
        drop(ToConnector::read(&text));
        let mut frame = frame;
        drop(FromConnector::read(&frame.to_string()));
        if let Some(map) = frame.as_object_mut() {
            let kinds = ["hello", "reply", "typing", "failed", "leaving", "ping"];
            map.insert("type".to_owned(), json!(kinds[kind]));
        }
        if let Err(bad) = FromConnector::read(&frame.to_string()) {
            prop_assert!(bad.message.len() < 2_000, "{}", bad.message);
        }
    }

    #[test]
    fn s11_what_is_written_reads_the_same(n in 0_usize..6) {
        let frame = from_connector().swap_remove(n);
        prop_assert_eq!(FromConnector::read(&frame.text()).unwrap(), frame);
    }
}
