//! Rehearsals: conversations with a profile that no customer has. What is put in, what came of it, what was expected of it, and
//! where the two differ. `file` is how tests are written down.

mod file;

use serde_json::Value;

use super::{
    contact::Command,
    message::{Input, MediaType, Parameters},
    profile::Destination,
    replay::{Does, same_value},
    step::Step,
};

pub use file::{BadFile, MAX_FILE_BYTES, bad_name, read, write};

/// Steps of one test, and cues of one rehearsal.
pub const MAX_CUES: usize = 100;
/// Of what is said, and of every other text in a cue.
pub const MAX_TEXT_BYTES: usize = 8 * 1024;
/// Characters of each side of a difference.
const MAX_SHOWN: usize = 1000;
/// Of a test's name.
pub const MAX_NAME_CHARACTERS: usize = 80;

/// What is put in: by the customer, or in place of what is not there.
#[derive(Clone, Debug, PartialEq)]
pub enum Cue {
    /// The conversation begins, by the profile's welcome event if it names one.
    Begin,
    Say(String),
    Keys(String),
    Event {
        name: String,
        parameters: Parameters,
    },
    Form(Parameters),
    /// The customer says nothing until something is due: a warning, the end, an outcome that is overdue.
    Silence,
    /// What came of what the conversation waits for: nobody carries it out.
    Outcome {
        outcome: Feigned,
        /// Why, or what an external system says.
        text: String,
    },
}

/// An outcome that is made up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feigned {
    /// A person takes the contact.
    Accepted,
    /// Nobody takes it within the time.
    Expired,
    /// The person gives it back.
    Returned,
    Done,
    Failed,
}

impl Feigned {
    pub const ALL: [Self; 5] = [Self::Accepted, Self::Expired, Self::Returned, Self::Done, Self::Failed];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Expired => "expired",
            Self::Returned => "returned",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// What a rehearsal's conversation waits for, where somebody else's word is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaits {
    /// That a person takes it.
    Person,
    /// That the person gives it back.
    Return,
    Callback,
    Push,
    External,
}

impl Awaits {
    /// What can come of it.
    #[must_use]
    pub const fn outcomes(self) -> &'static [Feigned] {
        match self {
            Self::Person => &[Feigned::Accepted, Feigned::Failed, Feigned::Expired],
            Self::Return => &[Feigned::Returned],
            Self::Callback | Self::Push | Self::External => &[Feigned::Done, Feigned::Failed],
        }
    }
}

/// Which queues a rehearsal finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Queues {
    /// Each that the profile names is open.
    #[default]
    Open,
    /// Each is closed.
    Closed,
    /// As the routing engine tells them now.
    Now,
}

impl Queues {
    pub const ALL: [Self; 3] = [Self::Open, Self::Closed, Self::Now];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Now => "now",
        }
    }

    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.label() == label)
    }
}

/// As a media type is written in files.
#[must_use]
pub const fn media_label(media: MediaType) -> &'static str {
    match media {
        MediaType::OpenMedia => "openmedia",
        MediaType::WebInteraction => "webinteraction",
        MediaType::Speech => "speech",
    }
}

pub const MEDIA: [MediaType; 3] = [MediaType::WebInteraction, MediaType::OpenMedia, MediaType::Speech];

#[must_use]
pub fn media_of(label: &str) -> Option<MediaType> {
    MEDIA.into_iter().find(|it| media_label(*it) == label)
}

/// How the customer appears, and what is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Setting {
    pub media: MediaType,
    /// BCP 47; `None`: the profile's.
    pub language: Option<String>,
    pub queues: Queues,
}

/// A conversation that a profile is tested with.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    pub name: String,
    pub setting: Setting,
    pub steps: Vec<TestStep>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TestStep {
    pub cue: Cue,
    pub expected: Found,
    pub checks: Checks,
}

/// What came of a cue, as far as it is compared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    pub intent: Option<String>,
    /// As the engine names it; empty: none.
    pub action: String,
    /// What would be carried out, in words; expected empty: whatever it is.
    pub does: String,
    pub parameters: Parameters,
    /// What the customer sees.
    pub texts: Vec<String>,
    /// The engine did not answer: why not, in a word.
    pub failure: Option<String>,
}

/// Which of a step's expectations count.
#[expect(clippy::struct_excessive_bools, reason = "switch by switch what somebody chooses")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checks {
    pub action: bool,
    pub parameters: bool,
    pub intent: bool,
    pub texts: bool,
}

impl Default for Checks {
    /// Words change with every edit of an agent, and by chance with some.
    fn default() -> Self {
        Self { action: true, parameters: true, intent: true, texts: false }
    }
}

