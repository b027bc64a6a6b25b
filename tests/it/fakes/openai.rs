//! A server of OpenAI's chat completions: as strict as the strictest that speak this API (roles alternate, nothing unknown in a
//! request, every tool call answered), with the documented errors, and as careless with its streams as the most careless
//! (cut anywhere, every kind of line end, comments between events).
//!
//! ```ignore
//! let openai = FakeOpenAi::start(|asked| async move { Reply::words(&format!("echo: {}", asked.input())) }.boxed());
//! let endpoint = openai.endpoint();                   // http://127.0.0.1:…/v1
//! assert_eq!(openai.asked()[0].input(), "hi");
//! ```

use std::{
    collections::BTreeSet,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio_stream::{StreamExt as _, wrappers::ReceiverStream};

use super::server::{Line, Server};

pub(crate) const MODEL: &str = "m-1";

/// A question as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn streams(&self) -> bool {
        self.body["stream"] == true
    }

    pub(crate) fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().unwrap()
    }

    /// The names of the tools that were offered.
    pub(crate) fn tools(&self) -> Vec<&str> {
        self.body["tools"].as_array().unwrap().iter().map(|it| it["function"]["name"].as_str().unwrap()).collect()
    }

    /// Whether it shows the model what was wrong with its calls.
    pub(crate) fn corrects(&self) -> bool {
        self.messages().last().unwrap()["role"] == "tool"
    }

    /// The facts, and what the customer wrote, or the event.
    fn question(&self) -> (&str, &str) {
        let user = self.messages().iter().rfind(|it| it["role"] == "user").unwrap();
        let (_, last) = user["content"].as_str().unwrap().rsplit_once("⟦facts ").unwrap();
        last.split_once("⟧\n").unwrap()
    }

    pub(crate) fn facts(&self) -> Value {
        serde_json::from_str(self.question().0).unwrap()
    }

    pub(crate) fn input(&self) -> &str {
        self.question().1
    }

    /// The event's name and parameters, if the input is one.
    pub(crate) fn event(&self) -> Option<(String, Value)> {
        let event = self.input().strip_prefix("⟦event ")?.strip_suffix('⟧')?;
        let (name, parameters) = event.split_once(' ').unwrap_or((event, "{}"));
        Some((name.to_owned(), serde_json::from_str(parameters).unwrap()))
    }

    /// Contact and turn, without the round.
    pub(crate) fn request_id(&self) -> &str {
        let id = self.headers["x-client-request-id"].to_str().unwrap();
        id.rsplit_once('.').unwrap().0
    }
}

/// What a question leads to.
pub(crate) enum Reply {
    Message(Message),
    /// A stream begins with these words; then the rest.
    Begins(String, BoxFuture<'static, Self>),
    /// An error, as the API words it.
    Error(u16, Value),
    /// In the middle of a stream, after these words.
    ErrorAmid(String, Value),
    /// These bytes where the answer should be.
    Raw(Vec<u8>),
    /// The connection is lost instead.
    Cut,
    /// It is lost after these words.
    CutAmid(String),
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub(crate) content: String,
    /// Name, and arguments as text.
    pub(crate) calls: Vec<(String, String)>,
    pub(crate) finish: &'static str,
}

impl Reply {
    pub(crate) fn words(content: &str) -> Self {
        Self::Message(Message { content: content.to_owned(), calls: Vec::new(), finish: "stop" })
    }

    pub(crate) fn calls(content: &str, calls: &[(&str, Value)]) -> Self {
        let calls = calls.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.to_string())).collect();
        Self::Message(Message { content: content.to_owned(), calls, finish: "tool_calls" })
    }

    pub(crate) fn error(status: u16, code: &str) -> Self {
        let kind = if status >= 500 { "server_error" } else { "invalid_request_error" };
        let error = json!({"message": "as the test wants it", "type": kind, "param": null, "code": code});
        Self::Error(status, json!({"error": error}))
    }
}

type Decides = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync>;

pub(crate) struct FakeOpenAi {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    decides: Decides,
    line: Line,
    asked: watch::Sender<Vec<Asked>>,
    /// The one accepted key; `None`: anything, or nothing.
    key: Mutex<Option<String>>,
}

impl FakeOpenAi {
    pub(crate) fn start(decides: impl Fn(Asked) -> BoxFuture<'static, Reply> + Send + Sync + 'static) -> Self {
        let line = Line::default();
        let (decides, asked) = (Arc::new(decides), watch::Sender::default());
        let shared = Arc::new(Shared { decides, line: line.clone(), asked, key: Mutex::default() });
        let router = Router::new()
            .route("/v1/chat/completions", post(complete))
            .route("/v1/models", get(models))
            .with_state(Arc::clone(&shared));
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/v1", self.server.address())
    }

