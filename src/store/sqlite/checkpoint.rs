//! Moves pages from the write-ahead log into the database file, apart from the commit path.
//!
//! A passive checkpoint never makes a commit wait, but while commits never pause it never reaches the log's end either, and
//! the log only starts anew from its beginning once all of it has been moved. So when the log has grown long, the writer is
//! held back for the little that the passive checkpoint has left over.

use std::sync::{Arc, atomic::Ordering};

use sqlx::{Row, SqliteConnection};
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::store::StoreError;

/// How much is written between checkpoints: pages that are written again and again, like the journal's last, are moved
/// once.
pub(super) const AFTER_BYTES: u64 = 8 * 1024 * 1024;

/// A log of this many pages is long: 32 MiB. It is read once after a crash.
const LONG_PAGES: i64 = 8 * 1024;

/// So much may be left over for the time in which the writer waits; how often it is tried to get there first.
const LITTLE_BYTES: u64 = 1024 * 1024;
const CATCHING_UP: u32 = 4;

/// Until `stop`. A failure is logged and tried again when as much has been written once more; commits do not depend on it.
pub(super) async fn run(shared: Arc<Shared>, stop: CancellationToken) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = shared.checkpoint_due.notified() => {}
        }
        shared.wal_bytes.store(0, Ordering::Relaxed);
        if let Err(error) = checkpoint(&shared).await {
            let reason = &error.source;
            tracing::warn!(%error, %reason, "checkpoint failed; the write-ahead log keeps growing");
        }
    }
}

async fn checkpoint(shared: &Shared) -> Result<(), StoreError> {
    let mut lease = shared.checkpointer.lease().await?;
    let conn = &mut lease.open;
    let result = async {
        // What is committed meanwhile is not counted, so all of it having been moved would say nothing.
        let pages = passive(conn).await?;
        if pages >= LONG_PAGES {
            for _ in 0..CATCHING_UP {
                if shared.wal_bytes.swap(0, Ordering::Relaxed) < LITTLE_BYTES {
                    break;
                }
                passive(conn).await?;
            }
            let pause = shared.writer.pause().await;
            passive(conn).await?;
            drop(pause);
        }
        Ok(())
    };
    let result = result.await;
    lease.settle(result)
}

/// Says how long the log was when it began.
async fn passive(conn: &mut SqliteConnection) -> Result<i64, StoreError> {
    let row = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(conn).await?;
    Ok(row.try_get(1)?)
}
