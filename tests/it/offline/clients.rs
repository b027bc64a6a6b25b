//! The same conversation by every client that Google offers: the same results, the same error statuses.

use std::{
    env,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

use google_cloud_auth::credentials::anonymous;
use google_cloud_dialogflow_v2::{
    client::{Agents, Intents, Sessions},
    model,
};
use google_cloud_gax::paginator::ItemPaginator as _;
use serde_json::{Value, json};

use super::{SESSION, agent, serve};
use crate::python::interpreter;

/// What is done, and what must come of it.
#[expect(clippy::too_many_lines, reason = "a conversation is read in one piece")]
fn conversation() -> Vec<(Value, Value)> {
    let detect = |rest: Value| {
        let mut step = json!({"do": "detect", "session": SESSION});
        step.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap());
        step
    };
    let text = |it: &str| detect(json!({ "text": it }));
    let plain = |intent: &str, action: &str, said: &str| {
        json!({"intent": intent, "action": action, "text": said, "messages": [["text", [said]]], "parameters": {},
            "complete": true, "contexts": ["__system_counters__ 0"], "language": "en", "fallback": false, "ends": false,
            "handoff": false})
    };
    let with = |mut base: Value, more: Value| {
        base.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap());
        base
    };
    let error = |code: &str| json!({ "error": code });
    let order = |said: &str, drink: &str, size: &str| {
        let parameters =
            json!({"drink": drink, "size": size, "name": "", "toppings": [], "place": "counter", "note": "none"});
        with(plain("order drink", "order.drink", said), json!({"complete": false, "parameters": parameters}))
    };
    let held = |base: Value, asked: &str| {
        let id = &agent().intents.iter().find(|it| it.name == "order drink").unwrap().id.clone();
        let place = [format!("{id}_id_dialog_context 2"), "order_drink_dialog_context 2".to_owned()];
        let asked = format!("order_drink_dialog_params_{asked} 1");
        with(base, json!({"contexts": [place[0], place[1], asked, "__system_counters__ 1"]}))
    };
    let full =
        json!({"drink": "coffee", "size": "large", "name": "Doe", "toppings": [], "place": "counter", "note": "none"});
    vec![
        (
            json!({"do": "agent", "parent": "projects/cafe"}),
            json!({"name": "Test Cafe", "language": "en", "zone": "Europe/Berlin"}),
        ),
        (
            detect(json!({"event": "GREET", "parameters": {"name": "Desk 1"}})),
            with(
                plain("greet", "greet", "Hello Desk 1, any table."),
                json!({"parameters": {"who": "Desk 1", "table": "any table"}, "contexts": ["greet 0", "__system_counters__ 0"]}),
            ),
        ),
        (text("I would like to order"), held(order("Which drink?", "", ""), "drink")),
        (text("java"), held(order("What size for the coffee?", "coffee", ""), "size")),
        (text("a big one"), held(order("What is your name?", "coffee", "large"), "name")),
        (
            text("Doe"),
            with(
                plain("order drink", "order.drink", "A large coffee for Doe."),
                json!({"parameters": full, "contexts": ["order 3", "__system_counters__ 0"]}),
            ),
        ),
        (
            text("quark"),
            with(
                plain("order drink - fallback", "order.unclear", "Is the order right: yes or no?"),
                json!({"fallback": true, "contexts": ["order 2", "__system_counters__ 1"]}),
            ),
        ),
        (
            text("yes"),
            with(
                plain("order drink - yes", "order.confirm", "Your coffee (big) is being made, Doe."),
                json!({"contexts": ["made 2", "__system_counters__ 0"]}),
            ),
        ),
        (
            text("when are you open?"),
            with(
                plain("hours", "hours", "From 8 to 18."),
                json!({
            "messages": [["card"], ["image"], ["payload"], ["text", ["From 8 to 18."]]],
            "contexts": ["made 1", "__system_counters__ 0"]}),
            ),
        ),
        (
            text("I want a human"),
            with(
                plain("human", "human", "One moment."),
                json!({"handoff": true, "contexts": ["made 0", "__system_counters__ 0"]}),
            ),
        ),
        (
            detect(json!({"text": "tschüss", "language": "de-DE"})),
            with(plain("bye", "bye", "Auf Wiedersehen."), json!({"language": "de", "ends": true})),
        ),
        (
            text(&"ä".repeat(256)),
            with(
                plain("Default Fallback Intent", "input.unknown", "I did not get that."),
                json!({"fallback": true, "contexts": ["__system_counters__ 1"]}),
            ),
        ),
        (text(&"ä".repeat(257)), error("INVALID_ARGUMENT")),
        (text(""), error("INVALID_ARGUMENT")),
        (detect(json!({"text": "hello", "language": ""})), error("INVALID_ARGUMENT")),
        (detect(json!({})), error("INVALID_ARGUMENT")),
        (detect(json!({"event": "x".repeat(151)})), error("INVALID_ARGUMENT")),
        (
            json!({"do": "detect", "session": format!("projects/cafe/agent/sessions/{}", "x".repeat(37)), "text": "hello"}),
            error("INVALID_ARGUMENT"),
        ),
    ]
}

