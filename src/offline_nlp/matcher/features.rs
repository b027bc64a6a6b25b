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
    /// The share of each kind in the whole. Found on the benchmarks; small changes make small differences.
    const fn share(self) -> f32 {
        match self {
            Self::Word => 1.0,
            Self::Pair => 0.7,
            Self::Skip => 0.4,
            Self::Piece => 0.8,
            Self::Entity | Self::EntityPair => 0.5,
        }
    }
}

/// Pieces of words have so many letters, their borders counted.
const PIECES: std::ops::RangeInclusive<usize> = 3..=5;
/// Longer words are cut: nobody's phrase depends on the rest.
const MAX_WORD: usize = 32;

#[derive(Debug)]
pub(super) struct Features {
    index: HashMap<u64, u32, BuildHasherDefault<Hashed>>,
    kinds: Vec<Feature>,
    /// By class: which share of a word's uses are this class's. Rows of `share_at`.
    shares: Vec<(u32, f32)>,
    /// The weight of a word that nobody taught.
    unknown: f32,
}

#[derive(Clone, Debug)]
struct Feature {
    weight: f32,
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
        let rarity = |texts: usize| ((1.0 + total) / (1.0 + real(texts))).ln() + 1.0;
        let mut sizes = vec![0_usize; classes];
        for (class, _) in examples {
            if let Some(size) = sizes.get_mut(*class) {
                *size += 1;
            }
        }
        let mut features = Self { index, kinds: Vec::new(), shares: Vec::new(), unknown: rarity(0) };
        for it in seen {
            let first = features.shares.len();
            let mut telling = 0.0;
            if it.kind == Kind::Word {
                telling = features.tell(&it, &sizes);
            }
            let shares = first..features.shares.len();
            features.kinds.push(Feature { weight: rarity(it.texts) * it.kind.share(), telling, shares });
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
        for same in found.chunk_by(|a, b| a == b) {
            let Some(feature) = same.first().and_then(|it| Some((*it, self.kinds.get(*it as usize)?))) else {
                continue;
            };
            vector.push((feature.0, feature.1.weight * (1.0 + real(same.len()).ln())));
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

    /// The share of the text, by weight, in words that nobody taught.
    pub(super) fn unknown(&self, text: &Text) -> f32 {
        let (mut whole, mut unknown) = (0.0, 0.0);
        for (at, word) in text.words.iter().enumerate() {
            let in_entity = text.slots.iter().any(|it| it.words.contains(&at));
            let feature = self.word(&word.text);
            let weight = feature.map_or(self.unknown, |it| it.weight);
            whole += weight;
            if feature.is_none() && !in_entity {
                unknown += weight;
            }
        }
        if whole > 0.0 { unknown / whole } else { 1.0 }
    }

    fn word(&self, word: &str) -> Option<&Feature> {
        let at = self.index.get(&key(Kind::Word, &[shaped(word)]))?;
        self.kinds.get(*at as usize)
    }
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
