//! Routing engines that may attach: for which business units, and the tokens that they prove themselves by.

use schemars::JsonSchema;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named, Seen},
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem},
    told::{Changed, Done, Kept, MadeKept, Shown},
    units::{findings, of_file},
};
use crate::{
    config::{EngineText, Finding, settings},
    core::ids::EngineId,
    gateway::storage::Document,
    manager::{
        Manager, address,
        estate::{self, Failed, Written},
        people::Role,
        ports::Refusal,
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/engines", Role::Administrator, "listEngines")
            .says("Routing engines that may attach", "With how many lanes of each are attached now.")
            .by(list),
        Draft::post("/engines", Role::Administrator, "addEngine")
            .says("Let a routing engine in", "The answer has its token, which is nowhere else.")
            .refuses(&[Kind::Conflict])
            .by(add),
        Draft::get("/engines/{engine}", Role::Administrator, "getEngine")
            .says("One routing engine", "One that is written in a file is not shown here.")
            .refuses(&[Kind::Conflict])
            .by(show),
        Draft::put("/engines/{engine}", Role::Administrator, "changeEngine")
            .says("Change for which business units a routing engine may attach", "A business unit has one engine.")
            .refuses(&[Kind::Conflict])
            .by(change),
        Draft::delete("/engines/{engine}", Role::Administrator, "removeEngine")
            .says("Remove a routing engine", "It may not attach any more, and its lanes are cut at once. Its contacts wait for an engine of their business unit, and are given up after a while.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(remove),
        Draft::post("/engines/{engine}/token", Role::Administrator, "renewEngineToken")
            .says("Make a new token for a routing engine", "The answer has it; it is nowhere else. The one before it is refused at once, or stays good until it is ended.")
            .refuses(&[Kind::Conflict])
            .by(new_token),
        Draft::delete("/engines/{engine}/former-token", Role::Administrator, "endFormerEngineToken")
            .says("End a routing engine's former token", "Lanes that were opened with it are cut.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(end_former),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct AdmittedEngine {
    engine: String,
    /// Business units that it may attach for.
    units: Vec<String>,
    /// Its streams now; 0: it is not attached.
    lanes: usize,
    /// It has a new token, and the one before it is still good.
    has_former_token: bool,
    /// The file, or the Web Manager's document.
    written_in: String,
    /// It can be changed here.
    is_kept: bool,
}

impl AdmittedEngine {
    fn of(manager: &Manager, engine: &settings::Engine) -> Self {
        Self {
            engine: engine.id.to_string(),
            units: engine.units.iter().map(ToString::to_string).collect(),
            lanes: manager.lanes_of(&engine.id),
            has_former_token: engine.former_token_sha256.is_some(),
            written_in: engine.origin.clone(),
            is_kept: Written::of(&engine.origin) == Written::Here,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct AdmittedEngines {
    engines: Vec<AdmittedEngine>,
}

async fn list(call: Call, (): ()) -> Result<Shown<AdmittedEngines>, Problem> {
    let loaded = call.manager.house.configuration();
    let engines = loaded.settings.engines.iter().map(|it| AdmittedEngine::of(&call.manager, it)).collect();
    Ok(Shown(AdmittedEngines { engines }))
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewEngine {
    /// As the engine calls itself when it attaches.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["east"]))]
    engine: String,
    /// Business units that it may attach for.
    #[schemars(extend("examples" = [["clinic"]]))]
    units: Vec<String>,
}

/// Shown this once.
#[derive(Debug, Serialize, JsonSchema)]
struct EngineToken {
    engine: String,
    token: String,
}

impl EngineToken {
    fn of(engine: &str, token: &SecretString) -> Self {
        Self { engine: engine.to_owned(), token: token.expose_secret().to_owned() }
    }
}

async fn add(call: Call, Json(wanted): Json<NewEngine>) -> Result<MadeKept<EngineToken>, Problem> {
    let Call { manager, caller } = call;
    let id = EngineId::of_new(&wanted.engine).map_err(|why| Problem::field("engine", format!("the id {why}")))?;
    let estate::EngineToken { token, version } =
        manager.add_engine(&caller.signs(), &id, wanted.units).await.map_err(|why| match why {
            Failed::Refused(Refusal::Conflict(_)) => {
                Kind::Conflict.says("there is a routing engine of this id already")
            }
            why @ (Failed::Unknown | Failed::OfFile(_) | Failed::InUse(_) | Failed::Refused(_)) => failed(why),
        })?;
    let at = format!("{}/engines/{}", super::PREFIX, address::part(id.as_str()));
    Ok(MadeKept { at, version, value: EngineToken::of(id.as_str(), &token) })
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfEngine {
    /// As the engine calls itself.
    #[schemars(length(min = 1, max = 128), extend("examples" = ["east"]))]
    engine: String,
}

/// As it is written, without its tokens.
#[derive(Debug, Serialize, JsonSchema)]
struct WrittenEngine {
    engine: String,
    /// Business units that it may attach for.
    units: Vec<String>,
    /// It has a new token, and the one before it is still good.
    has_former_token: bool,
}

impl From<EngineText> for WrittenEngine {
    fn from(it: EngineText) -> Self {
        Self { engine: it.id, units: it.units, has_former_token: it.former_token_sha256.is_some() }
    }
}

async fn found(manager: &Manager, name: &OfEngine) -> Result<(EngineText, Document), Problem> {
    manager.engine(&name.engine).await.map_err(failed)
}

async fn show(call: Call, Named(name): Named<OfEngine>) -> Result<Kept<WrittenEngine>, Problem> {
    let (engine, document) = found(&call.manager, &name).await?;
    Ok(Kept { version: document.version, value: engine.into() })
}

/// What was to be made of it; `None`: something that no list tells, as another token.
type Sent<'a> = Option<&'a [String]>;

fn outdated((engine, document): (EngineText, &Document), sent: Sent<'_>) -> Problem {
    let json = |engine: EngineText| serde_json::to_value(WrittenEngine::from(engine)).unwrap_or_default();
    let sent = sent.map(|units| json(EngineText { units: units.to_vec(), ..engine.clone() }));
    let sent = sent.map(|it| serde_json::to_string_pretty(&it).unwrap_or_default());
    let said = format!("{} has changed this routing engine meanwhile: nothing was changed", document.changed_by);
    let by = (document.changed_by.as_str(), document.changed_at);
    Kind::Outdated.says(said).now(Current::new(document.version, by, json(engine), sent.as_deref()))
}

/// It is in the state that was seen; otherwise what it is now.
async fn seen_as_it_is(manager: &Manager, name: &OfEngine, (seen, sent): (&Seen, Sent<'_>)) -> Result<u64, Problem> {
    let (engine, document) = found(manager, name).await?;
    if seen.expects(document.version).is_none() {
        return Err(outdated((engine, &document), sent));
    }
    Ok(document.version)
}

/// Somebody may have been faster even so.
async fn refused(manager: &Manager, name: &OfEngine, (why, sent): (Failed, Sent<'_>)) -> Problem {
    match why {
        Failed::Refused(Refusal::Conflict(_)) => match found(manager, name).await {
            Ok((engine, document)) => outdated((engine, &document), sent),
            Err(problem) => problem,
        },
        why @ (Failed::Unknown | Failed::OfFile(_) | Failed::InUse(_) | Failed::Refused(_)) => failed(why),
    }
}

/// The body has two fields, and the validation speaks of both.
fn field(finding: &Finding) -> Option<&'static str> {
    let at = finding.location.as_ref()?;
    if !at.file.starts_with("engine ") {
        return None;
    }
    Some(if finding.message.to_string().starts_with("engine ") { "engine" } else { "units" })
}

fn failed(why: Failed) -> Problem {
    match why {
        Failed::Unknown | Failed::InUse(_) => Kind::NotFound.says("there is no such routing engine"),
        Failed::OfFile(file) => of_file(&file),
        Failed::Refused(Refusal::Findings(list)) => findings(&list, field),
        Failed::Refused(Refusal::Conflict(_)) => Kind::NotFound.says("there is no such routing engine any more"),
        Failed::Refused(Refusal::Store(error)) => error.into(),
        Failed::Refused(Refusal::Unable(why)) => Kind::Conflict.says(why.to_string()),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ChangedEngine {
    /// As the path has it, or not at all.
    #[serde(default)]
    #[schemars(skip)]
    engine: Option<String>,
    /// As it is shown, or not at all.
    #[serde(default)]
    #[schemars(skip)]
    has_former_token: Option<bool>,
    /// Business units that it may attach for.
    #[schemars(extend("examples" = [["clinic"]]))]
    units: Vec<String>,
}

async fn change(
    call: Call,
    (Named(name), seen, Json(wanted)): (Named<OfEngine>, Seen, Json<ChangedEngine>),
) -> Result<Changed<WrittenEngine>, Problem> {
    let Call { manager, caller } = call;
    let sent = Some(wanted.units.as_slice());
    let version = seen_as_it_is(&manager, &name, (&seen, sent)).await?;
    if wanted.engine.is_some_and(|it| it != name.engine) {
        return Err(Problem::field("engine", "the path names another routing engine: one keeps its id"));
    }
    if let Some(former) = wanted.has_former_token
        && former != found(&manager, &name).await?.0.former_token_sha256.is_some()
    {
        return Err(Problem::field("has_former_token", "`has_former_token` is not changed here: leave it out"));
    }
    let changed = manager.change_engine(&caller.signs(), &name.engine, version, wanted.units.clone()).await;
    if let Err(why) = changed {
        return Err(refused(&manager, &name, (why, sent)).await);
    }
    as_it_is(&manager, &name).await
}

/// Body and tag are of one state, whoever else was there in between.
async fn as_it_is(manager: &Manager, name: &OfEngine) -> Result<Changed<WrittenEngine>, Problem> {
    let (engine, document) = found(manager, name).await?;
    Ok(Changed { version: document.version, value: engine.into() })
}

async fn remove(call: Call, (Named(name), seen): (Named<OfEngine>, Seen)) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let version = seen_as_it_is(&manager, &name, (&seen, None)).await?;
    match manager.remove_engine(&caller.signs(), &name.engine, version).await {
        Ok(()) => Ok(Done),
        Err(why) => Err(refused(&manager, &name, (why, None)).await),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NewToken {
    /// The token before it stays good until it is ended.
    keep_former: bool,
}

async fn new_token(
    call: Call,
    (Named(name), seen, Json(wanted)): (Named<OfEngine>, Seen, Json<NewToken>),
) -> Result<Changed<EngineToken>, Problem> {
    let Call { manager, caller } = call;
    let version = seen_as_it_is(&manager, &name, (&seen, None)).await?;
    match manager.new_engine_token(&caller.signs(), &name.engine, (version, wanted.keep_former)).await {
        Ok(estate::EngineToken { token, version }) => {
            Ok(Changed { version, value: EngineToken::of(&name.engine, &token) })
        }
        Err(why) => Err(refused(&manager, &name, (why, None)).await),
    }
}

async fn end_former(
    call: Call,
    (Named(name), seen): (Named<OfEngine>, Seen),
) -> Result<Changed<WrittenEngine>, Problem> {
    let Call { manager, caller } = call;
    let version = seen_as_it_is(&manager, &name, (&seen, None)).await?;
    // There is none: nothing is to be done, and nothing to be told by the log.
    if found(&manager, &name).await?.0.former_token_sha256.is_none() {
        return as_it_is(&manager, &name).await;
    }
    match manager.end_former_token(&caller.signs(), &name.engine, version).await {
        Ok(_version) => as_it_is(&manager, &name).await,
        Err(why) => Err(refused(&manager, &name, (why, None)).await),
    }
}
