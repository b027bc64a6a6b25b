//! Governors at run time: one gate per quota, shared by all profiles that use it and kept over reloads.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::governor::{Class, Entry, Governor, Ticket, Turn};
use crate::{
    clock::Clock,
    core::ids::Timestamp,
    telemetry::{Metrics, labels::QuotaClass},
};

/// Over how long answers are counted, for the rate to begin with after the first refusal.
const COUNTED_OVER_MS: i64 = 10_000;

/// All gates by quota key. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Governors {
    clock: Clock,
    metrics: Arc<Metrics>,
    /// Protects the list; taken when an engine is built.
    gates: Arc<Mutex<HashMap<String, Weak<Gate>>>>,
}

#[derive(Debug)]
pub(super) struct Gate {
    metrics: Arc<Metrics>,
    /// A rate is known: questions must ask for their turn.
    limited: AtomicBool,
    /// Answers since `counted_from`, so that the first refusal finds a rate to begin with.
    answers: AtomicU64,
    counted_from: AtomicI64,
    /// Protects the queues; taken for questions and answers while a rate is known.
    line: Mutex<Line>,
}

#[derive(Debug)]
struct Line {
    governor: Governor,
    /// Whom to wake when it is somebody's turn.
    sleepers: HashMap<Ticket, Arc<Notify>>,
}

/// A question's turn did not come before its deadline, or could not.
#[derive(Clone, Copy, Debug)]
pub(super) struct NoTurn {
    pub(super) rate: Option<f64>,
    pub(super) waiting: usize,
}

impl Governors {
    #[must_use]
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { clock, metrics, gates: Arc::default() }
    }

    pub(super) const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The gate of a quota. Where several profiles name its size, the last one that does is right.
    pub(super) fn of(&self, key: &str, quota_per_minute: u32) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        gates.retain(|_, gate| gate.strong_count() > 0);
        let held = gates.entry(key.to_owned()).or_default();
        if let Some(gate) = held.upgrade() {
            if quota_per_minute > 0 {
                gate.lock().governor.set_quota(quota_per_minute);
                gate.limited.store(true, Relaxed);
            }
            return gate;
        }
        let now = self.clock.now();
        let gate = Arc::new(Gate {
            metrics: Arc::clone(&self.metrics),
            limited: AtomicBool::new(quota_per_minute > 0),
            answers: AtomicU64::new(0),
            counted_from: AtomicI64::new(now.0),
            line: Mutex::new(Line { governor: Governor::new(quota_per_minute, now), sleepers: HashMap::new() }),
        });
        *held = Arc::downgrade(&gate);
        gate
    }
}

impl Gate {
    /// Waits for a question's turn, at most until `end`. Says whether it had to wait.
    pub(super) async fn pass(&self, class: Class, again: bool, end: Instant, clock: &Clock) -> Result<bool, NoTurn> {
        if !self.limited.load(Relaxed) {
            return Ok(false);
        }
        let deadline = clock.now() + end.saturating_duration_since(Clock::instant());
        let entry = self.lock().enter(class, again, deadline, clock.now());
        match entry {
            Ok(None) => {
                self.metrics.quota_granted(label(class));
                Ok(false)
            }
            Ok(Some((ticket, wake))) => {
                let mut place = Place { gate: self, ticket, class, waits: true };
                self.metrics.quota_waiting(label(class), 1);
                let went = place.wait(&wake, end, clock).await;
                if went.is_ok() {
                    self.metrics.quota_granted(label(class));
                } else {
                    self.metrics.quota_refused(label(class));
                }
                went.map(|()| true)
            }
            Err(no_turn) => {
                self.metrics.quota_refused(label(class));
                Err(no_turn)
            }
        }
    }

    pub(super) fn refused(&self, retry_after: Option<Duration>, clock: &Clock) {
        let now = clock.now();
        let answers = self.answers_per_s(now);
        let mut line = self.lock();
        line.governor.refused(retry_after, answers, now);
        self.limited.store(true, Relaxed);
        line.wake_next();
    }

    pub(super) fn answered(&self, clock: &Clock) {
        self.count(clock.now());
        if self.limited.load(Relaxed) {
            self.lock().governor.answered();
        }
    }

    /// Readings of two counters that are reset one after the other may be off by a few answers, and nothing depends on those.
    fn count(&self, now: Timestamp) {
        if now.0.saturating_sub(self.counted_from.load(Relaxed)) > COUNTED_OVER_MS {
            self.counted_from.store(now.0, Relaxed);
            self.answers.store(0, Relaxed);
        }
        self.answers.fetch_add(1, Relaxed);
    }

    fn answers_per_s(&self, now: Timestamp) -> f64 {
        let elapsed = now.since(Timestamp(self.counted_from.load(Relaxed))).max(Duration::from_secs(1));
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let answers = self.answers.load(Relaxed) as f64;
        answers / elapsed.as_secs_f64()
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// `None`: it may go. Otherwise it has a place in the line.
    fn enter(
        &mut self,
        class: Class,
        again: bool,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Option<(Ticket, Arc<Notify>)>, NoTurn> {
        match self.governor.enter(class, again, deadline, now) {
            Entry::Go => Ok(None),
            Entry::Refused => Err(self.no_turn()),
            Entry::Wait(ticket) => {
                let wake = Arc::new(Notify::new());
                self.sleepers.insert(ticket, Arc::clone(&wake));
                Ok(Some((ticket, wake)))
            }
        }
    }

    fn no_turn(&self) -> NoTurn {
        NoTurn { rate: self.governor.rate(), waiting: self.governor.waiting() }
    }

    fn wake_next(&self) {
        if let Some(wake) = self.governor.next().and_then(|ticket| self.sleepers.get(&ticket)) {
            wake.notify_one();
        }
    }
}

/// A place in the line, given up when it is dropped.
struct Place<'a> {
    gate: &'a Gate,
    ticket: Ticket,
    class: Class,
    waits: bool,
}

impl Place<'_> {
    /// Only the next one watches the clock; it wakes the one behind it when it goes.
    async fn wait(&mut self, wake: &Notify, end: Instant, clock: &Clock) -> Result<(), NoTurn> {
        loop {
            let now = clock.now();
            let turn = self.gate.lock().governor.turn(self.ticket, now);
            let look = match turn {
                Turn::Go => {
                    self.waits = false;
                    return Ok(());
                }
                Turn::At(at) => (Clock::instant() + at.since(now)).min(end),
                Turn::Later => end,
            };
            if Clock::instant() >= end {
                return Err(self.gate.lock().no_turn());
            }
            // Too late is as good as woken: both look again.
            timeout_at(look, wake.notified()).await.unwrap_or_default();
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.metrics.quota_waiting(label(self.class), -1);
        let mut line = self.gate.lock();
        if self.waits {
            line.governor.leave(self.ticket);
        }
        line.sleepers.remove(&self.ticket);
        line.wake_next();
    }
}

const fn label(class: Class) -> QuotaClass {
    match class {
        Class::Ongoing => QuotaClass::Ongoing,
        Class::New => QuotaClass::New,
    }
}
