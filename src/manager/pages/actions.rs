//! What language engines may ask for by name (S17–S24): a profile's own actions and its business unit's, or those that a business
//! unit lends to its profiles; and what of them leads nowhere.

use axum::{extract::State, response::Response};
use maud::{Markup, html};

use super::{Section, Tab, empty, marked, media_name, not_found, page, profiles, units};
use crate::{
    config::Loaded,
    core::{
        action::{ActionKind, ActionRule, Address},
        assignment::{Problem, missing},
        directory::Directory,
    },
    manager::{
        Manager, building,
        guard::Seat,
        offered::{Line, lines},
        owner::{Owner, Whose},
        people::Role,
        words::Words,
    },
};

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat, whose: Whose) -> Response {
    let w = &seat.words;
    let loaded = manager.house.configuration();
    let Some(owner) = whose.find(&loaded) else { return not_found(&seat) };
    let is_kept = owner.is_kept();
    let may = is_kept && seat.may(Role::Administrator);
    let at = owner.path();
    let title = w.f("Actions of {}", &[&owner.name()]);
    let new = format!("{at}/actions/new");
    let list = lines(&loaded, &owner);
    // Without one it is said that nobody has told it yet: either cause comes to that.
    let directory = manager.gateway.directory(owner.unit()).ok();
    let none = match &owner {
        Owner::Profile(_) => w.t("None is configured: whatever the language engine asks for is text alone."),
        Owner::Unit(_) => {
            w.t("None is configured: the profiles of this business unit have what they have of their own.")
        }
    };
    let body = html! {
        (head(&seat, &owner))
        @if let Owner::Unit(_) = owner {
            p { (w.t("All profiles of this business unit have them; a profile may have one of its own in the place of one.")) }
        }
        @if !is_kept {
            p class="hint" { (marked(&w.f("Written in {}. Its actions are changed there, in `{}`.", &[&owner.origin(), &owner.table()]))) }
        }
        @if directory.is_none() {
            p class="stale" role="status" { (w.t("No routing engine has told its queues and targets yet: whether they are there is seen when one attaches.")) }
        }
        @if list.is_empty() {
            (empty(none, may.then_some((&new, w.t("Add an action")))))
        } @else {
            @if may { p { a class="button" href=(new) { (w.t("Add an action")) } } }
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr {
                    th { (w.t("Kind of contact")) } th { (w.t("Name")) } th { (w.t("What it does")) } th { (w.t("Comes from")) }
                } }
                tbody {
                    @for line in &list {
                        (row(w, (&owner, line), (&at, may), (&loaded, directory.as_deref())))
                    }
                }
            } }
            p class="hint" { (marked(w.t("An action fires when its name equals, to the letter, what the language engine sends for this kind of contact. `usher lint` finds names that only one of the two knows."))) }
        }
    };
    page(&seat, section(&owner), &title, &body)
}

/// Above every page of an owner's actions.
pub(super) fn head(seat: &Seat, owner: &Owner) -> Markup {
    match owner {
        Owner::Profile(profile) => profiles::head(seat, profile, Tab::Actions),
        Owner::Unit(unit) => units::head(seat, unit.name.as_str(), owner.is_kept().then_some(Tab::Actions)),
    }
}

pub(super) const fn section(owner: &Owner) -> Section {
    match owner {
        Owner::Profile(_) => Section::Profiles,
        Owner::Unit(_) => Section::Administration,
    }
}

fn row(
    w: &Words,
    (owner, line): (&Owner, &Line<'_>),
    (at, may): (&str, bool),
    (loaded, directory): (&Loaded, Option<&Directory>),
) -> Markup {
    let Line { rule, is_own, is_overridden, overriding, place } = line;
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("media", rule.media.label())
        .append_pair("name", &rule.name)
        .finish();
    let trouble = directory.and_then(|it| missing(it, rule));
    html! {
        tr class=[is_overridden.then_some("default")] {
            td { (media_name(w, rule.media)) }
            td {
                @if *is_own && may { a class="code" href={ (at) "/actions/edit?" (query) } title=[place.as_deref()] { (rule.name) } }
                @else { span class="code" title=[place.as_deref()] { (rule.name) } }
            }
            td {
                (does(w, &rule.kind))
                @if !is_overridden {
                    @if let Some(trouble) = trouble { p class="problem" { (mend(w, trouble)) } }
                    @for why in building::refused(&loaded.settings.egress.allow, rule) {
                        p class="problem" { (why) ". " (marked(w.t("Calls are refused until `[[egress.allow]]` lets them through."))) }
                    }
                }
            }
            td {
                @match owner {
                    Owner::Profile(_) if *is_own => (w.t("this profile")),
                    Owner::Profile(profile) => a href={ (units::path(&profile.unit)) "/actions" } { (w.t("the business unit")) },
                    Owner::Unit(_) => (w.t("this business unit")),
                }
                @if *is_overridden { p class="hint" { (w.t("overridden by this profile's own")) } }
                @if !overriding.is_empty() {
                    p class="hint" {
                        (w.t("overridden in"))
                        @for profile in overriding {
                            " " a href={ (profiles::path_of(owner.unit().as_str(), profile.as_str())) "/actions" } { (profile) }
                        }
                    }
                }
                @if !is_own && !is_overridden && may { " " a href={ (at) "/actions/new?" (query) } { (w.t("Override it")) } }
            }
        }
    }
}

/// What leads nowhere, and what to do about it.
pub(super) fn mend(w: &Words, problem: Problem) -> String {
    match problem {
        Problem::UnknownQueue => {
            w.t("The business unit has no such queue: create it in the contact centre, or choose one that is there.")
        }
        Problem::QueueOfOtherMedia => {
            w.t("The queue is for another kind of contact: choose one that is for this kind.")
        }
        Problem::UnknownTarget => {
            w.t("The business unit has no such target: create it in the contact centre, or choose one that is there.")
        }
        Problem::WindowsSignOn
        | Problem::Saml2SignOn
        | Problem::AutomaticPostProcessing
        | Problem::MandatoryWrapUpReason
        | Problem::NoAgentRights
        | Problem::UnknownUser
        | Problem::AssignedTwice => problem.label(),
    }
    .to_owned()
}

fn does(w: &Words, kind: &ActionKind) -> String {
    match kind {
        ActionKind::Requeue { queue } => w.f("hands over to queue {}", &[queue]),
        ActionKind::SpeechRequeue { target } => w.f("hands over to target {}", &[target]),
        ActionKind::Callback { queue, phone_parameter, time_parameter } => {
            w.f("callback by queue {}, phone from {}, time from {}", &[queue, phone_parameter, time_parameter])
        }
        ActionKind::External { uri: Address::Fixed(uri) } => w.f("asks the external system at {}", &[uri]),
        ActionKind::External { uri: Address::Parameter(name) } => {
            w.f("asks the external system that {} names", &[name])
        }
        ActionKind::PushUrl { url: Address::Fixed(url) } => w.f("pushes the page {}", &[url]),
        ActionKind::PushUrl { url: Address::Parameter(name) } => w.f("pushes the page that {} names", &[name]),
    }
}

/// In short, for the pages of what has them.
pub(super) fn brief(w: &Words, rules: &[ActionRule]) -> Markup {
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr { th { (w.t("Name")) } th { (w.t("Kind of contact")) } th { (w.t("What it does")) } } }
            tbody {
                @for it in rules {
                    tr {
                        td { span class="code" { (it.name) } }
                        td { (media_name(w, it.media)) }
                        td { (does(w, &it.kind)) }
                    }
                }
            }
        } }
    }
}
