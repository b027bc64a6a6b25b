//! What the routing engine says, frame by frame.

use std::sync::Arc;

use super::{
    Gateway, LaneId, Todo,
    chain::{Chain, Link},
    effects::{After, busy},
    lane::{FromEngine, Offer, Refusal, Rejection, ToEngine},
    shard::{Entry, Shard},
    unit::Unit,
};
use crate::{
    core::{
        contact::{Card, Contact, Event, Out},
        directory::Directory,
        handover::{Unavailable, takes},
        ids::{ContactId, ContactName, MessageId, UnitName, UserId},
        message::Input,
        profile::{Destination, Rules},
    },
    telemetry::labels::BusyCause,
};

/// Where a frame came from.
struct Origin {
    unit: Arc<Unit>,
    lane: LaneId,
    frame: u64,
}

impl Gateway {
    /// Takes one frame; frames of a lane come in order. The lane gets `ToEngine::Ack` once everything it led to is durable.
    pub fn on_frame(self: &Arc<Self>, unit: &UnitName, lane: LaneId, frame: u64, from: FromEngine) {
        let Some(unit) = self.unit(unit) else { return };
        let origin = Origin { unit, lane, frame };
        if let FromEngine::AgentLoggedOn { user }
        | FromEngine::LogOnRefused { user, .. }
        | FromEngine::AgentLoggedOff { user, .. } = &from
            && !self.knows_agent(&origin.unit, user)
        {
            self.refuse_user(&origin, user);
        }
        match from {
            FromEngine::Directory(directory) => self.on_directory(&origin.unit, lane, directory),
            FromEngine::Delta(delta) => self.on_directory_delta(&origin.unit, delta),
            FromEngine::AgentLoggedOn { user } => self.on_logged_on(&origin.unit, &user),
            FromEngine::LogOnRefused { user, reason, detail } => {
                self.on_log_on_refused(&origin.unit, &user, reason, &detail);
            }
            FromEngine::AgentLoggedOff { user, reason } => self.on_logged_off(&origin.unit, &user, &reason),
            FromEngine::Offered(offer) => self.on_offer(&origin, *offer),
            FromEngine::Message { contact, id, input, sensitive } => {
                self.on_message(&origin, contact, id, input, sensitive);
            }
            FromEngine::Typing { contact } => self.on_contact(&origin, contact, None, Event::Typing),
            FromEngine::Ended { contact, reason } => self.on_contact(&origin, contact, None, Event::Left { reason }),
            FromEngine::Outcome { contact, seq, outcome, detail } => {
                self.on_contact(&origin, contact, None, Event::Outcome { seq, outcome, detail });
            }
            FromEngine::Heartbeat => {}
        }
        if self.journal.ack(origin.lane, frame) {
            self.push(&origin.unit, origin.lane, ToEngine::Ack(frame));
        }
    }

    fn on_message(
        self: &Arc<Self>,
        origin: &Origin,
        contact: ContactName,
        id: MessageId,
        input: Input,
        sensitive: bool,
    ) {
        let refuse = if !self.journal.takes_work(self.limits.journal_backlog) {
            Some((BusyCause::Journal, "the store cannot take more now"))
        } else if self.is_draining() {
            Some((BusyCause::Draining, "the gateway is going down"))
        } else if self.calls.running() >= self.limits.running_calls {
            Some((BusyCause::RunningCalls, "too many questions are running"))
        } else {
            None
        };
        if let Some((cause, reason)) = refuse {
            self.metrics.busy(cause);
            let contact = ContactId { unit: origin.unit.name.clone(), name: contact };
            self.push_or_lose(&origin.unit, origin.lane, busy(&contact, id, reason));
            return;
        }
        let named = Some(id.clone());
        self.on_contact(origin, contact, named, Event::Message { id, input, sensitive });
    }

