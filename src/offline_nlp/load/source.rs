//! Where an export comes from: a directory, a zip, or files in memory. Sizes and counts are bounded.

use std::{
    collections::BTreeMap,
    fs, io,
    io::Read,
    path::{Path, PathBuf},
};

use super::{LoadError, Remark};

/// How much is read. The largest agents have 2,000 intents in a handful of languages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub files: usize,
    pub bytes: u64,
}

const LIMITS: Limits = Limits { files: 50_000, bytes: 256 << 20 };

impl Limits {
    fn too_many(self, path: &Path) -> LoadError {
        LoadError::TooLarge { path: path.to_path_buf(), limit: format!("{} files", self.files) }
    }

    fn too_large(self, path: &Path) -> LoadError {
        LoadError::TooLarge { path: path.to_path_buf(), limit: format!("{} bytes", self.bytes) }
    }
}

const FOLDERS: [&str; 2] = ["intents", "entities"];
const AGENT: &str = "agent.json";

/// The files of an export, by their names in it: `agent.json`, `intents/…`, `entities/…`.
#[derive(Debug, Default)]
pub struct Source {
    pub(super) files: BTreeMap<String, Vec<u8>>,
    pub(super) remarks: Vec<Remark>,
}

impl Source {
    /// Files that are already in memory, by names relative to the export and divided by `/`.
    #[must_use]
    pub fn files(files: BTreeMap<String, Vec<u8>>) -> Self {
        Self { files: at_its_root(files), remarks: Vec::new() }
    }

    /// A directory or a zip, whichever it is.
    pub fn open(path: &Path) -> Result<Self, LoadError> {
        if path.is_dir() { Self::directory(path) } else { Self::zip(path) }
    }

    pub fn directory(path: &Path) -> Result<Self, LoadError> {
        let mut found = Self::default();
        let mut room = LIMITS.bytes;
        found.read(path, AGENT, &mut room)?;
        for folder in FOLDERS {
            let directory = path.join(folder);
            if !directory.is_dir() {
                continue;
            }
            let unreadable = |source| LoadError::Read { path: directory.clone(), source };
            for entry in fs::read_dir(&directory).map_err(unreadable)? {
                let entry = entry.map_err(unreadable)?;
                let name = entry.file_name();
                if !Path::new(&name).extension().is_some_and(|it| it.eq_ignore_ascii_case("json")) {
                    continue;
                }
                let Some(name) = name.to_str() else {
                    let name = format!("{folder}/{}", name.to_string_lossy());
                    found.remarks.push(Remark::error(&name, "", "its name is not UTF-8: it is left out"));
                    continue;
                };
                if found.files.len() >= LIMITS.files {
                    return Err(LIMITS.too_many(path));
                }
                found.read(path, &format!("{folder}/{name}"), &mut room)?;
            }
        }
        Ok(found)
    }

    pub fn zip(path: &Path) -> Result<Self, LoadError> {
        let file = fs::File::open(path).map_err(|source| LoadError::Read { path: path.to_path_buf(), source })?;
        Self::unzip(io::BufReader::new(file), path, LIMITS)
    }

    pub(super) fn unzip(reader: impl Read + io::Seek, path: &Path, limits: Limits) -> Result<Self, LoadError> {
        let broken = |reason: zip::result::ZipError| LoadError::Zip { path: path.into(), reason: reason.to_string() };
        let mut archive = zip::ZipArchive::new(reader).map_err(broken)?;
        if archive.len() > limits.files {
            return Err(limits.too_many(path));
        }
        let mut found = Self::default();
        let mut room = limits.bytes;
        for index in 0..archive.len() {
            let mut entry = match archive.by_index(index) {
                Ok(entry) => entry,
                Err(error) => {
                    let message = format!("entry {index} of the archive cannot be read ({error}): it is left out");
                    found.remarks.push(Remark::error("", "", message));
                    continue;
                }
            };
            let name = entry.name().map(|it| clean(&it)).unwrap_or_default();
            if entry.is_dir() || !name.ends_with(".json") {
                continue;
            }
            // What an entry says of its size is not believed.
            let mut bytes = Vec::new();
            match entry.by_ref().take(room + 1).read_to_end(&mut bytes) {
                Ok(read) if read as u64 > room => return Err(limits.too_large(path)),
                Ok(read) => room -= read as u64,
                Err(error) => {
                    let message = format!("cannot be unpacked ({error}): it is left out");
                    found.remarks.push(Remark::error(&name, "", message));
                    continue;
                }
            }
            found.files.insert(name, bytes);
        }
        found.files = at_its_root(found.files);
        Ok(found)
    }

    /// Reads one file of a directory; a missing `agent.json` is found missing later, a broken file is a remark.
    fn read(&mut self, root: &Path, name: &str, room: &mut u64) -> Result<(), LoadError> {
        let path: PathBuf = root.join(name);
        let mut bytes = Vec::new();
        let read = fs::File::open(&path).and_then(|it| it.take(*room + 1).read_to_end(&mut bytes));
        match read {
            Ok(read) if read as u64 > *room => {
                return Err(LIMITS.too_large(root));
            }
            Ok(read) => {
                *room -= read as u64;
                self.files.insert(name.to_owned(), bytes);
            }
            Err(error) if name == AGENT && error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.remarks.push(Remark::error(name, "", format!("cannot be read ({error}): it is left out")));
            }
        }
        Ok(())
    }
}

/// The name as it may stand in a report: nothing is ever written to a path of this name.
fn clean(name: &str) -> String {
    let name: String = name.chars().map(|it| if it == '\\' { '/' } else { it }).filter(|it| !it.is_control()).collect();
    name.split('/').filter(|it| !matches!(*it, "" | "." | "..")).collect::<Vec<_>>().join("/")
}

/// Some people pack the directory instead of what is in it: the agent is where its `agent.json` is.
fn at_its_root(files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let is_agent = |it: &&String| *it == AGENT || it.strip_suffix(AGENT).is_some_and(|it| it.ends_with('/'));
    let agent = files.keys().filter(is_agent).min_by_key(|it| it.matches('/').count());
    let Some(root) = agent.and_then(|it| it.strip_suffix(AGENT)).map(str::to_owned) else { return files };
    if root.is_empty() {
        return files;
    }
    files.into_iter().filter_map(|(name, bytes)| Some((name.strip_prefix(&root)?.to_owned(), bytes))).collect()
}
