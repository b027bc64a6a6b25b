//! Traces over OTLP, against a collector that is there and one that is not.

use std::{
    convert::Infallible,
    future::Ready,
    task::{Context, Poll},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::{net::TcpListener, sync::mpsc, time::timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, body::Body, server::NamedService};
use usher::{
    config::settings::{Log, LogFormat},
    telemetry::{self, Traces},
};

/// As much of `opentelemetry.proto.collector.trace.v1` as is looked at.
mod otlp {
    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ExportRequest {
        #[prost(message, repeated, tag = "1")]
        pub(super) resource_spans: Vec<ResourceSpans>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ResourceSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) scope_spans: Vec<ScopeSpans>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ScopeSpans {
        #[prost(message, repeated, tag = "2")]
        pub(super) spans: Vec<Span>,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct Span {
        #[prost(string, tag = "5")]
        pub(super) name: String,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct ExportResponse {}
}

/// Takes every batch and passes the names of its spans on.
#[derive(Clone)]
struct Collector(mpsc::UnboundedSender<String>);

impl NamedService for Collector {
    const NAME: &'static str = "opentelemetry.proto.collector.trace.v1.TraceService";
}

impl tonic::server::UnaryService<otlp::ExportRequest> for Collector {
    type Response = otlp::ExportResponse;
    type Future = Ready<Result<Response<otlp::ExportResponse>, Status>>;

    fn call(&mut self, request: Request<otlp::ExportRequest>) -> Self::Future {
        let scopes = request.into_inner().resource_spans.into_iter().flat_map(|it| it.scope_spans);
        for span in scopes.flat_map(|it| it.spans) {
            self.0.send(span.name).unwrap();
        }
        std::future::ready(Ok(Response::new(otlp::ExportResponse {})))
    }
}

impl tower::Service<http::Request<Body>> for Collector {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            let codec = tonic_prost::ProstCodec::<otlp::ExportResponse, otlp::ExportRequest>::default();
            Ok(tonic::server::Grpc::new(codec).unary(service, request).await)
        })
    }
}

/// Ends one span of ours and one of a library.
fn trace_to(endpoint: &str) -> Traces {
    let log = Log { format: LogFormat::Json, filter: "off".into() };
    let (subscriber, traces) = telemetry::subscriber(&log, Some(endpoint), std::io::sink, false).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        drop(tracing::info_span!(target: "usher::gateway", "contact", contact.id = "north/c-1"));
        drop(tracing::info_span!(target: "h2::client", "connection"));
    });
    traces
}

#[tokio::test]
async fn spans_of_ours_alone_reach_the_collector_before_flush_returns() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, mut names) = mpsc::unbounded_channel();
    let collector = tonic::transport::Server::builder()
        .add_service(Collector(sender))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let collector = tokio::spawn(collector);
    timeout(Duration::from_secs(10), trace_to(&endpoint).flush()).await.unwrap();
    assert_eq!(names.try_recv().unwrap(), "contact");
    assert_eq!(names.try_recv().ok(), None);
    collector.abort();
}

#[tokio::test]
async fn a_dead_collector_holds_nothing_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    timeout(Duration::from_secs(10), trace_to(&endpoint).flush()).await.unwrap();
}

#[tokio::test]
async fn a_collector_that_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    timeout(Duration::from_secs(20), trace_to(&endpoint).flush()).await.unwrap();
    drop(listener);
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_one_is_refused_at_start() {
    let log = Log { format: LogFormat::Json, filter: "off".into() };
    for endpoint in ["collector:4317", "ftp://collector", "not an address"] {
        let refused = telemetry::subscriber(&log, Some(endpoint), std::io::sink, false).map(drop);
        assert!(matches!(refused, Err(telemetry::StartError::Endpoint(_))), "{endpoint}");
    }
    let encrypted = telemetry::subscriber(&log, Some("https://collector:4317"), std::io::sink, false).map(drop);
    assert!(encrypted.is_ok(), "{encrypted:?}");
}
