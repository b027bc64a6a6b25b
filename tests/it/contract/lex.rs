//! Amazon Lex V2 as a peer: bots that leave fulfilment to the client, and bots whose Lambda function says what it wants.

use futures::FutureExt as _;
use serde_json::{Value, json};
use usher::core::message::{FailureKind, Reply};

use super::{
    peer::{Ability, Peer},
    script::{Asked, Said, Script, Then},
};
use crate::fakes::lex::{self as fake, ACCESS_KEY_ID, ALIAS, BOT, FakeLex, REGION, Reaction, SECRET_ACCESS_KEY, says};

pub(crate) struct Lex<const LAMBDA: bool> {
    fake: FakeLex,
    script: Script,
}

const CANNOT: &[(Ability, &str)] = &[
    (Ability::Twice, "a request has one response"),
    (Ability::Typing, "a response comes whole"),
    (Ability::Parts, "a response comes whole"),
    (Ability::HearsEnd, "sessions end by themselves, after the bot's time-out"),
    (Ability::UnknownAction, "an intent that the profile has no action for is like any other"),
];

impl<const LAMBDA: bool> Peer for Lex<LAMBDA> {
    const KIND: &'static str = "lex";
    /// The last holds for actions by their intents' names.
    const CANNOT: &'static [(Ability, &'static str)] =
        if LAMBDA { CANNOT.split_at(CANNOT.len() - 1).0 } else { CANNOT };

    async fn start() -> Self {
        let script = Script::default();
        let shared = script.clone();
        let fake = FakeLex::start(move |asked| {
            let then = shared.ask(understood(asked));
            async move { reaction::<LAMBDA>(then.due().await) }.boxed()
        });
        Self { fake, script }
    }

    fn profile(&self, deadline_ms: u64) -> String {
        let endpoint = self.fake.endpoint();
        format!(
            "type = \"lex\"\n[lex]\nregion = \"{REGION}\"\nbot_id = \"{BOT}\"\nbot_alias_id = \"{ALIAS}\"\n\
             locales = [\"en_US\", \"fr_CA\"]\naccess_key_id = \"{ACCESS_KEY_ID}\"\n\
             secret_access_key = \"{SECRET_ACCESS_KEY}\"\nendpoint = \"{endpoint}\"\n\
             event_texts = [\"HELLO=hello there\", \"HANDOVER_FAILED=no colleague came\", \"CALLBACK_DONE=it is booked\"]\n\
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

fn understood(asked: fake::Asked) -> Asked {
    let fake::Asked { locale, session, text, attributes } = asked;
    let parameters = attributes.get("usher_event_parameters").map_or("{}", String::as_str);
    let parameters = serde_json::from_str(parameters).unwrap();
    let input = match attributes.get("usher_event").cloned() {
        Some(name) => Said::Event { name, parameters },
        None => Said::Text(text),
    };
    // The bot's English stands for every contact's.
    let language = if locale == "en_US" { "en".to_owned() } else { locale.replace('_', "-") };
    Asked { session, input, language, repeated: false }
}

fn reaction<const LAMBDA: bool>(then: Then) -> Reaction {
    Reaction::Answer(match then {
        Then::Say(replies) => said(replies),
        Then::Act { action, parameters, complete, says } => act::<LAMBDA>((action, parameters), complete, said(says)),
        Then::NotUnderstood(text) => {
            let mut answer = says(&text);
            answer["sessionState"]["intent"] = json!({"name": "FallbackIntent", "state": "ReadyForFulfillment"});
            answer
        }
        Then::End(text) => wishing::<LAMBDA>(says(&text), &json!({"end": true})),
        Then::LiveAgent(text) => wishing::<LAMBDA>(says(&text), &json!({"live_agent": true})),
        Then::Empty => said(Vec::new()),
        Then::Fail(kind) => return failure(kind),
        Then::Malformed => return Reaction::Raw(b"<html>".to_vec()),
        Then::Truncated => {
            let mut bytes = says("A good answer, of which the second half is lost.").to_string().into_bytes();
            bytes.truncate(bytes.len() / 2);
            return Reaction::Raw(bytes);
        }
        Then::Oversized => says(&"word ".repeat(1024 * 1024)),
        Then::Cut => return Reaction::Cut,
        Then::After(..) => unreachable!("waited for before"),
        Then::Twice(_) | Then::First(..) => unreachable!("declined"),
    })
}

/// A Lambda function asks for the action by a request attribute; without one, the intent itself does.
fn act<const LAMBDA: bool>((action, parameters): (String, Value), complete: bool, mut answer: Value) -> Value {
    if LAMBDA && complete {
        let wish = json!({"action": action, "parameters": parameters});
        answer["requestAttributes"] = json!({"usher": wish.to_string()});
        return answer;
    }
    let slot = |value: &Value| json!({"shape": "Scalar", "value": {"interpretedValue": value, "originalValue": value, "resolvedValues": []}});
    let slots = parameters.as_object().unwrap().iter().map(|(name, value)| (name.clone(), slot(value)));
    let mut slots: serde_json::Map<String, Value> = slots.collect();
    slots.insert("unfilled".to_owned(), Value::Null);
    let (state, dialog_action) = if complete {
        ("ReadyForFulfillment", json!({"type": "Close"}))
    } else {
        ("InProgress", json!({"type": "ElicitSlot", "slotToElicit": "unfilled"}))
    };
    answer["sessionState"]["intent"] =
        json!({"name": action, "state": state, "confirmationState": "None", "slots": slots});
    answer["sessionState"]["dialogAction"] = dialog_action;
    answer
}

fn wishing<const LAMBDA: bool>(mut answer: Value, wish: &Value) -> Value {
    if LAMBDA {
        answer["requestAttributes"] = json!({"usher": wish.to_string()});
    } else {
        let message = json!({"contentType": "CustomPayload", "content": json!({"usher": wish}).to_string()});
        answer["messages"].as_array_mut().unwrap().push(message);
    }
    answer
}

fn failure(kind: FailureKind) -> Reaction {
    match kind {
        FailureKind::Internal => Reaction::Error(500, "InternalServerException"),
        FailureKind::Unavailable => Reaction::Error(502, "BadGatewayException"),
        FailureKind::Quota => Reaction::Error(429, "ThrottlingException"),
        FailureKind::Credential => Reaction::Error(403, "AccessDeniedException"),
        FailureKind::NotFound => Reaction::Error(404, "ResourceNotFoundException"),
        FailureKind::Invalid => Reaction::Error(400, "ValidationException"),
        FailureKind::Precondition => Reaction::Error(409, "ConflictException"),
        FailureKind::Webhook => Reaction::Error(424, "DependencyFailedException"),
        FailureKind::Deadline | FailureKind::Empty | FailureKind::Malformed | FailureKind::Interrupted => {
            unreachable!("nothing that an engine reports")
        }
    }
}

fn said(replies: Vec<Reply>) -> Value {
    let card = |card: Value| json!({"contentType": "ImageResponseCard", "imageResponseCard": card});
    let messages = replies.into_iter().map(|it| match it {
        Reply::Text(text) => json!({"contentType": "PlainText", "content": text}),
        Reply::QuickReplies { title, replies } => {
            let buttons: Vec<Value> = replies.iter().map(|it| json!({"text": it, "value": it})).collect();
            card(json!({"title": title, "buttons": buttons}))
        }
        Reply::Card { title, subtitle, image_uri, buttons } => {
            let buttons: Vec<Value> = buttons.iter().map(|it| json!({"text": it.text, "value": it.postback})).collect();
            card(json!({"title": title, "subtitle": subtitle, "imageUrl": image_uri, "buttons": buttons}))
        }
        Reply::Image { uri, description } => card(json!({"title": description, "imageUrl": uri})),
        Reply::Payload(payload) => {
            json!({"contentType": "CustomPayload", "content": Value::Object(payload).to_string()})
        }
    });
    let mut answer = says("");
    answer["messages"] = messages.collect();
    answer
}
