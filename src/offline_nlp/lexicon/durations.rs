//! Lengths of time (`sys.duration`, `sys.age`): `two hours`, `anderthalb Stunden`, `1h 30min`, `half an hour`, `25 Jahre alt`.

use jiff::{Span, ToSpan};
use serde_json::{Value, json};

use super::{numbers, scene::Scene, text::Kind, vocabulary::Unit};

const ARTICLES: &[&str] = &["a", "an", "one", "ein", "eine", "einen", "einem", "einer", "eines", "1"];
const HALVES: &[&str] = &["halbe", "halben", "halber", "halbes", "half"];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Length {
    pub amount: f64,
    pub unit: Unit,
}

impl Length {
    pub(super) fn json(self) -> Value {
        json!({ "amount": numbers::json(self.amount), "unit": self.unit.code() })
    }

    /// For a calendar: whole units, what is less in smaller ones.
    pub(super) fn span(self) -> Option<Span> {
        #[expect(clippy::cast_possible_truncation, reason = "bounded above")]
        let seconds = |per_unit: f64| (self.amount * per_unit).round() as i64;
        let whole = numbers::small(self.amount);
        if !(0.0..=9_999.0).contains(&self.amount) {
            return None;
        }
        match (self.unit, whole) {
            (Unit::Second, _) => Some(seconds(1.0).seconds()),
            (Unit::Minute, _) => Some(seconds(60.0).seconds()),
            (Unit::Hour, _) => Some(seconds(3_600.0).seconds()),
            (Unit::Day, Some(days)) => Some(days.days()),
            (Unit::Week, Some(weeks)) => Some(weeks.weeks()),
            (Unit::Month, Some(months)) => Some(months.months()),
            (Unit::Year, Some(years)) => Some(years.years()),
            (Unit::Day, None) => Some(seconds(24.0).hours()),
            (Unit::Week, None) => Some(seconds(7.0).days()),
            (Unit::Month, None) => Some(seconds(30.0).days()),
            (Unit::Year, None) => Some(seconds(12.0).months()),
        }
    }

    pub(super) const fn is_of_the_clock(self) -> bool {
        matches!(self.unit, Unit::Second | Unit::Minute | Unit::Hour)
    }
}

pub(super) fn length_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    let (mut end, mut length) = single(scene, at)?;
    // 1 hour and 30 minutes; 2 Tage 4 Stunden.
    for _ in 0..3 {
        let next = scene.skip(end, &["and", "und", ","]);
        let Some((after, more)) = counted(scene, next) else { break };
        let Some(factor) = smaller(length.unit, more.unit) else { break };
        length = Length { amount: length.amount * factor + more.amount, unit: more.unit };
        end = after;
    }
    Some((end, length))
}

fn single(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    named(scene, at).or_else(|| halved(scene, at)).or_else(|| with_article(scene, at)).or_else(|| counted(scene, at))
}

fn counted(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    let number = scene.number(at)?;
    let unit_at = if number.is_plain { scene.skip(number.end, &["-"]) } else { number.end };
    let unit = scene.unit(unit_at)?;
    // A single letter counts something only behind digits, and `10 second` is no place in a row.
    let is_digits = number.end.checked_sub(1).and_then(|it| scene.text.kind(it)) == Some(Kind::Digits);
    if scene.text.folded(unit_at).len() == 1 && !is_digits || number.value < 0.0 || scene.text.is_glued(unit_at + 1) {
        return None;
    }
    Some((unit_at + 1, Length { amount: number.value, unit }))
}

/// `an hour`, `eine Woche`, `an hour and a half`.
fn with_article(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    let unit = scene.unit(at + 1).filter(|_| scene.is(at, ARTICLES) && scene.text.folded(at + 1).len() > 1)?;
    let half = scene.after(at + 2, &["and", "a", "half"]);
    let amount = if half.is_some() { 1.5 } else { 1.0 };
    Some((half.unwrap_or(at + 2), Length { amount, unit }))
}

/// `half an hour`, `eine halbe Stunde`, `a quarter of an hour`.
fn halved(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    let start = scene.skip(at, ARTICLES);
    if let Some(end) = scene.after(start, &["quarter", "of", "an", "hour"]) {
        return Some((end, Length { amount: 15.0, unit: Unit::Minute }));
    }
    if !scene.is(start, HALVES) {
        return None;
    }
    let unit_at = scene.skip(start + 1, &["a", "an"]);
    let (amount, unit) = match scene.unit(unit_at)? {
        Unit::Minute => (30.0, Unit::Second),
        Unit::Hour => (30.0, Unit::Minute),
        Unit::Day => (12.0, Unit::Hour),
        Unit::Year => (6.0, Unit::Month),
        unit @ (Unit::Second | Unit::Week | Unit::Month) => (0.5, unit),
    };
    Some((unit_at + 1, Length { amount, unit }))
}

/// `Viertelstunde`, `fortnight`.
fn named(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    let start = scene.skip(at, ARTICLES);
    let (amount, unit) = match scene.text.folded(start) {
        "viertelstunde" => (15.0, Unit::Minute),
        "dreiviertelstunde" => (45.0, Unit::Minute),
        "fortnight" => (2.0, Unit::Week),
        _ => return None,
    };
    Some((start + 1, Length { amount, unit }))
}

/// How many of the smaller unit one of the larger is, if that is always so.
const fn smaller(larger: Unit, smaller: Unit) -> Option<f64> {
    match (larger, smaller) {
        (Unit::Week, Unit::Day) => Some(7.0),
        (Unit::Day, Unit::Hour) => Some(24.0),
        (Unit::Day, Unit::Minute) => Some(1_440.0),
        (Unit::Hour, Unit::Minute) | (Unit::Minute, Unit::Second) => Some(60.0),
        (Unit::Hour, Unit::Second) => Some(3_600.0),
        (Unit::Year, Unit::Month) => Some(12.0),
        _ => None,
    }
}

/// `25 years old`, `I am 25`, `6 Monate alt`, `25-jährig`.
pub(super) fn age_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Length)> {
    if let Some((end, length)) = counted(scene, at).or_else(|| with_article(scene, at)) {
        let old = scene.skip(end, &["-"]);
        let is_long = matches!(length.unit, Unit::Day | Unit::Week | Unit::Month | Unit::Year);
        return (is_long && scene.is(old, &["old", "alt", "alter"])).then_some((old + 1, length));
    }
    let (end, years) = scene.count(at).filter(|(_, years)| (1..=120).contains(years))?;
    let length = Length { amount: f64::from(years), unit: Unit::Year };
    if scene.is(end, &["jahrig", "jahriger", "jahrige"]) {
        return Some((end + 1, length));
    }
    let introduced = scene.follows(at, &["am", "m", "aged", "age", "bin", "alter"]);
    let ends = scene.text.kind(end).is_none() || scene.is(end, &[".", ",", "!", "and", "und"]);
    (introduced && ends).then_some((end, length))
}
