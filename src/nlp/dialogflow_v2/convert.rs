//! A question of ours as Dialogflow's request, and its response as an answer.
//!
//! Everything that comes in is bounded: an agent, or its webhook, may be anybody's.

use tonic::Code;

use crate::{
    core::intents::AnswerLimits,
    core::message::{Answer, Button, Input, Parameters, Reply},
    gateway::ports::AskError,
    nlp::google::{
        Asked, Query,
        content::{
            MAX_ITEMS, MAX_NAME_BYTES, MAX_REPLIES, MAX_TEXT_BYTES, clipped, failure_text, is_blank, json,
            last_segment, text, variant,
        },
        errors::Place,
    },
    nlp::seed,
    wire::dialogflow_v2::{
        Context, DetectIntentRequest, DetectIntentResponse, EventInput, Message, QueryInput, QueryParameters,
        QueryResult, SentimentAnalysisRequestConfig, TextInput, message, query_input,
    },
    wire::structs,
};

/// The event by which clicks and forms reach the agent.
const STRUCTURED_EVENT: &str = "structured";
/// The context with which a conversation is taken over from another engine. It is active in so many turns.
const SEED_CONTEXT: &str = "usher-seed";
const SEED_LIFESPAN: i32 = 50;

/// The same for those who look at an agent beforehand.
pub(super) const LIMITS: AnswerLimits = AnswerLimits {
    messages: MAX_REPLIES,
    text_bytes: MAX_TEXT_BYTES,
    items: MAX_ITEMS,
    payload_bytes: crate::nlp::fit::MAX_JSON_BYTES,
};

/// What every request of a profile carries.
#[derive(Clone, Debug)]
pub(super) struct Extras {
    pub(super) time_zone: String,
    pub(super) sentiment: bool,
}

impl Extras {
    pub(super) fn request(
        &self,
        session: String,
        query: Query,
        place: &Place,
    ) -> Result<DetectIntentRequest, AskError> {
        let Query { input, language, mut payload, seed } = query;
        seed::add(seed.as_deref(), &mut payload);
        let contexts = seed.filter(|it| !it.returns).map(|it| seeded(&session, it.slots)).into_iter().collect();
        let input = match input {
            // Digits are text to Dialogflow: an agent matches them by its entities, as it does on the telephone.
            Input::Text(text) | Input::Dtmf(text) => {
                query_input::Input::Text(TextInput { text, language_code: language })
            }
            Input::Event { name, parameters } => event(name, parameters, language),
            Input::Structured(parameters) => event(STRUCTURED_EVENT.to_owned(), parameters, language),
            Input::Redacted => return Err(place.redacted()),
        };
        Ok(DetectIntentRequest {
            session,
            query_params: self.parameters(payload, contexts),
            query_input: Some(QueryInput { input: Some(input) }),
            ..DetectIntentRequest::default()
        })
    }

    fn parameters(&self, payload: Parameters, contexts: Vec<Context>) -> Option<QueryParameters> {
        if payload.is_empty() && self.time_zone.is_empty() && !self.sentiment {
            return None;
        }
        Some(QueryParameters {
            time_zone: self.time_zone.clone(),
            contexts,
            payload: Some(payload).filter(|it| !it.is_empty()).map(|it| structs::from_json(&it)),
            sentiment_analysis_request_config: self
                .sentiment
                .then_some(SentimentAnalysisRequestConfig { analyze_query_text_sentiment: true }),
            ..QueryParameters::default()
        })
    }
}

/// What other engines have gathered: `#usher-seed.size` to the agent.
fn seeded(session: &str, slots: Parameters) -> Context {
    Context {
        name: format!("{session}/contexts/{SEED_CONTEXT}"),
        lifespan_count: SEED_LIFESPAN,
        parameters: Some(slots).filter(|it| !it.is_empty()).map(|it| structs::from_json(&it)),
    }
}

fn event(name: String, parameters: Parameters, language_code: String) -> query_input::Input {
    let parameters = Some(parameters).filter(|it| !it.is_empty()).map(|it| structs::from_json(&it));
    query_input::Input::Event(EventInput { name, parameters, language_code })
}

