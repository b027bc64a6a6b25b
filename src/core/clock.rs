//! The inactivity clock (S14, S15, B8).
//!
//! It runs only while the contact waits for the customer: not while the engine is asked, an action is pending, or an answer
//! has yet to be delivered. What is due lies strictly after the deadline, so input at the very deadline still counts.

use serde::{Deserialize, Serialize};

use super::{ids::Timestamp, profile::Inactivity};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InactivityClock {
    /// When the customer's time is up; `None`: the clock stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deadline: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    warned: bool,
}

/// What the passing of time asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    Warn,
    Close,
}

impl InactivityClock {
    /// Starts afresh unless it runs already.
    pub fn run(&mut self, rules: &Inactivity, now: Timestamp) {
        if self.deadline.is_none() {
            self.deadline = Some(now + rules.timeout);
            self.warned = false;
        }
    }

    pub const fn stop(&mut self) {
        self.deadline = None;
        self.warned = false;
    }

    /// The customer showed a sign of life: the whole time again.
    pub fn restart(&mut self, rules: &Inactivity, now: Timestamp) {
        if self.deadline.is_some() {
            self.stop();
            self.run(rules, now);
        }
    }

    /// When [`Self::due`] has news, at the earliest.
    #[must_use]
    pub fn next(&self, rules: &Inactivity) -> Option<Timestamp> {
        let deadline = self.deadline?;
        let at = if self.warned { None } else { warning_at(deadline, rules) };
        Some(Timestamp(at.unwrap_or(deadline).0.saturating_add(1)))
    }

    /// Marks a warning as given.
    pub fn due(&mut self, rules: &Inactivity, now: Timestamp) -> Due {
        let Some(deadline) = self.deadline else { return Due::Nothing };
        if now > deadline {
            return Due::Close;
        }
        if !self.warned && warning_at(deadline, rules).is_some_and(|at| now > at) {
            self.warned = true;
            return Due::Warn;
        }
        Due::Nothing
    }
}

fn warning_at(deadline: Timestamp, rules: &Inactivity) -> Option<Timestamp> {
    let before = i64::try_from(rules.warn_before.as_millis()).unwrap_or(i64::MAX);
    (before > 0 && !rules.warning_message.is_empty()).then(|| Timestamp(deadline.0.saturating_sub(before)))
}
