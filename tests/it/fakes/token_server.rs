//! Google's OAuth token endpoint for service accounts, and a service account to ask it with.

use std::{
    collections::VecDeque,
    sync::{Arc, LazyLock, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::post,
};
use rcgen::{KeyPair, PKCS_RSA_SHA256};
use secrecy::SecretString;
use serde_json::json;
use tokio::sync::watch;

use super::server::{Server, until};

/// Made anew for each run: it opens nothing anywhere.
static PRIVATE_KEY: LazyLock<String> =
    LazyLock::new(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap().serialize_pem());

/// What one request for a token leads to.
#[derive(Clone, Debug)]
pub(crate) enum Grant {
    /// A token that lives so many seconds.
    Token(i64),
    Late(Duration, i64),
    /// 400 with this OAuth error code.
    Refused(&'static str),
    /// This HTTP status, with a body that is no JSON.
    Broken(u16),
    Hang,
}

#[derive(Debug)]
pub(crate) struct TokenServer {
    server: Server,
    state: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    next: Mutex<VecDeque<Grant>>,
    otherwise: Mutex<Grant>,
    posts: watch::Sender<usize>,
}

impl TokenServer {
    /// Grants tokens of one hour, unless it is told otherwise.
    pub(crate) fn start() -> Self {
        let state = Arc::new(Shared {
            next: Mutex::default(),
            otherwise: Mutex::new(Grant::Token(3600)),
            posts: watch::Sender::new(0),
        });
        let router = Router::new().route("/token", post(grant)).with_state(Arc::clone(&state));
        Self { server: Server::start(router), state }
    }

    /// For the next request; several queue up.
    pub(crate) fn next(&self, grant: Grant) -> &Self {
        self.state.next.lock().unwrap().push_back(grant);
        self
    }

    pub(crate) fn otherwise(&self, grant: Grant) -> &Self {
        *self.state.otherwise.lock().unwrap() = grant;
        self
    }

    pub(crate) fn posts(&self) -> usize {
        *self.state.posts.borrow()
    }

    pub(crate) async fn wait_for_posts(&self, count: usize) {
        until(self.state.posts.subscribe(), |it| *it >= count).await;
    }

    /// The token that the given request, counted from 1, was granted.
    pub(crate) fn token(post: usize) -> String {
        format!("planted-secret-{post}")
    }

    /// A service account's JSON that asks here.
    pub(crate) fn credential(&self) -> SecretString {
        credential(&format!("http://{}/token", self.server.address()))
    }

    /// The same by a host name that is to lead here.
    pub(crate) fn credential_at(&self, host: &str) -> SecretString {
        credential(&format!("http://{host}:{}/token", self.server.address().port()))
    }
}

pub(crate) fn credential(token_uri: &str) -> SecretString {
    let json = json!({
        "type": "service_account",
        "project_id": "p-1",
        "private_key_id": "0123456789abcdef",
        "private_key": PRIVATE_KEY.as_str(),
        "client_email": "bot@p-1.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    });
    SecretString::from(json.to_string())
}

async fn grant(State(state): State<Arc<Shared>>, body: Bytes) -> Response {
    let mut post = 0;
    state.posts.send_modify(|it| {
        *it += 1;
        post = *it;
    });
    let body = String::from_utf8_lossy(&body);
    let assertion = body.split('&').find_map(|it| it.strip_prefix("assertion="));
    let signed = assertion.is_some_and(|it| it.split('.').filter(|it| !it.is_empty()).count() == 3);
    if !signed || !body.contains("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer") {
        return refused("invalid_request");
    }
    let next = state.next.lock().unwrap().pop_front();
    let grant = next.unwrap_or_else(|| state.otherwise.lock().unwrap().clone());
    match grant {
        Grant::Token(expires_in) => token(post, expires_in),
        Grant::Late(delay, expires_in) => {
            tokio::time::sleep(delay).await;
            token(post, expires_in)
        }
        Grant::Refused(code) => refused(code),
        Grant::Broken(status) => (StatusCode::from_u16(status).unwrap(), "<html>try later</html>").into_response(),
        Grant::Hang => std::future::pending().await,
    }
}

fn token(post: usize, expires_in: i64) -> Response {
    let token = json!({"access_token": TokenServer::token(post), "expires_in": expires_in, "token_type": "Bearer"});
    axum::Json(token).into_response()
}

fn refused(code: &str) -> Response {
    let refusal = json!({"error": code, "error_description": "as the test wants it"});
    (StatusCode::BAD_REQUEST, axum::Json(refusal)).into_response()
}
