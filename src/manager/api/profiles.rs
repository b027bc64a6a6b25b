//! Profiles: what is in force, and the text that one is written in.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    actions::Does,
    asked::{Named, Seen, SeenOrNew, Toml},
    contacts::MediaType,
    etag,
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem},
    settings::by_path,
    told::{Done, Found, KeptToml, Put, Shown},
};
use crate::{
    config::{self, settings},
    core::agent::Standing,
    gateway::storage::{Document, Expected},
    manager::{
        Manager, address,
        drafting::{MARK, document_of, misnamed},
        pages::profiles,
        people::Role,
        ports::{ProfileOrder, Refusal},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/profiles", Role::Viewer, "listProfiles").says("Profiles that are in force", "").by(list),
        Draft::get("/profiles/{unit}/{profile}", Role::Viewer, "getProfile")
            .says("One profile with every setting", "Each setting with where it is written. Secrets are hidden.")
            .by(show),
        Draft::get("/profiles/{unit}/{profile}/source", Role::Administrator, "getProfileSource")
            .says("The text of a profile", "As it is kept by the Web Manager, secrets sealed: `usher check` takes it as a file where the same master key is. A profile that is a file is not shown here.")
            .refuses(&[Kind::Conflict])
            .by(source),
        Draft::put("/profiles/{unit}/{profile}/source", Role::Administrator, "putProfileSource")
            .says("Write a profile", "The text is validated as a file would be, with the whole configuration, and is in force at once. Secrets are typed as they are, or stay sealed as they were read; they are sealed before they are kept. The text has to name the profile as the path does.")
            .refuses(&[Kind::Conflict, Kind::NotFound])
            .by(put),
        Draft::delete("/profiles/{unit}/{profile}/source", Role::Administrator, "removeProfile")
            .says("Remove a profile", "Contacts that it has go on to their end; new ones are not taken.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove),
        Draft::post("/profiles/{unit}/{profile}/check", Role::Operator, "checkProfile")
            .says("Test a profile's credentials", "Asks every engine of it now whether it takes them, as `usher check --online` does.")
            .refuses(&[Kind::Conflict])
            .by(check),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct OfProfile {
    /// The business unit.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["sales"]))]
    pub(super) unit: String,
    #[schemars(length(min = 1, max = 128), extend("examples" = ["support"]))]
    pub(super) profile: String,
}

impl OfProfile {
    pub(super) fn find(&self, manager: &Manager) -> Option<(usize, Arc<settings::Profile>)> {
        let loaded = manager.house.configuration();
        let mut all = loaded.settings.profiles.iter().enumerate();
        let found = all.find(|(_, it)| it.unit.as_str() == self.unit && it.name.as_str() == self.profile);
        found.map(|(index, it)| (index, Arc::clone(it)))
    }
}

pub(super) fn none() -> Problem {
    Kind::NotFound.says("there is no such profile in this business unit")
}

#[derive(Debug, Serialize, JsonSchema)]
struct Engine {
    /// What the profile calls it.
    engine: String,
    /// Its type.
    r#type: String,
    /// Why it is not asked for the moment; `null`: it is asked.
    outage: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Action {
    name: String,
    media: MediaType,
    does: Does,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Profile {
    unit: String,
    profile: String,
    /// Of its primary engine.
    r#type: String,
    /// The file, or the Web Manager's document, that it is written in.
    written_in: String,
    /// It can be changed here.
    is_kept: bool,
    /// Who has paused it: new contacts go to its fallback queue.
    paused_by: Option<String>,
    paused_at: Option<Moment>,
    engines: Vec<Engine>,
    /// The virtual agents that are assigned to it.
    agents: Vec<String>,
    logged_on: usize,
    actions: Vec<Action>,
}

impl Profile {
    fn of(manager: &Manager, profile: &settings::Profile) -> Self {
        let roster = manager.gateway.roster();
        let served =
            roster.profiles().iter().find(|it| it.rules.unit == profile.unit && it.rules.profile == profile.name);
        let outage = |name| served.and_then(|it| it.engines().find(name)).and_then(|it| it.outage());
        let engines = profile.engines.all().map(|(name, it)| Engine {
            engine: name.to_owned(),
            r#type: it.schema.kind.to_owned(),
            outage: outage(name).map(|it| it.advice.to_string()),
        });
        let pause = manager.gateway.paused(&profile.unit, &profile.name);
        let agents = manager.gateway.agents_now();
        let own = agents.iter().filter(|it| it.unit == profile.unit && it.profile.as_ref() == Some(&profile.name));
        let actions = profile.rules.actions.iter();
        Self {
            unit: profile.unit.to_string(),
            profile: profile.name.to_string(),
            r#type: profile.engines.primary.schema.kind.to_owned(),
            written_in: profile.origin.clone(),
            is_kept: document_of(&profile.origin).is_some(),
            paused_at: pause.as_ref().map(|it| Moment(it.since)),
            paused_by: pause.map(|it| it.by),
            engines: engines.collect(),
            agents: profile.rules.agents.iter().map(ToString::to_string).collect(),
            logged_on: own.filter(|it| it.standing == Standing::LoggedOn).count(),
            actions: actions
                .map(|it| Action { name: it.name.to_string(), media: it.media.into(), does: Does::from(&it.kind) })
                .collect(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Profiles {
    profiles: Vec<Profile>,
}

async fn list(call: Call, (): ()) -> Result<Shown<Profiles>, Problem> {
    let loaded = call.manager.house.configuration();
    let profiles = loaded.settings.profiles.iter().map(|it| Profile::of(&call.manager, it)).collect();
    Ok(Shown(Profiles { profiles }))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Setting {
    /// As `handover.queue`.
    key: String,
    /// In TOML; secrets are hidden.
    value: String,
    /// `default`, or the file or document with line and column.
    origin: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Whole {
    #[serde(flatten)]
    profile: Profile,
    settings: Vec<Setting>,
    /// What `If-Match` has to say to change it; `null`: it is written in a file.
    etag: Option<String>,
}

async fn show(call: Call, Named(names): Named<OfProfile>) -> Result<Shown<Whole>, Problem> {
    let loaded = call.manager.house.configuration();
    let (index, profile) = names.find(&call.manager).ok_or_else(none)?;
    let settings = profiles::of_profile(&loaded, index).into_iter();
    let settings =
        settings.map(|(key, it)| Setting { key, value: it.value.clone(), origin: it.origin.clone() }).collect();
    let etag = etag_of(&call.manager, &profile).await?;
    Ok(Shown(Whole { profile: Profile::of(&call.manager, &profile), settings, etag }))
}

/// What `If-Match` has to say to change a profile, in whatever way; `None`: it is written in a file.
pub(super) async fn etag_of(manager: &Manager, profile: &settings::Profile) -> Result<Option<String>, Problem> {
    let Some(name) = document_of(&profile.origin) else { return Ok(None) };
    Ok(manager.people.profile(name).await?.map(|it| etag::of_version(it.version)))
}

/// The document that a profile is written in; `None`: there is no such profile.
pub(super) async fn written(manager: &Manager, names: &OfProfile) -> Result<Option<Document>, Problem> {
    let Some((_, profile)) = names.find(manager) else { return Ok(None) };
    let Some(name) = document_of(&profile.origin) else {
        let text =
            format!("this profile is written in {}: it is changed there, and takes effect at once", profile.origin);
        return Err(Kind::Conflict.says(text));
    };
    Ok(manager.people.profile(name).await?)
}

async fn source(call: Call, Named(names): Named<OfProfile>) -> Result<KeptToml, Problem> {
    let document = written(&call.manager, &names).await?.ok_or_else(none)?;
    Ok(KeptToml { version: document.version, text: document.body })
}

pub(super) fn outdated(now: &Document, sent: Option<&str>) -> Problem {
    let text = String::from_utf8_lossy(&now.body).into_owned();
    let said = format!("{} has changed this profile meanwhile: nothing was changed", now.changed_by);
    let current = Current::new(now.version, (&now.changed_by, now.changed_at), text.into(), sent);
    Kind::Outdated.says(said).now(current)
}

/// The text names the profile that the path names.
fn is_named(manager: &Manager, names: &OfProfile, text: &str) -> Result<(), Problem> {
    // What is no TOML, or has no name, is told with its place where it is validated.
    let Some((unit, name)) = config::named_in(text) else { return Ok(()) };
    let loaded = manager.house.configuration();
    let only = loaded.settings.units.first().filter(|_| loaded.settings.units.len() == 1).map(ToString::to_string);
    if let Some(unit) = unit.or(only).filter(|it| *it != names.unit) {
        let text = format!("the text is of business unit {unit}, the path of {}: make them the same", names.unit);
        return Err(Problem::field("unit", text));
    }
    if name != names.profile {
        let text = format!("the text names the profile {name}, the path {}: make them the same", names.profile);
        return Err(Problem::field("name", text));
    }
    Ok(())
}

async fn put(
    call: Call,
    (Named(names), seen, Toml(text)): (Named<OfProfile>, SeenOrNew, Toml),
) -> Result<Put, Problem> {
    let Call { manager, caller } = call;
    let text = text.replace("\r\n", "\n");
    let found = written(&manager, &names).await?;
    let (name, expected) = match (found, seen) {
        (None, SeenOrNew::New) => (format!("{}/{}", names.unit, names.profile), Expected::New),
        (Some(now), SeenOrNew::New) => return Err(outdated(&now, Some(&text))),
        (None, SeenOrNew::Seen(_)) => return Err(gone()),
        (Some(now), SeenOrNew::Seen(seen)) => {
            let Some(expected) = seen.expects(now.version) else { return Err(outdated(&now, Some(&text))) };
            (now.name, expected)
        }
    };
    is_named(&manager, &names, &text)?;
    let kept = (expected != Expected::New).then_some(name.as_str());
    if let Some((field, why)) = misnamed(&text, kept) {
        return Err(Problem::field(field, format!("the name {why}")));
    }
    let order = ProfileOrder { by: caller.signs(), name, expected, text: Some(text.clone()) };
    let origin = format!("{}{MARK}", order.name);
    let version = manager.house.change_profile(order).await.map_err(|why| match why {
        Refusal::Findings(list) => {
            let told = by_path(&manager, &list, (&origin, &text)).into_iter().map(|(_, told)| told).collect();
            Problem::findings(&list).with(told)
        }
        other @ (Refusal::Conflict(_) | Refusal::Store(_) | Refusal::Unable(_)) => refused(other, Some(&text)),
    })?;
    let at = || {
        format!("{}/profiles/{}/{}/source", super::PREFIX, address::part(&names.unit), address::part(&names.profile))
    };
    Ok(Put { version, made_at: (expected == Expected::New).then(at) })
}

async fn remove(call: Call, (Named(names), seen): (Named<OfProfile>, Seen)) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let now = written(&manager, &names).await?.ok_or_else(none)?;
    let expected = seen.expects(now.version).ok_or_else(|| outdated(&now, None))?;
    let order = ProfileOrder { by: caller.signs(), name: now.name, expected, text: None };
    manager.house.change_profile(order).await.map_err(|why| refused(why, None))?;
    Ok(Done)
}

pub(super) fn gone() -> Problem {
    Kind::NotFound.says(
        "there is no such profile in this business unit: somebody else has removed it, or it never was; a text sent with `If-None-Match: *` makes it",
    )
}

pub(super) fn refused(why: Refusal, sent: Option<&str>) -> Problem {
    match why {
        Refusal::Findings(list) => Problem::findings(&list),
        Refusal::Conflict(Some(now)) => outdated(&now, sent),
        Refusal::Conflict(None) => gone(),
        Refusal::Store(error) => error.into(),
        Refusal::Unable(why) => Kind::Conflict.says(why.to_string()),
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    engine: String,
    /// It takes the credentials.
    is_good: bool,
    /// What it said.
    text: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Checks {
    engines: Vec<Checked>,
}

async fn check(call: Call, Named(names): Named<OfProfile>) -> Result<Found<Checks>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let told = call.manager.house.check_profile(profile).await.map_err(|why| Kind::Conflict.says(why.to_string()))?;
    let engines = told.into_iter().map(|(engine, told)| {
        let is_good = told.is_ok();
        Checked { engine, is_good, text: told.unwrap_or_else(|why| why).to_string() }
    });
    Ok(Found(Checks { engines: engines.collect() }))
}
