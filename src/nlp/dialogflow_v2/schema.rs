//! How a profile of type `dialogflow-v2` is configured (S10).

use std::time::Duration;

use secrecy::SecretString;

use crate::{
    config::{
        nearest::{nearest, quoted},
        schema::{Field, Form, Problem, Schema, Values},
        service_account,
        settings::Profile,
    },
    core::said::said,
    nlp::{
        QUOTA_FIELD,
        google::{
            fields::{CONNECTIONS, CREDENTIAL, DEADLINE, ENDPOINT, PLAIN, PROJECT, PROXY, SENTIMENT, TRANSPORT},
            session::MAX_ID_BYTES,
            way::TransportKind,
        },
    },
};

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "dialogflow-v2",
    title: "Google Dialogflow ES, API version 2",
    section: "dialogflow",
    fields: FIELDS,
    text_characters: 256,
    check,
    exclusive: service_account::exclusive,
};

const FIELDS: &[Field] = &[
    CREDENTIAL,
    PROJECT,
    Field {
        key: "region",
        help: "Such as \"europe-west1\". It decides the host and the path of every call; an agent is found in its own region alone.",
        form: Form::Text(64),
        default: Some("\"global\""),
        ..PLAIN
    },
    Field {
        key: "environment",
        help: "None: the draft agent.",
        form: Form::Segment(128),
        example: "\"production\"",
        ..PLAIN
    },
    Field {
        key: "user",
        help: "Stands in the path of every session.",
        form: Form::Segment(MAX_ID_BYTES),
        default: Some("\"-\""),
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

/// Where Dialogflow ES serves agents; anything else may be new, or a mistake.
const REGIONS: &[&str] = &["global", "europe-west1", "europe-west2", "australia-southeast1", "asia-northeast1"];

fn check(values: &Values) -> Vec<Problem> {
    let mut problems = service_account::problems(values);
    problems.extend(values.text("region").and_then(region));
    problems
}

fn region(region: &str) -> Option<Problem> {
    if REGIONS.contains(&region) {
        return None;
    }
    let looks_like_one = region.split('-').count() >= 2
        && region.ends_with(|c: char| c.is_ascii_digit())
        && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let help = nearest(region, REGIONS.iter().copied()).map_or_else(
        || said!("known are {}", quoted(REGIONS.iter().copied())),
        |meant| said!("did you mean `{}`?", meant),
    );
    let message = said!("is `{}`, where Dialogflow has no region that we know of", region);
    Some(if looks_like_one {
        Problem::warning("region", message, help)
    } else {
        Problem::error("region", message, help)
    })
}

/// The settings, as the engine reads them.
#[derive(Clone)]
#[expect(missing_debug_implementations, reason = "a proxy's address may hold a password")]
pub struct DialogflowV2 {
    pub project: String,
    /// `None`: global. Decides the endpoint's host *and* the location in the session path.
    pub region: Option<String>,
    /// `None`: the draft agent.
    pub environment: Option<String>,
    pub user: String,
    /// The service-account JSON; `None` only together with an endpoint override (an emulator).
    pub credential: Option<SecretString>,
    /// `http://127.0.0.1:9000`; overrides the regional endpoint.
    pub endpoint: Option<String>,
    pub transport: TransportKind,
    pub connections: usize,
    pub deadline: Duration,
    pub sentiment: bool,
    pub time_zone: String,
    /// Proxy for `transport = "rest"`.
    pub proxy: Option<String>,
}

impl DialogflowV2 {
    pub(super) fn of(values: &Values, profile: &Profile) -> Self {
        let credential = values.secret("credential").cloned();
        let of_file = || credential.as_ref().and_then(|json| service_account::field(json, "project_id"));
        Self {
            project: values.owned("project").or_else(of_file).unwrap_or_default(),
            region: values.owned("region").filter(|region| region != "global"),
            environment: values.owned("environment"),
            user: values.owned("user").unwrap_or_else(|| "-".to_owned()),
            endpoint: values.owned("endpoint"),
            transport: values.choice("transport").unwrap_or(TransportKind::Grpc),
            connections: values.count("connections"),
            deadline: values.millis("deadline_ms"),
            sentiment: values.flag("sentiment"),
            time_zone: profile.rules.zone.iana_name().unwrap_or("UTC").to_owned(),
            proxy: values.owned("proxy"),
            credential,
        }
    }
}
