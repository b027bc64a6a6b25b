//! Who is signed in: in memory alone, so that a restart ends all of it. Known by the hash of a token that the browser has.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};

use super::{Role, UserName};
use crate::core::{hex, ids::Timestamp};

/// Of one user; the oldest goes when there is another.
const PER_USER: usize = 10;
const MAX_SESSIONS: usize = 10_000;
const MAX_BROWSER_CHARACTERS: usize = 120;

/// How long a session lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Without a request.
    pub idle: Duration,
    /// In any case.
    pub absolute: Duration,
}

/// The hash of a session's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(in crate::manager) struct SessionId([u8; 32]);

impl SessionId {
    pub(in crate::manager) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// As it stands in a form that ends the session.
    pub(in crate::manager) fn shown(&self) -> String {
        hex::encode(&self.0)
    }
}

/// Random, for a browser or a link.
pub(in crate::manager) fn token() -> String {
    hex::encode(&rand::random::<[u8; 32]>())
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manager) struct Session {
    pub(in crate::manager) user: UserName,
    pub(in crate::manager) role: Role,
    /// What every form of it brings along.
    pub(in crate::manager) csrf: String,
    pub(in crate::manager) began: Timestamp,
    pub(in crate::manager) seen: Timestamp,
    pub(in crate::manager) address: Option<IpAddr>,
    /// As the browser calls itself.
    pub(in crate::manager) browser: String,
}

#[derive(Debug)]
pub(in crate::manager) struct Sessions {
    terms: Terms,
    /// Protects who is signed in; held for one look.
    open: Mutex<HashMap<SessionId, Session>>,
}

impl Sessions {
    pub(in crate::manager) fn new(terms: Terms) -> Self {
        Self { terms, open: Mutex::default() }
    }

    pub(in crate::manager) const fn terms(&self) -> Terms {
        self.terms
    }

    /// Yields the token: it is nowhere else.
    pub(in crate::manager) fn begin(
        &self,
        (user, role): (UserName, Role),
        (address, browser): (Option<IpAddr>, &str),
        now: Timestamp,
    ) -> String {
        let secret = token();
        let browser = browser.chars().filter(|it| !it.is_control()).take(MAX_BROWSER_CHARACTERS).collect();
        let session = Session { user, role, csrf: token(), began: now, seen: now, address, browser };
        let mut open = self.locked();
        open.retain(|_, it| self.terms.hold(it, now));
        let of_user = open.iter().filter(|(_, it)| it.user == session.user);
        let oldest = |(id, it): (&SessionId, &Session)| (it.seen, *id);
        if of_user.clone().count() >= PER_USER {
            let oldest = of_user.map(oldest).min_by_key(|it| it.0).map(|it| it.1);
            oldest.and_then(|it| open.remove(&it));
        } else if open.len() >= MAX_SESSIONS {
            let oldest = open.iter().map(oldest).min_by_key(|it| it.0).map(|it| it.1);
            oldest.and_then(|it| open.remove(&it));
        }
        open.insert(SessionId::of(&secret), session);
        secret
    }

    /// The session of a browser that shows this token; from now on it is idle anew.
    pub(in crate::manager) fn find(&self, token: &str, now: Timestamp) -> Option<(SessionId, Session)> {
        let id = SessionId::of(token);
        let mut open = self.locked();
        let session = open.get_mut(&id)?;
        if !self.terms.hold(session, now) {
            open.remove(&id);
            return None;
        }
        session.seen = session.seen.max(now);
        Some((id, session.clone()))
    }

    /// The same, and it goes on being idle.
    pub(in crate::manager) fn look(&self, token: &str, now: Timestamp) -> Option<(SessionId, Session)> {
        let id = SessionId::of(token);
        self.locked().get(&id).filter(|it| self.terms.hold(it, now)).map(|it| (id, it.clone()))
    }

    /// Whether it lasts; to look is no sign of life.
    pub(in crate::manager) fn is_open(&self, id: SessionId, now: Timestamp) -> bool {
        self.locked().get(&id).is_some_and(|it| self.terms.hold(it, now))
    }

