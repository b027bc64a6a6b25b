//! Actions: what a language engine may ask for by name, and what comes of a request (S17–S24).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    callback,
    ids::{QueueId, SpeechTargetId, Timestamp},
    message::{Answer, MediaType, Parameters},
    profile::{Destination, Rules},
    said::{Said, said},
};

/// One configured action; its key is (media type, name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRule {
    pub name: String,
    pub media: MediaType,
    pub kind: ActionKind,
    pub offer: Offer,
}

/// How an action is put to an engine that chooses among what it is offered; other engines know by themselves what to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Offer {
    /// When to ask for it, and what comes of it. Empty: what its kind does.
    pub description: String,
    /// Beside those that its kind needs. One of the same name says more of such a one.
    pub parameters: Vec<OfferedParameter>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedParameter {
    pub name: String,
    pub holds: Holds,
    pub description: String,
    pub required: bool,
}

/// What a parameter's value may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    Text,
    Number,
    Integer,
    Flag,
    /// ISO 8601, with or without an offset.
    DateTime,
    Phone,
    OneOf(Vec<String>),
}

impl ActionRule {
    /// The parameter by which an engine would have to come up with an address by itself. Where it can only choose among those
    /// that are listed there is none.
    #[must_use]
    pub fn free_address(&self) -> Option<&str> {
        match &self.kind {
            ActionKind::External { uri: Address::Parameter(name) }
            | ActionKind::PushUrl { url: Address::Parameter(name) } => {
                let listed = |it: &OfferedParameter| it.name == *name && matches!(it.holds, Holds::OneOf(_));
                (!self.offer.parameters.iter().any(listed)).then_some(name)
            }
            ActionKind::Requeue { .. }
            | ActionKind::SpeechRequeue { .. }
            | ActionKind::Callback { .. }
            | ActionKind::External { uri: Address::Fixed(_) }
            | ActionKind::PushUrl { url: Address::Fixed(_) } => None,
        }
    }
}

/// Where the address of an external system or a page comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The configuration names it: nothing that an engine says can change it.
    Fixed(String),
    /// The engine's parameter of this name.
    Parameter(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActionKind {
    /// S19
    Requeue { queue: QueueId },
    /// S20
    SpeechRequeue { target: SpeechTargetId },
    /// S21
    Callback { queue: QueueId, phone_parameter: String, time_parameter: String },
    /// S22
    External { uri: Address },
    /// S23
    PushUrl { url: Address },
}

impl ActionKind {
    #[must_use]
    pub const fn what(&self) -> What {
        match self {
            Self::Requeue { .. } => What::Requeue,
            Self::SpeechRequeue { .. } => What::SpeechRequeue,
            Self::Callback { .. } => What::Callback,
            Self::External { .. } => What::External,
            Self::PushUrl { .. } => What::PushUrl,
        }
    }
}

/// A kind of action without its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    Requeue,
    SpeechRequeue,
    Callback,
    External,
    PushUrl,
}

impl What {
    pub const ALL: [Self; 5] = [Self::Requeue, Self::SpeechRequeue, Self::Callback, Self::External, Self::PushUrl];

    /// As it stands in the configuration.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::SpeechRequeue => "speech_requeue",
            Self::Callback => "callback",
            Self::External => "external",
            Self::PushUrl => "push_url",
        }
    }

    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }

    /// The contacts that such an action can be for.
    #[must_use]
    pub const fn media(self) -> &'static [MediaType] {
        match self {
            Self::Requeue => &[MediaType::OpenMedia, MediaType::WebInteraction],
            Self::SpeechRequeue => &[MediaType::Speech],
            Self::Callback | Self::External => &MediaType::ALL,
            Self::PushUrl => &[MediaType::WebInteraction],
        }
    }
}

/// A request that can be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Requeue(Destination),
    Callback { queue: QueueId, phone: String, at: Timestamp },
    External { uri: String },
    PushUrl(String),
}

/// Why a configured action cannot be carried out as asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRequest {
    pub action: What,
    /// The parameter at fault.
    pub parameter: String,
    pub problem: Said,
}

