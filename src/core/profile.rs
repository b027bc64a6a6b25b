//! The rules a virtual agent follows: the part of a profile and its business unit that the state machines read.

use std::time::Duration;

use super::{
    action::ActionRule,
    ids::{EngineName, ProfileName, QueueId, SpeechTargetId, UnitName, UserId},
};

/// A validated profile together with what it takes from its business unit. Immutable; a contact keeps the one it began with
/// until the gateway restarts.
#[derive(Clone, Debug)]
pub struct Rules {
    pub profile: ProfileName,
    pub unit: UnitName,
    /// The virtual agents that this profile serves (S16).
    pub agents: Vec<UserId>,
    /// BCP 47, for contacts that name none.
    pub language: String,
    /// Profile first, then business unit; the first match wins (S18).
    pub actions: Vec<ActionRule>,
    /// Asked when a contact starts; empty: wait for the customer.
    pub welcome_event: String,
    /// Said on system errors (S13).
    pub fallback_message: String,
    pub chain: Chain,
    pub inactivity: Inactivity,
    pub handover: Handover,
    pub events: Events,
    pub text_limit: TextLimit,
    /// Short messages that follow each other within this are one input (B9); zero: each is its own.
    pub coalesce: Duration,
    pub on_uncertain: OnUncertain,
    /// For local dates and times in callbacks; the business unit's.
    pub zone: jiff::tz::TimeZone,
    /// For phone numbers without a country code: a calling code such as "49"; the business unit's.
    pub calling_code: String,
    pub limits: Limits,
}

/// A profile's language engines beside its primary (B5, B7). Their order is canary, primary, standbys: a contact whose engine
/// fails goes on along it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Chain {
    /// How many of a hundred new contacts begin with the canary; `None`: there is none.
    pub canary_percent: Option<u8>,
    pub standbys: Vec<EngineName>,
}

impl Chain {
    /// The primary alone.
    #[must_use]
    pub const fn is_single(&self) -> bool {
        self.canary_percent.is_none() && self.standbys.is_empty()
    }

    /// `None` is the primary.
    #[must_use]
    pub fn knows(&self, engine: Option<&EngineName>) -> bool {
        engine.is_none_or(|it| (it.is_canary() && self.canary_percent.is_some()) || self.standbys.contains(it))
    }

    /// The next in order. `None`: there is none; within it `None` is the primary.
    #[must_use]
    pub fn after(&self, engine: Option<&EngineName>) -> Option<Option<EngineName>> {
        let next = match engine {
            Some(canary) if canary.is_canary() => return Some(None),
            Some(standby) => self.standbys.iter().position(|it| it == standby)? + 1,
            None => 0,
        };
        self.standbys.get(next).cloned().map(Some)
    }

    /// What a new contact begins with, by a hash of its name: always the same for the same contact. `None`: the primary.
    #[must_use]
    pub fn first(&self, contact: u64) -> Option<EngineName> {
        let canary = self.canary_percent.is_some_and(|percent| in_share(contact, CANARY_SALT, percent));
        canary.then(EngineName::canary)
    }
}

/// Who is in the canary's share must say nothing of who is in the shadow's.
const CANARY_SALT: u64 = 0x6361_6e61_7279;
pub const SHADOW_SALT: u64 = 0x7368_6164_6f77;

/// Whether a hash is among so many of a hundred.
#[must_use]
pub const fn in_share(hash: u64, salt: u64, percent: u8) -> bool {
    // Names differ in their last characters, which FNV leaves in the low bits: they are mixed into all of them.
    let mixed = (hash ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed ^ (mixed >> 29)) >> 7) % 100 < percent as u64
}

#[derive(Clone, Debug)]
pub struct Inactivity {
    pub timeout: Duration,
    /// Empty: close silently (S15).
    pub timeout_message: String,
    /// How long before closing the customer is warned; zero: never (B8).
    pub warn_before: Duration,
    pub warning_message: String,
}

/// When and how a contact goes to a person (B2, B6).
#[derive(Clone, Debug)]
pub struct Handover {
    /// For not-understood, failures and the engine's own handoff flag; `None`: those never hand over.
    pub to: Option<Destination>,
    /// Each in a row; 0: never.
    pub not_understood_after: u32,
    pub failures_after: u32,
    pub slow_after: u32,
    /// While an answer is not there after this, the customer sees that somebody writes (B6). Zero: never.
    pub typing_after: Duration,
    /// An answer later than this counts as slow, and the customer hears `slow_message` meanwhile. Zero: off.
    pub slow_threshold: Duration,
    pub slow_message: String,
    pub not_understood_message: String,
    pub failure_message: String,
    /// How often one contact may go to a person and come back (ping-pong budget).
    pub max_handovers: u32,
    /// A queue with a longer expected wait counts as unavailable; zero: any wait will do.
    pub max_wait: Duration,
    /// Said when no person can be promised (queue closed, wait too long, budget used, handover failed or expired).
    pub unavailable_message: String,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Destination {
    Queue(QueueId),
    Target(SpeechTargetId),
}

impl Destination {
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Queue(queue) => queue.as_str(),
            Self::Target(target) => target.as_str(),
        }
    }
}

/// Names of the events by which the language engine is told of outcomes; empty: it is not told.
#[derive(Clone, Debug, Default)]
pub struct Events {
    pub human_returned: String,
    pub handover_accepted: String,
    pub handover_failed: String,
    pub handover_expired: String,
    /// No person can be promised now: offer a callback.
    pub queue_unavailable: String,
    pub callback_done: String,
    pub callback_failed: String,
    pub external_done: String,
    pub external_failed: String,
    pub push_done: String,
    pub push_failed: String,
    /// With `on_uncertain = event`: the turn may or may not have reached the engine before a restart.
    pub turn_interrupted: String,
}

/// What to do with text above the engine's limit (B9). `characters` 0: no limit.
#[derive(Clone, Debug)]
pub struct TextLimit {
    pub characters: usize,
    pub policy: LongText,
    /// Said by `reject`.
    pub message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LongText {
    Reject,
    Split,
    Truncate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUncertain {
    Retry,
    Event,
}

/// Bounds of one contact.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Customer inputs that may wait behind the running turn.
    pub waiting_inputs: usize,
    /// Commands that may be undelivered.
    pub undelivered: usize,
    /// Transcript bytes kept for a handover; the oldest lines go first.
    pub transcript_bytes: usize,
}
