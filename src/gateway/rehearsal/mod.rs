//! Rehearsals: the core's own conversation with one of a profile's engines, without a contact.
//!
//! What the customer would see is shown; what others would carry out is worked out and done by nobody; what comes of it is made up by whoever tries.
//!
//! The engine is the one that contacts have, with its breaker and its quota, behind contacts; the conversation it is asked in is
//! one of its own. `run` goes through tests.

mod run;
mod scene;
mod tokens;

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{sync::mpsc, time::sleep_until};

use super::{
    Gateway,
    ports::{Ask, LanguageEngine, Progress, Seed},
};
use crate::{
    clock::Clock,
    core::{
        contact::{Addressee, Card, Command, Contact, Context, Effect, Event, Out, Outcome, Standing},
        directory::{Directory, Queue},
        ids::{ActionSeq, ContactId, ContactName, Epoch, MessageId, ProfileName, Timestamp, Turn, UnitName, UserId},
        message::{Input, MediaType, Parameters},
        profile::{Chain, Destination, Rules},
        rehearsal::{Awaits, Cue, Feigned, MAX_CUES, Queues, Setting, destinations},
        step::Step,
    },
    privacy::Scanner,
};
pub use run::{Bounds, Came, StepResult, TestResult, run};
use scene::Hearing;
pub use scene::{Exchange, Failure, Scene};
use tokens::Tokens;

/// How long the slow line may be late: what is due is looked for again after this.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
/// Of all answers as the engine gave them.
const MAX_ALL_RAW_BYTES: usize = 512 * 1024;
/// Parts of an answer that may wait to be looked at.
const MAX_PARTS: usize = 256;

/// What a rehearsal is made of.
#[derive(Clone, Debug)]
pub struct Stage {
    pub rules: Arc<Rules>,
    pub engine: Arc<dyn LanguageEngine>,
    /// What becomes a token in what is put in.
    pub scanner: Arc<Scanner>,
    pub clock: Clock,
    /// As the routing engine tells it now, if it does.
    pub directory: Arc<Directory>,
}

/// Why there is no rehearsal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoStage {
    #[error("there is no such profile")]
    NoProfile,
    #[error("the profile has no such engine")]
    NoEngine,
}

/// Why a cue is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    #[error("the conversation is over")]
    Over,
    #[error("a conversation has {MAX_CUES} inputs at most")]
    TooMany,
    #[error("nothing waits for such an outcome now")]
    NotAwaited,
    #[error("nothing is due while the customer stays silent")]
    NothingDue,
    #[error("it {0}")]
    Bad(&'static str),
}

impl Gateway {
    /// One of a running profile's engines, with all that it takes to rehearse with it.
    ///
    /// # Errors
    /// When there is none.
    pub fn stage(&self, unit: &UnitName, profile: &ProfileName, engine: &str) -> Result<Stage, NoStage> {
        let roster = self.roster();
        let served = roster.of_unit(unit).find(|it| it.rules.profile == *profile).ok_or(NoStage::NoProfile)?;
        let engine = served.engines().find(engine).ok_or(NoStage::NoEngine)?;
        Ok(Stage {
            rules: Arc::clone(&served.rules),
            engine: Arc::clone(engine),
            scanner: self.scanner.load_full(),
            clock: self.clock.clone(),
            directory: self.directory(unit).unwrap_or_default(),
        })
    }
}

impl Stage {
    /// Whether the same is played on both: neither rules nor engine have changed.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        let same_rules = Arc::ptr_eq(&self.rules, &other.rules) || told(&self.rules) == told(&other.rules);
        same_rules && Arc::ptr_eq(&self.engine, &other.engine)
    }
}

/// All of it: two that read alike are alike.
fn told(rules: &Rules) -> String {
    format!("{rules:?}")
}

