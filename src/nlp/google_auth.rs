//! Access tokens of Google service accounts: one task per credential fetches them ahead of need.
//!
//! Asks read the current token without a lock. Sixty-four asks that find none wait for the same single request. A token
//! stays in use until its own end while a refresh fails.

mod fetch;

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use http::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio::{sync::watch, time::Instant};
use tokio_util::task::AbortOnDropHandle;

use super::lookup::Lookup;
use crate::{clock::Clock, core::ids::Timestamp, egress::Names};

/// How the token server is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Route {
    #[default]
    Direct,
    /// As `HTTPS_PROXY` and its kin say.
    Environment,
    /// `http://[user:password@]host:port`
    Proxy(String),
}

/// Why a credential cannot be used, before anyone is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    #[error("is no service-account JSON; download a key of type JSON from Google Cloud")]
    NotServiceAccount,
    #[error("its `private_key` is no RSA key in PEM form; download the key again")]
    Key,
    #[error("its `token_uri` is no address")]
    TokenUri,
}

/// Why there is no fresh token: a closed set that decides the failure's kind and label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// The OAuth error code by which the token server refuses the account.
    #[error("the token server refuses the account: {0}")]
    Refused(&'static str),
    #[error("the private key cannot sign")]
    Key,
    #[error("the token server cannot be reached or is in trouble")]
    Unreachable,
    #[error("the token server's answer is no token")]
    Malformed,
}

impl TokenFault {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Key => "key",
            Self::Unreachable => "unreachable",
            Self::Malformed => "malformed",
        }
    }

    /// Waiting for the next try cannot help.
    const fn is_final(self) -> bool {
        match self {
            Self::Refused(_) | Self::Key => true,
            Self::Unreachable | Self::Malformed => false,
        }
    }
}

/// When tokens are fetched.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// Before a token's end.
    pub ahead: Duration,
    /// After a success, however soon the token ends.
    pub at_least: Duration,
    /// After the first failure; doubled with each further one.
    pub first_retry: Duration,
    pub longest_retry: Duration,
    /// Of one request.
    pub timeout: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            ahead: Duration::from_secs(240),
            at_least: Duration::from_secs(10),
            first_retry: Duration::from_secs(1),
            longest_retry: Duration::from_secs(60),
            timeout: Duration::from_secs(5),
        }
    }
}

impl Schedule {
    fn after_success(&self, life: Duration) -> Duration {
        life.saturating_sub(self.ahead).max(self.at_least)
    }

    /// `failures` in a row, the last one included.
    fn after_failure(&self, failures: u32) -> Duration {
        let doubled = 2_u32.checked_pow(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        self.first_retry.saturating_mul(doubled).min(self.longest_retry)
    }
}

/// A token source per credential, shared by all who use that credential.
#[derive(Clone, Debug)]
pub struct Tokens {
    clock: Clock,
    schedule: Schedule,
    lookup: Lookup,
    /// Protects the list alone; held while a source is looked up or made, never across an await.
    known: Arc<Mutex<Vec<Known>>>,
}

#[derive(Debug)]
struct Known {
    credential: [u8; 32],
    route: Route,
    source: Weak<TokenSource>,
}

impl Tokens {
    #[must_use]
    pub fn new(clock: Clock, names: Arc<Names>) -> Self {
        Self::with_schedule(clock, Schedule::default(), names)
    }

    #[must_use]
    pub fn with_schedule(clock: Clock, schedule: Schedule, names: Arc<Names>) -> Self {
        Self { clock, schedule, lookup: Lookup(names), known: Arc::default() }
    }

    /// The source for a service account's JSON; the first call starts its refresher, which ends with the last holder.
    ///
    /// # Errors
    /// When the JSON or its key cannot work.
    pub fn source(&self, credential: &SecretString, route: &Route) -> Result<Arc<TokenSource>, CredentialError> {
        let digest: [u8; 32] = Sha256::digest(credential.expose_secret()).into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|it| it.source.strong_count() > 0);
        let same = known.iter().find(|it| it.credential == digest && it.route == *route);
        if let Some(source) = same.and_then(|it| it.source.upgrade()) {
            return Ok(source);
        }
        let key = fetch::parse(credential)?;
        let from = fetch::Place { key, route: route.clone(), lookup: self.lookup.clone() };
        let source = Arc::new(TokenSource::start(from, self.clock.clone(), self.schedule));
        known.push(Known { credential: digest, route: route.clone(), source: Arc::downgrade(&source) });
        Ok(source)
    }

    /// For metrics: every credential in use.
    #[must_use]
    pub fn states(&self) -> Vec<TokenState> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().filter_map(|it| it.source.upgrade()).map(|it| it.state()).collect()
    }
}

/// What may be shown of a credential's token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenState {
    /// The service account's address.
    pub account: String,
    /// `None`: no token yet.
    pub valid_until: Option<Timestamp>,
    /// Of the last refresh; `None`: it went well, or is under way for the first time.
    pub last_error: Option<TokenFault>,
}

