//! Between the contract's words and those of customers and desks.

use super::{Contact, Media, contact::text_of};
use crate::{
    switchboard::{
        board::{Handover, Line},
        talk::{Button, Content, From, What},
    },
    wire::{
        engine::{HandoverContext, MediaType, Message, TranscriptLine, card, message, transcript_line::Speaker},
        structs,
    },
};

/// What a virtual agent is told of an earlier talk: the last lines, and so much of each. A frame has a bound.
const HISTORY_LINES: usize = 50;
const LINE_CHARS: usize = 500;

pub(super) const fn media(media: Media) -> MediaType {
    match media {
        Media::OpenMedia => MediaType::OpenMedia,
        Media::WebInteraction => MediaType::WebInteraction,
    }
}

pub(super) fn history(contact: &Contact) -> Vec<TranscriptLine> {
    // A contact that was never taken has its messages waiting; they come as messages.
    if !contact.now.known && !contact.was_with_person() {
        return Vec::new();
    }
    let line = |entry: &std::sync::Arc<crate::switchboard::talk::Entry>| {
        let What::Message { from, .. } = &entry.what else { return None };
        let text: String = text_of(entry).chars().take(LINE_CHARS).collect();
        (!text.is_empty()).then(|| TranscriptLine { speaker: speaker(*from).into(), text, at_ms: entry.at })
    };
    let mut lines: Vec<TranscriptLine> = contact.entries.iter().rev().filter_map(line).take(HISTORY_LINES).collect();
    lines.reverse();
    lines
}

impl Contact {
    fn was_with_person(&self) -> bool {
        self.entries.iter().any(|it| matches!(it.what, What::Message { from: From::Person | From::Bot, .. }))
    }
}

const fn speaker(from: From) -> Speaker {
    match from {
        From::Customer => Speaker::Customer,
        From::Bot => Speaker::VirtualAgent,
        From::Person => Speaker::Person,
        From::System => Speaker::System,
    }
}

pub(super) fn handover(reason: String, context: HandoverContext) -> Handover {
    let line = |it: TranscriptLine| {
        let from = match it.speaker() {
            Speaker::Customer => From::Customer,
            Speaker::VirtualAgent => From::Bot,
            Speaker::Person => From::Person,
            Speaker::System | Speaker::Unspecified => From::System,
        };
        Line { from, text: it.text, at: it.at_ms }
    };
    Handover {
        reason,
        summary: context.summary,
        transcript: context.transcript.into_iter().map(line).collect(),
        parameters: context.parameters.into_iter().collect(),
    }
}

pub(super) fn content(messages: Vec<Message>) -> Vec<Content> {
    messages.into_iter().filter_map(|it| it.message).filter_map(one).collect()
}

fn one(message: message::Message) -> Option<Content> {
    Some(match message {
        message::Message::Text(text) => Content::Text { text },
        message::Message::QuickReplies(it) => Content::QuickReplies { title: it.title, replies: it.replies },
        message::Message::Card(it) => Content::Card {
            title: it.title,
            subtitle: it.subtitle,
            image_uri: it.image_uri,
            buttons: it.buttons.into_iter().map(button).collect(),
        },
        message::Message::Image(it) => Content::Image { uri: it.uri, description: it.description },
        message::Message::Payload(it) => match structs::to_json(it) {
            Ok(payload) => Content::Payload { payload },
            Err(error) => {
                tracing::warn!(%error, "a payload cannot be shown");
                return None;
            }
        },
    })
}

fn button(it: card::Button) -> Button {
    Button { text: it.text, postback: it.postback }
}
