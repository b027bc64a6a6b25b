//! Sessions: what outlives a lane's stream, so that the routing engine can attach again and go on where it was.
//!
//! Lock order: the table of sessions, then one session, then whatever the gateway locks inside its methods (which return
//! at once and never call back).

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
    time::Duration,
};

use tokio::{sync::mpsc, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{auth::unknown_unit, numbering::Numbering};
use crate::{
    core::ids::{EngineId, UnitName},
    gateway::{
        AttachError, Gateway, LaneId,
        lane::{FromEngine, ToEngine},
    },
    problem::{Problem, ProblemKind},
};

/// How long a session without a stream is kept.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// How many sessions without a stream are kept.
const MAX_DETACHED: usize = 256;
/// The gateway pushes everything undelivered when a lane attaches, so this is generous; it takes memory only when used.
const QUEUE: usize = 65_536;
/// An engine that leaves more of our frames unacknowledged is beyond help.
pub(super) const MAX_UNACKED: usize = 2 * QUEUE;
/// A session with more unacknowledged frames than this is not kept without a stream: the gateway still has the commands.
const MAX_UNACKED_DETACHED: usize = 16_384;

/// 128 random bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionId(u128);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a session of an earlier Welcome")]
pub(super) struct NotASession;

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = NotASession;
    fn from_str(text: &str) -> Result<Self, NotASession> {
        let hex = text.len() == 32 && text.bytes().all(|it| it.is_ascii_hexdigit());
        let number = hex.then(|| u128::from_str_radix(text, 16).ok()).flatten();
        number.map(Self).ok_or(NotASession)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LaneKey {
    pub(super) engine: EngineId,
    pub(super) unit: UnitName,
    pub(super) lane: u32,
}

/// Every lane's session, with or without a stream.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// Protects the table; held while a lane attaches, so that two attaching at once take turns.
    table: Mutex<HashMap<LaneKey, Arc<Session>>>,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) id: SessionId,
    /// Protects the numbers together with the stream that uses them: a frame is numbered and handed over in one step.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    numbers: Numbering<ToEngine>,
    link: Option<Link>,
    /// The gateway's name for the lane, which stays the session's as long as it lives.
    lane: Option<LaneId>,
    /// How many streams this session has had; the last one's number.
    streams: u64,
    /// Why the last stream ended, where that was our doing.
    ended: Option<Problem>,
    detached_at: Option<Instant>,
    /// Too much was unacknowledged to be kept.
    lost: bool,
}

/// A session's present stream.
#[derive(Debug)]
pub(super) struct Link {
    unit: UnitName,
    lane: LaneId,
    /// From the gateway, which cuts the lane by dropping its sender.
    pub(super) out: mpsc::Receiver<ToEngine>,
    /// By this the gateway tells this stream from a newer one of the same lane.
    pub(super) push: mpsc::WeakSender<ToEngine>,
    /// The link's own answers: `Busy` and `Refused`.
    pub(super) own: VecDeque<ToEngine>,
    /// Set: the stream ends, with this problem or without one, once everything is said and acknowledged.
    pub(super) finishing: Option<Option<Problem>>,
    /// The writer's, while it has nothing to write.
    pub(super) waker: Option<Waker>,
    /// Cancelled when the stream is no longer the session's.
    gone: CancellationToken,
}

impl Link {
    /// Hands one engine frame to the gateway.
    pub(super) fn take(&self, frame: u64, from: FromEngine, gateway: &Arc<Gateway>) {
        gateway.on_frame(&self.unit, self.lane, frame, from);
    }

    /// Tells the gateway which commands the engine has.
    pub(super) fn delivered(&self, frames: impl Iterator<Item = ToEngine>, gateway: &Gateway) {
        for frame in frames {
            if let ToEngine::Command { contact, seq, .. } = frame {
                gateway.on_delivered(&self.unit, &contact, seq);
            }
        }
    }

    /// The gateway gave the lane up: its queue was full.
    pub(super) fn is_cut(&self) -> bool {
        self.out.is_closed()
    }

    pub(super) fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A stream's hold on its session.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) session: Arc<Session>,
    stream: u64,
    pub(super) gone: CancellationToken,
}

/// A lane that is attached.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) hold: Hold,
    pub(super) resumed: bool,
    /// For the Welcome.
    pub(super) taken: u64,
}

