//! Response messages: what is said, in order, and what is asked for among it.

use serde_json::Value;

use super::rich;
use crate::{
    core::message::{MediaType, Parameters, Reply},
    nlp::google::content::{MAX_NAME_BYTES, MAX_REPLIES, MAX_TEXT_BYTES, clipped, is_blank, json, text, variant},
    wire::dialogflow_cx::{
        ResponseMessage,
        response_message::{LiveAgentHandoff, Message, OutputAudioText, output_audio_text, telephony_transfer_call},
    },
};

/// The key under which a payload may hold our part, so that the rest of it is for the channel.
const WRAPPER: &str = "usher";
const TRANSFER: &str = "telephony_transfer_call";

/// An action that a flow asks for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wanted {
    pub(super) action: String,
    /// `None`: the session's.
    pub(super) parameters: Option<Parameters>,
}

/// The metadata of a live agent hand-off.
#[derive(Debug, Default)]
pub(super) struct Handoff(Parameters);

impl Handoff {
    /// What it asks for by `action`, and the metadata for a person.
    pub(super) fn taken_apart(mut self) -> (Option<Wanted>, Parameters) {
        match self.0.remove("action") {
            Some(Value::String(action)) if !is_blank(&action) => {
                let parameters = Some(std::mem::take(&mut self.0)).filter(|it| !it.is_empty());
                (Some(Wanted { action: clipped(action, MAX_NAME_BYTES), parameters }), Parameters::new())
            }
            Some(other) => {
                self.0.insert("action".to_owned(), other);
                (None, self.0)
            }
            None => (None, self.0),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Messages {
    pub(super) replies: Vec<Reply>,
    /// By a payload: the first one.
    pub(super) wanted: Option<Wanted>,
    pub(super) handoff: Option<Handoff>,
    pub(super) transfer: Option<Wanted>,
    pub(super) ends: bool,
}

/// Messages of no channel and of `channel`; those of others are for others.
pub(super) fn read(messages: Vec<ResponseMessage>, channel: &str, response_id: &str, media: MediaType) -> Messages {
    let own = messages.into_iter().filter(|it| it.channel.is_empty() || it.channel == channel);
    let own: Vec<Message> = own.filter_map(|it| it.message).collect();
    let has_text = own.iter().any(|it| matches!(it, Message::Text(it) if it.text.iter().any(|it| !is_blank(it))));
    let has_spoken = own.iter().any(|it| matches!(it, Message::OutputAudioText(_)));
    let mut read = Messages::default();
    for (index, message) in own.into_iter().enumerate() {
        match message {
            // Where a text is there to be read and another one to be spoken, the media type decides.
            Message::Text(_) if media == MediaType::Speech && has_spoken => {}
            Message::Text(it) => read.say(variant(it.text, response_id, index).and_then(text)),
            Message::OutputAudioText(it) if media == MediaType::Speech || !has_text => read.say(spoken(it)),
            Message::OutputAudioText(_) => {}
            Message::Payload(it) => read.payload(json(it).unwrap_or_default()),
            Message::LiveAgentHandoff(LiveAgentHandoff { metadata }) => {
                read.handoff.get_or_insert_with(|| Handoff(metadata.and_then(json).unwrap_or_default()));
            }
            Message::EndInteraction(_) => read.ends = true,
            Message::TelephonyTransferCall(it) => {
                if let Some(telephony_transfer_call::Endpoint::PhoneNumber(phone)) = it.endpoint {
                    read.transfer.get_or_insert_with(|| transfer(phone));
                }
            }
            Message::PlayAudio(it) if media == MediaType::Speech && !is_blank(&it.audio_uri) => {
                let uri = Value::from(clipped(it.audio_uri, MAX_TEXT_BYTES));
                let clip = Parameters::from_iter([("audio_uri".to_owned(), uri)]);
                read.say(Some(Reply::Payload(Parameters::from_iter([("play_audio".to_owned(), clip.into())]))));
            }
            // A clip is for who listens; mixed audio is made for clients that asked for audio; success is Google's to count.
            Message::PlayAudio(_) | Message::MixedAudio(_) | Message::ConversationSuccess(_) => {}
        }
    }
    read
}

impl Messages {
    fn say(&mut self, reply: Option<Reply>) {
        if self.replies.len() < MAX_REPLIES {
            self.replies.extend(reply);
        }
    }

    /// Chips have no title of their own: the text right before them is what they answer.
    fn say_rich(&mut self, reply: Reply) {
        match (reply, self.replies.last_mut()) {
            (Reply::QuickReplies { title, replies }, Some(last)) if title.is_empty() => {
                if let Reply::Text(title) = last {
                    *last = Reply::QuickReplies { title: std::mem::take(title), replies };
                } else {
                    self.say(Some(Reply::QuickReplies { title, replies }));
                }
            }
            (reply, _) => self.say(Some(reply)),
        }
    }

    /// Ours, the channel's, or both: `{"usher": {"action": …}, …}`.
    fn payload(&mut self, mut payload: Parameters) {
        let wrapped = match payload.remove(WRAPPER) {
            Some(Value::Object(inner)) => match wanted(&inner) {
                Some(wanted) => Some(wanted),
                None => {
                    payload.insert(WRAPPER.to_owned(), Value::Object(inner));
                    None
                }
            },
            Some(other) => {
                payload.insert(WRAPPER.to_owned(), other);
                None
            }
            None => wanted(&payload).inspect(|_| payload.clear()),
        };
        match (wrapped, &self.wanted) {
            (Some(_), Some(_)) => {
                tracing::warn!("an answer asks for more than one action by payload: the first counts");
            }
            (Some(first), None) => self.wanted = Some(first),
            (None, _) => {}
        }
        if payload.is_empty() {
            return;
        }
        match rich::replies(&payload) {
            Some(replies) => replies.into_iter().for_each(|it| self.say_rich(it)),
            None => self.say(Some(Reply::Payload(payload))),
        }
    }
}

/// `{"action": "NAME", "parameters": {…}}` and nothing else: a channel's own payload may have an `action`, too.
fn wanted(payload: &Parameters) -> Option<Wanted> {
    let action = payload.get("action")?.as_str().filter(|it| !is_blank(it))?;
    let parameters = match payload.get("parameters") {
        None | Some(Value::Null) => None,
        Some(Value::Object(it)) => Some(it.clone()),
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => return None,
    };
    let only_ours = payload.keys().all(|it| it == "action" || it == "parameters");
    only_ours.then(|| Wanted { action: clipped(action.to_owned(), MAX_NAME_BYTES), parameters })
}

fn transfer(phone: String) -> Wanted {
    let phone = Value::from(clipped(phone, MAX_NAME_BYTES));
    let parameters = Some(Parameters::from_iter([("phone_number".to_owned(), phone)]));
    Wanted { action: TRANSFER.to_owned(), parameters }
}

fn spoken(it: OutputAudioText) -> Option<Reply> {
    match it.source? {
        output_audio_text::Source::Text(it) => text(it),
        output_audio_text::Source::Ssml(it) => text(without_tags(&it)),
    }
}

/// SSML as words: what a person reads, and what any voice can say.
fn without_tags(ssml: &str) -> String {
    let mut words = String::with_capacity(ssml.len());
    let mut in_tag = false;
    for letter in ssml.chars() {
        match letter {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                words.push(' ');
            }
            _ if in_tag => {}
            other => words.push(other),
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    ["&lt;<", "&gt;>", "&quot;\"", "&apos;'", "&amp;&"].into_iter().fold(words, |words, it| match it.split_once(';') {
        Some((name, letter)) => words.replace(&format!("{name};"), letter),
        None => words,
    })
}
