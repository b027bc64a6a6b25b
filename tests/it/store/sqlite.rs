//! What concerns the file itself: who may read it, what is refused, two gateways on one file, a restart.

use std::os::unix::fs::PermissionsExt;

use usher::store::{
    StoreError, StoreErrorKind,
    sqlite::{Destroyed, Loose},
};

use super::*;

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn reason(error: &StoreError) -> String {
    error.source.to_string()
}

#[tokio::test]
async fn only_the_owner_may_read_directory_and_files() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("var/usher");
    let store = Sqlite::open(&dir).await.unwrap();
    let epoch = claim(&store).await;
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    assert_eq!(mode(&dir), 0o700);
    let names: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(names.len(), 3, "database, log and shared memory: {names:?}");
    for name in names {
        assert_eq!(mode(&name), 0o600, "{}", name.display());
    }
}

#[tokio::test]
async fn a_restart_finds_everything_and_a_closed_store_is_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    let batch = Batch { snapshots: vec![snapshot("ann", 1)], ..journal([record(1, "ann", 0), record(2, "ann", 1)]) };
    store.commit(epoch, &batch).await.unwrap();
    store.put_secret("key", b"sealed").await.unwrap();
    store.close().await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);

    let store = Sqlite::open(dir.path()).await.unwrap();
    assert_eq!(store.claim("again").await.unwrap(), Claim { epoch: OwnerEpoch(epoch.0 + 1), next: Pos(3) });
    assert_eq!(positions(&store, "ann", 9).await, [1, 2]);
    assert_eq!(load(&store).await.len(), 3);
    assert_eq!(store.secret("key").await.unwrap().as_deref(), Some(&b"sealed"[..]));
}

#[tokio::test]
async fn the_gateway_that_claims_last_writes_and_the_other_is_fenced() {
    let dir = tempfile::tempdir().unwrap();
    let (old, new) = (Sqlite::open(dir.path()).await.unwrap(), Sqlite::open(dir.path()).await.unwrap());
    let old_epoch = claim(&old).await;
    old.commit(old_epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    let taken = new.claim("new").await.unwrap();
    assert_eq!(taken.next, Pos(2));

    let with_snapshot = Batch { snapshots: vec![snapshot("ann", 2)], ..journal([record(2, "ann", 1)]) };
    for batch in [journal([record(2, "ann", 1)]), with_snapshot] {
        assert_eq!(old.commit(old_epoch, &batch).await.unwrap_err().kind, StoreErrorKind::Fenced);
    }
    new.commit(taken.epoch, &journal([record(2, "bob", 0)])).await.unwrap();
    assert_eq!(old.commit(old_epoch, &journal([record(3, "ann", 1)])).await.unwrap_err().kind, StoreErrorKind::Fenced);
    // It may still read, and sees what the other wrote.
    assert_eq!(positions(&old, "bob", 9).await, [2]);
    assert_eq!(load(&new).await.len(), 2);

    let back = old.claim("old").await.unwrap();
    assert_eq!((back.next, back.epoch > taken.epoch), (Pos(3), true));
    assert_eq!(new.commit(taken.epoch, &Batch::default()).await.unwrap_err().kind, StoreErrorKind::Fenced);
}

#[tokio::test]
async fn two_gateways_may_create_the_same_store_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = futures::future::join(Sqlite::open(dir.path()), Sqlite::open(dir.path())).await;
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_ne!(claim(&one).await, claim(&two).await);
}

#[tokio::test]
async fn a_look_beside_the_gateway_creates_nothing_and_claims_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = Sqlite::open_existing(dir.path()).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
    assert!(reason(&error).starts_with("there is no store in "), "{}", reason(&error));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    let beside = Sqlite::open_existing(dir.path()).await.unwrap();
    assert_eq!(positions(&beside, "ann", 9).await, [1]);
    store.commit(epoch, &journal([record(2, "ann", 1)])).await.unwrap();
    assert_eq!(positions(&beside, "ann", 9).await, [1, 2]);

    beside.close().await.unwrap();
    store.close().await.unwrap();
    change_by_hand(&dir, "PRAGMA user_version = 0").await;
    assert_eq!(Sqlite::open_existing(dir.path()).await.unwrap_err().kind, StoreErrorKind::Unavailable);
}

async fn refused(dir: &TempDir) -> StoreError {
    Sqlite::open(dir.path()).await.unwrap_err()
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("usher.db"), "minutes of the meeting ".repeat(100)).unwrap();
    assert_eq!(refused(&dir).await.kind, StoreErrorKind::Corrupt);
}

