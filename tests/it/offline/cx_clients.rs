//! A conversation in CX's shapes by the clients that Google offers for it: the same results, the same error statuses.

use std::process::Command;

use serde_json::{Value, json};

use super::{agent, clients, serve};
use crate::python::interpreter;

const SESSION: &str = "projects/cafe/locations/eu/agents/offline/environments/live/sessions/s-1";

/// What is done, and what must come of it.
#[expect(clippy::too_many_lines, reason = "a conversation is read in one piece")]
fn conversation() -> Vec<(Value, Value)> {
    let detect = |rest: Value| {
        let mut step = json!({"do": "detect", "session": SESSION});
        step.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap());
        step
    };
    let text = |it: &str| detect(json!({ "text": it }));
    let with = |mut base: Value, more: Value| {
        base.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        base
    };
    let error = |code: &str| json!({ "error": code });
    let plain = |kind: &str, messages: Value| {
        json!({"query": "text", "type": kind, "intent": "", "event": "", "found": {}, "session": {"tier": "gold"},
            "messages": messages, "page": "Start Page", "language": "en"})
    };
    let action = |name: &str, parameters: &Value| json!(["payload", {"action": name, "parameters": parameters}]);
    let greeted = json!({"who": "Desk 1", "table": "any table"});
    let after_greeting = json!({"tier": "gold", "who": "Desk 1", "table": "any table"});
    let full =
        json!({"drink": "coffee", "size": "large", "name": "Doe", "toppings": [], "place": "counter", "note": "none"});
    let step = |drink: Value| {
        let mut session = after_greeting.clone();
        session.as_object_mut().unwrap().extend(drink.as_object().cloned().unwrap());
        session
    };
    let found = json!({"drink": "coffee", "size": "large", "name": "Doe", "place": "counter", "note": "none"});
    vec![
        (
            json!({"do": "agent", "name": "projects/cafe/locations/eu/agents/offline"}),
            json!({"name": "Test Cafe", "language": "en", "zone": "Europe/Berlin"}),
        ),
        (json!({"do": "agent", "name": "projects/cafe/locations/eu/agents/other"}), error("NOT_FOUND")),
        (
            detect(json!({"event": "GREET", "parameters": {"name": "Desk 1", "tier": "gold"}})),
            with(
                plain("EVENT", json!([["text", ["Hello Desk 1, any table."]], action("greet", &greeted)])),
                json!({"query": "trigger_event", "event": "GREET", "found": greeted,
                    "session": step(json!({"name": "Desk 1"}))}),
            ),
        ),
        (
            // What a client takes out is gone.
            detect(json!({"text": "a big java", "parameters": {"name": null}})),
            with(
                plain("INTENT", json!([["text", ["What is your name?"]]])),
                json!({"intent": "order drink",
                    "found": {"drink": "coffee", "size": "large", "place": "counter", "note": "none"},
                    "session": step(json!({"drink": "coffee", "size": "large", "place": "counter", "note": "none"}))}),
            ),
        ),
        (
            text("Doe"),
            with(
                plain(
                    "PARAMETER_FILLING",
                    json!([["text", ["A large coffee for Doe."]], action("order.drink", &full)]),
                ),
                json!({"found": found, "session": step(found.clone())}),
            ),
        ),
        (
            text("quark"),
            with(
                plain(
                    "NO_MATCH",
                    json!([["text", ["Is the order right: yes or no?"]], action("order.unclear", &json!({}))]),
                ),
                json!({"event": "sys.no-match-default", "session": step(found.clone())}),
            ),
        ),
        (
            text(" "),
            with(
                plain("NO_INPUT", json!([])),
                json!({"event": "sys.no-input-default", "session": step(found.clone())}),
            ),
        ),
        (
            text("I want a human"),
            with(
                plain(
                    "INTENT",
                    json!([["text", ["One moment."]], action("human", &json!({})), ["live_agent_handoff"]]),
                ),
                json!({"intent": "human", "session": step(found.clone())}),
            ),
        ),
        (
            detect(json!({"text": "tschüss", "language": "de-DE"})),
            with(
                plain(
                    "INTENT",
                    json!([["text", ["Auf Wiedersehen."]], action("bye", &json!({})), ["end_interaction"]]),
                ),
                json!({"intent": "bye", "language": "de", "page": "End Session", "session": step(found.clone())}),
            ),
        ),
        (
            // Nobody knows this event.
            detect(json!({"event": "NOBODY", "parameters": {"tier": "silver"}})),
            with(
                plain("EVENT", json!([])),
                json!({"query": "trigger_event", "event": "NOBODY",
                    "session": with(step(found.clone()), json!({"tier": "silver"}))}),
            ),
        ),
        (
            detect(json!({"digits": "99"})),
            with(
                plain("NO_MATCH", json!([["text", ["I did not get that."]], action("input.unknown", &json!({}))])),
                json!({"query": "dtmf", "event": "sys.no-match-default",
                    "session": with(step(found), json!({"tier": "silver"}))}),
            ),
        ),
        (text(&"ä".repeat(257)), error("INVALID_ARGUMENT")),
        (detect(json!({"text": "hello", "language": ""})), error("INVALID_ARGUMENT")),
        (detect(json!({})), error("INVALID_ARGUMENT")),
        (detect(json!({"event": "x".repeat(151)})), error("INVALID_ARGUMENT")),
        (detect(json!({"intent": "projects/p/locations/l/agents/offline/intents/i"})), error("UNIMPLEMENTED")),
        (json!({"do": "detect", "session": SESSION.replace("offline", "other"), "text": "hello"}), error("NOT_FOUND")),
        (
            json!({"do": "detect", "session": format!("{SESSION}{}", "x".repeat(34)), "text": "hello"}),
            error("INVALID_ARGUMENT"),
        ),
    ]
}

async fn python(transport: &str) {
    let server = serve(agent()).await;
    let mut client = Command::new(interpreter());
    client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/google_cx_clients.py"));
    client.args([&server.address().to_string(), transport]);
    clients::check(client, conversation()).await;
    server.stop().await.unwrap();
}

async fn node(transport: &str) {
    let server = serve(agent()).await;
    let mut client = clients::node_script("google_cx_clients.js");
    client.args([&server.address().ip().to_string(), &server.address().port().to_string(), transport]);
    clients::check(client, conversation()).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_googles_python_client_of_cx_by_grpc() {
    python("grpc").await;
}

#[tokio::test]
async fn b16_googles_python_client_of_cx_by_rest() {
    python("rest").await;
}

#[tokio::test]
async fn b16_googles_node_client_of_cx_by_grpc() {
    node("grpc").await;
}

#[tokio::test]
async fn b16_googles_node_client_of_cx_by_rest() {
    node("rest").await;
}
