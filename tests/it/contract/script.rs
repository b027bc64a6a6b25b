//! What a peer is told to do, in words that no engine owns, and what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
};

use serde_json::Value;
use tokio::sync::watch;
use usher::core::message::{FailureKind, Reply};

use crate::fakes::server::until;

/// What one question leads to.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    Say(Vec<Reply>),
    /// The engine asks for an action. `complete`: it has all the parameters that it wants.
    Act {
        action: String,
        /// An object of strings.
        parameters: Value,
        complete: bool,
        says: Vec<Reply>,
    },
    /// Its fallback: it did not understand, and says so.
    NotUnderstood(String),
    /// The conversation is over, with these last words.
    End(String),
    /// It asks for a person by its own flag, not by a configured action.
    LiveAgent(String),
    /// An answer with nothing to say and nothing to do.
    Empty,
    /// It refuses or fails in the way its protocol has for this kind: 429 for `Quota`, 401 for `Credential`, …
    Fail(FailureKind),
    /// An answer that is none.
    Malformed,
    /// The first half of a good answer, delivered as if it were all of it.
    Truncated,
    /// A good answer of several times the size that the gateway takes from this kind.
    Oversized,
    /// The question is read, then the connection is lost.
    Cut,
    /// The answer waits for the gate: a slow one, one that never comes, or one that comes when it is too late.
    After(Gate, Box<Self>),
    /// The same answer, sent twice.
    Twice(Box<Self>),
    /// Tells that it is at work (no replies), or says a part of the answer already; then the rest.
    First(Vec<Reply>, Box<Self>),
}

impl Then {
    /// Waits for the gate, if there is one. A peer calls it on a task that holds up no other question.
    pub(crate) async fn due(self) -> Self {
        let mut then = self;
        while let Self::After(gate, inner) = then {
            gate.wait().await;
            then = *inner;
        }
        then
    }
}

pub(crate) fn say(text: &str) -> Then {
    Then::Say(vec![Reply::Text(text.to_owned())])
}

/// An action with all its parameters, and a text before it.
pub(crate) fn act(text: &str, action: &str, parameters: Value) -> Then {
    let says = vec![Reply::Text(text.to_owned())];
    Then::Act { action: action.to_owned(), parameters, complete: true, says }
}

/// Holds answers back until the test opens it.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Arc<watch::Sender<Gated>>);

#[derive(Debug, Default)]
struct Gated {
    open: bool,
    waiting: usize,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(watch::Sender::default()))
    }

    pub(crate) fn holds(&self, then: Then) -> Then {
        Then::After(self.clone(), Box::new(then))
    }

    /// Returns when whoever waited has gone on, or had given up.
    pub(crate) async fn open(&self) {
        self.0.send_modify(|it| it.open = true);
        until(self.0.subscribe(), |it| it.waiting == 0).await;
    }

    async fn wait(&self) {
        self.0.send_modify(|it| it.waiting += 1);
        let _waits = Waits(&self.0);
        let mut state = self.0.subscribe();
        state.wait_for(|it| it.open).await.unwrap();
    }
}

/// Counted, also when the question is given up.
struct Waits<'a>(&'a watch::Sender<Gated>);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|it| it.waiting -= 1);
    }
}

/// A question, as the engine understood it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// The conversation's name at the engine: the same for all questions of a contact, and no other's.
    pub(crate) session: String,
    pub(crate) input: Said,
    /// BCP 47; empty where the kind does not tell it ([`super::peer::Ability::Language`]).
    pub(crate) language: String,
    /// It came again, and the engine can tell so (the same turn id).
    pub(crate) repeated: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Text(String),
    Event { name: String, parameters: Value },
}

impl Asked {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.input {
            Said::Text(text) => Some(text),
            Said::Event { .. } => None,
        }
    }

    pub(crate) fn event(&self) -> Option<&str> {
        match &self.input {
            Said::Event { name, .. } => Some(name),
            Said::Text(_) => None,
        }
    }
}

