//! The store by page: what is kept, a backup that can be restored, a sweep by hand, one contact erased.

use std::{fs, process::Command};

use usher::store::{Store as _, sqlite::Sqlite};

use super::*;
use crate::fakes::engine::FakeEngine;

/// A contact that is over, `c-1`, and one that is open, `c-2`.
pub(super) async fn lived(house: &House) -> FakeEngine {
    let engine = FakeEngine::attach(house.usher.setup()).await.unwrap();
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
async fn the_store_says_what_it_keeps_and_gives_a_backup_that_is_good() {
    let (house, admin) = House::with_admin().await;
    let _engine = lived(&house).await;
    let page = admin.get("/store").await;
    for text in ["2 (1 open, 0 erased)", "That is the default.", "Free on its disk", "usher key rotate --data"] {
        assert!(page.text.contains(text), "{text} in {}", page.text);
    }
    let token = admin.csrf().await;
    let request = admin.client.post(admin.base.clone() + "/store/backup").header("sec-fetch-site", "same-origin");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let response = request.header("cookie", admin.cookies()).body(format!("csrf={token}")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let disposition = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(
        disposition.starts_with("attachment; filename=\"usher-") && disposition.ends_with(".tar\""),
        "{disposition}"
    );
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let archive = response.bytes().await.unwrap();
    assert_eq!(archive.len(), length);
    let data = house.usher.data();
    let key = fs::read_to_string(data.join("master.key")).unwrap();
    assert!(!archive.windows(64).any(|it| it == &key.as_bytes()[..64]), "the master key is not in it");
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("b.tar"), &archive).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["restore", "--check", "b.tar", "--data", data.to_str().unwrap()])
        .current_dir(elsewhere.path())
        .env_clear()
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("2 contacts (1 open, 0 erased)"), "{said}");
    let left: Vec<_> = fs::read_dir(&data).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert!(!left.iter().any(|it| it.to_string_lossy().contains("backup")), "no copy is left: {left:?}");
    let audit = admin.get("/audit").await.text;
    assert!(audit.contains("title=\"store.backed_up\"") && audit.contains("sha256"), "{audit}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_one_backup_at_a_time_and_whoever_leaves_makes_room() {
    let (house, admin) = House::with_admin().await;
    // More than what sockets and queues take before somebody reads.
    const LARGE: usize = 64 * 1024 * 1024;
    let store = Sqlite::open_existing(&house.usher.data()).await.unwrap();
    store.put_secret("large", &vec![1; LARGE]).await.unwrap();
    store.close().await.unwrap();
    let token = admin.csrf().await;
    let ask = || {
        let request = admin.client.post(admin.base.clone() + "/store/backup").header("cookie", admin.cookies());
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        request.body(format!("csrf={token}")).send()
    };
    let first = ask().await.unwrap();
    assert_eq!(first.status(), 200);
    assert_eq!(ask().await.unwrap().status(), 409, "the first is still under way");
    drop(first);
    let again = async {
        loop {
            let response = ask().await.unwrap();
            if response.status() == 200 {
                return response.bytes().await.unwrap().len();
            }
        }
    };
    let length = tokio::time::timeout(std::time::Duration::from_secs(20), again).await.expect("there is room again");
    assert!(length > LARGE, "{length}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_by_hand_takes_a_number_and_a_yes_and_leaves_who_is_open() {
    let (house, admin) = House::with_admin().await;
    let engine = lived(&house).await;
    for form in [[("days", "many"), ("sure", "yes")], [("days", "-1"), ("sure", "yes")], [("days", "0"), ("sure", "")]]
    {
        let page = admin.send("/store/prune", &form).await;
        assert_eq!(page.status, 422, "{form:?}");
        assert!(page.text.contains("Nothing was changed") && page.text.contains("aria-invalid"), "{}", page.text);
        assert!(page.text.contains(&format!("value=\"{}\"", form[0].1)), "what was typed is kept");
    }
    assert_eq!(admin.get("/contacts/sales/c-1").await.status, 200);
    engine.say("c-2", "a record behind those of the other").await;
    engine.next_say("c-2").await;
    engine.settled().await;
    let page = admin.send("/store/prune", &[("days", "0"), ("sure", "yes")]).await;
    assert_eq!(page.status, 303, "{}", page.text);
    let to = page.to.unwrap();
    assert!(to.starts_with("/store?removed=") && to != "/store?removed=0", "{to}");
    let page = admin.get(&to).await;
    assert!(page.text.contains("Last sweep:"), "{}", page.text);
    assert_eq!(admin.get("/contacts/sales/c-1").await.status, 404);
    engine.say("c-2", "still there?").await;
    assert_eq!(engine.next_say("c-2").await, ["echo: still there?"]);
    let audit = admin.get("/audit").await.text;
    assert!(audit.contains("title=\"store.pruned\"") && audit.contains("older than 0 days"), "{audit}");
    house.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_one_contact_is_erased_by_its_name_when_it_is_over() {
    let (house, admin) = House::with_admin().await;
    let engine = lived(&house).await;
    let at = "/contacts/sales/c-1";
    assert!(admin.get(at).await.text.contains("/contacts/sales/c-1/erase"));
    assert!(!admin.get("/contacts/sales/c-2").await.text.contains("c-2/erase"), "open contacts are not erased");
    let open = admin.get("/contacts/sales/c-2/erase").await;
    assert!(open.text.contains("End it first") && !open.text.contains("name=\"confirm\""), "{}", open.text);
    assert_eq!(admin.send("/contacts/sales/c-2/erase", &[("confirm", "c-2")]).await.status, 409);
    assert!(admin.get("/contacts/sales/c-2").await.text.contains("echo: hello"));

    let wrong = admin.send("/contacts/sales/c-1/erase", &[("confirm", "c-2")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("This is not the contact") && wrong.text.contains("value=\"c-2\""), "{}", wrong.text);
    assert!(admin.get(at).await.text.contains("echo: hello"));
    let page = admin.send("/contacts/sales/c-1/erase", &[("confirm", "c-1")]).await;
    assert_eq!((page.status, page.to.as_deref()), (303, Some("/contacts/sales/c-1?done=erased")));
    let told = admin.get(&page.to.unwrap()).await.text;
    assert!(told.contains("It is erased: nobody can read any more"), "{told}");
    let timeline = admin.get(at).await.text;
    assert!(timeline.contains("erased by chief") && timeline.contains("unaltered"), "{timeline}");
    assert!(!timeline.contains("echo: hello") && !timeline.contains("/erase"), "once: {timeline}");
    let again = admin.get("/contacts/sales/c-1/erase").await.text;
    assert!(again.contains("is erased already") && !again.contains("name=\"confirm\""), "{again}");
    let said = admin.get("/contacts/sales/c-2?done=erased").await.text;
    assert!(!said.contains("It is erased"), "an address says nothing that is not so: {said}");
    let audit = admin.get("/audit.csv").await.text;
    let line = audit.lines().find(|it| it.contains("contact.erased")).expect("it is in the log");
    assert!(line.contains("chief") && line.contains("record 1") && !line.contains("c-1"), "{line}");

    let operator = house.user(&admin, "ann", "operator").await;
    assert!(!operator.get(at).await.text.contains("/erase"));
    for path in ["/store", "/contacts/sales/c-1/erase"] {
        assert_eq!(operator.get(path).await.status, 403, "{path}");
    }
    engine.end("c-2", "done").await;
    house.close().await;
}
