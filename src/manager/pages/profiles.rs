//! Profiles as they are in force: what each is served by, and where every setting was written.

use axum::{
    extract::{Path, State},
    response::Response,
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Section, Tab, actions, attached, connector_tokens, done, empty, marked, not_found, page, part::Part, pause, token,
    unavailable,
};
use crate::{
    config::{Effective, Loaded, settings::Profile},
    core::{
        agent::Standing,
        ids::{EngineName, ProfileName, UnitName},
    },
    gateway::{Served, live::AgentNow},
    manager::{Manager, address, drafting::document_of, guard::Seat, people::Role, query::Query, words::Words},
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::manager) struct Said {
    /// What was done, from a closed set.
    done: String,
}

pub(in crate::manager) async fn list(State(manager): State<Manager>, seat: Seat, Query(part): Query<Part>) -> Response {
    let w = &seat.words;
    let loaded = manager.house.configuration();
    let agents = manager.gateway.agents_now();
    let profiles = &loaded.settings.profiles;
    let title = w.t("Profiles");
    let may = seat.may(Role::Administrator);
    let rows = part.of(profiles, |it, look| {
        [it.name.as_str(), it.unit.as_str(), it.engines.primary.schema.title, &it.origin].into_iter().for_each(look);
    });
    let body = html! {
        div class="head" {
            h1 { (title) }
            @if may && !profiles.is_empty() { a class="button" href="/profiles/new" { (w.t("Add a profile")) } }
        }
        @if profiles.is_empty() {
            (empty(w.t("There is no profile yet: nobody answers contacts."), may.then_some(("/profiles/new", w.t("Add a profile")))))
        } @else {
            (part.form(w, "/profiles", w.t("Profile, business unit, engine or file"), &rows))
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr {
                    th { (w.t("Profile")) } th { (w.t("Business unit")) } th { (w.t("Language engine")) }
                    th { (w.t("Further engines")) } th class="number" { (w.t("Virtual agents")) } th { (w.t("Written in")) }
                } }
                tbody {
                    @for it in &rows.shown {
                        tr {
                            td { a href=(path(it)) { (it.name) } (pause::mark(w, &manager, it)) }
                            td { (it.unit) }
                            td { (it.engines.primary.schema.title) (outage(&manager, it, w)) }
                            td { @for (name, _) in it.engines.all().skip(1) { span class="code" { (name) } " " } }
                            td class="number" { (logged_on(&agents, it)) " / " (it.rules.agents.len()) }
                            td { span class="code" { (it.origin) } }
                        }
                    }
                }
            } }
            (part.ways(w, "/profiles", &rows))
        }
    };
    page(&seat, Section::Profiles, title, &body)
}

pub(super) fn path(profile: &Profile) -> String {
    path_of(profile.unit.as_str(), profile.name.as_str())
}

pub(in crate::manager) fn path_of(unit: &str, profile: &str) -> String {
    format!("/profiles/{}/{}", address::part(unit), address::part(profile))
}

fn logged_on(agents: &[AgentNow], profile: &Profile) -> usize {
    let of_it = |it: &&AgentNow| it.unit == profile.unit && it.profile.as_ref() == Some(&profile.name);
    agents.iter().filter(of_it).filter(|it| it.standing == Standing::LoggedOn).count()
}

/// A word on an engine that is not asked for the moment.
fn outage(manager: &Manager, profile: &Profile, w: &Words) -> Markup {
    let roster = manager.gateway.roster();
    let served = roster.profiles().iter().find(|it| it.rules.unit == profile.unit && it.rules.profile == profile.name);
    let down = served.and_then(|it| it.primary().outage());
    html! { @if let Some(outage) = down { " " span class="bad" title=(w.said(&outage.advice)) { (w.t("fails, is not asked")) } } }
}

