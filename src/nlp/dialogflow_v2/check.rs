//! `usher check --online`: whether a profile can hold a conversation.
//!
//! An event that no intent knows goes to a session of its own, over the profile's own transport: it needs every right an
//! ask needs, and wakes neither intent nor webhook. The agent's description is a courtesy, through Google's client.

use tokio::time::timeout;

use super::{engine, errors::Place, parts, rest, session};
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
    // Made first, and kept: the engine shares its token.
    let parts = parts(profile, config, deps).map_err(unbuilt)?;
    engine(profile, config, deps).map_err(unbuilt)?.probe(profile.rules.language.clone()).await?;

    let place = Place::new(profile, config, &parts.endpoint);
    let source = rest::Source {
        endpoint: &parts.endpoint,
        proxy: config.proxy.as_deref(),
        tokens: parts.tokens.clone(),
        lookup: &deps.lookup,
        place: &place,
    };
    let agent = source.agent(session::parent(config));
    let agent = timeout(config.deadline, agent).await.unwrap_or_else(|_| Err(place.late(config.deadline)));
    Ok(CredentialReport {
        account: parts.tokens.map(|it| it.account().to_owned()),
        agent: agent.map(|it| AgentSummary {
            name: it.display_name,
            language: it.default_language_code,
            time_zone: it.time_zone,
        }),
    })
}
