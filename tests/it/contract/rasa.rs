//! Rasa's REST channel as a peer.

use serde_json::{Value, json};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
    webhook::status,
};
use crate::fakes::{
    rasa::{FakeRasa, Told},
    webhook::Reaction,
};

pub(crate) struct Rasa {
    fake: FakeRasa,
    script: Script,
}

impl Peer for Rasa {
    const KIND: &'static str = "webhook";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Twice, "a request has one response"),
        (Ability::Typing, "a response comes whole"),
        (Ability::Parts, "a response comes whole"),
        (Ability::HearsEnd, "Rasa's conversations have no end, only sessions that expire"),
        (Ability::Card, "buttons stand below a text, with no subtitle and no picture"),
        (Ability::Image, "a picture has no description there"),
        (Ability::Failure(FailureKind::Webhook), "a failed action server makes an empty answer"),
    ];

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeRasa::start(move |told: Told| {
            let sender = told.sender.clone();
            let then = shared.ask(asked(told));
            async move { reaction(then.due().await, &sender) }
        });
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        format!(
            "type = \"webhook\"\n[webhook]\ndialect = \"rasa\"\nurl = \"{}\"\ndeadline_ms = {deadline_ms}\n",
            self.fake.url()
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

fn asked(told: Told) -> Asked {
    let Told { sender, message, intent, metadata, .. } = told;
    let language = metadata["usher"]["language"].as_str().unwrap().to_owned();
    // What NLU makes of a word joiner in front: nothing.
    let words = message.strip_prefix('\u{200b}').unwrap_or(&message).to_owned();
    let input = match intent {
        Some((name, parameters)) => Said::Event { name, parameters },
        None => Said::Text(words),
    };
    Asked { session: sender, input, language, repeated: false }
}

fn reaction(then: Then, sender: &str) -> Reaction {
    let usher = |text: String, wish: Value| {
        Reaction::Json(
            json!([{"recipient_id": sender, "text": text}, {"recipient_id": sender, "custom": {"usher": wish}}]),
        )
    };
    match then {
        Then::Say(replies) => Reaction::Json(messages(replies, sender).into()),
        Then::Act { action, parameters, complete, says } => {
            let mut messages = messages(says, sender);
            let wish = if complete {
                json!({"action": action, "parameters": parameters})
            } else {
                json!({"usher": {"action": action, "parameters": parameters, "parameters_complete": false}})
            };
            messages.push(json!({"recipient_id": sender, "custom": wish}));
            Reaction::Json(messages.into())
        }
        Then::NotUnderstood(text) => usher(text, json!({"not_understood": true})),
        Then::End(text) => usher(text, json!({"end": true})),
        Then::LiveAgent(text) => usher(text, json!({"live_agent": true})),
        Then::Empty => Reaction::Json(json!([])),
        Then::Fail(kind) => Reaction::Status(status(kind)),
        Then::Malformed => Reaction::Raw(b"<html>".to_vec()),
        Then::Truncated => {
            let whole = json!([{"recipient_id": sender, "text": "A good answer, of which half is lost."}]).to_string();
            Reaction::Raw(whole.as_bytes()[..whole.len() / 2].to_vec())
        }
        Then::Oversized => Reaction::Json(json!([{"recipient_id": sender, "text": "word ".repeat(1024 * 1024)}])),
        Then::Cut => Reaction::Cut,
        Then::After(..) => unreachable!("waited for before"),
        Then::Twice(_) | Then::First(..) => unreachable!("declined"),
    }
}

fn messages(replies: Vec<Reply>, sender: &str) -> Vec<Value> {
    let message = |reply| match reply {
        Reply::Text(text) => json!({"recipient_id": sender, "text": text}),
        Reply::QuickReplies { title, replies } => {
            let buttons: Vec<Value> = replies.iter().map(|it| json!({"title": it, "payload": it})).collect();
            json!({"recipient_id": sender, "text": title, "buttons": buttons})
        }
        Reply::Payload(payload) => json!({"recipient_id": sender, "custom": payload}),
        Reply::Card { .. } | Reply::Image { .. } => unreachable!("declined"),
    };
    replies.into_iter().map(message).collect()
}
