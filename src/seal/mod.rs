//! What is sealed before it reaches a store: secrets under the master key, and each contact's records under a key of its own
//! ([`Vault`], [`DataKey`]).
//!
//! A sealed secret is bound to its name, so that one entry cannot be passed off as another, and names the key that sealed
//! it, so that a later rotation can tell old from new.

mod data_key;
mod key_file;

pub use data_key::{DataKey, Purpose, Vault};
pub use key_file::{KeyId, Keyring};

use std::{
    fmt, fs, io,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use chacha20poly1305::{
    Key, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Generate as _, KeyInit, Payload},
};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::core::{
    hex,
    said::{Said, said},
};

/// The key file's name in the store's directory.
pub const KEY_FILE: &str = "master.key";

const VERSION: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 24;
const KEY_BYTES: usize = 32;

/// Why a master key or a sealed secret cannot be used. Never says what was in it.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the master key must be 32 bytes, written as 64 hexadecimal digits or in base64")]
    MalformedKey,
    #[error(
        "{path} may be read by others (mode {mode:03o}); run `chmod 600 {path}`, and consider its secrets known",
        path = path.display()
    )]
    LoosePermissions { path: PathBuf, mode: u32 },
    #[error("the master key {path} cannot be {attempt}", path = path.display())]
    KeyFile { path: PathBuf, attempt: &'static str, source: io::Error },
    #[error("the machine gives no random bytes")]
    NoRandomness,
    #[error("the sealed secret is cut short or not ours")]
    Malformed,
    #[error("the secret was sealed under another master key")]
    OtherKey,
    #[error("{}", bring_back(*kept, found))]
    NotTheStores { kept: KeyId, found: Said },
    #[error("the sealed secret was tampered with or belongs to another name")]
    Forged,
}

impl SealError {
    /// What it says, where that is in words of ours.
    #[must_use]
    pub fn said(&self) -> Option<Said> {
        let Self::NotTheStores { kept, found } = self else { return None };
        Some(bring_back(*kept, found))
    }
}

fn bring_back(kept: KeyId, found: &Said) -> Said {
    said!(
        "the store is sealed under the master key {}, but {}: bring back the one that fits, as {} in the store's directory or as USHER_MASTER_KEY",
        kept,
        found,
        KEY_FILE
    )
}

/// Seals and opens secrets under one master key.
#[derive(Clone)]
pub struct Sealer {
    master: Zeroizing<[u8; KEY_BYTES]>,
    id: [u8; KEY_ID_BYTES],
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(..)")
    }
}

impl Sealer {
    #[must_use]
    pub fn from_key(master: [u8; KEY_BYTES]) -> Self {
        let mut sealer = Self { master: Zeroizing::new(master), id: [0; KEY_ID_BYTES] };
        let digest = sealer.derive("usher/key-id/v1");
        for (to, from) in sealer.id.iter_mut().zip(digest) {
            *to = from;
        }
        sealer
    }

    /// # Errors
    /// [`SealError::MalformedKey`].
    pub fn from_text(key: &SecretString) -> Result<Self, SealError> {
        decode(key.expose_secret().trim()).map(|key| Self::from_key(*key)).ok_or(SealError::MalformedKey)
    }

    /// The key from the environment when there is one, else the store's key file, which is created when it is missing.
    ///
    /// # Errors
    /// When the key is malformed, readable by others, or cannot be read or created.
    pub fn open_or_create(directory: &Path, from_environment: Option<&SecretString>) -> Result<Self, SealError> {
        match Self::find(directory, from_environment)? {
            Some(sealer) => Ok(sealer),
            None => Self::create(directory),
        }
    }

    /// As [`Self::open_or_create`], but creates nothing: `None` when there is no key.
    ///
    /// # Errors
    /// When the key is malformed, readable by others, or cannot be read.
    pub fn find(directory: &Path, from_environment: Option<&SecretString>) -> Result<Option<Self>, SealError> {
        match from_environment {
            Some(key) => Self::from_text(key).map(Some),
            None => Self::read(&directory.join(KEY_FILE)),
        }
    }

