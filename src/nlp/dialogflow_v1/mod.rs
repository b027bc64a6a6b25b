//! Dialogflow, API version 1 (S9): Google has closed it, and servers of others speak it. Text and events in, one JSON answer
//! out, within the profile's deadline.

pub(super) mod check;
mod convert;
mod errors;
mod schema;

use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{
    HeaderMap, HeaderValue, Method,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::ExposeSecret as _;

use super::{
    BuildError, Deps, fit,
    web::{self, Place, Web},
};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        message::{Answer, FailureKind, Input, Parameters},
        said::{Said, said},
    },
    egress::{Reply, Request},
    gateway::ports::{Ask, AskError, LanguageEngine, Seed},
};

use convert::Setting;
use schema::DialogflowV1;
pub(super) use schema::SCHEMA;

/// The API's bound on session ids.
const MAX_SESSION_BYTES: usize = 36;

struct Engine {
    web: Web,
    headers: HeaderMap,
    time_zone: String,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DialogflowV1").field("web", &self.web).finish_non_exhaustive()
    }
}

pub(super) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    self::engine(engine, profile, deps).map(|it| Arc::new(it) as Arc<dyn LanguageEngine>)
}

fn engine(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Result<Engine, BuildError> {
    let DialogflowV1 { url, client_token, deadline, proxy, time_zone } = DialogflowV1::of(&engine.values, profile);
    let bad = |field, problem: &str| BuildError::Setting {
        profile: profile.origin.clone(),
        field,
        problem: problem.to_owned(),
    };
    let caller = deps
        .caller(&url, proxy.as_deref(), web::MAX_ANSWER_BYTES)
        .map_err(|error| bad("dialogflow_v1.url", &error.to_string()))?;
    let token = HeaderValue::try_from(format!("Bearer {}", client_token.expose_secret()))
        .map_err(|_unsaid| bad("dialogflow_v1.client_token", "holds a character that no token has"))?;
    let place = Place {
        profile: profile.name.to_string(),
        peer: "Dialogflow V1",
        at: caller.place().to_owned(),
        hint: if schema::is_googles(&url) { errors::CLOSED } else { Said::default() },
    };
    Ok(Engine { web: Web::new(caller, place, deadline), headers: headers(token), time_zone })
}

fn headers(mut token: HeaderValue) -> HeaderMap {
    const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
    token.set_sensitive(true);
    [(AUTHORIZATION, token), (CONTENT_TYPE, JSON), (ACCEPT, JSON)].into_iter().collect()
}

impl LanguageEngine for Engine {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        let session = fit::session(&ask.contact, MAX_SESSION_BYTES);
        Box::pin(async move {
            let words = fit::is_words(&ask.input);
            let reply = self.converse(ask.input, (ask.payload, ask.seed), &ask.language, &session).await?;
            ask.ear.answered_in(&reply.body);
            convert::answer(&reply.body, words, &self.web.place)
        })
    }
}

impl Engine {
    /// An answer that is one, to judge by its body.
    async fn converse(
        &self,
        input: Input,
        given: (Parameters, Option<Box<Seed>>),
        language: &str,
        session: &str,
    ) -> Result<Reply, AskError> {
        let place = &self.web.place;
        let setting = Setting { language, session, time_zone: &self.time_zone };
        let query = convert::query(input, given, setting, place)?;
        let invalid = |error: serde_json::Error| {
            place.failure(FailureKind::Invalid, &said!("the question is no JSON"), Some(error.into()))
        };
        let body = Bytes::from(serde_json::to_vec(&query).map_err(invalid)?);
        let request = || {
            let headers = self.headers.clone();
            Ok(Request { method: Method::POST, path: String::new(), headers, body: body.clone() })
        };
        let reply = self.web.send(request, self.web.end()).await?;
        if reply.status.is_success() {
            return Ok(reply);
        }
        let own = convert::status_code(&reply.body).filter(|it| (400..600).contains(it));
        let retry_after = web::retry_after(&reply);
        Err(AskError { retry_after, ..errors::refused(place, own.unwrap_or(reply.status.as_u16())) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn place() -> Place {
        Place {
            profile: "support".into(),
            peer: "Dialogflow V1",
            at: "http://bot.example".into(),
            hint: Said::default(),
        }
    }
}
