//! What was probably meant, and how words are listed.

use crate::core::said::{Said, said};

/// The known name nearest to `word`, when one is near enough to be worth naming.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    known
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= length.max(candidate.chars().count()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// `a`, `b` and `c`, with such marks
#[must_use]
pub fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> Said {
    joined(words.into_iter().map(|word| format!("`{word}`")))
}

/// a, b and c
#[must_use]
pub fn joined(words: impl IntoIterator<Item = String>) -> Said {
    let mut words: Vec<_> = words.into_iter().collect();
    match words.pop() {
        Some(last) if words.is_empty() => Said::foreign(last),
        Some(last) => said!("{} and {}", words.join(", "), last),
        None => said!("none"),
    }
}

/// Edits between two words: insert, delete, replace, swap neighbours; case does not count.
pub(super) fn distance(a: &str, b: &str) -> usize {
    let lower = |word: &str| word.chars().flat_map(char::to_lowercase).collect::<Vec<_>>();
    let (a, b) = (lower(a), lower(b));
    let mut above: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    let mut last_a = None;
    for (i, &char_a) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        let mut last_b = None;
        for (j, &char_b) in b.iter().enumerate() {
            let cell = |cells: &[usize], at: usize| cells.get(at).copied().unwrap_or(usize::MAX - 1);
            let mut best =
                (cell(&row, j) + usize::from(char_a != char_b)).min(cell(&row, j + 1) + 1).min(cell(&next, j) + 1);
            if last_a == Some(char_b) && last_b == Some(char_a) && j > 0 {
                best = best.min(cell(&above, j - 1) + 1);
            }
            next.push(best);
            last_b = Some(char_b);
        }
        above = std::mem::replace(&mut row, next);
        last_a = Some(char_a);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_counted() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("listen", "lsiten", 1),
            ("kitten", "sitting", 3),
            ("Queue", "queue", 0),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(a, b), edits, "{a} {b}");
            assert_eq!(distance(b, a), edits, "{b} {a}");
        }
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        let known = ["listen", "workers", "credits"];
        assert_eq!(nearest("lsiten", known), Some("listen"));
        assert_eq!(nearest("worker", known), Some("workers"));
        assert_eq!(nearest("colour", known), None);
    }
}
