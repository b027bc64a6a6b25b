//! Keeps web pages out: the API takes no credentials, so a page of anywhere must not reach it through a browser on this
//! machine, neither across origins nor by a name of its own that it lets lead here (DNS rebinding).

use axum::{
    body::Body,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode, header,
        uri::{Authority, Uri},
    },
    middleware::Next,
    response::Response,
};
use std::net::IpAddr;
use tonic::Status;

use super::rest::{error, http_status};

/// Whether only this machine can reach the listener: then only its own names can be meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct OnlyHere(pub(super) bool);

pub(super) async fn keep_out(State(OnlyHere(only_here)): State<OnlyHere>, request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    match refusal(uri, headers, only_here) {
        None => next.run(request).await,
        Some(status) if is_grpc(headers) => status.into_http::<Body>(),
        Some(status) => error(http_status(status.code()), &status),
    }
}

fn refusal(uri: &Uri, headers: &HeaderMap, only_here: bool) -> Option<Status> {
    let named = headers.get_all(header::HOST).iter().map(is_here);
    let is_foreign = uri.authority().is_some_and(|it| !is_loopback(it.host())) || named.into_iter().any(|it| !it);
    if only_here && is_foreign {
        return Some(Status::permission_denied(
            "the request names a host that is not this machine: ask for localhost, 127.0.0.1 or [::1]",
        ));
    }
    if headers.get_all(header::ORIGIN).iter().any(|it| !is_page_here(it)) {
        return Some(Status::permission_denied(
            "the request comes from a web page (Origin) that is not of this machine: such pages are not served",
        ));
    }
    None
}

/// A body must say that it is JSON: what a page may send without being asked (CORS) cannot say so.
pub(super) fn bad_body(headers: &HeaderMap, body: &[u8]) -> Option<Response> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let is_json = kind.eq_ignore_ascii_case("application/json");
    let refused = || Status::invalid_argument("the body is not said to be JSON: send content-type: application/json");
    (!body.is_empty() && !is_json).then(|| error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused()))
}

/// As [`bad_body`], for the methods of gRPC.
pub(super) async fn only_grpc(request: Request, next: Next) -> Response {
    if is_grpc(request.headers()) {
        return next.run(request).await;
    }
    let refused = Status::invalid_argument("this path is served by gRPC: send content-type: application/grpc");
    error(StatusCode::UNSUPPORTED_MEDIA_TYPE, &refused)
}

pub(super) fn is_grpc(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|it| it.as_bytes().starts_with(b"application/grpc"))
}

fn is_here(host: &HeaderValue) -> bool {
    let authority = host.to_str().ok().and_then(|it| it.parse::<Authority>().ok());
    authority.is_some_and(|it| is_loopback(it.host()))
}

fn is_page_here(origin: &HeaderValue) -> bool {
    let origin = origin.to_str().ok().and_then(|it| it.parse::<Uri>().ok());
    origin.is_some_and(|it| it.scheme().is_some() && it.host().is_some_and(is_loopback))
}

fn is_loopback(host: &str) -> bool {
    let host = host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host);
    match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback(),
        Err(_a_name) => {
            let name = host.to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(uri: &str, given: &[(header::HeaderName, &'static str)], only_here: bool) -> bool {
        let headers = given.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        refusal(&uri.parse().unwrap(), &headers, only_here).is_none()
    }

    #[test]
    fn b16_only_this_machines_own_names_are_served_on_a_loopback_listener() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:9", "127.8.8.8", "[::1]:9", "usher.localhost:1"] {
            assert!(told("/v2/", &[(header::HOST, host)], true), "{host}");
        }
        for host in
            ["evil.example.com", "localhost.example.com", "10.0.0.1:80", "[::2]", "", "a b", "x@evil.example.com"]
        {
            assert!(!told("/v2/", &[(header::HOST, host)], true), "{host}");
            assert!(told("/v2/", &[(header::HOST, host)], false), "{host}: reached from elsewhere");
        }
        assert!(told("http://127.0.0.1:9/v2/", &[], true), "HTTP/2's authority");
        assert!(!told("http://evil.example.com/v2/", &[], true));
        assert!(!told("/v2/", &[(header::HOST, "localhost"), (header::HOST, "evil.example.com")], true));
    }

    #[test]
    fn b16_only_this_machines_own_pages_are_served() {
        for origin in ["http://localhost:3000", "https://127.0.0.1", "http://[::1]:8080"] {
            assert!(told("/v2/", &[(header::ORIGIN, origin)], true), "{origin}");
        }
        for origin in ["null", "", "https://evil.example.com", "http://localhost.example.com", "file://", "localhost"] {
            assert!(!told("/v2/", &[(header::ORIGIN, origin)], true), "{origin}");
            assert!(!told("/v2/", &[(header::ORIGIN, origin)], false), "{origin}");
        }
    }
}
