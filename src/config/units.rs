//! Business units, and the routing engines that may attach for them.

use jiff::tz::TimeZone;

use super::{
    actions::{self, actions},
    address::is_host,
    countries::calling_code,
    document::Place,
    nearest::{nearest, quoted},
    profile::is_language,
    section::{At, Context, Section},
    settings::{self, Engine},
};
use crate::core::{
    action::ActionRule,
    ids::{EngineId, UnitName},
    said::said,
};

pub(super) struct Unit {
    pub(super) name: UnitName,
    /// Of the name.
    place: Place,
    pub(super) zone: TimeZone,
    zone_name: String,
    country: String,
    pub(super) calling_code: String,
    pub(super) languages: Vec<String>,
    pub(super) media_servers: Vec<String>,
    pub(super) actions: Vec<ActionRule>,
}

impl Unit {
    /// As it is shown.
    pub(super) fn told(&self, cx: &Context<'_>) -> settings::Unit {
        settings::Unit {
            name: self.name.clone(),
            zone: self.zone_name.clone(),
            country: self.country.clone(),
            languages: self.languages.clone(),
            media_servers: self.media_servers.clone(),
            actions: self.actions.clone(),
            origin: cx.document(self.place),
        }
    }
}

pub(super) fn units(root: &mut Section<'_>) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::new();
    let sections = root.sections("unit");
    if sections.is_empty() {
        root.missing("unit", said!("add at least one `[[unit]]` with a `name`"));
    }
    for mut section in sections {
        let name = section.required_name::<UnitName>("name", said!("a business unit needs a name, unique among all"));
        let (zone, zone_name) = zone(&mut section);
        let (country, calling_code) = country(&mut section);
        let languages = languages(&mut section);
        let media_servers = media_servers(&mut section);
        let actions = actions::values(actions(&mut section));
        section.finish();
        let Some(At { value: name, place }) = name else { continue };
        if let Some(other) = units.iter().find(|other| other.name == name) {
            let message = said!("business unit `{}` exists already, at {}", name, root.cx.origin(other.place));
            root.cx.error(place, message, said!("give each business unit its own name"));
            continue;
        }
        units.push(Unit { name, place, zone, zone_name, country, calling_code, languages, media_servers, actions });
    }
    units
}

fn zone(section: &mut Section<'_>) -> (TimeZone, String) {
    let utc = || (TimeZone::UTC, "UTC".to_owned());
    let Some(At { value, place }) = section.text("zone") else { return utc() };
    match TimeZone::get(value) {
        Ok(zone) => (zone, value.to_owned()),
        Err(_unexplained) => {
            let known: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
            let help = nearest(value, known.iter().map(String::as_str)).map_or_else(
                || said!("write an IANA name such as \"Europe/Berlin\""),
                |meant| said!("did you mean \"{}\"?", meant),
            );
            section.cx.error(place, said!("`{}`: no time zone is called `{}`", section.name_of("zone"), value), help);
            utc()
        }
    }
}

fn country(section: &mut Section<'_>) -> (String, String) {
    let text = section.text("country");
    let (country, place) = text.map_or(("DE", section.place), |at| (at.value, at.place));
    let code = calling_code(country).map_or_else(
        || {
            let message = said!("`{}`: no country has the code `{}`", section.name_of("country"), country);
            section.cx.error(place, message, said!("write its two capital letters of ISO 3166, such as \"DE\""));
            String::new()
        },
        str::to_owned,
    );
    (country.to_owned(), code)
}

fn languages(section: &mut Section<'_>) -> Vec<String> {
    let mut languages: Vec<String> = Vec::new();
    for At { value, place } in section.texts("languages") {
        let name = section.name_of("languages");
        if !is_language(&value) {
            let help = said!("write a BCP 47 tag such as \"de\", \"en-US\" or \"zh-Hant-TW\"");
            section.cx.error(place, said!("`{}`: `{}` is no language", name, value), help);
        } else if languages.contains(&value) {
            section.cx.error(place, said!("`{}`: `{}` is there twice", name, value), said!("list each language once"));
        }
        languages.push(value);
    }
    languages
}

