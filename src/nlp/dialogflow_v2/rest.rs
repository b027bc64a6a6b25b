//! `transport = "rest"`: Google's own client, sending through [`Http`].

use google_cloud_dialogflow_v2::{client, model, stub};
use google_cloud_gax::{
    error::Error,
    options::{RequestOptions, RequestOptionsBuilder as _},
    response::{Parts, Response},
    retry_policy::NeverRetry,
};
use serde::de::DeserializeOwned;

use super::{V2, rest_model};
use crate::{
    gateway::ports::AskError,
    nlp::google::{
        Transport,
        errors::Place,
        rest::{Http, failed},
    },
    wire::dialogflow_v2::{DetectIntentRequest, DetectIntentResponse},
};

/// Intents in a page; each may have two thousand phrases.
const PAGE: i32 = 100;
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug)]
pub(super) struct RestTransport {
    client: client::Sessions,
    http: Http,
}

impl RestTransport {
    pub(super) fn new(http: Http) -> Self {
        Self { client: client::Sessions::from_stub(Google(http.clone())), http }
    }
}

impl Transport<V2> for RestTransport {
    type Question = model::DetectIntentRequest;

    fn question(&self, request: DetectIntentRequest, _: String, _: &Place) -> Result<Self::Question, AskError> {
        Ok(rest_model::request(request))
    }

    async fn answer(&self, question: &Self::Question, place: &Place) -> Result<DetectIntentResponse, AskError> {
        self.http.ready(place).await?;
        // Retries are the engine's, within its budget.
        let ask = self.client.detect_intent().with_request(question.clone()).with_retry_policy(NeverRetry);
        ask.send().await.map(rest_model::response).map_err(|error| failed(error, place))
    }
}

/// The agent as Google describes it, by the same client and way as the conversation's.
pub(super) async fn agent(parent: String, http: Http, place: &Place) -> Result<model::Agent, AskError> {
    let agents = client::Agents::from_stub(Google(http));
    let agent = agents.get_agent().set_parent(parent).with_retry_policy(NeverRetry).send().await;
    agent.map_err(|error| failed(error, place))
}

/// A page of the agent's intents with their phrases, by the same way.
pub(super) async fn intents(
    (parent, language, token): (String, String, String),
    http: Http,
    place: &Place,
) -> Result<model::ListIntentsResponse, AskError> {
    let client = client::Intents::from_stub(Google(http.with_answers_up_to(MAX_PAGE_BYTES)));
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
    page.map_err(|error| failed(error, place))
}

/// What Google's client sends by.
#[derive(Clone, Debug)]
struct Google(Http);

impl Google {
    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<Response<T>, Error> {
        let body = self.0.send(request).await?;
        Ok(Response::from_parts(Parts::new(), serde_json::from_slice(&body).map_err(Error::deser)?))
    }
}

impl stub::Sessions for Google {
    async fn detect_intent(
        &self,
        mut request: model::DetectIntentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::DetectIntentResponse>> {
        let session = std::mem::take(&mut request.session);
        self.send(self.0.post(&format!("/v2/{session}:detectIntent")).json(&request)).await
    }
}

impl stub::Agents for Google {
    async fn get_agent(
        &self,
        request: model::GetAgentRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::Agent>> {
        self.send(self.0.get(&format!("/v2/{}/agent", request.parent))).await
    }
}

impl stub::Intents for Google {
    async fn list_intents(
        &self,
        request: model::ListIntentsRequest,
        _: RequestOptions,
    ) -> google_cloud_gax::Result<Response<model::ListIntentsResponse>> {
        let page = self.0.get(&format!("/v2/{}/intents", request.parent)).query(&[
            ("languageCode", request.language_code.as_str()),
            ("intentView", request.intent_view.name().unwrap_or_default()),
            ("pageSize", &request.page_size.to_string()),
            ("pageToken", &request.page_token),
        ]);
        self.send(page).await
    }
}
