//! What pages show is there for programs, too: directories, sign-ins, what settings mean, whole timelines, and what has left.

use serde_json::{Value, json};
use usher::wire::engine::{MediaType, SpeechTarget};

use super::{api::Program, editing::Site, *};
use crate::{conversation::offer, fakes::engine::FakeEngine};

#[tokio::test]
async fn s3_a_business_units_directory_is_told_as_its_engine_tells_it() {
    let (house, admin) = House::with_admin().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let told = viewer.get("/directory/sales").await.problem(404, "not-found");
    assert!(told["detail"].as_str().unwrap().contains("no routing engine has told"), "{told}");
    let mut setup = house.usher.setup().queue("support", MediaType::OpenMedia);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    let told = viewer.get("/directory/sales").await.json();
    assert_eq!(told["targets"], json!([{ "target": "4711", "name": "Hotline" }]));
    let queue = &told["queues"][0];
    assert_eq!(
        (&queue["queue"], &queue["media"], &queue["open"]),
        (&json!("support"), &json!("openmedia"), &json!(true))
    );
    let users = told["users"].as_array().unwrap();
    let user = users.iter().find(|it| it["user"] == "va1").unwrap();
    assert_eq!((&user["serves"], &user["hindrances"]), (&json!("support"), &json!([])), "{told}");
    viewer.get("/directory/none").await.problem(404, "not-found");
    house.close().await;
}

#[tokio::test]
async fn s1_how_often_a_user_is_signed_in_is_told() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "administrator").await;
    house.user(&admin, "olga", "operator").await;
    assert_eq!(program.get("/users/olga/sign-ins").await.json(), json!({ "sign_ins": 1 }));
    let listed = program.get("/users").await.json();
    assert_eq!((&listed["users"][1]["name"], &listed["users"][1]["sign_ins"]), (&json!("olga"), &json!(1)));
    assert_eq!(program.ask("DELETE", "/users/olga/sign-ins", &[], "").await.status, 204);
    assert_eq!(program.get("/users/olga/sign-ins").await.json(), json!({ "sign_ins": 0 }));
    program.get("/users/none/sign-ins").await.problem(404, "not-found");
    house.close().await;
}

#[tokio::test]
async fn what_is_shown_can_be_changed_and_sent_back_as_it_is() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let unit = json!({ "zone": "UTC", "country": "DE", "languages": ["de"] }).to_string();
    let new = [("content-type", "application/json"), ("if-none-match", "*")];
    assert_eq!(program.post("/users", &json!({ "name": "olga", "role": "operator" })).await.status, 201);
    assert_eq!(program.ask("PUT", "/units/clinic", &new, &unit).await.status, 201);
    let engine = json!({ "engine": "east", "units": ["clinic"] });
    assert_eq!(program.post("/engines", &engine).await.status, 201);
    for (path, field, value, own) in [
        ("/units/clinic", "country", json!("AT"), "unit"),
        ("/users/olga", "disabled", json!(true), "name"),
        ("/users/olga", "disabled", json!(false), "changed_by"),
        ("/engines/east", "units", json!(["clinic", "care"]), "engine"),
    ] {
        let seen = program.get(path).await;
        let mut body = seen.json();
        body[field] = value.clone();
        let done = program.put(path, seen.etag(), &body).await;
        assert!(done.status < 300, "{path}: {done:?}");
        let now = program.get(path).await;
        assert_eq!(now.json()[field], value, "{path}");
        let mut other = now.json();
        other[own] = json!("somebody");
        let told = program.put(path, now.etag(), &other).await.problem(422, "invalid");
        assert_eq!(told["findings"][0]["field"], own, "{told}");
    }
    drop(usher.kill().await);
}

#[tokio::test]
async fn s9_what_the_settings_of_a_type_mean_is_told_from_what_its_form_is_made_of() {
    let (house, admin) = House::with_admin().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let types = viewer.get("/profile-types").await.json();
    for it in types["types"].as_array().unwrap() {
        let told = viewer.get(&format!("/profile-types/{}", it["type"].as_str().unwrap())).await.json();
        let keys: Vec<&Value> = told["settings"].as_array().unwrap().iter().map(|it| &it["key"]).collect();
        assert!(keys.contains(&&json!("handover.queue")) && keys.contains(&&json!("fallback_message")), "{told}");
    }
    let told = viewer.get("/profile-types/dialogflow-v2").await.json();
    let find = |key: &str| told["settings"].as_array().unwrap().iter().find(|it| it["key"] == key).unwrap().clone();
    let minutes = find("inactivity.timeout_minutes");
    assert_eq!((&minutes["holds"], &minutes["default"]), (&json!("integer"), &json!("3")));
    assert_eq!((minutes["min"].as_f64(), minutes["max"].as_f64()), (Some(1.0), Some(1440.0)));
    let password = find("agent_password");
    assert_eq!((&password["holds"], &password["required"]), (&json!("secret"), &json!(true)));
    assert_eq!(find("on_uncertain")["choices"], json!(["retry", "event"]));
    viewer.get("/profile-types/none").await.problem(404, "not-found");
    house.close().await;
}

#[tokio::test]
async fn b13_a_timeline_is_read_back_to_its_first_record() {
    let (house, admin) = House::with_admin().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let engine = FakeEngine::attach(house.usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    engine.logged_on("va1").await;
    for name in ["c-1", "c-2"] {
        engine.open_as(offer(name, MediaType::OpenMedia)).await;
        engine.say(name, "hello").await;
        assert_eq!(engine.next_say(name).await, ["echo: hello"]);
    }
    engine.settled().await;
    let at = "/contacts/sales/c-1/timeline";
    let whole = viewer.get(at).await.json();
    let all = whole["records"].as_array().unwrap().clone();
    assert!(all.len() > 2 && whole["next"].is_null(), "{whole}");
    let (mut read, mut query) = (Vec::new(), "?limit=1".to_owned());
    loop {
        let page = viewer.get(&format!("{at}{query}")).await.json();
        assert_eq!((page["records"].as_array().unwrap().len(), &page["unaltered"]), (1, &json!(true)), "{page}");
        read.insert(0, page["records"][0].clone());
        let Some(next) = page["next"].as_u64() else { break };
        query = format!("?limit=1&before={next}");
    }
    assert_eq!(read, all);
    let last = all.last().unwrap()["position"].as_u64().unwrap();
    let first = all[0]["position"].as_u64().unwrap();
    let between = viewer.get(&format!("{at}?after={first}&before={last}")).await.json();
    assert_eq!(between["records"].as_array().unwrap().len(), all.len() - 2, "{between}");
    let other = viewer.get("/contacts/sales/c-2/timeline").await.json()["records"][0]["position"].clone();
    for strange in [other, json!(999_999)] {
        let told = viewer.get(&format!("{at}?before={strange}")).await.problem(422, "invalid");
        assert_eq!(told["findings"][0]["field"], "before", "{told}");
    }
    house.close().await;
}

#[tokio::test]
async fn what_has_left_as_files_is_in_the_log() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    assert_eq!(program.get("/configuration/export?secrets=environment").await.status, 200);
    assert_eq!(admin.send("/configuration/export", &[("secrets", "sealed")]).await.status, 200);
    let log = admin.get("/audit.csv").await.text;
    for line in [
        "\"token:ci\",\"configuration.exported\",\"\",\"\",\"secrets as names of variables\"",
        "\"chief\",\"configuration.exported\",\"\",\"\",\"secrets sealed\"",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
    drop(usher.kill().await);
}
