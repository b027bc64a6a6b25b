//! `google.protobuf.Struct` ↔ JSON, bounded both ways.
//!
//! Protobuf knows doubles only: a whole number comes back as an integer, and an integer that a double cannot hold goes out
//! as its digits in a string, so that no contact number is ever rounded.

use prost_types::{ListValue, Struct, Value as Wire, value::Kind};
use serde_json::{Map, Number, Value};

/// Nesting below this is dropped as null.
const MAX_DEPTH: usize = 32;
/// Doubles hold every integer up to here: 2^53.
const MAX_EXACT: u64 = 1 << 53;

pub(super) fn from_wire(wire: Struct) -> Map<String, Value> {
    object(wire, 0)
}

fn object(wire: Struct, depth: usize) -> Map<String, Value> {
    wire.fields.into_iter().map(|(key, value)| (key, value_from(value, depth + 1))).collect()
}

fn value_from(wire: Wire, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::Null;
    }
    match wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(it)) => Value::Bool(it),
        Some(Kind::NumberValue(it)) => number(it),
        Some(Kind::StringValue(it)) => Value::String(it),
        Some(Kind::StructValue(it)) => Value::Object(object(it, depth)),
        Some(Kind::ListValue(it)) => Value::Array(it.values.into_iter().map(|it| value_from(it, depth + 1)).collect()),
    }
}

/// NaN and the infinities have no JSON: null.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "within 2^53, checked")]
fn number(it: f64) -> Value {
    if it.fract() == 0.0 && it.abs() <= MAX_EXACT as f64 {
        return Value::Number((it as i64).into());
    }
    Number::from_f64(it).map_or(Value::Null, Value::Number)
}

pub(super) fn to_wire(json: Map<String, Value>) -> Struct {
    fields(json, 0)
}

fn fields(json: Map<String, Value>, depth: usize) -> Struct {
    Struct { fields: json.into_iter().map(|(key, value)| (key, value_to(value, depth + 1))).collect() }
}

fn value_to(json: Value, depth: usize) -> Wire {
    let null = Kind::NullValue(0);
    let kind = match json {
        _ if depth > MAX_DEPTH => null,
        Value::Null => null,
        Value::Bool(it) => Kind::BoolValue(it),
        Value::Number(it) => number_to(&it),
        Value::String(it) => Kind::StringValue(it),
        Value::Array(it) => {
            Kind::ListValue(ListValue { values: it.into_iter().map(|it| value_to(it, depth + 1)).collect() })
        }
        Value::Object(it) => Kind::StructValue(fields(it, depth)),
    };
    Wire { kind: Some(kind) }
}

fn number_to(it: &Number) -> Kind {
    let exact = it.as_i64().map(i64::unsigned_abs).or_else(|| it.as_u64()).is_none_or(|it| it <= MAX_EXACT);
    match it.as_f64() {
        Some(double) if exact => Kind::NumberValue(double),
        Some(_) | None => Kind::StringValue(it.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn json_survives_the_round_trip() {
        let json = map(&json!({
            "text": "ä", "yes": true, "nothing": null, "whole": 3, "minus": -7, "half": 0.5,
            "list": [1, "two", {"three": [3]}], "date_time": {"startDate": "2026-11-20"}
        }));
        assert_eq!(from_wire(to_wire(json.clone())), json);
    }

    #[test]
    fn whole_numbers_come_back_as_integers_and_big_ones_are_not_rounded() {
        assert_eq!(number(3.0).to_string(), "3");
        assert_eq!(number(-0.0).to_string(), "0");
        assert_eq!(number(9_007_199_254_740_992.0).to_string(), "9007199254740992");
        assert_eq!(number(2.5).to_string(), "2.5");
        assert_eq!([number(f64::NAN), number(f64::INFINITY)], [Value::Null, Value::Null]);
        let sent = from_wire(to_wire(map(&json!({"id": 9_007_199_254_740_993_i64, "u": u64::MAX}))));
        assert_eq!(Value::Object(sent), json!({"id": "9007199254740993", "u": "18446744073709551615"}));
    }

    #[test]
    fn depth_is_bounded_both_ways() {
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let json = map(&json!({ "deep": deep, "flat": 1 }));
        let back = from_wire(to_wire(json));
        assert_eq!(back["flat"], 1);
        let text = back["deep"].to_string();
        assert!(text.contains("null") && text.matches('[').count() == MAX_DEPTH, "{text}");
    }
}
