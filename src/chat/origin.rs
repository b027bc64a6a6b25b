//! Which pages may use the chat from elsewhere (CORS): those of the configured origins, without cookies.

use std::{collections::BTreeSet, str::FromStr};

use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};

use super::problem::Refused;
use crate::problem::ProblemKind;

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("authorization, content-type, last-event-id");
const PREFLIGHT_S: HeaderValue = HeaderValue::from_static("600");

/// A page's origin, as browsers send it: `https://shop.example.com`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no origin: write scheme and host, and the port if it is not the usual one, as in https://shop.example.com"
)]
pub struct NoOrigin(String);

impl FromStr for Origin {
    type Err = NoOrigin;

    fn from_str(text: &str) -> Result<Self, NoOrigin> {
        let no = || NoOrigin(text.to_owned());
        let uri: Uri = text.parse().map_err(|_unexplained| no())?;
        let (Some(scheme @ ("http" | "https")), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(no());
        };
        let is_bare = uri.path() == "/" && uri.query().is_none() && !authority.as_str().contains('@');
        if !is_bare || text.ends_with('/') {
            return Err(no());
        }
        // Browsers leave out the usual port and write the host in small letters.
        let host = authority.host().to_ascii_lowercase();
        let usual = if scheme == "https" { 443 } else { 80 };
        let port = authority.port_u16().filter(|it| *it != usual);
        Ok(Self(port.map_or_else(|| format!("{scheme}://{host}"), |port| format!("{scheme}://{host}:{port}"))))
    }
}

#[derive(Clone, Debug)]
pub(super) struct Origins(BTreeSet<Origin>);

impl Origins {
    pub(super) fn new(allowed: impl IntoIterator<Item = Origin>) -> Self {
        Self(allowed.into_iter().collect())
    }

    /// The request's origin, if it is one of ours.
    pub(super) fn allowed(&self, request: &HeaderMap) -> Option<HeaderValue> {
        let origin = request.get(header::ORIGIN)?;
        let known = self.0.iter().any(|it| it.0.as_bytes() == origin.as_bytes());
        known.then(|| origin.clone())
    }

    /// The answer to a browser that asks before it sends.
    pub(super) fn preflight(&self, request: &HeaderMap) -> Response {
        if self.allowed(request).is_none() {
            let detail = "pages of this origin may not use the chat; the operator can allow the origin";
            return Refused::new(ProblemKind::Forbidden, detail).into_response();
        }
        let headers = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS),
            (header::ACCESS_CONTROL_MAX_AGE, PREFLIGHT_S),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    }

    /// Lets the page read the answer, if it is one of ours.
    pub(super) fn mark(allowed: Option<HeaderValue>, response: &mut HeaderMap) {
        response.append(header::VARY, HeaderValue::from_static("Origin"));
        if let Some(origin) = allowed {
            response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static("retry-after"));
        }
    }

    pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
        method == Method::OPTIONS && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_send_it() {
        let written = |text: &str| text.parse::<Origin>().map(|it| it.0);
        assert_eq!(written("https://Shop.example.com:443").unwrap(), "https://shop.example.com");
        assert_eq!(written("http://127.0.0.1:8080").unwrap(), "http://127.0.0.1:8080");
        for wrong in ["*", "shop.example.com", "https://shop.example.com/", "https://a@b", "ftp://a", "https://a/b", ""]
        {
            assert_eq!(written(wrong), Err(NoOrigin(wrong.to_owned())), "{wrong}");
        }
    }
}
