//! The allow-list: which hosts may be called, and with what exceptions (B11).

use std::net::IpAddr;

use reqwest::Url;

use super::guard::Reach;
use crate::config::settings::AllowedHost;

/// Why an entry of the allow-list is no host pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("is empty")]
    Empty,
    #[error("holds more than a host: leave out scheme, path and user, and give the port as `port`")]
    MoreThanHost,
    #[error("may hold a * only as its first label, as in *.example.com")]
    Wildcard,
    #[error("is not a host name or address")]
    NotAHost,
}

/// Whether `pattern` may stand in `[[egress.allow]]`.
///
/// # Errors
/// When it is no host name, address or `*.` before a host name.
pub fn check_pattern(pattern: &str) -> Result<(), PatternError> {
    Pattern::parse(pattern).map(drop)
}

/// A host as a URL names it, in one form: lower case, punycode, no final dot, IPv4 written as such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Address(IpAddr),
}

impl Host {
    /// `text` is the host of a parsed URL.
    pub(super) fn of_url(text: &str) -> Self {
        let bare = text.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(text);
        match bare.parse::<IpAddr>() {
            Ok(address) => Self::Address(address.to_canonical()),
            Err(_) => Self::Name(text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()),
        }
    }
}

#[derive(Debug)]
enum Pattern {
    Exactly(Host),
    /// Any name that ends in this, which begins with a dot.
    Below(String),
}

impl Pattern {
    fn parse(text: &str) -> Result<Self, PatternError> {
        if let Ok(address) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok(Self::Exactly(Host::Address(address.to_canonical())));
        }
        let (below, name) = text.strip_prefix("*.").map_or((false, text), |rest| (true, rest));
        if name.is_empty() {
            return Err(PatternError::Empty);
        }
        if name.contains('*') {
            return Err(PatternError::Wildcard);
        }
        if name.contains([':', '/', '\\', '@', '?', '#', '%']) || name.contains(char::is_whitespace) {
            return Err(PatternError::MoreThanHost);
        }
        let url = Url::parse(&format!("https://{name}/")).ok().ok_or(PatternError::NotAHost)?;
        let host = Host::of_url(url.host_str().ok_or(PatternError::NotAHost)?);
        match (below, host) {
            (_, Host::Name(name)) if name.is_empty() || name.starts_with('.') || name.contains("..") => {
                Err(PatternError::NotAHost)
            }
            (false, host) => Ok(Self::Exactly(host)),
            (true, Host::Name(name)) => Ok(Self::Below(format!(".{name}"))),
            (true, Host::Address(_)) => Err(PatternError::Wildcard),
        }
    }

    fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(listed), _) => listed == host,
            // A name is longer than the suffix: the name itself is not below itself.
            (Self::Below(suffix), Host::Name(name)) => name.len() > suffix.len() && name.ends_with(suffix.as_str()),
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

#[derive(Debug)]
struct Rule {
    pattern: Pattern,
    port: Option<u16>,
    grant: Grant,
}

/// What is allowed for a host beyond being called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) private: bool,
    pub(super) plaintext: bool,
    pub(super) restore_tokens: bool,
}

impl Grant {
    pub(super) const fn reach(self) -> Reach {
        if self.private { Reach::PublicAndPrivate } else { Reach::Public }
    }
}

#[derive(Debug)]
pub(super) struct AllowList(Vec<Rule>);

