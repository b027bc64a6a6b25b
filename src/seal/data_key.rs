//! A contact's own key. Everything that is kept of the contact is sealed with it, so that destroying the key erases the contact
//! wherever its records lie.
//!
//! Sealed: `1`, nonce 12 bytes, ciphertext, tag 16 bytes. ChaCha20-Poly1305; of a nonce the first 8 bytes are drawn when the key
//! comes into memory, the rest counts, so that no nonce comes twice, whichever process seals. What was written before there
//! were keys is JSON and begins with `{`. Every record passes here, so it is the cipher that TLS brings along, not the slower
//! one of the secrets.

use std::fmt;

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    error::Unspecified,
};
use chacha20poly1305::aead::Generate as _;
use zeroize::Zeroizing;

use super::{KEY_BYTES, KEY_ID_BYTES, SealError, Sealer};

const VERSION: u8 = 1;
const DRAWN_BYTES: usize = 8;
const TAG_BYTES: usize = 16;

/// What is sealed; one cannot be passed off as another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Record,
    Snapshot,
    Value,
}

impl Purpose {
    const fn bound(self) -> &'static [u8] {
        match self {
            Self::Record => b"record",
            Self::Snapshot => b"snapshot",
            Self::Value => b"value",
        }
    }
}

/// Makes and opens contacts' keys: each random, and sealed under a key that comes from the master key.
#[derive(Clone)]
pub struct Vault(Sealer);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault(..)")
    }
}

impl Vault {
    #[must_use]
    pub fn new(sealer: &Sealer) -> Self {
        Self(Sealer::from_key(sealer.derive("usher/contact-keys/v1")))
    }

    /// A new key, and how it is kept. `owner` names whom it belongs to.
    ///
    /// # Errors
    /// [`SealError::NoRandomness`].
    pub fn make(&self, owner: &str) -> Result<(DataKey, Vec<u8>), SealError> {
        let key = Zeroizing::new(<[u8; KEY_BYTES]>::try_generate().map_err(|_unexplained| SealError::NoRandomness)?);
        Ok((DataKey::new(&key)?, self.seal(owner, &key)?))
    }

    /// A key that this vault keeps, as another keeps it: as long as before.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn reseal(&self, other: &Self, owner: &str, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        other.seal(owner, &*self.unseal(owner, sealed)?)
    }

    fn seal(&self, owner: &str, key: &[u8; KEY_BYTES]) -> Result<Vec<u8>, SealError> {
        let nonce = <[u8; NONCE_LEN]>::try_generate().map_err(|_unexplained| SealError::NoRandomness)?;
        let mut body = Zeroizing::new(key.to_vec());
        let tag = cipher(&self.0.master)
            .and_then(|it| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                it.seal_in_place_separate_tag(nonce, Aad::from(owner.as_bytes()), body.as_mut_slice())
            })
            .map_err(|_opaque| SealError::Malformed)?;
        Ok([&self.0.id[..], &nonce[..], body.as_slice(), tag.as_ref()].concat())
    }

    /// # Errors
    /// When `sealed` is not ours, was sealed under another master key or for another owner, or was changed.
    pub fn open(&self, owner: &str, sealed: &[u8]) -> Result<DataKey, SealError> {
        DataKey::new(&*self.unseal(owner, sealed)?)
    }

    fn unseal(&self, owner: &str, sealed: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, SealError> {
        let (id, rest) = sealed.split_first_chunk::<KEY_ID_BYTES>().ok_or(SealError::Malformed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        if *id != self.0.id {
            return Err(SealError::OtherKey);
        }
        let mut body = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let cipher = cipher(&self.0.master).map_err(|_opaque| SealError::Malformed)?;
        let opened = cipher.open_in_place(nonce, Aad::from(owner.as_bytes()), body.as_mut_slice());
        let opened: &[u8] = opened.map_err(|_opaque| SealError::Forged)?;
        opened.try_into().map(Zeroizing::new).map_err(|_length| SealError::Malformed)
    }
}

/// Made for each use: a cipher that is ready takes more memory than an idle contact.
fn cipher(key: &[u8; KEY_BYTES]) -> Result<LessSafeKey, Unspecified> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new)
}

fn drawn() -> Result<[u8; DRAWN_BYTES], SealError> {
    <[u8; DRAWN_BYTES]>::try_generate().map_err(|_unexplained| SealError::NoRandomness)
}

/// Seals and opens what is kept of one contact.
pub struct DataKey {
    key: Zeroizing<[u8; KEY_BYTES]>,
    drawn: [u8; DRAWN_BYTES],
    count: u32,
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

impl DataKey {
    fn new(key: &[u8; KEY_BYTES]) -> Result<Self, SealError> {
        Ok(Self { key: Zeroizing::new(*key), drawn: drawn()?, count: 0 })
    }

    /// Whether `bytes` were sealed by a contact's key at all.
    #[must_use]
    pub fn is_sealed(bytes: &[u8]) -> bool {
        bytes.first() == Some(&VERSION)
    }

