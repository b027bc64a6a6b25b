//! The HTTP client of the chat's load: plain HTTP/1.1 to one server that its user has started.
//!
//! Not `egress`: that one guards what the product calls for its customers, and would refuse a server on loopback.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use bytes::Bytes;
use futures::{Stream, TryStreamExt as _};
use http::{Method, Request, Response, StatusCode, Uri, header, uri};
use hyper_util::{
    client::legacy::{Client as Inner, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
const MAX_ANSWER_BYTES: usize = 65_536;

#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("{0} is no address of a chat: write http://HOST:PORT (the load generator speaks plain HTTP alone)")]
    Address(Uri),
    #[error("{path}: no connection, or it was lost")]
    Connection { path: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("{path}: no answer within {ANSWER_WITHIN:?}")]
    Late { path: String },
    #[error("{path}: status {status}: {detail}")]
    Status { path: String, status: StatusCode, detail: String, retry_after: Option<Duration> },
    #[error("{path}: the answer cannot be read: {why}")]
    Answer { path: String, why: String },
}

impl HttpError {
    /// Whether the same request may do better later, and when.
    pub(super) fn again_after(&self) -> Option<Duration> {
        const SOON: Duration = Duration::from_millis(250);
        match self {
            Self::Connection { .. } | Self::Late { .. } => Some(SOON),
            Self::Status { status, retry_after, .. } => {
                let later = *status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
                later.then(|| retry_after.unwrap_or(SOON))
            }
            Self::Address(_) | Self::Answer { .. } => None,
        }
    }

    pub(super) fn is_limit(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS)
    }
}

#[derive(Clone, Debug)]
pub(super) struct Client {
    inner: Inner<HttpConnector, Body>,
    authority: uri::Authority,
}

impl Client {
    pub(super) fn new(server: &Uri) -> Result<Self, HttpError> {
        let plain = server.scheme() == Some(&uri::Scheme::HTTP);
        let Some(authority) = server.authority().filter(|_| plain).cloned() else {
            return Err(HttpError::Address(server.clone()));
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_WITHIN));
        Ok(Self { inner: Inner::builder(TokioExecutor::new()).build(connector), authority })
    }

    /// `path` may be a whole address, too; only its path and query count.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Bytes, HttpError> {
        let mut request = Request::builder().method(method);
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map_or_else(Body::empty, |it| Body::from(it.to_string()));
        let whole = async {
            let response = self.ask(request, path, body).await?;
            let read = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await;
            read.map_err(|why| HttpError::Answer { path: named(path), why: why.to_string() })
        };
        timeout(ANSWER_WITHIN, whole).await.unwrap_or_else(|_| Err(HttpError::Late { path: named(path) }))
    }

    /// What arrives as it arrives, from after the event `last` on.
    pub(super) async fn follow(
        &self,
        path: &str,
        last: Option<u64>,
    ) -> Result<impl Stream<Item = Result<Bytes, HttpError>> + Unpin + Send + 'static, HttpError> {
        let mut request = Request::builder().header(header::ACCEPT, "text/event-stream");
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let asked = timeout(ANSWER_WITHIN, self.ask(request, path, Body::empty())).await;
        let response = asked.unwrap_or_else(|_| Err(HttpError::Late { path: named(path) }))?;
        let path = path.to_owned();
        Ok(response.into_body().into_data_stream().map_err(move |why| lost(&path, why)))
    }

    async fn ask(&self, request: http::request::Builder, path: &str, body: Body) -> Result<Response<Body>, HttpError> {
        let answer = |why: &dyn std::fmt::Display| HttpError::Answer { path: named(path), why: why.to_string() };
        let target: Uri = path.parse().map_err(|why: uri::InvalidUri| answer(&why))?;
        let target = target.path_and_query().map_or("/", uri::PathAndQuery::as_str);
        let request = request.uri(format!("http://{}{target}", self.authority)).body(body);
        let request = request.map_err(|why| answer(&why))?;
        let response = self.inner.request(request).await.map_err(|why| lost(path, why))?.map(Body::new);
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|it| it.to_str().ok()?.parse().ok());
        let detail = to_bytes(response.into_body(), MAX_ANSWER_BYTES).await.unwrap_or_default();
        let detail = String::from_utf8_lossy(&detail).into_owned();
        Err(HttpError::Status { path: named(path), status, detail, retry_after: retry_after.map(Duration::from_secs) })
    }
}

fn lost(path: &str, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> HttpError {
    HttpError::Connection { path: named(path), source: why.into() }
}

/// Without the query: a token may be in it.
fn named(path: &str) -> String {
    path.split('?').next().unwrap_or_default().to_owned()
}

/// Reads what a request answered.
pub(super) fn read<T: DeserializeOwned>(path: &str, answer: &[u8]) -> Result<T, HttpError> {
    let wrong = |why: serde_json::Error| HttpError::Answer { path: named(path), why: why.to_string() };
    serde_json::from_slice(answer).map_err(wrong)
}
