//! Who asks, and whether they may: sessions by cookie, roles, and that a change comes from a page of ours.
//!
//! A change needs two things that another site cannot bring: the browser's word that the page is ours, and the session's own
//! token in the form. Both are looked at here, before any handler.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    extract::{ConnectInfo, FromRequestParts, RawPathParams, Request, State, rejection::RawPathParamsRejection},
    middleware::Next,
    response::{IntoResponse as _, Redirect, Response},
};
use futures::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::{
    task::{JoinError, JoinHandle},
    time::timeout,
};
use tracing::Instrument as _;

use super::{
    Manager, address,
    body::{self, NotRead},
    held, multipart,
    pages::{self, refusal, users::role_told},
    people::{
        Role, UserName,
        sessions::{Session, SessionId},
    },
    words::{Language, Words},
};
use crate::{
    core::hex,
    peer::{self, Patience},
    seal::Sealer,
};

/// Of whoever has never been signed in: a form whose session is over is as large as any other.
const MAX_STRANGERS_FORM_BYTES: usize = 64 * 1024;
/// More than any form has.
const MAX_FIELDS: usize = 2_000;
/// Whoever waits is told by then, whatever becomes of it: the door closes connections on which nothing happens for longer.
const ANSWERED_WITHIN: Duration = Duration::from_secs(75);
/// How long a browser is known after a sign-in.
const KNOWN_FOR: Duration = Duration::from_secs(180 * 24 * 3600);
pub(super) const CSRF: &str = "csrf";
/// Stands for a form that is kept here.
pub(super) const HELD: &str = "held";
/// What the language is chosen by, beside what the browser asks for.
pub(super) const LANGUAGE_COOKIE: &str = "usher_language";

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) id: SessionId,
    pub(super) session: Session,
}

/// A form as it was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Arc<Vec<(String, String)>>);

impl Fields {
    /// `None`: there are more than any form has.
    fn read(body: &[u8]) -> Option<Self> {
        let all: Vec<_> = form_urlencoded::parse(body).into_owned().take(MAX_FIELDS + 1).collect();
        (all.len() <= MAX_FIELDS).then(|| Self(Arc::new(all)))
    }

    /// Empty where it is missing.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// The last of the name: a box that is ticked comes after what stands for it otherwise.
    pub(super) fn last(&self, name: &str) -> &str {
        self.0.iter().rfind(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    #[cfg(test)]
    pub(super) fn of(list: &[(&str, &str)]) -> Self {
        Self(Arc::new(list.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()))
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(key, _)| key == name)
    }

    /// All but the token.
    pub(super) fn kept(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter(|(key, _)| key != CSRF).map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// What it takes to keep it.
    pub(super) fn bytes(&self) -> usize {
        self.0.iter().map(|(key, value)| size_of::<(String, String)>() + key.len() + value.len()).sum()
    }
}

/// What every page knows of its request.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    pub(super) signed: Option<Signed>,
    pub(super) words: Words,
    /// With the query.
    pub(super) path: String,
    pub(super) address: Option<IpAddr>,
    pub(super) browser: String,
    /// What it was given when somebody signed in there.
    pub(super) known: Option<String>,
    /// How many alerts there are.
    pub(super) alerts: usize,
}

impl Seat {
    pub(super) fn role(&self) -> Option<Role> {
        self.signed.as_ref().map(|it| it.session.role)
    }

    pub(super) fn may(&self, role: Role) -> bool {
        self.role() >= Some(role)
    }

    /// Who is signed in, for the audit log.
    pub(super) fn name(&self) -> &str {
        self.signed.as_ref().map_or("", |it| it.session.user.as_str())
    }

    pub(super) fn csrf(&self) -> &str {
        self.signed.as_ref().map_or("", |it| it.session.csrf.as_str())
    }

