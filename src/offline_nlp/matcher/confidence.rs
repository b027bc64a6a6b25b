//! What speaks for an intent → how surely it is meant.

/// How much the nearest phrase counts beside the classifier, when intents are put in order.
const NEAREST_SHARE: f32 = 0.6;
/// How much the telling words do.
const SUPPORT_SHARE: f32 = 0.5;
/// How much the second classifier's logarithm of a chance does.
const CHANCE_SHARE: f32 = 0.2;

/// Each measure by itself can be fooled: a margin by a text of unknown words, likeness by common ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    /// The classifier's.
    pub margin: f32,
    /// The second classifier's: the logarithm of its probability among the intents.
    pub chance: f32,
    /// Likeness to the nearest phrase.
    pub nearest: f32,
    /// The share of the telling words that speak for it.
    pub support: f32,
    /// The share of words that nobody taught.
    pub unknown: f32,
}

impl Evidence {
    /// By which intents are put in order.
    pub(super) fn order(&self) -> f32 {
        self.margin + NEAREST_SHARE * self.nearest + SUPPORT_SHARE * self.support + CHANCE_SHARE * self.chance
    }

    /// In the order in which `benches/nlp/fit.py` has them.
    pub(super) const fn measures(&self) -> [f32; 3] {
        [self.margin, self.nearest, self.unknown]
    }

    /// Between 0 and 1: a logistic regression of held-out phrases of the demo agent (both languages) and of the synthetic one against
    /// `benches/nlp/out_of_scope.txt`, by `benches/nlp/fit.py`, moved so that at 0.3 at most 9 of 100 of either's phrases are taken
    /// for unknown. What it is worth elsewhere is measured on sentences that took no part (`out_of_scope_held_out*.txt`).
    pub(super) fn confidence(&self) -> f32 {
        let sum = 0.72 + 1.96 * self.margin + 1.85 * self.nearest - 11.38 * self.unknown;
        1.0 / (1.0 + (-sum).exp())
    }
}
