//! One suite for every store: what the gateway relies on, whichever backend is configured.

#![expect(clippy::unwrap_used, reason = "tests, and functions that only tests call")]

/// Each clause of the contract as a test of every store.
macro_rules! hold_for_every_store {
    ($($name:ident),* $(,)?) => {
        mod in_memory {$(
            #[tokio::test]
            async fn $name() { super::$name(&*crate::store::memory().store).await; }
        )*}
        mod in_sqlite {$(
            #[tokio::test]
            async fn $name() {
                let bench = crate::store::sqlite().await;
                super::$name(&*bench.store).await;
            }
        )*}
    };
}

mod agree;
mod conformance;
mod documents;
mod numbers;
mod past;
mod sqlite;

use std::sync::Arc;

use tempfile::TempDir;
use usher::{
    core::{
        ids::{ContactId, ContactName, EngineName, ProfileName, QueueId, Timestamp, UnitName, UserId},
        message::MediaType,
    },
    store::{
        AuditLine, AuditOf, Batch, Change, ChangeError, Claim, Closed, ConnectorToken, Counts, Day, Document,
        DocumentKind, EndedOf, Erased, Erasure, Expected, Flush, Life, LifeKey, Loaded, NumberKey, NumbersOf,
        OwnerEpoch, Past, Pos, Record, Snapshot, Store, Tally, Unclear, Uncounted, memory::Memory, sqlite::Sqlite,
    },
    telemetry::labels::EndKind,
};

/// A store and what must live as long as it.
struct Bench {
    store: Arc<dyn Store>,
    _dir: Option<TempDir>,
}

fn memory() -> Bench {
    Bench { store: Arc::new(Memory::new()), _dir: None }
}

async fn sqlite() -> Bench {
    let dir = tempfile::tempdir().unwrap();
    Bench { store: Arc::new(Sqlite::open(dir.path()).await.unwrap()), _dir: Some(dir) }
}

fn contact(name: &str) -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(name).unwrap() }
}

/// Its time is its position in seconds.
fn record(pos: u64, name: &str, prev: u64) -> Record {
    Record {
        pos: Pos(pos),
        contact: contact(name),
        prev: Pos(prev),
        at: at(pos),
        hash: [pos.to_le_bytes()[0]; 32],
        body: format!("{{\"record\":{pos}}}").into_bytes(),
    }
}

fn at(pos: u64) -> Timestamp {
    Timestamp(i64::try_from(pos).unwrap() * 1000)
}

fn snapshot(name: &str, last: u64) -> Snapshot {
    // Bytes that are neither text nor free of separators: the store must not care.
    let mut state = vec![0, 0x1f, 0xff, b'\'', 0x1e];
    state.extend_from_slice(format!("{name} at {last}").as_bytes());
    Snapshot { contact: contact(name), last: Pos(last), hash: [0x1f; 32], state }
}

fn closed(name: &str, last: u64) -> Closed {
    Closed { contact: contact(name), last: Pos(last), at: at(last), past: None }
}

fn journal(records: impl IntoIterator<Item = Record>) -> Batch {
    Batch { records: records.into_iter().collect(), ..Batch::default() }
}

async fn claim(store: &dyn Store) -> OwnerEpoch {
    store.claim("here").await.unwrap().epoch
}

async fn load(store: &dyn Store) -> Vec<Loaded> {
    let mut loaded = Vec::new();
    store.load(&mut |it| loaded.push(it)).await.unwrap();
    loaded
}

async fn positions(store: &dyn Store, name: &str, limit: usize) -> Vec<u64> {
    store.records(&contact(name), limit).await.unwrap().into_iter().map(|record| record.pos.0).collect()
}
