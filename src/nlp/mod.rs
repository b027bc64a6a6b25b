//! Language engines, one file each, and the table of their kinds.
//!
//! A new engine is its file, with the [`Schema`] that it is configured by, and one row of [`KINDS`].

mod breaker;
pub mod connector;
mod dialogflow_cx;
mod dialogflow_v1;
pub mod dialogflow_v2;
mod fit;
mod gate;
mod google;
pub mod google_auth;
mod governor;
mod guard;
mod lex_v2;
mod llm;
mod lookup;
mod protect;
mod seed;
mod web;
pub mod webhook;
mod wish;

use std::{fmt, io, sync::Arc};

use futures::future::BoxFuture;
use http::Uri;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    clock::Clock,
    config::{
        schema::Schema,
        settings::{EngineSettings, Profile, Settings},
    },
    core::{
        intents::{AnswerLimits, Intents},
        message::FailureKind,
        said::{Said, said},
    },
    egress::{Caller, EgressBuildError, Names},
    gateway::{
        alerts::Alerts,
        ports::{AskError, LanguageEngine},
    },
    telemetry::Metrics,
};

pub use gate::Governors;
use google_auth::{CredentialError, Tokens};
pub use guard::{Guarded, Protection};
use lookup::Lookup;
pub use protect::{QUOTA_FIELD, Role, build_guarded};

/// What engines share. Cheap to clone; lives as long as the process, so that a reload finds the tokens it had.
#[derive(Clone, Debug)]
pub struct Deps {
    pub tokens: Tokens,
    /// How connections to language engines are opened over gRPC.
    pub dial: Dial,
    pub governors: Governors,
    /// The connectors that are attached.
    pub connectors: connector::Hub,
    /// Answers that connectors post later.
    pub replies: webhook::Replies,
    clock: Clock,
    lookup: Lookup,
}

impl Deps {
    /// Over TCP, to the addresses that `names` tell. No guard on addresses: where engines live is the administrator's word,
    /// and a private endpoint is as good as any.
    #[must_use]
    pub fn new(clock: Clock, names: Arc<Names>) -> Self {
        let lookup = Lookup(names);
        let (metrics, alerts) = (Arc::<Metrics>::default(), Arc::new(Alerts::new(Arc::default())));
        let governors = Governors::new(clock.clone(), Arc::clone(&metrics));
        let connectors = connector::Hub::new(clock.clone(), metrics, alerts);
        let tokens = Tokens::new(clock.clone(), Arc::clone(&lookup.0));
        let replies = webhook::Replies::default();
        Self { tokens, dial: lookup.dial(), governors, connectors, replies, clock, lookup }
    }

    /// With the gateway's own metrics and alerts.
    #[must_use]
    pub fn seen_by(self, clock: Clock, metrics: &Arc<Metrics>, alerts: &Arc<Alerts>) -> Self {
        let governors = Governors::new(clock.clone(), Arc::clone(metrics));
        let connectors = connector::Hub::new(clock, Arc::clone(metrics), Arc::clone(alerts));
        Self { governors, connectors, ..self }
    }

    /// With a door that others reach by this address. `None`: nobody can post an answer later.
    #[must_use]
    pub fn reached_by(self, public_url: Option<&str>) -> Self {
        Self { replies: webhook::Replies::new(public_url), ..self }
    }
}

impl Deps {
    /// Waiting for quotas is counted there.
    #[must_use]
    pub fn counting(self, clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self { governors: Governors::new(clock, metrics), ..self }
    }

    /// For calls to an engine's endpoint over HTTP.
    ///
    /// # Errors
    /// When endpoint or proxy are none.
    pub fn caller(
        &self,
        endpoint: &str,
        proxy: Option<&str>,
        max_answer_bytes: usize,
    ) -> Result<Caller, EgressBuildError> {
        Caller::new(endpoint, proxy, &self.lookup.0, max_answer_bytes)
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
    pub schema: &'static Schema,
    build: Build,
    check: Check,
}

type Build = fn(&EngineSettings, &Profile, &Deps) -> Result<Arc<dyn LanguageEngine>, BuildError>;
type Check = for<'a> fn(&'a EngineSettings, &'a Profile, &'a Deps) -> BoxFuture<'a, Result<CredentialReport, AskError>>;

