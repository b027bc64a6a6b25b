//! Spans of days (`sys.date-period`) and of hours (`sys.time-period`): `next week`, `im Dezember`, `from Monday to Friday`;
//! `between 9 and 11`, `von 9 bis 11 Uhr`, `vormittags`.

use jiff::{
    ToSpan,
    civil::{Date, DateTime, date},
};
use serde_json::{Value, json};

use super::{
    calendar::{self, monday},
    clocks::{self, Clock},
    durations, numbers,
    scene::Scene,
    text::Kind,
    vocabulary::{Part, Unit},
};

const FROM: &[&str] = &["from", "between", "von", "vom", "zwischen"];
const TO: &[&str] = &["to", "and", "until", "till", "through", "bis", "und", "-"];

/// Days, both ends included.
pub(super) type Days = (Date, Date);

/// Hours of a day not yet named.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Hours {
    pub from: Clock,
    pub to: Clock,
}

impl Hours {
    pub(super) fn on(self, day: Date) -> Option<(DateTime, DateTime)> {
        let from = self.from.on(day)?;
        let to = self.to.on(day)?;
        // Over midnight.
        if to <= from { Some((from, to.checked_add(1.day()).ok()?)) } else { Some((from, to)) }
    }

    /// Today, while they last; else tomorrow.
    pub(super) fn next(self, now: DateTime) -> Option<(DateTime, DateTime)> {
        let today = self.on(now.date())?;
        if today.1 <= now { self.on(now.date().tomorrow().ok()?) } else { Some(today) }
    }

    pub(super) fn of(part: Part) -> Self {
        let (from, to) = match part {
            Part::Morning => (8, 12),
            Part::Noon => (12, 14),
            Part::Afternoon => (12, 16),
            Part::Evening => (16, 20),
            Part::Night => (20, 24),
        };
        let sharp = |hour| Clock { hour, minute: 0, second: 0, is_open: false };
        Self { from: sharp(from), to: sharp(to) }
    }
}

pub(super) fn json_of_days(scene: &Scene<'_>, days: Days) -> Option<Value> {
    Some(json!({ "startDate": scene.written_day(days.0)?, "endDate": scene.written_day(days.1)? }))
}

pub(super) fn days_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    range_of_days(scene, at)
        .or_else(|| week_or_so(scene, at))
        .or_else(|| coming_units(scene, at))
        .or_else(|| weekend(scene, at))
        .or_else(|| month(scene, at))
        .or_else(|| year(scene, at))
}

/// `from Monday to Friday`, `vom 24. bis 26. Dezember`, `24.12. - 31.12.`
fn range_of_days(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    let is_introduced = scene.is(at, FROM);
    let start = scene.skip(at + usize::from(is_introduced), &["the", "dem"]);
    let joint = |end: usize| {
        let is_joint = scene.is(end, TO) && (is_introduced || !scene.is(end, &["and", "und"]));
        is_joint.then(|| scene.skip(scene.skip(end + 1, &["zum", "zu", "the"]), &["the", "dem"]))
    };
    // `24. bis 26. Dezember`: the first day has its month from the second.
    if let Some((end, day)) = calendar::day_number(scene, start) {
        let end = if scene.text.is_sign(end, ".") && scene.text.is_tight(end) { end + 1 } else { end };
        let last =
            joint(end).and_then(|next| calendar::day_at(scene, next).filter(|(end, _)| names_month(scene, next, *end)));
        if let Some((end, last)) = last {
            let first = Date::new(last.year(), last.month(), i8::try_from(day).ok()?).ok()?;
            return (first < last).then_some((end, (first, last)));
        }
    }
    let (end, first) = scene.day(start)?;
    let next = joint(end)?;
    if let Some((end, last)) = calendar::day_at(scene, next) {
        return ordered(first, last).map(|it| (end, it));
    }
    // `December 24 to 26`
    let (end, day) = calendar::day_number(scene, next).filter(|_| scene.meaning(start).month.is_some())?;
    let last = Date::new(first.year(), first.month(), i8::try_from(day).ok()?).ok()?;
    ordered(first, last).map(|it| (end, it))
}

/// Whether a day in words `first..end` says of which month it is.
fn names_month(scene: &Scene<'_>, first: usize, end: usize) -> bool {
    let is_numeric = scene.text.kind(first) == Some(Kind::Digits) && scene.text.kind(first + 2) == Some(Kind::Digits);
    is_numeric || (first..end).any(|it| scene.meaning(it).month.is_some())
}

