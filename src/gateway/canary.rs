//! Whether a canary is worse than the primary (B5). Once it is found to be, it is given up until its configuration changes.

use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use crate::{
    config::settings::Rollback,
    core::said::{Said, said},
};

/// Old turns count less and less: whenever so many times `min_turns` are counted, all of them are halved.
const KEPT: u32 = 4;
/// Below this a difference of time is nothing that a customer would feel.
const FELT_MS: u32 = 100;

/// One canary and what it is measured by; goes on over reloads that leave the canary as it is.
#[derive(Debug)]
pub(super) struct CanaryWatch {
    rules: Rollback,
    /// Why it is given up.
    rolled_back: OnceLock<Worse>,
    /// Protects the counts; taken when the canary or the primary of a profile with a canary has answered.
    counts: Mutex<[Tally; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Canary,
    Primary,
}

/// What came of one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Came {
    Answered {
        took: Duration,
        /// `None`: the input was an event, which is nobody's misunderstanding.
        not_understood: Option<bool>,
    },
    Failed,
}

/// Why a canary is given up.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Worse {
    /// Percent of its turns, and of the primary's.
    Failures(f64, f64),
    NotUnderstood(f64, f64),
    /// Milliseconds: the percentile, its own and the primary's.
    Slow(u8, u32, u32),
}

impl Worse {
    pub(super) fn tell(&self) -> Said {
        let percent = |it: &f64| format!("{it:.1}");
        match self {
            Self::Failures(own, other) => {
                said!("{} % of its questions fail, of the primary's {} %", percent(own), percent(other))
            }
            Self::NotUnderstood(own, other) => {
                said!("it does not understand {} % of the inputs, the primary {} %", percent(own), percent(other))
            }
            Self::Slow(percentile, own, other) => {
                said!("{} % of its answers take up to {} ms, of the primary's up to {} ms", percentile, own, other)
            }
        }
    }
}

impl fmt::Display for Worse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl CanaryWatch {
    pub(super) fn new(rules: Rollback) -> Self {
        Self { rules, rolled_back: OnceLock::new(), counts: Mutex::default() }
    }

    pub(super) fn is_rolled_back(&self) -> bool {
        self.rolled_back.get().is_some()
    }

    pub(super) fn worse(&self) -> Option<&Worse> {
        self.rolled_back.get()
    }

    pub(super) const fn rules(&self) -> Rollback {
        self.rules
    }

    pub(super) fn has_rules(&self, rules: Rollback) -> bool {
        self.rules == rules
    }

    /// Counts what came of a question. `Some`: the canary is given up from here on.
    pub(super) fn count(&self, variant: Variant, result: Came) -> Option<Worse> {
        if self.is_rolled_back() {
            return None;
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let [canary, primary] = &mut *counts;
        let tally = if variant == Variant::Canary { &mut *canary } else { &mut *primary };
        tally.add(result);
        if tally.turns >= self.rules.min_turns.max(25).saturating_mul(KEPT) {
            tally.halve();
        }
        let worse = worse(&self.rules, canary, primary)?;
        // Decided under the lock: once.
        self.rolled_back.set(worse).is_ok().then_some(worse)
    }
}

/// Failures weigh even where the primary has not been asked enough to compare: it would have to be asked by somebody.
fn worse(rules: &Rollback, canary: &Tally, primary: &Tally) -> Option<Worse> {
    let enough = |tally: &Tally| tally.turns >= rules.min_turns.max(1);
    if !enough(canary) {
        return None;
    }
    let above = |points: u32, own: f64, other: f64| points > 0 && own - other > f64::from(points);
    let (own, other) = (percent(canary.failures, canary.turns), percent(primary.failures, primary.turns));
    if above(rules.failure_points, own, other) {
        return Some(Worse::Failures(own, other));
    }
    if !enough(primary) {
        return None;
    }
    let (own, other) = (percent(canary.not_understood, canary.inputs), percent(primary.not_understood, primary.inputs));
    // Events are turns, too, and nobody's words.
    let spoken = canary.inputs.min(primary.inputs) >= rules.min_turns.max(1);
    if spoken && above(rules.not_understood_points, own, other) {
        return Some(Worse::NotUnderstood(own, other));
    }
    [50, 95].into_iter().find_map(|percentile| {
        let (own, other) = (canary.times.percentile(percentile)?, primary.times.percentile(percentile)?);
        let longest = u64::from(other) * u64::from(rules.latency_percent) / 100;
        let slow = rules.latency_percent > 0 && u64::from(own) > longest && own.saturating_sub(other) >= FELT_MS;
        slow.then_some(Worse::Slow(percentile, own, other))
    })
}

fn percent(part: u32, all: u32) -> f64 {
    f64::from(part) * 100.0 / f64::from(all.max(1))
}

#[derive(Debug, Default)]
struct Tally {
    turns: u32,
    failures: u32,
    /// Of customers, and answered.
    inputs: u32,
    not_understood: u32,
    times: Times,
}

impl Tally {
    fn add(&mut self, result: Came) {
        self.turns += 1;
        match result {
            Came::Failed => self.failures += 1,
            Came::Answered { took, not_understood } => {
                self.times.add(took);
                self.inputs += u32::from(not_understood.is_some());
                self.not_understood += u32::from(not_understood == Some(true));
            }
        }
    }

    fn halve(&mut self) {
        for count in [&mut self.turns, &mut self.failures, &mut self.inputs, &mut self.not_understood] {
            *count /= 2;
        }
        self.times.halve();
    }
}

/// Milliseconds in buckets of which each is a fifth wider than the one before.
#[derive(Debug)]
struct Times([u32; Times::BUCKETS]);

impl Default for Times {
    fn default() -> Self {
        Self([0; Self::BUCKETS])
    }
}

impl Times {
    /// Four for each doubling, up to more than a minute.
    const BUCKETS: usize = 66;

