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
    store::{Erased, Life, LifeKey, Loaded, Pos, Record, Snapshot, StoreError},
};

/// Rows fetched as one value: a row each would cost more than the rest of loading.
const PACKED_AT_ONCE: i64 = 128;

/// Between the fields of a packed row; names hold no control characters.
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

    pub(super) async fn trail(&self, at: Pos, after: Pos, limit: usize) -> Result<Vec<Record>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = trail(&mut lease.open, at, (after, limit)).await;
        lease.settle(result)
    }

    pub(super) async fn lives(&self, contact: &ContactId) -> Result<Vec<Life>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = lives(&mut lease.open, contact).await;
        lease.settle(result)
    }

    pub(super) async fn erased(&self) -> Result<u64, StoreError> {
        const COUNT: &str =
            "SELECT count(*) FROM (SELECT DISTINCT unit, contact FROM life WHERE erased_at IS NOT NULL)";
        let mut lease = self.reader.lease().await?;
        let result = sqlx::query_scalar::<_, i64>(COUNT).fetch_one(&mut lease.open).await;
        lease.settle(result.map(i64::cast_unsigned).map_err(StoreError::from))
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
    let restored: i64 = sqlx::query_scalar("SELECT restored FROM owner").fetch_one(&mut *transaction).await?;
    if restored > 0 {
        each(Loaded::Restored(Pos(restored.cast_unsigned())));
    }
    let mut names = Names::default();
    load_packed(&mut transaction, Packing::Keys(checkpoint), &mut names, each).await?;
    load_packed(&mut transaction, Packing::Sessions, &mut names, each).await?;

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

/// What is fetched many rows at a time, packed into one value.
#[derive(Clone, Copy)]
enum Packing {
    /// Of lives that are open, or were closed at or after this.
    Keys(Pos),
    Sessions,
}

impl Packing {
    /// The last one's number, and all of them in one value.
    const fn sql(self) -> &'static str {
        match self {
            Self::Keys(_) => {
                "SELECT max(born), group_concat(
                     unit || char(31) || contact || char(31) || born || char(31) || length(sealed) || char(31) || sealed, '')
                 FROM (SELECT * FROM life JOIN life_key USING (born) WHERE born > ?1 AND erased_at IS NULL
                     AND (last IS NULL OR last >= ?3) ORDER BY born LIMIT ?2)"
            }
            Self::Sessions => {
                "SELECT max(id), group_concat(unit || char(31) || contact || char(31) || last || char(31)
                     || (length(hash) + length(state)) || char(31) || hash || state, '')
                 FROM (SELECT * FROM session WHERE id > ?1 ORDER BY id LIMIT ?2)"
            }
        }
    }

    fn loaded(self, contact: ContactId, pos: Pos, bytes: &[u8]) -> Result<Loaded, StoreError> {
        match self {
            Self::Keys(_) => Ok(Loaded::Key(LifeKey { contact, born: pos, sealed: bytes.to_vec() })),
            Self::Sessions => {
                let (hash, state) =
                    bytes.split_first_chunk::<32>().ok_or_else(|| corrupt("a session's state is cut short"))?;
                Ok(Loaded::Snapshot(Snapshot { contact, last: pos, hash: *hash, state: state.to_vec() }))
            }
        }
    }
}

