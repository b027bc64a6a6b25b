//! The pool by example, at simulated time.

mod lost;
mod model;

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::*;
use crate::{
    clock::Clock,
    core::{contact::EndReason, message::MediaType, step::Step},
    nlp::connector::frames::{
        Bad, CancelReason, Cancelled, Closed, ClosedReason, Code, Failed, Hello, Input, Message, OutcomeKind, Turn,
        Typing,
    },
};

const TERMS: Terms = Terms { credits: 2, resume_within: Duration::from_secs(30), patience: Duration::from_secs(2) };
const DEADLINE: Duration = Duration::from_secs(10);

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

fn question(contact: &str) -> Arc<Question> {
    Arc::new(Question {
        contact: contact.to_owned(),
        media: MediaType::WebInteraction,
        language: "en".to_owned(),
        input: Input::Text("Hello".to_owned()),
        parameters: serde_json::Map::new(),
        actions: Vec::new(),
        shadow: false,
        seed: None,
    })
}

fn name(contact: &str) -> ContactName {
    ContactName::new(contact).unwrap()
}

/// How a turn ended: its reply's first text, or the kind of failure.
type Ends = Vec<(u32, Result<String, FailureKind>)>;

struct Bench {
    pool: Pool<u32, u32>,
    now: Instant,
    asked: u32,
    sockets: u32,
    said: Vec<(u32, Vec<Message>)>,
    typed: Vec<u32>,
    ends: Ends,
    ended_at: Vec<(u32, Instant)>,
    closed: Vec<(u32, ConnectorClose)>,
    last_words: Vec<ToConnector>,
    moved: u32,
    late: u32,
    alone: Option<bool>,
    flooded: Vec<u32>,
}

#[derive(Clone, Debug)]
struct Socket {
    seat: Seat,
    number: u32,
    session: String,
    resumed: bool,
}

impl Bench {
    fn new() -> Self {
        Self::with(TERMS)
    }

    fn with(terms: Terms) -> Self {
        let now = Clock::instant();
        Self {
            pool: Pool::new(terms, 7, now),
            now,
            asked: 0,
            sockets: 0,
            said: Vec::new(),
            typed: Vec::new(),
            ends: Vec::new(),
            ended_at: Vec::new(),
            closed: Vec::new(),
            last_words: Vec::new(),
            moved: 0,
            late: 0,
            alone: None,
            flooded: Vec::new(),
        }
    }

    fn attach(&mut self) -> Socket {
        self.attach_with(&Hello::default())
    }

    fn resume(&mut self, socket: &Socket) -> Socket {
        self.attach_with(&Hello { resume: Some(socket.session.clone()), ..Hello::default() })
    }

    fn attach_with(&mut self, hello: &Hello) -> Socket {
        self.sockets += 1;
        let number = self.sockets;
        let arrival = self.pool.attach(number, [1; 32], hello, format!("s-{number}"), self.now);
        self.note();
        Socket { seat: arrival.seat, number, session: arrival.session, resumed: arrival.resumed }
    }

    fn cut(&mut self, socket: &Socket) {
        self.pool.detach(socket.seat, Departure::Cut, self.now);
        self.note();
    }

    fn ask(&mut self, contact: &str) -> u32 {
        self.ask_within(contact, DEADLINE)
    }

    fn ask_within(&mut self, contact: &str, deadline: Duration) -> u32 {
        self.asked += 1;
        self.pool.ask(name(contact), question(contact), self.now + deadline, self.asked, self.now);
        self.note();
        self.asked
    }

    fn take(&mut self, socket: &Socket) -> Vec<ToConnector> {
        let mut frames = Vec::new();
        while let Take::Frame(frame) = self.pool.take(socket.seat, self.now) {
            frames.push(frame);
        }
        frames
    }

    /// Takes turns alone; anything else is a surprise.
    fn turns(&mut self, socket: &Socket) -> Vec<Turn> {
        let turn = |frame| {
            let ToConnector::Turn(turn) = frame else { panic!("{frame:?}") };
            *turn
        };
        self.take(socket).into_iter().map(turn).collect()
    }

