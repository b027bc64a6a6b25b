//! A text as the matcher sees it: words without case, accents and punctuation, and where entities stand.

use std::ops::Range;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::super::{agent::Phrase, lexicon::Found};

/// Of a longer text the rest is not looked at.
const MAX_WORDS: usize = 120;

#[derive(Clone, Debug, Default)]
pub(super) struct Text {
    pub words: Vec<Word>,
    pub slots: Vec<Slot>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    /// Folded.
    pub text: String,
    /// Bytes of what was given.
    pub place: Range<usize>,
}

/// An entity at its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    pub entity: String,
    pub alias: String,
    pub words: Range<usize>,
    /// Its index among what was found, in a query.
    pub found: usize,
}

impl Text {
    pub(super) fn plain(text: &str) -> Self {
        Self { words: words(text), slots: Vec::new() }
    }

    /// A template's `@entity:name` is no text, only its place counts; an example's value is both.
    pub(super) fn of_phrase(phrase: &Phrase) -> Self {
        let mut given = String::new();
        let mut marked: Vec<(Range<usize>, &str, &str)> = Vec::new();
        for part in &phrase.parts {
            let first = given.len();
            match &part.entity {
                Some(_) if phrase.is_template => given.push_str(PLACE),
                _ => given.push_str(&part.text),
            }
            if let Some(entity) = &part.entity {
                marked.push((first..given.len(), entity, &part.alias));
            }
        }
        let mut text = Self::plain(&given);
        for (place, entity, alias) in marked {
            text.mark(&place, entity, alias, 0);
        }
        text
    }

    pub(super) fn of_query(given: &str, found: &[Found]) -> Self {
        let mut text = Self::plain(given);
        for (number, it) in found.iter().enumerate() {
            text.mark(&it.range, &it.entity, "", number);
        }
        text
    }

    fn mark(&mut self, place: &Range<usize>, entity: &str, alias: &str, found: usize) {
        let touches = |it: &Word| it.place.start < place.end && place.start < it.place.end;
        let Some(first) = self.words.iter().position(touches) else { return };
        let end = self.words.iter().rposition(touches).map_or(first, |it| it + 1);
        self.slots.push(Slot { entity: entity.to_owned(), alias: alias.to_owned(), words: first..end, found });
    }

    /// Two texts of one key are the same text.
    pub(super) fn key(&self) -> String {
        self.words.iter().map(|it| it.text.as_str()).collect::<Vec<_>>().join(" ")
    }
}

/// Stands where a template has an entity; nobody types it.
pub(super) const PLACE: &str = " \u{fffc} ";

/// Whether a word stands for an entity of a template.
pub(super) fn is_place(word: &str) -> bool {
    word == PLACE.trim()
}

fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut is_open = false;
    for (at, character) in text.char_indices() {
        let end = at + character.len_utf8();
        let is_alone = stands_alone(character);
        if !is_alone && !character.is_alphanumeric() && !is_combining_mark(character) {
            // "don't" is one word, however its apostrophe is typed.
            is_open &= matches!(character, '\'' | '’' | '\u{ad}');
            continue;
        }
        if !is_open || is_alone {
            if words.len() == MAX_WORDS {
                break;
            }
            words.push(Word { text: String::new(), place: at..end });
        }
        is_open = !is_alone;
        if let Some(word) = words.last_mut() {
            fold(character, &mut word.text);
            word.place.end = end;
        }
    }
    words.retain(|it| !it.text.is_empty());
    words
}

/// Scripts that put no spaces between words: every sign is one.
fn stands_alone(character: char) -> bool {
    matches!(character, '\u{fffc}' | '\u{0e00}'..='\u{0eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

fn fold(character: char, into: &mut String) {
    if character.is_ascii() {
        into.push(character.to_ascii_lowercase());
        return;
    }
    for lower in character.to_lowercase() {
        match lower {
            'ß' => into.push_str("ss"),
            'ø' => into.push('o'),
            'ł' => into.push('l'),
            'æ' => into.push_str("ae"),
            'œ' => into.push_str("oe"),
            _ => into.extend(std::iter::once(lower).nfkd().filter(|it| !is_combining_mark(*it))),
        }
    }
}
