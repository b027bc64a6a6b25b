//! A profile's language engines: the one of its `type`, its standbys, a canary, a shadow. Each is read by its kind's schema.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;

use super::{
    document::Place,
    finding::Severity,
    nearest::{nearest, quoted},
    schema::{Exclusive, Field, Form, Problem, Required, Schema, Value, Values},
    section::{At, Section},
    service_account,
    settings::{Canary, EngineSettings, Engines, Rollback, Shadow, Standby},
    tree::{self, Entry, Node, Table},
};
use crate::core::{
    ids::EngineName,
    said::{Said, said},
};

/// The kinds of language engines that there are.
pub type Kinds<'k> = &'k [&'static Schema];

/// The defaults of every kind, as tables to lay a profile's own upon.
pub(super) struct Defaults(Vec<(&'static Schema, Table)>);

impl Defaults {
    /// `parse`: makes a document of a text and reads it.
    pub(super) fn new(kinds: Kinds<'_>, mut parse: impl FnMut(&str, &str) -> Table) -> Self {
        let read = |schema: &&'static Schema| {
            let table = parse(&format!("default of type {}", schema.kind), &schema.as_toml());
            (*schema, table)
        };
        Self(kinds.iter().map(read).collect())
    }

    /// Lays the sections of a profile's engines over their kinds' defaults.
    pub(super) fn lay_under(&self, profile: &mut Table) {
        let own = self.lay_under_one(profile);
        for key in ["canary", "shadow"] {
            if let Some(Entry { node: Node { value: tree::Value::Table(table), .. }, .. }) = profile.0.get_mut(key) {
                // Without a type of its own it is the profile's engine, but for what it sets.
                if let (false, Some((typed, section, below))) = (table.0.contains_key("type"), &own) {
                    table.0.insert("type".to_owned(), typed.clone());
                    lay(table, section, below.clone());
                }
                self.lay_under_one(table);
            }
        }
        if let Some(Entry { node: Node { value: tree::Value::List(items), .. }, .. }) = profile.0.get_mut("standby") {
            for item in items {
                if let tree::Value::Table(table) = &mut item.value {
                    self.lay_under_one(table);
                }
            }
        }
    }

    /// Yields the table's type, its section's name, and the section as it is then.
    fn lay_under_one(&self, table: &mut Table) -> Option<(Entry, &'static str, Table)> {
        let typed = table.0.get("type")?.clone();
        let tree::Value::Text(kind) = &typed.node.value else { return None };
        let (schema, defaults) = self.0.iter().find(|(schema, _)| schema.kind == kind)?;
        let default = defaults.0.get(schema.section)?;
        let tree::Value::Table(below) = &default.node.value else { return None };
        lay(table, schema.section, below.clone());
        match &table.0.get(schema.section)?.node.value {
            tree::Value::Table(section) => Some((typed, schema.section, section.clone())),
            tree::Value::Text(_)
            | tree::Value::Integer(_)
            | tree::Value::Float(_)
            | tree::Value::Boolean(_)
            | tree::Value::Datetime(_)
            | tree::Value::List(_)
            | tree::Value::Untyped(_) => None,
        }
    }
}

/// Lays `table`'s section over `below`; a section that is no table stays, and is found when it is read.
fn lay(table: &mut Table, section: &str, mut below: Table) {
    match table.0.get_mut(section) {
        Some(Entry { node: Node { value: tree::Value::Table(own), .. }, .. }) => {
            below.overlay(std::mem::take(own));
            *own = below;
        }
        Some(_) => {}
        None => {
            let Some(place) = below.0.values().next().map(|entry| entry.key) else { return };
            let node = Node { value: tree::Value::Table(below), place };
            table.0.insert(section.to_owned(), Entry { key: place, node });
        }
    }
}

/// One engine as far as it could be read.
pub(super) struct Read {
    pub(super) settings: EngineSettings,
    pub(super) exclusive: Option<At<Exclusive>>,
}

/// Everything a profile says of its engines.
pub(super) struct ReadEngines {
    /// `None`: there is a finding.
    pub(super) engines: Option<Engines>,
    pub(super) exclusive: Vec<At<Exclusive>>,
}

pub(super) fn engines(root: &mut Section<'_>, kinds: Kinds<'_>) -> ReadEngines {
    let primary = engine(root, kinds, &said!("say which language engine it talks to"));
    let standbys = standbys(root, kinds);
    let canary = root.has("canary").then(|| canary(root.section("canary"), kinds)).flatten();
    let shadow = root.has("shadow").then(|| shadow(root.section("shadow"), kinds)).flatten();
    root.know(&["canary", "shadow"]);
    let all = primary.iter().chain(standbys.iter().map(|it| &it.1)).chain(canary.iter().map(|it| &it.0));
    let all = all.chain(shadow.iter().map(|it| &it.0));
    let mut exclusive: Vec<At<Exclusive>> = Vec::new();
    for it in all.filter_map(|read| read.exclusive.as_ref()) {
        // One profile may use its key for several of its engines.
        if exclusive.iter().all(|other| other.value.id != it.value.id) {
            exclusive.push(it.clone());
        }
    }
    let engines = primary.map(|primary| Engines {
        primary: primary.settings,
        standbys: standbys.into_iter().map(|(name, read)| Standby { name, engine: read.settings }).collect(),
        canary: canary.map(|(read, share_percent, rollback)| Canary { engine: read.settings, share_percent, rollback }),
        shadow: shadow.map(|(read, share_percent)| Shadow { engine: read.settings, share_percent }),
    });
    ReadEngines { engines, exclusive }
}

fn standbys(root: &mut Section<'_>, kinds: Kinds<'_>) -> Vec<(EngineName, Read)> {
    const MOST: usize = 8;
    let mut standbys: Vec<(EngineName, Read)> = Vec::new();
    for mut section in root.sections("standby") {
        let name = section.required_name::<EngineName>("name", said!("a standby needs a name, for the timeline"));
        let read = engine(&mut section, kinds, &said!("say which language engine the standby is"));
        let place = section.place;
        section.finish();
        let Some(At { value: name, place: named }) = name else { continue };
        if EngineName::RESERVED.contains(&name.as_str()) || standbys.iter().any(|(other, _)| *other == name) {
            root.cx.error(
                named,
                said!("a standby cannot be called `{}`", name),
                said!("give each engine a name of its own"),
            );
        } else if standbys.len() == MOST {
            root.cx.error(place, said!("more than {} standbys", MOST), said!("nobody waits that long: keep the best"));
        } else {
            standbys.extend(read.map(|read| (name, read)));
        }
    }
    standbys
}

fn canary(mut section: Section<'_>, kinds: Kinds<'_>) -> Option<(Read, u8, Rollback)> {
    let read = engine(&mut section, kinds, &said!("say which language engine the canary is"));
    let share = share(&mut section, said!("say how many of a hundred contacts begin with the canary"));
    let or = |section: &mut Section<'_>, key, default: u64, most: u64| -> u32 {
        if section.has(key) {
            section.number(key, 0..=most)
        } else {
            section.know(&[key]);
            u32::try_from(default).unwrap_or(u32::MAX)
        }
    };
    let rollback = Rollback {
        min_turns: or(&mut section, "min_turns", 50, 1_000_000),
        not_understood_points: or(&mut section, "not_understood_points", 10, 100),
        failure_points: or(&mut section, "failure_points", 5, 100),
        latency_percent: or(&mut section, "latency_percent", 300, 100_000),
    };
    section.finish();
    Some((read?, share?, rollback))
}

fn shadow(mut section: Section<'_>, kinds: Kinds<'_>) -> Option<(Read, u8)> {
    let read = engine(&mut section, kinds, &said!("say which language engine the shadow is"));
    let share = share(&mut section, said!("say how many of a hundred contacts the shadow is asked about"));
    section.finish();
    Some((read?, share?))
}

fn share(section: &mut Section<'_>, why: Said) -> Option<u8> {
    if !section.has("share_percent") {
        section.know(&["share_percent"]);
        section.missing("share_percent", why);
        return None;
    }
    Some(section.number("share_percent", 0..=100))
}

/// The engine whose `type` and section stand in `table`.
fn engine(table: &mut Section<'_>, kinds: Kinds<'_>, why: &Said) -> Option<Read> {
    let schema = kind(table, kinds, why)?;
    let mut section = table.section(schema.section);
    let (values, places) = values(&mut section, schema);
    for Problem { key, severity, message, help } in (schema.check)(&values) {
        let name = section.name_of(key);
        let message = said!("`{}` {}", name, message);
        match places.get(key).filter(|place| !section.cx.is_default(**place)) {
            Some(place) if severity == Severity::Error => section.cx.error(*place, message, help),
            Some(place) => section.cx.warn(*place, message, help),
            None => section.cx.find_unwritten(severity, (section.place, name), message, help),
        }
    }
    let exclusive = (schema.exclusive)(&values);
    let exclusive = exclusive.map(|value| At { place: places.get(value.key).copied().unwrap_or(section.place), value });
    section.finish();
    Some(Read { settings: EngineSettings { schema, values }, exclusive })
}

fn kind(table: &mut Section<'_>, kinds: Kinds<'_>, why: &Said) -> Option<&'static Schema> {
    let names = || kinds.iter().map(|schema| schema.kind);
    let At { value, place } = table.required("type", said!("{}: {}", why, quoted(names())))?;
    let found = kinds.iter().find(|schema| schema.kind == value).copied();
    if found.is_none() {
        let help = nearest(value, names())
            .map_or_else(|| said!("known types: {}", quoted(names())), |meant| said!("did you mean `{}`?", meant));
        table.cx.error(place, said!("unknown profile type `{}`", value), help);
        // Judged by nobody: the sections of all kinds may stand here.
        table.know(&kinds.iter().map(|schema| schema.section).collect::<Vec<_>>());
    }
    found
}

