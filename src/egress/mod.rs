//! The only HTTP client: every call to a system of somebody else's goes through here (B11).
//!
//! A call goes to hosts of the allow-list only, over TLS and to public addresses unless the list says otherwise; redirects are
//! followed by hand and held to the same rules; answers are bounded in size and time. With a proxy, the proxy looks the name
//! up itself: we look it up first and refuse what we would not call, but cannot bind the proxy to the same address.
//!
//! Where the administrator names one endpoint, such as a language engine's, a [`Caller`] is bound to it.

mod allow;
mod caller;
mod error;
mod guard;
mod names;
mod resolver;
mod sign;

use std::{fmt, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{
    HeaderMap, HeaderValue, StatusCode,
    header::{
        ACCEPT, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, LOCATION,
        TRANSFER_ENCODING,
    },
};
use reqwest::{Certificate, Client, Proxy, Response, Url};
use secrecy::{ExposeSecret, SecretString};

use self::{
    allow::{AllowList, Grant, Host},
    guard::Reach,
    resolver::GuardedResolver,
};
pub use self::{
    allow::{PatternError, check_pattern},
    caller::{Caller, Reply, Request, Stream},
    error::{EgressError, EgressErrorKind},
    names::{NameError, Names, NamesUnusable, Silence},
    sign::signature,
};
use crate::{clock::Clock, config::settings};

const MAX_REDIRECTS: usize = 3;
const MAX_URL_BYTES: usize = 8 * 1024;
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 255;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Shorter than the 5 s after which common servers close: a request must not meet a connection that is just being closed.
const IDLE_CONNECTIONS_FOR: Duration = Duration::from_secs(4);
const USER_AGENT: &str = concat!("usher/", env!("CARGO_PKG_VERSION"));
const SIGNATURE: HeaderName = HeaderName::from_static("usher-signature");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why the client cannot be built from its settings.
#[derive(Debug, thiserror::Error)]
pub enum EgressBuildError {
    #[error("[[egress.allow]] host {host:?} {source}")]
    Pattern { host: String, source: PatternError },
    #[error("[egress] signing_key is empty")]
    EmptySigningKey,
    #[error("the endpoint is no http:// or https:// address without user and password")]
    Endpoint,
    #[error("[egress] proxy is not a URL of the form http://user:password@host:port")]
    Proxy,
    #[error("the certificates given as trusted are not PEM")]
    Authorities(#[source] reqwest::Error),
    #[error(transparent)]
    Names(#[from] NamesUnusable),
    #[error("no trusted certificates on this system: install the package ca-certificates or set SSL_CERT_FILE")]
    Client(#[source] reqwest::Error),
}

/// One JSON document for an external system.
#[derive(Clone, Debug)]
pub struct Call {
    pub url: String,
    pub body: Vec<u8>,
    /// The same for every repetition of this call.
    pub idempotency_key: String,
}

/// What a system asks of its callers beside the body. Only the call's own host and port see it, no redirect's.
#[derive(Clone, Default)]
pub struct Access {
    /// What this client sets by itself cannot be set here.
    pub headers: HeaderMap,
    /// User and password.
    pub basic: Option<(String, SecretString)>,
}

/// A 2xx answer, whole.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// Without its parameters.
    pub content_type: Option<String>,
    pub body: Bytes,
}

#[derive(Debug)]
pub struct Egress {
    allow: AllowList,
    names: Arc<Names>,
    /// `None`: nothing is allowed, so nothing is needed.
    route: Option<Route>,
    signing_key: Option<SecretString>,
    clock: Clock,
    max_answer_bytes: usize,
    deadline: Duration,
}

/// Connections are kept apart by what their addresses were checked for.
#[derive(Debug)]
enum Route {
    Direct { public: Client, with_private: Client },
    Proxy(Client),
}

/// A URL that may be called.
#[derive(Debug)]
struct Target {
    url: Url,
    host: Host,
    grant: Grant,
    /// `https://host:port`, for messages.
    place: String,
}

impl Egress {
    /// Trusts the certificate authorities of the system, and looks names up by itself.
    ///
    /// # Errors
    /// When the settings cannot be carried out; the error names the setting.
    pub fn new(settings: &settings::Egress, clock: Clock) -> Result<Self, EgressBuildError> {
        Self::trusting(settings, clock, b"")
    }

    /// As [`Self::new`], with `names` that others use as well.
    ///
    /// # Errors
    /// When the settings cannot be carried out; the error names the setting.
    pub fn with_names(settings: &settings::Egress, clock: Clock, names: Arc<Names>) -> Result<Self, EgressBuildError> {
        Self::build(settings, clock, b"", names)
    }

    /// As [`Self::new`], trusting the authorities in `pem` as well.
    ///
    /// # Errors
    /// When the settings or `pem` cannot be used.
    pub fn trusting(settings: &settings::Egress, clock: Clock, pem: &[u8]) -> Result<Self, EgressBuildError> {
        let names = Names::new(&settings.resolvers, settings.stale_addresses_for)?;
        Self::build(settings, clock, pem, Arc::new(names))
    }

    fn build(
        settings: &settings::Egress,
        clock: Clock,
        pem: &[u8],
        names: Arc<Names>,
    ) -> Result<Self, EgressBuildError> {
        let allow =
            AllowList::new(&settings.allow).map_err(|(host, source)| EgressBuildError::Pattern { host, source })?;
        if settings.signing_key.as_ref().is_some_and(|key| key.expose_secret().is_empty()) {
            return Err(EgressBuildError::EmptySigningKey);
        }
        let authorities = Certificate::from_pem_bundle(pem).map_err(EgressBuildError::Authorities)?;
        let client = |reach, proxy| client(&names, reach, proxy, authorities.clone());
        let route = match &settings.proxy {
            _ if allow.is_empty() => None,
            Some(url) => Some(Route::Proxy(client(Reach::Anywhere, Some(proxy(url)?))?)),
            None => Some(Route::Direct {
                public: client(Reach::Public, None)?,
                with_private: client(Reach::PublicAndPrivate, None)?,
            }),
        };
        Ok(Self {
            allow,
            names,
            route,
            signing_key: settings.signing_key.clone(),
            clock,
            max_answer_bytes: settings.max_answer_bytes,
            deadline: settings.deadline,
        })
    }

    /// Whether the target may be given what tokens stand for (B10).
    #[must_use]
    pub fn restores_tokens(&self, url: &str) -> bool {
        let Ok(url) = Url::parse(url) else { return false };
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
        self.allow.grant(&Host::of_url(host), port).is_some_and(|grant| grant.restore_tokens)
    }

    /// Posts `call.body` and reads the whole answer, within the deadline for everything together.
    ///
    /// # Errors
    /// When the call is not allowed, fails, or is answered by anything but 2xx; see [`EgressErrorKind`].
    pub async fn post_json(&self, call: Call) -> Result<Answer, EgressError> {
        self.post_json_as(call, Access::default()).await
    }

    /// As [`Self::post_json`], with what the called system wants to see of its callers.
    ///
    /// # Errors
    /// As [`Self::post_json`].
    pub async fn post_json_as(&self, call: Call, access: Access) -> Result<Answer, EgressError> {
        match tokio::time::timeout(self.deadline, Box::pin(self.follow(call, access))).await {
            Ok(result) => result,
            Err(elapsed) => {
                let detail = format!("no answer within {} ms", self.deadline.as_millis());
                Err(EgressError::new(EgressErrorKind::Deadline, detail).because(elapsed))
            }
        }
    }

    async fn follow(&self, call: Call, access: Access) -> Result<Answer, EgressError> {
        let mut target = admit(&self.allow, parse(&call.url)?)?;
        let own = target.place.clone();
        let body = Bytes::from(call.body);
        let headers = self.headers(&call.idempotency_key, &body)?;
        for _ in 0..=MAX_REDIRECTS {
            let access = Some(&access).filter(|_| target.place == own);
            let response = self.send(&target, headers.clone(), body.clone(), access).await?;
            match redirection(&target, &response)? {
                Some(next) => target = admit(&self.allow, next)?,
                None => return self.read(&target, response).await,
            }
        }
        let detail = format!("{} is the end of more than {MAX_REDIRECTS} redirects", target.place);
        Err(EgressError::new(EgressErrorKind::Redirect, detail))
    }

    fn headers(&self, idempotency_key: &str, body: &[u8]) -> Result<HeaderMap, EgressError> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, JSON);
        headers.insert(ACCEPT, JSON);
        let key = HeaderValue::from_str(idempotency_key).map_err(|error| invalid_key().because(error))?;
        if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY_BYTES {
            return Err(invalid_key());
        }
        headers.insert(IDEMPOTENCY_KEY, key);
        let signed = |key: &SecretString| signature(key.expose_secret().as_bytes(), self.clock.now(), body);
        if let Some(signature) = self.signing_key.as_ref().and_then(signed) {
            headers.insert(SIGNATURE, HeaderValue::try_from(signature).map_err(|error| invalid().because(error))?);
        }
        Ok(headers)
    }

    async fn send(
        &self,
        target: &Target,
        headers: HeaderMap,
        body: Bytes,
        access: Option<&Access>,
    ) -> Result<Response, EgressError> {
        let client = match &self.route {
            None => return Err(EgressError::new(EgressErrorKind::NotAllowed, "[[egress.allow]] is empty")),
            Some(Route::Direct { public, .. }) if target.grant.reach() == Reach::Public => public,
            Some(Route::Direct { with_private, .. }) => with_private,
            Some(Route::Proxy(client)) => {
                self.look_before_proxy(target).await?;
                client
            }
        };
        let mut request = client.post(target.url.clone());
        if let Some(access) = access {
            request = request.headers(access.permitted());
            if let Some((user, password)) = &access.basic {
                request = request.basic_auth(user, Some(password.expose_secret()));
            }
        }
        let request = request.headers(headers).body(body);
        request.send().await.map_err(|error| EgressError::of_transport(error, &target.place))
    }

    async fn look_before_proxy(&self, target: &Target) -> Result<(), EgressError> {
        let Host::Name(name) = &target.host else { return Ok(()) };
        let addresses = self.names.addresses(name).await.map_err(EgressError::of_name)?;
        resolver::permitted(name, &addresses, target.grant.reach())
            .map(drop)
            .map_err(|error| EgressError::new(EgressErrorKind::Address, error.to_string()).because(error))
    }

    async fn read(&self, target: &Target, mut response: Response) -> Result<Answer, EgressError> {
        let place = &target.place;
        let (status, content_type) = (response.status(), content_type(response.headers()));
        if !status.is_success() {
            let kind = content_type.as_deref().unwrap_or("no content type");
            let detail = format!("{place} answered {} ({kind})", status.as_u16());
            return Err(EgressError::new(EgressErrorKind::Status, detail));
        }
        // We ask for none and undo none: what is counted is what is read.
        if response.headers().get(CONTENT_ENCODING).is_some_and(|it| it != "identity") {
            let detail = format!("{place} answered with a content encoding, which was not asked for");
            return Err(EgressError::new(EgressErrorKind::Broken, detail));
        }
        let too_large = || {
            let detail = format!("the answer of {place} is larger than {} bytes", self.max_answer_bytes);
            EgressError::new(EgressErrorKind::TooLarge, detail)
        };
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| EgressError::of_transport(error, place))? {
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, content_type, body: body.freeze() })
    }
}

