//! Sessions: how each begins, is resumed and ends, and what its socket writes.

use std::{collections::VecDeque, sync::Arc};

use tokio::time::Instant;

use super::{Due, Effect, Line, MAX_OUTBOX, Outgoing, Pool, Seat, Session, SessionKey, Stage, Take};
use crate::{
    nlp::connector::frames::{self, Bad, CancelReason, Code, Hello, Pong, ToConnector},
    telemetry::labels::ConnectorClose,
};

/// Bad frames in a row that end a session.
const TOO_MANY_BAD: u8 = 3;

/// How a socket went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nlp::connector) enum Departure {
    /// Without a word, or unheard: the session may be resumed.
    Cut,
    /// For good.
    End,
}

/// What a `hello` leads to.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::nlp::connector) struct Arrival {
    pub(in crate::nlp::connector) seat: Seat,
    pub(in crate::nlp::connector) session: String,
    pub(in crate::nlp::connector) resumed: bool,
    pub(in crate::nlp::connector) credits: u32,
}

impl<S> Session<S> {
    pub(super) fn has_credit(&self) -> bool {
        self.in_flight.len() < usize::try_from(self.credits).unwrap_or(usize::MAX)
    }

    const fn is_open(&self) -> bool {
        matches!(self.line, Line::Attached(_)) && self.stage.is_open()
    }

    fn rank(&self, key: SessionKey) -> (u32, u32, SessionKey) {
        (u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX), self.contacts, key)
    }
}

impl<W: Clone, S: Clone> Pool<W, S> {
    /// `name` is for the session if it is a new one; nobody can guess it.
    pub(in crate::nlp::connector) fn attach(
        &mut self,
        socket: S,
        token: [u8; 32],
        hello: &Hello,
        name: String,
        now: Instant,
    ) -> Arrival {
        let resumed = hello.resume.as_ref().and_then(|it| self.by_name.get(it)).copied();
        let credits = hello.credits.unwrap_or(self.terms.credits).min(self.terms.credits).max(1);
        let (key, session) = match resumed {
            Some(key) => (key, self.resume(key, socket, (token, credits), now)),
            None => {
                self.last_session += 1;
                let key = SessionKey(self.last_session);
                let session = Session {
                    name: name.clone(),
                    token,
                    credits,
                    // Until it is counted.
                    stage: Stage::Ending,
                    line: Line::Attached(socket),
                    attached_at: now,
                    generation: 0,
                    in_flight: Default::default(),
                    queue: Default::default(),
                    contacts: 0,
                    outbox: Default::default(),
                    bad_in_a_row: 0,
                };
                self.by_name.insert(name.clone(), key);
                self.sessions.insert(key, session);
                self.attached += 1;
                self.with_session(key, |it| it.stage = Stage::Open);
                (key, name)
            }
        };
        // First what was left behind: it has waited longest.
        if self.note_open(now) {
            self.release_overdue(now);
        }
        self.fill(key, now);
        let generation = self.sessions.get(&key).map_or(0, |it| it.generation);
        Arrival { seat: Seat { session: key, generation }, session, resumed: resumed.is_some(), credits }
    }

    fn resume(&mut self, key: SessionKey, socket: S, (token, credits): ([u8; 32], u32), now: Instant) -> String {
        let resumed = self.with_session(key, |it| {
            let before = std::mem::replace(&mut it.line, Line::Attached(socket));
            it.attached_at = now;
            it.generation = it.generation.wrapping_add(1);
            (it.token, it.credits, it.stage, it.bad_in_a_row) = (token, credits, Stage::Open, 0);
            // What may have reached it goes again, once each, in the order of asking.
            it.outbox.retain(|it| matches!(it, Outgoing::Notice(_)));
            it.outbox.extend(it.in_flight.iter().map(|turn| Outgoing::Turn(*turn)));
            (before, it.name.clone())
        });
        let Some((before, name)) = resumed else { return String::new() };
        match before {
            Line::Attached(old) => self.effects.push(Effect::Close(old, ConnectorClose::Replaced, Vec::new())),
            Line::Away { .. } => self.attached += 1,
        }
        self.wake(key);
        name
    }

    /// Sessions that have been away for too long give their turns to others.
    fn release_overdue(&mut self, now: Instant) {
        let patience = self.terms.patience;
        let is_overdue = |line: &Line<S>| matches!(line, Line::Away { since } if now >= *since + patience);
        let overdue: Vec<SessionKey> =
            self.sessions.iter().filter(|(_, it)| is_overdue(&it.line)).map(|(key, _)| *key).collect();
        for key in overdue {
            self.release(key, now);
        }
    }

