//! Every kind of message, every hole, and hostile content.

use proptest::prelude::*;
use prost::Message as _;
use prost_types::{Struct, Value as WireValue, value::Kind};
use serde_json::{Value, json};

use super::*;
use crate::{
    core::message::{FailureKind, MediaType},
    nlp::{fit::MAX_JSON_BYTES, google::tests::place},
    wire::dialogflow_v2::{Context, Intent, Sentiment, SentimentAnalysisResult, Status},
};

fn texts(variants: &[&str]) -> Message {
    let text = variants.iter().map(|&it| it.to_owned()).collect();
    Message { platform: 0, message: Some(message::Message::Text(message::Text { text })) }
}

fn body(message: message::Message) -> Message {
    Message { platform: 0, message: Some(message) }
}

fn result() -> QueryResult {
    QueryResult {
        intent: Some(Intent { display_name: "greet".into(), ..Intent::default() }),
        intent_detection_confidence: 0.75,
        ..QueryResult::default()
    }
}

fn response(query_result: QueryResult) -> DetectIntentResponse {
    DetectIntentResponse { response_id: "r-1".into(), query_result: Some(query_result), webhook_status: None }
}

fn with(messages: Vec<Message>) -> DetectIntentResponse {
    response(QueryResult { fulfillment_messages: messages, ..result() })
}

fn asked(words: bool) -> Asked {
    Asked { words, media: MediaType::WebInteraction }
}

fn converted(response: DetectIntentResponse) -> Answer {
    answer(response, asked(true), &place()).unwrap()
}

fn failure(response: DetectIntentResponse, words: bool) -> FailureKind {
    answer(response, asked(words), &place()).unwrap_err().kind
}

fn failed_webhook(mut response: DetectIntentResponse) -> DetectIntentResponse {
    response.webhook_status = Some(Status { code: 4, message: "Webhook call failed".into() });
    response
}

fn object(json: &Value) -> Struct {
    structs::from_json(json.as_object().unwrap())
}

#[test]
fn every_kind_of_message_comes_through_in_order() {
    let button = message::card::Button { text: "More".into(), postback: "more".into() };
    let answer = converted(with(vec![
        texts(&["Hello"]),
        body(message::Message::QuickReplies(message::QuickReplies {
            title: "Which?".into(),
            quick_replies: vec!["A".into(), " ".into(), "B".into()],
        })),
        body(message::Message::Card(message::Card {
            title: "Card".into(),
            subtitle: "Sub".into(),
            image_uri: "https://x/i.png".into(),
            buttons: vec![button],
        })),
        body(message::Message::Image(message::Image {
            image_uri: "https://x/j.png".into(),
            accessibility_text: "a cat".into(),
        })),
        body(message::Message::Payload(object(&json!({"n": 3, "deep": {"list": [1, 2.5]}})))),
        texts(&["Bye"]),
    ]));
    assert_eq!(
        answer.replies,
        [
            Reply::Text("Hello".into()),
            Reply::QuickReplies { title: "Which?".into(), replies: vec!["A".into(), "B".into()] },
            Reply::Card {
                title: "Card".into(),
                subtitle: "Sub".into(),
                image_uri: "https://x/i.png".into(),
                buttons: vec![Button { text: "More".into(), postback: "more".into() }],
            },
            Reply::Image { uri: "https://x/j.png".into(), description: "a cat".into() },
            Reply::Payload(json!({"n": 3, "deep": {"list": [1, 2.5]}}).as_object().unwrap().clone()),
            Reply::Text("Bye".into()),
        ]
    );
}

#[test]
fn intent_action_and_signals_come_through() {
    let answer = converted(response(QueryResult {
        action: "callback".into(),
        parameters: Some(object(&json!({"phone": "+49 30 1", "count": 2}))),
        all_required_params_present: true,
        intent: Some(Intent {
            display_name: "callback".into(),
            end_interaction: true,
            live_agent_handoff: true,
            ..Intent::default()
        }),
        output_contexts: vec![Context {
            name: "projects/p/agent/sessions/s/contexts/billing".into(),
            ..Context::default()
        }],
        sentiment_analysis_result: Some(SentimentAnalysisResult {
            query_text_sentiment: Some(Sentiment { score: -0.5, magnitude: 0.5 }),
        }),
        ..result()
    }));
    assert_eq!(answer.action, "callback");
    assert_eq!(Value::Object(answer.parameters), json!({"phone": "+49 30 1", "count": 2}));
    assert!(answer.parameters_complete && answer.end_interaction && answer.live_agent_handoff);
    assert_eq!(answer.intent.as_deref(), Some("callback"));
    assert_eq!((answer.confidence, answer.sentiment), (Some(0.75), Some(-0.5)));
    assert_eq!(answer.contexts, ["billing"]);
    assert!(!answer.not_understood);
}

