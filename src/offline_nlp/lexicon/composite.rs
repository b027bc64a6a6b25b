//! Entities made of others: `@size:size @drink:drink`, to any depth that is bounded.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::{Map, Value};

use super::{Span, text::Text, vocabulary::Vocabulary};

/// Composites within composites.
const DEEPEST: usize = 5;
const MOST_PIECES: usize = 20;
/// Composites found in one text.
const MOST_FOUND: usize = 500;

#[derive(Debug)]
enum Piece {
    /// Folded.
    Word(String),
    Entity {
        name: String,
        alias: String,
    },
}

#[derive(Debug)]
struct Pattern {
    entity: Arc<str>,
    pieces: Vec<Piece>,
    /// At least one piece has an alias: the value is an object.
    is_object: bool,
}

#[derive(Debug, Default)]
pub(super) struct Composites {
    patterns: Vec<Pattern>,
}

/// Whether a value refers to other entities.
pub(super) fn is_pattern(value: &str) -> bool {
    value.split_whitespace().any(|it| it.len() > 1 && it.starts_with('@'))
}

impl Composites {
    pub(super) fn add(&mut self, entity: &Arc<str>, value: &str, vocabulary: &Vocabulary) {
        let mut pieces = Vec::new();
        for piece in value.split_whitespace() {
            match piece.strip_prefix('@').filter(|it| !it.is_empty()) {
                Some(reference) => {
                    let (name, alias) = reference.split_once(':').unwrap_or((reference, ""));
                    pieces.push(Piece::Entity { name: name.to_owned(), alias: alias.to_owned() });
                }
                None => {
                    let text = Text::read(piece, vocabulary);
                    pieces.extend((0..text.len()).map(|it| Piece::Word(text.folded(it).to_owned())));
                }
            }
        }
        if pieces.len() <= MOST_PIECES {
            let is_object = pieces.iter().any(|it| matches!(it, Piece::Entity { alias, .. } if !alias.is_empty()));
            self.patterns.push(Pattern { entity: Arc::clone(entity), pieces, is_object });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// What must be found so that these can be.
    pub(super) fn add_needed(&self, wanted: &mut BTreeSet<String>) {
        for _ in 0..DEEPEST {
            let used = self.patterns.iter().filter(|it| wanted.contains(it.entity.as_ref()));
            let names = used.flat_map(|it| &it.pieces).filter_map(|it| match it {
                Piece::Entity { name, .. } => Some(name.clone()),
                Piece::Word(_) => None,
            });
            let names: Vec<_> = names.filter(|it| !wanted.contains(it)).collect();
            if names.is_empty() {
                return;
            }
            wanted.extend(names);
        }
    }

    pub(super) fn find(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        for _ in 0..DEEPEST {
            let longest = longest_at(spans);
            let mut more = Vec::new();
            for pattern in self.patterns.iter().filter(|it| is_wanted(&it.entity)) {
                for first in 0..text.len() {
                    let Some(span) = pattern.at(text, first, spans, &longest) else { continue };
                    let known = longest.get(&(pattern.entity.as_ref(), first)).and_then(|it| spans.get(*it));
                    if known.is_none_or(|it| it.end < span.end) && more.len() < MOST_FOUND {
                        more.push(span);
                    }
                }
            }
            if more.is_empty() || spans.len() > 4 * MOST_FOUND {
                return;
            }
            spans.append(&mut more);
        }
    }
}

/// For an entity and a word, where in `spans` the longest is that begins there.
fn longest_at(spans: &[Span]) -> HashMap<(&str, usize), usize> {
    let mut longest: HashMap<(&str, usize), usize> = HashMap::new();
    for (index, span) in spans.iter().enumerate() {
        let best = longest.entry((span.entity.as_ref(), span.first)).or_insert(index);
        if spans.get(*best).is_some_and(|it| it.end < span.end) {
            *best = index;
        }
    }
    longest
}

impl Pattern {
    fn at(
        &self,
        text: &Text<'_>,
        first: usize,
        spans: &[Span],
        longest: &HashMap<(&str, usize), usize>,
    ) -> Option<Span> {
        let (mut end, mut fields, mut only) = (first, Map::new(), None);
        for piece in &self.pieces {
            match piece {
                Piece::Word(word) => {
                    (text.folded(end) == word).then_some(())?;
                    end += 1;
                }
                Piece::Entity { name, alias } => {
                    let span = spans.get(*longest.get(&(name.as_str(), end))?)?;
                    let key = if alias.is_empty() { name } else { alias };
                    put(&mut fields, key, span.value.clone());
                    only = Some(span.value.clone());
                    end = span.end;
                }
            }
        }
        let is_single = !self.is_object && fields.len() == 1;
        let value = only.filter(|_| is_single).unwrap_or(Value::Object(fields));
        (end > first && text.is_whole(first, end)).then(|| Span { first, end, entity: Arc::clone(&self.entity), value })
    }
}

/// A second value under one alias makes a list of both.
fn put(fields: &mut Map<String, Value>, key: &str, value: Value) {
    let both = match fields.remove(key) {
        None => value,
        Some(Value::Array(mut list)) => {
            list.push(value);
            Value::Array(list)
        }
        Some(first) => Value::Array(vec![first, value]),
    };
    fields.insert(key.to_owned(), both);
}
