//! How well an agent's phrases tell its intents apart, and what is meant from what is not: measured, not asserted.
//!
//! Stratified cross-validation: each phrase is asked of a matcher that was trained without it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::{
    agent::{Agent, Phrase, localized},
    lexicon::{Lexicon, Moment},
    matcher::{Matcher, folded},
};
use crate::clock::Clock;

/// A phrase that takes part, and the fold in which it is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    pub text: String,
    pub intent: String,
    pub fold: usize,
    /// Of the agent's intents, and of the intent's phrases.
    #[serde(skip)]
    index: (usize, usize),
}

/// Phrases in folds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Folds {
    pub language: String,
    pub folds: usize,
    /// Phrases left out since another intent has the very same text: only a conversation's contexts tell them apart.
    pub shared: usize,
    pub phrases: Vec<Held>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    pub language: String,
    pub intents: usize,
    pub phrases: usize,
    pub shared: usize,
    pub min_confidence: f32,
    /// The share of phrases whose intent ranks first.
    pub accuracy: f64,
    pub accuracy_by_fold: Vec<f64>,
    /// … and is at least as confident as the agent demands.
    pub accepted_accuracy: f64,
    /// The share of phrases that would have gone to the fallback.
    pub false_rejections: f64,
    pub out_of_scope: Option<OutOfScope>,
    /// The most frequent first.
    pub confusions: Vec<Confusion>,
    #[serde(skip)]
    pub measures: Measures,
    /// Finding entities and ranking, by the whole agent, in microseconds.
    pub query_p50_us: f64,
    pub query_p99_us: f64,
    pub train_ms: f64,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OutOfScope {
    pub sentences: usize,
    /// The share that goes to the fallback, as it should.
    pub recall: f64,
    /// The others, with the intent that took them.
    pub taken: Vec<(String, String, f32)>,
}

/// What the confidences are made of, for their constants to be fitted on; of texts that no pattern fits.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Measures {
    pub known: Vec<[f32; 3]>,
    pub strangers: Vec<[f32; 3]>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Confusion {
    pub count: usize,
    pub meant: String,
    pub taken: String,
    /// One of the phrases.
    pub example: String,
}

impl Folds {
    /// Every intent's phrases are dealt out evenly, in an order that depends on the texts and the seed alone. Templates
    /// stay: nobody says them.
    #[must_use]
    pub fn deal(agent: &Agent, language: &str, folds: usize, seed: u64) -> Self {
        let folds = folds.max(2);
        let mut owners: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (index, phrases) in taught(agent, language) {
            for phrase in phrases {
                owners.entry(folded(&phrase.text())).or_default().insert(index);
            }
        }
        let (mut dealt, mut shared, mut next) = (Vec::new(), 0, 0);
        for (index, phrases) in taught(agent, language) {
            let mut own: BTreeMap<(u64, String), (usize, &Phrase)> = BTreeMap::new();
            for (number, phrase) in phrases.iter().enumerate().filter(|it| !it.1.is_template) {
                let key = folded(&phrase.text());
                if owners.get(&key).is_some_and(|it| it.len() > 1) {
                    shared += 1;
                } else if !key.is_empty() {
                    own.entry((hash(&key, seed), key)).or_insert((number, phrase));
                }
            }
            let Some(intent) = agent.intents.get(index) else { continue };
            for (number, phrase) in own.into_values() {
                let held = Held {
                    text: phrase.text(),
                    intent: intent.name.clone(),
                    fold: next % folds,
                    index: (index, number),
                };
                dealt.push(held);
                next += 1;
            }
        }
        Self { language: language.to_owned(), folds, shared, phrases: dealt }
    }

    /// The agent without the phrases of one fold, nor any of their repetitions.
    fn without(&self, agent: &Agent, fold: usize) -> Agent {
        let asked: BTreeSet<String> =
            self.phrases.iter().filter(|it| it.fold == fold).map(|it| folded(&it.text)).collect();
        let mut agent = agent.clone();
        for intent in agent.intents.iter_mut().filter(|it| !it.is_fallback) {
            let Some(language) = super::agent::fallbacks(&self.language).find(|it| intent.phrases.contains_key(*it))
            else {
                continue;
            };
            if let Some(phrases) = intent.phrases.get_mut(language) {
                phrases.retain(|it| !asked.contains(&folded(&it.text())));
            }
        }
        agent
    }
}

fn taught<'a>(agent: &'a Agent, language: &'a str) -> impl Iterator<Item = (usize, &'a [Phrase])> {
    let intents =
        agent.intents.iter().enumerate().filter(|(_, it)| !it.is_fallback && !it.ml_disabled && it.priority >= 0);
    intents.filter_map(move |(index, it)| Some((index, localized(&it.phrases, language)?.as_slice())))
}

