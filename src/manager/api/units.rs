//! Business units: what all of them are, and one that is kept by the Web Manager as it is written.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    asked::{Json, Named, Seen, SeenOrNew},
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem, Told},
    told::{Done, Kept, Put, Shown},
};
use crate::{
    config::{Finding, Severity, UnitText, settings},
    core::ids::UnitName,
    gateway::storage::{Document, DocumentKind},
    manager::{
        Manager, address,
        drafting::MARK,
        estate::{Failed, Written, field_of_unit},
        people::Role,
        ports::Refusal,
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/units", Role::Viewer, "listUnits")
            .says("Business units", "With the profiles and the routing engines of each, and whether those are attached.")
            .by(list),
        Draft::get("/units/{unit}", Role::Administrator, "getUnit")
            .says("One business unit as it is written", "One that is written in a file is not shown here. A default, which nobody has written, has a state as well: changing it writes it.")
            .refuses(&[Kind::Conflict])
            .by(show),
        Draft::put("/units/{unit}", Role::Administrator, "putUnit")
            .says("Add or change a business unit", "All of it: what is left out is empty. It is validated with the whole configuration, and is in force at once. Default units go once another is added, except those that are in use.")
            .refuses(&[Kind::Conflict, Kind::NotFound])
            .by(put),
        Draft::delete("/units/{unit}", Role::Administrator, "removeUnit")
            .says("Remove a business unit", "One that profiles or routing engines go by stays: they are named.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct RoutingEngine {
    engine: String,
    /// Its streams now; 0: it is not attached.
    lanes: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BusinessUnit {
    unit: String,
    /// Of dates and times that customers say.
    zone: String,
    /// Of phone numbers without a country code.
    country: String,
    languages: Vec<String>,
    media_servers: Vec<String>,
    /// Of all its profiles, by name.
    actions: Vec<String>,
    profiles: Vec<String>,
    /// That may attach for it.
    routing_engines: Vec<RoutingEngine>,
    /// The routing engine has told its users and queues since the start.
    has_directory: bool,
    /// `default`, or the file, or the Web Manager's document.
    written_in: String,
    /// It can be changed here.
    is_kept: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
struct BusinessUnits {
    units: Vec<BusinessUnit>,
}

async fn list(call: Call, (): ()) -> Result<Shown<BusinessUnits>, Problem> {
    let loaded = call.manager.house.configuration();
    let now = call.manager.gateway.units_now();
    let settings = &loaded.settings;
    let told = |unit: &settings::Unit| {
        let here = now.iter().find(|it| it.unit == unit.name);
        let lanes = |engine| here.and_then(|it| it.engines.iter().find(|(id, _)| id == engine)).map_or(0, |it| it.1);
        let engines = settings.engines.iter().filter(|it| it.units.contains(&unit.name));
        let mut actions: Vec<String> = unit.actions.iter().map(|it| it.name.to_string()).collect();
        // An action for several kinds of contacts is one.
        actions.sort();
        actions.dedup();
        BusinessUnit {
            unit: unit.name.to_string(),
            zone: unit.zone.clone(),
            country: unit.country.clone(),
            languages: unit.languages.clone(),
            media_servers: unit.media_servers.clone(),
            actions,
            profiles: settings
                .profiles
                .iter()
                .filter(|it| it.unit == unit.name)
                .map(|it| it.name.to_string())
                .collect(),
            routing_engines: engines
                .map(|it| RoutingEngine { engine: it.id.to_string(), lanes: lanes(&it.id) })
                .collect(),
            has_directory: here.is_some_and(|it| it.has_directory),
            written_in: unit.origin.clone(),
            is_kept: Written::of(&unit.origin) != Written::InAFile,
        }
    };
    let mut units: Vec<BusinessUnit> = loaded.units.iter().map(told).collect();
    units.sort_by(|a, b| a.unit.cmp(&b.unit));
    Ok(Shown(BusinessUnits { units }))
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(super) struct OfUnit {
    /// As the contact centre calls it.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["clinic"]))]
    pub(super) unit: String,
}

/// As it is written; secrets in its actions are sealed.
#[derive(Debug, Serialize, JsonSchema)]
struct WrittenUnit {
    unit: String,
    zone: String,
    country: String,
    languages: Vec<String>,
    media_servers: Vec<String>,
    /// TOML.
    actions: String,
}

impl From<UnitText> for WrittenUnit {
    fn from(it: UnitText) -> Self {
        let UnitText { name: unit, zone, country, languages, media_servers, actions } = it;
        let actions = actions.trim().to_owned();
        Self { unit, zone, country, languages, media_servers, actions }
    }
}

pub(super) fn none() -> Problem {
    Kind::NotFound.says("there is no such business unit")
}

pub(super) fn of_file(file: &str) -> Problem {
    Kind::Conflict.says(format!("this is written in {file}: it is changed there, and takes effect at once"))
}

/// What there is of it here, and its version; `None`: there is no such unit.
async fn written(manager: &Manager, name: &str) -> Result<Option<(UnitText, u64)>, Problem> {
    match manager.unit(name).await {
        Ok(found) => Ok(Some(found)),
        Err(Failed::Unknown) => Ok(None),
        Err(why) => Err(failed(why, None)),
    }
}

async fn show(call: Call, Named(OfUnit { unit }): Named<OfUnit>) -> Result<Kept<WrittenUnit>, Problem> {
    let (text, version) = written(&call.manager, &unit).await?.ok_or_else(none)?;
    Ok(Kept { version, value: text.into() })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedUnit {
    /// As the path has it, or not at all.
    #[serde(default)]
    #[schemars(skip)]
    unit: Option<String>,
    /// An IANA name.
    #[schemars(extend("examples" = ["Europe/Berlin"]))]
    zone: String,
    /// Two capital letters of ISO 3166.
    #[schemars(extend("examples" = ["DE"]))]
    country: String,
    /// Tags as `de` or `en-US`. A profile that names no language speaks the first.
    #[serde(default)]
    #[schemars(extend("examples" = [["de", "en-US"]]))]
    languages: Vec<String>,
    /// Host names or addresses.
    #[serde(default)]
    #[schemars(extend("examples" = [["media.example.com"]]))]
    media_servers: Vec<String>,
    /// `[[unit.action]]`, one after the other, as TOML. Secrets are typed as they are, or stay sealed as they were read.
    #[serde(default)]
    #[schemars(extend("examples" = [""]))]
    actions: String,
}

impl WantedUnit {
    fn named(self, name: &str) -> Result<UnitText, Problem> {
        let Self { unit, zone, country, languages, media_servers, actions } = self;
        // What stands before the first line with a word stays: findings are told by the lines that were sent.
        let actions = actions.replace("\r\n", "\n").trim_end().to_owned();
        if unit.is_some_and(|it| it != name) {
            return Err(Problem::field(
                "unit",
                format!("the path names business unit {name}: a business unit keeps its name"),
            ));
        }
        Ok(UnitText { name: name.to_owned(), zone, country, languages, media_servers, actions })
    }
}

fn value(unit: UnitText) -> Value {
    serde_json::to_value(WrittenUnit::from(unit)).unwrap_or_default()
}

fn pretty(sent: Option<&UnitText>) -> Option<String> {
    sent.map(|it| serde_json::to_string_pretty(&value(it.clone())).unwrap_or_default())
}

pub(super) fn outdated(now: &Document, sent: Option<&UnitText>) -> Problem {
    let text = UnitText::read(&String::from_utf8_lossy(&now.body)).unwrap_or_default();
    if now.version == 0 {
        return default_now(now.version, text, sent);
    }
    let said = format!("{} has changed this business unit meanwhile: nothing was changed", now.changed_by);
    let by = (now.changed_by.as_str(), now.changed_at);
    Kind::Outdated.says(said).now(Current::new(now.version, by, value(text), pretty(sent).as_deref()))
}

/// It is not in the state that was seen.
async fn other(manager: &Manager, (now, version): (UnitText, u64), sent: Option<&UnitText>) -> Problem {
    if version > 0 {
        match manager.people.document(DocumentKind::Unit, &now.name).await {
            Ok(Some(document)) => return outdated(&document, sent),
            // Removed a moment ago: what was read is told.
            Ok(None) => {}
            Err(error) => return error.into(),
        }
    }
    default_now(version, now, sent)
}

/// Nobody has written it.
fn default_now(version: u64, now: UnitText, sent: Option<&UnitText>) -> Problem {
    let said = "this business unit is there as a default: nothing was changed";
    Kind::Outdated.says(said).now(Current::default_now(version, value(now), pretty(sent).as_deref()))
}

fn gone() -> Problem {
    Kind::NotFound.says(
        "there is no such business unit: somebody else has removed it, or it never was; `If-None-Match: *` makes it",
    )
}

pub(super) fn failed(why: Failed, sent: Option<&UnitText>) -> Problem {
    match why {
        Failed::Unknown => none(),
        Failed::OfFile(file) if Written::of(&file) == Written::Nowhere => {
            Kind::Conflict.says("this business unit is a default, which nobody has written: there is nothing to remove")
        }
        Failed::OfFile(file) => of_file(&file),
        Failed::InUse(users) => {
            let users = users.join(", ");
            let text = format!("the business unit is in use: {users}; remove them or move them to another one first");
            Kind::Conflict.says(text)
        }
        Failed::Refused(Refusal::Findings(list)) => match sent {
            Some(sent) => of_sent(&list, sent),
            None => findings(&list, field_of_unit),
        },
        Failed::Refused(Refusal::Conflict(Some(now))) if sent.is_none_or(|it| it.name == now.name) => {
            outdated(&now, sent)
        }
        Failed::Refused(Refusal::Conflict(Some(now))) => {
            Kind::Conflict.says(format!("business unit {} has come meanwhile: try again", now.name))
        }
        Failed::Refused(Refusal::Conflict(None)) => gone(),
        Failed::Refused(Refusal::Store(error)) => error.into(),
        Failed::Refused(Refusal::Unable(why)) => Kind::Conflict.says(why.to_string()),
    }
}

/// What is found in a unit's text: its actions are told at the lines of the field as it was sent.
fn of_sent(list: &[Finding], sent: &UnitText) -> Problem {
    let document = format!("{} {}{MARK}", DocumentKind::Unit.label(), sent.name);
    // Whatever stands before the actions, and an empty line.
    let before = UnitText { actions: String::new(), ..sent.clone() }.write().lines().count() + 1;
    // What is written begins with a word.
    let blank = sent.actions.get(..sent.actions.len() - sent.actions.trim_start().len()).unwrap_or_default();
    let (lines, indent) = (blank.matches('\n').count(), blank.chars().rev().take_while(|it| *it != '\n').count());
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    let told = errors.map(|it| match it.location.as_ref().filter(|at| at.file == document && at.line > before) {
        Some(at) => {
            let indent = if at.line == before + 1 { indent } else { 0 };
            let (line, column) = (Some(at.line - before + lines), Some(at.column + indent));
            Told { field: Some("actions".to_owned()), file: None, line, column, ..Told::of(it) }
        }
        None => Told { field: field_of_unit(it).map(str::to_owned), ..Told::of(it) },
    });
    Problem::findings(list).with(told.collect())
}

/// What the validation says, with the field of the body that it is about where that is known.
pub(super) fn findings(list: &[Finding], field: impl Fn(&Finding) -> Option<&'static str>) -> Problem {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    let told = errors.map(|it| Told { field: field(it).map(str::to_owned), ..Told::of(it) }).collect();
    Problem::findings(list).with(told)
}

async fn put(
    call: Call,
    (Named(OfUnit { unit }), seen, Json(wanted)): (Named<OfUnit>, SeenOrNew, Json<WantedUnit>),
) -> Result<Put, Problem> {
    let Call { manager, caller } = call;
    let wanted = wanted.named(&unit)?;
    let by = caller.signs();
    match (written(&manager, &unit).await?, seen) {
        (None, SeenOrNew::New) => {
            if let Err(why) = UnitName::of_new(&unit) {
                return Err(Problem::field("unit", format!("the name {why}")));
            }
            let version = manager.add_unit(&by, &wanted).await.map_err(|why| failed(why, Some(&wanted)))?;
            Ok(Put { version, made_at: Some(format!("{}/units/{}", super::PREFIX, address::part(&unit))) })
        }
        (None, SeenOrNew::Seen(_)) => Err(gone()),
        (Some(now), SeenOrNew::New) => Err(other(&manager, now, Some(&wanted)).await),
        (Some(now), SeenOrNew::Seen(seen)) if seen.expects(now.1).is_none() => {
            Err(other(&manager, now, Some(&wanted)).await)
        }
        (Some((_, version)), SeenOrNew::Seen(_)) => {
            let changed = manager.change_unit(&by, version, &wanted).await;
            let version = changed.map_err(|why| failed(why, Some(&wanted)))?;
            Ok(Put { version, made_at: None })
        }
    }
}

async fn remove(call: Call, (Named(OfUnit { unit }), seen): (Named<OfUnit>, Seen)) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let now = written(&manager, &unit).await?.ok_or_else(none)?;
    if seen.expects(now.1).is_none() {
        return Err(other(&manager, now, None).await);
    }
    manager.remove_unit(&caller.signs(), &unit, now.1).await.map_err(|why| failed(why, None))?;
    Ok(Done)
}
