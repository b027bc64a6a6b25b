//! The conversations under way: bounded in number and size, ended after 30 minutes, one request at a time each.

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
const MAX_SESSION_BYTES: usize = 512 * 1024;
/// Of all sessions together; beyond it those that were idle longest begin anew.
pub(super) const MAX_TOTAL_BYTES: usize = 256 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct Sessions {
    max: usize,
    max_bytes: usize,
    /// What all slots have come to.
    bytes: Arc<AtomicUsize>,
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
    total: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
struct State {
    session: Session,
    bytes: usize,
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
    pub(super) fn new(max: usize, max_bytes: usize, seed: u64) -> Self {
        Self { max, max_bytes, bytes: Arc::default(), seed, table: Mutex::default() }
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
        // Held from here on, so that it is not what makes room.
        let known = table.by_key.get(key).cloned();
        let is_full = |table: &Table| known.is_none() && table.by_key.len() >= self.max || self.weigh_too_much();
        if now.duration_since(table.swept_at) >= SWEEP_EVERY || is_full(&table) {
            table.swept_at = now;
            table.by_key.retain(|_, slot| in_use(slot) || !is_over(lock(&slot.state).used_at, now));
        }
        while is_full(&table) {
            table.drop_oldest()?;
        }
        if let Some(slot) = known {
            return Ok(slot);
        }
        let state = State { session: Session::new(seed(self.seed, key)), bytes: 0, used_at: now };
        let slot = Slot {
            turnstile: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            state: Mutex::new(state),
            total: Arc::clone(&self.bytes),
        };
        let slot = Arc::new(slot);
        table.by_key.insert(key.to_owned(), Arc::clone(&slot));
        Ok(slot)
    }

    fn weigh_too_much(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.max_bytes
    }
}

impl Table {
    fn drop_oldest(&mut self) -> Result<(), Status> {
        let idle = self.by_key.iter().filter(|(_, slot)| !in_use(slot));
        let oldest = idle.min_by_key(|(_, slot)| lock(&slot.state).used_at).map(|(key, _)| key.clone());
        let oldest = oldest.ok_or_else(|| Status::resource_exhausted("too many sessions are in use at once"))?;
        self.by_key.remove(&oldest);
        Ok(())
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.total.fetch_sub(lock(&self.state).bytes, Ordering::Relaxed);
    }
}

impl Seat {
    /// # Errors
    /// When the session has become too large: then nothing has happened.
    pub(super) fn keep(self, now: Timestamp) -> Result<(), Status> {
        let bytes = self.session.bytes();
        if bytes > MAX_SESSION_BYTES {
            return Err(Status::resource_exhausted(format!(
                "the session's contexts and session entity types would take {bytes} bytes: at most \
                 {MAX_SESSION_BYTES} are kept; delete some of them"
            )));
        }
        let mut state = lock(&self.slot.state);
        self.slot.total.fetch_add(bytes, Ordering::Relaxed);
        self.slot.total.fetch_sub(state.bytes, Ordering::Relaxed);
        *state = State { session: self.session, bytes, used_at: now };
        Ok(())
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
        seat.keep(at(seconds)).unwrap();
    }

    async fn is_marked(sessions: &Sessions, key: &str, seconds: i64) -> bool {
        sessions.enter(key, || at(seconds)).await.unwrap().session.contexts.is_active("mark")
    }

    #[tokio::test]
    async fn b16_a_session_begins_anew_after_30_minutes() {
        let sessions = Sessions::new(10, MAX_TOTAL_BYTES, 0);
        mark(&sessions, "a", 0).await;
        assert!(is_marked(&sessions, "a", 1799).await);
        assert!(!is_marked(&sessions, "a", 1800).await);
    }

    #[tokio::test]
    async fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(2, MAX_TOTAL_BYTES, 0);
        for (key, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            mark(&sessions, key, seconds).await;
        }
        assert!(is_marked(&sessions, "b", 4).await && is_marked(&sessions, "c", 4).await);
        assert!(!is_marked(&sessions, "a", 4).await);
    }

    #[tokio::test]
    async fn one_request_at_a_time_and_few_may_wait() {
        let sessions = Sessions::new(2, MAX_TOTAL_BYTES, 0);
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
        let sessions = Sessions::new(2, MAX_TOTAL_BYTES, 0);
        let mut seat = sessions.enter("a", || at(0)).await.unwrap();
        let context = Context { name: "mark".to_owned(), lifespan: 9, parameters: Map::new() };
        seat.session.contexts.set(context, at(0));
        drop(seat);
        assert!(!is_marked(&sessions, "a", 0).await);
    }

    #[tokio::test]
    async fn the_oldest_sessions_make_room_when_all_weigh_too_much() {
        let mut one = Session::new(0);
        one.contexts.set(Context { name: "mark".to_owned(), lifespan: 9, parameters: Map::new() }, at(0));
        let sessions = Sessions::new(10, one.bytes() * 2, 0);
        for (key, seconds) in [("a", 1), ("b", 2), ("c", 3)] {
            mark(&sessions, key, seconds).await;
        }
        assert!(is_marked(&sessions, "c", 4).await && is_marked(&sessions, "b", 4).await);
        assert!(!is_marked(&sessions, "a", 4).await);
        assert_eq!(sessions.bytes.load(Ordering::Relaxed), one.bytes() * 2);
        mark(&sessions, "b", 5).await;
        assert_eq!(sessions.bytes.load(Ordering::Relaxed), one.bytes() * 2, "kept again, it counts once");
    }

    #[tokio::test]
    async fn a_session_that_grows_too_large_stays_as_it_was() {
        let sessions = Sessions::new(2, MAX_TOTAL_BYTES, 0);
        mark(&sessions, "a", 0).await;
        let mut seat = sessions.enter("a", || at(1)).await.unwrap();
        let parameters = Map::from_iter([("x".to_owned(), "x".repeat(MAX_SESSION_BYTES).into())]);
        seat.session.contexts.set(Context { name: "large".to_owned(), lifespan: 9, parameters }, at(1));
        let refused = seat.keep(at(1)).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::ResourceExhausted);
        assert!(refused.message().contains("session entity types"), "{}", refused.message());
        assert!(is_marked(&sessions, "a", 2).await);
    }
}
