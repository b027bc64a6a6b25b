//! Requests signed as AWS wants them (Signature Version 4), by AWS's own signer.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign},
    sign::v4::{SigningParams, signing_params::BuildError},
};
use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE, HeaderName},
};
use secrecy::ExposeSecret as _;

use super::schema::Lex;
use crate::core::ids::Timestamp;

/// The name under which Lex checks signatures.
const SERVICE: &str = "lex";
const JSON: &str = "application/json";

#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    #[error("the credential cannot sign")]
    Credential(#[from] BuildError),
    #[error("the request cannot be signed")]
    Request(#[from] SigningError),
    #[error("the credential holds characters that no header takes")]
    Header(#[from] http::Error),
}

pub(super) struct Signer {
    credentials: Credentials,
    region: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Signer")
    }
}

impl Signer {
    pub(super) fn new(config: &Lex) -> Self {
        let token = config.session_token.as_ref().map(|it| it.expose_secret().to_owned());
        let (id, secret) = (config.access_key_id.expose_secret(), config.secret_access_key.expose_secret());
        Self { credentials: Credentials::new(id, secret, token, None, "usher"), region: config.region.clone() }
    }

    /// The headers of a POST with this body, signed for this moment.
    pub(super) fn headers(&self, url: &str, body: &[u8], at: Timestamp) -> Result<HeaderMap, Unsigned> {
        let identity = self.credentials.clone().into();
        let since_epoch = Duration::from_millis(at.0.max(0).unsigned_abs());
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(SERVICE)
            .time(SystemTime::UNIX_EPOCH + since_epoch)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let typed = [(CONTENT_TYPE.as_str(), JSON)].into_iter();
        let request = SignableRequest::new("POST", url, typed, SignableBody::Bytes(body))?;
        let (instructions, _signature) = sign(request, &params)?.into_parts();
        let mut headers = HeaderMap::new();
        for (name, value) in instructions.headers() {
            let name = HeaderName::try_from(name).map_err(http::Error::from)?;
            headers.insert(name, HeaderValue::try_from(value).map_err(http::Error::from)?);
        }
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
        headers.insert(ACCEPT, HeaderValue::from_static(JSON));
        Ok(headers)
    }
}
