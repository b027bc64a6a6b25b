//! Whatever happens, in whatever order: a small model that knows only events and effects judges every step of random
//! scripts. It keeps accounts (each message asked and answered, or failed, or explained, once), and one clock.

use std::collections::BTreeSet;

use proptest::{prelude::*, test_runner::TestCaseError};

use super::{
    seen::{Seen, Verdict},
    world::{Kind, Move, SLOW, SLOW_MS, TYPING_MS, WARN_MS, WARNING, World, moves, repeatable, setting},
    *,
};

const CASES: u32 = 10_000;
/// How long the outcome of a delivered callback or push is waited for.
const PATIENCE_MS: i64 = 30_000;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Stage {
    #[default]
    Bot,
    HandingOver(u32),
    Human(u32),
    Closing(u32),
    Over,
}

/// What the conversation waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Wait {
    #[default]
    Customer,
    Answer {
        turn: u32,
        epoch: u32,
        of: Option<usize>,
        since: i64,
        slow: bool,
        typing: bool,
    },
    External(u32),
    Command {
        seq: u32,
        delivered: Option<i64>,
    },
}

#[expect(clippy::struct_excessive_bools, reason = "each is something that was or was not")]
#[derive(Debug, Default)]
struct Model {
    stage: Stage,
    wait: Wait,
    turn: u32,
    epoch: u32,
    /// The next question must be of a newer epoch.
    leapt: bool,
    seq: u32,
    handovers: u32,
    /// Messages by number.
    taken: BTreeSet<usize>,
    long: BTreeSet<usize>,
    /// Taken, not asked yet; in order.
    open: VecDeque<usize>,
    /// Whose text may go on in another question.
    last_asked: Option<usize>,
    last_taken: Option<usize>,
    settled: BTreeSet<usize>,
    undelivered: BTreeSet<u32>,
    idle_since: Option<i64>,
    warned: bool,
    /// Where in the chain: its position among canary, primary, standbys.
    engine: usize,
    /// That engine has not answered since.
    moved: bool,
    answered: bool,
    /// The input that is asked, and how it was being waited for: what fail-over must keep.
    input: String,
    waited: Wait,
    failed_over: bool,
}

const PRIMARY: usize = 1;

/// The chain by names, canary first, whether it is there or not.
fn names(rules: &Rules) -> Vec<Option<EngineName>> {
    let standbys = rules.chain.standbys.iter().cloned().map(Some);
    [Some(EngineName::canary()), None].into_iter().chain(standbys).collect()
}

