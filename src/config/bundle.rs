//! The configuration as files: what the files and the Web Manager's documents say together, in an order that does not change.
//! What the environment and flags say is of the place where a gateway runs, and stays there; so does `store.path`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    ops::Range,
};

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{
    Environment, Findings, Kinds, SecretLookup, Sources, context,
    document::{HIDDEN, Place},
    secret::Reference,
    section::Context,
    sources::{Layers, PREFIX},
    tree::{Node, Table, Value},
    written::quoted,
};
use crate::core::{
    hex,
    said::{Said, said},
};

/// A secret of the configuration's, for whoever decides how it leaves.
#[derive(Debug)]
pub struct Leaving<'a> {
    pub value: &'a SecretString,
    /// What a variable of the environment could be called that holds it: `SALES_SUPPORT_AGENT_PASSWORD`.
    pub name: &'a str,
    /// It is sealed already, so.
    pub sealed: Option<&'a str>,
    /// It is in the environment already, there.
    pub variable: Option<&'a str>,
}

/// Says what is written in a secret's place, as TOML.
pub type Leave<'a> = dyn Fn(&Leaving<'_>) -> Result<String, Said> + Sync + 'a;

/// A configuration, part by part, as text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// All that is neither a unit, an engine nor a profile.
    pub settings: String,
    /// By name, each as one `[[unit]]`.
    pub units: BTreeMap<String, String>,
    /// By id, each as one `[[engine]]`.
    pub engines: BTreeMap<String, String>,
    /// By business unit and name, as they were written.
    pub profiles: BTreeMap<(String, String), String>,
    /// The one business unit, where there is no other: profiles need not name it.
    pub only_unit: Option<String>,
    /// What is not in it, and why.
    pub notes: Vec<Said>,
}

impl Bundle {
    /// As files, by their paths.
    #[must_use]
    pub fn files(&self) -> BTreeMap<String, String> {
        let parts = std::iter::once(&self.settings).chain(self.units.values()).chain(self.engines.values());
        let parts: Vec<&str> = parts.map(String::as_str).filter(|it| !it.is_empty()).collect();
        let mut files = BTreeMap::from([("usher.toml".to_owned(), parts.join("\n"))]);
        let plain = |text: &str| -> String {
            text.chars().map(|c| if c.is_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' }).collect()
        };
        for ((unit, profile), text) in &self.profiles {
            let alone =
                self.profiles.keys().filter(|it| plain(&it.1).to_lowercase() == plain(profile).to_lowercase()).count()
                    == 1;
            let file = if alone { plain(profile) } else { format!("{}.{}", plain(unit), plain(profile)) };
            let mut path = format!("profiles/{file}.toml");
            while files.contains_key(&path) || path == "profiles/usher.toml" {
                path.insert(path.len() - 5, '_');
            }
            files.insert(path, text.clone());
        }
        files
    }
}

/// What the sources' files and documents say together.
///
/// # Errors
/// When the configuration cannot be used, or a secret cannot leave.
pub fn bundle(
    sources: &Sources,
    kinds: Kinds<'_>,
    secrets: &SecretLookup<'_>,
    leave: &Leave<'_>,
) -> Result<Bundle, BundleError> {
    super::load(sources, kinds, secrets).map_err(BundleError::Findings)?;
    let written = Sources { flags: Vec::new(), environment: without_settings(&sources.environment), ..sources.clone() };
    let layers = Layers::read(&written, kinds);
    let cx = context(&layers, sources, secrets);
    // Without the environment it need not be whole; its secrets are found all the same.
    drop(super::settings(&cx, &layers, kinds));
    let mut writer = Writer { cx: &cx, leave, names: BTreeSet::new(), bundle: Bundle::default() };
    writer.main(&layers.main)?;
    for (place, table) in &layers.profiles {
        writer.profile(*place, table, &layers.main)?;
    }
    if cx.findings.borrow().iter().any(|it| it.severity == super::Severity::Error) {
        let note = said!(
            "not all of it stands in files and documents: without this gateway's flags and environment it is not whole"
        );
        writer.bundle.notes.push(note);
    }
    Ok(writer.bundle)
}

/// Why there is no bundle.
#[derive(Debug)]
pub enum BundleError {
    Findings(Findings),
    /// A secret cannot leave.
    Secret(Said),
}

/// Secrets may be in any variable; settings are in those of ours.
fn without_settings(environment: &Environment) -> Environment {
    environment.0.iter().filter(|(name, _)| !name.starts_with(PREFIX)).map(|(a, b)| (a.clone(), b.clone())).collect()
}

struct Writer<'a> {
    cx: &'a Context<'a>,
    leave: &'a Leave<'a>,
    /// Names of variables that are given away.
    names: BTreeSet<String>,
    bundle: Bundle,
}

