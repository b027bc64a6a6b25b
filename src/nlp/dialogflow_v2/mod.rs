//! Dialogflow ES, API version 2 (S10): text and events in, one answer out, within the profile's deadline.
//!
//! What the two transports share is here: the deadline around everything, and the retries within it. Inputs: text and DTMF
//! go as text, events as events, clicks and forms as the event `structured`.

pub(super) mod check;
mod convert;
mod errors;
mod grpc;
pub(super) mod intents;
mod rest;
mod rest_model;
mod schema;
mod session;

use std::{future::Future, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep, timeout_at};

use super::{
    BuildError, Deps,
    google_auth::{Route, TokenSource},
};
use crate::{
    clock::Clock,
    config::settings::{EngineSettings, Profile},
    core::{
        ids::Timestamp,
        intents::AnswerLimits,
        message::{Answer, FailureKind, Input, Parameters},
    },
    gateway::ports::{Ask, AskError, LanguageEngine},
    wire::dialogflow_v2::DetectIntentResponse,
};

use errors::Place;
use grpc::GrpcTransport;
use rest::RestTransport;
pub(super) use schema::SCHEMA;
pub use schema::{DialogflowV2, Transport as TransportKind};
use session::{Session, Sessions};

/// What is taken of one answer.
pub(super) const ANSWER_LIMITS: AnswerLimits = convert::LIMITS;

/// As Google's own clients wait: they start with this and grow by 1.3.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_GROWTH: f64 = 1.3;
/// `DetectIntent` is not idempotent: a second try may advance contexts twice, so there are few.
const MAX_RETRIES: u32 = 2;

const PROBE_SESSION: &str = "usher-check";
const PROBE_EVENT: &str = "usher_check";

/// An [`Ask`] without its contact.
struct Query {
    input: Input,
    language: String,
    payload: Parameters,
}

/// How a question travels.
trait Transport: Send + Sync + std::fmt::Debug {
    /// A question made ready once, to be sent as often as it is tried.
    type Question: Send + Sync;

    fn question(&self, session: Session, query: Query, place: &Place) -> Result<Self::Question, AskError>;

    /// One try.
    fn answer(
        &self,
        question: &Self::Question,
        place: &Place,
    ) -> impl Future<Output = Result<DetectIntentResponse, AskError>> + Send;
}

/// What [`build`] and [`check`] make of a profile's settings.
struct Parts {
    place: Place,
    sessions: Sessions,
    endpoint: String,
    extras: convert::Extras,
    tokens: Option<Arc<TokenSource>>,
}

#[derive(Debug)]
struct Engine<T> {
    place: Place,
    sessions: Sessions,
    deadline: Duration,
    tokens: Option<Arc<TokenSource>>,
    transport: T,
}

pub(super) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let config = DialogflowV2::of(&engine.values, profile);
    self::engine(profile, &config, deps).map(|it| it as Arc<dyn LanguageEngine>)
}

/// An engine whatever its transport.
trait Dialogflow: LanguageEngine {
    /// Asks something that concerns no contact.
    fn probe(&self, language: String) -> BoxFuture<'_, Result<(), AskError>>;
}

fn engine(profile: &Profile, config: &DialogflowV2, deps: &Deps) -> Result<Arc<dyn Dialogflow>, BuildError> {
    let bad = |field, problem: String| BuildError::Setting { profile: profile.origin.clone(), field, problem };
    let Parts { place, sessions, endpoint, extras, tokens } = parts(profile, config, deps)?;
    let deadline = config.deadline;
    Ok(match config.transport {
        TransportKind::Grpc => {
            let transport = GrpcTransport::new(&endpoint, config.connections, extras, tokens.clone(), &deps.dial)
                .map_err(|error| bad("endpoint", error.to_string()))?;
            Arc::new(Engine { place, sessions, deadline, tokens, transport })
        }
        TransportKind::Rest => {
            let transport =
                RestTransport::new(&endpoint, config.proxy.as_deref(), extras, tokens.clone(), &deps.lookup)
                    .map_err(|error| bad("proxy", error.to_string()))?;
            Arc::new(Engine { place, sessions, deadline, tokens, transport })
        }
    })
}

