//! The operators' door: whether the gateway lives and takes work, its metrics and its alerts, over plain HTTP.
//!
//! Nothing here changes anything. What customers said is shown by [`timeline`] alone, and like the directory never without
//! the token.

pub mod http1;
pub mod listener;
mod problem;
pub mod timeline;

use std::{
    future::{Future, IntoFuture as _},
    io,
    sync::Arc,
    time::Duration,
};

use axum::{
    Json, Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{listener::Bounded, problem::Problem, timeline::Timelines};
use crate::{
    core::ids::{Timestamp, UnitName},
    gateway::{
        NoDirectory,
        alerts::{Alert, Alerts, MAX_ALERTS},
    },
    problem::ProblemKind,
    telemetry::{Health, Metrics, Readiness},
};

const MAX_CONNECTIONS: usize = 64;
/// How long answers that are under way may take once the door closes.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// What the door shows, and to whom.
#[derive(Clone, Debug)]
pub struct Door {
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub alerts: Arc<Alerts>,
    pub timelines: Timelines,
    /// SHA-256 of the bearer token for all but health; `None`: `/metrics` and `/alerts` are open, `/directory` and `/timeline`
    /// are shut.
    pub token_sha256: Option<[u8; 32]>,
}

/// Serves until `closed` is there: keep it open during a drain, which it has to report.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    door: Door,
    closed: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let closing = CancellationToken::new();
    let told = closing.clone();
    let shutdown = async move {
        closed.await;
        told.cancel();
    };
    let serving = axum::serve(Bounded::new(listener, MAX_CONNECTIONS), router(door)).with_graceful_shutdown(shutdown);
    let too_late = async {
        closing.cancelled().await;
        tokio::time::sleep(CLOSE_WITHIN).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = too_late => Ok(()),
    }
}

fn router(door: Door) -> Router {
    let guarded = Router::new()
        .route("/metrics", get(metrics))
        .route("/alerts", get(alerts))
        .route_layer(middleware::from_fn_with_state(door.clone(), authenticate));
    let private = timeline::router(door.timelines.clone())
        .route("/directory/{unit}", get(directory))
        .route_layer(middleware::from_fn_with_state(door.clone(), authenticate))
        .route_layer(middleware::from_fn_with_state(door.clone(), with_token_only));
    Router::new()
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .merge(guarded)
        .merge(private)
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed("this door answers GET and HEAD") })
        .fallback(|| async {
            Problem::new(
                ProblemKind::NotFound,
                "the doors here are /healthz, /readyz, /metrics, /alerts, /directory and /timeline",
            )
        })
        .layer(middleware::map_response(secure))
        .with_state(door)
}

async fn readyz(State(door): State<Door>) -> Response {
    let readiness = door.health.readiness();
    match readiness {
        Readiness::Ready => "ready\n".into_response(),
        Readiness::Starting | Readiness::StoreUnavailable | Readiness::Draining => {
            Problem::new(ProblemKind::Unavailable, readiness.reason()).because(readiness.label()).into_response()
        }
    }
}

async fn metrics(State(door): State<Door>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], door.metrics.render())
}

#[derive(Serialize)]
struct AlertsPage {
    alerts: Vec<AlertEntry>,
    /// False: there are more than are kept.
    complete: bool,
}

#[derive(Serialize)]
struct AlertEntry {
    kind: &'static str,
    unit: Option<String>,
    subject: String,
    text: String,
    mending: String,
    /// RFC 3339.
    raised_at: String,
}

impl From<Alert> for AlertEntry {
    fn from(alert: Alert) -> Self {
        Self {
            kind: alert.key.kind.label(),
            unit: alert.key.unit.map(|it| it.to_string()),
            subject: alert.key.about.to_string(),
            text: alert.text.to_string(),
            mending: alert.mending.to_string(),
            raised_at: rfc_3339(alert.raised_at),
        }
    }
}

fn rfc_3339(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0);
    at.map_or_else(|_out_of_range| String::new(), |at| at.to_string())
}

async fn alerts(State(door): State<Door>) -> Json<AlertsPage> {
    let alerts: Vec<AlertEntry> = door.alerts.snapshot().into_iter().map(AlertEntry::from).collect();
    let complete = alerts.len() < MAX_ALERTS;
    Json(AlertsPage { alerts, complete })
}

/// What the routing engine has told of a business unit: what `usher lint --directory` reads.
async fn directory(State(door): State<Door>, Path(unit): Path<String>) -> Response {
    let known = UnitName::try_from(unit).ok().map(|unit| door.timelines.directory(&unit));
    match known.unwrap_or(Err(NoDirectory::UnknownUnit)) {
        Ok(directory) => Json(&*directory).into_response(),
        Err(NoDirectory::UnknownUnit) => {
            Problem::new(ProblemKind::NotFound, "there is no such business unit").into_response()
        }
        Err(NoDirectory::NotYet) => {
            let detail = "no routing engine has told this business unit's directory since the start";
            Problem::new(ProblemKind::Unavailable, detail).into_response()
        }
    }
}

async fn authenticate(State(door): State<Door>, request: Request, next: Next) -> Response {
    match &door.token_sha256 {
        Some(expected) if !presents(request.headers(), expected) => {
            let refusal =
                Problem::new(ProblemKind::Unauthenticated, "send the operators' token: Authorization: Bearer …");
            ([(header::WWW_AUTHENTICATE, "Bearer")], refusal).into_response()
        }
        Some(_) | None => next.run(request).await,
    }
}

/// What customers said is not for everybody who can reach a loopback port.
async fn with_token_only(State(door): State<Door>, request: Request, next: Next) -> Response {
    if door.token_sha256.is_none() {
        let detail = "what customers said and who works here is served once `ops.token` is configured";
        return Problem::new(ProblemKind::Forbidden, detail).into_response();
    }
    next.run(request).await
}

fn presents(headers: &HeaderMap, expected: &[u8; 32]) -> bool {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (sent.next(), sent.next()) else { return false };
    let Some((scheme, token)) = value.to_str().ok().and_then(|it| it.split_once(' ')) else { return false };
    let token = SecretString::from(token.trim());
    let digest: [u8; 32] = Sha256::digest(token.expose_secret()).into();
    scheme.eq_ignore_ascii_case("bearer") && bool::from(digest.ct_eq(expected))
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    response
}
