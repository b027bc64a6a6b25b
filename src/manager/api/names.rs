//! Small types of what is read: each holds to what it tells the document of itself.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A text of so many characters at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text<const MAX: usize>(String);

#[derive(Debug, thiserror::Error)]
#[error("has more than {0} characters")]
pub(super) struct TooLong(usize);

impl<const MAX: usize> TryFrom<String> for Text<MAX> {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Self, TooLong> {
        if text.chars().count() > MAX { Err(TooLong(MAX)) } else { Ok(Self(text)) }
    }
}

impl<const MAX: usize> Text<MAX> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> JsonSchema for Text<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "maxLength": MAX })
    }
}

/// How many, at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Limit<const MAX: usize>(usize);

#[derive(Debug, thiserror::Error)]
#[error("has to be 1 to {0}")]
pub(super) struct OutOfRange(usize);

impl<const MAX: usize> TryFrom<u64> for Limit<MAX> {
    type Error = OutOfRange;

    fn try_from(number: u64) -> Result<Self, OutOfRange> {
        let fits = usize::try_from(number).ok().filter(|it| (1..=MAX).contains(it));
        fits.map(Self).ok_or(OutOfRange(MAX))
    }
}

impl<const MAX: usize> Limit<MAX> {
    pub(super) const fn get(self) -> usize {
        self.0
    }
}

impl<const MAX: usize> JsonSchema for Limit<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Limit{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX })
    }
}

/// A number in JSON, where `30.0` is a whole one, too.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub(super) struct Whole<const MAX: u16, const MIN: u16 = 1>(u16);

#[derive(Debug, thiserror::Error)]
#[error("has to be a whole number, {0} to {1}")]
pub(super) struct NotWhole(u16, u16);

impl<const MAX: u16, const MIN: u16> TryFrom<f64> for Whole<MAX, MIN> {
    type Error = NotWhole;

    fn try_from(number: f64) -> Result<Self, NotWhole> {
        // Written out, a number that is whole has no point.
        let whole = number.to_string().parse().ok().filter(|it| (MIN..=MAX).contains(it));
        whole.map(Self).ok_or(NotWhole(MIN, MAX))
    }
}

impl<const MAX: u16, const MIN: u16> Whole<MAX, MIN> {
    pub(super) const fn get(self) -> u16 {
        self.0
    }
}

impl<const MAX: u16, const MIN: u16> JsonSchema for Whole<MAX, MIN> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Whole{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    }
}

/// A day of the calendar, as 2026-11-28.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Date(jiff::civil::Date);

#[derive(Debug, thiserror::Error)]
#[error("is no day: write it as 2026-11-28")]
pub(super) struct NoDate;

impl TryFrom<String> for Date {
    type Error = NoDate;

    fn try_from(text: String) -> Result<Self, NoDate> {
        // Other ways to write a day, and times, are not told of.
        let day = text.parse().ok().filter(|it: &jiff::civil::Date| it.to_string() == text);
        day.map(Self).ok_or(NoDate)
    }
}

impl Date {
    pub(super) const fn get(self) -> jiff::civil::Date {
        self.0
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Date".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date" })
    }
}

/// A place in a list, or a number of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Position(u64);

/// Beyond it neither the store nor every reader of JSON knows numbers exactly.
const MAX_POSITION: u64 = (1 << 53) - 1;

#[derive(Debug, thiserror::Error)]
#[error("has to be 0 to {MAX_POSITION}")]
pub(super) struct NoPosition;

impl TryFrom<u64> for Position {
    type Error = NoPosition;

    fn try_from(number: u64) -> Result<Self, NoPosition> {
        (number <= MAX_POSITION).then_some(Self(number)).ok_or(NoPosition)
    }
}

impl Position {
    pub(super) const fn get(self) -> u64 {
        self.0
    }
}

impl JsonSchema for Position {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Position".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 0, "maximum": MAX_POSITION })
    }
}

/// A text that is like this: checked where it is used, by what the pattern is taken from.
macro_rules! patterned {
    ($($(#[$doc:meta])* $name:ident = $pattern:expr, $example:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(super) struct $name(String);

        impl $name {
            pub(super) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern, "examples": [$example] })
            }
        }
    )*};
}

patterned! {
    /// A user's name as it is kept.
    User = crate::manager::people::UserName::PATTERN, "ann";
    /// A token's.
    Token = crate::manager::people::tokens::TokenName::PATTERN, "ci";
    /// A test's: neither a slash nor control characters, and no blank at its ends.
    TestName = r"^[^\s/\x00-\x1f\x7f-\x9f]([^/\x00-\x1f\x7f-\x9f]{0,78}[^\s/\x00-\x1f\x7f-\x9f])?$", "order status";
}

impl TestName {
    pub(super) fn of(name: &str) -> Self {
        Self(name.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_out_of_bounds_is_not_read() {
        assert!(serde_json::from_value::<Text<3>>(json!("äöü")).is_ok());
        assert!(serde_json::from_value::<Text<3>>(json!("abcd")).is_err());
        for (number, good) in [(0, false), (1, true), (10, true), (11, false)] {
            assert_eq!(serde_json::from_value::<Limit<10>>(json!(number)).is_ok(), good, "{number}");
        }
        for (text, good) in
            [("2026-11-28", true), ("2026-02-30", false), ("20261128", false), ("2026-11-28T10:00", false)]
        {
            assert_eq!(serde_json::from_value::<Date>(json!(text)).is_ok(), good, "{text}");
        }
        assert!(
            serde_json::from_str::<Whole<10, 0>>("0").is_ok() && serde_json::from_str::<Whole<10, 0>>("-1").is_err()
        );
        assert!(serde_json::from_value::<Position>(json!(1_u64 << 53)).is_err());
        for (number, good) in
            [("0", false), ("1", true), ("7.0", true), ("7.5", false), ("1e1", true), ("-1", false), ("11", false)]
        {
            assert_eq!(serde_json::from_str::<Whole<10>>(number).is_ok(), good, "{number}");
        }
    }
}
