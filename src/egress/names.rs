//! Host names to addresses, also while name servers fail (S32). One memory for the whole process: calls to external systems
//! and to language engines share it.
//!
//! Every name server has a resolver of its own here. In one resolver over all of them the first server's time-out is the time
//! of the whole look-up: a dead primary would then mean that the second one is never asked.

use std::{
    collections::HashMap,
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use hickory_resolver::{
    Resolver, TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
    proto::rr::{Name, RData, RecordType},
    system_conf::read_system_conf,
};
use tokio::time::{Instant, timeout};

use crate::clock::Clock;

/// How long one server is waited for before the next is asked as well.
const NEXT_AFTER: Duration = Duration::from_millis(500);
/// How long one server may take to answer.
const SERVER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a look-up may take in all.
const PATIENCE: Duration = Duration::from_secs(4);
/// The same where an old answer is at hand.
const PATIENCE_WITH_OLD_ANSWER: Duration = Duration::from_millis(1_500);
/// How long after the addresses of one kind those of the other are waited for.
const OTHER_FAMILY: Duration = Duration::from_millis(300);
/// A server that did not answer is asked last for this long.
const TROUBLE_FOR: Duration = Duration::from_secs(30);
/// With every server silent, an old answer serves this long before they are asked again.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(10);
const SHORTEST_TTL: Duration = Duration::from_secs(5);
const LONGEST_TTL: Duration = Duration::from_hours(1);
const MOST_NAMES: usize = 1_024;
const MOST_ADDRESSES: usize = 16;

/// Why a host has no address.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    #[error("host {host} does not exist: the name server knows no address for it")]
    NoSuchName { host: String },
    #[error("no name server answers for host {host}: check [egress] resolvers and the network")]
    NoAnswer { host: String, source: Option<Silence> },
    #[error("host {host} is not a name that could be looked up")]
    NotAName { host: String },
}

/// What kept a name server from answering.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Silence(NetError);

/// Why the name servers cannot be used at all.
#[derive(Debug, thiserror::Error)]
#[error("the name servers of [egress] resolvers cannot be used")]
pub struct NamesUnusable(#[source] NetError);

/// Addresses, and how long they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found {
    addresses: Vec<IpAddr>,
    ttl: Duration,
}

/// Why one question to one server brought nothing.
#[derive(Debug)]
enum Miss {
    /// The name does not exist.
    UnknownName,
    /// It exists and has no address of this kind.
    NoAddress,
    /// The server does not answer, or says that it cannot.
    Silent(NetError),
}

/// Looks host names up; without any guard on where they lead.
pub struct Names {
    servers: Vec<TokioResolver>,
    stale_for: Duration,
    /// Protects what was learned; held for a look at or a change of it only.
    memory: Mutex<Memory>,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("servers", &self.servers.len()).finish_non_exhaustive()
    }
}

impl Names {
    /// Asks `servers` in this order; none: the system's. The system's hosts file comes first in either case.
    ///
    /// # Errors
    /// When no resolver can be made of them.
    pub fn new(servers: &[SocketAddr], stale_for: Duration) -> Result<Self, NamesUnusable> {
        let configs = if servers.is_empty() {
            system()
        } else {
            servers.iter().map(|it| ResolverConfig::from_name_servers(vec![name_server(*it)])).collect()
        };
        let servers = configs.into_iter().map(resolver).collect::<Result<Vec<_>, _>>().map_err(NamesUnusable)?;
        let memory = Mutex::new(Memory { entries: HashMap::new(), trouble_until: vec![None; servers.len()] });
        Ok(Self { servers, stale_for, memory })
    }

    /// The addresses of `host`, as they are or, while no name server answers, as they last were.
    ///
    /// # Errors
    /// When there are none, or no name server tells.
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NameError> {
        let old = match self.memory().recall(host, Clock::instant()) {
            Recalled::Fresh(addresses) => return Ok(addresses),
            Recalled::Old(addresses) => Some(addresses),
            Recalled::Nothing => None,
        };
        let patience = if old.is_some() { PATIENCE_WITH_OLD_ANSWER } else { PATIENCE };
        let answer = match timeout(patience, self.ask(host)).await {
            Ok(answer) => answer,
            Err(_) => Err(NameError::NoAnswer { host: host.to_owned(), source: None }),
        };
        match (answer, old) {
            (Ok(found), _) => {
                self.memory().remember(host, &found, self.stale_for, Clock::instant());
                Ok(found.addresses)
            }
            (Err(NameError::NoAnswer { .. }), Some(old)) => {
                tracing::warn!(host, "no name server answers: the last good addresses are used");
                self.memory().postpone(host, Clock::instant());
                Ok(old)
            }
            (Err(error), _) => {
                if matches!(error, NameError::NoSuchName { .. }) {
                    self.memory().entries.remove(host);
                }
                Err(error)
            }
        }
    }

