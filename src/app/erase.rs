//! `usher erase`: a contact's key is destroyed, and with it everything that is kept of the contact.

use std::path::Path;

use anyhow::bail;

use crate::{
    clock::Clock,
    core::ids::ContactId,
    gateway::erasing::{self, Erasing},
    store::{Erased, Erasure, StoreError, sqlite::Sqlite},
};

/// Who erases from a command line.
const BY: &str = "cli";

/// Says what was done. Works beside a gateway that runs on this store, and without one.
///
/// # Errors
/// When the store cannot be written, or the contact is unknown, or open, or cannot be erased as a whole.
pub async fn erase(directory: &Path, contact: &ContactId) -> anyhow::Result<String> {
    let store = Sqlite::open_existing(directory).await?;
    let erased = Erased { at: Clock::system().now(), by: BY.to_owned() };
    let Erasing { erasure, plain, .. } = erasing::erase(&store, contact, &erased).await.map_err(with_reason)?;
    let told = match erasure {
        Erasure::Done => format!("contact {} in {} is erased: its key is destroyed\n", contact.name, contact.unit),
        Erasure::Before(Erased { at, by }) => {
            let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
            format!("contact {} in {} was erased on {at:.0} by {by}\n", contact.name, contact.unit)
        }
        Erasure::Open => {
            bail!("contact {} in {} is open: it can be erased when it is over", contact.name, contact.unit)
        }
        Erasure::Unknown if plain == 0 => {
            bail!("no contact {} in business unit {}: it is unknown, or has been pruned", contact.name, contact.unit)
        }
        Erasure::Unknown => String::new(),
    };
    if plain > 0 {
        bail!(
            "{told}{plain} records of contact {} in {} were written by a version without keys: they stay until they are \
             pruned ([store] retention_days)",
            contact.name,
            contact.unit
        )
    }
    Ok(told)
}

#[expect(clippy::needless_pass_by_value, reason = "what `map_err` hands over")]
fn with_reason(error: StoreError) -> anyhow::Error {
    anyhow::anyhow!("{error}: {}; run the command again", error.source)
}
