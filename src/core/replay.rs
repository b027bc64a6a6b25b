//! A contact's steps as the questions that its engine was asked, and what came of each (B4): what can be asked again, and
//! compared.
//!
//! Steps tell what went out, so the engine's own words are told from ours here. What a step does not hold is not made up:
//! it is `None`, and nothing is compared with it.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::{
    action::{Request, Wanted},
    contact::{Card, Command, HandoverContext, cut, is_filled},
    handover::Cause,
    ids::{MessageId, Turn},
    message::{Answer, FailureKind, Input, MediaType, Parameters, Reply},
    profile::Destination,
    step::Step,
};

/// A contact as it was recorded.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// Empty: the profile's.
    pub language: String,
    pub media: Option<MediaType>,
    pub turns: Vec<Recording>,
}

/// One question and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    pub turn: Turn,
    /// `None`: it stands in none of the steps.
    pub input: Option<Input>,
    pub came: Came,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// Nothing that was heeded: the contact went on or ended meanwhile.
    Nothing,
    Failed {
        ms: u64,
        kind: FailureKind,
    },
    Answered {
        ms: u64,
        heard: Heard,
    },
}

/// What an answer comes to, recorded or now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heard {
    pub intent: Option<String>,
    pub not_understood: bool,
    /// As the engine names it; empty: none.
    pub action: String,
    pub does: Does,
    /// What goes along to a person, as texts; `None`: it is not recorded.
    pub slots: Option<BTreeMap<String, String>>,
    /// `None`: they were withheld, or said in part.
    pub replies: Option<Vec<Reply>>,
}

/// What the gateway makes of the action.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Does {
    #[default]
    Nothing,
    /// No such action is configured.
    Unknown,
    /// For its parameters.
    Waits,
    Refused {
        parameter: String,
    },
    /// `None`: nobody was there, and it is not recorded for whom it was meant.
    HandsOver(Option<Destination>),
    CallsBack {
        queue: String,
        phone: String,
    },
    Asks {
        host: String,
    },
    Shows {
        url: String,
    },
}

impl Does {
    #[must_use]
    pub fn tell(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Unknown => "nothing: no such action is configured".to_owned(),
            Self::Waits => "nothing yet: parameters are missing".to_owned(),
            Self::Refused { parameter } => format!("refused for parameter {parameter}"),
            Self::HandsOver(None) => "hands over".to_owned(),
            Self::HandsOver(Some(Destination::Queue(it))) => format!("hands over to queue {it}"),
            Self::HandsOver(Some(Destination::Target(it))) => format!("hands over to target {it}"),
            Self::CallsBack { queue, phone } => format!("books a call to {phone} by queue {queue}"),
            Self::Asks { host } => format!("asks {host}"),
            Self::Shows { url } => format!("shows {url}"),
        }
    }

    /// The same, as far as both say it.
    #[must_use]
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::HandsOver(None), Self::HandsOver(_)) | (Self::HandsOver(_), Self::HandsOver(None)) => true,
            (a, b) => a == b,
        }
    }
}

impl Heard {
    /// What an answer comes to now. `to`: where a live agent is asked for.
    #[must_use]
    pub fn now(answer: &Answer, wanted: &Wanted, to: Option<&Destination>) -> Self {
        let live_agent = answer.live_agent_handoff && answer.parameters_complete;
        let (does, slots) = match wanted {
            Wanted::Request(Request::Requeue(to)) => {
                (Does::HandsOver(Some(to.clone())), Some(texts(&answer.parameters)))
            }
            Wanted::Request(Request::Callback { queue, phone, .. }) => {
                let does = Does::CallsBack { queue: queue.to_string(), phone: phone.clone() };
                (does, Some(texts(&answer.parameters)))
            }
            Wanted::Request(Request::External { uri }) => {
                (Does::Asks { host: super::action::host_of(uri).to_owned() }, None)
            }
            Wanted::Request(Request::PushUrl(url)) => (Does::Shows { url: url.clone() }, None),
            Wanted::Refused(bad) => (Does::Refused { parameter: bad.parameter.clone() }, None),
            Wanted::Nothing | Wanted::Unknown | Wanted::Waits => match (to, wanted) {
                (Some(to), _) if live_agent => (Does::HandsOver(Some(to.clone())), Some(texts(&answer.parameters))),
                (_, Wanted::Unknown) => (Does::Unknown, None),
                (_, Wanted::Waits) => (Does::Waits, None),
                (_, _) => (Does::Nothing, None),
            },
        };
        Self {
            intent: answer.intent.clone(),
            not_understood: answer.not_understood,
            action: answer.action.clone(),
            does,
            slots,
            replies: Some(answer.replies.clone()),
        }
    }

