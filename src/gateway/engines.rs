//! A profile's language engines at run time, by name, and what is raised and counted about each.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicI64},
};

use super::{canary::CanaryWatch, ports::LanguageEngine, shadow::Shadow};
use crate::{
    config::settings::Rollback,
    core::ids::{EngineName, Timestamp},
    telemetry::EngineCells,
};

/// The language engines of a profile.
#[derive(Debug)]
pub struct Engines {
    primary: Seat,
    /// The canary and the standbys; their names are in the rules' chain.
    others: Vec<(EngineName, Seat)>,
    pub(super) canary: Option<Arc<CanaryWatch>>,
    pub(super) shadow: Option<Shadow>,
}

/// One engine that answers contacts.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) engine: Arc<dyn LanguageEngine>,
    pub(super) raised: Arc<Raised>,
    pub(super) cells: OnceLock<Arc<EngineCells>>,
}

/// Which alerts about an engine are raised. What succeeds it after a reload shares this, so that either can clear them.
#[derive(Debug, Default)]
pub(super) struct Raised {
    /// It refuses its questions.
    pub(super) refusal: AtomicBool,
    /// When a question had no turn within its quota last, in milliseconds; 0: never.
    pub(super) no_turn_at: AtomicI64,
    /// It is not asked for the moment.
    pub(super) outage: AtomicBool,
}

impl Engines {
    #[must_use]
    pub fn only(primary: Arc<dyn LanguageEngine>) -> Self {
        Self { primary: Seat::new(primary), others: Vec::new(), canary: None, shadow: None }
    }

    /// With one more standby.
    #[must_use]
    pub fn and(mut self, name: EngineName, engine: Arc<dyn LanguageEngine>) -> Self {
        self.others.push((name, Seat::new(engine)));
        self
    }

    #[must_use]
    pub fn with_canary(mut self, engine: Arc<dyn LanguageEngine>, rollback: Rollback) -> Self {
        self.canary = Some(Arc::new(CanaryWatch::new(rollback)));
        self.and(EngineName::canary(), engine)
    }

    #[must_use]
    pub fn with_shadow(mut self, shadow: Shadow) -> Self {
        self.shadow = Some(shadow);
        self
    }

    /// The engine of that name, the shadow among them.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Arc<dyn LanguageEngine>> {
        match name {
            EngineName::PRIMARY => Some(&self.primary.engine),
            EngineName::SHADOW => self.shadow.as_ref().map(Shadow::engine),
            _ => self.others.iter().find(|(it, _)| it.as_str() == name).map(|(_, seat)| &seat.engine),
        }
    }

    /// The engine of that name. `None` is the primary, which also stands in for one that is gone.
    pub(super) fn seat(&self, name: Option<&EngineName>) -> &Seat {
        let Some(name) = name else { return &self.primary };
        self.others.iter().find(|(it, _)| it == name).map_or(&self.primary, |(_, seat)| seat)
    }

    pub(super) fn seats(&self) -> impl Iterator<Item = (Option<&EngineName>, &Seat)> {
        std::iter::once((None, &self.primary)).chain(self.others.iter().map(|(name, seat)| (Some(name), seat)))
    }

    /// Goes on with what was raised and counted about engines of the same names. A canary that has not changed is measured on,
    /// and stays given up if it was.
    pub(super) fn succeed(&mut self, old: &Self) {
        let canary = EngineName::canary();
        let same = Arc::ptr_eq(&self.seat(Some(&canary)).engine, &old.seat(Some(&canary)).engine);
        if let (true, Some(new), Some(old)) = (same, &mut self.canary, &old.canary)
            && old.has_rules(new.rules())
        {
            *new = Arc::clone(old);
        }
        let share = |name: Option<&EngineName>, seat: &mut Seat| {
            if let Some((_, before)) = old.seats().find(|(it, _)| *it == name) {
                seat.raised = Arc::clone(&before.raised);
                seat.cells = before.cells.clone();
            }
        };
        share(None, &mut self.primary);
        for (name, seat) in &mut self.others {
            share(Some(name), seat);
        }
    }

    pub(super) fn shares_canary(&self, other: &Self) -> bool {
        let both = self.canary.as_ref().zip(other.canary.as_ref());
        both.is_some_and(|(own, theirs)| Arc::ptr_eq(own, theirs))
    }
}

impl Seat {
    fn new(engine: Arc<dyn LanguageEngine>) -> Self {
        Self { engine, raised: Arc::default(), cells: OnceLock::new() }
    }

    pub(super) fn credential_valid_until(&self) -> Option<Timestamp> {
        self.engine.credential_valid_until()
    }
}
