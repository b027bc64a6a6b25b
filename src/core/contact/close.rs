//! How a contact ends.

use super::{Command, Contact, Context, Effect, EndReason, Out, Phase};
use crate::core::{message::Reply, step::Step};

impl Contact {
    /// Inactivity (S14, S15). The customer's last word before it counts: see `unless_after`.
    pub(super) fn time_out(&mut self, cx: Context<'_>, out: &mut Out) {
        out.steps.push(Step::TimedOut);
        let message = &cx.rules.inactivity.timeout_message;
        let farewell = if message.is_empty() { Vec::new() } else { vec![Reply::Text(message.clone())] };
        self.close(EndReason::Inactivity, farewell, cx, out);
    }

    /// Asks the routing engine to end the contact, unless the customer spoke meanwhile.
    pub(super) fn close(&mut self, reason: EndReason, farewell: Vec<Reply>, cx: Context<'_>, out: &mut Out) {
        self.raise_epoch();
        let unless_after = self.state.last_message.clone();
        let seq = self.send(Command::EndContact { reason: reason.label().to_owned(), farewell, unless_after }, cx, out);
        self.state.phase = Phase::Closing { seq, reason };
    }

    /// The contact is over; what still waits is told so.
    pub(super) fn end(&mut self, reason: EndReason, out: &mut Out) {
        if self.is_over() {
            return;
        }
        for id in self.state.waiting.drain(..).filter_map(|heard| heard.id) {
            out.steps.push(Step::Unanswered { id: id.clone(), why: "the contact is over".to_owned() });
            out.effects.push(Effect::ContactEnded(id));
        }
        let with_person = matches!(self.state.phase, Phase::HandingOver { .. } | Phase::WithHuman { .. });
        self.raise_epoch();
        self.state.pending = None;
        self.state.undelivered.clear();
        self.state.phase = Phase::Ended;
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
            Self::EngineAway => "engine_away",
        }
    }
}
