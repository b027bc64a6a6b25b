//! Tokens of programs for the API: made by an administrator, kept as a hash, with a role and an end.
//!
//! A token is no user: what it does stands in the audit log under `token:` and its name, which no user can have.

use std::{collections::HashMap, fmt, net::IpAddr, sync::Mutex, time::Duration};

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq as _;

use super::{
    People, Role, digest, locked, network, sessions,
    throttle::{Key, Throttle},
};
use crate::{
    core::{
        hex,
        ids::{Timestamp, is_dots},
    },
    gateway::storage::{Change, ChangeError, Document, DocumentKind, Expected, StoreError, StoreErrorKind},
};

/// What every token begins with, so that it is known for what it is wherever it turns up.
const PREFIX: &str = "usher_";
const SECRET_CHARACTERS: usize = 64;
/// Each request looks at all of them.
pub(in crate::manager) const MAX_TOKENS: usize = 100;
pub(in crate::manager) const MAX_DAYS: u16 = 366;
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What a token is called.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::manager) struct TokenName(String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token's name is 1 to 64 small letters, digits and . _ -, and neither . nor ..")]
pub(in crate::manager) struct BadTokenName;

impl TokenName {
    pub(in crate::manager) const PATTERN: &str = "^[a-z0-9._-]{1,64}$";

    pub(in crate::manager) fn new(text: &str) -> Result<Self, BadTokenName> {
        let is_good = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || matches!(it, '.' | '_' | '-');
        let fits = !text.is_empty() && text.len() <= 64 && text.chars().all(is_good);
        fits.then(|| Self(text.to_owned())).ok_or(BadTokenName)
    }

    pub(in crate::manager) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TokenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// As it is kept.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::manager) struct ApiToken {
    pub(in crate::manager) role: Role,
    sha256: Vec<u8>,
    pub(in crate::manager) made_at: Timestamp,
    pub(in crate::manager) made_by: String,
    /// From then on it is good for nothing.
    pub(in crate::manager) until: Timestamp,
    /// To the day: it is written once a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::manager) used_at: Option<Timestamp>,
}

impl fmt::Debug for ApiToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiToken").field("role", &self.role).field("until", &self.until).finish_non_exhaustive()
    }
}

#[derive(Clone, Debug)]
pub(in crate::manager) struct KeptToken {
    pub(in crate::manager) name: TokenName,
    version: u64,
    pub(in crate::manager) token: ApiToken,
}

/// A program that has shown its token.
#[derive(Clone, Debug)]
pub(in crate::manager) struct Bearer {
    pub(in crate::manager) name: TokenName,
    pub(in crate::manager) role: Role,
    pub(in crate::manager) until: Timestamp,
}

impl Bearer {
    /// As it stands in the audit log and in timelines.
    pub(in crate::manager) fn signs(&self) -> String {
        format!("token:{}", self.name)
    }
}

/// Why a token is not taken, or not made.
#[derive(Debug, thiserror::Error)]
pub(in crate::manager) enum NoToken {
    #[error("there is no such token: it is mistyped, or was revoked")]
    Unknown,
    #[error("the token is past its end: ask an administrator for another")]
    Expired,
    #[error("too many requests with tokens that are not good: wait {0} seconds")]
    Throttled(u64),
    #[error(transparent)]
    Name(#[from] BadTokenName),
    #[error("a token lasts 1 to {MAX_DAYS} days")]
    Days,
    #[error("there is a token of this name already")]
    Taken,
    #[error("there are {MAX_TOKENS} tokens: revoke those that nobody uses")]
    TooMany,
    #[error("the store cannot be read or written now")]
    Store(#[source] StoreError),
}

impl From<StoreError> for NoToken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is remembered of tokens between requests.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Protects the failures; held for one look.
    throttle: Mutex<Throttle>,
    /// Protects when each token was used last, exactly; held for one look.
    last: Mutex<HashMap<TokenName, Timestamp>>,
}

impl People {
    /// In alphabetical order, each with when it was used last.
    pub(in crate::manager) async fn tokens(&self) -> Result<Vec<KeptToken>, StoreError> {
        let documents = self.store.documents(DocumentKind::ApiToken).await?;
        let mut all: Vec<KeptToken> = documents.iter().filter_map(kept).collect();
        let last = locked(&self.uses.last);
        for it in &mut all {
            it.token.used_at = it.token.used_at.max(last.get(&it.name).copied());
        }
        Ok(all)
    }

