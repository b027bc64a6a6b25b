//! One look at a text: its words, when and where they are said, and what is worked out once for all recognisers.

use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};

use super::{
    Moment, calendar,
    clocks::{self, Clock},
    numbers::{self, Counted},
    text::{Kind, Text},
    tongue::Tongue,
    vocabulary::{Meaning, Unit},
};

#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub text: &'a Text<'a>,
    pub tongue: Tongue,
    /// By the wall clock of `zone`.
    pub now: DateTime,
    pub zone: &'a TimeZone,
    numbers: Vec<Option<Counted>>,
    clocks: Vec<Option<(usize, Clock)>>,
    days: Vec<Option<(usize, Date)>>,
}

impl<'a> Scene<'a> {
    pub(super) fn of(text: &'a Text<'a>, tongue: Tongue, moment: &'a Moment) -> Self {
        let now = moment.zone.to_datetime(moment.now);
        let numbers = (0..text.len()).map(|it| numbers::number_at(text, it, tongue)).collect();
        Self { text, tongue, now, zone: &moment.zone, numbers, clocks: Vec::new(), days: Vec::new() }
    }

    /// Looks for days and times, too.
    pub(super) fn with_calendar(mut self) -> Self {
        self.clocks = (0..self.text.len()).map(|it| clocks::clock_at(&self, it)).collect();
        self.days = (0..self.text.len()).map(|it| calendar::day_at(&self, it)).collect();
        self
    }

    pub(super) fn today(&self) -> Date {
        self.now.date()
    }

    pub(super) fn number(&self, at: usize) -> Option<Counted> {
        self.numbers.get(at).copied().flatten()
    }

    /// A whole number from 0 in one word, digits or letters.
    pub(super) fn count(&self, at: usize) -> Option<(usize, i16)> {
        let counted = self.number(at)?;
        Some((counted.end, numbers::small(counted.value).filter(|it| *it >= 0)?))
    }

    /// A number of at most so many digits, as they stand.
    pub(super) fn digits(&self, at: usize, most: usize) -> Option<i16> {
        let word = self.text.folded(at);
        (self.text.kind(at) == Some(Kind::Digits) && word.len() <= most).then(|| word.parse().ok()).flatten()
    }

    pub(super) fn clock(&self, at: usize) -> Option<(usize, Clock)> {
        self.clocks.get(at).copied().flatten()
    }

    pub(super) fn day(&self, at: usize) -> Option<(usize, Date)> {
        self.days.get(at).copied().flatten()
    }

    pub(super) fn meaning(&self, at: usize) -> Meaning {
        self.text.meaning(at).copied().unwrap_or_default()
    }

    pub(super) fn unit(&self, at: usize) -> Option<Unit> {
        self.meaning(at).unit
    }

    pub(super) fn is(&self, at: usize, words: &[&str]) -> bool {
        self.text.is_one_of(at, words)
    }

    /// The word before `at` is one of these.
    pub(super) fn follows(&self, at: usize, words: &[&str]) -> bool {
        at.checked_sub(1).is_some_and(|it| self.text.is_one_of(it, words))
    }

    /// `at` behind these words, if they stand there one after the other.
    pub(super) fn after(&self, at: usize, words: &[&str]) -> Option<usize> {
        words.iter().enumerate().all(|(n, word)| self.text.folded(at + n) == *word).then_some(at + words.len())
    }

    /// `at` or, where one of these words stands, behind it.
    pub(super) fn skip(&self, at: usize, words: &[&str]) -> usize {
        if self.is(at, words) { at + 1 } else { at }
    }

    /// As the service writes a moment: local time and offset. A time that a clock change skips moves forward by the gap.
    pub(super) fn written(&self, at: DateTime) -> Option<String> {
        let zoned = at.to_zoned(self.zone.clone()).ok()?;
        Some(zoned.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string())
    }

    /// A day, as the service writes it: at noon.
    pub(super) fn written_day(&self, day: Date) -> Option<String> {
        self.written(day.to_datetime(Time::constant(12, 0, 0, 0)))
    }
}
