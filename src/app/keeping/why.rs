//! Why something was not done with the store: what is said of it in our words stays that, so that a page says it in its reader's language.

use std::io;

use anyhow::Error;

use super::restore::NoKey;
use crate::{
    core::said::{Said, said},
    seal::SealError,
};

/// The disk is full.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Full(pub(super) Said);

/// An error that says this.
pub(super) fn because(why: Said) -> Error {
    Error::msg(why)
}

/// What an error says; what comes from elsewhere stays as it is.
pub(in crate::app) fn why(error: &Error) -> Said {
    let said = error.downcast_ref::<Said>().or_else(|| Some(&error.downcast_ref::<Full>()?.0)).cloned();
    said.or_else(|| error.downcast_ref::<NoKey>().map(NoKey::tell))
        .or_else(|| error.downcast_ref::<SealError>()?.said())
        .unwrap_or_else(|| Said::foreign(format!("{error:#}")))
}

/// Whether it comes of a full disk.
pub(super) fn is_full(error: &Error) -> bool {
    let of_file = error.downcast_ref::<io::Error>();
    error.is::<Full>() || of_file.is_some_and(|it| it.kind() == io::ErrorKind::StorageFull)
}

/// Says what failed before why; a full disk is still known as one.
pub(super) trait OrSaid<T> {
    fn or_said(self, what: impl FnOnce() -> Said) -> Result<T, Error>;
}

impl<T, E: Into<Error>> OrSaid<T> for Result<T, E> {
    fn or_said(self, what: impl FnOnce() -> Said) -> Result<T, Error> {
        self.map_err(|error| {
            let error: Error = error.into();
            let said = said!("{}: {}", what(), why(&error));
            if is_full(&error) { Full(said).into() } else { because(said) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::keeping::with_reason,
        gateway::storage::{StoreError, StoreErrorKind},
        seal::{Keyring, Sealer},
        store::sqlite::Alone,
    };

    #[test]
    fn our_words_stay_ours_through_what_is_said_before_them() {
        let inner: Result<(), Error> = Err(because(said!("it is cut off")));
        let outer = inner.or_said(|| Said::foreign("b.tar")).unwrap_err();
        assert_eq!(why(&outer), said!("{}: {}", Said::foreign("b.tar"), said!("it is cut off")));
        assert_eq!(outer.to_string(), "b.tar: it is cut off");
        let other = Error::msg("disk on fire").context("no");
        assert_eq!(why(&other), Said::foreign("no: disk on fire"));
        assert!(!is_full(&outer) && !is_full(&other));
    }

    #[test]
    fn a_full_disk_is_known_as_one_through_what_is_said_before_it() {
        let inner: Result<(), _> = Err(io::Error::from(io::ErrorKind::StorageFull)).or_said(|| said!("it is cut off"));
        let outer = inner.or_said(|| Said::foreign("b.tar")).unwrap_err();
        let reason = io::Error::from(io::ErrorKind::StorageFull).to_string();
        assert_eq!(
            why(&outer),
            said!("{}: {}", Said::foreign("b.tar"), said!("{}: {}", said!("it is cut off"), Said::foreign(reason)))
        );
        assert!(is_full(&outer));
        let store = StoreError::new(StoreErrorKind::Full, "database or disk is full");
        assert!(is_full(&with_reason(store)));
    }

    #[test]
    fn what_the_store_and_the_seal_refuse_is_said_in_our_words() {
        let directory = tempfile::tempdir().unwrap();
        let alone = Alone::take(directory.path()).unwrap();
        let taken = with_reason(Alone::take(directory.path()).unwrap_err());
        assert_eq!(
            why(&taken),
            said!("a gateway or another command runs on the store in {}: end it first", directory.path().display())
        );
        drop(alone);
        let (kept, other) = (Sealer::from_key([1; 32]), "02".repeat(32));
        let ring = Keyring::read(directory.path(), Some(&other.into())).unwrap();
        let misfit = Error::from(ring.fitting("probe", &kept.seal("probe", b"x").unwrap()).unwrap_err());
        assert_ne!(why(&misfit), Said::foreign(misfit.to_string()));
        assert_eq!(why(&misfit).to_string(), misfit.to_string());
    }
}
