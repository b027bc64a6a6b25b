//! Several event streams of the staff's pages as one: browsers keep six connections to an address, in all windows together.

use std::convert::Infallible;

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::{RawQuery, Request, State},
    http::{Method, StatusCode},
    response::{
        IntoResponse, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::get,
};
use futures::{Stream, StreamExt as _, stream};
use serde_json::json;
use tower::ServiceExt as _;

use super::problem;

/// More than all windows of a desk follow at once.
const MAX_STREAMS: usize = 16;
/// Of one event; a board of many contacts is the largest.
const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// `GET /events?of=…&of=…`: each `of` is a path that `inner` serves events at.
pub(super) fn router(inner: Router) -> Router {
    Router::new().route("/events", get(events)).with_state(inner)
}

/// Tells by `{"of", "event", "data"}` what comes of which, and by `{"of", "over": status}` that nothing more does. All begin
/// with their history.
async fn events(State(inner): State<Router>, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let paths: Vec<String> = query.split('&').filter_map(|it| it.strip_prefix("of=")).map(str::to_owned).collect();
    if paths.is_empty() || paths.len() > MAX_STREAMS || paths.iter().any(|it| !it.starts_with('/')) {
        let detail = format!("of: name 1 to {MAX_STREAMS} paths of events, such as /events?of=/desk/v1/events");
        return problem(StatusCode::BAD_REQUEST, &detail);
    }
    let mut all = Vec::with_capacity(paths.len());
    for path in paths {
        let Ok(request) = Request::builder().method(Method::GET).uri(&path).body(Body::empty()) else {
            return problem(StatusCode::BAD_REQUEST, "of: is no path");
        };
        let Ok(response) = inner.clone().oneshot(request).await;
        all.push(Box::pin(told(path, response)));
    }
    Sse::new(stream::select_all(all)).keep_alive(KeepAlive::default()).into_response()
}

/// What one of them says. The others go on when it ends.
fn told(of: String, response: Response) -> impl Stream<Item = Result<Event, Infallible>> + Send {
    let status = response.status().as_u16();
    let is_stream = response.status() == StatusCode::OK;
    let over = Event::default().data(json!({ "of": of, "over": status }).to_string());
    let blocks = is_stream.then(|| Blocks { body: response.into_body().into_data_stream(), rest: Vec::new() });
    let said = stream::unfold(blocks, |blocks| async move {
        let mut blocks = blocks?;
        let block = blocks.next().await?;
        Some((block, Some(blocks)))
    });
    let said = said.filter_map(move |block| {
        let event = parsed(&block).map(|(event, data)| {
            Ok(Event::default().data(json!({ "of": of, "event": event, "data": data }).to_string()))
        });
        async move { event }
    });
    said.chain(stream::once(async move { Ok(over) }))
}

/// The events of a body, however its bytes come. A stream that breaks off, grows too large or is no text ends as any other: the
/// browser is told `over` and opens it anew.
struct Blocks {
    body: BodyDataStream,
    rest: Vec<u8>,
}

impl Blocks {
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|it| it == b"\n\n") {
                let block: Vec<u8> = self.rest.drain(..end + 2).collect();
                return String::from_utf8(block).ok();
            }
            if self.rest.len() > MAX_EVENT_BYTES {
                return None;
            }
            self.rest.extend_from_slice(&self.body.next().await?.ok()?);
        }
    }
}

/// Name and data; `None`: a comment.
fn parsed(block: &str) -> Option<(&str, String)> {
    let field = |name: &'static str| block.lines().filter_map(move |line| line.strip_prefix(name));
    let data: Vec<&str> = field("data: ").collect();
    let event = field("event: ").next().unwrap_or("message");
    (!data.is_empty()).then(|| (event, data.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(query: &str) -> Response {
        let inner = Router::new()
            .route(
                "/whole",
                get(|| async { "event: board\ndata: {\"a\":1}\n\n:\n\nid: 7\ndata: two\ndata: lines\n\n" }),
            )
            .route(
                "/cut/{name}",
                get(|| async {
                    Body::from_stream(stream::iter([Ok::<_, Infallible>("da"), Ok("ta: x\n"), Ok("\ndata: never")]))
                }),
            );
        let request = Request::get(format!("/events{query}")).body(Body::empty()).unwrap();
        router(inner).oneshot(request).await.unwrap()
    }

    async fn told_of(query: &str) -> Vec<serde_json::Value> {
        let body = axum::body::to_bytes(ask(query).await.into_body(), 10_000).await.unwrap();
        let lines = std::str::from_utf8(&body).unwrap().lines();
        lines.filter_map(|it| it.strip_prefix("data: ")).map(|it| serde_json::from_str(it).unwrap()).collect()
    }

    #[tokio::test]
    async fn several_streams_come_as_one_each_under_its_path() {
        let told = told_of("?of=/whole&of=/cut/a%20b&of=/nowhere").await;
        let of = |path: &str| told.iter().filter(|it| it["of"] == path).cloned().collect::<Vec<_>>();
        assert_eq!(
            of("/whole"),
            [
                json!({ "of": "/whole", "event": "board", "data": "{\"a\":1}" }),
                json!({ "of": "/whole", "event": "message", "data": "two\nlines" }),
                json!({ "of": "/whole", "over": 200 }),
            ]
        );
        assert_eq!(
            of("/cut/a%20b"),
            [
                json!({ "of": "/cut/a%20b", "event": "message", "data": "x" }),
                json!({ "of": "/cut/a%20b", "over": 200 }),
            ]
        );
        assert_eq!(of("/nowhere"), [json!({ "of": "/nowhere", "over": 404 })]);
    }

    #[tokio::test]
    async fn nothing_and_too_much_is_refused() {
        let many = format!("?{}", vec!["of=/whole"; MAX_STREAMS + 1].join("&"));
        for query in ["", "?of=", "?of=http://example.com/", many.as_str()] {
            assert_eq!(ask(query).await.status(), StatusCode::BAD_REQUEST, "{query}");
        }
    }
}
