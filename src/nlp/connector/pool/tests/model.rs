//! Whatever happens in whatever order: what must hold of a pool, and of every turn.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What a pool keeps twice agrees.
pub(super) fn check<W: Clone, S: Clone>(pool: &Pool<W, S>) {
    let mut waiting = 0;
    for (key, turn) in &pool.turns {
        let listed = |session: &SessionKey| pool.sessions.get(session).unwrap();
        match turn.place {
            Place::Anywhere => assert!(pool.waiting.contains(key)),
            Place::Queued(session) => assert!(listed(&session).queue.contains(key)),
            Place::InFlight(session) => assert!(listed(&session).in_flight.contains(key)),
        }
        waiting += usize::from(!matches!(turn.place, Place::InFlight(_)));
        assert!(pool.due.contains(&(turn.deadline, Due::Deadline(*key))));
    }
    assert_eq!(waiting, pool.waiting_count);
    let lists = pool.sessions.values().map(|it| it.queue.len() + it.in_flight.len()).sum::<usize>();
    assert_eq!(lists + pool.waiting.len(), pool.turns.len(), "a list names a turn that is over, or twice");
    let mut free = BTreeSet::new();
    let (mut open, mut attached) = (0, 0);
    for (key, session) in &pool.sessions {
        assert!(session.in_flight.len() <= usize::try_from(session.credits).unwrap() || session.generation > 0);
        let is_attached = matches!(session.line, Line::Attached(_));
        attached += usize::from(is_attached);
        open += usize::from(is_attached && session.stage == Stage::Open);
        let rank = (u32::try_from(session.in_flight.len()).unwrap(), session.contacts, *key);
        if is_attached && session.stage == Stage::Open && session.has_credit() {
            free.insert(rank);
            assert!(pool.waiting.is_empty() && session.queue.is_empty(), "something waits though there is a credit");
        }
        let homes = pool.contacts.values().filter(|it| it.session == Some(*key)).count();
        assert_eq!(usize::try_from(session.contacts).unwrap(), homes);
    }
    assert_eq!((&pool.free, pool.open, pool.attached), (&free, open, attached));
    assert_eq!(pool.by_name.len(), pool.sessions.len());
}

#[derive(Clone, Debug)]
enum Deed {
    Attach,
    Resume(usize),
    Cut(usize),
    End(usize),
    Leave(usize),
    Ask(u8),
    Take(usize),
    Reply(usize),
    Bad(usize),
    Close(u8),
    Wait(u16),
}

fn deed() -> impl Strategy<Value = Deed> {
    let at = || 0_usize..8;
    prop_oneof![
        2 => Just(Deed::Attach),
        2 => at().prop_map(Deed::Resume),
        2 => at().prop_map(Deed::Cut),
        1 => at().prop_map(Deed::End),
        1 => at().prop_map(Deed::Leave),
        6 => (0_u8..6).prop_map(Deed::Ask),
        5 => at().prop_map(Deed::Take),
        4 => at().prop_map(Deed::Reply),
        1 => at().prop_map(Deed::Bad),
        1 => (0_u8..6).prop_map(Deed::Close),
        4 => (1_u16..4_000).prop_map(Deed::Wait),
    ]
}

/// What a connector knows of its socket.
struct Side {
    socket: Socket,
    /// Turns it has, by id.
    has: BTreeMap<String, Turn>,
}