impl Sessions {
    /// Opens `key`'s session for a new stream; an older stream is replaced. A resume point that cannot be served (session
    /// expired, or frames it asks for are gone) opens a new session: both sides then count from 1 and nothing is lost.
    pub(super) fn open(
        &self,
        key: LaneKey,
        resume: Option<(SessionId, u64)>,
        gateway: &Arc<Gateway>,
        now: Instant,
    ) -> Result<Attached, Problem> {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        sweep(&mut table, now);
        let known = table.get(&key).map(Arc::clone);
        if let Some(session) = &known {
            session.lock().retire(gateway, None, now);
        }
        let known = known.zip(resume).filter(|(session, (id, _))| session.id == *id);
        if let Some((session, (_, last_received))) = known
            && let Some(attached) = session.resume(last_received, &key, gateway)?
        {
            return Ok(attached);
        }
        let session = Arc::new(Session { id: SessionId(rand::random()), state: Mutex::default() });
        let attached = session.begin(&key, gateway)?;
        table.insert(key, session);
        Ok(attached)
    }
}

/// Forgets what has expired, and the oldest of what is too much.
fn sweep(table: &mut HashMap<LaneKey, Arc<Session>>, now: Instant) {
    let mut detached = Vec::new();
    table.retain(|key, session| {
        let Some(since) = session.lock().detached_at else { return true };
        let keep = now.saturating_duration_since(since) < KEPT_FOR;
        if keep {
            detached.push((since, key.clone()));
        }
        keep
    });
    let surplus = detached.len().saturating_sub(MAX_DETACHED);
    detached.sort_unstable_by_key(|(since, _)| *since);
    for (_, key) in detached.into_iter().take(surplus) {
        table.remove(&key);
    }
}

impl Session {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A new session's first stream.
    fn begin(self: &Arc<Self>, key: &LaneKey, gateway: &Arc<Gateway>) -> Result<Attached, Problem> {
        let hold = match self.lock().attach(self, key, gateway) {
            Ok(hold) => hold,
            // A new session has no lane that could have lost anything.
            Err(NoAttach::Lost) => return Err(draining()),
            Err(NoAttach::Refused(problem)) => return Err(problem),
        };
        Ok(Attached { hold, resumed: false, taken: 0 })
    }

    /// A further stream; `None`: this session cannot go on from there.
    fn resume(
        self: &Arc<Self>,
        last_received: u64,
        key: &LaneKey,
        gateway: &Arc<Gateway>,
    ) -> Result<Option<Attached>, Problem> {
        let mut state = self.lock();
        if state.lost || !state.numbers.can_resume(last_received) {
            return Ok(None);
        }
        let hold = match state.attach(self, key, gateway) {
            Ok(hold) => hold,
            Err(NoAttach::Lost) => return Ok(None),
            Err(NoAttach::Refused(problem)) => return Err(problem),
        };
        let State { numbers, link, .. } = &mut *state;
        if let Some(link) = link {
            if let Ok(delivered) = numbers.on_ack(last_received) {
                link.delivered(delivered, gateway);
            }
            numbers.resume();
            if numbers.taken() > 0 {
                // The gateway's last acknowledgements may have died with the old stream: ask for them again.
                link.take(numbers.taken(), FromEngine::Heartbeat, gateway);
            }
        }
        let taken = numbers.taken();
        Ok(Some(Attached { hold, resumed: true, taken }))
    }
}

/// Why a stream cannot take a session up.
enum NoAttach {
    Refused(Problem),
    /// The session lost something; only a new one will do.
    Lost,
}

impl State {
    fn attach(&mut self, session: &Arc<Session>, key: &LaneKey, gateway: &Arc<Gateway>) -> Result<Hold, NoAttach> {
        let (out, pushed) = mpsc::channel(QUEUE);
        let push = out.downgrade();
        let lane = gateway.attach(&key.unit, &key.engine, out, self.lane).map_err(|why| match why {
            AttachError::UnknownUnit => NoAttach::Refused(unknown_unit(&key.unit)),
            AttachError::Draining => NoAttach::Refused(draining()),
            AttachError::Lost => NoAttach::Lost,
        })?;
        let gone = CancellationToken::new();
        self.link = Some(Link {
            unit: key.unit.clone(),
            lane,
            out: pushed,
            push,
            own: VecDeque::new(),
            finishing: None,
            waker: None,
            gone: gone.clone(),
        });
        self.lane = Some(lane);
        self.streams += 1;
        self.ended = None;
        self.detached_at = None;
        Ok(Hold { session: Arc::clone(session), stream: self.streams, gone })
    }

