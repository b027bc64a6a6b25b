//! Which addresses an outbound call may reach (B11).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What kind of place an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The internet.
    Public,
    /// This machine or a network around it: allowed where the host is listed as `private`.
    Private,
    /// No place a call could go: never allowed.
    Nowhere,
}

/// What a name or a literal may lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    Public,
    PublicAndPrivate,
    /// For the proxy, which the administrator names.
    Anywhere,
}

impl Reach {
    pub(super) fn permits(self, address: IpAddr) -> bool {
        match self {
            Self::Public => place(address) == Place::Public,
            Self::PublicAndPrivate => place(address) != Place::Nowhere,
            Self::Anywhere => true,
        }
    }
}

pub(super) fn place(address: IpAddr) -> Place {
    match address.to_canonical() {
        IpAddr::V4(address) => place_v4(address),
        IpAddr::V6(address) => place_v6(address),
    }
}

fn place_v4(address: Ipv4Addr) -> Place {
    match address.octets() {
        // Nowhere: this network, documentation, multicast, reserved and broadcast, the withdrawn 6to4 relays.
        [0 | 224..=255, ..] | [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] | [192, 88, 99, _] => {
            Place::Nowhere
        }
        // Private networks, carrier-grade NAT, loopback, link-local (cloud metadata too), protocol assignments, benchmarks.
        [10 | 127, ..]
        | [100, 64..=127, ..]
        | [169, 254, ..]
        | [172, 16..=31, ..]
        | [192, 168, ..]
        | [192, 0, 0, _]
        | [198, 18..=19, ..] => Place::Private,
        _ => Place::Public,
    }
}

/// Addresses that carry an IPv4 address lead where that one leads.
fn place_v6(address: Ipv6Addr) -> Place {
    let [a, b, c, d, e, f, g, h] = address.segments();
    match [a, b, c, d, e, f] {
        // NAT64, the well-known prefix.
        [0x64, 0xff9b, 0, 0, 0, 0] => place_v4(joined(g, h)),
        // NAT64, a site's own prefix.
        [0x64, 0xff9b, 1, ..] => Place::Private,
        // Loopback and unspecified; IPv4-compatible, which nothing uses any more.
        [0, 0, 0, 0, 0, 0] if address == Ipv6Addr::LOCALHOST => Place::Private,
        // Unique local, link-local and site-local.
        [0xfc00..=0xfdff, ..] | [0xfe80..=0xfeff, ..] => Place::Private,
        // Protocol assignments with Teredo, documentation, 6to4, documentation.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x2002, ..] | [0x3fff, 0..=0xfff, ..] => Place::Nowhere,
        [0x2000..=0x3fff, ..] => Place::Public,
        _ => Place::Nowhere,
    }
}

fn joined(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(place_expected: Place, addresses: &[&str]) {
        for text in addresses {
            let address: IpAddr = text.parse().expect("an address");
            assert_eq!(place(address), place_expected, "{text}");
        }
    }

    #[test]
    fn b11_public_addresses_are_public() {
        all(
            Place::Public,
            &[
                "8.8.8.8",
                "1.1.1.1",
                "100.63.255.255",
                "100.128.0.0",
                "172.15.255.255",
                "172.32.0.0",
                "169.253.255.255",
                "192.0.1.0",
                "192.167.255.255",
                "198.17.255.255",
                "198.20.0.0",
                "223.255.255.255",
                "2606:4700::1111",
                "2001:4860:4860::8888",
                "::ffff:8.8.8.8",
                "64:ff9b::808:808",
            ],
        );
    }

    #[test]
    fn b11_addresses_around_this_machine_are_private() {
        all(
            Place::Private,
            &[
                "10.0.0.1",
                "127.0.0.1",
                "127.255.255.254",
                "100.64.0.1",
                "100.127.255.255",
                "169.254.169.254",
                "172.16.0.1",
                "172.31.255.255",
                "192.168.1.1",
                "192.0.0.8",
                "198.18.0.1",
                "198.19.255.255",
                "::1",
                "fc00::1",
                "fd12:3456::1",
                "fe80::1",
                "fec0::1",
                "::ffff:127.0.0.1",
                "::ffff:169.254.169.254",
                "64:ff9b::7f00:1",
                "64:ff9b::a9fe:a9fe",
                "64:ff9b:1::1",
            ],
        );
    }

    #[test]
    fn b11_addresses_that_lead_nowhere_are_never_allowed() {
        let addresses = [
            "0.0.0.0",
            "0.1.2.3",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "192.88.99.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::7f00:1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "2001::1",
            "2001:1ff::1",
            "2002:7f00:1::",
            "2002:808:808::",
            "::ffff:0.0.0.0",
            "64:ff9b::",
            "4000::1",
            "100::1",
        ];
        all(Place::Nowhere, &addresses);
        for text in addresses {
            assert!(!Reach::PublicAndPrivate.permits(text.parse().expect("an address")), "{text}");
        }
    }
}