pub(super) fn answer(response: DetectIntentResponse, asked: Asked, place: &Place) -> Result<Answer, AskError> {
    let DetectIntentResponse { response_id, query_result, webhook_status } = response;
    let failed_webhook = webhook_status.filter(|it| it.code != 0);
    let result = query_result.unwrap_or_default();
    let silent = result.intent.is_none() && asked.words;

    let mut answer = from_result(result, &response_id);
    let nothing = answer.replies.is_empty() && answer.action.is_empty();
    let nothing = nothing && !answer.end_interaction && !answer.live_agent_handoff;
    if nothing {
        if let Some(status) = &failed_webhook {
            return Err(place.webhook(Code::from(status.code)));
        }
        // No intent, no fallback intent, no text: the agent did not understand, which is no failure of the system's.
        answer.not_understood |= silent;
        if !answer.not_understood {
            return Err(place.empty());
        }
    }
    answer.webhook_failure = failed_webhook.as_ref().map(|it| failure_text(it.code, &it.message));
    Ok(answer)
}

fn from_result(result: QueryResult, response_id: &str) -> Answer {
    let mut replies = replies(result.fulfillment_messages, response_id);
    if replies.is_empty() {
        replies.extend(text(result.fulfillment_text));
    }
    let sentiment = result.sentiment_analysis_result.and_then(|it| it.query_text_sentiment);
    let contexts = result.output_contexts.into_iter().take(MAX_ITEMS);
    let mut answer = Answer {
        replies,
        action: clipped(result.action, MAX_NAME_BYTES),
        parameters: result.parameters.and_then(json).unwrap_or_default(),
        parameters_complete: result.all_required_params_present,
        sentiment: sentiment.map(|it| it.score).filter(|it| it.is_finite()).map(|it| it.clamp(-1.0, 1.0)),
        contexts: contexts.map(|it| last_segment(it.name)).filter(|it| !it.is_empty()).collect(),
        ..Answer::default()
    };
    if let Some(intent) = result.intent {
        let confidence = result.intent_detection_confidence;
        answer.confidence = Some(confidence).filter(|it| it.is_finite()).map(|it| it.clamp(0.0, 1.0));
        answer.not_understood = intent.is_fallback;
        answer.end_interaction = intent.end_interaction;
        answer.live_agent_handoff = intent.live_agent_handoff;
        let name = if intent.display_name.is_empty() { last_segment(intent.name) } else { intent.display_name };
        answer.intent = Some(clipped(name, MAX_NAME_BYTES)).filter(|it| !it.is_empty());
    }
    answer
}

/// The default platform's messages in order; other platforms' are for other channels.
fn replies(messages: Vec<Message>, response_id: &str) -> Vec<Reply> {
    let own = messages.into_iter().filter(|it| it.platform == 0).enumerate();
    own.filter_map(|(index, it)| reply(it.message?, response_id, index)).take(MAX_REPLIES).collect()
}

fn reply(wire: message::Message, response_id: &str, index: usize) -> Option<Reply> {
    match wire {
        message::Message::Text(it) => text(variant(it.text, response_id, index)?),
        message::Message::Image(it) => {
            let uri = clipped(it.image_uri, MAX_TEXT_BYTES);
            (!uri.is_empty()).then(|| Reply::Image { uri, description: clipped(it.accessibility_text, MAX_TEXT_BYTES) })
        }
        message::Message::QuickReplies(it) => {
            let title = clipped(it.title, MAX_TEXT_BYTES);
            let replies = it.quick_replies.into_iter().filter(|it| !is_blank(it)).take(MAX_ITEMS);
            let replies: Vec<String> = replies.map(|it| clipped(it, MAX_NAME_BYTES)).collect();
            (!is_blank(&title) || !replies.is_empty()).then_some(Reply::QuickReplies { title, replies })
        }
        message::Message::Card(it) => card(it),
        message::Message::Payload(it) => json(it).filter(|it| !it.is_empty()).map(Reply::Payload),
    }
}

fn card(wire: message::Card) -> Option<Reply> {
    let buttons = wire.buttons.into_iter().filter(|it| !is_blank(&it.text)).take(MAX_ITEMS);
    let buttons: Vec<Button> = buttons
        .map(|it| Button { text: clipped(it.text, MAX_NAME_BYTES), postback: clipped(it.postback, MAX_TEXT_BYTES) })
        .collect();
    let title = clipped(wire.title, MAX_TEXT_BYTES);
    let subtitle = clipped(wire.subtitle, MAX_TEXT_BYTES);
    let image_uri = clipped(wire.image_uri, MAX_TEXT_BYTES);
    let empty = is_blank(&title) && is_blank(&subtitle) && image_uri.is_empty() && buttons.is_empty();
    (!empty).then_some(Reply::Card { title, subtitle, image_uri, buttons })
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
