//! The pools of all profiles: who may touch which, what their effects lead to, and the one timer that each needs.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{
    sync::{Notify, oneshot},
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{
    convert,
    frames::{Code, Question, Reply, ToConnector},
    pool::{Attached, Effect, Failure, Pool, Terms, TurnKey},
};
use crate::{
    clock::Clock,
    core::{
        ids::{ContactName, ProfileName, Timestamp, UnitName},
        said::said,
        step::Step,
    },
    gateway::{
        alerts::{About, Alert, AlertKey, AlertKind, Alerts},
        ports::Progress,
    },
    telemetry::{
        Metrics,
        labels::{ConnectorBadFrame, ConnectorClose},
    },
};

/// Whose sockets: a profile may have several connectors, told apart by their tokens' names; mostly it is one without a name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeskName {
    pub unit: UnitName,
    pub profile: ProfileName,
    pub token: String,
}

impl DeskName {
    fn about(&self) -> About {
        About::Connector { profile: self.profile.clone(), token: self.token.clone() }
    }
}

impl fmt::Display for DeskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.about().fmt(f)
    }
}

/// All of a gateway's. Cheap to clone; lives as long as the process, so that a reload costs no connector its socket.
#[derive(Clone)]
pub struct Hub {
    clock: Clock,
    metrics: Arc<Metrics>,
    alerts: Arc<Alerts>,
    /// Held for a look each: at dial-in, and when an engine is built. A desk lives as long as an engine uses it.
    desks: Arc<Mutex<BTreeMap<DeskName, Weak<Desk>>>>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

impl Hub {
    #[must_use]
    pub fn new(clock: Clock, metrics: Arc<Metrics>, alerts: Arc<Alerts>) -> Self {
        Self { clock, metrics, alerts, desks: Arc::default() }
    }

    /// The desk of that name, with these terms from now on; made when there is none. To be called within a Tokio runtime.
    pub(super) fn desk(&self, name: &DeskName, terms: Terms) -> Arc<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(desk) = desks.get(name).and_then(Weak::upgrade) {
            desk.with(|pool, _| pool.set_terms(terms));
            return desk;
        }
        desks.retain(|_, it| it.strong_count() > 0);
        let desk = Desk::new(name.clone(), terms, self);
        desks.insert(name.clone(), Arc::downgrade(&desk));
        desk
    }

    /// `None`: no profile is served by such a connector.
    pub(super) fn find(&self, name: &DeskName) -> Option<Arc<Desk>> {
        self.desks.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    pub(super) fn all(&self) -> Vec<Arc<Desk>> {
        let desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        desks.values().filter_map(Weak::upgrade).collect()
    }

    /// Who is attached for whom, by name; of each the first `most` sockets. For those who watch.
    #[must_use]
    pub fn now(&self, most: usize) -> Vec<DeskNow> {
        self.all().iter().map(|it| it.now(most)).collect()
    }

    /// Closes every socket: the gateway goes down, and nobody waits for a turn any more.
    pub fn close(&self) {
        for desk in self.all() {
            desk.with(|pool, now| pool.end_all(ConnectorClose::Draining, now));
        }
    }
}

/// What is attached under one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskNow {
    pub name: DeskName,
    pub attached: usize,
    /// Turns that a socket has, and turns that wait for one.
    pub turns: usize,
    /// The first of them.
    pub sockets: Vec<SocketNow>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SocketNow {
    pub since: Timestamp,
    pub in_flight: usize,
    /// How many it may have.
    pub credits: u32,
    /// It takes no further turn.
    pub leaves: bool,
}

/// Takes what came of a turn.
type Settle = oneshot::Sender<Result<Box<Reply>, Failure>>;

/// Who waits for a turn.
pub(super) struct Waiter {
    /// Taken by whoever settles it, once.
    done: Mutex<Option<Settle>>,
    progress: Progress,
    /// A part of the answer was said.
    spoke: AtomicBool,
}

impl fmt::Debug for Waiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiter")
    }
}

/// What a pool knows a socket by.
#[derive(Debug, Default)]
pub(super) struct Wire {
    /// Something is to be looked at: frames, or the two below.
    pub(super) wake: Notify,
    /// How the socket is to end, and what is to be written first.
    end: Mutex<Option<(ConnectorClose, Vec<ToConnector>)>>,
    pub(super) flooded: AtomicBool,
}

