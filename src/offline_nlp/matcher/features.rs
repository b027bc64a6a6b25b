//! A text → numbers: words, pairs of words, pieces of words, and the entities in it, each weighed by how rare it is.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use super::text::{Text, is_place};

/// Features in ascending order, with their weights; of length one.
pub(super) type Sparse = Vec<(u32, f32)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Word = 1,
    Pair = 2,
    Skip = 3,
    Piece = 4,
    Entity = 5,
    EntityPair = 6,
}

impl Kind {
    /// How much one counts among those of its block. Found on the benchmarks; small changes make small differences.
    const fn share(self) -> f32 {
        match self {
            Self::Word | Self::Pair | Self::Piece | Self::Entity => 1.0,
            Self::Skip | Self::EntityPair => 0.5,
        }
    }

    /// Blocks count alike however many features they have: there are many more pieces in a text than words.
    const fn block(self) -> usize {
        match self {
            Self::Word | Self::Pair | Self::Skip => 0,
            Self::Piece => 1,
            Self::Entity | Self::EntityPair => 2,
        }
    }
}

/// Words, pieces, entities.
const BLOCKS: [f32; 3] = [1.0, 2.0, 0.6];
/// Below 1 the common features count for more beside the telling ones: few phrases show badly what is telling.
const WORTH_POWER: f32 = 0.7;
/// So many imagined uses, spread as the phrases are, are added to each feature's own: one use is no proof.
const IMAGINED: f32 = 1.5;
/// Nothing is worth nothing.
const LEAST_WORTH: f32 = 0.02;

/// Pieces of words have so many letters, their borders counted.
const PIECES: std::ops::RangeInclusive<usize> = 2..=5;
/// Shorter pieces nearly every word has.
const LONG_PIECE: usize = 4;
/// What a word counts that tells nothing, where one that nobody taught counts 1.
const COMMON: f32 = 0.2;
/// Longer words are cut: nobody's phrase depends on the rest.
const MAX_WORD: usize = 32;

#[derive(Debug)]
pub(super) struct Features {
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    kinds: Vec<Feature>,
    /// Which share of a word's uses is a class's: rows, one for each word.
    shares: Vec<(u32, f32)>,
}

#[derive(Clone, Debug)]
struct Feature {
    weight: f32,
    block: usize,
    /// How much a word tells its class: 0 when all use it alike, 1 when one alone does.
    telling: f32,
    /// Its part of `shares`.
    shares: std::ops::Range<usize>,
}

/// Keys are hashes already.
#[derive(Debug, Default)]
struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0.rotate_left(5) ^ u64::from(*byte)).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }
}

impl Features {
    pub(super) fn build(examples: &[(usize, Text)], classes: usize) -> Self {
        let mut index: HashMap<u64, u32, BuildHasherDefault<Hashed>> = HashMap::default();
        let mut seen: Vec<Seen> = Vec::new();
        for (number, (class, text)) in examples.iter().enumerate() {
            each(text, |kind, key| {
                let next = u32::try_from(seen.len()).unwrap_or(u32::MAX);
                let at = *index.entry(key).or_insert(next);
                if at == next {
                    seen.push(Seen { kind, texts: 0, last: usize::MAX, classes: Vec::new() });
                }
                if let Some(seen) = seen.get_mut(at as usize) {
                    seen.count(number, *class);
                }
            });
        }
        let total = real(examples.len());
        let mut sizes = vec![0_usize; classes];
        for (class, _) in examples {
            if let Some(size) = sizes.get_mut(*class) {
                *size += 1;
            }
        }
        let mut features = Self { index, kinds: Vec::new(), shares: Vec::new() };
        for it in seen {
            let first = features.shares.len();
            let mut telling = 0.0;
            if it.kind == Kind::Word {
                telling = features.tell(&it, &sizes);
            }
            let shares = first..features.shares.len();
            features.kinds.push(Feature {
                weight: worth(&it, &sizes, total) * it.kind.share(),
                block: it.kind.block(),
                telling,
                shares,
            });
        }
        features
    }

