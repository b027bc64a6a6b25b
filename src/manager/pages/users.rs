//! Users: who may sign in, with which role.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Field, Section, Tab, done, not_found, page, quiet, quiet_beside, sign_in::told, summary, token, unavailable,
};
use crate::manager::{
    Manager,
    guard::{Fields, Seat},
    people::{Kept, Refused, Role, UserName},
    query::Query,
    words::Words,
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
    Query(Said { done }): Query<Said>,
) -> Response {
    listed(&manager, &seat, ("", Role::Viewer), (&done, &[])).await
}

async fn listed(
    manager: &Manager,
    seat: &Seat,
    (name, role): (&str, Role),
    (said, problems): (&str, &[String]),
) -> Response {
    let w = &seat.words;
    let users = match manager.people.all().await {
        Ok(users) => users,
        Err(error) => return unavailable(seat, &error),
    };
    let title = w.t("Users");
    let body = html! {
        (Tab::Users.of_administration(seat))
        div class="head" {
            h1 { (title) }
            a class="button second" href="#f-name" { (w.t("Add a user")) }
        }
        @match said {
            "changed" => (done(w.t("The user was changed and has to sign in again."))),
            "ended" => (done(w.t("The user's sign-ins were ended."))),
            "removed" => (done(w.t("The user was removed."))),
            _ => {}
        }
        (summary(w, problems))
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr { th { (w.t("User")) } th { (w.t("Role")) } th { (w.t("Second factor")) } th { (w.t("State")) } } }
            tbody {
                @for it in &users {
                    tr {
                        td { a href={ "/users/" (it.name) } { (it.name) } }
                        td { (role_told(w, it.user.role)) }
                        td { @if it.user.totp.is_some() { (w.t("yes")) } @else { (w.t("no")) } }
                        td { (state(w, it)) }
                    }
                }
            }
        } }
        h2 { (w.t("Add a user")) }
        form method="post" action="/users" class="narrow" {
            (token(seat))
            (Field { name: "name", label: w.t("User"), hint: w.t("Letters, digits and . _ - @"), problem: None }.text(name, "text", "off"))
            (roles(w, role))
            button { (w.t("Add the user")) }
        }
    };
    page(seat, Section::Administration, title, &body)
}

fn state(w: &Words, kept: &Kept) -> Markup {
    html! {
        @if kept.user.disabled { span class="bad" { (w.t("disabled")) } }
        @else if kept.user.password.is_none() { (w.t("has not chosen a password yet")) }
        @else { span class="good" { (w.t("may sign in")) } }
    }
}

pub(in crate::manager) fn role_told(w: &Words, role: Role) -> &str {
    match role {
        Role::Viewer => w.t("viewer"),
        Role::Operator => w.t("operator"),
        Role::Administrator => w.t("administrator"),
    }
}

pub(super) fn roles(w: &Words, chosen: Role) -> Markup {
    let hint = w.t("A viewer sees, an operator acts on contacts, an administrator configures.");
    let options: Vec<(&str, &str)> = Role::ALL.iter().map(|it| (it.label(), role_told(w, *it))).collect();
    Field { name: "role", label: w.t("Role"), hint, problem: None }.choice(chosen.label(), &options)
}

pub(in crate::manager) async fn add(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let name = fields.get("name");
    let Ok(role) = fields.get("role").parse::<Role>() else {
        let problem = [w.t("A role is viewer, operator or administrator.").to_owned()];
        return listed(&manager, &seat, (name, Role::Viewer), ("", &problem)).await;
    };
    match manager.people.invite(seat.name(), name, role).await {
        Ok((name, token)) => invited(&manager, &seat, &name, &token),
        Err(Refused::Store(error)) => unavailable(&seat, &error),
        Err(refused) => listed(&manager, &seat, (name, role), ("", &[told(w, &refused)])).await,
    }
}

/// The link is shown once: it is nowhere else.
fn invited(manager: &Manager, seat: &Seat, name: &UserName, link: &str) -> Response {
    let w = &seat.words;
    let title = w.t("A link for a password");
    let body = html! {
        (Tab::Users.of_administration(seat))
        p class="trail" { a href="/users" { (w.t("Users")) } }
        h1 { (title) }
        p { (w.f("Give this link to {}. It is good once, for three days, and is not shown again.", &[name])) }
        p { output class="link" data-copy=(w.t("Copy")) { (manager.base) "/welcome?user=" (name) "&token=" (link) } }
        p { a class="button" href="/users" { (w.t("To the users")) } }
    };
    page(seat, Section::Administration, title, &body)
}

pub(in crate::manager) async fn show(State(manager): State<Manager>, seat: Seat, Path(name): Path<String>) -> Response {
    shown(&manager, &seat, &name, &[]).await
}

