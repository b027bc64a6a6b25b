//! One contact's conversation with a virtual agent.
//!
//! ```text
//!          Offered                 Requeue                  ACCEPTED
//!   (new) ---------> Bot ----------------------> HandingOver --------> WithHuman
//!                    | ^ <-- FAILED, EXPIRED ------'                       |
//!                    | ^------------------ Returned ----------------------'
//!                    | ^-- SUPERSEDED --.
//!                    '----------------> Closing ---> Ended     (the routing engine may end it from anywhere)
//! ```
//!
//! While `Bot`, one turn is in flight at most; what the customer says meanwhile waits in order. Every handover, close, end and
//! return raises the epoch, which makes answers to older questions stale (B1).

mod close;
mod engines;
mod outcome;
mod saved;
mod state;
mod transcript;
mod turn;
mod values;
mod wanted;

use std::{collections::VecDeque, sync::Arc};

use serde::{Deserialize, Serialize};

pub use close::EndReason;
use engines::Filler;
pub(in crate::core) use engines::is_filled;
pub use saved::{Record, Recorded, name_hash};
use state::{Asked, Commanded, Heard, Pending, Phase, State, Undelivered};
use transcript::Transcript;
pub(in crate::core) use turn::cut;
pub use values::Value;

use super::{
    clock::Due,
    directory::Directory,
    handover::Cause,
    ids::{ActionSeq, EngineName, Epoch, MessageId, QueueId, Timestamp, Turn, UserId},
    message::{Answer, FailureKind, Input, Line, MediaType, Parameters, Reply},
    profile::{Destination, Rules},
    said::Said,
    step::Step,
};

/// What does not change while a contact lasts (a return may bring a new one).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    pub agent: UserId,
    pub media: MediaType,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<QueueId>,
    pub language: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer_name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer_address: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<(String, String)>,
    /// What was said before, elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<Line>,
}

/// What the routing engine carries out; made safe to repeat by the contact's action number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    Say(Vec<Reply>),
    Requeue {
        to: Destination,
        reason: String,
        context: HandoverContext,
    },
    CreateCallback {
        queue: QueueId,
        /// E.164.
        phone: String,
        at: Timestamp,
        context: HandoverContext,
    },
    PushUrl(String),
    EndContact {
        reason: String,
        farewell: Vec<Reply>,
        unless_after: Option<MessageId>,
    },
}

/// What the person who takes over should know.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HandoverContext {
    pub summary: String,
    pub transcript: Vec<Line>,
    pub parameters: Vec<(String, String)>,
}

/// What came of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Done,
    Offered,
    Accepted,
    Failed,
    Expired,
    Superseded,
}

/// What a person wants done with a contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    HandOver(Destination),
    End,
}

/// What a contact waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// The customer's next words.
    Listening,
    /// A language engine's answer.
    Asking,
    /// What an action leads to.
    Acting,
    /// That a person takes it.
    HandingOver,
    WithPerson,
    /// The routing engine's word that it is over.
    Closing,
}

impl Standing {
    pub const ALL: [Self; 6] =
        [Self::Listening, Self::Asking, Self::Acting, Self::HandingOver, Self::WithPerson, Self::Closing];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Listening => "listening",
            Self::Asking => "asking",
            Self::Acting => "acting",
            Self::HandingOver => "handing_over",
            Self::WithPerson => "with_person",
            Self::Closing => "closing",
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A message of the customer.
    Message {
        id: MessageId,
        input: Input,
        sensitive: bool,
    },
    Typing,
    Answered {
        turn: Turn,
        epoch: Epoch,
        answer: Box<Answer>,
    },
    AskFailed {
        turn: Turn,
        epoch: Epoch,
        kind: FailureKind,
        advice: Said,
    },
    /// Before the answer: a part of it that can be said already, or, without replies, that the engine is at work on it.
    Progressed {
        turn: Turn,
        epoch: Epoch,
        replies: Vec<Reply>,
    },
    /// What the shadow engine made of a question whose answer was taken. Nothing but a line in the timeline.
    Shadowed(Box<Step>),
    ExternalAnswered {
        seq: ActionSeq,
        content: String,
    },
    ExternalFailed {
        seq: ActionSeq,
        label: &'static str,
        detail: String,
    },
    Outcome {
        seq: ActionSeq,
        outcome: Outcome,
        detail: String,
    },
    /// The routing engine has the command.
    Delivered(ActionSeq),
    /// A person gives the contact back; `from` is the handover that took it there.
    Returned {
        card: Box<Card>,
        from: ActionSeq,
    },
    /// A person at the Web Manager takes the contact from the virtual agent.
    Ordered {
        order: Order,
        by: String,
    },
    /// The routing engine ended the contact.
    Left {
        reason: String,
    },
    /// The routing engine stayed away too long.
    EngineAway,
    /// [`Contact::due`] has come.
    Tick,
    /// The gateway was restarted; what was running is not any more.
    Recovered,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Ask {
        turn: Turn,
        epoch: Epoch,
        to: Addressee,
        input: Input,
        payload: Parameters,
    },
    /// An event for the language engine whose answer nobody waits for.
    Tell {
        /// `None`: the primary.
        engine: Option<EngineName>,
        event: String,
        payload: Parameters,
    },
    Send {
        seq: ActionSeq,
        command: Arc<Command>,
    },
    External {
        seq: ActionSeq,
        uri: String,
        parameters: Parameters,
    },
    Typing,
    /// The message was not taken: a bound is reached.
    Busy(MessageId),
    /// The message stays unanswered: the contact is over.
    ContactEnded(MessageId),
    /// Forget the contact.
    Close,
}

