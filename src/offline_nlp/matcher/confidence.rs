//! What speaks for an intent → how surely it is meant.

/// Each measure by itself can be fooled: a margin by a text of unknown words, likeness by common ones.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Evidence {
    /// The classifier's.
    pub margin: f32,
    /// Likeness to the nearest phrase.
    pub nearest: f32,
    /// The share of the telling words that speak for it.
    pub support: f32,
    /// The share of words that nobody taught.
    pub unknown: f32,
}

impl Evidence {
    /// Between 0 and 1: a logistic regression over the benchmarks' held-out phrases and strangers' sentences (`benches/nlp`), moved
    /// so that the two part at 0.3.
    pub(super) fn confidence(&self) -> f32 {
        let sum = 0.15 + 0.8 * self.margin + 2.25 * self.nearest + 1.9 * self.support - 6.8 * self.unknown;
        1.0 / (1.0 + (-sum).exp())
    }
}
