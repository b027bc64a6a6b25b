//! Who listens to which contact: bounded, and the oldest gives way.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

use tokio_util::sync::CancellationToken;

/// Windows in which one contact can be open.
pub(super) const MAX_PER_CONTACT: usize = 8;

#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    /// By contact, the oldest first; held for one look each.
    open: Arc<Mutex<HashMap<String, VecDeque<CancellationToken>>>>,
}

/// One who listens, until it is dropped.
#[derive(Debug)]
pub(super) struct Listening {
    streams: Streams,
    contact: String,
    /// Cancelled when it has to give way.
    pub(super) replaced: CancellationToken,
}

impl Streams {
    pub(super) fn begin(&self, contact: &str) -> Listening {
        let replaced = CancellationToken::new();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let streams = open.entry(contact.to_owned()).or_default();
        streams.push_back(replaced.clone());
        if streams.len() > MAX_PER_CONTACT
            && let Some(oldest) = streams.pop_front()
        {
            oldest.cancel();
        }
        Listening { streams: self.clone(), contact: contact.to_owned(), replaced }
    }

    fn end(&self, contact: &str, replaced: &CancellationToken) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(streams) = open.get_mut(contact) else { return };
        streams.retain(|it| it != replaced);
        if streams.is_empty() {
            open.remove(contact);
        }
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.streams.end(&self.contact, &self.replaced);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_sends_the_oldest_away_and_nothing_is_left_of_those_who_went() {
        let streams = Streams::default();
        let other = streams.begin("c-2");
        let mut listening: Vec<Listening> = (0..=MAX_PER_CONTACT).map(|_| streams.begin("c-1")).collect();
        let sent_away: Vec<bool> = listening.iter().map(|it| it.replaced.is_cancelled()).collect();
        assert_eq!(sent_away.iter().position(|it| *it), Some(0));
        assert_eq!(sent_away.iter().filter(|it| **it).count(), 1);
        listening.pop();
        let next = streams.begin("c-1");
        assert!(listening.iter().skip(1).all(|it| !it.replaced.is_cancelled()), "there was room again");
        drop((listening, next, other));
        assert!(streams.open.lock().unwrap().is_empty());
    }
}
