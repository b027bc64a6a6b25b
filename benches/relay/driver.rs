//! Drives one system through its edge: closed loop for what a message costs, open loop for how long it takes.

use std::{rc::Rc, time::Duration};

use anyhow::{Result, ensure};
use tokio::{
    task::yield_now,
    time::{Instant, sleep},
};
use usher::clock::Clock;

use crate::{
    fake::Fake,
    meter::{Limit, Meter, Outcome, Pace},
};

/// How long after the last message was due its reply may still come.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Messages in flight when a system is to be saturated.
pub(crate) const IN_FLIGHT: u64 = 64;

/// Where messages go in: sends what the meter has due, and reports replies to it.
pub(crate) trait Edge {
    fn pump(&self, now: Instant);
}

/// The load of the closed loop.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    For(Duration),
    /// With the time that so many may take: under callgrind everything is slow.
    Messages(u64, Duration),
}

/// The load of the open loop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: u32,
    pub(crate) engine_time: Duration,
    pub(crate) lasting: Duration,
}

pub(crate) struct Driver {
    pub(crate) meter: Rc<Meter>,
    pub(crate) fake: Rc<Fake>,
}

impl Driver {
    /// Saturates the system behind `edge`.
    pub(crate) async fn saturate(&self, edge: &dyn Edge, load: Load) -> Result<Outcome> {
        let asked = self.fake.asked();
        let (limit, allowed) = match load {
            Load::For(span) => (Limit::Until(Clock::instant() + span), span),
            Load::Messages(messages, allowed) => (Limit::Messages(messages), allowed),
        };
        self.meter.begin(Pace::Closed { in_flight: IN_FLIGHT, limit });
        let end = Clock::instant() + allowed + PATIENCE;
        edge.pump(Clock::instant());
        while !self.meter.is_over(Clock::instant()) && Clock::instant() < end {
            sleep(LOOK_EVERY).await;
        }
        self.judge(asked)
    }

    /// Sends at fixed times. The thread never sleeps meanwhile, so that neither the driver nor the fake adds its own waking up.
    pub(crate) async fn pace(&self, edge: &dyn Edge, rate: Rate) -> Result<Outcome> {
        let asked = self.fake.asked();
        let interval = Duration::from_secs(1) / rate.per_second;
        let messages = u64::from(rate.per_second) * rate.lasting.as_millis() as u64 / 1000;
        self.fake.set_engine_time(rate.engine_time);
        self.meter.begin(Pace::Open { interval, messages });
        let end = Clock::instant() + rate.lasting + PATIENCE;
        loop {
            let now = Clock::instant();
            self.fake.release(now);
            edge.pump(now);
            if self.meter.is_over(now) || now > end {
                break;
            }
            yield_now().await;
        }
        self.fake.set_engine_time(Duration::ZERO);
        self.judge(asked)
    }

    /// A run counts only when every message got its own answer and the language engine was asked exactly once for each.
    fn judge(&self, asked_before: u64) -> Result<Outcome> {
        let outcome = self.meter.outcome();
        let Outcome { sent, answered, failed, .. } = outcome;
        let why = outcome.first_failure.as_deref().unwrap_or("no reply in time");
        ensure!(answered == sent, "{sent} messages, {answered} answered, {failed} failed: {why}");
        let asked = self.fake.asked() - asked_before;
        ensure!(asked == sent, "{sent} messages, but {asked} calls to the language engine");
        ensure!(self.fake.unreadable() == 0, "{} calls without a question", self.fake.unreadable());
        Ok(outcome)
    }
}