/// A conversation that nobody has.
pub struct Rehearsal {
    stage: Stage,
    /// The profile's, as if it had this engine alone.
    rules: Rules,
    setting: Setting,
    directory: Directory,
    id: ContactId,
    tokens: Tokens,
    contact: Option<Contact>,
    awaited: Option<(Awaits, ActionSeq)>,
    over: bool,
    messages: u32,
    /// How far silence has moved the clock.
    ahead: Duration,
    scenes: Vec<Scene>,
}

impl fmt::Debug for Rehearsal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehearsal").field("id", &self.id).field("scenes", &self.scenes.len()).finish_non_exhaustive()
    }
}

impl Rehearsal {
    /// Of nothing but its setting: [`Cue::Begin`] is the first cue.
    #[must_use]
    pub fn new(stage: Stage, setting: Setting) -> Self {
        let rules = Rules { chain: Chain::default(), coalesce: Duration::ZERO, ..Rules::clone(&stage.rules) };
        // No contact centre gives such names, so no contact's conversation at the engine is met.
        let name = format!("trial-{:032x}", rand::random::<u128>());
        let name = ContactName::new(&name).unwrap_or_else(|_| unreachable!("it is short and plain"));
        let directory = match setting.queues {
            Queues::Open => queues(&rules, setting.media, true),
            Queues::Closed => queues(&rules, setting.media, false),
            Queues::Now => Directory::clone(&stage.directory),
        };
        Self {
            id: ContactId { unit: rules.unit.clone(), name },
            stage,
            rules,
            setting,
            directory,
            tokens: Tokens::default(),
            contact: None,
            awaited: None,
            over: false,
            messages: 0,
            ahead: Duration::ZERO,
            scenes: Vec::new(),
        }
    }

    #[must_use]
    pub const fn stage(&self) -> &Stage {
        &self.stage
    }

    #[must_use]
    pub const fn setting(&self) -> &Setting {
        &self.setting
    }

