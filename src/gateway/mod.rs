//! Runs the core: contacts in shards, their journal, their timers, their effects.
//!
//! Transports call in through [`Gateway`]'s methods, which return at once; what goes out goes through the [`ports`] and the
//! lanes. Invariants: a contact's state changes only under its shard's lock; nothing is awaited there; with `sync`
//! durability nothing leaves and nothing is acknowledged before it is committed.

mod agents;
pub mod alerts;
mod canary;
mod chain;
mod effects;
mod engines;
pub mod erasing;
mod inbound;
mod journal;
mod judge;
pub mod lane;
pub mod live;
pub mod numbers;
mod observe;
mod past;
pub mod pauses;
pub mod ports;
mod private;
mod recovery;
pub mod rehearsal;
mod served;
mod shadow;
mod shard;
pub mod storage;
mod tasks;
#[cfg(test)]
mod tests;
pub mod timeline;
mod timers;
mod unit;
pub mod watch;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
};

use alerts::Alerts;
use arc_swap::{ArcSwap, ArcSwapOption};
use chain::Chain;
pub use chain::{ChainKeys, Content, EARLIER_TIMELINE, Opened, open as open_records};
use effects::{After, Question};
pub use engines::Engines;
use journal::Journal;
pub use journal::{JournalStopped, verify_chain};
use lane::ToEngine;
use numbers::{
    Span,
    count::{Added, Moment},
};
use pauses::Pauses;
use ports::{ExternalRequest, ExternalSystems};
use served::Told;
pub use served::{Roster, Served};
pub use shadow::Shadow;
use shard::{Entry, Shard, Shards};
use storage::{Claim, Closed, Counts, NumberKey, Past, Store};
pub use tasks::Kept;
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use unit::{Lane, Unit};
use watch::Watchers;
pub use watch::{MAX_WATCHERS, TooManyWatchers, Watch};
use zeroize::Zeroizing;

use crate::{
    clock::Clock,
    config::settings::{Durability, Limits},
    core::{
        contact::{Contact, Event, Out},
        ids::{ActionSeq, ContactId, ContactName, EngineId, UnitName},
        step::Step,
    },
    privacy::Scanner,
    seal::{Sealer, Vault},
    telemetry::{Health, Metrics},
};

/// How many commands of one contact may be lost when the gateway is killed with `async` durability.
const NUMBERS_PER_LIFE: u32 = 1024;

/// The purpose of the key that chains a timeline's records.
pub const TIMELINE: &str = "timeline";

/// One attached lane, until it is detached. A lane that resumes keeps its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneId(pub u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttachError {
    #[error("business unit is not configured here")]
    UnknownUnit,
    #[error("the gateway is going down")]
    Draining,
    /// The lane's session cannot go on: begin a new one.
    #[error("a frame of this lane was lost")]
    Lost,
}

/// Why a business unit's directory cannot be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDirectory {
    UnknownUnit,
    /// Its routing engine has told none since the start.
    NotYet,
}

/// What the gateway is built from.
#[derive(Debug)]
pub struct Parts {
    pub clock: Clock,
    pub store: Arc<dyn Store>,
    pub claim: Claim,
    pub durability: Durability,
    /// From its key come the timeline's and those of contacts.
    pub sealer: Sealer,
    pub scanner: Scanner,
    pub limits: Limits,
    pub units: Vec<UnitName>,
    pub roster: Roster,
    pub external: Arc<dyn ExternalSystems>,
    pub metrics: Arc<Metrics>,
    pub alerts: Arc<Alerts>,
    pub health: Arc<Health>,
}

/// Everything transports call. Cheap to share.
#[derive(Debug)]
pub struct Gateway {
    clock: Clock,
    limits: Limits,
    store: Arc<dyn Store>,
    claim: Claim,
    journal: Journal,
    vault: Vault,
    sealer: Sealer,
    /// What becomes a token in what comes in.
    scanner: ArcSwap<Scanner>,
    shards: Shards,
    /// Also those that a reload has taken out: their contacts may still run.
    units: ArcSwap<HashMap<UnitName, Arc<Unit>>>,
    /// Serialises changes of `units`.
    changing: Mutex<()>,
    roster: ArcSwap<Roster>,
    pauses: Pauses,
    external: Arc<dyn ExternalSystems>,
    metrics: Arc<Metrics>,
    alerts: Arc<Alerts>,
    health: Arc<Health>,
    calls: Calls,
    contacts: AtomicUsize,
    next_lane: AtomicU64,
    draining: AtomicBool,
    watchers: Arc<Watchers>,
    /// What the last sweep of old timelines did.
    swept: ArcSwapOption<erasing::Swept>,
    /// Questions and queries in flight; each is bounded by its own deadline, and a drain waits for them.
    tasks: TaskTracker,
    /// Ends the questions to shadows, which nobody waits for.
    shadows: CancellationToken,
}

