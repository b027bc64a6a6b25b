//! The wire's messages ↔ the conversation's own types. What comes in is checked here, by the service's limits.

use jiff::tz::TimeZone;
use prost_types::Struct;
use serde_json::{Map, Value};
use tonic::Status;

use super::names::{Collection, ItemName, SessionName};
use crate::{
    offline_nlp::{
        agent::{Agent, Entry, Message},
        lexicon::{Mode, SessionEntity},
        session::{Context, Followup, Fulfilment, Input, Outcome, Query, entity_bytes, json_bytes},
    },
    wire::{
        dialogflow_v2::{self as wire, message, query_input, session_entity_type::EntityOverrideMode},
        structs,
    },
};

const MAX_TEXT_CHARS: usize = 256;
const MAX_EVENT_CHARS: usize = 150;
/// Of a context's or an event's parameters, or of a payload, as JSON text.
const MAX_JSON_BYTES: usize = 32 * 1024;
/// Contexts, entity types, and messages in one request or answer.
const MAX_ITEMS: usize = 64;
const MAX_ENTRIES: usize = 1000;
/// Of one session entity type.
const MAX_ENTITY_BYTES: usize = 256 * 1024;

/// A question, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) query: Query,
    pub(super) payload: Option<Struct>,
    pub(super) webhook_headers: Vec<(String, String)>,
}

pub(super) fn asked(
    input: Option<wire::QueryInput>,
    audio: &[u8],
    parameters: Option<wire::QueryParameters>,
    agent: &Agent,
) -> Result<Asked, Status> {
    if !audio.is_empty() {
        return Err(Status::unimplemented(
            "the offline engine does not hear: send query_input.text or query_input.event",
        ));
    }
    let (input, language) = match input.and_then(|it| it.input) {
        Some(query_input::Input::Text(it)) => (text(it.text, "query_input.text.text")?, it.language_code),
        Some(query_input::Input::Event(it)) => {
            let (name, parameters) = event(it.name, it.parameters)?;
            (Input::Event { name, parameters }, it.language_code)
        }
        None => return Err(Status::invalid_argument("query_input has neither text nor event: give one of them")),
    };
    if language.trim().is_empty() {
        return Err(Status::invalid_argument("language_code is missing: give the language of the input, such as en"));
    }
    let given = parameters.unwrap_or_default();
    let zone = zone(&given.time_zone)?;
    if given.contexts.len() > MAX_ITEMS || given.session_entity_types.len() > MAX_ITEMS {
        return Err(Status::invalid_argument(format!(
            "query_params has more than {MAX_ITEMS} contexts or entity types"
        )));
    }
    let contexts = given.contexts.into_iter().map(|it| context(it).map(|(_, it)| it)).collect::<Result<_, _>>()?;
    let entities = given.session_entity_types.into_iter();
    let entities = entities.map(|it| entity(it, agent).map(|(_, it)| it)).collect::<Result<_, _>>()?;
    object(given.payload.clone(), "query_params.payload")?;
    Ok(Asked {
        query: Query { input, language, contexts, reset_contexts: given.reset_contexts, entities, zone },
        payload: given.payload,
        webhook_headers: given.webhook_headers.into_iter().collect(),
    })
}

/// The agent's where none is named.
pub(super) fn zone(name: &str) -> Result<Option<TimeZone>, Status> {
    let bad =
        |_unknown| Status::invalid_argument("query_params.time_zone is not a time zone's name, such as Europe/Berlin");
    if name.is_empty() { Ok(None) } else { TimeZone::get(name).map(Some).map_err(bad) }
}

/// `field` is where the text stands in the request.
pub(super) fn text(text: String, field: &str) -> Result<Input, Status> {
    if text.trim().is_empty() {
        return Err(Status::invalid_argument(format!("{field} is empty")));
    }
    let count = text.chars().count();
    if count > MAX_TEXT_CHARS {
        return Err(Status::invalid_argument(format!(
            "{field} has {count} characters: at most {MAX_TEXT_CHARS} are allowed"
        )));
    }
    Ok(Input::Text(text))
}

fn event(name: String, parameters: Option<Struct>) -> Result<(String, Map<String, Value>), Status> {
    Ok((event_name(name)?, object(parameters, "the event's parameters")?))
}

