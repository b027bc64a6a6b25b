//! The audit log: who changed what, the newest first, and all of it as a file.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Section, Tab, difference, empty, page, time, unavailable};
use crate::{
    config,
    gateway::storage::{AuditLine, StoreError},
    manager::{Manager, guard::Seat, query::Query, words::Words},
};

const LINES: usize = 100;
/// Of one change; the file has all of them.
const SHOWN: usize = 120;
/// A value as long as this stands in the table as it is.
const SHORT: usize = 80;
/// Read at a time for a file.
const AT_ONCE: usize = 1_000;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct From {
    before: Option<u64>,
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(From { before }): Query<From>,
) -> Response {
    let w = &seat.words;
    let lines = match manager.people.audit(before, LINES).await {
        Ok(lines) => lines,
        Err(error) => return unavailable(&seat, &error),
    };
    let title = w.t("Audit log");
    let body = html! {
        (Tab::Audit.of_administration(&seat))
        div class="head" {
            h1 { (title) }
            @if !lines.is_empty() { a class="button second" href="/audit.csv" { (w.t("Export as CSV")) } }
        }
        @if lines.is_empty() {
            (empty(w.t("Nothing has been changed here yet."), None))
        } @else {
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table class="audit" {
                thead { tr { th { (w.t("When")) } th { (w.t("Who")) } th { (w.t("What")) } th { (w.t("Of what")) } th { (w.t("Change")) } } }
                tbody {
                    @for (_, it) in &lines {
                        tr {
                            td { (time(it.at)) }
                            td { (it.by) }
                            td { span title=(it.action) { (told(w, &it.action)) } }
                            td { (it.subject) }
                            td { (change(w, it)) }
                        }
                    }
                }
            } }
            @if let (LINES, Some((number, _))) = (lines.len(), lines.last()) {
                p { a href={ "/audit?before=" (number) } { (w.t("Older ones")) } }
            }
        }
    };
    page(&seat, Section::Administration, title, &body)
}

/// What an action is, in words; one that is not known here, by its name.
fn told<'a>(w: &'a Words, action: &'a str) -> &'a str {
    match action {
        "signed_in" => w.t("signed in"),
        "signed_out" => w.t("signed out"),
        "signed_out_elsewhere" => w.t("signed out another browser"),
        "user.first" => w.t("first administrator"),
        "user.added" => w.t("user added"),
        "user.changed" => w.t("user changed"),
        "user.removed" => w.t("user removed"),
        "user.invited" => w.t("link for a password made"),
        "user.password" => w.t("password chosen"),
        "user.second_factor" => w.t("second factor"),
        "user.signed_out" => w.t("sign-ins ended"),
        "profile.added" => w.t("profile added"),
        "profile.changed" => w.t("profile changed"),
        "profile.removed" => w.t("profile removed"),
        "profile.paused" => w.t("profile paused"),
        "profile.resumed" => w.t("profile resumed"),
        "unit.added" => w.t("business unit added"),
        "unit.changed" => w.t("business unit changed"),
        "unit.removed" => w.t("business unit removed"),
        "engine.added" => w.t("routing engine added"),
        "engine.changed" => w.t("routing engine changed"),
        "engine.removed" => w.t("routing engine removed"),
        "settings.added" | "settings.changed" | "settings.removed" => w.t("settings changed"),
        "test.added" => w.t("test added"),
        "test.changed" => w.t("test changed"),
        "test.removed" => w.t("test removed"),
        "test.imported" => w.t("tests imported"),
        "token.made" => w.t("token made"),
        "token.revoked" => w.t("token revoked"),
        "token.reloaded" => w.t("connector's token made"),
        "configuration.imported" => w.t("configuration imported"),
        "configuration.exported" => w.t("configuration exported"),
        "contact.handed_over" => w.t("contact handed over"),
        "contact.ended" => w.t("contact ended"),
        "contact.erased" => w.t("contact erased"),
        "store.backed_up" => w.t("backup made"),
        "store.brought" => w.t("backup brought"),
        "store.restored" => w.t("backup restored"),
        "key.rotated" => w.t("master key changed"),
        other => other,
    }
}

