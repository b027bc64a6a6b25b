//! One turn of a trial as it is read: what was put in, what the customer sees, what would be carried out, and why.

use maud::{Markup, html};

use crate::{
    core::{
        action::host_of,
        contact::Command,
        message::{Answer, Button, Parameters, Reply},
        profile::Destination,
        rehearsal::{Cue, Feigned},
        step::Step,
    },
    gateway::rehearsal::{Exchange, Failure, Scene},
    manager::words::Words,
};

/// The form by which the customer says something.
pub(super) const SAY: &str = "say";
/// Its field for a reply that was offered.
pub(super) const PICK: &str = "pick";
/// Of one text on the page.
const MAX_SHOWN: usize = 64 * 1024;

/// What was put in, in words.
pub(super) fn cue(w: &Words, cue: &Cue) -> String {
    match cue {
        Cue::Begin => w.t("The conversation begins").to_owned(),
        Cue::Say(text) => text.clone(),
        Cue::Keys(keys) => w.f("Keys {}", &[keys]),
        Cue::Event { name, parameters } if parameters.is_empty() => w.f("Event {}", &[name]),
        Cue::Event { name, parameters } => w.f("Event {} with {}", &[name, &json(parameters)]),
        Cue::Form(fields) => w.f("Form {}", &[&json(fields)]),
        Cue::Silence => w.t("The customer stays silent").to_owned(),
        Cue::Outcome { outcome: it, text } if text.is_empty() => outcome(w, *it).to_owned(),
        Cue::Outcome { outcome: it, text } => format!("{}: {text}", outcome(w, *it)),
    }
}

pub(super) fn outcome(w: &Words, outcome: Feigned) -> &str {
    match outcome {
        Feigned::Accepted => w.t("A person takes the contact"),
        Feigned::Expired => w.t("Nobody takes it in time"),
        Feigned::Returned => w.t("The person gives it back"),
        Feigned::Done => w.t("It is done"),
        Feigned::Failed => w.t("It fails"),
    }
}

fn json(parameters: &Parameters) -> String {
    serde_json::Value::Object(parameters.clone()).to_string()
}

/// What is longer is told to be.
fn bounded(w: &Words, text: &str) -> String {
    let cut = text.char_indices().map(|(at, _)| at).find(|at| *at >= MAX_SHOWN);
    match cut {
        Some(at) => format!("{}\n{}", text.get(..at).unwrap_or_default(), w.t("(the rest is not shown)")),
        None => text.to_owned(),
    }
}

pub(super) fn turn(w: &Words, scene: &Scene, (number, is_over): (usize, bool)) -> Markup {
    let is_said = matches!(scene.cue, Cue::Say(_) | Cue::Keys(_));
    let would = consequences(w, &scene.steps);
    html! {
        div class="turn" id={ "turn-" (number) } {
            p class=(if is_said { "customer" } else { "given" }) { (cue(w, &scene.cue)) }
            @for it in &scene.said { (reply(w, it, is_over)) }
            @if !would.is_empty() { ul class="would" { @for it in &would { li { (it) } } } }
            @for it in &scene.exchanges {
                @if let Err(Failure { kind, advice }) = &it.answer {
                    p class="problem" { (w.f("The engine did not answer ({}): {}", &[&kind.label(), &w.said(advice)])) }
                }
            }
            @if !scene.exchanges.is_empty() || !scene.steps.is_empty() {
                details {
                    summary { (w.t("Why")) " · " (brief(w, scene)) }
                    @for it in &scene.exchanges { (exchange(w, it)) }
                    (latency(w, scene))
                    @if !scene.steps.is_empty() {
                        p class="part" { (w.t("Steps, as a timeline would tell them")) }
                        ul class="steps" { @for it in &scene.steps { li { (it.tell_in(w)) } } }
                    }
                }
            }
        }
    }
}

/// `order.status · 0.93 · 120 ms`
fn brief(w: &Words, scene: &Scene) -> String {
    let mut parts = Vec::new();
    if let Some(Ok(answer)) = scene.exchanges.first().map(|it| &it.answer) {
        parts.push(answer.intent.clone().unwrap_or_else(|| w.t("no intent").to_owned()));
        parts.extend(answer.confidence.map(|it| w.decimal(it.into(), 2)));
        if answer.not_understood {
            parts.push(w.t("not understood").to_owned());
        }
        if !answer.action.is_empty() {
            parts.push(answer.action.clone());
        }
    }
    parts.push(ms(w, scene.took));
    parts.join(" · ")
}

fn ms(w: &Words, took: std::time::Duration) -> String {
    format!("{} ms", w.decimal(took.as_secs_f64() * 1000.0, 1))
}

fn exchange(w: &Words, of: &Exchange) -> Markup {
    html! {
        @if let Some(event) = &of.event {
            p class="part" { @if of.told { (w.f("The engine is told of the event {}", &[event])) } @else { (w.f("The engine is asked by the event {}", &[event])) } }
        }
        @if let Ok(answer) = &of.answer { (facts(w, answer)) }
        @if let Some(raw) = &of.raw {
            details { summary { (w.t("Raw answer")) } pre tabindex="0" { (raw) } }
        }
    }
}

