//! Configuration before it is understood: values that know where they were written, laid over one another.

use std::collections::BTreeMap;

use toml::de::{DeTable, DeValue};

use super::document::{Documents, Place};
use crate::core::said::{Said, said};

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    Integer(i64),
    /// As it was written.
    Float(String),
    Boolean(bool),
    Datetime(String),
    List(Vec<Node>),
    Table(Table),
    /// From the environment or a flag: becomes what its reader asks for.
    Untyped(String),
}

impl Value {
    pub(super) const fn kind(&self) -> Said {
        match self {
            Self::Text(_) | Self::Untyped(_) => said!("text"),
            Self::Integer(_) => said!("an integer"),
            Self::Float(_) => said!("a number with a fraction"),
            Self::Boolean(_) => said!("true or false"),
            Self::Datetime(_) => said!("a date or time"),
            Self::List(_) => said!("a list"),
            Self::Table(_) => said!("a table"),
        }
    }
}

#[derive(Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) place: Place,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub(super) key: Place,
    pub(super) node: Node,
}

#[derive(Clone, Default)]
pub(super) struct Table(pub(super) BTreeMap<String, Entry>);

/// What a document does not say right.
pub(super) struct SyntaxError {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Reads a whole document. What could be read is worth nothing when there are errors.
pub(super) fn parse(documents: &Documents, whole: Place) -> Result<Table, Vec<SyntaxError>> {
    let text = &documents.of(whole).text;
    let at = |span: std::ops::Range<usize>| Place { document: whole.document, start: span.start, end: span.end };
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut found: Vec<_> = errors
        .into_iter()
        .map(|error| SyntaxError { place: at(error.span().unwrap_or_default()), message: error.message().to_owned() })
        .collect();
    let table = convert_table(table.get_ref(), &at, &mut found);
    if found.is_empty() { Ok(table) } else { Err(found) }
}

/// Reads one value, as a variable or flag holds it.
pub(super) fn parse_value(text: &str, place: Place) -> Option<Value> {
    let value = DeValue::parse(text).ok()?;
    let mut found = Vec::new();
    let value = convert(value.get_ref(), place, &|_| place, &mut found);
    found.is_empty().then_some(value)
}

type Locate<'a> = &'a dyn Fn(std::ops::Range<usize>) -> Place;

fn convert_table(table: &DeTable<'_>, at: Locate<'_>, found: &mut Vec<SyntaxError>) -> Table {
    Table(
        table
            .iter()
            .map(|(key, value)| {
                let place = at(value.span());
                let node = Node { value: convert(value.get_ref(), place, at, found), place };
                (key.get_ref().to_string(), Entry { key: at(key.span()), node })
            })
            .collect(),
    )
}

fn convert(value: &DeValue<'_>, place: Place, at: Locate<'_>, found: &mut Vec<SyntaxError>) -> Value {
    match value {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(integer) => {
            Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or_else(|_too_large| {
                found.push(SyntaxError { place, message: "integer does not fit into 64 bits".to_owned() });
                0
            }))
        }
        DeValue::Float(float) => Value::Float(float.as_str().to_owned()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(time) => Value::Datetime(time.to_string()),
        DeValue::Array(items) => Value::List(
            items
                .iter()
                .map(|item| {
                    let place = at(item.span());
                    Node { value: convert(item.get_ref(), place, at, found), place }
                })
                .collect(),
        ),
        DeValue::Table(table) => Value::Table(convert_table(table, at, found)),
    }
}

impl Table {
    /// Lays `over` on top: tables are merged, everything else is replaced.
    pub(super) fn overlay(&mut self, over: Self) {
        for (name, mut entry) in over.0 {
            if let Some(below) = self.0.get_mut(&name)
                && let (Value::Table(base), Value::Table(top)) = (&mut below.node.value, &mut entry.node.value)
            {
                base.overlay(std::mem::take(top));
                below.key = entry.key;
                below.node.place = entry.node.place;
            } else {
                self.0.insert(name, entry);
            }
        }
    }

    /// The table that holds one entry at a path of keys.
    pub(super) fn of(path: &[&str], entry: Entry) -> Self {
        let mut entry = entry;
        for key in path.iter().skip(1).rev() {
            let place = entry.key;
            let table = Self(BTreeMap::from([((*key).to_owned(), entry)]));
            entry = Entry { key: place, node: Node { value: Value::Table(table), place } };
        }
        Self(path.first().map(|key| ((*key).to_owned(), entry)).into_iter().collect())
    }
}
