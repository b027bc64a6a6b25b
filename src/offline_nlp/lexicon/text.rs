//! A customer's text cut into words once, so that every recogniser reads the same ones.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use super::vocabulary::{Meaning, Vocabulary};

/// What goes beyond is not looked at: the service refuses more than 256 characters anyway.
pub(super) const MAX_BYTES: usize = 4_096;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Letters,
    Digits,
    /// One character that is neither.
    Sign,
}

#[derive(Clone, Debug)]
pub(super) struct Word {
    /// Bytes of the text.
    pub range: Range<usize>,
    pub kind: Kind,
    /// Nothing stands between this word and the one before it.
    pub tight: bool,
    /// Belongs to the same written word as the one before it, as in `3pm`.
    pub glued: bool,
    pub is_capital: bool,
    pub meaning: Option<Meaning>,
    folded: Range<usize>,
    stem: Range<usize>,
}

#[derive(Debug)]
pub(super) struct Text<'a> {
    pub original: &'a str,
    pub words: Vec<Word>,
    folded: String,
}

impl<'a> Text<'a> {
    pub(super) fn read(original: &'a str, vocabulary: &Vocabulary) -> Self {
        let mut end = original.len().min(MAX_BYTES);
        while !original.is_char_boundary(end) {
            end -= 1;
        }
        let original = original.get(..end).unwrap_or_default();
        let mut text = Self { original, words: Vec::with_capacity(original.len() / 4 + 2), folded: String::new() };
        text.folded.reserve(original.len() * 2);
        let mut rest = original.char_indices().peekable();
        while let Some((start, first)) = rest.next() {
            if first.is_whitespace() || first.is_control() {
                continue;
            }
            let kind = kind(first);
            let mut end = start + first.len_utf8();
            if kind != Kind::Sign && !stands_alone(first) {
                while let Some((at, next)) = rest.next_if(|(_, next)| continues(kind, *next)) {
                    end = at + next.len_utf8();
                }
            }
            text.push(start..end, kind, first, vocabulary);
        }
        text
    }

    fn push(&mut self, range: Range<usize>, kind: Kind, first: char, vocabulary: &Vocabulary) {
        let piece = self.original.get(range.clone()).unwrap_or_default();
        let from = self.folded.len();
        fold_into(piece, &mut self.folded);
        let folded = from..self.folded.len();
        let word = self.folded.get(folded.clone()).unwrap_or_default();
        let meaning = if kind == Kind::Letters { vocabulary.meaning(word) } else { None };
        let length = vocabulary.tongue.stem(word).len();
        let stem = from..from + length;
        let before = self.words.last();
        let tight = before.is_some_and(|it| it.range.end == range.start);
        let glued = tight
            && kind != Kind::Sign
            && before.is_some_and(|it| it.kind != Kind::Sign)
            && !stands_alone(first)
            && !before
                .is_some_and(|it| self.original.get(it.range.clone()).is_some_and(|it| it.chars().all(stands_alone)));
        self.words.push(Word { range, kind, tight, glued, is_capital: first.is_uppercase(), meaning, folded, stem });
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// In lower case and without accents; empty beyond the end.
    pub(super) fn folded(&self, at: usize) -> &str {
        self.words.get(at).and_then(|it| self.folded.get(it.folded.clone())).unwrap_or_default()
    }

    pub(super) fn stem(&self, at: usize) -> &str {
        self.words.get(at).and_then(|it| self.folded.get(it.stem.clone())).unwrap_or_default()
    }

    pub(super) fn kind(&self, at: usize) -> Option<Kind> {
        self.words.get(at).map(|it| it.kind)
    }

    pub(super) fn meaning(&self, at: usize) -> Option<&Meaning> {
        self.words.get(at).and_then(|it| it.meaning.as_ref())
    }

    pub(super) fn is_capital(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|it| it.is_capital)
    }

    pub(super) fn is_sign(&self, at: usize, sign: &str) -> bool {
        self.kind(at) == Some(Kind::Sign) && self.folded(at) == sign
    }

    pub(super) fn is_one_of(&self, at: usize, words: &[&str]) -> bool {
        let word = self.folded(at);
        !word.is_empty() && words.contains(&word)
    }

    /// Nothing stands between this word and the one before it.
    pub(super) fn is_tight(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|it| it.tight)
    }

    pub(super) fn is_glued(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|it| it.glued)
    }

    /// Whether words `first..end` begin and end where written words do.
    pub(super) fn is_whole(&self, first: usize, end: usize) -> bool {
        !self.is_glued(first) && !self.is_glued(end)
    }

    /// Bytes of words `first..end`.
    pub(super) fn bytes(&self, first: usize, end: usize) -> Range<usize> {
        let last = end.saturating_sub(1).max(first);
        match (self.words.get(first), self.words.get(last)) {
            (Some(first), Some(last)) => first.range.start..last.range.end,
            _ => 0..0,
        }
    }

    pub(super) fn slice(&self, first: usize, end: usize) -> &'a str {
        self.original.get(self.bytes(first, end)).unwrap_or_default()
    }

    /// The word that begins at this byte or, else, the one that ends there.
    pub(super) fn word_starting(&self, byte: usize) -> Option<usize> {
        self.words.binary_search_by_key(&byte, |it| it.range.start).ok()
    }

    pub(super) fn word_ending(&self, byte: usize) -> Option<usize> {
        self.words.binary_search_by_key(&byte, |it| it.range.end).ok()
    }
}

fn kind(it: char) -> Kind {
    if it.is_ascii_digit() {
        Kind::Digits
    } else if it.is_alphanumeric() {
        Kind::Letters
    } else {
        Kind::Sign
    }
}

fn continues(kind: Kind, it: char) -> bool {
    match kind {
        Kind::Digits => it.is_ascii_digit(),
        Kind::Letters => (it.is_alphanumeric() && !it.is_ascii_digit() && !stands_alone(it)) || is_mark(it),
        Kind::Sign => false,
    }
}

/// Scripts that put no space between words: each character counts as one.
fn stands_alone(it: char) -> bool {
    matches!(u32::from(it), 0x0E00..=0x0EFF | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x2_0000..=0x3_FFFF)
}

fn is_mark(it: char) -> bool {
    matches!(u32::from(it), 0x0300..=0x036F)
}

/// In lower case and without accents, `ß` as `ss`.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|it| it.to_ascii_lowercase()));
        return;
    }
    for it in text.nfkd().filter(|it| !is_mark(*it)).flat_map(char::to_lowercase) {
        match it {
            'ß' => folded.push_str("ss"),
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            '’' | '‘' | 'ʼ' | '´' | '`' => folded.push('\''),
            '‐' | '‑' | '–' | '—' | '−' => folded.push('-'),
            it if is_mark(it) => {}
            it => folded.push(it),
        }
    }
}
