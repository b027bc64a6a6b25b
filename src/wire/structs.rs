//! `google.protobuf.Struct` ↔ JSON objects, for every contract that carries one.
//!
//! A Struct knows only floating-point numbers. Whole ones become JSON integers, so that `3` is said as `3` and not as `3.0`;
//! an integer beyond 2^53 goes out as its digits in a string, so that no contact number is ever rounded.

use prost_types::{ListValue, Struct, Value as Proto, value::Kind};
use serde_json::{Map, Number, Value as Json};

/// How deep objects and lists may be nested. Decoders of protobuf give up at about the same depth.
pub const MAX_DEPTH: usize = 32;

/// Every whole number up to here is exact as floating point.
const EXACT: u64 = 1 << 53;

/// Why a Struct has no JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StructError {
    #[error("is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    #[error("holds a number that is not finite")]
    NotFinite,
}

/// # Errors
/// When the Struct is nested too deep or holds NaN or an infinity.
pub fn to_json(fields: Struct) -> Result<Map<String, Json>, StructError> {
    object(fields, MAX_DEPTH)
}

/// For peers whose answer counts even where it is odd: what is nested too deep and what is not finite becomes null.
#[must_use]
pub fn to_json_leniently(fields: Struct) -> Map<String, Json> {
    lenient_object(fields, MAX_DEPTH)
}

/// What is nested deeper than [`MAX_DEPTH`] is carried as its JSON text.
#[must_use]
pub fn from_json(map: &Map<String, Json>) -> Struct {
    fields(map, MAX_DEPTH)
}

fn object(from: Struct, depth: usize) -> Result<Map<String, Json>, StructError> {
    let depth = depth.checked_sub(1).ok_or(StructError::TooDeep)?;
    from.fields.into_iter().map(|(key, value)| Ok((key, json(value, depth)?))).collect()
}

fn json(value: Proto, depth: usize) -> Result<Json, StructError> {
    Ok(match value.kind {
        None | Some(Kind::NullValue(_)) => Json::Null,
        Some(Kind::BoolValue(it)) => Json::Bool(it),
        Some(Kind::NumberValue(it)) => Json::Number(number(it)?),
        Some(Kind::StringValue(it)) => Json::String(it),
        Some(Kind::StructValue(it)) => Json::Object(object(it, depth)?),
        Some(Kind::ListValue(it)) => {
            let depth = depth.checked_sub(1).ok_or(StructError::TooDeep)?;
            Json::Array(it.values.into_iter().map(|value| json(value, depth)).collect::<Result<_, _>>()?)
        }
    })
}

fn lenient_object(from: Struct, depth: usize) -> Map<String, Json> {
    let Some(depth) = depth.checked_sub(1) else { return Map::new() };
    from.fields.into_iter().map(|(key, value)| (key, lenient(value, depth))).collect()
}

fn lenient(value: Proto, depth: usize) -> Json {
    match value.kind {
        Some(Kind::StructValue(_) | Kind::ListValue(_)) if depth == 0 => Json::Null,
        Some(Kind::StructValue(it)) => Json::Object(lenient_object(it, depth)),
        Some(Kind::ListValue(it)) => Json::Array(it.values.into_iter().map(|it| lenient(it, depth - 1)).collect()),
        plain => json(Proto { kind: plain }, depth).unwrap_or(Json::Null),
    }
}

#[expect(clippy::cast_precision_loss, reason = "2^53 is exact")]
fn number(it: f64) -> Result<Number, StructError> {
    let negative_zero = it == 0.0 && it.is_sign_negative();
    if it.fract() == 0.0 && it.abs() <= EXACT as f64 && !negative_zero {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
        return Ok(Number::from(it as i64));
    }
    Number::from_f64(it).ok_or(StructError::NotFinite)
}

fn fields(map: &Map<String, Json>, depth: usize) -> Struct {
    let depth = depth.saturating_sub(1);
    Struct { fields: map.iter().map(|(key, value)| (key.clone(), proto(value, depth))).collect() }
}

fn proto(value: &Json, depth: usize) -> Proto {
    let kind = match value {
        Json::Null => Kind::NullValue(0),
        Json::Bool(it) => Kind::BoolValue(*it),
        Json::Number(it) => exact_number(it),
        Json::String(it) => Kind::StringValue(it.clone()),
        Json::Array(_) | Json::Object(_) if depth == 0 => Kind::StringValue(value.to_string()),
        Json::Array(it) => Kind::ListValue(ListValue { values: it.iter().map(|it| proto(it, depth - 1)).collect() }),
        Json::Object(it) => Kind::StructValue(fields(it, depth)),
    };
    Proto { kind: Some(kind) }
}

