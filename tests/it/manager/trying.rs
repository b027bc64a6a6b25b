//! A profile is tried before anyone else does, and what went well is kept as a test that is run again.

use serde_json::json;

use super::*;
use crate::fakes::dialogflow::{Reaction, say};

const HUMAN: &str = r#"
[[action]]
name = "human"
media = "webinteraction"
kind = "requeue"
queue = "people"
[[action]]
name = "call"
media = "webinteraction"
kind = "callback"
queue = "people"
phone_parameter = "phone"
time_parameter = "when"
"#;

const AT: &str = "/profiles/sales/support";

/// A house whose profile hands over and books callbacks, and an operator of it.
async fn house() -> (House, Browser, Browser) {
    let dialogflow = FakeDialogflow::start();
    let usher = Usher::start(CONFIG, &(profile(&dialogflow.endpoint()) + HUMAN)).await;
    let (office, address) = usher.open_office().await;
    let house = House { usher, office, address, dialogflow };
    let admin = house.first().await;
    let operator = house.user(&admin, "olga", "operator").await;
    (house, admin, operator)
}

/// Where a conversation goes on.
async fn begin(browser: &Browser, queues: &str) -> String {
    let form = [("media", "webinteraction"), ("language", ""), ("engine", "primary"), ("queues", queues)];
    let page = browser.send(&format!("{AT}/try"), &form).await;
    assert_eq!(page.status, 303, "{}", page.text);
    page.to.unwrap()
}

async fn put(browser: &Browser, at: &str, form: &[(&str, &str)]) -> String {
    let page = browser.send(at, form).await;
    assert_eq!((page.status, page.to.as_deref()), (303, Some(at)), "{}", page.text);
    browser.get(at).await.text
}

async fn says(browser: &Browser, at: &str, text: &str) -> String {
    put(browser, at, &[("kind", "say"), ("text", text)]).await
}

