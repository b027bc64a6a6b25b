//! The requests of Direct Line 3.0 that we make. All with the channel's secret: this is one server speaking to another, which
//! needs no token that would run out.

use bytes::Bytes;
use http::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::{
    super::call::{self, Again, Place, Wire, escaped},
    activity::ActivitySet,
};
use crate::{
    core::{message::FailureKind, said::said},
    egress::Request,
    gateway::ports::AskError,
};

const CONVERSATIONS: &str = "v3/directline/conversations";

#[derive(Debug)]
pub(super) struct Requests {
    wire: Wire,
    secret: Option<SecretString>,
}

/// Beside it stand a token and an address for a WebSocket, which browsers need.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Started {
    conversation_id: String,
}

#[derive(Deserialize)]
struct Posted {
    #[serde(default)]
    id: Option<String>,
}

impl Requests {
    pub(super) const fn new(wire: Wire, secret: Option<SecretString>) -> Self {
        Self { wire, secret }
    }

    pub(super) const fn place(&self) -> &Place {
        &self.wire.place
    }

    pub(super) fn limited(&self) -> AskError {
        self.place().refused(http::StatusCode::TOO_MANY_REQUESTS)
    }

    /// Begins a conversation; yields its id.
    pub(super) async fn start(&self, end: Instant) -> Result<String, AskError> {
        let request = |_| self.request(Method::POST, CONVERSATIONS.to_owned(), Bytes::from_static(b"{}"));
        let reply = self.wire.send(request, Again::Unsent, end).await?;
        let started: Started = serde_json::from_slice(&reply.body).map_err(|error| self.place().unreadable(&error))?;
        if started.conversation_id.is_empty() {
            return Err(self.place().malformed(&said!("its `conversationId` is empty"), None));
        }
        Ok(started.conversation_id)
    }

    /// Yields what Direct Line calls the activity.
    pub(super) async fn post(
        &self,
        conversation: &str,
        activity: &Value,
        end: Instant,
    ) -> Result<Option<String>, AskError> {
        let path = path(conversation, "");
        let body = Bytes::from(activity.to_string());
        let request = |_| self.request(Method::POST, path.clone(), body.clone());
        let reply = self.wire.send(request, Again::Unsent, end).await?;
        // Some answer 204: delivered, without a name.
        Ok(serde_json::from_slice(&reply.body).ok().and_then(|Posted { id }| id))
    }

    pub(super) async fn fetch(
        &self,
        conversation: &str,
        watermark: Option<&str>,
        end: Instant,
    ) -> Result<ActivitySet, AskError> {
        let query = watermark.map(|it| format!("?watermark={}", escaped(it))).unwrap_or_default();
        let path = path(conversation, &query);
        let request = |_| self.request(Method::GET, path.clone(), Bytes::new());
        let fetched = self.wire.send(request, Again::Safe, end).await;
        let reply = fetched.map_err(|error| {
            if error.kind != FailureKind::NotFound {
                return error;
            }
            let advice = said!("the conversation is not there any more; the next question begins a new one");
            self.place().failure(FailureKind::NotFound, &advice, Some(Box::new(error)))
        })?;
        ActivitySet::read(&reply.body).map_err(|error| self.place().unreadable(&error))
    }

    fn request(&self, method: Method, path: String, body: Bytes) -> Request {
        Request { method, path, headers: call::json_headers(self.secret.as_ref()), body }
    }
}

fn path(conversation: &str, query: &str) -> String {
    format!("{CONVERSATIONS}/{}/activities{query}", escaped(conversation))
}
