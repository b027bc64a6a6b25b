//! Why a request was not carried out: `application/problem+json` (RFC 9457), of a closed set of kinds.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use serde::Serialize;

use super::moment::Moment;
use crate::{
    config::{self, Severity},
    core::ids::Timestamp,
    gateway::storage::{StoreError, StoreErrorKind},
};

pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What is wrong. A kind's label is the end of its `type`, and stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::manager) enum Kind {
    Malformed,
    Unauthorized,
    Forbidden,
    NotFound,
    Method,
    Conflict,
    Outdated,
    TooLarge,
    MediaType,
    Invalid,
    ConditionMissing,
    TooMany,
    Unavailable,
    NoSpace,
}

impl Kind {
    pub(in crate::manager) const ALL: [Self; 14] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::Method,
        Self::Conflict,
        Self::Outdated,
        Self::TooLarge,
        Self::MediaType,
        Self::Invalid,
        Self::ConditionMissing,
        Self::TooMany,
        Self::Unavailable,
        Self::NoSpace,
    ];

    /// What an error of the store's is to whoever asks.
    pub(in crate::manager) const fn of_store(error: &StoreError) -> Self {
        match error.kind {
            StoreErrorKind::Full => Self::NoSpace,
            StoreErrorKind::Unavailable | StoreErrorKind::Fenced | StoreErrorKind::Corrupt => Self::Unavailable,
        }
    }

    pub(in crate::manager) const fn label(self) -> &'static str {
        self.told().0
    }

    pub(in crate::manager) const fn status(self) -> StatusCode {
        self.told().1
    }

    pub(in crate::manager) const fn title(self) -> &'static str {
        self.told().2
    }

    const fn told(self) -> (&'static str, StatusCode, &'static str) {
        match self {
            Self::Malformed => ("malformed", StatusCode::BAD_REQUEST, "The request cannot be read"),
            Self::Unauthorized => ("unauthorized", StatusCode::UNAUTHORIZED, "The request needs a token that is good"),
            Self::Forbidden => ("forbidden", StatusCode::FORBIDDEN, "The token's role may not do this"),
            Self::NotFound => ("not-found", StatusCode::NOT_FOUND, "There is no such thing"),
            Self::Method => ("method", StatusCode::METHOD_NOT_ALLOWED, "This address does not do that"),
            Self::Conflict => ("conflict", StatusCode::CONFLICT, "This cannot be done as things are now"),
            Self::Outdated => ("outdated", StatusCode::PRECONDITION_FAILED, "Somebody else has changed it meanwhile"),
            Self::TooLarge => ("too-large", StatusCode::PAYLOAD_TOO_LARGE, "The request is too large"),
            Self::MediaType => ("media-type", StatusCode::UNSUPPORTED_MEDIA_TYPE, "The body is of another media type"),
            Self::Invalid => ("invalid", StatusCode::UNPROCESSABLE_ENTITY, "What was sent is not good"),
            Self::ConditionMissing => {
                ("condition-missing", StatusCode::PRECONDITION_REQUIRED, "The request has to say what it changes")
            }
            Self::TooMany => ("too-many", StatusCode::TOO_MANY_REQUESTS, "Too many requests"),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE, "This cannot be done now"),
            Self::NoSpace => ("no-space", StatusCode::INSUFFICIENT_STORAGE, "The store's disk is full"),
        }
    }

    pub(super) fn says(self, detail: impl Into<String>) -> Problem {
        Problem { kind: self, detail: detail.into(), findings: Vec::new(), current: None, wait: None }
    }
}

/// One thing that is wrong with what was sent: where, and how to mend it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Finding")]
pub(super) struct Told {
    /// The field that it is about, as `handover.queue` or `parameters[2].name`; empty: the body as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<String>,
    /// What it is called that is written in lines: a profile's text, or a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) file: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<usize>,
    pub(super) message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) help: Option<String>,
}

impl Told {
    pub(super) fn at(field: &str, message: String) -> Self {
        Self { field: Some(field.to_owned()), file: None, line: None, column: None, message, help: None }
    }

    pub(super) fn of(finding: &config::Finding) -> Self {
        let at = finding.location.as_ref();
        Self {
            field: None,
            file: at.map(|it| it.file.clone()),
            line: at.map(|it| it.line),
            column: at.map(|it| it.column),
            message: finding.message.to_string(),
            help: Some(finding.help.to_string()),
        }
    }
}

