//! `transport = "rest"`: Google's own client, for sites behind an HTTP proxy.
//!
//! Its HTTP client takes proxies from the environment only. With a proxy in the profile the same client sends through
//! [`Proxied`], which differs from Google's transport in nothing but the proxy.

use std::{sync::Arc, time::Duration};

use google_cloud_auth::credentials::{Credentials, anonymous};
use google_cloud_dialogflow_v2::{client, model, stub};
use google_cloud_gax::{
    error::{Error, rpc::Status as RpcStatus},
    options::{RequestOptions, RequestOptionsBuilder as _},
    response::{Parts, Response},
    retry_policy::NeverRetry,
};
use http::header::{AUTHORIZATION, HeaderMap};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tonic::Code;

use super::{Query, Transport, convert, errors::Place, rest_model, session::Session};
use crate::{
    gateway::ports::AskError,
    nlp::google_auth::{ForGoogleClient, TokenSource},
    wire::dialogflow_v2::DetectIntentResponse,
};

const MAX_ANSWER_BYTES: usize = 1024 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug)]
pub(super) struct RestTransport {
    /// Made at the first ask, as making it is asynchronous.
    client: OnceCell<client::Sessions>,
    endpoint: String,
    proxied: Option<Proxied>,
    extras: convert::Extras,
    tokens: Option<Arc<TokenSource>>,
}

impl RestTransport {
    pub(super) fn new(
        endpoint: String,
        proxy: Option<&str>,
        extras: convert::Extras,
        tokens: Option<Arc<TokenSource>>,
    ) -> Result<Self, reqwest::Error> {
        let proxied = proxy.map(|it| Proxied::new(&endpoint, it, tokens.clone())).transpose()?;
        Ok(Self { client: OnceCell::new(), endpoint, proxied, extras, tokens })
    }

    async fn client(&self) -> Result<client::Sessions, google_cloud_gax::client_builder::Error> {
        match &self.proxied {
            Some(proxied) => Ok(client::Sessions::from_stub(proxied.clone())),
            None => {
                let builder = client::Sessions::builder().with_endpoint(&self.endpoint);
                builder.with_credentials(credentials(self.tokens.as_ref())).build().await
            }
        }
    }
}

impl Transport for RestTransport {
    type Question = model::DetectIntentRequest;

    fn question(&self, session: Session, query: Query, place: &Place) -> Result<Self::Question, AskError> {
        Ok(rest_model::request(self.extras.request(session.path, query, place)?))
    }

    async fn answer(&self, question: &Self::Question, place: &Place) -> Result<DetectIntentResponse, AskError> {
        if let Some(tokens) = &self.tokens {
            // Only to tell a missing token from Dialogflow's refusals; the client takes the token by itself.
            tokens.bearer().await.map_err(|fault| place.no_token(fault))?;
        }
        let client = self.client.get_or_try_init(|| self.client()).await;
        let client = client.map_err(|error| place.unreachable(Some(error.into())))?;
        // Retries are the engine's, within its budget.
        let ask = client.detect_intent().with_request(question.clone()).with_retry_policy(NeverRetry);
        ask.send().await.map(rest_model::response).map_err(|error| failed(error, place))
    }
}

/// The agent as Google describes it, by the same client and route as the conversation's.
pub(super) async fn agent(
    parent: String,
    endpoint: &str,
    proxy: Option<&str>,
    tokens: Option<Arc<TokenSource>>,
    place: &Place,
) -> Result<model::Agent, AskError> {
    let unmade = |error: Box<dyn std::error::Error + Send + Sync>| place.unreachable(Some(error));
    let client = match proxy {
        Some(proxy) => {
            client::Agents::from_stub(Proxied::new(endpoint, proxy, tokens).map_err(|error| unmade(error.into()))?)
        }
        None => {
            let builder = client::Agents::builder().with_endpoint(endpoint);
            let builder = builder.with_credentials(credentials(tokens.as_ref()));
            builder.build().await.map_err(|error| unmade(error.into()))?
        }
    };
    let agent = client.get_agent().set_parent(parent).with_retry_policy(NeverRetry).send().await;
    agent.map_err(|error| failed(error, place))
}

fn credentials(tokens: Option<&Arc<TokenSource>>) -> Credentials {
    match tokens {
        Some(tokens) => Credentials::from(ForGoogleClient(Arc::clone(tokens))),
        None => anonymous::Builder::new().build(),
    }
}

fn failed(error: Error, place: &Place) -> AskError {
    if let Some(status) = error.status() {
        let mut code = Code::from(status.code as i32);
        if code == Code::Unknown {
            code = error.http_status_code().map_or(code, code_of);
        }
        return place.refused(code, Some(error.into()));
    }
    match error.http_status_code() {
        Some(http) if !(200..300).contains(&http) => place.refused(code_of(http), Some(error.into())),
        Some(_) | None if error.is_deserialization() => place.malformed(Some(error.into())),
        Some(_) | None => place.unreachable(Some(error.into())),
    }
}

/// For answers without Google's own status, such as a proxy's.
const fn code_of(http: u16) -> Code {
    match http {
        400 => Code::InvalidArgument,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        429 => Code::ResourceExhausted,
        502..=504 => Code::Unavailable,
        500 => Code::Internal,
        _ => Code::Unknown,
    }
}

/// Sends through the profile's proxy.
#[derive(Clone, Debug)]
struct Proxied {
    http: reqwest::Client,
    endpoint: String,
    tokens: Option<Arc<TokenSource>>,
}

impl Proxied {
    fn new(endpoint: &str, proxy: &str, tokens: Option<Arc<TokenSource>>) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .proxy(reqwest::Proxy::all(proxy)?)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()?;
        Ok(Self { http, endpoint: endpoint.to_owned(), tokens })
    }

    async fn send<T: DeserializeOwned>(&self, mut request: reqwest::RequestBuilder) -> Result<Response<T>, Error> {
        if let Some(bearer) = self.tokens.as_ref().and_then(|it| it.current()) {
            request = request.header(AUTHORIZATION, bearer);
        }
        let mut answer = request
            .send()
            .await
            .map_err(|error| if error.is_connect() { Error::connect(error) } else { Error::io(error) })?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(Error::io)? {
            if body.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(Error::deser("the answer is larger than 1 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            let answer = serde_json::from_slice(&body).map_err(Error::deser)?;
            return Ok(Response::from_parts(Parts::new(), answer));
        }
        let body = bytes::Bytes::from(body);
        Err(match RpcStatus::try_from(&body) {
            Ok(known) => Error::service_with_http_metadata(known, Some(status.as_u16()), None),
            Err(_) => Error::http(status.as_u16(), HeaderMap::new(), body),
        })
    }
}

impl stub::Sessions for Proxied {
    async fn detect_intent(
        &self,
        mut request: model::DetectIntentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::DetectIntentResponse>> {
        let session = std::mem::take(&mut request.session);
        self.send(self.http.post(format!("{}/v2/{session}:detectIntent", self.endpoint)).json(&request)).await
    }
}

impl stub::Agents for Proxied {
    async fn get_agent(
        &self,
        request: model::GetAgentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::Agent>> {
        self.send(self.http.get(format!("{}/v2/{}/agent", self.endpoint, request.parent))).await
    }
}
