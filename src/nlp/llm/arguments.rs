//! A tool call's arguments against what the tool takes. What does not fit is refused in words that the model can act on; they
//! repeat no value.

use jiff::{Timestamp, civil};
use serde_json::{Number, Value};

use crate::core::{
    action::{Holds, OfferedParameter},
    callback,
    message::Parameters,
};

/// Of one call, as JSON text.
pub(super) const MAX_ARGUMENT_BYTES: usize = 16 * 1024;

/// Reads `text`. Nothing is guessed: a number in quotation marks is no number, and what nobody asked for is refused.
///
/// # Errors
/// What is wrong with it, as the model is told.
pub(super) fn read(text: &str, takes: &[OfferedParameter], calling_code: &str) -> Result<Parameters, String> {
    if text.len() > MAX_ARGUMENT_BYTES {
        return Err(format!("the arguments are longer than {MAX_ARGUMENT_BYTES} bytes"));
    }
    let given: Value = match text.trim() {
        "" => Value::Object(Parameters::new()),
        text => serde_json::from_str(text).map_err(|_unreadable| "the arguments are no JSON".to_owned())?,
    };
    let mut given = match given {
        Value::Object(given) => given,
        Value::Null => Parameters::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("the arguments are no JSON object".to_owned());
        }
    };
    let mut read = Parameters::new();
    for parameter in takes {
        match given.remove(&parameter.name).filter(|it| !is_nothing(it)) {
            Some(value) => {
                let value = fit(value, &parameter.holds, calling_code)
                    .map_err(|wanted| format!("`{}` {wanted}", parameter.name))?;
                read.insert(parameter.name.clone(), value);
            }
            None if parameter.required => {
                return Err(format!("`{}` is missing: ask the customer for it if you do not know it", parameter.name));
            }
            None => {}
        }
    }
    if given.is_empty() {
        return Ok(read);
    }
    let known: Vec<String> = takes.iter().map(|it| format!("`{}`", it.name)).collect();
    Err(match known.as_slice() {
        [] => "it takes no arguments".to_owned(),
        [_, ..] => format!("it takes no other arguments than {}", known.join(", ")),
    })
}

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|it| it.trim().is_empty())
}

fn fit(value: Value, holds: &Holds, calling_code: &str) -> Result<Value, String> {
    let wanted = match (holds, &value) {
        (Holds::Text, Value::String(_)) | (Holds::Number, Value::Number(_)) | (Holds::Flag, Value::Bool(_)) => {
            return Ok(value);
        }
        (Holds::Integer, Value::Number(number)) => match whole(number) {
            Some(whole) => return Ok(whole),
            None => "must be a whole number".to_owned(),
        },
        (Holds::DateTime, Value::String(text)) if is_moment(text.trim()) => return Ok(value),
        (Holds::Phone, Value::String(_)) => match callback::phone(&value, calling_code) {
            Ok(_) => return Ok(value),
            Err(problem) => format!("cannot be used: {problem}"),
        },
        (Holds::OneOf(values), Value::String(text)) if values.contains(text) => return Ok(value),
        (Holds::Text, _) => "must be a string".to_owned(),
        (Holds::Number, _) => "must be a number".to_owned(),
        (Holds::Integer, _) => "must be a whole number".to_owned(),
        (Holds::Flag, _) => "must be true or false".to_owned(),
        (Holds::DateTime, _) => "must be an ISO 8601 date and time, such as 2030-01-31T14:30:00+01:00".to_owned(),
        (Holds::Phone, _) => "must be a string that holds a phone number".to_owned(),
        (Holds::OneOf(values), _) => {
            let values: Vec<String> = values.iter().map(|it| Value::from(it.as_str()).to_string()).collect();
            format!("must be one of {}", values.join(", "))
        }
    };
    Err(wanted)
}

/// Models write 3.0 for 3.
fn whole(number: &Number) -> Option<Value> {
    if number.is_i64() || number.is_u64() {
        return Some(Value::Number(number.clone()));
    }
    // Within what a float tells apart to the unit.
    let float = number.as_f64().filter(|it| it.fract() == 0.0 && it.abs() < 9e15)?;
    format!("{float:.0}").parse::<i64>().ok().map(Value::from)
}

