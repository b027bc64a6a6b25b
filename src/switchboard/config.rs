//! Who works in the demo contact centre, and its bounds.

use std::{path::PathBuf, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::link::LinkConfig;

#[derive(Clone, Debug)]
pub struct Config {
    /// The gateway to attach to; `None`: none, and contacts wait for people.
    pub link: Option<LinkConfig>,
    /// Where everything is kept; `None`: in memory alone.
    pub journal: Option<PathBuf>,
    pub setup: Setup,
    pub limits: Limits,
}

/// Queues, people and virtual agents: they come from here at every start. What people switched is kept in the journal.
#[derive(Clone, Debug)]
pub struct Setup {
    pub queues: Vec<QueueSetup>,
    pub people: Vec<PersonSetup>,
    pub virtual_agents: Vec<AgentSetup>,
    /// Of whom the gateway is told, and who never log on.
    pub others: Vec<UserSetup>,
    /// What virtual agents log on with; `None`: any password is right.
    pub password: Option<SecretString>,
    /// Where a contact goes that no virtual agent takes for [`Limits::overflow_after`].
    pub overflow: Option<String>,
}

#[derive(Clone, Debug)]
pub struct QueueSetup {
    pub id: String,
    pub name: String,
    pub media: Media,
    pub expected_wait_s: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct PersonSetup {
    pub id: String,
    pub name: String,
    pub presence: Presence,
}

#[derive(Clone, Debug)]
pub struct AgentSetup {
    pub id: String,
    pub name: String,
}

#[derive(Clone, Debug)]
pub struct UserSetup {
    pub id: String,
    pub name: String,
    /// Without them nobody is a virtual agent.
    pub agent_rights: bool,
    pub automatic_post_processing: bool,
}

/// How a customer is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Media {
    OpenMedia,
    WebInteraction,
}

/// Whether a person at a desk can take contacts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Presence {
    Available,
    Busy,
    Break,
    Offline,
}

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub message_chars: usize,
    /// Messages of a contact that the gateway has not taken yet.
    pub waiting_messages: usize,
    /// Contacts at a time.
    pub contacts: usize,
    /// Contacts that are over and still remembered.
    pub ended_contacts: usize,
    /// Entries of a contact, whoever makes them; at the last one it ends.
    pub entries: usize,
    pub contacts_per_person: usize,
    pub queue: usize,
    pub callbacks: usize,
    /// A contact in a queue goes back to the virtual agent after this.
    pub accept_within: Duration,
    /// A contact that no virtual agent has taken goes to a person after this.
    pub overflow_after: Duration,
    /// How long contacts that are over, and callbacks that are done, are remembered.
    pub remember: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_chars: 4_000,
            waiting_messages: 64,
            contacts: 10_000,
            ended_contacts: 20_000,
            entries: 10_000,
            contacts_per_person: 10,
            queue: 500,
            callbacks: 1_000,
            accept_within: Duration::from_secs(120),
            overflow_after: Duration::from_secs(60),
            remember: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Setup {
    /// What `usher demo` shows: a queue per purpose, three desks, two virtual agents and two who could be, and two who cannot.
    #[must_use]
    pub fn demo() -> Self {
        let queue = |id: &str, name: &str, media, expected_wait_s| QueueSetup {
            id: id.to_owned(),
            name: name.to_owned(),
            media,
            expected_wait_s: Some(expected_wait_s),
        };
        let person = |n: u8, presence| PersonSetup { id: format!("desk-{n}"), name: format!("Desk {n}"), presence };
        let other = |id: &str, name: &str, agent_rights| UserSetup {
            id: id.to_owned(),
            name: name.to_owned(),
            agent_rights,
            automatic_post_processing: agent_rights,
        };
        let agent = |n: u8| AgentSetup { id: format!("va-{n}"), name: format!("Virtual agent {n}") };
        Self {
            queues: vec![
                queue("support", "Support", Media::WebInteraction, 30),
                queue("complaints", "Complaints", Media::WebInteraction, 60),
                queue("callbacks", "Callbacks", Media::WebInteraction, 0),
                queue("messages", "Messages", Media::OpenMedia, 60),
            ],
            people: vec![person(1, Presence::Available), person(2, Presence::Offline), person(3, Presence::Offline)],
            virtual_agents: vec![agent(1), agent(2), agent(3), agent(4)],
            others: vec![other("trainee", "Trainee", true), other("supervisor", "Supervisor", false)],
            password: None,
            overflow: Some("support".to_owned()),
        }
    }
}
