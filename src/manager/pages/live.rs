//! Contacts as they are now: a table that a script keeps up to date, with a filter that stands in the address.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{extract::State, response::Response};
use maud::{Markup, PreEscaped, html};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    Section, Tab, attached, empty, page, pause, setup, short,
    stream::{self, EVERY, Look},
    time,
};
use crate::{
    clock::Clock,
    core::{
        contact::Standing,
        ids::{ContactId, ContactName, ProfileName},
    },
    gateway::live::{ContactNow, UnitNow},
    manager::{
        Manager, address,
        guard::Seat,
        query::Query,
        words::{Language, Words},
    },
};

/// What a page shows at first: each row costs the browser about as much as all else on the page.
const ROWS: usize = 50;
/// For who asks for more. Still more are a matter for the filter.
const MORE_ROWS: usize = 500;
/// More profiles are not offered one by one.
const OFFERED: usize = 100;
/// Tables that are kept.
const KEPT: usize = 16;

/// What of the contacts is shown. Empty: all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Filter {
    unit: String,
    profile: String,
    standing: String,
    /// Part of the contact's name, of its queue or its virtual agent.
    find: String,
    /// As many rows as there may be.
    more: bool,
}

impl Filter {
    fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new())
            .append_pair("unit", &self.unit)
            .append_pair("profile", &self.profile)
            .append_pair("standing", &self.standing)
            .append_pair("find", &self.find)
            .append_pair("more", if self.more { "true" } else { "false" })
            .finish()
    }

    fn rows(&self) -> usize {
        if self.more { MORE_ROWS } else { ROWS }
    }

    fn is_empty(&self) -> bool {
        self.unit.is_empty() && self.profile.is_empty() && self.standing.is_empty() && self.find.is_empty()
    }

    fn wants(&self, id: &ContactId, profile: &ProfileName) -> bool {
        (self.unit.is_empty() || id.unit.as_str() == self.unit)
            && (self.profile.is_empty() || profile.as_str() == self.profile)
    }

    fn takes(&self, contact: &ContactNow) -> bool {
        let find = self.find.to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&find);
        (self.standing.is_empty() || contact.standing.label() == self.standing)
            && (find.is_empty()
                || holds(contact.id.name.as_str())
                || holds(contact.agent.as_str())
                || contact.place().is_some_and(holds))
    }
}

/// What is shown of all contacts.
struct Seen {
    /// The ones that moved last, the newest first.
    rows: Vec<ContactNow>,
    /// That the filter takes.
    total: usize,
    by_standing: BTreeMap<Standing, usize>,
}

fn look(manager: &Manager, filter: &Filter) -> Seen {
    let mut seen = Seen { rows: Vec::new(), total: 0, by_standing: BTreeMap::new() };
    let rows = filter.rows();
    manager.gateway.each_contact(&|id, profile| filter.wants(id, profile), &mut |contact| {
        *seen.by_standing.entry(contact.standing).or_default() += 1;
        if filter.takes(&contact) {
            seen.total += 1;
            seen.rows.push(contact);
            // Kept within bounds now and then, rather than sorted with all of them.
            if seen.rows.len() >= 8 * rows {
                newest(&mut seen.rows, rows);
            }
        }
    });
    newest(&mut seen.rows, rows);
    seen
}

/// The tables as they were made last: who looks at the same again, or at the same as others, has them as they are.
#[derive(Debug, Default)]
pub(in crate::manager) struct Tables(Mutex<Vec<Made>>);

#[derive(Debug)]
struct Made {
    of: (Language, Filter),
    moved: u64,
    at: Instant,
    html: Arc<str>,
}

impl Tables {
    /// Made anew if a contact has moved since, unless the last is as young as `age`.
    fn of(&self, manager: &Manager, w: &Words, filter: &Filter, age: Duration) -> Markup {
        let (of, moved, now) = ((w.language, filter.clone()), manager.gateway.moved(), Clock::instant());
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |it: &&Made| it.of == of && (it.moved == moved || now.duration_since(it.at) < age);
        if let Some(fresh) = made.iter().find(fresh) {
            return PreEscaped(fresh.html.to_string());
        }
        drop(made);
        let html: Arc<str> = table(w, &look(manager, filter), filter).into_string().into();
        made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        made.retain(|it| it.of != of);
        if made.len() >= KEPT {
            made.remove(0);
        }
        made.push(Made { of, moved, at: now, html: Arc::clone(&html) });
        PreEscaped(html.to_string())
    }
}

