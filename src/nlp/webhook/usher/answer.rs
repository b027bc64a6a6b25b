//! A response as an answer: one frame, or several in their order, or bare messages.

use serde_json::Value;

use super::super::{
    call::Place,
    replies::{Done, told_without_words, wrong_turn},
};
use crate::{
    core::{message::Answer, said::Said},
    gateway::ports::AskError,
    nlp::connector::frames::{FromConnector, MAX_PARTS, Message, Reply},
};

/// What the response holds.
#[derive(Debug)]
pub(super) struct Heard {
    /// Before the final reply.
    parts: Vec<Message>,
    done: Result<Done, String>,
}

impl Heard {
    pub(super) fn read(body: &[u8], turn_id: &str) -> Self {
        let mut parts = Vec::new();
        let done = read(body, turn_id, &mut parts);
        Self { parts, done }
    }

    /// `spoke`: something was said before this response.
    pub(super) fn answer(self, spoke: bool, place: &Place) -> Result<Answer, AskError> {
        let Self { parts, done } = self;
        let done = done.map_err(|why| place.malformed(&Said::foreign(why), None))?;
        let mut answer = done.answer(spoke || !parts.is_empty(), place)?;
        let mut replies = crate::nlp::connector::convert::replies(parts);
        replies.append(&mut answer.replies);
        Ok(Answer { replies, ..answer })
    }
}

fn read(body: &[u8], turn_id: &str, parts: &mut Vec<Message>) -> Result<Done, String> {
    let text = std::str::from_utf8(body).map_err(|_position| "it is not UTF-8".to_owned())?;
    if text.trim().is_empty() {
        // Nothing said, nothing wanted: the same as an empty reply.
        return Ok(Done::Final(Box::new(Reply { turn_id: turn_id.to_owned(), ..Reply::default() })));
    }
    if !text.trim_start().starts_with('[') {
        return last(frame(text)?, turn_id);
    }
    let list: Vec<Value> = serde_json::from_str(text)
        .map_err(|error| format!("it is no JSON at line {}, column {}", error.line(), error.column()))?;
    let mut frames = Vec::new();
    if list.iter().all(|it| it.get("type").is_none()) {
        return messages(&list, turn_id);
    }
    for each in list {
        frames.push(frame(&each.to_string())?);
    }
    let Some(end) = frames.pop() else { return Err("it is an empty array".to_owned()) };
    if frames.len() > usize::try_from(MAX_PARTS).unwrap_or(usize::MAX) {
        return Err(format!("it holds more than {MAX_PARTS} frames before the last"));
    }
    for each in frames {
        match each {
            FromConnector::Typing(_) => {}
            FromConnector::Reply(reply) if reply.turn_id != turn_id => return Err(wrong_turn()),
            FromConnector::Reply(reply) if is_plain(&reply) => parts.extend(reply.messages),
            FromConnector::Reply(_) => return Err("a reply before the last one has more than `messages`".to_owned()),
            FromConnector::Failed(_) => return Err("`failed` is not the last frame".to_owned()),
            other @ (FromConnector::Hello(_) | FromConnector::Leaving(_) | FromConnector::Ping(_)) => {
                return last(other, turn_id);
            }
        }
    }
    last(end, turn_id)
}

/// Bare messages are what a final reply without anything else would hold.
fn messages(list: &[Value], turn_id: &str) -> Result<Done, String> {
    let reply = serde_json::json!({ "type": "reply", "turn_id": turn_id, "messages": list });
    last(frame(&reply.to_string())?, turn_id)
}

fn frame(text: &str) -> Result<FromConnector, String> {
    FromConnector::read(text).map_err(|bad| told_without_words(&bad))
}

fn last(frame: FromConnector, turn_id: &str) -> Result<Done, String> {
    match frame {
        FromConnector::Reply(reply) if reply.turn_id != turn_id => Err(wrong_turn()),
        FromConnector::Reply(reply) if !reply.is_final() => {
            Err("its last reply says `final: false`; to answer later respond with 202".to_owned())
        }
        FromConnector::Reply(reply) => Ok(Done::Final(reply)),
        FromConnector::Failed(failed) if failed.turn_id != turn_id => Err(wrong_turn()),
        FromConnector::Failed(failed) => Ok(Done::Failed(failed)),
        FromConnector::Typing(_) => Err("`typing` is no answer; to answer later respond with 202".to_owned()),
        FromConnector::Hello(_) | FromConnector::Leaving(_) | FromConnector::Ping(_) => {
            Err("a response is `reply` or `failed`; `hello`, `leaving` and `ping` belong to sockets".to_owned())
        }
    }
}

/// Whether it holds messages alone, whatever it says of being final.
fn is_plain(reply: &Reply) -> bool {
    let Reply { action, parameters, parameters_complete, not_understood, end, live_agent, intent, confidence, .. } =
        reply;
    let wants = action.is_some() || not_understood.is_some() || end.is_some() || live_agent.is_some();
    let tells = parameters.is_some() || parameters_complete.is_some() || intent.is_some() || confidence.is_some();
    !wants && !tells
}
