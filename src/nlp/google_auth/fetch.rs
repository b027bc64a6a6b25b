//! One request for a token, through yup-oauth2.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Uri};
use hyper_util::{
    client::{
        legacy::{
            Client,
            connect::{Connect, HttpConnector, proxy::Tunnel},
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioExecutor,
};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, pem::PemObject as _},
};
use secrecy::{ExposeSecret as _, SecretString};
use yup_oauth2::{
    AccessToken, CustomHyperClientBuilder, Error, ServiceAccountAuthenticator, ServiceAccountKey,
    authenticator::Authenticator, error::AuthErrorCode, hyper_rustls::HttpsConnector,
};

use super::{CredentialError, Route, TokenFault};
use crate::{clock::Clock, nlp::lookup::Lookup};

const SCOPE: &str = "https://www.googleapis.com/auth/dialogflow";
/// Of a token whose server does not say.
const ASSUMED_LIFE: Duration = Duration::from_secs(600);
/// No answer may make us trust a token longer.
const LONGEST_LIFE: Duration = Duration::from_secs(12 * 3600);

pub(super) fn parse(credential: &SecretString) -> Result<ServiceAccountKey, CredentialError> {
    // The causes are left out: they may quote the secret.
    let key = serde_json::from_str(credential.expose_secret()).ok();
    let key: ServiceAccountKey = key.ok_or(CredentialError::NotServiceAccount)?;
    if key.key_type.as_deref() != Some("service_account") {
        return Err(CredentialError::NotServiceAccount);
    }
    let private_key = PrivateKeyDer::from_pem_slice(key.private_key.as_bytes()).ok();
    let signer = private_key.and_then(|it| aws_lc_rs::sign::RsaSigningKey::new(&it).ok());
    if signer.is_none() {
        return Err(CredentialError::Key);
    }
    match key.token_uri.parse::<Uri>() {
        Ok(uri) if uri.host().is_some() && matches!(uri.scheme_str(), Some("http" | "https")) => Ok(key),
        Ok(_) | Err(_) => Err(CredentialError::TokenUri),
    }
}

/// Who asks for a token, and which way.
pub(super) struct Place {
    pub(super) key: ServiceAccountKey,
    pub(super) route: Route,
    pub(super) lookup: Lookup,
}

/// A token and how long it lives from now.
pub(super) struct Fetched {
    pub(super) header: HeaderValue,
    pub(super) life: Duration,
}

pub(super) enum Fetcher {
    Direct(Authenticator<HttpsConnector<HttpConnector<Lookup>>>),
    Tunnelled(Authenticator<HttpsConnector<Tunnel<HttpConnector<Lookup>>>>),
}

impl Fetcher {
    pub(super) async fn new(from: &Place, timeout: Duration) -> Result<Self, TokenFault> {
        let tls = Arc::new(tls().ok_or(TokenFault::Key)?);
        let (key, http) = (from.key.clone(), from.lookup.connector(timeout));
        let fetcher = match proxy_for(&key.token_uri, &from.route) {
            None => authenticator(key, HttpsConnector::from((http, tls)), timeout).await.map(Self::Direct),
            Some(proxy) => {
                let mut tunnel = Tunnel::new(proxy.uri().clone(), http);
                if let Some(auth) = proxy.basic_auth() {
                    tunnel = tunnel.with_auth(auth.clone());
                }
                authenticator(key, HttpsConnector::from((tunnel, tls)), timeout).await.map(Self::Tunnelled)
            }
        };
        fetcher.ok().ok_or(TokenFault::Key)
    }

    /// `timeout` bounds the whole of it: yup-oauth2's own does not cover the answer's body.
    pub(super) async fn fetch(&self, timeout: Duration) -> Result<Fetched, TokenFault> {
        let answer = async {
            match self {
                Self::Direct(authenticator) => authenticator.force_refreshed_token(&[SCOPE]).await,
                Self::Tunnelled(authenticator) => authenticator.force_refreshed_token(&[SCOPE]).await,
            }
        };
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(token)) => fetched(&token).ok_or(TokenFault::Malformed),
            Ok(Err(error)) => Err(fault(&error)),
            Err(_) => Err(TokenFault::Unreachable),
        }
    }
}

