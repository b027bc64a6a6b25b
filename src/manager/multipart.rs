//! Forms that bring files (RFC 7578), as browsers send them.

use std::io;

use axum::body::{Body, BodyDataStream};
use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, stream::BoxStream};

use crate::core::hex;

/// Of all that stands before a large file, and of each of its parts.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// More fields than stand before one.
const MAX_BEFORE: usize = 8;

/// The part of a header's value that divides the body; `None`: it is no such form.
pub(super) fn boundary(content_type: &str) -> Option<&str> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = rest.split(';').find_map(|it| it.trim().strip_prefix("boundary="))?.trim_matches('"');
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// Fields with their values; a file's is its bytes in hexadecimal digits, as nothing says that it is text. `None`: it is cut off,
/// or has more than `most` of them.
pub(super) fn read(body: &[u8], boundary: &str, most: usize) -> Option<Vec<(String, String)>> {
    let divider = format!("--{boundary}");
    let mut rest = body.get(find(body, divider.as_bytes())? + divider.len()..)?;
    let mut fields = Vec::new();
    let next = format!("\r\n{divider}");
    loop {
        if rest.starts_with(b"--") {
            return Some(fields);
        }
        rest = rest.strip_prefix(b"\r\n")?;
        let end = find(rest, b"\r\n\r\n")?;
        let head = std::str::from_utf8(rest.get(..end)?).ok()?;
        rest = rest.get(end + 4..)?;
        let end = find(rest, next.as_bytes())?;
        let value = rest.get(..end)?;
        rest = rest.get(end + next.len()..)?;
        let (name, is_file) = disposition(head)?;
        if fields.len() == most {
            return None;
        }
        fields.push((name, if is_file { hex::encode(value) } else { String::from_utf8(value.to_vec()).ok()? }));
    }
}

fn disposition(head: &str) -> Option<(String, bool)> {
    let is_it = |line: &&str| line.to_ascii_lowercase().starts_with("content-disposition:");
    let line = head.split("\r\n").find(is_it)?;
    let parameter = |key: &str| {
        let (_, rest) = line.split_once(&format!(" {key}=\""))?;
        Some(rest.split('"').next()?.to_owned())
    };
    Some((parameter("name")?, parameter("filename").is_some()))
}

fn find(text: &[u8], what: &[u8]) -> Option<usize> {
    text.windows(what.len()).position(|it| it == what)
}

/// A form whose last field is a large file: what stands before it is read, the file is not yet.
pub(super) struct Large {
    pub(super) fields: Vec<(String, String)>,
    /// Ends with an error where it is cut off.
    pub(super) file: BoxStream<'static, io::Result<Bytes>>,
}

/// `None`: it is cut off before the file, or what stands there is more than any form has.
pub(super) async fn open(body: Body, boundary: &str) -> Option<Large> {
    let divider = format!("--{boundary}");
    let mut parts = Parts { body: body.into_data_stream(), read: BytesMut::new() };
    parts.until(divider.as_bytes()).await?;
    let next = format!("\r\n{divider}").into_bytes();
    let mut fields = Vec::new();
    while fields.len() < MAX_BEFORE {
        let after = parts.exactly(2).await?;
        if after.as_ref() == b"--" {
            return Some(Large { fields, file: futures::stream::empty().boxed() });
        }
        if after.as_ref() != b"\r\n" {
            return None;
        }
        let head = parts.until(b"\r\n\r\n").await?;
        let (name, is_file) = disposition(std::str::from_utf8(&head).ok()?)?;
        if is_file {
            return Some(Large { fields, file: parts.file(next) });
        }
        let value = parts.until(&next).await?;
        fields.push((name, String::from_utf8(value.to_vec()).ok()?));
    }
    None
}

/// A body that is read part by part.
struct Parts {
    body: BodyDataStream,
    /// Read, and not taken yet.
    read: BytesMut,
}

impl Parts {
    /// `false`: there is no more.
    async fn more(&mut self) -> io::Result<bool> {
        match self.body.next().await {
            Some(Ok(bytes)) => {
                self.read.extend_from_slice(&bytes);
                Ok(true)
            }
            Some(Err(error)) => Err(io::Error::other(error)),
            None => Ok(false),
        }
    }

    async fn until(&mut self, what: &[u8]) -> Option<BytesMut> {
        loop {
            if let Some(at) = find(&self.read, what) {
                let before = self.read.split_to(at);
                drop(self.read.split_to(what.len()));
                return Some(before);
            }
            if self.read.len() > MAX_HEAD_BYTES || !self.more().await.ok()? {
                return None;
            }
        }
    }

