//! Days with times (`sys.date-time`): `tomorrow at 3`, `morgen Nachmittag`, `3 pm on Friday`, `in 20 minutes`.

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
};
use serde_json::{Value, json};

use super::{
    clocks::Clock,
    durations,
    periods::{self, Hours},
    scene::Scene,
    text::Kind,
};

/// What may stand between a day and a time, or a time and a day.
const JOINTS: &[&str] =
    &["at", "um", "on", "am", "in", "the", ",", "gegen", "ab", "around", "-", "den", "t", "for", "by", "after", "nach"];

/// What is said of the hours of a day.
#[derive(Clone, Copy, Debug)]
enum When {
    Sharp(Clock),
    Hours(Hours),
}

pub(super) fn moment_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    offset(scene, at)
        .or_else(|| with_offset_of_zone(scene, at))
        .or_else(|| day_first(scene, at))
        .or_else(|| time_first(scene, at))
        .or_else(|| days(scene, at))
        .or_else(|| day(scene, at))
        .or_else(|| time(scene, at))
}

fn exact(scene: &Scene<'_>, at: DateTime) -> Option<Value> {
    Some(json!({ "date_time": scene.written(at)? }))
}

/// `in 20 minutes`, `two hours ago`, `now`.
fn offset(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let now = scene.now.to_zoned(scene.zone.clone()).ok()?;
    let written = |it: jiff::Zoned| json!({ "date_time": it.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string() });
    let is_now = scene.is(at, &["now", "jetzt", "sofort"]) && !scene.follows(at, &["from", "by", "until", "bis", "ab"]);
    if is_now {
        return Some((at + 1, written(now)));
    }
    let is_future = scene.is(at, &["in"]);
    let is_past = scene.tongue.is_german() && scene.is(at, &["vor"]);
    let (end, length) = durations::length_at(scene, at + usize::from(is_future || is_past))?;
    if !periods::is_short(length.unit) {
        return None;
    }
    let span = length.span()?;
    if is_future {
        Some((end, written(now.checked_add(span).ok()?)))
    } else if is_past {
        Some((end, written(now.checked_sub(span).ok()?)))
    } else if scene.is(end, &["ago"]) {
        Some((end + 1, written(now.checked_sub(span).ok()?)))
    } else {
        scene.after(end, &["from", "now"]).and_then(|end| Some((end, written(now.checked_add(span).ok()?))))
    }
}

/// `2026-12-24T15:00:00+01:00`, `2026-12-24T14:00Z`.
fn with_offset_of_zone(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let is_year = scene.text.kind(at) == Some(Kind::Digits) && scene.text.folded(at).len() == 4;
    if !is_year || !scene.text.is_sign(at + 1, "-") || !scene.is(at + 5, &["t"]) {
        return None;
    }
    // To the end of what is written in one piece.
    let end = (at + 1..(at + 18).min(scene.text.len())).find(|it| !scene.text.is_tight(*it));
    let end = end.unwrap_or_else(|| (at + 18).min(scene.text.len()));
    let instant: Timestamp = scene.text.slice(at, end).parse().ok()?;
    exact(scene, scene.zone.to_datetime(instant)).map(|it| (end, it))
}

fn when_at(scene: &Scene<'_>, at: usize) -> Option<(usize, When)> {
    let hours = periods::hours_at(scene, at).map(|(end, it)| (end, When::Hours(it)));
    let clock = scene.clock(at).map(|(end, it)| (end, When::Sharp(it)));
    match (hours, clock) {
        (Some(hours), Some(clock)) => Some(if hours.0 > clock.0 { hours } else { clock }),
        (hours, clock) => hours.or(clock),
    }
}

/// `tomorrow at 3`, `heute Abend um 8`, `Montag zwischen 9 und 11`.
fn day_first(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, day) = scene.day(at).or_else(|| this_part(scene, at))?;
    let (end, when) = behind_day(scene, end, at)?;
    Some((end, value(scene, day, when)?))
}

/// `this afternoon`, `tonight`: today's.
fn this_part(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let is_this = scene.is(at, &["this", "diesen"]) && scene.meaning(at + 1).part.is_some();
    (is_this || scene.is(at, &["tonight"])).then(|| (at + usize::from(is_this), scene.today()))
}

