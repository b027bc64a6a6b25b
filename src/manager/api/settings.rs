//! A kept profile's own settings as JSON: read, changed one by one, a new profile of them, and another name.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue};

use super::{
    asked::{Json, Named, Seen},
    operation::{Call, Draft as Operating, Operation},
    problem::{Current, Kind, Problem, Told},
    profiles::{OfProfile, gone, none, refused, written},
    told::{Changed, Kept, MadeKept},
};
use crate::{
    config::{
        Finding,
        draft::{Draft, Value},
    },
    core::ids::{ProfileName, UnitName},
    gateway::storage::{Document, Expected},
    manager::{
        Manager, address,
        drafting::{self, Failed, MARK},
        form,
        people::Role,
        ports::{ProfileOrder, Refusal},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Operating::post("/profiles", Role::Administrator, "addProfile")
            .says("Add a profile", "Of a type, or as a copy of another: the name, the virtual agents and Google's keys are each profile's own, all else comes along, but the secrets of a profile that is a file: send its password in `settings`. A copy can be of another type, as `dialogflow-v2` of `dialogflow`: what both types have carries over.")
            .refuses(&[Kind::Conflict])
            .by(add),
        Operating::get("/profiles/{unit}/{profile}/settings", Role::Administrator, "getProfileSettings")
            .says("A profile's own settings", "What its text sets, by path: `handover.queue`, `standby`. Secrets are as they are kept, sealed. `GET` of the profile tells every setting that is in force, defaults as well.")
            .refuses(&[Kind::Conflict])
            .by(show),
        Operating::put("/profiles/{unit}/{profile}/settings", Role::Administrator, "changeProfileSettings")
            .says("Change some of a profile's settings", "Those that are named, by path; the others stay, and so do the text's comments and order. `null`: it is not set from now on. A place of a list of tables is a number: `standby.0.name`; the one behind the last is a new one, and a list takes the whole list's place. A list of texts, as `agents`, is one value. Secrets are typed as they are.")
            .refuses(&[Kind::Conflict])
            .by(change),
        Operating::post("/profiles/{unit}/{profile}/name", Role::Administrator, "renameProfile")
            .says("Give a profile another name", "Its tests, its pause and its connectors' tokens come along. Contacts that it has go on to their end.")
            .refuses(&[Kind::Conflict])
            .by(rename),
    ]
}

/// What a profile's text sets, by path.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ProfileSettings")]
struct Settings {
    unit: String,
    profile: String,
    settings: Map<String, JsonValue>,
}

fn read(document: &Document) -> Result<Draft, Problem> {
    Draft::read(&String::from_utf8_lossy(&document.body)).map_err(|error| Kind::Conflict.says(error.to_string()))
}

fn settings(names: &OfProfile, draft: &Draft) -> Settings {
    Settings { unit: names.unit.clone(), profile: names.profile.clone(), settings: form::values(draft) }
}

async fn show(call: Call, Named(names): Named<OfProfile>) -> Result<Kept<Settings>, Problem> {
    let document = written(&call.manager, &names).await?.ok_or_else(none)?;
    Ok(Kept { version: document.version, value: settings(&names, &read(&document)?) })
}

/// What is there now; `mine`: with what was sent in its place.
fn outdated(names: &OfProfile, now: &Document, mine: Option<&Draft>) -> Problem {
    let told = |draft: &Draft| serde_json::to_value(settings(names, draft)).unwrap_or_default();
    let value = read(now).map(|it| told(&it)).unwrap_or_default();
    let mine = mine.map(|it| serde_json::to_string_pretty(&told(it)).unwrap_or_default());
    let said = format!("{} has changed this profile meanwhile: nothing was changed", now.changed_by);
    let current = Current::new(now.version, (&now.changed_by, now.changed_at), value, mine.as_deref());
    Kind::Outdated.says(said).now(current)
}

/// Settings by their paths, with values; `null`: it is not set.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(rename = "SettingsChange")]
struct Wanted(
    #[schemars(extend("examples" = [{ "handover.queue": "support", "welcome_event": null }]))] Map<String, JsonValue>,
);

/// Writes what is wanted into the draft; what cannot be is told by its field.
fn put(manager: &Manager, draft: &mut Draft, wanted: &Map<String, JsonValue>, within: &str) -> Result<(), Problem> {
    let seal = |secret: &str| manager.house.seal(secret);
    let problems = form::put(draft, wanted, &drafting::known(manager), &seal);
    if problems.is_empty() {
        return Ok(());
    }
    let told = problems.into_iter().map(|(path, problem)| {
        let message = if path.is_empty() { problem } else { format!("`{path}` {problem}") };
        Told::at(&format!("{within}{path}"), message)
    });
    Err(Kind::Invalid.says("not all of it can be written: nothing was changed").with(told.collect()))
}

