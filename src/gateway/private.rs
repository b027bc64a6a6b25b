//! Tokenising at the edge (B10): what comes in of a contact's words gets its tokens here, before the core, a language engine or
//! the journal sees it; and the way back to external systems.

use std::collections::BTreeMap;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::{Gateway, chain::Chain, shard::Entry};
use crate::{
    core::{
        contact::{Card, Contact, Event, Out, Value},
        message::Parameters,
        step::Step,
    },
    privacy::{Scanner, Secrets},
};

/// What a contact may have of values; more become tokens without a number, which stand for nothing.
const MAX_VALUES: usize = 64;
const MAX_VALUE_BYTES: usize = 512;

/// What became of something that came in.
#[derive(Debug, Default)]
pub(super) struct Tokenised {
    made: Vec<Value>,
    found: BTreeMap<String, u32>,
}

impl Tokenised {
    /// Tells the contact, if it has taken what came in: it may be there already, or too much.
    pub(super) fn tell(self, contact: &mut Contact, out: &mut Out) {
        let is_taken = |it: &Step| matches!(it, Step::Started { .. } | Step::Returned { .. } | Step::Heard { .. });
        if !self.found.is_empty() && out.steps.iter().any(is_taken) {
            contact.tokenised(self.made, self.found, out);
        }
    }
}

impl Gateway {
    /// What an event brings of a contact's words.
    #[expect(clippy::wildcard_enum_match_arm, reason = "most events bring none")]
    pub(super) fn tokenise(&self, event: &mut Event, entry: &mut Entry) -> Tokenised {
        let (values, chain) = (entry.contact.values(), &mut entry.chain);
        match event {
            Event::Message { input, sensitive, .. } => {
                let mut ledger = Ledger { sensitive: *sensitive, ..Ledger::new(values, chain) };
                self.scanner.load().tokenise(input, &mut |name, value| Some(ledger.token(name, value)));
                ledger.done()
            }
            Event::Returned { card, .. } => self.tokenise_card(card, values, chain),
            Event::ExternalAnswered { content, .. } => {
                self.tokenise_known(content, values, chain);
                Tokenised::default()
            }
            _ => Tokenised::default(),
        }
    }

    /// What an offer brings along: what was said before, and what the contact centre knows. Ids and addresses stay as they are:
    /// by them the contact centre knows its customer again.
    pub(super) fn tokenise_card(&self, card: &mut Card, values: &[Value], chain: &mut Chain) -> Tokenised {
        let mut ledger = Ledger::new(values, chain);
        let scanner = self.scanner.load();
        let mut name_it = |name: &str, value: &str| Some(ledger.token(name, value));
        scanner.tokenise_text(&mut card.customer_name, &mut name_it);
        for (key, value) in &mut card.attributes {
            scanner.tokenise_text(key, &mut name_it);
            scanner.tokenise_text(value, &mut name_it);
        }
        for line in &mut card.history {
            scanner.tokenise_text(&mut line.text, &mut name_it);
        }
        ledger.done()
    }

    /// What an external system was given must not come back with its answer; what else it says is its own.
    fn tokenise_known(&self, text: &mut String, values: &[Value], chain: &mut Chain) {
        if !values.is_empty() {
            let mut ledger = Ledger::new(values, chain);
            self.scanner.load().tokenise_text(text, &mut |name, value| ledger.known(name, value));
        }
    }

    /// Takes effect for what comes in from here on.
    pub fn set_scanner(&self, scanner: Scanner) {
        self.scanner.store(scanner.into());
    }
}

/// What the tokens in a query's parameters stand for.
pub(super) fn secrets(parameters: &Parameters, values: &[Value], chain: &Chain) -> Secrets {
    if values.is_empty() {
        return Secrets::default();
    }
    // Tokens hold nothing that JSON would write in another way.
    let text = serde_json::Value::Object(parameters.clone()).to_string();
    let named = values.iter().filter(|it| text.contains(&it.token()));
    let opened = named.filter_map(|it| Some((it.token(), SecretString::from(chain.open_value(&it.sealed)?.as_str()))));
    Secrets(opened.collect())
}

