//! [`ToEngine`] → gateway frames.

use std::time::Duration;

use secrecy::ExposeSecret as _;

use crate::{
    core::{
        contact::{Command, HandoverContext},
        message::{Line, MediaType, Reply, Speaker},
        profile::Destination,
    },
    gateway::lane::{Refusal, Rejection, ToEngine},
    wire::{
        engine::{self as wire, command, gateway_frame::Body, message, requeue},
        structs,
    },
};

/// `None`: an acknowledgement, which is no frame of its own.
pub(in crate::engine) fn to_engine(from: &ToEngine) -> Option<Body> {
    Some(match from {
        ToEngine::Ack(_) => return None,
        ToEngine::LogOn { user, password, media } => Body::LogOnAgent(wire::LogOnAgent {
            user: user.to_string(),
            password: password.expose_secret().to_owned(),
            media_types: media.iter().map(|it| media_type(*it).into()).collect(),
        }),
        ToEngine::LogOff { user, reason } => {
            Body::LogOffAgent(wire::LogOffAgent { user: user.to_string(), reason: reason.clone() })
        }
        ToEngine::Accepted { contact, agent } => {
            Body::ContactAccepted(wire::ContactAccepted { contact: contact.to_string(), agent: agent.to_string() })
        }
        ToEngine::Rejected { contact, reason, detail } => Body::ContactRejected(wire::ContactRejected {
            contact: contact.to_string(),
            reason: rejection(*reason).into(),
            detail: detail.clone(),
        }),
        ToEngine::Busy { contact, message, retry_after, reason } => Body::Busy(wire::Busy {
            contact: contact.to_string(),
            message_id: message.to_string(),
            retry_after_ms: millis(*retry_after),
            reason: reason.clone(),
        }),
        ToEngine::Refused { frame, reason, detail, contact, message } => Body::Refused(wire::Refused {
            frame: *frame,
            reason: refusal(*reason).into(),
            detail: detail.clone(),
            contact: contact.clone(),
            message_id: message.clone(),
        }),
        ToEngine::Command { contact, seq, command } => Body::Command(wire::Command {
            contact: contact.to_string(),
            action_seq: seq.0,
            command: Some(to_command(command)),
        }),
        ToEngine::Typing { contact } => Body::Typing(wire::Typing { contact: contact.to_string() }),
        ToEngine::Draining { grace } => Body::Draining(wire::Draining { grace_ms: millis(*grace) }),
    })
}

fn to_command(from: &Command) -> command::Command {
    match from {
        Command::Say(replies) => command::Command::Say(wire::Say { messages: messages(replies) }),
        Command::Requeue { to, reason, context } => command::Command::Requeue(wire::Requeue {
            to: Some(match to {
                Destination::Queue(queue) => requeue::To::Queue(queue.to_string()),
                Destination::Target(target) => requeue::To::Target(target.to_string()),
            }),
            reason: reason.clone(),
            context: Some(handover(context)),
        }),
        Command::CreateCallback { queue, phone, at, context } => {
            command::Command::CreateCallback(wire::CreateCallback {
                queue: queue.to_string(),
                phone: phone.clone(),
                at_ms: at.0,
                context: Some(handover(context)),
            })
        }
        Command::PushUrl(url) => command::Command::PushUrl(wire::PushUrl { url: url.clone() }),
        Command::EndContact { reason, farewell, unless_after } => command::Command::EndContact(wire::EndContact {
            reason: reason.clone(),
            farewell: messages(farewell),
            unless_after: unless_after.as_ref().map(ToString::to_string).unwrap_or_default(),
        }),
    }
}

fn messages(replies: &[Reply]) -> Vec<wire::Message> {
    replies.iter().map(|it| wire::Message { message: Some(reply(it)) }).collect()
}

fn reply(from: &Reply) -> message::Message {
    match from {
        Reply::Text(text) => message::Message::Text(text.clone()),
        Reply::QuickReplies { title, replies } => {
            message::Message::QuickReplies(wire::QuickReplies { title: title.clone(), replies: replies.clone() })
        }
        Reply::Card { title, subtitle, image_uri, buttons } => message::Message::Card(wire::Card {
            title: title.clone(),
            subtitle: subtitle.clone(),
            image_uri: image_uri.clone(),
            buttons: buttons
                .iter()
                .map(|it| wire::card::Button { text: it.text.clone(), postback: it.postback.clone() })
                .collect(),
        }),
        Reply::Image { uri, description } => {
            message::Message::Image(wire::Image { uri: uri.clone(), description: description.clone() })
        }
        Reply::Payload(payload) => message::Message::Payload(structs::from_json(payload)),
    }
}

fn handover(from: &HandoverContext) -> wire::HandoverContext {
    wire::HandoverContext {
        summary: from.summary.clone(),
        transcript: from.transcript.iter().map(line).collect(),
        parameters: from.parameters.iter().cloned().collect(),
    }
}

fn line(from: &Line) -> wire::TranscriptLine {
    use wire::transcript_line::Speaker as Wire;
    let speaker = match from.speaker {
        Speaker::Customer => Wire::Customer,
        Speaker::VirtualAgent => Wire::VirtualAgent,
        Speaker::Person => Wire::Person,
        Speaker::System => Wire::System,
    };
    wire::TranscriptLine { speaker: speaker.into(), text: from.text.clone(), at_ms: from.at.0 }
}

const fn media_type(from: MediaType) -> wire::MediaType {
    match from {
        MediaType::OpenMedia => wire::MediaType::OpenMedia,
        MediaType::WebInteraction => wire::MediaType::WebInteraction,
        MediaType::Speech => wire::MediaType::Speech,
    }
}

const fn rejection(from: Rejection) -> wire::contact_rejected::Reason {
    use wire::contact_rejected::Reason;
    match from {
        Rejection::UnknownAgent => Reason::UnknownAgent,
        Rejection::AgentNotLoggedOn => Reason::AgentNotLoggedOn,
        Rejection::AtCapacity => Reason::AtCapacity,
        Rejection::Draining => Reason::Draining,
        Rejection::StoreUnavailable => Reason::StoreUnavailable,
        Rejection::Invalid => Reason::Invalid,
    }
}

const fn refusal(from: Refusal) -> wire::refused::Reason {
    use wire::refused::Reason;
    match from {
        Refusal::UnknownContact => Reason::UnknownContact,
        Refusal::Invalid => Reason::Invalid,
        Refusal::TooLarge => Reason::TooLarge,
        Refusal::ContactEnded => Reason::ContactEnded,
        Refusal::UnknownUser => Reason::UnknownUser,
    }
}

fn millis(span: Duration) -> u32 {
    u32::try_from(span.as_millis()).unwrap_or(u32::MAX)
}