fn values(section: &mut Section<'_>, schema: &'static Schema) -> (Values, BTreeMap<&'static str, Place>) {
    let (mut values, mut places) = (Values::default(), BTreeMap::new());
    for field in schema.fields {
        if !is_there(section, field) {
            continue;
        }
        if let Some(At { value, place }) = value(section, field) {
            values.set(field.key, value);
            places.insert(field.key, place);
        }
    }
    (values, places)
}

/// Whether there is something to read; what must be there and is not is found.
fn is_there(section: &mut Section<'_>, field: &Field) -> bool {
    if section.has(field.key) {
        return true;
    }
    section.know(&[field.key]);
    match field.required {
        Required::No => {}
        Required::Yes(why) => section.missing(field.key, Said::listed(why)),
        Required::Unless(other, _) if section.has(other) => {}
        Required::Unless(_, why) => section.missing(field.key, Said::listed(why)),
    }
    false
}

fn value(section: &mut Section<'_>, field: &Field) -> Option<At<Value>> {
    let key = field.key;
    let place = section.entry(key).map_or(section.place, |entry| entry.node.place);
    let at = |value| Some(At { value, place });
    match field.form {
        Form::Text(most) => text(section, field, most, false),
        Form::LongText(most) => text(section, field, most, true),
        Form::Segment(most) => {
            let At { value, place } = section.text(key)?;
            if !is_path_segment(value, most) {
                let message = said!("`{}` cannot be part of a path", section.name_of(key));
                let help = said!("write 1 to {} letters, digits, `-`, `_`, `.`, `:`, `~`", most);
                section.cx.error(place, message, help);
                return None;
            }
            at(Value::Text(value.to_owned()))
        }
        Form::Secret => section.secret(key).map(|it| At { value: Value::Secret(it.value), place: it.place }),
        Form::ServiceAccount => service_account(section, key),
        Form::Endpoint => {
            let uri = section.endpoint(key)?.value;
            at(Value::Text(uri.to_string().trim_end_matches('/').to_owned()))
        }
        Form::Url => at(Value::Text(section.url(key)?.value)),
        Form::Proxy => at(Value::Text(section.proxy(key)?.value)),
        Form::Choice(words) => {
            let At { value, place } = section.text(key)?;
            if !words.contains(&value) {
                let message = said!("`{}` cannot be `{}`", section.name_of(key), value);
                section.cx.error(place, message, said!("choose one of {}", quoted(words.iter().copied())));
                return None;
            }
            at(Value::Text(value.to_owned()))
        }
        Form::Number(least, most) | Form::Millis(least, most) | Form::Seconds(least, most) => {
            at(Value::Number(section.number(key, least..=most)))
        }
        Form::Decimal(least, most) => section.decimal(key, least..=most).and_then(|it| at(Value::Decimal(it))),
        Form::Flag => at(Value::Flag(section.flag(key))),
        Form::Texts(most) => {
            let texts = section.texts(key);
            if let Some(beyond) = texts.get(most) {
                let message = said!("`{}` has more than {} entries", section.name_of(key), most);
                section.cx.error(beyond.place, message, said!("take some out"));
            }
            at(Value::Texts(texts.into_iter().map(|it| it.value).collect()))
        }
    }
}

