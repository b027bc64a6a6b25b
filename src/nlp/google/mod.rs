//! What Dialogflow's versions share: the ways to Google and back, and the deadline and retries around every question.
//!
//! A version is an [`Api`]: its messages, how a question becomes a request, and what is made of the response. How requests
//! travel is a [`Transport`]: [`grpc`] serves every version, REST is each one's own on top of [`rest`].

pub(super) mod content;
pub(super) mod errors;
pub(super) mod fields;
pub(super) mod grpc;
pub(super) mod rest;
mod retry;
pub(super) mod session;
pub(super) mod way;

use std::{fmt::Debug, future::Future, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use prost::Message;
use tokio::time::{Instant, sleep, timeout_at};

use super::google_auth::TokenSource;
use crate::{
    clock::Clock,
    core::{
        ids::Timestamp,
        message::{Answer, FailureKind, Input, MediaType, Parameters},
    },
    gateway::ports::{Ask, AskError, LanguageEngine, Seed},
    wire::json::{Enums, Json},
};

use errors::Place;
use session::{Session, Sessions};

/// As Google's own clients wait: they start with this and grow by 1.3.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const PAUSE_GROWTH: f64 = 1.3;
/// `DetectIntent` is not idempotent: a second try may advance the conversation twice, so there are few.
const MAX_RETRIES: u32 = 2;

const PROBE_SESSION: &str = "usher-check";
const PROBE_EVENT: &str = "usher_check";

/// An [`Ask`] without its contact.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub(super) input: Input,
    pub(super) language: String,
    pub(super) payload: Parameters,
    pub(super) seed: Option<Box<Seed>>,
}

/// What a response is an answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// The customer's words: then a response that matches nothing means that nothing was understood.
    pub(super) words: bool,
    pub(super) media: MediaType,
}

impl Asked {
    pub(super) const fn of(input: &Input, media: MediaType) -> Self {
        let words = match input {
            Input::Text(_) | Input::Dtmf(_) => true,
            Input::Event { .. } | Input::Structured(_) | Input::Redacted => false,
        };
        Self { words, media }
    }
}

/// One version of Dialogflow, as far as a conversation goes.
pub(super) trait Api: Debug + Send + Sync + 'static {
    type Request: Message;
    type Response: Message + Default + Debug;
    /// Of its messages.
    const PACKAGE: &'static str;
    /// The path of its `DetectIntent` over gRPC.
    const METHOD: &'static str;

    fn request(&self, session: String, query: Query, place: &Place) -> Result<Self::Request, AskError>;

    fn answer(&self, response: Self::Response, asked: Asked, place: &Place) -> Result<Answer, AskError>;
}

/// How a request travels.
pub(super) trait Transport<A: Api>: Debug + Send + Sync {
    /// A request made ready once, to be sent as often as it is tried.
    type Question: Send + Sync;

    /// `routing` is what Google's front finds the project's servers by.
    fn question(&self, request: A::Request, routing: String, place: &Place) -> Result<Self::Question, AskError>;

    /// One try.
    fn answer(
        &self,
        question: &Self::Question,
        place: &Place,
    ) -> impl Future<Output = Result<A::Response, AskError>> + Send;
}

#[derive(Debug)]
pub(super) struct Engine<A, T> {
    pub(super) api: A,
    pub(super) place: Place,
    pub(super) sessions: Sessions,
    pub(super) deadline: Duration,
    pub(super) tokens: Option<Arc<TokenSource>>,
    pub(super) transport: T,
}

/// An engine whatever its version and transport.
pub(super) trait Dialogflow: LanguageEngine {
    /// Asks something that concerns no contact.
    fn probe(&self, language: String) -> BoxFuture<'_, Result<(), AskError>>;
}

impl<A: Api, T: Transport<A>> LanguageEngine for Engine<A, T> {
    fn credential_valid_until(&self) -> Option<Timestamp> {
        self.tokens.as_ref()?.state().valid_until
    }

    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            let session = self.sessions.of(&ask.contact);
            let Ask { media, input, language, payload, seed, ear, .. } = ask;
            let asked = Asked::of(&input, media);
            let response = self.converse(session, Query { input, language, payload, seed }).await?;
            ear.answered(|| told::<A>(&response));
            self.api.answer(response, asked, &self.place)
        })
    }
}

/// As the API's own JSON has it, for whoever looks at it.
fn told<A: Api>(response: &A::Response) -> String {
    let json = Json::new(A::PACKAGE).map_err(|error| error.to_string());
    let written =
        json.and_then(|it| it.write("DetectIntentResponse", response, Enums::Names).map_err(|error| error.to_string()));
    let read =
        written.and_then(|it| serde_json::from_slice::<serde_json::Value>(&it).map_err(|error| error.to_string()));
    read.map_or_else(|why| format!("the answer cannot be shown: {why}"), |it| format!("{it:#}"))
}

impl<A: Api, T: Transport<A>> Dialogflow for Engine<A, T> {
    fn probe(&self, language: String) -> BoxFuture<'_, Result<(), AskError>> {
        let input = Input::Event { name: PROBE_EVENT.to_owned(), parameters: Parameters::new() };
        let query = Query { input, language, payload: Parameters::new(), seed: None };
        Box::pin(async move { self.converse(self.sessions.apart(PROBE_SESSION), query).await.map(drop) })
    }
}

impl<A: Api, T: Transport<A>> Engine<A, T> {
    async fn converse(&self, session: Session, query: Query) -> Result<A::Response, AskError> {
        let jitter = jitter(session.path.as_bytes());
        let request = self.api.request(session.path, query, &self.place)?;
        let question = self.transport.question(request, session.routing, &self.place)?;
        let end = Clock::instant() + self.deadline;
        match timeout_at(end, self.tries(&question, end, jitter)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(self.late()),
        }
    }

    async fn tries(&self, question: &T::Question, end: Instant, jitter: f64) -> Result<A::Response, AskError> {
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
pub(super) mod tests;
