//! An external system that remembers under which key it was asked what.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use serde_json::{Value, json};

use crate::fakes::server::Server;

/// What was asked, by idempotency key: (contact, question), once per request.
type Asked = Arc<Mutex<HashMap<String, Vec<(String, String)>>>>;

pub(crate) struct External {
    server: Server,
    asked: Asked,
}

impl External {
    pub(crate) fn start() -> Self {
        let asked = Asked::default();
        let router =
            Router::new().route("/answer", post(answer)).route("/fail", post(fail)).with_state(Arc::clone(&asked));
        Self { server: Server::start(router), asked }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.address().port()
    }

    pub(crate) fn uri(&self, path: &str) -> String {
        format!("http://{}/{path}", self.server.address())
    }

    /// Each question of a contact must have come under one key, and under each key one question.
    pub(crate) fn violations(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let mut found = Vec::new();
        let mut keys: HashMap<&(String, String), &str> = HashMap::new();
        for (key, questions) in asked.iter() {
            for question in questions {
                if *question != questions[0] {
                    found.push(format!("key {key} stands for {:?} and {question:?}", questions[0]));
                }
                let known = keys.insert(question, key);
                if known.is_some_and(|known| known != key) {
                    found.push(format!("{question:?} came under {known:?} and {key}"));
                }
            }
        }
        found
    }

    /// (keys, requests)
    pub(crate) fn counts(&self) -> (usize, usize) {
        let asked = self.asked.lock().unwrap();
        (asked.len(), asked.values().map(Vec::len).sum())
    }
}

fn note(asked: &Asked, headers: &HeaderMap, body: &Value) -> (String, String) {
    let key = headers["idempotency-key"].to_str().unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let question = (text(&body["contactID"]), text(&body["parameters"]["question"]));
    asked.lock().unwrap().entry(key).or_default().push(question.clone());
    question
}

async fn answer(State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>) -> Json<Value> {
    let (contact, question) = note(&asked, &headers, &body);
    Json(json!({ "contactID": contact, "content": format!("content: {question}") }))
}

async fn fail(State(asked): State<Asked>, headers: HeaderMap, Json(body): Json<Value>) -> StatusCode {
    note(&asked, &headers, &body);
    StatusCode::INTERNAL_SERVER_ERROR
}