#[test]
fn other_platforms_messages_are_not_for_us() {
    let foreign = |text| Message { platform: 8, ..texts(&[text]) };
    let answer = converted(with(vec![foreign("a"), texts(&["ours"]), foreign("b")]));
    assert_eq!(answer.replies, [Reply::Text("ours".into())]);

    let only_foreign = response(QueryResult { fulfillment_text: "text".into(), ..result() });
    let only_foreign = DetectIntentResponse {
        query_result: only_foreign
            .query_result
            .map(|it| QueryResult { fulfillment_messages: vec![foreign("a")], ..it }),
        ..only_foreign
    };
    assert_eq!(converted(only_foreign).replies, [Reply::Text("text".into())]);
}

#[test]
fn one_variant_is_chosen_the_same_each_time_and_never_a_blank_one() {
    let chosen = |id: &str| {
        let mut response = with(vec![texts(&["", "one", "  ", "two", "three"])]);
        response.response_id = id.to_owned();
        converted(response).replies
    };
    let seen: std::collections::BTreeSet<String> =
        (0..64).flat_map(|it| chosen(&format!("r-{it}"))).map(|it| it.text()).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["one", "three", "two"]);
    assert_eq!(chosen("r-7"), chosen("r-7"));
}

#[test]
fn fulfilment_text_stands_in_for_missing_messages_only() {
    let both =
        QueryResult { fulfillment_text: "text".into(), fulfillment_messages: vec![texts(&["message"])], ..result() };
    assert_eq!(converted(response(both)).replies, [Reply::Text("message".into())]);
    let blank =
        QueryResult { fulfillment_text: "text".into(), fulfillment_messages: vec![texts(&["", " "])], ..result() };
    assert_eq!(converted(response(blank)).replies, [Reply::Text("text".into())]);
}

#[test]
fn s13_nothing_to_say_and_nothing_to_do_is_a_failure() {
    assert_eq!(failure(response(result()), true), FailureKind::Empty);
    assert_eq!(failure(with(vec![texts(&[" "])]), true), FailureKind::Empty);
    assert_eq!(failure(DetectIntentResponse::default(), false), FailureKind::Empty);
    let action = QueryResult { action: "requeue".into(), ..result() };
    assert!(converted(response(action)).replies.is_empty());
}

#[test]
fn not_understood_is_no_failure() {
    let fallback = Intent { display_name: "fallback".into(), is_fallback: true, ..Intent::default() };
    let answer = converted(response(QueryResult { intent: Some(fallback), ..result() }));
    assert!(answer.not_understood && answer.replies.is_empty());
    // An agent without a fallback intent leaves the intent out.
    let answer = converted(response(QueryResult { intent: None, ..result() }));
    assert!(answer.not_understood && answer.intent.is_none() && answer.confidence.is_none());
    // Text without an intent, as knowledge bases give it, is an answer.
    let answer = converted(response(QueryResult { intent: None, fulfillment_text: "known".into(), ..result() }));
    assert!(!answer.not_understood);
    // An event that no intent knows is not the customer's doing.
    assert_eq!(failure(response(QueryResult { intent: None, ..result() }), false), FailureKind::Empty);
}

#[test]
fn pain_6_a_failed_webhook_is_seen_although_the_call_is_ok() {
    assert_eq!(failure(failed_webhook(response(result())), true), FailureKind::Webhook);
    let error = answer(failed_webhook(response(result())), asked(true), &place()).unwrap_err();
    assert!(
        error.advice.to_string().contains("webhook") && error.advice.to_string().contains("DeadlineExceeded"),
        "{}",
        error.advice
    );

    let answer = converted(failed_webhook(with(vec![texts(&["static text"])])));
    assert_eq!(answer.replies, [Reply::Text("static text".into())]);
    assert_eq!(answer.webhook_failure.as_deref(), Some("DeadlineExceeded: Webhook call failed"));

    let mut fine = with(vec![texts(&["x"])]);
    fine.webhook_status = Some(Status { code: 0, message: "Webhook execution successful".into() });
    assert_eq!(converted(fine).webhook_failure, None);
}

#[test]
fn hostile_content_is_bounded() {
    let many = (0..1000).map(|_| texts(&["x"])).collect();
    assert_eq!(converted(with(many)).replies.len(), MAX_REPLIES);

    let long = format!("{}ä{}", "x".repeat(MAX_TEXT_BYTES - 1), "y".repeat(100_000));
    let answer = converted(with(vec![texts(&[&long])]));
    assert_eq!(answer.replies, [Reply::Text("x".repeat(MAX_TEXT_BYTES - 1))]);

    let quick_replies = (0..1000).map(|it| it.to_string()).collect();
    let quick = message::QuickReplies { title: String::new(), quick_replies };
    let answer = converted(with(vec![body(message::Message::QuickReplies(quick))]));
    assert!(matches!(answer.replies.as_slice(), [Reply::QuickReplies { replies, .. }] if replies.len() == MAX_ITEMS));

    let huge = object(&json!({ "big": "x".repeat(MAX_JSON_BYTES) }));
    let answer = converted(with(vec![texts(&["x"]), body(message::Message::Payload(huge.clone()))]));
    assert_eq!(answer.replies.len(), 1);
    let parameters = QueryResult { action: "a".into(), parameters: Some(huge), ..result() };
    assert!(converted(response(parameters)).parameters.is_empty());

    let nan = WireValue { kind: Some(Kind::NumberValue(f64::NAN)) };
    let odd = QueryResult {
        action: "a".into(),
        parameters: Some(Struct { fields: [("n".to_owned(), nan)].into() }),
        intent_detection_confidence: f32::NAN,
        sentiment_analysis_result: Some(SentimentAnalysisResult {
            query_text_sentiment: Some(Sentiment { score: f32::INFINITY, magnitude: 0.0 }),
        }),
        ..result()
    };
    let answer = converted(response(odd));
    assert_eq!((answer.confidence, answer.sentiment), (None, None));
    assert_eq!(answer.parameters["n"], Value::Null);
}

