//! Durable state, as the gateway needs it: one trait. The backends are in `store`.

mod documents;
mod numbers;
mod past;

use std::{error::Error, fmt, path::Path};

use futures::future::BoxFuture;

pub use documents::{AuditLine, AuditOf, Change, ChangeError, Document, DocumentKind, Expected, SETTINGS, TokensMove};
pub use numbers::{Counts, Day, Flush, NumberKey, NumbersOf, Tally, Unclear, Uncounted};
pub use past::{Closed, Ended, EndedOf, Past};

use crate::core::ids::{ContactId, ProfileName, Timestamp, UnitName};

/// Raised by every claim; a commit under an older one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnerEpoch(pub i64);

/// A position in the journal; the first record has 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pos(pub u64);

/// One transition of one contact. Records of a contact are linked backwards by `prev` and chained by `hash`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub pos: Pos,
    pub contact: ContactId,
    /// The contact's previous record; `Pos(0)` for its first.
    pub prev: Pos,
    pub at: Timestamp,
    pub hash: [u8; 32],
    /// Sealed with the contact's key; JSON where it was written before contacts had keys.
    pub body: Vec<u8>,
}

/// A contact's key comes with its first record: a name that is used again has another. Destroying it erases the contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifeKey {
    pub contact: ContactId,
    /// The position of the contact's first record; the key is that of all its records until the name is used again.
    pub born: Pos,
    /// Under the master key.
    pub sealed: Vec<u8>,
}

/// When a contact's key was destroyed, and by whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erased {
    pub at: Timestamp,
    pub by: String,
}

/// What is known of one key of a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Life {
    pub born: Pos,
    /// The key, sealed; or what became of it.
    pub key: Result<Vec<u8>, Erased>,
}

/// What came of [`Store::erase`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Erasure {
    /// No key of this contact is or was here.
    Unknown,
    /// The contact is not over.
    Open,
    /// Its keys are destroyed now.
    Done,
    /// They were before.
    Before(Erased),
}

/// A contact's whole state as of `last`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub contact: ContactId,
    pub last: Pos,
    /// Of the record at `last`; the chain goes on from it.
    pub hash: [u8; 32],
    /// Sealed as records are.
    pub state: Vec<u8>,
}

/// What becomes durable together, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Of contacts whose first records are in this batch.
    pub keys: Vec<LifeKey>,
    /// Positions ascend without gaps from [`Claim::next`].
    pub records: Vec<Record>,
    pub snapshots: Vec<Snapshot>,
    /// Also removes the contact's snapshot, unless it is newer: a name may be used again after its contact is over.
    pub closed: Vec<Closed>,
    /// Every open contact's state is in a snapshot or in a record at or after this.
    pub checkpoint: Option<Pos>,
    /// What its records add to the numbers. Kept with them: when records turn out to be there already, so is this.
    pub tally: Tally,
    /// Of what commits before this one have added.
    pub flush: Option<Flush>,
}

impl Batch {
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.records.is_empty()
            && self.keys.is_empty()
            && self.snapshots.is_empty()
            && self.closed.is_empty()
            && self.checkpoint.is_none()
            && self.flush.is_none()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    pub epoch: OwnerEpoch,
    /// The position of the next record.
    pub next: Pos,
}

/// What [`Store::load`] hands over: keys first, then snapshots, then records in order of position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Of a contact that is open, or was closed at or after the checkpoint; not of one that is erased.
    Key(LifeKey),
    Snapshot(Snapshot),
    /// At or after the checkpoint. Includes records of contacts that are closed since.
    Record(Record),
    /// After all records: contacts closed at or after the checkpoint and not seen since.
    Closed(ContactId),
    /// First, where there was one: a backup was put in the place of what was here, and this position follows its last record.
    Restored(Pos),
}

