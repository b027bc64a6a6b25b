//! Numbers per day: what commits add rides on their journal rows, and is merged into the days' rows now and then.

use futures::TryStreamExt;
use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection, Transaction, sqlite::SqliteRow};

use super::{Shared, block::corrupt};
use crate::{
    core::ids::{EngineName, ProfileName, UnitName},
    store::{Counts, Day, Flush, NumberKey, NumbersOf, Pos, StoreError, Tally, Uncounted},
};

/// Rows of one `DELETE` while pruning, so that commits get their turn in between.
const PRUNED_AT_ONCE: i64 = 512;
/// Rows of one `INSERT`.
const PUT_AT_ONCE: usize = 64;

impl Shared {
    pub(super) async fn uncounted(&self) -> Result<Uncounted, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = uncounted(&mut lease.open).await;
        lease.settle(result)
    }

    pub(super) async fn numbers(
        &self,
        of: &NumbersOf,
        each: &mut (dyn FnMut(NumberKey, Counts) + Send),
    ) -> Result<u64, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = numbers(&mut lease.open, of, each).await;
        lease.settle(result)
    }

    pub(super) async fn unclear(
        &self,
        unit: &UnitName,
        profile: &ProfileName,
        limit: usize,
    ) -> Result<Vec<Pos>, StoreError> {
        const NEWEST: &str = "SELECT pos FROM unclear WHERE unit = ? AND profile = ? ORDER BY pos DESC LIMIT ?";
        let mut lease = self.reader.lease().await?;
        let query = sqlx::query_scalar::<_, i64>(NEWEST).bind(unit.as_str()).bind(profile.as_str());
        let found = query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&mut lease.open).await;
        let found = lease.settle(found.map_err(StoreError::from))?;
        Ok(found.into_iter().map(|pos| Pos(pos.cast_unsigned())).collect())
    }

    pub(super) async fn prune_numbers(&self, before: Day) -> Result<u64, StoreError> {
        const GO: &str = "DELETE FROM number WHERE (day, unit, profile, engine) IN
             (SELECT day, unit, profile, engine FROM number WHERE day < ?1 LIMIT ?2)";
        let mut gone = 0;
        loop {
            let rows = self.change(GO, &[before.0.into(), PRUNED_AT_ONCE]).await?;
            gone += rows;
            if rows == 0 {
                return Ok(gone);
            }
        }
    }

    /// Of records that are pruned.
    pub(super) async fn prune_unclear(&self, to: i64) -> Result<(), StoreError> {
        const GO: &str =
            "DELETE FROM unclear WHERE pos IN (SELECT pos FROM unclear WHERE pos < ?1 ORDER BY pos LIMIT ?2)";
        while self.change(GO, &[to, PRUNED_AT_ONCE]).await? > 0 {}
        Ok(())
    }
}

async fn uncounted(conn: &mut SqliteConnection) -> Result<Uncounted, StoreError> {
    const AFTER: &str =
        "SELECT tally FROM journal WHERE pos > (SELECT through FROM number_flush) AND tally IS NOT NULL ORDER BY pos";
    let mut transaction = conn.begin().await?;
    let serial = serial(&mut transaction).await?;
    let mut tally = Tally::default();
    {
        let mut rows = sqlx::query(AFTER).fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await? {
            let bytes: &[u8] = row.try_get(0)?;
            tally.add_all(Tally::from_bytes(bytes).ok_or_else(|| corrupt("what a commit has added cannot be read"))?);
        }
    }
    transaction.commit().await?;
    Ok(Uncounted { tally, serial })
}

async fn serial(conn: &mut SqliteConnection) -> Result<u64, StoreError> {
    let serial: i64 = sqlx::query_scalar("SELECT serial FROM number_flush").fetch_one(conn).await?;
    Ok(serial.cast_unsigned())
}

/// Day by day, since the days come first in the table's order.
const OF_PROFILE: &str = "WITH RECURSIVE days (day) AS (SELECT ?1 UNION ALL SELECT day + 1 FROM days WHERE day < ?2)
     SELECT number.day, unit, profile, engine, counts FROM days CROSS JOIN number ON number.day = days.day
         AND unit = ?4 AND profile = ?5 WHERE (engine <> '') = ?3";
