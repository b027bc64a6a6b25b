//! What the gateway needs from its adapters: one trait per neighbour, nothing of their insides.

use std::{error::Error, fmt};

use futures::future::BoxFuture;

use crate::core::{
    ids::{ContactId, Timestamp},
    message::{Answer, FailureKind, Input, Parameters},
};

/// One question to a language engine.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names the conversation at the engine; the adapter fits it to the engine's rules.
    pub contact: ContactId,
    /// Never [`Input::Redacted`]; within the profile's text limit.
    pub input: Input,
    /// BCP 47.
    pub language: String,
    /// Contact attributes and what happened since the last turn, for the engine's own webhook.
    pub payload: Parameters,
}

/// Why the engine did not answer. `advice` is for an administrator and holds no customer data.
#[derive(Debug)]
pub struct AskError {
    pub kind: FailureKind,
    pub advice: String,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl AskError {
    #[must_use]
    pub fn new(kind: FailureKind, advice: impl Into<String>) -> Self {
        Self { kind, advice: advice.into(), source: None }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.advice)
    }
}

impl Error for AskError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|it| it as _)
    }
}

/// A profile's language engine. Keeps its own deadline: an ask always ends.
pub trait LanguageEngine: Send + Sync + fmt::Debug {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>>;

    /// Until when the credential in hand is good; `None`: there is none, or it needs no renewal.
    fn credential_valid_until(&self) -> Option<Timestamp> {
        None
    }
}

/// A query to an external system (S22).
#[derive(Clone, Debug)]
pub struct ExternalRequest {
    /// The routing engine's own name for the contact: what goes into `contactID`.
    pub contact: ContactId,
    /// The same for every repetition of this request.
    pub idempotency_key: String,
    pub uri: String,
    pub parameters: Parameters,
}

/// Carries out external-system queries.
pub trait ExternalSystems: Send + Sync + fmt::Debug {
    /// The `content` to say, or why there is none (a label and a text for the timeline).
    fn query(&self, request: ExternalRequest) -> BoxFuture<'_, Result<String, ExternalError>>;
}

/// Why an external system's answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ExternalError {
    /// From a closed set: `not_allowed`, `unreachable`, `deadline`, `status`, `too_large`, `malformed`, `other_contact`, …
    pub label: &'static str,
    pub detail: String,
}