/// What a store holds, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Holdings {
    /// Contacts whose records are kept, those that are open and those that are erased among them.
    pub contacts: u64,
    pub open: u64,
    pub erased: u64,
    /// Of the journal.
    pub records: u64,
    /// When the oldest and the newest of them were written, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    pub newest_ms: Option<i64>,
    pub secrets: u64,
    /// By kind.
    pub documents: std::collections::BTreeMap<String, u64>,
    pub audit_lines: u64,
    pub connector_tokens: u64,
    /// Of the database, as it would be copied, and of its write-ahead log.
    pub bytes: u64,
    pub log_bytes: u64,
}

/// A token that connectors of a profile dial in with; the token itself is nobody's but theirs.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectorToken {
    pub unit: UnitName,
    pub profile: ProfileName,
    /// Tells a profile's connectors apart; mostly there is one, without a name.
    pub name: String,
    pub sha256: [u8; 32],
    pub made_at: Timestamp,
    /// `None`: the current one of its name. Others are good until then.
    pub valid_until: Option<Timestamp>,
}

impl ConnectorToken {
    /// Of the current one of a name; 0: there is none. It rises with every new one.
    #[must_use]
    pub fn version_of(kept: &[Self], name: &str) -> u64 {
        kept.iter().find(|it| it.name == name && it.valid_until.is_none()).map_or(0, Self::version)
    }

    fn version(&self) -> u64 {
        self.made_at.0.cast_unsigned()
    }

    /// Whether this is the one that somebody has seen as the current one.
    #[must_use]
    pub fn is_expected(current: Option<&Self>, expected: Expected) -> bool {
        match (expected, current) {
            (Expected::Any, _) | (Expected::New, None) => true,
            (Expected::Version(version), Some(current)) => version == current.version(),
            (Expected::New, Some(_)) | (Expected::Version(_), None) => false,
        }
    }
}

impl fmt::Debug for ConnectorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectorToken")
            .field("unit", &self.unit)
            .field("profile", &self.profile)
            .field("name", &self.name)
            .field("valid_until", &self.valid_until)
            .finish_non_exhaustive()
    }
}

pub trait Store: Send + Sync + fmt::Debug {
    /// Takes every shard and raises the epoch.
    fn claim<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, Result<Claim, StoreError>>;

    fn load<'a>(&'a self, each: &'a mut (dyn FnMut(Loaded) + Send)) -> BoxFuture<'a, Result<(), StoreError>>;

    /// All of it or nothing. Safe to repeat after an error: records that turn out to be there already are compared, not
    /// written again.
    fn commit<'a>(&'a self, epoch: OwnerEpoch, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>>;