/// Further services: only Python's and Node's packages are built with them here.
fn beside_it() -> Vec<(Value, Value)> {
    let step = |what: &str, rest: Value| {
        let mut step = json!({"do": what, "session": SESSION});
        step.as_object_mut().unwrap().extend(rest.as_object().cloned().unwrap());
        step
    };
    let not_found = json!({ "error": "NOT_FOUND" });
    let of = |context: &str| json!({ "context": context });
    vec![
        (
            step(
                "create_context",
                json!({"context": "Order", "lifespan": 2, "parameters": {"drink": "tea", "size": "S",
            "name": "Roe"}}),
            ),
            json!("order 2"),
        ),
        (step("create_context", json!({"context": "other", "lifespan": 1})), json!("other 1")),
        (step("list_contexts", json!({})), json!(["order 2", "other 1"])),
        (step("get_context", of("order")), json!({"drink": "tea", "size": "S", "name": "Roe"})),
        (step("update_context", json!({"context": "order", "lifespan": 7})), json!("order 7")),
        (step("update_context", json!({"context": "nobody", "lifespan": 7})), not_found.clone()),
        (step("delete_context", of("other")), Value::Null),
        (step("delete_context", of("other")), not_found.clone()),
        (step("get_context", of("other")), not_found.clone()),
        (step("create_context", json!({"context": "bad name", "lifespan": 1})), json!({"error": "INVALID_ARGUMENT"})),
        (step("delete_contexts", json!({})), Value::Null),
        (step("list_contexts", json!({})), json!([])),
        (step("create_entity_type", json!({"entity": "drink", "mode": 1, "values": ["mate"]})), json!("drink 1")),
        (
            step("create_entity_type", json!({"entity": "nothing", "mode": 1, "values": ["x"]})),
            json!({"error": "INVALID_ARGUMENT"}),
        ),
        (
            step("create_entity_type", json!({"entity": "drink", "mode": 0, "values": ["x"]})),
            json!({"error": "INVALID_ARGUMENT"}),
        ),
        (step("list_entity_types", json!({})), json!(["drink"])),
        (step("delete_entity_type", json!({"entity": "drink"})), Value::Null),
        (step("delete_entity_type", json!({"entity": "drink"})), not_found),
    ]
}

/// An agent's intents as a client is to read them, whatever the size of its pages.
fn intents(language: &str, full: bool) -> Value {
    let agent = agent();
    let told = agent.intents.iter().map(|it| {
        let phrases = if full { it.phrases.get(language).map_or(0, Vec::len) } else { 0 };
        let messages = it.messages.get(language).or(it.messages.get("")).map_or(0, Vec::len);
        let parameters: Vec<Value> =
            it.parameters.iter().map(|it| json!([it.name, format!("@{}", it.entity), it.required])).collect();
        let outputs: Vec<String> = it.output_contexts.iter().map(|it| format!("{} {}", it.name, it.lifespan)).collect();
        json!({
            "id": it.id, "name": it.name, "action": it.action, "events": it.events, "inputs": it.input_contexts,
            "outputs": outputs, "parameters": parameters, "phrases": phrases, "messages": messages,
            "priority": it.priority, "fallback": it.is_fallback, "ends": it.end_interaction,
            "handoff": it.live_agent_handoff, "parent": it.parent_id.clone().unwrap_or_default(),
        })
    });
    Value::Array(told.collect())
}

