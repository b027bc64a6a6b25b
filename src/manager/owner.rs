//! Whose actions they are: a profile's own, or those that a business unit lends to all of its profiles (S18).
//!
//! What differs between the two is said here once. Building, pages and API know an owner, and not which.

use std::{collections::HashMap, sync::Arc};

use axum::{
    extract::{FromRequestParts, Path},
    response::Response,
};
use http::request::Parts;

use super::{
    Manager,
    drafting::{self, MARK},
    estate,
    guard::Seat,
    pages::{not_found, profiles, units},
    ports::{ProfileOrder, Refusal},
};
use crate::{
    config::{
        Loaded,
        settings::{Profile, Unit},
    },
    core::{action::ActionRule, ids::UnitName},
    gateway::storage::{Document, DocumentKind, Expected, StoreError},
};

/// An owner as an address names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Profile(String, String),
    Unit(String),
}

impl Whose {
    pub(super) fn find(&self, loaded: &Loaded) -> Option<Owner> {
        match self {
            Self::Profile(unit, name) => profiles::find(loaded, (unit.clone(), name.clone())).map(Owner::Profile),
            Self::Unit(name) => estate::find_unit(loaded, name).cloned().map(Owner::Unit),
        }
    }

    /// Its pages begin with it, and so do its addresses in the API.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Profile(unit, profile) => profiles::path_of(unit, profile),
            Self::Unit(name) => units::path_of(name),
        }
    }
}

impl FromRequestParts<Manager> for Whose {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, manager: &Manager) -> Result<Self, Response> {
        // An address that cannot be read names nobody, as one without names does.
        let names = Path::<HashMap<String, String>>::from_request_parts(parts, manager).await.ok();
        let mut names = names.map(|it| it.0).unwrap_or_default();
        match (names.remove("unit"), names.remove("profile")) {
            (Some(unit), Some(profile)) => Ok(Self::Profile(unit, profile)),
            (Some(unit), None) => Ok(Self::Unit(unit)),
            (None, _) => Err(not_found(&Seat::of(manager, &parts.headers, parts))),
        }
    }
}

/// One that is in force.
#[derive(Clone, Debug)]
pub(super) enum Owner {
    Profile(Arc<Profile>),
    Unit(Unit),
}

/// An owner, and what it is written in.
#[derive(Debug)]
pub(super) enum Found {
    /// Of a default, which nobody has written yet, the version is 0.
    Kept(Owner, Document),
    File(Owner),
    Nothing,
}

pub(super) async fn found(manager: &Manager, whose: &Whose) -> Result<Found, StoreError> {
    match whose {
        Whose::Profile(unit, name) => Ok(match drafting::found(manager, (unit.clone(), name.clone())).await? {
            drafting::Found::Managed(document, profile) => Found::Kept(Owner::Profile(profile), document),
            drafting::Found::File(profile) => Found::File(Owner::Profile(profile)),
            drafting::Found::Nothing => Found::Nothing,
        }),
        Whose::Unit(name) => {
            let loaded = manager.house.configuration();
            let Some(unit) = estate::find_unit(&loaded, name).cloned() else { return Ok(Found::Nothing) };
            Ok(match manager.source_of(&unit).await? {
                estate::Source::Kept(document) => Found::Kept(Owner::Unit(unit), document),
                estate::Source::File => Found::File(Owner::Unit(unit)),
                estate::Source::Gone => Found::Nothing,
            })
        }
    }
}

impl Owner {
    /// Where the text has its actions.
    pub(super) const fn list(&self) -> &'static [&'static str] {
        match self {
            Self::Profile(_) => &["action"],
            Self::Unit(_) => &["unit", "0", "action"],
        }
    }

    /// What the list is called where it is written.
    pub(super) const fn table(&self) -> &'static str {
        match self {
            Self::Profile(_) => "[[action]]",
            Self::Unit(_) => "[[unit.action]]",
        }
    }

    pub(super) fn name(&self) -> &str {
        match self {
            Self::Profile(profile) => profile.name.as_str(),
            Self::Unit(unit) => unit.name.as_str(),
        }
    }

    /// Whose directory has the queues and targets.
    pub(super) fn unit(&self) -> &UnitName {
        match self {
            Self::Profile(profile) => &profile.unit,
            Self::Unit(unit) => &unit.name,
        }
    }

    /// All that are in force; a profile's own come before its business unit's.
    pub(super) fn rules(&self) -> &[ActionRule] {
        match self {
            Self::Profile(profile) => &profile.rules.actions,
            Self::Unit(unit) => &unit.actions,
        }
    }

    /// The file or document that it is written in.
    pub(super) fn origin(&self) -> &str {
        match self {
            Self::Profile(profile) => &profile.origin,
            Self::Unit(unit) => &unit.origin,
        }
    }

    /// It is changed here, and not in a file.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::Profile(profile) => drafting::document_of(&profile.origin).is_some(),
            Self::Unit(unit) => estate::Written::of(&unit.origin) != estate::Written::InAFile,
        }
    }

    pub(super) fn whose(&self) -> Whose {
        match self {
            Self::Profile(profile) => Whose::Profile(profile.unit.to_string(), profile.name.to_string()),
            Self::Unit(unit) => Whose::Unit(unit.name.to_string()),
        }
    }

    pub(super) fn path(&self) -> String {
        self.whose().path()
    }

    /// What messages call its document.
    pub(super) fn document(&self) -> String {
        match self {
            Self::Profile(profile) => profile.origin.clone(),
            // Of a default it is what it will be.
            Self::Unit(unit) => format!("{} {}{MARK}", DocumentKind::Unit.label(), unit.name),
        }
    }

    /// Writes its text, and yields the new version; `seen`: the document that the text was made of.
    pub(super) async fn write(
        &self,
        manager: &Manager,
        by: &str,
        seen: Document,
        text: String,
    ) -> Result<u64, Refusal> {
        let Document { name, version, .. } = seen;
        match self {
            Self::Profile(_) => {
                let (by, expected) = (by.to_owned(), Expected::Version(version));
                manager.house.change_profile(ProfileOrder { by, name, expected, text: Some(text) }).await
            }
            Self::Unit(_) => manager.write_unit(by, name, version, text).await,
        }
    }
}
