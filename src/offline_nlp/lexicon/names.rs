//! Names of people: known ones, and unknown ones where somebody introduces himself.

use std::collections::{BTreeSet, HashMap};

use serde_json::{Value, json};

use super::{
    Span,
    text::{Kind, Text, fold},
    vocabulary::Vocabulary,
};

const GIVEN: &str = include_str!("words/given_names.txt");
const LAST: &str = include_str!("words/last_names.txt");

/// A name follows for certain.
const INTRODUCTIONS: &[&[&str]] = &[
    &["my", "name", "is"],
    &["my", "name", "'", "s"],
    &["name", "ist"],
    &["ich", "heisse"],
    &["ich", "heiße"],
    &["the", "name", "is"],
    &["i", "am", "called"],
];
/// A known name may follow.
const PERHAPS: &[&[&str]] = &[
    &["i", "am"],
    &["i", "'", "m"],
    &["im"],
    &["this", "is"],
    &["call", "me"],
    &["ich", "bin"],
    &["hier", "ist"],
    &["hier", "spricht"],
    &["name"],
    &["hi"],
    &["with"],
    &["mit"],
    &["fur"],
];
const TITLES: &[&str] = &["mr", "mrs", "ms", "miss", "herr", "herrn", "frau", "dr", "prof", "sir", "madam"];
/// What goes into a family name of several words.
const PARTICLES: &[&str] = &["von", "van", "de", "der", "den", "zu", "zum", "di", "la", "le", "el", "al", "da", "del"];
/// Answers that are no names.
const NO_NAME: &[&str] = &[
    "yes",
    "no",
    "ok",
    "okay",
    "hello",
    "hi",
    "hey",
    "thanks",
    "ja",
    "nein",
    "hallo",
    "danke",
    "bitte",
    "stop",
    "help",
    "hilfe",
    "please",
    "what",
    "why",
    "who",
    "was",
    "wer",
    "wie",
    "warum",
    "abbrechen",
    "cancel",
    "morgen",
    "heute",
    "today",
    "tomorrow",
];

#[derive(Debug)]
struct Name {
    written: String,
    is_weak: bool,
}

#[derive(Debug)]
pub(super) struct Names {
    given: HashMap<String, Name>,
    last: HashMap<String, Name>,
}

/// A name in a text: words `first..end`, the family name from `last`.
struct Person {
    first: usize,
    last: usize,
    end: usize,
}

