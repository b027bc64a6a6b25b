//! The audit log: who changed what, the newest first, by a filter that stands in the address; and the same as a file.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode, header};
use jiff::{civil::Date, tz::TimeZone};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Section, Tab, asking, difference, empty, live::choice, refusal, time, unavailable, with_status};
use crate::{
    config,
    core::ids::Timestamp,
    gateway::storage::{AuditLine, AuditOf, StoreError},
    manager::{Manager, guard::Seat, query::Query, words::Words},
};

const LINES: usize = 100;
/// Of one change; the file has all of them.
const SHOWN: usize = 120;
/// A value as long as this stands in the table as it is.
const SHORT: usize = 80;
/// Read at a time for a file.
const AT_ONCE: usize = 1_000;

/// Which lines are shown, as it stands in an address. Empty: all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Filter {
    by: String,
    action: String,
    /// Part of its name.
    subject: String,
    from: String,
    to: String,
    before: Option<u64>,
}

/// Why a filter is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::manager) enum NoDays {
    /// What was written is no day.
    Unreadable,
    /// They end before they begin.
    Backwards,
}

/// Lines of these days alone, both included, as they are in UTC.
///
/// # Errors
/// When they end before they begin.
pub(in crate::manager) fn within(of: AuditOf, from: Option<Date>, to: Option<Date>) -> Result<AuditOf, NoDays> {
    if from.zip(to).is_some_and(|(from, to)| to < from) {
        return Err(NoDays::Backwards);
    }
    let begin = |day: Date| day.to_zoned(TimeZone::UTC).ok().map(|it| Timestamp(it.timestamp().as_millisecond()));
    // What ends with the calendar has no end.
    let until = to.and_then(|it| it.tomorrow().ok()).and_then(begin);
    // The calendar's last day begins later than time does.
    let from = from.map(|it| begin(it).unwrap_or(Timestamp(i64::MAX)));
    Ok(AuditOf { from, until, ..of })
}

impl Filter {
    fn asked(&self) -> Result<AuditOf, NoDays> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|it| !it.is_empty());
        let day = |text: &str| {
            some(text).map(|it| it.parse::<Date>()).transpose().map_err(|_no_day: jiff::Error| NoDays::Unreadable)
        };
        let of = AuditOf {
            by: some(&self.by),
            action: some(&self.action),
            subject: self.subject.trim().to_owned(),
            before: self.before,
            ..AuditOf::default()
        };
        within(of, day(&self.from)?, day(&self.to)?)
    }

    fn fields(&self) -> [(&'static str, &str); 5] {
        let Self { by, action, subject, from, to, before: _ } = self;
        [("by", by), ("action", action), ("subject", subject), ("from", from), ("to", to)]
    }

    fn is_empty(&self) -> bool {
        self.fields().iter().all(|it| it.1.is_empty())
    }

    /// This filter at `path`, from a line on if there is one.
    fn at(&self, path: &str, before: Option<u64>) -> String {
        let before = before.map(|it| it.to_string()).unwrap_or_default();
        asking(path, self.fields().into_iter().chain([("before", before.as_str())]))
    }
}

/// Some of the lines, the newest first.
#[derive(Debug, Default)]
pub(in crate::manager) struct Found {
    pub(in crate::manager) lines: Vec<(u64, AuditLine)>,
    /// What [`AuditOf::before`] has to say for those that follow: there may be more, though none of these was asked for.
    pub(in crate::manager) next: Option<u64>,
}