fn ordered(first: Date, last: Date) -> Option<Days> {
    if last >= first {
        return Some((first, last));
    }
    // `from Thursday to Tuesday`, `from December 28 to January 3`
    let week = last.checked_add(7.days()).ok().filter(|it| *it > first && first.duration_since(last).as_hours() < 168);
    let last = week.or_else(|| last.checked_add(1.year()).ok())?;
    (last > first).then_some((first, last))
}

/// `this week`, `nächsten Monat`, `last year`.
fn week_or_so(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    let today = scene.today();
    let start = scene.skip(at, &["the"]);
    if let Some((end, weeks)) = calendar::week_at(scene, start) {
        let first = monday(today, weeks)?;
        return Some((end, (first, first.checked_add(6.days()).ok()?)));
    }
    let which = calendar::which(scene, start)?;
    match scene.text.folded(start + 1) {
        "month" | "monat" | "monats" => {
            let first = today.first_of_month().checked_add(which.months()).ok()?;
            Some((start + 2, (first, first.last_of_month())))
        }
        "year" | "jahr" | "jahres" => {
            let year = i64::from(today.year()) + which;
            Some((start + 2, whole_year(i16::try_from(year).ok()?)?))
        }
        _ => None,
    }
}

fn whole_year(year: i16) -> Option<Days> {
    Some((Date::new(year, 1, 1).ok()?, Date::new(year, 12, 31).ok()?))
}

/// `the next three days`, `in den nächsten zwei Wochen`, `the last 7 days`.
fn coming_units(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    let start = scene.skip(at, &["the", "den", "die"]);
    let which = calendar::which(scene, start).filter(|it| *it != 0)?;
    let number = scene.number(start + 1)?;
    let (end, length) = durations::length_at(scene, start + 1).filter(|(_, it)| !it.is_of_the_clock())?;
    let _: i16 = numbers::small(number.value)?;
    let today = scene.today();
    let span = length.span()?;
    let days = if which > 0 { (today, today.checked_add(span).ok()?) } else { (today.checked_sub(span).ok()?, today) };
    Some((end, days))
}

fn weekend(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    let start = scene.skip(at, &["the"]);
    let which = calendar::which(scene, start);
    let name = start + usize::from(which.is_some());
    if !scene.is(name, &["weekend", "wochenende"])
        || which.is_none() && !scene.follows(at, &["at", "on", "over", "am", "ubers", "during", "for"]) && start == at
    {
        return None;
    }
    // On a Friday the next weekend is that of the next week, this one is tomorrow.
    let saturday = monday(scene.today(), which.unwrap_or(0))?.checked_add(5.days()).ok()?;
    Some((name + 1, (saturday, saturday.tomorrow().ok()?)))
}

/// `in December`, `im Mai`, `next March`, `December 2026`.
fn month(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    const IN: &[&str] =
        &["in", "im", "since", "seit", "until", "of", "during", "by", "ab", "bis", "ende", "anfang", "mid", "mitte"];
    let which = calendar::which(scene, at);
    let name = at + usize::from(which.is_some());
    let (end, month) = calendar::month_name(scene, name)?;
    let named_year = scene.digits(end, 4).filter(|it| (1_900..=2_199).contains(it));
    let is_sure = which.is_some() || named_year.is_some() || scene.follows(at, IN) || scene.text.len() == 1;
    if !is_sure && (scene.meaning(name).is_weak || scene.text.folded(name).len() <= 3) {
        return None;
    }
    let month = i8::try_from(month).ok()?;
    let today = scene.today();
    let (end, year) = match (named_year, which) {
        (Some(year), _) => (end + 1, year),
        (None, Some(-1)) => (end, if month < today.month() { today.year() } else { today.year() - 1 }),
        (None, _) => (end, if month < today.month() { today.year() + 1 } else { today.year() }),
    };
    let first = Date::new(year, month, 1).ok()?;
    Some((end, (first, first.last_of_month())))
}

/// `in 2027`, `im Jahr 2027`.
fn year(scene: &Scene<'_>, at: usize) -> Option<(usize, Days)> {
    let start = scene.skip(at, &["jahr", "jahre", "year"]);
    if start == at && !scene.follows(at, &["in", "since", "seit"]) {
        return None;
    }
    let year = scene.digits(start, 4).filter(|it| (1_900..=2_199).contains(it))?;
    let ends = scene.unit(start + 1).is_none()
        && scene.text.is_whole(start, start + 1)
        && !clocks::is_counting(scene, start + 1);
    (ends && date(year, 1, 1) > Date::MIN).then(|| whole_year(year)).flatten().map(|it| (start + 1, it))
}

