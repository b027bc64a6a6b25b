//! Every kind of response message, the convention for actions, every hole, and hostile content.

use proptest::prelude::*;
use prost::Message as _;
use prost_types::Struct;
use serde_json::json;

use super::*;
use crate::{
    core::message::{Button, FailureKind, MediaType, Reply},
    nlp::fit::{MAX_ITEMS, MAX_JSON_BYTES, MAX_REPLIES, MAX_TEXT_BYTES},
    wire::dialogflow_cx::{
        Flow, Intent, Page, ResponseMessage, SentimentAnalysisResult, Status,
        response_message::{
            ConversationSuccess, EndInteraction, LiveAgentHandoff, Message, MixedAudio, OutputAudioText, PlayAudio,
            TelephonyTransferCall, Text, output_audio_text, telephony_transfer_call,
        },
    },
};

fn place() -> Place {
    Place {
        api: "Dialogflow CX",
        located_by: "location",
        agent: Some("a-1".into()),
        ..crate::nlp::google::tests::place()
    }
}

fn extras() -> Extras {
    Extras { time_zone: String::new(), sentiment: false, channel: String::new() }
}

fn object(json: &Value) -> Struct {
    structs::from_json(json.as_object().unwrap())
}

fn map(json: &Value) -> Parameters {
    json.as_object().unwrap().clone()
}

fn body(message: Message) -> ResponseMessage {
    ResponseMessage { channel: String::new(), message: Some(message) }
}

fn texts(variants: &[&str]) -> ResponseMessage {
    body(Message::Text(Text { text: variants.iter().map(|&it| it.to_owned()).collect() }))
}

fn payload(json: &Value) -> ResponseMessage {
    body(Message::Payload(object(json)))
}

fn handoff(metadata: Option<&Value>) -> ResponseMessage {
    body(Message::LiveAgentHandoff(LiveAgentHandoff { metadata: metadata.map(object) }))
}

fn spoken(source: output_audio_text::Source) -> ResponseMessage {
    body(Message::OutputAudioText(OutputAudioText { source: Some(source) }))
}

fn transfer(phone: &str) -> ResponseMessage {
    let endpoint = Some(telephony_transfer_call::Endpoint::PhoneNumber(phone.to_owned()));
    body(Message::TelephonyTransferCall(TelephonyTransferCall { endpoint }))
}

fn found(match_type: MatchType) -> Match {
    let intent = Intent { display_name: "greet".into(), ..Intent::default() };
    Match { intent: Some(intent), match_type: match_type.into(), confidence: 0.75, ..Match::default() }
}

