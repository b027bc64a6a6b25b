//! Turns: where each goes, and what ends it.

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    Due, Effect, FORGOTTEN_AFTER, Failure, Home, Line, MAX_CONTACTS, MAX_WAITING, NOBODY, Outgoing, Place, Pool,
    SEARCHED_FROM, Seat, SessionKey, TYPING_EVERY, Turn, TurnKey,
};
use crate::{
    core::{ids::ContactName, message::FailureKind, said::said, step::Step},
    nlp::connector::{
        actions::Told,
        frames::{
            self, Bad, CancelReason, Cancelled, Code, Failed, FailedKind, MAX_PARTS, Question, Reply, ToConnector,
            Typing,
        },
    },
};

impl<W: Clone, S: Clone> Pool<W, S> {
    /// A question; it is settled once, at its deadline at the latest.
    pub(in crate::nlp::connector) fn ask(
        &mut self,
        contact: ContactName,
        question: Arc<Question>,
        deadline: Instant,
        waiter: W,
        now: Instant,
    ) -> TurnKey {
        self.last_turn += 1;
        let key = TurnKey(self.last_turn);
        self.forget_silent(now);
        if self.contacts.len() < MAX_CONTACTS || self.contacts.contains_key(&contact) {
            let home = self.contacts.entry(contact.clone()).or_default();
            (home.turn, home.asked_at) = (Some(key), Some(now));
        }
        let turn = Turn {
            contact,
            question,
            deadline,
            waiter,
            place: Place::Anywhere,
            taken: false,
            moved: false,
            parts: 0,
            typed_at: None,
        };
        self.turns.insert(key, turn);
        self.due.insert((deadline, Due::Deadline(key)));
        self.waiting_count += 1;
        if self.waiting_count > MAX_WAITING {
            let advice =
                said!("too many turns wait for this connector: attach further sockets, or raise their credits");
            self.settle(key, Err(Failure::new(FailureKind::Unavailable, advice)), now);
        } else {
            self.find_place(key, false, now);
        }
        key
    }

    /// Now and then, so that it costs little for each question.
    fn forget_silent(&mut self, now: Instant) {
        if self.contacts.len() < self.search_at {
            return;
        }
        let is_silent = |it: &Home| it.asked_at.is_none_or(|at| now.duration_since(at) > FORGOTTEN_AFTER);
        let silent: Vec<ContactName> =
            self.contacts.iter().filter(|(_, home)| is_silent(home)).map(|(name, _)| name.clone()).collect();
        for contact in silent {
            self.move_out(&contact);
            self.contacts.remove(&contact);
        }
        self.search_at = (self.contacts.len() * 2).max(SEARCHED_FROM);
    }

    /// Nobody waits for it any more.
    pub(in crate::nlp::connector) fn abandon(&mut self, key: TurnKey, now: Instant) {
        self.cancel(key, CancelReason::Abandoned, Failure::new(FailureKind::Interrupted, said!("given up")), now);
    }

    /// For a turn that is on no list: to its contact's session, or another. `first`: before those that wait already.
    pub(super) fn find_place(&mut self, key: TurnKey, first: bool, now: Instant) {
        let Some(contact) = self.turns.get(&key).map(|it| it.contact.clone()) else { return };
        if let Some(session) = self.home(&contact, now) {
            return self.queue(key, session, first);
        }
        if let Some((_, _, session)) = self.free.first().copied() {
            self.move_in(&contact, session);
            return self.send(key, session);
        }
        if self.open == 0 && self.lonely_since.is_none() {
            self.settle(key, Err(Failure::new(FailureKind::Unavailable, NOBODY)), now);
            return self.tell_alone();
        }
        if first { self.waiting.push_front(key) } else { self.waiting.push_back(key) }
    }

