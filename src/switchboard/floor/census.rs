//! How many contacts are where, kept with every change: those with virtual agents are many, and neither the desk's page nor what
//! a person does may cost the more for them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Floor, Stage};
use crate::core::ids::{ContactName, Timestamp};

#[derive(Debug, Default)]
pub(super) struct Census {
    pub(super) connecting: usize,
    pub(super) bot: usize,
    pub(super) waiting: usize,
    pub(super) person: usize,
    /// How many contacts are at each desk.
    desks: BTreeMap<String, usize>,
    /// Those in queues and with persons.
    pub(super) attended: BTreeSet<ContactName>,
    /// Those that are over, oldest first.
    pub(super) ended: BTreeSet<(Timestamp, ContactName)>,
}

/// Where a contact was counted.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Counted {
    Connecting,
    Bot,
    Waiting,
    Person(String),
    Ended(Timestamp),
}

impl Counted {
    fn is(&self, stage: &Stage) -> bool {
        match (self, stage) {
            (Self::Connecting, Stage::Offering { .. })
            | (Self::Bot, Stage::Bot)
            | (Self::Waiting, Stage::Waiting { .. }) => true,
            (Self::Person(counted), Stage::Person { person, .. }) => counted == person,
            (Self::Ended(counted), Stage::Ended { since, .. }) => counted == since,
            (Self::Connecting | Self::Bot | Self::Waiting | Self::Person(_) | Self::Ended(_), _) => false,
        }
    }

    fn at(stage: &Stage) -> Self {
        match stage {
            Stage::Offering { .. } => Self::Connecting,
            Stage::Bot => Self::Bot,
            Stage::Waiting { .. } => Self::Waiting,
            Stage::Person { person, .. } => Self::Person(person.clone()),
            Stage::Ended { since, .. } => Self::Ended(*since),
        }
    }
}

impl Census {
    fn enter(&mut self, id: &ContactName, place: &Counted) {
        match place {
            Counted::Connecting => self.connecting += 1,
            Counted::Bot => self.bot += 1,
            Counted::Waiting => self.waiting += 1,
            Counted::Person(person) => {
                self.person += 1;
                *self.desks.entry(person.clone()).or_default() += 1;
            }
            Counted::Ended(since) => drop(self.ended.insert((*since, id.clone()))),
        }
        if matches!(place, Counted::Waiting | Counted::Person(_)) {
            self.attended.insert(id.clone());
        }
    }

    pub(super) fn leave(&mut self, id: &ContactName, place: &Counted) {
        match place {
            Counted::Connecting => self.connecting -= 1,
            Counted::Bot => self.bot -= 1,
            Counted::Waiting => self.waiting -= 1,
            Counted::Person(person) => {
                self.person -= 1;
                if let Some(desk) = self.desks.get_mut(person) {
                    *desk -= 1;
                }
            }
            Counted::Ended(since) => drop(self.ended.remove(&(*since, id.clone()))),
        }
        if matches!(place, Counted::Waiting | Counted::Person(_)) {
            self.attended.remove(id);
        }
    }

    pub(super) fn held_by(&self, person: &str) -> usize {
        self.desks.get(person).copied().unwrap_or_default()
    }
}

impl Floor {
    /// Counts the contact where it is now.
    pub(super) fn count(&mut self, id: &ContactName) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        if contact.counted.as_ref().is_some_and(|it| it.is(&contact.now.stage)) {
            return;
        }
        let place = Counted::at(&contact.now.stage);
        if let Some(before) = contact.counted.replace(place.clone()) {
            self.census.leave(id, &before);
        }
        self.census.enter(id, &place);
    }
}
