//! What reads the database, on a connection of its own: a timeline is read while commits go on.

use std::collections::HashMap;

use futures::{FutureExt, TryStreamExt};
use sqlx::{Connection, Row, Sqlite, SqliteConnection, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{
    Shared,
    block::{self, Names, Packed, corrupt, text},
};
use crate::{
    core::ids::{ContactId, Timestamp},
    store::{Loaded, Pos, Record, Snapshot, StoreError},
};

/// Sessions fetched as one value: a row each would cost more than the rest of loading.
const SESSIONS_AT_ONCE: i64 = 128;

/// Between the fields of a packed session; names hold no control characters.
const SEPARATOR: u8 = 0x1f;

/// What pruning may forget: records from `from` to before `to`.
pub(super) struct Cut {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Shared {
    pub(super) async fn load(&self, each: &mut (dyn FnMut(Loaded) + Send)) -> Result<(), StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = load(&mut lease.open, each).await;
        lease.settle(result)
    }

    pub(super) async fn records(
        &self,
        contact: &ContactId,
        after: Pos,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = records(&mut lease.open, contact, after, limit).await;
        lease.settle(result)
    }

    pub(super) async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let query = sqlx::query_scalar("SELECT sealed FROM secret WHERE name = ?").bind(name);
        let result = query.fetch_optional(&mut lease.open).await;
        lease.settle(result.map_err(StoreError::from))
    }

    pub(super) async fn secret_names(&self) -> Result<Vec<String>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = sqlx::query_scalar("SELECT name FROM secret ORDER BY name").fetch_all(&mut lease.open).await;
        lease.settle(result.map_err(StoreError::from))
    }

    /// `None`: there is nothing to forget.
    pub(super) async fn cut(&self, before: Timestamp) -> Result<Option<Cut>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = cut(&mut lease.open, before).await;
        lease.settle(result)
    }
}

struct Reach {
    checkpoint: Pos,
    oldest: Pos,
}

async fn reach(conn: &mut SqliteConnection) -> Result<Reach, StoreError> {
    let row = sqlx::query("SELECT checkpoint, oldest FROM owner").fetch_one(conn).await?;
    Ok(Reach { checkpoint: pos(&row, 0)?, oldest: pos(&row, 1)? })
}

fn pos(row: &SqliteRow, column: usize) -> Result<Pos, StoreError> {
    Ok(Pos(row.try_get::<i64, _>(column)?.cast_unsigned()))
}

/// `pos, count, block` of every block that holds a record at or after `pos`.
pub(super) fn blocks_from(pos: Pos) -> sqlx::query::Query<'static, Sqlite, SqliteArguments> {
    sqlx::query(
        "SELECT pos, count, block FROM journal
         WHERE pos >= (SELECT coalesce(max(pos), 0) FROM journal WHERE pos <= ?) ORDER BY pos",
    )
    .bind(pos.0.cast_signed())
}

/// The records of a row of [`blocks_from`].
pub(super) fn unpack(row: &SqliteRow) -> Result<impl Iterator<Item = Result<Packed<'_>, StoreError>>, StoreError> {
    Ok(block::unpack(pos(row, 0)?, pos(row, 1)?.0, row.try_get(2)?))
}

async fn load(conn: &mut SqliteConnection, each: &mut (dyn FnMut(Loaded) + Send)) -> Result<(), StoreError> {
    let mut transaction = conn.begin().await?;
    let checkpoint = reach(&mut transaction).await?.checkpoint;
    let mut names = Names::default();
    load_sessions(&mut transaction, &mut names, each).await?;

    let mut closed = HashMap::new();
    let query = sqlx::query("SELECT unit, contact, last FROM closed WHERE last >= ?").bind(checkpoint.0.cast_signed());
    for row in query.fetch_all(&mut *transaction).await? {
        closed.insert(names.contact(row.try_get(0)?, row.try_get(1)?)?, pos(&row, 2)?);
    }
    {
        let mut rows = blocks_from(checkpoint).fetch(&mut *transaction);
        while let Some(row) = rows.try_next().await? {
            for packed in unpack(&row)? {
                let packed = packed?;
                if packed.pos < checkpoint {
                    continue;
                }
                let record = packed.unpack(&mut names)?;
                // Its name is in use again.
                if closed.get(&record.contact).is_some_and(|last| *last < record.pos) {
                    closed.remove(&record.contact);
                }
                each(Loaded::Record(record));
            }
        }
    }
    transaction.commit().await?;
    closed.into_keys().for_each(|contact| each(Loaded::Closed(contact)));
    Ok(())
}

async fn load_sessions(
    conn: &mut SqliteConnection,
    names: &mut Names,
    each: &mut (dyn FnMut(Loaded) + Send),
) -> Result<(), StoreError> {
    let mut row = packed_sessions(conn, 0).await?;
    while let Some(last) = row.try_get::<Option<i64>, _>(0)? {
        // The connection's thread packs the next ones while these are unpacked.
        let mut next = packed_sessions(conn, last).boxed();
        let early = (&mut next).now_or_never();
        let mut packed: &[u8] = row.try_get(1)?;
        while !packed.is_empty() {
            let (snapshot, rest) = split_session(packed, names)?;
            each(Loaded::Snapshot(snapshot));
            packed = rest;
        }
        let next = match early {
            Some(next) => next,
            None => next.await,
        };
        row = next?;
    }
    Ok(())
}

