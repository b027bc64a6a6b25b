//! What the routing engine has told us of its business unit: queues, users, speech targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    ids::{QueueId, SpeechTargetId, UserId},
    message::MediaType,
};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Directory {
    pub queues: BTreeMap<QueueId, Queue>,
    pub users: BTreeMap<UserId, User>,
    pub targets: BTreeMap<SpeechTargetId, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    #[serde(default)]
    pub name: String,
    pub media: MediaType,
    #[serde(default)]
    pub open: bool,
    #[serde(default)]
    pub waiting: u32,
    #[serde(default)]
    pub expected_wait_s: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    #[serde(default)]
    pub name: String,
    pub agent_rights: bool,
    pub sign_on: SignOn,
    #[serde(default)]
    pub automatic_post_processing: bool,
    #[serde(default)]
    pub mandatory_wrap_up_reason: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignOn {
    Password,
    Windows,
    Saml2,
}

/// A change: removals first, then what is named replaces the entry of the same id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delta {
    pub removed_queues: Vec<QueueId>,
    pub removed_users: Vec<UserId>,
    pub removed_targets: Vec<SpeechTargetId>,
    pub changed: Directory,
}

impl Directory {
    pub fn apply(&mut self, delta: Delta) {
        for id in &delta.removed_queues {
            self.queues.remove(id);
        }
        for id in &delta.removed_users {
            self.users.remove(id);
        }
        for id in &delta.removed_targets {
            self.targets.remove(id);
        }
        self.queues.extend(delta.changed.queues);
        self.users.extend(delta.changed.users);
        self.targets.extend(delta.changed.targets);
    }
}
