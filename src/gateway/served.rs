//! Profiles at run time: the rules, the language engine, the password, by virtual agent.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock, atomic::AtomicBool},
};

use secrecy::{ExposeSecret, SecretString};

use super::ports::LanguageEngine;
use crate::{
    core::{
        ids::{ProfileName, UnitName, UserId},
        message::MediaType,
        profile::Rules,
    },
    telemetry::{Gauge, Metrics},
};

/// One profile, ready to serve.
pub struct Served {
    pub rules: Arc<Rules>,
    pub engine: Arc<dyn LanguageEngine>,
    pub password: SecretString,
    /// What its virtual agents log on for.
    pub media: Vec<MediaType>,
    /// An alert about its engine is raised. What succeeds it after a reload shares this, so that either can clear the alert.
    pub(super) troubled: Arc<AtomicBool>,
    token: OnceLock<Arc<Gauge>>,
}

impl Served {
    #[must_use]
    pub fn new(
        rules: Arc<Rules>,
        engine: Arc<dyn LanguageEngine>,
        password: SecretString,
        media: Vec<MediaType>,
    ) -> Self {
        Self { rules, engine, password, media, troubled: Arc::default(), token: OnceLock::new() }
    }

    /// Takes the place of `old`: the same profile before a reload.
    #[must_use]
    pub fn succeeding(self, old: &Self) -> Self {
        Self { troubled: Arc::clone(&old.troubled), ..self }
    }

    pub(super) fn token_gauge(&self, metrics: &Metrics) -> &Gauge {
        self.token.get_or_init(|| metrics.token_valid_until(&self.rules.unit, &self.rules.profile))
    }

    pub(super) fn same_password(&self, other: &Self) -> bool {
        self.password.expose_secret() == other.password.expose_secret()
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Served")
            .field("profile", &self.rules.profile)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// All of them; immutable, replaced as a whole when the configuration changes.
#[derive(Debug, Default)]
pub struct Roster {
    profiles: Vec<Arc<Served>>,
    by_agent: HashMap<(UnitName, UserId), Arc<Served>>,
}

impl Roster {
    #[must_use]
    pub fn new(profiles: Vec<Arc<Served>>) -> Self {
        let mut roster = Self::default();
        for served in &profiles {
            let rules = &served.rules;
            for agent in &rules.agents {
                roster.by_agent.insert((rules.unit.clone(), agent.clone()), Arc::clone(served));
            }
        }
        roster.profiles = profiles;
        roster
    }

    #[must_use]
    pub fn find_by_agent(&self, unit: &UnitName, agent: &UserId) -> Option<&Arc<Served>> {
        self.by_agent.get(&(unit.clone(), agent.clone()))
    }

    pub fn of_unit<'a>(&'a self, unit: &'a UnitName) -> impl Iterator<Item = &'a Arc<Served>> {
        self.profiles.iter().filter(move |served| served.rules.unit == *unit)
    }

    pub(super) fn has(&self, unit: &UnitName, profile: &ProfileName) -> bool {
        self.profiles.iter().any(|it| it.rules.unit == *unit && it.rules.profile == *profile)
    }

    #[must_use]
    pub fn profiles(&self) -> &[Arc<Served>] {
        &self.profiles
    }
}
