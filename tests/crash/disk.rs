//! A disk that is full, and then is not.

use tempfile::TempDir;
use usher::wire::engine::{contact_rejected::Reason, gateway_frame::Body};

use crate::{
    centre::{self, AGENT},
    fakes::{
        dialogflow::FakeDialogflow,
        engine::{FakeEngine, tcp},
    },
    house::{config, profile},
    process::{Doors, Usher, configure, wait_until},
};

struct Site {
    directory: TempDir,
    _dialogflow: FakeDialogflow,
    usher: Usher,
    doors: Doors,
    engine: FakeEngine,
}

/// A gateway whose disk can be filled, with a contact `c1` that has had an answer.
async fn open() -> Site {
    let (directory, dialogflow) = (TempDir::new().unwrap(), FakeDialogflow::start());
    configure(directory.path(), &config("sync", 1), &profile(&dialogflow));
    let mut usher = Usher::spawn_limitable(directory.path());
    let doors = usher.doors().await;
    let engine = FakeEngine::attach(centre::setup(tcp(doors.engines))).await.unwrap();
    engine.open("c1", AGENT).await;
    engine.say("c1", "one").await;
    assert_eq!(engine.next_say("c1").await, ["echo: one"]);
    engine.settled().await;
    Site { directory, _dialogflow: dialogflow, usher, doors, engine }
}

impl Site {
    /// Fills the disk and lets the gateway find out by a message that it cannot keep.
    async fn fill(&self) {
        self.usher.limit_files(Some(1));
        self.engine.say("c1", "two").await;
        wait_until(self.doors.ops, "store_unavailable").await;
    }
}

#[tokio::test]
async fn a_full_disk_refuses_new_work_and_recovers_without_a_restart() {
    let Site { directory: _directory, _dialogflow, usher, doors, engine } = {
        let site = open().await;
        site.fill().await;
        site
    };
    let three = engine.say("c1", "three").await;
    let busy = |it: &Body| matches!(it, Body::Busy(it) if it.message_id == three).then_some(());
    engine.notice("Busy for the message", busy).await;
    engine.offer("c2", AGENT).await;
    let reason = engine.notice("rejection", |it| match it {
        Body::ContactRejected(it) if it.contact == "c2" => Some(it.reason()),
        _ => None,
    });
    assert_eq!(reason.await, Reason::StoreUnavailable);
    assert_eq!(engine.take_commands(), [], "nothing is said that is not kept");
    assert!(engine.unacknowledged() > 0, "the second message is not acknowledged");

    usher.limit_files(None);
    assert_eq!(engine.next_say("c1").await, ["echo: two"]);
    assert_eq!(engine.next_say("c1").await, ["echo: three"], "sent again after Busy");
    wait_until(doors.ops, "ready\n").await;
    engine.open("c2", AGENT).await;
    engine.settled().await;
    assert_eq!((engine.take_commands(), engine.breaches(), engine.repeated()), (vec![], vec![], 0));
    usher.kill().await;
}

#[tokio::test]
async fn a_kill_on_a_full_disk_loses_nothing_acknowledged() {
    let mut site = open().await;
    site.fill().await;
    site.usher.kill().await;
    let mut usher = Usher::spawn(site.directory.path());
    site.engine.redirect(tcp(usher.doors().await.engines));
    site.engine.resume().await.unwrap();
    assert_eq!(site.engine.next_say("c1").await, ["echo: two"]);
    site.engine.settled().await;
    assert_eq!((site.engine.take_commands(), site.engine.breaches()), (vec![], vec![]));
    usher.kill().await;
}

/// An orchestrator's SIGTERM must not have to become a SIGKILL.
#[tokio::test]
async fn a_drain_on_a_full_disk_ends_with_an_error() {
    let site = open().await;
    site.fill().await;
    site.usher.terminate();
    let status = site.usher.ended().await;
    assert_eq!(status.code(), Some(1));
}