/// `limit` lines at most, of a bounded part of the log.
///
/// # Errors
/// When the store cannot be read.
pub(in crate::manager) async fn look(manager: &Manager, of: &AuditOf, limit: usize) -> Result<Found, StoreError> {
    let newest = manager.people.audit(&AuditOf::default(), 1).await?;
    let Some((newest, _)) = newest.first() else { return Ok(Found::default()) };
    let end = newest.saturating_add(1);
    let part = of.part(of.before.map_or(end, |before| before.min(end)));
    let mut lines = manager.people.audit(&part, limit.saturating_add(1)).await?;
    let next = if lines.len() > limit {
        lines.truncate(limit);
        lines.last().map(|it| it.0)
    } else {
        // The first line has the number 1.
        part.since.filter(|it| *it > 1)
    };
    Ok(Found { lines, next })
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(filter): Query<Filter>,
) -> Response {
    let w = &seat.words;
    let (of, wrong) = match filter.asked() {
        Ok(of) => (of, None),
        Err(wrong) => (AuditOf::default(), Some(problem(w, wrong).to_owned())),
    };
    let found = match &wrong {
        None => look(&manager, &of, LINES).await,
        Some(_) => Ok(Found::default()),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return unavailable(&seat, &error),
    };
    let title = w.t("Audit log");
    let body = html! {
        (Tab::Audit.of_administration(&seat))
        div class="head" {
            h1 { (title) }
            @if !found.lines.is_empty() || found.next.is_some() { a class="button second" href=(filter.at("/audit.csv", None)) { (w.t("Export as CSV")) } }
        }
        @if let Some(wrong) = &wrong { p class="problem" role="alert" { (wrong) } }
        (form(w, &filter))
        @if !found.lines.is_empty() {
            (list(w, &found.lines))
        } @else if wrong.is_some() {
        } @else if found.next.is_none() {
            (nothing(w, &filter))
        } @else {
            p { (w.t("Nothing in this part of the log fits the filter.")) }
        }
        @if let Some(next) = found.next { p { a href=(filter.at("/audit", Some(next))) rel="next" { (w.t("Older ones")) } } }
    };
    let status = if wrong.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    with_status(status, &seat, (Section::Administration, title), &body)
}

fn nothing(w: &Words, filter: &Filter) -> Markup {
    html! {
        @if filter.before.is_some() {
            (empty(w.t("There are no older ones."), Some((filter.at("/audit", None).as_str(), w.t("To the newest")))))
        } @else if filter.is_empty() {
            (empty(w.t("Nothing has been changed here yet."), None))
        } @else {
            (empty(w.t("Nothing here fits the filter."), Some(("/audit", w.t("Show all")))))
        }
    }
}

fn problem(w: &Words, wrong: NoDays) -> &str {
    match wrong {
        NoDays::Unreadable => w.t("A day is written as 2026-11-28."),
        NoDays::Backwards => w.t("The last day comes before the first."),
    }
}

fn form(w: &Words, filter: &Filter) -> Markup {
    let actions: Vec<(&str, &str)> = ACTIONS.iter().map(|it| (*it, told(w, it))).collect();
    html! {
        form method="get" action="/audit" class="filter" {
            label { span { (w.t("Who")) } input name="by" value=(filter.by) maxlength="128"; }
            (choice(w, ("action", w.t("What")), &filter.action, &actions))
            label { span { (w.t("Of what")) } input type="search" name="subject" value=(filter.subject) maxlength="256"; }
            label title=(w.t("Days begin and end by UTC")) { span { (w.t("From")) } input type="date" name="from" value=(filter.from); }
            label title=(w.t("Days begin and end by UTC")) { span { (w.t("To")) } input type="date" name="to" value=(filter.to); }
            button { (w.t("Filter")) }
            @if !filter.is_empty() { a href="/audit" { (w.t("Show all")) } }
        }
    }
}

