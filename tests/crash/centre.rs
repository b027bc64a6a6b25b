//! A contact centre with talkative customers that knows what every one of them must hear, and in which order.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use rand::prelude::*;
use serde_json::json;
use usher::{
    clock::Clock,
    wire::engine::{
        Command, CommandOutcome, ContactOffered, CreateCallback, EndContact, MediaType, Requeue, command,
        command_outcome::Outcome, contact_rejected::Reason, customer_message, engine_frame::Body, gateway_frame,
        message, refused, requeue,
    },
};

use crate::{
    external::External,
    fakes::{
        dialogflow::{FakeDialogflow, Reaction, say},
        engine::{Dial, FakeEngine, Setup},
    },
};

pub(crate) const FALLBACK: &str = "Sorry.";
pub(crate) const NOBODY: &str = "Nobody is there.";
pub(crate) const GOODBYE: &str = "Goodbye.";
pub(crate) const AGENT: &str = "va1";

/// Above this many answers due a customer waits before saying more.
const PATIENCE: usize = 6;
/// Frames beyond this wait for acknowledgements: outcomes need room within the credits too.
const FRAMES: usize = 128;

/// What became visible of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Said(String),
    Requeued(String),
    Callback(String),
    Pushed(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Offered,
    Bot,
    /// On the way to a person, or there: what is said goes unanswered by the virtual agent.
    Person,
    Over,
}

#[derive(Debug)]
struct Contact {
    place: Place,
    spoken: u32,
    last_message: String,
    expected: Vec<Seen>,
    seen: Vec<Seen>,
    /// The handover that a person will give it back from.
    back_from: Option<u32>,
    /// Says good-bye sometimes; may be ended then.
    bye: bool,
    timed_out: bool,
    /// What passed, for whoever looks for a fault.
    log: Vec<String>,
}

/// What a customer's message leads to.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Plain,
    Late,
    Failure,
    Callback,
    NoCallback,
    External,
    NoExternal,
    Push,
    Person,
    Nobody,
    Bye,
}

const MIX: &[(Kind, u32)] = &[
    (Kind::Plain, 52),
    (Kind::Late, 12),
    (Kind::Failure, 4),
    (Kind::Callback, 5),
    (Kind::NoCallback, 3),
    (Kind::External, 7),
    (Kind::NoExternal, 3),
    (Kind::Push, 4),
    (Kind::Person, 4),
    (Kind::Nobody, 4),
    (Kind::Bye, 2),
];

/// Kinds that leave nothing to lose but words.
const WORDS: &[(Kind, u32)] = &[(Kind::Plain, 4), (Kind::Late, 1)];

/// How the contact centre's routing engine attaches.
pub(crate) fn setup(dial: Dial) -> Setup {
    let mut setup = Setup::new(dial, "token-1", "engine-1", "sales").user(AGENT);
    for queue in ["person", "nobody", "callbacks", "no-callbacks"] {
        setup = setup.queue(queue, MediaType::WebInteraction);
    }
    setup
}

pub(crate) struct Centre {
    pub(crate) engine: FakeEngine,
    pub(crate) dialogflow: FakeDialogflow,
    pub(crate) external: External,
    contacts: BTreeMap<String, Contact>,
    /// Names of the contacts whose customers talk.
    talking: Vec<String>,
    rng: StdRng,
    mix: &'static [(Kind, u32)],
    /// What must not happen with synchronous durability.
    pub(crate) violations: Vec<String>,
    /// Contacts that the gateway said it does not know.
    unknown: Vec<String>,
    pub(crate) messages: usize,
}

impl Centre {
    /// With so many customers who talk, and so many who never say a word.
    pub(crate) fn new(
        engine: FakeEngine,
        dialogflow: FakeDialogflow,
        external: External,
        rng: StdRng,
        (talking, silent): (usize, usize),
    ) -> Self {
        let (contacts, violations) = (BTreeMap::new(), Vec::new());
        let mut centre = Self {
            engine,
            dialogflow,
            external,
            contacts,
            talking: Vec::new(),
            rng,
            mix: MIX,
            violations,
            unknown: Vec::new(),
            messages: 0,
        };
        for _ in 0..talking {
            let name = centre.offer_new("t");
            centre.talking.push(name);
        }
        for _ in 0..silent {
            centre.offer_new("s");
        }
        centre
    }

    /// Customers ask for nothing but words.
    pub(crate) fn words_only(mut self) -> Self {
        self.mix = WORDS;
        self
    }

    fn offer_new(&mut self, kind: &str) -> String {
        let name = format!("{kind}{}", self.contacts.len());
        let contact = Contact {
            place: Place::Offered,
            spoken: 0,
            last_message: String::new(),
            expected: Vec::new(),
            seen: Vec::new(),
            back_from: None,
            bye: false,
            timed_out: false,
            log: Vec::new(),
        };
        self.contacts.insert(name.clone(), contact);
        self.offer(&name, 0);
        name
    }

