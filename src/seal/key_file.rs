//! The master key's file, and how another key takes its place.
//!
//! The other is written beside it first and renamed once the store is sealed under it: whenever that is cut off, one of the two
//! fits the store.

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{KEY_FILE, KEY_ID_BYTES, SealError, Sealer, write_private};
use crate::core::{hex, said::said};

/// The key that is to follow, until it has.
const NEXT: &str = "master.key.next";
/// A key on its way to be that one.
const DRAFT: &str = "master.key.next.draft";
/// What a key that was followed by another begins with; its id comes behind.
const OLD: &str = "master.key.old-";

/// Tells master keys apart, and says nothing of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(pub(super) [u8; KEY_ID_BYTES]);

impl KeyId {
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; KEY_ID_BYTES] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl Sealer {
    /// The key in a file; `None`: there is no such file.
    ///
    /// # Errors
    /// When the key is malformed, readable by others, or cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, SealError> {
        let failed = |source| SealError::KeyFile { path: path.to_owned(), attempt: "read", source };
        let mode = match fs::metadata(path) {
            Ok(metadata) => metadata.permissions().mode() & 0o777,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        if mode & 0o077 != 0 {
            return Err(SealError::LoosePermissions { path: path.to_owned(), mode });
        }
        let text = fs::read_to_string(path).map_err(failed)?;
        Self::from_text(&SecretString::from(text)).map(Some)
    }

    /// As a key file says it.
    #[must_use]
    pub fn as_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(&*self.master))))
    }
}

/// The master keys that a store's directory, or the environment in its place, offers.
#[derive(Debug)]
pub struct Keyring {
    directory: PathBuf,
    now: Option<Sealer>,
    /// Written by a rotation or a restore that was cut off, or is under way.
    next: Option<Sealer>,
    from_environment: bool,
}

impl Keyring {
    /// # Errors
    /// When a key is malformed, readable by others, or cannot be read.
    pub fn read(directory: &Path, from_environment: Option<&SecretString>) -> Result<Self, SealError> {
        let (now, next) = match from_environment {
            Some(key) => (Some(Sealer::from_text(key)?), None),
            None => (Sealer::read(&directory.join(KEY_FILE))?, Sealer::read(&directory.join(NEXT))?),
        };
        Ok(Self { directory: directory.to_owned(), now, next, from_environment: from_environment.is_some() })
    }

    /// The key in use, as far as the store need not be asked.
    #[must_use]
    pub const fn now(&self) -> Option<&Sealer> {
        self.now.as_ref()
    }

    #[must_use]
    pub const fn has_next(&self) -> bool {
        self.next.is_some()
    }

    #[must_use]
    pub const fn is_from_environment(&self) -> bool {
        self.from_environment
    }

    /// The key that opens `probe`, which the store has sealed under the name.
    ///
    /// # Errors
    /// [`SealError::NotTheStores`] when none does.
    pub fn fitting(&self, name: &str, probe: &[u8]) -> Result<&Sealer, SealError> {
        let opens = |it: &&Sealer| it.open(name, probe).is_ok();
        if let Some(sealer) = [&self.now, &self.next].into_iter().flatten().find(opens) {
            return Ok(sealer);
        }
        let file = self.directory.join(KEY_FILE);
        let found = match (&self.now, self.from_environment) {
            (Some(it), true) => said!("USHER_MASTER_KEY is {}", it.id()),
            (Some(it), false) => said!("{} is {}", file.display(), it.id()),
            (None, _) => said!("there is no {}", file.display()),
        };
        Err(SealError::NotTheStores { kept: Sealer::id_of(probe).ok_or(SealError::Malformed)?, found })
    }

