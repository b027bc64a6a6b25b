//! What engines with one JSON document each way over HTTP share: the call within its deadline, and what its failures mean to an
//! administrator. Statuses are each engine's own to judge.
//!
//! A question may change the conversation at the other side, so nothing is sent twice that may have arrived.

use std::{error::Error, time::Duration};

use http::header::RETRY_AFTER;
use tokio::time::{Instant, sleep};

use crate::{
    clock::Clock,
    config::schema::{Field, Form, Required},
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    egress::{Caller, EgressError, EgressErrorKind, Reply, Request},
    gateway::ports::AskError,
};

pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

const MAX_TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

pub(super) const PLAIN: Field =
    Field { key: "", help: "", form: Form::Flag, default: None, example: "", required: Required::No };

pub(super) const DEADLINE: Field = Field {
    key: "deadline_ms",
    help: "How long one question may take, second tries included.",
    form: Form::Millis(100, 60_000),
    default: Some("7000"),
    ..PLAIN
};

pub(super) const PROXY: Field = Field {
    key: "proxy",
    help: "None: direct.",
    form: Form::Proxy,
    example: "\"http://proxy.example.com:3128\"",
    ..PLAIN
};

/// Where a question goes, as an administrator knows it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) profile: String,
    /// "Amazon Lex"
    pub(super) peer: &'static str,
    /// `https://host:port`
    pub(super) at: String,
    /// Ends every advice about an answer that is none of this peer's.
    pub(super) hint: Said,
}

/// The way to one engine's endpoint.
#[derive(Debug)]
pub(super) struct Web {
    caller: Caller,
    pub(super) place: Place,
    deadline: Duration,
}

impl Web {
    pub(super) const fn new(caller: Caller, place: Place, deadline: Duration) -> Self {
        Self { caller, place, deadline }
    }

    /// When a question that begins now is to end.
    pub(super) fn end(&self) -> Instant {
        Clock::instant() + self.deadline
    }

    /// Whatever is answered before `end`. `request` makes each try; a second one only follows what has not left.
    pub(super) async fn send(
        &self,
        request: impl Fn() -> Result<Request, AskError> + Send,
        end: Instant,
    ) -> Result<Reply, AskError> {
        let (mut pause, mut tries) = (FIRST_PAUSE, 1);
        loop {
            let left = end.saturating_duration_since(Clock::instant());
            let error = match self.caller.send(request()?, left).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            let hopeful = may_come_back(&error) && tries < MAX_TRIES && Clock::instant() + pause < end;
            if !hopeful {
                return Err(self.failed(error));
            }
            tries += 1;
            sleep(pause).await;
            pause *= 3;
        }
    }

    fn failed(&self, error: EgressError) -> AskError {
        let Place { peer, .. } = &self.place;
        let (kind, mending) = match error.kind {
            EgressErrorKind::Deadline => return self.place.late(self.deadline),
            EgressErrorKind::NotAllowed | EgressErrorKind::Invalid => {
                (FailureKind::Invalid, said!("check the endpoint's address"))
            }
            EgressErrorKind::Address
            | EgressErrorKind::Dns
            | EgressErrorKind::Unreachable
            | EgressErrorKind::Tls
            | EgressErrorKind::Broken => {
                (FailureKind::Unavailable, said!("check name resolution, firewall, certificate and `proxy`"))
            }
            EgressErrorKind::Redirect | EgressErrorKind::Status | EgressErrorKind::TooLarge => {
                (FailureKind::Malformed, said!("check the endpoint's address"))
            }
        };
        let advice = said!("{} was not heard: {}; {}{}", peer, error.detail, mending, self.place.hint);
        self.place.failure(kind, &advice, Some(error.into()))
    }
}

