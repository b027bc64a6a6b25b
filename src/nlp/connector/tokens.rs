//! Who may dial in: tokens as the store has them, and what becomes of those who guess.

use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use super::hub::{DeskName, Hub};
use crate::{
    clock::Clock,
    core::ids::Timestamp,
    gateway::storage::{ConnectorToken, Store, StoreError},
};

/// Failed tokens of one address within [`WINDOW`], beyond which the store is no longer asked for it.
const MAX_FAILURES: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Addresses whose failures are counted.
const MAX_ADDRESSES: usize = 4096;

#[derive(Debug)]
pub(super) enum Refused {
    Unknown,
    /// Too many failures; again after this.
    Throttled(Duration),
    Store(StoreError),
}

/// A good token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) desk: DeskName,
    pub(super) sha256: [u8; 32],
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("desk", &self.desk).finish_non_exhaustive()
    }
}

pub(super) struct Tokens {
    store: Arc<dyn Store>,
    clock: Clock,
    /// As they were read last: good enough for an address that has failed too often.
    known: Mutex<Arc<[ConnectorToken]>>,
    /// Held for a look each, at dial-in.
    failures: Mutex<Failures>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}

impl Tokens {
    pub(super) fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self { store, clock, known: Mutex::new(Arc::from([])), failures: Mutex::default() }
    }

    /// Whose token this is. The store is asked every time, so that a token made a moment ago opens.
    pub(super) async fn admit(&self, token: &str, from: IpAddr) -> Result<Credential, Refused> {
        let now = Clock::instant();
        let wait = self.failures().wait(from, now);
        let known = match wait {
            Some(_) => self.known(),
            None => self.read().await.map_err(Refused::Store)?,
        };
        let sha256: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(found) = find(&known, &sha256, self.clock.now()) {
            return Ok(Credential { desk: name(found), sha256 });
        }
        self.failures().add(from, now);
        Err(wait.map_or(Refused::Unknown, Refused::Throttled))
    }

    /// Closes the sockets that came by a token which is good no more.
    pub(super) async fn recheck(&self, hub: &Hub) -> Result<(), StoreError> {
        let desks: Vec<_> = hub.all().into_iter().filter(|it| it.has_sessions()).collect();
        if desks.is_empty() {
            return Ok(());
        }
        let (known, now) = (self.read().await?, self.clock.now());
        for desk in desks {
            desk.with(|pool, at| {
                let is_good = |sha256: &[u8; 32]| find(&known, sha256, now).is_some_and(|it| name(it) == desk.name);
                pool.end_untrusted(is_good, at);
            });
        }
        Ok(())
    }

    async fn read(&self) -> Result<Arc<[ConnectorToken]>, StoreError> {
        let read: Arc<[ConnectorToken]> = self.store.connector_tokens().await?.into();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&read);
        Ok(read)
    }

    fn known(&self) -> Arc<[ConnectorToken]> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(token: &ConnectorToken) -> DeskName {
    DeskName { unit: token.unit.clone(), profile: token.profile.clone(), token: token.name.clone() }
}

/// Looks at every token, and as long at each, whatever it finds.
fn find<'a>(tokens: &'a [ConnectorToken], sha256: &[u8; 32], now: Timestamp) -> Option<&'a ConnectorToken> {
    let mut found = None;
    for token in tokens {
        if bool::from(token.sha256.ct_eq(sha256)) && token.valid_until.is_none_or(|until| now < until) {
            found = Some(token);
        }
    }
    found
}

/// How often each address has failed of late.
#[derive(Debug, Default)]
struct Failures(HashMap<IpAddr, (u32, Instant)>);

impl Failures {
    /// `Some`: it has failed too often, and for how long it has to wait.
    fn wait(&self, from: IpAddr, now: Instant) -> Option<Duration> {
        let (failures, since) = self.0.get(&network(from))?;
        let until = *since + WINDOW;
        (*failures >= MAX_FAILURES && now < until).then(|| until - now)
    }

    fn add(&mut self, from: IpAddr, now: Instant) {
        let from = network(from);
        if self.0.len() >= MAX_ADDRESSES && !self.0.contains_key(&from) {
            self.0.retain(|_, (_, since)| now < *since + WINDOW);
            if self.0.len() >= MAX_ADDRESSES {
                return;
            }
        }
        let (failures, since) = self.0.entry(from).or_insert((0, now));
        if now >= *since + WINDOW {
            (*failures, *since) = (0, now);
        }
        *failures = failures.saturating_add(1);
    }
}

/// What one host can have many of counts as one.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ProfileName, UnitName};

    fn token(text: &str, valid_until: Option<i64>) -> ConnectorToken {
        ConnectorToken {
            unit: UnitName::new("sales").unwrap(),
            profile: ProfileName::new("support").unwrap(),
            name: String::new(),
            sha256: Sha256::digest(text).into(),
            made_at: Timestamp(0),
            valid_until: valid_until.map(Timestamp),
        }
    }

    #[test]
    fn s11_a_token_is_good_until_its_grace_is_over() {
        let tokens = [token("new", None), token("old", Some(1_000))];
        let is_good = |text: &str, now| find(&tokens, &Sha256::digest(text).into(), Timestamp(now)).is_some();
        assert!(is_good("new", i64::MAX) && is_good("old", 999));
        assert!(!is_good("old", 1_000) && !is_good("other", 0) && !is_good("", 0));
        assert!(!format!("{tokens:?}").contains("sha256"), "{tokens:?}");
    }

    #[test]
    fn s11_an_address_that_guesses_is_slowed_and_forgotten() {
        let now = Clock::instant();
        let (mut failures, guesser) = (Failures::default(), "2001:db8::1".parse().unwrap());
        for _ in 0..MAX_FAILURES {
            assert_eq!(failures.wait(guesser, now), None);
            failures.add(guesser, now);
        }
        let neighbour = "2001:db8::ffff:2".parse().unwrap();
        assert_eq!(failures.wait(neighbour, now + Duration::from_secs(20)), Some(Duration::from_secs(40)));
        assert_eq!(failures.wait("2001:db8:0:1::1".parse().unwrap(), now), None);
        assert_eq!(failures.wait(guesser, now + WINDOW), None);
        failures.add(guesser, now + WINDOW);
        assert_eq!(failures.wait(guesser, now + WINDOW), None, "it begins anew");
    }

    #[test]
    fn the_addresses_are_bounded() {
        let (mut failures, now) = (Failures::default(), Clock::instant());
        for n in 0..=u32::try_from(MAX_ADDRESSES).unwrap() {
            failures.add(IpAddr::V4(n.into()), now);
        }
        assert_eq!(failures.0.len(), MAX_ADDRESSES);
        failures.add("192.0.2.1".parse().unwrap(), now + WINDOW);
        assert_eq!(failures.0.len(), 1);
    }
}
