//! Words of number, calendar and clock, and what they mean. Folded, as `text` folds.

use std::collections::HashMap;

use jiff::civil::Weekday;

use super::{number_words, tongue::Tongue};

/// Something time is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Unit {
    /// As the service names it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Second => "s",
            Self::Minute => "min",
            Self::Hour => "h",
            Self::Day => "day",
            Self::Week => "wk",
            Self::Month => "mo",
            Self::Year => "yr",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Morning,
    Noon,
    Afternoon,
    Evening,
    Night,
}

/// What one word may mean; several things at once, as `second`, `may` and `morgen` do.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Meaning {
    pub cardinal: Option<f64>,
    pub ordinal: Option<u32>,
    pub month: Option<i8>,
    pub weekday: Option<Weekday>,
    pub unit: Option<Unit>,
    pub part: Option<Part>,
    /// Days from today.
    pub day: Option<i8>,
    /// Means something else as often (`may`, `sat`, `so`): needs a witness beside it.
    pub is_weak: bool,
}

/// The words of one language.
#[derive(Debug)]
pub(super) struct Vocabulary {
    pub tongue: Tongue,
    meanings: HashMap<&'static str, Meaning>,
}

impl Vocabulary {
    pub(super) fn of(tongue: Tongue) -> Self {
        let mut vocabulary = Self { tongue, meanings: HashMap::new() };
        match tongue {
            Tongue::English { .. } => vocabulary.add_all(&ENGLISH),
            Tongue::German => vocabulary.add_all(&GERMAN),
            Tongue::Other => {}
        }
        vocabulary
    }

    fn add_all(&mut self, words: &Words) {
        for (word, value) in words.cardinals {
            self.entry(word).cardinal = Some(*value);
        }
        for (word, value) in words.ordinals {
            self.entry(word).ordinal = Some(*value);
        }
        for (names, value) in words.months.iter().zip(1..) {
            names.iter().for_each(|it| self.entry(it).month = Some(value));
        }
        for (names, value) in words.weekdays.iter().zip(1..) {
            names.iter().for_each(|it| self.entry(it).weekday = Weekday::from_monday_one_offset(value).ok());
        }
        for (names, value) in words.units {
            names.iter().for_each(|it| self.entry(it).unit = Some(*value));
        }
        for (names, value) in words.parts {
            names.iter().for_each(|it| self.entry(it).part = Some(*value));
        }
        for (word, value) in words.days {
            self.entry(word).day = Some(*value);
        }
        for word in words.weak {
            self.entry(word).is_weak = true;
        }
    }

    fn entry(&mut self, word: &'static str) -> &mut Meaning {
        self.meanings.entry(word).or_default()
    }

    pub(super) fn meaning(&self, folded: &str) -> Option<Meaning> {
        self.meanings.get(folded).copied().or_else(|| match self.tongue {
            Tongue::German => number_words::german(folded).or_else(|| self.part_of_weekday(folded)),
            Tongue::English { .. } | Tongue::Other => None,
        })
    }
}

impl Vocabulary {
    /// `Dienstagnachmittag`.
    fn part_of_weekday(&self, folded: &str) -> Option<Meaning> {
        let (day, part) = folded.split_once("tag").or_else(|| folded.split_once("woch"))?;
        let day = folded.get(..folded.len() - part.len()).filter(|_| !day.is_empty())?;
        let weekday = self.meanings.get(day)?.weekday?;
        let part = self.meanings.get(part)?.part?;
        Some(Meaning { weekday: Some(weekday), part: Some(part), ..Meaning::default() })
    }
}

struct Words {
    cardinals: &'static [(&'static str, f64)],
    ordinals: &'static [(&'static str, u32)],
    /// January first.
    months: [&'static [&'static str]; 12],
    /// Monday first.
    weekdays: [&'static [&'static str]; 7],
    units: &'static [(&'static [&'static str], Unit)],
    parts: &'static [(&'static [&'static str], Part)],
    days: &'static [(&'static str, i8)],
    weak: &'static [&'static str],
}

