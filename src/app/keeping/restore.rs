//! `usher restore`: a backup takes the place of a store, once everything about it has been found good. Until then nothing is
//! changed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::BufReader,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tokio::task::spawn_blocking;

use super::{
    archive::{Unpacked, unpack},
    key::PROBE,
    told, with_reason,
};
use crate::{
    clock::Clock,
    config::Environment,
    seal::{Keyring, Sealer},
    store::{
        AuditLine,
        sqlite::{Alone, Loose},
    },
};

/// What is to be restored, and how.
#[derive(Clone, Debug)]
pub struct Restore {
    pub file: PathBuf,
    /// A store that is there is put aside.
    pub replace: bool,
    /// Where the master key is, if not in the store's directory, in the environment or in the backup.
    pub key: Option<PathBuf>,
    /// Contacts that were open go on: no gateway has run since the backup was made.
    pub keep_contacts: bool,
    /// Look at the backup alone.
    pub check: bool,
}

/// Says what was done.
///
/// # Errors
/// When anything about the backup, its key or the store's directory is not good; nothing was changed then.
pub async fn restore(directory: &Path, environment: &Environment, order: Restore) -> anyhow::Result<String> {
    let shown = order.file.display().to_string();
    if order.check {
        let beside = order.file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
        let staging = Staging::new(beside)?;
        let good = examine(&staging, directory, environment, &order).await?;
        return Ok(format!("{shown} is good: {}{}\n", told(&good.unpacked.manifest.holds), good.about_key()));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| format!("{} cannot be made", directory.display()))?;
    let alone = Alone::take(directory).map_err(with_reason)?;
    let is_used = ["usher.db", "usher.db-wal"].iter().any(|it| directory.join(it).exists());
    if is_used && !order.replace {
        bail!("there is a store in {}: say --replace to put it aside", directory.display())
    }
    let staging = Staging::new(directory)?;
    let good = examine(&staging, directory, environment, &order).await?;
    let manifest = &good.unpacked.manifest;
    let line = AuditLine {
        at: Clock::system().now(),
        by: "cli".to_owned(),
        action: "store.restored".to_owned(),
        subject: format!("backup of {:.0}", manifest.made_at),
        before: None,
        after: Some(told(&manifest.holds)),
    };
    Loose::at(staging.database()).restored(&line, order.keep_contacts).await.map_err(with_reason)?;

    let aside = if is_used { Some(aside(directory, line.at.0)?) } else { None };
    // As a rotation does it: whenever this is cut off, one of two keys fits.
    let changes_key = good.changes_key(directory, environment)?;
    if let Some(sealer) = changes_key {
        Keyring::prepare(directory, sealer)?;
    }
    alone.replace(&staging.database(), aside.as_deref()).await.map_err(with_reason)?;
    if changes_key.is_some() {
        Keyring::advance(directory)?;
    }
    let mut text = format!("restored the backup of {:.0}: {}\n", manifest.made_at, told(&manifest.holds));
    if let Some(aside) = &aside {
        text += &format!("The store that was here lies in {}.\n", aside.display());
    }
    match (manifest.holds.open, order.keep_contacts) {
        (0, _) => {}
        (open, false) => {
            text += &format!("{open} contacts were open: at the next start they end, and their timelines say so.\n");
        }
        (open, true) => text += &format!("{open} contacts were open: they go on.\n"),
    }
    if manifest.holds.contacts > 0 {
        text += "Contacts that were erased after the backup are readable again: erase them anew (docs/privacy.md).\n";
    }
    Ok(text)
}

/// Where a backup is unpacked before it is trusted.
struct Staging(PathBuf);

impl Staging {
    fn new(beside: &Path) -> anyhow::Result<Self> {
        let path = beside.join(format!(".usher-restore-{:016x}", rand::random::<u64>()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("{} cannot be written", beside.display()))?;
        Ok(Self(path))
    }

    fn database(&self) -> PathBuf {
        self.0.join("usher.db")
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "what a restore unpacked cannot be removed");
        }
    }
}

/// A backup that may be put in a store's place.
struct Good {
    unpacked: Unpacked,
    /// The key that it is sealed under; `None`: nothing in it is sealed.
    key: Option<Sealer>,
}

impl Good {
    fn about_key(&self) -> String {
        self.key.as_ref().map(|it| format!("; the master key {} opens it", it.id())).unwrap_or_default()
    }

    /// The key that must take the place of the one in the directory.
    fn changes_key(&self, directory: &Path, environment: &Environment) -> anyhow::Result<Option<&Sealer>> {
        if environment.master_key().is_some() {
            return Ok(None);
        }
        let now = Keyring::read(directory, None)?.now().map(Sealer::id);
        Ok(self.key.as_ref().filter(|it| now != Some(it.id())))
    }
}

async fn examine(
    staging: &Staging,
    directory: &Path,
    environment: &Environment,
    order: &Restore,
) -> anyhow::Result<Good> {
    let shown = order.file.display().to_string();
    let archive = File::open(&order.file).with_context(|| format!("{shown} cannot be read"))?;
    let to = staging.database();
    let unpacked = spawn_blocking(move || {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        let unpacked = unpack(&mut BufReader::new(archive), &mut out)?;
        out.sync_all()?;
        anyhow::Ok(unpacked)
    })
    .await?
    .with_context(|| shown.clone())?;
    let loose = Loose::at(staging.database());
    let looked = loose.look().await.map_err(with_reason);
    looked.with_context(|| format!("{shown} holds a database that this version cannot use"))?;
    let whole = loose.is_whole().await.map_err(with_reason);
    whole.with_context(|| format!("{shown} holds a damaged database"))?;
    let probe = loose.secret(PROBE).await.map_err(with_reason)?;
    let key = match &probe {
        Some(probe) => Some(key(probe, directory, environment, order, &unpacked)?),
        None => None,
    };
    Ok(Good { unpacked, key })
}

/// The key that opens what the backup's store keeps for that: the environment's, the one that was named, the backup's own, or one of the
/// directory's.
fn key(
    probe: &[u8],
    directory: &Path,
    environment: &Environment,
    order: &Restore,
    unpacked: &Unpacked,
) -> anyhow::Result<Sealer> {
    let id = Sealer::id_of(probe).context("the backup's word under its master key is not ours")?;
    let ring = Keyring::read(directory, environment.master_key().as_ref())?;
    if ring.is_from_environment() {
        return Ok(ring.fitting(PROBE, probe)?.clone());
    }
    let named = match &order.key {
        Some(path) => Some(Sealer::read(path)?.with_context(|| format!("there is no {}", path.display()))?),
        None => None,
    };
    let own = unpacked.key.as_ref().map(|it| Sealer::from_text(&it.as_str().to_owned().into())).transpose()?;
    let old = Keyring::old(directory, id)?;
    let candidates = [named, own, ring.now().cloned(), old];
    candidates.into_iter().flatten().find(|it| it.open(PROBE, probe).is_ok()).with_context(|| {
        format!(
            "no master key here opens this backup, which is sealed under the key {id}: name the file that holds it with --key, or give it as \
             USHER_MASTER_KEY"
        )
    })
}

/// Where the store goes that was here.
fn aside(directory: &Path, now_ms: i64) -> anyhow::Result<PathBuf> {
    let moment = jiff::Timestamp::from_millisecond(now_ms)?.strftime("%Y%m%dT%H%M%SZ").to_string();
    let path = directory.join(format!("replaced-{moment}"));
    DirBuilder::new().mode(0o700).create(&path).with_context(|| format!("{} cannot be made", path.display()))?;
    Ok(path)
}