fn result(response_messages: Vec<ResponseMessage>) -> QueryResult {
    QueryResult { response_messages, r#match: Some(found(MatchType::Intent)), ..QueryResult::default() }
}

fn response(query_result: QueryResult) -> DetectIntentResponse {
    DetectIntentResponse { response_id: "r-1".into(), query_result: Some(query_result) }
}

fn asked(media: MediaType) -> Asked {
    Asked { words: true, media }
}

fn told(result: QueryResult, asked: Asked) -> Result<Answer, AskError> {
    extras().answer(response(result), asked, &place())
}

fn converted(messages: Vec<ResponseMessage>) -> Answer {
    told(result(messages), asked(MediaType::WebInteraction)).unwrap()
}

fn failure(result: QueryResult, words: bool) -> FailureKind {
    told(result, Asked { words, media: MediaType::WebInteraction }).unwrap_err().kind
}

#[test]
fn messages_come_through_in_order_and_only_our_channels() {
    let foreign = ResponseMessage { channel: "DF_MESSENGER".into(), ..texts(&["foreign"]) };
    let answer = converted(vec![
        texts(&["Hello"]),
        foreign.clone(),
        payload(&json!({"n": 3, "deep": {"list": [1, 2.5]}})),
        body(Message::ConversationSuccess(ConversationSuccess { metadata: None })),
        body(Message::MixedAudio(MixedAudio {})),
        body(Message::PlayAudio(PlayAudio { audio_uri: "gs://x/y.wav".into() })),
        texts(&["", " "]),
        ResponseMessage::default(),
        texts(&["Bye"]),
    ]);
    let deep = Reply::Payload(map(&json!({"n": 3, "deep": {"list": [1, 2.5]}})));
    assert_eq!(answer.replies, [Reply::Text("Hello".into()), deep, Reply::Text("Bye".into())]);
    assert_eq!((answer.action.as_str(), answer.end_interaction, answer.live_agent_handoff), ("", false, false));
    assert_eq!(
        (answer.intent.as_deref(), answer.confidence, answer.not_understood),
        (Some("greet"), Some(0.75), false)
    );

    let channel = Extras { channel: "DF_MESSENGER".into(), ..extras() };
    let answer = channel.answer(response(result(vec![foreign])), asked(MediaType::WebInteraction), &place()).unwrap();
    assert_eq!(answer.replies, [Reply::Text("foreign".into())]);
}

#[test]
fn one_variant_is_chosen_the_same_each_time_and_never_a_blank_one() {
    let chosen = |id: &str| {
        let response =
            DetectIntentResponse { response_id: id.to_owned(), ..response(result(vec![texts(&["", "one", "two"])])) };
        extras().answer(response, asked(MediaType::WebInteraction), &place()).unwrap().replies
    };
    let seen: std::collections::BTreeSet<String> =
        (0..64).flat_map(|it| chosen(&format!("r-{it}"))).map(|it| it.text()).collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(chosen("r-7"), chosen("r-7"));
}

#[test]
fn spoken_texts_are_for_who_listens() {
    let ssml = "<speak>Say <break time=\"1s\"/>5 &lt; 6 &amp; go</speak>";
    let both = || {
        let clip = body(Message::PlayAudio(PlayAudio { audio_uri: "gs://x/y.wav".into() }));
        result(vec![texts(&["read"]), spoken(output_audio_text::Source::Ssml(ssml.into())), clip])
    };
    let answer = told(both(), asked(MediaType::WebInteraction)).unwrap();
    assert_eq!(answer.replies, [Reply::Text("read".into())]);
    let answer = told(both(), asked(MediaType::Speech)).unwrap();
    let clip = Reply::Payload(map(&json!({"play_audio": {"audio_uri": "gs://x/y.wav"}})));
    assert_eq!(answer.replies, [Reply::Text("Say 5 < 6 & go".into()), clip]);
    let alone = result(vec![spoken(output_audio_text::Source::Text("only spoken".into()))]);
    assert_eq!(told(alone, asked(MediaType::OpenMedia)).unwrap().replies, [Reply::Text("only spoken".into())]);
}

#[test]
fn a_payload_asks_for_an_action() {
    let answer = converted(vec![
        texts(&["One moment."]),
        payload(&json!({"action": "callback", "parameters": {"phone": "+49 30 1", "count": 2}})),
        payload(&json!({"action": "second"})),
    ]);
    assert_eq!(answer.replies, [Reply::Text("One moment.".into())]);
    assert_eq!((answer.action.as_str(), answer.parameters_complete), ("callback", true));
    assert_eq!(Value::Object(answer.parameters), json!({"phone": "+49 30 1", "count": 2}));

    // Beside what is for the channel.
    let answer = converted(vec![payload(&json!({"usher": {"action": "callback", "parameters": {}}, "colour": "red"}))]);
    assert_eq!((answer.action.as_str(), answer.parameters.len()), ("callback", 0));
    assert_eq!(answer.replies, [Reply::Payload(map(&json!({"colour": "red"})))]);
}

#[test]
fn a_payload_of_the_channels_own_is_no_action() {
    for own in [
        json!({"action": "open_map", "url": "https://x"}),
        json!({"action": "", "parameters": {}}),
        json!({"action": 5}),
        json!({"action": "a", "parameters": "text"}),
        json!({"usher": "text"}),
        json!({"usher": {"action": 5}, "x": 1}),
    ] {
        let answer = converted(vec![payload(&own)]);
        assert_eq!((answer.action.as_str(), answer.replies), ("", vec![Reply::Payload(map(&own))]), "{own}");
    }
}

#[test]
fn an_action_without_parameters_has_the_sessions() {
    let session = json!({"size": "large", "usher": {"attributes": {"tier": "gold"}}, "usher_action": "order"});
    let with = |messages: Vec<ResponseMessage>| QueryResult { parameters: Some(object(&session)), ..result(messages) };
    let web = asked(MediaType::WebInteraction);
    let answer = told(with(vec![]), web).unwrap();
    assert_eq!((answer.action.as_str(), Value::Object(answer.parameters)), ("order", json!({"size": "large"})));
    let answer = told(with(vec![payload(&json!({"action": "pay"}))]), web).unwrap();
    assert_eq!((answer.action.as_str(), Value::Object(answer.parameters)), ("pay", json!({"size": "large"})));
    let answer = told(with(vec![payload(&json!({"action": "pay", "parameters": {"n": 1}}))]), web).unwrap();
    assert_eq!(Value::Object(answer.parameters), json!({"n": 1}));
    for odd in [json!(5), json!(""), json!(null), json!({"action": "x"})] {
        let session = object(&json!({"usher_action": odd, "size": "S"}));
        let answer = told(QueryResult { parameters: Some(session), ..result(vec![texts(&["x"])]) }, web).unwrap();
        assert_eq!((answer.action.as_str(), Value::Object(answer.parameters)), ("", json!({"size": "S"})), "{odd}");
    }
}

#[test]
fn a_hand_off_is_one_with_what_the_flow_tells_the_person() {
    let answer =
        converted(vec![texts(&["A colleague comes."]), handoff(Some(&json!({"queue": "billing", "priority": 2})))]);
    assert!(answer.live_agent_handoff && answer.action.is_empty() && answer.parameters_complete);
    assert_eq!(Value::Object(answer.parameters), json!({"queue": "billing", "priority": 2}));

    let answer = converted(vec![handoff(Some(&json!({"action": "person.billing", "reason": "invoice"})))]);
    assert!(answer.live_agent_handoff);
    assert_eq!(
        (answer.action.as_str(), Value::Object(answer.parameters)),
        ("person.billing", json!({"reason": "invoice"}))
    );

    let bare = QueryResult { parameters: Some(object(&json!({"size": "S"}))), ..result(vec![handoff(None)]) };
    let answer = told(bare, asked(MediaType::WebInteraction)).unwrap();
    assert!(answer.live_agent_handoff);
    assert_eq!(Value::Object(answer.parameters), json!({"size": "S"}));

    let odd = converted(vec![handoff(Some(&json!({"action": 5})))]);
    assert_eq!((odd.action.as_str(), Value::Object(odd.parameters)), ("", json!({"action": 5})));
}

#[test]
fn the_end_and_a_transfer_come_through() {
    let answer = converted(vec![texts(&["Bye"]), body(Message::EndInteraction(EndInteraction {}))]);
    assert!(answer.end_interaction && !answer.live_agent_handoff);
    let silent = converted(vec![body(Message::EndInteraction(EndInteraction {}))]);
    assert!(silent.end_interaction && silent.replies.is_empty());

    let answer = converted(vec![transfer("+49301")]);
    assert_eq!(answer.action, "telephony_transfer_call");
    assert_eq!(Value::Object(answer.parameters), json!({"phone_number": "+49301"}));
    let both = converted(vec![transfer("+49301"), payload(&json!({"action": "call", "parameters": {}}))]);
    assert_eq!(both.action, "call");
}

#[test]
fn what_was_not_understood_is_no_failure() {
    let web = asked(MediaType::WebInteraction);
    for kind in [MatchType::NoMatch, MatchType::NoInput] {
        let nothing = Match { match_type: kind.into(), confidence: 0.3, ..Match::default() };
        let silent = QueryResult { r#match: Some(nothing.clone()), ..QueryResult::default() };
        let answer = told(silent.clone(), web).unwrap();
        assert!(answer.not_understood && answer.intent.is_none() && answer.confidence.is_none());
        // An event that no handler takes is not the customer's doing.
        assert_eq!(failure(silent, false), FailureKind::Empty);
        let said = QueryResult {
            response_messages: vec![texts(&["What?"])],
            r#match: Some(nothing),
            ..QueryResult::default()
        };
        assert!(told(said, web).unwrap().not_understood);
    }
    for kind in [MatchType::ParameterFilling, MatchType::Playbook, MatchType::KnowledgeConnector, MatchType::Event] {
        let understood = QueryResult { r#match: Some(found(kind)), ..result(vec![texts(&["x"])]) };
        assert!(!told(understood, web).unwrap().not_understood, "{kind:?}");
    }
    let mut newer = result(vec![texts(&["x"])]);
    newer.r#match = Some(Match { match_type: 77, ..Match::default() });
    assert!(!told(newer, web).unwrap().not_understood);
}

#[test]
fn s13_nothing_to_say_and_nothing_to_do_is_a_failure() {
    assert_eq!(failure(result(vec![]), true), FailureKind::Empty);
    assert_eq!(failure(result(vec![texts(&[" "])]), true), FailureKind::Empty);
    let nobody = extras().answer(DetectIntentResponse::default(), asked(MediaType::OpenMedia), &place());
    assert_eq!(nobody.unwrap_err().kind, FailureKind::Empty);
}

#[test]
fn pain_6_a_failed_webhook_is_seen_although_the_call_is_ok() {
    let statuses = vec![Status { code: 0, message: String::new() }, Status { code: 4, message: "too slow".into() }];
    let failed = |messages| QueryResult { webhook_statuses: statuses.clone(), ..result(messages) };
    let error = told(failed(vec![]), asked(MediaType::OpenMedia)).unwrap_err();
    assert!(
        error.kind == FailureKind::Webhook && error.advice.to_string().contains("DeadlineExceeded"),
        "{}",
        error.advice
    );
    let answer = told(failed(vec![texts(&["static"])]), asked(MediaType::OpenMedia)).unwrap();
    assert_eq!(answer.webhook_failure.as_deref(), Some("DeadlineExceeded: too slow"));
    let fine = QueryResult { webhook_statuses: vec![Status::default()], ..result(vec![texts(&["x"])]) };
    assert_eq!(told(fine, asked(MediaType::OpenMedia)).unwrap().webhook_failure, None);
}

#[test]
fn flow_page_and_sentiment_are_told() {
    let told = told(
        QueryResult {
            current_flow: Some(Flow { display_name: "Orders".into(), ..Flow::default() }),
            current_page: Some(Page { display_name: "Payment".into(), ..Page::default() }),
            sentiment_analysis_result: Some(SentimentAnalysisResult { score: -0.5, magnitude: 0.5 }),
            ..result(vec![texts(&["x"])])
        },
        asked(MediaType::OpenMedia),
    );
    let answer = told.unwrap();
    assert_eq!((answer.contexts, answer.sentiment), (vec!["Orders".to_owned(), "Payment".to_owned()], Some(-0.5)));
}

#[test]
fn googles_rich_content_becomes_chips_cards_and_images() {
    let rich = json!({"richContent": [[
        {"type": "info", "title": "Card", "subtitle": "Sub", "image": {"rawUrl": "https://x/i.png"}},
        {"type": "button", "text": "More", "link": "https://x"},
        {"type": "divider"},
        {"type": "image", "rawUrl": "https://x/j.png", "accessibilityText": "a cat"},
        {"type": "description", "title": "Title", "text": ["one", "two"]},
        {"type": "chips", "options": [{"text": "A"}, {"text": " "}, {"text": "B"}]}
    ]]});
    let answer = converted(vec![payload(&rich)]);
    let button = Button { text: "More".into(), postback: "https://x".into() };
    let (title, subtitle, image_uri) = ("Card".into(), "Sub".into(), "https://x/i.png".into());
    assert_eq!(
        answer.replies,
        [
            Reply::Card { title, subtitle, image_uri, buttons: vec![button] },
            Reply::Image { uri: "https://x/j.png".into(), description: "a cat".into() },
            Reply::QuickReplies { title: "Title\none\ntwo".into(), replies: vec!["A".into(), "B".into()] },
        ]
    );
    let chips = payload(&json!({"richContent": [[{"type": "chips", "options": [{"text": "A"}]}]]}));
    let untitled = |title: &str| Reply::QuickReplies { title: title.into(), replies: vec!["A".into()] };
    assert_eq!(converted(vec![chips.clone()]).replies, [untitled("")]);
    assert_eq!(converted(vec![texts(&["Which?"]), chips.clone(), chips]).replies, [untitled("Which?"), untitled("")]);
    for other in [
        json!({"richContent": [[{"type": "accordion", "title": "x"}]]}),
        json!({"richContent": [[{"type": "chips", "options": []}]]}),
        json!({"richContent": "x"}),
        json!({"richContent": [], "more": 1}),
    ] {
        assert_eq!(converted(vec![payload(&other)]).replies, [Reply::Payload(map(&other))], "{other}");
    }
}

#[test]
fn hostile_content_is_bounded() {
    let many = (0..1000).map(|_| texts(&["x"])).collect();
    assert_eq!(converted(many).replies.len(), MAX_REPLIES);
    let long = "x".repeat(100_000);
    assert_eq!(converted(vec![texts(&[&long])]).replies, [Reply::Text("x".repeat(MAX_TEXT_BYTES))]);
    let huge = json!({ "big": "x".repeat(MAX_JSON_BYTES) });
    assert_eq!(converted(vec![texts(&["x"]), payload(&huge)]).replies.len(), 1);
    let huge = QueryResult { parameters: Some(object(&huge)), ..result(vec![payload(&json!({"action": "a"}))]) };
    assert!(told(huge, asked(MediaType::OpenMedia)).unwrap().parameters.is_empty());
    let option = json!({"text": "x"});
    let chips = json!({"richContent": [vec![json!({"type": "chips", "options": vec![option; 40]}); 40]]});
    let answer = converted(vec![payload(&chips)]);
    assert_eq!(answer.replies.len(), MAX_REPLIES);
    assert!(matches!(&answer.replies[0], Reply::QuickReplies { replies, .. } if replies.len() == MAX_ITEMS));
    let mut odd = result(vec![texts(&["x"])]);
    odd.sentiment_analysis_result = Some(SentimentAnalysisResult { score: f32::INFINITY, magnitude: 0.0 });
    odd.r#match = Some(Match { confidence: f32::NAN, ..found(MatchType::Intent) });
    let answer = told(odd, asked(MediaType::OpenMedia)).unwrap();
    assert_eq!((answer.confidence, answer.sentiment), (None, None));
}

#[test]
fn requests_carry_input_language_payload_session_parameters_and_the_rest() {
    let extras = Extras { time_zone: "Europe/Berlin".into(), sentiment: true, channel: "CHAT".into() };
    let known = map(&json!({"attributes": {"tier": "gold"}, "humanReturned": true}));
    let sent = |input| {
        let query = Query { input, language: "de".into(), payload: known.clone(), seed: None };
        extras.request("s".into(), query, &place()).unwrap()
    };
    let request = sent(Input::Text("hello".into()));
    let params = request.query_params.unwrap();
    assert_eq!(
        (request.session.as_str(), params.time_zone.as_str(), params.channel.as_str()),
        ("s", "Europe/Berlin", "CHAT")
    );
    assert!(params.analyze_query_text_sentiment && !params.disable_webhook);
    assert_eq!(params.payload, Some(structs::from_json(&known)));
    assert_eq!(params.parameters.unwrap(), object(&json!({"usher": known, "usher_action": null})));
    let input = request.query_input.unwrap();
    assert_eq!(input.language_code, "de");
    assert_eq!(input.input.unwrap(), query_input::Input::Text(TextInput { text: "hello".into() }));

    let input_of = |request: DetectIntentRequest| request.query_input.unwrap().input.unwrap();
    let dtmf = |digits: &str, finish: &str| {
        query_input::Input::Dtmf(DtmfInput { digits: digits.into(), finish_digit: finish.into() })
    };
    assert_eq!(input_of(sent(Input::Dtmf("42#".into()))), dtmf("42", "#"));
    assert_eq!(input_of(sent(Input::Dtmf("#".into()))), dtmf("#", ""));
    assert_eq!(input_of(sent(Input::Dtmf("42".into()))), dtmf("42", ""));

    let own = map(&json!({"button": "yes", "usher": "forged", "usher_action": "forged"}));
    for (input, name) in [
        (Input::Structured(own.clone()), "structured"),
        (Input::Event { name: "welcome".into(), parameters: own }, "welcome"),
    ] {
        let request = sent(input);
        let parameters = request.query_params.clone().unwrap().parameters.unwrap();
        assert_eq!(parameters, object(&json!({"button": "yes", "usher": known, "usher_action": null})));
        assert_eq!(input_of(request), query_input::Input::Event(EventInput { event: name.into() }));
    }

    let nothing =
        Query { input: Input::Text("x".into()), language: "en".into(), payload: Parameters::new(), seed: None };
    let params = extras.request("s".into(), nothing, &place()).unwrap().query_params.unwrap();
    assert_eq!(params.payload, None);
    assert_eq!(params.parameters.unwrap(), object(&json!({"usher": null, "usher_action": null})), "nothing old stays");
    let gone = Query { input: Input::Redacted, language: "en".into(), payload: Parameters::new(), seed: None };
    assert_eq!(extras.request("s".into(), gone, &place()).unwrap_err().kind, FailureKind::Interrupted);
}

#[test]
fn b7_a_conversation_that_is_taken_over_brings_session_parameters_and_what_was_said() {
    let extras = Extras { time_zone: String::new(), sentiment: false, channel: String::new() };
    let mut seed = seed::tests::seed();
    seed.slots.extend(map(&json!({"colour": "red", "usher_action": "forged"})));
    let told = map(&json!({ "seed": seed::json(&seed) }));
    let input = Input::Event { name: "welcome".into(), parameters: map(&json!({"colour": "blue"})) };
    let query = Query { input, language: "de".into(), payload: Parameters::new(), seed: Some(seed) };
    let params = extras.request("s".into(), query, &place()).unwrap().query_params.unwrap();
    let expected = json!({"size": "L", "colour": "blue", "usher": told, "usher_action": null});
    assert_eq!((params.parameters, params.payload), (Some(object(&expected)), Some(structs::from_json(&told))));

    let seed = Box::new(crate::gateway::ports::Seed { returns: true, ..*seed::tests::seed() });
    let told = map(&json!({ "seed": seed::json(&seed) }));
    let query =
        Query { input: Input::Text("x".into()), language: "de".into(), payload: Parameters::new(), seed: Some(seed) };
    let params = extras.request("s".into(), query, &place()).unwrap().query_params.unwrap();
    let expected = object(&json!({"usher": told, "usher_action": null}));
    assert_eq!(params.parameters, Some(expected), "what the session keeps is its own");
}

/// A real answer, for mutations of its bytes.
fn sample() -> Vec<u8> {
    let rich =
        json!({"richContent": [[{"type": "chips", "options": [{"text": "A"}]}, {"type": "button", "text": "b"}]]});
    let mut sample = result(vec![
        texts(&["one", "two"]),
        payload(&json!({"usher": {"action": "a", "parameters": {"x": [1, {"b": null}]}}, "c": "text"})),
        payload(&rich),
        handoff(Some(&json!({"action": "b", "q": 1.5}))),
        spoken(output_audio_text::Source::Ssml("<speak>&amp;<x</speak>".into())),
        transfer("+49"),
        body(Message::EndInteraction(EndInteraction {})),
    ]);
    sample.parameters = Some(object(&json!({"x": 1.5, "y": {"z": [true]}, "usher_action": "c"})));
    sample.webhook_statuses = vec![Status { code: 4, message: "late".into() }];
    response(sample).encode_to_vec()
}

fn survives(bytes: &[u8]) {
    for media in [MediaType::Speech, MediaType::WebInteraction] {
        if let Ok(response) = DetectIntentResponse::decode(bytes)
            && let Ok(answer) = extras().answer(response, asked(media), &place())
        {
            assert!(answer.replies.len() <= MAX_REPLIES);
            // What was made can be journalled.
            serde_json::to_string(&answer).unwrap();
        }
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

/// As [`sample`], by REST, with something newer in it.
const JSON: &str = r#"{"responseId": "r-1", "queryResult": {"text": "hi", "languageCode": "en", "parameters": {"x": 1.5,
    "usher_action": "c"}, "responseMessages": [{"text": {"text": ["one"]}, "responseType": "HANDLER_PROMPT"}, {"payload":
    {"action": "a", "parameters": {"x": [1, {"b": null}]}}}, {"toolCall": {"tool": "t"}}, {"endInteraction": {}}],
    "match": {"matchType": "SOMETHING_NEW", "confidence": 0.5}, "webhookStatuses": [{"code": 4, "message": "late"}]},
    "responseType": "FINAL"}"#;

#[test]
fn no_mutation_of_an_answer_by_rest_makes_it_panic() {
    use proptest::test_runner::{Config, TestRunner};
    let json = crate::wire::json::Json::new("google.cloud.dialogflow.cx.v3").unwrap();
    let read = |bytes: &[u8]| json.read::<DetectIntentResponse>("DetectIntentResponse", bytes);
    let sample = read(JSON.as_bytes()).unwrap();
    let answer = extras().answer(sample, asked(MediaType::OpenMedia), &place()).unwrap();
    assert_eq!((answer.action.as_str(), answer.end_interaction, answer.replies.len()), ("a", true, 1));

    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6);
    let mut runner = TestRunner::new(Config { cases: 4000, failure_persistence: None, ..Config::default() });
    let told = runner.run(&(edits, any::<prop::sample::Index>()), |(edits, cut)| {
        let mut bytes = JSON.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for bytes in [bytes.as_slice(), &bytes[..cut.index(bytes.len())]] {
            if let Ok(response) = read(bytes) {
                drop(extras().answer(response, asked(MediaType::Speech), &place()));
            }
        }
        Ok(())
    });
    told.unwrap();
}
