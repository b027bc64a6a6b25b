//! The load generator: many contacts that talk at a given rate, and an account of every message.
//!
//! The loop is open: messages have their time, whatever the system does. A latency counts from the moment at which the message
//! was *meant* to be said, so a system that stalls is charged for everything it held up. Within a contact a message waits for the
//! answer to the one before, as people do; that wait counts, too.
//!
//! [`contacts`] drives the gateway as a routing engine, [`chat`] drives the web chat as its customers.

pub mod chat;
mod client;
pub mod contacts;
mod events;
pub mod report;
mod talk;

use std::time::Duration;

use report::Tally;
use tokio::time::{Instant, sleep_until};

use crate::clock::Clock;

/// What is said when nobody says what.
pub const LINES: &[&str] = &["Hello", "What are your opening hours?", "Thank you"];

/// How many talk, how much, and what they say.
#[derive(Clone, Debug)]
pub struct Plan {
    pub contacts: usize,
    /// Messages in a second, of all contacts together.
    pub rate: f64,
    pub lasting: Duration,
    /// Each contact says them from the first on, and over again.
    pub lines: Vec<String>,
    /// BCP 47; empty: the profile's.
    pub language: String,
    /// How long an answer may take before the message counts as lost.
    pub patience: Duration,
    /// Tells this run's contacts from those of all others.
    pub run: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("{0}")]
    Plan(&'static str),
    #[error(
        "not attached to {gateway} within {within:?}: is a gateway there, and does it know the token, engine id and unit?"
    )]
    NotAttached { gateway: String, within: Duration },
    #[error(
        "virtual agent {agent} was not logged on within {within:?}: a profile of this business unit must have it among its agents"
    )]
    NotLoggedOn { agent: String, within: Duration },
    #[error("contact {contact} was not opened: {why}")]
    NotOpened { contact: String, why: String },
    #[error("the link was stopped")]
    Stopped(#[from] super::link::SendError),
    #[error("{0}")]
    Chat(#[from] client::HttpError),
}

impl Plan {
    /// # Errors
    /// When nothing could be said by it.
    pub fn check(&self) -> Result<(), LoadError> {
        if self.contacts == 0 || self.contacts > 1_000_000 {
            return Err(LoadError::Plan("contacts: between 1 and 1,000,000"));
        }
        if !(self.rate > 0.0 && self.rate <= 1_000_000.0) {
            return Err(LoadError::Plan("rate: above 0, and at most 1,000,000 messages in a second"));
        }
        if self.lines.iter().all(|line| line.trim().is_empty()) {
            return Err(LoadError::Plan("script: there is no line to say in it"));
        }
        if self.lasting > Duration::from_secs(7 * 86_400) {
            return Err(LoadError::Plan("for: at most a week"));
        }
        Ok(())
    }

    /// When a contact is meant to say its `turn`th line, from the start on; `None`: the run is over by then.
    fn when(&self, contact: usize, turn: u64) -> Option<Duration> {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let number = (turn * self.contacts as u64) as f64 + contact as f64;
        let at = Duration::try_from_secs_f64(number / self.rate).ok()?;
        (at < self.lasting).then_some(at)
    }

    fn line(&self, turn: u64) -> &str {
        let count = u64::try_from(self.lines.len()).unwrap_or(1).max(1);
        let at = usize::try_from(turn % count).unwrap_or_default();
        self.lines.get(at).map_or("", String::as_str)
    }

    fn contact_name(&self, contact: usize) -> String {
        format!("load-{:x}-{contact}", self.run)
    }
}

/// What came of saying one line.
enum Said {
    Answered(Instant),
    /// Nobody answered: the contact says no more.
    Silence,
    /// The contact was over before.
    Over,
}

/// One side of a conversation.
trait Voice {
    /// Says a line and waits for its answer.
    async fn say(&self, turn: u64, line: &str, tally: &mut Tally) -> Said;
}

/// Says a contact's lines at their times.
async fn converse(plan: &Plan, contact: usize, start: Instant, voice: &impl Voice) -> Tally {
    let mut tally = Tally::default();
    // Before this moment it could not be said: the contact was waiting for an answer, and the driver is not to blame.
    let mut free = start;
    for turn in 0.. {
        let Some(at) = plan.when(contact, turn) else { break };
        let meant = start + at;
        sleep_until(meant).await;
        let now = Clock::instant();
        if now > start + plan.lasting + plan.patience {
            tally.unsaid += (turn..).take_while(|turn| plan.when(contact, *turn).is_some()).count();
            break;
        }
        tally.lag(now.saturating_duration_since(meant.max(free)));
        match voice.say(turn, plan.line(turn), &mut tally).await {
            Said::Answered(at) => {
                tally.messages += 1;
                tally.answered += 1;
                tally.latency(at.saturating_duration_since(meant));
                free = Clock::instant();
            }
            Said::Silence => {
                tally.messages += 1;
                tally.lost += 1;
                break;
            }
            Said::Over => {
                tally.over += 1;
                break;
            }
        }
    }
    tally
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            contacts: 4,
            rate: 8.0,
            lasting: Duration::from_secs(1),
            lines: vec!["a".to_owned(), "b".to_owned(), "c".to_owned()],
            language: String::new(),
            patience: Duration::from_secs(1),
            run: 0xabc,
        }
    }

    #[test]
    fn the_contacts_take_turns_at_the_rate_and_stop_in_time() {
        let plan = plan();
        let turns = (0..4).flat_map(|contact| (0..9).map(move |turn| (contact, turn)));
        let mut times: Vec<_> = turns.filter_map(|(contact, turn)| plan.when(contact, turn)).collect();
        times.sort();
        let expected: Vec<_> = (0..8).map(|n| Duration::from_millis(125 * n)).collect();
        assert_eq!(times, expected);
        assert_eq!([0, 1, 2, 3].map(|turn| plan.line(turn)), ["a", "b", "c", "a"]);
        assert_eq!(plan.contact_name(3), "load-abc-3");
    }

    #[test]
    fn a_plan_by_which_nothing_is_said_is_refused() {
        let cases = [
            (Plan { contacts: 0, ..plan() }, "contacts"),
            (Plan { rate: 0.0, ..plan() }, "rate"),
            (Plan { rate: f64::NAN, ..plan() }, "rate"),
            (Plan { lines: vec![" ".to_owned()], ..plan() }, "script"),
        ];
        for (plan, says) in cases {
            assert!(plan.check().unwrap_err().to_string().starts_with(says));
        }
        plan().check().unwrap();
    }

    struct Deaf;
    impl Voice for Deaf {
        async fn say(&self, _turn: u64, _line: &str, _tally: &mut Tally) -> Said {
            Said::Silence
        }
    }

    struct Slow(Duration);
    impl Voice for Slow {
        async fn say(&self, _turn: u64, _line: &str, _tally: &mut Tally) -> Said {
            tokio::time::sleep(self.0).await;
            Said::Answered(Clock::instant())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn latencies_count_from_the_time_a_line_was_meant_for() {
        let plan = Plan { contacts: 1, ..plan() };
        let tally = converse(&plan, 0, Clock::instant(), &Slow(Duration::from_millis(200))).await;
        assert_eq!((tally.messages, tally.answered, tally.lost, tally.unsaid), (8, 8, 0, 0));
        let first_and_last = [tally.latencies_us[0], tally.latencies_us[7]].map(|us| us / 5_000 * 5);
        // Each line is said 75 ms later behind its time than the one before.
        assert_eq!(first_and_last, [200, 200 + 7 * 75]);
        assert!(tally.lags_us.iter().all(|us| *us < 5_000), "the driver was on time: {:?}", tally.lags_us);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_answers_is_lost_and_ends_the_contact() {
        let tally = converse(&plan(), 0, Clock::instant(), &Deaf).await;
        assert_eq!((tally.messages, tally.answered, tally.lost), (1, 0, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_said_in_time_is_counted() {
        let plan = Plan { contacts: 1, ..plan() };
        let tally = converse(&plan, 0, Clock::instant(), &Slow(Duration::from_millis(1_100))).await;
        assert_eq!((tally.messages, tally.unsaid), (2, 6));
    }
}
