//! What goes wrong at Dialogflow in the same way whatever its version.

use tonic::Code;
use usher::core::message::FailureKind;

use crate::fakes::google::{Reaction, Version};

/// The status of a failure that is the service's own, not its webhook's.
pub(super) fn code(kind: FailureKind) -> Code {
    match kind {
        FailureKind::Internal => Code::Internal,
        FailureKind::Unavailable => Code::Unavailable,
        FailureKind::Quota => Code::ResourceExhausted,
        FailureKind::Credential => Code::Unauthenticated,
        FailureKind::NotFound => Code::NotFound,
        FailureKind::Invalid => Code::InvalidArgument,
        FailureKind::Precondition => Code::FailedPrecondition,
        FailureKind::Webhook
        | FailureKind::Deadline
        | FailureKind::Empty
        | FailureKind::Malformed
        | FailureKind::Interrupted => unreachable!("nothing that Google reports by a status"),
    }
}

pub(super) fn garbage<V: Version>(rest: bool) -> Reaction<V> {
    Reaction::Raw(if rest { b"<html>".to_vec() } else { vec![0xff; 64] })
}

/// Of an answer whose second half is lost on its way.
pub(super) fn half<V: Version>(mut answer: Vec<u8>) -> Reaction<V> {
    answer.truncate(answer.len() / 2);
    Reaction::Raw(answer)
}