pub(super) fn event_name(name: String) -> Result<String, Status> {
    let count = name.chars().count();
    if name.trim().is_empty() || count > MAX_EVENT_CHARS {
        return Err(Status::invalid_argument(format!(
            "the event's name has {count} characters: 1 to {MAX_EVENT_CHARS} are allowed"
        )));
    }
    Ok(name)
}

pub(super) fn object(from: Option<Struct>, what: &str) -> Result<Map<String, Value>, Status> {
    let map = structs::to_json(from.unwrap_or_default());
    let map = map.map_err(|error| Status::invalid_argument(format!("{what}: {error}")))?;
    let bytes: usize = map.iter().map(|(key, value)| key.len() + json_bytes(value)).sum();
    if bytes > MAX_JSON_BYTES {
        return Err(Status::invalid_argument(format!("{what}: larger than {MAX_JSON_BYTES} bytes")));
    }
    Ok(map)
}

pub(super) fn context(from: wire::Context) -> Result<(SessionName, Context), Status> {
    let ItemName { session, id } = ItemName::parse(&from.name, Collection::Contexts)?;
    if from.lifespan_count < 0 {
        return Err(Status::invalid_argument("a context's lifespan_count cannot be negative"));
    }
    let parameters = object(from.parameters, "a context's parameters")?;
    Ok((session, Context { name: id, lifespan: from.lifespan_count, parameters }))
}

pub(super) fn context_to_wire(context: &Context, session: &SessionName) -> wire::Context {
    wire::Context {
        name: format!("{}/contexts/{}", session.path, context.name),
        lifespan_count: context.lifespan,
        parameters: Some(&context.parameters).filter(|it| !it.is_empty()).map(structs::from_json),
    }
}

pub(super) fn entity(from: wire::SessionEntityType, agent: &Agent) -> Result<(SessionName, SessionEntity), Status> {
    let mode = match from.entity_override_mode() {
        EntityOverrideMode::Override => Mode::Override,
        EntityOverrideMode::Supplement => Mode::Supplement,
        EntityOverrideMode::Unspecified => {
            return Err(Status::invalid_argument(
                "entity_override_mode is missing: give ENTITY_OVERRIDE_MODE_OVERRIDE or ENTITY_OVERRIDE_MODE_SUPPLEMENT",
            ));
        }
    };
    let ItemName { session, id } = ItemName::parse(&from.name, Collection::EntityTypes)?;
    if !agent.entities.iter().any(|it| it.name == id) {
        return Err(Status::invalid_argument(format!("the agent has no entity type {id:?}")));
    }
    if from.entities.len() > MAX_ENTRIES {
        return Err(Status::invalid_argument(format!("entities has more than {MAX_ENTRIES} entries")));
    }
    let entry = |it: wire::Entity| Entry { value: it.value, synonyms: it.synonyms };
    let entity = SessionEntity { name: id, mode, entries: from.entities.into_iter().map(entry).collect() };
    let bytes = entity_bytes(&entity);
    if bytes > MAX_ENTITY_BYTES {
        return Err(Status::invalid_argument(format!(
            "entities takes {bytes} bytes: at most {MAX_ENTITY_BYTES} are allowed in one session entity type"
        )));
    }
    Ok((session, entity))
}

pub(super) fn entity_to_wire(entity: &SessionEntity, session: &SessionName) -> wire::SessionEntityType {
    let mode = match entity.mode {
        Mode::Override => EntityOverrideMode::Override,
        Mode::Supplement => EntityOverrideMode::Supplement,
    };
    let entry = |it: &Entry| wire::Entity { value: it.value.clone(), synonyms: it.synonyms.clone() };
    wire::SessionEntityType {
        name: format!("{}/entityTypes/{}", session.path, entity.name),
        entity_override_mode: mode.into(),
        entities: entity.entries.iter().map(entry).collect(),
    }
}

