//! The numbers of a span, put together for whoever asks: a page, a file, a program.

use std::{collections::BTreeMap, str::FromStr as _};

use jiff::civil::Date;
use serde::Deserialize;

use crate::{
    core::ids::{EngineName, ProfileName, UnitName},
    gateway::{
        Gateway,
        storage::{Counts, Day, NumberKey, NumbersOf, StoreError},
    },
};

/// No span is longer.
pub(super) const MAX_DAYS: i32 = 400;
/// No picture has more points: of a longer span a point is a week, or four.
const MAX_POINTS: i32 = 31;
const WEEK: i32 = 7;
const MAX_WEEKLY: i32 = MAX_POINTS * WEEK;

/// What is asked for, as it stands in an address. Empty: all, or the usual.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    pub(super) unit: String,
    pub(super) profile: String,
    /// Days up to today, or `own`: from and to.
    pub(super) span: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Of a file: which table.
    pub(super) table: String,
}

/// Why a span is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoSpan {
    From,
    To,
    /// It ends before it begins.
    Backwards,
    TooLong,
}

/// Days, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Day,
    pub(super) to: Day,
}

impl Span {
    pub(super) const fn last(days: i32, today: Day) -> Self {
        Self { from: today.plus(1 - days), to: today }
    }

    /// From one day to another, or to today if that is earlier.
    ///
    /// # Errors
    /// When it is none, or too long.
    pub(super) fn between(from: Day, to: Day, today: Day) -> Result<Self, NoSpan> {
        let span = Self { from, to: to.min(today) };
        match span.days() {
            ..=0 => Err(NoSpan::Backwards),
            1..=MAX_DAYS => Ok(span),
            _ => Err(NoSpan::TooLong),
        }
    }

    pub(super) const fn days(self) -> i32 {
        self.to.0.saturating_sub(self.from.0).saturating_add(1)
    }

    /// As long, and right before.
    pub(super) const fn before(self) -> Self {
        Self { from: self.from.plus(-self.days()), to: self.from.plus(-1) }
    }

    /// How many days a point has.
    pub(super) const fn step(self) -> i32 {
        let days = self.days();
        if days <= MAX_POINTS {
            1
        } else if days <= MAX_WEEKLY {
            WEEK
        } else {
            4 * WEEK
        }
    }

    /// The first day of each of its points. They end with the span: only the first may be shorter.
    pub(super) fn points(self) -> Vec<Day> {
        let mut points: Vec<Day> = (self.from.0..=self.to.0).map(|day| self.point(Day(day))).collect();
        points.dedup();
        points
    }

    fn point(self, day: Day) -> Day {
        let step = self.step();
        let left = (self.to.0 - day.0) / step;
        Day((self.to.0 - left * step - (step - 1)).max(self.from.0))
    }
}

impl Asked {
    /// # Errors
    /// What is wrong with the days that were given.
    pub(super) fn span(&self, today: Day) -> Result<Span, NoSpan> {
        if self.span != "own" {
            let days = match self.span.as_str() {
                "7" => 7,
                "90" => 90,
                "365" => 365,
                _ => 30,
            };
            return Ok(Span::last(days, today));
        }
        let day = |text: &str| Date::from_str(text.trim()).ok().map(Day::from);
        let from = day(&self.from).ok_or(NoSpan::From)?;
        let to = day(&self.to).ok_or(NoSpan::To)?;
        Span::between(from, to, today)
    }

    /// Nothing has this name.
    pub(super) fn names(&self) -> Option<(Option<UnitName>, Option<ProfileName>)> {
        let unit = if self.unit.is_empty() { None } else { Some(UnitName::new(&self.unit).ok()?) };
        let profile = if self.profile.is_empty() { None } else { Some(ProfileName::new(&self.profile).ok()?) };
        Some((unit, profile))
    }

    /// As it stands in an address, without the table.
    pub(super) fn query(&self) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        let fields = [
            ("unit", &self.unit),
            ("profile", &self.profile),
            ("span", &self.span),
            ("from", &self.from),
            ("to", &self.to),
        ];
        for (name, value) in fields.iter().filter(|(_, value)| !value.is_empty()) {
            query.append_pair(name, value);
        }
        query.finish()
    }
}

/// Of contacts, and of the engines that served them.
#[derive(Clone, Debug, Default)]
pub(super) struct Both {
    pub(super) contacts: Counts,
    pub(super) engines: Counts,
}

/// The numbers of a span.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) span: Span,
    /// Of each point, oldest first; none is missing.
    pub(super) points: Vec<(Day, Both)>,
    pub(super) all: Both,
    /// Of the span before, which is as long.
    pub(super) before: Both,
    /// Of each profile that had any, in alphabetical order.
    pub(super) profiles: Vec<((UnitName, ProfileName), Both)>,
    /// Of each engine that was asked, in alphabetical order.
    pub(super) engines: Vec<((UnitName, ProfileName, EngineName), Counts)>,
}

impl Report {
    /// Nothing happened, in the span or before.
    pub(super) fn is_empty(&self) -> bool {
        [&self.all, &self.before].iter().all(|it| it.contacts.is_empty() && it.engines.is_empty())
    }
}

