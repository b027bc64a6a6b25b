//! What runs beside the calls: the timers, the checkpoints, resending, and the drain at the end.

use std::{sync::Arc, time::Duration};

use jiff::tz::TimeZone;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Gateway, JournalStopped, Todo,
    alerts::{About, Alert, AlertKey, AlertKind},
    erasing::Swept,
    lane::ToEngine,
    shard::{Entry, Shard},
    storage::{Batch, Day, Snapshot},
    timers::TICK,
    unit::Unit,
};
use crate::{
    clock::Clock,
    core::{
        contact::Event,
        ids::{ContactId, Timestamp},
        said::said,
    },
    telemetry::labels::Stage,
};

/// A timer that may not run now (its engine is away) is looked at again after this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Below this many records in the journal's queue a checkpoint goes on.
const CHECKPOINT_BACKLOG: usize = 1024;
const PAUSE: Duration = Duration::from_millis(5);
/// An engine that does not acknowledge by then gets it again when it resumes.
const RECEIPTS_WITHIN: Duration = Duration::from_millis(500);

/// How long things are kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    /// Timelines of closed contacts.
    pub timelines: Duration,
    pub numbers_days: u16,
}

impl Gateway {
    /// The journal's writer, until `stop` and everything is written.
    ///
    /// # Errors
    /// When the store is lost for good: taken over by another gateway, or not readable as ours.
    pub async fn run_journal(self: Arc<Self>, stop: CancellationToken) -> Result<(), JournalStopped> {
        let gateway = Arc::clone(&self);
        let carry_out = move |written: &Batch, after, acks: Vec<_>, took| {
            gateway.metrics.stage(Stage::Commit, took);
            gateway.carry_out(after);
            gateway.watchers.tell(&written.records);
            for (lane, frame) in acks {
                gateway.push_to_lane(lane, ToEngine::Ack(frame));
            }
        };
        self.journal.run(self.claim, &self.clock, stop, carry_out).await
    }

    fn push_to_lane(&self, lane: super::LaneId, frame: ToEngine) {
        let units = self.units.load();
        if let Some(unit) = units.values().find(|unit| unit.lane(lane).is_some()) {
            self.push(unit, lane, frame);
        }
    }