async fn change_by_hand(dir: &TempDir, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(dir.path().join("usher.db"));
    let mut conn = options.create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

#[tokio::test]
async fn a_database_of_another_program_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    change_by_hand(&dir, "CREATE TABLE recipes (name)").await;
    let before = std::fs::read(dir.path().join("usher.db")).unwrap();
    let error = refused(&dir).await;
    assert_eq!(
        (error.kind, reason(&error)),
        (StoreErrorKind::Corrupt, "usher.db is a database of another program".into())
    );
    assert_eq!(std::fs::read(dir.path().join("usher.db")).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_by_number() {
    let dir = tempfile::tempdir().unwrap();
    Sqlite::open(dir.path()).await.unwrap().close().await.unwrap();
    change_by_hand(&dir, "PRAGMA user_version = 99").await;
    let error = refused(&dir).await;
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert!(reason(&error).starts_with("usher.db has schema 99, but"), "{}", reason(&error));
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_unavailable() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("file"), "").unwrap();
    let error = Sqlite::open(&dir.path().join("file/store")).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn a_damaged_block_is_corrupt_not_a_wrong_timeline() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    store.close().await.unwrap();
    change_by_hand(&dir, "UPDATE journal SET block = substr(block, 1, length(block) - 1)").await;
    let store = Sqlite::open(dir.path()).await.unwrap();
    assert_eq!(store.records(&contact("ann"), 9).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    assert_eq!(store.load(&mut |_| {}).await.unwrap_err().kind, StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn b4_contacts_are_found_by_when_they_began() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    let other =
        Record { contact: ContactId { unit: UnitName::new("care").unwrap(), ..contact("eve") }, ..record(3, "eve", 0) };
    store.commit(epoch, &journal([record(1, "ann", 0), record(2, "bob", 0), other])).await.unwrap();
    // Used again.
    store.commit(epoch, &journal([record(4, "bob", 2), record(5, "cid", 0), record(6, "ann", 0)])).await.unwrap();
    let unit = UnitName::new("sales").unwrap();
    let begun = async |since, limit| {
        let found = store.begun(&unit, at(since), limit).await.unwrap();
        found.iter().map(|it| it.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(begun(0, 9).await, ["bob", "cid", "ann"]);
    assert_eq!(begun(0, 2).await, ["cid", "ann"]);
    assert_eq!(begun(3, 9).await, ["cid", "ann"]);
    assert_eq!(begun(6, 9).await, ["ann"]);
    assert_eq!(begun(7, 9).await, Vec::<String>::new());
    assert_eq!(begun(0, 0).await, Vec::<String>::new());
}

/// Every byte of the store's files.
fn bytes(dir: &TempDir) -> Vec<u8> {
    let files = std::fs::read_dir(dir.path()).unwrap();
    files.flat_map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}

/// Not of any pattern that could be found elsewhere.
fn random_key(pos: u64) -> LifeKey {
    let mut state = pos.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    LifeKey { contact: contact(&format!("c{pos}")), born: Pos(pos), sealed: (0..81).map(|_| byte()).collect() }
}

#[tokio::test]
async fn b10_a_destroyed_key_is_nowhere_in_the_files_however_pages_were_split_and_pruned() {
    const ALL: u64 = 3000;
    let dir = tempfile::tempdir().unwrap();
    let (store, beside) = (Sqlite::open(dir.path()).await.unwrap(), Sqlite::open(dir.path()).await.unwrap());
    let epoch = claim(&store).await;
    let mut pos = 1;
    while pos <= ALL {
        // Commits of many sizes; contacts are closed out of order.
        let some: Vec<u64> = (pos..=ALL.min(pos + pos % 37)).collect();
        pos += some.len() as u64;
        let mut batch = journal(some.iter().map(|it| record(*it, &format!("c{it}"), 0)));
        batch.keys = some.iter().map(|it| random_key(*it)).collect();
        batch.closed = some.iter().rev().filter(|it| **it > 1200).map(|it| closed(&format!("c{it}"), *it)).collect();
        store.commit(epoch, &batch).await.unwrap();
    }
    let late = (1..=1200).rev().map(|it| closed(&format!("c{it}"), it)).collect();
    store.commit(epoch, &Batch { closed: late, checkpoint: Some(Pos(ALL)), ..Batch::default() }).await.unwrap();
    // The oldest ones go, and what is left of them is taken out.
    assert_eq!(store.prune(at(1500)).await.unwrap(), 1499);
    let erased = Erased { at: at(ALL), by: "a test".to_owned() };
    let wanted: Vec<u64> = (1500..=ALL).step_by(7).collect();
    for pos in &wanted {
        // By another process, while the gateway goes on.
        let name = contact(&format!("c{pos}"));
        assert_eq!(beside.erase(&name, &erased).await.unwrap(), Erasure::Done);
    }
    let check = |what: &str| {
        let kept = bytes(&dir);
        let has = |pos: u64| {
            let sealed = random_key(pos).sealed;
            // A part would be too much.
            kept.windows(16).any(|it| it == &sealed[32..48])
        };
        // One by one is slow: sixteen of each kind.
        let gone: Vec<_> =
            (1..1500).step_by(97).chain(wanted.iter().copied().step_by(14)).filter(|it| has(*it)).collect();
        assert_eq!(gone, [0_u64; 0], "{what}: destroyed, and still there");
        assert!((1501..ALL).step_by(301).filter(|it| !wanted.contains(it)).all(has), "{what}: the others are kept");
    };
    check("while both are open");
    assert_eq!(std::fs::metadata(dir.path().join("usher.db-wal")).unwrap().len(), 0);
    beside.close().await.unwrap();
    store.close().await.unwrap();
    check("when both are closed");
}

#[tokio::test]
async fn b10_a_store_of_the_version_before_keys_is_brought_up_to_date_and_read() {
    let dir = tempfile::tempdir().unwrap();
    change_by_hand(&dir, include_str!("../../../src/store/migrations/0001_start.sql")).await;
    change_by_hand(&dir, "PRAGMA application_id = 0x55736872; PRAGMA user_version = 1").await;
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    assert_eq!((positions(&store, "ann", 9).await, store.lives(&contact("ann")).await.unwrap()), (vec![1], vec![]));
    let erased = Erased { at: at(2), by: "a test".to_owned() };
    assert_eq!(store.erase(&contact("ann"), &erased).await.unwrap(), Erasure::Unknown);
}

#[tokio::test]
async fn b10_what_was_destroyed_elsewhere_is_destroyed_in_a_copy_as_far_as_it_was_over_by_then() {
    let dir = tempfile::tempdir().unwrap();
    let store = Sqlite::open(dir.path()).await.unwrap();
    let epoch = claim(&store).await;
    let key = |name: &str, born| LifeKey { contact: contact(name), born: Pos(born), sealed: vec![7; 61] };
    let first = Batch { keys: vec![key("bob", 1)], closed: vec![closed("bob", 1)], ..journal([record(1, "bob", 0)]) };
    store.commit(epoch, &first).await.unwrap();
    let later = Batch {
        keys: vec![key("bob", 2), key("ann", 3), key("cy", 5)],
        closed: vec![closed("bob", 4)],
        ..journal([record(2, "bob", 0), record(3, "ann", 0), record(4, "bob", 2), record(5, "cy", 0)])
    };
    store.commit(epoch, &later).await.unwrap();
    store.close().await.unwrap();

    let erased = |pos| Erased { at: at(pos), by: "a test".to_owned() };
    let destroyed = |name, born, pos| Destroyed { contact: contact(name), born: Pos(born), erased: erased(pos) };
    // As of six seconds: whoever was open then and is erased later has ended, whoever was erased before has begun since.
    let elsewhere =
        [destroyed("bob", 1, 3), destroyed("ann", 9, 10), destroyed("cy", 8, 5), destroyed("nobody", 4, 10)];
    let copy = Loose::at(dir.path().join("usher.db"));
    assert_eq!(copy.destroy(&elsewhere, at(6)).await.unwrap(), 2);
    assert_eq!(copy.destroy(&elsewhere, at(6)).await.unwrap(), 0, "they are");

    let store = Sqlite::open(dir.path()).await.unwrap();
    let lives = async |name: &str| store.lives(&contact(name)).await.unwrap();
    let alive = |born| Life { born: Pos(born), key: Ok(vec![7; 61]) };
    let gone = |born, pos| Life { born: Pos(born), key: Err(erased(pos)) };
    assert_eq!(lives("bob").await, [gone(1, 3), alive(2)], "a name that was used again is another's");
    assert_eq!((lives("ann").await, lives("cy").await), (vec![gone(3, 10)], vec![alive(5)]));
    let loaded = load(&store).await;
    assert!(loaded.contains(&Loaded::Closed(contact("ann"))) && !loaded.contains(&Loaded::Key(key("ann", 3))));
    assert!(loaded.contains(&Loaded::Key(key("cy", 5))), "{loaded:?}");
}
