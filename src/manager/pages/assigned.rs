//! A profile's virtual agents (S16): whom it has, whom it can have, and why others cannot serve (S3, S4).

use std::collections::BTreeSet;

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Section, Tab, alerts, empty, marked, no_store, not_found, profiles, refusal,
    stream::{self, Look},
    token, unavailable, with_status,
};
use crate::{
    config::{Finding, settings::Profile},
    core::{agent::Standing, assignment::Unfit, ids::UserId},
    gateway::{live::AgentNow, storage::Document},
    manager::{
        Manager,
        assigning::{self, Hindrance, Person, Staff, Trouble, Wanted},
        drafting::document_of,
        guard::{Fields, Seat},
        people::Role,
        ports::Refusal,
        query::Query,
        words::Words,
    },
};

/// Of each list; more are a matter for the search.
const ROWS: usize = 100;
/// Users that one form takes on or off, at most.
const MAX_WANTED: usize = 1_000;

/// What of the lists is shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Filter {
    /// Part of a user's id or name.
    find: String,
    /// Empty: all; `fit`: those that can be chosen; `unfit`: the others.
    show: String,
    /// In this list every box is ticked.
    all: String,
}

impl Filter {
    fn takes(&self, person: &Person) -> bool {
        let find = self.find.to_lowercase();
        let holds = |text: &str| text.to_lowercase().contains(&find);
        let shown = match self.show.as_str() {
            "fit" => person.hindrances.is_empty(),
            "unfit" => !person.hindrances.is_empty(),
            _ => true,
        };
        shown && (find.is_empty() || holds(person.user.as_str()) || holds(&person.name))
    }

    fn query(&self, all: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("find", &self.find).append_pair("show", &self.show);
        if !all.is_empty() {
            query.append_pair("all", all);
        }
        query.finish()
    }

    fn is_empty(&self) -> bool {
        self.find.is_empty() && self.show.is_empty()
    }
}

/// What the page has to show beside the lists.
#[derive(Default)]
struct Told {
    /// What is wrong, above everything.
    problems: Vec<String>,
    /// What is wrong with a user.
    at: Vec<(UserId, String)>,
    /// Boxes that stay ticked.
    ticked: BTreeSet<String>,
    /// Names that were typed.
    typed: String,
}

/// The pages' two lists.
#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Available,
    Assigned,
}

impl List {
    const fn label(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Assigned => "assigned",
        }
    }
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Response {
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return not_found(&seat) };
    page(&manager, &seat, (&profile, &filter), StatusCode::OK, &Told::default()).await
}

async fn page(
    manager: &Manager,
    seat: &Seat,
    (profile, filter): (&Profile, &Filter),
    status: StatusCode,
    told: &Told,
) -> Response {
    let w = &seat.words;
    let document = match document(manager, profile).await {
        Ok(document) => document,
        Err(error) => return unavailable(seat, &error),
    };
    let directory = manager.gateway.directory(&profile.unit).ok();
    let staff = Staff::of(profile, &manager.house.configuration(), directory.as_deref());
    let at = profiles::path(profile);
    let version = document.as_ref().filter(|_| seat.may(Role::Administrator)).map(|it| it.version);
    let shown = Shown { seat, at: &at, unit: profile.unit.as_str(), filter, told, version };
    let agents = of_profile(manager, profile);
    let title = w.f("Virtual agents of {}", &[&profile.name]);
    let body = html! {
        (profiles::head(seat, profile, Tab::Agents))
        (super::summary(w, &told.problems))
        @if document.is_none() {
            p class="hint" { (marked(&w.f("Written in {}. Its virtual agents are changed there, in `agents`.", &[&profile.origin]))) }
        }
        @if directory.is_none() {
            p class="stale" role="status" { (w.t("No routing engine has told its users yet: whoever is named here is checked when one attaches.")) }
        }
        (search(w, &at, filter))
        div class="two" data-parts="" data-events={ (at) "/agents/events?" (filter.query("")) } {
            section aria-labelledby="h-assigned" {
                h2 id="h-assigned" { (w.t("Assigned")) " " span class="hint" { (staff.assigned.len()) } }
                (list(&shown, List::Assigned, &staff.assigned, &agents))
            }
            section aria-labelledby="h-available" {
                h2 id="h-available" { (w.t("Available")) " " span class="hint" { (staff.available.len()) } }
                @if directory.is_none() { (typing(&shown)) } @else {
                    (list(&shown, List::Available, &staff.available, &[]))
                    @if staff.without_rights > 0 {
                        p class="hint" { (w.f("{} users have no agent rights, supervisors for the most part: they are not offered. Agent rights are given in the contact centre.", &[&staff.without_rights])) }
                    }
                }
            }
        }
    };
    with_status(status, seat, (Section::Profiles, &title), &body)
}

