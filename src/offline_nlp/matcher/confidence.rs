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
    /// Between 0 and 1: a logistic regression over the benchmarks' held-out phrases and strangers' sentences
    /// (`benches/nlp/calibrate.py`), moved so that the two part at 0.3.
    pub(super) fn confidence(&self) -> f32 {
        let sum = 1.6 + 2.0 * self.margin + 4.0 * self.nearest + 3.0 * self.support - 4.0 * self.unknown;
        1.0 / (1.0 + (-sum).exp())
    }
}
