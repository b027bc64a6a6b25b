//! The texts that configuration comes from, places in them, and what of them may be shown.

use std::{ops::Range, path::PathBuf, sync::OnceLock};

use super::nearest::distance;

/// Stands where a secret is not shown.
pub(super) const HIDDEN: &str = "****";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentKind {
    Default,
    File,
    /// A text of the program's own that stands in for a file.
    Embedded,
    /// Of the Web Manager's.
    Managed,
    Variable,
    Flag,
}

/// One text: a file, or the value of one variable or flag.
pub(super) struct Document {
    pub(super) kind: DocumentKind,
    /// As it is shown: `profiles/support.toml`, `$USHER_OPS__LISTEN`, `--listen`.
    pub(super) name: String,
    pub(super) text: String,
    /// What its relative paths are relative to.
    pub(super) directory: PathBuf,
}

/// A stretch of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) document: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A place as people read it, with the line as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// Secrets are masked.
    pub text: String,
    /// What of `text` is meant, in bytes.
    pub highlight: Range<usize>,
}

#[derive(Default)]
pub(super) struct Documents(Vec<Kept>);

/// A document with what every look at a place in it needs, found out once.
struct Kept {
    document: Document,
    /// Where its lines begin.
    lines: OnceLock<Vec<usize>>,
    /// What of it must not be shown, in order.
    hidden: OnceLock<Vec<Range<usize>>>,
}

impl Kept {
    fn lines(&self) -> &[usize] {
        let text = &self.document.text;
        self.lines.get_or_init(|| std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect())
    }

    fn hidden(&self) -> &[Range<usize>] {
        let Document { kind, name, text, .. } = &self.document;
        self.hidden.get_or_init(|| match kind {
            DocumentKind::Variable if is_secret_key(name) => std::iter::once(0..text.len()).collect(),
            DocumentKind::Default
            | DocumentKind::File
            | DocumentKind::Embedded
            | DocumentKind::Managed
            | DocumentKind::Variable
            | DocumentKind::Flag => masks(text),
        })
    }
}

impl Documents {
    /// The whole of the new document.
    pub(super) fn add(&mut self, document: Document) -> Place {
        let place = Place { document: self.0.len(), start: 0, end: document.text.len() };
        self.0.push(Kept { document, lines: OnceLock::new(), hidden: OnceLock::new() });
        place
    }

    fn kept(&self, place: Place) -> &Kept {
        self.0.get(place.document).expect("places come from documents")
    }

    pub(super) fn of(&self, place: Place) -> &Document {
        &self.kept(place).document
    }

    pub(super) fn is_default(&self, place: Place) -> bool {
        self.of(place).kind == DocumentKind::Default
    }

    pub(super) fn locate(&self, place: Place) -> Location {
        let kept = self.kept(place);
        let (document, lines) = (&kept.document, kept.lines());
        let number = lines.partition_point(|start| *start <= place.start).max(1);
        let line_start = lines.get(number - 1).copied().unwrap_or_default();
        let from_line = document.text.get(line_start..).unwrap_or_default();
        let line = from_line.lines().next().unwrap_or_default();
        let (hidden, line_end) = (kept.hidden(), line_start + line.len());
        let first = hidden.partition_point(|mask| mask.end <= line_start);
        let mask = hidden.get(first).filter(|mask| mask.start < line_end.max(line_start + 1));
        // What is hidden is hidden to the end of its line; a place in it is shown as where it begins.
        let shown = mask.map_or(line.len(), |mask| mask.start.saturating_sub(line_start));
        let within = |at: usize| at.saturating_sub(line_start).min(shown);
        let before_mask = line.get(..shown).unwrap_or(line);
        let text = if mask.is_some() { format!("{before_mask}{HIDDEN}") } else { line.to_owned() };
        let start = within(place.start);
        let end = if place.end > line_start + shown { text.len() } else { within(place.end).max(start) };
        Location {
            file: document.name.clone(),
            line: number,
            column: line.get(..start).unwrap_or(line).chars().count() + 1,
            text,
            highlight: start..end,
        }
    }

    /// The origin of a value, in a few words.
    pub(super) fn origin(&self, place: Place) -> String {
        let document = self.of(place);
        match document.kind {
            DocumentKind::Default => "default".to_owned(),
            DocumentKind::Variable | DocumentKind::Flag => document.name.clone(),
            DocumentKind::File | DocumentKind::Embedded | DocumentKind::Managed => {
                let Location { file, line, column, .. } = self.locate(place);
                format!("{file}:{line}:{column}")
            }
        }
    }
}

/// Keys whose values are secret, for those who mistype them.
const SECRET_KEYS: &[&str] = &["agent_password", "credential", "proxy", "signing_key", "token"];

/// Whether what is written at a key of this name may be secret. Errs on the side of hiding.
pub(crate) fn is_secret_key(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    let last = key.rsplit(['.', '$']).next().unwrap_or(&key).trim_matches(['"', '\'']);
    let last = last.rsplit("__").next().unwrap_or(last);
    !last.ends_with("_sha256")
        && (["pass", "pwd", "secret", "token", "credential", "_key", "proxy"].iter().any(|part| last.contains(part))
            || SECRET_KEYS.iter().any(|secret| distance(last, secret) <= 2))
}

