//! Whatever happens, the database and the simple store in memory tell the same.

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
        3 => (0..7_u8, 0..20_usize).prop_map(|(contact, limit)| Step::Records(contact, limit)),
    ]
}

/// What the gateway would know.
#[derive(Default)]
struct Caller {
    epoch: i64,
    next: u64,
    last: [u64; 7],
    /// By a snapshot or by its close.
    known: [u64; 7],
    checkpoint: u64,
}

fn name(contact: u8) -> String {
    format!("c{contact}")
}

impl Caller {
    fn last(&self, contact: u8) -> u64 {
        self.last[usize::from(contact)]
    }

    fn batch(&mut self, contacts: &[(u8, bool)], snap: &[u8], close: &[u8], checkpoint: Option<u8>) -> Batch {
        let mut batch = Batch::default();
        for (contact, anew) in contacts {
            let prev = if *anew { 0 } else { self.last(*contact) };
            // Time mostly goes on; sometimes the clock is set back a little.
            let jitter = if self.next.is_multiple_of(7) { 3 } else { 0 };
            batch
                .records
                .push(Record { at: at(self.next.saturating_sub(jitter)), ..record(self.next, &name(*contact), prev) });
            self.last[usize::from(*contact)] = self.next;
            self.next += 1;
        }
        let seen = |contact: &&u8| self.last(**contact) > 0;
        batch.snapshots = snap.iter().filter(seen).map(|it| snapshot(&name(*it), self.last(*it))).collect();
        batch.closed = close.iter().filter(seen).map(|it| closed(&name(*it), self.last(*it))).collect();
        for known in snap.iter().chain(close) {
            self.known[usize::from(*known)] = self.last(*known);
        }
        batch.checkpoint = checkpoint.map(|share| {
            // A contact's newest record is in the tail, or a snapshot or its close tells of it.
            let untold = self.last.iter().zip(self.known).filter(|(last, known)| *last > known);
            let limit = untold.map(|(last, _)| *last).min().unwrap_or(self.next);
            self.checkpoint += (limit - self.checkpoint) * u64::from(share) / 255;
            Pos(self.checkpoint)
        });
        batch
    }
}

async fn agree(steps: &[Step]) {
    let (memory, sqlite) = (memory().store, sqlite().await);
    let sqlite = &sqlite.store;
    let mut caller = Caller { next: 1, ..Caller::default() };
    caller.epoch = claim(&*memory).await.0;
    assert_eq!(claim(&**sqlite).await.0, caller.epoch);
    for step in steps {
        match step {
            Step::Commit { contacts, snap, close, checkpoint, repeat } => {
                let batch = caller.batch(contacts, snap, close, *checkpoint);
                for _ in 0..=usize::from(*repeat) {
                    memory.commit(OwnerEpoch(caller.epoch), &batch).await.unwrap();
                    sqlite.commit(OwnerEpoch(caller.epoch), &batch).await.unwrap();
                }
            }
            Step::Claim => {
                let claimed = memory.claim("a").await.unwrap();
                assert_eq!(sqlite.claim("a").await.unwrap(), claimed);
                assert_eq!(claimed.next, Pos(caller.next));
                caller.epoch = claimed.epoch.0;
            }
            Step::Stale => {
                let batch = journal([record(caller.next, "c0", 0)]);
                for store in [&memory, sqlite] {
                    let error = store.commit(OwnerEpoch(caller.epoch - 1), &batch).await.unwrap_err();
                    assert_eq!(error.kind, StoreErrorKind::Fenced);
                }
            }
            Step::Prune(share) => {
                let before = at(caller.next * u64::from(*share) / 255);
                assert_eq!(sqlite.prune(before).await.unwrap(), memory.prune(before).await.unwrap(), "{before:?}");
            }
            Step::Records(contact, limit) => {
                let contact = super::contact(&name(*contact));
                let expected = memory.records(&contact, *limit).await.unwrap();
                assert_eq!(sqlite.records(&contact, *limit).await.unwrap(), expected);
            }
        }
    }
    assert_eq!(told(&**sqlite).await, told(&*memory).await);
}

/// What is loaded; snapshots and closed contacts come in any order.
async fn told(store: &dyn Store) -> Vec<Loaded> {
    let mut loaded = load(store).await;
    loaded.sort_by_key(|it| match it {
        Loaded::Snapshot(snapshot) => (0, Pos(0), snapshot.contact.to_string()),
        Loaded::Record(record) => (1, record.pos, String::new()),
        Loaded::Closed(contact) => (2, Pos(0), contact.to_string()),
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