pub(super) fn hours_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Hours)> {
    range_of_hours(scene, at).or_else(|| part_of_day(scene, at))
}

/// An hour that may be bare, and whether something says that it is one.
fn end_of_range(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock, bool)> {
    if let Some((end, clock)) = scene.clock(at) {
        let is_bare = end == at + 1 && scene.count(at).is_some();
        return Some((end, clock, !is_bare));
    }
    let (end, hour) = scene.count(at).filter(|(_, hour)| (0..=24).contains(hour))?;
    let hour = i8::try_from(hour).ok()?;
    let is_open = (1..=12).contains(&hour) && !scene.text.folded(at).starts_with('0');
    Some((end, Clock { hour, minute: 0, second: 0, is_open }, false))
}

/// `between 9 and 11`, `9 bis 11 Uhr`, `3-5pm`, `from 9:00 to 17:00`.
fn range_of_hours(scene: &Scene<'_>, at: usize) -> Option<(usize, Hours)> {
    let is_introduced = scene.is(at, FROM);
    let start = scene.skip(at + usize::from(is_introduced), &["um"]);
    if scene.text.is_tight(start) && scene.follows(start, &["-", ".", ":", "/"]) {
        return None;
    }
    let (end, from, first_is_sure) = end_of_range(scene, start)?;
    if !scene.is(end, TO) || !is_introduced && scene.is(end, &["and", "und"]) {
        return None;
    }
    let (mut last, to, second_is_sure) = end_of_range(scene, scene.skip(end + 1, &["um"]))?;
    // `between 9 and 11 people`, `from 3 to 5 December`
    if !first_is_sure && !second_is_sure && (!is_introduced || clocks::is_counting(scene, last)) {
        return None;
    }
    let (mut from, mut to) = (from, to);
    if let Some((after, part)) = clocks::part_after(scene, last) {
        (from, to, last) = (from.within(part), to.within(part), after);
    }
    Some((last, in_order(from, to)))
}

/// The reading in which the end comes soonest after the beginning.
fn in_order(from: Clock, to: Clock) -> Hours {
    let minutes = |it: Clock| i16::from(it.hour) * 60 + i16::from(it.minute);
    let later = |it: Clock| Clock { hour: it.hour + 12, is_open: false, ..it };
    let closed = |it: Clock| Clock { is_open: false, ..it };
    if !to.is_open {
        // `3 to 5 pm` is in the afternoon, `9 to 5 pm` begins in the morning.
        let from = if from.is_open && from.hour < 12 && minutes(later(from)) < minutes(to) {
            later(from)
        } else {
            closed(from)
        };
        return Hours { from, to };
    }
    let from = from.settled();
    let to = if minutes(to) <= minutes(from) && to.hour < 12 { later(to) } else { closed(to) };
    Hours { from, to }
}

/// `in the morning`, `nachmittags`, `am Abend`, `tonight`.
fn part_of_day(scene: &Scene<'_>, at: usize) -> Option<(usize, Hours)> {
    let next = scene
        .after(at, &["in", "the"])
        .or_else(|| scene.after(at, &["in", "der"]))
        .or_else(|| scene.is(at, &["at", "am", "im", "this", "diesen"]).then_some(at + 1))
        .unwrap_or(at);
    // `Dienstagnachmittag` is of its day.
    let part = scene.meaning(next).part.filter(|_| scene.meaning(next).weekday.is_none())?;
    let word = scene.text.folded(next);
    let is_alone = scene.text.len() == 1;
    let greets = scene.follows(at, &["good", "guten", "gute", "gutem", "schonen", "schone", "nice"]);
    // `morgen` alone is tomorrow, `night` and `früh` say too little.
    let is_free =
        !matches!(word, "morgen" | "night" | "nacht" | "fruh" | "frueh" | "mittag") || is_alone && word != "morgen";
    if greets || scene.is(next, &["noon", "midday"]) || next == at && !is_free || next > at && word == "tonight" {
        return None;
    }
    Some((next + 1, Hours::of(part)))
}

/// Hours without a day, as the service writes them.
pub(super) fn json_of_hours(scene: &Scene<'_>, hours: Hours) -> Option<Value> {
    let (from, to) = hours.next(scene.now)?;
    Some(json!({ "startTime": scene.written(from)?, "endTime": scene.written(to)? }))
}

/// The unit that a length must have to be found in the hours of one day.
pub(super) const fn is_short(unit: Unit) -> bool {
    matches!(unit, Unit::Second | Unit::Minute | Unit::Hour)
}
