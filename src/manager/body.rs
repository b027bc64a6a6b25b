//! Bodies that are kept in memory, read within the same bounds for pages and for programs.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use tokio::time::timeout_at;

use crate::clock::Clock;

pub(super) const MAX_BYTES: usize = 512 * 1024;
pub(super) const WITHIN: Duration = Duration::from_secs(15);

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotRead {
    TooLarge,
    /// Or it came too slowly.
    CutOff,
}

/// What is too large is read to its end, and not kept: whoever still sends would not read why it is refused.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, NotRead> {
    let (by, mut parts) = (Clock::instant() + WITHIN, body.into_data_stream());
    let (mut read, mut is_too_large) = (BytesMut::new(), false);
    while let Ok(part) = timeout_at(by, parts.next()).await {
        match part {
            Some(Ok(part)) if !is_too_large && read.len() + part.len() <= most => read.extend_from_slice(&part),
            Some(Ok(_)) => {
                is_too_large = true;
                read = BytesMut::new();
            }
            None if !is_too_large => return Ok(read.freeze()),
            None | Some(Err(_)) => break,
        }
    }
    Err(if is_too_large { NotRead::TooLarge } else { NotRead::CutOff })
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures::stream;

    use super::*;

    async fn read_of(parts: Vec<io::Result<&'static str>>) -> Result<Bytes, NotRead> {
        read(Body::from_stream(stream::iter(parts)), 4).await
    }

    #[tokio::test]
    async fn what_is_too_large_is_told_apart_from_what_is_cut_off() {
        let cut = || Err(io::ErrorKind::UnexpectedEof.into());
        assert_eq!(read_of(vec![Ok("ab"), Ok("cd")]).await.unwrap().as_ref(), b"abcd");
        assert_eq!(read_of(vec![Ok("ab"), Ok("cde"), Ok("f")]).await, Err(NotRead::TooLarge));
        assert_eq!(read_of(vec![Ok("abcde"), cut()]).await, Err(NotRead::TooLarge));
        assert_eq!(read_of(vec![Ok("ab"), cut()]).await, Err(NotRead::CutOff));
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_slowly_is_given_up() {
        let began = Clock::instant();
        let slow = stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            Some((io::Result::Ok("a"), ()))
        });
        assert_eq!(read(Body::from_stream(slow), 1024).await, Err(NotRead::CutOff));
        assert_eq!(began.elapsed(), WITHIN);
    }
}
