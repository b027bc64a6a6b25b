//! Style sheet, script and icon: in the binary. Pages ask for them by what is in them, so that a browser has them once.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// A file that every page needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
    /// Another text has another one.
    version: u64,
}

pub(super) const STYLE: File = File::new("/style.css", "text/css; charset=utf-8", include_str!("look/style.css"));
pub(super) const SCRIPT: File = File::new("/usher.js", "text/javascript; charset=utf-8", include_str!("look/usher.js"));
pub(super) const ICON: File = File::new("/icon.svg", "image/svg+xml", include_str!("look/icon.svg"));
pub(super) const ALL: [File; 3] = [STYLE, SCRIPT, ICON];

impl File {
    const fn new(path: &'static str, kind: &'static str, text: &'static str) -> Self {
        Self { path, kind, text, version: fnv1a(text.as_bytes()) }
    }

    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// Where pages find it.
    pub(super) fn href(&self) -> String {
        format!("{}?{}", self.path, self.version())
    }

    fn version(&self) -> String {
        format!("{:016x}", self.version)
    }

    /// `asked`: what stands behind the question mark. Of another version than this it is asked for again every time: two gateways of
    /// different versions may answer for one address.
    pub(super) fn answer(self, asked: Option<&str>, headers: &HeaderMap) -> Response {
        let keep = if asked == Some(&self.version()) { "max-age=31536000, immutable" } else { "no-cache" };
        let Ok(tag) = HeaderValue::try_from(format!("\"{}\"", self.version())) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let has_it = headers.get(header::IF_NONE_MATCH).is_some_and(|it| *it == tag);
        let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static(keep))];
        if has_it {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, HeaderValue::from_static(self.kind))], self.text).into_response()
    }
}

/// Fowler, Noll and Vo's hash: good enough to tell versions apart, and found out when this is compiled.
const fn fnv1a(bytes: &[u8]) -> u64 {
    let (mut hash, mut rest) = (0xcbf2_9ce4_8422_2325_u64, bytes);
    while let [first, others @ ..] = rest {
        hash = (hash ^ *first as u64).wrapping_mul(0x0100_0000_01b3);
        rest = others;
    }
    hash
}
