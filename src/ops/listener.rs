//! A listener that bounds how many connections are open and how long one may say nothing. They speak HTTP/1.1 alone ([`Http1`]).

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, Sleep},
};

use super::http1::Http1;
use crate::{clock::Clock, peer::Patience};

/// Longer than the usual time between two scrapes, so that a scraper keeps its connection.
const SILENT_FOR: Duration = Duration::from_secs(90);
/// From a request's first byte on until something is answered, no byte of it may come later: whoever sends it byte by byte is not
/// waited for. Longer than a body may take. What has come whole may take as long as the silence.
const SENT_WITHIN: Duration = Duration::from_secs(20);

/// Further connections wait in the kernel's queue.
#[derive(Debug)]
pub struct Bounded {
    inner: TcpListener,
    permits: Arc<Semaphore>,
    peers: Peers,
}

impl Bounded {
    #[must_use]
    pub fn new(inner: TcpListener, connections: usize) -> Self {
        Self { inner, permits: Arc::new(Semaphore::new(connections)), peers: Peers::new(connections) }
    }
}

/// How many connections each address holds. One of them alone must not shut out all others; loopback is this machine's own.
#[derive(Clone, Debug)]
struct Peers {
    most: usize,
    /// Held for one look each; as long as there are connections.
    open: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
struct Place {
    peers: Peers,
    ip: IpAddr,
}

impl Peers {
    fn new(connections: usize) -> Self {
        Self { most: (connections / 2).max(1), open: Arc::default() }
    }

    /// `None`: it has enough.
    fn admit(&self, ip: IpAddr) -> Option<Place> {
        let ip = ip.to_canonical();
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let held = open.entry(ip).or_default();
        if *held >= self.most && !ip.is_loopback() {
            return None;
        }
        *held += 1;
        Some(Place { peers: self.clone(), ip })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.peers.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(held) = open.get_mut(&self.ip) {
            *held -= 1;
            if *held == 0 {
                open.remove(&self.ip);
            }
        }
    }
}

/// Who has connected, for `into_make_service_with_connect_info`.
#[derive(Clone, Debug)]
pub struct Peer(pub SocketAddr, pub Patience);

impl Connected<IncomingStream<'_, Bounded>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Bounded>) -> Self {
        Self(*stream.remote_addr(), stream.io().get_ref().patience())
    }
}

impl Bounded {
    /// The next connection, whatever it speaks.
    pub async fn next(&mut self) -> Connection {
        // The semaphore is never closed; should it be, no further connection comes.
        let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else { return std::future::pending().await };
        loop {
            let (stream, address) = Listener::accept(&mut self.inner).await;
            // One too many of this address is closed at once, which its peer sees.
            let Some(place) = self.peers.admit(address.ip()) else { continue };
            // An answer in several parts, as an event stream or what is compressed on its way, must not wait for the peer to
            // acknowledge the part before. What has gone already is seen at its first read.
            let _gone = stream.set_nodelay(true);
            let silence = Box::pin(tokio::time::sleep(SILENT_FOR));
            let patience = Patience::default();
            return Connection {
                stream,
                peer: address,
                silence,
                sent_by: None,
                patience,
                _place: place,
                _permit: permit,
            };
        }
    }
}

impl Listener for Bounded {
    type Io = Http1<Connection>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        let connection = self.next().await;
        let peer = connection.peer();
        (Http1::new(connection), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    /// Ends when nothing was read or written for too long.
    silence: Pin<Box<Sleep>>,
    /// While something was read to which nothing was written yet.
    sent_by: Option<Instant>,
    patience: Patience,
    _place: Place,
    _permit: OwnedSemaphorePermit,
}

impl Connection {
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    pub fn patience(&self) -> Patience {
        self.patience.clone()
    }

    /// Something came or went.
    fn alive(&mut self, now: Instant) {
        self.silence.as_mut().reset(now + SILENT_FOR);
    }

    fn silent<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        while self.silence.as_mut().poll(cx).is_ready() {
            if !self.patience.is_lifted() {
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            self.alive(Clock::instant());
        }
        Poll::Pending
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Poll::Ready(read) = Pin::new(&mut self.stream).poll_read(cx, buf) else { return self.silent(cx) };
        let now = Clock::instant();
        if self.sent_by.is_some() && self.patience.is_lifted() {
            self.sent_by = Some(now + SENT_WITHIN);
        }
        if *self.sent_by.get_or_insert(now + SENT_WITHIN) <= now {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        self.alive(now);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, bytes) else { return self.silent(cx) };
        self.sent_by = None;
        self.alive(Clock::instant());
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    const MAX: usize = 4;

    async fn bounded() -> (Bounded, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Bounded::new(listener, MAX), address)
    }

