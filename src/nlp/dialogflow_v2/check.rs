//! `usher check --online`: whether a profile can hold a conversation.
//!
//! An event that no intent knows goes to a session of its own, over the profile's own transport: it needs every right an
//! ask needs, and wakes neither intent nor webhook. The agent's description is a courtesy, through Google's client.

use tokio::time::timeout;

use super::{DialogflowV2, engine, place, rest, session, way};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::{BuildError, CredentialReport, Deps},
};

pub(in crate::nlp) async fn run(
    settings: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let config = &DialogflowV2::of(&settings.values, profile);
    let unbuilt = |error: BuildError| AskError::new(FailureKind::Invalid, Said::foreign(error.to_string()));
    let way = way(profile, config, deps).map_err(unbuilt)?;
    engine(profile, config, &way, deps).map_err(unbuilt)?.probe(profile.rules.language.clone()).await?;

    let place = place(profile, config, &way.endpoint);
    let http = way.http(deps).map_err(unbuilt)?;
    let agent = timeout(config.deadline, rest::agent(session::parent(config), http, &place)).await;
    let agent = agent.unwrap_or_else(|_| Err(place.late(config.deadline)));
    Ok(CredentialReport {
        account: way.tokens.map(|it| Said::foreign(it.account())),
        about: agent.map(|it| {
            let (name, language, zone) = (it.display_name, it.default_language_code, it.time_zone);
            said!("agent {}, language {}, time zone {}", name, language, zone)
        }),
    })
}
