//! Backup, restore and the master key, by the real binary beside real gateways.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use usher::{
    app::keeping::{Rotation, rotate},
    config::Environment,
    core::ids::{ContactId, ContactName, Timestamp, UnitName},
    gateway::ChainKeys,
    seal::{Sealer, Vault},
    store::{AuditLine, Change, Document, DocumentKind, Expected, Store, sqlite::Sqlite},
};

use crate::{
    fakes::{dialogflow::FakeDialogflow, engine::FakeEngine},
    harness::{CONFIG, Usher, profile},
};

/// The real binary on the configuration in `site`.
async fn usher(site: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let mut command = command(site, arguments, variables);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    told(&output)
}

fn command(site: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(arguments).current_dir(site).env_clear().envs(variables.iter().copied()).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

async fn well(site: &Path, arguments: &[&str]) -> String {
    let (code, out, err) = usher(site, arguments, &[]).await;
    assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    out
}

/// It ends with 1 and says this.
async fn refused(site: &Path, arguments: &[&str], why: &str) {
    let (code, out, err) = usher(site, arguments, &[]).await;
    assert!(code == Some(1) && out.is_empty() && err.contains(why), "{arguments:?}: {code:?} {out}{err}");
}

/// A gateway with a contact that is over, `c-1`, and one that is open, `c-2`.
async fn lived() -> (Usher, FakeEngine, FakeDialogflow) {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    for contact in ["c-1", "c-2"] {
        engine.open(contact, "va1").await;
        engine.say(contact, "hello").await;
        assert_eq!(engine.next_say(contact).await, ["echo: hello"]);
    }
    engine.end("c-1", "done").await;
    engine.settled().await;
    (usher, engine, dialogflow)
}

fn site(usher: &Usher) -> std::path::PathBuf {
    usher.data().parent().unwrap().to_owned()
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_running_gateway_says_elsewhere_what_it_said_here() {
    let (gateway, engine, dialogflow) = lived().await;
    let here = site(&gateway);
    let said = well(&here, &["backup", "b.tar"]).await;
    assert!(said.contains("2 contacts (1 open, 0 erased)") && said.contains("is not in it"), "{said}");
    assert_eq!(fs::metadata(here.join("b.tar")).unwrap().permissions().mode() & 0o777, 0o600);
    refused(&here, &["backup", "b.tar"], "is there already").await;
    let timeline = well(&here, &["timeline", "c-1", "--unit", "sales"]).await;
    let good = well(&here, &["restore", "--check", "b.tar"]).await;
    assert!(good.contains("is good") && good.contains("opens it"), "{good}");
    refused(&here, &["restore", "b.tar", "--replace"], "end it first").await;
    assert_eq!(names(&here), ["b.tar", "data", "profiles", "usher.toml"], "nothing is left over");

    let there = TempDir::new().unwrap();
    fs::write(there.path().join("usher.toml"), CONFIG).unwrap();
    let backup = here.join("b.tar");
    let backup = backup.to_str().unwrap();
    refused(there.path(), &["restore", backup], "no master key here opens this backup").await;
    assert_eq!(names(&there.path().join("data")), [""; 0], "nothing is changed");
    let key = here.join("data/master.key");
    let said = well(there.path(), &["restore", backup, "--key", key.to_str().unwrap()]).await;
    assert!(said.contains("1 contacts were open: at the next start they end"), "{said}");
    assert_eq!(names(&there.path().join("data")), ["master.key", "usher.db"]);
    assert_eq!(well(there.path(), &["timeline", "c-1", "--unit", "sales"]).await, timeline);
    engine.end("c-2", "done").await;
    gateway.drain().await;

    let restored = Usher::start_in(there, CONFIG, &profile(&dialogflow.endpoint())).await;
    let there = site(&restored);
    assert_eq!(restored.gateway().contacts(), 0, "its routing engine has gone on without us");
    restored.gateway().flushed().await;
    let ended = well(&there, &["timeline", "c-2", "--unit", "sales"]).await;
    assert!(ended.contains("it was open in a backup that was restored") && ended.contains("unaltered"), "{ended}");
    let engine = FakeEngine::attach(restored.setup()).await.unwrap();
    engine.open("c-3", "va1").await;
    engine.say("c-3", "again").await;
    assert_eq!(engine.next_say("c-3").await, ["echo: again"]);
    engine.end("c-3", "done").await;
    restored.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_move_to_another_machine_goes_on_with_the_contacts_that_are_open() {
    let (gateway, _engine, dialogflow) = lived().await;
    let here = gateway.drain().await;
    let said = well(here.path(), &["backup", ".", "--with-key"]).await;
    let file = said.split(':').next().unwrap().to_owned();
    assert!(file.starts_with("./usher-") && said.contains("is in it"), "{said}");
    let there = TempDir::new().unwrap();
    fs::write(there.path().join("usher.toml"), CONFIG).unwrap();
    let backup = here.path().join(file);
    well(there.path(), &["restore", backup.to_str().unwrap(), "--keep-contacts"]).await;
    let moved = Usher::start_in(there, CONFIG, &profile(&dialogflow.endpoint())).await;
    assert_eq!(moved.gateway().contacts(), 1);
    moved.drain().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_changes_nothing_until_everything_is_good_and_keeps_what_it_replaces() {
    let (gateway, _engine, _dialogflow) = lived().await;
    let here = gateway.drain().await;
    let here = here.path();
    well(here, &["backup", "b.tar", "--with-key"]).await;
    let data = here.join("data");
    let before = (names(&data), fs::read(data.join("usher.db")).unwrap());
    let unchanged = || assert!((names(&data), fs::read(data.join("usher.db")).unwrap()) == before);
    refused(here, &["restore", "b.tar"], "say --replace to put it aside").await;
    refused(here, &["restore", "none.tar", "--replace"], "cannot be read").await;

    let archive = fs::read(here.join("b.tar")).unwrap();
    let mut damaged = archive.clone();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    fs::write(here.join("damaged.tar"), damaged).unwrap();
    refused(here, &["restore", "damaged.tar", "--replace"], "the file is damaged").await;
    fs::write(here.join("cut.tar"), &archive[..archive.len() / 2]).unwrap();
    refused(here, &["restore", "cut.tar", "--replace"], "it is cut off").await;
    unchanged();

    let said = well(here, &["restore", "b.tar", "--replace"]).await;
    let aside = names(&data).into_iter().find(|it| it.starts_with("replaced-")).expect("the old store is kept");
    assert!(said.contains(&aside), "{said}");
    assert!(fs::read(data.join(&aside).join("usher.db")).unwrap() == before.1, "as it was");
    assert!(well(here, &["timeline", "c-1", "--unit", "sales"]).await.contains("echo: hello"));
}

/// The sealed keys of a contact, as they lie in the database.
async fn sealed_keys(data: &Path, name: &str) -> Vec<Vec<u8>> {
    let store = Sqlite::open_existing(data).await.unwrap();
    let lives = store.lives(&contact(name)).await.unwrap();
    store.close().await.unwrap();
    lives.into_iter().filter_map(|it| it.key.ok()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_who_was_erased_after_a_backup_is_erased_in_it_when_it_is_restored() {
    let (gateway, engine, dialogflow) = lived().await;
    let here = site(&gateway);
    well(&here, &["backup", "before.tar"]).await;
    engine.end("c-2", "done").await;
    engine.settled().await;
    let data = gateway.data();
    let keys = [sealed_keys(&data, "c-1").await, sealed_keys(&data, "c-2").await].concat();
    assert_eq!(keys.len(), 2);
    for contact in ["c-1", "c-2"] {
        well(&here, &["erase", contact, "--unit", "sales"]).await;
    }
    // Somebody whom nobody has erased.
    engine.open("c-3", "va1").await;
    engine.say("c-3", "hello again").await;
    assert_eq!(engine.next_say("c-3").await, ["echo: hello again"]);
    engine.end("c-3", "done").await;
    engine.settled().await;
    let here = gateway.drain().await;
    well(here.path(), &["backup", "after.tar"]).await;

    let said = well(here.path(), &["restore", "before.tar", "--replace"]).await;
    assert!(said.contains("2 contacts (0 open, 2 erased)"), "{said}");
    assert!(
        said.contains("2 contacts were erased here after the backup was made: they are erased in the backup, too."),
        "{said}"
    );
    let data = here.path().join("data");
    let file = fs::read(data.join("usher.db")).unwrap();
    for key in &keys {
        assert!(!file.windows(key.len()).any(|it| it == key.as_slice()), "no key of theirs is left in the database");
    }
    for contact in ["c-1", "c-2"] {
        let timeline = well(here.path(), &["timeline", contact, "--unit", "sales"]).await;
        assert!(timeline.contains("erased on") && timeline.contains("by cli"), "{timeline}");
        assert!(timeline.contains("unaltered") && !timeline.contains("hello"), "{timeline}");
    }
    let restored = Usher::start_in(here, CONFIG, &profile(&dialogflow.endpoint())).await;
    assert_eq!(restored.gateway().contacts(), 0, "nobody goes on with what no key opens");
    let here = restored.drain().await;

    let said = well(here.path(), &["restore", "after.tar", "--replace"]).await;
    assert!(said.contains("No contact in the backup was erased here after the backup was made."), "{said}");
    let timeline = well(here.path(), &["timeline", "c-3", "--unit", "sales"]).await;
    assert!(timeline.contains("hello again"), "{timeline}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b10_a_restore_says_so_where_nothing_tells_who_was_erased() {
    let (gateway, _engine, _dialogflow) = lived().await;
    let here = gateway.drain().await;
    well(here.path(), &["backup", "b.tar", "--with-key"]).await;
    fs::write(here.path().join("data/usher.db"), [0x2a; 8192]).unwrap();
    let said = well(here.path(), &["restore", "b.tar", "--replace"]).await;
    for told in ["Who was erased after the backup was made is not known", "cannot be read", "Erase them anew"] {
        assert!(said.contains(told), "{told}: {said}");
    }
    let there = TempDir::new().unwrap();
    fs::write(there.path().join("usher.toml"), CONFIG).unwrap();
    let backup = here.path().join("b.tar");
    let said = well(there.path(), &["restore", backup.to_str().unwrap()]).await;
    assert!(said.contains("no store here that knows who was erased after the backup was made"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_newer_version_is_refused_by_name() {
    let (gateway, _engine, _dialogflow) = lived().await;
    let here = gateway.drain().await;
    let here = here.path();
    {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(here.join("data/usher.db"));
        let mut conn = options.connect().await.unwrap();
        sqlx::query("PRAGMA user_version = 99").execute(&mut conn).await.unwrap();
        conn.close().await.unwrap();
    }
    refused(here, &["backup", "b.tar"], "has schema 99").await;
}

/// One of everything that is sealed under the master key.
async fn plant(data: &Path, sealer: &Sealer) {
    let store = Sqlite::open(data).await.unwrap();
    store.put_secret("pw", &sealer.seal("pw", b"planted").unwrap()).await.unwrap();
    let hex = |bytes: Vec<u8>| bytes.iter().map(|it| format!("{it:02x}")).collect::<String>();
    let sealed = hex(sealer.seal("configuration", b"typed").unwrap());
    let profile = format!(
        "agent_password = {{ sealed = \"{sealed}\" }}\nname = \"planted\"\nunit = \"care\"\ntype = \"dialogflow-v2\"\n\
         agents = [\"va9\"]\nfallback_message = \"Sorry.\"\n[dialogflow]\nproject = \"q\"\nendpoint = \"http://127.0.0.1:1\"\n"
    );
    let totp = sealer.seal("manager/totp", b"0123456789").unwrap();
    let user = serde_json::json!({ "role": "administrator", "totp": totp });
    let change =
        |kind, body: Vec<u8>| Change { kind, name: "one".to_owned(), expected: Expected::New, body: Some(body) };
    let changes = [
        change(DocumentKind::Profile, profile.into_bytes()),
        change(DocumentKind::User, user.to_string().into_bytes()),
    ];
    let line = AuditLine {
        at: Timestamp(0),
        by: "test".to_owned(),
        action: "planted".to_owned(),
        subject: "one".to_owned(),
        before: None,
        after: None,
    };
    store.change(&changes, &line).await.unwrap();
    store.close().await.unwrap();
}

/// That this key, and no other, opens all of it.
async fn opens(data: &Path, sealer: &Sealer) {
    let store = Sqlite::open_existing(data).await.unwrap();
    for name in store.secret_names().await.unwrap() {
        assert!(sealer.open(&name, &store.secret(&name).await.unwrap().unwrap()).is_ok(), "secret {name}");
    }
    let document = |kind| store.document(kind, "one");
    let Document { body, .. } = document(DocumentKind::Profile).await.unwrap().unwrap();
    let text = String::from_utf8(body).unwrap();
    let digits = text.split('"').nth(1).unwrap();
    let sealed: Vec<u8> =
        (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect();
    assert_eq!(sealer.open("configuration", &sealed).unwrap().as_slice(), b"typed");
    let Document { body, .. } = document(DocumentKind::User).await.unwrap().unwrap();
    let user: serde_json::Value = serde_json::from_slice(&body).unwrap();
    let totp: Vec<u8> = serde_json::from_value(user["totp"].clone()).unwrap();
    assert_eq!(sealer.open("manager/totp", &totp).unwrap().as_slice(), b"0123456789");
    let (vault, keys) = (Vault::new(sealer), ChainKeys::open(&store, sealer).await.unwrap());
    for name in ["c-1", "c-2"] {
        let contact = contact(name);
        for life in store.lives(&contact).await.unwrap() {
            assert!(vault.open(&contact.to_string(), &life.key.unwrap()).is_ok(), "the key of {name}");
        }
        let records = store.records(&contact, 1000).await.unwrap();
        assert!(!records.is_empty());
        assert_eq!(usher::gateway::verify_chain(&keys, &records), Ok(()), "the chain of {name}");
    }
    store.close().await.unwrap();
}

fn contact(name: &str) -> ContactId {
    ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(name).unwrap() }
}

fn key(data: &Path) -> Sealer {
    Sealer::find(data, None).unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_sealed_opens_with_the_new_key_alone_and_chains_hold_across_it() {
    let (gateway, _engine, dialogflow) = lived().await;
    let site = gateway.data().parent().unwrap().to_owned();
    refused(&site, &["key", "rotate"], "end it first").await;
    let here = gateway.drain().await;
    let data = here.path().join("data");
    let old = key(&data);
    plant(&data, &old).await;
    opens(&data, &old).await;
    let said = well(here.path(), &["key", "rotate"]).await;
    let new = key(&data);
    assert!(said.contains(&new.id().to_string()) && said.contains(&old.id().to_string()), "{said}");
    assert_ne!(new.id(), old.id());
    opens(&data, &new).await;
    assert_eq!(names(&data), ["master.key", &format!("master.key.old-{}", old.id()), "usher.db"]);
    let file = fs::read(data.join("usher.db")).unwrap();
    let id = old.id();
    assert!(!file.windows(8).any(|it| it == id.as_bytes()), "nothing in the file says that the old key sealed it");
    // Once more, without a record in between, and then with some.
    well(here.path(), &["key", "rotate"]).await;
    opens(&data, &key(&data)).await;
    let gateway = Usher::start_in(here, CONFIG, &profile(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(gateway.setup()).await.unwrap();
    engine.say("c-2", "still there?").await;
    assert_eq!(engine.next_say("c-2").await, ["echo: still there?"]);
    engine.end("c-2", "done").await;
    engine.settled().await;
    let timeline = well(&site, &["timeline", "c-2", "--unit", "sales"]).await;
    assert!(timeline.contains("still there?") && timeline.contains("unaltered"), "{timeline}");
    let here = gateway.drain().await;
    rotate(&data, &Environment::default(), "cli").await.unwrap();
    opens(&data, &key(&data)).await;
    drop(here);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_cut_off_after_any_step_leaves_a_store_that_starts() {
    let dialogflow = FakeDialogflow::start();
    for steps in 0..=1 {
        let (gateway, _engine, _dialogflow) = lived().await;
        let here = gateway.drain().await;
        let data = here.path().join("data");
        let old = key(&data);
        plant(&data, &old).await;
        let rotation = Rotation::begin(&data, &Environment::default()).await.unwrap();
        if steps > 0 {
            rotation.reseal("cli").await.unwrap();
        }
        // Killed: nobody tidies up.
        drop(rotation);
        assert!(names(&data).contains(&"master.key.next".to_owned()));
        let timeline = well(here.path(), &["timeline", "c-1", "--unit", "sales"]).await;
        assert!(timeline.contains("unaltered") && timeline.contains("echo: hello"), "{timeline}");
        let gateway = Usher::start_in(here, CONFIG, &profile(&dialogflow.endpoint())).await;
        assert_eq!(gateway.gateway().contacts(), 1, "after {steps} steps");
        assert!(!names(&data).contains(&"master.key.next".to_owned()), "a start brings it to its end");
        assert_eq!(key(&data).id() == old.id(), steps == 0);
        let here = gateway.drain().await;
        opens(&data, &key(&data)).await;
        rotate(&data, &Environment::default(), "cli").await.unwrap();
        opens(&data, &key(&data)).await;
        drop(here);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_that_is_killed_at_any_moment_leaves_one_key_that_opens_everything() {
    let (gateway, _engine, _dialogflow) = lived().await;
    let here = gateway.drain().await;
    let data = here.path().join("data");
    plant(&data, &key(&data)).await;
    // Each step is seen by a file that comes with it. A kill that is late for one comes in the next, and does no harm there either.
    let steps = ["", "master.key.next", "usher.db-wal", "master.key.old-"];
    let mut ended = 0;
    for step in steps.iter().cycle().take(6 * steps.len()) {
        for old in names(&data).iter().filter(|it| it.starts_with("master.key.old-")) {
            fs::remove_file(data.join(old)).unwrap();
        }
        let mut child = command(here.path(), &["key", "rotate"], &[]).stdout(Stdio::null()).spawn().unwrap();
        let mut is_seen = false;
        while child.try_wait().unwrap().is_none() && !is_seen {
            is_seen = names(&data).iter().any(|it| it.starts_with(step));
        }
        child.kill().unwrap();
        ended += u32::from(child.wait().unwrap().success());
        well(here.path(), &["key", "show"]).await;
        let sealer = usher::app::keeping::find_key(&data, &Environment::default()).await.unwrap().unwrap();
        opens(&data, &sealer).await;
    }
    rotate(&data, &Environment::default(), "cli").await.unwrap();
    assert!(!names(&data).contains(&"master.key.next".to_owned()), "{ended} came to their end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_of_the_environment_is_changed_by_the_environment_and_a_wrong_one_starts_nothing() {
    let (gateway, _engine, _dialogflow) = lived().await;
    let here = gateway.drain().await;
    let here = here.path();
    let (first, second) = ("ab".repeat(32), "cd".repeat(32));
    let old = key(&here.join("data"));
    let (code, out, err) = usher(here, &["key", "rotate"], &[("USHER_MASTER_KEY_NEXT", &first)]).await;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("Start the gateway with it as USHER_MASTER_KEY"), "{out}");
    assert_eq!(names(&here.join("data")), [format!("master.key.old-{}", old.id()), "usher.db".to_owned()]);
    let now = [("USHER_MASTER_KEY", first.as_str())];
    assert_eq!(usher(here, &["key", "show"], &now).await.0, Some(0));
    let (code, _, err) = usher(here, &["key", "rotate"], &now).await;
    assert!(code == Some(1) && err.contains("give the new one as USHER_MASTER_KEY_NEXT beside it"), "{err}");
    let both = [now[0], ("USHER_MASTER_KEY_NEXT", second.as_str())];
    assert_eq!(usher(here, &["key", "rotate"], &both).await.0, Some(0));
    let (code, _, err) = usher(here, &["serve"], &now).await;
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("the store is sealed under the master key") && err.contains("USHER_MASTER_KEY is"), "{err}");
    let (code, out, _) = usher(here, &["timeline", "c-1", "--unit", "sales"], &[("USHER_MASTER_KEY", &second)]).await;
    assert!(code == Some(0) && out.contains("unaltered") && out.contains("echo: hello"), "{out}");
    // No key at all makes no new one beside a store that is sealed.
    let (code, _, err) = usher(here, &["serve"], &[]).await;
    assert!(code == Some(1) && err.contains("there is no") && err.contains("master.key"), "{err}");
    assert!(!here.join("data/master.key").exists());
}
