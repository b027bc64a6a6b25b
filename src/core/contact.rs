//! One contact's conversation with a virtual agent.

use serde::{Deserialize, Serialize};

use super::{
    ids::{MessageId, QueueId, Timestamp},
    message::{Line, Reply},
    profile::Destination,
};

/// What the routing engine carries out; made safe to repeat by the contact's action number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Say(Vec<Reply>),
    Requeue {
        to: Destination,
        reason: String,
        context: HandoverContext,
    },
    CreateCallback {
        queue: QueueId,
        /// E.164.
        phone: String,
        at: Timestamp,
        context: HandoverContext,
    },
    PushUrl(String),
    EndContact {
        reason: String,
        farewell: Vec<Reply>,
        unless_after: Option<MessageId>,
    },
}

/// What the person who takes over should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HandoverContext {
    pub summary: String,
    pub transcript: Vec<Line>,
    pub parameters: Vec<(String, String)>,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Offered,
    Accepted,
    Failed,
    Expired,
    Superseded,
}