/// A peer's script and its memory, shared with whatever serves its wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct Script(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Protects what is still to come; held for look-ups alone.
    plan: Mutex<Plan>,
    asked: watch::Sender<Vec<Asked>>,
    ended: watch::Sender<Vec<String>>,
}

#[derive(Debug, Default)]
struct Plan {
    by_text: HashMap<String, Then>,
    by_event: HashMap<String, Then>,
    once: HashMap<String, VecDeque<Then>>,
}

impl Script {
    /// For every question with this text. A text that nothing is said about is echoed: `echo: …`.
    pub(crate) fn on_text(&self, text: &str, then: Then) {
        self.0.plan.lock().unwrap().by_text.insert(text.to_owned(), then);
    }

    /// For the next question with this text, before what is said otherwise; several queue up.
    pub(crate) fn once(&self, text: &str, then: Then) {
        self.0.plan.lock().unwrap().once.entry(text.to_owned()).or_default().push_back(then);
    }

    /// For every question with this event.
    pub(crate) fn on_event(&self, name: &str, then: Then) {
        self.0.plan.lock().unwrap().by_event.insert(name.to_owned(), then);
    }

    /// For the peer's wire: a question came, and this is what to do about it.
    pub(crate) fn ask(&self, asked: Asked) -> Then {
        let then = {
            let mut plan = self.0.plan.lock().unwrap();
            let (name, known) = match &asked.input {
                Said::Text(text) => (text, plan.by_text.get(text).cloned()),
                Said::Event { name, .. } => (name, plan.by_event.get(name).cloned()),
            };
            let once = plan.once.get_mut(name).and_then(VecDeque::pop_front);
            once.or(known).unwrap_or_else(|| say(&format!("echo: {name}")))
        };
        self.0.asked.send_modify(|it| it.push(asked));
        then
    }

    /// For the peer's wire: the engine was told that this conversation is over.
    pub(crate) fn ended(&self, session: &str) {
        self.0.ended.send_modify(|it| it.push(session.to_owned()));
    }

    /// All that came so far, in order.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.asked.borrow().clone()
    }

    pub(crate) async fn wait_for(&self, questions: usize) {
        until(self.0.asked.subscribe(), |it| it.len() >= questions).await;
    }

    /// The conversations of which it was told that they are over, when there are so many.
    pub(crate) async fn wait_for_ends(&self, count: usize) -> Vec<String> {
        until(self.0.ended.subscribe(), |it| it.len() >= count).await;
        self.0.ended.borrow().clone()
    }
}

/// What no kind of the suite may use yet is used here.
#[tokio::test]
async fn a_script_remembers_what_was_asked_and_what_ended() {
    let (script, gate) = (Script::default(), Gate::new());
    script.once("hi", Then::Twice(Box::new(say("first"))));
    script.on_text("hi", gate.holds(Then::First(Vec::new(), Box::new(say("second")))));
    let asked = |text: &str| Asked {
        session: "s".to_owned(),
        input: Said::Text(text.to_owned()),
        language: "en".to_owned(),
        repeated: false,
    };
    assert!(matches!(script.ask(asked("hi")), Then::Twice(then) if matches!(*then, Then::Say(_))));
    let second = tokio::spawn(script.ask(asked("hi")).due());
    gate.open().await;
    assert!(
        matches!(second.await.unwrap(), Then::First(parts, then) if parts.is_empty() && matches!(*then, Then::Say(_)))
    );
    let echoed = script.ask(asked("you"));
    assert!(matches!(echoed, Then::Say(replies) if replies == [Reply::Text("echo: you".to_owned())]));
    let texts: Vec<_> = script.asked().iter().filter_map(|it| it.text().map(str::to_owned)).collect();
    assert_eq!(texts, ["hi", "hi", "you"]);
    script.ended("s");
    assert_eq!(script.wait_for_ends(1).await, ["s"]);
}
