//! The contract, clause by clause.

use futures::future::join;
use usher::store::{Expected, StoreErrorKind};

use super::*;

hold_for_every_store!(
    a_new_store_begins_at_one_and_is_empty,
    a_claim_raises_the_epoch_and_fences_the_one_before,
    the_next_position_follows_the_last_record,
    load_gives_snapshots_then_records_then_closed,
    load_begins_at_the_checkpoint,
    a_later_snapshot_replaces_the_earlier,
    a_closed_contact_has_no_snapshot,
    a_name_can_be_used_again_after_its_contact_is_closed,
    a_name_used_again_in_the_batch_that_closes_it_keeps_its_snapshot,
    records_follow_a_contact_oldest_first,
    records_are_found_by_snapshot_by_close_and_in_the_tail,
    records_keep_every_byte,
    prune_forgets_what_is_old_and_not_needed,
    a_contact_goes_on_after_its_older_records_are_pruned,
    prune_never_passes_the_checkpoint,
    prune_of_everything_keeps_the_next_position,
    secrets_are_replaced_and_found_by_name,
    s11_a_connectors_new_token_ends_those_before_it_and_no_others,
    s11_a_connectors_new_token_takes_the_place_of_the_one_that_was_seen_alone,
    keys_are_loaded_before_all_else_as_long_as_a_recovery_needs_them,
    a_key_is_known_by_its_contact_and_where_it_begins,
    an_open_contact_is_not_erased_and_an_unknown_one_is_said_so,
    an_erased_contact_has_no_key_and_erasing_it_again_tells_of_the_first_time,
    records_of_a_name_that_is_used_again_are_those_of_its_contact_now,
    an_erased_contacts_name_is_free_for_another,
    a_repeated_commit_brings_no_erased_key_back,
    keys_are_pruned_with_their_records,
    a_repeated_commit_changes_nothing,
    a_repeated_commit_may_have_grown,
    a_repeated_position_with_another_record_is_refused,
    a_gap_is_refused_and_nothing_of_it_is_kept,
    a_commit_of_ten_thousand_is_one,
    reading_and_committing_go_on_together,
);

async fn a_new_store_begins_at_one_and_is_empty(store: &dyn Store) {
    assert_eq!(store.claim("here").await.unwrap(), Claim { epoch: OwnerEpoch(1), next: Pos(1) });
    assert_eq!(load(store).await, []);
    assert_eq!(positions(store, "ann", 9).await, [0_u64; 0]);
    assert_eq!(store.prune(Timestamp(i64::MAX)).await.unwrap(), 0);
}

