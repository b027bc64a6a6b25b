//! A contact's records as people and programs read them (B13): in words, as one JSON document, as one event each.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{
    chain::{Content, Opened},
    storage::{Erased, Record},
};
use crate::core::{
    contact::{Command, Recorded},
    ids::{ContactId, Timestamp},
    said::Said,
    step::Step,
    tell::Voice,
};

/// A record that is not to be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("record {position} cannot be read")]
    NotOurs {
        position: u64,
        #[source]
        source: serde_json::Error,
    },
    #[error("record {position} cannot be opened: it was altered, or its key is not here")]
    Sealed { position: u64 },
}

/// Lines of text. `verdict`: of [`super::verify_chain`].
///
/// # Errors
/// When a record cannot be read.
pub fn as_text(contact: &ContactId, records: &[Opened], verdict: Result<(), usize>) -> Result<String, Unreadable> {
    let mut text = format!("contact {} in {}\n", contact.name, contact.unit);
    if records.first().is_some_and(|it| it.record.prev.0 != 0) {
        text.push_str("(what happened before has been pruned)\n");
    }
    let began = records.first().map_or(Timestamp::default(), |it| it.record.at);
    for opened in records {
        let at = opened.record.at;
        let after = at.since(began).as_secs_f64();
        let mut tell = |what: &str| line(&mut text, format_args!("{}  +{after:>8.3}s  {what}", clock_time(at)));
        match steps(opened) {
            Ok(steps) => steps.unwrap_or_default().iter().for_each(|step| tell(&step.tell())),
            // What is the matter with the others is told by the rest, and by the verdict.
            Err(sealed @ Unreadable::Sealed { .. }) => tell(&format!("({sealed})")),
            Err(error @ Unreadable::NotOurs { .. }) => return Err(error),
        }
    }
    if let Some((Erased { at, by }, count)) = erased(records) {
        line(&mut text, format_args!("erased on {} by {by}: {count} records can be read by nobody", clock_time(*at)));
    }
    match verdict {
        Ok(()) => line(&mut text, format_args!("unaltered: {} records, each chained to the one before", records.len())),
        Err(index) => {
            line(&mut text, format_args!("ALTERED: record {} of {} is not what was written", index + 1, records.len()));
        }
    }
    Ok(text)
}

/// When, and how many records of these.
fn erased(records: &[Opened]) -> Option<(&Erased, usize)> {
    let mut all = records.iter().filter_map(|it| match &it.content {
        Content::Erased(erased) => Some(erased),
        Content::Readable(_) | Content::Sealed => None,
    });
    all.next().map(|first| (first, 1 + all.count()))
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a String takes whatever is written");
}

/// One document. `verdict`: of [`super::verify_chain`].
///
/// # Errors
/// When a record cannot be read.
pub fn as_json(contact: &ContactId, records: &[Opened], verdict: Result<(), usize>) -> Result<Value, Unreadable> {
    let mut entries = Vec::new();
    for opened in records {
        let record = &opened.record;
        let hash = record.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let (steps, is_sealed) = match steps(opened) {
            Ok(steps) => (steps.unwrap_or_default(), false),
            Err(Unreadable::Sealed { .. }) => (Vec::new(), true),
            Err(error @ Unreadable::NotOurs { .. }) => return Err(error),
        };
        let steps = steps.iter().map(|step| value(record, step)).collect::<Result<Vec<_>, _>>()?;
        let mut entry = json!({
            "position": record.pos.0,
            "previous": record.prev.0,
            "at": rfc3339(record.at),
            "hash": hash,
            "steps": steps,
        });
        if let (true, Some(members)) = (is_sealed, entry.as_object_mut()) {
            members.insert("sealed".to_owned(), true.into());
        }
        entries.push(entry);
    }
    let mut document = json!({
        "contact": contact.name.as_str(),
        "unit": contact.unit.as_str(),
        "unaltered": verdict.is_ok(),
        "firstAltered": verdict.err().and_then(|index| records.get(index)).map(|it| it.record.pos.0),
        "records": entries,
    });
    if let (Some((Erased { at, by }, records)), Some(members)) = (erased(records), document.as_object_mut()) {
        members.insert("erased".to_owned(), json!({ "at": rfc3339(*at), "by": by, "records": records }));
    }
    Ok(document)
}

/// One record, for those who follow: each step in words beside what it is.
///
/// # Errors
/// When the record cannot be read.
pub fn as_event(opened: &Opened) -> Result<Value, Unreadable> {
    let record = &opened.record;
    let told = |step: &Step| {
        let mut value = value(record, step)?;
        if let Value::Object(members) = &mut value {
            members.insert("text".to_owned(), Value::String(step.tell()));
        }
        Ok(value)
    };
    let Some(steps) = steps(opened)? else {
        return Ok(json!({ "position": record.pos.0, "at": rfc3339(record.at), "steps": [], "erased": true }));
    };
    let steps = steps.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "position": record.pos.0, "at": rfc3339(record.at), "steps": steps }))
}

/// A step for a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub kind: String,
    /// A command that has a person take the contact.
    pub hands_over: bool,
    /// Of the message or command that it is about.
    pub id: Option<String>,
    pub text: String,
}

/// What a record tells, for a page.
///
/// # Errors
/// When the record cannot be read.
pub fn as_lines(opened: &Opened, voice: &dyn Voice) -> Result<Vec<Line>, Unreadable> {
    let told = |step: &Step| {
        let value = value(&opened.record, step)?;
        let kind = value.get("step").and_then(Value::as_str).unwrap_or_default().to_owned();
        let hands_over = matches!(step, Step::Sent { command: Command::Requeue { .. }, .. });
        let (id, text) = step.tell_beside(voice);
        Ok(Line { kind, hands_over, id, text })
    };
    steps(opened)?.unwrap_or_default().iter().map(told).collect()
}

/// What the step is; what it says stands there in English.
fn value(record: &Record, step: &Step) -> Result<Value, Unreadable> {
    let not_ours = |source| Unreadable::NotOurs { position: record.pos.0, source };
    let mut value = serde_json::to_value(step).map_err(not_ours)?;
    if let (Some((name, said)), Some(members)) = (said_in(step), value.as_object_mut()) {
        members.insert(name.to_owned(), Value::String(said.to_string()));
    }
    Ok(value)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most steps are told by what they are")]
const fn said_in(step: &Step) -> Option<(&'static str, &Said)> {
    match step {
        Step::AskFailed { advice, .. } | Step::FailedOver { advice, .. } => Some(("advice", advice)),
        Step::Unanswered { why, .. } => Some(("why", why)),
        Step::ActionRefused(bad) => Some(("problem", &bad.problem)),
        _ => None,
    }
}

/// `None`: they are erased.
pub(super) fn steps(opened: &Opened) -> Result<Option<Vec<Step>>, Unreadable> {
    let position = opened.record.pos.0;
    match &opened.content {
        Content::Readable(body) => {
            let recorded: Recorded =
                serde_json::from_slice(body).map_err(|source| Unreadable::NotOurs { position, source })?;
            Ok(Some(recorded.steps))
        }
        Content::Erased(_) => Ok(None),
        Content::Sealed => Err(Unreadable::Sealed { position }),
    }
}

fn at(time: Timestamp) -> jiff::Zoned {
    jiff::Timestamp::from_millisecond(time.0).unwrap_or_default().to_zoned(TimeZone::UTC)
}

fn clock_time(time: Timestamp) -> String {
    at(time).strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
}

fn rfc3339(time: Timestamp) -> String {
    at(time).timestamp().to_string()
}