/// Nothing has left, and next time it may be better.
fn may_come_back(error: &EgressError) -> bool {
    match error.kind {
        EgressErrorKind::Dns | EgressErrorKind::Unreachable | EgressErrorKind::Tls => error.is_unsent(),
        EgressErrorKind::NotAllowed
        | EgressErrorKind::Address
        | EgressErrorKind::Deadline
        | EgressErrorKind::Broken
        | EgressErrorKind::Redirect
        | EgressErrorKind::Status
        | EgressErrorKind::TooLarge
        | EgressErrorKind::Invalid => false,
    }
}

/// How long it asks to be left alone, in whole seconds; a date is not what servers write there.
pub(super) fn retry_after(reply: &Reply) -> Option<Duration> {
    let seconds = reply.headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

type Cause = Option<Box<dyn Error + Send + Sync>>;

impl Place {
    fn late(&self, deadline: Duration) -> AskError {
        let (peer, at, deadline) = (self.peer, &self.at, deadline.as_millis());
        let advice = said!(
            "no answer of {} at {} within {} ms: find out what keeps it, or raise `deadline_ms`{}",
            peer,
            at,
            deadline,
            self.hint
        );
        self.failure(FailureKind::Deadline, &advice, None)
    }

    /// No JSON, or not in the documented shape. Where it breaks is told; what stands there may be a customer's.
    pub(super) fn unreadable(&self, error: &serde_json::Error) -> AskError {
        let what = match error.classify() {
            serde_json::error::Category::Data => said!("it is JSON of another shape than documented"),
            serde_json::error::Category::Eof => said!("it breaks off"),
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => said!("it is no JSON"),
        };
        self.malformed(&said!("{} (line {}, column {})", what, error.line(), error.column()))
    }

    /// `why` holds nothing that customers said.
    pub(super) fn malformed(&self, why: &Said) -> AskError {
        let advice = said!("the answer of {} at {} cannot be used: {}{}", self.peer, self.at, why, self.hint);
        self.failure(FailureKind::Malformed, &advice, None)
    }

    /// A body that a restart has taken away was to be asked; the gateway should have known.
    pub(super) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, &said!("the text was sensitive and is gone after the restart"), None)
    }

    pub(super) fn failure(&self, kind: FailureKind, advice: &Said, source: Cause) -> AskError {
        AskError { source, ..AskError::new(kind, said!("profile {}: {}", self.profile, advice)) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;
    use crate::egress::Names;

    fn place() -> Place {
        Place { profile: "support".into(), peer: "Amazon Lex", at: "http://127.0.0.1:1".into(), hint: Said::default() }
    }

    /// Nobody listens at port 1.
    #[tokio::test]
    async fn what_has_not_left_is_tried_again_within_the_deadline() {
        let names = Arc::new(Names::new(&[], Duration::ZERO).unwrap());
        for (deadline_ms, expected) in [(20_000, 3), (50, 1)] {
            let caller = Caller::new("http://127.0.0.1:1", None, &names, 1).unwrap();
            let web = Web::new(caller, place(), Duration::from_millis(deadline_ms));
            let tries = AtomicU32::new(0);
            let request = || {
                tries.fetch_add(1, Ordering::SeqCst);
                Ok(Request { method: Method::POST, path: String::new(), headers: HeaderMap::new(), body: Bytes::new() })
            };
            let error = web.send(request, web.end()).await.unwrap_err();
            assert_eq!((error.kind, tries.into_inner()), (FailureKind::Unavailable, expected), "{error}");
            assert!(
                error.advice.to_string().starts_with("profile support: Amazon Lex was not heard: http://127.0.0.1:1")
            );
        }
    }

    #[test]
    fn advice_says_where_an_answer_breaks_and_nothing_of_it() {
        for (body, word) in
            [("{\"planted", "breaks off"), ("<html>planted", "no JSON"), ("[\"planted\"]", "another shape")]
        {
            let error = serde_json::from_str::<std::collections::BTreeMap<String, String>>(body).unwrap_err();
            let error = place().unreadable(&error);
            assert_eq!(error.kind, FailureKind::Malformed);
            assert!(
                error.advice.to_string().contains(word) && !error.advice.to_string().contains("planted"),
                "{}",
                error.advice
            );
        }
    }
}