async fn document(
    manager: &Manager,
    profile: &Profile,
) -> Result<Option<Document>, crate::gateway::storage::StoreError> {
    match document_of(&profile.origin) {
        Some(name) => manager.people.profile(name).await,
        None => Ok(None),
    }
}

fn search(w: &Words, at: &str, filter: &Filter) -> Markup {
    let options = [("", w.t("all")), ("fit", w.t("who can serve")), ("unfit", w.t("who cannot serve"))];
    html! {
        form method="get" action={ (at) "/agents" } class="filter" data-auto="" {
            label { span { (w.t("Show")) }
                select name="show" {
                    @for (value, shown) in options { option value=(value) selected[value == filter.show] { (shown) } }
                }
            }
            label { span { (w.t("User")) } input type="search" name="find" value=(filter.find) maxlength="128"; }
            button { (w.t("Filter")) }
            @if !filter.is_empty() { a href={ (at) "/agents" } { (w.t("Show all")) } }
        }
    }
}

/// What a list is shown by.
struct Shown<'a> {
    seat: &'a Seat,
    at: &'a str,
    unit: &'a str,
    filter: &'a Filter,
    told: &'a Told,
    /// Of the profile's document; `None`: nothing can be changed here.
    version: Option<u64>,
}

fn list(shown: &Shown<'_>, which: List, people: &[Person], agents: &[AgentNow]) -> Markup {
    let Shown { seat, at, unit, filter, told, version } = shown;
    let w = &seat.words;
    let fitting: Vec<&Person> = people.iter().filter(|it| filter.takes(it)).collect();
    let rows = fitting.get(..fitting.len().min(ROWS)).unwrap_or_default();
    let (verb, act) = match which {
        List::Available => ("assign", w.t("Assign")),
        List::Assigned => ("take_off", w.t("Take off")),
    };
    html! {
        @if rows.is_empty() {
            (nobody(w, which, filter, at))
        } @else {
            form method="post" action={ (at) "/agents/change?" (filter.query("")) } {
                @if let Some(version) = version {
                    (token(seat))
                    input type="hidden" name="version" value=(version);
                    p class="row" {
                        button name="do" value=(verb) { (act) } " "
                        a href={ (at) "/agents?" (filter.query(which.label())) } data-tick="" { (w.t("Select all that are shown")) }
                    }
                }
                div class="scroll tall" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                    tbody {
                        @for person in rows {
                            @let ticked = told.ticked.contains(person.user.as_str()) || filter.all == which.label();
                            (row(w, which, person, (version.is_some(), ticked), (unit, agents, &told.at)))
                        }
                    }
                } }
            }
            @if fitting.len() > rows.len() {
                p class="hint" { (w.f("{} of {} are shown. The search finds others.", &[&rows.len(), &fitting.len()])) }
            }
        }
    }
}

fn row(
    w: &Words,
    which: List,
    person: &Person,
    (may, ticked): (bool, bool),
    (unit, agents, at): (&str, &[AgentNow], &[(UserId, String)]),
) -> Markup {
    let can = which == List::Assigned || person.hindrances.is_empty();
    let problems: Vec<&str> = at.iter().filter(|it| it.0 == person.user).map(|it| it.1.as_str()).collect();
    html! {
        tr {
            td {
                @if may && can {
                    label class="tick" {
                        input type="checkbox" name="user" value=(person.user) checked[ticked]
                            aria-invalid=[(!problems.is_empty()).then_some("true")];
                        " " (name(person))
                    }
                } @else { (name(person)) }
                @for problem in problems { p class="problem" { (problem) } }
            }
            td {
                @if which == List::Assigned { (standing(w, &person.user, agents)) }
                @for it in &person.hindrances {
                    p class="why" {
                        (reason(w, it))
                        @if let Hindrance::Serves(other) = it {
                            " " a href={ (profiles::path_of(unit, other.as_str())) "/agents" } { (w.t("Go there")) }
                        }
                    }
                }
            }
        }
    }
}

