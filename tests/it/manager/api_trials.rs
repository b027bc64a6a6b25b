//! The API's trials and tests: a profile is tried without carrying anything out, and what went well is kept and run again.

use serde_json::{Value, json};

use super::{api::Program, *};
use crate::fakes::dialogflow::{Reaction, say};

const HUMAN: &str =
    "[[action]]\nname = \"human\"\nmedia = \"webinteraction\"\nkind = \"requeue\"\nqueue = \"people\"\n";
const AT: &str = "/profiles/sales/support";

async fn begun() -> (House, Browser, Program) {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &(profile(&dialogflow.endpoint()) + HUMAN)).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.first().await;
    let program = Program::new(&admin, "ci", "operator").await;
    (house, admin, program)
}

/// Where a conversation is, without what all paths begin with.
async fn begin(program: &Program, body: &Value) -> String {
    let made = program.post(&format!("{AT}/trials"), body).await;
    assert_eq!(made.status, 201, "{made:?}");
    made.header("location").strip_prefix("/api/v1").unwrap().to_owned()
}

fn web() -> Value {
    json!({ "media": "webinteraction" })
}

#[tokio::test]
async fn b3_a_profile_is_tried_and_its_scene_is_told_with_answer_time_and_reasons() {
    let (house, admin, program) = begun().await;
    let answer = say("A person comes.").intent("wants.a.person").action("human", &json!({ "topic": "bill" }));
    house.dialogflow.on_text("a person", answer.context("bill"));
    for (body, field) in [
        (json!({}), "media"),
        (json!({ "media": "fax" }), "media"),
        (json!({ "media": "speech", "language": "no <tag>" }), "language"),
        (json!({ "media": "speech", "engine": "none" }), "engine"),
        (json!({ "media": "speech", "queues": "odd" }), "queues"),
        (json!({ "media": "speech", "more": 1 }), "more"),
    ] {
        let problem = program.post(&format!("{AT}/trials"), &body).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"].as_str().unwrap_or_default(), field, "{problem}");
    }
    let at = begin(&program, &web()).await;
    let begun = program.get(&at).await.json();
    assert_eq!(
        (&begun["engine"], &begun["language"], &begun["queues"]),
        (&json!("primary"), &json!("en"), &json!("open"))
    );
    let said = program.post(&at, &json!({ "kind": "say", "text": "a person" })).await;
    assert_eq!(said.status, 200, "{said:?}");
    let told = said.json();
    let turn = &told["turns"][0];
    assert_eq!((told["turns"].as_array().unwrap().len(), &turn["said"][0]["text"]), (1, &json!("A person comes.")));
    let question = &turn["questions"][0];
    let answer = &question["answer"];
    assert_eq!((&answer["intent"], &answer["action"]), (&json!("wants.a.person"), &json!("human")));
    assert_eq!((&answer["parameters"], &answer["contexts"]), (&json!({ "topic": "bill" }), &json!(["bill"])));
    assert_eq!(turn["would"], json!(["hands over to queue people"]));
    assert!(question["took_ms"].is_number() && turn["steps"][0]["step"].is_string(), "{turn}");
    let raw: Value = serde_json::from_str(question["raw"].as_str().unwrap()).expect("as Google's JSON has it");
    assert_eq!(raw["queryResult"]["action"], "human");
    assert_eq!((&told["awaits"], &told["outcomes"]), (&json!("person"), &json!(["accepted", "failed", "expired"])));

    program.post(&at, &json!({ "kind": "outcome", "outcome": "done" })).await.problem(409, "conflict");
    for (cue, field) in [
        (json!({ "kind": "say", "text": " " }), "text"),
        (json!({ "kind": "say", "text": "x".repeat(9_000) }), "text"),
        (json!({ "kind": "keys", "keys": "1a" }), "keys"),
        (json!({ "kind": "event", "name": " " }), "name"),
    ] {
        let problem = program.post(&at, &cue).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"], field, "{problem}");
    }
    program.post(&at, &json!({ "kind": "silence", "more": 1 })).await.problem(422, "invalid");
    let failed = program.post(&at, &json!({ "kind": "outcome", "outcome": "failed", "text": "nobody" })).await.json();
    assert_eq!((&failed["awaits"], &failed["turns"][0]["given"]["text"]), (&Value::Null, &json!("nobody")));
    house.dialogflow.otherwise(Reaction::Status(tonic::Code::PermissionDenied));
    let down = program.post(&at, &json!({ "kind": "say", "text": "hello" })).await.json();
    let question = &down["turns"][0]["questions"][0];
    assert_eq!((&question["failure"], &question["answer"]), (&json!("credential"), &Value::Null));
    assert_eq!(program.get(&at).await.json()["turns"].as_array().unwrap().len(), 4);
    assert!(admin.get("/").await.text.contains("No contact is open"));
    house.close().await;
}

