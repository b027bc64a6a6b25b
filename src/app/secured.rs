//! A bounded listener behind TLS, for `axum::serve`.

use std::{fmt, io, net::SocketAddr, sync::Arc};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use futures::{
    StreamExt as _,
    stream::{self, BoxStream},
};
use tokio_rustls::server::TlsStream;

use crate::{
    engine::TlsDoor,
    ops::{
        http1::Http1,
        listener::{Bounded, Connection, Peer},
    },
};

/// Connections that have completed their handshake; several shake hands at a time, and none holds up the others.
pub(super) struct Secured {
    incoming: BoxStream<'static, io::Result<TlsStream<Connection>>>,
    address: io::Result<SocketAddr>,
}

impl fmt::Debug for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secured").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Secured {
    pub(super) fn new(listener: Bounded, door: Arc<TlsDoor>) -> Self {
        let address = listener.local_addr();
        let connections = stream::unfold(listener, |mut listener| async {
            let connection = listener.next().await;
            Some((Ok(connection), listener))
        });
        Self { incoming: door.accept(connections).boxed(), address }
    }
}

impl Listener for Secured {
    type Io = Http1<TlsStream<Connection>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        loop {
            match self.incoming.next().await {
                Some(Ok(stream)) => {
                    let peer = stream.get_ref().0.peer();
                    return (Http1::new(stream), peer);
                }
                // It is logged where it fails.
                Some(Err(_)) => {}
                // The listener goes on for ever; should it not, no further connection comes.
                None => return std::future::pending().await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address.as_ref().copied().map_err(|error| error.kind().into())
    }
}

impl Connected<IncomingStream<'_, Secured>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Secured>) -> Self {
        Self(*stream.remote_addr(), stream.io().get_ref().get_ref().0.patience())
    }
}
