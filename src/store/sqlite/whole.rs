//! The database as a whole: what it holds, a copy of it while commits go on, and a copy that is to be put in its place.

use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{Shared, Sqlite, block::corrupt, schema};
use crate::store::{AuditLine, Holdings, StoreError};

impl Shared {
    pub(super) async fn holdings(&self) -> Result<Holdings, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = holdings(&mut lease.open).await;
        let mut holdings = lease.settle(result)?;
        let log = self.options.get_filename().with_extension("db-wal");
        holdings.log_bytes = std::fs::metadata(log).map_or(0, |it| it.len());
        Ok(holdings)
    }

    /// On a connection of its own: it takes as long as the disk does, and timelines are read meanwhile.
    pub(super) async fn copy_to(&self, file: &Path) -> Result<(), StoreError> {
        let file = file.to_str().ok_or_else(|| corrupt("the copy's path is no text"))?;
        let mut conn = self.options.clone().connect().await?;
        // A copy holds what is there and nothing of what was: no pages that are free, no log.
        sqlx::query("VACUUM INTO ?").bind(file).execute(&mut conn).await?;
        Ok(conn.close().await?)
    }
}

impl Sqlite {
    /// What the database in `dir` keeps sealed under a name; `None` as well where there is no database. Takes no lock.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secret_at(dir: &Path, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        if !schema::is_there(dir)? {
            return Ok(None);
        }
        let mut conn = schema::to_read(&schema::find(dir)?).await?;
        secret(&mut conn, name).await
    }
}

pub(super) async fn secret(conn: &mut SqliteConnection, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
    // A database that has just been made has no tables yet.
    const THERE: &str = "SELECT count(*) FROM sqlite_schema WHERE name = 'secret'";
    if sqlx::query_scalar::<_, i64>(THERE).fetch_one(&mut *conn).await? == 0 {
        return Ok(None);
    }
    Ok(sqlx::query_scalar("SELECT sealed FROM secret WHERE name = ?").bind(name).fetch_optional(conn).await?)
}

pub(super) async fn holdings(conn: &mut SqliteConnection) -> Result<Holdings, StoreError> {
    const COUNTS: &str = "SELECT (SELECT count(*) FROM life), (SELECT count(*) FROM life WHERE last IS NULL),
        (SELECT count(*) FROM life WHERE erased_at IS NOT NULL),
        max(0, coalesce((SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1), 0) - (SELECT oldest FROM owner)),
        (SELECT at FROM journal ORDER BY pos LIMIT 1), (SELECT at FROM journal ORDER BY pos DESC LIMIT 1),
        (SELECT count(*) FROM secret WHERE instr(name, '/') = 0), (SELECT count(*) FROM audit),
        (SELECT count(*) FROM connector_token),
        (SELECT page_size * (page_count - freelist_count)
            FROM pragma_page_size, pragma_page_count, pragma_freelist_count)";
    let row = sqlx::query(COUNTS).fetch_one(&mut *conn).await?;
    let count = |column: usize| row.try_get::<i64, _>(column).map(i64::cast_unsigned);
    let kinds = sqlx::query("SELECT kind, count(*) FROM document GROUP BY kind").fetch_all(conn).await?;
    let mut documents = std::collections::BTreeMap::new();
    for kind in &kinds {
        documents.insert(kind.try_get(0)?, kind.try_get::<i64, _>(1)?.cast_unsigned());
    }
    Ok(Holdings {
        contacts: count(0)?,
        open: count(1)?,
        erased: count(2)?,
        records: count(3)?,
        oldest_ms: row.try_get(4)?,
        newest_ms: row.try_get(5)?,
        secrets: count(6)?,
        audit_lines: count(7)?,
        connector_tokens: count(8)?,
        documents,
        bytes: count(9)?,
        log_bytes: 0,
    })
}

/// A database that is nobody's store: a copy.
#[derive(Debug)]
pub struct Loose {
    file: PathBuf,
}

impl Loose {
    #[must_use]
    pub const fn at(file: PathBuf) -> Self {
        Self { file }
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Which schema it has and what it holds.
    ///
    /// # Errors
    /// `Corrupt` when it is none of ours, or a newer version's.
    pub async fn look(&self) -> Result<(usize, Holdings), StoreError> {
        let mut conn = schema::to_read(&schema::options(&self.file)).await?;
        let found = schema::version(&mut conn).await?;
        let held = holdings(&mut conn).await?;
        conn.close().await?;
        Ok((found, held))
    }

    /// That every page of it is as it should be.
    ///
    /// # Errors
    /// `Corrupt` with the first thing that is wrong.
    pub async fn is_whole(&self) -> Result<(), StoreError> {
        let mut conn = schema::to_read(&schema::options(&self.file)).await?;
        let told: String = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&mut conn).await?;
        conn.close().await?;
        if told == "ok" { Ok(()) } else { Err(corrupt(told)) }
    }

    /// What it keeps sealed under a name.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let mut conn = schema::to_read(&schema::options(&self.file)).await?;
        let found = secret(&mut conn, name).await?;
        conn.close().await?;
        Ok(found)
    }

    /// Brings it up to date and writes the line into its audit log. `goes_on`: contacts that are open in it go on.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn restored(&self, line: &AuditLine, goes_on: bool) -> Result<(), StoreError> {
        let mut conn = schema::migrate(&schema::options(&self.file)).await?;
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        if !goes_on {
            const MARK: &str = "UPDATE owner SET restored =
                 coalesce((SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1), 1)";
            sqlx::query(MARK).execute(&mut *transaction).await?;
        }
        super::documents::append(&mut transaction, line).await?;
        transaction.commit().await?;
        fold(&mut conn).await?;
        Ok(conn.close().await?)
    }
}

/// Moves the log into the file, so that it is one file.
pub(super) async fn fold(conn: &mut SqliteConnection) -> Result<(), StoreError> {
    let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(conn).await?;
    if row.try_get::<i64, _>(0)? == 0 {
        return Ok(());
    }
    let why = "the write-ahead log is in use: somebody has the database open";
    Err(StoreError::new(crate::store::StoreErrorKind::Unavailable, why))
}
