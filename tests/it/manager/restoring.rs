//! A backup restored at a running gateway, by page and by program; what is no good changes nothing.

use std::{fs, time::Duration};

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};
use usher::seal::KeyId;

use super::{
    api::Program,
    editing::{Site, browser_of, written},
    overhaul::{BEGUN, data, key, lived, names},
    *,
};
use crate::{connector::DOOR, conversation::binary::Binary, fakes::engine::FakeEngine};

const RESTORING: &str = "/store/restoring";

async fn fetch(admin: &Browser) -> Vec<u8> {
    let body = format!("csrf={}", admin.csrf().await);
    let request = admin.client.post(admin.base.clone() + "/store/backup").header("cookie", admin.cookies());
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.bytes().await.unwrap().to_vec()
}

fn form(csrf: &str, key: &str, backup: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    let file = "name=\"file\"; filename=\"usher.tar\"\r\nContent-Type: application/x-tar";
    for (head, value) in [("name=\"csrf\"", csrf.as_bytes()), ("name=\"key\"", key.as_bytes()), (file, backup)] {
        body.extend(format!("--xYzZY\r\nContent-Disposition: form-data; {head}\r\n\r\n").bytes());
        body.extend(value);
        body.extend(b"\r\n");
    }
    body.extend(b"--xYzZY--\r\n");
    body
}

async fn bring(admin: &Browser, key: &str, backup: &[u8]) -> Page {
    let body = form(&admin.csrf().await, key, backup);
    let request = admin.client.post(admin.base.clone() + RESTORING).header("cookie", admin.cookies());
    admin.take(request.header("content-type", "multipart/form-data; boundary=xYzZY").body(body)).await
}

/// The same, as a version far ahead of ours would have made it.
fn newer(backup: &[u8]) -> Vec<u8> {
    let at = |what: &[u8]| backup.windows(what.len()).position(|it| it == what).unwrap();
    let sum = |bytes: &[u8]| Sha256::digest(bytes).iter().map(|it| format!("{it:02x}")).collect::<String>();
    let begin = at(b"SQLite format 3\0");
    let length = std::str::from_utf8(&backup[begin - 388..begin - 377]).unwrap();
    let end = begin + usize::from_str_radix(length, 8).unwrap();
    let mut newer = backup.to_vec();
    // Where SQLite keeps `user_version`.
    newer[begin + 60..begin + 64].copy_from_slice(&99_u32.to_be_bytes());
    let (told, new) = (at(sum(&backup[begin..end]).as_bytes()), sum(&newer[begin..end]));
    newer[told..told + new.len()].copy_from_slice(new.as_bytes());
    newer
}

/// No page is left of what was refused, nor any file.
async fn refused(site: &Site, key: &str, backup: &[u8], why: &str) {
    let page = bring(&site.admin, key, backup).await;
    assert!(page.status == 422 && page.text.contains(why), "{why}: {} {}", page.status, page.text);
    assert!(!names(&data(site)).iter().any(|it| it.starts_with('.')), "{why}: {:?}", names(&data(site)));
    assert!(site.admin.get(RESTORING).await.text.contains("No backup waits"), "{why}");
}

fn replaced(site: &Site) -> Vec<String> {
    names(&data(site)).into_iter().filter(|it| it.starts_with("replaced-")).collect()
}

