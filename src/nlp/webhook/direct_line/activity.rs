//! Activities as Direct Line 3.0 documents them: as much of them as a contact centre can use.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    core::{ids::ContactId, message::Input},
    gateway::ports::Ask,
    nlp::seed,
};

/// What came since a watermark. Each activity is read by itself: a bad one must not hide the others.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ActivitySet {
    #[serde(default)]
    pub(super) activities: Vec<Value>,
    #[serde(default)]
    pub(super) watermark: Option<String>,
}

impl ActivitySet {
    /// # Errors
    /// When it is no set. Nothing at all is an empty one: a sign of life.
    pub(super) fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        serde_json::from_slice(body)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Activity {
    pub(super) r#type: String,
    pub(super) id: Option<String>,
    pub(super) from: Option<Account>,
    pub(super) reply_to_id: Option<String>,
    pub(super) text: Option<String>,
    /// Of an event.
    pub(super) name: Option<String>,
    pub(super) value: Option<Value>,
    pub(super) attachments: Option<Vec<Attachment>>,
    pub(super) suggested_actions: Option<SuggestedActions>,
    pub(super) input_hint: Option<String>,
    pub(super) channel_data: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Account {
    pub(super) id: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Attachment {
    pub(super) content_type: String,
    pub(super) content_url: Option<String>,
    pub(super) name: Option<String>,
    pub(super) content: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SuggestedActions {
    pub(super) actions: Vec<CardAction>,
}

/// The content of a hero or a thumbnail card.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Card {
    pub(super) title: Option<String>,
    pub(super) subtitle: Option<String>,
    pub(super) text: Option<String>,
    pub(super) images: Option<Vec<CardImage>>,
    pub(super) buttons: Option<Vec<CardAction>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CardImage {
    pub(super) url: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct CardAction {
    pub(super) r#type: String,
    pub(super) title: String,
    pub(super) value: Option<Value>,
    /// What a `messageBack` says.
    pub(super) text: Option<String>,
}

/// A button that does something else than say its words.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offer {
    /// What the customer's channel sends when it is pressed.
    pub(super) sends: String,
    /// `postBack` or `messageBack`, as it stands in `channelData`.
    back: &'static str,
    text: Option<String>,
    value: Option<Value>,
}

impl CardAction {
    /// What a press sends as text; empty: the button's own words.
    pub(super) fn sends(&self) -> String {
        let text = self.text.as_ref().filter(|_| self.r#type == "messageBack");
        let text = text.cloned().or_else(|| match &self.value {
            None | Some(Value::Null) => None,
            Some(Value::String(value)) => Some(value.clone()),
            Some(value) => Some(value.to_string()),
        });
        text.filter(|it| *it != self.title).unwrap_or_default()
    }

    pub(super) fn offer(&self) -> Option<Offer> {
        let sends = self.sends();
        let sends = if sends.is_empty() { self.title.clone() } else { sends };
        match self.r#type.as_str() {
            "postBack" => {
                let (text, value) = match self.value.clone() {
                    Some(Value::String(text)) => (Some(text), None),
                    value => (None, value),
                };
                Some(Offer { sends, back: "postBack", text, value })
            }
            "messageBack" => {
                Some(Offer { sends, back: "messageBack", text: self.text.clone(), value: self.value.clone() })
            }
            _ => None,
        }
    }
}

/// The user's name at the bot, the same for all conversations of a contact.
pub(super) fn user(contact: &ContactId) -> String {
    contact.to_string()
}

/// The event by which clicks and forms reach the bot.
const STRUCTURED: &str = "structured";

/// A question as an activity. `tag` is how its echo is known; `anew`: the bot has forgotten what was before. `None`: the
/// question's words are gone.
pub(super) fn question(ask: &Ask, tag: &str, anew: bool, offer: Option<&Offer>) -> Option<Value> {
    let mut usher = json!({
        "unit": ask.contact.unit,
        "contact": ask.contact.name,
        "media": ask.media,
        "parameters": ask.payload,
    });
    let mut data = json!({ "clientActivityID": tag });
    let mut activity = match (&ask.input, offer) {
        (Input::Text(_), Some(Offer { back, text, value, .. })) => {
            set(&mut data, back, Value::Bool(true));
            let mut message = json!({ "type": "message", "textFormat": "plain" });
            for (key, value) in [("text", text.clone().map(Value::from)), ("value", value.clone())] {
                if let Some(value) = value {
                    set(&mut message, key, value);
                }
            }
            message
        }
        (Input::Text(text) | Input::Dtmf(text), _) => json!({ "type": "message", "textFormat": "plain", "text": text }),
        (Input::Event { name, parameters }, _) => event(name, &Value::Object(parameters.clone())),
        (Input::Structured(fields), _) => event(STRUCTURED, &Value::Object(fields.clone())),
        (Input::Redacted, _) => return None,
    };
    if anew {
        set(&mut usher, "anew", Value::Bool(true));
    }
    if let Some(it) = &ask.seed {
        set(&mut usher, seed::KEY, seed::json(it));
    }
    set(&mut data, "usher", usher);
    set(&mut activity, "locale", Value::from(ask.language.as_str()));
    set(&mut activity, "from", from(&user(&ask.contact)));
    set(&mut activity, "channelData", data);
    Some(activity)
}

fn event(name: &str, value: &Value) -> Value {
    json!({ "type": "event", "name": name, "value": value })
}

fn from(user: &str) -> Value {
    json!({ "id": user, "role": "user" })
}

/// How a handover goes, in the words of Microsoft's handoff protocol.
pub(super) fn handoff_status(user: &str, state: &str, message: &str) -> Value {
    let mut value = Map::from_iter([("state".to_owned(), Value::from(state))]);
    if !message.is_empty() {
        value.insert("message".to_owned(), Value::from(message));
    }
    let mut activity = event("handoff.status", &Value::Object(value));
    set(&mut activity, "from", from(user));
    activity
}

pub(super) fn end_of_conversation(user: &str) -> Value {
    json!({ "type": "endOfConversation", "code": "userCancelled", "from": from(user) })
}

fn set(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}