    fn offer(&self, contact: &str, returned_from: u32) {
        let media_type = MediaType::WebInteraction.into();
        let (contact, agent) = (contact.to_owned(), AGENT.to_owned());
        let offer = ContactOffered { contact, agent, media_type, returned_from, ..ContactOffered::default() };
        self.engine.send_now(Body::ContactOffered(offer));
    }

    /// Does what is due. With `load` customers talk.
    pub(crate) fn tick(&mut self, load: bool) {
        for command in self.engine.take_commands() {
            self.carry_out(command);
        }
        for notice in self.engine.take_notices() {
            self.note(notice);
        }
        self.give_back(load);
        if load {
            for _ in 0..3 {
                self.talk();
            }
        }
    }

    fn give_back(&mut self, load: bool) {
        let chance = if load { 0.05 } else { 1.0 };
        let due: Vec<(String, u32)> =
            self.contacts.iter().filter_map(|(name, it)| Some((name.clone(), it.back_from?))).collect();
        for (name, from) in due {
            if self.rng.random_bool(chance) {
                self.offer(&name, from);
                let contact = self.contacts.get_mut(&name).unwrap();
                contact.log.push(format!("given back from {from}"));
                contact.back_from = None;
                contact.place = Place::Bot;
            }
        }
    }

    fn talk(&mut self) {
        let slot = self.rng.random_range(0..self.talking.len());
        let name = self.talking[slot].clone();
        let contact = &self.contacts[&name];
        let waits = contact.expected.len() > contact.seen.len() + PATIENCE;
        match contact.place {
            Place::Over => self.talking[slot] = self.offer_new("t"),
            Place::Bot | Place::Person if !waits && self.engine.unacknowledged() < FRAMES => {
                let kind = self.kind();
                self.speak(&name, kind);
            }
            Place::Bot | Place::Person | Place::Offered => {}
        }
    }

