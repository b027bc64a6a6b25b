//! What language engines may ask for by name: the actions that are in force of a profile or a business unit, and its own as they are
//! built.

mod shapes;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    asked::{Json, Named, Seen},
    contacts::MediaType,
    etag,
    operation::{Call, Draft as Operating, Operation},
    problem::{Current, Kind, Problem, Told},
    profiles::{self, OfProfile},
    told::{Changed, Kept, MadeKept, Shown, Written},
    units::{self, OfUnit},
};
use crate::{
    core::assignment::missing,
    gateway::storage::Document,
    manager::{
        Manager, address,
        building::{self, Flaw, Form, Key, Order, Trouble, action_in},
        offered::{Line, lines},
        owner::{self, Found, Owner, Whose},
        people::Role,
        ports::Refusal,
    },
};
use shapes::Built;
pub(super) use shapes::Does;

const OF_PROFILE: &str = "/profiles/{unit}/{profile}/actions";
const ONE_OF_PROFILE: &str = "/profiles/{unit}/{profile}/actions/{media}/{action}";
const OF_UNIT: &str = "/units/{unit}/actions";
const ONE_OF_UNIT: &str = "/units/{unit}/actions/{media}/{action}";

pub(super) fn operations() -> Vec<Operation> {
    let whole = "As it is to be from now on, as a whole; it stays in its place in the text, with its comments.";
    vec![
        Operating::get(OF_PROFILE, Role::Viewer, "listActions")
            .says("A profile's actions", "Its own and its business unit's, each for every kind of contact by itself, with what leads nowhere.")
            .by(list::<OfProfile>),
        Operating::post(OF_PROFILE, Role::Administrator, "addAction")
            .says("Add an action", "`If-Match` has the profile's ETag, as its source and its settings send it, and as `etag` it is in the list of its actions. A profile's own action stands in the place of its business unit's of the same name.")
            .refuses(&[Kind::Conflict])
            .by(add::<OfProfile>),
        Operating::get(ONE_OF_PROFILE, Role::Administrator, "getAction")
            .says("One of a profile's own actions", "Found by one of its kinds of contacts and its name, to the letter.")
            .refuses(&[Kind::Conflict])
            .by(show::<OneOfProfile>),
        Operating::put(ONE_OF_PROFILE, Role::Administrator, "changeAction")
            .says("Change an action", whole)
            .refuses(&[Kind::Conflict])
            .by(change::<OneOfProfile>),
        Operating::delete(ONE_OF_PROFILE, Role::Administrator, "removeAction")
            .says("Remove an action", "For all of its kinds of contacts: what the language engine asks for by its name is text alone then.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove::<OneOfProfile>),
        Operating::get(OF_UNIT, Role::Viewer, "listUnitActions")
            .says("A business unit's actions", "All of its profiles have them. Each for every kind of contact by itself, with what leads nowhere and which profiles have their own in its place.")
            .by(list::<OfUnit>),
        Operating::post(OF_UNIT, Role::Administrator, "addUnitAction")
            .says("Add an action for all profiles of a business unit", "`If-Match` has the business unit's ETag, which is `etag` in the list of its actions, too.")
            .refuses(&[Kind::Conflict])
            .by(add::<OfUnit>),
        Operating::get(ONE_OF_UNIT, Role::Administrator, "getUnitAction")
            .says("One of a business unit's actions", "Found by one of its kinds of contacts and its name, to the letter.")
            .refuses(&[Kind::Conflict])
            .by(show::<OneOfUnit>),
        Operating::put(ONE_OF_UNIT, Role::Administrator, "changeUnitAction")
            .says("Change an action of a business unit", whole)
            .refuses(&[Kind::Conflict])
            .by(change::<OneOfUnit>),
        Operating::delete(ONE_OF_UNIT, Role::Administrator, "removeUnitAction")
            .says("Remove an action of a business unit", "For all of its kinds of contacts, and all profiles that have none of their own in its place.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove::<OneOfUnit>),
    ]
}

/// One that is in force.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActionInForce")]
struct InForce {
    media: MediaType,
    name: String,
    does: Does,
    description: String,
    /// Of a profile: its own; otherwise its business unit's. Of a business unit all are.
    is_own: bool,
    /// The profile has one of its own in its place.
    is_overridden: bool,
    /// Of a business unit: the profiles that have one of their own in its place.
    overridden_by: Vec<String>,
    /// File, or document, and line.
    written_in: Option<String>,
    /// What leads nowhere: as `unknown_queue`, or why no external system would be asked.
    problems: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Actions {
    actions: Vec<InForce>,
    /// What `If-Match` has to say to change them; `null`: they are written in a file.
    etag: Option<String>,
}

impl From<OfProfile> for Whose {
    fn from(OfProfile { unit, profile }: OfProfile) -> Self {
        Self::Profile(unit, profile)
    }
}

impl From<OfUnit> for Whose {
    fn from(OfUnit { unit }: OfUnit) -> Self {
        Self::Unit(unit)
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OneOfProfile {
    /// The business unit.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["sales"]))]
    unit: String,
    #[schemars(length(min = 1, max = 128), extend("examples" = ["support"]))]
    profile: String,
    /// One of those that the action is for.
    media: MediaType,
    #[schemars(length(min = 1, max = 256), extend("examples" = ["human"]))]
    action: String,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OneOfUnit {
    #[schemars(length(min = 1, max = 128), extend("examples" = ["clinic"]))]
    unit: String,
    /// One of those that the action is for.
    media: MediaType,
    #[schemars(length(min = 1, max = 256), extend("examples" = ["human"]))]
    action: String,
}

/// One action in a path: whose, and which.
struct One(Whose, Key);

impl From<OneOfProfile> for One {
    fn from(it: OneOfProfile) -> Self {
        Self(Whose::Profile(it.unit, it.profile), (it.media.into(), it.action))
    }
}

impl From<OneOfUnit> for One {
    fn from(it: OneOfUnit) -> Self {
        Self(Whose::Unit(it.unit), (it.media.into(), it.action))
    }
}

fn none(whose: &Whose) -> Problem {
    match whose {
        Whose::Profile(..) => profiles::none(),
        Whose::Unit(_) => units::none(),
    }
}

fn no_action(owner: &Owner) -> Problem {
    Kind::NotFound.says(match owner {
        Owner::Profile(_) => "the profile has no action of its own of this name for this kind of contact",
        Owner::Unit(_) => "the business unit has no action of this name for this kind of contact",
    })
}

/// The whole of what has the actions is in another state.
fn outdated(owner: &Owner, now: &Document) -> Problem {
    match owner {
        Owner::Profile(_) => profiles::outdated(now, None),
        Owner::Unit(_) => units::outdated(now, None),
    }
}

async fn list<N: Into<Whose>>(call: Call, Named(names): Named<N>) -> Result<Shown<Actions>, Problem> {
    let (manager, whose) = (&call.manager, names.into());
    let (owner, version) = match owner::found(manager, &whose).await? {
        Found::Kept(owner, document) => (owner, Some(document.version)),
        Found::File(owner) => (owner, None),
        Found::Nothing => return Err(none(&whose)),
    };
    let loaded = manager.house.configuration();
    // Without one nothing can be said to lead nowhere.
    let directory = manager.gateway.directory(owner.unit()).ok();
    let shown = |line: Line<'_>| {
        let Line { rule, is_own, is_overridden, overriding, place } = line;
        let lost = directory.as_deref().and_then(|it| missing(it, rule)).map(|it| it.label().to_owned());
        let refused = building::refused(&loaded.settings.egress.allow, rule);
        InForce {
            media: rule.media.into(),
            name: rule.name.clone(),
            does: Does::from(&rule.kind),
            description: rule.offer.description.clone(),
            is_own,
            is_overridden,
            overridden_by: overriding.iter().map(ToString::to_string).collect(),
            written_in: place,
            problems: if is_overridden { Vec::new() } else { lost.into_iter().chain(refused).collect() },
        }
    };
    let actions = lines(&loaded, &owner).into_iter().map(shown).collect();
    Ok(Shown(Actions { actions, etag: version.map(etag::of_version) }))
}

/// The owner and its document.
async fn begun(manager: &Manager, whose: &Whose) -> Result<(Owner, Document), Problem> {
    match owner::found(manager, whose).await? {
        Found::Kept(owner, document) => Ok((owner, document)),
        Found::File(owner) => Err(units::of_file(owner.origin())),
        Found::Nothing => Err(none(whose)),
    }
}

async fn show<N: Into<One>>(call: Call, Named(names): Named<N>) -> Result<Kept<Built>, Problem> {
    let One(whose, key) = names.into();
    let (owner, document) = begun(&call.manager, &whose).await?;
    let form = action_in(&document, owner.list(), &key).ok_or_else(|| no_action(&owner))?;
    Ok(Kept { version: document.version, value: Built::of(&form) })
}

async fn add<N: Into<Whose>>(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<N>, Seen, Json<Built>),
) -> Result<MadeKept<Built>, Problem> {
    let Call { manager, caller } = call;
    let whose = names.into();
    let (owner, document) = begun(&manager, &whose).await?;
    if seen.expects(document.version).is_none() {
        return Err(outdated(&owner, &document));
    }
    let form = wanted.form()?;
    let version = document.version;
    let done = building::carry_out(&manager, &caller.signs(), &owner, (document, version), Order::Add(&form)).await;
    let version = done.map_err(|trouble| told(&owner, trouble, None))?;
    let media = form.media.first().map(|it| it.label()).unwrap_or_default();
    let at = format!("{}{}/actions/{media}/{}", super::PREFIX, whose.path(), address::part(&form.name));
    Ok(MadeKept { at, version, value: Built::of(&form) })
}

/// As it is in this document, for somebody who has seen another state of it.
fn current(owner: &Owner, now: &Document, key: &Key, sent: Option<&Built>) -> Problem {
    if now.version == 0 {
        return outdated(owner, now);
    }
    let value = action_in(now, owner.list(), key).map(|it| serde_json::to_value(Built::of(&it)).unwrap_or_default());
    let sent =
        sent.map(|it| serde_json::to_value(it).and_then(|it| serde_json::to_string_pretty(&it)).unwrap_or_default());
    let what = match owner {
        Owner::Profile(_) => "profile",
        Owner::Unit(_) => "business unit",
    };
    let said = format!("{} has changed this {what} meanwhile: nothing was changed", now.changed_by);
    let by = (now.changed_by.as_str(), now.changed_at);
    Kind::Outdated.says(said).now(Current::new(now.version, by, value.unwrap_or(Value::Null), sent.as_deref()))
}

async fn change<N: Into<One>>(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<N>, Seen, Json<Built>),
) -> Result<Changed<Built>, Problem> {
    let Call { manager, caller } = call;
    let One(whose, key) = names.into();
    let (owner, document) = begun(&manager, &whose).await?;
    if seen.expects(document.version).is_none() {
        return Err(current(&owner, &document, &key, Some(&wanted)));
    }
    let form = wanted.form()?;
    let (by, version) = (caller.signs(), document.version);
    let done = building::carry_out(&manager, &by, &owner, (document, version), Order::Change(&key, &form)).await;
    let version = done.map_err(|trouble| told(&owner, trouble, Some((&key, &form))))?;
    Ok(Changed { version, value: Built::of(&form) })
}

async fn remove<N: Into<One>>(call: Call, (Named(names), seen): (Named<N>, Seen)) -> Result<Written, Problem> {
    let Call { manager, caller } = call;
    let One(whose, key) = names.into();
    let (owner, document) = begun(&manager, &whose).await?;
    if seen.expects(document.version).is_none() {
        return Err(current(&owner, &document, &key, None));
    }
    let (by, version) = (caller.signs(), document.version);
    let done = building::carry_out(&manager, &by, &owner, (document, version), Order::Remove(&key)).await;
    done.map(Written).map_err(|trouble| told(&owner, trouble, None))
}

/// `sent`: the action that is changed, and what was sent in its place.
fn told(owner: &Owner, trouble: Trouble, sent: Option<(&Key, &Form)>) -> Problem {
    match trouble {
        Trouble::Flaws(flaws) => {
            let at = |(field, flaw): (String, Flaw)| Told::at(&field_of(&field), of_flaw(owner, &flaw));
            Kind::Invalid.says("the action is not good: nothing was changed").with(flaws.into_iter().map(at).collect())
        }
        Trouble::Invalid { fields, others } => {
            let own = fields.iter().map(|(field, it)| Told { field: Some(field_of(field)), ..Told::of(it) });
            let told = own.chain(others.iter().map(Told::of)).collect();
            Kind::Invalid.says("the configuration would not be good: nothing was changed").with(told)
        }
        Trouble::Gone => no_action(owner),
        Trouble::Draft(error) => Kind::Conflict.says(error.to_string()),
        Trouble::Refused(Refusal::Conflict(Some(now))) => match sent {
            Some((key, form)) => current(owner, &now, key, Some(&Built::of(form))),
            None => outdated(owner, &now),
        },
        Trouble::Refused(why) => match owner {
            Owner::Profile(_) => profiles::refused(why, None),
            Owner::Unit(_) => units::failed(why.into(), None),
        },
    }
}

/// What a form's field is called in the body.
fn field_of(field: &str) -> String {
    let parts: Vec<&str> = field.split('.').collect();
    match parts.as_slice() {
        ["name" | "media" | "description"] => field.to_owned(),
        ["parameter", row, key] => format!("parameters[{row}].{key}"),
        ["parameter", ..] => "parameters".to_owned(),
        _ => format!("does.{field}"),
    }
}

fn of_flaw(owner: &Owner, flaw: &Flaw) -> String {
    match flaw {
        Flaw::Missing => "is mandatory".to_owned(),
        Flaw::NoMedia => "has to name one kind of contact at least".to_owned(),
        Flaw::Media(media) => format!("this kind of action does not work for {}", media.label()),
        Flaw::Taken(media) => {
            let whose = match owner {
                Owner::Profile(_) => "this profile",
                Owner::Unit(_) => "this business unit",
            };
            format!(
                "another action of {whose} has this name for {}: change that one, or give this one another name",
                media.label()
            )
        }
        Flaw::Dots => "is neither . nor ..: no address can have it".to_owned(),
        Flaw::OneOfTwo => "name the parameter that holds the address, or a fixed address: one of the two".to_owned(),
    }
}