async fn load_packed(
    conn: &mut SqliteConnection,
    packing: Packing,
    names: &mut Names,
    each: &mut (dyn FnMut(Loaded) + Send),
) -> Result<(), StoreError> {
    let mut row = packed_rows(conn, packing, 0).await?;
    while let Some(last) = row.try_get::<Option<i64>, _>(0)? {
        // The connection's thread packs the next ones while these are unpacked.
        let mut next = packed_rows(conn, packing, last).boxed();
        let early = (&mut next).now_or_never();
        let mut packed: &[u8] = row.try_get(1)?;
        while !packed.is_empty() {
            let (loaded, rest) = split_packed(packed, packing, names)?;
            each(loaded);
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

async fn packed_rows(conn: &mut SqliteConnection, packing: Packing, after: i64) -> Result<SqliteRow, sqlx::Error> {
    let query = sqlx::query(packing.sql()).bind(after).bind(PACKED_AT_ONCE);
    match packing {
        Packing::Keys(checkpoint) => query.bind(checkpoint.0.cast_signed()),
        Packing::Sessions => query,
    }
    .fetch_one(conn)
    .await
}

fn split_packed<'a>(packed: &'a [u8], packing: Packing, names: &mut Names) -> Result<(Loaded, &'a [u8]), StoreError> {
    let mut fields = packed.splitn(5, |byte| *byte == SEPARATOR);
    let mut field = || fields.next().ok_or_else(|| corrupt("a packed row is cut short"));
    let contact = names.contact(field()?, field()?)?;
    let pos = Pos(text(field()?)?.parse().map_err(corrupt)?);
    let bytes = text(field()?)?.parse().map_err(|error: std::num::ParseIntError| corrupt(error))?;
    let (value, rest) = field()?.split_at_checked(bytes).ok_or_else(|| corrupt("a packed value is cut short"))?;
    Ok((packing.loaded(contact, pos, value)?, rest))
}

async fn lives(conn: &mut SqliteConnection, contact: &ContactId) -> Result<Vec<Life>, StoreError> {
    let rows = sqlx::query(
        "SELECT born, sealed, erased_at, erased_by FROM life JOIN life_key USING (born)
         WHERE unit = ? AND contact = ? ORDER BY born",
    )
    .bind(contact.unit.as_str())
    .bind(contact.name.as_str())
    .fetch_all(conn)
    .await?;
    let life = |row: &SqliteRow| {
        let key = match row.try_get::<Option<i64>, _>(2)? {
            Some(at) => Err(Erased { at: Timestamp(at), by: row.try_get(3)? }),
            None => Ok(row.try_get(1)?),
        };
        Ok(Life { born: pos(row, 0)?, key })
    };
    rows.iter().map(life).collect()
}

async fn records(
    conn: &mut SqliteConnection,
    contact: &ContactId,
    after: Pos,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let mut transaction = conn.begin().await?;
    let reach = reach(&mut transaction).await?;
    let newest = last(&mut transaction, contact, reach.checkpoint).await?;
    let bounds = (reach.oldest.max(Pos(after.0.saturating_add(1))), limit);
    let found = follow(&mut transaction, newest, bounds, Some(contact)).await?;
    transaction.commit().await?;
    Ok(found)
}

async fn trail(conn: &mut SqliteConnection, at: Pos, (after, limit): (Pos, usize)) -> Result<Vec<Record>, StoreError> {
    let mut transaction = conn.begin().await?;
    let oldest = reach(&mut transaction).await?.oldest.max(Pos(after.0.saturating_add(1)));
    let next: Option<i64> = sqlx::query_scalar("SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1")
        .fetch_optional(&mut *transaction)
        .await?;
    let is_there = next.is_some_and(|next| at.0 < next.cast_unsigned());
    let found = if is_there { follow(&mut transaction, at, (oldest, limit), None).await? } else { Vec::new() };
    transaction.commit().await?;
    Ok(found)
}

/// From the record at `wanted` along its chain, as far back as `oldest` and no more than `limit`; the oldest first.
async fn follow(
    conn: &mut SqliteConnection,
    mut wanted: Pos,
    (oldest, limit): (Pos, usize),
    contact: Option<&ContactId>,
) -> Result<Vec<Record>, StoreError> {
    let mut names = Names::default();
    let mut found: Vec<Record> = Vec::new();
    let mut row = None;
    while wanted >= oldest && wanted > Pos(0) && found.len() < limit {
        let record = match &row {
            Some(row) => find(row, wanted, &mut names)?,
            None => None,
        };
        let Some(record) = record else {
            let query = sqlx::query("SELECT pos, count, block FROM journal WHERE pos <= ? ORDER BY pos DESC LIMIT 1");
            let fetched = query.bind(wanted.0.cast_signed()).fetch_optional(&mut *conn).await?;
            let fetched = fetched.ok_or_else(|| corrupt(format!("record {} is missing", wanted.0)))?;
            if wanted.0 >= pos(&fetched, 0)?.0 + pos(&fetched, 1)?.0 {
                return Err(corrupt(format!("record {} is missing", wanted.0)));
            }
            row = Some(fetched);
            continue;
        };
        let whose = contact.or_else(|| found.first().map(|it| &it.contact));
        if whose.is_some_and(|whose| *whose != record.contact) || record.prev >= wanted {
            return Err(corrupt(format!("record {} does not belong to its contact's chain", wanted.0)));
        }
        wanted = record.prev;
        found.push(record);
    }
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

/// The contact's newest record; `Pos(0)` when it has none.
pub(super) async fn newest(conn: &mut SqliteConnection, contact: &ContactId) -> Result<Pos, StoreError> {
    let checkpoint = reach(conn).await?.checkpoint;
    last(conn, contact, checkpoint).await
}

/// The contact's newest record, `Pos(0)` when it has none: in the journal after the checkpoint, or else known by its
/// session or from when it was closed. Is its newest life over, nothing came after.
async fn last(conn: &mut SqliteConnection, contact: &ContactId, checkpoint: Pos) -> Result<Pos, StoreError> {
    let row = sqlx::query(
        "SELECT (SELECT max(last) FROM (SELECT last FROM session WHERE unit = ?1 AND contact = ?2
                 UNION ALL SELECT last FROM closed WHERE unit = ?1 AND contact = ?2)),
             (SELECT last FROM life WHERE unit = ?1 AND contact = ?2 ORDER BY born DESC LIMIT 1)",
    )
    .bind(contact.unit.as_str())
    .bind(contact.name.as_str())
    .fetch_one(&mut *conn)
    .await?;
    let (known, over): (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
    let known = Pos(known.map_or(0, i64::cast_unsigned));
    if let Some(over) = over {
        return Ok(known.max(Pos(over.cast_unsigned())));
    }
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
