//! Counts and times one run of messages; the edges report to it.

use std::{cell::RefCell, time::Duration};

use hdrhistogram::{CreationError, Histogram};
use tokio::time::Instant;
use usher::clock::Clock;

const LONGEST_MICROS: u64 = 60_000_000;

/// When messages go out.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// So many at a time, each reply calls for the next message, until `limit`.
    Closed { in_flight: u64, limit: Limit },
    /// At fixed times, whatever the replies do.
    Open { interval: Duration, messages: u64 },
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Limit {
    Messages(u64),
    Until(Instant),
}

/// What a run came to.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) failed: u64,
    pub(crate) first_failure: Option<String>,
    pub(crate) took: Duration,
    /// Open loop only, from the intended time of sending, in microseconds.
    pub(crate) latency: Histogram<u64>,
    /// Open loop only: how late messages went out, in microseconds.
    pub(crate) lag: Histogram<u64>,
}

pub(crate) struct Meter {
    run: RefCell<Run>,
}

struct Run {
    pace: Pace,
    /// The first number of this run: numbers are never used twice.
    first: u64,
    next: u64,
    answered: u64,
    failed: u64,
    first_failure: Option<String>,
    start: Instant,
    last: Instant,
    latency: Histogram<u64>,
    lag: Histogram<u64>,
}

impl Meter {
    pub(crate) fn new() -> Result<Self, CreationError> {
        let empty = Histogram::new_with_max(LONGEST_MICROS, 3)?;
        let nothing = Pace::Closed { in_flight: 0, limit: Limit::Messages(0) };
        Ok(Self { run: RefCell::new(Run::new(nothing, 1, &empty)) })
    }

    pub(crate) fn begin(&self, pace: Pace) {
        let mut run = self.run.borrow_mut();
        let mut empty = run.latency.clone();
        empty.reset();
        *run = Run::new(pace, run.next, &empty);
    }

    /// The number of the next message, if one is to be sent now.
    pub(crate) fn next(&self, now: Instant) -> Option<u64> {
        self.run.borrow_mut().next(now)
    }

    /// A message's reply is here: as it should be, or with what is wrong with it.
    pub(crate) fn on_reply(&self, number: u64, verdict: Result<(), String>) {
        self.run.borrow_mut().on_reply(number, verdict);
    }

    /// Everything sent is answered, and nothing is left to send.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        self.run.borrow().is_over(now)
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let run = self.run.borrow();
        Outcome {
            sent: run.next - run.first,
            answered: run.answered,
            failed: run.failed,
            first_failure: run.first_failure.clone(),
            took: run.last.saturating_duration_since(run.start),
            latency: run.latency.clone(),
            lag: run.lag.clone(),
        }
    }
}

impl Run {
    fn new(pace: Pace, first: u64, empty: &Histogram<u64>) -> Self {
        let start = Clock::instant();
        let (latency, lag) = (empty.clone(), empty.clone());
        Self { pace, first, next: first, answered: 0, failed: 0, first_failure: None, start, last: start, latency, lag }
    }

    fn intended(&self, number: u64) -> Instant {
        match self.pace {
            Pace::Closed { .. } => self.start,
            Pace::Open { interval, .. } => self.start + interval.mul_f64((number - self.first) as f64),
        }
    }

    fn next(&mut self, now: Instant) -> Option<u64> {
        let sent = self.next - self.first;
        match self.pace {
            Pace::Closed { in_flight, limit } => {
                let full = sent - self.answered - self.failed >= in_flight;
                (!full && limit.allows(sent, now)).then_some(())?;
            }
            Pace::Open { messages, .. } => {
                (sent < messages).then_some(())?;
                let late = now.checked_duration_since(self.intended(self.next))?;
                self.lag.saturating_record(micros(late));
            }
        }
        self.next += 1;
        Some(self.next - 1)
    }

    fn on_reply(&mut self, number: u64, verdict: Result<(), String>) {
        if number < self.first {
            // Of a run that was given up.
            return;
        }
        let now = Clock::instant();
        self.last = now;
        if matches!(self.pace, Pace::Open { .. }) {
            let since_intended = now.saturating_duration_since(self.intended(number));
            self.latency.saturating_record(micros(since_intended));
        }
        match verdict {
            Ok(()) => self.answered += 1,
            Err(why) => {
                self.failed += 1;
                self.first_failure.get_or_insert(why);
            }
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        let sent = self.next - self.first;
        let all_sent = match self.pace {
            Pace::Closed { limit, .. } => !limit.allows(sent, now),
            Pace::Open { messages, .. } => sent >= messages,
        };
        all_sent && self.answered + self.failed >= sent
    }
}

impl Limit {
    fn allows(self, sent: u64, now: Instant) -> bool {
        match self {
            Self::Messages(most) => sent < most,
            Self::Until(end) => now < end,
        }
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
