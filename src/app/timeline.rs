//! `usher timeline`: what happened to a contact and why, from the journal, with its chain verified.

use std::path::Path;

use anyhow::bail;

use crate::{
    config::Environment,
    core::ids::{ContactId, Timestamp, UnitName},
    gateway::{
        ChainKeys, open_records,
        timeline::{as_json, as_text},
        verify_chain,
    },
    seal::Vault,
    store::{Store as _, sqlite::Sqlite},
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
    let Some(sealer) = super::keeping::find_key(directory, environment).await? else {
        bail!("there is no store in {}", directory.display())
    };
    let store = Sqlite::open_existing(directory).await?;
    let records = store.records(contact, MOST_RECORDS).await?;
    if records.is_empty() {
        bail!(
            "no contact {} in business unit {}: it is unknown, or its timeline has been pruned",
            contact.name,
            contact.unit
        )
    }
    let verdict = verify_chain(&ChainKeys::open(&store, &sealer).await?, &records);
    let records = open_records(&Vault::new(&sealer), &store.lives(contact).await?, records);
    if json {
        return Ok(format!("{:#}\n", as_json(contact, &records, verdict)?));
    }
    Ok(as_text(contact, &records, verdict)?)
}

/// The contacts of a business unit that began at or after a time, oldest first: the newest `limit` of them.
///
/// # Errors
/// When the store cannot be read.
pub async fn begun(
    directory: &Path,
    unit: &UnitName,
    since: Timestamp,
    limit: usize,
) -> anyhow::Result<Vec<ContactId>> {
    Ok(Sqlite::open_existing(directory).await?.begun(unit, since, limit).await?)
}
