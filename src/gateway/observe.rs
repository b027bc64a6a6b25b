//! Steps → metrics: the one place where the timeline is counted.

use super::{Gateway, shard::Entry};
use crate::{
    core::{
        action::What,
        contact::{Command, EndReason},
        handover::Cause,
        step::Step,
    },
    privacy::{CARD, IBAN},
    telemetry::labels::{ActionLabel, BusyCause, EndKind, HandoverCause, TokenKind},
};

impl Gateway {
    pub(super) fn observe(&self, steps: &[Step]) {
        for step in steps {
            self.observe_talk(step);
            self.observe_action(step);
        }
    }

    /// What is counted of the contact's engine. Says whether an answer came too late.
    pub(super) fn observe_engines(&self, entry: &Entry, steps: &[Step]) -> bool {
        let mut stale = false;
        for step in steps {
            stale |= matches!(step, Step::Stale { .. });
            if matches!(step, Step::HandingOver { .. }) {
                let (served, engine) = (&entry.served, entry.contact.engine());
                served.cells(served.engines().seat(engine), engine, &self.metrics).handover();
            }
        }
        stale
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are not counted")]
    fn observe_talk(&self, step: &Step) {
        let metrics = &self.metrics;
        match step {
            Step::Started { card } => metrics.contact_started(card.media),
            Step::Heard { .. } => metrics.message(),
            Step::Tokenised { found } => {
                for (name, count) in found {
                    metrics.tokens(token_kind(name), *count);
                }
            }
            Step::Duplicate { .. } => metrics.duplicate_message(),
            Step::Busy { .. } => metrics.busy(BusyCause::WaitingInputs),
            Step::Answered { not_understood: true, .. } => metrics.not_understood(),
            Step::AskFailed { kind, .. } => metrics.failure(*kind),
            Step::FailedOver { kind, .. } => {
                metrics.failure(*kind);
                metrics.fail_over(*kind);
            }
            Step::Stale { .. } => metrics.stale_answer(),
            Step::TimedOut => metrics.timeout(),
            Step::Ended { reason, with_person } => metrics.contact_ended(end_kind(reason, *with_person)),
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are not counted")]
    fn observe_action(&self, step: &Step) {
        let metrics = &self.metrics;
        match step {
            Step::UnknownAction { .. } => metrics.unknown_action(),
            Step::HandingOver { cause, .. } => {
                metrics.handover(cause_label(cause));
                if matches!(cause, Cause::Action(_)) {
                    metrics.action(ActionLabel::Requeue, true);
                }
            }
            Step::NoPerson { cause: Cause::Action(_), .. } => metrics.action(ActionLabel::Requeue, false),
            Step::Sent { command: Command::CreateCallback { .. }, .. } => metrics.action(ActionLabel::Callback, true),
            Step::Sent { command: Command::PushUrl(_), .. } => metrics.action(ActionLabel::PushUrl, true),
            Step::ActionRefused(bad) => metrics.action(action_label(bad.action), false),
            Step::ExternalAnswered { .. } => metrics.action(ActionLabel::External, true),
            Step::ExternalFailed { .. } => metrics.action(ActionLabel::External, false),
            Step::HandoverOutcome { outcome, .. } => metrics.handover_outcome(*outcome),
            _ => {}
        }
    }

    pub(super) fn count_waiting(&self, before: usize, after: usize) {
        if before != after {
            let change = i64::try_from(after).unwrap_or_default() - i64::try_from(before).unwrap_or_default();
            self.metrics.waiting_inputs.add(change);
        }
    }
}

fn token_kind(name: &str) -> TokenKind {
    match name {
        CARD => TokenKind::Card,
        IBAN => TokenKind::Iban,
        _ => TokenKind::Pattern,
    }
}

pub(super) const fn end_kind(reason: &EndReason, with_person: bool) -> EndKind {
    match reason {
        EndReason::Completed => EndKind::Bot,
        EndReason::Inactivity => EndKind::Inactivity,
        EndReason::Left(_) if with_person => EndKind::HandedOver,
        EndReason::Left(_) => EndKind::Customer,
        EndReason::Operator(_) => EndKind::Operator,
        EndReason::EngineAway => EndKind::EngineAway,
        EndReason::NotServed | EndReason::Restored => EndKind::Failed,
    }
}

pub(super) const fn cause_label(cause: &Cause) -> HandoverCause {
    match cause {
        Cause::Action(_) => HandoverCause::Action,
        Cause::LiveAgent => HandoverCause::LiveAgent,
        Cause::NotUnderstood(_) => HandoverCause::NotUnderstood,
        Cause::Failures(..) => HandoverCause::Failures,
        Cause::Slow(_) => HandoverCause::Slow,
        Cause::Operator(_) => HandoverCause::Operator,
        Cause::Paused(_) => HandoverCause::Paused,
    }
}

const fn action_label(what: What) -> ActionLabel {
    match what {
        What::Requeue => ActionLabel::Requeue,
        What::SpeechRequeue => ActionLabel::SpeechRequeue,
        What::Callback => ActionLabel::Callback,
        What::External => ActionLabel::External,
        What::PushUrl => ActionLabel::PushUrl,
    }
}
