//! Whatever happens, the database and the simple store in memory tell the same.

use std::collections::HashMap;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use usher::store::StoreErrorKind;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// A record of each of these contacts, some as the first of a new life; the checkpoint moves up by a share of the way.
    Commit {
        contacts: Vec<(u8, bool)>,
        snap: Vec<u8>,
        close: Vec<u8>,
        checkpoint: Option<u8>,
        repeat: bool,
    },
    Claim,
    /// A commit under the epoch before the last.
    Stale,
    Prune(u8),
    Erase(u8),
    Records(u8, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let few = || prop::collection::vec(0..6_u8, 0..3);
    let commit = (prop::collection::vec((0..6_u8, prop::bool::weighted(0.2)), 0..12), few(), few());
    prop_oneof![
        8 => (commit, prop::option::weighted(0.3, any::<u8>()), prop::bool::weighted(0.1)).prop_map(
            |((contacts, snap, close), checkpoint, repeat)| Step::Commit { contacts, snap, close, checkpoint, repeat }
        ),
        1 => Just(Step::Claim),
        1 => Just(Step::Stale),
        1 => any::<u8>().prop_map(Step::Prune),
        1 => (0..7_u8).prop_map(Step::Erase),
        3 => (0..7_u8, 0..20_usize).prop_map(|(contact, limit)| Step::Records(contact, limit)),
    ]
}

/// What the gateway would know.
#[derive(Default)]
struct Caller {
    epoch: i64,
    next: u64,
    last: HashMap<u8, u64>,
    /// By a snapshot or by its close.
    known: HashMap<u8, u64>,
    checkpoint: u64,
}

fn name(contact: u8) -> String {
    format!("c{contact}")
}

impl Caller {
    fn last(&self, contact: u8) -> u64 {
        self.last.get(&contact).copied().unwrap_or_default()
    }

    fn batch(&mut self, contacts: &[(u8, bool)], snap: &[u8], close: &[u8], checkpoint: Option<u8>) -> Batch {
        let mut batch = Batch::default();
        for (contact, anew) in contacts {
            let prev = if *anew { 0 } else { self.last(*contact) };
            if prev == 0 {
                let sealed = self.next.to_le_bytes().to_vec();
                batch.keys.push(LifeKey { contact: super::contact(&name(*contact)), born: Pos(self.next), sealed });
            }
            // Time mostly goes on; sometimes the clock is set back a little.
            let jitter = if self.next.is_multiple_of(7) { 3 } else { 0 };
            batch
                .records
                .push(Record { at: at(self.next.saturating_sub(jitter)), ..record(self.next, &name(*contact), prev) });
            self.last.insert(*contact, self.next);
            self.next += 1;
        }
        let seen = |contact: &&u8| self.last(**contact) > 0;
        batch.snapshots = snap.iter().filter(seen).map(|it| snapshot(&name(*it), self.last(*it))).collect();
        batch.closed = close.iter().filter(seen).map(|it| closed(&name(*it), self.last(*it))).collect();
        for known in snap.iter().chain(close) {
            self.known.insert(*known, self.last(*known));
        }
        // A name that is used again begins a new life.
        self.last.retain(|it, _| !close.contains(it));
        batch.checkpoint = checkpoint.map(|share| {
            // A contact's newest record is in the tail, or a snapshot or its close tells of it.
            let untold = self.last.iter().filter(|(contact, last)| self.known.get(contact) < Some(last));
            let limit = untold.map(|(_, last)| *last).min().unwrap_or(self.next);
            self.checkpoint += (limit - self.checkpoint) * u64::from(share) / 255;
            Pos(self.checkpoint)
        });
        batch
    }
}

struct Both {
    memory: Bench,
    sqlite: Bench,
    caller: Caller,
}

impl Both {
    async fn new() -> Self {
        let mut both =
            Self { memory: memory(), sqlite: sqlite().await, caller: Caller { next: 1, ..Caller::default() } };
        both.claim().await;
        both
    }

    fn stores(&self) -> [&dyn Store; 2] {
        [&*self.memory.store, &*self.sqlite.store]
    }