fn listings() -> Vec<(Value, Value)> {
    let list = |parent: &str, language: &str, full: bool, size: u32| json!({"do": "list_intents", "parent": parent, "language": language, "full": full, "size": size});
    let agent = "projects/cafe/agent";
    let live = "projects/cafe/locations/global/agent/environments/live";
    vec![
        (list(agent, "", true, 0), intents("en", true)),
        (list(agent, "de", true, 3), intents("de", true)),
        (list(agent, "", false, 0), intents("en", false)),
        // Of an environment the service tells no phrases.
        (list(live, "", true, 5), intents("en", false)),
        (list(agent, "", true, 1001), intents("en", true)),
    ]
}

/// Runs a client's script on the steps; what it told must be what is expected, step by step.
pub(super) async fn check(mut client: Command, steps: Vec<(Value, Value)>) {
    let (asked, expected): (Vec<Value>, Vec<Value>) = steps.into_iter().unzip();
    let input = serde_json::to_vec(&asked).unwrap();
    let run = move || {
        let mut child = client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        child.wait_with_output().unwrap()
    };
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let told: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told.len(), expected.len());
    for ((asked, told), expected) in asked.iter().zip(told).zip(expected) {
        assert_eq!(told, expected, "{asked}");
    }
}

fn everything() -> Vec<(Value, Value)> {
    conversation().into_iter().chain(beside_it()).chain(listings()).collect()
}

async fn python(transport: &str) {
    let server = serve(agent()).await;
    let mut client = Command::new(interpreter());
    client.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/google_clients.py"));
    client.args([&server.address().to_string(), transport]);
    check(client, everything()).await;
    server.stop().await.unwrap();
}

/// One of tests/node, with the packages that `./check` has installed.
pub(super) fn node_script(name: &str) -> Command {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let modules =
        env::var_os("USHER_TEST_NODE_MODULES").map_or_else(|| root.join("target/node/node_modules"), PathBuf::from);
    assert!(modules.is_dir(), "{} is missing: run ./check, which makes it", modules.display());
    let mut client = Command::new("node");
    client.env("NODE_PATH", modules).arg(root.join("tests/node").join(name));
    client
}

