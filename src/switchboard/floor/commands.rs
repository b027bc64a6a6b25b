//! What the gateway asks for, each carried out once by its number.

use std::sync::Arc;

use super::{Due, Floor, Frame, Out, Record, Stage, Tell, command_outcome::Outcome, convert, gateway::known_name};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Media,
        board::Callback,
        talk::{Ender, From, What},
        text,
    },
    wire::engine::{
        Command, ContactEnded, CreateCallback, EndContact, Message, PushUrl, Requeue, command, engine_frame::Body,
        requeue,
    },
};

impl Floor {
    pub(super) fn on_command(&mut self, it: Command, now: Timestamp, out: &mut Out) {
        let Some(id) = known_name(&it.contact) else { return };
        let Some(contact) = self.contacts.get_mut(&id) else {
            // It was forgotten here; the gateway need not keep it either.
            tracing::warn!(contact.id = %id, "a command for a contact that is not known here");
            let body =
                Body::ContactEnded(ContactEnded { contact: it.contact, reason: "not known any more".to_owned() });
            out.frames.push(Frame { contact: Some(id), body, receipt: None });
            return;
        };
        let seq = it.action_seq;
        if seq <= contact.now.last_seq || contact.is_over() {
            return;
        }
        contact.now.last_seq = seq;
        match it.command {
            Some(command::Command::Say(say)) => self.say(&id, say.messages, now),
            Some(command::Command::Requeue(requeue)) => self.requeue(&id, seq, requeue, now, out),
            Some(command::Command::CreateCallback(callback)) => self.create_callback(&id, seq, callback, now, out),
            Some(command::Command::PushUrl(push)) => self.push_page(&id, seq, push, now),
            Some(command::Command::EndContact(end)) => self.end_contact(&id, seq, end, now, out),
            None => {
                tracing::warn!(contact.id = %id, seq, "a command of a kind that is not known here");
                self.fail(&id, seq, "this command is not known here");
            }
        }
        self.settle(&id, now, out);
    }

    fn fail(&mut self, id: &ContactName, seq: u32, detail: &str) {
        if let Some(contact) = self.contacts.get_mut(id) {
            contact.outcome(seq, Outcome::Failed, detail);
        }
    }

    fn say(&mut self, id: &ContactName, messages: Vec<Message>, now: Timestamp) {
        let content = convert::content(messages);
        let Some(contact) = self.contacts.get_mut(id).filter(|_| !content.is_empty()) else { return };
        let message = format!("e{}", contact.last_entry() + 1);
        contact.append(What::Message { id: message, from: From::Bot, name: None, content }, now);
    }

    fn requeue(&mut self, id: &ContactName, seq: u32, asked: Requeue, now: Timestamp, out: &mut Out) {
        let elsewhere = self.contacts.get(id).is_none_or(|it| {
            matches!(it.now.stage, Stage::Waiting { .. } | Stage::Person { .. } | Stage::Ended { .. })
        });
        let queue = match asked.to {
            Some(requeue::To::Queue(queue)) => queue,
            Some(requeue::To::Target(_)) => return self.fail(id, seq, "there are no speech targets here"),
            None => return self.fail(id, seq, "the requeue names no queue"),
        };
        let refused = if elsewhere { Some("the contact is with people already") } else { self.closed_because(&queue) };
        if let Some(why) = refused {
            return self.fail(id, seq, why);
        }
        let handover = convert::handover(asked.reason, asked.context.unwrap_or_default());
        self.enqueue(id, (&queue, seq), handover, now, out);
    }

    fn create_callback(&mut self, id: &ContactName, seq: u32, asked: CreateCallback, now: Timestamp, out: &mut Out) {
        if !self.queues.contains_key(&asked.queue) {
            return self.fail(id, seq, "there is no such queue");
        }
        if self.callbacks.values().filter(|it| it.done.is_none()).count() >= self.limits.callbacks {
            return self.fail(id, seq, "too many callbacks are open");
        }
        let Some(contact) = self.contacts.get_mut(id) else { return };
        self.last_callback += 1;
        let number = self.last_callback;
        let context = asked.context.unwrap_or_default();
        let handover = convert::handover(String::new(), context);
        let callback = Arc::new(Callback {
            id: format!("callback-{number}"),
            contact: id.to_string(),
            name: contact.about.name.clone(),
            queue: asked.queue,
            phone: asked.phone.clone(),
            due: asked.at_ms,
            summary: handover.summary,
            parameters: handover.parameters,
            done: None,
        });
        contact.append(What::Callback { id: callback.id.clone(), phone: asked.phone, due: asked.at_ms }, now);
        contact.outcome(seq, Outcome::Done, "");
        out.records.push(Record::Callback(Arc::clone(&callback)));
        self.deadlines.insert((Timestamp(asked.at_ms), Due::Callback(number)));
        self.callbacks.insert(number, callback);
        out.board = true;
    }

    /// Callbacks that were done long ago.
    pub(super) fn forget_callback(&mut self, number: u64, now: Timestamp) {
        let old = |done: i64| now >= Timestamp(done) + self.limits.remember;
        if self.callbacks.get(&number).is_some_and(|it| it.done.is_some_and(old)) {
            self.callbacks.remove(&number);
        }
    }

    fn push_page(&mut self, id: &ContactName, seq: u32, push: PushUrl, now: Timestamp) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        if contact.about.media != Media::WebInteraction {
            return self.fail(id, seq, "pages are pushed to WebInteraction contacts only");
        }
        if !text::is_page(&push.url) {
            return self.fail(id, seq, "the page is not an http or https address");
        }
        let entry = format!("e{}", contact.last_entry() + 1);
        contact.append(What::Push { id: entry, url: push.url }, now);
        contact.outcome(seq, Outcome::Done, "");
    }

    fn end_contact(&mut self, id: &ContactName, seq: u32, asked: EndContact, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        if matches!(contact.now.stage, Stage::Person { .. }) {
            return self.fail(id, seq, "a person has the contact");
        }
        let newest = contact.newest_message();
        let is_newer = newest.is_some_and(|it| it != asked.unless_after);
        // Messages that were sent again may have been taken in another order: the same refusal twice would be one for ever.
        let waits = contact.waiting_messages() > 0;
        let again = !waits && contact.now.superseded.as_ref() == Some(&asked.unless_after);
        if is_newer && !again {
            contact.now.superseded = (!waits).then_some(asked.unless_after);
            return contact.outcome(seq, Outcome::Superseded, "");
        }
        contact.outcome(seq, Outcome::Done, "");
        contact.now.pending.retain(|it| !matches!(it.tell, Tell::Message { .. }));
        self.say(id, asked.farewell, now);
        self.end(id, Ender::Bot, now, out);
    }
}
