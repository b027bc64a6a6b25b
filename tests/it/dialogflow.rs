//! Dialogflow V2 as an engine, against Dialogflow and its token server on the wire.

mod failures;
pub(crate) mod logs;
mod names;
mod rest;
mod tokens;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use secrecy::SecretString;
use serde_json::{Value, json};
use usher::{
    clock::Clock,
    config::{
        schema::{Value as Setting, Values},
        settings::{self, EngineSettings, Engines, Profile},
    },
    core::{
        ids::{ContactId, ContactName, ProfileName, UnitName},
        message::{Answer, FailureKind, Input, Parameters, Reply},
        profile::{Chain, Events, Handover, Inactivity, Limits, LongText, OnUncertain, Rules, TextLimit},
    },
    egress::Names,
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp::dialogflow_v2::{DialogflowV2, TransportKind as Transport},
    nlp::{self, BuildError, CredentialReport, Deps},
};

use crate::fakes::dialogflow::{FakeDialogflow, say};

/// Settings for a fake at `endpoint`, without a credential.
pub(crate) fn settings(endpoint: String) -> DialogflowV2 {
    DialogflowV2 {
        project: "p-1".into(),
        region: None,
        environment: None,
        user: "-".into(),
        credential: None,
        endpoint: Some(endpoint),
        transport: Transport::Grpc,
        connections: 1,
        deadline: Duration::from_secs(7),
        sentiment: false,
        time_zone: String::new(),
        proxy: None,
    }
}

pub(crate) fn profile(config: DialogflowV2) -> Profile {
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
        zone: jiff::tz::TimeZone::get(&config.time_zone).unwrap_or(jiff::tz::TimeZone::UTC),
        calling_code: "49".into(),
        limits: Limits { waiting_inputs: 8, undelivered: 8, transcript_bytes: 4096 },
    };
    Profile {
        name,
        unit,
        rules: Arc::new(rules),
        agent_password: SecretString::from("pw"),
        engines: Engines::only(EngineSettings { schema: nlp::schemas()[0], values: values(config) }),
        speech: settings::Speech::default(),
        origin: "profiles/support.toml".into(),
    }
}

/// As a profile's file would set them.
fn values(config: DialogflowV2) -> Values {
    let transport = match config.transport {
        Transport::Grpc => "grpc",
        Transport::Rest => "rest",
    };
    let texts = [
        ("project", Some(config.project)),
        ("region", config.region),
        ("environment", config.environment),
        ("user", Some(config.user)),
        ("endpoint", config.endpoint),
        ("transport", Some(transport.to_owned())),
        ("proxy", config.proxy),
    ];
    let mut values: Values = texts.into_iter().filter_map(|(key, text)| Some((key, Setting::Text(text?)))).collect();
    values.set("connections", Setting::Number(config.connections.try_into().unwrap()));
    values.set("deadline_ms", Setting::Number(config.deadline.as_millis().try_into().unwrap()));
    values.set("sentiment", Setting::Flag(config.sentiment));
    if let Some(credential) = config.credential {
        values.set("credential", Setting::Secret(credential));
    }
    values
}

/// By these name servers; none: the system's.
fn names(servers: &[SocketAddr]) -> Arc<Names> {
    Arc::new(Names::new(servers, Duration::from_secs(600)).unwrap())
}

pub(crate) fn deps() -> Deps {
    Deps::new(Clock::system(), names(&[]))
}

pub(crate) fn engine(config: DialogflowV2) -> Arc<dyn LanguageEngine> {
    built(config, &deps()).unwrap()
}

pub(crate) fn built(config: DialogflowV2, deps: &Deps) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let profile = profile(config);
    nlp::build(&profile.engines.primary, &profile, deps)
}

pub(crate) async fn checked(config: &DialogflowV2) -> Result<CredentialReport, AskError> {
    let profile = profile(config.clone());
    nlp::check_credential(&profile.engines.primary, &profile, &deps()).await
}

pub(crate) fn asking(input: Input) -> Ask {
    let contact = ContactId { unit: UnitName::new("u").unwrap(), name: ContactName::new("c-1").unwrap() };
    Ask::new(contact, input, "en")
}

pub(crate) async fn ask(engine: &Arc<dyn LanguageEngine>, text: &str) -> Result<Answer, AskError> {
    engine.ask(asking(Input::Text(text.into()))).await
}

pub(crate) fn object(json: &Value) -> Parameters {
    json.as_object().unwrap().clone()
}

