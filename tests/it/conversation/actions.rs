//! What the language engine asks for by name, as the contact centre gets it.

use serde_json::{Value, json};
use usher::{
    clock::Clock,
    wire::engine::{CreateCallback, MediaType, command::Command, command_outcome::Outcome, requeue::To},
};

use super::{Stage, told};
use crate::{
    fakes::{
        dialogflow::say,
        http_target::{HttpTarget, Reaction},
    },
    harness::{CONFIG, profile},
};

const REQUEUES: &str = r#"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
[[action]]
name = "person"
media = "webinteraction"
kind = "requeue"
queue = "web-support"
"#;

#[tokio::test]
async fn s18_s19_the_same_name_requeues_each_media_type_to_its_own_queue() {
    let stage = Stage::new(REQUEUES).await;
    stage.dialogflow.on_text("a person", say("One moment.").action("person", &json!({"topic": "bill"})));
    for (contact, media, queue) in
        [("mail", MediaType::OpenMedia, "support"), ("chat", MediaType::WebInteraction, "web-support")]
    {
        stage.open(contact, media).await;
        stage.writes(contact, "a person").await;
        stage.hears(contact, "One moment.").await;
        let (_, requeue) = stage.requeued(contact).await;
        assert_eq!(requeue.to, Some(To::Queue(queue.into())));
        let context = requeue.context.unwrap();
        assert_eq!(context.parameters["topic"], "bill");
        let lines: Vec<&str> = context.transcript.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(lines, ["a person", "One moment."]);
    }
    stage.done().await;
}

#[tokio::test]
async fn s20_a_requeue_of_speech_names_its_target() {
    let config = CONFIG.replace("name = \"sales\"", "name = \"sales\"\nmedia_servers = [\"cms.example.com\"]");
    let more = r#"
[speech]
enabled = true
media_server = "cms.example.com"
[[action]]
name = "person"
media = "speech"
kind = "speech_requeue"
target = "4711"
"#;
    let dialogflow = crate::fakes::dialogflow::FakeDialogflow::start();
    let usher = crate::harness::Usher::start(&config, &(profile(&dialogflow.endpoint()) + more)).await;
    let mut setup = usher.setup();
    let target = usher::wire::engine::SpeechTarget { id: "4711".into(), name: "Front desk".into() };
    setup.directory.speech_targets.push(target);
    let engine = crate::fakes::engine::FakeEngine::attach(setup).await.unwrap();
    let stage = Stage { dialogflow, usher, engine };
    stage.dialogflow.on_text("a person", say("One moment.").action("person", &json!({})));
    stage.open("call", MediaType::Speech).await;
    stage.writes("call", "a person").await;
    stage.hears("call", "One moment.").await;
    assert_eq!(stage.requeued("call").await.1.to, Some(To::Target("4711".into())));
    stage.done().await;
}

const CALLBACK: &str = r#"
[events]
callback_done = "CALLBACK_DONE"
callback_failed = "CALLBACK_FAILED"
[[action]]
name = "call"
media = "openmedia"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
"#;

async fn booked(stage: &Stage, contact: &str) -> (u32, CreateCallback) {
    let command = stage.engine.next_command(contact).await;
    match command.command {
        Some(Command::CreateCallback(it)) => (command.action_seq, it),
        other => panic!("no callback but {other:?}"),
    }
}

/// `days` from now at 15:30 in Berlin: the local text, and the moment.
fn berlin(days: i64) -> (String, i64) {
    let now = jiff::Timestamp::from_millisecond(Clock::system().now().0).unwrap().in_tz("Europe/Berlin").unwrap();
    let day = now.date().checked_add(jiff::Span::new().days(days)).unwrap();
    let local = day.at(15, 30, 0, 0);
    (local.to_string(), local.in_tz("Europe/Berlin").unwrap().timestamp().as_millisecond())
}