    /// # Errors
    /// When `plain` has more than 256 GiB, or the machine gives no random bytes.
    pub fn seal(&mut self, purpose: Purpose, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        for (to, from) in nonce.iter_mut().zip(self.drawn.into_iter().chain(self.count.to_le_bytes())) {
            *to = from;
        }
        match self.count.checked_add(1) {
            Some(next) => self.count = next,
            None => (self.drawn, self.count) = (drawn()?, 0),
        }
        let mut sealed = Vec::with_capacity(1 + NONCE_LEN + plain.len() + TAG_BYTES);
        sealed.push(VERSION);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plain);
        let (_, body) = sealed.split_at_mut(1 + NONCE_LEN);
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = cipher(&self.key)
            .and_then(|it| it.seal_in_place_separate_tag(nonce, Aad::from(purpose.bound()), body))
            .map_err(|_opaque| SealError::Malformed)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// # Errors
    /// When `sealed` is not ours, or was sealed for something else or with another key, or was changed.
    pub fn open(&self, purpose: Purpose, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (version, rest) = sealed.split_first().ok_or(SealError::Malformed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE_LEN>().ok_or(SealError::Malformed)?;
        let length = rest.len().checked_sub(TAG_BYTES).ok_or(SealError::Malformed)?;
        if *version != VERSION {
            return Err(SealError::Malformed);
        }
        let mut plain = Zeroizing::new(rest.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let cipher = cipher(&self.key).map_err(|_opaque| SealError::Malformed)?;
        cipher
            .open_in_place(nonce, Aad::from(purpose.bound()), plain.as_mut_slice())
            .map_err(|_opaque| SealError::Forged)?;
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn vault(byte: u8) -> Vault {
        Vault::new(&Sealer::from_key([byte; 32]))
    }

    #[test]
    fn a_kept_key_opens_what_it_sealed_for_its_owner_under_its_master_key_alone() {
        let (mut key, kept) = vault(1).make("sales/c1").unwrap();
        let sealed = key.seal(Purpose::Record, b"{\"steps\":[]}").unwrap();
        let again = vault(1).open("sales/c1", &kept).unwrap();
        assert_eq!(again.open(Purpose::Record, &sealed).unwrap().as_slice(), b"{\"steps\":[]}");
        assert!(matches!(again.open(Purpose::Snapshot, &sealed), Err(SealError::Forged)));
        assert!(matches!(vault(1).open("sales/c2", &kept), Err(SealError::Forged)));
        assert!(matches!(vault(2).open("sales/c1", &kept), Err(SealError::OtherKey)));
        let (other, _) = vault(1).make("sales/c1").unwrap();
        assert!(matches!(other.open(Purpose::Record, &sealed), Err(SealError::Forged)));
    }

    #[test]
    fn a_kept_key_goes_from_one_master_key_to_another_and_opens_what_it_opened() {
        let (mut key, kept) = vault(1).make("sales/c1").unwrap();
        let sealed = key.seal(Purpose::Record, b"x").unwrap();
        let moved = vault(1).reseal(&vault(2), "sales/c1", &kept).unwrap();
        assert_eq!(moved.len(), kept.len());
        assert_eq!(vault(2).open("sales/c1", &moved).unwrap().open(Purpose::Record, &sealed).unwrap().as_slice(), b"x");
        assert!(matches!(vault(1).open("sales/c1", &moved), Err(SealError::OtherKey)));
    }

    #[test]
    fn no_nonce_comes_twice_also_when_the_key_comes_into_memory_again() {
        let (mut key, kept) = vault(1).make("sales/c1").unwrap();
        let mut again = vault(1).open("sales/c1", &kept).unwrap();
        let mut nonces = std::collections::HashSet::new();
        for key in [&mut key, &mut again] {
            for _ in 0..300 {
                let sealed = key.seal(Purpose::Record, b"x").unwrap();
                assert!(nonces.insert(sealed[1..=NONCE_LEN].to_vec()));
            }
        }
    }

    #[test]
    fn what_is_sealed_is_told_from_json_and_debug_shows_no_key() {
        let (mut key, _) = vault(1).make("a").unwrap();
        assert!(DataKey::is_sealed(&key.seal(Purpose::Value, b"").unwrap()));
        assert!(!DataKey::is_sealed(b"{}") && !DataKey::is_sealed(b""));
        assert_eq!(format!("{key:?} {:?}", vault(1)), "DataKey(..) Vault(..)");
    }

    proptest! {
        #[test]
        fn every_flipped_bit_is_noticed(plain: Vec<u8>, at: prop::sample::Index, bit in 0_u8..8) {
            let (mut key, _) = vault(1).make("a").unwrap();
            let mut sealed = key.seal(Purpose::Record, &plain).unwrap();
            let at = at.index(sealed.len());
            sealed[at] ^= 1 << bit;
            prop_assert!(key.open(Purpose::Record, &sealed).is_err());
        }

        #[test]
        fn arbitrary_bytes_open_to_an_error(bytes: Vec<u8>) {
            let (key, kept) = vault(1).make("a").unwrap();
            prop_assert!(key.open(Purpose::Record, &bytes).is_err());
            prop_assert!(bytes == kept || vault(1).open("a", &bytes).is_err());
        }
    }
}
