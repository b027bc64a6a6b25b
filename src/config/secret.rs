//! Secrets in the configuration: where they come from, and that they go nowhere else.

use std::{error::Error, fmt, fs, io::Read as _};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{
    document::DocumentKind,
    section::{At, Section},
    tree::{Entry, Table, Value},
};
use crate::core::{
    hex,
    said::{Said, said},
};

const MAX_FILE_BYTES: u64 = 65_536;
const FORMS: Said = said!("write { env = \"NAME\" }, { file = \"path\" }, { secret = \"name\" } or text");

/// Why the store does not give a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretError {
    Unknown,
    /// Says why, and nothing of the secret.
    Unreadable(Said),
}

impl SecretError {
    #[must_use]
    pub fn tell(&self) -> Said {
        match self {
            Self::Unknown => said!("the store holds no secret of this name"),
            Self::Unreadable(why) => why.clone(),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl Error for SecretError {}

/// A secret that only the store or its master key can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept<'a> {
    /// The store holds it under this name.
    Named(&'a str),
    /// This is it, sealed.
    Sealed(&'a str),
}

/// Gives the secrets that are kept.
pub type SecretLookup<'a> = dyn Fn(Kept<'_>) -> Result<SecretString, SecretError> + 'a;

/// The one way to write a secret that is somewhere else.
pub(super) enum Reference<'a> {
    Env(&'a str),
    File(&'a str),
    Stored(&'a str),
    /// Here, under the master key: how the Web Manager writes it.
    Sealed(&'a str),
}

impl<'a> Reference<'a> {
    pub(super) fn of(table: &'a Table) -> Option<Self> {
        let mut entries = table.0.iter();
        let (Some((form, Entry { node, .. })), None) = (entries.next(), entries.next()) else { return None };
        let Value::Text(target) = &node.value else { return None };
        match form.as_str() {
            "env" => Some(Self::Env(target)),
            "file" => Some(Self::File(target)),
            "secret" => Some(Self::Stored(target)),
            "sealed" => Some(Self::Sealed(target)),
            _ => None,
        }
    }
}

/// The names of the store's secrets that a table refers to, however deep.
pub(super) fn stored_names(table: &Table, names: &mut std::collections::BTreeSet<String>) {
    fn look(value: &Value, names: &mut std::collections::BTreeSet<String>) {
        match value {
            Value::Table(table) => stored_names(table, names),
            Value::List(items) => items.iter().for_each(|item| look(&item.value, names)),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Untyped(_) => {}
        }
    }
    if let Some(Reference::Stored(name)) = Reference::of(table) {
        names.insert(name.to_owned());
    }
    table.0.values().for_each(|entry| look(&entry.node.value, names));
}

impl Section<'_> {
    /// A secret, wherever it is.
    pub(super) fn secret(&mut self, key: &'static str) -> Option<At<SecretString>> {
        let Entry { key: key_place, node } = self.entry(key)?;
        let value = match &node.value {
            Value::Text(text) | Value::Untyped(text) => {
                self.cx.literals.borrow_mut().insert(node.place);
                self.cx.typed.borrow_mut().push(node.place);
                if self.cx.documents.of(node.place).kind == DocumentKind::File {
                    let message = said!("`{}` stands in the file as it is", self.name_of(key));
                    let help = said!("take it out: { env = \"NAME\" }, { file = \"path\" } or { secret = \"name\" }");
                    self.cx.warn(*key_place, message, help);
                }
                SecretString::from(text.as_str())
            }
            Value::Table(table) => {
                let resolved = Reference::of(table).map_or_else(
                    || Err((said!("`{}` is a table of another form", self.name_of(key)), FORMS)),
                    |reference| self.resolve(key, node.place, &reference),
                );
                match resolved {
                    Ok(secret) => secret,
                    Err((message, help)) => {
                        self.cx.error(node.place, message, help);
                        return None;
                    }
                }
            }
            Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) | Value::List(_) => {
                let message = said!("`{}` is {}", self.name_of(key), node.value.kind());
                self.cx.error(*key_place, message, FORMS);
                return None;
            }
        };
        if value.expose_secret().is_empty() {
            let message = said!("`{}` is empty", self.name_of(key));
            self.cx.error(node.place, message, said!("a secret must have at least one character"));
            return None;
        }
        self.cx.secrets.borrow_mut().push((node.place, self.name_of(key), value.clone()));
        Some(At { value, place: *key_place })
    }

    pub(super) fn required_secret(&mut self, key: &'static str, why: Said) -> Option<At<SecretString>> {
        if !self.has(key) {
            self.know(&[key]);
            self.missing(key, why);
            return None;
        }
        self.secret(key)
    }

    fn resolve(
        &self,
        key: &str,
        place: super::document::Place,
        reference: &Reference<'_>,
    ) -> Result<SecretString, (Said, Said)> {
        let key = self.name_of(key);
        let is_managed = self.cx.documents.of(place).kind == DocumentKind::Managed;
        if let (true, Reference::Env(_) | Reference::File(_)) = (is_managed, reference) {
            // Whoever may use the Web Manager need not be able to read this machine's files.
            let message = said!("`{}` is somewhere on the gateway's machine", key);
            return Err((message, said!("write the secret itself: it is sealed before it is kept")));
        }
        match *reference {
            Reference::Env(name) => self.cx.environment.get(name).map(SecretString::from).ok_or_else(|| {
                (
                    said!("`{}`: the environment variable `{}` is not set", key, name),
                    said!("set `{}` where usher is started, or name another variable", name),
                )
            }),
            Reference::File(path) => {
                let path = self.cx.path(place, path);
                self.cx.files.borrow_mut().insert(path.clone());
                read(&path).map_err(|error| {
                    (
                        said!("`{}`: cannot read {}: {}", key, path.display(), error),
                        said!("a path is relative to the file that names it"),
                    )
                })
            }
            Reference::Sealed(text) => (self.cx.lookup)(Kept::Sealed(text)).map_err(|error| {
                let help = said!("write the secret anew; or bring back the master key that it was sealed with");
                (said!("`{}`: {}", key, error.tell()), help)
            }),
            Reference::Stored(name) => (self.cx.lookup)(Kept::Named(name)).map_err(|error| {
                (
                    said!("`{}`: secret `{}`: {}", key, name, error.tell()),
                    said!("put it there with `usher secret set {}`", name),
                )
            }),
        }
    }

    /// A SHA-256 as it is written.
    pub(super) fn sha256(&mut self, key: &'static str) -> Option<At<[u8; 32]>> {
        let At { value, place } = self.text(key)?;
        let hash = hex::decode(value.trim()).and_then(|it| it.try_into().ok());
        if hash.is_none() {
            let message = said!("`{}` is no SHA-256", self.name_of(key));
            self.cx.error(place, message, said!("write the 64 hexadecimal digits that `sha256sum` prints"));
        }
        hash.map(|value| At { value, place })
    }

    /// SHA-256 of a token for one of our own doors: from the token itself, or given as it is.
    pub(super) fn token_sha256(&mut self) -> Option<At<[u8; 32]>> {
        let token = self.secret("token");
        let given = self.sha256("token_sha256");
        match (token, given) {
            (Some(token), None) => {
                if token.value.expose_secret().len() < 16 {
                    let message = said!("`{}` is shorter than 16 characters", self.name_of("token"));
                    self.cx.warn(
                        token.place,
                        message,
                        said!("take a random one: `openssl rand -hex 32` makes a good one"),
                    );
                }
                Some(At { value: Sha256::digest(token.value.expose_secret()).into(), place: token.place })
            }
            (None, Some(given)) => Some(given),
            (Some(_), Some(At { place, .. })) => {
                let message = said!("`{}` beside `{}`", self.name_of("token_sha256"), self.name_of("token"));
                self.cx.error(place, message, said!("keep one of the two"));
                None
            }
            (None, None) => None,
        }
    }
}

fn read(path: &std::path::Path) -> Result<SecretString, String> {
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    let text = std::str::from_utf8(&bytes).map_err(|_position| "it is no text in UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(SecretString::from(text.strip_suffix('\r').unwrap_or(text)))
}
