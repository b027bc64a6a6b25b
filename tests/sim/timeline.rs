//! Follows a contact's journal from its first record: what became of every message, and which commands were sent.

use std::collections::{BTreeMap, VecDeque};

use usher::{
    core::{
        contact::{Command, EndReason, Recorded},
        message::Reply,
        step::Step,
    },
    gateway::{ChainKeys, Content, Opened, verify_chain},
};

use super::hosts::sealer;

/// What the journal says of a contact.
#[derive(Debug, Default)]
pub(crate) struct Timeline {
    /// What became of each message; `None`: nothing yet.
    pub(crate) fates: BTreeMap<String, Option<Fate>>,
    /// In order of their numbers.
    pub(crate) commands: Vec<String>,
    last_seq: u32,
    pub(crate) end: Option<EndReason>,
    /// What does not fit together.
    pub(crate) problems: Vec<String>,
    waiting: VecDeque<String>,
    asked: Asked,
    /// The question is asked once more after a restart.
    again: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered,
    /// The language engine failed; the customer was told, or given to a person.
    Failed,
    /// The timeline says why.
    Unanswered,
}

#[derive(Debug, Default)]
enum Asked {
    #[default]
    Nothing,
    Event,
    Message(String),
}

impl Timeline {
    pub(crate) fn read(records: &[Opened]) -> Self {
        let mut timeline = Self::default();
        if let Err(at) = verify_chain(&ChainKeys::of(&sealer()), records.iter().map(|it| &it.record)) {
            timeline.problems.push(format!("record {at} of the timeline does not follow from the one before"));
        }
        for record in records {
            let Content::Readable(body) = &record.content else {
                timeline.problems.push(format!("a record cannot be opened: {record:?}"));
                continue;
            };
            match serde_json::from_slice::<Recorded>(body) {
                Ok(recorded) => timeline.take(recorded.steps),
                Err(error) => timeline.problems.push(format!("a record cannot be read: {error}")),
            }
        }
        timeline
    }

    fn take(&mut self, steps: Vec<Step>) {
        let ended_a_turn = steps.iter().any(|it| matches!(it, Step::Answered { .. } | Step::AskFailed { .. }));
        let by_customer = matches!(self.asked, Asked::Message(_));
        let led_on = steps.iter().any(|it| matches!(it, Step::Sent { .. } | Step::Asked { .. }));
        if ended_a_turn && by_customer && !led_on {
            self.problems.push(format!("an answer led to nothing: {steps:?}"));
        }
        for step in steps {
            self.step(step);
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Heard { id, .. } => {
                if self.fates.insert(id.to_string(), None).is_some() {
                    self.problems.push(format!("{id} was heard twice"));
                }
                self.waiting.push_back(id.to_string());
            }
            Step::Asked { .. } if std::mem::take(&mut self.again) => {}
            Step::Asked { event: Some(_), .. } => self.asked = Asked::Event,
            Step::Asked { event: None, .. } => match self.waiting.pop_front() {
                Some(id) => self.asked = Asked::Message(id),
                None => self.problems.push("a question that nobody asked".to_owned()),
            },
            Step::Answered { .. } => self.end_turn(Fate::Answered),
            Step::AskFailed { .. } => self.end_turn(Fate::Failed),
            Step::Recovered { .. } => self.again = true,
            Step::Unanswered { id, .. } => {
                self.waiting.retain(|it| *it != *id.as_str());
                self.settle(id.as_str(), Fate::Unanswered);
            }
            Step::Sent { seq, command } => {
                self.commands.push(describe(&command));
                if seq.0 <= self.last_seq {
                    self.problems.push(format!("command {} comes after {}", seq.0, self.last_seq));
                }
                self.last_seq = seq.0;
            }
            Step::Ended { reason, .. } => self.end = Some(reason),
            Step::Started { .. }
            | Step::Returned { .. }
            | Step::Held { .. }
            | Step::Slow { .. }
            | Step::Tokenised { .. }
            | Step::FailedOver { .. }
            | Step::Moved { .. }
            | Step::Shadowed { .. }
            | Step::TextTooLong { .. }
            | Step::Outcome { .. }
            | Step::HandoverOutcome { .. }
            | Step::OutcomeMissing { .. }
            | Step::UnknownAction { .. }
            | Step::ActionWaits { .. }
            | Step::ActionRefused(_)
            | Step::HandingOver { .. }
            | Step::NoPerson { .. }
            | Step::ExternalAsked { .. }
            | Step::ExternalAnswered { .. }
            | Step::ExternalFailed { .. }
            | Step::Warned
            | Step::TimedOut
            | Step::Stale { .. }
            | Step::Duplicate { .. }
            | Step::Busy { .. } => {}
        }
    }

    fn end_turn(&mut self, fate: Fate) {
        if let Asked::Message(id) = std::mem::take(&mut self.asked) {
            self.settle(&id, fate);
        }
    }

    fn settle(&mut self, id: &str, fate: Fate) {
        match self.fates.get_mut(id) {
            Some(none @ None) => *none = Some(fate),
            other => self.problems.push(format!("{id} is {fate:?}, but it was {other:?} before")),
        }
    }
}

/// A command so that it can be compared with what came over the wire.
fn describe(command: &Command) -> String {
    let texts = |replies: &[Reply]| replies.iter().map(Reply::text).collect::<Vec<_>>().join("|");
    match command {
        Command::Say(replies) => format!("say {}", texts(replies)),
        Command::Requeue { reason, .. } => format!("requeue {reason}"),
        Command::CreateCallback { phone, at, .. } => format!("callback {phone} {}", at.0),
        Command::PushUrl(url) => format!("push {url}"),
        Command::EndContact { reason, unless_after, .. } => {
            format!("end {reason} {}", unless_after.as_ref().map(ToString::to_string).unwrap_or_default())
        }
    }
}
