//! How a profile of type `dialogflow` is configured (S9).

use std::time::Duration;

use http::Uri;
use secrecy::SecretString;

use crate::{
    config::{
        schema::{Field, Form, Problem, Required, Schema, Values},
        settings::Profile,
    },
    core::said::said,
    nlp::{
        QUOTA_FIELD,
        web::{DEADLINE, PLAIN, PROXY},
    },
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "dialogflow",
    title: "Dialogflow, API version 1 (compatible servers)",
    section: "dialogflow_v1",
    fields: FIELDS,
    text_characters: 256,
    check,
    exclusive: Schema::nothing_exclusive,
};

const FIELDS: &[Field] = &[
    Field {
        key: "url",
        help: "Without a path it is asked at `/v1/query?v=20150910`. Google has closed this API: name the server of your own that speaks it, \
               or use type \"dialogflow-v2\".",
        form: Form::Url,
        default: Some("\"https://dialogflow.com\""),
        ..PLAIN
    },
    Field {
        key: "client_token",
        help: "Mandatory: the agent's client access token.",
        form: Form::Secret,
        example: "{ env = \"SUPPORT_CLIENT_TOKEN\" }",
        required: Required::Yes("give the agent's client access token: { env = \"SUPPORT_CLIENT_TOKEN\" }"),
        ..PLAIN
    },
    DEADLINE,
    PROXY,
    QUOTA_FIELD,
];

/// What is asked for where a URL has no path.
const QUERY: &str = "/v1/query?v=20150910";

/// Where Google served the API, under its names over time.
const GOOGLES: &[&str] = &["dialogflow.com", "api.ai", "dialogflow.googleapis.com"];

fn check(values: &Values) -> Vec<Problem> {
    let url = values.text("url").unwrap_or_default();
    let message = said!("leads to Google, which has closed version 1 of the API");
    let help = said!(
        "use `type = \"dialogflow-v2\"` with the service account's JSON (docs/engines/dialogflow-v1.md tells how to move), \
                or name a server of your own that speaks version 1"
    );
    is_googles(url).then(|| Problem::warning("url", message, help)).into_iter().collect()
}

pub(super) fn is_googles(url: &str) -> bool {
    let uri = url.parse::<Uri>().unwrap_or_default();
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let below = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    GOOGLES.iter().any(below)
}

/// The settings, as the engine reads them. A proxy's address may hold a password: no `Debug`.
#[derive(Clone)]
pub(super) struct DialogflowV1 {
    /// With its path.
    pub(super) url: String,
    pub(super) client_token: SecretString,
    pub(super) deadline: Duration,
    pub(super) proxy: Option<String>,
    pub(super) time_zone: String,
}

impl DialogflowV1 {
    pub(super) fn of(values: &Values, profile: &Profile) -> Self {
        Self {
            url: with_path(values.text("url").unwrap_or_default()),
            client_token: values.secret("client_token").cloned().unwrap_or_default(),
            deadline: values.millis("deadline_ms"),
            proxy: values.owned("proxy"),
            time_zone: profile.rules.zone.iana_name().unwrap_or("UTC").to_owned(),
        }
    }
}

fn with_path(url: &str) -> String {
    let bare = url.parse::<Uri>().is_ok_and(|it| matches!(it.path(), "" | "/") && it.query().is_none());
    if bare { format!("{}{QUERY}", url.trim_end_matches('/')) } else { url.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_a_url_without_a_path_is_completed() {
        assert_eq!(with_path("https://dialogflow.com"), "https://dialogflow.com/v1/query?v=20150910");
        assert_eq!(with_path("http://127.0.0.1:9000/"), "http://127.0.0.1:9000/v1/query?v=20150910");
        assert_eq!(with_path("https://bot.example.com/ask?v=20170712"), "https://bot.example.com/ask?v=20170712");
    }

    #[test]
    fn s9_googles_hosts_are_known() {
        for url in [
            "https://dialogflow.com",
            "https://api.dialogflow.com/v1/query",
            "https://API.api.ai",
            "http://api.ai:80/x",
        ] {
            assert!(is_googles(url), "{url}");
        }
        for url in ["https://notdialogflow.com", "https://dialogflow.com.example.com", "http://127.0.0.1:9000", "x"] {
            assert!(!is_googles(url), "{url}");
        }
    }
}
