//! After a start: every contact is where its last record left it.

use std::{
    collections::{HashMap, HashSet},
    mem,
    sync::{Arc, atomic::Ordering},
};

use super::{
    Gateway, Todo,
    chain::{self, Chain, Keys, Link},
    shard::{Entry, SHARDS, Shard},
    storage::{Closed, Loaded, Past, Pos, StoreError, StoreErrorKind},
    unit::Unit,
};
use crate::{
    core::{
        contact::{Contact, EndReason, Event, Out},
        ids::{ContactId, Timestamp},
    },
    seal::{DataKey, Purpose, SealError, Vault},
};

/// What was found, for the log and the operator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    pub contacts: usize,
    /// Contacts whose agent no profile serves any more; they are given up.
    pub orphans: usize,
    /// Contacts that were open in a backup which was put here since; they are given up.
    pub restored: usize,
    /// Records and snapshots that could not be read.
    pub unreadable: usize,
}

struct Found {
    contact: Contact,
    link: Link,
    /// Where its key begins, and the key; `None`: it was written before contacts had keys.
    key: Option<(Pos, DataKey)>,
}

impl Found {
    fn chain(self, vault: &Vault, id: &ContactId) -> Result<(Contact, Chain), SealError> {
        let chain = match self.key {
            Some((_, key)) => Chain::of(self.link, key),
            None => Chain::begin(vault, id, self.link)?,
        };
        Ok((self.contact, chain))
    }
}

/// Puts contacts together from snapshots and the records after them.
struct Reader<'a> {
    keys: Keys<'a>,
    found: HashMap<ContactId, Found>,
    closed: Vec<ContactId>,
    /// Of which there are sealed records, but no key: erased, if they are closed.
    keyless: HashMap<ContactId, Pos>,
    unreadable: usize,
    transcript_bytes: usize,
    /// Everything before this comes with a backup.
    restored: Pos,
}

/// Why something cannot be read back.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("its key is not in the store")]
    NoKey,
}