    /// Takes the session from its stream. What the gateway had pushed is kept for the next one.
    fn retire(&mut self, gateway: &Gateway, why: Option<Problem>, now: Instant) {
        let Some(mut link) = self.link.take() else { return };
        link.out.close();
        while let Ok(frame) = link.out.try_recv() {
            if let ToEngine::Ack(seq) = frame {
                self.numbers.on_durable(seq);
            } else {
                self.numbers.keep(frame);
            }
        }
        for frame in link.own.drain(..) {
            self.numbers.keep(frame);
        }
        if self.numbers.unacked() > MAX_UNACKED_DETACHED {
            self.lost = true;
            self.numbers = Numbering::default();
        }
        // Without a sender the gateway has cut the lane itself.
        if let Some(push) = link.push.upgrade() {
            gateway.detach(&link.unit, link.lane, &push);
        }
        self.ended = why;
        self.detached_at = Some(now);
        link.gone.cancel();
        link.wake();
    }
}

impl Hold {
    /// Works on the session while it is this stream's; `None`: another has it, or none.
    pub(super) fn with<R>(&self, work: impl FnOnce(&mut Numbering<ToEngine>, &mut Link) -> R) -> Option<R> {
        let mut state = self.session.lock();
        let State { numbers, link, streams, .. } = &mut *state;
        let link = link.as_mut().filter(|_| *streams == self.stream)?;
        Some(work(numbers, link))
    }

    /// Gives the session up; the writer ends the stream with `why`.
    pub(super) fn leave(&self, why: Option<Problem>, gateway: &Gateway, now: Instant) {
        let mut state = self.session.lock();
        if state.streams == self.stream {
            state.retire(gateway, why, now);
        }
    }

    /// Ends the stream once everything is said.
    pub(super) fn finish(&self, why: Option<Problem>) {
        self.with(|_, link| {
            link.finishing = Some(why);
            link.wake();
        });
    }

    /// Why the stream no longer has the session.
    pub(super) fn why_gone(&self) -> Problem {
        let mut state = self.session.lock();
        let ended = if state.streams == self.stream { state.ended.take() } else { None };
        ended.unwrap_or_else(|| Problem::new(ProblemKind::Replaced, "replaced by a newer attach"))
    }
}

pub(super) fn too_slow() -> Problem {
    Problem::new(ProblemKind::Busy, "the engine does not read as fast as frames for it arise")
}

