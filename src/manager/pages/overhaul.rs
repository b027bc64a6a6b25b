//! What needs the store alone, by page: another master key here, a backup in `restoring`. The gateway ends for it and begins anew; its answer is a page that
//! leads back by itself.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use secrecy::SecretString;

use super::{Section, confirmation, refused, sign_in, store, time, token, with_status};
use crate::manager::{
    Manager,
    guard::{Fields, Seat},
    ports::{KeptStore, Overhaul, Overhauled},
    words::Words,
};

/// Leads back to the store. Until the gateway has begun anew its door is open and answers nothing: the browser waits.
const BACK: HeaderValue = HeaderValue::from_static("3; url=/store");

/// What was done the last time, or why it was not.
pub(super) fn told(w: &Words, past: &Overhauled) -> Markup {
    let title = match (past.what, &past.told) {
        (Overhaul::Rotation, Ok(_)) => w.t("The master key was changed"),
        (Overhaul::Rotation, Err(_)) => w.t("The master key was not changed"),
        (Overhaul::Restore, Ok(_)) => w.t("The backup was restored"),
        (Overhaul::Restore, Err(_)) => w.t("The backup was not restored"),
    };
    let by = html! { p { (w.f("Asked for by {},", &[&past.by])) " " (time(past.at)) } };
    match &past.told {
        Ok(lines) => html! {
            div class="done" role="status" {
                h2 { (title) }
                (by)
                @for it in lines { p { (w.said(it)) } }
            }
        },
        Err(why) => html! {
            div class="problems" role="alert" {
                h2 { (title) }
                (by)
                p { (w.said(why)) }
                p { (w.t("Everything is as it was before.")) }
            }
        },
    }
}

/// The section of the page Store.
pub(super) fn key(seat: &Seat, kept: &KeptStore, problem: Option<&str>) -> Markup {
    let w = &seat.words;
    html! {
        h2 { (w.t("Master key")) }
        p {
            (w.t("In use:")) " " b class="code" { (kept.key) } ", "
            @if kept.key_from_environment { (w.t("given by the environment")) } @else { (w.t("from the file master.key in the directory")) }
        }
        p { (w.t("Everything is sealed anew under another key in one step. Backups made before still need the old one: it stays beside the new one as a file.")) }
        @if kept.key_from_environment {
            p { (w.t("What the environment gives cannot be changed for the gateway's successors by the gateway: it is done at the machine, while no gateway runs.")) }
        } @else if kept.begins_anew {
            p { (w.t("For this the gateway ends in order and begins anew: contacts go on, routing engines attach again, and whoever is signed in here signs in again.")) }
            form method="post" action="/store/key" class="narrow" {
                (token(seat))
                input type="hidden" name="seen" value=(kept.key);
                (confirmation(w, problem))
                button { (w.t("Change the master key")) }
            }
        } @else {
            p { (w.t("This gateway cannot begin anew by itself: it is done at the machine, while no gateway runs.")) }
        }
        @if kept.key_from_environment || !kept.begins_anew {
            pre class="link" {
                @if kept.key_from_environment { "USHER_MASTER_KEY_NEXT=… " }
                "usher key rotate --data " (kept.directory.display())
            }
        }
    }
}

pub(in crate::manager) async fn rotate(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let Some(signed) = &seat.signed else { return Redirect::to("/sign-in").into_response() };
    let password = SecretString::from(fields.get("password"));
    if let Err(why) = manager.people.confirm(&signed.session.user, password).await {
        let problem = sign_in::told_inside(w, &why);
        let typed = store::Typed { key: Some(&problem), ..store::Typed::default() };
        return store::shown(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &typed).await;
    }
    match manager.rotate(seat.name().to_owned(), fields.get("seen").to_owned()).await {
        Ok(()) => begins_anew(&seat, w.t("Everything is being sealed under another master key.")),
        Err(why) => {
            let (status, above) = refused(w, &why);
            store::shown(&manager, &seat, status, &store::Typed { above, ..store::Typed::default() }).await
        }
    }
}

pub(super) fn begins_anew(seat: &Seat, what: &str) -> Response {
    let w = &seat.words;
    let title = w.t("The gateway begins anew");
    let body = html! {
        h1 { (title) }
        p role="status" { (what) }
        p { (w.t("What is under way ends in order first. This page leads back to the store by itself: sign in again there, and see what came of it.")) }
        p { a class="button" href="/store" { (w.t("To the store")) } }
    };
    let mut response = with_status(StatusCode::ACCEPTED, seat, (Section::Administration, title), &body);
    response.headers_mut().insert(header::REFRESH, BACK);
    response
}
