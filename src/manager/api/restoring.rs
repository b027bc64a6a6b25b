//! A backup that is to take the store's place: brought, looked at, and restored by naming it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Json, Large},
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    store::no_overhaul,
    told::{Accepted, Done, Found, Shown},
};
use crate::{
    core::ids::Timestamp,
    manager::{
        people::Role,
        ports::{Brought, NotStaged, Staged},
    },
    peer::LEAST_KIB_A_SECOND,
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/store/restoring", Role::Administrator, "getRestoring")
            .says("The backup that waits to be restored", "404 while none does.")
            .refuses(&[Kind::NotFound])
            .by(show),
        Draft::put("/store/restoring", Role::Administrator, "putRestoring")
            .says("Bring a backup that is to be restored", "It is looked at: whole, of this version or an older one, opened by a master key that lies in it or in the store's directory, and such that a gateway begins with it beside the files that are here. It waits for an hour, in place of the one before. Nothing else is changed.")
            .refuses(&[Kind::Conflict])
            .by(bring),
        Draft::delete("/store/restoring", Role::Administrator, "removeRestoring")
            .says("Forget the backup that waits", "")
            .refuses(&[Kind::NotFound])
            .by(forget),
        Draft::post("/store/restore", Role::Administrator, "restoreBackup")
            .says("Restore the backup that waits", "It takes the place of everything that is here: contacts, profiles, users, tokens, the audit log. The gateway ends for it in order and begins anew: it answers nothing for a moment, contacts that were open in the backup end, and `GET /store` tells in `last_overhaul` what came of it, to a token that the backup has. What was here stays on the disk in a directory of its own.")
            .refuses(&[Kind::Conflict])
            .by(restore),
    ]
}

/// A backup that was found good.
#[derive(Debug, Serialize, JsonSchema)]
struct Restoring {
    /// Of the file: names it to `restoreBackup`.
    sha256: String,
    bytes: u64,
    brought_by: String,
    brought_at: Moment,
    /// When it goes by itself.
    until: Moment,
    /// The version that made it.
    usher: String,
    made_at: Moment,
    /// Whose records it holds, those that are open or erased among them.
    contacts: u64,
    /// They end when it is restored.
    open: u64,
    erased: u64,
    records: u64,
    newest_record: Option<Moment>,
    secrets: u64,
    users: u64,
    audit_lines: u64,
    /// The master key that opens it, by its id; `null`: nothing in it is sealed.
    key: Option<String>,
    /// That key takes the place of the one in use.
    changes_key: bool,
}

impl From<Staged> for Restoring {
    fn from(it: Staged) -> Self {
        Self {
            sha256: it.sha256,
            bytes: it.bytes,
            brought_by: it.by,
            brought_at: Moment(it.at),
            until: Moment(it.until),
            usher: it.usher,
            made_at: Moment(it.made_at),
            contacts: it.holds.contacts,
            open: it.holds.open,
            erased: it.holds.erased,
            records: it.holds.records,
            newest_record: it.holds.newest_ms.map(|it| Moment(Timestamp(it))),
            secrets: it.holds.secrets,
            users: it.holds.documents.get("user").copied().unwrap_or_default(),
            audit_lines: it.holds.audit_lines,
            key: it.key,
            changes_key: it.changes_key,
        }
    }
}

fn none() -> Problem {
    Kind::NotFound.says("no backup waits to be restored: bring one")
}

async fn show(call: Call, (): ()) -> Result<Shown<Restoring>, Problem> {
    call.manager.house.keeper().staged().map(|it| Shown(it.into())).ok_or_else(none)
}

async fn bring(call: Call, large: Large) -> Result<Found<Restoring>, Problem> {
    let Large { body, bytes, lifted: _lifted } = large;
    let brought = Brought { by: call.caller.signs(), key: None, bytes, body };
    call.manager.bring(brought).await.map(|it| Found(it.into())).map_err(Problem::from)
}

impl From<NotStaged> for Problem {
    fn from(why: NotStaged) -> Self {
        match why {
            NotStaged::NotHere => Kind::Conflict.says("this gateway cannot begin anew by itself: use `usher restore`"),
            NotStaged::Another => {
                Kind::Conflict.says("another backup is being brought: there is one at a time; try again when it has ended")
            }
            NotStaged::NoSpace { needed, free } => Kind::NoSpace.says(format!(
                "the store's disk has no room for the backup: it takes {needed} bytes, and {free} are free; free some, or run \
                 `usher restore` with the file on another disk"
            )),
            NotStaged::Empty => Kind::Invalid.says("the body is empty: send a backup"),
            NotStaged::CutOff => Kind::Malformed.says("the backup was cut off on its way: nothing is left of it"),
            NotStaged::TooSlow => Kind::Malformed.says(format!(
                "the backup came slower than {LEAST_KIB_A_SECOND} KiB a second, and nothing is left of it: bring it on a faster way, or run \
                 `usher restore` at the machine"
            )),
            NotStaged::NoSuchKey => Kind::Invalid.says("what was given as a master key is none"),
            NotStaged::NoKey(id) => Kind::Invalid.says(format!(
                "the backup is sealed under the master key {id}, which is neither in it nor here: put it into the store's directory as \
                 `master.key.old-{id}`, or bring the backup on the page Store with its key"
            )),
            NotStaged::Refused(why) => Kind::Invalid.says(format!("the backup cannot be restored: {why}")),
            NotStaged::Findings(list) => Self::findings(&list),
            NotStaged::Store(error) => error.into(),
            NotStaged::Failed(why) => {
                tracing::error!(%why, "a backup cannot be taken in");
                Kind::Unavailable.says(format!("the backup cannot be taken in: {why}"))
            }
        }
    }
}

async fn forget(call: Call, (): ()) -> Result<Done, Problem> {
    call.manager.house.keeper().forget().then_some(Done).ok_or_else(none)
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Restore {
    /// The backup that waits, by its `sha256`: nobody restores what they have not seen.
    backup: String,
}

async fn restore(call: Call, Json(wanted): Json<Restore>) -> Result<Accepted, Problem> {
    call.manager.restore(call.caller.signs(), wanted.backup).await.map(|()| Accepted).map_err(no_overhaul)
}