    /// Asks one server after the other, the next one as soon as the last has failed or taken too long; the first answer counts.
    async fn ask(&self, host: &str) -> Result<Found, NameError> {
        // A name with a dot is complete; a single label may have one of the system's search domains after it.
        let text = if host.contains('.') { format!("{host}.") } else { host.to_owned() };
        let Ok(name) = Name::from_str_relaxed(&text) else {
            return Err(NameError::NotAName { host: host.to_owned() });
        };
        let mut waiting = self.memory().order(Clock::instant()).into_iter();
        let mut running = FuturesUnordered::new();
        let mut silent = Vec::new();
        let mut last = None;
        loop {
            if running.is_empty() {
                let Some(server) = waiting.next() else {
                    return Err(NameError::NoAnswer { host: host.to_owned(), source: last.map(Silence) });
                };
                silent.push(server);
                running.push(self.ask_server(server, name.clone()));
            }
            let Ok(answer) = timeout(NEXT_AFTER, running.next()).await else {
                if let Some(server) = waiting.next() {
                    silent.push(server);
                    running.push(self.ask_server(server, name.clone()));
                }
                continue;
            };
            match answer {
                Some((server, Ok(found))) => {
                    silent.retain(|it| *it != server);
                    self.memory().note_trouble(&silent, Clock::instant());
                    return Ok(found);
                }
                Some((_, Err(Miss::UnknownName | Miss::NoAddress))) => {
                    return Err(NameError::NoSuchName { host: host.to_owned() });
                }
                // Stays among the silent ones; the next is asked when no other is running.
                Some((_, Err(Miss::Silent(error)))) => last = Some(error),
                None => {}
            }
        }
    }

