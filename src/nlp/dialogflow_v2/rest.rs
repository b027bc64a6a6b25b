//! `transport = "rest"`: Google's own client, for sites behind an HTTP proxy.
//!
//! Its HTTP client takes proxies from the environment only, and looks names up by the system alone. So it sends through
//! [`Http`], which takes the profile's proxy and our own look-up (S32).

use std::sync::Arc;

use google_cloud_dialogflow_v2::{client, model, stub};
use google_cloud_gax::{
    error::{Error, rpc::Status as RpcStatus},
    options::{RequestOptions, RequestOptionsBuilder as _},
    response::{Parts, Response},
    retry_policy::NeverRetry,
};
use http::header::{AUTHORIZATION, HeaderMap};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use serde::de::DeserializeOwned;
use tonic::Code;

use super::{Query, Transport, convert, errors::Place, rest_model, session::Session};
use crate::{
    gateway::ports::AskError,
    nlp::{
        google_auth::TokenSource,
        lookup::{CONNECT_TIMEOUT, Lookup},
    },
    wire::dialogflow_v2::DetectIntentResponse,
};

const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Intents in a page; each may have two thousand phrases.
const PAGE: i32 = 100;
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct RestTransport {
    client: client::Sessions,
    extras: convert::Extras,
    tokens: Option<Arc<TokenSource>>,
}

impl RestTransport {
    pub(super) fn new(
        endpoint: &str,
        proxy: Option<&str>,
        extras: convert::Extras,
        tokens: Option<Arc<TokenSource>>,
        lookup: &Lookup,
    ) -> Result<Self, reqwest::Error> {
        let http = Http::new(endpoint, proxy, tokens.clone(), lookup)?;
        Ok(Self { client: client::Sessions::from_stub(http), extras, tokens })
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
        // Retries are the engine's, within its budget.
        let ask = self.client.detect_intent().with_request(question.clone()).with_retry_policy(NeverRetry);
        ask.send().await.map(rest_model::response).map_err(|error| failed(error, place))
    }
}

/// What else the API tells than answers: by the same client and route as the conversation's.
pub(super) struct Source<'a> {
    pub(super) endpoint: &'a str,
    pub(super) proxy: Option<&'a str>,
    pub(super) tokens: Option<Arc<TokenSource>>,
    pub(super) lookup: &'a Lookup,
    pub(super) place: &'a Place,
}

impl Source<'_> {
    fn http(&self, max_answer_bytes: usize) -> Result<Http, AskError> {
        let http = Http::new(self.endpoint, self.proxy, self.tokens.clone(), self.lookup);
        let http = http.map_err(|error| self.place.unreachable(Some(error.into())))?;
        Ok(Http { max_answer_bytes, ..http })
    }

    /// The agent as Google describes it.
    pub(super) async fn agent(&self, parent: String) -> Result<model::Agent, AskError> {
        let client = client::Agents::from_stub(self.http(MAX_ANSWER_BYTES)?);
        let agent = client.get_agent().set_parent(parent).with_retry_policy(NeverRetry).send().await;
        agent.map_err(|error| failed(error, self.place))
    }

    /// A page of the agent's intents with their phrases.
    pub(super) async fn intents(
        &self,
        parent: String,
        language: String,
        token: String,
    ) -> Result<model::ListIntentsResponse, AskError> {
        let client = client::Intents::from_stub(self.http(MAX_PAGE_BYTES)?);
        let page = client
            .list_intents()
            .set_parent(parent)
            .set_language_code(language)
            .set_intent_view(model::IntentView::Full)
            .set_page_size(PAGE)
            .set_page_token(token)
            .with_retry_policy(NeverRetry)
            .send()
            .await;
        page.map_err(|error| failed(error, self.place))
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

/// Sends through the profile's proxy; without one, through that of the environment, if any.
#[derive(Clone, Debug)]
struct Http {
    http: reqwest::Client,
    endpoint: String,
    tokens: Option<Arc<TokenSource>>,
    max_answer_bytes: usize,
}

impl Http {
    fn new(
        endpoint: &str,
        proxy: Option<&str>,
        tokens: Option<Arc<TokenSource>>,
        lookup: &Lookup,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder();
        let http = match proxy {
            Some(proxy) => http.proxy(reqwest::Proxy::all(proxy)?),
            None => http,
        };
        let http = http
            .dns_resolver(Arc::new(lookup.clone()))
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .build()?;
        Ok(Self { http, endpoint: endpoint.to_owned(), tokens, max_answer_bytes: MAX_ANSWER_BYTES })
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
            if body.len() + chunk.len() > self.max_answer_bytes {
                return Err(Error::deser(format!("the answer is larger than {} bytes", self.max_answer_bytes)));
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

impl stub::Sessions for Http {
    async fn detect_intent(
        &self,
        mut request: model::DetectIntentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::DetectIntentResponse>> {
        let session = std::mem::take(&mut request.session);
        self.send(self.http.post(format!("{}/v2/{session}:detectIntent", self.endpoint)).json(&request)).await
    }
}

impl stub::Agents for Http {
    async fn get_agent(
        &self,
        request: model::GetAgentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::Agent>> {
        self.send(self.http.get(format!("{}/v2/{}/agent", self.endpoint, request.parent))).await
    }
}

impl stub::Intents for Http {
    async fn list_intents(
        &self,
        request: model::ListIntentsRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::ListIntentsResponse>> {
        let page = self.http.get(format!("{}/v2/{}/intents", self.endpoint, request.parent)).query(&[
            ("languageCode", request.language_code.as_str()),
            ("intentView", request.intent_view.name().unwrap_or_default()),
            ("pageSize", &request.page_size.to_string()),
            ("pageToken", &request.page_token),
        ]);
        self.send(page).await
    }
}

impl Resolve for Lookup {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = self.clone();
        Box::pin(async move { Ok(Box::new(lookup.addresses(name.as_str()).await?) as Addrs) })
    }
}
