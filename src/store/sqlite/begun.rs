//! Which contacts there were: for those who look at many timelines (`usher timeline`, `usher replay`).

use std::collections::HashSet;

use futures::TryStreamExt;
use sqlx::SqliteConnection;

use super::{Sqlite, block::Names, read::unpack};
use crate::{
    core::ids::{ContactId, Timestamp, UnitName},
    store::{Pos, StoreError},
};

impl Sqlite {
    /// The contacts of a business unit that began at or after a time and whose beginning is still in the journal: the newest
    /// `limit` of them, oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn begun(&self, unit: &UnitName, since: Timestamp, limit: usize) -> Result<Vec<ContactId>, StoreError> {
        let mut lease = self.shared.reader.lease().await?;
        let result = begun(&mut lease.open, unit, since, limit).await;
        lease.settle(result)
    }
}

async fn begun(
    conn: &mut SqliteConnection,
    unit: &UnitName,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<ContactId>, StoreError> {
    let mut rows = sqlx::query(
        "SELECT pos, count, block FROM journal WHERE at >= ? AND pos + count > (SELECT oldest FROM owner) ORDER BY pos DESC",
    )
    .bind(since.0)
    .fetch(conn);
    let mut names = Names::default();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(row) = rows.try_next().await?
    {
        let mut of_block = Vec::new();
        for packed in unpack(&row)? {
            let packed = packed?;
            if packed.prev == Pos(0) && packed.at >= since && packed.is_of_unit(unit) {
                of_block.push(packed.contact(&mut names)?);
            }
        }
        // A name that was used again is one contact: the later.
        found.extend(of_block.into_iter().rev().filter(|it| seen.insert(it.clone())));
    }
    found.truncate(limit);
    found.reverse();
    Ok(found)
}