impl Names {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        Self { given: list(GIVEN, vocabulary), last: list(LAST, vocabulary) }
    }

    pub(super) fn find(&self, text: &Text<'_>, wanted: &BTreeSet<&str>, spans: &mut Vec<Span>) {
        let is_alone = wanted.len() == 1;
        let mut at = 0;
        while at < text.len() {
            let found = self.person_at(text, at).or_else(|| is_alone.then(|| self.whole(text, at)).flatten());
            let Some(person) = found.filter(|it| it.end > at) else {
                at += 1;
                continue;
            };
            at = person.end;
            self.push(text, &person, wanted, spans);
        }
    }

    fn push(&self, text: &Text<'_>, person: &Person, wanted: &BTreeSet<&str>, spans: &mut Vec<Span>) {
        let mut push = |entity: &str, first: usize, end: usize, value: Value| {
            if end > first && wanted.contains(entity) {
                spans.push(Span { first, end, entity: entity.into(), value });
            }
        };
        let written = |list: &HashMap<String, Name>, first: usize, end: usize| {
            let known = list.get(text.folded(first)).filter(|_| end == first + 1).map(|it| it.written.clone());
            Value::from(known.unwrap_or_else(|| text.slice(first, end).to_owned()))
        };
        let Person { first, last, end } = *person;
        push("sys.given-name", first, last, written(&self.given, first, last));
        // As it is written: `Mueller` is not `Müller`.
        push("sys.last-name", last, end, Value::from(capital(text.slice(last, end))));
        push("sys.person", first, end, json!({ "name": text.slice(first, end) }));
    }

    fn person_at(&self, text: &Text<'_>, at: usize) -> Option<Person> {
        if text.kind(at)? != Kind::Letters || text.is_glued(at) {
            return None;
        }
        if ends_with(text, at, INTRODUCTIONS) {
            return self.introduced(text, at);
        }
        let after_title = at.checked_sub(1).is_some_and(|it| text.is_one_of(it, TITLES))
            || at >= 2 && text.is_sign(at - 1, ".") && text.is_one_of(at - 2, TITLES);
        if after_title && text.is_capital(at) && !text.is_one_of(at, TITLES) {
            let end = self.family(text, at, true)?;
            let is_given = self.given.contains_key(text.folded(at))
                && text.is_capital(end)
                && text.kind(end) == Some(Kind::Letters);
            return match is_given.then(|| self.family(text, end, false)).flatten() {
                Some(after) => Some(Person { first: at, last: end, end: after }),
                None => Some(Person { first: at, last: at, end }),
            };
        }
        let given = self.given.get(text.folded(at))?;
        let is_first = at == 0 || !text.is_capital(at);
        let is_all = text.len() <= 2;
        if given.is_weak && (is_first || !ends_with(text, at, PERHAPS)) && !(is_all && text.is_capital(at)) {
            return None;
        }
        // `jan`, `kai`: three letters in lower case are more often something else.
        if !text.is_capital(at) && text.folded(at).len() <= 3 && !ends_with(text, at, PERHAPS) {
            return None;
        }
        let mut last = at + 1;
        while text.is_capital(last)
            && self.given.get(text.folded(last)).is_some_and(|it| !it.is_weak)
            && !self.last.contains_key(text.folded(last))
        {
            last += 1;
        }
        let end = self.family(text, last, false).unwrap_or(last);
        Some(Person { first: at, last, end })
    }

    /// Behind `my name is`: whatever is written as a name, or known as one.
    fn introduced(&self, text: &Text<'_>, at: usize) -> Option<Person> {
        let is_name = |it: usize| {
            let known = self.given.contains_key(text.folded(it)) || self.last.contains_key(text.folded(it));
            text.kind(it) == Some(Kind::Letters) && (text.is_capital(it) || known || it == at && it + 1 == text.len())
        };
        if !is_name(at) || text.is_one_of(at, NO_NAME) {
            return None;
        }
        if text.is_one_of(at, TITLES) {
            return None;
        }
        let mut end = at + 1;
        let mut last = at + 1;
        while end < at + 5 {
            if is_name(end) {
                end += 1;
            } else if text.is_sign(end, "-") && text.is_tight(end) && is_name(end + 1) {
                end += 2;
                last = last.max(if end == at + 3 { end } else { last });
            } else if text.is_one_of(end, PARTICLES)
                && (is_name(end + 1) || text.is_one_of(end + 1, PARTICLES) && is_name(end + 2))
            {
                end += 1;
            } else {
                break;
            }
        }
        let is_family =
            end == at + 1 && self.last.contains_key(text.folded(at)) && !self.given.contains_key(text.folded(at));
        let last = if is_family { at } else { last.min(end) };
        // Of several capital words the first are given names as long as they are known.
        let last = (last..end.saturating_sub(1))
            .take_while(|it| self.given.contains_key(text.folded(*it)))
            .last()
            .map_or(last, |it| it + 1);
        Some(Person { first: at, last, end })
    }

    /// The end of a family name; an unknown one only where the text says so or nothing follows.
    fn family(&self, text: &Text<'_>, at: usize, is_sure: bool) -> Option<usize> {
        let mut next = at;
        while next < at + 2 && text.is_one_of(next, PARTICLES) {
            next += 1;
        }
        if text.kind(next) != Some(Kind::Letters) || text.is_glued(next) {
            return None;
        }
        let known = self.last.contains_key(text.folded(next));
        let ends = text.kind(next + 1) != Some(Kind::Letters);
        let is_name = text.is_capital(next) && (known || is_sure || ends) || known && ends;
        if !is_name || text.is_one_of(next, NO_NAME) || text.meaning(next).is_some() {
            return None;
        }
        let is_double = text.is_sign(next + 1, "-")
            && text.is_tight(next + 1)
            && text.is_tight(next + 2)
            && text.is_capital(next + 2);
        Some(if is_double { next + 3 } else { next + 1 })
    }

    /// The whole of an answer to "What is your name?".
    fn whole(&self, text: &Text<'_>, at: usize) -> Option<Person> {
        let words = (0..text.len()).take_while(|it| text.kind(*it) == Some(Kind::Letters)).count();
        let rest = (words..text.len()).all(|it| text.is_one_of(it, &[".", "!"]));
        let are_names =
            (0..words).all(|it| text.is_capital(it) && !text.is_one_of(it, NO_NAME) || text.is_one_of(it, PARTICLES));
        if at > 0 || !rest || !(1..=4).contains(&words) || !are_names || !text.is_capital(0) {
            return None;
        }
        let is_family = words == 1 && self.last.contains_key(text.folded(0));
        Some(Person { first: 0, last: usize::from(!is_family), end: words })
    }
}

fn list(words: &str, vocabulary: &Vocabulary) -> HashMap<String, Name> {
    let mut names = HashMap::new();
    for word in words.lines().filter(|it| !it.starts_with('#')).flat_map(str::split_whitespace) {
        let is_weak = word.starts_with('?');
        let written = word.trim_start_matches('?');
        names.insert(fold(written), Name { written: written.to_owned(), is_weak });
        if vocabulary.tongue.is_german() && written.contains(['ä', 'ö', 'ü']) {
            let respelled = written.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue");
            names.insert(fold(&respelled), Name { written: respelled, is_weak });
        }
    }
    names
}

/// One of these phrases stands right before `at`.
fn ends_with(text: &Text<'_>, at: usize, phrases: &[&[&str]]) -> bool {
    phrases.iter().any(|phrase| {
        let Some(start) = at.checked_sub(phrase.len()) else { return false };
        phrase.iter().enumerate().all(|(n, word)| text.folded(start + n) == *word)
    })
}

fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|it| it.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
