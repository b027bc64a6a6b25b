//! What engines ask for by name, whatever their words for it are.

use serde_json::json;
use usher::{
    clock::Clock,
    core::message::Reply,
    wire::engine::{MediaType, command::Command, command_outcome::Outcome, requeue::To},
};

use super::{
    peer::{Ability, Peer},
    script::{Then, act, say},
    stage::{Settings, Stage},
};
use crate::fakes::http_target::{HttpTarget, Reaction};

/// With what a kind must be told that chooses among the actions it is offered.
const ACTIONS: &str = r#"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "support"
[[action.parameter]]
name = "topic"
[[action]]
name = "call"
media = "openmedia"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "order"
media = "openmedia"
kind = "external"
uri_parameter = "service"
[[action.parameter]]
name = "order"
[[action.parameter]]
name = "service"
type = "enum"
values = ["http://127.0.0.1:1/orders"]
[[action]]
name = "page"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
[[action.parameter]]
name = "url"
type = "enum"
values = ["https://shop.example.com/sale?x=1&y=2"]
"#;
const ALLOW: &str = "[[egress.allow]]\nhost = \"127.0.0.1\"\nprivate = true\nplaintext = true\n";

pub(super) async fn a_requeue_takes_parameters_and_transcript_along<P: Peer>() {
    let stage = Stage::<P>::with(ACTIONS).await;
    stage.script().on_text("a person", act("One moment.", "person", json!({"topic": "bill"})));
    stage.open("c1").await;
    stage.echoes("c1", "hello").await;
    stage.writes("c1", "a person").await;
    stage.hears("c1", "One moment.").await;
    let (_, requeue) = stage.requeued("c1").await;
    assert_eq!(requeue.to, Some(To::Queue("support".into())));
    assert_eq!(requeue.reason, "action person");
    let context = requeue.context.unwrap();
    assert_eq!(context.parameters["topic"], "bill");
    let lines: Vec<&str> = context.transcript.iter().map(|it| it.text.as_str()).collect();
    assert_eq!(lines, ["hello", "echo: hello", "a person", "One moment."]);
    assert_eq!(stage.metric("usher_handovers_total{cause=\"action\"}").await, 1);
    stage.done().await;
}

pub(super) async fn a_callback_is_booked_and_its_outcome_told<P: Peer>() {
    let events = "[events]\ncallback_done = \"CALLBACK_DONE\"\n";
    let told = P::can_all(&[Ability::Events]);
    let stage = Stage::<P>::with(if told { format!("{events}{ACTIONS}") } else { ACTIONS.to_owned() }.as_str()).await;
    let at = jiff::Timestamp::from_millisecond((Clock::system().now().0 / 60_000 + 3_000) * 60_000).unwrap();
    let parameters = json!({"phone": "+44 20 7946 0000", "when": at.to_string()});
    stage.script().on_text("call me", act("I will book it.", "call", parameters));
    stage.script().on_event("CALLBACK_DONE", say("Booked."));
    stage.open("c1").await;
    stage.writes("c1", "call me").await;
    stage.hears("c1", "I will book it.").await;
    let command = stage.command("c1").await;
    let Some(Command::CreateCallback(callback)) = command.command else { panic!("no callback but {command:?}") };
    assert_eq!((callback.queue.as_str(), callback.phone.as_str()), ("callbacks", "+442079460000"));
    assert_eq!(callback.at_ms, at.as_millisecond());
    stage.centre.outcome("c1", command.action_seq, Outcome::Done).await;
    if told {
        stage.hears("c1", "Booked.").await;
    }
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn an_external_answer_follows_the_engines_words<P: Peer>() {
    let target = HttpTarget::plain([Reaction::json(r#"{"contactID": "c1", "content": "On its way."}"#)]);
    let service = format!("http://{}/orders", target.address);
    let profile = ACTIONS.replace("http://127.0.0.1:1/orders", &service);
    let settings = Settings { profile, config: ALLOW.to_owned(), ..Settings::default() };
    let stage = Stage::<P>::with(settings).await;
    let parameters = json!({"service": service, "order": "4711"});
    stage.script().on_text("my order", act("Let me look.", "order", parameters.clone()));
    stage.open("c1").await;
    stage.writes("c1", "my order").await;
    stage.hears("c1", "Let me look.").await;
    stage.hears("c1", "On its way.").await;
    let requests = target.requests();
    assert_eq!(requests.len(), 1);
    let body: serde_json::Value = serde_json::from_slice(&requests[0].body).unwrap();
    assert_eq!(body, json!({"contactID": "c1", "parameters": parameters}));
    stage.echoes("c1", "thanks").await;
    stage.done().await;
}

pub(super) async fn a_page_is_pushed<P: Peer>() {
    let stage = Stage::<P>::with(ACTIONS).await;
    let page = "https://shop.example.com/sale?x=1&y=2";
    stage.script().on_text("show me", act("Look here.", "page", json!({"url": page})));
    stage.open_as("web", MediaType::WebInteraction, "").await;
    stage.writes("web", "show me").await;
    stage.hears("web", "Look here.").await;
    let command = stage.command("web").await;
    let Some(Command::PushUrl(push)) = command.command else { panic!("no page but {command:?}") };
    assert_eq!(push.url, page);
    stage.centre.outcome("web", command.action_seq, Outcome::Done).await;
    stage.echoes("web", "thanks").await;
    stage.done().await;
}

pub(super) async fn an_unknown_action_is_plain_text<P: Peer>() {
    if !P::can_all(&[Ability::UnknownAction]) {
        return;
    }
    let stage = Stage::<P>::with(ACTIONS).await;
    stage.script().on_text("a robot", act("No robots.", "Person", json!({"topic": "bill"})));
    stage.open("c1").await;
    stage.writes("c1", "a robot").await;
    stage.hears("c1", "No robots.").await;
    stage.echoes("c1", "go on").await;
    let unknown = stage.steps("c1", "unknown_action").await;
    assert_eq!(unknown.iter().map(|it| &it["name"]).collect::<Vec<_>>(), ["Person"]);
    assert_eq!(stage.metric("usher_unknown_actions_total").await, 1);
    stage.done().await;
}

pub(super) async fn no_action_fires_before_its_parameters_are_there<P: Peer>() {
    if !P::can_all(&[Ability::Incomplete]) {
        return;
    }
    let stage = Stage::<P>::with(ACTIONS).await;
    let says = vec![Reply::Text("What is it about?".to_owned())];
    let asks = Then::Act { action: "person".to_owned(), parameters: json!({}), complete: false, says };
    stage.script().on_text("a person", asks);
    stage.script().on_text("my bill", act("One moment.", "person", json!({"topic": "bill"})));
    stage.open("c1").await;
    stage.writes("c1", "a person").await;
    stage.hears("c1", "What is it about?").await;
    stage.writes("c1", "my bill").await;
    stage.hears("c1", "One moment.").await;
    stage.requeued("c1").await;
    stage.done().await;
}
