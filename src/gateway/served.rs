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
        contact::{Context, name_hash},
        directory::Directory,
        ids::{ContactId, ContactName, EngineName, ProfileName, Timestamp, UnitName, UserId},
        message::MediaType,
        profile::Rules,
        step::Step,
    },
    telemetry::{Gauge, Metrics},
};

/// An engine that is to be told of a step of its contact.
pub(super) type Told = (Arc<dyn LanguageEngine>, ContactId, Step);

/// The language engines of a profile.
#[derive(Debug)]
pub struct Engines {
    primary: Seat,
    /// The canary and the standbys; their names are in the rules' chain.
    others: Vec<(EngineName, Seat)>,
}

/// One engine, and what is raised about it.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) engine: Arc<dyn LanguageEngine>,
    pub(super) raised: Arc<Raised>,
}

/// Which alerts about an engine are raised. What succeeds it after a reload shares this, so that either can clear them.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// It refuses its questions.
    pub(super) refusal: AtomicBool,
    /// It is not asked for the moment.
    pub(super) outage: AtomicBool,
}

impl Engines {
    #[must_use]
    pub fn only(primary: Arc<dyn LanguageEngine>) -> Self {
        Self { primary: Seat::new(primary), others: Vec::new() }
    }

    /// With the canary, or one more standby.
    #[must_use]
    pub fn and(mut self, name: EngineName, engine: Arc<dyn LanguageEngine>) -> Self {
        self.others.push((name, Seat::new(engine)));
        self
    }

    /// The engine of that name. `None` is the primary, which also stands in for one that is gone.
    pub(super) fn seat(&self, name: Option<&EngineName>) -> &Seat {
        let Some(name) = name else { return &self.primary };
        self.others.iter().find(|(it, _)| it == name).map_or(&self.primary, |(_, seat)| seat)
    }

    pub(super) fn seats(&self) -> impl Iterator<Item = (Option<&EngineName>, &Seat)> {
        std::iter::once((None, &self.primary)).chain(self.others.iter().map(|(name, seat)| (Some(name), seat)))
    }
}

impl Seat {
    fn new(engine: Arc<dyn LanguageEngine>) -> Self {
        Self { engine, raised: Arc::default() }
    }
}

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
        let share = |name: Option<&EngineName>, seat: &mut Seat| {
            if let Some((_, before)) = old.engines.seats().find(|(it, _)| *it == name) {
                seat.raised = Arc::clone(&before.raised);
            }
        };
        share(None, &mut self.engines.primary);
        for (name, seat) in &mut self.engines.others {
            share(Some(name), seat);
        }
        self
    }

    #[must_use]
    pub fn primary(&self) -> &Arc<dyn LanguageEngine> {
        &self.engines.primary.engine
    }

    /// The engine of that name; `None` is the primary.
    #[must_use]
    pub fn engine(&self, name: Option<&EngineName>) -> &Arc<dyn LanguageEngine> {
        &self.engines.seat(name).engine
    }

    /// What a transition of one of its contacts reads.
    pub(super) fn context<'a>(&'a self, directory: &'a Directory, now: Timestamp) -> Context<'a> {
        Context { rules: &self.rules, directory, now, rolled_back: false }
    }

    /// What a new contact begins with; `None`: the primary.
    pub(super) fn first_engine(&self, contact: &ContactName) -> Option<EngineName> {
        if self.rules.chain.is_single() { None } else { self.rules.chain.first(name_hash(contact.as_str())) }
    }

    pub(super) const fn engines(&self) -> &Engines {
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
