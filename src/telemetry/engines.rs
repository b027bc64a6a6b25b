//! What is counted per language engine, so that a profile's engines can be compared: the primary with its canary, a standby
//! with the one it stands in for, a shadow with what was answered.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use super::{
    cells::{Counter, Family, Gauge, Histogram, Page},
    labels::{Label as _, ShadowResult},
};
use crate::core::ids::{EngineName, ProfileName, UnitName};

/// One engine of one profile.
#[derive(Debug, Default)]
pub struct EngineCells {
    questions: Counter,
    not_understood: Counter,
    failures: Counter,
    handovers: Counter,
    seconds: Histogram,
    /// 0: it is asked; 1: it is tried; 2: it is not asked.
    breaker: Gauge,
    rolled_back: Gauge,
    compared: Family<ShadowResult, Counter>,
}

impl EngineCells {
    /// It answered, after this time.
    pub fn answered(&self, took: Duration, not_understood: bool) {
        self.questions.increment();
        self.seconds.record(took);
        if not_understood {
            self.not_understood.increment();
        }
    }

    pub fn failed(&self) {
        self.questions.increment();
        self.failures.increment();
    }

    /// A contact of this engine's is offered to a person.
    pub fn handover(&self) {
        self.handovers.increment();
    }

    /// Whether its breaker is open, and whether a question is on its way to find out if it is well again.
    pub fn breaker(&self, open: bool, probing: bool) {
        self.breaker.set(if open { 2 - i64::from(probing) } else { 0 });
    }

    pub fn rolled_back(&self, is: bool) {
        self.rolled_back.set(i64::from(is));
    }

    pub fn compared(&self, result: ShadowResult) {
        self.compared.with(result, Counter::increment);
    }
}

type Key = (UnitName, ProfileName, String);

/// All engines by unit, profile and name: a closed set, from the configuration.
#[derive(Debug, Default)]
pub(super) struct EngineList {
    /// Protects the list; taken when an engine is first asked and at a scrape, never for a message.
    cells: Mutex<BTreeMap<Key, Weak<EngineCells>>>,
}

impl EngineList {
    pub(super) fn of(&self, unit: &UnitName, profile: &ProfileName, engine: &str) -> Arc<EngineCells> {
        let mut list = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        list.retain(|_, cells| cells.strong_count() > 0);
        let held = list.entry((unit.clone(), profile.clone(), engine.to_owned())).or_default();
        held.upgrade().unwrap_or_else(|| {
            let cells = Arc::default();
            *held = Arc::downgrade(&cells);
            cells
        })
    }

    pub(super) fn render(&self, page: &mut Page) {
        let list = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        let held: Vec<_> = list.iter().filter_map(|(key, cells)| Some((key.clone(), cells.upgrade()?))).collect();
        drop(list);
        counter(page, &held, "usher_engine_questions_total", "Questions to a profile's engine.", |it| &it.questions);
        let help = "Inputs that a profile's engine did not understand.";
        counter(page, &held, "usher_engine_not_understood_total", help, |it| &it.not_understood);
        let help = "Questions to a profile's engine that brought no answer.";
        counter(page, &held, "usher_engine_failures_total", help, |it| &it.failures);
        let help = "Contacts that a profile's engine had when they were offered to a person.";
        counter(page, &held, "usher_engine_handovers_total", help, |it| &it.handovers);
        page.head("usher_engine_answer_seconds", "Time to an answer of a profile's engine.", "histogram");
        for (key, cells) in &held {
            page.histogram("usher_engine_answer_seconds", &labels(key), &cells.seconds);
        }
        page.head(
            "usher_engine_breaker",
            "Whether an engine is asked: 0 it is, 1 it is being tried, 2 it is not.",
            "gauge",
        );
        for (key, cells) in &held {
            page.sample("usher_engine_breaker", &labels(key), cells.breaker.get());
        }
        page.head("usher_canary_rolled_back", "1 while a profile's canary is given up.", "gauge");
        for (key, cells) in held.iter().filter(|(key, _)| key.2 == EngineName::CANARY) {
            page.sample("usher_canary_rolled_back", &labels(key), cells.rolled_back.get());
        }
        let help = "Answers of a profile's shadow, by how they compare with those that were given.";
        page.head("usher_shadow_answers_total", help, "counter");
        for ((unit, profile, _), cells) in held.iter().filter(|(key, _)| key.2 == EngineName::SHADOW) {
            for (result, counter) in cells.compared.iter() {
                let labels = [("unit", unit.as_str()), ("profile", profile.as_str()), ("result", result.text())];
                page.sample("usher_shadow_answers_total", &labels, counter.get());
            }
        }
    }
}

fn labels((unit, profile, engine): &Key) -> [(&str, &str); 3] {
    [("unit", unit.as_str()), ("profile", profile.as_str()), ("engine", engine.as_str())]
}

fn counter(
    page: &mut Page,
    held: &[(Key, Arc<EngineCells>)],
    name: &str,
    help: &str,
    of: impl Fn(&EngineCells) -> &Counter,
) {
    page.head(name, help, "counter");
    for (key, cells) in held {
        page.sample(name, &labels(key), of(cells).get());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(list: &EngineList) -> String {
        let mut page = Page::default();
        list.render(&mut page);
        page.into_text()
    }

    #[test]
    fn b5_engines_are_counted_apart_and_shown_while_somebody_asks_them() {
        let list = EngineList::default();
        let (unit, profile) = (UnitName::new("north").unwrap(), ProfileName::new("support").unwrap());
        let [primary, canary, shadow] = ["primary", "canary", "shadow"].map(|it| list.of(&unit, &profile, it));
        primary.answered(Duration::from_millis(20), false);
        canary.answered(Duration::from_millis(20), true);
        canary.failed();
        canary.handover();
        canary.breaker(true, true);
        canary.rolled_back(true);
        shadow.compared(ShadowResult::Action);
        let text = page(&list);
        let of = |engine: &str| format!("{{unit=\"north\",profile=\"support\",engine=\"{engine}\"}}");
        for sample in [
            format!("usher_engine_questions_total{} 1", of("primary")),
            format!("usher_engine_questions_total{} 2", of("canary")),
            format!("usher_engine_not_understood_total{} 1", of("canary")),
            format!("usher_engine_failures_total{} 0", of("primary")),
            format!("usher_engine_failures_total{} 1", of("canary")),
            format!("usher_engine_handovers_total{} 1", of("canary")),
            format!("usher_engine_breaker{} 1", of("canary")),
            format!("usher_engine_answer_seconds_count{} 1", of("canary")),
            format!("usher_canary_rolled_back{} 1", of("canary")),
            "usher_shadow_answers_total{unit=\"north\",profile=\"support\",result=\"action\"} 1".to_owned(),
        ] {
            assert!(text.lines().any(|line| line == sample), "no `{sample}` in\n{text}");
        }
        drop(canary);
        assert!(!page(&list).contains("engine=\"canary\""));
    }
}
