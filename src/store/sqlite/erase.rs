//! Destroying contacts' keys so that no trace of them stays in the files.
//!
//! A page of the database must not keep an old copy of a key, so keys never move: rows of `life_key` come in ascending order,
//! each behind all others, and are overwritten where they stand. Rows are taken out only where at least [`GUARD`] overwritten
//! ones follow, so that no page with a key is rebalanced. (The table's first page hands its rows down when it becomes the
//! root; `secure_delete` clears it then.) The write-ahead log is moved into the file and cut to nothing.

use std::time::Duration;

use sqlx::{Connection, Row, SqliteConnection};

use super::{Shared, write::Writer};
use crate::{
    core::ids::{ContactId, Timestamp},
    store::{Erased, Erasure, StoreError, StoreErrorKind},
};

/// Overwritten rows that stay before the first key. A page holds some 40; a page is rebalanced with its neighbours.
const GUARD: i64 = 400;

/// Rows of one statement, so that commits get their turn in between.
const AT_ONCE: i64 = 256;

/// How often, and after what pauses, it is tried to cut the log while others read or write.
const CUTS: u32 = 40;
const PAUSE: Duration = Duration::from_millis(250);

impl Shared {
    pub(super) async fn erase(&self, contact: &ContactId, erased: &Erased) -> Result<Erasure, StoreError> {
        let mut lease = self.writer.lease().await?;
        let result = erase(&mut lease.open, contact, erased).await;
        let erasure = lease.settle(result)?;
        match erasure {
            // Before, too: the log may not have been cut then.
            Erasure::Done | Erasure::Before(_) => self.cut_log().await?,
            Erasure::Unknown | Erasure::Open => {}
        }
        Ok(erasure)
    }

    /// Moves all of the log into the file and leaves nothing of it.
    async fn cut_log(&self) -> Result<(), StoreError> {
        for _ in 0..CUTS {
            let mut lease = self.checkpointer.lease().await?;
            let result = cut_log(&mut lease.open).await;
            if lease.settle(result)? {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        let why = "the key is destroyed, but the write-ahead log with an old copy of it is in use and cannot be cut";
        Err(StoreError::new(StoreErrorKind::Unavailable, why))
    }

    /// Keys of contacts that are pruned.
    pub(super) async fn prune_keys(&self, to: i64, before: Timestamp) -> Result<(), StoreError> {
        const DESTROY: &str = "UPDATE life_key SET sealed = zeroblob(length(sealed)) WHERE born IN
             (SELECT born FROM life WHERE last < ?1 AND at < ?3 ORDER BY last LIMIT ?2)";
        const FORGET: &str = "DELETE FROM life WHERE born IN
             (SELECT born FROM life WHERE last < ?1 AND at < ?3 ORDER BY last LIMIT ?2)";
        // The same ones: what is closed later comes behind them.
        while self.change(DESTROY, &[to, AT_ONCE, before.0]).await? > 0 {
            self.change(FORGET, &[to, AT_ONCE, before.0]).await?;
        }
        const REMOVE: &str = "DELETE FROM life_key WHERE born IN (SELECT born FROM life_key WHERE born <
             (SELECT born FROM life_key WHERE born < (SELECT coalesce(min(born), ?2) FROM life)
              ORDER BY born DESC LIMIT 1 OFFSET ?3) ORDER BY born LIMIT ?1)";
        while self.change(REMOVE, &[AT_ONCE, i64::MAX, GUARD]).await? > 0 {}
        Ok(())
    }
}

async fn erase(writer: &mut Writer, contact: &ContactId, erased: &Erased) -> Result<Erasure, StoreError> {
    let mut transaction = writer.conn.begin_with("BEGIN IMMEDIATE").await?;
    let rows = sqlx::query(
        "SELECT last IS NULL, erased_at, erased_by FROM life WHERE unit = ? AND contact = ? ORDER BY born DESC",
    )
    .bind(contact.unit.as_str())
    .bind(contact.name.as_str())
    .fetch_all(&mut *transaction)
    .await?;
    let Some(newest) = rows.first() else { return Ok(Erasure::Unknown) };
    if newest.try_get(0)? {
        return Ok(Erasure::Open);
    }
    let mut is_left = false;
    for row in &rows {
        is_left |= row.try_get::<Option<i64>, _>(1)?.is_none();
    }
    if !is_left {
        let at = Timestamp(newest.try_get(1)?);
        return Ok(Erasure::Before(Erased { at, by: newest.try_get(2)? }));
    }
    // As long as before, so that it is written over where it stands.
    sqlx::query(
        "UPDATE life_key SET sealed = zeroblob(length(sealed)) WHERE born IN
         (SELECT born FROM life WHERE unit = ? AND contact = ?)",
    )
    .bind(contact.unit.as_str())
    .bind(contact.name.as_str())
    .execute(&mut *transaction)
    .await?;
    sqlx::query("UPDATE life SET erased_at = ?, erased_by = ? WHERE unit = ? AND contact = ? AND erased_at IS NULL")
        .bind(erased.at.0)
        .bind(&erased.by)
        .bind(contact.unit.as_str())
        .bind(contact.name.as_str())
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Erasure::Done)
}

/// Says whether it is done: nobody was in the way.
async fn cut_log(conn: &mut SqliteConnection) -> Result<bool, StoreError> {
    // First what hinders nobody, so that the rest is short.
    sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").fetch_one(&mut *conn).await?;
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(conn).await?;
    Ok(row.try_get::<i64, _>(0)? == 0)
}
