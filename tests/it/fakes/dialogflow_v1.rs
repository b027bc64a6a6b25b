//! A server of Dialogflow's API version 1 on the wire, with the documented limits, statuses and loose types.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::server::{Line, Server};

pub(crate) const CLIENT_TOKEN: &str = "4b1f0c9e2d3a4f5b8c7d6e5f4a3b2c1d";

const MAX_QUERY_CHARACTERS: usize = 256;
const MAX_SESSION_CHARACTERS: usize = 36;

/// A question within the limits.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// As it came.
    pub(crate) body: Value,
}

impl Asked {
    pub(crate) fn string(&self, key: &str) -> String {
        self.body[key].as_str().unwrap().to_owned()
    }

    pub(crate) fn event(&self) -> Option<(String, Value)> {
        let event = self.body.get("event")?;
        let data = event.get("data").cloned().unwrap_or_else(|| json!({}));
        Some((event["name"].as_str().unwrap().to_owned(), data))
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// The `result` of an answer.
    Result(Value),
    /// As `Result`, after the agent's own webhook failed.
    WebhookFailed(Value),
    /// A refusal, by the HTTP status and the `status` object.
    Error(u16),
    /// A refusal by the `status` object alone.
    ErrorInside(u16),
    /// These bytes where the answer should be.
    Raw(Vec<u8>),
    /// The connection is lost instead.
    Cut,
}

type Decides = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reaction> + Send + Sync>;

pub(crate) struct FakeDialogflowV1 {
    server: Server,
    asked: watch::Sender<Vec<Asked>>,
}

#[derive(Clone)]
struct Shared {
    decides: Decides,
    line: Line,
    asked: watch::Sender<Vec<Asked>>,
}

impl FakeDialogflowV1 {
    pub(crate) fn start(decides: impl Fn(Asked) -> BoxFuture<'static, Reaction> + Send + Sync + 'static) -> Self {
        let (line, asked) = (Line::default(), watch::Sender::default());
        let shared = Shared { decides: Arc::new(decides), line: line.clone(), asked: asked.clone() };
        let router = Router::new().route("/v1/query", post(query)).with_state(shared);
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), asked }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.server.address())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }
}

/// A result of an intent that says this.
pub(crate) fn says(speech: &str) -> Value {
    json!({
        "source": "agent",
        "resolvedQuery": "",
        "action": "",
        "actionIncomplete": false,
        "parameters": {},
        "contexts": [],
        "metadata": {
            "intentId": "373a354b-c15a-4a60-ac9d-a9f2aee76cb4",
            "webhookUsed": "false",
            "webhookForSlotFillingUsed": "false",
            "isFallbackIntent": "false",
            "intentName": "small talk"
        },
        "fulfillment": {"speech": speech, "messages": [{"type": 0, "speech": speech}]},
        "score": 0.8
    })
}

async fn query(
    State(shared): State<Shared>,
    RawQuery(parameters): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match question(parameters.as_deref().unwrap_or_default(), &headers, &body) {
        Ok(asked) => asked,
        Err(code) => return error(code, code),
    };
    let session = asked.body["sessionId"].clone();
    shared.asked.send_modify(|it| it.push(asked.clone()));
    let done = |result: Value, status: Value| {
        let answer = json!({
            "id": "b340a1f7-abee-4e13-9bdd-5e8938a48b7d", "timestamp": "2018-08-08T08:20:10.676Z", "lang": "en",
            "result": result, "status": status, "sessionId": session
        });
        axum::Json(answer).into_response()
    };
    match (shared.decides)(asked).await {
        Reaction::Result(result) => done(result, json!({"code": 200, "errorType": "success"})),
        Reaction::WebhookFailed(result) => {
            let details = "Webhook call failed. Error: 500 Internal Server Error";
            let status =
                json!({"code": 206, "errorType": "partial_content", "errorDetails": details, "webhookTimedOut": false});
            done(result, status)
        }
        Reaction::Error(code) => error(code, code),
        Reaction::ErrorInside(code) => error(200, code),
        Reaction::Raw(bytes) => ([("content-type", "application/json")], bytes).into_response(),
        Reaction::Cut => {
            shared.line.cut();
            std::future::pending().await
        }
    }
}

fn question(parameters: &str, headers: &HeaderMap, body: &Bytes) -> Result<Asked, u16> {
    let authorization = headers.get("authorization").and_then(|it| it.to_str().ok());
    if authorization != Some(&format!("Bearer {CLIENT_TOKEN}")) {
        return Err(401);
    }
    let version = parameters.split('&').find_map(|it| it.strip_prefix("v="));
    let body: Value = serde_json::from_slice(body).map_err(|_no_json| 400_u16)?;
    let length = |at: &Value| at.as_str().map(|it| it.chars().count());
    let is_within = |at: &Value, most: usize| length(at).is_some_and(|it| (1..=most).contains(&it));
    let named = body.get("event").is_some_and(|it| length(&it["name"]).is_some_and(|it| it > 0));
    let good = version.is_some_and(|it| it.len() == 8)
        && is_within(&body["sessionId"], MAX_SESSION_CHARACTERS)
        && is_within(&body["lang"], 16)
        && (is_within(&body["query"], MAX_QUERY_CHARACTERS) != named);
    if good { Ok(Asked { body }) } else { Err(400) }
}

fn error(http: u16, code: u16) -> Response {
    let kind = match code {
        400 => "bad_request",
        401 => "unauthorized",
        404 => "not_found",
        409 => "conflict",
        429 => "too_many_requests",
        503 => "service_unavailable",
        _ => "internal_server_error",
    };
    let status = json!({"code": code, "errorType": kind, "errorDetails": "planted 4711, as the test wants it"});
    let body = json!({"id": "b340a1f7", "timestamp": "2018-08-08T08:20:10.676Z", "status": status});
    (StatusCode::from_u16(http).unwrap(), axum::Json(body)).into_response()
}
