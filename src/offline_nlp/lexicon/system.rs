//! The system's entities by name, and who recognises each.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::{
    Moment, Span, contact, durations, moments, money,
    names::Names,
    numbers, periods,
    places::Places,
    scene::Scene,
    text::{Kind, Text},
    vocabulary::Vocabulary,
};

/// What begins with a word, and the word behind it.
type Recogniser = fn(&Scene<'_>, usize) -> Option<(usize, Value)>;

/// Found by grammar; the flag: needs days and times.
const BY_GRAMMAR: &[(&str, bool, Recogniser)] = &[
    ("sys.number", false, number_at),
    ("sys.number-integer", false, integer_at),
    ("sys.cardinal", false, integer_at),
    ("sys.ordinal", false, ordinal_at),
    ("sys.number-sequence", false, contact::digits_at),
    ("sys.percentage", false, money::percentage_at),
    ("sys.unit-currency", false, money::amount_at),
    ("sys.currency-name", false, money::currency_name_at),
    ("sys.temperature", false, money::temperature_at),
    ("sys.unit-length", false, money::length_at),
    ("sys.unit-weight", false, money::weight_at),
    ("sys.unit-volume", false, money::volume_at),
    ("sys.unit-information", false, money::information_at),
    ("sys.duration", false, duration_at),
    ("sys.age", false, age_at),
    ("sys.email", false, contact::email_at),
    ("sys.url", false, contact::url_at),
    ("sys.phone-number", false, contact::phone_at),
    ("sys.zip-code", false, contact::zip_at),
    ("sys.date", true, date_at),
    ("sys.time", true, time_at),
    ("sys.date-time", true, moments::moment_at),
    ("sys.date-period", true, date_period_at),
    ("sys.time-period", true, time_period_at),
];

/// Found in lists of words.
const OF_NAMES: &[&str] = &["sys.given-name", "sys.last-name", "sys.person"];
const OF_PLACES: &[&str] = &["sys.geo-city", "sys.geo-country", "sys.location", "sys.color", "sys.language"];

/// Whatever stands in its place: the whole text, where it is asked for by itself.
const ANYTHING: &str = "sys.any";

/// Whether an entity of the system (`sys.…`) is one that we recognise. Any other behaves as `sys.any`.
pub(super) fn is_known(entity: &str) -> bool {
    let by_grammar = BY_GRAMMAR.iter().any(|(name, ..)| *name == entity);
    by_grammar || entity == ANYTHING || OF_NAMES.contains(&entity) || OF_PLACES.contains(&entity)
}

#[derive(Debug)]
pub(super) struct System {
    names: Names,
    places: Places,
}

impl System {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        Self { names: Names::of(vocabulary), places: Places::of(vocabulary) }
    }

    pub(super) fn find(
        &self,
        text: &Text<'_>,
        wanted: &BTreeSet<&str>,
        vocabulary: &Vocabulary,
        moment: &Moment,
        spans: &mut Vec<Span>,
    ) {
        let by_grammar: Vec<_> = BY_GRAMMAR.iter().filter(|(name, ..)| wanted.contains(name)).collect();
        if !by_grammar.is_empty() {
            let scene = Scene::of(text, vocabulary.tongue, moment);
            let needs_calendar = by_grammar.iter().any(|(_, needs, _)| *needs);
            let scene = if needs_calendar { scene.with_calendar() } else { scene };
            for (name, _, recognise) in by_grammar {
                scan(&scene, name, *recognise, spans);
            }
        }
        let is_wanted = |names: &[&str]| names.iter().any(|it| wanted.contains(it));
        if is_wanted(OF_NAMES) {
            self.names.find(text, wanted, spans);
        }
        if is_wanted(OF_PLACES) {
            self.places.find(text, wanted, spans);
        }
    }
}

fn scan(scene: &Scene<'_>, name: &str, recognise: Recogniser, spans: &mut Vec<Span>) {
    let (mut at, entity) = (0, Arc::<str>::from(name));
    while at < scene.text.len() {
        match recognise(scene, at) {
            Some((end, value)) if end > at && scene.text.is_whole(at, end) => {
                spans.push(Span { first: at, end, entity: Arc::clone(&entity), value });
                at = end;
            }
            _ => at += 1,
        }
    }
}

fn number_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let number = scene.number(at)?;
    Some((number.end, numbers::json(number.value)))
}

fn integer_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let number = scene.number(at).filter(|it| it.value.fract() == 0.0)?;
    Some((number.end, numbers::json(number.value)))
}

fn ordinal_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, value) = numbers::ordinal_at(scene.text, at, scene.tongue)?;
    // `one second`, `a second`, `just a second`: time.
    let is_time = scene.is(at, &["second"])
        && (scene.follows(at, &["a", "one", "1", "per", "split"]) || at > 0 && scene.number(at - 1).is_some());
    // `at first`, `zuerst` and their like order nothing.
    let is_phrase = scene.is(at, &["first"]) && scene.follows(at, &["at"])
        || scene.is(at, &["first"]) && scene.is(at + 1, &["of"]) && scene.is(at + 2, &["all"]);
    (!is_time && !is_phrase).then(|| (end, Value::from(value)))
}

fn duration_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    durations::length_at(scene, at).map(|(end, it)| (end, it.json()))
}

fn age_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    durations::age_at(scene, at).map(|(end, it)| (end, it.json()))
}

fn date_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, day) = scene.day(at).or_else(|| {
        // `tonight` is today.
        scene.is(at, &["tonight"]).then(|| (at + 1, scene.today()))
    })?;
    Some((end, Value::String(scene.written_day(day)?)))
}

fn time_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, clock) = scene.clock(at).or_else(|| alone(scene, at))?;
    Some((end, Value::String(scene.written(clock.next(scene.now)?)?)))
}

/// A number that is all that is said, as an answer to "At what time?".
fn alone(scene: &Scene<'_>, at: usize) -> Option<(usize, super::clocks::Clock)> {
    let (end, hour) = scene.count(at).filter(|(_, hour)| *hour <= 24)?;
    let is_rest = (end..scene.text.len()).all(|it| scene.text.kind(it) == Some(Kind::Sign));
    let hour = i8::try_from(hour).ok()?;
    let clock = super::clocks::Clock { hour, minute: 0, second: 0, is_open: (1..=12).contains(&hour) };
    (at == 0 && is_rest && end == 1 && scene.text.len() <= 2).then_some((end, clock))
}

fn date_period_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, days) = periods::days_at(scene, at)?;
    Some((end, periods::json_of_days(scene, days)?))
}

fn time_period_at(scene: &Scene<'_>, at: usize) -> Option<(usize, Value)> {
    let (end, hours) = periods::hours_at(scene, at)?;
    Some((end, periods::json_of_hours(scene, hours)?))
}

/// Whether an entity is whatever stands in its place.
pub(super) fn is_anything(entity: &str) -> bool {
    entity == ANYTHING || entity.starts_with("sys.") && !is_known(entity)
}
