//! Where configuration is read from: files, environment, flags. The only reader of the environment.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, fs,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use super::{
    document::{Document, DocumentKind, Documents, Place},
    engines::{Defaults, Kinds},
    finding::Severity,
    schema::Schema,
    section::RawFinding,
    tree::{Entry, Node, Table, Value, parse},
};
use crate::core::said::{Said, said};

/// Every default, with what it means.
pub const DEFAULT: &str = include_str!("default.toml");
/// Every default of a profile, with what it means; its engine's section is [`default_profile`]'s to add.
pub const DEFAULT_PROFILE: &str = include_str!("default-profile.toml");
/// The profile of the demo agent.
pub const DEMO_PROFILE: &str = include_str!("../../profiles/demo.toml");
/// The file that is read when none is named, if it is there.
pub const FILE: &str = "usher.toml";
/// The directory beside it that is read when none is named, if it is there.
pub const PROFILES: &str = "profiles";

pub(super) const PREFIX: &str = "USHER_";
const MASTER_KEY: &str = "USHER_MASTER_KEY";
const NEXT_MASTER_KEY: &str = "USHER_MASTER_KEY_NEXT";
const MAX_FILE_BYTES: u64 = 1_048_576;

/// Every default of a profile whose engine is of this kind, with what it means.
#[must_use]
pub fn default_profile(schema: &Schema) -> String {
    let type_line = format!("#type = \"{}\"", schema.kind);
    DEFAULT_PROFILE
        .replacen("#type = \"dialogflow-v2\"", &type_line, 1)
        .replace("\n# The engine's section.\n", &format!("\n{}", schema.as_toml()))
}

/// The process's environment as it was when it was captured. Never shown.
#[derive(Clone, Default)]
pub struct Environment(pub(super) BTreeMap<String, String>);

impl Environment {
    #[must_use]
    pub fn capture() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The key that secrets are to be sealed with from now on, for whoever changes it.
    #[must_use]
    pub fn next_master_key(&self) -> Option<SecretString> {
        self.get(NEXT_MASTER_KEY).map(SecretString::from)
    }

    /// The key that secrets are sealed with, when the environment gives it.
    #[must_use]
    pub fn master_key(&self) -> Option<SecretString> {
        self.get(MASTER_KEY).map(SecretString::from)
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        Self(variables.into_iter().collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}

/// A setting given on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// `--listen`
    pub name: &'static str,
    /// `server.listen`
    pub key: &'static str,
    pub value: String,
}

/// Everything that configuration comes from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// `None`: [`FILE`], if it is there.
    pub config: Option<PathBuf>,
    /// `None`: [`PROFILES`] beside the configuration file, if it is there.
    pub profiles: Option<PathBuf>,
    /// These texts instead of files.
    pub embedded: Option<Embedded>,
    /// What the Web Manager keeps in the store, beside the files.
    pub managed: Vec<Managed>,
    pub environment: Environment,
    pub flags: Vec<Flag>,
}

/// A configuration that the program brings along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// In place of [`FILE`].
    pub main: String,
    /// What each profile is called in messages, and its text.
    pub profiles: Vec<(String, String)>,
}

/// What a document of the Web Manager's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ManagedKind {
    /// What is neither a unit, an engine nor a profile; the configuration file's word comes over it.
    Settings,
    /// A whole `usher.toml` that somebody brings, in place of one.
    Incoming,
    /// One `[[unit]]`, beside those of the configuration file.
    Unit,
    /// One `[[engine]]`, beside those of the configuration file.
    Engine,
    /// A whole profile.
    Profile,
}

impl ManagedKind {
    /// The list that a document of this kind adds one to; `None`: it is a text of its own.
    const fn list(self) -> Option<(&'static str, Said)> {
        match self {
            Self::Unit => Some(("unit", said!("a business unit"))),
            Self::Engine => Some(("engine", said!("a routing engine"))),
            Self::Settings | Self::Incoming | Self::Profile => None,
        }
    }
}