/// The message that an input stems from; ours name none.
fn number_in(input: &Input) -> Option<usize> {
    let text = serde_json::to_string(input).unwrap();
    let (_, rest) = text.split_once('#')?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn number_of(id: &MessageId) -> usize {
    id.as_str().parse().unwrap()
}

impl Model {
    /// The start, taken for an event that does nothing by itself.
    fn begin(&mut self, world: &World) -> Verdict {
        let out = Out { effects: world.greeting.clone(), steps: Vec::new() };
        let (event, contact) = (&Event::Typing, &world.contact);
        let rules = &world.rules;
        let seen = Seen { event, out: &out, now: T0, before: contact, after: contact, rules, rolled_back: false };
        self.engine = usize::from(rules.chain.canary_percent.is_none());
        for effect in &out.effects {
            self.allow(effect, &seen)?;
        }
        self.stands(&seen)
    }

    fn judge(&mut self, seen: &Seen<'_>) -> Verdict {
        let recovering = self.expect(seen)?;
        for step in &seen.out.steps {
            self.account(step)?;
        }
        for effect in &seen.out.effects {
            self.allow(effect, seen)?;
        }
        if let Some(number) = recovering {
            let asked_again = matches!(self.wait, Wait::Answer { of, .. } if of == number);
            if !asked_again {
                seen.fails_politely()?;
                number.map_or(Ok(()), |number| self.settle(number))?;
            }
        }
        self.stands(seen)
    }

    /// What the event means, before what it leads to. At a restart: the message whose question was cut short, if it was one's.
    fn expect(&mut self, seen: &Seen<'_>) -> Result<Option<Option<usize>>, TestCaseError> {
        match seen.event {
            Event::Message { id, input, .. } => self.message(number_of(id), input, seen)?,
            Event::Typing => {
                seen.is_quiet()?;
                self.sign_of_life();
            }
            Event::Answered { turn, epoch, .. } => self.answer(*turn, *epoch, seen)?,
            // No draw yields it: it leads to words that the answer might have had as well.
            Event::Progressed { .. } => {}
            Event::AskFailed { turn, epoch, kind, .. } => self.failure(*turn, *epoch, *kind, seen)?,
            // No draw yields it: a line in the timeline.
            Event::Shadowed(_) => {}
            // No draw yields it: it leads to what an action or the clock leads to.
            Event::Ordered { .. } => {}
            Event::ExternalAnswered { seq, .. } => {
                self.external(*seq, seen)?;
            }
            Event::ExternalFailed { seq, .. } => {
                if self.external(*seq, seen)? {
                    let fallback = format!("{} say '{FALLBACK}'", self.seq + 1);
                    prop_assert_eq!(seen.out.effects.first().map(show), Some(fallback));
                }
            }
            Event::Outcome { seq, outcome, .. } => self.outcome(seq.0, *outcome, seen)?,
            Event::Delivered(seq) => {
                seen.is_quiet()?;
                self.deliver(seq.0, seen.now);
            }
            Event::Returned { from, .. } => {
                if matches!(self.stage, Stage::HandingOver(seq) | Stage::Human(seq) if seq == from.0) {
                    self.stage = Stage::Bot;
                    self.leapt = true;
                } else {
                    seen.is_quiet()?;
                }
            }
            Event::Left { .. } | Event::EngineAway => self.leave(seen)?,
            Event::Tick => self.tick(seen)?,
            Event::Recovered => {
                if let Wait::Answer { of, .. } = self.wait {
                    self.wait = Wait::Customer;
                    return Ok(Some(of));
                }
                if let Wait::External(seq) = self.wait {
                    let again = shown(&seen.out.effects).concat().starts_with(&format!("{seq} external"));
                    prop_assert!(again, "the query is not made again");
                }
            }
        }
        Ok(None)
    }

    fn message(&mut self, number: usize, input: &Input, seen: &Seen<'_>) -> Verdict {
        let effects = shown(&seen.out.effects);
        let limits = seen.rules.limits;
        if self.taken.contains(&number) {
            prop_assert!(!seen.changed(), "a repeated message changed the contact");
            return seen.is_quiet();
        }
        if self.stage == Stage::Over {
            prop_assert_eq!(effects, [format!("over {number}")]);
            return Ok(());
        }
        let waiting = seen.before.waiting() >= limits.waiting_inputs;
        if waiting || seen.before.undelivered().count() >= limits.undelivered {
            prop_assert!(!seen.changed(), "a message that was not taken changed the contact");
            prop_assert_eq!(effects, [format!("busy {number}")]);
            return Ok(());
        }
        self.taken.insert(number);
        self.last_taken = Some(number);
        if matches!(input, Input::Text(text) if text.contains(' ')) {
            self.long.insert(number);
        }
        self.open.push_back(number);
        self.sign_of_life();
        Ok(())
    }

    fn sign_of_life(&mut self) {
        self.idle_since = None;
    }

    /// Whether it answers the question that is being asked.
    fn takes(&mut self, turn: Turn, epoch: Epoch) -> Option<Option<usize>> {
        match self.wait {
            Wait::Answer { turn: t, epoch: e, of, .. } if (t, e) == (turn.0, epoch.0) => {
                self.waited = self.wait;
                self.wait = Wait::Customer;
                Some(of)
            }
            Wait::Answer { .. } | Wait::Customer | Wait::External(_) | Wait::Command { .. } => None,
        }
    }

    fn answer(&mut self, turn: Turn, epoch: Epoch, seen: &Seen<'_>) -> Verdict {
        match self.takes(turn, epoch) {
            Some(number) => {
                (self.moved, self.answered) = (false, true);
                number.map_or(Ok(()), |number| self.settle(number))
            }
            None => seen.is_stale(),
        }
    }

    /// The next engine is asked, and nothing is said; or there is none, and it is a failure.
    fn failure(&mut self, turn: Turn, epoch: Epoch, kind: FailureKind, seen: &Seen<'_>) -> Verdict {
        let Some(number) = self.takes(turn, epoch) else { return seen.is_stale() };
        let (chain, elsewhere) = (names(seen.rules), kind != FailureKind::Interrupted);
        if elsewhere && self.engine + 1 < chain.len() {
            self.engine += 1;
            (self.moved, self.failed_over) = (true, true);
            let only = matches!(seen.out.effects.as_slice(), [Effect::Ask { .. }]);
            prop_assert!(only, "no fail-over: {:?}", shown(&seen.out.effects));
            return Ok(());
        }
        if elsewhere && self.engine > PRIMARY {
            (self.engine, self.moved) = (PRIMARY, true);
            let promised = seen.rules.handover.to.is_some() && self.handovers < seen.rules.handover.max_handovers;
            let open = promised && seen.out.steps.iter().all(|step| !matches!(step, Step::NoPerson { .. }));
            prop_assert!(!open || seen.requeues(), "all have failed, and a person is to be had");
        }
        seen.fails_politely()?;
        number.map_or(Ok(()), |number| self.settle(number))
    }

    fn external(&mut self, seq: ActionSeq, seen: &Seen<'_>) -> Result<bool, TestCaseError> {
        if self.wait == Wait::External(seq.0) {
            self.wait = Wait::Customer;
            return Ok(true);
        }
        seen.is_stale()?;
        Ok(false)
    }

    fn deliver(&mut self, seq: u32, now: i64) {
        self.undelivered.remove(&seq);
        if let Wait::Command { seq: sent, delivered: delivered @ None } = &mut self.wait
            && *sent == seq
        {
            *delivered = Some(now);
        }
    }

    fn outcome(&mut self, seq: u32, outcome: Outcome, seen: &Seen<'_>) -> Verdict {
        self.deliver(seq, seen.now);
        match (self.stage, self.wait, outcome) {
            (Stage::HandingOver(sent), _, Outcome::Accepted) if sent == seq => self.stage = Stage::Human(seq),
            (Stage::HandingOver(sent), _, Outcome::Failed | Outcome::Expired | Outcome::Superseded) if sent == seq => {
                self.stage = Stage::Bot;
            }
            (Stage::Closing(sent), _, Outcome::Superseded) if sent == seq => self.stage = Stage::Bot,
            (Stage::Closing(sent), _, _) if sent == seq => {
                self.stage = Stage::Over;
                prop_assert!(seen.out.effects.contains(&Effect::Close));
            }
            (_, Wait::Command { seq: sent, .. }, _) if sent == seq => self.wait = Wait::Customer,
            // Told before, never sent, or a handover that is still on its way.
            _ => seen.is_quiet()?,
        }
        Ok(())
    }

    fn leave(&mut self, seen: &Seen<'_>) -> Verdict {
        if self.stage == Stage::Over {
            return seen.is_quiet();
        }
        self.stage = Stage::Over;
        self.wait = Wait::Customer;
        self.undelivered.clear();
        prop_assert_eq!(seen.out.effects.last(), Some(&Effect::Close));
        let unanswered = seen.out.steps.iter().filter(|step| matches!(step, Step::Unanswered { .. })).count();
        prop_assert_eq!(seen.out.effects.len(), unanswered + 1, "each is told once");
        Ok(())
    }

    fn tick(&mut self, seen: &Seen<'_>) -> Verdict {
        let effects = shown(&seen.out.effects);
        let next = self.seq + 1;
        if let Wait::Answer { since, slow, typing, .. } = &mut self.wait {
            let rules = &seen.rules.handover;
            if !*slow && !rules.slow_threshold.is_zero() && seen.now >= *since + SLOW_MS {
                (*slow, *typing) = (true, true);
                prop_assert_eq!(effects, ["typing".to_owned(), format!("{next} say '{SLOW}'")]);
                return Ok(());
            }
            if !*typing && !rules.typing_after.is_zero() && seen.now >= *since + TYPING_MS {
                *typing = true;
                prop_assert_eq!(effects, ["typing"]);
                return Ok(());
            }
        }
        if matches!(self.wait, Wait::Command { delivered: Some(at), .. } if seen.now >= at + PATIENCE_MS) {
            self.wait = Wait::Customer;
            return Ok(());
        }
        let Some(since) = self.idle_since else { return seen.is_quiet() };
        let deadline = since + TIMEOUT_MS;
        let warns = !seen.rules.inactivity.warn_before.is_zero();
        if seen.now > deadline {
            let ends = effects.concat().starts_with(&format!("{next} end inactivity"));
            prop_assert!(ends, "past the deadline: {:?}", effects);
        } else if warns && !self.warned && seen.now > deadline - WARN_MS {
            self.warned = true;
            prop_assert_eq!(effects, [format!("{next} say '{WARNING}'")]);
        } else {
            return seen.is_quiet();
        }
        Ok(())
    }

    /// A message's account is closed once. Pieces of a long one may be asked, and the rest left to a person.
    fn settle(&mut self, number: usize) -> Verdict {
        let first = self.settled.insert(number);
        prop_assert!(first || self.long.contains(&number), "message {} is accounted for twice", number);
        Ok(())
    }

    fn account(&mut self, step: &Step) -> Verdict {
        if let Step::Unanswered { id, .. } = step {
            let number = number_of(id);
            prop_assert!(self.taken.contains(&number));
            self.open.retain(|it| *it != number);
            self.settle(number)?;
        }
        if let Step::TextTooLong { done, .. } = step
            && done == "rejected"
        {
            let at = self.open.iter().position(|number| self.long.contains(number)).expect("a long message");
            let number = self.open.remove(at).expect("a message");
            self.settle(number)?;
        }
        Ok(())
    }

    /// Whether this may come now, and what stands after it.
    fn allow(&mut self, effect: &Effect, seen: &Seen<'_>) -> Verdict {
        match effect {
            Effect::Ask { turn, epoch, to, input, .. } => {
                self.goes_to(to, input, seen)?;
                self.ask((turn.0, epoch.0), to.again, input, seen)
            }
            Effect::Send { seq, command } => {
                self.numbered(*seq)?;
                self.command(seq.0, command, seen)
            }
            Effect::External { seq, .. } => {
                let again = *seen.event == Event::Recovered && self.wait == Wait::External(seq.0);
                if !again {
                    self.numbered(*seq)?;
                    prop_assert_eq!((self.stage, self.wait), (Stage::Bot, Wait::Customer));
                }
                self.wait = Wait::External(seq.0);
                Ok(())
            }
            Effect::Tell { .. } => {
                let with_person = matches!(self.stage, Stage::Human(_));
                prop_assert!(with_person, "told in {:?}", self.stage);
                Ok(())
            }
            Effect::Typing => {
                let asked = matches!(self.wait, Wait::Answer { .. });
                prop_assert!(asked, "typing without a question");
                Ok(())
            }
            Effect::Busy(_) => Ok(()),
            Effect::ContactEnded(_) | Effect::Close => {
                prop_assert_eq!(self.stage, Stage::Over);
                Ok(())
            }
        }
    }

    fn numbered(&mut self, seq: ActionSeq) -> Verdict {
        self.seq += 1;
        prop_assert_eq!(seq.0, self.seq, "numbers of commands have no gap and no double");
        Ok(())
    }

    /// Each question to the engine that the contact is with, which is told what it does not know.
    fn goes_to(&mut self, to: &Addressee, input: &Input, seen: &Seen<'_>) -> Verdict {
        if self.engine < PRIMARY && seen.rolled_back && !to.again {
            (self.engine, self.moved) = (PRIMARY, true);
        }
        let names = names(seen.rules);
        prop_assert_eq!(Some(&to.engine), names.get(self.engine));
        prop_assert_eq!((to.new, to.ongoing), (self.moved, self.answered));
        prop_assert_eq!(to.again, std::mem::take(&mut self.failed_over));
        let input = serde_json::to_string(input).unwrap();
        prop_assert!(!to.again || input == self.input, "{} instead of {}", input, self.input);
        self.input = input;
        Ok(())
    }

    fn ask(&mut self, (turn, epoch): (u32, u32), again: bool, input: &Input, seen: &Seen<'_>) -> Verdict {
        prop_assert_eq!(
            (self.stage, self.wait),
            (Stage::Bot, Wait::Customer),
            "one question at a time, and of the bot"
        );
        prop_assert_eq!(turn, self.turn + 1);
        prop_assert!(
            epoch > self.epoch || (epoch == self.epoch && !self.leapt),
            "epoch {} after {}",
            epoch,
            self.epoch
        );
        prop_assert_ne!(input, &Input::Redacted);
        let of = number_in(input);
        if let Some(number) = of {
            if self.open.front() == Some(&number) {
                self.open.pop_front();
            } else {
                prop_assert_eq!(self.last_asked, of, "asked out of turn");
            }
            self.last_asked = of;
        }
        (self.turn, self.epoch, self.leapt) = (turn, epoch, false);
        let (since, slow, typing) = match self.waited {
            Wait::Answer { since, slow, typing, .. } if again => (since, slow, typing),
            Wait::Answer { .. } | Wait::Customer | Wait::External(_) | Wait::Command { .. } => (seen.now, false, false),
        };
        self.wait = Wait::Answer { turn, epoch, of, since, slow, typing };
        Ok(())
    }

    fn command(&mut self, seq: u32, command: &Command, seen: &Seen<'_>) -> Verdict {
        prop_assert_eq!(self.stage, Stage::Bot, "{} after the contact went elsewhere", show_command(command));
        match command {
            Command::Say(replies) => {
                if *replies == [Reply::Text(WARNING.to_owned())] {
                    return Ok(());
                }
            }
            Command::Requeue { .. } => {
                prop_assert_eq!(self.wait, Wait::Customer);
                self.handovers += 1;
                prop_assert!(self.handovers <= seen.rules.handover.max_handovers);
                (self.stage, self.leapt) = (Stage::HandingOver(seq), true);
            }
            Command::CreateCallback { .. } | Command::PushUrl(_) => {
                prop_assert_eq!(self.wait, Wait::Customer);
                self.wait = Wait::Command { seq, delivered: None };
            }
            Command::EndContact { unless_after, .. } => {
                prop_assert_eq!(self.wait, Wait::Customer);
                prop_assert!(self.open.is_empty(), "closes over what the customer said");
                prop_assert_eq!(unless_after.as_ref().map(number_of), self.last_taken);
                (self.stage, self.leapt) = (Stage::Closing(seq), true);
            }
        }
        self.undelivered.insert(seq);
        Ok(())
    }

    /// What must be so between any two events.
    fn stands(&mut self, seen: &Seen<'_>) -> Verdict {
        if self.stage != Stage::Bot {
            prop_assert_eq!(self.wait, Wait::Customer);
        }
        let listens = self.stage == Stage::Bot && self.wait == Wait::Customer;
        if listens || matches!(self.stage, Stage::Human(_) | Stage::Over) {
            prop_assert!(self.open.is_empty(), "{:?} wait for nothing", self.open);
        }
        if listens && self.undelivered.is_empty() {
            if self.idle_since.is_none() {
                (self.idle_since, self.warned) = (Some(seen.now), false);
            }
        } else {
            self.idle_since = None;
        }
        let due = seen.after.due(seen.rules).map(|due| due.0);
        prop_assert_eq!(due, self.due(seen.rules), "the clock, with {:?} and {:?}", self.stage, self.wait);
        Ok(())
    }

    fn due(&self, rules: &Rules) -> Option<i64> {
        match self.wait {
            Wait::Answer { since, slow, typing, .. } => {
                let typing = (!typing && !rules.handover.typing_after.is_zero()).then_some(since + TYPING_MS);
                let slow = (!slow && !rules.handover.slow_threshold.is_zero()).then_some(since + SLOW_MS);
                typing.or(slow)
            }
            Wait::External(_) => None,
            Wait::Command { delivered, .. } => delivered.map(|at| at + PATIENCE_MS),
            Wait::Customer => {
                let warns = !rules.inactivity.warn_before.is_zero() && !self.warned;
                let early = if warns { WARN_MS } else { 0 };
                self.idle_since.map(|since| since + TIMEOUT_MS - early + 1)
            }
        }
    }

    /// What brings the contact to rest.
    fn next(&self) -> Option<Move> {
        match (self.stage, self.wait) {
            (Stage::Over | Stage::Human(_), _) | (Stage::Bot, Wait::Customer) => None,
            (Stage::HandingOver(seq) | Stage::Closing(seq), _) => Some(Move::OldOutcome(seq, Outcome::Accepted)),
            (Stage::Bot, Wait::Answer { .. }) => Some(Move::Answer(Kind::Plain)),
            (Stage::Bot, Wait::External(_)) => Some(Move::External(true)),
            (Stage::Bot, Wait::Command { seq, .. }) => Some(Move::OldOutcome(seq, Outcome::Done)),
        }
    }
}

fn play(world: &mut World, model: &mut Model, it: &Move) -> Verdict {
    for event in world.events(it) {
        let before = world.contact.clone();
        let out = world.apply(&event);
        let (now, after) = (world.now_ms, &world.contact);
        let (rules, rolled_back) = (&world.rules, world.rolled_back);
        let seen = Seen { event: &event, out: &out, now, before: &before, after, rules, rolled_back };
        model.judge(&seen).map_err(|error| {
            TestCaseError::fail(format!("{error}\n  event {event:?}\n  led to {:?}", shown(&out.effects)))
        })?;
    }
    Ok(())
}

#[test]
fn whatever_happens_nothing_is_lost_doubled_or_out_of_turn() {
    repeatable(CASES, (setting(), moves(1..40)), |(setting, moves)| {
        let mut world = World::new(&setting);
        let mut model = Model::default();
        model.begin(&world)?;
        for it in &moves {
            play(&mut world, &mut model, it)?;
        }
        let mut left = 100;
        while let Some(it) = model.next() {
            left -= 1;
            prop_assert!(left > 0, "it does not come to rest");
            play(&mut world, &mut model, &it)?;
        }
        prop_assert_eq!(&model.taken, &model.settled, "at rest every message has its account closed");
        play(&mut world, &mut model, &Move::Left)
    });
}
