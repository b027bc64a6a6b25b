//! The API where something is in the way: which state a change goes on from, what is not taken without a word, and why a person cannot be had.

use serde_json::{Value, json};
use usher::{
    manager::api_document,
    wire::engine::{MediaType, Queue},
};

use super::{
    api::Program,
    editing::{Site, written},
    *,
};
use crate::{conversation::offer, fakes::engine::FakeEngine};

const AT: &str = "/profiles/sales/written";
const JSON: (&str, &str) = ("content-type", "application/json");
const TOML: (&str, &str) = ("content-type", "application/toml");
const NEW: (&str, &str) = ("if-none-match", "*");

async fn begun() -> (Site, Program, FakeDialogflow) {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "ci", "administrator").await;
    let text = written(&dialogflow, "tulip-gravel-9311");
    assert_eq!(program.ask("PUT", &format!("{AT}/source"), &[TOML, NEW], &text).await.status, 201);
    (site, program, dialogflow)
}

fn field(problem: &Value) -> &str {
    problem["findings"][0]["field"].as_str().unwrap_or_else(|| panic!("no field in {problem}"))
}

#[tokio::test]
async fn what_a_change_wants_to_hear_of_is_in_the_body_where_the_header_is_weak() {
    let (site, program, _dialogflow) = begun().await;
    let version = program.get(&format!("{AT}/source")).await.etag().to_owned();
    assert_eq!(program.get(&format!("{AT}/settings")).await.etag(), version);
    for path in [AT.to_owned(), format!("{AT}/agents"), format!("{AT}/actions")] {
        let shown = program.get(&path).await;
        assert!(shown.etag().starts_with("W/\""), "{path}: {}", shown.etag());
        assert_eq!(shown.json()["etag"], version.as_str(), "{path}");
        let again = program.ask("GET", &path, &[("if-none-match", shown.etag())], "").await;
        assert_eq!((again.status, again.etag()), (304, shown.etag()), "{path}");
        let change = json!({ "assign": ["va3"] }).to_string();
        let weak = [JSON, ("if-match", shown.etag())];
        program.ask("POST", &format!("{AT}/agents"), &weak, &change).await.problem(412, "outdated");
    }
    for path in ["/profiles/sales/support", "/profiles/sales/support/agents"] {
        assert_eq!(program.get(path).await.json()["etag"], Value::Null, "{path} is written in a file");
    }
    let header = &api_document()["paths"]["/profiles/{unit}/{profile}/agents"]["get"]["responses"]["200"]["headers"];
    assert!(header["ETag"]["description"].as_str().unwrap().contains("for `If-None-Match` alone"), "{header}");
    assert!(api_document()["components"]["responses"]["outdated"]["headers"]["ETag"].is_object());
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn what_changes_nothing_makes_no_new_version() {
    let (site, program, _dialogflow) = begun().await;
    let at = format!("{AT}/settings");
    let seen = program.get(&at).await;
    for nothing in [
        json!({}),
        json!({ "fallback_message": "Sorry." }),
        json!({ "handover.queue": null }),
        json!({ "agents": ["va1"], "agent_password": seen.json()["settings"]["agent_password"] }),
    ] {
        let same = program.put(&at, seen.etag(), &nothing).await;
        assert_eq!((same.status, same.etag(), same.json()), (200, seen.etag(), seen.json()), "{nothing}");
    }
    program.put(&at, "\"1000\"", &json!({})).await.problem(412, "outdated");
    for (wanted, at_fault) in [("nope", "nope"), ("handover.nope", "handover.nope"), ("lex.region", "lex.region")] {
        let told = program.put(&at, "*", &json!({ wanted: null })).await.problem(422, "invalid");
        assert_eq!(field(&told), at_fault, "{told}");
    }
    assert!(!site.admin.get("/audit.csv").await.text.contains("profile.changed"));
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn what_is_not_there_is_not_found_whatever_state_of_it_was_seen() {
    let (site, program, dialogflow) = begun().await;
    let text = profile(&dialogflow.endpoint());
    let unit = json!({ "zone": "UTC", "country": "DE" }).to_string();
    let name = json!({ "name": "x" }).to_string();
    for seen in ["*", "\"7\""] {
        let seen = ("if-match", seen);
        for (method, path, headers, body) in [
            ("PUT", "/profiles/sales/none/source", [TOML, seen], &text),
            ("DELETE", "/profiles/sales/none/source", [TOML, seen], &String::new()),
            ("PUT", "/profiles/sales/none/settings", [JSON, seen], &"{}".to_owned()),
            ("POST", "/profiles/sales/none/name", [JSON, seen], &name),
            ("POST", "/profiles/sales/none/agents", [JSON, seen], &"{}".to_owned()),
            ("PUT", "/units/none", [JSON, seen], &unit),
            ("DELETE", "/units/none", [JSON, seen], &String::new()),
            ("DELETE", "/engines/none", [JSON, seen], &String::new()),
            ("DELETE", "/users/none", [JSON, seen], &String::new()),
            ("DELETE", "/profiles/sales/written/tests/none", [JSON, seen], &String::new()),
            ("DELETE", "/profiles/sales/written/actions/openmedia/none", [JSON, seen], &String::new()),
        ] {
            let answer = program.ask(method, path, &headers, body).await;
            // An action is part of its profile, which is there in another state.
            let is_part = path.contains("/actions/") && seen.1 != "*";
            assert_eq!(answer.status, if is_part { 412 } else { 404 }, "{method} {path} {seen:?}: {}", answer.text);
        }
    }
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn nothing_is_passed_over_in_silence() {
    let (site, program, _dialogflow) = begun().await;
    for own in ["name", "unit", "type"] {
        let body = json!({ "unit": "sales", "name": "third", "type": "dialogflow-v2", "settings": { own: "x" } });
        let told = program.post("/profiles", &body).await.problem(422, "invalid");
        assert_eq!(field(&told), format!("settings.{own}"), "{told}");
    }
    let at = format!("{AT}/settings");
    let any = [JSON, ("if-match", "*")];
    for (body, at_fault) in [
        ("{\"handover.queue\":\"x\",\"handover.queue\":\"y\"}", "handover.queue"),
        ("{\"handover\":{\"queue\":\"x\",\"queue\":\"y\"}}", "handover.queue"),
        ("{\"handover\":{\"queue\":\"x\"},\"handover.queue\":\"y\"}", "handover.queue"),
    ] {
        let told = program.ask("PUT", &at, &any, body).await.problem(422, "invalid");
        assert_eq!(field(&told), at_fault, "{body}: {told}");
        assert!(told["findings"][0]["message"].as_str().unwrap().contains("twice"), "{told}");
    }
    let told = program.ask("POST", &format!("{AT}/agents"), &any, "{\"take_off\":[\"va1\",\"va2\"]}").await;
    assert_eq!(field(&told.problem(422, "invalid")), "take_off[1]", "{}", told.text);
    let told = program.put(&at, "*", &json!({ "agent_password": null })).await.problem(422, "invalid");
    let help = told["findings"][0]["help"].as_str().unwrap();
    assert!(help.starts_with("send the secret itself"), "what the API refuses comes second: {help}");
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn s1_nothing_is_given_a_name_that_addresses_leave_out() {
    let (site, program, dialogflow) = begun().await;
    let test = json!({ "media": "openmedia", "queues": "open", "steps": [] });
    let action = json!({ "media": ["openmedia"], "does": { "kind": "requeue", "queue": "desk" } });
    let named = |body: &Value, dots: &str| {
        let mut body = body.clone();
        body["name"] = json!(dots);
        body.to_string()
    };
    let any = ("if-match", "*");
    for dots in [".", ".."] {
        for (path, body, headers) in [
            ("/users".to_owned(), named(&json!({ "role": "viewer" }), dots), [JSON, JSON]),
            ("/tokens".to_owned(), named(&json!({ "role": "viewer", "days": 1 }), dots), [JSON, JSON]),
            ("/profiles".to_owned(), named(&json!({ "unit": "sales", "type": "lex" }), dots), [JSON, JSON]),
            (format!("{AT}/name"), named(&json!({}), dots), [JSON, any]),
            (format!("{AT}/tests"), named(&test, dots), [JSON, JSON]),
            (format!("{AT}/actions"), named(&action, dots), [JSON, any]),
        ] {
            let told = program.ask("POST", &path, &headers, &body).await.problem(422, "invalid");
            assert_eq!(field(&told), "name", "{path}: {told}");
        }
        let engine = json!({ "engine": dots, "units": ["care"] });
        assert_eq!(field(&program.post("/engines", &engine).await.problem(422, "invalid")), "engine");
        let form = [("id", dots), ("unit", "care")];
        assert_eq!(site.admin.send("/engines/new", &form).await.status, 422);
        let form = [("name", dots), ("zone", "UTC"), ("country", "DE")];
        assert_eq!(site.admin.send("/units/new", &form).await.status, 422);
        let page = site.admin.send("/users", &[("name", dots), ("role", "viewer")]).await;
        assert!(page.text.contains("neither . nor .."), "{}", page.text);
        let text = profile(&dialogflow.endpoint()).replace("\"support\"", &format!("\"{dots}\""));
        let page = site.admin.send("/profiles/new", &[("view", "text"), ("text", &text), ("do", "save")]).await;
        assert_eq!(page.status, 422, "{}", page.text);
        let file = format!("{{\"test\":\"{dots}\"}}\n{{\"say\":\"x\"}}\n");
        let lines = [("content-type", "application/jsonl")];
        program.ask("POST", &format!("{AT}/tests.jsonl"), &lines, &file).await.problem(422, "invalid");
    }
    let lines = [("content-type", "application/jsonl")];
    let told = program.ask("POST", &format!("{AT}/tests.jsonl"), &lines, "nothing").await.problem(422, "invalid");
    assert!(told["detail"].as_str().unwrap().contains("this is no JSON") && !told.to_string().contains("ident"));
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn b2_why_a_contact_is_not_handed_over_is_told() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "operator").await;
    let mut setup = house.usher.setup().queue("calls", MediaType::Speech);
    let shut = Queue { id: "shut".to_owned(), media_type: MediaType::OpenMedia.into(), ..Queue::default() };
    setup.directory.queues.push(shut);
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    engine.open_as(offer("c-1", MediaType::OpenMedia)).await;
    let path = "/contacts/sales/c-1/hand-over";
    for (to, told) in [
        (json!({ "queue": "none" }), "has no such queue"),
        (json!({ "queue": "calls" }), "another kind of contact"),
        (json!({ "queue": "shut" }), "the queue is closed"),
        (json!({ "target": "4711" }), "has no such queue or target"),
    ] {
        let problem = program.post(path, &to).await.problem(409, "conflict");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{to}: {problem}");
    }
    for (to, at_fault) in [
        (json!({ "queue": "" }), "queue"),
        (json!({ "queue": 5 }), "queue"),
        (json!({ "target": "x".repeat(200) }), "target"),
        (json!({}), "queue"),
        (json!({ "queue": "shut", "target": "4711" }), "target"),
    ] {
        let problem = program.post(path, &to).await.problem(422, "invalid");
        assert_eq!(field(&problem), at_fault, "{problem}");
    }
    house.close().await;
}