/// Everything beside the pool, as simply as it can be said.
struct World {
    bench: Bench,
    sides: Vec<Side>,
    /// When each turn must be over, and how often it has ended.
    asked: BTreeMap<u32, (Instant, u32)>,
    /// On which sessions each turn was seen.
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl World {
    fn note(&mut self) {
        self.bench.ends.clear();
        for (turn, at) in self.bench.ended_at.drain(..) {
            let (deadline, ends) = self.asked.get_mut(&turn).unwrap();
            *ends += 1;
            assert_eq!(*ends, 1, "turn {turn} ended twice");
            assert!(at <= *deadline, "turn {turn} ended after its deadline");
        }
        for (deadline, ends) in self.asked.values() {
            assert!(*ends == 1 || self.bench.now < *deadline, "a turn outlived its deadline");
        }
        // A socket that was closed says nothing more.
        let closed: Vec<u32> = self.bench.closed.drain(..).map(|it| it.0).collect();
        self.sides.retain(|it| !closed.contains(&it.socket.number));
    }

    fn side(&mut self, at: usize) -> Option<usize> {
        (!self.sides.is_empty()).then(|| at % self.sides.len())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the model follows turns alone")]
    fn take(&mut self, at: usize) {
        let Some(at) = self.side(at) else { return };
        let socket = self.sides[at].socket.clone();
        for frame in self.bench.take(&socket) {
            match frame {
                ToConnector::Turn(turn) => {
                    let sessions = self.seen.entry(turn.turn_id.clone()).or_default();
                    assert_eq!(turn.again, !sessions.is_empty(), "{turn:?} {sessions:?}");
                    sessions.insert(socket.session.clone());
                    assert!(sessions.len() <= 2, "{turn:?} was given to a third");
                    self.sides[at].has.insert(turn.turn_id.clone(), *turn);
                }
                ToConnector::Cancelled(it) => drop(self.sides[at].has.remove(&it.turn_id)),
                _ => {}
            }
        }
        assert!(self.sides[at].has.len() <= 2, "more turns than credits: {:?}", self.sides[at].has);
    }

    fn carry_out(&mut self, deed: &Deed) {
        match *deed {
            Deed::Attach => {
                let socket = self.bench.attach();
                self.sides.push(Side { socket, has: BTreeMap::new() });
            }
            Deed::Resume(at) => {
                let Some(at) = self.side(at) else { return };
                let old = self.sides[at].socket.clone();
                let socket = self.bench.resume(&old);
                let has = if socket.resumed { std::mem::take(&mut self.sides[at].has) } else { BTreeMap::new() };
                self.sides.push(Side { socket, has });
            }
            Deed::Cut(at) => {
                let Some(at) = self.side(at) else { return };
                let socket = self.sides[at].socket.clone();
                self.bench.cut(&socket);
            }
            Deed::End(at) => {
                let Some(at) = self.side(at) else { return };
                let side = self.sides.remove(at);
                self.bench.pool.detach(side.socket.seat, Departure::End, self.bench.now);
            }
            Deed::Leave(at) => {
                let Some(at) = self.side(at) else { return };
                self.bench.pool.on_leaving(self.sides[at].socket.seat, self.bench.now);
            }
            Deed::Ask(contact) => {
                let deadline = self.bench.now + DEADLINE;
                self.asked.insert(self.bench.asked + 1, (deadline, 0));
                self.bench.ask(&format!("c-{contact}"));
            }
            Deed::Take(at) => self.take(at),
            Deed::Reply(at) => {
                let Some(at) = self.side(at) else { return };
                let socket = self.sides[at].socket.clone();
                if let Some((_, turn)) = self.sides[at].has.pop_first() {
                    self.bench.reply(&socket, &turn, "Hi");
                }
            }
            Deed::Bad(at) => {
                let Some(at) = self.side(at) else { return };
                let seat = self.sides[at].socket.seat;
                self.bench.pool.on_bad(seat, Bad::new(Code::BadJson, ""), self.bench.now);
            }
            Deed::Close(contact) => {
                let ended = Step::Ended { reason: EndReason::Inactivity, with_person: false };
                self.bench.pool.on_step(&name(&format!("c-{contact}")), &ended, self.bench.now);
            }
            Deed::Wait(ms) => self.bench.wait(Duration::from_millis(ms.into())),
        }
        self.bench.note();
    }
}

proptest! {
    #[test]
    fn s11_every_turn_ends_once_in_time_within_credits_and_moves_once(deeds in prop::collection::vec(deed(), 0..120)) {
        let mut world =
            World { bench: Bench::new(), sides: Vec::new(), asked: BTreeMap::new(), seen: BTreeMap::new() };
        for deed in &deeds {
            world.carry_out(deed);
            world.note();
        }
        // Left alone, everything comes to its end.
        world.bench.wait(Duration::from_secs(60));
        world.note();
        prop_assert!(world.asked.values().all(|it| it.1 == 1));
        prop_assert!(world.bench.pool.turns.is_empty() && world.bench.pool.waiting_count == 0);
    }

    /// A contact's turns are all on one session, as long as that is attached and open.
    #[test]
    fn s11_a_contact_never_leaves_a_session_that_stays(asks in prop::collection::vec((0_u8..5, any::<bool>()), 1..80)) {
        let mut bench = Bench::new();
        let sockets = [bench.attach(), bench.attach(), bench.attach()];
        let mut homes: BTreeMap<String, usize> = BTreeMap::new();
        let mut held: Vec<(usize, Turn)> = Vec::new();
        for (contact, answer) in asks {
            bench.ask(&format!("c-{contact}"));
            for (at, socket) in sockets.iter().enumerate() {
                for turn in bench.turns(socket) {
                    let home = *homes.entry(turn.question.contact.clone()).or_insert(at);
                    prop_assert_eq!(home, at);
                    held.push((at, turn));
                }
            }
            if answer && !held.is_empty() {
                let (at, turn) = held.remove(0);
                bench.reply(&sockets[at], &turn, "Hi");
            }
        }
    }
}
