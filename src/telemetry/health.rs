//! Whether the gateway should be given work.

use futures::stream::{self, Stream};
use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    Starting,
    Ready,
    /// New work is refused until the store can be written again.
    StoreUnavailable,
    /// Final.
    Draining,
}

impl Readiness {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::StoreUnavailable => "store_unavailable",
            Self::Draining => "draining",
        }
    }

    /// For people.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Starting => "the gateway is starting",
            Self::Ready => "the gateway takes contacts",
            Self::StoreUnavailable => "the store cannot be written: new work is refused until it can",
            Self::Draining => "the gateway is going down: running turns finish, no new contacts are taken",
        }
    }
}

/// What readiness is made of: each fact has one reporter, so none can undo another's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    started: bool,
    store_down: bool,
    draining: bool,
}

impl Facts {
    const fn readiness(self) -> Readiness {
        if self.draining {
            Readiness::Draining
        } else if !self.started {
            Readiness::Starting
        } else if self.store_down {
            Readiness::StoreUnavailable
        } else {
            Readiness::Ready
        }
    }
}

/// Shared by those who report and those who are asked. Starts as [`Readiness::Starting`].
#[derive(Debug, Default)]
pub struct Health {
    facts: watch::Sender<Facts>,
}

impl Health {
    /// Start-up is complete.
    pub fn started(&self) {
        self.change(|facts| facts.started = true);
    }

    pub fn store_available(&self, available: bool) {
        self.change(|facts| facts.store_down = !available);
    }

    /// There is no way back.
    pub fn draining(&self) {
        self.change(|facts| facts.draining = true);
    }

    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.facts.borrow().readiness()
    }

    /// Tells of every change of [`Self::readiness`], beginning with what it is now.
    pub fn changes(&self) -> impl Stream<Item = Readiness> + Send + use<> {
        let mut facts = self.facts.subscribe();
        facts.mark_changed();
        stream::unfold((facts, None), |(mut facts, last)| async move {
            loop {
                facts.changed().await.ok()?;
                let readiness = facts.borrow_and_update().readiness();
                if last != Some(readiness) {
                    return Some((readiness, (facts, Some(readiness))));
                }
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut Facts)) {
        self.facts.send_if_modified(|facts| {
            let before = *facts;
            change(facts);
            before != *facts
        });
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, StreamExt as _};

    use super::*;

    #[test]
    fn the_worst_fact_decides_and_draining_is_final() {
        let health = Health::default();
        assert_eq!(health.readiness(), Readiness::Starting);
        health.store_available(false);
        assert_eq!(health.readiness(), Readiness::Starting);
        health.started();
        assert_eq!(health.readiness(), Readiness::StoreUnavailable);
        health.store_available(true);
        assert_eq!(health.readiness(), Readiness::Ready);
        health.draining();
        health.store_available(false);
        health.store_available(true);
        health.started();
        assert_eq!(health.readiness(), Readiness::Draining);
    }

    #[tokio::test]
    async fn changes_are_told_once_each() {
        let health = Health::default();
        let mut changes = std::pin::pin!(health.changes());
        assert_eq!(changes.next().await, Some(Readiness::Starting));
        health.store_available(false);
        assert_eq!(changes.next().now_or_never(), None, "still starting");
        health.started();
        assert_eq!(changes.next().await, Some(Readiness::StoreUnavailable));
        health.store_available(true);
        assert_eq!(changes.next().await, Some(Readiness::Ready));
    }
}
