//! A server's refusals as failures of our own. Advice names profile, server and model, and the server's own label for what is
//! wrong; never its text, which may quote the conversation.

use std::time::Duration;

use super::completion::{Reported, Unusable};
use crate::{
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    egress::{EgressError, EgressErrorKind, Reply},
    gateway::ports::AskError,
    nlp::web,
};

/// Where an ask goes, as an administrator knows it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) profile: String,
    /// `https://host:port`
    pub(super) server: String,
    pub(super) model: String,
    pub(super) deadline: Duration,
}

impl Place {
    /// An answer with a status other than 2xx.
    pub(super) fn refused(&self, reply: &Reply) -> AskError {
        let error = self.reported(reply.status.as_u16(), &Reported::of_body(&reply.body));
        AskError { retry_after: web::retry_after(reply), ..error }
    }

    /// There is no answer in what came with a good status.
    pub(super) fn unusable(&self, why: &Unusable) -> AskError {
        match why {
            Unusable::Malformed => self.malformed(&said!("is no chat completion: check `endpoint`")),
            Unusable::Reported(reported) => self.reported(status_of(reported), reported),
        }
    }

    fn reported(&self, status: u16, reported: &Reported) -> AskError {
        let Self { server, model, .. } = self;
        let (kind, advice) = match status {
            401 | 403 => {
                (FailureKind::Credential, said!("{} refuses `api_key`, or does not grant it model {}", server, model))
            }
            402 => (FailureKind::Credential, said!("{} wants to be paid first: see the account's balance", server)),
            404 | 405 | 410 => (
                FailureKind::NotFound,
                said!(
                    "{} has no model {}, or no chat completions at this path: check `model` and `endpoint`",
                    server,
                    model
                ),
            ),
            300..=399 => (
                FailureKind::NotFound,
                said!("{} sends elsewhere, which is not followed: write the right address into `endpoint`", server),
            ),
            429 => (
                FailureKind::Quota,
                said!(
                    "{} has had too many requests or tokens, or its account has no credit left: raise its limits",
                    server
                ),
            ),
            408 | 504 => (FailureKind::Deadline, said!("{} gave up on the model's answer", server)),
            400 | 413 | 422 => (
                FailureKind::Invalid,
                said!(
                    "{} refuses the request: too long for the model's context (lower `transcript_characters`), a \
                     setting that model {} does not take (`temperature`, `max_tokens_name`), or tools that are \
                     switched off there (vLLM: --enable-auto-tool-choice and --tool-call-parser; llama.cpp: --jinja)",
                    server,
                    model
                ),
            ),
            500 | 501 => (
                FailureKind::Internal,
                said!("{} failed by itself: see its log; llama.cpp answers so to tools without --jinja", server),
            ),
            502 | 503 | 529 => {
                (FailureKind::Unavailable, said!("{} is overloaded, or still loads model {}", server, model))
            }
            _ => (FailureKind::Internal, said!("{} answered with status {}", server, status)),
        };
        let mut advice = advice;
        if let Some(label) = &reported.label {
            advice = said!("{}; it says `{}`", advice, label);
        }
        if let Some(parameter) = &reported.parameter {
            advice = said!("{}, of `{}`", advice, parameter);
        }
        self.failure(kind, &advice)
    }

    /// No answer, or not the whole of it.
    pub(super) fn failed(&self, error: EgressError) -> AskError {
        let server = &self.server;
        let (kind, advice) = match error.kind {
            EgressErrorKind::Deadline => return AskError { source: Some(error.into()), ..self.late() },
            EgressErrorKind::Dns
            | EgressErrorKind::Unreachable
            | EgressErrorKind::Tls
            | EgressErrorKind::Address
            | EgressErrorKind::NotAllowed => (
                FailureKind::Unavailable,
                said!(
                    "{} cannot be reached: see that it runs, and check name resolution, certificate and `proxy`",
                    server
                ),
            ),
            EgressErrorKind::Broken | EgressErrorKind::Redirect | EgressErrorKind::Status => {
                (FailureKind::Unavailable, said!("{} broke off its answer", server))
            }
            EgressErrorKind::TooLarge => (
                FailureKind::Malformed,
                said!("the answer of {} is larger than any of a chat: lower `max_tokens`", server),
            ),
            EgressErrorKind::Invalid => {
                (FailureKind::Invalid, said!("`endpoint` or `api_key` cannot be sent: look for stray characters"))
            }
        };
        AskError { source: Some(error.into()), ..self.failure(kind, &advice) }
    }

    pub(super) fn late(&self) -> AskError {
        let advice = said!(
            "no whole answer from {} within {} ms: take a faster model, lower `max_tokens`, or raise `deadline_ms`",
            self.server,
            self.deadline.as_millis()
        );
        self.failure(FailureKind::Deadline, &advice)
    }

