//! Content of Dialogflow's agents, within the bounds of every engine's.

use prost_types::Struct;
use serde_json::Value;
use tonic::Code;

pub(in crate::nlp) use crate::nlp::fit::{
    MAX_ITEMS, MAX_NAME_BYTES, MAX_REPLIES, MAX_TEXT_BYTES, clipped, is_blank, text,
};
use crate::{core::message::Parameters, nlp::fit::object, wire::structs};

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

pub(in crate::nlp) fn json(wire: Struct) -> Option<Parameters> {
    object(Value::Object(structs::to_json_leniently(wire)))
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
