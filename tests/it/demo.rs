//! The demo agent, served by the offline engine, behind the real gateway: what it leads to in both languages.

mod actions;
mod chat;
mod people;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::net::TcpListener;
use usher::{
    clock::Clock,
    config,
    offline_nlp::{
        agent::{Agent, Message},
        demo::BACK_OFFICE,
        demo_files,
        load::{Source, load},
        server::{Options, Server},
    },
    wire::engine::{self, ContactOffered, MediaType, Queue, Requeue, command::Command},
};

use crate::{
    fakes::{
        engine::{FakeEngine, Setup, tcp},
        http_target::{HttpTarget, Reaction},
    },
    harness::{TOKEN, Usher},
};

const LANGUAGES: [&str; 2] = ["en", "de"];

const CONFIG: &str = r#"
[server]
listen = "127.0.0.1:0"
[ops]
listen = "127.0.0.1:0"
[store]
path = "data"
[[unit]]
name = "DEMO"
zone = "Europe/Berlin"
[[engine]]
id = "engine-1"
token = "token-1"
units = ["DEMO"]
[[egress.allow]]
host = "127.0.0.1"
private = true
plaintext = true
"#;

/// The demo agent with a back office of its own.
struct Office {
    agent: Agent,
    target: HttpTarget,
}

impl Office {
    fn new() -> Self {
        let target = HttpTarget::plain([Reaction::status(500)]);
        let own = format!("http://{}", target.address);
        let files: BTreeMap<String, Vec<u8>> = demo_files()
            .into_iter()
            .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap().replace(BACK_OFFICE, &own).into_bytes()))
            .collect();
        Self { agent: load(Source::files(files)).unwrap().agent, target }
    }

    async fn serve(&self) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Server::start(listener, self.agent.clone(), Options::default(), Clock::system()).await.unwrap()
    }
}

/// An engine for all tests that leave its back office alone: an agent takes its time to be made ready.
struct Shared {
    office: Arc<Office>,
    address: SocketAddr,
    /// Conversations of different tests must not meet: each test is a project of its own.
    projects: AtomicU32,
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let office = Arc::new(Office::new());
        let (tell, told) = std::sync::mpsc::channel();
        let own = Arc::clone(&office);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let server = own.serve().await;
                tell.send(server.address()).unwrap();
                std::future::pending::<()>().await;
            });
        });
        Shared { office, address: told.recv().unwrap(), projects: AtomicU32::new(0) }
    })
}

/// The offline engine with the demo agent, the gateway with the demo's profile, a contact centre, a back office.
struct Stage {
    office: Arc<Office>,
    /// Where it is not the shared one.
    offline: Option<Server>,
    usher: Usher,
    engine: FakeEngine,
}

