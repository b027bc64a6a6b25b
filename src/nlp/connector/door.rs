//! Where connectors dial in: what is refused is refused before the upgrade, with a problem document.

use std::{convert::Infallible, fmt, io, net::IpAddr, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Extension, Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{MissedTickBehavior, interval, timeout},
};
use tokio_tungstenite::{WebSocketStream, tungstenite::handshake::derive_accept_key, tungstenite::protocol::Role};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::Service as _;

use super::{
    frames,
    hub::{Desk, Hub},
    refusal::Refusal,
    socket,
    tokens::{Refused, Tokens},
};
use crate::{
    clock::Clock,
    gateway::storage::Store,
    nlp::webhook::{self, Replies},
    problem::ProblemKind,
    telemetry::Metrics,
};

/// Requests that have not become sockets yet; further connections are closed.
const HANDSHAKES: usize = 1024;
const REQUEST_WITHIN: Duration = Duration::from_secs(10);
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// How long a revoked token may go unnoticed.
const RECHECK_EVERY: Duration = Duration::from_secs(1);
/// How long sockets may take to close once everything is said.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
const AGAIN_AFTER: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub max_sockets: usize,
    pub max_frame_bytes: usize,
    /// How long one frame may take to be written.
    pub write_within: Duration,
    pub ping_every: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    FromConnector,
    ToConnector,
}

/// Hears every frame of every socket; for those who write a connector, never in a gateway.
pub type Ear = Arc<dyn Fn(Direction, &str) + Send + Sync>;

/// What a door is made of.
pub struct DoorParts {
    pub hub: Hub,
    /// Where answers are posted that webhooks give later.
    pub replies: Replies,
    pub store: Arc<dyn Store>,
    pub clock: Clock,
    pub metrics: Arc<Metrics>,
    pub terms: Terms,
    pub ear: Option<Ear>,
}

impl fmt::Debug for DoorParts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoorParts").field("terms", &self.terms).finish_non_exhaustive()
    }
}

pub struct Door {
    hub: Hub,
    replies: Replies,
    clock: Clock,
    tokens: Tokens,
    places: Arc<Semaphore>,
    handshakes: Arc<Semaphore>,
    sockets: TaskTracker,
    pub(super) metrics: Arc<Metrics>,
    pub(super) terms: Terms,
    ear: Option<Ear>,
    /// Cancelled: nobody is let in any more.
    pub(super) closing: CancellationToken,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("terms", &self.terms).finish_non_exhaustive()
    }
}

impl Door {
    #[must_use]
    pub fn new(parts: DoorParts, closing: CancellationToken) -> Arc<Self> {
        let DoorParts { hub, replies, store, clock, metrics, terms, ear } = parts;
        Arc::new(Self {
            hub,
            replies,
            tokens: Tokens::new(store, clock.clone()),
            clock,
            places: Arc::new(Semaphore::new(terms.max_sockets)),
            handshakes: Arc::new(Semaphore::new(HANDSHAKES)),
            sockets: TaskTracker::new(),
            metrics,
            terms,
            ear,
            closing,
        })
    }
}

impl Door {
    pub(super) fn hear(&self, direction: Direction, text: &str) {
        if let Some(ear) = &self.ear {
            ear(direction, text);
        }
    }
}

/// A socket that was let in.
pub(super) struct Guest {
    pub(super) door: Arc<Door>,
    pub(super) desk: std::sync::Weak<Desk>,
    pub(super) token: [u8; 32],
    _place: OwnedSemaphorePermit,
}

/// Whose connection it is.
pub trait Caller {
    fn address(&self) -> Option<IpAddr>;
}

impl Caller for TcpStream {
    fn address(&self) -> Option<IpAddr> {
        self.peer_addr().ok().map(|it| it.ip())
    }
}

impl<IO: Caller> Caller for tokio_rustls::server::TlsStream<IO> {
    fn address(&self) -> Option<IpAddr> {
        self.get_ref().0.address()
    }
}

#[derive(Clone, Copy)]
struct Peer(IpAddr);

/// Serves connectors on `incoming`. Once the door's token is cancelled no socket is let in any more; once `close` is, every socket is
/// closed with a notice, and this ends.
pub async fn serve<IO>(incoming: impl Stream<Item = io::Result<IO>> + Send, door: Arc<Door>, close: CancellationToken)
where
    IO: AsyncRead + AsyncWrite + Caller + Unpin + Send + 'static,
{
    let router = router(&door);
    let mut incoming: Pin<Box<dyn Stream<Item = io::Result<IO>> + Send + '_>> = Box::pin(incoming);
    let mut recheck = interval(RECHECK_EVERY);
    recheck.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = close.cancelled() => break,
            // Also while the gateway goes down: turns that still run may be answered by a post, and who dials in is told.
            Some(io) = incoming.next() => match io {
                Ok(io) => accept(io, &door, &router),
                Err(why) => not_accepted(&why),
            },
            _ = recheck.tick() => notice_revoked(&door).await,
        }
    }
    drop(incoming);
    finish(&door).await;
}