/// Gives each value of a contact its token.
struct Ledger<'a> {
    known: &'a [Value],
    chain: &'a mut Chain,
    /// What the known ones stand for, as far as it was asked for.
    opened: Vec<Option<Option<Zeroizing<String>>>>,
    made: Vec<(Value, Zeroizing<String>)>,
    found: BTreeMap<String, u32>,
    sensitive: bool,
}

impl<'a> Ledger<'a> {
    fn new(known: &'a [Value], chain: &'a mut Chain) -> Self {
        let opened = vec![None; known.len()];
        Self { known, chain, opened, made: Vec::new(), found: BTreeMap::new(), sensitive: false }
    }

    fn token(&mut self, name: &str, value: &str) -> String {
        *self.found.entry(name.to_owned()).or_default() += 1;
        if value.is_empty() || value.len() > MAX_VALUE_BYTES {
            return format!("[{name}]");
        }
        let again = self.made.iter().find(|(it, plain)| it.name == name && plain.as_str() == value);
        if let Some((made, _)) = again {
            return made.token();
        }
        if let Some(index) = self.find(name, value) {
            return self.use_again(index, value);
        }
        let numbers = self.known.iter().chain(self.made.iter().map(|(it, _)| it)).filter(|it| it.name == name);
        let number = numbers.map(|it| it.number).max().unwrap_or_default().saturating_add(1);
        if self.known.len() + self.made.len() >= MAX_VALUES {
            return format!("[{name}]");
        }
        self.make(name, number, value)
    }

    /// The token of a value that the contact has already.
    fn known(&mut self, name: &str, value: &str) -> Option<String> {
        let index = self.find(name, value)?;
        self.known.get(index).map(Value::token)
    }

    fn find(&mut self, name: &str, value: &str) -> Option<usize> {
        let chain = &self.chain;
        self.known.iter().zip(&mut self.opened).position(|(known, opened)| {
            known.name == name
                && opened
                    .get_or_insert_with(|| chain.open_value(&known.sealed))
                    .as_ref()
                    .is_some_and(|it| it.as_str() == value)
        })
    }

    fn use_again(&mut self, index: usize, value: &str) -> String {
        match self.known.get(index) {
            // Sensitive then, but not now: from here on it may be kept.
            Some(known) if known.sensitive && !self.sensitive => {
                let (name, number) = (known.name.clone(), known.number);
                self.make(&name, number, value)
            }
            Some(known) => known.token(),
            None => String::new(),
        }
    }

    fn make(&mut self, name: &str, number: u16, value: &str) -> String {
        match self.chain.seal_value(value) {
            Ok(sealed) => {
                let made = Value { name: name.to_owned(), number, sealed, sensitive: self.sensitive };
                let token = made.token();
                self.made.push((made, Zeroizing::new(value.to_owned())));
                token
            }
            Err(_) => format!("[{name}]"),
        }
    }

