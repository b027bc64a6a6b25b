//! The conversation: contexts, events, follow-ups, slot filling and responses, as Dialogflow ES conducts them.
//!
//! Pure: [`Engine::begin`] carries out a turn on a [`Session`]; where the intent wants its webhook asked, the server does so
//! and hands the answer to [`Engine::finish`]. Nothing here knows the time or the wire.

mod choose;
mod contexts;
mod filling;
mod parameters;
mod respond;
mod size;
mod values;
mod webhook;

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Timestamp, tz::TimeZone};
use serde_json::{Map, Value, json};

pub use contexts::{Context, Contexts, EXPIRE_AFTER};
pub use size::entity_bytes;
pub use values::json_bytes;
pub use webhook::{Followup, Fulfilment, Next};

use super::{
    agent::{Agent, Intent, Language, Message, fallbacks},
    lexicon::{Found, Lexicon, Moment, SessionEntity},
    matcher::Matcher,
};
use choose::Choice;
use filling::Filling;
use respond::Turns;
use values::{Scope, Slots};

const MAX_SESSION_ENTITIES: usize = 64;

/// An agent made ready to converse.
#[derive(Debug)]
pub struct Engine {
    agent: Arc<Agent>,
    tongues: BTreeMap<Language, Tongue>,
    zone: TimeZone,
}

#[derive(Debug)]
struct Tongue {
    lexicon: Lexicon,
    matcher: Matcher,
}

/// One conversation.
#[derive(Clone, Debug)]
pub struct Session {
    pub contexts: Contexts,
    /// Of CX: what clients have put there and intents have found. ES has none.
    pub parameters: Map<String, Value>,
    entities: Vec<(SessionEntity, Timestamp)>,
    filling: Option<Filling>,
    turns: Turns,
    not_understood: u32,
}

#[derive(Clone, Debug)]
pub enum Input {
    Text(String),
    Event { name: String, parameters: Map<String, Value> },
}

/// What a client asks.
#[derive(Clone, Debug)]
pub struct Query {
    pub input: Input,
    pub language: String,
    /// Active from before this turn on.
    pub contexts: Vec<Context>,
    pub reset_contexts: bool,
    pub entities: Vec<SessionEntity>,
    /// `None`: the agent's.
    pub zone: Option<TimeZone>,
}

/// What a turn has come to.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub query_text: String,
    /// The agent's own that served.
    pub language: Language,
    /// Place in the agent's intents; `None`: nobody has an answer.
    pub intent: Option<usize>,
    pub confidence: f32,
    pub action: String,
    pub parameters: Map<String, Value>,
    pub complete: bool,
    pub cancels_slot_filling: bool,
    pub text: String,
    pub messages: Vec<Message>,
    pub contexts: Vec<Context>,
    pub webhook_source: String,
    pub webhook_payload: Option<Map<String, Value>>,
}

/// A turn that is answered but for the webhook.
#[derive(Clone, Debug)]
pub struct Turn {
    pub outcome: Outcome,
    pub asks_webhook: bool,
}

/// What a text or an event is taken for.
struct Heard {
    intent: usize,
    confidence: f32,
    slots: Slots,
}

impl Engine {
    #[must_use]
    pub fn new(agent: Arc<Agent>) -> Self {
        let tongue = |language: &Language| {
            let tongue =
                Tongue { lexicon: Lexicon::build(&agent, language), matcher: Matcher::build(&agent, language) };
            (language.clone(), tongue)
        };
        let tongues = agent.languages.iter().map(tongue).collect();
        let zone = TimeZone::get(&agent.time_zone).unwrap_or(TimeZone::UTC);
        Self { agent, tongues, zone }
    }

    #[must_use]
    pub fn agent(&self) -> &Agent {
        &self.agent
    }

    /// Answers `query` as far as that goes without the webhook.
    pub fn begin(&self, session: &mut Session, query: Query, now: Timestamp) -> Turn {
        session.prepare(&query, now);
        let filled = session.filling.as_ref().and_then(|it| self.agent.intents.get(it.intent));
        if filled.is_some_and(|it| !filling::is_held(&session.contexts, it)) {
            session.filling = None;
        }
        let language = self.language(&query.language);
        let moment = Moment { now, zone: query.zone.unwrap_or_else(|| self.zone.clone()) };
        let turn = match query.input {
            Input::Text(text) => self.on_text(session, text, language, &moment),
            Input::Event { name, parameters } => self.on_event(session, name, parameters, language, now),
        };
        if !turn.asks_webhook {
            session.contexts.end_turn();
        }
        turn
    }

