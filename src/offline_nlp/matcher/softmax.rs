//! A second classifier over the same features: multinomial logistic regression, all classes weighed against each other at once. Its
//! errors are not quite those of the support vector machines, so that both together make fewer.

use super::{
    features::{Sparse, real},
    linear::{Sample, add_rows, shuffled},
};

/// Length of the first step; it falls evenly to nothing.
const FIRST_STEP: f32 = 4.0;
/// Of a step, what the bias takes.
const BIAS_STEP: f32 = 0.1;
/// Rounds over few phrases; over many, so many that about this number of steps is made.
const MAX_ROUNDS: usize = 10;
const STEPS: usize = 30_000;
const MIN_ROUNDS: usize = 3;

#[derive(Debug)]
pub(super) struct Softmax {
    /// One row of all classes per feature.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Softmax {
    /// By stochastic gradient descent, always in the same order: the same export gives the same answers.
    pub(super) fn train(samples: &[Sample], classes: usize, features: usize) -> Self {
        let mut softmax = Self { weights: vec![0.0; classes * features], bias: vec![0.0; classes] };
        let order = shuffled(samples.len());
        let rounds = (STEPS / samples.len().max(1)).clamp(MIN_ROUNDS, MAX_ROUNDS);
        let steps = real(samples.len() * rounds);
        let mut step = FIRST_STEP;
        let mut changes = vec![0.0_f32; classes];
        for at in std::iter::repeat_n(&order, rounds).flatten() {
            let Some(sample) = samples.get(*at) else { continue };
            softmax.learn(sample, step, &mut changes);
            step -= FIRST_STEP / steps;
        }
        softmax
    }

    fn learn(&mut self, sample: &Sample, step: f32, changes: &mut [f32]) {
        changes.copy_from_slice(&self.bias);
        add_rows(&self.weights, &sample.vector, changes);
        // Classes that have the very same text do not compete for it.
        for class in &sample.also {
            changes.get_mut(*class).into_iter().for_each(|it| *it = f32::NEG_INFINITY);
        }
        let rest = log_sum(changes);
        changes.iter_mut().for_each(|it| *it = -step * (*it - rest).exp());
        changes.get_mut(sample.class).into_iter().for_each(|it| *it += step);
        let width = changes.len();
        for (feature, value) in &sample.vector {
            let first = *feature as usize * width;
            let Some(row) = self.weights.get_mut(first..first + width) else { continue };
            row.iter_mut().zip(&*changes).for_each(|(weight, change)| *weight += value * change);
        }
        self.bias.iter_mut().zip(&*changes).for_each(|(bias, change)| *bias += BIAS_STEP * change);
    }

    /// By class: the logarithm of its probability among the classes.
    pub(super) fn chances(&self, vector: &Sparse) -> Vec<f32> {
        let mut chances = self.bias.clone();
        add_rows(&self.weights, vector, &mut chances);
        let rest = log_sum(&chances);
        chances.iter_mut().for_each(|it| *it -= rest);
        chances
    }
}

fn log_sum(values: &[f32]) -> f32 {
    let largest = values.iter().copied().fold(f32::MIN, f32::max);
    largest + values.iter().map(|it| (it - largest).exp()).sum::<f32>().ln()
}