    /// A contact's records, oldest first; empty when it is unknown. At most the newest `limit`.
    fn records<'a>(&'a self, contact: &'a ContactId, limit: usize) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        self.records_after(contact, Pos(0), limit)
    }

    /// The same of those after a position.
    fn records_after<'a>(
        &'a self,
        contact: &'a ContactId,
        after: Pos,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>>;

    /// The record at a position, if there is one, and those of the same contact between `after` and it, oldest first: the
    /// newest `limit` at most.
    fn trail(&self, at: Pos, after: Pos, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, StoreError>>;

    /// Contacts that are over, those that ended last first: `limit` at most, of a bounded number that is looked at. A name that was
    /// used again is one contact, the later.
    fn ended<'a>(&'a self, of: &'a EndedOf, limit: usize) -> BoxFuture<'a, Result<Ended, StoreError>>;

    /// What is known of a contact that is over, beside its records; `None`: it is unknown, or none of its name has ended yet.
    fn closed<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Option<Closed>, StoreError>>;

    /// What commits after the last flush have added to the numbers.
    fn uncounted(&self) -> BoxFuture<'_, Result<Uncounted, StoreError>>;

    /// The days' rows, in no order. Yields the last flush that is in them.
    fn numbers<'a>(
        &'a self,
        of: &'a NumbersOf,
        each: &'a mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> BoxFuture<'a, Result<u64, StoreError>>;

    /// Where the newest questions of a profile that were not understood are told of, as far as they are flushed: the newest
    /// first. Some may be pruned.
    fn unclear<'a>(
        &'a self,
        unit: &'a UnitName,
        profile: &'a ProfileName,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Pos>, StoreError>>;

    /// Forgets the numbers of days before this one. Says how many rows went.
    fn prune_numbers(&self, before: Day) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// What is known of a contact's keys, oldest first; empty when it is unknown, or was closed before contacts had keys.
    fn lives<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Vec<Life>, StoreError>>;

    /// Destroys the keys of a contact that is over, for good: no trace of them stays in the store's own files. Needs no
    /// claim. An error as `Unavailable` may leave traces: to be repeated.
    fn erase<'a>(&'a self, contact: &'a ContactId, erased: &'a Erased) -> BoxFuture<'a, Result<Erasure, StoreError>>;

    /// How many contacts' keys have been destroyed, and are not forgotten yet.
    fn erased(&self) -> BoxFuture<'_, Result<u64, StoreError>>;

    /// Forgets the journal up to the first record that is not older than `before` or that a recovery needs, and contacts
    /// closed in that stretch with their keys. Says how many records went.
    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>>;

    fn put_secret<'a>(&'a self, name: &'a str, sealed: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>>;

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>>;

    /// In alphabetical order.
    fn secret_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>>;

    /// Makes `token` the current one of its name; those before it are good until `grace` at the latest. Forgets, of all
    /// profiles, what was good until before it was made. With the line of the audit log, if there is one, or not at all.
    /// `false`: the current one is not what was expected, and nothing is changed.
    fn put_connector_token<'a>(
        &'a self,
        token: &'a ConnectorToken,
        grace: Timestamp,
        expected: Expected,
        line: Option<&'a AuditLine>,
    ) -> BoxFuture<'a, Result<bool, StoreError>>;

    /// By business unit, profile, name and age, the newest of a name first. Some may not be good any more.
    fn connector_tokens(&self) -> BoxFuture<'_, Result<Vec<ConnectorToken>, StoreError>>;

    /// In alphabetical order.
    fn documents(&self, kind: DocumentKind) -> BoxFuture<'_, Result<Vec<Document>, StoreError>>;

    fn document<'a>(&'a self, kind: DocumentKind, name: &'a str)
    -> BoxFuture<'a, Result<Option<Document>, StoreError>>;

    /// All of them and the line of the audit log, or nothing. Yields the new versions.
    fn change<'a>(
        &'a self,
        changes: &'a [Change],
        line: &'a AuditLine,
    ) -> BoxFuture<'a, Result<Vec<u64>, ChangeError>> {
        self.change_and_move(changes, &[], line)
    }

    /// The same, and connectors' tokens go along with their profiles.
    fn change_and_move<'a>(
        &'a self,
        changes: &'a [Change],
        moves: &'a [TokensMove],
        line: &'a AuditLine,
    ) -> BoxFuture<'a, Result<Vec<u64>, ChangeError>>;

    /// Lines of the audit log, the newest first, with their numbers.
    fn audit<'a>(&'a self, of: &'a AuditOf, limit: usize) -> BoxFuture<'a, Result<Vec<(u64, AuditLine)>, StoreError>>;

    /// What is kept, counted.
    fn holdings(&self) -> BoxFuture<'_, Result<Holdings, StoreError>>;

    /// Writes all that is kept into a file that is there and empty, as of one moment, while commits go on.
    fn copy_to<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Tidies up after the last commit. Nothing is lost without it.
    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Closed set of what a store can suffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreErrorKind {
    /// Another owner has claimed the shards. Final.
    Fenced,
    /// No permission, I/O error: may pass.
    Unavailable,
    /// Its disk is full: passes when somebody frees some room.
    Full,
    /// The database cannot be read as ours. Final.
    Corrupt,
}

#[derive(Debug)]
pub struct StoreError {
    pub kind: StoreErrorKind,
    pub source: Box<dyn Error + Send + Sync>,
}

impl StoreError {
    #[must_use]
    pub fn new(kind: StoreErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Fenced => "another gateway has taken over this store",
            StoreErrorKind::Unavailable => "the store cannot be written or read now",
            StoreErrorKind::Full => "the store's disk is full",
            StoreErrorKind::Corrupt => "the store's data cannot be read",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
