//! How often somebody may try to sign in: pure, told what time it is.
//!
//! Counted are failures by the name that was typed and by the address they came from; either may have to wait. A browser in which
//! the user has signed in before is counted by itself: whoever keeps failing under a name keeps strangers waiting, not its owner.

use std::collections::HashMap;

use crate::core::ids::Timestamp;

/// So many failures are free.
const FREE: u32 = 5;
const FIRST_WAIT_MS: i64 = 1_000;
const LONGEST_WAIT_MS: i64 = 60_000;
/// Failures are forgotten when nothing has failed for so long.
const FORGOTTEN_AFTER_MS: i64 = 15 * 60_000;
/// Whoever sends more names than this gains nothing by it: the oldest are forgotten.
const MAX_KEYS: usize = 10_000;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::manager) enum Key {
    Name(String),
    /// By the token that a browser got when its user signed in.
    Browser(String),
    /// Somebody who is signed in and types the password once more.
    Signed(String),
    Address(std::net::IpAddr),
}

#[derive(Debug, Default)]
pub(in crate::manager) struct Throttle {
    failures: HashMap<Key, Failures>,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
    /// That it has to wait has been told.
    told: bool,
}

impl Failures {
    const fn free_at(self) -> i64 {
        let Some(over) = self.count.checked_sub(FREE) else { return self.last.0 };
        let doublings = if over > 16 { 16 } else { over };
        let wait = FIRST_WAIT_MS << doublings;
        self.last.0 + if wait > LONGEST_WAIT_MS { LONGEST_WAIT_MS } else { wait }
    }
}

impl Throttle {
    /// How long to wait, in milliseconds; `None`: not at all.
    pub(in crate::manager) fn wait_ms(&self, keys: &[Key], now: Timestamp) -> Option<u64> {
        let blocked = |key| self.failures.get(key).filter(|it| it.count >= FREE).map(|it| it.free_at() - now.0);
        let longest = keys.iter().filter_map(blocked).max()?;
        u64::try_from(longest).ok().filter(|it| *it > 0)
    }

    pub(in crate::manager) fn failed(&mut self, keys: &[Key], now: Timestamp) {
        self.failures.retain(|_, it| now.0 - it.last.0 < FORGOTTEN_AFTER_MS);
        for key in keys {
            if self.failures.len() >= MAX_KEYS && !self.failures.contains_key(key) {
                let oldest = self.failures.iter().min_by_key(|(_, it)| it.last).map(|(key, _)| key.clone());
                oldest.and_then(|it| self.failures.remove(&it));
            }
            let failures = self.failures.entry(key.clone()).or_insert(Failures { count: 0, last: now, told: false });
            failures.count = failures.count.saturating_add(1);
            failures.last = now;
        }
    }

    /// Those that have to wait from now on, each once.
    pub(in crate::manager) fn slowed(&mut self, keys: &[Key]) -> Vec<Key> {
        let mut untold = |key: &&Key| {
            let failures = self.failures.get_mut(*key).filter(|it| it.count >= FREE);
            failures.is_some_and(|it| !std::mem::replace(&mut it.told, true))
        };
        keys.iter().filter(|key| untold(key)).cloned().collect()
    }

    /// A try that was counted before it was known to be good.
    pub(in crate::manager) fn take_back(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(failures) = self.failures.get_mut(key) {
                failures.count = failures.count.saturating_sub(1);
            }
        }
    }

    /// Name and browser are their owner's; the address may be that of many.
    pub(in crate::manager) fn succeeded(&mut self, who: &Key) {
        self.failures.remove(who);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name() -> [Key; 1] {
        [Key::Name("ann".to_owned())]
    }

    #[test]
    fn five_failures_are_free_and_then_the_wait_doubles_up_to_a_minute() {
        let mut throttle = Throttle::default();
        let mut now = Timestamp(0);
        for _ in 0..4 {
            throttle.failed(&name(), now);
            assert_eq!(throttle.wait_ms(&name(), now), None);
        }
        for expected in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            throttle.failed(&name(), now);
            assert_eq!(throttle.wait_ms(&name(), now), Some(expected));
            now = Timestamp(now.0 + i64::try_from(expected).unwrap());
            assert_eq!(throttle.wait_ms(&name(), now), None, "exactly then");
        }
    }

    #[test]
    fn a_success_frees_the_name_and_not_the_address() {
        let mut throttle = Throttle::default();
        let address = Key::Address([192, 0, 2, 1].into());
        for _ in 0..5 {
            throttle.failed(&[name()[0].clone(), address.clone()], Timestamp(0));
        }
        throttle.succeeded(&name()[0]);
        assert_eq!(throttle.wait_ms(&name(), Timestamp(0)), None);
        assert_eq!(throttle.wait_ms(&[address], Timestamp(0)), Some(1_000));
    }

    #[test]
    fn who_has_to_wait_is_told_once_until_it_is_forgotten() {
        let mut throttle = Throttle::default();
        let mut told = Vec::new();
        for _ in 0..8 {
            throttle.failed(&name(), Timestamp(0));
            told.push(throttle.slowed(&name()).len());
        }
        assert_eq!(told, [0, 0, 0, 0, 1, 0, 0, 0]);
        throttle.succeeded(&name()[0]);
        for _ in 0..5 {
            throttle.failed(&name(), Timestamp(0));
        }
        assert_eq!(throttle.slowed(&name()), name());
    }

    #[test]
    fn failures_are_forgotten_and_their_number_is_bounded() {
        let mut throttle = Throttle::default();
        for _ in 0..9 {
            throttle.failed(&name(), Timestamp(0));
        }
        throttle.failed(&name(), Timestamp(FORGOTTEN_AFTER_MS));
        assert_eq!(throttle.wait_ms(&name(), Timestamp(FORGOTTEN_AFTER_MS)), None);
        for n in 0..MAX_KEYS + 10 {
            throttle.failed(&[Key::Name(n.to_string())], Timestamp(FORGOTTEN_AFTER_MS + 1));
        }
        assert!(throttle.failures.len() <= MAX_KEYS);
    }
}
