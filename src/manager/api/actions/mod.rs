//! What a profile's language engine may ask for by name: the actions that are in force, and the profile's own as they are built.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named, Seen},
    contacts::MediaType,
    etag,
    operation::{Call, Draft as Operating, Operation},
    problem::{Current, Kind, Problem, Told},
    profiles::{OfProfile, none, outdated, refused, written},
    segment,
    told::{Changed, Kept, MadeKept, Shown, Written},
};
use crate::{
    config::{draft::Draft, settings::Profile},
    core::{
        action::{ActionKind, ActionRule, What},
        assignment::missing,
        message,
    },
    gateway::storage::Document,
    manager::{
        Manager,
        building::{self, Flaw, Form, Key, Order, Parameter, Trouble},
        drafting::document_of,
        offered::{Line, lines},
        people::Role,
        ports::Refusal,
    },
};

const PATH: &str = "/profiles/{unit}/{profile}/actions/{media}/{action}";
/// As many as the validation takes.
const MAX_PARAMETERS: usize = 32;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operating::get("/profiles/{unit}/{profile}/actions", Role::Viewer, "listActions")
            .says("A profile's actions", "Its own and its business unit's, each for every kind of contact by itself, with what leads nowhere.")
            .by(list),
        Operating::post("/profiles/{unit}/{profile}/actions", Role::Administrator, "addAction")
            .says("Add an action", "`If-Match` has the ETag of the profile: of its source, its settings or the list of its actions. A profile's own action stands in the place of its business unit's of the same name.")
            .refuses(&[Kind::Conflict])
            .by(add),
        Operating::get(PATH, Role::Administrator, "getAction")
            .says("One of a profile's own actions", "Found by one of its kinds of contacts and its name, to the letter.")
            .refuses(&[Kind::Conflict])
            .by(show),
        Operating::put(PATH, Role::Administrator, "changeAction")
            .says("Change an action", "As it is to be from now on, as a whole; it stays in its place in the profile's text, with its comments.")
            .refuses(&[Kind::Conflict])
            .by(change),
        Operating::delete(PATH, Role::Administrator, "removeAction")
            .says("Remove an action", "For all of its kinds of contacts: what the language engine asks for by its name is text alone then.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove),
    ]
}

/// What comes of it. Of an address and the parameter that holds one there is one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Does {
    /// The contact goes to a person by a queue.
    Requeue { queue: String },
    /// The call goes to a person by a target.
    SpeechRequeue { target: String },
    /// A person calls back.
    Callback { queue: String, phone_parameter: String, time_parameter: String },
    /// Another system is asked, and its answer said.
    External {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri_parameter: Option<String>,
    },
    /// A page is shown in the customer's browser.
    PushUrl {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url_parameter: Option<String>,
    },
}

impl Does {
    fn of(form: &Form) -> Self {
        let own = |key: &str| form.own(key).to_owned();
        let one = |key: &str| Some(own(key)).filter(|it| !it.is_empty());
        match form.kind {
            What::Requeue => Self::Requeue { queue: own("queue") },
            What::SpeechRequeue => Self::SpeechRequeue { target: own("target") },
            What::Callback => Self::Callback {
                queue: own("queue"),
                phone_parameter: own("phone_parameter"),
                time_parameter: own("time_parameter"),
            },
            What::External => Self::External { uri: one("uri"), uri_parameter: one("uri_parameter") },
            What::PushUrl => Self::PushUrl { url: one("url"), url_parameter: one("url_parameter") },
        }
    }

    fn own(self) -> (What, BTreeMap<&'static str, String>) {
        let (kind, own) = match self {
            Self::Requeue { queue } => (What::Requeue, vec![("queue", queue)]),
            Self::SpeechRequeue { target } => (What::SpeechRequeue, vec![("target", target)]),
            Self::Callback { queue, phone_parameter, time_parameter } => (
                What::Callback,
                vec![("queue", queue), ("phone_parameter", phone_parameter), ("time_parameter", time_parameter)],
            ),
            Self::External { uri, uri_parameter } => (
                What::External,
                vec![("uri", uri.unwrap_or_default()), ("uri_parameter", uri_parameter.unwrap_or_default())],
            ),
            Self::PushUrl { url, url_parameter } => (
                What::PushUrl,
                vec![("url", url.unwrap_or_default()), ("url_parameter", url_parameter.unwrap_or_default())],
            ),
        };
        (kind, own.into_iter().filter(|it| !it.1.is_empty()).collect())
    }
}

impl From<&ActionKind> for Does {
    fn from(kind: &ActionKind) -> Self {
        let (name, media) = (String::new(), message::MediaType::OpenMedia);
        Self::of(&Form::of_rule(&ActionRule {
            name,
            media,
            kind: kind.clone(),
            offer: crate::core::action::Offer::default(),
        }))
    }
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Holds {
    #[default]
    String,
    Number,
    Integer,
    Boolean,
    DateTime,
    Phone,
    Enum,
}

impl Holds {
    const ALL: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("date_time", Self::DateTime),
        ("phone", Self::Phone),
        ("enum", Self::Enum),
    ];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    fn is_text(&self) -> bool {
        *self == Self::String
    }

