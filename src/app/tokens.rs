//! Tokens that connectors dial in with: made here, told once, kept as their SHA-256.

use std::{path::Path, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{existing_store, open_store};
use crate::{
    clock::Clock,
    config::settings::Profile,
    core::ids::{ProfileName, UnitName},
    nlp,
    store::ConnectorToken,
};

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
    let token = SecretString::from(format!("{PREFIX}{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()));
    let now = Clock::system().now();
    let kept = ConnectorToken {
        unit: of.unit,
        profile: of.profile,
        name: of.name,
        sha256: Sha256::digest(token.expose_secret().as_bytes()).into(),
        made_at: now,
        valid_until: None,
    };
    let store = open_store(directory).await?;
    store.put_connector_token(&kept, now + grace).await?;
    Ok(token)
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
