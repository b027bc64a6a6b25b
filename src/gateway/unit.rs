//! A business unit at run time: its directory and the lanes attached for it.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

use super::{LaneId, agents::Agents, lane::ToEngine};
use crate::core::{
    directory::Directory,
    ids::{EngineId, Timestamp, UnitName},
};

/// After an engine attaches, its unsent messages come first and timers wait this long.
const TIMER_GRACE: Duration = Duration::from_secs(2);
const NOBODY: i64 = i64::MIN;

/// How many lanes with lost frames are remembered; lanes are numbered in order, and the oldest will not come back.
const LOST: usize = 4096;

/// Asks for one task at a time that goes round as long as somebody wants it to.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    wanted: AtomicBool,
    running: AtomicBool,
}

impl Sweep {
    pub(super) fn want(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::SeqCst)
    }

    /// Whether the caller is to run the task.
    pub(super) fn begin(&self) -> bool {
        self.want();
        !self.running.swap(true, Ordering::SeqCst)
    }

    /// Whether the running task has another round to go.
    pub(super) fn goes_on(&self) -> bool {
        if self.wanted.swap(false, Ordering::SeqCst) {
            return true;
        }
        self.running.store(false, Ordering::SeqCst);
        // Wanted in between: whoever is first goes on.
        self.is_wanted() && !self.running.swap(true, Ordering::SeqCst) && self.goes_on()
    }
}

#[derive(Debug)]
pub(super) struct Unit {
    pub(super) name: UnitName,
    pub(super) directory: ArcSwap<Directory>,
    /// Attached lanes, in order of attaching. Read at every send, changed when an engine comes or goes.
    lanes: ArcSwap<Vec<Arc<Lane>>>,
    /// Serialises changes of `lanes`.
    changing: Mutex<()>,
    /// Protects the agents' log-on states; taken for an event of one agent.
    pub(super) agents: Mutex<Agents>,
    /// Whether contacts wait for being sent what is undelivered.
    pub(super) sweep: Sweep,
    /// Protects the ids of lanes that went before they had a frame which is not sent again: their sessions cannot go on.
    /// Taken when such a frame is lost, and at an attach.
    lost: Mutex<BTreeSet<u64>>,
    /// When the first of the lanes attached, or [`NOBODY`].
    attached_at: AtomicI64,
    /// When the last lane went.
    lost_at: AtomicI64,
    /// Since the start no directory has come, and nothing that the restart interrupted goes on.
    pub(super) interrupted: AtomicBool,
}

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) id: LaneId,
    pub(super) engine: EngineId,
    pub(super) out: mpsc::Sender<ToEngine>,
}

impl Unit {
    pub(super) fn new(name: UnitName, now: Timestamp) -> Self {
        Self {
            name,
            directory: ArcSwap::default(),
            lanes: ArcSwap::default(),
            changing: Mutex::new(()),
            agents: Mutex::default(),
            sweep: Sweep::default(),
            lost: Mutex::default(),
            attached_at: AtomicI64::new(NOBODY),
            lost_at: AtomicI64::new(now.0),
            interrupted: AtomicBool::new(true),
        }
    }

    /// Says whether it is the first one.
    pub(super) fn add(&self, lane: Lane, now: Timestamp) -> bool {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lanes = Vec::clone(&self.lanes.load());
        lanes.retain(|it| it.id != lane.id);
        let first = lanes.is_empty();
        lanes.push(Arc::new(lane));
        self.lanes.store(Arc::new(lanes));
        if first {
            self.attached_at.store(now.0, Ordering::Release);
        }
        first
    }

    /// Says whether it was the last one. `sender`: only if the lane still has this one.
    pub(super) fn remove(&self, id: LaneId, sender: Option<&mpsc::Sender<ToEngine>>, now: Timestamp) -> bool {
        let _guard = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lanes = Vec::clone(&self.lanes.load());
        let before = lanes.len();
        lanes.retain(|it| it.id != id || sender.is_some_and(|sender| !it.out.same_channel(sender)));
        let last = before > 0 && lanes.is_empty();
        if before > lanes.len() && !last {
            self.sweep.want();
        }
        self.lanes.store(Arc::new(lanes));
        if last {
            self.attached_at.store(NOBODY, Ordering::Release);
            self.lost_at.store(now.0, Ordering::Release);
        }
        last
    }

    /// The lane did not get a frame that nobody will send again; its engine must send again what led to it.
    pub(super) fn lose(&self, lane: LaneId) {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        lost.insert(lane.0);
        if lost.len() > LOST {
            lost.pop_first();
        }
    }

    /// Whether a frame of the lane was lost; asked once.
    pub(super) fn has_lost(&self, lane: LaneId) -> bool {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).remove(&lane.0)
    }

    pub(super) fn lanes(&self) -> Arc<Vec<Arc<Lane>>> {
        self.lanes.load_full()
    }

    pub(super) fn lane(&self, id: LaneId) -> Option<Arc<Lane>> {
        self.lanes.load().iter().find(|it| it.id == id).cloned()
    }

    /// The lane itself if it is attached, otherwise any other of the unit.
    pub(super) fn lane_or_other(&self, id: Option<LaneId>) -> Option<LaneId> {
        let lanes = self.lanes.load();
        let own = lanes.iter().find(|it| Some(it.id) == id);
        own.or_else(|| lanes.first()).map(|it| it.id)
    }

    /// An engine that is away stops its contacts' clocks; one that is back has a moment to deliver what it holds.
    pub(super) fn timers_run(&self, now: Timestamp) -> bool {
        let attached_at = self.attached_at.load(Ordering::Acquire);
        attached_at != NOBODY && now >= Timestamp(attached_at) + TIMER_GRACE
    }

    /// How long no engine has been attached.
    pub(super) fn absence(&self, now: Timestamp) -> Duration {
        if self.attached_at.load(Ordering::Acquire) != NOBODY {
            return Duration::ZERO;
        }
        now.since(Timestamp(self.lost_at.load(Ordering::Acquire)))
    }
}
