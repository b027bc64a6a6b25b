//! Actions: what a language engine may ask for by name, and what comes of a request (S17–S24).

use super::{
    ids::{QueueId, SpeechTargetId},
    message::MediaType,
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
