//! One session's numbers, both ways, without any I/O: who sent what, who has it, what must be sent again.
//!
//! A session outlives its streams. Gateway frames are kept from the moment they get a number until the routing engine
//! acknowledges them, so a new stream goes on where the old one broke off.

use std::collections::{VecDeque, vec_deque::Drain};

/// What to do with a numbered engine frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// The next one: take it.
    New,
    /// We have it: drop it, and say again what we have.
    Duplicate,
    /// Frames are missing before it: nothing is lost within a stream, so this is a fault.
    Gap { expected: u64 },
}

/// The engine acknowledges frames that we never sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("ack: {ack} was never sent, the last was {sent}")]
pub(super) struct AckBeyond {
    pub(super) ack: u64,
    pub(super) sent: u64,
}

#[derive(Debug)]
pub(super) struct Numbering<T> {
    /// The highest engine frame taken.
    taken: u64,
    /// The highest engine frame that is durable here.
    durable: u64,
    /// The highest `ack` told on the present stream.
    told: u64,
    /// Say `ack` again even if it has not moved.
    repeat_ack: bool,
    /// The highest number given to a gateway frame.
    given: u64,
    /// The gateway frames `given - unacked.len() + 1 ..= given`.
    unacked: VecDeque<T>,
    /// How many of `unacked`, from the front, the present stream has carried.
    carried: usize,
}

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self { taken: 0, durable: 0, told: 0, repeat_ack: false, given: 0, unacked: VecDeque::new(), carried: 0 }
    }
}

impl<T> Numbering<T> {
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many engine frames are taken but not yet durable.
    pub(super) fn pending(&self) -> u64 {
        self.taken - self.durable
    }

    pub(super) fn arrive(&mut self, seq: u64) -> Arrival {
        if seq <= self.taken {
            self.repeat_ack = true;
            Arrival::Duplicate
        } else if seq == self.taken + 1 {
            self.taken = seq;
            Arrival::New
        } else {
            Arrival::Gap { expected: self.taken + 1 }
        }
    }

    /// Engine frames up to `seq` are durable.
    pub(super) fn on_durable(&mut self, seq: u64) {
        self.durable = self.durable.max(seq.min(self.taken));
    }

    /// How many frames the engine could be told of.
    pub(super) fn untold(&self) -> u64 {
        self.durable - self.told
    }

    pub(super) fn ack_due(&self) -> bool {
        self.repeat_ack || self.durable > self.told
    }

    /// The `ack` for a frame that is about to leave. It never overtakes a frame that is to be sent again: that may be the
    /// `Busy` which gives the acknowledged message back, and it would die with us if we crashed in between.
    pub(super) fn tell(&mut self) -> u64 {
        if self.carried < self.unacked.len() {
            return self.told;
        }
        self.repeat_ack = false;
        self.told = self.durable;
        self.told
    }

    /// Numbers a frame and keeps it until it is acknowledged.
    pub(super) fn keep(&mut self, frame: T) {
        self.given += 1;
        self.unacked.push_back(frame);
    }

    /// The next kept frame that the present stream has not carried.
    pub(super) fn carry(&mut self) -> Option<(u64, &T)> {
        let seq = self.first_unacked() + u64::try_from(self.carried).unwrap_or(u64::MAX);
        let frame = self.unacked.get(self.carried)?;
        self.carried += 1;
        Some((seq, frame))
    }

    pub(super) fn unacked(&self) -> usize {
        self.unacked.len()
    }

