//! Business units: their zones, countries, languages, media servers and actions.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Field, Section, Tab, actions, done, not_found, page, profiles, quiet, refusal, refused, summary, token,
    unavailable, with_status,
};
use crate::{
    config::{Finding, Severity, UnitText, countries, zones},
    core::{action::ActionRule, ids::UnitName},
    gateway::live::UnitNow,
    manager::{
        Manager, address,
        estate::{Failed, Written, field_of_unit, find_unit, split},
        guard::{Fields, Seat},
        people::Role,
        ports::Refusal,
        query::Query,
        words::Words,
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
    let now = manager.gateway.units_now();
    let title = w.t("Business units");
    let may = seat.may(Role::Administrator);
    let body = html! {
        (Tab::Units.of_administration(&seat))
        div class="head" {
            h1 { (title) }
            @if may { a class="button" href="/units/new" { (w.t("Add a business unit")) } }
        }
        @match said.as_str() {
            "added" => (done(w.t("The business unit was added."))),
            "changed" => (done(w.t("The business unit was changed."))),
            "removed" => (done(w.t("The business unit was removed."))),
            _ => {}
        }
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr {
                th { (w.t("Business unit")) } th { (w.t("Time zone")) } th { (w.t("Country")) } th { (w.t("Languages")) }
                th { (w.t("Media servers")) } th { (w.t("Profiles")) } th { (w.t("Routing engine")) }
                th class="number" { (w.t("Actions")) } th { (w.t("Written in")) }
            } }
            tbody {
                @for it in &loaded.units {
                    @let own = Written::of(&it.origin) != Written::InAFile;
                    tr {
                        td { a href={ (path(&it.name)) @if may && own { "/edit" } @else { "/actions" } } { (it.name) } }
                        td { (it.zone) }
                        td { (it.country) }
                        td { (it.languages.join(", ")) }
                        td { (it.media_servers.join(", ")) }
                        td {
                            @for profile in loaded.settings.profiles.iter().filter(|other| other.unit == it.name) {
                                a href=(profiles::path(profile)) { (profile.name) } " "
                            }
                        }
                        td { (engines(w, &loaded.settings.engines, &now, &it.name)) }
                        td class="number" { a href={ (path(&it.name)) "/actions" } { (actions_of(&it.actions)) } }
                        td { span class="code" { (it.origin) } }
                    }
                }
            }
        } }
        p class="hint" { (w.t("What stands in a file is changed there: a changed file takes effect at once. A default goes as soon as a business unit is named, unless a profile or an engine goes by it.")) }
    };
    page(&seat, Section::Administration, title, &body)
}

pub(super) fn path(unit: &UnitName) -> String {
    path_of(unit.as_str())
}

pub(in crate::manager) fn path_of(unit: &str) -> String {
    format!("/units/{}", address::part(unit))
}

/// Above every page of a business unit. `tab`: `None`: it is a file, of which there is no more to see.
pub(super) fn head(seat: &Seat, unit: &str, tab: Option<Tab>) -> Markup {
    let w = &seat.words;
    html! {
        (Tab::Units.of_administration(seat))
        p class="trail" { a href="/units" { (w.t("Business units")) } }
        h1 { (w.f("Business unit {}", &[&unit])) }
        @if let Some(tab) = tab { (tab.of_unit(seat, &path_of(unit))) }
    }
}

/// An action for several kinds of contacts is one.
fn actions_of(actions: &[ActionRule]) -> usize {
    actions.iter().map(|it| it.name.as_str()).collect::<std::collections::BTreeSet<_>>().len()
}

fn engines(w: &Words, all: &[crate::config::settings::Engine], now: &[UnitNow], unit: &UnitName) -> Markup {
    html! {
        @for engine in all.iter().filter(|it| it.units.contains(unit)) {
            @let here = now.iter().find(|it| it.unit == *unit);
            @let lanes = here.and_then(|it| it.engines.iter().find(|(id, _)| *id == engine.id)).map_or(0, |it| it.1);
            @if lanes > 0 { span class="good" { (engine.id) } @if lanes > 1 { span title=(w.f("{} connections at a time", &[&lanes])) { " ×" (lanes) } } }
            @else { span class="bad" { (engine.id) } " " (w.t("not attached")) }
        }
    }
}