    /// Writes beside the final name and links it there, so that a crash leaves no half a key and two first starts agree.
    fn create(directory: &Path) -> Result<Self, SealError> {
        let key = Zeroizing::new(<[u8; KEY_BYTES]>::try_generate().map_err(|_unexplained| SealError::NoRandomness)?);
        let marker = <[u8; KEY_ID_BYTES]>::try_generate().map_err(|_unexplained| SealError::NoRandomness)?;
        let path = directory.join(KEY_FILE);
        let draft = directory.join(format!("{KEY_FILE}.{}", hex::encode(&marker)));
        let written =
            write_private(&draft, Zeroizing::new(format!("{}\n", *Zeroizing::new(hex::encode(&*key)))).as_bytes())
                .and_then(|()| match fs::hard_link(&draft, &path) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                    Ok(()) | Err(_) => Ok(()),
                });
        let removed = fs::remove_file(&draft);
        written
            .and(removed)
            .and_then(|()| fs::File::open(directory)?.sync_all())
            .map_err(|source| SealError::KeyFile { path: path.clone(), attempt: "created", source })?;
        Self::find(directory, None)?.ok_or(SealError::MalformedKey)
    }

    /// A new random key.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn generate() -> Result<Self, SealError> {
        <[u8; KEY_BYTES]>::try_generate().map(Self::from_key).map_err(|_unexplained| SealError::NoRandomness)
    }

    /// Tells this key from others, and nothing of it.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        KeyId(self.id)
    }

    /// The key that a secret says it was sealed under.
    #[must_use]
    pub fn id_of(sealed: &[u8]) -> Option<KeyId> {
        match sealed.split_first() {
            Some((&VERSION, rest)) => rest.first_chunk::<KEY_ID_BYTES>().copied().map(KeyId),
            Some(_) | None => None,
        }
    }

    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce = XNonce::try_generate().map_err(|_unexplained| SealError::NoRandomness)?;
        let mut sealed = Vec::with_capacity(1 + KEY_ID_BYTES + NONCE_BYTES + secret.len() + 16);
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.id);
        let aad = bound(&sealed, name);
        let ciphertext = self
            .cipher()
            .encrypt(&nonce, Payload { msg: secret, aad: &aad })
            .map_err(|_opaque| SealError::Malformed)?;
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    /// # Errors
    /// When `sealed` is not ours, was sealed under another key or name, or was changed.
    pub fn open(&self, name: &str, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (head, rest) = sealed.split_at_checked(1 + KEY_ID_BYTES).ok_or(SealError::Malformed)?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(SealError::Malformed)?;
        match head.split_first() {
            Some((&VERSION, id)) if id == self.id => {}
            Some((&VERSION, _)) => return Err(SealError::OtherKey),
            Some(_) | None => return Err(SealError::Malformed),
        }
        self.cipher()
            .decrypt(&XNonce::from(*nonce), Payload { msg: ciphertext, aad: &bound(head, name) })
            .map(Zeroizing::new)
            .map_err(|_opaque| SealError::Forged)
    }

    /// A key for one purpose; knowing it tells nothing of the master key or of other purposes' keys.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&*self.master).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let key = Zeroizing::new(self.derive("usher/seal/v1"));
        XChaCha20Poly1305::new(&Key::from(*key))
    }
}

/// What the authentication covers beside the ciphertext. The head has a fixed length, so no two pairs give the same bytes.
fn bound(head: &[u8], name: &str) -> Vec<u8> {
    [head, name.as_bytes()].concat()
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.sync_all()
}

fn decode(text: &str) -> Option<Zeroizing<[u8; KEY_BYTES]>> {
    let bits = if text.len() == KEY_BYTES * 2 { 4 } else { 6 };
    let digits = if bits == 4 { text } else { text.trim_end_matches('=') };
    // 43 base64 digits hold 258 bits; the last two must be zero.
    if bits == 6 && (digits.len() != 43 || !matches!(text.len(), 43 | 44)) {
        return None;
    }
    let mut key = Zeroizing::new([0_u8; KEY_BYTES]);
    let mut places = key.iter_mut();
    let (mut pending, mut held) = (0_u32, 0_u32);
    for digit in digits.bytes() {
        pending = (pending << bits) | if bits == 4 { (digit as char).to_digit(16)? } else { sextet(digit)? };
        held += bits;
        if held >= 8 {
            held -= 8;
            *places.next()? = u8::try_from(pending >> held).ok()?;
            pending &= (1 << held) - 1;
        }
    }
    (pending == 0 && places.next().is_none()).then_some(key)
}

