//! Phone numbers and times of callbacks, as language engines give them (S21).
//!
//! A callback that rings the wrong person or at the wrong hour is worse than none: what can be read in two ways is refused,
//! and the engine is told why. Nothing here ever means "now".

use std::fmt;

use jiff::{
    civil::{Date, DateTime, Time},
    fmt::temporal::{DateTimeParser, Pieces},
    tz::TimeZone,
};
use serde_json::{Map, Number, Value};

use super::{
    ids::Timestamp,
    said::{Said, said},
};

/// Why no callback can be made of what the engine gave. Holds nothing of the customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallbackError {
    PhoneMissing,
    PhoneUnreadable,
    PhoneLength,
    PhoneAmbiguous,
    PhoneSeveral,
    CallingCode,
    TimeMissing,
    TimeUnreadable,
    TimeSeveral,
    TimePast,
    TimeTooFar,
}

/// In English.
impl fmt::Display for CallbackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tell().fmt(f)
    }
}

impl std::error::Error for CallbackError {}

impl CallbackError {
    #[must_use]
    pub fn tell(self) -> Said {
        match self {
            Self::PhoneMissing => said!("the phone number is missing"),
            Self::PhoneUnreadable => {
                said!("the phone number cannot be read: digits, spaces, ( ) - . / and a leading + are understood")
            }
            Self::PhoneLength => said!("the phone number is too short or too long"),
            Self::PhoneAmbiguous => said!(
                "the phone number may begin with the country code or with an area code: ask for it with a leading + or 0"
            ),
            Self::PhoneSeveral => said!("more than one phone number was given"),
            Self::CallingCode => {
                said!("the business unit's calling code is not one to three digits, such as 49")
            }
            Self::TimeMissing => said!("the time is missing"),
            Self::TimeUnreadable => said!(
                "the time cannot be read: an ISO 8601 date and time, or a date, time or range of Dialogflow's is understood"
            ),
            Self::TimeSeveral => said!("more than one time was given"),
            Self::TimePast => said!("the time is past"),
            Self::TimeTooFar => said!("the time is more than a year ahead"),
        }
    }

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::PhoneMissing => "phone_missing",
            Self::PhoneUnreadable => "phone_unreadable",
            Self::PhoneLength => "phone_length",
            Self::PhoneAmbiguous => "phone_ambiguous",
            Self::PhoneSeveral => "phone_several",
            Self::CallingCode => "calling_code",
            Self::TimeMissing => "time_missing",
            Self::TimeUnreadable => "time_unreadable",
            Self::TimeSeveral => "time_several",
            Self::TimePast => "time_past",
            Self::TimeTooFar => "time_too_far",
        }
    }
}

/// What a value holds once the lists around it are taken off.
enum Single<'a> {
    Nothing,
    One(&'a Value),
    Several,
}

fn single(mut value: &Value) -> Single<'_> {
    loop {
        match value {
            Value::Null => return Single::Nothing,
            Value::String(text) if text.trim().is_empty() => return Single::Nothing,
            Value::Array(items) => match items.as_slice() {
                [] => return Single::Nothing,
                [one] => value = one,
                _ => return Single::Several,
            },
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => return Single::One(value),
        }
    }
}

/// How a country's own numbers are written.
struct Plan {
    code: &'static str,
    /// Dialled before a national number, and no part of it.
    trunk: Option<&'static str>,
    /// Digits of a national number without the trunk prefix.
    shortest: usize,
    longest: usize,
}

impl Plan {
    fn fits(&self, number: &str) -> bool {
        (self.shortest..=self.longest).contains(&number.len())
    }
}

const fn plan(code: &'static str, trunk: Option<&'static str>, shortest: usize, longest: usize) -> Plan {
    Plan { code, trunk, shortest, longest }
}

/// The rest of the world: a trunk 0, and so few known bounds that a number in doubt is refused.
const ELSEWHERE: Plan = plan("", Some("0"), 4, 13);