#[tokio::test]
async fn s21_every_date_shape_books_the_moment_meant_in_the_units_zone_and_e164() {
    let config = CONFIG.replace("name = \"sales\"", "name = \"sales\"\nzone = \"Europe/Berlin\"\ncountry = \"DE\"");
    let stage = Stage::with(&config, |endpoint| profile(endpoint) + CALLBACK).await;
    let ((at, at_ms), (later, _)) = (berlin(2), berlin(3));
    let absolute = jiff::Timestamp::from_millisecond(at_ms).unwrap().to_string();
    let shapes = [
        json!(absolute),
        json!(at),
        json!({"date_time": absolute}),
        json!({"startDateTime": at, "endDateTime": later}),
        json!({"startDate": at, "endDate": later}),
        json!({"startTime": at, "endTime": later}),
    ];
    stage.dialogflow.on_event("CALLBACK_DONE", say("Booked."));
    for (number, when) in shapes.into_iter().enumerate() {
        let contact = format!("c{number}");
        let parameters = json!({"phone": "(030) 123456", "when": when});
        stage.dialogflow.on_text("call me", say("I will book it.").action("call", &parameters));
        stage.open(&contact, MediaType::OpenMedia).await;
        stage.writes(&contact, "call me").await;
        stage.hears(&contact, "I will book it.").await;
        let (seq, callback) = booked(&stage, &contact).await;
        assert_eq!((callback.queue.as_str(), callback.phone.as_str()), ("callbacks", "+4930123456"));
        assert_eq!(callback.at_ms, at_ms, "{when}");
        stage.engine.outcome(&contact, seq, Outcome::Done).await;
        stage.hears(&contact, "Booked.").await;
    }
    stage.done().await;
}

#[tokio::test]
async fn s21_what_cannot_be_booked_is_told_to_the_engine_and_never_promised() {
    let stage = Stage::new(CALLBACK).await;
    stage.dialogflow.on_event("CALLBACK_FAILED", say("Which number, and when?"));
    let wrong = [
        ("past", json!({"phone": "030 123456", "when": "2020-01-01T09:00:00Z"}), "when"),
        ("unreadable", json!({"phone": "030 123456", "when": "soonish"}), "when"),
        ("missing", json!({"phone": "", "when": berlin(1).0}), "phone"),
    ];
    for (contact, parameters, at_fault) in wrong {
        stage.dialogflow.on_text("call me", say("I will book it.").action("call", &parameters));
        stage.open(contact, MediaType::OpenMedia).await;
        let asked = stage.dialogflow.requests().len();
        stage.writes(contact, "call me").await;
        stage.hears(contact, "Which number, and when?").await;
        let requests = stage.dialogflow.requests();
        assert_eq!(requests[asked + 1].event(), Some("CALLBACK_FAILED"));
        assert_eq!(told(&requests[asked + 1])["parameter"], at_fault, "{contact}");
    }
    stage.done().await;
}

#[tokio::test]
async fn s21_a_callback_the_contact_centre_cannot_make_is_told_to_the_engine() {
    let stage = Stage::new(CALLBACK).await;
    let parameters = json!({"phone": "+44 20 7946 0000", "when": berlin(1).0});
    stage.dialogflow.on_text("call me", say("I will book it.").action("call", &parameters));
    stage.dialogflow.on_event("CALLBACK_FAILED", say("That did not work."));
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "call me").await;
    stage.hears("c1", "I will book it.").await;
    let (seq, callback) = booked(&stage, "c1").await;
    assert_eq!(callback.phone, "+442079460000");
    stage.engine.outcome("c1", seq, Outcome::Failed).await;
    stage.hears("c1", "That did not work.").await;
    stage.done().await;
}

const EXTERNAL: &str = r#"
[[action]]
name = "order"
media = "openmedia"
kind = "external"
uri_parameter = "service"
"#;
const ALLOW: &str = r#"
[[egress.allow]]
host = "127.0.0.1"
private = true
plaintext = true
"#;

async fn external(target: &HttpTarget, config: &str) -> Stage {
    let stage = Stage::with(config, |endpoint| profile(endpoint) + EXTERNAL).await;
    let uri = format!("http://{}/orders", target.address);
    let parameters = json!({"service": uri, "order": 4711, "express": true});
    stage.dialogflow.on_text("my order", say("Let me look.").action("order", &parameters));
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "my order").await;
    stage.hears("c1", "Let me look.").await;
    stage
}

