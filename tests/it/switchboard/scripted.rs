//! A gateway that does as it is told, frame by frame, to the link that attaches to it.

use std::{net::SocketAddr, time::Duration};

use futures::StreamExt as _;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status, Streaming, transport::Server};
use usher::wire::engine::{
    EngineFrame, GatewayFrame, Hello, Welcome,
    engine_frame::Body,
    gateway_frame,
    virtual_agents_server::{VirtualAgents, VirtualAgentsServer},
};

const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Scripted {
    pub(crate) address: SocketAddr,
    attaches: mpsc::Receiver<Attach>,
    server: JoinHandle<()>,
}

/// A stream that a link has opened. Dropped, it ends without a word.
pub(crate) struct Attach {
    inbound: Streaming<EngineFrame>,
    out: mpsc::Sender<Result<GatewayFrame, Status>>,
    pub(crate) hello: Hello,
    pub(crate) authorization: String,
    /// The highest of our frames that the link has acknowledged.
    acknowledged: u64,
}

struct Door(mpsc::Sender<Attach>);

#[tonic::async_trait]
impl VirtualAgents for Door {
    type AttachStream = ReceiverStream<Result<GatewayFrame, Status>>;

    async fn attach(&self, request: Request<Streaming<EngineFrame>>) -> Result<Response<Self::AttachStream>, Status> {
        let authorization = request.metadata().get("authorization").unwrap().to_str().unwrap().to_owned();
        let mut inbound = request.into_inner();
        let Some(Body::Hello(hello)) = inbound.message().await?.and_then(|it| it.body) else { panic!("no Hello") };
        let (out, frames) = mpsc::channel(1024);
        self.0.send(Attach { inbound, out, hello, authorization, acknowledged: 0 }).await.unwrap();
        Ok(Response::new(ReceiverStream::new(frames)))
    }
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (door, attaches) = mpsc::channel(16);
        let server = Server::builder().add_service(VirtualAgentsServer::new(Door(door)));
        let server = server.serve_with_incoming(TcpListenerStream::new(listener));
        let server = tokio::spawn(async move { server.await.unwrap() });
        Self { address, attaches, server }
    }

    /// The next stream that is opened, before its Welcome.
    pub(crate) async fn attach(&mut self) -> Attach {
        timeout(PATIENCE, self.attaches.recv()).await.expect("an attach").unwrap()
    }

    /// The next stream, welcomed to a new session.
    pub(crate) async fn welcome(&mut self, session: &str) -> Attach {
        let attach = self.attach().await;
        attach.welcome(session, false, 0, 0).await;
        attach
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Attach {
    pub(crate) async fn welcome(&self, session: &str, resumed: bool, last_received: u64, ack: u64) {
        let session = session.to_owned();
        let welcome = Welcome { session, resumed, last_received, credits: 4, max_frame_bytes: 4096 };
        self.frame(0, ack, Some(gateway_frame::Body::Welcome(welcome))).await;
    }

    pub(crate) async fn frame(&self, seq: u64, ack: u64, body: Option<gateway_frame::Body>) {
        self.out.send(Ok(GatewayFrame { seq, ack, body })).await.unwrap();
    }

    pub(crate) async fn ack(&self, ack: u64) {
        self.frame(0, ack, None).await;
    }

    pub(crate) async fn end(self, status: Status) {
        self.out.send(Err(status)).await.unwrap();
    }

    /// The link's next frame.
    pub(crate) async fn next(&mut self) -> EngineFrame {
        let frame = timeout(PATIENCE, self.inbound.next()).await.expect("a frame").expect("an open stream").unwrap();
        assert!(frame.ack >= self.acknowledged, "acknowledgements go back");
        self.acknowledged = frame.ack;
        frame
    }

    /// The link's next numbered frame.
    pub(crate) async fn numbered(&mut self) -> (u64, Body) {
        loop {
            let frame = self.next().await;
            if frame.seq > 0 {
                return (frame.seq, frame.body.unwrap());
            }
        }
    }

    /// Until the link has acknowledged so much.
    pub(crate) async fn acked(&mut self, seq: u64) {
        while self.acknowledged < seq {
            self.next().await;
        }
        assert_eq!(self.acknowledged, seq);
    }

    /// Whether the link has half-closed.
    pub(crate) async fn is_over(&mut self) -> bool {
        loop {
            match timeout(PATIENCE, self.inbound.next()).await.expect("an end") {
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return true,
            }
        }
    }

    /// That nothing numbered comes for a while.
    pub(crate) async fn is_silent_for(&mut self, span: Duration) -> bool {
        timeout(span, self.numbered()).await.is_err()
    }
}
