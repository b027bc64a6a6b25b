//! Content of others within bounds: an agent, or its webhook, may be anybody's.

use prost_types::Struct;
use serde_json::Value;
use tonic::Code;

use crate::{
    core::message::{Parameters, Reply},
    wire::structs,
};

pub(in crate::nlp) const MAX_REPLIES: usize = 32;
pub(in crate::nlp) const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Quick replies, buttons, contexts: of each at most so many.
pub(in crate::nlp) const MAX_ITEMS: usize = 32;
/// Names: action, intent, context, label.
pub(in crate::nlp) const MAX_NAME_BYTES: usize = 1024;
/// Of a payload or the parameters, as JSON text; a larger one is not passed on.
pub(in crate::nlp) const MAX_JSON_BYTES: usize = 128 * 1024;

/// One of the variants that say something: by the response's id, so that a replay says the same.
pub(in crate::nlp) fn variant(variants: Vec<String>, response_id: &str, index: usize) -> Option<String> {
    let count = variants.iter().filter(|it| !is_blank(it)).count();
    let hash = fnv1a(response_id.bytes().chain(index.to_le_bytes()));
    let chosen = usize::try_from(hash.checked_rem(u64::try_from(count).ok()?)?).ok()?;
    variants.into_iter().filter(|it| !is_blank(it)).nth(chosen)
}

fn fnv1a(bytes: impl Iterator<Item = u8>) -> u64 {
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

pub(in crate::nlp) fn text(it: String) -> Option<Reply> {
    (!is_blank(&it)).then(|| Reply::Text(clipped(it, MAX_TEXT_BYTES)))
}

pub(in crate::nlp) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

pub(in crate::nlp) fn json(wire: Struct) -> Option<Parameters> {
    let json = Value::Object(structs::to_json_leniently(wire));
    if json_bytes(&json) > MAX_JSON_BYTES {
        tracing::warn!("a payload or parameters of more than {MAX_JSON_BYTES} bytes are not passed on");
        return None;
    }
    match json {
        Value::Object(map) => Some(map),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}

/// About what the JSON text would take; depth is bounded already.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(it) => it.len() + 3,
        Value::Array(it) => it.iter().map(json_bytes).sum::<usize>() + 2,
        Value::Object(it) => it.iter().map(|(key, it)| key.len() + 4 + json_bytes(it)).sum::<usize>() + 2,
    }
}

pub(in crate::nlp) fn clipped(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

/// `…/contexts/billing` → `billing`.
pub(in crate::nlp) fn last_segment(mut name: String) -> String {
    if let Some(slash) = name.rfind('/') {
        name.drain(..=slash);
    }
    clipped(name, MAX_NAME_BYTES)
}

/// How an agent's own webhook failed.
pub(in crate::nlp) fn failure_text(code: i32, message: &str) -> String {
    let code = Code::from(code);
    clipped(format!("{code:?}: {message}"), MAX_NAME_BYTES)
}
