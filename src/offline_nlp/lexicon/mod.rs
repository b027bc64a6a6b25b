//! Finds entities in what a customer writes, as Dialogflow ES does: an agent's own ones and the system's (`sys.…`).
//!
//! Pure and deterministic: the moment is an input. A lexicon is built once per agent and language; looking at a text compiles
//! nothing and takes time in proportion to the text's length. English and German words are known, of other languages what is
//! written alike everywhere: digits, ISO dates, e-mail, URL, phone numbers.

mod calendar;
mod clocks;
mod composite;
mod contact;
mod custom;
mod dictionary;
mod durations;
mod expansion;
mod fuzzy;
mod moments;
mod money;
mod names;
mod number_words;
mod numbers;
mod periods;
mod places;
mod regexps;
mod scene;
mod system;
mod text;
mod tongue;
mod vocabulary;

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use jiff::tz::TimeZone;
use serde_json::Value;

use super::agent::{Agent, Entry};
use custom::Custom;
pub use regexps::{RegexpError, check_regexp};
use system::System;
use text::Text;
use tongue::Tongue;
use vocabulary::Vocabulary;

/// When and where a text is said: what "tomorrow at 3" is reckoned from.
#[derive(Clone, Debug)]
pub struct Moment {
    pub now: jiff::Timestamp,
    pub zone: TimeZone,
}

/// Whether an entity (without the `@`) is one of the system's that we recognise. Any other `sys.…` behaves as `sys.any`.
#[must_use]
pub fn is_known(entity: &str) -> bool {
    system::is_known(entity)
}

/// Whether an entity (without the `@`) takes whatever stands in its place: `sys.any`, and what of the system's we do not recognise.
#[must_use]
pub fn is_open(entity: &str) -> bool {
    system::is_anything(entity)
}

/// An entity in a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// Bytes of the text, on character boundaries.
    pub range: Range<usize>,
    /// Without the `@`.
    pub entity: String,
    /// As the service gives it.
    pub value: Value,
    /// As the customer wrote it.
    pub original: String,
}

/// How a session's entries go with the agent's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Override,
    Supplement,
}

/// Entries that one session alone knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntity {
    /// Without the `@`.
    pub name: String,
    pub mode: Mode,
    pub entries: Vec<Entry>,
}

/// What is found before it is cut to what was asked for: words, not bytes.
#[derive(Clone, Debug)]
struct Span {
    first: usize,
    end: usize,
    entity: Arc<str>,
    value: Value,
}

/// What the words of a text may stand for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lexicon {
    base: Arc<Base>,
    session: Option<Arc<Session>>,
}

#[derive(Debug)]
struct Base {
    vocabulary: Vocabulary,
    custom: Custom,
    system: System,
    /// What `all` looks for: the agent's own entities and those of the system that its phrases and parameters name.
    used: BTreeSet<String>,
}

#[derive(Debug)]
struct Session {
    overridden: BTreeSet<String>,
    custom: Custom,
    names: BTreeSet<String>,
}

impl Lexicon {
    #[must_use]
    pub fn build(agent: &Agent, language: &str) -> Self {
        let vocabulary = Vocabulary::of(Tongue::of(language));
        let base = Base {
            custom: Custom::of(agent, language, &vocabulary),
            system: System::of(&vocabulary),
            used: used(agent),
            vocabulary,
        };
        Self { base: Arc::new(base), session: None }
    }

    /// The same with a session's entries in place of the agent's, or beside them. Sessions' entries do not add up: what an
    /// earlier call gave is gone.
    #[must_use]
    pub fn with_session(&self, entities: &[SessionEntity]) -> Self {
        if entities.is_empty() {
            return Self { base: Arc::clone(&self.base), session: None };
        }
        let overridden = entities.iter().filter(|it| it.mode == Mode::Override).map(|it| it.name.clone()).collect();
        let custom = Custom::of_session(entities, &self.base.custom, &self.base.vocabulary);
        let names = entities.iter().map(|it| it.name.clone()).collect();
        Self { base: Arc::clone(&self.base), session: Some(Arc::new(Session { overridden, custom, names })) }
    }

    /// Entities of these names (without `@`), by their place in the text; of two of one name that overlap the first and
    /// longer one. `sys.any`, and what behaves like it, is the whole text.
    #[must_use]
    pub fn find(&self, text: &str, wanted: &[&str], moment: &Moment) -> Vec<Found> {
        let text = Text::read(text, &self.base.vocabulary);
        let asked: BTreeSet<&str> = wanted.iter().copied().collect();
        let mut spans = self.spans(&text, &asked, moment);
        for name in asked.iter().filter(|it| self.is_anything(it) && text.len() > 0) {
            let value = Value::from(text.slice(0, text.len()));
            spans.push(Span { first: 0, end: text.len(), entity: (*name).into(), value });
        }
        settle(&mut spans);
        spans.into_iter().map(|it| it.shown(&text)).collect()
    }