async fn authenticator<C>(
    key: ServiceAccountKey,
    connector: HttpsConnector<C>,
    timeout: Duration,
) -> std::io::Result<Authenticator<HttpsConnector<C>>>
where
    HttpsConnector<C>: Connect + Clone + Send + Sync + 'static,
{
    // An hour lies between two requests: no connection is worth keeping.
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    let client = CustomHyperClientBuilder::from(client);
    ServiceAccountAuthenticator::with_client(key, client).with_timeout(timeout).build().await
}

/// Trusts the built-in authorities and the machine's own: sites that open TLS at their proxy have one there.
fn tls() -> Option<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(config.with_root_certificates(roots).with_no_client_auth())
}

fn proxy_for(token_uri: &str, route: &Route) -> Option<Intercept> {
    let matcher = match route {
        Route::Direct => return None,
        Route::Environment => Matcher::from_env(),
        Route::Proxy(proxy) => Matcher::builder().all(proxy.as_str()).build(),
    };
    matcher.intercept(&token_uri.parse().ok()?)
}

fn fetched(token: &AccessToken) -> Option<Fetched> {
    let mut header = HeaderValue::from_str(&format!("Bearer {}", token.token()?)).ok()?;
    header.set_sensitive(true);
    let life = token.expiration_time().map_or(ASSUMED_LIFE, |end| Clock::until(end.into())).min(LONGEST_LIFE);
    Some(Fetched { header, life })
}

fn fault(error: &Error) -> TokenFault {
    match error {
        Error::AuthError(refusal) => match &refusal.error {
            AuthErrorCode::InvalidRequest => TokenFault::Refused("invalid_request"),
            AuthErrorCode::InvalidClient => TokenFault::Refused("invalid_client"),
            AuthErrorCode::InvalidGrant => TokenFault::Refused("invalid_grant"),
            AuthErrorCode::UnauthorizedClient => TokenFault::Refused("unauthorized_client"),
            AuthErrorCode::UnsupportedGrantType => TokenFault::Refused("unsupported_grant_type"),
            AuthErrorCode::InvalidScope => TokenFault::Refused("invalid_scope"),
            AuthErrorCode::AccessDenied => TokenFault::Refused("access_denied"),
            // Such as `internal_failure` and `rate_limit_exceeded`: trouble of the server's own, which passes.
            AuthErrorCode::ExpiredToken | AuthErrorCode::Other(_) => TokenFault::Unreachable,
        },
        Error::HttpError(_) | Error::HttpClientError(_) | Error::StorageError(_) => TokenFault::Unreachable,
        Error::JSONError(_) | Error::MissingAccessToken => TokenFault::Malformed,
        Error::UserError(_) | Error::LowLevelError(_) | Error::CredentialSourceError(_) => TokenFault::Key,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_that_cannot_work_is_named_before_anyone_is_asked() {
        let parse = |json: &str| parse(&SecretString::from(json)).err();
        assert_eq!(parse("{"), Some(CredentialError::NotServiceAccount));
        let user = r#"{"type":"authorized_user","private_key":"","client_email":"a@b","token_uri":"http://t/"}"#;
        assert_eq!(parse(user), Some(CredentialError::NotServiceAccount));
        let no_key = r#"{"type":"service_account","private_key":"x","client_email":"a@b","token_uri":"http://t/"}"#;
        assert_eq!(parse(no_key), Some(CredentialError::Key));
    }

    #[test]
    fn the_profiles_proxy_serves_the_token_server_too() {
        let route = Route::Proxy("http://user:pw@10.0.0.1:3128".into());
        let proxy = proxy_for("https://oauth2.googleapis.com/token", &route).unwrap();
        assert_eq!(proxy.uri().authority().unwrap().as_str(), "10.0.0.1:3128");
        assert!(proxy.basic_auth().unwrap().is_sensitive());
        assert!(proxy_for("https://oauth2.googleapis.com/token", &Route::Direct).is_none());
    }
}