pub(in crate::manager) async fn show(
    State(manager): State<Manager>,
    seat: Seat,
    Path((unit, name)): Path<(String, String)>,
    Query(Said { done: said }): Query<Said>,
) -> Response {
    let w = &seat.words;
    let names = (UnitName::try_from(unit), ProfileName::try_from(name));
    let (Ok(unit), Ok(name)) = names else { return not_found(&seat) };
    let loaded = manager.house.configuration();
    let found = loaded.settings.profiles.iter().enumerate().find(|(_, it)| it.unit == unit && it.name == name);
    let Some((index, profile)) = found else { return not_found(&seat) };
    let agents = manager.gateway.agents_now();
    let tokens = match connector_tokens::section(&manager, &seat, profile).await {
        Ok(tokens) => tokens,
        Err(error) => return unavailable(&seat, &error),
    };
    let body = html! {
        (head(&seat, profile, Tab::Profile))
        @match said.as_str() {
            "saved" => (done(w.t("Saved. It is in force from now on."))),
            "paused" => (done(w.t("The profile is paused."))),
            "resumed" => (done(w.t("The profile takes contacts again."))),
            _ => {}
        }
        (pause::state(&seat, &manager, profile))
        @match (document_of(&profile.origin), seat.may(Role::Administrator)) {
            (None, _) => p class="hint" {
                (marked(&w.f("Written in {}. It is changed there: a changed file takes effect at once, and `usher check` looks at it before.", &[&profile.origin])))
            },
            (Some(_), may) => {
                p class="hint" { (w.t("Kept by the Web Manager.")) }
                @if may { p { a class="button" href={ (path(profile)) "/edit" } { (w.t("Change it")) } } }
            },
        }
        (warnings(w, &loaded, profile))
        h2 { (w.t("Language engines")) }
        (engines(w, &manager, profile))
        @if seat.may(Role::Operator) {
            form method="post" action={ (path(profile)) "/check" } {
                (token(&seat))
                button class="second" { (w.t("Test the credentials")) }
            }
        }
        (attached::of_profile(w, &manager, profile))
        (tokens)
        h2 { (w.t("Virtual agents")) }
        (assigned(w, &agents, profile))
        h2 { (w.t("Actions")) }
        (own_actions(w, profile))
        h2 { (w.t("Settings")) }
        (settings(w, of_profile(&loaded, index).iter().filter(|(key, _)| !key.starts_with("action["))))
    };
    page(&seat, Section::Profiles, profile.name.as_str(), &body)
}

/// Above every page of a profile.
pub(super) fn head(seat: &Seat, profile: &Profile, tab: Tab) -> Markup {
    let w = &seat.words;
    html! {
        p class="trail" { a href="/profiles" { (w.t("Profiles")) } }
        h1 { (w.f("Profile {}", &[&profile.name])) }
        (tab.of_profile(seat, &path(profile)))
    }
}

/// Whether each engine takes its credential, asked now.
pub(in crate::manager) async fn check(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    let w = &seat.words;
    let Some(profile) = find(&manager.house.configuration(), names) else { return not_found(&seat) };
    let told = manager.house.check_profile(std::sync::Arc::clone(&profile)).await;
    let body = html! {
        (head(&seat, &profile, Tab::Profile))
        h2 { (w.t("Test the credentials")) }
        @match &told {
            Err(why) => p class="refusal" role="alert" { (w.said(why)) },
            Ok(list) => ul class="alerts" {
                @for (name, told) in list {
                    @match told {
                        Ok(text) => li class="fine" { h2 { span class="good" { (name) } } p { (w.said(text)) } },
                        Err(text) => li { h2 { span class="bad" { (name) } } p { (w.said(text)) } },
                    }
                }
            },
        }
    };
    page(&seat, Section::Profiles, profile.name.as_str(), &body)
}

pub(in crate::manager) fn find(loaded: &Loaded, (unit, name): (String, String)) -> Option<std::sync::Arc<Profile>> {
    let (unit, name) = (UnitName::try_from(unit).ok()?, ProfileName::try_from(name).ok()?);
    loaded.settings.profiles.iter().find(|it| it.unit == unit && it.name == name).cloned()
}

