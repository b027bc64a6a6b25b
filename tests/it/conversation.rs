//! A contact's whole way through the real gateway: offered over gRPC, answered by Dialogflow, kept in `SQLite`.

mod actions;
pub(crate) mod binary;
mod clock;
mod directory;
mod erase;
mod handover;
mod privacy;
mod talk;
mod timeline;

use std::net::SocketAddr;

use serde_json::{Map, Value};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::wire::{
    dialogflow_v2::query_input::Input,
    engine::{ContactOffered, MediaType, Queue, Requeue, command::Command},
    structs,
};

use crate::{
    fakes::{
        dialogflow::{FakeDialogflow, Recorded, say},
        engine::{FakeEngine, Setup},
    },
    harness::{CONFIG, Usher, profile},
};

/// Everything a conversation needs: a language engine, the gateway, a contact centre.
struct Stage {
    dialogflow: FakeDialogflow,
    usher: Usher,
    engine: FakeEngine,
}

impl Stage {
    /// The harness's profile, and `more` tables.
    async fn new(more: &str) -> Self {
        Self::with(CONFIG, |endpoint| profile(endpoint) + more).await
    }

    async fn with(config: &str, profile: impl FnOnce(&str) -> String) -> Self {
        let dialogflow = FakeDialogflow::start();
        let usher = Usher::start(config, &profile(&dialogflow.endpoint())).await;
        let engine = FakeEngine::attach(centre(usher.setup())).await.unwrap();
        Self { dialogflow, usher, engine }
    }

    async fn open(&self, contact: &str, media: MediaType) {
        self.engine.open_as(offer(contact, media)).await;
    }

    /// The customer writes.
    async fn writes(&self, contact: &str, text: &str) {
        self.engine.say(contact, text).await;
    }

    /// The next thing that happens to the contact is that this is said.
    #[track_caller]
    fn hears<'a>(&'a self, contact: &'a str, text: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move { assert_eq!(self.engine.next_say(contact).await, [text], "{contact} at {at}") }
    }

    /// The next thing that happens to the contact is a handover.
    async fn requeued(&self, contact: &str) -> (u32, Requeue) {
        let command = self.engine.next_command(contact).await;
        match command.command {
            Some(Command::Requeue(it)) => (command.action_seq, it),
            other => panic!("not requeued but {other:?}"),
        }
    }

    /// The first request that bears this event, when it has come.
    async fn event(&self, name: &str) -> Recorded {
        let mut count = 1;
        loop {
            self.dialogflow.wait_for_requests(count).await;
            let requests = self.dialogflow.requests();
            count = requests.len() + 1;
            if let Some(found) = requests.into_iter().find(|it| it.event() == Some(name)) {
                return found;
            }
        }
    }

    async fn alerts(&self) -> Vec<String> {
        alerts(self.usher.ops).await
    }

    /// Ends in good order.
    async fn done(self) {
        self.engine.settled().await;
        assert_eq!(self.engine.take_commands(), [], "nothing beyond what the test looked at");
        assert_eq!(self.engine.take_notices(), []);
        assert_eq!(self.engine.breaches(), Vec::<String>::new());
        self.usher.drain().await;
    }
}

/// A contact centre with the queues of these tests.
fn centre(setup: Setup) -> Setup {
    let (open, web) = (MediaType::OpenMedia, MediaType::WebInteraction);
    let mut setup = setup.queue("support", open).queue("web-support", web).queue("callbacks", open);
    let closed = Queue { id: "closed".into(), name: "Closed".into(), media_type: open.into(), ..Queue::default() };
    setup.directory.queues.push(closed);
    setup
}

pub(crate) fn offer(contact: &str, media: MediaType) -> ContactOffered {
    ContactOffered {
        contact: contact.to_owned(),
        agent: "va1".to_owned(),
        media_type: media.into(),
        ..ContactOffered::default()
    }
}

/// An event's parameters.
fn told(request: &Recorded) -> Value {
    match &request.input {
        Some(Input::Event(event)) => {
            Value::Object(event.parameters.clone().map_or_else(Map::new, |it| structs::to_json(it).unwrap()))
        }
        other => panic!("no event but {other:?}"),
    }
}

/// What the agent's webhook sees beside the input.
fn payload(request: &Recorded) -> Value {
    let payload = request.parameters.clone().and_then(|it| it.payload);
    Value::Object(payload.map_or_else(Map::new, |it| structs::to_json(it).unwrap()))
}

/// `kind subject` of everything at /alerts.
async fn alerts(ops: SocketAddr) -> Vec<String> {
    let mut stream = TcpStream::connect(ops).await.unwrap();
    stream.write_all(b"GET /alerts HTTP/1.1\r\nhost: ops\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let page: Value = serde_json::from_str(body).unwrap();
    let entries = page["alerts"].as_array().unwrap().iter();
    entries.map(|it| format!("{} {}", it["kind"].as_str().unwrap(), it["subject"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_message_is_asked_and_its_answer_said() {
    let stage = Stage::new("").await;
    stage.dialogflow.on_text("hello", say("Hi there."));
    stage.open("c1", MediaType::OpenMedia).await;
    stage.writes("c1", "hello").await;
    stage.hears("c1", "Hi there.").await;
    stage.done().await;
}
