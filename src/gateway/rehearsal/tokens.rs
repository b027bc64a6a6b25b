//! Tokens of a rehearsal (B10): as a contact's, but what they stand for is kept nowhere, since no external system is asked.

use sha2::{Digest as _, Sha256};

use crate::{core::message::Input, privacy::Scanner};

/// What a rehearsal may have of values; more become tokens without a number.
const MAX_VALUES: usize = 64;

/// Which values have been met, by a hash that says nothing outside of this rehearsal.
#[derive(Debug)]
pub(super) struct Tokens {
    salt: [u8; 32],
    known: Vec<(String, [u8; 32], usize)>,
}

impl Default for Tokens {
    fn default() -> Self {
        Self { salt: rand::random(), known: Vec::new() }
    }
}

impl Tokens {
    pub(super) fn hide(&mut self, scanner: &Scanner, input: &mut Input) {
        scanner.tokenise(input, &mut |name, value| Some(self.token(name, value)));
    }

    fn token(&mut self, name: &str, value: &str) -> String {
        let hash: [u8; 32] = Sha256::new().chain_update(self.salt).chain_update(value).finalize().into();
        if let Some((_, _, number)) = self.known.iter().find(|(it, known, _)| it == name && *known == hash) {
            return format!("[{name}:{number}]");
        }
        if self.known.len() >= MAX_VALUES {
            return format!("[{name}]");
        }
        let number = self.known.iter().filter(|it| it.0 == name).count() + 1;
        self.known.push((name.to_owned(), hash, number));
        format!("[{name}:{number}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b10_a_value_has_one_token_and_each_type_counts_by_itself() {
        let mut tokens = Tokens::default();
        let told =
            [("card", "a"), ("iban", "a"), ("card", "b"), ("card", "a")].map(|(name, it)| tokens.token(name, it));
        assert_eq!(told, ["[card:1]", "[iban:1]", "[card:2]", "[card:1]"]);
        let many: Vec<String> = (0..MAX_VALUES).map(|it| tokens.token("pin", &it.to_string())).collect();
        assert_eq!(many.last().map(String::as_str), Some("[pin]"));
        assert!(!format!("{tokens:?}").contains("\"a\""));
    }
}
