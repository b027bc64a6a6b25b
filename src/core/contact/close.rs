//! How a contact ends.

use serde::{Deserialize, Serialize};

use super::{Command, Commanded, Contact, Context, Effect, Order, Out, Pending, Phase};
use crate::core::{
    handover::{self, Cause},
    ids::MessageId,
    message::{Parameters, Reply},
    said::{Said, said},
    step::Step,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The language engine said that the conversation is over.
    Completed,
    Inactivity,
    /// The routing engine ended it.
    Left(String),
    /// A person at the Web Manager did.
    Operator(String),
    /// The routing engine stayed away too long.
    EngineAway,
    /// After a restart no profile served its virtual agent any more.
    NotServed,
    /// It was open in a backup; what became of it since is not known here.
    Restored,
}

impl Contact {
    /// Why it is over, and whether a person had it then or was about to.
    #[must_use]
    pub fn ended(&self) -> Option<(&EndReason, bool)> {
        self.ended.as_ref().map(|(reason, with_person)| (reason, *with_person))
    }

    /// Inactivity (S14, S15). The customer's last word before it counts: see `unless_after`.
    pub(super) fn time_out(&mut self, cx: Context<'_>, out: &mut Out) {
        out.steps.push(Step::TimedOut);
        let message = &cx.rules.inactivity.timeout_message;
        let farewell = if message.is_empty() { Vec::new() } else { vec![Reply::Text(message.clone())] };
        self.close(EndReason::Inactivity, farewell, cx, out);
    }

    /// The language engine says that the conversation is over. It is not if the customer has spoken meanwhile: `unless_after`
    /// would name that message, and the routing engine could not know that it is unanswered.
    pub(super) fn complete(&mut self, cx: Context<'_>, out: &mut Out) {
        if self.state.waiting.is_empty() {
            self.close(EndReason::Completed, Vec::new(), cx, out);
        }
    }

    /// Asks the routing engine to end the contact, unless the customer spoke meanwhile.
    pub(super) fn close(&mut self, reason: EndReason, farewell: Vec<Reply>, cx: Context<'_>, out: &mut Out) {
        self.raise_epoch();
        let unless_after = self.state.last_message.clone();
        let seq = self.send(Command::EndContact { reason: reason.label().to_owned(), farewell, unless_after }, cx, out);
        self.state.phase = Phase::Closing { seq, reason };
    }

    /// What a person wants done, while the virtual agent has the contact. The running question is given up; what it was about goes to
    /// the person, or is asked again if nobody takes the contact.
    pub(super) fn on_ordered(&mut self, order: Order, by: String, cx: Context<'_>, out: &mut Out) {
        if self.state.phase != Phase::Bot {
            return;
        }
        let to = match order {
            Order::HandOver(to) => to,
            Order::End => {
                self.interrupt();
                return self.close(EndReason::Operator(by), Vec::new(), cx, out);
            }
        };
        // An operator may go beyond what the profile allows, but not into a queue that is closed, unknown or of another kind.
        match handover::may_go(&cx.rules.handover, cx.directory, &to, self.card.media) {
            Ok(()) => {
                self.interrupt();
                self.requeue(to, Cause::Operator(by), &Parameters::new(), cx, out);
            }
            Err(why) => out.steps.push(Step::NoPerson { cause: Cause::Operator(by), why }),
        }
    }

    /// What was running is given up: words are kept for the person, and what an action came to is news for the engine.
    fn interrupt(&mut self) {
        match self.state.pending.take() {
            Some(Pending::Ask(asked)) => {
                self.not_told(asked.news);
                if asked.heard.id.is_some() {
                    self.state.waiting.push_front(asked.heard);
                }
            }
            Some(Pending::Command { what: Commanded::Callback, .. }) => {
                self.later("callback_unknown", Parameters::new());
            }
            Some(Pending::Command { what: Commanded::Push, .. }) => self.later("push_unknown", Parameters::new()),
            Some(Pending::External { .. }) => self.later("external_unknown", Parameters::new()),
            None => {}
        }
        self.state.gathering = None;
    }

    /// Gives up the running question and what waits behind it, and says so in the timeline.
    pub(super) fn leave_unanswered(&mut self, why: &Said, out: &mut Out) -> Vec<MessageId> {
        let asked = match self.state.pending.take() {
            Some(Pending::Ask(asked)) => asked.heard.id,
            Some(Pending::External { .. } | Pending::Command { .. }) | None => None,
        };
        let waiting = self.state.waiting.drain(..).filter_map(|heard| heard.id);
        let mut ids: Vec<MessageId> = asked.into_iter().chain(waiting).collect();
        // Pieces of one long text.
        ids.dedup();
        out.steps.extend(ids.iter().map(|id| Step::Unanswered { id: id.clone(), why: why.clone() }));
        ids
    }

    /// Ends a contact whose rules are gone; nobody is told.
    pub fn give_up(&mut self, reason: EndReason, out: &mut Out) {
        self.end(reason, out);
        self.state.clock.stop();
    }

    /// The contact is over; what it leaves unanswered is told so.
    pub(super) fn end(&mut self, reason: EndReason, out: &mut Out) {
        if self.is_over() {
            return;
        }
        let unanswered = self.leave_unanswered(&said!("the contact is over"), out);
        out.effects.extend(unanswered.into_iter().map(Effect::ContactEnded));
        let with_person = matches!(self.state.phase, Phase::HandingOver { .. } | Phase::WithHuman { .. });
        self.raise_epoch();
        self.state.undelivered.clear();
        self.state.phase = Phase::Ended;
        self.ended = Some((reason.clone(), with_person));
        out.steps.push(Step::Ended { reason, with_person });
        out.effects.push(Effect::Close);
    }
}

impl EndReason {
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Inactivity => "inactivity",
            Self::Left(_) => "left",
            Self::Operator(_) => "operator",
            Self::EngineAway => "engine_away",
            Self::NotServed => "not_served",
            Self::Restored => "restored",
        }
    }
}