fn name(person: &Person) -> Markup {
    html! {
        span class="code" { (person.user) }
        @if !person.name.is_empty() && person.name != person.user.as_str() { " " span class="hint" { (person.name) } }
    }
}

/// Takes the place of itself as it changes.
fn standing(w: &Words, user: &UserId, agents: &[AgentNow]) -> Markup {
    let standing = agents.iter().find(|it| it.user == *user).map(|it| it.standing);
    let standing = standing.unwrap_or(Standing::Unassigned);
    html! {
        span data-part=(user) {
            @if standing == Standing::Unassigned { span class="bad" { (w.t("is not logged on")) } }
            @else { span class={ "state " (alerts::label(standing)) } { (alerts::standing(w, standing)) } }
        }
    }
}

/// With the way to mend it.
fn reason(w: &Words, hindrance: &Hindrance) -> String {
    match hindrance {
        Hindrance::Serves(profile) => {
            return w.f("Serves profile {} already, and a user serves one at most: take it off there first.", &[profile]);
        }
        Hindrance::Unknown => {
            w.t("Is not in the business unit: create the user in the contact centre, or take it off here.")
        }
        Hindrance::Unfit(Unfit::NoAgentRights) => w.t("Has no agent rights: give them in the contact centre."),
        Hindrance::Unfit(Unfit::WindowsSignOn) => {
            w.t("Signs on by Windows, and only the native password works for virtual agents: change its sign-on method in the contact centre.")
        }
        Hindrance::Unfit(Unfit::Saml2SignOn) => {
            w.t("Signs on by SAML2, and only the native password works for virtual agents: change its sign-on method in the contact centre.")
        }
        Hindrance::Unfit(Unfit::AutomaticPostProcessing) => {
            w.t("Has automatic post-processing: switch it off for the user in the contact centre.")
        }
        Hindrance::Unfit(Unfit::MandatoryWrapUpReason) => {
            w.t("Must give a wrap-up reason after each contact: switch that off for the user in the contact centre.")
        }
    }
    .to_owned()
}

fn nobody(w: &Words, which: List, filter: &Filter, at: &str) -> Markup {
    let all = format!("{at}/agents");
    match (which, filter.is_empty()) {
        (_, false) => empty(w.t("No user fits the search."), Some((&all, w.t("Show all")))),
        (List::Assigned, true) => {
            empty(w.t("Nobody is assigned: without a virtual agent no contact comes here. Choose from those that are available."), None)
        }
        (List::Available, true) => {
            empty(w.t("There is nobody left to choose: create users with agent rights in the contact centre."), None)
        }
    }
}

/// Where nobody can be chosen from, names are typed.
fn typing(shown: &Shown<'_>) -> Markup {
    let Shown { seat, at, told, version, .. } = shown;
    let w = &seat.words;
    let problem = told.problems.first().filter(|_| !told.typed.is_empty()).map(String::as_str);
    let field = super::Field {
        name: "typed",
        label: w.t("Users, one a line"),
        hint: w.t("The ids that the contact centre knows them by, exactly."),
        problem,
    };
    html! {
        @if let Some(version) = version {
            form method="post" action={ (at) "/agents/change" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                (field.with(|id, described, invalid| html! {
                    textarea id=(id) class="few" name="typed" spellcheck="false" aria-describedby=[described]
                        aria-invalid=[invalid.then_some("true")] { "\n" (told.typed) }
                }))
                button name="do" value="assign" { (w.t("Assign")) }
            }
        }
    }
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    Query(filter): Query<Filter>,
    fields: Fields,
) -> Response {
    let w = &seat.words;
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return not_found(&seat) };
    let document = match document(&manager, &profile).await {
        Ok(Some(document)) => document,
        Ok(None) => {
            let text = w.f("Written in {}. Its virtual agents are changed there, in `agents`.", &[&profile.origin]);
            return refusal(&seat, StatusCode::CONFLICT, &text);
        }
        Err(error) => return unavailable(&seat, &error),
    };
    let mut told = Told { typed: fields.get("typed").replace("\r\n", "\n"), ..Told::default() };
    told.ticked = fields.kept().filter(|it| it.0 == "user").map(|it| it.1.to_owned()).collect();
    let wanted = match wanted(w, &fields, &told) {
        Ok(wanted) => wanted,
        Err(problem) => {
            told.problems.push(problem);
            return page(&manager, &seat, (&profile, &filter), StatusCode::UNPROCESSABLE_ENTITY, &told).await;
        }
    };
    // 0 is no version: such a form is told that somebody was faster.
    let version = fields.get("version").parse().unwrap_or_default();
    let done = assigning::assign(&manager, seat.name(), &profile, (document, version), &wanted).await;
    let status = match done {
        Ok(_) => {
            return Redirect::to(&format!("{}/agents?{}", profiles::path(&profile), filter.query(""))).into_response();
        }
        Err(trouble) => tell(w, trouble, &mut told),
    };
    page(&manager, &seat, (&profile, &filter), status, &told).await
}

