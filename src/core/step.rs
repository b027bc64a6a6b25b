//! The steps of a contact's why-timeline (B13): what happened, its cause, how long it took.
//!
//! A transition's steps and the state after it make one journal record; steps also carry what the state leaves out
//! (commands, inputs, the card), so that a recovery can rebuild it.

use serde::{Deserialize, Serialize};

use super::{
    action::BadRequest,
    contact::{Card, Command, EndReason, Outcome},
    handover::{Cause, Unavailable},
    ids::{ActionSeq, MessageId, Turn},
    message::{FailureKind, Input},
    profile::Destination,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    Started {
        card: Box<Card>,
    },
    /// A person gave the contact back.
    Returned {
        card: Box<Card>,
    },
    Heard {
        id: MessageId,
        input: Input,
    },
    /// Taken, but not asked: the contact is on its way to a person, or with one, or closing.
    Held {
        id: MessageId,
    },
    /// Never answered, and why.
    Unanswered {
        id: MessageId,
        why: String,
    },
    Asked {
        turn: Turn,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<String>,
        /// How many further messages of the customer's are part of the question (B9).
        #[serde(default, skip_serializing_if = "is_none_more")]
        joined: u32,
    },
    Answered {
        turn: Turn,
        ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confidence: Option<f32>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        action: String,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        not_understood: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sentiment: Option<f32>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        contexts: Vec<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        webhook_failure: Option<String>,
    },
    AskFailed {
        turn: Turn,
        ms: u64,
        kind: FailureKind,
        advice: String,
    },
    /// The customer has been told that it takes longer.
    Slow {
        turn: Turn,
        ms: u64,
    },
    TextTooLong {
        characters: usize,
        limit: usize,
        done: String,
    },
    /// A command went out (again: when it was not acknowledged before a loss).
    Sent {
        seq: ActionSeq,
        command: Command,
    },
    Outcome {
        seq: ActionSeq,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    HandoverOutcome {
        seq: ActionSeq,
        outcome: Outcome,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        detail: String,
    },
    /// The routing engine never told the outcome.
    OutcomeMissing {
        seq: ActionSeq,
    },
    UnknownAction {
        name: String,
    },
    /// Asked for before all required parameters were there.
    ActionWaits {
        name: String,
    },
    ActionRefused(BadRequest),
    HandingOver {
        seq: ActionSeq,
        to: Destination,
        cause: Cause,
    },
    NoPerson {
        cause: Cause,
        why: Unavailable,
    },
    ExternalAsked {
        seq: ActionSeq,
        /// Without its query, which may hold personal data.
        host: String,
    },
    ExternalAnswered {
        seq: ActionSeq,
        ms: u64,
    },
    ExternalFailed {
        seq: ActionSeq,
        ms: u64,
        label: String,
        detail: String,
    },
    Warned,
    TimedOut,
    Ended {
        reason: EndReason,
        /// A person had the contact, or was about to.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        with_person: bool,
    },
    /// The gateway was restarted in the middle of this.
    Recovered {
        what: String,
    },
    /// An answer from an older epoch or turn was dropped (B1).
    Stale {
        turn: Turn,
    },

    // Not journalled: they change nothing.
    Duplicate {
        id: MessageId,
    },
    Busy {
        id: MessageId,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_none_more(joined: &u32) -> bool {
    *joined == 0
}

impl Step {
    /// Whether it belongs in the journal.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Self::Duplicate { .. } | Self::Busy { .. })
    }
}