/// Counts what is in flight towards language engines and external systems.
#[derive(Debug, Default)]
struct Calls(AtomicUsize);

impl Calls {
    fn start(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn running(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a transition leads to once its shard is unlocked.
#[derive(Debug, Default)]
struct Todo {
    questions: Vec<Question>,
    queries: Vec<(Box<ExternalRequest>, ActionSeq)>,
    /// What language engines are told of their contacts.
    told: Vec<Told>,
    /// An answer was dropped: its turn was over.
    stale: bool,
}

impl Gateway {
    #[must_use]
    pub fn new(parts: Parts) -> Arc<Self> {
        let now = parts.clock.now();
        let units = parts.units.into_iter().map(|name| (name.clone(), Arc::new(Unit::new(name, now)))).collect();
        Arc::new(Self {
            limits: parts.limits,
            journal: Journal::new(
                Arc::clone(&parts.store),
                parts.durability,
                ChainKeys::of(&parts.sealer),
                parts.claim,
            ),
            vault: Vault::new(&parts.sealer),
            sealer: parts.sealer,
            scanner: ArcSwap::from_pointee(parts.scanner),
            store: parts.store,
            claim: parts.claim,
            shards: Shards::new(now),
            units: ArcSwap::from_pointee(units),
            changing: Mutex::new(()),
            roster: ArcSwap::from_pointee(parts.roster),
            pauses: Pauses::default(),
            external: parts.external,
            metrics: parts.metrics,
            alerts: parts.alerts,
            health: parts.health,
            calls: Calls::default(),
            contacts: AtomicUsize::new(0),
            next_lane: AtomicU64::new(1),
            draining: AtomicBool::new(false),
            watchers: Arc::default(),
            swept: ArcSwapOption::empty(),
            tasks: TaskTracker::new(),
            shadows: CancellationToken::new(),
            clock: parts.clock,
        })
    }

    /// Takes a lane in. The gateway pushes into `out` without waiting; when it is full the lane is cut by dropping the sender.
    ///
    /// `resumes`: the lane's earlier id, if its session still holds what it was given. Everything else that is undelivered
    /// goes out again.
    ///
    /// # Errors
    /// When the unit is not configured, or the gateway is going down.
    pub fn attach(
        self: &Arc<Self>,
        unit: &UnitName,
        engine: &EngineId,
        out: mpsc::Sender<ToEngine>,
        resumes: Option<LaneId>,
    ) -> Result<LaneId, AttachError> {
        if self.is_draining() {
            return Err(AttachError::Draining);
        }
        let unit = self.unit(unit).filter(|unit| unit.is_configured()).ok_or(AttachError::UnknownUnit)?;
        if resumes.is_some_and(|lane| unit.has_lost(lane)) {
            return Err(AttachError::Lost);
        }
        let id = resumes.unwrap_or_else(|| LaneId(self.next_lane.fetch_add(1, Ordering::Relaxed)));
        let lane = Lane { id, engine: engine.clone(), out, anew: AtomicBool::new(resumes.is_none()) };
        let first = unit.add(lane, self.clock.now());
        tracing::info!(engine.id = %engine, unit = %unit.name, lane = id.0, resumed = resumes.is_some(), "engine attached");
        if first {
            self.on_unit_attached(&unit, resumes.is_some());
        }
        self.sweep_undelivered(&unit);
        Ok(id)
    }

    /// The lane is gone; its session may come back. `out` tells it from a newer attachment of the same lane.
    pub fn detach(&self, unit: &UnitName, lane: LaneId, out: &mpsc::Sender<ToEngine>) {
        if let Some(unit) = self.unit(unit) {
            unit.remove(lane, Some(out), self.clock.now());
        }
    }

    /// The routing engine has acknowledged the frame that carried this command.
    pub fn on_delivered(&self, unit: &UnitName, contact: &ContactName, seq: ActionSeq) {
        let id = ContactId { unit: unit.clone(), name: contact.clone() };
        let mut shard = self.shards.of(&id);
        let Some(entry) = shard.contacts.get_mut(&id) else { return };
        let directory = entry.unit.directory.load();
        let now = self.clock.now();
        if let Some(took) = entry.sent.delivered(seq, now) {
            let mut counts = Counts::default();
            counts.add(Span::Delivery.code(took), 1);
            self.journal.numbers.add(numbers::key(&entry.served, None, now), &counts);
        }
        let cx = entry.served.context(&directory, now);
        // Yields nothing but a running clock.
        entry.contact.on_event(Event::Delivered(seq), cx, &mut Out::default());
        entry.changed = true;
        shard.arm(&id);
    }

    /// Applies an event to a contact, if there is such a contact. Says whether it was for anything: there is, and no answer in
    /// it was too late.
    fn apply(self: &Arc<Self>, id: &ContactId, event: Event) -> bool {
        let mut todo = Todo::default();
        let known = self.apply_in(&mut self.shards.of(id), id, event, &mut todo);
        let taken = known && !todo.stale;
        self.finish(todo);
        taken
    }

    /// One transition, under its shard's lock. Says whether the contact exists.
    fn apply_in(&self, shard: &mut Shard, id: &ContactId, mut event: Event, todo: &mut Todo) -> bool {
        let Some(entry) = shard.contacts.get_mut(id) else { return false };
        let mut out = Out::default();
        let tokenised = self.tokenise(&mut event, entry);
        let directory = entry.unit.directory.load();
        let cx = entry.served.context(&directory, self.clock.now());
        let (waiting, words) = (entry.contact.waiting(), entry.contact.asks_words());
        entry.contact.on_event(event, cx, &mut out);
        tokenised.tell(&mut entry.contact, &mut out);
        self.count_waiting(waiting, entry.contact.waiting());
        self.settle(shard, id, (out, words), Vec::new(), todo);
        true
    }

    /// Journals a transition and sorts its effects. `words`: before it, the customer's were with the language engine. `first`
    /// goes out before the effects.
    fn settle(&self, shard: &mut Shard, id: &ContactId, (out, words): (Out, bool), first: Vec<After>, todo: &mut Todo) {
        let Some(entry) = shard.contacts.get_mut(id) else { return };
        let Out { effects, mut steps } = out;
        self.observe(&steps);
        todo.stale |= self.observe_engines(entry, &steps);
        entry.served.hearers(entry.contact.engine(), &steps, id, &mut todo.told);
        // Also without a step: typing moves the clock, and the next snapshot has to say so.
        entry.changed = true;
        let now = self.clock.now();
        entry.moved_at = now;
        let moment = Moment { now, words, had_person: entry.contact.had_person() };
        let added = Added::of(&steps, moment, &mut entry.sent);
        steps.retain(|step| step.is_durable());
        let mut after = first;
        let over = self.sort(id, entry, effects, &mut todo.questions, &mut after);
        let now = if steps.is_empty() {
            self.journal.follow(&mut after)
        } else {
            let added = Some((numbers::key(&entry.served, None, now), added));
            self.write(id, &entry.contact, &mut entry.chain, (&steps, added), &mut after)
        };
        // Under the lock, or the next transition's commands could overtake these.
        self.send_now(entry, now, todo);
        if over {
            let last = entry.last();
            let past = Past::of(&entry.contact, Some(&entry.served.rules.profile));
            self.journal.close(Closed { contact: id.clone(), last, at: self.clock.now(), past });
            self.contacts.fetch_sub(1, Ordering::Relaxed);
            shard.close(id);
        } else {
            shard.arm(id);
        }
    }

    /// Appends a transition to the journal; yields what need not wait for the commit.
    fn write(
        &self,
        id: &ContactId,
        contact: &Contact,
        chain: &mut Chain,
        (steps, added): (&[Step], Option<(NumberKey, Added)>),
        after: &mut Vec<After>,
    ) -> Vec<After> {
        let failed = |error: &dyn std::fmt::Display| {
            tracing::error!(contact.id = %id, %error, "a transition cannot be written");
            Vec::new()
        };
        match contact.record(steps).map(Zeroizing::new) {
            Ok(body) => {
                let appended = self.journal.append(id, chain, (self.clock.now(), &body), added, after);
                appended.unwrap_or_else(|error| failed(&error))
            }
            Err(error) => failed(&error),
        }
    }

    /// What a transition led to, outside the lock.
    fn finish(self: &Arc<Self>, todo: Todo) {
        for question in todo.questions {
            self.ask(question);
        }
        for (request, seq) in todo.queries {
            self.query(*request, seq);
        }
        for (engine, id, step) in todo.told {
            engine.on_step(&id, &step);
        }
    }

    fn unit(&self, name: &UnitName) -> Option<Arc<Unit>> {
        self.units.load().get(name).cloned()
    }

    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Open contacts.
    #[must_use]
    pub fn contacts(&self) -> usize {
        self.contacts.load(Ordering::Relaxed)
    }

    /// With `async` durability a kill may lose commands that the routing engine has carried out. It would take others under
    /// their numbers for repetitions, so every life of the gateway begins with numbers of its own.
    fn spare_lost_numbers(&self, contact: &mut Contact) {
        if self.journal.may_lose() {
            let life = u32::try_from(self.claim.epoch.0).unwrap_or(u32::MAX);
            contact.spare_numbers(NUMBERS_PER_LIFE, ActionSeq(life.saturating_mul(NUMBERS_PER_LIFE)));
        }
    }

    fn insert(&self, shard: &mut Shard, id: ContactId, entry: Entry) {
        if shard.contacts.insert(id, entry).is_none() {
            self.contacts.fetch_add(1, Ordering::Relaxed);
        }
    }
}
