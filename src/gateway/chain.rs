//! A contact's chain of journal records: where it ends, and the key with which all of it is sealed.
//!
//! The hash covers what is sealed, so that a chain can be verified when its key is gone.

use std::{collections::HashMap, fmt};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::{
    TIMELINE,
    storage::{Erased, Life, LifeKey, Pos, Record, Snapshot, Store, StoreError, StoreErrorKind},
};
use crate::{
    core::ids::{ContactId, Timestamp},
    seal::{DataKey, Purpose, SealError, Sealer, Vault},
};

/// What the timeline's key of before a change of the master key is kept as: its records' end comes behind.
pub const EARLIER_TIMELINE: &str = "timeline/until-";

/// The keys that chain records: the one in use, and those of before the master key was changed.
#[derive(Clone)]
pub struct ChainKeys {
    now: Hmac<Sha256>,
    /// Each for the records before its position and after those of the key before it.
    earlier: Vec<(Pos, Hmac<Sha256>)>,
}

impl fmt::Debug for ChainKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChainKeys").field("earlier", &self.earlier.len()).finish_non_exhaustive()
    }
}

impl ChainKeys {
    /// Of a store whose master key was never changed.
    #[must_use]
    pub fn of(sealer: &Sealer) -> Self {
        Self { now: mac(&sealer.derive(TIMELINE)), earlier: Vec::new() }
    }

    /// With those that the store keeps.
    ///
    /// # Errors
    /// When the store cannot be read, or one of them not be opened.
    pub async fn open(store: &dyn Store, sealer: &Sealer) -> Result<Self, StoreError> {
        Ok(Self::of(sealer).after(&earlier_keys(store, sealer).await?))
    }

    pub(super) fn after(mut self, earlier: &[(Pos, [u8; 32])]) -> Self {
        self.earlier = earlier.iter().map(|(until, key)| (*until, mac(key))).collect();
        self.earlier.sort_by_key(|it| it.0);
        self
    }

    pub(super) fn next(&self, previous: &[u8; 32], at: Timestamp, body: &[u8]) -> [u8; 32] {
        chained(&self.now, previous, at, body)
    }

    pub(super) fn of_record(&self, previous: &[u8; 32], record: &Record) -> [u8; 32] {
        let earlier = self.earlier.iter().find(|(until, _)| record.pos < *until);
        chained(earlier.map_or(&self.now, |it| &it.1), previous, record.at, &record.body)
    }
}

/// Until where each chained, and the key.
pub(super) async fn earlier_keys(store: &dyn Store, sealer: &Sealer) -> Result<Vec<(Pos, [u8; 32])>, StoreError> {
    let unreadable = |name: &str, why: &dyn fmt::Display| {
        StoreError::new(StoreErrorKind::Corrupt, format!("the timeline's earlier key {name} cannot be opened: {why}"))
    };
    let mut keys = Vec::new();
    for name in store.secret_names().await? {
        let Some(until) = name.strip_prefix(EARLIER_TIMELINE).and_then(|it| it.parse().ok()) else { continue };
        let Some(sealed) = store.secret(&name).await? else { continue };
        let key = sealer.open(&name, &sealed).map_err(|error| unreadable(&name, &error))?;
        let key = key.as_slice().try_into().map_err(|_length| unreadable(&name, &"it is cut short"))?;
        keys.push((Pos(until), key));
    }
    Ok(keys)
}

fn mac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to its block.
    let mut block = [0; 64];
    for (to, from) in block.iter_mut().zip(key) {
        *to = *from;
    }
    Hmac::new(&block.into())
}

fn chained(mac: &Hmac<Sha256>, previous: &[u8; 32], at: Timestamp, body: &[u8]) -> [u8; 32] {
    let mut mac = mac.clone();
    mac.update(previous);
    mac.update(&at.0.to_be_bytes());
    mac.update(body);
    mac.finalize().into_bytes().into()
}

/// Where a contact's records end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) last: Pos,
    pub(super) hash: [u8; 32],
}

impl Link {
    pub(super) const FIRST: Self = Self { last: Pos(0), hash: [0; 32] };
}

pub(super) struct Chain {
    pub(super) link: Link,
    key: DataKey,
    /// The key as it is to be kept, until it goes with a record.
    untold: Option<Vec<u8>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("link", &self.link).finish_non_exhaustive()
    }
}

impl Chain {
    /// With a new key from here on.
    pub(super) fn begin(vault: &Vault, contact: &ContactId, link: Link) -> Result<Self, SealError> {
        let (key, kept) = vault.make(&contact.to_string())?;
        Ok(Self { link, key, untold: Some(kept) })
    }

