//! What the unit tests of this engine share, and the tests of its settings.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::SecretString;

use super::*;
use crate::{
    config::{
        schema::Values,
        settings::{Engines, Speech},
    },
    core::{
        ids::{ProfileName, UnitName},
        profile::{Events, Handover, Inactivity, Limits, LongText, OnUncertain, Rules, TextLimit},
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

pub(super) fn place() -> Place {
    let config = DialogflowV2 { region: Some("europe-west1".into()), ..config() };
    Place::new(&profile(), &config, "https://dialogflow.example")
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
        coalesce: std::time::Duration::ZERO,
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

fn problem(config: DialogflowV2) -> String {
    let deps = Deps::new(Clock::system(), Arc::new(Names::new(&[], Duration::ZERO).unwrap()));
    engine(&profile(), &config, &deps).map(drop).unwrap_err().to_string()
}

#[tokio::test]
async fn s10_settings_that_cannot_work_are_refused_by_name() {
    let own = DialogflowV2 { endpoint: Some("http://127.0.0.1:1".into()), ..config() };
    assert_eq!(
        problem(config()),
        "profiles/support.toml: credential: is missing: only an `endpoint` of your own can do without"
    );
    let slash = DialogflowV2 { project: "p/agent".into(), ..own.clone() };
    assert!(problem(slash).contains("project: is empty or holds a character"));
    let region = DialogflowV2 { region: Some(String::new()), ..own.clone() };
    assert!(problem(region).contains("region: "));
    let user = DialogflowV2 { user: "x".repeat(37), ..own.clone() };
    assert!(problem(user).contains("user: is longer than 36 bytes"));
    let grpc_proxy = DialogflowV2 { proxy: Some("http://proxy:3128".into()), ..own.clone() };
    assert!(problem(grpc_proxy).contains("proxy: is for `transport = \"rest\"`"));
    let rest = TransportKind::Rest;
    let proxy = DialogflowV2 { proxy: Some("socks5://proxy".into()), transport: rest, ..own.clone() };
    assert!(problem(proxy).contains("proxy: is not of the form"));
    let endpoint = DialogflowV2 { endpoint: Some("http://a b".into()), ..own.clone() };
    assert!(problem(endpoint).contains("endpoint: "));
    let credential = DialogflowV2 { credential: Some(SecretString::from("{\"private_key\": \"s3cret\"}")), ..own };
    let problem = problem(credential);
    assert!(problem.contains(&CredentialError::NotServiceAccount.to_string()) && !problem.contains("s3cret"));
}

/// Answers that a test has laid ready, each after its delay; then silence.
#[derive(Debug, Default)]
struct Scripted {
    outcomes: Mutex<VecDeque<(Duration, Result<DetectIntentResponse, FailureKind>)>>,
    tried_at: Mutex<Vec<Instant>>,
}

impl Transport for Scripted {
    type Question = ();

    fn question(&self, _: Session, _: Query, _: &Place) -> Result<(), AskError> {
        Ok(())
    }

    async fn answer(&self, (): &(), _: &Place) -> Result<DetectIntentResponse, AskError> {
        self.tried_at.lock().unwrap().push(Clock::instant());
        let next = self.outcomes.lock().unwrap().pop_front();
        match next {
            None => std::future::pending().await,
            Some((delay, outcome)) => {
                sleep(delay).await;
                outcome.map_err(|kind| AskError::new(kind, "as the test wants it"))
            }
        }
    }
}

/// (outcome, when it was tried in ms, when it was over in ms), at simulated time.
async fn tried(
    deadline_ms: u64,
    outcomes: &[(u64, Result<DetectIntentResponse, FailureKind>)],
) -> (Result<(), FailureKind>, Vec<u128>, u128) {
    let outcomes = outcomes.iter().map(|(delay, it)| (Duration::from_millis(*delay), it.clone())).collect();
    let transport = Scripted { outcomes: Mutex::new(outcomes), ..Scripted::default() };
    let deadline = Duration::from_millis(deadline_ms);
    let engine = Engine { place: place(), sessions: Sessions::new(&config()), deadline, tokens: None, transport };
    let start = Clock::instant();
    let outcome = engine.probe("en".into()).await.map_err(|error| error.kind);
    let tries = engine.transport.tried_at.lock().unwrap().iter().map(|it| (*it - start).as_millis()).collect();
    (outcome, tries, start.elapsed().as_millis())
}

#[tokio::test(start_paused = true)]
async fn s33_retries_are_few_and_wait_longer_each_time() {
    let down = (0, Err(FailureKind::Unavailable));
    let (outcome, tries, _) = tried(7000, &[down.clone(), down.clone(), down.clone(), down.clone()]).await;
    let jitter = jitter(Sessions::new(&config()).apart(PROBE_SESSION).path.as_bytes());
    let first = (100.0 * jitter).round() as u128;
    let second = first + (130.0 * jitter).round() as u128;
    assert_eq!((outcome, tries.len()), (Err(FailureKind::Unavailable), 3));
    assert!(tries[1].abs_diff(first) <= 2 && tries[2].abs_diff(second) <= 3, "{tries:?} {first} {second}");

    let (outcome, tries, _) = tried(7000, &[down.clone(), (0, Ok(DetectIntentResponse::default()))]).await;
    assert_eq!((outcome, tries.len()), (Ok(()), 2));
    let (outcome, tries, _) = tried(7000, &[(0, Err(FailureKind::Quota)), down]).await;
    assert_eq!((outcome, tries.len()), (Err(FailureKind::Quota), 1));
}

#[tokio::test(start_paused = true)]
async fn s33_retries_stay_within_the_deadline() {
    // No room for the first pause: what is known is told, and early.
    let (outcome, tries, end) = tried(1000, &[(950, Err(FailureKind::Unavailable))]).await;
    assert_eq!((outcome, tries.len(), end), (Err(FailureKind::Unavailable), 1, 950));
    // Room for the pause: the second try has what is left.
    let (outcome, tries, end) = tried(1000, &[(800, Err(FailureKind::Unavailable))]).await;
    assert_eq!((outcome, tries.len(), end), (Err(FailureKind::Deadline), 2, 1000));
}

#[tokio::test(start_paused = true)]
async fn pain_6_the_deadline_is_exact() {
    let (outcome, _, end) = tried(7000, &[(6999, Ok(DetectIntentResponse::default()))]).await;
    assert_eq!((outcome, end), (Ok(()), 6999));
    let (outcome, _, end) = tried(7000, &[(7001, Ok(DetectIntentResponse::default()))]).await;
    assert_eq!((outcome, end), (Err(FailureKind::Deadline), 7000));
}

#[test]
fn contacts_that_fail_together_do_not_come_back_together() {
    let spread: Vec<f64> = (0..100).map(|it| jitter(format!("u.c-{it}").as_bytes())).collect();
    assert!(spread.iter().all(|it| (0.75..=1.25).contains(it)));
    assert!(spread.iter().any(|it| *it < 0.85) && spread.iter().any(|it| *it > 1.15));
}
