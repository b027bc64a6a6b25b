//! What is wrong with a frame, and where.

use std::borrow::Cow;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::shown;

/// What a message to the author may grow to; a name in it comes from the frame.
const MAX_MESSAGE_CHARACTERS: usize = 400;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    BadJson,
    BadFrame,
    NotText,
    Unexpected,
    UnknownTurn,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Bad {
    pub code: Code,
    pub message: String,
    pub at: Option<At>,
    /// Of the turn it is about.
    pub turn_id: Option<String>,
    /// It was to end its turn, which gets no other answer than this.
    pub ends_turn: bool,
}

impl Bad {
    pub(in crate::nlp::connector) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), at: None, turn_id: None, ends_turn: false }
    }

    pub(super) fn at_path(path: &str, message: impl Into<String>) -> Self {
        let at = At { path: path.to_owned(), line: None, column: None };
        Self { at: Some(at), ..Self::new(Code::BadFrame, message) }
    }

    pub(super) fn unknown_type(kind: &str, known: &str) -> Self {
        Self::at_path("type", format!("`{}` is no type of frame; there are {known}", shown(kind)))
    }

    /// The turn that the frame was about, as far as it can be read.
    pub(super) fn about(mut self, text: &str) -> Self {
        if let Ok(Value::Object(frame)) = serde_json::from_str::<Value>(text) {
            let field = |name| frame.get(name).and_then(Value::as_str);
            self.ends_turn = matches!(field("type"), Some("reply" | "failed"));
            self.turn_id = field("turn_id").filter(|it| it.len() <= 64).map(str::to_owned);
        }
        self
    }

    fn parsing(code: Code, path: &str, error: &serde_json::Error) -> Self {
        // Where it is stands beside the message, so that the message need not repeat it.
        let message = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let message = message.strip_suffix(&place).unwrap_or(&message);
        let known = error.line() > 0;
        let at = At {
            path: if path == "." { String::new() } else { shown(path).into_owned() },
            line: known.then(|| error.line()),
            column: known.then(|| error.column()),
        };
        Self { at: Some(at), ..Self::new(code, message.chars().take(MAX_MESSAGE_CHARACTERS).collect::<String>()) }
    }
}

/// The frame's `type`.
pub(super) fn kind(text: &str) -> Result<Cow<'_, str>, Bad> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(rename = "type", borrow, default)]
        kind: Option<Cow<'a, str>>,
    }
    let from = &mut serde_json::Deserializer::from_str(text);
    let head = match serde_path_to_error::deserialize::<_, Head<'_>>(&mut *from) {
        Ok(head) => from.end().map(|()| head).map_err(|error| Bad::parsing(Code::BadJson, "", &error))?,
        Err(error) if error.inner().is_data() => {
            // What is no object is told as that, not as an object that lacks something.
            must_be_object(text)?;
            return Err(Bad::parsing(Code::BadFrame, &error.path().to_string(), error.inner()));
        }
        Err(error) => return Err(Bad::parsing(Code::BadJson, "", error.inner())),
    };
    // An array of the fields in their order would be read as well.
    must_be_object(text)?;
    head.kind.ok_or_else(|| Bad::at_path("type", "the frame says no `type`"))
}

fn must_be_object(text: &str) -> Result<(), Bad> {
    if text.trim_start().starts_with('{') {
        return Ok(());
    }
    Err(Bad::at_path("", "a frame is a JSON object: `{\"type\": …}`"))
}

pub(super) fn read<T: DeserializeOwned>(text: &str) -> Result<T, Bad> {
    let from = &mut serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(from).map_err(|error| {
        let path = error.path().to_string();
        Bad::parsing(Code::BadFrame, &path, error.inner())
    })
}
