//! Erasing one contact: what goes, what stays, and that whoever asks means this one.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::html;

use super::{
    Field, Section,
    contact::{id, is_erased},
    live::contact_path,
    not_found, refusal, summary, token, unavailable, with_status,
};
use crate::{
    core::ids::ContactId,
    gateway::{
        erasing::Erasing,
        storage::{Erasure, Pos},
    },
    manager::{
        Manager,
        guard::{Fields, Seat},
        keeping::Undone,
    },
};

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let Some(id) = id(names) else { return not_found(&seat) };
    match manager.gateway.timeline(&id, Pos(0), 1).await {
        Ok(records) if records.is_empty() => not_found(&seat),
        Ok(_) => form(&manager, &seat, &id, StatusCode::OK, ("", None)).await,
        Err(error) => unavailable(&seat, &error),
    }
}

async fn form(
    manager: &Manager,
    seat: &Seat,
    id: &ContactId,
    status: StatusCode,
    (typed, problem): (&str, Option<&str>),
) -> Response {
    let w = &seat.words;
    let is_open = manager.gateway.contact(id).is_some();
    let is_erased = match is_erased(manager, id).await {
        Ok(is_erased) => is_erased,
        Err(error) => return unavailable(seat, &error),
    };
    let title = w.f("Erase contact {}", &[&id.name]);
    let problems: Vec<String> = problem.map(str::to_owned).into_iter().collect();
    let field = Field { name: "confirm", label: w.t("Type the contact's name"), hint: "", problem };
    let body = html! {
        p class="trail" { a href=(contact_path(id)) { (w.f("Contact {}", &[&id.name])) } }
        h1 { (title) }
        (summary(w, &problems))
        @if is_open {
            p class="refusal" { (w.t("This contact is open: it can be erased when it is over. End it first.")) }
        } @else if is_erased {
            p { (w.t("This contact is erased already: there is nothing left that could be read.")) }
        } @else {
            p { (w.t("Its key is destroyed: nobody can read what was said and done any more, in no way and for good. Every contact of this name is erased.")) }
            p { (w.t("What stays: its name, business unit and times, its profile, virtual agent, kind and queue, how it ended and how often engines were asked, and the proof that its records were not altered. What this does not reach: backups made before (restoring one erases the contact in it, too), the contact centre and the language engine.")) }
            form method="post" action={ (contact_path(id)) "/erase" } class="narrow" {
                (token(seat))
                (field.text(typed, "text", "off"))
                button class="danger" { (w.t("Erase it for good")) }
            }
        }
    };
    with_status(status, seat, (Section::Live, &title), &body)
}

pub(in crate::manager) async fn carry_out(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let w = &seat.words;
    let Some(id) = id(names) else { return not_found(&seat) };
    let typed = fields.get("confirm").trim();
    if typed != id.name.as_str() {
        let problem = Some(w.t("This is not the contact's name."));
        return form(&manager, &seat, &id, StatusCode::UNPROCESSABLE_ENTITY, (typed, problem)).await;
    }
    match manager.erase(seat.name().to_owned(), id.clone()).await {
        Ok(Erasing { plain, .. }) if plain > 0 => {
            let text =
                w.f("{} records were written by a version without keys: they stay until they are pruned.", &[&plain]);
            refusal(&seat, StatusCode::CONFLICT, &text)
        }
        Ok(Erasing { erasure: Erasure::Done | Erasure::Before(_), .. }) => {
            Redirect::to(&format!("{}?done=erased", contact_path(&id))).into_response()
        }
        Ok(Erasing { erasure: Erasure::Open, .. }) => {
            form(&manager, &seat, &id, StatusCode::CONFLICT, (typed, None)).await
        }
        Ok(Erasing { erasure: Erasure::Unknown, .. }) => not_found(&seat),
        Err(Undone::Store(error)) => unavailable(&seat, &error),
        Err(Undone::Leaving) => refusal(&seat, StatusCode::SERVICE_UNAVAILABLE, w.t("The gateway is going down.")),
    }
}
