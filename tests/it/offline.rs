//! The offline Dialogflow over real sockets: Google's clients, our own adapter, bare HTTP, and its webhook.

mod clients;
mod cx;
mod cx_clients;
mod doors;
mod gateway;
mod webhook;

use std::path::Path;

use tokio::net::TcpListener;
use usher::{
    clock::Clock,
    offline_nlp::{
        agent::Agent,
        load,
        server::{Options, Server},
    },
};

const SESSION: &str = "projects/cafe/agent/sessions/s-1";

/// The agent of tests/fixtures/agent.
pub(crate) fn agent() -> Agent {
    let loaded = load::open(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/agent"))).unwrap();
    assert!(loaded.report.iter().all(|it| !it.is_error), "{:?}", loaded.report);
    loaded.agent
}

pub(crate) async fn serve(agent: Agent) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    Server::start(listener, agent, Options::default(), Clock::system()).await.unwrap()
}