/// The rule for `name`: equal to the letter, and for this media type (S17, S18, S24).
#[must_use]
pub fn find<'a>(rules: &'a [ActionRule], media: MediaType, name: &str) -> Option<&'a ActionRule> {
    rules.iter().find(|rule| rule.media == media && rule.name == name)
}

/// What the action in an answer comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The answer names none.
    Nothing,
    /// No action of this name is configured for this media type.
    Unknown,
    /// The engine still lacks parameters (S24).
    Waits,
    Refused(BadRequest),
    Request(Request),
}

/// Looks up what `answer` asks for, and whether it may fire (S17, S24).
#[must_use]
pub fn wanted(answer: &Answer, media: MediaType, rules: &Rules, now: Timestamp) -> Wanted {
    if answer.action.is_empty() {
        return Wanted::Nothing;
    }
    let Some(rule) = find(&rules.actions, media, &answer.action) else { return Wanted::Unknown };
    if !answer.parameters_complete {
        return Wanted::Waits;
    }
    match resolve(&rule.kind, &answer.parameters, rules, now) {
        Ok(request) => Wanted::Request(request),
        Err(bad) => Wanted::Refused(bad),
    }
}

/// Reads the parameters that `kind` needs.
///
/// # Errors
/// When one is missing or cannot be used.
pub fn resolve(
    kind: &ActionKind,
    parameters: &Parameters,
    rules: &Rules,
    now: Timestamp,
) -> Result<Request, BadRequest> {
    let bad =
        |parameter: &str, problem: Said| BadRequest { action: kind.what(), parameter: parameter.to_owned(), problem };
    let value = |name: &str| parameters.get(name).unwrap_or(&Value::Null);
    let address = |from: &Address| match from {
        Address::Fixed(address) => Ok(address.clone()),
        Address::Parameter(name) => web_address(value(name)).map_err(|e| bad(name, e)),
    };
    match kind {
        ActionKind::Requeue { queue } => Ok(Request::Requeue(Destination::Queue(queue.clone()))),
        ActionKind::SpeechRequeue { target } => Ok(Request::Requeue(Destination::Target(target.clone()))),
        ActionKind::Callback { queue, phone_parameter, time_parameter } => {
            let phone = callback::phone(value(phone_parameter), &rules.calling_code)
                .map_err(|e| bad(phone_parameter, e.tell()))?;
            let at = callback::schedule(value(time_parameter), &rules.zone, now)
                .map_err(|e| bad(time_parameter, e.tell()))?;
            Ok(Request::Callback { queue: queue.clone(), phone, at })
        }
        ActionKind::External { uri } => address(uri).map(|uri| Request::External { uri }),
        ActionKind::PushUrl { url } => address(url).map(Request::PushUrl),
    }
}

/// Longest address we pass on.
const MAX_ADDRESS_BYTES: usize = 2048;

/// An address as an external system or a page may have it.
///
/// # Errors
/// What is wrong with it; goes on from its name.
pub fn web_address(value: &Value) -> Result<String, Said> {
    let Some(text) = value.as_str().map(str::trim).filter(|it| !it.is_empty()) else {
        return Err(said!("is missing or not a text"));
    };
    if text.len() > MAX_ADDRESS_BYTES {
        return Err(said!("is longer than {} bytes", MAX_ADDRESS_BYTES));
    }
    let rest = strip_prefix_ignoring_case(text, "https://").or_else(|| strip_prefix_ignoring_case(text, "http://"));
    match rest {
        Some(_) if host_of(text).is_empty() => Err(said!("names no host")),
        Some(_) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err(said!("contains a space or a control character"))
        }
        Some(_) => Ok(text.to_owned()),
        None => Err(said!("is not an http or https address")),
    }
}

/// Whether a user or a password stands before an address's host.
#[must_use]
pub fn names_somebody(address: &str) -> bool {
    authority_of(address).contains('@')
}

fn authority_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest)
}