    async fn ask_server(&self, server: usize, name: Name) -> (usize, Result<Found, Miss>) {
        let Some(resolver) = self.servers.get(server) else {
            return (server, Err(Miss::Silent(NetError::NoConnections)));
        };
        let v4 = Box::pin(look_up(resolver, name.clone(), RecordType::A));
        let v6 = Box::pin(look_up(resolver, name, RecordType::AAAA));
        let (v4, v6) = match select(v4, v6).await {
            Either::Left((Ok(v4), v6)) => {
                let v6 = timeout(OTHER_FAMILY, v6).await;
                (Ok(v4), v6.unwrap_or(Err(Miss::Silent(NetError::Timeout))))
            }
            Either::Left((v4, v6)) => (v4, v6.await),
            Either::Right((v6, v4)) => (v4.await, v6),
        };
        (server, both(v4, v6))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let (mut udp, mut tcp) = (ConnectionConfig::udp(), ConnectionConfig::tcp());
    udp.port = address.port();
    tcp.port = address.port();
    NameServerConfig::new(address.ip(), true, vec![udp, tcp])
}

/// The system's name servers, one by one; without any, the one on this machine, as the C library has it.
fn system() -> Vec<ResolverConfig> {
    match read_system_conf() {
        Ok((config, _)) => {
            let (domain, search, servers) = config.into_parts();
            let with = |server| ResolverConfig::from_parts(domain.clone(), search.clone(), vec![server]);
            servers.into_iter().map(with).collect()
        }
        Err(error) => {
            tracing::warn!(%error, "the system names no name server: asking the one on this machine");
            vec![ResolverConfig::from_name_servers(vec![NameServerConfig::udp_and_tcp(IpAddr::from([127, 0, 0, 1]))])]
        }
    }
}

fn resolver(config: ResolverConfig) -> Result<TokioResolver, NetError> {
    let mut options = ResolverOpts::default();
    options.timeout = SERVER_TIMEOUT;
    options.attempts = 0;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Always;
    Resolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

async fn look_up(resolver: &TokioResolver, name: Name, kind: RecordType) -> Result<Found, Miss> {
    let lookup = match resolver.lookup(name, kind).await {
        Ok(lookup) => lookup,
        Err(error) if error.is_nx_domain() => return Err(Miss::UnknownName),
        Err(NetError::Dns(DnsError::NoRecordsFound(_))) => return Err(Miss::NoAddress),
        Err(error) => return Err(Miss::Silent(error)),
    };
    let ttl = lookup.answers().iter().map(|it| it.ttl).min().unwrap_or_default();
    let address = |data: &RData| if let RData::A(it) = data { Some(IpAddr::V4(it.0)) } else { None };
    let address = |data: &RData| if let RData::AAAA(it) = data { Some(IpAddr::V6(it.0)) } else { address(data) };
    let addresses: Vec<_> = lookup.answers().iter().filter_map(|it| address(&it.data)).take(MOST_ADDRESSES).collect();
    if addresses.is_empty() {
        return Err(Miss::NoAddress);
    }
    Ok(Found { addresses, ttl: Duration::from_secs(ttl.into()).clamp(SHORTEST_TTL, LONGEST_TTL) })
}

/// What the two questions tell together: any address is an answer, and only two plain noes are a no.
fn both(v4: Result<Found, Miss>, v6: Result<Found, Miss>) -> Result<Found, Miss> {
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => {
            let addresses = v4.addresses.into_iter().chain(v6.addresses).take(MOST_ADDRESSES).collect();
            Ok(Found { addresses, ttl: v4.ttl.min(v6.ttl) })
        }
        (Ok(found), Err(_)) | (Err(_), Ok(found)) => Ok(found),
        (Err(Miss::UnknownName), Err(_)) | (Err(_), Err(Miss::UnknownName)) => Err(Miss::UnknownName),
        (Err(Miss::Silent(error)), Err(_)) | (Err(_), Err(Miss::Silent(error))) => Err(Miss::Silent(error)),
        (Err(Miss::NoAddress), Err(Miss::NoAddress)) => Err(Miss::NoAddress),
    }
}

struct Memory {
    /// At most [`MOST_NAMES`].
    entries: HashMap<String, Entry>,
    /// By server.
    trouble_until: Vec<Option<Instant>>,
}

struct Entry {
    addresses: Vec<IpAddr>,
    fresh_until: Instant,
    good_until: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum Recalled {
    Fresh(Vec<IpAddr>),
    /// Only for want of a new answer.
    Old(Vec<IpAddr>),
    Nothing,
}

impl Memory {
    fn recall(&self, host: &str, now: Instant) -> Recalled {
        match self.entries.get(host) {
            Some(entry) if now < entry.fresh_until => Recalled::Fresh(entry.addresses.clone()),
            Some(entry) if now < entry.good_until => Recalled::Old(entry.addresses.clone()),
            Some(_) | None => Recalled::Nothing,
        }
    }

    fn remember(&mut self, host: &str, found: &Found, stale_for: Duration, now: Instant) {
        if self.entries.len() >= MOST_NAMES && !self.entries.contains_key(host) {
            self.entries.retain(|_, entry| now < entry.good_until);
            if self.entries.len() >= MOST_NAMES {
                let oldest =
                    self.entries.iter().min_by_key(|(_, entry)| entry.good_until).map(|(host, _)| host.clone());
                oldest.and_then(|host| self.entries.remove(&host));
            }
        }
        let fresh_until = now + found.ttl;
        let entry = Entry { addresses: found.addresses.clone(), fresh_until, good_until: fresh_until + stale_for };
        self.entries.insert(host.to_owned(), entry);
    }

    /// Lets an old answer pass for fresh, so that not every call waits for servers that do not answer.
    fn postpone(&mut self, host: &str, now: Instant) {
        if let Some(entry) = self.entries.get_mut(host) {
            entry.fresh_until = (now + ASK_AGAIN_AFTER).min(entry.good_until);
        }
    }

    /// The servers in their order, those in trouble last.
    fn order(&self, now: Instant) -> Vec<usize> {
        let in_trouble = |server: &usize| self.trouble_until.get(*server).copied().flatten().is_some_and(|it| now < it);
        let (troubled, well): (Vec<_>, Vec<_>) = (0..self.trouble_until.len()).partition(in_trouble);
        well.into_iter().chain(troubled).collect()
    }

