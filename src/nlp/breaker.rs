//! Stops asking an engine that fails anyway (B7): questions fail at once while the breaker is open, and go elsewhere.
//!
//! Pure: what comes in are the clock's readings and what became of questions, what goes out is whether one may be asked.
//!
//! ```text
//!            failed too often                  cool-down over: one question
//!   Closed -------------------> Open(until) ------------------------------> Probing
//!     ^                           ^ failed: twice as long --------------------' |
//!     '--------------------------------------------------------- answered -----'
//! ```

use std::time::Duration;

use crate::core::{backoff::Backoff, ids::Timestamp, message::FailureKind};

/// So many failures with no answer between them open it, however long they take to come.
const IN_A_ROW: u32 = 5;
/// Half of what came back within a `WINDOW_MS` failed, and it was at least so much.
const AT_LEAST: u32 = 20;
const WINDOW_MS: i64 = 1_000;
const SLICES: usize = 10;
const SLICE_MS: i64 = 100;

/// A failed probe doubles the wait, up to a minute.
const FIRST_COOL_DOWN: Duration = Duration::from_secs(1);
const LONGEST_COOL_DOWN: Duration = Duration::from_secs(60);

/// Nothing has come back for so long, and for so many times as long as answers take, although so many were asked: the engine
/// hangs. Its deadline would tell as well, but later.
const HANGS_AFTER_MS: i64 = 800;
const HANGS_AFTER_ANSWERS: i64 = 5;
const HANGS_WITH: u32 = 20;

/// What came of a question, as far as the engine's health goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Answered,
    Failed(FailureKind),
    /// It says nothing: the question was never put, or given up by us.
    Unknown,
}

impl Verdict {
    /// What it says of the engine that it failed like this.
    pub(super) const fn of(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unavailable
            | FailureKind::Deadline
            | FailureKind::Quota
            | FailureKind::Credential
            | FailureKind::NotFound
            | FailureKind::Precondition
            | FailureKind::Malformed
            | FailureKind::Internal => Self::Failed(kind),
            // It works, but not on this input.
            FailureKind::Invalid | FailureKind::Empty | FailureKind::Webhook => Self::Answered,
            FailureKind::Interrupted => Self::Unknown,
        }
    }
}

/// A question that may be put. To be given back with what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Admitted {
    at: Timestamp,
    probe: bool,
}

impl Admitted {
    /// In calm times, without asking the breaker.
    pub(super) const fn usual(at: Timestamp) -> Self {
        Self { at, probe: false }
    }
}

/// What the outside should be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Opened,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Timestamp },
    Probing,
}

#[derive(Debug)]
pub(super) struct Breaker {
    state: State,
    /// When it opened, while it is not closed; else when it was closed last.
    since: Timestamp,
    cool_down: Backoff,
    in_a_row: u32,
    window: Window,
    hang: Option<Hang>,
}

impl Breaker {
    /// `may_hang`: there is another engine to go to, so one that hangs is given up before its deadline. `seed` spreads probes.
    pub(super) fn new(may_hang: bool, seed: u64) -> Self {
        Self {
            state: State::Closed,
            since: Timestamp(i64::MIN),
            cool_down: Backoff::new(FIRST_COOL_DOWN, LONGEST_COOL_DOWN, seed),
            in_a_row: 0,
            window: Window::default(),
            hang: may_hang.then(Hang::default),
        }
    }

    /// May a question be put now? `Err`: no, since then. A change comes along with it: the engine was found to hang.
    pub(super) fn admit(&mut self, now: Timestamp) -> (Result<Admitted, Timestamp>, Option<Change>) {
        match self.state {
            State::Closed => {
                if self.hang.as_ref().is_some_and(|it| it.hangs(now)) {
                    self.open(now);
                    return (Err(self.since), Some(Change::Opened));
                }
                (Ok(Admitted { at: now, probe: false }), None)
            }
            State::Open { until } if now >= until => {
                self.state = State::Probing;
                (Ok(Admitted { at: now, probe: true }), None)
            }
            State::Open { .. } | State::Probing => (Err(self.since), None),
        }
    }

    /// An admitted question is put to the engine now: it may have waited for its turn before.
    pub(super) fn puts(&mut self, now: Timestamp) {
        if let (State::Closed, Some(hang)) = (self.state, &mut self.hang) {
            hang.asks(now);
        }
    }

    /// When it is to be looked whether the engine hangs, while it is being asked; `None`: that is not to be found out.
    pub(super) fn look_at(&self, now: Timestamp) -> Option<Timestamp> {
        (self.state == State::Closed).then_some(self.hang.as_ref())?.map(|it| it.due(now))
    }

    /// Whether it hangs: then it is open from here on.
    pub(super) fn look(&mut self, now: Timestamp) -> Option<Change> {
        let hangs = self.state == State::Closed && self.hang.as_ref().is_some_and(|it| it.hangs(now));
        hangs.then(|| {
            self.open(now);
            Change::Opened
        })
    }

    /// It has shown that it is at work, or could not: that nothing was answered of late says nothing.
    pub(super) fn forget_silence(&mut self) {
        if let Some(hang) = &mut self.hang {
            (hang.first, hang.asked) = (None, 0);
        }
    }

    pub(super) fn settle(&mut self, asked: Admitted, verdict: Verdict, now: Timestamp) -> Option<Change> {
        match (self.state, asked.probe) {
            (State::Probing, true) => self.probed(verdict, now),
            (State::Closed, _) => self.note(asked, verdict, now),
            // Asked before it opened. A late answer is no proof: the probe will tell.
            (State::Open { .. } | State::Probing, _) => None,
        }
    }