    /// An event for a contact that should exist. `message`: what to name when it does not.
    fn on_contact(self: &Arc<Self>, origin: &Origin, contact: ContactName, message: Option<MessageId>, event: Event) {
        let id = ContactId { unit: origin.unit.name.clone(), name: contact };
        let mut todo = Todo::default();
        let mut shard = self.shards.of(&id);
        self.take_up_first(&mut shard, &id, &mut todo);
        if let Some(entry) = shard.contacts.get_mut(&id) {
            self.heard_on(&id, entry, origin.lane);
        }
        let known = self.apply_in(&mut shard, &id, event, &mut todo);
        let closed = !known && shard.was_closed(&id);
        drop(shard);
        self.finish(todo);
        if !known {
            self.refuse(origin, &id.name, message, closed);
        }
    }

    fn refuse_user(&self, origin: &Origin, user: &UserId) {
        let refused = ToEngine::Refused {
            frame: origin.frame,
            reason: Refusal::UnknownUser,
            detail: format!("{user} is not a virtual agent here"),
            contact: String::new(),
            message: String::new(),
        };
        self.push_or_lose(&origin.unit, origin.lane, refused);
    }

    fn refuse(&self, origin: &Origin, contact: &ContactName, message: Option<MessageId>, closed: bool) {
        // An outcome or a good-bye that crosses the end of its contact is no mistake.
        if closed && message.is_none() {
            return;
        }
        let (reason, detail) = if closed {
            (Refusal::ContactEnded, "the contact is over")
        } else {
            (Refusal::UnknownContact, "no such contact has been offered, or it is over")
        };
        let refused = ToEngine::Refused {
            frame: origin.frame,
            reason,
            detail: detail.to_owned(),
            contact: contact.to_string(),
            message: message.map(|id| id.to_string()).unwrap_or_default(),
        };
        self.push_or_lose(&origin.unit, origin.lane, refused);
    }

    /// The contact is talked to where it was last heard.
    fn heard_on(&self, id: &ContactId, entry: &mut Entry, lane: LaneId) {
        if entry.lane != Some(lane) && entry.unit.lane(lane).is_some() {
            entry.lane = None;
            let mut after = Vec::new();
            self.route_to(id, entry, lane, &mut after);
            let now = self.journal.follow(&mut after);
            self.send_now(entry, now, &mut Todo::default());
        }
    }

    fn on_offer(self: &Arc<Self>, origin: &Origin, offer: Offer) {
        let id = ContactId { unit: origin.unit.name.clone(), name: offer.contact.clone() };
        let agent = offer.agent.clone();
        let mut todo = Todo::default();
        let mut shard = self.shards.of(&id);
        let result = if shard.contacts.contains_key(&id) {
            self.offered_again(&mut shard, &id, offer, origin, &mut todo);
            Ok(())
        } else if shard.was_closed(&id) {
            Err((Rejection::Invalid, "the contact is over; a new one needs a new id"))
        } else {
            self.begin(&mut shard, &id, offer, origin, &mut todo)
        };
        drop(shard);
        self.finish(todo);
        if let Err((reason, detail)) = result {
            let contact = id.name;
            tracing::info!(contact.id = %contact, unit = %id.unit, agent = %agent, ?reason, "contact rejected");
            let rejected = ToEngine::Rejected { contact, reason, detail: detail.to_owned() };
            self.push_or_lose(&origin.unit, origin.lane, rejected);
        }
    }

    /// The engine did not see our acceptance, or a person gives the contact back.
    fn offered_again(&self, shard: &mut Shard, id: &ContactId, offer: Offer, origin: &Origin, todo: &mut Todo) {
        self.take_up_first(shard, id, todo);
        let Some(entry) = shard.contacts.get_mut(id) else { return };
        self.heard_on(id, entry, origin.lane);
        let accepted = accepted(origin, &offer);
        let mut out = Out::default();
        if let Some(from) = offer.returned_from {
            let card = Box::new(card(offer, &entry.served.rules.language));
            let mut returned = Event::Returned { card, from };
            let tokenised = self.tokenise(&mut returned, entry);
            let directory = entry.unit.directory.load();
            let cx = entry.served.context(&directory, self.clock.now());
            entry.contact.on_event(returned, cx, &mut out);
            tokenised.tell(&mut entry.contact, &mut out);
        }
        self.settle(shard, id, (out, false), vec![accepted], todo);
    }

