//! What a tried conversation is made of, as JSON: what is put in, what comes of it, and why.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    core::{message, rehearsal},
    gateway::rehearsal::{Exchange, Scene},
};

/// What is put in. `silence`: the customer says nothing until something is due. `outcome`: what came of what the conversation
/// waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Cue {
    /// The conversation begins; the profile may greet.
    Begin {},
    Say {
        text: String,
    },
    Keys {
        keys: String,
    },
    Event {
        name: String,
        #[serde(default, skip_serializing_if = "Map::is_empty")]
        parameters: Map<String, Value>,
    },
    Form {
        fields: Map<String, Value>,
    },
    Silence {},
    Outcome {
        outcome: Feigned,
        /// Why, or what an external system says.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        text: String,
    },
}

/// An outcome that is made up.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Feigned {
    /// A person takes the contact.
    Accepted,
    /// Nobody takes it in time.
    Expired,
    /// The person gives it back.
    Returned,
    Done,
    Failed,
}

impl From<Feigned> for rehearsal::Feigned {
    fn from(it: Feigned) -> Self {
        match it {
            Feigned::Accepted => Self::Accepted,
            Feigned::Expired => Self::Expired,
            Feigned::Returned => Self::Returned,
            Feigned::Done => Self::Done,
            Feigned::Failed => Self::Failed,
        }
    }
}

impl From<rehearsal::Feigned> for Feigned {
    fn from(it: rehearsal::Feigned) -> Self {
        match it {
            rehearsal::Feigned::Accepted => Self::Accepted,
            rehearsal::Feigned::Expired => Self::Expired,
            rehearsal::Feigned::Returned => Self::Returned,
            rehearsal::Feigned::Done => Self::Done,
            rehearsal::Feigned::Failed => Self::Failed,
        }
    }
}

impl From<Cue> for rehearsal::Cue {
    fn from(it: Cue) -> Self {
        match it {
            Cue::Begin {} => Self::Begin,
            Cue::Say { text } => Self::Say(text),
            Cue::Keys { keys } => Self::Keys(keys),
            Cue::Event { name, parameters } => Self::Event { name, parameters },
            Cue::Form { fields } => Self::Form(fields),
            Cue::Silence {} => Self::Silence,
            Cue::Outcome { outcome, text } => Self::Outcome { outcome: outcome.into(), text },
        }
    }
}

impl From<rehearsal::Cue> for Cue {
    fn from(it: rehearsal::Cue) -> Self {
        match it {
            rehearsal::Cue::Begin => Self::Begin {},
            rehearsal::Cue::Say(text) => Self::Say { text },
            rehearsal::Cue::Keys(keys) => Self::Keys { keys },
            rehearsal::Cue::Event { name, parameters } => Self::Event { name, parameters },
            rehearsal::Cue::Form(fields) => Self::Form { fields },
            rehearsal::Cue::Silence => Self::Silence {},
            rehearsal::Cue::Outcome { outcome, text } => Self::Outcome { outcome: outcome.into(), text },
        }
    }
}

/// The field of a cue that is at fault.
pub(super) const fn field_of(cue: &Cue) -> &'static str {
    match cue {
        Cue::Begin {} | Cue::Silence {} => "kind",
        Cue::Say { .. } | Cue::Outcome { .. } => "text",
        Cue::Keys { .. } => "keys",
        Cue::Event { .. } => "name",
        Cue::Form { .. } => "fields",
    }
}

/// Which queues are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Queues {
    /// Each that the profile names is open.
    #[default]
    Open,
    /// Each is closed.
    Closed,
    /// As the routing engine tells them now.
    Now,
}

impl From<Queues> for rehearsal::Queues {
    fn from(it: Queues) -> Self {
        match it {
            Queues::Open => Self::Open,
            Queues::Closed => Self::Closed,
            Queues::Now => Self::Now,
        }
    }
}

