//! What a kind of language engine is configured by. Reading, checking, the printed defaults and the form of an editor all follow
//! from its schema; an engine brings one along and gets [`Values`] back.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::IntoDeserializer as _};

use super::finding::Severity;
use crate::core::said::Said;

/// One kind's settings: a section of a profile.
#[derive(Debug)]
pub struct Schema {
    /// As it stands in a profile's `type`.
    pub kind: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// The table that holds its fields.
    pub section: &'static str,
    pub fields: &'static [Field],
    /// Characters that the engine takes as one text; 0: any number.
    pub text_characters: usize,
    /// What fields cannot tell by themselves.
    pub check: fn(&Values) -> Vec<Problem>,
    /// What no two profiles may have in common (S6).
    pub exclusive: fn(&Values) -> Option<Exclusive>,
}

impl Schema {
    /// [`Self::check`] of a kind whose fields tell everything.
    #[must_use]
    pub fn nothing_more(_: &Values) -> Vec<Problem> {
        Vec::new()
    }

    /// [`Self::exclusive`] of a kind whose profiles may share everything.
    #[must_use]
    pub fn nothing_exclusive(_: &Values) -> Option<Exclusive> {
        None
    }

    /// Whether engines of this kind choose among the profile's actions, as these are described to them.
    #[must_use]
    pub fn is_offered_actions(&self) -> bool {
        self.kind == "llm"
    }

    #[must_use]
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key == key)
    }

    /// The section as TOML, every field with its meaning: those without a default as comments.
    #[must_use]
    pub fn as_toml(&self) -> String {
        let mut text = format!("[{}]\n", self.section);
        for field in self.fields {
            for line in field.help.lines() {
                push_line(&mut text, format_args!("# {line}"));
            }
            match field.default {
                Some(default) => push_line(&mut text, format_args!("{} = {default}", field.key)),
                None => push_line(&mut text, format_args!("#{} = {}", field.key, field.example)),
            }
        }
        text
    }
}

fn push_line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("a String takes whatever is written");
}

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    pub key: &'static str,
    /// What it means, for the person who writes it.
    pub help: &'static str,
    pub form: Form,
    /// TOML. `None`: nothing is set unless somebody sets it.
    pub default: Option<&'static str>,
    /// TOML, shown where there is no default.
    pub example: &'static str,
    pub required: Required,
}

/// Whether a field must be there, and the advice when it is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    No,
    Yes(&'static str),
    /// Not if the other field is there.
    Unless(&'static str, &'static str),
}

/// What may be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// One line of so many characters.
    Text(usize),
    /// Lines of so many characters altogether.
    LongText(usize),
    /// Part of a resource's path, of so many bytes: a slash in it would name another resource.
    Segment(usize),
    Secret,
    /// A Google service account's key file.
    ServiceAccount,
    /// `http://host:port` or `https://host:port`.
    Endpoint,
    /// `http` or `https`, with a path and perhaps a query.
    Url,
    /// `http://[user:password@]host:port`.
    Proxy,
    Choice(&'static [&'static str]),
    Number(u64, u64),
    Millis(u64, u64),
    Seconds(u64, u64),
    /// With a fraction, from the first to the second.
    Decimal(f64, f64),
    Flag,
    /// So many texts at most.
    Texts(usize),
}

/// What is wrong with a combination of fields, or with a field in a way of its own.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The field at fault.
    pub key: &'static str,
    pub severity: Severity,
    /// Goes on from the field's name: "`lex.region` " and "is no region of AWS".
    pub message: Said,
    pub help: Said,
}

impl Problem {
    #[must_use]
    pub fn error(key: &'static str, message: Said, help: Said) -> Self {
        Self { key, severity: Severity::Error, message, help }
    }

    #[must_use]
    pub fn warning(key: &'static str, message: Said, help: Said) -> Self {
        Self { severity: Severity::Warning, ..Self::error(key, message, help) }
    }
}

/// Something that belongs to one profile alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exclusive {
    /// "Google key"
    pub what: Said,
    pub id: String,
    /// The field that holds it.
    pub key: &'static str,
    pub help: Said,
}

#[derive(Clone, Debug)]
pub enum Value {
    Text(String),
    Secret(SecretString),
    Number(u64),
    Decimal(f64),
    Flag(bool),
    Texts(Vec<String>),
}

