//! A language model behind any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, llama.cpp, and others.
//!
//! The model keeps nothing: every question brings the conversation along. The profile's actions are its tools. The first call
//! that is valid ends the turn, and what it asks for goes the way of every engine's action; a call that is not valid is
//! shown to the model once, with what is wrong, and is never carried out.

mod arguments;
pub(super) mod check;
mod completion;
mod errors;
mod prompt;
mod schema;
mod server;
mod sse;
mod text;
mod tools;

use std::sync::Arc;

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::{BuildError, Deps};
use crate::{
    clock::Clock,
    config::settings::{EngineSettings, Profile},
    core::{
        message::{Answer, Input, MediaType, Reply},
        profile::Rules,
    },
    gateway::ports::{Ask, AskError, LanguageEngine},
};

use completion::{Completion, Finish};
use errors::Place;
pub(super) use schema::SCHEMA;
use schema::{Llm, Window};
use server::{Question, Server};
use text::Said;
use tools::{Tools, Wanted};

/// What an answer had that its reader should know; stands on the timeline among the contexts.
const CUT_OFF: &str = "cut_at_max_tokens";
const FILTERED: &str = "filtered";
const TOOL_REFUSED: &str = "tool_refused";
const TURNS_USED_UP: &str = "max_turns";

/// Everything that differs by medium.
#[derive(Debug)]
struct Guide {
    system: String,
    tools: Tools,
}

#[derive(Debug)]
struct Engine {
    server: Server,
    place: Place,
    rules: Arc<Rules>,
    clock: Clock,
    guides: [Guide; 3],
    window: Window,
    max_turns: u64,
    max_turns_message: String,
}

pub(super) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    Ok(Arc::new(self::engine(engine, profile, deps)?))
}

fn engine(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Result<Engine, BuildError> {
    let config = Llm::of(&engine.values);
    let bad = |problem: String| BuildError::Setting { profile: profile.origin.clone(), field: "endpoint", problem };
    let server = Server::new(&config, deps).map_err(|error| bad(error.to_string()))?;
    let place = Place {
        profile: profile.name.to_string(),
        server: server.place().to_owned(),
        model: config.model.clone(),
        deadline: config.deadline,
    };
    let guide = |media| Guide {
        system: prompt::system(&config.system_prompt, media),
        tools: Tools::new(&profile.rules, media),
    };
    Ok(Engine {
        server,
        place,
        rules: Arc::clone(&profile.rules),
        clock: deps.clock.clone(),
        guides: [MediaType::OpenMedia, MediaType::WebInteraction, MediaType::Speech].map(guide),
        window: config.window,
        max_turns: config.max_turns,
        max_turns_message: config.max_turns_message.unwrap_or_else(|| profile.rules.fallback_message.clone()),
    })
}

impl LanguageEngine for Engine {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            let end = Clock::instant() + self.place.deadline;
            timeout_at(end, self.turn(&ask, end)).await.unwrap_or_else(|_elapsed| Err(self.place.late()))
        })
    }

    fn wants_transcript(&self) -> bool {
        true
    }
}

/// What came of a model's answer.
enum Judged {
    Answer(Box<Answer>),
    /// Every call was refused; what is wrong with each.
    Refused(Vec<String>),
}

impl Engine {
    async fn turn(&self, ask: &Ask, end: Instant) -> Result<Answer, AskError> {
        // The model is not told what nobody waits for: it would have forgotten it by the next question.
        let Some((turn, _)) = ask.turn else { return Ok(Answer::default()) };
        if self.max_turns > 0 && u64::from(turn.0) > self.max_turns {
            return self.enough(&ask.input);
        }
        let guide = self.guide(ask.media);
        let clock = (&self.rules.zone, self.clock.now());
        let messages = prompt::messages(&guide.system, ask, self.window, clock).ok_or_else(|| self.place.redacted())?;
        let mut question = Question::new(ask, turn, messages, guide.tools.offered().clone());

        let mut said = Said::default();
        let first = self.server.ask(&question, (&ask.progress, &mut said), &self.place, end).await?;
        ask.ear.answered(|| first.told());
        let problems = match self.judge(&first, &said, guide)? {
            Judged::Answer(answer) => return Ok(*answer),
            Judged::Refused(problems) => problems,
        };
        tracing::debug!(profile = %self.rules.profile, calls = problems.len(), "a model's tool calls are refused");
        question.correct(&first, &problems);
        let mut said = Said::default();
        let second = self.server.ask(&question, (&ask.progress, &mut said), &self.place, end).await?;
        ask.ear.answered(|| second.told());
        Ok(match self.judge(&second, &said, guide)? {
            Judged::Answer(answer) => *answer,
            Judged::Refused(_) => {
                tracing::warn!(profile = %self.rules.profile, "a model calls tools wrongly, twice: nothing is done");
                let replies = vec![Reply::Text(self.rules.fallback_message.clone())];
                Answer { replies, not_understood: true, ..flagged(TOOL_REFUSED) }
            }
        })
    }

