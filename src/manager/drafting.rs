//! Profiles on their way to be written: where a new one begins, what it is copied from, and what its document is called.

use std::sync::Arc;

use super::{
    Manager,
    form::{self, Known},
    pages::profiles,
};
use crate::{
    config::{
        self,
        draft::{Draft, DraftError, Value},
        settings::Profile,
    },
    core::ids::{NameError, is_dots},
    gateway::storage::{Document, StoreError},
};

/// What the Web Manager's documents are called in messages ends with this.
pub(super) const MARK: &str = " (Web Manager)";

/// The document that a profile is written in; `None`: it is a file.
pub(super) fn document_of(origin: &str) -> Option<&str> {
    origin.strip_suffix(MARK)
}

/// A profile by its names.
pub(super) enum Found {
    Managed(Document, Arc<Profile>),
    File(Arc<Profile>),
    Nothing,
}

pub(super) async fn found(manager: &Manager, names: (String, String)) -> Result<Found, StoreError> {
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return Ok(Found::Nothing) };
    let Some(name) = document_of(&profile.origin) else { return Ok(Found::File(profile)) };
    let document = manager.people.profile(name).await?;
    Ok(document.map_or(Found::Nothing, |it| Found::Managed(it, profile)))
}

pub(super) fn known(manager: &Manager) -> Known {
    Known { kinds: manager.house.kinds(), units: manager.house.configuration().settings.units.clone() }
}

/// A new one of that type. `unit`: empty: it is still to be said.
pub(super) fn begun(unit: &str, kind: &str) -> Draft {
    let mut draft = Draft::default();
    for (key, text) in [("unit", unit), ("type", kind)].into_iter().filter(|it| !it.1.is_empty()) {
        // Nothing is in the way in an empty document.
        draft.set(&[key], &Value::Text(text.to_owned())).unwrap_or_default();
    }
    draft
}

/// Why there is no copy.
pub(super) enum Failed {
    Shape(DraftError),
    Store(StoreError),
}

impl From<DraftError> for Failed {
    fn from(error: DraftError) -> Self {
        Self::Shape(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Where a copy begins. `kind`: of another type; empty: of the same. `None`: there is no such profile.
pub(super) async fn copied(
    manager: &Manager,
    from: (String, String),
    kind: &str,
    known: &Known,
) -> Result<Option<Draft>, Failed> {
    let source = match found(manager, from).await? {
        Found::Managed(document, _) => Draft::read(&String::from_utf8_lossy(&document.body))?,
        Found::File(profile) => of_file(manager, &profile),
        Found::Nothing => return Ok(None),
    };
    Ok(Some(form::copy(&source, (!kind.is_empty()).then_some(kind), known)?))
}

/// What a profile's file has set.
pub(super) fn of_file(manager: &Manager, profile: &Profile) -> Draft {
    let loaded = manager.house.configuration();
    let index = loaded.settings.profiles.iter().position(|it| it.unit == profile.unit && it.name == profile.name);
    let list = index.map(|it| profiles::of_profile(&loaded, it)).unwrap_or_default();
    form::of_effective(list.iter().map(|(key, it)| (key.as_str(), *it)))
}

/// Whether a text gives a profile a name, or a business unit's, that no address can have; `kept`: what its document is called now.
pub(super) fn misnamed(text: &str, kept: Option<&str>) -> Option<(&'static str, NameError)> {
    let (unit, name) = config::named_in(text)?;
    let (kept_unit, kept_name) = kept.and_then(|it| it.rsplit_once('/')).unzip();
    let is_new = |it: &str, kept: Option<&str>| is_dots(it) && kept != Some(it);
    if is_new(&name, kept_name) {
        return Some(("name", NameError::Dots));
    }
    unit.is_some_and(|it| is_new(&it, kept_unit)).then_some(("unit", NameError::Dots))
}

/// What a profile's document is called, by its text.
pub(super) fn name_in(manager: &Manager, text: &str) -> String {
    let only = || manager.house.configuration().settings.units.first().map(ToString::to_string).unwrap_or_default();
    config::named_in(text)
        .map_or_else(|| "new".to_owned(), |(unit, name)| format!("{}/{name}", unit.unwrap_or_else(only)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_known_by_its_mark() {
        assert_eq!(document_of("sales/support (Web Manager)"), Some("sales/support"));
        assert_eq!(document_of("profiles/support.toml"), None);
    }

    #[test]
    fn a_profile_is_given_no_name_that_an_address_cannot_have() {
        let text = "unit = \"..\"\nname = \".\"\n";
        assert_eq!(misnamed(text, None), Some(("name", NameError::Dots)));
        assert_eq!(misnamed(text, Some("sales/.")), Some(("unit", NameError::Dots)));
        assert_eq!(misnamed(text, Some("../.")), None, "one that is there stays usable");
        assert_eq!(misnamed("unit = \"sales\"\nname = \"a\"\n", None), None);
    }

    #[test]
    fn a_new_profile_says_its_unit_and_type() {
        assert_eq!(begun("a \"b\"", "lex").to_string(), "unit = 'a \"b\"'\ntype = \"lex\"\n");
        assert_eq!(begun("", "lex").to_string(), "type = \"lex\"\n");
    }
}
