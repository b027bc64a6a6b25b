//! Business units, routing engines, lint, the whole configuration and the store, for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tonic::Code;

use super::{
    api::{Answer, Program},
    editing::Site,
    keeping::lived,
    transfer::{SECRET, furnished, unzipped, zipped},
    *,
};
use crate::{
    fakes::engine::{FakeEngine, Setup, tcp},
    offline,
};

pub(super) const JSON: (&str, &str) = ("content-type", "application/json");
pub(super) const NEW: (&str, &str) = ("if-none-match", "*");

pub(super) fn clinic() -> Value {
    json!({
        "zone": "Europe/Vienna", "country": "AT", "languages": ["de", "en-GB"], "media_servers": ["cms.example.com"],
        "actions": "# To people.\n[[unit.action]]\nname = \"to_ward\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"ward\"",
    })
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

pub(super) async fn make(program: &Program, path: &str, body: &Value) -> Answer {
    program.ask("PUT", path, &[JSON, NEW], &body.to_string()).await
}

pub(super) async fn remove(program: &Program, path: &str, etag: &str) -> Answer {
    program.ask("DELETE", path, &[("if-match", etag)], "").await
}

/// The fields that a refusal names.
pub(super) fn fields(problem: &Value) -> Vec<&str> {
    problem["findings"].as_array().unwrap().iter().filter_map(|it| it["field"].as_str()).collect()
}

#[tokio::test]
async fn s5_units_are_added_changed_and_removed_and_two_are_told_of_each_other() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let path = "/units/clinic";
    program.get(path).await.problem(404, "not-found");
    program.ask("PUT", path, &[JSON, ("if-match", "*")], &clinic().to_string()).await.problem(404, "not-found");
    program.ask("PUT", path, &[JSON], &clinic().to_string()).await.problem(428, "condition-missing");

    let made = make(&program, path, &clinic()).await;
    assert_eq!(
        (made.status, made.headers["location"].to_str().unwrap()),
        (201, "/api/v1/units/clinic"),
        "{}",
        made.text
    );
    let seen = program.get(path).await;
    assert_eq!(seen.json(), with(clinic(), "unit", json!("clinic")), "{}", seen.text);
    let again = program.ask("GET", path, &[("if-none-match", seen.etag())], "").await;
    assert_eq!((again.status, again.text.as_str()), (304, ""));
    let taken = make(&program, path, &clinic()).await.problem(412, "outdated");
    assert_eq!(taken["current"]["changed_by"], "token:ci", "{taken}");

    let first = with(clinic(), "zone", json!("Europe/Berlin"));
    assert_eq!(program.put(path, seen.etag(), &first).await.status, 204);
    let late = program.put(path, seen.etag(), &with(clinic(), "zone", json!("Europe/Rome"))).await;
    let told = late.problem(412, "outdated");
    assert_eq!(told["current"]["value"]["zone"], "Europe/Berlin", "{told}");
    let expected = json!(["-  \"zone\": \"Europe/Berlin\"", "+  \"zone\": \"Europe/Rome\""]);
    assert_eq!(told["current"]["differences"], expected);
    assert_eq!(program.get(path).await.etag(), late.etag());

    // What is written in a file is changed there.
    for answer in [
        program.get("/units/sales").await,
        program.put("/units/sales", "*", &clinic()).await,
        make(&program, "/units/sales", &clinic()).await,
        remove(&program, "/units/sales", "*").await,
    ] {
        let told = answer.problem(409, "conflict");
        assert!(told["detail"].as_str().unwrap().contains("usher.toml"), "{told}");
    }
    let engine = json!({ "engine": "east", "units": ["clinic"] });
    assert_eq!(program.post("/engines", &engine).await.status, 201);
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let listed = viewer.get("/units").await.json();
    let clinic = listed["units"].as_array().unwrap().iter().find(|it| it["unit"] == "clinic").unwrap();
    assert_eq!(clinic["routing_engines"], json!([{ "engine": "east", "lanes": 0 }]), "{clinic}");
    assert_eq!((&clinic["actions"], &clinic["is_kept"]), (&json!(["to_ward"]), &json!(true)));
    assert_eq!(listed["units"][2]["profiles"], json!(["support"]), "{listed}");
    let used = remove(&program, path, late.etag()).await.problem(409, "conflict");
    assert!(used["detail"].as_str().unwrap().contains("in use: east"), "{used}");
    assert_eq!(remove(&program, "/engines/east", "*").await.status, 204);
    remove(&program, path, seen.etag()).await.problem(412, "outdated");
    assert_eq!(remove(&program, path, late.etag()).await.status, 204);
    remove(&program, path, "*").await.problem(404, "not-found");
    let log = program.get("/audit.csv").await.text;
    for action in ["unit.added", "unit.changed", "unit.removed"] {
        assert!(log.contains(&format!("\"token:ci\",\"{action}\",\"clinic\"")), "{action}: {log}");
    }
    drop(usher.kill().await);
}