    /// Writes the key that is to follow beside the one in use.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(directory: &Path, next: &Sealer) -> Result<(), SealError> {
        let (path, draft) = (directory.join(NEXT), directory.join(DRAFT));
        // Under its name it is whole or not there: nobody who starts meanwhile, or after this was cut off, reads half of a key.
        let written = remove(&draft).and_then(|()| write_private(&draft, next.as_text().as_bytes()));
        let moved = written.and_then(|()| fs::rename(&draft, &path)).and_then(|()| sync(directory));
        moved.map_err(|source| failed(path, "written", source))
    }

    /// The key that is to follow takes its place; the one before it stays beside it under a name with its id. There is a key file
    /// at every moment.
    ///
    /// # Errors
    /// When the files cannot be renamed.
    pub fn advance(directory: &Path) -> Result<(), SealError> {
        let (path, next) = (directory.join(KEY_FILE), directory.join(NEXT));
        let (Some(coming), old) = (Sealer::read(&next)?, Sealer::read(&path)?) else { return Ok(()) };
        let keep = || match old.filter(|it| it.id() != coming.id()) {
            Some(old) => match fs::hard_link(&path, old_path(directory, old.id())) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                Ok(()) | Err(_) => Ok(()),
            },
            None => Ok(()),
        };
        let moved = keep().and_then(|()| match fs::rename(&next, &path) {
            // Another start was faster.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            Ok(()) | Err(_) => sync(directory),
        });
        moved.map_err(|source| failed(path, "replaced", source))
    }

    /// Puts the file of a key aside that the environment gives from now on.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn put_aside(directory: &Path) -> Result<(), SealError> {
        let path = directory.join(KEY_FILE);
        let Some(old) = Sealer::read(&path)? else { return Ok(()) };
        let moved = fs::rename(&path, old_path(directory, old.id())).and_then(|()| sync(directory));
        moved.map_err(|source| failed(path, "renamed", source))
    }

    /// The key that was to follow will not.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn forget_next(directory: &Path) -> Result<(), SealError> {
        let path = directory.join(NEXT);
        remove(&directory.join(DRAFT))
            .and_then(|()| remove(&path))
            .and_then(|()| sync(directory))
            .map_err(|source| failed(path, "removed", source))
    }

    /// A key of this directory that was followed by others.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn old(directory: &Path, id: KeyId) -> Result<Option<Sealer>, SealError> {
        Sealer::read(&old_path(directory, id))
    }
}

/// Where a key is that was followed by another.
fn old_path(directory: &Path, id: KeyId) -> PathBuf {
    directory.join(format!("{OLD}{id}"))
}

fn failed(path: PathBuf, attempt: &'static str, source: io::Error) -> SealError {
    SealError::KeyFile { path, attempt, source }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn sync(directory: &Path) -> io::Result<()> {
    fs::File::open(directory)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whichever_key_fits_the_store_is_taken_wherever_a_rotation_was_cut_off() {
        let directory = tempfile::tempdir().unwrap();
        let old = Sealer::open_or_create(directory.path(), None).unwrap();
        let new = Sealer::generate().unwrap();
        let (before, after) = (old.seal("probe", b"x").unwrap(), new.seal("probe", b"x").unwrap());
        Keyring::prepare(directory.path(), &new).unwrap();
        let ring = || Keyring::read(directory.path(), None).unwrap();
        assert!(ring().has_next());
        assert_eq!(ring().fitting("probe", &before).unwrap().id(), old.id());
        assert_eq!(ring().fitting("probe", &after).unwrap().id(), new.id());
        Keyring::advance(directory.path()).unwrap();
        assert!(!ring().has_next());
        assert_eq!(ring().now().unwrap().id(), new.id());
        assert_eq!(Keyring::old(directory.path(), old.id()).unwrap().unwrap().id(), old.id());
        let told = ring().fitting("probe", &before).unwrap_err().to_string();
        assert!(told.contains(&old.id().to_string()) && told.contains(&new.id().to_string()), "{told}");
        // Twice, as after a crash between the two steps.
        Keyring::advance(directory.path()).unwrap();
        Keyring::put_aside(directory.path()).unwrap();
        assert!(ring().now().is_none());
        assert_eq!(Keyring::old(directory.path(), new.id()).unwrap().unwrap().id(), new.id());
    }
}
