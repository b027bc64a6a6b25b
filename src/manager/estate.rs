//! Business units and routing engines: what administrators do to them, on plain data. Pages show it, and whoever else asks.

use std::collections::BTreeSet;

use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use super::{
    Inner,
    drafting::MARK,
    ports::{Order, Refusal, Wanted},
};
use crate::{
    config::{EngineText, Finding, Loaded, UnitText, settings},
    core::{
        ids::{EngineId, Timestamp, UnitName},
        said::Said,
    },
    gateway::storage::{Document, DocumentKind, Expected, StoreError},
};

/// Begins every token, so that people and scanners of leaked secrets know what they see.
const PREFIX: &str = "usher-engine-";
/// Where nobody has written it.
const DEFAULT: &str = "default";

/// Why something was not done.
#[derive(Debug)]
pub(super) enum Failed {
    Unknown,
    /// It stands in this file, which is changed where it is.
    OfFile(String),
    /// Of these profiles and engines.
    InUse(Vec<String>),
    Refused(Refusal),
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Refused(Refusal::Store(error))
    }
}

/// Who can change what is written here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// It is a document of ours.
    Here,
    /// Nobody has, it is a default: who changes it writes a document.
    Nowhere,
    InAFile,
}

impl Written {
    pub(super) fn of(origin: &str) -> Self {
        if origin.ends_with(MARK) {
            Self::Here
        } else if origin == DEFAULT {
            Self::Nowhere
        } else {
            Self::InAFile
        }
    }
}

/// What a business unit is written in.
#[derive(Debug)]
pub(super) enum Source {
    /// Of a default it is what it would be, and its version is 0.
    Kept(Document),
    File,
    /// Somebody removes it just now.
    Gone,
}

/// Of a unit; its actions are one.
const FIELDS: [&str; 5] = ["name", "zone", "country", "languages", "media_servers"];

/// The validation speaks of keys; forms and programs have them as fields.
pub(super) fn field_of_unit(finding: &Finding) -> Option<&'static str> {
    let message = finding.message.to_string();
    let field = FIELDS.into_iter().find(|key| message.contains(&format!("`unit.{key}`")));
    field.or_else(|| message.contains("`unit.action").then_some("actions"))
}

/// What goes by a business unit: profiles and engines, by name.
pub(super) fn users_of(loaded: &Loaded, unit: &UnitName) -> Vec<String> {
    let profiles = loaded.settings.profiles.iter().filter(|it| it.unit == *unit).map(|it| it.name.to_string());
    let engines = loaded.settings.engines.iter().filter(|it| it.units.contains(unit)).map(|it| it.id.to_string());
    profiles.chain(engines).collect()
}

pub(super) fn find_unit<'l>(loaded: &'l Loaded, name: &str) -> Option<&'l settings::Unit> {
    loaded.units.iter().find(|it| it.name.as_str() == name)
}

pub(super) fn find_engine<'l>(loaded: &'l Loaded, id: &str) -> Option<&'l settings::Engine> {
    loaded.settings.engines.iter().find(|it| it.id.as_str() == id)
}

/// A default as a document would say it.
fn as_text(unit: &settings::Unit) -> UnitText {
    UnitText {
        name: unit.name.to_string(),
        zone: unit.zone.clone(),
        country: unit.country.clone(),
        languages: unit.languages.clone(),
        media_servers: unit.media_servers.clone(),
        actions: String::new(),
    }
}

/// An engine's new token, and the version of what is kept of the engine with it.
#[derive(Debug)]
pub(super) struct EngineToken {
    pub(super) token: SecretString,
    pub(super) version: u64,
}

/// Somebody has seen another version of it than this.
pub(super) fn moved_on(now: Document) -> Refusal {
    // It is a default again where a document was seen: that is gone.
    Refusal::Conflict((now.version > 0).then(|| Box::new(now)))
}

fn as_document(unit: &settings::Unit) -> Document {
    Document {
        kind: DocumentKind::Unit,
        name: unit.name.to_string(),
        version: 0,
        body: as_text(unit).write().into_bytes(),
        changed_at: Timestamp(0),
        changed_by: String::new(),
    }
}

impl Inner {
    /// Yields the new version of the first.
    async fn order(&self, by: &str, wanted: Vec<Wanted>) -> Result<u64, Refusal> {
        let versions = self.house.change(Order { by: by.to_owned(), wanted, told: None }).await?;
        Ok(versions.first().copied().unwrap_or_default())
    }

