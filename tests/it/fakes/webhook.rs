//! A connector's webhook on the wire, as `docs/engines/webhook.md` asks of one: it checks the signature by an implementation of its
//! own, refuses what is old, and answers what comes again as it did before, if it says that it can.

use std::{
    collections::HashMap,
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::future::BoxFuture;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::watch,
};
use usher::clock::Clock;

use super::server::{Line, Server, until};

pub(crate) const KEY: &str = "a key of both sides' own";
const TOLERANCE_S: i64 = 300;

/// What one request leads to.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    Json(Value),
    Status(u16),
    /// These bytes where the answer should be.
    Raw(Vec<u8>),
    /// The connection is lost instead.
    Cut,
}

impl Reaction {
    pub(super) async fn respond(self, line: &Line) -> Response {
        match self {
            Self::Json(json) => axum::Json(json).into_response(),
            Self::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
            Self::Raw(bytes) => bytes.into_response(),
            Self::Cut => {
                line.cut();
                std::future::pending().await
            }
        }
    }
}

/// A post that was taken.
#[derive(Clone, Debug)]
pub(crate) struct Posted {
    pub(crate) frame: Value,
    pub(crate) key: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Posted {
    pub(crate) fn text(&self, field: &str) -> &str {
        self.frame[field].as_str().unwrap_or_default()
    }
}

type Decides = Arc<dyn Fn(Posted) -> BoxFuture<'static, Reaction> + Send + Sync>;

#[derive(Debug)]
pub(crate) struct FakeWebhook {
    server: Server,
    state: Arc<Shared>,
}

struct Shared {
    line: Line,
    decides: Decides,
    posted: watch::Sender<Vec<Posted>>,
    /// Posts with a bad signature, or an old one.
    refused: watch::Sender<usize>,
    /// Answers by their key; `None`: it does not look at keys.
    remembered: Option<Mutex<HashMap<String, Reaction>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeWebhook")
    }
}

impl FakeWebhook {
    /// Of turns; notices are taken with 204.
    pub(crate) fn start<F>(decides: impl Fn(Posted) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reaction> + Send + 'static,
    {
        Self::start_with(false, decides)
    }

    /// `idempotent`: it knows what comes again.
    pub(crate) fn start_with<F>(idempotent: bool, decides: impl Fn(Posted) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reaction> + Send + 'static,
    {
        let line = Line::default();
        let state = Arc::new(Shared {
            line: line.clone(),
            decides: Arc::new(move |posted| Box::pin(decides(posted))),
            posted: watch::Sender::default(),
            refused: watch::Sender::default(),
            remembered: idempotent.then(Mutex::default),
        });
        let router = Router::new().route("/turns", post(take)).with_state(Arc::clone(&state));
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/turns", self.server.address())
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }

    pub(crate) fn connections(&self) -> usize {
        self.server.connections()
    }

    pub(crate) fn posted(&self) -> Vec<Posted> {
        self.state.posted.borrow().clone()
    }

    /// To be told of more.
    pub(crate) fn posted_so_far(&self) -> watch::Receiver<Vec<Posted>> {
        self.state.posted.subscribe()
    }

    pub(crate) fn turns(&self) -> Vec<Posted> {
        self.posted().into_iter().filter(|it| it.text("type") == "turn").collect()
    }

    pub(crate) async fn wait_for(&self, kind: &str, count: usize) -> Vec<Posted> {
        let of_kind = |all: &Vec<Posted>| all.iter().filter(|it| it.text("type") == kind).count();
        until(self.state.posted.subscribe(), |it| of_kind(it) >= count).await;
        self.posted().into_iter().filter(|it| it.text("type") == kind).collect()
    }

    pub(crate) fn refused(&self) -> usize {
        *self.state.refused.borrow()
    }
}

async fn take(State(state): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if !is_signed(&headers, &body) {
        state.refused.send_modify(|it| *it += 1);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let frame: Value = serde_json::from_slice(&body).unwrap();
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let posted = Posted { frame, key: key.clone(), headers, body };
    let before = state.remembered.as_ref().and_then(|it| it.lock().unwrap().get(&key).cloned());
    state.posted.send_modify(|it| it.push(posted.clone()));
    if posted.text("type") != "turn" {
        return StatusCode::NO_CONTENT.into_response();
    }
    let reaction = match before {
        Some(before) => before,
        None => (state.decides)(posted).await,
    };
    if let (Some(remembered), Reaction::Json(_)) = (&state.remembered, &reaction) {
        remembered.lock().unwrap().insert(key, reaction.clone());
    }
    reaction.respond(&state.line).await
}

/// As the handbook tells receivers to.
fn is_signed(headers: &HeaderMap, body: &[u8]) -> bool {
    let Some(signature) = headers.get("usher-signature").and_then(|it| it.to_str().ok()) else { return false };
    let parts: HashMap<&str, &str> = signature.split(',').filter_map(|it| it.split_once('=')).collect();
    let (Some(time), Some(given)) = (parts.get("t"), parts.get("v1")) else { return false };
    let at: i64 = time.parse().unwrap();
    let expected = hmac(KEY, &[time.as_bytes(), b".", body].concat());
    expected == *given && (Clock::system().now().0 / 1_000 - at).abs() <= TOLERANCE_S
}

pub(crate) fn hmac(key: &str, message: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect()
}

/// Sends `body` to `url` as a webhook does that answers later; yields the status and the document.
pub(crate) async fn post_back(url: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
    request("POST", url, headers, body).await.expect("the door answers")
}

pub(crate) async fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<(u16, Value)> {
    let rest = url.strip_prefix("http://").unwrap();
    let (address, path) = rest.split_once('/').unwrap();
    let mut stream = TcpStream::connect(address.parse::<SocketAddr>().unwrap()).await.ok()?;
    let mut head = format!("{method} /{path} HTTP/1.1\r\nhost: usher\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    stream.write_all(&[head.as_bytes(), b"\r\n", body].concat()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}
