//! What a server answers to `chat/completions`, whole or in pieces, read leniently: servers that speak this API differ in
//! what they leave out, and some in what they put in.
//!
//! Known habits: no `id` or `usage`; `content` that is `null` or a list of parts; tool arguments as an object instead of its text;
//! a tool's name in every piece; pieces of tool calls without `index` or with the same one for all; an error with status 200.

use serde_json::Value;

use super::arguments::MAX_ARGUMENT_BYTES;

/// Tool calls of one answer that are looked at.
pub(super) const MAX_CALLS: usize = 10;

/// An answer as far as it has come.
#[derive(Clone, Default, PartialEq)]
pub(super) struct Completion {
    pub(super) content: String,
    pub(super) refusal: String,
    pub(super) calls: Vec<Call>,
    /// Calls beyond [`MAX_CALLS`].
    pub(super) calls_beyond: usize,
    pub(super) finish: Option<Finish>,
}

#[derive(Clone, Default, PartialEq)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    /// JSON text, cut soon after [`MAX_ARGUMENT_BYTES`].
    pub(super) arguments: String,
    index: Option<u64>,
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Finish {
    Done,
    /// At the limit of tokens.
    Cut,
    /// By the server's filter.
    Filtered,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not what this API answers.
    Malformed,
    /// An error in the answer's place.
    Reported(Reported),
}

/// What may be told of a server's error: its text may quote the conversation, so it is not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reported {
    /// `code`, where it is a number.
    pub(super) status: Option<u16>,
    /// `code` or `type`, where they are words such as `context_length_exceeded`.
    pub(super) label: Option<String>,
    /// The request's parameter at fault.
    pub(super) parameter: Option<String>,
}

impl Unusable {
    /// An error that comes under that name. One that is no JSON is reported all the same, without a label.
    pub(super) fn reported(text: &str) -> Self {
        let error: Option<Value> = serde_json::from_str(text).ok();
        Self::Reported(error.and_then(|error| Reported::of(&serde_json::json!({"error": error}))).unwrap_or_default())
    }
}

impl Completion {
    /// As the model gave it, for whoever tries a profile.
    pub(super) fn told(&self) -> String {
        let calls: Vec<_> =
            self.calls.iter().map(|it| serde_json::json!({ "name": it.name, "arguments": it.arguments })).collect();
        let told = serde_json::json!({
            "content": self.content,
            "refusal": self.refusal,
            "tool_calls": calls,
            "finish": self.finish.map(|it| format!("{it:?}")),
        });
        format!("{told:#}")
    }

