//! A profile is paused and resumed: its new contacts go to its fallback queue, running ones go on, a restart changes nothing.

use tempfile::TempDir;
use usher::wire::engine::{MediaType, command, contact_rejected::Reason, gateway_frame};

use super::*;
use crate::fakes::engine::FakeEngine;

const PROFILE: &str = "/profiles/sales/support";

async fn house(directory: TempDir, dialogflow: FakeDialogflow, more: &str) -> House {
    let usher = Usher::start_in(directory, CONFIG, &(profile(&dialogflow.endpoint()) + more)).await;
    let (office, address) = usher.open_office().await;
    House { usher, office, address, dialogflow }
}

async fn admin_of(house: &House) -> Browser {
    let (browser, link) = (house.browser(), house.link());
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(browser.post("/welcome", &form).await.status, 303);
    browser
}

async fn attach(house: &House) -> FakeEngine {
    let engine = FakeEngine::attach(house.usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    engine.logged_on("va1").await;
    engine
}

/// The contact's next command sends it to the queue, because of the pause.
async fn goes_to_the_queue(engine: &FakeEngine, contact: &str) {
    engine.open(contact, "va1").await;
    match engine.next_command(contact).await.command {
        Some(command::Command::Requeue(it)) => {
            assert_eq!(it.reason, "the profile was paused by olga");
            assert!(format!("{:?}", it.to).contains("support"), "{it:?}");
        }
        other => panic!("not given to the queue but {other:?}"),
    }
}

async fn is_answered(engine: &FakeEngine, contact: &str) {
    engine.say(contact, "hello").await;
    assert_eq!(engine.next_say(contact).await, ["echo: hello"]);
}

#[tokio::test]
async fn a_paused_profile_sends_new_contacts_to_its_queue_until_it_is_resumed_also_after_a_restart() {
    let with_queue = "[handover]\nqueue = \"support\"\n";
    let house_1 = house(TempDir::new().unwrap(), FakeDialogflow::start(), with_queue).await;
    let admin = admin_of(&house_1).await;
    let operator = house_1.user(&admin, "olga", "operator").await;
    let viewer = house_1.user(&admin, "victor", "viewer").await;
    let engine = attach(&house_1).await;
    engine.open("c-1", "va1").await;
    is_answered(&engine, "c-1").await;

    assert_eq!(viewer.send(&format!("{PROFILE}/pause"), &[]).await.status, 403);
    assert!(!viewer.get(PROFILE).await.text.contains("Pause"), "a viewer is not offered it");
    assert!(operator.get(PROFILE).await.text.contains("new contacts go to queue support at once"));
    let done = operator.send(&format!("{PROFILE}/pause"), &[]).await;
    assert_eq!((done.status, done.to), (303, Some(format!("{PROFILE}?done=paused"))), "{}", done.text);
    assert_eq!(operator.send(&format!("{PROFILE}/pause"), &[]).await.status, 303, "once more changes nothing");

    goes_to_the_queue(&engine, "c-2").await;
    let timeline = viewer.get("/contacts/sales/c-2").await.text;
    assert!(timeline.contains("handed over to queue support because of the profile was paused by olga"), "{timeline}");
    is_answered(&engine, "c-1").await;
    for (path, text) in [
        (PROFILE, "Paused by olga"),
        ("/profiles", "paused"),
        ("/", "Paused, new contacts do not come here:"),
        ("/alerts", "profile support was paused by olga: new contacts go to queue support"),
    ] {
        let page = viewer.get(path).await.text;
        assert!(page.contains(text), "no {text} on {path}: {page}");
    }

    drop(engine);
    let House { usher, office, dialogflow, .. } = house_1;
    office.close().await;
    let house_2 = house(usher.drain().await, dialogflow, with_queue).await;
    let admin = house_2.browser();
    assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
    assert!(admin.get("/alerts").await.text.contains("was paused by olga"), "it outlives a restart");
    let engine = attach(&house_2).await;
    goes_to_the_queue(&engine, "c-3").await;

    assert_eq!(admin.send(&format!("{PROFILE}/resume"), &[]).await.status, 303);
    engine.open("c-4", "va1").await;
    is_answered(&engine, "c-4").await;
    assert!(!admin.get("/alerts").await.text.contains("was paused by"), "mended");
    assert!(!admin.get("/").await.text.contains("do not come here"));
    let log = admin.get("/audit.csv").await.text;
    assert_eq!(log.matches("\"olga\",\"profile.paused\",\"sales/support\"").count(), 1, "{log}");
    assert_eq!(log.matches("\"chief\",\"profile.resumed\",\"sales/support\"").count(), 1, "{log}");
    house_2.close().await;
}

#[tokio::test]
async fn a_paused_profile_without_a_queue_that_takes_them_refuses_new_contacts_and_says_why() {
    for (more, why) in [
        ("", "its [handover] names no queue"),
        ("[handover]\nqueue = \"closed\"\n", "its fallback queue is closed"),
        ("[handover]\nqueue = \"none\"\n", "its fallback queue is not in the directory"),
    ] {
        let house = house(TempDir::new().unwrap(), FakeDialogflow::start(), more).await;
        let admin = admin_of(&house).await;
        let mut setup = house.usher.setup().queue("closed", MediaType::OpenMedia);
        setup.directory.queues[0].open = false;
        let engine = FakeEngine::attach(setup).await.unwrap();
        engine.logged_on("va1").await;
        admin.send(&format!("{PROFILE}/pause"), &[]).await;
        engine.offer("c-1", "va1").await;
        let rejected = |it: &gateway_frame::Body| {
            if let gateway_frame::Body::ContactRejected(it) = it { Some(it.clone()) } else { None }
        };
        let rejected = engine.notice("rejection", rejected).await;
        assert_eq!(rejected.reason(), Reason::AtCapacity, "the routing engine waits, or finds another way");
        assert!(rejected.detail.contains("is paused") && rejected.detail.contains(why), "{rejected:?}");
        house.close().await;
    }
}