/// In what an expectation and what came differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aspect {
    /// The engine answered, or did not.
    Answer,
    Action,
    Parameter,
    Intent,
    Texts,
}

impl Aspect {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Action => "action",
            Self::Parameter => "parameter",
            Self::Intent => "intent",
            Self::Texts => "texts",
        }
    }
}

/// One difference, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    pub aspect: Aspect,
    /// Of a parameter.
    pub name: String,
    pub expected: String,
    pub now: String,
}

/// Where the two differ, in what counts. That there is an answer at all always counts.
#[must_use]
pub fn differences(expected: &Found, now: &Found, checks: Checks) -> Vec<Difference> {
    let mut list = Vec::new();
    let mut differ = |aspect, name: &str, expected: String, now: String| {
        list.push(Difference { aspect, name: name.to_owned(), expected: shown(&expected), now: shown(&now) });
    };
    let none = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    if expected.failure != now.failure {
        let answer =
            |it: &Found| it.failure.as_ref().map_or_else(|| "an answer".to_owned(), |it| format!("no answer ({it})"));
        differ(Aspect::Answer, "", answer(expected), answer(now));
        // What else differs follows from that.
        if now.failure.is_some() {
            return list;
        }
    }
    if checks.action && (expected.action != now.action || !expected.does.is_empty() && expected.does != now.does) {
        differ(Aspect::Action, "", action(expected), action(now));
    }
    if checks.parameters {
        let names: std::collections::BTreeSet<&String> =
            expected.parameters.keys().chain(now.parameters.keys()).collect();
        for name in names {
            match (expected.parameters.get(name), now.parameters.get(name)) {
                (Some(then), Some(now)) if same_value(then, now) => {}
                (then, now) => differ(Aspect::Parameter, name, value(then), value(now)),
            }
        }
    }
    if checks.intent && expected.intent != now.intent {
        differ(Aspect::Intent, "", none(&expected.intent), none(&now.intent));
    }
    if checks.texts && expected.texts != now.texts {
        differ(Aspect::Texts, "", expected.texts.join("\n"), now.texts.join("\n"));
    }
    list
}

/// What is longer is not read.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MAX_SHOWN) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

fn action(of: &Found) -> String {
    let name = if of.action.is_empty() { "none" } else { &of.action };
    if of.does.is_empty() { name.to_owned() } else { format!("{name}: {}", of.does) }
}

fn value(of: Option<&Value>) -> String {
    of.map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// What a transition's steps would lead to, each in words; without what is said.
#[must_use]
pub fn does(steps: &[Step]) -> Vec<String> {
    steps.iter().filter_map(consequence).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "most steps lead to nothing that others would carry out")]
fn consequence(step: &Step) -> Option<String> {
    let does = match step {
        Step::Sent { command, .. } => match command {
            Command::Say(_) => return None,
            Command::Requeue { to, .. } => Does::HandsOver(Some(to.clone())),
            Command::CreateCallback { queue, phone, .. } => {
                Does::CallsBack { queue: queue.to_string(), phone: phone.clone() }
            }
            Command::PushUrl(url) => Does::Shows { url: url.clone() },
            Command::EndContact { .. } => return Some("ends the contact".to_owned()),
        },
        Step::ExternalAsked { host, .. } => Does::Asks { host: host.clone() },
        Step::UnknownAction { .. } => Does::Unknown,
        Step::ActionWaits { .. } => Does::Waits,
        Step::ActionRefused(bad) => Does::Refused { parameter: bad.parameter.clone() },
        Step::NoPerson { why, .. } => return Some(format!("no person can be promised: {why}")),
        _ => return None,
    };
    Some(does.tell())
}

/// Where the rules may send a contact.
pub fn destinations(rules: &super::profile::Rules) -> impl Iterator<Item = (Destination, Option<MediaType>)> {
    use super::action::ActionKind;
    let of_action = |rule: &super::action::ActionRule| match &rule.kind {
        ActionKind::Requeue { queue } | ActionKind::Callback { queue, .. } => {
            Some((Destination::Queue(queue.clone()), Some(rule.media)))
        }
        ActionKind::SpeechRequeue { target } => Some((Destination::Target(target.clone()), Some(rule.media))),
        ActionKind::External { .. } | ActionKind::PushUrl { .. } => None,
    };
    rules.actions.iter().filter_map(of_action).chain(rules.handover.to.iter().map(|it| (it.clone(), None)))
}

impl Cue {
    /// What a language engine is asked, if it is the customer's.
    #[must_use]
    pub fn input(&self) -> Option<Input> {
        match self {
            Self::Say(text) => Some(Input::Text(text.clone())),
            Self::Keys(keys) => Some(Input::Dtmf(keys.clone())),
            Self::Event { name, parameters } => {
                Some(Input::Event { name: name.clone(), parameters: parameters.clone() })
            }
            Self::Form(fields) => Some(Input::Structured(fields.clone())),
            Self::Begin | Self::Silence | Self::Outcome { .. } => None,
        }
    }

