//! Business units, and the routing engines that may attach for them.

use jiff::tz::TimeZone;

use super::{
    actions::{self, actions},
    address::is_host,
    countries::calling_code,
    nearest::{nearest, quoted},
    section::{At, Section},
    settings::Engine,
};
use crate::core::{
    action::ActionRule,
    ids::{EngineId, UnitName},
};

pub(super) struct Unit {
    pub(super) name: UnitName,
    pub(super) zone: TimeZone,
    pub(super) calling_code: String,
    pub(super) media_servers: Vec<String>,
    pub(super) actions: Vec<ActionRule>,
}

pub(super) fn units(root: &mut Section<'_>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let sections = root.sections("unit");
    if sections.is_empty() {
        root.missing("unit", "add at least one `[[unit]]` with a `name`");
    }
    for mut section in sections {
        let name = section.required_name::<UnitName>("name", "a business unit needs a name, unique among all");
        let zone = zone(&mut section);
        let calling_code = country(&mut section);
        let media_servers = media_servers(&mut section);
        let actions = actions::values(actions(&mut section));
        section.finish();
        let Some(At { value: name, place }) = name else { continue };
        if units.iter().any(|other| other.name == name) {
            root.cx.error(
                place,
                format!("business unit `{name}` exists already"),
                "give each business unit its own name",
            );
            continue;
        }
        units.push(Unit { name, zone, calling_code, media_servers, actions });
    }
    units
}

fn zone(section: &mut Section<'_>) -> TimeZone {
    let Some(At { value, place }) = section.text("zone") else { return TimeZone::UTC };
    match TimeZone::get(value) {
        Ok(zone) => zone,
        Err(_unexplained) => {
            let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let help = nearest(value, known.iter().map(String::as_str)).map_or_else(
                || "write an IANA name such as \"Europe/Berlin\"".to_owned(),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            section.cx.error(place, format!("`{}`: no time zone is called `{value}`", section.name_of("zone")), help);
            TimeZone::UTC
        }
    }
}

fn country(section: &mut Section<'_>) -> String {
    let text = section.text("country");
    let (country, place) = text.map_or(("DE", section.place), |at| (at.value, at.place));
    calling_code(country).map_or_else(
        || {
            let message = format!("`{}`: no country has the code `{country}`", section.name_of("country"));
            section.cx.error(place, message, "write its two capital letters of ISO 3166, such as \"DE\"");
            String::new()
        },
        str::to_owned,
    )
}

fn media_servers(section: &mut Section<'_>) -> Vec<String> {
    let servers = section.texts("media_servers");
    for At { value, place } in &servers {
        if !is_host(value) {
            let message = format!("`{}`: `{value}` is no host", section.name_of("media_servers"));
            section.cx.error(*place, message, "write a host name or an address, without a port");
        }
    }
    servers.into_iter().map(|at| at.value).collect()
}

pub(super) fn engines(root: &mut Section<'_>, units: &[Unit]) -> Vec<Engine> {
    let mut engines: Vec<Engine> = Vec::new();
    for mut section in root.sections("engine") {
        let id = section.required_name::<EngineId>("id", "a routing engine needs an id, unique among all");
        let token = section.token_sha256();
        if !section.has("token") && !section.has("token_sha256") {
            section.missing("token", "an engine proves itself by a bearer token: set `token` or `token_sha256`");
        }
        let allowed = section.names::<UnitName>("units");
        if allowed.is_empty() {
            section.missing("units", "list the business units that the engine may attach for");
        }
        for At { value, place } in &allowed {
            check_unit(&section, value, *place, units);
            if let Some(other) = engines.iter().find(|other| other.units.contains(value)) {
                let message = format!("business unit `{value}` has its engine already: `{}`", other.id);
                section.cx.error(*place, message, "a unit's contacts belong to one engine; it may open several lanes");
            }
        }
        if let Some(At { value, place }) = &id
            && engines.iter().any(|other| other.id == *value)
        {
            section.cx.error(*place, format!("engine `{value}` exists already"), "give each engine its own id");
        }
        if let Some(At { value, place }) = &token
            && let Some(other) = engines.iter().find(|other| other.token_sha256 == *value)
        {
            let message = format!("engine `{}` has the same token", other.id);
            section.cx.error(*place, message, "give each engine its own token");
        }
        section.finish();
        if let (Some(id), Some(token)) = (id, token) {
            let units = allowed.into_iter().map(|at| at.value).collect();
            engines.push(Engine { id: id.value, token_sha256: token.value, units });
        }
    }
    engines
}

/// Whether `name` is one of the units; if not, says so.
pub(super) fn check_unit(section: &Section<'_>, name: &UnitName, place: super::document::Place, units: &[Unit]) {
    if units.iter().any(|unit| unit.name == *name) {
        return;
    }
    let known = || units.iter().map(|unit| unit.name.as_str());
    let help = nearest(name.as_str(), known()).map_or_else(
        || format!("configured are {}; add a `[[unit]]`, or use one of them", quoted(known())),
        |meant| format!("did you mean `{meant}`?"),
    );
    section.cx.error(place, format!("business unit `{name}` is not configured"), help);
}
