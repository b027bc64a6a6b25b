//! A customer's way through the real gateway, in process and on loopback: greeting, a question, an order looked up in another
//! system, a person who gives the contact back, a callback. Prints what was said, then the why-timeline.
//!
//! A scripted routing engine, a scripted Dialogflow and a scripted order service stand at the wire; all else is the product.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a demonstration, with the fakes of the tests"
)]

#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/fakes/mod.rs"]
mod fakes;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/it/harness.rs"]
mod harness;

use serde_json::json;
use usher::{
    app,
    clock::Clock,
    config::Environment,
    core::ids::{ContactId, ContactName, UnitName},
    wire::engine::{
        ContactOffered, MediaType, command::Command, command_outcome::Outcome, engine_frame::Body, message::Message,
        requeue::To,
    },
};

use fakes::{
    dialogflow::{FakeDialogflow, say},
    engine::FakeEngine,
    http_target::{HttpTarget, Reaction},
};
use harness::{CONFIG, Usher, profile};

const CONTACT: &str = "anna";
const ACTIONS: &str = r#"
events = { human_returned = "HUMAN_RETURNED", callback_done = "CALLBACK_DONE" }
action = [
    { name = "order.status", media = "webinteraction", kind = "external", uri_parameter = "service" },
    { name = "to.person", media = "webinteraction", kind = "requeue", queue = "support" },
    { name = "call.back", media = "webinteraction", kind = "callback", queue = "callbacks", phone_parameter = "phone", time_parameter = "when" },
]
"#;

/// What Dialogflow understands in this story.
fn dialogflow(orders: &HttpTarget) -> FakeDialogflow {
    let dialogflow = FakeDialogflow::start();
    let service = json!({"service": format!("http://{}/status", orders.address), "order": "4711"});
    let tomorrow = jiff::Timestamp::from_millisecond(Clock::system().now().0 + 24 * 3_600_000).unwrap();
    let call = json!({"phone": "030 123456", "when": {"date_time": tomorrow.to_string()}});
    dialogflow
        .on_event("WELCOME", say("Hello, I am the shop's virtual agent. How can I help?").intent("welcome"))
        .on_text("When are you open?", say("Monday to Saturday, 9 to 18 o'clock.").intent("opening hours"))
        .on_text("Where is my order 4711?", say("Let me look.").intent("order status").action("order.status", &service))
        .on_text(
            "I want to talk to a person.",
            say("I will get you a colleague.").intent("person").action("to.person", &json!({})),
        )
        .on_event("HUMAN_RETURNED", say("I am back. Is there anything else?").intent("returned"))
        .on_text("Call me tomorrow, please.", say("I will book that.").intent("callback").action("call.back", &call))
        .on_event("CALLBACK_DONE", say("Booked. Goodbye!").intent("booked").ends());
    dialogflow
}

fn offer(returned_from: u32) -> Body {
    Body::ContactOffered(ContactOffered {
        contact: CONTACT.to_owned(),
        agent: "va1".to_owned(),
        media_type: MediaType::WebInteraction.into(),
        returned_from,
        ..ContactOffered::default()
    })
}

/// Prints the next commands of Usher and answers them as a contact centre would; yields the number of the last.
async fn follow(engine: &FakeEngine, commands: usize) -> u32 {
    let mut last = 0;
    for _ in 0..commands {
        let command = engine.next_command(CONTACT).await;
        last = command.action_seq;
        match command.command.expect("a command") {
            Command::Say(it) => it.messages.into_iter().for_each(|it| match it.message {
                Some(Message::Text(text)) => println!("  Usher     {text}"),
                other => println!("  Usher     {other:?}"),
            }),
            Command::Requeue(it) => {
                let Some(To::Queue(queue)) = it.to else { panic!("a queue is named") };
                println!("            → to a person of queue {queue}, who knows: {}", it.context.unwrap().summary);
                engine.outcome(CONTACT, last, Outcome::Offered).await;
                engine.outcome(CONTACT, last, Outcome::Accepted).await;
            }
            Command::CreateCallback(it) => {
                let at = jiff::Timestamp::from_millisecond(it.at_ms).unwrap();
                println!("            → callback to {} at {at:.0}", it.phone);
                engine.outcome(CONTACT, last, Outcome::Done).await;
            }
            Command::PushUrl(it) => println!("            → page {}", it.url),
            Command::EndContact(it) => {
                println!("            → the contact ends: {}", it.reason);
                engine.outcome(CONTACT, last, Outcome::Done).await;
            }
        }
    }
    last
}

async fn customer(engine: &FakeEngine, text: &str, commands: usize) -> u32 {
    println!("  Customer  {text}");
    engine.say(CONTACT, text).await;
    follow(engine, commands).await
}

#[tokio::main]
async fn main() {
    let status = json!({"contactID": CONTACT, "content": "Order 4711 arrives on Friday."});
    let orders = HttpTarget::plain([Reaction::json(status.to_string())]);
    let dialogflow = dialogflow(&orders);
    let allow = "[[egress.allow]]\nhost = \"127.0.0.1\"\nprivate = true\nplaintext = true\n";
    let profile = ACTIONS.to_owned() + &profile(&dialogflow.endpoint()).replace("welcome_event = \"\"\n", "");
    let usher = Usher::start(&format!("{CONFIG}{allow}"), &profile).await;
    let (web, setup) = (MediaType::WebInteraction, usher.setup());
    let engine = FakeEngine::attach(setup.queue("support", web).queue("callbacks", web)).await.unwrap();
    engine.logged_on("va1").await;
    println!("\nThe conversation\n");
    engine.send(offer(0)).await;
    follow(&engine, 1).await;
    customer(&engine, "When are you open?", 1).await;
    customer(&engine, "Where is my order 4711?", 2).await;
    let handover = customer(&engine, "I want to talk to a person.", 2).await;
    println!("  Person    Hello Anna, this is Tom. … You are welcome!");
    engine.send(offer(handover)).await;
    follow(&engine, 1).await;
    customer(&engine, "Call me tomorrow, please.", 4).await;
    engine.settled().await;
    let directory = usher.drain().await;
    let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(CONTACT).unwrap() };
    let timeline = app::timeline(&directory.path().join("data"), &Environment::default(), &contact, false).await;
    println!("\nWhy: what `usher timeline {CONTACT}` shows\n\n{}", timeline.unwrap());
}
