//! One contact as the contact centre knows it: what was said, where it is, and what the gateway has yet to take.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{ContactRecord, census::Counted, command_outcome::Outcome};
use crate::{
    core::ids::{ContactName, Timestamp},
    switchboard::{
        Media, Refusal,
        board::Handover,
        talk::{Content, Ender, Entry, From, What},
    },
    wire::engine::{CustomerMessage, customer_message},
};

/// The last messages that the gateway took; more than can cross one of its commands.
const TAKEN: usize = 8;

/// What does not change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct About {
    pub media: Media,
    /// BCP 47; empty: the profile's.
    pub language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    pub opened: Timestamp,
}

/// Where a contact is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "at", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Stage {
    /// Has yet to be accepted for a virtual agent. `returned_from`: the requeue that a person gives it back from; 0: none.
    Offering {
        since: Timestamp,
        returned_from: u32,
    },
    Bot,
    /// In a queue. `seq`: the requeue; 0: no virtual agent took it. `told`: the position that the customer knows.
    Waiting {
        queue: String,
        since: Timestamp,
        until: Timestamp,
        seq: u32,
        told: usize,
    },
    Person {
        person: String,
        since: Timestamp,
        seq: u32,
    },
    Ended {
        by: Ender,
        since: Timestamp,
    },
}

/// What the gateway has yet to take over, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tell", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Tell {
    Message { entry: u64 },
    Outcome { seq: u32, outcome: i32, detail: String },
    Ended { reason: String },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pending {
    #[serde(flatten)]
    pub tell: Tell,
    /// Under which it was handed to the link.
    #[serde(skip)]
    pub receipt: Option<u64>,
}

/// The part of a contact that is written down anew with every change; it is small.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Now {
    pub stage: Stage,
    /// The highest command that was carried out.
    pub last_seq: u32,
    /// It was offered at some time: the gateway may know it.
    pub offered: bool,
    /// The gateway accepted it.
    pub known: bool,
    /// The customer was told that it waits for the virtual agent.
    pub connecting: bool,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub pending: VecDeque<Pending>,
    /// Ids of the last messages that the gateway took, in its order.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub taken: VecDeque<String>,
    /// For which `unless_after` an end was refused since the customer last spoke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub superseded: Option<String>,
}

/// How the search for a virtual agent goes; begins afresh after a restart.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Offer {
    /// Who was asked and has not answered.
    pub(super) agent: Option<String>,
    /// Who refused last.
    pub(super) avoid: Option<String>,
    pub(super) not_before: Option<Timestamp>,
    /// When to look for a person again: the last time there was none.
    pub(super) overflow_at: Option<Timestamp>,
    pub(super) tries: u32,
}

#[derive(Clone, Debug)]
pub struct Contact {
    pub about: Arc<About>,
    pub entries: Vec<Arc<Entry>>,
    pub now: Now,
    pub handover: Option<Arc<Handover>>,
    pub(super) offer: Offer,
    pub(super) armed: Option<Timestamp>,
    pub(super) counted: Option<Counted>,
    pub(super) typed: Option<Timestamp>,
    /// Which entry a message is, for those who may send it twice.
    ids: HashMap<(From, String), u64>,
    /// How it is in the journal.
    saved: Option<(usize, Now, Option<Arc<Handover>>)>,
}

impl Contact {
    pub(super) fn new(about: About) -> Self {
        let stage = Stage::Offering { since: about.opened, returned_from: 0 };
        let now = Now {
            stage,
            last_seq: 0,
            offered: false,
            known: false,
            connecting: false,
            pending: VecDeque::new(),
            taken: VecDeque::new(),
            superseded: None,
        };
        Self {
            about: Arc::new(about),
            entries: Vec::new(),
            now,
            handover: None,
            offer: Offer::default(),
            armed: None,
            counted: None,
            typed: None,
            ids: HashMap::new(),
            saved: None,
        }
    }

    pub(super) fn append(&mut self, what: What, now: Timestamp) -> u64 {
        let entry = Entry { seq: self.last_entry() + 1, at: now.0, what };
        let seq = entry.seq;
        self.push(Arc::new(entry));
        seq
    }

    fn push(&mut self, entry: Arc<Entry>) {
        if let What::Message { id, from, .. } = &entry.what {
            self.ids.insert((*from, id.clone()), entry.seq);
        }
        self.entries.push(entry);
    }

    #[must_use]
    pub fn last_entry(&self) -> u64 {
        self.entries.len() as u64
    }

    #[must_use]
    pub fn entry(&self, seq: u64) -> Option<&Arc<Entry>> {
        self.entries.get(usize::try_from(seq.checked_sub(1)?).ok()?)
    }

    pub(super) fn find_message(&self, from: From, id: &str) -> Option<u64> {
        self.ids.get(&(from, id.to_owned())).copied()
    }