    /// `what` goes on from "the answer of … ".
    pub(super) fn malformed(&self, what: &Said) -> AskError {
        self.failure(FailureKind::Malformed, &said!("the answer of {} {}", self.server, what))
    }

    pub(super) fn empty(&self) -> AskError {
        let advice = said!(
            "model {} answered with nothing to say and nothing to do: where it thinks first, raise `max_tokens`",
            self.model
        );
        self.failure(FailureKind::Empty, &advice)
    }

    /// A body that a restart has taken away was to be asked; the gateway should have known.
    pub(super) fn redacted(&self) -> AskError {
        self.failure(FailureKind::Interrupted, &said!("the text was sensitive and is gone after the restart"))
    }

    pub(super) fn failure(&self, kind: FailureKind, advice: &Said) -> AskError {
        AskError::new(kind, said!("profile {}: {}", self.profile, advice))
    }
}

/// Of an error that came with a good status, or in the middle of a stream.
fn status_of(reported: &Reported) -> u16 {
    match (reported.status, reported.label.as_deref()) {
        (Some(status), _) => status,
        (None, Some("rate_limit_exceeded" | "rate_limit_error")) => 429,
        // No waiting helps, somebody has to pay.
        (None, Some("insufficient_quota")) => 402,
        (None, Some("overloaded_error")) => 503,
        (None, Some("context_length_exceeded" | "exceed_context_size_error" | "invalid_request_error")) => 400,
        (None, Some(_) | None) => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &'static [u8]) -> Reply {
        let status = http::StatusCode::from_u16(status).unwrap();
        Reply { status, headers: http::HeaderMap::new(), body: bytes::Bytes::from_static(body) }
    }

    fn place() -> Place {
        Place {
            profile: "support".to_owned(),
            server: "https://llm.example.com".to_owned(),
            model: "m-1".to_owned(),
            deadline: Duration::from_secs(2),
        }
    }

    #[test]
    fn s33_each_status_has_its_kind_and_advice() {
        for (status, kind, word) in [
            (401, FailureKind::Credential, "api_key"),
            (403, FailureKind::Credential, "m-1"),
            (402, FailureKind::Credential, "balance"),
            (404, FailureKind::NotFound, "`model`"),
            (307, FailureKind::NotFound, "`endpoint`"),
            (429, FailureKind::Quota, "limits"),
            (400, FailureKind::Invalid, "transcript_characters"),
            (422, FailureKind::Invalid, "temperature"),
            (500, FailureKind::Internal, "--jinja"),
            (503, FailureKind::Unavailable, "loads"),
            (529, FailureKind::Unavailable, "overloaded"),
            (504, FailureKind::Deadline, "gave up"),
            (418, FailureKind::Internal, "418"),
        ] {
            let error = place().refused(&reply(status, b"<html>"));
            assert_eq!(error.kind, kind, "{status}");
            assert!(
                error.advice.to_string().starts_with("profile support: ") && error.advice.to_string().contains(word),
                "{}",
                error.advice
            );
        }
    }

    #[test]
    fn b12_a_quota_tells_when_to_come_again() {
        let mut reply = reply(429, b"");
        assert_eq!(place().refused(&reply).retry_after, None);
        reply.headers.insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("7"));
        assert_eq!(place().refused(&reply).retry_after, Some(Duration::from_secs(7)));
    }

    #[test]
    fn a_servers_label_is_told_and_its_text_is_not() {
        let body = br#"{"error":{"message":"You said: planted","type":"invalid_request_error","param":"max_tokens","code":"unsupported_parameter"}}"#;
        let error = place().refused(&reply(400, body));
        assert!(
            error.advice.to_string().ends_with("; it says `unsupported_parameter`, of `max_tokens`"),
            "{}",
            error.advice
        );
        assert!(!format!("{error:?}").contains("planted"));
    }

    #[test]
    fn an_error_amid_an_answer_has_its_kind_too() {
        let kind = |status, label: Option<&str>| {
            let reported = Reported { status, label: label.map(str::to_owned), parameter: None };
            place().unusable(&Unusable::Reported(reported)).kind
        };
        assert_eq!(kind(Some(503), None), FailureKind::Unavailable);
        assert_eq!(kind(None, Some("rate_limit_exceeded")), FailureKind::Quota);
        assert_eq!(kind(None, Some("exceed_context_size_error")), FailureKind::Invalid);
        assert_eq!(kind(None, Some("server_error")), FailureKind::Internal);
        assert_eq!(place().unusable(&Unusable::Malformed).kind, FailureKind::Malformed);
    }
}
