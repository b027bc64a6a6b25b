//! The API's door: gRPC and REST on one port, without TLS and without credentials.

mod convert;
mod cx;
mod grpc;
mod intents;
mod listener;
mod names;
mod pages;
mod rest;
mod service;
mod sessions;
mod webhook;

use std::{future::IntoFuture as _, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::DefaultBodyLimit, middleware};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use self::{grpc::Grpc, listener::Bounded, pages::OnlyHere, service::Service, sessions::Sessions, webhook::Webhook};
use super::{agent::Agent, session::Engine};
use crate::{
    clock::Clock,
    wire::{
        dialogflow_cx,
        dialogflow_v2::{
            agents_server::AgentsServer, contexts_server::ContextsServer, intents_server::IntentsServer,
            session_entity_types_server::SessionEntityTypesServer, sessions_server::SessionsServer,
        },
        json::{DescriptorError, Json},
    },
};

const MAX_REQUEST_BYTES: usize = 1024 * 1024;
/// How long answers that are under way may take once the server stops: a webhook has 5 s.
const STOP_WITHIN: Duration = Duration::from_secs(6);

/// The id by which the agent is asked over the CX API: `projects/P/locations/L/agents/offline/sessions/S`.
pub const CX_AGENT: &str = cx::AGENT;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Sessions kept at once; beyond it the one that was idle longest begins anew.
    pub max_sessions: usize,
    /// Decides which of several texts a session hears first.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_sessions: 10_000, seed: 0 }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("the listener has no address")]
    Address(#[source] io::Error),
    #[error("the API's description in this binary is broken")]
    Contract(#[from] DescriptorError),
    #[error("the agent could not be made ready")]
    Engine(#[from] tokio::task::JoinError),
}

/// An agent being served.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stopping: CancellationToken,
    serving: JoinHandle<io::Result<()>>,
    webhook_fault: Option<String>,
}

impl Server {
    /// Serves `agent` at `listener` until [`Self::stop`].
    ///
    /// # Errors
    /// When the agent cannot be made ready.
    pub async fn start(
        listener: TcpListener,
        agent: Agent,
        options: Options,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let address = listener.local_addr().map_err(StartError::Address)?;
        let webhook = agent.webhook.as_ref().map(|it| Webhook::new(it, clock.clone()));
        let webhook_fault = webhook.as_ref().and_then(|it| it.as_ref().err().cloned());
        let agent = Arc::new(agent);
        // Much to compute for a large agent.
        let engine = tokio::task::spawn_blocking(move || Engine::new(agent)).await?;
        let sessions = Sessions::new(options.max_sessions.max(1), sessions::MAX_TOTAL_BYTES, options.seed);
        let json = Json::new("google.cloud.dialogflow.v2")?;
        let cx_json = json.of("google.cloud.dialogflow.cx.v3");
        let service = Arc::new(Service { engine, sessions, webhook, json, cx_json, clock });
        let stopping = CancellationToken::new();
        let serving = tokio::spawn(serve(
            Bounded::new(listener),
            router(&service, OnlyHere(address.ip().is_loopback())),
            stopping.clone(),
        ));
        Ok(Self { address, stopping, serving, webhook_fault })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Why the agent's webhook will not be called, if that is so.
    #[must_use]
    pub fn webhook_fault(&self) -> Option<&str> {
        self.webhook_fault.as_deref()
    }

    /// Takes no more requests and ends when those under way are answered.
    ///
    /// # Errors
    /// When serving had failed for good.
    pub async fn stop(self) -> io::Result<()> {
        self.stopping.cancel();
        self.serving.await.map_err(io::Error::other)?
    }
}

async fn serve(listener: Bounded, router: Router, stopping: CancellationToken) -> io::Result<()> {
    let serving = axum::serve(listener, router).with_graceful_shutdown(stopping.clone().cancelled_owned());
    let too_late = async {
        stopping.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        served = serving.into_future() => served,
        () = too_late => Ok(()),
    }
}

fn router(service: &Arc<Service>, only_here: OnlyHere) -> Router {
    let grpc = Grpc(Arc::clone(service));
    let sessions = SessionsServer::new(grpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES);
    let contexts = ContextsServer::new(grpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES);
    let entities = SessionEntityTypesServer::new(grpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES);
    let intents = IntentsServer::new(grpc.clone()).max_decoding_message_size(MAX_REQUEST_BYTES);
    let cx_sessions = dialogflow_cx::sessions_server::SessionsServer::new(grpc.clone());
    let cx_agents = dialogflow_cx::agents_server::AgentsServer::new(grpc.clone());
    let agents = AgentsServer::new(grpc).max_decoding_message_size(MAX_REQUEST_BYTES);
    Router::new()
        .route_service("/google.cloud.dialogflow.v2.Sessions/{method}", sessions)
        .route_service("/google.cloud.dialogflow.v2.Contexts/{method}", contexts)
        .route_service("/google.cloud.dialogflow.v2.SessionEntityTypes/{method}", entities)
        .route_service("/google.cloud.dialogflow.v2.Agents/{method}", agents)
        .route_service("/google.cloud.dialogflow.v2.Intents/{method}", intents)
        .route_service(
            "/google.cloud.dialogflow.cx.v3.Sessions/{method}",
            cx_sessions.max_decoding_message_size(MAX_REQUEST_BYTES),
        )
        .route_service(
            "/google.cloud.dialogflow.cx.v3.Agents/{method}",
            cx_agents.max_decoding_message_size(MAX_REQUEST_BYTES),
        )
        .route_layer(middleware::from_fn(pages::only_grpc))
        .fallback(rest::serve)
        .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
        .layer(middleware::from_fn_with_state(only_here, pages::keep_out))
        .with_state(Arc::clone(service))
}
