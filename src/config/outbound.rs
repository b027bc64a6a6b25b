//! Rules for outbound calls (B11).

use std::net::{IpAddr, SocketAddr};

use secrecy::ExposeSecret as _;

use super::{
    address::is_host,
    section::{At, Section},
    settings::{AllowedHost, Egress},
};
use crate::core::said::said;

const DNS_PORT: u16 = 53;

pub(super) fn egress(mut section: Section<'_>) -> Egress {
    let signing_key = section.secret("signing_key");
    if let Some(At { value, place }) = &signing_key
        && value.expose_secret().len() < 16
    {
        let message = said!("`{}` is shorter than 16 characters", section.name_of("signing_key"));
        section.cx.warn(*place, message, said!("take a random one: `openssl rand -hex 32` makes a good one"));
    }
    let egress = Egress {
        allow: allow(&mut section),
        max_answer_bytes: section.number("max_answer_bytes", 1024..=16_777_216),
        deadline: section.millis("deadline_ms", 100..=60_000),
        signing_key: signing_key.map(|at| at.value),
        proxy: section.proxy("proxy").map(|at| at.value),
        resolvers: resolvers(&mut section),
        stale_addresses_for: section.seconds("stale_addresses_s", 0..=604_800),
    };
    section.finish();
    egress
}

fn resolvers(section: &mut Section<'_>) -> Vec<SocketAddr> {
    let mut resolvers = Vec::new();
    for At { value, place } in section.texts("resolvers") {
        let bare = value.parse::<IpAddr>().map(|address| SocketAddr::new(address, DNS_PORT));
        match bare.or_else(|_with_port| value.parse()) {
            Ok(address) => resolvers.push(address),
            Err(_unexplained) => {
                let message = said!("`{}`: `{}` is no address", section.name_of("resolvers"), value);
                section.cx.error(place, message, said!("write name servers as \"192.0.2.53\" or \"192.0.2.53:5353\""));
            }
        }
    }
    resolvers
}

fn allow(section: &mut Section<'_>) -> Vec<AllowedHost> {
    let mut allowed: Vec<AllowedHost> = Vec::new();
    for mut entry in section.sections("allow") {
        let host = entry.required("host", said!("name the host that may be called")).and_then(|at| host(&entry, &at));
        let port = entry.has("port").then(|| entry.number("port", 1..=65_535));
        entry.know(&["port"]);
        let rule = host.map(|At { value: host, place }| At {
            value: AllowedHost {
                host,
                port,
                private: entry.flag("private"),
                plaintext: entry.flag("plaintext"),
                restore_tokens: entry.flag("restore_tokens"),
            },
            place,
        });
        if let Some(At { value, place }) = rule {
            if allowed.iter().any(|other| other.host == value.host && other.port == value.port) {
                let message = said!("`{}` is listed twice for the same port", value.host);
                entry.cx.error(place, message, said!("keep one of the two entries"));
            }
            let is_local = value.host.parse::<IpAddr>().is_ok_and(|it| it.is_loopback());
            if value.restore_tokens && value.plaintext && !is_local {
                let message = said!("card numbers and the like would go to `{}` over http://", value.host);
                entry.cx.warn(place, message, said!("take out `plaintext` or `restore_tokens`"));
            }
            allowed.push(value);
        }
        entry.finish();
    }
    allowed
}

fn host(entry: &Section<'_>, at: &At<&str>) -> Option<At<String>> {
    let value = at.value.to_ascii_lowercase();
    let name = value.strip_prefix("*.").unwrap_or(&value);
    let pattern_of_address = name.len() < value.len() && name.parse::<IpAddr>().is_ok();
    if is_host(name) && !pattern_of_address {
        return Some(At { value, place: at.place });
    }
    let message = said!("`{}` is no host", entry.name_of("host"));
    entry.cx.error(
        at.place,
        message,
        said!("write \"api.example.com\", \"*.example.com\" or an address; no scheme, port or path"),
    );
    None
}
