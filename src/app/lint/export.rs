//! An export's agent as the comparison reads it.

use crate::{
    core::intents::{Intent, Intents, Message, MessageKind, Parameter},
    nlp,
    offline_nlp::agent::{self, Agent, localized},
};

pub(super) fn intents(agent: &Agent, language: &str) -> Intents {
    let tag = language.to_lowercase();
    Intents {
        language: language.to_owned(),
        languages: agent.languages.clone(),
        phrases_known: true,
        list: agent.intents.iter().map(|it| intent(it, &tag)).collect(),
        limits: nlp::answer_limits(),
    }
}

fn intent(from: &agent::Intent, language: &str) -> Intent {
    let messages = localized(&from.messages, language).or_else(|| from.messages.get(""));
    Intent {
        name: from.name.clone(),
        action: from.action.clone(),
        parameters: from.parameters.iter().map(parameter).collect(),
        events: from.events.clone(),
        input_contexts: from.input_contexts.clone(),
        output_contexts: from.output_contexts.iter().filter(|it| it.lifespan > 0).map(|it| it.name.clone()).collect(),
        phrases: localized(&from.phrases, language).map_or(0, Vec::len),
        is_fallback: from.is_fallback,
        switched_off: from.priority < 0,
        webhook: from.webhook_used || from.webhook_for_slot_filling,
        ends: from.end_interaction,
        hands_over: from.live_agent_handoff,
        messages: messages.into_iter().flatten().map(message).collect(),
    }
}

fn parameter(from: &agent::Parameter) -> Parameter {
    Parameter {
        name: from.name.clone(),
        entity: from.entity.clone(),
        required: from.required,
        is_list: from.is_list,
        preset: !from.value.contains(['$', '#']) || from.default.is_some(),
    }
}

fn message(from: &agent::Message) -> Message {
    let longest = |texts: &[&String]| texts.iter().map(|it| it.len()).max().unwrap_or_default();
    let (kind, bytes, items) = match from {
        agent::Message::Text(texts) => (MessageKind::Said, texts.iter().map(String::len).max().unwrap_or_default(), 0),
        agent::Message::Card { title, subtitle, buttons, .. } => {
            (MessageKind::Said, longest(&[title, subtitle]), buttons.len())
        }
        agent::Message::QuickReplies { title, replies } => (MessageKind::Said, title.len(), replies.len()),
        agent::Message::Image { uri, description } => (MessageKind::Said, longest(&[uri, description]), 0),
        agent::Message::Payload(it) => {
            (MessageKind::Payload, serde_json::Value::Object(it.clone()).to_string().len(), 0)
        }
    };
    Message { platform: None, kind, bytes, items }
}
