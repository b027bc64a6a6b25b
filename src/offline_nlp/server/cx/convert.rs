//! CX's messages ↔ the conversation's own types. What comes in is checked here, by the service's limits.

use serde_json::{Map, Value, json};
use tonic::Status;

use super::SessionName;
use crate::{
    offline_nlp::{
        agent::{Agent, Intent, Message},
        server::convert::{Asked, event_name, object, text, zone},
        session::{Input, Outcome, Query},
    },
    wire::{
        dialogflow_cx::{
            self as wire, DtmfInput, Flow, Match, Page, QueryInput, QueryParameters, QueryResult, ResponseMessage,
            r#match::MatchType,
            query_input, query_result,
            response_message::{EndInteraction, LiveAgentHandoff, Message as Wire, Text},
        },
        dialogflow_v2::Status as WebhookStatus,
        structs,
    },
};

/// As the service names them.
const FLOW: &str = "00000000-0000-0000-0000-000000000000";
const FLOW_NAME: &str = "Default Start Flow";
const START: (&str, &str) = ("START_PAGE", "Start Page");
const END: (&str, &str) = ("END_SESSION", "End Session");
const NO_MATCH: &str = "sys.no-match-default";
const NO_INPUT: &str = "sys.no-input-default";
const MAX_CHANNEL_CHARS: usize = 250;

/// What a client said.
#[derive(Clone, Debug)]
pub(super) enum Heard {
    Text,
    Digits(DtmfInput),
    Event(String),
    /// An empty text: nobody said anything.
    Nothing,
}

/// A question, taken apart.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) heard: Heard,
    pub(super) asked: Asked,
    /// Into the session; null takes one out.
    pub(super) parameters: Map<String, Value>,
    pub(super) disable_webhook: bool,
}

/// What a turn has come to.
#[derive(Debug)]
pub(super) struct Turned {
    /// `None`: nobody said anything.
    pub(super) outcome: Option<Outcome>,
    /// The session's.
    pub(super) parameters: Map<String, Value>,
    /// The intent whose parameters were being asked for when the turn began.
    pub(super) fills: Option<usize>,
    pub(super) webhook: Option<WebhookStatus>,
}

pub(super) fn question(input: Option<QueryInput>, params: Option<QueryParameters>) -> Result<Question, Status> {
    let QueryInput { input, language_code } = input.unwrap_or_default();
    let as_text = |it: String| text(it, "query_input");
    let (input, heard) = match input {
        Some(query_input::Input::Text(it)) if it.text.trim().is_empty() => (Input::Text(String::new()), Heard::Nothing),
        Some(query_input::Input::Text(it)) => (as_text(it.text)?, Heard::Text),
        // An agent of ES matches digits by its entities.
        Some(query_input::Input::Dtmf(it)) => (as_text(it.digits.clone())?, Heard::Digits(it)),
        Some(query_input::Input::Event(it)) => {
            let name = event_name(it.event)?;
            (Input::Event { name: name.clone(), parameters: Map::new() }, Heard::Event(name))
        }
        Some(query_input::Input::Intent(_)) => {
            return Err(Status::unimplemented("the offline engine triggers no intent by its name: send its event"));
        }
        None => {
            return Err(Status::invalid_argument("query_input has neither text nor event nor dtmf: give one of them"));
        }
    };
    if language_code.trim().is_empty() {
        return Err(Status::invalid_argument(
            "query_input.language_code is missing: give the language of the input, such as en",
        ));
    }
    let given = params.unwrap_or_default();
    if !given.current_page.is_empty() {
        return Err(Status::unimplemented("the offline engine has no pages: leave query_params.current_page out"));
    }
    if given.channel.chars().count() > MAX_CHANNEL_CHARS {
        return Err(Status::invalid_argument("query_params.channel is too long"));
    }
    object(given.payload.clone(), "query_params.payload")?;
    let query = Query {
        input,
        language: language_code,
        contexts: Vec::new(),
        reset_contexts: false,
        entities: Vec::new(),
        zone: zone(&given.time_zone)?,
    };
    Ok(Question {
        heard,
        asked: Asked { query, payload: given.payload, webhook_headers: given.webhook_headers.into_iter().collect() },
        parameters: object(given.parameters, "query_params.parameters")?,
        disable_webhook: given.disable_webhook,
    })
}

/// Null takes a parameter out of the session.
pub(super) fn put(session: &mut Map<String, Value>, parameters: Map<String, Value>) {
    for (name, value) in parameters {
        if value.is_null() {
            session.remove(&name);
        } else {
            session.insert(name, value);
        }
    }
}