/// Whether an address may be called by the allow-list, as far as that can be said without a look-up (B11).
///
/// # Errors
/// Why not.
pub fn allows(hosts: &[settings::AllowedHost], address: &str) -> Result<(), String> {
    let allow = AllowList::new(hosts).map_err(|(host, source)| format!("[[egress.allow]] host {host:?} {source}"))?;
    let admitted = parse(address).and_then(|url| admit(&allow, url));
    admitted.map(drop).map_err(|error| error.to_string())
}

/// Holds a URL, a redirect's too, to every rule that needs no look-up.
fn admit(allow: &AllowList, mut url: Url) -> Result<Target, EgressError> {
    let refuse = |detail| Err(EgressError::new(EgressErrorKind::NotAllowed, detail));
    let plaintext = match url.scheme() {
        "https" => false,
        "http" => true,
        _ => return refuse("only https:// addresses can be called".to_owned()),
    };
    let (Some(host), Some(port)) = (url.host_str().map(Host::of_url), url.port_or_known_default()) else {
        return Err(EgressError::new(EgressErrorKind::Invalid, "the address names no host"));
    };
    let name = match &host {
        Host::Name(name) => name.clone(),
        Host::Address(address) => address.to_string(),
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse(format!("the address of host {name} holds a user name or password: leave it out"));
    }
    let Some(grant) = allow.grant(&host, port) else {
        return refuse(format!("host {name} with port {port} is not in [[egress.allow]]"));
    };
    if plaintext && !grant.plaintext {
        return refuse(format!(
            "http:// is not allowed for host {name}: use https://, or list it with plaintext = true"
        ));
    }
    // The client connects to a literal without asking the resolver.
    match &host {
        Host::Address(address) if !grant.reach().permits(*address) => {
            let refused = resolver::refused(&name, *address);
            return Err(EgressError::new(EgressErrorKind::Address, refused.to_string()).because(refused));
        }
        Host::Address(_) => {}
        // One form of the name for look-up, certificate and `Host`.
        Host::Name(_) => {
            url.set_host(Some(&name)).map_err(|error| invalid().because(error))?;
        }
    }
    url.set_fragment(None);
    let place = format!("{}://{name}:{port}", url.scheme());
    Ok(Target { url, host, grant, place })
}