/// Findings at the fields that say the settings. `field`: what it is called in the body, by its path.
fn invalid(manager: &Manager, list: &[Finding], at: (&str, &str), field: impl Fn(&str) -> String) -> Problem {
    let told = by_path(manager, list, at).into_iter().map(|(path, told)| {
        let field = path.as_deref().map(&field);
        Told { field, ..told }
    });
    Kind::Invalid.says("the configuration would not be good: nothing was changed").with(told.collect())
}

/// Findings by the settings' paths. How a secret is written in a file is no advice for a program: it comes second.
pub(super) fn by_path(manager: &Manager, list: &[Finding], at: (&str, &str)) -> Vec<(Option<String>, Told)> {
    let (draft, known) = (Draft::read(at.1).unwrap_or_default(), drafting::known(manager));
    let told = form::sorted(list, at).into_iter().map(|(path, finding)| {
        let mut told = Told::of(&finding);
        if path.as_deref().is_some_and(|it| form::is_secret(&draft, it, &known)) {
            let file = told.help.take().unwrap_or_default();
            told.help = Some(format!("send the secret itself: it is sealed before it is kept. In a file: {file}"));
        }
        (path, told)
    });
    told.collect()
}

async fn change(
    call: Call,
    (Named(names), seen, Json(Wanted(wanted))): (Named<OfProfile>, Seen, Json<Wanted>),
) -> Result<Changed<Settings>, Problem> {
    let Call { manager, caller } = call;
    let now = written(&manager, &names).await?.ok_or_else(none)?;
    for own in ["name", "unit"] {
        if wanted.contains_key(own) {
            return Err(Problem::field(
                own,
                "another name, or business unit, is given by POST to `name` beside `settings`",
            ));
        }
    }
    let mut draft = read(&now)?;
    let put = put(&manager, &mut draft, &wanted, "");
    let expected = seen.expects(now.version).ok_or_else(|| outdated(&names, &now, Some(&draft)))?;
    put?;
    if form::values(&draft) == form::values(&read(&now)?) {
        return Ok(Changed { version: now.version, value: settings(&names, &draft) });
    }
    let (text, origin) = (draft.to_string(), format!("{}{MARK}", now.name));
    let order = ProfileOrder { by: caller.signs(), name: now.name.clone(), expected, text: Some(text.clone()) };
    let version = manager.house.change_profile(order).await.map_err(|why| match why {
        Refusal::Findings(list) => invalid(&manager, &list, (&origin, &text), str::to_owned),
        Refusal::Conflict(Some(now)) => outdated(&names, &now, Some(&draft)),
        other @ (Refusal::Conflict(None) | Refusal::Store(_) | Refusal::Unable(_)) => refused(other, None),
    })?;
    // As it is kept: with its secrets sealed.
    let kept = written(&manager, &names).await?.ok_or_else(gone)?;
    if kept.version != version {
        return Err(outdated(&names, &kept, Some(&draft)));
    }
    Ok(Changed { version, value: settings(&names, &read(&kept)?) })
}

/// What a profile is to be called.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewName {
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// Another business unit; without it the profile stays where it is.
    #[serde(default)]
    unit: Option<String>,
}

/// What a profile is called.
#[derive(Debug, Serialize, JsonSchema)]
struct Called {
    unit: String,
    profile: String,
}

/// A name that the path of a profile takes.
fn name<T, E: std::fmt::Display>(field: &str, read: Result<T, E>) -> Result<T, Problem> {
    read.map_err(|error| Problem::field(field, format!("the name {error}")))
}

async fn rename(
    call: Call,
    (Named(names), seen, Json(wanted)): (Named<OfProfile>, Seen, Json<NewName>),
) -> Result<Changed<Called>, Problem> {
    let Call { manager, caller } = call;
    let now = written(&manager, &names).await?.ok_or_else(none)?;
    let expected = seen.expects(now.version).ok_or_else(|| outdated(&names, &now, None))?;
    let profile = name("name", ProfileName::of_new(&wanted.name))?;
    let unit = wanted.unit.as_deref().map(|it| name("unit", UnitName::new(it))).transpose()?;
    let mut draft = read(&now)?;
    let mut set = |key: &str, text: &str| {
        let set = draft.set(&[key], &Value::Text(text.to_owned()));
        set.map_err(|error| Kind::Conflict.says(error.to_string()))
    };
    set("name", profile.as_str())?;
    if let Some(unit) = &unit {
        set("unit", unit.as_str())?;
    }
    let called = Called { unit: unit.map_or(names.unit, |it| it.to_string()), profile: profile.to_string() };
    let text = draft.to_string();
    let origin = format!("{}/{}{MARK}", called.unit, called.profile);
    let order = ProfileOrder { by: caller.signs(), name: now.name, expected, text: Some(text.clone()) };
    let version = manager.house.change_profile(order).await.map_err(|why| match why {
        Refusal::Findings(list) => invalid(&manager, &list, (&origin, &text), str::to_owned),
        other @ (Refusal::Conflict(_) | Refusal::Store(_) | Refusal::Unable(_)) => refused(other, None),
    })?;
    Ok(Changed { version, value: called })
}

