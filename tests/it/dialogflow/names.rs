//! Dialogflow and its token server are found while name servers fail (S32).

use super::*;
use crate::fakes::{
    dns::{NameAnswer, NameServer},
    token_server::TokenServer,
};

const HOST: &str = "dialogflow.test";
const TOKEN_HOST: &str = "oauth2.test";

fn named(dialogflow: &FakeDialogflow, host: &str) -> DialogflowV2 {
    settings(format!("http://{host}:{}", dialogflow.address().port()))
}

fn deps_by(servers: &[&NameServer]) -> Deps {
    let servers: Vec<_> = servers.iter().map(|it| it.address).collect();
    Deps::new(Clock::system(), names(&servers))
}

/// Never answers.
async fn dead() -> NameServer {
    let server = NameServer::with(HOST, NameAnswer::Silence).await;
    server.set(TOKEN_HOST, NameAnswer::Silence);
    server
}

async fn alive() -> NameServer {
    let server = NameServer::with(HOST, NameAnswer::address("127.0.0.1", 60)).await;
    server.set(TOKEN_HOST, NameAnswer::address("127.0.0.1", 60));
    server
}

#[tokio::test]
async fn s32_dialogflow_is_reached_though_the_primary_name_server_is_dead() {
    for transport in [Transport::Grpc, Transport::Rest] {
        let (dialogflow, primary, secondary) = (FakeDialogflow::start(), dead().await, alive().await);
        let config = DialogflowV2 { transport, connections: 4, ..named(&dialogflow, HOST) };
        let engine = built(config, &deps_by(&[&primary, &secondary])).unwrap();
        assert_eq!(primary.asked(HOST) + secondary.asked(HOST), 0, "building looks nothing up");
        let answer = ask(&engine, "hi").await.unwrap_or_else(|error| panic!("{transport:?}: {error}"));
        assert_eq!(answer.replies, [Reply::Text("echo: hi".into())]);
        assert!(primary.asked(HOST) > 0 && secondary.asked(HOST) > 0, "{transport:?}");
    }
}

#[tokio::test]
async fn s32_the_token_server_is_reached_though_the_primary_name_server_is_dead() {
    for transport in [Transport::Grpc, Transport::Rest] {
        let (dialogflow, tokens) = (FakeDialogflow::start(), TokenServer::start());
        let (primary, secondary) = (dead().await, alive().await);
        dialogflow.accepts_token(&TokenServer::token(1));
        let credential = Some(tokens.credential_at(TOKEN_HOST));
        let config = DialogflowV2 { transport, credential, ..settings(dialogflow.endpoint()) };
        let engine = built(config, &deps_by(&[&primary, &secondary])).unwrap();
        ask(&engine, "hi").await.unwrap_or_else(|error| panic!("{transport:?}: {error}"));
        assert!(primary.asked(TOKEN_HOST) > 0 && secondary.asked(TOKEN_HOST) > 0, "{transport:?}");
    }
}

#[tokio::test]
async fn s32_a_new_connection_takes_the_last_good_address_while_no_name_server_answers() {
    for transport in [Transport::Grpc, Transport::Rest] {
        let (dialogflow, server) = (FakeDialogflow::start(), alive().await);
        let deps = deps_by(&[&server]);
        let config = DialogflowV2 { transport, ..named(&dialogflow, HOST) };
        let first = built(config.clone(), &deps).unwrap();
        ask(&first, "hi").await.unwrap();
        drop(first);
        server.set(HOST, NameAnswer::Silence);
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(61)).await;
        tokio::time::resume();

        let (asked, connections) = (server.asked(HOST), dialogflow.connections());
        let second = built(config, &deps).unwrap();
        ask(&second, "hi").await.unwrap_or_else(|error| panic!("{transport:?}: {error}"));
        assert!(server.asked(HOST) > asked, "a new answer was asked for first");
        assert!(dialogflow.connections() > connections, "over a connection of its own");
    }
}

#[tokio::test]
async fn s32_this_machine_is_found_without_any_name_server() {
    let server = NameServer::start().await;
    for transport in [Transport::Grpc, Transport::Rest] {
        for host in ["localhost", "127.0.0.1"] {
            let dialogflow = FakeDialogflow::start();
            let config = DialogflowV2 { transport, ..named(&dialogflow, host) };
            let engine = built(config, &deps_by(&[&server])).unwrap();
            ask(&engine, "hi").await.unwrap_or_else(|error| panic!("{transport:?} {host}: {error}"));
        }
    }
    assert_eq!(server.asked("localhost"), 0);
}
