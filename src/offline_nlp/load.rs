//! An agent export → [`Agent`] and a report. What can be loaded is loaded; a broken file or key becomes a remark.

mod check;
mod entity;
mod intent;
mod lenient;
mod phrase;
mod project;
mod remark;
mod response;
mod source;

#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use serde_json::Value;

use self::{
    lenient::{At, File},
    project::Project,
};
pub use self::{
    remark::{LoadError, Remark},
    source::Source,
};
use super::agent::{Agent, EntityType, Intent, Language};

const PHRASES: &str = "_usersays_";
const ENTRIES: &str = "_entries_";

/// An agent and what its export left to be desired.
#[derive(Debug)]
pub struct Loaded {
    pub agent: Agent,
    pub report: Vec<Remark>,
}

/// Loads a directory or a zip.
pub fn open(path: &Path) -> Result<Loaded, LoadError> {
    load(Source::open(path)?)
}

/// Loads what a source holds. An error means that there is no agent in it: without `agent.json` or without a single
/// intent there is nothing to talk to.
pub fn load(source: Source) -> Result<Loaded, LoadError> {
    let report = Report { remarks: RefCell::new(source.remarks) };
    let project = project(&source.files, &report)?;
    let (entities, entity_files) = entities(&source.files, project.language(), &report);
    let (intents, intent_files) = intents(&source.files, project.language(), &report);
    if intents.is_empty() {
        return Err(LoadError::NoIntents { report: report.remarks.into_inner() });
    }
    let agent = project.with(intents, entities);
    check::run(&agent, &intent_files, &entity_files, &report);
    Ok(Loaded { agent, report: report.remarks.into_inner() })
}

/// Collects remarks while an export is read.
#[derive(Debug, Default)]
struct Report {
    remarks: RefCell<Vec<Remark>>,
}

impl Report {
    /// More than anybody reads; a hostile export shall not fill the memory with complaints.
    const MAX: usize = 10_000;

    fn add(&self, remark: Remark) {
        let mut remarks = self.remarks.borrow_mut();
        if remarks.len() < Self::MAX {
            remarks.push(remark);
        } else if remarks.len() == Self::MAX {
            remarks.push(Remark::warning("", "", "too many remarks: the rest is left out"));
        }
    }

    fn error(&self, file: &str, message: impl Into<String>) {
        self.add(Remark::error(file, "", message));
    }

    fn warning(&self, file: &str, message: impl Into<String>) {
        self.add(Remark::warning(file, "", message));
    }
}

fn project(files: &BTreeMap<String, Vec<u8>>, report: &Report) -> Result<Project, LoadError> {
    let name = "agent.json";
    let bytes = files.get(name).ok_or(LoadError::NoAgent)?;
    let value = lenient::parse(bytes).map_err(|it| LoadError::Agent(Remark::error(name, "", it)))?;
    let file = File { name, report };
    Ok(project::read(&At::root(&value, &file)))
}

/// In which file each intent or entity stands, by its name.
type Places = BTreeMap<String, String>;

fn entities(files: &BTreeMap<String, Vec<u8>>, language: &str, report: &Report) -> (Vec<EntityType>, Places) {
    let mut entities: BTreeMap<String, EntityType> = BTreeMap::new();
    let mut places = Places::new();
    for named in named(files, "entities/", ENTRIES, report) {
        let Some(value) = parsed(named.file, named.bytes, report) else { continue };
        let file = File { name: named.file, report };
        let mut entity = entity::read(&At::root(&value, &file), named.stem, language);
        for (language, path, bytes) in named.parts {
            let Some(value) = parsed(path, bytes, report) else { continue };
            let file = File { name: path, report };
            let entries = entity::entries(&At::root(&value, &file), entity.is_regexp);
            entity.entries.insert(language, entries);
        }
        if entities.contains_key(&entity.name) {
            report.error(named.file, format!("there is another entity named {}: this one is left out", entity.name));
            continue;
        }
        places.insert(entity.name.clone(), named.file.to_owned());
        entities.insert(entity.name.clone(), entity);
    }
    (entities.into_values().collect(), places)
}

fn intents(files: &BTreeMap<String, Vec<u8>>, language: &str, report: &Report) -> (Vec<Intent>, Places) {
    let mut intents: BTreeMap<String, Intent> = BTreeMap::new();
    let mut places = Places::new();
    for named in named(files, "intents/", PHRASES, report) {
        let Some(value) = parsed(named.file, named.bytes, report) else { continue };
        let file = File { name: named.file, report };
        let mut intent = intent::read(&At::root(&value, &file), named.stem, language);
        let aliases: BTreeSet<String> = intent.parameters.iter().map(|it| it.name.clone()).collect();
        for (language, path, bytes) in named.parts {
            let Some(value) = parsed(path, bytes, report) else { continue };
            let file = File { name: path, report };
            let phrases = phrase::read_all(&At::root(&value, &file), &aliases);
            intent.phrases.entry(language).or_default().extend(phrases);
        }
        if intents.contains_key(&intent.name) {
            report.error(named.file, format!("there is another intent named {}: this one is left out", intent.name));
            continue;
        }
        places.insert(intent.name.clone(), named.file.to_owned());
        intents.insert(intent.name.clone(), intent);
    }
    (intents.into_values().collect(), places)
}

/// `intents/N.json` and its `intents/N_usersays_LANGUAGE.json`; the same for entities.
struct Named<'a> {
    file: &'a str,
    stem: &'a str,
    bytes: &'a [u8],
    parts: Vec<(Language, &'a str, &'a [u8])>,
}

fn named<'a>(
    files: &'a BTreeMap<String, Vec<u8>>,
    folder: &str,
    infix: &str,
    report: &Report,
) -> impl Iterator<Item = Named<'a>> {
    let mut wholes: BTreeMap<&str, Named<'a>> = BTreeMap::new();
    let mut parts = Vec::new();
    for (file, bytes) in files {
        let Some(stem) = file.strip_prefix(folder).and_then(|it| it.strip_suffix(".json")) else { continue };
        match stem.rsplit_once(infix).filter(|(_, language)| is_language(language)) {
            Some((whole, language)) => parts.push((whole, language.to_lowercase(), file.as_str(), bytes.as_slice())),
            None => drop(wholes.insert(stem, Named { file, stem, bytes, parts: Vec::new() })),
        }
    }
    for (whole, language, file, bytes) in parts {
        match wholes.get_mut(whole) {
            Some(named) => named.parts.push((language, file, bytes)),
            None => report.error(file, format!("there is no {folder}{whole}.json that it belongs to: it is left out")),
        }
    }
    wholes.into_values()
}

fn is_language(tag: &str) -> bool {
    let mut parts = tag.split(['-', '_']);
    parts.next().is_some_and(|it| (2..=3).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphabetic()))
        && parts.all(|it| (2..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric()))
}

fn parsed(file: &str, bytes: &[u8], report: &Report) -> Option<Value> {
    lenient::parse(bytes).map_err(|it| report.error(file, format!("{it}: it is left out"))).ok()
}
