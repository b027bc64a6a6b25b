//! What a contact costs in memory while nothing happens to it.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::sleep;

use crate::{
    cpu::resident_bytes,
    driver::Load,
    process::Process,
    report::IdleContacts,
    systems::{Site, TALKING_CONTACTS},
    usher::Durability,
};

const PATIENCE: Duration = Duration::from_secs(60);
const WARM_UP_MESSAGES: u64 = 20_000;
/// Buffers and queued commits are gone after this.
const CALM: Duration = Duration::from_millis(1500);

/// Weighs `contacts` of them in a fresh Usher, over what it holds once it has been at work.
pub(crate) async fn weigh(site: &Site, contacts: usize) -> Result<IdleContacts> {
    let (process, engine) = site.start_usher(Durability::Async).await?;
    let weighed = async {
        engine.open_contacts(TALKING_CONTACTS, PATIENCE).await?;
        site.driver.saturate(&engine, Load::Messages(WARM_UP_MESSAGES, PATIENCE)).await?;
        engine.settle(PATIENCE).await?;
        let empty = calm_bytes(&process).await?;
        engine.open_contacts(TALKING_CONTACTS + contacts, PATIENCE).await?;
        engine.settle(PATIENCE).await?;
        let offered = calm_bytes(&process).await?;
        // Contacts speak in turn, so that each of the new ones has its message.
        let turns = u64::try_from(TALKING_CONTACTS + contacts)?;
        site.driver.saturate(&engine, Load::Messages(turns, PATIENCE)).await?;
        engine.settle(PATIENCE).await?;
        let after_a_turn = calm_bytes(&process).await?;
        let each = |bytes: u64| (bytes as f64 - empty as f64) / contacts as f64;
        anyhow::Ok(IdleContacts { contacts, offered: each(offered), after_a_turn: each(after_a_turn) })
    };
    let weighed = weighed.await.with_context(|| format!("usher printed:\n{}", process.last_lines()))?;
    drop(engine);
    process.stop().await?;
    Ok(weighed)
}

async fn calm_bytes(process: &Process) -> Result<u64> {
    sleep(CALM).await;
    resident_bytes(process.pid())
}