/// Countries without a trunk prefix (in Italy, San Marino and some of West Africa the leading 0 belongs to the number), with
/// another one than 0, or with bounds that tell "4930…" from a number that lost its 0.
const PLANS: &[Plan] = &[
    plan("1", Some("1"), 10, 10),
    plan("7", Some("8"), 10, 10),
    plan("27", Some("0"), 9, 9),
    plan("30", None, 10, 10),
    plan("31", Some("0"), 9, 9),
    plan("32", Some("0"), 8, 9),
    plan("33", Some("0"), 9, 9),
    plan("34", None, 9, 9),
    plan("36", Some("06"), 8, 9),
    plan("39", None, 6, 11),
    plan("40", Some("0"), 9, 9),
    plan("41", Some("0"), 9, 9),
    plan("43", Some("0"), 4, 13),
    plan("44", Some("0"), 9, 10),
    plan("45", None, 8, 8),
    plan("46", Some("0"), 7, 10),
    plan("47", None, 8, 8),
    plan("48", None, 9, 9),
    plan("49", Some("0"), 5, 11),
    plan("52", None, 10, 10),
    plan("55", Some("0"), 10, 11),
    plan("61", Some("0"), 9, 9),
    plan("65", None, 8, 8),
    plan("81", Some("0"), 9, 10),
    plan("90", Some("0"), 10, 10),
    plan("91", Some("0"), 10, 10),
    plan("225", None, 10, 10),
    plan("226", None, 8, 8),
    plan("229", None, 8, 10),
    plan("242", None, 9, 9),
    plan("351", None, 9, 9),
    plan("352", None, 4, 11),
    plan("353", Some("0"), 7, 9),
    plan("354", None, 7, 7),
    plan("358", Some("0"), 5, 12),
    plan("378", None, 6, 10),
    plan("380", Some("0"), 9, 9),
    plan("420", None, 9, 9),
    plan("421", Some("0"), 9, 9),
    plan("852", None, 8, 8),
];

/// What is dialled in place of + where it is not 00.
const INTERNATIONAL_PREFIXES: &[(&str, &str)] =
    &[("1", "011"), ("7", "810"), ("61", "0011"), ("65", "001"), ("81", "010"), ("852", "001")];

/// A phone number in E.164 form. `calling_code` is the country of numbers that do not name theirs.
///
/// # Errors
/// When there is no number, more than one, or none that can be read in exactly one way.
pub fn phone(value: &Value, calling_code: &str) -> Result<String, CallbackError> {
    let code = calling_code.strip_prefix('+').unwrap_or(calling_code);
    if !(1..=3).contains(&code.len()) || !code.bytes().all(|it| it.is_ascii_digit()) || code.starts_with('0') {
        return Err(CallbackError::CallingCode);
    }
    let text = match single(value) {
        Single::Nothing => return Err(CallbackError::PhoneMissing),
        Single::Several => return Err(CallbackError::PhoneSeveral),
        Single::One(Value::String(text)) => text.clone(),
        Single::One(Value::Number(number)) => whole(number).ok_or(CallbackError::PhoneUnreadable)?,
        Single::One(_) => return Err(CallbackError::PhoneUnreadable),
    };
    let (plus, digits) = digits(&text)?;
    let international = if plus { Some(digits.as_str()) } else { after_international_prefix(&digits, code) };
    match international {
        Some(number) => e164(&without_optional_zero(&text, number)),
        None => national(&digits, code),
    }
}

/// Engines hand numbers on as floating point.
fn whole(number: &Number) -> Option<String> {
    match (number.as_u64(), number.as_f64()) {
        (Some(whole), _) => Some(whole.to_string()),
        (None, Some(float)) if float.fract() == 0.0 && (0.0..1e16).contains(&float) => Some(format!("{float:.0}")),
        (None, Some(_) | None) => None,
    }
}