    /// Keeps a word's shares; its worth is how far their entropy lies below that of pure chance.
    fn tell(&mut self, word: &Seen, sizes: &[usize]) -> f32 {
        let rate = |class: usize, texts: usize| real(texts) / real(sizes.get(class).copied().unwrap_or(1).max(1));
        let sum: f32 = word.classes.iter().map(|(class, texts)| rate(*class as usize, *texts as usize)).sum();
        let mut entropy = 0.0;
        for (class, texts) in &word.classes {
            let share = rate(*class as usize, *texts as usize) / sum.max(f32::MIN_POSITIVE);
            entropy -= share * share.ln();
            self.shares.push((*class, share));
        }
        (1.0 - entropy / real(sizes.len().max(2)).ln()).clamp(0.0, 1.0)
    }

    pub(super) fn len(&self) -> usize {
        self.kinds.len()
    }

    pub(super) fn of(&self, text: &Text) -> Sparse {
        let mut found: Vec<u32> = Vec::with_capacity(text.words.len() * 24);
        each(text, |_, key| found.extend(self.index.get(&key)));
        found.sort_unstable();
        let mut vector: Sparse = Vec::with_capacity(found.len());
        let mut lengths = [0.0_f32; 3];
        for same in found.chunk_by(|a, b| a == b) {
            let Some(feature) = same.first().and_then(|it| Some((*it, self.kinds.get(*it as usize)?))) else {
                continue;
            };
            let value = feature.1.weight * (1.0 + real(same.len()).ln());
            if let Some(length) = lengths.get_mut(feature.1.block) {
                *length += value * value;
            }
            vector.push((feature.0, value));
        }
        for (feature, value) in &mut vector {
            let block = self.kinds.get(*feature as usize).map_or(0, |it| it.block);
            let (Some(share), Some(length)) = (BLOCKS.get(block), lengths.get(block)) else { continue };
            *value *= share / length.sqrt().max(f32::MIN_POSITIVE);
        }
        normalize(&mut vector);
        vector
    }

    /// By class: the share of what is telling in the text that speaks for the class. What nobody taught speaks for none.
    pub(super) fn support(&self, text: &Text, classes: usize) -> Vec<f32> {
        let mut support = vec![0.0; classes];
        let mut whole = 0.0;
        for word in &text.words {
            let feature = self.word(&word.text);
            let weight = feature.map_or(1.0, |it| it.telling * it.telling);
            whole += weight;
            let shares = feature.and_then(|it| self.shares.get(it.shares.clone())).unwrap_or_default();
            for (class, share) in shares {
                if let Some(support) = support.get_mut(*class as usize) {
                    *support += weight * share.sqrt();
                }
            }
        }
        support.iter_mut().for_each(|it| *it /= f32::max(whole, 0.3));
        support
    }

    /// The share of the text, by weight, in words that nobody taught. A word whose pieces are known from others (an inflection, a
    /// compound, a slip of the finger) is so much less unknown.
    pub(super) fn unknown(&self, text: &Text) -> f32 {
        let (mut whole, mut unknown) = (0.0, 0.0);
        for (at, word) in text.words.iter().enumerate() {
            let in_entity = text.slots.iter().any(|it| it.words.contains(&at));
            let feature = self.word(&word.text);
            let weight = feature.map_or(1.0, |it| COMMON + it.telling);
            whole += weight;
            if feature.is_none() && !in_entity {
                unknown += weight * (1.0 - self.familiar(&word.text));
            }
        }
        if whole > 0.0 { unknown / whole } else { 1.0 }
    }

    /// The share of a word's longer pieces that taught words have.
    fn familiar(&self, word: &str) -> f32 {
        let (mut all, mut known) = (0, 0);
        pieces(shaped(word), |piece| {
            if piece.len() >= LONG_PIECE {
                all += 1;
                known += usize::from(self.index.contains_key(&key(Kind::Piece, &[piece])));
            }
        });
        if all > 0 { real(known) / real(all) } else { 0.0 }
    }

    fn word(&self, word: &str) -> Option<&Feature> {
        let at = self.index.get(&key(Kind::Word, &[shaped(word)]))?;
        self.kinds.get(*at as usize)
    }
}

