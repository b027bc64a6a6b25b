//! Conversations that somebody tries a profile with: in memory, a few for each user, gone when nobody goes on with them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use tokio::sync::Mutex as Held;

use super::Of;
use crate::{
    core::{hex, ids::Timestamp},
    gateway::rehearsal::Rehearsal,
    manager::people::{UserName, sessions::SessionId},
};

/// Of one user; another one ends the one that was used longest ago.
const PER_USER: usize = 5;
const MAX_TRIALS: usize = 200;
/// Without a turn.
pub(in crate::manager) const IDLE: Duration = Duration::from_secs(30 * 60);

/// One conversation.
#[derive(Debug)]
pub(in crate::manager) struct Trial {
    pub(in crate::manager) id: String,
    pub(in crate::manager) of: Of,
    pub(in crate::manager) engine: String,
    pub(in crate::manager) began: Timestamp,
    session: SessionId,
    user: UserName,
    used: AtomicI64,
    /// Held while a turn runs, and that waits for the engine: asynchronous.
    pub(in crate::manager) rehearsal: Held<Rehearsal>,
}

/// There are too many, of all users together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) struct Full;

/// All of them.
#[derive(Debug, Default)]
pub(in crate::manager) struct Trials {
    /// Protects which there are; held for one look.
    open: Mutex<HashMap<String, Arc<Trial>>>,
}

impl Trials {
    /// Before: [`Self::sweep`].
    pub(in crate::manager) fn begin(
        &self,
        (session, user): (SessionId, &UserName),
        (of, engine): (Of, &str),
        rehearsal: Rehearsal,
        now: Timestamp,
    ) -> Result<Arc<Trial>, Full> {
        let mut open = self.locked();
        let mine = open.values().filter(|it| it.user == *user);
        if mine.clone().count() >= PER_USER {
            let oldest = mine.min_by_key(|it| it.used.load(Ordering::Relaxed)).map(|it| it.id.clone());
            oldest.and_then(|it| open.remove(&it));
        }
        if open.len() >= MAX_TRIALS {
            return Err(Full);
        }
        let id = hex::encode(&rand::random::<[u8; 12]>());
        let trial = Arc::new(Trial {
            id: id.clone(),
            of,
            engine: engine.to_owned(),
            began: now,
            session,
            user: user.clone(),
            used: AtomicI64::new(now.0),
            rehearsal: Held::new(rehearsal),
        });
        open.insert(id, Arc::clone(&trial));
        Ok(trial)
    }

    /// Of this session alone; from now on it is idle anew.
    pub(in crate::manager) fn find(&self, id: &str, of: &Of, session: SessionId, now: Timestamp) -> Option<Arc<Trial>> {
        let open = self.locked();
        let found = open.get(id).filter(|it| it.session == session && it.of == *of && !it.is_idle(now))?;
        found.used.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(found))
    }

    /// A session's with one profile, the newest first.
    pub(in crate::manager) fn of(&self, of: &Of, session: SessionId) -> Vec<Arc<Trial>> {
        let open = self.locked();
        let mut list: Vec<_> = open.values().filter(|it| it.session == session && it.of == *of).cloned().collect();
        list.sort_by_key(|it| std::cmp::Reverse(it.began));
        list
    }

    pub(in crate::manager) fn end(&self, id: &str) {
        self.locked().remove(id);
    }

    /// Ends those that nobody goes on with, or whose session is over.
    pub(in crate::manager) fn sweep(&self, now: Timestamp, is_open: impl Fn(SessionId) -> bool) {
        let gone: Vec<Arc<Trial>> = {
            let mut open = self.locked();
            let gone: Vec<_> = open.values().filter(|it| it.is_idle(now) || !is_open(it.session)).cloned().collect();
            for it in &gone {
                open.remove(&it.id);
            }
            gone
        };
        // Their engines are told, without the lock.
        drop(gone);
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<String, Arc<Trial>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trial {
    fn is_idle(&self, now: Timestamp) -> bool {
        now.since(Timestamp(self.used.load(Ordering::Relaxed))) > IDLE
    }
}
