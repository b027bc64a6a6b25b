//! The connector's side of a socket.

use std::{fs, io, sync::Arc};

use futures::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Uri, header};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{self, Message, client::IntoClientRequest as _, protocol::CloseFrame},
};

use super::{DialArgs, Stop};
use crate::nlp::connector::frames::{FromConnector, Hello, PATH, SUBPROTOCOL, ToConnector, Welcome};

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(super) struct Client {
    ws: WebSocketStream<Box<dyn Io>>,
}

/// What comes on a socket.
pub(super) enum Heard {
    Text(String),
    /// The code and reason; `None`: without a close frame.
    Closed(Option<(u16, String)>),
}

/// Why a dial-in failed, and whether trying again may help.
pub(super) struct DialError {
    pub(super) message: String,
    pub(super) again: bool,
}

impl From<DialError> for Stop {
    fn from(error: DialError) -> Self {
        Self::CannotConnect(error.message)
    }
}

impl Client {
    /// Dials in and says hello.
    pub(super) async fn attach(
        args: &DialArgs,
        token: &SecretString,
        resume: Option<String>,
    ) -> Result<(Self, Welcome), DialError> {
        let mut client = Self::dial(args, token).await?;
        let hello = Hello { name: Some(args.name.clone()), credits: args.credits, resume, ..Hello::default() };
        let lost = |error: tungstenite::Error| again(format!("the gateway hung up: {error}"));
        client.send(FromConnector::Hello(hello).text()).await.map_err(lost)?;
        match client.next().await {
            Heard::Text(text) => match ToConnector::read(&text) {
                Ok(Some(ToConnector::Welcome(welcome))) => Ok((client, welcome)),
                Ok(_) | Err(_) => Err(never(format!("not welcomed, but told: {text}"))),
            },
            Heard::Closed(why) => Err(again(format!("closed: {}", told(why.as_ref())))),
        }
    }

    async fn dial(args: &DialArgs, token: &SecretString) -> Result<Self, DialError> {
        let uri = &args.url;
        let io = connect(uri, args).await?;
        let authority = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let path = uri.path_and_query().map_or("/", |it| it.as_str());
        let path = if path == "/" { PATH } else { path };
        let scheme = uri.scheme_str().unwrap_or("ws");
        let bad = |error: tungstenite::Error| never(format!("{uri}: {error}"));
        let mut request = format!("{scheme}://{authority}{path}").into_client_request().map_err(bad)?;
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()));
        let mut bearer =
            bearer.map_err(|_control| never("the token holds a character that no header may".to_owned()))?;
        bearer.set_sensitive(true);
        request.headers_mut().insert(header::AUTHORIZATION, bearer);
        request.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
        match client_async(request, io).await {
            Ok((ws, _)) => Ok(Self { ws }),
            Err(tungstenite::Error::Http(response)) => {
                let status = response.status();
                let problem: Value =
                    response.body().as_deref().and_then(|it| serde_json::from_slice(it).ok()).unwrap_or_default();
                let detail = problem.get("detail").and_then(Value::as_str).unwrap_or("no reason was given");
                let message = format!("{uri} refuses: {status}: {detail}");
                Err(DialError { message, again: status.as_u16() == 429 || status.is_server_error() })
            }
            Err(error) => Err(again(format!("{uri}: {error}"))),
        }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), tungstenite::Error> {
        self.ws.send(Message::text(text)).await
    }

    /// Safe to give up and call again.
    pub(super) async fn next(&mut self) -> Heard {
        loop {
            match self.ws.next().await {
                Some(Ok(Message::Text(text))) => return Heard::Text(text.to_string()),
                Some(Ok(Message::Close(frame))) => {
                    return Heard::Closed(frame.map(|it| (it.code.into(), it.reason.to_string())));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_))) => {}
                Some(Err(_)) | None => return Heard::Closed(None),
            }
        }
    }

    pub(super) async fn close(mut self) {
        let bye = CloseFrame { code: 1000.into(), reason: "bye".into() };
        // It is over in any case.
        drop(self.ws.close(Some(bye)).await);
    }
}

fn again(message: String) -> DialError {
    DialError { message, again: true }
}

fn never(message: String) -> DialError {
    DialError { message, again: false }
}

/// `4001 token_revoked`
pub(super) fn told(close: Option<&(u16, String)>) -> String {
    close.map_or_else(|| "without a close frame".to_owned(), |(code, reason)| format!("{code} {reason}"))
}

async fn connect(uri: &Uri, args: &DialArgs) -> Result<Box<dyn Io>, DialError> {
    let tls = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        Some(_) | None => return Err(never(format!("{uri}: write it as ws://host:port or wss://host:port"))),
    };
    let Some(host) = uri.host() else { return Err(never(format!("{uri} names no host"))) };
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let cannot = |error: io::Error| again(format!("cannot reach {host}:{port}: {error}"));
    let tcp = TcpStream::connect((bare, port)).await.map_err(cannot)?;
    tcp.set_nodelay(true).map_err(cannot)?;
    if !tls {
        return Ok(Box::new(tcp));
    }
    let config = client_config(args).map_err(never)?;
    let name = ServerName::try_from(bare.to_owned()).map_err(|error| never(format!("{host}: {error}")))?;
    Ok(Box::new(TlsConnector::from(Arc::new(config)).connect(name, tcp).await.map_err(cannot)?))
}

fn client_config(args: &DialArgs) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = &args.ca {
        let bytes = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        for certificate in CertificateDer::pem_slice_iter(&bytes) {
            let certificate = certificate.map_err(|error| format!("{}: {error}", file.display()))?;
            roots.add(certificate).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}
