//! What administrators keep, clause by clause.

use super::*;

hold_for_every_store!(
    a_document_is_changed_by_those_who_have_seen_it_as_it_is,
    changes_are_made_together_or_not_at_all,
    the_audit_log_is_read_from_its_end,
    the_audit_log_is_read_by_who_what_of_what_and_when,
    the_audit_log_is_searched_no_further_back_than_is_asked_for,
);

fn line(at: i64, by: &str) -> AuditLine {
    let (action, subject) = ("profile.changed".to_owned(), "support".to_owned());
    AuditLine { at: Timestamp(at), by: by.to_owned(), action, subject, before: None, after: Some("after".to_owned()) }
}

fn change(name: &str, expected: Expected, body: Option<&str>) -> Change {
    let body = body.map(|it| it.as_bytes().to_vec());
    Change { kind: DocumentKind::Profile, name: name.to_owned(), expected, body }
}

async fn version(store: &dyn Store, name: &str) -> u64 {
    store.document(DocumentKind::Profile, name).await.unwrap().unwrap().version
}

async fn conflict(store: &dyn Store, change: Change) -> Option<u64> {
    match store.change(&[change], &line(9, "cy")).await {
        Err(ChangeError::Conflict { kind: DocumentKind::Profile, found, .. }) => found.map(|it| it.version),
        other => panic!("{other:?}"),
    }
}

async fn a_document_is_changed_by_those_who_have_seen_it_as_it_is(store: &dyn Store) {
    let made = store.change(&[change("support", Expected::New, Some("a = 1"))], &line(1, "ann")).await.unwrap();
    let support = Document {
        kind: DocumentKind::Profile,
        name: "support".to_owned(),
        version: made[0],
        body: b"a = 1".to_vec(),
        changed_at: Timestamp(1),
        changed_by: "ann".to_owned(),
    };
    assert_eq!(store.document(DocumentKind::Profile, "support").await.unwrap(), Some(support.clone()));
    assert_eq!(store.document(DocumentKind::User, "support").await.unwrap(), None);
    assert_eq!(conflict(store, change("support", Expected::New, Some("b"))).await, Some(made[0]));
    let seen = Expected::Version(made[0]);
    let changed = store.change(&[change("support", seen, Some("a = 2"))], &line(2, "bob")).await.unwrap();
    assert!(changed[0] > made[0]);
    assert_eq!(conflict(store, change("support", seen, None)).await, Some(changed[0]));
    store.change(&[change("support", Expected::Version(changed[0]), None)], &line(3, "ann")).await.unwrap();
    assert_eq!(store.document(DocumentKind::Profile, "support").await.unwrap(), None);
    assert_eq!(conflict(store, change("support", Expected::Version(changed[0]), Some("x"))).await, None);
    store.change(&[change("support", Expected::Any, Some("again"))], &line(4, "ann")).await.unwrap();
    assert!(version(store, "support").await > changed[0], "a name that is used again has a higher version");
}

async fn changes_are_made_together_or_not_at_all(store: &dyn Store) {
    let both = [change("b", Expected::New, Some("1")), change("a", Expected::New, Some("2"))];
    store.change(&both, &line(1, "ann")).await.unwrap();
    let names = async || -> Vec<String> {
        store.documents(DocumentKind::Profile).await.unwrap().into_iter().map(|it| it.name).collect()
    };
    assert_eq!(names().await, ["a", "b"]);
    let half = [change("c", Expected::New, Some("1")), change("a", Expected::New, Some("2"))];
    assert!(
        matches!(store.change(&half, &line(2, "bob")).await, Err(ChangeError::Conflict { name, .. }) if name == "a")
    );
    assert_eq!(names().await, ["a", "b"]);
    assert_eq!(store.audit(&AuditOf::default(), 9).await.unwrap().len(), 1, "nothing was changed, so nothing is told");
    let twice = [change("d", Expected::New, Some("1")), change("d", Expected::New, Some("2"))];
    let versions = store.change(&twice, &line(3, "bob")).await.unwrap();
    let last = store.document(DocumentKind::Profile, "d").await.unwrap().unwrap();
    assert_eq!((last.version, last.body.as_slice()), (versions[1], &b"2"[..]), "all are compared before any is made");
}

async fn the_audit_log_is_read_from_its_end(store: &dyn Store) {
    for at in 1..=3 {
        store.change(&[change("a", Expected::Any, Some("1"))], &line(at, "ann")).await.unwrap();
    }
    let newest = store.audit(&AuditOf::default(), 2).await.unwrap();
    assert_eq!(newest.iter().map(|it| it.1.at.0).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(newest[0].1, line(3, "ann"));
    let older = store.audit(&AuditOf { before: Some(newest[1].0), ..AuditOf::default() }, 2).await.unwrap();
    assert_eq!(older.iter().map(|it| it.1.at.0).collect::<Vec<_>>(), [1]);
}

async fn the_audit_log_is_read_by_who_what_of_what_and_when(store: &dyn Store) {
    for (at, by, action, subject) in
        [(1, "ann", "user.added", "Ben"), (2, "ben", "unit.added", "sales"), (3, "ann", "unit.added", "Sales/2")]
    {
        let line = AuditLine { action: action.to_owned(), subject: subject.to_owned(), ..line(at, by) };
        store.change(&[], &line).await.unwrap();
    }
    let found = async |of: AuditOf| -> Vec<i64> {
        store.audit(&of, 9).await.unwrap().into_iter().map(|(_, line)| line.at.0).collect()
    };
    let all = AuditOf::default();
    assert_eq!(found(AuditOf { by: Some("ann".to_owned()), ..all.clone() }).await, [3, 1]);
    assert_eq!(found(AuditOf { action: Some("unit.added".to_owned()), ..all.clone() }).await, [3, 2]);
    assert_eq!(found(AuditOf { subject: "SALES".to_owned(), ..all.clone() }).await, [3, 2]);
    assert_eq!(found(AuditOf { from: Some(Timestamp(2)), ..all.clone() }).await, [3, 2]);
    assert_eq!(found(AuditOf { until: Some(Timestamp(2)), ..all.clone() }).await, [1]);
    let both = AuditOf { by: Some("ann".to_owned()), subject: "s".to_owned(), ..all };
    assert_eq!(found(both).await, [3], "all of it has to fit");
}

async fn the_audit_log_is_searched_no_further_back_than_is_asked_for(store: &dyn Store) {
    for (at, by) in [(1, "ann"), (2, "ben"), (3, "ben"), (4, "ann")] {
        store.change(&[], &line(at, by)).await.unwrap();
    }
    let newest = store.audit(&AuditOf::default(), 1).await.unwrap()[0].0;
    let found = async |before: u64, since: u64| -> Vec<i64> {
        let of = AuditOf { by: Some("ann".to_owned()), before: Some(before), since: Some(since), ..AuditOf::default() };
        store.audit(&of, 9).await.unwrap().into_iter().map(|(_, line)| line.at.0).collect()
    };
    assert_eq!(found(newest + 1, newest - 2).await, [4]);
    assert_eq!(found(newest - 1, newest - 3).await, [1], "the line of this number is looked at as well");
    assert_eq!(found(newest, newest - 2).await, [0_i64; 0]);
    assert_eq!(found(u64::MAX, 0).await, [4, 1]);
}
