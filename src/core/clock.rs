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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const START: Timestamp = Timestamp(1_000);

    /// Ten seconds, with a warning `warn_before_ms` before.
    fn rules(warn_before_ms: u64, warning: &str) -> Inactivity {
        Inactivity {
            timeout: Duration::from_secs(10),
            timeout_message: String::new(),
            warn_before: Duration::from_millis(warn_before_ms),
            warning_message: warning.to_owned(),
        }
    }

    fn running(rules: &Inactivity) -> InactivityClock {
        let mut clock = InactivityClock::default();
        clock.run(rules, START);
        clock
    }

    #[test]
    fn s14_time_is_up_a_millisecond_after_the_deadline() {
        let rules = rules(0, "");
        let mut clock = running(&rules);
        assert_eq!(clock.next(&rules), Some(Timestamp(11_001)));
        assert_eq!(clock.due(&rules, Timestamp(11_000)), Due::Nothing);
        assert_eq!(clock.due(&rules, Timestamp(11_001)), Due::Close);
        assert_eq!(clock.due(&rules, Timestamp(11_001)), Due::Close, "asking changes nothing");
    }

    #[test]
    fn s15_a_clock_that_stands_is_never_due_and_typing_does_not_start_it() {
        let rules = rules(0, "");
        let mut clock = InactivityClock::default();
        clock.restart(&rules, START);
        assert_eq!((clock.next(&rules), clock.due(&rules, Timestamp(i64::MAX))), (None, Due::Nothing));
        let mut stopped = running(&rules);
        stopped.stop();
        assert_eq!((stopped.next(&rules), stopped.due(&rules, Timestamp(i64::MAX))), (None, Due::Nothing));
    }

    #[test]
    fn s15_a_running_clock_runs_on_until_it_is_restarted() {
        let rules = rules(0, "");
        let mut clock = running(&rules);
        clock.run(&rules, Timestamp(5_000));
        assert_eq!(clock.next(&rules), Some(Timestamp(11_001)));
        clock.restart(&rules, Timestamp(11_000));
        assert_eq!(clock.next(&rules), Some(Timestamp(21_001)));
    }

    #[test]
    fn b8_it_warns_once_and_again_after_a_sign_of_life() {
        let rules = rules(4_000, "Still there?");
        let mut clock = running(&rules);
        assert_eq!(clock.next(&rules), Some(Timestamp(7_001)));
        assert_eq!(clock.due(&rules, Timestamp(7_000)), Due::Nothing);
        assert_eq!(clock.due(&rules, Timestamp(7_001)), Due::Warn);
        assert_eq!(clock.due(&rules, Timestamp(7_002)), Due::Nothing);
        assert_eq!(clock.next(&rules), Some(Timestamp(11_001)));
        clock.restart(&rules, Timestamp(8_000));
        assert_eq!(clock.next(&rules), Some(Timestamp(14_001)));
        assert_eq!(clock.due(&rules, Timestamp(14_001)), Due::Warn);
    }

    #[test]
    fn b8_past_the_deadline_it_is_too_late_for_a_warning() {
        let rules = rules(4_000, "Still there?");
        assert_eq!(running(&rules).due(&rules, Timestamp(11_001)), Due::Close);
    }

    #[test]
    fn b8_a_warning_needs_a_text_and_a_time() {
        for rules in [rules(0, "Still there?"), rules(4_000, "")] {
            let mut clock = running(&rules);
            assert_eq!(clock.next(&rules), Some(Timestamp(11_001)));
            assert_eq!(clock.due(&rules, Timestamp(11_000)), Due::Nothing);
        }
    }
}
