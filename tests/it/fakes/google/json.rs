//! `google.protobuf.Struct` as JSON, as Google documents it.

use prost_types::{ListValue, Struct, Value as WireValue, value::Kind};
use serde_json::{Map, Value};

pub(crate) fn to_struct(json: &Value) -> Option<Struct> {
    let fields = json.as_object()?;
    Some(Struct { fields: fields.iter().map(|(key, value)| (key.clone(), to_value(value))).collect() })
}

fn to_value(json: &Value) -> WireValue {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(it) => Kind::BoolValue(*it),
        Value::Number(it) => Kind::NumberValue(it.as_f64().unwrap()),
        Value::String(it) => Kind::StringValue(it.clone()),
        Value::Array(it) => Kind::ListValue(ListValue { values: it.iter().map(to_value).collect() }),
        Value::Object(_) => Kind::StructValue(to_struct(json).unwrap()),
    };
    WireValue { kind: Some(kind) }
}

pub(crate) fn from_struct(wire: &Struct) -> Value {
    let fields = wire.fields.iter().map(|(key, value)| (key.clone(), from_value(value)));
    Value::Object(fields.collect::<Map<_, _>>())
}

fn from_value(wire: &WireValue) -> Value {
    match &wire.kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(it)) => (*it).into(),
        Some(Kind::NumberValue(it)) => (*it).into(),
        Some(Kind::StringValue(it)) => it.as_str().into(),
        Some(Kind::ListValue(it)) => it.values.iter().map(from_value).collect(),
        Some(Kind::StructValue(it)) => from_struct(it),
    }
}
