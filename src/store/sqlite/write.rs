//! What changes the database. Everything here holds the one writing connection for as long as it runs.

use sqlx::{Connection, QueryBuilder, Row, Sqlite, SqliteConnection, Transaction};

use super::{
    Shared,
    block::{self, Block, corrupt},
    numbers, read,
};
use crate::{
    core::ids::Timestamp,
    store::{Batch, Claim, Closed, LifeKey, OwnerEpoch, Pos, Record, Snapshot, StoreError, StoreErrorKind},
    telemetry::labels::Label as _,
};

/// About what a commit adds to the write-ahead log besides its payload.
const PAGE_BYTES: u64 = 4096;

/// Rows of one `DELETE` while pruning, so that commits get their turn in between.
const PRUNED_AT_ONCE: i64 = 64;

#[derive(Debug)]
pub(super) struct Writer {
    pub(super) conn: SqliteConnection,
    /// Where the journal goes on; `None`: to be read from it.
    next: Option<Pos>,
}

impl From<SqliteConnection> for Writer {
    fn from(conn: SqliteConnection) -> Self {
        Self { conn, next: None }
    }
}

impl Shared {
    pub(super) async fn claim(&self, owner: &str) -> Result<Claim, StoreError> {
        let mut lease = self.writer.lease().await?;
        let result = claim(&mut lease.open, owner).await;
        lease.settle(result)
    }

    pub(super) async fn commit(&self, epoch: OwnerEpoch, batch: &Batch) -> Result<(), StoreError> {
        let mut lease = self.writer.lease().await?;
        let result = commit(&mut lease.open, epoch, batch).await;
        self.wrote(lease.settle(result)?);
        Ok(())
    }

    pub(super) async fn put_secret(&self, name: &str, sealed: &[u8]) -> Result<(), StoreError> {
        const PUT: &str = "INSERT INTO secret VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed";
        let mut lease = self.writer.lease().await?;
        let put = sqlx::query(PUT).bind(name).bind(sealed).execute(&mut lease.open.conn).await;
        lease.settle(put.map(drop).map_err(StoreError::from))
    }

    pub(super) async fn prune(&self, before: Timestamp) -> Result<u64, StoreError> {
        let Some(cut) = self.cut(before).await? else { return Ok(0) };
        // First, so that what is half gone is never shown.
        let moved = self.change("UPDATE owner SET oldest = ?1 WHERE oldest < ?1", &[cut.to]).await?;
        // The last block stays whatever its age: the next position follows from it.
        const BLOCKS: &str = "DELETE FROM journal WHERE pos IN (SELECT pos FROM journal WHERE pos + count <= ?1
             AND pos < ?1 AND pos < (SELECT max(pos) FROM journal) ORDER BY pos LIMIT ?2)";
        while self.change(BLOCKS, &[cut.to, PRUNED_AT_ONCE]).await? > 0 {}
        const CLOSED: &str = "DELETE FROM closed WHERE id IN
             (SELECT id FROM closed WHERE last < ?1 AND at < ?3 ORDER BY last LIMIT ?2)";
        while self.change(CLOSED, &[cut.to, PRUNED_AT_ONCE, before.0]).await? > 0 {}
        self.prune_keys(cut.to, before).await?;
        self.prune_unclear(cut.to).await?;
        Ok(if moved > 0 { cut.to.abs_diff(cut.from) } else { 0 })
    }

    /// One statement as its own transaction; says how many rows it changed.
    pub(super) async fn change(&self, sql: &'static str, values: &[i64]) -> Result<u64, StoreError> {
        let mut lease = self.writer.lease().await?;
        let query = values.iter().fold(sqlx::query(sql), |query, value| query.bind(*value));
        let done = query.execute(&mut lease.open.conn).await;
        let rows = lease.settle(done.map_err(StoreError::from))?.rows_affected();
        self.wrote(rows.saturating_mul(PAGE_BYTES));
        Ok(rows)
    }
}