    /// The agent's language that serves a client's: itself, what it falls back to, or the agent's own.
    fn language(&self, wanted: &str) -> Language {
        let wanted = wanted.to_lowercase().replace('_', "-");
        let own = fallbacks(&wanted).find(|it| self.tongues.contains_key(*it));
        own.unwrap_or(&self.agent.default_language).to_owned()
    }

    fn on_text(&self, session: &mut Session, text: String, language: Language, moment: &Moment) -> Turn {
        let Some(tongue) = self.tongues.get(&language) else {
            return self.unanswered(session, text, language, moment.now);
        };
        let entities: Vec<SessionEntity> = session.entities.iter().map(|(it, _)| it.clone()).collect();
        let found = tongue.lexicon.with_session(&entities).all(&text, moment);
        let ranked = tongue.matcher.rank(&text, &found);
        let choice = choose::by_text(&self.agent, &session.contexts, &ranked);
        let heard = |choice: Choice| self.heard(tongue, session, choice, &text, &found);

        let Some(filling) = session.filling.clone() else {
            return match choice.map(heard) {
                Some(heard) => self.matched(session, heard, text, language, moment.now),
                None => self.fall_back(session, text, language, moment.now),
            };
        };
        let sure = choice.filter(|it| it.exact || it.confidence >= choose::SURE);
        if let Some(answer) = filling::cancelled(&text, &language) {
            let other = sure.filter(|it| it.intent != filling.intent).map(heard);
            return self.cancel(session, &filling, (text, language, answer), other, moment.now);
        }
        let reply = self.reply(&filling, sure, &text, &found);
        let heard = match (reply, sure) {
            (Some(slots), _) => Heard { intent: filling.intent, confidence: 1.0, slots },
            (None, Some(choice)) if choice.intent == filling.intent => self.said_again(filling, heard(choice), session),
            (None, Some(choice)) => heard(choice),
            (None, None) => Heard { intent: filling.intent, confidence: 1.0, slots: filling.slots },
        };
        self.matched(session, heard, text, language, moment.now)
    }

    /// The intent that is being filled, in other words: what is new counts, what has been said before stays.
    fn said_again(&self, filling: Filling, mut heard: Heard, session: &Session) -> Heard {
        let unsaid = self.agent.intents.get(heard.intent).map(|it| parameters::unsaid(it, &session.contexts));
        let unsaid = unsaid.unwrap_or_default();
        let known = filling.slots.into_iter().filter(|(_, it)| !values::is_empty(&it.value));
        for (name, slot) in known {
            if heard.slots.get(&name) == unsaid.get(&name) {
                heard.slots.insert(name, slot);
            }
        }
        heard
    }

    /// The slots after a reply to a prompt; `None`: it is none, or it is for another intent.
    fn reply(&self, filling: &Filling, sure: Option<Choice>, text: &str, found: &[Found]) -> Option<Slots> {
        let given = filling.take(self.agent.intents.get(filling.intent)?, text, found)?;
        let is_for_another = sure.is_some_and(|it| it.exact && it.intent != filling.intent);
        (given.is_all || !is_for_another).then_some(given.slots)
    }

    fn heard(&self, tongue: &Tongue, session: &Session, choice: Choice, text: &str, found: &[Found]) -> Heard {
        let aligned = tongue.matcher.align(choice.intent, text, found);
        let slots = self.agent.intents.get(choice.intent);
        let slots = slots.map(|it| parameters::resolve(it, aligned, found, &session.contexts)).unwrap_or_default();
        Heard { intent: choice.intent, confidence: choice.confidence, slots }
    }

