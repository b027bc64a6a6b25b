//! What is wrong with a configuration, where, and how to mend it.

use std::{error::Error, fmt, path::PathBuf};

use crate::core::said::Said;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

pub(super) use super::document::Location;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but probably does not do what was meant.
    Warning,
    /// Worth knowing; nothing need be wrong.
    Note,
}

/// Holds no secret: neither the message nor the line that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    pub message: Said,
    /// How to mend it.
    pub help: Said,
    pub location: Option<Location>,
    /// The setting at fault, as `handover.queue`, where the location does not lead to it: it is not written there.
    pub setting: Option<String>,
}

impl Finding {
    /// As rustc would print it, with a line end.
    #[must_use]
    pub fn render(&self, coloured: bool) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Note => Level::NOTE,
        };
        let cause = self.location.as_ref().map(|location| {
            Snippet::source(location.text.as_str())
                .line_start(location.line)
                .path(location.file.as_str())
                .annotation(AnnotationKind::Primary.span(location.highlight.clone()))
        });
        let (message, help) = (self.message.to_string(), self.help.to_string());
        let group = level.primary_title(&message).elements(cause).element(Level::HELP.message(&help));
        let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
        renderer.render(&[group]) + "\n"
    }
}

/// Why a configuration cannot be used: everything that was found, warnings too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// In order of the files, and of the places in them.
    pub list: Vec<Finding>,
    /// The files that had a part in it: when one changes, try again.
    pub files: Vec<PathBuf>,
}

impl Findings {
    #[must_use]
    pub fn errors(&self) -> usize {
        self.list.iter().filter(|it| it.severity == Severity::Error).count()
    }
}

/// One line per finding, for logs.
impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.list.iter().enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            if let Some(Location { file, line, column, .. }) = &finding.location {
                write!(f, "{file}:{line}:{column}: ")?;
            }
            write!(f, "{}", finding.message)?;
        }
        Ok(())
    }
}

impl Error for Findings {}
