//! `usher replay` on the real binary (B4): contacts that the real gateway has recorded, once more against engines that have
//! changed, or have not.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tonic::Code;
use usher::wire::engine::{CustomerMessage, MediaType, customer_message, engine_frame::Body};

use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, Reaction, say},
        engine::FakeEngine,
    },
    harness::{CONFIG, Usher, profile},
    offline,
};

const MORE: &str = r#"
[handover]
queue = "support"
[events]
callback_done = "CALLBACK_DONE"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
[[action]]
name = "call"
media = "openmedia"
kind = "callback"
queue = "support"
phone_parameter = "phone"
time_parameter = "when"
"#;
/// In a sensitive message.
const SECRET: &str = "planted-4711";

/// As the profile's agent answers when the contacts are recorded. "Tomorrow" is another day each time.
fn agent(day: &str) -> FakeDialogflow {
    let dialogflow = FakeDialogflow::start();
    let call = json!({"phone": "030 123456", "when": format!("{day}T10:00:00+02:00")});
    dialogflow
        .on_event("WELCOME", say("Hello!").intent("welcome"))
        .on_text("my parcel?", say("It left on Monday.").intent("parcel"))
        .on_text("qwertz", say("Pardon?").intent("fallback").fallback())
        .on_text("call me tomorrow", say("We will.").intent("call").action("call", &call))
        .on_text("a person", say("One moment.").intent("person").action("person", &json!({"topic": "bill"})))
        .otherwise(say("Hm.").intent("hm"));
    dialogflow
}

fn tomorrow(days: i64) -> String {
    let now = jiff::Timestamp::from_millisecond(usher::clock::Clock::system().now().0).unwrap();
    (now + jiff::SignedDuration::from_hours(24 * days)).to_string()[..10].to_owned()
}

fn text(endpoint: &str) -> String {
    profile(endpoint).replace("welcome_event = \"\"", "welcome_event = \"WELCOME\"") + MORE
}

/// Two contacts, recorded by the real gateway; yields where.
async fn recorded(dialogflow: &FakeDialogflow) -> TempDir {
    let usher = Usher::start(CONFIG, &text(&dialogflow.endpoint())).await;
    let engine = FakeEngine::attach(usher.setup().queue("support", MediaType::OpenMedia)).await.unwrap();
    for contact in ["c1", "c2"] {
        engine.open(contact, "va1").await;
        assert_eq!(engine.next_say(contact).await, ["Hello!"]);
    }
    let hears = async |contact: &str, words: &str, answer: &str| {
        engine.say(contact, words).await;
        assert_eq!(engine.next_say(contact).await, [answer], "{words}");
    };
    hears("c1", "my parcel?", "It left on Monday.").await;
    hears("c1", "qwertz", "Pardon?").await;
    let secret = engine.compose("c1", customer_message::Body::Text(SECRET.to_owned()));
    engine.send(Body::CustomerMessage(CustomerMessage { sensitive: true, ..secret })).await;
    assert_eq!(engine.next_say("c1").await, ["Hm."]);
    hears("c1", "a person", "One moment.").await;
    engine.next_command("c1").await;
    hears("c2", "call me tomorrow", "We will.").await;
    engine.next_command("c2").await;
    for contact in ["c1", "c2"] {
        engine.end(contact, "left").await;
    }
    engine.settled().await;
    usher.drain().await
}

/// Exit code, standard output, standard error.
struct Told(i32, String, String);

impl Told {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.1).unwrap_or_else(|error| panic!("{error}: {} {}", self.1, self.2))
    }
}

