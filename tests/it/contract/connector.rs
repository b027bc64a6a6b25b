//! A connector as a peer: it dials the gateway and keeps `docs/connectors.md` to the letter.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::{
    connector::{DOOR, reload_token},
    fakes::{connector::FakeConnector, server::until},
    harness::Usher,
};

pub(crate) struct Connector {
    script: Script,
    state: Arc<State>,
}

struct State {
    /// Where to dial, and with what; `None`: nowhere.
    target: watch::Sender<Option<(SocketAddr, String)>>,
    attached: watch::Sender<bool>,
}

impl Peer for Connector {
    const KIND: &'static str = "connector";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Failure(FailureKind::Credential), "it dials in itself, there is no credential of ours"),
        (Ability::Failure(FailureKind::NotFound), "a connector serves one profile, nothing is looked up"),
        (Ability::Failure(FailureKind::Invalid), "it cannot refuse a turn as malformed"),
        (Ability::Failure(FailureKind::Precondition), "what it is not ready for is unavailable"),
        (Ability::Failure(FailureKind::Webhook), "it has no webhook of its own"),
    ];

    async fn start() -> Self {
        let state = Arc::new(State { target: watch::Sender::new(None), attached: watch::Sender::new(false) });
        let script = Script::default();
        let (shared, told) = (Arc::clone(&state), script.clone());
        // A runtime of its own: a test that waits does not stop it.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(serve(shared, told));
        });
        Self { script, state }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        format!("type = \"connector\"\n[connector]\ndeadline_ms = {deadline_ms}\npatience_ms = 0\n")
    }

    fn config(&self) -> String {
        DOOR.to_owned()
    }

    async fn meets(&self, gateway: &Usher) {
        let token = reload_token(gateway, Duration::ZERO).await;
        self.state.target.send_replace(Some((gateway.connectors.unwrap(), token)));
        until(self.state.attached.subscribe(), |it| *it).await;
    }

    fn script(&self) -> &Script {
        &self.script
    }

    async fn leaves(&self) {
        self.state.target.send_modify(|it| {
            if let Some((_, token)) = it {
                token.insert(0, '-');
            }
        });
        until(self.state.attached.subscribe(), |it| !*it).await;
    }

    async fn returns(&self) {
        self.state.target.send_modify(|it| {
            if let Some((_, token)) = it {
                *token = token.trim_start_matches('-').to_owned();
            }
        });
        until(self.state.attached.subscribe(), |it| *it).await;
    }
}

impl Drop for Connector {
    fn drop(&mut self) {
        // The last sender but the thread's own.
        self.state.target.send_replace(None);
    }
}

/// Attached wherever the target says, again and again. Ends when there is no target any more.
async fn serve(state: Arc<State>, script: Script) {
    let mut target = state.target.subscribe();
    target.wait_for(Option::is_some).await.unwrap();
    loop {
        let Some((door, token)) = target.borrow_and_update().clone() else { return };
        if token.starts_with('-') {
            target.changed().await.unwrap();
            continue;
        }
        let Ok(mut connector) = FakeConnector::dial(door, &token).await else {
            // Of a gateway that is going or has gone; the next one is told to us.
            target.changed().await.unwrap();
            continue;
        };
        connector.send(json!({"type": "hello"})).await;
        if connector.read().await.is_err() {
            continue;
        }
        state.attached.send_replace(true);
        run(connector, &script, &mut target).await;
        state.attached.send_replace(false);
    }
}

enum Out {
    Frames(Vec<String>),
    Cut,
}

async fn run(
    mut connector: FakeConnector,
    script: &Script,
    target: &mut watch::Receiver<Option<(SocketAddr, String)>>,
) {
    let (answers, mut outgoing) = mpsc::channel(1024);
    loop {
        tokio::select! {
            frame = connector.read() => match frame {
                Ok(frame) => on_frame(&frame, script, &answers),
                Err(_closed) => return,
            },
            Some(out) = outgoing.recv() => match out {
                Out::Frames(frames) => {
                    for frame in frames {
                        if connector.try_send_text(&frame).await.is_err() {
                            return;
                        }
                    }
                }
                Out::Cut => return connector.cut(),
            },
            changed = target.changed() => {
                changed.unwrap();
                return connector.cut();
            }
        }
    }
}

