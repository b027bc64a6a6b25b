//! Why something was not done with the store: what is said of it in our words stays that, so that a page says it in its reader's language.

use anyhow::Error;

use super::restore::NoKey;
use crate::core::said::{Said, said};

/// An error that says this.
pub(super) fn because(why: Said) -> Error {
    Error::msg(why)
}

/// What an error says; what comes from elsewhere stays as it is.
pub(in crate::app) fn why(error: &Error) -> Said {
    match (error.downcast_ref::<Said>(), error.downcast_ref::<NoKey>()) {
        (Some(said), _) => said.clone(),
        (None, Some(no_key)) => no_key.tell(),
        (None, None) => Said::foreign(format!("{error:#}")),
    }
}

/// Says what failed before why.
pub(super) trait OrSaid<T> {
    fn or_said(self, what: impl FnOnce() -> Said) -> Result<T, Error>;
}

impl<T, E: Into<Error>> OrSaid<T> for Result<T, E> {
    fn or_said(self, what: impl FnOnce() -> Said) -> Result<T, Error> {
        self.map_err(|error| because(said!("{}: {}", what(), why(&error.into()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_words_stay_ours_through_what_is_said_before_them() {
        let inner: Result<(), Error> = Err(because(said!("it is cut off")));
        let outer = inner.or_said(|| Said::foreign("b.tar")).unwrap_err();
        assert_eq!(why(&outer), said!("{}: {}", Said::foreign("b.tar"), said!("it is cut off")));
        assert_eq!(outer.to_string(), "b.tar: it is cut off");
        let other = Error::msg("disk on fire").context("no");
        assert_eq!(why(&other), Said::foreign("no: disk on fire"));
    }
}
