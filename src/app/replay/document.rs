//! Recorded contacts as `usher timeline --json` tells them: one document, several one after the other, or lists of them.

use serde::Deserialize;
use serde_json::{Value, de::IoRead};
use std::io::Read;

use crate::core::{
    ids::{ContactId, ContactName, UnitName},
    replay::{Recorded, read},
    step::Step,
};

/// Deeper lists of lists are nobody's export.
const MAX_DEPTH: usize = 4;

/// One contact's timeline.
#[derive(Clone, Debug)]
pub struct Document {
    pub contact: ContactId,
    pub unaltered: bool,
    /// Why it cannot be asked again, if that is so.
    pub(super) why_not: Option<&'static str>,
    steps: Vec<Step>,
}

#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("it cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    #[error("document {number} is no contact's timeline as `usher timeline --json` writes it: {source}")]
    Other { number: usize, source: serde_json::Error },
    #[error("it holds more than {0} contacts")]
    TooMany(usize),
    #[error("it holds no contact")]
    None,
}

#[derive(Deserialize)]
struct Written {
    contact: ContactName,
    unit: UnitName,
    #[serde(default = "yes")]
    unaltered: bool,
    #[serde(default)]
    erased: Option<Value>,
    records: Vec<WrittenRecord>,
}

#[derive(Deserialize)]
struct WrittenRecord {
    #[serde(default)]
    previous: u64,
    #[serde(default)]
    sealed: bool,
    steps: Vec<Step>,
}

const fn yes() -> bool {
    true
}

/// All contacts that `from` holds, in order.
///
/// # Errors
/// When something in it is none, or there are more than `max`.
pub fn documents(from: impl Read, max: usize) -> Result<Vec<Document>, DocumentError> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::new(IoRead::new(from)).into_iter::<Value>() {
        take(value?, 0, max, &mut found)?;
    }
    if found.is_empty() { Err(DocumentError::None) } else { Ok(found) }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "whatever is no list is taken for a document")]
fn take(value: Value, depth: usize, max: usize, found: &mut Vec<Document>) -> Result<(), DocumentError> {
    match value {
        Value::Array(list) if depth < MAX_DEPTH => list.into_iter().try_for_each(|it| take(it, depth + 1, max, found)),
        value => {
            if found.len() >= max {
                return Err(DocumentError::TooMany(max));
            }
            let number = found.len() + 1;
            let written = serde_json::from_value(value).map_err(|source| DocumentError::Other { number, source })?;
            found.push(Document::of(written));
            Ok(())
        }
    }
}

impl Document {
    fn of(written: Written) -> Self {
        let Written { contact, unit, unaltered, erased, records } = written;
        let why_not = if erased.is_some() {
            Some("it has been erased")
        } else if records.iter().any(|it| it.sealed) {
            Some("parts of it cannot be read")
        } else if records.first().is_some_and(|it| it.previous != 0) {
            Some("its beginning has been pruned")
        } else {
            None
        };
        let steps = records.into_iter().flat_map(|it| it.steps).collect();
        Self { contact: ContactId { unit, name: contact }, unaltered, why_not, steps }
    }

    pub(super) fn recorded(&self) -> Recorded {
        read(self.steps.iter().cloned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn document(name: &str) -> Value {
        json!({"contact": name, "unit": "u", "unaltered": true, "firstAltered": null, "records": [
            {"position": 7, "previous": 0, "at": "2026-11-20T10:00:00Z", "hash": "00", "steps": [
                {"step": "heard", "id": "m1", "input": {"text": "hello"}},
                {"step": "asked", "turn": 1},
            ]},
        ]})
    }

    fn names(text: &str) -> Result<Vec<String>, String> {
        let found = documents(text.as_bytes(), 3).map_err(|error| error.to_string())?;
        Ok(found.iter().map(|it| it.contact.name.to_string()).collect())
    }

    #[test]
    fn b4_one_document_many_lines_and_lists_are_read() {
        let (a, b) = (document("a"), document("b"));
        assert_eq!(names(&format!("{a:#}\n")), Ok(vec!["a".to_owned()]));
        assert_eq!(names(&format!("{a}\n{b}\n")), Ok(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(names(&format!("[{a}, {b}]\n{a}")), Ok(vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]));
        let input = documents(a.to_string().as_bytes(), 1).unwrap()[0].recorded().turns[0].input.clone();
        assert_eq!(input, Some(crate::core::message::Input::Text("hello".to_owned())));
    }

    #[test]
    fn b4_what_is_no_timeline_is_told_with_its_number() {
        assert_eq!(names(""), Err("it holds no contact".to_owned()));
        assert_eq!(names("[]"), Err("it holds no contact".to_owned()));
        assert!(names("{\"contact\":").unwrap_err().starts_with("it cannot be read: "));
        let text = format!("{}\n{{\"contact\": \"b\"}}", document("a"));
        assert!(names(&text).unwrap_err().starts_with("document 2 is no contact's timeline"), "{:?}", names(&text));
        let four = [document("a"), document("b"), document("c"), document("d")].map(|it| it.to_string()).join("\n");
        assert_eq!(names(&four), Err("it holds more than 3 contacts".to_owned()));
        let newer = document("a").to_string().replace("\"heard\"", "\"from a newer version\"");
        assert!(names(&newer).unwrap_err().contains("unknown variant"), "{:?}", names(&newer));
    }

    #[test]
    fn b4_what_cannot_be_asked_again_says_why() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut value = document("a");
            change(&mut value);
            documents(value.to_string().as_bytes(), 1).unwrap()[0].why_not
        };
        assert_eq!(with(&|_| {}), None);
        assert_eq!(with(&|it| it["records"][0]["previous"] = 3.into()), Some("its beginning has been pruned"));
        assert_eq!(with(&|it| it["records"][0]["sealed"] = true.into()), Some("parts of it cannot be read"));
        assert_eq!(with(&|it| it["erased"] = json!({"by": "root"})), Some("it has been erased"));
    }

    proptest! {
        #[test]
        fn b4_no_file_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            drop(documents(bytes.as_slice(), 3));
        }

        #[test]
        fn b4_no_broken_export_makes_it_panic(cut in 0_usize..400, byte in any::<u8>()) {
            let mut text = document("a").to_string().into_bytes();
            let at = cut.min(text.len() - 1);
            text[at] = byte;
            for document in documents(text.as_slice(), 3).unwrap_or_default() {
                drop(document.recorded());
            }
        }
    }
}
