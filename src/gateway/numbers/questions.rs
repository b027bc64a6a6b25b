//! What customers asked and was not understood, most often first: looked up when somebody wants to see it, in records that
//! only their contacts' keys open. There is no second copy: what is erased or pruned is gone from here, too.

use std::{
    cmp::Reverse,
    collections::{HashMap, hash_map::Entry},
};

use super::Gateway;
use crate::{
    core::{
        contact::Recorded,
        ids::{ContactId, Timestamp, Turn},
        message::Input,
        step::Step,
    },
    gateway::{
        Content, open_records,
        storage::{Day, Life, NumbersOf, Pos, Record, StoreError},
    },
};

/// Questions that are looked up, the newest of a profile's. Each costs a look at a record or two.
pub(super) const MAX_LOOKED_UP: usize = 1_000;
/// The record of an answer, and the one before it: there the question still waits.
const TRAIL: usize = 2;
/// More of a question is not shown.
const MAX_CHARACTERS: usize = 160;

/// A question, and how often it was not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// As it was asked last; what was private in it is a token.
    pub text: String,
    pub count: u64,
    /// Who asked it last, and when.
    pub contact: ContactId,
    pub at: Timestamp,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// The most frequent first.
    pub questions: Vec<Question>,
    /// So many were not understood, of those that were looked up.
    pub looked_up: usize,
    /// Of which so many cannot be shown: sensitive, erased, or not in words.
    pub hidden: usize,
    /// There may be more in the span than were looked up.
    pub is_cut: bool,
}

impl Gateway {
    /// The questions of one profile most often not understood in a span, `limit` at most. Looks up the newest
    /// `MAX_LOOKED_UP` in the journal.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn questions(&self, of: &NumbersOf, limit: usize) -> Result<Questions, StoreError> {
        let places = self.unclear(of, MAX_LOOKED_UP).await?;
        let zone = self.zone(of.unit.as_ref());
        let mut found = Questions { is_cut: places.len() == MAX_LOOKED_UP, ..Questions::default() };
        let mut lives: HashMap<ContactId, Vec<Life>> = HashMap::new();
        let mut by_words: HashMap<String, Question> = HashMap::new();
        for place in places {
            let trail = self.store.trail(place, Pos(0), TRAIL).await?;
            let Some(Record { contact, at, .. }) = trail.last() else { continue };
            let day = Day::of(*at, &zone);
            if day < of.from {
                // They are in order of time.
                found.is_cut = false;
                break;
            }
            if day > of.to {
                continue;
            }
            let (contact, at) = (contact.clone(), *at);
            found.looked_up += 1;
            let lives = match lives.entry(contact.clone()) {
                Entry::Occupied(known) => known.into_mut(),
                // After the records: what is erased in between is erased.
                Entry::Vacant(unknown) => unknown.insert(self.store.lives(&contact).await?),
            };
            let Some(text) = asked(&self.recorded(lives, trail)) else {
                found.hidden += 1;
                continue;
            };
            let question =
                by_words.entry(normal(&text)).or_insert_with(|| Question { text: cut(&text), count: 0, contact, at });
            question.count += 1;
        }
        found.questions = by_words.into_values().collect();
        found.questions.sort_by(|a, b| {
            (Reverse(a.count), Reverse(a.at), &a.text).cmp(&(Reverse(b.count), Reverse(b.at), &b.text))
        });
        found.questions.truncate(limit);
        Ok(found)
    }

    /// Those of the records that can be read, oldest first.
    fn recorded(&self, lives: &[Life], records: Vec<Record>) -> Vec<Recorded> {
        let opened = open_records(&self.vault, lives, records);
        let readable = opened.iter().filter_map(|it| match &it.content {
            Content::Readable(body) => serde_json::from_slice(body).ok(),
            Content::Erased(_) | Content::Sealed => None,
        });
        readable.collect()
    }
}

/// The words that the last record's answer did not understand; `None`: they are sensitive, or no words, or not here.
fn asked(records: &[Recorded]) -> Option<String> {
    let [before, last] = records else { return None };
    let unclear = |step: &Step| {
        if let Step::Answered { turn, not_understood: true, .. } = step { Some(*turn) } else { None }
    };
    let turn: Turn = last.steps.iter().find_map(unclear)?;
    match before.asked(turn)? {
        Input::Text(text) if !text.trim().is_empty() => Some(text.clone()),
        Input::Text(_) | Input::Event { .. } | Input::Structured(_) | Input::Dtmf(_) | Input::Redacted => None,
    }
}

/// By this two ways to write the same are one.
fn normal(text: &str) -> String {
    let words = text.split(|it: char| !it.is_alphanumeric()).filter(|it| !it.is_empty());
    let words: Vec<String> = words.map(str::to_lowercase).collect();
    // Nothing but signs is as it is.
    if words.is_empty() { text.trim().to_owned() } else { words.join(" ") }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARACTERS) {
        Some((at, _)) => format!("{}…", text.split_at(at).0),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_ways_to_write_the_same_are_one() {
        for text in ["Where is my order?", " where  is my ORDER", "where, is my order!!"] {
            assert_eq!(normal(text), "where is my order");
        }
        assert_eq!(normal(" ?! "), "?!");
        assert_ne!(normal("Größe 4"), normal("Größe 5"));
        assert_eq!(normal("card [card:1]"), "card card 1");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut(&"ä".repeat(MAX_CHARACTERS)), "ä".repeat(MAX_CHARACTERS));
        assert_eq!(cut(&"ä".repeat(MAX_CHARACTERS + 1)), "ä".repeat(MAX_CHARACTERS) + "…");
    }
}
