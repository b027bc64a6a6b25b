//! Slot filling: required parameters are asked for, one after another, until all are there.
//!
//! The service keeps its place in contexts (`…_dialog_context`): whoever removes them ends the asking, and so it is here.

use std::ops::Range;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    contexts::{Context, Contexts},
    parameters::{fitting, slot_of},
    values::{Slot, Slots, is_empty},
};
use crate::offline_nlp::{
    agent::{Intent, Parameter},
    lexicon::{self, Found},
};

/// Of the contexts that say what is being asked for.
const LIFESPAN: i32 = 2;
const PARAMETER_LIFESPAN: i32 = 1;

/// Words that give up what is being asked for, and the answer to them where the agent has none.
const CANCEL: &[(&str, &[&str], &str)] = &[
    (
        "de",
        &[
            "abbrechen",
            "abbruch",
            "stopp",
            "stop",
            "vergiss es",
            "vergessen sie es",
            "lass es",
            "lassen sie es",
            "doch nicht",
        ],
        "In Ordnung, abgebrochen.",
    ),
    ("es", &["cancelar", "cancela", "para", "olvídalo", "déjalo"], "De acuerdo, cancelado."),
    ("fr", &["annuler", "annule", "annulez", "stop", "laisse tomber", "laissez tomber"], "D'accord, c'est annulé."),
    ("it", &["annulla", "annullare", "basta", "lascia perdere"], "Va bene, annullato."),
    ("nl", &["annuleren", "annuleer", "stop", "laat maar"], "Goed, geannuleerd."),
    ("pt", &["cancelar", "cancela", "pare", "esquece", "deixa pra lá"], "Tudo bem, cancelado."),
    (
        "en",
        &[
            "cancel",
            "cancel it",
            "cancel that",
            "stop",
            "stop it",
            "abort",
            "forget it",
            "forget about it",
            "never mind",
            "nevermind",
        ],
        "OK, cancelled.",
    ),
];

/// What is being asked for.
#[derive(Clone, Debug)]
pub(super) struct Filling {
    pub(super) intent: usize,
    /// Place of the parameter that was asked for.
    pub(super) asked: usize,
    pub(super) slots: Slots,
}

/// What a reply gave.
pub(super) struct Given {
    pub(super) slots: Slots,
    /// The reply is the asked value and nothing else.
    pub(super) is_all: bool,
}

impl Filling {
    /// Fills what is asked for from the reply, and from the rest of it whatever else is still missing. `None`: the reply does
    /// not hold what is asked for.
    pub(super) fn take(&self, intent: &Intent, text: &str, found: &[Found]) -> Option<Given> {
        let asked = intent.parameters.get(self.asked)?;
        let answers = fitting(asked, found, &[]);
        let mut slots = self.slots.clone();
        if answers.is_empty() {
            slots.insert(asked.name.clone(), anything(asked, text)?);
            return Some(Given { slots, is_all: false });
        }
        let answers = if asked.is_list { answers } else { answers.into_iter().take(1).collect() };
        let mut taken: Vec<Range<usize>> = answers.iter().map(|it| it.range.clone()).collect();
        let is_all = answers.iter().map(|it| it.original.trim().len()).sum::<usize>() >= text.trim().len();
        slots.insert(asked.name.clone(), slot_of(answers, asked.is_list));
        for other in intent.parameters.iter().filter(|it| it.name != asked.name) {
            let lacks = slots.get(&other.name).is_none_or(|it| is_empty(&it.value));
            let more = if lacks && other.required { fitting(other, found, &taken) } else { Vec::new() };
            if let Some(first) = more.first() {
                let more = if other.is_list { more } else { vec![first.clone()] };
                taken.extend(more.iter().map(|it| it.range.clone()));
                slots.insert(other.name.clone(), slot_of(more, other.is_list));
            }
        }
        Some(Given { slots, is_all })
    }
}

/// What takes any text takes all of it.
fn anything(parameter: &Parameter, text: &str) -> Option<Slot> {
    let text = Value::from(text.trim());
    let text = if parameter.is_list { Value::Array(vec![text]) } else { text };
    is_open(parameter).then(|| Slot { value: text.clone(), original: text })
}

/// Whether any text is a value of it.
pub(super) fn is_open(parameter: &Parameter) -> bool {
    lexicon::is_open(&parameter.entity)
}

/// The answer to a word that gives up; `None`: it is no such word.
pub(super) fn cancelled(text: &str, language: &str) -> Option<&'static str> {
    let said = text.trim().trim_end_matches(['.', '!']).trim().to_lowercase();
    let root = language.split('-').next().unwrap_or(language);
    let of = |wanted: &str| CANCEL.iter().find(|(it, ..)| *it == wanted);
    let own = of(root).or_else(|| of("en"))?;
    own.1.contains(&said.as_str()).then_some(own.2)
}

/// The contexts that hold the place while `parameter` is asked for.
pub(super) fn hold(contexts: &mut Contexts, intent: &Intent, parameter: &Parameter, now: Timestamp) {
    asked_before(contexts, intent);
    let asking = parameter_context(intent, parameter);
    let names = [(id_context(intent), LIFESPAN), (name_context(intent), LIFESPAN), (asking, PARAMETER_LIFESPAN)];
    for (name, lifespan) in names {
        contexts.set(Context { name, lifespan, parameters: Map::new() }, now);
    }
}

pub(super) fn is_held(contexts: &Contexts, intent: &Intent) -> bool {
    contexts.is_active(&id_context(intent)) && contexts.is_active(&name_context(intent))
}

pub(super) fn release(contexts: &mut Contexts, intent: &Intent) {
    contexts.remove(&id_context(intent));
    contexts.remove(&name_context(intent));
    asked_before(contexts, intent);
}

fn asked_before(contexts: &mut Contexts, intent: &Intent) {
    for parameter in &intent.parameters {
        contexts.remove(&parameter_context(intent, parameter));
    }
}

fn parameter_context(intent: &Intent, parameter: &Parameter) -> String {
    format!("{}_dialog_params_{}", slug(&intent.name), slug(&parameter.name))
}

fn id_context(intent: &Intent) -> String {
    format!("{}_id_dialog_context", intent.id.to_lowercase())
}

fn name_context(intent: &Intent) -> String {
    format!("{}_dialog_context", slug(&intent.name))
}

/// `Order Drink.now` → `order_drink_now`
fn slug(name: &str) -> String {
    let plain = |it: char| if it.is_ascii_alphanumeric() || matches!(it, '-' | '_') { it } else { '_' };
    name.to_lowercase().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b16_words_that_give_up_are_known_by_language() {
        assert_eq!(cancelled(" Never mind. ", "en-us"), Some("OK, cancelled."));
        assert_eq!(cancelled("Abbrechen!", "de"), Some("In Ordnung, abgebrochen."));
        assert_eq!(cancelled("stop", "sv"), Some("OK, cancelled."));
        assert_eq!(cancelled("cancel my order of Monday", "en"), None);
    }
}
