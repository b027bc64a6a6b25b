//! What is counted, as a store keeps it: per day, business unit and profile, and per engine of a profile, so many of each
//! measure. Which measures there are is `gateway::numbers`' business; here they are codes.
//!
//! What a commit adds goes with it ([`Tally`]), so that a count and the record that it was made of cannot part. Now and then
//! a [`Flush`] moves what has gathered into the days' rows.

use std::{collections::BTreeMap, fmt};

use jiff::{civil::Date, tz::TimeZone};

use super::Pos;
use crate::core::ids::{EngineName, ProfileName, Timestamp, UnitName};

/// A calendar day, as days since 1 January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

const FIRST: Date = Date::constant(1970, 1, 1);

impl Day {
    /// The day that a moment belongs to, where `zone` is in force.
    #[must_use]
    pub fn of(at: Timestamp, zone: &TimeZone) -> Self {
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
        Self::from(zone.to_datetime(at).date())
    }

    #[must_use]
    pub const fn plus(self, days: i32) -> Self {
        Self(self.0.saturating_add(days))
    }

    /// `None`: beyond the calendar.
    #[must_use]
    pub fn date(self) -> Option<Date> {
        FIRST.checked_add(jiff::Span::new().try_days(self.0).ok()?).ok()
    }
}

impl From<Date> for Day {
    fn from(date: Date) -> Self {
        Self(FIRST.until(date).map_or(0, |span| span.get_days()))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.date() {
            Some(date) => write!(f, "{date}"),
            None => write!(f, "day {}", self.0),
        }
    }
}

/// Whose a number is, and of which day.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NumberKey {
    pub day: Day,
    pub unit: UnitName,
    pub profile: ProfileName,
    /// `None`: of the profile's contacts.
    pub engine: Option<EngineName>,
}

/// So many of each measure, in order of their codes; none is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts(Vec<(u16, u64)>);

impl Counts {
    pub fn add(&mut self, code: u16, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.binary_search_by_key(&code, |it| it.0) {
            Ok(index) => {
                if let Some((_, there)) = self.0.get_mut(index) {
                    *there = there.saturating_add(count);
                }
            }
            Err(index) => self.0.insert(index, (code, count)),
        }
    }

    pub fn add_all(&mut self, other: &Self) {
        other.iter().for_each(|(code, count)| self.add(code, count));
    }

    #[must_use]
    pub fn get(&self, code: u16) -> u64 {
        self.0.binary_search_by_key(&code, |it| it.0).ok().and_then(|index| self.0.get(index)).map_or(0, |it| it.1)
    }

    pub fn iter(&self) -> impl Iterator<Item = (u16, u64)> {
        self.0.iter().copied()
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As bytes that a later version reads, too.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(2 + 4 * self.0.len());
        self.write(&mut bytes);
        bytes
    }

    /// `None`: they are not what [`Self::to_bytes`] writes.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let counts = Self::read(&mut bytes)?;
        bytes.is_empty().then_some(counts)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        put(bytes, self.0.len() as u64);
        for (code, count) in self.iter() {
            put(bytes, code.into());
            put(bytes, count);
        }
    }

    fn read(bytes: &mut &[u8]) -> Option<Self> {
        let mut counts = Self::default();
        for _ in 0..take(bytes)? {
            counts.add(u16::try_from(take(bytes)?).ok()?, take(bytes)?);
        }
        Some(counts)
    }
}

/// What one commit, or several, add to the numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub counts: BTreeMap<NumberKey, Counts>,
    /// Records that tell of a question that was not understood, in order.
    pub unclear: Vec<Unclear>,
}

/// A record that tells of a question that the profile's engine did not understand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclear {
    pub pos: Pos,
    pub unit: UnitName,
    pub profile: ProfileName,
}

impl Tally {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.unclear.is_empty()
    }

    pub fn add(&mut self, key: NumberKey, counts: &Counts) {
        self.counts.entry(key).or_default().add_all(counts);
    }

    pub fn add_all(&mut self, other: Self) {
        for (key, counts) in other.counts {
            self.add(key, &counts);
        }
        self.unclear.extend(other.unclear);
    }

    /// As bytes that a later version reads, too.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        put(&mut bytes, self.counts.len() as u64);
        for (NumberKey { day, unit, profile, engine }, counts) in &self.counts {
            bytes.extend_from_slice(&day.0.to_le_bytes());
            for name in [unit.as_str(), profile.as_str(), engine.as_ref().map_or("", EngineName::as_str)] {
                put_text(&mut bytes, name);
            }
            counts.write(&mut bytes);
        }
        put(&mut bytes, self.unclear.len() as u64);
        for Unclear { pos, unit, profile } in &self.unclear {
            put(&mut bytes, pos.0);
            put_text(&mut bytes, unit.as_str());
            put_text(&mut bytes, profile.as_str());
        }
        bytes
    }

    /// `None`: they are not what [`Self::to_bytes`] writes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&VERSION, mut rest) = bytes.split_first()? else { return None };
        let bytes = &mut rest;
        let mut tally = Self::default();
        for _ in 0..take(bytes)? {
            let (day, after) = bytes.split_first_chunk::<4>()?;
            *bytes = after;
            let day = Day(i32::from_le_bytes(*day));
            let (unit, profile, engine) = (take_text(bytes)?, take_text(bytes)?, take_text(bytes)?);
            let engine = if engine.is_empty() { None } else { Some(EngineName::new(engine).ok()?) };
            let (unit, profile) = (UnitName::new(unit).ok()?, ProfileName::new(profile).ok()?);
            tally.add(NumberKey { day, unit, profile, engine }, &Counts::read(bytes)?);
        }
        for _ in 0..take(bytes)? {
            let pos = Pos(take(bytes)?);
            let (unit, profile) = (take_text(bytes)?, take_text(bytes)?);
            let (unit, profile) = (UnitName::new(unit).ok()?, ProfileName::new(profile).ok()?);
            tally.unclear.push(Unclear { pos, unit, profile });
        }
        bytes.is_empty().then_some(tally)
    }
}