    fn kind(&mut self) -> Kind {
        let all: u32 = self.mix.iter().map(|(_, weight)| weight).sum();
        let mut at = self.rng.random_range(0..all);
        for (kind, weight) in self.mix {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return *kind,
            }
        }
        Kind::Plain
    }

    /// Every contact that is with the virtual agent gets one more word in.
    pub(crate) fn all_speak(&mut self) {
        let names: Vec<String> =
            self.contacts.iter().filter(|(_, it)| it.place == Place::Bot).map(|(name, _)| name.clone()).collect();
        for name in names {
            self.speak(&name, Kind::Plain);
        }
    }

    fn speak(&mut self, name: &str, kind: Kind) {
        let contact = self.contacts.get_mut(name).unwrap();
        contact.spoken += 1;
        let text = format!("{name}-{} {kind:?}", contact.spoken);
        let (reaction, expected) = plan(kind, &text, &self.external, &mut self.rng);
        if let Some(reaction) = reaction {
            self.dialogflow.on_text(&text, reaction);
        }
        // Whoever is on the way to a person is not answered here.
        if contact.place == Place::Bot {
            contact.expected.extend(expected);
            contact.bye |= matches!(kind, Kind::Bye);
            if matches!(kind, Kind::Person) {
                contact.place = Place::Person;
            }
        }
        contact.log.push(format!("> {text} ({:?})", contact.place));
        let message = self.engine.compose(name, customer_message::Body::Text(text));
        contact.last_message.clone_from(&message.message_id);
        self.engine.send_now(Body::CustomerMessage(message));
        self.messages += 1;
    }

    fn carry_out(&mut self, command: Command) {
        let Command { contact: name, action_seq: seq, command } = command;
        if let Some(contact) = self.contacts.get_mut(&name) {
            contact.log.push(format!("< {seq} {command:?}"));
        }
        let seen = match command.expect("a command") {
            command::Command::Say(say) => Seen::Said(texts(say.messages)),
            command::Command::PushUrl(push) => {
                self.outcome(&name, seq, Outcome::Done);
                Seen::Pushed(push.url)
            }
            command::Command::CreateCallback(callback) => self.callback(&name, seq, callback),
            command::Command::Requeue(requeue) => self.requeue(&name, seq, requeue),
            command::Command::EndContact(end) => return self.end(&name, seq, end),
        };
        match self.contacts.get_mut(&name) {
            Some(contact) => contact.seen.push(seen),
            None => self.violations.push(format!("{seen:?} for {name}, which nobody offered")),
        }
    }

    fn outcome(&self, contact: &str, action_seq: u32, outcome: Outcome) {
        let (contact, detail) = (contact.to_owned(), String::new());
        let outcome = CommandOutcome { contact, action_seq, outcome: outcome.into(), detail };
        self.engine.send_now(Body::CommandOutcome(outcome));
    }

    fn callback(&self, name: &str, seq: u32, callback: CreateCallback) -> Seen {
        let outcome = if callback.queue == "callbacks" { Outcome::Done } else { Outcome::Failed };
        self.outcome(name, seq, outcome);
        Seen::Callback(callback.queue)
    }

    fn requeue(&mut self, name: &str, seq: u32, requeue: Requeue) -> Seen {
        let Some(requeue::To::Queue(queue)) = requeue.to else { panic!("{name} to no queue") };
        if queue == "person" {
            self.outcome(name, seq, Outcome::Offered);
            self.outcome(name, seq, Outcome::Accepted);
            self.contacts.get_mut(name).unwrap().back_from = Some(seq);
        } else {
            let outcome = if self.rng.random_bool(0.5) { Outcome::Failed } else { Outcome::Expired };
            self.outcome(name, seq, outcome);
        }
        Seen::Requeued(queue)
    }

    fn end(&mut self, name: &str, seq: u32, end: EndContact) {
        let contact = self.contacts.get_mut(name).unwrap();
        let inactivity = end.reason == "inactivity";
        let completed = contact.bye && end.reason == "completed";
        if !(inactivity || completed) {
            self.violations.push(format!("{name} is to be ended for {}: {:#?}", end.reason, contact.log));
        }
        let farewell = if inactivity { GOODBYE } else { "" };
        if texts(end.farewell) != farewell {
            self.violations.push(format!("{name} is ended with another farewell than {farewell:?}"));
        }
        let outcome = if end.unless_after == contact.last_message {
            contact.place = Place::Over;
            contact.timed_out = inactivity;
            Outcome::Done
        } else {
            Outcome::Superseded
        };
        self.outcome(name, seq, outcome);
    }

    fn note(&mut self, notice: gateway_frame::Body) {
        match notice {
            gateway_frame::Body::ContactAccepted(it) => {
                let contact = self.contacts.get_mut(&it.contact).unwrap();
                if contact.place == Place::Offered {
                    contact.place = Place::Bot;
                }
            }
            // Sent again before the restarted gateway has logged its agents on.
            gateway_frame::Body::ContactRejected(it) if it.reason() == Reason::AgentNotLoggedOn => {
                self.offer(&it.contact, 0);
            }
            gateway_frame::Body::Typing(_) | gateway_frame::Body::Draining(_) => {}
            // Its acknowledgement was lost in a kill, and the contact has ended since. Whether it was answered is compared.
            gateway_frame::Body::Refused(it)
                if it.reason() == refused::Reason::ContactEnded && self.contacts[&it.contact].place == Place::Over => {}
            gateway_frame::Body::Refused(it) if it.reason() == refused::Reason::UnknownContact => {
                self.violations.push(format!("{it:?}"));
                self.unknown.push(it.contact);
            }
            other => self.violations.push(format!("{other:?}")),
        }
    }

    /// Works for a while, with or without a gateway.
    pub(crate) async fn work(&mut self, time: Duration, load: bool) {
        let worked = async {
            loop {
                self.tick(load);
                // The customers' pace.
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        };
        let over = tokio::time::timeout(time, worked).await;
        assert!(over.is_err());
    }

    /// Works without new messages until every customer has heard what is due, or for `most`.
    pub(crate) async fn settle(&mut self, most: Duration) {
        let settled = async {
            while !self.is_settled() {
                self.tick(false);
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        };
        // What is missing then is found by the comparison.
        drop(tokio::time::timeout(most, settled).await);
    }

    fn is_settled(&self) -> bool {
        let settled = |it: &Contact| {
            it.seen.len() >= it.expected.len() && it.back_from.is_none() && matches!(it.place, Place::Bot | Place::Over)
        };
        self.engine.unacknowledged() == 0 && self.contacts.values().all(settled)
    }

    /// Works until `silent_only` or all contacts have timed out, or for `most`.
    pub(crate) async fn see_timeouts(&mut self, silent_only: bool, most: Duration) {
        let seen = async {
            while !self.lingering(silent_only).is_empty() || self.engine.unacknowledged() > 0 {
                self.tick(false);
                tokio::time::sleep(Duration::from_millis(4)).await;
            }
        };
        drop(tokio::time::timeout(most, seen).await);
    }

    /// Contacts that are still open.
    pub(crate) fn lingering(&self, silent_only: bool) -> Vec<&str> {
        let open =
            |(name, it): &(&String, &Contact)| it.place != Place::Over && (!silent_only || name.starts_with('s'));
        self.contacts.iter().filter(open).map(|(name, _)| name.as_str()).collect()
    }

    /// How many contacts the gateway said it does not know.
    pub(crate) fn unknown(&self) -> usize {
        self.unknown.iter().collect::<BTreeSet<_>>().len()
    }

    pub(crate) fn timed_out(&self) -> usize {
        self.contacts.values().filter(|it| it.timed_out).count()
    }

    pub(crate) fn contacts(&self) -> usize {
        self.contacts.len()
    }

    /// Where what customers heard and centres did is not what it must be.
    pub(crate) fn differences(&self) -> Vec<String> {
        let mut found = self.violations.clone();
        found.extend(self.engine.breaches());
        found.extend(self.external.violations());
        for (name, contact) in &self.contacts {
            let (seen, expected) = (&contact.seen, &contact.expected);
            if seen != expected {
                let at = seen.iter().zip(expected).take_while(|(seen, expected)| seen == expected).count();
                let (seen, expected) = (seen.get(at..), expected.get(at..));
                let (seen, expected) = (seen.unwrap_or_default(), expected.unwrap_or_default());
                found.push(format!(
                    "{name} ({:?}) from {at} on: {seen:?} instead of {expected:?}: {:#?}",
                    contact.place, contact.log
                ));
            }
        }
        if self.engine.unacknowledged() > 0 {
            found.push(format!("{} frames were never acknowledged", self.engine.unacknowledged()));
        }
        found
    }

    /// Of the last words of contacts that the gateway still knows, those that were not answered exactly once.
    pub(crate) fn unanswered_last_words(&self) -> Vec<String> {
        let unknown = &self.unknown;
        let open = self.contacts.iter().filter(|(name, it)| it.place == Place::Bot && !unknown.contains(name));
        let wrong = open.filter(|(_, it)| {
            let last = it.expected.last();
            last.is_some() && it.seen.iter().filter(|seen| Some(*seen) == last).count() != 1
        });
        wrong
            .map(|(name, it)| format!("{name}: {:?}, heard at last {:?}", it.expected.last(), it.seen.last()))
            .collect()
    }
}

/// What the language engine makes of a message, and what the customer must see of it.
fn plan(kind: Kind, text: &str, external: &External, rng: &mut StdRng) -> (Option<Reaction>, Vec<Seen>) {
    let echo = format!("echo: {text}");
    let said = |text: &str| Seen::Said(text.to_owned());
    let acts = |name: &str, parameters| Some(say(&echo).action(name, &parameters).into());
    let call = json!({ "phone": "+493012345678", "when": next_month() });
    let query = |path: &str| json!({ "uri": external.uri(path), "question": text });
    match kind {
        Kind::Plain => (None, vec![said(&echo)]),
        Kind::Late => {
            let delay = Duration::from_millis(rng.random_range(0..50));
            (Some(Reaction::Late(delay, Box::new(Reaction::Echo))), vec![said(&echo)])
        }
        Kind::Failure => (Some(Reaction::Status(tonic::Code::Internal)), vec![said(FALLBACK)]),
        Kind::Callback => (acts("call_me", call), vec![said(&echo), Seen::Callback("callbacks".to_owned())]),
        Kind::NoCallback => {
            let seen = vec![said(&echo), Seen::Callback("no-callbacks".to_owned()), said(FALLBACK)];
            (acts("call_me_not", call), seen)
        }
        Kind::External => (acts("look_up", query("answer")), vec![said(&echo), said(&format!("content: {text}"))]),
        Kind::NoExternal => (acts("look_up", query("fail")), vec![said(&echo), said(FALLBACK)]),
        Kind::Push => {
            let url = format!("https://example.com/{}", text.replace(' ', "-"));
            (acts("show", json!({ "url": url })), vec![said(&echo), Seen::Pushed(url)])
        }
        Kind::Person => (acts("to_person", json!({})), vec![said(&echo), Seen::Requeued("person".to_owned())]),
        Kind::Nobody => {
            (acts("to_nobody", json!({})), vec![said(&echo), Seen::Requeued("nobody".to_owned()), said(NOBODY)])
        }
        Kind::Bye => (Some(say(&echo).ends().into()), vec![said(&echo)]),
    }
}

fn next_month() -> String {
    let at = Clock::system().now() + Duration::from_secs(30 * 86_400);
    jiff::Timestamp::from_millisecond(at.0).unwrap().to_string()
}

fn texts(messages: Vec<usher::wire::engine::Message>) -> String {
    let text = |it: usher::wire::engine::Message| match it.message {
        Some(message::Message::Text(text)) => text,
        other => panic!("no text but {other:?}"),
    };
    messages.into_iter().map(text).collect::<Vec<_>>().join("|")
}
