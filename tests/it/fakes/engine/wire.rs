//! A connection that a test can tear down.

use std::{
    io,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{Context, Poll, Waker},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// A connection that can be torn down from outside.
#[derive(Clone)]
pub(crate) struct Wire(Arc<Mutex<Ends>>);

/// Does not keep the connection open.
pub(crate) struct WeakWire(Weak<Mutex<Ends>>);

impl WeakWire {
    pub(crate) fn cut(&self) {
        if let Some(ends) = self.0.upgrade() {
            Wire(ends).cut();
        }
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.0.strong_count() == 0
    }
}

/// The connection, until it is cut, and who waits for it.
struct Ends {
    io: Option<Box<dyn Io>>,
    waker: Option<Waker>,
}

impl Wire {
    pub(crate) fn new(io: Box<dyn Io>) -> Self {
        Self(Arc::new(Mutex::new(Ends { io: Some(io), waker: None })))
    }

    pub(crate) fn weak(&self) -> WeakWire {
        WeakWire(Arc::downgrade(&self.0))
    }

    pub(crate) fn cut(&self) {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.io = None;
        if let Some(waker) = ends.waker.take() {
            waker.wake();
        }
    }

    fn poll<T>(
        &self,
        cx: &mut Context<'_>,
        work: impl FnOnce(Pin<&mut dyn Io>, &mut Context<'_>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut ends = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ends.waker = Some(cx.waker().clone());
        match &mut ends.io {
            Some(io) => work(Pin::new(&mut **io), cx),
            None => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |io, cx| io.poll_read(cx, buf))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, |io, cx| io.poll_write(cx, buf))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |io, cx| io.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |io, cx| io.poll_shutdown(cx))
    }
}
