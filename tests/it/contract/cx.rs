//! Dialogflow CX as a peer, over gRPC and over REST. What a flow asks for, it asks for by the gateway's convention; cards and
//! their like are rich content of Google's own messenger.

use std::sync::Arc;

use futures::FutureExt as _;
use serde_json::{Value, json};
use tonic::Code;
use usher::{
    core::message::{FailureKind, Reply},
    wire::{
        dialogflow_cx::{QueryParameters, query_input::Input},
        structs,
    },
};

use super::{
    google,
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::{
    cx::{AGENT, FakeCx, Reaction, Recorded, Say, say},
    google::Decides,
};

pub(crate) struct Cx<const REST: bool> {
    fake: FakeCx,
    script: Script,
}

impl<const REST: bool> Peer for Cx<REST> {
    const KIND: &'static str = "dialogflow-cx";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Incomplete, "a flow asks for an action when its form is filled"),
        (Ability::Twice, "a request has one response"),
        (Ability::Typing, "a response comes whole"),
        (Ability::Parts, "a response comes whole"),
        (Ability::HearsEnd, "sessions end by themselves, thirty minutes after their last request"),
    ];

    async fn start() -> Self {
        let (fake, script) = (FakeCx::start(), Script::default());
        let shared = script.clone();
        let decide = move |recorded: Recorded| {
            let rest = recorded.rest;
            let then = shared.ask(asked(recorded));
            async move { reaction(then.due().await, rest) }.boxed()
        };
        fake.leaves_it_to(Decides(Arc::new(decide)));
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        let (transport, endpoint) = (if REST { "rest" } else { "grpc" }, self.fake.endpoint());
        format!(
            "type = \"dialogflow-cx\"\n[cx]\nproject = \"p\"\nlocation = \"europe-west3\"\nagent = \"{AGENT}\"\n\
             endpoint = \"{endpoint}\"\ntransport = \"{transport}\"\nconnections = 1\ndeadline_ms = {deadline_ms}\n"
        )
    }

    fn script(&self) -> &Script {
        &self.script
    }

    async fn leaves(&self) {
        self.fake.line().down();
    }

    async fn returns(&self) {
        self.fake.line().up();
    }
}

fn asked(recorded: Recorded) -> Asked {
    let Recorded { session, input, language, parameters, .. } = recorded;
    let input = match input.expect("judged before") {
        Input::Text(it) => Said::Text(it.text),
        Input::Dtmf(it) => Said::Text(it.digits),
        Input::Event(it) => Said::Event { name: it.event, parameters: of_event(parameters.unwrap_or_default()) },
        Input::Intent(_) => unreachable!("the gateway triggers no intent by its name"),
    };
    Asked { session, input, language, repeated: false }
}

/// An event's parameters go into the session, beside what the gateway tells every time.
fn of_event(parameters: QueryParameters) -> Value {
    let mut parameters = structs::to_json(parameters.parameters.unwrap_or_default()).unwrap();
    parameters.retain(|name, _| !name.starts_with("usher"));
    parameters.into()
}

fn reaction(then: Then, rest: bool) -> Reaction {
    match then {
        Then::Say(replies) => said(replies).into(),
        Then::Act { action, parameters, complete, says } => {
            assert!(complete, "declined");
            said(says).action(&action, &parameters).into()
        }
        Then::NotUnderstood(text) => say(&text).no_match().into(),
        Then::End(text) => say(&text).ends().into(),
        Then::LiveAgent(text) => say(&text).hands_off(None).into(),
        Then::Empty => say("").into(),
        Then::Fail(FailureKind::Webhook) => say("").webhook_failed(Code::Unavailable, "down").into(),
        Then::Fail(kind) => Reaction::Status(google::code(kind)),
        Then::Malformed => google::garbage(rest),
        Then::Truncated => google::half(say("A good answer, of which half is lost.").bytes(rest)),
        Then::Oversized => say(&"word ".repeat(1024 * 1024)).into(),
        Then::Cut => Reaction::Cut,
        Then::After(..) => unreachable!("waited for before"),
        Then::Twice(_) | Then::First(..) => unreachable!("declined"),
    }
}

fn said(replies: Vec<Reply>) -> Say {
    replies.into_iter().fold(say(""), |answer, it| match it {
        Reply::Text(text) => answer.text(&text),
        Reply::QuickReplies { title, replies } => {
            let options: Vec<Value> = replies.iter().map(|it| json!({ "text": it })).collect();
            answer.text(&title).rich(&[json!({"type": "chips", "options": options})])
        }
        Reply::Card { title, subtitle, image_uri, buttons } => {
            let image = json!({ "rawUrl": image_uri });
            let card = json!({"type": "info", "title": title, "subtitle": subtitle, "image": image});
            let buttons = buttons.iter().map(|it| json!({"type": "button", "text": it.text, "link": it.postback}));
            answer.rich(&std::iter::once(card).chain(buttons).collect::<Vec<_>>())
        }
        Reply::Image { uri, description } => {
            answer.rich(&[json!({"type": "image", "rawUrl": uri, "accessibilityText": description})])
        }
        Reply::Payload(payload) => answer.payload(&payload.into()),
    })
}
