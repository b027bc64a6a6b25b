//! Frames in a line each, for people.

use serde_json::Value;

use crate::nlp::connector::frames::{FromConnector, Input, Message, ToConnector};

/// What the gateway says.
pub(super) fn to_connector(text: &str) -> String {
    match ToConnector::read(text) {
        Ok(Some(frame)) => of_gateway(&frame),
        Ok(None) => format!("(a type that this version does not know) {text}"),
        Err(bad) => format!("(no frame: {bad}) {text}"),
    }
}

fn of_gateway(frame: &ToConnector) -> String {
    match frame {
        ToConnector::Welcome(it) => format!(
            "welcome: profile {} of {}, {} turns at a time, session {}{}",
            it.profile,
            it.unit,
            it.credits,
            it.session,
            if it.resumed { " resumed" } else { "" }
        ),
        ToConnector::Turn(it) => format!(
            "turn {} of {} ({:?}, {}, {} ms{}): {}{}",
            it.turn_id,
            it.question.contact,
            it.question.media,
            it.question.language,
            it.deadline_ms,
            if it.again { ", again" } else { "" },
            input(&it.question.input),
            with(" with", &Value::Object(it.question.parameters.clone())),
        ),
        ToConnector::Cancelled(it) => format!("cancelled {}: {:?}", it.turn_id, it.reason),
        ToConnector::Outcome(it) => format!(
            "outcome of {} for {}: {:?}{}",
            it.action.as_deref().unwrap_or("a hand-over of the rules"),
            it.contact,
            it.outcome,
            it.detail.as_ref().map(|it| format!(", {it}")).unwrap_or_default()
        ),
        ToConnector::Closed(it) => format!("closed {}: {:?}", it.contact, it.reason),
        ToConnector::Pong(_) => "pong".to_owned(),
        ToConnector::Error(it) => {
            let at = it.at.as_ref().map(|at| match (at.line, at.column) {
                (Some(line), Some(column)) => format!(" at {} (line {line}, column {column})", at.path),
                (_, _) => format!(" at {}", at.path),
            });
            format!("ERROR {:?}{}: {}", it.code, at.unwrap_or_default(), it.message)
        }
    }
}

fn input(input: &Input) -> String {
    match input {
        Input::Text(text) => format!("\"{text}\""),
        Input::Event { name, parameters } => {
            format!("event {name}{}", with(" with", &Value::Object(parameters.clone())))
        }
        Input::Structured(parameters) => format!("form {}", Value::Object(parameters.clone())),
        Input::Dtmf(keys) => format!("keys {keys}"),
    }
}

fn with(word: &str, value: &Value) -> String {
    if value.as_object().is_none_or(serde_json::Map::is_empty) { String::new() } else { format!("{word} {value}") }
}

/// What a connector says.
pub(super) fn from_connector(text: &str) -> String {
    match FromConnector::read(text) {
        Ok(frame) => of_connector(&frame),
        Err(_) => format!("(bad) {text}"),
    }
}

fn of_connector(frame: &FromConnector) -> String {
    match frame {
        FromConnector::Hello(it) => format!(
            "hello{}{}",
            it.name.as_ref().map(|it| format!(" from {it}")).unwrap_or_default(),
            it.resume.as_ref().map(|it| format!(", resuming {it}")).unwrap_or_default()
        ),
        FromConnector::Reply(it) => {
            let mut text = format!("{} to {}", if it.is_final() { "reply" } else { "part of the reply" }, it.turn_id);
            for message in &it.messages {
                text.push_str("\n    ");
                text.push_str(&self::message(message));
            }
            if let Some(action) = &it.action {
                let parameters = Value::Object(it.parameters.clone().unwrap_or_default());
                text.push_str(&format!("\n    action {action}{}", with(" with", &parameters)));
            }
            let flags = [
                (it.parameters_complete == Some(false), "parameters are not complete"),
                (it.not_understood == Some(true), "not understood"),
                (it.live_agent == Some(true), "wants a person"),
                (it.end == Some(true), "ends the conversation"),
            ];
            for (_, flag) in flags.iter().filter(|it| it.0) {
                text.push_str(&format!("\n    {flag}"));
            }
            if let Some(intent) = &it.intent {
                text.push_str(&format!("\n    intent {intent}"));
            }
            text
        }
        FromConnector::Typing(it) => format!("typing at {}", it.turn_id),
        FromConnector::Failed(it) => format!(
            "failed {} ({:?}){}",
            it.turn_id,
            it.kind.unwrap_or_default(),
            it.detail.as_ref().map(|it| format!(": {it}")).unwrap_or_default()
        ),
        FromConnector::Leaving(_) => "leaving".to_owned(),
        FromConnector::Ping(_) => "ping".to_owned(),
    }
}

fn message(message: &Message) -> String {
    match message {
        Message::Text(text) => format!("\"{text}\""),
        Message::QuickReplies(it) => format!("\"{}\" [{}]", it.title, it.replies.join(" | ")),
        Message::Card(it) => {
            let buttons: Vec<&str> = it.buttons.iter().map(|it| it.text.as_str()).collect();
            format!("card \"{}\" {} [{}]", it.title, it.subtitle, buttons.join(" | "))
        }
        Message::Image(it) => format!("image {} {}", it.uri, it.description),
        Message::Payload(payload) => format!("payload {}", Value::Object(payload.clone())),
    }
}
