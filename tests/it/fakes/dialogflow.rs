//! Dialogflow ES V2 on the wire: gRPC and REST on one port, with the documented limits and statuses, and answers from a
//! script.
//!
//! ```ignore
//! let dialogflow = FakeDialogflow::start();           // echoes every text: "echo: …"
//! dialogflow.on_text("hi", say("Hello").intent("greet"));
//! dialogflow.next(Reaction::Status(Code::Unavailable));
//! let endpoint = dialogflow.endpoint();               // http://127.0.0.1:…
//! dialogflow.wait_for_requests(1).await;
//! assert_eq!(dialogflow.requests()[0].text(), Some("hi"));
//! ```

mod answer;
mod json;

use std::collections::VecDeque;

use serde_json::{Value, json};
use tonic::Status;
use usher::wire::dialogflow_v2::{DetectIntentRequest, DetectIntentResponse, QueryParameters, query_input};

use super::google::{self, Question, Script, Version};
pub(crate) use answer::{Say, say};

#[derive(Clone, Copy, Debug)]
pub(crate) struct V2;

pub(crate) type FakeDialogflow = google::Fake<V2>;
pub(crate) type Reaction = google::Reaction<V2>;
pub(crate) type Recorded = google::Recorded<V2>;

impl From<Say> for Reaction {
    fn from(say: Say) -> Self {
        Self::Answer(Box::new(say.response))
    }
}

impl Version for V2 {
    type Request = DetectIntentRequest;
    type Response = DetectIntentResponse;
    type Input = query_input::Input;
    type Parameters = QueryParameters;
    const METHOD: &'static str = "/google.cloud.dialogflow.v2.Sessions/DetectIntent";
    const PREFIX: &'static str = "/v2";

    fn taken_apart(request: DetectIntentRequest) -> Question<Self> {
        let input = request.query_input.and_then(|it| it.input);
        let language = match &input {
            Some(query_input::Input::Text(it)) => it.language_code.clone(),
            Some(query_input::Input::Event(it)) => it.language_code.clone(),
            None => String::new(),
        };
        Question { session: request.session, input, language, parameters: request.query_params }
    }

    fn text(input: &query_input::Input) -> Option<&str> {
        match input {
            query_input::Input::Text(it) => Some(&it.text),
            query_input::Input::Event(_) => None,
        }
    }

    fn event(input: &query_input::Input) -> Option<&str> {
        match input {
            query_input::Input::Event(it) => Some(&it.name),
            query_input::Input::Text(_) => None,
        }
    }

    fn judge(request: &Recorded, script: &Script<Self>) -> Result<(), Status> {
        let (project, location, user, session) =
            session_parts(&request.session).ok_or_else(|| Status::invalid_argument("session is malformed"))?;
        script.locate(project, location)?;
        if session.is_empty() || session.len() > 36 || user.is_some_and(|it| it.len() > 36) {
            return Err(Status::invalid_argument("session id or user id is not of 1 to 36 bytes"));
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

    /// `projects/P[/locations/L]/agent`
    fn agent(path: &str, script: &Script<Self>) -> Result<Value, Status> {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["projects", project, "agent"] => script.locate(project, None)?,
            ["projects", project, "locations", location, "agent"] => script.locate(project, Some(location))?,
            _ => return Err(Status::not_found("no such method")),
        }
        Ok(json!({
            "parent": path.trim_end_matches("/agent"),
            "displayName": "Support",
            "defaultLanguageCode": "en",
            "timeZone": "Europe/Berlin",
        }))
    }
}

/// (project, location, user, session id)
fn session_parts(path: &str) -> Option<(&str, Option<&str>, Option<&str>, &str)> {
    let mut rest = path.split('/').collect::<VecDeque<_>>();
    let mut named = |name: &str| {
        if rest.front() != Some(&name) {
            return None;
        }
        rest.pop_front();
        rest.pop_front()
    };
    let project = named("projects")?;
    let location = named("locations");
    // `agent` stands alone: what follows it is taken with it.
    let after_agent = named("agent")?;
    let (user, session) = match after_agent {
        "environments" => {
            rest.pop_front()?;
            (rest.pop_front() == Some("users")).then_some(())?;
            let user = rest.pop_front()?;
            (rest.pop_front() == Some("sessions")).then_some(())?;
            (Some(user), rest.pop_front()?)
        }
        "sessions" => (None, rest.pop_front()?),
        _ => return None,
    };
    rest.is_empty().then_some((project, location, user, session))
}