    /// So many more were answered, in calm times.
    pub(super) fn answered(&mut self, answers: u32, now: Timestamp) {
        if answers > 0 && self.state == State::Closed {
            self.window.count(answers, 0, now);
        }
    }

    /// Closed, and the last question was answered: the next answer changes nothing.
    pub(super) fn is_calm(&self) -> bool {
        self.state == State::Closed && self.in_a_row == 0
    }

    /// Not closed, since then; and whether a probe is on its way.
    pub(super) const fn outage(&self) -> Option<(Timestamp, bool)> {
        match self.state {
            State::Closed => None,
            State::Open { .. } => Some((self.since, false)),
            State::Probing => Some((self.since, true)),
        }
    }

    fn note(&mut self, asked: Admitted, verdict: Verdict, now: Timestamp) -> Option<Change> {
        if asked.at < self.since {
            // From before the outage; what the probe found is newer.
            return None;
        }
        let failed = match verdict {
            Verdict::Unknown => {
                if let Some(hang) = &mut self.hang {
                    hang.withdrawn();
                }
                return None;
            }
            Verdict::Answered => false,
            Verdict::Failed(_) => true,
        };
        self.window.count(1, u32::from(failed), now);
        if let Some(hang) = &mut self.hang {
            hang.came_back(asked.at, failed, now);
        }
        if !failed {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        if self.in_a_row >= IN_A_ROW || self.window.is_bad(now) {
            self.open(now);
            return Some(Change::Opened);
        }
        None
    }

    fn probed(&mut self, verdict: Verdict, now: Timestamp) -> Option<Change> {
        match verdict {
            Verdict::Answered => {
                let may_hang = self.hang.is_some();
                (self.state, self.since) = (State::Closed, now);
                self.cool_down.reset();
                (self.in_a_row, self.window, self.hang) = (0, Window::default(), may_hang.then(Hang::default));
                Some(Change::Closed)
            }
            Verdict::Failed(_) => {
                self.state = State::Open { until: now + self.cool_down.after_failure() };
                None
            }
            // The next question is a probe at once.
            Verdict::Unknown => {
                self.state = State::Open { until: now };
                None
            }
        }
    }

    fn open(&mut self, now: Timestamp) {
        self.since = now;
        self.state = State::Open { until: now + self.cool_down.after_failure() };
    }
}

/// What came back during the last second, in slices.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    /// All, and those of them that failed.
    slices: [(u32, u32); SLICES],
    /// The number of the newest slice.
    newest: i64,
}

impl Window {
    fn count(&mut self, more: u32, failed: u32, now: Timestamp) {
        self.turn_to(now);
        if let Some((all, bad)) = self.slices.last_mut() {
            *all = all.saturating_add(more);
            *bad = bad.saturating_add(failed);
        }
    }

    fn is_bad(&mut self, now: Timestamp) -> bool {
        self.turn_to(now);
        let sum =
            self.slices.iter().fold((0_u32, 0_u32), |sum, it| (sum.0.saturating_add(it.0), sum.1.saturating_add(it.1)));
        sum.0 >= AT_LEAST && sum.1.saturating_mul(2) >= sum.0
    }

    /// A clock that goes back leaves the newest slice where it is.
    fn turn_to(&mut self, now: Timestamp) {
        let slice = now.0.div_euclid(SLICE_MS);
        let gone = usize::try_from(slice.saturating_sub(self.newest).clamp(0, WINDOW_MS / SLICE_MS)).unwrap_or(SLICES);
        self.slices.rotate_left(gone % SLICES);
        for fresh in self.slices.iter_mut().rev().take(gone) {
            *fresh = (0, 0);
        }
        self.newest = self.newest.max(slice);
    }
}

/// Finds out that nothing comes back any more.
#[derive(Clone, Copy, Debug, Default)]
struct Hang {
    /// How long answers take, smoothed; `None` before the first.
    typical_ms: Option<i64>,
    /// Since anything came back last: when the first was asked, and how many.
    first: Option<Timestamp>,
    asked: u32,
}

impl Hang {
    /// One more question is put.
    fn asks(&mut self, now: Timestamp) {
        self.first.get_or_insert(now);
        self.asked = self.asked.saturating_add(1);
    }

    /// One of those that were put is given up by us.
    const fn withdrawn(&mut self) {
        self.asked = self.asked.saturating_sub(1);
        if self.asked == 0 {
            self.first = None;
        }
    }

    fn hangs(&self, now: Timestamp) -> bool {
        self.asked > HANGS_WITH && self.typical_ms.is_some() && self.first.is_some() && now >= self.due(now)
    }

    /// Not before this.
    fn due(&self, now: Timestamp) -> Timestamp {
        // Before the first answer nothing is known of how long they take.
        let Some(typical) = self.typical_ms else { return Timestamp(now.0.saturating_add(HANGS_AFTER_MS)) };
        let patience = HANGS_AFTER_MS.max(typical.saturating_mul(HANGS_AFTER_ANSWERS));
        Timestamp(self.first.unwrap_or(now).0.saturating_add(patience))
    }

    fn came_back(&mut self, asked: Timestamp, failed: bool, now: Timestamp) {
        (self.first, self.asked) = (None, 0);
        if !failed {
            let took = now.0.saturating_sub(asked.0).max(0);
            let typical = self.typical_ms.unwrap_or(took);
            self.typical_ms = Some(typical + (took - typical) / 8);
        }
    }
}

#[cfg(test)]
mod tests;
