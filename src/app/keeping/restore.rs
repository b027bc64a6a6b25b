//! `usher restore`: a backup takes the place of a store, once everything about it has been found good. Until then nothing is
//! changed.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader},
    iter,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::bail;
use tokio::task::spawn_blocking;

use super::{
    archive::{Manifest, Unpacked, unpack},
    carried::Carried,
    key::PROBE,
    staged::SHOWN,
    told,
    why::{OrSaid as _, because},
    with_reason,
};
use crate::{
    app::past,
    clock::Clock,
    config::Environment,
    core::said::{Said, said},
    gateway::storage::Holdings,
    seal::{KeyId, Keyring, Sealer},
    store::{
        AuditLine,
        sqlite::{Alone, Loose},
    },
};

/// Of one second.
const MOST_ASIDE: u32 = 100;

/// What a staging directory's name begins with.
pub(super) const STAGING: &str = ".usher-restore-";

/// Nothing that is here opens a backup.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.tell())]
pub(super) struct NoKey(pub(super) KeyId);

impl NoKey {
    pub(super) fn tell(&self) -> Said {
        said!(
            "no master key here opens this backup, which is sealed under the key {}: name the file that holds it with --key, or give it as USHER_MASTER_KEY",
            self.0
        )
    }
}

/// A backup's file.
pub(super) struct Source<'a> {
    pub(super) file: &'a Path,
    /// What errors call it.
    pub(super) shown: &'a Said,
    /// The master key that somebody has named for it.
    pub(super) key: Option<&'a Sealer>,
}

/// What is to be restored, and how.
#[derive(Clone, Debug)]
pub struct Restore {
    pub file: PathBuf,
    /// What errors call it.
    pub shown: Said,
    /// A store that is there is put aside.
    pub replace: bool,
    /// The master key, if it is not in the store's directory, in the environment or in the backup.
    pub key: Option<Sealer>,
    /// Contacts that were open go on: no gateway has run since the backup was made.
    pub keep_contacts: bool,
    /// Who wants it, for the audit log.
    pub by: String,
}

/// What was done, and how to have it undone.
#[derive(Debug)]
pub struct Restored {
    /// In words, line by line.
    pub told: Vec<Said>,
    /// Where the store lies that was here.
    aside: Option<PathBuf>,
    /// The master key that was here, where it was changed.
    former: Option<Sealer>,
}

/// Says what a backup holds, if it is good; changes nothing.
///
/// # Errors
/// When anything about the backup or its key is not good.
pub async fn check(
    directory: &Path,
    environment: &Environment,
    file: &Path,
    key: Option<&Sealer>,
) -> anyhow::Result<String> {
    let beside = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let staging = Staging::new(beside)?;
    let shown = Said::foreign(file.display().to_string());
    let good = examine(&staging, directory, environment, &Source { file, shown: &shown, key }).await?;
    Ok(format!("{shown} is good: {}{}\n", told(&good.manifest().holds), good.about_key()))
}

