//! What comes of it: each effect as one line.

use serde_json::json;

use super::*;

pub(super) fn shown(effects: &[Effect]) -> Vec<String> {
    effects.iter().map(show).collect()
}

pub(super) fn show(effect: &Effect) -> String {
    match effect {
        Effect::Ask { turn, epoch, to, input, payload } => {
            let (to, input, with) = (show_addressee(to), show_input(input), json_after(" with", payload));
            format!("ask {}/{}{to} {input}{with}", turn.0, epoch.0)
        }
        Effect::Tell { engine, event, payload } => {
            let at = engine.as_ref().map(|it| format!("at {it} ")).unwrap_or_default();
            format!("tell {at}{event}{}", json_after(" with", payload))
        }
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

/// The primary without anything to know is not worth a word.
fn show_addressee(to: &Addressee) -> String {
    let engine = match (&to.engine, to.new) {
        (None, false) => String::new(),
        (engine, _) => format!(" {}", engine.as_ref().map_or(EngineName::PRIMARY, EngineName::as_str)),
    };
    let mark = |is: bool, mark: &'static str| if is { mark } else { "" };
    format!("{engine}{}{}", mark(to.new, ", new"), mark(to.again, ", again"))
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