fn not_accepted(why: &io::Error) {
    tracing::info!(%why, "a connector's connection could not be accepted");
}

async fn notice_revoked(door: &Door) {
    // A store that hangs must not shut the door.
    match timeout(RECHECK_EVERY, door.tokens.recheck(&door.hub)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(%error, "the connectors' tokens cannot be read: a revoked one is not noticed for now");
        }
        Err(_late) => {
            tracing::warn!("the connectors' tokens are not read in time: a revoked one is not noticed for now");
        }
    }
}

/// Closes every socket with a notice.
async fn finish(door: &Door) {
    door.closing.cancel();
    door.hub.close();
    door.sockets.close();
    if timeout(CLOSE_WITHIN, door.sockets.wait()).await.is_err() {
        tracing::warn!(left = door.sockets.len(), "some connectors did not close their sockets in time");
    }
}

fn router(door: &Arc<Door>) -> Router {
    Router::new()
        .route(frames::PATH, get(dial_in).fallback(method_not_allowed))
        .fallback(not_found)
        .with_state(Arc::clone(door))
        .merge(webhook::replies_router(door.replies.clone(), door.clock.clone(), door.terms.max_frame_bytes))
}

async fn method_not_allowed() -> Response {
    Refusal::with_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "connectors dial in by GET")
        .header(header::ALLOW, HeaderValue::from_static("GET"))
        .into_response()
}

async fn not_found() -> Response {
    Refusal::new(ProblemKind::NotFound, format!("connectors dial in at {}", frames::PATH)).into_response()
}

/// Reads one request; after the upgrade the connection is a socket's.
fn accept<IO>(io: IO, door: &Arc<Door>, router: &Router)
where
    IO: AsyncRead + AsyncWrite + Caller + Unpin + Send + 'static,
{
    let Ok(place) = Arc::clone(&door.handshakes).try_acquire_owned() else {
        return tracing::warn!(HANDSHAKES, "a connector's connection above the bound was closed");
    };
    let Some(address) = io.address() else { return };
    let router = router.clone();
    let service = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(Peer(address));
        let answer = router.clone().call(request.map(Body::new));
        async move {
            let mut answer = answer.await?;
            // One request a connection: what becomes no socket leaves its place to others.
            if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(answer)
        }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(REQUEST_WITHIN).max_buf_size(MAX_HEAD_BYTES);
    let connection = server.serve_connection(TokioIo::new(io), service).with_upgrades();
    door.sockets.spawn(async move {
        // Whoever takes longer is a request of another kind than ours.
        let served = timeout(REQUEST_WITHIN * 2, connection).await;
        if let Ok(Err(error)) = served {
            tracing::debug!(%error, "a connector's request failed");
        }
        drop(place);
    });
}

async fn dial_in(
    State(door): State<Arc<Door>>,
    Extension(Peer(address)): Extension<Peer>,
    mut request: Request,
) -> Response {
    match admit(&door, address, request.headers()).await {
        Ok((guest, accept)) => {
            let upgrade = hyper::upgrade::on(&mut request);
            let sockets = door.sockets.clone();
            sockets.spawn(async move {
                // It may have gone again.
                let Ok(upgraded) = upgrade.await else { return };
                let config = socket::websocket(guest.door.terms.max_frame_bytes);
                let io = TokioIo::new(upgraded);
                let ws = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
                socket::run(ws, guest).await;
            });
            switching(&accept)
        }
        Err((kind, refusal)) => {
            door.metrics.connector_problem(kind);
            tracing::info!(%address, reason = refusal.reason, "a connector was not let in: {}", refusal.detail);
            refusal.into_response()
        }
    }
}

fn switching(accept: &str) -> Response {
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(frames::SUBPROTOCOL));
    if let Ok(accept) = HeaderValue::from_str(accept) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    response
}

type NotAdmitted = (ProblemKind, Refusal);

fn refuse(kind: ProblemKind, detail: impl Into<String>) -> NotAdmitted {
    (kind, Refusal::new(kind, detail))
}