impl Wire {
    pub(super) fn take_end(&self) -> Option<(ConnectorClose, Vec<ToConnector>)> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

type Effects = Vec<Effect<Arc<Waiter>, Arc<Wire>>>;

/// One pool and what surrounds it.
pub(super) struct Desk {
    pub(super) name: DeskName,
    clock: Clock,
    metrics: Arc<Metrics>,
    alerts: Arc<Alerts>,
    /// Held for one event each, never across an await; effects are carried out after it is released, for they lead into the
    /// gateway.
    pool: Mutex<Counted>,
    /// The pool wants to be looked at earlier than the timer knows.
    earlier: Arc<Notify>,
    timer: Mutex<Option<AbortHandle>>,
}

struct Counted {
    pool: Pool<Arc<Waiter>, Arc<Wire>>,
    /// What the gauges were told last.
    sockets: usize,
    turns: usize,
    /// When the timer looks.
    scheduled: Option<Instant>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Desk {
    fn new(name: DeskName, terms: Terms, hub: &Hub) -> Arc<Self> {
        let pool = Pool::new(terms, rand::random(), Clock::instant());
        let pool = Mutex::new(Counted { pool, sockets: 0, turns: 0, scheduled: None });
        let (clock, metrics, alerts) = (hub.clock.clone(), Arc::clone(&hub.metrics), Arc::clone(&hub.alerts));
        let earlier = Arc::new(Notify::new());
        let timer = Mutex::default();
        let desk = Arc::new(Self { name, clock, metrics, alerts, pool, earlier: Arc::clone(&earlier), timer });
        // Ends with the desk: `Drop` aborts it.
        let timer = tokio::spawn(run_timer(Arc::downgrade(&desk), earlier)).abort_handle();
        *desk.timer.lock().unwrap_or_else(PoisonError::into_inner) = Some(timer);
        desk
    }

    /// Does something to the pool, then what follows from it.
    pub(super) fn with<T>(&self, what: impl FnOnce(&mut Pool<Arc<Waiter>, Arc<Wire>>, Instant) -> T) -> T {
        let now = Clock::instant();
        let mut counted = self.lock();
        let result = what(&mut counted.pool, now);
        let effects = self.account(&mut counted);
        drop(counted);
        self.carry_out(effects);
        result
    }

    /// What is due is done. Says when to look again.
    fn look(&self) -> Option<Instant> {
        self.with(Pool::on_time);
        let mut counted = self.lock();
        counted.scheduled = counted.pool.next_due();
        counted.scheduled
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn account(&self, counted: &mut Counted) -> Effects {
        let change = |before: usize, after: usize| {
            i64::try_from(after).unwrap_or_default() - i64::try_from(before).unwrap_or_default()
        };
        let (sockets, turns) = (counted.pool.sockets(), counted.pool.turns());
        if sockets != counted.sockets {
            self.metrics.connector_sockets.add(change(counted.sockets, sockets));
        }
        if turns != counted.turns {
            self.metrics.connector_turns.add(change(counted.turns, turns));
        }
        (counted.sockets, counted.turns) = (sockets, turns);
        let due = counted.pool.next_due();
        if let Some(due) = due
            && counted.scheduled.is_none_or(|it| due < it)
        {
            counted.scheduled = Some(due);
            self.earlier.notify_one();
        }
        counted.pool.take_effects()
    }

    fn carry_out(&self, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Settled(waiter, result) => {
                    let done = waiter.done.lock().unwrap_or_else(PoisonError::into_inner).take();
                    // Whoever asked may have gone.
                    drop(done.map(|it| it.send(result)));
                }
                Effect::Said(waiter, reply) => {
                    waiter.spoke.store(true, Ordering::Relaxed);
                    waiter.progress.say(convert::replies(reply.messages));
                }
                Effect::Typing(waiter) => waiter.progress.typing(),
                Effect::Wake(wire) => wire.wake.notify_one(),
                Effect::Flooded(wire) => {
                    wire.flooded.store(true, Ordering::Relaxed);
                    wire.wake.notify_one();
                }
                Effect::Close(wire, why, last) => {
                    *wire.end.lock().unwrap_or_else(PoisonError::into_inner) = Some((why, last));
                    wire.wake.notify_one();
                }
                Effect::Moved => self.metrics.connector_turn_moved(),
                Effect::Late => self.metrics.connector_late_reply(),
                Effect::Alone(true) => self.alerts.raise(self.alert()),
                Effect::Alone(false) => self.alerts.clear(&self.alert().key),
            }
        }
    }