#[test]
fn requests_carry_input_language_payload_zone_and_sentiment() {
    let extras = Extras { time_zone: "Europe/Berlin".into(), sentiment: true };
    let ask = |input| Query {
        input,
        language: "de".into(),
        payload: json!({"attributes": {"tier": "gold"}}).as_object().unwrap().clone(),
        seed: None,
    };
    let sent = |input| extras.request("s".into(), ask(input), &place()).unwrap();
    let input_of = |request: DetectIntentRequest| request.query_input.unwrap().input.unwrap();

    let request = sent(Input::Text("hello".into()));
    let params = request.query_params.clone().unwrap();
    assert_eq!((request.session.as_str(), params.time_zone.as_str()), ("s", "Europe/Berlin"));
    assert!(params.sentiment_analysis_request_config.unwrap().analyze_query_text_sentiment);
    assert_eq!(params.payload.unwrap(), object(&json!({"attributes": {"tier": "gold"}})));
    let text = |text: &str| query_input::Input::Text(TextInput { text: text.into(), language_code: "de".into() });
    assert_eq!(input_of(request), text("hello"));
    assert_eq!(input_of(sent(Input::Dtmf("42#".into()))), text("42#"));

    let parameters = json!({"button": "yes"}).as_object().unwrap().clone();
    let event = |name: &str, parameters: Option<Struct>| {
        query_input::Input::Event(EventInput { name: name.into(), parameters, language_code: "de".into() })
    };
    let structured = input_of(sent(Input::Structured(parameters)));
    assert_eq!(structured, event("structured", Some(object(&json!({"button": "yes"})))));
    let welcome = input_of(sent(Input::Event { name: "welcome".into(), parameters: Parameters::new() }));
    assert_eq!(welcome, event("welcome", None));

    let redacted = extras.request("s".into(), ask(Input::Redacted), &place()).unwrap_err();
    assert_eq!(redacted.kind, FailureKind::Interrupted);
    let bare = Extras { time_zone: String::new(), sentiment: false };
    let query = Query { payload: Parameters::new(), ..ask(Input::Text("x".into())) };
    assert_eq!(bare.request("s".into(), query, &place()).unwrap().query_params, None);
}

#[test]
fn b7_a_conversation_that_is_taken_over_brings_a_context_and_what_was_said() {
    let extras = Extras { time_zone: String::new(), sentiment: false };
    let seed = seed::tests::seed();
    let told = json!({ "seed": seed::json(&seed) });
    let input = Input::Text("and soon".into());
    let query = Query { input, language: "de".into(), payload: Parameters::new(), seed: Some(seed) };
    let params = extras.request("p/sessions/s".into(), query, &place()).unwrap().query_params.unwrap();
    let parameters = Some(object(&json!({"size": "L"})));
    let context = Context { name: "p/sessions/s/contexts/usher-seed".into(), lifespan_count: 50, parameters };
    assert_eq!((params.contexts, params.payload), (vec![context], Some(object(&told))));

    let mut seed = seed::tests::seed();
    seed.returns = true;
    let query =
        Query { input: Input::Text("x".into()), language: "de".into(), payload: Parameters::new(), seed: Some(seed) };
    let params = extras.request("p/sessions/s".into(), query, &place()).unwrap().query_params.unwrap();
    assert_eq!((params.contexts, params.payload), (vec![], Some(object(&told))), "what it keeps is its own");
}

/// A real answer, for mutations of its bytes.
fn sample() -> Vec<u8> {
    let payload = body(message::Message::Payload(object(&json!({"a": [1, {"b": null}], "c": "text"}))));
    let mut sample = failed_webhook(with(vec![texts(&["one", "two"]), payload]));
    if let Some(result) = &mut sample.query_result {
        result.parameters = Some(object(&json!({"x": 1.5, "y": {"z": [true]}})));
        result.fulfillment_text = "text".into();
    }
    sample.encode_to_vec()
}

fn survives(bytes: &[u8]) {
    if let Ok(response) = DetectIntentResponse::decode(bytes)
        && let Ok(answer) = answer(response, asked(true), &place())
    {
        assert!(answer.replies.len() <= MAX_REPLIES);
        assert!(answer.replies.iter().all(|it| !matches!(it, Reply::Text(text) if text.len() > MAX_TEXT_BYTES)));
        // What was made can be journalled.
        serde_json::to_string(&answer).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        survives(&bytes);
    }

    #[test]
    fn no_mutation_of_an_answer_makes_it_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sample();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        survives(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        survives(&bytes);
    }
}
