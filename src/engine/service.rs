//! The door itself: the `VirtualAgents` service, health and reflection on one HTTP/2 server.
//!
//! Who may ask what: `VirtualAgents` and reflection want an engine's bearer token; health is open, for it tells an
//! orchestrator no more than whether to send engines here.

use std::{
    convert::Infallible,
    error::Error,
    fmt, io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures::{Stream, StreamExt as _, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, oneshot},
    time::sleep,
};
use tonic::{
    Request, Response, Status, Streaming,
    body::Body,
    server::{Grpc, NamedService, StreamingService},
    service::interceptor::InterceptedService,
    transport::{Server, server::Connected},
};
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tower::Service;

use super::{
    Edge,
    auth::Credential,
    codec::{FrameCodec, Received},
    link::Reader,
    outgoing::{Outgoing, Terms},
};
use crate::{
    problem::Problem,
    telemetry::{Health, Readiness},
    wire::{self, engine::GatewayFrame, engine::virtual_agents_server::SERVICE_NAME},
};

const ATTACH: &str = "/usher.engine.v1.VirtualAgents/Attach";
/// Large, so that no lane of a connection waits for another's window.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;
const STREAMS_PER_CONNECTION: u32 = 256;
const CONNECTIONS: usize = 1024;
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(10);
/// How long connections may take to close once everything is said.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// Pause after a failed accept: with all file descriptors used up, accepting fails again at once.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("the routing engines' door cannot be served")]
    Transport(#[from] tonic::transport::Error),
    #[error("the contracts' descriptors cannot be served")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves routing engines on `incoming` until the edge's shutdown token is cancelled and every stream has been ended
/// with a notice.
///
/// # Errors
/// When the server cannot be set up.
pub async fn serve<IO, E>(
    incoming: impl Stream<Item = Result<IO, E>> + Send,
    edge: Arc<Edge>,
    health: &Health,
) -> Result<(), ServeError>
where
    IO: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send,
{
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name(SERVICE_NAME)
            .with_service_name("grpc.health.v1.Health")
    };
    let reporter = HealthReporter::new();
    let report = report(reporter.clone(), health.changes());
    let guard = Arc::clone(&edge);
    let guard = move |request: Request<()>| match guard.identified(&request) {
        Ok(_) => Ok(request),
        Err(problem) => Err(Status::from(problem)),
    };
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS_PER_CONNECTION)
        .http2_keepalive_interval(Some(PING_EVERY))
        .http2_keepalive_timeout(Some(PONG_WITHIN))
        .add_service(AttachService { edge: Arc::clone(&edge) })
        .add_service(HealthServer::new(HealthService::from_health_reporter(reporter)))
        .add_service(InterceptedService::new(reflection().build_v1()?, guard.clone()))
        .add_service(InterceptedService::new(reflection().build_v1alpha()?, guard))
        .serve_with_incoming_shutdown(bounded(incoming), edge.shutdown.clone().cancelled_owned());
    let overdue = async {
        edge.shutdown.cancelled().await;
        sleep(CLOSE_WITHIN).await;
    };
    tokio::select! {
        served = server => served?,
        () = report => {}
        () = overdue => tracing::warn!("some routing engines did not close their connections in time"),
    }
    edge.links.close();
    edge.links.wait().await;
    Ok(())
}

/// Says over `grpc.health.v1` whether engines should come here; never ends.
async fn report(reporter: HealthReporter, changes: impl Stream<Item = Readiness>) {
    reporter.set_service_status("", ServingStatus::NotServing).await;
    reporter.set_service_status(SERVICE_NAME, ServingStatus::NotServing).await;
    let mut changes = std::pin::pin!(changes);
    while let Some(readiness) = changes.next().await {
        let serving = match readiness {
            Readiness::Ready => ServingStatus::Serving,
            Readiness::Starting | Readiness::StoreUnavailable | Readiness::Draining => ServingStatus::NotServing,
        };
        reporter.set_service_status("", serving).await;
        reporter.set_service_status(SERVICE_NAME, serving).await;
    }
    std::future::pending::<()>().await;
}

