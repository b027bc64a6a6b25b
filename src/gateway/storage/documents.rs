//! What administrators keep in the store: documents with a version each, and the log of who changed what.

use super::StoreError;
use crate::core::ids::{ProfileName, Timestamp, UnitName};

/// What a document is. Closed, and kept by its label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentKind {
    /// A profile, as TOML.
    Profile,
    /// What of the configuration is neither a unit, an engine nor a profile, as TOML.
    Settings,
    /// A business unit and its actions, as TOML.
    Unit,
    /// A routing engine that may attach, as TOML.
    Engine,
    /// Somebody who may sign in.
    User,
    /// A program's token for the API.
    ApiToken,
    /// A conversation that a profile is tested with.
    Test,
    /// A profile that is paused; there is one while it is.
    Pause,
}

impl DocumentKind {
    pub const ALL: [Self; 8] =
        [Self::Profile, Self::Settings, Self::Unit, Self::Engine, Self::User, Self::ApiToken, Self::Test, Self::Pause];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::Settings => "settings",
            Self::Unit => "unit",
            Self::Engine => "engine",
            Self::User => "user",
            Self::ApiToken => "api_token",
            Self::Test => "test",
            Self::Pause => "pause",
        }
    }
}

/// The name of the one document of settings.
pub const SETTINGS: &str = "gateway";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    pub kind: DocumentKind,
    /// Unique among its kind.
    pub name: String,
    /// Raised by every change; a name that is used again has a higher one.
    pub version: u64,
    pub body: Vec<u8>,
    pub changed_at: Timestamp,
    pub changed_by: String,
}

/// One document as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub kind: DocumentKind,
    pub name: String,
    pub expected: Expected,
    /// `None`: it goes.
    pub body: Option<Vec<u8>>,
}

/// What the one who changes a document has seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// That there is none of its name.
    New,
    Version(u64),
    /// Whatever it is: for what has one writer.
    Any,
}

impl Expected {
    /// Whether what is there is what was seen.
    #[must_use]
    pub fn holds(self, found: Option<&Document>) -> bool {
        match (self, found) {
            (Self::Any, _) | (Self::New, None) => true,
            (Self::Version(version), Some(found)) => version == found.version,
            (Self::New, Some(_)) | (Self::Version(_), None) => false,
        }
    }
}

/// What becomes of the tokens of a profile's connectors when the profile gets another name, or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokensMove {
    pub from: (UnitName, ProfileName),
    /// Those that are there were left behind by another, and go. `None`: all go.
    pub to: Option<(UnitName, ProfileName)>,
}

/// Who, when, what before, what after; secrets are not in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    pub at: Timestamp,
    pub by: String,
    /// What was done, from a closed set: `profile.changed`.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Which lines of the audit log are asked for. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditOf {
    /// Who has done it.
    pub by: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// Part of the name of whom or what it was done to; capitals of ASCII are the same as small letters.
    pub subject: String,
    pub from: Option<Timestamp>,
    /// Before this moment.
    pub until: Option<Timestamp>,
    /// Lines before the one of this number.
    pub before: Option<u64>,
    /// Lines from the one of this number on: no further back is looked.
    pub since: Option<u64>,
}

/// What is rare is looked for among so many lines at a time.
const LOOKED_AT: u64 = 10_000;

impl AuditOf {
    /// The same among the lines that come last before the one of this number: a bounded part of the log.
    #[must_use]
    pub fn part(&self, before: u64) -> Self {
        Self { before: Some(before), since: Some(before.saturating_sub(LOOKED_AT)), ..self.clone() }
    }

    #[must_use]
    pub fn takes(&self, number: u64, line: &AuditLine) -> bool {
        self.before.is_none_or(|before| number < before)
            && self.since.is_none_or(|since| number >= since)
            && self.by.as_ref().is_none_or(|by| *by == line.by)
            && self.action.as_ref().is_none_or(|action| *action == line.action)
            && line.subject.to_ascii_lowercase().contains(&self.subject.to_ascii_lowercase())
            && self.from.is_none_or(|from| line.at >= from)
            && self.until.is_none_or(|until| line.at < until)
    }
}

#[derive(Debug)]
pub enum ChangeError {
    /// Somebody was faster: this is what is there now. Nothing was changed.
    Conflict {
        kind: DocumentKind,
        name: String,
        found: Option<Box<Document>>,
    },
    Store(StoreError),
}

impl From<StoreError> for ChangeError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}