async fn a_claim_raises_the_epoch_and_fences_the_one_before(store: &dyn Store) {
    let first = claim(store).await;
    let second = claim(store).await;
    assert!(second > first);
    for batch in [journal([record(1, "ann", 0)]), Batch { closed: vec![closed("ann", 1)], ..Batch::default() }] {
        let error = store.commit(first, &batch).await.unwrap_err();
        assert_eq!(error.kind, StoreErrorKind::Fenced);
    }
    assert_eq!(load(store).await, []);
    store.commit(second, &journal([record(1, "ann", 0)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [1]);
}

async fn the_next_position_follows_the_last_record(store: &dyn Store) {
    let epoch = claim(store).await;
    store.commit(epoch, &journal([record(1, "ann", 0), record(2, "bob", 0)])).await.unwrap();
    store.commit(epoch, &journal([record(3, "ann", 1)])).await.unwrap();
    assert_eq!(store.claim("here").await.unwrap().next, Pos(4));
}

async fn load_gives_snapshots_then_records_then_closed(store: &dyn Store) {
    let epoch = claim(store).await;
    let batch = Batch {
        keys: Vec::new(),
        records: vec![record(1, "ann", 0), record(2, "bob", 0), record(3, "bob", 2)],
        snapshots: vec![snapshot("ann", 1)],
        closed: vec![closed("bob", 3)],
        checkpoint: None,
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    let expected = [
        Loaded::Snapshot(snapshot("ann", 1)),
        Loaded::Record(record(1, "ann", 0)),
        Loaded::Record(record(2, "bob", 0)),
        Loaded::Record(record(3, "bob", 2)),
        Loaded::Closed(contact("bob")),
    ];
    assert_eq!(load(store).await, expected);
}

async fn load_begins_at_the_checkpoint(store: &dyn Store) {
    let epoch = claim(store).await;
    // In one commit, so that the checkpoint falls into the middle of it.
    let records = [record(1, "ann", 0), record(2, "bob", 0), record(3, "cy", 0), record(4, "ann", 1)];
    store.commit(epoch, &journal(records)).await.unwrap();
    let batch = Batch {
        keys: Vec::new(),
        records: Vec::new(),
        snapshots: vec![snapshot("ann", 1)],
        closed: vec![closed("bob", 2), closed("cy", 3)],
        checkpoint: Some(Pos(3)),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    let expected = [
        Loaded::Snapshot(snapshot("ann", 1)),
        Loaded::Record(record(3, "cy", 0)),
        Loaded::Record(record(4, "ann", 1)),
        Loaded::Closed(contact("cy")),
    ];
    assert_eq!(load(store).await, expected);
}

async fn a_later_snapshot_replaces_the_earlier(store: &dyn Store) {
    let epoch = claim(store).await;
    let many = |last| (0..200).map(|n| snapshot(&format!("c{n:03}"), last)).collect::<Vec<_>>();
    for last in [1, 2] {
        let batch = Batch { snapshots: many(last), ..Batch::default() };
        store.commit(epoch, &batch).await.unwrap();
    }
    let expected: Vec<_> = many(2).into_iter().map(Loaded::Snapshot).collect();
    assert_eq!(load(store).await, expected);
}

async fn a_closed_contact_has_no_snapshot(store: &dyn Store) {
    let epoch = claim(store).await;
    let names: Vec<_> = (0..100).map(|n| format!("c{n:03}")).collect();
    let snapshots = names.iter().map(|name| snapshot(name, 5)).collect();
    store.commit(epoch, &Batch { snapshots, ..Batch::default() }).await.unwrap();
    let closed = names.iter().skip(1).map(|name| closed(name, 6)).collect();
    store.commit(epoch, &Batch { closed, checkpoint: Some(Pos(7)), ..Batch::default() }).await.unwrap();
    assert_eq!(load(store).await, [Loaded::Snapshot(snapshot("c000", 5))]);
}

async fn a_name_can_be_used_again_after_its_contact_is_closed(store: &dyn Store) {
    let epoch = claim(store).await;
    let mut batch = journal([record(1, "ann", 0), record(2, "ann", 1)]);
    batch.closed = vec![closed("ann", 2)];
    store.commit(epoch, &batch).await.unwrap();
    store.commit(epoch, &journal([record(3, "ann", 0), record(4, "ann", 3)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [3, 4]);
    assert!(!load(store).await.contains(&Loaded::Closed(contact("ann"))));

    let batch = Batch { snapshots: vec![snapshot("ann", 4)], checkpoint: Some(Pos(5)), ..Batch::default() };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(load(store).await, [Loaded::Snapshot(snapshot("ann", 4))]);
    assert_eq!(positions(store, "ann", 9).await, [3, 4]);

    store.commit(epoch, &Batch { closed: vec![closed("ann", 4)], ..Batch::default() }).await.unwrap();
    assert_eq!(load(store).await, []);
    assert_eq!(positions(store, "ann", 9).await, [3, 4]);
}

async fn a_name_used_again_in_the_batch_that_closes_it_keeps_its_snapshot(store: &dyn Store) {
    let epoch = claim(store).await;
    let batch = Batch {
        keys: Vec::new(),
        records: vec![record(1, "ann", 0), record(2, "ann", 0)],
        snapshots: vec![snapshot("ann", 2)],
        closed: vec![closed("ann", 1)],
        checkpoint: Some(Pos(3)),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(load(store).await, [Loaded::Snapshot(snapshot("ann", 2))]);
}

async fn records_follow_a_contact_oldest_first(store: &dyn Store) {
    let epoch = claim(store).await;
    for (pos, name, prev) in [(1, "ann", 0), (2, "bob", 0), (3, "ann", 1), (4, "ann", 3), (5, "bob", 2)] {
        store.commit(epoch, &journal([record(pos, name, prev)])).await.unwrap();
    }
    let expected = [record(1, "ann", 0), record(3, "ann", 1), record(4, "ann", 3)];
    assert_eq!(store.records(&contact("ann"), 3).await.unwrap(), expected);
    assert_eq!(positions(store, "ann", 2).await, [3, 4]);
    assert_eq!(positions(store, "ann", 0).await, [0_u64; 0]);
    assert_eq!(positions(store, "nobody", 9).await, [0_u64; 0]);
    let after = async |pos, limit| store.records_after(&contact("ann"), Pos(pos), limit).await.unwrap();
    assert_eq!(after(1, 9).await, expected[1..]);
    assert_eq!(after(2, 1).await, expected[2..]);
    assert_eq!(after(4, 9).await, []);
    let elsewhere = ContactId { unit: UnitName::new("service").unwrap(), ..contact("ann") };
    assert_eq!(store.records(&elsewhere, 9).await.unwrap(), []);
}

async fn records_are_found_by_snapshot_by_close_and_in_the_tail(store: &dyn Store) {
    let epoch = claim(store).await;
    let records = ["snapped", "closed", "both", "both"].into_iter().zip(1..);
    let batch = Batch {
        keys: Vec::new(),
        records: records.map(|(name, pos)| record(pos, name, if pos == 4 { 3 } else { 0 })).collect(),
        snapshots: vec![snapshot("snapped", 1), snapshot("both", 3)],
        closed: vec![closed("closed", 2)],
        checkpoint: Some(Pos(4)),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    store.commit(epoch, &journal([record(5, "tail", 0)])).await.unwrap();
    assert_eq!(positions(store, "snapped", 9).await, [1]);
    assert_eq!(positions(store, "closed", 9).await, [2]);
    assert_eq!(positions(store, "both", 9).await, [3, 4]);
    assert_eq!(positions(store, "tail", 9).await, [5]);
}

async fn records_keep_every_byte(store: &dyn Store) {
    let epoch = claim(store).await;
    let mut odd = record(1, "ann", 0);
    odd.contact.name = ContactName::new(&"ä".repeat(64)).unwrap();
    odd.at = Timestamp(i64::MIN);
    odd.hash = std::array::from_fn(|n| u8::try_from(n).unwrap() * 7);
    odd.body = (0..=255).cycle().take(700_000).collect();
    let mut empty = record(2, "bob", 0);
    empty.body = Vec::new();
    store.commit(epoch, &journal([odd.clone(), empty.clone()])).await.unwrap();
    assert_eq!(load(store).await, [Loaded::Record(odd.clone()), Loaded::Record(empty)]);
    assert_eq!(store.records(&odd.contact, 1).await.unwrap(), [odd]);
}

/// Ann at 1 and 3, Bob (closed) at 2, Cy at 4; all before the checkpoint at 5.
async fn four_records(store: &dyn Store) -> OwnerEpoch {
    let epoch = claim(store).await;
    let batch = Batch {
        keys: Vec::new(),
        records: vec![record(1, "ann", 0), record(2, "bob", 0), record(3, "ann", 1), record(4, "cy", 0)],
        snapshots: vec![snapshot("ann", 3), snapshot("cy", 4)],
        closed: vec![closed("bob", 2)],
        checkpoint: Some(Pos(5)),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    epoch
}

async fn prune_forgets_what_is_old_and_not_needed(store: &dyn Store) {
    four_records(store).await;
    assert_eq!(store.prune(at(1)).await.unwrap(), 0);
    assert_eq!(store.prune(at(2)).await.unwrap(), 1);
    assert_eq!(positions(store, "ann", 9).await, [3]);
    assert_eq!(positions(store, "bob", 9).await, [2]);
    assert_eq!(store.prune(at(3)).await.unwrap(), 1);
    assert_eq!(store.prune(at(3)).await.unwrap(), 0);
    assert_eq!(positions(store, "bob", 9).await, [0_u64; 0]);
}

async fn a_contact_goes_on_after_its_older_records_are_pruned(store: &dyn Store) {
    let epoch = four_records(store).await;
    assert_eq!(store.prune(at(3)).await.unwrap(), 2);
    assert_eq!(positions(store, "ann", 9).await, [3]);
    assert_eq!(load(store).await, [Loaded::Snapshot(snapshot("ann", 3)), Loaded::Snapshot(snapshot("cy", 4))]);
    store.commit(epoch, &journal([record(5, "ann", 3)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [3, 5]);
}

async fn prune_never_passes_the_checkpoint(store: &dyn Store) {
    let epoch = four_records(store).await;
    let batch = Batch { closed: vec![closed("dee", 6)], ..journal([record(5, "dee", 0), record(6, "dee", 5)]) };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(store.prune(Timestamp(i64::MAX)).await.unwrap(), 4);
    assert_eq!(positions(store, "dee", 9).await, [5, 6]);
    let loaded = load(store).await;
    assert!(loaded.contains(&Loaded::Record(record(5, "dee", 0))));
    assert_eq!(loaded.last(), Some(&Loaded::Closed(contact("dee"))));
}

async fn prune_of_everything_keeps_the_next_position(store: &dyn Store) {
    four_records(store).await;
    assert_eq!(store.prune(Timestamp(i64::MAX)).await.unwrap(), 4);
    assert_eq!(positions(store, "ann", 9).await, [0_u64; 0]);
    let claimed = store.claim("here").await.unwrap();
    assert_eq!(claimed.next, Pos(5));
    store.commit(claimed.epoch, &journal([record(5, "ann", 3)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [5]);
}

async fn secrets_are_replaced_and_found_by_name(store: &dyn Store) {
    assert_eq!(store.secret("key").await.unwrap(), None);
    store.put_secret("key", b"one").await.unwrap();
    store.put_secret("other", b"").await.unwrap();
    store.put_secret("key", b"\0two\xff").await.unwrap();
    assert_eq!(store.secret("key").await.unwrap().as_deref(), Some(&b"\0two\xff"[..]));
    assert_eq!(store.secret("other").await.unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(store.secret("missing").await.unwrap(), None);
    assert_eq!(store.secret_names().await.unwrap(), ["key", "other"]);
}

fn token(number: u8, profile: &str, name: &str, made_at: i64) -> ConnectorToken {
    ConnectorToken {
        unit: UnitName::new("sales").unwrap(),
        profile: ProfileName::new(profile).unwrap(),
        name: name.to_owned(),
        sha256: [number; 32],
        made_at: Timestamp(made_at),
        valid_until: None,
    }
}

fn reloaded(at: i64) -> AuditLine {
    AuditLine {
        at: Timestamp(at),
        by: "ann".to_owned(),
        action: "token.reloaded".to_owned(),
        subject: "sales/b".to_owned(),
        before: None,
        after: None,
    }
}

async fn s11_a_connectors_new_token_takes_the_place_of_the_one_that_was_seen_alone(store: &dyn Store) {
    let (first, second, line) = (token(1, "b", "", 10), token(2, "b", "", 11), reloaded(11));
    let put = async |it: &ConnectorToken, expected| {
        store.put_connector_token(it, Timestamp(20), expected, Some(&line)).await.unwrap()
    };
    assert!(!put(&first, Expected::Version(9)).await, "there is none");
    assert!(put(&first, Expected::New).await);
    let lines = store.audit(&AuditOf::default(), 9).await.unwrap();
    for outdated in [Expected::New, Expected::Version(9)] {
        assert!(!put(&second, outdated).await, "somebody was faster");
    }
    assert_eq!(store.connector_tokens().await.unwrap(), std::slice::from_ref(&first));
    assert_eq!(store.audit(&AuditOf::default(), 9).await.unwrap(), lines, "nothing is told that was not done");
    assert!(put(&token(3, "b", "canary", 10), Expected::New).await, "another name has its own");
    assert!(put(&second, Expected::Version(10)).await);
}

async fn s11_a_connectors_new_token_ends_those_before_it_and_no_others(store: &dyn Store) {
    let until = |token: ConnectorToken, at: i64| ConnectorToken { valid_until: Some(Timestamp(at)), ..token };
    assert_eq!(store.connector_tokens().await.unwrap(), []);
    let (first, other, canary) = (token(1, "b", "", 10), token(2, "a", "", 10), token(3, "b", "canary", 10));
    for it in [&first, &other, &canary] {
        store.put_connector_token(it, Timestamp(20), Expected::Any, None).await.unwrap();
    }
    assert_eq!(store.connector_tokens().await.unwrap(), [other.clone(), first.clone(), canary.clone()]);
    let (second, third) = (token(4, "b", "", 11), token(5, "b", "", 12));
    store.put_connector_token(&second, Timestamp(30), Expected::Any, None).await.unwrap();
    store.put_connector_token(&third, Timestamp(25), Expected::Any, None).await.unwrap();
    // A grace that has begun becomes no longer, and may become shorter.
    let all = [other.clone(), third.clone(), until(second, 25), until(first, 25), canary.clone()];
    assert_eq!(store.connector_tokens().await.unwrap(), all);
    let fourth = token(6, "b", "", 26);
    let (line, lines) = (reloaded(26), store.audit(&AuditOf::default(), 1).await.unwrap());
    store.put_connector_token(&fourth, Timestamp(26), Expected::Any, Some(&line)).await.unwrap();
    let (number, told) = store.audit(&AuditOf::default(), 1).await.unwrap().remove(0);
    assert_eq!(told, line);
    assert!(lines.iter().all(|(before, _)| *before < number), "none but those with a line have one");
    assert_eq!(store.connector_tokens().await.unwrap(), [other, fourth, until(third, 26), canary]);
}

async fn a_repeated_commit_changes_nothing(store: &dyn Store) {
    let epoch = claim(store).await;
    let batch = Batch {
        keys: Vec::new(),
        records: vec![record(1, "ann", 0), record(2, "bob", 0)],
        snapshots: vec![snapshot("ann", 1)],
        closed: vec![closed("bob", 2)],
        checkpoint: Some(Pos(1)),
        ..Batch::default()
    };
    store.commit(epoch, &batch).await.unwrap();
    let before = load(store).await;
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(load(store).await, before);
    store.commit(epoch, &journal([record(3, "ann", 1)])).await.unwrap();
    store.commit(epoch, &journal([record(3, "ann", 1)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [1, 3]);
    assert_eq!(store.claim("here").await.unwrap().next, Pos(4));
}

async fn a_repeated_commit_may_have_grown(store: &dyn Store) {
    let epoch = claim(store).await;
    store.commit(epoch, &journal([record(1, "ann", 0), record(2, "ann", 1)])).await.unwrap();
    store.commit(epoch, &journal([record(2, "ann", 1), record(3, "ann", 2)])).await.unwrap();
    assert_eq!(positions(store, "ann", 9).await, [1, 2, 3]);
    assert_eq!(load(store).await.len(), 3);
}

async fn a_repeated_position_with_another_record_is_refused(store: &dyn Store) {
    let epoch = claim(store).await;
    store.commit(epoch, &journal([record(1, "ann", 0), record(2, "ann", 1)])).await.unwrap();
    let other = Record { body: b"{}".to_vec(), ..record(2, "ann", 1) };
    let error = store.commit(epoch, &journal([other, record(3, "ann", 2)])).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Corrupt);
    assert_eq!(positions(store, "ann", 9).await, [1, 2]);
}

async fn a_gap_is_refused_and_nothing_of_it_is_kept(store: &dyn Store) {
    let epoch = claim(store).await;
    for wrong in [vec![record(2, "ann", 0)], vec![record(1, "ann", 0), record(3, "ann", 1)]] {
        let batch = Batch { snapshots: vec![snapshot("ann", 2)], ..journal(wrong.clone()) };
        for batch in [batch, journal(wrong)] {
            assert_eq!(store.commit(epoch, &batch).await.unwrap_err().kind, StoreErrorKind::Corrupt);
        }
    }
    assert_eq!(load(store).await, []);
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
}

async fn a_commit_of_ten_thousand_is_one(store: &dyn Store) {
    let epoch = claim(store).await;
    let all: Vec<_> = (1..=10_000)
        .map(|pos| Record { body: vec![b'x'; 300], ..record(pos, &format!("c{}", pos % 100), pos.saturating_sub(100)) })
        .collect();
    store.commit(epoch, &journal(all.clone())).await.unwrap();
    let loaded = load(store).await;
    assert_eq!(loaded.len(), 10_000);
    assert!(loaded.into_iter().eq(all.iter().cloned().map(Loaded::Record)));
    let of_one: Vec<_> = all.into_iter().filter(|record| record.contact == contact("c7")).collect();
    assert_eq!(store.records(&contact("c7"), 1000).await.unwrap(), of_one);
    assert_eq!(store.claim("here").await.unwrap().next, Pos(10_001));
}

async fn reading_and_committing_go_on_together(store: &dyn Store) {
    let epoch = claim(store).await;
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    let write = async {
        for pos in 2..=60 {
            store.commit(epoch, &journal([record(pos, "ann", pos - 1)])).await.unwrap();
        }
    };
    let read = async {
        let mut seen = 0;
        for _ in 0..60 {
            let now = positions(store, "ann", usize::MAX).await;
            // Never a torn chain, never less than before.
            assert!(now.iter().copied().eq(1..=now.len() as u64));
            assert!(now.len() >= seen);
            seen = now.len();
        }
    };
    join(write, read).await;
    assert_eq!(positions(store, "ann", usize::MAX).await.len(), 60);
}

fn key(name: &str, born: u64) -> LifeKey {
    let mut sealed = vec![0x1f; 40];
    sealed.extend_from_slice(&born.to_le_bytes());
    LifeKey { contact: contact(name), born: Pos(born), sealed }
}

fn alive(name: &str, born: u64) -> Life {
    Life { born: Pos(born), key: Ok(key(name, born).sealed) }
}

fn erased(at_pos: u64) -> Erased {
    Erased { at: at(at_pos), by: "a test".to_owned() }
}

async fn lives(store: &dyn Store, name: &str) -> Vec<Life> {
    store.lives(&contact(name)).await.unwrap()
}

/// Ann is open, Bob closed; both with a key.
async fn two_lives(store: &dyn Store) -> (OwnerEpoch, Batch) {
    let epoch = claim(store).await;
    let batch = Batch {
        keys: vec![key("ann", 1), key("bob", 2)],
        closed: vec![closed("bob", 2)],
        ..journal([record(1, "ann", 0), record(2, "bob", 0)])
    };
    store.commit(epoch, &batch).await.unwrap();
    (epoch, batch)
}

async fn keys_are_loaded_before_all_else_as_long_as_a_recovery_needs_them(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    let batch = Batch { snapshots: vec![snapshot("ann", 1)], ..Batch::default() };
    store.commit(epoch, &batch).await.unwrap();
    let loaded = load(store).await;
    let expected = [Loaded::Key(key("ann", 1)), Loaded::Key(key("bob", 2)), Loaded::Snapshot(snapshot("ann", 1))];
    assert_eq!(loaded[..3], expected);
    store.commit(epoch, &Batch { checkpoint: Some(Pos(3)), ..Batch::default() }).await.unwrap();
    assert_eq!(load(store).await, [Loaded::Key(key("ann", 1)), Loaded::Snapshot(snapshot("ann", 1))]);
    let many = Batch { keys: (3..=700).map(|pos| key(&format!("c{pos}"), pos)).collect(), ..Batch::default() };
    store.commit(epoch, &many).await.unwrap();
    let loaded = load(store).await;
    assert!(loaded.iter().skip(1).take(698).cloned().eq(many.keys.into_iter().map(Loaded::Key)));
}

async fn a_key_is_known_by_its_contact_and_where_it_begins(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    assert_eq!(lives(store, "ann").await, [alive("ann", 1)]);
    assert_eq!(lives(store, "nobody").await, []);
    let elsewhere = ContactId { unit: UnitName::new("service").unwrap(), ..contact("ann") };
    assert_eq!(store.lives(&elsewhere).await.unwrap(), []);
    // The name is used again.
    let batch = Batch { keys: vec![key("bob", 3)], ..journal([record(3, "bob", 0)]) };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(lives(store, "bob").await, [alive("bob", 2), alive("bob", 3)]);
}

async fn an_open_contact_is_not_erased_and_an_unknown_one_is_said_so(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    assert_eq!(store.erase(&contact("ann"), &erased(3)).await.unwrap(), Erasure::Open);
    assert_eq!(store.erase(&contact("nobody"), &erased(3)).await.unwrap(), Erasure::Unknown);
    // A name in use again, in the batch in which its contact before was closed.
    let batch = Batch { keys: vec![key("ann", 3)], closed: vec![closed("ann", 1)], ..journal([record(3, "ann", 0)]) };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(store.erase(&contact("ann"), &erased(3)).await.unwrap(), Erasure::Open);
    assert_eq!(lives(store, "ann").await, [alive("ann", 1), alive("ann", 3)]);
    store.commit(epoch, &Batch { closed: vec![closed("ann", 3)], ..Batch::default() }).await.unwrap();
    assert_eq!(store.erase(&contact("ann"), &erased(4)).await.unwrap(), Erasure::Done);
    let gone = |born| Life { born: Pos(born), key: Err(erased(4)) };
    assert_eq!(lives(store, "ann").await, [gone(1), gone(3)], "every contact of that name");
}

async fn records_of_a_name_that_is_used_again_are_those_of_its_contact_now(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    store.commit(epoch, &Batch { closed: vec![closed("bob", 2)], ..Batch::default() }).await.unwrap();
    assert_eq!(positions(store, "bob", 9).await, [2]);
    store.commit(epoch, &journal([record(3, "ann", 1)])).await.unwrap();
    let again = Batch { keys: vec![key("bob", 4)], ..journal([record(4, "bob", 0), record(5, "bob", 4)]) };
    store.commit(epoch, &again).await.unwrap();
    assert_eq!(positions(store, "bob", 9).await, [4, 5]);
    store.commit(epoch, &Batch { closed: vec![closed("bob", 5)], ..Batch::default() }).await.unwrap();
    assert_eq!(positions(store, "bob", 9).await, [4, 5]);
}

async fn an_erased_contact_has_no_key_and_erasing_it_again_tells_of_the_first_time(store: &dyn Store) {
    two_lives(store).await;
    assert_eq!(store.erased().await.unwrap(), 0);
    assert_eq!(store.erase(&contact("bob"), &erased(3)).await.unwrap(), Erasure::Done);
    assert_eq!(store.erase(&contact("bob"), &erased(9)).await.unwrap(), Erasure::Before(erased(3)));
    assert_eq!(lives(store, "bob").await, [Life { born: Pos(2), key: Err(erased(3)) }]);
    assert_eq!(store.erased().await.unwrap(), 1);
    assert_eq!(positions(store, "bob", 9).await, [2], "its records stay, for the chain");
    let keys: Vec<_> = load(store).await.into_iter().filter(|it| matches!(it, Loaded::Key(_))).collect();
    assert_eq!(keys, [Loaded::Key(key("ann", 1))]);
}

async fn an_erased_contacts_name_is_free_for_another(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    assert_eq!(store.erase(&contact("bob"), &erased(3)).await.unwrap(), Erasure::Done);
    let batch = Batch { keys: vec![key("bob", 3)], closed: vec![closed("bob", 3)], ..journal([record(3, "bob", 0)]) };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(store.erase(&contact("bob"), &erased(5)).await.unwrap(), Erasure::Done);
    let gone = |born, at| Life { born: Pos(born), key: Err(erased(at)) };
    assert_eq!(lives(store, "bob").await, [gone(2, 3), gone(3, 5)]);
    assert_eq!(store.erased().await.unwrap(), 1, "one contact's name");
}

async fn a_repeated_commit_brings_no_erased_key_back(store: &dyn Store) {
    let (epoch, batch) = two_lives(store).await;
    store.erase(&contact("bob"), &erased(3)).await.unwrap();
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(lives(store, "bob").await, [Life { born: Pos(2), key: Err(erased(3)) }]);
}

async fn keys_are_pruned_with_their_records(store: &dyn Store) {
    let (epoch, _) = two_lives(store).await;
    let batch = Batch {
        keys: vec![key("cy", 3)],
        snapshots: vec![snapshot("ann", 1)],
        closed: vec![closed("cy", 3)],
        checkpoint: Some(Pos(4)),
        ..journal([record(3, "cy", 0)])
    };
    store.commit(epoch, &batch).await.unwrap();
    store.erase(&contact("cy"), &erased(4)).await.unwrap();
    assert_eq!(store.prune(at(3)).await.unwrap(), 2);
    assert_eq!(lives(store, "bob").await, []);
    assert_eq!((lives(store, "ann").await.len(), lives(store, "cy").await.len()), (1, 1));
    assert_eq!(store.prune(at(4)).await.unwrap(), 1);
    assert_eq!(lives(store, "cy").await, []);
    assert_eq!(store.erased().await.unwrap(), 0);
    assert_eq!(lives(store, "ann").await, [alive("ann", 1)], "it is open");
}
