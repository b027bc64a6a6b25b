//! A request's JSON: bounded in size and time, and read field by field so that a refusal can name the field.

use std::{collections::BTreeMap, time::Duration};

use axum::{body::to_bytes, extract::Request};
use http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::problem::Refused;
use crate::problem::ProblemKind;

const MAX_BYTES: usize = 64 * 1024;
/// A body of that size comes in an instant; a slow peer must not hold us.
const ARRIVES_WITHIN: Duration = Duration::from_secs(10);

/// Fields that nobody asks for are passed over.
#[derive(Debug)]
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    pub(super) async fn read(request: Request) -> Result<Self, Refused> {
        if !is_json(request.headers()) {
            return Err(Refused::unsupported_media());
        }
        let too_large = || Refused::new(ProblemKind::TooLarge, "the body is larger than 64 KiB: shorten it");
        if declared(request.headers()).is_some_and(|it| it > MAX_BYTES) {
            return Err(too_large());
        }
        let arrived = tokio::time::timeout(ARRIVES_WITHIN, to_bytes(request.into_body(), MAX_BYTES)).await;
        let bytes = match arrived {
            Ok(Ok(bytes)) => bytes,
            // Also of a peer that breaks off, which no longer listens.
            Ok(Err(_longer_or_broken)) => return Err(too_large()),
            Err(_elapsed) => return Err(Refused::timed_out()),
        };
        Self::parse(&bytes)
    }

    /// `serde_json` itself refuses what is nested deeper than 128 levels.
    fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err(Refused::new(ProblemKind::Invalid, "the body must be a JSON object: {…}"))
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("the body is not valid JSON, at line {line}, column {column}");
                Err(Refused::new(ProblemKind::Invalid, detail))
            }
        }
    }

    pub(super) fn text(&mut self, field: &'static str) -> Result<String, Refused> {
        let missing = || Refused::invalid(field, format!("{field} is missing: send it as a string"));
        self.optional_text(field)?.ok_or_else(missing)
    }

    /// `null` is as good as absent.
    pub(super) fn optional_text(&mut self, field: &'static str) -> Result<Option<String>, Refused> {
        match self.0.remove(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Refused::invalid(field, format!("{field} must be a string")))
            }
        }
    }

    pub(super) fn texts(&mut self, field: &'static str) -> Result<BTreeMap<String, String>, Refused> {
        let wrong = || Refused::invalid(field, format!("{field} must be an object whose values are strings"));
        let members = match self.0.remove(field) {
            None | Some(Value::Null) => return Ok(BTreeMap::new()),
            Some(Value::Object(members)) => members,
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => return Err(wrong()),
        };
        let text = |(key, value): (String, Value)| match value {
            Value::String(value) => Ok((key, value)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => Err(wrong()),
        };
        members.into_iter().map(text).collect()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

fn declared(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &str) -> String {
        Fields::parse(body.as_bytes()).unwrap_err().detail
    }

    #[test]
    fn a_body_that_is_no_object_is_refused_and_says_where() {
        assert_eq!(refused("[1]"), "the body must be a JSON object: {…}");
        assert_eq!(refused("{\n\"a\": }"), "the body is not valid JSON, at line 2, column 6");
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(200), "]".repeat(200));
        assert!(refused(&deep).contains("not valid JSON"), "nested too deep");
    }

    #[test]
    fn a_field_of_another_kind_is_named_and_unknown_fields_are_passed_over() {
        let mut fields = Fields::parse(br#"{"text": 7, "name": null, "attributes": {"a": "b"}, "more": [1]}"#).unwrap();
        assert_eq!(fields.text("text").unwrap_err(), Refused::invalid("text", "text must be a string"));
        assert_eq!(fields.optional_text("name"), Ok(None));
        assert_eq!(fields.text("id").unwrap_err().field, Some("id"));
        assert_eq!(fields.texts("attributes").unwrap()["a"], "b");
        let mut fields = Fields::parse(br#"{"attributes": {"a": 1}}"#).unwrap();
        assert_eq!(fields.texts("attributes").unwrap_err().field, Some("attributes"));
    }
}
