//! The gRPC edge to routing engines.
//!
//! One lane is one stream: `link` reads it, `outgoing` writes it, `sessions` holds what outlives it, `numbering` is
//! the arithmetic of frames and acknowledgements, `convert` puts frames into the gateway's words.

mod auth;
mod codec;
mod convert;
mod link;
mod numbering;
mod outgoing;
mod service;
mod sessions;
#[cfg(test)]
mod testing;
mod tls;

use std::{fmt, sync::Arc};

use tokio::sync::watch;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

pub use auth::Doors;
pub use service::{ServeError, serve, tcp};
pub use tls::{TlsDoor, TlsError};

use crate::{gateway::Gateway, telemetry::Metrics};

/// What all lanes share.
pub struct Edge {
    gateway: Arc<Gateway>,
    /// A change takes effect on the streams that stand: an engine that is no longer admitted loses its own.
    doors: watch::Receiver<Arc<Doors>>,
    metrics: Arc<Metrics>,
    sessions: sessions::Sessions,
    links: TaskTracker,
    /// Cancelled: every stream says what it has to say and ends with `UNAVAILABLE`.
    shutdown: CancellationToken,
}

impl Edge {
    #[must_use]
    pub fn new(
        gateway: Arc<Gateway>,
        doors: watch::Receiver<Arc<Doors>>,
        metrics: Arc<Metrics>,
        shutdown: CancellationToken,
    ) -> Arc<Self> {
        let (sessions, links) = (sessions::Sessions::default(), TaskTracker::new());
        Arc::new(Self { gateway, doors, metrics, sessions, links, shutdown })
    }
}

impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge").finish_non_exhaustive()
    }
}
