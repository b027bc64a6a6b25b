//! What is to be mended before a customer meets it: the configuration's warnings, and profiles beside their engines' agents (B3).

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{Section, Tab, not_found, page, profiles, time, token};
use crate::{
    config::{Finding, Loaded, Severity, settings::Profile},
    manager::{
        Manager,
        guard::{Fields, Seat},
        linting::Looked,
        people::Role,
        words::Words,
    },
};

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat) -> Response {
    shown(&manager, &seat)
}

fn shown(manager: &Manager, seat: &Seat) -> Response {
    let w = &seat.words;
    let loaded = manager.house.configuration();
    let title = w.t("Lint");
    let may = seat.may(Role::Operator);
    let body = html! {
        (Tab::Lint.of_administration(seat))
        h1 { (title) }
        h2 { (w.t("Configuration")) }
        @if loaded.warnings.is_empty() {
            p { span class="good" { (w.t("The configuration in force is good, without a warning.")) } }
        } @else {
            (findings(w, loaded.warnings.iter().map(|it| (None, it)), &|it| form_of(seat, &loaded, it)))
        }
        @if may && loaded.settings.profiles.len() > 1 {
            form method="post" action="/lint/look-at-all" {
                (token(seat))
                p class="hint" { (w.t("Every profile is compared with its engine's agent and the contact centre's directory.")) }
                button { (w.t("Check all profiles")) }
            }
        }
        @for profile in &loaded.settings.profiles {
            @let found = manager.lints.find(profile);
            div class="head" {
                h2 { a href=(profiles::path(profile)) { (profile.name) } " · " (profile.unit) }
                @if may {
                    form method="post" action="/lint/look" {
                        (token(seat))
                        input type="hidden" name="unit" value=(profile.unit);
                        input type="hidden" name="profile" value=(profile.name);
                        button class="second" aria-label=(w.f("Look now: profile {}", &[&profile.name])) { (w.t("Look now")) }
                    }
                }
            }
            @match found.as_deref() {
                None => p class="hint" { (w.t("Nobody has looked since the start: the profile is compared with its engine's agent and the contact centre's directory.")) },
                Some(found) => (result(w, found, &may_edit(seat, profile))),
            }
        }
    };
    page(seat, Section::Administration, title, &body)
}

/// The form of a profile, for who may use it.
fn may_edit(seat: &Seat, profile: &Profile) -> Option<String> {
    seat.may(Role::Administrator).then(|| format!("{}/edit", profiles::path(profile)))
}

/// The form of the profile that a finding is in.
fn form_of(seat: &Seat, loaded: &Loaded, finding: &Finding) -> Option<String> {
    let file = &finding.location.as_ref()?.file;
    may_edit(seat, loaded.settings.profiles.iter().find(|it| it.origin == *file)?)
}

fn result(w: &Words, found: &Looked, form: &Option<String>) -> Markup {
    html! {
        p class="hint" { (w.t("Looked at")) " " (time(found.at)) }
        @match &found.told {
            Err(why) => p class="refusal" role="alert" { (w.said(why)) },
            Ok(linted) => {
                @if linted.found.is_empty() { p { span class="good" { (w.t("The profile and its agent fit.")) } } }
                (findings(w, linted.found.iter().map(|(code, it)| (Some(*code), it)), &|_| form.clone()))
                @for it in &linted.unchecked { p class="hint" { (w.t("Not looked at:")) " " (w.said(it)) } }
            }
        }
    }
}

/// `form`: where a finding is mended.
fn findings<'f>(
    w: &Words,
    list: impl Iterator<Item = (Option<&'static str>, &'f Finding)>,
    form: &dyn Fn(&Finding) -> Option<String>,
) -> Markup {
    html! {
        ul class="alerts" {
            @for (code, it) in list {
                li class=[(it.severity == Severity::Note).then_some("fine")] {
                    h3 { (severity(w, it.severity)) ": " (w.said(&it.message)) }
                    @if let Some(at) = &it.location { p { span class="code" { (at.file) ":" (at.line) ":" (at.column) } } pre { (at.text) } }
                    p class="mending" { b { (w.t("To mend it:")) } " " (w.said(&it.help)) }
                    @if let Some(form) = form(it) { p { a href=(form) { (w.t("To the profile's settings")) } } }
                    @if let Some(code) = code { p class="hint" { span class="code" { (code) } } }
                }
            }
        }
    }
}

fn severity(w: &Words, severity: Severity) -> &str {
    match severity {
        Severity::Error => w.t("Error"),
        Severity::Warning => w.t("Warning"),
        Severity::Note => w.t("Note"),
    }
}

/// Looks at every profile now.
pub(in crate::manager) async fn look_at_all(State(manager): State<Manager>, seat: Seat) -> Response {
    manager.look_at_all().await;
    shown(&manager, &seat)
}

/// Looks at one profile now.
pub(in crate::manager) async fn look(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let loaded = manager.house.configuration();
    let names = (fields.get("unit").to_owned(), fields.get("profile").to_owned());
    let Some(profile) = profiles::find(&loaded, names) else { return not_found(&seat) };
    manager.look_at(profile).await;
    shown(&manager, &seat)
}
