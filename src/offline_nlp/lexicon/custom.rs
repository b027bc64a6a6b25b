//! An agent's own entities, and those that a session brings.

use std::sync::Arc;

use serde_json::Value;

use super::{
    SessionEntity, Span,
    dictionary::{Dictionary, Hit},
    text::Text,
    tongue::Tongue,
};
use crate::offline_nlp::agent::{Agent, EntityType, Entry, localized};

#[derive(Debug, Default)]
pub(super) struct Custom {
    names: Vec<Arc<str>>,
    values: Vec<Value>,
    dictionary: Dictionary,
}

impl Custom {
    pub(super) fn of(agent: &Agent, language: &str, tongue: Tongue) -> Self {
        let mut custom = Self::default();
        for entity in &agent.entities {
            let entries = localized(&entity.entries, language).map(Vec::as_slice).unwrap_or_default();
            custom.add(entity, entries, tongue);
        }
        custom
    }

    pub(super) fn of_session(entities: &[SessionEntity], tongue: Tongue) -> Self {
        let mut custom = Self::default();
        for entity in entities {
            let kind = EntityType { name: entity.name.clone(), ..EntityType::default() };
            custom.add(&kind, &entity.entries, tongue);
        }
        custom
    }

    fn add(&mut self, entity: &EntityType, entries: &[Entry], tongue: Tongue) {
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.names.push(entity.name.as_str().into());
        for entry in entries {
            let hit = Hit { entity: number, value: u32::try_from(self.values.len()).unwrap_or(u32::MAX) };
            self.values.push(Value::String(entry.value.clone()));
            if entry.synonyms.is_empty() || entity.is_enum {
                self.dictionary.add(&entry.value, hit, tongue);
            }
            for synonym in &entry.synonyms {
                self.dictionary.add(synonym, hit, tongue);
            }
        }
    }

    pub(super) fn find(&self, text: &Text<'_>, is_wanted: impl Fn(&str) -> bool, spans: &mut Vec<Span>) {
        self.dictionary.find(text, |first, end, hit| {
            let (Some(name), Some(value)) = (self.name(hit), self.value(hit)) else { return };
            if is_wanted(name) {
                spans.push(Span { first, end, entity: Arc::clone(name), value: value.clone() });
            }
        });
    }

    fn name(&self, hit: Hit) -> Option<&Arc<str>> {
        self.names.get(usize::try_from(hit.entity).ok()?)
    }

    fn value(&self, hit: Hit) -> Option<&Value> {
        self.values.get(usize::try_from(hit.value).ok()?)
    }
}