/// A document that the Web Manager keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    pub kind: ManagedKind,
    /// What it is called in messages.
    pub name: String,
    pub text: String,
}

impl Sources {
    fn config_path(&self) -> PathBuf {
        self.config.clone().unwrap_or_else(|| PathBuf::from(FILE))
    }

    fn profiles_path(&self) -> PathBuf {
        self.profiles.clone().unwrap_or_else(|| directory_of(&self.config_path()).join(PROFILES))
    }

    /// The configuration file and the profiles, as they are now, with the directory that is watched for more.
    pub(super) fn paths(&self) -> BTreeSet<PathBuf> {
        let profiles = self.profiles_path();
        if self.embedded.is_some() {
            return BTreeSet::new();
        }
        // A directory that cannot be listed has its finding when it is loaded.
        let mut paths: BTreeSet<_> = profile_files(&profiles).unwrap_or_default().into_iter().collect();
        paths.extend([self.config_path(), profiles]);
        paths
    }
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_path_buf).unwrap_or_default()
}

/// `*.toml` in a directory, by name; an `usher.toml` among them is no profile.
fn profile_files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let is_toml = path.extension().is_some_and(|it| it == "toml");
        if is_toml && !name.starts_with('.') && name != FILE && !path.is_dir() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// All texts, parsed and laid over one another.
pub(super) struct Layers {
    pub(super) documents: Documents,
    pub(super) main: Table,
    /// Where a key is missing that no table holds.
    pub(super) main_place: Place,
    /// False: the configuration file has syntax errors, and `main` lacks it.
    pub(super) main_is_whole: bool,
    pub(super) profiles: Vec<(Place, Table)>,
    pub(super) findings: Vec<RawFinding>,
    pub(super) files: BTreeSet<PathBuf>,
}

impl Layers {
    pub(super) fn read(sources: &Sources, kinds: Kinds<'_>) -> Self {
        let mut documents = Documents::default();
        let mut defaults = |name: &str, text: &str| {
            let (kind, directory) = (DocumentKind::Default, PathBuf::new());
            let place = documents.add(Document { kind, name: name.to_owned(), text: text.to_owned(), directory });
            let table = parse(&documents, place).unwrap_or_else(|_errors| unreachable!("a test parses the defaults"));
            (place, table)
        };
        let (main_place, main) = defaults("default.toml", DEFAULT);
        let (_, profile_defaults) = defaults("default-profile.toml", DEFAULT_PROFILE);
        let engine_defaults = Defaults::new(kinds, |name, text| defaults(name, text).1);
        let mut layers = Self {
            documents,
            main,
            main_place: Place { end: main_place.start, ..main_place },
            main_is_whole: true,
            profiles: Vec::new(),
            findings: Vec::new(),
            files: BTreeSet::new(),
        };
        for it in sources.managed.iter().filter(|it| matches!(it.kind, ManagedKind::Settings | ManagedKind::Incoming)) {
            let read = layers.read_text(DocumentKind::Managed, it.name.clone(), it.text.clone(), PathBuf::new());
            match read {
                Some((place, table)) => layers.lay_under(it.kind, place, table),
                None => layers.main_is_whole = false,
            }
        }
        layers.read_main(sources);
        layers.read_environment(&sources.environment);
        layers.read_flags(&sources.flags);
        let managed = |layers: &mut Self, it: &Managed| {
            layers.read_text(DocumentKind::Managed, it.name.clone(), it.text.clone(), PathBuf::new())
        };
        for it in &sources.managed {
            if let Some(list) = it.kind.list()
                && let Some((place, table)) = managed(&mut layers, it)
            {
                layers.lay_beside(list, place, table);
            }
        }
        layers.read_profiles(sources, &profile_defaults, &engine_defaults);
        for it in sources.managed.iter().filter(|it| it.kind == ManagedKind::Profile) {
            let read = managed(&mut layers, it);
            layers.add_profile(read, &profile_defaults, &engine_defaults);
        }
        layers
    }

