//! Number words: English ones word by word, German ones also as compounds.

use super::vocabulary::Meaning;

pub(super) const ENGLISH_CARDINALS: &[(&str, f64)] = &[
    ("zero", 0.0),
    ("one", 1.0),
    ("two", 2.0),
    ("three", 3.0),
    ("four", 4.0),
    ("five", 5.0),
    ("six", 6.0),
    ("seven", 7.0),
    ("eight", 8.0),
    ("nine", 9.0),
    ("ten", 10.0),
    ("eleven", 11.0),
    ("twelve", 12.0),
    ("thirteen", 13.0),
    ("fourteen", 14.0),
    ("fifteen", 15.0),
    ("sixteen", 16.0),
    ("seventeen", 17.0),
    ("eighteen", 18.0),
    ("nineteen", 19.0),
    ("twenty", 20.0),
    ("thirty", 30.0),
    ("forty", 40.0),
    ("fourty", 40.0),
    ("fifty", 50.0),
    ("sixty", 60.0),
    ("seventy", 70.0),
    ("eighty", 80.0),
    ("ninety", 90.0),
    ("hundred", 100.0),
    ("thousand", 1e3),
    ("million", 1e6),
    ("millions", 1e6),
    ("billion", 1e9),
];

pub(super) const ENGLISH_ORDINALS: &[(&str, u32)] = &[
    ("first", 1),
    ("second", 2),
    ("third", 3),
    ("fourth", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("ninth", 9),
    ("tenth", 10),
    ("eleventh", 11),
    ("twelfth", 12),
    ("thirteenth", 13),
    ("fourteenth", 14),
    ("fifteenth", 15),
    ("sixteenth", 16),
    ("seventeenth", 17),
    ("eighteenth", 18),
    ("nineteenth", 19),
    ("twentieth", 20),
    ("thirtieth", 30),
    ("fortieth", 40),
    ("fiftieth", 50),
    ("sixtieth", 60),
    ("seventieth", 70),
    ("eightieth", 80),
    ("ninetieth", 90),
    ("hundredth", 100),
];

pub(super) const GERMAN_CARDINALS: &[(&str, f64)] = &[
    ("eins", 1.0),
    ("zwo", 2.0),
    ("anderthalb", 1.5),
    ("anderthalbe", 1.5),
    ("eineinhalb", 1.5),
    ("zweieinhalb", 2.5),
    ("dreieinhalb", 3.5),
    ("viereinhalb", 4.5),
    ("funfeinhalb", 5.5),
    ("million", 1e6),
    ("millionen", 1e6),
    ("milliarde", 1e9),
    ("milliarden", 1e9),
];

const GERMAN_SMALL: &[(&str, u32)] = &[
    ("null", 0),
    ("ein", 1),
    ("zwei", 2),
    ("drei", 3),
    ("vier", 4),
    ("funf", 5),
    ("fuenf", 5),
    ("sechs", 6),
    ("sieben", 7),
    ("acht", 8),
    ("neun", 9),
    ("zehn", 10),
    ("elf", 11),
    ("zwolf", 12),
    ("zwoelf", 12),
    ("dreizehn", 13),
    ("vierzehn", 14),
    ("funfzehn", 15),
    ("fuenfzehn", 15),
    ("sechzehn", 16),
    ("siebzehn", 17),
    ("achtzehn", 18),
    ("neunzehn", 19),
];

const GERMAN_TENS: &[(&str, u32)] = &[
    ("zwanzig", 20),
    ("dreissig", 30),
    ("vierzig", 40),
    ("funfzig", 50),
    ("fuenfzig", 50),
    ("sechzig", 60),
    ("siebzig", 70),
    ("achtzig", 80),
    ("neunzig", 90),
];

/// Ordinals whose stem is no cardinal.
const GERMAN_IRREGULAR: &[(&str, u32)] = &[("erst", 1), ("dritt", 3), ("siebt", 7), ("acht", 8)];
/// `neunhundertneunundneunzigtausendneunhundertneunundneunzigste` is no longer.
const LONGEST_GERMAN: usize = 72;

/// A German number in one word, cardinal or ordinal. `ein` alone is an article.
pub(super) fn german(word: &str) -> Option<Meaning> {
    if word.len() > LONGEST_GERMAN || !word.is_ascii() || word == "ein" {
        return None;
    }
    if let Some(value) = below_million(word) {
        return Some(Meaning { cardinal: Some(f64::from(value)), ..Meaning::default() });
    }
    german_ordinal(word).map(|value| Meaning { ordinal: Some(value), ..Meaning::default() })
}

fn german_ordinal(word: &str) -> Option<u32> {
    let stem = ["en", "er", "es", "em", "e"].iter().find_map(|it| word.strip_suffix(it))?;
    if let Some((_, value)) = GERMAN_IRREGULAR.iter().find(|(it, _)| *it == stem) {
        return Some(*value);
    }
    let irregular_end = |(end, value): &(&str, u32)| {
        let before = stem.strip_suffix(end)?;
        below_million(before).filter(|it| it % 100 == 0 && *it > 0).map(|it| it + value)
    };
    if let Some(value) = GERMAN_IRREGULAR.iter().find_map(irregular_end) {
        return Some(value);
    }
    // zweit-, zehnt-; from twenty on zwanzigst-.
    let is_small = |it: u32| (2..20).contains(&(it % 100));
    let regular = stem.strip_suffix('t').and_then(below_million).filter(|it| is_small(*it) && *it != 3);
    regular.or_else(|| stem.strip_suffix("st").and_then(below_million).filter(|it| !is_small(*it) && *it > 0))
}

fn below_million(word: &str) -> Option<u32> {
    match word.split_once("tausend") {
        Some((thousands, rest)) => {
            let thousands = if thousands.is_empty() { 1 } else { below_thousand(thousands)? };
            let rest = rest.strip_prefix("und").filter(|it| !it.is_empty()).unwrap_or(rest);
            let rest = if rest.is_empty() { 0 } else { below_thousand(rest)? };
            (thousands > 0).then_some(thousands * 1_000 + rest)
        }
        None => below_thousand(word),
    }
}

fn below_thousand(word: &str) -> Option<u32> {
    match word.split_once("hundert") {
        Some((hundreds, rest)) => {
            let hundreds = if hundreds.is_empty() { 1 } else { exactly(GERMAN_SMALL, hundreds)? };
            let rest = rest.strip_prefix("und").filter(|it| !it.is_empty()).unwrap_or(rest);
            let rest = if rest.is_empty() { 0 } else { below_hundred(rest)? };
            (1..20).contains(&hundreds).then_some(hundreds * 100 + rest)
        }
        None => below_hundred(word),
    }
}

fn below_hundred(word: &str) -> Option<u32> {
    let plain = exactly(GERMAN_SMALL, word).or_else(|| exactly(GERMAN_TENS, word));
    plain.or_else(|| {
        if word == "eins" {
            return Some(1);
        }
        let (name, tens) = GERMAN_TENS.iter().find(|(name, _)| word.ends_with(name))?;
        let unit = exactly(GERMAN_SMALL, word.strip_suffix(name)?.strip_suffix("und")?)?;
        (1..10).contains(&unit).then_some(tens + unit)
    })
}

fn exactly(table: &[(&str, u32)], word: &str) -> Option<u32> {
    table.iter().find(|(it, _)| *it == word).map(|(_, value)| *value)
}
