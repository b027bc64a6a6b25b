//! How a profile of type `llm` is configured.

use std::time::Duration;

use http::Uri;
use secrecy::SecretString;

use crate::{
    config::schema::{Field, Form, Problem, Required, Schema, Values},
    core::said::said,
    nlp::{
        QUOTA_FIELD,
        web::{PLAIN, PROXY},
    },
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "llm",
    title: "Language model behind an OpenAI-compatible endpoint",
    section: "llm",
    fields: FIELDS,
    text_characters: 8_000,
    check,
    exclusive: Schema::nothing_exclusive,
};

const FIELDS: &[Field] = &[
    Field {
        key: "endpoint",
        help: "The address that `chat/completions` stands below.",
        form: Form::Url,
        example: "\"http://127.0.0.1:8080/v1\"",
        required: Required::Yes("name the server's address: endpoint = \"https://api.openai.com/v1\""),
        ..PLAIN
    },
    Field {
        key: "api_key",
        help: "Sent as a bearer token. A local server may need none.",
        form: Form::Secret,
        example: "{ env = \"LLM_API_KEY\" }",
        ..PLAIN
    },
    Field {
        key: "model",
        help: "As the server knows it.",
        form: Form::Text(256),
        example: "\"gpt-4.1-mini\"",
        required: Required::Yes("name the model, as the server knows it"),
        ..PLAIN
    },
    Field {
        key: "system_prompt",
        help: "Who the virtual agent is, what it knows, how it speaks. The rules of tools and events are added by Usher.",
        form: Form::LongText(32_000),
        example: "\"You are the virtual agent of Example Ltd. …\"",
        required: Required::Yes("tell the model who it is and what it knows: without that it makes things up"),
        ..PLAIN
    },
    Field {
        key: "temperature",
        help: "None: the server's. Some models take none.",
        form: Form::Decimal(0.0, 2.0),
        example: "0.3",
        ..PLAIN
    },
    Field {
        key: "max_tokens",
        help: "Of one answer; where a model thinks first, its thoughts count as well.",
        form: Form::Number(1, 131_072),
        default: Some("800"),
        ..PLAIN
    },
    Field {
        key: "max_tokens_name",
        help: "max_tokens | max_completion_tokens: what the server calls it. OpenAI's newer models know the second only.",
        form: Form::Choice(&["max_tokens", "max_completion_tokens"]),
        default: Some("\"max_tokens\""),
        ..PLAIN
    },
    Field {
        key: "transcript_messages",
        help: "So many messages of the conversation are sent along, the latest ones,",
        form: Form::Number(0, 500),
        default: Some("40"),
        ..PLAIN
    },
    Field {
        key: "transcript_characters",
        help: "and of them what fits into so many characters.",
        form: Form::Number(0, 400_000),
        default: Some("12000"),
        ..PLAIN
    },
    Field {
        key: "max_turns",
        help: "After so many turns of a contact the model is not asked any more: the contact is handed over, if `[handover]` names\nwhere to. 0: no limit.",
        form: Form::Number(0, 10_000),
        default: Some("50"),
        ..PLAIN
    },
    Field {
        key: "max_turns_message",
        help: "Said then. None: `fallback_message`.",
        form: Form::LongText(4096),
        example: "\"A colleague goes on from here.\"",
        ..PLAIN
    },
    Field {
        key: "stream",
        help: "off: answers come whole. typing: the customer sees that somebody writes as soon as the answer begins.\nparagraphs: each paragraph is said once the next one has begun, before it is known whether a tool is called at the end.",
        form: Form::Choice(&["off", "typing", "paragraphs"]),
        default: Some("\"typing\""),
        ..PLAIN
    },
    Field {
        key: "deadline_ms",
        help: "How long one question may take, a second round for a wrong tool call included.",
        form: Form::Millis(100, 300_000),
        default: Some("20000"),
        ..PLAIN
    },
    PROXY,
    QUOTA_FIELD,
];

