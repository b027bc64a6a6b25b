//! A contact centre, the gateway and an engine of one kind, each at its socket.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use usher::{
    core::message::{Button, Reply},
    wire::{
        engine::{
            Command, ContactOffered, EndContact, MediaType, Message, Requeue, command, gateway_frame,
            message::Message as Body,
        },
        structs,
    },
};

use super::{
    peer::{Ability, Peer},
    script::Script,
};
use crate::{
    fakes::engine::{FakeEngine, tcp},
    harness::{CONFIG, Usher},
};

/// Where no deadline is to pass, also on a machine that is busy.
const PATIENT_MS: u64 = 20_000;
/// Where one is to pass. Long enough for an answer on a busy machine.
pub(crate) const SHORT_MS: u64 = 1_000;

/// What a case wants beside the peer's own settings.
pub(crate) struct Settings {
    pub(crate) deadline_ms: u64,
    pub(crate) welcome_event: &'static str,
    /// Tables of the profile.
    pub(crate) profile: String,
    /// Tables of `usher.toml`.
    pub(crate) config: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { deadline_ms: PATIENT_MS, welcome_event: "", profile: String::new(), config: String::new() }
    }
}

impl From<&str> for Settings {
    /// Tables of the profile.
    fn from(profile: &str) -> Self {
        Self { profile: profile.to_owned(), ..Self::default() }
    }
}

pub(crate) struct Stage<P> {
    pub(crate) peer: P,
    pub(crate) centre: FakeEngine,
    usher: Usher,
    config: String,
    profile: String,
}