    fn label(self) -> &'static str {
        Self::ALL.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    fn of(label: &str) -> Self {
        Self::ALL.iter().find(|it| it.0 == label).map_or(Self::String, |it| it.1)
    }
}

/// A parameter as a language model is told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ActionParameter")]
struct Given {
    name: String,
    #[serde(default, skip_serializing_if = "Holds::is_text")]
    r#type: Holds,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    /// Of the type `enum`: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

/// An action as it is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BuiltAction")]
struct Built {
    /// To the letter what the language engine sends.
    name: String,
    /// For which contacts.
    media: Vec<MediaType>,
    does: Does,
    /// For language models: when to ask for it, and what comes of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PARAMETERS))]
    parameters: Vec<Given>,
}

impl Built {
    fn of(form: &Form) -> Self {
        let given = form.parameters.iter().map(|it| Given {
            name: it.name.clone(),
            r#type: Holds::of(&it.holds),
            description: it.description.clone(),
            required: it.required,
            values: it.values.lines().map(str::to_owned).collect(),
        });
        Self {
            name: form.name.clone(),
            media: form.media.iter().copied().map(MediaType::from).collect(),
            does: Does::of(form),
            description: form.description.clone(),
            parameters: given.collect(),
        }
    }

    fn form(self) -> Result<Form, Problem> {
        let (kind, own) = self.does.own();
        let lines = |at: usize, it: &Given| {
            let bad = it.values.iter().position(|it| it.trim().is_empty() || it.contains(['\n', '\r']));
            bad.map(|value| {
                Problem::field(&format!("parameters[{at}].values[{value}]"), "a value is one line that is not empty")
            })
        };
        if let Some(problem) = self.parameters.iter().enumerate().find_map(|(at, it)| lines(at, it)) {
            return Err(problem);
        }
        let mut media: Vec<message::MediaType> = Vec::new();
        for it in self.media.into_iter().map(message::MediaType::from) {
            if !media.contains(&it) {
                media.push(it);
            }
        }
        let parameters = self.parameters.into_iter().map(|it| Parameter {
            name: it.name,
            // The default need not be written.
            holds: if it.r#type == Holds::String { String::new() } else { it.r#type.label().to_owned() },
            description: it.description,
            required: it.required,
            values: it.values.join("\n"),
        });
        Ok(Form { kind, name: self.name, media, own, description: self.description, parameters: parameters.collect() })
    }
}

/// One that is in force.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ActionInForce")]
struct InForce {
    media: MediaType,
    name: String,
    does: Does,
    description: String,
    /// The profile's; otherwise the business unit's.
    is_own: bool,
    /// The profile has one of its own in its place.
    is_overridden: bool,
    /// File, or document, and line.
    written_in: Option<String>,
    /// What leads nowhere: as `unknown_queue`, or why no external system would be asked.
    problems: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Actions {
    actions: Vec<InForce>,
    /// What `If-Match` has to say to change them; `null`: the profile is a file.
    etag: Option<String>,
}

async fn list(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Actions>, Problem> {
    let manager = &call.manager;
    let (_, profile) = names.find(manager).ok_or_else(none)?;
    let loaded = manager.house.configuration();
    let version = match document_of(&profile.origin) {
        Some(name) => manager.people.profile(name).await?.map(|it| it.version),
        None => None,
    };
    // Without one nothing can be said to lead nowhere.
    let directory = manager.gateway.directory(&profile.unit).ok();
    let shown = |Line { rule, is_own, is_overridden, place }: Line<'_>| {
        let lost = directory.as_deref().and_then(|it| missing(it, rule)).map(|it| it.label().to_owned());
        let refused = building::refused(&loaded.settings.egress.allow, rule);
        InForce {
            media: rule.media.into(),
            name: rule.name.clone(),
            does: Does::from(&rule.kind),
            description: rule.offer.description.clone(),
            is_own,
            is_overridden,
            written_in: place,
            problems: if is_overridden { Vec::new() } else { lost.into_iter().chain(refused).collect() },
        }
    };
    let actions = lines(&loaded, &profile).into_iter().map(shown).collect();
    Ok(Shown(Actions { actions, etag: version.map(etag::of_version) }))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfAction {
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

impl OfAction {
    fn split(self) -> (OfProfile, Key) {
        (OfProfile { unit: self.unit, profile: self.profile }, (self.media.into(), self.action))
    }
}

fn no_action() -> Problem {
    Kind::NotFound.says("the profile has no action of its own of this name for this kind of contact")
}

/// The action in the profile's document.
fn find(document: &Document, key: &Key) -> Option<Form> {
    // What is in force was read before: should it not be TOML, there is nothing to find in it.
    let draft = Draft::read(&String::from_utf8_lossy(&document.body)).ok()?;
    Form::read(&draft, building::find(&draft, key)?)
}

async fn show(call: Call, Named(names): Named<OfAction>) -> Result<Kept<Built>, Problem> {
    let (names, key) = names.split();
    let document = written(&call.manager, &names).await?.ok_or_else(none)?;
    let form = find(&document, &key).ok_or_else(no_action)?;
    Ok(Kept { version: document.version, value: Built::of(&form) })
}

/// The profile and its document.
async fn begun(manager: &Manager, names: &OfProfile) -> Result<(std::sync::Arc<Profile>, Document), Problem> {
    let (_, profile) = names.find(manager).ok_or_else(none)?;
    Ok((profile, written(manager, names).await?.ok_or_else(none)?))
}

async fn add(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<OfProfile>, Seen, Json<Built>),
) -> Result<MadeKept<Built>, Problem> {
    let Call { manager, caller } = call;
    let (profile, document) = begun(&manager, &names).await?;
    if seen.expects(document.version).is_none() {
        return Err(outdated(&document, None));
    }
    let form = wanted.form()?;
    let version = document.version;
    let done = building::carry_out(&manager, &caller.signs(), &profile, (document, version), Order::Add(&form)).await;
    let version = done.map_err(|trouble| told(trouble, None))?;
    let media = form.media.first().map(|it| it.label()).unwrap_or_default();
    let at = format!(
        "{}/profiles/{}/{}/actions/{media}/{}",
        super::PREFIX,
        segment(&names.unit),
        segment(&names.profile),
        segment(&form.name)
    );
    Ok(MadeKept { at, version, value: Built::of(&form) })
}

/// As it is in this document, for somebody who has seen another state of it.
fn current(now: &Document, key: &Key, sent: Option<&Built>) -> Problem {
    let value = find(now, key).map(|it| serde_json::to_value(Built::of(&it)).unwrap_or_default()).unwrap_or_default();
    let sent =
        sent.map(|it| serde_json::to_value(it).and_then(|it| serde_json::to_string_pretty(&it)).unwrap_or_default());
    let said = format!("{} has changed this profile meanwhile: nothing was changed", now.changed_by);
    let current = Current::new(now.version, (&now.changed_by, now.changed_at), value, sent.as_deref());
    Kind::Outdated.says(said).now(current)
}

async fn change(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<OfAction>, Seen, Json<Built>),
) -> Result<Changed<Built>, Problem> {
    let Call { manager, caller } = call;
    let (names, key) = names.split();
    let (profile, document) = begun(&manager, &names).await?;
    if seen.expects(document.version).is_none() {
        return Err(current(&document, &key, Some(&wanted)));
    }
    let form = wanted.form()?;
    let (by, version) = (caller.signs(), document.version);
    let done = building::carry_out(&manager, &by, &profile, (document, version), Order::Change(&key, &form)).await;
    let version = done.map_err(|trouble| told(trouble, Some((&key, &form))))?;
    Ok(Changed { version, value: Built::of(&form) })
}

async fn remove(call: Call, (Named(names), seen): (Named<OfAction>, Seen)) -> Result<Written, Problem> {
    let Call { manager, caller } = call;
    let (names, key) = names.split();
    let (profile, document) = begun(&manager, &names).await?;
    if seen.expects(document.version).is_none() {
        return Err(current(&document, &key, None));
    }
    let (by, version) = (caller.signs(), document.version);
    let done = building::carry_out(&manager, &by, &profile, (document, version), Order::Remove(&key)).await;
    done.map(Written).map_err(|trouble| told(trouble, None))
}

/// `sent`: the action that is changed, and what was sent in its place.
fn told(trouble: Trouble, sent: Option<(&Key, &Form)>) -> Problem {
    match trouble {
        Trouble::Flaws(flaws) => {
            let at = |(field, flaw): (String, Flaw)| Told::at(&field_of(&field), of_flaw(&flaw));
            Kind::Invalid.says("the action is not good: nothing was changed").with(flaws.into_iter().map(at).collect())
        }
        Trouble::Invalid { fields, others } => {
            let own = fields.iter().map(|(field, it)| Told { field: Some(field_of(field)), ..Told::of(it) });
            let told = own.chain(others.iter().map(Told::of)).collect();
            Kind::Invalid.says("the configuration would not be good: nothing was changed").with(told)
        }
        Trouble::Gone => no_action(),
        Trouble::Draft(error) => Kind::Conflict.says(error.to_string()),
        Trouble::Refused(Refusal::Conflict(Some(now))) if sent.is_some() => {
            let built = sent.map(|it| Built::of(it.1));
            sent.map_or_else(|| outdated(&now, None), |(key, _)| current(&now, key, built.as_ref()))
        }
        Trouble::Refused(why) => refused(why, None),
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

fn of_flaw(flaw: &Flaw) -> String {
    match flaw {
        Flaw::Missing => "is mandatory".to_owned(),
        Flaw::NoMedia => "has to name one kind of contact at least".to_owned(),
        Flaw::Media(media) => format!("this kind of action does not work for {}", media.label()),
        Flaw::Taken(media) => {
            format!(
                "another action of this profile has this name for {}: change that one, or give this one another name",
                media.label()
            )
        }
        Flaw::OneOfTwo => "name the parameter that holds the address, or a fixed address: one of the two".to_owned(),
    }
}
