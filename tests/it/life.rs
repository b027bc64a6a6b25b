//! What a kill can leave behind at its worst moment, put into a store as it would lie there, and how a start goes on from it.

use std::sync::Arc;

use usher::{
    app,
    clock::Clock,
    config::Sources,
    core::{
        contact::{Card, Contact, Context, Event, Out},
        directory::Directory,
        ids::{ContactId, ContactName, MessageId, UnitName, UserId},
        message::{Input, MediaType as Media},
        profile::Rules,
    },
    seal::DataKey,
    store::{Batch, Loaded, Pos, Record, Store, memory::Memory},
    wire::engine::{MediaType, command::Command, contact_rejected::Reason, gateway_frame::Body},
};

use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::{FakeEngine, tcp},
    },
    harness::{CONFIG, Usher, profile},
};

const TO_PERSON: &str = r#"
[[action]]
name = "to_person"
media = "openmedia"
kind = "requeue"
queue = "person"
"#;

/// The rules by which the gateway before began its contacts.
async fn rules(profile: &str) -> Arc<Rules> {
    let directory = tempfile::TempDir::new().unwrap();
    let file = directory.path().join("usher.toml");
    std::fs::create_dir(directory.path().join("profiles")).unwrap();
    std::fs::write(directory.path().join("profiles/support.toml"), profile).unwrap();
    std::fs::write(&file, CONFIG).unwrap();
    let loaded = app::load(&Sources { config: Some(file), ..Sources::default() }).await.unwrap();
    Arc::clone(&loaded.settings.profiles[0].rules)
}

/// A store with contact `c1` as `events` left it, one record for each.
async fn left_behind(profile: &str, events: Vec<Event>) -> Arc<dyn Store> {
    let (rules, directory, now) = (rules(profile).await, Directory::default(), Clock::system().now());
    let cx = Context { rules: &rules, directory: &directory, now, rolled_back: false };
    let card = Card {
        agent: UserId::new("va1").unwrap(),
        media: Media::OpenMedia,
        queue: None,
        language: "en".to_owned(),
        customer_id: String::new(),
        customer_name: String::new(),
        customer_address: String::new(),
        attributes: Vec::new(),
        history: Vec::new(),
    };
    let store = Memory::new();
    let claim = store.claim("a gateway before").await.unwrap();
    let id = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c1").unwrap() };
    let (mut batch, mut prev, mut out) = (Batch::default(), Pos(0), Out::default());
    let mut contact = Contact::start(card, false, None, cx, &mut out);
    let mut write = |contact: &Contact, out: &Out| {
        let pos = Pos(claim.next.0 + u64::try_from(batch.records.len()).unwrap());
        let body = contact.record(&out.steps).unwrap();
        batch.records.push(Record { pos, contact: id.clone(), prev, at: now, hash: [0; 32], body });
        prev = pos;
    };
    write(&contact, &out);
    for event in events {
        let mut out = Out::default();
        contact.on_event(event, cx, &mut out);
        write(&contact, &out);
    }
    store.commit(claim.epoch, &batch).await.unwrap();
    Arc::new(store)
}

#[tokio::test]
async fn an_interrupted_question_waits_for_the_directory_that_its_answer_needs() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.on_text("a person, please", say("I connect you.").action("to_person", &serde_json::json!({})));
    let profile = profile(&dialogflow.endpoint()) + TO_PERSON;
    let (id, input) = (MessageId::new("m0").unwrap(), Input::Text("a person, please".to_owned()));
    let store = left_behind(&profile, vec![Event::Message { id, input, sensitive: false }]).await;
    let usher = Usher::start_on(store, CONFIG, &profile).await;
    let engine = FakeEngine::attach(usher.setup().queue("person", MediaType::OpenMedia)).await.unwrap();
    assert_eq!(engine.next_say("c1").await, ["I connect you."], "the queue is there by now");
    assert!(matches!(engine.next_command("c1").await.command, Some(Command::Requeue(_))));
    assert_eq!(dialogflow.requests().len(), 1);
    engine.settled().await;
    usher.drain().await;
}

#[tokio::test]
async fn a_contact_killed_between_its_end_and_its_closing_is_closed_by_the_next_start() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint());
    let store = left_behind(&profile, vec![Event::Left { reason: "done".to_owned() }]).await;
    let usher = Usher::start_on(Arc::clone(&store), CONFIG, &profile).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    engine.logged_on("va1").await;
    engine.offer("c1", "va1").await;
    let rejected = |it: &Body| if let Body::ContactRejected(it) = it { Some(it.reason()) } else { None };
    assert_eq!(engine.notice("rejection", rejected).await, Reason::Invalid, "the name is used up");
    assert_eq!((engine.take_commands(), engine.take_notices()), (vec![], vec![]));
    usher.drain().await;
    let mut left = Vec::new();
    store.load(&mut |loaded| left.push(loaded)).await.unwrap();
    assert_eq!(left, [], "nothing to carry along any more");
}

#[tokio::test]
async fn b10_a_contact_from_before_there_were_keys_is_read_and_sealed_from_there_on() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint());
    let (id, input) = (MessageId::new("m0").unwrap(), Input::Text("hello".to_owned()));
    let store = left_behind(&profile, vec![Event::Message { id, input, sensitive: false }]).await;
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new("c1").unwrap() };
    let sealed = async |store: &Arc<dyn Store>| -> Vec<bool> {
        let records = store.records(&contact, 100).await.unwrap();
        records.iter().map(|it| DataKey::is_sealed(&it.body)).collect()
    };
    assert_eq!(sealed(&store).await, [false, false]);
    let usher = Usher::start_on(Arc::clone(&store), CONFIG, &profile).await;
    let mut engine = FakeEngine::attach(usher.setup()).await.unwrap();
    assert_eq!(engine.next_say("c1").await, ["echo: hello"]);
    engine.settled().await;
    usher.drain().await;
    let now = sealed(&store).await;
    assert!(now.len() > 2 && now[2..].iter().all(|it| *it), "{now:?}");
    assert_eq!(store.lives(&contact).await.unwrap().len(), 1);
    // And once more, from the snapshot that the drain has left.
    let usher = Usher::start_on(Arc::clone(&store), CONFIG, &profile).await;
    engine.redirect(tcp(usher.engines));
    engine.resume().await.unwrap();
    engine.say("c1", "again").await;
    assert_eq!(engine.next_say("c1").await, ["echo: again"]);
    engine.end("c1", "done").await;
    engine.settled().await;
    usher.drain().await;
    let mut left = Vec::new();
    store.load(&mut |loaded| left.push(loaded)).await.unwrap();
    assert!(left.iter().all(|it| !matches!(it, Loaded::Snapshot(_))), "{left:?}");
}
