//! A linear classifier: for each class a support vector machine against all others (squared hinge loss), trained by coordinate
//! descent in the dual. All classes advance together, sample by sample, so that their weights lie side by side in memory.

use super::features::Sparse;

#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub class: usize,
    /// Other classes that have the very same text: no counter-example to them.
    pub also: Vec<usize>,
    pub vector: Sparse,
}

/// How much an error costs; more fits the phrases closer.
const COST: f32 = 1.0;
/// Errors of a class's own phrases cost more: there are few of them.
const OWN_COST: f32 = 3.0;
const ROUNDS: usize = 12;
/// Largest change of a round below which training has arrived.
const ENOUGH: f32 = 0.02;

#[derive(Debug)]
pub(super) struct Linear {
    classes: usize,
    /// One row of all classes per feature.
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// `apart(a, b)`: the classes can never be meant at the same time, so that their phrases do not compete.
    pub(super) fn train(
        samples: &[Sample],
        classes: usize,
        features: usize,
        apart: &(impl Fn(usize, usize) -> bool + Sync),
    ) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, 8);
        let width = classes.div_ceil(threads).max(1);
        let order = shuffled(samples.len());
        let parts: Vec<Part> = std::thread::scope(|scope| {
            let part = |first: usize| {
                let (order, count) = (&order, width.min(classes - first));
                scope.spawn(move || Part::train(samples, order, first..first + count, features, apart))
            };
            let running: Vec<_> = (0..classes).step_by(width).map(part).collect();
            // A thread of arithmetic does not panic; if one did, its classes would match nothing.
            running.into_iter().filter_map(|it| it.join().ok()).collect()
        });
        let mut linear = Self { classes, weights: vec![0.0; classes * features], bias: vec![0.0; classes] };
        for part in parts {
            linear.take(&part);
        }
        linear
    }

    fn take(&mut self, part: &Part) {
        let width = part.bias.len();
        let rows = self.weights.chunks_exact_mut(self.classes.max(1)).zip(part.weights.chunks_exact(width.max(1)));
        for (row, from) in rows {
            if let Some(to) = row.get_mut(part.first..part.first + width) {
                to.copy_from_slice(from);
            }
        }
        if let Some(to) = self.bias.get_mut(part.first..part.first + width) {
            to.copy_from_slice(&part.bias);
        }
    }

    /// By class: above 0 means it, about 1 is what its own phrases have.
    pub(super) fn margins(&self, vector: &Sparse) -> Vec<f32> {
        let mut margins = self.bias.clone();
        add_rows(&self.weights, vector, &mut margins);
        margins
    }
}

/// Some of the classes; they are independent of the others.
struct Part {
    first: usize,
    weights: Vec<f32>,
    bias: Vec<f32>,
}

impl Part {
    fn train(
        samples: &[Sample],
        order: &[usize],
        classes: std::ops::Range<usize>,
        features: usize,
        apart: &impl Fn(usize, usize) -> bool,
    ) -> Self {
        let width = classes.len();
        let mut part = Self { first: classes.start, weights: vec![0.0; width * features], bias: vec![0.0; width] };
        let mut alphas = vec![0.0_f32; samples.len() * width];
        let (mut margins, mut changes) = (vec![0.0_f32; width], vec![0.0_f32; width]);
        for _ in 0..ROUNDS {
            let mut largest = 0.0_f32;
            for at in order {
                let Some(sample) = samples.get(*at) else { continue };
                let Some(alphas) = alphas.get_mut(at * width..(at + 1) * width) else { continue };
                margins.copy_from_slice(&part.bias);
                add_rows(&part.weights, &sample.vector, &mut margins);
                let own = sample.class.checked_sub(classes.start);
                let each = alphas.iter_mut().zip(&margins).zip(&mut changes).enumerate();
                for (class, ((alpha, margin), change)) in each {
                    let is_own = own == Some(class);
                    *change = step(alpha, *margin, is_own);
                }
                part.forgive(sample, &classes, apart, alphas, &mut changes);
                largest = changes.iter().fold(largest, |largest, it| largest.max(it.abs()));
                part.apply(&sample.vector, &changes);
            }
            if largest < ENOUGH {
                break;
            }
        }
        part
    }

    /// Takes back what a sample would have done to classes that it does not compete with.
    fn forgive(
        &self,
        sample: &Sample,
        classes: &std::ops::Range<usize>,
        apart: &impl Fn(usize, usize) -> bool,
        alphas: &mut [f32],
        changes: &mut [f32],
    ) {
        for (class, (alpha, change)) in classes.clone().zip(alphas.iter_mut().zip(changes)) {
            if *change != 0.0 && class != sample.class && (sample.also.contains(&class) || apart(class, sample.class)) {
                (*alpha, *change) = (0.0, 0.0);
            }
        }
    }

    fn apply(&mut self, vector: &Sparse, changes: &[f32]) {
        let width = changes.len();
        let changed: Vec<(usize, f32)> = changes.iter().copied().enumerate().filter(|it| it.1 != 0.0).collect();
        if changed.is_empty() {
            return;
        }
        let is_dense = changed.len() * 4 > width;
        for (feature, value) in vector {
            let first = *feature as usize * width;
            let Some(row) = self.weights.get_mut(first..first + width) else { continue };
            if is_dense {
                row.iter_mut().zip(changes).for_each(|(weight, change)| *weight += value * change);
                continue;
            }
            for (class, change) in &changed {
                if let Some(weight) = row.get_mut(*class) {
                    *weight += value * change;
                }
            }
        }
        self.bias.iter_mut().zip(changes).for_each(|(bias, change)| *bias += change);
    }
}

/// One step along one coordinate of the dual; the change of the weights along the sample. A vector has length one and the bias adds
/// one more.
fn step(alpha: &mut f32, margin: f32, is_own: bool) -> f32 {
    let (sign, softness) = if is_own { (1.0, 0.5 / (COST * OWN_COST)) } else { (-1.0, 0.5 / COST) };
    let gradient = sign * margin - 1.0 + softness * *alpha;
    let next = (*alpha - gradient / (2.0 + softness)).max(0.0);
    let change = (next - *alpha) * sign;
    *alpha = next;
    change
}

pub(super) fn add_rows(weights: &[f32], vector: &Sparse, sums: &mut [f32]) {
    let width = sums.len();
    for (feature, value) in vector {
        let first = *feature as usize * width;
        let Some(row) = weights.get(first..first + width) else { continue };
        sums.iter_mut().zip(row).for_each(|(sum, weight)| *sum += value * weight);
    }
}

/// The same order at every start: the same export gives the same answers.
pub(super) fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for last in (1..count).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let other = usize::try_from(state >> 11).unwrap_or_default() % (last + 1);
        order.swap(last, other);
    }
    order
}