/// What a listening socket accepts, with small writes sent at once.
pub fn tcp(listener: TcpListener) -> impl Stream<Item = io::Result<TcpStream>> + Send {
    futures::stream::unfold(listener, |listener| async move {
        loop {
            match listener.accept().await.and_then(|(io, _)| io.set_nodelay(true).map(|()| io)) {
                Ok(io) => return Some((Ok(io), listener)),
                Err(why) => {
                    tracing::warn!(%why, "a connection could not be accepted");
                    sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    })
}

/// Connections above the bound are closed at once, so that those that stand keep their memory.
fn bounded<IO, E>(incoming: impl Stream<Item = Result<IO, E>>) -> impl Stream<Item = Result<Wire<IO>, E>> {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    incoming.filter_map(move |io| {
        let place = Arc::clone(&places).try_acquire_owned();
        async move {
            match (io, place) {
                (Err(why), _) => Some(Err(why)),
                (Ok(io), Ok(place)) => Some(Ok(Wire { io, _place: place })),
                (Ok(_), Err(_full)) => {
                    tracing::warn!(CONNECTIONS, "a connection above the bound was closed");
                    None
                }
            }
        }
    })
}

/// A connection and its place among those allowed. Also spares simulated sockets tonic's own trait.
struct Wire<IO> {
    io: IO,
    _place: OwnedSemaphorePermit,
}

impl<IO> Connected for Wire<IO> {
    type ConnectInfo = ();
    fn connect_info(&self) {}
}

impl<IO: AsyncRead + Unpin> AsyncRead for Wire<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(cx, buf)
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Wire<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// In place of the generated server: it would decode with a codec that ends the stream at the first bad frame.
#[derive(Clone)]
struct AttachService {
    edge: Arc<Edge>,
}

impl fmt::Debug for AttachService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AttachService")
    }
}

impl NamedService for AttachService {
    const NAME: &'static str = SERVICE_NAME;
}

impl Service<http::Request<Body>> for AttachService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let edge = Arc::clone(&self.edge);
        Box::pin(async move {
            if request.uri().path() != ATTACH {
                return Ok(Status::unimplemented("VirtualAgents knows only Attach").into_http());
            }
            let max_frame_bytes = edge.doors.borrow().max_frame_bytes;
            let codec = FrameCodec { max_frame_bytes };
            let mut grpc = Grpc::new(codec).max_decoding_message_size(codec.max_readable_bytes());
            Ok(grpc.streaming(Attach(edge), request).await)
        })
    }
}

struct Attach(Arc<Edge>);

impl StreamingService<Received> for Attach {
    type Response = GatewayFrame;
    type ResponseStream = Outgoing;
    type Future = std::future::Ready<Result<Response<Outgoing>, Status>>;

    /// Answers at once, so that clients that wait for the response before they send can send their Hello.
    fn call(&mut self, request: Request<Streaming<Received>>) -> Self::Future {
        std::future::ready(self.0.begin(request).map(Response::new))
    }
}

impl Edge {
    /// The credential of one of our engines.
    fn identified<T>(&self, request: &Request<T>) -> Result<Credential, Problem> {
        let credential = Credential::presented(request.metadata())?;
        self.doors.borrow().find_engine(&credential)?;
        Ok(credential)
    }

    fn begin(self: &Arc<Self>, request: Request<Streaming<Received>>) -> Result<Outgoing, Status> {
        let credential = self.identified(&request).inspect_err(|problem| self.refused(problem))?;
        let mut watch = self.doors.clone();
        let doors = Arc::clone(&watch.borrow_and_update());
        let terms =
            Terms { credits: doors.credits, max_frame_bytes: u32::try_from(doors.max_frame_bytes).unwrap_or(u32::MAX) };
        let (opened, opening) = oneshot::channel();
        let reader = Reader { edge: Arc::clone(self), credential, doors, watch };
        self.links.spawn(reader.run(request.into_inner(), opened));
        Ok(Outgoing::new(Arc::clone(self), terms, opening))
    }
}
