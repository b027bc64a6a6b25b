//! The frames of `usher.connector.v1`, in both directions. `docs/connectors.md` explains each; `contract` compares the two.
//!
//! What comes from a connector is read strictly, what goes to one leniently: it may be newer than its reader.

mod bad;
mod check;

use std::{borrow::Cow, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, de::IgnoredAny};

use crate::core::message::{MediaType, Parameters, Speaker};

pub use bad::{At, Bad, Code};

pub const SUBPROTOCOL: &str = "usher.connector.v1";
pub const PATH: &str = "/connectors/v1";

pub const MAX_MESSAGES: usize = 32;
pub const MAX_PARTS: u32 = 64;
pub(super) const MAX_QUICK_REPLIES: usize = 20;
pub(super) const MAX_BUTTONS: usize = 10;
/// What a frame to a connector may reach; its parts are bounded elsewhere.
pub const MAX_BYTES_TO_CONNECTOR: usize = 1 << 20;

/// A frame's `type`: read before everything else, so that its other fields are read for what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tag;

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(from).map(|_| Self)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum FromConnector {
    Hello(Hello),
    Reply(Box<Reply>),
    Typing(Typing),
    Failed(Failed),
    Leaving(Leaving),
    Ping(Ping),
}

const FROM_CONNECTOR: &str = "`hello`, `reply`, `typing`, `failed`, `leaving` and `ping`";

impl FromConnector {
    /// # Errors
    /// What is wrong, where, and how to mend it. Never holds more of the text than a name.
    pub fn read(text: &str) -> Result<Self, Bad> {
        let read = match &*bad::kind(text)? {
            "hello" => bad::read(text).map(Self::Hello),
            "reply" => bad::read(text).map(Self::Reply),
            "typing" => bad::read(text).map(Self::Typing),
            "failed" => bad::read(text).map(Self::Failed),
            "leaving" => bad::read(text).map(Self::Leaving),
            "ping" => bad::read(text).map(Self::Ping),
            other => Err(Bad::unknown_type(other, FROM_CONNECTOR)),
        };
        read.and_then(|frame| match &frame {
            Self::Reply(reply) => reply.fits().map(|()| frame),
            Self::Hello(_) | Self::Typing(_) | Self::Failed(_) | Self::Leaving(_) | Self::Ping(_) => Ok(frame),
        })
        .map_err(|bad| bad.about(text))
    }

    /// # Panics
    /// Never: every frame has a JSON form.
    #[must_use]
    pub fn text(&self) -> String {
        json(self)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::name")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::credits")]
    pub credits: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::id")]
    pub resume: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
    pub turn_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "check::messages")]
    pub messages: Vec<Message>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::label")]
    pub action: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Parameters>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters_complete: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_understood: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_agent: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::label")]
    pub intent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::confidence")]
    pub confidence: Option<f32>,
    #[serde(default, rename = "final", skip_serializing_if = "Option::is_none")]
    pub is_final: Option<bool>,
}

impl Reply {
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_final.unwrap_or(true)
    }

    /// What a part of an answer may not have.
    fn fits(&self) -> Result<(), Bad> {
        if self.is_final() {
            return Ok(());
        }
        let present = [
            ("action", self.action.is_some()),
            ("parameters", self.parameters.is_some()),
            ("parameters_complete", self.parameters_complete.is_some()),
            ("not_understood", self.not_understood.is_some()),
            ("end", self.end.is_some()),
            ("live_agent", self.live_agent.is_some()),
            ("intent", self.intent.is_some()),
            ("confidence", self.confidence.is_some()),
        ];
        if let Some((field, _)) = present.into_iter().find(|it| it.1) {
            let why = format!("`{field}` belongs into the final reply; this one says `final: false`");
            return Err(Bad::at_path(field, why));
        }
        if self.messages.is_empty() {
            return Err(Bad::at_path(
                "messages",
                "a reply that is not final says something; for a sign of life send `typing`",
            ));
        }
        Ok(())
    }
}

