//! The master key that fits a store: the store keeps a word sealed under it, so that a wrong one is known before it does harm.

use std::path::Path;

use anyhow::Context as _;

use crate::{
    config::Environment,
    gateway::storage::Store,
    seal::{KEY_FILE, KeyId, Keyring, SealError, Sealer},
    store::sqlite::Sqlite,
};

/// What the word is kept as.
pub(in crate::app) const PROBE: &str = "usher/master-key";
pub(super) const WORD: &[u8] = b"usher";

/// The key of the store in `directory`; `None`: there is none. Changes nothing.
///
/// # Errors
/// When it cannot be read, or a rotation was cut off and neither of its keys fits.
pub async fn find(directory: &Path, environment: &Environment) -> anyhow::Result<Option<Sealer>> {
    let ring = Keyring::read(directory, environment.master_key().as_ref())?;
    if ring.has_next()
        && let Some(probe) = Sqlite::secret_at(directory, PROBE).await?
    {
        return Ok(Some(ring.fitting(PROBE, &probe)?.clone()));
    }
    Ok(ring.now().cloned())
}

/// The same for whoever is going to seal: it is made where there is none yet, and known by the store from then on. A rotation
/// that was cut off comes to its end.
///
/// # Errors
/// [`SealError::NotTheStores`] when the store was sealed under another one, and those of the store and the files.
pub(in crate::app) async fn take(
    directory: &Path,
    environment: &Environment,
    store: &dyn Store,
) -> anyhow::Result<Sealer> {
    let from_environment = environment.master_key();
    if let Some(probe) = store.secret(PROBE).await? {
        let ring = Keyring::read(directory, from_environment.as_ref())?;
        let sealer = ring.fitting(PROBE, &probe)?.clone();
        if ring.has_next() {
            settle(directory, ring.now().map(Sealer::id), sealer.id())?;
        }
        return Ok(sealer);
    }
    let sealer = Sealer::open_or_create(directory, from_environment.as_ref())?;
    // Of a version that left no word: what it sealed says as much.
    for name in store.secret_names().await? {
        if let Some(sealed) = store.secret(&name).await? {
            sealer.open(&name, &sealed)?;
            break;
        }
    }
    store.put_secret(PROBE, &sealer.seal(PROBE, WORD)?).await?;
    Ok(sealer)
}

pub(super) fn settle(directory: &Path, now: Option<KeyId>, fitting: KeyId) -> Result<(), SealError> {
    if now == Some(fitting) { Keyring::forget_next(directory) } else { Keyring::advance(directory) }
}

/// The key in a file that somebody has named.
///
/// # Errors
/// When there is no such file, or it cannot be read.
pub fn named(path: &Path) -> anyhow::Result<Sealer> {
    Sealer::read(path)?.with_context(|| format!("there is no {}", path.display()))
}

/// Where the key comes from, its id, and whether it is the store's; never the key.
///
/// # Errors
/// When there is none, or it cannot be read, or is not the store's.
pub async fn told(directory: &Path, environment: &Environment) -> anyhow::Result<String> {
    let ring = Keyring::read(directory, environment.master_key().as_ref())?;
    let probe = Sqlite::secret_at(directory, PROBE).await?;
    let sealer = match &probe {
        Some(probe) => Some(ring.fitting(PROBE, probe)?),
        None => ring.now(),
    };
    let sealer = sealer.with_context(|| format!("there is no master key in {}", directory.display()))?;
    let place = if ring.is_from_environment() {
        "USHER_MASTER_KEY".to_owned()
    } else {
        directory.join(KEY_FILE).display().to_string()
    };
    Ok(format!("{} from {place}\n", sealer.id()))
}
