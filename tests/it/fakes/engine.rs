//! A routing engine that keeps the contract to the letter: numbers, acknowledges, resumes, carries out each command once,
//! waits for credits, sends again what was `Busy`. Tests script it and look at what it was told to do.

mod conduct;
pub(crate) mod wire;

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    time::Duration,
};

use conduct::{Shared, State, send};
use futures::{FutureExt as _, future::BoxFuture};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::timeout,
};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Request, Status, transport::Endpoint};
use usher::wire::engine::{
    Command, CommandOutcome, ContactEnded, ContactOffered, CustomerMessage, CustomerTyping, Directory, EngineFrame,
    Hello, MediaType, Queue, SignOn, User, Welcome, command, command_outcome::Outcome, customer_message,
    engine_frame::Body, gateway_frame, log_on_refused, message, virtual_agents_client::VirtualAgentsClient,
};
use wire::{Io, Wire};

const PATIENCE: Duration = Duration::from_secs(20);

/// Opens a connection to the gateway: over TCP, or over whatever a simulation has.
pub(crate) type Dial = Arc<dyn Fn() -> BoxFuture<'static, io::Result<Box<dyn Io>>> + Send + Sync>;

pub(crate) fn tcp(address: std::net::SocketAddr) -> Dial {
    Arc::new(move || {
        async move {
            let io = TcpStream::connect(address).await?;
            io.set_nodelay(true)?;
            Ok(Box::new(io) as Box<dyn Io>)
        }
        .boxed()
    })
}

/// Who it is and how it behaves. Change what a test is about.
#[derive(Clone)]
pub(crate) struct Setup {
    pub(crate) dial: Dial,
    pub(crate) token: String,
    pub(crate) engine: String,
    pub(crate) unit: String,
    pub(crate) lane: u32,
    pub(crate) lanes: u32,
    pub(crate) directory: Directory,
    /// Users whose log-on is refused, and why; all others are logged on.
    pub(crate) refuses: HashMap<String, log_on_refused::Reason>,
    /// Off: nothing the gateway sends is acknowledged.
    pub(crate) acknowledges: bool,
    /// Off: `Busy` is only noted.
    pub(crate) retries: bool,
}

impl Setup {
    pub(crate) fn new(dial: Dial, token: &str, engine: &str, unit: &str) -> Self {
        Self {
            dial,
            token: token.to_owned(),
            engine: engine.to_owned(),
            unit: unit.to_owned(),
            lane: 0,
            lanes: 1,
            directory: Directory::default(),
            refuses: HashMap::new(),
            acknowledges: true,
            retries: true,
        }
    }

    pub(crate) fn user(mut self, id: &str) -> Self {
        let sign_on = SignOn::Password.into();
        let user = User { id: id.to_owned(), name: id.to_owned(), agent_rights: true, sign_on, ..User::default() };
        self.directory.users.push(user);
        self
    }

    pub(crate) fn queue(mut self, id: &str, media: MediaType) -> Self {
        let queue =
            Queue { id: id.to_owned(), name: id.to_owned(), media_type: media.into(), open: true, ..Queue::default() };
        self.directory.queues.push(queue);
        self
    }
}

pub(crate) struct FakeEngine {
    dial: Dial,
    shared: Arc<Shared>,
    wire: Option<Wire>,
    reader: Option<JoinHandle<()>>,
}

impl FakeEngine {
    /// Attaches and waits for the Welcome.
    pub(crate) async fn attach(setup: Setup) -> Result<Self, Status> {
        let dial = Arc::clone(&setup.dial);
        let shared = Arc::new(Shared { setup, state: Mutex::default(), changed: Notify::new() });
        let mut engine = Self { dial, shared, wire: None, reader: None };
        engine.resume().await?;
        Ok(engine)
    }