    #[must_use]
    pub fn scenes(&self) -> &[Scene] {
        &self.scenes
    }

    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.over
    }

    /// What it waits for that somebody else would have to say.
    #[must_use]
    pub fn awaits(&self) -> Option<Awaits> {
        let standing = self.contact.as_ref()?.standing();
        match (self.awaited.as_ref()?.0, standing) {
            (Awaits::Person, Standing::WithPerson) => Some(Awaits::Return),
            (awaits @ Awaits::Person, Standing::HandingOver)
            | (awaits @ (Awaits::Callback | Awaits::Push | Awaits::External), Standing::Acting) => Some(awaits),
            (Awaits::Person | Awaits::Return | Awaits::Callback | Awaits::Push | Awaits::External, _) => None,
        }
    }

    /// Whether something comes of it if the customer stays silent.
    #[must_use]
    pub fn can_wait(&self) -> bool {
        !self.over && self.contact.as_ref().is_some_and(|it| it.due(&self.rules).is_some())
    }

    /// The customer is gone; an engine that keeps a conversation is told.
    pub fn end(&mut self) {
        if !self.over && self.contact.is_some() {
            let out = self.apply(Event::Left { reason: "the trial is over".to_owned() });
            self.over = true;
            self.tell_steps(&out.steps);
        }
    }

    /// An engine that keeps conversations hears of this one's steps as of a contact's.
    fn tell_steps(&self, steps: &[Step]) {
        if self.stage.engine.hears_steps() {
            for step in steps {
                self.stage.engine.on_step(&self.id, step);
            }
        }
    }

    /// Puts a cue in, and waits for all that comes of it.
    ///
    /// # Errors
    /// When it cannot be put in now; nothing has changed then.
    pub async fn take(&mut self, cue: Cue) -> Result<&Scene, NotTaken> {
        cue.check().map_err(NotTaken::Bad)?;
        if self.over {
            return Err(NotTaken::Over);
        }
        if self.scenes.len() >= MAX_CUES {
            return Err(NotTaken::TooMany);
        }
        let (cue, event) = self.event_of(cue)?;
        let began = Clock::instant();
        let mut scene = Scene { cue, exchanges: Vec::new(), said: Vec::new(), steps: Vec::new(), took: Duration::ZERO };
        let out = match event {
            None => self.begin(),
            Some(event) => self.apply(event),
        };
        self.go_on(out, &mut scene).await;
        scene.took = began.elapsed();
        self.tell_steps(&scene.steps);
        self.scenes.push(scene);
        self.forget_raw();
        self.scenes.last().ok_or(NotTaken::Over)
    }

    /// The oldest first.
    fn forget_raw(&mut self) {
        let all = self.scenes.iter_mut().rev().flat_map(|it| it.exchanges.iter_mut().rev());
        let mut sum = 0;
        for exchange in all {
            sum += exchange.raw.as_ref().map_or(0, String::len);
            if sum > MAX_ALL_RAW_BYTES {
                exchange.raw = None;
            }
        }
    }

    /// `None`: the beginning.
    fn event_of(&mut self, cue: Cue) -> Result<(Cue, Option<Event>), NotTaken> {
        if let Some(mut input) = cue.input() {
            // A test that does not begin begins with the customer.
            if self.contact.is_none() {
                return Err(NotTaken::NotAwaited);
            }
            self.tokens.hide(&self.stage.scanner, &mut input);
            self.messages += 1;
            let id = MessageId::new(&format!("m{}", self.messages)).map_err(|_unlikely| NotTaken::TooMany)?;
            let event = Event::Message { id, input: input.clone(), sensitive: false };
            return Ok((Cue::of_input(input), Some(event)));
        }
        let event = match &cue {
            Cue::Begin if self.contact.is_none() => None,
            Cue::Silence => {
                let due = self.contact.as_ref().and_then(|it| it.due(&self.rules)).ok_or(NotTaken::NothingDue)?;
                self.ahead += due.since(self.now());
                Some(Event::Tick)
            }
            Cue::Outcome { outcome, text } => Some(self.feigned(*outcome, text).ok_or(NotTaken::NotAwaited)?),
            Cue::Begin | Cue::Say(_) | Cue::Keys(_) | Cue::Event { .. } | Cue::Form(_) => {
                return Err(NotTaken::NotAwaited);
            }
        };
        Ok((cue, event))
    }

    /// What the contact would be told of the outcome; `None`: it waits for no such.
    fn feigned(&self, outcome: Feigned, text: &str) -> Option<Event> {
        let awaits = self.awaits().filter(|it| it.outcomes().contains(&outcome))?;
        let seq = self.awaited.as_ref()?.1;
        let told = |outcome| Event::Outcome { seq, outcome, detail: text.to_owned() };
        Some(match (awaits, outcome) {
            (Awaits::External, Feigned::Done) => Event::ExternalAnswered { seq, content: text.to_owned() },
            (Awaits::External, _) => Event::ExternalFailed { seq, label: "rehearsed", detail: text.to_owned() },
            (Awaits::Return, _) => Event::Returned { card: Box::new(self.card()), from: seq },
            (_, Feigned::Accepted) => told(Outcome::Accepted),
            (_, Feigned::Expired) => told(Outcome::Expired),
            (_, Feigned::Done) => told(Outcome::Done),
            (_, Feigned::Failed | Feigned::Returned) => told(Outcome::Failed),
        })
    }

    fn card(&self) -> Card {
        let agent = self.rules.agents.first().cloned().or_else(|| UserId::new("trial").ok());
        Card {
            agent: agent.unwrap_or_else(|| unreachable!("it is short and plain")),
            media: self.setting.media,
            queue: None,
            language: self.setting.language.clone().unwrap_or_else(|| self.rules.language.clone()),
            customer_id: String::new(),
            customer_name: String::new(),
            customer_address: String::new(),
            attributes: Vec::new(),
            history: Vec::new(),
        }
    }

    fn now(&self) -> Timestamp {
        self.stage.clock.now() + self.ahead
    }

    fn begin(&mut self) -> Out {
        let mut out = Out::default();
        let cx = Context { rules: &self.rules, directory: &self.directory, now: self.now(), rolled_back: false };
        self.contact = Some(Contact::start(self.card(), false, None, cx, &mut out));
        out
    }

    fn apply(&mut self, event: Event) -> Out {
        let mut out = Out::default();
        let now = self.now();
        let cx = Context { rules: &self.rules, directory: &self.directory, now, rolled_back: false };
        if let Some(contact) = &mut self.contact {
            contact.on_event(event, cx, &mut out);
        }
        out
    }

    /// Until nothing more follows without somebody's word.
    async fn go_on(&mut self, out: Out, scene: &mut Scene) {
        let mut effects = VecDeque::new();
        take(out, &mut effects, scene);
        while let Some(effect) = effects.pop_front() {
            match effect {
                Effect::Ask { turn, epoch, to, input, payload } => {
                    self.ask((turn, epoch), to, (input, payload), &mut effects, scene).await;
                }
                Effect::Tell { event, payload, .. } => self.tell(event, payload, scene).await,
                Effect::Send { seq, command } => take(self.sent(seq, &command, scene), &mut effects, scene),
                Effect::External { seq, .. } => self.awaited = Some((Awaits::External, seq)),
                Effect::Close => self.over = true,
                Effect::Typing | Effect::Busy(_) | Effect::ContactEnded(_) => {}
            }
        }
    }

    /// The routing engine has it at once, and carries out nothing.
    fn sent(&mut self, seq: ActionSeq, command: &Command, scene: &mut Scene) -> Out {
        let out = self.apply(Event::Delivered(seq));
        match command {
            Command::Say(replies) => scene.said.extend(replies.iter().cloned()),
            Command::Requeue { .. } => self.awaited = Some((Awaits::Person, seq)),
            Command::CreateCallback { .. } => self.awaited = Some((Awaits::Callback, seq)),
            Command::PushUrl(_) => self.awaited = Some((Awaits::Push, seq)),
            Command::EndContact { farewell, .. } => {
                scene.said.extend(farewell.iter().cloned());
                return self.apply(Event::Outcome { seq, outcome: Outcome::Done, detail: String::new() });
            }
        }
        out
    }

    async fn ask(
        &mut self,
        (turn, epoch): (Turn, Epoch),
        to: Addressee,
        (input, payload): (Input, Parameters),
        effects: &mut VecDeque<Effect>,
        scene: &mut Scene,
    ) {
        let (hear, mut heard) = mpsc::channel(MAX_PARTS);
        let began = Clock::instant();
        let first = Arc::new(Mutex::new(None::<Duration>));
        let progress = {
            let first = Arc::clone(&first);
            Progress::new(move |replies| {
                let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(|| began.elapsed());
                // What is more than that is not said early.
                drop(hear.try_send(replies));
            })
        };
        let (ear, hearing) = Hearing::begin(began);
        let ask = Ask { progress, ear, ..self.question(Some((turn, epoch)), (input, payload), to.new) };
        let event = event_in(&ask.input);
        let engine = Arc::clone(&self.stage.engine);
        let mut asked = engine.ask(ask);
        let result = loop {
            let wait = self.due_in();
            let at = Clock::instant() + wait.unwrap_or_default().max(LEAST_PAUSE);
            let out = tokio::select! {
                biased;
                Some(replies) = heard.recv() => self.apply(Event::Progressed { turn, epoch, replies }),
                result = &mut asked => break result,
                () = sleep_until(at), if wait.is_some() => self.apply(Event::Tick),
            };
            self.meanwhile(out, effects, scene);
        };
        let took = began.elapsed();
        while let Ok(replies) = heard.try_recv() {
            let out = self.apply(Event::Progressed { turn, epoch, replies });
            self.meanwhile(out, effects, scene);
        }
        let first_part = *first.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = result.map_err(|error| Failure { kind: error.kind, advice: error.advice });
        let told = match &answer {
            Ok(answer) => Event::Answered { turn, epoch, answer: Box::new(answer.clone()) },
            Err(Failure { kind, advice }) => Event::AskFailed { turn, epoch, kind: *kind, advice: advice.clone() },
        };
        let (waited, raw) = hearing.end();
        scene.exchanges.push(Exchange { event, answer, told: false, took, waited, first_part, raw });
        let out = self.apply(told);
        take(out, effects, scene);
    }

    /// What can be said while the engine is at work is said at once; the rest waits.
    fn meanwhile(&mut self, out: Out, effects: &mut VecDeque<Effect>, scene: &mut Scene) {
        let mut now = VecDeque::new();
        take(out, &mut now, scene);
        while let Some(effect) = now.pop_front() {
            match &effect {
                Effect::Send { seq, command } => {
                    let more = self.sent(*seq, command, scene);
                    take(more, &mut now, scene);
                }
                Effect::Ask { .. }
                | Effect::Tell { .. }
                | Effect::External { .. }
                | Effect::Typing
                | Effect::Busy(_)
                | Effect::ContactEnded(_)
                | Effect::Close => effects.push_back(effect),
            }
        }
    }

    /// The engine is told of something, as it would be; nobody waits for what it says.
    async fn tell(&mut self, event: String, payload: Parameters, scene: &mut Scene) {
        let input = Input::Event { name: event.clone(), parameters: Parameters::new() };
        let began = Clock::instant();
        let (ear, hearing) = Hearing::begin(began);
        let ask = Ask { ear, ..self.question(None, (input, payload), false) };
        let answer = self.stage.engine.ask(ask).await;
        let answer = answer.map_err(|error| Failure { kind: error.kind, advice: error.advice });
        let took = began.elapsed();
        let (waited, raw) = hearing.end();
        let first_part = None;
        scene.exchanges.push(Exchange { event: Some(event), answer, told: true, took, waited, first_part, raw });
    }

    fn question(&self, turn: Option<(Turn, Epoch)>, (input, payload): (Input, Parameters), new: bool) -> Ask {
        let card = self.card();
        let seed = (new || self.stage.engine.wants_transcript()).then(|| {
            let contact = self.contact.as_ref();
            let transcript = contact.map(Contact::said_before).unwrap_or_default();
            let slots = contact.map(|it| it.slots().clone()).unwrap_or_default();
            Box::new(Seed { transcript, slots, returns: false })
        });
        // Behind every contact that goes on: it is not one.
        let asked = Ask::new(self.id.clone(), input, card.language);
        Ask { media: card.media, turn, payload, ongoing: false, seed, ..asked }
    }

    fn due_in(&self) -> Option<Duration> {
        let due = self.contact.as_ref()?.due(&self.rules)?;
        Some(due.since(self.now()))
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.end();
    }
}

fn take(out: Out, effects: &mut VecDeque<Effect>, scene: &mut Scene) {
    scene.steps.extend(out.steps);
    effects.extend(out.effects);
}

fn event_in(input: &Input) -> Option<String> {
    match input {
        Input::Event { name, .. } => Some(name.clone()),
        Input::Text(_) | Input::Structured(_) | Input::Dtmf(_) | Input::Redacted => None,
    }
}

/// Each place that the rules name, and nothing else.
fn queues(rules: &Rules, media: MediaType, open: bool) -> Directory {
    let mut directory = Directory::default();
    for (to, of) in destinations(rules) {
        match to {
            Destination::Queue(id) => {
                let media = of.unwrap_or(media);
                let queue = Queue { name: String::new(), media, open, waiting: 0, expected_wait_s: None };
                directory.queues.insert(id, queue);
            }
            Destination::Target(id) if open => {
                directory.targets.insert(id, String::new());
            }
            Destination::Target(_) => {}
        }
    }
    directory
}

#[cfg(test)]
mod tests;