/// Who may come in, and what the handshake answers.
async fn admit(door: &Arc<Door>, address: IpAddr, headers: &HeaderMap) -> Result<(Guest, String), NotAdmitted> {
    let key = check_upgrade(headers)?;
    if door.closing.is_cancelled() {
        let (kind, refusal) = refuse(ProblemKind::Unavailable, "the gateway is going down; dial in again in a moment");
        return Err((kind, refusal.again_after(AGAIN_AFTER)));
    }
    let token = bearer(headers).ok_or_else(|| {
        refuse(ProblemKind::Unauthenticated, "send the profile's token: `Authorization: Bearer <connector token>`")
    })?;
    let credential = door.tokens.admit(token, address).await.map_err(|refused| match refused {
        Refused::Unknown => refuse(
            ProblemKind::Unauthenticated,
            "the bearer token is unknown or revoked; `usher token reload PROFILE` makes a new one",
        ),
        Refused::Throttled(wait) => {
            let (kind, refusal) = refuse(ProblemKind::Busy, "too many failed tokens from this address");
            (kind, refusal.again_after(wait))
        }
        Refused::Store(error) => {
            tracing::warn!(%error, "the connectors' tokens cannot be read");
            let (kind, refusal) = refuse(ProblemKind::Unavailable, "the gateway cannot read its store now");
            (kind, refusal.again_after(AGAIN_AFTER))
        }
    })?;
    if !offers_subprotocol(headers) {
        let detail = format!("offer the subprotocol `Sec-WebSocket-Protocol: {}`", frames::SUBPROTOCOL);
        return Err(refuse(ProblemKind::Invalid, detail));
    }
    let Some(desk) = door.hub.find(&credential.desk) else {
        let detail = format!(
            "{} of business unit {} is not served by a connector of this token: give it `type = \"connector\"`",
            credential.desk, credential.desk.unit
        );
        return Err(refuse(ProblemKind::Precondition, detail));
    };
    let place = Arc::clone(&door.places).try_acquire_owned().map_err(|_full| {
        tracing::warn!(sockets = door.terms.max_sockets, "a connector above the bound was refused");
        let (kind, refusal) = refuse(ProblemKind::Unavailable, "the gateway has no place for a further socket");
        (kind, refusal.again_after(AGAIN_AFTER))
    })?;
    let guest = Guest { door: Arc::clone(door), desk: Arc::downgrade(&desk), token: credential.sha256, _place: place };
    Ok((guest, derive_accept_key(key.as_bytes())))
}

/// A WebSocket handshake (RFC 6455, 4.2.1). Says its key.
fn check_upgrade(headers: &HeaderMap) -> Result<&str, NotAdmitted> {
    if !lists(headers, &header::CONNECTION, "upgrade") || !lists(headers, &header::UPGRADE, "websocket") {
        let refusal = Refusal::with_status(
            StatusCode::UPGRADE_REQUIRED,
            "upgrade_required",
            "this is a WebSocket's address: send `Connection: Upgrade` and `Upgrade: websocket`",
        );
        return Err((ProblemKind::Invalid, refusal.header(header::UPGRADE, HeaderValue::from_static("websocket"))));
    }
    if headers.get(header::SEC_WEBSOCKET_VERSION).is_none_or(|it| it != "13") {
        let (kind, refusal) = refuse(ProblemKind::Invalid, "send `Sec-WebSocket-Version: 13`");
        return Err((kind, refusal.header(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"))));
    }
    // 16 bytes in base64.
    let key = headers.get(header::SEC_WEBSOCKET_KEY).and_then(|it| it.to_str().ok()).filter(|it| it.len() == 24);
    key.ok_or_else(|| refuse(ProblemKind::Invalid, "send a `Sec-WebSocket-Key` of 16 random bytes in base64"))
}

/// Whether a header's comma-separated list holds the word.
fn lists(headers: &HeaderMap, name: &header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).into_iter().filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).any(|it| it.trim().eq_ignore_ascii_case(word))
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter().filter_map(|it| it.to_str().ok());
    values.flat_map(|it| it.split(',')).any(|it| it.trim() == frames::SUBPROTOCOL)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    const GOOD: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "WebSocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn s11_a_handshake_is_checked_field_by_field() {
        assert_eq!(check_upgrade(&headers(&GOOD)).ok(), Some("dGhlIHNhbXBsZSBub25jZQ=="));
        let expected = ["upgrade_required", "upgrade_required", "invalid", "invalid"];
        for (left_out, reason) in expected.into_iter().enumerate() {
            let mut list = GOOD.to_vec();
            list.remove(left_out);
            let (_, refusal) = check_upgrade(&headers(&list)).unwrap_err();
            assert_eq!(refusal.reason, reason, "without {}", GOOD[left_out].0);
        }
    }

    #[test]
    fn s11_the_subprotocol_is_found_among_others_and_only_whole() {
        let offers = |value| offers_subprotocol(&headers(&[("sec-websocket-protocol", value)]));
        assert!(offers("usher.connector.v1") && offers("other, usher.connector.v1"));
        assert!(!offers("usher.connector.v2") && !offers("usher.connector.v1x") && !offers(""));
    }

    #[test]
    fn the_token_is_what_follows_bearer() {
        let token = |value| bearer(&headers(&[("authorization", value)])).map(str::to_owned);
        assert_eq!(token("bearer  abc ").as_deref(), Some("abc"));
        assert_eq!((token("Basic abc"), token("Bearer"), token("Bearer ")), (None, None, None));
    }
}
