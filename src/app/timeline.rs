//! `usher timeline`: what happened to a contact and why, from the journal, with its chain verified.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, bail};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::serve::TIMELINE;
use crate::{
    config::Environment,
    core::{
        contact::Recorded,
        ids::{ContactId, Timestamp},
        step::Step,
    },
    gateway::verify_chain,
    store::{Record, Store as _, seal::Sealer, sqlite::Sqlite},
};

/// More than any conversation has; older records are left out, and it is said so.
const MOST_RECORDS: usize = 100_000;

/// # Errors
/// When the store cannot be read or knows no such contact.
pub async fn timeline(
    directory: &Path,
    environment: &Environment,
    contact: &ContactId,
    json: bool,
) -> anyhow::Result<String> {
    let Some(sealer) = Sealer::find(directory, environment.master_key().as_ref())? else {
        bail!("there is no store in {}", directory.display())
    };
    let records = Sqlite::open_existing(directory).await?.records(contact, MOST_RECORDS).await?;
    if records.is_empty() {
        bail!(
            "no contact {} in business unit {}: it is unknown, or its timeline has been pruned",
            contact.name,
            contact.unit
        )
    }
    let verdict = verify_chain(&sealer.derive(TIMELINE), &records);
    if json { as_json(contact, &records, verdict) } else { as_text(contact, &records, verdict) }
}

fn as_text(contact: &ContactId, records: &[Record], verdict: Result<(), usize>) -> anyhow::Result<String> {
    let mut text = format!("contact {} in {}\n", contact.name, contact.unit);
    if records.first().is_some_and(|it| it.prev.0 != 0) {
        text.push_str("(what happened before has been pruned)\n");
    }
    let began = records.first().map_or(Timestamp::default(), |it| it.at);
    for record in records {
        for step in steps(record)? {
            let after = record.at.since(began).as_secs_f64();
            writeln!(text, "{}  +{after:>8.3}s  {}", clock_time(record.at), step.tell())?;
        }
    }
    match verdict {
        Ok(()) => writeln!(text, "unaltered: {} records, each chained to the one before", records.len())?,
        Err(index) => writeln!(text, "ALTERED: record {} of {} is not what was written", index + 1, records.len())?,
    }
    Ok(text)
}

fn as_json(contact: &ContactId, records: &[Record], verdict: Result<(), usize>) -> anyhow::Result<String> {
    let mut entries = Vec::new();
    for record in records {
        let hash = record.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let steps: Vec<Value> = steps(record)?.iter().map(serde_json::to_value).collect::<Result<_, _>>()?;
        entries.push(json!({
            "position": record.pos.0,
            "previous": record.prev.0,
            "at": rfc3339(record.at),
            "hash": hash,
            "steps": steps,
        }));
    }
    let document = json!({
        "contact": contact.name.as_str(),
        "unit": contact.unit.as_str(),
        "unaltered": verdict.is_ok(),
        "firstAltered": verdict.err().and_then(|index| records.get(index)).map(|record| record.pos.0),
        "records": entries,
    });
    Ok(format!("{document:#}\n"))
}

fn steps(record: &Record) -> anyhow::Result<Vec<Step>> {
    let recorded: Recorded =
        serde_json::from_slice(&record.body).with_context(|| format!("record {} cannot be read", record.pos.0))?;
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
