//! The API: who may do what, what is refused and how, and that nobody changes what another has changed meanwhile.

use serde_json::{Value, json};
use usher::manager::{Role, api_access, api_document};
use usher::wire::engine::{MediaType, SpeechTarget};

use super::{editing::Site, *};
use crate::{conversation::offer, fakes::engine::FakeEngine};

const COMMITTED: &str = include_str!("../../../docs/openapi.json");

/// A program with a token.
#[derive(Clone)]
pub(super) struct Program {
    client: Client,
    base: String,
    token: String,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: header::HeaderMap,
    pub(super) text: String,
    /// The same as it came, where it is no text.
    pub(super) bytes: Vec<u8>,
}

impl Answer {
    #[track_caller]
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text))
    }

    /// Asserts that it is a problem of this status and kind, and yields it.
    #[track_caller]
    pub(super) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.headers["content-type"], "application/problem+json");
        let told = self.json();
        assert_eq!((&told["type"], &told["status"]), (&json!(format!("urn:usher:problem:{kind}")), &json!(status)));
        assert!(told["title"].is_string() && told["detail"].as_str().is_some_and(|it| !it.is_empty()), "{told}");
        told
    }

    pub(super) fn etag(&self) -> &str {
        self.header("etag")
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Program {
    pub(super) async fn new(admin: &Browser, name: &str, role: &str) -> Self {
        let page = admin.send("/tokens", &[("name", name), ("role", role), ("days", "30")]).await;
        let token = page.text.split("usher_").nth(1).unwrap_or_else(|| panic!("{}", page.text));
        let token = format!("usher_{}", token.split('<').next().unwrap());
        Self { client: admin.client.clone(), base: admin.base.clone() + "/api/v1", token }
    }

    /// As it goes into the header.
    pub(super) fn authorization(&self) -> String {
        format!("Bearer {}", self.token)
    }

    pub(super) async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(method, path, headers, body.as_bytes().to_vec()).await
    }

    pub(super) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
        let request = self.client.request(method.parse().unwrap(), self.base.clone() + path).bearer_auth(&self.token);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.body(body).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = response.bytes().await.unwrap().to_vec();
        Answer { status, headers, text: String::from_utf8_lossy(&bytes).into_owned(), bytes }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }

    pub(super) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub(super) async fn put(&self, path: &str, etag: &str, body: &Value) -> Answer {
        let headers = [("content-type", "application/json"), ("if-match", etag)];
        self.ask("PUT", path, &headers, &body.to_string()).await
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    pub(super) fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }
}

#[test]
fn the_committed_document_is_what_the_code_makes() {
    let made = serde_json::to_string_pretty(&api_document()).unwrap() + "\n";
    if made != COMMITTED {
        let path = concat!(env!("CARGO_TARGET_TMPDIR"), "/openapi.json");
        std::fs::write(path, made).unwrap();
        panic!("docs/openapi.json is not what the code makes: look at {path}, and commit it in its place");
    }
}