fn list(w: &Words, lines: &[(u64, AuditLine)]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table class="audit" {
            thead { tr { th { (w.t("When")) } th { (w.t("Who")) } th { (w.t("What")) } th { (w.t("Of what")) } th { (w.t("Change")) } } }
            tbody {
                @for (_, it) in lines {
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
    }
}

/// What can be chosen of what is done.
const ACTIONS: &[&str] = &[
    "signed_in",
    "signed_out",
    "signed_out_elsewhere",
    "user.first",
    "user.added",
    "user.changed",
    "user.removed",
    "user.invited",
    "user.password",
    "user.second_factor",
    "user.signed_out",
    "profile.added",
    "profile.changed",
    "profile.removed",
    "profile.paused",
    "profile.resumed",
    "unit.added",
    "unit.changed",
    "unit.removed",
    "engine.added",
    "engine.changed",
    "engine.removed",
    "settings.added",
    "settings.changed",
    "settings.removed",
    "test.added",
    "test.changed",
    "test.removed",
    "test.imported",
    "token.made",
    "token.used",
    "token.revoked",
    "token.reloaded",
    "configuration.imported",
    "configuration.exported",
    "contact.handed_over",
    "contact.ended",
    "contact.erased",
    "store.backed_up",
    "store.brought",
    "store.restored",
    "store.pruned",
    "key.rotated",
];

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
        "settings.added" => w.t("settings added"),
        "settings.changed" => w.t("settings changed"),
        "settings.removed" => w.t("settings removed"),
        "test.added" => w.t("test added"),
        "test.changed" => w.t("test changed"),
        "test.removed" => w.t("test removed"),
        "test.imported" => w.t("tests imported"),
        "token.made" => w.t("token made"),
        "token.used" => w.t("token used"),
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
        "store.pruned" => w.t("old timelines removed"),
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

pub(in crate::manager) async fn csv(
    State(manager): State<Manager>,
    seat: Seat,
    Query(filter): Query<Filter>,
) -> Response {
    let of = match filter.asked() {
        Ok(of) => of,
        Err(wrong) => return refusal(&seat, StatusCode::UNPROCESSABLE_ENTITY, problem(&seat.words, wrong)),
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"usher-audit.csv\"")),
    ];
    (headers, table(manager, of)).into_response()
}

/// All of these lines, the newest first.
pub(in crate::manager) fn table(manager: Manager, of: AuditOf) -> Body {
    let head = Some(Bytes::from_static(b"at,who,what,of what,before,after\r\n"));
    let lines = stream::unfold((manager, Some(of), head), |(manager, of, head)| async move {
        let of = of?;
        if let Some(head) = head {
            return Some((Ok::<_, StoreError>(head), (manager, Some(of), None)));
        }
        match look(&manager, &of, AT_ONCE).await {
            Ok(Found { lines, next }) => {
                let text: String = lines.iter().map(|it| row(&it.1)).collect();
                let rest = next.map(|next| AuditOf { before: Some(next), ..of });
                Some((Ok(Bytes::from(text)), (manager, rest, None)))
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
    use crate::manager::words::{Dictionary, Language};

    #[test]
    fn what_can_be_chosen_has_words_of_its_own() {
        let words = Dictionary::new().words(Language::English);
        let mut all: Vec<&str> = ACTIONS.iter().map(|it| told(&words, it)).collect();
        assert!(all.iter().zip(ACTIONS).all(|(words, action)| words != action), "{all:?}");
        all.sort_unstable();
        assert!(all.windows(2).all(|it| it[0] != it[1]), "{all:?}");
    }

    #[test]
    fn days_are_whole_and_do_not_end_before_they_begin() {
        let of =
            |from: &str, to: &str| Filter { from: from.to_owned(), to: to.to_owned(), ..Filter::default() }.asked();
        let day = of("2026-11-28", "2026-11-28").unwrap();
        assert_eq!((day.from, day.until), (Some(Timestamp(1_795_824_000_000)), Some(Timestamp(1_795_910_400_000))));
        assert_eq!(of("", "").unwrap(), AuditOf::default());
        assert_eq!(of("", "9999-12-31").unwrap().until, None);
        assert_eq!(of("9999-12-31", "").unwrap().from, Some(Timestamp(i64::MAX)));
        assert_eq!(of("2026-11-28", "2026-11-27"), Err(NoDays::Backwards));
        assert_eq!(of("28.11.2026", ""), Err(NoDays::Unreadable));
    }

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