async fn usher(directory: &Path, arguments: &[&str]) -> Told {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher"));
    command.args(arguments).current_dir(directory).env_clear().stdin(Stdio::null());
    // What it asks is served in this process.
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Told(output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

async fn replay(directory: &Path, arguments: &[&str]) -> Told {
    usher(directory, &[&["replay", "--unit", "sales", "--per-second", "0"], arguments].concat()).await
}

fn points_to(directory: &Path, dialogflow: &FakeDialogflow) {
    fs::write(directory.join("profiles/support.toml"), text(&dialogflow.endpoint())).unwrap();
}

#[tokio::test]
async fn b4_an_agent_that_has_not_changed_comes_to_the_same() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let asked_before = dialogflow.requests().len();
    // "Tomorrow" means another day by now.
    let later = agent(&tomorrow(2));
    points_to(directory.path(), &later);
    let told = replay(directory.path(), &["--last", "10", "--profile", "support"]).await;
    let expected = "contact c1 in sales\n  turn 4  skipped: it was sensitive, so its words were not recorded\n\
                    2 contacts, 6 turns (not asked again: 0 contacts, 1 turns): 6 the same\n\
                    different: 0 actions, 0 of what goes along, 0 intents, 0 texts\n\
                    newly not understood 0, newly understood 0, no answer now 0, an answer where there was none 0\n\
                    half of the answers took up to ";
    assert!(told.1.starts_with(expected), "{}", told.1);
    assert_eq!((told.0, told.2.as_str()), (0, ""), "{}", told.1);

    assert_eq!(dialogflow.requests().len(), asked_before, "the profile of now is asked, and no other");
    let asked = later.requests();
    let inputs: Vec<_> = asked.iter().map(|it| it.text().or(it.event()).unwrap()).collect();
    assert_eq!(inputs, ["WELCOME", "my parcel?", "qwertz", "a person", "WELCOME", "call me tomorrow"]);
    let sessions: std::collections::BTreeSet<_> = asked.iter().map(|it| &it.session).collect();
    assert_eq!(sessions.len(), 2, "each contact has a session of its own");
    assert!(sessions.iter().all(|it| it.contains("replay-") && !it.contains("c1")), "{sessions:?}");
}

#[tokio::test]
async fn b4_what_an_agents_change_leads_to_is_told_turn_by_turn() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let changed = agent(&tomorrow(1));
    changed
        .on_text("my parcel?", say("It left on Tuesday.").intent("parcel"))
        .on_text("qwertz", say("A keyboard?").intent("keyboard"))
        .on_text("a person", say("One moment.").intent("person").action("Person", &json!({})));
    points_to(directory.path(), &changed);
    let told = replay(directory.path(), &["c1"]).await;
    let expected = r#"contact c1 in sales
  turn 4  skipped: it was sensitive, so its words were not recorded
  turn 2  "my parcel?"
    - It left on Monday.
    + It left on Tuesday.
  turn 3  "qwertz"
    intent: fallback -> keyboard
    understanding: not understood -> understood
    - Pardon?
    + A keyboard?
  turn 5  "a person"
    action: person (hands over to queue support) -> Person (nothing: no such action is configured)
1 contacts, 4 turns (not asked again: 0 contacts, 1 turns): 1 the same
different: 1 actions, 0 of what goes along, 1 intents, 2 texts
newly not understood 0, newly understood 1, no answer now 0, an answer where there was none 0
"#;
    assert!(told.1.starts_with(expected), "{}", told.1);
    assert_eq!(told.0, 5, "{}", told.2);
    assert!(!told.1.contains(SECRET));

    let only = replay(directory.path(), &["c1", "--only-actions"]).await;
    assert!(!only.1.contains("Tuesday") && only.1.contains("turn 5"), "{}", only.1);
    assert_eq!(only.0, 5);

    let json = replay(directory.path(), &["c1", "--json"]).await.json();
    assert_eq!((&json["profile"], &json["unit"]), (&"support".into(), &"sales".into()));
    assert_eq!(
        (&json["summary"]["differentActions"], &json["summary"]["newlyUnderstood"], &json["summary"]["failures"]),
        (&1.into(), &1.into(), &0.into())
    );
    let turn = &json["contacts"][0]["turns"][3];
    assert_eq!(
        (&turn["turn"], &turn["input"]["text"], &turn["differs"]),
        (&5.into(), &"a person".into(), &json!(["action"]))
    );
    assert_eq!((&turn["recorded"]["slots"], &turn["now"]["action"]), (&json!({"topic": "bill"}), &"Person".into()));
}

#[tokio::test]
async fn b4_what_goes_along_with_an_action_is_compared() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let changed = agent(&tomorrow(1));
    changed.on_text("a person", say("One moment.").intent("person").action("person", &json!({"topic": "parcel"})));
    let call = json!({"phone": "030 654321", "when": format!("{}T10:00:00+02:00", tomorrow(1))});
    changed.on_text("call me tomorrow", say("We will.").intent("call").action("call", &call));
    points_to(directory.path(), &changed);
    let told = replay(directory.path(), &["c1", "c2"]).await;
    assert!(told.1.contains("\n    slots: topic=bill -> topic=parcel\n"), "{}", told.1);
    let calls =
        "call (books a call to +4930123456 by queue support) -> call (books a call to +4930654321 by queue support)";
    assert!(told.1.contains(calls), "{}", told.1);
    assert_eq!(told.0, 5);
}