/// `usable` is shown a directory with the database as it would be, and the key that opens it, and may object.
///
/// # Errors
/// When anything about the backup, its key or the store's directory is not good; nothing was changed then.
pub async fn restore(
    directory: &Path,
    environment: &Environment,
    order: Restore,
    usable: impl AsyncFnOnce(&Path, Option<&Sealer>) -> anyhow::Result<()>,
) -> anyhow::Result<Restored> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .or_said(|| said!("{} cannot be made", directory.display()))?;
    let alone = Alone::take(directory).map_err(with_reason)?;
    let is_used = ["usher.db", "usher.db-wal"].iter().any(|it| directory.join(it).exists());
    if is_used && !order.replace {
        bail!(said!("there is a store in {}: say --replace to put it aside", directory.display()))
    }
    let staging = Staging::new(directory)?;
    let source = Source { file: &order.file, shown: &order.shown, key: order.key.as_ref() };
    let good = examine(&staging, directory, environment, &source).await?;
    let manifest = good.manifest();
    let copy = Loose::at(staging.database());
    let carried = Carried::over(&alone, is_used, &copy, manifest.made_at).await?;
    let (_, holds) = copy.look().await.map_err(with_reason)?;
    let line = AuditLine {
        at: Clock::system().now(),
        by: order.by,
        action: "store.restored".to_owned(),
        subject: format!("backup of {:.0}", manifest.made_at),
        before: None,
        after: Some(format!("{}; {}", told(&holds), carried.told())),
    };
    copy.restored(&line, order.keep_contacts).await.map_err(with_reason)?;
    usable(&staging.0, good.key.as_ref()).await?;
    tracing::debug!("the backup takes the store's place");

    let aside = if is_used { Some(aside(directory, "replaced", line.at.0)?) } else { None };
    // As a rotation does it: whenever this is cut off, one of two keys fits.
    let former = Keyring::read(directory, environment.master_key().as_ref())?.now().cloned();
    let changes_key = good.changes_key(former.as_ref(), environment);
    if let Some(sealer) = changes_key {
        Keyring::prepare(directory, sealer)?;
    }
    alone.replace(&staging.database(), aside.as_deref()).await.map_err(with_reason)?;
    if changes_key.is_some() {
        Keyring::advance(directory)?;
    }
    past::forget(directory);
    let former = former.filter(|_| changes_key.is_some());
    let mut told = about(manifest, &holds, aside.as_deref(), order.keep_contacts);
    if holds.contacts > 0 {
        told.push(carried.told());
    }
    Ok(Restored { told, aside, former })
}

fn about(manifest: &Manifest, holds: &Holdings, aside: Option<&Path>, keeps_contacts: bool) -> Vec<Said> {
    let made = format!("{:.0}", manifest.made_at);
    let mut lines = vec![said!("restored the backup of {}: {}", made, told(holds))];
    if let Some(aside) = aside {
        lines.push(said!("The store that was here lies in {}.", aside.display()));
    }
    match (holds.open, keeps_contacts) {
        (0, _) => {}
        (open, false) => {
            let told = said!("{} contacts were open: at the next start they end, and their timelines say so.", open);
            lines.push(told);
        }
        (open, true) => lines.push(said!("{} contacts were open: they go on.", open)),
    }
    lines
}

impl Restored {
    /// Puts the store back that was here, and its key.
    ///
    /// # Errors
    /// When there was none, or files cannot be moved.
    pub(in crate::app) async fn put_back(self, directory: &Path) -> anyhow::Result<()> {
        let alone = Alone::take(directory).map_err(with_reason)?;
        let before = self.aside.ok_or_else(|| because(said!("there was no store before")))?;
        // With what a start may have left of it beside.
        let unusable = aside(directory, "unusable", Clock::system().now().0)?;
        if let Some(former) = &self.former {
            Keyring::prepare(directory, former)?;
        }
        alone.replace(&before.join("usher.db"), Some(&unusable)).await.map_err(with_reason)?;
        if self.former.is_some() {
            Keyring::advance(directory)?;
        }
        fs::remove_dir_all(&before)?;
        Ok(fs::remove_dir_all(&unusable)?)
    }
}

/// Where a backup is unpacked before it is trusted.
#[derive(Debug)]
pub(super) struct Staging(PathBuf);