fn is_moment(text: &str) -> bool {
    text.contains(['T', 't', ' ']) && (text.parse::<Timestamp>().is_ok() || text.parse::<civil::DateTime>().is_ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn parameter(name: &str, holds: Holds, required: bool) -> OfferedParameter {
        OfferedParameter { name: name.to_owned(), holds, description: String::new(), required }
    }

    fn takes() -> Vec<OfferedParameter> {
        let one_of = Holds::OneOf(vec!["S".to_owned(), "M".to_owned()]);
        vec![
            parameter("text", Holds::Text, true),
            parameter("number", Holds::Number, false),
            parameter("count", Holds::Integer, false),
            parameter("flag", Holds::Flag, false),
            parameter("when", Holds::DateTime, false),
            parameter("phone", Holds::Phone, false),
            parameter("size", one_of, false),
        ]
    }

    #[track_caller]
    fn good(given: &Value, expected: &Value) {
        assert_eq!(read(&given.to_string(), &takes(), "49").map(Value::Object), Ok(expected.clone()));
    }

    #[track_caller]
    fn bad(given: &str, problem: &str) {
        assert_eq!(read(given, &takes(), "49"), Err(problem.to_owned()), "{given}");
    }

    #[test]
    fn what_fits_is_read() {
        let all = json!({
            "text": "x", "number": 1.5, "count": 3, "flag": false, "when": "2030-01-31T14:30:00+01:00",
            "phone": "030 1234567", "size": "M",
        });
        good(&all, &all);
        good(&json!({"text": "x", "number": null, "size": " "}), &json!({"text": "x"}));
        good(&json!({"text": "x", "count": 3.0}), &json!({"text": "x", "count": 3}));
        good(&json!({"text": "x", "when": "2030-01-31T14:30"}), &json!({"text": "x", "when": "2030-01-31T14:30"}));
        assert_eq!(read("", &[], "49"), Ok(Parameters::new()));
        assert_eq!(read("null", &[], "49"), Ok(Parameters::new()));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name_and_without_its_value() {
        let missing = "`text` is missing: ask the customer for it if you do not know it";
        for nothing in ["{}", "null", "", "{\"text\":null}", "{\"text\":\" \"}"] {
            bad(nothing, missing);
        }
        let with = |more: &str| format!("{{\"text\":\"x\",{more}}}");
        bad("{\"text\":7}", "`text` must be a string");
        bad(&with("\"number\":\"7\""), "`number` must be a number");
        bad(&with("\"count\":1.5"), "`count` must be a whole number");
        bad(&with("\"count\":1e300"), "`count` must be a whole number");
        bad(&with("\"flag\":\"true\""), "`flag` must be true or false");
        let moment = "`when` must be an ISO 8601 date and time, such as 2030-01-31T14:30:00+01:00";
        for when in ["\"tomorrow\"", "\"2030-01-31\"", "1893456000", "\"2030-02-31T10:00\""] {
            bad(&with(&format!("\"when\":{when}")), moment);
        }
        bad(
            &with("\"phone\":\"call me\""),
            "`phone` cannot be used: the phone number cannot be read: digits, spaces, ( ) - . / and a leading + are understood",
        );
        bad(&with("\"phone\":4930123456"), "`phone` must be a string that holds a phone number");
        bad(&with("\"size\":\"s\""), "`size` must be one of \"S\", \"M\"");
        bad(
            &with("\"uri\":\"https://x\""),
            "it takes no other arguments than `text`, `number`, `count`, `flag`, `when`, `phone`, `size`",
        );
        bad("[1]", "the arguments are no JSON object");
        bad("{\"text\":", "the arguments are no JSON");
        bad(&"[".repeat(1000), "the arguments are no JSON");
        bad(&" ".repeat(MAX_ARGUMENT_BYTES + 1), "the arguments are longer than 16384 bytes");
        assert_eq!(read("{\"x\":1}", &[], "49"), Err("it takes no arguments".to_owned()));
    }

    proptest! {
        #[test]
        fn no_arguments_panic(text in "[\\PC{}\":,\\[\\]0-9eE.+-]{0,80}", value in "\\PC{0,40}") {
            drop(read(&text, &takes(), "49"));
            let all: Parameters = takes().into_iter().map(|it| (it.name, Value::from(value.as_str()))).collect();
            drop(read(&Value::Object(all).to_string(), &takes(), ""));
        }
    }
}