/// All that goes with a restore: a user who came, a profile that went, another master key. Yields the keys before and after.
async fn changed(site: &Site) -> (KeyId, KeyId) {
    assert!(site.admin.send("/users", &[("name", "late"), ("role", "viewer")]).await.status < 400);
    let version = hidden(&site.admin.get("/profiles/sales/written/edit").await.text, "version").unwrap();
    let removed = site.admin.send("/profiles/sales/written/remove", &[("version", &version)]).await;
    assert_eq!(removed.status, 303, "{}", removed.text);
    let old = key(&data(site)).id();
    let form = [("seen", old.to_string()), ("password", PASSWORD.to_owned())];
    let form = form.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(site.admin.send("/store/key", &form).await.status, 202);
    site.usher.lines(BEGUN, 1).await;
    assert_eq!(site.admin.sign_in("chief", PASSWORD, "").await.status, 303);
    (old, key(&data(site)).id())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_a_backup_is_restored_by_page_with_its_users_profiles_and_timelines() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let engine = lived(&site, &dialogflow).await;
    let backup = fetch(&site.admin).await;
    let (old, new) = changed(&site).await;
    let page = bring(&site.admin, "", &backup).await;
    assert_eq!((page.status, page.to.as_deref()), (303, Some(RESTORING)), "{}", page.text);
    let page = site.admin.get(RESTORING).await.text;
    for told in [
        "2 (1 open, 0 erased)",
        "1 contacts are open in the backup: they end",
        "Contacts that were erased here after it was made are erased in it, too",
        "those of the backup. Everybody signs in again",
        &format!("The master key {old} opens it, and takes the place of the one in use"),
    ] {
        assert!(page.contains(told), "{told} in {page}");
    }
    assert!(site.admin.get("/store").await.text.contains("A backup waits to be restored."));
    let seen = hidden(&page, "seen").unwrap();
    let yes = async |seen: &str, password: &str, sure: &str| {
        site.admin.send("/store/restore", &[("seen", seen), ("password", password), ("sure", sure)]).await
    };
    for (page, why) in [
        (yes(&seen, PASSWORD, "").await, "Say that you are sure"),
        (yes(&seen, "a guess of many", "yes").await, "This is not your password."),
        (yes("0000", PASSWORD, "yes").await, "does not wait any more"),
    ] {
        assert!(page.status == 422 && page.text.contains(why), "{why}: {} {}", page.status, page.text);
    }
    assert!(replaced(&site).is_empty(), "nothing was changed");
    let page = yes(&seen, PASSWORD, "yes").await;
    assert_eq!(page.status, 202, "{}", page.text);
    site.usher.lines(BEGUN, 2).await;

    assert_eq!(site.admin.get("/store").await.to.as_deref(), Some("/sign-in?to=%2Fstore"));
    assert_eq!(site.admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let page = site.admin.get("/store").await.text;
    assert!(page.contains("The backup was restored") && page.contains("Asked for by chief"), "{page}");
    let aside = replaced(&site);
    assert!(aside.len() == 1 && page.contains(&aside[0]), "{aside:?} in {page}");
    assert!(data(&site).join(&aside[0]).join("usher.db").exists());
    assert_eq!(key(&data(&site)).id(), old, "the key that opens it");
    assert!(names(&data(&site)).contains(&format!("master.key.old-{new}")), "{:?}", names(&data(&site)));
    assert!(!names(&data(&site)).iter().any(|it| it.starts_with('.')), "nothing of the upload is left");
    assert!(!site.admin.get("/users").await.text.contains("late"));
    assert_eq!(site.admin.get("/profiles/sales/written").await.status, 200);
    let audit = site.admin.get("/audit.csv").await.text;
    assert_eq!(audit.matches("\"chief\",\"store.restored\",\"backup of ").count(), 1, "{audit}");
    let timeline = site.admin.get("/contacts/sales/c-1").await.text;
    assert!(timeline.contains("echo: hello") && timeline.contains("unaltered"), "{timeline}");
    let ended = site.admin.get("/contacts/sales/c-2").await.text;
    assert!(ended.contains("it was open in a backup that was restored"), "{ended}");
    drop(engine);
    let engine = FakeEngine::attach(site.usher.setup()).await.unwrap();
    engine.logged_on("va1").await;
    engine.open("c-3", "va1").await;
    engine.say("c-3", "again").await;
    assert_eq!(engine.next_say("c-3").await, ["echo: again"]);
    engine.end("c-3", "done").await;
    engine.settled().await;
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_a_contact_that_was_erased_after_the_backup_is_erased_in_what_a_page_restores() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let _engine = lived(&site, &dialogflow).await;
    let backup = fetch(&site.admin).await;
    assert!(site.admin.send("/contacts/sales/c-1/erase", &[("confirm", "c-1")]).await.status < 400);
    assert_eq!(bring(&site.admin, "", &backup).await.to.as_deref(), Some(RESTORING));
    let seen = hidden(&site.admin.get(RESTORING).await.text, "seen").unwrap();
    let form = [("seen", seen.as_str()), ("password", PASSWORD), ("sure", "yes")];
    assert_eq!(site.admin.send("/store/restore", &form).await.status, 202);
    site.usher.lines(BEGUN, 1).await;
    assert_eq!(site.admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let page = site.admin.get("/store").await.text;
    assert!(
        page.contains("One contact was erased here after the backup was made: it is erased in the backup, too."),
        "{page}"
    );
    let timeline = site.admin.get("/contacts/sales/c-1").await.text;
    assert!(timeline.contains("unaltered") && !timeline.contains("echo: hello"), "{timeline}");
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_good_as_a_backup_is_refused_with_the_reason_and_changes_nothing() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let text = written(&dialogflow, "tulip-gravel-9311");
    assert_eq!(site.admin.send("/profiles/new", &[("text", &text)]).await.status, 303);
    let backup = fetch(&site.admin).await;
    refused(&site, "", b"", "Choose a file.").await;
    refused(&site, "", &[0x2a; 4096], "it is no backup of usher").await;
    refused(&site, "", &backup[..backup.len() / 2], "it is cut off").await;
    let mut damaged = backup.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    refused(&site, "", &damaged, "the file is damaged").await;
    refused(&site, "no key", &backup, "A master key is 32 bytes").await;
    let newer = newer(&backup);
    for (language, damage, age) in [
        ("de", "wiederhergestellt werden: ihre Datenbank ist nicht, was", "usher.db hat Schema 99, aber diese Version"),
        ("en", "be restored: its database is not what", "usher.db has schema 99, but this version"),
    ] {
        assert_eq!(site.admin.send("/account/language", &[("language", language)]).await.status, 303);
        for (backup, why) in [(&damaged, damage), (&newer, age)] {
            let page = bring(&site.admin, "", backup).await.text;
            assert!(page.contains(why), "no {why} in {page}");
        }
    }

    // Of another house: under a key that is not here, until somebody gives it.
    let other = Site::new(&dialogflow).await;
    let foreign = fetch(&other.admin).await;
    let id = key(&data(&other)).id();
    refused(&site, "", &foreign, &format!("sealed under the master key {id}, which is not here")).await;
    let given = key(&data(&other)).as_text();
    let page = bring(&site.admin, &given, &foreign).await;
    assert_eq!(page.to.as_deref(), Some(RESTORING), "{}", page.text);
    assert!(!site.admin.get(RESTORING).await.text.contains(given.trim()), "the key is shown nowhere");
    assert_eq!(site.admin.send("/store/restoring/forget", &[]).await.to.as_deref(), Some("/store"));
    assert!(!names(&data(&site)).iter().any(|it| it.starts_with('.')));
    drop(other.usher.kill().await);

    // A file has the profile's name by now.
    let version = hidden(&site.admin.get("/profiles/sales/written/edit").await.text, "version").unwrap();
    assert_eq!(site.admin.send("/profiles/sales/written/remove", &[("version", &version)]).await.status, 303);
    fs::write(site.usher.directory.path().join("profiles/written.toml"), &text).unwrap();
    refused(&site, "", &backup, "no gateway would begin").await;
    assert!(bring(&site.admin, "", &backup).await.text.contains("sales/written"), "with what is wrong");
    assert_eq!(site.admin.get("/").await.status, 200, "whoever was signed in still is");
    let (_, log) = site.usher.kill().await;
    assert!(!log.contains(given.trim()), "the key is in no log");
}

/// What is answered to the beginning of a request that says it is larger than any disk.
async fn announced(site: &Site, head: &str, begins: &[u8]) -> String {
    let mut socket = TcpStream::connect(site.admin.base.strip_prefix("http://").unwrap()).await.unwrap();
    let head = format!("{head}host: usher\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", 1_u64 << 50);
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(begins).await.unwrap();
    let mut answer = Vec::new();
    timeout(Duration::from_secs(30), socket.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_the_disk_has_no_room_for_is_507_by_page_and_by_program() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "keeper", "administrator").await;
    let put = format!(
        "PUT /api/v1{RESTORING} HTTP/1.1\r\nauthorization: {}\r\ncontent-type: application/x-tar\r\n",
        program.authorization()
    );
    let answer = announced(&site, &put, b"tar").await;
    assert!(answer.starts_with("HTTP/1.1 507 ") && answer.contains("urn:usher:problem:no-space"), "{answer}");
    let post = format!(
        "POST {RESTORING} HTTP/1.1\r\ncookie: {}\r\ncontent-type: multipart/form-data; boundary=xYzZY\r\n",
        site.admin.cookies()
    );
    let begins = form(&site.admin.csrf().await, "", &[0x2a; 4096]);
    let answer = announced(&site, &post, &begins[..begins.len() - 100]).await;
    assert!(answer.starts_with("HTTP/1.1 507 ") && answer.contains("has no room for the backup"), "{answer}");
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_is_cut_off_on_its_way_leaves_nothing_behind_and_makes_room_for_the_next() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let backup = fetch(&site.admin).await;
    let body = form(&site.admin.csrf().await, "", &backup);
    let address = site.admin.base.strip_prefix("http://").unwrap();
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {RESTORING} HTTP/1.1\r\nhost: usher\r\ncookie: {}\r\ncontent-type: multipart/form-data; boundary=xYzZY\r\n\
         content-length: {}\r\n\r\n",
        site.admin.cookies(),
        body.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&body[..body.len() / 2]).await.unwrap();
    let there = || names(&data(&site)).iter().any(|it| it.starts_with(".usher-restore-"));
    let until = async |wanted: bool| {
        let turned = async {
            while there() != wanted {
                site.admin.get("/account").await;
            }
        };
        timeout(Duration::from_secs(30), turned).await.expect("files come and go with the upload");
    };
    until(true).await;
    let second = bring(&site.admin, "", &backup).await;
    assert!(second.status == 409 && second.text.contains("there is one at a time"), "{}", second.text);
    drop(socket);
    until(false).await;
    assert_eq!(bring(&site.admin, "", &backup).await.to.as_deref(), Some(RESTORING));
    assert!(there());
    // What a gateway that was killed has left goes with the next start.
    let (directory, _) = site.usher.kill().await;
    let profile = profile(&dialogflow.endpoint()).replace("va1", "va9");
    let usher = Binary::start_in(directory, &format!("{CONFIG}{DOOR}"), &profile).await;
    usher.line("\"manager\":\"http://").await;
    let left = names(&usher.directory.path().join("data"));
    assert!(!left.iter().any(|it| it.starts_with('.')), "{left:?}");
    drop(usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s12_a_program_brings_a_backup_and_restores_it_by_naming_it() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "keeper", "administrator").await;
    let operator = Program::new(&site.admin, "hand", "operator").await;
    let backup = program.ask("POST", "/store/backup", &[], "").await;
    assert_eq!(backup.status, 200);
    let kind = [("content-type", "application/x-tar")];
    let put = async |program: &Program, body: &[u8]| program.send("PUT", RESTORING, &kind, body.to_vec()).await;
    assert_eq!(program.get(RESTORING).await.status, 404);
    assert_eq!(put(&operator, &backup.bytes).await.status, 403);
    assert_eq!(put(&program, &backup.bytes[..5000]).await.status, 422);
    let brought = put(&program, &backup.bytes).await;
    assert_eq!(brought.status, 200, "{}", brought.text);
    let sha256 = brought.json()["sha256"].as_str().unwrap().to_owned();
    assert_eq!(program.get(RESTORING).await.json(), brought.json());
    assert_eq!(brought.json()["brought_by"], "token:keeper");
    assert_eq!(program.post("/store/restore", &json!({ "backup": "00" })).await.status, 409);
    assert_eq!(operator.post("/store/restore", &json!({ "backup": sha256 })).await.status, 403);
    assert_eq!(program.ask("DELETE", RESTORING, &[], "").await.status, 204);
    assert_eq!(program.post("/store/restore", &json!({ "backup": sha256 })).await.status, 409);

    assert_eq!(put(&program, &backup.bytes).await.status, 200);
    assert_eq!(program.post("/store/restore", &json!({ "backup": sha256 })).await.status, 202);
    site.usher.lines(BEGUN, 1).await;
    // The token was there when the backup was made.
    let last = program.get("/store").await.json()["last_overhaul"].clone();
    assert_eq!(
        (&last["what"], &last["by"], &last["is_done"]),
        (&json!("restore"), &json!("token:keeper"), &json!(true))
    );
    assert!(last["told"].as_str().unwrap().contains(&replaced(&site)[0]), "{last}");
    drop(site.usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_store_that_no_gateway_begins_with_gives_way_to_the_one_before_and_is_an_alert() {
    let dialogflow = FakeDialogflow::start();
    // A backup with a profile whose connectors need a door.
    let other = Site::new(&dialogflow).await;
    let program = Program::new(&other.admin, "keeper", "administrator").await;
    let dialled = json!({
        "unit": "sales", "name": "dialled", "type": "connector",
        "settings": { "agents": ["va4"], "agent_password": "secret", "fallback_message": "Sorry." },
    });
    assert_eq!(program.post("/profiles", &dialled).await.status, 201);
    let backup = fetch(&other.admin).await;
    let given = key(&data(&other)).as_text();
    drop(other.usher.kill().await);

    // Here somebody else has that door's address.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let door = format!("[connectors]\nlisten = \"{}\"\n", taken.local_addr().unwrap());
    let site = Site::configured(&format!("{CONFIG}{door}"), &dialogflow).await;
    let own = key(&data(&site)).id();
    assert_eq!(bring(&site.admin, &given, &backup).await.to.as_deref(), Some(RESTORING));
    let seen = hidden(&site.admin.get(RESTORING).await.text, "seen").unwrap();
    let form = [("seen", seen.as_str()), ("password", PASSWORD), ("sure", "yes")];
    assert_eq!(site.admin.send("/store/restore", &form).await.status, 202);
    site.usher.lines(BEGUN, 1).await;
    assert_eq!(site.admin.sign_in("chief", PASSWORD, "").await.status, 303);
    let page = site.admin.get("/store").await.text;
    assert!(page.contains("The backup was not restored") && page.contains("cannot listen on"), "{page}");
    assert!(site.admin.get("/alerts").await.text.contains("the backup was not restored"));
    assert_eq!(key(&data(&site)).id(), own);
    assert!(replaced(&site).is_empty(), "{:?}", names(&data(&site)));
    assert!(!site.admin.get("/audit.csv").await.text.contains("store.restored"));
    drop(site.usher.kill().await);
    drop(taken);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_in_the_middle_of_a_restore_leaves_a_store_that_starts() {
    let dialogflow = FakeDialogflow::start();
    let mut site = Site::new(&dialogflow).await;
    for moment in ["the gateway ends", "the backup takes the store's place", "the replaced store's log", "\"done\""] {
        let backup = fetch(&site.admin).await;
        assert_eq!(bring(&site.admin, "", &backup).await.to.as_deref(), Some(RESTORING));
        let seen = hidden(&site.admin.get(RESTORING).await.text, "seen").unwrap();
        let form = [("seen", seen.as_str()), ("password", PASSWORD), ("sure", "yes")];
        assert_eq!(site.admin.send("/store/restore", &form).await.status, 202);
        site.usher.line(moment).await;
        let (directory, _) = site.usher.kill().await;
        let profile = profile(&dialogflow.endpoint()).replace("va1", "va9");
        let usher = Binary::start_in(directory, &format!("{CONFIG}{DOOR}"), &profile).await;
        let admin = browser_of(&usher).await;
        assert_eq!(admin.sign_in("chief", PASSWORD, "").await.status, 303, "killed at: {moment}");
        site = Site { usher, admin };
        let left = names(&data(&site));
        assert!(!left.iter().any(|it| it.starts_with('.') || it == "master.key.next"), "{left:?}");
    }
    drop(site.usher.kill().await);
}
