//! What a contact's timeline means to its connector: steps name an action by its number, connectors by its name.

use std::collections::VecDeque;

use super::frames::{Closed, ClosedReason, Outcome, OutcomeKind};
use crate::core::{
    contact::{self, Command, EndReason},
    handover::{Cause, Unavailable},
    ids::{ActionSeq, ContactName},
    step::Step,
};

/// Actions whose outcome may still come; older ones are told without their name.
const REMEMBERED: usize = 16;

/// What one contact's connector has asked for.
#[derive(Debug, Default)]
pub(in crate::nlp) struct Actions {
    /// The last answer's; empty: none.
    last: String,
    /// `None`: nobody asked for it by name.
    numbered: VecDeque<(ActionSeq, Option<String>)>,
}

/// What the connector is told of a step.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::nlp) enum Told {
    Nothing,
    Outcome(Outcome),
    Closed(Closed),
}

impl Actions {
    #[expect(clippy::wildcard_enum_match_arm, reason = "most steps are no concern of a connector")]
    pub(in crate::nlp) fn on_step(&mut self, contact: &ContactName, step: &Step) -> Told {
        let told = |action: Option<String>, outcome, detail: &str| {
            let detail = (!detail.is_empty()).then(|| detail.to_owned());
            Told::Outcome(Outcome { contact: contact.to_string(), action, outcome, detail })
        };
        match step {
            Step::Answered { action, .. } => {
                self.last.clone_from(action);
                Told::Nothing
            }
            Step::HandingOver { seq, cause, .. } => {
                self.number(*seq, by_name(cause));
                Told::Nothing
            }
            Step::Sent { seq, command: Command::CreateCallback { .. } | Command::PushUrl(_) }
            | Step::ExternalAsked { seq, .. } => {
                self.number(*seq, self.last());
                Told::Nothing
            }
            Step::HandoverOutcome { seq, outcome, detail } | Step::Outcome { seq, outcome, detail } => {
                self.find(*seq).map_or(Told::Nothing, |action| told(action, kind(*outcome), detail))
            }
            Step::OutcomeMissing { seq } => self.find(*seq).map_or(Told::Nothing, |action| {
                told(action, OutcomeKind::Failed, "the contact centre never told what came of it")
            }),
            Step::ExternalAnswered { seq, .. } => told(self.find(*seq).flatten(), OutcomeKind::Done, ""),
            // Only the kind of failure: the rest may hold what the external system says of itself.
            Step::ExternalFailed { seq, label, .. } => told(self.find(*seq).flatten(), OutcomeKind::Failed, label),
            Step::ActionRefused(bad) => {
                told(self.last(), OutcomeKind::Refused, &format!("parameter {} {}", bad.parameter, bad.problem))
            }
            Step::NoPerson { cause, why } => told(by_name(cause), OutcomeKind::Refused, unavailable(*why)),
            Step::ActionWaits { name } => told(Some(name.clone()), OutcomeKind::Incomplete, ""),
            Step::UnknownAction { name } => told(Some(name.clone()), OutcomeKind::Unknown, ""),
            Step::Ended { reason, .. } => Told::Closed(Closed { contact: contact.to_string(), reason: end(reason) }),
            _ => Told::Nothing,
        }
    }

    fn last(&self) -> Option<String> {
        (!self.last.is_empty()).then(|| self.last.clone())
    }

    fn number(&mut self, seq: ActionSeq, action: Option<String>) {
        // A command that is sent again keeps its name.
        if self.find(seq).is_some() {
            return;
        }
        if self.numbered.len() >= REMEMBERED {
            self.numbered.pop_front();
        }
        self.numbered.push_back((seq, action));
    }

    fn find(&self, seq: ActionSeq) -> Option<Option<String>> {
        self.numbered.iter().find(|it| it.0 == seq).map(|it| it.1.clone())
    }
}

fn by_name(cause: &Cause) -> Option<String> {
    match cause {
        Cause::Action(name) => Some(name.clone()),
        Cause::LiveAgent
        | Cause::NotUnderstood(_)
        | Cause::Failures(..)
        | Cause::Slow(_)
        | Cause::Operator(_)
        | Cause::Paused(_) => None,
    }
}

const fn kind(outcome: contact::Outcome) -> OutcomeKind {
    match outcome {
        contact::Outcome::Done => OutcomeKind::Done,
        contact::Outcome::Offered => OutcomeKind::Offered,
        contact::Outcome::Accepted => OutcomeKind::Accepted,
        contact::Outcome::Failed => OutcomeKind::Failed,
        contact::Outcome::Expired => OutcomeKind::Expired,
        contact::Outcome::Superseded => OutcomeKind::Superseded,
    }
}

const fn unavailable(why: Unavailable) -> &'static str {
    match why {
        Unavailable::QueueClosed => "the queue is closed",
        Unavailable::WaitTooLong => "the wait is too long",
        Unavailable::QueueUnknown => "the contact centre does not know the queue",
        Unavailable::BudgetUsed => "the contact has been with a person as often as allowed",
    }
}

