//! How like the most similar phrase of each class a text is.

use super::features::{Features, Sparse, real};
use super::linear::Sample;

/// Lists of phrases by feature. A feature that a great share of all phrases has tells them apart no more, and is left out.
#[derive(Debug, Default)]
pub(super) struct Nearest {
    lists: Vec<Vec<(u32, f32)>>,
    classes: Vec<u32>,
}

/// The longest list that is walked, in phrases.
const MAX_LIST: usize = 400;
/// Of features rarer than this share none is left out, however few phrases there are.
const MAX_SHARE: f32 = 0.25;

impl Nearest {
    pub(super) fn build(samples: &[Sample], features: &Features) -> Self {
        let mut lists: Vec<Vec<(u32, f32)>> = vec![Vec::new(); features.len()];
        let mut classes = Vec::with_capacity(samples.len());
        for (number, sample) in samples.iter().enumerate() {
            classes.push(u32::try_from(sample.class).unwrap_or(u32::MAX));
            for (feature, value) in &sample.vector {
                if let Some(list) = lists.get_mut(*feature as usize) {
                    list.push((u32::try_from(number).unwrap_or(u32::MAX), *value));
                }
            }
        }
        let share = real(samples.len()) * MAX_SHARE;
        for list in &mut lists {
            if list.len() > MAX_LIST && real(list.len()) > share.min(real(MAX_LIST)) {
                *list = Vec::new();
            }
        }
        Self { lists, classes }
    }

    /// By class: from 0, nothing in common, to 1, the same.
    pub(super) fn to(&self, vector: &Sparse, classes: usize) -> Vec<f32> {
        let mut likeness = vec![0.0_f32; self.classes.len()];
        for (feature, value) in vector {
            for (phrase, other) in self.lists.get(*feature as usize).into_iter().flatten() {
                if let Some(sum) = likeness.get_mut(*phrase as usize) {
                    *sum += value * other;
                }
            }
        }
        let mut nearest = vec![0.0_f32; classes];
        for (class, like) in self.classes.iter().zip(likeness) {
            if let Some(best) = nearest.get_mut(*class as usize) {
                *best = best.max(like);
            }
        }
        nearest
    }
}