/// What a feature tells of the class: how far its classes are from those of all phrases (Kullback and Leibler's divergence, smoothed,
/// from 0 to 1).
fn worth(feature: &Seen, sizes: &[usize], total: f32) -> f32 {
    let uses = real(feature.texts) + IMAGINED;
    let (mut worth, mut rest, mut rest_of_all) = (0.0, 1.0, 1.0);
    for (class, texts) in &feature.classes {
        let of_all = real(sizes.get(*class as usize).copied().unwrap_or(1)) / total;
        let share = (real(*texts as usize) + IMAGINED * of_all) / uses;
        worth += share * (share / of_all).ln();
        rest -= share;
        rest_of_all -= of_all;
    }
    if rest > 1e-6 && rest_of_all > 1e-6 {
        worth += rest * (rest / rest_of_all).ln();
    }
    (worth / total.max(2.0).ln()).max(LEAST_WORTH).powf(WORTH_POWER)
}

struct Seen {
    kind: Kind,
    texts: usize,
    /// The text that counted last: a text counts once.
    last: usize,
    classes: Vec<(u32, u32)>,
}

impl Seen {
    fn count(&mut self, text: usize, class: usize) {
        if self.last == text {
            return;
        }
        self.last = text;
        self.texts += 1;
        let class = u32::try_from(class).unwrap_or(u32::MAX);
        match self.classes.last_mut().filter(|it| it.0 == class) {
            Some((_, texts)) => *texts += 1,
            None => self.classes.push((class, 1)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of phrases are far below where it begins")]
pub(super) fn real(count: usize) -> f32 {
    count as f32
}

pub(super) fn normalize(vector: &mut Sparse) {
    let length = vector.iter().map(|it| it.1 * it.1).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|it| it.1 /= length);
    }
}

/// Calls `found` for every feature of a text, again for one that returns.
fn each(text: &Text, mut found: impl FnMut(Kind, u64)) {
    let words: Vec<&str> = text.words.iter().map(|it| shaped(&it.text)).collect();
    let at = |index: usize| words.get(index).copied().unwrap_or(END);
    let mut before = START;
    let mut before_that = START;
    for (index, word) in words.iter().enumerate() {
        if !is_place(word) {
            found(Kind::Word, key(Kind::Word, &[word]));
            pieces(word, |piece| found(Kind::Piece, key(Kind::Piece, &[piece])));
        }
        found(Kind::Pair, key(Kind::Pair, &[before, word]));
        if index > 1 {
            found(Kind::Skip, key(Kind::Skip, &[before_that, word]));
        }
        before_that = before;
        before = word;
    }
    found(Kind::Pair, key(Kind::Pair, &[before, END]));
    for slot in &text.slots {
        found(Kind::Entity, key(Kind::Entity, &[&slot.entity]));
        let left = slot.words.start.checked_sub(1).map_or(START, at);
        found(Kind::EntityPair, key(Kind::EntityPair, &[left, "@", &slot.entity]));
        found(Kind::EntityPair, key(Kind::EntityPair, &["@", &slot.entity, at(slot.words.end)]));
    }
}

const START: &str = "^";
const END: &str = "$";

/// Numbers are alike by their length.
fn shaped(word: &str) -> &str {
    const DIGITS: &str = "0000000000000000";
    if word.bytes().all(|it| it.is_ascii_digit()) {
        return DIGITS.get(..word.len().min(DIGITS.len())).unwrap_or(DIGITS);
    }
    word
}

fn pieces(word: &str, mut found: impl FnMut(&str)) {
    let mut bordered = String::with_capacity(word.len() + 2);
    bordered.push(' ');
    bordered.extend(word.chars().take(MAX_WORD));
    bordered.push(' ');
    let starts: Vec<usize> = bordered.char_indices().map(|it| it.0).chain([bordered.len()]).collect();
    for size in PIECES {
        if starts.len() <= size {
            // A word that is shorter than its pieces is one itself, once.
            found(&bordered);
            break;
        }
        for window in starts.windows(size + 1) {
            if let [first, .., end] = window {
                found(bordered.get(*first..*end).unwrap_or_default());
            }
        }
    }
}

/// FNV-1a with a last stir, since tables look at few of its bits.
fn key(kind: Kind, parts: &[&str]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ (kind as u64);
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^ (hash >> 29)
}