/// Whom a question goes to, and what it is to them.
#[expect(clippy::struct_excessive_bools, reason = "flag by flag what the gateway and the engine must know")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addressee {
    /// `None`: the primary.
    pub engine: Option<EngineName>,
    /// It has not had this conversation so far: it must be told what was said.
    pub new: bool,
    /// It has had a part of it.
    pub returns: bool,
    /// Another engine has failed on the same input.
    pub again: bool,
    /// The contact has had an answer before.
    pub ongoing: bool,
    /// The input is sensitive.
    pub sensitive: bool,
}

/// What a transition reads beside the contact itself.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub rules: &'a Rules,
    pub directory: &'a Directory,
    pub now: Timestamp,
    /// The profile's canary is given up: its contacts go on with the primary.
    pub rolled_back: bool,
}

/// What a transition asks for, in order, and why.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Out {
    pub effects: Vec<Effect>,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug)]
pub struct Contact {
    card: Card,
    state: State,
    /// `None`: it began before that was kept.
    began: Option<Timestamp>,
    /// Why, and whether a person had it or was about to.
    ended: Option<(EndReason, bool)>,
    /// Taken message ids, hashed; as many as can be sent again.
    seen: VecDeque<u64>,
    transcript: Transcript,
}

/// How many message ids a contact remembers.
const SEEN: usize = 64;

impl Contact {
    /// Begins a contact: greets, or waits for the customer. `returned`: a person had it before, in a life we know nothing of.
    /// `engine`: the one it begins with, if that is not the primary ([`crate::core::profile::Chain::first`]).
    #[must_use]
    pub fn start(card: Card, returned: bool, engine: Option<EngineName>, cx: Context<'_>, out: &mut Out) -> Self {
        let mut contact = Self::empty(card, Some(cx.now));
        contact.state.engine = engine;
        contact.state.had_person = returned;
        out.steps.push(Step::Started { card: Box::new(contact.card.clone()) });
        let event = if returned { &cx.rules.events.human_returned } else { &cx.rules.welcome_event };
        if returned {
            contact.state.news.insert("humanReturned".to_owned(), true.into());
        }
        if !event.is_empty() {
            contact.ask_event(event, Parameters::new(), 0, cx, out);
        }
        contact.settle(cx);
        contact
    }

    /// Begins a contact of a profile that is paused, by `by`: it goes to a person at once, and no language engine is asked.
    #[must_use]
    pub fn start_paused(card: Card, to: Destination, by: String, cx: Context<'_>, out: &mut Out) -> Self {
        let mut contact = Self::empty(card, Some(cx.now));
        out.steps.push(Step::Started { card: Box::new(contact.card.clone()) });
        contact.requeue(to, Cause::Paused(by), &Parameters::new(), cx, out);
        contact.settle(cx);
        contact
    }

    fn empty(card: Card, began: Option<Timestamp>) -> Self {
        let (state, seen, transcript) = (State::new(), VecDeque::new(), Transcript::default());
        Self { card, state, began, ended: None, seen, transcript }
    }