/// The digits, and whether a + leads them.
fn digits(text: &str) -> Result<(bool, String), CallbackError> {
    let mut plus = false;
    let mut digits = String::new();
    for it in text.chars() {
        match it {
            '0'..='9' => digits.push(it),
            '+' if !plus && digits.is_empty() => plus = true,
            '(' | ')' | '-' | '.' | '/' => {}
            // Hyphens and direction marks that come along with numbers copied from address books.
            '\u{2010}'..='\u{2015}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' => {}
            _ if it.is_whitespace() => {}
            _ => return Err(CallbackError::PhoneUnreadable),
        }
        if digits.len() > 32 {
            return Err(CallbackError::PhoneLength);
        }
    }
    if digits.is_empty() { Err(CallbackError::PhoneUnreadable) } else { Ok((plus, digits)) }
}

fn after_international_prefix<'a>(digits: &'a str, code: &str) -> Option<&'a str> {
    let own = INTERNATIONAL_PREFIXES.iter().find(|(country, _)| *country == code).map(|(_, prefix)| *prefix);
    own.and_then(|prefix| digits.strip_prefix(prefix)).or_else(|| digits.strip_prefix("00"))
}

/// Drops the zero of "+49 (0) 30 …", which is dialled at home only, unless the country keeps it.
fn without_optional_zero(text: &str, number: &str) -> String {
    let keeps = PLANS.iter().any(|plan| plan.trunk.is_none() && number.starts_with(plan.code));
    let before = text.split_once("(0)").map(|(before, _)| before.chars().filter(char::is_ascii_digit).count());
    let digits_in_text = text.chars().filter(char::is_ascii_digit).count();
    match before {
        Some(before) if !keeps => {
            // `number` is the end of the text's digits: count from there.
            let at = before.saturating_sub(digits_in_text.saturating_sub(number.len()));
            number.chars().enumerate().filter(|(index, _)| *index != at).map(|(_, digit)| digit).collect()
        }
        Some(_) | None => number.to_owned(),
    }
}

fn national(digits: &str, code: &str) -> Result<String, CallbackError> {
    let plan = PLANS.iter().find(|plan| plan.code == code).unwrap_or(&ELSEWHERE);
    let after_trunk = plan.trunk.and_then(|trunk| digits.strip_prefix(trunk)).filter(|rest| plan.fits(rest));
    if after_trunk.is_none() && digits.strip_prefix(code).is_some_and(|rest| plan.fits(rest)) {
        // The country code without its +, or an area code that looks like it?
        match (plan.fits(digits), plan.trunk) {
            (false, _) => return e164(digits),
            (true, Some(_)) => return Err(CallbackError::PhoneAmbiguous),
            (true, None) => {}
        }
    }
    let number = after_trunk.unwrap_or(digits);
    if !plan.fits(number) || (plan.trunk.is_some() && number.starts_with('0')) {
        return Err(CallbackError::PhoneLength);
    }
    e164(&format!("{code}{number}"))
}

/// The last check, whatever way a number came: `+`, no leading zero, 7 to 15 digits.
fn e164(digits: &str) -> Result<String, CallbackError> {
    if digits.starts_with('0') {
        return Err(CallbackError::PhoneUnreadable);
    }
    if (7..=15).contains(&digits.len()) { Ok(format!("+{digits}")) } else { Err(CallbackError::PhoneLength) }
}

/// When a day is named without an hour.
const BUSINESS_STARTS: Time = Time::constant(9, 0, 0, 0);
/// How soon a callback within a range that has begun is made.
const SOON_MS: i64 = 60_000;
/// 366 days, so that the same day of next year is within reach.
const FURTHEST_MS: i64 = 366 * 24 * 3_600_000;
/// Dialogflow's ranges, by the names of their ends.
const RANGES: [(&str, &str); 3] =
    [("startDateTime", "endDateTime"), ("startDate", "endDate"), ("startTime", "endTime")];

/// The parts by which Dialogflow CX tells a day and an hour, and what it adds when it has guessed the rest of a day.
const DAY: [&str; 3] = ["year", "month", "day"];
const HOUR: [&str; 3] = ["hours", "minutes", "seconds"];
const BESIDE: [&str; 4] = ["nanos", "past", "future", "partial"];

