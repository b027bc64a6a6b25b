//! Who may come in: users with a role each, how they sign in, and what becomes of it in the audit log.
//!
//! Users are documents of the store; nothing is remembered of them here but who is signed in. A new user, and one who has
//! forgotten the password, gets a link that is good once.

mod own;
pub(super) mod password;
pub(super) mod sessions;
#[cfg(test)]
mod tests;
pub(super) mod throttle;
pub(super) mod tokens;
pub(super) mod totp;
mod user;

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use self::{
    password::{NoHash, Passwords, Weak},
    sessions::{Session, SessionId, Sessions},
    throttle::{Key, Throttle},
};
use crate::{
    clock::Clock,
    core::{hex, ids::Timestamp},
    gateway::storage::{AuditLine, AuditOf, Change, ChangeError, Document, DocumentKind, Expected, Store, StoreError},
    peer,
    seal::{SealError, Sealer},
    telemetry::{Metrics, labels::SignIn},
};

pub use sessions::Terms;
pub use user::Role;
pub(super) use user::{BadUserName, Invitation, User, UserName};

/// How long a link for a new password is good.
const INVITED_FOR: Duration = Duration::from_secs(72 * 3600);
/// What a second factor's secret is sealed as.
const TOTP: &str = "manager/totp";
/// What the token of a browser that somebody has signed in with is sealed as.
const BROWSER: &str = "manager/browser";
/// Longer than any such token.
const MAX_BROWSER_CHARACTERS: usize = 512;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    /// Whatever was wrong: name, password, code, or there is no such user.
    #[error("the name, the password or the code is not right")]
    SignIn,
    #[error("too many tries: wait {0} seconds")]
    Throttled(u64),
    #[error("the link is not good any more: ask an administrator for another")]
    Invitation,
    #[error(transparent)]
    Name(#[from] BadUserName),
    #[error("there is a user of this name already")]
    Taken,
    #[error("there is no such user")]
    Unknown,
    #[error(transparent)]
    Password(#[from] Weak),
    #[error("the last administrator stays one")]
    LastAdministrator,
    #[error("the code is not the one that the app shows: compare the clocks")]
    Code,
    #[error("somebody else has changed this user meanwhile: look again")]
    Conflict,
    #[error(transparent)]
    Hash(#[from] NoHash),
    #[error("the store cannot be read or written now")]
    Store(#[source] StoreError),
    #[error("the second factor's secret cannot be opened: is it the same master key?")]
    Sealed,
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<ChangeError> for Refused {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Conflict { .. } => Self::Conflict,
            ChangeError::Store(error) => Self::Store(error),
        }
    }
}

/// A user as it is kept, with the version that a change must name.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) name: UserName,
    pub(super) version: u64,
    pub(super) user: User,
    pub(super) changed_at: Timestamp,
    pub(super) changed_by: String,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin<'a> {
    pub(super) address: Option<IpAddr>,
    pub(super) browser: &'a str,
    /// What the browser got when somebody signed in there before, as [`People::browser_of`] makes it.
    pub(super) known: Option<&'a str>,
}

pub(super) struct People {
    pub(super) store: Arc<dyn Store>,
    sealer: Sealer,
    clock: Clock,
    metrics: Arc<Metrics>,
    passwords: Passwords,
    pub(super) sessions: Sessions,
    /// Protects the failures; held for one look.
    throttle: Mutex<Throttle>,
    uses: tokens::Uses,
    /// Of the first administrator's link, while there is nobody.
    first: Mutex<Option<[u8; 32]>>,
    /// Held while a user is looked at, changed and signed out, or signed in: asynchronous, since that waits for the store.
    changing: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("People").finish_non_exhaustive()
    }
}

