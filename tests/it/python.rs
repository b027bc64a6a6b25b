//! A routing engine in another language, written from the contract alone, against the gateway: tests/python.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::json;
use usher::clock::Clock;

use crate::{
    fakes::dialogflow::{FakeDialogflow, say},
    harness::{CONFIG, Usher, profile},
};

const MORE: &str = r#"
[handover]
unavailable_message = "Nobody is free."
[events]
human_returned = "HUMAN_RETURNED"
callback_done = "CALLBACK_DONE"
[[action]]
name = "person"
media = "webinteraction"
kind = "requeue"
queue = "support"
[[action]]
name = "call"
media = "webinteraction"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "page"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
"#;

/// The interpreter that `./check` has equipped.
pub(crate) fn interpreter() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = env::var_os("USHER_TEST_PYTHON").map_or_else(|| root.join("target/python/bin/python"), PathBuf::from);
    assert!(python.is_file(), "{} is missing: run ./check, which makes it", python.display());
    python
}

#[tokio::test]
async fn an_engine_in_python_keeps_the_contract_from_the_proto_alone() {
    let dialogflow = FakeDialogflow::start();
    // Tomorrow, to the second.
    let at_ms = (Clock::system().now().0 / 1000 + 24 * 3600) * 1000;
    let when = jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string();
    let call = json!({"phone": "030 123456", "when": {"date_time": when}});
    dialogflow
        .on_text("hello", say("Hi there."))
        .on_event("CART_OPENED", say("I see your cart."))
        .on_text("a person please", say("One moment.").action("person", &json!({})))
        .on_event("HUMAN_RETURNED", say("Welcome back."))
        .on_text("call me", say("I will book that.").action("call", &call))
        .on_event("CALLBACK_DONE", say("Booked."))
        .on_text("show me", say("Look here.").action("page", &json!({"url": "https://shop.example.com/sale"})))
        .on_text("bye", say("Goodbye.").ends());
    let usher = Usher::start(CONFIG, &(profile(&dialogflow.endpoint()) + MORE)).await;
    let mut engine = Command::new(interpreter());
    engine
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/test_engine.py"))
        .args([usher.engines.to_string(), at_ms.to_string()])
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || engine.output()).await.unwrap().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}{errors}");
    assert!(told.ends_with("holds: cut connection\n"), "every step was taken: {told}");
    usher.drain().await;
}
