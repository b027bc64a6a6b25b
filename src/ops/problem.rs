//! Refusals as problem documents (RFC 9457).

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;

use crate::problem::ProblemKind;

/// The members of the document; `type` is left out, which means `about:blank`.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    status_code: StatusCode,
    title: &'static str,
    status: u16,
    detail: &'static str,
    /// For programs; from a closed set.
    reason: &'static str,
}

impl Problem {
    pub(super) fn new(kind: ProblemKind, detail: &'static str) -> Self {
        Self::with_status(kind.http(), kind.label(), detail)
    }

    pub(super) fn method_not_allowed(detail: &'static str) -> Self {
        Self::with_status(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }

    /// A finer reason than the kind's own.
    pub(super) const fn because(self, reason: &'static str) -> Self {
        Self { reason, ..self }
    }

    fn with_status(status_code: StatusCode, reason: &'static str, detail: &'static str) -> Self {
        let title = status_code.canonical_reason().unwrap_or_default();
        Self { status_code, title, status: status_code.as_u16(), detail, reason }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status_code, axum::Json(self)).into_response();
        let json = http::HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, json);
        response
    }
}