const OF_UNIT: &str = "WITH RECURSIVE days (day) AS (SELECT ?1 UNION ALL SELECT day + 1 FROM days WHERE day < ?2)
     SELECT number.day, unit, profile, engine, counts FROM days CROSS JOIN number ON number.day = days.day
         AND unit = ?4 WHERE (engine <> '') = ?3 AND (?5 IS NULL OR profile = ?5)";
const OF_ALL: &str = "SELECT day, unit, profile, engine, counts FROM number
     WHERE day BETWEEN ?1 AND ?2 AND (engine <> '') = ?3 AND ?4 IS NULL AND (?5 IS NULL OR profile = ?5)";

async fn numbers(
    conn: &mut SqliteConnection,
    of: &NumbersOf,
    each: &mut (dyn FnMut(NumberKey, Counts) + Send),
) -> Result<u64, StoreError> {
    let sql = match (&of.unit, &of.profile) {
        (Some(_), Some(_)) => OF_PROFILE,
        (Some(_), None) => OF_UNIT,
        (None, _) => OF_ALL,
    };
    let mut transaction = conn.begin().await?;
    let serial = serial(&mut transaction).await?;
    if of.from <= of.to {
        let mut rows = sqlx::query(sql)
            .bind(of.from.0)
            .bind(of.to.0)
            .bind(of.engines)
            .bind(of.unit.as_ref().map(UnitName::as_str))
            .bind(of.profile.as_ref().map(ProfileName::as_str))
            .fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await? {
            each(key(&row)?, counts(row.try_get(4)?)?);
        }
    }
    transaction.commit().await?;
    Ok(serial)
}

fn key(row: &SqliteRow) -> Result<NumberKey, StoreError> {
    let engine: &str = row.try_get(3)?;
    Ok(NumberKey {
        day: Day(row.try_get(0)?),
        unit: UnitName::new(row.try_get(1)?).map_err(corrupt)?,
        profile: ProfileName::new(row.try_get(2)?).map_err(corrupt)?,
        engine: if engine.is_empty() { None } else { Some(EngineName::new(engine).map_err(corrupt)?) },
    })
}

fn counts(bytes: &[u8]) -> Result<Counts, StoreError> {
    Counts::from_bytes(bytes).ok_or_else(|| corrupt("the numbers of a day cannot be read"))
}

/// Merges what has gathered into the days' rows, unless that was done.
pub(super) async fn flush(transaction: &mut Transaction<'_, Sqlite>, flush: &Flush) -> Result<(), StoreError> {
    const MOVE: &str = "UPDATE number_flush SET serial = ?1, through = ?2 WHERE serial < ?1";
    let moved = sqlx::query(MOVE)
        .bind(flush.serial.cast_signed())
        .bind(flush.through.0.cast_signed())
        .execute(&mut **transaction)
        .await?;
    if moved.rows_affected() == 0 {
        return Ok(());
    }
    for (key, added) in &flush.tally.counts {
        merge(transaction, key, added).await?;
    }
    for unclear in flush.tally.unclear.chunks(PUT_AT_ONCE) {
        let mut put = QueryBuilder::<Sqlite>::new("INSERT INTO unclear (pos, unit, profile) ");
        put.push_values(unclear, |mut row, it| {
            row.push_bind(it.pos.0.cast_signed());
            row.push_bind(it.unit.as_str());
            row.push_bind(it.profile.as_str());
        });
        put.push(" ON CONFLICT (pos) DO NOTHING").build().execute(&mut **transaction).await?;
    }
    Ok(())
}

async fn merge(conn: &mut SqliteConnection, key: &NumberKey, added: &Counts) -> Result<(), StoreError> {
    const THERE: &str = "SELECT counts FROM number WHERE day = ? AND unit = ? AND profile = ? AND engine = ?";
    const PUT: &str = "INSERT INTO number VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (day, unit, profile, engine) DO UPDATE SET counts = excluded.counts";
    let engine = key.engine.as_ref().map_or("", EngineName::as_str);
    let there = sqlx::query(THERE)
        .bind(key.day.0)
        .bind(key.unit.as_str())
        .bind(key.profile.as_str())
        .bind(engine)
        .fetch_optional(&mut *conn)
        .await?;
    let mut all = there.map_or_else(|| Ok(Counts::default()), |row| counts(row.try_get(0)?))?;
    all.add_all(added);
    sqlx::query(PUT)
        .bind(key.day.0)
        .bind(key.unit.as_str())
        .bind(key.profile.as_str())
        .bind(engine)
        .bind(all.to_bytes())
        .execute(conn)
        .await?;
    Ok(())
}