    pub(super) fn of(manager: &Manager, headers: &HeaderMap, parts: &Parts) -> Self {
        let language = match cookie(headers, LANGUAGE_COOKIE) {
            Some("de") => Language::German,
            Some("en") => Language::English,
            Some(_) | None => Language::of(headers),
        };
        let browser = headers.get(header::USER_AGENT).and_then(|it| it.to_str().ok()).unwrap_or_default();
        Self {
            signed: parts.extensions.get::<Signed>().cloned(),
            words: manager.dictionary.words(language),
            path: parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            address: manager.address(parts),
            browser: browser.to_owned(),
            known: cookie(headers, manager.known_name()).map(str::to_owned),
            alerts: manager.alerts.count(),
        }
    }
}

impl FromRequestParts<Manager> for Seat {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, manager: &Manager) -> Result<Self, Self::Rejection> {
        Ok(Self::of(manager, &parts.headers, parts))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Fields {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// A cookie's value; of several of the name the first.
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|it| it.to_str().ok());
    let pairs = lines.flat_map(|it| it.split(';')).filter_map(|it| it.trim().split_once('='));
    pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Finds out who is signed in, and reads the form; for every request.
pub(super) async fn identify(State(manager): State<Manager>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let found = cookie(&parts.headers, manager.cookie_name()).and_then(|token| {
        // What is live is no sign of life.
        if parts.uri.path().ends_with("/events") { manager.people.seen(token) } else { manager.people.session(token) }
    });
    if let Some((id, session)) = found {
        parts.extensions.insert(Signed { id, session });
    }
    if parts.method.is_safe() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let seat = Seat::of(&manager, &parts.headers, &parts);
    let boundary = content_type(&parts.headers).and_then(multipart::boundary).map(str::to_owned);
    if parts.method != Method::POST || (boundary.is_none() && !is_form(&parts.headers)) {
        return refusal(&seat, StatusCode::UNSUPPORTED_MEDIA_TYPE, seat.words.t("This address takes forms alone."));
    }
    if !is_ours(&parts.headers) {
        return refusal(&seat, StatusCode::FORBIDDEN, seat.words.t("This form does not come from one of these pages."));
    }
    // Whoever is not signed in brings none.
    if let (true, Some(boundary)) = (takes_large(&parts), &boundary) {
        let read = match &seat.signed {
            Some(_) => timeout(body::WITHIN, multipart::open(body, boundary)).await.ok().flatten(),
            None => Some(multipart::Large { fields: Vec::new(), file: futures::stream::empty().boxed() }),
        };
        let Some(multipart::Large { fields, file }) = read else {
            return not_whole(&seat);
        };
        parts.extensions.insert(Fields(Arc::new(fields)));
        return carried_out(&seat, Request::from_parts(parts, Body::from_stream(file)), next).await;
    }
    // Few at a time, and none for long: whoever sends byte by byte keeps others of the kind waiting, not the memory.
    let place = match &seat.signed {
        Some(_) => timeout(body::WITHIN, manager.forms.acquire()).await.ok().and_then(Result::ok),
        None => manager.strangers.try_acquire().ok(),
    };
    let Some(place) = place else { return busy(&seat) };
    let most = if manager.sender(&seat).is_some() { body::MAX_BYTES } else { MAX_STRANGERS_FORM_BYTES };
    let read = body::read(body, most).await;
    drop(place);
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(why) => return not_read(&seat, why, most),
    };
    let fields = match &boundary {
        Some(boundary) => multipart::read(&bytes, boundary, MAX_FIELDS).map(|it| Fields(Arc::new(it))),
        None => Fields::read(&bytes),
    };
    let Some(fields) = fields else { return not_whole(&seat) };
    parts.extensions.insert(fields);
    carried_out(&seat, Request::from_parts(parts, Body::empty()), next).await
}

/// Though its browser leaves meanwhile: a new password ends the sign-ins that it has to.
async fn carried_out(seat: &Seat, request: Request, next: Next) -> Response {
    let patience = request.extensions().get::<Patience>().cloned();
    match answered(tokio::spawn(next.run(request).in_current_span()), patience).await {
        Some(Ok(response)) => response,
        Some(Err(error)) => {
            tracing::error!(%error, "a form of the Web Manager was broken off");
            let text = seat.words.t("The gateway cannot do this now. Its log tells why.");
            refusal(seat, StatusCode::INTERNAL_SERVER_ERROR, text)
        }
        None => {
            let text = seat
                .words
                .t("This takes long: it goes on, and may be done soon. Look whether it is before you do it again.");
            refusal(seat, StatusCode::SERVICE_UNAVAILABLE, text)
        }
    }
}

/// What came of it; `None`: it takes longer than anybody should wait, unless it takes in something large, and goes on.
pub(super) async fn answered<T>(mut task: JoinHandle<T>, patience: Option<Patience>) -> Option<Result<T, JoinError>> {
    loop {
        match timeout(ANSWERED_WITHIN, &mut task).await {
            Ok(done) => return Some(done),
            Err(_late) if patience.as_ref().is_some_and(Patience::holds_on) => {}
            Err(_late) => return None,
        }
    }
}

/// Forms that bring a file which is not kept in memory: their handler reads it.
fn takes_large(parts: &Parts) -> bool {
    parts.method == Method::POST && parts.uri.path() == super::RESTORING
}

fn not_read(seat: &Seat, why: NotRead, most: usize) -> Response {
    let w = &seat.words;
    if why == NotRead::CutOff {
        let text = w.t("This form was cut off, or came too slowly. Go back, and send it again.");
        return refusal(seat, StatusCode::BAD_REQUEST, text);
    }
    let mut text =
        w.f("This form is larger than {} KiB, the most that is taken here. Nothing was changed.", &[&(most / 1024)]);
    if most == body::MAX_BYTES {
        text.push(' ');
        text.push_str(w.t("What is longer goes another way: a profile's text as a file in profiles/, a configuration by usher config import."));
    }
    refusal(seat, StatusCode::PAYLOAD_TOO_LARGE, &text)
}

fn not_whole(seat: &Seat) -> Response {
    let text = seat.words.t("This form was cut off, or has more fields than any form here.");
    refusal(seat, StatusCode::BAD_REQUEST, text)
}

fn busy(seat: &Seat) -> Response {
    let text = seat.words.t("Too many forms are being read at the moment. Go back, and send it again.");
    let mut response = refusal(seat, StatusCode::SERVICE_UNAVAILABLE, text);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(body::WITHIN.as_secs()));
    response
}

