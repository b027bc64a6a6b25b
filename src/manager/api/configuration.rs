//! The whole configuration as files: out as one zip, in by way of what it would change.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::{Packed, Query, SeenPlan},
    etag,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::{Done, Planned, Zip},
};
use crate::{
    core::said::Said,
    manager::{
        Manager,
        people::Role,
        ports::{self, Approved, Files, Leaves, Refusal},
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/configuration/export", Role::Administrator, "exportConfiguration")
            .says("All of the configuration as files", "A zip with `usher.toml` and `profiles/NAME.toml`, in an order that does not change: `usher check` takes them. One with `secrets=environment` is for files: it is not imported here.")
            .refuses(&[Kind::Conflict, Kind::Invalid])
            .by(export),
        Draft::post("/configuration/plan", Role::Administrator, "planImport")
            .says("What an import would change", "Nothing is changed. The `ETag` is the plan's: an import names it. The body stands for all that is kept here: a zip as it is exported, or the text of an `usher.toml`. What stands in files on the gateway's machine is changed there.")
            .refuses(&[Kind::Conflict])
            .by(plan),
        Draft::post("/configuration/import", Role::Administrator, "importConfiguration")
            .says("Import what was planned", "The same body again, and `If-Match` with the `ETag` of its plan: all of it is done, or nothing. If it would change anything else by now, nothing is changed: plan it again.")
            .refuses(&[Kind::Conflict])
            .by(import),
    ]
}

/// How secrets leave.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Secrets {
    /// Sealed: good wherever the same master key is.
    Sealed,
    /// As names of environment variables.
    Environment,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// `sealed` if it is not there.
    secrets: Option<Secrets>,
}

async fn export(call: Call, Query(wanted): Query<Wanted>) -> Result<Zip, Problem> {
    let house = &call.manager.house;
    let leaves = match wanted.secrets {
        Some(Secrets::Environment) => Leaves::Environment,
        Some(Secrets::Sealed) | None => Leaves::Sealed,
    };
    let exported = house.export(leaves).await.map_err(refused)?;
    let zip = house.pack(&exported.files).map_err(|why| Kind::Conflict.says(why.to_string()))?;
    call.manager.tell_of_export(&call.caller.signs(), leaves).await?;
    Ok(Zip(zip))
}

/// What becomes of a document.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum What {
    Added,
    Changed,
    Removed,
}

impl From<ports::What> for What {
    fn from(what: ports::What) -> Self {
        match what {
            ports::What::Added => Self::Added,
            ports::What::Changed(_) => Self::Changed,
            ports::What::Removed(_) => Self::Removed,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct PlannedStep {
    what: What,
    /// `settings`, `unit`, `engine` or `profile`.
    kind: &'static str,
    name: String,
    /// What differs, with two lines around: `-` is there now, `+` was sent, a blank is in both. Secrets are hidden.
    lines: Vec<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ImportPlan {
    /// None: all of it is as the import says.
    steps: Vec<PlannedStep>,
    /// What stays that the import does not have: it stands in files here.
    stays: Vec<String>,
    /// Why nothing can be imported: it stands in files here and should be other, or the import does not go with what stays in them.
    blocked: Vec<String>,
    /// What of the import is left out.
    notes: Vec<String>,
}

impl From<ports::Plan> for ImportPlan {
    fn from(plan: ports::Plan) -> Self {
        let step = |it: ports::Step| PlannedStep {
            what: it.what.into(),
            kind: it.kind.label(),
            name: it.name,
            lines: it.lines.into_iter().map(|(mark, line)| format!("{mark}{line}")).collect(),
        };
        let ports::Plan { steps, stays, blocked, notes, .. } = plan;
        let english = |list: Vec<Said>| list.iter().map(ToString::to_string).collect();
        Self {
            steps: steps.into_iter().map(step).collect(),
            stays: english(stays),
            blocked: english(blocked),
            notes: english(notes),
        }
    }
}

fn unpacked(manager: &Manager, body: &[u8]) -> Result<Files, Problem> {
    manager.house.unpack(body).map_err(|why| Problem::field("", why.to_string()))
}

async fn plan(call: Call, Packed(body): Packed) -> Result<Planned<ImportPlan>, Problem> {
    let files = unpacked(&call.manager, &body)?;
    let plan = call.manager.house.plan(files).await.map_err(refused)?;
    Ok(Planned { tag: etag::of_plan(&plan.seen), value: plan.into() })
}

async fn import(call: Call, (seen, Packed(body)): (SeenPlan, Packed)) -> Result<Done, Problem> {
    let Call { manager, caller } = call;
    let files = unpacked(&manager, &body)?;
    let now = manager.house.plan(files.clone()).await.map_err(refused)?.seen;
    if !seen.is(&etag::of_plan(&now)) {
        return Err(refused(Refusal::Conflict(None)));
    }
    manager.house.import(files, Approved { by: caller.signs(), seen: now }).await.map_err(refused)?;
    Ok(Done)
}

fn refused(why: Refusal) -> Problem {
    match why {
        Refusal::Findings(list) => Problem::findings(&list),
        Refusal::Conflict(_) => Kind::Outdated.says(
            "this is not what the import would change now: the configuration has been changed meanwhile, or this is another import; plan it again",
        ),
        Refusal::Store(error) => error.into(),
        Refusal::Unable(why) => Kind::Conflict.says(why.to_string()),
    }
}
