//! Names at Dialogflow: the endpoint's host, the agent's path, and the session path of a contact.
//!
//! Region decides host *and* path together: an agent asked at another region's host is not found.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::DialogflowV2;
use crate::core::ids::ContactId;

/// Google's bound on session ids.
pub(super) const MAX_ID_BYTES: usize = 36;

const GLOBAL: &str = "global";

/// `https://europe-west1-dialogflow.googleapis.com`, or the profile's override.
pub(super) fn endpoint(config: &DialogflowV2) -> String {
    match (&config.endpoint, config.region.as_deref()) {
        (Some(endpoint), _) => endpoint.trim_end_matches('/').to_owned(),
        (None, None | Some(GLOBAL)) => "https://dialogflow.googleapis.com".to_owned(),
        (None, Some(region)) => format!("https://{region}-dialogflow.googleapis.com"),
    }
}

/// `projects/P[/locations/L]`: the parent of the agent.
pub(super) fn parent(config: &DialogflowV2) -> String {
    match &config.region {
        None => format!("projects/{}", config.project),
        Some(region) => format!("projects/{}/locations/{region}", config.project),
    }
}

/// Makes session paths; all but the contact's part is made once.
#[derive(Debug)]
pub(super) struct Sessions {
    prefix: String,
    /// The value of `x-goog-request-params` up to the session id.
    routing_prefix: String,
}

/// One contact's session.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) path: String,
    /// `session=` and the path, escaped: Google's front routes by it.
    pub(super) routing: String,
}

impl Sessions {
    pub(super) fn new(config: &DialogflowV2) -> Self {
        let parent = parent(config);
        let user = if config.user.is_empty() { "-" } else { &config.user };
        let prefix = match &config.environment {
            Some(environment) => format!("{parent}/agent/environments/{environment}/users/{user}/sessions/"),
            None if user == "-" => format!("{parent}/agent/sessions/"),
            None => format!("{parent}/agent/environments/draft/users/{user}/sessions/"),
        };
        let routing_prefix = format!("session={}", escape(&prefix));
        Self { prefix, routing_prefix }
    }

    pub(super) fn of(&self, contact: &ContactId) -> Session {
        self.named(|out| push_id(contact, out))
    }

    /// A session that is no contact's; `id` is one of our own constants.
    pub(super) fn apart(&self, id: &str) -> Session {
        self.named(|out| out.push_str(id))
    }

    fn named(&self, push_id: impl Fn(&mut String)) -> Session {
        let with_id = |prefix: &str| {
            let mut out = String::with_capacity(prefix.len() + MAX_ID_BYTES);
            out.push_str(prefix);
            push_id(&mut out);
            out
        };
        Session { path: with_id(&self.prefix), routing: with_id(&self.routing_prefix) }
    }
}

/// `unit.contact` where that is short and plain, so that it can be found in Google's console; otherwise 36 digits of a
/// hash. The two never meet: a hash has no dot, and a plain name has exactly one. Neither needs escaping.
fn push_id(contact: &ContactId, out: &mut String) {
    let (unit, name) = (contact.unit.as_str(), contact.name.as_str());
    if unit.len() + 1 + name.len() <= MAX_ID_BYTES && is_plain(unit) && is_plain(name) {
        out.push_str(unit);
        out.push('.');
        out.push_str(name);
        return;
    }
    // Names hold no control character, so the separator is unambiguous.
    let hash = Sha256::new().chain_update(unit).chain_update([0]).chain_update(name).finalize();
    for byte in hash.iter().take(MAX_ID_BYTES / 2) {
        // Writing to a string cannot fail.
        write!(out, "{byte:02x}").unwrap_or_default();
    }
}

fn is_plain(name: &str) -> bool {
    name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'))
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
    use crate::{
        core::ids::{ContactName, UnitName},
        nlp::dialogflow_v2::tests::config,
    };

    fn contact(unit: &str, name: &str) -> ContactId {
        ContactId { unit: UnitName::new(unit).unwrap(), name: ContactName::new(name).unwrap() }
    }

    fn id(unit: &str, name: &str) -> String {
        let mut out = String::new();
        push_id(&contact(unit, name), &mut out);
        out
    }

    #[test]
    fn s10_region_decides_host_and_path_together() {
        let mut config = config();
        assert_eq!(endpoint(&config), "https://dialogflow.googleapis.com");
        assert_eq!(Sessions::new(&config).of(&contact("u", "c")).path, "projects/p-1/agent/sessions/u.c");

        config.region = Some("europe-west1".into());
        assert_eq!(endpoint(&config), "https://europe-west1-dialogflow.googleapis.com");
        let path = Sessions::new(&config).of(&contact("u", "c")).path;
        assert_eq!(path, "projects/p-1/locations/europe-west1/agent/sessions/u.c");

        config.region = Some("global".into());
        assert_eq!(endpoint(&config), "https://dialogflow.googleapis.com");
        assert_eq!(parent(&config), "projects/p-1/locations/global");

        config.region = Some("europe-west1".into());
        config.endpoint = Some("http://127.0.0.1:9000/".into());
        assert_eq!(endpoint(&config), "http://127.0.0.1:9000");
    }

    #[test]
    fn s10_environment_and_user_stand_in_the_path() {
        let mut config = config();
        config.environment = Some("live".into());
        let path = |config: &DialogflowV2| Sessions::new(config).apart("s").path;
        assert_eq!(path(&config), "projects/p-1/agent/environments/live/users/-/sessions/s");
        config.user = "u-7".into();
        config.region = Some("asia-northeast1".into());
        assert_eq!(
            path(&config),
            "projects/p-1/locations/asia-northeast1/agent/environments/live/users/u-7/sessions/s"
        );
        config.environment = None;
        assert_eq!(
            path(&config),
            "projects/p-1/locations/asia-northeast1/agent/environments/draft/users/u-7/sessions/s"
        );
    }

    #[test]
    fn the_routing_header_is_the_escaped_path() {
        let mut config = config();
        config.project = "example.com:p".into();
        let session = Sessions::new(&config).of(&contact("u", "c_1"));
        assert_eq!(session.path, "projects/example.com:p/agent/sessions/u.c_1");
        assert_eq!(session.routing, "session=projects%2Fexample.com%3Ap%2Fagent%2Fsessions%2Fu.c_1");
    }

    #[test]
    fn session_ids_fit_and_are_stable_and_apart() {
        assert_eq!(id("support", "c-1"), "support.c-1");
        assert_eq!(id("u", &"x".repeat(34)), format!("u.{}", "x".repeat(34)));
        let long = id("u", &"x".repeat(35));
        assert_eq!(long.len(), MAX_ID_BYTES);
        assert_eq!(long, id("u", &"x".repeat(35)));
        assert!(long.bytes().all(|it| it.is_ascii_hexdigit()));
        for odd in ["a/b", "../x", "a.b", "ä", "a b", "a:detectIntent"] {
            let id = id("u", odd);
            assert!(id.len() == MAX_ID_BYTES && id.bytes().all(|it| it.is_ascii_hexdigit()), "{odd}: {id}");
        }
    }

    #[test]
    fn the_unit_is_part_of_the_session() {
        assert_ne!(id("a", "c-1"), id("b", "c-1"));
        assert_ne!(id("a-b", "c"), id("a", "b-c"));
        let long = "x".repeat(60);
        assert_ne!(id("a", &long), id("b", &long));
    }
}
