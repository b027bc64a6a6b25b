//! A contact's records as people and programs read them (B13): in words, as one JSON document, as one event each.

use std::fmt::Write as _;

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::storage::Record;
use crate::core::{
    contact::Recorded,
    ids::{ContactId, Timestamp},
    step::Step,
};

/// A record whose body is not one of ours.
#[derive(Debug, thiserror::Error)]
#[error("record {position} cannot be read")]
pub struct Unreadable {
    position: u64,
    #[source]
    source: serde_json::Error,
}

/// Lines of text. `verdict`: of [`super::verify_chain`].
///
/// # Errors
/// When a record cannot be read.
pub fn as_text(contact: &ContactId, records: &[Record], verdict: Result<(), usize>) -> Result<String, Unreadable> {
    let mut text = format!("contact {} in {}\n", contact.name, contact.unit);
    if records.first().is_some_and(|it| it.prev.0 != 0) {
        text.push_str("(what happened before has been pruned)\n");
    }
    let began = records.first().map_or(Timestamp::default(), |it| it.at);
    for record in records {
        let after = record.at.since(began).as_secs_f64();
        for step in steps(record)? {
            line(&mut text, format_args!("{}  +{after:>8.3}s  {}", clock_time(record.at), step.tell()));
        }
    }
    match verdict {
        Ok(()) => line(&mut text, format_args!("unaltered: {} records, each chained to the one before", records.len())),
        Err(index) => {
            line(&mut text, format_args!("ALTERED: record {} of {} is not what was written", index + 1, records.len()));
        }
    }
    Ok(text)
}

fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    writeln!(text, "{content}").expect("a String takes whatever is written");
}

/// One document. `verdict`: of [`super::verify_chain`].
///
/// # Errors
/// When a record cannot be read.
pub fn as_json(contact: &ContactId, records: &[Record], verdict: Result<(), usize>) -> Result<Value, Unreadable> {
    let mut entries = Vec::new();
    for record in records {
        let hash = record.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let steps = steps(record)?.iter().map(|step| value(record, step)).collect::<Result<Vec<_>, _>>()?;
        entries.push(json!({
            "position": record.pos.0,
            "previous": record.prev.0,
            "at": rfc3339(record.at),
            "hash": hash,
            "steps": steps,
        }));
    }
    Ok(json!({
        "contact": contact.name.as_str(),
        "unit": contact.unit.as_str(),
        "unaltered": verdict.is_ok(),
        "firstAltered": verdict.err().and_then(|index| records.get(index)).map(|record| record.pos.0),
        "records": entries,
    }))
}

/// One record, for those who follow: each step in words beside what it is.
///
/// # Errors
/// When the record cannot be read.
pub fn as_event(record: &Record) -> Result<Value, Unreadable> {
    let told = |step: &Step| {
        let mut value = value(record, step)?;
        if let Value::Object(members) = &mut value {
            members.insert("text".to_owned(), Value::String(step.tell()));
        }
        Ok(value)
    };
    let steps = steps(record)?.iter().map(told).collect::<Result<Vec<_>, _>>()?;
    Ok(json!({ "position": record.pos.0, "at": rfc3339(record.at), "steps": steps }))
}

fn value(record: &Record, step: &Step) -> Result<Value, Unreadable> {
    serde_json::to_value(step).map_err(|source| Unreadable { position: record.pos.0, source })
}

pub(super) fn steps(record: &Record) -> Result<Vec<Step>, Unreadable> {
    let recorded: Recorded =
        serde_json::from_slice(&record.body).map_err(|source| Unreadable { position: record.pos.0, source })?;
    Ok(recorded.steps)
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