/// What a form asks for.
fn wanted(w: &Words, fields: &Fields, told: &Told) -> Result<Wanted, String> {
    let typed = told.typed.lines().map(str::trim).filter(|it| !it.is_empty());
    let names: BTreeSet<&str> = told.ticked.iter().map(String::as_str).chain(typed).collect();
    if names.is_empty() {
        return Err(w.t("Nobody was chosen: tick those that are meant.").to_owned());
    }
    if names.len() > MAX_WANTED {
        return Err(w.f("At most {} users at a time.", &[&MAX_WANTED]));
    }
    let user = |it: &str| {
        UserId::new(it).map_err(|error| w.f("{}: this is no user's id, it {}", &[&it, &w.said(&error.tell())]))
    };
    let users = names.into_iter().map(user).collect::<Result<Vec<_>, _>>()?;
    Ok(match fields.get("do") {
        "take_off" => Wanted { take_off: users, ..Wanted::default() },
        _ => Wanted { assign: users, ..Wanted::default() },
    })
}

/// What is in the way, in the page's words, and the page's status.
fn tell(w: &Words, trouble: Trouble, told: &mut Told) -> StatusCode {
    let of = |finding: &Finding| format!("{}. {}", w.said(&finding.message), w.said(&finding.help));
    match trouble {
        Trouble::Users(users) => {
            for (user, hindrance) in users {
                told.problems.push(format!("{user}: {}", reason(w, &hindrance)));
                told.at.push((user, reason(w, &hindrance)));
            }
        }
        Trouble::Invalid { users, others } => {
            for (user, finding) in users {
                told.problems.push(format!("{user}: {}", of(&finding)));
                told.at.push((user, of(&finding)));
            }
            told.problems.extend(others.iter().map(|it| match &it.location {
                Some(at) => format!("{}:{}: {}", at.file, at.line, of(it)),
                None => of(it),
            }));
        }
        Trouble::Draft(error) => told.problems.push(w.said(&error.tell())),
        Trouble::Refused(Refusal::Conflict(now)) => {
            told.problems.push(match now {
                Some(now) => w.f("{} has changed this profile meanwhile. The lists are as they are now, and what you have chosen is still ticked: look, and save again.", &[&now.changed_by]),
                None => w.t("Somebody else has removed this profile meanwhile.").to_owned(),
            });
            return StatusCode::CONFLICT;
        }
        Trouble::Refused(Refusal::Unable(why)) => told.problems.push(w.said(&why)),
        Trouble::Refused(Refusal::Findings(list)) => told.problems.extend(list.iter().map(of)),
        Trouble::Refused(Refusal::Store(error)) => {
            let (status, why) = no_store(w, &error);
            told.problems.push(why.to_owned());
            return status;
        }
    }
    StatusCode::UNPROCESSABLE_ENTITY
}

fn of_profile(manager: &Manager, profile: &Profile) -> Vec<AgentNow> {
    let mut agents = manager.gateway.agents_now();
    agents.retain(|it| it.unit == profile.unit && it.profile.as_ref() == Some(&profile.name));
    agents
}

/// Where each of the assigned users that are shown stands, whenever that has changed.
pub(in crate::manager) async fn events(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    Query(filter): Query<Filter>,
) -> Response {
    if profiles::find(&manager.house.configuration(), names.clone()).is_none() {
        return not_found(&seat);
    }
    stream::follow(manager, seat, "parts", move |manager, seat| {
        let loaded = manager.house.configuration();
        let Some(profile) = profiles::find(&loaded, names.clone()) else { return Look::Gone };
        let directory = manager.gateway.directory(&profile.unit).ok();
        let agents = of_profile(manager, &profile);
        let assigned = assigning::assigned(&profile, &loaded, directory.as_deref());
        let rows = assigned.iter().filter(|it| filter.takes(it)).take(ROWS);
        Look::Now(rows.map(|it| standing(&seat.words, &it.user, &agents).into_string()).collect())
    })
}
