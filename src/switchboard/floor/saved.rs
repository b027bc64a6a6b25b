//! What is written down, and the floor as it was before a restart.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{About, Contact, Due, Floor, Now, Out, Stage};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Presence,
        board::{Callback, Handover},
        talk::Entry,
    },
};

/// A part of a line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Record {
    Contact(ContactRecord),
    Queue {
        id: String,
        open: bool,
        expected_wait_s: Option<u32>,
    },
    Person {
        id: String,
        presence: Presence,
    },
    Callback(Arc<Callback>),
    /// The highest number that a callback was given: none is given twice, though the callback be forgotten.
    Callbacks {
        last: u64,
    },
}

/// What is new of a contact, and how it is now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactRecord {
    pub id: ContactName,
    /// In its first record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Arc<About>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<Arc<Entry>>,
    pub now: Now,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover: Option<Arc<Handover>>,
}

impl Floor {
    /// Takes a record in, in the order in which they were written. Queues and people that are not set up any more are left out.
    ///
    /// # Errors
    /// What is wrong with the record.
    pub fn restore(&mut self, record: Record) -> Result<(), String> {
        match record {
            Record::Contact(record) => {
                if let Some(about) = &record.about {
                    self.contacts.insert(record.id.clone(), Contact::new(About::clone(about)));
                }
                let contact = self.contacts.get_mut(&record.id);
                contact.ok_or_else(|| format!("contact {} has no first record", record.id))?.restore(record)?;
            }
            Record::Queue { id, open, expected_wait_s } => {
                if let Some(queue) = self.queues.get_mut(&id) {
                    (queue.open, queue.expected_wait_s) = (open, expected_wait_s);
                }
            }
            Record::Person { id, presence } => {
                if let Some(person) = self.people.get_mut(&id) {
                    person.presence = presence;
                }
            }
            Record::Callback(callback) => {
                let number = callback.id.rsplit('-').next().and_then(|it| it.parse().ok());
                let number = number.ok_or_else(|| format!("callback {} has no number", callback.id))?;
                self.last_callback = self.last_callback.max(number);
                self.callbacks.insert(number, callback);
            }
            Record::Callbacks { last } => self.last_callback = self.last_callback.max(last),
        }
        Ok(())
    }

    /// After the last record: goes on where it was.
    pub fn resume(&mut self, now: Timestamp, out: &mut Out) {
        let remember = self.limits.remember;
        let old = |at: Timestamp| now >= at + remember;
        self.contacts.retain(|_, it| !matches!(it.now.stage, Stage::Ended { since, .. } if old(since)));
        self.callbacks.retain(|_, it| !it.done.is_some_and(|at| old(Timestamp(at))));
        for (number, callback) in &self.callbacks {
            let at = callback.done.map_or(Timestamp(callback.due), |at| Timestamp(at) + remember);
            self.deadlines.insert((at, Due::Callback(*number)));
        }
        let mut lines: BTreeMap<String, Vec<(Timestamp, ContactName)>> = BTreeMap::new();
        let mut homeless = Vec::new();
        for (id, contact) in &self.contacts {
            match &contact.now.stage {
                Stage::Waiting { queue, since, .. } => {
                    lines.entry(queue.clone()).or_default().push((*since, id.clone()));
                }
                Stage::Person { person, .. } if !self.people.contains_key(person) => homeless.push(id.clone()),
                Stage::Person { .. } | Stage::Offering { .. } | Stage::Bot | Stage::Ended { .. } => {}
            }
        }
        for (name, mut line) in lines {
            line.sort_unstable();
            let line = line.into_iter().map(|it| it.1);
            match self.queues.get_mut(&name) {
                Some(queue) => queue.line = line.collect(),
                None => line.for_each(|id| self.expire(&id, now, out)),
            }
        }
        // Nobody sits at that desk any more: the virtual agent goes on.
        for id in homeless {
            self.return_from_person(&id, now, out);
        }
        let all: Vec<ContactName> = self.contacts.keys().cloned().collect();
        for id in &all {
            self.settle(id, now, out);
        }
        self.forget_oldest(out);
        out.board = true;
    }

    /// Everything that a new journal has to hold.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        let queues = self.queues.iter().map(|(id, it)| Record::Queue {
            id: id.clone(),
            open: it.open,
            expected_wait_s: it.expected_wait_s,
        });
        let people = self.people.iter().map(|(id, it)| Record::Person { id: id.clone(), presence: it.presence });
        let last = std::iter::once(Record::Callbacks { last: self.last_callback });
        let callbacks = self.callbacks.values().map(|it| Record::Callback(Arc::clone(it)));
        let contacts = self.contacts.iter().map(|(id, it)| Record::Contact(it.whole(id)));
        queues.chain(people).chain(last).chain(callbacks).chain(contacts).collect()
    }
}
