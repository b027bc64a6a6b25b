//! After a start: every contact is where its last record left it.

use std::{
    collections::HashMap,
    mem,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Gateway, Todo,
    journal::Link,
    shard::{Entry, SHARDS, Shard},
    storage::{Closed, Loaded, Pos, StoreError},
    unit::Unit,
};
use crate::core::{
    contact::{Contact, Event, Out},
    ids::{ContactId, Timestamp},
};

/// What was found, for the log and the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub contacts: usize,
    /// Contacts whose agent no profile serves any more; they are given up.
    pub orphans: usize,
    /// Records and snapshots that could not be read.
    pub unreadable: usize,
}

struct Found {
    contact: Contact,
    link: Link,
}

/// Puts contacts together from snapshots and the records after them.
#[derive(Default)]
struct Reader {
    found: HashMap<ContactId, Found>,
    closed: Vec<ContactId>,
    unreadable: usize,
    transcript_bytes: usize,
}

impl Gateway {
    /// Reads the store; to be called once, before anything else.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        let transcript_bytes =
            self.roster.load().profiles().iter().map(|it| it.rules.limits.transcript_bytes).max().unwrap_or_default();
        let mut reader = Reader { transcript_bytes, ..Reader::default() };
        self.store.load(&mut |loaded| reader.take(loaded)).await?;
        let mut recovered = Recovered { unreadable: reader.unreadable, ..Recovered::default() };
        for id in reader.closed {
            reader.found.remove(&id);
            self.shards.of(&id).remember_closed(id.clone());
        }
        for (id, found) in reader.found {
            if found.contact.is_over() {
                self.close_late(id, &found);
                continue;
            }
            match self.take_up(&id, found) {
                None => recovered.contacts += 1,
                Some(orphan) => {
                    recovered.orphans += 1;
                    tracing::warn!(contact.id = %id, "no profile serves this contact any more; it is given up");
                    self.give_up(id, *orphan);
                }
            }
        }
        Ok(recovered)
    }

    /// The gateway was killed after the contact's last record and before it was marked as closed.
    fn close_late(&self, id: ContactId, found: &Found) {
        self.journal.close(Closed { contact: id.clone(), last: found.link.last, at: self.clock.now() });
        self.shards.of(&id).remember_closed(id);
    }

    /// Ends an orphan for good: a later start that knows its profile again must not find it as it was.
    fn give_up(&self, id: ContactId, mut orphan: Found) {
        let mut out = Out::default();
        orphan.contact.give_up(&mut out);
        self.observe(&out.steps);
        match orphan.contact.record(&out.steps) {
            Ok(body) => {
                self.journal.append(&id, &mut orphan.link, self.clock.now(), body, &mut Vec::new());
            }
            Err(error) => tracing::error!(contact.id = %id, %error, "a transition cannot be written"),
        }
        self.close_late(id, &orphan);
    }

    /// Yields back what no profile serves.
    fn take_up(&self, id: &ContactId, mut found: Found) -> Option<Box<Found>> {
        let roster = self.roster.load();
        let served = roster.find_by_agent(&id.unit, &found.contact.card().agent);
        let (Some(unit), Some(served)) = (self.unit(&id.unit), served) else { return Some(Box::new(found)) };
        self.spare_lost_numbers(&mut found.contact);
        let mut entry = Entry::new(found.contact, Arc::clone(served), unit);
        entry.link = found.link;
        entry.interrupted = true;
        let mut shard = self.shards.of(id);
        self.insert(&mut shard, id.clone(), entry);
        shard.arm(id);
        None
    }

    /// Goes on with what the restart has interrupted in a unit. It waits for the unit's directory: without it an answer that
    /// asks for a person would find no queue. Nobody could hear the answer before the engine is there anyway.
    pub(super) fn take_up_interrupted(self: &Arc<Self>, unit: &Arc<Unit>) {
        if !unit.interrupted.swap(false, Ordering::Relaxed) {
            return;
        }
        let (gateway, unit) = (Arc::clone(self), Arc::clone(unit));
        self.tasks.spawn(async move {
            for index in 0..SHARDS {
                gateway.take_up_shard(index, &unit);
                tokio::task::yield_now().await;
            }
        });
    }

    /// A contact's first event after a start does not overtake what the start interrupted, or that would be taken for a
    /// question of this life and asked once more.
    pub(super) fn take_up_first(&self, shard: &mut Shard, id: &ContactId, todo: &mut Todo) {
        if shard.contacts.get_mut(id).is_some_and(|entry| mem::take(&mut entry.interrupted)) {
            self.apply_in(shard, id, Event::Recovered, todo);
        }
    }

    fn take_up_shard(self: &Arc<Self>, index: usize, unit: &Arc<Unit>) {
        let Some(mut shard) = self.shards.at(index) else { return };
        let mut ids = Vec::new();
        for (id, entry) in &mut shard.contacts {
            if Arc::ptr_eq(&entry.unit, unit) && mem::take(&mut entry.interrupted) {
                ids.push(id.clone());
            }
        }
        let mut todo = Todo::default();
        for id in ids {
            self.apply_in(&mut shard, &id, Event::Recovered, &mut todo);
        }
        drop(shard);
        self.finish(todo);
    }
}

impl Reader {
    fn take(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Snapshot(snapshot) => match Contact::from_snapshot(&snapshot.state) {
                Ok(contact) => {
                    let link = Link { last: snapshot.last, hash: snapshot.hash };
                    self.found.insert(snapshot.contact, Found { contact, link });
                }
                Err(error) => self.cannot_read(&snapshot.contact, snapshot.last, &error),
            },
            Loaded::Record(record) => {
                let link = Link { last: record.pos, hash: record.hash };
                let result = self.take_record(record.contact.clone(), link, record.at, &record.body);
                if let Err(error) = result {
                    self.cannot_read(&record.contact, record.pos, &error);
                }
            }
            Loaded::Closed(contact) => self.closed.push(contact),
        }
    }

    fn take_record(&mut self, id: ContactId, link: Link, at: Timestamp, body: &[u8]) -> serde_json::Result<()> {
        match self.found.get_mut(&id) {
            Some(found) if link.last <= found.link.last => {}
            Some(found) => {
                found.contact.apply_record(body, at, self.transcript_bytes)?;
                found.link = link;
            }
            None => {
                // Without its beginning it is the tail of a contact that is closed.
                if let Some(contact) = Contact::from_first_record(body, at, self.transcript_bytes)? {
                    self.found.insert(id, Found { contact, link });
                }
            }
        }
        Ok(())
    }

    fn cannot_read(&mut self, contact: &ContactId, pos: Pos, error: &serde_json::Error) {
        self.unreadable += 1;
        tracing::error!(contact.id = %contact, pos = pos.0, %error, "this cannot be read back; the contact is left out");
    }
}
