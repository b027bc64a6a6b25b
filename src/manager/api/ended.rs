//! Contacts that are over: a list, and what each was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Query,
    contacts::MediaType,
    known,
    moment::Moment,
    names::{Limit, Position, Text},
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::Shown,
};
use crate::{
    gateway::storage::{Closed, EndedOf, Pos},
    manager::people::Role,
    telemetry::labels::EndKind,
};

const DEFAULT_CONTACTS: usize = 200;
const MAX_CONTACTS: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/contacts/ended", Role::Viewer, "listEndedContacts")
            .says("Contacts that are over", "Those that ended last first, until their timelines are removed. `next` is what `before` has to say for older ones: what is rare is looked for a part at a time, so an answer with few contacts, or none, may have a `next`.")
            .refuses(&[Kind::Invalid])
            .by(list),
    ]
}

/// How a contact ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EndedBy {
    Bot,
    Inactivity,
    Customer,
    HandedOver,
    Failed,
    EngineAway,
    Operator,
}

impl From<EndedBy> for EndKind {
    fn from(end: EndedBy) -> Self {
        match end {
            EndedBy::Bot => Self::Bot,
            EndedBy::Inactivity => Self::Inactivity,
            EndedBy::Customer => Self::Customer,
            EndedBy::HandedOver => Self::HandedOver,
            EndedBy::Failed => Self::Failed,
            EndedBy::EngineAway => Self::EngineAway,
            EndedBy::Operator => Self::Operator,
        }
    }
}

impl From<EndKind> for EndedBy {
    fn from(end: EndKind) -> Self {
        match end {
            EndKind::Bot => Self::Bot,
            EndKind::Inactivity => Self::Inactivity,
            EndKind::Customer => Self::Customer,
            EndKind::HandedOver => Self::HandedOver,
            EndKind::Failed => Self::Failed,
            EndKind::EngineAway => Self::EngineAway,
            EndKind::Operator => Self::Operator,
        }
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this business unit alone.
    unit: Option<Text<128>>,
    /// Of this profile alone.
    profile: Option<Text<128>>,
    /// Those that ended like this alone.
    ended_by: Option<EndedBy>,
    /// Part of the contact's name, of its queue or its virtual agent.
    find: Option<Text<128>>,
    /// 200 if it is not there.
    limit: Option<Limit<MAX_CONTACTS>>,
    /// `next` of the answer before.
    before: Option<Position>,
}

/// A contact that is over. Nothing that the customer said is in it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EndedContact {
    unit: String,
    contact: String,
    ended_at: Moment,
    /// `null`, as all that follow: it ended before that was kept.
    ended_by: Option<EndedBy>,
    began_at: Option<Moment>,
    /// `null` as well where no profile served its virtual agent any more.
    profile: Option<String>,
    agent: Option<String>,
    media: Option<MediaType>,
    /// By which it came, if by any.
    queue: Option<String>,
    turns: Option<u32>,
}

impl From<Closed> for EndedContact {
    fn from(closed: Closed) -> Self {
        let Closed { contact, at, past, last: _ } = closed;
        let past = past.as_ref();
        Self {
            unit: contact.unit.to_string(),
            contact: contact.name.to_string(),
            ended_at: Moment(at),
            ended_by: past.map(|it| it.end.into()),
            began_at: past.and_then(|it| it.began_at).map(Moment),
            profile: past.and_then(|it| it.profile.as_ref()).map(ToString::to_string),
            agent: past.map(|it| it.agent.to_string()),
            media: past.map(|it| it.media.into()),
            queue: past.and_then(|it| it.queue.as_ref()).map(ToString::to_string),
            turns: past.map(|it| it.turns),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct EndedContacts {
    contacts: Vec<EndedContact>,
    next: Option<u64>,
}

async fn list(call: Call, Query(wanted): Query<Wanted>) -> Result<Shown<EndedContacts>, Problem> {
    let (unit, profile) = (wanted.unit.as_ref().map(Text::as_str), wanted.profile.as_ref().map(Text::as_str));
    let (unit, profile) = known::names(&call.manager, unit, profile).await?;
    let of = EndedOf {
        unit,
        profile,
        end: wanted.ended_by.map(EndKind::from),
        find: wanted.find.map(|it| it.as_str().to_owned()).unwrap_or_default(),
        before: wanted.before.map(|it| Pos(it.get())),
    };
    let found = call.manager.gateway.ended(&of, wanted.limit.map_or(DEFAULT_CONTACTS, Limit::get)).await?;
    let contacts = found.contacts.into_iter().map(EndedContact::from).collect();
    Ok(Shown(EndedContacts { contacts, next: found.next.map(|it| it.0) }))
}