    /// Settings that a configuration file has its word over.
    fn lay_under(&mut self, kind: ManagedKind, place: Place, table: Table) {
        let store = table.0.get("store").and_then(|it| match &it.node.value {
            Value::Table(store) => store.0.get("path"),
            Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Untyped(_) => None,
        });
        let own: Vec<Place> = store.into_iter().map(|it| it.key).collect();
        for place in own {
            self.find(Some(place), said!("`store.path` is where this is kept"), said!("set it in usher.toml alone"));
        }
        let parts: Vec<Place> = ["unit", "engine"].iter().filter_map(|it| table.0.get(*it)).map(|it| it.key).collect();
        for place in parts.into_iter().filter(|_| kind == ManagedKind::Settings) {
            self.find(Some(place), said!("this is a document of its own"), said!("take it out"));
        }
        self.main_place = place;
        self.main.overlay(table);
    }

    /// One more of the list of this name: beside those of the file, or in place of the default.
    fn lay_beside(&mut self, (key, what): (&str, Said), place: Place, mut table: Table) {
        let named = table.0.remove(key);
        for other in table.0.values() {
            self.find(
                Some(other.key),
                said!("{} of the Web Manager's is one `[[{}]]` alone", what, key),
                said!("take this out"),
            );
        }
        let Some(entry) = named else {
            self.find(Some(place), said!("`[[{}]]` is missing", key), said!("{} begins with `[[{}]]`", what, key));
            return;
        };
        let Value::List(mut items) = entry.node.value else {
            self.find(Some(entry.key), said!("`{}` is no list of tables", key), said!("write it as `[[{}]]`", key));
            return;
        };
        for more in items.split_off(items.len().min(1)) {
            self.find(Some(more.place), said!("one more `[[{}]]`", key), said!("each is a document of its own"));
        }
        match self.main.0.get_mut(key) {
            Some(there) if !self.documents.is_default(there.node.place) => match &mut there.node.value {
                Value::List(list) => list.append(&mut items),
                // It has its finding when it is read.
                Value::Text(_)
                | Value::Integer(_)
                | Value::Float(_)
                | Value::Boolean(_)
                | Value::Datetime(_)
                | Value::Table(_)
                | Value::Untyped(_) => {}
            },
            Some(_) | None => {
                let node = Node { value: Value::List(items), place: entry.node.place };
                self.main.0.insert(key.to_owned(), Entry { key: entry.key, node });
            }
        }
    }

    fn read_main(&mut self, sources: &Sources) {
        let read = if let Some(Embedded { main, .. }) = &sources.embedded {
            self.read_text(DocumentKind::Embedded, FILE.to_owned(), main.clone(), PathBuf::new())
        } else {
            let path = sources.config_path();
            self.files.insert(path.clone());
            if sources.config.is_none() && !path.exists() {
                return;
            }
            self.read_file(&path)
        };
        match read {
            Some((place, table)) => {
                self.main_place = place;
                self.main.overlay(table);
            }
            None => self.main_is_whole = false,
        }
    }

    fn read_profiles(&mut self, sources: &Sources, defaults: &Table, engines: &Defaults) {
        if let Some(Embedded { profiles, .. }) = &sources.embedded {
            for (name, text) in profiles {
                let read = self.read_text(DocumentKind::Embedded, name.clone(), text.clone(), PathBuf::new());
                self.add_profile(read, defaults, engines);
            }
            return;
        }
        let directory = sources.profiles_path();
        if sources.profiles.is_none() && !directory.exists() {
            return;
        }
        let files = profile_files(&directory).unwrap_or_else(|error| {
            self.find(
                None,
                said!("cannot list {}: {}", directory.display(), error),
                said!("name the directory of the profiles"),
            );
            Vec::new()
        });
        for path in files {
            self.files.insert(path.clone());
            let read = self.read_file(&path);
            self.add_profile(read, defaults, engines);
        }
    }

