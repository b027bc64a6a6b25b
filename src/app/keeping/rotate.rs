//! `usher key rotate`: everything that is sealed under the master key is sealed under another.
//!
//! Three steps, and after each of them the store opens with a key that is there: the new key is written beside the old one; the store
//! is sealed anew in one transaction; the new key takes the old one's name.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};

use super::{
    key::{PROBE, WORD},
    why::{OrSaid as _, because},
    with_reason,
};
use crate::{
    app::{SEALED_AS, past},
    clock::Clock,
    config::Environment,
    core::{
        hex,
        said::{Said, said},
    },
    gateway::{EARLIER_TIMELINE, TIMELINE},
    manager::reseal_user,
    seal::{KEY_FILE, KeyId, Keyring, SealError, Sealer, Vault},
    store::{
        AuditLine, DocumentKind,
        sqlite::{Alone, Sealed, Sqlite},
    },
};

/// A rotation under way; nobody else works on the store meanwhile.
#[derive(Debug)]
pub struct Rotation {
    directory: PathBuf,
    alone: Alone,
    old: Sealer,
    new: Sealer,
    /// The new key is in a file of ours, not the environment's.
    to_file: bool,
    /// The store has said that the old key is its own.
    is_known: bool,
}

/// All three steps; says what was done, line by line. `by`: who wants it, for the audit log.
///
/// # Errors
/// When a gateway runs on the store, or a key, the store or what is sealed in it cannot be used.
pub async fn rotate(directory: &Path, environment: &Environment, by: &str) -> anyhow::Result<Vec<Said>> {
    let rotation = Rotation::begin(directory, environment).await?;
    let (done, left) = rotation.reseal(by).await?;
    let (old, new, to_file) = (rotation.old.id(), rotation.new.id(), rotation.to_file);
    rotation.finish()?;
    past::forget(directory);
    let shown = directory.join(KEY_FILE).display().to_string();
    let mut told =
        vec![said!("{} secrets, documents and keys of contacts are sealed under the master key {} now", done, new)];
    told.push(if to_file {
        said!(
            "It is in {}. The one before lies beside it as {}: backups made until now need it. Keep it with them and nowhere else.",
            shown,
            format!("{KEY_FILE}.old-{old}")
        )
    } else {
        said!(
            "Start the gateway with it as USHER_MASTER_KEY. Backups made until now need the one before: keep it with them."
        )
    });
    if left > 0 {
        told.push(said!("{} could not be opened with the old key either, and stay as they are.", left));
    }
    Ok(told)
}

impl Rotation {
    /// The new key is written beside the old one.
    ///
    /// # Errors
    /// When a gateway runs on the store, or there is no key that fits it.
    pub async fn begin(directory: &Path, environment: &Environment) -> anyhow::Result<Self> {
        ensure!(directory.join("usher.db").exists(), said!("there is no store in {}", directory.display()));
        let alone = Alone::take(directory).map_err(with_reason)?;
        let given = environment.master_key();
        let ring = Keyring::read(directory, given.as_ref())?;
        let probe = Sqlite::secret_at(directory, PROBE).await.map_err(with_reason)?;
        let old = match &probe {
            Some(probe) => Some(ring.fitting(PROBE, probe)?),
            None => ring.now(),
        };
        let old = old.ok_or_else(|| because(said!("there is no master key in {}", directory.display())))?.clone();
        if ring.has_next() {
            // Of one that was cut off.
            super::key::settle(directory, ring.now().map(Sealer::id), old.id())?;
        }
        let next = environment.next_master_key();
        let to_file = next.is_none();
        let new = match (next, given) {
            (Some(next), _) => Sealer::from_text(&next).context("USHER_MASTER_KEY_NEXT")?,
            (None, None) => Sealer::generate()?,
            (None, Some(_)) => {
                bail!(said!(
                    "the master key comes from USHER_MASTER_KEY: give the new one as USHER_MASTER_KEY_NEXT beside it"
                ))
            }
        };
        ensure!(new.id() != old.id(), said!("the new master key is the old one: give another"));
        if to_file {
            Keyring::prepare(directory, &new)?;
        }
        let directory = directory.to_owned();
        Ok(Self { directory, alone, old, new, to_file, is_known: probe.is_some() })
    }

