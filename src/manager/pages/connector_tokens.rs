//! The tokens that a profile's connectors dial in with (S11): made anew here, shown once.

use axum::{
    extract::{Path, State},
    response::Response,
};
use http::StatusCode;
use maud::{Markup, html};
use secrecy::ExposeSecret as _;

use super::{Section, not_found, page, profiles, quiet_beside, time, token, unavailable, with_status};
use crate::{
    config::settings::Profile,
    gateway::storage::{ConnectorToken, StoreError},
    manager::{
        Manager,
        guard::{Fields, Seat},
        people::Role,
        ports::TokenOrder,
    },
};

/// Of a profile that connectors dial in for; of another nothing.
pub(super) async fn section(manager: &Manager, seat: &Seat, profile: &Profile) -> Result<Markup, StoreError> {
    let names = manager.house.token_names(profile);
    if names.is_empty() {
        return Ok(html! {});
    }
    let w = &seat.words;
    let kept = manager.house.tokens(profile).await?;
    let may = seat.may(Role::Administrator);
    Ok(html! {
        h2 id="tokens" { (w.t("The connector's token")) }
        p class="hint" { (w.t("The connector dials in with it; it selects this profile. A new one is shown once; the one before it is good for 15 minutes more.")) }
        @for name in &names {
            @let of_it: Vec<_> = kept.iter().filter(|it| it.name == *name).collect();
            @if !name.is_empty() { h3 { span class="code" { (name) } } }
            @if of_it.is_empty() { p { (w.t("There is none yet: no connector can dial in.")) } }
            ul class="facts" {
                @for it in of_it {
                    li {
                        (w.t("made")) " " (time(it.made_at))
                        @if let Some(until) = it.valid_until { ", " (w.t("good until")) " " (time(until)) }
                    }
                }
            }
            @if may {
                @let version = ConnectorToken::version_of(&kept, name);
                @if version == 0 { (form(seat, profile, (name, version), ("second", w.t("Make a token")))) } @else {
                    (quiet_beside(w.t("Reload: make a new token"), None, &html! {
                        p class="hint" { (w.t("Connectors that dial in with the one there is have 15 minutes to change over.")) }
                        (form(seat, profile, (name, version), ("danger", w.t("Make it now"))))
                    }))
                }
            }
        }
    })
}

fn form(seat: &Seat, profile: &Profile, (name, version): (&str, u64), (look, button): (&str, &str)) -> Markup {
    html! {
        form method="post" action={ (profiles::path(profile)) "/token" } {
            (token(seat))
            input type="hidden" name="name" value=(name);
            input type="hidden" name="version" value=(version);
            button class=(look) { (button) }
        }
    }
}

/// The only page that shows the token. Loaded once more it makes no other: the one that it has shown would soon be no good.
pub(in crate::manager) async fn reload(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
    fields: Fields,
) -> Response {
    let w = &seat.words;
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return not_found(&seat) };
    let name = fields.get("name").to_owned();
    if !manager.house.token_names(&profile).contains(&name) {
        return not_found(&seat);
    }
    let (by, unit, of) = (seat.name().to_owned(), profile.unit.clone(), profile.name.clone());
    let seen = fields.get("version").parse().unwrap_or_default();
    let made = match manager.house.reload_token(TokenOrder { by, unit, profile: of, name, seen }).await {
        Ok(Some(made)) => made,
        Ok(None) => return made_already(&seat, &profile),
        Err(error) => return unavailable(&seat, &error),
    };
    let path = profiles::path(&profile);
    let body = html! {
        p class="trail" { a href="/profiles" { (w.t("Profiles")) } " / " a href=(path) { (profile.name) } }
        h1 { (w.t("The connector's new token")) }
        p { (w.t("This is the only time that it is shown: give it to the connector now. The one before it is good for 15 minutes more, and sockets that came by it are closed then.")) }
        div class="field" {
            label for="f-token" { (w.t("Token")) }
            output id="f-token" class="link" data-copy=(w.t("Copy to the clipboard")) { (made.token.expose_secret()) }
        }
        p { a class="button" href=(path) { (w.t("To the profile")) } }
    };
    page(&seat, Section::Profiles, profile.name.as_str(), &body)
}

/// Somebody has made one since the form was shown: mostly whoever loads the page of the new token once more.
fn made_already(seat: &Seat, profile: &Profile) -> Response {
    let w = &seat.words;
    let path = profiles::path(profile);
    let body = html! {
        p class="trail" { a href="/profiles" { (w.t("Profiles")) } " / " a href=(path) { (profile.name) } }
        h1 { (w.t("No new token was made")) }
        p class="refusal" role="alert" { (w.t("A token has been made since this form was shown, and that one is good. It is not shown again: if nobody has it, make another on the profile's page.")) }
        p { a href={ (path) "#tokens" } { (w.t("To the profile")) } }
    };
    with_status(StatusCode::CONFLICT, seat, (Section::Profiles, profile.name.as_str()), &body)
}
