//! Reads one table key by key: every mistake becomes a finding, and reading goes on.
//!
//! A reader gets some value even where there is none or a wrong one: then there is a finding, and nothing is built from it.

use std::{cell::RefCell, collections::BTreeSet, fmt, ops::RangeInclusive, path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, de::IntoDeserializer as _};

use super::{
    Environment, SecretLookup,
    document::{DocumentKind, Documents, Place},
    finding::Severity,
    nearest::{nearest, quoted},
    tree::{Entry, Node, Table, Value, parse_value},
};
use crate::core::{
    ids::NameError,
    said::{Said, said},
};

/// Longest text that is said to a customer.
const MAX_MESSAGE_CHARACTERS: usize = 4096;

/// A value and where it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) place: Place,
}

#[derive(Clone)]
pub(super) struct RawFinding {
    pub(super) severity: Severity,
    pub(super) place: Option<Place>,
    /// The setting at fault, where the place does not say it.
    pub(super) setting: Option<String>,
    pub(super) message: Said,
    pub(super) help: Said,
}

/// A word that is none of an enum's: what serde says of it, so that it can be said in another language.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unknown(Said);

impl serde::de::Error for Unknown {
    fn custom<T: fmt::Display>(told: T) -> Self {
        Self(Said::foreign(told.to_string()))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self(match expected {
            [only] => said!("unknown variant `{}`, expected `{}`", variant, only),
            [one, other] => said!("unknown variant `{}`, expected `{}` or `{}`", variant, one, other),
            all => {
                let all: Vec<String> = all.iter().map(|it| format!("`{it}`")).collect();
                said!("unknown variant `{}`, expected one of {}", variant, all.join(", "))
            }
        })
    }
}

/// What all readers share.
pub(super) struct Context<'a> {
    pub(super) documents: &'a Documents,
    pub(super) environment: &'a Environment,
    pub(super) lookup: &'a SecretLookup<'a>,
    pub(super) findings: RefCell<Vec<RawFinding>>,
    /// Files that the configuration names.
    pub(super) files: RefCell<BTreeSet<PathBuf>>,
    /// Where secrets stand literally.
    pub(super) literals: RefCell<BTreeSet<Place>>,
    /// Every secret: where it is written, what it is called, what it is.
    pub(super) secrets: RefCell<Vec<(Place, String, SecretString)>>,
    /// Secrets that were typed as they are.
    pub(super) typed: RefCell<Vec<Place>>,
}

impl Context<'_> {
    pub(super) fn error(&self, place: Place, message: Said, help: Said) {
        self.find(Severity::Error, place, message, help);
    }

    /// Of a setting that the place does not lead to: it is not written.
    pub(super) fn find_unwritten(
        &self,
        severity: Severity,
        (place, setting): (Place, String),
        message: Said,
        help: Said,
    ) {
        let found = RawFinding { severity, place: Some(place), setting: Some(setting), message, help };
        self.findings.borrow_mut().push(found);
    }

    pub(super) fn warn(&self, place: Place, message: Said, help: Said) {
        self.find(Severity::Warning, place, message, help);
    }

    fn find(&self, severity: Severity, place: Place, message: Said, help: Said) {
        self.findings.borrow_mut().push(RawFinding { severity, place: Some(place), setting: None, message, help });
    }

    pub(super) fn origin(&self, place: Place) -> String {
        self.documents.origin(place)
    }

    /// What the text is called that this stands in.
    pub(super) fn document(&self, place: Place) -> String {
        if self.is_default(place) { "default".to_owned() } else { self.documents.of(place).name.clone() }
    }

    pub(super) fn is_default(&self, place: Place) -> bool {
        self.documents.is_default(place)
    }

    /// A path as `place` means it.
    pub(super) fn path(&self, place: Place, path: &str) -> PathBuf {
        self.documents.of(place).directory.join(path)
    }
}

