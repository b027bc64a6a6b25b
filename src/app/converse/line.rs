//! What is typed at the terminal, or stands in a script.

use serde_json::Value;

use crate::core::message::Parameters;

/// One input of the customer's.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    Words(String),
    /// `!NAME` or `!NAME {"parameter": "value"}`
    Event {
        name: String,
        parameters: Parameters,
    },
}

/// Why a line of a script cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("an event needs a name: !NAME, or !NAME {{\"parameter\": \"value\"}}")]
    NoName,
    #[error("what follows the event's name is no JSON object (column {column})")]
    Parameters { column: usize },
}

impl Line {
    /// `None`: nothing is said, as in an empty line or a comment.
    ///
    /// # Errors
    /// When it is meant as an event and is none.
    pub fn read(text: &str) -> Result<Option<Self>, LineError> {
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            return Ok(None);
        }
        let Some(event) = text.strip_prefix('!') else { return Ok(Some(Self::Words(text.to_owned()))) };
        let (name, rest) = event.split_once(char::is_whitespace).unwrap_or((event, ""));
        if name.is_empty() {
            return Err(LineError::NoName);
        }
        let before = text.len() - rest.len();
        let parameters = match rest.trim() {
            "" => Parameters::new(),
            _ => match serde_json::from_str(rest) {
                Ok(Value::Object(parameters)) => parameters,
                Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                    return Err(LineError::Parameters { column: before + 1 });
                }
                Err(error) => return Err(LineError::Parameters { column: before + error.column() }),
            },
        };
        Ok(Some(Self::Event { name: name.to_owned(), parameters }))
    }
}

/// All lines of a script; for an error also the number of its line, from 1.
///
/// # Errors
/// When a line cannot be read.
pub fn script(text: &str) -> Result<Vec<Line>, (usize, LineError)> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).lines().enumerate();
    lines.filter_map(|(at, line)| Line::read(line).map_err(|error| (at + 1, error)).transpose()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(name: &str, parameters: &Value) -> Line {
        Line::Event { name: name.to_owned(), parameters: parameters.as_object().unwrap().clone() }
    }

    #[test]
    fn a_script_is_words_events_and_comments() {
        let text = "\u{feff}# a comment\n\n  Where is my order? \n!WELCOME\n!FAILED {\"reason\": \"late\"}\r\n";
        let lines = [
            Line::Words("Where is my order?".to_owned()),
            event("WELCOME", &json!({})),
            event("FAILED", &json!({"reason": "late"})),
        ];
        assert_eq!(script(text), Ok(lines.to_vec()));
    }

    #[test]
    fn what_is_no_event_is_told_with_its_line() {
        for (text, error) in [
            ("a\n! \n", (2, LineError::NoName)),
            ("!A [1]", (1, LineError::Parameters { column: 4 })),
            ("\n\n!A {x}", (3, LineError::Parameters { column: 5 })),
        ] {
            assert_eq!(script(text), Err(error), "{text:?}");
        }
    }
}
