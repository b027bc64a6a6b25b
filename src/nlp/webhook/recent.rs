//! What is remembered of contacts, as long as there is room: the one that was not needed for the longest is forgotten first.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
};

use crate::core::ids::ContactId;

/// Protected by a lock that is held for one look.
pub(super) struct Recent<T> {
    most: usize,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    /// With when it was last needed.
    kept: HashMap<ContactId, (u64, T)>,
    now: u64,
}

impl<T> fmt::Debug for Recent<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recent")
    }
}

impl<T: Clone> Recent<T> {
    pub(super) fn new(most: usize) -> Self {
        Self { most: most.max(1), inner: Mutex::new(Inner { kept: HashMap::new(), now: 0 }) }
    }

    pub(super) fn find(&self, contact: &ContactId) -> Option<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.now += 1;
        let now = inner.now;
        let (used, kept) = inner.kept.get_mut(contact)?;
        *used = now;
        Some(kept.clone())
    }

    pub(super) fn find_or(&self, contact: &ContactId, make: impl FnOnce() -> T) -> T {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.kept.len() >= self.most && !inner.kept.contains_key(contact) {
            inner.make_room();
        }
        inner.now += 1;
        let now = inner.now;
        let (used, kept) = inner.kept.entry(contact.clone()).or_insert_with(|| (now, make()));
        *used = now;
        kept.clone()
    }

    pub(super) fn keep(&self, contact: &ContactId, what: T) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.kept.len() >= self.most && !inner.kept.contains_key(contact) {
            inner.make_room();
        }
        inner.now += 1;
        let now = inner.now;
        inner.kept.insert(contact.clone(), (now, what));
    }

    pub(super) fn forget(&self, contact: &ContactId) -> Option<T> {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.kept.remove(contact).map(|it| it.1)
    }
}

impl<T> Inner<T> {
    /// A sixteenth at a time, so that looking for the oldest costs little for each.
    fn make_room(&mut self) {
        let mut used: Vec<u64> = self.kept.values().map(|it| it.0).collect();
        let going = used.len() / 16;
        let (_, &mut last, _) = used.select_nth_unstable(going);
        self.kept.retain(|_, it| it.0 > last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    fn contact(name: u32) -> ContactId {
        ContactId { unit: UnitName::new("u").unwrap(), name: ContactName::new(&name.to_string()).unwrap() }
    }

    #[test]
    fn the_least_needed_is_forgotten_first_and_there_is_a_bound() {
        let recent = Recent::new(32);
        for name in 0..32 {
            recent.keep(&contact(name), name);
        }
        assert_eq!(recent.find(&contact(0)), Some(0));
        recent.keep(&contact(32), 32);
        let left: Vec<u32> = (0..=32).filter(|it| recent.find(&contact(*it)).is_some()).collect();
        assert_eq!(left.len(), 30);
        assert!(left.starts_with(&[0, 4]), "{left:?}");
        assert_eq!(recent.forget(&contact(4)), Some(4));
        assert_eq!(recent.find(&contact(4)), None);
        recent.keep(&contact(5), 6);
        assert_eq!(recent.find(&contact(5)), Some(6));
    }

    #[test]
    fn one_place_is_enough_for_one() {
        let recent = Recent::new(1);
        recent.keep(&contact(1), 1);
        recent.keep(&contact(2), 2);
        assert_eq!((recent.find(&contact(1)), recent.find(&contact(2))), (None, Some(2)));
    }
}