#[tokio::test]
async fn s5_what_is_wrong_with_a_unit_or_an_engine_is_told_at_its_field() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let path = "/units/clinic";
    let wrong = with(with(clinic(), "zone", json!("Europe/Wien")), "country", json!("xx"));
    let told = make(&program, path, &wrong).await.problem(422, "invalid");
    assert_eq!(fields(&told), ["zone", "country"], "{told}");
    assert!(told["findings"][0]["file"] == "unit clinic (Web Manager)" && told["findings"][0]["line"] == 3, "{told}");
    for (field, value) in [
        ("languages", json!(["german language"])),
        ("media_servers", json!(["a b"])),
        ("actions", json!("[[unit.action]]\nname = \"x\"\nmedia = \"openmedia\"\nkind = \"fly\"")),
    ] {
        let told = make(&program, path, &with(clinic(), field, value)).await.problem(422, "invalid");
        assert!(fields(&told).contains(&field), "{told}");
    }
    // Lines are those of the field as it was sent.
    let actions = "\n# Wrong.\n[[unit.action]]\nname = \"x\"\nmedia = \"openmedia\"\nkind = \"fly\"";
    let told = make(&program, path, &with(clinic(), "actions", json!(actions))).await.problem(422, "invalid");
    let finding = &told["findings"][0];
    assert_eq!((&finding["field"], &finding["line"], &finding["file"]), (&json!("actions"), &json!(6), &Value::Null));
    let told = make(&program, path, &with(clinic(), "actions", json!("[server]\nlisten = \"0.0.0.0:1\""))).await;
    assert!(told.problem(422, "invalid")["findings"].to_string().contains("is one `[[unit]]` alone"), "{}", told.text);
    let told = make(&program, path, &with(clinic(), "colour", json!("red"))).await.problem(422, "invalid");
    assert_eq!(fields(&told), ["colour"]);
    let told = make(&program, "/units/%09", &clinic()).await.problem(422, "invalid");
    assert_eq!(fields(&told), ["unit"]);
    program.get(path).await.problem(404, "not-found");

    assert_eq!(make(&program, path, &clinic()).await.status, 201);
    for (body, field) in [
        (json!({ "engine": "east", "units": [] }), "units"),
        (json!({ "engine": "east", "units": ["sales"] }), "units"),
        (json!({ "engine": "east", "units": ["nowhere"] }), "units"),
        (json!({ "engine": "engine-1", "units": ["clinic"] }), "engine"),
        (json!({ "engine": "\t", "units": ["clinic"] }), "engine"),
    ] {
        let told = program.post("/engines", &body).await.problem(422, "invalid");
        assert!(fields(&told).contains(&field), "{told}");
    }
    assert_eq!(program.get("/engines").await.json()["engines"].as_array().unwrap().len(), 1);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s5_a_default_unit_has_a_state_and_is_written_by_a_change() {
    let dialogflow = FakeDialogflow::start();
    let profile = profile(&dialogflow.endpoint()).replace("unit = \"sales\"\n", "");
    let config = CONFIG.replace("[[unit]]\nname = \"sales\"\n[[unit]]\nname = \"care\"\n", "");
    let config = config.split("[[engine]]").next().unwrap().to_owned();
    let usher = crate::conversation::binary::Binary::start_in(tempfile::tempdir().unwrap(), &config, &profile).await;
    let admin = editing::browser_of(&usher).await;
    let link = usher.line("make the first administrator at").await;
    let form = [("token", token_of(&link)), ("name", "chief"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(admin.post("/welcome", &form).await.status, 303);
    let program = Program::new(&admin, "ci", "administrator").await;
    let listed = program.get("/units").await.json();
    assert_eq!((&listed["units"][0]["written_in"], &listed["units"][0]["is_kept"]), (&json!("default"), &json!(true)));
    let path = format!("/units/{}", listed["units"][0]["unit"].as_str().unwrap());
    let seen = program.get(&path).await;
    assert_eq!((seen.status, seen.etag()), (200, "\"0\""), "{}", seen.text);
    let there = make(&program, &path, &clinic()).await.problem(412, "outdated");
    assert_eq!(
        (&there["current"]["etag"], &there["current"]["changed_by"]),
        (&json!("\"0\""), &Value::Null),
        "{there}"
    );
    program.put(&path, "\"7\"", &clinic()).await.problem(412, "outdated");
    remove(&program, &path, "*").await.problem(409, "conflict");
    assert_eq!(program.put(&path, seen.etag(), &clinic()).await.status, 204);
    program.put(&path, seen.etag(), &clinic()).await.problem(412, "outdated");
    assert_eq!(program.get(&path).await.json()["zone"], "Europe/Vienna");
    drop(usher.kill().await);
}

#[tokio::test]
async fn s5_an_engine_is_let_in_gets_a_new_token_and_is_cut_when_it_is_removed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    assert_eq!(make(&program, "/units/clinic", &clinic()).await.status, 201);
    let body = json!({ "engine": "east", "units": ["clinic"] });
    let made = program.post("/engines", &body).await;
    assert_eq!(
        (made.status, made.headers["location"].to_str().unwrap()),
        (201, "/api/v1/engines/east"),
        "{}",
        made.text
    );
    assert_eq!(made.etag(), program.get("/engines/east").await.etag());
    let token = made.json()["token"].as_str().unwrap().to_owned();
    program.post("/engines", &body).await.problem(409, "conflict");
    let setup = |token: &str| Setup { lanes: 2, ..Setup::new(tcp(usher.engines), token, "east", "clinic") };
    let engine = FakeEngine::attach(setup(&token)).await.unwrap();
    let listed = program.get("/engines").await.json();
    assert_eq!(listed["engines"][0]["is_kept"], false, "{listed}");
    let east = &listed["engines"][1];
    assert_eq!(
        (&east["engine"], &east["lanes"], &east["has_former_token"]),
        (&json!("east"), &json!(1), &json!(false))
    );

    let (path, seen) = ("/engines/east", program.get("/engines/east").await);
    assert_eq!(seen.json(), json!({ "engine": "east", "units": ["clinic"], "has_former_token": false }));
    let none = remove(&program, "/engines/east/former-token", seen.etag()).await;
    assert_eq!((none.status, none.etag()), (200, seen.etag()), "there is none");
    assert_eq!(program.get("/engines/east").await.etag(), seen.etag(), "and nothing was changed");
    program.post("/engines/east/token", &json!({ "keep_former": true })).await.problem(428, "condition-missing");
    let keep = json!({ "keep_former": true }).to_string();
    let renewed = program.ask("POST", "/engines/east/token", &[JSON, ("if-match", seen.etag())], &keep).await;
    assert_eq!((renewed.status, renewed.etag()), (200, program.get(path).await.etag()), "{}", renewed.text);
    let second = renewed.json()["token"].as_str().unwrap().to_owned();
    assert_ne!(token, second);
    let third = FakeEngine::attach(Setup { lane: 1, ..setup(&second) }).await.unwrap();
    assert!(engine.is_attached(), "the former token is still good");
    let late = program.ask("POST", "/engines/east/token", &[JSON, ("if-match", seen.etag())], &keep).await;
    let told = late.problem(412, "outdated");
    assert_eq!(told["current"]["value"]["has_former_token"], true, "{told}");
    let ended = remove(&program, "/engines/east/former-token", late.etag()).await;
    assert_eq!((ended.status, &ended.json()["has_former_token"]), (200, &json!(false)), "{}", ended.text);
    let late = program.ask("POST", "/engines/east/token", &[JSON, ("if-match", seen.etag())], &keep).await;
    assert_eq!(late.etag(), ended.etag());
    assert_eq!(engine.ended().await.unwrap_err().code(), Code::Unauthenticated);

    let late = program.put(path, seen.etag(), &json!({ "units": ["care"] })).await;
    let told = late.problem(412, "outdated");
    assert_eq!(told["current"]["differences"], json!(["-    \"clinic\"", "+    \"care\""]), "{told}");
    let told = program.put(path, late.etag(), &json!({ "units": ["nowhere"] })).await.problem(422, "invalid");
    assert_eq!(fields(&told), ["units"], "{told}");
    let changed = program.put(path, late.etag(), &json!({ "units": ["clinic", "care"] })).await;
    assert_eq!((changed.status, &changed.json()["units"]), (200, &json!(["clinic", "care"])), "{}", changed.text);
    assert_eq!(program.get(path).await.etag(), changed.etag());
    remove(&program, path, seen.etag()).await.problem(412, "outdated");
    assert_eq!(remove(&program, path, changed.etag()).await.status, 204);
    assert_eq!(third.ended().await.unwrap_err().code(), Code::Unauthenticated);
    program.get(path).await.problem(404, "not-found");
    let file = program.get("/engines/engine-1").await.problem(409, "conflict");
    assert!(file["detail"].as_str().unwrap().contains("usher.toml"), "{file}");

    let log = program.get("/audit.csv").await.text;
    for line in ["engine.added", "engine.changed", "engine.removed"] {
        assert!(log.contains(&format!("\"token:ci\",\"{line}\",\"east\"")), "{line}: {log}");
    }
    let (_, output) = usher.kill().await;
    for text in [log, output, listed.to_string(), changed.text, late.text] {
        assert!(!text.contains(&token) && !text.contains(&second) && !text.contains("usher-engine-"), "{text}");
    }
}

#[tokio::test]
async fn b3_a_profile_is_looked_at_by_an_operators_token_and_what_was_found_stays() {
    let server = offline::serve(offline::agent()).await;
    let text = profile(&format!("http://{}", server.address())) + "[events]\nhuman_returned = \"NOBODY\"\n";
    let usher = Usher::start(CONFIG, &text).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow: FakeDialogflow::start() };
    let admin = house.first().await;
    let operator = Program::new(&admin, "olga", "operator").await;
    let viewer = Program::new(&admin, "victor", "viewer").await;
    let before = viewer.get("/lint").await.json();
    assert!(before["warnings"].to_string().contains("stands in the file as it is"), "{before}");
    assert_eq!(before["warnings"][0]["severity"], "warning");
    assert_eq!(before["profiles"][0]["looked_at"], Value::Null);
    viewer.ask("POST", "/lint/sales/support", &[], "").await.problem(403, "forbidden");
    operator.ask("POST", "/lint/sales/none", &[], "").await.problem(404, "not-found");
    viewer.ask("POST", "/lint", &[], "").await.problem(403, "forbidden");
    let all = operator.ask("POST", "/lint", &[], "").await.json();
    assert!(all["profiles"][0]["findings"].to_string().contains("event_unheard"), "{all}");
    let found = operator.ask("POST", "/lint/sales/support", &[], "").await;
    let told = found.json();
    let finding = told["findings"].as_array().unwrap().iter().find(|it| it["code"] == "event_unheard").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("NOBODY") && finding["help"].is_string(), "{finding}");
    assert!(finding["file"].as_str().unwrap().ends_with("support.toml") && finding["line"].is_u64(), "{finding}");
    assert!(told["looked_at"].is_string() && told["unchecked"].to_string().contains("directory"), "{told}");
    assert_eq!(viewer.get("/lint").await.json()["profiles"][0], told);
    assert!(admin.get("/lint").await.text.contains("event_unheard"), "the page has it as well");
    assert!(!found.text.contains("\"secret\"") && !before.to_string().contains("\"secret\""));
    house.close().await;
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_configuration_goes_out_and_comes_in_as_it_was_planned() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let out = program.get("/configuration/export").await;
    assert_eq!((out.status, out.headers["content-type"].to_str().unwrap()), (200, "application/zip"), "{}", out.text);
    let files = unzipped(&out.bytes);
    assert!(files["profiles/ward.toml"].contains("agent_password = { sealed = \""), "{files:#?}");
    let named = unzipped(&program.get("/configuration/export?secrets=environment").await.bytes);
    assert!(named["profiles/ward.toml"].contains("{ env = \"CLINIC_WARD_AGENT_PASSWORD\" }"), "{named:#?}");
    assert!(files.values().chain(named.values()).all(|it| !it.contains(SECRET)));
    program.get("/configuration/export?secrets=plain").await.problem(400, "malformed");

    let zip = ("content-type", "application/zip");
    let plan = async |bytes: Vec<u8>| program.send("POST", "/configuration/plan", &[zip], bytes).await;
    let same = plan(zipped(&files)).await.json();
    assert_eq!((&same["steps"], &same["blocked"]), (&json!([]), &json!([])), "{same}");
    let mut changed = files.clone();
    changed.insert("usher.toml".to_owned(), files["usher.toml"].replace("Europe/Vienna", "Europe/Berlin"));
    let ward = changed.remove("profiles/ward.toml").unwrap();
    let secret = "agent_password = \"heron-copper-2207\" #";
    let desk = ward.replace("\"ward\"", "\"desk\"").replace("agent_password", &format!("{secret} "));
    changed.insert("profiles/desk.toml".to_owned(), desk);
    let bytes = zipped(&changed);
    let planned = plan(bytes.clone()).await;
    let told = planned.json();
    let steps: BTreeMap<_, _> =
        told["steps"].as_array().unwrap().iter().map(|it| (it["name"].as_str().unwrap(), it)).collect();
    assert_eq!(steps.keys().copied().collect::<Vec<_>>(), ["clinic", "clinic/desk", "clinic/ward"], "{told}");
    assert_eq!((&steps["clinic/desk"]["what"], &steps["clinic/ward"]["what"]), (&json!("added"), &json!("removed")));
    let lines = steps["clinic"]["lines"].to_string();
    assert!(
        lines.contains("-zone = \\\"Europe/Vienna\\\"") && lines.contains("+zone = \\\"Europe/Berlin\\\""),
        "{lines}"
    );
    assert!(!planned.text.contains("sealed = ") && !planned.text.contains("heron-copper"), "{}", planned.text);
    assert_eq!(program.get("/units/clinic").await.json()["zone"], "Europe/Vienna", "nothing was changed yet");
    let import = async |seen: &str, bytes: Vec<u8>| {
        program.send("POST", "/configuration/import", &[zip, ("if-match", seen)], bytes).await
    };

    // Somebody else changes the unit meanwhile; or other files are brought than were planned.
    let unit = program.get("/units/clinic").await;
    let faster = json!({ "zone": "Europe/Rome", "country": "IT", "languages": ["de"] });
    assert_eq!(program.put("/units/clinic", unit.etag(), &faster).await.status, 204);
    import(planned.etag(), bytes.clone()).await.problem(412, "outdated");
    let planned = plan(bytes.clone()).await;
    import(planned.etag(), zipped(&files)).await.problem(412, "outdated");
    import("\"0\"", bytes.clone()).await.problem(412, "outdated");
    program.send("POST", "/configuration/import", &[zip], bytes.clone()).await.problem(428, "condition-missing");
    let unseen = import("*", bytes.clone()).await.problem(400, "malformed");
    assert!(unseen["detail"].as_str().unwrap().contains("the ETag of the plan"), "{unseen}");
    let by_query = program.send("POST", "/configuration/import?seen=0", &[zip], bytes.clone()).await;
    by_query.problem(428, "condition-missing");
    assert_eq!(program.get("/units/clinic").await.json()["zone"], "Europe/Rome", "nothing was changed yet");
    let done = import(planned.etag(), bytes.clone()).await;
    assert_eq!((done.status, done.text.as_str()), (204, ""));
    assert_eq!(program.get("/units/clinic").await.json()["zone"], "Europe/Berlin");
    program.get("/profiles/clinic/ward").await.problem(404, "not-found");
    assert!(!program.get("/profiles/clinic/desk/source").await.text.contains("heron-copper"), "it is sealed");
    let log = program.get("/audit?limit=1").await.json();
    let line = &log["lines"][0];
    assert_eq!((&line["by"], &line["action"]), (&json!("token:ci"), &json!("configuration.imported")), "{line}");
    assert!(line["after"].as_str().unwrap().contains("+ zone = \"Europe/Berlin\""), "{line}");
    assert!(!line.to_string().contains("heron-copper"), "{line}");

    let (_, output) = usher.kill().await;
    assert!(!output.contains("heron-copper"));
}