#[tokio::test]
async fn s22_the_external_answer_is_said_after_the_engines_own_text() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID": "c1", "content": "On its way."}"#)]);
    let stage = external(&target, &format!("{CONFIG}{ALLOW}")).await;
    stage.hears("c1", "On its way.").await;
    let requests = target.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].line, "POST /orders HTTP/1.1");
    assert!(requests[0].header("idempotency-key").is_some_and(|it| !it.is_empty()));
    let body: Value = serde_json::from_slice(&requests[0].body).unwrap();
    let service = format!("http://{}/orders", target.address);
    let parameters = json!({"service": service, "order": "4711", "express": "true"});
    assert_eq!(body, json!({"contactID": "c1", "parameters": parameters}));
    stage.done().await;
}

#[tokio::test]
async fn s22_external_answer_with_other_contact_id_sends_fallback() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID": "c2", "content": "Somebody else's."}"#)]);
    let stage = external(&target, &format!("{CONFIG}{ALLOW}")).await;
    stage.hears("c1", "Sorry.").await;
    stage.done().await;
}

#[tokio::test]
async fn b11_s22_a_target_that_is_not_listed_is_not_called() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID": "c1", "content": "Reached."}"#)]);
    let stage = external(&target, CONFIG).await;
    stage.hears("c1", "Sorry.").await;
    assert_eq!(target.connections(), 0);
    stage.done().await;
}

const PUSH: &str = r#"
[events]
push_failed = "PUSH_FAILED"
[[action]]
name = "page"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
"#;

#[tokio::test]
async fn s23_a_page_is_pushed_to_web_interactions_alone() {
    let stage = Stage::new(PUSH).await;
    let parameters = json!({"url": "https://shop.example.com/sale?x=1"});
    stage.dialogflow.on_text("show me", say("Look here.").action("page", &parameters));
    stage.open("web", MediaType::WebInteraction).await;
    stage.writes("web", "show me").await;
    stage.hears("web", "Look here.").await;
    let command = stage.engine.next_command("web").await;
    let Some(Command::PushUrl(push)) = command.command else { panic!("no page but {command:?}") };
    assert_eq!(push.url, "https://shop.example.com/sale?x=1");
    stage.engine.outcome("web", command.action_seq, Outcome::Done).await;
    stage.writes("web", "thanks").await;
    stage.hears("web", "echo: thanks").await;
    // S24: an action of another media type does not fire; what was said with it is plain text.
    stage.open("mail", MediaType::OpenMedia).await;
    stage.writes("mail", "show me").await;
    stage.hears("mail", "Look here.").await;
    stage.writes("mail", "and now?").await;
    stage.hears("mail", "echo: and now?").await;
    stage.done().await;
}

#[tokio::test]
async fn s23_only_http_addresses_are_pushed() {
    let stage = Stage::new(PUSH).await;
    stage.dialogflow.on_text("show me", say("Look here.").action("page", &json!({"url": "javascript:alert(1)"})));
    stage.dialogflow.on_event("PUSH_FAILED", say("I have no page for that."));
    stage.open("web", MediaType::WebInteraction).await;
    stage.writes("web", "show me").await;
    stage.hears("web", "I have no page for that.").await;
    assert_eq!(told(&stage.event("PUSH_FAILED").await)["parameter"], "url");
    stage.done().await;
}

#[tokio::test]
async fn s24_no_action_fires_before_its_parameters_are_there_or_without_a_configuration() {
    let stage = Stage::new(REQUEUES).await;
    let person = say("What is it about?").action("person", &json!({})).incomplete();
    stage.dialogflow.on_text("a person", person);
    stage.dialogflow.on_text("a robot", say("No robots.").action("Person", &json!({})));
    stage.open("c1", MediaType::OpenMedia).await;
    for (text, answer) in [("a person", "What is it about?"), ("a robot", "No robots."), ("go on", "echo: go on")] {
        stage.writes("c1", text).await;
        stage.hears("c1", answer).await;
    }
    stage.done().await;
}