async fn node(transport: &str) {
    let server = serve(agent()).await;
    let mut client = node_script("google_clients.js");
    client.args([&server.address().ip().to_string(), &server.address().port().to_string(), transport]);
    check(client, everything()).await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b16_googles_python_client_by_grpc() {
    python("grpc").await;
}

#[tokio::test]
async fn b16_googles_python_client_by_rest() {
    python("rest").await;
}

#[tokio::test]
async fn b16_googles_node_client_by_grpc() {
    node("grpc").await;
}

#[tokio::test]
async fn b16_googles_node_client_by_rest() {
    node("rest").await;
}

fn rust_result(told: &model::QueryResult) -> Value {
    let message = |it: &model::intent::Message| match &it.message {
        Some(model::intent::message::Message::Text(it)) => json!(["text", it.text]),
        Some(model::intent::message::Message::Card(_)) => json!(["card"]),
        Some(model::intent::message::Message::Image(_)) => json!(["image"]),
        Some(model::intent::message::Message::Payload(_)) => json!(["payload"]),
        other => panic!("{other:?}"),
    };
    let shown =
        |it: &model::Context| format!("{} {}", it.name.rsplit('/').next().unwrap_or_default(), it.lifespan_count);
    let intent = told.intent.clone().unwrap_or_default();
    json!({
        "intent": intent.display_name,
        "action": told.action,
        "text": told.fulfillment_text,
        "messages": told.fulfillment_messages.iter().map(message).collect::<Vec<_>>(),
        "parameters": told.parameters,
        "complete": told.all_required_params_present,
        "contexts": told.output_contexts.iter().map(shown).collect::<Vec<_>>(),
        "language": told.language_code,
        "fallback": intent.is_fallback,
        "ends": intent.end_interaction,
        "handoff": intent.live_agent_handoff,
    })
}

async fn rust_step(step: &Value, sessions: &Sessions, agents: &Agents) -> google_cloud_gax::Result<Value> {
    let text = |key: &str| step[key].as_str().unwrap_or_default();
    if step["do"] == "agent" {
        let agent = agents.get_agent().set_parent(text("parent")).send().await?;
        let (name, language, zone) = (agent.display_name, agent.default_language_code, agent.time_zone);
        return Ok(json!({"name": name, "language": language, "zone": zone}));
    }
    let language = step["language"].as_str().unwrap_or("en");
    let input = model::QueryInput::new();
    let input = if step.get("text").is_some() {
        input.set_text(model::TextInput::new().set_text(text("text")).set_language_code(language))
    } else if step.get("event").is_some() {
        let parameters = step["parameters"].as_object().cloned().unwrap_or_default();
        let event = model::EventInput::new().set_name(text("event")).set_language_code(language);
        input.set_event(event.set_parameters(parameters))
    } else {
        input
    };
    let answer = sessions.detect_intent().set_session(text("session")).set_query_input(input).send().await?;
    Ok(rust_result(&answer.query_result.unwrap_or_default()))
}

#[tokio::test]
async fn b16_googles_rust_client() {
    // Another test may have chosen it already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let server = serve(agent()).await;
    let endpoint = format!("http://{}", server.address());
    let credentials = || anonymous::Builder::new().build();
    let sessions = Sessions::builder().with_endpoint(&endpoint).with_credentials(credentials()).build().await.unwrap();
    let agents = Agents::builder().with_endpoint(&endpoint).with_credentials(credentials()).build().await.unwrap();
    for (step, expected) in conversation() {
        let told = match rust_step(&step, &sessions, &agents).await {
            Ok(told) => told,
            Err(error) => json!({ "error": error.status().unwrap().code.name() }),
        };
        assert_eq!(told, expected, "{step}");
    }
    server.stop().await.unwrap();
}

fn rust_intent(told: &model::Intent) -> Value {
    let last = |it: &str| it.rsplit('/').next().unwrap_or_default().to_owned();
    let outputs = told.output_contexts.iter().map(|it| format!("{} {}", last(&it.name), it.lifespan_count));
    let parameters =
        told.parameters.iter().map(|it| json!([it.display_name, it.entity_type_display_name, it.mandatory]));
    json!({
        "id": last(&told.name), "name": told.display_name, "action": told.action, "events": told.events,
        "inputs": told.input_context_names.iter().map(|it| last(it)).collect::<Vec<_>>(),
        "outputs": outputs.collect::<Vec<_>>(), "parameters": parameters.collect::<Vec<_>>(),
        "phrases": told.training_phrases.len(), "messages": told.messages.len(), "priority": told.priority,
        "fallback": told.is_fallback, "ends": told.end_interaction, "handoff": told.live_agent_handoff,
        "parent": last(&told.parent_followup_intent_name),
    })
}

#[tokio::test]
async fn b3_googles_rust_client_lists_intents() {
    // Another test may have chosen it already.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let server = serve(agent()).await;
    let endpoint = format!("http://{}", server.address());
    let credentials = anonymous::Builder::new().build();
    let client = Intents::builder().with_endpoint(&endpoint).with_credentials(credentials).build().await.unwrap();
    for (step, expected) in listings() {
        let view = if step["full"] == true { model::IntentView::Full } else { model::IntentView::Unspecified };
        let list = client
            .list_intents()
            .set_parent(step["parent"].as_str().unwrap())
            .set_language_code(step["language"].as_str().unwrap())
            .set_intent_view(view)
            .set_page_size(i32::try_from(step["size"].as_i64().unwrap()).unwrap());
        let (mut items, mut found) = (list.by_item(), Vec::new());
        while let Some(next) = items.next().await {
            found.push(rust_intent(&next.unwrap()));
        }
        assert_eq!(Value::Array(found), expected, "{step}");
    }
    let id = &agent().intents[0].id;
    let one = client.get_intent().set_name(format!("projects/cafe/agent/intents/{id}")).send().await.unwrap();
    assert_eq!(rust_intent(&one), intents("en", false)[0]);
    let unknown = client.get_intent().set_name("projects/cafe/agent/intents/none").send().await.unwrap_err();
    assert_eq!(unknown.status().unwrap().code.name(), "NOT_FOUND");
    server.stop().await.unwrap();
}
