//! One virtual agent's log-on at the routing engine (S2).
//!
//! ```text
//! Unassigned --Assigned--> AwaitingEngine --EngineAttached--> LoggingOn --LoggedOn--> LoggedOn
//!                                 ^                  refused, |  ^  due                  | lost
//!                                 |                 no answer v  |                       |
//!                            EngineLost                    BackingOff <------------------'
//!                                            wrong password 3 times --> Stopped --PasswordChanged--> LoggingOn
//! ```
//! Whether a user may serve as a virtual agent at all is `assignment`'s matter.

use std::time::Duration;

use super::{backoff::Backoff, ids::Timestamp};

/// A log-on without an answer for this long has failed.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// After so many wrong passwords in a row no further log-on is tried: the contact centre would lock the account.
pub const WRONG_PASSWORDS: u8 = 3;
/// After a refusal that only an administrator of the contact centre can mend.
pub const LONG_WAIT: Duration = Duration::from_secs(5 * 60);
/// A log-on that lasted this long was good; a shorter one counts as one more failure.
pub const STEADY_AFTER: Duration = Duration::from_secs(60);

const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Why the routing engine refused a log-on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LogOnRefusal {
    WrongPassword,
    UnknownUser,
    NoLicence,
    Locked,
    Temporary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The user is assigned to a profile and may log on.
    Assigned,
    Unassigned,
    /// The first lane of the business unit is there.
    EngineAttached,
    /// The last lane of the business unit is gone.
    EngineLost,
    LoggedOn,
    Refused(LogOnRefusal),
    LoggedOff,
    PasswordChanged,
    /// See [`Agent::deadline`].
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    LogOn,
    LogOff,
    /// Somebody must act; at most one is raised at a time.
    Alert(LogOnRefusal),
    ClearAlert(LogOnRefusal),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    Unassigned,
    AwaitingEngine,
    LoggingOn,
    LoggedOn,
    BackingOff,
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unassigned,
    AwaitingEngine,
    LoggingOn {
        until: Timestamp,
    },
    LoggedOn {
        since: Timestamp,
    },
    /// Outlives a loss of the engine, so that a flapping lane does not cut the wait short.
    BackingOff {
        until: Timestamp,
    },
    Stopped,
}

/// Starts unassigned, without an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    state: State,
    engine_attached: bool,
    /// In a row; survives everything but a success and a changed password.
    wrong_passwords: u8,
    backoff: Backoff,
    alert: Option<LogOnRefusal>,
}