/// Names that are there, or are not: what is refused by role is refused before that.
fn path(route: &str) -> String {
    let path = route.strip_prefix("/api/v1").unwrap();
    let names = [
        ("{unit}", "sales"),
        ("{contact}", "c1"),
        ("{profile}", "support"),
        ("{user}", "victor"),
        ("{token}", "none"),
        ("{engine}", "none"),
        ("{media}", "speech"),
        ("{action}", "none"),
        ("{trial}", "none"),
        ("{test}", "none"),
    ];
    names.iter().fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

#[tokio::test]
async fn s1_every_operation_takes_its_role() {
    let dialogflow = FakeDialogflow::start();
    let Site { usher, admin } = Site::new(&dialogflow).await;
    let mut programs = Vec::new();
    for role in Role::ALL {
        programs.push((Program::new(&admin, role.label(), role.label()).await, role));
    }
    let stranger = programs[0].0.with("");
    let mut seen = 0;
    for (route, method, role) in api_access() {
        let path = path(&route);
        let Some(role) = role else { continue };
        seen += 1;
        let refused = stranger.ask(method, &path, &[], "").await;
        refused.problem(401, "unauthorized");
        assert!(refused.headers["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
        for (program, own) in &programs {
            let answer = program.ask(method, &path, &[], "").await;
            assert_eq!(answer.status == 403, *own < role, "{own:?} at {method} {path}: {}", answer.text);
            assert!(answer.status < 500, "{own:?} at {method} {path}: {}", answer.text);
        }
    }
    assert!(seen > 20, "{seen}");
    // A browser that is signed in is no program: nothing can be changed here from a page of another site.
    let cookie = admin.client.get(admin.base.clone() + "/api/v1/users").header("cookie", admin.cookies());
    assert_eq!(cookie.send().await.unwrap().status(), 401);
    drop(usher.kill().await);
}

#[tokio::test]
async fn s1_a_token_is_shown_once_named_in_the_log_and_good_until_it_is_revoked() {
    let (house, admin) = House::with_admin().await;
    for (name, days, told) in [("CI", "30", "small letters"), ("ci", "0", "1 to 366 days"), ("ci", "", "1 to 366 days")]
    {
        let page = admin.send("/tokens", &[("name", name), ("role", "viewer"), ("days", days)]).await;
        assert!(page.text.contains(told) && page.text.contains(&format!("value=\"{name}\"")), "{}", page.text);
    }
    let chief = Program::new(&admin, "ci", "administrator").await;
    let taken = admin.send("/tokens", &[("name", "ci"), ("role", "viewer"), ("days", "30")]).await;
    assert!(taken.text.contains("There is a token of this name already."), "{}", taken.text);
    assert_eq!(chief.get("/account").await.json()["role"], "administrator");
    let secret = chief.token.strip_prefix("usher_").unwrap();
    for page in ["/tokens", "/audit", "/audit.csv"] {
        assert!(!admin.get(page).await.text.contains(secret), "{page}");
    }
    let made = chief.post("/tokens", &json!({"name": "watch", "role": "viewer", "days": 1})).await;
    assert_eq!(
        (made.status, made.headers["location"].to_str().unwrap()),
        (201, "/api/v1/tokens/watch"),
        "{}",
        made.text
    );
    let watch = chief.with(made.json()["token"].as_str().unwrap());
    assert_eq!(watch.get("/account").await.json()["token"], "watch");
    let listed = chief.get("/tokens").await;
    assert!(!listed.text.contains("usher_") && listed.json()["tokens"][1]["used_at"].is_string(), "{}", listed.text);
    chief.ask("DELETE", "/tokens/ci", &[], "").await.problem(409, "conflict");
    assert_eq!(admin.send("/tokens/watch/revoke", &[]).await.to.as_deref(), Some("/tokens?done=revoked"));
    watch.get("/account").await.problem(401, "unauthorized");
    chief.ask("DELETE", "/tokens/watch", &[], "").await.problem(404, "not-found");
    let log = admin.get("/audit.csv").await.text;
    for line in [
        "\"chief\",\"token.made\",\"ci\",\"\",\"administrator, 30 days\"",
        "\"token:ci\",\"token.used\",\"ci\"",
        "\"token:ci\",\"token.made\",\"watch\",\"\",\"viewer, 1 days\"",
        "\"chief\",\"token.revoked\",\"watch\",\"viewer\"",
    ] {
        assert!(log.contains(line), "no {line} in {log}");
    }
    assert_eq!(log.matches("token.used\",\"ci\"").count(), 1, "once a day: {log}");
    house.close().await;
}

#[tokio::test]
async fn s1_whoever_goes_on_with_a_token_that_is_not_good_is_slowed_down() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "viewer").await;
    let wrong = program.with(&format!("usher_{}", "0".repeat(64)));
    for _ in 0..5 {
        wrong.get("/account").await.problem(401, "unauthorized");
    }
    let slow = wrong.get("/account").await;
    slow.problem(429, "too-many");
    assert_eq!(slow.headers["retry-after"], "1");
    assert_eq!(program.get("/account").await.status, 200, "nobody else is");
    for shapeless in ["usher_", "x", "usher_zz", "Bearer"] {
        wrong.with(shapeless).get("/account").await.problem(401, "unauthorized");
    }
    house.close().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_with_place_and_reason() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let json = [("content-type", "application/json")];
    let broken = program.ask("POST", "/users", &json, "{\n  \"name\": }").await.problem(400, "malformed");
    assert_eq!((&broken["findings"][0]["line"], &broken["findings"][0]["column"]), (&json!(2), &json!(11)), "{broken}");
    for (body, field, told) in [
        (json!({"name": "ann", "role": "king"}), "role", "`role` has to be one of viewer, operator, administrator"),
        (json!({"name": 7, "role": "viewer"}), "name", "`name` has to be a text"),
        (json!({"name": "Ann", "role": "viewer"}), "name", "1 to 64 letters"),
        (
            json!({"name": "ann", "role": "viewer", "password": "x"}),
            "password",
            "`password` is unknown here: there are name, role",
        ),
    ] {
        let problem = program.post("/users", &body).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"], field, "{problem}");
        assert!(problem["findings"][0]["message"].as_str().unwrap().contains(told), "{problem}");
    }
    for (body, field, told) in [
        ("{\"name\": \"ann\"}", "role", "`role` is missing"),
        ("", "", "the body is empty"),
        ("[]", "", "the body has to be an object"),
        ("{\"name\":\"ann\",\"name\":\"bob\"}", "name", "`name` is there twice"),
    ] {
        let problem = program.ask("POST", "/users", &json, body).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"], field, "{problem}");
        assert!(problem["detail"].as_str().unwrap().contains(told), "{problem}");
    }
    program.ask("POST", "/users", &json, "{} {}").await.problem(400, "malformed");
    program.ask("POST", "/users", &json, "[\"ann\", \"viewer\"]").await.problem(422, "invalid");
    program.ask("POST", "/users", &[("content-type", "text/plain")], "{}").await.problem(415, "media-type");
    program.ask("POST", "/users", &json, &"x".repeat(600_000)).await.problem(413, "too-large");
    program.ask("POST", "/users", &json, &"[".repeat(100_000)).await.problem(400, "malformed");
    let wrong = program.ask("PATCH", "/users/chief", &[], "").await;
    wrong.problem(405, "method");
    assert_eq!(wrong.headers["allow"], "GET,HEAD,PUT,DELETE");
    for path in
        ["/contacts?limit=0", "/contacts?limit=1001", "/contacts?standing=idle", "/contacts?foo=1", "/audit?before=-1"]
    {
        let problem = program.get(path).await.problem(400, "malformed");
        let (_, field) = path.split_once('?').unwrap();
        assert_eq!(problem["findings"][0]["field"], field.split('=').next().unwrap(), "{problem}");
    }
    let problem = program.get("/contacts?find=%FF").await.problem(400, "malformed");
    assert_eq!(problem["findings"][0]["message"], "`find` is not UTF-8");
    for path in [
        "",
        "/",
        "/nothing",
        "/users/",
        "/users/none",
        "/profiles/sales/none",
        "/contacts/sales/%00",
        "/contacts/a/b/timeline",
    ] {
        program.get(path).await.problem(404, "not-found");
    }
    program.get("/contacts/sales/%FF").await.problem(400, "malformed");
    let csp = &program.get("/nothing").await.headers["content-security-policy"];
    assert!(csp.to_str().unwrap().starts_with("default-src 'none'"));
    house.close().await;
}

#[tokio::test]
async fn two_who_change_the_same_user_are_told_of_each_other() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "administrator").await;
    let made = program.post("/users", &json!({"name": "ann", "role": "viewer"})).await;
    assert_eq!((made.status, made.headers["location"].to_str().unwrap()), (201, "/api/v1/users/ann"), "{}", made.text);
    assert!(made.json()["link"].as_str().unwrap().contains("/welcome?user=ann&token="));
    program.post("/users", &json!({"name": "ann", "role": "viewer"})).await.problem(409, "conflict");
    let seen = program.get("/users/ann").await;
    let (etag, path) = (seen.etag(), "/users/ann");
    let again = program.ask("GET", path, &[("if-none-match", etag)], "").await;
    assert_eq!((again.status, again.text.as_str(), again.etag()), (304, "", etag));

    let raised = json!({"role": "operator", "disabled": false});
    program
        .ask("PUT", path, &[("content-type", "application/json")], &raised.to_string())
        .await
        .problem(428, "condition-missing");
    program.put(path, "7", &raised).await.problem(400, "malformed");
    program.put(path, &format!("W/{etag}"), &raised).await.problem(412, "outdated");
    let first = program.put(path, etag, &raised).await;
    assert_eq!((first.status, &first.json()["role"]), (200, &json!("operator")), "{}", first.text);
    let late = program.put(path, etag, &json!({"role": "viewer", "disabled": true})).await;
    let told = late.problem(412, "outdated");
    assert_eq!(late.etag(), first.etag());
    assert_eq!((&told["current"]["etag"], &told["current"]["changed_by"]), (&json!(first.etag()), &json!("token:ci")));
    assert_eq!(told["current"]["value"]["role"], "operator");
    let expected =
        ["-  \"disabled\": false", "+  \"disabled\": true", "-  \"role\": \"operator\"", "+  \"role\": \"viewer\""];
    assert!(
        expected.iter().all(|it| told["current"]["differences"].as_array().unwrap().contains(&json!(it))),
        "{told}"
    );

    let chief = program.get("/users/chief").await;
    program
        .put("/users/chief", chief.etag(), &json!({"role": "viewer", "disabled": false}))
        .await
        .problem(409, "conflict");
    program.ask("DELETE", path, &[], "").await.problem(428, "condition-missing");
    program.ask("DELETE", path, &[("if-match", etag)], "").await.problem(412, "outdated");
    assert_eq!(program.ask("DELETE", path, &[("if-match", "\"0\", *")], "").await.status, 400);
    assert_eq!(program.ask("DELETE", path, &[("if-match", &format!("\"0\", {}", first.etag()))], "").await.status, 204);
    program.ask("DELETE", path, &[("if-match", "*")], "").await.problem(404, "not-found");
    let log = program.get("/audit?limit=2").await.json();
    assert_eq!((&log["lines"][0]["by"], &log["lines"][0]["action"]), (&json!("token:ci"), &json!("user.removed")));
    let older = program.get(&format!("/audit?before={}", log["next"])).await.json();
    assert!(older["lines"][0]["number"].as_u64() < log["lines"][1]["number"].as_u64() && older["next"].is_null());
    house.close().await;
}

