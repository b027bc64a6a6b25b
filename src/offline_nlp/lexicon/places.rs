//! Cities, countries, colours and languages, from lists of words.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::{Value, json};

use super::{
    Span,
    dictionary::{Dictionary, Hit},
    text::Text,
    vocabulary::Vocabulary,
};

const LISTS: [(&str, &str); 4] = [
    ("sys.geo-city", include_str!("words/cities.txt")),
    ("sys.geo-country", include_str!("words/countries.txt")),
    ("sys.color", include_str!("words/colors.txt")),
    ("sys.language", include_str!("words/languages.txt")),
];
/// What shows that a word which is a city's name, too, is meant as a place; or as a language.
const WITNESSES: &[&str] = &[
    "in", "to", "from", "near", "nach", "aus", "von", "bei", "city", "stadt", "speak", "spreche", "auf", "sprechen",
    "via", "uber",
];
/// All that the service may say of a location.
const OF_A_LOCATION: [&str; 9] = [
    "admin-area",
    "business-name",
    "city",
    "country",
    "island",
    "shortcut",
    "street-address",
    "subadmin-area",
    "zip-code",
];

#[derive(Debug)]
struct Place {
    kind: usize,
    name: Arc<str>,
    is_weak: bool,
}

#[derive(Debug)]
pub(super) struct Places {
    dictionary: Dictionary,
    places: Vec<Place>,
}

impl Places {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        let mut places = Self { dictionary: Dictionary::default(), places: Vec::new() };
        for (kind, (_, list)) in LISTS.iter().enumerate() {
            for line in list.lines().filter(|it| !it.starts_with('#')) {
                places.add(kind, line, vocabulary);
            }
        }
        places
    }

    fn add(&mut self, kind: usize, line: &str, vocabulary: &Vocabulary) {
        let is_weak = line.starts_with('?');
        let mut columns = line.trim_start_matches('?').split('|');
        let english = columns.next().unwrap_or_default();
        let german = columns.next().unwrap_or(english);
        let name = if vocabulary.tongue.is_german() { german } else { english };
        let number = u32::try_from(self.places.len()).unwrap_or(u32::MAX);
        self.places.push(Place { kind, name: name.into(), is_weak });
        let hit = Hit { entity: u32::try_from(kind).unwrap_or(u32::MAX), value: number };
        let others = columns.next().unwrap_or_default().split(',').map(str::trim);
        for phrase in [english, german].into_iter().chain(others).filter(|it| !it.is_empty()) {
            self.dictionary.add_exact(phrase, hit, vocabulary);
        }
    }

    pub(super) fn find(&self, text: &Text<'_>, wanted: &BTreeSet<&str>, spans: &mut Vec<Span>) {
        self.dictionary.find(text, |first, end, hit| {
            let Some(place) = usize::try_from(hit.value).ok().and_then(|it| self.places.get(it)) else { return };
            let Some((entity, _)) = LISTS.get(place.kind) else { return };
            let is_witnessed = first.checked_sub(1).is_some_and(|it| text.is_one_of(it, WITNESSES));
            let is_meant = text.is_capital(first) && is_witnessed || end - first == text.len();
            if place.is_weak && !is_meant {
                return;
            }
            let mut push = |entity: &str, value| spans.push(Span { first, end, entity: entity.into(), value });
            if wanted.contains(entity) {
                push(entity, Value::from(place.name.as_ref()));
            }
            let part = match place.kind {
                0 => "city",
                1 => "country",
                _ => return,
            };
            if wanted.contains("sys.location") {
                push("sys.location", location(part, &place.name));
            }
        });
    }
}

fn location(part: &str, name: &str) -> Value {
    let fields = OF_A_LOCATION.iter().map(|it| ((*it).to_owned(), json!(if *it == part { name } else { "" })));
    Value::Object(fields.collect())
}
