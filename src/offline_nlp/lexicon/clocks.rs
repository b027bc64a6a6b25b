//! Times of the day: `3 pm`, `15:00`, `15 Uhr 30`, `half past two`, `halb drei`, `at 3`, `noon`.

use jiff::civil::{DateTime, Time};

use super::{
    scene::Scene,
    text::Kind,
    vocabulary::{Part, Unit},
};

/// What stands before a bare hour.
const AT: &[&str] = &[
    "at", "around", "by", "until", "till", "before", "after", "um", "gegen", "ab", "bis", "circa", "ca", "since",
    "seit",
];
/// What a number may be of that is no hour.
const NO_HOUR: &[&str] = &[
    "%", "$", "€", "£", "°", "percent", "prozent", "euro", "euros", "dollar", "dollars", "degrees", "grad", "times",
    "mal", "people", "persons", "items", "pieces", "of", "cent", "cents", "pounds", "franken", "km", "kg", "x",
];
const PAST: &[&str] = &["past", "after", "nach"];
const TO: &[&str] = &["to", "before", "of", "til", "till", "vor"];

/// A time as it was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// 0 to 24.
    pub hour: i8,
    pub minute: i8,
    pub second: i8,
    /// Nothing says which half of the day: a clock shows it twice.
    pub is_open: bool,
}

impl Clock {
    const fn sure(hour: i8, minute: i8) -> Self {
        Self { hour, minute, second: 0, is_open: false }
    }

    const fn spoken(hour: i8, minute: i8) -> Self {
        Self { hour, minute, second: 0, is_open: hour >= 1 && hour <= 12 }
    }

    /// The half of the day in which people are up and offices open: from seven in the morning to half past six.
    pub(super) fn settled(self) -> Self {
        let hour = if self.is_open && self.hour < 7 { self.hour + 12 } else { self.hour };
        Self { hour, is_open: false, ..self }
    }

    /// In this part of the day.
    pub(super) fn within(self, part: Part) -> Self {
        let hour = match (part, self.hour) {
            (_, hour) if !self.is_open => hour,
            (Part::Morning, 12) => 0,
            (Part::Night, 12) => 24,
            (Part::Morning, hour) => hour,
            (Part::Night, hour) if hour < 6 => hour,
            (Part::Noon | Part::Afternoon, hour) if hour < 11 => hour + 12,
            (Part::Evening | Part::Night, hour) if hour < 12 => hour + 12,
            (Part::Evening, 12) => 24,
            (Part::Noon | Part::Afternoon | Part::Evening | Part::Night, hour) => hour,
        };
        Self { hour, is_open: false, ..self }
    }

    /// On this day; 24 o'clock is the next day's beginning.
    pub(super) fn on(self, day: jiff::civil::Date) -> Option<DateTime> {
        let settled = self.settled();
        if settled.hour == 24 {
            let time = Time::new(0, settled.minute, settled.second, 0).ok()?;
            return Some(day.tomorrow().ok()?.to_datetime(time));
        }
        Some(day.to_datetime(Time::new(settled.hour, settled.minute, settled.second, 0).ok()?))
    }

    /// Today, when somebody says so: what has gone by is meant for the evening.
    pub(super) fn on_today(self, now: DateTime) -> Option<DateTime> {
        let at = self.on(now.date())?;
        if at < now && self.is_open && self.hour < 12 {
            return Self { hour: self.hour + 12, is_open: false, ..self }.on(now.date());
        }
        Some(at)
    }

    /// The next time that it is so late.
    pub(super) fn next(self, now: DateTime) -> Option<DateTime> {
        let today = self.on(now.date())?;
        if today < now { self.on(now.date().tomorrow().ok()?) } else { Some(today) }
    }
}

pub(super) fn clock_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    let (end, clock) = named(scene, at)
        .or_else(|| past_or_to(scene, at))
        .or_else(|| half(scene, at))
        .or_else(|| digital(scene, at))
        .or_else(|| hour(scene, at))?;
    Some(within_part(scene, end, clock))
}

/// `noon`, `midnight`, `Mitternacht`.
fn named(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    let hour = match scene.text.folded(at) {
        "noon" | "midday" => 12,
        "midnight" | "mitternacht" => 24,
        _ => return None,
    };
    (!scene.follows(at, &["good", "after"])).then_some((at + 1, Clock::sure(hour, 0)))
}

/// An hour of the clock, in one number.
fn plain_hour(scene: &Scene<'_>, at: usize) -> Option<(usize, i8)> {
    if scene.tongue.is_german() && scene.is(at, &["ein"]) {
        return Some((at + 1, 1));
    }
    let (end, hour) = scene.count(at)?;
    let hour = i8::try_from(hour).ok().filter(|it| (0..=24).contains(it))?;
    let is_short = scene.text.kind(at) != Some(Kind::Digits) || scene.text.folded(at).len() <= 2 && end == at + 1;
    is_short.then_some((end, hour))
}

