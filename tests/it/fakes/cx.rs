//! Dialogflow CX V3 on the wire: gRPC and REST on one port, with the documented limits and statuses, and answers from a
//! script.

mod answer;
mod json;

use serde_json::{Value, json};
use tonic::Status;
use usher::wire::dialogflow_cx::{DetectIntentRequest, DetectIntentResponse, QueryParameters, query_input};

use super::google::{self, Question, Script, Version};
pub(crate) use answer::{Say, say};

/// The one agent of every project and location.
pub(crate) const AGENT: &str = "a-1";

#[derive(Clone, Copy, Debug)]
pub(crate) struct Cx;

pub(crate) type FakeCx = google::Fake<Cx>;
pub(crate) type Reaction = google::Reaction<Cx>;
pub(crate) type Recorded = google::Recorded<Cx>;

impl From<Say> for Reaction {
    fn from(say: Say) -> Self {
        Self::Answer(Box::new(say.response))
    }
}

impl Version for Cx {
    type Request = DetectIntentRequest;
    type Response = DetectIntentResponse;
    type Input = query_input::Input;
    type Parameters = QueryParameters;
    const METHOD: &'static str = "/google.cloud.dialogflow.cx.v3.Sessions/DetectIntent";
    const PREFIX: &'static str = "/v3";

    fn taken_apart(request: DetectIntentRequest) -> Question<Self> {
        let input = request.query_input.unwrap_or_default();
        let (language, input) = (input.language_code, input.input);
        Question { session: request.session, input, language, parameters: request.query_params }
    }

    fn text(input: &query_input::Input) -> Option<&str> {
        match input {
            query_input::Input::Text(it) => Some(&it.text),
            query_input::Input::Dtmf(it) => Some(&it.digits),
            query_input::Input::Intent(_) | query_input::Input::Event(_) => None,
        }
    }

    fn event(input: &query_input::Input) -> Option<&str> {
        match input {
            query_input::Input::Event(it) => Some(&it.event),
            query_input::Input::Text(_) | query_input::Input::Intent(_) | query_input::Input::Dtmf(_) => None,
        }
    }

    fn judge(request: &Recorded, script: &Script<Self>) -> Result<(), Status> {
        let parts: Vec<&str> = request.session.split('/').collect();
        let malformed = || Status::invalid_argument("session is malformed");
        let ["projects", project, "locations", location, "agents", agent, below @ ..] = parts.as_slice() else {
            return Err(malformed());
        };
        let (["sessions", session] | ["environments", _, "sessions", session]) = below else { return Err(malformed()) };
        script.locate(project, Some(location))?;
        if *agent != AGENT {
            return Err(Status::not_found("no such agent"));
        }
        if session.is_empty() || session.len() > 36 {
            return Err(Status::invalid_argument("session id is not of 1 to 36 bytes"));
        }
        google::judge_input(request)
    }

    fn echo(text: &str) -> DetectIntentResponse {
        say(text).intent("echo").response
    }

    fn read(session: &str, body: &Value) -> DetectIntentRequest {
        json::request(session, body)
    }

    fn write(response: &DetectIntentResponse) -> Vec<u8> {
        json::response(response)
    }

    /// `projects/P/locations/L/agents/A`
    fn agent(path: &str, script: &Script<Self>) -> Result<Value, Status> {
        let parts: Vec<&str> = path.split('/').collect();
        let ["projects", project, "locations", location, "agents", agent] = parts.as_slice() else {
            return Err(Status::not_found("no such method"));
        };
        script.locate(project, Some(location))?;
        if *agent != AGENT {
            return Err(Status::not_found("no such agent"));
        }
        let (name, zone) = ("Support", "Europe/Berlin");
        Ok(json!({"name": path, "displayName": name, "defaultLanguageCode": "en", "timeZone": zone, "startFlow": "f"}))
    }
}