impl Access {
    /// Without those that frame the message or route it.
    fn permitted(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        for name in [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION] {
            headers.remove(name);
        }
        headers.values_mut().for_each(|it| it.set_sensitive(true));
        headers
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Access(..)")
    }
}

fn client(
    names: &Arc<Names>,
    reach: Reach,
    proxy: Option<Proxy>,
    authorities: Vec<Certificate>,
) -> Result<Client, EgressBuildError> {
    // `no_proxy`: the environment decides nothing here.
    let builder = Client::builder()
        .no_proxy()
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_gzip()
        .no_brotli()
        .no_zstd()
        .no_deflate()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(IDLE_CONNECTIONS_FOR)
        .pool_max_idle_per_host(16)
        .tls_certs_merge(authorities)
        .dns_resolver(Arc::new(GuardedResolver { names: Arc::clone(names), reach }));
    let builder = match proxy {
        Some(proxy) => builder.proxy(proxy),
        None => builder,
    };
    builder.build().map_err(EgressBuildError::Client)
}

/// Errors of the parser are not kept: they may hold the proxy's password.
fn proxy(url: &str) -> Result<Proxy, EgressBuildError> {
    let url = Url::parse(url).ok().filter(|it| it.scheme() == "http" && it.has_host() && it.path() == "/");
    url.and_then(|it| Proxy::all(it).ok()).ok_or(EgressBuildError::Proxy)
}

