//! The floor at run time: changes under one lock, their records in the journal, and behind these what the world may see.

use std::{
    collections::{HashMap, VecDeque},
    mem,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::{RngExt as _, rngs::StdRng};
use tokio::sync::{Notify, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    Board, Config, JournalError, Refusal,
    centre::AtGateway,
    floor::{Floor, Frame, Out},
    follow::Pulse,
    journal::{self, Journal},
    link::{Centre, Link, LinkConfig, Receipt},
    talk::{Entry, Hint},
};
use crate::{
    clock::Clock,
    core::ids::{ContactName, Timestamp},
};

/// The desk's page is drawn this often at most.
const BOARD_EVERY: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Inner {
    /// The floor, and what waits behind its records. Held for one change; records are appended inside, so that they stand in the
    /// order of the changes.
    state: Mutex<State>,
    journal: Journal,
    clock: Clock,
    board: watch::Sender<Arc<Board>>,
    /// Something waits behind the journal.
    behind: Notify,
    /// Something waits for the link.
    outgoing: Notify,
    /// The next deadline has changed.
    deadline: Notify,
    board_changed: Notify,
    closing: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Debug)]
struct State {
    floor: Floor,
    rng: StdRng,
    pulses: HashMap<ContactName, watch::Sender<Pulse>>,
    behind: VecDeque<(u64, Behind)>,
    /// Durable, and not with the link. Bounded by what contacts may have waiting: frames are made while the gateway is there.
    outgoing: VecDeque<Frame>,
}

/// What may be seen once its record is durable.
#[derive(Debug)]
struct Behind {
    news: Vec<(ContactName, usize)>,
    hints: Vec<(ContactName, Hint)>,
    frames: Vec<Frame>,
}

impl Inner {
    pub(super) async fn start(config: Config, clock: Clock, rng: StdRng) -> Result<Arc<Self>, JournalError> {
        let now = clock.now();
        let link = config.link.clone();
        // Reads and writes files: not for a worker of the runtime.
        let opened = tokio::task::spawn_blocking(move || open(config, now)).await;
        let (floor, journal) = opened.map_err(|error| JournalError::Io {
            path: "switchboard.jsonl".into(),
            source: std::io::Error::other(error),
        })??;
        Ok(Self::begin(floor, journal, link, clock, rng))
    }

    fn begin(floor: Floor, journal: Journal, link: Option<LinkConfig>, clock: Clock, rng: StdRng) -> Arc<Self> {
        let now = clock.now();
        let pulse = |entries| watch::Sender::new(Pulse { entries, ..Pulse::default() });
        let pulses = floor.contacts().map(|(id, it)| (id.clone(), pulse(it.entries.len()))).collect();
        let board = watch::Sender::new(Arc::new(floor.board(now)));
        let inner = Arc::new(Self {
            state: Mutex::new(State { floor, rng, pulses, behind: VecDeque::new(), outgoing: VecDeque::new() }),
            journal,
            clock,
            board,
            behind: Notify::new(),
            outgoing: Notify::new(),
            deadline: Notify::new(),
            board_changed: Notify::new(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        });
        if let Some(link) = link {
            let centre: Arc<dyn Centre> = Arc::new(AtGateway(Arc::clone(&inner)));
            let link = Link::start(link, &centre);
            inner.tasks.spawn(Arc::clone(&inner).send(link));
        }
        inner.tasks.spawn(Arc::clone(&inner).release());
        inner.tasks.spawn(Arc::clone(&inner).keep_time());
        inner.tasks.spawn(Arc::clone(&inner).draw());
        inner
    }

    pub(super) async fn stop(self: &Arc<Self>) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        let inner = Arc::clone(self);
        if tokio::task::spawn_blocking(move || inner.journal.stop()).await.is_err() {
            tracing::error!("the journal did not stop");
        }
    }