fn facts(w: &Words, answer: &Answer) -> Markup {
    let none = w.t("none");
    let rows: Vec<(&str, String)> = [
        Some((w.t("Intent"), answer.intent.clone().unwrap_or_else(|| none.to_owned()))),
        answer.confidence.map(|it| (w.t("Confidence"), format!("{it:.2}"))),
        answer.sentiment.map(|it| (w.t("Sentiment"), format!("{it:.2}"))),
        Some((w.t("Action"), if answer.action.is_empty() { none.to_owned() } else { answer.action.clone() })),
        (!answer.parameters_complete).then(|| (w.t("Parameters complete"), w.t("no: no action fires").to_owned())),
        (!answer.contexts.is_empty()).then(|| (w.t("Contexts"), answer.contexts.join(" "))),
        answer.not_understood.then(|| (w.t("Understood"), w.t("no").to_owned())),
        answer.end_interaction.then(|| (w.t("Ends the conversation"), w.t("yes").to_owned())),
        answer.live_agent_handoff.then(|| (w.t("Asks for a person"), w.t("yes").to_owned())),
        answer.webhook_failure.as_ref().map(|it| (w.t("Its webhook failed"), it.clone())),
    ]
    .into_iter()
    .flatten()
    .collect();
    html! {
        dl class="pairs" {
            @for (name, value) in &rows { dt { (name) } dd { (value) } }
            @for (name, value) in &answer.parameters { dt { span class="code" { (name) } } dd { span class="code" { (value) } } }
        }
    }
}

fn latency(w: &Words, scene: &Scene) -> Markup {
    let asked = scene.asked_for();
    html! {
        p class="part" { (w.t("Time")) }
        dl class="pairs" {
            @for it in &scene.exchanges {
                dt { (w.t("Language engine")) }
                dd { (ms(w, it.took))
                    @if let Some(waited) = it.waited.filter(|it| it.as_millis() > 0) { ", " (w.f("of which it waited for its turn within the quota: {}", &[&ms(w, waited)])) }
                    @if let Some(first) = it.first_part { " (" (w.f("first part after {}", &[&ms(w, first)])) ")" } }
            }
            dt { (w.t("Usher")) } dd { (ms(w, scene.took.saturating_sub(asked))) }
            dt { (w.t("All of it")) } dd { (ms(w, scene.took)) }
        }
    }
}

fn reply(w: &Words, reply: &Reply, is_over: bool) -> Markup {
    let shown = |text: &str| bounded(w, text);
    html! {
        div class="bot" {
            @match reply {
                Reply::Text(text) => p { (shown(text)) },
                Reply::QuickReplies { title, replies } => {
                    @if !title.is_empty() { p { (shown(title)) } }
                    ul class="chips" { @for it in replies { li { (pick(it, it, is_over)) } } }
                },
                Reply::Card { title, subtitle, image_uri, buttons } => {
                    p { b { (shown(title)) } }
                    @if !subtitle.is_empty() { p { (shown(subtitle)) } }
                    @if !image_uri.is_empty() { p class="hint" { (w.f("Picture: {}", &[image_uri])) } }
                    @if !buttons.is_empty() { ul class="chips" { @for Button { text, postback } in buttons {
                        @let said = if postback.is_empty() { text } else { postback };
                        li { (pick(said, if text.is_empty() { postback } else { text }, is_over)) }
                    } } }
                },
                Reply::Image { uri, description } => {
                    @if !description.is_empty() { p { (shown(description)) } }
                    p class="hint" { (w.f("Picture: {}", &[uri])) }
                },
                Reply::Payload(payload) => pre { (shown(&json(payload))) },
            }
        }
    }
}

/// Said by a click, as long as anything can be said. A page of the web is looked at, not said.
fn pick(said: &str, label: &str, is_over: bool) -> Markup {
    let is_page = said.starts_with("https://") || said.starts_with("http://");
    html! {
        @if is_over || is_page { span title=[is_page.then_some(said)] { (label) } }
        @else { button type="submit" form=(SAY) name=(PICK) value=(said) title=[(said != label).then_some(said)] { (label) } }
    }
}

fn place(w: &Words, to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => w.f("queue {}", &[queue]),
        Destination::Target(target) => w.f("target {}", &[target]),
    }
}

/// What others would carry out, and what keeps an action from firing.
#[expect(clippy::wildcard_enum_match_arm, reason = "most steps lead to nothing that others would carry out")]
fn consequences(w: &Words, steps: &[Step]) -> Vec<String> {
    let of = |step: &Step| {
        Some(match step {
            Step::Sent { command: Command::Requeue { to, reason, .. }, .. } => {
                w.f("would hand over to {}: {}", &[&place(w, to), reason])
            }
            Step::Sent { command: Command::CreateCallback { queue, phone, at, .. }, .. } => {
                let at = jiff::Timestamp::from_millisecond(at.0).map(|it| it.to_string()).unwrap_or_default();
                w.f("would book a callback to {} at {} by queue {}", &[phone, &at, queue])
            }
            Step::Sent { command: Command::PushUrl(url), .. } => w.f("would push the page {}", &[url]),
            Step::Sent { command: Command::EndContact { reason, .. }, .. } => {
                w.f("would end the contact: {}", &[reason])
            }
            Step::ExternalAsked { host, .. } => w.f("would ask the external system at {}", &[&host_of(host)]),
            Step::UnknownAction { name } => {
                w.f("the action {} would not fire: none of this name is configured for this kind of contact", &[name])
            }
            Step::ActionWaits { name } => w.f("the action {} waits for its parameters", &[name]),
            Step::ActionRefused(bad) => {
                w.f("the action would be refused: parameter {} {}", &[&bad.parameter, &bad.problem])
            }
            Step::NoPerson { why, .. } => w.f("no person could be promised: {}", &[&why.tell_in(w)]),
            Step::TextTooLong { characters, limit, done } => {
                w.f("the text has {} characters, the engine takes {}: {}", &[characters, limit, done])
            }
            Step::Slow { ms, .. } => w.f("the engine was slow: the customer was told after {} ms", &[ms]),
            _ => return None,
        })
    };
    steps.iter().filter_map(of).collect()
}
