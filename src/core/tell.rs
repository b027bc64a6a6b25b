//! Steps in words, for the people who ask what happened and why.

use super::{
    contact::{Command, EndReason, Outcome},
    handover::{Cause, Unavailable},
    ids::EngineName,
    message::{Input, Reply},
    profile::Destination,
    step::{Aspect, MoveCause, Step},
};

impl Step {
    /// One line.
    #[must_use]
    pub fn tell(&self) -> String {
        match self {
            Self::Started { card } => format!(
                "offered to {} as {:?}{}",
                card.agent,
                card.media,
                card.queue.as_ref().map(|queue| format!(", from queue {queue}")).unwrap_or_default()
            ),
            Self::Returned { card } => format!("given back by a person to {}", card.agent),
            Self::Heard { id, input } => format!("customer ({id}): {}", of_input(input)),
            Self::Tokenised { found } => {
                let counts: Vec<String> = found.iter().map(|(name, count)| format!("{count} {name}")).collect();
                format!("private, replaced by tokens: {}", counts.join(", "))
            }
            Self::Held { id } => format!("{id} waits: the contact is changing hands"),
            Self::Unanswered { id, why } => format!("{id} is not answered by the virtual agent: {why}"),
            Self::Duplicate { id } => format!("{id} came again and was dropped"),
            Self::Busy { id } => format!("{id} was not taken: too much is waiting"),
            Self::Warned => "no sign of the customer: warning given".to_owned(),
            Self::TimedOut => "no sign of the customer: time is up".to_owned(),
            Self::Ended { reason, .. } => format!("ended: {}", of_end(reason)),
            Self::Recovered { what } => format!("gateway restarted during a {what}"),
            Self::Asked { .. }
            | Self::Answered { .. }
            | Self::AskFailed { .. }
            | Self::FailedOver { .. }
            | Self::Moved { .. }
            | Self::Shadowed { .. }
            | Self::Slow { .. }
            | Self::Stale { .. }
            | Self::TextTooLong { .. } => self.tell_turn(),
            Self::Sent { .. }
            | Self::Outcome { .. }
            | Self::HandoverOutcome { .. }
            | Self::OutcomeMissing { .. }
            | Self::UnknownAction { .. }
            | Self::ActionWaits { .. }
            | Self::ActionRefused(_)
            | Self::HandingOver { .. }
            | Self::NoPerson { .. }
            | Self::ExternalAsked { .. }
            | Self::ExternalAnswered { .. }
            | Self::ExternalFailed { .. } => self.tell_action(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`tell` sends the steps of a turn here, and no others")]
    fn tell_turn(&self) -> String {
        match self {
            Self::Asked { turn, event, engine, .. } => {
                let engine = engine.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
                let event = event.as_ref().map(|it| format!(" with event {it}")).unwrap_or_default();
                format!("turn {}: engine{engine} asked{event}", turn.0)
            }
            Self::Answered {
                turn,
                ms,
                intent,
                confidence,
                action,
                not_understood,
                sentiment,
                contexts,
                webhook_failure,
            } => {
                let mut text = format!("turn {}: answered in {ms} ms", turn.0);
                let mut add = |name: &str, value: &dyn std::fmt::Display| text.push_str(&format!(", {name} {value}"));
                if let Some(intent) = intent {
                    add("intent", intent);
                }
                if let Some(confidence) = confidence {
                    add("confidence", &format_args!("{confidence:.2}"));
                }
                if *not_understood {
                    add("not", &"understood");
                }
                if !action.is_empty() {
                    add("action", action);
                }
                if let Some(sentiment) = sentiment {
                    add("sentiment", sentiment);
                }
                // Those that the engine keeps for itself say nothing to people.
                let shown: Vec<&str> = contexts.iter().map(String::as_str).filter(|it| !it.starts_with("__")).collect();
                if !shown.is_empty() {
                    add("contexts", &shown.join(" "));
                }
                if let Some(failure) = webhook_failure {
                    add("its webhook failed:", failure);
                }
                text
            }
            Self::AskFailed { turn, ms, kind, advice } => {
                format!("turn {}: no answer after {ms} ms ({}): {advice}", turn.0, kind.label())
            }
            Self::FailedOver { turn, ms, from, to, kind, advice } => {
                let kind = kind.label();
                format!(
                    "turn {}: no answer of engine {from} after {ms} ms ({kind}), {to} is asked instead: {advice}",
                    turn.0
                )
            }
            Self::Moved { from, to, why } => of_move(from, to, *why),
            Self::Shadowed { .. } => self.tell_shadow(),
            Self::Slow { turn, ms } => format!("turn {}: no answer yet after {ms} ms", turn.0),
            Self::Stale { turn } => format!("turn {}: an answer came too late and was dropped", turn.0),
            Self::TextTooLong { characters, limit, done } => {
                format!("{characters} characters are more than the engine takes ({limit}): {done}")
            }
            _ => String::new(),
        }
    }

    fn tell_shadow(&self) -> String {
        let Self::Shadowed { turn, ms, intent, action, failure, differs } = self else { return String::new() };
        let mut text = format!("turn {}: the shadow ", turn.0);
        match failure {
            Some(kind) => text.push_str(&format!("did not answer ({}) after {ms} ms", kind.label())),
            None => text.push_str(&format!("answered in {ms} ms")),
        }
        if let Some(intent) = intent {
            text.push_str(&format!(", intent {intent}"));
        }
        if !action.is_empty() {
            text.push_str(&format!(", action {action}"));
        }
        let differs: Vec<&str> = differs.iter().map(|it| it.label()).collect();
        let differs = if differs.is_empty() { "nothing".to_owned() } else { differs.join(", ") };
        format!("{text}; differs in {differs}")
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`tell` sends the steps of an action here, and no others")]
    fn tell_action(&self) -> String {
        match self {
            Self::Sent { seq, command } => format!("#{} {}", seq.0, of_command(command)),
            Self::Outcome { seq, outcome, detail } | Self::HandoverOutcome { seq, outcome, detail } => {
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                format!("#{} {}{detail}", seq.0, of_outcome(*outcome))
            }
            Self::OutcomeMissing { seq } => format!("#{} has no outcome: the conversation goes on", seq.0),
            Self::UnknownAction { name } => format!("action {name} is not configured for this media type"),
            Self::ActionWaits { name } => format!("action {name} waits for its parameters"),
            Self::ActionRefused(bad) => {
                format!("{:?} cannot be carried out: parameter {} {}", bad.action, bad.parameter, bad.problem)
            }
            Self::HandingOver { seq, to, cause } => {
                format!("#{} handed over to {} because of {}", seq.0, of_destination(to), of_cause(cause))
            }
            Self::NoPerson { cause, why } => {
                format!(
                    "no person can be promised ({}), asked for because of {}",
                    of_unavailable(*why),
                    of_cause(cause)
                )
            }
            Self::ExternalAsked { seq, host } => format!("#{} asked external system {host}", seq.0),
            Self::ExternalAnswered { seq, ms } => format!("#{} external system answered in {ms} ms", seq.0),
            Self::ExternalFailed { seq, ms, label, detail } => {
                format!("#{} external system failed after {ms} ms ({label}): {detail}", seq.0)
            }
            _ => String::new(),
        }
    }
}

fn of_move(from: &EngineName, to: &EngineName, why: MoveCause) -> String {
    match why {
        MoveCause::Gone => format!("engine {from} is not configured any more: {to} goes on"),
        MoveCause::RolledBack => format!("engine {from} was rolled back: {to} goes on"),
        MoveCause::AllFailed => format!("every engine has failed, {from} was the last: the next question goes to {to}"),
    }
}

impl Aspect {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Action => "action",
            Self::Parameters => "parameters",
            Self::NotUnderstood => "not_understood",
            Self::Intent => "intent",
        }
    }
}

fn of_input(input: &Input) -> String {
    match input {
        Input::Text(text) => format!("\"{text}\""),
        Input::Event { name, .. } => format!("event {name}"),
        Input::Structured(_) => "a form or a click".to_owned(),
        Input::Dtmf(digits) => format!("keys {digits}"),
        Input::Redacted => "(sensitive, not kept)".to_owned(),
    }
}

fn of_command(command: &Command) -> String {
    match command {
        Command::Say(replies) => format!("said {}", of_replies(replies)),
        Command::Requeue { to, .. } => format!("requeue to {}", of_destination(to)),
        Command::CreateCallback { queue, phone, .. } => format!("callback to {phone} by queue {queue}"),
        Command::PushUrl(url) => format!("page pushed: {url}"),
        Command::EndContact { reason, .. } => format!("asked to end the contact: {reason}"),
    }
}

fn of_replies(replies: &[Reply]) -> String {
    let texts: Vec<String> = replies.iter().map(|reply| format!("\"{}\"", reply.text())).collect();
    texts.join(", ")
}

fn of_destination(to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => format!("queue {queue}"),
        Destination::Target(target) => format!("target {target}"),
    }
}

fn of_cause(cause: &Cause) -> String {
    cause.reason()
}

const fn of_unavailable(why: Unavailable) -> &'static str {
    match why {
        Unavailable::QueueClosed => "the queue is closed",
        Unavailable::WaitTooLong => "the wait is too long",
        Unavailable::QueueUnknown => "the routing engine does not know the queue",
        Unavailable::BudgetUsed => "the contact has been with a person as often as allowed",
    }
}

