//! `transport = "rest"`: `POST /v3/{session}:detectIntent`, JSON by the descriptors of our own contract.

use bytes::Bytes;
use google_cloud_gax::error::Error;
use http::header::CONTENT_TYPE;
use prost::Message;

use super::Cx;
use crate::{
    core::{message::FailureKind, said::Said},
    gateway::ports::AskError,
    nlp::google::{
        Transport,
        errors::Place,
        rest::{Http, failed},
    },
    wire::{
        dialogflow_cx::{Agent, DetectIntentRequest, DetectIntentResponse},
        json::{Enums, Json},
    },
};

#[derive(Debug)]
pub(super) struct RestTransport {
    http: Http,
    json: Json,
}

impl RestTransport {
    pub(super) const fn new(http: Http, json: Json) -> Self {
        Self { http, json }
    }
}

#[derive(Debug)]
pub(super) struct Question {
    path: String,
    body: Bytes,
}

impl Transport<Cx> for RestTransport {
    type Question = Question;

    fn question(&self, mut request: DetectIntentRequest, _: String, _: &Place) -> Result<Question, AskError> {
        let path = format!("/v3/{}:detectIntent", std::mem::take(&mut request.session));
        let body = self.json.write("DetectIntentRequest", &request, Enums::Names);
        let body = body.map_err(|error| AskError::new(FailureKind::Internal, Said::foreign(error.to_string())))?;
        Ok(Question { path, body: body.into() })
    }

    async fn answer(&self, question: &Question, place: &Place) -> Result<DetectIntentResponse, AskError> {
        self.http.ready(place).await?;
        let request = self.http.post(&question.path).header(CONTENT_TYPE, "application/json");
        let body = self.http.send(request.body(question.body.clone())).await;
        read(&self.json, "DetectIntentResponse", body, place)
    }
}

/// The agent as Google describes it, by the same way as the conversation's. `name` is its full name.
pub(super) async fn agent(name: &str, http: &Http, json: &Json, place: &Place) -> Result<Agent, AskError> {
    http.ready(place).await?;
    let body = http.send(http.get(&format!("/v3/{name}"))).await;
    read(json, "Agent", body, place)
}

fn read<M: Message + Default>(
    json: &Json,
    name: &str,
    body: Result<Bytes, Error>,
    place: &Place,
) -> Result<M, AskError> {
    let body = body.map_err(|error| failed(error, place))?;
    json.read(name, &body).map_err(|error| place.malformed(Some(error.into())))
}
