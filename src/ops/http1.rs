//! A connection that speaks HTTP/1.1 alone.
//!
//! `axum::serve` takes HTTP/2 as well from whoever begins with it unasked, and one connection then has many requests at a time: it
//! would go past the bounds that a door has for connections.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What HTTP/2 begins with (RFC 9113, section 3.4), and no request of HTTP/1.1 does.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n";

#[derive(Debug)]
pub struct Http1<IO> {
    io: IO,
    /// How much of the preface has come; `None`: something else has.
    preface: Option<usize>,
}

impl<IO> Http1<IO> {
    pub const fn new(io: IO) -> Self {
        Self { io, preface: Some(0) }
    }

    pub const fn get_ref(&self) -> &IO {
        &self.io
    }

    /// `false`: it is HTTP/2.
    fn take(&mut self, bytes: &[u8]) -> bool {
        for byte in bytes {
            let Some(come) = self.preface else { return true };
            self.preface = PREFACE.get(come).filter(|it| *it == byte).map(|_| come + 1);
            if self.preface == Some(PREFACE.len()) {
                return false;
            }
        }
        true
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for Http1<IO> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if self.preface.is_some() && !self.take(buf.filled().get(before..).unwrap_or_default()) {
            return Poll::Ready(Err(io::ErrorKind::Unsupported.into()));
        }
        read
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for Http1<IO> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    async fn read(parts: &[&[u8]]) -> io::Result<Vec<u8>> {
        let (mut client, server) = duplex(64);
        let (mut served, mut all) = (Http1::new(server), Vec::new());
        for part in parts {
            client.write_all(part).await.unwrap();
            let mut buffer = [0; 64];
            let read = served.read(&mut buffer).await?;
            all.extend_from_slice(&buffer[..read]);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn what_begins_as_http_2_is_not_read_however_it_is_cut_up() {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        for at in 1..preface.len() {
            let (first, second) = preface.split_at(at);
            assert_eq!(read(&[first, second]).await.unwrap_err().kind(), io::ErrorKind::Unsupported, "cut at {at}");
        }
    }

    #[tokio::test]
    async fn what_only_looks_like_it_at_first_comes_through() {
        for request in
            [&b"PRI / HTTP/1.1\r\n"[..], b"P", b"POST / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nPRI * HTTP/2.0\r\n"]
        {
            let (first, second) = request.split_at(1);
            let parts: &[&[u8]] = if second.is_empty() { &[first] } else { &[first, second] };
            assert_eq!(read(parts).await.unwrap(), request);
        }
    }
}