    /// For programs.
    #[must_use]
    pub fn as_json(&self) -> Value {
        json!({
            "intent": self.intent,
            "notUnderstood": self.not_understood,
            "action": self.action,
            "does": self.does.tell(),
            "slots": self.slots,
            "texts": self.replies.as_ref().map(|it| it.iter().map(Reply::text).collect::<Vec<_>>()),
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn texts(parameters: &Parameters) -> BTreeMap<String, String> {
    parameters.iter().map(|(name, value)| (name.clone(), text(value))).collect()
}

/// Reads all steps of a contact, in order and from the first one.
#[must_use]
pub fn read(steps: impl IntoIterator<Item = Step>) -> Recorded {
    let mut reader = Reader::default();
    for step in steps {
        reader.step(step);
    }
    reader.recorded
}

#[derive(Default)]
struct Reader {
    recorded: Recorded,
    /// How many of a handover's parameters are the contact's attributes.
    attributes: usize,
    waiting: VecDeque<(MessageId, Input)>,
    /// What a text above the limit came to: told before it is asked.
    cut: Option<(usize, Cut)>,
    /// The question was interrupted by a restart, or its engine failed; what follows at once asks it again.
    again: bool,
    /// The next words are ours.
    ours: bool,
    /// The last question is not answered yet; what was said of its answer so far.
    open: Option<Vec<Reply>>,
    /// The turn whose answer's words may follow.
    speaking: Option<usize>,
    /// The turn whose answer what follows belongs to.
    acting: Option<usize>,
    /// Of the handover that is under way.
    slots: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    Split,
    Truncated,
}

impl Reader {
    fn step(&mut self, step: Step) {
        let again = std::mem::take(&mut self.again);
        match step {
            Step::Started { card } | Step::Returned { card } => self.card(&card),
            Step::Heard { id, input } => self.waiting.push_back((id, input)),
            Step::Unanswered { id, .. } => {
                self.waiting.retain(|(waiting, _)| *waiting != id);
                // Whatever is said of it is no engine's.
                self.ours = true;
            }
            Step::TextTooLong { limit, done, .. } => self.too_long(limit, &done),
            Step::Asked { turn, event, joined, .. } => self.asked(turn, event, joined, again),
            Step::Answered { turn, ms, intent, action, not_understood, .. } => {
                let replies = Some(self.open.take().unwrap_or_default());
                let heard = Heard { intent, not_understood, action, replies, ..Heard::default() };
                self.ours = false;
                self.speaking = self.came(turn, Came::Answered { ms, heard });
                self.acting = self.speaking;
            }
            Step::AskFailed { turn, ms, kind, .. } => {
                self.came(turn, Came::Failed { ms, kind });
                self.over();
            }
            Step::Slow { .. } | Step::Warned | Step::TimedOut => self.ours = true,
            Step::Sent { command, .. } => self.sent(command),
            Step::UnknownAction { .. } => self.does(Does::Unknown),
            Step::ActionWaits { .. } => self.does(Does::Waits),
            Step::ActionRefused(bad) => {
                self.does(Does::Refused { parameter: bad.parameter });
                self.withhold();
            }
            Step::HandingOver { to, cause, .. } => self.handing_over(to, &cause),
            Step::NoPerson { cause, .. } => match cause {
                Cause::Action(_) | Cause::LiveAgent => {
                    self.does(Does::HandsOver(None));
                    self.withhold();
                }
                Cause::NotUnderstood(_)
                | Cause::Failures(..)
                | Cause::Slow(_)
                | Cause::Operator(_)
                | Cause::Paused(_) => {}
            },
            Step::ExternalAsked { host, .. } => {
                self.does(Does::Asks { host });
                self.over();
            }
            Step::Recovered { what } => self.again = what == "question",
            // The next engine is asked the same.
            Step::FailedOver { .. } => self.again = true,
            // Whom it goes to may be said in between.
            Step::Moved { .. } => self.again = again,
            Step::ExternalAnswered { .. }
            | Step::ExternalFailed { .. }
            | Step::Outcome { .. }
            | Step::HandoverOutcome { .. }
            | Step::OutcomeMissing { .. }
            | Step::Ended { .. } => self.over(),
            Step::Held { .. }
            | Step::Stale { .. }
            | Step::Tokenised { .. }
            | Step::Shadowed { .. }
            | Step::Duplicate { .. }
            | Step::Busy { .. } => {}
        }
    }

    fn card(&mut self, card: &Card) {
        self.recorded.language.clone_from(&card.language);
        self.recorded.media = Some(card.media);
        self.attributes = card.attributes.len();
    }

    /// What follows is no engine's answer.
    fn over(&mut self) {
        (self.open, self.speaking, self.acting) = (None, None, None);
    }

    fn too_long(&mut self, limit: usize, done: &str) {
        match done {
            "rejected" => {
                // What is said of it is ours.
                self.over();
                self.waiting.pop_front();
            }
            "split" => self.cut = Some((limit, Cut::Split)),
            _ => self.cut = Some((limit, Cut::Truncated)),
        }
    }

    fn asked(&mut self, turn: Turn, event: Option<String>, joined: u32, again: bool) {
        self.over();
        self.ours = false;
        self.open = Some(Vec::new());
        // Nobody answered the first time, or nobody knows.
        let last = self.recorded.turns.last().filter(|it| again && it.came == Came::Nothing);
        let is_last = last.is_some_and(|it| match (&event, &it.input) {
            (Some(name), Some(Input::Event { name: last, .. })) => name == last,
            (Some(_), _) => false,
            (None, _) => true,
        });
        let input = match event {
            _ if is_last => self.recorded.turns.pop().and_then(|it| it.input),
            Some(name) => Some(self.event(name)),
            None => self.words(joined),
        };
        self.recorded.turns.push(Recording { turn, input, came: Came::Nothing });
    }

    /// The routing engine's, if one waits, or ours, whose parameters are not recorded.
    fn event(&mut self, name: String) -> Input {
        match self.waiting.front() {
            Some((_, Input::Event { name: first, .. })) if *first == name => {
                self.waiting.pop_front().map_or(Input::Redacted, |(_, input)| input)
            }
            Some(_) | None => Input::Event { name, parameters: Parameters::new() },
        }
    }

    fn words(&mut self, joined: u32) -> Option<Input> {
        let (id, mut input) = self.waiting.pop_front()?;
        for _ in 0..joined {
            match (&mut input, self.waiting.pop_front()?) {
                (Input::Text(words), (_, Input::Text(more))) => {
                    words.push(' ');
                    words.push_str(&more);
                }
                // One of them is sensitive, so all of it is.
                (_, _) => input = Input::Redacted,
            }
        }
        let Some((limit, how)) = self.cut.take() else { return Some(input) };
        // What is not known has its pieces all the same.
        let mut rest = input.clone();
        if let (Input::Text(text), Input::Text(rest)) = (&mut input, &mut rest) {
            let whole = std::mem::take(rest);
            let (kept, left) = cut(whole.trim(), limit);
            kept.clone_into(text);
            left.clone_into(rest);
        }
        if how == Cut::Split {
            self.waiting.push_front((id, rest));
        }
        Some(input)
    }

    fn came(&mut self, turn: Turn, came: Came) -> Option<usize> {
        let at = self.recorded.turns.iter().rposition(|it| it.turn == turn)?;
        self.recorded.turns.get_mut(at)?.came = came;
        Some(at)
    }

    fn heard(&mut self, at: Option<usize>) -> Option<&mut Heard> {
        match &mut self.recorded.turns.get_mut(at?)?.came {
            Came::Answered { heard, .. } => Some(heard),
            Came::Nothing | Came::Failed { .. } => None,
        }
    }

    fn does(&mut self, does: Does) {
        if let Some(heard) = self.heard(self.acting) {
            heard.does = does;
        }
    }

    /// The engine's words were not said, or not all of them.
    fn withhold(&mut self) {
        self.speaking = None;
        if let Some(heard) = self.heard(self.acting) {
            heard.replies = None;
        }
    }

    fn sent(&mut self, command: Command) {
        match command {
            Command::Say(replies) => {
                if std::mem::take(&mut self.ours) {
                    return;
                }
                let speaking = self.speaking.take();
                if let Some(said) = self.heard(speaking).and_then(|it| it.replies.as_mut()) {
                    said.extend(replies);
                } else if let Some(said) = &mut self.open {
                    said.extend(replies);
                }
            }
            Command::Requeue { context, .. } => self.slots = Some(self.slots_of(context)),
            Command::CreateCallback { queue, phone, context, .. } => {
                let slots = self.slots_of(context);
                if let Some(heard) = self.heard(self.acting) {
                    heard.does = Does::CallsBack { queue: queue.to_string(), phone };
                    heard.slots = Some(slots);
                }
                self.over();
            }
            Command::PushUrl(url) => {
                self.does(Does::Shows { url });
                self.over();
            }
            Command::EndContact { .. } => self.over(),
        }
    }

    fn slots_of(&self, context: HandoverContext) -> BTreeMap<String, String> {
        context.parameters.into_iter().skip(self.attributes).collect()
    }

    fn handing_over(&mut self, to: Destination, cause: &Cause) {
        let slots = self.slots.take();
        match cause {
            Cause::Action(_) | Cause::LiveAgent => {
                if let Some(heard) = self.heard(self.acting) {
                    heard.does = Does::HandsOver(Some(to));
                    heard.slots = slots;
                }
            }
            // Our own words went out in their place.
            Cause::NotUnderstood(_) | Cause::Failures(..) => self.withhold(),
            // No engine's doing.
            Cause::Slow(_) | Cause::Operator(_) | Cause::Paused(_) => {}
        }
        self.over();
    }
}

/// In what two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// Another name, or it comes to something else.
    Action,
    /// What goes along.
    Slots,
    Intent,
    Understanding,
    Texts,
}

impl Difference {
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Action => "action",
            Self::Slots => "slots",
            Self::Intent => "intent",
            Self::Understanding => "understanding",
            Self::Texts => "texts",
        }
    }
}

/// Adds what an answer has filled in to what earlier ones have: of a contact that may have several engines all of it goes
/// along to a person.
pub fn gather(gathered: &mut BTreeMap<String, String>, parameters: &Parameters) {
    let filled = parameters.iter().filter(|(_, value)| is_filled(value));
    gathered.extend(filled.map(|(name, value)| (name.clone(), text(value))));
}

/// In what a recorded answer and one of now differ, as far as both are known. `gathered`: what was [`gather`]ed until now.
#[must_use]
pub fn differences(recorded: &Heard, now: &Heard, gathered: &BTreeMap<String, String>) -> Vec<Difference> {
    let slots = match (&recorded.slots, &now.slots) {
        (Some(then), Some(now)) => !same_slots(then, now, gathered),
        (Some(_) | None, None) | (None, Some(_)) => false,
    };
    let texts = recorded.replies.is_some() && now.replies.is_some() && recorded.replies != now.replies;
    [
        (Difference::Action, recorded.action != now.action || !recorded.does.is_like(&now.does)),
        (Difference::Slots, slots),
        (Difference::Intent, recorded.intent != now.intent),
        (Difference::Understanding, recorded.not_understood != now.not_understood),
        (Difference::Texts, texts),
    ]
    .into_iter()
    .filter_map(|(what, differs)| differs.then_some(what))
    .collect()
}

fn same_slots(
    then: &BTreeMap<String, String>,
    now: &BTreeMap<String, String>,
    gathered: &BTreeMap<String, String>,
) -> bool {
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_plain| Value::from(text));
    let same = |(name, old): (&String, &String)| {
        let new = now.get(name).or_else(|| gathered.get(name));
        new.is_some_and(|new| same_value(&value(old), &value(new)))
    };
    now.keys().all(|name| then.contains_key(name)) && then.iter().all(same)
}

