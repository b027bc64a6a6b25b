//! The store by hand: what is kept, a backup, another master key, a sweep, one contact erased. What is restored: `restoring`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Named, Seen},
    contacts::{self, OfContact},
    moment::Moment,
    names::Whole,
    operation::{Call, Draft, Operation},
    problem::{Current, Kind, Problem},
    told::{Accepted, Changed, Done, Found, Kept, Shown, Tar},
};
use crate::{
    core::ids::Timestamp,
    gateway::{
        erasing::{Erasing, Swept},
        storage::{DocumentKind, Erasure, SETTINGS},
    },
    manager::{
        Manager,
        keeping::{MAX_DAYS, NotRetained, Retention, Undone},
        people::Role,
        ports::{KeptStore, NoArchive, Overhauled, Refusal},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/store", Role::Administrator, "getStore")
            .says("What is kept", "How much, for how long, and under which key.")
            .by(show),
        Draft::post("/store/backup", Role::Administrator, "downloadBackup")
            .says("Download a backup", "A copy of everything as of one moment, while contacts go on. The master key is not in it: without it nothing sealed can be read. There is one at a time. `usher restore` puts it back.")
            .refuses(&[Kind::Conflict])
            .by(backup),
        Draft::post("/store/key/rotate", Role::Administrator, "rotateKey")
            .says("Change the master key", "Everything is sealed anew under another master key. The gateway ends for it in order and begins anew: it answers nothing for a moment, contacts go on, and `GET /store` tells in `last_overhaul` what came of it. Backups made before still need the old key. A key that the environment gives is changed at the machine.")
            .refuses(&[Kind::Conflict])
            .by(rotate),
        Draft::get("/store/retention", Role::Administrator, "getRetention")
            .says("How long timelines are kept", "")
            .by(retention),
        Draft::put("/store/retention", Role::Administrator, "putRetention")
            .says("Keep timelines for another time", "In force at once; the next sweep removes what is older, for good. A setting that stands in a file is changed there.")
            .refuses(&[Kind::Conflict])
            .by(retain),
        Draft::post("/store/prune", Role::Administrator, "pruneTimelines")
            .says("Remove old timelines", "Contacts that were over before so many days lose their keys and their records, for good. Contacts that are open go on, without what was said before then.")
            .by(prune),
        Draft::post("/contacts/{unit}/{contact}/erase", Role::Administrator, "eraseContact")
            .says("Erase a contact that is over", "Its key is destroyed: nobody can read what was said and done any more, in no way and for good. Every contact of this name is erased. Backups made before, the contact centre and the language engine are not reached.")
            .refuses(&[Kind::Conflict])
            .by(erase),
    ]
}

/// How long timelines are kept.
#[derive(Debug, Serialize, JsonSchema)]
struct KeptFor {
    /// After a contact is over.
    days: u64,
    /// Where that is written; `default`: nowhere.
    written_in: String,
}

