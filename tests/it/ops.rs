//! The operators' door over a real socket.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use usher::{
    clock::Clock,
    config::settings::{Durability, Limits},
    core::{
        agent::LogOnRefusal,
        ids::{Timestamp, UnitName, UserId},
    },
    gateway::{
        Gateway, Parts, Roster,
        alerts::{Alert, Alerts},
        ports::{ExternalError, ExternalRequest, ExternalSystems},
    },
    ops::{self, Door, timeline::Timelines},
    store::{Store as _, memory::Memory},
    telemetry::{Health, Metrics},
};

const TOKEN: &str = "operators-only";

struct Running {
    address: SocketAddr,
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    alerts: Arc<Alerts>,
    close: oneshot::Sender<()>,
    served: JoinHandle<std::io::Result<()>>,
}

async fn open(token: Option<&str>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (health, metrics) = (Arc::new(Health::default()), Arc::new(Metrics::default()));
    let alerts = Arc::new(Alerts::new(Arc::clone(&metrics)));
    let door = Door {
        health: Arc::clone(&health),
        metrics: Arc::clone(&metrics),
        alerts: Arc::clone(&alerts),
        timelines: Timelines::new(gateway(&health, &metrics, &alerts).await, CancellationToken::new()),
        token_sha256: token.map(|it| Sha256::digest(it).into()),
    };
    let (close, closed) = oneshot::channel::<()>();
    let closed = async { drop(closed.await) };
    let served = tokio::spawn(ops::serve(listener, door, closed));
    Running { address, health, metrics, alerts, close, served }
}

#[derive(Debug)]
struct NoSystems;

impl ExternalSystems for NoSystems {
    fn query(&self, _: ExternalRequest) -> BoxFuture<'_, Result<String, ExternalError>> {
        panic!("nobody asks")
    }
}

/// Without contacts.
async fn gateway(health: &Arc<Health>, metrics: &Arc<Metrics>, alerts: &Arc<Alerts>) -> Arc<Gateway> {
    let store = Arc::new(Memory::new());
    let claim = store.claim("test").await.unwrap();
    Gateway::new(Parts {
        clock: Clock::system(),
        store,
        claim,
        durability: Durability::Sync,
        sealer: usher::seal::Sealer::from_key([0; 32]),
        scanner: usher::privacy::Scanner::default(),
        limits: Limits { contacts: 1, running_calls: 1, journal_backlog: 1, engine_absence: Duration::from_secs(1) },
        units: vec![UnitName::new("north").unwrap()],
        roster: Roster::new(Vec::new()),
        external: Arc::new(NoSystems),
        metrics: Arc::clone(metrics),
        alerts: Arc::clone(alerts),
        health: Arc::clone(health),
    })
}

struct Answer {
    status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|it| it.0 == name).map(|it| it.1.as_str())
    }

    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect(&self.body)
    }
}

impl Running {
    async fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect(&text);
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers =
            lines.filter_map(|it| it.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.into()));
        Answer { status, headers: headers.collect(), body: body.into() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    async fn get_with_token(&self, path: &str) -> Answer {
        self.ask("GET", path, &format!("Authorization: Bearer {TOKEN}\r\n")).await
    }
}

#[tokio::test]
async fn ready_says_why_not() {
    let door = open(None).await;
    assert_eq!(door.get("/healthz").await.status, 200);
    let mut seen = Vec::new();
    let mut look = async || {
        let answer = door.get("/readyz").await;
        let reason = if answer.status == 200 { answer.body } else { answer.json()["reason"].to_string() };
        seen.push((answer.status, reason));
    };
    look().await;
    door.health.started();
    look().await;
    door.health.store_available(false);
    look().await;
    door.health.store_available(true);
    look().await;
    door.health.draining();
    look().await;
    let seen: Vec<_> = seen.iter().map(|it| (it.0, it.1.as_str())).collect();
    assert_eq!(
        seen,
        [
            (503, "\"starting\""),
            (200, "ready\n"),
            (503, "\"store_unavailable\""),
            (200, "ready\n"),
            (503, "\"draining\"")
        ]
    );
    assert_eq!(door.get("/healthz").await.status, 200, "it lives while it drains");
}

