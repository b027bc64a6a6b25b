//! The API as schemathesis sees it: whatever it sends, nothing fails at the gateway, and nothing is answered that the document
//! does not tell of.

use std::process::{Command, Stdio};

use serde_json::json;
use usher::{manager::api_access, wire::engine::MediaType};

use super::{api::Program, editing::Site, *};
use crate::{conversation::offer, fakes::engine::FakeEngine, python::interpreter};

/// What stays; what goes comes from `schemathesis_hooks.py`.
const ACTIONS: &str = r#"
[[action]]
name = "human"
media = ["openmedia", "webinteraction", "speech"]
kind = "callback"
queue = "support"
phone_parameter = "phone"
time_parameter = "when"
"#;
const TESTS: &str = "{\"test\":\"greeting\"}\n{\"say\":\"hello\"}\n";

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");

#[tokio::test]
async fn whatever_is_sent_is_answered_as_the_document_says() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "schemathesis", "administrator").await;
    // What there is to be found; the names stand in schemathesis.toml.
    // Contacts outlast a run on a slow machine.
    let patient = "[inactivity]\ntimeout_minutes = 60\n";
    let text = profile(&dialogflow.endpoint()).replace("\"support\"", "\"written\"") + patient;
    let new = [("content-type", "application/toml"), ("if-none-match", "*")];
    assert_eq!(program.ask("PUT", "/profiles/sales/written/source", &new, &(text.clone() + ACTIONS)).await.status, 201);
    let spare = text.replace("\"written\"", "\"spare\"").replace("va1", "va2");
    for profile in ["written", "support"] {
        let (path, lines) = (format!("/profiles/sales/{profile}/tests.jsonl"), [("content-type", "application/jsonl")]);
        assert_eq!(program.ask("POST", &path, &lines, TESTS).await.status, 200);
    }
    let dialled = serde_json::json!({
        "unit": "sales", "name": "dialled", "type": "connector",
        "settings": { "agents": ["va4"], "agent_password": "secret", "fallback_message": "Sorry." },
    });
    assert_eq!(program.post("/profiles", &dialled).await.status, 201);
    let unit = json!({ "zone": "UTC", "country": "DE" }).to_string();
    let new = [("content-type", "application/json"), ("if-none-match", "*")];
    assert_eq!(program.ask("PUT", "/units/clinic", &new, &unit).await.status, 201);
    let lending =
        json!({ "zone": "UTC", "country": "DE", "actions": ACTIONS.replace("[[action]]", "[[unit.action]]") });
    assert_eq!(program.ask("PUT", "/units/lending", &new, &lending.to_string()).await.status, 201);
    assert_eq!(program.post("/engines", &json!({ "engine": "east", "units": ["clinic"] })).await.status, 201);
    let setup = site.usher.setup().queue("support", MediaType::OpenMedia);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    for at in 1..=8 {
        engine.open_as(offer(&format!("c-{at}"), MediaType::OpenMedia)).await;
    }

    for over in ["o-1", "o-2"] {
        engine.open_as(offer(over, MediaType::OpenMedia)).await;
        engine.end(over, "done").await;
    }
    engine.settled().await;

    let mut command = Command::new(interpreter());
    command
        .args(["-m", "schemathesis.cli", "--config-file", &format!("{PYTHON}/schemathesis.toml"), "run", "--no-color"])
        .args(["--header", &format!("Authorization: Bearer {}", program.token())])
        .arg(format!("{}/openapi.json", program.base()))
        .current_dir(PYTHON)
        .env("PYTHONPATH", PYTHON)
        .env("USHER_API", program.base())
        .env("USHER_TOKEN", program.token())
        .env("USHER_SPARE", spare)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // It may leave out the address that it reads the document from, and no other.
    let all = api_access().len();
    let of_all = |count: usize| {
        told.contains(&format!("Selected: {count}/{count}\n")) && told.contains(&format!("Tested: {count}\n"))
    };
    assert!(of_all(all) || of_all(all - 1), "not all {all} in {told}");
    assert!(!told.contains("Warnings:"), "{told}");
    drop(site.usher.kill().await);
}
