//! `usher check --online`: whether a profile can hold a conversation.
//!
//! An event that no intent knows goes to a session of its own, over the profile's own transport: it needs every right an
//! ask needs, and wakes neither intent nor webhook. The agent's description is a courtesy, through Google's client.

use tokio::time::timeout;

use super::{DialogflowV2, errors::Place, parts, rest, session};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::message::FailureKind,
    gateway::ports::AskError,
    nlp::{CredentialReport, Deps},
};

pub(in crate::nlp) async fn run(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let config = &DialogflowV2::of(&engine.values, profile);
    let unbuilt = |error: crate::nlp::BuildError| AskError::new(FailureKind::Invalid, error.to_string());
    // Made first, and kept: the engine shares its token.
    let parts = parts(profile, config, deps).map_err(unbuilt)?;
    super::engine(profile, config, deps).map_err(unbuilt)?.probe(profile.rules.language.clone()).await?;

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
        about: agent.map(|it| {
            let (name, language, zone) = (it.display_name, it.default_language_code, it.time_zone);
            format!("agent {name}, language {language}, time zone {zone}")
        }),
    })
}
