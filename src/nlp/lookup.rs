//! The way to the addresses of language engines and token servers: by our own look-up, so that a dead name server or two
//! keep nobody from connecting (S32).

use std::{
    fmt, io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};

use futures::future::{BoxFuture, FutureExt as _};
use hyper_util::client::legacy::connect::{HttpConnector, dns::Name};
use tower::{Service, ServiceExt as _};

use super::{Dial, Io};
use crate::egress::{NameError, Names};

/// Shared by all the addresses of a host: a dead one leaves time for the next.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// Names to addresses, for whatever client.
#[derive(Clone)]
pub(super) struct Lookup(pub(super) Arc<Names>);

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}

impl Lookup {
    /// Connects to literal addresses without asking anyone, and to the next address where one does not answer.
    pub(super) fn connector(&self, timeout: Duration) -> HttpConnector<Self> {
        let mut connector = HttpConnector::new_with_resolver(self.clone());
        connector.enforce_http(false);
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(timeout));
        connector
    }

    pub(super) fn dial(&self) -> Dial {
        let connector = self.connector(CONNECT_TIMEOUT);
        Dial::new(move |to| {
            let connected = connector.clone().oneshot(to);
            let open = async { Ok(Box::new(connected.await.map_err(io::Error::other)?.into_inner()) as Box<dyn Io>) };
            open.boxed()
        })
    }

    pub(super) async fn addresses(self, host: &str) -> Result<vec::IntoIter<SocketAddr>, NameError> {
        let addresses = self.0.addresses(host).await?;
        // Port 0: whoever asks knows it.
        let addresses: Vec<_> = addresses.into_iter().map(|it| SocketAddr::new(it, 0)).collect();
        Ok(addresses.into_iter())
    }
}

impl Service<Name> for Lookup {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = NameError;
    type Future = BoxFuture<'static, Result<Self::Response, NameError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NameError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.clone();
        Box::pin(async move { lookup.addresses(name.as_str()).await })
    }
}