#[tokio::test]
async fn s1_a_trial_belongs_to_its_token_and_ends_with_it() {
    let (house, admin, program) = begun().await;
    let other = Program::new(&admin, "other", "administrator").await;
    let at = begin(&program, &web()).await;
    let hello = json!({ "kind": "say", "text": "hello" });
    other.get(&at).await.problem(404, "not-found");
    other.post(&at, &hello).await.problem(404, "not-found");
    assert_eq!(other.get(&format!("{AT}/trials")).await.json(), json!({ "trials": [] }));
    assert_eq!(admin.get(&at).await.status, 404, "nor is it a page's");
    for _ in 0..5 {
        begin(&program, &web()).await;
    }
    program.get(&at).await.problem(404, "not-found");
    let open = program.get(&format!("{AT}/trials")).await.json();
    assert_eq!(open["trials"].as_array().unwrap().len(), 5, "five at most: {open}");
    let last = format!("{AT}/trials/{}", open["trials"][0]["trial"].as_str().unwrap());
    assert_eq!(program.ask("DELETE", &last, &[], "").await.status, 204);
    program.ask("DELETE", &last, &[], "").await.problem(404, "not-found");
    // A token of the same name is another.
    admin.send("/tokens/ci/revoke", &[]).await;
    let again = Program::new(&admin, "ci", "operator").await;
    assert_eq!(again.get(&format!("{AT}/trials")).await.json(), json!({ "trials": [] }));
    house.close().await;
}

#[tokio::test]
async fn b4_a_trial_is_kept_as_a_test_that_is_changed_run_and_tells_what_differs() {
    let (house, admin, program) = begun().await;
    let viewer = Program::new(&admin, "watch", "viewer").await;
    let person = |number: u32| say("One moment.").intent("person").action("human", &json!({ "number": number }));
    house.dialogflow.on_text("a person", person(4711));
    let trial = begin(&program, &web()).await;
    program.post(&trial, &json!({ "kind": "say", "text": "a person" })).await;
    for name in ["a/b", "", " a", "a\u{7}"] {
        let problem = program.post(&format!("{trial}/test"), &json!({ "name": name })).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"], "name", "{problem}");
    }
    let runs = format!("{AT}/test-runs");
    program.post(&runs, &json!({})).await.problem(404, "not-found");
    let made = program.post(&format!("{trial}/test"), &json!({ "name": "to a person" })).await;
    assert_eq!(
        (made.status, made.header("location")),
        (201, "/api/v1/profiles/sales/support/tests/to%20a%20person"),
        "{made:?}"
    );
    program.post(&format!("{trial}/test"), &json!({ "name": "to a person" })).await.problem(409, "conflict");
    let at = format!("{AT}/tests/to%20a%20person");
    let seen = viewer.get(&at).await;
    assert_eq!((seen.etag(), seen.json()), (made.etag(), made.json()));
    let listed = viewer.get(&format!("{AT}/tests")).await.json();
    assert_eq!((&listed["tests"][0]["etag"], &listed["tests"][0]["passed"]), (&json!(seen.etag()), &Value::Null));

    viewer.post(&runs, &json!({})).await.problem(403, "forbidden");
    let passed = program.post(&runs, &json!({ "test": "to a person" })).await.json();
    assert_eq!((&passed["last"]["failed"], &passed["last"]["by"]), (&json!(0), &json!("token:ci")), "{passed}");
    house.dialogflow.on_text("a person", person(4712).intent("someone"));
    assert_eq!(program.post(&runs, &json!({ "engine": "primary" })).await.json()["last"]["failed"], 1);
    let last = viewer.get(&runs).await.json();
    let step = last["last"]["tests"][0]["steps"].as_array().unwrap().last().unwrap().clone();
    let differences = json!([
        { "aspect": "parameter", "name": "number", "expected": "4711", "now": "4712" },
        { "aspect": "intent", "name": "", "expected": "person", "now": "someone" },
    ]);
    assert_eq!((&step["differences"], &step["reached"]), (&differences, &json!("compared")), "{step}");
    assert_eq!(viewer.get(&format!("{AT}/tests")).await.json()["tests"][0]["passed"], false);
    for (body, field) in [(json!({ "test": "none" }), "test"), (json!({ "engine": "none" }), "engine")] {
        assert_eq!(program.post(&runs, &body).await.problem(422, "invalid")["findings"][0]["field"], field);
    }

    // What does not count any more is not told.
    let mut test = seen.json();
    let last = test["steps"].as_array().unwrap().len() - 1;
    test["steps"][last]["counts"] = json!({ "action": true, "parameters": false, "intent": false, "texts": true });
    let changed = program.put(&at, seen.etag(), &test).await;
    assert_eq!((changed.status, changed.json()), (200, test.clone()), "{changed:?}");
    assert_eq!(program.post(&runs, &json!({})).await.json()["last"]["failed"], 0);
    let late = program.put(&at, seen.etag(), &test).await;
    let told = late.problem(412, "outdated");
    assert_eq!((late.etag(), &told["current"]["value"]), (changed.etag(), &test));
    program.ask("DELETE", &at, &[("if-match", seen.etag())], "").await.problem(412, "outdated");
    assert_eq!(program.ask("DELETE", &at, &[("if-match", changed.etag())], "").await.status, 204);
    program.get(&at).await.problem(404, "not-found");
    let log = admin.get("/audit.csv").await.text;
    for action in ["test.added", "test.changed", "test.removed"] {
        assert!(log.contains(&format!("\"token:ci\",\"{action}\",\"sales/support: to a person\"")), "{log}");
    }
    house.close().await;
}

