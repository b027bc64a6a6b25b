//! The steps of a contact's why-timeline (B13): what happened, its cause, how long it took.
//!
//! A transition's steps and the state after it make one journal record; steps also carry what the state leaves out
//! (commands, inputs, the card), so that a recovery can rebuild it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    action::BadRequest,
    contact::{Card, Command, EndReason, Outcome},
    handover::{Cause, Unavailable},
    ids::{ActionSeq, EngineName, MessageId, Turn},
    message::{FailureKind, Input},
    profile::Destination,
    said::Said,
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
    /// Something private in what has just come in became tokens: how many of each name.
    Tokenised {
        found: BTreeMap<String, u32>,
    },
    /// Taken, but not asked: the contact is on its way to a person, or with one, or closing.
    Held {
        id: MessageId,
    },
    /// Never answered, and why.
    Unanswered {
        id: MessageId,
        why: Said,
    },
    Asked {
        turn: Turn,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        event: Option<String>,
        /// How many further messages of the customer's are part of the question (B9).
        #[serde(default, skip_serializing_if = "is_none_more")]
        joined: u32,
        /// `None`: the profile's primary engine.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        engine: Option<EngineName>,
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
        advice: Said,
    },
    /// An engine failed, and the next of the profile's chain is asked instead (B7); the contact stays with that.
    FailedOver {
        turn: Turn,
        ms: u64,
        from: EngineName,
        to: EngineName,
        kind: FailureKind,
        advice: Said,
    },
    /// The contact goes on with another engine from its next question on.
    Moved {
        from: EngineName,
        to: EngineName,
        why: MoveCause,
    },
    /// What the shadow engine made of the same input, and where it differs from the answer that was given (B5).
    Shadowed {
        turn: Turn,
        ms: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        intent: Option<String>,
        #[serde(default, skip_serializing_if = "String::is_empty")]
        action: String,
        /// It did not answer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<FailureKind>,
        differs: Vec<Aspect>,
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

/// Why a contact goes on with another engine without a failure of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MoveCause {
    /// The configuration does not name its engine any more.
    Gone,
    /// The canary was rolled back.
    RolledBack,
    /// All engines have failed: it begins again with the first.
    AllFailed,
}

/// In what a shadow's answer can differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aspect {
    /// One of the two answered, the other did not.
    Failure,
    Action,
    Parameters,
    NotUnderstood,
    Intent,
}

impl Step {
    /// Whether it belongs in the journal.
    #[must_use]
    pub const fn is_durable(&self) -> bool {
        !matches!(self, Self::Duplicate { .. } | Self::Busy { .. })
    }
}