impl Writer<'_> {
    fn main(&mut self, main: &Table) -> Result<(), BundleError> {
        let mut settings = String::new();
        let mut rest = main.clone();
        self.bundle.only_unit = only_unit(main).map(str::to_owned);
        let lists = ["unit", "engine"].map(|key| rest.0.remove(key));
        if let Some(entry) = rest.0.get_mut("store")
            && let Value::Table(store) = &mut entry.node.value
            && let Some(path) = store.0.remove("path")
            && !self.cx.is_default(path.node.place)
        {
            self.bundle.notes.push(said!("`store.path` is this gateway's own and stays here"));
        }
        self.table(&mut settings, "", &rest)?;
        self.bundle.settings = settings.trim_start().to_owned();
        for (key, entry) in ["unit", "engine"].into_iter().zip(lists) {
            let Some(entry) = entry.filter(|it| !self.cx.is_default(it.node.place)) else { continue };
            let Value::List(items) = &entry.node.value else { continue };
            for item in items {
                let Value::Table(table) = &item.value else { continue };
                let mut text = format!("[[{key}]]\n");
                self.table(&mut text, key, table)?;
                let name = text_of(table, if key == "unit" { "name" } else { "id" }).unwrap_or_default().to_owned();
                let parts = if key == "unit" { &mut self.bundle.units } else { &mut self.bundle.engines };
                parts.insert(name, text);
            }
        }
        Ok(())
    }

    /// First what a table says itself, its name before all, then its tables and lists of tables.
    fn table(&mut self, out: &mut String, path: &str, table: &Table) -> Result<(), BundleError> {
        let of = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let mut entries: Vec<_> =
            table.0.iter().filter(|(_, it)| !self.cx.is_default(it.node.place) || holds_more(&it.node)).collect();
        entries.sort_by_key(|(key, _)| (!matches!(key.as_str(), "name" | "id"), key.as_str()));
        let mut deeper = Vec::new();
        for (key, entry) in entries {
            if let Some(value) = self.secret(&entry.node, path, key)? {
                let key = if value.is_hash { format!("{key}_sha256") } else { key.clone() };
                line(out, &key, &value.text);
                continue;
            }
            match &entry.node.value {
                Value::Table(_) => deeper.push((key, entry)),
                Value::List(items) if items.iter().any(|it| matches!(it.value, Value::Table(_))) => {
                    deeper.push((key, entry));
                }
                Value::Text(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::List(_)
                | Value::Untyped(_) => line(out, key, &self.value(&entry.node.value, entry.node.place, path)),
            }
        }
        for (key, entry) in deeper {
            let path = of(key);
            match &entry.node.value {
                Value::Table(table) => {
                    let mut inner = String::new();
                    self.table(&mut inner, &path, table)?;
                    if inner.starts_with("\n[") || inner.is_empty() {
                        out.push_str(&inner);
                    } else {
                        write!(out, "\n[{path}]\n{inner}").unwrap_or_default();
                    }
                }
                Value::List(items) => {
                    for item in items {
                        let Value::Table(table) = &item.value else { continue };
                        write!(out, "\n[[{path}]]\n").unwrap_or_default();
                        self.table(out, &path, table)?;
                    }
                }
                Value::Text(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::Untyped(_) => {}
            }
        }
        Ok(())
    }

    fn value(&mut self, value: &Value, place: Place, path: &str) -> String {
        match value {
            // A certificate is found from wherever the file stands.
            Value::Text(text) if path.ends_with(".tls") => {
                let whole = self.cx.path(place, text);
                let is_bare = whole.as_os_str() == text.as_str();
                let whole = if is_bare { Ok(whole) } else { std::path::absolute(&whole) };
                quoted(&whole.map_or_else(|_nowhere| text.clone(), |it| it.display().to_string()))
            }
            Value::Text(text) => quoted(&self.plain(text, place)),
            Value::Untyped(text) | Value::Float(text) | Value::Datetime(text) => text.clone(),
            Value::Integer(integer) => integer.to_string(),
            Value::Boolean(value) => value.to_string(),
            Value::List(items) => {
                let items: Vec<_> = items.iter().map(|it| self.value(&it.value, it.place, path)).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Table(_) => String::new(),
        }
    }

    /// An address without the password in it.
    fn plain(&mut self, text: &str, place: Place) -> String {
        let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
        match rest.rsplit_once('@').filter(|_| self.cx.literals.borrow().contains(&place)) {
            Some((_, host)) => {
                let at = self.cx.origin(place);
                self.bundle.notes.push(said!("{}: the proxy's password is left out, write it where it is needed", at));
                format!("{scheme}://{host}")
            }
            None => text.to_owned(),
        }
    }

    /// `None`: it is no secret. A token of one of our own doors leaves as its hash.
    fn secret(&mut self, node: &Node, path: &str, key: &str) -> Result<Option<Left>, BundleError> {
        let cx = self.cx;
        let secrets = cx.secrets.borrow();
        let Some((_, _, value)) = secrets.iter().find(|(place, ..)| *place == node.place) else { return Ok(None) };
        if key == "token" && matches!(path, "ops" | "engine") {
            let hash = Sha256::digest(value.expose_secret());
            let text = hex::encode(&hash);
            return Ok(Some(Left { text: quoted(&text), is_hash: true }));
        }
        let name = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
        let text = self.leaves(&name, node, value)?;
        Ok(Some(Left { text, is_hash: false }))
    }

    fn leaves(&mut self, name: &str, node: &Node, value: &SecretString) -> Result<String, BundleError> {
        let name = variable(name, &mut self.names);
        let reference = if let Value::Table(table) = &node.value { Reference::of(table) } else { None };
        let (sealed, in_environment) = match reference {
            Some(Reference::Sealed(text)) => (Some(text), None),
            Some(Reference::Env(name)) => (None, Some(name)),
            Some(Reference::File(_) | Reference::Stored(_)) | None => (None, None),
        };
        let leaving = Leaving { value, name: &name, sealed, variable: in_environment };
        (self.leave)(&leaving).map_err(BundleError::Secret)
    }

    /// As it was written, but for its secrets.
    fn profile(&mut self, place: Place, table: &Table, main: &Table) -> Result<(), BundleError> {
        let cx = self.cx;
        let document = cx.documents.of(place);
        let name = text_of(table, "name").unwrap_or_default().to_owned();
        let unit = text_of(table, "unit").or_else(|| only_unit(main)).unwrap_or_default().to_owned();
        let mut nodes = Vec::new();
        leaves_of(table, place.document, &mut nodes);
        let mut changes: Vec<(Range<usize>, String)> = Vec::new();
        let secrets = cx.secrets.borrow();
        let mut ranges: Vec<Range<usize>> = Vec::new();
        for node in nodes {
            let range = node.place.start..node.place.end;
            if let Some((_, key, value)) = secrets.iter().find(|(it, ..)| *it == node.place) {
                let text = self.leaves(&format!("{unit}.{name}.{key}"), node, value)?;
                changes.push((range.clone(), text));
            } else if let Value::Text(text) = &node.value {
                let plain = self.plain(text, node.place);
                if plain != *text {
                    changes.push((range.clone(), quoted(&plain)));
                }
            }
            ranges.push(range);
        }
        changes.extend(secrets_in_comments(&document.text, &ranges));
        changes.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(document.text.len());
        let mut rest = 0;
        for (range, with) in changes {
            text.push_str(document.text.get(rest..range.start).unwrap_or_default());
            text.push_str(&with);
            rest = range.end;
        }
        text.push_str(document.text.get(rest..).unwrap_or_default());
        let text = text.replace("\r\n", "\n").trim().to_owned() + "\n";
        self.bundle.profiles.insert((unit, name), text);
        Ok(())
    }
}

/// What stands in a secret's place.
struct Left {
    text: String,
    is_hash: bool,
}

fn line(out: &mut String, key: &str, value: &str) {
    writeln!(out, "{key} = {value}").unwrap_or_default();
}

/// A default table may hold what somebody has written.
fn holds_more(node: &Node) -> bool {
    matches!(node.value, Value::Table(_))
}

fn text_of<'t>(table: &'t Table, key: &str) -> Option<&'t str> {
    match &table.0.get(key)?.node.value {
        Value::Text(text) => Some(text),
        Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::List(_)
        | Value::Table(_)
        | Value::Untyped(_) => None,
    }
}