    fn begin(
        &self,
        shard: &mut Shard,
        id: &ContactId,
        offer: Offer,
        origin: &Origin,
        todo: &mut Todo,
    ) -> Result<(), (Rejection, &'static str)> {
        if self.is_draining() {
            return Err((Rejection::Draining, "the gateway is going down; offer the contact elsewhere"));
        }
        if !self.journal.takes_work(self.limits.journal_backlog) {
            return Err((Rejection::StoreUnavailable, "the store cannot be written now"));
        }
        if self.contacts() >= self.limits.contacts {
            return Err((Rejection::AtCapacity, "limits.contacts is reached"));
        }
        if self.calls.running() >= self.limits.running_calls {
            return Err((Rejection::AtCapacity, "limits.running_calls is reached"));
        }
        let roster = self.roster.load();
        let served = roster
            .find_by_agent(&id.unit, &offer.agent)
            .ok_or((Rejection::UnknownAgent, "no profile serves this agent"))?;
        if !self.is_logged_on(&origin.unit, &offer.agent) {
            return Err((Rejection::AgentNotLoggedOn, "the agent is not logged on by this gateway"));
        }
        let paused = self.paused(&served.rules.unit, &served.rules.profile);
        let directory = origin.unit.directory.load();
        let instead = paused.map(|pause| fallback(&served.rules, &directory).map(|to| (to, pause.by))).transpose()?;
        let mut chain = Chain::begin(&self.vault, id, Link::FIRST).map_err(|error| {
            tracing::error!(contact.id = %id, %error, "no key can be made for a contact");
            (Rejection::StoreUnavailable, "no key can be made for the contact now")
        })?;
        let accepted = accepted(origin, &offer);
        let returned = offer.returned_from.is_some();
        let mut out = Out::default();
        let cx = served.context(&directory, self.clock.now());
        let mut card = card(offer, &served.rules.language);
        let tokenised = self.tokenise_card(&mut card, &[], &mut chain);
        let mut contact = match instead {
            None => Contact::start(card, returned, served.first_engine(&id.name), cx, &mut out),
            Some((to, by)) => Contact::start_paused(card, to, by, cx, &mut out),
        };
        tokenised.tell(&mut contact, &mut out);
        self.spare_lost_numbers(&mut contact);
        let mut entry = Entry::new(contact, chain, (Arc::clone(served), Arc::clone(&origin.unit)), self.clock.now());
        entry.lane = Some(origin.lane);
        self.insert(shard, id.clone(), entry);
        self.settle(shard, id, (out, false), vec![accepted], todo);
        Ok(())
    }
}

/// Where a paused profile's new contacts go. A contact that it could not go on with is not taken: the routing engine finds another way.
fn fallback(rules: &Rules, directory: &Directory) -> Result<Destination, (Rejection, &'static str)> {
    let to = rules.handover.to.clone();
    let to = to.ok_or((Rejection::AtCapacity, "the profile is paused, and its [handover] names no queue"))?;
    takes(directory, &to).map_err(|why| match why {
        Unavailable::QueueClosed => (Rejection::AtCapacity, "the profile is paused, and its fallback queue is closed"),
        Unavailable::QueueUnknown | Unavailable::WaitTooLong | Unavailable::BudgetUsed => {
            (Rejection::AtCapacity, "the profile is paused, and its fallback queue is not in the directory")
        }
    })?;
    Ok(to)
}

fn accepted(origin: &Origin, offer: &Offer) -> After {
    let frame = ToEngine::Accepted { contact: offer.contact.clone(), agent: offer.agent.clone() };
    After::Frame { unit: Arc::clone(&origin.unit), lane: origin.lane, frame: Box::new(frame) }
}

fn card(offer: Offer, language: &str) -> Card {
    Card {
        agent: offer.agent,
        media: offer.media,
        queue: offer.queue,
        language: offer.language.unwrap_or_else(|| language.to_owned()),
        customer_id: offer.customer.id,
        customer_name: offer.customer.name,
        customer_address: offer.customer.address,
        attributes: offer.attributes,
        history: offer.history,
    }
}