/// A TOML text as it may be shown.
#[must_use]
pub fn masked(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), 0);
    for range in masks(text) {
        out.push_str(text.get(rest..range.start).unwrap_or_default());
        out.push_str(HIDDEN);
        rest = range.end;
    }
    out + text.get(rest..).unwrap_or_default()
}

/// What of a TOML text must not be shown: found line by line, so that it holds for texts that do not parse.
fn masks(text: &str) -> Vec<Range<usize>> {
    let mut masks = Vec::new();
    let mut until: Option<&str> = None;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        if let Some(end) = until {
            masks.push(start..start + line.trim_end().len());
            if line.contains(end) {
                until = None;
            }
        } else if let Some(at) = secret_value(line) {
            masks.push(start + at..start + line.trim_end().len());
            let value = line.get(at..).unwrap_or_default();
            until = ["'''", "\"\"\"", "["].into_iter().find(|open| value.starts_with(open)).and_then(|open| {
                let close = if open == "[" { "]" } else { open };
                let inner = value.get(open.len()..).unwrap_or_default();
                (!inner.contains(close)).then_some(close)
            });
        }
        start += line.len();
    }
    masks
}

/// Where the value of a line's first secret key begins. `{ env = … }` and the like are no secrets.
pub(super) fn secret_value(line: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = line.get(from..)?.find('=').map(|at| from + at) {
        from = at + 1;
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '"' | '\'' | '.');
        let key = line.get(..at)?.trim_end();
        let key_start = key.char_indices().rev().take_while(|(_, c)| is_part(*c)).last().map_or(at, |(at, _)| at);
        let value = line.get(from..)?;
        let has_user_info = value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'));
        if !is_secret_key(key.get(key_start..)?) && !has_user_info {
            continue;
        }
        let inline = value.trim_start().strip_prefix('{').map(str::trim_start);
        match inline.and_then(|inside| inside.split_once('=')) {
            Some((form, _)) if matches!(form.trim(), "env" | "file" | "secret") => {
                from += value.find('}').unwrap_or(value.len());
            }
            Some(_) | None => return Some(from + value.len() - value.trim_start().len()),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, line: usize) -> String {
        let mut documents = Documents::default();
        let whole = documents.add(Document {
            kind: DocumentKind::File,
            name: "a.toml".to_owned(),
            text: text.to_owned(),
            directory: PathBuf::new(),
        });
        let start = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
        documents.locate(Place { start, ..whole }).text
    }

    #[test]
    fn secrets_are_masked_and_references_to_them_are_not() {
        assert_eq!(shown("agent_password = \"hunter2\"", 1), "agent_password = ****");
        assert_eq!(shown("\"agent_password\"=\"hunter2\"  # why", 1), "\"agent_password\"=****");
        assert_eq!(shown("token = \"unterminated", 1), "token = ****");
        assert_eq!(shown("token = { env = \"NAME\" }", 1), "token = { env = \"NAME\" }");
        assert_eq!(shown("engine = [{ id = \"e\", token = \"x\" }]", 1), "engine = [{ id = \"e\", token = ****");
        assert_eq!(shown("a = [{ token = { env = \"N\" } }, { token = \"x\" }]", 1).matches("****").count(), 1);
        assert_eq!(shown("token_sha256 = \"00ff\"", 1), "token_sha256 = \"00ff\"");
        assert_eq!(shown("agnt_pasword = \"x\"", 1), "agnt_pasword = ****");
        assert_eq!(shown("credits = 0", 1), "credits = 0");
        assert_eq!(shown("listen = \"0.0.0.0:1\"", 1), "listen = \"0.0.0.0:1\"");
    }

    #[test]
    fn a_secret_over_several_lines_is_masked_to_its_end() {
        let text = "credential = '''\n{\"private_key\": \"x\"\n}'''\nregion = \"global\"\n";
        assert_eq!(
            [1, 2, 3, 4].map(|line| shown(text, line)),
            ["credential = ****", "****", "****", "region = \"global\""]
        );
    }

    #[test]
    fn a_place_in_a_hidden_value_is_shown_where_the_value_begins() {
        let mut documents = Documents::default();
        let text = "ä = 1\ntoken = \"secret\"\n".to_owned();
        let (kind, name) = (DocumentKind::File, "a.toml".to_owned());
        let whole = documents.add(Document { kind, name, text, directory: PathBuf::new() });
        let location = documents.locate(Place { start: 18, end: 20, ..whole });
        assert_eq!((location.line, location.column, location.text.as_str()), (2, 9, "token = ****"));
        assert_eq!(location.text.get(location.highlight), Some("****"));
    }

    #[test]
    fn passwords_in_addresses_are_hidden() {
        assert_eq!(shown("endpoint = \"http://user:pw@host\"", 1), "endpoint = ****");
        assert_eq!(shown("endpoint = \"http://host\"", 1), "endpoint = \"http://host\"");
    }
}