#[tokio::test]
async fn metrics_and_alerts_ask_for_the_token_and_health_does_not() {
    let door = open(Some(TOKEN)).await;
    for (path, found) in [
        ("/metrics", 200),
        ("/alerts", 200),
        ("/timeline/north/c1", 404),
        ("/directory/north", 503),
        ("/directory/south", 404),
    ] {
        for headers in [
            "",
            "Authorization: Bearer wrong\r\n",
            "Authorization: Bearer\r\n",
            "Authorization: Basic operators-only\r\n",
            "Authorization: Bearer operators-only\r\nAuthorization: Bearer operators-only\r\n",
        ] {
            let answer = door.ask("GET", path, headers).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{path} {headers}");
            assert_eq!(answer.json()["reason"], "unauthenticated");
        }
        assert_eq!(door.get_with_token(path).await.status, found, "{path}");
    }
    assert_eq!(door.get("/healthz").await.status, 200);
    assert_eq!(door.get("/readyz").await.status, 503);
}

#[tokio::test]
async fn b13_without_a_token_no_timeline_is_shown_to_anybody() {
    let door = open(None).await;
    for path in ["/timeline/north/c1", "/timeline/north/c1/events", "/directory/north"] {
        let answer = door.get_with_token(path).await;
        assert_eq!((answer.status, &answer.json()["reason"]), (403, &"forbidden".into()), "{path}");
    }
}

#[tokio::test]
async fn metrics_are_prometheus_text_of_what_was_counted() {
    let door = open(None).await;
    door.metrics.message();
    door.metrics.message();
    let answer = door.get("/metrics").await;
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    assert!(answer.body.contains("# TYPE usher_messages_total counter\nusher_messages_total 2\n"), "{}", answer.body);
}

#[tokio::test]
async fn s2_alerts_are_shown_with_their_mending_until_they_are_mended() {
    let door = open(None).await;
    assert_eq!(door.get("/alerts").await.json(), serde_json::json!({ "alerts": [], "complete": true }));
    let (unit, user) = (UnitName::new("north").unwrap(), UserId::new("bot-1").unwrap());
    let alert = Alert::log_on(&unit, &user, LogOnRefusal::WrongPassword, Timestamp(1_800_000_000_000));
    let key = alert.key.clone();
    door.alerts.raise(alert);
    let answer = door.get("/alerts").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(
        answer.json()["alerts"],
        serde_json::json!([{
            "kind": "log_on_wrong_password",
            "unit": "north",
            "subject": "user bot-1",
            "text": "user bot-1 cannot log on: the password is wrong; no further log-on is tried, lest the account be locked",
            "mending": "set the profile's agent password to the user's, here or in the contact centre",
            "raised_at": "2027-01-15T08:00:00Z",
        }])
    );
    assert!(door.get("/metrics").await.body.contains("\nusher_alerts 1\n"));
    door.alerts.clear(&key);
    assert_eq!(door.get("/alerts").await.json()["alerts"], serde_json::json!([]));
}

#[tokio::test]
async fn what_is_not_there_and_what_may_not_be_done_are_problem_documents() {
    let door = open(None).await;
    let unknown = door.get("/metric").await;
    assert_eq!((unknown.status, unknown.header("content-type")), (404, Some("application/problem+json")));
    assert_eq!(unknown.json()["title"], "Not Found");
    let post = door.ask("POST", "/alerts", "Content-Length: 0\r\n").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET,HEAD")));
    assert_eq!(
        (post.json()["status"].as_u64(), post.json()["reason"].as_str()),
        (Some(405), Some("method_not_allowed"))
    );
}

#[tokio::test]
async fn s1_nothing_can_be_configured_through_the_operators_door() {
    let door = open(None).await;
    for method in ["POST", "PUT", "PATCH", "DELETE"] {
        for path in ["/healthz", "/readyz", "/metrics", "/alerts"] {
            assert_eq!(door.ask(method, path, "Content-Length: 0\r\n").await.status, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_private_and_head_has_no_body() {
    let door = open(None).await;
    for (method, path) in [("GET", "/healthz"), ("HEAD", "/metrics"), ("GET", "/nowhere"), ("PUT", "/readyz")] {
        let answer = door.ask(method, path, "").await;
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{method} {path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{method} {path}");
        assert_eq!(answer.body.is_empty(), method == "HEAD", "{method} {path}");
    }
    assert_eq!(door.ask("HEAD", "/metrics", "").await.status, 200);
}

#[tokio::test]
async fn closing_does_not_wait_for_a_client_that_says_nothing() {
    let door = open(None).await;
    let mut silent = TcpStream::connect(door.address).await.unwrap();
    silent.write_all(b"GET /healthz HTTP/1.1\r\n").await.unwrap();
    assert_eq!(door.get("/healthz").await.status, 200);
    door.close.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), door.served).await.unwrap().unwrap().unwrap();
}
