//! `usher backup`: a copy of the store as of one moment, while a gateway runs on it or without one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tokio::task::spawn_blocking;

use super::{
    archive::{Manifest, Packed, Sum},
    key::{PROBE, find},
    told, with_reason,
};
use crate::{
    clock::Clock,
    config::Environment,
    gateway::storage::Store,
    seal::{KEY_FILE, KeyId, Sealer},
    store::sqlite::{Loose, Sqlite},
};

const FORMAT: u32 = 1;

/// What was written.
#[derive(Debug)]
pub struct Backup {
    pub file: PathBuf,
    /// What it holds, and how to keep it.
    pub told: String,
    /// It holds the master key.
    pub with_key: bool,
}

/// Writes a backup of the store in `directory` to `target`, or into it if it is a directory. It is under its name as a whole, or not.
///
/// # Errors
/// When the store cannot be read, the file is there already, or cannot be written.
pub async fn backup(
    directory: &Path,
    environment: &Environment,
    target: &Path,
    with_key: bool,
) -> anyhow::Result<Backup> {
    let now = Clock::system().now();
    let file = named(target, now.0)?;
    if file.try_exists()? {
        bail!("{} is there already: a backup is never written over another; name another file", file.display())
    }
    let parent = file.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let store = Sqlite::open_existing(directory).await.map_err(with_reason)?;
    let sealer = find(directory, environment).await?;
    let key = if with_key { Some(sealer.as_ref().context("there is no master key to put in")?) } else { None };
    let packed = pack(&store, parent, key, now.0).await?;
    store.close().await.map_err(with_reason)?;
    let manifest = packed.manifest.clone();
    let (to, beside) = (file.clone(), parent.to_owned());
    spawn_blocking(move || write(packed, &to, &beside)).await??;
    Ok(Backup { told: about(&file, directory, environment, &manifest), file, with_key })
}

fn named(target: &Path, now_ms: i64) -> anyhow::Result<PathBuf> {
    if !target.is_dir() {
        return Ok(target.to_owned());
    }
    Ok(target.join(file_name(now_ms)?))
}

/// `usher-20261128T140501Z.tar`
pub(in crate::app) fn file_name(now_ms: i64) -> anyhow::Result<String> {
    Ok(format!("usher-{}.tar", jiff::Timestamp::from_millisecond(now_ms)?.strftime("%Y%m%dT%H%M%SZ")))
}

fn about(file: &Path, directory: &Path, environment: &Environment, manifest: &Manifest) -> String {
    let mut text = format!("{}: {}; {} bytes\n", file.display(), told(&manifest.holds), manifest.database.bytes);
    match (&manifest.key, manifest.with_key) {
        (Some(id), false) => {
            let place = if environment.master_key().is_some() {
                "what USHER_MASTER_KEY gives".to_owned()
            } else {
                directory.join(KEY_FILE).display().to_string()
            };
            text += &format!(
                "The master key {id} is not in it, and without it nothing sealed can be read: keep {place} elsewhere, as safe as this.\n"
            );
        }
        (Some(id), true) => text += &format!("The master key {id} is in it.\n"),
        (None, _) => {}
    }
    text
}

/// A backup in the making; its copy of the database lies in `near` without a name.
pub(in crate::app) async fn pack(
    store: &dyn Store,
    near: &Path,
    key: Option<&Sealer>,
    now_ms: i64,
) -> anyhow::Result<Packed> {
    let draft = Draft::new(near)?;
    store.copy_to(&draft.0).await.map_err(with_reason).context("the store cannot be copied")?;
    let loose = Loose::at(draft.0.clone());
    let (schema, holds) = loose.look().await.map_err(with_reason)?;
    let probe = loose.secret(PROBE).await.map_err(with_reason)?;
    let file = File::open(&draft.0)?;
    drop(draft);
    let (database, file) = spawn_blocking(move || {
        let mut file = file;
        let sum = Sum::of(&mut file)?;
        io::Seek::rewind(&mut file)?;
        io::Result::Ok((sum, file))
    })
    .await??;
    let manifest = Manifest {
        format: FORMAT,
        usher: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: jiff::Timestamp::from_millisecond(now_ms)?,
        schema,
        key: probe.as_deref().and_then(Sealer::id_of).map(|it: KeyId| it.to_string()),
        with_key: key.is_some(),
        database,
        holds,
    };
    Packed::new(manifest, file, key.map(Sealer::as_text).as_deref().map(String::as_str))
}

/// A file that goes when nobody needs its name any more.
struct Draft(PathBuf);

impl Draft {
    fn new(near: &Path) -> anyhow::Result<Self> {
        let path = near.join(format!(".usher-backup-{:016x}", rand::random::<u64>()));
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.with_context(|| format!("{} cannot be written", near.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "a draft of a backup cannot be removed");
        }
    }
}

fn write(packed: Packed, file: &Path, parent: &Path) -> anyhow::Result<()> {
    let draft = Draft::new(parent)?;
    let mut out = OpenOptions::new().write(true).open(&draft.0)?;
    let written = packed.write_to(&mut out).and_then(|()| out.flush()).and_then(|()| out.sync_all());
    written.with_context(|| format!("{} cannot be written", file.display()))?;
    // Unlike a rename it takes nobody's place.
    match fs::hard_link(&draft.0, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            bail!("{} is there already: a backup is never written over another; name another file", file.display())
        }
        linked => linked.with_context(|| format!("{} cannot be written", file.display()))?,
    }
    drop(draft);
    Ok(File::open(parent)?.sync_all()?)
}
