//! The store in memory with a disk's manners: a commit takes time, and a crash may come before it, or between it and its
//! answer.

use std::{
    fmt,
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio::time::sleep;
use usher::{
    core::ids::{ContactId, ProfileName, Timestamp, UnitName},
    store::{
        AuditLine, AuditOf, Batch, Change, ChangeError, Claim, Closed, ConnectorToken, Counts, Day, Document,
        DocumentKind, Ended, EndedOf, Erased, Erasure, Expected, Holdings, Life, Loaded, NumberKey, NumbersOf,
        OwnerEpoch, Pos, Record, Store, StoreError, TokensMove, Uncounted, memory::Memory,
    },
};

pub(crate) struct Disk {
    pub(crate) memory: Memory,
    takes: Duration,
    /// Held for one draw.
    rng: Mutex<StdRng>,
}

impl Disk {
    pub(crate) fn new(seed: u64, takes: Duration) -> Self {
        Self { memory: Memory::new(), takes, rng: Mutex::new(StdRng::seed_from_u64(seed)) }
    }

    async fn turns(&self) {
        let part = self.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0.0..=1.0);
        sleep(self.takes.mul_f64(part)).await;
    }
}

impl Store for Disk {
    fn claim<'a>(&'a self, owner: &'a str) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.memory.claim(owner)
    }

    fn load<'a>(&'a self, each: &'a mut (dyn FnMut(Loaded) + Send)) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.load(each)
    }

    fn commit<'a>(&'a self, epoch: OwnerEpoch, batch: &'a Batch) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.turns().await;
            let result = self.memory.commit(epoch, batch).await;
            self.turns().await;
            result
        })
    }

    fn records_after<'a>(
        &'a self,
        contact: &'a ContactId,
        after: Pos,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Record>, StoreError>> {
        self.memory.records_after(contact, after, limit)
    }

    fn trail(&self, at: Pos, after: Pos, limit: usize) -> BoxFuture<'_, Result<Vec<Record>, StoreError>> {
        self.memory.trail(at, after, limit)
    }

    fn ended<'a>(&'a self, of: &'a EndedOf, limit: usize) -> BoxFuture<'a, Result<Ended, StoreError>> {
        self.memory.ended(of, limit)
    }

    fn closed<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Option<Closed>, StoreError>> {
        self.memory.closed(contact)
    }

    fn uncounted(&self) -> BoxFuture<'_, Result<Uncounted, StoreError>> {
        self.memory.uncounted()
    }

    fn numbers<'a>(
        &'a self,
        of: &'a NumbersOf,
        each: &'a mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> BoxFuture<'a, Result<u64, StoreError>> {
        self.memory.numbers(of, each)
    }

    fn unclear<'a>(
        &'a self,
        unit: &'a UnitName,
        profile: &'a ProfileName,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Pos>, StoreError>> {
        self.memory.unclear(unit, profile, limit)
    }

    fn prune_numbers(&self, before: Day) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.memory.prune_numbers(before)
    }

    fn lives<'a>(&'a self, contact: &'a ContactId) -> BoxFuture<'a, Result<Vec<Life>, StoreError>> {
        self.memory.lives(contact)
    }

    fn erase<'a>(&'a self, contact: &'a ContactId, erased: &'a Erased) -> BoxFuture<'a, Result<Erasure, StoreError>> {
        self.memory.erase(contact, erased)
    }

    fn erased(&self) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.memory.erased()
    }

    fn prune(&self, before: Timestamp) -> BoxFuture<'_, Result<u64, StoreError>> {
        self.memory.prune(before)
    }

    fn put_secret<'a>(&'a self, name: &'a str, sealed: &'a [u8]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.put_secret(name, sealed)
    }

    fn secret<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, StoreError>> {
        self.memory.secret(name)
    }

    fn secret_names(&self) -> BoxFuture<'_, Result<Vec<String>, StoreError>> {
        self.memory.secret_names()
    }

    fn put_connector_token<'a>(
        &'a self,
        token: &'a ConnectorToken,
        grace: Timestamp,
        expected: Expected,
        line: Option<&'a AuditLine>,
    ) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.memory.put_connector_token(token, grace, expected, line)
    }

    fn connector_tokens(&self) -> BoxFuture<'_, Result<Vec<ConnectorToken>, StoreError>> {
        self.memory.connector_tokens()
    }

    fn documents(&self, kind: DocumentKind) -> BoxFuture<'_, Result<Vec<Document>, StoreError>> {
        self.memory.documents(kind)
    }

    fn document<'a>(
        &'a self,
        kind: DocumentKind,
        name: &'a str,
    ) -> BoxFuture<'a, Result<Option<Document>, StoreError>> {
        self.memory.document(kind, name)
    }

    fn change_and_move<'a>(
        &'a self,
        changes: &'a [Change],
        moves: &'a [TokensMove],
        line: &'a AuditLine,
    ) -> BoxFuture<'a, Result<Vec<u64>, ChangeError>> {
        self.memory.change_and_move(changes, moves, line)
    }

    fn audit<'a>(&'a self, of: &'a AuditOf, limit: usize) -> BoxFuture<'a, Result<Vec<(u64, AuditLine)>, StoreError>> {
        self.memory.audit(of, limit)
    }

    fn holdings(&self) -> BoxFuture<'_, Result<Holdings, StoreError>> {
        self.memory.holdings()
    }

    fn copy_to<'a>(&'a self, file: &'a Path) -> BoxFuture<'a, Result<(), StoreError>> {
        self.memory.copy_to(file)
    }
}

impl fmt::Debug for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Disk")
    }
}