    /// What a unit is written in.
    pub(super) async fn source_of(&self, unit: &settings::Unit) -> Result<Source, StoreError> {
        Ok(match Written::of(&unit.origin) {
            Written::InAFile => Source::File,
            Written::Nowhere => Source::Kept(as_document(unit)),
            Written::Here => {
                let document = self.people.document(DocumentKind::Unit, unit.name.as_str()).await?;
                document.map_or(Source::Gone, Source::Kept)
            }
        })
    }

    /// A unit that can be changed here, with its version; 0: nobody has written it yet.
    pub(super) async fn unit(&self, name: &str) -> Result<(UnitText, u64), Failed> {
        let loaded = self.house.configuration();
        let unit = find_unit(&loaded, name).ok_or(Failed::Unknown)?;
        match self.source_of(unit).await? {
            Source::File => Err(Failed::OfFile(unit.origin.clone())),
            Source::Gone => Err(Failed::Unknown),
            Source::Kept(document) => {
                let text = UnitText::read(&String::from_utf8_lossy(&document.body)).ok_or(Failed::Unknown)?;
                Ok((text, document.version))
            }
        }
    }

    /// Adds a unit, and yields its version. The default ones go once there is another; those that are in use stay, as documents.
    pub(super) async fn add_unit(&self, by: &str, unit: &UnitText) -> Result<u64, Failed> {
        let wanted = |unit: &UnitText| Wanted {
            kind: DocumentKind::Unit,
            name: unit.name.clone(),
            expected: Expected::New,
            text: Some(unit.write()),
        };
        let loaded = self.house.configuration();
        let mut all = vec![wanted(unit)];
        for other in loaded.units.iter().filter(|it| Written::of(&it.origin) == Written::Nowhere) {
            if other.name.as_str() != unit.name && !users_of(&loaded, &other.name).is_empty() {
                all.push(wanted(&as_text(other)));
            }
        }
        Ok(self.order(by, all).await?)
    }

    /// `version`: what was seen of it; 0: a default.
    pub(super) async fn change_unit(&self, by: &str, version: u64, unit: &UnitText) -> Result<u64, Failed> {
        Ok(self.write_unit(by, unit.name.clone(), version, unit.write()).await?)
    }

    /// The same, while its actions stay as they are written.
    pub(super) async fn change_but_actions(&self, by: &str, version: u64, unit: &UnitText) -> Result<u64, Failed> {
        let loaded = self.house.configuration();
        let Some(found) = find_unit(&loaded, &unit.name) else { return Err(Refusal::Conflict(None).into()) };
        let document = match self.source_of(found).await? {
            Source::File => return Err(Failed::OfFile(found.origin.clone())),
            Source::Gone => return Err(Refusal::Conflict(None).into()),
            Source::Kept(document) => document,
        };
        if document.version != version {
            return Err(moved_on(document).into());
        }
        let text = unit.laid_over(&String::from_utf8_lossy(&document.body));
        let text = text.map_err(|error| Refusal::Unable(Said::foreign(error.to_string())))?;
        Ok(self.write_unit(by, document.name, version, text).await?)
    }

    /// Writes its text as it is to be.
    pub(super) async fn write_unit(&self, by: &str, name: String, version: u64, text: String) -> Result<u64, Refusal> {
        let expected = if version == 0 { Expected::New } else { Expected::Version(version) };
        self.order(by, vec![Wanted { kind: DocumentKind::Unit, name, expected, text: Some(text) }]).await
    }

    /// Removes a unit that nothing goes by.
    pub(super) async fn remove_unit(&self, by: &str, name: &str, version: u64) -> Result<(), Failed> {
        let loaded = self.house.configuration();
        let unit = find_unit(&loaded, name).ok_or(Failed::Unknown)?;
        if Written::of(&unit.origin) != Written::Here {
            return Err(Failed::OfFile(unit.origin.clone()));
        }
        let users = users_of(&loaded, &unit.name);
        if !users.is_empty() {
            return Err(Failed::InUse(users));
        }
        let (name, expected) = (name.to_owned(), Expected::Version(version));
        self.order(by, vec![Wanted { kind: DocumentKind::Unit, name, expected, text: None }]).await?;
        Ok(())
    }

