//! External systems: the query of S22, through [`crate::egress`].
//!
//! A query is made once. The only repetition that is surely harmless, after a refused connection, is one that the customer
//! would wait for in vain: all addresses have been tried by then. After a restart the core may ask again with the same
//! idempotency key.

use std::{str, sync::Arc};

use futures::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, error::Category};

use crate::{
    core::message::Parameters,
    egress::{Answer, Call, Egress, EgressError, EgressErrorKind},
    gateway::ports::{ExternalError, ExternalRequest, ExternalSystems},
    privacy::restore,
};

/// What a customer can be told at once; a frame to the routing engine has room for more.
const MAX_CONTENT_BYTES: usize = 16 * 1024;

/// Carries out queries over HTTP.
#[derive(Clone, Debug)]
pub struct HttpSystems {
    egress: Arc<Egress>,
}

impl HttpSystems {
    #[must_use]
    pub const fn new(egress: Arc<Egress>) -> Self {
        Self { egress }
    }

    async fn ask(&self, request: ExternalRequest) -> Result<String, ExternalError> {
        let contact = request.contact.name.as_str();
        let parameters = if self.egress.restores_tokens(&request.uri) {
            texts(&restore(&request.parameters, &request.uri, &request.secrets))
        } else {
            texts(&request.parameters)
        };
        let question = Question { contact_id: contact, parameters };
        let body = serde_json::to_vec(&question).map_err(|error| ExternalError {
            label: EgressErrorKind::Invalid.label(),
            detail: format!("the parameters cannot be written as JSON: {error}"),
        })?;
        let call = Call { url: request.uri, body, idempotency_key: request.idempotency_key };
        let answer = self.egress.post_json(call).await.map_err(of_egress)?;
        content(&answer, contact)
    }
}

impl ExternalSystems for HttpSystems {
    fn query(&self, request: ExternalRequest) -> BoxFuture<'_, Result<String, ExternalError>> {
        self.ask(request).boxed()
    }
}

#[derive(Serialize)]
struct Question<'a> {
    #[serde(rename = "contactID")]
    contact_id: &'a str,
    parameters: Map<String, Value>,
}

/// Parameters are strings: a string as it is, all else as its JSON text.
fn texts(parameters: &Parameters) -> Map<String, Value> {
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    parameters.iter().map(|(name, value)| (name.clone(), Value::String(text(value)))).collect()
}

/// Fields beyond these are no concern of ours.
#[derive(Deserialize)]
struct Reply {
    #[serde(rename = "contactID")]
    contact_id: Option<Value>,
    content: Option<Value>,
}

/// What to say, from an answer that is right in every respect. The error tells what is wrong with it and quotes nothing of it.
fn content(answer: &Answer, contact: &str) -> Result<String, ExternalError> {
    let malformed = |what: &str| {
        let kind = answer.content_type.as_deref().unwrap_or("no content type");
        let detail = format!("the answer ({}, {kind}) {what}", answer.status.as_u16());
        ExternalError { label: "malformed", detail }
    };
    let text = str::from_utf8(&answer.body).ok().ok_or_else(|| malformed("is not UTF-8"))?;
    // Some systems put a byte order mark before their JSON.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).trim_ascii();
    if text.is_empty() {
        return Err(malformed("is empty"));
    }
    if !text.starts_with('{') {
        return Err(malformed("is not a JSON object"));
    }
    let reply: Reply = serde_json::from_str(text).map_err(|error| match error.classify() {
        // Of an object of optional fields of any type, this is all that can be wrong beyond its syntax.
        Category::Data => malformed("holds contactID or content twice"),
        Category::Syntax | Category::Eof | Category::Io => {
            let (line, column) = (error.line(), error.column());
            malformed(&format!("is not valid JSON at line {line}, column {column}, or is nested too deeply"))
        }
    })?;
    let told = mandatory(reply.contact_id).map_err(|what| malformed(&format!("has a contactID that {what}")))?;
    if told != contact {
        return Err(ExternalError {
            label: "other_contact",
            detail: "the answer has the contactID of another contact".to_owned(),
        });
    }
    let content = mandatory(reply.content).map_err(|what| malformed(&format!("has a content that {what}")))?;
    if content.len() > MAX_CONTENT_BYTES {
        let detail = format!("the content is {} bytes; at most {MAX_CONTENT_BYTES} can be said", content.len());
        return Err(ExternalError { label: EgressErrorKind::TooLarge.label(), detail });
    }
    Ok(content)
}

/// A mandatory text, or what is the matter with it.
fn mandatory(value: Option<Value>) -> Result<String, &'static str> {
    match value {
        Some(Value::String(text)) if text.trim().is_empty() => Err("is empty"),
        Some(Value::String(text)) => Ok(text),
        None | Some(Value::Null) => Err("is missing"),
        Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => Err("is not a string"),
    }
}