    /// A new one; yields what the program shows. It is nowhere else.
    pub(in crate::manager) async fn make_token(
        &self,
        by: &str,
        name: &str,
        (role, days): (Role, u16),
    ) -> Result<(KeptToken, String), NoToken> {
        let name = TokenName::new(name)?;
        if is_dots(name.as_str()) {
            return Err(BadTokenName.into());
        }
        if !(1..=MAX_DAYS).contains(&days) {
            return Err(NoToken::Days);
        }
        let _turn = self.changing.lock().await;
        if self.store.documents(DocumentKind::ApiToken).await?.len() >= MAX_TOKENS {
            return Err(NoToken::TooMany);
        }
        let shown = format!("{PREFIX}{}", sessions::token());
        let (made_at, made_by) = (self.now(), by.to_owned());
        let until = made_at + DAY * u32::from(days);
        let token = ApiToken { role, sha256: digest(&shown).to_vec(), made_at, made_by, until, used_at: None };
        let line = self.line(by, "token.made", name.as_str()).after(&format!("{}, {days} days", role.label()));
        let body = serde_json::to_vec(&token).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
        let change =
            Change { kind: DocumentKind::ApiToken, name: name.to_string(), expected: Expected::New, body: Some(body) };
        match self.store.change(&[change], &line.0).await {
            Ok(versions) => {
                let version = versions.first().copied().unwrap_or_default();
                Ok((KeptToken { name, version, token }, shown))
            }
            Err(ChangeError::Conflict { .. }) => Err(NoToken::Taken),
            Err(ChangeError::Store(error)) => Err(NoToken::Store(error)),
        }
    }

    /// From now on it is good for nothing. `false`: there is none of this name.
    pub(in crate::manager) async fn revoke_token(&self, by: &str, name: &TokenName) -> Result<bool, StoreError> {
        let _turn = self.changing.lock().await;
        let Some(found) = self.store.document(DocumentKind::ApiToken, name.as_str()).await? else { return Ok(false) };
        let role = kept(&found).map(|it| it.token.role.label()).unwrap_or_default();
        let line = self.line(by, "token.revoked", name.as_str()).before(role);
        let (kind, expected) = (DocumentKind::ApiToken, Expected::Any);
        let change = Change { kind, name: name.to_string(), expected, body: None };
        match self.store.change(&[change], &line.0).await {
            Ok(_) | Err(ChangeError::Conflict { .. }) => {}
            Err(ChangeError::Store(error)) => return Err(error),
        }
        locked(&self.uses.last).remove(name);
        Ok(true)
    }

    /// Who shows this token.
    pub(in crate::manager) async fn bearer(&self, shown: &str, address: Option<IpAddr>) -> Result<Bearer, NoToken> {
        // What has not even the form of a token is not worth a look.
        let secret = shown.strip_prefix(PREFIX).filter(|it| it.len() == SECRET_CHARACTERS);
        if secret.is_none_or(|it| !it.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))) {
            return Err(NoToken::Unknown);
        }
        let (now, sha256) = (self.now(), digest(shown));
        // By the token, too: a program that goes on with one that was revoked is slowed down wherever it comes from.
        let own = Key::Name(hex::encode(&sha256));
        let keys: Vec<Key> = [own].into_iter().chain(address.and_then(network).map(Key::Address)).collect();
        if let Some(wait) = locked(&self.uses.throttle).wait_ms(&keys, now) {
            return Err(NoToken::Throttled(wait.div_ceil(1000)));
        }
        let mut found = None;
        for it in self.store.documents(DocumentKind::ApiToken).await?.iter().filter_map(kept) {
            if bool::from(it.token.sha256.ct_eq(&sha256)) {
                found = Some(it);
            }
        }
        let refused = |why: NoToken| {
            locked(&self.uses.throttle).failed(&keys, now);
            Err(why)
        };
        match found {
            None => refused(NoToken::Unknown),
            Some(it) if it.token.until <= now => refused(NoToken::Expired),
            Some(it) => {
                let bearer = Bearer { name: it.name.clone(), role: it.token.role, until: it.token.until };
                self.used(it, now).await;
                Ok(bearer)
            }
        }
    }

    /// Once a day it is written down, with a line of the audit log; that a store cannot be written keeps nobody from reading.
    async fn used(&self, KeptToken { name, version, token }: KeptToken, now: Timestamp) {
        locked(&self.uses.last).insert(name.clone(), now);
        if token.used_at.is_some_and(|it| now.since(it) < DAY) {
            return;
        }
        let line = self.line(&format!("token:{name}"), "token.used", name.as_str());
        let Ok(body) = serde_json::to_vec(&ApiToken { used_at: Some(now), ..token }) else { return };
        let (kind, expected) = (DocumentKind::ApiToken, Expected::Version(version));
        let change = Change { kind, name: name.to_string(), expected, body: Some(body) };
        match self.store.change(&[change], &line.0).await {
            // Another request of the token's, or its end, was faster.
            Ok(_) | Err(ChangeError::Conflict { .. }) => {}
            Err(ChangeError::Store(error)) => {
                tracing::warn!(token = %name, error = %error.source, "that a token was used cannot be written down");
            }
        }
    }
}

/// `None`, with a word in the log: it is no token of this version's.
fn kept(document: &Document) -> Option<KeptToken> {
    let name = TokenName::new(&document.name).ok();
    let token = serde_json::from_slice(&document.body).inspect_err(|error: &serde_json::Error| {
        let (line, column) = (error.line(), error.column());
        tracing::error!(token = %document.name, line, column, "a token in the store cannot be read and is passed over");
    });
    Some(KeptToken { name: name?, version: document.version, token: token.ok()? })
}
