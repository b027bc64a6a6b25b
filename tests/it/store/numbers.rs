//! Numbers, clause by clause: what a commit adds is there once, whatever happens to its answer or its gateway.

use super::*;

hold_for_every_store!(
    what_commits_add_is_there_until_it_is_flushed,
    a_flush_is_done_once_and_adds_to_what_is_there,
    a_repeated_commit_adds_nothing,
    a_fenced_gateway_adds_nothing,
    numbers_are_found_by_unit_profile_day_and_engine,
    old_numbers_are_pruned_and_places_go_with_their_records,
    a_trail_leads_back_from_a_record,
);

fn key(day: i32, profile: &str, engine: Option<&str>) -> NumberKey {
    NumberKey {
        day: Day(day),
        unit: UnitName::new("sales").unwrap(),
        profile: ProfileName::new(profile).unwrap(),
        engine: engine.map(|it| EngineName::new(it).unwrap()),
    }
}

fn counts(list: &[(u16, u64)]) -> Counts {
    let mut counts = Counts::default();
    list.iter().for_each(|(code, count)| counts.add(*code, *count));
    counts
}

fn tally(entries: &[(NumberKey, &[(u16, u64)])], unclear: &[u64]) -> Tally {
    let mut tally = Tally::default();
    entries.iter().for_each(|(key, list)| tally.add(key.clone(), &counts(list)));
    let place = |pos: &u64| {
        let NumberKey { unit, profile, .. } = key(0, "a", None);
        Unclear { pos: Pos(*pos), unit, profile }
    };
    tally.unclear = unclear.iter().map(place).collect();
    tally
}

fn adding(record: Record, tally: Tally) -> Batch {
    Batch { tally, ..journal([record]) }
}

fn flushing(serial: u64, through: u64, tally: Tally) -> Batch {
    Batch { flush: Some(Flush { serial, through: Pos(through), tally }), ..Batch::default() }
}

fn all() -> NumbersOf {
    NumbersOf { unit: None, profile: None, engines: false, from: Day(-400), to: Day(400) }
}

async fn rows(store: &dyn Store, of: &NumbersOf) -> Vec<(NumberKey, Vec<(u16, u64)>)> {
    let mut rows = Vec::new();
    store.numbers(of, &mut |key, counts| rows.push((key, counts.iter().collect()))).await.unwrap();
    rows.sort();
    rows
}

async fn places(store: &dyn Store, profile: &str, limit: usize) -> Vec<u64> {
    let (unit, profile) = (UnitName::new("sales").unwrap(), ProfileName::new(profile).unwrap());
    store.unclear(&unit, &profile, limit).await.unwrap().into_iter().map(|it| it.0).collect()
}

async fn what_commits_add_is_there_until_it_is_flushed(store: &dyn Store) {
    assert_eq!(store.uncounted().await.unwrap(), Uncounted::default());
    let epoch = claim(store).await;
    let (first, second) =
        (tally(&[(key(1, "a", None), &[(1, 2)])], &[1]), tally(&[(key(1, "a", None), &[(1, 1)])], &[3]));
    store.commit(epoch, &adding(record(1, "ann", 0), first.clone())).await.unwrap();
    // Together with what is no record, too.
    let batch = Batch { closed: vec![closed("ann", 2)], ..adding(record(2, "ann", 1), Tally::default()) };
    store.commit(epoch, &batch).await.unwrap();
    let batch = Batch { closed: vec![closed("bob", 3)], ..adding(record(3, "bob", 0), second.clone()) };
    store.commit(epoch, &batch).await.unwrap();
    let both = tally(&[(key(1, "a", None), &[(1, 3)])], &[1, 3]);
    assert_eq!(store.uncounted().await.unwrap(), Uncounted { tally: both, serial: 0 });
    assert_eq!(rows(store, &all()).await, []);

    store.commit(epoch, &flushing(1, 1, first)).await.unwrap();
    assert_eq!(store.uncounted().await.unwrap(), Uncounted { tally: second, serial: 1 });
    assert_eq!(rows(store, &all()).await, [(key(1, "a", None), vec![(1, 2)])]);
    assert_eq!(places(store, "a", 9).await, [1]);
}

async fn a_flush_is_done_once_and_adds_to_what_is_there(store: &dyn Store) {
    let epoch = claim(store).await;
    let first = flushing(1, 0, tally(&[(key(1, "a", None), &[(1, 2), (7, 1)])], &[]));
    store.commit(epoch, &first).await.unwrap();
    store.commit(epoch, &first).await.unwrap();
    let second = tally(&[(key(1, "a", None), &[(1, 5), (3, 1)]), (key(2, "a", None), &[(1, 1)])], &[]);
    store.commit(epoch, &flushing(2, 0, second)).await.unwrap();
    let expected = [(key(1, "a", None), vec![(1, 7), (3, 1), (7, 1)]), (key(2, "a", None), vec![(1, 1)])];
    assert_eq!(rows(store, &all()).await, expected);
    assert_eq!(store.numbers(&all(), &mut |_, _| ()).await.unwrap(), 2, "says which flush the rows hold");
}

