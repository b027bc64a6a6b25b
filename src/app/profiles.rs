//! Profiles put together: rules, and language engines each with what guards it. Over a reload an engine that has not changed
//! is kept, with its connections and with what its breaker knows.

use std::sync::Arc;

use super::lint;
use crate::{
    config::settings::{EngineSettings, Profile, Settings},
    core::ids::EngineName,
    gateway::{Engines, Roster, Served, Shadow, ports::LanguageEngine},
    nlp::{self, Role},
};

/// A profile's settings and what they became.
pub(super) type Built = (Arc<Profile>, Arc<Served>);

/// # Errors
/// When a profile's settings make no engine.
pub(super) fn serve_profiles(settings: &Settings, deps: &nlp::Deps, old: &[Built]) -> anyhow::Result<Vec<Built>> {
    let serve = |profile: &Arc<Profile>| {
        let before = old.iter().find(|(it, _)| it.name == profile.name && it.unit == profile.unit);
        let media = lint::media(profile);
        let engines = engines(profile, deps, before)?;
        let mut served = Served::new(Arc::clone(&profile.rules), engines, profile.agent_password.clone(), media);
        if let Some((_, before)) = before {
            served = served.succeeding(before);
        }
        Ok((Arc::clone(profile), Arc::new(served)))
    };
    settings.profiles.iter().map(serve).collect()
}

fn engines(profile: &Profile, deps: &nlp::Deps, before: Option<&Built>) -> anyhow::Result<Engines> {
    let settings = &profile.engines;
    let build = |name: &str, engine: &EngineSettings| -> anyhow::Result<Arc<dyn LanguageEngine>> {
        let role = role(name, profile);
        let kept = before.filter(|(old, _)| profile.same_engine(name, old) && self::role(name, old) == role);
        let kept = kept.and_then(|(_, served)| served.engines().find(name)).map(Arc::clone);
        Ok(kept.map_or_else(|| nlp::build_guarded(role, engine, profile, deps), Ok)?)
    };
    let mut engines = Engines::only(build(EngineName::PRIMARY, &settings.primary)?);
    for standby in &settings.standbys {
        engines = engines.and(standby.name.clone(), build(standby.name.as_str(), &standby.engine)?);
    }
    if let Some(canary) = &settings.canary {
        engines = engines.with_canary(build(EngineName::CANARY, &canary.engine)?, canary.rollback);
    }
    if let Some(shadow) = &settings.shadow {
        engines = engines.with_shadow(Shadow::new(build(EngineName::SHADOW, &shadow.engine)?, shadow.share_percent));
    }
    Ok(engines)
}

/// What an engine is to its profile's contacts.
fn role<'a>(name: &'a str, profile: &Profile) -> Role<'a> {
    let spare = name == EngineName::SHADOW;
    let engine = EngineName::new(name).ok().filter(|_| name != EngineName::PRIMARY);
    Role { name, has_next: !spare && profile.rules.chain.after(engine.as_ref()).is_some(), spare }
}

pub(super) fn roster(profiles: &[Built]) -> Roster {
    Roster::new(profiles.iter().map(|(_, served)| Arc::clone(served)).collect())
}
