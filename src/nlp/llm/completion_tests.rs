//! What is read of servers' answers, and that nothing they send is a panic.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn whole(message: &Value, finish: &str) -> Completion {
    let answer = json!({"choices": [{"message": message, "finish_reason": finish}]});
    Completion::whole(answer.to_string().as_bytes()).unwrap()
}

fn streamed(deltas: &[Value]) -> Completion {
    let mut all = Completion::default();
    for delta in deltas {
        all.add(&json!({"choices": [{"index": 0, "delta": delta, "finish_reason": null}]}).to_string()).unwrap();
    }
    all
}

fn calls(of: &Completion) -> Vec<(&str, &str, &str)> {
    of.calls.iter().map(|it| (it.id.as_str(), it.name.as_str(), it.arguments.as_str())).collect()
}

#[test]
fn words_come_as_text_as_parts_or_not_at_all() {
    assert_eq!(whole(&json!({"content": "Hi"}), "stop").content, "Hi");
    let parts = json!({"content": [{"type": "text", "text": "H"}, "i", {"type": "image"}, 7]});
    assert_eq!(whole(&parts, "stop").content, "Hi");
    assert_eq!(whole(&json!({"content": null}), "stop").content, "");
    assert_eq!(whole(&json!({}), "stop").content, "");
    let refused = whole(&json!({"content": null, "refusal": "No."}), "stop");
    assert_eq!((refused.content.as_str(), refused.refusal.as_str()), ("", "No."));
}

#[test]
fn an_answer_ends_for_a_reason() {
    for (reason, finish) in [
        ("stop", Finish::Done),
        ("tool_calls", Finish::Done),
        ("eos", Finish::Done),
        ("length", Finish::Cut),
        ("content_filter", Finish::Filtered),
    ] {
        assert_eq!(whole(&json!({"content": "Hi"}), reason).finish, Some(finish), "{reason}");
    }
    assert_eq!(streamed(&[json!({"content": "Hi"})]).finish, None, "a stream that has not ended");
}

#[test]
fn tool_calls_come_whole() {
    let message = json!({"content": null, "tool_calls": [
        {"id": "a", "type": "function", "function": {"name": "one", "arguments": "{\"x\":1}"}},
        {"function": {"name": "two", "arguments": {"y": 2}}},
        {"id": "c", "function": {"name": "three", "arguments": null}},
    ]});
    let answer = whole(&message, "tool_calls");
    assert_eq!(calls(&answer), [("a", "one", "{\"x\":1}"), ("", "two", "{\"y\":2}"), ("c", "three", "")]);
}

#[test]
fn tool_calls_come_in_pieces_by_index() {
    let piece = |index: u64, call: Value| {
        let mut call = call;
        call["index"] = index.into();
        json!({"tool_calls": [call]})
    };
    let answer = streamed(&[
        json!({"role": "assistant", "content": "One "}),
        json!({"content": "moment."}),
        piece(0, json!({"id": "a", "type": "function", "function": {"name": "one", "arguments": ""}})),
        piece(0, json!({"id": null, "function": {"name": null, "arguments": "{\"x\""}})),
        piece(1, json!({"id": "b", "function": {"name": "two", "arguments": "{"}})),
        piece(0, json!({"function": {"arguments": ":1}"}})),
        piece(1, json!({"function": {"arguments": "}"}})),
    ]);
    assert_eq!(answer.content, "One moment.");
    assert_eq!(calls(&answer), [("a", "one", "{\"x\":1}"), ("b", "two", "{}")]);
}

#[test]
fn tool_calls_come_in_pieces_without_an_index_or_with_one_for_all() {
    let piece = |call: Value| json!({"tool_calls": [call]});
    let without = streamed(&[
        piece(json!({"id": "a", "function": {"name": "one", "arguments": "{\"x\""}})),
        piece(json!({"function": {"arguments": ":1}"}})),
        piece(json!({"id": "b", "function": {"name": "two", "arguments": "{}"}})),
    ]);
    assert_eq!(calls(&without), [("a", "one", "{\"x\":1}"), ("b", "two", "{}")]);
    let same = streamed(&[
        piece(json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{}"}})),
        piece(json!({"index": 0, "id": "b", "function": {"name": "two", "arguments": "{}"}})),
    ]);
    assert_eq!(calls(&same), [("a", "one", "{}"), ("b", "two", "{}")]);
    let repeated = streamed(&[
        piece(json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "{"}})),
        piece(json!({"index": 0, "id": "a", "function": {"name": "one", "arguments": "}"}})),
    ]);
    assert_eq!(calls(&repeated), [("a", "one", "{}")]);
}