    pub(super) const fn of(link: Link, key: DataKey) -> Self {
        Self { link, key, untold: None }
    }

    pub(super) fn seal_record(&mut self, body: &[u8]) -> Result<Vec<u8>, SealError> {
        self.key.seal(Purpose::Record, body)
    }

    /// The key, if the record at `born` is the first that it seals.
    pub(super) fn tell_key(&mut self, contact: &ContactId, born: Pos) -> Option<LifeKey> {
        self.untold.take().map(|sealed| LifeKey { contact: contact.clone(), born, sealed })
    }

    /// `None`: it has no record to go on from.
    pub(super) fn seal_snapshot(&mut self, contact: &ContactId, state: &[u8]) -> Result<Option<Snapshot>, SealError> {
        let Link { last, hash } = self.link;
        if last == Pos(0) {
            return Ok(None);
        }
        // Read back from what was written before contacts had keys, and unchanged since: its key is not in the store yet.
        let state = if self.untold.is_some() { state.to_vec() } else { self.key.seal(Purpose::Snapshot, state)? };
        Ok(Some(Snapshot { contact: contact.clone(), last, hash, state }))
    }

    pub(super) fn seal_value(&mut self, value: &str) -> Result<Vec<u8>, SealError> {
        self.key.seal(Purpose::Value, value.as_bytes())
    }

    /// `None`: it was not sealed by this contact's key.
    pub(super) fn open_value(&self, sealed: &[u8]) -> Option<Zeroizing<String>> {
        let opened = self.key.open(Purpose::Value, sealed).ok()?;
        std::str::from_utf8(&opened).ok().map(|text| Zeroizing::new(text.to_owned()))
    }
}

/// A record as it is kept, and what it says.
#[derive(Debug)]
pub struct Opened {
    pub record: Record,
    pub content: Content,
}

#[derive(Debug)]
pub enum Content {
    Readable(Zeroizing<Vec<u8>>),
    /// Its key was destroyed.
    Erased(Erased),
    /// Its key is not here, or does not fit.
    Sealed,
}

/// Opens records for reading. `lives`: what the store knows of the contact's keys.
#[must_use]
pub fn open(vault: &Vault, lives: &[Life], records: Vec<Record>) -> Vec<Opened> {
    let mut keys: HashMap<Pos, Option<DataKey>> = HashMap::new();
    let mut content = |record: &Record| {
        if !DataKey::is_sealed(&record.body) {
            return Content::Readable(Zeroizing::new(record.body.clone()));
        }
        match lives.iter().rev().find(|life| life.born <= record.pos) {
            None => Content::Sealed,
            Some(Life { key: Err(erased), .. }) => Content::Erased(erased.clone()),
            Some(Life { key: Ok(kept), born }) => {
                // Whatever the vault objects, the reader's answer is the same: the record stays `Sealed`.
                let open = || vault.open(&record.contact.to_string(), kept).ok();
                let key = keys.entry(*born).or_insert_with(open).as_ref();
                let opened = key.and_then(|key| key.open(Purpose::Record, &record.body).ok());
                opened.map_or(Content::Sealed, Content::Readable)
            }
        }
    };
    records.into_iter().map(|record| Opened { content: content(&record), record }).collect()
}

/// Keys that a start has read, to be opened where they are needed.
pub(super) struct Keys<'a> {
    vault: &'a Vault,
    by_contact: HashMap<ContactId, Vec<LifeKey>>,
}

impl<'a> Keys<'a> {
    pub(super) fn new(vault: &'a Vault) -> Self {
        Self { vault, by_contact: HashMap::new() }
    }

    /// Oldest first.
    pub(super) fn add(&mut self, key: LifeKey) {
        self.by_contact.entry(key.contact.clone()).or_default().push(key);
    }

    /// Where the key of a contact's record at `pos` begins.
    pub(super) fn born(&self, contact: &ContactId, pos: Pos) -> Option<Pos> {
        self.kept(contact, pos).map(|it| it.born)
    }

    /// The key of a contact's record at `pos`; `None`: there is none, or it is destroyed.
    pub(super) fn open(&self, contact: &ContactId, pos: Pos) -> Result<Option<DataKey>, SealError> {
        self.kept(contact, pos).map(|it| self.vault.open(&contact.to_string(), &it.sealed)).transpose()
    }

    fn kept(&self, contact: &ContactId, pos: Pos) -> Option<&LifeKey> {
        self.by_contact.get(contact)?.iter().rev().find(|it| it.born <= pos)
    }
}