#[derive(Default)]
struct Sums {
    points: BTreeMap<Day, Counts>,
    all: Counts,
    before: Counts,
    of: BTreeMap<(UnitName, ProfileName, Option<EngineName>), Counts>,
}

/// # Errors
/// When the store cannot be read.
pub(super) async fn report(
    gateway: &Gateway,
    (unit, profile): (Option<UnitName>, Option<ProfileName>),
    span: Span,
) -> Result<Report, StoreError> {
    let of = NumbersOf { unit, profile, engines: false, from: span.before().from, to: span.to };
    let add = move |sums: &mut Sums, key: &NumberKey, counts: &Counts| {
        if key.day < span.from {
            sums.before.add_all(counts);
            return;
        }
        sums.points.entry(span.point(key.day)).or_default().add_all(counts);
        sums.all.add_all(counts);
        let of = (key.unit.clone(), key.profile.clone(), key.engine.clone());
        sums.of.entry(of).or_default().add_all(counts);
    };
    let mut contacts: Sums = gateway.numbers(&of, add).await?;
    let mut engines: Sums = gateway.numbers(&NumbersOf { engines: true, ..of }, add).await?;
    let point = |day: Day| {
        let both = Both {
            contacts: contacts.points.remove(&day).unwrap_or_default(),
            engines: engines.points.remove(&day).unwrap_or_default(),
        };
        (day, both)
    };
    let points = span.points().into_iter().map(point).collect();
    let mut profiles: BTreeMap<(UnitName, ProfileName), Both> = BTreeMap::new();
    for ((unit, profile, _), counts) in contacts.of {
        profiles.entry((unit, profile)).or_default().contacts.add_all(&counts);
    }
    for ((unit, profile, _), counts) in &engines.of {
        profiles.entry((unit.clone(), profile.clone())).or_default().engines.add_all(counts);
    }
    let of_engine = |((unit, profile, engine), counts)| Some(((unit, profile, engine?), counts));
    Ok(Report {
        span,
        points,
        all: Both { contacts: contacts.all, engines: engines.all },
        before: Both { contacts: contacts.before, engines: engines.before },
        profiles: profiles.into_iter().collect(),
        engines: engines.of.into_iter().filter_map(of_engine).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(20_000);

    fn asked(span: &str, from: &str, to: &str) -> Asked {
        Asked { span: span.to_owned(), from: from.to_owned(), to: to.to_owned(), ..Asked::default() }
    }

    #[test]
    fn a_span_ends_today_or_is_given_by_its_days() {
        let days = |span: &str| asked(span, "", "").span(TODAY).map(Span::days);
        assert_eq!((days("7"), days(""), days("nonsense"), days("365")), (Ok(7), Ok(30), Ok(30), Ok(365)));
        let own = |from: &str, to: &str| asked("own", from, to).span(TODAY);
        // Day 20000 is 4 October 2024.
        assert_eq!(own("2024-10-03", " 2024-10-04"), Ok(Span { from: Day(19_999), to: TODAY }));
        assert_eq!(own("2024-10-03", "2099-01-01").map(|it| it.to), Ok(TODAY), "what is to come is no number");
        assert_eq!(own("", "2024-10-04"), Err(NoSpan::From));
        assert_eq!(own("2024-10-04", "4.10.2024"), Err(NoSpan::To));
        assert_eq!(own("2024-10-04", "2024-10-03"), Err(NoSpan::Backwards));
        assert_eq!(own("2030-01-01", "2031-01-01"), Err(NoSpan::Backwards));
        assert_eq!(own("2023-09-01", "2024-10-04").map(Span::days), Ok(MAX_DAYS));
        assert_eq!(own("2023-08-31", "2024-10-04"), Err(NoSpan::TooLong));
        assert_eq!(own("2000-01-01", "2024-10-04"), Err(NoSpan::TooLong));
    }

    #[test]
    fn a_long_span_is_told_by_weeks_that_end_with_it() {
        let daily = Span::last(31, TODAY);
        assert_eq!((daily.step(), daily.points().len(), daily.points()[30]), (1, 31, TODAY));
        let weekly = Span::last(90, TODAY);
        let points = weekly.points();
        assert_eq!((points.len(), points[0], points[1], points[12]), (13, Day(19_911), Day(19_917), Day(19_994)));
        assert_eq!((weekly.point(Day(19_916)), weekly.point(TODAY)), (Day(19_911), Day(19_994)));
        let longest = [217, 218, MAX_DAYS].map(|days| Span::last(days, TODAY).points().len());
        assert_eq!(longest, [31, 8, 15]);
        assert_eq!(weekly.before(), Span { from: Day(19_821), to: Day(19_910) });
    }

    #[test]
    fn an_address_holds_what_was_asked() {
        let asked = Asked { unit: "a&b".to_owned(), span: "7".to_owned(), table: "x".to_owned(), ..Asked::default() };
        assert_eq!(asked.query(), "unit=a%26b&span=7");
        assert_eq!(asked.names(), Some((Some(UnitName::new("a&b").unwrap()), None)));
        assert_eq!(Asked { profile: "x".repeat(200), ..Asked::default() }.names(), None);
    }
}
