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
mod wire;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::sync::watch;
use tonic::{Code, Status};
use usher::wire::dialogflow_v2::{DetectIntentRequest, DetectIntentResponse, QueryParameters, query_input};

pub(crate) use answer::{Say, say};

use super::server::{Line, Server, until};

/// What one request leads to.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// The text again, or the event's name: `echo: …`.
    Echo,
    Answer(Box<DetectIntentResponse>),
    Status(Code),
    Late(Duration, Box<Self>),
    Hang,
    /// These bytes where the answer should be.
    Raw(Vec<u8>),
    /// The connection is lost instead.
    Cut,
}

/// Decides what a request within the limits leads to.
#[derive(Clone)]
pub(crate) struct Decides(pub(crate) Arc<dyn Fn(Recorded) -> BoxFuture<'static, Reaction> + Send + Sync>);

impl fmt::Debug for Decides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decides")
    }
}

impl From<Say> for Reaction {
    fn from(say: Say) -> Self {
        Self::Answer(Box::new(say.response))
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Recorded {
    pub(crate) session: String,
    pub(crate) input: Option<query_input::Input>,
    pub(crate) parameters: Option<QueryParameters>,
    /// The whole `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// `x-goog-request-params`
    pub(crate) routing: Option<String>,
    pub(crate) rest: bool,
}

impl Recorded {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.input {
            Some(query_input::Input::Text(it)) => Some(&it.text),
            Some(query_input::Input::Event(_)) | None => None,
        }
    }

    pub(crate) fn event(&self) -> Option<&str> {
        match &self.input {
            Some(query_input::Input::Event(it)) => Some(&it.name),
            Some(query_input::Input::Text(_)) | None => None,
        }
    }
}

#[derive(Debug)]
pub(crate) struct FakeDialogflow {
    server: Server,
    state: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Script {
    by_text: HashMap<String, Reaction>,
    by_event: HashMap<String, Reaction>,
    next: VecDeque<Reaction>,
    otherwise: Option<Reaction>,
    decides: Option<Decides>,
    /// Where the agent lives; `None`: everywhere.
    place: Option<(String, Option<String>)>,
    /// The one accepted bearer token; `None`: anything, or nothing.
    bearer: Option<String>,
    agent_status: Option<Code>,
}

#[derive(Debug)]
struct Shared {
    /// Protects the script; held for look-ups alone.
    script: Mutex<Script>,
    line: Line,
    requests: watch::Sender<Vec<Recorded>>,
}

impl FakeDialogflow {
    pub(crate) fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into())
    }

    /// At the address of one that was dropped: Dialogflow after a restart.
    pub(crate) fn start_at(address: SocketAddr) -> Self {
        let line = Line::default();
        let state =
            Arc::new(Shared { script: Mutex::default(), line: line.clone(), requests: watch::Sender::default() });
        Self { server: Server::start_on(line, address, wire::router(Arc::clone(&state))), state }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address())
    }

    /// For every request with this text.
    pub(crate) fn on_text(&self, text: &str, reaction: impl Into<Reaction>) -> &Self {
        self.script(|it| drop(it.by_text.insert(text.to_owned(), reaction.into())))
    }

    /// For every request with this event.
    pub(crate) fn on_event(&self, name: &str, reaction: impl Into<Reaction>) -> &Self {
        self.script(|it| drop(it.by_event.insert(name.to_owned(), reaction.into())))
    }

    /// For the next request, whatever it is; several queue up.
    pub(crate) fn next(&self, reaction: impl Into<Reaction>) -> &Self {
        self.script(|it| it.next.push_back(reaction.into()))
    }

    /// For requests that nothing else is said about; an echo otherwise.
    pub(crate) fn otherwise(&self, reaction: impl Into<Reaction>) -> &Self {
        self.script(|it| it.otherwise = Some(reaction.into()))
    }

    /// Instead of all that is said otherwise.
    pub(crate) fn leaves_it_to(&self, decides: Decides) -> &Self {
        self.script(|it| it.decides = Some(decides))
    }

    /// Requests for another project or location find nothing.
    pub(crate) fn lives_at(&self, project: &str, location: Option<&str>) -> &Self {
        self.script(|it| it.place = Some((project.to_owned(), location.map(str::to_owned))))
    }

    /// Requests with another token, or with none, are refused.
    pub(crate) fn accepts_token(&self, token: &str) -> &Self {
        self.script(|it| it.bearer = Some(token.to_owned()))
    }

    /// To those who ask for the agent itself.
    pub(crate) fn agent_is(&self, status: Code) -> &Self {
        self.script(|it| it.agent_status = Some(status))
    }

    /// All that came so far, retries included.
    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state.requests.borrow().clone()
    }

    pub(crate) async fn wait_for_requests(&self, count: usize) {
        until(self.state.requests.subscribe(), |it| it.len() >= count).await;
    }

    pub(crate) const fn line(&self) -> &Line {
        self.server.line()
    }

    /// Accepted so far.
    pub(crate) fn connections(&self) -> usize {
        self.server.connections()
    }

    pub(crate) async fn wait_for_connections(&self, count: usize) {
        self.server.wait_for_connections(count).await;
    }

    fn script(&self, change: impl FnOnce(&mut Script)) -> &Self {
        change(&mut self.state.script.lock().unwrap());
        self
    }
}

