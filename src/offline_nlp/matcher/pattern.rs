//! Phrases as they are written, and those with places for entities: matched word by word.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::{
    super::{agent::Phrase, lexicon::Found},
    features::real,
    text::Text,
};

/// A word of a phrase, or the place of an entity.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Word(String),
    Slot {
        entity: String,
        alias: String,
        /// Takes any words, as `@sys.any` does.
        open: bool,
    },
}

#[derive(Debug)]
struct Pattern {
    intent: usize,
    items: Vec<Item>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Matched {
    pub intent: usize,
    pub confidence: f32,
    pub exact: bool,
}

#[derive(Debug, Default)]
pub(super) struct Patterns {
    exact: HashMap<String, BTreeSet<usize>>,
    slotted: Vec<Pattern>,
    /// Slotted ones by a word that must occur: the longest of theirs, which is seldom a common one.
    anchored: HashMap<String, Vec<usize>>,
    /// Slotted ones without any word.
    bare: Vec<usize>,
    of_intent: BTreeMap<usize, Vec<usize>>,
}

/// What a phrase with an open place is worth at least, and how much more when all its other words are there.
const OPEN: f32 = 0.45;
const FIXED_SHARE: f32 = 0.5;

impl Patterns {
    pub(super) fn add(&mut self, intent: usize, phrase: &Phrase, is_open: &impl Fn(&str) -> bool) {
        let text = Text::of_phrase(phrase);
        if text.words.is_empty() {
            return;
        }
        if !phrase.is_template {
            self.exact.entry(text.key()).or_default().insert(intent);
        }
        if text.slots.is_empty() {
            return;
        }
        let items = items(&text, is_open);
        let number = self.slotted.len();
        let words = items.iter().filter_map(|it| if let Item::Word(word) = it { Some(word) } else { None });
        match words.max_by_key(|it| it.len()) {
            Some(word) => self.anchored.entry(word.clone()).or_default().push(number),
            None => self.bare.push(number),
        }
        self.of_intent.entry(intent).or_default().push(number);
        self.slotted.push(Pattern { intent, items });
    }

    pub(super) fn find(&self, text: &Text) -> Vec<Matched> {
        let exact = self.exact.get(&text.key()).into_iter().flatten();
        let mut matched: Vec<Matched> = exact.map(|it| Matched { intent: *it, confidence: 1.0, exact: true }).collect();
        let words: BTreeSet<&str> = text.words.iter().map(|it| it.text.as_str()).collect();
        let anchored = words.iter().filter_map(|it| self.anchored.get(*it)).flatten();
        let slotted = anchored.chain(&self.bare).filter_map(|it| self.slotted.get(*it));
        matched.extend(slotted.filter_map(|it| it.fit(text)));
        matched
    }

