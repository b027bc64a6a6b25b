//! Reads JSON that others wrote over ten years: a value knows its file and key, forgives what is harmless, and
//! reports what is not.

use serde_json::{Map, Value};

use super::{Remark, Report};

/// A file's bytes as JSON, or what is wrong with it and where.
pub(super) fn parse(bytes: &[u8]) -> Result<Value, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    serde_json::from_slice(bytes).map_err(|error| {
        let what = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let what = what.strip_suffix(&place).unwrap_or(&what);
        format!("{}:{}: is not JSON: {what}", error.line(), error.column())
    })
}

#[derive(Clone, Copy, Debug)]
pub(super) struct File<'a> {
    pub name: &'a str,
    pub report: &'a Report,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Key(&'a str),
    Index(usize),
}

/// A value at its place. The key is put into words only when there is something to say about it.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'a> {
    value: &'a Value,
    file: &'a File<'a>,
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

impl<'a> At<'a> {
    pub(super) fn root(value: &'a Value, file: &'a File<'a>) -> Self {
        Self { value, file, parent: None, step: Step::Root }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn get<'s>(&'s self, key: &'s str) -> At<'s> {
        let value = self.value.get(key).unwrap_or(&Value::Null);
        At { value, file: self.file, parent: Some(self), step: Step::Key(key) }
    }

    /// The first of several spellings that is there.
    pub(super) fn any_of<'s>(&'s self, keys: &[&'s str]) -> At<'s> {
        let first = keys.first().copied().unwrap_or_default();
        let key = keys.iter().copied().find(|it| !self.get(it).is_null()).unwrap_or(first);
        self.get(key)
    }

    pub(super) fn is_null(&self) -> bool {
        self.value.is_null()
    }

    /// Absent, or empty in any way.
    pub(super) fn is_empty(&self) -> bool {
        self.value.is_null()
            || self.value.as_str().is_some_and(|it| it.trim().is_empty())
            || self.value.as_array().is_some_and(Vec::is_empty)
            || self.value.as_object().is_some_and(Map::is_empty)
    }

    /// A text; a number or a flag is taken as it is written, absent is empty.
    pub(super) fn text(&self) -> String {
        if let Some(text) = self.value.as_str() {
            return text.to_owned();
        }
        if self.value.is_number() || self.value.is_boolean() {
            return self.value.to_string();
        }
        if !self.is_null() {
            self.error("must be a text: it is left out");
        }
        String::new()
    }

    pub(super) fn flag(&self) -> bool {
        let of_text = || match self.value.as_str()?.trim().to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" | "" => Some(false),
            _ => None,
        };
        match self.value.as_bool().or_else(of_text) {
            Some(flag) => flag,
            None if self.is_null() => false,
            None => {
                self.error("must be true or false: false is taken");
                false
            }
        }
    }

    /// A number; also one that is written as a text.
    pub(super) fn number(&self) -> Option<f64> {
        let number = self.value.as_f64().or_else(|| self.value.as_str()?.trim().parse().ok());
        if number.is_none() && !self.is_empty() {
            self.error("must be a number: it is left out");
        }
        number.filter(|it| it.is_finite())
    }

    pub(super) fn integer(&self) -> Option<i64> {
        #[expect(clippy::cast_possible_truncation, reason = "what is out of range is clamped")]
        self.number().map(|it| it as i64)
    }

    /// The elements; none when it is absent.
    pub(super) fn items<'s>(&'s self) -> impl Iterator<Item = At<'s>> {
        let items = self.value.as_array();
        if items.is_none() && !self.is_empty() {
            self.error("must be a list: it is left out");
        }
        let at = move |(index, value)| At { value, file: self.file, parent: Some(self), step: Step::Index(index) };
        items.into_iter().flatten().enumerate().map(at)
    }

    /// The texts of a list, or the one that stands in its place; empty ones are left out.
    pub(super) fn texts(&self) -> Vec<String> {
        if self.value.is_string() {
            return Some(self.text()).into_iter().filter(|it| !it.trim().is_empty()).collect();
        }
        self.items().map(|it| it.text()).filter(|it| !it.trim().is_empty()).collect()
    }

    /// Whether it is an object; reported when it is not.
    pub(super) fn is_object(&self) -> bool {
        if !self.value.is_object() {
            self.error("must be an object: it is left out");
        }
        self.value.is_object()
    }

    pub(super) fn error(&self, message: impl Into<String>) {
        self.file.report.add(Remark::error(self.file.name, &self.key(), message));
    }

    pub(super) fn warning(&self, message: impl Into<String>) {
        self.file.report.add(Remark::warning(self.file.name, &self.key(), message));
    }

    fn key(&self) -> String {
        let mut key = self.parent.map(At::key).unwrap_or_default();
        match self.step {
            Step::Root => {}
            Step::Key(name) => {
                if !key.is_empty() {
                    key.push('.');
                }
                key.push_str(name);
            }
            Step::Index(index) => key.push_str(&format!("[{index}]")),
        }
        key
    }
}