    /// The session has been waited for long enough. What it had goes to others, if there are any; new turns find another session,
    /// or none.
    pub(super) fn release(&mut self, key: SessionKey, now: Instant) {
        let Some(session) = self.sessions.get(&key) else { return };
        let queued: Vec<_> = session.queue.iter().copied().collect();
        let in_flight: Vec<_> = session.in_flight.iter().copied().collect();
        // Each goes before what waits, so the last is placed first.
        for turn in queued.into_iter().rev() {
            self.lose(turn, now);
        }
        if self.open == 0 {
            return;
        }
        for turn in in_flight.into_iter().rev() {
            if self.turns.get(&turn).is_some_and(|it| it.taken) {
                self.tell_cancelled(key, turn, CancelReason::Moved);
            }
            self.lose(turn, now);
        }
    }

    /// The socket is gone.
    pub(in crate::nlp::connector) fn detach(&mut self, seat: Seat, how: Departure, now: Instant) {
        if !self.holds(seat) {
            return;
        }
        match how {
            Departure::End => self.end(seat.session, None, now),
            Departure::Cut => {
                let Seat { session: key, generation } = seat;
                let stage = self.with_session(key, |it| {
                    it.line = Line::Away { since: now };
                    it.stage
                });
                self.attached -= 1;
                // It wanted to go.
                if stage.is_none_or(|it| !it.is_open()) {
                    return self.end(key, None, now);
                }
                self.due.insert((now + self.terms.patience, Due::Patience(key, generation)));
                self.due.insert((now + self.terms.resume_within, Due::Forget(key, generation)));
                self.note_open(now);
            }
        }
    }

    /// It is over, and its turns go to others. `why`: the socket, if there is one, is told so.
    pub(super) fn end(&mut self, key: SessionKey, why: Option<ConnectorClose>, now: Instant) {
        let taken = self.with_session(key, |it| {
            it.stage = Stage::Ending;
            let in_flight: Vec<_> = it.in_flight.iter().copied().collect();
            let queued: Vec<_> = it.queue.iter().copied().collect();
            (std::mem::take(&mut it.outbox), in_flight, queued)
        });
        let Some((outbox, in_flight, queued)) = taken else { return };
        self.note_open(now);
        // Each goes before what waits, so the last is placed first.
        for turn in queued.into_iter().rev().chain(in_flight.into_iter().rev()) {
            self.lose(turn, now);
        }
        let Some(session) = self.remove(key) else { return };
        if let (Some(why), Line::Attached(socket)) = (why, session.line) {
            // What the frame before it was about is worth knowing.
            let last = if why == ConnectorClose::BadFrames { outbox } else { VecDeque::new() };
            let last = last.into_iter().filter_map(Outgoing::into_notice).collect();
            self.effects.push(Effect::Close(socket, why, last));
        }
    }

    fn remove(&mut self, key: SessionKey) -> Option<Session<S>> {
        // Out of every count first.
        self.with_session(key, |it| it.stage = Stage::Ending);
        let session = self.sessions.remove(&key)?;
        match session.line {
            Line::Attached(_) => self.attached -= 1,
            Line::Away { .. } => {}
        }
        self.by_name.remove(&session.name);
        Some(session)
    }

    /// Ends every session whose token is not among those that `is_good`.
    pub(in crate::nlp::connector) fn end_untrusted(&mut self, is_good: impl Fn(&[u8; 32]) -> bool, now: Instant) {
        let bad: Vec<_> = self.sessions.iter().filter(|(_, it)| !is_good(&it.token)).map(|(key, _)| *key).collect();
        for key in bad {
            self.end(key, Some(ConnectorClose::TokenRevoked), now);
        }
    }

    /// Ends all sessions.
    pub(in crate::nlp::connector) fn end_all(&mut self, why: ConnectorClose, now: Instant) {
        let all: Vec<_> = self.sessions.keys().copied().collect();
        // First, so that no turn goes from one to the next.
        for key in &all {
            self.with_session(*key, |it| it.stage = Stage::Ending);
        }
        for key in all {
            self.end(key, Some(why), now);
        }
    }

    pub(in crate::nlp::connector) fn on_leaving(&mut self, seat: Seat, now: Instant) {
        if !self.holds(seat) {
            return;
        }
        self.was_good(seat.session);
        let queued = self.with_session(seat.session, |it| {
            it.stage = Stage::Leaving;
            it.queue.iter().copied().collect::<Vec<_>>()
        });
        self.note_open(now);
        for turn in queued.unwrap_or_default().into_iter().rev() {
            self.lose(turn, now);
        }
        self.let_go(seat.session);
    }

    /// Closes a session that is leaving once it has answered everything.
    pub(super) fn let_go(&mut self, key: SessionKey) {
        let Some(session) = self.sessions.get(&key) else { return };
        if session.stage == Stage::Leaving && session.in_flight.is_empty() && session.queue.is_empty() {
            let Some(session) = self.remove(key) else { return };
            if let Line::Attached(socket) = session.line {
                self.effects.push(Effect::Close(socket, ConnectorClose::Left, Vec::new()));
            }
        }
    }

