//! The why-timeline (B13): in words, as JSON, and when somebody has altered it.

use std::{fs, net::SocketAddr, path::Path, process::Command};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
};
use usher::wire::engine::MediaType;

use super::Stage;
use crate::{
    fakes::dialogflow::say,
    harness::{CONFIG, profile},
};

/// What the command prints.
pub(super) fn timeline(directory: &Path, options: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["timeline", "c1", "--unit", "sales"])
        .args(options)
        .current_dir(directory)
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn b13_the_timeline_tells_what_happened_and_whether_it_was_altered() {
    let stage = Stage::new("").await;
    stage.dialogflow.on_text("my parcel?", say("It left on Monday.").intent("parcel"));
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "It left on Monday.").await;
    stage.engine.end("c1", "customer left").await;
    stage.engine.settled().await;
    let directory = stage.usher.drain().await;

    let text = timeline(directory.path(), &[]);
    let mut rest = text.as_str();
    for expected in [
        "contact c1 in sales\n",
        "offered to va1 as OpenMedia\n",
        "customer (m1): \"my parcel?\"\n",
        "turn 1: engine asked\n",
        "intent parcel",
        "#1 said \"It left on Monday.\"\n",
        "ended: by the routing engine: customer left\n",
        "unaltered: ",
    ] {
        let at = rest.find(expected).unwrap_or_else(|| panic!("no {expected:?} in its place in\n{text}"));
        rest = &rest[at + expected.len()..];
    }

    let json: Value = serde_json::from_str(&timeline(directory.path(), &["--json"])).unwrap();
    assert_eq!((&json["contact"], &json["unit"]), (&"c1".into(), &"sales".into()));
    assert_eq!((&json["unaltered"], &json["firstAltered"]), (&true.into(), &Value::Null));
    let records = json["records"].as_array().unwrap();
    assert_eq!(records[0]["previous"], 0);
    for pair in records.windows(2) {
        assert_eq!(pair[1]["previous"], pair[0]["position"]);
    }

    // When one of the records happened, by a second, in the database file.
    let file = directory.path().join("data/usher.db");
    let mut bytes = fs::read(&file).unwrap();
    // A sealed record is kept behind its business unit, its contact, and the lengths of both.
    let found: Vec<usize> = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(b"salesc1\x01")).collect();
    assert!(!found.is_empty(), "the journal is in the file");
    // Before these: the length of the body, 4 bytes; of the names, 2; the hash, 32; the time, 8.
    bytes[found[0] - 45] ^= 4;
    fs::write(&file, bytes).unwrap();
    let text = timeline(directory.path(), &[]);
    assert!(text.contains("ALTERED: record ") && !text.contains("unaltered"), "{text}");
    let json: Value = serde_json::from_str(&timeline(directory.path(), &["--json"])).unwrap();
    assert_eq!(json["unaltered"], false);
    assert!(json["firstAltered"].is_number(), "{json}");

    // One bit of what was said: what is sealed cannot be changed into anything else, not even by who ignores the chain.
    let mut bytes = fs::read(&file).unwrap();
    bytes[found[1] + 60] ^= 1;
    fs::write(&file, bytes).unwrap();
    let text = timeline(directory.path(), &[]);
    assert!(text.contains("cannot be opened: it was altered") && text.contains("ALTERED: record "), "{text}");
    assert!(timeline(directory.path(), &["--json"]).contains("\"sealed\": true"));
}

async fn ask(ops: SocketAddr, path: &str, headers: &str) -> TcpStream {
    let mut stream = TcpStream::connect(ops).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: ops\r\nauthorization: Bearer ops-token\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

/// A connection on which events come.
struct Events(BufReader<TcpStream>);

impl Events {
    async fn follow(ops: SocketAddr, path: &str, last: Option<u64>) -> Self {
        let last = last.map(|it| format!("last-event-id: {it}\r\n")).unwrap_or_default();
        Self(BufReader::new(ask(ops, path, &last).await))
    }

    /// The next one's id and data.
    async fn next(&mut self) -> (u64, Value) {
        let (mut id, mut line) = (None, String::new());
        loop {
            line.clear();
            assert!(self.0.read_line(&mut line).await.unwrap() > 0, "the events ended");
            if let Some(it) = line.strip_prefix("id: ") {
                id = Some(it.trim().parse().unwrap());
            } else if let Some(data) = line.strip_prefix("data: ") {
                return (id.take().unwrap(), serde_json::from_str(data).unwrap());
            }
        }
    }

    /// Goes on to the first step that is told so; yields the position of its record.
    async fn until(&mut self, text: &str) -> u64 {
        loop {
            let (id, event) = self.next().await;
            assert_eq!(event["position"], id);
            if event["steps"].as_array().unwrap().iter().any(|it| it["text"].as_str().unwrap().contains(text)) {
                return id;
            }
        }
    }
}

#[tokio::test]
async fn b13_a_timeline_is_followed_from_its_beginning_live_and_after_a_loss() {
    let config = CONFIG.replace("[ops]", "[ops]\ntoken = \"ops-token\"");
    let stage = Stage::with(&config, profile).await;
    stage.dialogflow.on_text("my parcel?", say("It left on Monday.").intent("parcel"));
    stage.dialogflow.on_text("thanks", say("You are welcome."));
    let path = "/timeline/sales/c1/events";
    // Before there is such a contact.
    let mut early = Events::follow(stage.usher.ops, path, None).await;
    stage.open("c1", MediaType::OpenMedia).await;
    early.until("offered to va1").await;
    stage.writes("c1", "my parcel?").await;
    stage.hears("c1", "It left on Monday.").await;
    let heard = early.until("customer (m1): \"my parcel?\"").await;
    let said = early.until("said \"It left on Monday.\"").await;
    assert!(heard <= said);

    // Whoever comes later has the same, from the first record on.
    let mut late = Events::follow(stage.usher.ops, path, None).await;
    let (first, event) = late.next().await;
    assert_eq!(
        (event["steps"][0]["step"].as_str(), event["steps"][0]["text"].as_str()),
        (Some("started"), Some("offered to va1 as OpenMedia"))
    );
    assert_eq!(late.until("said \"It left on Monday.\"").await, said);
    // Whoever comes back goes on behind what it has had.
    let mut again = Events::follow(stage.usher.ops, path, Some(first)).await;
    assert!(again.next().await.0 > first);
    assert_eq!(again.until("said \"It left on Monday.\"").await, said);

    stage.writes("c1", "thanks").await;
    stage.hears("c1", "You are welcome.").await;
    for events in [&mut early, &mut late, &mut again] {
        assert!(events.until("You are welcome.").await > said);
    }

    let mut document = String::new();
    let path = "/timeline/sales/c1";
    ask(stage.usher.ops, path, "connection: close\r\n").await.read_to_string(&mut document).await.unwrap();
    let document: Value = serde_json::from_str(document.split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!((&document["contact"], &document["unaltered"]), (&"c1".into(), &true.into()));
    assert_eq!(document["records"][0]["position"], first);
    // Followers do not hold up the end.
    stage.done().await;
}
