//! How fast the gateway is there, and how fast it is back with many contacts. The figures are printed; the bounds asserted
//! leave room for a debug build on a busy machine.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tokio::net::TcpStream;
use usher::{
    app,
    clock::Clock,
    config::Sources,
    core::{
        contact::{Card, Contact, Context, Out},
        directory::Directory,
        ids::{ContactId, ContactName, UnitName, UserId},
        message::MediaType,
        profile::Rules,
    },
    store::{Batch, Pos, Record, Snapshot, Store as _, sqlite::Sqlite},
};

use crate::{
    centre::{self, AGENT},
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, tcp},
    },
    house::{config, profile},
    process::{Usher, configure},
};

const CONTACTS: usize = 100_000;
/// What a debug build may take longer, with other tests beside it.
const LENIENCE: u32 = if cfg!(debug_assertions) { 12 } else { 2 };

#[tokio::test]
async fn starts_listening_at_once() {
    let (directory, dialogflow) = (TempDir::new().unwrap(), FakeDialogflow::start());
    configure(directory.path(), &config("sync", 1), &profile(&dialogflow));
    let mut best = Duration::MAX;
    for _ in 0..5 {
        let began = Clock::instant();
        let mut usher = Usher::spawn(directory.path());
        let doors = usher.doors().await;
        TcpStream::connect(doors.engines).await.unwrap();
        best = best.min(began.elapsed());
        usher.kill().await;
    }
    println!("start to listening: {best:?}");
    assert!(best <= LENIENCE * Duration::from_millis(50), "{best:?}");
}

#[tokio::test]
async fn a_hundred_thousand_contacts_are_back_in_a_second() {
    let (directory, dialogflow) = (TempDir::new().unwrap(), FakeDialogflow::start());
    configure(directory.path(), &config("sync", 1), &profile(&dialogflow));
    fill(directory.path()).await;
    let began = Clock::instant();
    let mut usher = Usher::spawn(directory.path());
    let mut engine = FakeEngine::attach(centre::setup(tcp(usher.doors().await.engines))).await.unwrap();
    let attached = began.elapsed();
    for contact in [0, CONTACTS / 2, CONTACTS - 1] {
        let (name, text) = (format!("c{contact}"), format!("from {contact}"));
        engine.say(&name, &text).await;
        assert_eq!(engine.next_say(&name).await, [format!("echo: {text}")]);
    }
    let replied = began.elapsed();
    let cpu = usher.cpu();
    println!(
        "recovery of {CONTACTS} contacts: attached after {attached:?}, replies after {replied:?} ({cpu:?} of CPU)"
    );
    assert!(replied <= LENIENCE * Duration::from_secs(1), "{replied:?}");
    engine.cut();
    usher.kill().await;
}

/// Half of the contacts lie in snapshots, half in the journal, as a kill between two checkpoints leaves them.
async fn fill(directory: &Path) {
    let sources = Sources { config: Some(directory.join("usher.toml")), ..Sources::default() };
    let settings = app::load(&sources).await.unwrap_or_else(|why| panic!("{why:?}")).settings;
    let rules = &settings.profiles[0].rules;
    let store = Sqlite::open(&settings.store.path).await.unwrap();
    let claim = store.claim("a gateway before").await.unwrap();
    let mut batch = Batch::default();
    let mut pos = claim.next;
    for n in 0..CONTACTS {
        let (contact, body, state) = contact(n, rules);
        let record = Record { pos, contact, prev: Pos(0), at: Clock::system().now(), hash: [0; 32], body };
        if n < CONTACTS / 2 {
            batch.snapshots.push(Snapshot { contact: record.contact.clone(), last: pos, hash: record.hash, state });
        }
        batch.records.push(record);
        pos = Pos(pos.0 + 1);
        if n + 1 == CONTACTS / 2 {
            batch.checkpoint = Some(pos);
        }
        if batch.records.len() == 10_000 {
            store.commit(claim.epoch, &std::mem::take(&mut batch)).await.unwrap();
        }
    }
    store.close().await.unwrap();
}

/// A contact's id, first record and state.
fn contact(n: usize, rules: &Rules) -> (ContactId, Vec<u8>, Vec<u8>) {
    let id = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(&format!("c{n}")).unwrap() };
    let card = Card {
        agent: UserId::new(AGENT).unwrap(),
        media: MediaType::WebInteraction,
        queue: None,
        language: "en".to_owned(),
        customer_id: format!("customer-{n}"),
        customer_name: "Erika Mustermann".to_owned(),
        customer_address: "erika@example.com".to_owned(),
        attributes: vec![("plan".to_owned(), "gold".to_owned())],
        history: Vec::new(),
    };
    let (directory, mut out) = (Directory::default(), Out::default());
    let cx = Context { rules, directory: &directory, now: Clock::system().now(), rolled_back: false };
    let contact = Contact::start(card, false, None, cx, &mut out);
    let (record, state) = (contact.record(&out.steps).unwrap(), contact.snapshot().unwrap());
    (id, record, state)
}
