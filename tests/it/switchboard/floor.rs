//! The demo contact centre attached to the real gateway: people, callbacks, pages, and restarts of either side.

use std::{net::SocketAddr, pin::Pin, sync::Arc, time::Duration};

use futures::{Stream, StreamExt as _};
use rand::{SeedableRng as _, rngs::StdRng};
use serde_json::json;
use tempfile::TempDir;
use tokio::time::timeout;
use usher::{
    clock::Clock,
    core::ids::ContactName,
    switchboard::{
        Config, Event, Limits, Media, NewContact, Setup, Switchboard,
        link::{LinkConfig, Pace},
        talk::{After, Content, Entry, From, State, What},
    },
    wire::engine::{Busy, ContactAccepted, LogOnAgent, engine_frame::Body, gateway_frame},
};

use super::scripted::Scripted;

use crate::{
    fakes::dialogflow::{FakeDialogflow, say},
    harness::Usher,
};

const WITHIN: Duration = Duration::from_secs(20);

fn config(listen: &str) -> String {
    format!(
        r#"
[server]
listen = "{listen}"
[ops]
listen = "127.0.0.1:0"
[store]
path = "data"
[[unit]]
name = "DEMO"
[[engine]]
id = "switchboard"
token = "token-1"
units = ["DEMO"]
"#
    )
}

fn profile(dialogflow: &str) -> String {
    format!(
        r#"
name = "demo"
unit = "DEMO"
type = "dialogflow-v2"
agents = ["va-1", "va-2"]
agent_password = "secret"
fallback_message = "Sorry."
welcome_event = "WELCOME"
[dialogflow]
project = "p"
endpoint = "{dialogflow}"
[events]
human_returned = "HUMAN_RETURNED"
handover_accepted = ""
callback_done = ""
[[action]]
name = "person"
media = "webinteraction"
kind = "requeue"
queue = "support"
[[action]]
name = "person"
media = "openmedia"
kind = "requeue"
queue = "messages"
[[action]]
name = "call"
media = "webinteraction"
kind = "callback"
queue = "callbacks"
phone_parameter = "phone"
time_parameter = "when"
[[action]]
name = "page"
media = "webinteraction"
kind = "push_url"
url_parameter = "url"
"#
    )
}

struct Stage {
    _dialogflow: FakeDialogflow,
    profile: String,
    usher: Usher,
    data: TempDir,
    centre: Switchboard,
}

impl Stage {
    async fn new() -> Self {
        let dialogflow = FakeDialogflow::start();
        dialogflow.on_event("WELCOME", say("Welcome."));
        dialogflow.on_event("HUMAN_RETURNED", say("I am back."));
        dialogflow.on_text("a person", say("One moment.").action("person", &json!({})));
        let when = jiff::Timestamp::from_millisecond(Clock::system().now().0 + 86_400_000).unwrap().to_string();
        dialogflow.on_text("call me", say("Booked.").action("call", &json!({"phone": "+4930901820", "when": when})));
        dialogflow.on_text("show me", say("Here.").action("page", &json!({"url": "https://example.com/terms"})));
        let profile = profile(&dialogflow.endpoint());
        let usher = Usher::start(&config("127.0.0.1:0"), &profile).await;
        let data = TempDir::new().unwrap();
        let centre = centre(&usher, &data).await;
        Self { _dialogflow: dialogflow, profile, usher, data, centre }
    }

    async fn open(&self) -> Talk {
        self.open_as(Media::WebInteraction).await
    }

    async fn open_as(&self, media: Media) -> Talk {
        let new = NewContact { media, language: "en".into(), name: None, attributes: [].into() };
        let id = self.centre.open(new).await.unwrap();
        let mut talk = Talk::follow(&self.centre, id, 0);
        talk.hears("Welcome.").await;
        talk
    }

    async fn restart_centre(self) -> Self {
        self.centre.stop().await;
        let centre = centre(&self.usher, &self.data).await;
        Self { centre, ..self }
    }

    async fn restart_gateway(self, meanwhile: impl AsyncFnOnce(&Switchboard)) -> Self {
        let listen = self.usher.engines.to_string();
        let directory = self.usher.drain().await;
        meanwhile(&self.centre).await;
        let usher = Usher::start_in(directory, &config(&listen), &self.profile).await;
        Self { usher, ..self }
    }

    async fn done(self) {
        self.centre.stop().await;
        self.usher.drain().await;
    }
}

async fn centre(usher: &Usher, data: &TempDir) -> Switchboard {
    centre_at(usher.engines, 2, data).await
}

async fn centre_at(gateway: SocketAddr, lanes: u32, data: &TempDir) -> Switchboard {
    let link = LinkConfig {
        gateway: format!("http://{gateway}").parse().unwrap(),
        token: "token-1".into(),
        engine_id: "switchboard".into(),
        unit: "DEMO".into(),
        lanes,
        seed: 7,
        pace: Pace { first: Duration::from_millis(20), longest: Duration::from_millis(100), ..Pace::default() },
    };
    let setup = Setup { password: Some("secret".into()), ..Setup::demo() };
    let journal = Some(data.path().join("switchboard.jsonl"));
    let config = Config { link: Some(link), journal, setup, limits: Limits::default() };
    Switchboard::start(config, Clock::system(), StdRng::seed_from_u64(Clock::system().now().0.unsigned_abs()))
        .await
        .unwrap()
}

