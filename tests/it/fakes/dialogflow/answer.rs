//! Answers in few words.

use prost::Message as _;
use prost_types::Struct;
use serde_json::Value;
use tonic::Code;
use usher::wire::dialogflow_v2::{
    Context, DetectIntentResponse, Intent, Message, QueryResult, Sentiment, SentimentAnalysisResult, Status, message,
};

use super::json;
use crate::fakes::google::json::to_struct;

/// An answer in the making.
#[derive(Clone, Debug)]
pub(crate) struct Say {
    pub(crate) response: DetectIntentResponse,
}

/// An answer of the intent `intent` with one text; an empty one says nothing.
pub(crate) fn say(text: &str) -> Say {
    let intent = Intent { display_name: "intent".into(), ..Intent::default() };
    let query_result = QueryResult {
        intent: Some(intent),
        intent_detection_confidence: 1.0,
        all_required_params_present: true,
        ..QueryResult::default()
    };
    let response =
        DetectIntentResponse { response_id: "response".into(), query_result: Some(query_result), webhook_status: None };
    let say = Say { response };
    if text.is_empty() { say } else { say.text(text) }
}

pub(crate) fn structure(json: &Value) -> Struct {
    to_struct(json).expect("an object")
}

impl Say {
    /// As it goes over the wire.
    pub(crate) fn bytes(&self, rest: bool) -> Vec<u8> {
        if rest { json::response(&self.response) } else { self.response.encode_to_vec() }
    }

    /// One more text.
    pub(crate) fn text(self, text: &str) -> Self {
        self.message(message::Message::Text(message::Text { text: vec![text.to_owned()] }))
    }

    pub(crate) fn quick_replies(self, title: &str, replies: &[&str]) -> Self {
        let quick_replies = replies.iter().map(|&it| it.to_owned()).collect();
        self.message(message::Message::QuickReplies(message::QuickReplies { title: title.to_owned(), quick_replies }))
    }

    pub(crate) fn card(self, title: &str, subtitle: &str, image_uri: &str, buttons: &[(&str, &str)]) -> Self {
        let buttons = buttons
            .iter()
            .map(|&(text, postback)| message::card::Button { text: text.to_owned(), postback: postback.to_owned() })
            .collect();
        self.message(message::Message::Card(message::Card {
            title: title.to_owned(),
            subtitle: subtitle.to_owned(),
            image_uri: image_uri.to_owned(),
            buttons,
        }))
    }

    pub(crate) fn image(self, uri: &str, description: &str) -> Self {
        self.message(message::Message::Image(message::Image {
            image_uri: uri.to_owned(),
            accessibility_text: description.to_owned(),
        }))
    }

    pub(crate) fn payload(self, json: &Value) -> Self {
        self.message(message::Message::Payload(structure(json)))
    }

    pub(crate) fn message(self, message: message::Message) -> Self {
        self.on_platform(0, message)
    }

    pub(crate) fn on_platform(self, platform: i32, message: message::Message) -> Self {
        self.result(|it| it.fulfillment_messages.push(Message { platform, message: Some(message) }))
    }

    pub(crate) fn intent(self, name: &str) -> Self {
        self.change_intent(|it| it.display_name = name.to_owned())
    }

    /// The agent did not understand.
    pub(crate) fn fallback(self) -> Self {
        self.change_intent(|it| it.is_fallback = true)
    }

    pub(crate) fn ends(self) -> Self {
        self.change_intent(|it| it.end_interaction = true)
    }

    pub(crate) fn hands_off(self) -> Self {
        self.change_intent(|it| it.live_agent_handoff = true)
    }

    pub(crate) fn no_intent(self) -> Self {
        self.result(|it| it.intent = None)
    }

    pub(crate) fn action(self, name: &str, parameters: &Value) -> Self {
        self.result(|it| {
            it.action = name.to_owned();
            it.parameters = Some(structure(parameters));
        })
    }

    /// Slots are still being filled.
    pub(crate) fn incomplete(self) -> Self {
        self.result(|it| it.all_required_params_present = false)
    }

    pub(crate) fn context(self, name: &str) -> Self {
        let name = format!("projects/p-1/agent/sessions/s/contexts/{name}");
        self.result(|it| it.output_contexts.push(Context { name, lifespan_count: 5, parameters: None }))
    }

    pub(crate) fn sentiment(self, score: f32) -> Self {
        let query_text_sentiment = Some(Sentiment { score, magnitude: score.abs() });
        self.result(|it| it.sentiment_analysis_result = Some(SentimentAnalysisResult { query_text_sentiment }))
    }

    pub(crate) fn webhook_failed(mut self, code: Code, text: &str) -> Self {
        self.response.webhook_status = Some(Status { code: code.into(), message: text.to_owned() });
        self
    }

    fn change_intent(self, change: impl FnOnce(&mut Intent)) -> Self {
        self.result(|it| change(it.intent.get_or_insert_default()))
    }

    fn result(mut self, change: impl FnOnce(&mut QueryResult)) -> Self {
        change(self.response.query_result.get_or_insert_default());
        self
    }
}