#[tokio::test]
async fn b3_a_profile_is_tried_and_nothing_is_carried_out() {
    let (house, _, operator) = house().await;
    let answer = say("A person <b>comes</b>.").intent("wants.a.person").action("human", &json!({"topic": "bill"}));
    house.dialogflow.on_text("a person", answer.context("bill"));
    let start = operator.get(&format!("{AT}/try")).await.text;
    assert!(start.contains("value=\"primary\"") && start.contains("Nothing is carried out"), "{start}");
    let at = begin(&operator, "open").await;
    let page = says(&operator, &at, "a person").await;
    for text in [
        "A person &lt;b&gt;comes&lt;/b&gt;.",
        "wants.a.person",
        "would hand over to queue people: action human",
        "bill",
        "It waits for a person to take the contact",
        "Contexts",
    ] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    let wrong = operator.send(&at, &[("kind", "done")]).await;
    assert_eq!(wrong.status, 422);
    assert!(wrong.text.contains("does not wait for this now"), "{}", wrong.text);
    let page = put(&operator, &at, &[("kind", "failed"), ("reason", "nobody there")]).await;
    assert!(page.contains("It fails: nobody there") && !page.contains("It waits for a person"), "{page}");
    assert_eq!(house.dialogflow.requests().len(), 1, "the profile names no event for it");

    let closed = begin(&operator, "closed").await;
    let page = says(&operator, &closed, "a person").await;
    assert!(page.contains("no person could be promised: the queue is closed"), "{page}");
    let sessions: Vec<_> = house.dialogflow.requests().into_iter().map(|it| it.session).collect();
    assert!(sessions[0] != sessions[1], "each conversation is one of its own: {sessions:?}");
    assert!(operator.get(&format!("{AT}/try")).await.text.contains(&closed), "found again");
    assert!(operator.get("/").await.text.contains("No contact is open"));
    let gone = operator.send(&format!("{closed}/end"), &[]).await;
    assert_eq!(gone.to.as_deref(), Some("/profiles/sales/support/try"));
    assert_eq!(operator.get(&closed).await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn b10_events_keys_and_private_words_are_put_in_and_what_cannot_be_is_refused_with_what_was_typed() {
    let (house, _, operator) = house().await;
    let at = begin(&operator, "open").await;
    let page = says(&operator, &at, "my card is 4111 1111 1111 1111").await;
    assert!(page.contains("[card:1]") && !page.contains("4111"), "{page}");
    assert_eq!(house.dialogflow.requests()[0].text(), Some("my card is [card:1]"));
    house.dialogflow.next(say("Welcome back.").intent("back"));
    let event = [("kind", "event"), ("name", "human_returned"), ("given", "{\"from\": \"people\"}")];
    let page = put(&operator, &at, &event).await;
    assert!(page.contains("Welcome back.") && page.contains("Event human_returned with"), "{page}");
    for (form, problem) in [
        (vec![("kind", "say"), ("text", "  ")], "Say something."),
        (vec![("kind", "event"), ("name", "kept"), ("given", "{x")], "This is no JSON: line 1, column 2."),
        (vec![("kind", "event"), ("name", "kept"), ("given", "[1]")], "This is no JSON object"),
        (vec![("kind", "event"), ("name", " ")], "An event needs a name."),
        (vec![("kind", "keys"), ("name", "kept")], "Keys are 0 to 9"),
        (vec![("kind", "nonsense")], "Choose what is put in."),
    ] {
        let page = operator.send(&at, &form).await;
        assert_eq!(page.status, 422, "{form:?}");
        assert!(page.text.contains(problem), "no {problem} in {}", page.text);
        assert!(!form.iter().any(|it| it.1 == "kept") || page.text.contains("value=\"kept\""), "{}", page.text);
    }
    let long = operator.send(&at, &[("kind", "say"), ("text", &"x".repeat(9_000))]).await;
    assert!(long.status == 422 && long.text.contains("longer than 8 KiB"), "{}", long.status);
    for (field, value) in [("media", "fax"), ("language", "no <tag>"), ("engine", "none"), ("queues", "odd")] {
        let mut form = vec![("media", "speech"), ("language", "de"), ("engine", "primary"), ("queues", "open")];
        form.iter_mut().find(|it| it.0 == field).unwrap().1 = value;
        let page = operator.send(&format!("{AT}/try"), &form).await;
        assert!(
            page.status == 422 && page.text.contains(&format!("id=\"f-{field}-problem\"")),
            "{field}: {}",
            page.text
        );
    }
    house.close().await;
}

#[tokio::test]
async fn s13_a_profile_whose_engine_is_down_is_tried_too_and_the_error_is_told() {
    let (house, _, operator) = house().await;
    let at = begin(&operator, "open").await;
    house.dialogflow.otherwise(Reaction::Status(tonic::Code::PermissionDenied));
    let page = says(&operator, &at, "hello").await;
    assert!(page.contains("Sorry."), "the fallback message: {page}");
    assert!(page.contains("The engine did not answer (credential)"), "{page}");
    house.close().await;
}

#[tokio::test]
async fn s1_a_conversation_belongs_to_whoever_began_it_and_ends_with_the_sign_in() {
    let (mut house, admin, operator) = house().await;
    let at = begin(&operator, "open").await;
    let other = admin.get(&at).await;
    assert!(other.status == 404 && other.text.contains("This conversation is over"), "{}", other.text);
    assert_eq!(admin.send(&at, &[("kind", "say"), ("text", "hi")]).await.status, 404);
    let profile = profile(&house.dialogflow.endpoint()).replace("Sorry.", "Changed.") + HUMAN;
    assert!(!operator.get(&at).await.text.contains("has changed since"), "nothing has changed");
    house.usher.reload_profile(CONFIG, &profile).await;
    let page = says(&operator, &at, "still here?").await;
    assert!(page.contains("echo: still here?") && page.contains("has changed since this conversation began"), "{page}");
    // Five at most: the one that was used longest ago makes room.
    for _ in 0..5 {
        begin(&operator, "open").await;
    }
    assert_eq!(operator.get(&at).await.status, 404);
    let last = begin(&operator, "open").await;
    operator.send("/sign-out", &[]).await;
    operator.sign_in("olga", PASSWORD, "").await;
    assert_eq!(operator.get(&last).await.status, 404);
    assert_eq!(operator.get("/profiles/sales/none/try").await.status, 404);
    house.close().await;
}

#[tokio::test]
async fn b4_a_conversation_becomes_a_test_that_tells_what_differs_after_the_agent_has_changed() {
    let (house, admin, operator) = house().await;
    let victor = house.user(&admin, "victor", "viewer").await;
    let person = |number: u32| say("One moment.").intent("person").action("human", &json!({ "number": number }));
    house.dialogflow.on_text("a person", person(4711));
    let at = begin(&operator, "open").await;
    says(&operator, &at, "hello").await;
    says(&operator, &at, "a person").await;
    assert!(operator.get(&format!("{AT}/tests")).await.text.contains("There is no test yet"));
    let bad = operator.send(&format!("{at}/save"), &[("test", "a/b")]).await;
    assert!(bad.status == 422 && bad.text.contains("neither a slash") && bad.text.contains("value=\"a/b\""));
    let saved = operator.send(&format!("{at}/save"), &[("test", "to a person")]).await;
    let test = format!("{AT}/test/to%20a%20person");
    assert_eq!(saved.to.as_deref(), Some(test.as_str()), "{}", saved.text);
    let taken = operator.send(&format!("{at}/save"), &[("test", "to a person")]).await;
    assert!(taken.status == 409 && taken.text.contains("a test of this name already"), "{}", taken.text);

    let run = [("engine", "primary")];
    let tests = format!("{AT}/tests");
    let done = operator.send(&format!("{tests}/run"), &run).await;
    assert_eq!(done.to.as_deref(), Some(tests.as_str()), "{}", done.text);
    let page = victor.get(&tests).await.text;
    assert!(page.contains("All tests passed: 1") && page.contains("Run by olga against the engine primary"), "{page}");
    assert!(!page.contains("Run all tests") && !page.contains("have changed since"), "a viewer sees: {page}");

    house.dialogflow.on_text("a person", person(4712).intent("someone"));
    operator.send(&format!("{tests}/run"), &run).await;
    let page = victor.get(&tests).await.text;
    for text in ["Tests failed: 1 of 1", "Parameter number", "4711", "4712", "person", "someone"] {
        assert!(page.contains(text), "no {text} in {page}");
    }
    // What does not count any more is not told.
    let version = hidden(&operator.get(&test).await.text, "version").unwrap();
    let checks = [("version", version.as_str()), ("action-3", "on"), ("texts-3", "on")];
    let stale = "That was before the last change of this test";
    let page = operator.get(&test).await.text;
    assert!(page.contains("failed") && !page.contains(stale), "{page}");
    assert_eq!(operator.send(&format!("{test}/checks"), &checks).await.status, 303);
    let page = operator.get(&test).await.text;
    assert!(page.contains("failed") && page.contains(stale), "{page}");
    let listed = victor.get(&tests).await.text;
    assert!(listed.contains("before its last change") && listed.contains(stale), "{listed}");
    for page in [page, operator.get(&format!("{test}?view=text")).await.text] {
        assert_eq!(page.matches(">Save<").count(), 1, "{page}");
    }
    operator.send(&format!("{tests}/run"), &[("engine", "primary"), ("test", "to a person")]).await;
    let page = victor.get(&tests).await.text;
    assert!(page.contains("All tests passed: 1") && !page.contains("before its last change"), "{page}");
    assert!(!operator.get(&test).await.text.contains(stale), "it was run again");
    assert!(!victor.get(&format!("{test}?view=text")).await.text.contains("<textarea"), "a viewer changes nothing");
    let late = operator.send(&format!("{test}/checks"), &checks).await;
    assert!(late.status == 409 && late.text.contains("olga has changed this test meanwhile"), "{}", late.text);
    assert_eq!(operator.send(&format!("{tests}/run"), &[("engine", "none")]).await.status, 422);
    assert_eq!(victor.send(&format!("{tests}/run"), &run).await.status, 403);
    let log = admin.get("/audit.csv").await.text;
    assert!(log.contains("\"olga\",\"test.added\",\"sales/support: to a person\""), "{log}");
    assert!(log.contains("\"test.changed\""), "{log}");
    house.close().await;
}

#[tokio::test]
async fn b4_tests_are_changed_as_text_copied_taken_out_and_in_as_a_file_and_removed() {
    let (house, admin, operator) = house().await;
    let tests = format!("{AT}/tests");
    let file = "{\"test\":\"one\"}\n{\"say\":\"hello\",\"texts\":[\"echo: hello\"]}\n{\"test\":\"two\"}\n{\"say\":\"x\",\"action\":\"none\"}\n";
    let wrong = operator.send(&format!("{tests}/import"), &[("text", &file.replace("say", "sya"))]).await;
    assert!(wrong.status == 422 && wrong.text.contains("Line 2, column") && wrong.text.contains("echo: hello"));
    assert_eq!(operator.send(&format!("{tests}/import"), &[("text", file)]).await.to.as_deref(), Some(tests.as_str()));
    let export = operator.get(&format!("{tests}/export")).await;
    assert!(export.headers["content-disposition"].to_str().unwrap().contains("support.tests.jsonl"));
    assert_eq!(export.text.lines().count(), 4, "{}", export.text);
    operator.send(&format!("{tests}/import"), &[("text", &export.text)]).await;
    assert_eq!(operator.get(&format!("{tests}/export")).await.text, export.text, "the same again");
    operator.send(&format!("{tests}/run"), &[("engine", "primary")]).await;
    let page = operator.get(&tests).await.text;
    assert!(page.contains("Tests failed: 1 of 2") && page.contains("Action"), "{page}");

    let one = format!("{AT}/test/one");
    let version = hidden(&operator.get(&one).await.text, "version").unwrap();
    let renamed = export.text.lines().take(2).collect::<Vec<_>>().join("\r\n").replace("\"one\"", "\"first\"");
    let bad = operator.send(&format!("{one}/text"), &[("version", &version), ("text", "{\"test\":\"x\"}\n{}")]).await;
    assert!(bad.status == 422 && bad.text.contains("Line 2: a step has one of"), "{}", bad.text);
    let moved = operator.send(&format!("{one}/text"), &[("version", &version), ("text", &renamed)]).await;
    assert_eq!(moved.to.as_deref(), Some("/profiles/sales/support/test/first"), "{}", moved.text);
    assert_eq!(operator.get(&one).await.status, 404);
    let first = format!("{AT}/test/first");
    let taken = operator.send(&format!("{first}/copy"), &[("copy", "two")]).await;
    assert!(taken.status == 409 && taken.text.contains("id=\"f-copy-problem\""), "{}", taken.text);
    let copied = operator.send(&format!("{first}/copy"), &[("copy", "third")]).await;
    assert_eq!(copied.to.as_deref(), Some("/profiles/sales/support/test/third"));
    let version = hidden(&operator.get(&first).await.text, "version").unwrap();
    assert_eq!(operator.send(&format!("{first}/remove"), &[("version", "0")]).await.status, 409);
    assert_eq!(operator.send(&format!("{first}/remove"), &[("version", &version)]).await.status, 303);
    assert_eq!(operator.get(&first).await.status, 404);
    assert_eq!(admin.get(&format!("{AT}/test/none")).await.status, 404);
    let log = admin.get("/audit.csv").await.text;
    for action in ["test.imported", "test.changed", "test.added", "test.removed"] {
        assert!(log.contains(action), "no {action} in {log}");
    }
    house.close().await;
}

/// `usher test` beside the running gateway.
fn usher_test(house: &House, more: &[&str]) -> (Option<i32>, String) {
    let data = house.usher.data();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_usher"))
        .args(["test", "support"])
        .args(more)
        .current_dir(data.parent().unwrap())
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code(), told)
}

// The binary asks the fake while this test waits for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn b4_usher_test_runs_what_the_web_manager_keeps_and_what_a_file_holds() {
    let (house, _, operator) = house().await;
    let none = usher_test(&house, &[]);
    assert!(none.0 == Some(2) && none.1.contains("has no test"), "{none:?}");
    let file = "{\"test\":\"good\"}\n{\"say\":\"hello\",\"texts\":[\"echo: hello\"]}\n";
    operator.send(&format!("{AT}/tests/import"), &[("text", file)]).await;
    let (code, told) = usher_test(&house, &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("passed  good") && told.contains("1 tests: 1 passed, 0 failed"), "{told}");
    house.dialogflow.on_text("hello", say("Good day.").intent("greeting"));
    let (code, told) = usher_test(&house, &["--json"]);
    assert_eq!(code, Some(1), "{told}");
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let differs = &told["tests"][0]["steps"][0]["differs"][0];
    assert_eq!((&differs["aspect"], &differs["now"]), (&json!("texts"), &json!("Good day.")), "{told}");
    let path = house.usher.data().parent().unwrap().join("more.jsonl");
    std::fs::write(&path, file.replace("good", "another").replace("echo: hello", "Good day.")).unwrap();
    let (code, told) = usher_test(&house, &["--from", "more.jsonl", "--engine", "primary"]);
    assert!(code == Some(0) && told.contains("passed  another"), "{told}");
    std::fs::write(&path, "{\"test\":\"x\"}\n{\"sya\":\"hello\"}\n").unwrap();
    let (code, told) = usher_test(&house, &["--from", "more.jsonl"]);
    assert!(code == Some(2) && told.contains("more.jsonl: line 2, column"), "{told}");
    house.close().await;
}