    /// What `read` says of the floor as it is now.
    pub(super) fn read<T>(&self, read: impl FnOnce(&Floor) -> T) -> T {
        read(&self.state().floor)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn closing(&self) -> CancellationToken {
        self.closing.clone()
    }

    pub(super) fn takes_work(&self) -> Result<(), Refusal> {
        let takes = self.journal.takes_work() && !self.closing.is_cancelled();
        if takes { Ok(()) } else { Err(Refusal::Unavailable) }
    }

    /// 128 random bits.
    pub(super) fn new_name(&self) -> Result<ContactName, Refusal> {
        let name = format!("{:032x}", self.state().rng.random::<u128>());
        ContactName::new(&name).map_err(|why| Refusal::Invalid { field: "contact", why: why.to_string() })
    }

    /// Changes the floor. What it led to is seen once it is durable, up to the position that is yielded.
    pub(super) fn apply<T>(&self, change: impl FnOnce(&mut Floor, Timestamp, &mut Out) -> T) -> (T, u64) {
        let mut state = self.state();
        let state = &mut *state;
        // Read under the lock, so that time never runs backwards for the floor.
        let now = self.clock.now();
        let mut out = Out::default();
        let deadline = state.floor.next_deadline();
        let result = change(&mut state.floor, now, &mut out);
        let position = self.journal.append(&out.records);
        if self.journal.has_grown() {
            // A copy of references; it is written outside.
            self.journal.renew(state.floor.records());
        }
        for id in &out.gone {
            state.pulses.remove(id);
        }
        for (id, _) in &out.news {
            state.pulses.entry(id.clone()).or_default();
        }
        let Out { news, hints, frames, board, .. } = out;
        if !(news.is_empty() && hints.is_empty() && frames.is_empty()) {
            state.behind.push_back((position, Behind { news, hints, frames }));
            self.behind.notify_one();
        }
        if state.floor.next_deadline() != deadline {
            self.deadline.notify_one();
        }
        if board {
            self.board_changed.notify_one();
        }
        (result, position)
    }

    /// However long it takes.
    pub(super) async fn settled(&self, position: u64) {
        self.journal.settled(position).await;
    }

    pub(super) async fn is_durable(&self, position: u64) -> bool {
        self.journal.durable(position).await
    }

    pub(super) fn pulse(&self, contact: &ContactName) -> Option<watch::Receiver<Pulse>> {
        self.state().pulses.get(contact).map(watch::Sender::subscribe)
    }

    pub(super) fn entries(&self, contact: &ContactName, range: Range<usize>) -> Option<VecDeque<Arc<Entry>>> {
        let state = self.state();
        state.floor.find(contact)?.entries.get(range).map(|it| it.iter().cloned().collect())
    }

    /// Whether the contact is over, and this many entries are all.
    pub(super) fn has_ended(&self, contact: &ContactName, read: usize) -> bool {
        self.state().floor.find(contact).is_none_or(|it| it.is_over() && it.entries.len() <= read)
    }

    pub(super) fn board(&self) -> watch::Receiver<Arc<Board>> {
        // Nobody may have looked for a while.
        let fresh = self.state().floor.board(self.clock.now());
        self.board.send_replace(Arc::new(fresh));
        self.board.subscribe()
    }

    /// Lets the world see what has become durable.
    async fn release(self: Arc<Self>) {
        loop {
            let behind = mem::take(&mut self.state().behind);
            if behind.is_empty() {
                tokio::select! {
                    () = self.behind.notified() => continue,
                    () = self.closing.cancelled() => return,
                }
            }
            for (position, behind) in behind {
                tokio::select! {
                    () = self.journal.settled(position) => self.show(behind),
                    () = self.closing.cancelled() => return,
                }
            }
        }
    }

    fn show(&self, behind: Behind) {
        let mut state = self.state();
        for (id, entries) in behind.news {
            if let Some(pulse) = state.pulses.get(&id) {
                pulse.send_modify(|it| it.entries = it.entries.max(entries));
            }
        }
        for (id, hint) in behind.hints {
            if let Some(pulse) = state.pulses.get(&id) {
                pulse.send_modify(|it| {
                    it.hints += 1;
                    it.hint = Some(hint);
                });
            }
        }
        if !behind.frames.is_empty() {
            state.outgoing.extend(behind.frames);
            self.outgoing.notify_one();
        }
    }

    /// Gives the link what it can take; it waits while the gateway is slow, and nobody else does.
    async fn send(self: Arc<Self>, link: Link) {
        let send = async {
            loop {
                let next = self.state().outgoing.pop_front();
                match next {
                    Some(frame) => {
                        if link.send(frame.body, frame.receipt.map(Receipt)).await.is_err() {
                            return;
                        }
                    }
                    None => self.outgoing.notified().await,
                }
            }
        };
        tokio::select! {
            () = send => {}
            () = self.closing.cancelled() => {}
        }
        link.stop().await;
    }

    /// The one task that waits for deadlines.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let next = self.state().floor.next_deadline();
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep(at.since(self.clock.now())).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => self.apply(|floor, now, out| floor.on_time(now, out)).0,
                () = self.deadline.notified() => {}
                () = self.closing.cancelled() => return,
            }
        }
    }

    async fn draw(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.board_changed.notified() => {}
                () = self.closing.cancelled() => return,
            }
            if self.board.receiver_count() > 0 {
                let board = self.state().floor.board(self.clock.now());
                self.board.send_replace(Arc::new(board));
            }
            tokio::select! {
                () = tokio::time::sleep(BOARD_EVERY) => {}
                () = self.closing.cancelled() => return,
            }
        }
    }
}

/// The floor as the journal left it.
fn open(config: Config, now: Timestamp) -> Result<(Floor, Journal), JournalError> {
    let mut floor = Floor::new(config.setup, config.limits);
    let mut out = Out::default();
    let Some(path) = &config.journal else {
        floor.resume(now, &mut out);
        return Ok((floor, Journal::in_memory()));
    };
    let opened = journal::open(path, |record| floor.restore(record))?;
    floor.resume(now, &mut out);
    // What resuming has changed is in the whole.
    let journal = opened.start(&floor.records())?;
    Ok((floor, journal))
}

#[cfg(test)]
mod tests;