impl Stage {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    /// A contact centre that differs from one whose queues are all open.
    async fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let shared = shared();
        let project = format!("test-{}", shared.projects.fetch_add(1, Ordering::Relaxed));
        Self::on(Arc::clone(&shared.office), None, (shared.address, &project), change).await
    }

    /// With a back office that the test scripts.
    async fn with_office() -> Self {
        let office = Arc::new(Office::new());
        let server = office.serve().await;
        let address = server.address();
        Self::on(office, Some(server), (address, "demo"), |_| {}).await
    }

    async fn on(
        office: Arc<Office>,
        offline: Option<Server>,
        (address, project): (SocketAddr, &str),
        change: impl FnOnce(&mut Setup),
    ) -> Self {
        let profile = config::DEMO_PROFILE
            .replace("http://127.0.0.1:7403", &format!("http://{address}"))
            .replace("project = \"demo\"", &format!("project = \"{project}\""));
        let usher = Usher::start(CONFIG, &profile).await;
        let mut setup = Setup::new(tcp(usher.engines), TOKEN, "engine-1", "DEMO").user("va-1").user("va-2");
        for queue in ["support", "complaints", "callbacks"] {
            setup = setup.queue(queue, MediaType::WebInteraction);
        }
        setup = setup.queue("messages", MediaType::OpenMedia);
        change(&mut setup);
        let engine = FakeEngine::attach(setup).await.unwrap();
        Self { office, offline, usher, engine }
    }

    /// A contact that has been welcomed.
    async fn open(&self, contact: &str, language: &str, media: MediaType) {
        self.engine.open_as(offer(contact, language, media)).await;
        self.hears_of(contact, language, "welcome", &[]).await;
    }

    async fn writes(&self, contact: &str, text: &str) {
        self.engine.say(contact, text).await;
    }

    /// The next thing that happens to the contact: it is told what the intent says. `fill` is put in for what the text names.
    #[track_caller]
    fn hears_of<'a>(
        &'a self,
        contact: &'a str,
        language: &'a str,
        intent: &'a str,
        fill: &'a [(&'a str, &'a str)],
    ) -> impl Future<Output = Vec<engine::message::Message>> + 'a {
        let at = std::panic::Location::caller();
        async move {
            let said = self.said(contact).await;
            let intent = self.office.agent.intents.iter().find(|it| it.name == intent).unwrap();
            let variants = intent.messages[language]
                .iter()
                .find_map(|it| if let Message::Text(variants) = it { Some(variants) } else { None });
            let filled = |text: &str| fill.iter().fold(text.to_owned(), |text, (name, by)| text.replace(name, by));
            let possible: Vec<String> = variants.unwrap().iter().map(|it| filled(it)).collect();
            let Some(engine::message::Message::Text(text)) = said.first() else {
                panic!("{contact} at {at}: {said:?}")
            };
            assert!(possible.contains(text), "{contact} at {at}: {text:?} is none of {possible:?}");
            said
        }
    }

    /// The next thing that happens to the contact: it is asked for what an intent lacks.
    async fn asked_for(&self, contact: &str, language: &str, intent: &str, parameter: &str) {
        let said = self.said(contact).await;
        let intent = self.office.agent.intents.iter().find(|it| it.name == intent).unwrap();
        let prompts = &intent.parameters.iter().find(|it| it.name == parameter).unwrap().prompts[language];
        let [engine::message::Message::Text(text)] = said.as_slice() else { panic!("{contact}: {said:?}") };
        assert!(prompts.contains(text), "{contact}: {text:?} is none of {prompts:?}");
    }

    /// The next thing that happens to the contact: exactly this is said.
    async fn hears(&self, contact: &str, text: &str) {
        assert_eq!(self.said(contact).await, [engine::message::Message::Text(text.to_owned())], "{contact}");
    }

    async fn said(&self, contact: &str) -> Vec<engine::message::Message> {
        match self.engine.next_command(contact).await.command {
            Some(Command::Say(say)) => say.messages.into_iter().map(|it| it.message.unwrap()).collect(),
            other => panic!("{contact}: not said but {other:?}"),
        }
    }

    /// The next thing that happens to the contact is a handover.
    async fn requeued(&self, contact: &str) -> (u32, Requeue) {
        let command = self.engine.next_command(contact).await;
        match command.command {
            Some(Command::Requeue(it)) => (command.action_seq, it),
            other => panic!("{contact}: not requeued but {other:?}"),
        }
    }

    fn invoice(&self, contact: &str, content: &str) {
        self.office.target.then(Reaction::json(json!({"contactID": contact, "content": content}).to_string()));
    }

    /// The body of the last of so many requests to the back office.
    fn asked_back_office(&self, count: usize) -> Value {
        let requests = self.office.target.requests();
        assert_eq!(requests.len(), count);
        assert_eq!(requests[count - 1].line, "POST /back-office/invoices HTTP/1.1");
        serde_json::from_slice(&requests[count - 1].body).unwrap()
    }

    /// Ends in good order.
    async fn done(self) {
        self.engine.settled().await;
        assert_eq!(self.engine.take_commands(), [], "nothing beyond what the test looked at");
        assert_eq!(self.engine.breaches(), Vec::<String>::new());
        self.usher.drain().await;
        if let Some(server) = self.offline {
            server.stop().await.unwrap();
        }
    }
}

fn offer(contact: &str, language: &str, media: MediaType) -> ContactOffered {
    ContactOffered {
        contact: contact.to_owned(),
        agent: "va-1".to_owned(),
        media_type: media.into(),
        language: language.to_owned(),
        ..ContactOffered::default()
    }
}

fn close(setup: &mut Setup, queue: &str) {
    let found: &mut Queue = setup.directory.queues.iter_mut().find(|it| it.id == queue).unwrap();
    found.open = false;
}

/// `days` from now at 15:00 in Berlin.
fn berlin_at_three(days: i64) -> i64 {
    let now = jiff::Timestamp::from_millisecond(Clock::system().now().0).unwrap().in_tz("Europe/Berlin").unwrap();
    let day = now.date().checked_add(jiff::Span::new().days(days)).unwrap();
    day.at(15, 0, 0, 0).in_tz("Europe/Berlin").unwrap().timestamp().as_millisecond()
}
