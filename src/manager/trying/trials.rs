//! Conversations that somebody tries a profile with: in memory, a few for each user or token, gone when nobody goes on with them.

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
    manager::people::{UserName, sessions::SessionId, tokens::TokenName},
};

/// Of one user, or token; another one ends the one that was used longest ago.
const PER_USER: usize = 5;
const MAX_TRIALS: usize = 200;
/// Without a turn.
pub(in crate::manager) const IDLE: Duration = Duration::from_secs(30 * 60);

/// Whose a conversation is: nobody else finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manager) enum Owner {
    Session(SessionId, UserName),
    /// A program's, and until when its token is good.
    Token(TokenName, Timestamp),
}

impl Owner {
    fn is_of_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Session(_, user), Self::Session(_, other)) => user == other,
            (Self::Token(name, _), Self::Token(other, _)) => name == other,
            (Self::Session(..), Self::Token(..)) | (Self::Token(..), Self::Session(..)) => false,
        }
    }
}

/// One conversation.
#[derive(Debug)]
pub(in crate::manager) struct Trial {
    pub(in crate::manager) id: String,
    pub(in crate::manager) of: Of,
    pub(in crate::manager) engine: String,
    pub(in crate::manager) began: Timestamp,
    owner: Owner,
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
        owner: Owner,
        (of, engine): (Of, &str),
        rehearsal: Rehearsal,
        now: Timestamp,
    ) -> Result<Arc<Trial>, Full> {
        let mut open = self.locked();
        let mine = open.values().filter(|it| it.owner.is_of_same(&owner));
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
            owner,
            used: AtomicI64::new(now.0),
            rehearsal: Held::new(rehearsal),
        });
        open.insert(id, Arc::clone(&trial));
        Ok(trial)
    }

    /// Of this owner alone; from now on it is idle anew.
    pub(in crate::manager) fn find(&self, id: &str, of: &Of, owner: &Owner, now: Timestamp) -> Option<Arc<Trial>> {
        let open = self.locked();
        let found = open.get(id).filter(|it| it.owner == *owner && it.of == *of && !it.is_idle(now))?;
        found.used.store(now.0, Ordering::Relaxed);
        Some(Arc::clone(found))
    }

    /// An owner's with one profile, the newest first.
    pub(in crate::manager) fn of(&self, of: &Of, owner: &Owner) -> Vec<Arc<Trial>> {
        let open = self.locked();
        let mut list: Vec<_> = open.values().filter(|it| it.owner == *owner && it.of == *of).cloned().collect();
        list.sort_by_key(|it| std::cmp::Reverse(it.began));
        list
    }

    pub(in crate::manager) fn end(&self, id: &str) {
        self.locked().remove(id);
    }

    /// Ends those of a token that is good for nothing any more.
    pub(in crate::manager) fn end_of_token(&self, name: &TokenName) {
        self.end_all(|it| matches!(&it.owner, Owner::Token(owner, _) if owner == name));
    }

    /// Ends those that nobody goes on with, or whose owner may not come in any more.
    pub(in crate::manager) fn sweep(&self, now: Timestamp, is_open: impl Fn(&Owner) -> bool) {
        self.end_all(|it| it.is_idle(now) || !is_open(&it.owner));
    }

    fn end_all(&self, is_over: impl Fn(&Trial) -> bool) {
        let gone: Vec<Arc<Trial>> = {
            let mut open = self.locked();
            let gone: Vec<_> = open.values().filter(|it| is_over(it)).cloned().collect();
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
