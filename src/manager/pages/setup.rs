//! What a gateway needs before contacts come, step by step, for who may do it; gone once all of it is there.

use maud::{Markup, html};

use super::profiles;
use crate::{
    config::settings::Profile,
    manager::{Manager, estate::Written, guard::Seat, people::Role},
};

/// One thing to do.
struct Step<'a> {
    is_done: bool,
    text: &'a str,
    /// Where it is done.
    path: String,
}

pub(super) fn list(seat: &Seat, manager: &Manager) -> Markup {
    if !seat.may(Role::Administrator) {
        return html! {};
    }
    let (w, loaded) = (&seat.words, manager.house.configuration());
    let settings = &loaded.settings;
    let first: Option<&Profile> = settings.profiles.first().map(|it| &**it);
    let of_profile = |page: &str| first.map_or_else(|| "/profiles/new".to_owned(), |it| profiles::path(it) + page);
    let step = |is_done, text, path: &str| Step { is_done, text, path: path.to_owned() };
    let steps = [
        step(
            loaded.units.iter().any(|it| Written::of(&it.origin) != Written::Nowhere),
            w.t("Name the business unit"),
            "/units/new",
        ),
        step(!settings.engines.is_empty(), w.t("Add the routing engine, and give it its token"), "/engines/new"),
        step(first.is_some(), w.t("Add a profile with its language engine"), "/profiles/new"),
        step(
            settings.profiles.iter().any(|it| !it.rules.agents.is_empty()),
            w.t("Assign virtual agents to the profile"),
            &of_profile("/agents"),
        ),
        step(
            manager.gateway.units_now().iter().any(|it| !it.engines.is_empty()),
            w.t("Have the routing engine attach"),
            "/engines",
        ),
    ];
    let Some(next) = steps.iter().position(|it| !it.is_done) else { return html! {} };
    html! {
        section class="setup" aria-labelledby="setup" {
            h2 id="setup" { (w.t("Until contacts come")) }
            ol {
                @for (at, it) in steps.iter().enumerate() {
                    li class=[if it.is_done { Some("ticked") } else if at == next { Some("next") } else { None }] {
                        @if it.is_done { (it.text) " " span class="unseen" { (w.t("done")) } }
                        @else { a href=(it.path) { (it.text) } }
                    }
                }
                @if first.is_some() { li { a href=(of_profile("/try")) { (w.t("Try the profile; nobody has to attach for it")) } } }
            }
        }
    }
}
