//! Engine frames → [`FromEngine`]: nothing passes that the contract or our bounds forbid.

use std::collections::{BTreeMap, HashMap};

use super::{
    MAX_ATTRIBUTE_BYTES, MAX_ATTRIBUTES, MAX_CUSTOMER_BYTES, MAX_DETAIL_BYTES, MAX_DTMF, MAX_HISTORY_LINES, MAX_LANES,
    MAX_LANGUAGE_BYTES, MAX_TEXT_BYTES,
};
use crate::{
    core::{
        directory::{Delta, Directory, Queue, SignOn, User},
        ids::{
            ActionSeq, ContactName, EngineId, MAX_NAME_BYTES, MessageId, NameError, QueueId, SpeechTargetId, Timestamp,
            UnitName, UserId,
        },
        message::{Input, Line, MediaType, Parameters, Speaker},
    },
    engine::sessions::SessionId,
    gateway::lane::{Customer, FromEngine, LogOnRefusal, Offer, Outcome},
    wire::{
        engine::{self as wire, customer_message, engine_frame::Body},
        structs,
    },
};

/// What is wrong with a frame's content, naming the field; and the contact and message it spoke of, for the answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Invalid {
    pub(in crate::engine) detail: String,
    pub(in crate::engine) contact: String,
    pub(in crate::engine) message: String,
}

impl Invalid {
    fn new(field: &str, why: impl std::fmt::Display) -> Self {
        Self { detail: format!("{field}: {why}"), ..Self::default() }
    }

    fn within(self, place: impl std::fmt::Display) -> Self {
        Self { detail: format!("{place}.{}", self.detail), ..self }
    }
}

type Checked<T> = Result<T, Invalid>;

/// A checked Hello.
#[derive(Debug, PartialEq)]
pub(in crate::engine) struct Hello {
    pub(in crate::engine) engine: EngineId,
    pub(in crate::engine) unit: UnitName,
    pub(in crate::engine) lane: u32,
    /// The session to go on with, and the highest gateway frame received in it.
    pub(in crate::engine) resume: Option<(SessionId, u64)>,
    pub(in crate::engine) directory: Option<Directory>,
}

pub(in crate::engine) fn hello(from: wire::Hello) -> Checked<Hello> {
    let lanes = from.lanes.max(1);
    if lanes > MAX_LANES {
        return Err(Invalid::new("hello.lanes", format_args!("{lanes} is above {MAX_LANES}")));
    }
    if from.lane >= lanes {
        return Err(Invalid::new("hello.lane", format_args!("{} is not below hello.lanes ({lanes})", from.lane)));
    }
    if from.directory.is_some() && from.lane != 0 {
        return Err(Invalid::new("hello.directory", "belongs on lane 0 only"));
    }
    let resume = match from.session.as_str() {
        "" => None,
        session => Some((session.parse().map_err(|why| Invalid::new("hello.session", why))?, from.last_received)),
    };
    Ok(Hello {
        engine: named("hello.engine_id", &from.engine_id, EngineId::new)?,
        unit: named("hello.business_unit", &from.business_unit, UnitName::new)?,
        lane: from.lane,
        resume,
        directory: from.directory.map(directory).transpose().map_err(|it| it.within("hello.directory"))?,
    })
}