fn content_type(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok()
}

fn is_form(headers: &HeaderMap) -> bool {
    content_type(headers)
        .unwrap_or_default()
        .split(';')
        .next()
        .is_some_and(|it| it.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"))
}

/// By the browser's word. What says nothing of it is no browser, and still needs the session's token.
fn is_ours(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).map(|it| it.to_str().unwrap_or("unreadable"));
    match (text("sec-fetch-site"), text("origin")) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = text("host").unwrap_or_default();
            origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")).is_some_and(|it| it == host)
        }
        (None, None) => true,
    }
}

/// What a gateway's cookies are called. A browser tells them by the host alone, whatever the port: each gateway has names of its own.
#[derive(Debug)]
pub(super) struct CookieNames {
    session: String,
    known: String,
}

impl CookieNames {
    /// By the master key and by how browsers reach it: two that share one of these are two all the same.
    pub(super) fn of(sealer: &Sealer, base: &str) -> Self {
        let own = Sha256::new().chain_update(sealer.id().as_bytes()).chain_update(base).finalize();
        let own = hex::encode(own.get(..4).unwrap_or_default());
        // The prefix keeps other hosts of the same domain from setting it; browsers take it over TLS alone.
        let prefix = if base.starts_with("https://") { "__Host-" } else { "" };
        Self { session: format!("{prefix}usher_{own}"), known: format!("{prefix}usher_known_{own}") }
    }
}

