//! Names at Google: the endpoint's host, and the session of a contact.

use std::fmt::Write as _;

use crate::{core::ids::ContactId, nlp::fit};

/// Google's bound on session ids.
pub(in crate::nlp) const MAX_ID_BYTES: usize = 36;

const GLOBAL: &str = "global";

/// `https://europe-west1-dialogflow.googleapis.com`, or the profile's override. Region decides host *and* path together: an
/// agent asked at another region's host is not found.
pub(in crate::nlp) fn endpoint(own: Option<&str>, region: Option<&str>) -> String {
    match (own, region) {
        (Some(endpoint), _) => endpoint.trim_end_matches('/').to_owned(),
        (None, None | Some(GLOBAL)) => "https://dialogflow.googleapis.com".to_owned(),
        (None, Some(region)) => format!("https://{region}-dialogflow.googleapis.com"),
    }
}

/// Whether a text can stand between two slashes of a path and name nothing else by it.
pub(in crate::nlp) fn is_segment(text: &str) -> bool {
    let is_path_byte = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_' | b'.' | b':' | b'~');
    !text.is_empty() && text.bytes().all(is_path_byte) && text.bytes().any(|it| it != b'.')
}

/// Makes session paths; all but the contact's part is made once.
#[derive(Debug)]
pub(in crate::nlp) struct Sessions {
    prefix: String,
    /// The value of `x-goog-request-params` up to the session id.
    routing_prefix: String,
}

/// One contact's session.
#[derive(Debug)]
pub(in crate::nlp) struct Session {
    pub(in crate::nlp) path: String,
    /// `session=` and the path, escaped: Google's front routes by it.
    pub(in crate::nlp) routing: String,
}

impl Sessions {
    /// `prefix` is the path up to the session's id: `projects/…/sessions/`.
    pub(in crate::nlp) fn new(prefix: String) -> Self {
        let routing_prefix = format!("session={}", escape(&prefix));
        Self { prefix, routing_prefix }
    }

    pub(in crate::nlp) fn of(&self, contact: &ContactId) -> Session {
        let id = fit::session(contact, MAX_ID_BYTES);
        self.named(&id)
    }

    /// A session that is no contact's; `id` is one of our own constants.
    pub(in crate::nlp) fn apart(&self, id: &str) -> Session {
        self.named(id)
    }

    fn named(&self, id: &str) -> Session {
        // Needs no escaping.
        Session { path: format!("{}{id}", self.prefix), routing: format!("{}{id}", self.routing_prefix) }
    }
}

fn escape(path: &str) -> String {
    let mut out = String::with_capacity(path.len() * 2);
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => write!(out, "%{other:02X}").unwrap_or_default(),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    fn contact(unit: &str, name: &str) -> ContactId {
        ContactId { unit: UnitName::new(unit).unwrap(), name: ContactName::new(name).unwrap() }
    }

    #[test]
    fn s10_the_region_decides_the_host_and_an_own_endpoint_overrides_it() {
        let global = "https://dialogflow.googleapis.com";
        assert_eq!((endpoint(None, None).as_str(), endpoint(None, Some("global")).as_str()), (global, global));
        assert_eq!(endpoint(None, Some("europe-west1")), "https://europe-west1-dialogflow.googleapis.com");
        assert_eq!(endpoint(Some("http://127.0.0.1:9000/"), Some("europe-west1")), "http://127.0.0.1:9000");
    }

    #[test]
    fn a_segment_names_nothing_but_itself() {
        assert!(["p-1", "example.com:p", "a_b~c", "1"].into_iter().all(is_segment));
        assert!(!["", "a/b", "..", ".", "ä", "a b", "a?b", "a%2Fb"].into_iter().any(is_segment));
    }

    #[test]
    fn the_routing_header_is_the_escaped_path() {
        let session = Sessions::new("projects/example.com:p/agent/sessions/".into()).of(&contact("u", "c_1"));
        assert_eq!(session.path, "projects/example.com:p/agent/sessions/u.c_1");
        assert_eq!(session.routing, "session=projects%2Fexample.com%3Ap%2Fagent%2Fsessions%2Fu.c_1");
    }
}
