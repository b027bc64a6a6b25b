//! A wire between the browser and a server that can be cut and mended.

use std::net::SocketAddr;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

pub(crate) struct Wire {
    pub(crate) address: SocketAddr,
    is_whole: watch::Sender<bool>,
    /// Connections that found it cut.
    in_vain: watch::Receiver<usize>,
    _carrying: JoinSet<()>,
}

impl Wire {
    pub(crate) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ((is_whole, whole), (count, in_vain)) = (watch::channel(true), watch::channel(0));
        let mut carrying = JoinSet::new();
        carrying.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (browser, _) = listener.accept().await.unwrap();
                if *whole.borrow() {
                    connections.spawn(carry(browser, server, whole.clone()));
                } else {
                    count.send_modify(|it| *it += 1);
                }
                while connections.try_join_next().is_some() {}
            }
        });
        Self { address, is_whole, in_vain, _carrying: carrying }
    }

    /// Every connection breaks, and new ones break at once.
    pub(crate) fn cut(&self) {
        self.is_whole.send_replace(false);
    }

    /// So many connections have been tried in vain.
    pub(crate) async fn was_tried(&self, times: usize) {
        self.in_vain.clone().wait_for(|it| *it >= times).await.unwrap();
    }

    pub(crate) fn mend(&self) {
        self.is_whole.send_replace(true);
    }
}

async fn carry(mut browser: TcpStream, server: SocketAddr, mut whole: watch::Receiver<bool>) {
    let mut server = TcpStream::connect(server).await.unwrap();
    tokio::select! {
        // One side has closed or broken off: so does the other.
        _ended = copy_bidirectional(&mut browser, &mut server) => {}
        _cut = whole.wait_for(|it| !*it) => {}
    }
}