    const fn guide(&self, media: MediaType) -> &Guide {
        let [open, web, speech] = &self.guides;
        match media {
            MediaType::OpenMedia => open,
            MediaType::WebInteraction => web,
            MediaType::Speech => speech,
        }
    }

    /// The contact has had all its turns: a person goes on, or nobody does.
    fn enough(&self, input: &Input) -> Result<Answer, AskError> {
        match input {
            // Nobody spoke; the core knows what to say where an event goes unanswered.
            Input::Event { .. } => return Err(self.place.empty()),
            Input::Text(_) | Input::Structured(_) | Input::Dtmf(_) | Input::Redacted => {}
        }
        let reason = [("reason".to_owned(), Value::from(TURNS_USED_UP))];
        Ok(Answer {
            replies: vec![Reply::Text(self.max_turns_message.clone())],
            live_agent_handoff: true,
            parameters: reason.into_iter().collect(),
            ..flagged(TURNS_USED_UP)
        })
    }

    fn judge(&self, completion: &Completion, said: &Said, guide: &Guide) -> Result<Judged, AskError> {
        let not_understood = |replies, flag: Option<&str>| {
            let answer = flag.map_or_else(plain, flagged);
            Judged::Answer(Box::new(Answer { replies, not_understood: true, ..answer }))
        };
        if completion.finish == Some(Finish::Filtered) {
            let replies = vec![Reply::Text(self.rules.fallback_message.clone())];
            return Ok(not_understood(replies, Some(FILTERED)));
        }
        let refusal = text::replies(&completion.refusal);
        if !refusal.is_empty() {
            return Ok(not_understood(refusal, None));
        }
        let replies = text::replies(said.rest(&completion.content));
        if completion.calls.is_empty() {
            return match (replies.is_empty(), said.is_something()) {
                (true, false) => Err(self.place.empty()),
                (true | false, _) => Ok(Judged::Answer(Box::new(Answer { replies, ..ended(completion) }))),
            };
        }
        let now = self.clock.now();
        let calls: Vec<_> = completion.calls.iter().map(|call| guide.tools.judge(call, &self.rules, now)).collect();
        Ok(match wanted(&calls) {
            Some(Wanted::NotUnderstood(reply)) if replies.is_empty() => not_understood(text::replies(&reply), None),
            Some(Wanted::NotUnderstood(_)) => not_understood(replies, None),
            Some(wanted) => Judged::Answer(Box::new(doing(wanted, ends(&calls), replies, ended(completion)))),
            None => Judged::Refused(calls.into_iter().filter_map(Result::err).collect()),
        })
    }
}

/// The one call that counts: the first valid one. To end counts only by itself; beside an action it waits for that.
fn wanted(calls: &[Result<Wanted, String>]) -> Option<Wanted> {
    let valid = || calls.iter().filter_map(|it| it.as_ref().ok());
    valid().find(|it| !matches!(it, Wanted::End)).or_else(|| valid().next()).cloned()
}

fn ends(calls: &[Result<Wanted, String>]) -> bool {
    calls.iter().any(|it| matches!(it, Ok(Wanted::End)))
}

fn doing(wanted: Wanted, ends: bool, replies: Vec<Reply>, answer: Answer) -> Answer {
    let answer = Answer { replies, ..answer };
    match wanted {
        Wanted::Action { name, parameters } => Answer { action: name, parameters, end_interaction: ends, ..answer },
        Wanted::HandOver(parameters) => Answer { live_agent_handoff: true, parameters, ..answer },
        Wanted::End => Answer { end_interaction: true, ..answer },
        Wanted::NotUnderstood(_) => Answer { not_understood: true, ..answer },
    }
}

fn plain() -> Answer {
    Answer { parameters_complete: true, ..Answer::default() }
}

fn flagged(flag: &str) -> Answer {
    Answer { contexts: vec![flag.to_owned()], ..plain() }
}

fn ended(completion: &Completion) -> Answer {
    if completion.finish == Some(Finish::Cut) { flagged(CUT_OFF) } else { plain() }
}

#[cfg(test)]
mod tests;
