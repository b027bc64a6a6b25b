//! A profile as text: written, validated as a file would be, put in force. Secrets that are typed are sealed before they are kept.

use axum::{
    extract::{Path, Query, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderValue, StatusCode, header};
use maud::{Markup, html};
use serde::Deserialize;

use super::{Section, not_found, profiles, token, unavailable, with_status};
use crate::{
    config::{self, Finding, Severity, schema::Schema},
    gateway::storage::{Document, Expected, StoreError},
    manager::{
        Manager,
        guard::{Fields, Seat},
        ports::{ProfileOrder, Refusal},
        words::Words,
    },
};

/// What the Web Manager's documents are called in messages ends with this.
const MARK: &str = " (Web Manager)";

/// The document that a profile is written in; `None`: it is a file.
pub(in crate::manager) fn document_of(origin: &str) -> Option<&str> {
    origin.strip_suffix(MARK)
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Wanted {
    /// Of which type.
    kind: String,
    /// The document that is copied.
    from: String,
}

pub(in crate::manager) async fn new(
    State(manager): State<Manager>,
    seat: Seat,
    Query(Wanted { kind, from }): Query<Wanted>,
) -> Response {
    let text = if from.is_empty() {
        let kinds = manager.house.kinds();
        let schema = kinds.iter().find(|it| it.kind == kind).or(kinds.first());
        schema.map(|it| begin(&manager, it)).unwrap_or_default()
    } else {
        match manager.people.profile(&from).await {
            Ok(Some(document)) => String::from_utf8_lossy(&document.body).into_owned(),
            Ok(None) => return not_found(&seat),
            Err(error) => return unavailable(&seat, &error),
        }
    };
    form(&manager, &seat, StatusCode::OK, &Draft { at: None, text: &text, version: 0 }, &html! {})
}

/// The defaults with the lines that have to be filled in.
fn begin(manager: &Manager, schema: &Schema) -> String {
    let loaded = manager.house.configuration();
    let unit = loaded.settings.units.first().map(|it| format!("unit = \"{it}\"\n")).unwrap_or_default();
    let kind = schema.kind;
    let first =
        format!("name = \"\"\n{unit}type = \"{kind}\"\nagents = []\nagent_password = \"\"\nfallback_message = \"\"\n");
    format!("{first}\n{}", as_comments(&config::default_profile(schema)))
}

/// What is a default already need not be written: it is there to be read.
fn as_comments(defaults: &str) -> String {
    let line = |it: &str| {
        let is_setting = !it.is_empty() && !it.starts_with('#') && !it.starts_with('[');
        if is_setting { format!("#{it}\n") } else { format!("{it}\n") }
    };
    defaults.lines().map(line).collect()
}

struct Draft<'a> {
    /// Where the profile is, and its document; `None`: it is new.
    at: Option<(&'a str, &'a str)>,
    text: &'a str,
    version: u64,
}

fn form(manager: &Manager, seat: &Seat, status: StatusCode, draft: &Draft<'_>, problems: &Markup) -> Response {
    let w = &seat.words;
    let Draft { at, text, version } = draft;
    let title = if at.is_some() { w.t("Change a profile") } else { w.t("Add a profile") };
    let action = at.map_or_else(|| "/profiles/new".to_owned(), |(at, _)| format!("{at}/edit"));
    let body = html! {
        p class="trail" { a href="/profiles" { (w.t("Profiles")) } }
        h1 { (title) }
        (problems)
        @if at.is_none() {
            p { (w.t("Which language engine answers?")) }
            ul class="kinds" {
                @for it in manager.house.kinds() { li { a href={ "/profiles/new?kind=" (it.kind) } { (it.title) } } }
            }
        }
        form method="post" action=(action) {
            (token(seat))
            input type="hidden" name="version" value=(version);
            div class="field" {
                label for="f-text" { (w.t("The profile, as TOML")) }
                p class="hint" id="f-text-hint" { (w.t("What begins with # is a default or an example. Secrets are typed as they are; they are sealed before they are kept, and never shown again.")) }
                textarea id="f-text" name="text" spellcheck="false" aria-describedby="f-text-hint" { "\n" (text) }
            }
            button { (w.t("Save")) }
        }
        @if let Some((at, document)) = at {
            @let from: String = form_urlencoded::byte_serialize(document.as_bytes()).collect();
            h2 { (w.t("Export, copy, remove")) }
            p {
                a href={ (at) "/export" } { (w.t("Export as a file")) } " · "
                a href={ "/profiles/new?from=" (from) } { (w.t("Copy it")) }
            }
            form method="post" action={ (at) "/remove" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                p { (w.t("Contacts that it has go on to their end; new ones are not taken.")) }
                button class="danger" { (w.t("Remove the profile")) }
            }
        }
    };
    with_status(status, seat, (Section::Profiles, title), &body)
}

pub(in crate::manager) async fn add(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let text = fields.get("text").replace("\r\n", "\n");
    let loaded = manager.house.configuration();
    let only = loaded.settings.units.first().map(ToString::to_string).unwrap_or_default();
    let name = config::named_in(&text)
        .map_or_else(|| "new".to_owned(), |(unit, name)| format!("{}/{name}", unit.unwrap_or(only)));
    let draft = Draft { at: None, text: &text, version: 0 };
    save(&manager, &seat, &name, &draft, Expected::New).await
}

/// The profile's document and where the profile is.
async fn found(manager: &Manager, names: (String, String)) -> Result<Option<(Document, String)>, StoreError> {
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return Ok(None) };
    let Some(name) = document_of(&profile.origin) else { return Ok(None) };
    Ok(manager.people.profile(name).await?.map(|it| (it, profiles::path(&profile))))
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    match found(&manager, names).await {
        Ok(Some((document, at))) => {
            let text = String::from_utf8_lossy(&document.body);
            let draft = Draft { at: Some((&at, &document.name)), text: &text, version: document.version };
            form(&manager, &seat, StatusCode::OK, &draft, &html! {})
        }
        Ok(None) => not_found(&seat),
        Err(error) => unavailable(&seat, &error),
    }
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let (document, at) = match found(&manager, names).await {
        Ok(Some(found)) => found,
        // Removed by somebody else, or moved by another name: what was typed is not lost.
        Ok(None) => {
            let text = fields.get("text").replace("\r\n", "\n");
            let draft = Draft { at: None, text: &text, version: 0 };
            return form(&manager, &seat, StatusCode::CONFLICT, &draft, &conflict(&seat.words, None));
        }
        Err(error) => return unavailable(&seat, &error),
    };
    let text = fields.get("text").replace("\r\n", "\n");
    // 0 is no version: such a form is told that somebody was faster.
    let version = fields.get("version").parse().unwrap_or_default();
    let draft = Draft { at: Some((&at, &document.name)), text: &text, version };
    save(&manager, &seat, &document.name, &draft, Expected::Version(version)).await
}

