//! Routing engines that may attach: who they are, for which business units, and the token that each proves itself by.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{
    Field, Section, Tab, done, empty, not_found, page, quiet, quiet_beside, refusal, refused, summary, token,
    unavailable, with_status,
};
use crate::{
    core::ids::EngineId,
    manager::{
        Manager, address,
        estate::{Failed, Written},
        guard::{Fields, Seat},
        ports::Refusal,
        query::Query,
    },
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// What was done, from a closed set.
    done: String,
}

pub(in crate::manager) async fn list(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Said { done: said }): Query<Said>,
) -> Response {
    let w = &seat.words;
    let loaded = manager.house.configuration();
    let engines = &loaded.settings.engines;
    let title = w.t("Routing engines");
    let add = ("/engines/new", w.t("Add an engine"));
    let body = html! {
        (Tab::Engines.of_administration(&seat))
        div class="head" {
            h1 { (title) }
            @if !engines.is_empty() { a class="button" href=(add.0) { (add.1) } }
        }
        @match said.as_str() {
            "changed" => (done(w.t("The engine was changed."))),
            "removed" => (done(w.t("The engine may not attach any more; its lanes are cut."))),
            "ended" => (done(w.t("The former token is refused from now on."))),
            _ => {}
        }
        @if engines.is_empty() {
            (empty(w.t("No routing engine may attach: no contact comes in."), Some(add)))
        } @else {
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr {
                    th { (w.t("Routing engine")) } th { (w.t("State")) } th { (w.t("Business units")) } th { (w.t("Token")) } th { (w.t("Written in")) }
                } }
                tbody {
                    @for it in engines {
                        @let lanes = manager.lanes_of(&it.id);
                        tr {
                            td {
                                @if Written::of(&it.origin) == Written::Here { a href={ "/engines/" (address::part(it.id.as_str())) "/edit" } { (it.id) } }
                                @else { (it.id) }
                            }
                            td {
                                @if lanes > 0 { span class="good" { (w.t("attached")) } @if lanes > 1 { span title=(w.f("{} connections at a time", &[&lanes])) { " ×" (lanes) } } }
                                @else { span class="bad" { (w.t("not attached")) } }
                            }
                            td {
                                @for unit in &it.units {
                                    a href={ "/?unit=" (address::part(unit.as_str())) } { (unit) } " "
                                }
                            }
                            td {
                                @if it.former_token_sha256.is_some() { (w.t("a new one; the former is still good")) }
                                @else { (w.t("one")) }
                            }
                            td { span class="code" { (it.origin) } }
                        }
                    }
                }
            } }
        }
    };
    page(&seat, Section::Administration, title, &body)
}

/// What is in the form.
struct Draft {
    id: String,
    units: Vec<String>,
    /// With whether the former token is still good; `None`: it is new.
    kept: Option<(u64, bool)>,
}

fn chosen(fields: &Fields) -> Vec<String> {
    fields.kept().filter(|(name, _)| *name == "unit").map(|(_, unit)| unit.to_owned()).collect()
}

