//! Rasa's messages as an answer.

use serde::Deserialize;
use serde_json::Value;

use super::super::{
    call::Place,
    fit::{self, MAX_ITEMS, MAX_REPLIES, Wish},
};
use crate::{
    core::{
        message::{Answer, Parameters, Reply},
        said::{Said, said},
    },
    gateway::ports::AskError,
};

/// Payloads that are remembered of one answer; longer ones are words like any other when they come back.
const MAX_PAYLOAD_BYTES: usize = 1024;

/// One of the array's elements. Fields that we do not know belong to other channels.
#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    recipient_id: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    image: Option<String>,
    #[serde(default)]
    buttons: Option<Vec<Button>>,
    /// Buttons of channels that put them below the conversation; the same to us.
    #[serde(default)]
    quick_replies: Option<Vec<Button>>,
    #[serde(default)]
    attachment: Option<Value>,
    #[serde(default)]
    custom: Option<Value>,
}

#[derive(Deserialize)]
struct Button {
    title: String,
    /// Without one it stands for its title.
    #[serde(default)]
    payload: Option<String>,
}

pub(super) struct Read {
    pub(super) answer: Answer,
    /// What its buttons send.
    pub(super) offered: Vec<String>,
}

pub(super) fn read(body: &[u8], sender: &str, place: &Place) -> Result<Read, AskError> {
    let messages: Vec<Message> = serde_json::from_slice(body).map_err(|error| place.unreadable(&error))?;
    let mut read = Read { answer: fit::blank_answer(), offered: Vec::new() };
    for message in messages {
        if message.recipient_id.as_ref().is_some_and(|it| it != sender) {
            return Err(place.malformed(&said!("it is for another conversation (`recipient_id`)"), None));
        }
        read.take(message).map_err(|why| place.malformed(&Said::foreign(why), None))?;
    }
    if read.answer.replies.len() > MAX_REPLIES {
        tracing::warn!(
            messages = read.answer.replies.len(),
            "more than {MAX_REPLIES} messages in one answer of Rasa's are left out"
        );
        read.answer.replies.truncate(MAX_REPLIES);
    }
    Ok(read)
}

impl Read {
    fn take(&mut self, message: Message) -> Result<(), String> {
        let Message { text, image, buttons, quick_replies, attachment, custom, .. } = message;
        let buttons = buttons.into_iter().flatten().chain(quick_replies.into_iter().flatten()).take(MAX_ITEMS);
        let mut shown = Vec::new();
        for Button { title, payload } in buttons {
            let payload = payload.filter(|it| !it.is_empty());
            if let Some(payload) =
                payload.as_ref().filter(|it| it.len() <= MAX_PAYLOAD_BYTES && self.offered.len() < MAX_ITEMS)
            {
                self.offered.push(payload.clone());
            }
            let postback = payload.filter(|it| *it != title).unwrap_or_default();
            shown.extend(fit::button(title, postback));
        }
        let replies = &mut self.answer.replies;
        replies.extend(fit::choice(text.unwrap_or_default(), shown));
        replies.extend(image.and_then(|it| fit::image(it, String::new())));
        if let Some(attachment) = attachment.filter(|it| !it.is_null()) {
            replies.push(Reply::Payload(Parameters::from_iter([("attachment".to_owned(), attachment)])));
        }
        match custom {
            None | Some(Value::Null) => Ok(()),
            Some(Value::Object(custom)) => self.take_custom(custom),
            Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                Err("`custom` is no object".to_owned())
            }
        }
    }

    /// An action in short, everything at length, or something for the channel.
    fn take_custom(&mut self, mut custom: Parameters) -> Result<(), String> {
        let wish = if let Some(usher) = custom.remove("usher") {
            // What serde says of it might hold what a customer said.
            let read = serde_json::from_value(usher);
            Some(read.map_err(|_unshown| "`custom.usher` is not as docs/engines/rasa.md has it".to_owned())?)
        } else if let Some(Value::String(name)) = custom.get("action") {
            let parameters = match custom.get("parameters") {
                Some(Value::Object(parameters)) => parameters.clone(),
                None | Some(Value::Null) => Parameters::new(),
                Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
                    return Err("`custom.parameters` is no object".to_owned());
                }
            };
            let wish = Wish::action(name.clone(), parameters);
            custom.clear();
            Some(wish)
        } else {
            None
        };
        if !custom.is_empty() {
            self.answer.replies.push(Reply::Payload(custom));
        }
        wish.map_or(Ok(()), |wish: Wish| wish.grant(&mut self.answer).map_err(str::to_owned))
    }
}
