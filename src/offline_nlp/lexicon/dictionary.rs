//! Phrases and what they stand for: found by hash, the longest first, however spaced, hyphenated or accented.

use std::collections::HashMap;

use super::{
    text::{Kind, Text},
    vocabulary::Vocabulary,
};

/// An entry of more words is not found.
const MAX_WORDS: usize = 24;
const MAX_KEY_BYTES: usize = 256;

/// What a phrase stands for, in numbers that its owner gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hit {
    pub entity: u32,
    pub value: u32,
}

#[derive(Debug, Default)]
pub(super) struct Dictionary {
    exact: HashMap<Box<str>, Vec<Hit>>,
    /// By stems: consulted where nothing is written exactly so.
    bent: HashMap<Box<str>, Vec<Hit>>,
    longest: usize,
}

impl Dictionary {
    pub(super) fn add(&mut self, phrase: &str, hit: Hit, vocabulary: &Vocabulary) {
        self.add_as(phrase, hit, vocabulary, true);
    }

    /// Found as it is written only, without other endings.
    pub(super) fn add_exact(&mut self, phrase: &str, hit: Hit, vocabulary: &Vocabulary) {
        self.add_as(phrase, hit, vocabulary, false);
    }

    fn add_as(&mut self, phrase: &str, hit: Hit, vocabulary: &Vocabulary, bends: bool) {
        let respelled = respelled(phrase, vocabulary);
        for phrase in std::iter::once(phrase).chain(respelled.as_deref()) {
            let text = Text::read(phrase, vocabulary);
            let words = (0..text.len()).filter(|it| !is_skipped(&text, *it)).count();
            let (exact, bent) = keys(&text);
            if exact.is_empty() || words > MAX_WORDS || exact.len() > MAX_KEY_BYTES {
                continue;
            }
            // What is one word here may be written as two or three.
            self.longest = self.longest.max(words + 2);
            if bends {
                push(&mut self.bent, bent, hit);
            }
            push(&mut self.exact, exact, hit);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// Calls `found(first, end, hit)` for every phrase in the text; one within another is given, too.
    pub(super) fn find(&self, text: &Text<'_>, mut found: impl FnMut(usize, usize, Hit)) {
        if self.is_empty() {
            return;
        }
        let (mut exact, mut bent) = (String::new(), String::new());
        for first in 0..text.len() {
            if text.is_glued(first) || is_skipped(text, first) {
                continue;
            }
            exact.clear();
            bent.clear();
            let mut words = 0;
            for at in first..text.len() {
                if is_skipped(text, at) {
                    continue;
                }
                exact.push_str(text.folded(at));
                bent.push_str(text.stem(at));
                words += 1;
                if words > self.longest || bent.len() > MAX_KEY_BYTES {
                    break;
                }
                if text.is_glued(at + 1) {
                    continue;
                }
                let hits = self.exact.get(exact.as_str()).or_else(|| self.bent.get(bent.as_str()));
                for hit in hits.into_iter().flatten() {
                    found(first, at + 1, *hit);
                }
            }
        }
    }
}

fn push(map: &mut HashMap<Box<str>, Vec<Hit>>, key: String, hit: Hit) {
    let hits = map.entry(key.into_boxed_str()).or_default();
    // The first entry of an entity that claims a phrase has it.
    if !hits.iter().any(|it| it.entity == hit.entity) {
        hits.push(hit);
    }
}

fn keys(text: &Text<'_>) -> (String, String) {
    let words = || (0..text.len()).filter(|it| !is_skipped(text, *it));
    (words().map(|it| text.folded(it)).collect(), words().map(|it| text.stem(it)).collect())
}

/// What joins words without meaning anything: `T-Shirt`, `T Shirt` and `TShirt` are one.
fn is_skipped(text: &Text<'_>, at: usize) -> bool {
    text.kind(at) == Some(Kind::Sign) && matches!(text.folded(at), "-" | "'" | "." | "/" | "_")
}

/// Umlauts are folded to their letter; who writes `ae` for `ä` means the same.
fn respelled(phrase: &str, vocabulary: &Vocabulary) -> Option<String> {
    if !vocabulary.tongue.is_german() {
        return None;
    }
    let lower = phrase.to_lowercase();
    if lower.contains(['ä', 'ö', 'ü']) {
        Some(lower.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue"))
    } else if ["ae", "oe", "ue"].iter().any(|it| lower.contains(it)) {
        Some(lower.replace("ae", "a").replace("oe", "o").replace("ue", "u"))
    } else {
        None
    }
}