/// A customer who listens.
struct Talk {
    id: ContactName,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    heard: Vec<Arc<Entry>>,
}

impl Talk {
    fn follow(centre: &Switchboard, id: ContactName, after: u64) -> Self {
        let events = Box::pin(centre.follow(&id, after).unwrap());
        Self { id, events, heard: Vec::new() }
    }

    /// Listens until an entry is what is waited for; every number comes once.
    async fn until<T>(&mut self, what: &str, is_it: impl Fn(&What) -> Option<T>) -> T {
        let listen = async {
            while let Some(event) = self.events.next().await {
                let Event::Entry(entry) = event else { continue };
                if let Some(last) = self.heard.last() {
                    assert_eq!(entry.seq, last.seq + 1, "no gap, no repetition");
                }
                self.heard.push(Arc::clone(&entry));
                if let Some(found) = is_it(&entry.what) {
                    return found;
                }
            }
            panic!("it ended before {what}: {:?}", self.heard)
        };
        let heard = timeout(WITHIN, listen).await;
        heard.unwrap_or_else(|_late| panic!("no {what}"))
    }

    async fn hears(&mut self, text: &str) {
        let wanted = [Content::Text { text: text.to_owned() }];
        let is_it = |it: &What| {
            matches!(it, What::Message { from: From::Bot, content, .. } if *content == wanted).then_some(())
        };
        self.until(text, is_it).await;
    }

    async fn state(&mut self, wanted: &str) -> State {
        let is_it = |it: &What| {
            let What::State(state) = it else { return None };
            serde_json::to_value(state).unwrap()["state"].eq(wanted).then(|| state.clone())
        };
        self.until(wanted, is_it).await
    }

    async fn says(&self, centre: &Switchboard, id: &str, text: &str) {
        assert!(!centre.customer_says(&self.id, id, text).await.unwrap().repeated);
    }

    /// Asks for a person, who takes the contact.
    async fn is_taken_over(&mut self, centre: &Switchboard) {
        self.says(centre, "ask", "a person").await;
        self.state("waiting").await;
        centre.accept("desk-1", &self.id).await.unwrap();
        self.state("person").await;
    }
}

#[tokio::test]
async fn b2_a_person_takes_over_with_all_that_was_said_and_gives_back() {
    let stage = Stage::new().await;
    let mut talk = stage.open().await;
    talk.says(&stage.centre, "m1", "hello").await;
    talk.hears("echo: hello").await;
    talk.says(&stage.centre, "m2", "a person").await;
    let waiting = talk.state("waiting").await;
    assert!(matches!(waiting, State::Waiting { position: 1, ref queue, .. } if queue == "support"), "{waiting:?}");
    let board = stage.centre.board();
    let lines: Vec<String> = board.borrow().contacts[0].handover.transcript.iter().map(|it| it.text.clone()).collect();
    assert_eq!(lines, ["Welcome.", "hello", "echo: hello", "a person", "One moment."]);
    stage.centre.accept("desk-1", &talk.id).await.unwrap();
    stage.centre.person_says("desk-1", &talk.id, "p1", "Good day").await.unwrap();
    talk.says(&stage.centre, "m3", "to you").await;
    stage.centre.give_back("desk-1", &talk.id).await.unwrap();
    assert_eq!(talk.state("person").await, State::Person { name: "Desk 1".into() });
    assert_eq!(talk.state("bot").await, State::Bot { after: Some(After::Returned) });
    talk.hears("I am back.").await;
    talk.says(&stage.centre, "m4", "so").await;
    talk.hears("echo: so").await;
    assert!(!talk.heard.iter().any(|it| format!("{it:?}").contains("echo: to you")), "a person had it");
    stage.done().await;
}

#[tokio::test]
async fn s21_s23_a_callback_is_booked_and_a_page_pushed() {
    let stage = Stage::new().await;
    let mut talk = stage.open().await;
    talk.says(&stage.centre, "m1", "call me").await;
    let phone = talk
        .until("callback", |it| if let What::Callback { phone, .. } = it { Some(phone.clone()) } else { None })
        .await;
    assert_eq!(phone, "+4930901820");
    talk.says(&stage.centre, "m2", "show me").await;
    let page = talk.until("page", |it| if let What::Push { url, .. } = it { Some(url.clone()) } else { None }).await;
    assert_eq!(page, "https://example.com/terms");
    assert_eq!(stage.centre.board().borrow().callbacks.len(), 1);
    stage.done().await;
}