#[tokio::test]
async fn b2_contacts_are_seen_paged_handed_over_and_ended() {
    let (house, admin) = House::with_admin().await;
    let program = Program::new(&admin, "ci", "operator").await;
    let mut setup = house.usher.setup().queue("support", MediaType::OpenMedia);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    let engine = FakeEngine::attach(setup).await.unwrap();
    engine.logged_on("va1").await;
    for name in ["x-c/3", "c-1", "c-2"] {
        engine.open_as(offer(name, MediaType::OpenMedia)).await;
    }
    let page = program.get("/contacts?limit=2&find=C").await.json();
    assert_eq!(
        (&page["total"], &page["contacts"][0]["contact"], &page["contacts"][1]["contact"]),
        (&json!(3), &json!("c-1"), &json!("c-2"))
    );
    let rest = program
        .get(&format!("/contacts?limit=2&find=C&after={}", page["next"].as_str().unwrap().replace('%', "%25")))
        .await
        .json();
    assert_eq!((&rest["contacts"][0]["contact"], &rest["next"]), (&json!("x-c/3"), &Value::Null), "{rest}");
    assert_eq!(program.get("/contacts?standing=with_person").await.json()["total"], 0);
    assert_eq!(program.get("/contacts/sales/x-c%2F3").await.json()["agent"], "va1");
    assert_eq!(program.get("/agents?profile=support").await.json()["agents"][0]["log_on"], "logged_on");
    assert_eq!(program.get("/units").await.json()["units"][1]["routing_engines"][0]["engine"], "engine-1");

    let to = |queue: &str| json!({ "queue": queue });
    program.post("/contacts/sales/c-1/hand-over", &to("none")).await.problem(409, "conflict");
    program.post("/contacts/sales/none/hand-over", &to("support")).await.problem(404, "not-found");
    let target = json!({ "target": "4711" });
    for neither in [json!({}), json!({ "queue": "support", "target": "4711" })] {
        program.post("/contacts/sales/c-1/hand-over", &neither).await.problem(422, "invalid");
    }
    program.post("/contacts/sales/c-1/hand-over", &target).await.problem(409, "conflict");
    assert_eq!(program.post("/contacts/sales/c-1/hand-over", &to("support")).await.status, 204);
    assert!(format!("{:?}", engine.next_command("c-1").await).contains("token:ci"));
    program.ask("POST", "/contacts/sales/c-1/end", &[], "").await.problem(409, "conflict");
    assert_eq!(program.ask("POST", "/contacts/sales/c-2/end", &[], "").await.status, 204);

    engine.open_as(offer("call", MediaType::Speech)).await;
    assert_eq!(program.post("/contacts/sales/call/hand-over", &target).await.status, 204);
    assert_eq!(program.get("/contacts/sales/call").await.json()["queue"], "4711");

    let timeline = program.get("/contacts/sales/c-1/timeline").await.json();
    assert_eq!((&timeline["unaltered"], &timeline["is_cut"]), (&json!(true), &json!(false)));
    let records = timeline["records"].as_array().unwrap();
    let last = records.last().unwrap()["position"].as_u64().unwrap();
    assert!(records[0]["steps"][0]["step"] == "started" && records[0]["steps"][0]["text"].is_string(), "{timeline}");
    let newer = program.get(&format!("/contacts/sales/c-1/timeline?after={last}")).await.json();
    assert_eq!(newer["records"], json!([]));
    let log = admin.get("/audit.csv").await.text;
    assert!(log.contains("\"token:ci\",\"contact.handed_over\",\"sales/c-1\",\"\",\"support\""), "{log}");
    house.close().await;
}

