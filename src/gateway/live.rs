//! What is going on now, for those who watch: contacts, virtual agents, routing engines. Read shard by shard; nothing is held
//! longer than one shard's look takes.

use std::sync::{Arc, PoisonError};

use super::{
    Gateway, Roster, Todo,
    shard::{Entry, Shard},
};
use crate::core::{
    agent,
    contact::{Event, Order, Standing},
    handover::{self, Unavailable},
    ids::{ContactId, EngineId, EngineName, ProfileName, QueueId, Timestamp, UnitName, UserId},
    message::MediaType,
    profile::Destination,
};

/// One contact as it is now. Holds nothing that the customer said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactNow {
    pub id: ContactId,
    pub profile: ProfileName,
    pub agent: UserId,
    pub media: MediaType,
    /// By which it came.
    pub queue: Option<QueueId>,
    /// Where a person is to take it, or has taken it.
    pub goes_to: Option<Destination>,
    pub language: String,
    /// `None`: the profile's primary.
    pub engine: Option<EngineName>,
    pub standing: Standing,
    /// When it moved last.
    pub moved_at: Timestamp,
    pub turns: u32,
    /// Inputs that wait.
    pub waiting: usize,
    /// Commands that the routing engine does not have.
    pub undelivered: usize,
}

impl ContactNow {
    fn of(id: &ContactId, entry: &Entry) -> Self {
        let (contact, card) = (&entry.contact, entry.contact.card());
        Self {
            id: id.clone(),
            profile: entry.served.rules.profile.clone(),
            agent: card.agent.clone(),
            media: card.media,
            queue: card.queue.clone(),
            goes_to: contact.destination().cloned(),
            language: card.language.clone(),
            engine: contact.engine().cloned(),
            standing: contact.standing(),
            moved_at: entry.moved_at,
            turns: contact.turns(),
            waiting: contact.waiting(),
            undelivered: contact.undelivered().count(),
        }
    }

    /// The queue or target by which it goes to a person, or else that by which it came.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        let came_by = || self.queue.as_ref().map(QueueId::as_str);
        self.goes_to.as_ref().map(Destination::as_str).or_else(came_by)
    }
}

/// A virtual agent as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AgentNow {
    pub unit: UnitName,
    pub user: UserId,
    /// `None`: it was taken off its profile.
    pub profile: Option<ProfileName>,
    pub standing: agent::Standing,
}

/// What came of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordered {
    /// There is no such contact.
    Unknown,
    /// The virtual agent does not have it any more.
    NotTheBots,
    /// The queue or target does not take it now.
    Refused(Unavailable),
    Taken,
}

/// A business unit as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitNow {
    pub unit: UnitName,
    /// The routing engine and how many lanes of it are attached.
    pub engines: Vec<(EngineId, usize)>,
    /// It has told its directory since the start.
    pub has_directory: bool,
}

impl Gateway {
    /// The profiles as they are served now.
    pub fn roster(&self) -> Arc<Roster> {
        self.roster.load_full()
    }

    /// Raised whenever something happens to a contact.
    pub fn moved(&self) -> u64 {
        self.journal.position().0
    }

    /// Hands over each open contact that `wants`, in no order.
    pub fn each_contact(&self, wants: &dyn Fn(&ContactId, &ProfileName) -> bool, take: &mut dyn FnMut(ContactNow)) {
        for shard in self.shards.each() {
            for (id, entry) in &shard.contacts {
                let profile = &entry.served.rules.profile;
                if !wants(id, profile) {
                    continue;
                }
                take(ContactNow::of(id, entry));
            }
        }
    }

    /// `None`: it is not open.
    pub fn contact(&self, id: &ContactId) -> Option<ContactNow> {
        self.shards.of(id).contacts.get(id).map(|it| ContactNow::of(id, it))
    }

    /// Where an operator can send it now, or why nowhere; `None`: it is not open.
    pub fn places(&self, id: &ContactId) -> Option<Result<Vec<Destination>, Unavailable>> {
        let (served, media) = {
            let shard = self.shards.of(id);
            let entry = shard.contacts.get(id)?;
            (Arc::clone(&entry.served), entry.contact.card().media)
        };
        let directory = self.directory(&id.unit).unwrap_or_default();
        Some(handover::places(&served.rules.handover, &directory, media))
    }

    /// Does what a person wants with a contact, if the virtual agent has it.
    pub fn order(self: &Arc<Self>, id: &ContactId, order: Order, by: &str) -> Ordered {
        let mut todo = Todo::default();
        let ordered = {
            let mut shard = self.shards.of(id);
            let standing = |shard: &Shard| shard.contacts.get(id).map(|it| it.contact.standing());
            match standing(&shard) {
                None => Ordered::Unknown,
                Some(Standing::HandingOver | Standing::WithPerson | Standing::Closing) => Ordered::NotTheBots,
                Some(Standing::Listening | Standing::Asking | Standing::Acting) => {
                    let to = if let Order::HandOver(to) = &order { Some(to.clone()) } else { None };
                    self.apply_in(&mut shard, id, Event::Ordered { order, by: by.to_owned() }, &mut todo);
                    match standing(&shard) {
                        Some(Standing::Listening | Standing::Asking | Standing::Acting) => {
                            Ordered::Refused(self.why_not(&shard, id, to.as_ref()))
                        }
                        Some(Standing::HandingOver | Standing::WithPerson | Standing::Closing) | None => Ordered::Taken,
                    }
                }
            }
        };
        self.finish(todo);
        ordered
    }

    /// Why a destination did not take a contact just now, as its timeline tells it.
    fn why_not(&self, shard: &Shard, id: &ContactId, to: Option<&Destination>) -> Unavailable {
        let (Some(entry), Some(to)) = (shard.contacts.get(id), to) else { return Unavailable::QueueUnknown };
        let directory = self.directory(&id.unit).unwrap_or_default();
        let judged = handover::may_go(&entry.served.rules.handover, &directory, to, entry.contact.card().media);
        // It may take contacts again by now: what it did a moment ago was not to take this one.
        judged.err().unwrap_or(Unavailable::QueueClosed)
    }

    /// By business unit and user.
    pub fn agents_now(&self) -> Vec<AgentNow> {
        let (units, roster) = (self.units.load(), self.roster.load());
        let mut all = Vec::new();
        for unit in units.values() {
            let agents = unit.agents.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(agents.iter().map(|(user, agent)| AgentNow {
                unit: unit.name.clone(),
                user: user.clone(),
                profile: roster.find_by_agent(&unit.name, user).map(|it| it.rules.profile.clone()),
                standing: agent.standing(),
            }));
        }
        all.sort_by(|a, b| (&a.unit, &a.user).cmp(&(&b.unit, &b.user)));
        all
    }

    /// In alphabetical order, those of the configuration in force.
    pub fn units_now(&self) -> Vec<UnitNow> {
        let units = self.units.load();
        let mut all: Vec<UnitNow> = units
            .values()
            .filter(|unit| unit.is_configured())
            .map(|unit| {
                let mut engines: Vec<(EngineId, usize)> = Vec::new();
                for lane in unit.lanes().iter() {
                    match engines.iter_mut().find(|(engine, _)| *engine == lane.engine) {
                        Some((_, lanes)) => *lanes += 1,
                        None => engines.push((lane.engine.clone(), 1)),
                    }
                }
                let has_directory = self.directory(&unit.name).is_ok();
                UnitNow { unit: unit.name.clone(), engines, has_directory }
            })
            .collect();
        all.sort_by(|a, b| a.unit.cmp(&b.unit));
        all
    }
}