#[test]
fn calls_and_arguments_are_bounded() {
    let call = json!({"function": {"name": "one", "arguments": "x".repeat(1000)}});
    let many = whole(&json!({"tool_calls": vec![call; 13]}), "tool_calls");
    assert_eq!((many.calls.len(), many.calls_beyond), (MAX_CALLS, 3));
    let piece = json!({"tool_calls": [{"index": 0, "function": {"name": "one", "arguments": "x".repeat(1000)}}]});
    let long = streamed(&vec![piece; 100]);
    assert!(long.calls[0].arguments.len() <= MAX_ARGUMENT_BYTES + 1000);
}

#[test]
fn an_error_may_stand_in_an_answers_place_and_its_text_is_not_kept() {
    let reported = |status, label: &str, parameter: Option<&str>| {
        let (label, parameter) = (Some(label.to_owned()), parameter.map(str::to_owned));
        Err(Unusable::Reported(Reported { status, label, parameter }))
    };
    for (answer, expected) in [
        (
            json!({"error": {"message": "4711", "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}}),
            reported(None, "unsupported_parameter", Some("max_tokens")),
        ),
        (
            json!({"error": {"code": 400, "message": "4711", "type": "exceed_context_size_error"}}),
            reported(Some(400), "exceed_context_size_error", None),
        ),
        (
            json!({"object": "error", "message": "4711", "type": "BadRequestError", "param": null, "code": 400}),
            reported(Some(400), "BadRequestError", None),
        ),
        (json!({"error": {"code": "429", "type": "what customers say is no word"}}), {
            Err(Unusable::Reported(Reported { status: Some(429), ..Reported::default() }))
        }),
        (json!({"error": "4711"}), Err(Unusable::Reported(Reported::default()))),
    ] {
        assert_eq!(Completion::whole(answer.to_string().as_bytes()), expected, "{answer}");
        assert_eq!(Completion::default().add(&answer.to_string()), expected.map(drop), "{answer}");
    }
    assert_eq!(Reported::of_body(b"<html>"), Reported::default());
}

#[test]
fn what_this_api_does_not_answer_is_malformed() {
    for answer in
        ["", "<html>", "null", "7", "{}", "{\"choices\":[]}", "{\"choices\":[{}]}", "{\"choices\":[{\"message\":1}]}"]
    {
        assert_eq!(Completion::whole(answer.as_bytes()), Err(Unusable::Malformed), "{answer}");
    }
    for piece in ["", "<html>", "null", "{}", "{\"choices\":7}"] {
        assert_eq!(Completion::default().add(piece), Err(Unusable::Malformed), "{piece}");
    }
    let mut answer = Completion::default();
    for piece in ["{\"choices\":[],\"usage\":{}}", "{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"other\"}}]}"] {
        assert_eq!(answer.add(piece), Ok(()));
    }
    assert_eq!(answer, Completion::default());
}

#[test]
fn nothing_that_was_said_is_shown() {
    let answer = whole(&json!({"content": "planted", "refusal": "planted", "tool_calls": [{"id": "planted"}]}), "stop");
    assert!(!format!("{answer:?}").contains("planted"), "{answer:?}");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        proptest::sample::select(vec!["stop", "length", "{", "}", "{}", "\"x\":1"]).prop_map(Value::from),
    ];
    let key = proptest::sample::select(vec![
        "choices",
        "message",
        "delta",
        "content",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "index",
        "id",
        "finish_reason",
        "error",
        "code",
        "type",
        "param",
        "text",
        "refusal",
    ]);
    leaf.prop_recursive(6, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|it| { Value::Object(it.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()) }),
        ]
    })
}

proptest! {
    #[test]
    fn no_answer_panics(message in any_json(), answer in any_json(), bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        drop(Completion::whole(&bytes));
        drop(Completion::whole(answer.to_string().as_bytes()));
        drop(Completion::whole(json!({"choices": [{"message": message}]}).to_string().as_bytes()));
        let mut pieces = Completion::default();
        drop(pieces.add(&answer.to_string()));
        drop(pieces.add(&json!({"choices": [{"delta": message}]}).to_string()));
    }
}
