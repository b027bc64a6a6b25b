//! All sockets of one profile's connector and the turns they have: pure state, told what happens and what time it is.
//!
//! ```text
//!            ask                    take (credit)             reply, failed
//!   turn  ---------> waiting ----------------------> in flight --------------> settled
//!                       ^                                |
//!                       '--- its session is lost: once --'        (deadline, contact over, given up: settled from anywhere)
//!
//!   session  attached <----- resume ------ away ---- resume_within over ----> gone
//!               '------------- cut ---------^
//! ```
//!
//! A turn waits either for the session that its contact sticks to, or for any. What is to be done is left in `effects`; what is
//! to be sent is taken from a session's outbox by whoever writes its socket.

use crate::core::said::{Said, said};

mod sessions;
#[cfg(test)]
mod tests;
mod turns;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

pub(super) use sessions::Departure;

use super::{
    actions::Actions,
    frames::{Question, Reply, ToConnector},
};
use crate::core::{ids::ContactName, message::FailureKind};
use crate::telemetry::labels::ConnectorClose;

/// Frames that wait for a socket; with more of them its connector does not read.
pub(super) const MAX_OUTBOX: usize = 4096;
/// Turns that wait for a credit or a socket.
const MAX_WAITING: usize = 10_000;
/// Contacts that are remembered; those beyond find a new session with every turn.
const MAX_CONTACTS: usize = 500_000;
/// A contact whose end we were not told of (a shadow's) is forgotten when it has been silent for so long.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(24 * 3600);
/// Fewer contacts than this are not searched for such.
const SEARCHED_FROM: usize = 10_000;
/// Typing is passed on this often.
const TYPING_EVERY: Duration = Duration::from_secs(1);
/// A profile that is new may be without a connector for so long before somebody is told, unless customers miss one.
const LONELY_AT_FIRST: Duration = Duration::from_secs(30);

/// A profile's measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Terms {
    /// Turns in flight on a socket, at most.
    pub(super) credits: u32,
    pub(super) resume_within: Duration,
    /// How long a turn waits for a session that is away before it goes elsewhere.
    pub(super) patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SessionKey(u64);

/// One socket of a session: what a socket does that was replaced meanwhile changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seat {
    session: SessionKey,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct TurnKey(u64);

/// Why a turn has no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) kind: FailureKind,
    pub(super) advice: Said,
}

impl Failure {
    fn new(kind: FailureKind, advice: Said) -> Self {
        Self { kind, advice }
    }
}

/// What is to be done. `W` is who waits for a turn, `S` a socket.
#[derive(Debug, PartialEq)]
pub(super) enum Effect<W, S> {
    /// The turn is over.
    Settled(W, Result<Box<Reply>, Failure>),
    /// A part of its answer; without messages: a sign of life.
    Said(W, Box<Reply>),
    Typing(W),
    /// Something is to be taken from the socket's outbox.
    Wake(S),
    /// The socket is to be closed, after these frames.
    Close(S, ConnectorClose, Vec<ToConnector>),
    /// More waits for the socket than may: it is slow.
    Flooded(S),
    /// A turn went to another socket.
    Moved,
    /// A reply came for a turn that does not wait for it.
    Late,
    /// Whether somebody has to be told that no connector is attached.
    Alone(bool),
}

/// What a socket has to write.
#[derive(Debug, PartialEq)]
pub(super) enum Take {
    Frame(ToConnector),
    Nothing,
    /// The socket is not the session's any more.
    Gone,
}

/// One socket, for those who watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attached {
    pub(super) since: Instant,
    pub(super) in_flight: usize,
    pub(super) credits: u32,
    /// It takes no further turn.
    pub(super) leaves: bool,
}

#[derive(Debug)]
struct Session<S> {
    /// What `hello.resume` names it by.
    name: String,
    token: [u8; 32],
    credits: u32,
    stage: Stage,
    line: Line<S>,
    /// When its present socket came.
    attached_at: Instant,
    generation: u32,
    in_flight: BTreeSet<TurnKey>,
    /// Turns of its contacts that wait for a credit, or for its return.
    queue: VecDeque<TurnKey>,
    /// Contacts that stick to it.
    contacts: u32,
    outbox: VecDeque<Outgoing>,
    bad_in_a_row: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// It takes no further turn, and goes when it has answered those it has.
    Leaving,
    /// Its turns are being given to others.
    Ending,
}

