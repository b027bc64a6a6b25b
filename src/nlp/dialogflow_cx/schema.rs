//! How a profile of type `dialogflow-cx` is configured.

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    config::{
        schema::{Field, Form, Problem, Required, Schema, Values},
        service_account,
        settings::Profile,
    },
    core::said::said,
    nlp::{
        QUOTA_FIELD,
        google::{
            fields::{CONNECTIONS, CREDENTIAL, DEADLINE, ENDPOINT, PLAIN, PROJECT, PROXY, SENTIMENT, TRANSPORT},
            way::TransportKind,
        },
    },
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "dialogflow-cx",
    title: "Google Dialogflow CX, API version 3",
    section: "cx",
    fields: FIELDS,
    text_characters: 256,
    check,
    exclusive: service_account::exclusive,
};

const FIELDS: &[Field] = &[
    CREDENTIAL,
    PROJECT,
    Field {
        key: "location",
        help: "Where the agent is, such as \"europe-west3\". It decides the host and the path of every call; an agent is found there alone.",
        form: Form::Segment(64),
        default: Some("\"global\""),
        ..PLAIN
    },
    Field {
        key: "agent",
        help: "Mandatory: the agent's id, the last part of its name in the console (…/agents/ID).",
        form: Form::Segment(128),
        example: "\"1f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\"",
        required: Required::Yes("name the agent by its id: the last part of its name in the console (…/agents/ID)"),
        ..PLAIN
    },
    Field {
        key: "environment",
        help: "An environment's id, the last part of its name. None: the draft agent.",
        form: Form::Segment(128),
        example: "\"2a3b4c5d-6e7f-4a8b-9c0d-1e2f3a4b5c6d\"",
        ..PLAIN
    },
    Field {
        key: "channel",
        help: "Whose response messages are wanted beside those of no channel.",
        form: Form::Text(128),
        example: "\"DF_MESSENGER\"",
        ..PLAIN
    },
    ENDPOINT,
    TRANSPORT,
    PROXY,
    CONNECTIONS,
    DEADLINE,
    QUOTA_FIELD,
    SENTIMENT,
];

fn check(values: &Values) -> Vec<Problem> {
    let mut problems = service_account::problems(values);
    problems.extend(values.text("location").and_then(location));
    problems.extend(["agent", "environment"].into_iter().filter_map(|key| {
        let is_name = values.text(key)?.bytes().any(|it| it == b':' || it == b'~');
        let help = said!("take the {}'s id: what follows the last slash of its name", key);
        is_name.then(|| Problem::error(key, said!("is no id"), help))
    }));
    problems
}

/// A host is made of it, and a credential sent there.
fn location(location: &str) -> Option<Problem> {
    let is_one = location.bytes().all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'-')
        && location.starts_with(|it: char| it.is_ascii_lowercase())
        && !location.ends_with('-');
    let help = said!("such as `global`, `us-central1`, `europe-west3`, `eu`: as the console shows it beside the agent");
    (!is_one).then(|| Problem::error("location", said!("is `{}`, which is no location", location), help))
}

/// The settings, as the engine reads them.
#[derive(Clone)]
pub(super) struct DialogflowCx {
    pub(super) credential: Option<SecretString>,
    pub(super) project: String,
    /// Decides the endpoint's host *and* stands in the path.
    pub(super) location: String,
    pub(super) agent: String,
    /// `None`: the draft.
    pub(super) environment: Option<String>,
    /// In place of the location's own.
    pub(super) endpoint: Option<String>,
    pub(super) transport: TransportKind,
    pub(super) connections: usize,
    pub(super) deadline: Duration,
    pub(super) sentiment: bool,
    /// Empty: response messages of no channel.
    pub(super) channel: String,
    pub(super) time_zone: String,
    pub(super) proxy: Option<String>,
}

impl DialogflowCx {
    pub(super) fn of(values: &Values, profile: &Profile) -> Self {
        let credential = values.secret("credential").cloned();
        let of_file = || credential.as_ref().and_then(|json| service_account::field(json, "project_id"));
        Self {
            project: values.owned("project").or_else(of_file).unwrap_or_default(),
            location: values.owned("location").unwrap_or_else(|| "global".to_owned()),
            agent: values.owned("agent").unwrap_or_default(),
            environment: values.owned("environment"),
            endpoint: values.owned("endpoint"),
            transport: values.choice("transport").unwrap_or(TransportKind::Grpc),
            connections: values.count("connections"),
            deadline: values.millis("deadline_ms"),
            sentiment: values.flag("sentiment"),
            channel: values.owned("channel").unwrap_or_default(),
            time_zone: profile.rules.zone.iana_name().unwrap_or("UTC").to_owned(),
            proxy: values.owned("proxy"),
            credential,
        }
    }
}
