//! Single days: `tomorrow`, `nächsten Montag`, `24.12.`, `Dec 24th 2026`, `in three days`, `Heiligabend`.

use jiff::{
    ToSpan,
    civil::{Date, Weekday, date},
};

use super::{durations, numbers, scene::Scene, text::Kind, vocabulary::Unit};

pub(super) const NEXT: &[&str] = &[
    "next",
    "coming",
    "upcoming",
    "nachster",
    "nachste",
    "nachsten",
    "nachstes",
    "nachstem",
    "naechste",
    "naechsten",
    "naechster",
    "naechstes",
    "kommender",
    "kommende",
    "kommenden",
    "kommendes",
    "kommendem",
];
pub(super) const THIS: &[&str] =
    &["this", "current", "diese", "diesen", "dieser", "dieses", "diesem", "laufenden", "laufende", "laufender"];
pub(super) const LAST: &[&str] = &[
    "last",
    "previous",
    "past",
    "letzte",
    "letzten",
    "letzter",
    "letztes",
    "letztem",
    "vergangene",
    "vergangenen",
    "vergangener",
    "vergangenes",
    "vorige",
    "vorigen",
    "voriger",
    "voriges",
];
/// What stands before a day and leaves no doubt that it is one.
const ON: &[&str] =
    &["on", "am", "den", "dem", "vom", "zum", "since", "seit", "until", "till", "by", "bis", "ab", "every"];
const THE: &[&str] = &["the", "am", "den", "dem", "vom", "zum", "der"];

pub(super) fn day_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    iso(scene, at)
        .or_else(|| numeric(scene, at))
        .or_else(|| with_month(scene, at))
        .or_else(|| weekday(scene, at))
        .or_else(|| from_now(scene, at))
        .or_else(|| relative(scene, at))
        .or_else(|| feast(scene, at))
        .or_else(|| of_this_month(scene, at))
        .or_else(|| end_of(scene, at))
}

/// Digits that run on, such as `2026-12-24`.
fn parted<'a>(scene: &Scene<'_>, at: usize, sign: &'a str) -> Option<&'a str> {
    let text = scene.text;
    (text.is_sign(at, sign) && text.is_tight(at) && text.is_tight(at + 1)).then_some(sign)
}

fn is_inside(scene: &Scene<'_>, at: usize) -> bool {
    scene.text.is_tight(at) && at > 0 && (scene.follows(at, &[".", "-", "/", ":"]) || scene.text.is_glued(at))
}

fn iso(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let year = scene.digits(at, 4).filter(|_| scene.text.folded(at).len() == 4 && !is_inside(scene, at))?;
    let sign = parted(scene, at + 1, "-").or_else(|| parted(scene, at + 1, "/"))?;
    let (month, day) = (scene.digits(at + 2, 2)?, parted(scene, at + 3, sign).and_then(|_| scene.digits(at + 4, 2))?);
    Some((at + 5, of(year, month, day)?))
}

