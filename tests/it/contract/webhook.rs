//! A connector by webhook as a peer: one that answers in its response, and one that posts its answers later.

use std::net::SocketAddr;

use serde_json::{Value, json};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::{
    fakes::webhook::{FakeWebhook, KEY, Posted, Reaction, request},
    harness::own_port,
};

pub(crate) struct Webhook<const LATER: bool> {
    fake: FakeWebhook,
    script: Script,
    /// The connectors' door.
    door: SocketAddr,
}

impl<const LATER: bool> Peer for Webhook<LATER> {
    const KIND: &'static str = "webhook";
    const CANNOT: &'static [(Ability, &'static str)] = if LATER {
        &[]
    } else {
        &[
            (Ability::Twice, "a request has one response"),
            (Ability::Typing, "a response comes whole"),
            (Ability::Parts, "a response comes whole"),
        ]
    };

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeWebhook::start(move |posted: Posted| {
            let then = shared.ask(asked(&posted.frame));
            async move { if LATER { later(then, posted.frame) } else { now(then.due().await, &posted.frame) } }
        });
        let (ends, mut posted) = (script.clone(), fake.posted_so_far());
        tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let all = posted.borrow_and_update().clone();
                for it in all.iter().skip(seen).filter(|it| it.text("type") == "closed") {
                    ends.ended(it.text("contact"));
                }
                seen = all.len();
                if posted.changed().await.is_err() {
                    return;
                }
            }
        });
        Self { fake, script, door: own_port() }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        format!(
            "type = \"webhook\"\n[webhook]\nurl = \"{}\"\nsigning_key = \"{KEY}\"\ndeadline_ms = {deadline_ms}\n\
             async_deadline_ms = {deadline_ms}\n",
            self.fake.url()
        )
    }

    fn config(&self) -> String {
        if !LATER {
            return String::new();
        }
        format!("[connectors]\nlisten = \"{0}\"\npublic_url = \"http://{0}\"\n", self.door)
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

fn asked(frame: &Value) -> Asked {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let input = &frame["input"];
    let input = match input["text"].as_str() {
        Some(text) => Said::Text(text.to_owned()),
        None => Said::Event { name: text(&input["event"]["name"]), parameters: input["event"]["parameters"].clone() },
    };
    let repeated = frame["again"] == true;
    Asked { session: text(&frame["contact"]), input, language: text(&frame["language"]), repeated }
}

/// In the response.
fn now(then: Then, turn: &Value) -> Reaction {
    match then {
        Then::Fail(kind) => Reaction::Status(status(kind)),
        Then::Malformed => Reaction::Raw(b"<html>".to_vec()),
        Then::Truncated => {
            let whole = reply(turn, vec![Reply::Text("A good answer, of which half is lost.".to_owned())]).to_string();
            Reaction::Raw(whole.as_bytes()[..whole.len() / 2].to_vec())
        }
        Then::Oversized => Reaction::Json(reply(turn, vec![Reply::Text("word ".repeat(1024 * 1024))])),
        Then::Cut => Reaction::Cut,
        said @ (Then::Say(_)
        | Then::Act { .. }
        | Then::NotUnderstood(_)
        | Then::End(_)
        | Then::LiveAgent(_)
        | Then::Empty
        | Then::After(..)
        | Then::Twice(_)
        | Then::First(..)) => Reaction::Json(frame(said, turn)),
    }
}

/// 202, and the answer by a post of its own. What only a response can show stands in the response.
fn later(then: Then, turn: Value) -> Reaction {
    if matches!(then, Then::Fail(_) | Then::Truncated | Then::Oversized | Then::Cut) {
        return now(then, &turn);
    }
    tokio::spawn(async move {
        let mut then = then.due().await;
        while let Then::First(replies, rest) = then {
            post(&turn, &part(&turn, replies)).await;
            then = rest.due().await;
        }
        if matches!(then, Then::Malformed) {
            let mut slip = reply(&turn, Vec::new());
            slip["mesages"] = json!([]);
            return post(&turn, &slip).await;
        }
        let (then, times) = if let Then::Twice(inner) = then { (*inner, 2) } else { (then, 1) };
        let answer = frame(then, &turn);
        for _ in 0..times {
            post(&turn, &answer).await;
        }
    });
    Reaction::Status(202)
}

/// The gateway may be gone by now, or not wait any more.
async fn post(turn: &Value, frame: &Value) {
    request("POST", turn["reply_url"].as_str().unwrap(), &[], frame.to_string().as_bytes()).await;
}

fn part(turn: &Value, replies: Vec<Reply>) -> Value {
    if replies.is_empty() {
        return json!({"type": "typing", "turn_id": turn["turn_id"]});
    }
    let mut part = reply(turn, replies);
    part["final"] = json!(false);
    part
}

fn frame(then: Then, turn: &Value) -> Value {
    let text = |text: String| reply(turn, vec![Reply::Text(text)]);
    let with = |mut frame: Value, field: &str, value: Value| {
        frame[field] = value;
        frame
    };
    match then {
        Then::Say(replies) => reply(turn, replies),
        Then::Act { action, parameters, complete, says } => {
            let asks = with(with(reply(turn, says), "action", json!(action)), "parameters", parameters);
            if complete { asks } else { with(asks, "parameters_complete", json!(false)) }
        }
        Then::NotUnderstood(it) => with(text(it), "not_understood", json!(true)),
        Then::End(it) => with(text(it), "end", json!(true)),
        Then::LiveAgent(it) => with(text(it), "live_agent", json!(true)),
        Then::Empty => reply(turn, Vec::new()),
        then @ (Then::Fail(_)
        | Then::Malformed
        | Then::Truncated
        | Then::Oversized
        | Then::Cut
        | Then::After(..)
        | Then::Twice(_)
        | Then::First(..)) => panic!("{then:?} is no frame"),
    }
}

fn reply(turn: &Value, replies: Vec<Reply>) -> Value {
    let messages: Vec<Value> = replies.into_iter().map(message).collect();
    json!({"type": "reply", "turn_id": turn["turn_id"], "messages": messages})
}

fn message(reply: Reply) -> Value {
    match reply {
        Reply::Text(text) => json!({ "text": text }),
        Reply::QuickReplies { title, replies } => json!({"quick_replies": {"title": title, "replies": replies}}),
        Reply::Card { title, subtitle, image_uri, buttons } => {
            let buttons: Vec<Value> =
                buttons.iter().map(|it| json!({"text": it.text, "postback": it.postback})).collect();
            json!({"card": {"title": title, "subtitle": subtitle, "image_uri": image_uri, "buttons": buttons}})
        }
        Reply::Image { uri, description } => json!({"image": {"uri": uri, "description": description}}),
        Reply::Payload(payload) => json!({ "payload": payload }),
    }
}

pub(super) fn status(kind: FailureKind) -> u16 {
    match kind {
        FailureKind::Internal => 500,
        FailureKind::Unavailable => 503,
        FailureKind::Quota => 429,
        FailureKind::Credential => 401,
        FailureKind::NotFound => 404,
        FailureKind::Invalid => 400,
        FailureKind::Precondition => 409,
        FailureKind::Webhook => 424,
        FailureKind::Deadline | FailureKind::Empty | FailureKind::Malformed | FailureKind::Interrupted => {
            unreachable!("nothing that an engine reports")
        }
    }
}