    /// Attaches again with its resume point and sends what is not acknowledged.
    pub(crate) async fn resume(&mut self) -> Result<Welcome, Status> {
        self.cut();
        if let Some(reader) = self.reader.take() {
            // Aborted: it must have let go of the state before the resume point is read.
            drop(reader.await);
        }
        let setup = &self.shared.setup;
        let wire = Wire::new((self.dial)().await?);
        self.wire = Some(wire.clone());
        let mut once = Some(wire);
        let connect = tower::service_fn(move |_: http::Uri| {
            let wire = once.take().ok_or_else(|| io::Error::from(io::ErrorKind::NotConnected));
            async move { wire.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://usher.test")
            .initial_stream_window_size(4 << 20)
            .initial_connection_window_size(16 << 20)
            .connect_with_connector(connect)
            .await
            .map_err(|why| Status::unavailable(why.to_string()))?;
        let (frames, outgoing) = mpsc::unbounded_channel();
        send(&frames, EngineFrame { seq: 0, ack: 0, body: Some(Body::Hello(self.hello())) });
        let mut request = Request::new(UnboundedReceiverStream::new(outgoing));
        let bearer = format!("Bearer {}", setup.token);
        request.metadata_mut().insert("authorization", bearer.parse().expect("a token is ASCII"));
        let mut incoming = VirtualAgentsClient::new(channel).attach(request).await?.into_inner();
        let first = incoming.message().await?.ok_or_else(|| Status::unknown("ended before the Welcome"))?;
        let Some(gateway_frame::Body::Welcome(welcome)) = first.body else {
            return Err(Status::unknown("the first frame is no Welcome"));
        };
        self.shared.state().welcomed(&welcome, first.ack, frames);
        let shared = Arc::clone(&self.shared);
        self.reader = Some(tokio::spawn(async move { shared.read(incoming).await }));
        Ok(welcome)
    }

    fn hello(&self) -> Hello {
        let (setup, state) = (&self.shared.setup, self.shared.state());
        Hello {
            engine_id: setup.engine.clone(),
            business_unit: setup.unit.clone(),
            lane: setup.lane,
            lanes: setup.lanes,
            session: state.session.clone(),
            last_received: state.received,
            directory: (setup.lane == 0).then(|| setup.directory.clone()),
        }
    }

    /// The network fails: both ends find out for themselves.
    pub(crate) fn cut(&mut self) {
        if let Some(reader) = &self.reader {
            reader.abort();
        }
        if let Some(wire) = self.wire.take() {
            wire.cut();
        }
        self.shared.state().stream = None;
    }

    /// Numbers a frame and sends it, now or with the next stream; credits or none.
    pub(crate) fn send_now(&self, body: Body) -> u64 {
        self.shared.state().send(body)
    }

    /// The same, once there is a credit for it.
    pub(crate) async fn send(&self, body: Body) -> u64 {
        let mut body = Some(body);
        self.wait("a credit", |state| {
            let free = state.outbox.len() < state.credits.max(1);
            free.then(|| state.send(body.take().expect("sent once")))
        })
        .await
    }

    /// Sends a frame as it is, right or wrong.
    pub(crate) fn send_raw(&self, frame: EngineFrame) {
        let state = self.shared.state();
        send(state.stream.as_ref().expect("attached"), frame);
    }

    pub(crate) async fn offer(&self, contact: &str, agent: &str) {
        let (contact, agent, media_type) = (contact.to_owned(), agent.to_owned(), MediaType::OpenMedia.into());
        let offer = ContactOffered { contact, agent, media_type, ..ContactOffered::default() };
        self.send(Body::ContactOffered(offer)).await;
    }

    /// Offers a contact and waits until it is accepted.
    pub(crate) async fn open(&self, contact: &str, agent: &str) {
        self.logged_on(agent).await;
        self.offer(contact, agent).await;
        self.accepted(contact).await;
    }

    /// The same, with all that can be told of a contact.
    pub(crate) async fn open_as(&self, offer: ContactOffered) {
        self.logged_on(&offer.agent).await;
        let contact = offer.contact.clone();
        self.send(Body::ContactOffered(offer)).await;
        self.accepted(&contact).await;
    }

    async fn accepted(&self, contact: &str) {
        self.notice("acceptance", |it| {
            matches!(it, gateway_frame::Body::ContactAccepted(it) if it.contact == contact).then_some(())
        })
        .await;
    }

    /// Yields the message's id.
    pub(crate) async fn say(&self, contact: &str, text: &str) -> String {
        self.message(contact, customer_message::Body::Text(text.to_owned())).await
    }

    pub(crate) async fn message(&self, contact: &str, body: customer_message::Body) -> String {
        let message = self.compose(contact, body);
        let id = message.message_id.clone();
        self.send(Body::CustomerMessage(message)).await;
        id
    }

    /// A message with a fresh id, remembered in case it must be sent again.
    pub(crate) fn compose(&self, contact: &str, body: customer_message::Body) -> CustomerMessage {
        let mut state = self.shared.state();
        state.next_message += 1;
        let message_id = format!("m{}", state.next_message);
        let message = CustomerMessage { contact: contact.to_owned(), message_id, sensitive: false, body: Some(body) };
        state.messages.insert((contact.to_owned(), message.message_id.clone()), message.clone());
        message
    }

    pub(crate) async fn typing(&self, contact: &str) {
        self.send(Body::CustomerTyping(CustomerTyping { contact: contact.to_owned() })).await;
    }

    pub(crate) async fn end(&self, contact: &str, reason: &str) {
        let ended = ContactEnded { contact: contact.to_owned(), reason: reason.to_owned() };
        self.send(Body::ContactEnded(ended)).await;
    }

    pub(crate) async fn outcome(&self, contact: &str, action_seq: u32, outcome: Outcome) {
        let contact = contact.to_owned();
        let outcome = CommandOutcome { contact, action_seq, outcome: outcome.into(), detail: String::new() };
        self.send(Body::CommandOutcome(outcome)).await;
    }

    /// The contact's next command, in order.
    pub(crate) async fn next_command(&self, contact: &str) -> Command {
        self.wait(&format!("a command for {contact}"), |state| {
            let at = state.commands.iter().position(|it| it.contact == contact)?;
            state.commands.remove(at)
        })
        .await
    }

    /// The contact's next command must say something: its texts.
    pub(crate) async fn next_say(&self, contact: &str) -> Vec<String> {
        match self.next_command(contact).await.command {
            Some(command::Command::Say(say)) => say.messages.into_iter().map(text).collect(),
            other => panic!("not said but {other:?}"),
        }
    }

    /// The first of the other frames for which `look` yields something; those before it stay.
    pub(crate) async fn notice<T>(&self, what: &str, mut look: impl FnMut(&gateway_frame::Body) -> Option<T>) -> T {
        self.wait(what, |state| {
            let (at, found) = state.notices.iter().enumerate().find_map(|(at, it)| Some((at, look(it)?)))?;
            state.notices.remove(at);
            Some(found)
        })
        .await
    }

    /// All commands that nobody has taken yet, in order.
    pub(crate) fn take_commands(&self) -> Vec<Command> {
        self.shared.state().commands.drain(..).collect()
    }

    /// All other frames that nobody has taken yet, in order.
    pub(crate) fn take_notices(&self) -> Vec<gateway_frame::Body> {
        self.shared.state().notices.drain(..).collect()
    }

    pub(crate) async fn logged_on(&self, user: &str) {
        self.wait(&format!("the log-on of {user}"), |state| state.logged_on.contains(user).then_some(())).await;
    }

    /// Until log-ons have been asked for, and answered, so often.
    pub(crate) async fn log_ons(&self, count: usize) {
        self.wait("log-ons", |state| (state.log_ons >= count).then_some(())).await;
    }

    /// Until the gateway has acknowledged everything.
    pub(crate) async fn settled(&self) {
        assert!(self.settles().await, "the stream ended before everything was acknowledged");
    }

    /// Whether the gateway acknowledges everything before the stream ends.
    pub(crate) async fn settles(&self) -> bool {
        let look = |state: &mut State| {
            if state.outbox.is_empty() { Some(true) } else { state.ended.as_ref().map(|_| false) }
        };
        self.wait("acknowledgements", look).await
    }

    /// How the stream ended.
    pub(crate) async fn ended(&self) -> Result<(), Status> {
        self.wait("the end of the stream", |state| state.ended.take()).await
    }

    /// The number of the last frame sent.
    pub(crate) fn sent(&self) -> u64 {
        self.shared.state().sent
    }

    /// As if the last `frames` frames had not arrived before the connection was lost.
    pub(crate) fn forget_received(&mut self, frames: u64) {
        self.cut();
        self.shared.state().received -= frames;
    }

    /// As if it had been restarted with its outbox alone.
    pub(crate) fn forget_session(&mut self) {
        self.cut();
        self.shared.state().session.clear();
    }

    /// Where to attach from now on.
    pub(crate) fn redirect(&mut self, dial: Dial) {
        self.dial = dial;
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.shared.state().outbox.len()
    }

    pub(crate) fn is_attached(&self) -> bool {
        self.shared.state().stream.is_some()
    }

    /// Commands that came again.
    pub(crate) fn repeated(&self) -> usize {
        self.shared.state().repeated
    }

    /// Where the gateway broke the contract; should stay empty.
    pub(crate) fn breaches(&self) -> Vec<String> {
        self.shared.state().breaches.clone()
    }

    async fn wait<T>(&self, what: &str, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let looked = async {
            loop {
                let changed = self.shared.changed.notified();
                if let Some(found) = look(&mut self.shared.state()) {
                    return found;
                }
                changed.await;
            }
        };
        match timeout(PATIENCE, looked).await {
            Ok(found) => found,
            Err(_) => panic!("no {what}; the stream ended with {:?}", self.shared.state().ended),
        }
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        self.cut();
    }
}

pub(crate) fn text(message: usher::wire::engine::Message) -> String {
    match message.message {
        Some(message::Message::Text(text)) => text,
        other => panic!("no text but {other:?}"),
    }
}
