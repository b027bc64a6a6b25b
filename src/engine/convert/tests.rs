//! Both directions against their inverse, which only a routing engine (and this file) needs.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use prost::Message as _;
use serde_json::json;

use super::{incoming::Hello, *};
use crate::{
    core::{
        contact::{Command, HandoverContext, Outcome},
        ids::{ActionSeq, ContactName, MessageId, QueueId, SpeechTargetId, Timestamp},
        message::{Button, Input, Line, MediaType, Parameters, Reply, Speaker},
        profile::Destination,
    },
    gateway::lane::{FromEngine, ToEngine},
    wire::{
        engine::{self as wire, engine_frame, gateway_frame},
        structs,
    },
};

fn contact(name: &str) -> ContactName {
    ContactName::new(name).unwrap()
}

fn text(body: &str) -> wire::CustomerMessage {
    wire::CustomerMessage {
        contact: "c1".to_owned(),
        message_id: "m1".to_owned(),
        sensitive: false,
        body: Some(wire::customer_message::Body::Text(body.to_owned())),
    }
}

fn offer() -> wire::ContactOffered {
    wire::ContactOffered {
        contact: "c1".to_owned(),
        agent: "va1".to_owned(),
        media_type: wire::MediaType::OpenMedia.into(),
        ..wire::ContactOffered::default()
    }
}

fn message(it: wire::CustomerMessage) -> Result<FromEngine, Invalid> {
    from_engine(Some(engine_frame::Body::CustomerMessage(it)))
}

fn offered(it: wire::ContactOffered) -> Result<FromEngine, Invalid> {
    from_engine(Some(engine_frame::Body::ContactOffered(it)))
}

#[track_caller]
fn refused(result: Result<FromEngine, Invalid>, detail: &str) -> Invalid {
    let why = result.expect_err(detail);
    assert_eq!(why.detail, detail);
    why
}

#[test]
fn a_refusal_names_the_field_and_what_it_spoke_of() {
    let why = refused(
        message(wire::CustomerMessage { body: None, ..text("") }),
        "customer_message.body: missing, or of a kind this version does not know",
    );
    assert_eq!((why.contact.as_str(), why.message.as_str()), ("c1", "m1"));

    let why = refused(
        message(wire::CustomerMessage { contact: String::new(), ..text("") }),
        "customer_message.contact: is empty",
    );
    assert_eq!((why.contact.as_str(), why.message.as_str()), ("", ""));

    let why = refused(
        offered(wire::ContactOffered { media_type: 0, ..offer() }),
        "contact_offered.media_type: is unspecified",
    );
    assert_eq!(why.contact, "c1");
}

#[test]
fn what_is_too_long_too_many_or_unknown_is_refused() {
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    refused(message(text(&long)), "customer_message.text: 65537 bytes are above 65536");
    let long = "x".repeat(129);
    refused(
        message(wire::CustomerMessage { message_id: long.clone(), ..text("") }),
        "customer_message.message_id: is longer than 128 bytes",
    );
    refused(
        offered(wire::ContactOffered { agent: long, ..offer() }),
        "contact_offered.agent: is longer than 128 bytes",
    );
    refused(
        offered(wire::ContactOffered { media_type: 99, ..offer() }),
        "contact_offered.media_type: 99 is not known to this version",
    );
    refused(
        offered(wire::ContactOffered { language: "e!".to_owned(), ..offer() }),
        "contact_offered.language: is not a BCP 47 tag such as en-US",
    );

    let attributes = (0..=MAX_ATTRIBUTES).map(|it| (it.to_string(), String::new())).collect();
    refused(offered(wire::ContactOffered { attributes, ..offer() }), "contact_offered.attributes: 257 are above 256");
    let history = vec![wire::TranscriptLine::default()];
    refused(offered(wire::ContactOffered { history, ..offer() }), "contact_offered.history[0].speaker: is unspecified");

    let outcome = wire::CommandOutcome { contact: "c1".to_owned(), ..wire::CommandOutcome::default() };
    refused(from_engine(Some(engine_frame::Body::CommandOutcome(outcome))), "command_outcome.outcome: is unspecified");
    let user = wire::User { id: "u".to_owned(), ..wire::User::default() };
    let delta = wire::DirectoryDelta { users: vec![user], ..wire::DirectoryDelta::default() };
    refused(from_engine(Some(engine_frame::Body::Directory(delta))), "directory.users[0].sign_on: is unspecified");
    refused(from_engine(None), "body: missing, or of a kind this version does not know");
}

