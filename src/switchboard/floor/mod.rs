//! The contact centre itself, pure: what happens and when goes in, and out come records for the journal, frames for the gateway
//! and what followers may see.
//!
//! A contact's wishes towards the gateway are part of its state; `Floor::settle` makes frames of those that were not handed
//! on yet. So what was lost with a process or a connection goes again, and the contract's numbers make that safe.

mod board;
mod census;
mod commands;
mod contact;
mod convert;
mod customer;
mod desk;
mod gateway;
mod offers;
mod queues;
mod saved;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use census::Census;
pub use contact::{About, Contact, Now, Pending, Stage, Tell};
pub use saved::{ContactRecord, Record};

use super::{
    Limits, Media, Presence, Refusal, Setup,
    board::Callback,
    talk::{self, Content, Ender, Hint, State, What},
    text,
};
use crate::{
    core::ids::{ContactName, Timestamp},
    wire::engine::{CommandOutcome, ContactEnded, command_outcome, engine_frame::Body},
};

/// How long changes of the directory gather before the gateway is told.
const DIRECTORY_EVERY_MS: i64 = 200;

#[derive(Debug)]
pub struct Floor {
    setup: Setup,
    limits: Limits,
    contacts: HashMap<ContactName, Contact>,
    census: Census,
    queues: BTreeMap<String, Queue>,
    people: BTreeMap<String, Person>,
    agents: BTreeMap<String, bool>,
    last_agent: Option<String>,
    callbacks: BTreeMap<u64, Arc<Callback>>,
    last_callback: u64,
    attached: bool,
    /// The gateway goes down and takes no offers.
    draining: bool,
    directory_due: Option<Timestamp>,
    deadlines: BTreeSet<(Timestamp, Due)>,
    /// What was handed to the link and not taken by the gateway.
    receipts: HashMap<u64, ContactName>,
    last_receipt: u64,
}

#[derive(Debug)]
struct Queue {
    name: String,
    media: Media,
    open: bool,
    expected_wait_s: Option<u32>,
    line: Vec<ContactName>,
}

#[derive(Debug)]
struct Person {
    name: String,
    presence: Presence,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Directory,
    Callback(u64),
    Contact(ContactName),
}

/// What an input led to.
#[derive(Debug, Default)]
pub struct Out {
    pub records: Vec<Record>,
    /// In order; none may leave before the records are durable.
    pub frames: Vec<Frame>,
    /// Contacts with new entries, and how many they have now.
    pub news: Vec<(ContactName, usize)>,
    pub hints: Vec<(ContactName, Hint)>,
    /// Contacts that are remembered no longer.
    pub gone: Vec<ContactName>,
    /// The desk's page looks different now.
    pub board: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    /// Decides the lane.
    pub contact: Option<ContactName>,
    pub body: Body,
    /// To be given to [`Floor::on_taken`] once the gateway has the frame durably.
    pub receipt: Option<u64>,
}

impl Floor {
    #[must_use]
    pub fn new(setup: Setup, limits: Limits) -> Self {
        let queue = |it: &super::QueueSetup| Queue {
            name: it.name.clone(),
            media: it.media,
            open: true,
            expected_wait_s: it.expected_wait_s,
            line: Vec::new(),
        };
        let person = |it: &super::PersonSetup| Person { name: it.name.clone(), presence: it.presence };
        Self {
            queues: setup.queues.iter().map(|it| (it.id.clone(), queue(it))).collect(),
            people: setup.people.iter().map(|it| (it.id.clone(), person(it))).collect(),
            agents: setup.virtual_agents.iter().map(|it| (it.id.clone(), false)).collect(),
            last_agent: None,
            setup,
            limits,
            contacts: HashMap::new(),
            census: Census::default(),
            callbacks: BTreeMap::new(),
            last_callback: 0,
            attached: false,
            draining: false,
            directory_due: None,
            deadlines: BTreeSet::new(),
            receipts: HashMap::new(),
            last_receipt: 0,
        }
    }

    #[must_use]
    pub fn find(&self, contact: &ContactName) -> Option<&Contact> {
        self.contacts.get(contact)
    }

    pub fn contacts(&self) -> impl Iterator<Item = (&ContactName, &Contact)> {
        self.contacts.iter()
    }

