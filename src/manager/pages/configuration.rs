//! The whole configuration as files: out as one zip, in by way of what it would change.

use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Field, Section, Tab, difference, done, marked, refused, summary, token, with_status};
use crate::manager::{
    Manager,
    guard::{Fields, Seat},
    multipart,
    ports::{Approved, Leaves, Plan, Refusal, What},
    query::Query,
    words::Words,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// What was done, from a closed set.
    done: String,
}

pub(in crate::manager) async fn show(seat: Seat, Query(Said { done: said }): Query<Said>) -> Response {
    let notice =
        html! { @if said == "imported" { (done(seat.words.t("The configuration was imported and is in force."))) } };
    start(&seat, StatusCode::OK, "", &notice)
}

fn start(seat: &Seat, status: StatusCode, text: &str, above: &Markup) -> Response {
    let w = &seat.words;
    let title = w.t("Configuration");
    let body = html! {
        (Tab::Configuration.of_administration(seat))
        h1 { (title) }
        (above)
        h2 { (w.t("Export")) }
        p { (marked(w.t("All of it as files, what is kept here and what stands in files: usher.toml and profiles/NAME.toml, in an order that does not change. `usher check` takes them, and they go into version control."))) }
        form method="post" action="/configuration/export" class="narrow" {
            (token(seat))
            (Field { name: "secrets", label: w.t("Secrets"), hint: w.t("Sealed ones are good wherever the same master key is. A variable's name says where the secret is to be found."), problem: None }
                .choice("sealed", &[("sealed", w.t("sealed with the master key")), ("env", w.t("as names of environment variables"))]))
            button class="second" { (w.t("Export as a zip")) }
        }
        h2 { (w.t("Import")) }
        p { (w.t("Stands for all that is kept here. What it would change is shown first. What stands in files on the gateway's machine is changed there.")) }
        form method="post" action="/configuration/import" enctype="multipart/form-data" {
            (token(seat))
            div class="narrow" {
                (Field { name: "file", label: w.t("A zip, or an usher.toml"), hint: "", problem: None }.with(|id, _, _| html! {
                    input id=(id) name="file" type="file" accept=".zip,.toml";
                }))
            }
            (Field { name: "text", label: w.t("Or the text of an usher.toml"), hint: "", problem: None }.with(|id, _, _| html! {
                textarea class="short" id=(id) name="text" spellcheck="false" { "\n" (text) }
            }))
            button { (w.t("Show what it would change")) }
        }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

pub(in crate::manager) async fn export(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let leaves = if fields.get("secrets") == "env" { Leaves::Environment } else { Leaves::Sealed };
    let mut packed = match manager.house.export(leaves).await {
        Ok(exported) => manager.house.pack(&exported.files).map_err(Refusal::Unable),
        Err(refusal) => Err(refusal),
    };
    if packed.is_ok()
        && let Err(error) = manager.tell_of_export(seat.name(), leaves).await
    {
        packed = Err(Refusal::Store(error));
    }
    match packed {
        Ok(zip) => {
            let headers = [
                (header::CONTENT_TYPE, HeaderValue::from_static("application/zip")),
                (
                    header::CONTENT_DISPOSITION,
                    HeaderValue::from_static("attachment; filename=\"usher-configuration.zip\""),
                ),
            ];
            (headers, zip).into_response()
        }
        Err(refusal) => {
            let (status, above) = refused(&seat.words, &refusal);
            start(&seat, status, "", &above)
        }
    }
}

pub(in crate::manager) async fn import(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let text = fields.get("text");
    let bytes = multipart::file(fields.get("file")).filter(|it| !it.is_empty());
    let bytes = bytes.unwrap_or_else(|| text.trim_start().as_bytes().to_vec());
    let refuse = |why: String| start(&seat, StatusCode::UNPROCESSABLE_ENTITY, text, &summary(w, &[why]));
    if bytes.is_empty() {
        return refuse(w.t("Choose a file, or write a text.").to_owned());
    }
    let files = match manager.house.unpack(&bytes) {
        Ok(files) => files,
        Err(why) => return refuse(w.said(&why)),
    };
    match manager.house.plan(files).await {
        Ok(plan) => {
            let id = manager.imports.put(plan.files.clone());
            planned(&seat, StatusCode::OK, &plan, &id, &html! {})
        }
        Err(refusal) => {
            let (status, above) = refused(w, &refusal);
            start(&seat, status, text, &above)
        }
    }
}

/// What would change, and the way to change it.
fn planned(seat: &Seat, status: StatusCode, plan: &Plan, id: &str, above: &Markup) -> Response {
    let w = &seat.words;
    let title = w.t("What the import would change");
    let may = !plan.steps.is_empty() && plan.blocked.is_empty();
    let body = html! {
        p class="trail" { a href="/configuration" { (w.t("Configuration")) } }
        h1 { (title) }
        (above)
        (summary(w, &plan.blocked.iter().map(|it| w.said(it)).collect::<Vec<_>>()))
        @if plan.steps.is_empty() { p { (w.t("Nothing: all of it is as the import says.")) } }
        @for step in &plan.steps {
            h2 { (told(w, step.what)) ": " span class="code" { (step.kind.label()) " " (step.name) } }
            (difference(step.name.as_str(), &step.lines))
        }
        @if !plan.stays.is_empty() || !plan.notes.is_empty() {
            h2 { (w.t("Stays as it is")) }
            ul { @for it in plan.stays.iter().chain(&plan.notes) { li { (w.said(it)) } } }
        }
        @if may {
            form method="post" action="/configuration/apply" {
                (token(seat))
                input type="hidden" name="import" value=(id);
                input type="hidden" name="seen" value=(plan.seen);
                div class="acts" {
                    button { (w.t("Import it")) }
                    a href="/configuration" { (w.t("Cancel")) }
                }
            }
        } @else {
            p { a class="button" href="/configuration" { (w.t("Continue")) } }
        }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

fn told(w: &Words, what: What) -> &str {
    match what {
        What::Added => w.t("Added"),
        What::Changed(_) => w.t("Changed"),
        What::Removed(_) => w.t("Removed"),
    }
}

pub(in crate::manager) async fn apply(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let id = fields.get("import").to_owned();
    let Some(files) = manager.imports.get(&id) else {
        let text = w.t("This import is not kept any more. Bring the file again.").to_owned();
        return start(&seat, StatusCode::CONFLICT, "", &summary(w, &[text]));
    };
    let approved = Approved { by: seat.name().to_owned(), seen: fields.get("seen").to_owned() };
    let refusal = match manager.house.import(files.clone(), approved).await {
        Ok(()) => {
            manager.imports.forget(&id);
            return Redirect::to("/configuration?done=imported").into_response();
        }
        Err(refusal) => refusal,
    };
    let (status, mut above) = refused(w, &refusal);
    // Somebody was faster: what it would change now.
    match manager.house.plan(files).await {
        Ok(plan) => {
            if matches!(refusal, Refusal::Conflict(_)) {
                let text =
                    w.t("Somebody has changed the configuration meanwhile. This is what the import would change now.");
                above = summary(w, &[text.to_owned()]);
            }
            planned(&seat, status, &plan, &id, &above)
        }
        Err(_) => start(&seat, status, "", &above),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_a_document_is_said() {
        let words = crate::manager::words::Dictionary::new().words(crate::manager::words::Language::German);
        assert_eq!(told(&words, What::Removed(1)), "Entfernt");
    }
}
