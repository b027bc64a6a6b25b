//! What somebody has to mend, with the way to mend it; and the virtual agents' log-ons, which most of it is about.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{
    Section, empty, page,
    part::{Part, Rows},
    profiles,
    stream::{self, Look},
    time, units,
};
use crate::{
    config::settings::Profile,
    core::{agent::Standing, assignment::Subject},
    gateway::{
        alerts::{About, AlertKey, MAX_ALERTS},
        live::AgentNow,
    },
    manager::{Manager, guard::Seat, people::Role, query::Query, words::Words},
};

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat) -> Response {
    let title = seat.words.t("Alerts");
    let body = html! {
        h1 { (title) }
        div id="live" data-events="/alerts/events" { (list(&manager, &seat)) }
    };
    page(&seat, Section::Alerts, title, &body)
}

/// The list again whenever it has changed.
pub(in crate::manager) async fn events(State(manager): State<Manager>, seat: Seat) -> Response {
    let mut seen = None;
    stream::follow(manager, seat, "rows", move |manager, seat| {
        // Looked at before the list: what comes in between is seen twice rather than never.
        let changes = Some(manager.alerts.changes());
        if std::mem::replace(&mut seen, changes) == changes {
            return Look::Same;
        }
        Look::Now(list(manager, seat).into_string())
    })
}

fn list(manager: &Manager, seat: &Seat) -> Markup {
    let w = &seat.words;
    let alerts = manager.alerts.snapshot();
    let loaded = manager.house.configuration();
    let all = &loaded.settings.profiles;
    html! {
        @if alerts.is_empty() {
            (empty(w.t("Nothing has to be mended."), None))
        } @else {
            p class="hint" { (w.t("An alert stays until it is mended; nobody has to confirm it.")) }
            ul class="alerts" {
                @for it in &alerts {
                    li {
                        h2 {
                            @let about = w.said(&it.key.about.tell());
                            @match way(seat, all, &it.key) { Some(to) => a href=(to) { (about) }, None => (about) }
                            @if let Some(unit) = &it.key.unit { " · " (unit) }
                        }
                        p { (w.said(&it.text)) }
                        p class="mending" { b { (w.t("To mend it:")) } " " (w.said(&it.mending)) }
                        p class="hint" { span class="code" { (it.key.kind.label()) } " · " (w.t("since")) " " (time(it.raised_at)) }
                    }
                }
            }
            @if alerts.len() >= MAX_ALERTS { p class="hint" { (w.t("There are more than are kept.")) } }
        }
    }
}

/// To what an alert is about, where there is a page of it that is open to whoever looks.
fn way(seat: &Seat, all: &[Arc<Profile>], key: &AlertKey) -> Option<String> {
    let of_unit = || all.iter().filter(|it| key.unit.as_ref() == Some(&it.unit));
    let of_gateway = |path: &str| seat.may(Role::Administrator).then(|| path.to_owned());
    match &key.about {
        About::Subject(Subject::Profile(name))
        | About::Engine { profile: name, .. }
        | About::Connector { profile: name, .. } => of_unit().find(|it| it.name == *name).map(|it| profiles::path(it)),
        About::Subject(Subject::User(user)) => {
            let serving = of_unit().find(|it| it.rules.agents.contains(user))?;
            Some(format!("{}/agents", profiles::path(serving)))
        }
        About::Subject(Subject::Action { .. }) => Some(format!("{}/actions", units::path(key.unit.as_ref()?))),
        About::Store | About::MasterKey | About::Backup => of_gateway("/store"),
        About::Configuration => of_gateway("/configuration"),
    }
}

pub(in crate::manager) async fn agents(
    State(manager): State<Manager>,
    seat: Seat,
    Query(part): Query<Part>,
) -> Response {
    let w = &seat.words;
    let agents = manager.gateway.agents_now();
    let rows = rows(w, &part, &agents);
    let title = w.t("Virtual agents");
    let body = html! {
        h1 { (title) }
        (part.fields(w, "/agents", w.t("Virtual agent, profile, business unit or state"), &rows))
        div id="live" data-events=(part.at("/agents/events")) { (table(w, &part, &agents, &rows)) }
    };
    page(&seat, Section::Agents, title, &body)
}

/// The table again whenever it has changed.
pub(in crate::manager) async fn agents_events(
    State(manager): State<Manager>,
    seat: Seat,
    Query(part): Query<Part>,
) -> Response {
    stream::follow(manager, seat, "rows", move |manager, seat| {
        let (w, agents) = (&seat.words, manager.gateway.agents_now());
        Look::Now(table(w, &part, &agents, &rows(w, &part, &agents)).into_string())
    })
}

fn rows<'a>(w: &Words, part: &Part, agents: &'a [AgentNow]) -> Rows<&'a AgentNow> {
    part.of(agents, |it, look| {
        let profile = it.profile.as_ref().map_or("", |it| it.as_str());
        [it.user.as_str(), profile, it.unit.as_str(), standing(w, it.standing)].into_iter().for_each(look);
    })
}

fn table(w: &Words, part: &Part, agents: &[AgentNow], rows: &Rows<&AgentNow>) -> Markup {
    let logged_on = agents.iter().filter(|it| it.standing == Standing::LoggedOn).count();
    html! {
        @if agents.is_empty() {
            (empty(w.t("No virtual agent is assigned to a profile, or the routing engine has not told its users yet."),
                Some(("/profiles", w.t("Look at the profiles")))))
        } @else {
            ul class="counts" { li { b { (logged_on) } " " (w.t("logged on")) } li { b { (agents.len()) } " " (w.t("assigned")) } }
            (Part::nothing(w, "/agents", rows))
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr { th { (w.t("Virtual agent")) } th { (w.t("State")) } th { (w.t("Profile")) } th { (w.t("Business unit")) } } }
                tbody {
                    @for it in &rows.shown {
                        tr {
                            td { (it.user) }
                            td { span class={ "state " (label(it.standing)) } { (standing(w, it.standing)) } }
                            td { @if let Some(profile) = &it.profile { a href=(profiles::path_of(it.unit.as_str(), profile.as_str())) { (profile) } } }
                            td { (it.unit) }
                        }
                    }
                }
            } }
            (part.ways(w, "/agents", rows))
        }
    }
}

pub(super) fn standing(w: &Words, standing: Standing) -> &str {
    match standing {
        Standing::Unassigned => w.t("not assigned any more"),
        Standing::AwaitingEngine => w.t("waits for the routing engine"),
        Standing::LoggingOn => w.t("is logging on"),
        Standing::LoggedOn => w.t("is logged on"),
        Standing::BackingOff => w.t("was refused, tries again"),
        Standing::Stopped => w.t("stopped: the password is wrong"),
    }
}

pub(super) const fn label(standing: Standing) -> &'static str {
    match standing {
        Standing::LoggedOn => "good",
        Standing::Stopped => "bad",
        Standing::BackingOff => "handing_over",
        Standing::Unassigned | Standing::AwaitingEngine | Standing::LoggingOn => "listening",
    }
}