fn newest(rows: &mut Vec<ContactNow>, most: usize) {
    rows.sort_by(|a, b| (Reverse(a.moved_at), &a.id).cmp(&(Reverse(b.moved_at), &b.id)));
    rows.truncate(most);
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Query(filter): Query<Filter>,
) -> Response {
    let w = &seat.words;
    let units = manager.gateway.units_now();
    let events = format!("/live/events?{}", filter.query());
    let title = w.t("Contacts");
    let over = over(&manager, &units, &filter).await;
    let body = html! {
        (Tab::Open.of_contacts(&seat))
        h1 { (title) }
        (form(w, &manager, &units, &filter))
        @for it in &over { p { a href=(contact_path(it)) { (w.f("Contact {} in {} is over: its timeline.", &[&it.name, &it.unit])) } } }
        div id="live" data-events=(events) { (now(&seat, &manager, &filter, Duration::ZERO)) }
    };
    page(&seat, Section::Live, title, &body)
}

/// Contacts of exactly the name that is looked for and that are not open any more.
async fn over(manager: &Manager, units: &[UnitNow], filter: &Filter) -> Vec<ContactId> {
    let Ok(name) = ContactName::new(filter.find.trim()) else { return Vec::new() };
    let mut found = Vec::new();
    for it in units.iter().filter(|it| filter.unit.is_empty() || it.unit.as_str() == filter.unit).take(OFFERED) {
        let id = ContactId { unit: it.unit.clone(), name: name.clone() };
        // Where the store fails, the table is shown all the same.
        if manager.gateway.past(&id).await.is_ok_and(|it| it.is_some()) {
            found.push(id);
        }
    }
    found
}

/// All that moves.
fn now(seat: &Seat, manager: &Manager, filter: &Filter, age: Duration) -> Markup {
    let w = &seat.words;
    html! {
        (setup::list(seat, manager))
        (mending(w, manager.alerts.count()))
        (engines(w, &manager.gateway.units_now()))
        (attached::all(w, manager))
        (pause::all(w, manager))
        (manager.tables.of(manager, w, filter, age))
    }
}

/// A way to the alerts while there are some.
fn mending(w: &Words, count: usize) -> Markup {
    html! {
        @if count > 0 {
            p class="stale" {
                a href="/alerts" {
                    @if count == 1 { (w.t("One alert is open.")) } @else { (w.f("{} alerts are open.", &[&count])) }
                }
            }
        }
    }
}

fn engines(w: &Words, units: &[UnitNow]) -> Markup {
    html! {
        ul class="facts" {
            @for it in units {
                li {
                    span class="name" { (it.unit) }
                    @for (engine, lanes) in &it.engines {
                        " " span class="good" title=(w.t("Routing engine, attached for this business unit")) { (engine) }
                        @if *lanes > 1 { span title=(w.f("{} connections at a time", &[lanes])) { " ×" (lanes) } }
                    }
                    @if it.engines.is_empty() { " " span class="bad" { (w.t("no routing engine")) } }
                }
            }
        }
    }
}

fn form(w: &Words, manager: &Manager, units: &[UnitNow], filter: &Filter) -> Markup {
    let standings: Vec<(&str, &str)> = Standing::ALL.iter().map(|it| (it.label(), standing(w, *it))).collect();
    html! {
        form method="get" action="/" class="filter" data-auto="" {
            (whose(w, manager, units, (&filter.unit, &filter.profile)))
            (choice(w, ("standing", w.t("State")), &filter.standing, &standings))
            label { span { (w.t("Contact, queue or virtual agent")) }
                input type="search" name="find" value=(filter.find) maxlength="128"; }
            button { (w.t("Filter")) }
            @if !filter.is_empty() { a href="/" { (w.t("Show all")) } }
        }
    }
}

/// One of a filter's fields: all, or one of these.
pub(super) fn choice(w: &Words, (name, label): (&str, &str), chosen: &str, options: &[(&str, &str)]) -> Markup {
    html! {
        label { span { (label) }
            select name=(name) {
                option value="" { (w.t("all")) }
                // Gone from the configuration, or not known here: the list is filtered by it all the same.
                @if !chosen.is_empty() && options.iter().all(|it| it.0 != chosen) { option value=(chosen) selected { (chosen) } }
                @for (value, shown) in options { option value=(value) selected[*value == chosen] { (shown) } }
            }
        }
    }
}