/// What a room is open to, for [`admit`].
#[derive(Clone, Debug)]
pub(super) struct Needs {
    pub(super) manager: Manager,
    pub(super) role: Role,
}

/// Lets in who is signed in and may; for every page but those before the door.
pub(super) async fn admit(State(needs): State<Needs>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let manager = &needs.manager;
    let seat = Seat::of(manager, &parts.headers, &parts);
    let fields = parts.extensions.get::<Fields>().cloned().unwrap_or_default();
    let Some(role) = seat.role() else {
        if parts.method.is_safe() {
            let to = address::part(&seat.path);
            return Redirect::to(&format!("/sign-in?to={to}")).into_response();
        }
        // What was typed is not lost: it comes along through the door.
        return pages::sign_in::over(manager, &seat, fields);
    };
    if role < needs.role {
        let text = seat.words.f(
            "This takes the role {}; yours is {}.",
            &[&role_told(&seat.words, needs.role), &role_told(&seat.words, role)],
        );
        return refusal(&seat, StatusCode::FORBIDDEN, &text);
    }
    // Names are text: an address that is none names nothing.
    let names = RawPathParams::from_request_parts(&mut parts, &()).await;
    if matches!(names, Err(RawPathParamsRejection::InvalidUtf8InPathParam(_))) {
        return pages::not_found(&seat);
    }
    let has_token = bool::from(fields.get(CSRF).as_bytes().ct_eq(seat.csrf().as_bytes()));
    if !parts.method.is_safe() && !has_token {
        return pages::sign_in::resume(manager, &seat, fields);
    }
    let id = fields.get(HELD);
    if parts.method.is_safe() || id.is_empty() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    // What was kept goes on in place of the form that stands for it.
    let Some(form) = manager.held_form(&seat, id).filter(|it| it.path == seat.path) else {
        return pages::sign_in::gone(&seat);
    };
    parts.extensions.insert(form.fields);
    let response = next.run(Request::from_parts(parts, body)).await;
    if !response.status().is_server_error() {
        manager.held.forget(id);
    }
    response
}

/// A path of ours to go on to; the start page where it is anything else.
pub(super) fn own_path(to: &str) -> &str {
    let is_own = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains(['\\', '\n', '\r'])
        && to.chars().all(|it| !it.is_control())
        && !to.starts_with("/sign-");
    if is_own { to } else { "/" }
}

