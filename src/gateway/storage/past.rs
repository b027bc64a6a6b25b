//! Contacts that are over, as a store keeps them for whoever looks for one: what they were, without a word of what was said.

use super::Pos;
use crate::{
    core::{
        ids::{ContactId, ProfileName, QueueId, Timestamp, UnitName, UserId},
        message::MediaType,
    },
    telemetry::labels::EndKind,
};

/// A contact that is over; its records stay for the timeline until they are pruned. A record that comes under its name after
/// this is another contact's, and comes with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    pub contact: ContactId,
    pub last: Pos,
    pub at: Timestamp,
    /// `None`: it was closed before that was kept.
    pub past: Option<Past>,
}

/// What a contact was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// `None`: it was not known any more whose it was.
    pub profile: Option<ProfileName>,
    pub agent: UserId,
    pub media: MediaType,
    /// By which it came.
    pub queue: Option<QueueId>,
    /// `None`: it began before that was kept.
    pub began_at: Option<Timestamp>,
    pub end: EndKind,
    /// How often language engines were asked.
    pub turns: u32,
}

/// Which contacts that are over are asked for. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndedOf {
    pub unit: Option<UnitName>,
    pub profile: Option<ProfileName>,
    pub end: Option<EndKind>,
    /// Part of the contact's name, of its queue or its virtual agent; capitals of ASCII are the same as small letters.
    pub find: String,
    /// Those whose last record stands before this.
    pub before: Option<Pos>,
}

/// Some of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    pub contacts: Vec<Closed>,
    /// What [`EndedOf::before`] has to say for those that follow: there may be more, though none of these was asked for.
    pub next: Option<Pos>,
}

/// What is rare is looked for among so many at a time.
const LOOKED_AT: usize = 10_000;

impl EndedOf {
    /// How many contacts are looked at for `limit` of them.
    #[must_use]
    pub fn window(&self, limit: usize) -> usize {
        if self.takes_all() { limit } else { limit.max(LOOKED_AT) }
    }

    fn takes_all(&self) -> bool {
        let Self { unit, profile, end, find, before: _ } = self;
        unit.is_none() && profile.is_none() && end.is_none() && find.is_empty()
    }

    /// `before` left aside.
    #[must_use]
    pub fn takes(&self, closed: &Closed) -> bool {
        let past = closed.past.as_ref();
        let find = self.find.to_ascii_lowercase();
        let holds = |text: &str| text.to_ascii_lowercase().contains(&find);
        let is_of = |profile: &ProfileName| past.is_some_and(|it| it.profile.as_ref() == Some(profile));
        self.unit.as_ref().is_none_or(|unit| *unit == closed.contact.unit)
            && self.profile.as_ref().is_none_or(is_of)
            && self.end.is_none_or(|end| past.is_some_and(|it| it.end == end))
            && (holds(closed.contact.name.as_str())
                || past.is_some_and(|it| holds(it.agent.as_str()))
                || past.and_then(|it| it.queue.as_ref()).is_some_and(|it| holds(it.as_str())))
    }
}