/// Slots that ES tells as empty are none in CX.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(it) => it.is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => it.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn result(turned: Turned, question: &Question, name: &SessionName, agent: &Agent) -> QueryResult {
    let Turned { outcome, parameters, fills, webhook } = turned;
    let asked_text = match &question.asked.query.input {
        Input::Text(it) => it.clone(),
        Input::Event { .. } => String::new(),
    };
    let query = match &question.heard {
        Heard::Text | Heard::Nothing => query_result::Query::Text(asked_text.clone()),
        Heard::Digits(it) => query_result::Query::Dtmf(it.clone()),
        Heard::Event(it) => query_result::Query::TriggerEvent(it.clone()),
    };
    let mut result = QueryResult {
        query: Some(query),
        language_code: question.asked.query.language.clone(),
        parameters: Some(structs::from_json(&parameters)),
        current_flow: Some(Flow { name: flow(name), display_name: FLOW_NAME.to_owned() }),
        current_page: Some(page(name, START)),
        webhook_statuses: webhook
            .iter()
            .map(|it| wire::Status { code: it.code, message: it.message.clone() })
            .collect(),
        ..QueryResult::default()
    };
    let Some(outcome) = outcome else {
        result.r#match = Some(event_match(MatchType::NoInput, NO_INPUT));
        return result;
    };
    result.language_code.clone_from(&outcome.language);
    if webhook.is_some() {
        result.webhook_payloads = vec![outcome.webhook_payload.as_ref().map(structs::from_json).unwrap_or_default()];
    }
    let intent = outcome.intent.and_then(|it| agent.intents.get(it));
    let found = matched(&outcome, intent, &question.heard, fills, name);
    result.intent.clone_from(&found.intent);
    result.intent_detection_confidence = found.confidence;
    result.r#match = Some(Match { resolved_input: asked_text, ..found });
    let ends = outcome.complete && intent.is_some_and(|it| it.end_interaction);
    if ends {
        result.current_page = Some(page(name, END));
    }
    result.response_messages = messages(outcome, intent, ends);
    result
}

fn flow(name: &SessionName) -> String {
    format!("{}/flows/{FLOW}", name.agent.path)
}

fn page(name: &SessionName, (id, display_name): (&str, &str)) -> Page {
    Page { name: format!("{}/pages/{id}", flow(name)), display_name: display_name.to_owned() }
}

fn event_match(match_type: MatchType, event: &str) -> Match {
    Match { match_type: match_type.into(), event: event.to_owned(), confidence: 1.0, ..Match::default() }
}

fn matched(
    outcome: &Outcome,
    intent: Option<&Intent>,
    heard: &Heard,
    fills: Option<usize>,
    name: &SessionName,
) -> Match {
    let found = outcome.parameters.iter().filter(|(_, it)| !is_empty(it));
    let found: Map<String, Value> = found.map(|(key, it)| (key.clone(), it.clone())).collect();
    let parameters = (!found.is_empty()).then(|| structs::from_json(&found));
    match (heard, intent) {
        (Heard::Event(event), _) => Match { parameters, ..event_match(MatchType::Event, event) },
        (Heard::Nothing, _) => event_match(MatchType::NoInput, NO_INPUT),
        (Heard::Text | Heard::Digits(_), Some(intent)) if !intent.is_fallback => {
            let is_filling = fills.is_some() && fills == outcome.intent && !outcome.cancels_slot_filling;
            let match_type = if is_filling { MatchType::ParameterFilling } else { MatchType::Intent };
            let told = wire::Intent {
                name: format!("{}/intents/{}", name.agent.path, intent.id),
                display_name: intent.name.clone(),
                is_fallback: false,
            };
            Match {
                intent: (!is_filling).then_some(told),
                match_type: match_type.into(),
                confidence: outcome.confidence,
                parameters,
                ..Match::default()
            }
        }
        (Heard::Text | Heard::Digits(_), Some(_) | None) => event_match(MatchType::NoMatch, NO_MATCH),
    }
}

/// What is said; then, once everything that the intent needs is there, what is asked for.
fn messages(outcome: Outcome, intent: Option<&Intent>, ends: bool) -> Vec<ResponseMessage> {
    let mut messages: Vec<Wire> = outcome.messages.into_iter().flat_map(message).collect();
    if outcome.complete {
        if !outcome.action.is_empty() {
            let asked = json!({"action": outcome.action, "parameters": outcome.parameters});
            messages.extend(payload(asked));
        }
        if intent.is_some_and(|it| it.live_agent_handoff) {
            messages.push(Wire::LiveAgentHandoff(LiveAgentHandoff::default()));
        }
        if ends {
            messages.push(Wire::EndInteraction(EndInteraction {}));
        }
    }
    messages.into_iter().map(|it| ResponseMessage { channel: String::new(), message: Some(it) }).collect()
}

/// Cards and their like have no form of their own in CX: they go as the rich content of Google's own messenger.
fn message(message: Message) -> Vec<Wire> {
    match message {
        Message::Text(text) => vec![Wire::Text(Text { text })],
        Message::Payload(it) => vec![Wire::Payload(structs::from_json(&it))],
        Message::Image { uri, description } => {
            rich(&[json!({"type": "image", "rawUrl": uri, "accessibilityText": description})])
        }
        Message::QuickReplies { title, replies } => {
            let title = Some(title).filter(|it| !it.trim().is_empty());
            let title = title.map(|it| Wire::Text(Text { text: vec![it] }));
            let options: Vec<Value> = replies.into_iter().map(|it| json!({"text": it})).collect();
            title.into_iter().chain(rich(&[json!({"type": "chips", "options": options})])).collect()
        }
        Message::Card { title, subtitle, image_uri, buttons } => {
            let card = if image_uri.is_empty() {
                json!({"type": "info", "title": title, "subtitle": subtitle})
            } else {
                json!({"type": "info", "title": title, "subtitle": subtitle, "image": {"rawUrl": image_uri}})
            };
            let buttons = buttons.into_iter().map(|(text, link)| json!({"type": "button", "text": text, "link": link}));
            rich(&std::iter::once(card).chain(buttons).collect::<Vec<_>>())
        }
    }
}

fn rich(elements: &[Value]) -> Vec<Wire> {
    payload(json!({ "richContent": [elements] })).into_iter().collect()
}

fn payload(json: Value) -> Option<Wire> {
    match json {
        Value::Object(it) => Some(Wire::Payload(structs::from_json(&it))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