#[tokio::test]
async fn b4_exports_are_replayed_from_a_file() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let export = usher(directory.path(), &["timeline", "--unit", "sales", "--json", "--since", "2026-01-01"]).await;
    assert_eq!((export.0, export.1.lines().count()), (0, 2), "one document a line: {}", export.2);
    fs::write(directory.path().join("contacts.json"), &export.1).unwrap();
    let one = usher(directory.path(), &["timeline", "--unit", "sales", "--json", "c2"]).await;
    fs::write(directory.path().join("one.json"), &one.1).unwrap();
    fs::remove_dir_all(directory.path().join("data")).unwrap();

    let told = replay(directory.path(), &["--from", "contacts.json"]).await;
    assert!(
        told.1.contains("\n2 contacts, 6 turns (not asked again: 0 contacts, 1 turns): 6 the same\n"),
        "{}",
        told.1
    );
    assert_eq!((told.0, told.2.as_str()), (0, ""));
    let named = replay(directory.path(), &["--from", "contacts.json", "c2"]).await;
    assert!(named.1.starts_with("1 contacts, 2 turns: 2 the same\n"), "{}", named.1);
    let single = replay(directory.path(), &["--from", "one.json"]).await;
    assert!(single.1.starts_with("1 contacts, 2 turns: 2 the same\n"), "{}", single.1);
    let few = replay(directory.path(), &["--from", "one.json", "--max-turns", "1"]).await;
    assert!(few.1.contains("turn 2  skipped: the contact has more turns than are replayed"), "{}", few.1);
    let unknown = replay(directory.path(), &["--from", "contacts.json", "c3"]).await;
    assert_eq!((unknown.0, unknown.2.as_str()), (2, "error: contacts.json holds no contact c3\n"));
}

#[tokio::test]
async fn b4_a_contact_is_replayed_against_the_offline_engine() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let server = offline::serve(offline::agent()).await;
    fs::write(directory.path().join("profiles/support.toml"), text(&format!("http://{}", server.address()))).unwrap();
    let told = replay(directory.path(), &["c1", "--json"]).await;
    assert_eq!(told.0, 5, "{}", told.2);
    let welcome = &told.json()["contacts"][0]["turns"][0];
    assert_eq!(
        (&welcome["input"]["event"]["name"], &welcome["recorded"]["intent"]),
        (&"WELCOME".into(), &"welcome".into())
    );
    assert_eq!(welcome["now"]["intent"], "Default Welcome Intent");
    server.stop().await.unwrap();
}

#[tokio::test]
async fn b4_an_engine_that_fails_is_told_apart_from_one_that_answers_otherwise() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    let failing = agent(&tomorrow(1));
    failing.on_text("my parcel?", Reaction::Status(Code::PermissionDenied));
    points_to(directory.path(), &failing);
    let told = replay(directory.path(), &["c1"]).await;
    assert!(told.1.contains("\n  turn 2  \"my parcel?\"\n    no answer now (credential): "), "{}", told.1);
    assert!(told.1.contains("no answer now 1"), "{}", told.1);
    assert_eq!(told.0, 1);
    drop(failing);
    let told = replay(directory.path(), &["c2"]).await;
    assert_eq!((told.0, told.1.matches("no answer now (unavailable)").count()), (3, 2), "{}", told.1);
}

#[tokio::test]
async fn b4_wrong_usage_ends_with_2_and_unknown_contacts_with_1() {
    let dialogflow = agent(&tomorrow(1));
    let directory = recorded(&dialogflow).await;
    fs::write(directory.path().join("bad.json"), "{\"contact\": \"c1\"}").unwrap();
    for (arguments, told) in [
        (&[][..], "name the contacts, or give --last N or --since DATE"),
        (&["--since", "yesterday"], "--since: yesterday is no date such as 2026-09-20"),
        (&["--from", "bad.json", "--last", "1"], "--since and --last are for --from timeline"),
        (&["--from", "none.json"], "cannot read none.json"),
        (&["--from", "bad.json"], "document 1 is no contact's timeline"),
        (&["c1", "--profile", "other"], "there is no profile `other`"),
        (&["c1", "--engine", "canary"], "profile support has no engine `canary`: it has primary"),
        (&["c1", "--last", "2"], "cannot be used with"),
    ] {
        let output = replay(directory.path(), arguments).await;
        assert_eq!(output.0, 2, "{arguments:?}");
        assert!(output.2.contains(told), "{arguments:?}: {}", output.2);
    }
    let unknown = replay(directory.path(), &["c9"]).await;
    assert!(unknown.2.starts_with("error: no contact c9 in business unit sales"), "{}", unknown.2);
    assert_eq!(unknown.0, 1);
    let nothing = usher(directory.path(), &["timeline"]).await;
    assert_eq!((nothing.0, nothing.2.as_str()), (2, "error: name a contact, or give --last N or --since DATE\n"));
}
