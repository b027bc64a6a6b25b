//! What happens in a script: messages, answers and outcomes in few words.

use super::*;

pub(super) fn said(id: &str, text: &str) -> Event {
    heard(id, Input::Text(text.to_owned()))
}

pub(super) fn heard(id: &str, input: Input) -> Event {
    Event::Message { id: MessageId::new(id).unwrap(), input, sensitive: false }
}

pub(super) fn whispered(id: &str, input: Input) -> Event {
    Event::Message { id: MessageId::new(id).unwrap(), input, sensitive: true }
}

pub(super) fn answered(turn: u32, epoch: u32, answer: Answer) -> Event {
    Event::Answered { turn: Turn(turn), epoch: Epoch(epoch), answer: Box::new(answer) }
}

pub(super) fn failed(turn: u32, epoch: u32, kind: FailureKind) -> Event {
    Event::AskFailed { turn: Turn(turn), epoch: Epoch(epoch), kind, advice: Said::foreign("look at the engine") }
}

pub(super) fn external(seq: u32, content: &str) -> Event {
    Event::ExternalAnswered { seq: ActionSeq(seq), content: content.to_owned() }
}

pub(super) fn external_failed(seq: u32) -> Event {
    Event::ExternalFailed { seq: ActionSeq(seq), label: "status", detail: "503".to_owned() }
}

pub(super) fn outcome(seq: u32, outcome: Outcome) -> Event {
    Event::Outcome { seq: ActionSeq(seq), outcome, detail: String::new() }
}

pub(super) const fn delivered(seq: u32) -> Event {
    Event::Delivered(ActionSeq(seq))
}

pub(super) fn returned(from: u32) -> Event {
    Event::Returned { card: Box::new(card(MediaType::OpenMedia)), from: ActionSeq(from) }
}

pub(super) fn left() -> Event {
    Event::Left { reason: "hung up".to_owned() }
}

pub(super) fn says(text: &str) -> Answer {
    Answer { replies: vec![Reply::Text(text.to_owned())], parameters_complete: true, ..Answer::default() }
}

pub(super) fn puzzled(text: &str) -> Answer {
    Answer { not_understood: true, ..says(text) }
}

/// `text`, and the action `name` with these parameters.
pub(super) fn asks_for(name: &str, text: &str, parameters: serde_json::Value) -> Answer {
    let serde_json::Value::Object(parameters) = parameters else { panic!("{parameters} is no object") };
    Answer { action: name.to_owned(), parameters, ..says(text) }
}
