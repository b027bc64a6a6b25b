//! The customer's web chat: its API and the `<usher-chat>` element, in front of the switchboard.
//!
//! What a contact is, and what becomes of it, is the switchboard's; here are tokens, limits, origins and the shape on the wire.

mod address;
mod asked;
mod assets;
mod body;
mod contacts;
mod events;
mod limits;
mod origin;
mod problem;
mod streams;
mod token;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{delete, get, post},
};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use self::{
    address::{Household, household},
    asked::Asked,
    assets::Script,
    limits::Limiter,
    origin::Origins,
    problem::Refused,
    streams::Streams,
};
pub use self::{
    limits::Rate,
    origin::{NoOrigin, Origin},
    token::{KEY_FILE, Key, KeyError},
};
use crate::{clock::Clock, problem::ProblemKind, switchboard::Switchboard};

/// What an operator may decide.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pages of these may use the chat from elsewhere; pages of our own address always may.
    pub origins: Vec<Origin>,
    /// Proxies of ours in front, whose `X-Forwarded-For` is believed.
    pub proxies: usize,
    /// New contacts of one address.
    pub contacts: Rate,
    /// All requests of one address but the script's.
    pub requests: Rate,
    /// Messages of one contact.
    pub messages: Rate,
}

impl Default for Settings {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            origins: Vec::new(),
            proxies: 0,
            contacts: Rate { count: 20, per: minute },
            requests: Rate { count: 600, per: minute },
            messages: Rate { count: 20, per: Duration::from_secs(10) },
        }
    }
}

/// What the chat stands on.
#[derive(Debug)]
pub struct Chat {
    pub switchboard: Switchboard,
    pub key: Key,
    pub settings: Settings,
    pub clock: Clock,
    /// Ends the events of all who listen, so that a server can close its doors.
    pub closing: CancellationToken,
}

#[derive(Debug)]
struct Shared {
    switchboard: Switchboard,
    key: Key,
    script: Script,
    origins: Origins,
    proxies: usize,
    /// Held for one look into a table each.
    contacts: Mutex<Limiter<Household>>,
    requests: Mutex<Limiter<Household>>,
    messages: Mutex<Limiter<String>>,
    streams: Streams,
    clock: Clock,
    closing: CancellationToken,
}

impl Chat {
    /// To be mounted at `/chat`. Limits by address need `into_make_service_with_connect_info::<SocketAddr>()`.
    pub fn router(self) -> Router {
        let Self { switchboard, key, settings, clock, closing } = self;
        let shared = Arc::new(Shared {
            switchboard,
            key,
            script: Script::build(),
            origins: Origins::new(settings.origins),
            proxies: settings.proxies,
            contacts: Mutex::new(Limiter::new(settings.contacts)),
            requests: Mutex::new(Limiter::new(settings.requests)),
            messages: Mutex::new(Limiter::new(settings.messages)),
            streams: Streams::default(),
            clock,
            closing,
        });
        let api = Router::new()
            .route("/v1/contacts", post(contacts::open))
            .route("/v1/contacts/{id}", delete(contacts::leave))
            .route("/v1/contacts/{id}/messages", post(contacts::say))
            .route("/v1/contacts/{id}/typing", post(contacts::typing))
            .route("/v1/contacts/{id}/events", get(events::follow))
            .method_not_allowed_fallback(|| async { Refused::method_not_allowed() })
            .fallback(|| async { Refused::new(ProblemKind::NotFound, "the chat has no such address") })
            .layer(middleware::from_fn_with_state(Arc::clone(&shared), admit));
        Router::new()
            .route("/widget.js", get(script))
            .method_not_allowed_fallback(|| async { Refused::method_not_allowed() })
            .merge(api)
            .layer(middleware::map_response(secure))
            .with_state(shared)
    }
}

impl Shared {
    fn household(&self, request: &Request) -> Household {
        household(request.headers(), request.extensions(), self.proxies)
    }

    fn take<K: Eq + std::hash::Hash>(
        &self,
        limiter: &Mutex<Limiter<K>>,
        key: K,
        refusal: &'static str,
    ) -> Result<(), Refused> {
        let taken = limiter.lock().unwrap_or_else(PoisonError::into_inner).take(key, self.clock.now());
        taken.map_err(|wait| Refused::busy(refusal, wait))
    }
}

/// Before every call of the API: whose page it comes from, and how much its address has asked for.
async fn admit(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let allowed = shared.origins.allowed(request.headers());
    let mut response = if Origins::is_preflight(request.method(), request.headers()) {
        shared.origins.preflight(request.headers())
    } else {
        let refusal = "your address asks for too much at once: wait a moment";
        match shared.take(&shared.requests, shared.household(&request), refusal) {
            Ok(()) => next.run(request).await,
            Err(refused) => refused.into_response(),
        }
    };
    Origins::mark(allowed, response.headers_mut());
    response
}

#[derive(Deserialize)]
struct Version {
    v: Option<String>,
}

async fn script(State(shared): State<Arc<Shared>>, Asked(version): Asked<Version>, headers: HeaderMap) -> Response {
    shared.script.answer(&headers, version.v.as_deref())
}

async fn secure(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let policy = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    // Pages that isolate themselves may still embed the script; the API is guarded by CORS and its tokens.
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("cross-origin"));
    response
}
