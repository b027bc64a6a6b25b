//! Whose requests are counted together, for the limits.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};

use crate::peer;

/// One household: an IPv4 address, or the /64 that an IPv6 address stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Household(Option<IpAddr>);

/// `proxies`: how many proxies of ours stand in front.
pub(super) fn household(headers: &HeaderMap, extensions: &Extensions, proxies: usize) -> Household {
    let called_from = extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
    Household(peer::address(headers, called_from, proxies).map(peer::network))
}