/// Converts what a numbered frame carries. `Hello` is not among it: it opens a stream and never comes again.
pub(in crate::engine) fn from_engine(body: Option<Body>) -> Checked<FromEngine> {
    match body {
        None => Err(Invalid::new("body", "missing, or of a kind this version does not know")),
        Some(Body::Hello(_)) => Err(Invalid::new("hello", "belongs at the start of a stream only")),
        Some(Body::Directory(it)) => Ok(FromEngine::Delta(delta(it).map_err(|it| it.within("directory"))?)),
        Some(Body::AgentLoggedOn(it)) => {
            Ok(FromEngine::AgentLoggedOn { user: named("agent_logged_on.user", &it.user, UserId::new)? })
        }
        Some(Body::LogOnRefused(it)) => Ok(FromEngine::LogOnRefused {
            user: named("log_on_refused.user", &it.user, UserId::new)?,
            reason: log_on_refusal(it.reason)?,
            detail: cut(it.detail),
        }),
        Some(Body::AgentLoggedOff(it)) => Ok(FromEngine::AgentLoggedOff {
            user: named("agent_logged_off.user", &it.user, UserId::new)?,
            reason: cut(it.reason),
        }),
        Some(Body::ContactOffered(it)) => {
            let contact = named("contact_offered.contact", &it.contact, ContactName::new)?;
            match offer(&contact, it) {
                Ok(offer) => Ok(FromEngine::Offered(Box::new(offer))),
                Err(why) => Err(Invalid { contact: contact.as_str().to_owned(), ..why.within("contact_offered") }),
            }
        }
        Some(Body::CustomerMessage(it)) => message(it),
        Some(Body::CustomerTyping(it)) => {
            Ok(FromEngine::Typing { contact: named("customer_typing.contact", &it.contact, ContactName::new)? })
        }
        Some(Body::ContactEnded(it)) => Ok(FromEngine::Ended {
            contact: named("contact_ended.contact", &it.contact, ContactName::new)?,
            reason: cut(it.reason),
        }),
        Some(Body::CommandOutcome(it)) => command_outcome(it),
        Some(Body::Heartbeat(_)) => Ok(FromEngine::Heartbeat),
    }
}

fn message(it: wire::CustomerMessage) -> Checked<FromEngine> {
    let contact = named("customer_message.contact", &it.contact, ContactName::new)?;
    let refuse = |why: Invalid| Invalid { contact: it.contact, message: it.message_id.clone(), ..why };
    let id = match named("customer_message.message_id", &it.message_id, MessageId::new) {
        Ok(id) => id,
        // A name that cannot be is not worth echoing.
        Err(why) => return Err(Invalid { message: String::new(), ..refuse(why) }),
    };
    match input(it.body) {
        Ok(input) => Ok(FromEngine::Message { contact, id, input, sensitive: it.sensitive }),
        Err(why) => Err(refuse(why.within("customer_message"))),
    }
}

fn input(body: Option<customer_message::Body>) -> Checked<Input> {
    match body {
        None => Err(Invalid::new("body", "missing, or of a kind this version does not know")),
        Some(customer_message::Body::Text(text)) => Ok(Input::Text(bounded("text", text, MAX_TEXT_BYTES)?)),
        Some(customer_message::Body::Structured(fields)) => Ok(Input::Structured(parameters("structured", fields)?)),
        Some(customer_message::Body::Event(event)) => {
            if event.name.is_empty() {
                return Err(Invalid::new("event.name", NameError::Empty));
            }
            Ok(Input::Event {
                name: bounded("event.name", event.name, MAX_NAME_BYTES)?,
                parameters: event
                    .parameters
                    .map_or_else(|| Ok(Parameters::new()), |it| parameters("event.parameters", it))?,
            })
        }
        Some(customer_message::Body::Dtmf(keys)) => {
            let keys = bounded("dtmf", keys, MAX_DTMF)?;
            let known = |key: char| key.is_ascii_digit() || matches!(key, 'A'..='D' | 'a'..='d' | '*' | '#');
            if keys.is_empty() || !keys.chars().all(known) {
                return Err(Invalid::new("dtmf", "must be keys out of 0-9, A-D, * and #"));
            }
            Ok(Input::Dtmf(keys))
        }
    }
}

fn offer(contact: &ContactName, it: wire::ContactOffered) -> Checked<Offer> {
    if it.history.len() > MAX_HISTORY_LINES {
        return Err(Invalid::new("history", format_args!("{} lines are above {MAX_HISTORY_LINES}", it.history.len())));
    }
    let customer = it.customer.unwrap_or_default();
    Ok(Offer {
        contact: contact.clone(),
        agent: named("agent", &it.agent, UserId::new)?,
        media: media("media_type", it.media_type)?,
        queue: optional(&it.queue).map(|queue| named("queue", queue, QueueId::new)).transpose()?,
        customer: Customer {
            id: bounded("customer.id", customer.id, MAX_CUSTOMER_BYTES)?,
            name: bounded("customer.name", customer.name, MAX_CUSTOMER_BYTES)?,
            address: bounded("customer.address", customer.address, MAX_CUSTOMER_BYTES)?,
        },
        language: language(it.language)?,
        attributes: attributes(it.attributes)?,
        history: it.history.into_iter().enumerate().map(|(at, it)| line(at, it)).collect::<Result<_, _>>()?,
        returned_from: (it.returned_from != 0).then_some(ActionSeq(it.returned_from)),
    })
}

