//! A house in which things go on: what pages look like that somebody works with.

use std::{fs, time::Duration};

use jiff::tz::TimeZone;
use serde_json::json;
use tempfile::TempDir;
use usher::{
    clock::Clock,
    core::{
        ids::{EngineName, ProfileName, UnitName},
        message::FailureKind,
    },
    gateway::{
        numbers::{Measure, Span},
        storage::{Batch, Counts, Day, Flush, NumberKey, Pos, Tally},
    },
    store::{Store as _, sqlite::Sqlite},
    telemetry::labels::{EndKind, HandoverCause},
    wire::engine::{MediaType, SignOn, SpeechTarget, User, command_outcome::Outcome},
};

use super::binary::{Gateway, send};
use crate::{
    driver::Browser,
    fakes::{
        dialogflow::{FakeDialogflow, say},
        engine::FakeEngine,
    },
    harness::profile,
};

/// Days that were before this one.
const DAYS: i32 = 29;

/// As an administrator has written it by the pages.
fn orders(endpoint: &str) -> String {
    format!(
        r#"# Where an order is, and what to do about it.
name = "orders"
unit = "sales"
type = "dialogflow-v2"
agents = ["va2", "va3", "va4"]
agent_password = "not in the pictures"
welcome_event = ""
fallback_message = "I did not understand that. Could you say it in other words?"
[dialogflow]
project = "shop-orders"
endpoint = "{endpoint}"
[handover]
queue = "orders"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "orders"
description = "The customer wants to talk to a person."
[[action]]
name = "callback"
media = "openmedia"
kind = "callback"
queue = "orders"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "status"
media = ["webinteraction", "openmedia"]
kind = "external"
uri_parameter = "uri"
[[action]]
name = "returns-page"
media = "webinteraction"
kind = "push_url"
url = "https://shop.example/returns"
[[action]]
name = "complaint"
media = "webinteraction"
kind = "requeue"
queue = "complaints"
"#
    )
}

const RETURNS: &str = r#"name = "returns"
unit = "sales"
type = "connector"
agents = ["va5"]
agent_password = "not in the pictures"
fallback_message = "Sorry."
[handover]
queue = "orders"
"#;

const TESTS: &str = r#"{"test":"where an order is"}
{"say":"Where is my order 4711?","intent":"order.where","texts":["It left our house this morning."]}
{"test":"a person for an invoice"}
{"say":"Can I talk to somebody?","intent":"person.wanted","action":"person"}
{"test":"what nobody understands"}
{"say":"and the invoice?","texts":["It is in your mail."]}
"#;

/// Four weeks of two profiles.
async fn weeks(directory: &TempDir) {
    let data = directory.path().join("data");
    fs::create_dir_all(&data).unwrap();
    let store = Sqlite::open(&data).await.unwrap();
    let epoch = store.claim("a gateway before").await.unwrap().epoch;
    let today = Day::of(Clock::system().now(), &TimeZone::UTC);
    let mut tally = Tally::default();
    for before in 1..=DAYS {
        let day = today.plus(-before);
        for (profile, share) in [("orders", 7), ("support", 2)] {
            let unit = UnitName::new("sales").unwrap();
            let profile = ProfileName::new(profile).unwrap();
            let key = NumberKey { day, unit, profile, engine: None };
            tally.add(key.clone(), &contacts(before, share));
            tally.add(NumberKey { engine: Some(EngineName::primary()), ..key }, &calls(before, share));
        }
    }
    let flush = Some(Flush { serial: 1, through: Pos(0), tally });
    store.commit(epoch, &Batch { flush, ..Batch::default() }).await.unwrap();
    store.close().await.unwrap();
}

/// How many there were of what is usually so many: fewer every seventh day, never the same twice in a row.
fn about(usual: u64, before: i32) -> u64 {
    let week = if before % 7 < 2 { 4 } else { 10 };
    let drift = 90 + u64::from(before.unsigned_abs()) * 37 % 23;
    usual * week * drift / 1_000
}

fn contacts(before: i32, share: u64) -> Counts {
    let mut counts = Counts::default();
    let begun = about(60 * share, before);
    let persons = begun * 27 / 100;
    for (measure, count) in [
        (Measure::Begun, begun),
        (Measure::Contained, begun - persons - begun / 30),
        (Measure::Ended(EndKind::Customer), begun * 58 / 100),
        (Measure::Ended(EndKind::HandedOver), persons),
        (Measure::Ended(EndKind::Inactivity), begun * 9 / 100),
        (Measure::HandedOver(HandoverCause::Action), persons * 7 / 10),
        (Measure::HandedOver(HandoverCause::NotUnderstood), persons * 2 / 10),
        (Measure::HandedOver(HandoverCause::Operator), persons / 20),
        (Measure::Accepted, persons * 9 / 10),
        (Measure::Expired, persons / 15),
        (Measure::Messages, begun * 5),
        (Measure::Turns, begun * 5),
        (Measure::NotUnderstood, begun * (4 + u64::from(before.unsigned_abs()) % 5) / 10),
        (Measure::NoAnswer(FailureKind::Unavailable), begun / 50),
        (Measure::NoAnswer(FailureKind::Deadline), begun / 70),
        (Measure::Callbacks, begun / 12),
        (Measure::Pushes, begun / 9),
    ] {
        counts.add(measure.code(), count);
    }
    for (span, ms, count) in [
        (Span::Answer, 260, begun * 3),
        (Span::Answer, 420, begun),
        (Span::Answer, 1_700, begun / 20),
        (Span::Delivery, 2, begun * 4),
        (Span::Delivery, 9, begun),
        (Span::Person, 21_000, persons / 2),
        (Span::Person, 48_000, persons / 3),
    ] {
        counts.add(span.code(Duration::from_millis(ms)), count);
    }
    counts
}

