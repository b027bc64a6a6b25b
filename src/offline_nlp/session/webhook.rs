//! What a webhook's answer changes in a turn.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Context, Engine, Input, Message, Outcome, Query, Session, SessionEntity, Turn, first_text};

/// A webhook's answer.
#[derive(Clone, Debug, Default)]
pub struct Fulfilment {
    pub text: String,
    /// Those for the default platform.
    pub messages: Vec<Message>,
    pub source: String,
    pub payload: Option<Map<String, Value>>,
    pub contexts: Vec<Context>,
    /// An event that takes the place of this answer.
    pub followup: Option<Followup>,
    pub entities: Vec<SessionEntity>,
}

#[derive(Clone, Debug, Default)]
pub struct Followup {
    pub name: String,
    pub parameters: Map<String, Value>,
    /// `None`: that of the query whose place it takes.
    pub language: Option<String>,
}

/// Where a turn goes on.
#[derive(Clone, Debug)]
pub enum Next {
    Done(Outcome),
    /// The webhook has an event answered in its place.
    Event(Query),
}

impl Engine {
    /// Ends a turn whose webhook has answered (`None`: has failed, so that the agent's own answer stands). `asked` is
    /// the query that the turn is about.
    pub fn finish(
        &self,
        session: &mut Session,
        turn: Turn,
        fulfilment: Option<Fulfilment>,
        asked: &Query,
        now: Timestamp,
    ) -> Next {
        let mut outcome = turn.outcome;
        let Some(answer) = fulfilment else {
            session.contexts.end_turn();
            return Next::Done(outcome);
        };
        for context in answer.contexts {
            if context.lifespan > 0 {
                session.contexts.set(context, now);
            } else {
                session.contexts.remove(&context.name);
            }
        }
        for entity in answer.entities {
            session.set_entity(entity, now);
        }
        if let Some(Followup { name, parameters, language }) = answer.followup {
            session.contexts.end_turn();
            let input = Input::Event { name, parameters };
            let query = Query {
                input,
                language: language.unwrap_or_else(|| asked.language.clone()),
                contexts: Vec::new(),
                reset_contexts: false,
                entities: Vec::new(),
                zone: asked.zone.clone(),
            };
            return Next::Event(query);
        }
        if !answer.messages.is_empty() || !answer.text.is_empty() {
            let only_text = || vec![Message::Text(vec![answer.text.clone()])];
            outcome.messages = if answer.messages.is_empty() { only_text() } else { answer.messages };
            outcome.text = if answer.text.is_empty() { first_text(&outcome.messages) } else { answer.text };
        }
        outcome.webhook_source = answer.source;
        outcome.webhook_payload = answer.payload;
        outcome.contexts = session.shown(&outcome.parameters);
        session.contexts.end_turn();
        Next::Done(outcome)
    }
}
