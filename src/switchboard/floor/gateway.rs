//! What the gateway says, and what becomes of what it was told.

use secrecy::ExposeSecret as _;
use subtle::ConstantTimeEq as _;

use super::{Contact, Floor, Frame, Out, Pending, Stage, Tell, contact, convert};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::talk::{Ender, From, Hint},
    wire::engine::{
        AgentLoggedOff, AgentLoggedOn, CustomerMessage, Directory, DirectoryDelta, LogOnAgent, LogOnRefused, Queue,
        Refused, SignOn, User, engine_frame::Body, gateway_frame, log_on_refused, refused,
    },
};

impl Floor {
    /// Frames of one lane come in order.
    pub fn on_frame(&mut self, body: gateway_frame::Body, now: Timestamp, out: &mut Out) {
        use gateway_frame::Body as From;
        match body {
            From::LogOnAgent(it) => self.on_log_on(&it, now, out),
            From::LogOffAgent(it) => self.on_log_off(it.user, out),
            From::ContactAccepted(it) => {
                if let Some(id) = known_name(&it.contact) {
                    self.on_accepted(&id, now, out);
                }
            }
            From::ContactRejected(it) => {
                if let Some(id) = known_name(&it.contact) {
                    self.on_rejected(&it, &id, now, out);
                }
            }
            From::Command(it) => self.on_command(it, now, out),
            From::Typing(it) => {
                if let Some(id) = known_name(&it.contact).filter(|it| self.contacts.contains_key(it)) {
                    out.hints.push((id, Hint::Typing { from: super::super::talk::From::Bot }));
                }
            }
            From::Draining(_) => self.draining = true,
            // The link's own.
            From::Welcome(_) | From::Busy(_) | From::Refused(_) => {}
        }
    }

    /// The gateway is there, or gone.
    pub fn on_attached(&mut self, attached: bool, now: Timestamp, out: &mut Out) {
        out.board = true;
        self.attached = attached;
        if !attached {
            return;
        }
        self.draining = false;
        // What it was told of the directory may be older than what it missed.
        self.change_directory(now, out);
        let waits = |it: &Contact| !it.now.pending.is_empty() || matches!(it.now.stage, Stage::Offering { .. });
        let waiting: Vec<ContactName> = self.contacts.iter().filter(|it| waits(it.1)).map(|it| it.0.clone()).collect();
        for id in &waiting {
            if let Some(contact) = self.contacts.get_mut(id) {
                // The answer may have been lost with the connection; to ask twice does no harm.
                contact.offer.agent = None;
                contact.offer.not_before = None;
            }
            self.settle(id, now, out);
        }
    }

    /// The gateway has this frame durably.
    pub fn on_taken(&mut self, receipt: u64, now: Timestamp, out: &mut Out) {
        let Some(id) = self.receipts.remove(&receipt) else { return };
        let Some(contact) = self.contacts.get_mut(&id) else { return };
        let Some(at) = contact.now.pending.iter().position(|it| it.receipt == Some(receipt)) else { return };
        if let Some(Tell::Message { entry }) = contact.now.pending.remove(at).map(|it| it.tell) {
            let said = contact.entry(entry).and_then(|it| contact::message_id(it)).map(ToOwned::to_owned);
            if let Some(said) = said {
                contact.has_taken(said);
            }
            // The end is the last that is said of a contact.
            if !contact.is_over() {
                contact.delivered(entry, now);
            }
            if matches!(contact.now.stage, Stage::Bot) {
                contact.connected(now);
            }
        }
        self.settle(&id, now, out);
    }

    fn on_log_on(&mut self, asked: &LogOnAgent, now: Timestamp, out: &mut Out) {
        let right =
            self.setup.password.as_ref().is_none_or(|password| {
                bool::from(password.expose_secret().as_bytes().ct_eq(asked.password.as_bytes()))
            });
        let user = asked.user.clone();
        let refused = match self.agents.get_mut(&user) {
            None => Some((log_on_refused::Reason::UnknownUser, "there is no such virtual agent here")),
            Some(_) if !right => Some((log_on_refused::Reason::WrongPassword, "the password is wrong")),
            Some(on) => {
                *on = true;
                None
            }
        };
        out.board = true;
        let body = match refused {
            Some((reason, detail)) => {
                tracing::warn!(%user, ?reason, "a virtual agent may not log on");
                Body::LogOnRefused(LogOnRefused { user, reason: reason.into(), detail: detail.to_owned() })
            }
            None => Body::AgentLoggedOn(AgentLoggedOn { user }),
        };
        let on = refused.is_none();
        out.frames.push(Frame { contact: None, body, receipt: None });
        if on {
            self.offer_all(now, out);
        }
    }

    fn on_log_off(&mut self, user: String, out: &mut Out) {
        if let Some(on) = self.agents.get_mut(&user) {
            *on = false;
            out.board = true;
            let body = Body::AgentLoggedOff(AgentLoggedOff { user, reason: "asked for".to_owned() });
            out.frames.push(Frame { contact: None, body, receipt: None });
        }
    }

