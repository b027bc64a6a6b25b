//! One port with a router behind it, on a runtime of its own: simulated time in a test does not reach it, and stopping it
//! cuts every connection at once.

use std::{io, net::SocketAddr, time::Duration};

use axum::{Router, serve::Listener};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
};

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    connections: watch::Receiver<usize>,
    runtime: Option<Runtime>,
}

impl Server {
    pub(crate) fn start(router: Router) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), router)
    }

    /// At an address that an earlier server may have left a moment ago.
    pub(crate) fn start_at(address: SocketAddr, router: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let socket = std::net::TcpListener::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (count, connections) = watch::channel(0);
        runtime.spawn(async move {
            let listener = Counted { inner: TcpListener::from_std(socket).unwrap(), count };
            axum::serve(listener, router).await.unwrap();
        });
        Self { address, connections, runtime: Some(runtime) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepted so far.
    pub(crate) fn connections(&self) -> usize {
        *self.connections.borrow()
    }

    pub(crate) async fn wait_for_connections(&self, count: usize) {
        until(self.connections.clone(), |it| *it >= count).await;
    }
}

/// Waits for what a fake has seen; a test that waits in vain fails instead of hanging.
pub(super) async fn until<T>(mut seen: watch::Receiver<T>, enough: impl FnMut(&T) -> bool) {
    let waiting = tokio::time::timeout(Duration::from_secs(30), seen.wait_for(enough));
    waiting.await.expect("what the test waits for comes within 30 s").unwrap();
}

impl Drop for Server {
    fn drop(&mut self) {
        // On a thread of its own, as a runtime may not end within another one. When it is joined every socket is closed.
        if let Some(runtime) = self.runtime.take() {
            std::thread::spawn(move || drop(runtime)).join().unwrap();
        }
    }
}

struct Counted {
    inner: TcpListener,
    count: watch::Sender<usize>,
}

impl Listener for Counted {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        let accepted = Listener::accept(&mut self.inner).await;
        accepted.0.set_nodelay(true).unwrap();
        self.count.send_modify(|it| *it += 1);
        accepted
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}