async fn a_repeated_commit_adds_nothing(store: &dyn Store) {
    let epoch = claim(store).await;
    let added = tally(&[(key(1, "a", None), &[(1, 1)])], &[1]);
    let batch = Batch {
        flush: Some(Flush { serial: 1, through: Pos(0), tally: tally(&[(key(1, "b", None), &[(1, 1)])], &[]) }),
        ..adding(record(1, "ann", 0), added.clone())
    };
    for _ in 0..2 {
        store.commit(epoch, &batch).await.unwrap();
        assert_eq!(store.uncounted().await.unwrap(), Uncounted { tally: added.clone(), serial: 1 });
        assert_eq!(rows(store, &all()).await, [(key(1, "b", None), vec![(1, 1)])]);
    }
}

async fn a_fenced_gateway_adds_nothing(store: &dyn Store) {
    let old = claim(store).await;
    claim(store).await;
    let added = || tally(&[(key(1, "a", None), &[(1, 1)])], &[]);
    store.commit(old, &adding(record(1, "ann", 0), added())).await.unwrap_err();
    store.commit(old, &flushing(1, 0, added())).await.unwrap_err();
    assert_eq!(store.uncounted().await.unwrap(), Uncounted::default());
    assert_eq!(rows(store, &all()).await, []);
}

async fn numbers_are_found_by_unit_profile_day_and_engine(store: &dyn Store) {
    let epoch = claim(store).await;
    let care = NumberKey { unit: UnitName::new("care").unwrap(), ..key(2, "a", None) };
    let keys = [key(-1, "a", None), key(1, "a", None), key(2, "a", Some("primary")), key(2, "b", None), care.clone()];
    let entries: Vec<(NumberKey, &[(u16, u64)])> = keys.iter().map(|it| (it.clone(), [(1, 1)].as_slice())).collect();
    store.commit(epoch, &flushing(1, 0, tally(&entries, &[]))).await.unwrap();
    let (sales, a) = (Some(UnitName::new("sales").unwrap()), Some(ProfileName::new("a").unwrap()));
    let found = async |of: NumbersOf| -> Vec<NumberKey> { rows(store, &of).await.into_iter().map(|it| it.0).collect() };
    assert_eq!(found(all()).await, [key(-1, "a", None), key(1, "a", None), care.clone(), key(2, "b", None)]);
    let of_sales = NumbersOf { unit: sales.clone(), ..all() };
    assert_eq!(found(of_sales.clone()).await, [key(-1, "a", None), key(1, "a", None), key(2, "b", None)]);
    let of_a = NumbersOf { profile: a.clone(), ..of_sales };
    assert_eq!(found(of_a.clone()).await, [key(-1, "a", None), key(1, "a", None)]);
    assert_eq!(found(NumbersOf { profile: a, ..all() }).await, [key(-1, "a", None), key(1, "a", None), care]);
    assert_eq!(found(NumbersOf { engines: true, ..of_a.clone() }).await, [key(2, "a", Some("primary"))]);
    assert_eq!(found(NumbersOf { from: Day(1), to: Day(1), ..of_a.clone() }).await, [key(1, "a", None)]);
    assert_eq!(found(NumbersOf { from: Day(2), to: Day(1), ..of_a }).await, []);
}

async fn old_numbers_are_pruned_and_places_go_with_their_records(store: &dyn Store) {
    let epoch = claim(store).await;
    let entries: [(NumberKey, &[(u16, u64)]); 2] = [(key(1, "a", None), &[(1, 1)]), (key(2, "a", None), &[(1, 1)])];
    store.commit(epoch, &journal([record(1, "ann", 0)])).await.unwrap();
    store.commit(epoch, &journal([record(2, "ann", 1)])).await.unwrap();
    store.commit(epoch, &flushing(1, 2, tally(&entries, &[1, 2]))).await.unwrap();
    assert_eq!(places(store, "a", 9).await, [2, 1], "the newest first");
    assert_eq!((places(store, "a", 1).await, places(store, "b", 9).await), (vec![2], vec![]));
    assert_eq!(store.prune_numbers(Day(2)).await.unwrap(), 1);
    assert_eq!(rows(store, &all()).await, [(key(2, "a", None), vec![(1, 1)])]);
    let batch = Batch { closed: vec![closed("ann", 2)], checkpoint: Some(Pos(3)), ..Batch::default() };
    store.commit(epoch, &batch).await.unwrap();
    store.prune(at(2)).await.unwrap();
    assert_eq!(places(store, "a", 9).await, [2]);
    assert_eq!(rows(store, &all()).await.len(), 1, "numbers have a time of their own");
}

async fn a_trail_leads_back_from_a_record(store: &dyn Store) {
    let epoch = claim(store).await;
    store.commit(epoch, &journal([record(1, "ann", 0), record(2, "bob", 0), record(3, "ann", 1)])).await.unwrap();
    store.commit(epoch, &journal([record(4, "ann", 3)])).await.unwrap();
    let after = async |at: u64, after: u64, limit: usize| -> Vec<u64> {
        store.trail(Pos(at), Pos(after), limit).await.unwrap().into_iter().map(|it| it.pos.0).collect()
    };
    let trail = async |at: u64, limit: usize| after(at, 0, limit).await;
    assert_eq!(trail(3, 9).await, [1, 3]);
    assert_eq!(trail(4, 2).await, [3, 4]);
    assert_eq!((trail(2, 9).await, trail(5, 9).await, trail(0, 9).await), (vec![2], vec![], vec![]));
    assert_eq!((after(4, 1, 9).await, after(4, 1, 1).await, after(4, 4, 9).await), (vec![3, 4], vec![4], vec![]));
}
