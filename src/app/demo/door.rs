//! Who may come to the staff's pages: whoever sits at this machine, and whoever has the key.
//!
//! A page in somebody's browser must not reach the demo behind that person's back. So a request counts as local only when it
//! comes over loopback, names a loopback host (a foreign name that resolves to 127.0.0.1 does not) and was not passed on by
//! a proxy; and a request that changes something must come from our own pages, or from no browser at all.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::problem;
use crate::core::hex;

/// What the cookie's name begins with.
const COOKIE: &str = "usher-desk";
/// A proxy says by these whom it speaks for.
const FORWARDED: [HeaderName; 4] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-real-ip"),
];

#[derive(Clone, Debug)]
pub(super) struct Door {
    /// What `?key=` must say.
    key: [u8; 32],
    /// Its own, since browsers tell cookies by the host alone: another demo may run at another port.
    cookie_name: String,
    /// What the cookie says that is given for it; the key itself stays out of the browser's store.
    cookie: String,
}

impl Door {
    pub(super) fn new(key: &SecretString) -> Self {
        let digest = |of: &str| Sha256::new_with_prefix(of).chain_update(key.expose_secret()).finalize();
        let name = digest("cookie's name ");
        Self {
            key: Sha256::digest(key.expose_secret()).into(),
            cookie_name: format!("{COOKIE}-{}", hex::encode(name.get(..4).unwrap_or_default())),
            cookie: hex::encode(&digest("cookie ")),
        }
    }

    fn fits(&self, key: &str) -> bool {
        let digest: [u8; 32] = Sha256::digest(key).into();
        digest.ct_eq(&self.key).into()
    }

    fn has_cookie(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
        let mut pairs = cookies.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
        pairs.any(|(name, value)| name == self.cookie_name && value.as_bytes().ct_eq(self.cookie.as_bytes()).into())
    }
}

/// Lets a request through to the staff's pages, or refuses it.
pub(super) async fn guard(
    State(door): State<Door>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    if let Some(key) = key_of(request.uri()) {
        if !door.fits(key) {
            return refusal(
                StatusCode::FORBIDDEN,
                "this key is not the demo's: take the link that it printed at start",
            );
        }
        let Door { cookie_name, cookie, .. } = &door;
        let cookie = format!("{cookie_name}={cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=604800");
        // Without the key, which would stay in the address bar and the history.
        let mut response = Redirect::to(request.uri().path()).into_response();
        if let Ok(cookie) = HeaderValue::from_str(&cookie) {
            response.headers_mut().insert(header::SET_COOKIE, cookie);
        }
        return response;
    }
    if !is_local(peer, request.headers()) && !door.has_cookie(request.headers()) {
        let detail = "the staff's pages are open at the machine that the demo runs on; from elsewhere take the link with \
                      the key that it printed at start";
        return refusal(StatusCode::UNAUTHORIZED, detail);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !is_ours(request.headers()) {
        return refusal(StatusCode::FORBIDDEN, "changes are taken from the demo's own pages alone");
    }
    next.run(request).await
}

fn refusal(status: StatusCode, detail: &str) -> Response {
    problem(status, detail)
}

fn key_of(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("key="))
}

fn is_local(peer: SocketAddr, headers: &HeaderMap) -> bool {
    peer.ip().to_canonical().is_loopback()
        && host(headers).is_some_and(is_loopback_name)
        && !FORWARDED.iter().any(|name| headers.contains_key(name))
}

/// The one `Host` header; with several nobody knows who is meant.
fn host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    host.to_str().ok()
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        Some(_) | None => host,
    };
    let address = name.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok_and(|it| it.to_canonical().is_loopback())
}

/// Whether the request comes from one of our own pages, or from no browser: browsers send at least one of the two headers
/// with whatever could change something, and no page can alter them.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or_default());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return true };
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    authority.is_some_and(|it| host(headers).is_some_and(|host| host.eq_ignore_ascii_case(it)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_loopback_over_loopback_is_local() {
        let (here, there) = ("127.0.0.1:4000".parse().unwrap(), "192.0.2.7:4000".parse().unwrap());
        for host in ["localhost:7410", "LOCALHOST", "127.0.0.1:7410", "[::1]:7410", "127.1.2.3"] {
            assert!(is_local(here, &headers(&[("host", host)])), "{host}");
            assert!(!is_local(there, &headers(&[("host", host)])), "{host} from elsewhere");
            let passed_on = headers(&[("host", host), ("x-forwarded-for", "192.0.2.7")]);
            assert!(!is_local(here, &passed_on), "{host} passed on");
        }
        for host in ["example.com", "localhost.example.com:7410", "192.0.2.7", "127.0.0.1.example.com", "", ":7410"] {
            assert!(!is_local(here, &headers(&[("host", host)])), "{host}");
        }
        assert!(!is_local(here, &headers(&[])));
        let mapped = "[::ffff:127.0.0.1]:4000".parse().unwrap();
        assert!(is_local(mapped, &headers(&[("host", "localhost")])));
    }

    #[test]
    fn a_foreign_page_changes_nothing() {
        let ours = |pairs: &[(&'static str, &str)]| {
            let mut all = vec![("host", "localhost:7410")];
            all.extend_from_slice(pairs);
            is_ours(&headers(&all))
        };
        assert!(ours(&[("sec-fetch-site", "same-origin")]));
        assert!(ours(&[("origin", "http://localhost:7410")]));
        assert!(ours(&[]), "curl");
        assert!(!ours(&[("sec-fetch-site", "cross-site"), ("origin", "http://localhost:7410")]));
        assert!(!ours(&[("sec-fetch-site", "same-site")]));
        assert!(!ours(&[("origin", "http://localhost:7411")]));
        assert!(!ours(&[("origin", "null")]));
        assert!(!ours(&[("origin", "https://example.com")]));
    }

    #[test]
    fn the_cookie_is_not_the_key_and_opens_the_door() {
        let door = Door::new(&"0123".into());
        assert!(door.fits("0123") && !door.fits("0124") && !door.fits(""));
        let cookie = format!("a=b; {}={}", door.cookie_name, door.cookie);
        assert!(door.has_cookie(&headers(&[("cookie", &cookie)])));
        assert!(!door.has_cookie(&headers(&[("cookie", &format!("{}=0123", door.cookie_name))])));
        assert!(door.cookie_name != Door::new(&"0124".into()).cookie_name, "another demo on the host");
    }
}
