//! Steps in words, for the people who ask what happened and why; in English, or in a reader's language.

use std::fmt::Display;

use super::{
    contact::{Card, Command, EndReason, Outcome},
    handover::{Cause, Unavailable},
    ids::EngineName,
    message::{Input, MediaType, Reply},
    profile::Destination,
    step::{Aspect, MoveCause, Step},
};

/// A text with its values in their order, each in place of a `{}`.
#[must_use]
pub fn filled(text: &str, values: &[&dyn Display]) -> String {
    let mut values = values.iter();
    let mut parts = text.split("{}");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if let Some(value) = values.next() {
            told.push_str(&value.to_string());
        }
        told.push_str(part);
    }
    told
}

/// Says texts in somebody's language. A text is known by its English words.
pub trait Voice {
    /// The text with its values, as [`filled`] does it.
    fn f(&self, english: &str, values: &[&dyn Display]) -> String;

    /// Part of a sentence, if there is such a thing.
    fn maybe(&self, english: &str, value: Option<&dyn Display>) -> String {
        value.map(|it| self.f(english, &[it])).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct English;

impl Voice for English {
    fn f(&self, english: &str, values: &[&dyn Display]) -> String {
        filled(english, values)
    }
}

impl Step {
    /// One line, in English.
    #[must_use]
    pub fn tell(&self) -> String {
        self.tell_in(&English)
    }

    /// One line.
    #[must_use]
    pub fn tell_in(&self, v: &dyn Voice) -> String {
        match self {
            Self::Started { card } => of_start(v, card, &format!("{:?}", card.media)),
            Self::Returned { card } => v.f("given back by a person to {}", &[&card.agent]),
            Self::Heard { id, input } => v.f("customer ({}): {}", &[id, &of_input(v, input)]),
            Self::Tokenised { found } => {
                let counts: Vec<String> = found.iter().map(|(name, count)| format!("{count} {name}")).collect();
                v.f("private, replaced by tokens: {}", &[&counts.join(", ")])
            }
            Self::Held { id } => v.f("{} waits: the contact is changing hands", &[id]),
            Self::Unanswered { id, why } => v.f("{} is not answered by the virtual agent: {}", &[id, &why.tell_in(v)]),
            Self::Duplicate { id } => v.f("{} came again and was dropped", &[id]),
            Self::Busy { id } => v.f("{} was not taken: too much is waiting", &[id]),
            Self::Warned => v.f("no sign of the customer: warning given", &[]),
            Self::TimedOut => v.f("no sign of the customer: time is up", &[]),
            Self::Ended { reason, .. } => v.f("ended: {}", &[&of_end(v, reason)]),
            Self::Recovered { what } => v.f("gateway restarted meanwhile: {}", &[&of_interrupted(v, what)]),
            Self::Asked { .. }
            | Self::Answered { .. }
            | Self::AskFailed { .. }
            | Self::FailedOver { .. }
            | Self::Moved { .. }
            | Self::Shadowed { .. }
            | Self::Slow { .. }
            | Self::Stale { .. }
            | Self::TextTooLong { .. } => self.tell_turn(v),
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
            | Self::ExternalFailed { .. } => self.tell_action(v),
        }
    }

    /// One line that stands beside who did it, and the id that it leaves out.
    #[must_use]
    pub fn tell_beside(&self, v: &dyn Voice) -> (Option<String>, String) {
        let of_message = |id: &dyn Display, text: String| (Some(id.to_string()), text);
        match self {
            Self::Started { card } => (None, of_start(v, card, &of_media(v, card.media))),
            Self::Heard { id, input } => of_message(id, of_input(v, input)),
            Self::Held { id } => of_message(id, v.f("waits: the contact is changing hands", &[])),
            Self::Unanswered { id, why } => {
                of_message(id, v.f("is not answered by the virtual agent: {}", &[&why.tell_in(v)]))
            }
            Self::Duplicate { id } => of_message(id, v.f("came again and was dropped", &[])),
            Self::Busy { id } => of_message(id, v.f("was not taken: too much is waiting", &[])),
            Self::Returned { .. }
            | Self::Tokenised { .. }
            | Self::Warned
            | Self::TimedOut
            | Self::Ended { .. }
            | Self::Recovered { .. }
            | Self::Asked { .. }
            | Self::Answered { .. }
            | Self::AskFailed { .. }
            | Self::FailedOver { .. }
            | Self::Moved { .. }
            | Self::Shadowed { .. }
            | Self::Slow { .. }
            | Self::Stale { .. }
            | Self::TextTooLong { .. }
            | Self::Sent { .. }
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
            | Self::ExternalFailed { .. } => {
                let told = self.tell_in(v);
                match told.strip_prefix('#').and_then(|it| it.split_once(' ')) {
                    Some((id, text)) => (Some(format!("#{id}")), text.to_owned()),
                    None => (None, told),
                }
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`tell_in` sends the steps of a turn here, and no others")]
    fn tell_turn(&self, v: &dyn Voice) -> String {
        match self {
            Self::Asked { turn, event, engine, .. } => {
                let engine = engine.as_ref().map(|it| format!(" {it}")).unwrap_or_default();
                let event = v.maybe(" with event {}", event.as_ref().map(|it| it as &dyn Display));
                v.f("turn {}: engine{} asked{}", &[&turn.0, &engine, &event])
            }
            Self::Answered { .. } => self.tell_answer(v),
            Self::AskFailed { turn, ms, kind, advice } => {
                v.f("turn {}: no answer after {} ms ({}): {}", &[&turn.0, ms, &kind.label(), &advice.tell_in(v)])
            }
            Self::FailedOver { turn, ms, from, to, kind, advice } => v.f(
                "turn {}: no answer of engine {} after {} ms ({}), {} is asked instead: {}",
                &[&turn.0, from, ms, &kind.label(), to, &advice.tell_in(v)],
            ),
            Self::Moved { from, to, why } => of_move(v, from, to, *why),
            Self::Shadowed { .. } => self.tell_shadow(v),
            Self::Slow { turn, ms } => v.f("turn {}: no answer yet after {} ms", &[&turn.0, ms]),
            Self::Stale { turn } => v.f("turn {}: an answer came too late and was dropped", &[&turn.0]),
            Self::TextTooLong { characters, limit, done } => v.f(
                "{} characters are more than the engine takes ({}): {}",
                &[characters, limit, &of_shortening(v, done)],
            ),
            _ => String::new(),
        }
    }

    fn tell_answer(&self, v: &dyn Voice) -> String {
        let Self::Answered {
            turn,
            ms,
            intent,
            confidence,
            action,
            not_understood,
            sentiment,
            contexts,
            webhook_failure,
        } = self
        else {
            return String::new();
        };
        // Those that the engine keeps for itself say nothing to people.
        let shown: Vec<&str> = contexts.iter().map(String::as_str).filter(|it| !it.starts_with("__")).collect();
        let confidence = confidence.map(|it| format!("{it:.2}"));
        let some = |text: &str, value: Option<&dyn Display>| v.maybe(text, value);
        [
            v.f("turn {}: answered in {} ms", &[&turn.0, ms]),
            some(", intent {}", intent.as_ref().map(|it| it as &dyn Display)),
            some(", confidence {}", confidence.as_ref().map(|it| it as &dyn Display)),
            if *not_understood { v.f(", not understood", &[]) } else { String::new() },
            some(", action {}", (!action.is_empty()).then_some(action as &dyn Display)),
            some(", sentiment {}", sentiment.as_ref().map(|it| it as &dyn Display)),
            some(", contexts {}", (!shown.is_empty()).then_some(&shown.join(" ") as &dyn Display)),
            some(", its webhook failed: {}", webhook_failure.as_ref().map(|it| it as &dyn Display)),
        ]
        .concat()
    }

    fn tell_shadow(&self, v: &dyn Voice) -> String {
        let Self::Shadowed { turn, ms, intent, action, failure, differs } = self else { return String::new() };
        let differs: Vec<&str> = differs.iter().map(|it| it.label()).collect();
        [
            match failure {
                Some(kind) => v.f("turn {}: the shadow did not answer ({}) after {} ms", &[&turn.0, &kind.label(), ms]),
                None => v.f("turn {}: the shadow answered in {} ms", &[&turn.0, ms]),
            },
            v.maybe(", intent {}", intent.as_ref().map(|it| it as &dyn Display)),
            v.maybe(", action {}", (!action.is_empty()).then_some(action as &dyn Display)),
            if differs.is_empty() {
                v.f("; differs in nothing", &[])
            } else {
                v.f("; differs in {}", &[&differs.join(", ")])
            },
        ]
        .concat()
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "`tell_in` sends the steps of an action here, and no others")]
    fn tell_action(&self, v: &dyn Voice) -> String {
        match self {
            Self::Sent { seq, command } => format!("#{} {}", seq.0, of_command(v, command)),
            Self::Outcome { seq, outcome, detail } | Self::HandoverOutcome { seq, outcome, detail } => {
                let detail = if detail.is_empty() { String::new() } else { format!(": {detail}") };
                format!("#{} {}{detail}", seq.0, of_outcome(v, *outcome))
            }
            Self::OutcomeMissing { seq } => v.f("#{} has no outcome: the conversation goes on", &[&seq.0]),
            Self::UnknownAction { name } => v.f("action {} is not configured for this media type", &[name]),
            Self::ActionWaits { name } => v.f("action {} waits for its parameters", &[name]),
            Self::ActionRefused(bad) => {
                let action = format!("{:?}", bad.action);
                v.f("{} cannot be carried out: parameter {}: {}", &[&action, &bad.parameter, &bad.problem.tell_in(v)])
            }
            Self::HandingOver { seq, to, cause } => {
                v.f("#{} handed over to {} because of {}", &[&seq.0, &of_destination(v, to), &of_cause(v, cause)])
            }
            Self::NoPerson { cause, why } => {
                v.f("no person can be promised ({}), asked for because of {}", &[&why.tell_in(v), &of_cause(v, cause)])
            }
            Self::ExternalAsked { seq, host } => v.f("#{} asked external system {}", &[&seq.0, host]),
            Self::ExternalAnswered { seq, ms } => v.f("#{} external system answered in {} ms", &[&seq.0, ms]),
            Self::ExternalFailed { seq, ms, label, detail } => {
                v.f("#{} external system failed after {} ms ({}): {}", &[&seq.0, ms, label, detail])
            }
            _ => String::new(),
        }
    }
}

fn of_start(v: &dyn Voice, card: &Card, media: &str) -> String {
    match &card.queue {
        Some(queue) => v.f("offered to {} as {}, from queue {}", &[&card.agent, &media, queue]),
        None => v.f("offered to {} as {}", &[&card.agent, &media]),
    }
}

/// Of a closed set.
fn of_interrupted(v: &dyn Voice, what: &str) -> String {
    match what {
        "question" => v.f("question", &[]),
        "external query" => v.f("external query", &[]),
        other => other.to_owned(),
    }
}

/// Of a closed set.
fn of_shortening(v: &dyn Voice, done: &str) -> String {
    match done {
        "rejected" => v.f("rejected", &[]),
        "truncated" => v.f("truncated", &[]),
        "split" => v.f("split", &[]),
        other => other.to_owned(),
    }
}

fn of_media(v: &dyn Voice, media: MediaType) -> String {
    match media {
        MediaType::WebInteraction => v.f("Web chat", &[]),
        MediaType::OpenMedia => v.f("Message", &[]),
        MediaType::Speech => v.f("Call", &[]),
    }
}

fn of_move(v: &dyn Voice, from: &EngineName, to: &EngineName, why: MoveCause) -> String {
    match why {
        MoveCause::Gone => v.f("engine {} is not configured any more: {} goes on", &[from, to]),
        MoveCause::RolledBack => v.f("engine {} was rolled back: {} goes on", &[from, to]),
        MoveCause::AllFailed => {
            v.f("every engine has failed, {} was the last: the next question goes to {}", &[from, to])
        }
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

fn of_input(v: &dyn Voice, input: &Input) -> String {
    match input {
        Input::Text(text) => format!("\"{text}\""),
        Input::Event { name, .. } => v.f("event {}", &[name]),
        Input::Structured(_) => v.f("a form or a click", &[]),
        Input::Dtmf(digits) => v.f("keys {}", &[digits]),
        Input::Redacted => v.f("(sensitive, not kept)", &[]),
    }
}

fn of_command(v: &dyn Voice, command: &Command) -> String {
    match command {
        Command::Say(replies) => v.f("said {}", &[&of_replies(replies)]),
        Command::Requeue { to, .. } => v.f("requeue to {}", &[&of_destination(v, to)]),
        Command::CreateCallback { queue, phone, .. } => v.f("callback to {} by queue {}", &[phone, queue]),
        Command::PushUrl(url) => v.f("page pushed: {}", &[url]),
        Command::EndContact { reason, .. } => v.f("asked to end the contact: {}", &[reason]),
    }
}

fn of_replies(replies: &[Reply]) -> String {
    let texts: Vec<String> = replies.iter().map(|reply| format!("\"{}\"", reply.text())).collect();
    texts.join(", ")
}

fn of_destination(v: &dyn Voice, to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => v.f("queue {}", &[queue]),
        Destination::Target(target) => v.f("target {}", &[target]),
    }
}

/// In English it is what the routing engine is told, too.
pub(super) fn of_cause(v: &dyn Voice, cause: &Cause) -> String {
    match cause {
        Cause::Action(name) => v.f("action {}", &[name]),
        Cause::LiveAgent => v.f("live agent requested", &[]),
        Cause::NotUnderstood(count) => v.f("{} inputs in a row not understood", &[count]),
        Cause::Failures(count, kind) => v.f("{} technical failures in a row, the last: {}", &[count, &kind.label()]),
        Cause::Slow(count) => v.f("{} slow answers in a row", &[count]),
        Cause::Operator(name) => v.f("operator {}", &[name]),
        Cause::Paused(by) => v.f("the profile was paused by {}", &[by]),
    }
}

impl Unavailable {
    #[must_use]
    pub fn tell_in(self, v: &dyn Voice) -> String {
        match self {
            Self::QueueClosed => v.f("the queue is closed", &[]),
            Self::WaitTooLong => v.f("the wait is too long", &[]),
            Self::QueueUnknown => v.f("the routing engine does not know the queue", &[]),
            Self::BudgetUsed => v.f("the contact has been with a person as often as allowed", &[]),
        }
    }
}

fn of_outcome(v: &dyn Voice, outcome: Outcome) -> String {
    match outcome {
        Outcome::Done => v.f("done", &[]),
        Outcome::Offered => v.f("waits for a person", &[]),
        Outcome::Accepted => v.f("taken by a person", &[]),
        Outcome::Failed => v.f("failed", &[]),
        Outcome::Expired => v.f("taken by nobody", &[]),
        Outcome::Superseded => v.f("superseded: the customer spoke", &[]),
    }
}

fn of_end(v: &dyn Voice, reason: &EndReason) -> String {
    match reason {
        EndReason::Completed => v.f("the conversation is complete", &[]),
        EndReason::Inactivity => v.f("the customer was inactive", &[]),
        EndReason::Left(reason) if reason.is_empty() => v.f("by the routing engine", &[]),
        EndReason::Left(reason) => v.f("by the routing engine: {}", &[reason]),
        EndReason::Operator(name) => v.f("by operator {}", &[name]),
        EndReason::EngineAway => v.f("the routing engine stayed away", &[]),
        EndReason::NotServed => v.f("no profile serves its virtual agent any more", &[]),
        EndReason::Restored => v.f("it was open in a backup that was restored", &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Turn;

    #[test]
    fn a_value_that_looks_like_a_place_is_a_value() {
        assert_eq!(filled("{} and {}.", &[&"{}", &2]), "{} and 2.");
        assert_eq!(filled("{} of {}", &[&1]), "1 of ");
    }

    #[test]
    fn b13_a_record_of_before_and_one_of_now_are_told_alike_and_only_ours_is_said_in_other_words() {
        struct Shouting;
        impl Voice for Shouting {
            fn f(&self, english: &str, values: &[&dyn Display]) -> String {
                filled(&english.to_uppercase(), values)
            }
        }
        let step = |advice: &str| -> Step {
            let json = format!(r#"{{"step":"ask_failed","turn":1,"ms":5,"kind":"unavailable","advice":{advice}}}"#);
            serde_json::from_str(&json).unwrap()
        };
        let (before, now) = (step(r#""profile a: wait""#), step(r#"["profile {}: wait","a"]"#));
        assert_eq!(before.tell(), "turn 1: no answer after 5 ms (unavailable): profile a: wait");
        assert_eq!(now.tell(), before.tell());
        assert!(before.tell_in(&Shouting).ends_with("): profile a: wait"), "{}", before.tell_in(&Shouting));
        assert!(now.tell_in(&Shouting).ends_with("): PROFILE a: WAIT"), "{}", now.tell_in(&Shouting));
    }

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