/// `example.com` of `https://user@example.com:8443/path?query`.
#[must_use]
pub fn host_of(address: &str) -> &str {
    let authority = authority_of(address);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    // An IPv6 address keeps its brackets, and the colons between them.
    let port = host.rfind(':').filter(|at| host.rfind(']').is_none_or(|bracket| bracket < *at));
    port.and_then(|at| host.split_at_checked(at)).map_or(host, |(name, _)| name)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue(id: &str) -> QueueId {
        QueueId::new(id).unwrap()
    }

    fn rule(name: &str, media: MediaType, to: &str) -> ActionRule {
        let kind = ActionKind::Requeue { queue: queue(to) };
        ActionRule { name: name.to_owned(), media, kind, offer: Offer::default() }
    }

    #[test]
    fn s17_a_name_is_found_only_to_the_letter() {
        let rules = [rule("Human", MediaType::OpenMedia, "people")];
        assert_eq!(find(&rules, MediaType::OpenMedia, "Human"), rules.first());
        for name in ["human", "HUMAN", "Human ", " Human", "Hum", "Humans", ""] {
            assert_eq!(find(&rules, MediaType::OpenMedia, name), None, "{name:?}");
        }
    }

    #[test]
    fn s18_the_key_is_media_type_and_name_and_the_first_rule_wins() {
        let rules = [
            rule("human", MediaType::WebInteraction, "web"),
            rule("human", MediaType::OpenMedia, "profile"),
            rule("human", MediaType::OpenMedia, "unit"),
        ];
        let found = |media| find(&rules, media, "human").map(|rule| rule.kind.clone());
        assert_eq!(found(MediaType::OpenMedia), Some(ActionKind::Requeue { queue: queue("profile") }));
        assert_eq!(found(MediaType::WebInteraction), Some(ActionKind::Requeue { queue: queue("web") }));
        assert_eq!(found(MediaType::Speech), None);
    }

    #[test]
    fn s22_s23_an_address_is_http_or_https_with_a_host() {
        for good in [
            "https://example.com",
            "HTTP://example.com/a?b#c",
            "https://user@example.com:8443/path",
            "https://[2001:db8::1]:443/",
            "https://[2001:db8::1]",
            "https://example.com?q=1",
            "https://bücher.example/ä",
        ] {
            assert_eq!(web_address(&json!(good)), Ok(good.to_owned()));
        }
        assert_eq!(web_address(&json!("  https://example.com \n")), Ok("https://example.com".to_owned()));
        for (bad, problem) in [
            (json!(null), "is missing or not a text"),
            (json!("  "), "is missing or not a text"),
            (json!(5), "is missing or not a text"),
            (json!(["https://example.com"]), "is missing or not a text"),
            (json!("ftp://example.com"), "is not an http or https address"),
            (json!("javascript:alert(1)"), "is not an http or https address"),
            (json!("https:/example.com"), "is not an http or https address"),
            (json!("httpsé"), "is not an http or https address"),
            (json!("https://"), "names no host"),
            (json!("https:///path"), "names no host"),
            (json!("https://?query"), "names no host"),
            (json!("https://#part"), "names no host"),
            (json!("https://:443/"), "names no host"),
            (json!("https://user@/"), "names no host"),
            (json!("https://example.com/a b"), "contains a space or a control character"),
            (json!("https://example.com/\u{7}"), "contains a space or a control character"),
        ] {
            assert_eq!(web_address(&bad).unwrap_err(), problem, "{bad}");
        }
    }

    #[test]
    fn an_address_may_have_2048_bytes_and_no_more() {
        let long = |bytes: usize| json!(format!("https://example.com/{}", "a".repeat(bytes - 20)));
        assert!(web_address(&long(2048)).is_ok());
        assert_eq!(web_address(&long(2049)).unwrap_err(), "is longer than 2048 bytes");
    }

    #[test]
    fn the_host_of_an_address_is_its_name_alone() {
        for (address, host) in [
            ("https://example.com", "example.com"),
            ("https://user:secret@example.com:8443/path?query", "example.com"),
            ("https://example.com?mail=a@b.example", "example.com"),
            ("https://example.com\\@b.example", "example.com"),
            ("https://[2001:db8::1]:8443/", "[2001:db8::1]"),
            ("https://[2001:db8::1]/", "[2001:db8::1]"),
        ] {
            assert_eq!(host_of(address), host);
        }
    }
}