/// What the validation has to say of it, though it is in force.
fn warnings(w: &Words, loaded: &Loaded, profile: &Profile) -> Markup {
    let of_it: Vec<_> =
        loaded.warnings.iter().filter(|it| it.location.as_ref().is_some_and(|it| it.file == profile.origin)).collect();
    html! {
        @if !of_it.is_empty() {
            div class="stale" role="status" {
                h2 { (w.t("Worth a look")) }
                ul { @for it in of_it { li { (w.said(&it.message)) ": " (w.said(&it.help)) } } }
            }
        }
    }
}

fn engines(w: &Words, manager: &Manager, profile: &Profile) -> Markup {
    let roster = manager.gateway.roster();
    let served = roster.profiles().iter().find(|it| it.rules.unit == profile.unit && it.rules.profile == profile.name);
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr { th { (w.t("Engine")) } th { (w.t("Type")) } th { (w.t("State")) } } }
            tbody {
                @for (name, engine) in profile.engines.all() {
                    tr {
                        td { span class="code" { (name) } }
                        td { (engine.schema.title) }
                        td { (state(w, (profile, served.map(|it| &**it)), name)) }
                    }
                }
            }
        } }
    }
}

/// What an engine does, by what it is there for.
fn state(w: &Words, (profile, served): (&Profile, Option<&Served>), engine: &str) -> Markup {
    let given_up = served.filter(|_| engine == EngineName::CANARY).and_then(Served::given_up);
    let outage = served.and_then(|it| it.engines().find(engine)).and_then(|it| it.outage());
    let (canary, shadow) = (profile.engines.canary.as_ref(), profile.engines.shadow.as_ref());
    html! {
        @match (given_up, outage, engine) {
            (Some(why), ..) => { span class="bad" { (w.t("given up")) } " " (w.said(&why)) }
            (None, Some(outage), _) => { span class="bad" { (w.t("fails, is not asked")) } " " (w.said(&outage.advice)) }
            (None, None, EngineName::CANARY) => {
                span class="good" { (w.f("is asked for {} % of the new contacts", &[&canary.map_or(0, |it| it.share_percent)])) }
            }
            (None, None, EngineName::SHADOW) => {
                (w.f("is asked beside for {} % of the contacts, and only compared", &[&shadow.map_or(0, |it| it.share_percent)]))
            }
            (None, None, EngineName::PRIMARY) => span class="good" { (w.t("is asked")) },
            (None, None, _standby) => (w.t("steps in when the engines before it fail")),
        }
    }
}

fn assigned(w: &Words, agents: &[AgentNow], profile: &Profile) -> Markup {
    html! {
        @if profile.rules.agents.is_empty() {
            p { (marked(w.t("None is assigned: without one no contact comes here. `agents` names them."))) }
        } @else {
            ul class="facts" {
                @for user in &profile.rules.agents {
                    @let now = agents.iter().find(|it| it.unit == profile.unit && it.user == *user);
                    @let on = now.is_some_and(|it| it.standing == Standing::LoggedOn);
                    li { span class=(if on { "good" } else { "bad" }) { (user) } }
                }
            }
        }
    }
}

fn own_actions(w: &Words, profile: &Profile) -> Markup {
    html! {
        @if profile.rules.actions.is_empty() {
            p { (w.t("None is configured: whatever the language engine asks for is text alone.")) }
        } @else {
            (actions::brief(w, &profile.rules.actions))
        }
    }
}

/// The settings of the profile at this place of the list, without the list's own part of their names.
pub(in crate::manager) fn of_profile(loaded: &Loaded, index: usize) -> Vec<(String, &Effective)> {
    let prefix = format!("profile[{index}].");
    loaded.effective.iter().filter_map(|it| Some((it.key.strip_prefix(&prefix)?.to_owned(), it))).collect()
}

/// Actions stand in a table of their own.
fn settings<'a>(w: &Words, list: impl Iterator<Item = &'a (String, &'a Effective)>) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table class="settings" {
            thead { tr { th { (w.t("Setting")) } th { (w.t("Value")) } th { (w.t("Comes from")) } } }
            tbody {
                @for (key, it) in list {
                    tr class=[(it.origin == "default").then_some("default")] {
                        td { span class="code" { (key) } }
                        td { span class="code" { (it.value) } }
                        td { (it.origin) }
                    }
                }
            }
        } }
    }
}
