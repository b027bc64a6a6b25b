//! Dialogflow CX as an engine, against Dialogflow and its token server on the wire, and against the offline engine.

mod failures;
mod offline;

use std::sync::Arc;

use serde_json::{Value, json};
use usher::{
    config::{
        schema::{Value as Setting, Values},
        settings::{EngineSettings, Engines, Profile},
    },
    core::message::{Answer, FailureKind, Input, MediaType, Reply},
    gateway::ports::{Ask, LanguageEngine},
    nlp::{self, CredentialReport},
};

use crate::{
    dialogflow::{ask, asking, deps, object, profile as es_profile, settings},
    fakes::{
        cx::{AGENT, FakeCx, Reaction, Say, say},
        token_server::TokenServer,
    },
};

const TRANSPORTS: [&str; 2] = ["grpc", "rest"];

/// As a profile's file would set them, for a fake at `endpoint`, without a credential; `more` on top.
fn values(endpoint: &str, transport: &str, more: &[(&'static str, &str)]) -> Values {
    let texts = [
        ("project", "p-1"),
        ("location", "europe-west3"),
        ("agent", AGENT),
        ("endpoint", endpoint),
        ("transport", transport),
    ];
    let texts = texts.into_iter().chain(more.iter().copied());
    let mut values: Values = texts.map(|(key, text)| (key, Setting::Text(text.to_owned()))).collect();
    values.set("connections", Setting::Number(1));
    values.set("deadline_ms", Setting::Number(7000));
    values
}

fn profile(values: Values) -> Profile {
    let schema = nlp::schemas().into_iter().find(|it| it.kind == "dialogflow-cx").unwrap();
    Profile { engines: Engines::only(EngineSettings { schema, values }), ..es_profile(settings(String::new())) }
}

fn engine(values: Values) -> Arc<dyn LanguageEngine> {
    let profile = profile(values);
    nlp::build(&profile.engines.primary, &profile, &deps()).unwrap()
}

async fn checked(values: Values) -> CredentialReport {
    let profile = profile(values);
    nlp::check_credential(&profile.engines.primary, &profile, &deps()).await.unwrap()
}

async fn said(engine: &Arc<dyn LanguageEngine>, media: MediaType, text: &str) -> Answer {
    engine.ask(Ask { media, ..asking(Input::Text(text.into())) }).await.unwrap()
}

#[tokio::test]
async fn b17_cx_a_text_reaches_the_agent_with_all_that_belongs_to_it() {
    for transport in TRANSPORTS {
        let (cx, tokens) = (FakeCx::start(), TokenServer::start());
        cx.lives_at("p-1", Some("europe-west3"));
        cx.accepts_token(&TokenServer::token(1));
        let mut values = values(&cx.endpoint(), transport, &[("environment", "live"), ("channel", "CHAT")]);
        values.set("sentiment", Setting::Flag(true));
        values.set("credential", Setting::Secret(tokens.credential()));
        let engine = engine(values);
        let known = json!({"attributes": {"tier": "gold"}, "lastOutcome": {"kind": "callback"}});
        let question = Ask { language: "de".into(), payload: object(&known), ..asking(Input::Text("hallo".into())) };
        assert_eq!(engine.ask(question).await.unwrap().replies, [Reply::Text("echo: hallo".into())]);

        let [request] = cx.requests().try_into().unwrap();
        let session = "projects/p-1/locations/europe-west3/agents/a-1/environments/live/sessions/u.c-1";
        assert_eq!(request.session, session);
        assert_eq!((request.text(), request.language.as_str()), (Some("hallo"), "de"));
        assert_eq!(request.rest, transport == "rest");
        if !request.rest {
            assert_eq!(request.routing, Some(format!("session={}", session.replace('/', "%2F"))));
        }
        let parameters = request.parameters.unwrap();
        assert_eq!((parameters.time_zone.as_str(), parameters.channel.as_str()), ("UTC", "CHAT"));
        assert!(parameters.analyze_query_text_sentiment);
        let json = |it: Option<prost_types::Struct>| Value::Object(usher::wire::structs::to_json(it.unwrap()).unwrap());
        assert_eq!(json(parameters.payload), known);
        assert_eq!(json(parameters.parameters), json!({"usher": known, "usher_action": null}));
    }
}

#[tokio::test]
async fn b17_cx_rest_answers_as_grpc_does() {
    let cx = FakeCx::start();
    let foreign = usher::wire::dialogflow_cx::response_message::Text { text: vec!["foreign".into()] };
    let foreign = usher::wire::dialogflow_cx::response_message::Message::Text(foreign);
    let chips = json!({"type": "chips", "options": [{"text": "A"}, {"text": "B"}]});
    let answers: [(&str, Say); 7] = [
        (
            "rich",
            say("Hello")
                .in_channel("DF_MESSENGER", foreign)
                .spoken("<speak>Hello</speak>")
                .rich(&[chips])
                .payload(&json!({"n": 3, "half": 0.5, "deep": {"list": [1, null, true]}}))
                .action("callback", &json!({"phone": "+49 30 1", "count": 2}))
                .at("Orders", "Payment")
                .sentiment(-0.5)
                .intent("rich")
                .webhook_failed(tonic::Code::Internal, "boom"),
        ),
        ("person", say("").hands_off(Some(&json!({"queue": "billing", "n": 1})))),
        ("bye", say("Bye").ends()),
        ("transfer", say("One moment").transfers("+49301")),
        ("what", say("What?").no_match()),
        ("newer", say("As ever").newer()),
        ("asked", say("Done").parameters(&json!({"usher_action": "order", "size": "S", "n": 1.5, "usher": {}}))),
    ];
    for (text, answer) in answers.clone() {
        cx.on_text(text, answer);
    }
    let [grpc, rest] = TRANSPORTS.map(|it| engine(values(&cx.endpoint(), it, &[])));
    for (text, _) in answers {
        for media in [MediaType::WebInteraction, MediaType::Speech] {
            let (one, two) = (said(&grpc, media, text).await, said(&rest, media, text).await);
            assert_eq!(one, two, "{text}");
        }
    }
    for input in [
        Input::Dtmf("42#".into()),
        Input::Structured(object(&json!({"button": "yes", "n": 1}))),
        Input::Event { name: "welcome".into(), parameters: object(&json!({"from": "web"})) },
    ] {
        let (one, two) = (grpc.ask(asking(input.clone())).await.unwrap(), rest.ask(asking(input)).await.unwrap());
        assert_eq!(one, two);
        let requests = cx.requests();
        let [.., sent, sent_by_rest] = requests.as_slice() else { panic!("two requests at least") };
        assert_eq!(sent.input, sent_by_rest.input);
        assert_eq!(sent.parameters, sent_by_rest.parameters);
    }
    let answer = said(&rest, MediaType::WebInteraction, "rich").await;
    assert_eq!((answer.action.as_str(), answer.webhook_failure.as_deref()), ("callback", Some("Internal: boom")));
    assert_eq!(answer.contexts, ["Orders", "Payment"]);
    let person = said(&rest, MediaType::WebInteraction, "person").await;
    assert!(person.live_agent_handoff && person.parameters["queue"] == "billing", "{person:?}");
    assert!(said(&rest, MediaType::WebInteraction, "bye").await.end_interaction);
    let asked = said(&rest, MediaType::WebInteraction, "asked").await;
    assert_eq!((asked.action.as_str(), Value::Object(asked.parameters)), ("order", json!({"size": "S", "n": 1.5})));
}

#[tokio::test]
async fn b17_cx_session_ids_that_google_would_refuse_are_hashed() {
    let cx = FakeCx::start();
    let engine = engine(values(&cx.endpoint(), "grpc", &[]));
    for name in ["x".repeat(100), "with/slash".into(), "ümlaut".into()] {
        let mut question = asking(Input::Text("hi".into()));
        question.contact.name = usher::core::ids::ContactName::new(&name).unwrap();
        engine.ask(question.clone()).await.unwrap();
        engine.ask(question).await.unwrap();
    }
    let sessions: Vec<String> = cx.requests().into_iter().map(|it| it.session).collect();
    assert_eq!(sessions[0], sessions[1]);
    assert_ne!(sessions[0], sessions[2]);
}

#[tokio::test]
async fn b17_cx_check_online_reads_the_agent() {
    for transport in TRANSPORTS {
        let cx = FakeCx::start();
        let report = checked(values(&cx.endpoint(), transport, &[])).await;
        assert_eq!(
            report.about.unwrap().to_string(),
            "agent Support, language en, time zone Europe/Berlin",
            "{transport}"
        );
        let probe = cx.requests().pop().unwrap();
        assert!(probe.session.ends_with("/sessions/usher-check") && probe.event() == Some("usher_check"), "{probe:?}");
        cx.agent_is(tonic::Code::PermissionDenied);
        let report = checked(values(&cx.endpoint(), transport, &[])).await;
        assert_eq!(report.about.unwrap_err().kind, FailureKind::Credential);
    }
}
