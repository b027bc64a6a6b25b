//! Contacts that are over: found by when they ended and by what they were, whatever the store.

use super::*;

hold_for_every_store!(
    b13_those_that_ended_last_come_first_and_go_on_where_they_were_left,
    b13_they_are_found_by_what_they_were,
    b13_a_filter_goes_on_as_well_as_no_filter_does_and_each_is_known_by_its_name,
    b13_a_name_that_was_used_again_is_the_later_contact,
    b13_one_that_was_closed_before_that_was_kept_is_told_all_the_same,
);

fn past(profile: &str, agent: &str, end: EndKind) -> Past {
    Past {
        profile: Some(ProfileName::new(profile).unwrap()),
        agent: UserId::new(agent).unwrap(),
        media: MediaType::Speech,
        queue: Some(QueueId::new("Billing").unwrap()),
        began_at: Some(at(1)),
        end,
        turns: 3,
    }
}

fn ended(name: &str, last: u64, past: Past) -> Closed {
    Closed { past: Some(past), ..closed(name, last) }
}

/// Each contact with one record, at which it ended.
async fn keep(store: &dyn Store, contacts: &[Closed]) {
    let epoch = claim(store).await;
    let records = (1..).zip(contacts).map(|(pos, it)| record(pos, it.contact.name.as_str(), 0));
    let batch = Batch { closed: contacts.to_vec(), ..journal(records) };
    store.commit(epoch, &batch).await.unwrap();
}

async fn names(store: &dyn Store, of: &EndedOf, limit: usize) -> (Vec<String>, Option<Pos>) {
    let found = store.ended(of, limit).await.unwrap();
    (found.contacts.iter().map(|it| it.contact.name.to_string()).collect(), found.next)
}

async fn b13_those_that_ended_last_come_first_and_go_on_where_they_were_left(store: &dyn Store) {
    assert_eq!(names(store, &EndedOf::default(), 2).await, (Vec::new(), None));
    keep(store, &[closed("a", 1), closed("b", 2), closed("c", 3)]).await;
    let (first, next) = names(store, &EndedOf::default(), 2).await;
    assert_eq!((first, next), (vec!["c".to_owned(), "b".to_owned()], Some(Pos(2))));
    let rest = names(store, &EndedOf { before: next, ..EndedOf::default() }, 2).await;
    assert_eq!(rest, (vec!["a".to_owned()], None));
    assert_eq!(names(store, &EndedOf::default(), 3).await.1, None, "there are no more");
}

fn four() -> [Closed; 4] {
    [
        ended("ann", 1, past("support", "va1", EndKind::Bot)),
        ended("ben", 2, past("support", "va2", EndKind::HandedOver)),
        ended("cid", 3, past("sales", "va2", EndKind::Bot)),
        ended("dan", 4, Past { profile: None, queue: None, began_at: None, ..past("x", "va3", EndKind::Failed) }),
    ]
}

async fn b13_they_are_found_by_what_they_were(store: &dyn Store) {
    keep(store, &four()).await;
    let of = async |of: EndedOf| names(store, &of, 9).await;
    let found = |names: &[&str]| (names.iter().map(ToString::to_string).collect::<Vec<_>>(), None);
    let profile = ProfileName::new("support").ok();
    assert_eq!(of(EndedOf { profile: profile.clone(), ..EndedOf::default() }).await, found(&["ben", "ann"]));
    assert_eq!(of(EndedOf { end: Some(EndKind::Bot), ..EndedOf::default() }).await, found(&["cid", "ann"]));
    let both = EndedOf { profile, end: Some(EndKind::Bot), ..EndedOf::default() };
    assert_eq!(of(both.clone()).await, found(&["ann"]));
    assert_eq!(of(EndedOf { unit: UnitName::new("care").ok(), ..both }).await, found(&[]));
    for (find, names) in [("VA2", ["cid", "ben"].as_slice()), ("dA", &["dan"]), ("billing", &["cid", "ben", "ann"])] {
        assert_eq!(of(EndedOf { find: find.to_owned(), ..EndedOf::default() }).await, found(names), "{find}");
    }
}

async fn b13_a_filter_goes_on_as_well_as_no_filter_does_and_each_is_known_by_its_name(store: &dyn Store) {
    keep(store, &four()).await;
    let bots = EndedOf { end: Some(EndKind::Bot), ..EndedOf::default() };
    assert_eq!(names(store, &bots, 1).await, (vec!["cid".to_owned()], Some(Pos(3))));
    let rest = EndedOf { before: Some(Pos(3)), ..bots };
    assert_eq!(names(store, &rest, 1).await, (vec!["ann".to_owned()], None));
    for it in &four() {
        assert_eq!(store.closed(&it.contact).await.unwrap().as_ref(), Some(it));
    }
    assert_eq!(store.closed(&contact("eve")).await.unwrap(), None);
}

async fn b13_a_name_that_was_used_again_is_the_later_contact(store: &dyn Store) {
    keep(store, &[ended("ann", 1, past("support", "va1", EndKind::Bot)), closed("ben", 2)]).await;
    let epoch = claim(store).await;
    let later = ended("ann", 3, past("sales", "va9", EndKind::Inactivity));
    let batch = Batch { closed: vec![later.clone()], ..journal([record(3, "ann", 0)]) };
    store.commit(epoch, &batch).await.unwrap();
    assert_eq!(names(store, &EndedOf::default(), 9).await.0, ["ann", "ben"]);
    assert_eq!(store.closed(&contact("ann")).await.unwrap(), Some(later));
}

async fn b13_one_that_was_closed_before_that_was_kept_is_told_all_the_same(store: &dyn Store) {
    keep(store, &[closed("ann", 1)]).await;
    let found = store.ended(&EndedOf { find: "ann".to_owned(), ..EndedOf::default() }, 9).await.unwrap();
    assert_eq!(found.contacts, [closed("ann", 1)]);
    let of_profile = EndedOf { profile: ProfileName::new("support").ok(), ..EndedOf::default() };
    assert_eq!(names(store, &of_profile, 9).await.0, Vec::<String>::new());
}