    pub(crate) fn accepts_key(&self, key: &str) {
        *self.shared.key.lock().unwrap() = Some(key.to_owned());
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }

    /// All that came so far and was no refused request.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.borrow().clone()
    }
}

async fn models(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Response {
    match authorise(&shared, &headers) {
        Ok(()) => Json(json!({"object": "list", "data": [{"id": MODEL, "object": "model"}]})).into_response(),
        Err(refused) => refused,
    }
}

async fn complete(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = authorise(&shared, &headers) {
        return refused;
    }
    let body = match judge(&body) {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let asked = Asked { headers, body };
    let streams = asked.streams();
    shared.asked.send_modify(|it| it.push(asked.clone()));
    let reply = (shared.decides)(asked).await;
    if streams { stream(&shared, reply) } else { whole(&shared, reply).await }
}

#[expect(clippy::result_large_err, reason = "a test's answer")]
fn authorise(shared: &Shared, headers: &HeaderMap) -> Result<(), Response> {
    let given = headers.get(header::AUTHORIZATION).and_then(|it| it.to_str().ok());
    match &*shared.key.lock().unwrap() {
        Some(key) if given != Some(&format!("Bearer {key}")) => {
            Err(refused(401, "invalid_api_key", "the key is wrong"))
        }
        Some(_) | None => Ok(()),
    }
}

fn refused(status: u16, code: &str, message: &str) -> Response {
    let error = json!({"message": message, "type": "invalid_request_error", "param": null, "code": code});
    (StatusCode::from_u16(status).unwrap(), Json(json!({"error": error}))).into_response()
}

const KNOWN: [&str; 7] = ["model", "messages", "tools", "max_tokens", "max_completion_tokens", "temperature", "stream"];

/// What the strictest servers demand of a request.
#[expect(clippy::result_large_err, reason = "a test's answer")]
fn judge(body: &[u8]) -> Result<Value, Response> {
    let bad = |message: &str| Err(refused(400, "invalid_value", message));
    let Ok(body) = serde_json::from_slice::<Value>(body) else { return bad("no JSON") };
    if let Some(unknown) = body.as_object().unwrap().keys().find(|it| !KNOWN.contains(&it.as_str())) {
        return Err(refused(422, "extra_forbidden", unknown));
    }
    if body["model"] != MODEL {
        return Err(refused(404, "model_not_found", "no such model"));
    }
    let mut names = BTreeSet::new();
    for tool in body["tools"].as_array().unwrap() {
        let name = tool["function"]["name"].as_str().unwrap();
        let fits = name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-".contains(&it));
        if !(1..=64).contains(&name.len()) || !fits || !names.insert(name) || tool["type"] != "function" {
            return bad("a tool's name");
        }
        if tool["function"]["parameters"]["type"] != "object" {
            return bad("a tool's parameters");
        }
    }
    judge_messages(body["messages"].as_array().unwrap()).map_or_else(bad, |()| Ok(body))
}

fn judge_messages(messages: &[Value]) -> Result<(), &'static str> {
    let mut before = "system";
    let mut open: BTreeSet<&str> = BTreeSet::new();
    for (n, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap();
        match (role, before) {
            ("system", _) if n == 0 => {}
            ("user", "system" | "assistant") | ("assistant", "user") if open.is_empty() => {}
            ("tool", "assistant" | "tool") => {
                if !open.remove(message["tool_call_id"].as_str().unwrap()) {
                    return Err("an answer to no tool call");
                }
            }
            _ => return Err("roles must alternate user/assistant/user/assistant/..."),
        }
        let calls = message["tool_calls"].as_array();
        for call in calls.into_iter().flatten() {
            if serde_json::from_str::<Value>(call["function"]["arguments"].as_str().unwrap()).is_err() {
                return Err("arguments that are no JSON");
            }
            open.insert(call["id"].as_str().unwrap());
        }
        let content = &message["content"];
        let says = content.as_str().is_some_and(|it| !it.is_empty());
        if !says && (calls.is_none() || !content.is_null()) {
            return Err("a message without content");
        }
        before = role;
    }
    if open.is_empty() && before != "assistant" { Ok(()) } else { Err("nothing is asked") }
}

async fn whole(shared: &Shared, mut reply: Reply) -> Response {
    let mut begun = String::new();
    loop {
        reply = match reply {
            Reply::Message(Message { content, calls, finish }) => {
                let calls: Vec<Value> = calls.iter().enumerate().map(|(n, call)| tool_call(n, call)).collect();
                let content = begun + &content;
                let mut message = json!({"role": "assistant", "content": content});
                if !calls.is_empty() {
                    message["tool_calls"] = calls.into();
                }
                let choice = json!({"index": 0, "message": message, "finish_reason": finish});
                return Json(json!({"id": "c", "object": "chat.completion", "choices": [choice]})).into_response();
            }
            Reply::Begins(words, rest) => {
                begun.push_str(&words);
                rest.await
            }
            Reply::Error(status, error) => {
                return (StatusCode::from_u16(status).unwrap(), Json(error)).into_response();
            }
            // Without a stream there is no middle.
            Reply::ErrorAmid(_, error) => return Json(error).into_response(),
            Reply::Raw(bytes) => return ([(header::CONTENT_TYPE, "application/json")], bytes).into_response(),
            Reply::Cut | Reply::CutAmid(_) => {
                shared.line.cut();
                std::future::pending().await
            }
        }
    }
}

fn tool_call(n: usize, (name, arguments): &(String, String)) -> Value {
    json!({"id": format!("call-{n}"), "type": "function", "function": {"name": name, "arguments": arguments}})
}

fn stream(shared: &Arc<Shared>, reply: Reply) -> Response {
    if let Reply::Error(status, error) = reply {
        return (StatusCode::from_u16(status).unwrap(), Json(error)).into_response();
    }
    let (pieces, body) = mpsc::channel::<Bytes>(16);
    let shared = Arc::clone(shared);
    // A client that goes away is no error.
    tokio::spawn(async move { drop(write(&shared, &pieces, reply).await) });
    let body = ReceiverStream::new(body).map(Ok::<_, Infallible>);
    ([(header::CONTENT_TYPE, "text/event-stream; charset=utf-8")], Body::from_stream(body)).into_response()
}

type Gone = mpsc::error::SendError<Bytes>;

async fn write(shared: &Shared, to: &mpsc::Sender<Bytes>, mut reply: Reply) -> Result<(), Gone> {
    if let Reply::Raw(bytes) = reply {
        return to.send(bytes.into()).await;
    }
    let mut out = Events { to, count: 0 };
    out.delta(&json!({"role": "assistant", "content": null}), None).await?;
    loop {
        reply = match reply {
            Reply::Message(message) => return out.message(message).await,
            Reply::Begins(words, rest) => {
                out.words(&words).await?;
                rest.await
            }
            Reply::ErrorAmid(words, error) => {
                out.words(&words).await?;
                out.event(&error.to_string()).await?;
                return out.event("[DONE]").await;
            }
            Reply::Error(_, error) => return out.event(&error.to_string()).await,
            Reply::Raw(bytes) => return to.send(bytes.into()).await,
            Reply::CutAmid(words) => {
                out.words(&words).await?;
                Reply::Cut
            }
            Reply::Cut => {
                shared.line.cut();
                std::future::pending().await
            }
        }
    }
}

/// Events as a careless server writes them.
struct Events<'a> {
    to: &'a mpsc::Sender<Bytes>,
    count: usize,
}

