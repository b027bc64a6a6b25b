//! The contract's frames ↔ the gateway's words, with every bound checked on the way in.
//!
//! Strings are moved out of decoded frames, not copied, wherever the domain keeps them as they are.

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

pub(super) use incoming::{Invalid, from_engine, hello};
pub(super) use outgoing::to_engine;

/// The most lanes one engine may open for one business unit.
pub(super) const MAX_LANES: u32 = 64;
/// Longest text of a message, an event's name excepted.
const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Reasons and details for people: what is longer is cut, not refused, for what they come with must not be lost.
const MAX_DETAIL_BYTES: usize = 1024;
const MAX_ATTRIBUTES: usize = 256;
const MAX_ATTRIBUTE_BYTES: usize = 8 * 1024;
const MAX_HISTORY_LINES: usize = 1000;
const MAX_CUSTOMER_BYTES: usize = 512;
const MAX_LANGUAGE_BYTES: usize = 35;
const MAX_DTMF: usize = 64;
