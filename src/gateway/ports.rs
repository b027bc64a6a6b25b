//! What the gateway needs from its adapters: one trait per neighbour, nothing of their insides.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::time::Instant;

use crate::{
    clock::Clock,
    core::{
        ids::{ContactId, Epoch, Timestamp, Turn},
        message::{Answer, FailureKind, Input, Line, MediaType, Parameters, Reply},
        said::Said,
        step::Step,
    },
    privacy::Secrets,
};

/// One question to a language engine.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Names the conversation at the engine; the adapter fits it to the engine's rules.
    pub contact: ContactId,
    pub media: MediaType,
    /// Number the question within the contact. `None`: nobody waits for the answer.
    pub turn: Option<(Turn, Epoch)>,
    /// Never [`Input::Redacted`]; within the profile's text limit.
    pub input: Input,
    /// BCP 47.
    pub language: String,
    /// Contact attributes and what happened since the last turn, for the engine's own webhook.
    pub payload: Parameters,
    /// The contact has had an answer before: where asks must wait, it comes before those that begin (B12).
    pub ongoing: bool,
    /// What was said before, for an engine that has not heard it or keeps nothing ([`LanguageEngine::wants_transcript`]).
    pub seed: Option<Box<Seed>>,
    /// How the engine tells of what comes before its answer.
    pub progress: Progress,
    /// The end of the wait, where a part of the engine's own deadline is over.
    pub until: Option<Instant>,
    /// Whoever wants to know how the engine put it.
    pub ear: Ear,
}

impl Ask {
    /// A question with nothing beside it.
    #[must_use]
    pub fn new(contact: ContactId, input: Input, language: impl Into<String>) -> Self {
        Self {
            contact,
            media: MediaType::WebInteraction,
            turn: None,
            input,
            language: language.into(),
            payload: Parameters::new(),
            ongoing: false,
            seed: None,
            progress: Progress::default(),
            until: None,
            ear: Ear::default(),
        }
    }

    /// When an engine with this deadline must have answered.
    #[must_use]
    pub fn end(&self, deadline: Duration) -> Instant {
        let own = Clock::instant() + deadline;
        self.until.map_or(own, |until| until.min(own))
    }
}

/// What an engine must know to go on with a conversation that it has not had from its beginning.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seed {
    /// Oldest first; the input of the question itself is not among them.
    pub transcript: Vec<Line>,
    /// Parameters that engines have gathered.
    pub slots: Parameters,
    /// The engine has had a part of the conversation before: what it keeps is its own, and not to be overwritten.
    pub returns: bool,
}

/// Takes what an engine has to say before its answer: that it is at work, or a part of the answer that can be said already.
/// What comes after the answer, or after the turn is over otherwise, is dropped.
#[derive(Clone, Default)]
pub struct Progress(Option<Arc<dyn Fn(Vec<Reply>) + Send + Sync>>);

impl Progress {
    pub fn new(take: impl Fn(Vec<Reply>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(take)))
    }

    /// Somebody hears it.
    #[must_use]
    pub const fn is_heard(&self) -> bool {
        self.0.is_some()
    }

    /// The customer sees that somebody writes.
    pub fn typing(&self) {
        self.say(Vec::new());
    }

    /// Said at once, in order, before the answer's own replies.
    pub fn say(&self, replies: Vec<Reply>) {
        if let Some(take) = &self.0 {
            take(replies);
        }
    }
}

/// What is heard of a question beside its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Overheard {
    /// It has had its turn within the quota, and goes out now.
    Put,
    /// The answer as the engine gave it.
    Raw(String),
}

/// Hears how a question goes: for whoever tries a profile. Nobody hears contacts.
#[derive(Clone, Default)]
pub struct Ear(Option<Arc<dyn Fn(Overheard) + Send + Sync>>);

impl Ear {
    pub fn new(hear: impl Fn(Overheard) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hear)))
    }

    pub fn put(&self) {
        if let Some(hear) = &self.0 {
            hear(Overheard::Put);
        }
    }

    /// `raw` is made only where somebody listens.
    pub fn answered(&self, raw: impl FnOnce() -> String) {
        if let Some(hear) = &self.0 {
            hear(Overheard::Raw(raw()));
        }
    }

    pub fn answered_in(&self, body: &[u8]) {
        self.answered(|| String::from_utf8_lossy(body).into_owned());
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Ear(listens)" } else { "Ear(nobody)" })
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Progress(heard)" } else { "Progress(unheard)" })
    }
}

/// Why the engine did not answer. `advice` is for an administrator and holds no customer data.
#[derive(Debug)]
pub struct AskError {
    pub kind: FailureKind,
    pub advice: Said,
    /// When it may be asked again, if it says so (a quota is used up).
    pub retry_after: Option<Duration>,
    /// The engine was not asked: it is known to be down, or there was no turn within its quota.
    pub held_back: bool,
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

/// An engine is not asked for the moment, after it has failed too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outage {
    pub since: Timestamp,
    /// What it failed with last, and what to do about it.
    pub kind: FailureKind,
    pub advice: Said,
    /// One question is on its way to find out whether it is well again.
    pub probing: bool,
}

impl AskError {
    #[must_use]
    pub fn new(kind: FailureKind, advice: Said) -> Self {
        Self { kind, advice, retry_after: None, held_back: false, source: None }
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.advice.fmt(f)
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

    /// Whether every question brings along what was said so far: the engine keeps no conversation of its own.
    fn wants_transcript(&self) -> bool {
        false
    }

    /// Whether [`Self::on_step`] is to be called.
    fn hears_steps(&self) -> bool {
        false
    }

    /// What happened to a contact of this engine's, as the timeline tells it. Not to be waited for, and not repeated after a
    /// restart: an engine that must know looks into the next question's payload.
    fn on_step(&self, _contact: &ContactId, _step: &Step) {}

    /// Whether it is not asked for the moment; asked now and then, for what operators see.
    fn outage(&self) -> Option<Outage> {
        None
    }

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
    /// With tokens.
    pub parameters: Parameters,
    /// What the tokens stand for: for a target that may have it.
    pub secrets: Secrets,
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
