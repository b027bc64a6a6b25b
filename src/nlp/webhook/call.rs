//! Calls to the other side: what is tried again, and what a failure means to an administrator.
//!
//! Nothing is sent twice that may have arrived, unless the other side has said that it can tell.

use std::{error::Error, fmt::Write as _, time::Duration};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    egress::{Caller, EgressError, EgressErrorKind, Reply, Request},
    gateway::ports::AskError,
};

const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Where a question goes, as an administrator knows it.
#[derive(Debug)]
pub(super) struct Place {
    profile: String,
    /// "the webhook", "Rasa", "Direct Line"
    peer: Said,
    at: String,
}

/// Whether a call may be repeated although it may have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Only what has certainly not left.
    Unsent,
    /// It does the same however often it comes.
    Safe,
}

/// The way to one endpoint.
#[derive(Debug)]
pub(super) struct Wire {
    caller: Caller,
    pub(super) place: Place,
}

impl Wire {
    pub(super) fn new(caller: Caller, profile: &str, peer: Said) -> Self {
        let place = Place { profile: profile.to_owned(), peer, at: caller.place().to_owned() };
        Self { caller, place }
    }

    /// Sends until there is a 2xx answer, no hope, or `end`. `request` makes each try; it is told whether an earlier one may
    /// have arrived.
    pub(super) async fn send(
        &self,
        request: impl Fn(bool) -> Request + Send + Sync,
        again: Again,
        end: Instant,
    ) -> Result<Reply, AskError> {
        let (mut pause, mut perhaps_seen) = (FIRST_PAUSE, false);
        for tries in 1.. {
            let left = end.saturating_duration_since(Clock::instant());
            let (error, repeatable) = match self.caller.send(request(perhaps_seen), left).await {
                Ok(reply) if reply.status.is_success() => return Ok(reply),
                Ok(reply) => {
                    perhaps_seen = true;
                    let error =
                        AskError { retry_after: retry_after(&reply.headers), ..self.place.refused(reply.status) };
                    (error, again == Again::Safe && is_passing(reply.status))
                }
                Err(error) => {
                    perhaps_seen |= !error.is_unsent();
                    let repeatable = may_come_back(error.kind, again);
                    (self.place.failed(error), repeatable)
                }
            };
            if !repeatable || tries >= MAX_TRIES || Clock::instant() + pause >= end {
                return Err(error);
            }
            sleep(pause).await;
            pause *= 3;
        }
        // The loop has no other end.
        Err(self.place.late())
    }
}

/// In seconds; the form with a date is left to others.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

const fn is_passing(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

fn may_come_back(kind: EgressErrorKind, again: Again) -> bool {
    match kind {
        EgressErrorKind::Dns | EgressErrorKind::Unreachable | EgressErrorKind::Tls => true,
        EgressErrorKind::Broken => again == Again::Safe,
        EgressErrorKind::NotAllowed
        | EgressErrorKind::Address
        | EgressErrorKind::Deadline
        | EgressErrorKind::Redirect
        | EgressErrorKind::Status
        | EgressErrorKind::TooLarge
        | EgressErrorKind::Invalid => false,
    }
}

/// Of a call with JSON both ways. A token that cannot stand in a header is left out, and refused at the other end.
pub(super) fn json_headers(token: Option<&SecretString>) -> HeaderMap {
    const JSON: HeaderValue = HeaderValue::from_static("application/json");
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(ACCEPT, JSON);
    let bearer = token.and_then(|it| HeaderValue::try_from(format!("Bearer {}", it.expose_secret())).ok());
    if let Some(bearer) = bearer {
        headers.insert(AUTHORIZATION, bearer);
    }
    headers
}

/// As one part of a path, or a value in a query.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            write!(out, "%{byte:02X}").unwrap_or_default();
        }
    }
    out
}

pub(super) fn get(path: String, token: Option<&SecretString>) -> Request {
    Request { method: Method::GET, path, headers: json_headers(token), body: bytes::Bytes::new() }
}

type Cause = Option<Box<dyn Error + Send + Sync>>;

impl Place {
    /// The call has no answer.
    pub(super) fn failed(&self, error: EgressError) -> AskError {
        let kind = match error.kind {
            EgressErrorKind::Deadline => return self.late(),
            EgressErrorKind::NotAllowed | EgressErrorKind::Invalid => FailureKind::Invalid,
            EgressErrorKind::Address
            | EgressErrorKind::Dns
            | EgressErrorKind::Unreachable
            | EgressErrorKind::Tls
            | EgressErrorKind::Broken => FailureKind::Unavailable,
            EgressErrorKind::Redirect | EgressErrorKind::Status | EgressErrorKind::TooLarge => FailureKind::Malformed,
        };
        let advice = Said::foreign(error.detail.clone());
        self.failure(kind, &advice, Some(Box::new(error)))
    }

