//! A conversation with a profile's language engine at the terminal: no gateway, no routing engine, and nothing is carried out.
//!
//! `line` reads what is typed or replayed, `show` tells what came of it.

mod line;
mod show;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context as _, bail};

pub use line::{Line, script};

use crate::{
    clock::Clock,
    config::{
        self, Embedded, Environment, Sources,
        settings::{Egress, Profile},
    },
    core::{
        action::{self, Wanted},
        ids::{self, ContactId, ContactName, Epoch},
        message::{self, Answer, Input, MediaType, Parameters, Speaker},
        profile::Rules,
    },
    egress::Names,
    gateway::ports::{Ask, AskError, LanguageEngine, Progress, Seed},
    nlp,
    offline_nlp::{
        self,
        load::{Source, load},
        server::{Options, Server},
    },
};

/// What an engine without a memory is told of, at most.
const MAX_LINES: usize = 200;

/// The business unit of a conversation that has no configuration.
const DEMO_MAIN: &str = "[[unit]]\nname = \"DEMO\"\nzone = \"Europe/Berlin\"\n";

/// How the customer appears.
#[derive(Clone, Debug)]
pub struct Manner {
    /// `None`: the profile's.
    pub language: Option<String>,
    pub media: MediaType,
    /// What the engine knows the conversation by.
    pub name: ContactName,
}

/// One customer who talks to one language engine.
#[derive(Debug)]
pub struct Conversation {
    rules: Arc<Rules>,
    engine: Arc<dyn LanguageEngine>,
    contact: ContactId,
    language: String,
    media: MediaType,
    clock: Clock,
    /// Inputs in a row that were not understood.
    misses: u32,
    turns: u32,
    /// So far, for an engine that keeps no conversation of its own.
    said: Vec<message::Line>,
    /// The demo agent's, in this process.
    offline: Option<Server>,
}

/// What came of one line.
#[derive(Debug)]
pub struct Turn {
    pub line: Line,
    pub answer: Result<Answer, AskError>,
    pub took: Duration,
    wanted: Wanted,
    /// A kind of contact for which the action is configured, where it is not for this one.
    elsewhere: Option<MediaType>,
    /// In a row, this one included.
    misses: u32,
    rules: Arc<Rules>,
}

impl Conversation {
    /// With a configured profile. Within a Tokio runtime.
    ///
    /// # Errors
    /// When the profile's settings make no engine.
    pub fn with(profile: &Profile, egress: &Egress, manner: Manner, clock: Clock) -> anyhow::Result<Self> {
        let names = Names::new(&egress.resolvers, egress.stale_addresses_for)?;
        let engine = nlp::build(&profile.engines.primary, profile, &nlp::Deps::new(clock.clone(), Arc::new(names)))?;
        let Manner { language, media, name } = manner;
        Ok(Self {
            rules: Arc::clone(&profile.rules),
            engine,
            contact: ContactId { unit: profile.unit.clone(), name },
            language: language.unwrap_or_else(|| profile.rules.language.clone()),
            media,
            clock,
            misses: 0,
            turns: 0,
            said: Vec::new(),
            offline: None,
        })
    }

    /// Another customer of the same engine: whatever was said to it before is another conversation's.
    #[must_use]
    pub fn anew(&self, manner: Manner) -> Self {
        let Manner { language, media, name } = manner;
        Self {
            rules: Arc::clone(&self.rules),
            engine: Arc::clone(&self.engine),
            contact: ContactId { unit: self.contact.unit.clone(), name },
            language: language.unwrap_or_else(|| self.rules.language.clone()),
            media,
            clock: self.clock.clone(),
            misses: 0,
            turns: 0,
            said: Vec::new(),
            offline: None,
        }
    }

    /// With the demo agent, whose language engine is started in this process.
    ///
    /// # Errors
    /// When no port can be had.
    pub async fn with_demo(manner: Manner, clock: Clock) -> anyhow::Result<Self> {
        let agent = load(Source::files(offline_nlp::demo_files())).context("the demo agent")?.agent;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("no port for the demo agent")?;
        let server = Server::start(listener, agent, Options::default(), clock.clone()).await?;
        let endpoint = format!("endpoint = \"http://{}\"", server.address());
        let profile = config::DEMO_PROFILE.replace("endpoint = \"http://127.0.0.1:7403\"", &endpoint);
        let embedded = Embedded { main: DEMO_MAIN.to_owned(), profiles: vec![("demo".to_owned(), profile)] };
        let sources = Sources { embedded: Some(embedded), environment: Environment::default(), ..Sources::default() };
        let settings = match config::load(&sources, &nlp::schemas(), &|_| Err(config::SecretError::Unknown)) {
            Ok(loaded) => loaded.settings,
            Err(findings) => bail!("the demo's configuration has {} errors", findings.errors()),
        };
        let profile = settings.profiles.first().context("the demo has no profile")?;
        Ok(Self { offline: Some(server), ..Self::with(profile, &settings.egress, manner, clock)? })
    }

