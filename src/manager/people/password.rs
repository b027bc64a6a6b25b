//! Passwords: Argon2id, made and compared on threads of their own, a few at a time.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher as _, PasswordVerifier as _, phc::PasswordHash},
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

/// Each takes a core and 19 MiB for some 20 ms.
const AT_ONCE: usize = 2;
/// So many wait for that; who comes then is told to come again.
const WAITING: usize = 16;
pub(in crate::manager) const MIN_CHARACTERS: usize = 12;
/// Longer ones are no safer, and cost time to hash.
pub(in crate::manager) const MAX_BYTES: usize = 1024;

/// Why a password is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::manager) enum Weak {
    #[error("the password is shorter than {MIN_CHARACTERS} characters")]
    Short,
    #[error("the password is longer than {MAX_BYTES} bytes")]
    Long,
    #[error("the password holds the user's name")]
    HoldsName,
    #[error("the password is one character over and over")]
    Monotonous,
}

#[derive(Debug)]
pub(in crate::manager) struct Passwords {
    places: Semaphore,
    waiting: Semaphore,
    /// What is compared where there is no user, so that the time tells nobody.
    decoy: String,
}

/// The hash could not be made: there is no memory or no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed now")]
pub(in crate::manager) struct NoHash;

impl Passwords {
    pub(in crate::manager) fn new() -> Result<Self, NoHash> {
        Ok(Self {
            places: Semaphore::new(AT_ONCE),
            waiting: Semaphore::new(WAITING),
            decoy: hash(&SecretString::from("decoy"))?,
        })
    }

    pub(in crate::manager) async fn hash(&self, password: SecretString) -> Result<String, NoHash> {
        self.apart(move || hash(&password)).await.ok_or(NoHash)?
    }

    /// `kept`: the user's, if there is such a user who has one.
    ///
    /// # Errors
    /// When too many wait.
    pub(in crate::manager) async fn is(&self, kept: Option<&str>, password: SecretString) -> Result<bool, NoHash> {
        let (against, is_there) = (kept.unwrap_or(&self.decoy).to_owned(), kept.is_some());
        let same = self.apart(move || {
            PasswordHash::new(&against)
                .is_ok_and(|it| argon2().verify_password(password.expose_secret().as_bytes(), &it).is_ok())
        });
        Ok(same.await.ok_or(NoHash)? && is_there)
    }

    async fn apart<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let _waits = self.waiting.try_acquire().ok()?;
        // The semaphore is never closed.
        let _place = self.places.acquire().await.ok()?;
        tokio::task::spawn_blocking(work).await.ok()
    }
}

/// What OWASP asks for at least: 19 MiB, two passes.
fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

fn hash(password: &SecretString) -> Result<String, NoHash> {
    let hashed = argon2().hash_password(password.expose_secret().as_bytes());
    hashed.map(|it| it.to_string()).map_err(|_unexplained| NoHash)
}

pub(in crate::manager) fn check(password: &SecretString, user: &str) -> Result<(), Weak> {
    let text = password.expose_secret();
    if text.len() > MAX_BYTES {
        return Err(Weak::Long);
    }
    if text.chars().count() < MIN_CHARACTERS {
        return Err(Weak::Short);
    }
    if text.chars().all(|it| text.starts_with(it)) {
        return Err(Weak::Monotonous);
    }
    if user.len() >= 4 && text.to_lowercase().contains(user) {
        return Err(Weak::HoldsName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::new().unwrap();
        let kept = passwords.hash(SecretString::from("correct horse battery")).await.unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(passwords.is(Some(&kept), SecretString::from("correct horse battery")).await.unwrap());
        assert!(!passwords.is(Some(&kept), SecretString::from("correct horse batterz")).await.unwrap());
        assert!(
            !passwords.is(None, SecretString::from("decoy")).await.unwrap(),
            "where there is no user no password is right"
        );
        assert!(!passwords.is(Some("no hash"), SecretString::from("x")).await.unwrap());
        let crowd =
            futures::future::join_all((0..WAITING + 1).map(|_| passwords.is(None, SecretString::from("x")))).await;
        assert_eq!(crowd.iter().filter(|it| it.is_err()).count(), 1, "who comes last is told to come again");
    }

    #[test]
    fn weak_passwords_are_refused_with_the_reason() {
        let judged = |text: &str| check(&SecretString::from(text), "miller");
        assert_eq!(judged("short"), Err(Weak::Short));
        assert_eq!(judged(&"ä".repeat(12)), Err(Weak::Monotonous));
        assert_eq!(judged("my-Miller-password"), Err(Weak::HoldsName));
        assert_eq!(judged(&"ab".repeat(513)), Err(Weak::Long));
        assert_eq!(judged("correct horse battery"), Ok(()));
    }
}
