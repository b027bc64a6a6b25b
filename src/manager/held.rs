//! Forms that came when their sign-in was over, or without its token: kept until their user goes on, for a while, in memory alone.
//!
//! The pages in between carry an id, so that such a form may be as large as any other.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{guard::Fields, people::UserName};
use crate::core::ids::Timestamp;

/// Of one user; the oldest goes when there is another, so that nobody displaces those of others.
const PER_USER: usize = 4;
/// Of all together; the oldest go.
const MOST_BYTES: usize = 16 * 1024 * 1024;
const KEPT_FOR: Duration = Duration::from_secs(30 * 60);

#[derive(Clone)]
pub(super) struct Form {
    /// Where it was sent, with the query.
    pub(super) path: String,
    pub(super) fields: Fields,
}

struct Entry {
    id: String,
    user: UserName,
    until: Timestamp,
    bytes: usize,
    form: Form,
}

/// Protects a short queue, the oldest first.
#[derive(Default)]
pub(super) struct Held(Mutex<VecDeque<Entry>>);

/// Forms hold passwords.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").finish_non_exhaustive()
    }
}

impl Held {
    fn locked(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Yields what it is found by again.
    pub(super) fn put(&self, user: &UserName, form: Form, now: Timestamp) -> String {
        let id = format!("{:032x}", rand::random::<u128>());
        let bytes = form.path.len() + form.fields.bytes();
        let mut kept = self.locked();
        kept.retain(|it| now < it.until);
        if kept.iter().filter(|it| it.user == *user).count() >= PER_USER {
            let oldest = kept.iter().position(|it| it.user == *user);
            oldest.and_then(|it| kept.remove(it));
        }
        kept.push_back(Entry { id: id.clone(), user: user.clone(), until: now + KEPT_FOR, bytes, form });
        let mut all: usize = kept.iter().map(|it| it.bytes).sum();
        while all > MOST_BYTES
            && let Some(oldest) = kept.pop_front()
        {
            all -= oldest.bytes;
        }
        id
    }

    /// Of this user alone.
    pub(super) fn get(&self, id: &str, user: &UserName, now: Timestamp) -> Option<Form> {
        let kept = self.locked();
        kept.iter().find(|it| it.id == id && it.user == *user && now < it.until).map(|it| it.form.clone())
    }

    pub(super) fn forget(&self, id: &str) {
        self.locked().retain(|it| it.id != id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    fn form(text: &str) -> Form {
        Form { path: "/users".to_owned(), fields: Fields::of(&[("name", text)]) }
    }

    fn name(held: &Held, id: &str, of: &str, now: i64) -> Option<String> {
        held.get(id, &user(of), Timestamp(now)).map(|it| it.fields.get("name").to_owned())
    }

    #[test]
    fn a_form_is_its_users_alone_for_half_an_hour() {
        let held = Held::default();
        let id = held.put(&user("ann"), form("x"), Timestamp(0));
        let end = 30 * 60_000;
        assert_eq!(name(&held, &id, "ann", end - 1).as_deref(), Some("x"));
        assert_eq!(name(&held, &id, "ann", end), None);
        assert_eq!(name(&held, &id, "bob", 0), None);
        assert_eq!(name(&held, "another", "ann", 0), None);
        held.forget(&id);
        assert_eq!(name(&held, &id, "ann", 0), None);
    }

    #[test]
    fn few_are_kept_of_a_user_and_none_of_another_goes_for_them() {
        let held = Held::default();
        let bob = held.put(&user("bob"), form("of bob"), Timestamp(0));
        let ids: Vec<String> = (0..=PER_USER).map(|_| held.put(&user("ann"), form("x"), Timestamp(0))).collect();
        assert_eq!(name(&held, &ids[0], "ann", 0), None);
        assert!(ids[1..].iter().all(|it| name(&held, it, "ann", 0).is_some()));
        assert!(name(&held, &bob, "bob", 0).is_some());
    }

    #[test]
    fn all_together_have_a_bound() {
        let held = Held::default();
        let large = "x".repeat(MOST_BYTES / 8);
        let put = |at: usize| held.put(&user(&format!("user{at}")), form(&large), Timestamp(0));
        let ids: Vec<String> = (0..9).map(put).collect();
        let kept = ids.iter().enumerate().filter(|(at, id)| name(&held, id, &format!("user{at}"), 0).is_some());
        assert_eq!(
            kept.map(|it| it.0).collect::<Vec<_>>(),
            [2, 3, 4, 5, 6, 7, 8],
            "with what each needs beside its text"
        );
    }
}
