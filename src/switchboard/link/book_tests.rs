//! The book case by case, and against a model of a gateway whatever breaks.

use std::{collections::HashSet, time::Duration};

use proptest::prelude::*;

use super::*;
use crate::{
    clock::Clock,
    wire::engine::{AgentLoggedOn, CustomerMessage, Queue, customer_message},
};

fn message(contact: &str, id: u64) -> Outgoing {
    let (contact, message_id) = (contact.to_owned(), format!("m{id}"));
    let body = Some(customer_message::Body::Text("x".to_owned()));
    let message = CustomerMessage { contact, message_id, sensitive: false, body };
    Outgoing { body: Body::CustomerMessage(message), receipt: Some(Receipt(id)) }
}

fn note(id: u64) -> Outgoing {
    Outgoing { body: Body::AgentLoggedOn(AgentLoggedOn { user: format!("u{id}") }), receipt: Some(Receipt(id)) }
}

fn queue(id: usize) -> Queue {
    Queue { id: format!("queue-{id}"), name: "n".repeat(50), ..Queue::default() }
}

fn changed(queues: Vec<Queue>) -> Outgoing {
    let delta = DirectoryDelta { queues, ..DirectoryDelta::default() };
    Outgoing { body: Body::Directory(delta), receipt: Some(Receipt(1)) }
}

fn welcome(session: &str, resumed: bool, last_received: u64, credits: u32) -> Welcome {
    Welcome { session: session.to_owned(), resumed, last_received, credits, max_frame_bytes: 1024 }
}

fn attached(credits: u32) -> Book {
    let mut book = Book::default();
    book.on_welcome(&welcome("s", false, 0, credits), Vec::new()).unwrap();
    book
}

fn frames(book: &mut Book) -> Vec<(u64, Body)> {
    let mut frames = Vec::new();
    while book.has_more() {
        match book.next() {
            Next::Frame(frame) => frames.push((frame.seq, frame.body.unwrap())),
            Next::Nothing => {}
            Next::TooLarge(refused, _) => panic!("{refused:?}"),
        }
    }
    frames
}

fn numbers(book: &mut Book) -> Vec<u64> {
    frames(book).into_iter().map(|(seq, _)| seq).collect()
}

#[test]
fn no_more_is_unacknowledged_than_there_are_credits() {
    let mut book = attached(2);
    (1..=3).for_each(|id| book.push(note(id)));
    assert_eq!(numbers(&mut book), [1, 2]);
    assert_eq!(book.on_ack(1), Ok(vec![Receipt(1)]));
    assert_eq!(numbers(&mut book), [3]);
}

#[test]
fn what_waits_is_bounded() {
    let mut book = attached(1);
    let pushed = (1..).take_while(|id| {
        let has_room = book.has_room();
        book.push(note(*id));
        has_room
    });
    assert_eq!(pushed.count(), MAX_PENDING);
}

#[test]
fn a_resumed_session_goes_on_after_what_the_gateway_has() {
    let mut book = attached(10);
    (1..=3).for_each(|id| book.push(note(id)));
    assert_eq!(numbers(&mut book), [1, 2, 3]);
    book.on_ack(1).unwrap();
    book.on_welcome(&welcome("s", true, 2, 10), Vec::new()).unwrap();
    assert_eq!(numbers(&mut book), [3], "2 is there, though not durable");
    assert_eq!(book.on_ack(3), Ok(vec![Receipt(2), Receipt(3)]));
}

#[test]
fn a_new_session_numbers_again_what_was_never_acknowledged() {
    let mut book = attached(10);
    (1..=3).for_each(|id| book.push(note(id)));
    numbers(&mut book);
    book.on_ack(1).unwrap();
    book.arrive(1).unwrap();
    book.on_durable(1);
    book.push(note(4));
    book.on_welcome(&welcome("t", false, 0, 10), Vec::new()).unwrap();
    assert_eq!(book.resume_point(), ("t".to_owned(), 0));
    assert_eq!(numbers(&mut book), [1, 2, 3]);
    assert_eq!(book.on_ack(3), Ok(vec![Receipt(2), Receipt(3), Receipt(4)]));
    assert_eq!(book.arrive(1), Ok(Arrival::New), "the gateway counts from 1, too");
}