const fn end(reason: &EndReason) -> ClosedReason {
    match reason {
        EndReason::Completed => ClosedReason::Completed,
        EndReason::Inactivity => ClosedReason::Inactivity,
        EndReason::Left(_) | EndReason::Operator(_) => ClosedReason::Left,
        EndReason::EngineAway => ClosedReason::EngineAway,
        EndReason::NotServed | EndReason::Restored => ClosedReason::NotServed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{
        contact::HandoverContext,
        ids::{QueueId, Timestamp},
        message::FailureKind,
        profile::Destination,
    };

    fn tell(actions: &mut Actions, step: &Step) -> Told {
        actions.on_step(&ContactName::new("c-1").unwrap(), step)
    }

    fn answered(action: &str) -> Step {
        let step = serde_json::json!({"step": "answered", "turn": 1, "ms": 3, "action": action});
        serde_json::from_value(step).unwrap()
    }

    fn outcome(action: Option<&str>, outcome: OutcomeKind, detail: Option<&str>) -> Told {
        let (action, detail) = (action.map(str::to_owned), detail.map(str::to_owned));
        Told::Outcome(Outcome { contact: "c-1".to_owned(), action, outcome, detail })
    }

    fn handing_over(seq: u32, cause: Cause) -> Step {
        Step::HandingOver { seq: ActionSeq(seq), to: Destination::Queue(QueueId::new("people").unwrap()), cause }
    }

    fn handover(seq: u32, outcome: contact::Outcome) -> Step {
        Step::HandoverOutcome { seq: ActionSeq(seq), outcome, detail: String::new() }
    }

    #[test]
    fn s11_a_handover_is_told_by_the_name_it_was_asked_for_and_one_of_the_rules_without() {
        let mut actions = Actions::default();
        assert_eq!(tell(&mut actions, &answered("to_person")), Told::Nothing);
        tell(&mut actions, &handing_over(4, Cause::Action("to_person".to_owned())));
        let offered = tell(&mut actions, &handover(4, contact::Outcome::Offered));
        assert_eq!(offered, outcome(Some("to_person"), OutcomeKind::Offered, None));
        tell(&mut actions, &answered(""));
        let expired = tell(&mut actions, &handover(4, contact::Outcome::Expired));
        assert_eq!(expired, outcome(Some("to_person"), OutcomeKind::Expired, None));
        tell(&mut actions, &handing_over(7, Cause::Failures(2, FailureKind::Deadline)));
        let accepted = tell(&mut actions, &handover(7, contact::Outcome::Accepted));
        assert_eq!(accepted, outcome(None, OutcomeKind::Accepted, None));
    }

    #[test]
    fn s11_a_callback_sent_again_keeps_its_name_and_the_end_of_the_contact_is_no_action() {
        let mut actions = Actions::default();
        tell(&mut actions, &answered("call_me"));
        let callback = Step::Sent {
            seq: ActionSeq(2),
            command: Command::CreateCallback {
                queue: QueueId::new("people").unwrap(),
                phone: "+491".to_owned(),
                at: Timestamp(0),
                context: HandoverContext::default(),
            },
        };
        tell(&mut actions, &callback);
        tell(&mut actions, &answered("other"));
        tell(&mut actions, &callback);
        let done = Step::Outcome { seq: ActionSeq(2), outcome: contact::Outcome::Done, detail: "at noon".to_owned() };
        assert_eq!(tell(&mut actions, &done), outcome(Some("call_me"), OutcomeKind::Done, Some("at noon")));
        let other = Step::Outcome { seq: ActionSeq(9), outcome: contact::Outcome::Done, detail: String::new() };
        assert_eq!(tell(&mut actions, &other), Told::Nothing);
        let ended = Step::Ended { reason: EndReason::Inactivity, with_person: false };
        let closed = Closed { contact: "c-1".to_owned(), reason: ClosedReason::Inactivity };
        assert_eq!(tell(&mut actions, &ended), Told::Closed(closed));
    }

    #[test]
    fn s11_what_is_not_even_tried_is_told_with_its_reason() {
        let mut actions = Actions::default();
        let closed = Step::NoPerson { cause: Cause::Action("to_person".to_owned()), why: Unavailable::QueueClosed };
        let refused = outcome(Some("to_person"), OutcomeKind::Refused, Some("the queue is closed"));
        assert_eq!(tell(&mut actions, &closed), refused);
        let waits = Step::ActionWaits { name: "call_me".to_owned() };
        assert_eq!(tell(&mut actions, &waits), outcome(Some("call_me"), OutcomeKind::Incomplete, None));
        let unknown = Step::UnknownAction { name: "dance".to_owned() };
        assert_eq!(tell(&mut actions, &unknown), outcome(Some("dance"), OutcomeKind::Unknown, None));
        tell(&mut actions, &answered("look_up"));
        tell(&mut actions, &Step::ExternalAsked { seq: ActionSeq(3), host: "api.example.com".to_owned() });
        let failed = Step::ExternalFailed {
            seq: ActionSeq(3),
            ms: 9,
            label: "deadline".to_owned(),
            detail: "of the target's".to_owned(),
        };
        assert_eq!(tell(&mut actions, &failed), outcome(Some("look_up"), OutcomeKind::Failed, Some("deadline")));
    }
}
