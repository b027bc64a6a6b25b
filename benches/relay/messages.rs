//! What is asked and answered: encoded once, then only numbered.
//!
//! Every message carries its number; the answer says it again, and so must what reaches the customer.

use std::collections::BTreeMap;

use prost::Message as _;
use prost_types::{Struct, Value, value::Kind};
use usher::wire::dialogflow_v2 as dialogflow;

pub(crate) const PROJECT: &str = "relay-bench";
pub(crate) const LANGUAGE: &str = "en";
/// The size of the answer's message on the wire, as Google's service sends for such a turn.
const ANSWER_BYTES: usize = 865;
const DIGITS: usize = 10;
const HOLE: &str = "0000000000";
const MARK: u8 = b'#';
const GRPC_PREFIX: usize = 5;

pub(crate) type Digits = [u8; DIGITS];

/// A number in fixed width, so that no length changes with it.
pub(crate) fn digits(number: u64) -> Digits {
    let mut text = [b'0'; DIGITS];
    let mut rest = number;
    for digit in text.iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
    }
    text
}

pub(crate) fn customer_text(number: u64) -> String {
    format!("When do you open on Saturday? #{number:010}")
}

pub(crate) fn answer_text(number: u64) -> String {
    format!("On Saturday we are open from 9 to 18 o'clock. Is there anything else I can do? (#{number:010})")
}

/// The number in a question's encoded body.
pub(crate) fn find_number(body: &[u8]) -> Option<&Digits> {
    let at = body.iter().position(|byte| *byte == MARK)?;
    body.get(at + 1..)?.first_chunk::<DIGITS>().filter(|found| found.iter().all(u8::is_ascii_digit))
}

/// A message with its gRPC prefix and the places where its number stands.
struct Form {
    bytes: Vec<u8>,
    holes: Vec<usize>,
}

impl Form {
    fn new(message: &[u8]) -> Self {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let bytes = [&[0], length.to_be_bytes().as_slice(), message].concat();
        let holes = bytes
            .windows(DIGITS + 1)
            .enumerate()
            .filter(|(_, window)| window.split_first() == Some((&MARK, HOLE.as_bytes())))
            .map(|(at, _)| at + 1)
            .collect();
        Self { bytes, holes }
    }

    fn fill(&self, number: &Digits, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.bytes);
        for hole in &self.holes {
            if let Some(place) = out.get_mut(*hole..).and_then(|tail| tail.first_chunk_mut::<DIGITS>()) {
                *place = *number;
            }
        }
    }
}

/// `DetectIntentRequest`s as Usher's own client would send them.
pub(crate) struct Questions {
    form: Form,
}

impl Questions {
    pub(crate) fn new() -> Self {
        let text = dialogflow::TextInput { text: customer_text(0), language_code: LANGUAGE.to_owned() };
        let request = dialogflow::DetectIntentRequest {
            session: session_path(),
            query_params: None,
            query_input: Some(dialogflow::QueryInput { input: Some(dialogflow::query_input::Input::Text(text)) }),
            ..Default::default()
        };
        Self { form: Form::new(&request.encode_to_vec()) }
    }

    pub(crate) fn fill(&self, number: &Digits, out: &mut Vec<u8>) {
        self.form.fill(number, out);
    }
}

pub(crate) fn session_path() -> String {
    format!("projects/{PROJECT}/agent/sessions/6f1d2a54-9b0e-4c87-a3f5-2e7c81d9b046")
}

/// `DetectIntentResponse`s of [`ANSWER_BYTES`].
pub(crate) struct Answers {
    form: Form,
}

impl Answers {
    pub(crate) fn new() -> Self {
        let mut filler = String::new();
        while answer(&filler).encoded_len() < ANSWER_BYTES {
            filler.push('-');
        }
        let message = answer(&filler);
        Self { form: Form::new(&message.encode_to_vec()) }
    }

    pub(crate) fn fill(&self, number: &Digits, out: &mut Vec<u8>) {
        self.form.fill(number, out);
    }

    pub(crate) fn message_bytes(&self) -> usize {
        self.form.bytes.len() - GRPC_PREFIX
    }

    /// Whether `body` is the answer to this question, byte for byte. `scratch` only saves an allocation.
    pub(crate) fn is_answer(&self, number: u64, body: &[u8], scratch: &mut Vec<u8>) -> bool {
        self.form.fill(&digits(number), scratch);
        scratch == body
    }
}

fn answer(filler: &str) -> dialogflow::DetectIntentResponse {
    let said = answer_text(0);
    let text = dialogflow::message::Text { text: vec![said.clone()] };
    let context = |name: &str, lifespan_count| dialogflow::Context {
        name: format!("{}/contexts/{name}", session_path()),
        lifespan_count,
        parameters: Some(parameters(&[("day", "2026-11-21T12:00:00+01:00"), ("day.original", "Saturday")])),
    };
    let result = dialogflow::QueryResult {
        query_text: customer_text(0),
        action: "opening.hours".to_owned(),
        parameters: Some(parameters(&[("day", "2026-11-21T12:00:00+01:00"), ("branch", filler)])),
        all_required_params_present: true,
        fulfillment_text: said,
        fulfillment_messages: vec![dialogflow::Message {
            message: Some(dialogflow::message::Message::Text(text)),
            platform: 0,
        }],
        output_contexts: vec![context("opening", 5)],
        intent: Some(dialogflow::Intent {
            name: format!("projects/{PROJECT}/agent/intents/1c4b7e90-53d8-4f0e-9a6d-7be2c10f3a58"),
            display_name: "opening.hours".to_owned(),
            ..Default::default()
        }),
        intent_detection_confidence: 0.87,
        language_code: LANGUAGE.to_owned(),
        ..Default::default()
    };
    dialogflow::DetectIntentResponse {
        response_id: "b8f0c6d2-1e47-4a39-8d5b-90a3f2e6c714-2f5d7c11".to_owned(),
        query_result: Some(result),
        webhook_status: None,
    }
}

fn parameters(fields: &[(&str, &str)]) -> Struct {
    let text = |value: &str| Value { kind: Some(Kind::StringValue(value.to_owned())) };
    Struct { fields: fields.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect::<BTreeMap<_, _>>() }
}