fn command_outcome(it: wire::CommandOutcome) -> Checked<FromEngine> {
    use wire::command_outcome::Outcome as Wire;
    let contact = named("command_outcome.contact", &it.contact, ContactName::new)?;
    let outcome = match Wire::try_from(it.outcome) {
        Ok(Wire::Done) => Outcome::Done,
        Ok(Wire::Offered) => Outcome::Offered,
        Ok(Wire::Accepted) => Outcome::Accepted,
        Ok(Wire::Failed) => Outcome::Failed,
        Ok(Wire::Expired) => Outcome::Expired,
        Ok(Wire::Superseded) => Outcome::Superseded,
        Ok(Wire::Unspecified) | Err(_) => {
            let why = unspecified("command_outcome.outcome", it.outcome);
            return Err(Invalid { contact: it.contact, ..why });
        }
    };
    Ok(FromEngine::Outcome { contact, seq: ActionSeq(it.action_seq), outcome, detail: cut(it.detail) })
}

fn log_on_refusal(reason: i32) -> Checked<LogOnRefusal> {
    use wire::log_on_refused::Reason as Wire;
    match Wire::try_from(reason) {
        Ok(Wire::WrongPassword) => Ok(LogOnRefusal::WrongPassword),
        Ok(Wire::UnknownUser) => Ok(LogOnRefusal::UnknownUser),
        Ok(Wire::NoLicence) => Ok(LogOnRefusal::NoLicence),
        Ok(Wire::Locked) => Ok(LogOnRefusal::Locked),
        Ok(Wire::Temporary) => Ok(LogOnRefusal::Temporary),
        Ok(Wire::Unspecified) | Err(_) => Err(unspecified("log_on_refused.reason", reason)),
    }
}

fn directory(it: wire::Directory) -> Checked<Directory> {
    Ok(Directory {
        queues: entries("queues", it.queues, queue)?,
        users: entries("users", it.users, user)?,
        targets: entries("speech_targets", it.speech_targets, speech_target)?,
    })
}

fn delta(it: wire::DirectoryDelta) -> Checked<Delta> {
    Ok(Delta {
        removed_queues: removed("removed_queues", &it.removed_queues, QueueId::new)?,
        removed_users: removed("removed_users", &it.removed_users, UserId::new)?,
        removed_targets: removed("removed_speech_targets", &it.removed_speech_targets, SpeechTargetId::new)?,
        changed: directory(wire::Directory { queues: it.queues, users: it.users, speech_targets: it.speech_targets })?,
    })
}

fn entries<W, K: Ord, V>(field: &str, from: Vec<W>, convert: impl Fn(W) -> Checked<(K, V)>) -> Checked<BTreeMap<K, V>> {
    let entry = |(at, it)| convert(it).map_err(|why: Invalid| why.within(format_args!("{field}[{at}]")));
    from.into_iter().enumerate().map(entry).collect()
}

fn removed<T>(field: &str, ids: &[String], make: fn(&str) -> Result<T, NameError>) -> Checked<Vec<T>> {
    let entry = |(at, id): (usize, &String)| make(id).map_err(|why| Invalid::new(&format!("{field}[{at}]"), why));
    ids.iter().enumerate().map(entry).collect()
}

fn queue(it: wire::Queue) -> Checked<(QueueId, Queue)> {
    let queue = Queue {
        name: bounded("name", it.name, MAX_CUSTOMER_BYTES)?,
        media: media("media_type", it.media_type)?,
        open: it.open,
        waiting: it.waiting,
        expected_wait_s: it.expected_wait_s,
    };
    Ok((named("id", &it.id, QueueId::new)?, queue))
}

fn user(it: wire::User) -> Checked<(UserId, User)> {
    let sign_on = match wire::SignOn::try_from(it.sign_on) {
        Ok(wire::SignOn::Password) => SignOn::Password,
        Ok(wire::SignOn::Windows) => SignOn::Windows,
        Ok(wire::SignOn::Saml2) => SignOn::Saml2,
        Ok(wire::SignOn::Unspecified) | Err(_) => return Err(unspecified("sign_on", it.sign_on)),
    };
    let user = User {
        name: bounded("name", it.name, MAX_CUSTOMER_BYTES)?,
        agent_rights: it.agent_rights,
        sign_on,
        automatic_post_processing: it.automatic_post_processing,
        mandatory_wrap_up_reason: it.mandatory_wrap_up_reason,
    };
    Ok((named("id", &it.id, UserId::new)?, user))
}

