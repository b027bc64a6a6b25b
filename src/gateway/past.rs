//! Contacts that are over: what is kept of each beside its records, and the way to them.

use super::{
    Gateway,
    observe::end_kind,
    storage::{Closed, Ended, EndedOf, Past, StoreError},
};
use crate::core::{
    contact::Contact,
    ids::{ContactId, ProfileName},
};

impl Past {
    /// `None`: it is not over.
    pub(super) fn of(contact: &Contact, profile: Option<&ProfileName>) -> Option<Self> {
        let (reason, with_person) = contact.ended()?;
        let card = contact.card();
        Some(Self {
            profile: profile.cloned(),
            agent: card.agent.clone(),
            media: card.media,
            queue: card.queue.clone(),
            began_at: contact.began(),
            end: end_kind(reason, with_person),
            turns: contact.turns(),
        })
    }
}

impl Gateway {
    /// Contacts that are over, those that ended last first; none whose name is in use again.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn ended(&self, of: &EndedOf, limit: usize) -> Result<Ended, StoreError> {
        let mut ended = self.store.ended(of, limit).await?;
        ended.contacts.retain(|it| self.contact(&it.contact).is_none());
        Ok(ended)
    }

    /// What a contact was that is over; `None`: it is open, or unknown.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn past(&self, contact: &ContactId) -> Result<Option<Closed>, StoreError> {
        if self.contact(contact).is_some() {
            return Ok(None);
        }
        self.store.closed(contact).await
    }
}
