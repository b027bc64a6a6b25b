//! Contacts as they are now, their timelines, and an operator's hand.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    asked::{Json, Named, Query},
    ended::EndedContact,
    known,
    moment::Moment,
    names::{Limit, Position, Text},
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::{Done, Shown},
};
use crate::{
    core::{
        contact::{self, Order},
        handover::Unavailable,
        ids::{ContactId, ContactName, NameError, QueueId, SpeechTargetId, UnitName},
        message,
        profile::Destination,
    },
    gateway::{
        Content, Opened,
        live::{ContactNow, Ordered},
        storage::Pos,
        timeline::{Unreadable, as_event},
    },
    manager::{Manager, address, pages, people::Role},
};

const DEFAULT_CONTACTS: usize = 200;
const MAX_CONTACTS: usize = 1_000;
/// As many as a page shows.
const MAX_RECORDS: usize = 2_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/contacts", Role::Viewer, "listContacts")
            .says("Contacts that are open now", "By business unit and name. `next` is what `after` has to say for those that come then; a contact that comes or goes meanwhile moves no other.")
            .refuses(&[Kind::Invalid])
            .by(list),
        Draft::get("/contacts/{unit}/{contact}", Role::Viewer, "getContact")
            .says("One contact that is open now", "")
            .by(show),
        Draft::get("/contacts/{unit}/{contact}/timeline", Role::Viewer, "getTimeline")
            .says("A contact's why-timeline", "Each step with its cause, oldest first; of open contacts and of those that are over, until it is pruned.")
            .refuses(&[Kind::Invalid])
            .by(timeline),
        Draft::post("/contacts/{unit}/{contact}/hand-over", Role::Operator, "handOver")
            .says("Hand a contact over to a person", "To a queue that is open and of the contact's kind, or, of a call, to a target. The running question is given up; what the customer said goes to the person.")
            .refuses(&[Kind::Conflict])
            .by(hand_over),
        Draft::post("/contacts/{unit}/{contact}/end", Role::Operator, "endContact")
            .says("End a contact", "It is left undone if the customer speaks at that moment.")
            .refuses(&[Kind::Conflict])
            .by(end),
    ]
}

/// What the contact waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Standing {
    Listening,
    Asking,
    Acting,
    HandingOver,
    WithPerson,
    Closing,
}

impl From<contact::Standing> for Standing {
    fn from(standing: contact::Standing) -> Self {
        match standing {
            contact::Standing::Listening => Self::Listening,
            contact::Standing::Asking => Self::Asking,
            contact::Standing::Acting => Self::Acting,
            contact::Standing::HandingOver => Self::HandingOver,
            contact::Standing::WithPerson => Self::WithPerson,
            contact::Standing::Closing => Self::Closing,
        }
    }
}

/// What kind of contact it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum MediaType {
    OpenMedia,
    WebInteraction,
    Speech,
}

impl From<MediaType> for message::MediaType {
    fn from(media: MediaType) -> Self {
        match media {
            MediaType::OpenMedia => Self::OpenMedia,
            MediaType::WebInteraction => Self::WebInteraction,
            MediaType::Speech => Self::Speech,
        }
    }
}