#[tokio::test]
async fn s7_profiles_are_written_read_and_removed_and_a_file_is_not() {
    let dialogflow = FakeDialogflow::start();
    let site = Site::new(&dialogflow).await;
    let program = Program::new(&site.admin, "ci", "administrator").await;
    let text = profile(&dialogflow.endpoint()).replace("\"support\"", "\"written\"");
    let path = "/profiles/sales/written/source";
    let toml = ("content-type", "application/toml");
    let new = ("if-none-match", "*");
    program.ask("PUT", path, &[toml], &text).await.problem(428, "condition-missing");
    program.ask("PUT", path, &[toml, ("if-match", "*")], &text).await.problem(404, "not-found");
    let wrong = text.replace("fallback_message", "falback_message");
    let told = program.ask("PUT", path, &[toml, new], &wrong).await.problem(422, "invalid");
    let place = &told["findings"][1];
    assert!(place["file"].as_str().unwrap().contains("sales/written") && place["line"].is_u64(), "{told}");
    assert_eq!(place["line"], 7, "{told}");
    assert!(place["message"].is_string() && place["help"].is_string() && place["column"].is_u64(), "{told}");
    let other = program.ask("PUT", "/profiles/sales/other/source", &[toml, new], &text).await.problem(422, "invalid");
    assert_eq!(other["findings"][0]["field"], "name");
    let made = program.ask("PUT", path, &[toml, new], &text).await;
    assert_eq!(
        (made.status, made.headers["location"].to_str().unwrap()),
        (201, "/api/v1/profiles/sales/written/source"),
        "{}",
        made.text
    );
    let again = program.ask("PUT", path, &[toml, new], &text).await.problem(412, "outdated");
    assert_eq!(again["current"]["changed_by"], "token:ci");

    let source = program.get(path).await;
    assert!(source.text.contains("sealed = \"") && !source.text.contains("\"secret\""), "{}", source.text);
    assert_eq!(source.headers["content-type"], "application/toml");
    let changed = source.text.replace("Sorry.", "From one.");
    assert_eq!(program.ask("PUT", path, &[toml, ("if-match", source.etag())], &changed).await.status, 204);
    let late = source.text.replace("Sorry.", "From the other.");
    let late = program.ask("PUT", path, &[toml, ("if-match", source.etag())], &late).await.problem(412, "outdated");
    let expected = json!(["-fallback_message = \"From one.\"", "+fallback_message = \"From the other.\""]);
    assert_eq!(late["current"]["differences"], expected);
    let whole = program.get("/profiles/sales/written").await;
    let settings = whole.json()["settings"].to_string();
    assert!(settings.contains("From one.") && settings.contains("sales/written (Web Manager)"), "{settings}");
    assert_eq!(whole.json()["is_kept"], true);
    let checked = program.ask("POST", "/profiles/sales/written/check", &[], "").await.json();
    assert_eq!(checked["engines"][0]["is_good"], true, "{checked}");

    assert_eq!(program.ask("POST", "/profiles/sales/written/pause", &[], "").await.status, 204);
    assert_eq!(program.get("/profiles/sales/written").await.json()["paused_by"], "token:ci");
    assert_eq!(program.ask("POST", "/profiles/sales/written/resume", &[], "").await.status, 204);
    let agents = "/profiles/sales/written/agents";
    let json = ("content-type", "application/json");
    let change = json!({ "assign": ["va3"], "take_off": ["va1"] }).to_string();
    let seen = late["current"]["etag"].as_str().unwrap();
    program.ask("POST", agents, &[json, ("if-match", source.etag())], &change).await.problem(412, "outdated");
    assert_eq!(program.ask("POST", agents, &[json, ("if-match", seen)], &change).await.status, 204);
    assert_eq!(program.get(agents).await.json()["assigned"][0]["agent"], "va3");
    let taken = json!({ "assign": ["va9"] }).to_string();
    let taken = program.ask("POST", agents, &[json, ("if-match", "*")], &taken).await.problem(422, "invalid");
    assert!(taken["findings"][0]["message"].as_str().unwrap().contains("serves profile support"), "{taken}");
    assert_eq!(program.get("/connectors").await.json(), json!({ "connectors": [] }));

    program.get("/profiles/sales/support/source").await.problem(409, "conflict");
    program.ask("DELETE", "/profiles/sales/support/source", &[("if-match", "*")], "").await.problem(409, "conflict");
    program.ask("DELETE", path, &[("if-match", source.etag())], "").await.problem(412, "outdated");
    assert_eq!(program.ask("DELETE", path, &[("if-match", program.get(path).await.etag())], "").await.status, 204);
    program.get(path).await.problem(404, "not-found");
    drop(site.usher.kill().await);
}