    /// The message if it was said before.
    pub(super) fn repeated(&self, from: From, id: &str, text: &str) -> Result<Option<u64>, Refusal> {
        let Some(seq) = self.find_message(from, id) else { return Ok(None) };
        let same = self.entry(seq).is_some_and(|it| text_of(it) == text);
        if same { Ok(Some(seq)) } else { Err(Refusal::Conflict) }
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.now.stage, Stage::Ended { .. })
    }

    pub(super) fn tell(&mut self, tell: Tell) {
        self.now.pending.push_back(Pending { tell, receipt: None });
    }

    pub(super) fn outcome(&mut self, seq: u32, outcome: Outcome, detail: &str) {
        self.tell(Tell::Outcome { seq, outcome: outcome.into(), detail: detail.to_owned() });
    }

    /// How many of the customer's messages the gateway has yet to take.
    pub(super) fn waiting_messages(&self) -> usize {
        self.now.pending.iter().filter(|it| matches!(it.tell, Tell::Message { .. })).count()
    }

    /// The last message that the gateway has or will have.
    pub(super) fn newest_message(&self) -> Option<&str> {
        let pending = self.now.pending.iter().rev().find_map(|it| match it.tell {
            Tell::Message { entry } => self.entry(entry).and_then(|it| message_id(it)),
            Tell::Outcome { .. } | Tell::Ended { .. } => None,
        });
        pending.or_else(|| self.now.taken.back().map(String::as_str))
    }

    pub(super) fn has_taken(&mut self, id: String) {
        if self.now.taken.len() >= TAKEN {
            self.now.taken.pop_front();
        }
        self.now.taken.push_back(id);
    }

    /// Says once that a message has reached somebody.
    pub(super) fn delivered(&mut self, entry: u64, now: Timestamp) {
        let Some(id) = self.entry(entry).and_then(|it| message_id(it)).map(ToOwned::to_owned) else { return };
        let after = usize::try_from(entry).unwrap_or(usize::MAX);
        let is_told = |it: &Arc<Entry>| matches!(&it.what, What::Delivered { id: told } if *told == id);
        if !self.entries.iter().skip(after).any(is_told) {
            self.append(What::Delivered { id }, now);
        }
    }

    /// What of it has changed since it was last asked, for the journal.
    pub(super) fn change(&mut self, id: &ContactName) -> Option<ContactRecord> {
        let (entries, about, handover) = match &self.saved {
            Some((entries, now, handover)) => {
                if *entries == self.entries.len() && *now == self.now && *handover == self.handover {
                    return None;
                }
                let changed = if *handover == self.handover { None } else { self.handover.clone() };
                (*entries, None, changed)
            }
            None => (0, Some(Arc::clone(&self.about)), self.handover.clone()),
        };
        let entries = self.entries.iter().skip(entries).cloned().collect();
        self.saved = Some((self.entries.len(), self.now.clone(), self.handover.clone()));
        Some(ContactRecord { id: id.clone(), about, entries, now: self.now.clone(), handover })
    }

    /// The whole of it, for a new journal.
    pub(super) fn whole(&self, id: &ContactName) -> ContactRecord {
        ContactRecord {
            id: id.clone(),
            about: Some(Arc::clone(&self.about)),
            entries: self.entries.clone(),
            now: self.now.clone(),
            handover: self.handover.clone(),
        }
    }

    /// Takes a record of the journal in.
    pub(super) fn restore(&mut self, record: ContactRecord) -> Result<(), String> {
        for entry in record.entries {
            if entry.seq != self.last_entry() + 1 {
                return Err(format!(
                    "entry {} follows entry {} of contact {}",
                    entry.seq,
                    self.last_entry(),
                    record.id
                ));
            }
            self.push(entry);
        }
        self.now = record.now;
        if record.handover.is_some() {
            self.handover = record.handover;
        }
        self.saved = Some((self.entries.len(), self.now.clone(), self.handover.clone()));
        Ok(())
    }
}

pub(super) fn message_id(entry: &Entry) -> Option<&str> {
    if let What::Message { id, .. } = &entry.what { Some(id) } else { None }
}

/// As the gateway is told of it.
pub(super) fn customer_message(contact: &ContactName, said: &Entry) -> CustomerMessage {
    CustomerMessage {
        contact: contact.to_string(),
        message_id: message_id(said).unwrap_or_default().to_owned(),
        sensitive: false,
        body: Some(customer_message::Body::Text(text_of(said))),
    }
}

/// What a message says in words.
pub(super) fn text_of(entry: &Entry) -> String {
    let What::Message { content, .. } = &entry.what else { return String::new() };
    let texts: Vec<&str> = content
        .iter()
        .filter_map(|it| match it {
            Content::Text { text } => Some(text.as_str()),
            Content::QuickReplies { title, .. } | Content::Card { title, .. } => Some(title.as_str()),
            Content::Image { description, .. } => Some(description.as_str()),
            Content::Payload { .. } => None,
        })
        .collect();
    texts.join("\n")
}