impl From<message::MediaType> for MediaType {
    fn from(media: message::MediaType) -> Self {
        match media {
            message::MediaType::OpenMedia => Self::OpenMedia,
            message::MediaType::WebInteraction => Self::WebInteraction,
            message::MediaType::Speech => Self::Speech,
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
    /// In this state alone.
    standing: Option<Standing>,
    /// Part of the contact's name, of its queue or its virtual agent.
    find: Option<Text<128>>,
    /// 200 if it is not there.
    limit: Option<Limit<MAX_CONTACTS>>,
    /// `next` of the answer before.
    after: Option<Text<1024>>,
}

impl Wanted {
    fn takes(&self, contact: &ContactNow) -> bool {
        let find = self.find.as_ref().map(|it| it.as_str().to_lowercase()).unwrap_or_default();
        let holds = |text: &str| text.to_lowercase().contains(&find);
        self.standing.is_none_or(|it| it == contact.standing.into())
            && (find.is_empty()
                || holds(contact.id.name.as_str())
                || holds(contact.agent.as_str())
                || contact.place().is_some_and(holds))
    }
}

/// A contact that is open now. Nothing that the customer said is in it.
#[derive(Debug, Serialize, JsonSchema)]
struct Contact {
    unit: String,
    contact: String,
    profile: String,
    agent: String,
    media: MediaType,
    /// By which it goes to a person, or else by which it came; a target of calls, too.
    queue: Option<String>,
    language: String,
    /// The language engine that has it; `null`: the profile's primary.
    engine: Option<String>,
    standing: Standing,
    moved_at: Moment,
    turns: u32,
    /// What the customer said that was not asked yet.
    waiting: usize,
    /// Commands that the routing engine does not have yet.
    undelivered: usize,
}

impl From<ContactNow> for Contact {
    fn from(it: ContactNow) -> Self {
        Self {
            unit: it.id.unit.to_string(),
            contact: it.id.name.to_string(),
            profile: it.profile.to_string(),
            agent: it.agent.to_string(),
            media: it.media.into(),
            queue: it.place().map(str::to_owned),
            language: it.language,
            engine: it.engine.map(|it| it.to_string()),
            standing: it.standing.into(),
            moved_at: Moment(it.moved_at),
            turns: it.turns,
            waiting: it.waiting,
            undelivered: it.undelivered,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Contacts {
    contacts: Vec<Contact>,
    /// That the filter takes, `after` left aside.
    total: usize,
    by_standing: BTreeMap<Standing, usize>,
    /// There are more: what `after` has to say for them.
    next: Option<String>,
}

/// What they are ordered by: any text can be compared with it.
fn key(id: &ContactId) -> String {
    format!("{}/{}", address::part(id.unit.as_str()), address::part(id.name.as_str()))
}

/// As [`key`] makes them.
fn is_key(text: &str) -> bool {
    let is_part = |it: &str| {
        let plain = form_urlencoded::parse(it.as_bytes()).next().map(|it| it.0);
        plain.is_some_and(|plain| !plain.is_empty() && address::part(&plain) == it)
    };
    text.split_once('/').is_some_and(|(unit, name)| is_part(unit) && is_part(name))
}

async fn list(call: Call, Query(wanted): Query<Wanted>) -> Result<Shown<Contacts>, Problem> {
    let limit = wanted.limit.map_or(DEFAULT_CONTACTS, Limit::get);
    let is = |wanted: &Option<Text<128>>, own: &str| wanted.as_ref().is_none_or(|it| it.as_str() == own);
    let after = wanted.after.as_ref().map(Text::as_str);
    if after.is_some_and(|it| !is_key(it)) {
        return Err(Problem::field("after", "`after` is no `next` of an answer: send it as it was told"));
    }
    let (unit, profile) = (wanted.unit.as_ref().map(Text::as_str), wanted.profile.as_ref().map(Text::as_str));
    known::names(&call.manager, unit, profile).await?;
    let (mut rows, mut total, mut by_standing) = (Vec::new(), 0, BTreeMap::new());
    let shorten = |rows: &mut Vec<(String, ContactNow)>| {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
        // One more than is shown tells that there are more.
        rows.truncate(limit + 1);
    };
    call.manager.gateway.each_contact(
        &|id, profile| is(&wanted.unit, id.unit.as_str()) && is(&wanted.profile, profile.as_str()),
        &mut |contact| {
            if !wanted.takes(&contact) {
                return;
            }
            total += 1;
            *by_standing.entry(Standing::from(contact.standing)).or_default() += 1;
            let key = key(&contact.id);
            if after.is_none_or(|it| key.as_str() > it) {
                rows.push((key, contact));
            }
            if rows.len() >= 8 * MAX_CONTACTS {
                shorten(&mut rows);
            }
        },
    );
    shorten(&mut rows);
    let is_cut = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| is_cut).map(|it| it.0.clone());
    let contacts = rows.into_iter().map(|(_, it)| it.into()).collect();
    Ok(Shown(Contacts { contacts, total, by_standing, next }))
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct OfContact {
    /// The business unit.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["sales"]))]
    unit: String,
    /// As the routing engine calls it.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["c-1"]))]
    contact: String,
}

impl OfContact {
    pub(super) fn id(self) -> Result<ContactId, Problem> {
        let names = (UnitName::try_from(self.unit), ContactName::try_from(self.contact));
        let (Ok(unit), Ok(name)) = names else { return Err(none()) };
        Ok(ContactId { unit, name })
    }
}

pub(super) fn none() -> Problem {
    Kind::NotFound.says(
        "there is no such contact in this business unit: it is over, its timeline has been pruned, or it never was",
    )
}

async fn show(call: Call, Named(names): Named<OfContact>) -> Result<Shown<Contact>, Problem> {
    let id = names.id()?;
    call.manager.gateway.contact(&id).map(|it| Shown(it.into())).ok_or_else(none)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Part {
    /// Records after this position.
    after: Option<Position>,
    /// Records before this one: `next` of the answer before.
    before: Option<Position>,
    /// The newest so many; 2000 if it is not there.
    limit: Option<Limit<MAX_RECORDS>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Step {
    /// What kind of step it is.
    step: String,
    /// The same in words.
    text: String,
    /// What belongs to the kind.
    #[serde(flatten)]
    more: Map<String, Value>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Record {
    position: u64,
    at: Moment,
    steps: Vec<Step>,
    /// Nobody can read it any more, by whose order.
    #[serde(skip_serializing_if = "Option::is_none")]
    erased_by: Option<String>,
    /// Why it cannot be read here.
    #[serde(skip_serializing_if = "Option::is_none")]
    unreadable: Option<String>,
}

impl Record {
    fn of(opened: &Opened) -> Self {
        let (position, at) = (opened.record.pos.0, Moment(opened.record.at));
        let erased_by = match &opened.content {
            Content::Erased(it) => Some(it.by.clone()),
            Content::Readable(_) | Content::Sealed => None,
        };
        let (steps, unreadable) = match as_event(opened) {
            Ok(told) => (steps(told), None),
            Err(why @ (Unreadable::Sealed { .. } | Unreadable::NotOurs { .. })) => (Vec::new(), Some(why.to_string())),
        };
        Self { position, at, steps, erased_by, unreadable }
    }
}

fn steps(mut told: Value) -> Vec<Step> {
    let list = told.get_mut("steps").map(Value::take);
    let text = |members: &mut Map<String, Value>, name: &str| match members.remove(name) {
        Some(Value::String(text)) => text,
        Some(_) | None => String::new(),
    };
    let list = match list {
        Some(Value::Array(list)) => list,
        Some(_) | None => Vec::new(),
    };
    let members = list.into_iter().filter_map(|it| match it {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    });
    members.map(|mut more| Step { step: text(&mut more, "step"), text: text(&mut more, "text"), more }).collect()
}

#[derive(Debug, Serialize, JsonSchema)]
struct Timeline {
    unit: String,
    contact: String,
    /// What it was, once it is over.
    ended: Option<EndedContact>,
    /// Each record is chained to the one before; `false`: one is not what was written.
    unaltered: bool,
    /// What happened before the first record, or after `after`, is left out, or has been pruned.
    is_cut: bool,
    /// What `before` has to say for the records before these; `null`: there are none, or they have been pruned.
    next: Option<u64>,
    records: Vec<Record>,
}

async fn timeline(
    call: Call,
    (Named(names), Query(part)): (Named<OfContact>, Query<Part>),
) -> Result<Shown<Timeline>, Problem> {
    let id = names.id()?;
    let after = Pos(part.after.map_or(0, Position::get));
    let limit = part.limit.map_or(MAX_RECORDS, Limit::get);
    let gateway = &call.manager.gateway;
    let records = match part.before {
        Some(before) => {
            let before = Pos(before.get());
            let found = gateway.timeline_before(&id, before, limit).await?;
            let mut found =
                found.ok_or_else(|| Problem::field("before", "the contact has no record at this position"))?;
            found.retain(|it| it.record.pos > after);
            found
        }
        None => gateway.timeline(&id, after, limit).await?,
    };
    // Whoever waits for more of a contact has to be told that there is none yet, and not that there is no contact.
    if records.is_empty()
        && part.before.is_none()
        && (after == Pos(0) || gateway.timeline(&id, Pos(0), 1).await?.is_empty())
    {
        return Err(none());
    }
    let is_cut = records.first().is_some_and(|it| it.record.prev > after);
    let first = records.first().filter(|_| is_cut).map(|it| it.record.pos);
    let next = match first {
        // Pruned records are in the chain still, and nowhere else.
        Some(first) => gateway.timeline_before(&id, first, 1).await?.filter(|it| !it.is_empty()).and(Some(first.0)),
        None => None,
    };
    Ok(Shown(Timeline {
        unit: id.unit.to_string(),
        contact: id.name.to_string(),
        ended: gateway.past(&id).await?.map(EndedContact::from),
        unaltered: gateway.verify(&records).is_ok(),
        is_cut,
        next,
        records: records.iter().map(Record::of).collect(),
    }))
}

/// One of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    #[serde(default)]
    queue: Option<String>,
    #[serde(default)]
    target: Option<String>,
}

impl JsonSchema for To {
    fn schema_name() -> Cow<'static, str> {
        "To".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = |field: &str, text: &str, example: &str| {
            json!({
                "type": "object",
                "properties": { field: {
                    "description": text, "type": "string", "minLength": 1, "maxLength": 128, "examples": [example],
                } },
                "required": [field],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "One of the two.",
            "anyOf": [
                one("queue", "A queue of the routing engine's directory.", "support"),
                one("target", "A speech target of the directory.", "4711"),
            ],
        })
    }
}

impl To {
    fn read(self) -> Result<Destination, Problem> {
        let bad = |field: &str, why: NameError| Problem::field(field, format!("`{field}` {why}"));
        match self {
            Self { queue: Some(queue), target: None } => {
                QueueId::try_from(queue).map(Destination::Queue).map_err(|why| bad("queue", why))
            }
            Self { queue: None, target: Some(target) } => {
                SpeechTargetId::try_from(target).map(Destination::Target).map_err(|why| bad("target", why))
            }
            Self { queue: None, target: None } => Err(Problem::field("queue", "name a `queue`, or a `target`")),
            Self { queue: Some(_), target: Some(_) } => {
                Err(Problem::field("target", "name either a `queue` or a `target`, and not both"))
            }
        }
    }
}

async fn hand_over(call: Call, (Named(names), Json(to)): (Named<OfContact>, Json<To>)) -> Result<Done, Problem> {
    let id = names.id()?;
    ordered(call, id, Order::HandOver(to.read()?)).await
}

async fn end(call: Call, Named(names): Named<OfContact>) -> Result<Done, Problem> {
    ordered(call, names.id()?, Order::End).await
}

async fn ordered(call: Call, id: ContactId, order: Order) -> Result<Done, Problem> {
    let to = if let Order::HandOver(to) = &order { Some(to.clone()) } else { None };
    match pages::contact::carry_out(&call.manager, &call.caller.signs(), &id, order).await? {
        Ordered::Taken => Ok(Done),
        Ordered::Unknown => Err(none()),
        Ordered::NotTheBots => Err(Kind::Conflict.says("the virtual agent does not have this contact any more")),
        Ordered::Refused(why) => Err(closed(&call.manager, &id.unit, to.as_ref(), why)),
    }
}

/// Why a destination does not take a contact.
fn closed(manager: &Manager, unit: &UnitName, to: Option<&Destination>, why: Unavailable) -> Problem {
    let directory = manager.gateway.directory(unit).ok();
    let is_known = directory.as_deref().is_some_and(|directory| match to {
        Some(Destination::Queue(queue)) => directory.queues.contains_key(queue),
        Some(Destination::Target(target)) => directory.targets.contains_key(target),
        None => false,
    });
    let why = match why {
        Unavailable::QueueUnknown if directory.is_none() => "no routing engine has told its queues and targets yet",
        Unavailable::QueueUnknown if is_known => "the queue or target is for another kind of contact",
        Unavailable::QueueUnknown => "the contact centre has no such queue or target",
        Unavailable::QueueClosed => "the queue is closed",
        Unavailable::WaitTooLong => "the queue's wait is longer than the profile allows, by `handover.max_wait_s`",
        Unavailable::BudgetUsed => "the profile allows no handover, by `handover.max_handovers`",
    };
    Kind::Conflict.says(format!("{why}: the contact stays with the virtual agent"))
}