#[tokio::test]
async fn a_setting_that_stands_in_no_file_is_changed_by_an_import() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    assert_eq!(program.get("/store").await.json()["retention"]["written_in"], "default");
    let mut files = unzipped(&program.get("/configuration/export").await.bytes);
    let main = files.get_mut("usher.toml").unwrap();
    assert!(!main.contains("[store]"), "{main}");
    main.push_str("\n[store]\nretention_days = 77\n");
    let zip = [("content-type", "application/zip")];
    let planned = program.send("POST", "/configuration/plan", &zip, zipped(&files)).await;
    let plan = planned.json();
    assert_eq!((plan["steps"].as_array().unwrap().len(), &plan["steps"][0]["kind"]), (1, &json!("settings")), "{plan}");
    let approved = [zip[0], ("if-match", planned.etag())];
    assert_eq!(program.send("POST", "/configuration/import", &approved, zipped(&files)).await.status, 204);
    let retention = &program.get("/store").await.json()["retention"];
    assert_eq!(retention["days"], 77, "{retention}");
    assert!(retention["written_in"].as_str().unwrap().contains("(Web Manager)"), "{retention}");
    drop(usher.kill().await);
}

#[tokio::test]
async fn how_long_timelines_are_kept_is_changed_by_page_and_by_programs_unless_a_file_says_it() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let none = program.get("/store/retention").await;
    assert_eq!((none.etag(), none.json()["written_in"].as_str()), ("\"0\"", Some("default")));
    let put = async |etag: &str, days: Value| {
        let body = json!({ "days": days }).to_string();
        program.ask("PUT", "/store/retention", &[JSON, ("if-match", etag)], &body).await
    };
    let told = put("\"0\"", json!(36_501)).await.problem(422, "invalid");
    assert_eq!(told["findings"][0]["field"], "days", "{told}");
    let changed = put("\"0\"", json!(77)).await;
    assert_eq!((changed.status, &changed.json()["days"]), (200, &json!(77)), "{changed:?}");
    let late = put("\"0\"", json!(78)).await.problem(412, "outdated");
    assert_eq!((&late["current"]["value"]["days"], &late["current"]["changed_by"]), (&json!(77), &json!("token:ci")));

    let page = admin.get("/store").await.text;
    assert!(page.contains("Timelines are kept for 77 days"), "{page}");
    let version = hidden(&page, "version").unwrap();
    let wrong = admin.send("/store/retention", &[("version", &version), ("retention", "soon")]).await;
    assert!(wrong.status == 422 && wrong.text.contains("value=\"soon\""), "{}", wrong.text);
    let late = admin.send("/store/retention", &[("version", "0"), ("retention", "78")]).await;
    assert!(late.status == 409 && late.text.contains("token:ci has written this meanwhile"), "{}", late.text);
    let done = admin.send("/store/retention", &[("version", &version), ("retention", "78")]).await;
    assert_eq!(done.to.as_deref(), Some("/store?retained=yes"), "{}", done.text);
    assert_eq!(program.get("/store/retention").await.json()["days"], 78);
    assert!(admin.get("/audit.csv").await.text.contains("\"chief\",\"settings.changed\""));
    drop(usher.kill().await);

    let config = CONFIG.replace("path = \"data\"", "path = \"data\"\nretention_days = 5");
    let usher = Usher::start(&config, &profile(&dialogflow.endpoint())).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.first().await;
    assert!(!admin.get("/store").await.text.contains("action=\"/store/retention\""), "it is changed where it is");
    let refused = admin.send("/store/retention", &[("version", "0"), ("retention", "78")]).await;
    assert!(
        refused.status == 409 && refused.text.contains("This is written in ") && refused.text.contains("usher.toml:"),
        "{}",
        refused.text
    );
    let program = Program::new(&admin, "ci", "administrator").await;
    let body = json!({ "days": 78 }).to_string();
    let told = program.ask("PUT", "/store/retention", &[JSON, ("if-match", "*")], &body).await.problem(409, "conflict");
    assert!(told["detail"].as_str().unwrap().contains("usher.toml"), "{told}");
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_imported_is_told_and_nothing_is_changed() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = furnished(&dialogflow).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let files = unzipped(&program.get("/configuration/export").await.bytes);
    let (zip, seen) = (("content-type", "application/zip"), ("if-match", "\"0\""));
    for (kind, bytes, told) in [
        (zip, b"PK\x03\x04cut".to_vec(), "this zip cannot be read"),
        (zip, Vec::new(), "the body is empty"),
        (zip, b"[[unit]]\n".to_vec(), "this is no zip, as its `Content-Type` says"),
        (("content-type", "application/toml"), b"[[unit]]\nname = \"x\"\nzone = \"Mars\"\n".to_vec(), "`Mars`"),
    ] {
        for path in ["/configuration/plan", "/configuration/import"] {
            let answer = program.send("POST", path, &[kind, seen], bytes.clone()).await;
            let problem = answer.problem(422, "invalid");
            assert!(answer.text.contains(told), "{told}: {}", answer.text);
            assert!(!problem["findings"].as_array().unwrap().is_empty(), "{problem}");
        }
    }
    program.send("POST", "/configuration/plan", &[JSON], b"{}".to_vec()).await.problem(415, "media-type");
    for bytes in [600_000, 8_000_000] {
        let told =
            program.send("POST", "/configuration/plan", &[zip], vec![b'x'; bytes]).await.problem(413, "too-large");
        let detail = told["detail"].as_str().unwrap();
        assert!(detail.contains("larger than 512 KiB") && detail.contains("`usher config import`"), "{told}");
    }
    let mut blocked = files.clone();
    blocked.insert("profiles/support.toml".to_owned(), files["profiles/support.toml"].replace("Sorry.", "Pardon."));
    let planned = program.send("POST", "/configuration/plan", &[zip], zipped(&blocked)).await;
    let told = planned.json();
    assert!(told["blocked"][0].as_str().unwrap().contains("profile sales/support stands in a file here"), "{told}");
    let approved = [zip, ("if-match", planned.etag())];
    program.send("POST", "/configuration/import", &approved, zipped(&blocked)).await.problem(409, "conflict");
    assert!(!program.get("/audit.csv").await.text.contains("configuration.imported"));
    drop(usher.kill().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_store_is_told_backed_up_swept_and_one_contact_erased() {
    let (house, admin) = House::with_admin().await;
    let engine = lived(&house).await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let kept = program.get("/store").await.json();
    assert_eq!((&kept["contacts"], &kept["open"], &kept["erased"]), (&json!(2), &json!(1), &json!(0)), "{kept}");
    assert!(kept["retention"]["days"].as_u64() > Some(0) && kept["retention"]["written_in"] == "default", "{kept}");
    assert_eq!(kept["last_sweep"], Value::Null);
    let key = std::fs::read_to_string(house.usher.data().join("master.key")).unwrap();
    let backup = program.ask("POST", "/store/backup", &[], "").await;
    assert_eq!((backup.status, backup.headers["content-type"].to_str().unwrap()), (200, "application/x-tar"));
    assert!(backup.headers["content-disposition"].to_str().unwrap().ends_with(".tar\""));
    assert_eq!(backup.headers["content-length"].to_str().unwrap().parse(), Ok(backup.bytes.len()));
    assert!(!backup.bytes.windows(64).any(|it| it == &key.as_bytes()[..64]), "the master key is not in it");

    program.ask("POST", "/contacts/sales/c-2/erase", &[], "").await.problem(409, "conflict");
    program.ask("POST", "/contacts/sales/none/erase", &[], "").await.problem(404, "not-found");
    assert_eq!(program.ask("POST", "/contacts/sales/c-1/erase", &[], "").await.status, 204);
    assert_eq!(program.ask("POST", "/contacts/sales/c-1/erase", &[], "").await.status, 204, "it is");
    let timeline = program.get("/contacts/sales/c-1/timeline").await.text;
    assert!(!timeline.contains("echo: hello") && timeline.contains("token:ci"), "{timeline}");

    for body in
        [json!({ "older_than_days": -1 }), json!({ "older_than_days": 40_000 }), json!({ "older_than_days": "1" })]
    {
        let told = program.post("/store/prune", &body).await.problem(422, "invalid");
        assert_eq!(fields(&told), ["older_than_days"]);
    }
    engine.say("c-2", "a record behind those of the other").await;
    engine.next_say("c-2").await;
    engine.settled().await;
    let swept = program.post("/store/prune", &json!({ "older_than_days": 0 })).await;
    assert!(swept.status == 200 && swept.json()["removed"].as_u64() > Some(0), "{}", swept.text);
    program.get("/contacts/sales/c-1/timeline").await.problem(404, "not-found");
    assert_eq!(program.get("/store").await.json()["last_sweep"]["removed"], swept.json()["removed"]);
    engine.say("c-2", "still there?").await;
    assert_eq!(engine.next_say("c-2").await, ["echo: still there?"]);
    let log = program.get("/audit.csv").await.text;
    for line in [
        "\"token:ci\",\"store.backed_up\",\"usher-",
        "\"token:ci\",\"store.pruned\",\"older than 0 days\"",
        "\"token:ci\",\"contact.erased\",\"sales, the contact that began with record 1\"",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
    assert_eq!(log.matches("contact.erased").count(), 1, "{log}");
    house.close().await;
}