/// The moment of a callback.
///
/// A time without an offset is the business unit's. A day without an hour means 09:00, an hour without a day means today. A
/// time that a clock change skips moves forward by the gap, one that occurs twice is the first. A range means its start or,
/// when it has begun and not ended, a minute from now.
///
/// # Errors
/// When there is no time, more than one, none that can be read in exactly one way, or one that is past or too far ahead.
pub fn schedule(value: &Value, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, CallbackError> {
    let clock = Local { zone, now };
    let at = clock.moment(value)?;
    if at.0 < now.0 {
        Err(CallbackError::TimePast)
    } else if at.0 > now.0.saturating_add(FURTHEST_MS) {
        Err(CallbackError::TimeTooFar)
    } else {
        Ok(at)
    }
}

struct Local<'a> {
    zone: &'a TimeZone,
    now: Timestamp,
}

/// Which end of a range a text is: it decides what a bare date means.
#[derive(Clone, Copy)]
enum End {
    Start,
    Finish,
}

impl Local<'_> {
    fn moment(&self, value: &Value) -> Result<Timestamp, CallbackError> {
        match one(value)? {
            Value::String(text) => match text.split_once('/') {
                Some((start, end)) => self.range(self.text(start, End::Start)?, self.text(end, End::Finish)?),
                None => self.text(text, End::Start),
            },
            Value::Object(fields) => self.object(fields),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => Err(CallbackError::TimeUnreadable),
        }
    }

    fn object(&self, fields: &Map<String, Value>) -> Result<Timestamp, CallbackError> {
        if fields.is_empty() {
            return Err(CallbackError::TimeMissing);
        }
        if is_in_parts(fields) {
            return self.parts(fields, End::Start);
        }
        let mut shapes = RANGES.iter().filter(|(start, end)| fields.contains_key(*start) || fields.contains_key(*end));
        match (fields.get("date_time"), shapes.next(), shapes.next()) {
            (Some(time), None, None) => match one(time)? {
                Value::String(text) => self.text(text, End::Start),
                Value::Object(fields) if is_in_parts(fields) => self.parts(fields, End::Start),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    Err(CallbackError::TimeUnreadable)
                }
            },
            (None, Some((start, end)), None) => {
                let start = self.end_of_range(fields.get(*start), End::Start)?;
                match self.end_of_range(fields.get(*end), End::Finish) {
                    Ok(end) => self.range(start, end),
                    Err(CallbackError::TimeMissing) => Ok(start),
                    Err(error) => Err(error),
                }
            }
            // No shape we know, or several that might contradict each other.
            _ => Err(CallbackError::TimeUnreadable),
        }
    }

    fn end_of_range(&self, value: Option<&Value>, end: End) -> Result<Timestamp, CallbackError> {
        match one(value.unwrap_or(&Value::Null))? {
            Value::String(text) => self.text(text, end),
            Value::Object(fields) if is_in_parts(fields) => self.parts(fields, end),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                Err(CallbackError::TimeUnreadable)
            }
        }
    }

    fn range(&self, start: Timestamp, end: Timestamp) -> Result<Timestamp, CallbackError> {
        let soon = Timestamp(self.now.0.saturating_add(SOON_MS));
        if end < start {
            Err(CallbackError::TimeUnreadable)
        } else if start >= self.now {
            Ok(start)
        } else if soon <= end {
            Ok(soon)
        } else {
            Err(CallbackError::TimePast)
        }
    }

    fn text(&self, text: &str, end: End) -> Result<Timestamp, CallbackError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(CallbackError::TimeMissing);
        }
        match Pieces::parse(text) {
            // `2026-11-20T15:00[Europe/Berlin]` is not ISO 8601.
            Ok(pieces) if pieces.time_zone_annotation().is_some() => Err(CallbackError::TimeUnreadable),
            Ok(pieces) => match (pieces.time(), pieces.to_numeric_offset()) {
                (Some(time), Some(offset)) => read(offset.to_timestamp(pieces.date().to_datetime(time))),
                (Some(time), None) => self.at(pieces.date().to_datetime(time)),
                (None, None) => self.day(pieces.date(), end),
                (None, Some(_)) => Err(CallbackError::TimeUnreadable),
            },
            Err(_) => {
                let time = DateTimeParser::new().parse_time(text).ok().ok_or(CallbackError::TimeUnreadable)?;
                self.at(self.today()?.to_datetime(time))
            }
        }
    }

    /// `{"year": 2026, "month": 11, "day": 23, "hours": 10, "minutes": 30, …}`
    fn parts(&self, fields: &Map<String, Value>, end: End) -> Result<Timestamp, CallbackError> {
        let date = match DAY.map(|name| fields.get(name)) {
            [None, None, None] => None,
            [Some(year), Some(month), Some(day)] => {
                let date = Date::new(part(year)?, part(month)?, part(day)?);
                Some(date.ok().ok_or(CallbackError::TimeUnreadable)?)
            }
            _ => return Err(CallbackError::TimeUnreadable),
        };
        let time = match HOUR.map(|name| fields.get(name)) {
            [None, None, None] => None,
            [Some(hours), minutes, seconds] => {
                let or_zero = |it: Option<&Value>| it.map_or(Ok(0), part);
                let time = Time::new(part(hours)?, or_zero(minutes)?, or_zero(seconds)?, 0);
                Some(time.ok().ok_or(CallbackError::TimeUnreadable)?)
            }
            _ => return Err(CallbackError::TimeUnreadable),
        };
        match (date, time) {
            (Some(date), Some(time)) => self.at(date.to_datetime(time)),
            (Some(date), None) => self.day(date, end),
            (None, Some(time)) => self.at(self.today()?.to_datetime(time)),
            (None, None) => Err(CallbackError::TimeUnreadable),
        }
    }

    fn day(&self, date: Date, end: End) -> Result<Timestamp, CallbackError> {
        match end {
            End::Start => self.at(date.to_datetime(BUSINESS_STARTS)),
            End::Finish => {
                let next = date.tomorrow().ok().ok_or(CallbackError::TimeUnreadable)?;
                self.at(next.to_datetime(Time::midnight()))
            }
        }
    }

    fn today(&self) -> Result<Date, CallbackError> {
        let now = jiff::Timestamp::from_millisecond(self.now.0).ok().ok_or(CallbackError::TimeUnreadable)?;
        Ok(self.zone.to_datetime(now).date())
    }

    fn at(&self, local: DateTime) -> Result<Timestamp, CallbackError> {
        read(self.zone.to_timestamp(local))
    }
}