    /// The event that the gateway would begin with, if the profile names one.
    #[must_use]
    pub fn welcome(&self) -> Option<Line> {
        let name = &self.rules.welcome_event;
        (!name.is_empty()).then(|| Line::Event { name: name.clone(), parameters: Parameters::new() })
    }

    /// Asks the engine, and works out what the gateway would do.
    pub async fn take(&mut self, line: Line) -> Turn {
        let input = match line.clone() {
            Line::Words(text) => Input::Text(text),
            Line::Event { name, parameters } => Input::Event { name, parameters },
        };
        let (answer, took) = self.ask(input).await;
        let (mut wanted, mut elsewhere) = (Wanted::Nothing, None);
        if let Ok(answer) = &answer {
            wanted = self.wanted(answer);
            elsewhere = self.rules.actions.iter().find(|rule| rule.name == answer.action).map(|rule| rule.media);
            if matches!(line, Line::Words(_)) {
                self.misses = if answer.not_understood { self.misses.saturating_add(1) } else { 0 };
            }
        }
        Turn { line, answer, took, wanted, elsewhere, misses: self.misses, rules: Arc::clone(&self.rules) }
    }

    /// One question, and how long its answer took.
    pub async fn ask(&mut self, input: Input) -> (Result<Answer, AskError>, Duration) {
        self.turns += 1;
        let turn = Some((ids::Turn(self.turns), Epoch(0)));
        let mut ask =
            Ask { media: self.media, turn, ..Ask::new(self.contact.clone(), input.clone(), self.language.clone()) };
        if self.engine.wants_transcript() {
            ask.seed = Some(Box::new(Seed { transcript: self.said.clone(), slots: Parameters::new(), returns: false }));
        }
        let early = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&early);
        ask.progress =
            Progress::new(move |replies| heard.lock().unwrap_or_else(PoisonError::into_inner).extend(replies));
        let asked = Clock::instant();
        let mut answer = self.engine.ask(ask).await;
        let took = asked.elapsed();
        if let Ok(answer) = &mut answer {
            // What was said before the answer is part of it.
            let early = std::mem::take(&mut *early.lock().unwrap_or_else(PoisonError::into_inner));
            answer.replies.splice(0..0, early);
        }
        self.keep(&input, answer.as_ref().ok());
        (answer, took)
    }

    fn keep(&mut self, input: &Input, answer: Option<&Answer>) {
        let at = self.clock.now();
        let customer = match input {
            Input::Text(text) | Input::Dtmf(text) => Some(text.clone()),
            Input::Event { .. } | Input::Structured(_) | Input::Redacted => None,
        };
        let line = |speaker, text| message::Line { speaker, text, at };
        self.said.extend(customer.map(|text| line(Speaker::Customer, text)));
        let replies = answer.into_iter().flat_map(|it| &it.replies);
        self.said.extend(replies.map(|it| line(Speaker::VirtualAgent, it.text())));
        let surplus = self.said.len().saturating_sub(MAX_LINES);
        self.said.drain(..surplus);
    }

    /// What the gateway would make of an answer now.
    #[must_use]
    pub fn wanted(&self, answer: &Answer) -> Wanted {
        action::wanted(answer, self.media, &self.rules, self.clock.now())
    }

    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// # Errors
    /// When the demo agent's engine ended badly.
    pub async fn end(self) -> anyhow::Result<()> {
        let Self { offline, engine, .. } = self;
        // Its connections end first.
        drop(engine);
        match offline {
            Some(server) => server.stop().await.context("the demo agent's engine"),
            None => Ok(()),
        }
    }
}

impl Turn {
    /// Whether the gateway would close the contact after this.
    #[must_use]
    pub fn ends(&self) -> bool {
        let ends = |it: &Answer| it.end_interaction && it.parameters_complete && !self.hands_over();
        self.answer.as_ref().is_ok_and(ends)
    }
}
