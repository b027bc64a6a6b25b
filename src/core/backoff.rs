//! Waiting longer after each failure, with jitter from a seed that is passed in.

use std::time::Duration;

/// Doubles from `first` to `longest`; each wait is drawn between one and two times the step, so that many who failed together
/// do not return together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    failures: u32,
    random: SplitMix,
}

impl Backoff {
    #[must_use]
    pub const fn new(first: Duration, longest: Duration, seed: u64) -> Self {
        Self { first, longest, failures: 0, random: SplitMix(seed) }
    }

    /// How long to wait after one more failure: never less than the first wait, never more than the longest.
    pub fn after_failure(&mut self) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        self.failures = self.failures.saturating_add(1);
        let step = self.first.saturating_mul(factor).min(self.longest / 2);
        self.jitter(step).clamp(self.first, self.longest)
    }

    /// Between one and two times `span`.
    pub fn jitter(&mut self, span: Duration) -> Duration {
        let bound = u64::try_from(span.as_millis()).unwrap_or(u64::MAX).max(1);
        span.saturating_add(Duration::from_millis(self.random.next() % bound))
    }

    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Sebastiano Vigna's `SplitMix64`: enough for jitter, reproducible from its seed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct SplitMix(u64);

impl SplitMix {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_secs(60);

    fn waits(seed: u64) -> Vec<Duration> {
        let mut backoff = Backoff::new(FIRST, LONGEST, seed);
        (0..40).map(|_| backoff.after_failure()).collect()
    }

    #[test]
    fn each_wait_lies_between_one_and_two_steps_and_the_steps_double() {
        for seed in 0..500 {
            for (n, wait) in waits(seed).into_iter().enumerate() {
                let step = FIRST * 2_u32.pow(u32::try_from(n.min(20)).unwrap());
                let step = step.min(LONGEST / 2);
                assert!(wait >= step && wait <= step * 2, "seed {seed}, wait {n}: {wait:?}");
            }
        }
    }

    #[test]
    fn seeds_spread_the_waits_and_repeat_them() {
        assert_eq!(waits(7), waits(7));
        let distinct: std::collections::BTreeSet<_> = (0..100).map(|seed| waits(seed)[0]).collect();
        assert!(distinct.len() > 80, "only {} distinct first waits", distinct.len());
    }

    #[test]
    fn after_a_reset_it_starts_over() {
        let mut backoff = Backoff::new(FIRST, LONGEST, 1);
        for _ in 0..10 {
            backoff.after_failure();
        }
        backoff.reset();
        assert!(backoff.after_failure() <= FIRST * 2);
    }
}