#[test]
fn a_busy_message_is_not_taken_and_goes_again_in_a_new_frame_before_what_follows() {
    let (mut book, now) = (attached(10), Clock::instant());
    book.push(message("c", 1));
    book.push(message("c", 2));
    assert_eq!(numbers(&mut book), [1]);
    let busy = Busy { contact: "c".to_owned(), message_id: "m1".to_owned(), ..Busy::default() };
    assert!(book.on_busy(&busy, now + Duration::from_secs(1)));
    assert_eq!(book.on_ack(1), Ok(vec![]), "acknowledged, and not taken");
    assert!(!book.has_more());
    assert_eq!(book.next_due(), Some(now + Duration::from_secs(1)));
    book.on_time(now + Duration::from_secs(1));
    assert_eq!(frames(&mut book), [(2, message("c", 1).body)]);
    assert_eq!(book.on_ack(2), Ok(vec![Receipt(1)]));
    assert_eq!(frames(&mut book), [(3, message("c", 2).body)]);
    assert!(!book.on_busy(&busy, now), "it is not among the unacknowledged any more");
    book.recall("c", message("c", 1), now);
    book.on_ack(3).unwrap();
    book.on_time(now);
    assert_eq!(frames(&mut book), [(4, message("c", 1).body)]);
}

#[test]
fn a_refused_frame_is_not_taken_and_frees_its_contact() {
    let mut book = attached(10);
    book.push(note(7));
    book.push(message("c", 1));
    book.push(message("c", 2));
    assert_eq!(numbers(&mut book), [1, 2]);
    assert_eq!(book.on_refused(2), Some(Receipt(1)));
    assert_eq!(book.on_ack(2), Ok(vec![Receipt(7)]));
    assert_eq!(frames(&mut book), [(3, message("c", 2).body)]);
    assert_eq!(book.on_refused(99), None);
}

#[test]
fn a_frame_that_is_too_large_never_leaves_and_takes_no_number() {
    let mut book = attached(10);
    let mut large = message("c", 1);
    if let Body::CustomerMessage(it) = &mut large.body {
        it.body = Some(customer_message::Body::Text("x".repeat(2000)));
    }
    book.push(large);
    book.push(message("c", 2));
    let Next::TooLarge(refused, receipt) = book.next() else { panic!() };
    assert_eq!((refused.contact.as_str(), refused.message_id.as_str(), receipt), ("c", "m1", Some(Receipt(1))));
    assert_eq!(refused.reason(), refused::Reason::TooLarge);
    assert_eq!(frames(&mut book), [(1, message("c", 2).body)]);
}

#[test]
fn a_large_change_of_the_directory_goes_in_pieces_and_is_taken_with_the_last() {
    let mut book = attached(10);
    book.push(changed((0..20).map(queue).collect()));
    book.push(note(2));
    let sent = frames(&mut book);
    assert!(sent.len() > 3, "{} frames", sent.len());
    let last = u64::try_from(sent.len()).unwrap();
    assert_eq!(book.on_ack(last - 2), Ok(vec![]));
    assert_eq!(book.on_ack(last), Ok(vec![Receipt(1), Receipt(2)]));
}

#[test]
fn changes_that_the_next_hello_holds_are_not_sent_after_it() {
    let mut book = attached(1);
    book.push(changed(vec![queue(1)]));
    book.push(changed(vec![queue(2)]));
    assert_eq!(numbers(&mut book), [1]);
    book.drop_directory_changes();
    let rest = vec![DirectoryDelta::default()];
    book.on_welcome(&welcome("s", true, 0, 10), rest).unwrap();
    let bodies: Vec<_> = frames(&mut book).into_iter().map(|(_, body)| body).collect();
    let heartbeat = Body::Heartbeat(Empty {});
    assert_eq!(bodies, [heartbeat.clone(), Body::Directory(DirectoryDelta::default()), heartbeat]);
}

#[test]
fn breaches_of_the_contract_are_named() {
    let mut book = attached(10);
    book.push(note(1));
    numbers(&mut book);
    assert_eq!(book.on_ack(2), Err(Breach::AckBeyond { ack: 2, given: 1 }));
    assert_eq!(book.arrive(2), Err(Breach::Gap { seq: 2, expected: 1 }));
    assert_eq!(book.on_welcome(&welcome("other", true, 0, 1), Vec::new()), Err(Breach::ResumesAnother));
    let nowhere = Breach::ResumesNowhere { last_received: 2, first: 0, given: 1 };
    assert_eq!(book.on_welcome(&welcome("s", true, 2, 1), Vec::new()), Err(nowhere));
}

#[test]
fn a_frame_is_acknowledged_when_it_is_durable_and_a_repeated_one_again() {
    let mut book = attached(10);
    book.arrive(1).unwrap();
    assert!(!book.ack_due());
    book.on_durable(1);
    assert!(book.ack_due());
    assert_eq!(book.heartbeat().ack, 1);
    assert!(!book.ack_due());
    assert_eq!(book.arrive(1), Ok(Arrival::Duplicate));
    assert!(book.ack_due());
}