/// What was set, by default or by somebody. Its `Debug` hides secrets, also those in addresses.
#[derive(Clone, Default)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    #[must_use]
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.0.get(key)? {
            Value::Text(text) => Some(text),
            Value::Secret(_) | Value::Number(_) | Value::Decimal(_) | Value::Flag(_) | Value::Texts(_) => None,
        }
    }

    #[must_use]
    pub fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(str::to_owned)
    }

    #[must_use]
    pub fn secret(&self, key: &str) -> Option<&SecretString> {
        match self.0.get(key)? {
            Value::Secret(secret) => Some(secret),
            Value::Text(_) | Value::Number(_) | Value::Decimal(_) | Value::Flag(_) | Value::Texts(_) => None,
        }
    }

    /// 0 where nothing is set.
    #[must_use]
    pub fn number(&self, key: &str) -> u64 {
        match self.0.get(key) {
            Some(Value::Number(number)) => *number,
            Some(Value::Text(_) | Value::Secret(_) | Value::Decimal(_) | Value::Flag(_) | Value::Texts(_)) | None => 0,
        }
    }

    /// 0 where nothing is set.
    #[must_use]
    pub fn count(&self, key: &str) -> usize {
        usize::try_from(self.number(key)).unwrap_or(usize::MAX)
    }

    #[must_use]
    pub fn millis(&self, key: &str) -> Duration {
        Duration::from_millis(self.number(key))
    }

    #[must_use]
    pub fn seconds(&self, key: &str) -> Duration {
        Duration::from_secs(self.number(key))
    }

    #[must_use]
    pub fn decimal(&self, key: &str) -> Option<f64> {
        match self.0.get(key)? {
            Value::Decimal(decimal) => Some(*decimal),
            Value::Text(_) | Value::Secret(_) | Value::Number(_) | Value::Flag(_) | Value::Texts(_) => None,
        }
    }

    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.0.get(key), Some(Value::Flag(true)))
    }

    #[must_use]
    pub fn texts(&self, key: &str) -> &[String] {
        match self.0.get(key) {
            Some(Value::Texts(texts)) => texts,
            Some(Value::Text(_) | Value::Secret(_) | Value::Number(_) | Value::Decimal(_) | Value::Flag(_)) | None => {
                &[]
            }
        }
    }

    /// One of an enum's words; its first where nothing is set. The schema's [`Form::Choice`] has let no other through.
    #[must_use]
    pub fn choice<T: for<'de> Deserialize<'de>>(&self, key: &str) -> Option<T> {
        let parsed: Result<T, serde::de::value::Error> = T::deserialize(self.text(key)?.into_deserializer());
        parsed.ok()
    }

    pub fn set(&mut self, key: &'static str, value: Value) {
        self.0.insert(key, value);
    }

    /// Whether both say the same, secrets included.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        let exposed = |it: &Value| match it {
            Value::Secret(secret) => format!("secret {}", secret.expose_secret()),
            Value::Text(_) | Value::Number(_) | Value::Decimal(_) | Value::Flag(_) | Value::Texts(_) => {
                format!("{it:?}")
            }
        };
        let all = |it: &Self| it.0.iter().map(|(key, value)| (*key, exposed(value))).collect::<Vec<_>>();
        all(self) == all(other)
    }
}

impl FromIterator<(&'static str, Value)> for Values {
    fn from_iter<I: IntoIterator<Item = (&'static str, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl std::fmt::Debug for Values {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut map = f.debug_map();
        for (key, value) in &self.0 {
            match value {
                Value::Text(text) if text.contains('@') && text.contains("://") => map.entry(key, &"****"),
                Value::Text(text) => map.entry(key, text),
                Value::Secret(_) => map.entry(key, &"****"),
                Value::Number(number) => map.entry(key, number),
                Value::Decimal(number) => map.entry(key, number),
                Value::Flag(flag) => map.entry(key, flag),
                Value::Texts(texts) => map.entry(key, texts),
            };
        }
        map.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE: Field = Field {
        key: "key",
        help: "What it is.\nAnd why.",
        form: Form::Text(10),
        default: Some("\"x\""),
        example: "",
        required: Required::No,
    };

    #[test]
    fn a_section_is_printed_with_every_field_and_its_meaning() {
        const FIELDS: &[Field] = &[LIKE, Field { key: "other", default: None, example: "\"y\"", ..LIKE }];
        let schema = Schema {
            kind: "k",
            title: "K",
            section: "s",
            fields: FIELDS,
            text_characters: 0,
            check: Schema::nothing_more,
            exclusive: Schema::nothing_exclusive,
        };
        let expected = "[s]\n# What it is.\n# And why.\nkey = \"x\"\n# What it is.\n# And why.\n#other = \"y\"\n";
        assert_eq!(schema.as_toml(), expected);
    }

    #[test]
    fn values_show_no_secret_and_still_tell_secrets_apart() {
        let with = |secret: &str, proxy: &str| -> Values {
            [("token", Value::Secret(secret.into())), ("proxy", Value::Text(proxy.into()))].into_iter().collect()
        };
        let values = with("planted-1", "http://u:planted-2@p:1");
        assert!(!format!("{values:?}").contains("planted"), "{values:?}");
        assert!(values.same(&values.clone()));
        assert!(!values.same(&with("planted-3", "http://u:planted-2@p:1")));
        assert!(!values.same(&with("planted-1", "http://u:other@p:1")));
    }
}
