//! A question of ours as a `/query`, and its response as an answer.
//!
//! Version 1 is loosely typed (flags of `metadata` and codes may be strings), and compatible servers are looser still, so the
//! response is read key by key: what has another shape than documented counts as absent.

use serde::Serialize;
use serde_json::{Map, Value};

use super::errors;
use crate::{
    core::{
        message::{Answer, Button, Input, Parameters, Reply},
        said::{Said, said},
    },
    gateway::ports::{AskError, Seed},
    nlp::{
        fit::{self, MAX_ITEMS, MAX_REPLIES},
        seed,
        web::Place,
        wish::{self, Wish},
    },
};

/// The event by which clicks and forms reach the agent.
const STRUCTURED_EVENT: &str = "structured";
/// The context with which a conversation is taken over from another engine, with what that has gathered.
const SEED_CONTEXT: &str = "usher-seed";
const SEED_LIFESPAN: u32 = 50;
/// The action of an agent's fallback intent, unless its author changes it: older servers tell a fallback by nothing else.
const FALLBACK_ACTION: &str = "input.unknown";

const SUCCESS: u16 = 200;
/// The webhook failed; the rest of the answer is good.
const PARTIAL_CONTENT: u16 = 206;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Query<'a> {
    #[serde(flatten)]
    asked: Asked,
    lang: &'a str,
    session_id: &'a str,
    timezone: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    contexts: Vec<Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    original_request: Option<OriginalRequest>,
}

#[derive(Debug, Serialize)]
struct Context {
    name: &'static str,
    lifespan: u32,
    parameters: Parameters,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
enum Asked {
    Query(String),
    Event {
        name: String,
        #[serde(skip_serializing_if = "Map::is_empty")]
        data: Parameters,
    },
}

/// What the agent's webhook gets beside the query.
#[derive(Debug, Serialize)]
struct OriginalRequest {
    source: &'static str,
    data: Parameters,
}

/// What a question is asked in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'a> {
    pub(super) language: &'a str,
    pub(super) session: &'a str,
    pub(super) time_zone: &'a str,
}

pub(super) fn query<'a>(
    input: Input,
    (mut payload, seed): (Parameters, Option<Box<Seed>>),
    setting: Setting<'a>,
    place: &Place,
) -> Result<Query<'a>, AskError> {
    let asked = match input {
        // Digits are text to Dialogflow: an agent matches them by its entities, as it does on the telephone.
        Input::Text(text) | Input::Dtmf(text) => Asked::Query(text),
        Input::Event { name, parameters } => Asked::Event { name, data: parameters },
        Input::Structured(parameters) => Asked::Event { name: STRUCTURED_EVENT.to_owned(), data: parameters },
        Input::Redacted => return Err(place.redacted()),
    };
    let Setting { language, session, time_zone } = setting;
    seed::add(seed.as_deref(), &mut payload);
    let seeded = |it: Box<Seed>| Context { name: SEED_CONTEXT, lifespan: SEED_LIFESPAN, parameters: it.slots };
    let contexts = seed.filter(|it| !it.returns).map(seeded).into_iter().collect();
    let original_request = (!payload.is_empty()).then_some(OriginalRequest { source: "usher", data: payload });
    Ok(Query { asked, lang: language, session_id: session, timezone: time_zone, contexts, original_request })
}

/// What the `status` object of a body says, if there is one.
pub(super) fn status_code(body: &[u8]) -> Option<u16> {
    let document: Value = serde_json::from_slice(body).ok()?;
    code(&document)
}

fn code(document: &Value) -> Option<u16> {
    let code = document.get("status")?.get("code")?;
    code.as_u64().and_then(|it| u16::try_from(it).ok()).or_else(|| code.as_str()?.parse().ok())
}

/// `words`: the input was the customer's own.
pub(super) fn answer(body: &[u8], words: bool, place: &Place) -> Result<Answer, AskError> {
    let mut document: Value = serde_json::from_slice(body).map_err(|error| place.unreadable(&error))?;
    let code = match code(&document) {
        Some(code) if (SUCCESS..300).contains(&code) => code,
        Some(code) => return Err(errors::refused(place, code)),
        None => SUCCESS,
    };
    let failed_webhook = (code == PARTIAL_CONTENT).then(|| failure_text(&document));
    let Some(Value::Object(result)) = document.get_mut("result").map(Value::take) else {
        if failed_webhook.is_some() {
            return Err(errors::webhook(place));
        }
        return Err(place.malformed(&said!("it has no `result`")));
    };
    let mut answer = from_result(result).map_err(|why| place.malformed(&Said::foreign(why)))?;
    if fit::is_empty(&answer) {
        if failed_webhook.is_some() {
            return Err(errors::webhook(place));
        }
        // No intent, no fallback intent, no text: the agent did not understand, which is no failure of the system's.
        answer.not_understood = words && answer.intent.is_none();
        if !answer.not_understood {
            return Err(errors::empty(place));
        }
    }
    answer.webhook_failure = failed_webhook;
    Ok(answer)
}

