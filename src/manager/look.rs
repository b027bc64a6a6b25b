//! Style sheet, script and icon: in the binary, asked for anew by their tag.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::core::hex;

/// A file that every page needs.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
}

pub(super) const STYLE: File =
    File { path: "/style.css", kind: "text/css; charset=utf-8", text: include_str!("look/style.css") };
pub(super) const SCRIPT: File =
    File { path: "/usher.js", kind: "text/javascript; charset=utf-8", text: include_str!("look/usher.js") };
pub(super) const ICON: File = File { path: "/icon.svg", kind: "image/svg+xml", text: include_str!("look/icon.svg") };
pub(super) const ALL: [File; 3] = [STYLE, SCRIPT, ICON];

impl File {
    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    pub(super) fn answer(self, asked: &HeaderMap) -> Response {
        let tag = format!("\"{}\"", hex::encode(Sha256::digest(self.text).get(..8).unwrap_or_default()));
        let has_it = asked.get(header::IF_NONE_MATCH).is_some_and(|it| it.as_bytes() == tag.as_bytes());
        let Ok(tag) = HeaderValue::try_from(tag) else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
        let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
        if has_it {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, HeaderValue::from_static(self.kind))], self.text).into_response()
    }
}