fn of(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A year in digits; two of them are of this century.
fn year_at(scene: &Scene<'_>, at: usize) -> Option<i16> {
    let year = scene.digits(at, 4)?;
    match scene.text.folded(at).len() {
        2 => Some(2_000 + year),
        4 if (1_900..=2_199).contains(&year) => Some(year),
        _ => None,
    }
}

/// `24.12.`, `24.12.2026`, `24/12/26`, `12/24/2026`.
fn numeric(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let first = scene.digits(at, 2).filter(|_| !is_inside(scene, at))?;
    let sign =
        parted(scene, at + 1, ".").or_else(|| parted(scene, at + 1, "/")).or_else(|| parted(scene, at + 1, "-"))?;
    let second = scene.digits(at + 2, 2)?;
    let is_american = sign != "." && scene.tongue == super::tongue::Tongue::English { american: true };
    let (day, month) = match is_american {
        true if first <= 12 => (second, first),
        false if second > 12 && sign != "." => (second, first),
        _ => (first, second),
    };
    if parted(scene, at + 3, sign).is_some() {
        let year = year_at(scene, at + 4)?;
        return Some((at + 5, of(year, month, day)?));
    }
    // `24.12. 2026` and `24.12.`; two numbers alone may be a price, a fraction, a score.
    let text = scene.text;
    if sign == "." {
        let ends = text.is_sign(at + 3, ".") && text.is_tight(at + 3);
        let is_said = scene.follows(at, ON) || scene.follows(at, &[","]);
        let is_short = is_said && text.folded(at + 2).len() == 2 && scene.tongue.is_german();
        if !ends && !is_short {
            return None;
        }
        if scene.is(at + 3, &["uhr"]) || scene.tongue == super::tongue::Tongue::Other {
            return None;
        }
        let end = at + 3 + usize::from(ends);
        return match year_at(scene, end).filter(|_| ends && text.folded(end).len() == 4) {
            Some(year) => Some((end + 1, of(year, month, day)?)),
            None => Some((end, coming(scene, month, day)?)),
        };
    }
    (sign == "/" && scene.tongue != super::tongue::Tongue::Other && text.kind(at + 3) != Some(Kind::Digits))
        .then(|| coming(scene, month, day))
        .flatten()
        .filter(|_| scene.follows(at, ON) || text.len() == 3)
        .map(|day| (at + 3, day))
}

/// The next such day, today among them.
pub(super) fn coming(scene: &Scene<'_>, month: i16, day: i16) -> Option<Date> {
    let year = scene.today().year();
    // The 29th of February may be some years off.
    (year..=year + 8).filter_map(|it| of(it, month, day)).find(|it| *it >= scene.today())
}

/// A day of a month: `24`, `24th`, `24.`, `twenty-fourth`.
pub(super) fn day_number(scene: &Scene<'_>, at: usize) -> Option<(usize, i16)> {
    let ordinal =
        numbers::ordinal_at(scene.text, at, scene.tongue).and_then(|(end, it)| Some((end, it.try_into().ok()?)));
    let (end, day) = ordinal.or_else(|| scene.digits(at, 2).map(|it| (at + 1, it)))?;
    ((1..=31).contains(&day) && !is_inside(scene, at)).then_some((end, day))
}

/// A year behind a day: `, 2026`, `2026`.
fn year_after(scene: &Scene<'_>, at: usize) -> Option<(usize, i16)> {
    let next = scene.skip(at, &[","]);
    let year = year_at(scene, next).filter(|_| scene.text.folded(next).len() == 4)?;
    (!scene.text.is_sign(next + 1, ":")).then_some((next + 1, year))
}

/// The name of a month, with the point of its abbreviation.
pub(super) fn month_name(scene: &Scene<'_>, at: usize) -> Option<(usize, i16)> {
    let month = scene.meaning(at).month?;
    let is_short = scene.text.folded(at).len() <= 4;
    let has_point = is_short && scene.text.is_sign(at + 1, ".") && scene.text.is_tight(at + 1);
    Some((at + 1 + usize::from(has_point), i16::from(month)))
}

/// `December 24th, 2026`, `24 December`, `24th of Dec`, `24. Dezember 2026`.
fn with_month(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let (end, month, day) = match month_name(scene, at) {
        Some((next, month)) => {
            let next = scene.skip(next, &["the"]);
            let (end, day) = day_number(scene, next)?;
            // `may 5 people`, `October 2026`, `in May 3 pm`
            if scene.text.is_sign(end, ":") || scene.is(end, &["pm", "uhr", "%"]) || scene.tongue.is_german() {
                return None;
            }
            (end, month, day)
        }
        None => {
            let (next, day) = day_number(scene, at)?;
            let (end, month) = month_name(scene, scene.skip(next, &["of"]))?;
            (end, month, day)
        }
    };
    match year_after(scene, end) {
        Some((end, year)) => Some((end, of(year, month, day)?)),
        None => Some((end, coming(scene, month, day)?)),
    }
}

/// `the 24th`, `am 24.`: of this month or the next one that has it.
fn of_this_month(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    if !scene.follows(at, THE) {
        return None;
    }
    let text = scene.text;
    let is_last_of_text =
        text.is_sign(at + 1, ".") && text.is_tight(at + 1) && text.kind(at + 2).is_none_or(|it| it == Kind::Sign);
    let (end, day) = match scene.digits(at, 2) {
        Some(day) if scene.tongue.is_german() && is_last_of_text => (at + 2, day),
        Some(_) => day_number(scene, at).filter(|(end, _)| *end > at + 1)?,
        // In words only where nothing else can be meant.
        None => day_number(scene, at).filter(|(end, day)| *day > 3 && text.kind(*end).is_none())?,
    };
    // `den 3. Artikel`, `the 24th order`
    let is_noun = text.is_capital(end) && scene.tongue.is_german() && scene.meaning(end) == Default::default();
    let is_counted = scene.tongue.is_english()
        && text.kind(end) == Some(Kind::Letters)
        && !scene.is(
            end,
            &[
                "at", "in", "please", "or", "and", "is", "would", "works", "between", "from", "to", "for", "around",
                "if",
            ],
        );
    if is_noun || is_counted || !(1..=31).contains(&day) {
        return None;
    }
    let first = scene.today().first_of_month();
    let found = (0..4).filter_map(|it| {
        let month = first.checked_add(i64::from(it).months()).ok()?;
        of(month.year(), i16::from(month.month()), day)
    });
    Some((end, found.into_iter().find(|it| *it >= scene.today())?))
}

/// The next of this weekday after today.
fn next_weekday(today: Date, weekday: Weekday) -> Option<Date> {
    today.nth_weekday(1, weekday).ok()
}

/// Monday of the week `weeks` from this.
pub(super) fn monday(today: Date, weeks: i64) -> Option<Date> {
    let back = i64::from(today.weekday().to_monday_zero_offset());
    today.checked_sub(back.days()).ok()?.checked_add(weeks.weeks()).ok()
}

/// `next week`, `nächste Woche`: how many weeks from this one.
pub(super) fn week_at(scene: &Scene<'_>, at: usize) -> Option<(usize, i64)> {
    let at = scene.skip(at, &["the", "der", "die"]);
    if let Some(end) = scene.after(at, &["week", "after", "next"]) {
        return Some((end, 2));
    }
    let second =
        if scene.is(at, &["uber", "ubernachste", "ubernachsten", "ubernachster"]) { Some(2) } else { which(scene, at) };
    let weeks = second?;
    (scene.is(at + 1, &["week", "woche"])).then_some((at + 2, weeks))
}

/// `next`, `this` or `last`.
pub(super) fn which(scene: &Scene<'_>, at: usize) -> Option<i64> {
    if scene.is(at, NEXT) {
        Some(1)
    } else if scene.is(at, THIS) {
        Some(0)
    } else if scene.is(at, LAST) {
        Some(-1)
    } else {
        None
    }
}

fn weekday(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let today = scene.today();
    if let Some((next, weeks)) = week_at(scene, at) {
        let day = scene.skip(scene.skip(next, &[","]), &["on", "am"]);
        let weekday = scene.meaning(day).weekday.filter(|_| !scene.meaning(day).is_weak || day > next)?;
        return Some((day + 1, within_week(monday(today, weeks)?, weekday)?));
    }
    let which = which(scene, at);
    let name_at = at + usize::from(which.is_some());
    let weekday = scene.meaning(name_at).weekday?;
    let has_point = scene.text.is_sign(name_at + 1, ".") && scene.text.is_tight(name_at + 1);
    let mut end = name_at + 1;
    if scene.meaning(name_at).is_weak {
        end += usize::from(has_point && scene.text.folded(name_at).len() <= 3 && scene.text.kind(end + 1).is_some());
    }
    // `Montag, den 24.12.` is that day, whatever its name.
    let dated = scene.skip(scene.skip(end, &[","]), &["the", "den", "dem"]);
    let exact = numeric(scene, dated).or_else(|| with_month(scene, dated)).or_else(|| iso(scene, dated));
    if let Some(exact) = exact.filter(|_| which.is_none()) {
        return Some(exact);
    }
    let is_alone = scene.text.len() == 1;
    if scene.meaning(name_at).is_weak
        && which.is_none()
        && !is_alone
        && !(scene.follows(at, ON) && scene.text.is_capital(at))
    {
        return None;
    }
    if let Some((end, weeks)) = week_at(scene, scene.skip(end, &["of", "in", "der"])) {
        return Some((end, within_week(monday(today, weeks)?, weekday)?));
    }
    let day = match which {
        Some(-1) => today.nth_weekday(-1, weekday).ok()?,
        Some(0) if weekday == today.weekday() => today,
        _ => next_weekday(today, weekday)?,
    };
    match in_a_week(scene, end) {
        Some((end, weeks)) => Some((end, day.checked_add(weeks.weeks()).ok()?)),
        None => Some((end, day)),
    }
}

fn within_week(monday: Date, weekday: Weekday) -> Option<Date> {
    monday.checked_add(i64::from(weekday.to_monday_zero_offset()).days()).ok()
}

/// `… in einer Woche`, `… in two weeks`, behind a day.
fn in_a_week(scene: &Scene<'_>, at: usize) -> Option<(usize, i64)> {
    let next = scene.after(at, &["in"])?;
    let (end, length) = durations::length_at(scene, next).filter(|(_, it)| it.unit == Unit::Week)?;
    Some((end, i64::from(numbers::small(length.amount)?)))
}

/// `in three days`, `a week from Monday`, `two days ago`, `vor drei Tagen`.
fn from_now(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let today = scene.today();
    let is_future = scene.is(at, &["in"]);
    let is_past = scene.tongue.is_german() && scene.is(at, &["vor"]);
    let start = at + usize::from(is_future || is_past);
    let (end, length) = durations::length_at(scene, start).filter(|(_, it)| !it.is_of_the_clock())?;
    let span = length.span()?;
    if is_future {
        return Some((end, today.checked_add(span).ok()?));
    }
    if is_past {
        return Some((end, today.checked_sub(span).ok()?));
    }
    if scene.is(end, &["ago"]) {
        return Some((end + 1, today.checked_sub(span).ok()?));
    }
    let next = scene.is(end, &["from", "after"]).then_some(end + 1)?;
    if scene.is(next, &["now"]) {
        return Some((next + 1, today.checked_add(span).ok()?));
    }
    let (end, day) = weekday(scene, next).or_else(|| relative(scene, next))?;
    Some((end, day.checked_add(span).ok()?))
}

/// `today`, `morgen`, `the day after tomorrow`, `heute in einer Woche`.
fn relative(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let start = scene.skip(at, &["the"]);
    // Beyond the calendar's end there is no such day.
    let days = |days: i64| scene.today().checked_add(days.days()).ok();
    if let Some(end) = scene.after(start, &["day", "after", "tomorrow"]) {
        return Some((end, days(2)?));
    }
    if let Some(end) = scene.after(start, &["day", "before", "yesterday"]) {
        return Some((end, days(-2)?));
    }
    let meaning = scene.meaning(at);
    let offset = i64::from(meaning.day?);
    // `am Morgen`, `heute Morgen`, `guten Morgen` are no tomorrow.
    const MORNING: &[&str] = &[
        "am",
        "guten",
        "jeden",
        "gutem",
        "heute",
        "gestern",
        "morgen",
        "diesen",
        "der",
        "den",
        "ubermorgen",
        "in",
        "schonen",
    ];
    if scene.is(at, &["morgen"]) && scene.follows(at, MORNING) {
        return None;
    }
    match in_a_week(scene, at + 1).filter(|_| offset >= 0) {
        Some((end, weeks)) => Some((end, days(offset + weeks * 7)?)),
        None => Some((at + 1, days(offset)?)),
    }
}

/// Feasts that have their day.
fn feast(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    const FEASTS: &[(&[&str], i16, i16)] = &[
        (&["christmas", "eve"], 12, 24),
        (&["christmas", "day"], 12, 25),
        (&["boxing", "day"], 12, 26),
        (&["christmas"], 12, 25),
        (&["new", "year", "'", "s", "eve"], 12, 31),
        (&["new", "years", "eve"], 12, 31),
        (&["new", "year", "'", "s", "day"], 1, 1),
        (&["new", "year", "'", "s"], 1, 1),
        (&["halloween"], 10, 31),
        (&["heiligabend"], 12, 24),
        (&["heilig", "abend"], 12, 24),
        (&["weihnachten"], 12, 25),
        (&["silvester"], 12, 31),
        (&["neujahr"], 1, 1),
        (&["nikolaus"], 12, 6),
    ];
    let (end, month, day) =
        FEASTS.iter().find_map(|(words, month, day)| Some((scene.after(at, words)?, *month, *day)))?;
    let wished = scene.follows(at, &["merry", "happy", "frohe", "frohes", "gutes", "s"]);
    (!wished).then(|| coming(scene, month, day)).flatten().map(|it| (end, it))
}

/// `end of the month`, `Ende nächster Woche`, `Monatsende`.
fn end_of(scene: &Scene<'_>, at: usize) -> Option<(usize, Date)> {
    let today = scene.today();
    if scene.is(at, &["monatsende"]) {
        return Some((at + 1, today.last_of_month()));
    }
    let next = scene.after(at, &["end", "of"]).or_else(|| scene.is(at, &["ende"]).then_some(at + 1))?;
    let unit_at = scene.skip(next, &["the", "des", "der"]);
    let named = which(scene, unit_at);
    let unit_at = unit_at + usize::from(named.is_some());
    let which = named.unwrap_or(0);
    let day = match scene.text.folded(unit_at) {
        "week" | "woche" => within_week(monday(today, which)?, Weekday::Friday)?,
        "month" | "monat" | "monats" => today.first_of_month().checked_add(which.months()).ok()?.last_of_month(),
        "year" | "jahr" | "jahres" => date(today.year(), 12, 31).checked_add(which.years()).ok()?,
        _ => return None,
    };
    (unit_at > next || named.is_some()).then_some((unit_at + 1, day))
}
