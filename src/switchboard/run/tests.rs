//! A disk that is full for a while.

use futures::{FutureExt as _, StreamExt as _};
use rand::SeedableRng as _;
use tempfile::TempDir;

use super::*;
use crate::{
    switchboard::{
        Event, Limits, Media, NewContact, Presence, Setup, Switchboard, journal::full::Full, link::Centre, talk::What,
    },
    wire::engine::{Command, ContactAccepted, Message, Say, command, gateway_frame, message},
};

struct House {
    directory: TempDir,
    full: Full,
    switchboard: Switchboard,
}

impl House {
    fn new() -> Self {
        let (directory, full) = (TempDir::new().unwrap(), Full::default());
        let mut floor = Floor::new(Setup::demo(), Limits::default());
        let opened = journal::open(&directory.path().join("switchboard.jsonl"), |it| floor.restore(it)).unwrap();
        let journal = opened.start_on_disk(&floor.records(), &full).unwrap();
        let inner = Inner::begin(floor, journal, None, Clock::system(), StdRng::seed_from_u64(1));
        Self { directory, full, switchboard: Switchboard { inner } }
    }

    fn hears(&self, body: gateway_frame::Body) -> futures::future::BoxFuture<'static, ()> {
        AtGateway(Arc::clone(&self.switchboard.inner)).on_frame(body)
    }
}

fn new() -> NewContact {
    NewContact { media: Media::WebInteraction, language: "en".into(), name: None, attributes: [].into() }
}

fn says(contact: &ContactName, seq: u32, text: &str) -> gateway_frame::Body {
    let messages = vec![Message { message: Some(message::Message::Text(text.to_owned())) }];
    let command = Some(command::Command::Say(Say { messages }));
    gateway_frame::Body::Command(Command { contact: contact.to_string(), action_seq: seq, command })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_acknowledges_nothing_refuses_new_work_and_loses_nothing() {
    let house = House::new();
    let centre = &house.switchboard;
    AtGateway(Arc::clone(&centre.inner)).attached(true);
    let id = centre.open(new()).await.unwrap();
    let (contact, agent) = (id.to_string(), "va-1".to_owned());
    house.hears(gateway_frame::Body::ContactAccepted(ContactAccepted { contact, agent })).await;
    let mut follower = Box::pin(centre.follow(&id, 2).unwrap());

    house.full.set(true);
    assert_eq!(centre.customer_says(&id, "m1", "one").await, Err(Refusal::Unavailable));
    let mut told = house.hears(says(&id, 1, "Hello"));
    assert!((&mut told).now_or_never().is_none(), "the gateway hears of no acknowledgement");
    assert_eq!(centre.open(new()).await, Err(Refusal::Unavailable));
    assert_eq!(centre.customer_says(&id, "m2", "two").await, Err(Refusal::Unavailable));
    assert_eq!(centre.set_state("desk-2", Presence::Available).await, Err(Refusal::Unavailable));
    assert!(follower.next().now_or_never().is_none(), "nor does anybody see what may yet be lost");
    // What is on the disk now is what was acknowledged, and a piece of what was not.
    let copy = house.directory.path().join("copy.jsonl");
    std::fs::copy(house.directory.path().join("switchboard.jsonl"), &copy).unwrap();
    let mut before = Floor::new(Setup::demo(), Limits::default());
    drop(journal::open(&copy, |it| before.restore(it)).unwrap());
    assert_eq!(before.find(&id).unwrap().entries.len(), 2);

    house.full.set(false);
    told.await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let Some(Event::Entry(entry)) = follower.next().await else { panic!("it ended: {seen:?}") };
        let What::Message { id, .. } = &entry.what else { panic!("{entry:?}") };
        seen.push(id.clone());
    }
    assert_eq!(seen, ["m1", "e4"]);
    assert!(centre.customer_says(&id, "m1", "one").await.unwrap().repeated, "it was said once");
    assert!(!centre.customer_says(&id, "m2", "two").await.unwrap().repeated);
    centre.stop().await;
    let mut after = Floor::new(Setup::demo(), Limits::default());
    drop(journal::open(&house.directory.path().join("switchboard.jsonl"), |it| after.restore(it)).unwrap());
    assert_eq!(after.find(&id).unwrap().entries.len(), 5);
    assert_eq!(after.contacts().count(), 1);
}
