//! A server of Dialogflow's API version 1 as a peer.

use futures::FutureExt as _;
use serde_json::{Value, json};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::dialogflow_v1::{self as fake, CLIENT_TOKEN, FakeDialogflowV1, Reaction, says};

pub(crate) struct DialogflowV1 {
    fake: FakeDialogflowV1,
    script: Script,
}

impl Peer for DialogflowV1 {
    const KIND: &'static str = "dialogflow";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Image, "an image has no description"),
        (Ability::Twice, "a request has one response"),
        (Ability::Typing, "a response comes whole"),
        (Ability::Parts, "a response comes whole"),
        (Ability::HearsEnd, "sessions end by themselves"),
    ];

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeDialogflowV1::start(move |asked| {
            let then = shared.ask(understood(&asked));
            async move { reaction(then.due().await) }.boxed()
        });
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        let url = self.fake.url();
        format!(
            "type = \"dialogflow\"\n[dialogflow_v1]\nurl = \"{url}\"\nclient_token = \"{CLIENT_TOKEN}\"\n\
             deadline_ms = {deadline_ms}\n"
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

fn understood(asked: &fake::Asked) -> Asked {
    let input = match asked.event() {
        Some((name, parameters)) => Said::Event { name, parameters },
        None => Said::Text(asked.string("query")),
    };
    Asked { session: asked.string("sessionId"), input, language: asked.string("lang"), repeated: false }
}

fn reaction(then: Then) -> Reaction {
    Reaction::Result(match then {
        Then::Say(replies) => said(replies),
        Then::Act { action, parameters, complete, says } => {
            let mut result = said(says);
            result["action"] = action.into();
            result["parameters"] = parameters;
            result["actionIncomplete"] = (!complete).into();
            result
        }
        Then::NotUnderstood(text) => {
            let mut result = says(&text);
            result["action"] = "input.unknown".into();
            result["metadata"]["isFallbackIntent"] = "true".into();
            result
        }
        Then::End(text) => wishes(&text, "end"),
        Then::LiveAgent(text) => wishes(&text, "live_agent"),
        Then::Empty => says(""),
        Then::Fail(kind) => return failure(kind),
        Then::Malformed => return Reaction::Raw(b"<html>".to_vec()),
        Then::Truncated => {
            let whole =
                json!({"result": says("A good answer, of which the second half is lost."), "status": {"code": 200}});
            let mut bytes = whole.to_string().into_bytes();
            bytes.truncate(bytes.len() / 2);
            return Reaction::Raw(bytes);
        }
        Then::Oversized => says(&"word ".repeat(1024 * 1024)),
        Then::Cut => return Reaction::Cut,
        Then::After(..) => unreachable!("waited for before"),
        Then::Twice(_) | Then::First(..) => unreachable!("declined"),
    })
}

fn failure(kind: FailureKind) -> Reaction {
    Reaction::Error(match kind {
        FailureKind::Internal => 500,
        FailureKind::Unavailable => 503,
        FailureKind::Quota => 429,
        FailureKind::Credential => 401,
        FailureKind::NotFound => 404,
        // Some servers answer 200 and refuse inside.
        FailureKind::Invalid => return Reaction::ErrorInside(400),
        FailureKind::Precondition => 409,
        FailureKind::Webhook => return Reaction::WebhookFailed(says("")),
        FailureKind::Deadline | FailureKind::Empty | FailureKind::Malformed | FailureKind::Interrupted => {
            unreachable!("nothing that an engine reports")
        }
    })
}

/// The API has no words for it; a custom payload has.
fn wishes(text: &str, wish: &str) -> Value {
    let mut result = says(text);
    let wish = json!({"type": 4, "payload": {"usher": {wish: true}}});
    result["fulfillment"]["messages"].as_array_mut().unwrap().push(wish);
    result
}

fn said(replies: Vec<Reply>) -> Value {
    let messages = replies.into_iter().map(|it| match it {
        Reply::Text(text) => json!({"type": 0, "speech": text}),
        Reply::QuickReplies { title, replies } => json!({"type": 2, "title": title, "replies": replies}),
        Reply::Card { title, subtitle, image_uri, buttons } => {
            json!({"type": 1, "title": title, "subtitle": subtitle, "imageUrl": image_uri, "buttons": buttons})
        }
        Reply::Image { uri, .. } => json!({"type": 3, "imageUrl": uri}),
        Reply::Payload(payload) => json!({"type": 4, "payload": payload}),
    });
    let mut result = says("");
    result["fulfillment"]["messages"] = messages.collect();
    result
}
