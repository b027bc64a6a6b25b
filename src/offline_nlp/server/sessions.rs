//! The conversations under way: bounded in number, ended after 30 minutes, one request at a time each.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::offline_nlp::session::Session;

/// A session that nobody has asked anything for so long begins anew.
const ENDS_AFTER: SignedDuration = SignedDuration::from_mins(30);
const SWEEP_EVERY: SignedDuration = SignedDuration::from_mins(1);
/// Requests that may wait for their turn in one session.
const MAX_WAITING: usize = 16;

#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    seed: u64,
    /// Guards which sessions there are.
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    by_key: HashMap<String, Arc<Slot>>,
    swept_at: Timestamp,
}

#[derive(Debug)]
struct Slot {
    /// One request at a time; the others wait in order.
    turnstile: Arc<Semaphore>,
    waiting: AtomicUsize,
    /// Guards what the session has come to; held for a copy only.
    state: Mutex<State>,
}

#[derive(Clone, Debug)]
struct State {
    session: Session,
    used_at: Timestamp,
}

/// A request's place in a session. What it changes is kept by [`Self::keep`]; otherwise nothing has happened.
#[derive(Debug)]
pub(super) struct Seat {
    pub(super) session: Session,
    slot: Arc<Slot>,
    _turn: OwnedSemaphorePermit,
}

impl Sessions {
    pub(super) fn new(max: usize, seed: u64) -> Self {
        Self { max, seed, table: Mutex::default() }
    }

    /// Waits until the session is free. `now` is read when it is.
    pub(super) async fn enter(&self, key: &str, now: impl Fn() -> Timestamp) -> Result<Seat, Status> {
        let slot = self.slot(key, now())?;
        let waiting = Waiting::new(&slot)?;
        let turn = Arc::clone(&slot.turnstile).acquire_owned().await;
        let turn = turn.map_err(|_closed| Status::unavailable("the server is stopping"))?;
        drop(waiting);
        let state = lock(&slot.state).clone();
        let session = if is_over(state.used_at, now()) { Session::new(seed(self.seed, key)) } else { state.session };
        Ok(Seat { session, slot, _turn: turn })
    }

    fn slot(&self, key: &str, now: Timestamp) -> Result<Arc<Slot>, Status> {
        let mut table = lock(&self.table);
        if let Some(slot) = table.by_key.get(key) {
            return Ok(Arc::clone(slot));
        }
        if now.duration_since(table.swept_at) >= SWEEP_EVERY || table.by_key.len() >= self.max {
            table.swept_at = now;
            table.by_key.retain(|_, slot| in_use(slot) || !is_over(lock(&slot.state).used_at, now));
        }
        while table.by_key.len() >= self.max {
            let idle = table.by_key.iter().filter(|(_, slot)| !in_use(slot));
            let oldest = idle.min_by_key(|(_, slot)| lock(&slot.state).used_at).map(|(key, _)| key.clone());
            let oldest = oldest.ok_or_else(|| Status::resource_exhausted("too many sessions are in use at once"))?;
            table.by_key.remove(&oldest);
        }
        let state = State { session: Session::new(seed(self.seed, key)), used_at: now };
        let slot =
            Slot { turnstile: Arc::new(Semaphore::new(1)), waiting: AtomicUsize::new(0), state: Mutex::new(state) };
        let slot = Arc::new(slot);
        table.by_key.insert(key.to_owned(), Arc::clone(&slot));
        Ok(slot)
    }
}

impl Seat {
    pub(super) fn keep(self, now: Timestamp) {
        *lock(&self.slot.state) = State { session: self.session, used_at: now };
    }
}

/// Counts a request as waiting until dropped.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(slot: &'a Slot) -> Result<Self, Status> {
        let waiting = Self(&slot.waiting);
        if slot.waiting.fetch_add(1, Ordering::Relaxed) >= MAX_WAITING {
            return Err(Status::resource_exhausted("too many requests for this session at once"));
        }
        Ok(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Somebody beside the table holds it.
fn in_use(slot: &Arc<Slot>) -> bool {
    Arc::strong_count(slot) > 1
}

fn is_over(used_at: Timestamp, now: Timestamp) -> bool {
    now.duration_since(used_at) >= ENDS_AFTER
}

/// FNV-1a: sessions begin differently, and the same each time.
fn seed(server: u64, key: &str) -> u64 {
    key.bytes()
        .fold(server ^ 0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// What is behind these locks is replaced whole: a panic elsewhere leaves it good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use serde_json::Map;

    use super::*;
    use crate::offline_nlp::session::Context;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    async fn mark(sessions: &Sessions, key: &str, seconds: i64) {
        let mut seat = sessions.enter(key, || at(seconds)).await.unwrap();
        let context = Context { name: "mark".to_owned(), lifespan: 9, parameters: Map::new() };
        seat.session.contexts.set(context, Timestamp::MAX - SignedDuration::from_hours(9));
        seat.keep(at(seconds));
    }

    async fn is_marked(sessions: &Sessions, key: &str, seconds: i64) -> bool {
        sessions.enter(key, || at(seconds)).await.unwrap().session.contexts.is_active("mark")
    }

    #[tokio::test]
    async fn b16_a_session_begins_anew_after_30_minutes() {
        let sessions = Sessions::new(10, 0);
        mark(&sessions, "a", 0).await;
        assert!(is_marked(&sessions, "a", 1799).await);
        assert!(!is_marked(&sessions, "a", 1800).await);
    }

    #[tokio::test]
    async fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(2, 0);
        for (key, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            mark(&sessions, key, seconds).await;
        }
        assert!(is_marked(&sessions, "b", 4).await && is_marked(&sessions, "c", 4).await);
        assert!(!is_marked(&sessions, "a", 4).await);
    }

    #[tokio::test]
    async fn one_request_at_a_time_and_few_may_wait() {
        let sessions = Sessions::new(2, 0);
        let now = || at(0);
        let seat = sessions.enter("a", now).await.unwrap();
        let mut waiting: Vec<_> = (0..MAX_WAITING).map(|_| Box::pin(sessions.enter("a", now))).collect();
        assert!(waiting.iter_mut().all(|it| it.now_or_never().is_none()));
        let refused = sessions.enter("a", now).await.unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(sessions.enter("b", now).now_or_never().is_some(), "another session is free");
        drop(seat);
        assert!(waiting[0].as_mut().now_or_never().is_some(), "the first in the queue is next");
    }

    #[tokio::test]
    async fn a_request_that_is_given_up_has_changed_nothing() {
        let sessions = Sessions::new(2, 0);
        let mut seat = sessions.enter("a", || at(0)).await.unwrap();
        let context = Context { name: "mark".to_owned(), lifespan: 9, parameters: Map::new() };
        seat.session.contexts.set(context, at(0));
        drop(seat);
        assert!(!is_marked(&sessions, "a", 0).await);
    }
}
