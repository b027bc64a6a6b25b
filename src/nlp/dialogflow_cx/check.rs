//! `usher check --online`: whether a profile can hold a conversation, as it is done for Dialogflow ES.

use tokio::time::timeout;

use super::{DialogflowCx, PACKAGE, agent, engine, place, rest, way};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::{BuildError, CredentialReport, Deps},
    wire::json::Json,
};

pub(in crate::nlp) async fn run(
    settings: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let config = &DialogflowCx::of(&settings.values, profile);
    let unbuilt = |error: BuildError| AskError::new(FailureKind::Invalid, Said::foreign(error.to_string()));
    let way = way(profile, config, deps).map_err(unbuilt)?;
    engine(profile, config, &way, deps).map_err(unbuilt)?.probe(profile.rules.language.clone()).await?;

    let place = place(profile, config, &way.endpoint);
    let http = way.http(deps).map_err(unbuilt)?;
    let json =
        Json::new(PACKAGE).map_err(|error| AskError::new(FailureKind::Internal, Said::foreign(error.to_string())))?;
    let described = timeout(config.deadline, rest::agent(&agent(config), &http, &json, &place)).await;
    let described = described.unwrap_or_else(|_| Err(place.late(config.deadline)));
    Ok(CredentialReport {
        account: way.tokens.map(|it| Said::foreign(it.account())),
        about: described.map(|it| {
            let (name, language, zone) = (it.display_name, it.default_language_code, it.time_zone);
            said!("agent {}, language {}, time zone {}", name, language, zone)
        }),
    })
}