/// Whether nothing but parts is there, and at least one.
fn is_in_parts(fields: &Map<String, Value>) -> bool {
    let is = |names: &[&str], key: &String| names.contains(&key.as_str());
    fields.keys().all(|key| is(&DAY, key) || is(&HOUR, key) || is(&BESIDE, key))
        && fields.keys().any(|key| is(&DAY, key) || is(&HOUR, key))
}

/// A whole number; protobuf's JSON writes it with a fraction of zero.
fn part<T: TryFrom<i64>>(value: &Value) -> Result<T, CallbackError> {
    let number = value.as_i64().or_else(|| value.as_f64().filter(|it| it.fract() == 0.0).and_then(small));
    number.and_then(|it| T::try_from(it).ok()).ok_or(CallbackError::TimeUnreadable)
}

/// Of a float without a fraction, as far as calendars reach.
fn small(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
    (number.abs() < 1e6).then_some(number as i64)
}

/// Without the parser's own words: they may quote what the customer said.
fn read(at: Result<jiff::Timestamp, jiff::Error>) -> Result<Timestamp, CallbackError> {
    at.ok().map(|at| Timestamp(at.as_millisecond())).ok_or(CallbackError::TimeUnreadable)
}

fn one(value: &Value) -> Result<&Value, CallbackError> {
    match single(value) {
        Single::Nothing => Err(CallbackError::TimeMissing),
        Single::Several => Err(CallbackError::TimeSeveral),
        Single::One(value) => Ok(value),
    }
}

#[cfg(test)]
mod tests;
