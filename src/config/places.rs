//! Where what a profile says was written, for those who find fault with it later than the validation (`usher lint`).

use std::collections::BTreeMap;

use super::{
    document::{Documents, Location},
    sources::Layers,
    tree::{Entry, Table, Value},
};
use crate::core::{ids::UnitName, message::MediaType};

/// Of one profile or business unit. What nobody wrote, a default, has no place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// By `welcome_event`, `events.human_returned`, …
    keys: BTreeMap<String, Location>,
    /// Its own, then those that a profile's business unit lends it: as they are looked up.
    actions: Vec<Action>,
}

/// One `[[action]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Action {
    name: String,
    media: Vec<String>,
    is_own: bool,
    keys: BTreeMap<String, Location>,
}

impl Places {
    pub(super) fn of_profile(layers: &Layers, profile: &Table, unit: &UnitName) -> Self {
        let mut places = Self::default();
        let listing = Listing(&layers.documents);
        listing.table("", profile, &mut places.keys);
        places.actions = listing.actions(profile, true);
        places.actions.extend(units(layers, unit).flat_map(|it| listing.actions(it, false)));
        places
    }

    /// Of a business unit's actions.
    pub(super) fn of_unit(layers: &Layers, unit: &UnitName) -> Self {
        let listing = Listing(&layers.documents);
        let actions = units(layers, unit).flat_map(|it| listing.actions(it, true)).collect();
        Self { keys: BTreeMap::new(), actions }
    }

    /// Where a key of the profile was written: `events.human_returned`.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Location> {
        self.keys.get(key)
    }

    /// Where the action in force for a name and a kind of contacts says `key`, or where it begins.
    #[must_use]
    pub fn of_action(&self, name: &str, media: MediaType, key: &str) -> Option<&Location> {
        let action = self.action(name, media)?;
        action.keys.get(key).or_else(|| action.keys.get("name"))
    }

    /// Whether the action is the profile's own; others are the business unit's, and other profiles' as well.
    #[must_use]
    pub fn is_own(&self, name: &str, media: MediaType) -> bool {
        self.action(name, media).is_none_or(|it| it.is_own)
    }

    fn action(&self, name: &str, media: MediaType) -> Option<&Action> {
        let media = media.label();
        self.actions.iter().find(|it| it.name == name && it.media.iter().any(|it| it == media))
    }
}

/// One, or none if it is a default.
fn units<'a>(layers: &'a Layers, name: &'a UnitName) -> impl Iterator<Item = &'a Table> {
    let units = layers.main.0.get("unit").into_iter().flat_map(|it| tables(&it.node.value));
    units.filter(|it| it.0.get("name").and_then(text) == Some(name.as_str()))
}

struct Listing<'a>(&'a Documents);

impl Listing<'_> {
    fn table(&self, path: &str, table: &Table, keys: &mut BTreeMap<String, Location>) {
        for (key, entry) in &table.0 {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            if let Value::Table(table) = &entry.node.value {
                self.table(&path, table, keys);
            }
            if !self.0.is_default(entry.node.place) {
                keys.insert(path, self.0.locate(entry.node.place));
            }
        }
    }

    fn actions(&self, scope: &Table, is_own: bool) -> Vec<Action> {
        let list = scope.0.get("action").into_iter().flat_map(|it| tables(&it.node.value));
        list.map(|table| {
            let media = table.0.get("media").map(|it| &it.node.value);
            let media = match media {
                Some(Value::List(items)) => items.iter().filter_map(|it| as_text(&it.value)).collect(),
                other => other.and_then(as_text).into_iter().collect::<Vec<_>>(),
            };
            let mut action = Action {
                name: table.0.get("name").and_then(text).unwrap_or_default().to_owned(),
                media: media.into_iter().map(str::to_owned).collect(),
                is_own,
                keys: BTreeMap::new(),
            };
            self.table("", table, &mut action.keys);
            action
        })
        .collect()
    }
}

fn tables(value: &Value) -> impl Iterator<Item = &Table> {
    let items = if let Value::List(items) = value { items.as_slice() } else { &[] };
    items.iter().filter_map(|it| if let Value::Table(table) = &it.value { Some(table) } else { None })
}

fn text(entry: &Entry) -> Option<&str> {
    as_text(&entry.node.value)
}

const fn as_text(value: &Value) -> Option<&str> {
    if let Value::Text(text) | Value::Untyped(text) = value { Some(text.as_str()) } else { None }
}