/// Short values side by side, longer ones as what differs.
fn change(w: &Words, line: &AuditLine) -> Markup {
    let (before, after) = (line.before.as_deref().unwrap_or_default(), line.after.as_deref().unwrap_or_default());
    let is_short = |it: &str| it.len() <= SHORT && !it.contains('\n');
    if is_short(before) && is_short(after) {
        return html! {
            @match (before, after) {
                ("", "") => {}
                ("", only) => (only),
                (only, "") => del { (only) },
                (before, after) => { (before) " → " (after) }
            }
        };
    }
    // An import's own is a difference already.
    let mut lines = if line.action == "configuration.imported" {
        after.lines().map(|it| (it.chars().next().unwrap_or(' '), it.get(2..).unwrap_or(it).to_owned())).collect()
    } else {
        config::difference(before, after)
    };
    let of = |mark: char| lines.iter().filter(|it| it.0 == mark).count();
    let (added, removed) = (of('+'), of('-'));
    let is_cut = lines.len() > SHOWN;
    lines.truncate(SHOWN);
    html! {
        details {
            summary { (w.t("Lines")) @if added > 0 { " +" (added) } @if removed > 0 { " −" (removed) } }
            (difference(&line.subject, &lines))
            @if is_cut { p class="hint" { (w.t("There is more: the file has all of it.")) } }
        }
    }
}

pub(in crate::manager) async fn csv(State(manager): State<Manager>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"usher-audit.csv\"")),
    ];
    (headers, table(manager)).into_response()
}

/// Everything, the newest first.
pub(in crate::manager) fn table(manager: Manager) -> Body {
    let head = Some(Bytes::from_static(b"at,who,what,of what,before,after\r\n"));
    let lines = stream::unfold((manager, None, head), |(manager, before, head)| async move {
        if let Some(head) = head {
            return Some((Ok::<_, StoreError>(head), (manager, Some(u64::MAX), None)));
        }
        let before = before?;
        match manager.people.audit(Some(before), AT_ONCE).await {
            Ok(lines) if lines.is_empty() => None,
            Ok(lines) => {
                let next = lines.last().map(|it| it.0);
                let text: String = lines.iter().map(|it| row(&it.1)).collect();
                Some((Ok(Bytes::from(text)), (manager, next, None)))
            }
            // The file is cut off, which whoever reads it sees by the connection's end.
            Err(error) => Some((Err(error), (manager, None, None))),
        }
    });
    Body::from_stream(lines)
}

fn row(line: &AuditLine) -> String {
    let at =
        jiff::Timestamp::from_millisecond(line.at.0).map_or_else(|_out_of_range| String::new(), |it| it.to_string());
    let (before, after) = (line.before.as_deref().unwrap_or_default(), line.after.as_deref().unwrap_or_default());
    let cells = [&at, &line.by, &line.action, &line.subject, before, after].map(cell);
    cells.join(",") + "\r\n"
}

/// In quotation marks; what a spreadsheet would take for a formula is one no more.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::ids::Timestamp;

    #[test]
    fn a_row_is_no_formula_and_keeps_its_quotation_marks() {
        let line = AuditLine {
            at: Timestamp(0),
            by: "ann".to_owned(),
            action: "user.added".to_owned(),
            subject: "=HYPERLINK(\"x\")".to_owned(),
            before: None,
            after: Some("a \"b\",\nc".to_owned()),
        };
        let expected =
            "\"1970-01-01T00:00:00Z\",\"ann\",\"user.added\",\"'=HYPERLINK(\"\"x\"\")\",\"\",\"a \"\"b\"\",\nc\"\r\n";
        assert_eq!(row(&line), expected);
    }
}