fn exact_number(it: &Number) -> Kind {
    let exact = it.as_i64().map(i64::unsigned_abs).or_else(|| it.as_u64()).is_none_or(|it| it <= EXACT);
    match it.as_f64() {
        Some(double) if exact => Kind::NumberValue(double),
        Some(_) | None => Kind::StringValue(it.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;
    use serde_json::json;

    use super::*;

    fn object_of(value: &Json) -> Map<String, Json> {
        value.as_object().cloned().unwrap()
    }

    fn nested(levels: usize) -> Struct {
        let mut inner = Struct::default();
        for _ in 1..levels {
            let value = Proto { kind: Some(Kind::StructValue(inner)) };
            inner = Struct { fields: [("in".to_owned(), value)].into() };
        }
        inner
    }

    #[test]
    fn whole_numbers_stay_whole() {
        let map =
            object_of(&json!({"n": 3, "f": 2.5, "big": -9_007_199_254_740_991_i64, "l": [1, null, true, "x", {}]}));
        assert_eq!(to_json(from_json(&map)), Ok(map));
    }

    #[test]
    fn big_integers_keep_their_digits() {
        let map = object_of(&json!({"id": 9_007_199_254_740_993_i64, "u": u64::MAX}));
        let back = to_json(from_json(&map)).unwrap();
        assert_eq!(Json::Object(back), json!({"id": "9007199254740993", "u": "18446744073709551615"}));
    }

    #[test]
    fn leniently_what_has_no_json_form_is_null_and_the_rest_stays() {
        let mut it = nested(MAX_DEPTH + 1);
        it.fields.insert("nan".to_owned(), Proto { kind: Some(Kind::NumberValue(f64::NAN)) });
        it.fields.insert("whole".to_owned(), Proto { kind: Some(Kind::NumberValue(3.0)) });
        let json = to_json_leniently(it);
        assert_eq!((&json["nan"], &json["whole"]), (&Json::Null, &json!(3)));
        let text = json["in"].to_string();
        assert!(text.contains("null") && text.matches('{').count() == MAX_DEPTH - 1, "{text}");
        let plain = object_of(&json!({"n": 3, "f": 2.5, "l": [1, null, true, "x", {}]}));
        assert_eq!(to_json_leniently(from_json(&plain)), plain);
    }

    #[test]
    fn not_finite_numbers_have_no_json_form() {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let it = Struct { fields: [("n".to_owned(), Proto { kind: Some(Kind::NumberValue(bad)) })].into() };
            assert_eq!(to_json(it), Err(StructError::NotFinite));
        }
    }

    #[test]
    fn depth_is_bounded_both_ways() {
        assert!(to_json(nested(MAX_DEPTH)).is_ok());
        assert_eq!(to_json(nested(MAX_DEPTH + 1)), Err(StructError::TooDeep));

        let mut deep = json!("bottom");
        for _ in 0..200 {
            deep = json!({ "in": deep });
        }
        let back = to_json(from_json(&object_of(&deep))).unwrap();
        let mut depth = 1;
        let mut at = &back["in"];
        while let Some(next) = at.get("in") {
            at = next;
            depth += 1;
        }
        assert_eq!(depth, MAX_DEPTH);
        assert!(at.as_str().is_some_and(|text| text.contains("bottom")), "{at}");
    }

    #[test]
    fn the_deepest_struct_survives_the_wire() {
        let bytes = nested(MAX_DEPTH).encode_to_vec();
        assert!(Struct::decode(bytes.as_slice()).is_ok());
    }

    fn any_json() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            (-9_007_199_254_740_992_i64..=9_007_199_254_740_992).prop_map(Json::from),
            any::<f64>()
                .prop_filter("finite, not whole", |it| it.is_finite() && it.fract() != 0.0)
                .prop_map(Json::from),
            ".{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(6, 48, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Json::from),
                prop::collection::btree_map(".{0,6}", inner, 0..6)
                    .prop_map(|it| Json::Object(it.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn json_survives_a_struct(map in prop::collection::btree_map(".{0,6}", any_json(), 0..6)) {
            let map: Map<String, Json> = map.into_iter().collect();
            prop_assert_eq!(to_json(from_json(&map)), Ok(map));
        }
    }
}
