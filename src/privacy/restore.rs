//! The way back: what tokens stand for, put into the parameters of a call whose target may have it.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;

use crate::core::message::Parameters;

/// Tokens and what they stand for. Never shown.
#[derive(Clone, Default)]
pub struct Secrets(pub Vec<(String, SecretString)>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// With what the tokens in its texts stand for. A text that is `uri` stays as it is: addresses are logged on their way.
#[must_use]
pub fn restore(parameters: &Parameters, uri: &str, secrets: &Secrets) -> Parameters {
    parameters.iter().map(|(key, value)| (key.clone(), restored(value, uri, secrets))).collect()
}

fn restored(value: &Value, uri: &str, secrets: &Secrets) -> Value {
    match value {
        Value::String(text) if text.trim() == uri => value.clone(),
        Value::String(text) => Value::String(restored_text(text, secrets)),
        Value::Array(items) => items.iter().map(|it| restored(it, uri, secrets)).collect(),
        Value::Object(members) => Value::Object(restore(members, uri, secrets)),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// In one pass: what is put in is not looked at again.
fn restored_text(text: &str, secrets: &Secrets) -> String {
    let mut told = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, token)) = rest.find('[').and_then(|at| rest.split_at_checked(at)) {
        told.push_str(before);
        let known = secrets.0.iter().find_map(|(name, value)| Some((value, token.strip_prefix(name.as_str())?)));
        if let Some((value, after)) = known {
            told.push_str(value.expose_secret());
            rest = after;
        } else {
            told.push('[');
            rest = token.get(1..).unwrap_or_default();
        }
    }
    told.push_str(rest);
    told
}
