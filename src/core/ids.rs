//! Names and numbers of the domain, one type each.

use std::{error::Error, fmt, ops::Add, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::said::{Said, said};

/// Longest name that any peer may give us, in bytes.
pub const MAX_NAME_BYTES: usize = 128;

/// Why a text cannot be a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameError {
    Empty,
    TooLong,
    Control,
    Dots,
}

/// Whether no address can have it as a part: whoever sends such an address leaves it out.
#[must_use]
pub fn is_dots(name: &str) -> bool {
    matches!(name, "." | "..")
}

impl NameError {
    #[must_use]
    pub fn tell(self) -> Said {
        match self {
            Self::Empty => said!("is empty"),
            Self::TooLong => said!("is longer than {} bytes", MAX_NAME_BYTES),
            Self::Control => said!("contains a control character"),
            Self::Dots => said!("is neither . nor ..: programs take these for a way through an address"),
        }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl Error for NameError {}

fn checked(name: &str) -> Result<Arc<str>, NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > MAX_NAME_BYTES {
        return Err(NameError::TooLong);
    }
    if name.chars().any(char::is_control) {
        return Err(NameError::Control);
    }
    Ok(name.into())
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// # Errors
            /// When `name` is empty, too long or holds control characters.
            pub fn new(name: &str) -> Result<Self, NameError> {
                checked(name).map(Self)
            }

            /// The name of something that is made now and has an address from then on.
            ///
            /// # Errors
            /// When it is no name, or no address can have it.
            pub fn of_new(name: &str) -> Result<Self, NameError> {
                if is_dots(name) { Err(NameError::Dots) } else { Self::new(name) }
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(name: String) -> Result<Self, NameError> {
                Self::new(&name)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    )*};
}

names! {
    /// One of a profile's language engines.
    EngineName,
    /// A business unit.
    UnitName,
    /// One customer's conversation, as the routing engine names it.
    ContactName,
    /// A customer message, unique within its contact.
    MessageId,
    /// A profile, unique within its business unit.
    ProfileName,
    /// A contact-centre user; when assigned to a profile, a virtual agent.
    UserId,
    QueueId,
    SpeechTargetId,
    /// A routing engine.
    EngineId,
}

impl EngineName {
    pub const PRIMARY: &str = "primary";
    pub const CANARY: &str = "canary";
    pub const SHADOW: &str = "shadow";
    /// Names that a profile cannot give.
    pub const RESERVED: [&str; 3] = [Self::PRIMARY, Self::CANARY, Self::SHADOW];

    #[must_use]
    pub fn primary() -> Self {
        Self(Self::PRIMARY.into())
    }

    #[must_use]
    pub fn canary() -> Self {
        Self(Self::CANARY.into())
    }

    #[must_use]
    pub fn shadow() -> Self {
        Self(Self::SHADOW.into())
    }

    #[must_use]
    pub fn is_canary(&self) -> bool {
        &*self.0 == Self::CANARY
    }
}

/// A contact is known by its business unit and its name there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContactId {
    pub unit: UnitName,
    pub name: ContactName,
}

impl fmt::Display for ContactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.unit, self.name)
    }
}

/// Numbers a contact's turns; an answer names the turn it belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Turn(pub u32);

/// Raised by handover, time-out and close; an answer from an older epoch is dropped (B1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch(pub u32);

/// Numbers a contact's commands; with the contact it makes each safe to repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActionSeq(pub u32);

/// Unix time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_address_can_name_is_not_made_and_stays_readable() {
        for dots in [".", ".."] {
            assert_eq!(UnitName::of_new(dots), Err(NameError::Dots));
            assert!(UnitName::new(dots).is_ok(), "one that is there already");
        }
        assert_eq!(UnitName::of_new("..."), UnitName::new("..."));
        assert_eq!(UnitName::of_new(""), Err(NameError::Empty));
    }
}
