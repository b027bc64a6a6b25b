//! `usher check --online`: whether a profile can hold a conversation.
//!
//! A short text goes to a session of its own: no other call needs the same right and no more.

use super::Session;
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
    let session = Session { id: PROBE_SESSION, language: &profile.rules.language };
    let about = match engine.answer(Input::Text(PROBE.to_owned()), (Parameters::new(), None), session).await {
        Ok(answer) => Ok(said!(
            "bot {}, locale {}; \"{}\" is intent {} to it",
            engine.bot.id,
            engine.locales.nearest(session.language),
            PROBE,
            answer.intent.map_or_else(|| said!("(none)"), Said::foreign)
        )),
        // It was heard; what the bot makes of the probe is its own affair.
        Err(error) if matches!(error.kind, FailureKind::Empty | FailureKind::Webhook) => Err(error),
        Err(error) => return Err(error),
    };
    Ok(CredentialReport { account: Some(said!("an access key in {}", engine.bot.region)), about })
}
