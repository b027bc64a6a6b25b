//! The API's profiles: settings, names, copies and actions as JSON, each as the page does it, and nobody over another's change.

use serde_json::{Value, json};

use super::{
    api::{Answer, Program},
    editing::{Site, written},
    *,
};
use crate::connector::{DOOR, profile as connector_profile};

const AT: &str = "/profiles/sales/written";
const SECRET: &str = "tulip-gravel-9311";
const ACTION: &str = "\n# To people.\n[[action]]\nname = \"human\" # as in the agent\nmedia = [\"openmedia\", \"webinteraction\"]\nkind = \"requeue\"\nqueue = \"desk\"\n";

/// A site with a kept profile, and an administrator's program.
async fn begun() -> (Site, Program, FakeDialogflow) {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "ci", "administrator").await;
    let headers = [("content-type", "application/toml"), ("if-none-match", "*")];
    let text = written(&dialogflow, SECRET) + ACTION;
    let made = program.ask("PUT", &format!("{AT}/source"), &headers, &text).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(program.get(&format!("{AT}/source")).await.etag(), made.etag(), "what is written says its state");
    (site, program, dialogflow)
}

fn fields(problem: &Value) -> Vec<&str> {
    problem["findings"].as_array().unwrap().iter().map(|it| it["field"].as_str().unwrap_or_default()).collect()
}

async fn source(program: &Program) -> String {
    program.get(&format!("{AT}/source")).await.text
}

