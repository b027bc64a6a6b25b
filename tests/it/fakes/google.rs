//! Dialogflow on the wire, whatever its version: gRPC and REST on one port, the documented limits and statuses, and answers
//! from a script. [`super::dialogflow`] and [`super::cx`] are its versions.

pub(crate) mod json;
mod wire;

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use prost::Message;
use serde_json::Value;
use tokio::sync::watch;
use tonic::{Code, Status};

use super::server::{Line, Server, until};

/// One version of the API.
pub(crate) trait Version: Clone + fmt::Debug + Send + Sync + 'static {
    type Request: Message + Default;
    type Response: Message + Clone + fmt::Debug;
    type Input: Clone + fmt::Debug + Send + Sync;
    type Parameters: Clone + fmt::Debug + Send + Sync;
    /// The path of `DetectIntent` over gRPC.
    const METHOD: &'static str;
    /// What paths over REST begin with.
    const PREFIX: &'static str;

    fn taken_apart(request: Self::Request) -> Question<Self>;

    fn text(input: &Self::Input) -> Option<&str>;

    fn event(input: &Self::Input) -> Option<&str>;

    /// The documented limits.
    fn judge(request: &Recorded<Self>, script: &Script<Self>) -> Result<(), Status>;

    fn echo(text: &str) -> Self::Response;

    fn read(session: &str, body: &Value) -> Self::Request;

    fn write(response: &Self::Response) -> Vec<u8>;

    /// The agent itself, by its path.
    fn agent(path: &str, script: &Script<Self>) -> Result<Value, Status>;
}

/// What stands in a request.
pub(crate) struct Question<V: Version> {
    pub(crate) session: String,
    pub(crate) input: Option<V::Input>,
    pub(crate) language: String,
    pub(crate) parameters: Option<V::Parameters>,
}

/// What one request leads to.
#[derive(Clone, Debug)]
pub(crate) enum Reaction<V: Version> {
    /// The text again, or the event's name: `echo: …`.
    Echo,
    Answer(Box<V::Response>),
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
pub(crate) struct Decides<V: Version>(
    pub(crate) Arc<dyn Fn(Recorded<V>) -> BoxFuture<'static, Reaction<V>> + Send + Sync>,
);

impl<V: Version> fmt::Debug for Decides<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decides")
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Recorded<V: Version> {
    pub(crate) session: String,
    pub(crate) input: Option<V::Input>,
    pub(crate) language: String,
    pub(crate) parameters: Option<V::Parameters>,
    /// The whole `Authorization` header.
    pub(crate) authorization: Option<String>,
    /// `x-goog-request-params`
    pub(crate) routing: Option<String>,
    pub(crate) rest: bool,
}

impl<V: Version> Recorded<V> {
    pub(crate) fn text(&self) -> Option<&str> {
        self.input.as_ref().and_then(V::text)
    }

    pub(crate) fn event(&self) -> Option<&str> {
        self.input.as_ref().and_then(V::event)
    }
}

#[derive(Debug)]
pub(crate) struct Fake<V: Version> {
    server: Server,
    state: Arc<Shared<V>>,
}

#[derive(Debug)]
pub(crate) struct Script<V: Version> {
    by_text: HashMap<String, Reaction<V>>,
    by_event: HashMap<String, Reaction<V>>,
    next: VecDeque<Reaction<V>>,
    otherwise: Option<Reaction<V>>,
    decides: Option<Decides<V>>,
    /// Where the agent lives; `None`: everywhere.
    place: Option<(String, Option<String>)>,
    /// The one accepted bearer token; `None`: anything, or nothing.
    bearer: Option<String>,
    agent_status: Option<Code>,
}

impl<V: Version> Default for Script<V> {
    fn default() -> Self {
        Self {
            by_text: HashMap::new(),
            by_event: HashMap::new(),
            next: VecDeque::new(),
            otherwise: None,
            decides: None,
            place: None,
            bearer: None,
            agent_status: None,
        }
    }
}

#[derive(Debug)]
struct Shared<V: Version> {
    /// Protects the script; held for look-ups alone.
    script: Mutex<Script<V>>,
    line: Line,
    requests: watch::Sender<Vec<Recorded<V>>>,
}

impl<V: Version> Fake<V> {
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
    pub(crate) fn on_text(&self, text: &str, reaction: impl Into<Reaction<V>>) -> &Self {
        self.script(|it| drop(it.by_text.insert(text.to_owned(), reaction.into())))
    }

