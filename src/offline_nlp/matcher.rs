//! Which intent a text means: phrases as they are written, templates, and a linear classifier trained at load.
//!
//! Independent of the language, deterministic, and measured by `usher nlp evaluate`. It ranks; which intents may match at this
//! point of a conversation is the session's matter.

mod confidence;
mod features;
mod linear;
mod nearest;
mod pattern;
mod softmax;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use self::{
    confidence::Evidence,
    features::{Features, Sparse},
    linear::{Linear, Sample},
    nearest::Nearest,
    pattern::Patterns,
    softmax::Softmax,
    text::Text,
};
use super::{
    agent::{Agent, Intent, Phrase, localized},
    lexicon::{self, Found},
};

/// An intent and how surely the text means it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Index in the agent's intents.
    pub intent: usize,
    /// From 0 to 1; at 0.3 what is meant and what is unknown part best.
    pub confidence: f32,
    /// The text is a phrase of the intent, word by word or with other values of its entities.
    pub exact: bool,
}

/// One language's phrases, ready to be compared with. Built once, read by everybody.
#[derive(Debug)]
pub struct Matcher {
    /// Classes → the agent's intents; the last class, if it is `None`, is what fallback intents were taught.
    classes: Vec<Option<usize>>,
    patterns: Patterns,
    features: Features,
    linear: Linear,
    softmax: Softmax,
    nearest: Nearest,
}

impl Matcher {
    #[must_use]
    pub fn build(agent: &Agent, language: &str) -> Self {
        let mut taught: Vec<(Option<usize>, &Intent, &[Phrase])> = Vec::new();
        for (index, intent) in agent.intents.iter().enumerate() {
            let phrases = localized(&intent.phrases, language).map(Vec::as_slice).unwrap_or_default();
            if !phrases.is_empty() && intent.priority >= 0 {
                taught.push(((!intent.is_fallback).then_some(index), intent, phrases));
            }
        }
        let is_defined = |name: &str| agent.entities.iter().any(|it| it.name == name);
        let is_open = |name: &str| lexicon::is_open(name) || !(name.starts_with("sys.") || is_defined(name));
        let mut patterns = Patterns::default();
        let mut classes: Vec<Option<usize>> = Vec::new();
        let mut examples: Vec<(usize, Text)> = Vec::new();
        let mut groups: Vec<&[String]> = Vec::new();
        for (index, intent, phrases) in taught {
            if let Some(index) = index {
                phrases.iter().for_each(|it| patterns.add(index, it, &is_open));
                if intent.ml_disabled {
                    continue;
                }
            }
            let class = match classes.iter().position(|it| index.is_none() && it.is_none()) {
                Some(class) => class,
                None => {
                    classes.push(index);
                    groups.push(&intent.input_contexts);
                    classes.len() - 1
                }
            };
            examples.extend(phrases.iter().map(|it| (class, Text::of_phrase(it))));
        }
        Self::train(classes, &groups, &examples, patterns)
    }

    fn train(
        classes: Vec<Option<usize>>,
        groups: &[&[String]],
        examples: &[(usize, Text)],
        patterns: Patterns,
    ) -> Self {
        let features = Features::build(examples, classes.len());
        let vectors: Vec<Sparse> = examples.iter().map(|(_, text)| features.of(text)).collect();
        let samples = samples(examples, &vectors);
        let apart = |a: usize, b: usize| {
            let (a, b) = (groups.get(a).copied().unwrap_or_default(), groups.get(b).copied().unwrap_or_default());
            !a.is_empty() && !b.is_empty() && a != b
        };
        let (linear, softmax) = std::thread::scope(|scope| {
            let softmax = scope.spawn(|| Softmax::train(&samples, classes.len(), features.len()));
            let linear = Linear::train(&samples, classes.len(), features.len(), &apart);
            // A thread of arithmetic does not panic; if one did, it would be done again here.
            let softmax = softmax.join().unwrap_or_else(|_| Softmax::train(&samples, classes.len(), features.len()));
            (linear, softmax)
        });
        let nearest = Nearest::build(&samples, &features);
        Self { classes, patterns, features, linear, softmax, nearest }
    }