    /// The contacts of the turns taken, with whether each came again.
    fn contacts(&mut self, socket: &Socket) -> Vec<(String, bool)> {
        self.turns(socket).into_iter().map(|it| (it.question.contact.clone(), it.again)).collect()
    }

    fn turn(&mut self, socket: &Socket) -> Turn {
        let turns = self.turns(socket);
        assert_eq!(turns.len(), 1, "{turns:?}");
        turns.into_iter().next().unwrap()
    }

    fn reply(&mut self, socket: &Socket, turn: &Turn, text: &str) {
        let reply = Reply { messages: vec![Message::Text(text.to_owned())], ..to(turn) };
        assert_eq!(self.pool.on_reply(socket.seat, Box::new(reply), self.now), None);
        self.note();
    }

    fn wait(&mut self, span: Duration) {
        let until = self.now + span;
        while let Some(due) = self.pool.next_due().filter(|it| *it <= until) {
            self.now = due.max(self.now);
            self.pool.on_time(self.now);
            self.note();
        }
        self.now = until;
    }

    fn note(&mut self) {
        model::check(&self.pool);
        for effect in self.pool.take_effects() {
            match effect {
                Effect::Settled(turn, result) => {
                    let text = |reply: Box<Reply>| match reply.messages.as_slice() {
                        [Message::Text(text), ..] => text.clone(),
                        _ => String::new(),
                    };
                    self.ended_at.push((turn, self.now));
                    self.ends.push((turn, result.map(text).map_err(|it| it.kind)));
                }
                Effect::Said(turn, reply) => self.said.push((turn, reply.messages)),
                Effect::Typing(turn) => self.typed.push(turn),
                Effect::Wake(_) => {}
                Effect::Close(socket, why, last) => {
                    self.closed.push((socket, why));
                    self.last_words.extend(last);
                }
                Effect::Flooded(socket) => self.flooded.push(socket),
                Effect::Moved => self.moved += 1,
                Effect::Late => self.late += 1,
                Effect::Alone(alone) => self.alone = Some(alone),
            }
        }
    }

    #[track_caller]
    fn ended(&mut self, expected: &[(u32, Result<&str, FailureKind>)]) {
        let ends = std::mem::take(&mut self.ends);
        let ends: Vec<_> = ends.iter().map(|(turn, end)| (*turn, end.as_deref().map_err(|it| *it))).collect();
        assert_eq!(ends, expected);
    }
}

fn to(turn: &Turn) -> Reply {
    Reply { turn_id: turn.turn_id.clone(), ..Reply::default() }
}

fn cancelled(turn: &Turn, reason: CancelReason) -> ToConnector {
    ToConnector::Cancelled(Cancelled { turn_id: turn.turn_id.clone(), reason })
}

