//! Expressions of regexp entities: compiled when the lexicon is built, in time linear to the text when it is read.

use regex::{Regex, RegexBuilder};

/// As compiled; what is larger is refused.
const MOST_BYTES: usize = 1 << 20;
/// As written.
const LONGEST: usize = 2_048;
/// Per entity; the service allows 50 entries.
pub(super) const MOST_OF_AN_ENTITY: usize = 200;

/// Why an expression cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegexpError {
    #[error("the expression is longer than {LONGEST} bytes: split it into several")]
    TooLong,
    #[error("the expression needs too much memory: lessen its counted repetitions")]
    TooLarge,
    #[error("the expression matches the empty text: make at least one character of it necessary")]
    Empty,
    #[error("the expression is not RE2: {0}")]
    Syntax(String),
}

/// Whether a regexp entity's expression is one that we match with.
///
/// # Errors
/// When it is not: such an expression finds nothing.
pub fn check_regexp(expression: &str) -> Result<(), RegexpError> {
    compile(expression).map(|_| ())
}

pub(super) fn compile(expression: &str) -> Result<Regex, RegexpError> {
    if expression.len() > LONGEST {
        return Err(RegexpError::TooLong);
    }
    let mut builder = RegexBuilder::new(expression);
    let compiled =
        builder.size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).nest_limit(50).case_insensitive(true).build();
    let regexp = compiled.map_err(|error| {
        let is_large = matches!(error, regex::Error::CompiledTooBig(_));
        if is_large { RegexpError::TooLarge } else { RegexpError::Syntax(error.to_string()) }
    })?;
    if regexp.is_match("") { Err(RegexpError::Empty) } else { Ok(regexp) }
}