    pub(in crate::manager) fn end(&self, id: SessionId) -> Option<Session> {
        self.locked().remove(&id)
    }

    /// By how it is shown, of this user alone.
    pub(in crate::manager) fn end_shown(&self, user: &UserName, shown: &str) -> bool {
        let mut open = self.locked();
        let found = open.iter().find(|(id, it)| it.user == *user && id.shown() == shown).map(|it| *it.0);
        found.is_some_and(|id| open.remove(&id).is_some())
    }

    /// All of a user's, but for `kept`.
    pub(in crate::manager) fn end_of(&self, user: &UserName, kept: Option<SessionId>) -> usize {
        let mut open = self.locked();
        let before = open.len();
        open.retain(|id, it| it.user != *user || Some(*id) == kept);
        before - open.len()
    }

    /// The newest first.
    pub(in crate::manager) fn of(&self, user: &UserName, now: Timestamp) -> Vec<(SessionId, Session)> {
        let open = self.locked();
        let mut list: Vec<_> = open
            .iter()
            .filter(|(_, it)| it.user == *user && self.terms.hold(it, now))
            .map(|(id, it)| (*id, it.clone()))
            .collect();
        list.sort_by_key(|(_, it)| std::cmp::Reverse(it.seen));
        list
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<SessionId, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terms {
    fn hold(&self, session: &Session, now: Timestamp) -> bool {
        now.since(session.seen) < self.idle && now.since(session.began) < self.absolute
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60_000;

    fn sessions() -> Sessions {
        Sessions::new(Terms { idle: Duration::from_secs(30 * 60), absolute: Duration::from_secs(8 * 3600) })
    }

    fn ann() -> (UserName, Role) {
        (UserName::new("ann").unwrap(), Role::Operator)
    }

    #[test]
    fn a_session_ends_when_it_is_idle_and_after_its_time() {
        let sessions = sessions();
        let idle = sessions.begin(ann(), (None, "Browser"), Timestamp(0));
        assert!(sessions.find(&idle, Timestamp(30 * MINUTE - 1)).is_some());
        assert!(sessions.find(&idle, Timestamp(60 * MINUTE - 1)).is_none(), "exactly half an hour later");
        let busy = sessions.begin(ann(), (None, "Browser"), Timestamp(0));
        for quarter in 1..32 {
            assert!(sessions.find(&busy, Timestamp(quarter * 15 * MINUTE)).is_some(), "{quarter}");
        }
        assert!(sessions.find(&busy, Timestamp(8 * 60 * MINUTE)).is_none());
        assert!(sessions.find("another", Timestamp(0)).is_none());
    }

    #[test]
    fn sessions_are_ended_one_by_one_or_all_of_a_user() {
        let sessions = sessions();
        let tokens: Vec<String> = (0..3).map(|at| sessions.begin(ann(), (None, "B"), Timestamp(at))).collect();
        let bob = sessions.begin((UserName::new("bob").unwrap(), Role::Viewer), (None, "B"), Timestamp(0));
        let shown = SessionId::of(&tokens[0]).shown();
        assert!(!sessions.end_shown(&UserName::new("bob").unwrap(), &shown), "of another user");
        assert!(sessions.end_shown(&ann().0, &shown));
        assert_eq!(sessions.end_of(&ann().0, Some(SessionId::of(&tokens[1]))), 1);
        let left = sessions.of(&ann().0, Timestamp(3));
        assert_eq!(left.iter().map(|it| it.0).collect::<Vec<_>>(), [SessionId::of(&tokens[1])]);
        assert!(sessions.find(&bob, Timestamp(3)).is_some());
    }

    #[test]
    fn a_user_has_ten_at_most_and_the_oldest_goes() {
        let sessions = sessions();
        let tokens: Vec<String> = (0..11).map(|at| sessions.begin(ann(), (None, "B"), Timestamp(at))).collect();
        assert!(sessions.find(&tokens[0], Timestamp(11)).is_none());
        assert!(tokens[1..].iter().all(|it| sessions.find(it, Timestamp(11)).is_some()));
    }
}