    /// All intents that have phrases, without the fallback ones, the best first.
    #[must_use]
    pub fn rank(&self, text: &str, found: &[Found]) -> Vec<Ranked> {
        let text = Text::of_query(text, found);
        let mut best: BTreeMap<usize, Ranked> = BTreeMap::new();
        let mut order: BTreeMap<usize, f32> = BTreeMap::new();
        for (intent, evidence) in self.evidence(&text) {
            best.insert(intent, Ranked { intent, confidence: evidence.confidence(), exact: false });
            order.insert(intent, evidence.order());
        }
        for matched in self.patterns.find(&text) {
            let ranked = Ranked { intent: matched.intent, confidence: matched.confidence, exact: matched.exact };
            let before = best.entry(matched.intent).or_insert(ranked);
            if ranked.exact || ranked.confidence > before.confidence {
                *before = ranked;
                let order = order.entry(matched.intent).or_insert(f32::MIN);
                *order = order.max(ranked.confidence);
            }
        }
        let mut ranked: Vec<Ranked> = best.into_values().collect();
        let order = |it: &Ranked| order.get(&it.intent).copied().unwrap_or(f32::MIN);
        ranked.sort_by(|a, b| {
            let by_confidence = b.confidence.total_cmp(&a.confidence);
            b.exact.cmp(&a.exact).then(order(b).total_cmp(&order(a))).then(by_confidence).then(a.intent.cmp(&b.intent))
        });
        ranked
    }

    /// The measures of the intent that ranks first, where no pattern fits: what [`Ranked::confidence`] is made of.
    #[must_use]
    pub fn measures(&self, text: &str, found: &[Found]) -> Option<[f32; 3]> {
        let text = Text::of_query(text, found);
        let evidence = self.evidence(&text).into_iter().map(|it| it.1);
        let best = evidence.max_by(|a, b| a.order().total_cmp(&b.order()))?;
        self.patterns.find(&text).is_empty().then(|| best.measures())
    }

    /// What speaks for each intent, measured.
    fn evidence(&self, text: &Text) -> Vec<(usize, Evidence)> {
        let vector = self.features.of(text);
        let margins = self.linear.margins(&vector);
        let chances = self.softmax.chances(&vector);
        let nearest = self.nearest.to(&vector, self.classes.len());
        let support = self.features.support(text, self.classes.len());
        let unknown = self.features.unknown(text);
        let classes = self.classes.iter().enumerate();
        let of_class = |(class, intent): (usize, &Option<usize>)| {
            let at = |values: &[f32]| values.get(class).copied().unwrap_or_default();
            let (margin, chance) = (at(&margins), at(&chances));
            let evidence = Evidence { margin, chance, nearest: at(&nearest), support: at(&support), unknown };
            intent.map(|it| (it, evidence))
        };
        classes.filter_map(of_class).collect()
    }

    /// Which found entity fills which parameter (by its alias), going by the phrase of the intent that is most like the text: in
    /// "from Bonn to Ulm" two of one entity are told apart by what stands before them.
    #[must_use]
    pub fn align(&self, intent: usize, text: &str, found: &[Found]) -> BTreeMap<String, Found> {
        self.patterns.align(intent, text, found)
    }
}

/// Two texts that fold to the same are the same to the matcher.
#[must_use]
pub fn folded(text: &str) -> String {
    Text::plain(text).key()
}

/// A phrase that several classes share is nobody's counter-example.
fn samples(examples: &[(usize, Text)], vectors: &[Sparse]) -> Vec<Sample> {
    let mut sharing: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (class, text) in examples {
        let classes = sharing.entry(text.key()).or_default();
        if !classes.contains(class) {
            classes.push(*class);
        }
    }
    let sample = |((class, text), vector): (&(usize, Text), &Sparse)| {
        let mut also = sharing.get(&text.key()).cloned().unwrap_or_default();
        also.retain(|it| it != class);
        Sample { class: *class, also, vector: vector.clone() }
    };
    examples.iter().zip(vectors).map(sample).collect()
}