async fn claim(writer: &mut Writer, owner: &str) -> Result<Claim, StoreError> {
    // All rows are fetched, so that the statement ends, and its commit with it, before this goes on.
    let claimed = sqlx::query(
        "UPDATE owner SET name = ?, epoch = epoch + 1
         RETURNING epoch, (SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1)",
    )
    .bind(owner)
    .fetch_all(&mut writer.conn)
    .await?;
    let row = claimed.first().ok_or_else(|| corrupt("the owner's row is missing"))?;
    let next = next_pos(row.try_get(1)?);
    writer.next = Some(next);
    Ok(Claim { epoch: OwnerEpoch(row.try_get(0)?), next })
}

fn next_pos(after_last: Option<i64>) -> Pos {
    Pos(after_last.map_or(1, i64::cast_unsigned))
}

/// Says about how many bytes it wrote.
async fn commit(writer: &mut Writer, epoch: OwnerEpoch, batch: &Batch) -> Result<u64, StoreError> {
    let next = match (batch.records.first(), writer.next) {
        (Some(first), Some(next)) if first.pos == next && is_journal_only(batch) => next,
        _ => return commit_all(writer, epoch, batch).await,
    };
    match block::pack(next, &batch.records)?.as_mut_slice() {
        [block] => {
            let wrote = PAGE_BYTES + block.bytes.len() as u64;
            let tally = tally(batch);
            insert_alone(&mut writer.conn, epoch, block, tally).await?;
            writer.next = Some(Pos(next.0 + block.count));
            Ok(wrote)
        }
        _ => commit_all(writer, epoch, batch).await,
    }
}

fn is_journal_only(batch: &Batch) -> bool {
    batch.keys.is_empty()
        && batch.snapshots.is_empty()
        && batch.closed.is_empty()
        && batch.checkpoint.is_none()
        && batch.flush.is_none()
}

/// What the batch adds to the numbers, to go with the last of its blocks.
fn tally(batch: &Batch) -> Option<Vec<u8>> {
    (!batch.tally.is_empty()).then(|| batch.tally.to_bytes())
}

/// The usual commit, in one statement that is a transaction of its own.
async fn insert_alone(
    conn: &mut SqliteConnection,
    epoch: OwnerEpoch,
    block: &mut Block,
    tally: Option<Vec<u8>>,
) -> Result<(), StoreError> {
    const INSERT: &str = "INSERT INTO journal SELECT ?, ?, ?, ?, ? WHERE (SELECT epoch FROM owner) = ?";
    let done = bind_block(sqlx::query(INSERT), block).bind(tally).bind(epoch.0).execute(conn).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(fenced(epoch)) }
}

type Query<'q> = sqlx::query::Query<'q, Sqlite, sqlx::sqlite::SqliteArguments>;

/// Takes the block's bytes, which spares a copy.
fn bind_block<'q>(query: Query<'q>, block: &mut Block) -> Query<'q> {
    query
        .bind(block.first.0.cast_signed())
        .bind(block.count.cast_signed())
        .bind(block.at.0)
        .bind(std::mem::take(&mut block.bytes))
}

fn fenced(epoch: OwnerEpoch) -> StoreError {
    StoreError::new(StoreErrorKind::Fenced, format!("epoch {} is over", epoch.0))
}

