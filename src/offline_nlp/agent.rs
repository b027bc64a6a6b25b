//! An agent, as an export describes it: intents, entities, languages, webhook. Plain data; `load` makes it, the others read it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// A language tag in lower case, such as `en` or `pt-br`.
pub type Language = String;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Agent {
    pub name: String,
    pub default_language: Language,
    /// All of them, the default first.
    pub languages: Vec<Language>,
    /// IANA name.
    pub time_zone: String,
    /// Below this confidence an intent does not match (`mlMinConfidence`).
    pub min_confidence: f32,
    pub webhook: Option<Webhook>,
    /// In order of their names.
    pub intents: Vec<Intent>,
    pub entities: Vec<EntityType>,
}

/// Where fulfilment is asked for. Its values may be secret: never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Webhook {
    pub url: String,
    pub username: String,
    pub password: String,
    pub headers: BTreeMap<String, String>,
}

#[expect(clippy::struct_excessive_bools, reason = "flag by flag what an export says")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// UUID.
    pub id: String,
    /// The display name.
    pub name: String,
    pub is_fallback: bool,
    /// Higher wins; 500,000 is normal. Negative: switched off.
    pub priority: i64,
    /// All must be active; in lower case.
    pub input_contexts: Vec<String>,
    /// Names of events, in lower case.
    pub events: Vec<String>,
    pub parent_id: Option<String>,
    pub root_parent_id: Option<String>,
    pub webhook_used: bool,
    pub webhook_for_slot_filling: bool,
    /// `auto: false`: phrases must match as written.
    pub ml_disabled: bool,
    pub end_interaction: bool,
    pub live_agent_handoff: bool,
    pub reset_contexts: bool,
    pub output_contexts: Vec<OutputContext>,
    pub action: String,
    pub parameters: Vec<Parameter>,
    /// By language; what a language lacks is taken from its root (`en-us` → `en`).
    pub phrases: BTreeMap<Language, Vec<Phrase>>,
    /// By language; the empty one serves all.
    pub messages: BTreeMap<Language, Vec<Message>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputContext {
    /// In lower case.
    pub name: String,
    pub lifespan: i32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameter {
    pub id: String,
    pub name: String,
    /// `sys.date`, `product`, … without the `@`.
    pub entity: String,
    /// `$name`, `#context.name`, `#context.name.original`, a constant, or composed of them.
    pub value: String,
    pub default: Option<Value>,
    pub required: bool,
    pub is_list: bool,
    pub prompts: BTreeMap<Language, Vec<String>>,
}

/// A training phrase in its parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phrase {
    pub parts: Vec<Part>,
    /// Written with `@entity:name` instead of an example.
    pub is_template: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Part {
    pub text: String,
    /// Without the `@`; `None`: plain text (also `sys.ignore`).
    pub entity: Option<String>,
    /// The parameter it fills; empty: none.
    pub alias: String,
}

impl Phrase {
    #[must_use]
    pub fn text(&self) -> String {
        self.parts.iter().map(|it| it.text.as_str()).collect()
    }
}

/// One message of a response, for the default platform.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Variants; one of them is said.
    Text(Vec<String>),
    Card {
        title: String,
        subtitle: String,
        image_uri: String,
        buttons: Vec<(String, String)>,
    },
    QuickReplies {
        title: String,
        replies: Vec<String>,
    },
    Image {
        uri: String,
        description: String,
    },
    Payload(Map<String, Value>),
}

#[expect(clippy::struct_excessive_bools, reason = "flag by flag what an export says")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EntityType {
    pub id: String,
    /// Without the `@`.
    pub name: String,
    /// A list without synonyms; its values may refer to other entities (`@size:size @drink:drink`).
    pub is_enum: bool,
    pub is_regexp: bool,
    pub automated_expansion: bool,
    pub fuzzy: bool,
    pub entries: BTreeMap<Language, Vec<Entry>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    pub value: String,
    /// For a regexp entity: the expressions.
    pub synonyms: Vec<String>,
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Webhook(..)")
    }
}

/// What a language falls back to, itself first: `de-ch`, `de`.
pub fn fallbacks(language: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(language), |it| it.rsplit_once('-').map(|(root, _)| root))
}

/// The entry of `language` or of what it falls back to.
pub fn localized<'a, T>(by_language: &'a BTreeMap<Language, T>, language: &str) -> Option<&'a T> {
    fallbacks(language).find_map(|it| by_language.get(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b16_a_language_falls_back_to_its_root() {
        let entries = BTreeMap::from([("de".to_owned(), 1), ("en".to_owned(), 2)]);
        assert_eq!(localized(&entries, "de-ch"), Some(&1));
        assert_eq!(localized(&entries, "fr"), None);
    }
}
