//! How much one address and one contact may ask for: buckets that fill with time, in bounded tables that forget.

use std::{collections::HashMap, hash::Hash, time::Duration};

use crate::core::ids::Timestamp;

/// So many at once, and as many again in every `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    pub count: u32,
    pub per: Duration,
}

/// Keys that are known at a time. Strangers beyond share one bucket, so that a flood of keys brings nothing.
const MAX_KEYS: usize = 20_000;
/// A full table is looked through for what can be forgotten at most so often.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Limiter<K> {
    rate: Rate,
    /// When each key's bucket will be full again.
    full_at: HashMap<K, f64>,
    strangers_full_at: f64,
    swept_at: Timestamp,
}

impl<K: Eq + Hash> Limiter<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: HashMap::new(), strangers_full_at: 0.0, swept_at: Timestamp::default() }
    }

    /// Takes one, or says how long to wait for it.
    pub(super) fn take(&mut self, key: K, now: Timestamp) -> Result<(), Duration> {
        let Rate { count, per } = self.rate;
        let now_ms = now.0 as f64;
        let per_ms = per.as_secs_f64() * 1000.0;
        // One refills in this time; a rate of nothing never refills.
        let one_ms = per_ms / f64::from(count);
        self.forget(now);
        let full_at = if self.full_at.len() < MAX_KEYS || self.full_at.contains_key(&key) {
            self.full_at.entry(key).or_insert(now_ms)
        } else {
            &mut self.strangers_full_at
        };
        let after = full_at.max(now_ms) + one_ms;
        // A thousandth of a millisecond for what rounding leaves over.
        if after - now_ms <= per_ms + 0.001 {
            *full_at = after;
            return Ok(());
        }
        let wait_ms = (after - now_ms - per_ms).min(per_ms);
        Err(Duration::from_secs_f64(wait_ms / 1000.0))
    }

    fn forget(&mut self, now: Timestamp) {
        if self.full_at.len() < MAX_KEYS || now < self.swept_at + SWEEP_EVERY {
            return;
        }
        self.swept_at = now;
        // A full bucket is like one that was never touched.
        self.full_at.retain(|_, full_at| *full_at > now.0 as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { count: 3, per: Duration::from_secs(60) };

    fn at(ms: i64) -> Timestamp {
        Timestamp(1_000_000 + ms)
    }

    #[test]
    fn so_many_pass_at_once_and_the_next_is_told_when() {
        let mut limiter = Limiter::new(RATE);
        for _ in 0..3 {
            assert_eq!(limiter.take("a", at(0)), Ok(()));
        }
        assert_eq!(limiter.take("a", at(0)), Err(Duration::from_secs(20)));
        assert_eq!(limiter.take("a", at(19_000)), Err(Duration::from_secs(1)));
        assert_eq!(limiter.take("b", at(0)), Ok(()), "another key has its own");
        assert_eq!(limiter.take("a", at(20_000)), Ok(()));
        assert_eq!(limiter.take("a", at(20_000)), Err(Duration::from_secs(20)));
    }

    #[test]
    fn a_rate_of_nothing_refuses_all() {
        let mut limiter = Limiter::new(Rate { count: 0, per: Duration::from_secs(60) });
        assert_eq!(limiter.take("a", at(0)), Err(Duration::from_secs(60)));
    }

    #[test]
    fn a_full_table_forgets_who_is_at_rest_and_else_strangers_share_one_bucket() {
        let mut limiter = Limiter::new(RATE);
        for key in 0..MAX_KEYS {
            assert_eq!(limiter.take(key, at(0)), Ok(()));
        }
        for stranger in 0..3 {
            assert_eq!(limiter.take(MAX_KEYS + stranger, at(1_000)), Ok(()));
        }
        assert!(limiter.take(MAX_KEYS + 3, at(1_000)).is_err());
        assert_eq!(limiter.take(0, at(1_000)), Ok(()), "who is known keeps its own bucket");
        assert_eq!(limiter.full_at.len(), MAX_KEYS);
        assert_eq!(limiter.take(MAX_KEYS + 3, at(30_000)), Ok(()));
        assert_eq!(limiter.full_at.len(), 2, "the one that came back and the new one");
    }
}