#[tokio::test]
async fn b4_tests_are_written_as_json_and_taken_out_and_in_as_a_file() {
    let (house, _, program) = begun().await;
    let at = format!("{AT}/tests");
    let counts = json!({ "action": false, "parameters": false, "intent": false, "texts": true });
    let step = json!({ "given": { "kind": "say", "text": "hello" }, "expected": { "texts": ["echo: hello"] }, "counts": counts });
    let test = |name: &str, steps: Vec<Value>| json!({ "name": name, "media": "openmedia", "queues": "closed", "steps": steps });
    let begins = json!({ "given": { "kind": "begin" }, "expected": {}, "counts": counts });
    for (body, field) in [
        (test("x", vec![step.clone(), begins.clone()]), "steps[1].given"),
        (
            test("x", vec![json!({ "given": { "kind": "keys", "keys": "a" }, "expected": {}, "counts": counts })]),
            "steps[0].given",
        ),
        (test("x", vec![step.clone(); 101]), "steps"),
        (test("x/y", vec![]), "name"),
    ] {
        let problem = program.post(&at, &body).await.problem(422, "invalid");
        assert_eq!(problem["findings"][0]["field"], field, "{problem}");
    }
    let made = program.post(&at, &test("one", vec![begins, step])).await;
    assert_eq!(made.status, 201, "{made:?}");
    let file = format!("{AT}/tests.jsonl");
    let lines = [("content-type", "application/jsonl")];
    let export = program.get(&file).await;
    assert_eq!(
        (export.header("content-type"), export.text.lines().count()),
        ("application/jsonl", 3),
        "{}",
        export.text
    );
    let two = export.text.clone() + &export.text.replace("\"one\"", "\"two\"");
    assert_eq!(program.ask("POST", &file, &lines, &two).await.json(), json!({ "tests": 2 }));
    assert_eq!(program.get(&at).await.json()["tests"].as_array().unwrap().len(), 2);
    assert_ne!(program.get(&format!("{at}/one")).await.etag(), made.etag(), "it was replaced");
    let wrong = program.ask("POST", &file, &lines, "{\"test\":\"a\"}\n{\"sya\":\"x\"}").await.problem(422, "invalid");
    assert_eq!(wrong["findings"][0]["line"], 2, "{wrong}");
    program.ask("POST", &file, &lines, "").await.problem(422, "invalid");
    program.ask("POST", &file, &[], "").await.problem(415, "media-type");
    assert_eq!(program.post(&format!("{AT}/test-runs"), &json!({})).await.json()["last"]["failed"], 0);
    house.close().await;
}
