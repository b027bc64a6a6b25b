//! What needs the store alone, asked for at a running gateway: it ends in order, the thing is done, it begins anew.

use std::{fs, path::Path, process::Command};

use serde_json::json;
use usher::seal::Sealer;

use super::{
    api::Program,
    editing::{Site, written},
    *,
};
use crate::{connector::DOOR, conversation::binary::Binary, fakes::engine::FakeEngine};

pub(super) const BEGUN: &str = "begun anew";

pub(super) fn data(site: &Site) -> std::path::PathBuf {
    site.usher.directory.path().join("data")
}

pub(super) fn key(data: &Path) -> Sealer {
    Sealer::find(data, None).unwrap().unwrap()
}

pub(super) fn names(data: &Path) -> Vec<String> {
    let mut all: Vec<_> =
        fs::read_dir(data).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    all.sort();
    all
}

/// A profile whose secret is sealed, a contact that is over, `c-1`, and one that is open, `c-2`.
pub(super) async fn lived(site: &Site, dialogflow: &FakeDialogflow) -> FakeEngine {
    let text = written(dialogflow, "tulip-gravel-9311");
    assert_eq!(site.admin.send("/profiles/new", &[("text", &text)]).await.status, 303);
    let engine = FakeEngine::attach(site.usher.setup()).await.unwrap();
    engine.logged_on("va1").await;
    for contact in ["c-1", "c-2"] {
        engine.open(contact, "va1").await;
        engine.say(contact, "hello").await;
        assert_eq!(engine.next_say(contact).await, ["echo: hello"]);
    }
    engine.end("c-1", "done").await;
    engine.settled().await;
    engine
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_the_master_key_is_changed_by_page_and_everything_goes_on() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let mut engine = lived(&site, &dialogflow).await;
    let old = key(&data(&site)).id();
    let seen = old.to_string();
    let page = site.admin.get("/store").await.text;
    assert!(page.contains(&old.to_string()) && page.contains("action=\"/store/key\""), "{page}");

    let wrong = site.admin.send("/store/key", &[("seen", &seen), ("password", "a guess of many")]).await;
    assert!(
        wrong.status == 422 && wrong.text.contains("This is not your password."),
        "{} {}",
        wrong.status,
        wrong.text
    );
    assert_eq!(key(&data(&site)).id(), old, "nothing was changed");

    let other = site.admin.send("/store/key", &[("seen", "0123456789abcdef"), ("password", PASSWORD)]).await;
    assert!(other.status == 422 && other.text.contains("look again"), "{} {}", other.status, other.text);
    let page = site.admin.send("/store/key", &[("seen", &seen), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 202, "{}", page.text);
    assert_eq!(page.headers["refresh"], "3; url=/store");
    assert!(page.text.contains("The gateway begins anew"), "{}", page.text);
    site.usher.lines(BEGUN, 1).await;
    let new = key(&data(&site)).id();
    assert_ne!(new, old);
    assert!(names(&data(&site)).contains(&format!("master.key.old-{old}")));

    assert_eq!(site.admin.get("/store").await.to.as_deref(), Some("/sign-in?to=%2Fstore"));
    assert_eq!(site.admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let page = site.admin.get("/store").await.text;
    for told in ["The master key was changed", "Asked for by chief", &new.to_string(), &format!("master.key.old-{old}")]
    {
        assert!(page.contains(told), "{told} in {page}");
    }
    let german = site.admin.client.get(site.admin.base.clone() + "/store").header("accept-language", "de");
    let german = site.admin.take(german.header("cookie", site.admin.cookies())).await.text;
    assert!(german.contains(&format!("sind jetzt unter dem Hauptschlüssel {new} versiegelt")), "{german}");
    let audit = site.admin.get("/audit.csv").await.text;
    let line = format!("\"chief\",\"key.rotated\",\"master key\",\"{old}\",\"{new}\"");
    assert_eq!(audit.matches(&line).count(), 1, "{audit}");
    let timeline = site.admin.get("/contacts/sales/c-1").await.text;
    assert!(timeline.contains("echo: hello") && timeline.contains("unaltered"), "{timeline}");
    let checked = site.admin.send("/profiles/sales/written/check", &[]).await.text;
    assert!(checked.contains("answers to no credential"), "the profile is in force, secrets and all: {checked}");

    engine.resume().await.unwrap();
    engine.say("c-2", "still there?").await;
    assert_eq!(engine.next_say("c-2").await, ["echo: still there?"]);
    engine.end("c-2", "done").await;
    engine.settled().await;
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_a_program_changes_the_master_key_by_naming_the_one_in_use_and_reads_what_came_of_it() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "keeper", "administrator").await;
    let operator = Program::new(&site.admin, "hand", "operator").await;
    let now = program.get("/store").await;
    assert_eq!(now.json()["last_overhaul"], json!(null));
    let from = now.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(operator.post("/store/key/rotate", &json!({ "from": from })).await.status, 403);
    assert_eq!(program.post("/store/key/rotate", &json!({ "from": "0123456789abcdef" })).await.status, 409);
    assert_eq!(key(&data(&site)).id().to_string(), from);

    // Twice: the second begins where the first has ended.
    let mut before = from;
    for life in 1..=2 {
        assert_eq!(program.post("/store/key/rotate", &json!({ "from": before })).await.status, 202);
        site.usher.lines(BEGUN, life).await;
        let now = program.get("/store").await.json();
        let (key, last) = (now["key"].as_str().unwrap().to_owned(), &now["last_overhaul"]);
        assert_ne!(key, before);
        assert_eq!(
            (&last["what"], &last["by"], &last["is_done"]),
            (&json!("rotation"), &json!("token:keeper"), &json!(true))
        );
        assert!(last["told"].as_str().unwrap().contains(&key), "{last}");
        before = key;
    }
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_while_the_gateway_begins_anew_ends_the_process_in_order_with_the_work_whole_or_not_begun() {
    let dialogflow = FakeDialogflow::start();
    let mut site = Site::new(&dialogflow).await;
    drop(lived(&site, &dialogflow).await);
    for moment in ["the gateway ends", "\"done\""] {
        let before = key(&data(&site)).id();
        let form = [("seen", before.to_string()), ("password", PASSWORD.to_owned())];
        let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(site.admin.send("/store/key", &form).await.status, 202);
        site.usher.line(moment).await;
        let signalled = Command::new("kill").args(["-TERM", &site.usher.id().to_string()]).status().unwrap();
        assert!(signalled.success());
        let (code, directory, log) = site.usher.ended().await;
        assert_eq!(code, Some(0), "{log}");
        assert!(!names(&directory.path().join("data")).contains(&"master.key.next".to_owned()), "nothing is half done");
        let profile = profile(&dialogflow.endpoint()).replace("va1", "va9");
        let usher = Binary::start_in(directory, &format!("{CONFIG}{DOOR}"), &profile).await;
        let admin = editing::browser_of(&usher).await;
        assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303);
        let timeline = admin.get("/contacts/sales/c-1").await.text;
        assert!(timeline.contains("echo: hello") && timeline.contains("unaltered"), "{timeline}");
        // Whichever of the two it was, the next start says it.
        site = Site { usher, admin };
        let (page, alerts) = (site.admin.get("/store").await.text, site.admin.get("/alerts").await.text);
        let is_changed = key(&data(&site)).id() != before;
        assert!(is_changed || moment != "\"done\"", "it was done when the signal came");
        assert_eq!(page.contains("The master key was changed"), is_changed, "{page}");
        assert_eq!(page.contains("a signal ended the process before it was begun"), !is_changed, "{page}");
        assert!(page.contains("Asked for by chief"), "{page}");
        assert_eq!(alerts.contains("the master key was not changed"), !is_changed, "{alerts}");
    }
    drop(site.usher.kill().await);
}
