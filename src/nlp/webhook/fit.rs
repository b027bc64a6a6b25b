//! What a foreign answer becomes, within bounds: a bot may be anybody's.

use crate::core::message::{Answer, Button, Parameters, Reply};

pub(super) const MAX_REPLIES: usize = 32;
/// Quick replies, buttons: of each at most so many.
pub(super) const MAX_ITEMS: usize = 32;
const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Names: action, intent, label.
const MAX_NAME_BYTES: usize = 1024;
pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

pub(super) fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

fn clipped(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

/// As it may be said to a customer.
pub(super) fn said(text: String) -> String {
    clipped(text, MAX_TEXT_BYTES)
}

pub(super) fn text(text: String) -> Option<Reply> {
    (!is_blank(&text)).then(|| Reply::Text(said(text)))
}

/// An address that a customer's browser may load; empty where it is none.
pub(super) fn web(uri: String) -> String {
    let plain = !uri.chars().any(|it| it.is_control() || it == ' ') && uri.len() <= MAX_TEXT_BYTES;
    if plain && (uri.starts_with("https://") || uri.starts_with("http://")) { uri } else { String::new() }
}

pub(super) fn image(uri: String, description: String) -> Option<Reply> {
    let uri = web(uri);
    (!uri.is_empty()).then(|| Reply::Image { uri, description: said(description) })
}

/// A button as people see it and what it stands for. Without words it is none.
pub(super) fn button(label: String, postback: String) -> Option<Button> {
    (!is_blank(&label)).then(|| Button { text: clipped(label, MAX_NAME_BYTES), postback: said(postback) })
}

/// Buttons that stand for what they say are quick replies, others need a card. `title` may be blank.
pub(super) fn choice(title: String, buttons: Vec<Button>) -> Option<Reply> {
    if buttons.is_empty() {
        return text(title);
    }
    let title = if is_blank(&title) { String::new() } else { said(title) };
    let plain = buttons.iter().all(|it| it.postback.is_empty() || it.postback == it.text);
    Some(if plain {
        Reply::QuickReplies { title, replies: buttons.into_iter().map(|it| it.text).collect() }
    } else {
        Reply::Card { title, subtitle: String::new(), image_uri: String::new(), buttons }
    })
}

/// What a bot wants of Usher beside what it says: the object `usher` in a message of a dialect that has no words of its own
/// for it.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wish {
    action: Option<String>,
    parameters: Option<Parameters>,
    parameters_complete: Option<bool>,
    not_understood: bool,
    end: bool,
    live_agent: bool,
    intent: Option<String>,
    confidence: Option<f32>,
}

impl Wish {
    pub(super) fn action(name: String, parameters: Parameters) -> Self {
        Self { action: Some(name), parameters: Some(parameters), ..Self::default() }
    }

    /// # Errors
    /// What two messages of one answer contradict each other in.
    pub(super) fn grant(self, answer: &mut Answer) -> Result<(), &'static str> {
        if let Some(action) = self.action.filter(|it| !it.is_empty()) {
            if !answer.action.is_empty() {
                return Err("one answer asks for two actions");
            }
            answer.action = clipped(action, MAX_NAME_BYTES);
        }
        if let Some(parameters) = self.parameters {
            answer.parameters.extend(parameters);
        }
        answer.parameters_complete &= self.parameters_complete.unwrap_or(true);
        answer.not_understood |= self.not_understood;
        answer.end_interaction |= self.end;
        answer.live_agent_handoff |= self.live_agent;
        if let Some(intent) = self.intent.filter(|it| !is_blank(it)) {
            answer.intent = Some(clipped(intent, MAX_NAME_BYTES));
        }
        if let Some(confidence) = self.confidence.filter(|it| it.is_finite()) {
            answer.confidence = Some(confidence.clamp(0.0, 1.0));
        }
        Ok(())
    }
}

/// Before anything was said in it.
pub(super) fn blank_answer() -> Answer {
    Answer { parameters_complete: true, ..Answer::default() }
}

/// Whether there is neither a word nor a wish in it.
pub(super) fn is_empty(answer: &Answer) -> bool {
    answer.replies.is_empty()
        && answer.action.is_empty()
        && !answer.not_understood
        && !answer.end_interaction
        && !answer.live_agent_handoff
}
