//! What a contact is at rest: what every transition may change, as it stands in every journal record.

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Command, EndReason, Value};
use crate::core::{
    clock::InactivityClock,
    ids::{ActionSeq, EngineName, Epoch, MessageId, Timestamp, Turn},
    message::{Input, Parameters},
    profile::Destination,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Phase {
    Bot,
    HandingOver {
        seq: ActionSeq,
        /// `None`: it was written before this was kept.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Destination>,
    },
    WithHuman {
        since: ActionSeq,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Destination>,
    },
    Closing {
        seq: ActionSeq,
        reason: EndReason,
    },
    Ended,
}

/// What the conversation waits for while `Bot`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Pending {
    Ask(Asked),
    External {
        uri: String,
        parameters: Parameters,
        seq: ActionSeq,
        since: Timestamp,
        chain: u8,
        end_after: bool,
    },
    Command {
        what: Commanded,
        seq: ActionSeq,
        /// Set once it is delivered.
        due: Option<Timestamp>,
        chain: u8,
        end_after: bool,
    },
}

/// A question to the language engine that is not answered yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) heard: Heard,
    /// When the customer's wait began: before the first engine was asked, if there were several.
    pub(super) since: Timestamp,
    pub(super) slow_told: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) typing_told: bool,
    /// How many engines have failed on it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(super) failed: u32,
    /// How many events of ours led here since the customer spoke; bounds loops with the engine.
    pub(super) chain: u8,
    /// What the question told beside the input; told again if it fails.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub(super) news: Parameters,
}

/// A command whose outcome the conversation waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Commanded {
    Callback,
    Push,
}

/// An input that waits or is being asked.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(super) struct Heard {
    /// `None`: not the customer's.
    #[serde(default)]
    pub(super) id: Option<MessageId>,
    pub(super) input: Input,
    #[serde(default)]
    pub(super) sensitive: bool,
    /// So many further messages are part of it.
    #[serde(default)]
    pub(super) joined: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counters {
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) not_understood: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) failures: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) slow: u32,
    #[serde(skip_serializing_if = "is_zero")]
    pub(super) handovers: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
pub(super) const fn is_zero(n: &u32) -> bool {
    *n == 0
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Undelivered {
    pub(super) seq: ActionSeq,
    /// The clock runs on although this is undelivered: a warning is no answer.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) warning: bool,
    /// `None` only while a contact is being read back.
    #[serde(skip)]
    pub(super) command: Option<Arc<Command>>,
}

/// What every transition may change, as it stands in every journal record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) phase: Phase,
    pub(super) epoch: Epoch,
    pub(super) turn: Turn,
    pub(super) last_seq: ActionSeq,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) pending: Option<Pending>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) waiting: VecDeque<Heard>,
    /// Until when more of the customer's words may join what waits (B9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) gathering: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(super) undelivered: VecDeque<Undelivered>,
    pub(super) clock: InactivityClock,
    pub(super) counters: Counters,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_message: Option<MessageId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_intent: Option<String>,
    /// What the engine has not been told yet; goes with the next question.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub(super) news: Parameters,
    /// The language engine it is with; `None`: the profile's primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) engine: Option<EngineName>,
    /// That engine has not answered since the contact came to it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) moved: bool,
    /// An engine has answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) answered: bool,
    /// The engines that have answered; only where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) answered_by: Vec<EngineName>,
    /// What the engines' answers gathered, for the next engine; only where there are several.
    #[serde(default, skip_serializing_if = "Parameters::is_empty")]
    pub(super) slots: Parameters,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<Value>,
    /// A person has had the contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) had_person: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            phase: Phase::Bot,
            epoch: Epoch(0),
            turn: Turn(0),
            last_seq: ActionSeq(0),
            pending: None,
            waiting: VecDeque::new(),
            gathering: None,
            undelivered: VecDeque::new(),
            clock: InactivityClock::default(),
            counters: Counters::default(),
            last_message: None,
            last_intent: None,
            news: Parameters::new(),
            engine: None,
            moved: false,
            answered: false,
            answered_by: Vec::new(),
            slots: Parameters::new(),
            values: Vec::new(),
            had_person: false,
        }
    }
}