    /// Answered with another status than 2xx.
    pub(super) fn refused(&self, status: StatusCode) -> AskError {
        let (peer, at, code) = (&self.peer, &self.at, status.as_u16());
        let (kind, advice) = match code {
            300..=399 => (FailureKind::NotFound, said!("sends on to another address: write that one into `url`")),
            401 | 403 | 407 => {
                (FailureKind::Credential, said!("refuses us: compare `token` and `signing_key` with what it expects"))
            }
            404 | 405 | 410 => {
                (FailureKind::NotFound, said!("knows nothing there: compare `url` with its documentation"))
            }
            409 | 412 | 428 => (FailureKind::Precondition, said!("is not in a state to answer: see its own log")),
            424 => (
                FailureKind::Webhook,
                said!("could not answer because something that it needs failed: see its own log"),
            ),
            408 => (FailureKind::Deadline, said!("gave up waiting for our request: look at the network in between")),
            429 => (FailureKind::Quota, said!("is asked more often than it allows: raise its limit, or ask less")),
            400..=499 => (FailureKind::Invalid, said!("does not accept the request: see its own log")),
            502..=504 => {
                (FailureKind::Unavailable, said!("cannot be reached by what stands before it, or says that it is down"))
            }
            _ => (FailureKind::Internal, said!("failed by itself: see its own log")),
        };
        self.failure(kind, &said!("{} at {} answered {} and {}", peer, at, code, advice), None)
    }

    pub(super) fn late(&self) -> AskError {
        let advice = said!(
            "no answer of {} at {} in time: find out what keeps it, or raise the profile's deadline",
            self.peer,
            self.at
        );
        self.failure(FailureKind::Deadline, &advice, None)
    }

    /// `why` holds nothing that customers said.
    pub(super) fn malformed(&self, why: &Said, cause: Cause) -> AskError {
        let advice = said!("the answer of {} at {} cannot be used: {}", self.peer, self.at, why);
        self.failure(FailureKind::Malformed, &advice, cause)
    }

    /// No JSON, or not in the shape that is documented. Where it breaks is told; what stands there may be a customer's.
    pub(super) fn unreadable(&self, error: &serde_json::Error) -> AskError {
        let what = match error.classify() {
            serde_json::error::Category::Data => said!("it is JSON of another shape than documented"),
            serde_json::error::Category::Eof => said!("it breaks off"),
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => said!("it is no JSON"),
        };
        self.malformed(&said!("{} (line {}, column {})", what, error.line(), error.column()), None)
    }

    pub(super) fn empty(&self, why: &Said) -> AskError {
        self.failure(
            FailureKind::Empty,
            &said!("{} at {} answered with nothing to say: {}", self.peer, self.at, why),
            None,
        )
    }

    /// The text was sensitive and a restart has taken it away; the gateway should have known.
    pub(super) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, &said!("the text was sensitive and is gone after the restart"), None)
    }

    pub(super) fn failure(&self, kind: FailureKind, advice: &Said, source: Cause) -> AskError {
        AskError { source, ..AskError::new(kind, said!("profile {}: {}", self.profile, advice)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_each_status_has_its_kind() {
        let place =
            Place { profile: "support".into(), peer: said!("the webhook"), at: "https://bot.example.com".into() };
        for (status, kind) in [
            (302, FailureKind::NotFound),
            (400, FailureKind::Invalid),
            (401, FailureKind::Credential),
            (403, FailureKind::Credential),
            (404, FailureKind::NotFound),
            (409, FailureKind::Precondition),
            (413, FailureKind::Invalid),
            (424, FailureKind::Webhook),
            (429, FailureKind::Quota),
            (500, FailureKind::Internal),
            (501, FailureKind::Internal),
            (502, FailureKind::Unavailable),
            (503, FailureKind::Unavailable),
            (504, FailureKind::Unavailable),
        ] {
            let error = place.refused(StatusCode::from_u16(status).unwrap());
            assert_eq!(error.kind, kind, "{status}");
            assert!(
                error.advice.to_string().starts_with("profile support: the webhook at https://bot.example.com"),
                "{}",
                error.advice
            );
        }
    }
}
