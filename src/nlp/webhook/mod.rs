//! Language engines that are asked by HTTP: a connector's webhook (S11), Rasa, Bot Framework bots (B17).
//!
//! ```text
//!   usher        the frames of `connector`, signed; the answer at once, or posted to the connectors' door later
//!   rasa         Rasa's REST channel
//!   direct_line  Direct Line 3.0
//! ```
//!
//! What they share is here: calls and their failures, notices that nobody waits for, bounds of what comes back.

mod call;
mod direct_line;
mod door;
mod fit;
mod notices;
mod rasa;
mod recent;
mod replies;
mod schema;
mod usher;

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{BuildError, CredentialReport, Deps};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::{AskError, LanguageEngine},
};

use self::usher::{Poster, Sender, Usher};
use call::Wire;
use direct_line::DirectLine;
pub use door::replies_router;
use rasa::Rasa;
pub use replies::Replies;
pub(super) use schema::SCHEMA;
use schema::{Dialect, Webhook};

pub(super) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let config = Webhook::of(&engine.values);
    let wire = wire(&config, profile, deps)?;
    Ok(match config.dialect {
        Dialect::Usher => Arc::new(usher(wire, &config, profile, deps)),
        Dialect::Rasa => Arc::new(Rasa::new(wire, &config)),
        Dialect::BotFramework => Arc::new(DirectLine::new(wire, &config, actions(profile))),
    })
}

/// For `usher check --online`.
pub(super) fn check<'a>(
    engine: &'a EngineSettings,
    profile: &'a Profile,
    deps: &'a Deps,
) -> BoxFuture<'a, Result<CredentialReport, AskError>> {
    Box::pin(async move {
        let config = Webhook::of(&engine.values);
        let unbuilt = |error: BuildError| AskError::new(FailureKind::Invalid, Said::foreign(error.to_string()));
        let wire = wire(&config, profile, deps).map_err(unbuilt)?;
        match config.dialect {
            Dialect::Usher => usher(wire, &config, profile, deps).check().await,
            Dialect::Rasa => Rasa::new(wire, &config).check().await,
            Dialect::BotFramework => DirectLine::new(wire, &config, Vec::new()).check().await,
        }
    })
}

/// Whether it may post its answers to us.
pub(super) fn posts_back(engine: &EngineSettings) -> bool {
    engine.schema.kind == SCHEMA.kind && Webhook::of(&engine.values).dialect == Dialect::Usher
}

fn usher(wire: Wire, config: &Webhook, profile: &Profile, deps: &Deps) -> Usher {
    let sender = Sender { unit: profile.unit.clone(), profile: profile.name.clone() };
    let poster = Poster::new(wire, sender, config, deps.clock.clone());
    Usher::new(poster, config, profile.rules.actions.clone(), deps.replies.clone())
}

fn wire(config: &Webhook, profile: &Profile, deps: &Deps) -> Result<Wire, BuildError> {
    let caller = deps.caller(&config.url, config.proxy.as_deref(), fit::MAX_ANSWER_BYTES);
    let caller = caller.map_err(|error| BuildError::Setting {
        profile: profile.origin.clone(),
        field: "webhook.url",
        problem: error.to_string(),
    })?;
    let peer = match config.dialect {
        Dialect::Usher => said!("the webhook"),
        Dialect::Rasa => Said::foreign("Rasa"),
        Dialect::BotFramework => Said::foreign("Direct Line"),
    };
    Ok(Wire::new(caller, profile.name.as_str(), peer))
}

fn actions(profile: &Profile) -> Vec<String> {
    let mut names: Vec<String> = profile.rules.actions.iter().map(|it| it.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::egress::{Caller, Names};

    /// A way to an address where nobody listens.
    pub(super) fn wire(peer: &'static str) -> Wire {
        let names = Arc::new(Names::new(&[], Duration::ZERO).unwrap());
        let caller = Caller::new("http://127.0.0.1:9/", None, &names, fit::MAX_ANSWER_BYTES).unwrap();
        Wire::new(caller, "support", Said::foreign(peer))
    }
}
