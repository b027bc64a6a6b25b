//! Names and settings.

use std::time::Duration;

use super::*;
use crate::{
    config::schema::{Value, Values},
    nlp::google::way::TransportKind,
};

pub(super) fn config() -> DialogflowCx {
    DialogflowCx {
        credential: None,
        project: "p-1".into(),
        location: "europe-west3".into(),
        agent: "a-1".into(),
        environment: None,
        endpoint: None,
        transport: TransportKind::Grpc,
        connections: 4,
        deadline: Duration::from_secs(7),
        sentiment: false,
        channel: String::new(),
        time_zone: String::new(),
        proxy: None,
    }
}

#[test]
fn b17_cx_location_agent_and_environment_stand_in_the_path() {
    let draft = config();
    assert_eq!(sessions(&draft).apart("s").path, "projects/p-1/locations/europe-west3/agents/a-1/sessions/s");
    let live = DialogflowCx { environment: Some("e-1".into()), location: "global".into(), ..config() };
    let session = sessions(&live).apart("s");
    assert_eq!(session.path, "projects/p-1/locations/global/agents/a-1/environments/e-1/sessions/s");
    assert!(session.routing.starts_with("session=projects%2Fp-1%2Flocations%2Fglobal%2Fagents%2Fa-1%2F"));
}

#[test]
fn b17_cx_settings_that_cannot_work_are_refused_by_name() {
    let problems = |texts: &[(&'static str, &str)]| {
        let texts = texts.iter().map(|&(key, text)| (key, Value::Text(text.to_owned())));
        let values: Values = texts.chain([("endpoint", Value::Text("http://127.0.0.1:1".into()))]).collect();
        let problems = (SCHEMA.check)(&values).into_iter();
        problems.map(|it| format!("{} {}", it.key, it.message)).collect::<Vec<_>>()
    };
    let good = ("project", "p-1");
    for location in ["global", "eu", "us-central1", "northamerica-northeast1"] {
        assert_eq!(problems(&[good, ("location", location), ("agent", "a-1")]), [""; 0], "{location}");
    }
    for location in ["europe.west", "-x", "EU", "1", "x-"] {
        let told = problems(&[good, ("location", location)]);
        assert_eq!(told, [format!("location is `{location}`, which is no location")]);
    }
    assert_eq!(problems(&[good, ("agent", "x:y"), ("environment", "~")]), ["agent is no id", "environment is no id"]);
    assert_eq!(problems(&[]), ["project is missing"]);
}
