//! The store: what is kept, for how long, how to have it twice, and under which key it is sealed.
//!
//! A backup is fetched here. What needs the store alone is asked for here, and its page is `overhaul`.

use axum::{
    body::Body,
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Field, Section, Tab, done, overhaul, refusal, refused, restoring, summary, time, token, unavailable, with_status,
};
use crate::{
    core::ids::Timestamp,
    gateway::erasing::Swept,
    manager::{
        Manager,
        api::Kind,
        guard::{Fields, Seat},
        keeping::{MAX_DAYS, NotRetained, Retention, Undone},
        ports::{Archive, KeptStore, NoArchive},
        query::Query,
        words::Words,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// Records that a sweep by hand has removed.
    removed: Option<u64>,
    /// Timelines are kept for another time now.
    retained: Option<String>,
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Said { removed, retained }): Query<Said>,
) -> Response {
    let w = &seat.words;
    let above = html! {
        @if let Some(removed) = removed { (done(&w.f("{} records were removed.", &[&removed]))) }
        @if retained.is_some() { (done(w.t("Timelines are kept for this time from now on."))) }
    };
    shown(&manager, &seat, StatusCode::OK, &Typed { above, ..Typed::default() }).await
}

/// The forms as they were sent, each with what is wrong with it.
#[derive(Default)]
pub(super) struct Typed<'a> {
    pub(super) sweep: (&'a str, Option<&'a str>),
    /// `None`: as it is.
    pub(super) retention: Option<(&'a str, Option<&'a str>)>,
    /// What is wrong with the backup that was brought.
    pub(super) restore: Option<&'a str>,
    /// What is wrong with the password that another master key takes.
    pub(super) key: Option<&'a str>,
    pub(super) above: Markup,
}