fn invalid() -> EgressError {
    EgressError::new(EgressErrorKind::Invalid, "the address is not a URL")
}

fn invalid_key() -> EgressError {
    let detail = format!("the idempotency key is not 1 to {MAX_IDEMPOTENCY_KEY_BYTES} visible characters");
    EgressError::new(EgressErrorKind::Invalid, detail)
}

fn parse(url: &str) -> Result<Url, EgressError> {
    if url.len() > MAX_URL_BYTES {
        return Err(EgressError::new(
            EgressErrorKind::Invalid,
            format!("the address is longer than {MAX_URL_BYTES} bytes"),
        ));
    }
    Url::parse(url).map_err(|error| invalid().because(error))
}

/// Where an answer sends us on to. Only 307 and 308 mean "the same POST again".
fn redirection(from: &Target, response: &Response) -> Result<Option<Url>, EgressError> {
    let (place, status) = (&from.place, response.status());
    let refuse = |detail| Err(EgressError::new(EgressErrorKind::Redirect, detail));
    match status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => {}
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => {
            let code = status.as_u16();
            return refuse(format!(
                "{place} answered {code}, which does not repeat a POST: use 307, 308 or the final address"
            ));
        }
        _ => return Ok(None),
    }
    let location = response.headers().get(LOCATION).and_then(|it| it.to_str().ok());
    let Some(next) = location.filter(|it| it.len() <= MAX_URL_BYTES).and_then(|it| from.url.join(it).ok()) else {
        return refuse(format!("{place} answered {} without an address to go on to", status.as_u16()));
    };
    if from.url.scheme() == "https" && next.scheme() != "https" {
        return refuse(format!("{place} answered {} and sends on to an address without TLS", status.as_u16()));
    }
    Ok(Some(next))
}

/// For messages: only what a content type may consist of, without parameters.
fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next().unwrap_or_default().trim();
    let plain = |it: char| it.is_ascii_alphanumeric() || "/+-._".contains(it);
    (!essence.is_empty() && essence.len() <= 100 && essence.chars().all(plain)).then(|| essence.to_ascii_lowercase())
}
