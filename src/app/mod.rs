//! The one place where parts are put together: what commands need, [`serve()`] for the gateway itself.

mod change;
mod connectors;
pub mod converse;
pub mod demo;
mod erase;
pub mod keeping;
pub mod lint;
mod lives;
mod machine;
mod moved;
mod office;
mod overhaul;
mod past;
mod profiles;
mod rehearse;
pub mod replay;
mod secured;
mod serve;
mod timeline;
mod tokens;
mod transfer;
mod trial;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    clock::Clock,
    config::{
        self, Environment, Finding, Findings, Kept, Loaded, Managed, Preview, SecretError, Severity, Sources,
        settings::{self, Profile},
    },
    core::{
        hex,
        said::{Said, said},
    },
    egress::Names,
    gateway::ports::AskError,
    manager::ports::Checked,
    nlp,
    store::{Store, StoreError, seal::Sealer, sqlite::Sqlite},
};

pub use erase::erase;
pub use lives::serve;
pub use machine::raise_open_files;
pub use office::Office;
pub use rehearse::{kept_tests, rehearse};
pub use serve::{Listeners, Running};
pub use timeline::{begun, timeline};
pub use tokens::{TokenOf, connector_tokens, reload_connector_token, token_names};
pub use transfer::{Leaves, Plan, export_to, import_from};
pub use trial::{Overheard, Trial};

/// A door cannot be opened or a neighbour not be reached: the process ends with its own exit code.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct CannotConnect {
    pub what: String,
    #[source]
    pub source: std::io::Error,
}

/// Loads the configuration, with the secrets that the store holds.
///
/// # Errors
/// When the configuration cannot be used.
pub async fn load(sources: &Sources) -> Result<Loaded, Findings> {
    // What hinders the preview is found again by `config::load`, among everything else.
    let Ok(preview) = config::preview(sources) else {
        return config::load(sources, &nlp::schemas(), &|_| Err(SecretError::Unknown));
    };
    load_beside(sources, &preview.store).await
}

/// With what the store at `store` holds, whatever the configuration says of it: a running gateway's stays where it is.
async fn load_beside(sources: &Sources, store: &Path) -> Result<Loaded, Findings> {
    match managed(store).await {
        Ok(managed) => load_with(Sources { managed, ..sources.clone() }, store).await,
        Err(error) => Err(unreadable_store(store, &error)),
    }
}

/// With these documents of the Web Manager's, whatever the store holds.
async fn load_with(sources: Sources, store: &Path) -> Result<Loaded, Findings> {
    let keeper = Keeper::of(&sources, store).await;
    config::load(&sources, &nlp::schemas(), &|kept| keeper.find(kept))
}

/// With what a store holds that may take the place of the one that is there, and the key that opens it.
async fn load_on(sources: &Sources, store: &dyn Store, key: Option<&Sealer>) -> Result<Loaded, Findings> {
    let unreadable = |error: &StoreError| unreadable_store(Path::new("the backup"), error);
    let documents = change::documents(store).await.map_err(|error| unreadable(&error))?;
    let sources = Sources { managed: documents.iter().filter_map(change::managed).collect(), ..sources.clone() };
    let names = config::preview(&sources).map(|it| it.secrets).unwrap_or_default();
    let stored = match key {
        Some(sealer) => open_secrets(sealer, store, &names).await,
        None => BTreeMap::new(),
    };
    let keeper = Keeper { stored, sealer: Ok(key.cloned()) };
    config::load(&sources, &nlp::schemas(), &|kept| keeper.find(kept))
}

/// What the store and its master key give of a configuration's secrets.
struct Keeper {
    stored: BTreeMap<String, Result<SecretString, SecretError>>,
    sealer: Result<Option<Sealer>, String>,
}

impl Keeper {
    async fn of(sources: &Sources, store: &Path) -> Self {
        let names = config::preview(sources).map(|it| it.secrets).unwrap_or_default();
        let stored = stored_secrets(store, &sources.environment, &names).await;
        let sealer = keeping::find_key(store, &sources.environment).await;
        Self { stored, sealer: sealer.map_err(|error| format!("{error:#}")) }
    }

    fn find(&self, kept: Kept<'_>) -> Result<SecretString, SecretError> {
        let text = match kept {
            Kept::Named(name) => return self.stored.get(name).cloned().unwrap_or(Err(SecretError::Unknown)),
            Kept::Sealed(text) => text,
        };
        let sealer = match &self.sealer {
            Ok(Some(sealer)) => sealer,
            Ok(None) => return Err(SecretError::Unreadable(said!("there is no master key here"))),
            Err(error) => return Err(SecretError::Unreadable(Said::foreign(error.clone()))),
        };
        unsealed(sealer, text)
            .map_err(|error| SecretError::Unreadable(said!("it cannot be opened: {}", format!("{error:#}"))))
    }
}

fn unreadable_store(directory: &Path, error: &StoreError) -> Findings {
    let message = said!("the Web Manager's documents in {} cannot be read: {}", directory.display(), error.source);
    let help = said!("look at the disk and at who may read it");
    let finding = Finding { severity: Severity::Error, message, help, location: None, setting: None };
    Findings { list: vec![finding], files: Vec::new() }
}

/// What of the configuration the Web Manager keeps in the store at `directory`, if there is one.
async fn managed(directory: &Path) -> Result<Vec<Managed>, StoreError> {
    let mut managed = Vec::new();
    for kind in change::KINDS {
        managed.extend(Sqlite::documents_at(directory, kind).await?.iter().filter_map(change::managed));
    }
    Ok(managed)
}

