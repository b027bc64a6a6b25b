//! Who may sign in, and what for.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::core::ids::{Timestamp, is_dots};

/// What somebody may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees.
    Viewer,
    /// Acts on contacts and profiles at work.
    Operator,
    /// Configures.
    Administrator,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Administrator];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
        }
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|it| it.label() == text).ok_or(UnknownRole)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a role is viewer, operator or administrator")]
pub struct UnknownRole;

/// As it is typed to sign in: small letters, so that nobody is there twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    pub const MAX_BYTES: usize = 64;
    /// As it is kept.
    pub(in crate::manager) const PATTERN: &str = "^[a-z0-9._@-]{1,64}$";

    /// # Errors
    /// When it is empty, too long, or holds something else than letters, digits and `. _ - @`.
    pub fn new(text: &str) -> Result<Self, BadUserName> {
        let text = text.trim().to_lowercase();
        let is_good = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '.' | '_' | '-' | '@');
        let fits = !text.is_empty() && text.len() <= Self::MAX_BYTES && text.chars().all(is_good);
        fits.then_some(Self(text)).ok_or(BadUserName)
    }

    /// Of a user that is made now, whom an address has to name.
    pub(in crate::manager) fn of_new(text: &str) -> Result<Self, BadUserName> {
        Self::new(text).and_then(|it| if is_dots(it.as_str()) { Err(BadUserName) } else { Ok(it) })
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for UserName {
    type Error = BadUserName;

    fn try_from(text: String) -> Result<Self, BadUserName> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a user's name is 1 to 64 letters, digits and . _ - @, and neither . nor ..")]
pub struct BadUserName;

/// As it is kept.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manager) struct User {
    pub(in crate::manager) role: Role,
    /// Argon2id, in PHC's form; `None`: it has not been chosen yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::manager) password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::manager) invitation: Option<Invitation>,
    /// The second factor's secret, sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::manager) totp: Option<Vec<u8>>,
    /// The half minute whose code was used last.
    #[serde(default)]
    pub(in crate::manager) totp_used: i64,
    #[serde(default)]
    pub(in crate::manager) disabled: bool,
}

/// A link by which a password is chosen, once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::manager) struct Invitation {
    pub(in crate::manager) sha256: Vec<u8>,
    pub(in crate::manager) until: Timestamp,
}

impl User {
    /// Who cannot sign in yet.
    pub(in crate::manager) const fn new(role: Role) -> Self {
        Self { role, password: None, invitation: None, totp: None, totp_used: 0, disabled: false }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("role", &self.role).field("disabled", &self.disabled).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_known_by_their_labels() {
        assert!(Role::Viewer < Role::Operator && Role::Operator < Role::Administrator);
        for role in Role::ALL {
            assert_eq!(role.label().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.label());
        }
        assert_eq!("root".parse::<Role>(), Err(UnknownRole));
    }

    #[test]
    fn a_users_name_is_the_same_however_it_is_typed() {
        assert_eq!(UserName::new(" Ann.Miller@example.com "), UserName::new("ann.miller@example.com"));
        for bad in ["", "  ", "ann miller", "änn", "<b>", &"x".repeat(65)] {
            assert_eq!(UserName::new(bad), Err(BadUserName), "{bad}");
        }
        for dots in [".", " .. "] {
            assert!(UserName::new(dots).is_ok() && UserName::of_new(dots) == Err(BadUserName), "{dots}");
        }
    }
}