/// What is in the form.
struct Draft {
    unit: UnitText,
    /// `None`: it is new.
    version: Option<u64>,
    /// The actions are in it, as text.
    with_actions: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct View {
    view: String,
}

impl View {
    fn is_text(&self) -> bool {
        self.view == "text"
    }
}

impl Draft {
    fn of(fields: &Fields, name: Option<&str>) -> Self {
        let unit = UnitText {
            name: name.unwrap_or_else(|| fields.get("name").trim()).to_owned(),
            zone: fields.get("zone").trim().to_owned(),
            country: fields.get("country").trim().to_uppercase(),
            languages: split(fields.get("languages")),
            media_servers: split(fields.get("media_servers")),
            actions: fields.get("actions").replace("\r\n", "\n").trim().to_owned(),
        };
        let version = name.map(|_| fields.get("version").parse().unwrap_or_default());
        Self { unit, version, with_actions: fields.has("actions") }
    }
}

/// What is wrong with a field, and what with the rest.
#[derive(Default)]
struct Problems {
    fields: Vec<(&'static str, String)>,
    above: Markup,
}

impl Problems {
    fn at(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| *name == field).map(|(_, text)| text.as_str())
    }
}

/// The validation speaks of keys; a form has them as fields.
fn by_field(w: &Words, list: &[Finding]) -> Vec<(&'static str, String)> {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    errors
        .filter_map(|it| Some((field_of_unit(it)?, format!("{}: {}", w.said(&it.message), w.said(&it.help)))))
        .collect()
}

fn form(manager: &Manager, seat: &Seat, status: StatusCode, draft: &Draft, problems: &Problems) -> Response {
    let w = &seat.words;
    let Draft { unit, version, with_actions } = draft;
    let title = if version.is_some() { w.t("Change a business unit") } else { w.t("Add a business unit") };
    let base = path_of(&unit.name);
    let action = if version.is_some() { format!("{base}/edit") } else { "/units/new".to_owned() };
    let field = |name: &'static str, label, hint| Field { name, label, hint, problem: problems.at(name) };
    let body = html! {
        @if version.is_some() {
            (head(seat, &unit.name, Some(Tab::Settings)))
        } @else {
            (Tab::Units.of_administration(seat))
            p class="trail" { a href="/units" { (w.t("Business units")) } }
            h1 { (title) }
        }
        (problems.above)
        form method="post" action=(action) {
            (token(seat))
            div class="narrow" {
                @match version {
                    Some(version) => input type="hidden" name="version" value=(version);,
                    None => (field("name", w.t("Name"), w.t("As the contact centre calls it. It cannot be changed later.")).text(&unit.name, "text", "off")),
                }
                (suggested(&field("zone", w.t("Time zone"), w.t("For dates and times that customers say: an IANA name such as Europe/Berlin.")), &unit.zone, "zones"))
                (suggested(&field("country", w.t("Country"), w.t("For phone numbers without a country code: two letters as in ISO 3166.")), &unit.country, "countries"))
                (field("languages", w.t("Languages"), w.t("Tags such as de or en-US, with commas between them. A profile that names no language speaks the first.")).text(&unit.languages.join(", "), "text", "off"))
                (field("media_servers", w.t("Media servers"), w.t("For speech: host names or addresses, with commas between them.")).text(&unit.media_servers.join(", "), "text", "off"))
            }
            @if *with_actions {
                (field("actions", w.t("Actions, as TOML"), w.t("Of all the unit's profiles; a profile may override. Each begins with [[unit.action]] and has name, media, kind and what the kind needs.")).with(|id, described, invalid| html! {
                    textarea class="short" id=(id) name="actions" spellcheck="false" aria-describedby=[described] aria-invalid=[invalid.then_some("true")] { "\n" (unit.actions) }
                }))
            }
            button { (w.t("Save")) }
        }
        @if !with_actions { (built(manager, w, draft)) }
        datalist id="zones" { @for it in zones() { option value=(it) {} } }
        datalist id="countries" { @for it in countries() { option value=(it) {} } }
        @if let Some(version @ 1..) = version {
            (quiet(w.t("Remove the business unit"), &html! {
                form method="post" action={ (base) "/remove" } {
                    (token(seat))
                    input type="hidden" name="version" value=(version);
                    p { (w.t("Profiles and engines that go by it must be removed or moved first.")) }
                    button class="danger" { (w.t("Remove it now")) }
                }
            }))
        }
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

/// The actions that are in force, and the ways to change them.
fn built(manager: &Manager, w: &Words, draft: &Draft) -> Markup {
    let loaded = manager.house.configuration();
    let base = path_of(&draft.unit.name);
    let rules = find_unit(&loaded, &draft.unit.name).map(|it| it.actions.as_slice()).unwrap_or_default();
    html! {
        h2 { (w.t("Actions")) }
        @if draft.version.is_none() {
            p class="hint" { (w.t("They are built once the business unit is there.")) " " a href="/units/new?view=text" { (w.t("Write them as text")) } }
        } @else {
            p {
                a class="button second" href={ (base) "/actions" } { (w.f("Actions: {}", &[&actions_of(rules)])) } " "
                a href={ (base) "/edit?view=text" } { (w.t("Write them as text")) }
            }
            @if !rules.is_empty() { (actions::brief(w, rules)) }
        }
    }
}

fn suggested(field: &Field<'_>, value: &str, list: &str) -> Markup {
    field.with(|id, described, invalid| {
        html! {
            input id=(id) name=(field.name) type="text" value=(value) list=(list) autocomplete="off"
                aria-describedby=[described] aria-invalid=[invalid.then_some("true")];
        }
    })
}

pub(in crate::manager) async fn new(State(manager): State<Manager>, seat: Seat, Query(view): Query<View>) -> Response {
    let unit = UnitText { zone: "UTC".to_owned(), country: "DE".to_owned(), ..UnitText::default() };
    let draft = Draft { unit, version: None, with_actions: view.is_text() };
    form(&manager, &seat, StatusCode::OK, &draft, &Problems::default())
}

pub(in crate::manager) async fn add(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let mut draft = Draft::of(&fields, None);
    if let Err(reason) = UnitName::of_new(&draft.unit.name) {
        let text = seat.words.f("The name {}.", &[&reason]);
        let problems =
            Problems { above: summary(&seat.words, std::slice::from_ref(&text)), fields: vec![("name", text)] };
        return form(&manager, &seat, StatusCode::UNPROCESSABLE_ENTITY, &draft, &problems);
    }
    let done = manager.add_unit(seat.name(), &draft.unit).await.map(drop);
    after(&manager, &seat, &mut draft, done, "/units?done=added")
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    Query(view): Query<View>,
) -> Response {
    match manager.unit(&name).await {
        Ok((unit, version)) => {
            let draft = Draft { unit, version: Some(version), with_actions: view.is_text() };
            form(&manager, &seat, StatusCode::OK, &draft, &Problems::default())
        }
        Err(failed) => without(&seat, &failed),
    }
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let mut draft = Draft::of(&fields, Some(&name));
    let version = draft.version.unwrap_or_default();
    // What stands in a file is no document, whatever a form says.
    let done = match manager.unit(&name).await {
        Ok(_) | Err(Failed::Unknown) if draft.with_actions => {
            manager.change_unit(seat.name(), version, &draft.unit).await.map(drop)
        }
        Ok(_) | Err(Failed::Unknown) => manager.change_but_actions(seat.name(), version, &draft.unit).await.map(drop),
        Err(failed) => Err(failed),
    };
    after(&manager, &seat, &mut draft, done, "/units?done=changed")
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let version = fields.get("version").parse().unwrap_or_default();
    let mut now = match manager.unit(&name).await {
        Ok((unit, now)) => Draft { unit, version: Some(now), with_actions: false },
        Err(failed) => return without(&seat, &failed),
    };
    let done = manager.remove_unit(seat.name(), &name, version).await;
    after(&manager, &seat, &mut now, done, "/units?done=removed")
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

/// To the list, or to the form with what is in the way.
fn after(manager: &Manager, seat: &Seat, draft: &mut Draft, done: Result<(), Failed>, to: &str) -> Response {
    let w = &seat.words;
    match done {
        Ok(()) => Redirect::to(to).into_response(),
        Err(failed @ (Failed::Unknown | Failed::OfFile(_))) => without(seat, &failed),
        Err(Failed::InUse(users)) => {
            let text = w.f(
                "The business unit is in use: {}. Remove them or move them to another one first.",
                &[&users.join(", ")],
            );
            let problems = Problems { above: summary(w, &[text]), fields: Vec::new() };
            form(manager, seat, StatusCode::CONFLICT, draft, &problems)
        }
        Err(Failed::Refused(refusal)) => {
            if let (Refusal::Conflict(Some(now)), Some(version)) = (&refusal, &mut draft.version) {
                // It is shown beside what was typed: saved again it takes its place.
                *version = now.version;
            }
            let fields = if let Refusal::Findings(list) = &refusal { by_field(&seat.words, list) } else { Vec::new() };
            let (status, above) = refused(w, &refusal);
            form(manager, seat, status, draft, &Problems { above, fields })
        }
    }
}
