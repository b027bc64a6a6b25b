//! An agent's own entities, and those that a session brings.

use std::{collections::BTreeSet, sync::Arc};

use regex::Regex;
use serde_json::Value;

use super::{
    SessionEntity, Span,
    composite::{Composites, is_pattern},
    dictionary::{Dictionary, Hit},
    expansion::Expansion,
    fuzzy::Fuzzy,
    regexps,
    text::Text,
    vocabulary::Vocabulary,
};
use crate::offline_nlp::agent::{Agent, EntityType, Entry, localized};

/// Matches of one expression in one text.
const MOST_MATCHES: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Custom {
    names: Vec<Arc<str>>,
    /// Without their entries, in the order of `names`.
    kinds: Vec<EntityType>,
    values: Vec<Value>,
    dictionary: Dictionary,
    fuzzy: Fuzzy,
    regexps: Vec<(Arc<str>, Regex)>,
    composites: Composites,
    expansion: Expansion,
}

impl Custom {
    pub(super) fn of(agent: &Agent, language: &str, vocabulary: &Vocabulary) -> Self {
        let mut custom = Self { expansion: Expansion::of(agent, language, vocabulary), ..Self::default() };
        for entity in &agent.entities {
            let entries = localized(&entity.entries, language).map(Vec::as_slice).unwrap_or_default();
            custom.add(entity, entries, vocabulary);
        }
        custom
    }

    pub(super) fn of_session(entities: &[SessionEntity], base: &Self, vocabulary: &Vocabulary) -> Self {
        let mut custom = Self::default();
        for entity in entities {
            // As the agent's own entity of that name is; expressions are the agent's alone.
            let own = base.kinds.iter().find(|it| it.name == entity.name);
            let (is_enum, fuzzy) = own.map_or((false, false), |it| (it.is_enum, it.fuzzy));
            let kind = EntityType { name: entity.name.clone(), is_enum, fuzzy, ..EntityType::default() };
            custom.add(&kind, &entity.entries, vocabulary);
        }
        custom
    }

    fn add(&mut self, entity: &EntityType, entries: &[Entry], vocabulary: &Vocabulary) {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let name: Arc<str> = entity.name.as_str().into();
        self.names.push(Arc::clone(&name));
        let EntityType { is_enum, is_regexp, fuzzy, .. } = *entity;
        self.kinds.push(EntityType { name: entity.name.clone(), is_enum, is_regexp, fuzzy, ..EntityType::default() });
        if entity.is_regexp {
            // An invalid one finds nothing; whoever loads the agent reports it.
            let expressions = entries.iter().flat_map(expressions).take(regexps::MOST_OF_AN_ENTITY);
            let compiled = expressions.filter_map(|it| regexps::compile(it).ok());
            self.regexps.extend(compiled.map(|it| (Arc::clone(&name), it)));
            return;
        }
        for entry in entries {
            let hit = Hit { entity: number, value: u32::try_from(self.values.len()).unwrap_or(u32::MAX) };
            self.values.push(Value::String(entry.value.clone()));
            // A list's value stands for itself; a mapping's only where it is among its synonyms, or has none.
            let is_own = entity.is_enum || entry.synonyms.is_empty();
            let own = is_own.then_some(&entry.value);
            let phrases: BTreeSet<&String> = own.into_iter().chain(&entry.synonyms).collect();
            for phrase in phrases {
                if is_pattern(phrase) {
                    self.composites.add(&name, phrase, vocabulary);
                    continue;
                }
                self.dictionary.add(phrase, hit, vocabulary);
                if entity.fuzzy {
                    self.fuzzy.add(phrase, hit, vocabulary);
                }
            }
        }
    }

    /// Also what composites need to be found.
    pub(super) fn add_needed(&self, wanted: &mut BTreeSet<String>) {
        self.composites.add_needed(wanted);
    }

    pub(super) fn has_composites(&self) -> bool {
        !self.composites.is_empty()
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.names.iter().any(|it| it.as_ref() == name)
    }

    pub(super) fn find(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        let wanted: Vec<bool> = self.names.iter().map(|it| is_wanted(it)).collect();
        let mut push = |first, end, hit: Hit| {
            let Ok(entity) = usize::try_from(hit.entity) else { return };
            if let (Some(true), Some(name), Some(value)) = (wanted.get(entity), self.names.get(entity), self.value(hit))
            {
                spans.push(Span { first, end, entity: Arc::clone(name), value: value.clone() });
            }
        };
        self.dictionary.find(text, &mut push);
        self.fuzzy.find(text, &mut push);
        for (name, regexp) in self.regexps.iter().filter(|(name, _)| is_wanted(name)) {
            for found in regexp.find_iter(text.original).take(MOST_MATCHES) {
                let ends = (text.word_starting(found.start()), text.word_ending(found.end()));
                let (Some(first), Some(last)) = ends else { continue };
                if text.is_whole(first, last + 1) && last >= first {
                    let value = Value::from(found.as_str());
                    spans.push(Span { first, end: last + 1, entity: Arc::clone(name), value });
                }
            }
        }
    }

    /// After everything else has been found.
    pub(super) fn expand(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        self.expansion.find(text, is_wanted, spans);
    }

    pub(super) fn compose(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        self.composites.find(text, is_wanted, spans);
    }

    fn value(&self, hit: Hit) -> Option<&Value> {
        self.values.get(usize::try_from(hit.value).ok()?)
    }
}

/// An export has the expression as the value, the synonyms, or both.
fn expressions(entry: &Entry) -> impl Iterator<Item = &str> {
    let own = entry.synonyms.is_empty().then_some(entry.value.as_str());
    own.into_iter().chain(entry.synonyms.iter().map(String::as_str))
}
