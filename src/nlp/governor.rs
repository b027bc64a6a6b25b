//! Keeps questions within the engine's quota (B12): those that would be refused wait for their turn instead, contacts that
//! have been answered before come before those that begin, and what cannot have its turn in time is told so early.
//!
//! Pure, like the breaker: a token bucket, two queues, and a rate that is configured, learned from refusals, or both.

use std::{collections::VecDeque, time::Duration};

use crate::core::ids::Timestamp;

/// So many fractions of a second's worth may go out at once.
const BURST_PER_SECOND: f64 = 0.25;
/// A refusal takes this off the rate, and answers bring it back while somebody waits: about a twentieth every second.
const CUT: f64 = 0.7;
const GROWTH: f64 = 0.05;
/// One in five seconds: below this nothing could be learned any more.
const LEAST_RATE: f64 = 0.2;
/// After a refusal that names no time nothing is asked for so long; doubled while refusals go on.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// However long the engine asks us to stay away, one question finds out after this.
const LONGEST_NAMED: Duration = Duration::from_secs(60);
/// Over this time the load of ongoing contacts is measured.
const LOAD_OVER_S: f64 = 5.0;
/// What is left for new contacts at least, for the estimate of their wait.
const LEAST_SHARE: f64 = 0.05;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Its contact has had an answer before.
    Ongoing,
    New,
}

impl Class {
    pub(super) const fn of(ongoing: bool) -> Self {
        if ongoing { Self::Ongoing } else { Self::New }
    }
}

/// One that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Ticket(u64);

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Entry {
    Go,
    Wait(Ticket),
    /// Its turn could not come before its deadline.
    Refused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Go,
    /// It is the next: look again then.
    At(Timestamp),
    /// Others come first: [`Governor::next`] names it when it is the next.
    Later,
}

#[derive(Debug)]
pub(super) struct Governor {
    /// What is configured, a second; `None`: unknown.
    ceiling: Option<Quota>,
    /// What refusals have taught, a second; below the ceiling.
    learned: Option<f64>,
    tokens: f64,
    filled_at: Timestamp,
    paused_until: Timestamp,
    /// The engine named the end of the pause itself.
    pause_is_named: bool,
    pause: Duration,
    /// An answer came since the rate was cut: what was refused before it is not held against the new rate.
    fresh: bool,
    /// Somebody was sent away since the last answer.
    wanted: bool,
    ongoing: VecDeque<Ticket>,
    new: VecDeque<Ticket>,
    next_ticket: u64,
    load: Load,
}

/// A quota per minute: so much at once, and so much a second, that no minute sees more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Quota {
    rate: f64,
    burst: f64,
}

impl Quota {
    fn per_minute(quota: u32) -> Self {
        let quota = f64::from(quota);
        let burst = burst(quota / 60.0);
        Self { rate: (quota - burst).max(quota / 2.0) / 60.0, burst }
    }

    fn per_second(rate: f64) -> Self {
        Self { rate, burst: burst(rate) }
    }
}

fn burst(rate: f64) -> f64 {
    (rate * BURST_PER_SECOND).max(1.0)
}

impl Governor {
    /// `quota_per_minute` 0: unknown, and then nothing is held back before the first refusal.
    pub(super) fn new(quota_per_minute: u32, now: Timestamp) -> Self {
        let ceiling = (quota_per_minute > 0).then(|| Quota::per_minute(quota_per_minute));
        Self {
            ceiling,
            learned: None,
            tokens: ceiling.map_or(1.0, |it| it.burst),
            filled_at: now,
            paused_until: Timestamp(i64::MIN),
            pause_is_named: false,
            pause: Duration::ZERO,
            fresh: true,
            wanted: false,
            ongoing: VecDeque::new(),
            new: VecDeque::new(),
            next_ticket: 0,
            load: Load::default(),
        }
    }

    /// The configuration names another quota.
    pub(super) fn set_quota(&mut self, quota_per_minute: u32) {
        let ceiling = (quota_per_minute > 0).then(|| Quota::per_minute(quota_per_minute));
        if ceiling.map(|it| it.rate) != self.ceiling.map(|it| it.rate) {
            // What was learned of another quota says nothing of this one.
            self.learned = None;
            self.tokens = ceiling.map_or(1.0, |it| it.burst.min(self.tokens.max(1.0)));
        }
        self.ceiling = ceiling;
    }

    pub(super) fn waiting(&self) -> usize {
        self.ongoing.len() + self.new.len()
    }

    /// How many a second, as far as it is known.
    pub(super) fn rate(&self) -> Option<f64> {
        self.quota().map(|it| it.rate)
    }