impl From<rehearsal::Queues> for Queues {
    fn from(it: rehearsal::Queues) -> Self {
        match it {
            rehearsal::Queues::Open => Self::Open,
            rehearsal::Queues::Closed => Self::Closed,
            rehearsal::Queues::Now => Self::Now,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Button {
    text: String,
    postback: String,
}

/// What the customer sees.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Said {
    Text { text: String },
    QuickReplies { title: String, replies: Vec<String> },
    Card { title: String, subtitle: String, image_uri: String, buttons: Vec<Button> },
    Image { uri: String, description: String },
    Payload { payload: Map<String, Value> },
}

impl From<message::Reply> for Said {
    fn from(reply: message::Reply) -> Self {
        let button = |message::Button { text, postback }| Button { text, postback };
        match reply {
            message::Reply::Text(text) => Self::Text { text },
            message::Reply::QuickReplies { title, replies } => Self::QuickReplies { title, replies },
            message::Reply::Card { title, subtitle, image_uri, buttons } => {
                Self::Card { title, subtitle, image_uri, buttons: buttons.into_iter().map(button).collect() }
            }
            message::Reply::Image { uri, description } => Self::Image { uri, description },
            message::Reply::Payload(payload) => Self::Payload { payload },
        }
    }
}

/// What the language engine made of it.
#[expect(clippy::struct_excessive_bools, reason = "as the engine's answer has them")]
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "EngineAnswer")]
struct Answer {
    intent: Option<String>,
    confidence: Option<f32>,
    sentiment: Option<f32>,
    /// The action that it asks for; empty: none.
    action: String,
    parameters: Map<String, Value>,
    /// While they are not, no action fires.
    parameters_complete: bool,
    contexts: Vec<String>,
    not_understood: bool,
    ends_conversation: bool,
    asks_for_person: bool,
    webhook_failure: Option<String>,
}

impl From<&message::Answer> for Answer {
    fn from(it: &message::Answer) -> Self {
        Self {
            intent: it.intent.clone(),
            confidence: it.confidence,
            sentiment: it.sentiment,
            action: it.action.clone(),
            parameters: it.parameters.clone(),
            parameters_complete: it.parameters_complete,
            contexts: it.contexts.clone(),
            not_understood: it.not_understood,
            ends_conversation: it.end_interaction,
            asks_for_person: it.live_agent_handoff,
            webhook_failure: it.webhook_failure.clone(),
        }
    }
}

/// One question to the language engine.
#[derive(Debug, Serialize, JsonSchema)]
struct Question {
    /// Of an event: its name.
    event: Option<String>,
    /// The engine was only told.
    told: bool,
    /// `null`: it did not answer.
    answer: Option<Answer>,
    /// Why it did not answer, as `deadline`.
    failure: Option<String>,
    /// For an administrator.
    advice: Option<String>,
    took_ms: f64,
    /// Of that, until it had its turn within the quota.
    waited_ms: Option<f64>,
    first_part_ms: Option<f64>,
    /// As the engine gave it, cut where it is long.
    raw: Option<String>,
}

pub(super) fn ms(took: Duration) -> f64 {
    (took.as_secs_f64() * 10_000.0).round() / 10.0
}

impl From<&Exchange> for Question {
    fn from(it: &Exchange) -> Self {
        let failure = it.answer.as_ref().err();
        Self {
            event: it.event.clone(),
            told: it.told,
            answer: it.answer.as_ref().ok().map(Answer::from),
            failure: failure.map(|it| it.kind.label().to_owned()),
            advice: failure.map(|it| it.advice.to_string()),
            took_ms: ms(it.took),
            waited_ms: it.waited.map(ms),
            first_part_ms: it.first_part.map(ms),
            raw: it.raw.clone(),
        }
    }
}

/// What came of one thing that was put in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Turn {
    given: Cue,
    said: Vec<Said>,
    /// What others would carry out, and what keeps an action from firing.
    would: Vec<String>,
    questions: Vec<Question>,
    /// As a contact's timeline would tell them.
    steps: Vec<Map<String, Value>>,
    took_ms: f64,
}

impl From<&Scene> for Turn {
    fn from(it: &Scene) -> Self {
        let step = |it| if let Ok(Value::Object(members)) = serde_json::to_value(it) { Some(members) } else { None };
        Self {
            given: it.cue.clone().into(),
            said: it.said.iter().cloned().map(Said::from).collect(),
            would: rehearsal::does(&it.steps),
            questions: it.exchanges.iter().map(Question::from).collect(),
            steps: it.steps.iter().filter_map(step).collect(),
            took_ms: ms(it.took),
        }
    }
}
