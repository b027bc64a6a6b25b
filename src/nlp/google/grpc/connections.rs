//! Several connections to one endpoint, each opened by the engine's dial and reopened when it was lost.
//!
//! Tonic's own balancing takes no connector, and so no look-up of ours (S32). An ask takes the connection with the fewest asks
//! under way, in turn among equals: one that is being reopened is left alone while others serve.

use std::{
    iter,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use hyper_util::rt::TokioIo;
use tokio::sync::OnceCell;
use tonic::transport::{Channel, Endpoint, Error};

use crate::nlp::Dial;

#[derive(Debug)]
pub(super) struct Connections {
    first: Arc<Connection>,
    others: Vec<Arc<Connection>>,
    turn: AtomicUsize,
    asked: AtomicBool,
}

#[derive(Debug)]
struct Connection {
    endpoint: Endpoint,
    dial: Dial,
    /// Empty until the connection has been open once; from then on the channel reopens it.
    channel: OnceCell<Channel>,
    asks: AtomicUsize,
}

/// Counts an ask as under way until dropped.
struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection for one ask, to be kept until it is answered.
pub(super) struct Taken<'a> {
    pub(super) channel: Channel,
    _under_way: UnderWay<'a>,
}

impl Connections {
    /// Opens nothing yet.
    pub(super) fn new(endpoint: &Endpoint, count: usize, dial: &Dial) -> Self {
        let connection = || {
            let channel = OnceCell::new();
            Arc::new(Connection { endpoint: endpoint.clone(), dial: dial.clone(), channel, asks: AtomicUsize::new(0) })
        };
        let others = (1..count).map(|_| connection()).collect();
        Self { first: connection(), others, turn: AtomicUsize::new(0), asked: AtomicBool::new(false) }
    }

    /// A connection for an ask, open. The first ask has the others opened as well.
    pub(super) async fn take(&self) -> Result<Taken<'_>, Error> {
        if !self.asked.swap(true, Ordering::Relaxed) {
            self.open_others();
        }
        let connection = self.choose();
        connection.asks.fetch_add(1, Ordering::Relaxed);
        let under_way = UnderWay(&connection.asks);
        Ok(Taken { channel: connection.open().await?, _under_way: under_way })
    }

    fn choose(&self) -> &Connection {
        let count = self.others.len() + 1;
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % count;
        let in_turn = iter::once(&self.first).chain(&self.others).cycle().skip(turn).take(count);
        let cost = |it: &&Arc<Connection>| (it.asks.load(Ordering::Relaxed), !it.channel.initialized());
        in_turn.min_by_key(cost).unwrap_or(&self.first)
    }

    fn open_others(&self) {
        for connection in self.others.iter().map(Arc::clone) {
            tokio::spawn(async move {
                if let Err(error) = connection.open().await {
                    tracing::debug!(
                        error = &error as &dyn std::error::Error,
                        "a further connection cannot be opened yet"
                    );
                }
            });
        }
    }
}

impl Connection {
    async fn open(&self) -> Result<Channel, Error> {
        let connect = || async {
            let dial = self.dial.clone();
            let dialled = move |to| {
                let dialled = dial.call(to);
                async move { dialled.await.map(TokioIo::new) }
            };
            self.endpoint.connect_with_connector(tower::service_fn(dialled)).await
        };
        self.channel.get_or_try_init(connect).await.cloned()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, future, io, ptr};

    use super::*;

    fn connections(count: usize) -> Connections {
        let dial = Dial::new(|_| Box::pin(future::ready(Err(io::ErrorKind::ConnectionRefused.into()))));
        Connections::new(&Endpoint::from_static("http://dialogflow.test"), count, &dial)
    }

    #[test]
    fn asks_go_round_and_pass_over_a_busy_connection() {
        let connections = connections(3);
        let round = || (0..3).map(|_| ptr::from_ref(connections.choose())).collect::<HashSet<_>>();
        assert_eq!(round().len(), 3);
        connections.first.asks.fetch_add(1, Ordering::Relaxed);
        let busy = ptr::from_ref(connections.first.as_ref());
        assert!(!round().contains(&busy), "one waits for it already");
    }

    #[tokio::test]
    async fn an_ask_that_finds_no_connection_is_no_longer_under_way() {
        let connections = connections(1);
        assert!(connections.take().await.is_err());
        assert_eq!(connections.first.asks.load(Ordering::Relaxed), 0);
    }
}
