//! What is private in what customers write (B10): card numbers, IBANs and configured patterns, found however they are typed, and
//! replaced by typed tokens such as `[card:1]`.
//!
//! `signs` reads a text as it is meant; `card`, `iban` and `pattern` find in it; `restore` is the way back. What a token stands
//! for is the caller's to keep.

mod card;
mod iban;
mod pattern;
mod restore;
mod signs;

use std::collections::BTreeMap;

use serde_json::Value;

use pattern::Pattern;
pub use pattern::{PatternError, check_name, check_pattern};
pub use restore::{Secrets, restore};
use signs::Signs;

use crate::{
    config::settings::Privacy,
    core::message::{Input, Parameters},
};

/// The types that are built in.
pub const CARD: &str = "card";
pub const IBAN: &str = "iban";

/// So much is replaced in one text; from there on all of it is one token.
const MAX_FINDS: usize = 256;

/// Gives the token for a value of a type, by the names of both. `None`: it stays as it is. An empty value is one that cannot be
/// kept.
pub type Name<'a> = dyn FnMut(&str, &str) -> Option<String> + 'a;

/// Finds what is private, by the configuration.
#[derive(Debug, Default)]
pub struct Scanner {
    card: bool,
    iban: bool,
    patterns: Vec<Pattern>,
}

/// Something private: signs `from..to` of its text.
#[derive(Debug, PartialEq, Eq)]
struct Find {
    from: usize,
    to: usize,
    /// Without what is only there for the eye.
    value: String,
}

impl Scanner {
    /// # Errors
    /// When a pattern is none.
    pub fn new(settings: &Privacy) -> Result<Self, PatternError> {
        let patterns = settings.patterns.iter().map(Pattern::new).collect::<Result<_, _>>()?;
        Ok(Self { card: settings.card, iban: settings.iban, patterns })
    }

    /// In every text of an input.
    pub fn tokenise(&self, input: &mut Input, name: &mut Name<'_>) {
        match input {
            Input::Text(text) | Input::Dtmf(text) => self.tokenise_text(text, name),
            Input::Event { parameters, .. } | Input::Structured(parameters) => {
                self.tokenise_parameters(parameters, name);
            }
            Input::Redacted => {}
        }
    }

    /// In every text of it, however deep, the keys too.
    pub fn tokenise_parameters(&self, parameters: &mut Parameters, name: &mut Name<'_>) {
        let taken = std::mem::take(parameters);
        for (mut key, mut value) in taken {
            self.tokenise_text(&mut key, name);
            self.tokenise_value(&mut value, name);
            parameters.insert(key, value);
        }
    }

    fn tokenise_value(&self, value: &mut Value, name: &mut Name<'_>) {
        match value {
            Value::String(text) => self.tokenise_text(text, name),
            // A card number may come as a number.
            Value::Number(number) if number.is_i64() || number.is_u64() => {
                let mut text = number.to_string();
                self.tokenise_text(&mut text, name);
                if text != number.to_string() {
                    *value = Value::String(text);
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.tokenise_value(item, name)),
            Value::Object(members) => self.tokenise_parameters(members, name),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// In one text.
    pub fn tokenise_text(&self, text: &mut String, name: &mut Name<'_>) {
        if !self.may_hold(text) {
            return;
        }
        let signs = Signs::read(text);
        let finds = self.find(&signs);
        if finds.is_empty() {
            return;
        }
        let (mut told, mut rest) = (String::with_capacity(text.len()), 0);
        for ((from, to), (kind, value)) in finds {
            let (Some(before), Some(token)) = (text.get(rest..from), name(kind, &value)) else { continue };
            told.push_str(before);
            told.push_str(&token);
            rest = to;
        }
        told.push_str(text.get(rest..).unwrap_or_default());
        *text = told;
    }

    /// What need not be read sign by sign.
    fn may_hold(&self, text: &str) -> bool {
        let least = if self.iban { iban::LEAST_DIGITS } else { card::LEAST_DIGITS };
        !self.patterns.is_empty()
            || ((self.card || self.iban) && text.chars().filter(|it| it.is_numeric()).take(least).count() == least)
    }

    /// In order, by where they stand in the text; each with its type and value.
    fn find<'a>(&'a self, signs: &Signs) -> BTreeMap<(usize, usize), (&'a str, String)> {
        // What has a check sum comes first: a pattern of fewer digits must not take a card number apart.
        let is_name = |it: &str| matches!(it, CARD | IBAN) || self.patterns.iter().any(|pattern| pattern.name == it);
        let mut taken = signs.tokens(&is_name);
        let mut all = Vec::new();
        let mut take = |kind: &'a str, finds: Vec<Find>, taken: &mut Vec<bool>| {
            for find in finds {
                taken.iter_mut().take(find.to).skip(find.from).for_each(|it| *it = true);
                all.push((kind, find));
            }
        };
        if self.iban {
            take(IBAN, iban::find(signs, &taken), &mut taken);
        }
        if self.card {
            take(CARD, card::find(signs, &taken), &mut taken);
        }
        for pattern in &self.patterns {
            take(&pattern.name, pattern.find(signs, &taken), &mut taken);
        }
        all.sort_by_key(|(_, find)| find.from);
        let is_too_much = all.len() > MAX_FINDS;
        all.truncate(MAX_FINDS);
        if let (true, Some((_, last))) = (is_too_much, all.last_mut()) {
            (last.to, last.value) = (signs.len(), String::new());
        }
        all.into_iter()
            .filter_map(|(kind, find)| Some((signs.range(find.from, find.to)?, (kind, find.value))))
            .collect()
    }
}

#[cfg(test)]
mod tests;
