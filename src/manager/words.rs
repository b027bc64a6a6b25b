//! The pages' languages. A text is known by its English words; what another language lacks is said in English.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, header};

use crate::core::{
    said::Said,
    tell::{Voice, filled},
};

const GERMAN: &str = include_str!("words/de.json");

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Language {
    English,
    German,
}

impl Language {
    /// The first of the browser's that there is.
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let wanted = headers.get(header::ACCEPT_LANGUAGE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let known = |tag: &str| match tag.trim().get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("en") => Some(Self::English),
            Some("de") => Some(Self::German),
            Some(_) | None => None,
        };
        wanted.split(',').find_map(known).unwrap_or(Self::English)
    }

    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::German => "de",
        }
    }
}

/// All words of the pages.
#[derive(Clone, Debug)]
pub(super) struct Dictionary(Arc<HashMap<String, String>>);

impl Dictionary {
    pub(super) fn new() -> Self {
        let german = serde_json::from_str(GERMAN).unwrap_or_else(|_error| unreachable!("a test reads it"));
        Self(Arc::new(german))
    }

    pub(super) fn words(&self, language: Language) -> Words {
        Words { language, dictionary: self.clone() }
    }
}

/// One language's.
#[derive(Clone, Debug)]
pub(super) struct Words {
    pub(super) language: Language,
    dictionary: Dictionary,
}

impl Words {
    /// What stands for the English text.
    pub(super) fn t<'a>(&'a self, english: &'a str) -> &'a str {
        match self.language {
            Language::English => english,
            Language::German => self.dictionary.0.get(english).map_or(english, String::as_str),
        }
    }

    /// The same, with `{}` replaced in order.
    pub(super) fn f(&self, english: &str, values: &[&dyn std::fmt::Display]) -> String {
        filled(self.t(english), values)
    }

    /// What the rooms below say.
    pub(super) fn said(&self, said: &Said) -> String {
        said.tell_in(self)
    }

    /// With so many places behind the point, or what this language has for one.
    pub(super) fn decimal(&self, value: f64, places: usize) -> String {
        let text = format!("{value:.places$}");
        match self.language {
            Language::English => text,
            Language::German => text.replace('.', ","),
        }
    }
}

impl Voice for Words {
    fn f(&self, english: &str, values: &[&dyn std::fmt::Display]) -> String {
        Self::f(self, english, values)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// Every text that a page asks for, by `t("…")` or `f("…", …)`.
    fn used(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                used(&path, found);
            } else if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("words.rs") {
                of_source(&path, found);
            }
        }
    }

    fn of_source(path: &Path, found: &mut BTreeSet<String>) {
        let source = fs::read_to_string(path).unwrap();
        for mark in [".t(", ".f(", ".maybe(", " some("] {
            let asked = source.split(mark).skip(1).map(str::trim_start).filter_map(|it| it.strip_prefix('"'));
            found.extend(asked.map(|it| it.split('"').next().unwrap().to_owned()));
        }
    }

    /// What forms say of a profile's settings: it stands in their tables.
    fn of_settings(found: &mut BTreeSet<String>) {
        use crate::config::{
            general::{CANARY, GROUPS, SHADOW, STANDBY},
            schema::Required,
        };
        let groups = GROUPS.iter().flat_map(|it| [it.title, it.help]);
        let settings = GROUPS.iter().map(|it| it.settings).chain([CANARY, SHADOW, STANDBY]).flatten();
        let settings = settings.flat_map(|it| [it.label, it.field.help, it.none.unwrap_or_default()]);
        let texts = groups.chain(settings).chain(["Type of the language engine"]);
        found.extend(texts.filter(|it| !it.is_empty()).map(str::to_owned));
        for field in crate::nlp::schemas().iter().flat_map(|it| it.fields) {
            found.insert(crate::manager::form::label(field.key));
            found.extend((!field.help.is_empty()).then(|| field.help.to_owned()));
            match field.required {
                Required::Yes(why) | Required::Unless(_, why) => drop(found.insert(why.to_owned())),
                Required::No => {}
            }
        }
    }

    /// What the rooms below say, by `said!("…")`; tests say what they like.
    fn of_rooms(directory: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && name != "tests" {
                of_rooms(&path, found);
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") && name != "words.rs" {
                let source = fs::read_to_string(&path).unwrap();
                let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let said = source.split("said!(").skip(1).map(str::trim_start);
                found.extend(said.filter_map(|it| it.strip_prefix('"')).map(literal));
            }
        }
    }

    /// A string up to its closing quotation mark, as the compiler reads it.
    fn literal(source: &str) -> String {
        let mut text = String::new();
        let mut rest = source.chars();
        loop {
            match rest.next().unwrap() {
                '"' => return text,
                '\\' => match rest.next().unwrap() {
                    'n' => text.push('\n'),
                    '\n' => rest = rest.as_str().trim_start().chars(),
                    escaped => text.push(escaped),
                },
                other => text.push(other),
            }
        }
    }

    #[test]
    fn every_text_is_there_in_german_and_none_is_left_over() {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manager");
        let mut found = BTreeSet::new();
        used(&directory, &mut found);
        of_source(&directory.with_file_name("core/tell.rs"), &mut found);
        of_rooms(directory.parent().unwrap(), &mut found);
        of_settings(&mut found);
        let german: HashMap<String, String> = serde_json::from_str(GERMAN).unwrap();
        let known: BTreeSet<String> = german.keys().cloned().collect();
        let missing: Vec<_> = found.difference(&known).collect();
        let left: Vec<_> = known.difference(&found).collect();
        assert!(missing.is_empty(), "not in words/de.json: {missing:#?}");
        assert!(left.is_empty(), "said nowhere: {left:#?}");
        for (english, german) in &german {
            assert_eq!(english.matches("{}").count(), german.matches("{}").count(), "{english}");
        }
    }

    #[test]
    fn the_browsers_first_known_language_is_spoken() {
        let of =
            |text: &str| Language::of(&HeaderMap::from_iter([(header::ACCEPT_LANGUAGE, text.parse().unwrap())])).tag();
        assert_eq!((of("fr, de-AT;q=0.9, en;q=0.8"), of("en-GB,de"), of("fr"), of("")), ("de", "en", "en", "en"));
        let words = Dictionary::new().words(Language::German);
        assert_eq!(words.t("no such text"), "no such text");
        assert_eq!(words.f("{} beside {}", &[&1, &"two"]), "1 beside two");
        assert_eq!(words.decimal(1.25, 1), "1,2");
    }
}