    fn note_trouble(&mut self, silent: &[usize], now: Instant) {
        for server in silent {
            if let Some(until) = self.trouble_until.get_mut(*server) {
                *until = Some(now + TROUBLE_FOR);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(servers: usize) -> Memory {
        Memory { entries: HashMap::new(), trouble_until: vec![None; servers] }
    }

    fn found(address: [u8; 4], ttl_s: u64) -> Found {
        Found { addresses: vec![address.into()], ttl: Duration::from_secs(ttl_s) }
    }

    const STALE_FOR: Duration = Duration::from_secs(60);

    #[test]
    fn s32_an_answer_is_fresh_then_old_then_gone_at_exact_times() {
        let (mut memory, now) = (memory(1), Clock::instant());
        let answer = found([8, 8, 8, 8], 30);
        memory.remember("a.example", &answer, STALE_FOR, now);
        let at = |ms| now + Duration::from_millis(ms);
        let addresses = answer.addresses;
        assert_eq!(memory.recall("a.example", at(29_999)), Recalled::Fresh(addresses.clone()));
        assert_eq!(memory.recall("a.example", at(30_000)), Recalled::Old(addresses.clone()));
        assert_eq!(memory.recall("a.example", at(89_999)), Recalled::Old(addresses.clone()));
        assert_eq!(memory.recall("a.example", at(90_000)), Recalled::Nothing);
        assert_eq!(memory.recall("b.example", now), Recalled::Nothing);

        memory.postpone("a.example", at(40_000));
        assert_eq!(memory.recall("a.example", at(49_999)), Recalled::Fresh(addresses.clone()));
        assert_eq!(memory.recall("a.example", at(50_000)), Recalled::Old(addresses));
        memory.postpone("a.example", at(85_000));
        assert_eq!(memory.recall("a.example", at(90_000)), Recalled::Nothing, "postponing does not prolong");
    }

    #[test]
    fn s32_memory_is_bounded_and_drops_what_ends_first() {
        let (mut memory, now) = (memory(1), Clock::instant());
        for index in 0..MOST_NAMES {
            memory.remember(&format!("{index}.example"), &found([8, 8, 8, 8], 10 + index as u64), STALE_FOR, now);
        }
        memory.remember("new.example", &found([8, 8, 8, 8], 5), STALE_FOR, now);
        assert_eq!(memory.entries.len(), MOST_NAMES);
        assert_eq!(memory.recall("0.example", now), Recalled::Nothing);
        assert_ne!(memory.recall("1.example", now), Recalled::Nothing);
        assert_ne!(memory.recall("new.example", now), Recalled::Nothing);
    }

    #[test]
    fn s32_a_server_in_trouble_is_asked_last_for_a_while() {
        let (mut memory, now) = (memory(3), Clock::instant());
        assert_eq!(memory.order(now), [0, 1, 2]);
        memory.note_trouble(&[0], now);
        assert_eq!(memory.order(now), [1, 2, 0]);
        memory.note_trouble(&[1, 2], now);
        assert_eq!(memory.order(now), [0, 1, 2], "all in trouble: their own order again");
        assert_eq!(memory.order(now + TROUBLE_FOR), [0, 1, 2]);
    }

    #[test]
    fn s32_one_address_is_an_answer_and_only_two_noes_are_a_no() {
        let v4 = || Ok(found([8, 8, 8, 8], 30));
        let silent = || Err(Miss::Silent(NetError::Timeout));
        assert_eq!(both(v4(), Ok(found([9, 9, 9, 9], 10))).expect("an answer").ttl, Duration::from_secs(10));
        assert_eq!(both(v4(), silent()).expect("an answer").addresses.len(), 1);
        assert_eq!(both(Err(Miss::NoAddress), v4()).expect("an answer").addresses.len(), 1);
        assert!(matches!(both(Err(Miss::NoAddress), silent()), Err(Miss::Silent(_))));
        assert!(matches!(both(silent(), Err(Miss::NoAddress)), Err(Miss::Silent(_))));
        assert!(matches!(both(silent(), Err(Miss::UnknownName)), Err(Miss::UnknownName)));
        assert!(matches!(both(Err(Miss::NoAddress), Err(Miss::NoAddress)), Err(Miss::NoAddress)));
    }
}
