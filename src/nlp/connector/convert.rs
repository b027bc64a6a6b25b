//! The gateway's words and the frames'.

use std::time::Duration;

use crate::{
    core::{
        action::ActionRule,
        message::{self, Answer, FailureKind, MediaType},
        said::said,
    },
    gateway::ports::{Ask, AskError, Seed},
};

use super::frames::{self, Input, Line, Message, Question, Reply};

/// `actions`: the profile's. `None`: an input that no engine is ever asked with.
pub(in crate::nlp) fn question(mut ask: Ask, actions: &[ActionRule]) -> Option<Question> {
    let input = match ask.input {
        message::Input::Text(text) => Input::Text(text),
        message::Input::Event { name, parameters } => Input::Event { name, parameters },
        message::Input::Structured(parameters) => Input::Structured(parameters),
        message::Input::Dtmf(keys) => Input::Dtmf(keys),
        message::Input::Redacted => return None,
    };
    // So the gateway marks what a shadow is asked.
    let shadow = ask.payload.get("shadow") == Some(&serde_json::Value::Bool(true));
    if shadow {
        ask.payload.remove("shadow");
    }
    Some(Question {
        contact: ask.contact.name.to_string(),
        media: ask.media,
        language: ask.language,
        input,
        parameters: ask.payload,
        actions: names(actions, ask.media),
        shadow,
        seed: ask.seed.map(|it| seed(*it)),
    })
}

fn names(actions: &[ActionRule], media: MediaType) -> Vec<String> {
    let mut names: Vec<String> = actions.iter().filter(|it| it.media == media).map(|it| it.name.clone()).collect();
    names.sort_unstable();
    // The unit's, where the profile has one of that name as well.
    names.dedup();
    names
}

fn seed(seed: Seed) -> frames::Seed {
    let line = |line: message::Line| Line { speaker: line.speaker, text: line.text, at: rfc3339(line.at.0) };
    frames::Seed { transcript: seed.transcript.into_iter().map(line).collect(), slots: seed.slots }
}

fn rfc3339(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms).unwrap_or_default().to_string()
}

pub(in crate::nlp) fn replies(messages: Vec<Message>) -> Vec<message::Reply> {
    messages.into_iter().map(reply).collect()
}

fn reply(message: Message) -> message::Reply {
    match message {
        Message::Text(text) => message::Reply::Text(text),
        Message::QuickReplies(it) => message::Reply::QuickReplies { title: it.title, replies: it.replies },
        Message::Card(it) => message::Reply::Card {
            title: it.title,
            subtitle: it.subtitle,
            image_uri: it.image_uri.unwrap_or_default(),
            buttons: it
                .buttons
                .into_iter()
                .map(|button| message::Button { text: button.text, postback: button.postback })
                .collect(),
        },
        Message::Image(it) => message::Reply::Image { uri: it.uri, description: it.description },
        Message::Payload(payload) => message::Reply::Payload(payload),
    }
}

/// `spoke`: parts of the answer were said already.
pub(in crate::nlp) fn answer(reply: Reply, spoke: bool) -> Result<Answer, AskError> {
    let says_something = !reply.messages.is_empty() || spoke;
    let answer = Answer {
        replies: replies(reply.messages),
        action: reply.action.unwrap_or_default(),
        parameters: reply.parameters.unwrap_or_default(),
        parameters_complete: reply.parameters_complete.unwrap_or(true),
        intent: reply.intent,
        confidence: reply.confidence,
        not_understood: reply.not_understood.unwrap_or_default(),
        end_interaction: reply.end.unwrap_or_default(),
        live_agent_handoff: reply.live_agent.unwrap_or_default(),
        ..Answer::default()
    };
    let wants_something = !answer.action.is_empty() || answer.end_interaction || answer.live_agent_handoff;
    if !says_something && !wants_something && !answer.not_understood {
        let advice = said!(
            "the connector answered with nothing to say and nothing to do: send a message, an action, \
                      `not_understood`, `end` or `live_agent`"
        );
        return Err(AskError::new(FailureKind::Empty, advice));
    }
    Ok(answer)
}

/// In whole milliseconds, as frames count.
pub(in crate::nlp) fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Reply {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn s11_an_answer_of_nothing_is_a_failure_unless_something_was_said_before() {
        let nothing = read(r#"{"turn_id": "t-1"}"#);
        assert_eq!(answer(nothing.clone(), false).unwrap_err().kind, FailureKind::Empty);
        assert_eq!(answer(nothing, true).unwrap(), Answer { parameters_complete: true, ..Answer::default() });
        for wish in [r#""action":"a""#, r#""end":true"#, r#""live_agent":true"#, r#""not_understood":true"#] {
            let reply = read(&format!(r#"{{"turn_id": "t-1", {wish}}}"#));
            assert!(answer(reply, false).is_ok(), "{wish}");
        }
    }

    #[test]
    fn s11_every_message_and_field_reaches_the_gateway() {
        let reply = read(
            r#"{"turn_id": "t", "messages": [
                {"text": "a"}, {"quick_replies": {"title": "b", "replies": ["c"]}},
                {"card": {"title": "d", "subtitle": "e", "image_uri": "https://f", "buttons": [{"text": "g", "postback": "h"}]}},
                {"image": {"uri": "https://i", "description": "j"}}, {"payload": {"k": 1}}],
                "action": "l", "parameters": {"m": "n"}, "parameters_complete": false, "not_understood": true, "end": true,
                "live_agent": true, "intent": "o", "confidence": 0.5}"#,
        );
        let buttons = vec![message::Button { text: "g".to_owned(), postback: "h".to_owned() }];
        let payload = serde_json::json!({"k": 1}).as_object().unwrap().clone();
        let expected = Answer {
            replies: vec![
                message::Reply::Text("a".to_owned()),
                message::Reply::QuickReplies { title: "b".to_owned(), replies: vec!["c".to_owned()] },
                message::Reply::Card {
                    title: "d".to_owned(),
                    subtitle: "e".to_owned(),
                    image_uri: "https://f".to_owned(),
                    buttons,
                },
                message::Reply::Image { uri: "https://i".to_owned(), description: "j".to_owned() },
                message::Reply::Payload(payload),
            ],
            action: "l".to_owned(),
            parameters: serde_json::json!({"m": "n"}).as_object().unwrap().clone(),
            parameters_complete: false,
            intent: Some("o".to_owned()),
            confidence: Some(0.5),
            not_understood: true,
            end_interaction: true,
            live_agent_handoff: true,
            ..Answer::default()
        };
        assert_eq!(answer(reply, false).unwrap(), expected);
    }
}
