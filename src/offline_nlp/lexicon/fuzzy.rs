//! Misspelt words (`allowFuzzyExtraction`): one slip from five letters on, two from nine.

use std::collections::BTreeMap;

use super::{
    dictionary::Hit,
    text::{Kind, Text},
    vocabulary::Vocabulary,
};

/// Below, a slip makes another word.
const SHORTEST: usize = 5;
const SHORTEST_FOR_TWO: usize = 9;
const LONGEST: usize = 64;
/// A phrase of more words is looked up exactly only.
const MOST_WORDS: usize = 4;

#[derive(Debug)]
struct Phrase {
    folded: String,
    letters: u32,
    hit: Hit,
}

#[derive(Debug, Default)]
pub(super) struct Fuzzy {
    /// By how many words they have, and by their length in characters.
    phrases: [BTreeMap<usize, Vec<Phrase>>; MOST_WORDS],
}

impl Fuzzy {
    pub(super) fn add(&mut self, phrase: &str, hit: Hit, vocabulary: &Vocabulary) {
        let text = Text::read(phrase, vocabulary);
        let Some(folded) = joined(&text, 0, text.len()) else { return };
        let length = folded.chars().count();
        if (SHORTEST..=LONGEST).contains(&length) {
            let letters = letters(&folded);
            if let Some(of_so_many) = text.len().checked_sub(1).and_then(|it| self.phrases.get_mut(it)) {
                of_so_many.entry(length).or_default().push(Phrase { folded, letters, hit });
            }
        }
    }

    /// Calls `found(first, end, hit)` for what is closest at each place; what is written right is not ours.
    pub(super) fn find(&self, text: &Text<'_>, mut found: impl FnMut(usize, usize, Hit)) {
        for (words, phrases) in (1..).zip(&self.phrases) {
            if phrases.is_empty() || words > text.len() {
                continue;
            }
            for first in 0..=text.len() - words {
                let end = first + words;
                if !text.is_whole(first, end) {
                    continue;
                }
                let Some(written) = joined(text, first, end) else { continue };
                if let Some(hit) = closest(phrases, &written) {
                    found(first, end, hit);
                }
            }
        }
    }
}

fn closest(phrases: &BTreeMap<usize, Vec<Phrase>>, written: &str) -> Option<Hit> {
    let length = written.chars().count();
    if !(SHORTEST - 1..=LONGEST + 2).contains(&length) {
        return None;
    }
    let letters = letters(written);
    let near = phrases.range(length - 2..=length + 2).filter_map(|(long, phrases)| {
        let most = if *long >= SHORTEST_FOR_TWO { 2 } else { 1 };
        (long.abs_diff(length) <= most).then_some((most, phrases))
    });
    let close = near.flat_map(|(most, phrases)| {
        // One slip changes two letters at most.
        let may_be = phrases.iter().filter(move |it| (it.letters ^ letters).count_ones() as usize <= 2 * most);
        may_be.filter_map(move |it| {
            let distance = strsim::osa_distance(&it.folded, written);
            (1..=most).contains(&distance).then_some((distance, it.hit))
        })
    });
    close.min_by_key(|(distance, _)| *distance).map(|(_, hit)| hit)
}

/// The words with one space between them; `None` where a sign stands among them.
fn joined(text: &Text<'_>, first: usize, end: usize) -> Option<String> {
    let mut joined = String::new();
    for at in first..end {
        if text.kind(at)? == Kind::Sign {
            return None;
        }
        if at > first && !text.is_glued(at) {
            joined.push(' ');
        }
        joined.push_str(text.folded(at));
    }
    Some(joined)
}

/// Which letters occur, as bits.
fn letters(folded: &str) -> u32 {
    folded.chars().fold(0, |bits, it| bits | 1 << (u32::from(it) % 32))
}
