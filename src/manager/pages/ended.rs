//! Contacts that are over, those that ended last first: a filter and a place to go on stand in the address.

use axum::{extract::State, response::Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Section, Tab, asking, empty, end_kind,
    live::{choice, contact_path, whose},
    page, short, time, unavailable,
};
use crate::{
    core::ids::{ProfileName, UnitName},
    gateway::{
        live::UnitNow,
        storage::{Closed, Ended, EndedOf, Pos},
    },
    manager::{Manager, guard::Seat, query::Query, words::Words},
    telemetry::labels::{EndKind, Label as _},
};

const PATH: &str = "/contacts/ended";
/// Of a page.
const ROWS: usize = 100;

/// What of them is shown. Empty: all.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Filter {
    unit: String,
    profile: String,
    end: String,
    /// Part of the contact's name, of its queue or its virtual agent.
    find: String,
    /// Those that ended before.
    before: Option<u64>,
}

impl Filter {
    /// `None`: there is nothing of such a name.
    fn asked(&self) -> Option<EndedOf> {
        let Self { unit, profile, end, find, before } = self;
        Some(EndedOf {
            unit: if unit.is_empty() { None } else { Some(UnitName::new(unit).ok()?) },
            profile: if profile.is_empty() { None } else { Some(ProfileName::new(profile).ok()?) },
            end: if end.is_empty() { None } else { Some(EndKind::find(end)?) },
            find: find.trim().to_owned(),
            before: before.map(Pos),
        })
    }

    fn fields(&self) -> [(&'static str, &str); 4] {
        let Self { unit, profile, end, find, before: _ } = self;
        [("unit", unit), ("profile", profile), ("end", end), ("find", find)]
    }

    fn is_empty(&self) -> bool {
        self.fields().iter().all(|it| it.1.is_empty())
    }

    /// Where it goes on; `None`: where it begins.
    fn at(&self, before: Option<Pos>) -> String {
        let before = before.map(|it| it.0.to_string()).unwrap_or_default();
        asking(PATH, self.fields().into_iter().chain([("before", before.as_str())]))
    }
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(filter): Query<Filter>,
) -> Response {
    let w = &seat.words;
    let found = match filter.asked() {
        Some(of) => match manager.gateway.ended(&of, ROWS).await {
            Ok(found) => found,
            Err(error) => return unavailable(&seat, &error),
        },
        None => Ended::default(),
    };
    let title = w.t("Contacts that are over");
    let body = html! {
        (Tab::Ended.of_contacts(&seat))
        h1 { (title) }
        (form(w, &manager, &manager.gateway.units_now(), &filter))
        @if !found.contacts.is_empty() {
            (table(w, &found.contacts))
        } @else if found.next.is_none() {
            (nothing(w, &filter))
        } @else {
            p { (w.t("Nothing among those that ended last fits the filter.")) }
        }
        @if let Some(next) = found.next { p { a href=(filter.at(Some(next))) rel="next" { (w.t("Older ones")) } } }
    };
    page(&seat, Section::Live, title, &body)
}

fn form(w: &Words, manager: &Manager, units: &[UnitNow], filter: &Filter) -> Markup {
    let ends: Vec<(&str, &str)> = EndKind::ALL.iter().map(|it| (it.text(), end_kind(w, *it))).collect();
    html! {
        form method="get" action=(PATH) class="filter" data-auto="" {
            (whose(w, manager, units, (&filter.unit, &filter.profile)))
            (choice(w, ("end", w.t("Ended")), &filter.end, &ends))
            label { span { (w.t("Contact, queue or virtual agent")) }
                input type="search" name="find" value=(filter.find) maxlength="128"; }
            button { (w.t("Filter")) }
            @if !filter.is_empty() { a href=(PATH) { (w.t("Show all")) } }
        }
    }
}

fn nothing(w: &Words, filter: &Filter) -> Markup {
    html! {
        @if filter.before.is_some() {
            (empty(w.t("There are no older ones."), Some((filter.at(None).as_str(), w.t("To the newest")))))
        } @else if filter.is_empty() {
            (empty(w.t("No contact has ended yet. They stand here until their timelines are removed."), Some(("/", w.t("Open contacts")))))
        } @else {
            (empty(w.t("Nothing here fits the filter."), Some((PATH, w.t("Show all")))))
        }
    }
}

fn table(w: &Words, contacts: &[Closed]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr {
                th { (w.t("Contact")) } th { (w.t("Ended")) } th { (w.t("Profile")) } th { (w.t("Queue")) } th { (w.t("Virtual agent")) }
                th class="number" title=(w.t("How often the language engine was asked")) { (w.t("Turns")) }
                th { (w.t("From")) } th { (w.t("To")) }
            } }
            tbody {
                @for it in contacts {
                    @let past = it.past.as_ref();
                    tr {
                        td { a href=(contact_path(&it.contact)) { (short(it.contact.name.as_str())) } }
                        td { @if let Some(past) = past { (end_kind(w, past.end)) } }
                        td { @if let Some(profile) = past.and_then(|it| it.profile.as_ref()) { (profile) } }
                        td { @if let Some(queue) = past.and_then(|it| it.queue.as_ref()) { (queue) } }
                        td { @if let Some(past) = past { (past.agent) } }
                        td class="number" { @if let Some(past) = past { (past.turns) } }
                        td { @if let Some(began) = past.and_then(|it| it.began_at) { (time(began)) } }
                        td { (time(it.at)) }
                    }
                }
            }
        } }
    }
}