fn check(values: &Values) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(uri) = values.text("endpoint").and_then(|it| it.parse::<Uri>().ok()) else { return problems };
    if uri.path().trim_end_matches('/').ends_with("/completions") {
        let help = said!("write what stands before it, such as \"https://api.openai.com/v1\"");
        problems.push(Problem::error("endpoint", said!("already ends in the path of a call"), help));
    }
    if uri.query().is_some() {
        let help = said!("leave it out: it would not be sent");
        problems.push(Problem::error("endpoint", said!("has a query"), help));
    }
    let is_near = uri.host().is_some_and(is_near);
    if uri.scheme_str() == Some("http") && !is_near && values.secret("api_key").is_some() {
        let help = said!("use https://, unless the way there is private and encrypted otherwise");
        problems.push(Problem::warning(
            "endpoint",
            said!("carries `api_key` and what customers say in plaintext"),
            help,
        ));
    }
    if values.number("transcript_messages") == 0 || values.number("transcript_characters") == 0 {
        let help = said!("set both above 0, unless each question stands for itself");
        problems.push(Problem::warning(
            "transcript_messages",
            said!("lets the model forget every message at once"),
            help,
        ));
    }
    problems
}

/// This machine, or a private address.
fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<std::net::IpAddr>() {
        Ok(std::net::IpAddr::V4(it)) => it.is_loopback() || it.is_private() || it.is_link_local(),
        Ok(std::net::IpAddr::V6(it)) => it.is_loopback() || it.is_unique_local() || it.is_unicast_link_local(),
        Err(_name) => host == "localhost",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Streaming {
    Off,
    Typing,
    Paragraphs,
}

/// The settings, as the engine reads them.
#[derive(Clone)]
pub(super) struct Llm {
    /// Ends in a slash, so that paths are found below it.
    pub(super) endpoint: String,
    pub(super) api_key: Option<SecretString>,
    pub(super) model: String,
    pub(super) system_prompt: String,
    pub(super) temperature: Option<f64>,
    pub(super) max_tokens: u64,
    pub(super) max_tokens_name: String,
    pub(super) window: Window,
    /// 0: no limit.
    pub(super) max_turns: u64,
    pub(super) max_turns_message: Option<String>,
    pub(super) streaming: Streaming,
    pub(super) deadline: Duration,
    pub(super) proxy: Option<String>,
}

/// How much of the conversation is sent along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) messages: usize,
    pub(super) characters: usize,
}

impl Llm {
    pub(super) fn of(values: &Values) -> Self {
        let text = |key| values.owned(key).unwrap_or_default();
        Self {
            endpoint: format!("{}/", text("endpoint").trim_end_matches('/')),
            api_key: values.secret("api_key").cloned(),
            model: text("model"),
            system_prompt: text("system_prompt"),
            temperature: values.decimal("temperature"),
            max_tokens: values.number("max_tokens"),
            max_tokens_name: text("max_tokens_name"),
            window: Window {
                messages: values.count("transcript_messages"),
                characters: values.count("transcript_characters"),
            },
            max_turns: values.number("max_turns"),
            max_turns_message: values.owned("max_turns_message"),
            streaming: values.choice("stream").unwrap_or(Streaming::Typing),
            deadline: values.millis("deadline_ms"),
            proxy: values.owned("proxy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema::Value;

    fn problems(endpoint: &str, key: bool) -> Vec<String> {
        let mut values: Values = [
            ("endpoint", Value::Text(endpoint.to_owned())),
            ("transcript_messages", Value::Number(40)),
            ("transcript_characters", Value::Number(1)),
        ]
        .into_iter()
        .collect();
        if key {
            values.set("api_key", Value::Secret("planted".into()));
        }
        check(&values).into_iter().map(|it| format!("{:?} {}", it.severity, it.message)).collect()
    }

    #[test]
    fn an_endpoint_is_what_stands_before_the_path_of_a_call() {
        for good in ["https://api.openai.com/v1", "http://127.0.0.1:8080/v1/", "http://vllm.internal:8000/v1"] {
            assert_eq!(problems(good, false), Vec::<String>::new(), "{good}");
        }
        assert_eq!(problems("http://h/v1/chat/completions", false), ["Error already ends in the path of a call"]);
        assert_eq!(problems("https://h/v1?api-version=2", false), ["Error has a query"]);
    }

    #[test]
    fn a_key_in_plaintext_is_warned_of_unless_it_stays_near() {
        for near in ["http://127.0.0.1/v1", "http://localhost:1/v1", "http://10.1.2.3/v1", "http://[::1]:8080/v1"] {
            assert_eq!(problems(near, true), Vec::<String>::new(), "{near}");
        }
        let far = problems("http://llm.example.com/v1", true);
        assert_eq!(far, ["Warning carries `api_key` and what customers say in plaintext"]);
    }
}
