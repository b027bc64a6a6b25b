//! Where contacts live: 256 shards by the hash of their id, each behind its own lock.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{LaneId, chain::Chain, numbers::count::Sent, served::Served, storage::Pos, timers::Wheel, unit::Unit};
use crate::core::{
    contact::Contact,
    ids::{ContactId, Timestamp},
};

pub(super) const SHARDS: usize = 256;

/// How many closed contacts a shard remembers, to tell a late frame from a mistaken one.
const REMEMBERED: usize = 256;

#[derive(Debug)]
pub(super) struct Shards {
    hasher: RandomState,
    /// Held while one event is applied, never across an await.
    shards: Vec<Mutex<Shard>>,
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) contacts: HashMap<ContactId, Entry>,
    pub(super) wheel: Wheel,
    closed: HashSet<ContactId>,
    closed_order: VecDeque<ContactId>,
}

/// A contact and what the gateway needs to run it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) contact: Contact,
    pub(super) served: Arc<Served>,
    pub(super) unit: Arc<Unit>,
    /// Its records: where they end, and their key.
    pub(super) chain: Chain,
    /// Where its undelivered commands have been sent; `None`: nowhere that is still attached.
    pub(super) lane: Option<LaneId>,
    /// Raised whenever everything undelivered is sent again: what was on its way before is out of date.
    pub(super) route: u32,
    /// The look that the wheel will take next; what else of this contact is in the wheel is out of date.
    pub(super) look: Option<Timestamp>,
    /// It has changed since its last snapshot.
    pub(super) changed: bool,
    /// When something happened to it last; after a start: when it was read back.
    pub(super) moved_at: Timestamp,
    /// It was read back after a start, and what ran then has not been taken up again.
    pub(super) interrupted: bool,
    /// For the numbers: since when what has gone out is on its way.
    pub(super) sent: Sent,
}

impl Shards {
    pub(super) fn new(now: Timestamp) -> Self {
        let shard = || {
            Mutex::new(Shard {
                contacts: HashMap::new(),
                wheel: Wheel::starting_at(now),
                closed: HashSet::new(),
                closed_order: VecDeque::new(),
            })
        };
        Self { hasher: RandomState::new(), shards: std::iter::repeat_with(shard).take(SHARDS).collect() }
    }

    pub(super) fn of(&self, contact: &ContactId) -> MutexGuard<'_, Shard> {
        let hash = usize::try_from(self.hasher.hash_one(contact) & 0xff).unwrap_or_default();
        #[expect(clippy::indexing_slicing, reason = "there are 256 shards, and the hash is masked to 8 bits")]
        self.shards[hash].lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn at(&self, index: usize) -> Option<MutexGuard<'_, Shard>> {
        self.shards.get(index).map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn each(&self) -> impl Iterator<Item = MutexGuard<'_, Shard>> {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shard {
    /// Forgets the contact, but not that it was.
    pub(super) fn close(&mut self, contact: &ContactId) {
        self.contacts.remove(contact);
        self.remember_closed(contact.clone());
    }

    pub(super) fn remember_closed(&mut self, contact: ContactId) {
        if self.closed_order.len() == REMEMBERED
            && let Some(oldest) = self.closed_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        if self.closed.insert(contact.clone()) {
            self.closed_order.push_back(contact);
        }
    }

    pub(super) fn was_closed(&self, contact: &ContactId) -> bool {
        self.closed.contains(contact)
    }

    /// Makes sure that the wheel looks at the contact when it is due.
    pub(super) fn arm(&mut self, id: &ContactId) {
        let Some(entry) = self.contacts.get_mut(id) else { return };
        let Some(due) = entry.contact.due(&entry.served.rules) else { return };
        let look = self.wheel.look_for(due);
        if entry.look.is_none_or(|earlier| earlier > look) {
            entry.look = Some(look);
            self.wheel.push(id.clone(), look);
        }
    }
}

impl Entry {
    pub(super) fn new(
        contact: Contact,
        chain: Chain,
        (served, unit): (Arc<Served>, Arc<Unit>),
        moved_at: Timestamp,
    ) -> Self {
        let (lane, route, look) = (None, 0, None);
        let sent = Sent::default();
        Self { contact, served, unit, chain, lane, route, look, changed: true, moved_at, interrupted: false, sent }
    }

    /// Where the contact's records end.
    pub(super) const fn last(&self) -> Pos {
        self.chain.link.last
    }
}
