//! Posting a frame: what stands beside it, its signature, its key.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::Instant;

use super::super::{
    call::{self, Again, Place, Wire},
    schema::Webhook,
};
use crate::{
    clock::Clock,
    core::{
        hex,
        ids::{ContactId, ProfileName, UnitName},
    },
    egress::{Reply, Request, signature},
    gateway::ports::AskError,
    nlp::connector::frames::ToConnector,
};

pub(in crate::nlp::webhook) const SIGNATURE: HeaderName = HeaderName::from_static("usher-signature");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_KEY_BYTES: usize = 255;

/// Whose webhook it is.
#[derive(Clone, Debug)]
pub(in crate::nlp::webhook) struct Sender {
    pub(in crate::nlp::webhook) unit: UnitName,
    pub(in crate::nlp::webhook) profile: ProfileName,
}

#[derive(Debug)]
pub(in crate::nlp::webhook) struct Poster {
    wire: Wire,
    sender: Sender,
    key: Option<SecretString>,
    token: Option<SecretString>,
    clock: Clock,
    /// For turns; notices do no harm when they come again.
    again: Again,
}

/// A frame and what a socket's `welcome` would have told.
#[derive(Serialize)]
struct Envelope<'a, F> {
    #[serde(flatten)]
    frame: &'a F,
    unit: &'a UnitName,
    profile: &'a ProfileName,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    async_deadline_ms: Option<u64>,
}

/// What `usher check --online` posts.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Probe {
    Check {},
}

impl Poster {
    pub(in crate::nlp::webhook) fn new(wire: Wire, sender: Sender, config: &Webhook, clock: Clock) -> Self {
        Self {
            wire,
            sender,
            key: config.signing_key.clone(),
            token: config.token.clone(),
            clock,
            again: if config.idempotent { Again::Safe } else { Again::Unsent },
        }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.wire.place
    }

    pub(super) fn key(&self) -> Option<&SecretString> {
        self.key.as_ref()
    }

    /// `turn`: as it is posted first, and again where it may have arrived. `later`: where an answer may be posted, and for how
    /// long.
    pub(super) async fn turn(
        &self,
        contact: &ContactId,
        turn_id: &str,
        turn: impl Fn(bool) -> ToConnector + Send + Sync,
        later: Option<(&str, u64)>,
        end: Instant,
    ) -> Result<Reply, AskError> {
        let first = self.body(&turn(false), later)?;
        let key = key(contact, turn_id);
        // Less is left of the deadline at each try.
        let body = |seen| self.body(&turn(seen), later).unwrap_or_else(|_though_the_first_was_json| first.clone());
        let request = |seen| self.request(&key, &body(seen));
        self.wire.send(request, self.again, end).await
    }

    pub(super) async fn notice(
        &self,
        contact: &ContactId,
        name: &str,
        frame: &ToConnector,
        end: Instant,
    ) -> Result<(), AskError> {
        let (body, key) = (self.body(frame, None)?, key(contact, name));
        self.wire.send(|_| self.request(&key, &body), self.again, end).await.map(drop)
    }

    pub(super) async fn check(&self, name: &str, end: Instant) -> Result<(), AskError> {
        let body = self.body(&Probe::Check {}, None)?;
        self.wire.send(|_| self.request(name, &body), Again::Unsent, end).await.map(drop)
    }

    fn body(&self, frame: &impl Serialize, later: Option<(&str, u64)>) -> Result<Bytes, AskError> {
        let Sender { unit, profile } = &self.sender;
        let (reply_url, async_deadline_ms) = later.unzip();
        let envelope = Envelope { frame, unit, profile, reply_url, async_deadline_ms };
        serde_json::to_vec(&envelope).map(Bytes::from).map_err(|error| self.place().unreadable(&error))
    }

    /// Signed anew at each try: what is signed says when.
    fn request(&self, key: &str, body: &Bytes) -> Request {
        let mut headers: HeaderMap = call::json_headers(self.token.as_ref());
        let signed = self.key.as_ref().and_then(|it| signature(it.expose_secret().as_bytes(), self.clock.now(), body));
        for (name, value) in [(IDEMPOTENCY_KEY, Some(key.to_owned())), (SIGNATURE, signed)] {
            if let Some(value) = value.and_then(|it| HeaderValue::try_from(it).ok()) {
                headers.insert(name, value);
            }
        }
        Request { method: Method::POST, path: String::new(), headers, body: body.clone() }
    }
}

/// `unit/contact/turn`, each escaped. Names that are too long for that are hashed.
fn key(contact: &ContactId, name: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let (unit, of_contact) = (call::escaped(contact.unit.as_str()), call::escaped(contact.name.as_str()));
    let key = format!("{unit}/{of_contact}/{name}");
    if key.len() <= MAX_KEY_BYTES {
        return key;
    }
    hex::encode(&Sha256::digest(&key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::ContactName;

    #[test]
    fn s11_an_idempotency_key_is_visible_characters_within_its_bound_and_no_others() {
        let of = |name: &str| {
            let contact = ContactId { unit: UnitName::new("sales").unwrap(), name: ContactName::new(name).unwrap() };
            key(&contact, "0123456789abcdef-1")
        };
        assert_eq!(of("c-1"), "sales/c-1/0123456789abcdef-1");
        assert_eq!(of("a/b ü"), "sales/a%2Fb%20%C3%BC/0123456789abcdef-1");
        let long = of(&"ü".repeat(64));
        assert_eq!(long.len(), 64);
        assert_ne!(long, of(&format!("{}x", "ü".repeat(63))));
    }
}
