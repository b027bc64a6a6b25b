//! Language engines, one file each, and the table of their kinds.
//!
//! A new engine is its file, one row of [`KINDS`] and its variant in `config::settings`.

pub mod dialogflow_v2;
pub mod google_auth;
mod lookup;

use std::{fmt, io, sync::Arc};

use futures::future::BoxFuture;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    clock::Clock,
    config::settings::{self, Profile},
    core::intents::{AnswerLimits, Intents},
    egress::Names,
    gateway::ports::{AskError, LanguageEngine},
};

use google_auth::{CredentialError, Tokens};
use lookup::Lookup;

/// What engines share. Cheap to clone; lives as long as the process, so that a reload finds the tokens it had.
#[derive(Clone, Debug)]
pub struct Deps {
    pub tokens: Tokens,
    /// How connections to language engines are opened over gRPC.
    pub dial: Dial,
    lookup: Lookup,
}

impl Deps {
    /// Over TCP, to the addresses that `names` tell. No guard on addresses: where engines live is the administrator's word,
    /// and a private endpoint is as good as any.
    #[must_use]
    pub fn new(clock: Clock, names: Arc<Names>) -> Self {
        let lookup = Lookup(names);
        Self { tokens: Tokens::new(clock, Arc::clone(&lookup.0)), dial: lookup.dial(), lookup }
    }
}

/// What a language engine is spoken to over.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

type Dialled = BoxFuture<'static, io::Result<Box<dyn Io>>>;

/// Opens connections: over TCP, or by other means such as a simulated network.
#[derive(Clone)]
pub struct Dial(Arc<dyn Fn(Uri) -> Dialled + Send + Sync>);

impl Dial {
    pub fn new(dial: impl Fn(Uri) -> Dialled + Send + Sync + 'static) -> Self {
        Self(Arc::new(dial))
    }

    fn call(&self, to: Uri) -> Dialled {
        (self.0)(to)
    }
}

impl fmt::Debug for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dial")
    }
}

/// One kind of language engine.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// As it stands in a profile's `type`.
    pub name: &'static str,
    pub description: &'static str,
    build: Build,
}

/// `None`: the profile is of another kind.
type Build = fn(&Profile, &Deps) -> Option<Result<Arc<dyn LanguageEngine>, BuildError>>;

pub const KINDS: &[Kind] = &[Kind {
    name: "dialogflow-v2",
    description: "Google Dialogflow ES, API version 2, over gRPC or REST",
    build: dialogflow_v2::build,
}];

/// Why a profile's settings make no engine. `profile` is its origin, such as `profiles/support.toml`.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{profile}: no language engine of this kind is built in")]
    UnknownKind { profile: String },
    #[error("{profile}: {field}: {problem}")]
    Setting { profile: String, field: &'static str, problem: String },
    #[error("{profile}: credential: {source}")]
    Credential { profile: String, source: CredentialError },
}

/// Makes a profile's engine without touching the network: connections open with the first ask, a token is fetched in the
/// background. To be called within a Tokio runtime.
///
/// # Errors
/// When the settings cannot work, whatever the network does.
pub fn build(profile: &Profile, deps: &Deps) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    KINDS
        .iter()
        .find_map(|kind| (kind.build)(profile, deps))
        .unwrap_or_else(|| Err(BuildError::UnknownKind { profile: profile.origin.clone() }))
}

/// What asking the engine itself told of a profile's credential.
#[derive(Debug)]
pub struct CredentialReport {
    /// The account behind the credential; `None`: no credential is used.
    pub account: Option<String>,
    /// The agent as the engine describes it. An error here is no failure: to converse takes fewer rights than to read the agent.
    pub agent: Result<AgentSummary, AskError>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentSummary {
    pub name: String,
    pub language: String,
    pub time_zone: String,
}

/// Asks the engine whether the profile's credential, project, region and environment can hold a conversation.
///
/// For `usher check --online`: it costs a request of the engine's quota, in a session of its own.
///
/// # Errors
/// When a conversation would fail, with the same kinds and advice as an ask.
pub async fn check_credential(profile: &Profile, deps: &Deps) -> Result<CredentialReport, AskError> {
    match &profile.language_engine {
        settings::LanguageEngine::DialogflowV2(config) => dialogflow_v2::check::run(profile, config, deps).await,
    }
}

/// The intents of the profile's agent, as its engine tells them; `None`: engines of this kind tell of none.
///
/// # Errors
/// When the engine does not tell, with the same kinds and advice as an ask.
pub async fn intents(profile: &Profile, deps: &Deps) -> Option<Result<Intents, AskError>> {
    match &profile.language_engine {
        settings::LanguageEngine::DialogflowV2(config) => {
            Some(dialogflow_v2::intents::read(profile, config, deps).await)
        }
    }
}

/// What an answer of such an engine may hold, for agents that are read from a file.
#[must_use]
pub const fn answer_limits() -> AnswerLimits {
    dialogflow_v2::ANSWER_LIMITS
}
