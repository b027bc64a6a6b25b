//! The port: gRPC by path, REST beside it.

use std::{pin::Pin, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use bytes::{Buf as _, BufMut as _};
use prost::Message as _;
use serde_json::{Value, json};
use tonic::{
    Code, Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

use super::{Question, Recorded, Shared, Version};

pub(super) fn router<V: Version>(state: Arc<Shared<V>>) -> Router {
    Router::new()
        .route(V::METHOD, post(grpc::<V>))
        .route(&format!("{}/{{*path}}", V::PREFIX), post(detect_intent::<V>).get(agent::<V>))
        .with_state(state)
}

async fn grpc<V: Version>(State(state): State<Arc<Shared<V>>>, request: Request) -> Response<tonic::body::Body> {
    tonic::server::Grpc::new(AsBytes).unary(Sessions(state), request).await
}

struct Sessions<V: Version>(Arc<Shared<V>>);

impl<V: Version> tonic::server::UnaryService<Bytes> for Sessions<V> {
    type Response = Bytes;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Bytes>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Bytes>) -> Self::Future {
        let state = Arc::clone(&self.0);
        Box::pin(async move {
            let (headers, _, bytes) = request.into_parts();
            let request = V::Request::decode(bytes);
            let request = request.map_err(|error| Status::invalid_argument(error.to_string()))?;
            let recorded = recorded::<V>(request, &headers.into_headers(), false);
            let answer = state.react(recorded, V::Response::encode_to_vec).await?;
            Ok(tonic::Response::new(answer.into()))
        })
    }
}

async fn detect_intent<V: Version>(
    State(state): State<Arc<Shared<V>>>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Some(session) = path.strip_suffix(":detectIntent") else {
        return error(&Status::not_found("no such method"));
    };
    let Ok(body) = serde_json::from_slice::<Value>(&body) else {
        return error(&Status::invalid_argument("the body is no JSON"));
    };
    match state.react(recorded::<V>(V::read(session, &body), &headers, true), V::write).await {
        Ok(bytes) => ([("content-type", "application/json")], bytes).into_response(),
        Err(status) => error(&status),
    }
}

fn recorded<V: Version>(request: V::Request, headers: &HeaderMap, rest: bool) -> Recorded<V> {
    let Question { session, input, language, parameters } = V::taken_apart(request);
    let (authorization, routing) = (header(headers, "authorization"), header(headers, "x-goog-request-params"));
    Recorded { session, input, language, parameters, authorization, routing, rest }
}

/// The agent itself.
async fn agent<V: Version>(
    State(state): State<Arc<Shared<V>>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    let script = state.script.lock().unwrap();
    let told = V::agent(&path, &script).and_then(|told| {
        script.authorise(header(&headers, "authorization").as_deref())?;
        match script.agent_status {
            Some(code) => Err(Status::new(code, "as the test wants it")),
            None => Ok(told),
        }
    });
    match told {
        Ok(told) => axum::Json(told).into_response(),
        Err(status) => error(&status),
    }
}

/// Google's error body.
fn error(status: &Status) -> Response {
    let (http, name) = match status.code() {
        Code::Ok => (200, "OK"),
        Code::Cancelled => (499, "CANCELLED"),
        Code::Unknown => (500, "UNKNOWN"),
        Code::InvalidArgument => (400, "INVALID_ARGUMENT"),
        Code::DeadlineExceeded => (504, "DEADLINE_EXCEEDED"),
        Code::NotFound => (404, "NOT_FOUND"),
        Code::AlreadyExists => (409, "ALREADY_EXISTS"),
        Code::PermissionDenied => (403, "PERMISSION_DENIED"),
        Code::ResourceExhausted => (429, "RESOURCE_EXHAUSTED"),
        Code::FailedPrecondition => (400, "FAILED_PRECONDITION"),
        Code::Aborted => (409, "ABORTED"),
        Code::OutOfRange => (400, "OUT_OF_RANGE"),
        Code::Unimplemented => (501, "UNIMPLEMENTED"),
        Code::Internal => (500, "INTERNAL"),
        Code::Unavailable => (503, "UNAVAILABLE"),
        Code::DataLoss => (500, "DATA_LOSS"),
        Code::Unauthenticated => (401, "UNAUTHENTICATED"),
    };
    let body = json!({ "error": { "code": http, "message": status.message(), "status": name } });
    (StatusCode::from_u16(http).unwrap(), axum::Json(body)).into_response()
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Bytes both ways, so that an answer need not be one.
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
}

impl Decoder for AsBytes {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
