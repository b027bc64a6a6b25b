//! Names and settings.

use super::*;

pub(super) fn config() -> Config {
    Config {
        credential: None,
        project: "p-1".into(),
        location: "europe-west3".into(),
        agent: "a-1".into(),
        environment: None,
        endpoint: None,
        transport: Transport::Grpc,
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
    let live = Config { environment: Some("e-1".into()), location: "global".into(), ..config() };
    let session = sessions(&live).apart("s");
    assert_eq!(session.path, "projects/p-1/locations/global/agents/a-1/environments/e-1/sessions/s");
    assert!(session.routing.starts_with("session=projects%2Fp-1%2Flocations%2Fglobal%2Fagents%2Fa-1%2F"));
}
