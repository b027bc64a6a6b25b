//! What the other side is told without being asked: in order for each contact, bounded in number and at a time, never waited for.

use std::{
    fmt,
    future::Future,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use tokio::sync::mpsc;

use crate::core::ids::ContactId;

/// So many at a time; each contact has one that is its own.
const LANES: usize = 4;
/// Further ones are dropped: the other side does not keep up.
const MAX_WAITING: usize = 256;

/// The tasks end by themselves when this is dropped and what waits has been carried out.
pub(super) struct Notices<T>(Vec<mpsc::Sender<(ContactId, T)>>);

impl<T> fmt::Debug for Notices<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Notices")
    }
}

impl<T: Send + 'static> Notices<T> {
    /// To be called within a Tokio runtime.
    pub(super) fn new<F, Fut>(carry: F) -> Self
    where
        F: Fn(ContactId, T) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let lane = |_| {
            let (lane, mut waiting) = mpsc::channel(MAX_WAITING);
            let carry = carry.clone();
            tokio::spawn(async move {
                while let Some((contact, notice)) = waiting.recv().await {
                    carry(contact, notice).await;
                }
            });
            lane
        };
        Self((0..LANES).map(lane).collect())
    }

    pub(super) fn push(&self, contact: &ContactId, notice: T) {
        let mut hasher = DefaultHasher::new();
        contact.hash(&mut hasher);
        let lane = usize::try_from(hasher.finish() % LANES as u64).unwrap_or_default();
        if self.0.get(lane).is_none_or(|it| it.try_send((contact.clone(), notice)).is_err()) {
            tracing::warn!(contact.id = %contact, "a notice to the connector is dropped: {MAX_WAITING} wait already");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::sync::Semaphore;

    use super::*;
    use crate::core::ids::{ContactName, UnitName};

    #[tokio::test]
    async fn s11_notices_keep_their_order_and_are_bounded() {
        let (gate, told) = (Arc::new(Semaphore::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (holds, tells) = (Arc::clone(&gate), Arc::clone(&told));
        let notices = Notices::new(move |_, notice: usize| {
            let (holds, tells) = (Arc::clone(&holds), Arc::clone(&tells));
            async move {
                holds.acquire().await.unwrap().forget();
                tells.lock().unwrap().push(notice);
            }
        });
        let contact = ContactId { unit: UnitName::new("u").unwrap(), name: ContactName::new("c").unwrap() };
        for notice in 0..MAX_WAITING + 10 {
            notices.push(&contact, notice);
        }
        gate.add_permits(2 * MAX_WAITING);
        drop(notices);
        while told.lock().unwrap().len() < MAX_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(told.lock().unwrap().iter().is_sorted());
        assert!(told.lock().unwrap().len() <= MAX_WAITING + 1);
    }
}
