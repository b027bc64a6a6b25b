//! What the configuration comes to: every value with its origin, secrets hidden.

use std::collections::BTreeSet;

use super::{
    document::{Documents, HIDDEN, Place},
    tree::{Table, Value},
};

/// One value as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// `server.listen`, `unit[0].name`; for a profile `profile[0].handover.queue`.
    pub key: String,
    /// As in TOML; secrets are hidden.
    pub value: String,
    /// `default`, `usher.toml:3:10`, `$USHER_SERVER__LISTEN`, `--listen`.
    pub origin: String,
}

pub(super) struct Listing<'a> {
    pub(super) documents: &'a Documents,
    /// Where secrets stand literally.
    pub(super) literals: &'a BTreeSet<Place>,
    pub(super) list: Vec<Effective>,
}

impl Listing<'_> {
    pub(super) fn table(&mut self, path: &str, table: &Table) {
        for (key, entry) in &table.0 {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            self.value(path, &entry.node.value, entry.node.place);
        }
    }

    fn value(&mut self, path: String, value: &Value, place: Place) {
        match value {
            Value::Table(table) if !is_reference(table) => self.table(&path, table),
            Value::List(items) if items.iter().any(|item| matches!(item.value, Value::Table(_))) => {
                for (at, item) in items.iter().enumerate() {
                    self.value(format!("{path}[{at}]"), &item.value, item.place);
                }
            }
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Untyped(_) => {
                let shown = if self.literals.contains(&place) { HIDDEN.to_owned() } else { written(value) };
                self.list.push(Effective { key: path, value: shown, origin: self.documents.origin(place) });
            }
        }
    }
}

/// `{ env = "NAME" }` and the like read better in one line.
fn is_reference(table: &Table) -> bool {
    table.0.len() == 1 && table.0.keys().all(|key| matches!(key.as_str(), "env" | "file" | "secret" | "sealed"))
}

fn written(value: &Value) -> String {
    match value {
        Value::Text(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Untyped(text) | Value::Float(text) | Value::Datetime(text) => text.clone(),
        Value::Integer(integer) => integer.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| written(&item.value)).collect::<Vec<_>>().join(", "))
        }
        // Long, and nothing to anybody without the master key.
        Value::Table(table) if table.0.contains_key("sealed") => HIDDEN.to_owned(),
        Value::Table(table) => {
            let entries = table.0.iter().map(|(key, entry)| format!("{key} = {}", written(&entry.node.value)));
            format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
        }
    }
}
