//! The agent's fulfilment webhook: one POST to the one host that the export names, within 5 s.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use secrecy::SecretString;
use tonic::{Code, Status};

use crate::{
    clock::Clock,
    config::settings,
    egress::{Access, Call, Egress, EgressError, EgressErrorKind},
    offline_nlp::agent,
    wire::{
        dialogflow_v2::{WebhookRequest, WebhookResponse},
        json::{Enums, Json},
    },
};

/// As the service waits.
const DEADLINE: Duration = Duration::from_secs(5);
/// As the service reads.
const MAX_ANSWER_BYTES: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;

#[derive(Debug)]
pub(super) struct Webhook {
    url: String,
    access: Access,
    egress: Egress,
}

impl Webhook {
    /// # Errors
    /// When the export's webhook cannot be called; the text names the setting, and no value that may be secret.
    pub(super) fn new(from: &agent::Webhook, clock: Clock) -> Result<Self, String> {
        let uri: Uri = from.url.parse().map_err(|_invalid| "agent.json: webhook.url is not a URL".to_owned())?;
        let Some(host) = uri.host() else { return Err("agent.json: webhook.url names no host".to_owned()) };
        let is_plain = uri.scheme_str() == Some("http");
        let port = uri.port_u16().unwrap_or(if is_plain { 80 } else { 443 });
        let mut headers = HeaderMap::new();
        for (name, value) in &from.headers {
            let bad = || format!("agent.json: webhook.headers: {name:?} is no header, or its value cannot be one");
            let key = HeaderName::try_from(name).map_err(|_invalid| bad())?;
            headers.insert(key, HeaderValue::try_from(value).map_err(|_invalid| bad())?);
        }
        let settings = settings::Egress {
            // The agent's author chose the host, and a demo's or a test's is on this machine.
            allow: vec![settings::AllowedHost {
                host: host.to_owned(),
                port: Some(port),
                private: true,
                plaintext: is_plain,
                restore_tokens: false,
            }],
            max_answer_bytes: MAX_ANSWER_BYTES,
            deadline: DEADLINE,
            signing_key: None,
            proxy: None,
            resolvers: Vec::new(),
            stale_addresses_for: Duration::ZERO,
        };
        let egress = Egress::new(&settings, clock).map_err(|error| format!("the webhook cannot be called: {error}"))?;
        let has_user = !from.username.is_empty() || !from.password.is_empty();
        let basic = has_user.then(|| (from.username.clone(), SecretString::from(from.password.clone())));
        Ok(Self { url: from.url.clone(), access: Access { headers, basic }, egress })
    }

    /// The webhook's answer, or what the client is told in its place, in the service's words.
    pub(super) async fn ask(
        &self,
        request: &WebhookRequest,
        headers: &[(String, String)],
        json: &Json,
    ) -> Result<WebhookResponse, Status> {
        let body = json.write("WebhookRequest", request, Enums::Names);
        let body =
            body.map_err(|error| Status::internal(format!("the webhook's question cannot be written: {error}")))?;
        let call = Call { url: self.url.clone(), body, idempotency_key: request.response_id.clone() };
        let mut access = self.access.clone();
        for (name, value) in headers.iter().take(MAX_HEADERS) {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                access.headers.insert(name, value);
            }
        }
        let answer = self.egress.post_json_as(call, access).await.map_err(|error| told(&error))?;
        json.read("WebhookResponse", &answer.body).map_err(|error| unreadable(&error.to_string()))
    }
}

pub(super) fn unreadable(reason: &str) -> Status {
    let reason: String = reason.chars().take(300).collect();
    Status::invalid_argument(format!("Failed to parse webhook JSON response: {reason}"))
}

fn told(error: &EgressError) -> Status {
    let (code, name) = match error.kind {
        EgressErrorKind::Deadline => (Code::DeadlineExceeded, "DEADLINE_EXCEEDED"),
        EgressErrorKind::TooLarge => (Code::ResourceExhausted, "RESOURCE_EXHAUSTED"),
        EgressErrorKind::Invalid | EgressErrorKind::NotAllowed | EgressErrorKind::Redirect => {
            (Code::InvalidArgument, "INVALID_ARGUMENT")
        }
        EgressErrorKind::Address
        | EgressErrorKind::Dns
        | EgressErrorKind::Unreachable
        | EgressErrorKind::Tls
        | EgressErrorKind::Broken
        | EgressErrorKind::Status => (Code::Unavailable, "UNAVAILABLE"),
    };
    Status::new(code, format!("Webhook call failed. Error: {name}. {}", error.detail))
}