    /// When [`Self::on_time`] has something to do.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|it| it.0)
    }

    pub fn on_time(&mut self, now: Timestamp, out: &mut Out) {
        while let Some((at, _)) = self.deadlines.first()
            && *at <= now
        {
            match self.deadlines.pop_first() {
                Some((_, Due::Contact(id))) => self.contact_due(&id, now, out),
                Some((_, Due::Directory)) => self.tell_directory(out),
                // It is shown as overdue from now on.
                Some((_, Due::Callback(id))) => {
                    self.forget_callback(id, now);
                    out.board = true;
                }
                None => {}
            }
        }
    }

    fn contact_due(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        contact.armed = None;
        match contact.now.stage {
            Stage::Offering { since, .. }
                if self.setup.overflow.is_some()
                    && now >= contact.offer.overflow_at.unwrap_or(since + self.limits.overflow_after) =>
            {
                self.overflow(id, now, out);
            }
            Stage::Waiting { until, .. } if now >= until => self.expire(id, now, out),
            Stage::Ended { since, .. } if now >= since + self.limits.remember => self.forget(id, out),
            Stage::Offering { .. }
            | Stage::Waiting { .. }
            | Stage::Ended { .. }
            | Stage::Bot
            | Stage::Person { .. } => {
                self.settle(id, now, out);
            }
        }
    }

    fn forget(&mut self, id: &ContactName, out: &mut Out) {
        if let Some(contact) = self.contacts.remove(id) {
            out.gone.push(id.clone());
            for receipt in contact.now.pending.iter().filter_map(|it| it.receipt) {
                self.receipts.remove(&receipt);
            }
            if let Some(place) = &contact.counted {
                self.census.leave(id, place);
            }
        }
    }

    /// Ends a contact, wherever it is.
    fn end(&mut self, id: &ContactName, by: Ender, now: Timestamp, out: &mut Out) {
        let left = self.leave_line(id);
        let Some(contact) = self.contacts.get_mut(id) else { return };
        contact.now.stage = Stage::Ended { by, since: now };
        contact.append(What::State(State::Ended { by }), now);
        out.board = true;
        self.settle(id, now, out);
        if let Some(queue) = left {
            self.tell_positions(&queue, now, out);
        }
        self.forget_oldest(out);
    }

    /// A contact has room for so many entries, whoever fills them; that is for good, so it is over.
    fn end_full(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        tracing::info!(contact.id = %id, "a contact is as long as it may be, and ends");
        let text = text::farewell_when_full(&contact.about.language).to_owned();
        let id_of_entry = format!("e{}", contact.last_entry() + 1);
        let content = vec![Content::Text { text }];
        contact.append(What::Message { id: id_of_entry, from: talk::From::System, name: None, content }, now);
        self.hang_up(id, Ender::System, "the conversation is as long as it may be", now, out);
    }

    fn forget_oldest(&mut self, out: &mut Out) {
        while self.census.ended.len() > self.limits.ended_contacts
            && let Some((_, oldest)) = self.census.ended.first().cloned()
        {
            self.forget(&oldest, out);
        }
    }

    /// Hands on what the contact has for the gateway, writes its change down, and sees to its next deadline.
    fn settle(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let most = self.limits.entries;
        if self.contacts.get(id).is_some_and(|it| !it.is_over() && it.entries.len() >= most) {
            return self.end_full(id, now, out);
        }
        self.count(id);
        self.offer(id, now, out);
        self.hand_on(id, out);
        let limits = self.limits;
        let overflows = self.setup.overflow.is_some();
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let due = match contact.now.stage {
            Stage::Offering { since, .. } => {
                let overflow = overflows.then(|| contact.offer.overflow_at.unwrap_or(since + limits.overflow_after));
                let retry = contact.offer.not_before.filter(|at| *at > now);
                [overflow, retry].into_iter().flatten().min()
            }
            Stage::Waiting { until, .. } => Some(until),
            Stage::Ended { since, .. } => Some(since + limits.remember),
            Stage::Bot | Stage::Person { .. } => None,
        };
        if contact.armed != due {
            if let Some(old) = contact.armed {
                self.deadlines.remove(&(old, Due::Contact(id.clone())));
            }
            contact.armed = due;
            self.deadlines.extend(due.map(|at| (at, Due::Contact(id.clone()))));
        }
        if let Some(change) = contact.change(id) {
            if !change.entries.is_empty() {
                out.news.push((id.clone(), contact.entries.len()));
            }
            out.records.push(Record::Contact(change));
        }
    }

    fn hand_on(&mut self, id: &ContactName, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id).filter(|_| self.attached) else { return };
        // Until it is accepted, what the customer says waits here: a refused offer takes nothing with it.
        let speaks = contact.now.known && !matches!(contact.now.stage, Stage::Offering { .. });
        for at in 0..contact.now.pending.len() {
            let Some(pending) = contact.now.pending.get(at).filter(|it| it.receipt.is_none()) else { continue };
            let name = id.to_string();
            let body = match &pending.tell {
                Tell::Message { .. } if !speaks => continue,
                Tell::Message { entry } => {
                    let Some(said) = contact.entry(*entry) else { continue };
                    Body::CustomerMessage(contact::customer_message(id, said))
                }
                Tell::Outcome { seq, outcome, detail } => Body::CommandOutcome(CommandOutcome {
                    contact: name,
                    action_seq: *seq,
                    outcome: *outcome,
                    detail: detail.clone(),
                }),
                Tell::Ended { reason } => Body::ContactEnded(ContactEnded { contact: name, reason: reason.clone() }),
            };
            self.last_receipt += 1;
            let receipt = Some(self.last_receipt);
            self.receipts.insert(self.last_receipt, id.clone());
            if let Some(pending) = contact.now.pending.get_mut(at) {
                pending.receipt = receipt;
            }
            out.frames.push(Frame { contact: Some(id.clone()), body, receipt });
        }
    }

    fn get(&mut self, id: &ContactName) -> Result<&mut Contact, Refusal> {
        self.contacts.get_mut(id).ok_or(Refusal::UnknownContact)
    }

    fn change_directory(&mut self, now: Timestamp, out: &mut Out) {
        out.board = true;
        if self.attached && self.directory_due.is_none() {
            let at = Timestamp(now.0.saturating_add(DIRECTORY_EVERY_MS));
            self.directory_due = Some(at);
            self.deadlines.insert((at, Due::Directory));
        }
    }
}
