//! The audit log: who changed what, the newest first, and all of it as a file.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, header};
use maud::html;
use serde::Deserialize;

use super::{Section, Tab, empty, page, time, unavailable};
use crate::{
    gateway::storage::{AuditLine, StoreError},
    manager::{Manager, guard::Seat, query::Query},
};

const LINES: usize = 100;
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
            @if !lines.is_empty() { a class="button" href="/audit.csv" { (w.t("Export as CSV")) } }
        }
        @if lines.is_empty() {
            (empty(w.t("Nothing has been changed here yet."), None))
        } @else {
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr { th { (w.t("When")) } th { (w.t("Who")) } th { (w.t("What")) } th { (w.t("Of what")) } th { (w.t("Before")) } th { (w.t("After")) } } }
                tbody {
                    @for (_, it) in &lines {
                        tr {
                            td { (time(it.at)) }
                            td { (it.by) }
                            td { span class="code" { (it.action) } }
                            td { (it.subject) }
                            td { @if let Some(before) = &it.before { pre { (before) } } }
                            td { @if let Some(after) = &it.after { pre { (after) } } }
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