impl Events<'_> {
    async fn message(&mut self, message: Message) -> Result<(), Gone> {
        let Message { content, calls, finish } = message;
        self.words(&content).await?;
        for (n, (name, arguments)) in calls.iter().enumerate() {
            let piece = |function: Value| json!({"tool_calls": [{"index": n, "function": function}]});
            let mut first = piece(json!({"name": name, "arguments": ""}));
            first["tool_calls"][0]["id"] = format!("call-{n}").into();
            self.delta(&first, None).await?;
            let middle = arguments.floor_char_boundary(arguments.len() / 2);
            let (begun, rest) = arguments.split_at(middle);
            for part in [begun, rest] {
                self.delta(&piece(json!({"arguments": part})), None).await?;
            }
        }
        self.delta(&json!({}), Some(finish)).await?;
        self.event("{\"choices\":[],\"usage\":{\"total_tokens\":7}}").await?;
        self.event("[DONE]").await
    }

    async fn words(&mut self, words: &str) -> Result<(), Gone> {
        for word in words.split_inclusive(' ') {
            self.delta(&json!({"content": word}), None).await?;
        }
        Ok(())
    }

    async fn delta(&mut self, delta: &Value, finish: Option<&str>) -> Result<(), Gone> {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        self.event(&json!({"id": "c", "object": "chat.completion.chunk", "choices": [choice]}).to_string()).await
    }

    async fn event(&mut self, data: &str) -> Result<(), Gone> {
        self.count += 1;
        let end = ["\n", "\r\n"][self.count % 2];
        let comment = if self.count.is_multiple_of(3) { format!(": ping{end}{end}") } else { String::new() };
        let bytes = format!("{comment}data: {data}{end}{end}").into_bytes();
        // The last event of a stream lacks its blank line.
        let bytes = if data == "[DONE]" { bytes.trim_ascii_end().to_vec() } else { bytes };
        // Long ones in pieces that fit no character.
        let size = if bytes.len() > 10_000 { 4096 } else { 7 };
        for piece in bytes.chunks(size) {
            self.to.send(Bytes::copy_from_slice(piece)).await?;
        }
        Ok(())
    }
}
