//! What is said to people: a text that is known by its English words, and its values. Whoever shows it says it in a reader's
//! language, by a voice (`tell`); logs, files and programs have it in English.
//!
//! Where it is kept, what somebody else says is a text, and what we say is a list: the English words, and their values. What
//! was kept as a text before is read as what somebody else has said.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    ops::Deref,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::SerializeSeq as _};

use super::tell::{English, Voice};

/// The text of what is somebody else's.
const FOREIGN: &str = "{}";

/// `user {} is locked`, and which user. A value may be something said itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Said {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Value {
    Plain(String),
    Said(Said),
}

impl Said {
    /// The macro `said!` is how this is called: a test finds the texts by it.
    #[must_use]
    pub const fn new(text: &'static str, values: Vec<Value>) -> Self {
        Self { text: Cow::Borrowed(text), values }
    }

    /// A text of a table's, whose translations are looked after where the table is.
    #[must_use]
    pub const fn listed(text: &'static str) -> Self {
        Self::new(text, Vec::new())
    }

    /// What somebody else says: it stays as it is.
    #[must_use]
    pub fn foreign(text: impl Into<String>) -> Self {
        Self::new(FOREIGN, vec![Value::Plain(text.into())])
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    #[must_use]
    pub fn tell_in(&self, v: &dyn Voice) -> String {
        let values: Vec<String> = self.values.iter().map(|it| it.tell_in(v)).collect();
        let values: Vec<&dyn Display> = values.iter().map(|it| it as &dyn Display).collect();
        v.f(&self.text, &values)
    }
}

impl Value {
    fn tell_in(&self, v: &dyn Voice) -> String {
        match self {
            Self::Plain(text) => text.clone(),
            Self::Said(said) => said.tell_in(v),
        }
    }
}

/// In English.
impl Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.tell_in(&English))
    }
}

impl Serialize for Said {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let (FOREIGN, [Value::Plain(text)]) = (&*self.text, self.values.as_slice()) {
            return serializer.serialize_str(text);
        }
        let mut parts = serializer.serialize_seq(Some(1 + self.values.len()))?;
        parts.serialize_element(&self.text)?;
        self.values.iter().try_for_each(|it| parts.serialize_element(it))?;
        parts.end()
    }
}

impl<'de> Deserialize<'de> for Said {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Kept {
            Foreign(String),
            Ours(Vec<Value>),
        }
        match Kept::deserialize(deserializer)? {
            Kept::Foreign(text) => Ok(Self::foreign(text)),
            Kept::Ours(parts) => {
                let mut parts = parts.into_iter();
                let Some(Value::Plain(text)) = parts.next() else {
                    return Err(D::Error::custom("what is said begins with its words"));
                };
                Ok(Self { text: Cow::Owned(text), values: parts.collect() })
            }
        }
    }
}

/// A value on its way into something said. What is said itself stays what it is; anything else is what it shows.
#[derive(Debug)]
pub struct Given<'a, T: ?Sized>(Shown<'a, T>);

#[derive(Debug)]
pub struct Shown<'a, T: ?Sized>(&'a T);

impl<'a, T: ?Sized> Given<'a, T> {
    #[must_use]
    pub const fn new(value: &'a T) -> Self {
        Self(Shown(value))
    }
}

impl Given<'_, Said> {
    #[must_use]
    pub fn value(&self) -> Value {
        Value::Said(self.0.0.clone())
    }
}

impl Given<'_, &Said> {
    #[must_use]
    pub fn value(&self) -> Value {
        Value::Said(Said::clone(self.0.0))
    }
}

/// Where [`Given`] has no `value` of its own, this one counts.
impl<'a, T: ?Sized> Deref for Given<'a, T> {
    type Target = Shown<'a, T>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: Display + ?Sized> Shown<'_, T> {
    #[must_use]
    pub fn value(&self) -> Value {
        Value::Plain(self.0.to_string())
    }
}

/// Says a text with its values, each in place of a `{}`. Every text has its words in each of the pages' languages.
macro_rules! said {
    ($text:literal $(,)?) => {
        $crate::core::said::Said::listed($text)
    };
    ($text:literal, $($value:expr),+ $(,)?) => {
        $crate::core::said::Said::new($text, vec![$($crate::core::said::Given::new(&$value).value()),+])
    };
}

pub(crate) use said;

/// Tests say in English what is to be said.
#[cfg(test)]
impl PartialEq<&str> for Said {
    fn eq(&self, english: &&str) -> bool {
        self.to_string().as_str() == *english
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Shouting;

    impl Voice for Shouting {
        fn f(&self, english: &str, values: &[&dyn Display]) -> String {
            super::super::tell::filled(&english.to_uppercase(), values)
        }
    }

    #[test]
    fn what_is_said_within_is_said_in_the_same_language_and_values_stay_as_they_are() {
        let (inner, user) = (said!("is locked: {}", "by hand"), "bot-1");
        let said = said!("user {} {}, {}", user, inner, &Said::foreign("os error {}"));
        assert_eq!(said.to_string(), "user bot-1 is locked: by hand, os error {}");
        assert_eq!(said.tell_in(&Shouting), "USER bot-1 IS LOCKED: by hand, os error {}");
        assert_eq!(said!("user {} {}", user, &&inner.to_string()).tell_in(&Shouting), "USER bot-1 is locked: by hand");
    }

    #[test]
    fn what_was_kept_is_said_as_before_and_a_text_of_before_is_somebody_elses() {
        let said = said!("user {} {}, {}", "bot-1", said!("is locked: {}", "by hand"), &Said::foreign("os error {}"));
        let kept = serde_json::to_string(&said).unwrap();
        assert_eq!(kept, r#"["user {} {}, {}","bot-1",["is locked: {}","by hand"],"os error {}"]"#);
        let read: Said = serde_json::from_str(&kept).unwrap();
        assert_eq!(read.tell_in(&Shouting), said.tell_in(&Shouting));
        let before: Said = serde_json::from_str(r#""user {} is locked""#).unwrap();
        assert_eq!(before, Said::foreign("user {} is locked"));
        assert_eq!(before.tell_in(&Shouting), "user {} is locked");
        assert_eq!(serde_json::to_string(&before).unwrap(), r#""user {} is locked""#);
        for bad in ["[]", "7", r#"[["x"]]"#] {
            assert!(serde_json::from_str::<Said>(bad).is_err(), "{bad}");
        }
    }
}
