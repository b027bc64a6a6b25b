//! Those who listen to a contact: they read the one list of entries at their own pace and keep nothing but their place in it.

use std::{collections::VecDeque, sync::Arc};

use futures::{Stream, stream};
use tokio::sync::watch;

use super::{
    Refusal,
    run::Inner,
    talk::{Entry, Hint},
};
use crate::core::ids::ContactName;

/// Read at a time.
const CHUNK: usize = 64;

/// What a follower is told.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Entry(Arc<Entry>),
    Hint(Hint),
}

/// How far a contact's entries may be seen, and its last hint.
#[derive(Clone, Debug, Default)]
pub(super) struct Pulse {
    /// Entries that are durable.
    pub(super) entries: usize,
    pub(super) hints: u64,
    pub(super) hint: Option<Hint>,
}

struct Follower {
    inner: Arc<Inner>,
    contact: ContactName,
    pulse: watch::Receiver<Pulse>,
    /// Entries read so far.
    read: usize,
    hints: u64,
    chunk: VecDeque<Arc<Entry>>,
}

pub(super) fn follow(
    inner: &Arc<Inner>,
    contact: &ContactName,
    after: u64,
) -> Result<impl Stream<Item = Event> + Send + use<>, Refusal> {
    let pulse = inner.pulse(contact).ok_or(Refusal::UnknownContact)?;
    let hints = pulse.borrow().hints;
    // Whoever was just told of an entry may follow after it, though it is not shown yet.
    let known = inner.read(|floor| floor.find(contact).map(|it| it.entries.len()));
    let entries = known.ok_or(Refusal::UnknownContact)?;
    let read = usize::try_from(after).ok().filter(|it| *it <= entries).ok_or_else(|| Refusal::Invalid {
        field: "after",
        why: format!("is {after}, but the last entry is {entries}"),
    })?;
    let (inner, contact) = (Arc::clone(inner), contact.clone());
    let follower = Follower { inner, contact, pulse, read, hints, chunk: VecDeque::new() };
    Ok(stream::unfold(follower, |mut it| async move { it.next().await.map(|event| (event, it)) }))
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(entry) = self.chunk.pop_front() {
                self.read += 1;
                return Some(Event::Entry(entry));
            }
            let pulse = self.pulse.borrow_and_update().clone();
            if pulse.entries > self.read {
                let upto = pulse.entries.min(self.read + CHUNK);
                self.chunk = self.inner.entries(&self.contact, self.read..upto)?;
                continue;
            }
            if pulse.hints > self.hints {
                self.hints = pulse.hints;
                if let Some(hint) = pulse.hint {
                    return Some(Event::Hint(hint));
                }
            }
            if self.inner.has_ended(&self.contact, self.read) {
                return None;
            }
            let closed = self.inner.closing();
            tokio::select! {
                changed = self.pulse.changed() => changed.ok()?,
                () = closed.cancelled() => return None,
            }
        }
    }
}
