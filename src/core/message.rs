//! What customers say and what virtual agents answer, whatever engine or channel carries it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::Timestamp;

/// Parameters of an intent, an event or a structured message.
pub type Parameters = Map<String, Value>;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaType {
    #[serde(rename = "openmedia")]
    OpenMedia,
    #[serde(rename = "webinteraction")]
    WebInteraction,
    Speech,
}

impl MediaType {
    pub const ALL: [Self; 3] = [Self::OpenMedia, Self::WebInteraction, Self::Speech];

    /// As it stands in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::OpenMedia => "openmedia",
            Self::WebInteraction => "webinteraction",
            Self::Speech => "speech",
        }
    }

    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// One input to a language engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    Text(String),
    /// A named event with its parameters, from the routing engine or from us (`human_returned`, outcomes).
    Event {
        name: String,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        parameters: Parameters,
    },
    /// A click, a form: handed to the engine as the event `structured` with these parameters.
    Structured(Parameters),
    Dtmf(String),
    /// A sensitive text whose body was not journalled and is gone after a restart.
    Redacted,
}

/// One message of a virtual agent to the customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    Text(String),
    QuickReplies {
        title: String,
        replies: Vec<String>,
    },
    Card {
        title: String,
        #[serde(default)]
        subtitle: String,
        #[serde(default)]
        image_uri: String,
        #[serde(default)]
        buttons: Vec<Button>,
    },
    Image {
        uri: String,
        #[serde(default)]
        description: String,
    },
    Payload(Parameters),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub text: String,
    #[serde(default)]
    pub postback: String,
}

impl Reply {
    /// How the message reads in a transcript.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::QuickReplies { title, replies } => format!("{title} [{}]", replies.join(" | ")),
            Self::Card { title, subtitle, .. } if subtitle.is_empty() => title.clone(),
            Self::Card { title, subtitle, .. } => format!("{title}: {subtitle}"),
            Self::Image { uri, description } if description.is_empty() => uri.clone(),
            Self::Image { description, .. } => description.clone(),
            Self::Payload(payload) => Value::Object(payload.clone()).to_string(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    Customer,
    VirtualAgent,
    Person,
    System,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub speaker: Speaker,
    pub text: String,
    pub at: Timestamp,
}

/// What a language engine made of one input.
#[expect(clippy::struct_excessive_bools, reason = "flag by flag what an engine says")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// In order; text variants already chosen.
    pub replies: Vec<Reply>,
    /// The action's name; empty when the engine asks for none.
    pub action: String,
    pub parameters: Parameters,
    /// No action fires while this is false (S24).
    pub parameters_complete: bool,
    pub intent: Option<String>,
    pub confidence: Option<f32>,
    /// The engine matched its fallback: it did not understand.
    pub not_understood: bool,
    pub end_interaction: bool,
    pub live_agent_handoff: bool,
    pub sentiment: Option<f32>,
    /// Names of the active contexts.
    pub contexts: Vec<String>,
    /// What the engine said of its own webhook's failure; the answer itself may still hold text.
    pub webhook_failure: Option<String>,
}

/// Why a language engine did not answer: a closed set that decides retry, metric label and advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The engine cannot be reached or says it is down.
    Unavailable,
    /// It did not answer within the profile's deadline.
    Deadline,
    /// Its quota is used up (S33).
    Quota,
    /// The credential is refused.
    Credential,
    /// The agent, session or region does not exist there.
    NotFound,
    /// The engine refuses the request as malformed.
    Invalid,
    /// The engine's project or agent is not in a state to answer.
    Precondition,
    /// The engine answered with nothing to say and nothing to do.
    Empty,
    /// The engine's own webhook failed and left nothing to say.
    Webhook,
    /// The answer could not be read.
    Malformed,
    /// We were interrupted while the engine was being asked.
    Interrupted,
    /// Anything else the engine reports.
    Internal,
}

impl FailureKind {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unavailable => "unavailable",
            Self::Deadline => "deadline",
            Self::Quota => "quota",
            Self::Credential => "credential",
            Self::NotFound => "not_found",
            Self::Invalid => "invalid",
            Self::Precondition => "precondition",
            Self::Empty => "empty",
            Self::Webhook => "webhook",
            Self::Malformed => "malformed",
            Self::Interrupted => "interrupted",
            Self::Internal => "internal",
        }
    }
}