impl Staging {
    pub(super) fn new(beside: &Path) -> anyhow::Result<Self> {
        let path = beside.join(format!("{STAGING}{:016x}", rand::random::<u64>()));
        let made = DirBuilder::new().mode(0o700).create(&path);
        made.or_said(|| said!("{} cannot be written", beside.display()))?;
        Ok(Self(path))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
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
pub(super) struct Good {
    unpacked: Unpacked,
    /// The key that it is sealed under; `None`: nothing in it is sealed.
    pub(super) key: Option<Sealer>,
}

impl Good {
    pub(super) const fn manifest(&self) -> &Manifest {
        &self.unpacked.manifest
    }

    fn about_key(&self) -> String {
        self.key.as_ref().map(|it| format!("; the master key {} opens it", it.id())).unwrap_or_default()
    }

    /// The key that must take the place of the one in the directory.
    pub(super) fn changes_key(&self, now: Option<&Sealer>, environment: &Environment) -> Option<&Sealer> {
        let now = now.map(Sealer::id);
        self.key.as_ref().filter(|it| environment.master_key().is_none() && now != Some(it.id()))
    }
}

/// Unpacks a backup into `staging` and looks at all of it.
pub(super) async fn examine(
    staging: &Staging,
    directory: &Path,
    environment: &Environment,
    source: &Source<'_>,
) -> anyhow::Result<Good> {
    let Source { file, shown, key: named } = *source;
    let archive = File::open(file).or_said(|| said!("{} cannot be read", shown))?;
    let to = staging.database();
    let unpacked = spawn_blocking(move || {
        let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&to)?;
        let unpacked = unpack(&mut BufReader::new(archive), &mut out)?;
        out.sync_all()?;
        anyhow::Ok(unpacked)
    })
    .await?;
    // Whoever has brought it is told of the backup anyway.
    let unpacked = if *shown == SHOWN { unpacked } else { unpacked.or_said(|| shown.clone()) }?;
    let loose = Loose::at(staging.database());
    let looked = loose.look().await.map_err(with_reason);
    looked.or_said(|| said!("{} holds a database that this version cannot use", shown))?;
    let whole = loose.is_whole().await.map_err(with_reason);
    whole.or_said(|| said!("{} holds a damaged database", shown))?;
    let probe = loose.secret(PROBE).await.map_err(with_reason)?;
    let key = match &probe {
        Some(probe) => Some(key(probe, directory, environment, (named, &unpacked))?),
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
    (named, unpacked): (Option<&Sealer>, &Unpacked),
) -> anyhow::Result<Sealer> {
    let id =
        Sealer::id_of(probe).ok_or_else(|| because(said!("the backup's word under its master key is not ours")))?;
    let ring = Keyring::read(directory, environment.master_key().as_ref())?;
    if ring.is_from_environment() {
        return Ok(ring.fitting(PROBE, probe)?.clone());
    }
    let own = unpacked.key.as_ref().map(|it| Sealer::from_text(&it.as_str().to_owned().into())).transpose()?;
    let old = Keyring::old(directory, id)?;
    let candidates = [named.cloned(), own, ring.now().cloned(), old];
    Ok(candidates.into_iter().flatten().find(|it| it.open(PROBE, probe).is_ok()).ok_or(NoKey(id))?)
}

/// Where the store goes that was here.
fn aside(directory: &Path, name: &str, now_ms: i64) -> anyhow::Result<PathBuf> {
    let moment = jiff::Timestamp::from_millisecond(now_ms)?.strftime("%Y%m%dT%H%M%SZ").to_string();
    let first = directory.join(format!("{name}-{moment}"));
    // Another may have been put aside in the same second, by one that was cut off.
    let further = (2..=MOST_ASIDE).map(|n| directory.join(format!("{name}-{moment}-{n}")));
    for path in iter::once(first.clone()).chain(further) {
        match DirBuilder::new().mode(0o700).create(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).or_said(|| said!("{} cannot be made", path.display())),
        }
    }
    bail!(said!("{} is there already", first.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_a_second_is_tried_before_it_is_given_up() {
        let directory = tempfile::tempdir().unwrap();
        let names: Vec<PathBuf> = (0..MOST_ASIDE).map(|_| aside(directory.path(), "replaced", 0).unwrap()).collect();
        assert!(names[0].ends_with("replaced-19700101T000000Z"), "{names:?}");
        assert!(names[99].ends_with("replaced-19700101T000000Z-100"), "{names:?}");
        let told = aside(directory.path(), "replaced", 0).unwrap_err().to_string();
        assert!(told.ends_with("replaced-19700101T000000Z is there already"), "{told}");
    }
}
