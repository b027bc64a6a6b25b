//! The connectors' door within a running gateway: opened at start or by a reload, closed by the drain.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::CannotConnect;
use crate::{
    clock::Clock,
    config::settings,
    engine::{self, TlsDoor},
    nlp::{
        self,
        connector::{self, Door, DoorParts, DoorTerms},
    },
    store::Store,
    telemetry::Metrics,
};

/// The setting that names its address.
pub(super) const KEY: &str = "connectors.listen";

#[derive(Debug)]
pub(super) struct Connectors {
    tls: Option<Arc<TlsDoor>>,
    /// Lets nobody in any more.
    closing: CancellationToken,
    /// Closes what is open.
    close: CancellationToken,
    task: JoinHandle<()>,
}

impl Connectors {
    pub(super) fn open(
        listener: TcpListener,
        settings: &settings::Connectors,
        deps: &nlp::Deps,
        store: &Arc<dyn Store>,
        clock: &Clock,
        metrics: &Arc<Metrics>,
    ) -> anyhow::Result<Self> {
        let open = |files| TlsDoor::open_for(files, &[b"http/1.1"]);
        let tls = settings.tls.clone().map(open).transpose()?.map(Arc::new);
        let (closing, close) = (CancellationToken::new(), CancellationToken::new());
        let parts = DoorParts {
            hub: deps.connectors.clone(),
            replies: deps.replies.clone(),
            store: Arc::clone(store),
            clock: clock.clone(),
            metrics: Arc::clone(metrics),
            terms: DoorTerms {
                max_sockets: settings.max_sockets,
                max_frame_bytes: settings.max_frame_bytes,
                write_within: settings.write_deadline,
                ping_every: settings.ping_every,
            },
            ear: None,
        };
        let door = Door::new(parts, closing.clone());
        let incoming = engine::tcp(listener);
        let task = match tls.clone() {
            Some(tls) => tokio::spawn(connector::serve(tls.accept(incoming), door, close.clone())),
            None => tokio::spawn(connector::serve(incoming, door, close.clone())),
        };
        Ok(Self { tls, closing, close, task })
    }

    pub(super) fn reload(&self) -> anyhow::Result<()> {
        self.tls.as_ref().map(|it| it.reload()).transpose()?;
        Ok(())
    }

    pub(super) fn let_nobody_in(&self) {
        self.closing.cancel();
    }

    pub(super) async fn close(self) {
        self.close.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the connectors' door failed");
        }
    }

    /// Waits for what should not happen.
    pub(super) async fn broken(connectors: &mut Option<Self>) -> anyhow::Result<()> {
        match connectors {
            Some(it) => {
                (&mut it.task).await.context("the connectors' door failed")?;
                anyhow::bail!("the connectors' door was closed")
            }
            None => std::future::pending().await,
        }
    }
}

/// Within a reload, which waits for nothing.
pub(super) fn bind_now(settings: &settings::Connectors) -> anyhow::Result<TcpListener> {
    let address = settings.listen;
    let bound = std::net::TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    bound.map_err(|source| {
        let what = format!("cannot listen on {address} ({KEY}): choose another address, or end what listens there");
        CannotConnect { what, source }.into()
    })
}