    #[tokio::test]
    async fn the_connections_are_bounded_and_a_closed_one_makes_room() {
        let (mut listener, address) = bounded().await;
        let mut held = Vec::new();
        for _ in 0..MAX {
            let client = TcpStream::connect(address).await.unwrap();
            held.push((client, listener.next().await));
        }
        let _waiting = TcpStream::connect(address).await.unwrap();
        assert!(listener.next().now_or_never().is_none());
        held.pop();
        listener.next().await;
    }

    #[tokio::test]
    async fn a_part_of_an_answer_does_not_wait_for_the_one_before() {
        let (mut listener, address) = bounded().await;
        let _client = TcpStream::connect(address).await.unwrap();
        let connection = listener.next().await;
        assert!(connection.stream.nodelay().unwrap());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_given_up() {
        let (mut listener, address) = bounded().await;
        let _client = TcpStream::connect(address).await.unwrap();
        let mut connection = listener.next().await;
        let began = Clock::instant();
        let error = connection.read_u8().await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, SILENT_FOR.as_secs()));
    }

    #[tokio::test]
    async fn b5_a_request_that_comes_byte_by_byte_is_given_up_and_an_answer_begins_anew() {
        let (mut listener, address) = bounded().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut connection = listener.next().await;
        tokio::time::pause();
        let began = Clock::instant();
        client.write_all(&[b'G'; 64]).await.unwrap();
        let mut bytes = 0;
        let error = loop {
            match connection.read_u8().await {
                Ok(_) => bytes += 1,
                Err(error) => break error,
            }
            if bytes == 3 {
                connection.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            }
            tokio::time::advance(Duration::from_secs(8)).await;
        };
        assert_eq!((error.kind(), bytes), (io::ErrorKind::TimedOut, 6));
        assert_eq!(began.elapsed().as_secs(), 6 * 8, "24 s after the answer");
    }

    #[tokio::test]
    async fn a_request_that_has_come_may_be_worked_on_for_longer_than_it_may_come() {
        let (mut listener, address) = bounded().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut connection = listener.next().await;
        client.write_all(b"G").await.unwrap();
        connection.read_u8().await.unwrap();
        tokio::time::pause();
        // As a server does that looks whether its peer is still there.
        assert!(connection.read_u8().now_or_never().is_none());
        tokio::time::advance(SENT_WITHIN * 4).await;
        assert!(connection.read_u8().now_or_never().is_none());
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204");
    }

    #[tokio::test]
    async fn whoever_takes_in_something_large_lifts_the_bounds_and_they_begin_anew_after_it() {
        let (mut listener, address) = bounded().await;
        let mut client = TcpStream::connect(address).await.unwrap();
        let mut connection = listener.next().await;
        client.write_all(&[b'P'; 64]).await.unwrap();
        connection.read_u8().await.unwrap();
        tokio::time::pause();
        let lifted = connection.patience().lift();
        for _ in 0..30 {
            tokio::time::advance(Duration::from_secs(8)).await;
            connection.read_u8().await.unwrap();
        }
        tokio::time::advance(Duration::from_secs(300)).await;
        drop(lifted);
        connection.read_u8().await.unwrap();
        tokio::time::advance(Duration::from_secs(16)).await;
        connection.read_u8().await.unwrap();
        tokio::time::advance(Duration::from_secs(8)).await;
        assert_eq!(connection.read_u8().await.unwrap_err().kind(), io::ErrorKind::TimedOut);
    }

    #[test]
    fn b5_one_address_takes_half_of_the_connections_and_loopback_all() {
        let peers = Peers::new(4);
        let there: IpAddr = "192.0.2.7".parse().unwrap();
        let first = peers.admit(there).unwrap();
        let _second = peers.admit("::ffff:192.0.2.7".parse().unwrap()).unwrap();
        assert!(peers.admit(there).is_none());
        assert!(peers.admit("192.0.2.8".parse().unwrap()).is_some());
        drop(first);
        assert!(peers.admit(there).is_some());
        let local: Vec<_> = (0..9).filter_map(|_| peers.admit("127.0.0.1".parse().unwrap())).collect();
        assert_eq!(local.len(), 9);
        drop((local, _second));
        assert!(peers.open.lock().unwrap().is_empty(), "nothing is left of those who went");
    }
}