/// What can be known of a configuration without judging it, the Web Manager's part included.
///
/// # Errors
/// When the configuration file or the store cannot be read at all.
pub async fn preview(sources: &Sources) -> Result<Preview, Findings> {
    let preview = config::preview(sources)?;
    match managed(&preview.store).await {
        Ok(managed) => config::preview(&Sources { managed, ..sources.clone() }),
        Err(error) => Err(unreadable_store(&preview.store, &error)),
    }
}

/// What secrets of the Web Manager's documents are sealed as.
const SEALED_AS: &str = "configuration";

fn unsealed(sealer: &Sealer, text: &str) -> anyhow::Result<SecretString> {
    let bytes = hex::decode(text).context("it is no sealed secret")?;
    open_secret(sealer, SEALED_AS, &bytes)
}

/// Opens each named secret of the store at `directory`. Creates nothing.
async fn stored_secrets(
    directory: &Path,
    environment: &Environment,
    names: &BTreeSet<String>,
) -> BTreeMap<String, Result<SecretString, SecretError>> {
    let unreadable = |error: anyhow::Error| SecretError::Unreadable(Said::foreign(format!("{error:#}")));
    if names.is_empty() {
        return BTreeMap::new();
    }
    let opened = async {
        let Some(sealer) = keeping::find_key(directory, environment).await? else {
            bail!("there is no master key in {}", directory.display())
        };
        anyhow::Ok((sealer, existing_store(directory).await?))
    };
    let (sealer, store) = match opened.await.map_err(unreadable) {
        Ok(opened) => opened,
        Err(error) => return names.iter().map(|name| (name.clone(), Err(error.clone()))).collect(),
    };
    open_secrets(&sealer, &*store, names).await
}

async fn open_secrets(
    sealer: &Sealer,
    store: &dyn Store,
    names: &BTreeSet<String>,
) -> BTreeMap<String, Result<SecretString, SecretError>> {
    let unreadable = |error: anyhow::Error| SecretError::Unreadable(Said::foreign(format!("{error:#}")));
    let mut secrets = BTreeMap::new();
    for name in names {
        let secret = match store.secret(name).await {
            Ok(Some(sealed)) => open_secret(sealer, name, &sealed).map_err(unreadable),
            Ok(None) => Err(SecretError::Unknown),
            Err(error) => Err(unreadable(error.into())),
        };
        secrets.insert(name.clone(), secret);
    }
    secrets
}

fn open_secret(sealer: &Sealer, name: &str, sealed: &[u8]) -> anyhow::Result<SecretString> {
    let bytes = sealer.open(name, sealed)?;
    Ok(SecretString::from(std::str::from_utf8(&bytes)?))
}

/// Seals a secret into the store at `directory`; creates the master key when there is none.
///
/// # Errors
/// When the key or the store cannot be used.
pub async fn put_secret(
    directory: &Path,
    environment: &Environment,
    name: &str,
    value: &SecretString,
) -> anyhow::Result<()> {
    // The store makes its directory, closed to others.
    let store = open_store(directory).await?;
    let sealer = keeping::take_key(directory, environment, &*store).await?;
    let sealed = sealer.seal(name, value.expose_secret().as_bytes())?;
    Ok(store.put_secret(name, &sealed).await?)
}

/// Names of the secrets that the store at `directory` holds.
///
/// # Errors
/// When the store cannot be read.
pub async fn secret_names(directory: &Path) -> anyhow::Result<Vec<String>> {
    let names = existing_store(directory).await?.secret_names().await?;
    // Others are the store's own.
    Ok(names.into_iter().filter(|it| !it.contains('/')).collect())
}

/// The store at `directory`, without taking its shards: another process may own them.
async fn open_store(directory: &Path) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(Sqlite::open(directory).await?))
}

/// The same, but only if it is there; nothing is created or changed.
async fn existing_store(directory: &Path) -> anyhow::Result<Arc<dyn Store>> {
    Ok(Arc::new(Sqlite::open_existing(directory).await?))
}

/// Asks each of the profile's language engines whether it takes its credential; says what they answered, each with its name.
///
/// # Errors
/// When egress cannot be set up.
pub async fn check_online(profile: &Profile, egress: &settings::Egress) -> anyhow::Result<Vec<Checked>> {
    let names = Names::new(&egress.resolvers, egress.stale_addresses_for)?;
    let deps = nlp::Deps::new(Clock::system(), Arc::new(names));
    let mut answers = Vec::new();
    for (name, engine) in profile.engines.all() {
        let answer = nlp::check_credential(engine, profile, &deps).await.map(|report| {
            let account = report.account.unwrap_or_else(|| said!("no credential"));
            match report.about {
                Ok(about) => said!("answers to {}: {}", account, about),
                Err(error) => said!("answers to {}; its settings cannot be read: {}", account, error.advice),
            }
        });
        answers.push((name.to_owned(), answer.map_err(|error| with_causes(&error))));
    }
    Ok(answers)
}

/// The advice, and what others say of it.
fn with_causes(error: &AskError) -> Said {
    let mut said = error.advice.clone();
    let mut cause = std::error::Error::source(error);
    while let Some(it) = cause {
        said = said!("{}: {}", said, it);
        cause = it.source();
    }
    said
}