fn only_unit(main: &Table) -> Option<&str> {
    let Value::List(units) = &main.0.get("unit")?.node.value else { return None };
    let [Node { value: Value::Table(unit), .. }] = units.as_slice() else { return None };
    text_of(unit, "name")
}

/// Every value of this document's that holds no other; a secret's reference is one.
fn leaves_of<'t>(table: &'t Table, document: usize, found: &mut Vec<&'t Node>) {
    fn look<'t>(node: &'t Node, document: usize, found: &mut Vec<&'t Node>) {
        match &node.value {
            Value::Table(table) if Reference::of(table).is_none() => leaves_of(table, document, found),
            Value::List(items) => items.iter().for_each(|it| look(it, document, found)),
            Value::Table(_)
            | Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Untyped(_)
                if node.place.document == document =>
            {
                found.push(node);
            }
            Value::Table(_)
            | Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::Untyped(_) => {}
        }
    }
    table.0.values().for_each(|it| look(&it.node, document, found));
}

/// Secrets that somebody has put aside in a comment do not leave either.
fn secrets_in_comments(text: &str, values: &[Range<usize>]) -> Vec<(Range<usize>, String)> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let is_comment = |at: &usize| !values.iter().any(|it| it.contains(&(start + at)));
        let hash = line.match_indices('#').map(|(at, _)| at).find(is_comment);
        if let Some(hash) = hash
            && let Some(comment) = line.get(hash..)
            && let Some(at) = super::document::secret_value(comment)
        {
            found.push((start + hash + at..start + line.trim_end().len(), HIDDEN.to_owned()));
        }
        start += line.len();
    }
    found
}

