//! JSON over HTTP to Google, for sites behind an HTTP proxy: through the profile's proxy and by our own look-up (S32).
//!
//! Google's own HTTP client takes proxies from the environment only, and looks names up by the system alone.

use std::sync::Arc;

use google_cloud_gax::error::{Error, rpc::Status as RpcStatus};
use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tonic::Code;

use super::{errors::Place, retry};
use crate::{
    gateway::ports::AskError,
    nlp::{
        google_auth::TokenSource,
        lookup::{CONNECT_TIMEOUT, Lookup},
    },
};

const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Sends through the profile's proxy; without one, through that of the environment, if any.
#[derive(Clone, Debug)]
pub(in crate::nlp) struct Http {
    http: reqwest::Client,
    endpoint: String,
    tokens: Option<Arc<TokenSource>>,
    max_answer_bytes: usize,
}

impl Http {
    pub(in crate::nlp) fn new(
        endpoint: &str,
        proxy: Option<&str>,
        tokens: Option<Arc<TokenSource>>,
        lookup: &Lookup,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder();
        let http = match proxy {
            Some(proxy) => http.proxy(reqwest::Proxy::all(proxy)?),
            None => http,
        };
        let http = http
            .dns_resolver(Arc::new(lookup.clone()))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()?;
        Ok(Self { http, endpoint: endpoint.to_owned(), tokens, max_answer_bytes: MAX_ANSWER_BYTES })
    }

    /// For what is larger than an answer of a conversation.
    pub(in crate::nlp) fn with_answers_up_to(self, max_answer_bytes: usize) -> Self {
        Self { max_answer_bytes, ..self }
    }

    /// `path` begins with a slash.
    pub(in crate::nlp) fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.endpoint))
    }

    /// `path` begins with a slash.
    pub(in crate::nlp) fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.endpoint))
    }

    /// Waits for a token where there is none yet: only so is a missing token told from Google's refusals.
    pub(in crate::nlp) async fn ready(&self, place: &Place) -> Result<(), AskError> {
        let Some(tokens) = &self.tokens else { return Ok(()) };
        tokens.bearer().await.map(drop).map_err(|fault| place.no_token(fault))
    }

    /// The body of a good answer.
    pub(in crate::nlp) async fn send(&self, mut request: reqwest::RequestBuilder) -> Result<bytes::Bytes, Error> {
        if let Some(bearer) = self.tokens.as_ref().and_then(|it| it.current()) {
            request = request.header(AUTHORIZATION, bearer);
        }
        let mut answer = request
            .send()
            .await
            .map_err(|error| if error.is_connect() { Error::connect(error) } else { Error::io(error) })?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(Error::io)? {
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(Error::deser(format!("the answer is larger than {} bytes", self.max_answer_bytes)));
            }
            body.extend_from_slice(&chunk);
        }
        let body = bytes::Bytes::from(body);
        if status.is_success() {
            return Ok(body);
        }
        Err(match RpcStatus::try_from(&body) {
            Ok(known) => Error::service_with_http_metadata(known, Some(status.as_u16()), None),
            Err(_) => Error::http(status.as_u16(), HeaderMap::new(), body),
        })
    }
}

pub(in crate::nlp) fn failed(error: Error, place: &Place) -> AskError {
    if let Some(status) = error.status() {
        let mut code = Code::from(status.code as i32);
        if code == Code::Unknown {
            code = error.http_status_code().map_or(code, code_of);
        }
        let retry_after = retry::of_rest(status);
        return AskError { retry_after, ..place.refused(code, Some(error.into())) };
    }
    match error.http_status_code() {
        Some(http) if !(200..300).contains(&http) => place.refused(code_of(http), Some(error.into())),
        Some(_) | None if error.is_deserialization() => place.malformed(Some(error.into())),
        Some(_) | None => place.unreachable(Some(error.into())),
    }
}

/// For answers without Google's own status, such as a proxy's.
const fn code_of(http: u16) -> Code {
    match http {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        429 => Code::ResourceExhausted,
        502..=504 => Code::Unavailable,
        500 => Code::Internal,
        _ => Code::Unknown,
    }
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.clone();
        Box::pin(async move { Ok(Box::new(lookup.addresses(name.as_str()).await?) as Addrs) })
    }
}