impl Gateway {
    /// Reads the store; to be called once, before anything else.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn recover(&self) -> Result<Recovered, StoreError> {
        self.recover_pauses().await?;
        let transcript_bytes =
            self.roster.load().profiles().iter().map(|it| it.rules.limits.transcript_bytes).max().unwrap_or_default();
        self.journal.keep_earlier(&chain::earlier_keys(&*self.store, &self.sealer).await?);
        let mut reader = Reader::new(&self.vault, transcript_bytes);
        self.store.load(&mut |loaded| reader.take(loaded)).await?;
        self.journal.numbers.resume(self.store.uncounted().await?);
        reader.report_keyless();
        let mut recovered = Recovered { unreadable: reader.unreadable, ..Recovered::default() };
        for id in reader.closed {
            reader.found.remove(&id);
            self.shards.of(&id).remember_closed(id.clone());
        }
        for (id, found) in reader.found {
            if found.contact.is_over() {
                self.close_late(id, &found.contact, found.link);
                continue;
            }
            let (contact, chain) =
                found.chain(&self.vault, &id).map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
            // What its routing engine has done with it since is not known, and our next commands would be old ones to it.
            if chain.link.last < reader.restored {
                recovered.restored += 1;
                self.give_up(id, (contact, chain), EndReason::Restored);
                continue;
            }
            match self.take_up(&id, contact, chain) {
                None => recovered.contacts += 1,
                Some(orphan) => {
                    recovered.orphans += 1;
                    tracing::warn!(contact.id = %id, "no profile serves this contact any more; it is given up");
                    self.give_up(id, *orphan, EndReason::NotServed);
                }
            }
        }
        Ok(recovered)
    }

    /// The gateway was killed after the contact's last record and before it was marked as closed.
    fn close_late(&self, id: ContactId, contact: &Contact, link: Link) {
        let roster = self.roster.load();
        let served = roster.find_by_agent(&id.unit, &contact.card().agent);
        let past = Past::of(contact, served.map(|it| &it.rules.profile));
        self.journal.close(Closed { contact: id.clone(), last: link.last, at: self.clock.now(), past });
        self.shards.of(&id).remember_closed(id);
    }

    /// Ends a contact for good: a later start that knows its profile again must not find it as it was.
    fn give_up(&self, id: ContactId, (mut contact, mut chain): (Contact, Chain), reason: EndReason) {
        let mut out = Out::default();
        contact.give_up(reason, &mut out);
        self.observe(&out.steps);
        // In nobody's numbers: whose it was is not known any more.
        self.write(&id, &contact, &mut chain, (&out.steps, None), &mut Vec::new());
        self.close_late(id, &contact, chain.link);
    }

    /// Yields back what no profile serves.
    fn take_up(&self, id: &ContactId, mut contact: Contact, chain: Chain) -> Option<Box<(Contact, Chain)>> {
        let roster = self.roster.load();
        let served = roster.find_by_agent(&id.unit, &contact.card().agent);
        let (Some(unit), Some(served)) = (self.unit(&id.unit), served) else {
            return Some(Box::new((contact, chain)));
        };
        self.spare_lost_numbers(&mut contact);
        let mut entry = Entry::new(contact, chain, (Arc::clone(served), unit), self.clock.now());
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

impl<'a> Reader<'a> {
    fn new(vault: &'a Vault, transcript_bytes: usize) -> Self {
        Self {
            keys: Keys::new(vault),
            found: HashMap::new(),
            closed: Vec::new(),
            keyless: HashMap::new(),
            unreadable: 0,
            transcript_bytes,
            restored: Pos(0),
        }
    }

    fn take(&mut self, loaded: Loaded) {
        match loaded {
            Loaded::Key(key) => self.keys.add(key),
            Loaded::Snapshot(snapshot) => {
                let link = Link { last: snapshot.last, hash: snapshot.hash };
                if let Err(error) = self.take_snapshot(snapshot.contact.clone(), link, &snapshot.state) {
                    self.cannot_read(&snapshot.contact, snapshot.last, &error);
                }
            }
            Loaded::Record(record) => {
                let link = Link { last: record.pos, hash: record.hash };
                match self.take_record(&record.contact, link, record.at, &record.body) {
                    Ok(()) => {}
                    Err(Unreadable::NoKey) => drop(self.keyless.insert(record.contact, record.pos)),
                    Err(error) => self.cannot_read(&record.contact, record.pos, &error),
                }
            }
            Loaded::Closed(contact) => self.closed.push(contact),
            Loaded::Restored(pos) => self.restored = pos,
        }
    }

    fn take_snapshot(&mut self, id: ContactId, link: Link, state: &[u8]) -> Result<(), Unreadable> {
        let key = self.key(&id, link.last, state)?;
        let contact = match &key {
            Some((_, key)) => Contact::from_snapshot(&key.open(Purpose::Snapshot, state)?)?,
            None => Contact::from_snapshot(state)?,
        };
        self.found.insert(id, Found { contact, link, key });
        Ok(())
    }

    fn take_record(&mut self, id: &ContactId, link: Link, at: Timestamp, body: &[u8]) -> Result<(), Unreadable> {
        if self.found.get(id).is_some_and(|found| link.last <= found.link.last) {
            return Ok(());
        }
        let known = self.found.get(id).and_then(|found| found.key.as_ref());
        let known = known.filter(|(born, _)| self.keys.born(id, link.last) == Some(*born));
        let other = if known.is_none() { self.key(id, link.last, body)? } else { None };
        let opened = known.or(other.as_ref()).map(|(_, key)| key.open(Purpose::Record, body)).transpose()?;
        let is_other = known.is_none();
        let body = opened.as_ref().map_or(body, |it| it.as_slice());
        match self.found.get_mut(id) {
            Some(found) => {
                found.contact.apply_record(body, at, self.transcript_bytes)?;
                found.link = link;
                if is_other {
                    found.key = other;
                }
            }
            None => {
                // Without its beginning it is the tail of a contact that is closed.
                if let Some(contact) = Contact::from_first_record(body, at, self.transcript_bytes)? {
                    self.found.insert(id.clone(), Found { contact, link, key: other });
                }
            }
        }
        Ok(())
    }

    /// The key of what was written at `pos`; `None`: it was written before contacts had keys.
    fn key(&self, id: &ContactId, pos: Pos, bytes: &[u8]) -> Result<Option<(Pos, DataKey)>, Unreadable> {
        if !DataKey::is_sealed(bytes) {
            return Ok(None);
        }
        let born = self.keys.born(id, pos).ok_or(Unreadable::NoKey)?;
        let key = self.keys.open(id, pos)?.ok_or(Unreadable::NoKey)?;
        Ok(Some((born, key)))
    }

    /// Sealed records without a key are those of contacts that are erased, and these are closed.
    fn report_keyless(&mut self) {
        let closed: HashSet<&ContactId> = self.closed.iter().collect();
        let lost = |id: &ContactId| !closed.contains(id) && !self.found.contains_key(id);
        let lost: Vec<_> = self.keyless.iter().filter(|(id, _)| lost(id)).map(|(id, pos)| (id.clone(), *pos)).collect();
        for (id, pos) in lost {
            self.cannot_read(&id, pos, &Unreadable::NoKey);
        }
    }

    fn cannot_read(&mut self, contact: &ContactId, pos: Pos, error: &Unreadable) {
        self.unreadable += 1;
        tracing::error!(contact.id = %contact, pos = pos.0, %error, "this cannot be read back; the contact is left out");
    }
}