    fn on_event(
        &self,
        session: &mut Session,
        name: String,
        parameters: Map<String, Value>,
        language: Language,
        now: Timestamp,
    ) -> Turn {
        let event = name.to_lowercase();
        let Some(index) = choose::by_event(&self.agent, &session.contexts, &event) else {
            return Turn { outcome: session.outcome(name, language), asks_webhook: false };
        };
        // For this turn alone: `#event.parameter`.
        session.contexts.set(Context { name: event, lifespan: 1, parameters }, now);
        let slots = self.agent.intents.get(index).map(|it| parameters::unsaid(it, &session.contexts));
        let heard = Heard { intent: index, confidence: 1.0, slots: slots.unwrap_or_default() };
        self.matched(session, heard, name, language, now)
    }

    fn fall_back(&self, session: &mut Session, text: String, language: Language, now: Timestamp) -> Turn {
        let Some(index) = choose::fallback(&self.agent, &session.contexts) else {
            return self.unanswered(session, text, language, now);
        };
        let slots = self.agent.intents.get(index).map(|it| parameters::unsaid(it, &session.contexts));
        let heard = Heard { intent: index, confidence: 1.0, slots: slots.unwrap_or_default() };
        self.matched(session, heard, text, language, now)
    }

    fn unanswered(&self, session: &mut Session, text: String, language: Language, now: Timestamp) -> Turn {
        session.contexts.count_down(now);
        session.not_understood = session.not_understood.saturating_add(1);
        Turn { outcome: session.outcome(text, language), asks_webhook: false }
    }

    fn cancel(
        &self,
        session: &mut Session,
        filling: &Filling,
        (text, language, answer): (String, Language, &str),
        other: Option<Heard>,
        now: Timestamp,
    ) -> Turn {
        session.stop_filling(&self.agent);
        if let Some(other) = other {
            let mut turn = self.matched(session, other, text, language, now);
            turn.outcome.cancels_slot_filling = true;
            return turn;
        }
        session.contexts.count_down(now);
        session.not_understood = 0;
        let outcome = Outcome {
            intent: Some(filling.intent),
            confidence: 1.0,
            action: self.agent.intents.get(filling.intent).map(|it| it.action.clone()).unwrap_or_default(),
            parameters: parameters::values(&filling.slots),
            complete: false,
            cancels_slot_filling: true,
            text: answer.to_owned(),
            messages: vec![Message::Text(vec![answer.to_owned()])],
            ..session.outcome(text, language)
        };
        Turn { outcome, asks_webhook: false }
    }

    /// Answers for an intent: asks for what is missing, or says what it has to say.
    fn matched(&self, session: &mut Session, heard: Heard, text: String, language: Language, now: Timestamp) -> Turn {
        let Heard { intent: index, confidence, slots } = heard;
        let Some(intent) = self.agent.intents.get(index) else {
            return Turn { outcome: session.outcome(text, language), asks_webhook: false };
        };
        if session.filling.as_ref().is_some_and(|it| it.intent != index) {
            session.stop_filling(&self.agent);
        }
        session.not_understood = if intent.is_fallback { session.not_understood.saturating_add(1) } else { 0 };
        session.contexts.count_down(now);
        // The answer may still speak of contexts that it ends.
        let mut spoken_of = session.contexts.clone();
        let missing = parameters::missing(intent, &slots);
        match missing.and_then(|it| Some((it, intent.parameters.get(it)?))) {
            Some((_, parameter)) => filling::hold(&mut session.contexts, intent, parameter, now),
            None => session.give_contexts(&self.agent, intent, now),
        }
        session.contexts.learn(&parameters::with_originals(&slots));

        session.contexts.iter().for_each(|it| spoken_of.set(it.clone(), now));
        let scope = Scope { slots: &slots, contexts: &spoken_of, unknown_is_empty: false };
        let messages = match missing {
            Some(asked) => respond::prompt(&self.agent, index, asked, &language, &scope, &mut session.turns)
                .map(|it| Message::Text(vec![it]))
                .into_iter()
                .collect(),
            None => respond::messages(&self.agent, index, &language, &scope, &mut session.turns),
        };
        let values = parameters::values(&slots);
        session.filling = missing.map(|asked| Filling { intent: index, asked, slots });
        let outcome = Outcome {
            intent: Some(index),
            confidence,
            action: intent.action.clone(),
            complete: missing.is_none(),
            text: first_text(&messages),
            messages,
            contexts: session.shown(&values),
            parameters: values,
            ..session.outcome(text, language)
        };
        Turn { asks_webhook: respond::asks_webhook(&self.agent, intent, missing.is_none()), outcome }
    }
}