#[tokio::test]
async fn s7_settings_are_read_and_changed_one_by_one_and_the_text_keeps_its_comments() {
    let (site, program, dialogflow) = begun().await;
    let at = format!("{AT}/settings");
    let seen = program.get(&at).await;
    let all = seen.json();
    assert_eq!((&all["settings"]["fallback_message"], &all["settings"]["agents"]), (&json!("Sorry."), &json!(["va1"])));
    assert!(all["settings"]["agent_password"]["sealed"].is_string() && !seen.text.contains(SECRET), "{}", seen.text);
    assert_eq!(all["settings"]["action"][0]["queue"], "desk");

    let wanted = json!({
        "handover.queue": "support", "inactivity": { "timeout_minutes": 7 }, "welcome_event": null,
        "agent_password": "gravel-tulip-1139", "standby.0.name": "second", "standby.0.type": "dialogflow-v2",
        "standby.0.dialogflow": { "project": "q", "endpoint": dialogflow.endpoint() },
    });
    program.ask("PUT", &at, &[("content-type", "application/json")], "{}").await.problem(428, "condition-missing");
    let changed = program.put(&at, seen.etag(), &wanted).await;
    assert_eq!(
        (changed.status, &changed.json()["settings"]["handover.queue"]),
        (200, &json!("support")),
        "{changed:?}"
    );
    assert!(!changed.text.contains("gravel-tulip"), "{}", changed.text);
    let text = source(&program).await;
    for part in [
        "# mine\nagent_password = { sealed = \"",
        "[handover]\nqueue = \"support\"",
        "[[standby]]",
        "# as in the agent",
    ] {
        assert!(text.contains(part), "no {part} in {text}");
    }
    assert!(!text.contains("welcome_event") && !text.contains("gravel-tulip"), "{text}");
    assert_eq!(program.get(&at).await.etag(), changed.etag());

    // Somebody has seen the state before.
    let late = program.put(&at, seen.etag(), &json!({ "handover.queue": "desk" })).await;
    let told = late.problem(412, "outdated");
    assert_eq!((late.etag(), &told["current"]["changed_by"]), (changed.etag(), &json!("token:ci")));
    assert_eq!(told["current"]["value"]["settings"]["handover.queue"], "support");
    let differences = json!(["-    \"handover.queue\": \"support\"", "+    \"handover.queue\": \"desk\""]);
    assert_eq!(told["current"]["differences"], differences);

    for (wanted, field) in [
        (json!({ "handover.failures_after": 2000 }), "handover.failures_after"),
        (json!({ "handover.failures_after": "two" }), "handover.failures_after"),
        (json!({ "falback_message": "x" }), "falback_message"),
        (json!({ "fallback_message": null }), "fallback_message"),
        (json!({ "dialogflow.region": "nowhere" }), "dialogflow.region"),
        (json!({ "standby.0.dialogflow.project": null }), "standby.0.dialogflow.project"),
        (json!({ "name": "other" }), "name"),
        (json!({ "agents": [1] }), "agents"),
        (json!({ "": 1 }), ""),
        (json!({ "standby.9.name": "x" }), "standby.9.name"),
        (json!({ "agent_password": { "sealed": "no" } }), "agent_password"),
        (json!({ "agent_password": { "sealed": "00ff" } }), "agent_password"),
    ] {
        let problem = program.put(&at, "*", &wanted).await.problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{problem}");
    }
    assert_eq!(source(&program).await, text, "nothing was changed");
    let gone = program.put(&at, "*", &json!({ "standby": null })).await;
    assert!(gone.status == 200 && !source(&program).await.contains("standby"), "{gone:?}");
    program.get("/profiles/sales/support/settings").await.problem(409, "conflict");
    program.get("/profiles/sales/none/settings").await.problem(404, "not-found");
    let log = site.admin.get("/audit.csv").await.text;
    assert!(
        log.contains("\"token:ci\",\"profile.changed\",\"sales/written\"") && !log.contains("gravel-tulip"),
        "{log}"
    );
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn s9_a_profile_is_made_of_settings_or_as_a_copy_of_another_type() {
    let (site, program, dialogflow) = begun().await;
    let new = |more: Value| {
        let mut body = json!({ "unit": "sales", "name": "third" });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for (body, field) in [
        (json!({}), "type"),
        (json!({ "type": "none" }), "type"),
        (json!({ "from": { "unit": "sales", "profile": "none" } }), "from"),
        (json!({ "type": "dialogflow-v2", "unit": "none" }), "unit"),
        (json!({ "type": "dialogflow-v2", "settings": { "agents": 7 } }), "settings.agents"),
    ] {
        let problem = program.post("/profiles", &new(body)).await.problem(422, "invalid");
        assert!(fields(&problem).contains(&field), "{field}: {problem}");
    }
    let copy = new(json!({ "from": { "unit": "sales", "profile": "written" }, "settings": { "agents": ["va5"] } }));
    let made = program.post("/profiles", &copy).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.header("location"), "/api/v1/profiles/sales/third");
    let third = program.get("/profiles/sales/third/settings").await;
    assert_eq!((third.etag(), third.json()), (made.etag(), made.json()));
    assert_eq!(third.json()["settings"]["action"][0]["name"], "human", "all else comes along");
    program.post("/profiles", &copy).await.problem(409, "conflict");

    let v1 = json!({
        "unit": "sales", "name": "old", "type": "dialogflow",
        "settings": { "agents": ["va6"], "agent_password": SECRET, "fallback_message": "Sorry.",
                      "dialogflow_v1.url": dialogflow.endpoint(), "dialogflow_v1.client_token": SECRET, "dialogflow_v1.deadline_ms": 4000 },
    });
    let made = program.post("/profiles", &v1).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert!(!made.text.contains(SECRET), "{}", made.text);
    let v2 = json!({
        "unit": "sales", "name": "new", "type": "dialogflow-v2", "from": { "unit": "sales", "profile": "old" },
        "settings": { "agents": ["va7"], "dialogflow.project": "p", "dialogflow.endpoint": dialogflow.endpoint() },
    });
    let made = program.post("/profiles", &v2).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["settings"]["dialogflow.deadline_ms"], 4000, "what both types have carries over");
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn a_profile_takes_its_tests_its_pause_and_its_connectors_tokens_along() {
    let (site, program, _dialogflow) = begun().await;
    let connector = json!({
        "unit": "sales", "name": "dialled", "type": "connector",
        "settings": { "agents": ["va4"], "agent_password": SECRET, "fallback_message": "Sorry." },
    });
    let made = program.post("/profiles", &connector).await;
    assert_eq!(made.status, 201, "{made:?}");
    let old = "/profiles/sales/dialled";
    let star = [("content-type", "application/json"), ("if-match", "*")];
    let token = program.ask("POST", &format!("{old}/connector-tokens"), &star, "{}").await;
    assert!(token.json()["token"].as_str().unwrap().starts_with("usher-connector-"), "{token:?}");
    let file = "{\"test\":\"greeting\"}\n{\"say\":\"hello\"}\n";
    let lines = [("content-type", "application/jsonl")];
    assert_eq!(program.ask("POST", &format!("{old}/tests.jsonl"), &lines, file).await.json()["tests"], 1);
    assert_eq!(program.ask("POST", &format!("{old}/pause"), &[], "").await.status, 204);
    let paused_at = program.get(old).await.json()["paused_at"].clone();

    let stale = program.get(&format!("{old}/source")).await;
    let named = |name: &str| json!({ "name": name });
    let rename = |etag: &str, body: Value| {
        let (program, headers) = (
            program.clone(),
            [("content-type", "application/json"), ("if-match", etag)].map(|(a, b)| (a.to_owned(), b.to_owned())),
        );
        async move {
            let headers: Vec<(&str, &str)> = headers.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            program.ask("POST", "/profiles/sales/dialled/name", &headers, &body.to_string()).await
        }
    };
    rename("\"1\"", named("moved")).await.problem(412, "outdated");
    let taken = rename("*", named("written")).await.problem(422, "invalid");
    assert_eq!(fields(&taken), ["name"], "{taken}");
    assert_eq!(
        fields(&rename("*", json!({ "name": "moved", "unit": "none" })).await.problem(422, "invalid")),
        ["unit"]
    );
    assert_eq!(fields(&rename("*", named("\u{7}")).await.problem(422, "invalid")), ["name"]);
    let done = rename(stale.etag(), named("moved")).await;
    assert_eq!((done.status, done.json()), (200, json!({ "unit": "sales", "profile": "moved" })), "{done:?}");

    program.get(old).await.problem(404, "not-found");
    let new = "/profiles/sales/moved";
    assert_eq!(program.get(&format!("{new}/source")).await.etag(), done.etag());
    let now = program.get(new).await.json();
    assert_eq!((&now["paused_by"], &now["paused_at"]), (&json!("token:ci"), &paused_at));
    assert_eq!(program.get(&format!("{new}/tests")).await.json()["tests"][0]["name"], "greeting");
    let tokens = program.get(&format!("{new}/connector-tokens")).await;
    let (names, made) = (tokens.json()["names"].clone(), tokens.json()["tokens"].as_array().unwrap().len());
    assert_eq!((&names[0]["name"], names.as_array().unwrap().len(), made), (&json!(""), 1, 1), "{names}");
    assert!(!tokens.text.contains("usher-connector-"), "{}", tokens.text);

    // By the page it is the same, and what is removed leaves nothing for another of its name.
    let version = hidden(&site.admin.get("/profiles/sales/moved/edit").await.text, "version").unwrap();
    let form = [
        ("version", version.as_str()),
        ("text", &program.get(&format!("{new}/source")).await.text.replace("\"moved\"", "\"dialled\"")),
    ];
    assert_eq!(site.admin.send("/profiles/sales/moved/edit", &form).await.to, Some(format!("{old}?done=saved")));
    assert_eq!(program.get(old).await.json()["paused_by"], "token:ci");
    assert_eq!(program.ask("DELETE", &format!("{old}/source"), &[("if-match", "*")], "").await.status, 204);
    assert_eq!(program.post("/profiles", &connector).await.status, 201);
    assert_eq!(program.get(old).await.json()["paused_by"], Value::Null);
    assert_eq!(program.get(&format!("{old}/tests")).await.json(), json!({ "tests": [] }));
    assert_eq!(program.get(&format!("{old}/connector-tokens")).await.json()["tokens"], json!([]));
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn s11_a_connectors_token_is_made_by_an_administrator_and_told_once() {
    let usher = Usher::start(&format!("{CONFIG}{DOOR}"), &connector_profile("credits = 4", "")).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow: FakeDialogflow::start() };
    let admin = house.first().await;
    let (chief, viewer) =
        (Program::new(&admin, "ci", "administrator").await, Program::new(&admin, "watch", "viewer").await);
    let path = "/profiles/sales/support/connector-tokens";
    viewer.post(path, &json!({})).await.problem(403, "forbidden");
    let told = viewer.get(path).await.json();
    assert_eq!(told, json!({ "names": [{ "name": "", "etag": "\"0\"" }], "tokens": [] }));
    let make = async |etag: &str, name: &str| {
        let headers = [("content-type", "application/json"), ("if-match", etag)];
        chief.ask("POST", path, &headers, &json!({ "name": name }).to_string()).await
    };
    chief.post(path, &json!({})).await.problem(428, "condition-missing");
    // Of two who have seen the same one wins, and the other is told.
    let (one, other) = tokio::join!(make("\"0\"", ""), make("\"0\"", ""));
    let (made, late) = if one.status == 200 { (one, other) } else { (other, one) };
    let token = made.json()["token"].as_str().unwrap().to_owned();
    let told = late.problem(412, "outdated");
    assert_eq!((&told["current"]["etag"], late.etag()), (&json!(made.etag()), made.etag()), "{told}");
    assert_eq!(viewer.get(path).await.json()["tokens"].as_array().unwrap().len(), 1);
    make("\"1\"", "").await.problem(412, "outdated");
    assert_eq!(fields(&make("*", "none").await.problem(422, "invalid")), ["name"]);
    let told = viewer.get(path).await;
    assert_eq!(told.json()["names"][0]["etag"], json!(made.etag()));
    assert_eq!(told.json()["tokens"][0]["until"], Value::Null);
    assert!(!told.text.contains(&token));
    let log = admin.get("/audit.csv").await.text;
    assert!(log.contains("\"token:ci\",\"token.reloaded\",\"sales/support\"") && !log.contains(&token), "{log}");
    house.close().await;
}

#[tokio::test]
async fn s17_to_s23_actions_are_built_changed_and_removed_with_what_is_wrong_at_its_field() {
    let (site, program, _dialogflow) = begun().await;
    let viewer = Program::new(&site.admin, "watch", "viewer").await;
    let at = format!("{AT}/actions");
    let list = viewer.get(&at).await.json();
    assert_eq!(list["actions"].as_array().unwrap().len(), 2, "for each kind of contact: {list}");
    assert_eq!(list["actions"][0]["does"], json!({ "kind": "requeue", "queue": "desk" }));
    assert_eq!((&list["actions"][0]["is_own"], &list["actions"][0]["is_overridden"]), (&json!(true), &json!(false)));
    assert!(list["actions"][0]["written_in"].as_str().unwrap().starts_with("sales/written (Web Manager):"), "{list}");
    assert_eq!(viewer.get("/profiles/sales/support/actions").await.json(), json!({ "actions": [], "etag": null }));

    let action = |name: &str, media: &[&str], does: Value| json!({ "name": name, "media": media, "does": does });
    let post = async |etag: &str, body: &Value| -> Answer {
        let headers = [("content-type", "application/json"), ("if-match", etag)];
        program.ask("POST", &at, &headers, &body.to_string()).await
    };
    for (body, field) in [
        (action("", &["openmedia"], json!({ "kind": "requeue", "queue": "desk" })), "name"),
        (action("x", &[], json!({ "kind": "requeue", "queue": "desk" })), "media"),
        (action("x", &["speech"], json!({ "kind": "requeue", "queue": "desk" })), "media"),
        (action("human", &["openmedia"], json!({ "kind": "requeue", "queue": "desk" })), "name"),
        (action("x", &["openmedia"], json!({ "kind": "requeue", "queue": "" })), "does.queue"),
        (action("x", &["webinteraction"], json!({ "kind": "push_url" })), "does.url_parameter"),
        (action("x", &["webinteraction"], json!({ "kind": "push_url", "url": "nowhere" })), "does.url"),
        (
            action("x", &["openmedia"], json!({ "kind": "external", "uri": "https://ann:secret@a.example/" })),
            "does.uri",
        ),
        (action("x", &["openmedia"], json!({ "kind": "none" })), "does.kind"),
    ] {
        let problem = post("*", &body).await.problem(422, "invalid");
        assert_eq!(fields(&problem), [field], "{problem}");
        assert!(!problem.to_string().contains("ann:secret"), "{problem}");
    }
    let mut external = action("status", &["openmedia"], json!({ "kind": "external", "uri": "https://a.example/s" }));
    external["description"] = json!("Where it is.");
    external["parameters"] =
        json!([{ "name": "order", "required": true }, { "name": "by", "type": "enum", "values": ["post", "rail"] }]);
    post("\"1\"", &external).await.problem(412, "outdated");
    let made = post(list["etag"].as_str().unwrap(), &external).await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, "/api/v1/profiles/sales/written/actions/openmedia/status"),
        "{made:?}"
    );
    let one = format!("{at}/openmedia/status");
    let shown = program.get(&one).await;
    assert_eq!((shown.etag(), shown.json()), (made.etag(), external.clone()));
    let status = viewer.get(&at).await.json();
    let status = status["actions"].as_array().unwrap().iter().find(|it| it["name"] == "status").unwrap().clone();
    assert!(status["problems"][0].as_str().unwrap().contains("a.example"), "no allow-list has it: {status}");

    external["name"] = json!("where");
    let changed = program.put(&one, shown.etag(), &external).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    let where_to = format!("{at}/openmedia/where");
    let late = program.put(&where_to, shown.etag(), &external).await;
    let told = late.problem(412, "outdated");
    assert_eq!((late.etag(), &told["current"]["value"]["name"]), (changed.etag(), &json!("where")));
    program.get(&one).await.problem(404, "not-found");
    program.get(&format!("{at}/speech/where")).await.problem(404, "not-found");
    program.get(&format!("{at}/fax/where")).await.problem(404, "not-found");
    program.ask("DELETE", &where_to, &[("if-match", made.etag())], "").await.problem(412, "outdated");
    let gone = program.ask("DELETE", &where_to, &[("if-match", changed.etag())], "").await;
    assert_eq!((gone.status, gone.etag()), (204, program.get(&format!("{AT}/source")).await.etag()));
    let text = source(&program).await;
    assert!(
        text.contains("# To people.\n[[action]]\nname = \"human\" # as in the agent") && !text.contains("where"),
        "{text}"
    );
    let log = site.admin.get("/audit.csv").await.text;
    assert_eq!(log.matches("\"token:ci\",\"profile.changed\",\"sales/written\"").count(), 3, "{log}");
    drop(site.usher.kill().await);
}
