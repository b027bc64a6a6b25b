//! Tokens that connectors dial in with: made here, told once, kept as their SHA-256.

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{existing_store, open_store};
use crate::{
    clock::Clock,
    config::settings::Profile,
    core::ids::{ProfileName, Timestamp, UnitName},
    manager::ports::{NewToken, TokenOrder},
    nlp,
    store::{AuditLine, ConnectorToken, Expected, Store, StoreError},
};

/// How long a token before the newest stays good, where nobody says otherwise.
const GRACE: Duration = Duration::from_secs(15 * 60);

/// Begins every token, so that people and scanners of leaked secrets know what they see.
const PREFIX: &str = "usher-connector-";

/// Whose token it is.
#[derive(Clone, Debug)]
pub struct TokenOf {
    pub unit: UnitName,
    pub profile: ProfileName,
    /// Mostly empty: see the profile's `connector.token_name`.
    pub name: String,
}

/// Makes a new token in the store at `directory`; the one before it is good for `grace` more. A running gateway notices by itself.
///
/// # Errors
/// When the store cannot be used.
pub async fn reload_connector_token(directory: &Path, of: TokenOf, grace: Duration) -> anyhow::Result<SecretString> {
    let now = Clock::system().now();
    let (token, kept) = make(of, now);
    let store = open_store(directory).await?;
    store.put_connector_token(&kept, now + grace, Expected::Any, None).await?;
    Ok(token)
}

/// The same, by the Web Manager: with a line of the audit log, and in the place of the one that was seen alone; `None`: that is not
/// the current one.
pub(super) async fn reload(
    store: &dyn Store,
    clock: &Clock,
    order: TokenOrder,
) -> Result<Option<NewToken>, StoreError> {
    let TokenOrder { by, unit, profile, name, seen } = order;
    let expected = if seen == 0 { Expected::New } else { Expected::Version(seen) };
    // Two of a name never have the same version, however soon the one follows the other.
    let now = clock.now().max(Timestamp(seen.cast_signed().saturating_add(1)));
    let line = AuditLine {
        at: now,
        by,
        action: "token.reloaded".to_owned(),
        subject: format!("{unit}/{profile}"),
        before: None,
        after: (!name.is_empty()).then(|| format!("token_name = {name}")),
    };
    let (token, kept) = make(TokenOf { unit, profile, name: name.clone() }, now);
    let is_put = store.put_connector_token(&kept, now + GRACE, expected, Some(&line)).await?;
    Ok(is_put.then(|| NewToken { token, version: ConnectorToken::version_of(&[kept], &name) }))
}

fn make(of: TokenOf, now: Timestamp) -> (SecretString, ConnectorToken) {
    let token = SecretString::from(format!("{PREFIX}{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()));
    let kept = ConnectorToken {
        unit: of.unit,
        profile: of.profile,
        name: of.name,
        sha256: Sha256::digest(token.expose_secret().as_bytes()).into(),
        made_at: now,
        valid_until: None,
    };
    (token, kept)
}

/// All tokens of the store at `directory`, those that are good no more included.
///
/// # Errors
/// When the store cannot be read.
pub async fn connector_tokens(directory: &Path) -> anyhow::Result<Vec<ConnectorToken>> {
    Ok(existing_store(directory).await?.connector_tokens().await?)
}

/// The names of the tokens by which a profile's connectors dial in.
pub fn token_names(profile: &Profile) -> impl Iterator<Item = &str> {
    profile.engines.all().filter_map(|(_, engine)| nlp::connector::token_name(engine))
}