fn spoken(scene: &Scene<'_>, at: usize, hour: i8, minute: i8) -> Clock {
    let has_zero = scene.text.folded(at).starts_with('0');
    if has_zero { Clock::sure(hour, minute) } else { Clock::spoken(hour, minute) }
}

/// `quarter past nine`, `zehn nach fünf`, `fünf vor halb drei`, `ten minutes to four`, `dreiviertel drei`.
fn past_or_to(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    let start = scene.skip(at, &["a"]);
    let (mut next, minutes) = if scene.is(start, &["quarter", "viertel"]) {
        (start + 1, 15)
    } else if scene.is(at, &["dreiviertel"]) {
        let (end, hour) = plain_hour(scene, at + 1)?;
        return Some((scene.skip(end, &["uhr"]), minutes_before(hour, 15)));
    } else {
        let (end, minutes) = scene.count(at)?;
        let minutes = i8::try_from(minutes).ok().filter(|it| (1..=29).contains(it))?;
        (end, minutes)
    };
    let says_minutes = scene.unit(next) == Some(Unit::Minute);
    next += usize::from(says_minutes);
    let is_past = scene.is(next, PAST);
    if !is_past && !scene.is(next, TO) {
        return None;
    }
    // `from 9 to 5` and `9 to 5` are ranges.
    let in_digits = scene.text.kind(at) == Some(Kind::Digits);
    let is_range = scene.is(next, &["to", "til", "till"]) && in_digits && !says_minutes;
    if is_range || scene.follows(at, &["from", "between"]) {
        return None;
    }
    next += 1;
    if scene.is(next, &["halb"]) {
        let (end, hour) = plain_hour(scene, next + 1)?;
        let half = if is_past { 30 - minutes } else { 30 + minutes };
        return Some((scene.skip(end, &["uhr"]), minutes_before(hour, half)));
    }
    let (end, hour) = plain_hour(scene, next).or_else(|| named(scene, next).map(|(end, it)| (end, it.hour)))?;
    if scene.unit(end).is_some() || scene.meaning(end).month.is_some() {
        return None;
    }
    let end = after_o_clock(scene, end).unwrap_or(end);
    Some((end, if is_past { Clock::spoken(hour, minutes) } else { minutes_before(hour, minutes) }))
}

const fn minutes_before(hour: i8, minutes: i8) -> Clock {
    if minutes == 0 {
        return Clock::spoken(hour, 0);
    }
    match hour {
        1 => Clock::spoken(12, 60 - minutes),
        0 | 24 => Clock::sure(23, 60 - minutes),
        13 => Clock::sure(12, 60 - minutes),
        hour => Clock::spoken(hour - 1, 60 - minutes),
    }
}

/// `half past two`, `halb drei`.
fn half(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    if let Some(next) = scene.after(at, &["half", "past"]) {
        let (end, hour) = plain_hour(scene, next)?;
        return Some((end, Clock::spoken(hour, 30)));
    }
    if scene.is(at, &["halb"]) {
        let (end, hour) = plain_hour(scene, at + 1).filter(|(_, hour)| (1..=12).contains(hour))?;
        return Some((scene.skip(end, &["uhr"]), minutes_before(hour, 30)));
    }
    None
}

fn after_o_clock(scene: &Scene<'_>, at: usize) -> Option<usize> {
    let with_sign = scene.after(at, &["o", "'", "clock"]);
    with_sign
        .or_else(|| scene.is(at, &["oclock", "uhr"]).then_some(at + 1))
        .or_else(|| scene.after(at, &["o", "clock"]))
}

/// `am` or `pm` behind an hour, and whether it is the second half.
fn meridiem(scene: &Scene<'_>, at: usize) -> Option<(usize, bool)> {
    let dotted = |first| {
        let rest = scene.after(at, &[first, ".", "m"])?;
        Some(if scene.text.is_sign(rest, ".") && scene.text.is_tight(rest) { rest + 1 } else { rest })
    };
    if let Some(end) = dotted("p") {
        return Some((end, true));
    }
    if let Some(end) = dotted("a") {
        return Some((end, false));
    }
    match scene.text.folded(at) {
        "pm" => Some((at + 1, true)),
        // `um 9 am Montag`
        "am" if scene.tongue.is_german() => None,
        "am" => Some((at + 1, false)),
        _ => None,
    }
}

const fn of_half(hour: i8, minute: i8, is_second: bool) -> Option<Clock> {
    match (hour, is_second) {
        (12, false) => Some(Clock::sure(0, minute)),
        (12, true) | (13..=23, true) => Some(Clock::sure(hour, minute)),
        (1..=11, true) => Some(Clock::sure(hour + 12, minute)),
        (0..=11, false) => Some(Clock::sure(hour, minute)),
        _ => None,
    }
}