#[tokio::test]
async fn a_restarted_centre_goes_on_with_every_contact() {
    let stage = Stage::new().await;
    let mut with_bot = stage.open().await;
    let mut with_person = stage.open().await;
    with_person.is_taken_over(&stage.centre).await;
    with_bot.says(&stage.centre, "m1", "one").await;
    with_bot.hears("echo: one").await;
    let stage = stage.restart_centre().await;

    let last = with_bot.heard.last().unwrap().seq;
    let mut with_bot = Talk::follow(&stage.centre, with_bot.id, last);
    assert!(stage.centre.customer_says(&with_bot.id, "m1", "one").await.unwrap().repeated);
    with_bot.says(&stage.centre, "m2", "two").await;
    with_bot.hears("echo: two").await;
    let said = format!("{:?}", with_bot.heard);
    assert!(!said.contains("echo: one"), "nothing is said twice: {said}");
    assert!(with_bot.heard[0].seq == last + 1);

    stage.centre.give_back("desk-1", &with_person.id).await.unwrap();
    let mut with_person = Talk::follow(&stage.centre, with_person.id, 0);
    with_person.hears("I am back.").await;
    stage.done().await;
}

#[tokio::test]
async fn a_restarted_gateway_gets_what_was_said_meanwhile_in_order() {
    let stage = Stage::new().await;
    let mut talk = stage.open().await;
    talk.says(&stage.centre, "m1", "one").await;
    talk.hears("echo: one").await;
    let id = talk.id.clone();
    let stage = stage
        .restart_gateway(async |centre: &Switchboard| {
            for (message, text) in [("m2", "two"), ("m3", "three")] {
                centre.customer_says(&id, message, text).await.unwrap();
            }
        })
        .await;
    talk.hears("echo: two").await;
    talk.hears("echo: three").await;
    let echoes = talk.heard.iter().filter(|it| format!("{it:?}").contains("echo: ")).count();
    assert_eq!(echoes, 3);
    stage.done().await;
}

#[tokio::test]
async fn s19_a_contact_by_message_goes_to_a_person_and_comes_back() {
    let stage = Stage::new().await;
    let mut talk = stage.open_as(Media::OpenMedia).await;
    talk.says(&stage.centre, "m1", "a person").await;
    let waiting = talk.state("waiting").await;
    assert!(matches!(waiting, State::Waiting { ref queue, .. } if queue == "messages"), "{waiting:?}");
    stage.centre.accept("desk-1", &talk.id).await.unwrap();
    assert_eq!(talk.state("person").await, State::Person { name: "Desk 1".into() });
    stage.centre.person_says("desk-1", &talk.id, "p1", "Good day").await.unwrap();
    stage.centre.give_back("desk-1", &talk.id).await.unwrap();
    assert_eq!(talk.state("bot").await, State::Bot { after: Some(After::Returned) });
    talk.hears("I am back.").await;
    talk.says(&stage.centre, "m2", "so").await;
    talk.hears("echo: so").await;
    stage.done().await;
}

#[tokio::test]
async fn a_message_given_back_after_its_acknowledgement_survives_the_centre() {
    let mut gateway = Scripted::start().await;
    let data = TempDir::new().unwrap();
    let centre = centre_at(gateway.address, 1, &data).await;
    let mut stream = gateway.welcome("s1").await;
    let (user, password) = ("va-1".to_owned(), "secret".to_owned());
    let log_on = LogOnAgent { user, password, media_types: vec![] };
    stream.frame(1, 0, Some(gateway_frame::Body::LogOnAgent(log_on))).await;
    let new = NewContact { media: Media::WebInteraction, language: "en".into(), name: None, attributes: [].into() };
    let id = centre.open(new).await.unwrap();
    let offer = loop {
        if let (seq, Body::ContactOffered(_)) = stream.numbered().await {
            break seq;
        }
    };
    let (contact, agent) = (id.to_string(), "va-1".to_owned());
    let accepted = ContactAccepted { contact: contact.clone(), agent };
    stream.frame(2, offer, Some(gateway_frame::Body::ContactAccepted(accepted))).await;
    centre.customer_says(&id, "m1", "hello").await.unwrap();
    let said = loop {
        if let (seq, Body::CustomerMessage(_)) = stream.numbered().await {
            break seq;
        }
    };
    stream.ack(said).await;
    let mut talk = Talk::follow(&centre, id, 0);
    talk.until("delivery", |it| matches!(it, What::Delivered { .. }).then_some(())).await;

    let busy = Busy { contact, message_id: "m1".to_owned(), retry_after_ms: 60_000, reason: String::new() };
    stream.frame(3, said, Some(gateway_frame::Body::Busy(busy))).await;
    stream.acked(3).await;
    drop(stream);
    centre.stop().await;
    let centre = centre_at(gateway.address, 1, &data).await;
    let mut stream = gateway.welcome("s2").await;
    let again = loop {
        if let (_, Body::CustomerMessage(it)) = stream.numbered().await {
            break it.message_id;
        }
    };
    assert_eq!(again, "m1");
    drop(stream);
    centre.stop().await;
}
