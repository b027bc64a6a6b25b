//! What a contact's customer and desk see of it: one numbered list of entries, the same JSON for the web chat and the desk.
//!
//! Entries are kept and may be read again from any number on; a [`Hint`] is told to those who listen at the moment.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3, … within the contact.
    pub seq: u64,
    /// Unix milliseconds.
    pub at: i64,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum What {
    Message {
        /// The customer's own id of its message; ours for all others.
        id: String,
        from: From,
        /// How the speaker is called, if it has a name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        content: Vec<Content>,
    },
    /// The customer's message has reached who it is for.
    Delivered { id: String },
    /// Who has the contact now, and why.
    State(State),
    /// A page that the customer is asked to open: http or https.
    Push { id: String, url: String },
    /// A callback was booked.
    Callback { id: String, phone: String, due: i64 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum From {
    Customer,
    Bot,
    Person,
    System,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Content {
    Text { text: String },
    QuickReplies { title: String, replies: Vec<String> },
    Card { title: String, subtitle: String, image_uri: String, buttons: Vec<Button> },
    Image { uri: String, description: String },
    Payload { payload: Map<String, Value> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Button {
    pub text: String,
    pub postback: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum State {
    /// Waits until a virtual agent is logged on.
    Connecting,
    /// With the virtual agent. `after`: why it is back there, if it was away.
    Bot {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<After>,
    },
    /// In a queue, for a person.
    Waiting {
        queue: String,
        queue_name: String,
        /// 1: next.
        position: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        expected_wait_s: Option<u32>,
    },
    /// With a person.
    Person {
        name: String,
    },
    Ended {
        by: Ender,
    },
}

/// Why a contact is with the virtual agent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// A person gave it back.
    Returned,
    /// Nobody took it in time.
    Expired,
    /// It could not be queued.
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ender {
    Customer,
    Bot,
    Person,
    System,
}

/// What is only of the moment: never kept, never repeated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
pub enum Hint {
    Typing { from: From },
}