    fn add(&mut self, took: Duration) {
        let ms = took.as_secs_f64() * 1000.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the logarithm of one and more, and below a hundred"
        )]
        let bucket = ((1.0 + ms).log2() * 4.0) as usize;
        if let Some(count) = self.0.get_mut(bucket.min(Self::BUCKETS - 1)) {
            *count += 1;
        }
    }

    fn halve(&mut self) {
        for count in &mut self.0 {
            *count /= 2;
        }
    }

    /// The upper bound of the bucket in which so many percent are reached.
    fn percentile(&self, percent: u8) -> Option<u32> {
        let all: u64 = self.0.iter().copied().map(u64::from).sum();
        let wanted = (all * u64::from(percent)).div_ceil(100);
        let mut below = 0;
        for (bucket, count) in self.0.iter().enumerate() {
            below += u64::from(*count);
            if below >= wanted && below > 0 {
                let bound = (f64::from(u32::try_from(bucket).ok()? + 1) / 4.0).exp2() - 1.0;
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "below two minutes")]
                return Some(bound.round() as u32);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rollback =
        Rollback { min_turns: 50, not_understood_points: 10, failure_points: 5, latency_percent: 300 };

    const fn answered(ms: u64, not_understood: bool) -> Came {
        Came::Answered { took: Duration::from_millis(ms), not_understood: Some(not_understood) }
    }

    /// So many of each; says after how many of the canary's it was given up, and why.
    fn play(rules: Rollback, canary: impl Fn(u32) -> Came, primary: impl Fn(u32) -> Came) -> Option<(u32, Worse)> {
        let watch = CanaryWatch::new(rules);
        for n in 1..=1_000 {
            for (variant, result) in [(Variant::Primary, primary(n)), (Variant::Canary, canary(n))] {
                if let Some(worse) = watch.count(variant, result) {
                    assert!(watch.is_rolled_back());
                    assert_eq!(watch.count(variant, result), None, "once");
                    return Some((n, worse));
                }
            }
        }
        assert!(!watch.is_rolled_back());
        None
    }

    const fn good(_: u32) -> Came {
        answered(50, false)
    }

    #[test]
    fn b5_a_canary_that_does_as_well_stays() {
        assert_eq!(play(RULES, good, good), None);
        assert_eq!(play(RULES, |_| Came::Failed, |_| Came::Failed), None, "neither is the better");
        let one_in = |n: u32, of: u32| answered(50, n.is_multiple_of(of));
        assert_eq!(play(RULES, |n| one_in(n, 10), |n| one_in(n, 20)), None, "five points of ten");
    }

    #[test]
    fn b5_it_is_judged_after_the_least_number_of_turns_and_not_before() {
        let (after, worse) = play(RULES, |_| Came::Failed, good).unwrap();
        assert_eq!((after, worse), (50, Worse::Failures(100.0, 0.0)));
        assert_eq!(worse.to_string(), "100.0 % of its questions fail, of the primary's 0.0 %");
    }

    #[test]
    fn b5_one_that_understands_less_is_given_up() {
        let (after, worse) = play(RULES, |n| answered(50, n.is_multiple_of(5)), good).unwrap();
        assert_eq!((after, worse), (50, Worse::NotUnderstood(20.0, 0.0)));
    }

    #[test]
    fn b5_one_that_becomes_bad_after_a_long_good_time_is_given_up_soon() {
        let (after, _) = play(RULES, |n| if n > 900 { Came::Failed } else { good(n) }, good).unwrap();
        assert!((901..=915).contains(&after), "after {after}");
    }

    #[test]
    fn b5_one_that_takes_too_long_is_given_up_for_the_usual_or_for_the_slow_answers() {
        let (after, worse) = play(RULES, |_| answered(400, false), good).unwrap();
        assert!(after == 50 && matches!(worse, Worse::Slow(50, ..)), "{worse:?}");
        let seldom = |n: u32| answered(if n.is_multiple_of(10) { 2_000 } else { 50 }, false);
        let (after, worse) = play(RULES, seldom, good).unwrap();
        assert!(after == 50 && matches!(worse, Worse::Slow(95, ..)), "{worse:?}");
        assert_eq!(play(RULES, |_| answered(40, false), |_| answered(2, false)), None, "nobody feels that");
    }

    #[test]
    fn b5_what_is_no_reason_leads_to_nothing() {
        let never = Rollback { not_understood_points: 0, failure_points: 0, latency_percent: 0, ..RULES };
        assert_eq!(play(never, |_| Came::Failed, good), None);
        assert_eq!(play(never, |_| answered(9_000, true), good), None);
    }

    #[test]
    fn b5_events_are_no_misunderstandings() {
        let event = |_| Came::Answered { took: Duration::from_millis(50), not_understood: None };
        assert_eq!(play(RULES, event, good), None);
    }

    #[test]
    fn percentiles_lie_within_a_fifth() {
        let mut times = Times::default();
        assert_eq!(times.percentile(50), None);
        for ms in 1..=1_000 {
            times.add(Duration::from_millis(ms));
        }
        let near = |found: Option<u32>, ms: u32| found.is_some_and(|it| it >= ms && it <= ms + ms / 5 + 1);
        assert!(near(times.percentile(50), 500) && near(times.percentile(95), 950), "{times:?}");
        times.add(Duration::from_secs(3_600));
        assert!(times.percentile(100).unwrap() > 60_000);
    }
}