    pub(super) fn align(&self, intent: usize, given: &str, found: &[Found]) -> BTreeMap<String, Found> {
        let text = Text::of_query(given, found);
        let slotted = self.of_intent.get(&intent).into_iter().flatten().filter_map(|it| self.slotted.get(*it));
        let slotted: Vec<&Pattern> = slotted.collect();
        let mut best: Option<(f32, Vec<Filled>)> = None;
        for pattern in &slotted {
            let (score, filled) = pattern.align(&text);
            if best.as_ref().is_none_or(|(before, _)| score > *before) {
                best = Some((score, filled));
            }
        }
        let mut aligned = BTreeMap::new();
        for filled in best.into_iter().flat_map(|it| it.1) {
            if let Some(value) = filled.value(given, &text, found) {
                aligned.entry(filled.alias).or_insert(value);
            }
        }
        give_the_rest(&slotted, found, &mut aligned);
        aligned
    }
}

/// What no phrase told goes in order to the parameters that are still without a value.
fn give_the_rest(slotted: &[&Pattern], found: &[Found], aligned: &mut BTreeMap<String, Found>) {
    for item in slotted.iter().flat_map(|it| &it.items) {
        let Item::Slot { entity, alias, open: false } = item else { continue };
        if alias.is_empty() || aligned.contains_key(alias) {
            continue;
        }
        let is_free = |it: &&Found| {
            !aligned.values().any(|other| it.range.start < other.range.end && other.range.start < it.range.end)
        };
        if let Some(value) = found.iter().filter(|it| it.entity == *entity).find(is_free) {
            aligned.insert(alias.clone(), value.clone());
        }
    }
}

fn items(text: &Text, is_open: &impl Fn(&str) -> bool) -> Vec<Item> {
    let mut items = Vec::new();
    let mut at = 0;
    while let Some(word) = text.words.get(at) {
        match text.slots.iter().find(|it| it.words.start == at && it.words.end > at) {
            Some(slot) => {
                let open = is_open(&slot.entity);
                items.push(Item::Slot { entity: slot.entity.clone(), alias: slot.alias.clone(), open });
                at = slot.words.end;
            }
            None => {
                items.push(Item::Word(word.text.clone()));
                at += 1;
            }
        }
    }
    items
}

/// A parameter and the words that fill it, or the entity.
#[derive(Clone, Debug)]
struct Filled {
    alias: String,
    words: std::ops::Range<usize>,
    /// Index in what was found; `None`: the words themselves.
    found: Option<usize>,
}

impl Filled {
    fn value(&self, given: &str, text: &Text, found: &[Found]) -> Option<Found> {
        if let Some(number) = self.found {
            return found.get(number).cloned();
        }
        let words = text.words.get(self.words.clone())?;
        let range = words.first()?.place.start..words.last()?.place.end;
        let original = given.get(range.clone())?.to_owned();
        Some(Found { range, entity: "sys.any".to_owned(), value: Value::String(original.clone()), original })
    }
}

impl Pattern {
    /// Whether the whole text is this phrase, with whatever entities in its places.
    fn fit(&self, text: &Text) -> Option<Matched> {
        // Bit n: the items so far can be the first n words.
        let mut reached = 1_u128;
        let bit = |at: usize| 1_u128.checked_shl(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or_default();
        let whole = bit(text.words.len());
        for item in &self.items {
            let mut next = 0_u128;
            match item {
                Item::Word(word) => {
                    let same = text.words.iter().enumerate().filter(|(_, it)| it.text == *word);
                    same.filter(|(at, _)| reached & bit(*at) != 0).for_each(|(at, _)| next |= bit(at + 1));
                }
                Item::Slot { open: true, .. } => {
                    let first = reached & reached.wrapping_neg();
                    // Everything above the lowest.
                    next = !(first | first.wrapping_sub(1)) & (whole | whole.wrapping_sub(1));
                }
                Item::Slot { entity, .. } => {
                    let same = text.slots.iter().filter(|it| it.entity == *entity);
                    same.filter(|it| reached & bit(it.words.start) != 0).for_each(|it| next |= bit(it.words.end));
                }
            }
            if next == 0 {
                return None;
            }
            reached = next;
        }
        if reached & whole == 0 {
            return None;
        }
        let open = self.items.iter().filter(|it| matches!(it, Item::Slot { open: true, .. })).count();
        let share = real(self.items.len() - open) / real(text.words.len().max(1));
        let confidence = if open == 0 { 1.0 } else { OPEN + FIXED_SHARE * share.min(1.0) };
        Some(Matched { intent: self.intent, confidence, exact: open == 0 })
    }

    /// The best way to lay the phrase beside the text, both in order, with gaps in either; and how well it fits.
    fn align(&self, text: &Text) -> (f32, Vec<Filled>) {
        let width = text.words.len() + 1;
        // From the end: the best of items[i..] beside words[j..], and how it begins.
        let mut below: Vec<Best> = vec![Best::default(); width];
        let mut rows: Vec<Vec<Best>> = Vec::with_capacity(self.items.len());
        for item in self.items.iter().rev() {
            let mut row: Vec<Best> = vec![Best::default(); width];
            for at in (0..width).rev() {
                let best = best(item, at, text, &row, &below);
                if let Some(cell) = row.get_mut(at) {
                    *cell = best;
                }
            }
            rows.push(std::mem::replace(&mut below, row));
        }
        let score = below.first().map_or(0.0, |it| it.score);
        rows.push(below);
        (score, self.walk(&rows))
    }

    fn walk(&self, rows: &[Vec<Best>]) -> Vec<Filled> {
        let mut filled = Vec::new();
        let (mut number, mut at) = (0, 0);
        while let Some(item) = self.items.get(number) {
            let Some(best) = rows.get(self.items.len() - number).and_then(|it| it.get(at)) else { break };
            match best.step {
                Step::SkipItem => number += 1,
                Step::SkipWord => at += 1,
                Step::Take { end, found } => {
                    if let Item::Slot { alias, .. } = item
                        && !alias.is_empty()
                    {
                        filled.push(Filled { alias: alias.clone(), words: at..end, found });
                    }
                    number += 1;
                    at = end;
                }
            }
        }
        filled
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Best {
    score: f32,
    step: Step,
}

#[derive(Clone, Copy, Debug, Default)]
enum Step {
    #[default]
    SkipItem,
    SkipWord,
    Take {
        end: usize,
        found: Option<usize>,
    },
}

const SAME_WORD: f32 = 1.0;
// Less than a word: which words stand before an entity tells more than which entity comes first.
const SAME_ENTITY: f32 = 0.6;
const ANY_WORDS: f32 = 0.5;
const ANOTHER_WORD: f32 = 0.01;
const ITEM_MISSING: f32 = -0.1;

/// `row`: this item beside later words; `below`: the items after it.
fn best(item: &Item, at: usize, text: &Text, row: &[Best], below: &[Best]) -> Best {
    let below_at = |at: usize| below.get(at).map_or(f32::MIN, |it| it.score);
    let mut best = Best { score: ITEM_MISSING + below_at(at), step: Step::SkipItem };
    let mut take = |score: f32, step: Step| {
        if score > best.score {
            best = Best { score, step };
        }
    };
    match item {
        Item::Word(word) => {
            if text.words.get(at).is_some_and(|it| it.text == *word) {
                take(SAME_WORD + below_at(at + 1), Step::Take { end: at + 1, found: None });
            }
        }
        Item::Slot { open: true, .. } => {
            for end in at + 1..=text.words.len() {
                let score = ANY_WORDS + ANOTHER_WORD * real(end - at) + below_at(end);
                take(score, Step::Take { end, found: None });
            }
        }
        Item::Slot { entity, .. } => {
            for slot in text.slots.iter().filter(|it| it.words.start == at && it.entity == *entity) {
                let step = Step::Take { end: slot.words.end, found: Some(slot.found) };
                take(SAME_ENTITY + below_at(slot.words.end), step);
            }
        }
    }
    if let Some(later) = row.get(at + 1) {
        take(later.score, Step::SkipWord);
    }
    best
}