pub(super) async fn shown(manager: &Manager, seat: &Seat, status: StatusCode, typed: &Typed<'_>) -> Response {
    let w = &seat.words;
    let kept = match manager.house.keeper().kept().await {
        Ok(kept) => kept,
        Err(error) => return unavailable(seat, &error),
    };
    let retained = match manager.retention().await {
        Ok(retained) => retained,
        Err(error) => return unavailable(seat, &error),
    };
    let title = w.t("Store");
    let problems = [typed.sweep.1, typed.retention.and_then(|it| it.1), typed.key, typed.restore];
    let problems: Vec<String> = problems.into_iter().flatten().map(str::to_owned).collect();
    let body = html! {
        (Tab::Store.of_administration(seat))
        h1 { (title) }
        (typed.above)
        (summary(w, &problems))
        @if let Some(past) = &kept.past { (overhaul::told(w, past)) }
        (facts(w, &kept))
        (backups(seat))
        (restoring::section(seat, &kept, manager.house.keeper().staged().as_ref(), typed.restore))
        (overhaul::key(seat, &kept, typed.key))
        (retention(seat, &retained, typed))
        (sweep(manager, seat, typed))
        h2 { (w.t("Erasure")) }
        p { (w.t("One contact is erased on its own page, by the link below its verdict: its key is destroyed, and nobody can read its records any more.")) }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

fn facts(w: &Words, kept: &KeptStore) -> Markup {
    let holds = &kept.holds;
    let documents: u64 = holds.documents.values().sum();
    let rows = [
        (w.t("Contacts"), w.f("{} ({} open, {} erased)", &[&holds.contacts, &holds.open, &holds.erased])),
        (w.t("Records"), holds.records.to_string()),
        (w.t("Secrets"), holds.secrets.to_string()),
        (w.t("Documents of the Web Manager"), documents.to_string()),
        (w.t("Lines of the audit log"), holds.audit_lines.to_string()),
        (w.t("Database"), size(holds.bytes)),
        (w.t("Write-ahead log"), size(holds.log_bytes)),
        (w.t("Free on its disk"), kept.free_bytes.map_or_else(|| w.t("unknown").to_owned(), size)),
    ];
    html! {
        h2 { (w.t("What is kept")) }
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("What is kept")) { table class="pairs" { tbody {
            tr { th scope="row" { (w.t("Directory")) } td class="code" { (kept.directory.display()) } }
            @for (name, value) in &rows { tr { th scope="row" { (name) } td { (value) } } }
            tr {
                th scope="row" { (w.t("Oldest record")) }
                td { @match holds.oldest_ms { Some(at) => (time(Timestamp(at))), None => (w.t("none yet")) } }
            }
        } } }
    }
}

fn backups(seat: &Seat) -> Markup {
    let w = &seat.words;
    html! {
        h2 { (w.t("Backup")) }
        p { (w.t("A copy of everything as of one moment, while contacts go on. The master key is not in it: without it nothing sealed can be read. Keep both, apart from each other.")) }
        form method="post" action="/store/backup" { (token(seat)) button { (w.t("Download a backup")) } }
    }
}

fn retention(seat: &Seat, kept: &Retention, typed: &Typed<'_>) -> Markup {
    let w = &seat.words;
    let now = kept.days.to_string();
    let (text, problem) = typed.retention.unwrap_or((&now, None));
    let field = Field {
        name: "retention",
        label: w.t("Days that a timeline is kept"),
        hint: w.t("Counted from the contact's end. The next sweep removes what is older, for good."),
        problem,
    };
    html! {
        h2 { (w.t("Retention")) }
        p {
            (w.f("Timelines are kept for {} days after a contact is over.", &[&kept.days])) " "
            @match kept.origin.as_deref() {
                None => (w.t("That is the default.")),
                Some(origin) => { (w.t("Written in")) " " span class="code" { (origin) } "." },
            }
        }
        @if kept.file().is_none() {
            form method="post" action="/store/retention" class="narrow" {
                (token(seat))
                input type="hidden" name="version" value=(kept.version);
                (field.text(text, "text", "off"))
                button class="second" { (w.t("Save")) }
            }
        }
    }
}

fn sweep(manager: &Manager, seat: &Seat, typed: &Typed<'_>) -> Markup {
    let w = &seat.words;
    let (text, problem) = typed.sweep;
    let days = Field {
        name: "days",
        label: w.t("Older than so many days"),
        hint: w.t("Contacts that were over before then lose their keys and their records, for good. Contacts that are open go on, without what was said before then."),
        problem,
    };
    html! {
        h2 { (w.t("Sweep")) }
        p {
            @match manager.gateway.swept() {
                None => (w.t("No sweep since the start; the next one comes with the next checkpoint.")),
                Some(Swept { at, records: Ok(records) }) => {
                    (w.t("Last sweep:")) " " (time(at)) ", " (w.f("{} records were removed.", &[&records]))
                },
                Some(Swept { at, records: Err(why) }) => {
                    span class="bad" { (w.t("The last sweep failed:")) " " (why) } " " (time(at))
                },
            }
        }
        form method="post" action="/store/prune" class="narrow" {
            (token(seat))
            (days.text(text, "text", "off"))
            label class="check" {
                input type="checkbox" name="sure" value="yes";
                span { (w.t("Yes, destroy them now")) }
            }
            button class="danger" { (w.t("Remove old timelines")) }
        }
    }
}

/// As people write it.
pub(super) fn size(bytes: u64) -> String {
    let steps = [(1_000_000_000_000, "TB"), (1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")];
    let fitting = steps.into_iter().find(|(step, _)| bytes >= *step);
    fitting.map_or_else(
        || format!("{bytes} B"),
        |(step, unit)| format!("{}.{} {unit}", bytes / step, bytes % step * 10 / step),
    )
}

pub(in crate::manager) async fn backup(State(manager): State<Manager>, seat: Seat) -> Response {
    let w = &seat.words;
    let Archive { name, bytes, body, .. } = match manager.backup(seat.name()).await {
        Ok(archive) => archive,
        Err(NoArchive::Another) => {
            let text = w.t("Another backup is being fetched: there is one at a time. Try again when it has ended.");
            return refusal(&seat, StatusCode::CONFLICT, text);
        }
        Err(NoArchive::NoSpace { needed, free }) => {
            let text = w.f(
                "The store's disk has no room for the copy: it takes {}, and {} are free. Free some, or run usher backup onto another disk.",
                &[&size(needed), &size(free)],
            );
            return refusal(&seat, Kind::NoSpace.status(), &text);
        }
        Err(NoArchive::Store(error)) => return unavailable(&seat, &error),
        Err(NoArchive::Failed(why)) => {
            tracing::error!(%why, "a backup cannot be made");
            return refusal(&seat, StatusCode::SERVICE_UNAVAILABLE, &w.f("The backup cannot be made: {}", &[&why]));
        }
    };
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-tar"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    if let Ok(file) = HeaderValue::try_from(format!("attachment; filename=\"{name}\"")) {
        headers.insert(header::CONTENT_DISPOSITION, file);
    }
    response
}

/// A sweep by hand.
pub(in crate::manager) async fn prune(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let days = fields.get("days");
    let number = days.trim().parse().ok().filter(|it| *it <= MAX_DAYS);
    let problem = match (number, fields.get("sure")) {
        (None, _) => Some(w.t("Older than so many days: a whole number from 0 to 36500.")),
        (Some(_), "yes") => None,
        (Some(_), _) => Some(w.t("Say that you are sure: what is destroyed does not come back.")),
    };
    let (Some(number), None) = (number, problem) else {
        let typed = Typed { sweep: (days, problem), ..Typed::default() };
        return shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    match manager.prune(seat.name().to_owned(), number).await {
        Ok(records) => Redirect::to(&format!("/store?removed={records}")).into_response(),
        Err(Undone::Store(error)) => unavailable(&seat, &error),
        Err(Undone::Leaving) => refusal(&seat, StatusCode::SERVICE_UNAVAILABLE, w.t("The gateway is going down.")),
    }
}

/// How long timelines are kept from now on.
pub(in crate::manager) async fn retain(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let text = fields.get("retention").trim();
    let Some(days) = text.parse().ok().filter(|it| (1..=MAX_DAYS).contains(it)) else {
        let problem = w.t("Days that a timeline is kept: a whole number from 1 to 36500.");
        let typed = Typed { retention: Some((text, Some(problem))), ..Typed::default() };
        return shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    };
    let version = fields.get("version").parse().unwrap_or_default();
    match manager.retain(seat.name(), (version, days)).await {
        Ok(()) => Redirect::to("/store?retained=yes").into_response(),
        Err(NotRetained::OfFile(file)) => {
            refusal(&seat, StatusCode::CONFLICT, &w.f("This is written in {}: change it there.", &[&file]))
        }
        Err(NotRetained::Refused(why)) => {
            let (status, above) = refused(w, &why);
            shown(&manager, &seat, status, &Typed { retention: Some((text, None)), above, ..Typed::default() }).await
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_as_people_write_them() {
        let told = [0, 999, 1_000, 1_234_567, 20_000_000_000].map(size);
        assert_eq!(told, ["0 B", "999 B", "1.0 kB", "1.2 MB", "20.0 GB"]);
    }
}