    /// Applies one event and appends what the caller must do, in order.
    pub fn on_event(&mut self, event: Event, cx: Context<'_>, out: &mut Out) {
        match event {
            Event::Message { id, input, sensitive } => {
                self.on_message(Heard { id: Some(id.clone()), input, sensitive, joined: 0 }, id, cx, out);
            }
            Event::Typing => self.state.clock.restart(&cx.rules.inactivity, cx.now),
            Event::Answered { turn, epoch, answer } => self.on_answered(turn, epoch, *answer, cx, out),
            Event::AskFailed { turn, epoch, kind, advice } => {
                self.on_ask_failed(turn, epoch, (kind, advice), cx, out);
            }
            Event::Progressed { turn, epoch, replies } => self.on_progressed(turn, epoch, replies, cx, out),
            Event::Shadowed(step) => {
                if !self.is_over() {
                    out.steps.push(*step);
                }
            }
            Event::ExternalAnswered { seq, content } => self.on_external(seq, Ok(content), cx, out),
            Event::ExternalFailed { seq, label, detail } => self.on_external(seq, Err((label, detail)), cx, out),
            Event::Outcome { seq, outcome, detail } => self.on_outcome(seq, outcome, detail, cx, out),
            Event::Delivered(seq) => self.on_delivered(seq, cx),
            Event::Returned { card, from } => self.on_returned(*card, from, cx, out),
            Event::Ordered { order, by } => self.on_ordered(order, by, cx, out),
            Event::Left { reason } => self.end(EndReason::Left(reason), out),
            Event::EngineAway => self.end(EndReason::EngineAway, out),
            Event::Tick => self.on_tick(cx, out),
            Event::Recovered => self.on_recovered(cx, out),
        }
        self.settle(cx);
    }

    #[must_use]
    pub const fn card(&self) -> &Card {
        &self.card
    }

