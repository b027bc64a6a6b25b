//! What the routing engine says of our commands, and the way back from a person (B2).

use std::time::Duration;

use serde_json::Value;

use super::{Card, Commanded, Contact, Context, Effect, Out, Outcome, Pending, Phase};
use crate::core::{
    ids::ActionSeq,
    message::Parameters,
    said::{Said, said},
    step::Step,
};

/// How long the outcome of a delivered callback or push may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Why the virtual agent leaves a message to the person, whom the routing engine shows it.
pub(super) fn with_person() -> Said {
    said!("a person has the contact")
}

impl Contact {
    pub(super) fn on_outcome(
        &mut self,
        seq: ActionSeq,
        outcome: Outcome,
        detail: String,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        self.on_delivered(seq, cx);
        let step = Step::Outcome { seq, outcome, detail: detail.clone() };
        match (&self.state.phase, &self.state.pending) {
            (Phase::HandingOver { seq: sent, .. }, _) if *sent == seq => {
                out.steps.push(Step::HandoverOutcome { seq, outcome, detail: detail.clone() });
                self.on_handover_outcome(seq, outcome, detail, cx, out);
            }
            (Phase::Closing { seq: sent, reason }, _) if *sent == seq => {
                let reason = reason.clone();
                out.steps.push(step);
                if outcome == Outcome::Superseded {
                    self.state.phase = Phase::Bot;
                } else {
                    self.end(reason, out);
                }
            }
            (Phase::Bot, Some(Pending::Command { seq: sent, .. })) if *sent == seq => {
                out.steps.push(step);
                self.on_command_outcome(outcome, detail, cx, out);
            }
            // Told before, or of something that is over: nothing changes.
            (
                Phase::Bot | Phase::HandingOver { .. } | Phase::WithHuman { .. } | Phase::Closing { .. } | Phase::Ended,
                _,
            ) => {}
        }
        self.advance(cx, out);
    }

    fn on_handover_outcome(
        &mut self,
        seq: ActionSeq,
        outcome: Outcome,
        detail: String,
        cx: Context<'_>,
        out: &mut Out,
    ) {
        let events = &cx.rules.events;
        let (event, what) = match outcome {
            Outcome::Offered | Outcome::Done => return,
            Outcome::Accepted => {
                self.state.phase = Phase::WithHuman { since: seq, to: self.destination().cloned() };
                self.state.had_person = true;
                self.leave_unanswered(&with_person(), out);
                if !events.handover_accepted.is_empty() {
                    let event = events.handover_accepted.clone();
                    let engine = self.state.engine.clone();
                    out.effects.push(Effect::Tell { engine, event, payload: Parameters::new() });
                }
                return;
            }
            Outcome::Failed | Outcome::Superseded => (&events.handover_failed, "handover_failed"),
            Outcome::Expired => (&events.handover_expired, "handover_expired"),
        };
        self.state.phase = Phase::Bot;
        let mut details = Parameters::new();
        details.insert("reason".to_owned(), Value::from(detail));
        if !self.tell((event, what), details, 0, cx, out) {
            self.say_text(&cx.rules.handover.unavailable_message, cx, out);
        }
    }

    fn on_command_outcome(&mut self, outcome: Outcome, detail: String, cx: Context<'_>, out: &mut Out) {
        let Some(Pending::Command { what, chain, end_after, .. }) = self.state.pending.take() else { return };
        let done = matches!(outcome, Outcome::Done | Outcome::Offered | Outcome::Accepted);
        let events = &cx.rules.events;
        let (event, label) = match (what, done) {
            (Commanded::Callback, true) => (&events.callback_done, "callback_done"),
            (Commanded::Callback, false) => (&events.callback_failed, "callback_failed"),
            (Commanded::Push, true) => (&events.push_done, "push_done"),
            (Commanded::Push, false) => (&events.push_failed, "push_failed"),
        };
        let mut details = Parameters::new();
        if !detail.is_empty() {
            details.insert("reason".to_owned(), Value::from(detail));
        }
        let told = self.tell((event, label), details, chain, cx, out);
        if told {
            return;
        }
        if !done {
            self.say_text(&cx.rules.fallback_message, cx, out);
        } else if end_after {
            self.complete(cx, out);
        }
    }

    /// The outcome of a callback or push is overdue: the conversation goes on without it.
    pub(super) fn on_outcome_missing(&mut self, cx: Context<'_>, out: &mut Out) {
        if let Some(Pending::Command { what, seq, end_after, .. }) = self.state.pending.take() {
            out.steps.push(Step::OutcomeMissing { seq });
            let outcome = match what {
                Commanded::Callback => "callback_unknown",
                Commanded::Push => "push_unknown",
            };
            self.later(outcome, Parameters::new());
            if end_after {
                self.complete(cx, out);
            }
        }
        self.advance(cx, out);
    }

    /// A person gives the contact back. `from` names the handover it returns from, so that a repetition changes nothing.
    pub(super) fn on_returned(&mut self, card: Card, from: ActionSeq, cx: Context<'_>, out: &mut Out) {
        let with = match self.state.phase {
            Phase::WithHuman { since, .. } => since,
            Phase::HandingOver { seq, .. } => seq,
            Phase::Bot | Phase::Closing { .. } | Phase::Ended => return,
        };
        if with != from {
            return;
        }
        // Said before it came back, even if nobody told us that a person had it.
        self.leave_unanswered(&with_person(), out);
        self.card = card;
        self.raise_epoch();
        self.state.phase = Phase::Bot;
        self.state.had_person = true;
        out.steps.push(Step::Returned { card: Box::new(self.card.clone()) });
        self.state.news.insert("humanReturned".to_owned(), Value::from(true));
        let event = &cx.rules.events.human_returned;
        if !event.is_empty() {
            self.ask_event(event, Parameters::new(), 0, cx, out);
        }
        self.advance(cx, out);
    }
}