/// "Tomorrow" is another day each day: any two moments are the same.
pub(super) fn same_value(then: &Value, now: &Value) -> bool {
    match (then, now) {
        (Value::String(then), Value::String(now)) => then == now || is_moment(then) && is_moment(now),
        (Value::Array(then), Value::Array(now)) => {
            then.len() == now.len() && then.iter().zip(now).all(|(then, now)| same_value(then, now))
        }
        (Value::Object(then), Value::Object(now)) => {
            then.len() == now.len()
                && then.iter().all(|(name, old)| now.get(name).is_some_and(|new| same_value(old, new)))
        }
        (_, _) => then == now,
    }
}

/// `2026-09-20T12:00:00+02:00`, `2026-09-20`.
fn is_moment(text: &str) -> bool {
    let date = text.get(..10).is_some_and(|it| it.parse::<jiff::civil::Date>().is_ok());
    date && text.get(10..).is_some_and(|it| it.is_empty() || it.starts_with(['T', ' ']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(of: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
        Some(of.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn b4_moments_differ_from_day_to_day_and_count_as_the_same() {
        let of = |value: &str| Heard { slots: slots(&[("when", value)]), ..Heard::default() };
        let same = |then: &str, now: &str| differences(&of(then), &of(now), &BTreeMap::new()).is_empty();
        assert!(same("2026-09-20T12:00:00+02:00", "2027-01-01T10:00:00+01:00"));
        assert!(same("2026-09-20", "2026-09-21"));
        let range = |day: &str| format!("{{\"startDate\":\"{day}\",\"endDate\":\"{day}\"}}");
        assert!(same(&range("2026-09-20"), &range("2026-09-28")));
        assert!(!same("2026-09-20", "tomorrow") && !same("5", "6") && !same("2026-09-20x", "2026-09-21x"));
        let fewer = Heard { slots: slots(&[]), ..Heard::default() };
        assert_eq!(differences(&of("5"), &fewer, &BTreeMap::new()), [Difference::Slots]);
        assert_eq!(differences(&of("5"), &Heard::default(), &BTreeMap::new()), [], "what is not known is not compared");
        // What an earlier answer had filled in goes along, too, where a profile has several engines.
        let mut gathered = BTreeMap::new();
        let found = serde_json::json!({"when": 5, "empty": "", "none": null});
        gather(&mut gathered, found.as_object().unwrap());
        assert_eq!(gathered.len(), 1);
        assert_eq!(differences(&of("5"), &fewer, &gathered), []);
        assert_eq!(differences(&fewer, &of("5"), &gathered), [Difference::Slots]);
    }

    #[test]
    fn b4_each_difference_is_named() {
        let then = Heard {
            intent: Some("human".into()),
            action: "human".into(),
            does: Does::HandsOver(None),
            replies: Some(vec![Reply::Text("One moment.".into())]),
            ..Heard::default()
        };
        let queue = super::super::ids::QueueId::new("people").unwrap();
        let now = Heard { does: Does::HandsOver(Some(Destination::Queue(queue))), ..then.clone() };
        assert_eq!(differences(&then, &now, &BTreeMap::new()), []);
        let now = Heard { does: Does::Unknown, ..now };
        assert_eq!(differences(&then, &now, &BTreeMap::new()), [Difference::Action]);
        let now = Heard { intent: None, not_understood: true, action: String::new(), replies: None, ..now };
        assert_eq!(
            differences(&then, &now, &BTreeMap::new()),
            [Difference::Action, Difference::Intent, Difference::Understanding]
        );
        let now = Heard { replies: Some(Vec::new()), ..then.clone() };
        assert_eq!(differences(&then, &now, &BTreeMap::new()), [Difference::Texts]);
    }
}