    /// The store is sealed anew, all of it or nothing. Says how much, and how much could not be opened with the old key either.
    ///
    /// # Errors
    /// When something is sealed in a way that is not known here, or the store cannot be written.
    pub async fn reseal(&self, by: &str) -> anyhow::Result<(u64, u64)> {
        let (old, new) = (&self.old, &self.new);
        let (old_vault, new_vault) = (Vault::new(old), Vault::new(new));
        let mut left = 0;
        // Lost already, and not by this; but where nothing says that the old key is the store's own, it may be the wrong one.
        let mut given_up = |resealed: Result<Vec<u8>, SealError>| match resealed {
            Err(SealError::OtherKey | SealError::Forged | SealError::Malformed) if self.is_known => {
                left += 1;
                Ok(None)
            }
            resealed => resealed.map(Some).map_err(Into::into),
        };
        let mut each = |sealed: Sealed<'_>| match sealed {
            Sealed::Secret { name, sealed } => {
                given_up(old.open(name, sealed).and_then(|plain| new.seal(name, &plain)))
            }
            Sealed::ContactKey { contact, sealed } => {
                given_up(old_vault.reseal(&new_vault, &contact.to_string(), sealed))
            }
            Sealed::Document { kind, name, body } => {
                document(kind, body, old, new).map_err(|error| format!("{kind} `{name}`: {error:#}").into())
            }
        };
        let next = self.alone.next().await.map_err(with_reason)?;
        let mut secrets = vec![(PROBE.to_owned(), new.seal(PROBE, WORD)?)];
        let earlier = format!("{EARLIER_TIMELINE}{}", next.0);
        let is_chained = next.0 > 1;
        // After two changes without a record in between, the first one's stays.
        if is_chained && Sqlite::secret_at(&self.directory, &earlier).await.map_err(with_reason)?.is_none() {
            let sealed = new.seal(&earlier, &old.derive(TIMELINE))?;
            secrets.push((earlier, sealed));
        }
        let done = self.alone.reseal(&mut each, &secrets, &line(by, old.id(), new.id())).await.map_err(with_reason)?;
        Ok((done, left))
    }

    /// The new key takes the old one's name.
    ///
    /// # Errors
    /// When files cannot be renamed; the next start does it then.
    pub fn finish(self) -> anyhow::Result<()> {
        let done = if self.to_file { Keyring::advance(&self.directory) } else { Keyring::put_aside(&self.directory) };
        done.or_said(|| {
            said!(
                "the store is sealed under the new master key, but its file cannot be put in place: the next start does it"
            )
        })
    }
}

fn line(by: &str, old: KeyId, new: KeyId) -> AuditLine {
    AuditLine {
        at: Clock::system().now(),
        by: by.to_owned(),
        action: "key.rotated".to_owned(),
        subject: "master key".to_owned(),
        before: Some(old.to_string()),
        after: Some(new.to_string()),
    }
}

/// What a document holds that is sealed, under the new key; `None`: nothing.
fn document(kind: &str, body: &[u8], old: &Sealer, new: &Sealer) -> anyhow::Result<Option<Vec<u8>>> {
    let now =
        if kind == DocumentKind::User.label() { reseal_user(body, old, new)? } else { reseal_text(body, old, new)? };
    let after = now.as_deref().unwrap_or(body);
    ensure!(!names(after, old.id()), "it holds something sealed that this version cannot seal anew");
    Ok(now)
}

/// Secrets in TOML and JSON: `"01…"` in hexadecimal digits, with the key's id behind the version.
fn reseal_text(body: &[u8], old: &Sealer, new: &Sealer) -> anyhow::Result<Option<Vec<u8>>> {
    let Ok(text) = std::str::from_utf8(body) else { return Ok(None) };
    let begins = format!("01{}", old.id());
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, from)) = rest.split_once(&begins) {
        let end = from.find(|it: char| !it.is_ascii_hexdigit()).unwrap_or(from.len());
        let (digits, after) = from.split_at_checked(end).unwrap_or((from, ""));
        let sealed = hex::decode(&format!("{begins}{digits}")).context("a sealed secret in it is cut short")?;
        let plain = old.open(SEALED_AS, &sealed)?;
        out.push_str(before);
        out.push_str(&hex::encode(&new.seal(SEALED_AS, &plain)?));
        rest = after;
    }
    if out.is_empty() {
        return Ok(None);
    }
    out.push_str(rest);
    Ok(Some(out.into_bytes()))
}

/// Whether a key's id stands in it, in hexadecimal digits or as a list of numbers.
fn names(body: &[u8], id: KeyId) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    let numbers: Vec<String> = id.as_bytes().iter().map(ToString::to_string).collect();
    let plain: String = text.chars().filter(|it| !it.is_whitespace()).collect();
    text.contains(&id.to_string()) || plain.contains(&format!("[1,{},", numbers.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_a_document_are_sealed_anew_and_the_rest_stays_as_it_is() {
        let (old, new) = (Sealer::from_key([1; 32]), Sealer::from_key([2; 32]));
        let hex = |sealer: &Sealer, secret: &str| hex::encode(&sealer.seal(SEALED_AS, secret.as_bytes()).unwrap());
        let text = format!(
            "# ours\nagent_password = {{ sealed = \"{}\" }}\n[lex]\nkey = {{ sealed = \"{}\" }} # end",
            hex(&old, "a"),
            hex(&old, "b")
        );
        let now = document("profile", text.as_bytes(), &old, &new).unwrap().unwrap();
        let now = String::from_utf8(now).unwrap();
        assert!(now.starts_with("# ours\nagent_password = { sealed = \"01") && now.ends_with("\" } # end"), "{now}");
        let opened: Vec<_> = now
            .split("sealed = \"")
            .skip(1)
            .map(|it| new.open(SEALED_AS, &hex::decode(it.split('"').next().unwrap()).unwrap()).unwrap().to_vec())
            .collect();
        assert_eq!(opened, [b"a", b"b"]);
        assert_eq!(document("profile", b"name = \"a\"", &old, &new).unwrap(), None);
    }

    #[test]
    fn what_is_sealed_in_a_way_that_is_not_known_is_refused_and_not_lost() {
        let (old, new) = (Sealer::from_key([1; 32]), Sealer::from_key([2; 32]));
        let sealed = old.seal("something else", b"x").unwrap();
        let hex = format!("{{\"it\":\"{}\"}}", hex::encode(&sealed));
        assert!(document("test", hex.as_bytes(), &old, &new).is_err());
        let numbers = serde_json::to_vec(&serde_json::json!({ "it": sealed })).unwrap();
        let told = document("test", &numbers, &old, &new).unwrap_err().to_string();
        assert!(told.contains("cannot seal anew"), "{told}");
    }
}