#[test]
fn numbers_that_are_not_finite_and_deep_nesting_are_refused() {
    let number = |it| prost_types::Value { kind: Some(prost_types::value::Kind::NumberValue(it)) };
    let structured = |it: prost_types::Struct| {
        message(wire::CustomerMessage { body: Some(wire::customer_message::Body::Structured(it)), ..text("") })
    };
    let infinite = prost_types::Struct { fields: [("n".to_owned(), number(f64::INFINITY))].into() };
    refused(structured(infinite), "customer_message.structured: holds a number that is not finite");

    let mut deep = prost_types::Struct::default();
    for _ in 0..structs::MAX_DEPTH {
        let value = prost_types::Value { kind: Some(prost_types::value::Kind::StructValue(deep)) };
        deep = prost_types::Struct { fields: [("in".to_owned(), value)].into() };
    }
    refused(structured(deep), "customer_message.structured: is nested deeper than 32 levels");
}

#[test]
fn keys_are_keys() {
    let keys = |it: &str| {
        message(wire::CustomerMessage { body: Some(wire::customer_message::Body::Dtmf(it.to_owned())), ..text("") })
    };
    assert!(matches!(keys("12*#A"), Ok(FromEngine::Message { input: Input::Dtmf(it), .. }) if it == "12*#A"));
    for bad in ["", "12x", "1 2"] {
        refused(keys(bad), "customer_message.dtmf: must be keys out of 0-9, A-D, * and #");
    }
}

