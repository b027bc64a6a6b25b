//! The operator's hand on a whole profile: paused, its new contacts go to its fallback queue; running ones go on.

use axum::{
    extract::{Path, State},
    response::{IntoResponse as _, Redirect, Response},
};
use maud::{Markup, html};

use super::{not_found, profiles, time, token, unavailable};
use crate::{
    config::settings::Profile,
    core::profile::Destination,
    gateway::storage::StoreError,
    manager::{Manager, guard::Seat, people::Role, words::Words},
};

pub(in crate::manager) async fn pause(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    answer(&manager, &seat, names, true).await
}

pub(in crate::manager) async fn resume(
    State(manager): State<Manager>,
    seat: Seat,
    Path(names): Path<(String, String)>,
) -> Response {
    answer(&manager, &seat, names, false).await
}

async fn answer(manager: &Manager, seat: &Seat, names: (String, String), paused: bool) -> Response {
    let Some(profile) = profiles::find(&manager.house.configuration(), names) else { return not_found(seat) };
    match set(manager, seat.name(), &profile, paused).await {
        Ok(_changed) => {
            let said = if paused { "paused" } else { "resumed" };
            Redirect::to(&format!("{}?done={said}", profiles::path(&profile))).into_response()
        }
        Err(error) => unavailable(seat, &error),
    }
}

/// Says whether it was otherwise before.
pub(in crate::manager) async fn set(
    manager: &Manager,
    by: &str,
    profile: &Profile,
    paused: bool,
) -> Result<bool, StoreError> {
    let (gateway, unit, name) = (manager.gateway.clone(), profile.unit.clone(), profile.name.clone());
    let action = if paused { "profile.paused" } else { "profile.resumed" };
    let line = manager.people.line(by, action, &format!("{unit}/{name}")).0;
    // It is done to its end, whether or not whoever asked still waits.
    let done = tokio::spawn(async move { gateway.set_paused((&unit, &name), paused, &line).await });
    done.await.unwrap_or(Ok(false))
}

/// A word beside a profile's name.
pub(super) fn mark(w: &Words, manager: &Manager, profile: &Profile) -> Markup {
    let paused = manager.gateway.paused(&profile.unit, &profile.name).is_some();
    html! { @if paused { " " span class="bad" { (w.t("paused")) } } }
}

/// On the profile's own page: whether it is paused, and the button for the other.
pub(super) fn state(seat: &Seat, manager: &Manager, profile: &Profile) -> Markup {
    let w = &seat.words;
    let pause = manager.gateway.paused(&profile.unit, &profile.name);
    let at = profiles::path(profile);
    let button = |path: &str, label: &str, class: Option<&str>| {
        html! {
            @if seat.may(Role::Operator) {
                form method="post" action={ (at) (path) } { (token(seat)) button class=[class] { (label) } }
            }
        }
    };
    html! {
        @match pause {
            Some(pause) => div class="paused" {
                p {
                    span class="bad" { (w.f("Paused by {}", &[&pause.by])) } ", " (time(pause.since)) ". "
                    (whither(w, profile)) " " (w.t("Contacts that it has go on to their end."))
                }
                (button("/resume", w.t("Resume the profile"), None))
            },
            None => @if seat.may(Role::Operator) {
                details class="quiet" {
                    summary { (w.t("Pause the profile")) }
                    p class="hint" { (whither(w, profile)) " " (w.t("Contacts that it has go on to their end.")) }
                    (button("/pause", w.t("Pause it now"), Some("danger")))
                }
            },
        }
    }
}

/// Where new contacts of a paused profile go.
fn whither(w: &Words, profile: &Profile) -> String {
    match &profile.rules.handover.to {
        Some(Destination::Queue(queue)) => {
            w.f("While it is paused, new contacts go to queue {} at once; while that is closed they are refused, and the routing engine finds another way.", &[queue])
        }
        Some(Destination::Target(target)) => w.f("While it is paused, new contacts go to target {} at once.", &[target]),
        None => w
            .t("While it is paused, new contacts are refused, and the routing engine finds another way: [handover] names no queue.")
            .to_owned(),
    }
}

/// The profiles that are paused.
pub(super) fn all(w: &Words, manager: &Manager) -> Markup {
    let loaded = manager.house.configuration();
    let is_paused = |it: &&std::sync::Arc<Profile>| manager.gateway.paused(&it.unit, &it.name).is_some();
    let paused: Vec<_> = loaded.settings.profiles.iter().filter(is_paused).collect();
    html! {
        @if !paused.is_empty() {
            p class="paused" {
                span class="bad" { (w.t("Paused, new contacts do not come here:")) }
                @for it in paused { " " a href=(profiles::path(it)) { (it.name) } }
            }
        }
    }
}
