//! Which intent a turn is for: what may match at all, and which of several goes first.

use std::cmp::Reverse;

use super::contexts::Contexts;
use crate::offline_nlp::{
    agent::{Agent, Intent},
    matcher::Ranked,
};

/// How far behind the best an intent may be and still be preferred for its priority or its contexts.
const NEAR: f32 = 0.1;
/// While a parameter is being asked for, what is said is for another intent only from here on.
pub(super) const SURE: f32 = 0.6;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    pub(super) intent: usize,
    pub(super) confidence: f32,
    pub(super) exact: bool,
}

fn may_match(intent: &Intent, contexts: &Contexts) -> bool {
    intent.priority >= 0 && intent.input_contexts.iter().all(|it| contexts.is_active(it))
}

/// Of the intents that fit about equally well: an exact phrase first, then the higher priority, then the one that is about
/// more of what is active, then the better fit.
pub(super) fn by_text(agent: &Agent, contexts: &Contexts, ranked: &[Ranked]) -> Option<Choice> {
    let of = |it: &Ranked| agent.intents.get(it.intent).filter(|it| !it.is_fallback && may_match(it, contexts));
    let eligible: Vec<(&Ranked, &Intent)> = ranked
        .iter()
        .filter(|it| it.exact || it.confidence >= agent.min_confidence)
        .filter_map(|it| Some((it, of(it)?)))
        .collect();
    let best = eligible.iter().map(|(it, _)| it.confidence).reduce(f32::max)?;
    let is_exact = eligible.iter().any(|(it, _)| it.exact);
    let near = eligible.iter().filter(|(it, _)| if is_exact { it.exact } else { it.confidence >= best - NEAR });
    let (chosen, _) = near.reduce(|first, other| {
        let rank = |(_, intent): &(&Ranked, &Intent)| (intent.priority, intent.input_contexts.len());
        let is_better = (rank(other), other.0.confidence) > (rank(first), first.0.confidence);
        if is_better { other } else { first }
    })?;
    Some(Choice { intent: chosen.intent, confidence: chosen.confidence, exact: chosen.exact })
}

pub(super) fn by_event(agent: &Agent, contexts: &Contexts, event: &str) -> Option<usize> {
    foremost(agent, contexts, |it| it.events.iter().any(|it| it == event))
}

/// The fallback intent that is most about what is active.
pub(super) fn fallback(agent: &Agent, contexts: &Contexts) -> Option<usize> {
    foremost(agent, contexts, |it| it.is_fallback)
}

fn foremost(agent: &Agent, contexts: &Contexts, wanted: impl Fn(&Intent) -> bool) -> Option<usize> {
    let eligible = agent.intents.iter().enumerate().filter(|(_, it)| wanted(it) && may_match(it, contexts));
    eligible.min_by_key(|(_, it)| Reverse((it.input_contexts.len(), it.priority))).map(|(index, _)| index)
}
