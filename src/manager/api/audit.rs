//! Who changed what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Query,
    moment::Moment,
    names::{Date, Limit, Position, Text},
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::{Csv, Shown},
};
use crate::{
    gateway::storage::AuditOf,
    manager::{
        pages::audit::{Found, look, table, within},
        people::Role,
    },
};

const DEFAULT_LINES: usize = 100;
const MAX_LINES: usize = 1_000;

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/audit", Role::Administrator, "listAuditLines")
            .says("The audit log", "The newest first. `next` is what `before` has to say for older ones. What is rare is looked for a part at a time: an answer with few lines, or none, may have a `next`.")
            .refuses(&[Kind::Invalid])
            .by(list),
        Draft::get("/audit.csv", Role::Administrator, "exportAuditLog")
            .says("The audit log as a file", "In CSV, the newest first: all of it, or what the filter takes.")
            .refuses(&[Kind::Invalid])
            .by(export),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this user, or of a program as `token:` and its token's name.
    by: Option<Text<256>>,
    /// Of this action.
    action: Option<Text<128>>,
    /// Part of the name of whom or what it was done to.
    subject: Option<Text<256>>,
    /// From this day on, by UTC.
    from: Option<Date>,
    /// Up to this day, by UTC.
    to: Option<Date>,
    /// Lines before the one of this number.
    before: Option<Position>,
    /// 100 if it is not there.
    limit: Option<Limit<MAX_LINES>>,
}

/// The same for a file, which has all of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WantedFile {
    /// Of this user, or of a program as `token:` and its token's name.
    by: Option<Text<256>>,
    /// Of this action.
    action: Option<Text<128>>,
    /// Part of the name of whom or what it was done to.
    subject: Option<Text<256>>,
    /// From this day on, by UTC.
    from: Option<Date>,
    /// Up to this day, by UTC.
    to: Option<Date>,
}

impl WantedFile {
    fn asked(self, before: Option<Position>) -> Result<AuditOf, Problem> {
        let of = AuditOf {
            by: self.by.map(|it| it.as_str().to_owned()),
            action: self.action.map(|it| it.as_str().to_owned()),
            subject: self.subject.map(|it| it.as_str().to_owned()).unwrap_or_default(),
            before: before.map(Position::get),
            ..AuditOf::default()
        };
        let of = within(of, self.from.map(Date::get), self.to.map(Date::get));
        of.map_err(|_backwards| Problem::field("to", "`to` comes before `from`: name the later day as `to`"))
    }
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
    let Wanted { by, action, subject, from, to, before, limit } = wanted;
    let of = WantedFile { by, action, subject, from, to }.asked(before)?;
    let limit = limit.map_or(DEFAULT_LINES, Limit::get);
    let Found { lines, next } = look(&call.manager, &of, limit).await?;
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

async fn export(call: Call, Query(wanted): Query<WantedFile>) -> Result<Csv, Problem> {
    Ok(Csv(table(call.manager, wanted.asked(None)?)))
}
