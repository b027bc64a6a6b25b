//! Where a request comes from: the peer, or what proxies of ours say of it; and how long it is waited for.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;
use tokio::time::Instant;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// `proxies`: how many proxies of ours stand in front. Each appends the address it was called from, so that what is
/// further left was written by strangers.
#[must_use]
pub fn address(headers: &HeaderMap, peer: Option<IpAddr>, proxies: usize) -> Option<IpAddr> {
    let Some(nth) = proxies.checked_sub(1) else { return peer };
    let lines = headers.get_all(FORWARDED_FOR).iter().filter_map(|it| it.to_str().ok());
    let told: Vec<&str> = lines.flat_map(|it| it.split(',')).map(str::trim).collect();
    told.iter().rev().nth(nth).and_then(|it| read(it)).or(peer)
}

/// With or without a port.
fn read(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()))
}

/// How long a door waits for one connection: whoever takes in something large bounds that by itself, and lifts the door's own bounds
/// meanwhile.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<Waits>);

#[derive(Debug, Default)]
struct Waits {
    lifted: AtomicUsize,
    /// The bounds have come back, and begin anew.
    renewed: AtomicBool,
}

impl Patience {
    /// Until it is dropped.
    #[must_use]
    pub fn lift(&self) -> Lifted {
        self.0.lifted.fetch_add(1, Ordering::Relaxed);
        Lifted(Arc::clone(&self.0))
    }

    /// Whether the bounds do not hold now, or begin anew now.
    #[must_use]
    pub fn is_lifted(&self) -> bool {
        self.0.renewed.swap(false, Ordering::Relaxed) || self.holds_on()
    }

    /// Whether the bounds do not hold now.
    #[must_use]
    pub fn holds_on(&self) -> bool {
        self.0.lifted.load(Ordering::Relaxed) > 0
    }
}

/// The door's bounds do not hold while this lives.
#[derive(Debug)]
pub struct Lifted(Arc<Waits>);

impl Drop for Lifted {
    fn drop(&mut self) {
        // In this order: who looks in between finds one of the two.
        self.0.renewed.store(true, Ordering::Relaxed);
        self.0.lifted.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How slowly something large may come on the whole. To wait for the next part of it alone would be to wait for ever.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    began: Instant,
}

/// Before it has to come at [`LEAST_KIB_A_SECOND`].
const GRACE: Duration = Duration::from_secs(60);
pub const LEAST_KIB_A_SECOND: u64 = 64;

impl Pace {
    #[must_use]
    pub const fn new(began: Instant) -> Self {
        Self { began }
    }

    /// So long whoever sends waited for us.
    pub fn put_off(&mut self, waited: Duration) {
        self.began += waited;
    }

    /// By when more than these bytes have to be there.
    #[must_use]
    pub fn next_by(&self, bytes: u64) -> Instant {
        self.began + GRACE + Duration::from_secs(bytes / (LEAST_KIB_A_SECOND * 1024))
    }
}

/// One household: an IPv4 address, or the /64 that an IPv6 address stands in.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(it) => it.into(),
        IpAddr::V6(it) => Ipv6Addr::from_bits(it.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    fn from(forwarded: &[&'static str], proxies: usize) -> Option<IpAddr> {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(FORWARDED_FOR, (*line).parse().unwrap());
        }
        address(&headers, Some([192, 0, 2, 1].into()), proxies).map(network)
    }

    fn at(address: &str) -> Option<IpAddr> {
        Some(address.parse().unwrap())
    }

    #[test]
    fn without_proxies_nobody_is_believed() {
        assert_eq!(from(&["198.51.100.7"], 0), at("192.0.2.1"));
    }

    #[test]
    fn a_proxy_is_believed_for_what_it_appends_alone() {
        assert_eq!(from(&["203.0.113.9, 198.51.100.7"], 1), at("198.51.100.7"));
        assert_eq!(from(&["203.0.113.9", "198.51.100.7, 10.0.0.1"], 2), at("198.51.100.7"));
        assert_eq!(from(&["198.51.100.7:5555"], 1), at("198.51.100.7"));
        assert_eq!(from(&["nonsense"], 1), at("192.0.2.1"));
        assert_eq!(from(&[], 1), at("192.0.2.1"));
        assert_eq!(from(&["198.51.100.7"], 2), at("192.0.2.1"));
    }

    #[test]
    fn what_was_waited_for_us_is_not_held_against_whoever_sends() {
        let mut pace = Pace::new(Clock::instant());
        let (first, later) = (pace.next_by(0), pace.next_by(LEAST_KIB_A_SECOND * 1024 * 7));
        assert_eq!(later, first + Duration::from_secs(7));
        pace.put_off(Duration::from_secs(90));
        assert_eq!(pace.next_by(0), first + Duration::from_secs(90));
    }

    #[test]
    fn one_household_has_many_addresses_of_ipv6() {
        assert_eq!(from(&["2001:db8:1:2:3:4:5:6"], 1), at("2001:db8:1:2::"));
        assert_eq!(from(&["[2001:db8:1:2::9]"], 1), at("2001:db8:1:2::"));
        assert_eq!(from(&["::ffff:198.51.100.7"], 1), at("198.51.100.7"));
    }
}