/// `15:00`, `3:30 pm`, `15:30:10`, `15.30 Uhr`, `1500 hours` is not understood.
fn digital(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    let hour = scene.digits(at, 2).and_then(|it| i8::try_from(it).ok()).filter(|it| *it <= 24)?;
    let text = scene.text;
    let is_part =
        text.is_tight(at) && (scene.follows(at, &[":", "."]) || text.is_glued(at) && !scene.follows(at, &["t"]));
    let is_colon = text.is_sign(at + 1, ":");
    let is_tight = text.is_tight(at + 1) && text.is_tight(at + 2);
    if is_part || !is_tight || !(is_colon || scene.is(at + 1, &[".", "h"])) || text.folded(at + 2).len() != 2 {
        return None;
    }
    let minute = scene.digits(at + 2, 2).and_then(|it| i8::try_from(it).ok()).filter(|it| *it < 60)?;
    let mut clock = spoken(scene, at, hour, minute);
    let mut end = at + 3;
    if is_colon && text.is_sign(end, ":") && text.is_tight(end) && text.is_tight(end + 1) {
        clock.second = scene.digits(end + 1, 2).and_then(|it| i8::try_from(it).ok()).filter(|it| *it < 60)?;
        clock.is_open = false;
        end += 2;
    }
    if hour == 24 && minute > 0 {
        return None;
    }
    if let Some((end, is_second)) = meridiem(scene, end) {
        return of_half(hour, minute, is_second).map(|it| (end, Clock { second: clock.second, ..it }));
    }
    let uhr = scene.skip(end, &["uhr"]);
    // A point also parts a day from a month, euros from cents.
    (is_colon || uhr > end || scene.is(at + 1, &["h"])).then_some((uhr, clock))
}

/// `3 pm`, `15 Uhr 30`, `3 o'clock`, `at 3`.
fn hour(scene: &Scene<'_>, at: usize) -> Option<(usize, Clock)> {
    let (end, hour) = plain_hour(scene, at)?;
    if scene.text.is_tight(at) && scene.follows(at, &[":", ".", ",", "/", "$", "€", "#"]) {
        return None;
    }
    if let Some((end, is_second)) = meridiem(scene, end) {
        return of_half(hour, 0, is_second).map(|it| (end, it));
    }
    if let Some(next) = after_o_clock(scene, end) {
        let minute =
            scene.count(next).filter(|(after, minute)| (1..60).contains(minute) && !is_counting(scene, *after));
        if let Some((after, minute)) = minute {
            return Some((after, spoken(scene, at, hour, i8::try_from(minute).ok()?)));
        }
        return Some((next, spoken(scene, at, hour, 0)));
    }
    let is_said = part_after(scene, end).is_some();
    if scene.is(at, &["ein"]) || !is_said && (!scene.follows(at, AT) || is_counting(scene, end)) {
        return None;
    }
    Some((end, spoken(scene, at, hour, 0)))
}

/// What follows makes the number before it an amount.
pub(super) fn is_counting(scene: &Scene<'_>, at: usize) -> bool {
    let meaning = scene.meaning(at);
    if scene.text.is_tight(at) && scene.is(at, &[".", ",", ":", "/", "-"]) && scene.text.is_tight(at + 1) {
        return true;
    }
    if scene.tongue.is_german() && scene.text.is_sign(at, ".") && scene.text.kind(at + 1).is_some() {
        return true;
    }
    let is_noun = scene.tongue.is_german()
        && scene.text.is_capital(at)
        && meaning.weekday.is_none()
        && meaning.day.is_none()
        && meaning.part.is_none()
        && !scene.is(at, &["uhr"]);
    meaning.unit.is_some() && !scene.is(at, &["h"])
        || meaning.month.is_some() && !meaning.is_weak
        || meaning.cardinal.is_some()
        || scene.text.is_glued(at)
        || scene.is(at, NO_HOUR)
        || is_noun
}

/// A part of the day that belongs to a time before it: `in the afternoon`, `nachmittags`, `am Abend`, `at night`.
pub(super) fn part_after(scene: &Scene<'_>, at: usize) -> Option<(usize, Part)> {
    let next = scene
        .after(at, &["in", "the"])
        .or_else(|| scene.after(at, &["in", "der"]))
        .or_else(|| scene.is(at, &["at", "am", "this"]).then_some(at + 1))
        .unwrap_or(at);
    let part = scene.meaning(next).part?;
    let is_adverb = scene.text.folded(next).ends_with('s') || scene.is(next, &["fruh", "tonight"]);
    let is_tomorrow = scene.is(next, &["morgen"]) && next == at;
    ((next > at || is_adverb) && !is_tomorrow).then_some((next + 1, part))
}

fn within_part(scene: &Scene<'_>, end: usize, clock: Clock) -> (usize, Clock) {
    match part_after(scene, end) {
        Some((after, part)) if clock.is_open => (after, clock.within(part)),
        Some((after, _)) if !scene.is(end, &["am", "this", "tonight"]) => (after, clock),
        _ => (end, clock),
    }
}