    /// The gateway will not act on a frame of ours; it is never taken.
    pub fn on_refused(&mut self, refused: &Refused, receipt: Option<u64>, now: Timestamp, out: &mut Out) {
        let reason = refused.reason();
        tracing::warn!(contact.id = %refused.contact, ?reason, detail = %refused.detail, "the gateway refused a frame");
        let of_receipt = receipt.and_then(|it| self.receipts.remove(&it));
        let Some(id) = of_receipt.or_else(|| known_name(&refused.contact)) else { return };
        if let Some(contact) = self.contacts.get_mut(&id) {
            contact.now.pending.retain(|it| receipt.is_none() || it.receipt != receipt);
        }
        match reason {
            refused::Reason::UnknownContact => self.on_forgotten(&id, &refused.message_id, now, out),
            refused::Reason::ContactEnded => {
                if self.contacts.get(&id).is_some_and(|it| !it.is_over()) {
                    self.end(&id, Ender::System, now, out);
                }
            }
            refused::Reason::Invalid | refused::Reason::TooLarge => {
                if let Some(contact) = self.contacts.get_mut(&id) {
                    contact.now.taken.retain(|it| *it != refused.message_id);
                }
                self.settle(&id, now, out);
            }
            refused::Reason::UnknownUser | refused::Reason::Unspecified => {}
        }
    }

    /// The gateway does not know the contact any more: for it, this becomes a new one with a history.
    fn on_forgotten(&mut self, id: &ContactName, message: &str, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id).filter(|it| !it.is_over()) else { return };
        // The message goes again once the contact is accepted.
        if let Some(entry) = contact.find_message(From::Customer, message)
            && !contact.now.pending.iter().any(|it| it.tell == Tell::Message { entry })
        {
            contact.tell(Tell::Message { entry });
        }
        if !std::mem::take(&mut contact.now.known) {
            return self.settle(id, now, out);
        }
        contact.now.last_seq = 0;
        contact.now.taken.clear();
        match &mut contact.now.stage {
            Stage::Bot => {
                contact.now.stage = Stage::Offering { since: now, returned_from: 0 };
                contact.offer.tries += 1;
            }
            Stage::Waiting { seq, .. } | Stage::Person { seq, .. } => *seq = 0,
            Stage::Offering { .. } | Stage::Ended { .. } => {}
        }
        self.settle(id, now, out);
    }

    /// A message that was taken is given back: it waits for the gateway again, before all others of its contact. Yields it with
    /// the receipt under which it goes; `None` if it is not known, or waits already.
    pub fn recall(
        &mut self,
        contact: &str,
        message: &str,
        now: Timestamp,
        out: &mut Out,
    ) -> Option<(CustomerMessage, u64)> {
        let id = known_name(contact)?;
        let found = self.contacts.get_mut(&id).filter(|it| !it.is_over())?;
        let entry = found.find_message(From::Customer, message)?;
        if found.now.pending.iter().any(|it| it.tell == Tell::Message { entry }) {
            return None;
        }
        let message = contact::customer_message(&id, found.entry(entry)?);
        found.now.taken.retain(|it| *it != message.message_id);
        self.last_receipt += 1;
        let receipt = self.last_receipt;
        found.now.pending.push_front(Pending { tell: Tell::Message { entry }, receipt: Some(receipt) });
        self.receipts.insert(receipt, id.clone());
        self.settle(&id, now, out);
        Some((message, receipt))
    }

    /// The whole directory, for a new session.
    #[must_use]
    pub fn directory(&self) -> Directory {
        Directory { queues: self.wire_queues(), users: self.users(), speech_targets: Vec::new() }
    }

    pub(super) fn tell_directory(&mut self, out: &mut Out) {
        self.directory_due = None;
        if self.attached {
            let delta = DirectoryDelta { queues: self.wire_queues(), ..DirectoryDelta::default() };
            out.frames.push(Frame { contact: None, body: Body::Directory(delta), receipt: None });
        }
    }

    fn wire_queues(&self) -> Vec<Queue> {
        let queue = |(id, it): (&String, &super::Queue)| Queue {
            id: id.clone(),
            name: it.name.clone(),
            media_type: convert::media(it.media).into(),
            open: self.takes_contacts(id),
            waiting: u32::try_from(it.line.len()).unwrap_or(u32::MAX),
            expected_wait_s: it.expected_wait_s,
        };
        self.queues.iter().map(queue).collect()
    }

    fn users(&self) -> Vec<User> {
        let user = |id: &str, name: &str, agent_rights, automatic_post_processing| User {
            id: id.to_owned(),
            name: name.to_owned(),
            agent_rights,
            sign_on: SignOn::Password.into(),
            automatic_post_processing,
            mandatory_wrap_up_reason: false,
        };
        let people = self.setup.people.iter().map(|it| user(&it.id, &it.name, false, false));
        let agents = self.setup.virtual_agents.iter().map(|it| user(&it.id, &it.name, true, false));
        let others = &self.setup.others;
        let others = others.iter().map(|it| user(&it.id, &it.name, it.agent_rights, it.automatic_post_processing));
        agents.chain(people).chain(others).collect()
    }
}

/// A name that we cannot have given is nobody's.
pub(super) fn known_name(contact: &str) -> Option<ContactName> {
    ContactName::new(contact).ok()
}