    /// What the contact is waiting for, in a word.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        match (&self.state.phase, &self.state.pending) {
            (Phase::Bot, Some(Pending::Ask(_))) => Standing::Asking,
            (Phase::Bot, Some(Pending::External { .. } | Pending::Command { .. })) => Standing::Acting,
            (Phase::Bot, None) => Standing::Listening,
            (Phase::HandingOver { .. }, _) => Standing::HandingOver,
            (Phase::WithHuman { .. }, _) => Standing::WithPerson,
            (Phase::Closing { .. } | Phase::Ended, _) => Standing::Closing,
        }
    }

    /// Where a person is to take it, or has taken it.
    #[must_use]
    pub const fn destination(&self) -> Option<&Destination> {
        match &self.state.phase {
            Phase::HandingOver { to, .. } | Phase::WithHuman { to, .. } => to.as_ref(),
            Phase::Bot | Phase::Closing { .. } | Phase::Ended => None,
        }
    }

    /// Questions that were put to language engines.
    #[must_use]
    pub const fn turns(&self) -> u32 {
        self.state.turn.0
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state.phase, Phase::Ended)
    }

    /// `None`: it began before that was kept.
    #[must_use]
    pub const fn began(&self) -> Option<Timestamp> {
        self.began
    }

    /// Whether words of the customer's are with the language engine, and not an event of ours.
    #[must_use]
    pub const fn asks_words(&self) -> bool {
        matches!(&self.state.pending, Some(Pending::Ask(asked)) if asked.heard.id.is_some())
    }

    /// Whether a person has had it at any time.
    #[must_use]
    pub const fn had_person(&self) -> bool {
        self.state.had_person
    }

    /// Inputs that wait behind the running turn.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.state.waiting.len()
    }

    /// Commands that the routing engine has not acknowledged, oldest first.
    pub fn undelivered(&self) -> impl Iterator<Item = (ActionSeq, &Arc<Command>)> {
        self.state.undelivered.iter().filter_map(|it| it.command.as_ref().map(|command| (it.seq, command)))
    }

    /// The last commands, `lost` at most, may have been carried out and forgotten: the next one's number lies above theirs, and
    /// above `least`.
    pub fn spare_numbers(&mut self, lost: u32, least: ActionSeq) {
        let ActionSeq(last) = self.state.last_seq;
        self.state.last_seq = least.max(ActionSeq(last.saturating_add(lost)));
    }

    /// When the next [`Event::Tick`] is due, at the earliest.
    #[must_use]
    pub fn due(&self, rules: &Rules) -> Option<Timestamp> {
        match (&self.state.phase, &self.state.pending) {
            (Phase::Bot, Some(Pending::Ask(asked))) => asked.due(&rules.handover),
            (Phase::Bot, Some(Pending::Command { due, .. })) => *due,
            (Phase::Bot, Some(Pending::External { .. })) => None,
            (Phase::Bot, None) => self.state.gathering.or_else(|| self.state.clock.next(&rules.inactivity)),
            (Phase::HandingOver { .. } | Phase::WithHuman { .. } | Phase::Closing { .. } | Phase::Ended, _) => None,
        }
    }

    fn on_message(&mut self, heard: Heard, id: MessageId, cx: Context<'_>, out: &mut Out) {
        if self.has_seen(id.as_str()) {
            out.steps.push(Step::Duplicate { id });
            return;
        }
        if self.is_over() {
            out.effects.push(Effect::ContactEnded(id));
            return;
        }
        let limits = cx.rules.limits;
        if self.state.waiting.len() >= limits.waiting_inputs || self.state.undelivered.len() >= limits.undelivered {
            out.steps.push(Step::Busy { id: id.clone() });
            out.effects.push(Effect::Busy(id));
            return;
        }
        let shown = heard.shown();
        self.saw(id.as_str());
        self.transcript.heard(&shown, cx.now, limits.transcript_bytes);
        self.state.last_message = Some(id.clone());
        // Even one that leads to nothing is a sign of life.
        self.state.clock.stop();
        out.steps.push(Step::Heard { id: id.clone(), input: shown });
        match self.state.phase {
            Phase::Bot => {
                self.gather(&heard, cx);
                self.state.waiting.push_back(heard);
                self.advance(cx, out);
            }
            Phase::HandingOver { .. } | Phase::Closing { .. } => {
                self.state.waiting.push_back(heard);
                out.steps.push(Step::Held { id });
            }
            Phase::WithHuman { .. } => {
                out.steps.push(Step::Unanswered { id, why: outcome::with_person() });
            }
            Phase::Ended => {}
        }
    }

    fn on_tick(&mut self, cx: Context<'_>, out: &mut Out) {
        match (&self.state.phase, &mut self.state.pending) {
            (Phase::Bot, None) if self.state.gathering.is_some_and(|until| cx.now >= until) => {
                self.state.gathering = None;
                self.advance(cx, out);
            }
            (Phase::Bot, None) => match self.state.clock.due(&cx.rules.inactivity, cx.now) {
                Due::Nothing => {}
                Due::Warn => {
                    out.steps.push(Step::Warned);
                    let warning = Reply::Text(cx.rules.inactivity.warning_message.clone());
                    self.send_warning(vec![warning], cx, out);
                }
                Due::Close => self.time_out(cx, out),
            },
            (Phase::Bot, Some(Pending::Ask(asked))) => match asked.fill(&cx.rules.handover, cx.now) {
                Filler::Nothing => {}
                Filler::Typing => out.effects.push(Effect::Typing),
                Filler::Line => {
                    let waited = cx.now.since(asked.since);
                    self.on_slow(waited, cx, out);
                }
            },
            (Phase::Bot, Some(Pending::Command { due: Some(due), .. })) if cx.now >= *due => {
                self.on_outcome_missing(cx, out);
            }
            (Phase::Bot, Some(Pending::Command { .. } | Pending::External { .. }))
            | (Phase::HandingOver { .. } | Phase::WithHuman { .. } | Phase::Closing { .. } | Phase::Ended, _) => {}
        }
    }

    /// The clock follows from the state: it runs exactly while the contact waits for its customer.
    fn settle(&mut self, cx: Context<'_>) {
        let answered = self.state.undelivered.iter().all(|it| it.warning);
        if self.state.phase == Phase::Bot && self.state.pending.is_none() && self.state.waiting.is_empty() && answered {
            self.state.clock.run(&cx.rules.inactivity, cx.now);
        } else {
            self.state.clock.stop();
        }
    }

    fn say(&mut self, replies: Vec<Reply>, cx: Context<'_>, out: &mut Out) {
        if !replies.is_empty() {
            self.send(Command::Say(replies), cx, out);
        }
    }

    fn say_text(&mut self, text: &str, cx: Context<'_>, out: &mut Out) {
        if !text.is_empty() {
            self.say(vec![Reply::Text(text.to_owned())], cx, out);
        }
    }

    fn send_warning(&mut self, replies: Vec<Reply>, cx: Context<'_>, out: &mut Out) {
        self.send(Command::Say(replies), cx, out);
        if let Some(sent) = self.state.undelivered.back_mut() {
            sent.warning = true;
        }
    }

    fn send(&mut self, command: Command, cx: Context<'_>, out: &mut Out) -> ActionSeq {
        let seq = self.next_seq();
        self.transcript.sent(&command, cx.now, cx.rules.limits.transcript_bytes);
        out.steps.push(Step::Sent { seq, command: command.clone() });
        let command = Arc::new(command);
        self.state.undelivered.push_back(Undelivered { seq, warning: false, command: Some(Arc::clone(&command)) });
        out.effects.push(Effect::Send { seq, command });
        seq
    }

    const fn next_seq(&mut self) -> ActionSeq {
        self.state.last_seq = ActionSeq(self.state.last_seq.0.saturating_add(1));
        self.state.last_seq
    }

    /// Old answers are stale from here on (B1).
    const fn raise_epoch(&mut self) {
        self.state.epoch = Epoch(self.state.epoch.0.saturating_add(1));
    }

    fn on_delivered(&mut self, delivered: ActionSeq, cx: Context<'_>) {
        self.state.undelivered.retain(|it| it.seq != delivered);
        if let Some(Pending::Command { seq, due: due @ None, .. }) = &mut self.state.pending
            && *seq == delivered
        {
            *due = Some(cx.now + outcome::PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests;
