//! The tokens of a contact: one that speaks for its customer, another that only reads along.
//!
//! Both are derived from the contact's id under the chat's key, so that nothing has to be kept for them.

use std::{
    fmt, fs, io,
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// The key file's name in the data directory.
pub const KEY_FILE: &str = "chat.key";

const KEY_BYTES: usize = 32;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the chat's key {path} cannot be {attempt}", path = path.display())]
    File { path: PathBuf, attempt: &'static str, source: io::Error },
    #[error("the chat's key {path} is not {KEY_BYTES} bytes long; delete it, and running chats begin anew", path = path.display())]
    Malformed { path: PathBuf },
    #[error(
        "the chat's key {path} may be read by others (mode {mode:03o}); delete it, and running chats begin anew",
        path = path.display()
    )]
    LoosePermissions { path: PathBuf, mode: u32 },
}

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// Everything that the customer may do.
    Speak,
    /// The events alone: this token stands in a URL, where logs of proxies may see it.
    Read,
}

/// The key of all tokens.
#[derive(Clone)]
pub struct Key(Zeroizing<[u8; KEY_BYTES]>);

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

impl Key {
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_BYTES]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The key in the data directory; made when there is none.
    ///
    /// # Errors
    /// When it cannot be read or made, or is not what we have made.
    pub fn open_or_create(directory: &Path) -> Result<Self, KeyError> {
        let path = directory.join(KEY_FILE);
        match fs::metadata(&path) {
            Ok(metadata) => Self::read(path, metadata.permissions().mode() & 0o777),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::create(directory, path),
            Err(source) => Err(KeyError::File { path, attempt: "read", source }),
        }
    }

    fn read(path: PathBuf, mode: u32) -> Result<Self, KeyError> {
        if mode & 0o077 != 0 {
            return Err(KeyError::LoosePermissions { path, mode });
        }
        match fs::read(&path).map(Zeroizing::new) {
            Ok(bytes) => match <[u8; KEY_BYTES]>::try_from(bytes.as_slice()) {
                Ok(key) => Ok(Self::from_bytes(key)),
                Err(_other_length) => Err(KeyError::Malformed { path }),
            },
            Err(source) => Err(KeyError::File { path, attempt: "read", source }),
        }
    }

    /// Writes beside the final name and links it there, so that a crash leaves no half a key and two first starts agree.
    fn create(directory: &Path, path: PathBuf) -> Result<Self, KeyError> {
        let key = Self::from_bytes(rand::random());
        let draft = directory.join(format!("{KEY_FILE}.{:016x}", rand::random::<u64>()));
        let written = write_new(&draft, key.0.as_slice()).and_then(|()| match fs::hard_link(&draft, &path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Ok(()) | Err(_) => fs::File::open(directory)?.sync_all(),
        });
        let cleared = fs::remove_file(&draft);
        match written.and(cleared) {
            Ok(()) => Self::read(path, 0o600),
            Err(source) => Err(KeyError::File { path, attempt: "created", source }),
        }
    }

    pub(super) fn token(&self, right: Right, contact: &str) -> String {
        let mut text = String::with_capacity(64);
        for byte in self.mac(right, contact) {
            text.push_str(&format!("{byte:02x}"));
        }
        text
    }

    /// Takes the same time for every wrong token of the right length.
    pub(super) fn grants(&self, right: Right, contact: &str, token: &str) -> bool {
        self.token(right, contact).as_bytes().ct_eq(token.as_bytes()).into()
    }

    fn mac(&self, right: Right, contact: &str) -> [u8; 32] {
        let purpose: &[u8] = match right {
            Right::Speak => b"usher/chat/speak/v1\0",
            Right::Read => b"usher/chat/read/v1\0",
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.as_slice()).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(contact.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_its_contact_and_its_right_alone() {
        let key = Key::from_bytes([7; 32]);
        let speak = key.token(Right::Speak, "c-1");
        assert_eq!(speak.len(), 64);
        assert!(key.grants(Right::Speak, "c-1", &speak));
        assert!(!key.grants(Right::Speak, "c-2", &speak));
        assert!(!key.grants(Right::Read, "c-1", &speak));
        assert!(!key.grants(Right::Speak, "c-1", &key.token(Right::Read, "c-1")));
        assert!(!key.grants(Right::Speak, "c-1", ""));
        assert!(!Key::from_bytes([8; 32]).grants(Right::Speak, "c-1", &speak));
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_alone_and_found_again() {
        let directory = tempfile::tempdir().unwrap();
        let first = Key::open_or_create(directory.path()).unwrap();
        let mode = fs::metadata(directory.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left");
        let again = Key::open_or_create(directory.path()).unwrap();
        assert_eq!(first.token(Right::Speak, "c-1"), again.token(Right::Speak, "c-1"));
    }

    #[test]
    fn a_key_that_is_not_ours_or_open_to_others_is_refused_by_its_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(KEY_FILE);
        write_new(&path, b"short").unwrap();
        let error = Key::open_or_create(directory.path()).unwrap_err().to_string();
        assert!(error.contains("chat.key is not 32 bytes long"), "{error}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = Key::open_or_create(directory.path()).unwrap_err().to_string();
        assert!(error.contains("(mode 644)"), "{error}");
    }
}