    /// The session that the contact sticks to, as long as it takes turns or is worth waiting for.
    fn home(&self, contact: &ContactName, now: Instant) -> Option<SessionKey> {
        let key = self.contacts.get(contact)?.session?;
        let session = self.sessions.get(&key)?;
        let stays = match session.line {
            Line::Attached(_) => session.stage.is_open(),
            Line::Away { since } => now < since + self.terms.patience,
        };
        stays.then_some(key)
    }

    fn queue(&mut self, key: TurnKey, session: SessionKey, first: bool) {
        let Some(at) = self.sessions.get_mut(&session) else { return };
        if matches!(at.line, Line::Attached(_)) && at.queue.is_empty() && at.has_credit() {
            return self.send(key, session);
        }
        if first {
            at.queue.push_front(key);
        } else {
            at.queue.push_back(key);
        }
        self.put(key, Place::Queued(session));
    }

    fn send(&mut self, key: TurnKey, session: SessionKey) {
        self.with_session(session, |at| {
            at.in_flight.insert(key);
            at.outbox.push_back(Outgoing::Turn(key));
        });
        self.waiting_count -= 1;
        self.put(key, Place::InFlight(session));
        self.wake(session);
    }

    fn put(&mut self, key: TurnKey, place: Place) {
        if let Some(turn) = self.turns.get_mut(&key) {
            turn.place = place;
        }
    }

    /// From now on the contact sticks to this session.
    fn move_in(&mut self, contact: &ContactName, session: SessionKey) {
        let Some(home) = self.contacts.get_mut(contact) else { return };
        let before = home.session.replace(session);
        if let Some(before) = before {
            self.with_session(before, |at| at.contacts -= 1);
        }
        self.with_session(session, |at| at.contacts += 1);
    }

    /// Gives an attached session what waits for it, then what waits for anybody, as far as its credits go.
    pub(super) fn fill(&mut self, session: SessionKey, now: Instant) {
        while let Some(at) = self.sessions.get_mut(&session)
            && matches!(at.line, Line::Attached(_))
            && at.has_credit()
        {
            if let Some(key) = at.queue.pop_front() {
                self.send(key, session);
                continue;
            }
            let key = if at.stage.is_open() { self.waiting.pop_front() } else { None };
            let Some(key) = key else { return };
            let Some(contact) = self.turns.get(&key).map(|it| it.contact.clone()) else { continue };
            // It may have found a session since, by another of its turns.
            match self.home(&contact, now) {
                Some(home) if home != session => self.queue(key, home, false),
                Some(_) | None => {
                    self.move_in(&contact, session);
                    self.send(key, session);
                }
            }
        }
    }

    /// Takes the turn off whatever list it is on. Says which session has a credit more now.
    fn unlist(&mut self, key: TurnKey, place: Place) -> Option<SessionKey> {
        match place {
            Place::Anywhere => {
                self.waiting_count -= 1;
                self.waiting.retain(|it| *it != key);
                None
            }
            Place::Queued(session) => {
                self.waiting_count -= 1;
                self.with_session(session, |at| at.queue.retain(|it| *it != key));
                None
            }
            Place::InFlight(session) => {
                self.with_session(session, |at| at.in_flight.remove(&key));
                Some(session)
            }
        }
    }

    pub(super) fn settle(&mut self, key: TurnKey, result: Result<Box<Reply>, Failure>, now: Instant) {
        let Some(turn) = self.turns.remove(&key) else { return };
        self.due.remove(&(turn.deadline, Due::Deadline(key)));
        let freed = self.unlist(key, turn.place);
        self.effects.push(Effect::Settled(turn.waiter, result));
        if let Some(session) = freed {
            self.fill(session, now);
            self.let_go(session);
        }
    }

    /// Settles it, and tells the connector that has it.
    fn cancel(&mut self, key: TurnKey, reason: CancelReason, failure: Failure, now: Instant) {
        let Some(turn) = self.turns.get(&key) else { return };
        if let (Place::InFlight(session), true) = (turn.place, turn.taken) {
            self.tell_cancelled(session, key, reason);
        }
        self.settle(key, Err(failure), now);
    }

