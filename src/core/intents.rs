//! What a language engine's agent understands and asks for, as far as it can be read: for comparing it with a profile (B3).
//!
//! `nlp` reads it by an engine's API, `app::lint` from an export, and the comparison is `app::lint`'s.

/// An agent's intents, in one language.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intents {
    /// That they were read in; BCP 47.
    pub language: String,
    /// All that the agent speaks; empty: not known.
    pub languages: Vec<String>,
    /// Whether [`Intent::phrases`] says anything: engines do not tell them of every version of an agent.
    pub phrases_known: bool,
    pub list: Vec<Intent>,
    /// What the gateway takes of an answer; what goes beyond is cut off.
    pub limits: AnswerLimits,
}

#[expect(clippy::struct_excessive_bools, reason = "flag by flag what an engine says")]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Intent {
    /// As people know it.
    pub name: String,
    /// Empty: it asks for nothing.
    pub action: String,
    pub parameters: Vec<Parameter>,
    pub events: Vec<String>,
    /// All must be active for it to match.
    pub input_contexts: Vec<String>,
    pub output_contexts: Vec<String>,
    /// How many there are in this language.
    pub phrases: usize,
    pub is_fallback: bool,
    pub switched_off: bool,
    /// A webhook answers, or may: it says more than can be read here.
    pub webhook: bool,
    pub ends: bool,
    pub hands_over: bool,
    pub messages: Vec<Message>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// `sys.date`, `product`, … without the `@`.
    pub entity: String,
    pub required: bool,
    pub is_list: bool,
    /// It has a value whatever the customer says: a constant, or a default.
    pub preset: bool,
}

/// One message of an answer, by its measures alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The channel that it is for; `None`: for every one, and the only kind that the gateway says.
    pub platform: Option<String>,
    pub kind: MessageKind,
    /// Of the longest of its texts; of a payload as JSON text.
    pub bytes: usize,
    /// Quick replies, buttons.
    pub items: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageKind {
    #[default]
    Said,
    Payload,
}

/// See `nlp`: what one answer may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerLimits {
    pub messages: usize,
    pub text_bytes: usize,
    pub items: usize,
    pub payload_bytes: usize,
}

impl Default for AnswerLimits {
    fn default() -> Self {
        Self { messages: usize::MAX, text_bytes: usize::MAX, items: usize::MAX, payload_bytes: usize::MAX }
    }
}