    async fn exactly(&mut self, count: usize) -> Option<BytesMut> {
        while self.read.len() < count {
            if !self.more().await.ok()? {
                return None;
            }
        }
        Some(self.read.split_to(count))
    }

    /// All before `end`.
    fn file(self, end: Vec<u8>) -> BoxStream<'static, io::Result<Bytes>> {
        futures::stream::try_unfold(Some(self), move |parts| {
            let end = end.clone();
            async move {
                let Some(mut parts) = parts else { return Ok(None) };
                loop {
                    if let Some(at) = find_line(&parts.read, &end) {
                        let last = parts.read.split_to(at).freeze();
                        // What follows is nothing to anybody; who sends it is not cut off.
                        parts.read.clear();
                        while parts.read.len() <= MAX_HEAD_BYTES && parts.more().await? {}
                        return Ok(Some((last, None)));
                    }
                    // What may be the end's beginning stays.
                    let sure = parts.read.len().saturating_sub(end.len());
                    if sure > 0 {
                        let some = parts.read.split_to(sure).freeze();
                        return Ok(Some((some, Some(parts))));
                    }
                    if !parts.more().await? {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
            }
        })
        .boxed()
    }
}

/// The same as [`find`], for what begins with a line's end and much that is none.
fn find_line(text: &[u8], what: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = from + rest.iter().position(|it| *it == b'\r')?;
        if text.get(at..)?.starts_with(what) {
            return Some(at);
        }
        from = at + 1;
    }
}

/// The bytes of a file's field.
pub(super) fn file(field: &str) -> Option<Vec<u8>> {
    hex::decode(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"--xx\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\nabc\r\n--xx\r\n\
        Content-Disposition: form-data; name=\"file\"; filename=\"a.zip\"\r\nContent-Type: application/zip\r\n\r\n\
        PK\x03\x00\r\n\xff\r\n--xx--\r\n";

    #[test]
    fn fields_and_files_arrive_as_they_were_sent() {
        let kind = "multipart/form-data; charset=x; boundary=\"xx\"";
        let boundary = boundary(kind).unwrap();
        let fields = read(BODY, boundary, 10).unwrap();
        assert_eq!(fields[0], ("csrf".to_owned(), "abc".to_owned()));
        assert_eq!(
            (fields[1].0.as_str(), file(&fields[1].1).unwrap().as_slice()),
            ("file", &b"PK\x03\x00\r\n\xff"[..])
        );
    }

    async fn streamed(body: &[u8], chunk: usize) -> Option<(Vec<(String, String)>, io::Result<Vec<u8>>)> {
        let parts: Vec<io::Result<Bytes>> = body.chunks(chunk).map(|it| Ok(Bytes::copy_from_slice(it))).collect();
        let Large { fields, mut file } = open(Body::from_stream(futures::stream::iter(parts)), "xx").await?;
        let mut all = Vec::new();
        while let Some(part) = file.next().await {
            match part {
                Ok(part) => all.extend_from_slice(&part),
                Err(error) => return Some((fields, Err(error))),
            }
        }
        Some((fields, Ok(all)))
    }

    #[tokio::test]
    async fn a_large_file_arrives_as_it_was_sent_however_it_is_cut_up() {
        for chunk in 1..BODY.len() {
            let (fields, file) = streamed(BODY, chunk).await.unwrap();
            assert_eq!(fields, [("csrf".to_owned(), "abc".to_owned())]);
            assert_eq!(file.unwrap(), b"PK\x03\x00\r\n\xff", "in parts of {chunk}");
        }
    }

    #[tokio::test]
    async fn a_large_file_that_is_cut_off_ends_with_an_error() {
        let begins = find(BODY, b"PK").unwrap();
        let ends = find(BODY, b"\r\n--xx--").unwrap() + 6;
        for end in 0..ends {
            match streamed(&BODY[..end], 7).await {
                None => assert!(end < begins, "cut at {end}"),
                Some((_, file)) => assert!(end >= begins && file.is_err(), "cut at {end}"),
            }
        }
    }

    #[test]
    fn what_is_cut_off_or_too_much_is_no_form() {
        for end in 0..BODY.len() - 6 {
            assert_eq!(read(&BODY[..end], "xx", 10), None, "cut at {end}");
        }
        assert_eq!(read(BODY, "xx", 1), None);
        assert_eq!(read(BODY, "yy", 10), None);
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
        assert_eq!(boundary("multipart/form-data; boundary="), None);
    }
}