/// A table being read.
#[must_use = "`finish` reports unknown keys"]
pub(super) struct Section<'a> {
    pub(super) cx: &'a Context<'a>,
    table: Option<&'a Table>,
    /// Where a missing key is missing.
    pub(super) place: Place,
    path: String,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) const fn root(cx: &'a Context<'a>, table: &'a Table, place: Place) -> Self {
        Self { cx, table: Some(table), place, path: String::new(), known: Vec::new() }
    }

    /// `server.listen`
    pub(super) fn name_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.table?.0.get(key)
    }

    /// Keys that are allowed here and not read now.
    pub(super) fn know(&mut self, keys: &[&'static str]) {
        self.known.extend(keys);
    }

    pub(super) fn wrong_kind(&self, key: &str, node: &Node, expected: &Said) {
        let message = said!("`{}` is {}", self.name_of(key), node.value.kind());
        self.cx.error(node.place, message, said!("it must be {}", expected));
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, entry) in &table.0 {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            let mut known = self.known.clone();
            known.sort_unstable();
            known.dedup();
            let help = nearest(key, known.iter().copied()).map_or_else(
                || said!("known here are {}", quoted(known.iter().copied())),
                |meant| said!("did you mean `{}`?", self.name_of(meant)),
            );
            let message = said!("unknown key `{}`", self.name_of(key));
            // The environment is not ours alone: a cluster sets variables for every service of ours by itself.
            if self.cx.documents.of(entry.key).kind == DocumentKind::Variable {
                self.cx.warn(entry.key, message, help);
            } else {
                self.cx.error(entry.key, message, help);
            }
        }
    }

    pub(super) fn section(&mut self, key: &'static str) -> Section<'a> {
        let entry = self.entry(key);
        let table = entry.and_then(|entry| match &entry.node.value {
            Value::Table(table) => Some(table),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Untyped(_) => {
                self.wrong_kind(key, &entry.node, &said!("a table: `[{}]`", self.name_of(key)));
                None
            }
        });
        // What is missing from a table that nobody wrote is missing from the file around it.
        let place = entry.map(|entry| entry.key).filter(|key| !self.cx.is_default(*key)).unwrap_or(self.place);
        Section { cx: self.cx, table, place, path: self.name_of(key), known: Vec::new() }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.0.contains_key(key))
    }

    /// The tables of `[[key]]`.
    pub(super) fn sections(&mut self, key: &'static str) -> Vec<Section<'a>> {
        let Some(entry) = self.entry(key) else { return Vec::new() };
        let path = self.name_of(key);
        let expected = said!("a list of tables: `[[{}]]`", path);
        let Value::List(items) = &entry.node.value else {
            self.wrong_kind(key, &entry.node, &expected);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items {
            if let Value::Table(table) = &item.value {
                sections.push(Section {
                    cx: self.cx,
                    table: Some(table),
                    place: item.place,
                    path: path.clone(),
                    known: Vec::new(),
                });
            } else {
                self.wrong_kind(key, item, &expected);
            }
        }
        sections
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<At<&'a str>> {
        let Entry { node, .. } = self.entry(key)?;
        match &node.value {
            Value::Text(text) | Value::Untyped(text) => Some(At { value: text, place: node.place }),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Table(_) => {
                self.wrong_kind(key, node, &said!("text in quotation marks"));
                None
            }
        }
    }

    /// Text that must be there and say something.
    pub(super) fn required(&mut self, key: &'static str, why: Said) -> Option<At<&'a str>> {
        let given = self.has(key);
        let text = self.text(key);
        match &text {
            Some(At { value, .. }) if !value.trim().is_empty() => return text,
            Some(At { place, .. }) => self.cx.error(*place, said!("`{}` is empty", self.name_of(key)), why),
            None if given => {}
            None => self.missing(key, why),
        }
        None
    }

    pub(super) fn missing(&self, key: &str, why: Said) {
        let name = self.name_of(key);
        let message = said!("`{}` is missing", name);
        self.cx.find_unwritten(Severity::Error, (self.place, name), message, why);
    }

    /// What is said to a customer.
    pub(super) fn message(&mut self, key: &'static str) -> String {
        let Some(At { value, place }) = self.text(key) else { return String::new() };
        if value.chars().count() > MAX_MESSAGE_CHARACTERS {
            let message = said!("`{}` is longer than {} characters", self.name_of(key), MAX_MESSAGE_CHARACTERS);
            self.cx.error(place, message, said!("shorten it"));
        }
        if value.chars().any(|c| c.is_control() && c != '\n') {
            let message = said!("`{}` contains a control character", self.name_of(key));
            self.cx.error(place, message, said!("only line ends are allowed"));
        }
        value.to_owned()
    }

    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        let Some(Entry { node, .. }) = self.entry(key) else { return false };
        match &node.value {
            Value::Boolean(value) => return *value,
            Value::Untyped(text) => {
                if let Ok(value) = text.trim().parse() {
                    return value;
                }
                self.wrong_kind(key, node, &said!("true or false"));
            }
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Table(_) => self.wrong_kind(key, node, &said!("true or false, without quotation marks")),
        }
        false
    }

    pub(super) fn number<T: TryFrom<u64> + Default>(&mut self, key: &'static str, range: RangeInclusive<u64>) -> T {
        let Some(Entry { node, .. }) = self.entry(key) else { return T::default() };
        let expected = said!("a whole number from {} to {}", range.start(), range.end());
        let integer = match &node.value {
            Value::Integer(integer) => Some(*integer),
            Value::Untyped(text) => text.trim().parse().ok(),
            Value::Text(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Table(_) => None,
        };
        let Some(integer) = integer else {
            self.wrong_kind(key, node, &expected);
            return T::default();
        };
        u64::try_from(integer).ok().filter(|it| range.contains(it)).and_then(|it| T::try_from(it).ok()).unwrap_or_else(
            || {
                let message = said!("`{}` cannot be {}", self.name_of(key), integer);
                self.cx.error(node.place, message, said!("it must be {}", expected));
                T::default()
            },
        )
    }

    /// A number that may have a fraction.
    pub(super) fn decimal(&mut self, key: &'static str, range: RangeInclusive<f64>) -> Option<f64> {
        let Entry { node, .. } = self.entry(key)?;
        let number = match &node.value {
            Value::Float(text) | Value::Untyped(text) => text.trim().parse().ok(),
            Value::Integer(integer) => integer.to_string().parse().ok(),
            Value::Text(_) | Value::Boolean(_) | Value::Datetime(_) | Value::List(_) | Value::Table(_) => None,
        };
        let good = number.filter(|number| range.contains(number));
        if good.is_none() {
            let message = said!("`{}` is no number from {} to {}", self.name_of(key), range.start(), range.end());
            self.cx.error(node.place, message, said!("write it without quotation marks: 0.5"));
        }
        good
    }

    pub(super) fn seconds(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(key, range))
    }

    pub(super) fn millis(&mut self, key: &'static str, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(key, range))
    }

    /// One of an enum's words.
    pub(super) fn choice<T: for<'de> Deserialize<'de>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        self.one_of(key, text)
    }

    pub(super) fn one_of<T: for<'de> Deserialize<'de>>(&self, key: &str, text: At<&str>) -> Option<T> {
        let parsed: Result<T, Unknown> = T::deserialize(text.value.into_deserializer());
        match parsed {
            Ok(value) => Some(value),
            Err(Unknown(unknown)) => {
                let message = said!("`{}`: {}", self.name_of(key), unknown);
                self.cx.error(text.place, message, said!("choose one of them"));
                None
            }
        }
    }

    /// A name of the domain, when the key is there.
    pub(super) fn name<N: TryFrom<String, Error = NameError>>(&mut self, key: &'static str) -> Option<At<N>> {
        let text = self.text(key)?;
        self.named(key, text)
    }

    pub(super) fn named<N: TryFrom<String, Error = NameError>>(&self, key: &str, text: At<&str>) -> Option<At<N>> {
        match N::try_from(text.value.to_owned()) {
            Ok(value) => Some(At { value, place: text.place }),
            Err(reason) => {
                let message = said!("`{}` {}", self.name_of(key), reason.tell());
                self.cx.error(text.place, message, said!("give a name of 1 to 128 bytes without control characters"));
                None
            }
        }
    }

    pub(super) fn required_name<N: TryFrom<String, Error = NameError>>(
        &mut self,
        key: &'static str,
        why: Said,
    ) -> Option<At<N>> {
        let text = self.required(key, why)?;
        self.named(key, text)
    }

    /// A list of texts; from the environment, in TOML or separated by commas.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some(Entry { node, .. }) = self.entry(key) else { return Vec::new() };
        let expected = said!("a list of texts: [\"a\", \"b\"]");
        let parsed;
        let items = match &node.value {
            Value::List(items) => items,
            Value::Untyped(text) => match parse_value(text, node.place) {
                Some(Value::List(items)) => {
                    parsed = items;
                    &parsed
                }
                Some(_) | None => {
                    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                    return parts.map(|part| At { value: part.to_owned(), place: node.place }).collect();
                }
            },
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Table(_) => {
                self.wrong_kind(key, node, &expected);
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for item in items {
            if let Value::Text(text) = &item.value {
                texts.push(At { value: text.clone(), place: item.place });
            } else {
                self.wrong_kind(key, item, &expected);
            }
        }
        texts
    }

    pub(super) fn names<N: TryFrom<String, Error = NameError>>(&mut self, key: &'static str) -> Vec<At<N>> {
        let texts = self.texts(key);
        texts.iter().filter_map(|At { value, place }| self.named(key, At { value, place: *place })).collect()
    }
}
