//! Answers in few words.

use prost::Message as _;
use serde_json::{Value, json};
use tonic::Code;
use usher::wire::dialogflow_cx::{
    DetectIntentResponse, Flow, Intent, Match, Page, QueryResult, ResponseMessage, SentimentAnalysisResult, Status,
    r#match::MatchType,
    response_message::{
        EndInteraction, LiveAgentHandoff, Message, OutputAudioText, TelephonyTransferCall, Text, output_audio_text,
        telephony_transfer_call,
    },
};

use super::json as wire;
use crate::fakes::google::json::to_struct;

/// An answer in the making.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) response: DetectIntentResponse,
}

/// An answer of the intent `intent` with one text; an empty one says nothing.
pub(crate) fn say(text: &str) -> Say {
    let found = Match { match_type: MatchType::Intent.into(), confidence: 1.0, ..Match::default() };
    let query_result = QueryResult { r#match: Some(found), ..QueryResult::default() };
    let response = DetectIntentResponse { response_id: "response".into(), query_result: Some(query_result) };
    let say = Say { response }.intent("intent");
    if text.is_empty() { say } else { say.text(text) }
}

impl Say {
    /// As it goes over the wire.
    pub(crate) fn bytes(&self, rest: bool) -> Vec<u8> {
        if rest { wire::response(&self.response) } else { self.response.encode_to_vec() }
    }

    /// One more text.
    pub(crate) fn text(self, text: &str) -> Self {
        self.message(Message::Text(Text { text: vec![text.to_owned()] }))
    }

    pub(crate) fn spoken(self, ssml: &str) -> Self {
        let source = Some(output_audio_text::Source::Ssml(ssml.to_owned()));
        self.message(Message::OutputAudioText(OutputAudioText { source }))
    }

    pub(crate) fn payload(self, json: &Value) -> Self {
        self.message(Message::Payload(to_struct(json).expect("an object")))
    }

    /// As Google's own messenger shows it.
    pub(crate) fn rich(self, elements: &[Value]) -> Self {
        self.payload(&json!({ "richContent": [elements] }))
    }

    /// By the gateway's convention.
    pub(crate) fn action(self, name: &str, parameters: &Value) -> Self {
        self.payload(&json!({"action": name, "parameters": parameters}))
    }

    pub(crate) fn hands_off(self, metadata: Option<&Value>) -> Self {
        let metadata = metadata.map(|it| to_struct(it).expect("an object"));
        self.message(Message::LiveAgentHandoff(LiveAgentHandoff { metadata }))
    }

    pub(crate) fn ends(self) -> Self {
        self.message(Message::EndInteraction(EndInteraction {}))
    }

    pub(crate) fn transfers(self, phone: &str) -> Self {
        let endpoint = Some(telephony_transfer_call::Endpoint::PhoneNumber(phone.to_owned()));
        self.message(Message::TelephonyTransferCall(TelephonyTransferCall { endpoint }))
    }

    pub(crate) fn message(self, message: Message) -> Self {
        self.in_channel("", message)
    }

    pub(crate) fn in_channel(self, channel: &str, message: Message) -> Self {
        let message = ResponseMessage { channel: channel.to_owned(), message: Some(message) };
        self.result(|it| it.response_messages.push(message))
    }

    pub(crate) fn intent(self, name: &str) -> Self {
        let intent = Intent { display_name: name.to_owned(), ..Intent::default() };
        self.found(|it| it.intent = Some(intent))
    }

    /// The agent did not understand.
    pub(crate) fn no_match(self) -> Self {
        self.found(|it| {
            it.intent = None;
            it.event = "sys.no-match-default".into();
            it.match_type = MatchType::NoMatch.into();
        })
    }

    /// With a kind of match and a kind of message that are newer than our part of the contract.
    pub(crate) fn newer(self) -> Self {
        let unknown = ResponseMessage::default();
        self.found(|it| it.match_type = 77).result(|it| it.response_messages.insert(0, unknown))
    }

    /// The session's, after the turn.
    pub(crate) fn parameters(self, parameters: &Value) -> Self {
        self.result(|it| it.parameters = to_struct(parameters))
    }

    pub(crate) fn at(self, flow: &str, page: &str) -> Self {
        self.result(|it| {
            it.current_flow = Some(Flow { display_name: flow.to_owned(), ..Flow::default() });
            it.current_page = Some(Page { display_name: page.to_owned(), ..Page::default() });
        })
    }

    pub(crate) fn sentiment(self, score: f32) -> Self {
        let magnitude = score.abs();
        self.result(|it| it.sentiment_analysis_result = Some(SentimentAnalysisResult { score, magnitude }))
    }

    pub(crate) fn webhook_failed(self, code: Code, text: &str) -> Self {
        let status = Status { code: code.into(), message: text.to_owned() };
        self.result(|it| it.webhook_statuses.push(status))
    }

    fn found(self, change: impl FnOnce(&mut Match)) -> Self {
        self.result(|it| change(it.r#match.get_or_insert_default()))
    }

    fn result(mut self, change: impl FnOnce(&mut QueryResult)) -> Self {
        change(self.response.query_result.get_or_insert_default());
        self
    }
}