/// A name of a variable that is no setting of ours, and that nothing else has.
fn variable(path: &str, given: &mut BTreeSet<String>) -> String {
    let plain: String =
        path.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    let plain = if plain.starts_with(PREFIX) { format!("THE_{plain}") } else { plain };
    let mut name = plain.clone();
    let mut number = 1;
    while !given.insert(name.clone()) {
        number += 1;
        name = format!("{plain}_{number}");
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: super::super::Kept<'_>) -> Result<SecretString, super::super::SecretError> {
        Err(super::super::SecretError::Unknown)
    }

    fn bundled(main: &str, profiles: &[&str], managed: Vec<super::super::Managed>) -> Bundle {
        let profiles =
            profiles.iter().enumerate().map(|(at, text)| (format!("p{at}.toml"), (*text).to_owned())).collect();
        let sources = Sources {
            embedded: Some(super::super::Embedded { main: main.to_owned(), profiles }),
            managed,
            environment: [("USHER_DRAIN_S", "7"), ("KEY", "from-the-environment")]
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .into_iter()
                .collect(),
            ..Sources::default()
        };
        let leave = |it: &Leaving<'_>| Ok(format!("{{ env = \"{}\" }}", it.variable.unwrap_or(it.name)));
        bundle(&sources, &[], &nothing, &leave).unwrap()
    }

    #[test]
    fn settings_are_written_without_defaults_and_without_what_the_environment_says() {
        let main = "[[unit]]\nzone = \"UTC\"\nname = \"b\"\n[[unit]]\nname = \"a\"\n[[unit.action]]\nkind = \"external\"\n\
                    media = [\"speech\"]\nname = \"look\"\nuri_parameter = \"u\"\n[ops]\ntoken = \"0123456789abcdef\"\n\
                    [egress]\nsigning_key = { env = \"KEY\" }\nproxy = \"http://u:pw@proxy:1\"\n[[egress.allow]]\nhost = \"x.example\"\n\
                    [limits.contact]\nundelivered = 3\n[store]\npath = \"here\"\n";
        let bundle = bundled(main, &[], Vec::new());
        let hash = hex::encode(&Sha256::digest("0123456789abcdef"));
        let expected = format!(
            "[egress]\nproxy = \"http://proxy:1\"\nsigning_key = {{ env = \"KEY\" }}\n\n[[egress.allow]]\nhost = \"x.example\"\n\
             \n[limits.contact]\nundelivered = 3\n\n[ops]\ntoken_sha256 = \"{hash}\"\n"
        );
        assert_eq!(bundle.settings, expected);
        let a = "[[unit]]\nname = \"a\"\n\n[[unit.action]]\nname = \"look\"\nkind = \"external\"\nmedia = [\"speech\"]\nuri_parameter = \"u\"\n";
        assert_eq!(bundle.units.values().collect::<Vec<_>>(), [a, "[[unit]]\nname = \"b\"\nzone = \"UTC\"\n"]);
        assert_eq!(bundle.notes.len(), 2, "store.path, and the proxy's password: {:?}", bundle.notes);
        let files = bundle.files();
        let again = bundled(&files["usher.toml"], &[], Vec::new());
        assert_eq!(again.files(), files);
    }

    #[test]
    fn secrets_leave_profiles_where_they_stand_and_comments_keep_none() {
        let values = std::iter::once(4..9).collect::<Vec<_>>();
        let text = "a = \"#tok\" # token = \"x\"\n# agent_password = 'old' and more\n# plain\n";
        let found: Vec<&str> =
            secrets_in_comments(text, &values).iter().map(|(it, _)| text.get(it.clone()).unwrap()).collect();
        assert_eq!(found, ["\"x\"", "'old' and more"]);
    }

    #[test]
    fn variables_are_no_settings_and_none_is_given_twice() {
        let mut given = BTreeSet::new();
        let mut name = |path: &str| variable(path, &mut given);
        assert_eq!(name("sales.support.agent_password"), "SALES_SUPPORT_AGENT_PASSWORD");
        assert_eq!(name("sales.support.agent-password"), "SALES_SUPPORT_AGENT_PASSWORD_2");
        assert_eq!(name("usher.x.key"), "THE_USHER_X_KEY");
    }

    #[test]
    fn profiles_of_one_name_have_files_of_their_own() {
        let profiles = [("a", "one"), ("b", "One"), ("b", "two / 2"), ("b", "usher")];
        let profiles = profiles.map(|(unit, name)| ((unit.to_owned(), name.to_owned()), String::new())).into();
        let files = Bundle { profiles, ..Bundle::default() }.files();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let expected = [
            "profiles/a.one.toml",
            "profiles/b.One.toml",
            "profiles/two___2.toml",
            "profiles/usher_.toml",
            "usher.toml",
        ];
        assert_eq!(names, expected);
    }
}
