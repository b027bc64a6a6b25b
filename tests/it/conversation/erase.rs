//! `usher erase` (B10): what is kept of a contact can be read by nobody any more, and the chain still holds.

use std::{fs, path::Path, process::Command};

use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::{
    core::ids::{ContactId, ContactName, UnitName},
    store::{Store as _, sqlite::Sqlite},
    wire::engine::MediaType,
};

use super::{binary::Binary, offer, timeline::timeline};
use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::FakeEngine,
    },
    harness::{CONFIG, profile},
};

const SAID: &str = "planted-words-of-a-customer";

/// Exit code, standard output, standard error.
fn erase(directory: &Path, contact: &str) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["erase", contact, "--unit", "sales"])
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The contact's keys as the store holds them.
async fn keys(directory: &Path, contact: &str) -> Vec<Vec<u8>> {
    let store = Sqlite::open_existing(&directory.join("data")).await.unwrap();
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(contact).unwrap() };
    store.lives(&contact).await.unwrap().into_iter().filter_map(|life| life.key.ok()).collect()
}

/// Whether any file of the store holds a part of one of these.
fn holds(directory: &Path, keys: &[Vec<u8>]) -> bool {
    let files = fs::read_dir(directory.join("data")).unwrap();
    let bytes: Vec<u8> = files.flat_map(|file| fs::read(file.unwrap().path()).unwrap()).collect();
    keys.iter().any(|key| bytes.windows(16).any(|it| it == &key[40..56]))
}

async fn ask(usher: &Binary, path: &str) -> String {
    let mut stream = TcpStream::connect(usher.ops).await.unwrap();
    let head =
        format!("GET {path} HTTP/1.1\r\nhost: ops\r\nconnection: close\r\nauthorization: Bearer ops-token\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn talk(engine: &FakeEngine, contact: &str) {
    engine.open_as(offer(contact, MediaType::OpenMedia)).await;
    engine.say(contact, SAID).await;
    assert_eq!(engine.next_say(contact).await, ["Noted."]);
}

#[tokio::test]
async fn b10_an_erased_contact_is_read_by_nobody_while_the_gateway_runs_and_after_it() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.otherwise(say("Noted."));
    let profile = profile(&dialogflow.endpoint());
    let config = CONFIG.replace("[ops]", "[ops]\ntoken = \"ops-token\"");
    let usher = Binary::start_in(TempDir::new().unwrap(), &config, &profile).await;
    let engine = FakeEngine::attach(usher.setup()).await.unwrap();
    for contact in ["c1", "c2", "c3"] {
        talk(&engine, contact).await;
    }
    for contact in ["c1", "c2"] {
        engine.end(contact, "done").await;
    }
    engine.settled().await;
    let directory = usher.directory.path();
    let (c1, c2) = (keys(directory, "c1").await, keys(directory, "c2").await);
    assert!(holds(directory, &c1) && holds(directory, &c2), "or the search would find nothing anyway");

    let open = "error: contact c3 in sales is open: it can be erased when it is over\n";
    assert_eq!(erase(directory, "c3"), (Some(1), String::new(), open.to_owned()));
    let unknown = "error: no contact c9 in business unit sales: it is unknown, or has been pruned\n";
    assert_eq!(erase(directory, "c9"), (Some(1), String::new(), unknown.to_owned()));
    let done = "contact c1 in sales is erased: its key is destroyed\n";
    assert_eq!(erase(directory, "c1"), (Some(0), done.to_owned(), String::new()));
    assert!(!holds(directory, &c1), "of its key nothing is left");
    assert!(holds(directory, &c2), "of another's key all is");

    let (code, told, _) = erase(directory, "c1");
    assert!(code == Some(0) && told.starts_with("contact c1 in sales was erased on 20"), "{told}");
    assert!(told.ends_with(" by cli\n"), "{told}");
    let document = ask(&usher, "/timeline/sales/c1").await;
    assert!(document.contains("\"erased\":{\"at\":\"") && document.contains("\"unaltered\":true"), "{document}");
    assert!(!document.contains(SAID) && !document.contains("\"step\":"), "{document}");
    assert!(ask(&usher, "/timeline/sales/c2").await.contains(SAID));
    // The gateway goes on, with the others and with new ones.
    engine.say("c3", "go on").await;
    assert_eq!(engine.next_say("c3").await, ["Noted."]);
    talk(&engine, "c4").await;
    engine.settled().await;

    let (directory, _) = usher.kill().await;
    let text = timeline(directory.path(), &[]);
    assert!(text.contains("\nerased on 20") && text.contains(" by cli: "), "{text}");
    assert!(text.contains("\nunaltered: ") && !text.contains(SAID), "{text}");
    // A start reads what is left, and misses nothing.
    let usher = Binary::start_in(directory, &config, &profile).await;
    let recovered = usher.line("\"recovered\"").await;
    assert!(recovered.contains("contacts: 2") && recovered.contains("unreadable: 0"), "{recovered}");
    let (directory, _) = usher.kill().await;
    // While none runs.
    assert_eq!(erase(directory.path(), "c2").0, Some(0));
    assert!(!holds(directory.path(), &c2) && !holds(directory.path(), &c1));
}

#[test]
fn b10_without_a_store_there_is_nothing_to_erase_and_nothing_is_made() {
    let directory = TempDir::new().unwrap();
    let (code, told, error) = erase(directory.path(), "c1");
    assert_eq!((code, told.as_str()), (Some(1), ""));
    assert!(error.contains("there is no store in data"), "{error}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}
