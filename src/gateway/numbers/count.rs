//! Steps → numbers: what one transition adds to its profile's.

use std::{collections::VecDeque, time::Duration};

use super::{Measure, Span};
use crate::{
    core::{
        action::What,
        contact::{Command, EndReason, Outcome},
        handover::Cause,
        ids::{ActionSeq, Timestamp},
        message::{Answer, FailureKind},
        step::Step,
    },
    gateway::{
        observe::{cause_label, end_kind},
        ports::AskError,
        storage::Counts,
    },
};

/// When what has gone out of a contact did so, until it has come to something. In memory alone: what a restart cuts is not
/// measured.
#[derive(Debug, Default)]
pub(in crate::gateway) struct Sent {
    commands: VecDeque<(ActionSeq, Timestamp)>,
    /// The handover that runs.
    handover: Option<(ActionSeq, Timestamp)>,
}

/// More are not timed.
const MAX_COMMANDS: usize = 64;

impl Sent {
    /// The routing engine has it. Says how long that took.
    pub(in crate::gateway) fn delivered(&mut self, seq: ActionSeq, now: Timestamp) -> Option<Duration> {
        while let Some((sent, at)) = self.commands.front().copied() {
            if sent > seq {
                break;
            }
            self.commands.pop_front();
            if sent == seq {
                return Some(now.since(at));
            }
        }
        None
    }

    fn note(&mut self, seq: ActionSeq, now: Timestamp) {
        if self.commands.len() < MAX_COMMANDS {
            self.commands.push_back((seq, now));
        }
    }

    fn accepted(&mut self, seq: ActionSeq, now: Timestamp) -> Option<Duration> {
        self.handover.take_if(|it| it.0 == seq).map(|(_, at)| now.since(at))
    }
}

/// What a transition is, beside its steps.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Moment {
    pub(in crate::gateway) now: Timestamp,
    /// Before it, the customer's words were with the language engine.
    pub(in crate::gateway) words: bool,
    /// A person has had the contact.
    pub(in crate::gateway) had_person: bool,
}

/// What a transition adds, and whether it tells of a question that was not understood.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::gateway) struct Added {
    pub(in crate::gateway) counts: Counts,
    pub(in crate::gateway) unclear: bool,
}

impl Added {
    pub(in crate::gateway) fn of(steps: &[Step], moment: Moment, sent: &mut Sent) -> Self {
        let mut added = Self::default();
        let mut before = None;
        for step in steps {
            added.talk(step, before, moment);
            added.action(step, moment, sent);
            before = Some(step);
        }
        added
    }

    fn one(&mut self, measure: Measure) {
        self.counts.add(measure.code(), 1);
    }

    fn span(&mut self, span: Span, took: Duration) {
        self.counts.add(span.code(took), 1);
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are not counted")]
    fn talk(&mut self, step: &Step, before: Option<&Step>, moment: Moment) {
        match step {
            Step::Started { .. } => self.one(Measure::Begun),
            Step::Heard { .. } => self.one(Measure::Messages),
            // Asked once more what another engine, or another life of ours, was asked before: the same turn to the customer.
            Step::Asked { event: None, .. }
                if !matches!(before, Some(Step::FailedOver { .. } | Step::Recovered { .. })) =>
            {
                self.one(Measure::Turns);
            }
            Step::Answered { ms, not_understood, .. } => {
                self.span(Span::Answer, Duration::from_millis(*ms));
                // An event of ours is nobody's misunderstanding.
                if *not_understood && moment.words {
                    self.one(Measure::NotUnderstood);
                    self.unclear = true;
                }
            }
            Step::AskFailed { kind, .. } => self.one(Measure::NoAnswer(*kind)),
            Step::FailedOver { kind, .. } => {
                self.one(Measure::NoAnswer(*kind));
                self.one(Measure::FailedOver);
            }
            Step::Slow { .. } => self.one(Measure::Slow),
            Step::Stale { .. } => self.one(Measure::Stale),
            Step::Warned => self.one(Measure::Warned),
            Step::Returned { .. } => self.one(Measure::Returned),
            Step::Ended { reason, with_person } => {
                self.one(Measure::Ended(end_kind(reason, *with_person)));
                if is_contained(reason) && !with_person && !moment.had_person {
                    self.one(Measure::Contained);
                }
            }
            _ => {}
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are not counted")]
    fn action(&mut self, step: &Step, moment: Moment, sent: &mut Sent) {
        match step {
            Step::Sent { seq, command } => {
                sent.note(*seq, moment.now);
                match command {
                    Command::CreateCallback { .. } => self.one(Measure::Callbacks),
                    Command::PushUrl(_) => self.one(Measure::Pushes),
                    Command::Say(_) | Command::Requeue { .. } | Command::EndContact { .. } => {}
                }
            }
            Step::HandingOver { seq, cause, .. } => {
                self.one(Measure::HandedOver(cause_label(cause)));
                sent.handover = Some((*seq, moment.now));
            }
            // What somebody chose in vain by hand is no customer's wish.
            Step::NoPerson { cause: Cause::Operator(_), .. } => {}
            Step::NoPerson { .. } => self.one(Measure::NoPerson),
            Step::HandoverOutcome { seq, outcome, .. } => match outcome {
                Outcome::Accepted => {
                    self.one(Measure::Accepted);
                    if let Some(took) = sent.accepted(*seq, moment.now) {
                        self.span(Span::Person, took);
                    }
                }
                Outcome::Failed | Outcome::Superseded => self.one(Measure::Failed),
                Outcome::Expired => self.one(Measure::Expired),
                Outcome::Done | Outcome::Offered => {}
            },
            Step::UnknownAction { .. } => self.one(Measure::UnknownActions),
            Step::ActionRefused(bad) => match bad.action {
                What::Callback => self.one(Measure::CallbacksRefused),
                What::PushUrl => self.one(Measure::PushesRefused),
                What::External => self.one(Measure::ExternalFailed),
                What::Requeue | What::SpeechRequeue => {}
            },
            Step::ExternalAnswered { ms, .. } => {
                self.one(Measure::External);
                self.span(Span::External, Duration::from_millis(*ms));
            }
            Step::ExternalFailed { ms, .. } => {
                self.one(Measure::ExternalFailed);
                self.span(Span::External, Duration::from_millis(*ms));
            }
            _ => {}
        }
    }
}

/// What one call adds to its engine's numbers. What was held back never reached it.
pub(super) fn of_call(result: &Result<Answer, AskError>, took: Duration, words: bool) -> Counts {
    let mut counts = Counts::default();
    let mut one = |measure: Measure| counts.add(measure.code(), 1);
    match result {
        Err(error) if error.held_back && error.kind == FailureKind::Quota => one(Measure::HeldBack),
        Err(error) if error.held_back => one(Measure::CutOff),
        Err(error) => {
            one(Measure::Calls);
            one(Measure::CallsFailed);
            if error.kind == FailureKind::Quota {
                one(Measure::CallsOverQuota);
            }
        }
        Ok(answer) => {
            one(Measure::Calls);
            if words && answer.not_understood {
                one(Measure::CallsNotUnderstood);
            }
            counts.add(Span::Call.code(took), 1);
        }
    }
    counts
}

/// Whether a contact that ends so was served to its end.
const fn is_contained(reason: &EndReason) -> bool {
    match reason {
        EndReason::Completed | EndReason::Inactivity | EndReason::Left(_) => true,
        EndReason::Operator(_) | EndReason::EngineAway | EndReason::NotServed | EndReason::Restored => false,
    }
}