    async fn take(&mut self, step: &Step) {
        match step {
            Step::Commit { contacts, snap, close, checkpoint, repeat } => {
                let batch = self.caller.batch(contacts, snap, close, *checkpoint);
                for _ in 0..=usize::from(*repeat) {
                    self.commit(&batch).await;
                }
            }
            Step::Claim => self.claim().await,
            Step::Stale => self.commit_stale().await,
            Step::Prune(share) => {
                let before = at(self.caller.next * u64::from(*share) / 255);
                let [memory, sqlite] = self.stores();
                let expected = memory.prune(before).await.expect("memory prunes");
                assert_eq!(sqlite.prune(before).await.expect("SQLite prunes"), expected, "{before:?}");
            }
            Step::Erase(contact) => {
                let contact = super::contact(&name(*contact));
                let erased = Erased { at: at(self.caller.next), by: "a test".to_owned() };
                let [memory, sqlite] = self.stores();
                let expected = memory.erase(&contact, &erased).await.expect("memory erases");
                assert_eq!(sqlite.erase(&contact, &erased).await.expect("SQLite erases"), expected);
            }
            Step::Records(contact, limit) => {
                let contact = super::contact(&name(*contact));
                let [memory, sqlite] = self.stores();
                let expected = memory.records(&contact, *limit).await.expect("memory reads");
                assert_eq!(sqlite.records(&contact, *limit).await.expect("SQLite reads"), expected);
                let expected = memory.lives(&contact).await.expect("memory knows");
                assert_eq!(sqlite.lives(&contact).await.expect("SQLite knows"), expected);
                self.know_the_same_past(&contact, (*limit).max(1)).await;
            }
        }
    }

    async fn know_the_same_past(&self, contact: &ContactId, limit: usize) {
        let [memory, sqlite] = self.stores();
        let expected = memory.closed(contact).await.expect("memory knows");
        assert_eq!(sqlite.closed(contact).await.expect("SQLite knows"), expected);
        let of = EndedOf { before: Some(Pos(self.caller.next / 2)), ..EndedOf::default() };
        for of in [EndedOf::default(), of] {
            let expected = memory.ended(&of, limit).await.expect("memory finds");
            assert_eq!(sqlite.ended(&of, limit).await.expect("SQLite finds"), expected);
        }
    }

    async fn commit(&self, batch: &Batch) {
        for store in self.stores() {
            store.commit(OwnerEpoch(self.caller.epoch), batch).await.expect("a commit that continues");
        }
    }

    async fn claim(&mut self) {
        let [memory, sqlite] = self.stores();
        let claimed = memory.claim("a").await.expect("memory is claimed");
        assert_eq!(sqlite.claim("a").await.expect("SQLite is claimed"), claimed);
        assert_eq!(claimed.next, Pos(self.caller.next));
        self.caller.epoch = claimed.epoch.0;
    }

    async fn commit_stale(&self) {
        let batch = journal([record(self.caller.next, "c0", 0)]);
        for store in self.stores() {
            let error = store.commit(OwnerEpoch(self.caller.epoch - 1), &batch).await.expect_err("a stale epoch");
            assert_eq!(error.kind, StoreErrorKind::Fenced);
        }
    }
}

async fn agree(steps: &[Step]) {
    let mut both = Both::new().await;
    for step in steps {
        both.take(step).await;
    }
    let [memory, sqlite] = both.stores();
    assert_eq!(told(sqlite).await, told(memory).await);
    assert_eq!(sqlite.erased().await.unwrap(), memory.erased().await.unwrap());
}

/// What is loaded; snapshots and closed contacts come in any order.
async fn told(store: &dyn Store) -> Vec<Loaded> {
    let mut loaded = load(store).await;
    loaded.sort_by_key(|it| match it {
        Loaded::Key(key) => (0, key.born, String::new()),
        Loaded::Snapshot(snapshot) => (1, Pos(0), snapshot.contact.to_string()),
        Loaded::Record(record) => (2, record.pos, String::new()),
        Loaded::Closed(contact) => (3, Pos(0), contact.to_string()),
        Loaded::Restored(pos) => (4, *pos, String::new()),
    });
    loaded
}

#[test]
fn both_stores_tell_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(Config { cases: 48, failure_persistence: None, ..Config::default() });
    let steps = prop::collection::vec(step(), 1..40);
    runner
        .run(&steps, |steps| {
            runtime.block_on(agree(&steps));
            Ok(())
        })
        .unwrap();
}