pub(super) fn draining() -> Problem {
    Problem::new(ProblemKind::Unavailable, "draining; attach again")
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll};

    use super::*;
    use crate::{
        clock::Clock,
        engine::testing::{command, gateway, key, push},
    };

    /// The numbers and actions of the commands that the stream would carry now.
    fn carried(attached: &Attached) -> Vec<(u64, u32)> {
        let carried = attached.hold.with(|numbers, link| {
            let mut cx = Context::from_waker(Waker::noop());
            while let Poll::Ready(Some(frame)) = link.out.poll_recv(&mut cx) {
                numbers.keep(frame);
            }
            let mut carried = Vec::new();
            while let Some((number, ToEngine::Command { seq, .. })) = numbers.carry() {
                carried.push((number, seq.0));
            }
            carried
        });
        carried.unwrap()
    }

    #[tokio::test]
    async fn a_new_stream_carries_what_the_old_one_had_not_said() {
        let (sessions, gateway, now) = (Sessions::default(), gateway().await, Clock::instant());
        let first = sessions.open(key(), None, &gateway, now).unwrap();
        push(&first, command(1));
        push(&first, command(2));
        assert_eq!(carried(&first), [(1, 1), (2, 2)]);
        // Pushed, and never polled from the channel.
        push(&first, command(3));
        first.hold.with(|_, link| link.own.push_back(command(4)));
        first.hold.leave(None, &gateway, now);

        let second = sessions.open(key(), Some((first.hold.session.id, 1)), &gateway, now).unwrap();
        assert!(second.resumed);
        push(&second, command(5));
        assert_eq!(carried(&second), [(2, 2), (3, 3), (4, 4), (5, 5)], "frame 1 had arrived");
        assert!(first.hold.gone.is_cancelled());
        assert!(first.hold.with(|_, _| ()).is_none(), "the old stream has no hold any more");
    }

    #[tokio::test]
    async fn a_stream_that_is_replaced_while_it_stands_hands_everything_over() {
        let (sessions, gateway, now) = (Sessions::default(), gateway().await, Clock::instant());
        let first = sessions.open(key(), None, &gateway, now).unwrap();
        push(&first, command(1));
        let second = sessions.open(key(), Some((first.hold.session.id, 0)), &gateway, now).unwrap();
        assert_eq!(carried(&second), [(1, 1)]);
        assert_eq!(first.hold.why_gone().kind, ProblemKind::Replaced);
        first.hold.leave(None, &gateway, now);
        assert!(second.hold.with(|_, _| ()).is_some(), "the old stream's end does not touch the new one");
    }

    #[tokio::test]
    async fn a_resumed_stream_asks_for_the_acknowledgements_that_were_lost() {
        let (sessions, gateway, now) = (Sessions::default(), gateway().await, Clock::instant());
        let first = sessions.open(key(), None, &gateway, now).unwrap();
        first.hold.with(|numbers, _| [1, 2, 3].map(|seq| numbers.arrive(seq)));
        let second = sessions.open(key(), Some((first.hold.session.id, 0)), &gateway, now).unwrap();
        assert_eq!((second.resumed, second.taken), (true, 3));
        let acknowledged = second.hold.with(|_, link| link.out.try_recv());
        assert!(matches!(acknowledged, Some(Ok(ToEngine::Ack(3)))), "{acknowledged:?}");
    }

    #[tokio::test]
    async fn a_resume_point_that_cannot_be_served_opens_a_new_session() {
        let (gateway, now) = (gateway().await, Clock::instant());
        let cases = [
            ("another session", 1, 0, Duration::ZERO),
            ("never sent", 0, 1, Duration::ZERO),
            ("expired", 0, 0, KEPT_FOR),
        ];
        for (what, other, last_received, later) in cases {
            let sessions = Sessions::default();
            let first = sessions.open(key(), None, &gateway, now).unwrap();
            let id = SessionId(first.hold.session.id.0 ^ other);
            first.hold.leave(None, &gateway, now);
            let second = sessions.open(key(), Some((id, last_received)), &gateway, now + later).unwrap();
            assert!(!second.resumed, "{what}");
            assert_ne!(second.hold.session.id, first.hold.session.id, "{what}");
        }
    }

    #[tokio::test]
    async fn a_session_with_too_much_unacknowledged_is_not_kept() {
        let (sessions, gateway, now) = (Sessions::default(), gateway().await, Clock::instant());
        let first = sessions.open(key(), None, &gateway, now).unwrap();
        for seq in 0..=u32::try_from(MAX_UNACKED_DETACHED).unwrap() {
            first.hold.with(|numbers, _| numbers.keep(command(seq)));
        }
        first.hold.leave(None, &gateway, now);
        let second = sessions.open(key(), Some((first.hold.session.id, 0)), &gateway, now).unwrap();
        assert!(!second.resumed);
    }

    #[tokio::test]
    async fn an_unknown_unit_is_refused_and_leaves_nothing_behind() {
        let (sessions, gateway, now) = (Sessions::default(), gateway().await, Clock::instant());
        let key = LaneKey { unit: UnitName::new("nowhere").unwrap(), ..key() };
        let refused = sessions.open(key, None, &gateway, now).unwrap_err();
        assert_eq!(refused.kind, ProblemKind::NotFound);
        assert!(sessions.table.lock().unwrap().is_empty());
    }

    #[test]
    fn a_session_id_reads_as_it_is_written() {
        let id = SessionId(42);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "42", &"g".repeat(32), &"+".repeat(32), &"0".repeat(33)] {
            assert_eq!(bad.parse::<SessionId>(), Err(NotASession), "{bad}");
        }
    }

    #[tokio::test]
    async fn detached_sessions_expire_and_are_bounded() {
        let now = Clock::instant() + KEPT_FOR;
        let mut table = HashMap::new();
        let mut add = |lane, detached_at| {
            let key = LaneKey { engine: EngineId::new("e").unwrap(), unit: UnitName::new("u").unwrap(), lane };
            let state = Mutex::new(State { detached_at, ..State::default() });
            table.insert(key, Arc::new(Session { id: SessionId(u128::from(lane)), state }));
        };
        add(1_000_000, None);
        add(1_000_001, Some(now - KEPT_FOR));
        for lane in 0..300 {
            add(lane, Some(now - Duration::from_millis(u64::from(lane) + 1)));
        }
        sweep(&mut table, now);
        assert_eq!(table.len(), 1 + MAX_DETACHED);
        let mut lanes: Vec<_> = table.keys().map(|it| it.lane).collect();
        lanes.sort_unstable();
        assert_eq!(lanes.last(), Some(&1_000_000), "an attached one is kept");
        assert_eq!(lanes.get(MAX_DETACHED - 1), Some(&255), "the youngest are kept");
    }
}