pub(super) fn result(outcome: Outcome, session: &SessionName, agent: &Agent) -> wire::QueryResult {
    let intent = outcome.intent.and_then(|it| agent.intents.get(it)).map(|it| wire::Intent {
        name: format!("{}/intents/{}", session.agent, it.id),
        display_name: it.name.clone(),
        is_fallback: it.is_fallback,
        live_agent_handoff: it.live_agent_handoff,
        end_interaction: it.end_interaction,
        ..wire::Intent::default()
    });
    wire::QueryResult {
        query_text: outcome.query_text,
        action: outcome.action,
        parameters: Some(structs::from_json(&outcome.parameters)),
        all_required_params_present: outcome.complete,
        cancels_slot_filling: outcome.cancels_slot_filling,
        fulfillment_text: outcome.text,
        fulfillment_messages: outcome.messages.into_iter().map(message_to_wire).collect(),
        webhook_source: outcome.webhook_source,
        webhook_payload: outcome.webhook_payload.as_ref().map(structs::from_json),
        output_contexts: outcome.contexts.iter().map(|it| context_to_wire(it, session)).collect(),
        intent,
        intent_detection_confidence: outcome.confidence,
        language_code: outcome.language,
        ..wire::QueryResult::default()
    }
}

pub(super) fn message_to_wire(message: Message) -> wire::Message {
    let button = |(text, postback)| message::card::Button { text, postback };
    let message = match message {
        Message::Text(text) => message::Message::Text(message::Text { text }),
        Message::Image { uri, description } => {
            message::Message::Image(message::Image { image_uri: uri, accessibility_text: description })
        }
        Message::QuickReplies { title, replies } => {
            message::Message::QuickReplies(message::QuickReplies { title, quick_replies: replies })
        }
        Message::Card { title, subtitle, image_uri, buttons } => message::Message::Card(message::Card {
            title,
            subtitle,
            image_uri,
            buttons: buttons.into_iter().map(button).collect(),
        }),
        Message::Payload(it) => message::Message::Payload(structs::from_json(&it)),
    };
    wire::Message { platform: message::Platform::Unspecified.into(), message: Some(message) }
}

/// For the default platform; others' messages are for other channels.
fn message(from: wire::Message) -> Result<Option<Message>, Status> {
    if from.platform() != message::Platform::Unspecified {
        return Ok(None);
    }
    let Some(from) = from.message else { return Ok(None) };
    Ok(Some(match from {
        message::Message::Text(it) => Message::Text(it.text),
        message::Message::Image(it) => Message::Image { uri: it.image_uri, description: it.accessibility_text },
        message::Message::QuickReplies(it) => Message::QuickReplies { title: it.title, replies: it.quick_replies },
        message::Message::Card(it) => Message::Card {
            title: it.title,
            subtitle: it.subtitle,
            image_uri: it.image_uri,
            buttons: it.buttons.into_iter().map(|it| (it.text, it.postback)).collect(),
        },
        message::Message::Payload(it) => Message::Payload(object(Some(it), "a message's payload")?),
    }))
}

fn follow_up(from: wire::EventInput) -> Result<Followup, Status> {
    let (name, parameters) = event(from.name, from.parameters)?;
    let language = Some(from.language_code).filter(|it| !it.trim().is_empty());
    Ok(Followup { name, parameters, language })
}

/// A webhook's answer; what it says of other sessions than this is refused.
pub(super) fn fulfilment(
    from: wire::WebhookResponse,
    session: &SessionName,
    agent: &Agent,
) -> Result<Fulfilment, Status> {
    let items = [from.fulfillment_messages.len(), from.output_contexts.len(), from.session_entity_types.len()];
    if items.into_iter().any(|it| it > MAX_ITEMS) {
        return Err(Status::invalid_argument(format!("more than {MAX_ITEMS} messages, contexts or entity types")));
    }
    let own = |(of, it): (SessionName, Context)| {
        let is_own = of.key == session.key;
        is_own.then_some(it).ok_or_else(|| Status::invalid_argument("outputContexts names another session"))
    };
    let contexts = from.output_contexts.into_iter().map(|it| context(it).and_then(own));
    let entities = from.session_entity_types.into_iter().map(|it| entity(it, agent).map(|(_, it)| it));
    let messages = from.fulfillment_messages.into_iter().map(message).filter_map(Result::transpose);
    let followup = from.followup_event_input.filter(|it| !it.name.is_empty());
    Ok(Fulfilment {
        text: from.fulfillment_text,
        messages: messages.collect::<Result<_, _>>()?,
        source: from.source,
        payload: from.payload.map(|it| object(Some(it), "payload")).transpose()?,
        contexts: contexts.collect::<Result<_, _>>()?,
        followup: followup.map(follow_up).transpose()?,
        entities: entities.collect::<Result<_, _>>()?,
    })
}