/// Of [`Tally::to_bytes`].
const VERSION: u8 = 1;

/// Moves what has gathered into the days' rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flush {
    /// Rises from flush to flush: one that was done is not done again.
    pub serial: u64,
    /// It holds what was added by commits up to this record.
    pub through: Pos,
    pub tally: Tally,
}

/// What a start takes up: what was added by commits after the last flush.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncounted {
    pub tally: Tally,
    /// Of the last flush.
    pub serial: u64,
}

/// Which numbers are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumbersOf {
    /// `None`: all of them.
    pub unit: Option<UnitName>,
    /// `None`: all of them.
    pub profile: Option<ProfileName>,
    /// Those of the profiles' engines; otherwise those of their contacts.
    pub engines: bool,
    pub from: Day,
    /// The last day.
    pub to: Day,
}

impl NumbersOf {
    #[must_use]
    pub fn takes(&self, key: &NumberKey) -> bool {
        (self.from..=self.to).contains(&key.day)
            && key.engine.is_some() == self.engines
            && self.unit.as_ref().is_none_or(|unit| *unit == key.unit)
            && self.profile.as_ref().is_none_or(|profile| *profile == key.profile)
    }
}

/// As LEB128.
fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn take(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// Names have 128 bytes at most.
fn put_text(bytes: &mut Vec<u8>, text: &str) {
    put(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text<'a>(bytes: &mut &'a [u8]) -> Option<&'a str> {
    let length = usize::try_from(take(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    std::str::from_utf8(text).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_day_is_that_of_the_zone_and_reads_as_a_date() {
        let at = Timestamp(1_764_370_800_000);
        assert_eq!(Day::of(at, &TimeZone::UTC).to_string(), "2025-11-28");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(Day::of(at, &berlin).to_string(), "2025-11-29");
        assert_eq!(Day::of(at, &berlin).plus(-29).to_string(), "2025-10-31");
        assert_eq!(Day::of(Timestamp(-1), &TimeZone::UTC), Day(-1));
        assert_eq!(Day::from(Day(20_000).date().unwrap()), Day(20_000));
        assert_eq!(Day(i32::MAX).to_string(), "day 2147483647");
    }

    fn tally() -> impl Strategy<Value = Tally> {
        let name = || prop::sample::select(vec!["a", "b", "größe"]);
        let counts = prop::collection::vec((any::<u16>(), any::<u32>()), 0..5);
        let entry = (any::<i32>(), name(), name(), prop::option::of(name()), counts);
        let unclear = (any::<u64>(), name(), name());
        (prop::collection::vec(entry, 0..4), prop::collection::vec(unclear, 0..4)).prop_map(|(entries, unclear)| {
            let mut tally = Tally::default();
            for (day, unit, profile, engine, counts) in entries {
                let (unit, profile) = (UnitName::new(unit).unwrap(), ProfileName::new(profile).unwrap());
                let engine = engine.map(|it| EngineName::new(it).unwrap());
                let mut all = Counts::default();
                counts.into_iter().for_each(|(code, count)| all.add(code, count.into()));
                tally.add(NumberKey { day: Day(day), unit, profile, engine }, &all);
            }
            for (pos, unit, profile) in unclear {
                let (unit, profile) = (UnitName::new(unit).unwrap(), ProfileName::new(profile).unwrap());
                tally.unclear.push(Unclear { pos: Pos(pos), unit, profile });
            }
            tally
        })
    }

    proptest! {
        #[test]
        fn a_tally_is_read_as_it_was_written_and_nothing_less_is(tally in tally(), cut in any::<prop::sample::Index>()) {
            let bytes = tally.to_bytes();
            prop_assert_eq!(Tally::from_bytes(&bytes), Some(tally));
            prop_assert_eq!(Tally::from_bytes(&bytes[..cut.index(bytes.len())]), None);
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            drop(Tally::from_bytes(&bytes));
            drop(Counts::from_bytes(&bytes));
        }
    }

    #[test]
    fn counts_add_up_and_hold_no_nothing() {
        let mut counts = Counts::default();
        for (code, count) in [(7, 1), (3, 2), (7, 4), (5, 0)] {
            counts.add(code, count);
        }
        assert_eq!(counts.iter().collect::<Vec<_>>(), [(3, 2), (7, 5)]);
        assert_eq!((counts.get(7), counts.get(5)), (5, 0));
        assert_eq!(Counts::from_bytes(&counts.to_bytes()), Some(counts.clone()));
        counts.add(3, u64::MAX);
        assert_eq!(counts.get(3), u64::MAX);
    }
}
