//! `transport = "grpc"`: one endpoint over several connections.
//!
//! Messages pass the channel as bytes: a question is encoded once however often it is tried, and an answer that cannot be
//! decoded is told apart from a failed call.

mod connections;

use std::{sync::Arc, time::Duration};

use bytes::{Buf as _, BufMut as _, Bytes};
use http::{
    HeaderMap, HeaderValue,
    header::{AUTHORIZATION, HeaderName},
    uri::PathAndQuery,
};
use prost::Message as _;
use tonic::{
    Extensions, Request, Response, Status,
    client::Grpc,
    codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    metadata::MetadataMap,
    transport::{ClientTlsConfig, Endpoint},
};

use self::connections::Connections;
use super::{Api, Transport, errors::Place, retry};
use crate::{
    gateway::ports::AskError,
    nlp::{Dial, google_auth::TokenSource, lookup::CONNECT_TIMEOUT},
};

/// By it Google's front finds the project's servers.
const ROUTING: HeaderName = HeaderName::from_static("x-goog-request-params");
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Google's servers take about this many calls per connection; further ones go to another.
const CALLS_PER_CONNECTION: usize = 100;
/// Between pings, also while nothing is asked: idle connections are cut after some minutes on their way.
const PING_EVERY: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
const STREAM_WINDOW: u32 = 1024 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

#[derive(Debug)]
pub(in crate::nlp) struct GrpcTransport {
    connections: Connections,
    tokens: Option<Arc<TokenSource>>,
}

/// Why a channel cannot be made from these settings.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::nlp) struct BadEndpoint(String);

impl GrpcTransport {
    /// Opens nothing yet.
    pub(in crate::nlp) fn new(
        endpoint: &str,
        connections: usize,
        tokens: Option<Arc<TokenSource>>,
        dial: &Dial,
    ) -> Result<Self, BadEndpoint> {
        let endpoint = configured(endpoint).map_err(|error| BadEndpoint(error.to_string()))?;
        Ok(Self { connections: Connections::new(&endpoint, connections, dial), tokens })
    }
}

fn configured(endpoint: &str) -> Result<Endpoint, tonic::transport::Error> {
    let tls = endpoint.starts_with("https://");
    let endpoint = Endpoint::from_shared(endpoint.to_owned())?
        .user_agent(concat!("usher/", env!("CARGO_PKG_VERSION")))?
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .concurrency_limit(CALLS_PER_CONNECTION)
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_TIMEOUT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW);
    if tls { endpoint.tls_config(ClientTlsConfig::new().with_webpki_roots()) } else { Ok(endpoint) }
}

#[derive(Debug)]
pub(in crate::nlp) struct Question {
    message: Bytes,
    routing: HeaderValue,
}

impl<A: Api> Transport<A> for GrpcTransport {
    type Question = Question;

    fn question(&self, request: A::Request, routing: String, place: &Place) -> Result<Question, AskError> {
        let routing = HeaderValue::from_maybe_shared(Bytes::from(routing))
            .map_err(|error| place.refused(tonic::Code::InvalidArgument, Some(error.into())))?;
        Ok(Question { message: request.encode_to_vec().into(), routing })
    }

    async fn answer(&self, question: &Question, place: &Place) -> Result<A::Response, AskError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(ROUTING, question.routing.clone());
        if let Some(tokens) = &self.tokens {
            let bearer = tokens.bearer().await.map_err(|fault| place.no_token(fault))?;
            headers.insert(AUTHORIZATION, bearer);
        }
        let request =
            Request::from_parts(MetadataMap::from_headers(headers), Extensions::new(), question.message.clone());
        // No `grpc-timeout` header: the caller's deadline drops this future, which resets the stream.
        let unreachable = |error: tonic::transport::Error| place.unreachable(Some(error.into()));
        let connection = self.connections.take().await.map_err(unreachable)?;
        let mut client = Grpc::new(connection.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        client.ready().await.map_err(unreachable)?;
        let answer = client.unary(request, PathAndQuery::from_static(A::METHOD), AsBytes).await;
        let answer = answer.map(Response::into_inner).map_err(|status| failed(status, place))?;
        A::Response::decode(answer).map_err(|error| place.malformed(Some(error.into())))
    }
}

/// A status that came over the wire has no source; one with a source was made here of a broken connection, whatever its
/// code (a lost connection reads as `Cancelled`, a ping flood as `ResourceExhausted`).
fn failed(status: Status, place: &Place) -> AskError {
    if std::error::Error::source(&status).is_some() {
        return place.unreachable(Some(status.into()));
    }
    let retry_after = retry::of_grpc(status.details());
    AskError { retry_after, ..place.refused(status.code(), Some(status.into())) }
}

/// Messages as they are, already encoded.
#[derive(Clone, Copy, Debug)]
struct AsBytes;

impl Codec for AsBytes {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }

    /// Requests are of some hundred bytes; tonic's default would allocate 8 KiB for each.
    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(1024, 8 * 1024)
    }
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(2 * 1024, 8 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn googles_endpoints_are_spoken_to_over_tls() {
        let dial = || Dial::new(|_| Box::pin(std::future::ready(Err(std::io::ErrorKind::NotConnected.into()))));
        for endpoint in ["https://dialogflow.googleapis.com", "https://europe-west1-dialogflow.googleapis.com"] {
            assert!(GrpcTransport::new(endpoint, 4, None, &dial()).is_ok(), "{endpoint}");
        }
        assert!(GrpcTransport::new("http://a b", 4, None, &dial()).is_err());
    }
}
