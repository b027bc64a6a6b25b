//! What customers do.

use super::{About, Contact, Floor, Frame, Out, Stage, Tell};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        NewContact, Refusal, Said,
        talk::{Content, Ender, From, Hint, State, What},
        text,
    },
    wire::engine::{CustomerTyping, engine_frame::Body},
};

/// Signs of typing are told this often at most.
const TYPING_EVERY_MS: i64 = 1_000;

impl Floor {
    /// `id` is new and cannot be guessed.
    ///
    /// # Errors
    /// When what is asked for breaks a bound, or too many contacts are open.
    pub fn open(&mut self, id: &ContactName, new: NewContact, now: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        new.check()?;
        let name = text::name(new.name)?;
        if self.contacts.len() - self.census.ended.len() >= self.limits.contacts {
            return Err(Refusal::Full);
        }
        let about = About { media: new.media, language: new.language, name, attributes: new.attributes, opened: now };
        let mut contact = Contact::new(about);
        contact.append(What::State(State::Connecting), now);
        contact.now.connecting = true;
        self.contacts.insert(id.clone(), contact);
        self.settle(id, now, out);
        Ok(())
    }

    /// # Errors
    /// When the contact is unknown or over, the text breaks a bound, or too much of it waits.
    pub fn customer_says(
        &mut self,
        contact: &ContactName,
        (id, text): (&str, &str),
        now: Timestamp,
        out: &mut Out,
    ) -> Result<Said, Refusal> {
        let limits = self.limits;
        let attached = self.attached;
        let name = contact;
        let contact = self.get(name)?;
        text::message_id(id)?;
        let text = text::message(text, limits.message_chars)?;
        if let Some(seq) = contact.repeated(From::Customer, id, &text)? {
            return Ok(Said { seq, repeated: true });
        }
        if contact.is_over() {
            return Err(Refusal::Ended);
        }
        if contact.waiting_messages() >= limits.waiting_messages {
            return Err(Refusal::TooMuch);
        }
        let what = What::Message {
            id: id.to_owned(),
            from: From::Customer,
            name: contact.about.name.clone(),
            content: vec![Content::Text { text }],
        };
        let seq = contact.append(what, now);
        contact.now.superseded = None;
        if matches!(contact.now.stage, Stage::Person { .. }) {
            contact.delivered(seq, now);
        } else {
            contact.tell(Tell::Message { entry: seq });
            let with_bot = matches!(contact.now.stage, Stage::Bot | Stage::Offering { .. });
            if with_bot && !attached && !contact.now.connecting {
                contact.append(What::State(State::Connecting), now);
                contact.now.connecting = true;
            }
        }
        self.settle(name, now, out);
        Ok(Said { seq, repeated: false })
    }

    /// # Errors
    /// When the contact is unknown or over.
    pub fn customer_types(&mut self, contact: &ContactName, now: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        let attached = self.attached;
        let name = contact;
        let contact = self.get(name)?;
        if contact.is_over() {
            return Err(Refusal::Ended);
        }
        if contact.typed.is_some_and(|at| now.0 < at.0.saturating_add(TYPING_EVERY_MS)) {
            return Ok(());
        }
        contact.typed = Some(now);
        out.hints.push((name.clone(), Hint::Typing { from: From::Customer }));
        if attached && contact.now.known && matches!(contact.now.stage, Stage::Bot | Stage::Waiting { .. }) {
            let body = Body::CustomerTyping(CustomerTyping { contact: name.to_string() });
            out.frames.push(Frame { contact: Some(name.clone()), body, receipt: None });
        }
        Ok(())
    }

    /// Leaving twice is no mistake.
    ///
    /// # Errors
    /// When the contact is unknown.
    pub fn customer_leaves(&mut self, contact: &ContactName, now: Timestamp, out: &mut Out) -> Result<(), Refusal> {
        if !self.get(contact)?.is_over() {
            self.hang_up(contact, Ender::Customer, "the customer left", now, out);
        }
        Ok(())
    }

    /// Ends a contact of which the gateway has to be told.
    pub(super) fn hang_up(&mut self, id: &ContactName, by: Ender, reason: &str, now: Timestamp, out: &mut Out) {
        if let Some(contact) = self.contacts.get_mut(id)
            && contact.now.offered
        {
            contact.tell(Tell::Ended { reason: reason.to_owned() });
        }
        self.end(id, by, now, out);
    }
}