fn behind_day(scene: &Scene<'_>, end: usize, at: usize) -> Option<(usize, When)> {
    // `Dienstagnachmittag` is the day and its part in one word.
    let last = scene.meaning(end.saturating_sub(1));
    if let (Some(_), Some(part)) = (last.weekday, last.part) {
        return Some(after_part(scene, end, part));
    }
    // `tonight` is the day and its evening in one; `this afternoon` begins with the day.
    if let Some(part) = scene.meaning(end).part.filter(|_| !scene.is(end, &["fruhstuck"])) {
        return Some(after_part(scene, end + 1, part));
    }
    if scene.is(at, &["tonight"]) {
        return Some(after_part(scene, at + 1, super::vocabulary::Part::Evening));
    }
    for next in end..end + 3 {
        if let Some((end, when)) = when_at(scene, next) {
            if let (When::Sharp(clock), Some(part)) =
                (when, scene.meaning(end).part.filter(|_| !scene.is(end, &["morgen"])))
            {
                return Some((end + 1, When::Sharp(clock.within(part))));
            }
            return Some((end, when));
        }
        if let Some(bare) = bare_hour(scene, next, end) {
            return Some(bare);
        }
        if !scene.is(next, JOINTS) {
            return None;
        }
    }
    None
}

/// `tomorrow 3`, `morgen 15`: a number that counts nothing, right behind the day.
fn bare_hour(scene: &Scene<'_>, at: usize, day_end: usize) -> Option<(usize, When)> {
    let (end, hour) = scene.count(at).filter(|(end, hour)| (0..=24).contains(hour) && *end == at + 1)?;
    let is_end = scene.text.kind(end).is_none() || scene.is(end, &["please", "bitte", "?", "!", ","]);
    if at != day_end || !is_end {
        return None;
    }
    let hour = i8::try_from(hour).ok()?;
    let is_open = (1..=12).contains(&hour) && !scene.text.folded(at).starts_with('0');
    Some((end, When::Sharp(Clock { hour, minute: 0, second: 0, is_open })))
}

/// `tomorrow afternoon`, and the hour within it where one follows: `… at 3`, `… um 8`.
fn after_part(scene: &Scene<'_>, end: usize, part: super::vocabulary::Part) -> (usize, When) {
    let next = (0..2).fold(end, |it, _| scene.skip(it, JOINTS));
    match when_at(scene, next) {
        Some((end, When::Sharp(clock))) => (end, When::Sharp(clock.within(part))),
        Some((after, When::Hours(hours)))
            if scene.count(next).is_some() || scene.is(next, &["between", "zwischen", "from", "von"]) =>
        {
            (after, When::Hours(Hours { from: hours.from.within(part), to: hours.to.within(part) }))
        }
        _ => (end, When::Hours(Hours::of(part))),
    }
}

/// `3 pm tomorrow`, `um 15 Uhr am Montag`, `between 9 and 11 on Friday`.
fn time_first(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, when) = when_at(scene, at)?;
    let next = (0..2).fold(end, |it, _| scene.skip(it, &["on", "am", "den", ",", "the", "of"]));
    let (end, day) = scene.day(next).or_else(|| scene.day(end))?;
    // `at 3 in the afternoon`, said after the day: `um 3 am Montag nachmittag`
    if let (When::Sharp(clock), Some(part)) = (when, scene.meaning(end).part) {
        return Some((end + 1, value(scene, day, When::Sharp(clock.within(part)))?));
    }
    Some((end, value(scene, day, when)?))
}

fn value(scene: &Scene<'_>, day: Date, when: When) -> Option<Value> {
    match when {
        When::Sharp(clock) if day == scene.today() => exact(scene, clock.on_today(scene.now)?),
        When::Sharp(clock) => exact(scene, clock.on(day)?),
        When::Hours(hours) => {
            let (from, to) = hours.on(day)?;
            Some(json!({ "startDateTime": scene.written(from)?, "endDateTime": scene.written(to)? }))
        }
    }
}

fn days(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, days) = periods::days_at(scene, at)?;
    Some((end, periods::json_of_days(scene, days)?))
}

fn day(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, day) = scene.day(at)?;
    Some((end, Value::String(scene.written_day(day)?)))
}

fn time(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    match when_at(scene, at)? {
        (end, When::Sharp(clock)) => Some((end, exact(scene, clock.next(scene.now)?)?)),
        (end, When::Hours(hours)) => Some((end, periods::json_of_hours(scene, hours)?)),
    }
}
