//! Who changed what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Query,
    moment::Moment,
    names::{Limit, Position},
    operation::{Call, Draft, Operation},
    problem::Problem,
    told::{Csv, Shown},
};
use crate::manager::{pages, people::Role};

const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/audit", Role::Administrator, "listAuditLines")
            .says("The audit log", "The newest first. `next` is what `before` has to say for older ones.")
            .by(list),
        Draft::get("/audit.csv", Role::Administrator, "exportAuditLog")
            .says("All of the audit log", "A file in CSV, the newest first.")
            .by(export),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Lines before the one of this number.
    before: Option<Position>,
    /// 100 if it is not there.
    limit: Option<Limit<MAX_LINES>>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Line {
    number: u64,
    at: Moment,
    /// A user's name, or `token:` and a token's.
    by: String,
    action: String,
    /// Of what.
    subject: String,
    /// Without secrets.
    before: Option<String>,
    after: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lines {
    lines: Vec<Line>,
    next: Option<u64>,
}

async fn list(call: Call, Query(wanted): Query<Wanted>) -> Result<Shown<Lines>, Problem> {
    let limit = wanted.limit.map_or(DEFAULT_LINES, Limit::get);
    let lines = call.manager.people.audit(wanted.before.map(Position::get), limit).await?;
    let next = lines.last().filter(|_| lines.len() == limit).map(|it| it.0);
    let lines = lines
        .into_iter()
        .map(|(number, it)| Line {
            number,
            at: Moment(it.at),
            by: it.by,
            action: it.action,
            subject: it.subject,
            before: it.before,
            after: it.after,
        })
        .collect();
    Ok(Shown(Lines { lines, next }))
}

async fn export(call: Call, (): ()) -> Result<Csv, Problem> {
    Ok(Csv(pages::audit::table(call.manager)))
}