fn on_frame(frame: &Value, script: &Script, answers: &mpsc::Sender<Out>) {
    match frame["type"].as_str().unwrap() {
        "turn" => {}
        "closed" => return script.ended(frame["contact"].as_str().unwrap()),
        _ => return,
    }
    let (turn_id, answers) = (frame["turn_id"].as_str().unwrap().to_owned(), answers.clone());
    let then = script.ask(asked(frame));
    // A task of its own: an answer that is held back holds up no other.
    tokio::spawn(async move {
        let mut then = then.due().await;
        // What comes first does not wait for what comes then.
        while let Then::First(parts, rest) = then {
            let first = if parts.is_empty() {
                json!({"type": "typing", "turn_id": turn_id}).to_string()
            } else {
                json!({"type": "reply", "turn_id": turn_id, "messages": messages(parts), "final": false}).to_string()
            };
            drop(answers.send(Out::Frames(vec![first])).await);
            then = rest.due().await;
        }
        if let Some(out) = frames(then, &turn_id) {
            drop(answers.send(out).await);
        }
    });
}

fn asked(turn: &Value) -> Asked {
    let input = &turn["input"];
    let input = match (&input["text"], &input["event"], &input["structured"], &input["dtmf"]) {
        (Value::String(text), ..) | (.., Value::String(text)) => Said::Text(text.clone()),
        (_, Value::Object(event), ..) => {
            let name = event["name"].as_str().unwrap().to_owned();
            Said::Event { name, parameters: event["parameters"].clone() }
        }
        (_, _, structured, _) => Said::Event { name: "structured".to_owned(), parameters: structured.clone() },
    };
    Asked {
        session: turn["contact"].as_str().unwrap().to_owned(),
        input,
        language: turn["language"].as_str().unwrap().to_owned(),
        repeated: turn["again"] == true,
    }
}

/// `None`: nothing is said.
fn frames(then: Then, turn_id: &str) -> Option<Out> {
    let reply = |fields: Value| {
        let mut reply = json!({"type": "reply", "turn_id": turn_id});
        for (key, value) in fields.as_object().unwrap() {
            reply[key] = value.clone();
        }
        reply.to_string()
    };
    let text = |text: &str| json!([{"text": text}]);
    let one = |frame: String| Some(Out::Frames(vec![frame]));
    match then {
        Then::Say(replies) => one(reply(json!({"messages": messages(replies)}))),
        Then::Act { action, parameters, complete, says } => one(reply(json!({
            "messages": messages(says), "action": action, "parameters": parameters, "parameters_complete": complete
        }))),
        Then::NotUnderstood(said) => one(reply(json!({"messages": text(&said), "not_understood": true}))),
        Then::End(said) => one(reply(json!({"messages": text(&said), "end": true}))),
        Then::LiveAgent(said) => one(reply(json!({"messages": text(&said), "live_agent": true}))),
        Then::Empty => one(reply(json!({}))),
        Then::Fail(kind) => {
            let told = [(FailureKind::Unavailable, "unavailable"), (FailureKind::Quota, "quota")];
            let kind = told.iter().find(|it| it.0 == kind).map_or("internal", |it| it.1);
            one(json!({"type": "failed", "turn_id": turn_id, "kind": kind}).to_string())
        }
        Then::Malformed => one(reply(json!({"messages": "none"}))),
        Then::Truncated => {
            let whole = reply(json!({"messages": text("half of this")}));
            one(whole[..whole.len() / 2].to_owned())
        }
        Then::Oversized => one(reply(json!({"messages": text(&"x".repeat(300_000))}))),
        Then::Cut => Some(Out::Cut),
        // Waited for, or said, before this.
        Then::After(..) | Then::First(..) => None,
        Then::Twice(then) => match frames(*then, turn_id) {
            Some(Out::Frames(frames)) => Some(Out::Frames([frames.clone(), frames].concat())),
            other => other,
        },
    }
}

fn messages(replies: Vec<Reply>) -> Value {
    // The product's own words for them are the frames'.
    replies.into_iter().map(|it| serde_json::to_value(it).unwrap()).map(tidy).collect()
}

/// Without what is empty.
fn tidy(mut message: Value) -> Value {
    if let Some(card) = message.get_mut("card").and_then(Value::as_object_mut) {
        card.retain(|_, it| *it != json!(""));
    }
    message
}
