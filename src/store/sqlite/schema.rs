//! Opening the database file: created when missing, migrated when older, refused when it is not ours or newer.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteSynchronous},
};

use super::block::corrupt;
use crate::{
    core::said::{Said, said},
    store::{StoreError, StoreErrorKind},
};

/// The database's name in the store's directory.
pub(super) const FILE: &str = "usher.db";

/// "Ushr", in the file's header.
const APPLICATION_ID: i64 = 0x5573_6872;

/// Number n brings the schema to version n + 1. Never change one that has been released.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_start.sql"),
    include_str!("../migrations/0002_keys.sql"),
    include_str!("../migrations/0003_connector_token.sql"),
    include_str!("../migrations/0004_document.sql"),
    include_str!("../migrations/0005_restored.sql"),
    include_str!("../migrations/0006_numbers.sql"),
    include_str!("../migrations/0007_past.sql"),
];

/// How long another process (a backup, a shell) may hold the write lock before a commit fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// What the WAL file is cut back to when it starts anew.
const WAL_FILE_BYTES: u32 = 64 * 1024 * 1024;

/// Why something is refused, in words of ours.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Reason(pub(super) Said);

impl StoreError {
    /// Its reason, where that is in words of ours.
    pub(crate) fn said(&self) -> Option<&Said> {
        self.source.downcast_ref::<Reason>().map(|it| &it.0)
    }
}

/// Makes the directory and the file, readable by their owner only.
pub(super) fn create(dir: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let create = || -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        if OpenOptions::new().write(true).create_new(true).mode(0o600).open(dir.join(FILE)).is_ok() {
            // A power cut must not take the directory itself away.
            if let Some(parent) = dir.canonicalize()?.parent() {
                File::open(parent)?.sync_all()?;
            }
        }
        Ok(())
    };
    create().map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
    Ok(options(&dir.join(FILE)))
}

/// Whether there is a database.
pub(super) fn is_there(dir: &Path) -> Result<bool, StoreError> {
    dir.join(FILE).try_exists().map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))
}

/// The file as it is; creates nothing.
pub(super) fn find(dir: &Path) -> Result<SqliteConnectOptions, StoreError> {
    let file = dir.join(FILE);
    match file.try_exists() {
        Ok(true) => Ok(options(&file)),
        Ok(false) => {
            Err(StoreError::new(StoreErrorKind::Unavailable, format!("there is no store in {}", dir.display())))
        }
        Err(error) => Err(StoreError::new(StoreErrorKind::Unavailable, error)),
    }
}

pub(super) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(file)
        // Once open, a file that has gone is an error, not a reason to begin an empty one.
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "0")
        // What moves within a page leaves no copy behind: see `erase`.
        .pragma("secure_delete", "FAST")
        .pragma("journal_size_limit", WAL_FILE_BYTES.to_string())
        .foreign_keys(false)
        // Rows may be large blocks.
        .row_buffer_size(32)
        .disable_statement_logging()
}

/// Brings the database to this version's schema, on the connection that is to write.
pub(super) async fn migrate(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut conn = options.connect().await?;
    let found = version(&mut conn).await?;
    // Only now that the file is known to be ours: this writes. It lasts, and changes nothing the next time.
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode = WAL").fetch_one(&mut conn).await?;
    if mode != "wal" {
        let why = format!("{FILE} lies on a file system without shared memory, which the write-ahead log needs");
        return Err(StoreError::new(StoreErrorKind::Unavailable, why));
    }
    if found < MIGRATIONS.len() {
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        // Another process may have been faster.
        let found = version(&mut transaction).await?;
        for migration in MIGRATIONS.iter().skip(found) {
            sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
        }
        let mark = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {}", MIGRATIONS.len());
        sqlx::raw_sql(AssertSqlSafe(mark)).execute(&mut *transaction).await?;
        transaction.commit().await?;
    }
    Ok(conn)
}

/// A connection to a database that needs no migration.
pub(super) async fn expect_current(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut conn = options.connect().await?;
    let found = version(&mut conn).await?;
    if found < MIGRATIONS.len() {
        let why = format!("{FILE} has schema {found}: start this version of usher once, it will bring it up to date");
        return Err(StoreError::new(StoreErrorKind::Unavailable, why));
    }
    Ok(conn)
}

/// The first schema with documents.
const DOCUMENTS_SINCE: usize = 4;

/// A connection that only reads, whatever the schema.
pub(super) async fn to_read(options: &SqliteConnectOptions) -> Result<SqliteConnection, StoreError> {
    let mut conn = options.clone().pragma("query_only", "ON").connect().await?;
    version(&mut conn).await?;
    Ok(conn)
}

/// A connection that only reads; `None`: the database is of a version that kept no documents.
pub(super) async fn with_documents(options: &SqliteConnectOptions) -> Result<Option<SqliteConnection>, StoreError> {
    let mut conn = options.clone().pragma("query_only", "ON").connect().await?;
    let found = version(&mut conn).await?;
    Ok((found >= DOCUMENTS_SINCE).then_some(conn))
}

/// How many migrations the database has seen.
pub(super) async fn version(conn: &mut SqliteConnection) -> Result<usize, StoreError> {
    let row = sqlx::query(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_schema)
         FROM pragma_application_id, pragma_user_version",
    )
    .fetch_one(conn)
    .await?;
    let (application, version, tables): (i64, i64, i64) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
    if application != APPLICATION_ID && tables > 0 {
        return Err(corrupt(format!("{FILE} is a database of another program")));
    }
    let known = MIGRATIONS.len();
    match usize::try_from(version) {
        Ok(version) if version <= known => Ok(version),
        Ok(_) | Err(_) => Err(corrupt(Reason(said!(
            "{} has schema {}, but this version of usher knows schemas up to {}: start the newer version, or restore a backup made before it ran",
            FILE,
            version,
            known
        )))),
    }
}
