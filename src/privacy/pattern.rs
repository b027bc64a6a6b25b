//! What an administrator names as private, as a regular expression. It takes time in proportion to the text, whatever it is.

use std::{error::Error, fmt};

use regex::{Regex, RegexBuilder};

use super::{CARD, Find, IBAN, Signs};
use crate::{
    config::settings,
    core::said::{Said, said},
};

pub(super) const MAX_NAME: usize = 32;
const MAX_COMPILED_BYTES: usize = 1024 * 1024;

/// Why a pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PatternError {
    Malformed(String),
    Empty,
    Name,
    BuiltIn,
}

impl PatternError {
    /// Goes on from what it is called.
    #[must_use]
    pub fn tell(&self) -> Said {
        match self {
            Self::Malformed(why) => said!("is no regular expression: {}", why),
            Self::Empty => said!("matches where there is nothing"),
            Self::Name => said!("is not 1 to {} of a-z, 0-9 and _ that begin with a letter", MAX_NAME),
            Self::BuiltIn => said!("is the name of what is built in"),
        }
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl Error for PatternError {}

/// Whether `name` may name a pattern: it stands in tokens.
///
/// # Errors
/// Why not.
pub fn check_name(name: &str) -> Result<(), PatternError> {
    if matches!(name, CARD | IBAN) {
        return Err(PatternError::BuiltIn);
    }
    let is_good = |it: u8| it.is_ascii_lowercase() || it.is_ascii_digit() || it == b'_';
    let begins = name.starts_with(|it: char| it.is_ascii_lowercase());
    if begins && name.len() <= MAX_NAME && name.bytes().all(is_good) { Ok(()) } else { Err(PatternError::Name) }
}

/// Whether `regex` may find something.
///
/// # Errors
/// Why not.
pub fn check_pattern(regex: &str) -> Result<(), PatternError> {
    compile(regex).map(drop)
}

fn compile(regex: &str) -> Result<Regex, PatternError> {
    let built = RegexBuilder::new(regex).size_limit(MAX_COMPILED_BYTES).build();
    let regex = built.map_err(|error| PatternError::Malformed(error.to_string()))?;
    if regex.find_iter("a-1 ").any(|it| it.is_empty()) || regex.is_match("") {
        return Err(PatternError::Empty);
    }
    Ok(regex)
}

#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) name: String,
    regex: Regex,
}

impl Pattern {
    pub(super) fn new(settings: &settings::Pattern) -> Result<Self, PatternError> {
        check_name(&settings.name)?;
        Ok(Self { name: settings.name.clone(), regex: compile(&settings.regex)? })
    }

    /// In each stretch of the text that is not taken.
    pub(super) fn find(&self, signs: &Signs, taken: &[bool]) -> Vec<Find> {
        let mut finds = Vec::new();
        let (mut stretch, mut starts, mut first) = (String::new(), Vec::new(), 0);
        let ends = signs.meant().map(Some).zip(taken.iter().copied()).chain(std::iter::once((None, true)));
        for (index, (meant, is_taken)) in ends.enumerate() {
            match meant {
                Some(sign) if !is_taken => {
                    if stretch.is_empty() {
                        first = index;
                    }
                    starts.push(stretch.len());
                    stretch.push(sign);
                }
                Some(_) | None if stretch.is_empty() => {}
                Some(_) | None => {
                    self.find_in(&stretch, &starts, first, &mut finds);
                    stretch.clear();
                    starts.clear();
                }
            }
        }
        finds
    }

    /// `starts`: where each sign begins in the stretch; the first of them is sign `first` of the text.
    fn find_in(&self, stretch: &str, starts: &[usize], first: usize, finds: &mut Vec<Find>) {
        let sign_at = |byte: usize| first + starts.partition_point(|start| *start < byte);
        let room = (super::MAX_FINDS + 1).saturating_sub(finds.len());
        let found = self.regex.find_iter(stretch).filter(|it| !it.is_empty()).take(room);
        finds.extend(found.map(|it| Find {
            from: sign_at(it.start()),
            to: sign_at(it.end()),
            value: it.as_str().to_owned(),
        }));
    }
}
