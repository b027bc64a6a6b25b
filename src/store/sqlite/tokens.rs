//! Tokens of connectors.

use sqlx::{Connection, Row, SqliteConnection, sqlite::SqliteRow};

use super::{Shared, block::corrupt, documents, write::Writer};
use crate::{
    core::ids::{ProfileName, Timestamp, UnitName},
    store::{AuditLine, ConnectorToken, Expected, StoreError, TokensMove},
};

impl Shared {
    pub(super) async fn put_connector_token(
        &self,
        token: &ConnectorToken,
        grace: Timestamp,
        expected: Expected,
        line: Option<&AuditLine>,
    ) -> Result<bool, StoreError> {
        let mut lease = self.writer.lease().await?;
        let result = put(&mut lease.open, (token, expected), grace, line).await;
        lease.settle(result)
    }

    pub(super) async fn connector_tokens(&self) -> Result<Vec<ConnectorToken>, StoreError> {
        const ALL: &str = "SELECT sha256, unit, profile, name, made_at, valid_until FROM connector_token
             ORDER BY unit, profile, name, made_at DESC, sha256";
        let mut lease = self.reader.lease().await?;
        let result = sqlx::query(ALL).fetch_all(&mut lease.open).await;
        lease.settle(result.map_err(StoreError::from))?.iter().map(read).collect()
    }
}

async fn put(
    writer: &mut Writer,
    (token, expected): (&ConnectorToken, Expected),
    grace: Timestamp,
    line: Option<&AuditLine>,
) -> Result<bool, StoreError> {
    let mut transaction = writer.conn.begin_with("BEGIN IMMEDIATE").await?;
    const CURRENT: &str = "SELECT sha256, unit, profile, name, made_at, valid_until FROM connector_token
         WHERE unit = ? AND profile = ? AND name = ? AND valid_until IS NULL";
    let current = sqlx::query(CURRENT).bind(token.unit.as_str()).bind(token.profile.as_str()).bind(&token.name);
    let current = current.fetch_optional(&mut *transaction).await?.as_ref().map(read).transpose()?;
    if !ConnectorToken::is_expected(current.as_ref(), expected) {
        return Ok(false);
    }
    let over = sqlx::query("DELETE FROM connector_token WHERE valid_until < ?").bind(token.made_at.0);
    over.execute(&mut *transaction).await?;
    const LIMIT: &str = "UPDATE connector_token SET valid_until = min(coalesce(valid_until, ?1), ?1)
         WHERE unit = ?2 AND profile = ?3 AND name = ?4";
    sqlx::query(LIMIT)
        .bind(grace.0)
        .bind(token.unit.as_str())
        .bind(token.profile.as_str())
        .bind(&token.name)
        .execute(&mut *transaction)
        .await?;
    sqlx::query("INSERT INTO connector_token VALUES (?, ?, ?, ?, ?, ?)")
        .bind(token.sha256.as_slice())
        .bind(token.unit.as_str())
        .bind(token.profile.as_str())
        .bind(&token.name)
        .bind(token.made_at.0)
        .bind(token.valid_until.map(|it| it.0))
        .execute(&mut *transaction)
        .await?;
    if let Some(line) = line {
        documents::append(&mut transaction, line).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

/// Within the change that gives their profile another name, or takes it away.
pub(super) async fn carry(conn: &mut SqliteConnection, TokensMove { from, to }: &TokensMove) -> Result<(), StoreError> {
    const GONE: &str = "DELETE FROM connector_token WHERE unit = ? AND profile = ?";
    const MOVED: &str = "UPDATE connector_token SET unit = ?, profile = ? WHERE unit = ? AND profile = ?";
    let (unit, profile) = to.as_ref().unwrap_or(from);
    sqlx::query(GONE).bind(unit.as_str()).bind(profile.as_str()).execute(&mut *conn).await?;
    if to.is_some() {
        let moved = sqlx::query(MOVED).bind(unit.as_str()).bind(profile.as_str());
        moved.bind(from.0.as_str()).bind(from.1.as_str()).execute(conn).await?;
    }
    Ok(())
}

fn read(row: &SqliteRow) -> Result<ConnectorToken, StoreError> {
    let sha256: Vec<u8> = row.try_get(0)?;
    let (unit, profile): (String, String) = (row.try_get(1)?, row.try_get(2)?);
    let unreadable = |what: &str| corrupt(format!("a connector's token has no readable {what}"));
    Ok(ConnectorToken {
        sha256: sha256.try_into().map_err(|_other: Vec<u8>| unreadable("digest"))?,
        unit: UnitName::try_from(unit).map_err(|_bad| unreadable("business unit"))?,
        profile: ProfileName::try_from(profile).map_err(|_bad| unreadable("profile"))?,
        name: row.try_get(3)?,
        made_at: Timestamp(row.try_get(4)?),
        valid_until: row.try_get::<Option<i64>, _>(5)?.map(Timestamp),
    })
}
