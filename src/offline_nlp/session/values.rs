//! `$parameter`, `$parameter.original`, `#context.parameter` and their fields, in responses and in parameters' values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::contexts::Contexts;

/// A parameter's value, and what the customer wrote for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    pub(super) value: Value,
    pub(super) original: Value,
}

pub(super) type Slots = BTreeMap<String, Slot>;

impl Slot {
    /// Of a parameter that nobody has said anything for.
    pub(super) fn empty(is_list: bool) -> Self {
        let nothing = if is_list { Value::Array(Vec::new()) } else { Value::from("") };
        Self { value: nothing.clone(), original: nothing }
    }
}

/// What names stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<'a> {
    pub(super) slots: &'a Slots,
    pub(super) contexts: &'a Contexts,
    /// A `$name` that nobody knows is an empty value; otherwise it is text like any other.
    pub(super) unknown_is_empty: bool,
}

/// A text with its references carried out.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filled {
    pub(super) text: String,
    /// A reference stands for nothing: the text is not to be said while there is a better one.
    pub(super) has_gap: bool,
}

impl Scope<'_> {
    /// A whole reference keeps its type; within a text it becomes text.
    pub(super) fn value(&self, expression: &str) -> Slot {
        if let Some((slot, "")) = self.reference(expression) {
            return slot;
        }
        let value = Value::from(self.text(expression).text);
        Slot { original: value.clone(), value }
    }

    pub(super) fn text(&self, template: &str) -> Filled {
        let mut filled = Filled { text: String::with_capacity(template.len()), has_gap: false };
        let mut rest = template;
        while let Some(at) = rest.find(['$', '#']) {
            let (before, from) = rest.split_at(at);
            filled.text.push_str(before);
            match self.reference(from) {
                Some((slot, after)) => {
                    filled.has_gap |= is_empty(&slot.value);
                    filled.text.push_str(&spoken(&slot.value));
                    rest = after;
                }
                None => {
                    let mut letters = from.chars();
                    filled.text.extend(letters.next());
                    rest = letters.as_str();
                }
            }
        }
        filled.text.push_str(rest);
        filled
    }

    /// References within every text of a payload.
    pub(super) fn payload(&self, value: &Value) -> Value {
        match value {
            Value::String(it) => Value::from(self.text(it).text),
            Value::Array(it) => it.iter().map(|it| self.payload(it)).collect(),
            Value::Object(it) => Value::Object(self.object(it)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    pub(super) fn object(&self, map: &Map<String, Value>) -> Map<String, Value> {
        map.iter().map(|(key, value)| (key.clone(), self.payload(value))).collect()
    }

    /// The reference at the start of `text` and what follows it.
    fn reference<'t>(&self, text: &'t str) -> Option<(Slot, &'t str)> {
        if let Some(rest) = text.strip_prefix('$') {
            return self.of_parameter(rest);
        }
        let (context, rest) = name(text.strip_prefix('#')?)?;
        let (parameter, rest) = name(rest.strip_prefix('.')?)?;
        let Some(context) = self.contexts.find(&context.to_lowercase()) else {
            return Some((Slot::empty(false), without_fields(rest)));
        };
        let of = |key: &str| context.parameters.get(key).cloned();
        let (Some(value), original) = (of(parameter), of(&format!("{parameter}.original"))) else {
            return Some((Slot::empty(false), without_fields(rest)));
        };
        let slot = Slot { original: original.unwrap_or_else(|| value.clone()), value };
        Some(field(slot, rest))
    }

    fn of_parameter<'t>(&self, text: &'t str) -> Option<(Slot, &'t str)> {
        let (longest, _) = name(text)?;
        let mut candidate = longest;
        loop {
            if let Some(slot) = self.slots.get(candidate) {
                return Some(field(slot.clone(), text.strip_prefix(candidate)?));
            }
            // `$size-L` may be the parameter `size` with something behind it.
            match candidate.rfind('-') {
                Some(at) => candidate = candidate.get(..at)?,
                None => break,
            }
        }
        let rest = text.strip_prefix(longest)?;
        self.unknown_is_empty.then(|| (Slot::empty(false), without_fields(rest)))
    }
}

/// `.original` or the fields of a composite value, as far as there are such; a full stop stays one.
fn field(slot: Slot, rest: &str) -> (Slot, &str) {
    let Some((key, after)) = rest.strip_prefix('.').and_then(name) else { return (slot, rest) };
    if key == "original" {
        return (Slot { value: slot.original.clone(), original: slot.original }, after);
    }
    match slot.value.get(key) {
        Some(value) => field(Slot { value: value.clone(), original: value.clone() }, after),
        None => (slot, rest),
    }
}