impl<P: Peer> Stage<P> {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: impl Into<Settings>) -> Self {
        let peer = P::start().await;
        let settings = settings.into();
        let config = CONFIG.replace("[ops]", "[ops]\ntoken = \"ops-token\"") + &peer.config() + &settings.config;
        let profile = format!(
            "name = \"support\"\nunit = \"sales\"\nagents = [\"va1\"]\nagent_password = \"secret\"\n\
             fallback_message = \"Sorry.\"\nwelcome_event = \"{}\"\n{}\n{}",
            settings.welcome_event,
            peer.profile(settings.deadline_ms),
            settings.profile,
        );
        let usher = Usher::start(&config, &profile).await;
        peer.meets(&usher).await;
        let centre = usher.setup().queue("support", MediaType::OpenMedia).queue("callbacks", MediaType::OpenMedia);
        let centre = FakeEngine::attach(centre).await.unwrap();
        Self { peer, centre, usher, config, profile }
    }

    pub(crate) fn script(&self) -> &Script {
        self.peer.script()
    }

    pub(crate) async fn open(&self, contact: &str) {
        self.open_as(contact, MediaType::OpenMedia, "").await;
    }

    pub(crate) async fn open_as(&self, contact: &str, media: MediaType, language: &str) {
        let (contact, agent, language) = (contact.to_owned(), "va1".to_owned(), language.to_owned());
        let media_type = media.into();
        self.centre.open_as(ContactOffered { contact, agent, media_type, language, ..ContactOffered::default() }).await;
    }

    pub(crate) async fn writes(&self, contact: &str, text: &str) {
        self.centre.say(contact, text).await;
    }

    /// The next thing that happens to the contact is that this text is said, alone.
    #[track_caller]
    pub(crate) fn hears<'a>(&'a self, contact: &'a str, text: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move { self.hears_at(contact, vec![Reply::Text(text.to_owned())], at).await }
    }

    /// The next things that happen to the contact are that these messages are said, in as many commands as it takes.
    #[track_caller]
    pub(crate) fn hears_all<'a>(&'a self, contact: &'a str, all: Vec<Reply>) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        self.hears_at(contact, all, at)
    }

    async fn hears_at(&self, contact: &str, all: Vec<Reply>, at: &std::panic::Location<'_>) {
        let mut heard = Vec::new();
        while heard.len() < all.len() {
            match self.centre.next_command(contact).await.command {
                Some(command::Command::Say(say)) => heard.extend(say.messages.into_iter().map(reply)),
                other => panic!("{contact} hears nothing: {other:?}, at {at}, after {heard:?}"),
            }
        }
        assert_eq!(heard, all, "{contact} at {at}");
    }

    /// One exchange of which nothing was said beforehand.
    #[track_caller]
    pub(crate) fn echoes<'a>(&'a self, contact: &'a str, text: &'a str) -> impl Future<Output = ()> + 'a {
        let at = std::panic::Location::caller();
        async move {
            self.writes(contact, text).await;
            self.hears_at(contact, vec![Reply::Text(format!("echo: {text}"))], at).await;
        }
    }

    pub(crate) async fn command(&self, contact: &str) -> Command {
        self.centre.next_command(contact).await
    }

    /// The next thing that happens to the contact is a handover.
    pub(crate) async fn requeued(&self, contact: &str) -> (u32, Requeue) {
        let command = self.command(contact).await;
        match command.command {
            Some(command::Command::Requeue(it)) => (command.action_seq, it),
            other => panic!("not requeued but {other:?}"),
        }
    }

    /// The next thing that happens to the contact is its end.
    pub(crate) async fn ending(&self, contact: &str) -> (u32, EndContact) {
        let command = self.command(contact).await;
        match command.command {
            Some(command::Command::EndContact(it)) => (command.action_seq, it),
            other => panic!("not ended but {other:?}"),
        }
    }

    /// The customer is shown that somebody writes.
    pub(crate) async fn typing(&self, contact: &str) {
        let shown = |it: &gateway_frame::Body| {
            matches!(it, gateway_frame::Body::Typing(it) if it.contact == contact).then_some(())
        };
        self.centre.notice("typing", shown).await;
    }

    /// The texts that reached the engine, in order; repetitions that it knows as such are not among them.
    pub(crate) fn texts(&self) -> Vec<String> {
        let asked = self.script().asked();
        asked.iter().filter(|it| !it.repeated).filter_map(|it| it.text().map(str::to_owned)).collect()
    }

    /// The contact's steps of one kind in its timeline, in order.
    pub(crate) async fn steps(&self, contact: &str, kind: &str) -> Vec<Value> {
        let body = self.get(&format!("/timeline/sales/{contact}")).await;
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(document["unaltered"], true);
        let records = document["records"].as_array().unwrap().iter();
        let steps = records.flat_map(|it| it["steps"].as_array().unwrap().iter());
        steps.filter(|it| it["step"] == kind).cloned().collect()
    }

    pub(crate) async fn metric(&self, sample: &str) -> u64 {
        let page = self.get("/metrics").await;
        let value = page.lines().find_map(|it| it.strip_prefix(sample)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {sample} in\n{page}")).parse().unwrap()
    }

    /// The kinds of everything at /alerts.
    pub(crate) async fn alerts(&self) -> Vec<String> {
        let page: Value = serde_json::from_str(&self.get("/alerts").await).unwrap();
        page["alerts"].as_array().unwrap().iter().map(|it| it["kind"].as_str().unwrap().to_owned()).collect()
    }

    async fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(self.usher.ops).await.unwrap();
        let head =
            format!("GET {path} HTTP/1.1\r\nhost: ops\r\nauthorization: Bearer ops-token\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head}");
        body.to_owned()
    }

    /// The gateway drains, during which `meanwhile` happens, and starts again on what it has written.
    pub(crate) async fn restart(self, meanwhile: impl Future<Output = ()>) -> Self {
        let Self { peer, mut centre, usher, config, profile } = self;
        let told = async {
            centre.notice("the drain", |it| matches!(it, gateway_frame::Body::Draining(_)).then_some(())).await;
            meanwhile.await;
        };
        let (directory, ()) = tokio::join!(usher.drain(), told);
        let usher = Usher::start_in(directory, &config, &profile).await;
        peer.meets(&usher).await;
        centre.redirect(tcp(usher.engines));
        centre.resume().await.unwrap();
        Self { peer, centre, usher, config, profile }
    }

    /// Ends in good order, with nothing that the case has not looked at.
    pub(crate) async fn done(self) {
        self.centre.settled().await;
        assert_eq!(self.centre.take_commands(), [], "nothing beyond what the case looked at");
        let mut notices = self.centre.take_notices();
        // An engine that can show that it is at work may do so whenever it is.
        notices.retain(|it| !(P::can(Ability::Typing) && matches!(it, gateway_frame::Body::Typing(_))));
        assert_eq!(notices, []);
        assert_eq!(self.centre.breaches(), Vec::<String>::new());
        self.usher.drain().await;
    }
}

fn reply(message: Message) -> Reply {
    match message.message.expect("a message") {
        Body::Text(text) => Reply::Text(text),
        Body::QuickReplies(it) => Reply::QuickReplies { title: it.title, replies: it.replies },
        Body::Card(it) => {
            let buttons = it.buttons.into_iter().map(|it| Button { text: it.text, postback: it.postback });
            Reply::Card { title: it.title, subtitle: it.subtitle, image_uri: it.image_uri, buttons: buttons.collect() }
        }
        Body::Image(it) => Reply::Image { uri: it.uri, description: it.description },
        Body::Payload(it) => Reply::Payload(structs::to_json(it).unwrap()),
    }
}