async fn shown(manager: &Manager, seat: &Seat, name: &str, problems: &[String]) -> Response {
    let w = &seat.words;
    let found = match UserName::new(name) {
        Ok(name) => manager.people.find(&name).await,
        Err(_none) => Ok(None),
    };
    let Kept { name, version, user, .. } = match found {
        Ok(Some(kept)) => kept,
        Ok(None) => return not_found(seat),
        Err(error) => return unavailable(seat, &error),
    };
    let path = format!("/users/{name}");
    let body = html! {
        (Tab::Users.of_administration(seat))
        p class="trail" { a href="/users" { (w.t("Users")) } }
        h1 { (name) }
        (summary(w, problems))
        form method="post" action=(path) class="narrow" {
            (token(seat))
            input type="hidden" name="version" value=(version);
            (roles(w, user.role))
            label class="check" {
                input type="checkbox" name="disabled" value="yes" checked[user.disabled];
                span { (w.t("Disabled: may not sign in")) }
            }
            button { (w.t("Save")) }
        }
        h2 { (w.t("Password and second factor")) }
        form method="post" action={ (path) "/invite" } {
            (token(seat))
            input type="hidden" name="version" value=(version);
            p { (w.t("A link lets the user choose a new password; the second factor is taken off then.")) }
            button class="second" { (w.t("Make a link")) }
        }
        h2 { (w.t("Sign-ins")) }
        p { (w.f("Signed in now: {}", &[&manager.people.sessions.of(&name, manager.people.now()).len()])) }
        (quiet_beside(w.t("End all sign-ins"), None, &html! {
            form method="post" action={ (path) "/end" } {
                (token(seat))
                p class="hint" { (w.t("The user signs in again in every browser.")) }
                button class="danger" { (w.t("End them now")) }
            }
        }))
        (quiet(w.t("Remove the user"), &html! {
            form method="post" action={ (path) "/remove" } {
                (token(seat))
                input type="hidden" name="version" value=(version);
                p { (w.t("What the user did stays in the audit log.")) }
                button class="danger" { (w.t("Remove it now")) }
            }
        }))
    };
    page(seat, Section::Administration, name.as_str(), &body)
}

fn version(fields: &Fields) -> u64 {
    // 0 is no version: such a form is told that somebody was faster.
    fields.get("version").parse().unwrap_or_default()
}

pub(in crate::manager) async fn change(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let Ok(role) = fields.get("role").parse::<Role>() else {
        let problem = [seat.words.t("A role is viewer, operator or administrator.").to_owned()];
        return shown(&manager, &seat, &name, &problem).await;
    };
    let Ok(user) = UserName::new(&name) else { return not_found(&seat) };
    let change = (version(&fields), role, fields.has("disabled"));
    let done = manager.people.change(seat.name(), &user, change).await;
    after(&manager, &seat, &name, done.map(drop), "/users?done=changed").await
}

pub(in crate::manager) async fn remove(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let Ok(user) = UserName::new(&name) else { return not_found(&seat) };
    let done = manager.people.remove(seat.name(), &user, version(&fields)).await;
    after(&manager, &seat, &name, done, "/users?done=removed").await
}

pub(in crate::manager) async fn end(State(manager): State<Manager>, seat: Seat, Path(name): Path<String>) -> Response {
    let Ok(user) = UserName::new(&name) else { return not_found(&seat) };
    let done = manager.people.end_all(seat.name(), &user).await;
    after(&manager, &seat, &name, done, "/users?done=ended").await
}

async fn after(manager: &Manager, seat: &Seat, name: &str, done: Result<(), Refused>, to: &str) -> Response {
    match done {
        Ok(()) => Redirect::to(to).into_response(),
        Err(Refused::Unknown) => not_found(seat),
        Err(Refused::Store(error)) => unavailable(seat, &error),
        Err(refused) => shown(manager, seat, name, &[told(&seat.words, &refused)]).await,
    }
}

/// A page that shows a link and is loaded once more makes no other: the one that was sent would be no good any more.
pub(in crate::manager) async fn invite(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
    fields: Fields,
) -> Response {
    let Ok(user) = UserName::new(&name) else { return not_found(&seat) };
    match manager.people.invite_again(seat.name(), &user, Some(version(&fields))).await {
        Ok(link) => invited(&manager, &seat, &user, &link),
        Err(Refused::Conflict) => {
            let text = seat.words.t("No new link was made: the user has been changed, or given a link, since this page was shown. Make one if it is still wanted; a link that was sent is no good then.");
            shown(&manager, &seat, &name, &[text.to_owned()]).await
        }
        Err(refused) => after(&manager, &seat, &name, Err(refused), "/users").await,
    }
}