    /// Turns the wheels, until `stop`.
    pub async fn run_timers(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = Vec::new();
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            let now = self.clock.now();
            for mut shard in self.shards.each() {
                let mut todo = Todo::default();
                shard.wheel.turn(now, &mut due);
                for (id, look) in due.drain(..) {
                    self.look(&mut shard, &id, (look, now), &mut todo);
                }
                drop(shard);
                self.finish(todo);
            }
            self.tick_agents(now);
            self.sweep_where_wanted();
            self.gauge();
        }
    }

    /// What is cheaper to look up now and then than to count at every change.
    fn gauge(&self) {
        let size = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let (backlog, lag) = (self.journal.backlog(), self.journal.lag(self.clock.now()));
        self.metrics.journal_backlog.set(size(backlog));
        self.metrics.journal_lag(lag);
        self.metrics.contacts.set(size(self.contacts()));
        self.metrics.running_calls.set(size(self.calls.running()));
        let lanes: usize = self.units.load().values().map(|unit| unit.lanes().len()).sum();
        self.metrics.lanes.set(size(lanes));
        self.report_store();
        self.report_credentials();
        self.report_outages();
    }

    fn report_credentials(&self) {
        for served in self.roster.load().profiles() {
            let until = served.engines().seat(None).credential_valid_until().map_or(0, |until| until.0 / 1000);
            served.token_gauge(&self.metrics).set(until);
        }
    }

    /// The store's state as operators see it.
    fn report_store(&self) {
        let writable = self.journal.is_writable();
        self.health.store_available(writable);
        let key = AlertKey { kind: AlertKind::Store, unit: None, about: About::Store };
        if writable {
            self.alerts.clear(&key);
        } else {
            self.alerts.raise(Alert {
                key,
                text: said!("the store cannot be written: new work is refused until it can"),
                mending: said!("free space on the store's disk and check its permissions; no restart is needed"),
                raised_at: self.clock.now(),
            });
        }
    }

    /// The wheel shows a contact: its time has come, or it has moved since.
    fn look(&self, shard: &mut Shard, id: &ContactId, (look, now): (Timestamp, Timestamp), todo: &mut Todo) {
        let Some(entry) = shard.contacts.get_mut(id).filter(|entry| entry.look == Some(look)) else { return };
        entry.look = None;
        let due = entry.contact.due(&entry.served.rules);
        if due.is_none_or(|due| due > now) {
            shard.arm(id);
        } else if entry.unit.timers_run(now) {
            self.apply_in(shard, id, Event::Tick, todo);
        } else if entry.unit.absence(now) >= self.limits.engine_absence {
            self.apply_in(shard, id, Event::EngineAway, todo);
        } else {
            let again = shard.wheel.look_for(now + LOOK_AGAIN);
            entry.look = Some(again);
            shard.wheel.push(id.clone(), again);
        }
    }

    /// Writes snapshots of what has changed, every so often, so that a recovery need not read far.
    pub async fn run_checkpoints(self: Arc<Self>, every: Duration, kept: Kept, stop: CancellationToken) {
        let mut rounds = interval(every);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rounds.tick().await;
        self.count_erased().await;
        while stop.run_until_cancelled(rounds.tick()).await.is_some() {
            self.end_abandoned().await;
            self.checkpoint().await;
            self.prune(kept.timelines).await;
            self.prune_numbers(kept.numbers_days).await;
            self.count_erased().await;
        }
    }

    /// Gives up every contact whose engine has stayed away too long, whatever the contact waits for: most have no clock that
    /// would come round to it.
    pub(super) async fn end_abandoned(self: &Arc<Self>) {
        let now = self.clock.now();
        let gone = |unit: &Unit| unit.absence(now) >= self.limits.engine_absence;
        if !self.units.load().values().any(|unit| gone(unit)) {
            return;
        }
        for index in 0..super::shard::SHARDS {
            self.end_abandoned_of(index, gone);
            tokio::task::yield_now().await;
        }
    }

    fn end_abandoned_of(self: &Arc<Self>, index: usize, gone: impl Fn(&Unit) -> bool) {
        let Some(mut shard) = self.shards.at(index) else { return };
        let abandoned = shard.contacts.iter().filter(|(_, entry)| gone(&entry.unit));
        let ids: Vec<ContactId> = abandoned.map(|(id, _)| id.clone()).collect();
        let mut todo = Todo::default();
        for id in ids {
            self.apply_in(&mut shard, &id, Event::EngineAway, &mut todo);
        }
        drop(shard);
        self.finish(todo);
    }

    /// They are erased by another process.
    pub(super) async fn count_erased(&self) {
        match self.store.erased().await {
            Ok(contacts) => self.metrics.erased_contacts.set(i64::try_from(contacts).unwrap_or(i64::MAX)),
            Err(error) => tracing::warn!(%error, source = %error.source, "erased contacts cannot be counted"),
        }
    }

    async fn prune(&self, retention: Duration) {
        let kept_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        let before = Timestamp(self.clock.now().0.saturating_sub(kept_ms));
        let done = self.store.prune(before).await;
        let records = done.as_ref().map(|it| *it).map_err(ToString::to_string);
        self.swept.store(Some(Arc::new(Swept { at: self.clock.now(), records })));
        match done {
            Ok(0) => {}
            Ok(records) => tracing::info!(records, "old timelines pruned"),
            Err(error) => tracing::warn!(%error, source = %error.source, "pruning failed; it is tried again"),
        }
    }

    /// A day that begins later somewhere is kept a day longer.
    async fn prune_numbers(&self, days: u16) {
        let before = Day::of(self.clock.now(), &TimeZone::UTC).plus(-i32::from(days) - 1);
        match self.store.prune_numbers(before).await {
            Ok(0) => {}
            Ok(rows) => tracing::info!(rows, %before, "numbers of old days pruned"),
            Err(error) => tracing::warn!(%error, source = %error.source, "pruning failed; it is tried again"),
        }
    }

    /// One round: every contact whose state is not in a snapshot gets one; then the journal before it is not needed.
    pub async fn checkpoint(&self) {
        let position = self.journal.position();
        for index in 0..super::shard::SHARDS {
            while self.journal.backlog() > CHECKPOINT_BACKLOG && self.journal.is_writable() {
                sleep(PAUSE).await;
            }
            if !self.journal.is_writable() {
                // The journal as it stands is enough for a recovery; the next round does better.
                return;
            }
            self.snapshot_shard(index);
            tokio::task::yield_now().await;
        }
        self.journal.checkpoint(position);
    }

    fn snapshot_shard(&self, index: usize) {
        let Some(mut shard) = self.shards.at(index) else { return };
        for (id, entry) in shard.contacts.iter_mut().filter(|(_, entry)| entry.changed) {
            match snapshot(id, entry) {
                Ok(Some(snapshot)) => {
                    self.journal.snapshot(snapshot);
                    entry.changed = false;
                }
                // No record of it could be written.
                Ok(None) => {}
                Err(error) => tracing::error!(contact.id = %id, error = &*error, "a snapshot cannot be written"),
            }
        }
    }

    /// Sends what the engine has not been given, contact by contact, no faster than its lanes take it. One sweep per unit at
    /// a time: what is wanted meanwhile makes it go round again.
    pub(super) fn sweep_undelivered(self: &Arc<Self>, unit: &Arc<Unit>) {
        if !unit.sweep.begin() {
            return;
        }
        let (gateway, unit) = (Arc::clone(self), Arc::clone(unit));
        self.tasks.spawn(async move {
            while unit.sweep.goes_on() {
                if gateway.sweep_once(&unit).await {
                    sleep(TICK).await;
                    unit.sweep.want();
                }
            }
        });
    }

    /// Says whether a lane was too full to take what is its.
    async fn sweep_once(&self, unit: &Arc<Unit>) -> bool {
        let mut held_up = false;
        for index in 0..super::shard::SHARDS {
            held_up |= self.sweep_shard(unit, index);
            tokio::task::yield_now().await;
        }
        held_up
    }

    fn sweep_shard(&self, unit: &Arc<Unit>, index: usize) -> bool {
        let Some(mut shard) = self.shards.at(index) else { return false };
        let mut held_up = false;
        for (id, entry) in shard.contacts.iter_mut().filter(|(_, entry)| Arc::ptr_eq(&entry.unit, unit)) {
            held_up |= !self.send_undelivered(id, entry);
        }
        held_up
    }

    /// Lanes that went while others stayed leave their contacts to those.
    pub(super) fn sweep_where_wanted(self: &Arc<Self>) {
        for unit in self.units.load().values().filter(|unit| unit.sweep.is_wanted()) {
            self.sweep_undelivered(unit);
        }
    }

    /// Takes no new contacts, lets what runs finish, and tells the engines. Returns when nothing runs, or after `grace`.
    pub async fn drain(&self, grace: Duration) {
        self.draining.store(true, std::sync::atomic::Ordering::Relaxed);
        self.shadows.cancel();
        for unit in self.units.load().values() {
            for lane in unit.lanes().iter() {
                self.push(unit, lane.id, ToEngine::Draining { grace });
            }
        }
        let began = Clock::instant();
        // An external query starts after its commit: until then the journal knows of it, and nobody else.
        while (self.calls.running() > 0 || !self.journal.is_idle()) && began.elapsed() < grace {
            sleep(PAUSE).await;
        }
        // What the last turns have sent is acknowledged while its stream stands: it need not be sent again after the start.
        let until = grace.min(began.elapsed() + RECEIPTS_WITHIN);
        while self.awaits_receipts() && began.elapsed() < until {
            sleep(PAUSE).await;
        }
        // What outlives the grace ends with the process; a restart asks again.
        self.tasks.close();
        let left = grace.saturating_sub(began.elapsed()).max(PAUSE);
        if timeout(left, self.tasks.wait()).await.is_err() {
            tracing::warn!(tasks = self.tasks.len(), "some questions are still running");
        }
    }

    /// Whether something has been sent to an engine that is attached, and is not acknowledged.
    fn awaits_receipts(&self) -> bool {
        (0..super::shard::SHARDS).filter_map(|index| self.shards.at(index)).any(|shard| {
            let mut contacts = shard.contacts.values();
            contacts.any(|it| it.lane.is_some() && it.contact.undelivered().next().is_some())
        })
    }

    /// Waits until everything that happened is written and carried out, or cannot be.
    pub async fn flushed(&self) {
        while !self.journal.is_idle() && self.journal.is_writable() {
            sleep(PAUSE).await;
        }
    }
}

fn snapshot(id: &ContactId, entry: &mut Entry) -> Result<Option<Snapshot>, Box<dyn std::error::Error>> {
    let state = Zeroizing::new(entry.contact.snapshot()?);
    Ok(entry.chain.seal_snapshot(id, &state)?)
}