impl Manager {
    /// Where a request comes from, proxies of ours believed.
    pub(super) fn address(&self, parts: &Parts) -> Option<IpAddr> {
        let called_from = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|it| it.0.ip());
        peer::address(&parts.headers, called_from, self.proxies)
    }

    /// Whose form this is: who is signed in, or was in this browser.
    fn sender(&self, seat: &Seat) -> Option<UserName> {
        let signed = seat.signed.as_ref().map(|it| it.session.user.clone());
        signed.or_else(|| self.people.owner_of(seat.known.as_deref()?))
    }

    /// Keeps a form until its user goes on with it; `None`: nobody has signed in in this browser, and nothing is kept for strangers.
    pub(super) fn hold(&self, seat: &Seat, fields: Fields) -> Option<String> {
        let (user, now) = (self.sender(seat)?, self.people.now());
        // It stands for one already: the door has closed a second time.
        let id = fields.get(HELD);
        if self.held.get(id, &user, now).is_some_and(|it| it.path == seat.path) {
            return Some(id.to_owned());
        }
        Some(self.held.put(&user, held::Form { path: seat.path.clone(), fields }, now))
    }

    /// Of who is signed in.
    pub(super) fn held_form(&self, seat: &Seat, id: &str) -> Option<held::Form> {
        self.held.get(id, &seat.signed.as_ref()?.session.user, self.people.now())
    }

    pub(super) fn cookie_name(&self) -> &str {
        &self.cookies.session
    }

    /// Of the cookie by which a browser is known to its user.
    fn known_name(&self) -> &str {
        &self.cookies.known
    }

    fn cookie(&self, name: &str, value: &str, lasts: u64) -> Option<HeaderValue> {
        let secure = if self.secure { "; Secure" } else { "" };
        HeaderValue::try_from(format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={lasts}{secure}")).ok()
    }

    pub(super) fn signed_in(&self, token: &str, mut response: Response) -> Response {
        let lasts = self.people.sessions.terms().absolute.as_secs();
        let signed = self.signed(token);
        let browser = signed.and_then(|it| self.people.browser_of(&it.session.user));
        let known = browser.and_then(|it| self.cookie(self.known_name(), &it, KNOWN_FOR.as_secs()));
        for cookie in self.cookie(self.cookie_name(), token, lasts).into_iter().chain(known) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    pub(super) fn signed_out(&self, mut response: Response) -> Response {
        if let Some(cookie) = self.cookie(self.cookie_name(), "", 0) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

/// Headers of every answer.
pub(super) async fn secure(State(manager): State<Manager>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    if manager.secure {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static("max-age=31536000"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        list.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn a_form_is_ours_by_the_browsers_word() {
        let ours = |list: &[(&'static str, &str)]| is_ours(&headers(list));
        assert!(ours(&[("sec-fetch-site", "same-origin")]) && ours(&[("sec-fetch-site", "none")]));
        assert!(!ours(&[("sec-fetch-site", "cross-site")]) && !ours(&[("sec-fetch-site", "same-site")]));
        let host = ("host", "usher.example.com");
        assert!(ours(&[host, ("origin", "https://usher.example.com")]));
        assert!(!ours(&[host, ("origin", "https://usher.example.com.evil.example")]));
        assert!(!ours(&[host, ("origin", "null")]));
        assert!(!ours(&[host, ("sec-fetch-site", "cross-site"), ("origin", "https://usher.example.com")]));
    }

    #[test]
    fn the_way_on_is_a_path_of_ours() {
        assert_eq!(own_path("/users?page=2"), "/users?page=2");
        for other in ["//evil.example", "https://evil.example", "/\\evil.example", "", "users", "/sign-out", "/a\nb"] {
            assert_eq!(own_path(other), "/", "{other}");
        }
    }

    #[test]
    fn each_gateway_on_a_host_has_cookies_of_its_own() {
        let [one, other] = [1, 2].map(|it| Sealer::from_key([it; 32]));
        let name = |sealer: &Sealer, base: &str| CookieNames::of(sealer, base).session;
        let first = name(&one, "http://127.0.0.1:7404");
        assert_eq!(first, name(&one, "http://127.0.0.1:7404"), "also after a restart");
        assert!(first != name(&one, "http://127.0.0.1:7405"), "the same key at another port");
        assert!(first != name(&other, "http://127.0.0.1:7404"), "another key behind the same address");
        let CookieNames { session, known } = CookieNames::of(&one, "https://usher.example.com");
        assert!(session.starts_with("__Host-usher_") && known.starts_with("__Host-usher_known_"), "{session} {known}");
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let sent = headers(&[("cookie", "a=1; usher=abc; usher_language=de")]);
        assert_eq!((cookie(&sent, "usher"), cookie(&sent, "usher_language")), (Some("abc"), Some("de")));
        assert_eq!(cookie(&sent, "ush"), None);
    }

    #[test]
    fn a_form_is_read_as_it_was_sent_and_one_of_too_many_fields_is_none() {
        let fields = Fields::read(b"csrf=x&name=A%26B+%C3%A4&name=2&empty=").unwrap();
        assert_eq!((fields.get("name"), fields.get("none"), fields.has("empty")), ("A&B ä", "", true));
        assert_eq!(fields.kept().collect::<Vec<_>>(), [("name", "A&B ä"), ("name", "2"), ("empty", "")]);
        assert!(Fields::read("a=&".repeat(MAX_FIELDS).as_bytes()).is_some());
        assert!(Fields::read("a=&".repeat(MAX_FIELDS + 1).as_bytes()).is_none());
    }
}
