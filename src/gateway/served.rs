//! Profiles at run time: the rules, the language engine, the password, by virtual agent.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock},
};

use secrecy::{ExposeSecret, SecretString};

use super::{
    canary::CanaryWatch,
    engines::{Engines, Seat},
    ports::LanguageEngine,
    shadow::Shadow,
};
use crate::{
    core::{
        contact::{Context, name_hash},
        directory::Directory,
        ids::{ContactId, ContactName, EngineName, ProfileName, Timestamp, UnitName, UserId},
        message::MediaType,
        profile::Rules,
        said::Said,
        step::Step,
    },
    telemetry::{EngineCells, Gauge, Metrics},
};

/// An engine that is to be told of a step of its contact.
pub(super) type Told = (Arc<dyn LanguageEngine>, ContactId, Step);

/// One profile, ready to serve.
pub struct Served {
    pub rules: Arc<Rules>,
    engines: Engines,
    pub password: SecretString,
    /// What its virtual agents log on for.
    pub media: Vec<MediaType>,
    /// One of its engines wants to know of its contacts' steps.
    hears_steps: bool,
    token: OnceLock<Arc<Gauge>>,
}

impl Served {
    #[must_use]
    pub fn new(rules: Arc<Rules>, engines: Engines, password: SecretString, media: Vec<MediaType>) -> Self {
        let hears_steps = engines.seats().any(|(_, seat)| seat.engine.hears_steps());
        Self { rules, engines, password, media, hears_steps, token: OnceLock::new() }
    }

    /// Takes the place of `old`: the same profile before a reload.
    #[must_use]
    pub fn succeeding(mut self, old: &Self) -> Self {
        self.engines.succeed(&old.engines);
        self
    }

    #[must_use]
    pub fn primary(&self) -> &Arc<dyn LanguageEngine> {
        &self.engines.seat(None).engine
    }

    /// The engine of that name; `None` is the primary.
    #[must_use]
    pub fn engine(&self, name: Option<&EngineName>) -> &Arc<dyn LanguageEngine> {
        &self.engines.seat(name).engine
    }

    /// What a transition of one of its contacts reads.
    pub(super) fn context<'a>(&'a self, directory: &'a Directory, now: Timestamp) -> Context<'a> {
        let rolled_back = self.canary().is_some_and(CanaryWatch::is_rolled_back);
        Context { rules: &self.rules, directory, now, rolled_back }
    }

    /// What a new contact begins with; `None`: the primary.
    pub(super) fn first_engine(&self, contact: &ContactName) -> Option<EngineName> {
        let canary = self.canary().filter(|canary| !canary.is_rolled_back());
        canary.and_then(|_| self.rules.chain.first(name_hash(contact.as_str())))
    }

    pub(super) fn canary(&self) -> Option<&CanaryWatch> {
        self.engines.canary.as_deref()
    }

    /// Why the canary is given up; `None`: it is not, or there is none.
    #[must_use]
    pub fn given_up(&self) -> Option<Said> {
        Some(self.canary()?.worse()?.tell())
    }

    pub(super) const fn shadow(&self) -> Option<&Shadow> {
        self.engines.shadow.as_ref()
    }

    /// What is counted of one of its engines.
    pub(super) fn cells<'a>(
        &'a self,
        seat: &'a Seat,
        engine: Option<&EngineName>,
        metrics: &Metrics,
    ) -> &'a EngineCells {
        let name = engine.map_or(EngineName::PRIMARY, EngineName::as_str);
        seat.cells.get_or_init(|| metrics.engine(&self.rules.unit, &self.rules.profile, name))
    }

    #[must_use]
    pub const fn engines(&self) -> &Engines {
        &self.engines
    }

    /// Who is to be told of a transition's steps, with each. `now`: the engine that the contact is with after it.
    pub(super) fn hearers(&self, now: Option<&EngineName>, steps: &[Step], id: &ContactId, told: &mut Vec<Told>) {
        if !self.hears_steps {
            return;
        }
        let mut engine = now;
        let first = told.len();
        for step in steps.iter().rev() {
            // What comes before a move is the business of the engine that the contact went away from, the move as well.
            if let Step::FailedOver { from, .. } | Step::Moved { from, .. } = step {
                engine = Some(from);
            }
            let engine = self.engine(engine);
            if engine.hears_steps() {
                told.push((Arc::clone(engine), id.clone(), step.clone()));
            }
        }
        if let Some(told) = told.get_mut(first..) {
            told.reverse();
        }
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
            .field("engines", &self.engines)
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

    pub(super) fn find(&self, unit: &UnitName, profile: &ProfileName) -> Option<&Arc<Served>> {
        self.profiles.iter().find(|it| it.rules.unit == *unit && it.rules.profile == *profile)
    }

    #[must_use]
    pub fn profiles(&self) -> &[Arc<Served>] {
        &self.profiles
    }
}