    fn add_profile(&mut self, read: Option<(Place, Table)>, defaults: &Table, engines: &Defaults) {
        let Some((place, table)) = read else { return };
        let mut profile = defaults.clone();
        profile.overlay(table);
        engines.lay_under(&mut profile);
        if let Some(language) = self.language_of_unit(&profile)
            && let Some(entry) = profile.0.get_mut("language").filter(|it| self.documents.is_default(it.node.place))
        {
            entry.node = language;
        }
        self.profiles.push((place, profile));
    }

    /// The first language that the profile's business unit serves, where it says one.
    fn language_of_unit(&self, profile: &Table) -> Option<Node> {
        let Value::List(units) = &self.main.0.get("unit")?.node.value else { return None };
        let text = |table: &Table, key: &str| match &table.0.get(key)?.node.value {
            Value::Text(text) | Value::Untyped(text) => Some(text.clone()),
            Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Table(_) => None,
        };
        let wanted = text(profile, "unit");
        let unit = units.iter().find_map(|it| match &it.value {
            Value::Table(table) if wanted.is_none() && units.len() == 1 || text(table, "name") == wanted => Some(table),
            Value::Table(_)
            | Value::Text(_)
            | Value::Integer(_)
            | Value::Float(_)
            | Value::Boolean(_)
            | Value::Datetime(_)
            | Value::List(_)
            | Value::Untyped(_) => None,
        })?;
        let Value::List(languages) = &unit.0.get("languages")?.node.value else { return None };
        languages.first().cloned()
    }

    /// `None`: there is a finding.
    fn read_file(&mut self, path: &Path) -> Option<(Place, Table)> {
        let name = path.display().to_string();
        let text = match read_text(path) {
            Ok(text) => text,
            Err(reason) => {
                self.find(
                    None,
                    said!("cannot read {}: {}", name, reason),
                    said!("name a file in TOML that may be read"),
                );
                return None;
            }
        };
        self.read_text(DocumentKind::File, name, text, directory_of(path))
    }

    fn read_text(
        &mut self,
        kind: DocumentKind,
        name: String,
        text: String,
        directory: PathBuf,
    ) -> Option<(Place, Table)> {
        let whole = self.documents.add(Document { kind, name, text, directory });
        match parse(&self.documents, whole) {
            Ok(table) => Some((Place { end: whole.start, ..whole }, table)),
            Err(errors) => {
                for error in errors {
                    let help =
                        said!("text stands in quotation marks, tables in [brackets], one `key = value` per line");
                    self.find(Some(error.place), said!("no valid TOML: {}", error.message), help);
                }
                None
            }
        }
    }

    fn read_environment(&mut self, environment: &Environment) {
        for (name, value) in &environment.0 {
            if name == MASTER_KEY || name == NEXT_MASTER_KEY {
                continue;
            }
            let Some(key) = name.strip_prefix(PREFIX) else { continue };
            let key = key.to_ascii_lowercase();
            let path: Vec<_> = key.split("__").collect();
            self.set(DocumentKind::Variable, &format!("${name}"), &path, value);
        }
    }

    fn read_flags(&mut self, flags: &[Flag]) {
        for flag in flags {
            let path: Vec<_> = flag.key.split('.').collect();
            self.set(DocumentKind::Flag, flag.name, &path, &flag.value);
        }
    }

    /// One layer per variable or flag, so that none can be mistaken for another.
    fn set(&mut self, kind: DocumentKind, name: &str, path: &[&str], value: &str) {
        let (name, text) = (name.to_owned(), value.to_owned());
        let place = self.documents.add(Document { kind, name, text, directory: PathBuf::new() });
        let node = Node { value: Value::Untyped(value.to_owned()), place };
        self.main.overlay(Table::of(path, Entry { key: place, node }));
    }

    fn find(&mut self, place: Option<Place>, message: Said, help: Said) {
        self.findings.push(RawFinding { severity: Severity::Error, place, setting: None, message, help });
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(format!("it is larger than {MAX_FILE_BYTES} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(good).filter(|byte| **byte == b'\n').count() + 1;
        format!("it is no text in UTF-8 (line {line})")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