fn speech_target(it: wire::SpeechTarget) -> Checked<(SpeechTargetId, String)> {
    Ok((named("id", &it.id, SpeechTargetId::new)?, bounded("name", it.name, MAX_CUSTOMER_BYTES)?))
}

fn media(field: &str, value: i32) -> Checked<MediaType> {
    match wire::MediaType::try_from(value) {
        Ok(wire::MediaType::OpenMedia) => Ok(MediaType::OpenMedia),
        Ok(wire::MediaType::WebInteraction) => Ok(MediaType::WebInteraction),
        Ok(wire::MediaType::Speech) => Ok(MediaType::Speech),
        Ok(wire::MediaType::Unspecified) | Err(_) => Err(unspecified(field, value)),
    }
}

fn line(at: usize, it: wire::TranscriptLine) -> Checked<Line> {
    use wire::transcript_line::Speaker as Wire;
    let speaker = match Wire::try_from(it.speaker) {
        Ok(Wire::Customer) => Speaker::Customer,
        Ok(Wire::VirtualAgent) => Speaker::VirtualAgent,
        Ok(Wire::Person) => Speaker::Person,
        Ok(Wire::System) => Speaker::System,
        Ok(Wire::Unspecified) | Err(_) => return Err(unspecified(&format!("history[{at}].speaker"), it.speaker)),
    };
    let text = bounded("text", it.text, MAX_TEXT_BYTES).map_err(|why| why.within(format_args!("history[{at}]")))?;
    Ok(Line { speaker, text, at: Timestamp(it.at_ms) })
}

/// The shape of BCP 47: subtags of one to eight letters or digits, the first of letters alone.
fn language(tag: String) -> Checked<Option<String>> {
    if tag.is_empty() {
        return Ok(None);
    }
    let mut subtags = tag.split('-');
    let first =
        subtags.next().is_some_and(|it| (2..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphabetic()));
    let rest = subtags.all(|it| (1..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric()));
    if first && rest && tag.len() <= MAX_LANGUAGE_BYTES {
        Ok(Some(tag))
    } else {
        Err(Invalid::new("language", "is not a BCP 47 tag such as en-US"))
    }
}

/// Ordered, so that the same offer always reads the same.
fn attributes(from: HashMap<String, String>) -> Checked<Vec<(String, String)>> {
    if from.len() > MAX_ATTRIBUTES {
        return Err(Invalid::new("attributes", format_args!("{} are above {MAX_ATTRIBUTES}", from.len())));
    }
    let entry = |(key, value)| {
        Ok((
            bounded("attributes (a key)", key, MAX_NAME_BYTES)?,
            bounded("attributes (a value)", value, MAX_ATTRIBUTE_BYTES)?,
        ))
    };
    let mut attributes: Vec<_> = from.into_iter().map(entry).collect::<Checked<_>>()?;
    attributes.sort_unstable();
    Ok(attributes)
}

fn parameters(field: &str, from: prost_types::Struct) -> Checked<Parameters> {
    structs::to_json(from).map_err(|why| Invalid::new(field, why))
}

fn named<T>(field: &str, name: &str, make: fn(&str) -> Result<T, NameError>) -> Checked<T> {
    make(name).map_err(|why| Invalid::new(field, why))
}

fn bounded(field: &str, text: String, bytes: usize) -> Checked<String> {
    if text.len() > bytes {
        return Err(Invalid::new(field, format_args!("{} bytes are above {bytes}", text.len())));
    }
    Ok(text)
}

fn optional(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_DETAIL_BYTES {
        text.truncate(text.floor_char_boundary(MAX_DETAIL_BYTES));
    }
    text
}

fn unspecified(field: &str, value: i32) -> Invalid {
    match value {
        0 => Invalid::new(field, "is unspecified"),
        other => Invalid::new(field, format_args!("{other} is not known to this version")),
    }
}
