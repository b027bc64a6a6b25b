//! Watching a contact: whoever does is told after each commit that its timeline has grown, and reads the store.
//!
//! Nothing is carried along and signals merge, so a slow watcher holds nothing up. While nobody watches, a commit costs one
//! load of an atomic number.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Notify;

use super::{
    Gateway, Opened, open_records,
    shard::Entry,
    storage::{Pos, Record, StoreError},
};
use crate::core::ids::ContactId;

/// Each watcher is a page or a program that somebody looks at.
pub const MAX_WATCHERS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{MAX_WATCHERS} timelines are being watched already")]
pub struct TooManyWatchers;

#[derive(Debug, Default)]
pub(super) struct Watchers {
    /// All of them; what a commit looks at first.
    count: AtomicUsize,
    /// Held for look-ups only, never across an await.
    by_contact: Mutex<HashMap<ContactId, Vec<Arc<Notify>>>>,
}

impl Watchers {
    /// These are committed.
    pub(super) fn tell(&self, records: &[Record]) {
        if self.count.load(Ordering::Acquire) == 0 {
            return;
        }
        let by_contact = self.locked();
        for watcher in records.iter().filter_map(|record| by_contact.get(&record.contact)).flatten() {
            watcher.notify_one();
        }
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<ContactId, Vec<Arc<Notify>>>> {
        self.by_contact.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One watcher; it stops watching when this is dropped.
#[derive(Debug)]
pub struct Watch {
    watchers: Arc<Watchers>,
    contact: ContactId,
    grown: Arc<Notify>,
}

impl Watch {
    /// Waits until something has been committed since the last call, or since the watch began.
    pub async fn grown(&self) {
        self.grown.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut by_contact = self.watchers.locked();
        if let Some(watchers) = by_contact.get_mut(&self.contact) {
            watchers.retain(|it| !Arc::ptr_eq(it, &self.grown));
            if watchers.is_empty() {
                by_contact.remove(&self.contact);
            }
        }
        drop(by_contact);
        self.watchers.count.fetch_sub(1, Ordering::Release);
    }
}

impl Gateway {
    /// Watches a contact, known or not: it may still come. Watch first and read then, and nothing is missed.
    ///
    /// # Errors
    /// When [`MAX_WATCHERS`] do so already.
    pub fn watch(&self, contact: &ContactId) -> Result<Watch, TooManyWatchers> {
        let mut by_contact = self.watchers.locked();
        if self.watchers.count.load(Ordering::Relaxed) >= MAX_WATCHERS {
            return Err(TooManyWatchers);
        }
        // Under the lock, by which all additions are in order; a commit that reads the number a moment too early is one that
        // whoever reads the store after this finds there.
        self.watchers.count.fetch_add(1, Ordering::Release);
        let grown = Arc::new(Notify::new());
        by_contact.entry(contact.clone()).or_default().push(Arc::clone(&grown));
        Ok(Watch { watchers: Arc::clone(&self.watchers), contact: contact.clone(), grown })
    }

    /// A contact's committed records after a position, opened, oldest first: at most the newest `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn timeline(&self, contact: &ContactId, after: Pos, limit: usize) -> Result<Vec<Opened>, StoreError> {
        let records = self.committed(contact, after, limit).await?;
        if records.is_empty() {
            return Ok(Vec::new());
        }
        // After the records: what is erased in between is shown as erased.
        let lives = self.store.lives(contact).await?;
        Ok(open_records(&self.vault, &lives, records))
    }

    async fn committed(&self, contact: &ContactId, after: Pos, limit: usize) -> Result<Vec<Record>, StoreError> {
        // The store would look for an open contact's newest record through all that came since the checkpoint.
        let newest = self.shards.of(contact).contacts.get(contact).map(Entry::last);
        if let Some(newest) = newest {
            let records = self.store.trail(newest, after, limit).await?;
            // It may not be there yet: then the ones before it are. Another gateway that has taken the store may have written there.
            if newest <= after || records.last().is_some_and(|it| it.pos == newest && it.contact == *contact) {
                return Ok(records);
            }
        }
        self.store.records_after(contact, after, limit).await
    }

    /// Those before one of them, oldest first, the newest `limit` of these; `None`: the contact has none at this position.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn timeline_before(
        &self,
        contact: &ContactId,
        before: Pos,
        limit: usize,
    ) -> Result<Option<Vec<Opened>>, StoreError> {
        let mut records = self.store.trail(before, Pos(0), limit.saturating_add(1)).await?;
        if records.pop().is_none_or(|it| it.pos != before || it.contact != *contact) {
            return Ok(None);
        }
        let lives = self.store.lives(contact).await?;
        Ok(Some(open_records(&self.vault, &lives, records)))
    }

    /// Whether `records`, oldest first, are as this gateway's key has chained them; `Err` names the first that is not.
    ///
    /// # Errors
    /// The index of the first record that does not follow from the one before it.
    pub fn verify(&self, records: &[Opened]) -> Result<(), usize> {
        self.journal.verify(records.iter().map(|it| &it.record))
    }
}
