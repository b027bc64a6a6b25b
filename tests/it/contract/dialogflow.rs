//! Dialogflow V2 as a peer, over gRPC and over REST.

use std::sync::Arc;

use futures::FutureExt as _;
use tonic::Code;
use usher::{
    core::message::{FailureKind, Reply},
    wire::{dialogflow_v2::query_input::Input, structs},
};

use super::{
    google,
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::{
    dialogflow::{FakeDialogflow, Reaction, Recorded, Say, say},
    google::Decides,
};

pub(crate) struct Dialogflow<const REST: bool> {
    fake: FakeDialogflow,
    script: Script,
}

impl<const REST: bool> Peer for Dialogflow<REST> {
    const KIND: &'static str = "dialogflow-v2";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Twice, "a request has one response"),
        (Ability::Typing, "a response comes whole"),
        (Ability::Parts, "a response comes whole"),
        (Ability::HearsEnd, "sessions end by themselves, twenty minutes after their last request"),
    ];

    async fn start() -> Self {
        let (fake, script) = (FakeDialogflow::start(), Script::default());
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
            "type = \"dialogflow-v2\"\n[dialogflow]\nproject = \"p\"\nendpoint = \"{endpoint}\"\n\
             transport = \"{transport}\"\nconnections = 1\ndeadline_ms = {deadline_ms}\n"
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
    let Recorded { session, input, .. } = recorded;
    let (input, language) = match input.expect("judged before") {
        Input::Text(it) => (Said::Text(it.text), it.language_code),
        Input::Event(it) => {
            let parameters = structs::to_json(it.parameters.unwrap_or_default()).unwrap().into();
            (Said::Event { name: it.name, parameters }, it.language_code)
        }
    };
    Asked { session, input, language, repeated: false }
}

fn reaction(then: Then, rest: bool) -> Reaction {
    match then {
        Then::Say(replies) => said(replies).into(),
        Then::Act { action, parameters, complete, says } => {
            let answer = said(says).action(&action, &parameters);
            if complete { answer.into() } else { answer.incomplete().into() }
        }
        Then::NotUnderstood(text) => say(&text).fallback().into(),
        Then::End(text) => say(&text).ends().into(),
        Then::LiveAgent(text) => say(&text).hands_off().into(),
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
            answer.quick_replies(&title, &replies.iter().map(String::as_str).collect::<Vec<_>>())
        }
        Reply::Card { title, subtitle, image_uri, buttons } => {
            let buttons: Vec<_> = buttons.iter().map(|it| (it.text.as_str(), it.postback.as_str())).collect();
            answer.card(&title, &subtitle, &image_uri, &buttons)
        }
        Reply::Image { uri, description } => answer.image(&uri, &description),
        Reply::Payload(payload) => answer.payload(&payload.into()),
    })
}
