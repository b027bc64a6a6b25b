//! Documents and the audit log.

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{Shared, tokens, write::Writer};
use crate::{
    core::ids::Timestamp,
    store::{AuditLine, AuditOf, Change, ChangeError, Document, DocumentKind, StoreError, TokensMove},
};

impl Shared {
    pub(super) async fn documents(&self, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = of_kind(&mut lease.open, kind).await;
        lease.settle(result)
    }

    pub(super) async fn document(&self, kind: DocumentKind, name: &str) -> Result<Option<Document>, StoreError> {
        let mut lease = self.reader.lease().await?;
        let result = find(&mut lease.open, kind, name).await;
        lease.settle(result)
    }

    pub(super) async fn change_documents(
        &self,
        changes: &[Change],
        moves: &[TokensMove],
        line: &AuditLine,
    ) -> Result<Vec<u64>, ChangeError> {
        let mut lease = self.writer.lease().await?;
        let (result, conflict) = match change(&mut lease.open, changes, moves, line).await {
            Ok(versions) => (Ok(versions), None),
            // The connection is as good as before.
            Err(ChangeError::Conflict { kind, name, found }) => (Ok(Vec::new()), Some((kind, name, found))),
            Err(ChangeError::Store(error)) => (Err(error), None),
        };
        let versions = lease.settle(result)?;
        match conflict {
            Some((kind, name, found)) => Err(ChangeError::Conflict { kind, name, found }),
            None => Ok(versions),
        }
    }

    pub(super) async fn audit(&self, of: &AuditOf, limit: usize) -> Result<Vec<(u64, AuditLine)>, StoreError> {
        // What is looked at is bounded by the numbers: `id` is the table's own key.
        const NEWEST: &str = "SELECT id, at, by, action, subject, before, after FROM audit WHERE id < ?1 AND id >= ?2 \
            AND (?3 IS NULL OR by = ?3) AND (?4 IS NULL OR action = ?4) AND (?5 = '' OR instr(lower(subject), ?5)) \
            AND at >= ?6 AND at < ?7 ORDER BY id DESC LIMIT ?8";
        let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let query = sqlx::query(NEWEST)
            .bind(of.before.map_or(i64::MAX, number))
            .bind(of.since.map_or(0, number))
            .bind(of.by.as_deref())
            .bind(of.action.as_deref())
            .bind(of.subject.to_ascii_lowercase())
            .bind(of.from.map_or(i64::MIN, |it| it.0))
            .bind(of.until.map_or(i64::MAX, |it| it.0))
            .bind(limit);
        let mut lease = self.reader.lease().await?;
        let result = query.fetch_all(&mut lease.open).await;
        lease.settle(result.map_err(StoreError::from))?.iter().map(audit_line).collect()
    }
}

pub(super) async fn of_kind(conn: &mut SqliteConnection, kind: DocumentKind) -> Result<Vec<Document>, StoreError> {
    const OF_KIND: &str =
        "SELECT name, version, body, changed_at, changed_by FROM document WHERE kind = ? ORDER BY name";
    let rows = sqlx::query(OF_KIND).bind(kind.label()).fetch_all(conn).await?;
    rows.iter().map(|row| document(kind, row)).collect()
}

async fn change(
    writer: &mut Writer,
    changes: &[Change],
    moves: &[TokensMove],
    line: &AuditLine,
) -> Result<Vec<u64>, ChangeError> {
    let mut transaction = writer.conn.begin_with("BEGIN IMMEDIATE").await.map_err(StoreError::from)?;
    let mut versions = Vec::with_capacity(changes.len());
    for change in changes {
        let found = find(&mut transaction, change.kind, &change.name).await?;
        if !change.expected.holds(found.as_ref()) {
            transaction.rollback().await.map_err(StoreError::from)?;
            let (kind, name) = (change.kind, change.name.clone());
            return Err(ChangeError::Conflict { kind, name, found: found.map(Box::new) });
        }
    }
    for change in changes {
        versions.push(put(&mut transaction, change, line).await?);
    }
    for it in moves {
        tokens::carry(&mut transaction, it).await?;
    }
    append(&mut transaction, line).await?;
    transaction.commit().await.map_err(StoreError::from)?;
    Ok(versions)
}

/// Of the audit log.
pub(super) async fn append(conn: &mut SqliteConnection, line: &AuditLine) -> Result<(), StoreError> {
    const APPEND: &str = "INSERT INTO audit (at, by, action, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)";
    sqlx::query(APPEND)
        .bind(line.at.0)
        .bind(&line.by)
        .bind(&line.action)
        .bind(&line.subject)
        .bind(&line.before)
        .bind(&line.after)
        .execute(conn)
        .await?;
    Ok(())
}

async fn put(conn: &mut SqliteConnection, change: &Change, line: &AuditLine) -> Result<u64, StoreError> {
    const RAISE: &str = "UPDATE document_version SET last = last + 1 RETURNING last";
    let version: i64 = sqlx::query_scalar(RAISE).fetch_one(&mut *conn).await?;
    match &change.body {
        Some(body) => {
            const PUT: &str = "INSERT INTO document VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (kind, name) DO UPDATE SET \
                 version = excluded.version, body = excluded.body, changed_at = excluded.changed_at, \
                 changed_by = excluded.changed_by";
            sqlx::query(PUT)
                .bind(change.kind.label())
                .bind(&change.name)
                .bind(version)
                .bind(body.as_slice())
                .bind(line.at.0)
                .bind(&line.by)
                .execute(conn)
                .await?;
        }
        None => {
            let gone = sqlx::query("DELETE FROM document WHERE kind = ? AND name = ?");
            gone.bind(change.kind.label()).bind(&change.name).execute(conn).await?;
        }
    }
    Ok(version.unsigned_abs())
}

async fn find(conn: &mut SqliteConnection, kind: DocumentKind, name: &str) -> Result<Option<Document>, StoreError> {
    const ONE: &str = "SELECT name, version, body, changed_at, changed_by FROM document WHERE kind = ? AND name = ?";
    let row = sqlx::query(ONE).bind(kind.label()).bind(name).fetch_optional(conn).await?;
    row.map(|row| document(kind, &row)).transpose()
}

fn document(kind: DocumentKind, row: &SqliteRow) -> Result<Document, StoreError> {
    Ok(Document {
        kind,
        name: row.try_get(0)?,
        version: row.try_get::<i64, _>(1)?.unsigned_abs(),
        body: row.try_get(2)?,
        changed_at: Timestamp(row.try_get(3)?),
        changed_by: row.try_get(4)?,
    })
}

fn audit_line(row: &SqliteRow) -> Result<(u64, AuditLine), StoreError> {
    let line = AuditLine {
        at: Timestamp(row.try_get(1)?),
        by: row.try_get(2)?,
        action: row.try_get(3)?,
        subject: row.try_get(4)?,
        before: row.try_get(5)?,
        after: row.try_get(6)?,
    };
    Ok((row.try_get::<i64, _>(0)?.unsigned_abs(), line))
}