impl Session {
    /// `seed` decides with which of several texts the session begins.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            contexts: Contexts::default(),
            parameters: Map::new(),
            entities: Vec::new(),
            filling: None,
            turns: Turns::new(seed),
            not_understood: 0,
        }
    }

    /// Drops what has run out of time.
    pub fn expire(&mut self, now: Timestamp) {
        self.contexts.expire(now);
        self.entities.retain(|(_, until)| *until > now);
    }

    /// The intent whose parameters are being asked for.
    #[must_use]
    pub fn fills(&self) -> Option<usize> {
        self.filling.as_ref().map(|it| it.intent)
    }

    pub fn entities(&self) -> impl Iterator<Item = &SessionEntity> {
        self.entities.iter().map(|(it, _)| it)
    }

    /// For 20 minutes, in place of an earlier one of the name.
    pub fn set_entity(&mut self, entity: SessionEntity, now: Timestamp) {
        self.remove_entity(&entity.name);
        if self.entities.len() >= MAX_SESSION_ENTITIES {
            self.entities.remove(0);
        }
        self.entities.push((entity, now.saturating_add(EXPIRE_AFTER).unwrap_or(Timestamp::MAX)));
    }

    pub fn remove_entity(&mut self, name: &str) -> bool {
        let before = self.entities.len();
        self.entities.retain(|(it, _)| it.name != name);
        before > self.entities.len()
    }

    fn prepare(&mut self, query: &Query, now: Timestamp) {
        self.expire(now);
        if query.reset_contexts {
            self.contexts.clear();
        }
        for context in &query.contexts {
            self.contexts.replace(context.clone(), now);
        }
        for entity in &query.entities {
            self.set_entity(entity.clone(), now);
        }
        for (_, until) in &mut self.entities {
            *until = now.saturating_add(EXPIRE_AFTER).unwrap_or(Timestamp::MAX);
        }
    }

    fn stop_filling(&mut self, agent: &Agent) {
        let intent = self.filling.take().and_then(|it| agent.intents.get(it.intent));
        if let Some(intent) = intent {
            filling::release(&mut self.contexts, intent);
        }
    }

    /// The contexts that an intent sets once everything is there.
    fn give_contexts(&mut self, agent: &Agent, intent: &Intent, now: Timestamp) {
        self.stop_filling(agent);
        if intent.reset_contexts {
            self.contexts.clear();
        }
        for it in &intent.output_contexts {
            if it.lifespan > 0 {
                let context = Context { name: it.name.clone(), lifespan: it.lifespan, parameters: Map::new() };
                self.contexts.set(context, now);
            } else {
                self.contexts.remove(&it.name);
            }
        }
    }

    /// An outcome that says nothing yet.
    fn outcome(&self, query_text: String, language: Language) -> Outcome {
        Outcome {
            query_text,
            language,
            intent: None,
            confidence: 0.0,
            action: String::new(),
            parameters: Map::new(),
            complete: true,
            cancels_slot_filling: false,
            text: String::new(),
            messages: Vec::new(),
            contexts: self.shown(&Map::new()),
            webhook_source: String::new(),
            webhook_payload: None,
        }
    }

    /// What is active, and the service's own context that counts what was not understood.
    fn shown(&self, parameters: &Map<String, Value>) -> Vec<Context> {
        let mut counted = parameters.clone();
        counted.insert("no-input".to_owned(), json!(0));
        counted.insert("no-match".to_owned(), json!(self.not_understood));
        let lifespan = i32::from(self.not_understood > 0 || self.filling.is_some());
        let counters = Context { name: "__system_counters__".to_owned(), lifespan, parameters: counted };
        self.contexts.iter().cloned().chain([counters]).collect()
    }
}

fn first_text(messages: &[Message]) -> String {
    let text = messages.iter().find_map(|it| match it {
        Message::Text(variants) => variants.first(),
        Message::Card { .. } | Message::QuickReplies { .. } | Message::Image { .. } | Message::Payload(_) => None,
    });
    text.cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
