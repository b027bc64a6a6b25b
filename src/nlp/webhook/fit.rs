//! What a foreign answer becomes, within the bounds of every engine's.

pub(super) use crate::nlp::{
    fit::{MAX_ITEMS, MAX_REPLIES, button, choice, image, is_blank, is_empty, said, text, web},
    wish::Wish,
};

use crate::core::message::Answer;

pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Before anything was said in it.
pub(super) fn blank_answer() -> Answer {
    Answer { parameters_complete: true, ..Answer::default() }
}
