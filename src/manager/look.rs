//! Style sheet, script and icon: in the binary. Pages ask for them by what is in them, so that a browser has them once.

use std::sync::LazyLock;

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use crate::core::hex;

/// A file that every page needs.
#[derive(Debug)]
pub(super) struct File {
    path: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: String,
    href: String,
}

pub(super) static STYLE: LazyLock<File> =
    LazyLock::new(|| File::new("/style.css", "text/css; charset=utf-8", include_str!("look/style.css")));
pub(super) static SCRIPT: LazyLock<File> =
    LazyLock::new(|| File::new("/usher.js", "text/javascript; charset=utf-8", include_str!("look/usher.js")));
pub(super) static ICON: LazyLock<File> =
    LazyLock::new(|| File::new("/icon.svg", "image/svg+xml", include_str!("look/icon.svg")));

pub(super) fn all() -> [&'static File; 3] {
    [&STYLE, &SCRIPT, &ICON]
}

impl File {
    fn new(path: &'static str, kind: &'static str, text: &'static str) -> Self {
        let version = hex::encode(Sha256::digest(text).get(..8).unwrap_or_default());
        Self { path, kind, text, tag: format!("\"{version}\""), href: format!("{path}?{version}") }
    }

    pub(super) const fn path(&self) -> &'static str {
        self.path
    }

    /// Where pages find it.
    pub(super) fn href(&self) -> &str {
        &self.href
    }

    /// `version`: what stands behind the question mark. Of another one than this it is asked for again every time: two gateways of
    /// different versions may answer for one address.
    pub(super) fn answer(&self, version: Option<&str>, asked: &HeaderMap) -> Response {
        let is_this = version.is_some_and(|it| self.href.split_once('?').is_some_and(|(_, this)| this == it));
        let keep = if is_this { "max-age=31536000, immutable" } else { "no-cache" };
        let Ok(tag) = HeaderValue::try_from(self.tag.as_str()) else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let text = HeaderValue::from_static;
        let has_it = asked.get(header::IF_NONE_MATCH).is_some_and(|it| *it == tag);
        let headers: [(HeaderName, HeaderValue); 2] = [(header::ETAG, tag), (header::CACHE_CONTROL, text(keep))];
        if has_it {
            return (StatusCode::NOT_MODIFIED, headers).into_response();
        }
        (headers, [(header::CONTENT_TYPE, text(self.kind))], self.text).into_response()
    }
}