    /// An engine's document, where it has one.
    pub(super) async fn engine(&self, id: &str) -> Result<(EngineText, Document), Failed> {
        let loaded = self.house.configuration();
        let engine = find_engine(&loaded, id).ok_or(Failed::Unknown)?;
        if Written::of(&engine.origin) != Written::Here {
            return Err(Failed::OfFile(engine.origin.clone()));
        }
        let document = self.people.document(DocumentKind::Engine, id).await?.ok_or(Failed::Unknown)?;
        let text = EngineText {
            id: engine.id.to_string(),
            token_sha256: engine.token_sha256,
            former_token_sha256: engine.former_token_sha256,
            units: engine.units.iter().map(ToString::to_string).collect(),
        };
        Ok((text, document))
    }

    /// Lets an engine in. Its token is nowhere else.
    pub(super) async fn add_engine(&self, by: &str, id: &EngineId, units: Vec<String>) -> Result<EngineToken, Failed> {
        let token = new_token();
        let engine = EngineText { id: id.to_string(), token_sha256: digest(&token), former_token_sha256: None, units };
        let version = self.put_engine(by, &engine, Expected::New).await?;
        Ok(EngineToken { token, version })
    }

    pub(super) async fn change_engine(
        &self,
        by: &str,
        id: &str,
        version: u64,
        units: Vec<String>,
    ) -> Result<u64, Failed> {
        let (engine, _) = self.engine(id).await?;
        self.put_engine(by, &EngineText { units, ..engine }, Expected::Version(version)).await
    }

    /// A new token; the one before it is refused at once, or stays good until [`Self::end_former_token`].
    pub(super) async fn new_engine_token(
        &self,
        by: &str,
        id: &str,
        (version, keep): (u64, bool),
    ) -> Result<EngineToken, Failed> {
        let (engine, _) = self.engine(id).await?;
        let token = new_token();
        let former_token_sha256 = keep.then_some(engine.token_sha256);
        let engine = EngineText { token_sha256: digest(&token), former_token_sha256, ..engine };
        let version = self.put_engine(by, &engine, Expected::Version(version)).await?;
        Ok(EngineToken { token, version })
    }

    pub(super) async fn end_former_token(&self, by: &str, id: &str, version: u64) -> Result<u64, Failed> {
        let (engine, _) = self.engine(id).await?;
        let engine = EngineText { former_token_sha256: None, ..engine };
        self.put_engine(by, &engine, Expected::Version(version)).await
    }

    /// An engine may attach no more; its lanes are cut.
    pub(super) async fn remove_engine(&self, by: &str, id: &str, version: u64) -> Result<(), Failed> {
        self.engine(id).await?;
        let (name, expected) = (id.to_owned(), Expected::Version(version));
        self.order(by, vec![Wanted { kind: DocumentKind::Engine, name, expected, text: None }]).await?;
        Ok(())
    }

    async fn put_engine(&self, by: &str, engine: &EngineText, expected: Expected) -> Result<u64, Failed> {
        let (name, text) = (engine.id.clone(), Some(engine.write()));
        Ok(self.order(by, vec![Wanted { kind: DocumentKind::Engine, name, expected, text }]).await?)
    }

    /// Engines by id with how many lanes of each are attached now.
    pub(super) fn lanes_of(&self, id: &EngineId) -> usize {
        let units = self.gateway.units_now();
        let lanes = units.iter().flat_map(|it| &it.engines).filter(|(engine, _)| engine == id);
        lanes.map(|(_, lanes)| lanes).sum()
    }
}

/// Words or names that somebody wrote with commas or spaces between them, each once.
pub(super) fn split(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let parts = text.split([',', ';', ' ', '\n', '\r', '\t']).filter(|it| !it.is_empty());
    parts.filter(|it| seen.insert(*it)).map(str::to_owned).collect()
}

fn new_token() -> SecretString {
    SecretString::from(format!("{PREFIX}{:032x}{:032x}", rand::random::<u128>(), rand::random::<u128>()))
}

fn digest(token: &SecretString) -> [u8; 32] {
    Sha256::digest(token.expose_secret().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_change_something_is_seen_by_where_it_is_written() {
        assert_eq!(Written::of("unit sales (Web Manager)"), Written::Here);
        assert_eq!(Written::of("default"), Written::Nowhere);
        assert_eq!(Written::of("usher.toml"), Written::InAFile);
    }

    #[test]
    fn lists_are_written_as_people_write_them() {
        assert_eq!(split(" de, en-US;fr\r\nde "), ["de", "en-US", "fr"]);
        assert_eq!(split(" , "), Vec::<String>::new());
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (a, b) = (new_token(), new_token());
        assert_ne!(digest(&a), digest(&b));
        assert!(a.expose_secret().starts_with(PREFIX) && a.expose_secret().len() == PREFIX.len() + 64);
    }
}
