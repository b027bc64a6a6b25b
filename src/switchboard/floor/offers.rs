//! Contacts find a virtual agent; those that find none go to a person after a while.

use std::time::Duration;

use super::{Contact, Floor, Frame, Out, Stage, contact::Offer, convert};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        board::Handover,
        talk::{Ender, State, What},
    },
    wire::engine::{ContactOffered, ContactRejected, Customer, contact_rejected::Reason, engine_frame::Body},
};

const RETRY_FIRST: Duration = Duration::from_millis(250);
const RETRY_MOST: Duration = Duration::from_secs(30);
/// How often a person is looked for when there was none.
const OVERFLOW_AGAIN: Duration = Duration::from_secs(5);

impl Floor {
    /// Offers the contact to a virtual agent, if it looks for one and one is there.
    pub(super) fn offer(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        if !self.attached || self.draining {
            return;
        }
        let Some(contact) = self.contacts.get(id) else { return };
        let Stage::Offering { returned_from, .. } = contact.now.stage else { return };
        let waits = contact.offer.not_before.is_some_and(|at| now < at);
        if waits || contact.offer.agent.is_some() {
            return;
        }
        let Some(agent) = self.choose_agent(contact) else { return };
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let about = &contact.about;
        let offered = ContactOffered {
            contact: id.to_string(),
            agent: agent.clone(),
            media_type: convert::media(about.media).into(),
            queue: String::new(),
            customer: Some(Customer { name: about.name.clone().unwrap_or_default(), ..Customer::default() }),
            language: about.language.clone(),
            attributes: about.attributes.clone().into_iter().collect(),
            history: convert::history(contact),
            returned_from,
        };
        contact.now.offered = true;
        contact.offer.agent = Some(agent.clone());
        contact.offer.not_before = None;
        self.last_agent = Some(agent);
        out.frames.push(Frame { contact: Some(id.clone()), body: Body::ContactOffered(offered), receipt: None });
    }

    /// In turn; whoever has just refused comes last.
    fn choose_agent(&self, contact: &Contact) -> Option<String> {
        let ready: Vec<&String> = self.agents.iter().filter(|it| *it.1).map(|it| it.0).collect();
        let fresh = |it: &&&String| contact.offer.avoid.as_ref() != Some(**it);
        let after = |it: &&&String| self.last_agent.as_ref().is_none_or(|last| *it > &last);
        let next =
            ready.iter().filter(fresh).find(after).or_else(|| ready.iter().find(fresh)).or_else(|| ready.first());
        next.map(|it| (*it).clone())
    }

    pub(super) fn on_accepted(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        contact.now.known = true;
        if matches!(contact.now.stage, Stage::Offering { .. }) {
            contact.now.stage = Stage::Bot;
            contact.offer = Offer::default();
            contact.connected(now);
            out.board = true;
        }
        self.settle(id, now, out);
    }

    pub(super) fn on_rejected(&mut self, rejected: &ContactRejected, id: &ContactName, now: Timestamp, out: &mut Out) {
        let Some(contact) = self.contacts.get_mut(id) else { return };
        let Some(agent) = contact.offer.agent.take() else { return };
        let reason = rejected.reason();
        tracing::info!(contact.id = %id, %agent, ?reason, "the gateway rejected an offer");
        contact.offer.tries += 1;
        let wait = RETRY_FIRST.saturating_mul(1 << contact.offer.tries.saturating_sub(1).min(7)).min(RETRY_MOST);
        match reason {
            Reason::Invalid => {
                // It will not become valid, and the customer must not wait for it.
                tracing::warn!(contact.id = %id, detail = %rejected.detail, "an offer was invalid: the contact ends");
                contact.now.offered = false;
                self.end(id, Ender::System, now, out);
                return;
            }
            Reason::UnknownAgent | Reason::AgentNotLoggedOn => {
                contact.offer.avoid = Some(agent.clone());
                // Another one is asked at once, the first time.
                let first = contact.offer.tries == 1 && self.agents.len() > 1;
                contact.offer.not_before = (!first).then(|| now + wait);
                if reason == Reason::AgentNotLoggedOn {
                    self.agents.insert(agent, false);
                    out.board = true;
                }
            }
            Reason::Draining => {
                self.draining = true;
                contact.offer.not_before = Some(now + wait);
            }
            Reason::AtCapacity | Reason::StoreUnavailable | Reason::Unspecified => {
                contact.offer.not_before = Some(now + wait);
            }
        }
        self.settle(id, now, out);
    }

    /// No virtual agent has taken the contact: a person may, if one is there.
    pub(super) fn overflow(&mut self, id: &ContactName, now: Timestamp, out: &mut Out) {
        let to = self.setup.overflow.clone().filter(|it| self.closed_because(it).is_none());
        // An offer that is still to be answered may yet be accepted.
        let asked = self.contacts.get(id).is_none_or(|it| it.offer.agent.is_some());
        match to {
            Some(queue) if !asked => {
                let handover = Handover { reason: "no virtual agent is available".to_owned(), ..Handover::default() };
                self.enqueue(id, (&queue, 0), handover, now, out);
            }
            Some(_) | None => {
                if let Some(contact) = self.contacts.get_mut(id) {
                    contact.offer.overflow_at = Some(now + OVERFLOW_AGAIN);
                }
                self.settle(id, now, out);
            }
        }
    }

    /// Everybody who looks for a virtual agent tries again.
    pub(super) fn offer_all(&mut self, now: Timestamp, out: &mut Out) {
        let looks = |it: &(&ContactName, &Contact)| matches!(it.1.now.stage, Stage::Offering { .. });
        let looking: Vec<ContactName> = self.contacts.iter().filter(looks).map(|it| it.0.clone()).collect();
        for id in &looking {
            if let Some(contact) = self.contacts.get_mut(id) {
                contact.offer.not_before = None;
            }
            self.settle(id, now, out);
        }
    }
}

impl Contact {
    /// The virtual agent is there again, if the customer was told that it is not.
    pub(super) fn connected(&mut self, now: Timestamp) {
        if self.now.connecting {
            self.now.connecting = false;
            self.append(What::State(State::Bot { after: None }), now);
        }
    }
}
