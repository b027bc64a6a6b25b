//! The desk's API as its page meets it.

use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use futures::StreamExt as _;
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::*;
use crate::{
    clock::Clock,
    switchboard::{Config, Limits, Setup},
};

/// Contacts go to people at once: no gateway is there.
async fn centre() -> Switchboard {
    let limits = Limits { overflow_after: Duration::ZERO, ..Limits::default() };
    let config = Config { link: None, journal: None, setup: Setup::demo(), limits };
    Switchboard::start(config, Clock::system(), StdRng::seed_from_u64(1)).await.unwrap()
}

async fn post(centre: &Switchboard, path: &str, body: &Value) -> (u16, String, Value) {
    let request = Request::post(path).body(Body::from(body.to_string())).unwrap();
    let response = router(centre.clone()).oneshot(request).await.unwrap();
    let kind = response.headers().get("content-type").map(|it| it.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    let bytes = to_bytes(response.into_body(), MAX_BODY).await.unwrap();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    (status, kind.unwrap_or_default(), body)
}

/// Reads events of a stream until `enough`.
async fn listen(centre: &Switchboard, path: &str, last: Option<&str>, enough: impl Fn(&str) -> bool) -> String {
    let mut request = Request::get(path);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = router(centre.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut heard = String::new();
    let mut body = response.into_body().into_data_stream();
    while !enough(&heard) {
        heard.push_str(std::str::from_utf8(&body.next().await.unwrap().unwrap()).unwrap());
    }
    heard
}

async fn waiting(centre: &Switchboard) -> String {
    let new = json!({"media": "openMedia", "language": "en", "name": "Ann", "attributes": {"order": "17"}});
    let (status, _, body) = post(centre, "/contacts", &new).await;
    assert_eq!(status, 201);
    let id = body["contactId"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 32);
    let heard = listen(centre, &format!("/contacts/{id}/events"), None, |it| it.contains("waiting")).await;
    assert!(heard.contains(r#""queue":"support""#), "{heard}");
    id
}

#[tokio::test(start_paused = true)]
async fn a_person_takes_a_contact_talks_and_closes_it() {
    let centre = centre().await;
    let id = waiting(&centre).await;
    let at = |what: &str| format!("/contacts/{id}/{what}");
    assert_eq!(post(&centre, &at("customer"), &json!({"id": "m1", "text": "<b>hi</b>"})).await.0, 202);
    let board = listen(&centre, "/events", None, |it| it.ends_with("\n\n")).await;
    assert!(board.starts_with("event: board\ndata: {"), "{board}");
    let shown: Value = serde_json::from_str(board.lines().nth(1).unwrap().strip_prefix("data: ").unwrap()).unwrap();
    let contact = &shown["contacts"][0];
    assert_eq!(
        (&contact["id"], &contact["place"], &contact["queue"]),
        (&json!(id), &json!("waiting"), &json!("support"))
    );
    assert_eq!((&contact["name"], &contact["attributes"]["order"]), (&json!("Ann"), &json!("17")));
    let support = shown["queues"].as_array().unwrap().iter().find(|it| it["id"] == "support").unwrap();
    assert_eq!(support["waiting"], 1);

    assert_eq!(post(&centre, &at("accept"), &json!({"person": "desk-1"})).await.0, 204);
    let message = json!({"person": "desk-1", "id": "p1", "text": "Good day"});
    let (status, _, first) = post(&centre, &at("messages"), &message).await;
    assert_eq!(status, 202);
    assert_eq!(post(&centre, &at("messages"), &message).await.2, first, "the same again is the same");
    assert_eq!(post(&centre, &at("typing"), &json!({"person": "desk-1"})).await.0, 204);
    assert_eq!(post(&centre, &at("close"), &json!({"person": "desk-1"})).await.0, 204);

    let heard = listen(&centre, &at("events"), None, |it| it.contains("ended")).await;
    let entries: Vec<Value> =
        heard.lines().filter_map(|it| it.strip_prefix("data: ")).map(|it| serde_json::from_str(it).unwrap()).collect();
    let kinds: Vec<&str> = entries.iter().map(|it| it["state"].as_str().or(it["type"].as_str()).unwrap()).collect();
    assert_eq!(kinds, ["connecting", "waiting", "message", "person", "delivered", "message", "ended"]);
    assert_eq!(entries[2]["content"][0]["text"], "<b>hi</b>", "markup is text");
    assert_eq!(entries[5]["name"], "Desk 1");
    assert!(heard.contains("id: 7\n"), "{heard}");
    let rest = listen(&centre, &at("events"), Some("6"), |it| it.contains("ended")).await;
    assert_eq!(rest.matches("data: ").count(), 1, "{rest}");
}

#[tokio::test(start_paused = true)]
async fn refusals_are_problem_documents_with_their_status() {
    let centre = centre().await;
    let id = waiting(&centre).await;
    let at = |what: &str| format!("/contacts/{id}/{what}");
    post(&centre, &at("customer"), &json!({"id": "m1", "text": "one"})).await;
    let nobody = "00000000000000000000000000000000";
    for (path, body, status, says) in [
        (at("customer"), json!({"id": "m1", "text": "two"}), 409, "another text"),
        (at("customer"), json!({"id": "m2", "text": " "}), 400, "text is empty"),
        (at("customer"), json!({"id": "", "text": "x"}), 400, "id is empty"),
        (at("customer"), json!({"id": "m2", "text": "x".repeat(4_001)}), 413, "4000 characters"),
        (at("customer"), json!({"text": "x"}), 400, "missing field `id`"),
        (at("messages"), json!({"person": "desk-1", "id": "p", "text": "x"}), 409, "not at this desk"),
        (at("accept"), json!({"person": "desk-2"}), 409, "away"),
        (at("accept"), json!({"person": "desk-9"}), 404, "person"),
        (format!("/contacts/{nobody}/accept"), json!({"person": "desk-1"}), 404, "contact"),
        ("/people/desk-1/state".to_owned(), json!({"state": "asleep"}), 400, "asleep"),
        ("/queues/nowhere".to_owned(), json!({"open": false}), 404, "queue"),
        ("/callbacks/callback-1".to_owned(), json!({"done": true}), 404, "callback"),
        ("/contacts".to_owned(), json!({"media": "openMedia", "language": "<de>"}), 400, "language"),
        ("/nowhere".to_owned(), json!({}), 404, "resource"),
        ("/events".to_owned(), json!({}), 405, "method"),
        ("/contacts/%FF/accept".to_owned(), json!({"person": "desk-1"}), 400, "UTF-8"),
        (at("customer"), json!({"id": "m2", "text": "x".repeat(70_000)}), 413, "64 KiB"),
    ] {
        let (got, kind, problem) = post(&centre, &path, &body).await;
        assert_eq!((got, kind.as_str()), (status, "application/problem+json"), "{path} {body}");
        assert_eq!(problem["status"], status);
        assert!(problem["detail"].as_str().unwrap().contains(says), "{path}: {problem}");
        assert!(problem["title"].is_string() && problem["type"] == "about:blank");
    }
    centre.stop().await;
}

#[tokio::test(start_paused = true)]
async fn events_end_when_the_centre_stops() {
    let centre = centre().await;
    let request = Request::get("/events").body(Body::empty()).unwrap();
    let response = router(centre.clone()).oneshot(request).await.unwrap();
    let mut heard = response.into_body().into_data_stream();
    assert!(heard.next().await.unwrap().unwrap().starts_with(b"event: board"));
    centre.stop().await;
    assert!(heard.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn who_has_heard_the_end_is_told_not_to_come_again() {
    let centre = centre().await;
    let id = waiting(&centre).await;
    let at = |what: &str| format!("/contacts/{id}/{what}");
    post(&centre, &at("accept"), &json!({"person": "desk-1"})).await;
    post(&centre, &at("close"), &json!({"person": "desk-1"})).await;
    let heard = listen(&centre, &at("events"), None, |it| it.contains("ended") && it.ends_with("\n\n")).await;
    let last = heard.lines().filter_map(|it| it.strip_prefix("id: ")).next_back().unwrap().to_owned();
    let request = Request::get(at("events")).header("last-event-id", last).body(Body::empty()).unwrap();
    let response = router(centre.clone()).oneshot(request).await.unwrap();
    assert_eq!(response.status(), 204);
    centre.stop().await;
}
