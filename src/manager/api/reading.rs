//! What programs send, read into an operation's own types: whatever is wrong is told at its field, in words of ours.

use std::{borrow::Cow, fmt};

use percent_encoding::percent_decode_str;
use serde::{
    Deserializer,
    de::{
        self, DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Unexpected, Visitor,
        value::{MapDeserializer, SeqDeserializer},
    },
    forward_to_deserialize_any,
};
use serde_json::{Map, Number, Value};

use super::problem::{Kind, Problem, Told};

/// What is wrong with a field.
#[derive(Debug)]
enum Flaw {
    Missing(&'static str),
    Unknown(String, &'static [&'static str]),
    Twice(&'static str),
    NoneOf(&'static [&'static str]),
    /// What it has to be.
    Shape(&'static str),
    /// What it is, and cannot be.
    Not(&'static str),
    Said(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(_) => f.write_str("is missing"),
            Self::Unknown(_, []) => f.write_str("is unknown here: there is nothing to say"),
            Self::Unknown(_, known) => write!(f, "is unknown here: there are {}", known.join(", ")),
            Self::Twice(_) => f.write_str("is there twice"),
            Self::NoneOf(known) => write!(f, "has to be one of {}", known.join(", ")),
            Self::Shape(what) => write!(f, "has to be {what}"),
            Self::Not(what) => write!(f, "cannot be {what}"),
            Self::Said(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for Flaw {}

impl de::Error for Flaw {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::Said(text.to_string())
    }

    fn invalid_type(sent: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::Not(match sent {
            Unexpected::Bool(_) => "true or false",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
            Unexpected::Char(_) | Unexpected::Str(_) | Unexpected::Bytes(_) => "a text",
            Unexpected::Unit | Unexpected::Option => "null",
            Unexpected::Seq => "a list",
            Unexpected::Map | Unexpected::NewtypeStruct => "an object",
            Unexpected::Enum
            | Unexpected::UnitVariant
            | Unexpected::NewtypeVariant
            | Unexpected::TupleVariant
            | Unexpected::StructVariant
            | Unexpected::Other(_) => "what it is",
        })
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::Said("has too few entries, or too many".to_owned())
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self::NoneOf(known)
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::Unknown(name.to_owned(), known)
    }

    fn missing_field(name: &'static str) -> Self {
        Self::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::Twice(name)
    }
}

/// A value of JSON.
struct Sent(Value);

impl Sent {
    fn shaped<'de, V: Visitor<'de>>(
        self,
        (is, what): (fn(&Value) -> bool, &'static str),
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        if is(&self.0) { self.deserialize_any(visitor) } else { Err(Flaw::Shape(what)) }
    }
}

macro_rules! shaped {
    ($($method:ident $is:ident $what:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
            self.shaped((Value::$is, $what), visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Sent {
    type Error = Flaw;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(it) => visitor.visit_bool(it),
            Value::Number(it) => match (it.as_u64(), it.as_i64(), it.as_f64()) {
                (Some(it), _, _) => visitor.visit_u64(it),
                (None, Some(it), _) => visitor.visit_i64(it),
                (None, None, Some(it)) => visitor.visit_f64(it),
                (None, None, None) => Err(Flaw::Shape("a number")),
            },
            Value::String(it) => visitor.visit_string(it),
            Value::Array(list) => visitor.visit_seq(SeqDeserializer::new(list.into_iter().map(Sent))),
            Value::Object(members) => {
                visitor.visit_map(MapDeserializer::new(members.into_iter().map(|(key, it)| (key, Self(it)))))
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let Value::String(text) = self.0 else { return Err(Flaw::NoneOf(variants)) };
        IntoDeserializer::<Flaw>::into_deserializer(text).deserialize_enum(name, variants, visitor)
    }

    shaped! {
        deserialize_bool is_boolean "true or false"
        deserialize_str is_string "a text"
        deserialize_identifier is_string "a text"
        deserialize_string is_string "a text"
        deserialize_u8 is_u64 "a whole number"
        deserialize_u16 is_u64 "a whole number"
        deserialize_u32 is_u64 "a whole number"
        deserialize_u64 is_u64 "a whole number"
        deserialize_i8 is_i64 "a whole number"
        deserialize_i16 is_i64 "a whole number"
        deserialize_i32 is_i64 "a whole number"
        deserialize_i64 is_i64 "a whole number"
        deserialize_f32 is_number "a number"
        deserialize_f64 is_number "a number"
        deserialize_seq is_array "a list"
        deserialize_map is_object "an object"
    }

    forward_to_deserialize_any! { char bytes byte_buf unit unit_struct tuple tuple_struct ignored_any }
}

impl IntoDeserializer<'_, Flaw> for Sent {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// What stands in a path or a query: a text, or what one says.
struct Word(String);

macro_rules! words {
    ($($method:ident $visit:ident $what:literal)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
            self.0.parse().map_or(Err(Flaw::Shape($what)), |it| visitor.$visit(it))
        }
    )*};
}

impl<'de> Deserializer<'de> for Word {
    type Error = Flaw;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        IntoDeserializer::<Flaw>::into_deserializer(self.0).deserialize_enum(name, variants, visitor)
    }

    words! {
        deserialize_bool visit_bool "true or false"
        deserialize_u8 visit_u8 "a whole number"
        deserialize_u16 visit_u16 "a whole number"
        deserialize_u32 visit_u32 "a whole number"
        deserialize_u64 visit_u64 "a whole number"
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

impl IntoDeserializer<'_, Flaw> for Word {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn beneath(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn read<'de, T: DeserializeOwned>(from: impl Deserializer<'de, Error = Flaw>) -> Result<T, Box<Told>> {
    serde_path_to_error::deserialize(from).map_err(|error| {
        let path = error.path().to_string();
        let path = if path == "." { "" } else { &path };
        let flaw = error.into_inner();
        let field = match &flaw {
            Flaw::Missing(name) | Flaw::Twice(name) => beneath(path, name),
            // Mostly the path says it already.
            Flaw::Unknown(name, _) if path != name && !path.ends_with(&format!(".{name}")) => beneath(path, name),
            Flaw::Unknown(..) | Flaw::NoneOf(_) | Flaw::Shape(_) | Flaw::Not(_) | Flaw::Said(_) => path.to_owned(),
        };
        let message = if field.is_empty() { format!("the body {flaw}") } else { format!("`{field}` {flaw}") };
        Box::new(Told::at(&field, message))
    })
}

/// A body's value.
pub(super) fn of_value<T: DeserializeOwned>(value: Value) -> Result<T, Box<Told>> {
    read(Sent(value))
}

/// The names of a path, or the pairs of a query.
pub(super) fn of_words<T: DeserializeOwned>(words: impl Iterator<Item = (String, String)>) -> Result<T, Box<Told>> {
    read(MapDeserializer::new(words.map(|(name, it)| (name, Word(it)))))
}

/// What stands behind the question mark.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, Box<Told>> {
    let pair = |text: &str| {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        let no_text = |name: &str| Box::new(Told::at(name, format!("`{name}` is not UTF-8")));
        let name = decoded(name).ok_or_else(|| no_text(name))?;
        let value = decoded(value).ok_or_else(|| no_text(&name))?;
        Ok((name, value))
    };
    query.split('&').filter(|it| !it.is_empty()).map(pair).collect()
}

/// `None`: it is no text.
fn decoded(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(Cow::into_owned)
}

/// A document of JSON in which each object has each of its keys once.
pub(super) fn json(bytes: &[u8]) -> Result<Value, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Err(Problem::field("", "the body is empty: send a JSON object"));
    }
    let (mut text, mut walk) = (serde_json::Deserializer::from_slice(bytes), Walk::default());
    let read = Once(&mut walk).deserialize(&mut text).and_then(|it| text.end().map(|()| it));
    let value = read.map_err(|error| no_json(&error))?;
    match walk.twice {
        Some(field) => Err(Problem::field(&field, format!("`{field}` is there twice"))),
        None => Ok(value),
    }
}

fn no_json(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let what = if error.is_eof() { "it ends too early" } else { "it cannot be read any further" };
    let message = format!("the body is no JSON: {what} at line {line}, column {column}");
    let place =
        Told { field: None, file: None, line: Some(line), column: Some(column), message: message.clone(), help: None };
    Kind::Malformed.says(message).with(vec![place])
}

/// Where the reading is, and the first key that an object has twice.
#[derive(Debug, Default)]
struct Walk {
    path: Vec<String>,
    twice: Option<String>,
}

struct Once<'a>(&'a mut Walk);

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(Number::from_f64(it).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut read = Vec::new();
        loop {
            self.0.path.push(format!("[{}]", read.len()));
            let next = list.next_element_seed(Once(&mut *self.0))?;
            self.0.path.pop();
            match next {
                Some(it) => read.push(it),
                None => return Ok(Value::Array(read)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut read = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            self.0.path.push(key);
            let value = members.next_value_seed(Once(&mut *self.0))?;
            let key = self.0.path.pop().unwrap_or_default();
            if read.contains_key(&key) && self.0.twice.is_none() {
                let path = self.0.path.iter().chain([&key]).fold(String::new(), |path, part| {
                    if part.starts_with('[') { path + part } else { beneath(&path, part) }
                });
                self.0.twice = Some(path);
            }
            read.insert(key, value);
        }
        Ok(Value::Object(read))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read into it is not looked at")]
    struct Body {
        name: String,
        role: Role,
        #[serde(default)]
        days: Option<u16>,
        #[serde(default)]
        does: Vec<Does>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Role {
        Viewer,
        Operator,
    }

    #[derive(Debug, Deserialize)]
    #[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    #[expect(dead_code, reason = "what is read into it is not looked at")]
    enum Does {
        Requeue { queue: String },
    }

    fn told(it: Result<Body, Box<Told>>) -> (String, String) {
        let it = it.unwrap_err();
        (it.field.unwrap_or_default(), it.message)
    }

    #[test]
    fn what_is_wrong_with_a_body_is_told_at_its_field_in_plain_words() {
        for (body, field, text) in [
            (json!({ "role": "viewer" }), "name", "`name` is missing"),
            (json!({ "name": 7, "role": "viewer" }), "name", "`name` has to be a text"),
            (json!({ "name": "a", "role": "king" }), "role", "`role` has to be one of viewer, operator"),
            (json!({ "name": "a", "role": 1 }), "role", "`role` has to be one of viewer, operator"),
            (json!({ "name": "a", "role": "viewer", "days": 1.5 }), "days", "`days` has to be a whole number"),
            (json!({ "name": "a", "x": 1 }), "x", "`x` is unknown here: there are name, role, days, does"),
            (json!({ "name": "a", "role": "viewer", "does": {} }), "does", "`does` has to be a list"),
            (
                json!({ "name": "a", "role": "viewer", "does": [{ "kind": "requeue" }] }),
                "does[0].queue",
                "`does[0].queue` is missing",
            ),
            (
                json!({ "name": "a", "role": "viewer", "does": [{ "kind": "fly" }] }),
                "does[0].kind",
                "`does[0].kind` has to be one of requeue",
            ),
            (json!([]), "", "the body has to be an object"),
        ] {
            assert_eq!(told(of_value(body)), (field.to_owned(), text.to_owned()));
        }
        let words = |query: &str| pairs(query).and_then(|it| of_words::<Body>(it.into_iter()));
        assert_eq!(told(words("name=a&role=viewer&days=x")).1, "`days` has to be a whole number");
        assert_eq!(told(words("name=a&name=b")), ("name".to_owned(), "`name` is there twice".to_owned()));
        assert_eq!(told(words("role=viewer&name=%FF")), ("name".to_owned(), "`name` is not UTF-8".to_owned()));
        let read = words("name=%C3%A4+%2b%zz&role=operator&days=7").unwrap();
        assert_eq!((read.name.as_str(), read.days), ("ä +%zz", Some(7)));
    }

    #[test]
    fn a_key_that_is_there_twice_is_found_wherever_it_is() {
        for (text, field) in [
            ("{\"a\":1,\"a\":1}", Some("a")),
            ("{\"a\":[{\"b\":{\"c\":1,\"d\":2,\"c\":3}}]}", Some("a[0].b.c")),
            ("{\"a\":{\"b\":1},\"b\":1}", None),
        ] {
            let found = json(text.as_bytes());
            assert_eq!(found.err().map(|it| it.first_field()), field.map(|it| Some(it.to_owned())), "{text}");
        }
        assert_eq!(json(b"{\"a\": [1, -2, 2.5, null, \"x\"]}").unwrap(), json!({ "a": [1, -2, 2.5, null, "x"] }));
        for bad in ["{", "{} {}", "{\"a\": }", "nothing"] {
            assert_eq!(json(bad.as_bytes()).unwrap_err().kind, Kind::Malformed, "{bad}");
        }
        assert_eq!(json(b" \n").unwrap_err().kind, Kind::Invalid);
        assert_eq!(json("[".repeat(100_000).as_bytes()).unwrap_err().kind, Kind::Malformed);
    }
}