/// What is there now, for somebody who has seen another state of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[schemars(rename = "Current")]
pub(super) struct Current {
    /// What `If-Match` has to say to change it.
    pub(super) etag: String,
    /// Not there: nobody has, it is a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) changed_at: Option<Moment>,
    /// As it would be shown.
    pub(super) value: serde_json::Value,
    /// What differs between what was sent and what is there now, line by line: `-` is there now, `+` was sent.
    pub(super) differences: Vec<String>,
}

impl Current {
    /// `sent`: `None`: it was to go.
    pub(super) fn new(version: u64, (by, at): (&str, Timestamp), value: serde_json::Value, sent: Option<&str>) -> Self {
        let told = Self::default_now(version, value, sent);
        Self { changed_by: Some(by.to_owned()), changed_at: Some(Moment(at)), ..told }
    }

    /// The same of what nobody has written.
    pub(super) fn default_now(version: u64, value: serde_json::Value, sent: Option<&str>) -> Self {
        let now = if let serde_json::Value::String(text) = &value {
            text.clone()
        } else {
            serde_json::to_string_pretty(&value).unwrap_or_default()
        };
        let is_text = value.is_string();
        let differences = sent.map(|sent| {
            if is_text { super::difference::lines(&now, sent) } else { super::difference::members(&now, sent) }
        });
        let differences = differences.unwrap_or_default();
        let etag = super::etag::of_version(version);
        Self { etag, changed_by: None, changed_at: None, value, differences }
    }
}

/// The body of every answer that is not what was asked for.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct Body {
    /// What kind of problem it is; stable.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// What is wrong here, and how to mend it.
    detail: String,
    /// Of what was sent, if that is not good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Told>,
    /// What somebody else has made of it meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<Box<Current>>,
}

#[derive(Debug)]
pub(super) struct Problem {
    pub(super) kind: Kind,
    detail: String,
    findings: Vec<Told>,
    current: Option<Box<Current>>,
    /// Seconds until it is worth another try.
    wait: Option<u64>,
}

impl Problem {
    pub(super) fn with(mut self, findings: Vec<Told>) -> Self {
        self.findings = findings;
        self
    }

    pub(super) fn now(mut self, current: Current) -> Self {
        self.current = Some(Box::new(current));
        self
    }

    pub(super) const fn after(mut self, seconds: u64) -> Self {
        self.wait = Some(seconds);
        self
    }

    #[cfg(test)]
    pub(super) fn first_field(&self) -> Option<String> {
        self.findings.first().and_then(|it| it.field.clone())
    }

    /// One field of the body is not good.
    pub(super) fn field(name: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Kind::Invalid.says(message.clone()).with(vec![Told::at(name, message)])
    }

    pub(super) fn findings(list: &[config::Finding]) -> Self {
        let told: Vec<Told> = list.iter().filter(|it| it.severity == Severity::Error).map(Told::of).collect();
        Kind::Invalid.says("the configuration would not be good: nothing was changed").with(told)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = %error.source, "a request to the API cannot be answered");
        let kind = Kind::of_store(&error);
        if kind == Kind::NoSpace {
            return kind.says("the store's disk is full, and nothing was kept: free some room on it, and try again");
        }
        kind.says("the store cannot be read or written now: try again, and look at the alerts").after(1)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Self { kind, detail, findings, current, wait } = self;
        let etag = current.as_ref().map(|it| it.etag.clone());
        let body = Body {
            kind: format!("urn:usher:problem:{}", kind.label()),
            title: kind.title(),
            status: kind.status().as_u16(),
            detail,
            findings,
            current,
        };
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"usher\""));
        }
        if let Some(seconds) = wait {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if let Some(etag) = etag.and_then(|it| HeaderValue::try_from(it).ok()) {
            headers.insert(header::ETAG, etag);
        }
        // Strings, numbers and JSON can always be written.
        (kind.status(), headers, serde_json::to_vec(&body).unwrap_or_default()).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_what_passes_by_itself() {
        let of = |kind| Problem::from(StoreError::new(kind, "database or disk is full"));
        let full = of(StoreErrorKind::Full);
        assert_eq!((full.kind.status().as_u16(), full.wait), (507, None));
        assert!(full.detail.contains("free some room"), "{}", full.detail);
        let busy = of(StoreErrorKind::Unavailable);
        assert_eq!((busy.kind.status().as_u16(), busy.wait), (503, Some(1)));
    }

    #[test]
    fn kinds_are_told_apart_by_label_and_status() {
        for (at, kind) in Kind::ALL.iter().enumerate() {
            for other in Kind::ALL.iter().skip(at + 1) {
                assert!(kind.label() != other.label() && kind.status() != other.status());
            }
        }
    }
}
