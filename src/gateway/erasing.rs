//! Erasing a contact, for whoever asks: by command line and by page it is the same.

use super::{
    Gateway,
    storage::{Erased, Erasure, Pos, Record, Store, StoreError},
};
use crate::{
    core::ids::{ContactId, Timestamp},
    seal::DataKey,
};

/// A contact has fewer records.
const MOST_RECORDS: usize = 100_000;

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasing {
    pub erasure: Erasure,
    /// Records of a version without keys: they stay until they are pruned.
    pub plain: usize,
    /// Where the contact's first key began: what a log may say of it in place of its name.
    pub born: Option<Pos>,
}

/// Destroys the keys of a contact that is over; an open one is left as it is.
///
/// # Errors
/// When the store cannot be written: to be repeated.
pub async fn erase(store: &dyn Store, contact: &ContactId, erased: &Erased) -> Result<Erasing, StoreError> {
    let erasure = store.erase(contact, erased).await?;
    let born = store.lives(contact).await?.first().map(|it| it.born);
    let plain = plain(&store.records(contact, MOST_RECORDS).await?);
    Ok(Erasing { erasure, plain, born })
}

/// How many were written before contacts had keys.
fn plain(records: &[Record]) -> usize {
    records.iter().filter(|it| !DataKey::is_sealed(&it.body)).count()
}

/// What the last sweep of old timelines did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swept {
    pub at: Timestamp,
    /// Records that went; or why none could.
    pub records: Result<u64, String>,
}

impl Gateway {
    /// As [`erase`], in this gateway's store.
    ///
    /// # Errors
    /// When the store cannot be written: to be repeated.
    pub async fn erase(&self, contact: &ContactId, by: &str) -> Result<Erasing, StoreError> {
        let erasing = erase(&*self.store, contact, &Erased { at: self.clock.now(), by: by.to_owned() }).await?;
        self.count_erased().await;
        Ok(erasing)
    }

    /// Whether nothing that is kept of a contact can be read any more, since all of it was erased.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_erased(&self, contact: &ContactId) -> Result<bool, StoreError> {
        let lives = self.store.lives(contact).await?;
        if lives.is_empty() || lives.iter().any(|it| it.key.is_ok()) {
            return Ok(false);
        }
        Ok(plain(&self.store.records(contact, MOST_RECORDS).await?) == 0)
    }

    /// Destroys the keys and removes the records of contacts that were over before a moment, as far as no open contact needs them.
    /// Says how many records went.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn prune_before(&self, before: Timestamp) -> Result<u64, StoreError> {
        // Records of contacts that are open are needed until they are in a snapshot.
        self.checkpoint().await;
        self.flushed().await;
        let done = self.store.prune(before).await;
        let records = done.as_ref().map(|it| *it).map_err(ToString::to_string);
        self.swept.store(Some(std::sync::Arc::new(Swept { at: self.clock.now(), records })));
        done
    }

    /// The last sweep since the start.
    #[must_use]
    pub fn swept(&self) -> Option<Swept> {
        self.swept.load().as_deref().cloned()
    }
}
