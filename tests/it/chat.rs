//! The web chat's API as a browser meets it, in front of a contact centre without a gateway.

mod docs;
mod events;
mod guards;
mod talk;

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, BodyDataStream},
    extract::ConnectInfo,
    response::Response,
};
use futures::StreamExt as _;
use http::{HeaderMap, Method, Request, StatusCode};
use rand::SeedableRng as _;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use usher::{
    chat::{Chat, Key, Settings},
    clock::Clock,
    switchboard::{Config, Limits, Setup, Switchboard},
};

/// The chat where a server would mount it.
struct Door {
    router: Router,
    switchboard: Switchboard,
    closing: CancellationToken,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

/// A contact that has begun.
struct Begun {
    id: String,
    token: String,
    events: String,
}

impl Door {
    async fn open(settings: Settings) -> Self {
        let config = Config { link: None, journal: None, setup: Setup::demo(), limits: Limits::default() };
        let rng = rand::rngs::StdRng::from_seed([3; 32]);
        let (clock, closing) = (Clock::system(), CancellationToken::new());
        let switchboard = Switchboard::start(config, clock.clone(), rng).await.unwrap();
        let key = Key::from_bytes([5; 32]);
        let chat = Chat { switchboard: switchboard.clone(), key, settings, clock, closing: closing.clone() };
        Self { router: Router::new().nest("/chat", chat.router()), switchboard, closing }
    }

    async fn send(&self, mut request: Request<Body>) -> Response {
        let peer = ConnectInfo(SocketAddr::from(([192, 0, 2, 1], 40_000)));
        request.extensions_mut().insert(peer);
        self.router.clone().oneshot(request).await.unwrap()
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Body>) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.send(request.body(body.into()).unwrap()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        Answer { status, headers, body }
    }

    /// JSON with a token, as the element sends it.
    async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        let authorization = format!("Bearer {token}");
        let headers = [("content-type", "application/json"), ("authorization", &authorization)];
        self.ask(Method::POST, path, &headers, body.to_string()).await
    }

    async fn begin(&self) -> Begun {
        let answer = self.post("/chat/v1/contacts", "", &json!({"language": "en"})).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        let text = |name: &str| answer.body[name].as_str().unwrap().to_owned();
        Begun { id: text("contactId"), token: text("token"), events: text("events") }
    }

    async fn say(&self, contact: &Begun, id: &str, text: &str) -> Answer {
        let path = format!("/chat/v1/contacts/{}/messages", contact.id);
        self.post(&path, &contact.token, &json!({"id": id, "text": text})).await
    }

    async fn leave(&self, contact: &Begun) -> StatusCode {
        let authorization = format!("Bearer {}", contact.token);
        let path = format!("/chat/v1/contacts/{}", contact.id);
        self.ask(Method::DELETE, &path, &[("authorization", &authorization)], "").await.status
    }

    async fn listen(&self, path: &str, headers: &[(&str, &str)]) -> Heard {
        let mut request = Request::get(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Heard { body: response.into_body().into_data_stream(), text: String::new() }
    }
}

/// A stream of events, block by block.
struct Heard {
    body: BodyDataStream,
    text: String,
}

impl Heard {
    /// The next block, or `None` at the end.
    async fn next(&mut self) -> Option<String> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let block = block.to_owned();
                self.text = rest.to_owned();
                return Some(block);
            }
            let chunk = self.body.next().await?.unwrap();
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// The next entry: its number on the stream and what it says.
    async fn entry(&mut self) -> (u64, Value) {
        loop {
            let block = self.next().await.expect("one more entry");
            let Some((id, data)) = block.strip_prefix("id: ").and_then(|it| it.split_once("\ndata: ")) else {
                continue;
            };
            return (id.parse().unwrap(), serde_json::from_str(data).unwrap());
        }
    }
}