/// A filter's fields of the business unit and the profile.
pub(super) fn whose(w: &Words, manager: &Manager, units: &[UnitNow], (unit, profile): (&str, &str)) -> Markup {
    let roster = manager.gateway.roster();
    let mut profiles: Vec<(&str, &str)> =
        roster.profiles().iter().map(|it| (it.rules.profile.as_str(), it.rules.profile.as_str())).collect();
    profiles.sort_unstable();
    profiles.dedup();
    let units: Vec<(&str, &str)> = units.iter().map(|it| (it.unit.as_str(), it.unit.as_str())).collect();
    html! {
        @if units.len() > 1 || !unit.is_empty() { (choice(w, ("unit", w.t("Business unit")), unit, &units)) }
        @if profiles.len() <= OFFERED {
            (choice(w, ("profile", w.t("Profile")), profile, &profiles))
        } @else {
            label { span { (w.t("Profile")) } input name="profile" value=(profile) maxlength="128"; }
        }
    }
}

/// In the reader's words.
pub(super) fn standing(w: &Words, standing: Standing) -> &str {
    match standing {
        Standing::Listening => w.t("waits for the customer"),
        Standing::Asking => w.t("asks the language engine"),
        Standing::Acting => w.t("carries out an action"),
        Standing::HandingOver => w.t("waits for a person"),
        Standing::WithPerson => w.t("with a person"),
        Standing::Closing => w.t("is being closed"),
    }
}

fn table(w: &Words, seen: &Seen, filter: &Filter) -> Markup {
    let Seen { rows, total, by_standing } = seen;
    html! {
        ul class="counts" {
            @for (it, count) in by_standing { li { b { (count) } " " (standing(w, *it)) } }
        }
        @if rows.is_empty() {
            @if filter.is_empty() {
                (empty(w.t("No contact is open. They come when a routing engine offers them to a virtual agent that is logged on."),
                    Some(("/agents", w.t("Look at the virtual agents")))))
            } @else {
                (empty(w.t("No open contact fits the filter."), Some(("/", w.t("Show all")))))
            }
        } @else {
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr {
                    th { (w.t("Contact")) } th { (w.t("State")) } th { (w.t("Profile")) } th { (w.t("Engine")) }
                    th { (w.t("Queue")) } th { (w.t("Virtual agent")) } th class="number" title=(w.t("How often the language engine was asked")) { (w.t("Turns")) }
                    th class="number" title=(w.t("Messages of the customer that are not answered yet, and replies that are not delivered yet")) { (w.t("Waiting")) } th { (w.t("Last change")) }
                } }
                tbody {
                    @for it in rows {
                        tr {
                            td { a href=(contact_path(&it.id)) { (short(it.id.name.as_str())) } }
                            td { span class={ "state " (it.standing.label()) } { (standing(w, it.standing)) } }
                            td { (it.profile) }
                            td { @match &it.engine { Some(engine) => { (engine) } None => { "primary" } } }
                            td { @if let Some(place) = it.place() { (place) } }
                            td { (it.agent) }
                            td class="number" { (it.turns) }
                            td class="number" { (it.waiting + it.undelivered) }
                            td { (time(it.moved_at)) }
                        }
                    }
                }
            } }
            @if *total > rows.len() {
                p class="hint" {
                    (w.f("{} of {} are shown, those that moved last. The filter finds others.", &[&rows.len(), total]))
                    @if !filter.more {
                        " " a id="more" href={ "/?" (Filter { more: true, ..filter.clone() }.query()) } { (w.t("Show more")) }
                    }
                }
            }
        }
    }
}

pub(super) fn contact_path(id: &ContactId) -> String {
    format!("/contacts/{}/{}", address::part(id.unit.as_str()), address::part(id.name.as_str()))
}

/// The table again whenever it has changed.
pub(in crate::manager) async fn events(
    State(manager): State<Manager>,
    seat: Seat,
    Query(filter): Query<Filter>,
) -> Response {
    stream::follow(manager, seat, "rows", move |manager, seat| {
        Look::Now(now(seat, manager, &filter, EVERY / 4).into_string())
    })
}
