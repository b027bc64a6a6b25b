//! Tokens of programs for the API: made, shown once, revoked.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use http::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::{
    Field, Section, Tab, done, empty, no_store, not_found, page, quiet_beside, summary, time, token, unavailable,
    users, with_status,
};
use crate::manager::{
    Manager,
    guard::{Fields, Seat},
    people::{
        Role,
        tokens::{KeptToken, MAX_DAYS, MAX_TOKENS, NoToken, TokenName},
    },
    query::Query,
    words::Words,
};

/// What is chosen from, in days.
const LASTS: [u16; 4] = [7, 30, 90, MAX_DAYS];

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
    listed(&manager, &seat, &Draft { name: "", role: Role::Viewer, days: 90 }, (&done, StatusCode::OK, None)).await
}

/// What was typed.
struct Draft<'a> {
    name: &'a str,
    role: Role,
    days: u16,
}

async fn listed(
    manager: &Manager,
    seat: &Seat,
    draft: &Draft<'_>,
    (said, status, problem): (&str, StatusCode, Option<(&str, String)>),
) -> Response {
    let w = &seat.words;
    let tokens = match manager.people.tokens().await {
        Ok(tokens) => tokens,
        Err(error) => return unavailable(seat, &error),
    };
    let title = w.t("Tokens");
    let problems: Vec<String> = problem.iter().map(|it| it.1.clone()).collect();
    let body = html! {
        (Tab::Tokens.of_administration(seat))
        h1 { (title) }
        p class="hint" { (w.t("A program shows a token to use the API.")) " " a href="/api" { (w.t("What the API does")) } }
        @if said == "revoked" { (done(w.t("The token is revoked: it is good for nothing any more."))) }
        (summary(w, &problems))
        @if tokens.is_empty() { (empty(w.t("There is no token: no program can use the API."), None)) } @else { (table(seat, manager, &tokens)) }
        h2 { (w.t("Make a token")) }
        (form(seat, draft, problem.as_ref().map(|it| (it.0, it.1.as_str()))))
    };
    with_status(status, seat, (Section::Administration, title), &body)
}

fn table(seat: &Seat, manager: &Manager, tokens: &[KeptToken]) -> Markup {
    let (w, now) = (&seat.words, manager.people.now());
    html! {
        div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
            thead { tr {
                th { (w.t("Token")) } th { (w.t("Role")) } th { (w.t("Made by")) } th { (w.t("Good until")) }
                th { (w.t("Last used")) } th { (w.t("Revoke")) }
            } }
            tbody {
                @for it in tokens {
                    tr {
                        td { span class="code" { (it.name) } }
                        td { (users::role_told(w, it.token.role)) }
                        td { (it.token.made_by) }
                        td { @if it.token.until <= now { span class="bad" { (w.t("past its end")) } " " } (time(it.token.until)) }
                        td { @if let Some(at) = it.token.used_at { (time(at)) } @else { (w.t("never")) } }
                        td {
                            (quiet_beside(w.t("Revoke"), Some(&w.f("Revoke {}", &[&it.name])), &html! {
                                p class="hint" { (w.t("Programs that show it are refused at once.")) }
                                form method="post" action={ "/tokens/" (it.name) "/revoke" } {
                                    (token(seat))
                                    button class="danger" { (w.t("Revoke it now")) }
                                }
                            }))
                        }
                    }
                }
            }
        } }
    }
}

fn form(seat: &Seat, draft: &Draft<'_>, problem: Option<(&str, &str)>) -> Markup {
    let w = &seat.words;
    let lasts = LASTS.map(|it| (it.to_string(), w.f("{} days", &[&it])));
    let lasts: Vec<(&str, &str)> = lasts.iter().map(|(days, text)| (days.as_str(), text.as_str())).collect();
    let problem = |name: &str| problem.filter(|it| it.0 == name).map(|it| it.1);
    html! {
        form method="post" action="/tokens" class="narrow" {
            (token(seat))
            (Field { name: "name", label: w.t("Token"), hint: w.t("What the program is called: small letters, digits and . _ -"), problem: problem("name") }
                .text(draft.name, "text", "off"))
            (users::roles(w, draft.role))
            (Field { name: "days", label: w.t("Good for"), hint: "", problem: problem("days") }.choice(&draft.days.to_string(), &lasts))
            button { (w.t("Make the token")) }
        }
    }
}

pub(in crate::manager) async fn make(State(manager): State<Manager>, seat: Seat, fields: Fields) -> Response {
    let w = &seat.words;
    let (name, days) = (fields.get("name").trim(), fields.get("days").parse().unwrap_or_default());
    let role = fields.get("role").parse::<Role>();
    let draft = Draft { name, role: role.unwrap_or(Role::Viewer), days };
    let Ok(role) = role else {
        let problem = w.t("A role is viewer, operator or administrator.").to_owned();
        return listed(&manager, &seat, &draft, ("", StatusCode::UNPROCESSABLE_ENTITY, Some(("role", problem)))).await;
    };
    match manager.people.make_token(seat.name(), name, (role, days)).await {
        Ok((kept, shown)) => made(&seat, &kept, &shown),
        Err(NoToken::Store(error)) => {
            let (status, problem) = no_store(w, &error);
            listed(&manager, &seat, &draft, ("", status, Some(("", problem.to_owned())))).await
        }
        Err(why) => {
            let field = if matches!(why, NoToken::Days) { "days" } else { "name" };
            let problem = Some((field, told(w, &why)));
            listed(&manager, &seat, &draft, ("", StatusCode::UNPROCESSABLE_ENTITY, problem)).await
        }
    }
}

fn told(w: &Words, why: &NoToken) -> String {
    match why {
        NoToken::Name(_) => {
            w.t("A token's name is 1 to 64 small letters, digits and . _ -, and neither . nor ..").to_owned()
        }
        NoToken::Days => w.f("A token lasts 1 to {} days.", &[&MAX_DAYS]),
        NoToken::Taken => w.t("There is a token of this name already.").to_owned(),
        NoToken::TooMany => w.f("There are {} tokens: revoke those that nobody uses.", &[&MAX_TOKENS]),
        NoToken::Unknown | NoToken::Expired | NoToken::Throttled(_) | NoToken::Store(_) => why.to_string(),
    }
}

/// The token is shown once: it is nowhere else.
fn made(seat: &Seat, kept: &KeptToken, shown: &str) -> Response {
    let w = &seat.words;
    let title = w.t("A token for a program");
    let body = html! {
        (Tab::Tokens.of_administration(seat))
        p class="trail" { a href="/tokens" { (w.t("Tokens")) } }
        h1 { (title) }
        p { (w.f("Give this token to {}. It is not shown again.", &[&kept.name])) }
        p { output class="link" data-copy=(w.t("Copy")) { (shown) } }
        p class="hint" { (w.t("Good until")) " " (time(kept.token.until)) }
        p class="acts" { a class="button" href="/tokens" { (w.t("Continue")) } a href="/api" { (w.t("What the API does")) } }
    };
    page(seat, Section::Administration, title, &body)
}

pub(in crate::manager) async fn revoke(
    State(manager): State<Manager>,
    seat: Seat,
    Path(name): Path<String>,
) -> Response {
    let Ok(name) = TokenName::new(&name) else { return not_found(&seat) };
    match manager.people.revoke_token(seat.name(), &name).await {
        Ok(true) => {
            manager.trying.trials.end_of_token(&name);
            Redirect::to("/tokens?done=revoked").into_response()
        }
        Ok(false) => not_found(&seat),
        Err(error) => unavailable(&seat, &error),
    }
}