/// What follows a reference to nothing: its `.original` belongs to it.
fn without_fields(rest: &str) -> &str {
    rest.strip_prefix(".original").unwrap_or(rest)
}

/// A name at the start of `text`, and the rest. It begins with a letter, so that `$5` is money.
fn name(text: &str) -> Option<(&str, &str)> {
    let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
    let end = text.find(|it| !is_part(it)).unwrap_or(text.len());
    let (name, _) = text.split_at_checked(end)?;
    let name = name.trim_end_matches('-');
    name.starts_with(|it: char| it.is_alphabetic() || it == '_').then_some(())?;
    Some((name, text.strip_prefix(name)?))
}

pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(it) => it.is_empty(),
        Value::Array(it) => it.is_empty(),
        Value::Object(it) => it.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// As it is read in a sentence.
pub(super) fn spoken(value: &Value) -> String {
    let joined =
        |values: Vec<String>, between| values.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(between);
    match value {
        Value::Null => String::new(),
        Value::String(it) => it.clone(),
        Value::Array(it) => joined(it.iter().map(spoken).collect(), ", "),
        Value::Object(it) => joined(it.values().map(spoken).collect(), " "),
        Value::Number(it) => match it.as_f64() {
            Some(float) if it.is_f64() => float.to_string(),
            Some(_) | None => it.to_string(),
        },
        Value::Bool(it) => it.to_string(),
    }
}

/// About what the JSON text would take.
pub fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 8,
        Value::String(it) => it.len() + 2,
        Value::Array(it) => it.iter().map(json_bytes).sum::<usize>() + 2,
        Value::Object(it) => it.iter().map(|(key, value)| key.len() + 4 + json_bytes(value)).sum::<usize>() + 2,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::{super::contexts::Context, *};

    fn slots() -> Slots {
        let slot = |value: Value, original: &str| Slot { value, original: original.into() };
        Slots::from([
            ("city".to_owned(), slot(json!("Berlin"), "berlin")),
            ("size".to_owned(), slot(json!("L"), "large")),
            ("date-time".to_owned(), slot(json!("2026-11-21T12:00:00+01:00"), "tomorrow")),
            ("price".to_owned(), slot(json!({"amount": 5.0, "currency": "EUR"}), "5 euros")),
            ("tops".to_owned(), slot(json!(["ham", "cheese"]), "")),
            ("none".to_owned(), Slot::empty(false)),
        ])
    }

    fn contexts() -> Contexts {
        let parameters = json!({"id": 7, "id.original": "seven", "who": {"name": "Desk 1"}});
        let mut contexts = Contexts::default();
        let parameters = parameters.as_object().cloned().unwrap();
        contexts.set(Context { name: "order".to_owned(), lifespan: 1, parameters }, Timestamp::UNIX_EPOCH);
        contexts
    }

    #[test]
    fn b16_references_in_a_text() {
        let (slots, contexts) = (slots(), contexts());
        let scope = Scope { slots: &slots, contexts: &contexts, unknown_is_empty: false };
        for (template, expected) in [
            ("To $city.", "To Berlin."),
            ("To $city.original, $size-sized", "To berlin, L-sized"),
            ("$date-time.original and $city.Fine", "tomorrow and Berlin.Fine"),
            ("$price, i.e. $price.amount in $price.currency", "5 EUR, i.e. 5 in EUR"),
            ("with $tops", "with ham, cheese"),
            ("no. #order.id (#order.id.original) of #Order.who.name", "no. 7 (seven) of Desk 1"),
            ("costs $5, $unknown, #1, #tag, a # and a $", "costs $5, $unknown, #1, #tag, a # and a $"),
        ] {
            assert_eq!(scope.text(template), Filled { text: expected.to_owned(), has_gap: false });
        }
        for template in ["x$none", "x$none.original", "x#order.other", "x#gone.id.original"] {
            assert_eq!(scope.text(template), Filled { text: "x".to_owned(), has_gap: true }, "{template}");
        }
    }

    #[test]
    fn b16_a_whole_reference_keeps_its_type() {
        let (slots, contexts) = (slots(), contexts());
        let scope = Scope { slots: &slots, contexts: &contexts, unknown_is_empty: true };
        assert_eq!(scope.value("#order.id"), Slot { value: json!(7), original: json!("seven") });
        assert_eq!(scope.value("$tops").value, json!(["ham", "cheese"]));
        assert_eq!(scope.value("$city-7").value, json!("Berlin-7"));
        assert_eq!(scope.value("constant").value, json!("constant"));
        assert_eq!(scope.value("$nobody").value, json!(""));
        assert_eq!(scope.payload(&json!({"to": ["$city", 1]})), json!({"to": ["Berlin", 1]}));
    }
}