fn media_servers(section: &mut Section<'_>) -> Vec<String> {
    let servers = section.texts("media_servers");
    for At { value, place } in &servers {
        if !is_host(value) {
            let message = said!("`{}`: `{}` is no host", section.name_of("media_servers"), value);
            section.cx.error(*place, message, said!("write a host name or an address, without a port"));
        }
    }
    servers.into_iter().map(|at| at.value).collect()
}

pub(super) fn engines(root: &mut Section<'_>, units: &[Unit]) -> Vec<Engine> {
    let mut engines: Vec<Engine> = Vec::new();
    let mut places: Vec<Place> = Vec::new();
    for mut section in root.sections("engine") {
        let id = section.required_name::<EngineId>("id", said!("a routing engine needs an id, unique among all"));
        let token = section.token_sha256();
        if !section.has("token") && !section.has("token_sha256") {
            section.missing("token", said!("an engine proves itself by a bearer token: set `token` or `token_sha256`"));
        }
        let former = section.sha256("former_token_sha256");
        let allowed = section.names::<UnitName>("units");
        if allowed.is_empty() {
            section.missing("units", said!("list the business units that the engine may attach for"));
        }
        for At { value, place } in &allowed {
            check_unit(&section, value, *place, units);
            if let Some(other) = engines.iter().find(|other| other.units.contains(value)) {
                let message = said!("business unit `{}` has its engine already: `{}`", value, other.id);
                section.cx.error(
                    *place,
                    message,
                    said!("a unit's contacts belong to one engine; it may open several lanes"),
                );
            }
        }
        if let Some(At { value, place }) = &id
            && let Some((_, first)) = engines.iter().zip(&places).find(|(other, _)| other.id == *value)
        {
            let message = said!("engine `{}` exists already, at {}", value, section.cx.origin(*first));
            section.cx.error(*place, message, said!("give each engine its own id"));
        }
        for At { value, place } in token.iter().chain(&former) {
            if let Some(other) = engines.iter().find(|other| other.opened_by(value)) {
                let message = said!("engine `{}` has the same token", other.id);
                section.cx.error(*place, message, said!("give each engine its own token"));
            }
        }
        section.finish();
        if let (Some(id), Some(token)) = (id, token) {
            let units = allowed.into_iter().map(|at| at.value).collect();
            let origin = root.cx.document(id.place);
            places.push(id.place);
            engines.push(Engine {
                id: id.value,
                token_sha256: token.value,
                former_token_sha256: former.map(|it| it.value),
                units,
                origin,
            });
        }
    }
    engines
}

/// Whether `name` is one of the units; if not, says so.
pub(super) fn check_unit(section: &Section<'_>, name: &UnitName, place: Place, units: &[Unit]) {
    if units.iter().any(|unit| unit.name == *name) {
        return;
    }
    let known = || units.iter().map(|unit| unit.name.as_str());
    let help = nearest(name.as_str(), known()).map_or_else(
        || said!("configured are {}; add a `[[unit]]`, or use one of them", quoted(known())),
        |meant| said!("did you mean `{}`?", meant),
    );
    section.cx.error(place, said!("business unit `{}` is not configured", name), help);
}

#[cfg(test)]
mod tests {
    use crate::config::{Embedded, Findings, Loaded, Managed, ManagedKind, SecretError, Sources, load};

    fn loaded(main: &str, managed: &[(ManagedKind, &str, &str)]) -> Result<Loaded, Findings> {
        let managed = managed.iter().map(|(kind, name, text)| Managed {
            kind: *kind,
            name: (*name).to_owned(),
            text: (*text).to_owned(),
        });
        let embedded = Some(Embedded { main: main.to_owned(), profiles: Vec::new() });
        let sources = Sources { embedded, managed: managed.collect(), ..Sources::default() };
        load(&sources, &[], &|_| Err(SecretError::Unknown))
    }

    fn names(loaded: &Loaded) -> Vec<(&str, &str)> {
        loaded.units.iter().map(|it| (it.name.as_str(), it.origin.as_str())).collect()
    }