/// Any commit, as a transaction of several statements.
async fn commit_all(writer: &mut Writer, epoch: OwnerEpoch, batch: &Batch) -> Result<u64, StoreError> {
    let mut transaction = writer.conn.begin_with("BEGIN IMMEDIATE").await?;
    let row = sqlx::query("SELECT epoch, (SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1) FROM owner")
        .fetch_one(&mut *transaction)
        .await?;
    if row.try_get::<i64, _>(0)? != epoch.0 {
        return Err(fenced(epoch));
    }
    let next = next_pos(row.try_get(1)?);
    let records = new_records(&mut transaction, next, &batch.records).await?;
    let mut wrote = PAGE_BYTES;
    let mut after = next;
    // Those that are there already have brought it.
    let mut tally = if records.len() == batch.records.len() { tally(batch) } else { None };
    let mut blocks = block::pack(next, records)?;
    let count = blocks.len();
    for (index, block) in blocks.iter_mut().enumerate() {
        wrote += block.bytes.len() as u64;
        after = Pos(block.first.0 + block.count);
        let tally = if index + 1 == count { tally.take() } else { None };
        let insert = bind_block(sqlx::query("INSERT INTO journal VALUES (?, ?, ?, ?, ?)"), block);
        insert.bind(tally).execute(&mut *transaction).await?;
    }
    if let Some(flush) = &batch.flush {
        numbers::flush(&mut transaction, flush).await?;
        wrote += PAGE_BYTES * (flush.tally.counts.len() + 1) as u64;
    }
    for keys in chunks(&batch.keys) {
        put_keys(&mut transaction, keys).await?;
        wrote += PAGE_BYTES * keys.len() as u64;
    }
    for snapshots in chunks(&batch.snapshots) {
        put_snapshots(&mut transaction, snapshots).await?;
        wrote += snapshots.iter().map(|it| PAGE_BYTES + it.state.len() as u64).sum::<u64>();
    }
    for closed in chunks(&batch.closed) {
        put_closed(&mut transaction, closed).await?;
        wrote += PAGE_BYTES * closed.len() as u64;
    }
    if let Some(checkpoint) = batch.checkpoint {
        let query = sqlx::query("UPDATE owner SET checkpoint = ?").bind(checkpoint.0.cast_signed());
        query.execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    writer.next = Some(after);
    Ok(wrote)
}

/// Those of `records` that the journal does not hold yet: a commit is repeated when it was not known whether it succeeded.
async fn new_records<'r>(
    transaction: &mut Transaction<'_, Sqlite>,
    next: Pos,
    records: &'r [Record],
) -> Result<&'r [Record], StoreError> {
    let Some(first) = records.first() else { return Ok(records) };
    let Some(repeated) = next.0.checked_sub(first.pos.0) else {
        return Err(corrupt(format!("record {} where {} must follow", first.pos.0, next.0)));
    };
    if repeated == 0 {
        return Ok(records);
    }
    let repeated = usize::try_from(repeated).unwrap_or(usize::MAX).min(records.len());
    let Some((there, new)) = records.split_at_checked(repeated) else { return Ok(&[]) };
    let mut there = there.iter().peekable();
    for row in read::blocks_from(first.pos).fetch_all(&mut **transaction).await? {
        for packed in read::unpack(&row)? {
            let packed = packed?;
            if let Some(record) = there.next_if(|record| record.pos == packed.pos)
                && !packed.is(record)
            {
                return Err(corrupt(format!("position {} is taken by another record", packed.pos.0)));
            }
        }
    }
    Ok(new)
}

/// Statements of few sizes, so that each is prepared once, and of many rows, since every statement is a trip to the
/// connection's thread.
fn chunks<T>(items: &[T]) -> impl Iterator<Item = &[T]> {
    let (large, rest) = items.as_chunks::<64>();
    let (small, rest) = rest.as_chunks::<8>();
    large.iter().map(<[T; 64]>::as_slice).chain(small.iter().map(<[T; 8]>::as_slice)).chain(rest.chunks(1))
}

/// In order, so that each goes behind all others: see `erase`.
async fn put_keys(conn: &mut SqliteConnection, keys: &[LifeKey]) -> Result<(), StoreError> {
    let mut lives = QueryBuilder::<Sqlite>::new("INSERT INTO life (born, unit, contact) ");
    lives.push_values(keys, |mut row, key| {
        row.push_bind(key.born.0.cast_signed());
        row.push_bind(key.contact.unit.as_str());
        row.push_bind(key.contact.name.as_str());
    });
    lives.push(" ON CONFLICT (born) DO NOTHING").build().execute(&mut *conn).await?;
    let mut sealed = QueryBuilder::<Sqlite>::new("INSERT INTO life_key (born, sealed) ");
    sealed.push_values(keys, |mut row, key| {
        row.push_bind(key.born.0.cast_signed());
        row.push_bind(key.sealed.as_slice());
    });
    sealed.push(" ON CONFLICT (born) DO NOTHING").build().execute(conn).await?;
    Ok(())
}