impl Stage {
    const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

#[derive(Debug)]
enum Line<S> {
    Attached(S),
    Away { since: Instant },
}

#[derive(Debug)]
enum Outgoing {
    /// Written as it stands when it is taken.
    Turn(TurnKey),
    Notice(ToConnector),
}

#[derive(Debug)]
struct Turn<W> {
    contact: ContactName,
    question: Arc<Question>,
    deadline: Instant,
    waiter: W,
    place: Place,
    /// Somebody took it to write it: a connector may have it.
    taken: bool,
    /// It went to another socket once.
    moved: bool,
    parts: u32,
    typed_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In `Pool::waiting`.
    Anywhere,
    /// In the session's queue.
    Queued(SessionKey),
    InFlight(SessionKey),
}

/// What is known of a contact.
#[derive(Debug, Default)]
struct Home {
    session: Option<SessionKey>,
    /// Its last turn, which may be over.
    turn: Option<TurnKey>,
    /// Its last question.
    asked_at: Option<Instant>,
    actions: Actions,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Deadline(TurnKey),
    /// The session has been waited for long enough.
    Patience(SessionKey, u32),
    /// It can no longer be resumed.
    Forget(SessionKey, u32),
    /// Nobody has been attached for long enough.
    Lonely,
}

#[derive(Debug)]
pub(super) struct Pool<W, S> {
    terms: Terms,
    /// Tells turns of this life of the gateway from those of others.
    run: String,
    last_session: u64,
    last_turn: u64,
    sessions: BTreeMap<SessionKey, Session<S>>,
    by_name: HashMap<String, SessionKey>,
    /// Attached, not leaving, with a credit left: the least busy first.
    free: BTreeSet<(u32, u32, SessionKey)>,
    attached: usize,
    /// Attached and not leaving.
    open: usize,
    /// Whether any was when we looked last.
    attended: bool,
    turns: HashMap<TurnKey, Turn<W>>,
    waiting: VecDeque<TurnKey>,
    /// How many turns are not in flight.
    waiting_count: usize,
    contacts: HashMap<ContactName, Home>,
    /// With so many contacts, those that are silent are searched for.
    search_at: usize,
    due: BTreeSet<(Instant, Due)>,
    /// Since when nobody is open; `None`: somebody is, or patience is over.
    lonely_since: Option<Instant>,
    told_alone: bool,
    /// Nobody need be told earlier.
    tell_from: Instant,
    effects: Vec<Effect<W, S>>,
}

impl<W: Clone, S: Clone> Pool<W, S> {
    pub(super) fn new(terms: Terms, run: u32, now: Instant) -> Self {
        let mut pool = Self {
            terms,
            run: format!("{run:08x}"),
            last_session: 0,
            last_turn: 0,
            sessions: BTreeMap::new(),
            by_name: HashMap::new(),
            free: BTreeSet::new(),
            attached: 0,
            open: 0,
            attended: false,
            turns: HashMap::new(),
            waiting: VecDeque::new(),
            waiting_count: 0,
            contacts: HashMap::new(),
            search_at: SEARCHED_FROM,
            due: BTreeSet::new(),
            // After a restart of the gateway connectors are on their way back.
            lonely_since: Some(now),
            told_alone: false,
            tell_from: now + LONELY_AT_FIRST,
            effects: Vec::new(),
        };
        pool.due.extend([(now + terms.patience, Due::Lonely), (pool.tell_from, Due::Lonely)]);
        pool
    }

    pub(super) const fn terms(&self) -> Terms {
        self.terms
    }

    /// For sessions that begin from now on; those that stand keep their credits.
    pub(super) const fn set_terms(&mut self, terms: Terms) {
        self.terms = terms;
    }

    pub(super) fn take_effects(&mut self) -> Vec<Effect<W, S>> {
        std::mem::take(&mut self.effects)
    }

    /// When [`Self::on_time`] is wanted.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|it| it.0)
    }

    pub(super) const fn sockets(&self) -> usize {
        self.attached
    }

    /// Those that are attached, the oldest sessions first.
    pub(super) fn attached(&self) -> impl Iterator<Item = Attached> {
        let there = self.sessions.values().filter(|it| matches!(it.line, Line::Attached(_)));
        there.map(|it| Attached {
            since: it.attached_at,
            in_flight: it.in_flight.len(),
            credits: it.credits,
            leaves: !it.stage.is_open(),
        })
    }

    pub(super) fn has_sessions(&self) -> bool {
        !self.sessions.is_empty()
    }

    pub(super) fn turns(&self) -> usize {
        self.turns.len()
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        while let Some((at, due)) = self.due.first().copied()
            && at <= now
        {
            self.due.pop_first();
            match due {
                Due::Deadline(turn) => self.on_deadline(turn, now),
                Due::Patience(session, generation) => {
                    if self.away(session).is_some_and(|it| it.generation == generation) {
                        self.release(session, now);
                    }
                }
                Due::Forget(session, generation) => {
                    if self.away(session).is_some_and(|it| it.generation == generation) {
                        self.end(session, None, now);
                    }
                }
                Due::Lonely => self.on_lonely(now),
            }
        }
    }

    /// Nobody has come: what waits is given up.
    fn on_lonely(&mut self, now: Instant) {
        // Somebody is there, or was since.
        if self.open > 0 {
            return;
        }
        let until = self.lonely_since.map(|since| since + self.terms.patience);
        if let Some(until) = until.filter(|until| now < *until) {
            // It was set when patience was shorter, or for an earlier absence.
            self.due.insert((until, Due::Lonely));
            return;
        }
        self.lonely_since = None;
        let missed = std::mem::take(&mut self.waiting);
        if !missed.is_empty() || now >= self.tell_from {
            self.tell_alone();
        }
        for turn in missed {
            self.settle(turn, Err(Failure::new(FailureKind::Unavailable, NOBODY)), now);
        }
    }

    fn tell_alone(&mut self) {
        if !self.told_alone {
            self.told_alone = true;
            self.effects.push(Effect::Alone(true));
        }
    }

    /// After a session may have opened or closed. Says whether somebody is there where nobody was.
    fn note_open(&mut self, now: Instant) -> bool {
        let was_attended = std::mem::replace(&mut self.attended, self.open > 0);
        if was_attended && !self.attended {
            self.lonely_since = Some(now);
            self.due.insert((now + self.terms.patience, Due::Lonely));
        }
        let came = !was_attended && self.attended;
        if came {
            self.lonely_since = None;
            if std::mem::take(&mut self.told_alone) {
                self.effects.push(Effect::Alone(false));
            }
        }
        came
    }

    fn away(&self, session: SessionKey) -> Option<&Session<S>> {
        self.sessions.get(&session).filter(|it| matches!(it.line, Line::Away { .. }))
    }
}

const NOBODY: Said = said!(
    "no connector is attached for this profile: start one with the profile's token (`usher token reload`), \
                      and look at its log for why it went"
);
