//! Which connectors are attached, for which profile, since when, and how much they have to do.

use maud::{Markup, html};

use super::{profiles, time};
use crate::{
    config::settings::Profile,
    manager::{Manager, ports::DeskNow, words::Words},
};

/// More are a matter for the profiles' pages.
const MAX_DESKS: usize = 20;

fn path(desk: &DeskNow) -> String {
    profiles::path_of(desk.unit.as_str(), desk.profile.as_str())
}

/// A line for each, if there are any.
pub(super) fn all(w: &Words, manager: &Manager) -> Markup {
    let desks = manager.house.connectors();
    html! {
        @if !desks.is_empty() {
            ul class="facts" id="connectors" {
                li { (w.t("Connectors")) }
                @for it in desks.iter().take(MAX_DESKS) {
                    li {
                        a href=(path(it)) { (it.profile) } @if !it.token.is_empty() { " / " (it.token) } " "
                        @match it.sockets.first() {
                            None => span class="bad" { (w.t("none is attached")) },
                            Some(oldest) => {
                                span class="good" { (w.f("{} attached", &[&it.attached])) }
                                " " (w.t("since")) " " (time(oldest.since)) ", " (w.f("{} turns", &[&it.turns]))
                            },
                        }
                    }
                }
                @if desks.len() > MAX_DESKS { li { (w.f("and {} more", &[&(desks.len() - MAX_DESKS)])) } }
            }
        }
    }
}

/// One profile's, socket by socket. Nothing where it has none that dial in.
pub(super) fn of_profile(w: &Words, manager: &Manager, profile: &Profile) -> Markup {
    let mut desks = manager.house.connectors();
    desks.retain(|it| it.unit == profile.unit && it.profile == profile.name);
    html! {
        @if !desks.is_empty() {
            h2 { (w.t("Connectors")) }
            div class="scroll" tabindex="0" role="group" aria-label=(w.t("Table")) { table {
                thead { tr {
                    th { (w.t("Token")) } th { (w.t("State")) } th { (w.t("Attached since")) }
                    th class="number" { (w.t("Turns in flight")) }
                } }
                tbody {
                    @for desk in &desks {
                        @if desk.sockets.is_empty() {
                            tr {
                                td { (desk.token) }
                                td { span class="bad" { (w.t("none is attached")) } }
                                td {} td class="number" { @if desk.turns > 0 { (w.f("{} wait", &[&desk.turns])) } }
                            }
                        }
                        @for it in &desk.sockets {
                            tr {
                                td { (desk.token) }
                                td {
                                    @if it.leaves { span class="state handing_over" { (w.t("is leaving")) } }
                                    @else { span class="good" { (w.t("is attached")) } }
                                }
                                td { (time(it.since)) }
                                td class="number" { (it.in_flight) " / " (it.credits) }
                            }
                        }
                        @if desk.attached > desk.sockets.len() {
                            tr { td colspan="4" { (w.f("and {} more", &[&(desk.attached - desk.sockets.len())])) } }
                        }
                    }
                }
            } }
        }
    }
}