fn failure_text(document: &Value) -> String {
    let details = document.get("status").and_then(|it| it.get("errorDetails")).and_then(Value::as_str);
    fit::name(details.unwrap_or("partial_content"))
}

/// # Errors
/// What is wrong with it, in words for an administrator.
fn from_result(mut result: Map<String, Value>) -> Result<Answer, &'static str> {
    let metadata = result.get("metadata").cloned().unwrap_or_default();
    let fulfillment = result.remove("fulfillment").unwrap_or_default();
    let action = text(&result, "action").map(fit::name).unwrap_or_default();
    let contexts = result.get("contexts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let contexts = contexts.iter().filter_map(|it| it.get("name")?.as_str()).filter(|it| !it.is_empty());
    let intent = metadata.get("intentName").and_then(Value::as_str).filter(|it| !it.is_empty());
    let mut answer = Answer {
        contexts: contexts.take(MAX_ITEMS).map(fit::name).collect(),
        parameters_complete: !result.get("actionIncomplete").is_some_and(flag),
        intent: intent.map(fit::name),
        confidence: result.get("score").and_then(number).and_then(fit::confidence),
        not_understood: metadata.get("isFallbackIntent").is_some_and(flag) || action == FALLBACK_ACTION,
        parameters: result.remove("parameters").and_then(fit::object).unwrap_or_default(),
        ..Answer::default()
    };
    let mut wishes = Vec::new();
    for message in own_messages(&fulfillment).take(MAX_REPLIES) {
        let Value::Object(message) = message else { continue };
        answer.replies.extend(reply(message, &mut wishes)?);
    }
    if answer.replies.is_empty() {
        let speech = [fulfillment.get("speech"), result.get("speech")].into_iter().flatten().find_map(speech);
        answer.replies.extend(speech.and_then(fit::text));
    }
    answer.action = action;
    wish::grant(wishes, &mut answer)?;
    Ok(answer)
}

/// Messages for no platform in particular; the others are for other channels.
fn own_messages(fulfillment: &Value) -> impl Iterator<Item = &Value> {
    let messages = fulfillment.get("messages").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    messages.iter().filter(|it| it.get("platform").and_then(Value::as_str).unwrap_or_default().is_empty())
}

fn reply(message: &Map<String, Value>, wishes: &mut Vec<Wish>) -> Result<Option<Reply>, &'static str> {
    let said = |key| text(message, key).map(fit::said).unwrap_or_default();
    let kind = message.get("type").and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
    Ok(match kind {
        Some(0) => message.get("speech").and_then(speech).and_then(fit::text),
        Some(1) => fit::card(said("title"), said("subtitle"), fit::web(said("imageUrl")), buttons(message)),
        Some(2) => {
            let (title, replies) = (said("title"), replies(message));
            (!fit::is_blank(&title) || !replies.is_empty()).then_some(Reply::QuickReplies { title, replies })
        }
        Some(3) => fit::image(said("imageUrl"), ""),
        Some(4) => {
            let Some(mut payload) = message.get("payload").cloned().and_then(fit::object) else { return Ok(None) };
            wishes.extend(Wish::take_from(&mut payload)?);
            (!payload.is_empty()).then_some(Reply::Payload(payload))
        }
        Some(_) | None => None,
    })
}

fn buttons(card: &Map<String, Value>) -> Vec<Button> {
    let buttons = card.get("buttons").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let of = |it: &Value, key: &str| it.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    buttons.iter().filter_map(|it| fit::button(of(it, "text"), of(it, "postback"))).take(MAX_ITEMS).collect()
}

fn replies(message: &Map<String, Value>) -> Vec<String> {
    let replies = message.get("replies").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    replies.iter().filter_map(Value::as_str).filter(|it| !fit::is_blank(it)).take(MAX_ITEMS).map(fit::name).collect()
}

fn text<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    object.get(key)?.as_str()
}

/// One text; of several, the first that says something.
fn speech(value: &Value) -> Option<&str> {
    let texts = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    texts.iter().filter_map(Value::as_str).find(|it| !fit::is_blank(it))
}

/// `true` or `"true"`.
fn flag(value: &Value) -> bool {
    value.as_bool().unwrap_or_else(|| value.as_str().is_some_and(|it| it.eq_ignore_ascii_case("true")))
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
