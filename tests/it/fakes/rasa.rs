//! Rasa's REST channel on the wire: `POST /webhooks/rest/webhook`, `GET /webhooks/rest/`. It strips white space, takes what
//! begins with `/` for an intent with its entities, and works through the messages of one sender one after another.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    server::{Line, Server},
    webhook::Reaction,
};

/// A message as Rasa understands it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) sender: String,
    /// Without white space around it.
    pub(crate) message: String,
    /// An intent by its name with its entities; `None`: words.
    pub(crate) intent: Option<(String, Value)>,
    pub(crate) metadata: Value,
    pub(crate) authorization: Option<String>,
}

#[derive(Debug)]
pub(crate) struct FakeRasa {
    server: Server,
    state: Arc<Shared>,
}

struct Shared {
    line: Line,
    decides: Arc<dyn Fn(Told) -> BoxFuture<'static, Reaction> + Send + Sync>,
    told: watch::Sender<Vec<Told>>,
    /// One message of each sender at a time.
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeRasa")
    }
}

impl FakeRasa {
    pub(crate) fn start<F>(decides: impl Fn(Told) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Reaction> + Send + 'static,
    {
        let line = Line::default();
        let state = Arc::new(Shared {
            line: line.clone(),
            decides: Arc::new(move |told| Box::pin(decides(told))),
            told: watch::Sender::default(),
            locks: Mutex::default(),
        });
        let router = Router::new()
            .route("/webhooks/rest/webhook", post(take))
            .route("/webhooks/rest/", get(|| async { Json(json!({"status": "ok"})) }))
            .with_state(Arc::clone(&state));
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }

    pub(crate) fn told(&self) -> Vec<Told> {
        self.state.told.borrow().clone()
    }
}

async fn take(State(state): State<Arc<Shared>>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let (Some(sender), Some(message)) = (body["sender"].as_str(), body["message"].as_str()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let message = message.trim().to_owned();
    let intent = message.strip_prefix('/').map(|rest| {
        let (name, entities) = rest.find('{').map_or((rest, "{}"), |at| rest.split_at(at));
        (name.to_owned(), serde_json::from_str(entities).unwrap())
    });
    let authorization = headers.get("authorization").map(|it| it.to_str().unwrap().to_owned());
    let told = Told { sender: sender.to_owned(), message, intent, metadata: body["metadata"].clone(), authorization };
    let lock = Arc::clone(state.locks.lock().unwrap().entry(sender.to_owned()).or_default());
    let _turn = lock.lock().await;
    state.told.send_modify(|it| it.push(told.clone()));
    (state.decides)(told).await.respond(&state.line).await
}
