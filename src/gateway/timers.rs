//! A lazy wheel per shard: arming a later deadline costs nothing, since what pops up too early is put back.

use std::time::Duration;

use crate::core::ids::{ContactId, Timestamp};

/// How often the wheel is turned.
pub(super) const TICK: Duration = Duration::from_millis(100);

const TICK_MS: i64 = 100;
const SLOTS: i64 = 512;

/// Contacts by the tick in which they want a look. Times beyond the horizon wait in the last slot and go round again.
#[derive(Debug)]
pub(super) struct Wheel {
    slots: Vec<Vec<ContactId>>,
    /// The next tick to be turned.
    next: i64,
}

impl Wheel {
    pub(super) fn starting_at(now: Timestamp) -> Self {
        let mut slots = Vec::new();
        slots.resize_with(usize::try_from(SLOTS).unwrap_or_default(), Vec::new);
        Self { slots, next: now.0.div_euclid(TICK_MS) }
    }

    /// When a contact that wants a look at `at` would get it: no earlier, unless that is beyond the horizon.
    pub(super) fn look_for(&self, at: Timestamp) -> Timestamp {
        // Rounded up: a look before the time would be wasted.
        let tick = at.0.saturating_add(TICK_MS - 1).div_euclid(TICK_MS);
        Timestamp(tick.clamp(self.next, self.next + SLOTS - 1) * TICK_MS)
    }

    /// Puts `contact` where it is looked at; `look` is from [`Self::look_for`].
    pub(super) fn push(&mut self, contact: ContactId, look: Timestamp) {
        if let Some(slot) = self.slot(look.0.div_euclid(TICK_MS)) {
            slot.push(contact);
        }
    }

    /// Everything whose tick has come by `now`, with the look that it was put down for.
    pub(super) fn turn(&mut self, now: Timestamp, due: &mut Vec<(ContactId, Timestamp)>) {
        let current = now.0.div_euclid(TICK_MS);
        // After a long sleep one round shows every slot.
        let last = current.min(self.next + SLOTS - 1);
        while self.next <= last {
            let tick = self.next;
            if let Some(slot) = self.slot(tick) {
                due.extend(slot.drain(..).map(|contact| (contact, Timestamp(tick * TICK_MS))));
            }
            self.next += 1;
        }
        self.next = self.next.max(current + 1);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.slots.iter().map(Vec::len).sum()
    }

    fn slot(&mut self, tick: i64) -> Option<&mut Vec<ContactId>> {
        self.slots.get_mut(usize::try_from(tick.rem_euclid(SLOTS)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    fn contact(name: &str) -> ContactId {
        ContactId { unit: UnitName::new("u").unwrap(), name: ContactName::new(name).unwrap() }
    }

    fn turned(wheel: &mut Wheel, now: i64) -> Vec<ContactId> {
        let mut due = Vec::new();
        wheel.turn(Timestamp(now), &mut due);
        due.into_iter().map(|(contact, _)| contact).collect()
    }

    fn put(wheel: &mut Wheel, name: &str, at: i64) {
        let look = wheel.look_for(Timestamp(at));
        wheel.push(contact(name), look);
    }

    #[test]
    fn fires_in_the_tick_after_the_time_and_not_before() {
        let mut wheel = Wheel::starting_at(Timestamp(1_000));
        put(&mut wheel, "a", 1_250);
        assert_eq!(turned(&mut wheel, 1_200), []);
        assert_eq!(turned(&mut wheel, 1_300), [contact("a")]);
        assert_eq!(turned(&mut wheel, 9_000), []);
    }

    #[test]
    fn a_time_beyond_the_horizon_comes_up_at_the_horizon() {
        let mut wheel = Wheel::starting_at(Timestamp(0));
        put(&mut wheel, "a", 10_000_000);
        assert_eq!(turned(&mut wheel, 51_000), []);
        assert_eq!(turned(&mut wheel, 51_100), [contact("a")]);
    }

    #[test]
    fn a_long_sleep_shows_everything_once() {
        let mut wheel = Wheel::starting_at(Timestamp(0));
        put(&mut wheel, "a", 500);
        put(&mut wheel, "b", 40_000);
        assert_eq!(turned(&mut wheel, 3_600_000), [contact("a"), contact("b")]);
        put(&mut wheel, "c", 0);
        assert_eq!(turned(&mut wheel, 3_600_100), [contact("c")]);
    }
}