#[tokio::test]
async fn the_api_is_shown_from_its_document() {
    let (house, admin) = House::with_admin().await;
    let viewer = house.user(&admin, "victor", "viewer").await;
    let page = viewer.get("/api").await.text;
    for path in ["/contacts/{unit}/{contact}/hand-over", "/users/{user}", "/openapi.json"] {
        assert!(page.contains(path), "{path}");
    }
    assert!(!page.contains("href=\"/tokens\"") && admin.get("/api").await.text.contains("href=\"/tokens\""));
    let found = viewer.get("/api?find=TIMELINE").await.text;
    assert!(found.contains("/api/operations/getTimeline") && !found.contains("/api/operations/listUsers"), "{found}");
    assert!(viewer.get("/api?find=%3Cb%3E").await.text.contains("Nothing in the API fits the filter."));
    let one = viewer.get("/api/operations/changeUser").await.text;
    for text in
        ["curl -X PUT", "If-Match", "/api/v1/users/ann", "May not sign in.", "Somebody else has changed it meanwhile"]
    {
        assert!(one.contains(text), "no {text} in {one}");
    }
    assert_eq!(viewer.get("/api/operations/none").await.status, 404);
    let document: Value = serde_json::from_str(&house.browser().get("/api/v1/openapi.json").await.text).unwrap();
    assert_eq!(document, api_document());
    for it in document["paths"].as_object().unwrap().values().flat_map(|it| it.as_object().unwrap().values()) {
        let page = viewer.get(&format!("/api/operations/{}", it["operationId"].as_str().unwrap())).await;
        assert!(page.status == 200 && page.text.len() < 60_000, "{} {}", it["operationId"], page.text.len());
    }
    house.close().await;
}
