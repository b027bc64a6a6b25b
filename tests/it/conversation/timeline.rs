//! The why-timeline (B13): in words, as JSON, and when somebody has altered it.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use usher::wire::engine::MediaType;

use super::Stage;
use crate::fakes::dialogflow::say;

/// What the command prints.
fn timeline(directory: &Path, options: &[&str]) -> String {
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

    // One letter of what the virtual agent said, in the database file.
    let file = directory.path().join("data/usher.db");
    let mut bytes = fs::read(&file).unwrap();
    let said = b"It left on Monday.";
    let found: Vec<usize> = (0..bytes.len() - said.len()).filter(|&at| bytes[at..].starts_with(said)).collect();
    assert!(!found.is_empty(), "the journal is in the file");
    for at in found {
        bytes[at + 11] = b'S';
    }
    fs::write(&file, bytes).unwrap();
    let text = timeline(directory.path(), &[]);
    assert!(text.contains("ALTERED: record ") && !text.contains("unaltered"), "{text}");
    let json: Value = serde_json::from_str(&timeline(directory.path(), &["--json"])).unwrap();
    assert_eq!(json["unaltered"], false);
    assert!(json["firstAltered"].is_number(), "{json}");
}
