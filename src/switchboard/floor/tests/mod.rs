//! The floor by itself, at simulated time.

mod bounds;
mod model;
mod table;

use std::collections::BTreeMap;

use super::*;
use crate::{
    switchboard::{NewContact, Said, talk::Entry},
    wire::engine::{
        Command, ContactAccepted, EndContact, LogOnAgent, Message, Refused, Requeue, Say, command, gateway_frame,
        message, refused, requeue,
    },
};

/// A floor, its clock, and everything that came out of it.
struct House {
    floor: Floor,
    now: Timestamp,
    frames: Vec<Frame>,
    journal: Vec<Record>,
    hints: Vec<(ContactName, Hint)>,
}

fn setup() -> Setup {
    Setup { password: Some("secret".into()), ..Setup::demo() }
}

impl House {
    fn new() -> Self {
        Self::within(Limits::default())
    }

    fn within(limits: Limits) -> Self {
        let floor = Floor::new(setup(), limits);
        Self { floor, now: Timestamp(1_000_000), frames: Vec::new(), journal: Vec::new(), hints: Vec::new() }
    }

    /// The gateway is there, and both virtual agents are logged on.
    fn attached() -> Self {
        Self::attached_within(Limits::default())
    }

    fn attached_within(limits: Limits) -> Self {
        let mut house = Self::within(limits);
        house.attach();
        house.wait(1);
        house.frames.clear();
        house
    }

    fn attach(&mut self) {
        self.act(|floor, now, out| floor.on_attached(true, now, out));
        for user in ["va-1", "va-2"] {
            self.log_on(user, "secret");
        }
    }

    fn log_on(&mut self, user: &str, password: &str) {
        let (user, password) = (user.to_owned(), password.to_owned());
        self.hears(gateway_frame::Body::LogOnAgent(LogOnAgent { user, password, media_types: vec![] }));
    }

    fn act<T>(&mut self, change: impl FnOnce(&mut Floor, Timestamp, &mut Out) -> T) -> T {
        let mut out = Out::default();
        let result = change(&mut self.floor, self.now, &mut out);
        self.frames.extend(out.frames);
        self.hints.extend(out.hints);
        // Through JSON, as in the file.
        let lines = out.records.iter().map(|it| serde_json::to_string(it).unwrap());
        self.journal.extend(lines.map(|it| serde_json::from_str::<Record>(&it).unwrap()));
        result
    }

    fn hears(&mut self, body: gateway_frame::Body) {
        self.act(|floor, now, out| floor.on_frame(body, now, out));
    }

    fn wait(&mut self, seconds: i64) {
        let end = Timestamp(self.now.0 + seconds * 1_000);
        while let Some(at) = self.floor.next_deadline().filter(|at| *at <= end) {
            self.now = at.max(self.now);
            self.act(|floor, now, out| floor.on_time(now, out));
        }
        self.now = end;
    }

    /// The process ends and begins again.
    fn restart(&mut self) {
        let mut floor = Floor::new(setup(), Limits::default());
        for record in &self.journal {
            floor.restore(record.clone()).unwrap();
        }
        self.floor = floor;
        self.act(|floor, now, out| floor.resume(now, out));
        self.journal = self.floor.records();
    }

    fn open(&mut self, name: &str) -> ContactName {
        let id = ContactName::new(name).unwrap();
        let new =
            NewContact { media: Media::WebInteraction, language: "en".into(), name: None, attributes: BTreeMap::new() };
        self.act(|floor, now, out| floor.open(&id, new, now, out)).unwrap();
        id
    }

    /// Offered and accepted.
    fn talking(&mut self, name: &str) -> ContactName {
        let id = self.open(name);
        self.accepted(&id);
        self.frames.clear();
        id
    }

    fn accepted(&mut self, id: &ContactName) {
        self.hears(gateway_frame::Body::ContactAccepted(ContactAccepted {
            contact: id.to_string(),
            agent: "va-1".into(),
        }));
    }

