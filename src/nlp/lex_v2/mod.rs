//! Amazon Lex V2 over its REST runtime: text in, one answer out, within the profile's deadline, every request signed.
//!
//! AWS refuses requests that were signed too long ago or too far ahead. Its answers tell the time, so a clock that goes wrong is
//! allowed for as AWS's own clients do: the first such refusal is answered by a second try at AWS's time.

pub(super) mod check;
mod convert;
mod errors;
mod schema;
mod sign;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Method, header::DATE};
use jiff::fmt::rfc2822;
use tokio::time::Instant;

use super::{
    BuildError, Deps, fit,
    web::{self, Place, Web},
};
use crate::{
    clock::Clock,
    config::settings::{EngineSettings, Profile},
    core::{
        ids::Timestamp,
        message::{Answer, FailureKind, Input, Parameters},
        said::{Said, said},
    },
    egress::{Reply, Request},
    gateway::ports::{Ask, AskError, LanguageEngine, Seed},
};

use convert::Reading;
use errors::Bot;
pub(super) use schema::SCHEMA;
use schema::{Lex, Locales};
use sign::Signer;

/// The API's bound on session ids.
const MAX_SESSION_BYTES: usize = 100;
/// AWS takes signatures five minutes off; with less than this between the clocks, they are not the reason.
const MIN_SKEW_MS: u64 = 4 * 60 * 1000;

#[derive(Debug)]
struct Engine {
    web: Web,
    bot: Bot,
    endpoint: String,
    locales: Locales,
    signer: Signer,
    clock: Clock,
    /// What is to be added to our clock to have AWS's.
    skew_ms: AtomicI64,
    fallback_intent: String,
    event_texts: BTreeMap<String, String>,
    actions: BTreeSet<String>,
}

/// What goes along with an input: what the contact centre knows, and what was said to others.
type Given = (Parameters, Option<Box<Seed>>);

/// Whose conversation, and in what language.
#[derive(Clone, Copy)]
struct Session<'a> {
    id: &'a str,
    language: &'a str,
}

pub(super) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    self::engine(engine, profile, deps).map(|it| Arc::new(it) as Arc<dyn LanguageEngine>)
}

fn engine(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Result<Engine, BuildError> {
    let config = Lex::of(&engine.values, profile);
    let caller = deps.caller(&config.endpoint, config.proxy.as_deref(), web::MAX_ANSWER_BYTES).map_err(|error| {
        let (field, problem) = ("lex.endpoint", error.to_string());
        BuildError::Setting { profile: profile.origin.clone(), field, problem }
    })?;
    let signer = Signer::new(&config);
    let place = Place {
        profile: profile.name.to_string(),
        peer: "Amazon Lex",
        at: caller.place().to_owned(),
        hint: Said::default(),
    };
    Ok(Engine {
        web: Web::new(caller, place, config.deadline),
        bot: Bot { region: config.region, id: config.bot_id, alias: config.bot_alias_id },
        endpoint: config.endpoint,
        locales: config.locales,
        signer,
        clock: deps.clock.clone(),
        skew_ms: AtomicI64::new(0),
        fallback_intent: config.fallback_intent,
        event_texts: config.event_texts,
        actions: config.actions,
    })
}

impl LanguageEngine for Engine {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        let id = fit::session(&ask.contact, MAX_SESSION_BYTES);
        Box::pin(async move {
            let session = Session { id: &id, language: &ask.language };
            let reply = self.recognize(ask.input, (ask.payload, ask.seed), session).await?;
            ask.ear.answered_in(&reply.body);
            self.read(&reply)
        })
    }
}

impl Engine {
    async fn answer(&self, input: Input, given: Given, session: Session<'_>) -> Result<Answer, AskError> {
        self.read(&self.recognize(input, given, session).await?)
    }

    fn read(&self, reply: &Reply) -> Result<Answer, AskError> {
        let Self { fallback_intent, actions, bot, .. } = self;
        Reading { fallback_intent, actions, bot, place: &self.web.place }.answer(&reply.body)
    }

    /// An answer that is one, to judge by its body.
    async fn recognize(&self, input: Input, given: Given, session: Session<'_>) -> Result<Reply, AskError> {
        let place = &self.web.place;
        let utterance = convert::utterance(input, given, &self.event_texts, place)?;
        let invalid = |error: serde_json::Error| {
            place.failure(FailureKind::Invalid, &said!("the question is no JSON"), Some(error.into()))
        };
        let body = Bytes::from(serde_json::to_vec(&utterance).map_err(invalid)?);
        let (Bot { id, alias, .. }, locale) = (&self.bot, self.locales.nearest(session.language));
        let path = format!("/bots/{id}/botAliases/{alias}/botLocales/{locale}/sessions/{}/text", session.id);

        let end = self.web.end();
        let mut reply = self.call(&path, &body, end).await?;
        if self.learns_the_time(&reply) {
            reply = self.call(&path, &body, end).await?;
        }
        if reply.status.is_success() {
            return Ok(reply);
        }
        let error = errors::refused(place, &self.bot, reply.status.as_u16(), &errors::error_type(&reply));
        Err(AskError { retry_after: web::retry_after(&reply), ..error })
    }

    async fn call(&self, path: &str, body: &Bytes, end: Instant) -> Result<Reply, AskError> {
        let url = format!("{}{path}", self.endpoint);
        let request = || {
            let unsigned = |error: sign::Unsigned| {
                let advice = said!("{}: check `access_key_id`, `secret_access_key` and `session_token`", error);
                self.web.place.failure(FailureKind::Credential, &advice, Some(error.into()))
            };
            let headers = self.signer.headers(&url, body, self.now()).map_err(unsigned)?;
            Ok(Request { method: Method::POST, path: path.to_owned(), headers, body: body.clone() })
        };
        self.web.send(request, end).await
    }

    /// AWS's time, as far as it is known.
    fn now(&self) -> Timestamp {
        Timestamp(self.clock.now().0.saturating_add(self.skew_ms.load(Ordering::Relaxed)))
    }

    /// Whether the request was refused unseen because of our clock, and is worth another try with what is known now.
    fn learns_the_time(&self, reply: &Reply) -> bool {
        if reply.status.is_success() || !errors::doubts_the_time(&errors::error_type(reply)) {
            return false;
        }
        let date = reply.headers.get(DATE).and_then(|it| it.to_str().ok());
        let Some(theirs) = date.and_then(|it| rfc2822::parse(it).ok()) else { return false };
        let theirs = theirs.timestamp().as_millisecond();
        if theirs.abs_diff(self.now().0) < MIN_SKEW_MS {
            return false;
        }
        let skew = theirs.saturating_sub(self.clock.now().0);
        tracing::warn!(skew.ms = skew, "this machine's clock differs from AWS's: set it");
        self.skew_ms.store(skew, Ordering::Relaxed);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn place() -> Place {
        Place { profile: "support".into(), peer: "Amazon Lex", at: "https://lex.example".into(), hint: Said::default() }
    }

    pub(super) fn bot() -> Bot {
        Bot { region: "eu-central-1".into(), id: "ABCDEFGHIJ".into(), alias: "TSTALIASID".into() }
    }
}