fn hash(text: &str, seed: u64) -> u64 {
    let mixed = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64 ^ seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    (mixed ^ (mixed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Values of entities play no part, so any moment will do.
fn moment() -> Moment {
    Moment { now: Timestamp::UNIX_EPOCH, zone: TimeZone::UTC }
}

/// What became of the phrases of some folds.
#[derive(Debug, Default)]
struct Tally {
    asked: usize,
    first: usize,
    accepted: usize,
    rejected: usize,
    confused: BTreeMap<(String, String), (usize, String)>,
    measures: Vec<[f32; 3]>,
}

/// Asks the phrases of `only` these folds (all: `0..folds.folds`), and all the strangers' sentences.
#[must_use]
pub fn evaluate(agent: &Agent, folds: &Folds, only: std::ops::Range<usize>, out_of_scope: &[String]) -> Evaluation {
    let lexicon = Lexicon::build(agent, &folds.language);
    let mut whole = Tally::default();
    let mut by_fold = Vec::new();
    for fold in only {
        let matcher = Matcher::build(&folds.without(agent, fold), &folds.language);
        let before = (whole.first, whole.asked);
        for held in folds.phrases.iter().filter(|it| it.fold == fold) {
            whole.ask(held, &matcher, &lexicon, agent);
        }
        by_fold.push(share(whole.first - before.0, whole.asked - before.1));
    }
    let known = std::mem::take(&mut whole.measures);
    let start = Clock::instant();
    let matcher = Matcher::build(agent, &folds.language);
    let train_ms = start.elapsed().as_secs_f64() * 1e3;
    let (query_p50_us, query_p99_us) = latency(&matcher, &lexicon, folds);
    let intents: BTreeSet<&str> = folds.phrases.iter().map(|it| it.intent.as_str()).collect();
    let mut confusions: Vec<Confusion> = whole.confused.into_iter().map(confusion).collect();
    confusions.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cmp(b)));
    Evaluation {
        language: folds.language.clone(),
        intents: intents.len(),
        phrases: folds.phrases.len(),
        shared: folds.shared,
        min_confidence: agent.min_confidence,
        accuracy: share(whole.first, whole.asked),
        accuracy_by_fold: by_fold,
        accepted_accuracy: share(whole.accepted, whole.asked),
        false_rejections: share(whole.rejected, whole.asked),
        out_of_scope: (!out_of_scope.is_empty()).then(|| strangers(agent, &matcher, &lexicon, out_of_scope)),
        confusions,
        measures: Measures { known, strangers: stranger_measures(&matcher, &lexicon, out_of_scope) },
        query_p50_us,
        query_p99_us,
        train_ms,
    }
}

impl Tally {
    fn ask(&mut self, held: &Held, matcher: &Matcher, lexicon: &Lexicon, agent: &Agent) {
        self.asked += 1;
        let found = lexicon.all(&held.text, &moment());
        let ranked = matcher.rank(&held.text, &found);
        self.measures.extend(matcher.measures(&held.text, &found));
        let Some(best) = ranked.first() else {
            self.rejected += 1;
            return;
        };
        let is_right = best.intent == held.index.0;
        let is_accepted = best.confidence >= agent.min_confidence;
        self.first += usize::from(is_right);
        self.accepted += usize::from(is_right && is_accepted);
        self.rejected += usize::from(!is_accepted);
        if !is_right {
            let taken = agent.intents.get(best.intent).map(|it| it.name.clone()).unwrap_or_default();
            let confused = self.confused.entry((held.intent.clone(), taken)).or_insert_with(|| (0, held.text.clone()));
            confused.0 += 1;
        }
    }
}

fn confusion(((meant, taken), (count, example)): ((String, String), (usize, String))) -> Confusion {
    Confusion { count, meant, taken, example }
}

fn strangers(agent: &Agent, matcher: &Matcher, lexicon: &Lexicon, sentences: &[String]) -> OutOfScope {
    let mut taken = Vec::new();
    for sentence in sentences {
        let ranked = matcher.rank(sentence, &lexicon.all(sentence, &moment()));
        if let Some(best) = ranked.first().filter(|it| it.confidence >= agent.min_confidence) {
            let intent = agent.intents.get(best.intent).map(|it| it.name.clone()).unwrap_or_default();
            taken.push((sentence.clone(), intent, best.confidence));
        }
    }
    OutOfScope { sentences: sentences.len(), recall: 1.0 - share(taken.len(), sentences.len()), taken }
}

fn stranger_measures(matcher: &Matcher, lexicon: &Lexicon, sentences: &[String]) -> Vec<[f32; 3]> {
    sentences.iter().filter_map(|it| matcher.measures(it, &lexicon.all(it, &moment()))).collect()
}

/// Median and 99th percentile. Texts get a word more, or each would be found word by word.
fn latency(matcher: &Matcher, lexicon: &Lexicon, folds: &Folds) -> (f64, f64) {
    let moment = moment();
    let mut times: Vec<f64> = Vec::with_capacity(folds.phrases.len());
    for held in &folds.phrases {
        let text = format!("{} indeed", held.text);
        let start = Clock::instant();
        let ranked = matcher.rank(&text, &lexicon.all(&text, &moment));
        times.push(start.elapsed().as_secs_f64() * 1e6);
        drop(ranked);
    }
    times.sort_by(f64::total_cmp);
    let at = |per_cent: usize| times.get((times.len() * per_cent / 100).min(times.len().saturating_sub(1)));
    (at(50).copied().unwrap_or_default(), at(99).copied().unwrap_or_default())
}

#[expect(clippy::cast_precision_loss, reason = "counts of phrases are far below where it begins")]
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