fn of_egress(error: EgressError) -> ExternalError {
    ExternalError { label: error.kind.label(), detail: error.detail }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answered(body: &[u8]) -> Result<String, ExternalError> {
        let content_type = Some("text/html".to_owned());
        content(&Answer { status: http::StatusCode::OK, content_type, body: body.to_vec().into() }, "c-1")
    }

    #[test]
    fn s22_content_beyond_what_can_be_said_is_refused() {
        let of = |bytes: usize| json!({ "contactID": "c-1", "content": "x".repeat(bytes) }).to_string();
        assert_eq!(answered(of(MAX_CONTENT_BYTES).as_bytes()).unwrap().len(), MAX_CONTENT_BYTES);
        assert_eq!(answered(of(MAX_CONTENT_BYTES + 1).as_bytes()).unwrap_err().label, "too_large");
    }

    #[test]
    fn s22_parameters_are_strings_and_other_json_is_its_text() {
        let parameters = json!({
            "s": "as it is \"quoted\"", "n": 1.5, "b": true, "z": null, "l": [1, "a"], "o": {"k": "v"},
        });
        let Value::Object(parameters) = parameters else { panic!("an object") };
        let expected = json!({
            "s": "as it is \"quoted\"", "n": "1.5", "b": "true", "z": "null", "l": "[1,\"a\"]", "o": "{\"k\":\"v\"}",
        });
        assert_eq!(Value::Object(texts(&parameters)), expected);
    }

    #[test]
    fn s22_answer_with_both_fields_is_said_as_it_is() {
        let deep = "[".repeat(5_000) + &"]".repeat(5_000);
        let deep_beside = format!("{{\"contactID\":\"c-1\",\"d\":{deep},\"content\":\" Your order is on its way. \"}}");
        for body in [
            r#"{"contactID":"c-1","content":" Your order is on its way. "}"#,
            r#"{"content":" Your order is on its way. ","more":{"x":[1]},"more":2,"contactID":"c-1"}"#,
            &deep_beside,
            "\u{feff}\r\n {\"contactID\":\"c-1\",\"content\":\" Your order is on its way. \"}\n",
        ] {
            assert_eq!(answered(body.as_bytes()).as_deref(), Ok(" Your order is on its way. "), "{body}");
        }
    }

    #[test]
    fn s22_answer_for_another_contact_is_refused() {
        for other in ["c-2", "C-1", "c-1 ", "c-11"] {
            let error =
                answered(json!({"contactID": other, "content": "x"}).to_string().as_bytes()).expect_err("refused");
            assert_eq!(error.label, "other_contact", "{other}");
            assert!(!error.detail.contains(other), "{}", error.detail);
        }
    }

    #[test]
    fn s22_answer_that_breaks_the_contract_is_refused_with_what_is_wrong() {
        let deep = format!("{{\"contactID\":\"c-1\",\"content\":{}", "[".repeat(5_000));
        let cases: [(&[u8], &str); 17] = [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (b"\xff{}", "is not UTF-8"),
            (b"<html><body>secret</body></html>", "is not a JSON object"),
            (br#"["c-1","secret"]"#, "is not a JSON object"),
            (b"\"secret\"", "is not a JSON object"),
            (b"{", "is not valid JSON at line 1, column 1"),
            (br#"{"contactID":"c-1","content":"secret"} {}"#, "is not valid JSON at line 1"),
            (br#"{"contactID":"c-1","content":"secret",}"#, "is not valid JSON at line 1"),
            (deep.as_bytes(), "or is nested too deeply"),
            (br#"{"contactID":"c-1","contactID":"c-1","content":"secret"}"#, "holds contactID or content twice"),
            (br#"{"contactID":"c-1","content":"secret","content":"y"}"#, "holds contactID or content twice"),
            (br#"{"content":"secret"}"#, "has a contactID that is missing"),
            (br#"{"contactID":1,"content":"secret"}"#, "has a contactID that is not a string"),
            (br#"{"contactID":"c-1"}"#, "has a content that is missing"),
            (br#"{"contactID":"c-1","content":["secret"]}"#, "has a content that is not a string"),
            (br#"{"contactID":"c-1","content":" "}"#, "has a content that is empty"),
        ];
        for (body, expected) in cases {
            let error = answered(body).expect_err("refused");
            assert_eq!(error.label, "malformed");
            assert!(error.detail.starts_with("the answer (200, text/html) "), "{}", error.detail);
            assert!(error.detail.contains(expected), "{} / {expected}", error.detail);
            assert!(!error.detail.contains("secret"), "{}", error.detail);
        }
    }

    fn nearly_an_answer() -> impl Strategy<Value = Vec<u8>> {
        let whole = json!({"contactID": "c-1", "content": "x", "more": [1, {"k": null}]}).to_string().into_bytes();
        let damaged =
            proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4).prop_map(move |changes| {
                let mut body = whole.clone();
                for (index, byte) in changes {
                    let at = index.index(body.len());
                    body[at] = byte;
                }
                body
            });
        prop_oneof![proptest::collection::vec(any::<u8>(), 0..256), "\\PC{0,64}".prop_map(String::into_bytes), damaged]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn s22_no_answer_panics_and_only_a_right_one_is_said(body in nearly_an_answer()) {
            if let Ok(said) = answered(&body) {
                let body = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&body);
                let value: Value = serde_json::from_slice(body).expect("JSON");
                prop_assert_eq!(&value["contactID"], &json!("c-1"));
                prop_assert_eq!(&value["content"], &json!(said));
            }
        }
    }
}