    /// The same as it is after its private parts became tokens.
    #[must_use]
    pub fn of_input(input: Input) -> Self {
        match input {
            Input::Text(text) => Self::Say(text),
            Input::Dtmf(keys) => Self::Keys(keys),
            Input::Event { name, parameters } => Self::Event { name, parameters },
            Input::Structured(fields) => Self::Form(fields),
            Input::Redacted => Self::Say(String::new()),
        }
    }

    /// # Errors
    /// What is wrong with it; goes on from "it".
    pub fn check(&self) -> Result<(), &'static str> {
        let bounded = |bytes: usize| if bytes > MAX_TEXT_BYTES { Err("is longer than 8 KiB") } else { Ok(()) };
        let size = |parameters: &Parameters| Value::Object(parameters.clone()).to_string().len();
        match self {
            Self::Begin | Self::Silence => Ok(()),
            Self::Say(text) if text.trim().is_empty() => Err("is empty"),
            Self::Say(text) | Self::Outcome { text, .. } => bounded(text.len()),
            Self::Keys(keys) if keys.is_empty() => Err("is empty"),
            Self::Keys(keys) if !keys.chars().all(|it| it.is_ascii_digit() || matches!(it, '*' | '#')) => {
                Err("has other keys than 0 to 9, * and #")
            }
            Self::Keys(keys) => bounded(keys.len()),
            Self::Event { name, .. } if name.trim().is_empty() => Err("has no name"),
            Self::Event { name, parameters } => bounded(name.len() + size(parameters)),
            Self::Form(fields) => bounded(size(fields)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn found(action: &str, parameters: &Value) -> Found {
        Found {
            intent: Some("order".to_owned()),
            action: action.to_owned(),
            does: "nothing".to_owned(),
            parameters: parameters.as_object().unwrap().clone(),
            texts: vec!["It is on its way.".to_owned()],
            failure: None,
        }
    }

    fn aspects(expected: &Found, now: &Found, checks: Checks) -> Vec<(Aspect, String)> {
        differences(expected, now, checks).into_iter().map(|it| (it.aspect, it.name)).collect()
    }

    #[test]
    fn b4_what_counts_is_compared_and_nothing_else() {
        let then = found("status", &json!({"number": 4711, "day": "2026-09-20"}));
        let mut now = found("status", &json!({"number": 4712, "day": "2026-11-28", "more": ""}));
        now.texts = vec!["Soon.".to_owned()];
        let named = |name: &str| (Aspect::Parameter, name.to_owned());
        assert_eq!(aspects(&then, &now, Checks::default()), [named("more"), named("number")], "any day is any day");
        let all = Checks { texts: true, ..Checks::default() };
        assert_eq!(aspects(&then, &now, all).len(), 3);
        let none = Checks { action: false, parameters: false, intent: false, texts: false };
        now.action = "other".to_owned();
        now.intent = None;
        assert_eq!(aspects(&then, &now, none), []);
        let of = |list: Vec<Difference>| list.into_iter().map(|it| (it.expected, it.now)).next().unwrap();
        let only = Checks { action: true, ..none };
        assert_eq!(
            of(differences(&then, &now, only)),
            ("status: nothing".to_owned(), "other: nothing".to_owned()),
            "with what comes of it"
        );
        let elsewhere = Found { does: "hands over to queue vip".to_owned(), ..then.clone() };
        assert_eq!(aspects(&then, &elsewhere, only).len(), 1, "the same name that leads elsewhere");
        // An answer that is not there counts whatever is switched off.
        let failed = Found { failure: Some("deadline".to_owned()), ..Found::default() };
        assert_eq!(aspects(&then, &failed, none), [(Aspect::Answer, String::new())]);
        assert_eq!(aspects(&failed, &failed, all), []);
    }

    #[test]
    fn b4_a_cue_is_looked_at_before_it_is_put_in() {
        let keys = |text: &str| Cue::Keys(text.to_owned()).check();
        assert_eq!(
            (keys("12#*"), keys("12a"), keys("").is_err()),
            (Ok(()), Err("has other keys than 0 to 9, * and #"), true)
        );
        assert!(Cue::Say(" ".to_owned()).check().is_err());
        assert!(Cue::Say("x".repeat(MAX_TEXT_BYTES)).check().is_ok());
        assert!(Cue::Say("x".repeat(MAX_TEXT_BYTES + 1)).check().is_err());
        assert!(Cue::Event { name: String::new(), parameters: Parameters::new() }.check().is_err());
    }
}
