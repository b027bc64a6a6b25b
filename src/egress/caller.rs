//! Calls to one endpoint that an administrator wrote into the configuration: a language engine's, a connector's.
//!
//! Its host and port are allowed because they stand there, private addresses and plaintext included. Nothing else can be
//! called: a path that leads to another host is refused, and redirects are answers like any other.

use std::{sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode, header::CONTENT_ENCODING};
use reqwest::{Certificate, Client, Response, Url};
use tokio::time::Instant;

use super::{Access, EgressBuildError, EgressError, EgressErrorKind, guard::Reach, names::Names};

/// One request. `path` is taken relative to the endpoint as a link on its page would be: `v1/chat` is below it, `/v1/chat` at
/// its host's root.
#[derive(Debug)]
pub struct Request {
    pub method: Method,
    pub path: String,
    /// All are treated as sensitive. What frames the message or routes it cannot be set here.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Whatever was answered, whole.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An answer that comes piece by piece.
#[derive(Debug)]
pub struct Stream {
    pub status: StatusCode,
    pub headers: HeaderMap,
    response: Response,
    place: String,
    end: Instant,
    left: usize,
}

/// Cheap to clone; connections are kept and shared.
#[derive(Clone, Debug)]
pub struct Caller {
    client: Client,
    endpoint: Url,
    place: Arc<str>,
    max_answer_bytes: usize,
}

impl Caller {
    /// `proxy`: `http://[user:password@]host:port`; `None`: direct. Trusts the certificate authorities of the system.
    ///
    /// # Errors
    /// When the endpoint is no http or https address, or the proxy none.
    pub fn new(
        endpoint: &str,
        proxy: Option<&str>,
        names: &Arc<Names>,
        max_answer_bytes: usize,
    ) -> Result<Self, EgressBuildError> {
        Self::trusting(endpoint, proxy, names, max_answer_bytes, b"")
    }

    /// As [`Self::new`], trusting the authorities in `pem` as well.
    ///
    /// # Errors
    /// As [`Self::new`], and when `pem` cannot be used.
    pub fn trusting(
        endpoint: &str,
        proxy: Option<&str>,
        names: &Arc<Names>,
        max_answer_bytes: usize,
        pem: &[u8],
    ) -> Result<Self, EgressBuildError> {
        let url = Url::parse(endpoint).ok().filter(|it| matches!(it.scheme(), "http" | "https") && it.has_host());
        let url = url.filter(|it| it.username().is_empty() && it.password().is_none());
        let endpoint = url.ok_or(EgressBuildError::Endpoint)?;
        let authorities = Certificate::from_pem_bundle(pem).map_err(EgressBuildError::Authorities)?;
        let proxy = proxy.map(super::proxy).transpose()?;
        let client = super::client(names, Reach::PublicAndPrivate, proxy, authorities)?;
        let place = endpoint.origin().ascii_serialization().into();
        Ok(Self { client, endpoint, place, max_answer_bytes })
    }

    /// `https://host:port`, for messages.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Sends, and reads the whole answer whatever its status, all within `deadline`.
    ///
    /// # Errors
    /// When there is no whole answer. [`EgressError::is_unsent`] tells whether the request may have been seen.
    pub async fn send(&self, request: Request, deadline: Duration) -> Result<Reply, EgressError> {
        let mut stream = self.stream(request, deadline).await?;
        let mut body = BytesMut::new();
        while let Some(chunk) = stream.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        Ok(Reply { status: stream.status, headers: stream.headers, body: body.freeze() })
    }

    /// Sends, and yields the answer once its head is there. `deadline` holds for its body as well.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn stream(&self, request: Request, deadline: Duration) -> Result<Stream, EgressError> {
        let url = self.url(&request.path)?;
        let end = crate::clock::Clock::instant() + deadline;
        let access = Access { headers: request.headers, basic: None };
        let sending = self.client.request(request.method, url).headers(access.permitted()).body(request.body).send();
        let response = tokio::time::timeout_at(end, sending)
            .await
            .map_err(|_elapsed| late(&self.place))?
            .map_err(|error| EgressError::of_transport(error, &self.place))?;
        if response.headers().get(CONTENT_ENCODING).is_some_and(|it| it != "identity") {
            let detail = format!("{} answered with a content encoding, which was not asked for", self.place);
            return Err(EgressError::new(EgressErrorKind::Broken, detail));
        }
        Ok(Stream {
            status: response.status(),
            headers: response.headers().clone(),
            response,
            place: self.place.to_string(),
            end,
            left: self.max_answer_bytes,
        })
    }

    fn url(&self, path: &str) -> Result<Url, EgressError> {
        let mut url = if path.is_empty() {
            self.endpoint.clone()
        } else {
            self.endpoint.join(path).map_err(|error| super::invalid().because(error))?
        };
        if url.origin() != self.endpoint.origin() || !url.username().is_empty() || url.password().is_some() {
            let detail = format!("an address that does not belong to {}", self.place);
            return Err(EgressError::new(EgressErrorKind::NotAllowed, detail));
        }
        url.set_fragment(None);
        Ok(url)
    }
}

impl Stream {
    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When the answer breaks off, takes too long or is too large.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, EgressError> {
        let chunk = tokio::time::timeout_at(self.end, self.response.chunk())
            .await
            .map_err(|_elapsed| late(&self.place))?
            .map_err(|error| EgressError::of_transport(error, &self.place))?;
        let Some(chunk) = chunk else { return Ok(None) };
        let Some(left) = self.left.checked_sub(chunk.len()) else {
            let detail = format!("the answer of {} is larger than allowed", self.place);
            return Err(EgressError::new(EgressErrorKind::TooLarge, detail));
        };
        self.left = left;
        Ok(Some(chunk))
    }
}

fn late(place: &str) -> EgressError {
    EgressError::new(EgressErrorKind::Deadline, format!("{place} did not answer in time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(endpoint: &str) -> Caller {
        let names = Arc::new(Names::new(&[], Duration::ZERO).unwrap());
        Caller::new(endpoint, None, &names, 1024).unwrap()
    }

    #[test]
    fn b11_only_the_endpoints_own_host_and_port_can_be_called() {
        let caller = caller("http://127.0.0.1:8080/api/");
        let url = |path: &str| caller.url(path).map(|it| it.to_string()).map_err(|it| it.kind);
        assert_eq!(url("").as_deref(), Ok("http://127.0.0.1:8080/api/"));
        assert_eq!(url("v1/chat?x=1#f").as_deref(), Ok("http://127.0.0.1:8080/api/v1/chat?x=1"));
        assert_eq!(url("/v1").as_deref(), Ok("http://127.0.0.1:8080/v1"));
        for elsewhere in [
            "https://127.0.0.1:8080/",
            "//example.com/",
            "http://127.0.0.1:81/",
            "http://u:p@127.0.0.1:8080/",
            "\\\\example.com\\x",
        ] {
            assert_eq!(url(elsewhere), Err(EgressErrorKind::NotAllowed), "{elsewhere}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_without_user_or_password() {
        let names = Arc::new(Names::new(&[], Duration::ZERO).unwrap());
        for bad in ["ftp://host/", "host", "http://u@host/", "http://u:p@host/", ""] {
            assert!(matches!(Caller::new(bad, None, &names, 1), Err(EgressBuildError::Endpoint)), "{bad}");
        }
    }
}