pub const KINDS: &[Kind] = &[
    Kind {
        schema: &dialogflow_v2::SCHEMA,
        build: dialogflow_v2::build,
        check: |engine, profile, deps| Box::pin(dialogflow_v2::check::run(engine, profile, deps)),
    },
    Kind {
        schema: &dialogflow_cx::SCHEMA,
        build: dialogflow_cx::build,
        check: |engine, profile, deps| Box::pin(dialogflow_cx::check::run(engine, profile, deps)),
    },
    Kind {
        schema: &dialogflow_v1::SCHEMA,
        build: dialogflow_v1::build,
        check: |engine, profile, deps| Box::pin(dialogflow_v1::check::run(engine, profile, deps)),
    },
    Kind {
        schema: &lex_v2::SCHEMA,
        build: lex_v2::build,
        check: |engine, profile, deps| Box::pin(lex_v2::check::run(engine, profile, deps)),
    },
    Kind { schema: &connector::SCHEMA, build: connector::build, check: connector::check_online },
    Kind {
        schema: &llm::SCHEMA,
        build: llm::build,
        check: |engine, profile, deps| Box::pin(llm::check::run(engine, profile, deps)),
    },
    Kind { schema: &webhook::SCHEMA, build: webhook::build, check: webhook::check },
];

/// Whether one of the profiles' engines comes to us, to dial in or to post an answer later, and needs a door for that.
#[must_use]
pub fn needs_door(settings: &Settings) -> bool {
    let posts_back = |engine: &EngineSettings| settings.connectors.public_url.is_some() && webhook::posts_back(engine);
    let mut engines = settings.profiles.iter().flat_map(|profile| profile.engines.all());
    engines.any(|(_, engine)| engine.schema.kind == connector::SCHEMA.kind || posts_back(engine))
}

/// Whether this engine comes to a running gateway: there is none to go to.
#[must_use]
pub fn dials_in(engine: &EngineSettings) -> bool {
    engine.schema.kind == connector::SCHEMA.kind
}

/// How each kind is configured, for `config::load`.
#[must_use]
pub fn schemas() -> Vec<&'static Schema> {
    KINDS.iter().map(|kind| kind.schema).collect()
}

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

/// Makes one of a profile's engines without touching the network: connections open with the first ask, a token is fetched in the
/// background. To be called within a Tokio runtime.
///
/// # Errors
/// When the settings cannot work, whatever the network does.
pub fn build(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let kind = kind_of(engine).ok_or_else(|| BuildError::UnknownKind { profile: profile.origin.clone() })?;
    (kind.build)(engine, profile, deps)
}

fn kind_of(engine: &EngineSettings) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.schema.kind == engine.schema.kind)
}

/// What asking the engine itself told of a profile's credential.
#[derive(Debug)]
pub struct CredentialReport {
    /// The account behind the credential; `None`: no credential is used.
    pub account: Option<Said>,
    /// What the engine says of itself. An error here is no failure: to converse takes fewer rights than to read an agent.
    pub about: Result<Said, AskError>,
}

/// Asks the engine whether what is set for it can hold a conversation.
///
/// For `usher check --online`: it costs a request of the engine's quota, in a session of its own.
///
/// # Errors
/// When a conversation would fail, with the same kinds and advice as an ask.
pub async fn check_credential(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    match kind_of(engine) {
        Some(kind) => (kind.check)(engine, profile, deps).await,
        None => Err(AskError::new(FailureKind::Invalid, said!("no language engine of this kind is built in"))),
    }
}

type ReadIntents = for<'a> fn(&'a EngineSettings, &'a Profile, &'a Deps) -> BoxFuture<'a, Result<Intents, AskError>>;

/// The kinds whose agents tell of their intents.
const TELL_INTENTS: &[(&str, ReadIntents)] = &[(dialogflow_v2::SCHEMA.kind, |engine, profile, deps| {
    Box::pin(dialogflow_v2::intents::read(engine, profile, deps))
})];

/// The intents of an engine's agent, as the engine tells them; `None`: engines of this kind tell of none.
///
/// # Errors
/// When the engine does not tell, with the same kinds and advice as an ask.
pub async fn intents(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Option<Result<Intents, AskError>> {
    let (_, read) = TELL_INTENTS.iter().find(|(kind, _)| *kind == engine.schema.kind)?;
    Some(read(engine, profile, deps).await)
}

/// What an answer of such an engine may hold, for agents that are read from a file.
#[must_use]
pub const fn answer_limits() -> AnswerLimits {
    dialogflow_v2::ANSWER_LIMITS
}