/// The last one's id, and all of them in one value.
async fn packed_sessions(conn: &mut SqliteConnection, after: i64) -> Result<SqliteRow, sqlx::Error> {
    sqlx::query(
        "SELECT max(id), group_concat(
             unit || char(31) || contact || char(31) || last || char(31) || length(state) || char(31) || hash || state, '')
         FROM (SELECT * FROM session WHERE id > ? ORDER BY id LIMIT ?)",
    )
    .bind(after)
    .bind(SESSIONS_AT_ONCE)
    .fetch_one(conn)
    .await
}

fn split_session<'a>(packed: &'a [u8], names: &mut Names) -> Result<(Snapshot, &'a [u8]), StoreError> {
    let mut fields = packed.splitn(5, |byte| *byte == SEPARATOR);
    let mut field = || fields.next().ok_or_else(|| corrupt("a session is cut short"));
    let contact = names.contact(field()?, field()?)?;
    let last = Pos(text(field()?)?.parse().map_err(corrupt)?);
    let bytes = text(field()?)?.parse().map_err(|error: std::num::ParseIntError| corrupt(error))?;
    let state = field()?.split_first_chunk::<32>().and_then(|(hash, rest)| Some((hash, rest.split_at_checked(bytes)?)));
    let (hash, (state, rest)) = state.ok_or_else(|| corrupt("a session's state is cut short"))?;
    Ok((Snapshot { contact, last, hash: *hash, state: state.to_vec() }, rest))
}

async fn records(
    conn: &mut SqliteConnection,
    contact: &ContactId,
    after: Pos,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut transaction = conn.begin().await?;
    let reach = reach(&mut transaction).await?;
    let mut wanted = last(&mut transaction, contact, reach.checkpoint).await?;
    let mut names = Names::default();
    let mut found = Vec::new();
    let mut row = None;
    while wanted >= reach.oldest && wanted > after && found.len() < limit {
        let record = match &row {
            Some(row) => find(row, wanted, &mut names)?,
            None => None,
        };
        let Some(record) = record else {
            let query = sqlx::query("SELECT pos, count, block FROM journal WHERE pos <= ? ORDER BY pos DESC LIMIT 1");
            let fetched = query.bind(wanted.0.cast_signed()).fetch_optional(&mut *transaction).await?;
            let fetched = fetched.ok_or_else(|| corrupt(format!("record {} is missing", wanted.0)))?;
            if wanted.0 >= pos(&fetched, 0)?.0 + pos(&fetched, 1)?.0 {
                return Err(corrupt(format!("record {} is missing", wanted.0)));
            }
            row = Some(fetched);
            continue;
        };
        if record.contact != *contact || record.prev >= wanted {
            return Err(corrupt(format!("record {} does not belong to its contact's chain", wanted.0)));
        }
        wanted = record.prev;
        found.push(record);
    }
    transaction.commit().await?;
    found.reverse();
    Ok(found)
}

fn find(row: &SqliteRow, wanted: Pos, names: &mut Names) -> Result<Option<Record>, StoreError> {
    if wanted < pos(row, 0)? {
        return Ok(None);
    }
    for packed in unpack(row)? {
        let packed = packed?;
        if packed.pos == wanted {
            return packed.unpack(names).map(Some);
        }
    }
    Ok(None)
}

/// The contact's newest record, `Pos(0)` when it has none: in the journal after the checkpoint, or else known by its
/// session or from when it was closed.
async fn last(conn: &mut SqliteConnection, contact: &ContactId, checkpoint: Pos) -> Result<Pos, StoreError> {
    let known: Option<i64> = sqlx::query_scalar(
        "SELECT max(last) FROM (SELECT last FROM session WHERE unit = ?1 AND contact = ?2
         UNION ALL SELECT last FROM closed WHERE unit = ?1 AND contact = ?2)",
    )
    .bind(contact.unit.as_str())
    .bind(contact.name.as_str())
    .fetch_one(&mut *conn)
    .await?;
    let known = Pos(known.map_or(0, i64::cast_unsigned));
    let mut rows = sqlx::query(
        "SELECT pos, count, block FROM journal WHERE pos + count > ?1
         AND pos >= (SELECT coalesce(max(pos), 0) FROM journal WHERE pos <= ?1) ORDER BY pos DESC",
    )
    .bind(checkpoint.max(known).0.cast_signed())
    .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        let mut newest = None;
        for packed in unpack(&row)? {
            let packed = packed?;
            if packed.is_of(contact) {
                newest = Some(packed.pos);
            }
        }
        if let Some(newest) = newest {
            return Ok(newest.max(known));
        }
    }
    Ok(known)
}

async fn cut(conn: &mut SqliteConnection, before: Timestamp) -> Result<Option<Cut>, StoreError> {
    let mut transaction = conn.begin().await?;
    let reach = reach(&mut transaction).await?;
    let to = first_young(&mut transaction, before, reach.oldest).await?;
    let to = to.map_or(reach.checkpoint, |young| young.min(reach.checkpoint));
    transaction.commit().await?;
    let (from, to) = (reach.oldest.0.cast_signed(), to.0.cast_signed());
    Ok((to > from).then_some(Cut { from, to }))
}

/// The first record that is not older than `before`. Records are in order of time, but for a clock that was set back.
async fn first_young(conn: &mut SqliteConnection, before: Timestamp, oldest: Pos) -> Result<Option<Pos>, StoreError> {
    let mut rows = sqlx::query("SELECT pos, count, block FROM journal WHERE at >= ? AND pos + count > ? ORDER BY pos")
        .bind(before.0)
        .bind(oldest.0.cast_signed())
        .fetch(conn);
    while let Some(row) = rows.try_next().await? {
        for packed in unpack(&row)? {
            let packed = packed?;
            if packed.at >= before && packed.pos >= oldest {
                return Ok(Some(packed.pos));
            }
        }
    }
    Ok(None)
}
