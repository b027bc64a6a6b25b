//! How the chat refuses: problem documents (RFC 9457) that name the field and the mending.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::{problem::ProblemKind, switchboard::Refusal};

/// What hinders for now is over in an instant, or needs a person to mend it.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// A refusal on its way to the customer's browser. Never holds what the customer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// For programs; from a closed set.
    pub(super) reason: &'static str,
    pub(super) detail: String,
    pub(super) field: Option<&'static str>,
    pub(super) retry_after: Option<Duration>,
}

/// The members of the document; `type` says that the status tells all.
#[derive(Serialize)]
struct Document<'a> {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'static str>,
}

impl Refused {
    pub(super) fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self::with_status(kind.http(), kind.label(), detail)
    }

    pub(super) fn invalid(field: &'static str, detail: impl Into<String>) -> Self {
        Self { field: Some(field), ..Self::new(ProblemKind::Invalid, detail) }
    }

    pub(super) fn busy(detail: &'static str, retry_after: Duration) -> Self {
        Self { retry_after: Some(retry_after), ..Self::new(ProblemKind::Busy, detail) }
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(ProblemKind::Unauthenticated, "send the contact's token: Authorization: Bearer …")
    }

    pub(super) fn method_not_allowed() -> Self {
        Self::with_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address answers other methods")
    }

    pub(super) fn unsupported_media() -> Self {
        let detail = "send JSON: Content-Type: application/json";
        Self::with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media", detail)
    }

    pub(super) fn timed_out() -> Self {
        Self::with_status(StatusCode::REQUEST_TIMEOUT, "timed_out", "the body did not arrive in time; send it again")
    }

    /// What was there is over for good.
    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::with_status(StatusCode::GONE, "ended", detail)
    }

    fn with_status(status: StatusCode, reason: &'static str, detail: impl Into<String>) -> Self {
        Self { status, reason, detail: detail.into(), field: None, retry_after: None }
    }
}

/// How the switchboard's refusals look from outside.
impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let detail = refusal.to_string();
        match refusal {
            Refusal::Ended => Self::gone(detail),
            Refusal::Invalid { field, .. } => Self::invalid(field, detail),
            Refusal::TooLong { field, .. } => Self { field: Some(field), ..Self::new(ProblemKind::TooLarge, detail) },
            Refusal::TooMuch | Refusal::Full | Refusal::Unavailable => {
                Self { retry_after: Some(AGAIN_AFTER), ..Self::new(refusal.kind(), detail) }
            }
            Refusal::UnknownContact
            | Refusal::UnknownPerson
            | Refusal::UnknownQueue
            | Refusal::UnknownCallback
            | Refusal::Conflict
            | Refusal::NotNow(_) => Self::new(refusal.kind(), detail),
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let document = Document {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or_default(),
            status: self.status.as_u16(),
            detail: &self.detail,
            reason: self.reason,
            field: self.field,
        };
        let mut response = (self.status, axum::Json(document)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(wait) = self.retry_after {
            // Whole seconds, and never "at once".
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}
