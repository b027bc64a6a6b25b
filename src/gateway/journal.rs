//! Group commit: transitions become durable in the order in which they happened, and only then does the world see them.
//!
//! A commit starts at once when somebody waits for it and none is running; what arrives meanwhile makes the next batch. Records
//! for which nobody waits (a question whose answer is still to come) linger for a moment, so that question and answer share
//! one commit when the language engine is quick, and the answer never waits behind the question's own. While the store cannot be written the batch waits and is tried again; nothing is acknowledged and new work is refused.

use std::{
    mem,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::{
    LaneId,
    chain::{Chain, ChainKeys, Link},
    effects::After,
    numbers::{Numbers, count::Added},
    storage::{Batch, Claim, Closed, NumberKey, Pos, Record, Snapshot, Store, StoreError, StoreErrorKind, Unclear},
};
use crate::{
    clock::Clock,
    config::settings::Durability,
    core::ids::{ContactId, Timestamp},
    seal::SealError,
    telemetry::SPANS,
};

/// How long records wait for company while nothing waits for them.
const LINGER: Duration = Duration::from_millis(3);
/// `async` writes this often.
const ASYNC_EVERY: Duration = Duration::from_millis(50);
/// A store that failed is tried again after this, and then after longer.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(2);

pub(super) struct Journal {
    store: Arc<dyn Store>,
    durability: Durability,
    chain: ArcSwap<ChainKeys>,
    pub(super) numbers: Numbers,
    /// What waits for the next commit. Held for pushes only, never across an await; taken inside a shard's lock, so that a
    /// contact's records stand in the order of its transitions.
    next: Mutex<Next>,
    /// Somebody waits for the next commit.
    wake: Notify,
    /// There is something to write, and nobody waits for it.
    later: Notify,
    /// The last commit succeeded.
    writable: AtomicBool,
    backlog: AtomicU64,
}

struct Next {
    pos: Pos,
    batch: Batch,
    /// What the batch's records add to the numbers, not folded yet.
    added: Vec<(Pos, NumberKey, Added)>,
    after: Vec<After>,
    acks: Vec<(LaneId, u64)>,
    /// A commit is running, or what follows it is being carried out: what comes now must wait behind it.
    committing: bool,
    /// The running commit has something to carry out.
    carrying: bool,
    /// When the oldest record of the batch came.
    since: Option<Timestamp>,
}

/// One commit: what it writes, what it sets free, and the frames it acknowledges.
type Taken = (Batch, Vec<After>, Vec<(LaneId, u64)>);

/// Why the journal stopped for good.
#[derive(Debug)]
pub struct JournalStopped(pub StoreError);

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal")
            .field("store", &self.store)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl Journal {
    pub(super) fn new(store: Arc<dyn Store>, durability: Durability, chain: ChainKeys, claim: Claim) -> Self {
        let next = Next {
            pos: claim.next,
            batch: Batch::default(),
            added: Vec::new(),
            after: Vec::new(),
            acks: Vec::new(),
            committing: false,
            carrying: false,
            since: None,
        };
        Self {
            store,
            durability,
            chain: ArcSwap::from_pointee(chain),
            numbers: Numbers::new(claim.next),
            next: Mutex::new(next),
            wake: Notify::new(),
            later: Notify::new(),
            writable: AtomicBool::new(true),
            backlog: AtomicU64::new(0),
        }
    }

    /// Whether new work may be taken.
    pub(super) fn takes_work(&self, limit: usize) -> bool {
        self.writable.load(Ordering::Relaxed) && self.backlog() <= limit
    }

    /// Whether what has been carried out may be lost when the gateway is killed.
    pub(super) fn may_lose(&self) -> bool {
        self.durability == Durability::Async
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable.load(Ordering::Relaxed)
    }

    /// Records that wait for their commit.
    pub(super) fn backlog(&self) -> usize {
        usize::try_from(self.backlog.load(Ordering::Relaxed)).unwrap_or(usize::MAX)
    }

    /// How long the oldest waiting record has waited.
    pub(super) fn lag(&self, now: Timestamp) -> Duration {
        self.locked().since.map_or(Duration::ZERO, |since| now.since(since))
    }

    /// Appends a transition of one contact, sealed, with what it adds to the numbers, and hands on what is to happen once it
    /// is durable.
    pub(super) fn append(
        &self,
        contact: &ContactId,
        chain: &mut Chain,
        (at, body): (Timestamp, &[u8]),
        added: Option<(NumberKey, Added)>,
        after: &mut Vec<After>,
    ) -> Result<Vec<After>, SealError> {
        let body = chain.seal_record(body)?;
        let hash = self.chain.load().next(&chain.link.hash, at, &body);
        let mut next = self.locked();
        let pos = next.pos;
        next.pos = Pos(pos.0 + 1);
        next.batch.records.push(Record { pos, contact: contact.clone(), prev: chain.link.last, at, hash, body });
        // In the same commit, or the record could not be read.
        next.batch.keys.extend(chain.tell_key(contact, pos));
        next.added.extend(added.filter(|(_, it)| !it.counts.is_empty()).map(|(key, added)| (pos, key, added)));
        next.since.get_or_insert(at);
        chain.link = Link { last: pos, hash };
        self.backlog.fetch_add(1, Ordering::Relaxed);
        Ok(self.hand_on(next, after))
    }

    /// Hands on what needs no record of its own, behind everything before it.
    pub(super) fn follow(&self, after: &mut Vec<After>) -> Vec<After> {
        if after.is_empty() {
            return Vec::new();
        }
        let next = self.locked();
        if next.batch.is_empty() && next.after.is_empty() && !next.committing {
            return mem::take(after);
        }
        self.hand_on(next, after)
    }

    /// With `sync` the writer carries `after` out when the commit is done; with `async` the caller does so now, unless the
    /// store is in trouble.
    fn hand_on(&self, mut next: std::sync::MutexGuard<'_, Next>, after: &mut Vec<After>) -> Vec<After> {
        let now = match self.durability {
            Durability::Sync => false,
            Durability::Async => self.is_writable() && next.after.is_empty() && !next.carrying,
        };
        let carry_out_now = if now {
            mem::take(after)
        } else {
            next.after.append(after);
            Vec::new()
        };
        let awaited = !next.after.is_empty();
        drop(next);
        if awaited {
            self.wake.notify_one();
        } else {
            self.later.notify_one();
        }
        carry_out_now
    }

    /// Acknowledges an engine's frame once everything before is durable. Returns true when that is now.
    pub(super) fn ack(&self, lane: LaneId, frame: u64) -> bool {
        if self.durability == Durability::Async && self.is_writable() {
            return true;
        }
        let mut next = self.locked();
        if next.batch.is_empty() && next.after.is_empty() && !next.committing {
            return true;
        }
        match next.acks.iter_mut().find(|(it, _)| *it == lane) {
            Some((_, highest)) => *highest = frame,
            None => next.acks.push((lane, frame)),
        }
        drop(next);
        self.later.notify_one();
        false
    }

    pub(super) fn close(&self, closed: Closed) {
        self.locked().batch.closed.push(closed);
        self.wake.notify_one();
    }

    pub(super) fn snapshot(&self, snapshot: Snapshot) {
        self.locked().batch.snapshots.push(snapshot);
    }

    /// Keys of before the master key was changed, for [`Self::verify`].
    pub(super) fn keep_earlier(&self, earlier: &[(Pos, [u8; 32])]) {
        self.chain.rcu(|keys| ChainKeys::clone(keys).after(earlier));
    }

    /// As [`verify_chain`], with this journal's keys.
    pub(super) fn verify<'a>(&self, records: impl IntoIterator<Item = &'a Record>) -> Result<(), usize> {
        verify_chain(&self.chain.load(), records)
    }

    /// The position that the next record will have.
    pub(super) fn position(&self) -> Pos {
        self.locked().pos
    }

    pub(super) fn checkpoint(&self, at: Pos) {
        self.locked().batch.checkpoint = Some(at);
        self.wake.notify_one();
    }

    /// Runs until `stop`, and then until everything is written. `carry_out` gets what has become durable, in order, and what
    /// waited for it.
    pub(super) async fn run(
        &self,
        claim: Claim,
        clock: &Clock,
        stop: CancellationToken,
        mut carry_out: impl FnMut(&Batch, Vec<After>, Vec<(LaneId, u64)>, Duration),
    ) -> Result<(), JournalStopped> {
        loop {
            self.work(&stop).await;
            while let Some((mut batch, after, acks)) = self.take() {
                let began = clock.now();
                self.write(claim, &batch).await.map_err(JournalStopped)?;
                self.numbers.committed(&mut batch);
                carry_out(&batch, after, acks, clock.now().since(began));
                self.done(batch.records.len());
                if !stop.is_cancelled() && !self.is_awaited() {
                    break;
                }
            }
            if stop.is_cancelled() {
                self.flush_last(claim).await;
                return Ok(());
            }
        }
    }

    /// Leaves the next start nothing to count again. What has been committed is safe without it.
    async fn flush_last(&self, claim: Claim) {
        let Some(flush) = self.numbers.last_flush() else { return };
        let batch = Batch { flush: Some(flush), ..Batch::default() };
        if let Err(error) = self.store.commit(claim.epoch, &batch).await {
            tracing::warn!(%error, source = %error.source, "the last numbers are counted again at the next start");
        }
    }

    /// Waits until a batch should be written.
    async fn work(&self, stop: &CancellationToken) {
        tokio::select! {
            () = self.wake.notified() => {}
            () = async {
                self.later.notified().await;
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep(LINGER) => {}
                }
            } => {}
            () = stop.cancelled() => return,
        }
        if self.durability == Durability::Async {
            drop(timeout(ASYNC_EVERY, stop.cancelled()).await);
        }
    }

    /// Whether somebody waits for what has gathered.
    fn is_awaited(&self) -> bool {
        !self.locked().after.is_empty()
    }

    /// Nothing waits and nothing is being written.
    pub(super) fn is_idle(&self) -> bool {
        let next = self.locked();
        next.batch.is_empty() && next.after.is_empty() && next.acks.is_empty() && !next.committing
    }

    fn take(&self) -> Option<Taken> {
        let mut next = self.locked();
        if next.batch.is_empty() && next.after.is_empty() && next.acks.is_empty() {
            return None;
        }
        next.committing = true;
        next.carrying = !next.after.is_empty();
        let taken = (mem::take(&mut next.batch), mem::take(&mut next.after), mem::take(&mut next.acks));
        let added = mem::take(&mut next.added);
        drop(next);
        let (mut batch, after, acks) = taken;
        self.count(&mut batch, added);
        Some((batch, after, acks))
    }

    /// Folds what the batch adds to the numbers; with a checkpoint, what went before goes into the days' rows.
    fn count(&self, batch: &mut Batch, added: Vec<(Pos, NumberKey, Added)>) {
        for (pos, key, Added { counts, unclear }) in added {
            if unclear {
                let (unit, profile) = (key.unit.clone(), key.profile.clone());
                batch.tally.unclear.push(Unclear { pos, unit, profile });
            }
            batch.tally.add(key, &counts);
        }
        // After the records were taken: what their turns cost at an engine was counted before them.
        if !batch.records.is_empty() {
            batch.tally.add_all(self.numbers.take_loose());
        }
        if batch.checkpoint.is_some() {
            batch.flush = self.numbers.begin_flush();
        }
    }

    fn done(&self, records: usize) {
        let mut next = self.locked();
        next.committing = false;
        next.carrying = false;
        next.since = next.batch.records.first().map(|record| record.at);
        self.backlog.fetch_sub(u64::try_from(records).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Commits, however long it takes, unless it is hopeless.
    async fn write(&self, claim: Claim, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let mut pause = RETRY_FIRST;
        loop {
            let span = tracing::debug_span!(target: SPANS, "commit", records = batch.records.len());
            match self.store.commit(claim.epoch, batch).instrument(span).await {
                Ok(()) => {
                    self.set_writable(None);
                    return Ok(());
                }
                Err(error) => match error.kind {
                    StoreErrorKind::Unavailable | StoreErrorKind::Full => self.set_writable(Some(&error)),
                    StoreErrorKind::Fenced | StoreErrorKind::Corrupt => return Err(error),
                },
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MOST);
        }
    }

    /// Notes whether the store can be written, and says so when that changes.
    fn set_writable(&self, error: Option<&StoreError>) {
        let was = self.writable.swap(error.is_none(), Ordering::Relaxed);
        match error {
            Some(error) if was => {
                tracing::error!(error = %error.source, "the store cannot be written: new work is refused until it can");
            }
            None if !was => tracing::info!("the store can be written again"),
            Some(_) | None => {}
        }
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `records`, oldest first, are as they were written. `Err` names the first that is not.
///
/// # Errors
/// The index of the first record that does not follow from the one before it.
pub fn verify_chain<'a>(keys: &ChainKeys, records: impl IntoIterator<Item = &'a Record>) -> Result<(), usize> {
    let mut previous = Link::FIRST;
    for (index, record) in records.into_iter().enumerate() {
        let pruned_before = index == 0 && record.prev != Pos(0);
        let follows = record.prev == previous.last && record.hash == keys.of_record(&previous.hash, record);
        if !pruned_before && !follows {
            return Err(index);
        }
        previous = Link { last: record.pos, hash: record.hash };
    }
    Ok(())
}
