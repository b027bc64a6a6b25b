//! The desk's page, drawn.

use std::sync::Arc;

use super::{Census, Contact, Floor, Stage};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::board::{AgentView, Board, Callback, ContactView, Counts, PersonView, Place, QueueView},
};

/// A page that shows more contacts at once helps nobody; the counts tell how many there are.
const SHOWN: usize = 200;

impl Floor {
    #[must_use]
    pub fn board(&self, now: Timestamp) -> Board {
        let mut contacts = Vec::new();
        for id in &self.census.attended {
            let Some(contact) = self.contacts.get(id) else { continue };
            match &contact.now.stage {
                Stage::Waiting { queue, since, until, .. } => {
                    let place = Place::Waiting { queue: queue.clone(), until: until.0 };
                    contacts.push((*since, id, contact, place));
                }
                Stage::Person { person, since, .. } => {
                    contacts.push((*since, id, contact, Place::Person { person: person.clone() }));
                }
                Stage::Offering { .. } | Stage::Bot | Stage::Ended { .. } => {}
            }
        }
        contacts.sort_by_key(|it| (it.0, it.1));
        contacts.truncate(SHOWN);
        Board {
            at: now.0,
            attached: self.attached,
            queues: self.queues_shown(),
            people: self.people_shown(),
            virtual_agents: self.agents_shown(),
            contacts: contacts.into_iter().map(|(since, id, it, place)| shown(since, id, it, place)).collect(),
            callbacks: self.callbacks_shown(),
            counts: self.counts(),
        }
    }

    fn counts(&self) -> Counts {
        let Census { connecting, bot, waiting, person, ended, .. } = &self.census;
        Counts { connecting: *connecting, bot: *bot, waiting: *waiting, person: *person, ended: ended.len() }
    }

    fn queues_shown(&self) -> Vec<QueueView> {
        let view = |(id, it): (&String, &super::Queue)| QueueView {
            id: id.clone(),
            name: it.name.clone(),
            media: it.media,
            open: it.open,
            takes_contacts: self.takes_contacts(id),
            waiting: it.line.len(),
            expected_wait_s: it.expected_wait_s,
        };
        self.queues.iter().map(view).collect()
    }

    fn people_shown(&self) -> Vec<PersonView> {
        let view = |(id, it): (&String, &super::Person)| PersonView {
            id: id.clone(),
            name: it.name.clone(),
            state: it.presence,
            contacts: self.census.held_by(id),
        };
        self.people.iter().map(view).collect()
    }

    fn agents_shown(&self) -> Vec<AgentView> {
        let view = |it: &crate::switchboard::AgentSetup| AgentView {
            id: it.id.clone(),
            name: it.name.clone(),
            logged_on: self.attached && self.agents.get(&it.id).copied().unwrap_or(false),
        };
        self.setup.virtual_agents.iter().map(view).collect()
    }

    fn callbacks_shown(&self) -> Vec<Arc<Callback>> {
        let mut callbacks: Vec<_> = self.callbacks.values().cloned().collect();
        callbacks.sort_by_key(|it| (it.done.is_some(), it.due));
        callbacks
    }
}

fn shown(since: Timestamp, id: &ContactName, contact: &Contact, place: Place) -> ContactView {
    ContactView {
        id: id.to_string(),
        name: contact.about.name.clone(),
        media: contact.about.media,
        language: contact.about.language.clone(),
        attributes: contact.about.attributes.clone(),
        place,
        since: since.0,
        handover: contact.handover.clone().unwrap_or_default(),
    }
}