impl People {
    pub(super) fn new(
        (store, sealer): (Arc<dyn Store>, Sealer),
        (clock, metrics): (Clock, Arc<Metrics>),
        terms: Terms,
    ) -> Result<Self, NoHash> {
        Ok(Self {
            store,
            sealer,
            clock,
            metrics,
            passwords: Passwords::new()?,
            sessions: Sessions::new(terms),
            throttle: Mutex::default(),
            uses: tokens::Uses::default(),
            first: Mutex::default(),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// In alphabetical order.
    pub(super) async fn all(&self) -> Result<Vec<Kept>, StoreError> {
        let documents = self.store.documents(DocumentKind::User).await?;
        Ok(documents.iter().filter_map(kept).collect())
    }

    pub(super) async fn find(&self, name: &UserName) -> Result<Option<Kept>, StoreError> {
        Ok(self.store.document(DocumentKind::User, name.as_str()).await?.as_ref().and_then(kept))
    }

    /// While there is nobody: the token of the first administrator's link. It is new with every start.
    pub(super) async fn first_link(&self) -> Result<Option<String>, StoreError> {
        if !self.store.documents(DocumentKind::User).await?.is_empty() {
            return Ok(None);
        }
        let token = sessions::token();
        *locked(&self.first) = Some(digest(&token));
        Ok(Some(token))
    }

    pub(super) fn is_first(&self, token: &str) -> bool {
        locked(&self.first).is_some_and(|it| bool::from(it.ct_eq(&digest(token))))
    }

    /// The first administrator; the link is used up by it.
    pub(super) async fn begin(&self, token: &str, name: &str, password: SecretString) -> Result<UserName, Refused> {
        let _turn = self.changing.lock().await;
        if !self.is_first(token) || !self.store.documents(DocumentKind::User).await?.is_empty() {
            return Err(Refused::Invitation);
        }
        let name = UserName::of_new(name)?;
        password::check(&password, name.as_str())?;
        let user = User { password: Some(self.passwords.hash(password).await?), ..User::new(Role::Administrator) };
        let line = self.line(name.as_str(), "user.first", name.as_str()).after("administrator");
        self.put(&name, Expected::New, &user, line).await?;
        *locked(&self.first) = None;
        Ok(name)
    }

    /// Yields the session's token.
    pub(super) async fn sign_in(&self, shown: (&str, SecretString, &str), from: Origin<'_>) -> Result<String, Refused> {
        let done = self.let_in(shown, from).await;
        self.metrics.sign_in(match &done {
            Ok(_) => SignIn::Ok,
            Err(Refused::SignIn) => SignIn::Refused,
            Err(Refused::Throttled(_)) => SignIn::Throttled,
            Err(_) => SignIn::Failed,
        });
        done
    }

    async fn let_in(
        &self,
        (name, password, code): (&str, SecretString, &str),
        from: Origin<'_>,
    ) -> Result<String, Refused> {
        let now = self.clock.now();
        let typed = name.trim().to_lowercase();
        let typed: String = typed.chars().take(UserName::MAX_BYTES).collect();
        let own = from.known.filter(|it| self.is_browser_of(&typed, it));
        // A browser that is known is bounded by itself: what others do at its address does not keep it out.
        let keys: Vec<Key> = match own {
            Some(token) => vec![Key::Browser(token.to_owned())],
            None => {
                [Key::Name(typed.clone())].into_iter().chain(from.address.and_then(network).map(Key::Address)).collect()
            }
        };
        {
            let mut throttle = locked(&self.throttle);
            if let Some(wait) = throttle.wait_ms(&keys, now) {
                return Err(Refused::Throttled(wait.div_ceil(1000)));
            }
            // Counted before it is compared, or many at once would all be the first.
            throttle.failed(&keys, now);
        }
        let found = match UserName::new(name) {
            Ok(name) => self.find(&name).await?,
            Err(BadUserName) => None,
        };
        let user = found.as_ref().map(|it| it.name.clone());
        let active = found.filter(|it| !it.user.disabled);
        let kept = active.as_ref().and_then(|it| it.user.password.as_deref());
        let fits = password.expose_secret().len() <= password::MAX_BYTES;
        let same = if fits { self.passwords.is(kept, password).await } else { Ok(false) };
        let Ok(mut good) = same else {
            locked(&self.throttle).take_back(&keys);
            return Err(Refused::Throttled(1));
        };
        let mut step = None;
        if let (true, Some(Kept { user, .. })) = (good, &active)
            && let Some(sealed) = &user.totp
        {
            let secret = self.sealer.open(TOTP, sealed).map_err(|_unexplained| Refused::Sealed)?;
            step = totp::accepts(&secret, code, now, user.totp_used);
            good = step.is_some();
        }
        let Some(Kept { name, version, mut user, .. }) = active.filter(|_| good) else {
            self.tell_slowed(&keys, user.as_ref());
            return Err(Refused::SignIn);
        };
        locked(&self.throttle).take_back(&keys);
        let line = self.line(name.as_str(), "signed_in", name.as_str());
        // In the same turn as all that could change the user meanwhile.
        let _turn = self.changing.lock().await;
        if self.find(&name).await?.is_none_or(|it| it.version != version) {
            return Err(Refused::SignIn);
        }
        if let Some(step) = step {
            // Written before the session begins: a code is good once.
            user.totp_used = step;
            self.put(&name, Expected::Version(version), &user, line).await?;
        } else {
            self.store.change(&[], &line.0).await?;
        }
        if let Some(who) = keys.first() {
            locked(&self.throttle).succeeded(who);
        }
        Ok(self.sessions.begin((name, user.role), (from.address, from.browser), now))
    }

    /// For the browser to keep: in it the user has signed in. `None`: nothing can be sealed here.
    pub(super) fn browser_of(&self, name: &UserName) -> Option<String> {
        Some(hex::encode(&self.sealer.seal(BROWSER, name.as_str().as_bytes()).ok()?))
    }

    /// Who has signed in last in the browser that shows this.
    pub(super) fn owner_of(&self, token: &str) -> Option<UserName> {
        let bytes = (token.len() <= MAX_BROWSER_CHARACTERS).then(|| hex::decode(token)).flatten()?;
        let opened = self.sealer.open(BROWSER, &bytes).ok()?;
        UserName::new(std::str::from_utf8(&opened).ok()?).ok()
    }

    fn is_browser_of(&self, name: &str, token: &str) -> bool {
        self.owner_of(token).is_some_and(|it| it.as_str() == name)
    }

    /// A word in the log for each that has to wait from now on. What was typed as a name may be a password: a user's alone is told.
    fn tell_slowed(&self, keys: &[Key], user: Option<&UserName>) {
        let slowed = locked(&self.throttle).slowed(keys);
        for key in slowed {
            let user = user.map(UserName::as_str);
            let (by, address, user) = match key {
                Key::Name(_) => ("name", None, user),
                Key::Browser(_) => ("known browser", None, user),
                Key::Signed(_) => ("sign-in", None, user),
                Key::Address(it) => ("address", Some(it.to_string()), None),
            };
            tracing::warn!(by, address, user, "a password keeps failing and has to wait");
        }
    }

    pub(super) async fn sign_out(&self, id: SessionId) -> Result<(), StoreError> {
        if let Some(session) = self.sessions.end(id) {
            let line = self.line(session.user.as_str(), "signed_out", session.user.as_str());
            self.tell(line).await?;
        }
        Ok(())
    }

    /// The same without renewing it.
    pub(super) fn seen(&self, token: &str) -> Option<(SessionId, Session)> {
        self.sessions.look(token, self.clock.now())
    }

    pub(super) fn session(&self, token: &str) -> Option<(SessionId, Session)> {
        self.sessions.find(token, self.clock.now())
    }

    /// A new user; yields the token of the link by which the password is chosen.
    pub(super) async fn invite(&self, by: &str, name: &str, role: Role) -> Result<(UserName, String), Refused> {
        let name = UserName::of_new(name)?;
        let (user, token) = self.invited(User::new(role));
        let line = self.line(by, "user.added", name.as_str()).after(role.label());
        match self.put(&name, Expected::New, &user, line).await {
            Err(Refused::Conflict) => Err(Refused::Taken),
            done => done.map(|_version| (name, token)),
        }
    }

    /// A link for a new password; until it is used the old one is good. `seen`: of this version of the user; `None`: whatever
    /// it is.
    pub(super) async fn invite_again(&self, by: &str, name: &UserName, seen: Option<u64>) -> Result<String, Refused> {
        let _turn = self.changing.lock().await;
        let Kept { version, user, .. } = self.find(name).await?.ok_or(Refused::Unknown)?;
        if seen.is_some_and(|it| it != version) {
            return Err(Refused::Conflict);
        }
        let (user, token) = self.invited(user);
        self.put(name, Expected::Version(version), &user, self.line(by, "user.invited", name.as_str())).await?;
        Ok(token)
    }

    fn invited(&self, user: User) -> (User, String) {
        let token = sessions::token();
        let invitation = Invitation { sha256: digest(&token).to_vec(), until: self.clock.now() + INVITED_FOR };
        (User { invitation: Some(invitation), ..user }, token)
    }

    pub(super) async fn is_invited(&self, name: &str, token: &str) -> Result<bool, StoreError> {
        let Ok(name) = UserName::new(name) else { return Ok(false) };
        Ok(self.find(&name).await?.is_some_and(|it| self.holds(&it.user, token)))
    }

    fn holds(&self, user: &User, token: &str) -> bool {
        let now = self.clock.now();
        let good = |it: &Invitation| bool::from(it.sha256.ct_eq(&digest(token))) && now < it.until;
        !user.disabled && user.invitation.as_ref().is_some_and(good)
    }

    /// The password that an invited user chooses. Whoever is signed in as that user is not any more.
    pub(super) async fn accept(&self, name: &str, token: &str, password: SecretString) -> Result<UserName, Refused> {
        let _turn = self.changing.lock().await;
        let name = UserName::new(name)?;
        let found = self.find(&name).await?.filter(|it| self.holds(&it.user, token));
        let Kept { version, user, .. } = found.ok_or(Refused::Invitation)?;
        password::check(&password, name.as_str())?;
        let password = Some(self.passwords.hash(password).await?);
        // The second factor is lost with the telephone as often as the password is forgotten.
        let user = User { password, invitation: None, totp: None, totp_used: 0, ..user };
        self.sessions.end_of(&name, None);
        self.put(&name, Expected::Version(version), &user, self.line(name.as_str(), "user.password", name.as_str()))
            .await?;
        self.sessions.end_of(&name, None);
        Ok(name)
    }

    /// What an administrator changes of a user; yields the new version.
    pub(super) async fn change(
        &self,
        by: &str,
        name: &UserName,
        (version, role, disabled): (u64, Role, bool),
    ) -> Result<u64, Refused> {
        let _turn = self.changing.lock().await;
        let Kept { user, version: now, .. } = self.find(name).await?.ok_or(Refused::Unknown)?;
        if now != version {
            return Err(Refused::Conflict);
        }
        let was_one = user.role == Role::Administrator && !user.disabled;
        let stays_one = role == Role::Administrator && !disabled;
        if was_one && !stays_one {
            self.another_administrator(name).await?;
        }
        let shown =
            |role: Role, disabled: bool| format!("{}{}", role.label(), if disabled { ", disabled" } else { "" });
        let line = self.line(by, "user.changed", name.as_str()).before(&shown(user.role, user.disabled));
        let line = line.after(&shown(role, disabled));
        // Before, too: a request that is given up in the middle must not leave anybody signed in as before.
        self.sessions.end_of(name, None);
        let version = self.put(name, Expected::Version(version), &User { role, disabled, ..user }, line).await?;
        self.sessions.end_of(name, None);
        Ok(version)
    }

    pub(super) async fn remove(&self, by: &str, name: &UserName, version: u64) -> Result<(), Refused> {
        let _turn = self.changing.lock().await;
        let Kept { user, version: now, .. } = self.find(name).await?.ok_or(Refused::Unknown)?;
        if now != version {
            return Err(Refused::Conflict);
        }
        if user.role == Role::Administrator && !user.disabled {
            self.another_administrator(name).await?;
        }
        let line = self.line(by, "user.removed", name.as_str()).before(user.role.label());
        let (kind, expected) = (DocumentKind::User, Expected::Version(version));
        self.sessions.end_of(name, None);
        self.store.change(&[Change { kind, name: name.to_string(), expected, body: None }], &line.0).await?;
        self.sessions.end_of(name, None);
        Ok(())
    }

    /// All sign-ins of a user's, in one turn with those that begin.
    pub(super) async fn end_all(&self, by: &str, name: &UserName) -> Result<(), Refused> {
        let _turn = self.changing.lock().await;
        self.find(name).await?.ok_or(Refused::Unknown)?;
        let ended = self.sessions.end_of(name, None);
        self.tell(self.line(by, "user.signed_out", name.as_str()).before(&ended.to_string())).await?;
        Ok(())
    }

    /// There is one beside `name`.
    async fn another_administrator(&self, name: &UserName) -> Result<(), Refused> {
        let all = self.all().await?;
        let is_one = |it: &Kept| {
            it.name != *name && it.user.role == Role::Administrator && !it.user.disabled && it.user.password.is_some()
        };
        if all.iter().any(is_one) { Ok(()) } else { Err(Refused::LastAdministrator) }
    }

    /// A document that is kept in the store.
    pub(super) async fn document(&self, kind: DocumentKind, name: &str) -> Result<Option<Document>, StoreError> {
        self.store.document(kind, name).await
    }

    /// A profile that is kept in the store.
    pub(super) async fn profile(&self, name: &str) -> Result<Option<Document>, StoreError> {
        self.store.document(DocumentKind::Profile, name).await
    }

    /// Lines of the audit log, the newest first.
    pub(super) async fn audit(&self, of: &AuditOf, limit: usize) -> Result<Vec<(u64, AuditLine)>, StoreError> {
        self.store.audit(of, limit).await
    }

    pub(super) fn line(&self, by: &str, action: &str, subject: &str) -> Line {
        let (by, action, subject) = (by.to_owned(), action.to_owned(), subject.to_owned());
        Line(AuditLine { at: self.clock.now(), by, action, subject, before: None, after: None })
    }

    pub(super) async fn tell(&self, line: Line) -> Result<(), StoreError> {
        match self.store.change(&[], &line.0).await {
            Ok(_) | Err(ChangeError::Conflict { .. }) => Ok(()),
            Err(ChangeError::Store(error)) => Err(error),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Yields the new version.
    async fn put(&self, name: &UserName, expected: Expected, user: &User, line: Line) -> Result<u64, Refused> {
        let body = serde_json::to_vec(user).map_err(|_unlikely| Refused::Sealed)?;
        let change = Change { kind: DocumentKind::User, name: name.to_string(), expected, body: Some(body) };
        Ok(self.store.change(&[change], &line.0).await?.first().copied().unwrap_or_default())
    }
}

/// A user as kept, with what is sealed in it under another master key; `None`: nothing is.
///
/// # Errors
/// When it cannot be opened with the old one.
pub fn reseal_user(body: &[u8], old: &Sealer, new: &Sealer) -> Result<Option<Vec<u8>>, SealError> {
    let mut user: User = serde_json::from_slice(body).map_err(|_unreadable| SealError::Malformed)?;
    let Some(sealed) = &user.totp else { return Ok(None) };
    user.totp = Some(new.seal(TOTP, &old.open(TOTP, sealed)?)?);
    serde_json::to_vec(&user).map(Some).map_err(|_unlikely| SealError::Malformed)
}

/// Whose failures are counted together. `None`: this machine, from which a proxy may bring everybody.
fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        it if it.is_loopback() => None,
        it => Some(peer::network(it)),
    }
}

/// A line of the audit log in the making.
#[derive(Debug)]
pub(super) struct Line(pub(super) AuditLine);

impl Line {
    pub(super) fn before(mut self, text: &str) -> Self {
        self.0.before = Some(text.to_owned());
        self
    }

    pub(super) fn after(mut self, text: &str) -> Self {
        self.0.after = Some(text.to_owned());
        self
    }
}

/// `None`, with a word in the log: it is no user of this version's. Where it breaks is told, not what stands there.
fn kept(document: &Document) -> Option<Kept> {
    let passed_over = |why: &dyn std::fmt::Display| {
        tracing::error!(user = %document.name, %why, "a user in the store cannot be read and is passed over");
    };
    let name = UserName::new(&document.name).inspect_err(|error| passed_over(error)).ok()?;
    let user = serde_json::from_slice(&document.body).inspect_err(|error: &serde_json::Error| {
        passed_over(&format_args!("line {}, column {}", error.line(), error.column()));
    });
    let (changed_at, changed_by) = (document.changed_at, document.changed_by.clone());
    Some(Kept { name, version: document.version, user: user.ok()?, changed_at, changed_by })
}

fn digest(token: &str) -> [u8; 32] {
    use sha2::{Digest as _, Sha256};
    Sha256::digest(token).into()
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