    /// The engine has every gateway frame up to `ack`: yields those that it had not acknowledged before.
    pub(super) fn on_ack(&mut self, ack: u64) -> Result<Drain<'_, T>, AckBeyond> {
        if ack > self.given {
            return Err(AckBeyond { ack, sent: self.given });
        }
        let count = usize::try_from((ack + 1).saturating_sub(self.first_unacked())).unwrap_or(usize::MAX);
        self.carried = self.carried.saturating_sub(count);
        Ok(self.unacked.drain(..count.min(self.unacked.len())))
    }

    /// Whether a stream whose engine has everything up to `last_received` can go on here.
    pub(super) fn can_resume(&self, last_received: u64) -> bool {
        (self.first_unacked() - 1..=self.given).contains(&last_received)
    }

    /// A new stream carries what is still unacknowledged from the start.
    pub(super) fn resume(&mut self) {
        self.carried = 0;
        self.told = 0;
        self.repeat_ack = false;
    }

    fn first_unacked(&self) -> u64 {
        self.given + 1 - u64::try_from(self.unacked.len()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::mem;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn frames_arrive_once_and_in_order() {
        let mut numbers = Numbering::<u8>::default();
        assert_eq!(numbers.arrive(1), Arrival::New);
        assert_eq!(numbers.arrive(1), Arrival::Duplicate);
        assert_eq!(numbers.arrive(3), Arrival::Gap { expected: 2 });
        assert_eq!(numbers.taken(), 1);
        assert_eq!(numbers.arrive(2), Arrival::New);
    }

    #[test]
    fn a_duplicate_is_acknowledged_again() {
        let mut numbers = Numbering::<u8>::default();
        numbers.arrive(1);
        numbers.on_durable(1);
        assert!(numbers.ack_due());
        assert_eq!(numbers.tell(), 1);
        assert!(!numbers.ack_due());
        numbers.arrive(1);
        assert!(numbers.ack_due());
    }

    #[test]
    fn only_what_is_durable_is_told() {
        let mut numbers = Numbering::<u8>::default();
        numbers.arrive(1);
        numbers.arrive(2);
        assert!(!numbers.ack_due());
        numbers.on_durable(1);
        assert_eq!((numbers.untold(), numbers.pending()), (1, 1));
        assert_eq!(numbers.tell(), 1);
        numbers.on_durable(99);
        assert_eq!(numbers.tell(), 2, "never more than was taken");
    }

    #[test]
    fn an_ack_does_not_overtake_what_is_sent_again() {
        let mut numbers = Numbering::default();
        numbers.arrive(1);
        numbers.keep("something");
        numbers.keep("busy: frame 1 was not taken");
        numbers.on_durable(1);
        numbers.resume();
        assert_eq!(numbers.tell(), 0, "the Welcome");
        numbers.carry().unwrap();
        assert_eq!(numbers.tell(), 0);
        numbers.carry().unwrap();
        assert_eq!(numbers.tell(), 1);
    }

    #[test]
    fn an_ack_of_what_was_never_sent_is_refused() {
        let mut numbers = Numbering::default();
        numbers.keep('a');
        assert_eq!(numbers.on_ack(2).err(), Some(AckBeyond { ack: 2, sent: 1 }));
        assert_eq!(numbers.on_ack(1).unwrap().collect::<Vec<_>>(), ['a']);
        assert_eq!(numbers.on_ack(1).unwrap().count(), 0);
    }

    #[test]
    fn only_a_resume_point_within_what_is_kept_can_go_on() {
        let mut numbers = Numbering::default();
        for frame in ['a', 'b', 'c'] {
            numbers.keep(frame);
        }
        numbers.on_ack(1).unwrap();
        assert!(!numbers.can_resume(0), "frame 1 is gone");
        assert!(numbers.can_resume(1) && numbers.can_resume(3));
        assert!(!numbers.can_resume(4), "was never sent");
    }

    /// The routing engine's side, as the contract demands it, and what each side handed to its owner.
    #[derive(Default)]
    struct Peer {
        received: u64,
        sent: u64,
        outbox: Vec<u64>,
        seen: Vec<u32>,
    }

    #[derive(Clone, Debug)]
    enum Step {
        GatewaySends,
        EngineSends,
        /// The gateway's next frame reaches the engine.
        Downstream,
        /// The engine's next frame reaches the gateway; `again`: twice.
        Upstream {
            again: bool,
        },
        Durable,
        /// Everything under way is lost; the engine attaches again.
        Cut,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => Just(Step::GatewaySends),
            3 => Just(Step::EngineSends),
            4 => Just(Step::Downstream),
            4 => any::<bool>().prop_map(|again| Step::Upstream { again }),
            2 => Just(Step::Durable),
            1 => Just(Step::Cut),
        ];
        prop::collection::vec(step, 0..120)
    }

    /// Both sides and the wire between them. A frame of the wire: (number, ack, payload).
    #[derive(Default)]
    struct World {
        ours: Numbering<u32>,
        theirs: Peer,
        down: VecDeque<(u64, u64, Option<u32>)>,
        up: VecDeque<(u64, u64)>,
        pushed: u32,
        delivered: Vec<u32>,
        taken: Vec<u64>,
    }

    impl World {
        fn apply(&mut self, step: &Step) {
            match step {
                Step::GatewaySends => {
                    self.pushed += 1;
                    self.ours.keep(self.pushed);
                }
                Step::EngineSends => {
                    self.theirs.sent += 1;
                    self.theirs.outbox.push(self.theirs.sent);
                    self.up.push_back((self.theirs.sent, self.theirs.received));
                }
                Step::Downstream => self.downstream(),
                Step::Upstream { again } => self.upstream(*again),
                Step::Durable => self.ours.on_durable(self.ours.taken()),
                Step::Cut => self.cut(),
            }
        }

        fn downstream(&mut self) {
            if let Some((seq, payload)) = self.ours.carry().map(|(seq, it)| (seq, *it)) {
                let ack = self.ours.tell();
                self.down.push_back((seq, ack, Some(payload)));
            } else if self.ours.ack_due() {
                let ack = self.ours.tell();
                self.down.push_back((0, ack, None));
            }
            let Some((seq, ack, payload)) = self.down.pop_front() else { return };
            self.theirs.outbox.retain(|it| *it > ack);
            if let Some(payload) = payload {
                assert_eq!(seq, self.theirs.received + 1, "no gap and no repetition");
                self.theirs.received = seq;
                self.theirs.seen.push(payload);
            }
        }

        fn upstream(&mut self, again: bool) {
            let Some(frame) = self.up.pop_front() else { return };
            for (seq, ack) in [frame; 2].into_iter().take(1 + usize::from(again)) {
                self.delivered.extend(self.ours.on_ack(ack).unwrap());
                match self.ours.arrive(seq) {
                    Arrival::New => self.taken.push(seq),
                    Arrival::Duplicate => {}
                    Arrival::Gap { expected } => panic!("{expected} is missing before {seq}"),
                }
            }
        }

        fn cut(&mut self) {
            self.down.clear();
            self.up.clear();
            assert!(self.ours.can_resume(self.theirs.received));
            let acked: Vec<_> = self.ours.on_ack(self.theirs.received).unwrap().collect();
            self.delivered.extend(acked);
            self.ours.resume();
            let from = self.ours.taken();
            self.up =
                self.theirs.outbox.iter().filter(|it| **it > from).map(|it| (*it, self.theirs.received)).collect();
        }

        /// Without further losses, everything gets through.
        fn settle(&mut self) {
            self.apply(&Step::Cut);
            while !self.up.is_empty() {
                self.upstream(false);
            }
            self.apply(&Step::Durable);
            for _ in 0..=mem::take(&mut self.pushed) {
                self.downstream();
            }
            let last = self.theirs.received;
            self.delivered.extend(self.ours.on_ack(last).unwrap());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn no_frame_is_lost_or_repeated_whatever_breaks(steps in steps()) {
            let mut world = World::default();
            for step in &steps {
                world.apply(step);
            }
            let pushed = world.pushed;
            world.settle();
            let all: Vec<u32> = (1..=pushed).collect();
            prop_assert_eq!(&world.theirs.seen, &all, "the engine sees every frame once, in order");
            prop_assert_eq!(&world.delivered, &all, "the gateway learns of every delivery once, in order");
            prop_assert_eq!(world.taken, (1..=world.theirs.sent).collect::<Vec<_>>());
            prop_assert!(world.theirs.outbox.is_empty(), "everything the engine sent is acknowledged");
        }
    }
}
