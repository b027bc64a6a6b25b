//! The demo contact centre: a routing engine that attaches to Usher over gRPC like any other, with queues, people at desks and
//! callbacks.
//!
//! A peer that we ship: it knows the contract (`wire`) and nothing of the gateway behind it. [`floor`] decides, purely;
//! [`Switchboard`] is the handle that customers and desks use; what it says is durable before anybody sees it.

pub mod api;
pub mod board;
mod centre;
mod config;
pub mod floor;
mod follow;
mod journal;
pub mod link;
pub mod load;
mod refusal;
mod run;
pub mod talk;
mod text;

use std::{collections::BTreeMap, sync::Arc};

use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use self::{
    board::Board,
    config::{AgentSetup, Config, Limits, Media, PersonSetup, Presence, QueueSetup, Setup, UserSetup},
    follow::Event,
    journal::JournalError,
    refusal::Refusal,
};
use self::{
    floor::{Floor, Out},
    run::Inner,
};
use crate::{
    clock::Clock,
    core::ids::{ContactName, Timestamp},
};

/// The contact centre; clones are the same one.
#[derive(Clone, Debug)]
pub struct Switchboard {
    inner: Arc<Inner>,
}

/// A customer who comes in.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewContact {
    pub media: Media,
    /// BCP 47; empty: the profile's.
    #[serde(default)]
    pub language: String,
    #[serde(default)]
    pub name: Option<String>,
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

impl NewContact {
    /// # Errors
    /// What of it breaks a bound, as [`Switchboard::open`] would say.
    pub fn check(&self) -> Result<(), Refusal> {
        text::name(self.name.clone())?;
        text::attributes(&self.attributes)?;
        text::language(&self.language)
    }
}

/// What became of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its entry.
    pub seq: u64,
    /// It had been said before, under the same id; nothing happened now.
    pub repeated: bool,
}

impl Switchboard {
    /// Goes on where the journal ends.
    ///
    /// `rng` makes the names of contacts, which nobody may guess: seed it from the system.
    ///
    /// # Errors
    /// When the journal cannot be read or written.
    pub async fn start(config: Config, clock: Clock, rng: StdRng) -> Result<Self, JournalError> {
        Ok(Self { inner: Inner::start(config, clock, rng).await? })
    }

    /// Ends every task and follower, and writes what is to be written. Contacts stay as they are.
    pub async fn stop(&self) {
        self.inner.stop().await;
    }

    /// A new contact, under a name that cannot be guessed.
    ///
    /// # Errors
    /// See [`Refusal`]; as everywhere here.
    pub async fn open(&self, new: NewContact) -> Result<ContactName, Refusal> {
        let name = self.inner.new_name()?;
        let opened = self.durably(|floor, now, out| floor.open(&name, new, now, out)).await;
        if opened == Err(Refusal::Unavailable) {
            // Nobody will ever know its name, should it be written after all.
            let left = self.inner.apply(|floor, now, out| floor.customer_leaves(&name, now, out)).0;
            if left.is_ok() {
                tracing::warn!(contact.id = %name, "a contact that could not be written in time is ended");
            }
        }
        opened.map(|()| name)
    }

    /// The same id again is the same message. When it returns, the message is durable.
    ///
    /// # Errors
    /// [`Refusal::Conflict`]: the id was used for another text. [`Refusal::TooMuch`]: too many wait for the gateway.
    pub async fn customer_says(&self, contact: &ContactName, id: &str, text: &str) -> Result<Said, Refusal> {
        self.durably(|floor, now, out| floor.customer_says(contact, (id, text), now, out)).await
    }

    /// # Errors
    /// When the contact is unknown or over.
    pub fn customer_types(&self, contact: &ContactName) -> Result<(), Refusal> {
        self.inner.apply(|floor, now, out| floor.customer_types(contact, now, out)).0
    }

    /// # Errors
    /// When the contact is unknown.
    pub async fn customer_leaves(&self, contact: &ContactName) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.customer_leaves(contact, now, out)).await
    }

    /// Every entry above `after`, those to come included, without gap or repetition; hints in between. Ends after the end of
    /// the contact.
    ///
    /// # Errors
    /// When the contact is unknown, or has no entry `after`.
    pub fn follow(
        &self,
        contact: &ContactName,
        after: u64,
    ) -> Result<impl futures::Stream<Item = Event> + Send + use<>, Refusal> {
        follow::follow(&self.inner, contact, after)
    }

    /// Whether the contact is over and nothing will ever follow this entry: who has it has heard all.
    #[must_use]
    pub fn is_over_at(&self, contact: &ContactName, entry: u64) -> bool {
        usize::try_from(entry).is_ok_and(|read| self.inner.has_ended(contact, read))
    }

    /// # Errors
    /// When the person is unknown, or goes offline with contacts at the desk.
    pub async fn set_state(&self, person: &str, presence: Presence) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.set_state(person, presence, now, out)).await
    }

    /// The person takes the contact out of its queue.
    ///
    /// # Errors
    /// When the contact does not wait, or the person cannot take it.
    pub async fn accept(&self, person: &str, contact: &ContactName) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.accept(person, contact, now, out)).await
    }

    /// # Errors
    /// When the contact is not at this desk; and as [`Self::customer_says`].
    pub async fn person_says(
        &self,
        person: &str,
        contact: &ContactName,
        id: &str,
        text: &str,
    ) -> Result<Said, Refusal> {
        self.durably(|floor, now, out| floor.person_says(person, contact, (id, text), now, out)).await
    }

    /// # Errors
    /// When the contact is not at this desk.
    pub fn person_types(&self, person: &str, contact: &ContactName) -> Result<(), Refusal> {
        self.inner.apply(|floor, _, out| floor.person_types(person, contact, out)).0
    }

    /// The contact goes back to the virtual agent.
    ///
    /// # Errors
    /// When the contact is not at this desk.
    pub async fn give_back(&self, person: &str, contact: &ContactName) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.give_back(person, contact, now, out)).await
    }

    /// # Errors
    /// When the contact is not at this desk.
    pub async fn close(&self, person: &str, contact: &ContactName) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.close(person, contact, now, out)).await
    }

    /// `None` leaves things as they are.
    ///
    /// # Errors
    /// When the queue is unknown.
    pub async fn set_queue(
        &self,
        queue: &str,
        open: Option<bool>,
        expected_wait_s: Option<u32>,
    ) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.set_queue(queue, (open, expected_wait_s), now, out)).await
    }

    /// # Errors
    /// When the callback is unknown.
    pub async fn callback_done(&self, callback: &str, done: bool) -> Result<(), Refusal> {
        self.durably(|floor, now, out| floor.callback_done(callback, done, now, out)).await
    }

    /// The language of a contact that is known: what its customer reads.
    #[must_use]
    pub fn language(&self, contact: &ContactName) -> Option<String> {
        self.inner.read(|floor| floor.find(contact).map(|it| it.about.language.clone()))
    }

    /// The house as it is, drawn anew when it changes, at most five times a second.
    #[must_use]
    pub fn board(&self) -> watch::Receiver<Arc<Board>> {
        self.inner.board()
    }

    async fn durably<T>(
        &self,
        change: impl FnOnce(&mut Floor, Timestamp, &mut Out) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.inner.takes_work()?;
        let (result, position) = self.inner.apply(change);
        let result = result?;
        if self.inner.is_durable(position).await { Ok(result) } else { Err(Refusal::Unavailable) }
    }
}
