//! `usher check --online`: whether a profile can hold a conversation.
//!
//! A short text goes to a session of its own. An event would wake less of the agent, but servers differ in what they make of
//! one that no intent knows.

use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        message::{FailureKind, Input, Parameters},
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::{CredentialReport, Deps},
};

const PROBE_SESSION: &str = "usher-check";
const PROBE: &str = "usher check";

pub(in crate::nlp) async fn run(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let unbuilt = |error: crate::nlp::BuildError| AskError::new(FailureKind::Invalid, Said::foreign(error.to_string()));
    let engine = super::engine(engine, profile, deps).map_err(unbuilt)?;
    let input = Input::Text(PROBE.to_owned());
    let reply = engine.converse(input, (Parameters::new(), None), &profile.rules.language, PROBE_SESSION).await?;
    let about = match super::convert::answer(&reply.body, true, &engine.web.place) {
        Ok(answer) => Ok(answer.intent.map_or_else(
            || said!("speaks version 1 of the API"),
            |intent| said!("speaks version 1 of the API; \"{}\" is intent {} to it", PROBE, intent),
        )),
        // It was heard and understood; what the agent makes of the probe is its own affair.
        Err(error) if matches!(error.kind, FailureKind::Empty | FailureKind::Webhook) => Err(error),
        Err(error) => return Err(error),
    };
    Ok(CredentialReport { account: Some(said!("the client token")), about })
}
