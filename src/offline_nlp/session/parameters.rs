//! An intent's parameters from what was found in a text, from contexts, and from their defaults.

use std::{collections::BTreeMap, ops::Range};

use serde_json::{Map, Value};

use super::{
    contexts::Contexts,
    values::{Scope, Slot, Slots, is_empty},
};
use crate::offline_nlp::{
    agent::{Intent, Parameter},
    lexicon::Found,
};

/// Every parameter of `intent`, empty ones too.
pub(super) fn resolve(
    intent: &Intent,
    aligned: BTreeMap<String, Found>,
    found: &[Found],
    contexts: &Contexts,
) -> Slots {
    let said = said(intent, aligned, found);
    let scope = Scope { slots: &said, contexts, unknown_is_empty: true };
    intent.parameters.iter().map(|it| (it.name.clone(), one(it, &scope))).collect()
}

/// As [`resolve`], where nothing was said.
pub(super) fn unsaid(intent: &Intent, contexts: &Contexts) -> Slots {
    resolve(intent, BTreeMap::new(), &[], contexts)
}

fn one(parameter: &Parameter, scope: &Scope<'_>) -> Slot {
    let slot = if parameter.value.is_empty() {
        scope.value(&format!("${}", parameter.name))
    } else {
        scope.value(&parameter.value)
    };
    let slot = if is_empty(&slot.value) { default(parameter, scope) } else { slot };
    listed(slot, parameter.is_list)
}

fn default(parameter: &Parameter, scope: &Scope<'_>) -> Slot {
    match &parameter.default {
        Some(Value::String(it)) => scope.value(it),
        Some(other) => Slot { value: other.clone(), original: Value::from("") },
        None => Slot::empty(parameter.is_list),
    }
}

/// A list parameter is a list, of one value too.
fn listed(slot: Slot, is_list: bool) -> Slot {
    let list = |value: Value| {
        if value.is_array() {
            return value;
        }
        Value::Array(if is_empty(&value) { Vec::new() } else { vec![value] })
    };
    if is_list { Slot { value: list(slot.value), original: list(slot.original) } } else { slot }
}

/// By alias, what the text holds: as the phrase shows it, and what else fits a parameter that the phrase leaves out.
fn said(intent: &Intent, aligned: BTreeMap<String, Found>, found: &[Found]) -> Slots {
    let mut taken: Vec<Range<usize>> = aligned.values().map(|it| it.range.clone()).collect();
    let mut said: BTreeMap<String, Vec<Found>> = aligned.into_iter().map(|(alias, it)| (alias, vec![it])).collect();
    for parameter in &intent.parameters {
        let alias = alias(parameter);
        let has = said.contains_key(alias);
        if has && !parameter.is_list {
            continue;
        }
        let more = fitting(parameter, found, &taken);
        let more: Vec<Found> = if parameter.is_list { more } else { more.into_iter().take(1).collect() };
        taken.extend(more.iter().map(|it| it.range.clone()));
        let all = said.entry(alias.to_owned()).or_default();
        all.extend(more);
        all.sort_by_key(|it| it.range.start);
    }
    let parameter = |name: &str| intent.parameters.iter().find(|it| alias(it) == name);
    let slots = said.into_iter().filter(|(_, it)| !it.is_empty());
    slots
        .map(|(name, it)| {
            let is_list = parameter(&name).is_some_and(|it| it.is_list);
            (name, slot_of(it, is_list))
        })
        .collect()
}

/// What of `found` may fill `parameter` and lies outside of what is taken.
pub(super) fn fitting(parameter: &Parameter, found: &[Found], taken: &[Range<usize>]) -> Vec<Found> {
    let overlaps = |it: &Range<usize>| taken.iter().any(|other| it.start < other.end && other.start < it.end);
    found.iter().filter(|it| it.entity == parameter.entity && !overlaps(&it.range)).cloned().collect()
}

pub(super) fn slot_of(found: Vec<Found>, is_list: bool) -> Slot {
    let (values, originals): (Vec<_>, Vec<_>) =
        found.into_iter().map(|it| (it.value, Value::from(it.original))).unzip();
    let one = |all: Vec<Value>| all.into_iter().next().unwrap_or_else(|| Value::from(""));
    if is_list {
        Slot { value: Value::Array(values), original: Value::Array(originals) }
    } else {
        Slot { value: one(values), original: one(originals) }
    }
}

/// The phrase's name for what fills the parameter: `$alias`, its own name unless its value says otherwise.
fn alias(parameter: &Parameter) -> &str {
    let named = parameter.value.strip_prefix('$').filter(|it| !it.contains(['$', '#', ' ', '.']));
    named.filter(|it| !it.is_empty()).unwrap_or(&parameter.name)
}

/// The first that must be there and is not.
pub(super) fn missing(intent: &Intent, slots: &Slots) -> Option<usize> {
    let lacks = |it: &Parameter| it.required && slots.get(&it.name).is_none_or(|it| is_empty(&it.value));
    intent.parameters.iter().position(lacks)
}

/// As the answer shows them.
pub(super) fn values(slots: &Slots) -> Map<String, Value> {
    slots.iter().map(|(name, slot)| (name.clone(), slot.value.clone())).collect()
}

/// As contexts keep them: with what the customer wrote beside.
pub(super) fn with_originals(slots: &Slots) -> Map<String, Value> {
    let originals = slots.iter().map(|(name, slot)| (format!("{name}.original"), slot.original.clone()));
    values(slots).into_iter().chain(originals).collect()
}