/// A new profile: of a type, or as a copy.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewProfile {
    #[schemars(length(min = 1, max = 128))]
    unit: String,
    #[schemars(length(min = 1, max = 128))]
    name: String,
    /// Of the language engine: `dialogflow-v2`. A copy may leave it out.
    #[serde(default)]
    r#type: Option<String>,
    /// The profile that it is a copy of.
    #[serde(default)]
    from: Option<CopyOf>,
    /// By their paths, as they are changed.
    #[serde(default)]
    settings: Map<String, JsonValue>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CopyOf {
    unit: String,
    profile: String,
}

async fn begun(manager: &Manager, wanted: &NewProfile) -> Result<Draft, Problem> {
    let known = drafting::known(manager);
    let kind = wanted.r#type.as_deref().unwrap_or_default();
    if !kind.is_empty() && !known.kinds.iter().any(|it| it.kind == kind) {
        let all: Vec<&str> = known.kinds.iter().map(|it| it.kind).collect();
        return Err(Problem::field("type", format!("there is no such type: there are {}", all.join(", "))));
    }
    let Some(CopyOf { unit, profile }) = &wanted.from else {
        if kind.is_empty() {
            return Err(Problem::field("type", "a profile that is no copy needs a type"));
        }
        return Ok(drafting::begun("", kind));
    };
    match drafting::copied(manager, (unit.clone(), profile.clone()), kind, &known).await {
        Ok(Some(draft)) => Ok(draft),
        Ok(None) => Err(Problem::field("from", "there is no such profile in this business unit")),
        Err(Failed::Shape(error)) => Err(Kind::Conflict.says(error.to_string())),
        Err(Failed::Store(error)) => Err(error.into()),
    }
}

async fn add(call: Call, Json(wanted): Json<NewProfile>) -> Result<MadeKept<Settings>, Problem> {
    let Call { manager, caller } = call;
    let unit = name("unit", UnitName::new(&wanted.unit))?;
    let profile = name("name", ProfileName::of_new(&wanted.name))?;
    if let Some(own) = ["name", "unit", "type"].into_iter().find(|it| wanted.settings.contains_key(*it)) {
        let text = format!("`{own}` is said beside `settings`, and not in it");
        return Err(Problem::field(&format!("settings.{own}"), text));
    }
    let mut draft = begun(&manager, &wanted).await?;
    put(&manager, &mut draft, &wanted.settings, "settings.")?;
    for (key, text) in [("name", profile.as_str()), ("unit", unit.as_str())] {
        let set = draft.set(&[key], &Value::Text(text.to_owned()));
        set.map_err(|error| Kind::Conflict.says(error.to_string()))?;
    }
    let (text, document) = (draft.to_string(), format!("{unit}/{profile}"));
    let origin = format!("{document}{MARK}");
    let order = ProfileOrder { by: caller.signs(), name: document, expected: Expected::New, text: Some(text.clone()) };
    let field = |path: &str| {
        let is_own = matches!(path, "name" | "unit" | "type");
        if is_own { path.to_owned() } else { format!("settings.{path}") }
    };
    let version = manager.house.change_profile(order).await.map_err(|why| match why {
        Refusal::Findings(list) => invalid(&manager, &list, (&origin, &text), field),
        Refusal::Conflict(_) => Kind::Conflict.says("there is a profile of this name already"),
        other @ (Refusal::Store(_) | Refusal::Unable(_)) => refused(other, None),
    })?;
    let names = OfProfile { unit: unit.to_string(), profile: profile.to_string() };
    let at = format!("{}/profiles/{}/{}", super::PREFIX, address::part(&names.unit), address::part(&names.profile));
    let kept = written(&manager, &names).await?.ok_or_else(|| Kind::Conflict.says("it is gone again already"))?;
    Ok(MadeKept { at, version, value: settings(&names, &read(&kept)?) })
}
