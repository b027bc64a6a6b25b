//! Direct Line 3.0 on the wire, with a bot behind it: conversations, activities with ids such as `conv|0000001`, watermarks, echoes
//! of what was posted, and the statuses that are documented. A post is answered when the bot has worked through it, and the bot
//! works on when whoever posted has gone.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Path, Query, Request, State},
    http::{StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::{
    server::{Line, Server, until},
    webhook::Reaction,
};

pub(crate) const SECRET: &str = "direct-line-secret";

/// What the bot makes of an activity: a status of its own instead of 200, or nothing of that kind.
type Decides = Arc<dyn Fn(Bot) -> BoxFuture<'static, Option<Reaction>> + Send + Sync>;

/// One activity, and the way back.
#[derive(Clone)]
pub(crate) struct Bot {
    pub(crate) conversation: String,
    pub(crate) activity: Value,
    /// What replies to it name.
    pub(crate) id: String,
    state: Arc<Shared>,
}

impl Bot {
    /// As the SDK sends a reply. Yields its id.
    pub(crate) fn send(&self, mut activity: Value) -> String {
        activity["replyToId"] = json!(self.id);
        self.state.append(&self.conversation, "bot", activity)
    }

    /// The last activity comes once more with the next that are fetched.
    pub(crate) fn repeats_itself(&self) {
        self.state.with(&self.conversation, |it| it.repeat = true);
    }

    /// What is fetched next is this instead.
    pub(crate) fn breaks(&self, body: Vec<u8>) {
        self.state.with(&self.conversation, |it| it.broken.push_back(body));
    }
}

#[derive(Debug)]
pub(crate) struct FakeDirectLine {
    server: Server,
    state: Arc<Shared>,
}

struct Shared {
    line: Line,
    decides: Decides,
    conversations: Mutex<HashMap<String, Conversation>>,
    posted: watch::Sender<Vec<Value>>,
    /// For the next requests that fetch, whatever they are.
    limited: Mutex<usize>,
}

#[derive(Default)]
struct Conversation {
    activities: Vec<Value>,
    broken: VecDeque<Vec<u8>>,
    repeat: bool,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FakeDirectLine")
    }
}

impl FakeDirectLine {
    /// With a bot that is given messages and events, and nothing else.
    pub(crate) fn start<F>(decides: impl Fn(Bot) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<Reaction>> + Send + 'static,
    {
        let line = Line::default();
        let state = Arc::new(Shared {
            line: line.clone(),
            decides: Arc::new(move |bot| Box::pin(decides(bot))),
            conversations: Mutex::default(),
            posted: watch::Sender::default(),
            limited: Mutex::default(),
        });
        let router = Router::new()
            .route("/v3/directline/conversations", post(start))
            .route("/v3/directline/conversations/{id}/activities", post(take).get(fetch))
            .layer(middleware::from_fn(authenticate))
            .with_state(Arc::clone(&state));
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.server.address())
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }

    /// Everything that was posted, in order.
    pub(crate) fn posted(&self) -> Vec<Value> {
        self.state.posted.borrow().clone()
    }

    /// To be told of more.
    pub(crate) fn posted_so_far(&self) -> watch::Receiver<Vec<Value>> {
        self.state.posted.subscribe()
    }

    pub(crate) async fn wait_for(&self, kind: &str, count: usize) -> Vec<Value> {
        let of_kind = |all: &Vec<Value>| all.iter().filter(|it| it["type"] == kind).count();
        until(self.state.posted.subscribe(), |it| of_kind(it) >= count).await;
        self.posted().into_iter().filter(|it| it["type"] == kind).collect()
    }

    pub(crate) fn conversations(&self) -> usize {
        self.state.conversations.lock().unwrap().len()
    }

    /// Conversations do not live for ever.
    pub(crate) fn forgets_everything(&self) {
        self.state.conversations.lock().unwrap().clear();
    }

    /// So many fetches are too many.
    pub(crate) fn is_asked_too_often(&self, times: usize) {
        *self.state.limited.lock().unwrap() = times;
    }
}

impl Shared {
    fn with(&self, conversation: &str, change: impl FnOnce(&mut Conversation)) {
        if let Some(it) = self.conversations.lock().unwrap().get_mut(conversation) {
            change(it);
        }
    }

    fn append(&self, conversation: &str, from: &str, mut activity: Value) -> String {
        let mut id = String::new();
        self.with(conversation, |it| {
            id = format!("{conversation}|{:07}", it.activities.len());
            activity["id"] = json!(id);
            activity["conversation"] = json!({"id": conversation});
            if activity.get("from").is_none() {
                activity["from"] = json!({"id": from, "role": "bot"});
            }
            it.activities.push(activity);
        });
        id
    }
}

async fn authenticate(request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    if given != Some(&format!("Bearer {SECRET}")) {
        return error(StatusCode::FORBIDDEN, "BadArgument", "Invalid token or secret");
    }
    next.run(request).await
}

/// As Direct Line words its errors.
fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": {"code": code, "message": message}}))).into_response()
}

async fn start(State(state): State<Arc<Shared>>) -> Response {
    let mut conversations = state.conversations.lock().unwrap();
    let id = format!("conv{}", conversations.len());
    conversations.insert(id.clone(), Conversation::default());
    let started = json!({"conversationId": id, "token": "a-token", "expires_in": 1800,
        "streamUrl": format!("wss://127.0.0.1/v3/directline/conversations/{id}/stream")});
    (StatusCode::CREATED, Json(started)).into_response()
}

async fn take(State(state): State<Arc<Shared>>, Path(id): Path<String>, Json(activity): Json<Value>) -> Response {
    if !state.conversations.lock().unwrap().contains_key(&id) {
        return error(StatusCode::NOT_FOUND, "BadArgument", "Unknown conversation");
    }
    let name = state.append(&id, "user", activity.clone());
    state.posted.send_modify(|it| it.push(activity.clone()));
    let posted = Json(json!({"id": name})).into_response();
    if !matches!(activity["type"].as_str(), Some("message" | "event")) {
        return posted;
    }
    let bot = Bot { conversation: id, activity, id: name, state: Arc::clone(&state) };
    // The bot works on, whoever listens.
    let works = tokio::spawn((state.decides)(bot));
    match works.await.unwrap() {
        Some(reaction) => reaction.respond(&state.line).await,
        None => posted,
    }
}

async fn fetch(
    State(state): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    {
        let mut limited = state.limited.lock().unwrap();
        if *limited > 0 {
            *limited -= 1;
            return error(StatusCode::TOO_MANY_REQUESTS, "RateLimit", "Too many requests");
        }
    }
    let mut conversations = state.conversations.lock().unwrap();
    let Some(conversation) = conversations.get_mut(&id) else {
        return error(StatusCode::NOT_FOUND, "BadArgument", "Unknown conversation");
    };
    if let Some(broken) = conversation.broken.pop_front() {
        return broken.into_response();
    }
    let from: usize = query.get("watermark").map_or(0, |it| it.parse().unwrap());
    let again = usize::from(std::mem::take(&mut conversation.repeat));
    let activities = &conversation.activities[from.saturating_sub(again)..];
    Json(json!({"activities": activities, "watermark": conversation.activities.len().to_string()})).into_response()
}
