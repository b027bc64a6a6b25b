//! Automated expansion: a word that no entry has, where the agent's phrases have one of the entity.
//!
//! `add milk to the list` teaches that a thing stands between `add` and `to`; what a customer writes there is taken for one.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use serde_json::Value;

use super::{
    Span,
    text::{Kind, Text, fold},
    vocabulary::Vocabulary,
};
use crate::offline_nlp::agent::{Agent, Phrase, localized};

/// The words left and right of a place; empty: the text begins or ends there.
type Neighbours = (String, String);

#[derive(Debug, Default)]
pub(super) struct Expansion {
    places: HashMap<Neighbours, Vec<Arc<str>>>,
    /// What phrases say around their entities is no value.
    words: HashSet<String>,
}

impl Expansion {
    pub(super) fn of(agent: &Agent, language: &str, vocabulary: &Vocabulary) -> Self {
        let names = agent.entities.iter().filter(|it| it.automated_expansion && !it.is_regexp);
        let names: Vec<Arc<str>> = names.map(|it| it.name.as_str().into()).collect();
        let mut expansion = Self::default();
        if names.is_empty() {
            return expansion;
        }
        for phrase in agent.intents.iter().flat_map(|it| localized(&it.phrases, language)).flatten() {
            expansion.learn(phrase, &names, vocabulary);
        }
        expansion
    }

    fn learn(&mut self, phrase: &Phrase, names: &[Arc<str>], vocabulary: &Vocabulary) {
        for part in phrase.parts.iter().filter(|it| it.entity.is_none()) {
            let text = Text::read(&part.text, vocabulary);
            self.words.extend((0..text.len()).map(|it| text.folded(it).to_owned()));
        }
        for (index, part) in phrase.parts.iter().enumerate() {
            let Some(name) = part.entity.as_ref().and_then(|it| names.iter().find(|name| name.as_ref() == it)) else {
                continue;
            };
            let plain = |parts: &[crate::offline_nlp::agent::Part]| -> Option<String> {
                // Beside another entity anything may stand.
                parts.iter().all(|it| it.entity.is_none()).then(|| parts.iter().map(|it| it.text.as_str()).collect())
            };
            let before = phrase
                .parts
                .get(..index)
                .and_then(|parts| plain(parts.get(index.saturating_sub(1)..).unwrap_or_default()));
            let after = phrase.parts.get(index + 1..).and_then(|parts| plain(parts.get(..1).unwrap_or_default()));
            let (Some(before), Some(after)) = (before, after) else { continue };
            let neighbours = (fold(last_word(&before)), fold(first_word(&after)));
            if neighbours.0.is_empty() && neighbours.1.is_empty() {
                continue;
            }
            let of_place = self.places.entry(neighbours).or_default();
            if !of_place.contains(name) {
                of_place.push(Arc::clone(name));
            }
        }
    }

    pub(super) fn find(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        if self.places.is_empty() {
            return;
        }
        let known = spans.len();
        for at in 0..text.len() {
            let is_word =
                text.kind(at) == Some(Kind::Letters) && text.is_whole(at, at + 1) && text.folded(at).len() > 1;
            if !is_word || self.words.contains(text.folded(at)) {
                continue;
            }
            let left = at.checked_sub(1).map(|it| text.folded(it)).unwrap_or_default();
            // A sign at the end is the end.
            let right =
                if (at + 1..text.len()).all(|it| text.kind(it) == Some(Kind::Sign)) { "" } else { text.folded(at + 1) };
            let Some(names) = self.places.get(&(left.to_owned(), right.to_owned())) else { continue };
            let is_taken = spans.iter().take(known).any(|it| it.first <= at && at < it.end);
            for name in names.iter().filter(|it| !is_taken && is_wanted(it)) {
                let value = Value::from(text.slice(at, at + 1));
                spans.push(Span { first: at, end: at + 1, entity: Arc::clone(name), value });
            }
        }
    }
}

fn last_word(text: &str) -> &str {
    text.split_whitespace().next_back().unwrap_or_default()
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}
