//! What needs a hand on the connections: a disk that fills up, a call that is given up half-way, the log's growth.

use futures::FutureExt;
use tempfile::TempDir;

use super::*;
use crate::{
    core::ids::{ContactName, UnitName},
    store::{Closed, Pos, Snapshot, StoreErrorKind},
};

async fn open() -> (Sqlite, OwnerEpoch, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = store.claim("here").await.unwrap().epoch;
    (store, epoch, dir)
}

fn contact() -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("ann").unwrap() }
}

fn batch(pos: u64, bytes: usize) -> Batch {
    let body = vec![b'x'; bytes];
    let prev = Pos(pos - 1);
    let record = Record { pos: Pos(pos), contact: contact(), prev, at: Timestamp(0), hash: [0; 32], body };
    Batch { records: vec![record], ..Batch::default() }
}

fn with_snapshot(batch: Batch) -> Batch {
    let last = batch.records[0].pos;
    Batch { snapshots: vec![Snapshot { contact: contact(), last, hash: [0; 32], state: b"{}".to_vec() }], ..batch }
}

async fn journal_length(store: &Sqlite) -> usize {
    store.records(&contact(), usize::MAX).await.unwrap().len()
}

/// The writer's connection must not let the file grow; a new connection knows nothing of it, as when space was made.
async fn fill_the_disk(store: &Sqlite) {
    let mut lease = store.shared.writer.lease().await.unwrap();
    sqlx::raw_sql("PRAGMA max_page_count = 1").execute(&mut lease.open.conn).await.unwrap();
    lease.settle(Ok(())).unwrap();
}

#[tokio::test]
async fn a_full_disk_refuses_whole_commits_and_passes_without_a_restart() {
    let (store, epoch, _dir) = open().await;
    store.commit(epoch, &batch(1, 300)).await.unwrap();
    for large in [batch(2, 1_000_000), with_snapshot(batch(2, 1_000_000))] {
        fill_the_disk(&store).await;
        let error = store.commit(epoch, &large).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Full);
        assert_eq!(journal_length(&store).await, 1);
    }
    store.commit(epoch, &batch(2, 1_000_000)).await.unwrap();
    store.commit(epoch, &batch(3, 300)).await.unwrap();
    assert_eq!(journal_length(&store).await, 3);
}

#[tokio::test]
async fn a_commit_given_up_at_any_moment_can_be_repeated() {
    let (store, epoch, _dir) = open().await;
    for pos in 1..=40 {
        let batch = if pos % 2 == 0 { batch(pos, 300) } else { with_snapshot(batch(pos, 300)) };
        {
            let mut commit = store.commit(epoch, &batch);
            for _ in 0..pos / 4 {
                if (&mut commit).now_or_never().is_some() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        store.commit(epoch, &batch).await.unwrap();
    }
    assert_eq!(journal_length(&store).await, 40);
}

#[tokio::test]
async fn a_held_write_lock_is_unavailable_and_passes() {
    let (store, epoch, dir) = open().await;
    let other = Sqlite::open(dir.path()).await.unwrap();
    let mut lease = other.shared.writer.lease().await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut lease.open.conn).await.unwrap();
    assert_eq!(store.commit(epoch, &batch(1, 300)).await.unwrap_err().kind, StoreErrorKind::Unavailable);
    sqlx::raw_sql("ROLLBACK").execute(&mut lease.open.conn).await.unwrap();
    store.commit(epoch, &batch(1, 300)).await.unwrap();
}

#[tokio::test]
async fn the_log_starts_anew_however_busily_is_written() {
    let (store, epoch, dir) = open().await;
    let mut largest = 0;
    // Four times what the log may hold.
    for pos in 1..=640 {
        store.commit(epoch, &batch(pos, 200_000)).await.unwrap();
        largest = largest.max(std::fs::metadata(dir.path().join("usher.db-wal")).unwrap().len());
    }
    assert!(largest < 100 << 20, "the log has grown to {largest} bytes");
    assert_eq!(journal_length(&store).await, 640);
}

#[tokio::test]
async fn pruning_leaves_no_rows_behind_however_many() {
    let (store, epoch, _dir) = open().await;
    for pos in 1..=200 {
        let name = ContactName::new(&format!("c{pos}")).unwrap();
        let closed = Closed { contact: ContactId { name, ..contact() }, last: Pos(pos), at: Timestamp(0), past: None };
        store.commit(epoch, &Batch { closed: vec![closed], ..batch(pos, 10) }).await.unwrap();
    }
    store.commit(epoch, &Batch { checkpoint: Some(Pos(201)), ..Batch::default() }).await.unwrap();
    assert_eq!(store.prune(Timestamp(1)).await.unwrap(), 200);
    let mut lease = store.shared.reader.lease().await.unwrap();
    let left = "SELECT (SELECT count(*) FROM journal), (SELECT count(*) FROM closed)";
    let left: (i64, i64) = sqlx::query_as(left).fetch_one(&mut lease.open).await.unwrap();
    assert_eq!(left, (1, 0), "of the journal the last row alone, of the closed contacts none");
}
