//! What comes of it: each effect as one line.

use serde_json::json;

use super::*;

pub(super) fn shown(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(show).collect()
}

pub(super) fn show(effect: &Effect) -> String {
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

pub(super) fn show_command(command: &Command) -> String {
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
