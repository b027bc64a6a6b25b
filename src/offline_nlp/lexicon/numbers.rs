//! Numbers in digits and words: `1,000.50`, `1.000,50`, `twenty-three`, `two and a half`, `a dozen`; ordinals.

use serde_json::Value;

use super::{
    text::{Kind, Text},
    tongue::Tongue,
};

/// A number is spoken in fewer words.
const MOST_WORDS: usize = 24;
/// Beyond, a float does not hold every whole number any more.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_991.0;

/// What was counted, and the word after it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Counted {
    pub end: usize,
    pub value: f64,
    /// As many digits as a year, a day, an hour: written in digits, without sign or separator.
    pub is_plain: bool,
}

pub(super) fn json(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() <= LARGEST_WHOLE {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within the range of exact floats")]
        let whole = value as i64;
        Value::from(whole)
    } else {
        Value::from(value)
    }
}

/// A small whole number, such as an hour or a day.
pub(super) fn small(value: f64) -> Option<i16> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
    (value.fract() == 0.0 && (-9_999.0..=9_999.0).contains(&value)).then_some(value as i16)
}

/// The number that begins with word `at`.
pub(super) fn number_at(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<Counted> {
    let is_minus_word = text.is_one_of(at, &["minus", "negative"]) && text.kind(at) == Some(Kind::Letters);
    let is_minus_sign = text.is_sign(at, "-") && !text.is_tight(at) && text.is_tight(at + 1);
    if is_minus_word || is_minus_sign {
        let counted = unsigned(text, at + 1, tongue)?;
        return Some(Counted { value: -counted.value, is_plain: false, ..counted });
    }
    unsigned(text, at, tongue)
}

fn unsigned(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<Counted> {
    match text.kind(at)? {
        Kind::Digits => digits(text, at, tongue),
        Kind::Letters => words(text, at, tongue),
        Kind::Sign => None,
    }
}

fn digits(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<Counted> {
    // Not the middle of `24.12.2026`, `1.2.3` or `10:30`.
    let before = at.checked_sub(1);
    if text.is_tight(at) && before.is_some_and(|it| text.is_one_of(it, &[".", ",", ":", "/"]) && text.is_tight(it)) {
        return None;
    }
    let (group, point) = if tongue.is_german() { (".", ",") } else { (",", ".") };
    let mut written = text.folded(at).to_owned();
    let is_first_short = written.len() <= 3 && !written.starts_with('0');
    let mut end = at + 1;
    while is_first_short && joined(text, end, group) && text.folded(end + 1).len() == 3 && written.len() < 16 {
        written.push_str(text.folded(end + 1));
        end += 2;
    }
    let is_grouped = end > at + 1;
    let is_decimal = |sign: &str, any: bool| {
        joined(text, end, sign)
            && (any || (!is_grouped && text.folded(end + 1).len() <= 2))
            && !(joined(text, end + 2, sign) || joined(text, end + 2, "/"))
    };
    let mut is_plain = !is_grouped;
    if is_decimal(point, true) || is_decimal(group, false) {
        written.push('.');
        written.push_str(text.folded(end + 1));
        end += 2;
        is_plain = false;
    }
    // `1.2.3`, `10:30`, `3/4`
    let runs_on = [".", ",", ":", "/"].iter().any(|it| joined(text, end, it));
    if written.len() > 40 || runs_on {
        return None;
    }
    let mut value: f64 = written.parse().ok()?;
    if let Some((after, scale)) = scale_after(text, end) {
        value *= scale;
        end = after;
        is_plain = false;
    } else if let Some(after) = and_a_half(text, end) {
        value += 0.5;
        end = after;
        is_plain = false;
    }
    Some(Counted { end, value, is_plain })
}

/// `sign` and digits right after word `at - 1`.
fn joined(text: &Text<'_>, at: usize, sign: &str) -> bool {
    text.is_sign(at, sign) && text.is_tight(at) && text.is_tight(at + 1) && text.kind(at + 1) == Some(Kind::Digits)
}

/// `2 million`, `3 thousand`, `2 dozen`, `4 Mio`.
fn scale_after(text: &Text<'_>, at: usize) -> Option<(usize, f64)> {
    let named = text.meaning(at).and_then(|it| it.cardinal).filter(|it| [1e2, 1e3, 1e6, 1e9].contains(it));
    let scale = named.or_else(|| match text.folded(at) {
        "dozen" | "dutzend" => Some(12.0),
        "mio" => Some(1e6),
        "mrd" => Some(1e9),
        "k" if text.is_glued(at) => Some(1e3),
        _ => None,
    })?;
    Some((at + 1, scale))
}

/// `and a half`.
fn and_a_half(text: &Text<'_>, at: usize) -> Option<usize> {
    let is_half = text.is_one_of(at, &["and"]) && text.is_one_of(at + 1, &["a"]) && text.is_one_of(at + 2, &["half"]);
    is_half.then_some(at + 3)
}

fn words(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<Counted> {
    let article = text.is_one_of(at, &["a", "an", "ein", "eine"]);
    if article || text.is_one_of(at, &["half"]) {
        return counted_article(text, at);
    }
    let (mut end, mut value) = group_of_words(text, at, tongue)?;
    if value == 1.0 && is_pronoun(text, at, end) {
        return None;
    }
    if text.is_one_of(end, &["dozen", "dutzend"]) {
        (end, value) = (end + 1, value * 12.0);
    } else if let Some((after, fraction)) = spoken_fraction(text, end) {
        (end, value) = (after, value + fraction);
    } else if let Some(after) = and_a_half(text, end) {
        (end, value) = (after, value + 0.5);
    }
    Some(Counted { end, value, is_plain: false })
}

/// `a dozen`, `half a dozen`, `a hundred and five`, `ein Dutzend`, `eine Million`.
fn counted_article(text: &Text<'_>, at: usize) -> Option<Counted> {
    let is_dozen = |at| text.is_one_of(at, &["dozen", "dutzend"]);
    if text.is_one_of(at, &["half"]) {
        let ends = text.is_one_of(at + 1, &["a"]) && is_dozen(at + 2);
        return ends.then_some(Counted { end: at + 3, value: 6.0, is_plain: false });
    }
    if is_dozen(at + 1) {
        return Some(Counted { end: at + 2, value: 12.0, is_plain: false });
    }
    let scale = text.meaning(at + 1)?.cardinal.filter(|it| [1e2, 1e3, 1e6, 1e9].contains(it))?;
    let (end, value) = group_of_words(text, at + 1, Tongue::English { american: true })?;
    (value >= scale).then_some(Counted { end, value, is_plain: false })
}

/// `one` that counts nothing: `no one`, `this one`, `the one I bought`.
fn is_pronoun(text: &Text<'_>, at: usize, end: usize) -> bool {
    const BEFORE: &[&str] = &[
        "no", "this", "that", "which", "the", "another", "any", "every", "each", "new", "old", "other", "wrong",
        "right", "some", "last", "big", "small", "red", "blue", "black", "white", "green", "good", "bad", "cheap",
        "cheaper", "my",
    ];
    const AFTER: &[&str] = &["another", "day", "moment"];
    let before = at.checked_sub(1).is_some_and(|it| text.is_one_of(it, BEFORE));
    text.folded(at) == "one"
        && end == at + 1
        && (before || text.is_one_of(end, AFTER) && !text.is_one_of(end, &["day"]))
}

/// Whole numbers in words, group by group: below a thousand, then its scale.
fn group_of_words(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<(usize, f64)> {
    let (mut total, mut group, mut scale) = (0.0, None::<f64>, f64::INFINITY);
    let (mut end, mut next) = (at, at);
    while next < at + MOST_WORDS {
        let Some(value) = text.meaning(next).and_then(|it| it.cardinal) else { break };
        if value >= 1e6 || value == 1e3 {
            if value >= scale || group == Some(0.0) {
                break;
            }
            total += group.take().unwrap_or(1.0) * value;
            scale = value;
        } else {
            match joins(group, value) {
                Some(joined) if joined < scale => group = Some(joined),
                _ => break,
            }
        }
        end = next + 1;
        next = end;
        let follows = |it: usize| text.meaning(it).is_some_and(|it| it.cardinal.is_some());
        let is_round = group.is_none_or(|it| it >= 100.0 && it % 100.0 == 0.0);
        let small_follows = |it: usize| text.meaning(it).and_then(|it| it.cardinal).is_some_and(|it| it < 100.0);
        if tongue.is_english() && is_round && text.is_one_of(end, &["and"]) && small_follows(end + 1)
            || text.is_sign(end, "-") && text.is_tight(end) && text.is_tight(end + 1) && follows(end + 1)
        {
            next = end + 1;
        }
    }
    (end > at).then(|| (end, total + group.unwrap_or(0.0)))
}

/// What `value` makes of the group before it; `None`: another number begins.
fn joins(group: Option<f64>, value: f64) -> Option<f64> {
    let Some(group) = group else { return Some(value) };
    let tens = group % 100.0;
    let is_unit = (1.0..10.0).contains(&value) && value.fract() == 0.0;
    let adds = group >= 100.0 && tens == 0.0 && value < 100.0 || tens >= 20.0 && tens % 10.0 == 0.0 && is_unit;
    if value == 100.0 { (1.0..100.0).contains(&group).then_some(group * 100.0) } else { adds.then_some(group + value) }
}

/// `point five`, `Komma zwei fünf`.
fn spoken_fraction(text: &Text<'_>, at: usize) -> Option<(usize, f64)> {
    if !text.is_one_of(at, &["point", "komma"]) {
        return None;
    }
    let (mut end, mut value, mut weight) = (at + 1, 0.0, 0.1);
    while end < at + 10 {
        let digit = text.meaning(end).and_then(|it| it.cardinal).filter(|it| *it < 10.0 && it.fract() == 0.0);
        let Some(digit) = digit else { break };
        value += digit * weight;
        weight /= 10.0;
        end += 1;
    }
    (end > at + 1).then_some((end, value))
}

/// `third`, `twenty-third`, `23rd`, `dritten`, `3.` before a word.
pub(super) fn ordinal_at(text: &Text<'_>, at: usize, tongue: Tongue) -> Option<(usize, u32)> {
    if text.kind(at)? == Kind::Digits {
        let value: u32 = text.folded(at).parse().ok().filter(|it| (1..100_000).contains(it))?;
        let ends_english = text.is_glued(at + 1) && text.is_one_of(at + 1, &["st", "nd", "rd", "th"]);
        let ends_german = tongue.is_german()
            && text.is_sign(at + 1, ".")
            && text.is_tight(at + 1)
            && !text.is_tight(at + 2)
            && text.kind(at + 2) == Some(Kind::Letters);
        let is_middle = text.is_tight(at) && at > 0;
        return ((ends_english || ends_german) && !is_middle).then_some((at + 2, value));
    }
    let meaning = text.meaning(at)?;
    if let Some(value) = meaning.ordinal {
        return Some((at + 1, value));
    }
    let tens = meaning.cardinal.and_then(small).filter(|it| (20..100).contains(it) && it % 10 == 0)?;
    let unit_at = if text.is_sign(at + 1, "-") { at + 2 } else { at + 1 };
    let unit = text.meaning(unit_at)?.ordinal.filter(|it| (1..10).contains(it))?;
    (!tongue.is_german()).then_some((unit_at + 1, u32::try_from(tens).ok()? + unit))
}
