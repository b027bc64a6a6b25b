//! A question of ours as `RecognizeText`, and its response as an answer.
//!
//! Lex has no word for what a client is to do but one: an intent that is *ready for fulfillment* is the client's to fulfil. So
//! an intent that is complete asks for the profile's action of its name. What else a bot wants it says by the object `usher`
//! (see [`wish`]), in a custom payload or in the request attribute of that name. Not in a session attribute: those stay, and
//! the wish would be granted again with every turn.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::errors::{self, Bot};
use crate::{
    core::{
        message::{Answer, Button, FailureKind, Input, Parameters, Reply},
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

/// The event that clicks and forms are, in `event_texts`.
const STRUCTURED_EVENT: &str = "structured";

/// Request attributes of ours, for the bot's Lambda function. None is called [`wish::KEY`]: Lex gives them back.
const PAYLOAD_ATTRIBUTE: &str = "usher_payload";
const SEED_ATTRIBUTE: &str = "usher_seed";
const EVENT_ATTRIBUTE: &str = "usher_event";
const EVENT_PARAMETERS_ATTRIBUTE: &str = "usher_event_parameters";
/// Lambda's input is bounded, and holds more than an attribute.
const MAX_ATTRIBUTE_BYTES: usize = 8 * 1024;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Utterance {
    text: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    request_attributes: BTreeMap<&'static str, String>,
    /// Takes the place of what Lex keeps, so it goes only where a conversation is taken over.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_state: Option<GivenState>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct GivenState {
    session_attributes: BTreeMap<String, String>,
}

/// What other engines have gathered, as texts: session attributes are nothing else.
fn seeded(slots: Parameters) -> Option<GivenState> {
    let text = |value: Value| match value {
        Value::String(text) => text,
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    };
    let session_attributes: BTreeMap<_, _> = slots.into_iter().map(|(name, value)| (name, text(value))).collect();
    (!session_attributes.is_empty()).then_some(GivenState { session_attributes })
}

pub(super) fn utterance(
    input: Input,
    (payload, seed): (Parameters, Option<Box<Seed>>),
    event_texts: &BTreeMap<String, String>,
    place: &Place,
) -> Result<Utterance, AskError> {
    let mut request_attributes = BTreeMap::new();
    attach(&mut request_attributes, PAYLOAD_ATTRIBUTE, &Value::Object(payload));
    if let Some(seed) = &seed {
        attach(&mut request_attributes, SEED_ATTRIBUTE, &seed::fitting(seed));
    }
    let session_state = seed.filter(|it| !it.returns).and_then(|it| seeded(it.slots));
    let (event, parameters) = match input {
        Input::Text(text) | Input::Dtmf(text) => return Ok(Utterance { text, request_attributes, session_state }),
        Input::Event { name, parameters } => (name, parameters),
        Input::Structured(parameters) => (STRUCTURED_EVENT.to_owned(), parameters),
        Input::Redacted => return Err(place.redacted()),
    };
    let Some(text) = event_texts.get(&event) else {
        let advice = said!("Lex knows no events, and `event_texts` has no text for {}", fit::name(event));
        return Err(place.failure(FailureKind::Empty, &advice, None));
    };
    attach(&mut request_attributes, EVENT_PARAMETERS_ATTRIBUTE, &Value::Object(parameters));
    request_attributes.insert(EVENT_ATTRIBUTE, event);
    Ok(Utterance { text: text.clone(), request_attributes, session_state })
}

fn attach(attributes: &mut BTreeMap<&'static str, String>, name: &'static str, json: &Value) {
    let json = json.to_string();
    if json.len() > MAX_ATTRIBUTE_BYTES {
        tracing::warn!("the request attribute {name} of more than {MAX_ATTRIBUTE_BYTES} bytes is not passed on");
    } else if json != "{}" {
        attributes.insert(name, json);
    }
}

/// As the API's reference has it. Everything may be absent or null.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    messages: Option<Vec<Message>>,
    session_state: Option<SessionState>,
    interpretations: Option<Vec<Interpretation>>,
    request_attributes: Option<BTreeMap<String, Option<String>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    content: Option<String>,
    content_type: Option<String>,
    image_response_card: Option<Card>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Card {
    title: Option<String>,
    subtitle: Option<String>,
    image_url: Option<String>,
    buttons: Option<Vec<CardButton>>,
}

#[derive(Debug, Deserialize)]
struct CardButton {
    text: Option<String>,
    value: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SessionState {
    intent: Option<Intent>,
    dialog_action: Option<DialogAction>,
    active_contexts: Option<Vec<Context>>,
}

#[derive(Debug, Deserialize)]
struct Intent {
    name: Option<String>,
    state: Option<String>,
    slots: Option<BTreeMap<String, Option<Slot>>>,
}

#[derive(Debug, Deserialize)]
struct DialogAction {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Context {
    name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Slot {
    value: Option<SlotValue>,
    /// Of shape `List`.
    values: Option<Vec<Option<Self>>>,
    /// Of shape `Composite`.
    sub_slots: Option<BTreeMap<String, Option<Self>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SlotValue {
    interpreted_value: Option<String>,
    original_value: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Interpretation {
    intent: Option<Intent>,
    nlu_confidence: Option<Confidence>,
    sentiment_response: Option<Sentiment>,
}

#[derive(Debug, Deserialize)]
struct Confidence {
    score: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sentiment {
    sentiment_score: Option<SentimentScore>,
}

#[derive(Debug, Deserialize)]
struct SentimentScore {
    positive: Option<f64>,
    negative: Option<f64>,
}

/// How a profile reads answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading<'a> {
    pub(super) fallback_intent: &'a str,
    pub(super) actions: &'a BTreeSet<String>,
    pub(super) place: &'a Place,
    pub(super) bot: &'a Bot,
}

impl Reading<'_> {
    pub(super) fn answer(self, body: &[u8]) -> Result<Answer, AskError> {
        let Self { place, bot, .. } = self;
        let response: Response = serde_json::from_slice(body).map_err(|error| place.unreadable(&error))?;
        if response.session_state.is_none() && response.messages.is_none() {
            return Err(place.malformed(&said!("it has neither `sessionState` nor `messages`")));
        }
        let answer = self.read(response).map_err(|why| place.malformed(&Said::foreign(why)))?;
        if fit::is_empty(&answer) {
            return Err(errors::empty(place, bot, answer.intent.as_deref().unwrap_or("(none)")));
        }
        Ok(answer)
    }

    /// # Errors
    /// What is wrong with it, in words for an administrator.
    fn read(self, response: Response) -> Result<Answer, &'static str> {
        let Response { messages, session_state, interpretations, request_attributes } = response;
        let SessionState { intent, dialog_action, active_contexts } = session_state.unwrap_or_default();
        let mut answer = Answer { parameters_complete: !asks_on(dialog_action), ..Answer::default() };
        if let Some(intent) = intent {
            self.intent(intent, &mut answer);
        }
        let interpretations = interpretations.unwrap_or_default();
        let of_intent = |it: &&Interpretation| {
            let name = it.intent.as_ref().and_then(|it| it.name.as_deref());
            name.is_some() && name == answer.intent.as_deref()
        };
        let confidence = interpretations.iter().find(of_intent).and_then(|it| it.nlu_confidence.as_ref()?.score);
        answer.confidence = confidence.and_then(fit::confidence);
        answer.sentiment = interpretations.iter().find_map(sentiment);
        let contexts = active_contexts.unwrap_or_default().into_iter().filter_map(|it| it.name);
        answer.contexts = contexts.filter(|it| !it.is_empty()).take(MAX_ITEMS).map(fit::name).collect();

        let mut wishes = Vec::new();
        for message in messages.unwrap_or_default().into_iter().take(MAX_REPLIES) {
            answer.replies.extend(reply(message, &mut wishes)?);
        }
        if let Some(attribute) = request_attributes.unwrap_or_default().remove(wish::KEY).flatten() {
            let json =
                serde_json::from_str(&attribute).map_err(|_unsaid| "its request attribute `usher` is no JSON")?;
            wishes.push(Wish::of(json)?);
        }
        wish::grant(wishes, &mut answer)?;
        Ok(answer)
    }

    fn intent(self, intent: Intent, answer: &mut Answer) {
        let Intent { name, state, slots } = intent;
        let name = fit::name(name.unwrap_or_default());
        answer.not_understood = name == self.fallback_intent;
        let complete = matches!(state.as_deref(), Some("ReadyForFulfillment" | "Fulfilled"));
        if complete && !answer.not_understood && self.actions.contains(&name) {
            answer.action.clone_from(&name);
            answer.parameters_complete = true;
        }
        answer.parameters = fit::object(Value::Object(parameters(slots.unwrap_or_default()))).unwrap_or_default();
        answer.intent = Some(name).filter(|it| !it.is_empty());
    }
}

/// Whether the bot waits for more before the intent is complete.
fn asks_on(dialog_action: Option<DialogAction>) -> bool {
    let kind = dialog_action.and_then(|it| it.kind).unwrap_or_default();
    matches!(kind.as_str(), "ElicitSlot" | "ConfirmIntent")
}

/// From -1 to 1: how much more the words are positive than negative.
fn sentiment(interpretation: &Interpretation) -> Option<f32> {
    let SentimentScore { positive, negative } = interpretation.sentiment_response.as_ref()?.sentiment_score.as_ref()?;
    #[expect(clippy::cast_possible_truncation, reason = "a mood needs no more digits")]
    let mood = (positive.as_ref()? - negative.as_ref()?) as f32;
    mood.is_finite().then(|| mood.clamp(-1.0, 1.0))
}

/// Slots that are filled.
fn parameters(slots: BTreeMap<String, Option<Slot>>) -> Map<String, Value> {
    slots.into_iter().filter_map(|(name, slot)| Some((name, value(slot?)?))).collect()
}

fn value(slot: Slot) -> Option<Value> {
    let Slot { value: own, values, sub_slots } = slot;
    if let Some(values) = values.filter(|it| !it.is_empty()) {
        return Some(values.into_iter().flatten().filter_map(value).collect());
    }
    if let Some(parts) = sub_slots.filter(|it| !it.is_empty()) {
        return Some(Value::Object(parameters(parts)));
    }
    let SlotValue { interpreted_value, original_value } = own?;
    interpreted_value.or(original_value).map(Value::String)
}

fn reply(message: Message, wishes: &mut Vec<Wish>) -> Result<Option<Reply>, &'static str> {
    let Message { content, content_type, image_response_card } = message;
    let content = content.unwrap_or_default();
    Ok(match content_type.as_deref() {
        Some("ImageResponseCard") => image_response_card.and_then(card),
        Some("SSML") => fit::text(spoken(&content)),
        Some("CustomPayload") => match serde_json::from_str(&content).ok().and_then(fit::object) {
            Some(mut payload) => {
                wishes.extend(Wish::take_from(&mut payload)?);
                (!payload.is_empty()).then_some(Reply::Payload(payload))
            }
            // Anything may stand there, also plain words.
            None => fit::text(content),
        },
        Some(_) | None => fit::text(content),
    })
}

/// Lex has one card for everything: an image with words, a choice, or a card.
fn card(card: Card) -> Option<Reply> {
    let said = |text: Option<String>| fit::said(text.unwrap_or_default());
    let (title, subtitle) = (said(card.title), said(card.subtitle));
    let image_uri = fit::web(card.image_url.unwrap_or_default());
    let buttons = card.buttons.unwrap_or_default().into_iter();
    let buttons = buttons.filter_map(|it| fit::button(it.text.unwrap_or_default(), it.value.unwrap_or_default()));
    let buttons: Vec<Button> = buttons.take(MAX_ITEMS).collect();
    match (subtitle.is_empty(), image_uri.is_empty(), buttons.is_empty()) {
        (true, false, true) => fit::image(image_uri, title),
        (true, true, false) => fit::choice(title, buttons),
        _more => fit::card(title, subtitle, image_uri, buttons),
    }
}

/// The words of an SSML text, without its marks.
fn spoken(ssml: &str) -> String {
    let mut words = String::with_capacity(ssml.len());
    let mut in_mark = false;
    for c in ssml.chars() {
        match c {
            '<' => in_mark = true,
            '>' if in_mark => in_mark = false,
            _ if !in_mark => words.push(c),
            _ => {}
        }
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    let plain = entities.iter().fold(words, |words, (entity, character)| words.replace(entity, character));
    plain.trim().to_owned()
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