/// Accepts the standard and the URL alphabet.
fn sextet(digit: u8) -> Option<u32> {
    match digit {
        b'A'..=b'Z' => Some(u32::from(digit - b'A')),
        b'a'..=b'z' => Some(u32::from(digit - b'a') + 26),
        b'0'..=b'9' => Some(u32::from(digit - b'0') + 52),
        b'+' | b'-' => Some(62),
        b'/' | b'_' => Some(63),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use proptest::prelude::*;

    use super::*;

    fn sealer(byte: u8) -> Sealer {
        Sealer::from_key([byte; 32])
    }

    #[test]
    fn a_sealed_secret_opens_under_its_name_and_key_alone() {
        let sealed = sealer(1).seal("agent-password", b"hunter2").unwrap();
        assert_eq!(sealer(1).open("agent-password", &sealed).unwrap().as_slice(), b"hunter2");
        assert!(matches!(sealer(1).open("agent-passwore", &sealed), Err(SealError::Forged)));
        assert!(matches!(sealer(2).open("agent-password", &sealed), Err(SealError::OtherKey)));
    }

    #[test]
    fn sealing_twice_never_gives_the_same_bytes() {
        assert_ne!(sealer(1).seal("a", b"x").unwrap(), sealer(1).seal("a", b"x").unwrap());
    }

    #[test]
    fn purposes_and_keys_derive_different_subkeys() {
        let keys = [sealer(1).derive("timeline"), sealer(1).derive("other"), sealer(2).derive("timeline")];
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
        assert_eq!(keys[0], sealer(1).derive("timeline"));
    }

    #[test]
    fn the_key_is_created_once_and_for_its_owner_alone() {
        let directory = tempfile::tempdir().unwrap();
        let first = Sealer::open_or_create(directory.path(), None).unwrap();
        let mode = fs::metadata(directory.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = first.seal("a", b"kept").unwrap();
        let again = Sealer::open_or_create(directory.path(), None).unwrap();
        assert_eq!(again.open("a", &sealed).unwrap().as_slice(), b"kept");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_with_the_way_out() {
        let directory = tempfile::tempdir().unwrap();
        drop(Sealer::open_or_create(directory.path(), None).unwrap());
        let path = directory.path().join(KEY_FILE);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let error = Sealer::open_or_create(directory.path(), None).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{path} may be read by others (mode 640); run `chmod 600 {path}`, and consider its secrets known",
                path = path.display()
            )
        );
    }

    #[test]
    fn a_damaged_key_file_is_an_error_and_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        write_private(&directory.path().join(KEY_FILE), b"abc").unwrap();
        assert!(matches!(Sealer::open_or_create(directory.path(), None), Err(SealError::MalformedKey)));
        assert_eq!(fs::read(directory.path().join(KEY_FILE)).unwrap(), b"abc");
    }

    #[test]
    fn the_environment_wins_over_the_file_and_writes_none() {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretString::from("ab".repeat(32));
        let sealer = Sealer::open_or_create(directory.path(), Some(&key)).unwrap();
        assert_eq!(sealer.derive("x"), Sealer::from_key([0xab; 32]).derive("x"));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn hexadecimal_and_both_base64_alphabets_are_read() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8 + 7).unwrap());
        for text in [
            "070f171f272f373f474f575f676f777f878f979fa7afb7bfc7cfd7dfe7eff7ff",
            "Bw8XHycvNz9HT1dfZ293f4ePl5+nr7e/x8/X3+fv9/8=",
            "Bw8XHycvNz9HT1dfZ293f4ePl5-nr7e_x8_X3-fv9_8",
        ] {
            assert_eq!(*decode(text).expect(text), key);
        }
        for text in ["", "abc", "Bw8XHycvNz9HT1dfZ293f4ePl5+nr7e/x8/X3+fv9/9=", &"zz".repeat(32)] {
            assert!(decode(text).is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", sealer(7)), "Sealer(..)");
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(secret: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
            let mut sealed = sealer(1).seal("name", &secret).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(sealer(1).open("name", &sealed).is_err());
        }

        #[test]
        fn arbitrary_bytes_open_to_an_error(bytes: Vec<u8>) {
            prop_assert!(sealer(1).open("name", &bytes).is_err());
        }
    }
}