    fn says(&mut self, id: &ContactName, message: &str) -> Result<Said, Refusal> {
        self.act(|floor, now, out| floor.customer_says(id, (message, message), now, out))
    }

    fn command(&mut self, id: &ContactName, seq: u32, command: command::Command) {
        let command = Some(command);
        self.hears(gateway_frame::Body::Command(Command { contact: id.to_string(), action_seq: seq, command }));
    }

    fn say(&mut self, id: &ContactName, seq: u32, text: &str) {
        let message = Message { message: Some(message::Message::Text(text.to_owned())) };
        self.command(id, seq, command::Command::Say(Say { messages: vec![message] }));
    }

    fn requeue(&mut self, id: &ContactName, seq: u32, queue: &str) {
        let to = Some(requeue::To::Queue(queue.to_owned()));
        self.command(id, seq, command::Command::Requeue(Requeue { to, reason: "asked".into(), context: None }));
    }

    fn end(&mut self, id: &ContactName, seq: u32, unless_after: &str) {
        let farewell = vec![Message { message: Some(message::Message::Text("Bye".into())) }];
        let end = EndContact { reason: "inactivity".into(), farewell, unless_after: unless_after.to_owned() };
        self.command(id, seq, command::Command::EndContact(end));
    }

    /// The gateway takes every frame that it was handed.
    fn takes_all(&mut self) {
        for receipt in std::mem::take(&mut self.frames).into_iter().filter_map(|it| it.receipt) {
            self.act(|floor, now, out| floor.on_taken(receipt, now, out));
        }
    }

    fn refuses(&mut self, frame: &Frame, reason: refused::Reason) {
        let Body::CustomerMessage(it) = &frame.body else { panic!("{frame:?}") };
        let (contact, message_id) = (it.contact.clone(), it.message_id.clone());
        let refused = Refused { reason: reason.into(), contact, message_id, ..Refused::default() };
        self.act(|floor, now, out| floor.on_refused(&refused, frame.receipt, now, out));
    }

    /// What the frames say since the last look.
    fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.frames).iter().map(|it| word(&it.body)).collect()
    }

    fn entries(&self, id: &ContactName) -> Vec<String> {
        self.floor.find(id).unwrap().entries.iter().map(|it| shown(it)).collect()
    }

    fn last(&self, id: &ContactName) -> String {
        self.entries(id).pop().unwrap()
    }
}

fn word(body: &Body) -> String {
    match body {
        Body::ContactOffered(it) => format!("offer {} {} from {}", it.contact, it.agent, it.returned_from),
        Body::CustomerMessage(it) => format!("message {}", it.message_id),
        Body::CommandOutcome(it) => format!("outcome {} {:?}", it.action_seq, it.outcome()),
        Body::ContactEnded(it) => format!("ended {}", it.contact),
        Body::AgentLoggedOn(it) => format!("on {}", it.user),
        Body::LogOnRefused(it) => format!("refused {} {:?}", it.user, it.reason()),
        Body::AgentLoggedOff(it) => format!("off {}", it.user),
        Body::Directory(it) => {
            let open: Vec<&str> = it.queues.iter().filter(|it| it.open).map(|it| it.id.as_str()).collect();
            format!("directory {open:?}")
        }
        Body::CustomerTyping(it) => format!("typing {}", it.contact),
        Body::Hello(_) | Body::Heartbeat(_) => panic!("the link's own"),
    }
}

fn shown(entry: &Entry) -> String {
    match &entry.what {
        What::Message { from, .. } => format!("{from:?}: {}", contact::text_of(entry)),
        What::Delivered { id } => format!("delivered {id}"),
        What::State(State::Connecting) => "connecting".to_owned(),
        What::State(State::Bot { after }) => format!("bot {after:?}"),
        What::State(State::Waiting { queue, position, .. }) => format!("waiting {queue} {position}"),
        What::State(State::Person { name }) => format!("with {name}"),
        What::State(State::Ended { by }) => format!("ended by {by:?}"),
        What::Push { url, .. } => format!("page {url}"),
        What::Callback { id, phone, due } => format!("{id} {phone} {due}"),
    }
}
