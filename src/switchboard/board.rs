//! What the desk's page shows: the whole house at one moment.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Media, Presence, talk::From};

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Board {
    /// Unix milliseconds.
    pub at: i64,
    /// Whether the gateway is attached.
    pub attached: bool,
    pub queues: Vec<QueueView>,
    pub people: Vec<PersonView>,
    pub virtual_agents: Vec<AgentView>,
    /// In queues and with persons; those that wait longest first.
    pub contacts: Vec<ContactView>,
    /// By due time; those that are done last.
    pub callbacks: Vec<Arc<Callback>>,
    pub counts: Counts,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueView {
    pub id: String,
    pub name: String,
    pub media: Media,
    /// The switch.
    pub open: bool,
    /// Open, and somebody is on duty.
    pub takes_contacts: bool,
    pub waiting: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_wait_s: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonView {
    pub id: String,
    pub name: String,
    pub state: Presence,
    pub contacts: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentView {
    pub id: String,
    pub name: String,
    pub logged_on: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactView {
    pub id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub media: Media,
    pub language: String,
    pub attributes: BTreeMap<String, String>,
    #[serde(flatten)]
    pub place: Place,
    /// Since when it is there, Unix milliseconds.
    pub since: i64,
    #[serde(flatten)]
    pub handover: Arc<Handover>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "place", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Place {
    Waiting { queue: String, until: i64 },
    Person { person: String },
}

/// What the person who takes over should know.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handover {
    pub reason: String,
    pub summary: String,
    pub transcript: Vec<Line>,
    pub parameters: BTreeMap<String, String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    pub from: From,
    pub text: String,
    /// Unix milliseconds.
    pub at: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Callback {
    pub id: String,
    pub contact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub queue: String,
    /// E.164.
    pub phone: String,
    /// Unix milliseconds.
    pub due: i64,
    pub summary: String,
    pub parameters: BTreeMap<String, String>,
    /// When it was done, Unix milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<i64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    pub connecting: usize,
    pub bot: usize,
    pub waiting: usize,
    pub person: usize,
    pub ended: usize,
}