async fn save(manager: &Manager, seat: &Seat, name: &str, draft: &Draft<'_>, expected: Expected) -> Response {
    let (by, text) = (seat.name().to_owned(), Some(draft.text.to_owned()));
    carry_out(manager, seat, draft, ProfileOrder { by, name: name.to_owned(), expected, text }).await
}

/// To the list, or to the form with what is in the way.
async fn carry_out(manager: &Manager, seat: &Seat, draft: &Draft<'_>, order: ProfileOrder) -> Response {
    let w = &seat.words;
    match manager.house.change_profile(order).await {
        Ok(()) => Redirect::to("/profiles").into_response(),
        Err(Refusal::Findings(list)) => {
            form(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, draft, &findings(w, &list))
        }
        Err(Refusal::Conflict(now)) => form(manager, seat, StatusCode::CONFLICT, draft, &conflict(w, now.as_deref())),
        Err(Refusal::Store(error)) => unavailable(seat, &error),
        Err(Refusal::Unable(why)) => {
            form(manager, seat, StatusCode::UNPROCESSABLE_ENTITY, draft, &super::summary(w, &[why]))
        }
    }
}

/// Each with where it is, and how to mend it.
fn findings(w: &Words, list: &[Finding]) -> Markup {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            ul { @for it in errors { li {
                @if let Some(at) = &it.location { span class="code" { (at.file) ":" (at.line) ":" (at.column) } " " }
                (it.message)
                @if let Some(at) = &it.location { pre { (at.text) } }
                p { b { (w.t("To mend it:")) } " " (it.help) }
            } } }
        }
    }
}

/// What is there now, beside what one has typed.
fn conflict(w: &Words, now: Option<&Document>) -> Markup {
    html! {
        div class="problems" role="alert" tabindex="-1" autofocus {
            h2 { (w.t("Nothing was changed")) }
            @match now {
                None => p { (w.t("Somebody else has removed this profile meanwhile. Save what you have typed as a new one if it is still wanted.")) },
                Some(now) => {
                    p { (w.f("{} has changed this profile meanwhile. What is there now stands below; what you have typed is in the form. Bring both together and save it by way of the page as it is now.", &[&now.changed_by])) }
                    pre { (String::from_utf8_lossy(&now.body)) }
                },
            }
        }
    }
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let (document, at) = match found(&manager, names).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_found(&seat),
        Err(error) => return unavailable(&seat, &error),
    };
    let version = fields.get("version").parse().unwrap_or_default();
    let (by, expected) = (seat.name().to_owned(), Expected::Version(version));
    let order = ProfileOrder { by, name: document.name.clone(), expected, text: None };
    let text = String::from_utf8_lossy(&document.body).into_owned();
    let draft = Draft { at: Some((&at, &document.name)), text: &text, version: document.version };
    carry_out(&manager, &seat, &draft, order).await
}

/// As a file that stands beside the others: `usher check` takes it where the same master key is.
pub(in crate::manager) async fn export(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let name = names.1.clone();
    match found(&manager, names).await {
        Ok(Some((document, _))) => {
            let plain: String =
                name.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '-' | '_')).collect();
            let file = HeaderValue::try_from(format!("attachment; filename=\"{plain}.toml\""));
            let mut response =
                ([(header::CONTENT_TYPE, "application/toml; charset=utf-8")], document.body).into_response();
            if let Ok(file) = file {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, file);
            }
            response
        }
        Ok(None) => not_found(&seat),
        Err(error) => unavailable(&seat, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_there_to_be_read() {
        let text =
            as_comments("# A meaning.\nlanguage = \"en\"\n\n[handover]\n#queue = \"support\"\nfailures_after = 2\n");
        let expected = "# A meaning.\n#language = \"en\"\n\n[handover]\n#queue = \"support\"\n#failures_after = 2\n";
        assert_eq!(text, expected);
        assert_eq!(document_of("sales/support (Web Manager)"), Some("sales/support"));
        assert_eq!(document_of("profiles/support.toml"), None);
    }
}