    /// For every request with this event.
    pub(crate) fn on_event(&self, name: &str, reaction: impl Into<Reaction<V>>) -> &Self {
        self.script(|it| drop(it.by_event.insert(name.to_owned(), reaction.into())))
    }

    /// For the next request, whatever it is; several queue up.
    pub(crate) fn next(&self, reaction: impl Into<Reaction<V>>) -> &Self {
        self.script(|it| it.next.push_back(reaction.into()))
    }

    /// For requests that nothing else is said about; an echo otherwise.
    pub(crate) fn otherwise(&self, reaction: impl Into<Reaction<V>>) -> &Self {
        self.script(|it| it.otherwise = Some(reaction.into()))
    }

    /// Instead of all that is said otherwise.
    pub(crate) fn leaves_it_to(&self, decides: Decides<V>) -> &Self {
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
    pub(crate) fn requests(&self) -> Vec<Recorded<V>> {
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

    fn script(&self, change: impl FnOnce(&mut Script<V>)) -> &Self {
        change(&mut self.state.script.lock().unwrap());
        self
    }
}

impl<V: Version> Shared<V> {
    /// What becomes of a request: bytes of an answer, or a status.
    async fn react(&self, recorded: Recorded<V>, encode: fn(&V::Response) -> Vec<u8>) -> Result<Vec<u8>, Status> {
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
                Reaction::Echo => return Ok(encode(&V::echo(&format!("echo: {echo}")))),
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

    fn judge(&self, request: &Recorded<V>) -> Result<(), Status> {
        let script = self.script.lock().unwrap();
        script.authorise(request.authorization.as_deref())?;
        V::judge(request, &script)
    }
}

impl<V: Version> Script<V> {
    pub(crate) fn authorise(&self, authorization: Option<&str>) -> Result<(), Status> {
        match &self.bearer {
            Some(token) if authorization != Some(&format!("Bearer {token}")) => {
                Err(Status::unauthenticated("the token is not valid"))
            }
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn locate(&self, project: &str, location: Option<&str>) -> Result<(), Status> {
        let here = self.place.as_ref().is_none_or(|(own, place)| own == project && place.as_deref() == location);
        if here { Ok(()) } else { Err(Status::not_found("no such agent in this location")) }
    }

    fn pick(&mut self, request: &Recorded<V>) -> Reaction<V> {
        let named = match (request.text(), request.event()) {
            (Some(text), _) => self.by_text.get(text),
            (None, Some(event)) => self.by_event.get(event),
            (None, None) => None,
        };
        let named = named.cloned();
        self.next.pop_front().or(named).or_else(|| self.otherwise.clone()).unwrap_or(Reaction::Echo)
    }
}

/// What every version asks of a question.
pub(crate) fn judge_input<V: Version>(request: &Recorded<V>) -> Result<(), Status> {
    if request.input.is_none() {
        return Err(Status::invalid_argument("query_input is missing"));
    }
    if request.text().is_some_and(|it| it.is_empty() || it.chars().count() > 256) {
        return Err(Status::invalid_argument("text is not of 1 to 256 characters"));
    }
    if request.event().is_some_and(|it| it.is_empty() || it.len() > 150) {
        return Err(Status::invalid_argument("event name is not of 1 to 150 bytes"));
    }
    if request.language.is_empty() { Err(Status::invalid_argument("language_code is missing")) } else { Ok(()) }
}
