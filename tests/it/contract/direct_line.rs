//! A Bot Framework bot behind Direct Line as a peer.

use serde_json::{Value, json};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::{
    direct_line::{Bot, FakeDirectLine, SECRET},
    webhook::Reaction,
};

pub(crate) struct DirectLine {
    fake: FakeDirectLine,
    script: Script,
}

impl Peer for DirectLine {
    const KIND: &'static str = "webhook";
    const CANNOT: &'static [(Ability, &'static str)] = &[
        (Ability::Typing, "typing is told over WebSockets alone, and we fetch"),
        (Ability::Empty, "a bot that says nothing is the same as one that is slow"),
        (Ability::Failure(FailureKind::Precondition), "Direct Line has no such status"),
        (Ability::Failure(FailureKind::Webhook), "Direct Line has no such status"),
    ];

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeDirectLine::start(move |bot: Bot| {
            // How a handover goes is told, and asks for nothing.
            let then = (bot.activity["name"] != "handoff.status").then(|| shared.ask(asked(&bot.activity)));
            async move { behave(bot, then?).await }
        });
        let (ends, mut posted) = (script.clone(), fake.posted_so_far());
        tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let all = posted.borrow_and_update().clone();
                for it in all.iter().skip(seen).filter(|it| it["type"] == "endOfConversation") {
                    ends.ended(it["from"]["id"].as_str().unwrap());
                }
                seen = all.len();
                if posted.changed().await.is_err() {
                    return;
                }
            }
        });
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        format!(
            "type = \"webhook\"\n[webhook]\ndialect = \"bot-framework\"\nurl = \"{}\"\ntoken = \"{SECRET}\"\n\
             deadline_ms = {deadline_ms}\npoll_ms = 20\nquiet_ms = 40\n",
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

/// A bot knows a customer by the user's id: conversations may be lost and begun anew.
fn asked(activity: &Value) -> Asked {
    let text = |it: &Value| it.as_str().unwrap().to_owned();
    let input = match activity["text"].as_str() {
        Some(text) => Said::Text(text.to_owned()),
        None => Said::Event { name: text(&activity["name"]), parameters: activity["value"].clone() },
    };
    Asked { session: text(&activity["from"]["id"]), input, language: text(&activity["locale"]), repeated: false }
}

async fn behave(bot: Bot, then: Then) -> Option<Reaction> {
    let mut then = then.due().await;
    while let Then::First(replies, rest) = then {
        for mut activity in messages(replies) {
            // More follows.
            activity["inputHint"] = json!("ignoringInput");
            bot.send(activity);
        }
        then = rest.due().await;
    }
    if let Then::Twice(inner) = then {
        let reaction = say(&bot, *inner);
        bot.repeats_itself();
        return reaction;
    }
    say(&bot, then)
}

fn say(bot: &Bot, then: Then) -> Option<Reaction> {
    let wishes = |text: &str, wish: Value| json!({"type": "message", "text": text, "channelData": {"usher": wish}});
    let all = match then {
        Then::Say(replies) => messages(replies),
        Then::Act { action, parameters, complete: true, says } => {
            let mut all = messages(says);
            all.push(json!({"type": "event", "name": action, "value": parameters}));
            all
        }
        Then::Act { action, parameters, complete: false, says } => {
            let mut all = messages(says);
            all.push(wishes("", json!({"action": action, "parameters": parameters, "parameters_complete": false})));
            all
        }
        Then::NotUnderstood(text) => vec![wishes(&text, json!({"not_understood": true}))],
        Then::End(text) => vec![json!({"type": "message", "text": text}), json!({"type": "endOfConversation"})],
        Then::LiveAgent(text) => {
            vec![
                json!({"type": "message", "text": text}),
                json!({"type": "event", "name": "handoff.initiate", "value": {}}),
            ]
        }
        Then::Fail(kind) => return Some(Reaction::Status(status(kind))),
        Then::Cut => return Some(Reaction::Cut),
        Then::Malformed => {
            bot.breaks(b"<html>".to_vec());
            Vec::new()
        }
        Then::Truncated => {
            let whole =
                json!({"activities": [{"type": "message", "text": "Half of it."}], "watermark": "9"}).to_string();
            bot.breaks(whole.as_bytes()[..whole.len() / 2].to_vec());
            Vec::new()
        }
        Then::Oversized => vec![json!({"type": "message", "text": "word ".repeat(1024 * 1024)})],
        Then::After(..) | Then::First(..) | Then::Twice(_) => unreachable!("waited for before"),
        Then::Empty => unreachable!("declined"),
    };
    for activity in all {
        bot.send(activity);
    }
    None
}

fn status(kind: FailureKind) -> u16 {
    // The bot failed, or could not be reached.
    let own = [(FailureKind::Unavailable, 502), (FailureKind::Credential, 403)];
    own.iter().find(|it| it.0 == kind).map_or_else(|| super::webhook::status(kind), |it| it.1)
}

fn messages(replies: Vec<Reply>) -> Vec<Value> {
    let button = |title: &str, value: &str| json!({"type": "postBack", "title": title, "value": value});
    let message = |reply| match reply {
        Reply::Text(text) => json!({"type": "message", "text": text}),
        Reply::QuickReplies { title, replies } => {
            let actions: Vec<Value> =
                replies.iter().map(|it| json!({"type": "imBack", "title": it, "value": it})).collect();
            json!({"type": "message", "text": title, "suggestedActions": {"actions": actions}})
        }
        Reply::Card { title, subtitle, image_uri, buttons } => {
            let buttons: Vec<Value> = buttons.iter().map(|it| button(&it.text, &it.postback)).collect();
            let content =
                json!({"title": title, "subtitle": subtitle, "images": [{"url": image_uri}], "buttons": buttons});
            json!({"type": "message", "attachments": [
                {"contentType": "application/vnd.microsoft.card.hero", "content": content}]})
        }
        Reply::Image { uri, description } => {
            json!({"type": "message", "attachments": [
                {"contentType": "image/png", "contentUrl": uri, "name": description}]})
        }
        Reply::Payload(payload) => {
            json!({"type": "message", "attachments": [{"contentType": "application/json", "content": payload}]})
        }
    };
    replies.into_iter().map(message).collect()
}
