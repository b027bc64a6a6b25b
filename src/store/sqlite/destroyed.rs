//! Keys that were destroyed in one copy of a store, destroyed in another: a backup does not know of what was erased after it.

use sqlx::{Connection, Row, SqliteConnection};

use super::{Alone, Loose, block::Names, read, schema, whole::fold, write};
use crate::{
    core::ids::{ContactId, Timestamp},
    store::{Closed, Erased, Pos, StoreError},
};

/// The first schema in which contacts have keys.
const KEYS_SINCE: usize = 2;

/// A life of a contact whose key was destroyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destroyed {
    pub contact: ContactId,
    pub born: Pos,
    pub erased: Erased,
}

impl Alone {
    /// All of them, whatever version wrote the database.
    ///
    /// # Errors
    /// When there is no database, or it cannot be read.
    pub async fn destroyed(&self) -> Result<Vec<Destroyed>, StoreError> {
        let mut conn = schema::to_read(&schema::find(self.directory())?).await?;
        let found =
            if schema::version(&mut conn).await? < KEYS_SINCE { Vec::new() } else { destroyed(&mut conn).await? };
        conn.close().await?;
        Ok(found)
    }
}

async fn destroyed(conn: &mut SqliteConnection) -> Result<Vec<Destroyed>, StoreError> {
    const ALL: &str =
        "SELECT unit, contact, born, erased_at, erased_by FROM life WHERE erased_at IS NOT NULL ORDER BY born";
    let (rows, mut names) = (sqlx::query(ALL).fetch_all(conn).await?, Names::default());
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        let (unit, contact): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
        found.push(Destroyed {
            contact: names.contact(unit.as_bytes(), contact.as_bytes())?,
            born: Pos(row.try_get::<i64, _>(2)?.cast_unsigned()),
            erased: Erased { at: Timestamp(row.try_get(3)?), by: row.try_get(4)? },
        });
    }
    Ok(found)
}

impl Loose {
    /// Brings it up to date and destroys the keys of lives that were erased elsewhere, and of others by those names that ended before
    /// then. One that is open in a copy of `made_at` had ended by then if that is later. Says how many contacts that is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn destroy(&self, elsewhere: &[Destroyed], made_at: Timestamp) -> Result<u64, StoreError> {
        let mut conn = schema::migrate(&schema::options(self.file())).await?;
        let mut transaction = conn.begin_with("BEGIN IMMEDIATE").await?;
        let mut contacts = std::collections::HashSet::new();
        for it in elsewhere {
            if destroy(&mut transaction, it, made_at).await? {
                contacts.insert(&it.contact);
            }
        }
        transaction.commit().await?;
        fold(&mut conn).await?;
        conn.close().await?;
        Ok(contacts.len() as u64)
    }
}

/// Says whether there was such a key.
async fn destroy(conn: &mut SqliteConnection, it: &Destroyed, made_at: Timestamp) -> Result<bool, StoreError> {
    let Destroyed { contact, born, erased } = it;
    const LIVES: &str = "SELECT born, last IS NULL FROM life WHERE unit = ? AND contact = ? AND erased_at IS NULL
         AND (born = ? OR coalesce(at, ?) <= ?)";
    let lives = sqlx::query(LIVES).bind(contact.unit.as_str()).bind(contact.name.as_str());
    let lives = lives.bind(born.0.cast_signed()).bind(made_at.0).bind(erased.at.0).fetch_all(&mut *conn).await?;
    for life in &lives {
        let (born, is_open): (i64, bool) = (life.try_get(0)?, life.try_get(1)?);
        if is_open {
            // No key opens it any more: nobody goes on with it.
            let last = read::newest(conn, contact).await?;
            write::put_closed(conn, &[Closed { contact: contact.clone(), last, at: erased.at, past: None }]).await?;
        }
        // As long as before, so that it is written over where it stands: see `erase`.
        const KEY: &str = "UPDATE life_key SET sealed = zeroblob(length(sealed)) WHERE born = ?";
        sqlx::query(KEY).bind(born).execute(&mut *conn).await?;
        const SAID: &str = "UPDATE life SET erased_at = ?, erased_by = ? WHERE born = ?";
        sqlx::query(SAID).bind(erased.at.0).bind(&erased.by).bind(born).execute(&mut *conn).await?;
    }
    Ok(!lives.is_empty())
}
