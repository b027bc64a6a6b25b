//! What the validation finds, led back from its place in the text to the field of the form.

use std::collections::BTreeMap;

use super::{Block, parts};
use crate::config::{Finding, Location, Severity, draft::path_at};
use crate::manager::words::Words;

/// What is wrong with a form.
#[derive(Clone, Debug, Default)]
pub(in crate::manager) struct Problems {
    /// By the field's path.
    of_fields: BTreeMap<String, Vec<String>>,
    list: Vec<Problem>,
}

/// One line of the summary.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Problem {
    pub(in crate::manager) text: String,
    /// How to mend it; may be empty.
    pub(in crate::manager) help: String,
    /// The field's path, or the block's.
    pub(in crate::manager) at: Option<String>,
    /// Where it is, for what is in no field of this form.
    pub(in crate::manager) location: Option<Location>,
}

impl Problems {
    /// `document`: what the form's own text is called in findings; `text`: it as it was validated.
    pub(in crate::manager) fn of(
        findings: &[Finding],
        severity: Severity,
        (document, text): (&str, &str),
        (blocks, w): (&[Block], &Words),
    ) -> Self {
        let mut problems = Self::default();
        for finding in findings.iter().filter(|it| it.severity == severity) {
            let own = finding.location.as_ref().filter(|it| it.file == document);
            let at = own.map(|it| path_of(finding, it, text)).and_then(|it| nearest(&it, blocks));
            let location = if at.is_some() { None } else { finding.location.clone() };
            // How a secret is written in a file is no advice for a form.
            let is_secret = |path: &String| {
                blocks.iter().flat_map(|it| &it.entries).any(|it| it.path == *path && it.control.is_secret())
            };
            let advises_a_file = finding.setting.is_some() && at.as_ref().is_some_and(is_secret);
            let help = if advises_a_file { String::new() } else { w.said(&finding.help) };
            problems.push(at, &w.said(&finding.message), &help, location);
        }
        problems
    }

    pub(in crate::manager) fn at_field(&mut self, path: &str, text: &str) {
        self.push(Some(path.to_owned()), text, "", None);
    }

    pub(in crate::manager) fn general(&mut self, text: &str) {
        self.push(None, text, "", None);
    }

    fn push(&mut self, at: Option<String>, text: &str, help: &str, location: Option<Location>) {
        if let Some(path) = &at {
            let told = if help.is_empty() { text.to_owned() } else { format!("{text}: {help}") };
            self.of_fields.entry(path.clone()).or_default().push(told);
        }
        self.list.push(Problem { text: text.to_owned(), help: help.to_owned(), at, location });
    }

    pub(in crate::manager) const fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(in crate::manager) fn list(&self) -> &[Problem] {
        &self.list
    }

    pub(in crate::manager) fn of_field(&self, path: &str) -> Option<String> {
        self.of_fields.get(path).map(|it| it.join(" "))
    }
}

pub(super) fn path_of(finding: &Finding, location: &Location, text: &str) -> String {
    let found = path_at(text, location.line, location.column);
    match (&finding.setting, found.as_slice()) {
        // Of an entry of a list the place says which, and the setting what of it is missing.
        (Some(setting), [list, at, ..]) if setting.starts_with(&format!("{list}.")) && at.parse::<usize>().is_ok() => {
            setting.replacen(&format!("{list}."), &format!("{list}.{at}."), 1)
        }
        (Some(setting), _) => setting.clone(),
        (None, _) => found.join("."),
    }
}

/// The field of a path, or of what is above it; the block where there is none.
fn nearest(path: &str, blocks: &[Block]) -> Option<String> {
    let parts = parts(path);
    (1..=parts.len())
        .rev()
        .filter_map(|end| parts.get(..end))
        .map(|it| it.join("."))
        .find(|it| blocks.iter().any(|block| block.path == *it || block.entries.iter().any(|entry| entry.path == *it)))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{blocks, tests::known},
        *,
    };
    use crate::config::{self, Embedded, Managed, ManagedKind, Sources, draft::Draft};
    use crate::manager::words::{Dictionary, Language};

    const MAIN: &str =
        "[[unit]]\nname = \"sales\"\n[[engine]]\nid = \"e\"\ntoken = \"0123456789abcdef\"\nunits = [\"sales\"]\n";

    fn found(text: &str) -> Vec<(String, String)> {
        let managed = vec![Managed { kind: ManagedKind::Profile, name: "it".to_owned(), text: text.to_owned() }];
        let embedded = Some(Embedded { main: MAIN.to_owned(), profiles: Vec::new() });
        let sources = Sources { embedded, managed, ..Sources::default() };
        let kinds = known().kinds;
        let findings = config::load(&sources, &kinds, &|_| Err(config::SecretError::Unknown)).unwrap_err().list;
        let blocks = blocks(&Draft::read(text).unwrap(), &known());
        let words = Dictionary::new().words(Language::English);
        let problems = Problems::of(&findings, Severity::Error, ("it", text), (&blocks, &words));
        problems.list.into_iter().map(|it| (it.at.unwrap_or_default(), it.text)).collect()
    }

    #[test]
    fn what_is_found_leads_to_its_field_also_where_nothing_is_written() {
        let text = "type = \"dialogflow-v2\"\nlanguage = \"no language\"\n[handover]\nfailures_after = 2000\n[speech]\nenabled = true\n\
                    [dialogflow]\nregion = \"nowhere\"\n[[standby]]\nname = \"a\"\ntype = \"llm\"\n[[standby]]\ntype = \"lex\"\n[canary]\n";
        let found = found(text);
        let at = |path: &str| found.iter().any(|it| it.0 == path);
        for path in [
            "name",
            "agent_password",
            "fallback_message",
            "language",
            "handover.failures_after",
            "speech",
            "dialogflow.region",
            "standby.0.llm.model",
            "standby.1.name",
            "canary.share_percent",
        ] {
            assert!(at(path), "nothing at {path}: {found:#?}");
        }
        assert!(found.iter().all(|it| !it.0.is_empty()), "{found:#?}");
    }
}
