//! Content of others within bounds: a bot, or what it asks, may be anybody's.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::core::{
    ids::ContactId,
    message::{Answer, Button, Input, Parameters, Reply},
};

pub(super) const MAX_REPLIES: usize = 32;
/// Quick replies, buttons, contexts: of each at most so many.
pub(super) const MAX_ITEMS: usize = 32;
pub(super) const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Names: action, intent, context, label.
pub(super) const MAX_NAME_BYTES: usize = 1024;
/// Of a payload or the parameters, as JSON text; a larger one is not passed on.
pub(super) const MAX_JSON_BYTES: usize = 128 * 1024;

/// A conversation's name of at most `max_bytes`: `unit.contact` where that is short and plain, so that it can be found at the
/// other side; otherwise 36 digits of a hash. The two never meet: a hash has no dot, and a plain name has exactly one.
pub(super) fn session(contact: &ContactId, max_bytes: usize) -> String {
    const HASH_BYTES: usize = 18;
    let (unit, name) = (contact.unit.as_str(), contact.name.as_str());
    let is_plain = |name: &str| name.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_'));
    if unit.len() + 1 + name.len() <= max_bytes && is_plain(unit) && is_plain(name) {
        return format!("{unit}.{name}");
    }
    // Names hold no control character, so the separator is unambiguous.
    let hash = Sha256::new().chain_update(unit).chain_update([0]).chain_update(name).finalize();
    hash.iter().take(HASH_BYTES).fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap_or_default();
        out
    })
}

/// Whether the input was the customer's words: then an answer without an intent means that nothing was understood.
pub(super) const fn is_words(input: &Input) -> bool {
    match input {
        Input::Text(_) | Input::Dtmf(_) => true,
        Input::Event { .. } | Input::Structured(_) | Input::Redacted => false,
    }
}

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

pub(super) fn clipped(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

/// As it may be said to a customer.
pub(super) fn said(text: impl Into<String>) -> String {
    clipped(text.into(), MAX_TEXT_BYTES)
}

pub(super) fn name(text: impl Into<String>) -> String {
    clipped(text.into(), MAX_NAME_BYTES)
}

pub(super) fn text(text: impl Into<String>) -> Option<Reply> {
    let text = text.into();
    (!is_blank(&text)).then(|| Reply::Text(said(text)))
}

/// An address that a customer's browser may load; empty where it is none.
pub(super) fn web(uri: impl Into<String>) -> String {
    let uri = uri.into();
    let plain = !uri.chars().any(|it| it.is_control() || it == ' ') && uri.len() <= MAX_TEXT_BYTES;
    if plain && (uri.starts_with("https://") || uri.starts_with("http://")) { uri } else { String::new() }
}

pub(super) fn image(uri: impl Into<String>, description: impl Into<String>) -> Option<Reply> {
    let uri = web(uri);
    (!uri.is_empty()).then(|| Reply::Image { uri, description: said(description) })
}

/// A button as people see it and what it stands for. Without words it is none.
pub(super) fn button(label: impl Into<String>, postback: impl Into<String>) -> Option<Button> {
    let label = label.into();
    (!is_blank(&label)).then(|| Button { text: name(label), postback: said(postback) })
}

/// Buttons that stand for what they say are quick replies, others need a card. `title` may be blank.
pub(super) fn choice(title: impl Into<String>, buttons: Vec<Button>) -> Option<Reply> {
    let title = title.into();
    if buttons.is_empty() {
        return text(title);
    }
    let title = if is_blank(&title) { String::new() } else { said(title) };
    let plain = buttons.iter().all(|it| it.postback.is_empty() || it.postback == it.text);
    Some(if plain {
        Reply::QuickReplies { title, replies: buttons.into_iter().map(|it| it.text).collect() }
    } else {
        Reply::Card { title, subtitle: String::new(), image_uri: String::new(), buttons }
    })
}

pub(super) fn card(title: String, subtitle: String, image_uri: String, buttons: Vec<Button>) -> Option<Reply> {
    let empty = is_blank(&title) && is_blank(&subtitle) && image_uri.is_empty() && buttons.is_empty();
    (!empty).then_some(Reply::Card { title, subtitle, image_uri, buttons })
}

/// Parameters or a payload; none where it is no object or too large.
pub(super) fn object(json: Value) -> Option<Parameters> {
    let Value::Object(map) = json else { return None };
    if map.iter().map(|(key, it)| key.len() + 4 + json_bytes(it)).sum::<usize>() > MAX_JSON_BYTES {
        tracing::warn!("a payload or parameters of more than {MAX_JSON_BYTES} bytes are not passed on");
        return None;
    }
    Some(map)
}

/// About what the JSON text would take. The parser has bounded the depth.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(it) => it.len() + 3,
        Value::Array(it) => it.iter().map(json_bytes).sum::<usize>() + 2,
        Value::Object(it) => it.iter().map(|(key, it)| key.len() + 4 + json_bytes(it)).sum::<usize>() + 2,
    }
}

/// From 0 to 1, if it is a number at all.
pub(super) fn confidence(score: f64) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "a share needs no more digits")]
    let score = score as f32;
    score.is_finite().then(|| score.clamp(0.0, 1.0))
}

/// Whether there is neither a word nor a wish in it.
pub(super) fn is_empty(answer: &Answer) -> bool {
    answer.replies.is_empty()
        && answer.action.is_empty()
        && !answer.not_understood
        && !answer.end_interaction
        && !answer.live_agent_handoff
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    #[test]
    fn sessions_fit_and_are_stable_and_apart() {
        let id = |unit: &str, name: &str| {
            session(&ContactId { unit: UnitName::new(unit).unwrap(), name: ContactName::new(name).unwrap() }, 36)
        };
        assert_eq!(id("support", "c-1"), "support.c-1");
        assert_eq!(id("u", &"x".repeat(34)), format!("u.{}", "x".repeat(34)));
        for odd in [&"x".repeat(35), "a/b", "../x", "a.b", "ä", "a b", "a:detectIntent"] {
            let hash = id("u", odd);
            assert!(hash.len() == 36 && hash.bytes().all(|it| it.is_ascii_hexdigit()), "{odd}: {hash}");
            assert_eq!(hash, id("u", odd));
            assert_ne!(hash, id("v", odd), "the unit is part of it");
        }
        assert_ne!(id("a-b", "c"), id("a", "b-c"));
    }

    #[test]
    fn what_is_too_large_is_cut_between_characters_or_left_out() {
        assert_eq!(said("ä".repeat(5000)).len(), MAX_TEXT_BYTES);
        assert_eq!(name("x".repeat(5000)).len(), MAX_NAME_BYTES);
        assert_eq!(object(json!({"a": "x".repeat(MAX_JSON_BYTES)})), None);
        assert_eq!(object(json!([1])), None);
        assert_eq!(object(json!({"a": [1]})).map(Value::Object), Some(json!({"a": [1]})));
        assert_eq!([confidence(f64::NAN), confidence(2.0)], [None, Some(1.0)]);
        assert_eq!(text(" \n"), None);
    }
}
