//! Amazon Lex V2's runtime on the wire: signatures checked, the documented limits kept, the documented errors, answers as a test
//! wants them.
//!
//! ```ignore
//! let lex = FakeLex::start(|asked| async move { Reaction::Answer(says(&asked.text)) }.boxed());
//! let endpoint = lex.endpoint();                      // http://127.0.0.1:…
//! assert_eq!(lex.asked()[0].locale, "en_US");
//! ```

mod signature;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{StatusCode, header::DATE},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;
use usher::clock::Clock;

use super::server::{Line, Server};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const BOT: &str = "ABCDEFGHIJ";
pub(crate) const ALIAS: &str = "TSTALIASID";
pub(crate) const LOCALES: [&str; 2] = ["en_US", "fr_CA"];
pub(crate) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE123456";
pub(crate) const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

const MAX_TEXT_CHARACTERS: usize = 1024;
const MAX_BODY_BYTES: usize = 64 * 1024;

/// A question within the limits.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) locale: String,
    pub(crate) session: String,
    pub(crate) text: String,
    pub(crate) attributes: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    Answer(Value),
    /// One of the API's exceptions, or of AWS's front before it.
    Error(u16, &'static str),
    /// These bytes where the answer should be.
    Raw(Vec<u8>),
    /// The connection is lost instead.
    Cut,
}

type Decides = Arc<dyn Fn(Asked) -> BoxFuture<'static, Reaction> + Send + Sync>;

pub(crate) struct FakeLex {
    server: Server,
    shared: Arc<Shared>,
}

struct Shared {
    decides: Decides,
    line: Line,
    asked: watch::Sender<Vec<Asked>>,
    /// Kinds of the errors that were given, in order.
    errors: Mutex<Vec<String>>,
    /// Whom it knows; held for look-ups alone.
    account: Mutex<Account>,
}

#[derive(Clone, Debug, Default)]
struct Account {
    /// Of a temporary key.
    session_token: Option<String>,
    /// How far AWS's clock is ahead of this machine's.
    ahead_ms: i64,
}

impl FakeLex {
    pub(crate) fn start(decides: impl Fn(Asked) -> BoxFuture<'static, Reaction> + Send + Sync + 'static) -> Self {
        let line = Line::default();
        let shared = Arc::new(Shared {
            decides: Arc::new(decides),
            line: line.clone(),
            asked: watch::Sender::default(),
            errors: Mutex::default(),
            account: Mutex::default(),
        });
        let route = "/bots/{bot}/botAliases/{alias}/botLocales/{locale}/sessions/{session}/text";
        let router = Router::new().route(route, post(recognize)).with_state(Arc::clone(&shared));
        Self { server: Server::start_on(line, ([127, 0, 0, 1], 0).into(), router), shared }
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Its key is a temporary one.
    pub(crate) fn wants_session_token(&self, token: &str) {
        self.shared.account.lock().unwrap().session_token = Some(token.to_owned());
    }

    pub(crate) fn is_ahead_by_ms(&self, ahead_ms: i64) {
        self.shared.account.lock().unwrap().ahead_ms = ahead_ms;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.borrow().clone()
    }

    pub(crate) fn errors(&self) -> Vec<String> {
        self.shared.errors.lock().unwrap().clone()
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }
}

/// An answer that says this and closes.
pub(crate) fn says(text: &str) -> Value {
    json!({
        "messages": [{"contentType": "PlainText", "content": text}],
        "sessionState": {
            "dialogAction": {"type": "Close"},
            "intent": {"name": "SmallTalk", "state": "Fulfilled", "confirmationState": "None", "slots": {}},
            "sessionAttributes": {},
            "activeContexts": [],
        },
        "interpretations": [{"intent": {"name": "SmallTalk", "slots": {}}, "nluConfidence": {"score": 0.8}}],
    })
}

async fn recognize(
    State(shared): State<Arc<Shared>>,
    Path(path): Path<(String, String, String, String)>,
    request: Request,
) -> Response {
    let account = shared.account.lock().unwrap().clone();
    let now_ms = Clock::system().now().0 + account.ahead_ms;
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return shared.error(413, "RequestEntityTooLargeException", now_ms);
    };
    let token = account.session_token.as_deref();
    let judged = signature::check(&head, &body, token, now_ms).and_then(|()| question(path, &body));
    let mut asked = match judged {
        Ok(asked) => asked,
        Err((status, kind)) => return shared.error(status, kind, now_ms),
    };
    shared.asked.send_modify(|it| it.push(asked.clone()));
    let (session, attributes) = (asked.session.clone(), std::mem::take(&mut asked.attributes));
    asked.attributes.clone_from(&attributes);
    match (shared.decides)(asked).await {
        Reaction::Answer(mut answer) => {
            answer["sessionId"] = session.into();
            // What came is given back, but for what the bot itself says by it.
            let given = answer["requestAttributes"].as_object().cloned().unwrap_or_default();
            let mut all: serde_json::Map<String, Value> =
                attributes.into_iter().map(|(name, value)| (name, value.into())).collect();
            all.extend(given);
            answer["requestAttributes"] = all.into();
            axum::Json(answer).into_response()
        }
        Reaction::Error(status, kind) => shared.error(status, kind, now_ms),
        Reaction::Raw(bytes) => ([("content-type", "application/json")], bytes).into_response(),
        Reaction::Cut => {
            shared.line.cut();
            std::future::pending().await
        }
    }
}

type Refusal = (u16, &'static str);

const INVALID: Refusal = (400, "ValidationException");

fn question((bot, alias, locale, session): (String, String, String, String), body: &Bytes) -> Result<Asked, Refusal> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Body {
        text: String,
        #[serde(default)]
        request_attributes: BTreeMap<String, String>,
    }
    let is_session = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b':' | b'-');
    if !(2..=100).contains(&session.len()) || !session.bytes().all(is_session) {
        return Err(INVALID);
    }
    if (bot.as_str(), alias.as_str()) != (BOT, ALIAS) || !LOCALES.contains(&locale.as_str()) {
        return Err((404, "ResourceNotFoundException"));
    }
    let Ok(Body { text, request_attributes }) = serde_json::from_slice(body) else { return Err(INVALID) };
    let reserved = request_attributes.keys().any(|it| it.is_empty() || it.starts_with("x-amz-lex:"));
    if !(1..=MAX_TEXT_CHARACTERS).contains(&text.chars().count()) || reserved {
        return Err(INVALID);
    }
    Ok(Asked { locale, session, text, attributes: request_attributes })
}

impl Shared {
    /// As AWS's JSON services word it. The front before them has no header for the kind.
    fn error(&self, status: u16, kind: &str, now_ms: i64) -> Response {
        self.errors.lock().unwrap().push(kind.to_owned());
        let date = jiff::Timestamp::from_millisecond(now_ms).unwrap().strftime("%a, %d %b %Y %H:%M:%S GMT");
        let message = json!({"message": "planted 4711, as the test wants it", "__type": kind});
        let mut answer =
            Response::builder().status(StatusCode::from_u16(status).unwrap()).header(DATE, date.to_string());
        if status != 403 {
            answer = answer.header("x-amzn-errortype", format!("{kind}:http://internal.example.com/coral/"));
        }
        answer.body(Body::from(message.to_string())).unwrap()
    }
}