const fn of_outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Offered => "waits for a person",
        Outcome::Accepted => "taken by a person",
        Outcome::Failed => "failed",
        Outcome::Expired => "taken by nobody",
        Outcome::Superseded => "superseded: the customer spoke",
    }
}

fn of_end(reason: &EndReason) -> String {
    match reason {
        EndReason::Completed => "the conversation is complete".to_owned(),
        EndReason::Inactivity => "the customer was inactive".to_owned(),
        EndReason::Left(reason) if reason.is_empty() => "by the routing engine".to_owned(),
        EndReason::Left(reason) => format!("by the routing engine: {reason}"),
        EndReason::Operator(name) => format!("by operator {name}"),
        EndReason::EngineAway => "the routing engine stayed away".to_owned(),
        EndReason::NotServed => "no profile serves its virtual agent any more".to_owned(),
        EndReason::Restored => "it was open in a backup that was restored".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Turn;

    #[test]
    fn b13_an_answer_is_told_without_what_the_engine_keeps_for_itself() {
        let answered = Step::Answered {
            turn: Turn(2),
            ms: 7,
            intent: Some("order.status".to_owned()),
            confidence: Some(0.961_229_7),
            action: String::new(),
            not_understood: false,
            sentiment: None,
            contexts: vec!["order".to_owned(), "__system_counters__".to_owned()],
            webhook_failure: None,
        };
        let told = answered.tell();
        assert_eq!(told, "turn 2: answered in 7 ms, intent order.status, confidence 0.96, contexts order");
    }
}