fn calls(before: i32, share: u64) -> Counts {
    let mut counts = Counts::default();
    let calls = about(300 * share, before);
    for (measure, count) in [
        (Measure::Calls, calls),
        (Measure::CallsFailed, calls / 60),
        (Measure::CallsOverQuota, calls / 200),
        (Measure::HeldBack, calls / 300),
        (Measure::CallsNotUnderstood, calls / 11),
    ] {
        counts.add(measure.code(), count);
    }
    counts.add(Span::Call.code(Duration::from_millis(240)), calls * 3 / 4);
    counts.add(Span::Call.code(Duration::from_millis(390)), calls / 5);
    counts
}

/// The gateway after those weeks.
pub(super) async fn open(dialogflow: &FakeDialogflow) -> Gateway {
    let directory = TempDir::new().unwrap();
    weeks(&directory).await;
    Gateway::start_in(directory, &[("support", &profile(&dialogflow.endpoint()))])
}

/// The first administrator is signed in; a day's work is done.
pub(super) async fn work(browser: &Browser, gateway: &Gateway, dialogflow: &FakeDialogflow) -> FakeEngine {
    let send = async |path: &str, fields: &[(&str, &str)]| {
        send(browser, path, fields).await.unwrap_or_else(|why| panic!("{path}: {why}"));
    };
    gateway.begin(browser).await;
    for text in [orders(&dialogflow.endpoint()).as_str(), RETURNS] {
        send("/profiles/new", &[("text", text)]).await;
    }
    for (name, role) in [("editor", "administrator"), ("desk-lead", "operator"), ("auditor", "viewer")] {
        send("/users", &[("name", name), ("role", role)]).await;
    }
    send("/engines/new", &[("id", "engine-2"), ("unit", "care")]).await;
    send("/tokens", &[("name", "wallboard"), ("role", "viewer"), ("days", "90")]).await;
    send("/units/new", &[("name", "service"), ("zone", "Europe/Berlin"), ("country", "DE"), ("languages", "de en")])
        .await;
    browser.open(&gateway.page("/units/service/edit")).await;
    let version = browser.run("return document.querySelector('[name=version]').value").await;
    let lent = [("kind", "requeue"), ("name", "person"), ("media", "openmedia"), ("queue", "service")];
    let lent: Vec<_> = lent.into_iter().chain([("version", version.as_str().unwrap())]).collect();
    send("/units/service/actions/new", &lent).await;
    send("/profiles/sales/returns/pause", &[]).await;
    let engine = attach(gateway).await;
    talk(dialogflow, &engine).await;
    send("/profiles/sales/orders/tests/import", &[("text", TESTS)]).await;
    send("/profiles/sales/orders/tests/run", &[("engine", "primary")]).await;
    engine
}

async fn attach(gateway: &Gateway) -> FakeEngine {
    let mut setup = gateway.centre();
    for agent in 1..=9 {
        setup = setup.user(&format!("va{agent}"));
    }
    setup = setup
        .queue("orders", MediaType::OpenMedia)
        .queue("support", MediaType::OpenMedia)
        .queue("web", MediaType::WebInteraction);
    setup.directory.speech_targets.push(SpeechTarget { id: "4711".to_owned(), name: "Hotline".to_owned() });
    let windows =
        User { id: "windows".to_owned(), agent_rights: true, sign_on: SignOn::Windows.into(), ..User::default() };
    setup.directory.users.push(windows);
    let engine = FakeEngine::attach(setup).await.unwrap();
    for agent in ["va1", "va2", "va3", "va4"] {
        engine.logged_on(agent).await;
    }
    engine
}

async fn talk(fake: &FakeDialogflow, engine: &FakeEngine) {
    fake.on_text("Where is my order 4711?", say("It left our house this morning.").intent("order.where"));
    fake.on_text("and the invoice?", say("I did not understand that. Could you say it in other words?").fallback());
    fake.on_text("I sent the wrong thing back", say("I did not understand that.").fallback());
    let person =
        say("One moment, somebody comes.").intent("person.wanted").action("person", &json!({ "topic": "invoice" }));
    fake.on_text("Can I talk to somebody?", person);
    for number in 1..=14 {
        let contact = format!("web-20{number:02}");
        engine.open(&contact, if number % 3 == 0 { "va3" } else { "va2" }).await;
        for text in ["Where is my order 4711?", "and the invoice?"].iter().take(1 + number % 2) {
            engine.say(&contact, text).await;
            engine.next_say(&contact).await;
        }
    }
    engine.say("web-2004", "Can I talk to somebody?").await;
    engine.next_say("web-2004").await;
    let command = engine.next_command("web-2004").await;
    engine.outcome("web-2004", command.action_seq, Outcome::Accepted).await;
    engine.say("web-2007", "Can I talk to somebody?").await;
    engine.next_say("web-2007").await;
    engine.next_command("web-2007").await;
    engine.say("web-2009", "I sent the wrong thing back").await;
    engine.next_say("web-2009").await;
    engine.end("web-2010", "done").await;
    engine.settled().await;
}