async fn put_snapshots(conn: &mut SqliteConnection, snapshots: &[Snapshot]) -> Result<(), StoreError> {
    let mut sql = QueryBuilder::<Sqlite>::new("INSERT INTO session (unit, contact, last, hash, state) ");
    sql.push_values(snapshots, |mut row, snapshot| {
        row.push_bind(snapshot.contact.unit.as_str());
        row.push_bind(snapshot.contact.name.as_str());
        row.push_bind(snapshot.last.0.cast_signed());
        row.push_bind(snapshot.hash.as_slice());
        row.push_bind(snapshot.state.as_slice());
    });
    sql.push(
        " ON CONFLICT (unit, contact)
          DO UPDATE SET last = excluded.last, hash = excluded.hash, state = excluded.state",
    );
    sql.build().execute(conn).await?;
    Ok(())
}

pub(super) async fn put_closed(conn: &mut SqliteConnection, closed: &[Closed]) -> Result<(), StoreError> {
    let mut put = QueryBuilder::<Sqlite>::new(
        "INSERT INTO closed (unit, contact, last, at, profile, agent, media, queue, began_at, ended_by, turns) ",
    );
    put.push_values(closed, |mut row, closed| {
        row.push_bind(closed.contact.unit.as_str());
        row.push_bind(closed.contact.name.as_str());
        row.push_bind(closed.last.0.cast_signed());
        row.push_bind(closed.at.0);
        let past = closed.past.as_ref();
        row.push_bind(past.and_then(|it| it.profile.as_ref()).map(|it| it.as_str()));
        row.push_bind(past.map(|it| it.agent.as_str()));
        row.push_bind(past.map(|it| it.media.label()));
        row.push_bind(past.and_then(|it| it.queue.as_ref()).map(|it| it.as_str()));
        row.push_bind(past.and_then(|it| it.began_at).map(|it| it.0));
        row.push_bind(past.map(|it| it.end.text()));
        row.push_bind(past.map(|it| i64::from(it.turns)));
    });
    put.push(
        " ON CONFLICT (unit, contact) DO UPDATE SET
          (last, at, profile, agent, media, queue, began_at, ended_by, turns) =
          (excluded.last, excluded.at, excluded.profile, excluded.agent, excluded.media, excluded.queue,
           excluded.began_at, excluded.ended_by, excluded.turns)",
    );
    put.build().execute(&mut *conn).await?;

    let mut remove = QueryBuilder::<Sqlite>::new("DELETE FROM session WHERE id IN (SELECT session.id FROM (");
    remove.push_values(closed, |mut row, closed| {
        row.push_bind(closed.contact.unit.as_str());
        row.push_bind(closed.contact.name.as_str());
        row.push_bind(closed.last.0.cast_signed());
    });
    // CROSS JOIN: look each one up, never walk through all sessions.
    remove.push(
        ") AS gone CROSS JOIN session ON session.unit = gone.column1 AND session.contact = gone.column2
         AND session.last <= gone.column3)",
    );
    remove.build().execute(&mut *conn).await?;

    let mut ended = QueryBuilder::<Sqlite>::new(
        "UPDATE life SET (last, at) =
             (SELECT last, at FROM closed WHERE closed.unit = life.unit AND closed.contact = life.contact)
         WHERE born IN (SELECT life.born FROM (",
    );
    ended.push_values(closed, |mut row, closed| {
        row.push_bind(closed.contact.unit.as_str());
        row.push_bind(closed.contact.name.as_str());
        row.push_bind(closed.last.0.cast_signed());
    });
    ended.push(
        ") AS gone CROSS JOIN life ON life.unit = gone.column1 AND life.contact = gone.column2
         AND life.born <= gone.column3 AND life.last IS NULL)",
    );
    ended.build().execute(conn).await?;
    Ok(())
}
