//! What an export left to be desired, with its place; and why it cannot be used at all.

use std::{fmt, io, path::PathBuf};

use thiserror::Error;

/// One finding. Rendered as `intents/Foo_usersays_en.json: data[3].meta: what is wrong`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Relative, as in the export; empty: none in particular.
    pub file: String,
    /// Empty: the file as a whole.
    pub key: String,
    pub message: String,
    /// Something of the export is lost. Otherwise it loads, but behaves in a way that one should know.
    pub is_error: bool,
}

impl Remark {
    pub(super) fn error(file: &str, key: &str, message: impl Into<String>) -> Self {
        Self { file: file.to_owned(), key: key.to_owned(), message: message.into(), is_error: true }
    }

    pub(super) fn warning(file: &str, key: &str, message: impl Into<String>) -> Self {
        Self { is_error: false, ..Self::error(file, key, message) }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in [&self.file, &self.key] {
            if !place.is_empty() {
                write!(f, "{place}: ")?;
            }
        }
        f.write_str(&self.message)
    }
}

/// Why there is no agent.
#[derive(Debug, Error)]
pub enum LoadError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: is no zip archive that can be read: {reason}; give the zip that Dialogflow exports, or its directory", path.display())]
    Zip { path: PathBuf, reason: String },
    #[error("{}: holds more than {limit}: no agent is that large, so it is not read", path.display())]
    TooLarge { path: PathBuf, limit: String },
    #[error("there is no agent.json: give the directory or the zip of a Dialogflow ES export")]
    NoAgent,
    #[error("{0}")]
    Agent(Remark),
    #[error("no intent could be loaded: an export has at least one file in intents/")]
    NoIntents { report: Vec<Remark> },
}

impl LoadError {
    /// What was found before it was given up.
    #[must_use]
    pub fn report(&self) -> &[Remark] {
        match self {
            Self::NoIntents { report } => report,
            Self::Read { .. } | Self::Zip { .. } | Self::TooLarge { .. } | Self::NoAgent | Self::Agent(_) => &[],
        }
    }
}
