//! What people at their desks do.

use std::sync::Arc;

use super::{Due, Floor, Out, Person, Record, Stage, Tell, command_outcome::Outcome};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Presence, Refusal, Said,
        talk::{After, Content, Ender, From, Hint, State, What},
        text,
    },
};

impl Floor {
    /// # Errors
    /// When the person is unknown, or goes offline with contacts at the desk.
    pub fn set_state(
        &mut self,
        person: &str,
        presence: Presence,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let holds = self.census.held_by(person);
        let known = self.people.get_mut(person).ok_or(Refusal::UnknownPerson)?;
        if presence == Presence::Offline && holds > 0 {
            return Err(Refusal::NotNow("contacts are still at this desk: give them back or close them first"));
        }
        if known.presence == presence {
            return Ok(());
        }
        known.presence = presence;
        out.records.push(Record::Person { id: person.to_owned(), presence });
        self.change_directory(now, out);
        self.clear_dead_queues(now, out);
        Ok(())
    }

    /// A person takes a contact out of its queue.
    ///
    /// # Errors
    /// When one of them is unknown, the contact does not wait, or the person is away or has too many.
    pub fn accept(
        &mut self,
        person: &str,
        contact: &ContactName,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Person { name, presence } = self.people.get(person).ok_or(Refusal::UnknownPerson)?;
        let (shown, presence) = (name.clone(), *presence);
        let holds = self.census.held_by(person);
        let most = self.limits.contacts_per_person;
        let id = contact;
        let contact = self.get(id)?;
        let seq = match &contact.now.stage {
            Stage::Waiting { seq, .. } => *seq,
            // The desk asks again because it did not see the answer.
            Stage::Person { person: by, .. } if by == person => return Ok(()),
            Stage::Person { .. } => return Err(Refusal::NotNow("another person has this contact")),
            Stage::Offering { .. } | Stage::Bot => {
                return Err(Refusal::NotNow("the contact is with the virtual agent"));
            }
            Stage::Ended { .. } => return Err(Refusal::Ended),
        };
        if matches!(presence, Presence::Break | Presence::Offline) {
            return Err(Refusal::NotNow("this person is away: set the state to available first"));
        }
        if holds >= most {
            return Err(Refusal::NotNow("this desk has as many contacts as it can hold: close one first"));
        }
        let left = self.leave_line(id);
        let contact = self.get(id)?;
        contact.now.stage = Stage::Person { person: person.to_owned(), since: now, seq };
        if seq > 0 {
            contact.outcome(seq, Outcome::Accepted, "");
        }
        contact.append(What::State(State::Person { name: shown }), now);
        // What the gateway has not seen is this person's now.
        let read: Vec<u64> = contact.now.pending.iter().filter_map(unseen).collect();
        contact.now.pending.retain(|it| unseen(it).is_none());
        for entry in read {
            contact.delivered(entry, now);
        }
        self.settle(id, now, out);
        if let Some(queue) = left {
            self.tell_positions(&queue, now, out);
        }
        self.change_directory(now, out);
        Ok(())
    }

    /// # Errors
    /// When the contact is not at this desk, or the text breaks a bound.
    pub fn person_says(
        &mut self,
        person: &str,
        contact: &ContactName,
        (id, text): (&str, &str),
        now: Timestamp,
        out: &mut Out,
    ) -> Result<Said, Refusal> {
        let limits = self.limits;
        let name = self.people.get(person).ok_or(Refusal::UnknownPerson)?.name.clone();
        text::message_id(id)?;
        let text = text::message(text, limits.message_chars)?;
        let name_of_contact = contact;
        let contact = self.get(name_of_contact)?;
        if let Some(seq) = contact.repeated(From::Person, id, &text)? {
            return Ok(Said { seq, repeated: true });
        }
        self.held(person, name_of_contact)?;
        let contact = self.get(name_of_contact)?;
        let content = vec![Content::Text { text }];
        let seq =
            contact.append(What::Message { id: id.to_owned(), from: From::Person, name: Some(name), content }, now);
        self.settle(name_of_contact, now, out);
        Ok(Said { seq, repeated: false })
    }

    /// # Errors
    /// When the contact is not at this desk.
    pub fn person_types(&mut self, person: &str, contact: &ContactName, out: &mut Out) -> Result<(), Refusal> {
        self.held(person, contact)?;
        out.hints.push((contact.clone(), Hint::Typing { from: From::Person }));
        Ok(())
    }

    /// The contact goes back to the virtual agent.
    ///
    /// # Errors
    /// When the contact is not at this desk.
    pub fn give_back(
        &mut self,
        person: &str,
        contact: &ContactName,
        now: Timestamp,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        self.held(person, contact)?;
        self.return_from_person(contact, now, out);
        Ok(())
    }

    pub(super) fn return_from_person(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let Stage::Person { seq: returned_from, .. } = contact.now.stage else { return };
        contact.now.stage = Stage::Offering { since: now, returned_from };
        contact.offer = super::contact::Offer::default();
        contact.now.connecting = false;
        contact.append(What::State(State::Bot { after: Some(After::Returned) }), now);
        out.board = true;
        self.settle(id, now, out);
    }

    /// # Errors
    /// When the contact is not at this desk.
    pub fn close(&mut self, person: &str, contact: &ContactName, now: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        if let Some(Stage::Ended { by: Ender::Person, .. }) = self.contacts.get(contact).map(|it| &it.now.stage) {
            return Ok(());
        }
        self.held(person, contact)?;
        self.hang_up(contact, Ender::Person, "the person is done", now, out);
        Ok(())
    }

    /// # Errors
    /// When there is no such callback.
    pub fn callback_done(&mut self, callback: &str, done: bool, now: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        let found = self.callbacks.iter_mut().find(|it| it.1.id == callback);
        let (number, found) = found.ok_or(Refusal::UnknownCallback)?;
        if found.done.is_some() == done {
            return Ok(());
        }
        Arc::make_mut(found).done = done.then_some(now.0);
        out.records.push(Record::Callback(Arc::clone(found)));
        if done {
            self.deadlines.insert((now + self.limits.remember, Due::Callback(*number)));
        }
        out.board = true;
        Ok(())
    }

    /// Whether the contact is at this desk.
    fn held(&mut self, person: &str, contact: &ContactName) -> Result<(), Refusal> {
        if !self.people.contains_key(person) {
            return Err(Refusal::UnknownPerson);
        }
        match &self.get(contact)?.now.stage {
            Stage::Person { person: by, .. } if by == person => Ok(()),
            Stage::Ended { .. } => Err(Refusal::Ended),
            Stage::Person { .. } | Stage::Waiting { .. } | Stage::Offering { .. } | Stage::Bot => {
                Err(Refusal::NotNow("the contact is not at this desk: accept it first"))
            }
        }
    }
}

/// A message that was never handed to the gateway.
fn unseen(pending: &super::Pending) -> Option<u64> {
    match pending.tell {
        Tell::Message { entry } if pending.receipt.is_none() => Some(entry),
        Tell::Message { .. } | Tell::Outcome { .. } | Tell::Ended { .. } => None,
    }
}
