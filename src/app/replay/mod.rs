//! `usher replay`: recorded contacts once more, each in a conversation of its own, against a profile's engine of now (B4).
//!
//! Only questions go out. What answers come to is worked out by the same rules as in the gateway, and carried out by nobody.

mod document;
mod report;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    clock::Clock,
    core::{
        ids::{ContactId, ContactName},
        message::{FailureKind, Input, MediaType},
        replay::{Came, Difference, Heard, Recording, differences, gather},
    },
};

pub use document::{Document, DocumentError, documents};
pub use report::{Contact, Replayed, Skipped, Summary, Told};

use super::converse::{Conversation, Manner};

/// How a replay is done.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Questions begin this far apart; zero: each as soon as the last is answered.
    pub every: Duration,
    /// Of one contact; what goes beyond is skipped, and it is said so.
    pub max_turns: usize,
}

/// Asks again what a contact's engine was asked. `number` tells its conversation from others of this run.
///
/// # Errors
/// When no name can be made for the conversation.
pub async fn contact(
    of: &Conversation,
    document: &Document,
    (run, number): (&str, usize),
    pace: Pace,
) -> anyhow::Result<Contact> {
    let mut told = Contact { contact: document.contact.clone(), turns: Vec::new(), skipped: Vec::new(), why_not: None };
    if let Some(why) = document.why_not {
        told.why_not = Some(why.to_owned());
        return Ok(told);
    }
    let recorded = document.recorded();
    let manner = Manner {
        language: Some(recorded.language).filter(|it| !it.is_empty()),
        media: recorded.media.unwrap_or(MediaType::WebInteraction),
        name: ContactName::new(&format!("{run}-{number}"))?,
    };
    let mut conversation = of.anew(manner);
    let mut next = Clock::instant();
    let mut gathered = BTreeMap::new();
    for (at, recording) in recorded.turns.into_iter().enumerate() {
        let skipped = match &recording.input {
            _ if at >= pace.max_turns => Some(Skipped::TooMany),
            None => Some(Skipped::Unknown),
            Some(Input::Redacted) => Some(Skipped::Sensitive),
            Some(Input::Text(_) | Input::Event { .. } | Input::Structured(_) | Input::Dtmf(_)) => None,
        };
        if let Some(why) = skipped {
            told.skipped.push((recording.turn, why));
            continue;
        }
        tokio::time::sleep_until(next).await;
        next = Clock::instant() + pace.every;
        told.turns.push(turn(&mut conversation, recording, &mut gathered).await);
    }
    Ok(told)
}

async fn turn(
    conversation: &mut Conversation,
    recording: Recording,
    gathered: &mut BTreeMap<String, String>,
) -> Replayed {
    let Recording { turn, input, came } = recording;
    let input = input.unwrap_or(Input::Redacted);
    let (answer, took) = conversation.ask(input.clone()).await;
    let now = match answer {
        Ok(answer) => {
            let wanted = conversation.wanted(&answer);
            gather(gathered, &answer.parameters);
            Ok(Heard::now(&answer, &wanted, conversation.rules().handover.to.as_ref()))
        }
        Err(error) => silence(error.kind, &input).ok_or((error.kind, error.advice.to_string())),
    };
    let came = match came {
        Came::Failed { ms, kind } => match silence(kind, &input) {
            Some(heard) => Came::Answered { ms, heard },
            None => Came::Failed { ms, kind },
        },
        other @ (Came::Answered { .. } | Came::Nothing) => other,
    };
    let differs = match (&came, &now) {
        (Came::Answered { heard, .. }, Ok(now)) => differences(heard, now, gathered),
        (Came::Answered { .. } | Came::Failed { .. } | Came::Nothing, _) => Vec::new(),
    };
    Replayed { turn, input, came, now, differs, took }
}

/// An event that nobody listens to is answered with nothing, and that is an answer.
fn silence(kind: FailureKind, input: &Input) -> Option<Heard> {
    let is_event = matches!(input, Input::Event { .. });
    (kind == FailureKind::Empty && is_event).then(|| Heard { replies: Some(Vec::new()), ..Heard::default() })
}

/// `c1` of a business unit, for people.
fn shown(contact: &ContactId) -> String {
    format!("contact {} in {}", contact.name, contact.unit)
}

/// What makes a pipeline stop.
const fn is_grave(difference: Difference) -> bool {
    match difference {
        Difference::Action | Difference::Slots => true,
        Difference::Intent | Difference::Understanding | Difference::Texts => false,
    }
}