impl From<&Retention> for KeptFor {
    fn from(it: &Retention) -> Self {
        Self { days: it.days, written_in: it.origin.clone().unwrap_or_else(|| "default".to_owned()) }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct LastSweep {
    at: Moment,
    /// Records that went; `null`: it failed.
    removed: Option<u64>,
    failed: Option<String>,
}

impl From<Swept> for LastSweep {
    fn from(Swept { at, records }: Swept) -> Self {
        Self { at: Moment(at), removed: records.as_ref().ok().copied(), failed: records.err() }
    }
}

/// What was done with the store while no gateway ran on it.
#[derive(Debug, Serialize, JsonSchema)]
struct Overhaul {
    /// `rotation`: everything was to be sealed under another master key; `restore`: a backup was to take the store's place.
    what: &'static str,
    by: String,
    at: Moment,
    is_done: bool,
    /// What was done, or why it was not and everything is as it was.
    told: String,
}

impl From<Overhauled> for Overhaul {
    fn from(Overhauled { what, by, at, told }: Overhauled) -> Self {
        let is_done = told.is_ok();
        Self {
            what: what.label(),
            by,
            at: Moment(at),
            is_done,
            told: told.map_or_else(|why| why.to_string(), |lines| lines.iter().map(|it| format!("{it}\n")).collect()),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct StoreNow {
    directory: String,
    /// Whose records are kept, those that are open or erased among them.
    contacts: u64,
    open: u64,
    erased: u64,
    records: u64,
    oldest_record: Option<Moment>,
    secrets: u64,
    /// Of the Web Manager.
    documents: u64,
    audit_lines: u64,
    /// Of the database.
    bytes: u64,
    /// Of its write-ahead log.
    log_bytes: u64,
    /// On its disk; `null`: that cannot be told.
    free_bytes: Option<u64>,
    /// Tells the master key from others, and nothing of it.
    key: String,
    /// It is given by the environment, and is in no file.
    key_from_environment: bool,
    retention: KeptFor,
    /// Since the start.
    last_sweep: Option<LastSweep>,
    /// Since the process began.
    last_overhaul: Option<Overhaul>,
}

async fn show(call: Call, (): ()) -> Result<Shown<StoreNow>, Problem> {
    let KeptStore { directory, holds, free_bytes, key, key_from_environment, begins_anew: _, past } =
        call.manager.house.keeper().kept().await?;
    let retention = call.manager.retention().await?;
    Ok(Shown(StoreNow {
        directory: directory.display().to_string(),
        contacts: holds.contacts,
        open: holds.open,
        erased: holds.erased,
        records: holds.records,
        oldest_record: holds.oldest_ms.map(|it| Moment(Timestamp(it))),
        secrets: holds.secrets,
        documents: holds.documents.values().sum(),
        audit_lines: holds.audit_lines,
        bytes: holds.bytes,
        log_bytes: holds.log_bytes,
        free_bytes,
        key,
        key_from_environment,
        retention: KeptFor::from(&retention),
        last_sweep: call.manager.gateway.swept().map(LastSweep::from),
        last_overhaul: past.map(Overhaul::from),
    }))
}

async fn backup(call: Call, (): ()) -> Result<Tar, Problem> {
    let archive = call.manager.backup(&call.caller.signs()).await;
    archive.map(Tar).map_err(|why| match why {
        NoArchive::Another => {
            Kind::Conflict.says("another backup is being fetched: there is one at a time; try again when it has ended")
        }
        NoArchive::NoSpace { needed, free } => Kind::NoSpace.says(format!(
            "the store's disk has no room for the copy: it takes {needed} bytes, and {free} are free; free some, or run \
             `usher backup` onto another disk"
        )),
        NoArchive::Store(error) => error.into(),
        NoArchive::Failed(why) => {
            tracing::error!(%why, "a backup cannot be made");
            Kind::Unavailable.says(format!("the backup cannot be made: {why}"))
        }
    })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Rotate {
    /// The id of the master key in use, as `key` of the store: nobody changes it without having looked.
    #[schemars(extend("examples" = ["0123456789abcdef"]))]
    from: String,
}

async fn rotate(call: Call, Json(wanted): Json<Rotate>) -> Result<Accepted, Problem> {
    call.manager.rotate(call.caller.signs(), wanted.from).await.map(|()| Accepted).map_err(no_overhaul)
}

/// Why the gateway goes on as it is.
pub(super) fn no_overhaul(why: Refusal) -> Problem {
    match why {
        Refusal::Findings(list) => Problem::findings(&list),
        Refusal::Store(error) => error.into(),
        Refusal::Unable(why) => Kind::Conflict.says(why.to_string()),
        Refusal::Conflict(_) => Kind::Conflict.says("somebody has changed this meanwhile: look at it again"),
    }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Prune {
    /// 0: all that are over.
    #[schemars(extend("examples" = [365]))]
    older_than_days: Whole<MAX_DAYS, 0>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Pruned {
    /// Records.
    removed: u64,
}

async fn prune(call: Call, Json(wanted): Json<Prune>) -> Result<Found<Pruned>, Problem> {
    let removed = call.manager.prune(call.caller.signs(), wanted.older_than_days.get()).await?;
    Ok(Found(Pruned { removed }))
}

async fn retention(call: Call, (): ()) -> Result<Kept<KeptFor>, Problem> {
    let now = call.manager.retention().await?;
    Ok(Kept { version: now.version, value: KeptFor::from(&now) })
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedRetention {
    /// After a contact is over.
    #[schemars(extend("examples" = [365]))]
    days: Whole<MAX_DAYS, 1>,
}

/// Somebody has changed the settings since they were seen.
async fn outdated(manager: &Manager) -> Result<Problem, Problem> {
    let now = manager.retention().await?;
    let value = serde_json::to_value(KeptFor::from(&now)).unwrap_or_default();
    let document = manager.people.document(DocumentKind::Settings, SETTINGS).await?;
    let current = match &document {
        Some(it) => Current::new(it.version, (&it.changed_by, it.changed_at), value, None),
        None => Current::default_now(now.version, value, None),
    };
    Ok(Kind::Outdated.says("somebody has changed the settings meanwhile: nothing was changed").now(current))
}

async fn retain(call: Call, (seen, Json(wanted)): (Seen, Json<WantedRetention>)) -> Result<Changed<KeptFor>, Problem> {
    let Call { manager, caller } = call;
    let now = manager.retention().await?;
    if seen.expects(now.version).is_none() {
        return Err(outdated(&manager).await?);
    }
    match manager.retain(&caller.signs(), (now.version, wanted.days.get())).await {
        Ok(()) => {
            let now = manager.retention().await?;
            Ok(Changed { version: now.version, value: KeptFor::from(&now) })
        }
        Err(NotRetained::OfFile(file)) => {
            Err(Kind::Conflict
                .says(format!("this is written in {file}: it is changed there, and takes effect at once")))
        }
        Err(NotRetained::Refused(Refusal::Conflict(_))) => Err(outdated(&manager).await?),
        Err(NotRetained::Refused(Refusal::Findings(list))) => Err(Problem::findings(&list)),
        Err(NotRetained::Refused(Refusal::Store(error))) => Err(error.into()),
        Err(NotRetained::Refused(Refusal::Unable(why))) => Err(Kind::Conflict.says(why.to_string())),
    }
}

impl From<Undone> for Problem {
    fn from(why: Undone) -> Self {
        match why {
            Undone::Store(error) => error.into(),
            Undone::Leaving => Kind::Unavailable.says("the gateway is going down"),
        }
    }
}

async fn erase(call: Call, Named(names): Named<OfContact>) -> Result<Done, Problem> {
    let done = call.manager.erase(call.caller.signs(), names.id()?).await?;
    match done {
        Erasing { plain: 1.., .. } => Err(Kind::Conflict.says(format!(
            "{} records were written by a version without keys: they stay until they are pruned",
            done.plain
        ))),
        Erasing { erasure: Erasure::Done | Erasure::Before(_), .. } => Ok(Done),
        Erasing { erasure: Erasure::Open, .. } => {
            Err(Kind::Conflict.says("this contact is open: it can be erased when it is over; end it first"))
        }
        Erasing { erasure: Erasure::Unknown, .. } => Err(contacts::none()),
    }
}
