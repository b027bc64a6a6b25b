//! Queues: who may wait where, at which position, and until when.

use std::sync::Arc;

use super::{Floor, Out, Record, Stage, command_outcome::Outcome};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Presence, Refusal,
        board::Handover,
        talk::{After, State, What},
    },
};

/// Those further behind are told once, when they come: telling everybody about everybody grows with the square of a queue.
const TOLD: usize = 10;

impl Floor {
    /// # Errors
    /// When the queue is unknown.
    pub fn set_queue(
        &mut self,
        queue: &str,
        (open, expected_wait_s): (Option<bool>, Option<u32>),
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let found = self.queues.get_mut(queue).ok_or(Refusal::UnknownQueue)?;
        found.open = open.unwrap_or(found.open);
        found.expected_wait_s = expected_wait_s.or(found.expected_wait_s);
        out.records.push(Record::Queue {
            id: queue.to_owned(),
            open: found.open,
            expected_wait_s: found.expected_wait_s,
        });
        self.change_directory(now, out);
        self.clear_dead_queues(now, out);
        Ok(())
    }

    /// Open, and somebody is on duty.
    pub(super) fn takes_contacts(&self, queue: &str) -> bool {
        let on_duty = self.people.values().any(|it| it.presence != Presence::Offline);
        on_duty && self.queues.get(queue).is_some_and(|it| it.open)
    }

    /// Why nobody may wait in this queue now.
    pub(super) fn closed_because(&self, queue: &str) -> Option<&'static str> {
        match self.queues.get(queue) {
            None => Some("there is no such queue"),
            Some(it) if !it.open => Some("the queue is closed"),
            Some(it) if it.line.len() >= self.limits.queue => Some("the queue is full"),
            Some(_) if !self.takes_contacts(queue) => Some("nobody is on duty"),
            Some(_) => None,
        }
    }

    /// The caller has made sure that the queue takes contacts. `seq`: the requeue; 0: nobody asked for it.
    pub(super) fn enqueue(
        &mut self,
        id: &ContactName,
        (queue, seq): (&str, u32),
        handover: Handover,
        now: Timestamp,
        out: &mut Out,
    ) {
        let until = now + self.limits.accept_within;
        if let Some(contact) = self.contacts.get_mut(id) {
            contact.handover = Some(Arc::new(handover));
            contact.now.stage = Stage::Waiting { queue: queue.to_owned(), since: now, until, seq, told: 0 };
            if seq > 0 {
                contact.outcome(seq, Outcome::Offered, "");
            }
        }
        if let Some(queue) = self.queues.get_mut(queue) {
            queue.line.push(id.clone());
        }
        self.tell_position(id, now, out);
        self.change_directory(now, out);
    }

    /// Takes the contact out of its line, and yields the queue whose others move up.
    pub(super) fn leave_line(&mut self, id: &ContactName) -> Option<String> {
        let Stage::Waiting { queue, .. } = &self.contacts.get(id)?.now.stage else { return None };
        let queue = queue.clone();
        if let Some(found) = self.queues.get_mut(&queue) {
            found.line.retain(|it| it != id);
        }
        Some(queue)
    }

    pub(super) fn tell_positions(&mut self, queue: &str, now: Timestamp, out: &mut Out) {
        let Some(found) = self.queues.get(queue) else { return };
        let first: Vec<ContactName> = found.line.iter().take(TOLD).cloned().collect();
        for id in &first {
            self.tell_position(id, now, out);
        }
        self.change_directory(now, out);
    }

    fn tell_position(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let Stage::Waiting { queue, told, .. } = &mut contact.now.stage else { return };
        let Some(found) = self.queues.get(queue.as_str()) else { return };
        let Some(position) = found.line.iter().position(|it| it == id).map(|it| it + 1) else { return };
        if *told != position {
            *told = position;
            let state = State::Waiting {
                queue: queue.clone(),
                queue_name: found.name.clone(),
                position,
                expected_wait_s: found.expected_wait_s,
            };
            contact.append(What::State(state), now);
        }
        self.settle(id, now, out);
    }

    /// Nobody took it in time.
    pub(super) fn expire(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        self.back_to_bot(id, (Outcome::Expired, After::Expired), "nobody took it in time", now, out);
    }

    /// Those who wait where nobody will come any more go back to the virtual agent.
    pub(super) fn clear_dead_queues(&mut self, now: Timestamp, out: &mut Out) {
        let dead: Vec<&String> = self.queues.keys().filter(|it| !self.takes_contacts(it)).collect();
        let lines = dead.into_iter().filter_map(|it| self.queues.get(it)).flat_map(|it| it.line.clone());
        let waiting: Vec<ContactName> = lines.collect();
        for id in waiting {
            self.back_to_bot(&id, (Outcome::Failed, After::Failed), "the queue has closed", now, out);
        }
    }

    fn back_to_bot(
        &mut self,
        id: &ContactName,
        (outcome, after): (Outcome, After),
        detail: &str,
        now: Timestamp,
        out: &mut Out,
    ) {
        let left = self.leave_line(id);
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let Stage::Waiting { seq, .. } = contact.now.stage else { return };
        if seq > 0 {
            contact.outcome(seq, outcome, detail);
            contact.now.stage = Stage::Bot;
            contact.append(What::State(State::Bot { after: Some(after) }), now);
        } else {
            contact.now.stage = Stage::Offering { since: now, returned_from: 0 };
            contact.offer = super::contact::Offer::default();
            contact.append(What::State(State::Connecting), now);
            contact.now.connecting = true;
        }
        self.settle(id, now, out);
        if let Some(queue) = left {
            self.tell_positions(&queue, now, out);
        }
    }
}