/// The current token of one credential.
pub struct TokenSource {
    shared: Arc<Shared>,
    _refresher: AbortOnDropHandle<()>,
}

struct Shared {
    account: String,
    clock: Clock,
    schedule: Schedule,
    current: ArcSwapOption<Token>,
    /// What came of the last refresh; asks without a token watch it.
    fault: watch::Sender<Option<TokenFault>>,
}

struct Token {
    /// `Bearer …`, marked sensitive.
    header: HeaderValue,
    end: Instant,
    valid_until: Timestamp,
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenSource").field("state", &self.state()).finish_non_exhaustive()
    }
}

impl TokenSource {
    fn start(from: fetch::Place, clock: Clock, schedule: Schedule) -> Self {
        let shared = Arc::new(Shared {
            account: from.key.client_email.clone(),
            clock,
            schedule,
            current: ArcSwapOption::empty(),
            fault: watch::Sender::new(None),
        });
        let refresher = tokio::spawn(refresh(Arc::clone(&shared), from));
        Self { shared, _refresher: AbortOnDropHandle::new(refresher) }
    }

    #[must_use]
    pub fn account(&self) -> &str {
        &self.shared.account
    }

    /// The current `Authorization` value; `None` before the first token and after the last one's end.
    #[must_use]
    pub fn current(&self) -> Option<HeaderValue> {
        let token = self.shared.current.load();
        token.as_ref().filter(|it| it.end > Clock::instant()).map(|it| it.header.clone())
    }

    /// The current `Authorization` value, waiting for one if need be: bound it with a deadline.
    ///
    /// # Errors
    /// When there is none and the token server has refused the account: waiting would not help.
    pub async fn bearer(&self) -> Result<HeaderValue, TokenFault> {
        if let Some(header) = self.current() {
            return Ok(header);
        }
        let mut fault = self.shared.fault.subscribe();
        loop {
            let seen = *fault.borrow_and_update();
            if let Some(header) = self.current() {
                return Ok(header);
            }
            if let Some(fault) = seen.filter(|it| it.is_final()) {
                return Err(fault);
            }
            if fault.changed().await.is_err() {
                return Err(TokenFault::Unreachable);
            }
        }
    }

    /// Why there is no token at this moment; `None`: there is one, or the first is still awaited.
    #[must_use]
    pub fn fault(&self) -> Option<TokenFault> {
        if self.current().is_some() { None } else { *self.shared.fault.borrow() }
    }

    #[must_use]
    pub fn state(&self) -> TokenState {
        TokenState {
            account: self.shared.account.clone(),
            valid_until: self.shared.current.load().as_ref().map(|it| it.valid_until),
            last_error: *self.shared.fault.borrow(),
        }
    }
}

async fn refresh(shared: Arc<Shared>, from: fetch::Place) {
    let mut failures = 0_u32;
    let mut fetcher = None;
    loop {
        let pause = match fetch_with(&mut fetcher, &from, shared.schedule.timeout).await {
            Ok(fetched) => {
                failures = 0;
                shared.current.store(Some(Arc::new(Token {
                    header: fetched.header,
                    end: Clock::instant() + fetched.life,
                    valid_until: shared.clock.now() + fetched.life,
                })));
                shared.fault.send_replace(None);
                shared.schedule.after_success(fetched.life)
            }
            Err(fault) => {
                failures = failures.saturating_add(1);
                let pause = shared.schedule.after_failure(failures);
                tracing::warn!(
                    token.account = shared.account,
                    token.fault = fault.label(),
                    token.failures = failures,
                    "no new access token: {fault}; trying again in {} ms",
                    pause.as_millis()
                );
                shared.fault.send_replace(Some(fault));
                pause
            }
        };
        tokio::time::sleep(pause).await;
    }
}

async fn fetch_with(
    fetcher: &mut Option<fetch::Fetcher>,
    from: &fetch::Place,
    timeout: Duration,
) -> Result<fetch::Fetched, TokenFault> {
    let ready = match fetcher.take() {
        Some(ready) => ready,
        None => fetch::Fetcher::new(from, timeout).await?,
    };
    fetcher.insert(ready).fetch(timeout).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s10_tokens_are_refreshed_240_s_ahead_but_not_hectically() {
        let schedule = Schedule::default();
        let after = |life| schedule.after_success(Duration::from_secs(life)).as_secs();
        assert_eq!([after(3600), after(251), after(245), after(0)], [3360, 11, 10, 10]);
    }

    #[test]
    fn failed_refreshes_back_off() {
        let schedule = Schedule::default();
        let pauses: Vec<u64> = [1, 2, 3, 6, 7, 40, u32::MAX].map(|it| schedule.after_failure(it).as_secs()).into();
        assert_eq!(pauses, [1, 2, 4, 32, 60, 60, 60]);
    }
}