impl AllowList {
    /// The first entry that is no pattern, and why.
    pub(super) fn new(hosts: &[AllowedHost]) -> Result<Self, (String, PatternError)> {
        let rule = |it: &AllowedHost| {
            let (private, plaintext, restore_tokens) = (it.private, it.plaintext, it.restore_tokens);
            let grant = Grant { private, plaintext, restore_tokens };
            Pattern::parse(&it.host)
                .map(|pattern| Rule { pattern, port: it.port, grant })
                .map_err(|error| (it.host.clone(), error))
        };
        hosts.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What all entries for this host and port allow together; `None`: not to be called.
    pub(super) fn grant(&self, host: &Host, port: u16) -> Option<Grant> {
        self.0
            .iter()
            .filter(|rule| rule.port.is_none_or(|listed| listed == port) && rule.pattern.matches(host))
            .map(|rule| rule.grant)
            .reduce(|a, b| Grant {
                private: a.private || b.private,
                plaintext: a.plaintext || b.plaintext,
                restore_tokens: a.restore_tokens || b.restore_tokens,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(hosts: &[(&str, Option<u16>)]) -> AllowList {
        let hosts: Vec<_> = hosts
            .iter()
            .map(|(host, port)| AllowedHost {
                host: (*host).to_owned(),
                port: *port,
                private: false,
                plaintext: false,
                restore_tokens: false,
            })
            .collect();
        AllowList::new(&hosts).expect("patterns")
    }

    fn allows(list: &AllowList, host: &str) -> bool {
        let url = Url::parse(&format!("https://{host}/")).expect("a URL");
        let port = url.port_or_known_default().expect("a port");
        list.grant(&Host::of_url(url.host_str().expect("a host")), port).is_some()
    }

    #[test]
    fn b11_a_listed_name_is_that_name_alone() {
        let list = list(&[("api.example.com", None)]);
        for host in ["api.example.com", "API.Example.COM", "api.example.com.", "api.example.com:8443"] {
            assert!(allows(&list, host), "{host}");
        }
        for host in ["example.com", "x.api.example.com", "api.example.com.evil.net", "evilapi.example.com", "10.0.0.1"]
        {
            assert!(!allows(&list, host), "{host}");
        }
    }

    #[test]
    fn b11_a_wildcard_is_any_depth_below_but_not_the_name() {
        let list = list(&[("*.example.com", None)]);
        for host in ["api.example.com", "a.b.c.example.com", "x.EXAMPLE.com."] {
            assert!(allows(&list, host), "{host}");
        }
        for host in ["example.com", "badexample.com", "example.com.evil.net", "example.org"] {
            assert!(!allows(&list, host), "{host}");
        }
    }

    #[test]
    fn b11_a_listed_port_is_the_only_one() {
        let list = list(&[("api.example.com", Some(8443))]);
        assert!(allows(&list, "api.example.com:8443"));
        assert!(!allows(&list, "api.example.com"));
    }

    #[test]
    fn b11_addresses_are_the_same_however_they_are_written() {
        let list = list(&[("127.0.0.1", None), ("[fd00::1]", None)]);
        for host in ["127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]", "[fd00:0::1]"] {
            assert!(allows(&list, host), "{host}");
        }
        assert!(!allows(&list, "127.0.0.2"));
    }

    #[test]
    fn b11_international_names_match_in_either_form() {
        assert!(allows(&list(&[("bücher.example", None)]), "xn--bcher-kva.example"));
        assert!(allows(&list(&[("*.xn--bcher-kva.example", None)]), "api.BÜCHER.example"));
    }

    #[test]
    fn b11_entries_for_one_host_add_up() {
        let entry = |port, private, plaintext| AllowedHost {
            host: "a.example".to_owned(),
            port,
            private,
            plaintext,
            restore_tokens: private,
        };
        let list = AllowList::new(&[entry(None, false, true), entry(Some(81), true, false)]).expect("patterns");
        let host = Host::Name("a.example".to_owned());
        assert_eq!(list.grant(&host, 80), Some(Grant { private: false, plaintext: true, restore_tokens: false }));
        assert_eq!(list.grant(&host, 81), Some(Grant { private: true, plaintext: true, restore_tokens: true }));
    }

    #[test]
    fn b11_what_is_no_host_pattern_is_refused_with_its_reason() {
        use PatternError::{Empty, MoreThanHost, NotAHost, Wildcard};
        for (text, expected) in [
            ("", Empty),
            ("*.", Empty),
            ("*", Wildcard),
            ("*.*.example.com", Wildcard),
            ("api.*.com", Wildcard),
            ("*.127.0.0.1", Wildcard),
            ("https://api.example.com", MoreThanHost),
            ("api.example.com/x", MoreThanHost),
            ("api.example.com:443", MoreThanHost),
            ("me@api.example.com", MoreThanHost),
            ("api example.com", MoreThanHost),
            ("api..example.com", NotAHost),
            (".example.com", NotAHost),
            ("256.256.256.256", NotAHost),
        ] {
            assert_eq!(check_pattern(text), Err(expected), "{text:?}");
        }
        for text in ["localhost", "api.example.com", "*.example.com", "10.0.0.1", "::1", "[::1]"] {
            assert_eq!(check_pattern(text), Ok(()), "{text:?}");
        }
    }
}
