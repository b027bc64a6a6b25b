//! Random customers, commands, losses and restarts: nothing is lost and nothing happens twice.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::switchboard::board::Counts;

#[derive(Clone, Copy, Debug)]
enum Step {
    Says,
    /// The last message again.
    Repeats,
    BotSays,
    /// The last command again.
    Redelivered,
    Requeue,
    Accept,
    GiveBack,
    PersonSays,
    /// So many of the frames that wait are taken.
    Taken(usize),
    Detach,
    Restart,
    Wait(i64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Says),
        1 => Just(Step::Repeats),
        3 => Just(Step::BotSays),
        1 => Just(Step::Redelivered),
        1 => Just(Step::Requeue),
        2 => Just(Step::Accept),
        2 => Just(Step::GiveBack),
        1 => Just(Step::PersonSays),
        4 => (1_usize..6).prop_map(Step::Taken),
        1 => Just(Step::Detach),
        1 => Just(Step::Restart),
        1 => (1_i64..200).prop_map(Step::Wait),
    ]
}

/// A gateway that takes messages once by their ids, in order, and numbers its commands.
struct Gateway {
    house: House,
    id: ContactName,
    taken: Vec<String>,
    seq: u32,
    said: usize,
    messages: usize,
    people: usize,
}

impl Gateway {
    fn new() -> Self {
        let mut house = House::attached();
        let id = house.talking("c");
        Self { house, id, taken: Vec::new(), seq: 0, said: 0, messages: 0, people: 0 }
    }

    fn step(&mut self, step: Step) {
        let id = self.id.clone();
        match step {
            Step::Says => {
                let name = format!("m{}", self.messages);
                if self.house.says(&id, &name) != Err(Refusal::TooMuch) {
                    self.messages += 1;
                }
            }
            Step::Repeats if self.messages > 0 => {
                let again = self.house.says(&id, &format!("m{}", self.messages - 1)).unwrap();
                assert!(again.repeated);
            }
            Step::BotSays => {
                self.seq += 1;
                self.said += 1;
                self.house.say(&id, self.seq, &format!("b{}", self.said));
            }
            Step::Redelivered if self.seq > 0 => self.house.say(&id, self.seq, "twice"),
            Step::Requeue => {
                self.seq += 1;
                self.house.requeue(&id, self.seq, "support");
            }
            Step::Accept => drop(self.house.act(|floor, now, out| floor.accept("desk-1", &id, now, out))),
            Step::GiveBack => drop(self.house.act(|floor, now, out| floor.give_back("desk-1", &id, now, out))),
            Step::PersonSays => {
                let name = format!("p{}", self.people);
                let said = self.house.act(|floor, now, out| floor.person_says("desk-1", &id, (&name, &name), now, out));
                self.people += usize::from(said.is_ok());
            }
            Step::Taken(n) => self.take(n),
            Step::Detach => {
                self.house.act(|floor, now, out| floor.on_attached(false, now, out));
                self.house.attach();
            }
            Step::Restart => {
                // What the link held is lost with the process.
                self.house.frames.clear();
                self.house.restart();
                self.house.attach();
            }
            Step::Wait(seconds) => self.house.wait(seconds),
            Step::Repeats | Step::Redelivered => {}
        }
    }

    fn take(&mut self, n: usize) {
        let n = n.min(self.house.frames.len());
        for frame in self.house.frames.drain(..n).collect::<Vec<_>>() {
            if let Body::ContactOffered(_) = &frame.body {
                let id = self.id.clone();
                self.house.accepted(&id);
            }
            if let Body::CustomerMessage(it) = &frame.body
                && !self.taken.contains(&it.message_id)
            {
                self.taken.push(it.message_id.clone());
            }
            if let Some(receipt) = frame.receipt {
                self.house.act(|floor, now, out| floor.on_taken(receipt, now, out));
            }
        }
    }

    fn settle(&mut self) {
        self.house.wait(1);
        for _ in 0..20 {
            self.take(usize::MAX);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nothing_is_lost_and_nothing_happens_twice(steps in prop::collection::vec(step(), 1..80)) {
        let mut gateway = Gateway::new();
        for step in steps {
            gateway.step(step);
            let stage = &gateway.house.floor.find(&gateway.id).unwrap().now.stage;
            let held = usize::from(matches!(stage, Stage::Person { .. }));
            let counts = Counts {
                connecting: usize::from(matches!(stage, Stage::Offering { .. })),
                bot: usize::from(matches!(stage, Stage::Bot)),
                waiting: usize::from(matches!(stage, Stage::Waiting { .. })),
                person: held,
                ended: 0,
            };
            let board = gateway.house.floor.board(gateway.house.now);
            prop_assert_eq!((board.counts, board.people[0].contacts), (counts, held));
            prop_assert_eq!(board.contacts.len(), counts.waiting + counts.person);
        }
        gateway.settle();
        let contact = gateway.house.floor.find(&gateway.id).unwrap();
        prop_assert!(contact.now.pending.is_empty(), "{:?}", contact.now);
        let seqs: Vec<u64> = contact.entries.iter().map(|it| it.seq).collect();
        prop_assert_eq!(seqs, (1..=contact.last_entry()).collect::<Vec<_>>());

        // Everything that was said stands there once, in order.
        let entries = gateway.house.entries(&gateway.id);
        let of = |from: &str| -> Vec<String> {
            entries.iter().filter_map(|it| it.strip_prefix(from)).map(ToOwned::to_owned).collect()
        };
        let numbered = |letter: &str, from: usize, n: usize| (from..from + n).map(|it| format!("{letter}{it}")).collect::<Vec<_>>();
        prop_assert_eq!(of("Customer: "), numbered("m", 0, gateway.messages));
        prop_assert_eq!(of("Bot: "), numbered("b", 1, gateway.said));
        prop_assert_eq!(of("Person: "), numbered("p", 0, gateway.people));

        // Every message reached somebody, once; what reached the gateway came in order.
        let delivered = of("delivered ");
        let different: BTreeSet<&String> = delivered.iter().collect();
        prop_assert_eq!((delivered.len(), different.len()), (gateway.messages, gateway.messages));
        let mut in_order = gateway.taken.clone();
        in_order.sort_by_key(|it| it.trim_start_matches('m').parse::<usize>().unwrap());
        prop_assert_eq!(gateway.taken, in_order);
    }
}
