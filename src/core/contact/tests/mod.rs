//! The contact state machine at simulated time: scripts of events, and the effects that each must have, in order.
//!
//! Effects are compared as one line each (see [`show`]). Whatever a script shows, every step of it is also kept and read
//! back (see [`saved`]).

mod actions;
mod model;
mod pains;
mod people;
mod quiet;
mod saved;
mod turns;
mod world;

use std::time::Duration;

use saved::Tape;
use serde_json::json;

use super::*;
use crate::core::{
    action::{ActionKind, ActionRule},
    directory::Queue,
    ids::SpeechTargetId,
    profile::{Events, Handover, Inactivity, Limits, LongText, OnUncertain, TextLimit},
};

/// 20 November 2026, 10:00 UTC: where every script begins.
const T0: i64 = 1_795_168_800_000;
const TIMEOUT_MS: i64 = 180_000;

const FALLBACK: &str = "Something went wrong.";
const GOODBYE: &str = "Goodbye.";
const NOBODY: &str = "Nobody is free.";

/// Milliseconds after [`T0`], what happens, and what it leads to.
type Row<'a> = (i64, Event, &'a [&'a str]);

/// A contact, the rules it follows, and all that came of it.
struct Talk {
    rules: Rules,
    directory: Directory,
    contact: Contact,
    steps: Vec<Step>,
    tape: Tape,
}

/// Runs a script on a fresh contact of the media type OpenMedia that waits for its customer.
#[track_caller]
fn check(rules: Rules, rows: &[Row<'_>]) -> Talk {
    let mut talk = Talk::start(rules, MediaType::OpenMedia, &[]);
    talk.check(rows);
    talk
}

impl Talk {
    #[track_caller]
    fn start(rules: Rules, media: MediaType, effects: &[&str]) -> Self {
        Self::begin(rules, card(media), false, effects)
    }

    #[track_caller]
    fn begin(rules: Rules, card: Card, returned: bool, effects: &[&str]) -> Self {
        let directory = directory();
        let mut out = Out::default();
        let cx = Context { rules: &rules, directory: &directory, now: Timestamp(T0) };
        let contact = Contact::start(card, returned, cx, &mut out);
        assert_eq!(shown(&out.effects), effects, "at the start");
        let tape = Tape::begin(&contact, &out.steps, Timestamp(T0));
        Self { rules, directory, contact, steps: out.steps, tape }
    }

    #[track_caller]
    fn check(&mut self, rows: &[Row<'_>]) {
        for (row, (at, event, effects)) in rows.iter().enumerate() {
            let done = self.on(*at, event.clone());
            assert_eq!(shown(&done), *effects, "row {row}, at {at} ms: {event:?}");
        }
    }

    #[track_caller]
    fn on(&mut self, at: i64, event: Event) -> Vec<Effect> {
        let mut out = Out::default();
        let cx = Context { rules: &self.rules, directory: &self.directory, now: Timestamp(T0 + at) };
        self.contact.on_event(event.clone(), cx, &mut out);
        self.tape.keep(&self.contact, event, &out.steps, cx);
        self.tape.check(&self.contact, &self.rules, &self.directory);
        self.steps.extend(out.steps);
        out.effects
    }

    /// Milliseconds after [`T0`].
    fn due(&self) -> Option<i64> {
        self.contact.due(&self.rules).map(|at| at.0 - T0)
    }

    /// Why each message that has no answer has none, in order.
    fn unanswered(&self) -> Vec<(&str, &str)> {
        let mut found = Vec::new();
        for step in &self.steps {
            if let Step::Unanswered { id, why } = step {
                found.push((id.as_str(), why.as_str()));
            }
        }
        found
    }

    fn stale(&self) -> usize {
        self.steps.iter().filter(|step| matches!(step, Step::Stale { .. })).count()
    }

    /// The context of the last requeue or callback.
    fn context(&self) -> &HandoverContext {
        for step in self.steps.iter().rev() {
            if let Step::Sent {
                command: Command::Requeue { context, .. } | Command::CreateCallback { context, .. },
                ..
            } = step
            {
                return context;
            }
        }
        panic!("neither a requeue nor a callback was sent")
    }
}

// ---------------------------------------------------------------- what happens

fn said(id: &str, text: &str) -> Event {
    heard(id, Input::Text(text.to_owned()))
}

fn heard(id: &str, input: Input) -> Event {
    Event::Message { id: MessageId::new(id).unwrap(), input, sensitive: false }
}

fn whispered(id: &str, input: Input) -> Event {
    Event::Message { id: MessageId::new(id).unwrap(), input, sensitive: true }
}

fn answered(turn: u32, epoch: u32, answer: Answer) -> Event {
    Event::Answered { turn: Turn(turn), epoch: Epoch(epoch), answer: Box::new(answer) }
}

fn failed(turn: u32, epoch: u32, kind: FailureKind) -> Event {
    Event::AskFailed { turn: Turn(turn), epoch: Epoch(epoch), kind, advice: "look at the engine".to_owned() }
}

fn external(seq: u32, content: &str) -> Event {
    Event::ExternalAnswered { seq: ActionSeq(seq), content: content.to_owned() }
}

fn external_failed(seq: u32) -> Event {
    Event::ExternalFailed { seq: ActionSeq(seq), label: "status", detail: "503".to_owned() }
}

fn outcome(seq: u32, outcome: Outcome) -> Event {
    Event::Outcome { seq: ActionSeq(seq), outcome, detail: String::new() }
}

const fn delivered(seq: u32) -> Event {
    Event::Delivered(ActionSeq(seq))
}

fn returned(from: u32) -> Event {
    Event::Returned { card: Box::new(card(MediaType::OpenMedia)), from: ActionSeq(from) }
}

fn left() -> Event {
    Event::Left { reason: "hung up".to_owned() }
}

fn says(text: &str) -> Answer {
    Answer { replies: vec![Reply::Text(text.to_owned())], parameters_complete: true, ..Answer::default() }
}

fn puzzled(text: &str) -> Answer {
    Answer { not_understood: true, ..says(text) }
}

/// `text`, and the action `name` with these parameters.
fn asks_for(name: &str, text: &str, parameters: serde_json::Value) -> Answer {
    let serde_json::Value::Object(parameters) = parameters else { panic!("{parameters} is no object") };
    Answer { action: name.to_owned(), parameters, ..says(text) }
}

// ---------------------------------------------------------------- what comes of it, one line each

fn shown(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(show).collect()
}

fn show(effect: &Effect) -> String {
    match effect {
        Effect::Ask { turn, epoch, input, payload } => {
            format!("ask {}/{} {}{}", turn.0, epoch.0, show_input(input), json_after(" with", payload))
        }
        Effect::Tell { event, payload } => format!("tell {event}{}", json_after(" with", payload)),
        Effect::Send { seq, command } => format!("{} {}", seq.0, show_command(command)),
        Effect::External { seq, uri, parameters } => {
            format!("{} external {uri}{}", seq.0, json_after("", parameters))
        }
        Effect::Typing => "typing".to_owned(),
        Effect::Busy(id) => format!("busy {id}"),
        Effect::ContactEnded(id) => format!("over {id}"),
        Effect::Close => "close".to_owned(),
    }
}

fn show_input(input: &Input) -> String {
    match input {
        Input::Text(text) => format!("'{text}'"),
        Input::Event { name, parameters } => format!("event {name}{}", json_after("", parameters)),
        Input::Structured(fields) => format!("form{}", json_after("", fields)),
        Input::Dtmf(keys) => format!("keys {keys}"),
        Input::Redacted => "not kept".to_owned(),
    }
}

fn show_command(command: &Command) -> String {
    match command {
        Command::Say(replies) => format!("say{}", show_replies(replies)),
        Command::Requeue { to: Destination::Queue(queue), reason, .. } => format!("requeue to {queue}: {reason}"),
        Command::Requeue { to: Destination::Target(target), reason, .. } => format!("requeue at {target}: {reason}"),
        Command::CreateCallback { queue, phone, at, .. } => format!("callback {queue} {phone} at {}", at.0 - T0),
        Command::PushUrl(url) => format!("push {url}"),
        Command::EndContact { reason, farewell, unless_after } => {
            let last = unless_after.as_ref().map_or("nothing", MessageId::as_str);
            format!("end {reason} after {last}{}", show_replies(farewell))
        }
    }
}

fn show_replies(replies: &[Reply]) -> String {
    replies.iter().map(|reply| format!(" '{}'", reply.text())).collect()
}

fn json_after(word: &str, parameters: &Parameters) -> String {
    if parameters.is_empty() { String::new() } else { format!("{word} {}", json!(parameters)) }
}

// ---------------------------------------------------------------- the rules and the directory of most scripts

fn queue(id: &str) -> QueueId {
    QueueId::new(id).unwrap()
}

fn to_people() -> Destination {
    Destination::Queue(queue("people"))
}

fn card(media: MediaType) -> Card {
    Card {
        agent: UserId::new("anna").unwrap(),
        media,
        queue: None,
        language: "en".to_owned(),
        customer_id: String::new(),
        customer_name: String::new(),
        customer_address: String::new(),
        attributes: Vec::new(),
        history: Vec::new(),
    }
}

/// Three minutes, a person after three inputs not understood or two failures, at most two handovers; nothing optional is on.
fn rules() -> Rules {
    Rules {
        profile: crate::core::ids::ProfileName::new("shop").unwrap(),
        unit: crate::core::ids::UnitName::new("unit").unwrap(),
        agents: Vec::new(),
        language: "en".to_owned(),
        actions: action_rules(),
        welcome_event: String::new(),
        fallback_message: FALLBACK.to_owned(),
        inactivity: Inactivity {
            timeout: Duration::from_millis(TIMEOUT_MS.unsigned_abs()),
            timeout_message: GOODBYE.to_owned(),
            warn_before: Duration::ZERO,
            warning_message: String::new(),
        },
        handover: Handover {
            to: Some(to_people()),
            not_understood_after: 3,
            failures_after: 2,
            slow_after: 0,
            slow_threshold: Duration::ZERO,
            slow_message: String::new(),
            not_understood_message: "A person understands you better.".to_owned(),
            failure_message: "We have a problem; a person helps you.".to_owned(),
            max_handovers: 2,
            max_wait: Duration::ZERO,
            unavailable_message: NOBODY.to_owned(),
        },
        events: Events::default(),
        text_limit: TextLimit { characters: 0, policy: LongText::Reject, message: "Shorter, please.".to_owned() },
        on_uncertain: OnUncertain::Retry,
        zone: jiff::tz::TimeZone::UTC,
        calling_code: "49".to_owned(),
        limits: Limits { waiting_inputs: 4, undelivered: 8, transcript_bytes: 4096 },
    }
}

fn all_events() -> Events {
    Events {
        human_returned: "human_returned".to_owned(),
        handover_accepted: "handover_accepted".to_owned(),
        handover_failed: "handover_failed".to_owned(),
        handover_expired: "handover_expired".to_owned(),
        queue_unavailable: "queue_unavailable".to_owned(),
        callback_done: "callback_done".to_owned(),
        callback_failed: "callback_failed".to_owned(),
        external_done: "external_done".to_owned(),
        external_failed: "external_failed".to_owned(),
        push_done: "push_done".to_owned(),
        push_failed: "push_failed".to_owned(),
        turn_interrupted: "turn_interrupted".to_owned(),
    }
}

fn action_rules() -> Vec<ActionRule> {
    use MediaType::{OpenMedia, Speech, WebInteraction};
    let rule = |name: &str, media, kind| ActionRule { name: name.to_owned(), media, kind };
    let to = |id: &str| ActionKind::Requeue { queue: queue(id) };
    let target = ActionKind::SpeechRequeue { target: SpeechTargetId::new("desk").unwrap() };
    let callback = ActionKind::Callback {
        queue: queue("sales"),
        phone_parameter: "phone".to_owned(),
        time_parameter: "when".to_owned(),
    };
    let external = ActionKind::External { uri_parameter: "uri".to_owned() };
    let push = ActionKind::PushUrl { url_parameter: "page".to_owned() };
    vec![
        rule("human", OpenMedia, to("people")),
        rule("human", WebInteraction, to("sales")),
        rule("human", Speech, target),
        rule("closed", OpenMedia, to("closed")),
        rule("callback", OpenMedia, callback),
        rule("look_up", OpenMedia, external),
        rule("show", WebInteraction, push),
    ]
}

fn directory() -> Directory {
    let named = |id: &str, open, wait_s| {
        let media = MediaType::OpenMedia;
        (queue(id), Queue { name: id.to_owned(), media, open, waiting: 0, expected_wait_s: wait_s })
    };
    Directory {
        queues: [named("people", true, Some(30)), named("sales", true, None), named("closed", false, None)].into(),
        users: std::collections::BTreeMap::new(),
        targets: [(SpeechTargetId::new("desk").unwrap(), "Desk".to_owned())].into(),
    }
}