/// One message to the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    #[serde(deserialize_with = "check::not_blank")]
    Text(String),
    QuickReplies(QuickReplies),
    Card(Card),
    Image(Image),
    Payload(Parameters),
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuickReplies {
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    #[serde(deserialize_with = "check::quick_replies")]
    pub replies: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    #[serde(deserialize_with = "check::not_blank")]
    pub title: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subtitle: String,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::some_uri")]
    pub image_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "check::buttons")]
    pub buttons: Vec<Button>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    #[serde(deserialize_with = "check::not_blank")]
    pub text: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub postback: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    #[serde(deserialize_with = "check::uri")]
    pub uri: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Typing {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
    pub turn_id: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failed {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
    pub turn_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<FailedKind>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::detail")]
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedKind {
    #[default]
    Internal,
    Unavailable,
    Quota,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaving {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ping {
    #[serde(default, skip_serializing)]
    pub r#type: Tag,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "check::id")]
    pub id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToConnector {
    Welcome(Welcome),
    Turn(Box<Turn>),
    Cancelled(Cancelled),
    Outcome(Outcome),
    Closed(Closed),
    Pong(Pong),
    Error(Error),
}

impl ToConnector {
    /// For the connector's side. `None`: a type that this version does not know, which is no mistake.
    ///
    /// # Errors
    /// When it is no frame.
    pub fn read(text: &str) -> Result<Option<Self>, Bad> {
        const KNOWN: &[&str] = &["welcome", "turn", "cancelled", "outcome", "closed", "pong", "error"];
        let kind = bad::kind(text)?;
        if KNOWN.contains(&&*kind) { bad::read(text).map(Some) } else { Ok(None) }
    }

    /// # Panics
    /// Never: every frame has a JSON form.
    #[must_use]
    pub fn text(&self) -> String {
        json(self)
    }
}

fn json(frame: &impl Serialize) -> String {
    serde_json::to_string(frame).expect("a frame's maps have text for keys, and its numbers are finite")
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub session: String,
    pub resumed: bool,
    pub unit: String,
    pub profile: String,
    pub credits: u32,
    pub resume_within_ms: u64,
    pub ping_every_ms: u64,
    pub max_frame_bytes: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Turn {
    pub turn_id: String,
    #[serde(flatten)]
    pub question: Arc<Question>,
    pub deadline_ms: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

/// What is the same however often a turn is sent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    pub contact: String,
    pub media: MediaType,
    pub language: String,
    pub input: Input,
    #[serde(default)]
    pub parameters: Parameters,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shadow: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<Seed>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text(String),
    Event {
        name: String,
        #[serde(default)]
        parameters: Parameters,
    },
    Structured(Parameters),
    Dtmf(String),
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seed {
    pub transcript: Vec<Line>,
    pub slots: Parameters,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub speaker: Speaker,
    pub text: String,
    /// RFC 3339.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled {
    pub turn_id: String,
    pub reason: CancelReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    Deadline,
    Moved,
    Closed,
    Abandoned,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    pub contact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    pub outcome: OutcomeKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeKind {
    Done,
    Offered,
    Accepted,
    Failed,
    Expired,
    Superseded,
    Refused,
    Incomplete,
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub contact: String,
    pub reason: ClosedReason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedReason {
    Completed,
    Inactivity,
    Left,
    EngineAway,
    NotServed,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Error {
    pub code: Code,
    pub message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<At>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_id: Option<String>,
}

impl From<Bad> for Error {
    fn from(bad: Bad) -> Self {
        Self { code: bad.code, message: bad.message, at: bad.at, turn_id: bad.turn_id }
    }
}

/// A name in a message, cut to a bearable length.
fn shown(name: &str) -> Cow<'_, str> {
    match name.char_indices().nth(64) {
        Some((end, _)) => Cow::Owned(format!("{}…", name.get(..end).unwrap_or_default())),
        None => Cow::Borrowed(name),
    }
}
