//! What the unit tests of this engine share, and the tests of its settings.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use super::*;
use crate::{
    clock::Clock,
    config::{
        schema::Values,
        settings::{Engines, Speech},
    },
    core::{
        ids::{ProfileName, UnitName},
        profile::{Chain, Events, Handover, Inactivity, Limits, LongText, OnUncertain, Rules, TextLimit},
    },
    egress::Names,
    nlp::google_auth::CredentialError,
};

pub(super) fn config() -> DialogflowV2 {
    DialogflowV2 {
        project: "p-1".into(),
        region: None,
        environment: None,
        user: "-".into(),
        credential: None,
        endpoint: None,
        transport: TransportKind::Grpc,
        connections: 4,
        deadline: Duration::from_secs(7),
        sentiment: false,
        time_zone: String::new(),
        proxy: None,
    }
}

fn profile() -> Profile {
    let (name, unit) = (ProfileName::new("support").unwrap(), UnitName::new("u").unwrap());
    let rules = Rules {
        profile: name.clone(),
        unit: unit.clone(),
        agents: Vec::new(),
        language: "en".into(),
        actions: Vec::new(),
        welcome_event: String::new(),
        fallback_message: "sorry".into(),
        chain: Chain::default(),
        inactivity: Inactivity {
            timeout: Duration::from_secs(180),
            timeout_message: String::new(),
            warn_before: Duration::ZERO,
            warning_message: String::new(),
        },
        handover: Handover {
            to: None,
            not_understood_after: 3,
            failures_after: 2,
            slow_after: 0,
            typing_after: Duration::ZERO,
            slow_threshold: Duration::ZERO,
            slow_message: String::new(),
            not_understood_message: String::new(),
            failure_message: String::new(),
            max_handovers: 2,
            max_wait: Duration::ZERO,
            unavailable_message: String::new(),
        },
        events: Events::default(),
        text_limit: TextLimit { characters: 256, policy: LongText::Truncate, message: String::new() },
        coalesce: Duration::ZERO,
        on_uncertain: OnUncertain::Retry,
        zone: jiff::tz::TimeZone::UTC,
        calling_code: "49".into(),
        limits: Limits { waiting_inputs: 8, undelivered: 8, transcript_bytes: 4096 },
    };
    Profile {
        name,
        unit,
        rules: Arc::new(rules),
        agent_password: SecretString::from("pw"),
        engines: Engines::only(EngineSettings { schema: &SCHEMA, values: Values::default() }),
        speech: Speech::default(),
        origin: "profiles/support.toml".into(),
    }
}

fn problem(config: &DialogflowV2) -> String {
    let deps = Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()));
    way(&profile(), config, &deps)
        .and_then(|it| engine(&profile(), config, &it, &deps))
        .map(drop)
        .unwrap_err()
        .to_string()
}

#[tokio::test]
async fn s10_settings_that_cannot_work_are_refused_by_name() {
    let own = DialogflowV2 { endpoint: Some("http://127.0.0.1:1".into()), ..config() };
    assert_eq!(
        problem(&config()),
        "profiles/support.toml: credential: is missing: only an `endpoint` of your own can do without"
    );
    let slash = DialogflowV2 { project: "p/agent".into(), ..own.clone() };
    assert!(problem(&slash).contains("project: is empty or holds a character"));
    let region = DialogflowV2 { region: Some(String::new()), ..own.clone() };
    assert!(problem(&region).contains("region: "));
    let user = DialogflowV2 { user: "x".repeat(37), ..own.clone() };
    assert!(problem(&user).contains("user: is longer than 36 bytes"));
    let grpc_proxy = DialogflowV2 { proxy: Some("http://proxy:3128".into()), ..own.clone() };
    assert!(problem(&grpc_proxy).contains("proxy: is for `transport = \"rest\"`"));
    let rest = TransportKind::Rest;
    let proxy = DialogflowV2 { proxy: Some("socks5://proxy".into()), transport: rest, ..own.clone() };
    assert!(problem(&proxy).contains("proxy: is not of the form"));
    let endpoint = DialogflowV2 { endpoint: Some("http://a b".into()), ..own.clone() };
    assert!(problem(&endpoint).contains("endpoint: "));
    let credential = DialogflowV2 { credential: Some(SecretString::from("{\"private_key\": \"s3cret\"}")), ..own };
    let problem = problem(&credential);
    assert!(problem.contains(&CredentialError::NotServiceAccount.to_string()) && !problem.contains("s3cret"));
}