#[derive(Clone, Debug)]
enum Step {
    /// A message of one of three contacts.
    Say(u8),
    /// The link's next frame reaches the gateway; `busy`: it has no room for it.
    Upstream {
        busy: bool,
    },
    /// What the gateway has is durable, and it says so.
    Acknowledge,
    /// Everything under way is lost; `kept`: the gateway still has the session.
    Cut {
        kept: bool,
    },
    Later,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (0..3_u8).prop_map(Step::Say),
        5 => any::<bool>().prop_map(|busy| Step::Upstream { busy }),
        3 => Just(Step::Acknowledge),
        1 => any::<bool>().prop_map(|kept| Step::Cut { kept }),
        2 => Just(Step::Later),
    ];
    prop::collection::vec(step, 0..150)
}

/// The gateway as the contract has it, and the wire between.
struct World {
    book: Book,
    now: Instant,
    said: u64,
    session: u64,
    received: u64,
    /// Answers under way: a Busy and the acknowledgement that it precedes.
    busy: Vec<Busy>,
    /// (contact, id) in the order in which they were taken, each once.
    taken: Vec<(String, String)>,
    known: HashSet<(String, String)>,
    receipts: Vec<Receipt>,
}

impl World {
    fn new() -> Self {
        Self {
            book: attached(4),
            now: Clock::instant(),
            said: 0,
            session: 0,
            received: 0,
            busy: Vec::new(),
            taken: Vec::new(),
            known: HashSet::new(),
            receipts: Vec::new(),
        }
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Say(contact) => {
                self.said += 1;
                self.book.push(message(&format!("c{contact}"), self.said));
            }
            Step::Upstream { busy } => {
                if self.book.has_more()
                    && let Next::Frame(frame) = self.book.next()
                {
                    self.arrive(frame, *busy);
                }
            }
            Step::Acknowledge => self.acknowledge(),
            Step::Cut { kept } => self.cut(*kept),
            Step::Later => {
                self.now += Duration::from_secs(1);
                self.book.on_time(self.now);
            }
        }
    }

    fn arrive(&mut self, frame: EngineFrame, busy: bool) {
        assert_eq!(frame.seq, self.received + 1, "no gap");
        self.received = frame.seq;
        let Some(Body::CustomerMessage(it)) = frame.body else { panic!("{frame:?}") };
        let key = (it.contact, it.message_id);
        if busy && !self.known.contains(&key) {
            let (contact, message_id) = key;
            self.busy.push(Busy { contact, message_id, retry_after_ms: 1000, ..Busy::default() });
        } else if self.known.insert(key.clone()) {
            self.taken.push(key);
        }
    }

    fn acknowledge(&mut self) {
        for busy in mem::take(&mut self.busy) {
            assert!(self.book.on_busy(&busy, self.now + Duration::from_secs(1)));
        }
        self.receipts.extend(self.book.on_ack(self.received).unwrap());
    }

    fn cut(&mut self, kept: bool) {
        if kept {
            let resumed = welcome(&self.book.resume_point().0, true, self.received, 4);
            self.book.on_welcome(&resumed, Vec::new()).unwrap();
        } else {
            self.session += 1;
            self.received = 0;
            self.busy.clear();
            self.book.on_welcome(&welcome(&format!("s{}", self.session), false, 0, 4), Vec::new()).unwrap();
        }
    }

    fn settle(&mut self) {
        for _ in 0..=4 * self.said + 4 {
            self.apply(&Step::Later);
            for _ in 0..4 {
                self.apply(&Step::Upstream { busy: false });
            }
            self.acknowledge();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]
    #[test]
    fn every_message_is_taken_once_and_in_its_contacts_order_whatever_breaks(steps in steps()) {
        let mut world = World::new();
        steps.iter().for_each(|step| world.apply(step));
        world.settle();
        let mut receipts = world.receipts.clone();
        receipts.sort_unstable();
        prop_assert_eq!(receipts, (1..=world.said).map(Receipt).collect::<Vec<_>>(), "each receipt comes back once");
        for contact in ["c0", "c1", "c2"] {
            let number = |id: &str| id.strip_prefix('m').unwrap().parse::<u64>().unwrap();
            let ids: Vec<_> = world.taken.iter().filter(|it| it.0 == contact).map(|it| number(&it.1)).collect();
            prop_assert!(ids.is_sorted(), "{contact}: {ids:?}");
        }
        prop_assert_eq!(world.taken.len(), usize::try_from(world.said).unwrap());
        prop_assert!(!world.book.has_more() && world.book.next_due().is_none(), "nothing is left behind");
    }
}