impl Shared {
    /// What becomes of a request: bytes of an answer, or a status.
    async fn react(&self, recorded: Recorded, encode: fn(&DetectIntentResponse) -> Vec<u8>) -> Result<Vec<u8>, Status> {
        let verdict = self.judge(&recorded);
        let (picked, decides) = {
            let mut script = self.script.lock().unwrap();
            (script.pick(&recorded), script.decides.clone())
        };
        let echo = recorded.text().or(recorded.event()).unwrap_or_default().to_owned();
        self.requests.send_modify(|it| it.push(recorded.clone()));
        verdict?;
        let mut reaction = match decides {
            Some(Decides(decide)) => decide(recorded).await,
            None => picked,
        };
        loop {
            reaction = match reaction {
                Reaction::Echo => return Ok(encode(&say(&format!("echo: {echo}")).intent("echo").response)),
                Reaction::Answer(answer) => return Ok(encode(&answer)),
                Reaction::Status(code) => return Err(Status::new(code, format!("{code:?}, as the test wants it"))),
                Reaction::Raw(bytes) => return Ok(bytes),
                Reaction::Hang => std::future::pending().await,
                Reaction::Cut => {
                    self.line.cut();
                    std::future::pending().await
                }
                Reaction::Late(delay, then) => {
                    tokio::time::sleep(delay).await;
                    *then
                }
            }
        }
    }

    /// The documented limits.
    fn judge(&self, request: &Recorded) -> Result<(), Status> {
        let script = self.script.lock().unwrap();
        script.authorise(request.authorization.as_deref())?;
        let (project, location, user, session) =
            session_parts(&request.session).ok_or_else(|| Status::invalid_argument("session is malformed"))?;
        script.locate(project, location)?;
        if session.is_empty() || session.len() > 36 || user.is_some_and(|it| it.len() > 36) {
            return Err(Status::invalid_argument("session id or user id is not of 1 to 36 bytes"));
        }
        let language = match &request.input {
            None => return Err(Status::invalid_argument("query_input is missing")),
            Some(query_input::Input::Text(it)) if it.text.is_empty() || it.text.chars().count() > 256 => {
                return Err(Status::invalid_argument("text is not of 1 to 256 characters"));
            }
            Some(query_input::Input::Event(it)) if it.name.is_empty() || it.name.len() > 150 => {
                return Err(Status::invalid_argument("event name is not of 1 to 150 bytes"));
            }
            Some(query_input::Input::Text(it)) => &it.language_code,
            Some(query_input::Input::Event(it)) => &it.language_code,
        };
        if language.is_empty() { Err(Status::invalid_argument("language_code is missing")) } else { Ok(()) }
    }
}

impl Script {
    fn authorise(&self, authorization: Option<&str>) -> Result<(), Status> {
        match &self.bearer {
            Some(token) if authorization != Some(&format!("Bearer {token}")) => {
                Err(Status::unauthenticated("the token is not valid"))
            }
            Some(_) | None => Ok(()),
        }
    }

    fn locate(&self, project: &str, location: Option<&str>) -> Result<(), Status> {
        let here = self.place.as_ref().is_none_or(|(own, place)| own == project && place.as_deref() == location);
        if here { Ok(()) } else { Err(Status::not_found("no such agent in this location")) }
    }

    fn pick(&mut self, request: &Recorded) -> Reaction {
        let named = match (request.text(), request.event()) {
            (Some(text), _) => self.by_text.get(text),
            (None, Some(event)) => self.by_event.get(event),
            (None, None) => None,
        };
        let named = named.cloned();
        self.next.pop_front().or(named).or_else(|| self.otherwise.clone()).unwrap_or(Reaction::Echo)
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

fn recorded(
    request: DetectIntentRequest,
    authorization: Option<String>,
    routing: Option<String>,
    rest: bool,
) -> Recorded {
    Recorded {
        session: request.session,
        input: request.query_input.and_then(|it| it.input),
        parameters: request.query_params,
        authorization,
        routing,
        rest,
    }
}