    fn spans(&self, text: &Text<'_>, asked: &BTreeSet<&str>, moment: &Moment) -> Vec<Span> {
        let Base { vocabulary, custom, system, .. } = self.base.as_ref();
        let session = self.session.as_deref();
        let needed = self.needed(asked);
        let needed: BTreeSet<&str> =
            needed.as_ref().map_or_else(|| asked.clone(), |it| it.iter().map(String::as_str).collect());
        let is_needed = |name: &str| needed.contains(name);
        let is_ours = |name: &str| is_needed(name) && !session.is_some_and(|it| it.overridden.contains(name));
        let mut spans = Vec::new();
        custom.find(text, is_ours, &mut spans);
        if let Some(session) = session {
            session.custom.find(text, is_needed, &mut spans);
        }
        let of_system: BTreeSet<&str> = needed.iter().copied().filter(|it| is_ours(it)).collect();
        system.find(text, &of_system, vocabulary, moment, &mut spans);
        custom.expand(text, is_ours, &mut spans);
        if let Some(session) = session {
            session.custom.compose(text, is_needed, &mut spans);
        }
        custom.compose(text, is_ours, &mut spans);
        spans.retain(|it| asked.contains(it.entity.as_ref()));
        spans
    }

    /// With what composites are made of, where there are any.
    fn needed(&self, asked: &BTreeSet<&str>) -> Option<BTreeSet<String>> {
        let customs: Vec<_> = std::iter::once(&self.base.custom)
            .chain(self.session.iter().map(|it| &it.custom))
            .filter(|it| it.has_composites())
            .collect();
        if customs.is_empty() {
            return None;
        }
        let mut needed: BTreeSet<String> = asked.iter().map(|it| (*it).to_owned()).collect();
        for custom in customs {
            custom.add_needed(&mut needed);
        }
        Some(needed)
    }

    fn is_anything(&self, name: &str) -> bool {
        let has_entries =
            self.base.custom.knows(name) || self.session.as_ref().is_some_and(|it| it.names.contains(name));
        system::is_anything(name) && !has_entries
    }

    /// Every entity that this agent's phrases and parameters may hold. `sys.any` and what behaves like it is not among them:
    /// it is whatever the matcher finds in its place.
    #[must_use]
    pub fn all(&self, text: &str, moment: &Moment) -> Vec<Found> {
        let of_session = self.session.iter().flat_map(|it| &it.names);
        let wanted = self.base.used.iter().chain(of_session).map(String::as_str);
        let wanted: BTreeSet<&str> = wanted.filter(|it| !self.is_anything(it)).collect();
        let text = Text::read(text, &self.base.vocabulary);
        let mut spans = self.spans(&text, &wanted, moment);
        settle(&mut spans);
        spans.into_iter().map(|it| it.shown(&text)).collect()
    }
}

impl Span {
    fn shown(self, text: &Text<'_>) -> Found {
        Found {
            range: text.bytes(self.first, self.end),
            entity: self.entity.as_ref().to_owned(),
            value: self.value,
            original: text.slice(self.first, self.end).to_owned(),
        }
    }
}

fn used(agent: &Agent) -> BTreeSet<String> {
    let phrases = agent.intents.iter().flat_map(|it| it.phrases.values().flatten());
    let in_phrases = phrases.flat_map(|it| &it.parts).filter_map(|it| it.entity.clone());
    let in_parameters = agent.intents.iter().flat_map(|it| &it.parameters).map(|it| it.entity.clone());
    let own = agent.entities.iter().map(|it| it.name.clone());
    in_phrases.chain(in_parameters).chain(own).filter(|it| !it.is_empty()).collect()
}

/// The longest at each place; what overlaps one of the same name before it goes.
fn settle(spans: &mut Vec<Span>) {
    spans.sort_by(|a, b| a.first.cmp(&b.first).then(b.end.cmp(&a.end)));
    let mut ends: Vec<(Arc<str>, usize)> = Vec::new();
    spans.retain(|it| match ends.iter_mut().find(|(name, _)| *name == it.entity) {
        Some((_, end)) if it.first < *end => false,
        Some((_, end)) => {
            *end = it.end;
            true
        }
        None => {
            ends.push((Arc::clone(&it.entity), it.end));
            true
        }
    });
}

#[cfg(test)]
mod tests;
