//! The demo's directory: a marker says that it is one, and a lock on the marker that a demo runs on it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rand::RngExt as _;
use secrecy::SecretString;

use crate::app::CannotConnect;

/// Without it a directory is not taken for a demo's, and never cleared.
const MARKER: &str = "usher-demo";
const MARKER_TEXT: &str = "Data of `usher demo`. `usher demo --reset` clears this directory.\n";
/// Everything that a demo writes begins with one of these; nothing else is ever removed.
const OURS: &[&str] = &["gateway", "switchboard.", "chat.", "desk."];
/// Where the gateway's store is.
const GATEWAY: &str = "gateway";
/// The key of the staff's pages.
const KEY: &str = "desk.key";
const KEY_DRAFT: &str = "desk.key.draft";

/// A directory that is ours while this lives.
#[derive(Debug)]
pub(super) struct Data {
    directory: PathBuf,
    /// Locked; the kernel lets go of it however the process ends.
    _marker: File,
}

impl Data {
    /// Takes a demo's directory, or makes one.
    pub(super) fn take(directory: &Path) -> anyhow::Result<Self> {
        let shown = directory.display();
        let marker = directory.join(MARKER);
        if !marker.exists() {
            if is_used(directory).with_context(|| format!("{shown} cannot be read"))? {
                bail!("{shown} holds files that are no demo's: name another directory with --data")
            }
            DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)
                .with_context(|| format!("{shown} cannot be made: name a directory that may be written with --data"))?;
        }
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&marker)
            .with_context(|| format!("{shown} cannot be written: name another directory with --data"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let what = format!("another demo runs on {shown}: end it, or name another directory with --data");
                return Err(CannotConnect { what, source: io::ErrorKind::WouldBlock.into() }.into());
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(|| format!("{shown} cannot be locked")),
        }
        if file.metadata()?.len() == 0 {
            file.write_all(MARKER_TEXT.as_bytes())?;
        }
        Ok(Self { directory: directory.to_path_buf(), _marker: file })
    }

    /// Forgets everything that demos have written here.
    pub(super) fn clear(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(&self.directory)? {
            let entry = entry?;
            let name = entry.file_name();
            let is_ours = name.to_str().is_some_and(|name| OURS.iter().any(|it| name.starts_with(it)));
            if !is_ours {
                continue;
            }
            let path = entry.path();
            // A link is removed, never followed.
            let removed = if entry.file_type()?.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            removed.with_context(|| format!("{} cannot be removed", path.display()))?;
        }
        Ok(())
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn gateway(&self) -> PathBuf {
        self.directory.join(GATEWAY)
    }

    /// The key that lets people in who do not sit at this machine; the same after a restart, so that links stay good.
    pub(super) fn key(&self) -> anyhow::Result<SecretString> {
        let path = self.directory.join(KEY);
        match fs::read_to_string(&path) {
            Ok(key) if key.len() == KEY_DIGITS && key.bytes().all(|it| it.is_ascii_hexdigit()) => Ok(key.into()),
            Ok(_) => bail!("{} is damaged: remove it, and a new key is made", path.display()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = random_secret();
                let cannot = || format!("{} cannot be written", path.display());
                // Under its name it is whole or not there, wherever a crash comes; such a crash may have left a draft.
                let draft = self.directory.join(KEY_DRAFT);
                match fs::remove_file(&draft) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => {
                        return Err(error).with_context(|| format!("{} cannot be removed", draft.display()));
                    }
                    Ok(()) | Err(_) => {}
                }
                let mut file =
                    OpenOptions::new().create_new(true).write(true).mode(0o600).open(&draft).with_context(cannot)?;
                file.write_all(key.as_bytes()).and_then(|()| file.sync_all()).with_context(cannot)?;
                fs::rename(&draft, &path).with_context(cannot)?;
                Ok(key.into())
            }
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path.display())),
        }
    }
}

const KEY_DIGITS: usize = 32;

/// The gateway's part of a demo's directory, if it is one.
pub(super) fn gateway_of(directory: &Path) -> Option<PathBuf> {
    directory.join(MARKER).is_file().then(|| directory.join(GATEWAY))
}

/// 128 bits in hexadecimal.
pub(super) fn random_secret() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}

/// Whether there is anything in the directory; one that is not there holds nothing.
fn is_used(directory: &Path) -> io::Result<bool> {
    match fs::read_dir(directory) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;
    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_directory_with_other_files_is_not_taken() {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("thesis.txt"), "years of work").unwrap();
        let refused = Data::take(directory.path()).unwrap_err().to_string();
        assert!(refused.ends_with("holds files that are no demo's: name another directory with --data"), "{refused}");
    }

    #[test]
    fn one_demo_at_a_time() {
        let directory = TempDir::new().unwrap();
        let data = directory.path().join("new/deep");
        let first = Data::take(&data).unwrap();
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        let refused = Data::take(&data).unwrap_err();
        assert!(refused.to_string().starts_with("another demo runs on "), "{refused}");
        assert!(refused.downcast_ref::<CannotConnect>().is_some(), "the process ends with 3");
        drop(first);
        Data::take(&data).unwrap();
    }

    #[test]
    fn a_start_that_died_while_it_made_the_key_does_not_hinder_the_next() {
        let directory = TempDir::new().unwrap();
        let data = Data::take(directory.path()).unwrap();
        fs::write(directory.path().join(KEY_DRAFT), "0123").unwrap();
        let key = data.key().unwrap().expose_secret().to_owned();
        assert_eq!(key.len(), KEY_DIGITS);
        assert_eq!(fs::read_to_string(directory.path().join(KEY)).unwrap(), key);
        assert_eq!(fs::metadata(directory.path().join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(!directory.path().join(KEY_DRAFT).exists());
        assert_eq!(data.key().unwrap().expose_secret(), key, "kept");
    }

    #[test]
    fn clearing_takes_what_demos_wrote_and_nothing_else() {
        let directory = TempDir::new().unwrap();
        let data = Data::take(directory.path()).unwrap();
        let key = data.key().unwrap().expose_secret().to_owned();
        assert_eq!(data.key().unwrap().expose_secret(), key, "kept");
        fs::create_dir(data.gateway()).unwrap();
        for name in ["gateway/usher.db", "switchboard.jsonl", "chat.key", "thesis.txt"] {
            fs::write(directory.path().join(name), "x").unwrap();
        }
        data.clear().unwrap();
        let mut left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["thesis.txt", MARKER]);
        assert_ne!(data.key().unwrap().expose_secret(), key);
    }
}
