//! The load generator as customers, against a chat that keeps its contract, and against one that breaks it.

use std::{
    collections::HashMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
    routing::{delete, get, post},
};
use futures::stream;
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use usher::switchboard::load::{Plan, chat, report::Report};

/// What goes wrong.
#[derive(Clone, Copy, Default)]
struct Faults {
    /// A stream ends after so many entries.
    cut_after: Option<usize>,
    /// The second message is taken and never shown.
    loses: bool,
    /// Its entry is sent twice.
    repeats: bool,
    /// Every message is first answered with 429.
    limits: bool,
}

type Logs = Mutex<HashMap<String, Log>>;

#[derive(Default)]
struct Log {
    entries: watch::Sender<Vec<Value>>,
    limited: Vec<String>,
}

struct Shared {
    logs: Logs,
    faults: Faults,
}

struct Chat {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Chat {
    async fn start(faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { logs: Logs::default(), faults });
        let router = Router::new()
            .route("/chat/v1/contacts", post(open))
            .route("/chat/v1/contacts/{id}/messages", post(say))
            .route("/chat/v1/contacts/{id}/events", get(follow))
            .route("/chat/v1/contacts/{id}", delete(leave))
            .with_state(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, shared, server }
    }

    async fn load(&self, contacts: usize) -> Report {
        let plan = Plan {
            contacts,
            rate: 50.0,
            lasting: Duration::from_secs(1),
            lines: vec!["hello".to_owned(), "<b>and\u{e4}".to_owned()],
            language: "en".to_owned(),
            patience: Duration::from_secs(2),
            run: 1,
        };
        chat::run(&plan, &format!("http://{}", self.address).parse().unwrap()).await.unwrap()
    }
}

impl Drop for Chat {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn add(entries: &mut Vec<Value>, mut what: Value) -> usize {
    let seq = entries.len() + 1;
    what["seq"] = seq.into();
    what["at"] = 0.into();
    entries.push(what);
    seq
}

fn message(id: &str, from: &str, text: &str) -> Value {
    json!({ "type": "message", "id": id, "from": from, "content": [{ "kind": "text", "text": text }] })
}

async fn open(State(shared): State<Arc<Shared>>, Json(body): Json<Value>) -> impl IntoResponse {
    assert_eq!(body["language"], "en");
    let mut logs = shared.logs.lock().unwrap();
    let id = format!("c{}", logs.len());
    let log = Log::default();
    log.entries.send_modify(|entries| {
        add(entries, json!({ "type": "state", "state": "bot" }));
        add(entries, message("greeting", "bot", "Welcome"));
    });
    logs.insert(id.clone(), log);
    let events = format!("/chat/v1/contacts/{id}/events?token=r-{id}");
    (StatusCode::CREATED, Json(json!({ "contactId": id, "token": format!("w-{id}"), "events": events })))
}

async fn say(
    State(shared): State<Arc<Shared>>,
    Path(contact): Path<String>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    assert_eq!(headers["authorization"].to_str().unwrap(), format!("Bearer w-{contact}"));
    let mut logs = shared.logs.lock().unwrap();
    let log = logs.get_mut(&contact).unwrap();
    let (id, text) = (body["id"].as_str().unwrap(), body["text"].as_str().unwrap());
    if shared.faults.limits && !log.limited.iter().any(|it| it == id) {
        log.limited.push(id.to_owned());
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
    }
    let mut seq = 0;
    log.entries.send_modify(|entries| {
        seq = entries.len() + 1;
        if !(shared.faults.loses && id == "m1") {
            seq = add(entries, message(id, "customer", text));
        }
        add(entries, message(&format!("r-{id}"), "bot", "echo"));
    });
    (StatusCode::ACCEPTED, Json(json!({ "seq": seq }))).into_response()
}

async fn follow(State(shared): State<Arc<Shared>>, Path(contact): Path<String>, headers: HeaderMap) -> Response {
    let after: usize = headers.get("last-event-id").map_or(0, |it| it.to_str().unwrap().parse().unwrap());
    let entries = shared.logs.lock().unwrap()[&contact].entries.subscribe();
    let (faults, last) = (shared.faults, after + shared.faults.cut_after.unwrap_or(usize::MAX / 2));
    let events = stream::unfold((entries, after, false), move |(mut entries, sent, again)| async move {
        if sent >= last {
            return None;
        }
        entries.wait_for(|it| it.len() > sent).await.ok()?;
        let entry = entries.borrow()[sent].clone();
        let repeats = faults.repeats && entry["id"] == "m1" && !again;
        let event = Event::default().id((sent + 1).to_string()).data(entry.to_string());
        Some((Ok::<_, Infallible>(event), (entries, if repeats { sent } else { sent + 1 }, repeats)))
    });
    Sse::new(events).into_response()
}

async fn leave(State(shared): State<Arc<Shared>>, Path(contact): Path<String>) -> StatusCode {
    shared.logs.lock().unwrap().remove(&contact).unwrap();
    StatusCode::NO_CONTENT
}

#[tokio::test]
async fn a_chat_that_keeps_its_contract_is_clean_over_many_streams() {
    let chat = Chat::start(Faults { cut_after: Some(7), limits: true, ..Faults::default() }).await;
    let report = chat.load(5).await;
    assert_eq!((report.contacts, report.messages, report.answered), (5, 50, 50), "{report}");
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.busy, report.further), (50, 5), "each message met the limit once; five greetings");
    assert!(report.reconnects >= 5, "{report}");
    assert!(chat.shared.logs.lock().unwrap().is_empty(), "every customer left");
}

#[tokio::test]
async fn a_message_that_is_never_shown_is_lost() {
    let report = Chat::start(Faults { loses: true, ..Faults::default() }).await.load(1).await;
    assert_eq!((report.lost > 0, report.repeated, report.is_clean()), (true, 0, false), "{report}");
    assert!(report.faults.iter().any(|it| it.contains("what was said and what is shown differ")), "{report}");
}

#[tokio::test]
async fn an_entry_that_comes_twice_is_repeated() {
    let report = Chat::start(Faults { repeats: true, ..Faults::default() }).await.load(1).await;
    assert_eq!((report.lost, report.repeated, report.is_clean()), (0, 1, false), "{report}");
}

#[tokio::test]
async fn where_no_chat_is_the_error_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let plan = Plan {
        contacts: 1,
        rate: 1.0,
        lasting: Duration::from_secs(1),
        lines: vec!["x".to_owned()],
        language: String::new(),
        patience: Duration::from_millis(400),
        run: 1,
    };
    let error = chat::run(&plan, &format!("http://{address}").parse().unwrap()).await.unwrap_err();
    assert_eq!(error.to_string(), "/chat/v1/contacts: no connection, or it was lost");
    let error = chat::run(&plan, &"https://chat.example.com".parse().unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("write http://HOST:PORT"), "{error}");
}