    /// A question comes. `again`: the engine has refused it once, and it has waited longer than those that wait.
    pub(super) fn enter(&mut self, class: Class, again: bool, deadline: Timestamp, now: Timestamp) -> Entry {
        if class == Class::Ongoing && !again {
            self.load.count(now);
        }
        self.fill(now);
        let first = match class {
            Class::Ongoing => again || self.ongoing.is_empty(),
            Class::New => self.ongoing.is_empty() && (again || self.new.is_empty()),
        };
        if first && self.take(now) {
            return Entry::Go;
        }
        let hopeless = self.pause_is_named && self.paused_until > deadline;
        if hopeless || (class == Class::New && self.would_wait(again, now) > deadline.since(now)) {
            self.wanted = true;
            return Entry::Refused;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let queue = match class {
            Class::Ongoing => &mut self.ongoing,
            Class::New => &mut self.new,
        };
        if again {
            queue.push_front(ticket);
        } else {
            queue.push_back(ticket);
        }
        Entry::Wait(ticket)
    }

    /// Whether it is the turn of one that waits. It waits no more if it is.
    pub(super) fn turn(&mut self, ticket: Ticket, now: Timestamp) -> Turn {
        if self.next() != Some(ticket) {
            return Turn::Later;
        }
        self.fill(now);
        if self.take(now) {
            let queue = if self.ongoing.is_empty() { &mut self.new } else { &mut self.ongoing };
            queue.pop_front();
            return Turn::Go;
        }
        Turn::At(self.free_at(now))
    }

    /// It waits no more: its deadline has come.
    pub(super) fn leave(&mut self, ticket: Ticket) {
        self.ongoing.retain(|it| *it != ticket);
        self.new.retain(|it| *it != ticket);
    }

    /// Whose turn is the next.
    pub(super) fn next(&self) -> Option<Ticket> {
        self.ongoing.front().or_else(|| self.new.front()).copied()
    }

    /// The engine refused a question for its quota. `answers_per_s`: how many it answered of late.
    pub(super) fn refused(&mut self, retry_after: Option<Duration>, answers_per_s: f64, now: Timestamp) {
        if self.fresh || self.learned.is_none() {
            // Few answers may only mean that few were asked of late: a known rate is cut, not thrown away.
            let known = self.quota().map_or(answers_per_s, |it| it.rate.min(answers_per_s.max(it.rate / 2.0)));
            self.learned = Some((known * CUT).max(LEAST_RATE));
            self.fresh = false;
        }
        let is_paused = now < self.paused_until;
        if let Some(named) = retry_after {
            self.paused_until = self.paused_until.max(now + named.min(LONGEST_NAMED));
            self.pause_is_named = true;
        } else if !is_paused {
            self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
            self.paused_until = now + self.pause;
            self.pause_is_named = false;
        }
        // One goes first when the pause is over; it finds out for the others.
        (self.tokens, self.filled_at) = (1.0, self.paused_until);
    }

    pub(super) fn answered(&mut self) {
        self.pause = Duration::ZERO;
        self.fresh = true;
        // Those who were sent away wanted more as well.
        if self.waiting() == 0 && !std::mem::take(&mut self.wanted) {
            return;
        }
        if let Some(learned) = &mut self.learned {
            *learned += GROWTH;
            if self.ceiling.is_some_and(|it| *learned >= it.rate) {
                self.learned = None;
            }
        }
    }

    fn quota(&self) -> Option<Quota> {
        self.learned.map(Quota::per_second).or(self.ceiling)
    }

    fn fill(&mut self, now: Timestamp) {
        let Some(quota) = self.quota() else { return };
        let seconds = now.since(self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + seconds * quota.rate).min(quota.burst);
        self.filled_at = self.filled_at.max(now);
    }

    fn take(&mut self, now: Timestamp) -> bool {
        if now < self.paused_until {
            return false;
        }
        if self.quota().is_none() {
            return true;
        }
        let enough = self.tokens >= 1.0;
        if enough {
            self.tokens -= 1.0;
        }
        enough
    }

    /// When the next may go, if nobody comes before it.
    fn free_at(&self, now: Timestamp) -> Timestamp {
        let lack = (1.0 - self.tokens).max(0.0);
        let wait = self.quota().map_or(Duration::ZERO, |it| seconds(lack / it.rate));
        // Rounded up: a look before the time would be wasted.
        (now + wait + Duration::from_millis(1)).max(self.paused_until)
    }

    /// How long a question of a new contact would wait, as things stand: those who wait come first, and so do ongoing contacts
    /// that speak meanwhile.
    fn would_wait(&self, again: bool, now: Timestamp) -> Duration {
        let pause = self.paused_until.since(now);
        let Some(quota) = self.quota() else { return pause };
        #[expect(clippy::cast_precision_loss, reason = "not so many wait")]
        let ahead = (if again { self.ongoing.len() } else { self.waiting() }) as f64;
        let left = (quota.rate - self.load.per_second(now)).max(quota.rate * LEAST_SHARE);
        pause + seconds(((ahead + 1.0 - self.tokens) / left).max(0.0))
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// How often something happens, smoothed over [`LOAD_OVER_S`].
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    weight: f64,
    at: Timestamp,
    /// The first.
    from: Option<Timestamp>,
}

impl Load {
    fn count(&mut self, now: Timestamp) {
        self.weight = self.left(now) + 1.0;
        self.at = self.at.max(now);
        self.from.get_or_insert(now);
    }

    fn per_second(&self, now: Timestamp) -> f64 {
        // Before it has been measured for long, what was before the first must not count as silence.
        let measured_s = self.from.map_or(0.0, |from| now.since(from).as_secs_f64()).max(1.0);
        self.left(now) / (LOAD_OVER_S * (1.0 - (-measured_s / LOAD_OVER_S).exp()))
    }

    fn left(&self, now: Timestamp) -> f64 {
        self.weight * (-now.since(self.at).as_secs_f64() / LOAD_OVER_S).exp()
    }
}

#[cfg(test)]
mod tests;