#[test]
fn an_overlong_reason_is_cut_and_the_contact_still_ends() {
    let reason = format!("x{}", "é".repeat(MAX_DETAIL_BYTES));
    let ended = wire::ContactEnded { contact: "c1".to_owned(), reason };
    match from_engine(Some(engine_frame::Body::ContactEnded(ended))) {
        Ok(FromEngine::Ended { contact: name, reason }) => {
            assert_eq!(name, contact("c1"));
            assert_eq!(reason.len(), MAX_DETAIL_BYTES - 1, "at a character's boundary");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn language_tags_have_the_shape_of_bcp_47() {
    for good in ["en", "EN-US", "zh-Hant-TW", "de-CH-1996", "es-419", "sl-rozaj-biske-1994"] {
        match offered(wire::ContactOffered { language: good.to_owned(), ..offer() }) {
            Ok(FromEngine::Offered(it)) => assert_eq!(it.language.as_deref(), Some(good)),
            other => panic!("{good}: {other:?}"),
        }
    }
    for bad in ["e", "en_US", "en-", "-en", "1a", "en-toolongsubtag", "en us"] {
        assert!(offered(wire::ContactOffered { language: bad.to_owned(), ..offer() }).is_err(), "{bad}");
    }
}

#[test]
fn an_offer_carries_everything_over() {
    let line = wire::TranscriptLine {
        speaker: wire::transcript_line::Speaker::Person.into(),
        text: "hi".to_owned(),
        at_ms: 7,
    };
    let customer = wire::Customer { id: "i".to_owned(), name: "n".to_owned(), address: "a".to_owned() };
    let from = wire::ContactOffered {
        queue: "q1".to_owned(),
        customer: Some(customer),
        attributes: [("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
        history: vec![line],
        returned_from: 4,
        ..offer()
    };
    let Ok(FromEngine::Offered(it)) = offered(from) else { panic!("refused") };
    assert_eq!(it.queue, Some(QueueId::new("q1").unwrap()));
    assert_eq!((it.customer.id.as_str(), it.customer.name.as_str(), it.customer.address.as_str()), ("i", "n", "a"));
    assert_eq!(it.attributes, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(it.history, [Line { speaker: Speaker::Person, text: "hi".to_owned(), at: Timestamp(7) }]);
    assert_eq!((it.media, it.returned_from, it.language), (MediaType::OpenMedia, Some(ActionSeq(4)), None));
}

#[test]
fn a_hello_is_checked() {
    let good = || wire::Hello { engine_id: "e".to_owned(), business_unit: "u".to_owned(), ..wire::Hello::default() };
    let detail = |it| hello(it).map_err(|why| why.detail).expect_err("refused");
    let Hello { lane, resume, directory, .. } = hello(good()).unwrap();
    assert_eq!((lane, resume, directory), (0, None, None));

    assert_eq!(detail(wire::Hello { engine_id: String::new(), ..good() }), "hello.engine_id: is empty");
    assert_eq!(
        detail(wire::Hello { business_unit: "a\nb".to_owned(), ..good() }),
        "hello.business_unit: contains a control character"
    );
    assert_eq!(detail(wire::Hello { lanes: 65, ..good() }), "hello.lanes: 65 is above 64");
    assert_eq!(detail(wire::Hello { lane: 2, lanes: 2, ..good() }), "hello.lane: 2 is not below hello.lanes (2)");
    assert_eq!(
        detail(wire::Hello { session: "x".to_owned(), ..good() }),
        "hello.session: is not a session of an earlier Welcome"
    );
    let directory = Some(wire::Directory::default());
    assert_eq!(
        detail(wire::Hello { lane: 1, lanes: 2, directory, ..good() }),
        "hello.directory: belongs on lane 0 only"
    );
    let queue = wire::Queue { id: "q".to_owned(), ..wire::Queue::default() };
    let directory = Some(wire::Directory { queues: vec![queue], ..wire::Directory::default() });
    assert_eq!(detail(wire::Hello { directory, ..good() }), "hello.directory.queues[0].media_type: is unspecified");
}

#[test]
fn spans_that_are_too_long_are_the_longest() {
    let body = to_engine(&ToEngine::Draining { grace: Duration::MAX });
    assert!(matches!(body, Some(gateway_frame::Body::Draining(wire::Draining { grace_ms: u32::MAX }))));
    assert_eq!(to_engine(&ToEngine::Ack(3)), None);
}

fn parameters() -> impl Strategy<Value = Parameters> {
    prop_oneof![Just(json!({})), Just(json!({"a": 1, "b": [true, null, "x", {"c": 2.5}]}))]
        .prop_map(|it| it.as_object().cloned().unwrap())
}

fn reply() -> impl Strategy<Value = Reply> {
    let button = (".{0,5}", ".{0,5}").prop_map(|(text, postback)| Button { text, postback });
    prop_oneof![
        ".{0,20}".prop_map(Reply::Text),
        (".{0,5}", prop::collection::vec(".{0,5}", 0..3))
            .prop_map(|(title, replies)| Reply::QuickReplies { title, replies }),
        (".{0,5}", ".{0,5}", ".{0,5}", prop::collection::vec(button, 0..3))
            .prop_map(|(title, subtitle, image_uri, buttons)| Reply::Card { title, subtitle, image_uri, buttons }),
        (".{0,5}", ".{0,5}").prop_map(|(uri, description)| Reply::Image { uri, description }),
        parameters().prop_map(Reply::Payload),
    ]
}

fn handover() -> impl Strategy<Value = HandoverContext> {
    let speaker =
        prop_oneof![Just(Speaker::Customer), Just(Speaker::VirtualAgent), Just(Speaker::Person), Just(Speaker::System)];
    let line =
        (speaker, ".{0,9}", any::<i64>()).prop_map(|(speaker, text, at)| Line { speaker, text, at: Timestamp(at) });
    let parameters = prop::collection::btree_map(".{0,5}", ".{0,5}", 0..3);
    (".{0,9}", prop::collection::vec(line, 0..3), parameters).prop_map(|(summary, transcript, parameters)| {
        HandoverContext { summary, transcript, parameters: parameters.into_iter().collect() }
    })
}

fn command() -> impl Strategy<Value = Command> {
    let to = prop_oneof![
        "[a-z]{1,9}".prop_map(|it| Destination::Queue(QueueId::new(&it).unwrap())),
        "[a-z]{1,9}".prop_map(|it| Destination::Target(SpeechTargetId::new(&it).unwrap())),
    ];
    let message = prop::option::of("[a-z]{1,9}".prop_map(|it| MessageId::new(&it).unwrap()));
    let replies = || prop::collection::vec(reply(), 0..3);
    prop_oneof![
        replies().prop_map(Command::Say),
        (to, ".{0,9}", handover()).prop_map(|(to, reason, context)| Command::Requeue { to, reason, context }),
        ("[a-z]{1,9}", ".{0,9}", any::<i64>(), handover()).prop_map(|(queue, phone, at, context)| {
            Command::CreateCallback { queue: QueueId::new(&queue).unwrap(), phone, at: Timestamp(at), context }
        }),
        ".{0,9}".prop_map(Command::PushUrl),
        (".{0,9}", replies(), message).prop_map(|(reason, farewell, unless_after)| Command::EndContact {
            reason,
            farewell,
            unless_after
        }),
    ]
}

fn back(from: wire::command::Command) -> Command {
    match from {
        wire::command::Command::Say(it) => Command::Say(replies_back(it.messages)),
        wire::command::Command::Requeue(it) => Command::Requeue {
            to: match it.to.unwrap() {
                wire::requeue::To::Queue(queue) => Destination::Queue(QueueId::new(&queue).unwrap()),
                wire::requeue::To::Target(target) => Destination::Target(SpeechTargetId::new(&target).unwrap()),
            },
            reason: it.reason,
            context: handover_back(it.context.unwrap()),
        },
        wire::command::Command::CreateCallback(it) => Command::CreateCallback {
            queue: QueueId::new(&it.queue).unwrap(),
            phone: it.phone,
            at: Timestamp(it.at_ms),
            context: handover_back(it.context.unwrap()),
        },
        wire::command::Command::PushUrl(it) => Command::PushUrl(it.url),
        wire::command::Command::EndContact(it) => Command::EndContact {
            reason: it.reason,
            farewell: replies_back(it.farewell),
            unless_after: MessageId::new(&it.unless_after).ok(),
        },
    }
}

fn replies_back(from: Vec<wire::Message>) -> Vec<Reply> {
    let one = |it: wire::Message| match it.message.unwrap() {
        wire::message::Message::Text(it) => Reply::Text(it),
        wire::message::Message::QuickReplies(it) => Reply::QuickReplies { title: it.title, replies: it.replies },
        wire::message::Message::Card(it) => Reply::Card {
            title: it.title,
            subtitle: it.subtitle,
            image_uri: it.image_uri,
            buttons: it.buttons.into_iter().map(|it| Button { text: it.text, postback: it.postback }).collect(),
        },
        wire::message::Message::Image(it) => Reply::Image { uri: it.uri, description: it.description },
        wire::message::Message::Payload(it) => Reply::Payload(structs::to_json(it).unwrap()),
    };
    from.into_iter().map(one).collect()
}

fn handover_back(from: wire::HandoverContext) -> HandoverContext {
    let line = |it: wire::TranscriptLine| Line {
        speaker: match it.speaker() {
            wire::transcript_line::Speaker::Customer => Speaker::Customer,
            wire::transcript_line::Speaker::VirtualAgent => Speaker::VirtualAgent,
            wire::transcript_line::Speaker::Person => Speaker::Person,
            wire::transcript_line::Speaker::System => Speaker::System,
            wire::transcript_line::Speaker::Unspecified => panic!("unspecified"),
        },
        text: it.text,
        at: Timestamp(it.at_ms),
    };
    let mut parameters: Vec<_> = from.parameters.into_iter().collect();
    parameters.sort_unstable();
    HandoverContext { summary: from.summary, transcript: from.transcript.into_iter().map(line).collect(), parameters }
}

fn input() -> impl Strategy<Value = Input> {
    prop_oneof![
        ".{0,30}".prop_map(Input::Text),
        ("[A-Z_]{1,20}", parameters()).prop_map(|(name, parameters)| Input::Event { name, parameters }),
        parameters().prop_map(Input::Structured),
        "[0-9A-D*#]{1,9}".prop_map(Input::Dtmf),
    ]
}

fn input_there(from: &Input) -> wire::customer_message::Body {
    match from.clone() {
        Input::Text(it) => wire::customer_message::Body::Text(it),
        Input::Event { name, parameters } => wire::customer_message::Body::Event(wire::EventBody {
            name,
            parameters: Some(structs::from_json(&parameters)),
        }),
        Input::Structured(it) => wire::customer_message::Body::Structured(structs::from_json(&it)),
        Input::Dtmf(it) => wire::customer_message::Body::Dtmf(it),
        Input::Redacted => panic!("never on the wire"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn commands_reach_the_engine_whole(from in command(), seq in any::<u32>()) {
        let frame = ToEngine::Command { contact: contact("c1"), seq: ActionSeq(seq), command: Arc::new(from.clone()) };
        let bytes = wire::GatewayFrame { seq: 1, ack: 0, body: to_engine(&frame) }.encode_to_vec();
        match wire::GatewayFrame::decode(bytes.as_slice()).unwrap().body {
            Some(gateway_frame::Body::Command(it)) => {
                prop_assert_eq!((it.contact.as_str(), it.action_seq), ("c1", seq));
                prop_assert_eq!(back(it.command.unwrap()), from);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }

    #[test]
    fn customer_messages_reach_the_gateway_whole(input in input(), sensitive in any::<bool>()) {
        let wire = wire::CustomerMessage { sensitive, body: Some(input_there(&input)), ..text("") };
        let wire = wire::CustomerMessage::decode(wire.encode_to_vec().as_slice()).unwrap();
        let id = MessageId::new("m1").unwrap();
        prop_assert_eq!(message(wire), Ok(FromEngine::Message { contact: contact("c1"), id, input, sensitive }));
    }

    #[test]
    fn outcomes_reach_the_gateway_whole(outcome in 1_i32..=6, action_seq in any::<u32>(), detail in ".{0,20}") {
        let wire = wire::CommandOutcome { contact: "c1".to_owned(), action_seq, outcome, detail: detail.clone() };
        let expected = [Outcome::Done, Outcome::Offered, Outcome::Accepted, Outcome::Failed, Outcome::Expired, Outcome::Superseded];
        let outcome = expected[usize::try_from(outcome).unwrap() - 1];
        let from = from_engine(Some(engine_frame::Body::CommandOutcome(wire)));
        prop_assert_eq!(from, Ok(FromEngine::Outcome { contact: contact("c1"), seq: ActionSeq(action_seq), outcome, detail }));
    }
}
