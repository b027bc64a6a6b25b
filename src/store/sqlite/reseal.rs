//! What is done to a database while nobody else is there: all that is sealed is sealed anew, or the file makes room for another.

use std::{
    error::Error,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::{
    block::{Names, corrupt},
    documents, lock, schema, whole,
};
use crate::{
    core::ids::ContactId,
    store::{AuditLine, Pos, StoreError, StoreErrorKind},
};

/// Rows that are in memory at a time.
const AT_ONCE: i64 = 512;

/// Something that is, or may hold what is, sealed under the master key.
#[derive(Clone, Copy, Debug)]
pub enum Sealed<'a> {
    Secret { name: &'a str, sealed: &'a [u8] },
    ContactKey { contact: &'a ContactId, sealed: &'a [u8] },
    Document { kind: &'a str, name: &'a str, body: &'a [u8] },
}

/// What it is sealed to now; `None`: it stays as it is.
pub type Resealed = Result<Option<Vec<u8>>, Box<dyn Error + Send + Sync>>;

/// A store's directory that nobody else works on while this lives.
#[derive(Debug)]
pub struct Alone {
    directory: PathBuf,
    _lock: lock::Held,
}

impl Alone {
    /// # Errors
    /// `Unavailable` while a gateway or another command is there.
    pub fn take(dir: &Path) -> Result<Self, StoreError> {
        Ok(Self { directory: dir.to_owned(), _lock: lock::alone(dir)? })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the next record of the journal goes.
    ///
    /// # Errors
    /// When there is no database of this version.
    pub async fn next(&self) -> Result<Pos, StoreError> {
        const NEXT: &str = "SELECT coalesce((SELECT pos + count FROM journal ORDER BY pos DESC LIMIT 1), 1)";
        let mut conn = self.connect().await?;
        let next: i64 = sqlx::query_scalar(NEXT).fetch_one(&mut conn).await?;
        conn.close().await?;
        Ok(Pos(next.cast_unsigned()))
    }

    async fn connect(&self) -> Result<SqliteConnection, StoreError> {
        schema::expect_current(&schema::find(&self.directory)?).await
    }

    /// Shows `each` all that is sealed and keeps what becomes of it, with `secrets` and the line of the audit log: all of it, or
    /// nothing. Says how much was sealed anew.
    ///
    /// # Errors
    /// When `each` objects, or the database cannot be written.
    pub async fn reseal(
        &self,
        each: &mut (dyn FnMut(Sealed<'_>) -> Resealed + Send),
        secrets: &[(String, Vec<u8>)],
        line: &AuditLine,
    ) -> Result<u64, StoreError> {
        let mut conn = self.connect().await?;
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut done = reseal_secrets(&mut transaction, each).await?;
        done += reseal_keys(&mut transaction, each).await?;
        done += reseal_documents(&mut transaction, each).await?;
        for (name, sealed) in secrets {
            const PUT: &str =
                "INSERT INTO secret VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed";
            sqlx::query(PUT).bind(name).bind(sealed.as_slice()).execute(&mut *transaction).await?;
        }
        documents::append(&mut transaction, line).await?;
        transaction.commit().await?;
        // Nothing that was sealed before stays in the log.
        whole::fold(&mut conn).await?;
        conn.close().await?;
        Ok(done)
    }

    /// Puts what is here into `aside`, and the database `file` in its place; there is a whole database at every moment.
    ///
    /// # Errors
    /// When files cannot be linked or renamed.
    pub async fn replace(&self, file: &Path, aside: Option<&Path>) -> Result<(), StoreError> {
        let own = self.directory.join(schema::FILE);
        if let Some(aside) = aside {
            // One that can be read becomes one file; one that cannot goes with its log as it lies there.
            if let Ok(mut conn) = schema::options(&own).connect().await {
                let folded = whole::fold(&mut conn).await;
                tracing::debug!(folded = folded.is_ok(), "the replaced store's log");
                conn.close().await.unwrap_or_default();
            }
            move_aside(&own, aside).map_err(unavailable)?;
        }
        fs::rename(file, &own).and_then(|()| File::open(&self.directory)?.sync_all()).map_err(unavailable)
    }
}

fn move_aside(own: &Path, aside: &Path) -> io::Result<()> {
    let Some(name) = own.file_name() else { return Ok(()) };
    // Both names until the other file takes this one.
    if fs::hard_link(own, aside.join(name)).is_err() {
        fs::copy(own, aside.join(name))?;
    }
    // A log that stayed would be taken for the new file's.
    for extension in ["db-wal", "db-shm"] {
        let beside = own.with_extension(extension);
        if let (Some(name), true) = (beside.file_name(), beside.exists()) {
            fs::rename(&beside, aside.join(name))?;
        }
    }
    File::open(aside)?.sync_all()
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, error)
}

async fn reseal_secrets(
    conn: &mut SqliteConnection,
    each: &mut (dyn FnMut(Sealed<'_>) -> Resealed + Send),
) -> Result<u64, StoreError> {
    let mut done = 0;
    for row in sqlx::query("SELECT name, sealed FROM secret").fetch_all(&mut *conn).await? {
        let (name, sealed): (String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?);
        if let Some(now) = each(Sealed::Secret { name: &name, sealed: &sealed }).map_err(corrupt)? {
            let put = sqlx::query("UPDATE secret SET sealed = ? WHERE name = ?").bind(now).bind(name);
            done += put.execute(&mut *conn).await?.rows_affected();
        }
    }
    Ok(done)
}

async fn reseal_keys(
    conn: &mut SqliteConnection,
    each: &mut (dyn FnMut(Sealed<'_>) -> Resealed + Send),
) -> Result<u64, StoreError> {
    const SOME: &str = "SELECT born, unit, contact, sealed FROM life JOIN life_key USING (born)
         WHERE born > ? AND erased_at IS NULL ORDER BY born LIMIT ?";
    let (mut after, mut done, mut names) = (-1_i64, 0, Names::default());
    loop {
        let rows = sqlx::query(SOME).bind(after).bind(AT_ONCE).fetch_all(&mut *conn).await?;
        if rows.is_empty() {
            return Ok(done);
        }
        for row in rows {
            after = row.try_get(0)?;
            let contact =
                names.contact(row.try_get::<&str, _>(1)?.as_bytes(), row.try_get::<&str, _>(2)?.as_bytes())?;
            let sealed: &[u8] = row.try_get(3)?;
            let Some(now) = each(Sealed::ContactKey { contact: &contact, sealed }).map_err(corrupt)? else { continue };
            // As long as before, so that it is written over where it stands: see `erase`.
            if now.len() != sealed.len() {
                return Err(corrupt(format!("the key of the contact at {after} would change its length")));
            }
            let put = sqlx::query("UPDATE life_key SET sealed = ? WHERE born = ?").bind(now).bind(after);
            done += put.execute(&mut *conn).await?.rows_affected();
        }
    }
}

async fn reseal_documents(
    conn: &mut SqliteConnection,
    each: &mut (dyn FnMut(Sealed<'_>) -> Resealed + Send),
) -> Result<u64, StoreError> {
    let mut done = 0;
    for row in sqlx::query("SELECT kind, name, body FROM document").fetch_all(&mut *conn).await? {
        let (kind, name, body): (String, String, Vec<u8>) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        let shown = Sealed::Document { kind: &kind, name: &name, body: &body };
        let Some(now) = each(shown).map_err(corrupt)? else { continue };
        // Whoever has it open has what no key opens any more: to them it has been changed.
        const RAISE: &str = "UPDATE document_version SET last = last + 1 RETURNING last";
        let version: i64 = sqlx::query_scalar(RAISE).fetch_one(&mut *conn).await?;
        let put = sqlx::query("UPDATE document SET body = ?, version = ? WHERE kind = ? AND name = ?");
        done += put.bind(now).bind(version).bind(kind).bind(name).execute(&mut *conn).await?.rows_affected();
    }
    Ok(done)
}
