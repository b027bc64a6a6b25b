//! Rasa by its REST channel: one POST per turn, all of the answer in its response. `docs/engines/rasa.md` is for its authors.
//!
//! Rasa takes a message that begins with `/` for a command of its own, such as a payload of a button. That is how events get
//! there, and why words of a customer's never may: only what Rasa itself has offered as a payload is passed on as one.

use crate::core::said::said;

mod answer;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, sync::Arc, time::Duration};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::Method;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;

use super::{
    call::{self, Again, Wire},
    recent::Recent,
    schema::Webhook,
};
use crate::{
    clock::Clock,
    core::{
        ids::ContactId,
        message::{Answer, FailureKind, Input, Parameters},
        step::Step,
    },
    egress::Request,
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp::{CredentialReport, seed},
};

/// Relative to the server.
const WEBHOOK: &str = "webhooks/rest/webhook";
const HEALTH: &str = "webhooks/rest/";

const MARK: char = '/';
/// Stands before a customer's words that begin like a command. Rasa strips white space, which this is not.
const SHIELD: char = '\u{200b}';
/// The event by which clicks and forms reach Rasa.
const STRUCTURED: &str = "structured";
/// Contacts whose last buttons are remembered.
const MAX_CONTACTS: usize = 100_000;

#[derive(Debug)]
pub(super) struct Rasa {
    wire: Wire,
    token: Option<SecretString>,
    deadline: Duration,
    /// Payloads of the buttons that each contact was last shown.
    offered: Recent<Arc<[String]>>,
}

/// As Rasa's REST channel documents it.
#[derive(Serialize)]
struct Message<'a> {
    sender: &'a str,
    message: &'a str,
    metadata: serde_json::Value,
}

impl Rasa {
    pub(super) fn new(wire: Wire, config: &Webhook) -> Self {
        let (token, deadline) = (config.token.clone(), config.deadline);
        Self { wire, token, deadline, offered: Recent::new(MAX_CONTACTS) }
    }

    async fn converse(&self, ask: Ask) -> Result<Answer, AskError> {
        let end = Clock::instant() + self.deadline;
        let silence_is_fine = matches!(ask.input, Input::Event { .. } | Input::Structured(_));
        let message = self.message(&ask.contact, &ask.input)?;
        let sender = ask.contact.to_string();
        let body = Message { sender: &sender, message: &message, metadata: metadata(&ask) };
        let body = Bytes::from(serde_json::to_vec(&body).map_err(|error| self.wire.place.unreadable(&error))?);
        let request = |_| Request {
            method: Method::POST,
            path: WEBHOOK.to_owned(),
            headers: call::json_headers(self.token.as_ref()),
            body: body.clone(),
        };
        let reply = self.wire.send(request, Again::Unsent, end).await?;
        ask.ear.answered_in(&reply.body);
        let answer::Read { answer, offered } = answer::read(&reply.body, &sender, &self.wire.place)?;
        if !offered.is_empty() {
            self.offered.keep(&ask.contact, offered.into());
        }
        if super::fit::is_empty(&answer) {
            let why = if silence_is_fine {
                said!("no rule or story answers this event")
            } else {
                said!(
                    "Rasa answers an empty list also when an action or its model fails, so look into its log; give the assistant \
                 a fallback if it has none"
                )
            };
            return Err(self.wire.place.empty(&why));
        }
        Ok(answer)
    }

    fn message<'a>(&self, contact: &ContactId, input: &'a Input) -> Result<Cow<'a, str>, AskError> {
        match input {
            Input::Text(text) | Input::Dtmf(text) => {
                let is_command =
                    text.trim_start_matches(|it: char| it.is_whitespace() || it.is_control()).starts_with(MARK);
                let offered = || self.offered.find(contact).is_some_and(|it| it.iter().any(|it| it == text));
                Ok(if is_command && !offered() { Cow::Owned(format!("{SHIELD}{text}")) } else { Cow::Borrowed(text) })
            }
            Input::Event { name, parameters } => self.command(name, parameters).map(Cow::Owned),
            Input::Structured(fields) => self.command(STRUCTURED, fields).map(Cow::Owned),
            Input::Redacted => Err(self.wire.place.redacted()),
        }
    }

    /// `/EVENT{"name": value}`: an intent with its entities, which no NLU looks at.
    fn command(&self, name: &str, parameters: &Parameters) -> Result<String, AskError> {
        if name.is_empty() || name.chars().any(|it| matches!(it, '{' | '@' | MARK) || it.is_whitespace()) {
            let advice = said!("the name of an event for Rasa is an intent's: it has no white space and none of { @ /");
            return Err(self.wire.place.failure(FailureKind::Invalid, &advice, None));
        }
        if parameters.is_empty() {
            return Ok(format!("{MARK}{name}"));
        }
        Ok(format!("{MARK}{name}{}", json!(parameters)))
    }

    /// Whether the REST channel is there.
    pub(super) async fn check(&self) -> Result<CredentialReport, AskError> {
        let end = Clock::instant() + self.deadline;
        let request = |_| call::get(HEALTH.to_owned(), self.token.as_ref());
        let reply = self.wire.send(request, Again::Safe, end).await?;
        let health: serde_json::Value =
            serde_json::from_slice(&reply.body).map_err(|error| self.wire.place.unreadable(&error))?;
        if health.get("status").and_then(serde_json::Value::as_str) != Some("ok") {
            return Err(self.wire.place.malformed(&said!("its REST channel does not say that it is ok"), None));
        }
        let account = self.token.as_ref().map(|_| said!("a bearer token"));
        Ok(CredentialReport { account, about: Ok(said!("Rasa's REST channel is ok")) })
    }
}

/// For custom actions: `tracker.latest_message["metadata"]["usher"]`.
fn metadata(ask: &Ask) -> serde_json::Value {
    let mut usher = json!({
        "unit": ask.contact.unit,
        "contact": ask.contact.name,
        "media": ask.media,
        "language": ask.language,
        "parameters": ask.payload,
    });
    if let (Some(it), Some(usher)) = (&ask.seed, usher.as_object_mut()) {
        usher.insert(seed::KEY.to_owned(), seed::json(it));
    }
    json!({ "usher": usher })
}

impl LanguageEngine for Rasa {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(self.converse(ask))
    }

    fn hears_steps(&self) -> bool {
        true
    }

    fn on_step(&self, contact: &ContactId, step: &Step) {
        if matches!(step, Step::Ended { .. }) {
            self.offered.forget(contact);
        }
    }
}