impl Agent {
    /// `seed` spreads the waits of many agents; give each its own.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self {
            state: State::Unassigned,
            engine_attached: false,
            wrong_passwords: 0,
            backoff: Backoff::new(FIRST_WAIT, LONGEST_WAIT, seed),
            alert: None,
        }
    }

    #[must_use]
    pub const fn standing(&self) -> Standing {
        match self.state {
            State::Unassigned => Standing::Unassigned,
            State::AwaitingEngine => Standing::AwaitingEngine,
            State::LoggingOn { .. } => Standing::LoggingOn,
            State::LoggedOn { .. } => Standing::LoggedOn,
            State::BackingOff { .. } => Standing::BackingOff,
            State::Stopped => Standing::Stopped,
        }
    }

    /// When [`Event::Tick`] is due; an early or late one does no harm.
    #[must_use]
    pub const fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            State::LoggingOn { until } => Some(until),
            // Without an engine there is nothing to do when the wait is over.
            State::BackingOff { until } if self.engine_attached => Some(until),
            State::BackingOff { .. }
            | State::Unassigned
            | State::AwaitingEngine
            | State::LoggedOn { .. }
            | State::Stopped => None,
        }
    }

    /// Applies one event and appends what the caller must do, in order.
    pub fn on_event(&mut self, event: Event, now: Timestamp, out: &mut Vec<Effect>) {
        match event {
            Event::Assigned => self.on_assigned(now, out),
            Event::Unassigned => self.on_unassigned(out),
            Event::EngineAttached => self.on_engine_attached(now, out),
            Event::EngineLost => self.on_engine_lost(),
            Event::LoggedOn => self.on_logged_on(now, out),
            Event::Refused(reason) => self.on_refused(reason, now, out),
            Event::LoggedOff => self.on_logged_off(now),
            Event::PasswordChanged => self.on_password_changed(now, out),
            Event::Tick => self.on_tick(now, out),
        }
    }

    fn on_assigned(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.state != State::Unassigned {
            return;
        }
        if self.wrong_passwords >= WRONG_PASSWORDS {
            self.stop(out);
        } else {
            self.log_on(now, out);
        }
    }

    fn on_unassigned(&mut self, out: &mut Vec<Effect>) {
        // Backing off, too: a log-on whose answer is overdue may still succeed over there.
        let may_be_on =
            matches!(self.state, State::LoggingOn { .. } | State::LoggedOn { .. } | State::BackingOff { .. });
        if may_be_on && self.engine_attached {
            out.push(Effect::LogOff);
        }
        self.state = State::Unassigned;
        self.clear_alert(out);
    }

    fn on_engine_attached(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.engine_attached = true;
        if self.state == State::AwaitingEngine {
            self.log_on(now, out);
        } else {
            // A wait may be over meanwhile.
            self.on_tick(now, out);
        }
    }

    const fn on_engine_lost(&mut self) {
        self.engine_attached = false;
        if matches!(self.state, State::LoggingOn { .. } | State::LoggedOn { .. }) {
            self.state = State::AwaitingEngine;
        }
    }

    fn on_logged_on(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if !self.engine_attached {
            return;
        }
        match self.state {
            State::LoggingOn { .. } | State::BackingOff { .. } | State::Stopped => {
                self.state = State::LoggedOn { since: now };
                self.wrong_passwords = 0;
                self.clear_alert(out);
            }
            // The answer crossed our log-off.
            State::Unassigned => out.push(Effect::LogOff),
            State::AwaitingEngine | State::LoggedOn { .. } => {}
        }
    }

    fn on_refused(&mut self, reason: LogOnRefusal, now: Timestamp, out: &mut Vec<Effect>) {
        // Backing off, too: a late refusal has counted over there.
        if !matches!(self.state, State::LoggingOn { .. } | State::BackingOff { .. }) {
            return;
        }
        match reason {
            LogOnRefusal::WrongPassword => {
                self.wrong_passwords = self.wrong_passwords.saturating_add(1);
                if self.wrong_passwords >= WRONG_PASSWORDS {
                    self.stop(out);
                } else {
                    self.back_off(now);
                }
            }
            LogOnRefusal::UnknownUser | LogOnRefusal::NoLicence | LogOnRefusal::Locked => {
                self.raise(reason, out);
                // A tenth of jitter: those refused together need not return together.
                let until = now + LONG_WAIT + self.backoff.jitter(LONG_WAIT / 20);
                self.state = State::BackingOff { until };
            }
            LogOnRefusal::Temporary => self.back_off(now),
        }
    }

    fn on_logged_off(&mut self, now: Timestamp) {
        // In any other state it answers a log-off of ours, or repeats what is known.
        if let State::LoggedOn { since } = self.state {
            if now.since(since) >= STEADY_AFTER {
                self.backoff.reset();
            }
            self.back_off(now);
        }
    }

    fn on_password_changed(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        self.wrong_passwords = 0;
        if matches!(self.state, State::BackingOff { .. } | State::Stopped) {
            self.backoff.reset();
            self.log_on(now, out);
        }
    }

    fn on_tick(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        match self.state {
            State::LoggingOn { until } if until <= now => self.back_off(now),
            State::BackingOff { until } if until <= now => self.log_on(now, out),
            State::LoggingOn { .. }
            | State::BackingOff { .. }
            | State::Unassigned
            | State::AwaitingEngine
            | State::LoggedOn { .. }
            | State::Stopped => {}
        }
    }

    fn log_on(&mut self, now: Timestamp, out: &mut Vec<Effect>) {
        if self.engine_attached {
            out.push(Effect::LogOn);
            self.state = State::LoggingOn { until: now + ANSWER_WITHIN };
        } else {
            self.state = State::AwaitingEngine;
        }
    }

    fn back_off(&mut self, now: Timestamp) {
        self.state = State::BackingOff { until: now + self.backoff.after_failure() };
    }

    fn stop(&mut self, out: &mut Vec<Effect>) {
        self.state = State::Stopped;
        self.raise(LogOnRefusal::WrongPassword, out);
    }

    fn raise(&mut self, reason: LogOnRefusal, out: &mut Vec<Effect>) {
        if self.alert != Some(reason) {
            self.clear_alert(out);
            self.alert = Some(reason);
            out.push(Effect::Alert(reason));
        }
    }

    fn clear_alert(&mut self, out: &mut Vec<Effect>) {
        out.extend(self.alert.take().map(Effect::ClearAlert));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An agent that is assigned, with an engine, logging on since second 0.
    fn logging_on() -> Agent {
        let mut agent = Agent::new(42);
        assert_eq!(at(&mut agent, 0, Event::Assigned), []);
        assert_eq!(at(&mut agent, 0, Event::EngineAttached), [Effect::LogOn]);
        agent
    }

    fn logged_on() -> Agent {
        let mut agent = logging_on();
        assert_eq!(at(&mut agent, 0, Event::LoggedOn), []);
        agent
    }

    fn at(agent: &mut Agent, second: i64, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        agent.on_event(event, Timestamp(second * 1000), &mut out);
        out
    }

    /// Lets the current deadline pass, and not a millisecond less.
    fn wait(agent: &mut Agent) -> (Timestamp, Vec<Effect>) {
        let due = agent.deadline().expect("a deadline");
        let mut out = Vec::new();
        agent.on_event(Event::Tick, Timestamp(due.0 - 1), &mut out);
        assert_eq!(out, [], "a millisecond early");
        agent.on_event(Event::Tick, due, &mut out);
        (due, out)
    }

    #[test]
    fn s2_an_assigned_agent_is_logged_on_as_soon_as_the_engine_is_there() {
        let agent = logged_on();
        assert_eq!((agent.standing(), agent.deadline()), (Standing::LoggedOn, None));
        let mut late = Agent::new(1);
        assert_eq!(at(&mut late, 0, Event::EngineAttached), []);
        assert_eq!(at(&mut late, 5, Event::Assigned), [Effect::LogOn]);
    }

    #[test]
    fn s2_after_a_loss_of_the_engine_it_is_logged_on_again_at_once() {
        let mut agent = logged_on();
        assert_eq!(at(&mut agent, 100, Event::EngineLost), []);
        assert_eq!((agent.standing(), agent.deadline()), (Standing::AwaitingEngine, None));
        assert_eq!(at(&mut agent, 200, Event::EngineAttached), [Effect::LogOn]);
    }

    #[test]
    fn s2_a_logged_off_agent_is_logged_on_again_after_one_to_two_seconds() {
        let mut agent = logged_on();
        assert_eq!(at(&mut agent, 100, Event::LoggedOff), []);
        let (due, effects) = wait(&mut agent);
        assert!((101_000..=102_000).contains(&due.0), "{due:?}");
        assert_eq!(effects, [Effect::LogOn]);
    }

    #[test]
    fn s2_who_is_logged_off_again_and_again_waits_longer_until_a_log_on_lasts() {
        let mut agent = logged_on();
        let mut now = 1_000;
        let mut waits = Vec::new();
        for _ in 0..8 {
            at(&mut agent, now / 1000, Event::LoggedOff);
            let (due, _) = wait(&mut agent);
            waits.push(due.0 - now);
            now = (due.0 / 1000 + 1) * 1000;
            at(&mut agent, now / 1000, Event::LoggedOn);
        }
        assert!(waits[7] >= 30_000, "{waits:?}");
        let later = now / 1000 + 60;
        at(&mut agent, later, Event::LoggedOff);
        assert!(wait(&mut agent).0 <= Timestamp(later * 1000 + 2_000));
    }

    #[test]
    fn a_log_on_without_an_answer_in_15_s_is_tried_again() {
        let mut agent = logging_on();
        assert_eq!(agent.deadline(), Some(Timestamp(15_000)));
        assert_eq!(wait(&mut agent).1, []);
        assert_eq!(agent.standing(), Standing::BackingOff);
        assert_eq!(wait(&mut agent).1, [Effect::LogOn]);
    }

    #[test]
    fn an_answer_that_comes_after_its_15_s_still_counts() {
        let mut agent = logging_on();
        wait(&mut agent);
        assert_eq!(at(&mut agent, 15, Event::LoggedOn), []);
        assert_eq!((agent.standing(), agent.deadline()), (Standing::LoggedOn, None));
    }

    #[test]
    fn temporary_refusals_back_off_up_to_a_minute_without_an_alert() {
        let mut agent = logging_on();
        let mut now = 0;
        for n in 0..12 {
            let mut out = Vec::new();
            agent.on_event(Event::Refused(LogOnRefusal::Temporary), Timestamp(now), &mut out);
            assert_eq!(out, []);
            let (due, effects) = wait(&mut agent);
            assert_eq!(effects, [Effect::LogOn]);
            assert!((1_000..=60_000).contains(&(due.0 - now)), "wait {n}");
            assert!(n < 6 || due.0 - now >= 30_000, "wait {n}");
            now = due.0;
        }
    }

    #[test]
    fn s2_a_wrong_password_stops_after_three_tries_even_across_a_new_attachment() {
        let mut agent = logging_on();
        assert_eq!(at(&mut agent, 1, Event::Refused(LogOnRefusal::WrongPassword)), []);
        wait(&mut agent);
        assert_eq!(at(&mut agent, 5, Event::Refused(LogOnRefusal::WrongPassword)), []);
        at(&mut agent, 5, Event::EngineLost);
        at(&mut agent, 6, Event::EngineAttached);
        wait(&mut agent);
        let last = at(&mut agent, 20, Event::Refused(LogOnRefusal::WrongPassword));
        assert_eq!(last, [Effect::Alert(LogOnRefusal::WrongPassword)]);
        assert_eq!((agent.standing(), agent.deadline()), (Standing::Stopped, None));
        at(&mut agent, 30, Event::EngineLost);
        assert_eq!(at(&mut agent, 31, Event::EngineAttached), [], "a new attachment must not try a fourth time");
        assert_eq!(at(&mut agent, 1_000, Event::Tick), []);
    }

    #[test]
    fn s2_assigning_the_user_anew_does_not_try_the_wrong_password_a_fourth_time() {
        let mut agent = stopped();
        let cleared = at(&mut agent, 20, Event::Unassigned);
        assert_eq!(cleared, [Effect::ClearAlert(LogOnRefusal::WrongPassword)]);
        assert_eq!(at(&mut agent, 21, Event::Assigned), [Effect::Alert(LogOnRefusal::WrongPassword)]);
        assert_eq!(agent.standing(), Standing::Stopped);
    }

    fn stopped() -> Agent {
        let mut agent = logging_on();
        for _ in 0..WRONG_PASSWORDS {
            at(&mut agent, 0, Event::Refused(LogOnRefusal::WrongPassword));
        }
        assert_eq!(agent.standing(), Standing::Stopped);
        agent
    }

    #[test]
    fn s2_a_changed_password_starts_again_and_success_clears_the_alert() {
        let mut agent = stopped();
        assert_eq!(at(&mut agent, 50, Event::PasswordChanged), [Effect::LogOn]);
        // Three new tries.
        assert_eq!(at(&mut agent, 51, Event::Refused(LogOnRefusal::WrongPassword)), []);
        wait(&mut agent);
        assert_eq!(at(&mut agent, 60, Event::LoggedOn), [Effect::ClearAlert(LogOnRefusal::WrongPassword)]);
    }

    #[test]
    fn a_success_between_wrong_passwords_starts_the_count_anew() {
        let mut agent = logging_on();
        at(&mut agent, 0, Event::Refused(LogOnRefusal::WrongPassword));
        at(&mut agent, 0, Event::Refused(LogOnRefusal::WrongPassword));
        wait(&mut agent);
        at(&mut agent, 20, Event::LoggedOn);
        at(&mut agent, 21, Event::LoggedOff);
        wait(&mut agent);
        at(&mut agent, 40, Event::Refused(LogOnRefusal::WrongPassword));
        assert_eq!(agent.standing(), Standing::BackingOff);
    }

    #[test]
    fn s2_what_only_the_contact_centre_can_mend_alerts_once_and_waits_five_minutes() {
        for reason in [LogOnRefusal::UnknownUser, LogOnRefusal::NoLicence, LogOnRefusal::Locked] {
            let mut agent = logging_on();
            assert_eq!(at(&mut agent, 0, Event::Refused(reason)), [Effect::Alert(reason)]);
            let (due, effects) = wait(&mut agent);
            assert!((300_000..=330_000).contains(&due.0), "{reason:?}: {due:?}");
            assert_eq!(effects, [Effect::LogOn]);
            assert_eq!(at(&mut agent, 400, Event::Refused(reason)), [], "{reason:?} is raised already");
            wait(&mut agent);
            assert_eq!(at(&mut agent, 800, Event::LoggedOn), [Effect::ClearAlert(reason)]);
        }
    }

    #[test]
    fn another_refusal_replaces_the_alert() {
        let mut agent = logging_on();
        at(&mut agent, 0, Event::Refused(LogOnRefusal::NoLicence));
        assert_eq!(
            at(&mut agent, 1, Event::Refused(LogOnRefusal::Locked)),
            [Effect::ClearAlert(LogOnRefusal::NoLicence), Effect::Alert(LogOnRefusal::Locked)]
        );
    }

    #[test]
    fn a_flapping_lane_does_not_cut_a_wait_short() {
        let mut agent = logging_on();
        at(&mut agent, 0, Event::Refused(LogOnRefusal::Locked));
        at(&mut agent, 10, Event::EngineLost);
        assert_eq!(agent.deadline(), None, "nothing to do without an engine");
        assert_eq!(at(&mut agent, 11, Event::EngineAttached), []);
        assert!(agent.deadline() >= Some(Timestamp(300_000)));
        at(&mut agent, 12, Event::EngineLost);
        assert_eq!(at(&mut agent, 1_000, Event::EngineAttached), [Effect::LogOn], "the wait is over meanwhile");
    }

    #[test]
    fn an_unassigned_agent_is_logged_off_even_when_the_answer_crosses() {
        let mut agent = logging_on();
        assert_eq!(at(&mut agent, 1, Event::Unassigned), [Effect::LogOff]);
        assert_eq!(at(&mut agent, 2, Event::LoggedOn), [Effect::LogOff]);
        assert_eq!(agent.standing(), Standing::Unassigned);
        assert_eq!(at(&mut logged_on(), 1, Event::Unassigned), [Effect::LogOff]);
        let mut away = logged_on();
        at(&mut away, 1, Event::EngineLost);
        assert_eq!(at(&mut away, 2, Event::Unassigned), [], "there is nobody to tell");
    }

    const EVENTS: [Event; 11] = [
        Event::Assigned,
        Event::Unassigned,
        Event::EngineAttached,
        Event::EngineLost,
        Event::LoggedOn,
        Event::Refused(LogOnRefusal::WrongPassword),
        Event::Refused(LogOnRefusal::UnknownUser),
        Event::Refused(LogOnRefusal::Temporary),
        Event::LoggedOff,
        Event::PasswordChanged,
        Event::Tick,
    ];

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn s2_whatever_happens_no_agent_is_forgotten_and_no_account_is_locked(
            seed: u64,
            script in proptest::collection::vec((0..EVENTS.len(), 0_i64..90_000), 1..60),
        ) {
            let mut agent = Agent::new(seed);
            let (mut now, mut assigned, mut attached) = (0, false, false);
            let (mut wrong, mut alert) = (0, None);
            for (event, pause) in script {
                let event = EVENTS[event];
                now += pause;
                let before = agent.standing();
                let mut out = Vec::new();
                agent.on_event(event, Timestamp(now), &mut out);
                match event {
                    Event::Assigned => assigned = true,
                    Event::Unassigned => assigned = false,
                    Event::EngineAttached => attached = true,
                    Event::EngineLost => attached = false,
                    Event::PasswordChanged => wrong = 0,
                    Event::LoggedOn if agent.standing() == Standing::LoggedOn => wrong = 0,
                    Event::Refused(LogOnRefusal::WrongPassword)
                        if matches!(before, Standing::LoggingOn | Standing::BackingOff) => wrong += 1,
                    Event::LoggedOn | Event::Refused(_) | Event::LoggedOff | Event::Tick => {}
                }
                for effect in out {
                    match effect {
                        Effect::LogOn => prop_assert!(assigned && attached && wrong < WRONG_PASSWORDS),
                        Effect::LogOff => prop_assert!(!assigned && attached),
                        Effect::Alert(reason) => prop_assert_eq!(alert.replace(reason), None),
                        Effect::ClearAlert(reason) => prop_assert_eq!(alert.take(), Some(reason)),
                    }
                }
                let due = agent.deadline();
                prop_assert_eq!(agent.standing() == Standing::Unassigned, !assigned);
                prop_assert_eq!(agent.standing() == Standing::Stopped, assigned && wrong >= WRONG_PASSWORDS);
                if assigned && attached && wrong < WRONG_PASSWORDS {
                    prop_assert!(agent.standing() == Standing::LoggedOn || due.is_some());
                }
                prop_assert!(due.is_none_or(|due| attached && due <= Timestamp(now + 330_000)));
            }
        }
    }
}