#[test]
fn s11_a_turn_is_answered_by_the_socket_that_has_it() {
    let mut bench = Bench::new();
    let socket = bench.attach();
    let turn = bench.ask("ann");
    bench.wait(seconds(1));
    let sent = bench.turn(&socket);
    assert_eq!((sent.deadline_ms, sent.again), (9_000, false), "what is left of the deadline");
    bench.reply(&socket, &sent, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
    bench.wait(seconds(60));
    bench.ended(&[]);
}

#[test]
fn s11_without_a_connector_a_turn_fails_at_once_and_somebody_is_told_until_one_comes() {
    let mut bench = Bench::new();
    bench.wait(bench.pool.terms().patience);
    assert_eq!(bench.alone, None);
    let turn = bench.ask("ann");
    bench.ended(&[(turn, Err(FailureKind::Unavailable))]);
    assert_eq!(bench.alone, Some(true));
    bench.attach();
    assert_eq!(bench.alone, Some(false));
    let mut bench = Bench::new();
    bench.wait(seconds(29));
    assert_eq!(bench.alone, None);
    bench.wait(seconds(1));
    assert_eq!(bench.alone, Some(true), "also when nobody asks");
}

#[test]
fn s11_after_a_start_turns_wait_for_the_connectors_that_are_on_their_way_back() {
    let mut bench = Bench::new();
    let turn = bench.ask("ann");
    bench.wait(bench.pool.terms().patience / 2);
    let socket = bench.attach();
    let sent = bench.turn(&socket);
    bench.reply(&socket, &sent, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
    assert_eq!(bench.alone, None);

    let mut bench = Bench::new();
    let turn = bench.ask("ann");
    bench.wait(bench.pool.terms().patience);
    bench.ended(&[(turn, Err(FailureKind::Unavailable))]);
    assert_eq!(bench.alone, Some(true), "a customer has missed one");

    let mut bench = Bench::new();
    let turn = bench.ask_within("ann", bench.pool.terms().patience / 2);
    bench.wait(bench.pool.terms().patience / 2);
    bench.ended(&[(turn, Err(FailureKind::Unavailable))]);
    assert_eq!(bench.alone, Some(true), "also when the turn's own time is shorter");

    let mut bench = Bench::new();
    let longer = Terms { patience: bench.pool.terms().patience * 2, ..bench.pool.terms() };
    bench.pool.set_terms(longer);
    let turn = bench.ask("ann");
    bench.wait(longer.patience);
    bench.ended(&[(turn, Err(FailureKind::Unavailable))]);
}

#[test]
fn s11_contacts_stick_to_their_socket_and_new_ones_go_where_least_is_done() {
    let mut bench = Bench::new();
    let (one, two) = (bench.attach(), bench.attach());
    bench.ask("ann");
    bench.ask("bob");
    bench.ask("cid");
    assert_eq!(bench.contacts(&one), [("ann".to_owned(), false), ("cid".to_owned(), false)]);
    let bob = bench.turn(&two);
    bench.reply(&two, &bob, "Hi");
    bench.ask("dan");
    bench.ask("bob");
    let both = [("dan".to_owned(), false), ("bob".to_owned(), false)];
    assert_eq!(bench.contacts(&two), both, "the first has no credit left, and bob has been here");
}

#[test]
fn s11_a_contact_waits_for_its_own_socket_though_another_is_free() {
    let mut bench = Bench::new();
    let (one, two) = (bench.attach(), bench.attach());
    bench.ask("ann");
    let first = bench.turn(&one);
    bench.reply(&one, &first, "Hi");
    bench.ask("bob");
    bench.ask("cid");
    bench.ask("dan");
    bench.ask("eve");
    let full = bench.turns(&one);
    assert_eq!(full.len(), 2);
    bench.ask("ann");
    assert_eq!(bench.turns(&two).len(), 2);
    assert_eq!(bench.turns(&one), []);
    bench.reply(&one, &full[0], "");
    assert_eq!(bench.contacts(&one), [("ann".to_owned(), false)]);
}

#[test]
fn s11_no_socket_has_more_turns_than_credits_and_those_that_wait_keep_their_deadline() {
    let mut bench = Bench::new();
    let hello = Hello { credits: Some(1), ..Hello::default() };
    let socket = bench.attach_with(&hello);
    let (ann, bob, cid) = (bench.ask("ann"), bench.ask("bob"), bench.ask_within("cid", seconds(5)));
    let first = bench.turn(&socket);
    bench.wait(seconds(5));
    bench.ended(&[(cid, Err(FailureKind::Deadline))]);
    bench.reply(&socket, &first, "Hi");
    let second = bench.turn(&socket);
    assert_eq!((second.question.contact.as_str(), second.deadline_ms), ("bob", 5_000));
    bench.wait(seconds(5));
    bench.ended(&[(ann, Ok("Hi")), (bob, Err(FailureKind::Deadline))]);
    assert_eq!(bench.take(&socket), [cancelled(&second, CancelReason::Deadline)]);
    let greedy = bench.attach_with(&Hello { credits: Some(1_000), ..Hello::default() });
    for contact in ["dan", "eve", "fay", "gil"] {
        bench.ask(contact);
    }
    assert_eq!(bench.turns(&greedy).len(), 2, "never more than the profile allows");
}

#[test]
fn s11_a_reply_that_comes_late_or_twice_is_passed_over_and_the_author_told() {
    let mut bench = Bench::new();
    let socket = bench.attach();
    let turn = bench.ask("ann");
    let sent = bench.turn(&socket);
    bench.reply(&socket, &sent, "first");
    bench.reply(&socket, &sent, "second");
    bench.ended(&[(turn, Ok("first"))]);
    let never = Turn { turn_id: "00000007-99".to_owned(), ..sent.clone() };
    bench.reply(&socket, &never, "third");
    bench.ended(&[]);
    let codes: Vec<_> = bench
        .take(&socket)
        .into_iter()
        .map(|it| matches!(it, ToConnector::Error(e) if e.code == Code::UnknownTurn))
        .collect();
    assert_eq!((codes, bench.late), (vec![true, true], 2));
    let other = bench.attach();
    bench.ask("bob");
    let bobs = bench.turn(&other);
    bench.reply(&socket, &bobs, "not yours");
    bench.ended(&[]);
}

#[test]
fn s11_parts_are_said_at_once_and_the_final_reply_ends_the_turn() {
    let mut bench = Bench::new();
    let socket = bench.attach();
    let turn = bench.ask("ann");
    let sent = bench.turn(&socket);
    for n in 0..64 {
        let part = Reply { messages: vec![Message::Text(n.to_string())], is_final: Some(false), ..to(&sent) };
        assert_eq!(bench.pool.on_reply(socket.seat, Box::new(part), bench.now), None);
    }
    bench.note();
    assert_eq!(bench.said.len(), 64);
    assert_eq!(bench.said[3], (turn, vec![Message::Text("3".to_owned())]));
    let part = Reply { is_final: Some(false), ..to(&sent) };
    assert_eq!(bench.pool.on_reply(socket.seat, Box::new(part), bench.now), Some(Code::Unexpected));
    bench.reply(&socket, &sent, "end");
    assert_eq!(bench.said.len(), 64);
    bench.ended(&[(turn, Ok("end"))]);
}

#[test]
fn s11_typing_is_passed_on_once_a_second() {
    let mut bench = Bench::new();
    let socket = bench.attach();
    let turn = bench.ask("ann");
    let typing = Typing { turn_id: bench.turn(&socket).turn_id, ..Typing::default() };
    for after in [0, 400, 400, 400] {
        bench.wait(Duration::from_millis(after));
        bench.pool.on_typing(socket.seat, &typing, bench.now);
    }
    bench.note();
    assert_eq!(bench.typed, [turn, turn]);
}

#[test]
fn s11_a_connector_that_says_it_failed_fails_its_turn_now() {
    let mut bench = Bench::new();
    let socket = bench.attach();
    let turn = bench.ask("ann");
    let failed = Failed { turn_id: bench.turn(&socket).turn_id, ..Failed::default() };
    bench.pool.on_failed(socket.seat, failed, bench.now);
    bench.note();
    bench.ended(&[(turn, Err(FailureKind::Internal))]);
}

#[test]
fn s11_the_third_bad_frame_in_a_row_ends_the_session_after_its_error() {
    let mut bench = Bench::new();
    let (one, two) = (bench.attach(), bench.attach());
    let turn = bench.ask("ann");
    bench.turn(&one);
    let bad = || Bad::new(Code::NotText, "no text");
    bench.pool.on_bad(one.seat, bad(), bench.now);
    bench.pool.on_bad(one.seat, bad(), bench.now);
    bench.pool.on_ping(one.seat, None);
    bench.pool.on_bad(one.seat, bad(), bench.now);
    bench.pool.on_bad(one.seat, bad(), bench.now);
    bench.note();
    assert_eq!(bench.closed, [], "a good frame began the count anew");
    assert_eq!(bench.take(&one).len(), 5);
    bench.pool.on_bad(one.seat, bad(), bench.now);
    bench.note();
    assert_eq!(bench.closed, [(one.number, ConnectorClose::BadFrames)]);
    assert!(matches!(bench.last_words.as_slice(), [ToConnector::Error(error)] if error.code == Code::NotText));
    let moved = bench.turn(&two);
    bench.reply(&two, &moved, "Hi");
    bench.ended(&[(turn, Ok("Hi"))]);
}

#[test]
fn s11_a_bad_reply_fails_its_turn_rather_than_let_it_wait() {
    let mut bench = Bench::new();
    let one = bench.attach();
    let turn = bench.ask("ann");
    let turn_id = Some(bench.turn(&one).turn_id);
    let bad = Bad { turn_id, ..Bad::new(Code::BadFrame, "no") };
    bench.pool.on_bad(one.seat, bad.clone(), bench.now);
    bench.note();
    bench.ended(&[]);
    bench.pool.on_bad(one.seat, Bad { ends_turn: true, ..bad }, bench.now);
    bench.note();
    bench.ended(&[(turn, Err(FailureKind::Malformed))]);
    bench.pool.on_ping(one.seat, None);
    let (first, second) = (bench.ask("bob"), bench.ask("cid"));
    bench.take(&one);
    bench.pool.on_bad(one.seat, Bad::new(Code::BadJson, "half a frame"), bench.now);
    bench.note();
    bench.ended(&[]);
    bench.wait(DEADLINE);
    bench.ended(&[(first, Err(FailureKind::Deadline)), (second, Err(FailureKind::Deadline))]);
    let third = bench.ask("dan");
    bench.pool.on_ping(one.seat, None);
    bench.take(&one);
    bench.pool.on_bad(one.seat, Bad::new(Code::BadJson, "half a frame"), bench.now);
    bench.note();
    bench.ended(&[(third, Err(FailureKind::Malformed))]);
}

#[test]
fn s11_a_contact_that_is_over_takes_its_turn_along_and_is_forgotten() {
    let mut bench = Bench::new();
    let one = bench.attach();
    let turn = bench.ask("ann");
    let sent = bench.turn(&one);
    let unknown = Step::UnknownAction { name: "dance".to_owned() };
    bench.pool.on_step(&name("ann"), &unknown, bench.now);
    bench.pool.on_step(&name("nobody"), &unknown, bench.now);
    bench.pool.on_step(&name("ann"), &Step::Ended { reason: EndReason::Completed, with_person: false }, bench.now);
    bench.note();
    bench.ended(&[(turn, Err(FailureKind::Interrupted))]);
    let closed = Closed { contact: "ann".to_owned(), reason: ClosedReason::Completed };
    let frames = bench.take(&one);
    assert!(matches!(&frames[0], ToConnector::Outcome(it) if it.outcome == OutcomeKind::Unknown), "{frames:?}");
    assert_eq!(frames[1..], [cancelled(&sent, CancelReason::Closed), ToConnector::Closed(closed)]);
    assert!(bench.pool.contacts.is_empty());
}

#[test]
fn s11_a_turn_that_nobody_waits_for_any_more_gives_its_credit_back() {
    let mut bench = Bench::new();
    let one = bench.attach_with(&Hello { credits: Some(1), ..Hello::default() });
    let key = bench.pool.ask(name("ann"), question("ann"), bench.now + DEADLINE, 1, bench.now);
    let sent = bench.turn(&one);
    bench.ask("bob");
    bench.pool.abandon(key, bench.now);
    bench.note();
    let frames = bench.take(&one);
    assert_eq!((&frames[0], frames.len()), (&cancelled(&sent, CancelReason::Abandoned), 2));
    assert!(matches!(&frames[1], ToConnector::Turn(turn) if turn.question.contact == "bob"), "{frames:?}");
}

#[test]
fn contacts_whose_end_nobody_told_are_forgotten_after_a_day() {
    let mut bench = Bench::new();
    let one = bench.attach_with(&Hello { credits: Some(1), ..Hello::default() });
    let ask = |bench: &mut Bench, contact: usize| {
        bench.pool.ask(name(&format!("c-{contact}")), question("c"), bench.now + DEADLINE, 0, bench.now);
        while let Take::Frame(frame) = bench.pool.take(one.seat, bench.now) {
            if let ToConnector::Turn(turn) = frame {
                bench.pool.on_reply(one.seat, Box::new(to(&turn)), bench.now);
            }
        }
        bench.pool.take_effects();
    };
    for contact in 0..SEARCHED_FROM {
        ask(&mut bench, contact);
    }
    bench.now += FORGOTTEN_AFTER + seconds(1);
    assert_eq!(bench.pool.contacts.len(), SEARCHED_FROM);
    ask(&mut bench, SEARCHED_FROM);
    assert_eq!(bench.pool.contacts.len(), 1);
    model::check(&bench.pool);
}
