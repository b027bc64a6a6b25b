//! Hosts and URLs, as far as they can be judged without asking anyone.

use std::net::{IpAddr, SocketAddr};

use http::Uri;

use super::{
    document::DocumentKind,
    section::{At, Section},
};
use crate::core::said::said;

/// A host name as DNS allows it, or an address.
pub(super) fn is_host(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || is_host_name(host)
}

pub(super) fn is_host_name(host: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

/// The host of `http://host…` as an address, or by its name.
pub(super) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().map_or(bare == "localhost", |address| address.is_loopback())
}

impl Section<'_> {
    pub(super) fn socket_address(&mut self, key: &'static str) -> Option<At<SocketAddr>> {
        let At { value, place } = self.text(key)?;
        match value.parse() {
            Ok(value) => Some(At { value, place }),
            Err(_unexplained) => {
                let message = said!("`{}` is no address with a port", self.name_of(key));
                self.cx.error(place, message, said!("write it as \"127.0.0.1:7400\" or \"[::1]:7400\""));
                None
            }
        }
    }

    /// `http://host:port` or `https://host:port`, without a path.
    pub(super) fn endpoint(&mut self, key: &'static str) -> Option<At<Uri>> {
        let At { value, place } = self.text(key)?;
        let uri = value.parse::<Uri>().ok().filter(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| is_host(host.trim_start_matches('[').trim_end_matches(']')))
                && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
                && matches!(uri.path(), "" | "/")
                && uri.query().is_none()
        });
        if uri.is_none() {
            let message = said!("`{}` is no endpoint", self.name_of(key));
            self.cx.error(
                place,
                message,
                said!("write it as \"http://host:port\" or \"https://host:port\", without a path"),
            );
        }
        uri.map(|value| At { value, place })
    }

    /// `https://host[:port]/path?query`; no user or password.
    pub(super) fn url(&mut self, key: &'static str) -> Option<At<String>> {
        let At { value, place } = self.text(key)?;
        let good = value.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some_and(|host| is_host(host.trim_start_matches('[').trim_end_matches(']')))
                && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
        });
        if !good {
            let message = said!("`{}` is no address of a web service", self.name_of(key));
            self.cx.error(place, message, said!("write it as \"https://host/path\", without user and password"));
        }
        good.then(|| At { value: value.to_owned(), place })
    }

    /// `http://[user:password@]host:port`
    pub(super) fn proxy(&mut self, key: &'static str) -> Option<At<String>> {
        let At { value, place } = self.text(key)?;
        let good = value.parse::<Uri>().is_ok_and(|uri| {
            uri.scheme_str() == Some("http")
                && uri.host().is_some_and(|host| is_host(host.trim_start_matches('[').trim_end_matches(']')))
                && matches!(uri.path(), "" | "/")
        });
        if value.contains('@') && self.cx.documents.of(place).kind == DocumentKind::Managed {
            let message = said!("`{}` holds a password", self.name_of(key));
            self.cx.error(
                place,
                message,
                said!("write this profile as a file: what the Web Manager keeps shows addresses as they are"),
            );
        }
        if value.contains('@') {
            self.cx.literals.borrow_mut().insert(place);
        }
        if !good {
            let message = said!("`{}` is no proxy", self.name_of(key));
            self.cx.error(place, message, said!("write it as \"http://[user:password@]host:port\""));
        }
        good.then(|| At { value: value.to_owned(), place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for host in ["api.example.com", "localhost", "10.0.0.1", "::1", "a-b.c"] {
            assert!(is_host(host), "{host}");
        }
        for host in ["", ".", "a..b", "-a", "a b", "*.example.com", "http://a", "a/b", "ä.example", "a:1"] {
            assert!(!is_host(host), "{host}");
        }
    }

    #[test]
    fn loopback_is_known_by_address_and_name() {
        assert!(["127.0.0.1", "[::1]", "localhost"].into_iter().all(is_loopback));
        assert!(!["10.0.0.1", "example.com", "localhost.example.com"].into_iter().any(is_loopback));
    }
}
