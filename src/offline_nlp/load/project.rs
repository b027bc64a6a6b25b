//! `agent.json`: languages, time zone, threshold, webhook.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::{
    super::agent::{Agent, EntityType, Intent, Language, Webhook},
    lenient::At,
};

/// What Dialogflow takes where the file says nothing.
const MIN_CONFIDENCE: f32 = 0.3;
const LANGUAGE: &str = "en";
const TIME_ZONE: &str = "UTC";

/// An agent without its intents and entities.
#[derive(Debug)]
pub(super) struct Project(Agent);

impl Project {
    pub(super) fn language(&self) -> &str {
        &self.0.default_language
    }

    pub(super) fn with(self, intents: Vec<Intent>, entities: Vec<EntityType>) -> Agent {
        Agent { intents, entities, ..self.0 }
    }
}

pub(super) fn read(at: &At<'_>) -> Project {
    let name = Some(at.any_of(&["displayName", "name"]).text()).filter(|it| !it.is_empty());
    let languages = languages(at);
    Project(Agent {
        name: name.unwrap_or_else(|| "agent".to_owned()),
        default_language: languages.first().cloned().unwrap_or_default(),
        languages,
        time_zone: time_zone(&at.get("defaultTimezone")),
        min_confidence: min_confidence(&at.get("mlMinConfidence")),
        webhook: webhook(&at.get("webhook")),
        intents: Vec::new(),
        entities: Vec::new(),
    })
}

fn languages(at: &At<'_>) -> Vec<Language> {
    let language = at.any_of(&["language", "defaultLanguageCode"]);
    let mut languages = vec![language.text().trim().to_lowercase()];
    if language.is_empty() {
        language.warning(format!("is missing: {LANGUAGE} is taken"));
        languages = vec![LANGUAGE.to_owned()];
    }
    for other in at.any_of(&["supportedLanguages", "supportedLanguageCodes"]).texts() {
        let other = other.trim().to_lowercase();
        if !languages.contains(&other) {
            languages.push(other);
        }
    }
    languages
}

fn time_zone(at: &At<'_>) -> String {
    let name = at.text();
    if at.is_empty() {
        return TIME_ZONE.to_owned();
    }
    if TimeZone::get(&name).is_err() {
        at.error(format!("{name} is not a time zone of the IANA database: {TIME_ZONE} is taken"));
        return TIME_ZONE.to_owned();
    }
    name
}

fn min_confidence(at: &At<'_>) -> f32 {
    let Some(given) = at.number() else { return MIN_CONFIDENCE };
    #[expect(clippy::cast_possible_truncation, reason = "a share of one needs no more")]
    let taken = given.clamp(0.0, 1.0) as f32;
    if (f64::from(taken) - given).abs() > 0.001 {
        at.warning(format!("{given} is not between 0 and 1: {taken} is taken"));
    }
    taken
}

fn webhook(at: &At<'_>) -> Option<Webhook> {
    if at.is_null() || !at.is_object() || !at.get("available").flag() {
        return None;
    }
    if at.get("cloudFunctionsEnabled").flag() {
        at.get("cloudFunctionsEnabled").warning("functions of the export are not run; only the URL is asked");
    }
    let url = at.get("url").text().trim().to_owned();
    let is_http = url.parse::<http::Uri>().is_ok_and(|it| {
        it.host().is_some() && it.scheme_str().is_some_and(|it| it.eq_ignore_ascii_case("https") || it == "http")
    });
    if !is_http {
        at.get("url").error("must be an http or https URL: the webhook is left out");
        return None;
    }
    let (username, password) = (at.get("username").text(), at.get("password").text());
    Some(Webhook { url, username, password, headers: headers(&at.get("headers")) })
}

/// Their values may be secrets, and so never stand in a remark.
fn headers(at: &At<'_>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    if at.is_null() || !at.is_object() {
        return headers;
    }
    for name in at.value().as_object().into_iter().flat_map(|it| it.keys()) {
        let (value, trimmed) = (at.get(name), name.trim());
        if trimmed.is_empty() {
            // The console writes an empty row when there is none.
            continue;
        }
        let text = value.text();
        if trimmed.parse::<http::HeaderName>().is_err() || text.parse::<http::HeaderValue>().is_err() {
            value.error("cannot be sent as a header: it is left out");
            continue;
        }
        headers.insert(trimmed.to_owned(), text);
    }
    headers
}