fn text(section: &mut Section<'_>, field: &Field, most: usize, lines: bool) -> Option<At<Value>> {
    let At { value, place } = match field.required {
        Required::Yes(why) => section.required(field.key, Said::listed(why))?,
        Required::No | Required::Unless(..) => section.text(field.key)?,
    };
    let name = section.name_of(field.key);
    if value.chars().count() > most {
        section.cx.error(place, said!("`{}` is longer than {} characters", name, most), said!("shorten it"));
    } else if value.chars().any(|c| c.is_control() && !(lines && matches!(c, '\n' | '\t'))) {
        section.cx.error(place, said!("`{}` contains a control character", name), said!("take it out"));
    } else if !value.trim().is_empty() {
        return Some(At { value: Value::Text(value.to_owned()), place });
    }
    None
}

fn service_account(section: &mut Section<'_>, key: &'static str) -> Option<At<Value>> {
    let At { value, place } = section.secret(key)?;
    match service_account::check(value.expose_secret()) {
        Ok(()) => Some(At { value: Value::Secret(value), place }),
        Err((wrong, help)) => {
            section.cx.error(place, said!("`{}` {}", section.name_of(key), wrong), help);
            None
        }
    }
}

fn is_path_segment(text: &str, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte))
        && text.bytes().any(|byte| byte != b'.')
}