const ENGLISH: Words = Words {
    cardinals: number_words::ENGLISH_CARDINALS,
    ordinals: number_words::ENGLISH_ORDINALS,
    months: [
        &["january", "jan"],
        &["february", "feb"],
        &["march", "mar"],
        &["april", "apr"],
        &["may"],
        &["june", "jun"],
        &["july", "jul"],
        &["august", "aug"],
        &["september", "sept", "sep"],
        &["october", "oct"],
        &["november", "nov"],
        &["december", "dec"],
    ],
    weekdays: [
        &["monday", "mondays", "mon"],
        &["tuesday", "tuesdays", "tue", "tues"],
        &["wednesday", "wednesdays", "wed"],
        &["thursday", "thursdays", "thu", "thur", "thurs"],
        &["friday", "fridays", "fri"],
        &["saturday", "saturdays", "sat"],
        &["sunday", "sundays", "sun"],
    ],
    units: &[
        (&["second", "seconds", "sec", "secs", "s"], Unit::Second),
        (&["minute", "minutes", "min", "mins"], Unit::Minute),
        (&["hour", "hours", "hr", "hrs", "h"], Unit::Hour),
        (&["day", "days"], Unit::Day),
        (&["week", "weeks", "wk", "wks"], Unit::Week),
        (&["month", "months"], Unit::Month),
        (&["year", "years", "yr", "yrs"], Unit::Year),
    ],
    parts: &[
        (&["morning", "mornings"], Part::Morning),
        (&["noon", "midday", "lunchtime"], Part::Noon),
        (&["afternoon", "afternoons"], Part::Afternoon),
        (&["evening", "evenings", "tonight"], Part::Evening),
        (&["night", "nights"], Part::Night),
    ],
    days: &[
        ("today", 0),
        ("tonight", 0),
        ("tomorrow", 1),
        ("tomorow", 1),
        ("tommorow", 1),
        ("tmrw", 1),
        ("yesterday", -1),
    ],
    weak: &["may", "march", "mar", "sun", "sat", "mon", "wed", "second", "s", "h", "sec", "dec", "jan", "sep"],
};

const GERMAN: Words = Words {
    cardinals: number_words::GERMAN_CARDINALS,
    ordinals: &[],
    months: [
        &["januar", "janner", "jan"],
        &["februar", "feber", "feb"],
        &["marz", "maerz", "mrz"],
        &["april", "apr"],
        &["mai"],
        &["juni", "jun"],
        &["juli", "jul"],
        &["august", "aug"],
        &["september", "sept", "sep"],
        &["oktober", "okt"],
        &["november", "nov"],
        &["dezember", "dez"],
    ],
    weekdays: [
        &["montag", "montags", "mo"],
        &["dienstag", "dienstags", "di"],
        &["mittwoch", "mittwochs", "mi"],
        &["donnerstag", "donnerstags", "do"],
        &["freitag", "freitags", "fr"],
        &["samstag", "samstags", "sonnabend", "sa"],
        &["sonntag", "sonntags", "so"],
    ],
    units: &[
        (&["sekunde", "sekunden", "sek", "s"], Unit::Second),
        (&["minute", "minuten", "min"], Unit::Minute),
        (&["stunde", "stunden", "std", "h"], Unit::Hour),
        (&["tag", "tage", "tagen"], Unit::Day),
        (&["woche", "wochen"], Unit::Week),
        (&["monat", "monate", "monaten"], Unit::Month),
        (&["jahr", "jahre", "jahren"], Unit::Year),
    ],
    parts: &[
        (&["morgen", "morgens", "fruh", "frueh", "vormittag", "vormittags"], Part::Morning),
        (&["mittag", "mittags"], Part::Noon),
        (&["nachmittag", "nachmittags"], Part::Afternoon),
        (&["abend", "abends"], Part::Evening),
        (&["nacht", "nachts"], Part::Night),
    ],
    days: &[("heute", 0), ("morgen", 1), ("ubermorgen", 2), ("uebermorgen", 2), ("gestern", -1), ("vorgestern", -2)],
    weak: &["mo", "di", "mi", "do", "fr", "sa", "so", "s", "h", "jan", "nacht"],
};
