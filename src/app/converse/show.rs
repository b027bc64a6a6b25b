//! A turn in words: for a person at the terminal, and in a form that two runs of a script can be compared by.

use super::{Line, Turn};
use crate::core::{
    action::{Request, Wanted},
    message::{Answer, Button, MediaType, Parameters, Reply},
    profile::Destination,
};

impl Turn {
    /// What the bot says, and why, with measures.
    #[must_use]
    pub fn told(&self) -> String {
        let mut out = String::new();
        let ms = self.took.as_secs_f64() * 1000.0;
        match &self.answer {
            Ok(answer) => {
                for reply in answer.replies.iter().flat_map(said) {
                    put(&mut out, "bot  ", &reply);
                }
                let mut facts = vec![format!("intent {}", answer.intent.as_deref().unwrap_or("none"))];
                facts.extend(answer.confidence.map(|it| format!("confidence {it:.2}")));
                facts.extend(answer.sentiment.map(|it| format!("sentiment {it:.2}")));
                facts.push(format!("{ms:.1} ms"));
                put(&mut out, "     ", &facts.join(" · "));
                if !answer.parameters.is_empty() {
                    put(&mut out, "     ", &format!("parameters {}", listed(&answer.parameters)));
                }
                if !answer.contexts.is_empty() {
                    put(&mut out, "     ", &format!("contexts {}", answer.contexts.join(" ")));
                }
                for consequence in self.consequences(answer) {
                    put(&mut out, "  => ", &consequence);
                }
            }
            Err(error) => {
                put(&mut out, "  !! ", &format!("no answer after {ms:.0} ms ({}): {error}", error.kind.label()));
            }
        }
        out
    }

    /// The same without what differs from run to run: one block, ended by an empty line.
    #[must_use]
    pub fn comparable(&self) -> String {
        let mut out = String::new();
        match &self.line {
            Line::Words(text) => put(&mut out, "> ", text),
            Line::Event { name, parameters } if parameters.is_empty() => put(&mut out, "> !", name),
            Line::Event { name, parameters } => put(&mut out, "> !", &format!("{name} {}", json(parameters))),
        }
        match &self.answer {
            Ok(answer) => {
                put(&mut out, "intent: ", answer.intent.as_deref().unwrap_or("none"));
                if !answer.parameters.is_empty() {
                    put(&mut out, "parameters: ", &listed(&answer.parameters));
                }
                for consequence in self.consequences(answer) {
                    put(&mut out, "=> ", &consequence);
                }
                for reply in answer.replies.iter().flat_map(said) {
                    put(&mut out, "- ", &reply);
                }
            }
            Err(error) => put(&mut out, "no answer: ", error.kind.label()),
        }
        out.push('\n');
        out
    }

    pub(super) fn hands_over(&self) -> bool {
        matches!(self.wanted, Wanted::Request(Request::Requeue(_)))
            || self.answer.as_ref().is_ok_and(|it| self.live_agent(it).is_some() || self.missed(it).is_some())
    }

    /// What the gateway would do beyond saying it.
    fn consequences(&self, answer: &Answer) -> Vec<String> {
        let mut list = Vec::new();
        let name = &answer.action;
        match &self.wanted {
            Wanted::Nothing => {}
            Wanted::Unknown => list.push(match self.elsewhere {
                Some(media) => format!("action {name} would not fire: it is configured for {} only", media_name(media)),
                None => format!("action {name} would not fire: none of that name is configured"),
            }),
            Wanted::Waits => list.push(format!("action {name} waits for its parameters")),
            Wanted::Refused(bad) => {
                list.push(format!(
                    "action {name} would be refused and its words withheld: parameter {} {}",
                    bad.parameter, bad.problem
                ));
            }
            Wanted::Request(request) => list.push(format!("action {name} would fire: {}", of_request(request))),
        }
        if let Some(to) = self.live_agent(answer) {
            list.push(format!("would hand over to {}: the intent asks for a person", of_destination(to)));
        } else if let Some(to) = self.missed(answer) {
            list.push(format!(
                "would hand over to {} instead: {} in a row not understood",
                of_destination(to),
                self.misses
            ));
        } else if answer.not_understood {
            list.push("not understood".to_owned());
        }
        if let Some(failure) = &answer.webhook_failure {
            list.push(format!("its webhook failed: {failure}"));
        }
        if self.ends() {
            list.push("would close the contact".to_owned());
        }
        list
    }

    fn live_agent(&self, answer: &Answer) -> Option<&Destination> {
        let asked = answer.live_agent_handoff && answer.parameters_complete && self.takes_no_action();
        self.rules.handover.to.as_ref().filter(|_| asked)
    }

    fn missed(&self, answer: &Answer) -> Option<&Destination> {
        let limit = self.rules.handover.not_understood_after;
        let reached = answer.not_understood && limit > 0 && self.misses >= limit && self.takes_no_action();
        self.rules.handover.to.as_ref().filter(|_| reached)
    }

    /// An action that may fire comes before what our counters want.
    const fn takes_no_action(&self) -> bool {
        matches!(self.wanted, Wanted::Nothing | Wanted::Unknown | Wanted::Waits)
    }
}

fn of_request(request: &Request) -> String {
    match request {
        Request::Requeue(to) => format!("requeue to {}", of_destination(to)),
        Request::Callback { queue, phone, at } => {
            let at = jiff::Timestamp::from_millisecond(at.0).map_or_else(|_| at.0.to_string(), |it| it.to_string());
            format!("callback to {phone} at {at} by queue {queue}")
        }
        Request::External { uri } => format!("external system at {uri}"),
        Request::PushUrl(url) => format!("page {url}"),
    }
}

fn of_destination(to: &Destination) -> String {
    match to {
        Destination::Queue(queue) => format!("queue {queue}"),
        Destination::Target(target) => format!("target {target}"),
    }
}

const fn media_name(media: MediaType) -> &'static str {
    match media {
        MediaType::OpenMedia => "openmedia",
        MediaType::WebInteraction => "webinteraction",
        MediaType::Speech => "speech",
    }
}

/// A reply in lines.
fn said(reply: &Reply) -> Vec<String> {
    let mut lines: Vec<String> = reply.text().lines().map(|it| it.trim().to_owned()).collect();
    match reply {
        Reply::Card { image_uri, buttons, .. } => {
            lines.extend((!image_uri.is_empty()).then(|| format!("(picture {image_uri})")));
            lines.extend(buttons.iter().map(of_button));
        }
        Reply::Image { uri, .. } => lines.push(format!("(picture {uri})")),
        Reply::Text(_) | Reply::QuickReplies { .. } | Reply::Payload(_) => {}
    }
    lines
}

fn of_button(button: &Button) -> String {
    if button.postback.is_empty() || button.postback == button.text {
        return format!("[{}]", button.text);
    }
    format!("[{}] {}", button.text, button.postback)
}

fn listed(parameters: &Parameters) -> String {
    let list: Vec<String> = parameters.iter().map(|(name, value)| format!("{name}={value}")).collect();
    list.join(" ")
}

fn json(parameters: &Parameters) -> String {
    serde_json::Value::Object(parameters.clone()).to_string()
}

/// One line. What an engine says must not steer the terminal.
fn put(out: &mut String, mark: &str, text: &str) {
    out.push_str(mark);
    out.extend(text.chars().map(|it| if it.is_control() { '\u{fffd}' } else { it }));
    out.push('\n');
}