    fn errors(told: Result<Loaded, Findings>) -> Vec<String> {
        told.err().unwrap().list.into_iter().map(|it| it.message.to_string()).collect()
    }

    const CARE: (ManagedKind, &str, &str) = (ManagedKind::Unit, "unit care", "[[unit]]\nname = \"care\"\n");

    #[test]
    fn a_document_takes_the_place_of_the_default_and_stands_beside_what_a_file_says() {
        assert_eq!(names(&loaded("", &[]).unwrap()), [("DEFAULT", "default")]);
        assert_eq!(names(&loaded("", &[CARE]).unwrap()), [("care", "unit care")]);
        let both = loaded("[[unit]]\nname = \"sales\"\n", &[CARE]).unwrap();
        assert_eq!(names(&both), [("sales", "usher.toml"), ("care", "unit care")]);
        let twice = errors(loaded("[[unit]]\nname = \"care\"\n", &[CARE]));
        assert_eq!(twice, ["business unit `care` exists already, at usher.toml:2:8"]);
    }

    #[test]
    fn a_document_is_one_of_its_kind_and_nothing_else() {
        let of = |text| errors(loaded("", &[(ManagedKind::Unit, "unit x", text)]));
        assert!(of("[[unit]]\nname = \"x\"\n[server]\n")[0].contains("is one `[[unit]]` alone"));
        assert!(of("[[unit]]\nname = \"x\"\n[[unit]]\nname = \"y\"\n")[0].contains("one more"));
        assert!(of("[[engine]]\nid = \"x\"\n").iter().any(|it| it.contains("`[[unit]]` is missing")));
        assert!(of("unit = []\n").iter().any(|it| it.contains("missing")));
        let settings = |text| errors(loaded("", &[(ManagedKind::Settings, "settings", text)]));
        assert!(settings("[store]\npath = \"x\"\n")[0].contains("where this is kept"));
        assert!(settings("[[unit]]\nname = \"x\"\n")[0].contains("a document of its own"));
    }

    #[test]
    fn a_file_has_its_word_over_the_web_managers_settings() {
        let below = (ManagedKind::Settings, "settings", "drain_s = 7\n[limits]\ncontacts = 9\n");
        let settings = loaded("drain_s = 8\n", &[below]).unwrap().settings;
        assert_eq!((settings.drain.as_secs(), settings.limits.contacts), (8, 9));
    }

    #[test]
    fn languages_are_tags_each_once() {
        let told = errors(loaded("[[unit]]\nname = \"x\"\nlanguages = [\"de\", \"german language\", \"de\"]\n", &[]));
        assert_eq!(
            told,
            ["`unit.languages`: `german language` is no language", "`unit.languages`: `de` is there twice"]
        );
        let unit = loaded("[[unit]]\nname = \"x\"\nlanguages = [\"de\", \"en-US\"]\n", &[]).unwrap().units.remove(0);
        assert_eq!(unit.languages, ["de", "en-US"]);
    }

    #[test]
    fn two_engines_share_no_token_not_even_a_former_one() {
        let engine = |id: &str, key: &str, hash: &str, unit: &str| {
            let other = "f".repeat(63) + &id.len().to_string();
            let own = if key == "token_sha256" { String::new() } else { format!("token_sha256 = \"{other}\"\n") };
            format!("[[engine]]\nid = \"{id}\"\n{own}{key} = \"{}\"\nunits = [\"{unit}\"]\n", hash.repeat(64))
        };
        let units = "[[unit]]\nname = \"a\"\n[[unit]]\nname = \"b\"\n";
        let east = engine("east", "token_sha256", "1", "a");
        let good = units.to_owned() + &east + &engine("we", "former_token_sha256", "2", "b");
        assert_eq!(loaded(&good, &[]).unwrap().settings.engines.len(), 2);
        let same = units.to_owned() + &east + &engine("we", "former_token_sha256", "1", "b");
        assert_eq!(errors(loaded(&same, &[])), ["engine `east` has the same token"]);
    }
}
