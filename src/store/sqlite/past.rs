//! Contacts that are over: found by when they ended, and by what they were.

use sqlx::{Row, SqliteConnection, sqlite::SqliteRow};

use super::{
    Shared,
    block::{Names, corrupt},
};
use crate::{
    core::{
        ids::{ContactId, ProfileName, QueueId, Timestamp, UserId},
        message::MediaType,
    },
    store::{Closed, Ended, EndedOf, Past, Pos, StoreError},
    telemetry::labels::{EndKind, Label as _},
};

/// What [`read`] reads, in its order.
macro_rules! columns {
    () => {
        "unit, contact, last, at, profile, agent, media, queue, began_at, ended_by, turns"
    };
}

impl Shared {
    pub(super) async fn ended(&self, of: &EndedOf, limit: usize) -> Result<Ended, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = ended(&mut lease.open, of, limit).await;
        lease.settle(result)
    }

    pub(super) async fn closed(&self, contact: &ContactId) -> Result<Option<Closed>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = closed(&mut lease.open, contact).await;
        lease.settle(result)
    }
}

async fn ended(conn: &mut SqliteConnection, of: &EndedOf, limit: usize) -> Result<Ended, StoreError> {
    // What is looked at is bounded by the inner LIMIT, and is in order by its index.
    const FOUND: &str = concat!(
        "SELECT ",
        columns!(),
        " FROM (SELECT * FROM closed WHERE last < ?1 ORDER BY last DESC LIMIT ?2)
        WHERE (?3 IS NULL OR unit = ?3) AND (?4 IS NULL OR profile = ?4) AND (?5 IS NULL OR ended_by = ?5)
            AND (?6 = '' OR instr(lower(contact), ?6) OR instr(lower(agent), ?6) OR instr(lower(queue), ?6))
        ORDER BY last DESC LIMIT ?7"
    );
    const END: &str = "SELECT last FROM closed WHERE last < ?1 ORDER BY last DESC LIMIT 2 OFFSET ?2";
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    let (before, window) = (of.before.map_or(i64::MAX, |it| it.0.cast_signed()), of.window(limit));
    let rows = sqlx::query(FOUND)
        .bind(before)
        .bind(count(window))
        .bind(of.unit.as_ref().map(|it| it.as_str()))
        .bind(of.profile.as_ref().map(|it| it.as_str()))
        .bind(of.end.map(EndKind::text))
        .bind(of.find.to_ascii_lowercase())
        .bind(count(limit.saturating_add(1)))
        .fetch_all(&mut *conn)
        .await?;
    let mut names = Names::default();
    let contacts: Result<Vec<Closed>, StoreError> = rows.iter().take(limit).map(|row| read(row, &mut names)).collect();
    let contacts = contacts?;
    let next = if rows.len() > limit {
        contacts.last().map(|it| it.last)
    } else {
        // The last of those that were looked at, and whether there is another behind it.
        let end = sqlx::query_scalar::<_, i64>(END).bind(before).bind(count(window.saturating_sub(1)));
        match end.fetch_all(conn).await?.as_slice() {
            [last, _] => Some(Pos(last.cast_unsigned())),
            _ => None,
        }
    };
    Ok(Ended { contacts, next })
}

async fn closed(conn: &mut SqliteConnection, contact: &ContactId) -> Result<Option<Closed>, StoreError> {
    const ONE: &str = concat!("SELECT ", columns!(), " FROM closed WHERE unit = ? AND contact = ?");
    let found = sqlx::query(ONE).bind(contact.unit.as_str()).bind(contact.name.as_str()).fetch_optional(conn).await?;
    found.map(|row| read(&row, &mut Names::default())).transpose()
}

fn read(row: &SqliteRow, names: &mut Names) -> Result<Closed, StoreError> {
    Ok(Closed {
        contact: names.contact(row.try_get(0)?, row.try_get(1)?)?,
        last: Pos(row.try_get::<i64, _>(2)?.cast_unsigned()),
        at: Timestamp(row.try_get(3)?),
        past: past(row)?,
    })
}

fn past(row: &SqliteRow) -> Result<Option<Past>, StoreError> {
    let (Some(agent), Some(media), Some(end)) =
        (row.try_get::<Option<&str>, _>(5)?, row.try_get::<Option<&str>, _>(6)?, row.try_get::<Option<&str>, _>(9)?)
    else {
        return Ok(None);
    };
    let unknown = |what: &str, name: &str| corrupt(format!("a contact that is over has the unknown {what} {name:?}"));
    Ok(Some(Past {
        profile: row.try_get::<Option<&str>, _>(4)?.map(ProfileName::new).transpose().map_err(corrupt)?,
        agent: UserId::new(agent).map_err(corrupt)?,
        media: MediaType::of(media).ok_or_else(|| unknown("kind", media))?,
        queue: row.try_get::<Option<&str>, _>(7)?.map(QueueId::new).transpose().map_err(corrupt)?,
        began_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
        end: EndKind::find(end).ok_or_else(|| unknown("end", end))?,
        turns: u32::try_from(row.try_get::<i64, _>(10)?).map_err(corrupt)?,
    }))
}