    fn alert(&self) -> Alert {
        let (name, about) = (&self.name, self.name.about());
        let which = if name.token.is_empty() { String::new() } else { format!(" --name {}", name.token) };
        Alert {
            text: said!("{}: no connector is attached", about.tell()),
            key: AlertKey { kind: AlertKind::Connector, unit: Some(name.unit.clone()), about },
            mending: said!(
                "start the connector with the profile's token (`usher token reload {}{}` makes one)",
                name.profile,
                which
            ),
            raised_at: self.clock.now(),
        }
    }

    /// A frame of a connector's was bad.
    pub(super) fn count_bad(&self, code: Code) {
        match code {
            Code::BadJson => self.metrics.connector_bad_frame(ConnectorBadFrame::BadJson),
            Code::BadFrame => self.metrics.connector_bad_frame(ConnectorBadFrame::BadFrame),
            Code::NotText => self.metrics.connector_bad_frame(ConnectorBadFrame::NotText),
            Code::Unexpected => self.metrics.connector_bad_frame(ConnectorBadFrame::Unexpected),
            Code::UnknownTurn => {}
        }
    }

    pub(super) fn ask(
        self: &Arc<Self>,
        contact: ContactName,
        question: Question,
        progress: Progress,
        deadline: Instant,
    ) -> Asked {
        let (done, answer) = oneshot::channel();
        let waiter = Arc::new(Waiter { done: Mutex::new(Some(done)), progress, spoke: AtomicBool::new(false) });
        let (question, waits) = (Arc::new(question), Arc::clone(&waiter));
        let turn = self.with(|pool, now| pool.ask(contact, question, deadline, waits, now));
        Asked { desk: Arc::clone(self), turn, waiter, answer }
    }

    fn now(&self, most: usize) -> DeskNow {
        let (wall, now) = (self.clock.now(), Clock::instant());
        let counted = self.lock();
        let pool = &counted.pool;
        let since = |at: Instant| {
            let ago = i64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(i64::MAX);
            Timestamp(wall.0.saturating_sub(ago))
        };
        let socket = |it: Attached| SocketNow {
            since: since(it.since),
            in_flight: it.in_flight,
            credits: it.credits,
            leaves: it.leaves,
        };
        let sockets = pool.attached().take(most).map(socket).collect();
        DeskNow { name: self.name.clone(), attached: pool.sockets(), turns: pool.turns(), sockets }
    }

    pub(super) fn has_sessions(&self) -> bool {
        self.with(|pool, _| pool.has_sessions())
    }

    pub(super) fn on_step(&self, contact: &ContactName, step: &Step) {
        self.with(|pool, now| pool.on_step(contact, step, now));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            timer.abort();
        }
        self.with(|pool, now| pool.end_all(ConnectorClose::ProfileGone, now));
        // What is left of it is no longer anybody's.
        let counted = self.lock();
        let left = |n: usize| -i64::try_from(n).unwrap_or_default();
        self.metrics.connector_sockets.add(left(counted.sockets));
        self.metrics.connector_turns.add(left(counted.turns));
        drop(counted);
        self.alerts.clear(&self.alert().key);
    }
}

/// A turn that somebody waits for; dropped before its end, it is given up.
pub(super) struct Asked {
    desk: Arc<Desk>,
    turn: TurnKey,
    waiter: Arc<Waiter>,
    answer: oneshot::Receiver<Result<Box<Reply>, Failure>>,
}

/// How a turn ended, and whether something was said before.
pub(super) struct Settled {
    pub(super) result: Result<Box<Reply>, Failure>,
    pub(super) spoke: bool,
}

impl Asked {
    /// `None`: the desk is gone.
    pub(super) async fn settled(mut self) -> Option<Settled> {
        let result = (&mut self.answer).await.ok()?;
        Some(Settled { result, spoke: self.waiter.spoke.load(Ordering::Relaxed) })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let waits = self.waiter.done.lock().unwrap_or_else(PoisonError::into_inner).take().is_some();
        if waits {
            self.desk.with(|pool, now| pool.abandon(self.turn, now));
        }
    }
}

/// Looks at the pool whenever something in it is due. Keeps no desk alive.
async fn run_timer(desk: Weak<Desk>, earlier: Arc<Notify>) {
    while let Some(due) = desk.upgrade().map(|it| it.look()) {
        match due {
            Some(due) => {
                tokio::select! {
                    () = sleep_until(due) => {}
                    () = earlier.notified() => {}
                }
            }
            None => earlier.notified().await,
        }
    }
}
