//! `usher check --online`: whether a profile can hold a conversation.
//!
//! An event that no intent knows goes to a session of its own, over the profile's own transport: it needs every right an
//! ask needs, and wakes neither intent nor webhook. The agent's description is a courtesy, through Google's client.

use tokio::time::timeout;

use super::{engine, place, rest, session, way};
use crate::{
    config::settings::{DialogflowV2, Profile},
    core::message::FailureKind,
    gateway::ports::AskError,
    nlp::{AgentSummary, CredentialReport, Deps},
};

pub(in crate::nlp) async fn run(
    profile: &Profile,
    config: &DialogflowV2,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let unbuilt = |error: crate::nlp::BuildError| AskError::new(FailureKind::Invalid, error.to_string());
    let way = way(profile, config, deps).map_err(unbuilt)?;
    engine(profile, config, &way, deps).map_err(unbuilt)?.probe(profile.rules.language.clone()).await?;

    let place = place(profile, config, &way.endpoint);
    let http = way.http(deps).map_err(unbuilt)?;
    let agent = timeout(config.deadline, rest::agent(session::parent(config), http, &place)).await;
    let agent = agent.unwrap_or_else(|_| Err(place.late(config.deadline)));
    Ok(CredentialReport {
        account: way.tokens.map(|it| it.account().to_owned()),
        agent: agent.map(|it| AgentSummary {
            name: it.display_name,
            language: it.default_language_code,
            time_zone: it.time_zone,
        }),
    })
}
