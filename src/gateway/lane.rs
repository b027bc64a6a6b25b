//! What passes between the gateway and one lane of an attached routing engine, in the domain's words.
//!
//! `engine::link` numbers, converts and carries these; the gateway knows nothing of frames beyond their number.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::core::{
    contact::Command,
    directory::{Delta, Directory},
    ids::{ActionSeq, ContactName, MessageId, QueueId, UserId},
    message::{Input, Line, MediaType},
};

/// From the routing engine. One engine frame makes at most one of these.
#[derive(Clone, Debug, PartialEq)]
pub enum FromEngine {
    /// Replaces the unit's directory.
    Directory(Directory),
    Delta(Delta),
    AgentLoggedOn {
        user: UserId,
    },
    LogOnRefused {
        user: UserId,
        reason: LogOnRefusal,
        detail: String,
    },
    AgentLoggedOff {
        user: UserId,
        reason: String,
    },
    Offered(Box<Offer>),
    Message {
        contact: ContactName,
        id: MessageId,
        input: Input,
        sensitive: bool,
    },
    Typing {
        contact: ContactName,
    },
    Ended {
        contact: ContactName,
        reason: String,
    },
    Outcome {
        contact: ContactName,
        seq: ActionSeq,
        outcome: Outcome,
        detail: String,
    },
    /// Nothing to do but to acknowledge.
    Heartbeat,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Offer {
    pub contact: ContactName,
    pub agent: UserId,
    pub media: MediaType,
    pub queue: Option<QueueId>,
    pub customer: Customer,
    /// `None`: the profile's.
    pub language: Option<String>,
    pub attributes: Vec<(String, String)>,
    pub history: Vec<Line>,
    /// The handover that a person gives the contact back from; `None`: a new contact.
    pub returned_from: Option<ActionSeq>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Customer {
    pub id: String,
    pub name: String,
    pub address: String,
}

pub use crate::core::{agent::LogOnRefusal, contact::Outcome};

/// To the routing engine.
#[derive(Clone, Debug)]
pub enum ToEngine {
    LogOn {
        user: UserId,
        password: SecretString,
        media: Vec<MediaType>,
    },
    LogOff {
        user: UserId,
        reason: String,
    },
    Accepted {
        contact: ContactName,
        agent: UserId,
    },
    Rejected {
        contact: ContactName,
        reason: Rejection,
        detail: String,
    },
    Busy {
        contact: ContactName,
        message: MessageId,
        retry_after: Duration,
        reason: String,
    },
    Refused {
        frame: u64,
        reason: Refusal,
        detail: String,
        contact: String,
        message: String,
    },
    Command {
        contact: ContactName,
        seq: ActionSeq,
        command: Arc<Command>,
    },
    Typing {
        contact: ContactName,
    },
    Draining {
        grace: Duration,
    },
    /// Every engine frame up to this number is durable. Not a frame of its own unless nothing else is on its way.
    Ack(u64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    UnknownAgent,
    AgentNotLoggedOn,
    AtCapacity,
    Draining,
    StoreUnavailable,
    Invalid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    UnknownContact,
    Invalid,
    TooLarge,
    ContactEnded,
    UnknownUser,
}
