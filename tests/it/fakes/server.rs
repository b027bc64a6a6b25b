//! One port with a router behind it, on a runtime of its own: simulated time in a test does not reach it, and stopping it
//! cuts every connection at once.

use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, serve::Listener};
use tokio::{
    net::TcpListener,
    runtime::{Builder, Runtime},
    sync::watch,
};

use super::engine::wire::{WeakWire, Wire};

#[derive(Debug)]
pub(crate) struct Server {
    address: SocketAddr,
    connections: watch::Receiver<usize>,
    line: Line,
    runtime: Option<Runtime>,
}

/// What leads to a server; a test, or a handler, may cut it.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Ends>>);

#[derive(Default)]
struct Ends {
    open: Vec<WeakWire>,
    is_down: bool,
}

impl Line {
    /// Every connection is lost at once, whatever is under way on it; new ones come through.
    pub(crate) fn cut(&self) {
        for wire in self.0.lock().unwrap().open.drain(..) {
            wire.cut();
        }
    }

    /// Nobody comes through any more: what is open is cut, what is opened is closed at once.
    pub(crate) fn down(&self) {
        self.0.lock().unwrap().is_down = true;
        self.cut();
    }

    pub(crate) fn up(&self) {
        self.0.lock().unwrap().is_down = false;
    }

    fn take(&self, wire: &Wire) -> bool {
        let mut ends = self.0.lock().unwrap();
        if !ends.is_down {
            ends.open.retain(|it| !it.is_gone());
            ends.open.push(wire.weak());
        }
        !ends.is_down
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Server {
    pub(crate) fn start(router: Router) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), router)
    }

    /// At an address that an earlier server may have left a moment ago.
    pub(crate) fn start_at(address: SocketAddr, router: Router) -> Self {
        Self::start_on(Line::default(), address, router)
    }

    /// On a line that its own handlers may cut.
    pub(crate) fn start_on(line: Line, address: SocketAddr, router: Router) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let socket = std::net::TcpListener::bind(address).unwrap();
        socket.set_nonblocking(true).unwrap();
        let address = socket.local_addr().unwrap();
        let (count, connections) = watch::channel(0);
        let accepting = line.clone();
        runtime.spawn(async move {
            let listener = Counted { inner: TcpListener::from_std(socket).unwrap(), count, line: accepting };
            axum::serve(listener, router).await.unwrap();
        });
        Self { address, connections, line, runtime: Some(runtime) }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn line(&self) -> &Line {
        &self.line
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
pub(crate) async fn until<T>(mut seen: watch::Receiver<T>, enough: impl FnMut(&T) -> bool) {
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
    line: Line,
}

impl Listener for Counted {
    type Io = Wire;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Wire, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.inner).await;
            stream.set_nodelay(true).unwrap();
            let wire = Wire::new(Box::new(stream));
            if self.line.take(&wire) {
                self.count.send_modify(|it| *it += 1);
                return (wire, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}