#[tokio::test]
async fn s10_a_text_reaches_the_agent_with_all_that_belongs_to_it() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.lives_at("p-1", Some("europe-west1"));
    let engine = engine(DialogflowV2 {
        region: Some("europe-west1".into()),
        environment: Some("live".into()),
        time_zone: "Europe/Berlin".into(),
        sentiment: true,
        ..settings(dialogflow.endpoint())
    });
    let payload = object(&json!({"attributes": {"tier": "gold"}}));
    let question = Ask { language: "de".into(), payload, ..asking(Input::Text("hallo".into())) };
    let answer = engine.ask(question).await.unwrap();
    assert_eq!(answer.replies, [Reply::Text("echo: hallo".into())]);

    let [request] = dialogflow.requests().try_into().unwrap();
    let session = "projects/p-1/locations/europe-west1/agent/environments/live/users/-/sessions/u.c-1";
    assert_eq!(request.session, session);
    assert_eq!(request.routing, Some(format!("session={}", session.replace('/', "%2F"))));
    assert_eq!(request.text(), Some("hallo"));
    assert_eq!(request.authorization, None);
    let parameters = request.parameters.unwrap();
    assert_eq!(parameters.time_zone, "Europe/Berlin");
    assert!(parameters.sentiment_analysis_request_config.unwrap().analyze_query_text_sentiment);
    let tier = parameters.payload.unwrap().fields["attributes"].clone();
    assert_eq!(format!("{tier:?}").matches("gold").count(), 1);
}

#[tokio::test]
async fn s10_events_clicks_and_digits_reach_the_agent() {
    let dialogflow = FakeDialogflow::start();
    dialogflow.on_event("welcome", say("Welcome"));
    let engine = engine(settings(dialogflow.endpoint()));
    let welcome = Input::Event { name: "welcome".into(), parameters: Parameters::new() };
    let answer = engine.ask(asking(welcome)).await.unwrap();
    assert_eq!(answer.replies, [Reply::Text("Welcome".into())]);
    engine.ask(asking(Input::Structured(object(&json!({"button": "yes"}))))).await.unwrap();
    engine.ask(asking(Input::Dtmf("42#".into()))).await.unwrap();
    let requests = dialogflow.requests();
    assert_eq!(requests[1].event(), Some("structured"));
    assert_eq!(requests[2].text(), Some("42#"));
}

#[tokio::test]
async fn session_ids_that_dialogflow_would_refuse_are_hashed() {
    let dialogflow = FakeDialogflow::start();
    let engine = engine(settings(dialogflow.endpoint()));
    for name in ["x".repeat(100), "with/slash".into(), "ümlaut".into()] {
        let mut question = asking(Input::Text("hi".into()));
        question.contact.name = ContactName::new(&name).unwrap();
        engine.ask(question.clone()).await.unwrap();
        engine.ask(question).await.unwrap();
    }
    let sessions: Vec<String> = dialogflow.requests().into_iter().map(|it| it.session).collect();
    assert_eq!(sessions[0], sessions[1]);
    assert_ne!(sessions[0], sessions[2]);
}

#[tokio::test]
async fn several_connections_are_really_opened() {
    let dialogflow = FakeDialogflow::start();
    let engine = engine(DialogflowV2 { connections: 4, ..settings(dialogflow.endpoint()) });
    assert_eq!(dialogflow.connections(), 0, "building opens nothing");
    ask(&engine, "hi").await.unwrap();
    dialogflow.wait_for_connections(4).await;
    let asks = (0..64).map(|it| {
        let engine = Arc::clone(&engine);
        async move { ask(&engine, &format!("text {it}")).await.unwrap() }
    });
    futures::future::join_all(asks).await;
    assert_eq!(dialogflow.connections(), 4);
}

#[tokio::test]
async fn pain_9_a_restart_of_dialogflow_costs_no_restart_of_ours() {
    // An address of this test's own: no other test may take the port meanwhile.
    let dialogflow = FakeDialogflow::start_at(([127, 0, 0, 9], 0).into());
    let engine = engine(DialogflowV2 { connections: 4, ..settings(dialogflow.endpoint()) });
    ask(&engine, "hi").await.unwrap();
    dialogflow.wait_for_connections(4).await;
    let address = dialogflow.address();
    drop(dialogflow);
    assert_eq!(ask(&engine, "anyone?").await.unwrap_err().kind, FailureKind::Unavailable);

    let _again = FakeDialogflow::start_at(address);
    // Each of the four connections may first have to tell that it was lost.
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(ask(&engine, "back?").await);
    }
    assert!(answers.last().is_some_and(Result::is_ok), "{answers:?}");
}