    pub(in crate::nlp::connector) fn on_ping(&mut self, seat: Seat, id: Option<String>) {
        if self.holds(seat) {
            self.was_good(seat.session);
            self.notify(seat.session, ToConnector::Pong(Pong { id }));
        }
    }

    /// A frame that cannot be used.
    pub(in crate::nlp::connector) fn on_bad(&mut self, seat: Seat, bad: Bad, now: Instant) {
        if !self.holds(seat) {
            return;
        }
        // Otherwise the error names the turn.
        let unnamed = bad.code == Code::BadJson;
        let ends = match bad.code {
            // It cannot be read what it was about; if there is but one turn, it was about that.
            Code::BadJson => self.only_turn(seat.session),
            Code::BadFrame | Code::NotText | Code::Unexpected | Code::UnknownTurn => {
                bad.turn_id.clone().filter(|_| bad.ends_turn)
            }
        };
        self.notify(seat.session, ToConnector::Error(frames::Error::from(bad)));
        if let Some(turn_id) = ends {
            self.fail_malformed(seat.session, &turn_id, unnamed, now);
        }
        let Some(session) = self.sessions.get_mut(&seat.session) else { return };
        session.bad_in_a_row += 1;
        if session.bad_in_a_row >= TOO_MANY_BAD {
            self.end(seat.session, Some(ConnectorClose::BadFrames), now);
        }
    }

    fn only_turn(&self, key: SessionKey) -> Option<String> {
        let in_flight = &self.sessions.get(&key)?.in_flight;
        let turn = in_flight.first().filter(|_| in_flight.len() == 1)?;
        Some(self.turn_id(*turn))
    }

    pub(super) fn was_good(&mut self, key: SessionKey) {
        if let Some(session) = self.sessions.get_mut(&key) {
            session.bad_in_a_row = 0;
        }
    }

    /// Whether the socket is still its session's.
    pub(super) fn holds(&self, seat: Seat) -> bool {
        self.sessions
            .get(&seat.session)
            .is_some_and(|it| it.generation == seat.generation && matches!(it.line, Line::Attached(_)))
    }

    /// The next frame to write.
    pub(in crate::nlp::connector) fn take(&mut self, seat: Seat, now: Instant) -> Take {
        if !self.holds(seat) {
            return Take::Gone;
        }
        while let Some(out) = self.sessions.get_mut(&seat.session).and_then(|it| it.outbox.pop_front()) {
            match out {
                Outgoing::Notice(frame) => return Take::Frame(frame),
                Outgoing::Turn(key) => {
                    let turn_id = self.turn_id(key);
                    // What is over by now need not be sent.
                    let Some(turn) = self.turns.get_mut(&key) else { continue };
                    let again = std::mem::replace(&mut turn.taken, true);
                    let left = turn.deadline.saturating_duration_since(now);
                    let deadline_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
                    let question = Arc::clone(&turn.question);
                    let turn = frames::Turn { turn_id, question, deadline_ms, again };
                    return Take::Frame(ToConnector::Turn(Box::new(turn)));
                }
            }
        }
        Take::Nothing
    }

    /// Puts a notice into the session's outbox. One that is away keeps the latest.
    pub(super) fn notify(&mut self, key: SessionKey, frame: ToConnector) {
        let Some(session) = self.sessions.get_mut(&key) else { return };
        if session.outbox.len() >= MAX_OUTBOX {
            match &session.line {
                Line::Away { .. } => drop(session.outbox.pop_front()),
                Line::Attached(socket) => return self.effects.push(Effect::Flooded(socket.clone())),
            }
        }
        session.outbox.push_back(Outgoing::Notice(frame));
        self.wake(key);
    }

    /// The connector does not read.
    pub(in crate::nlp::connector) fn on_slow(&mut self, seat: Seat, now: Instant) {
        if self.holds(seat) {
            self.end(seat.session, Some(ConnectorClose::SlowConsumer), now);
        }
    }

    pub(super) fn wake(&mut self, key: SessionKey) {
        if let Some(Session { line: Line::Attached(socket), .. }) = self.sessions.get(&key) {
            self.effects.push(Effect::Wake(socket.clone()));
        }
    }

    /// Changes a session, and what depends on it: whether it is open, and where it stands among those with a credit.
    pub(super) fn with_session<T>(&mut self, key: SessionKey, change: impl FnOnce(&mut Session<S>) -> T) -> Option<T> {
        let session = self.sessions.get_mut(&key)?;
        self.free.remove(&session.rank(key));
        self.open -= usize::from(session.is_open());
        let result = change(session);
        self.open += usize::from(session.is_open());
        if session.is_open() && session.has_credit() {
            self.free.insert(session.rank(key));
        }
        Some(result)
    }
}

impl Outgoing {
    fn into_notice(self) -> Option<ToConnector> {
        match self {
            Self::Notice(frame) => Some(frame),
            Self::Turn(_) => None,
        }
    }
}