    /// An answer that came whole.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn whole(body: &[u8]) -> Result<Self, Unusable> {
        let answer: Value = serde_json::from_slice(body).map_err(|_unreadable| Unusable::Malformed)?;
        if let Some(reported) = Reported::of(&answer) {
            return Err(Unusable::Reported(reported));
        }
        let choice = answer.get("choices").and_then(|it| it.get(0)).ok_or(Unusable::Malformed)?;
        let message = choice.get("message").filter(|it| it.is_object()).ok_or(Unusable::Malformed)?;
        let mut whole = Self::default();
        whole.take_words(message);
        for call in message.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
            let at = whole.begin_call(None);
            whole.take_call(at, call);
        }
        whole.finish = Some(finish(choice).unwrap_or(Finish::Done));
        Ok(whole)
    }

    /// One piece of a streamed answer.
    ///
    /// # Errors
    /// When it is none.
    pub(super) fn add(&mut self, piece: &str) -> Result<(), Unusable> {
        let piece: Value = serde_json::from_str(piece).map_err(|_unreadable| Unusable::Malformed)?;
        if let Some(reported) = Reported::of(&piece) {
            return Err(Unusable::Reported(reported));
        }
        let choices = piece.get("choices").and_then(Value::as_array).ok_or(Unusable::Malformed)?;
        // Some pieces have no choices: what was used, what was filtered.
        let Some(choice) = choices.iter().find(|it| it.get("index").is_none_or(|it| it == 0 || it.is_null())) else {
            return Ok(());
        };
        if let Some(delta) = choice.get("delta") {
            self.take_words(delta);
            for call in delta.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
                let at = self.place_of(call);
                self.take_call(at, call);
            }
        }
        self.finish = finish(choice).or(self.finish);
        Ok(())
    }

    fn take_words(&mut self, message: &Value) {
        push_text(&mut self.content, message.get("content"));
        push_text(&mut self.refusal, message.get("refusal"));
    }

    /// Where a piece of a call belongs; `None`: beyond what is looked at.
    fn place_of(&mut self, call: &Value) -> Option<usize> {
        let index = call.get("index").and_then(Value::as_u64);
        let id = call.get("id").and_then(Value::as_str).unwrap_or_default();
        let name = call.get("function").and_then(|it| it.get("name")).and_then(Value::as_str).unwrap_or_default();
        let same = |one: &str, other: &str| one.is_empty() || other.is_empty() || one == other;
        let continues = |it: &Call| {
            let by_name = !id.is_empty() || index.is_some() || same(&it.name, name);
            same(&it.id, id) && (index.is_none() || it.index == index) && by_name
        };
        // From the end: servers that give every call the same index tell them apart by their ids.
        if let Some(at) = self.calls.iter().rposition(continues) {
            return Some(at);
        }
        self.begin_call(index)
    }

    fn begin_call(&mut self, index: Option<u64>) -> Option<usize> {
        if self.calls.len() == MAX_CALLS {
            self.calls_beyond = self.calls_beyond.saturating_add(1);
            return None;
        }
        self.calls.push(Call { index, ..Call::default() });
        Some(self.calls.len() - 1)
    }

    fn take_call(&mut self, at: Option<usize>, piece: &Value) {
        let Some(call) = at.and_then(|at| self.calls.get_mut(at)) else { return };
        if let (true, Some(id)) = (call.id.is_empty(), piece.get("id").and_then(Value::as_str)) {
            id.clone_into(&mut call.id);
        }
        let Some(function) = piece.get("function") else { return };
        // A name comes once; those who repeat it repeat it whole.
        if let (true, Some(name)) = (call.name.is_empty(), function.get("name").and_then(Value::as_str)) {
            name.clone_into(&mut call.name);
        }
        match function.get("arguments") {
            Some(Value::String(text)) if call.arguments.len() <= MAX_ARGUMENT_BYTES => call.arguments.push_str(text),
            Some(object @ Value::Object(_)) => call.arguments = object.to_string(),
            Some(Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_)) | None => {}
        }
    }
}

/// Words are text, or a list of parts of which some are.
fn push_text(to: &mut String, words: Option<&Value>) {
    match words {
        Some(Value::String(text)) => to.push_str(text),
        Some(Value::Array(parts)) => {
            for part in parts {
                to.push_str(part.get("text").unwrap_or(part).as_str().unwrap_or_default());
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => {}
    }
}

fn finish(choice: &Value) -> Option<Finish> {
    choice.get("finish_reason").and_then(Value::as_str).map(|reason| match reason {
        "length" => Finish::Cut,
        "content_filter" => Finish::Filtered,
        _ => Finish::Done,
    })
}

impl Reported {
    /// The error in an answer, if there is one.
    pub(super) fn of(answer: &Value) -> Option<Self> {
        let error = match answer.get("error") {
            Some(Value::Null) | None if answer.get("object").is_some_and(|it| it == "error") => answer,
            Some(Value::Null) | None => return None,
            Some(error) => error,
        };
        let code = error.get("code");
        let status = code.and_then(|it| it.as_u64().or_else(|| it.as_str()?.parse().ok()));
        let word = |key| label(error.get(key).and_then(Value::as_str)?);
        Some(Self {
            status: status.and_then(|it| u16::try_from(it).ok()),
            label: word("code").filter(|it| !it.bytes().all(|it| it.is_ascii_digit())).or_else(|| word("type")),
            parameter: word("param"),
        })
    }

    /// Of an answer that is an error by its status already: a body that is no JSON only leaves it without a label.
    pub(super) fn of_body(body: &[u8]) -> Self {
        let answer: Option<Value> = serde_json::from_slice(body).ok();
        answer.and_then(|it| Self::of(&it)).unwrap_or_default()
    }
}

/// A server's own word; anything that could be a sentence is none.
fn label(text: &str) -> Option<String> {
    let is_word =
        (1..=64).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_alphanumeric() || b"_.-[]".contains(&it));
    is_word.then(|| text.to_owned())
}

/// Shows nothing of what was said.
impl std::fmt::Debug for Completion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { content, refusal, calls, calls_beyond, finish } = self;
        f.debug_struct("Completion")
            .field("content_bytes", &content.len())
            .field("refusal_bytes", &refusal.len())
            .field("calls", &calls.len().saturating_add(*calls_beyond))
            .field("finish", finish)
            .finish()
    }
}

#[cfg(test)]
#[path = "completion_tests.rs"]
mod tests;
