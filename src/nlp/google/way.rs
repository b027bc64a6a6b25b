//! The way from a profile to Google: credential, endpoint and transport, checked and put together.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use super::{Api, Dialogflow, Engine, Transport, errors::Place, grpc::GrpcTransport, rest::Http, session::Sessions};
use crate::nlp::{
    BuildError, Deps,
    google_auth::{Route, TokenSource},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransportKind {
    Grpc,
    Rest,
}

/// As a profile says it.
#[derive(Clone, Copy)]
pub(in crate::nlp) struct Settings<'a> {
    pub(in crate::nlp) credential: Option<&'a SecretString>,
    /// In place of Google's.
    pub(in crate::nlp) own_endpoint: Option<&'a str>,
    pub(in crate::nlp) region: Option<&'a str>,
    pub(in crate::nlp) transport: TransportKind,
    pub(in crate::nlp) connections: usize,
    pub(in crate::nlp) deadline: Duration,
    pub(in crate::nlp) proxy: Option<&'a str>,
}

pub(in crate::nlp) struct Way {
    pub(in crate::nlp) endpoint: String,
    pub(in crate::nlp) deadline: Duration,
    pub(in crate::nlp) tokens: Option<Arc<TokenSource>>,
    origin: String,
    transport: TransportKind,
    connections: usize,
    proxy: Option<String>,
}

impl Way {
    /// `origin` is the profile's, such as `profiles/support.toml`.
    pub(in crate::nlp) fn new(origin: &str, settings: Settings<'_>, deps: &Deps) -> Result<Self, BuildError> {
        let bad = |field, problem: &str| {
            Err(BuildError::Setting { profile: origin.to_owned(), field, problem: problem.to_owned() })
        };
        if settings.credential.is_none() && settings.own_endpoint.is_none() {
            return bad("credential", "is missing: only an `endpoint` of your own can do without");
        }
        let route = match (settings.transport, settings.proxy) {
            (TransportKind::Grpc, Some(_)) => {
                return bad("proxy", "is for `transport = \"rest\"`; gRPC does not pass HTTP proxies");
            }
            (TransportKind::Grpc, None) => Route::Direct,
            (TransportKind::Rest, Some(proxy)) if !proxy.starts_with("http://") => {
                return bad("proxy", "is not of the form http://[user:password@]host:port");
            }
            (TransportKind::Rest, Some(proxy)) => Route::Proxy(proxy.to_owned()),
            (TransportKind::Rest, None) => Route::Environment,
        };
        let tokens = settings.credential.map(|it| deps.tokens.source(it, &route)).transpose();
        let tokens = tokens.map_err(|source| BuildError::Credential { profile: origin.to_owned(), source })?;
        Ok(Self {
            endpoint: super::session::endpoint(settings.own_endpoint, settings.region),
            deadline: settings.deadline,
            tokens,
            origin: origin.to_owned(),
            transport: settings.transport,
            connections: settings.connections,
            proxy: settings.proxy.map(str::to_owned),
        })
    }

    /// An engine that goes this way; `rest` is its version's transport for JSON.
    pub(in crate::nlp) fn engine<A: Api, R: Transport<A> + 'static>(
        &self,
        api: A,
        place: Place,
        sessions: Sessions,
        rest: impl FnOnce(Http) -> R,
        deps: &Deps,
    ) -> Result<Arc<dyn Dialogflow>, BuildError> {
        let (deadline, tokens) = (self.deadline, self.tokens.clone());
        Ok(match self.transport {
            TransportKind::Grpc => {
                let transport = GrpcTransport::new(&self.endpoint, self.connections, tokens.clone(), &deps.dial)
                    .map_err(|error| self.bad("endpoint", error.to_string()))?;
                Arc::new(Engine { api, place, sessions, deadline, tokens, transport })
            }
            TransportKind::Rest => {
                Arc::new(Engine { api, place, sessions, deadline, tokens, transport: rest(self.http(deps)?) })
            }
        })
    }

    pub(in crate::nlp) fn http(&self, deps: &Deps) -> Result<Http, BuildError> {
        Http::new(&self.endpoint, self.proxy.as_deref(), self.tokens.clone(), &deps.lookup)
            .map_err(|error| self.bad("proxy", error.to_string()))
    }

    fn bad(&self, field: &'static str, problem: String) -> BuildError {
        BuildError::Setting { profile: self.origin.clone(), field, problem }
    }
}
