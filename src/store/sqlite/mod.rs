//! The embedded store: one `SQLite` file in WAL mode, every commit on disk before it returns.
//!
//! One connection writes, one reads, one moves the WAL's pages into the file. A commit that only journals is a single
//! statement of one row; see `block` for why.

mod begun;
mod block;
mod checkpoint;
mod destroyed;
mod documents;
mod erase;
mod error;
mod lock;
mod numbers;
mod past;
mod read;
mod reseal;
mod schema;
mod slot;
#[cfg(test)]
mod tests;
mod tokens;
mod whole;
mod write;

use std::{
    fmt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

pub use destroyed::Destroyed;
use futures::{FutureExt, future::BoxFuture};
pub use reseal::{Alone, Resealed, Sealed};
use slot::Slot;
use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::Notify;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
pub use whole::Loose;
use write::Writer;

use super::{
    AuditLine, AuditOf, Batch, Change, ChangeError, Claim, Closed, ConnectorToken, Counts, Day, Document, DocumentKind,
    Ended, EndedOf, Erased, Erasure, Expected, Holdings, Life, Loaded, NumberKey, NumbersOf, OwnerEpoch, Pos, Record,
    Store, StoreError, TokensMove, Uncounted,
};
use crate::core::ids::{ContactId, ProfileName, Timestamp, UnitName};

/// A claim fences every earlier one, also those of other processes: whoever claims last writes.
pub struct Sqlite {
    shared: Arc<Shared>,
    checkpoints: TaskTracker,
    stop: CancellationToken,
    /// The directory, locked beside others; let go of by [`Sqlite::close`].
    here: Mutex<Option<lock::Held>>,
}

struct Shared {
    options: SqliteConnectOptions,
    writer: Slot<Writer>,
    reader: Slot<SqliteConnection>,
    checkpointer: Slot<SqliteConnection>,
    /// About how much the WAL has grown since the last checkpoint.
    wal_bytes: AtomicU64,
    checkpoint_due: Notify,
}

impl Shared {
    fn wrote(&self, bytes: u64) {
        let before = self.wal_bytes.fetch_add(bytes, Ordering::Relaxed);
        if before.saturating_add(bytes) >= checkpoint::AFTER_BYTES {
            self.checkpoint_due.notify_one();
        }
    }
}

impl Sqlite {
    /// Opens the database in `dir`; makes both when missing, and brings an older one up to date.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be written here, `Corrupt` when it is not a database of ours, or a newer version's.
    pub async fn open(dir: &Path) -> Result<Self, StoreError> {
        let options = schema::create(dir)?;
        let here = lock::shared(dir)?;
        let writer = schema::migrate(&options).await?;
        Ok(Self::with(options, writer, here))
    }

    /// The documents of the database in `dir`; none where there is no database, or one of a version that kept none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn documents_at(dir: &Path, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
        if !schema::is_there(dir)? {
            return Ok(Vec::new());
        }
        match schema::with_documents(&schema::find(dir)?).await? {
            Some(mut conn) => documents::of_kind(&mut conn, kind).await,
            None => Ok(Vec::new()),
        }
    }

    /// Opens the database in `dir` for a look beside the gateway that owns it. Creates and changes nothing.
    ///
    /// # Errors
    /// As [`Sqlite::open`], and when there is none or it is an older version's.
    pub async fn open_existing(dir: &Path) -> Result<Self, StoreError> {
        let options = schema::find(dir)?;
        let here = lock::shared(dir)?;
        let writer = schema::expect_current(&options).await?;
        Ok(Self::with(options, writer, here))
    }

    fn with(options: SqliteConnectOptions, writer: SqliteConnection, here: lock::Held) -> Self {
        let shared = Arc::new(Shared {
            options: options.clone(),
            writer: Slot::new(options.clone(), Some(Writer::from(writer))),
            reader: Slot::new(options.clone().pragma("query_only", "ON"), None),
            checkpointer: Slot::new(options, None),
            wal_bytes: AtomicU64::new(0),
            checkpoint_due: Notify::new(),
        });
        let (checkpoints, stop) = (TaskTracker::new(), CancellationToken::new());
        checkpoints.spawn(checkpoint::run(Arc::clone(&shared), stop.clone()));
        checkpoints.close();
        Self { shared, checkpoints, stop, here: Mutex::new(Some(here)) }
    }

    /// Waits for what is running and leaves the database as a single file. Without it nothing is lost either.
    ///
    /// # Errors
    /// When the database cannot be closed in order.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.stop.cancel();
        self.checkpoints.wait().await;
        for slot in [&self.shared.checkpointer, &self.shared.reader] {
            if let Some(conn) = slot.pause().await.take() {
                conn.close().await?;
            }
        }
        // Last, since it may write: it moves the rest of the log into the file and removes it.
        if let Some(mut writer) = self.shared.writer.pause().await.take() {
            // A call that was given up a moment ago may still have a connection, and then closing alone moves nothing.
            sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut writer.conn).await?;
            writer.conn.close().await?;
        }
        drop(self.here.lock().unwrap_or_else(PoisonError::into_inner).take());
        Ok(())
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Store for Sqlite {
    fn claim<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.shared.claim(owner).boxed()
    }

    fn load<'a>(&'a self, each: &'a mut (dyn FnMut(Loaded) + Send)) -> BoxFuture<'a, Result<(), StoreError>> {
        self.shared.load(each).boxed()
    }

    fn commit<'a>(&'a self, epoch: OwnerEpoch, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        self.shared.commit(epoch, batch).boxed()
    }

    fn records_after<'a>(
        &'a self,
        contact: &'a ContactId,
        after: Pos,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        self.shared.records(contact, after, limit).boxed()
    }

    fn trail(&self, at: Pos, after: Pos, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, StoreError>> {
        self.shared.trail(at, after, limit).boxed()
    }

    fn ended<'a>(&'a self, of: &'a EndedOf, limit: usize) -> BoxFuture<'a, Result<Ended, StoreError>> {
        self.shared.ended(of, limit).boxed()
    }

    fn closed<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Option<Closed>, StoreError>> {
        self.shared.closed(contact).boxed()
    }

    fn uncounted(&self) -> BoxFuture<'_, Result<Uncounted, StoreError>> {
        self.shared.uncounted().boxed()
    }

    fn numbers<'a>(
        &'a self,
        of: &'a NumbersOf,
        each: &'a mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.shared.numbers(of, each).boxed()
    }

    fn unclear<'a>(
        &'a self,
        unit: &'a UnitName,
        profile: &'a ProfileName,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Pos>, StoreError>> {
        self.shared.unclear(unit, profile, limit).boxed()
    }

    fn prune_numbers(&self, before: Day) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.shared.prune_numbers(before).boxed()
    }

    fn lives<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Vec<Life>, StoreError>> {
        self.shared.lives(contact).boxed()
    }

    fn erase<'a>(&'a self, contact: &'a ContactId, erased: &'a Erased) -> BoxFuture<'a, Result<Erasure, StoreError>> {
        self.shared.erase(contact, erased).boxed()
    }

    fn erased(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.shared.erased().boxed()
    }

    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.shared.prune(before).boxed()
    }

    fn put_secret<'a>(&'a self, name: &'a str, sealed: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.shared.put_secret(name, sealed).boxed()
    }

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.shared.secret(name).boxed()
    }

    fn secret_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.shared.secret_names().boxed()
    }

    fn put_connector_token<'a>(
        &'a self,
        token: &'a ConnectorToken,
        grace: Timestamp,
        expected: Expected,
        line: Option<&'a AuditLine>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.shared.put_connector_token(token, grace, expected, line).boxed()
    }

    fn connector_tokens(&self) -> BoxFuture<'_, Result<Vec<ConnectorToken>, StoreError>> {
        self.shared.connector_tokens().boxed()
    }

    fn documents(&self, kind: DocumentKind) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        self.shared.documents(kind).boxed()
    }

    fn document<'a>(
        &'a self,
        kind: DocumentKind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        self.shared.document(kind, name).boxed()
    }

    fn change_and_move<'a>(
        &'a self,
        changes: &'a [Change],
        moves: &'a [TokensMove],
        line: &'a AuditLine,
    ) -> BoxFuture<'a, Result<Vec<u64>, ChangeError>> {
        self.shared.change_documents(changes, moves, line).boxed()
    }

    fn audit<'a>(&'a self, of: &'a AuditOf, limit: usize) -> BoxFuture<'a, Result<Vec<(u64, AuditLine)>, StoreError>> {
        self.shared.audit(of, limit).boxed()
    }

    fn holdings(&self) -> BoxFuture<'_, Result<Holdings, StoreError>> {
        self.shared.holdings().boxed()
    }

    fn copy_to<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<(), StoreError>> {
        self.shared.copy_to(file).boxed()
    }

    fn close(&self) -> BoxFuture<'_, Result<(), StoreError>> {
        Self::close(self).boxed()
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sqlite").finish_non_exhaustive()
    }
}