fn form(
    manager: &Manager,
    seat: &Seat,
    status: StatusCode,
    draft: &Draft,
    problems: (&Markup, Option<&str>),
) -> Response {
    let w = &seat.words;
    let Draft { id, units, kept } = draft;
    let title = if kept.is_some() { w.t("Change a routing engine") } else { w.t("Add an engine") };
    let base = format!("/engines/{}", address::part(id));
    let action = if kept.is_some() { format!("{base}/edit") } else { "/engines/new".to_owned() };
    let loaded = manager.house.configuration();
    let body = html! {
        (Tab::Engines.of_administration(seat))
        p class="trail" { a href="/engines" { (w.t("Routing engines")) } }
        h1 { @if kept.is_some() { (w.f("Routing engine {}", &[id])) } @else { (title) } }
        (problems.0)
        form method="post" action=(action) class="narrow" {
            (token(seat))
            @match kept {
                Some((version, _)) => input type="hidden" name="version" value=(version);,
                None => (Field { name: "id", label: w.t("Id"), hint: w.t("As the engine calls itself when it attaches. It cannot be changed later."), problem: problems.1 }.text(id, "text", "off")),
            }
            fieldset {
                legend { (w.t("Business units")) }
                p class="hint" { (w.t("It may attach for these. A business unit has one engine.")) }
                @for it in &loaded.settings.units {
                    label class="check" {
                        input type="checkbox" name="unit" value=(it) checked[units.iter().any(|unit| unit == it.as_str())];
                        span { (it) }
                    }
                }
            }
            button { @if kept.is_some() { (w.t("Save")) } @else { (w.t("Add it and make its token")) } }
        }
        @if let Some((version, former)) = kept { (tokens(seat, &base, *version, *former)) }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

fn tokens(seat: &Seat, base: &str, version: u64, former: bool) -> Markup {
    let w = &seat.words;
    html! {
        h2 { (w.t("Token")) }
        @if former {
            p { (w.t("The engine has a new token, and the one before it is still good. End it once the engine uses the new one.")) }
            (quiet_beside(w.t("End the former token"), None, &html! {
                form method="post" action={ (base) "/former" } {
                    (token(seat))
                    input type="hidden" name="version" value=(version);
                    p class="hint" { (w.t("Lanes that came by it are cut at once.")) }
                    button class="danger" { (w.t("End it now")) }
                }
            }))
        } @else {
            form method="post" action={ (base) "/token" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                label class="check" {
                    input type="checkbox" name="keep" value="yes" checked;
                    span { (w.t("The old token stays good until I end it")) }
                }
                button class="second" { (w.t("Make a new token")) }
            }
        }
        (quiet(w.t("Remove the engine"), &html! {
            form method="post" action={ (base) "/remove" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                p { (w.t("Its lanes are cut at once. Its contacts wait for an engine of their business unit, and are given up after a while.")) }
                button class="danger" { (w.t("Remove it now")) }
            }
        }))
    }
}

pub(in crate::manager) async fn new(State(manager): State<Manager>, seat: Seat) -> Response {
    let draft = Draft { id: String::new(), units: Vec::new(), kept: None };
    form(&manager, &seat, StatusCode::OK, &draft, (&html! {}, None))
}

pub(in crate::manager) async fn add(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let draft = Draft { id: fields.get("id").trim().to_owned(), units: chosen(&fields), kept: None };
    let id = match EngineId::of_new(&draft.id) {
        Ok(id) => id,
        Err(reason) => {
            let text = w.f("The id {}.", &[&reason]);
            let above = summary(w, std::slice::from_ref(&text));
            return form(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &draft, (&above, Some(&text)));
        }
    };
    match manager.add_engine(seat.name(), &id, draft.units.clone()).await {
        Ok(made) => told(&seat, &draft.id, &made.token, false),
        Err(failed) => after(&manager, &seat, draft, &failed),
    }
}

/// The token is shown once: it is nowhere else.
fn told(seat: &Seat, id: &str, made: &SecretString, keep: bool) -> Response {
    let w = &seat.words;
    let title = w.t("The engine's token");
    let body = html! {
        (Tab::Engines.of_administration(seat))
        p class="trail" { a href="/engines" { (w.t("Routing engines")) } }
        h1 { (title) }
        p { (w.f("Give this token to {}. It is not shown again.", &[&id])) }
        p { output class="link" data-copy=(w.t("Copy")) { (made.expose_secret()) } }
        @if keep { p { (w.t("The token before it is still good. End it on the engine's page once the engine uses this one.")) } }
        p { a class="button" href="/engines" { (w.t("Continue")) } }
    };
    page(seat, Section::Administration, title, &body)
}

async fn draft_of(manager: &Manager, id: &str) -> Result<Draft, Failed> {
    let (engine, document) = manager.engine(id).await?;
    let kept = Some((document.version, engine.former_token_sha256.is_some()));
    Ok(Draft { id: engine.id, units: engine.units, kept })
}

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat, Path(id): Path<String>) -> Response {
    match draft_of(&manager, &id).await {
        Ok(draft) => form(&manager, &seat, StatusCode::OK, &draft, (&html! {}, None)),
        Err(failed) => without(&seat, &failed),
    }
}

fn version(fields: &Fields) -> u64 {
    // 0 is no version: such a form is told that somebody was faster.
    fields.get("version").parse().unwrap_or_default()
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(id): Path<String>,
    fields: Fields,
) -> Response {
    let mut draft = Draft { units: chosen(&fields), kept: Some((version(&fields), false)), id };
    match draft_of(&manager, &draft.id).await {
        Ok(now) => draft.kept = Some((version(&fields), now.kept.is_some_and(|it| it.1))),
        Err(failed) => return after(&manager, &seat, draft, &failed),
    }
    match manager.change_engine(seat.name(), &draft.id, version(&fields), draft.units.clone()).await {
        Ok(_version) => Redirect::to("/engines?done=changed").into_response(),
        Err(failed) => after(&manager, &seat, draft, &failed),
    }
}

pub(in crate::manager) async fn new_token(
    State(manager): State<Manager>,
    seat: Seat,
    Path(id): Path<String>,
    fields: Fields,
) -> Response {
    let keep = fields.has("keep");
    match manager.new_engine_token(seat.name(), &id, (version(&fields), keep)).await {
        Ok(made) => told(&seat, &id, &made.token, keep),
        Err(failed) => again(&manager, &seat, &id, &failed).await,
    }
}

pub(in crate::manager) async fn end_former(
    State(manager): State<Manager>,
    seat: Seat,
    Path(id): Path<String>,
    fields: Fields,
) -> Response {
    match manager.end_former_token(seat.name(), &id, version(&fields)).await {
        Ok(_version) => Redirect::to("/engines?done=ended").into_response(),
        Err(failed) => again(&manager, &seat, &id, &failed).await,
    }
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(id): Path<String>,
    fields: Fields,
) -> Response {
    match manager.remove_engine(seat.name(), &id, version(&fields)).await {
        Ok(()) => Redirect::to("/engines?done=removed").into_response(),
        Err(failed) => again(&manager, &seat, &id, &failed).await,
    }
}

/// The engine as it is now, with what is in the way.
async fn again(manager: &Manager, seat: &Seat, id: &str, failed: &Failed) -> Response {
    match draft_of(manager, id).await {
        Ok(now) => after(manager, seat, now, failed),
        Err(gone) => without(seat, &gone),
    }
}

/// Where there is no form to show.
fn without(seat: &Seat, failed: &Failed) -> Response {
    match failed {
        Failed::OfFile(file) => {
            let text = seat.words.f("This is written in {} and is changed there.", &[file]);
            refusal(seat, StatusCode::CONFLICT, &text)
        }
        Failed::Refused(Refusal::Store(error)) => unavailable(seat, error),
        Failed::Unknown | Failed::InUse(_) | Failed::Refused(_) => not_found(seat),
    }
}

fn after(manager: &Manager, seat: &Seat, mut draft: Draft, failed: &Failed) -> Response {
    match failed {
        Failed::Unknown | Failed::InUse(_) | Failed::OfFile(_) => without(seat, failed),
        Failed::Refused(refusal) => {
            if let (Refusal::Conflict(Some(now)), Some((version, _))) = (refusal, &mut draft.kept) {
                // It is shown beside what was chosen: saved again it takes its place.
                *version = now.version;
            }
            let (status, above) = refused(&seat.words, refusal);
            form(manager, seat, status, &draft, (&above, None))
        }
    }
}