    pub(super) fn tell_cancelled(&mut self, session: SessionKey, key: TurnKey, reason: CancelReason) {
        let turn_id = self.turn_id(key);
        self.notify(session, ToConnector::Cancelled(Cancelled { turn_id, reason }));
    }

    pub(super) fn on_deadline(&mut self, key: TurnKey, now: Instant) {
        let Some(turn) = self.turns.get(&key) else { return };
        if self.open == 0 && matches!(turn.place, Place::Anywhere) {
            self.tell_alone();
            return self.cancel(key, CancelReason::Deadline, Failure::new(FailureKind::Unavailable, NOBODY), now);
        }
        let advice = match (turn.place, turn.taken) {
            (Place::InFlight(_), true) => {
                said!("the connector did not answer in time: look at its log, or give it longer (`deadline_ms`)")
            }
            (Place::InFlight(_), false) => {
                said!("the connector does not read fast enough: look at its machine and the way to it")
            }
            (Place::Queued(_) | Place::Anywhere, _) => {
                said!(
                    "no socket of the connector had a credit left in time: attach further sockets, or raise their credits"
                )
            }
        };
        self.cancel(key, CancelReason::Deadline, Failure::new(FailureKind::Deadline, advice), now);
    }

    /// The turn's session is lost: it goes to another, once.
    pub(super) fn lose(&mut self, key: TurnKey, now: Instant) {
        let Some(turn) = self.turns.get_mut(&key) else { return };
        if turn.taken && turn.moved {
            let advice = said!("two sockets of the connector were lost with this turn: look at its log for a crash");
            return self.settle(key, Err(Failure::new(FailureKind::Unavailable, advice)), now);
        }
        let (place, contact) = (turn.place, turn.contact.clone());
        if turn.taken {
            turn.moved = true;
            self.effects.push(Effect::Moved);
        }
        self.unlist(key, place);
        self.waiting_count += 1;
        self.put(key, Place::Anywhere);
        self.move_out(&contact);
        self.find_place(key, true, now);
    }

    fn move_out(&mut self, contact: &ContactName) {
        if let Some(session) = self.contacts.get_mut(contact).and_then(|it| it.session.take()) {
            self.with_session(session, |at| at.contacts -= 1);
        }
    }

    pub(in crate::nlp::connector) fn turn_id(&self, key: TurnKey) -> String {
        format!("{}-{}", self.run, key.0)
    }

    /// The turn, if it is in flight on this session.
    fn find_turn(&self, session: SessionKey, id: &str) -> Option<TurnKey> {
        let number = id.strip_prefix(&self.run)?.strip_prefix('-')?;
        let key = TurnKey(number.parse().ok()?);
        (self.turns.get(&key)?.place == Place::InFlight(session)).then_some(key)
    }

    /// Says what is bad about it, as that is counted.
    pub(in crate::nlp::connector) fn on_reply(&mut self, seat: Seat, reply: Box<Reply>, now: Instant) -> Option<Code> {
        if !self.holds(seat) {
            return None;
        }
        let Some(key) = self.find_turn(seat.session, &reply.turn_id) else {
            self.on_unknown_turn(seat.session, &reply.turn_id);
            return None;
        };
        if reply.is_final() {
            self.was_good(seat.session);
            self.settle(key, Ok(reply), now);
            return None;
        }
        let turn = self.turns.get_mut(&key)?;
        turn.parts += 1;
        if turn.parts > MAX_PARTS {
            let why = format!("a turn has at most {MAX_PARTS} replies before the final one");
            let mut bad = Bad::new(Code::Unexpected, why);
            bad.turn_id = Some(reply.turn_id);
            self.on_bad(seat, bad, now);
            return Some(Code::Unexpected);
        }
        self.effects.push(Effect::Said(turn.waiter.clone(), reply));
        self.was_good(seat.session);
        None
    }