    fn done(self) -> Tokenised {
        Tokenised { made: self.made.into_iter().map(|(value, _)| value).collect(), found: self.found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        core::ids::{ContactId, ContactName, UnitName},
        gateway::chain::Link,
        seal::{Sealer, Vault},
    };

    fn chain() -> Chain {
        let id = ContactId { unit: UnitName::new("north").unwrap(), name: ContactName::new("c1").unwrap() };
        Chain::begin(&Vault::new(&Sealer::from_key([1; 32])), &id, Link::FIRST).unwrap()
    }

    fn tokens(
        sensitive: bool,
        known: &[Value],
        chain: &mut Chain,
        values: &[(&str, &str)],
    ) -> (Vec<String>, Tokenised) {
        let mut ledger = Ledger { sensitive, ..Ledger::new(known, chain) };
        let told = values.iter().map(|(name, value)| ledger.token(name, value)).collect();
        (told, ledger.done())
    }

    #[test]
    fn b10_a_value_has_one_token_in_its_contact_and_each_type_counts_by_itself() {
        let mut chain = chain();
        let (told, first) =
            tokens(false, &[], &mut chain, &[("card", "a"), ("iban", "a"), ("card", "b"), ("card", "a")]);
        assert_eq!(told, ["[card:1]", "[iban:1]", "[card:2]", "[card:1]"]);
        assert_eq!(first.found, BTreeMap::from([("card".to_owned(), 3), ("iban".to_owned(), 1)]));
        let (told, later) = tokens(false, &first.made, &mut chain, &[("card", "b"), ("card", "c"), ("iban", "b")]);
        assert_eq!(told, ["[card:2]", "[card:3]", "[iban:2]"]);
        assert_eq!(later.made.len(), 2, "what is known is not kept again");
        let opened: Vec<_> = first.made.iter().filter_map(|it| chain.open_value(&it.sealed)).collect();
        assert_eq!(opened.iter().map(|it| it.as_str()).collect::<Vec<_>>(), ["a", "a", "b"]);
        assert!(self::chain().open_value(&first.made[0].sealed).is_none(), "another contact's key opens nothing");
    }

    #[test]
    fn b10_what_comes_beyond_the_bounds_is_hidden_and_stands_for_nothing() {
        let mut chain = chain();
        let many: Vec<String> = (0..=MAX_VALUES).map(|it| it.to_string()).collect();
        let values: Vec<_> = many.iter().map(|it| ("pin", it.as_str())).collect();
        let (told, tokenised) = tokens(false, &[], &mut chain, &values);
        assert_eq!((told[MAX_VALUES - 1].as_str(), told[MAX_VALUES].as_str()), ("[pin:64]", "[pin]"));
        assert_eq!(tokenised.made.len(), MAX_VALUES);
        let (told, tokenised) =
            tokens(false, &[], &mut chain, &[("pin", &"x".repeat(MAX_VALUE_BYTES + 1)), ("pin", "")]);
        assert_eq!((told, tokenised.made.len()), (vec!["[pin]".to_owned(), "[pin]".to_owned()], 0));
    }

    #[test]
    fn b10_a_value_of_a_sensitive_message_is_kept_once_it_is_said_openly() {
        let mut chain = chain();
        let (_, secret) = tokens(true, &[], &mut chain, &[("card", "a")]);
        let kept = serde_json::to_string(&secret.made).unwrap();
        assert!(kept.contains("\"sealed\":\"\""), "{kept}");
        // After a restart its token is still taken, by nobody knows what.
        let read: Vec<Value> = serde_json::from_str(&kept).unwrap();
        assert_eq!(tokens(false, &read, &mut chain, &[("card", "b")]).0, ["[card:2]"]);
        let (told, open) = tokens(false, &secret.made, &mut chain, &[("card", "a")]);
        assert_eq!((told, open.made[0].sensitive), (vec!["[card:1]".to_owned()], false));
        let again: Vec<Value> = serde_json::from_str(&serde_json::to_string(&open.made).unwrap()).unwrap();
        assert_eq!(again, open.made);
    }

    #[test]
    fn b10_only_what_a_query_names_is_opened_for_it() {
        let mut chain = chain();
        let (_, tokenised) = tokens(false, &[], &mut chain, &[("card", "a"), ("card", "b")]);
        let parameters = serde_json::json!({ "x": { "y": "it is [card:2]" } }).as_object().cloned().unwrap();
        let opened = secrets(&parameters, &tokenised.made, &chain);
        assert_eq!(opened.0.iter().map(|(token, _)| token.as_str()).collect::<Vec<_>>(), ["[card:2]"]);
    }
}