fn parts(profile: &Profile, config: &DialogflowV2, deps: &Deps) -> Result<Parts, BuildError> {
    let bad = |field, problem: &str| {
        Err(BuildError::Setting { profile: profile.origin.clone(), field, problem: problem.to_owned() })
    };
    let segments = [("project", Some(&config.project)), ("region", config.region.as_ref())];
    let segments = segments.into_iter().chain([("environment", config.environment.as_ref())]);
    for (field, segment) in segments {
        if segment.is_some_and(|it| it.is_empty() || !it.bytes().all(is_path_byte)) {
            return bad(field, "is empty or holds a character that no such name has");
        }
    }
    if config.user.len() > session::MAX_ID_BYTES || !config.user.bytes().all(is_path_byte) {
        return bad("user", "is longer than 36 bytes or holds a character that cannot stand in a path");
    }
    if config.credential.is_none() && config.endpoint.is_none() {
        return bad("credential", "is missing: only an `endpoint` of your own can do without");
    }
    let route = match (config.transport, &config.proxy) {
        (TransportKind::Grpc, Some(_)) => {
            return bad("proxy", "is for `transport = \"rest\"`; gRPC does not pass HTTP proxies");
        }
        (TransportKind::Grpc, None) => Route::Direct,
        (TransportKind::Rest, Some(proxy)) if !proxy.starts_with("http://") => {
            return bad("proxy", "is not of the form http://[user:password@]host:port");
        }
        (TransportKind::Rest, Some(proxy)) => Route::Proxy(proxy.clone()),
        (TransportKind::Rest, None) => Route::Environment,
    };
    let tokens = config.credential.as_ref().map(|it| deps.tokens.source(it, &route)).transpose();
    let tokens = tokens.map_err(|source| BuildError::Credential { profile: profile.origin.clone(), source })?;
    let endpoint = session::endpoint(config);
    Ok(Parts {
        place: Place::new(profile, config, &endpoint),
        sessions: Sessions::new(config),
        endpoint,
        extras: convert::Extras { time_zone: config.time_zone.clone(), sentiment: config.sentiment },
        tokens,
    })
}

const fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'~')
}

impl<T: Transport> LanguageEngine for Engine<T> {
    fn credential_valid_until(&self) -> Option<Timestamp> {
        self.tokens.as_ref()?.state().valid_until
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            let words = convert::is_words(&ask.input);
            let session = self.sessions.of(&ask.contact);
            let Ask { input, language, payload, .. } = ask;
            let response = self.converse(session, Query { input, language, payload }).await?;
            convert::answer(response, words, &self.place)
        })
    }
}

impl<T: Transport> Dialogflow for Engine<T> {
    fn probe(&self, language: String) -> BoxFuture<'_, Result<(), AskError>> {
        let input = Input::Event { name: PROBE_EVENT.to_owned(), parameters: Parameters::new() };
        let query = Query { input, language, payload: Parameters::new() };
        Box::pin(async move { self.converse(self.sessions.apart(PROBE_SESSION), query).await.map(drop) })
    }
}

impl<T: Transport> Engine<T> {
    async fn converse(&self, session: Session, query: Query) -> Result<DetectIntentResponse, AskError> {
        let jitter = jitter(session.path.as_bytes());
        let question = self.transport.question(session, query, &self.place)?;
        let end = Clock::instant() + self.deadline;
        match timeout_at(end, self.tries(&question, end, jitter)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.late()),
        }
    }

    async fn tries(&self, question: &T::Question, end: Instant, jitter: f64) -> Result<DetectIntentResponse, AskError> {
        let mut pause = FIRST_PAUSE.mul_f64(jitter);
        let mut retries = 0;
        loop {
            match self.transport.answer(question, &self.place).await {
                Err(error)
                    if error.kind == FailureKind::Unavailable
                        && retries < MAX_RETRIES
                        && Clock::instant() + pause < end =>
                {
                    retries += 1;
                    sleep(pause).await;
                    pause = pause.mul_f64(PAUSE_GROWTH);
                }
                outcome => return outcome,
            }
        }
    }

    /// An ask that waited for a token in vain blames what keeps the token away.
    fn late(&self) -> AskError {
        match self.tokens.as_ref().and_then(|it| it.fault()) {
            Some(fault) => self.place.no_token(fault),
            None => self.place.late(self.deadline),
        }
    }
}

/// Between 0.75 and 1.25, by the session: contacts that fail together do not come back together.
fn jitter(session: &[u8]) -> f64 {
    let sum = session.iter().fold(0_u8, |sum, byte| sum.wrapping_mul(31).wrapping_add(*byte));
    0.75 + f64::from(sum) / 510.0
}

#[cfg(test)]
mod tests;