    /// The turn is larger than a frame may be.
    pub(in crate::nlp::connector) fn on_unsendable(&mut self, seat: Seat, turn_id: &str, now: Instant) {
        if let Some(key) = self.find_turn(seat.session, turn_id) {
            let advice = said!(
                "the question is larger than a frame to a connector may be (1 MiB): shorten attributes or transcript"
            );
            self.settle(key, Err(Failure::new(FailureKind::Invalid, advice)), now);
        }
    }

    pub(in crate::nlp::connector) fn on_failed(&mut self, seat: Seat, failed: Failed, now: Instant) {
        if !self.holds(seat) {
            return;
        }
        let Some(key) = self.find_turn(seat.session, &failed.turn_id) else {
            return self.on_unknown_turn(seat.session, &failed.turn_id);
        };
        self.was_good(seat.session);
        let kind = match failed.kind.unwrap_or_default() {
            FailedKind::Internal => FailureKind::Internal,
            FailedKind::Unavailable => FailureKind::Unavailable,
            FailedKind::Quota => FailureKind::Quota,
        };
        let advice = match failed.detail.filter(|it| !it.is_empty()) {
            Some(detail) => said!("the connector says: {}", detail),
            None => said!("the connector says that it failed: look at its log"),
        };
        self.settle(key, Err(Failure::new(kind, advice)), now);
    }

    pub(in crate::nlp::connector) fn on_typing(&mut self, seat: Seat, typing: &Typing, now: Instant) {
        if !self.holds(seat) {
            return;
        }
        let Some(key) = self.find_turn(seat.session, &typing.turn_id) else {
            return self.on_unknown_turn(seat.session, &typing.turn_id);
        };
        self.was_good(seat.session);
        if let Some(turn) = self.turns.get_mut(&key)
            && turn.typed_at.is_none_or(|it| now >= it + TYPING_EVERY)
        {
            turn.typed_at = Some(now);
            self.effects.push(Effect::Typing(turn.waiter.clone()));
        }
    }

    fn on_unknown_turn(&mut self, session: SessionKey, turn_id: &str) {
        self.was_good(session);
        self.effects.push(Effect::Late);
        let error = frames::Error {
            code: Code::UnknownTurn,
            message: "this turn does not wait for an answer here: it was answered, cancelled or moved, or it never was"
                .to_owned(),
            at: None,
            turn_id: Some(turn_id.chars().take(64).collect()),
        };
        self.notify(session, ToConnector::Error(error));
    }

    /// A bad frame fails the turn that it was to answer: what comes is no better. `unnamed`: the connector cannot know which
    /// turn that was, and would take it for one that still has its credit.
    pub(super) fn fail_malformed(&mut self, session: SessionKey, turn_id: &str, unnamed: bool, now: Instant) {
        let Some(key) = self.find_turn(session, turn_id) else { return };
        let advice = said!("the connector's reply breaks the contract: its log has the `error` frame that says where");
        let failure = Failure::new(FailureKind::Malformed, advice);
        if unnamed {
            self.cancel(key, CancelReason::Abandoned, failure, now);
        } else {
            self.settle(key, Err(failure), now);
        }
    }

    /// What happened to a contact, as the timeline tells it.
    pub(in crate::nlp::connector) fn on_step(&mut self, contact: &ContactName, step: &Step, now: Instant) {
        let Some(home) = self.contacts.get_mut(contact) else { return };
        let told = home.actions.on_step(contact, step);
        let Home { session, turn, .. } = *home;
        match told {
            Told::Nothing => {}
            Told::Outcome(outcome) => {
                if let Some(session) = session {
                    self.notify(session, ToConnector::Outcome(outcome));
                }
            }
            Told::Closed(closed) => {
                if let Some(key) = turn {
                    self.cancel(
                        key,
                        CancelReason::Closed,
                        Failure::new(FailureKind::Interrupted, said!("the contact is over")),
                        now,
                    );
                }
                self.move_out(contact);
                self.contacts.remove(contact);
                if let Some(session) = session {
                    self.notify(session, ToConnector::Closed(closed));
                }
            }
        }
    }
}
