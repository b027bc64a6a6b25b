//! Actions: what a language engine may ask for by name, and what comes of a request (S17–S24).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    callback,
    ids::{QueueId, SpeechTargetId, Timestamp},
    message::{MediaType, Parameters},
    profile::{Destination, Rules},
};

/// One configured action; its key is (media type, name).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionRule {
    pub name: String,
    pub media: MediaType,
    pub kind: ActionKind,
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
    External { uri_parameter: String },
    /// S23
    PushUrl { url_parameter: String },
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
    pub problem: String,
}

/// The rule for `name`: equal to the letter, and for this media type (S17, S18, S24).
#[must_use]
pub fn find<'a>(rules: &'a [ActionRule], media: MediaType, name: &str) -> Option<&'a ActionRule> {
    rules.iter().find(|rule| rule.media == media && rule.name == name)
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
        |parameter: &str, problem: String| BadRequest { action: kind.what(), parameter: parameter.to_owned(), problem };
    let value = |name: &str| parameters.get(name).unwrap_or(&Value::Null);
    match kind {
        ActionKind::Requeue { queue } => Ok(Request::Requeue(Destination::Queue(queue.clone()))),
        ActionKind::SpeechRequeue { target } => Ok(Request::Requeue(Destination::Target(target.clone()))),
        ActionKind::Callback { queue, phone_parameter, time_parameter } => {
            let phone = callback::phone(value(phone_parameter), &rules.calling_code)
                .map_err(|e| bad(phone_parameter, e.to_string()))?;
            let at = callback::schedule(value(time_parameter), &rules.zone, now)
                .map_err(|e| bad(time_parameter, e.to_string()))?;
            Ok(Request::Callback { queue: queue.clone(), phone, at })
        }
        ActionKind::External { uri_parameter } => {
            web_address(value(uri_parameter)).map(|uri| Request::External { uri }).map_err(|e| bad(uri_parameter, e))
        }
        ActionKind::PushUrl { url_parameter } => {
            web_address(value(url_parameter)).map(Request::PushUrl).map_err(|e| bad(url_parameter, e))
        }
    }
}

/// Longest address we pass on.
const MAX_ADDRESS_BYTES: usize = 2048;

fn web_address(value: &Value) -> Result<String, String> {
    let Some(text) = value.as_str().map(str::trim).filter(|it| !it.is_empty()) else {
        return Err("is missing or not a text".to_owned());
    };
    if text.len() > MAX_ADDRESS_BYTES {
        return Err(format!("is longer than {MAX_ADDRESS_BYTES} bytes"));
    }
    let rest = strip_prefix_ignoring_case(text, "https://").or_else(|| strip_prefix_ignoring_case(text, "http://"));
    match rest {
        Some(_) if host_of(text).is_empty() => Err("names no host".to_owned()),
        Some(_) if text.chars().any(|c| c.is_control() || c.is_whitespace()) => {
            Err("contains a space or a control character".to_owned())
        }
        Some(_) => Ok(text.to_owned()),
        None => Err("is not an http or https address".to_owned()),
    }
}

/// `example.com` of `https://user@example.com:8443/path?query`.
#[must_use]
pub fn host_of(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or(rest);
    let host = authority.rsplit('@').next().unwrap_or(authority);
    // An IPv6 address keeps its brackets, and the colons between them.
    let port = host.rfind(':').filter(|at| host.rfind(']').is_none_or(|bracket| bracket < *at));
    port.and_then(|at| host.split_at_checked(at)).map_or(host, |(name, _)| name)
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (head, rest) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(rest)
}
