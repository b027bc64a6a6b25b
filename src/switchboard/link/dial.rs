//! Opens a lane's stream, and reads from what ended it how to go on.

use std::{net::IpAddr, time::Duration};

use http::Uri;
use rustls::RootCertStore;
use secrecy::ExposeSecret as _;
use tokio::{sync::mpsc, time::timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::{ClientTlsConfig, Endpoint},
};

use super::{LinkConfig, book::Breach};
use crate::wire::engine::{
    EngineFrame, GatewayFrame, Hello, Welcome, engine_frame::Body, gateway_frame,
    virtual_agents_client::VirtualAgentsClient,
};

/// Large, so that many small frames never wait for a window.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const WELCOME_WITHIN: Duration = Duration::from_secs(15);
/// A command with a long transcript is the largest frame; this is far above it.
const MAX_READABLE: usize = 16 << 20;
/// Frames handed to HTTP/2 ahead of what it has sent.
const AHEAD: usize = 32;

/// What ended a stream, or kept it from beginning.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the gateway cannot be reached")]
    Unreachable(#[from] tonic::transport::Error),
    #[error("the gateway did not welcome within {WELCOME_WITHIN:?}")]
    NotWelcomed,
    #[error("the gateway ended the stream: {} ({:?})", .0.message(), .0.code())]
    Status(Box<Status>),
    #[error("the gateway ended the stream")]
    Ended,
    #[error("the gateway breaks the contract: {0}")]
    Breach(#[from] Breach),
    #[error("the gateway breaks the contract: {0}")]
    Unexpected(&'static str),
    #[error("{0} frames wait to become durable here")]
    Behind(usize),
    #[error("the token holds characters that no header may carry")]
    Token,
}

/// How to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Remedy {
    /// Only a new session can help.
    pub(super) anew: bool,
    /// What somebody must do before it can work again.
    pub(super) mend: Option<&'static str>,
}

impl From<Status> for Trouble {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

impl Trouble {
    pub(super) fn remedy(&self) -> Remedy {
        let again = Remedy { anew: false, mend: None };
        let mend = |what| Remedy { anew: false, mend: Some(what) };
        match self {
            Self::Unreachable(_) | Self::NotWelcomed | Self::Ended | Self::Behind(_) => again,
            Self::Breach(_) | Self::Unexpected(_) => Remedy { anew: true, ..again },
            Self::Token => mend("give this routing engine the token of its [[engine]] in the gateway's configuration"),
            Self::Status(status) => match status.code() {
                Code::Unauthenticated => {
                    mend("give this routing engine the token of its [[engine]] in the gateway's configuration")
                }
                Code::PermissionDenied => {
                    mend("let the [[engine]] of this token have this engine's id and name this business unit")
                }
                Code::NotFound => mend("configure this business unit as a [[unit]] of the gateway"),
                Code::Aborted => {
                    mend("another routing engine attached under the same id, unit and lane: end one of the two")
                }
                Code::Unimplemented => mend("this address is not the routing engines' door of a gateway: correct it"),
                Code::InvalidArgument | Code::OutOfRange => {
                    Remedy { anew: true, mend: Some("a frame broke the contract; the text names the field") }
                }
                Code::Ok
                | Code::Cancelled
                | Code::Unknown
                | Code::DeadlineExceeded
                | Code::AlreadyExists
                | Code::ResourceExhausted
                | Code::FailedPrecondition
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss => again,
            },
        }
    }
}

/// A stream that has been welcomed.
pub(super) struct Opened {
    pub(super) inbound: Streaming<GatewayFrame>,
    pub(super) out: mpsc::Sender<EngineFrame>,
    pub(super) welcome: Welcome,
    /// What the Welcome acknowledges.
    pub(super) ack: u64,
}

/// Connects, says Hello and waits for the Welcome.
pub(super) async fn open(config: &LinkConfig, hello: Hello) -> Result<Opened, Trouble> {
    timeout(WELCOME_WITHIN, attach(config, hello)).await.unwrap_or(Err(Trouble::NotWelcomed))
}

async fn attach(config: &LinkConfig, hello: Hello) -> Result<Opened, Trouble> {
    let mut bearer: MetadataValue<Ascii> =
        format!("Bearer {}", config.token.expose_secret()).parse().map_err(|_invalid| Trouble::Token)?;
    bearer.set_sensitive(true);
    let channel = endpoint(&config.gateway)?.connect().await?;
    let (out, frames) = mpsc::channel(AHEAD);
    let first = EngineFrame { seq: 0, ack: 0, body: Some(Body::Hello(hello)) };
    out.try_send(first).map_err(|_full| Trouble::Ended)?;
    let mut request = Request::new(ReceiverStream::new(frames));
    request.metadata_mut().insert("authorization", bearer);
    let mut client = VirtualAgentsClient::new(channel).max_decoding_message_size(MAX_READABLE);
    let mut inbound = client.attach(request).await?.into_inner();
    let first = inbound.message().await?.ok_or(Trouble::Ended)?;
    match first.body {
        Some(gateway_frame::Body::Welcome(welcome)) => Ok(Opened { inbound, out, welcome, ack: first.ack }),
        _other => Err(Trouble::Unexpected("its first frame is no Welcome")),
    }
}

fn endpoint(gateway: &Uri) -> Result<Endpoint, tonic::transport::Error> {
    let endpoint = Endpoint::from(gateway.clone())
        .connect_timeout(CONNECT_WITHIN)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN)
        .keep_alive_while_idle(true)
        .tcp_keepalive(Some(PING_EVERY));
    if gateway.scheme() != Some(&http::uri::Scheme::HTTPS) {
        return Ok(endpoint);
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    endpoint.tls_config(ClientTlsConfig::new().trust_anchors(roots.roots))
}

/// Says so once, when the token would go over a network in the clear.
pub(super) fn warn_of_plaintext(gateway: &Uri) {
    if gateway.scheme() != Some(&http::uri::Scheme::HTTPS) && !is_loopback(gateway) {
        tracing::warn!(
            gateway = %gateway,
            "the token and every message go to the gateway in the clear: name it by https:// unless the network is its own"
        );
    }
}

fn is_loopback(gateway: &Uri) -> bool {
    let host = gateway.host().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_must_mend_is_named_and_what_passes_is_not() {
        let cases = [
            (Code::Unauthenticated, false, Some("token")),
            (Code::PermissionDenied, false, Some("business unit")),
            (Code::NotFound, false, Some("[[unit]]")),
            (Code::Aborted, false, Some("end one of the two")),
            (Code::InvalidArgument, true, Some("the field")),
            (Code::OutOfRange, true, Some("the field")),
            (Code::Unimplemented, false, Some("address")),
            (Code::FailedPrecondition, false, None),
            (Code::ResourceExhausted, false, None),
            (Code::Unavailable, false, None),
            (Code::Internal, false, None),
        ];
        for (code, anew, says) in cases {
            let remedy = Trouble::from(Status::new(code, "x")).remedy();
            assert_eq!(remedy.anew, anew, "{code:?}");
            assert_eq!(remedy.mend.is_some(), says.is_some(), "{code:?}");
            assert!(says.is_none_or(|it| remedy.mend.unwrap().contains(it)), "{code:?}: {:?}", remedy.mend);
        }
    }

    #[test]
    fn loopback_is_known_by_name_and_number() {
        for (uri, expected) in [
            ("http://127.0.0.1:7400", true),
            ("http://[::1]:7400", true),
            ("http://localhost:7400", true),
            ("http://gateway.example.com:7400", false),
            ("http://192.0.2.1:7400", false),
        ] {
            assert_eq!(is_loopback(&uri.parse().unwrap()), expected, "{uri}");
        }
    }
}
