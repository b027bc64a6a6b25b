//! `intents/N_usersays_LANGUAGE.json`: training phrases, in parts; templates are taken apart.

use std::collections::BTreeSet;

use super::{
    super::agent::{Parameter, Part, Phrase},
    lenient::At,
};

/// Dialogflow's own limit is 768 bytes for a phrase.
const MAX_BYTES: usize = 8_192;

pub(super) fn read_all(at: &At<'_>, aliases: &BTreeSet<String>) -> Vec<Phrase> {
    at.items().filter_map(|it| read(&it, aliases)).collect()
}

/// The phrases and templates of an old export.
pub(super) fn inline(intent: &At<'_>, parameters: &[Parameter]) -> Vec<Phrase> {
    let aliases = parameters.iter().map(|it| it.name.clone()).collect();
    let mut phrases = read_all(&intent.get("userSays"), &aliases);
    if phrases.is_empty() {
        let templates = intent.get("templates");
        phrases.extend(templates.items().filter_map(|it| taken_apart(&it.text())));
    }
    phrases
}

fn read(at: &At<'_>, aliases: &BTreeSet<String>) -> Option<Phrase> {
    if !at.is_object() {
        return None;
    }
    let mut parts = Vec::new();
    for part in at.get("data").items() {
        if !part.is_object() {
            continue;
        }
        let text = part.get("text").text();
        let (entity, alias) = annotation(&part, aliases);
        if !text.is_empty() {
            parts.push(Part { text, entity, alias });
        }
    }
    let phrase = Phrase { parts, is_template: at.get("isTemplate").flag() };
    let text = phrase.text();
    if text.trim().is_empty() {
        at.warning("is an empty phrase: it is left out");
        return None;
    }
    if text.len() > MAX_BYTES {
        at.error(format!("is longer than {MAX_BYTES} bytes: it is left out"));
        return None;
    }
    if phrase.is_template && phrase.parts.iter().all(|it| it.entity.is_none()) {
        return taken_apart(&text);
    }
    Some(phrase)
}

/// What a part stands for. Most of what Dialogflow marks by itself is `@sys.ignore`: plain text.
fn annotation(part: &At<'_>, aliases: &BTreeSet<String>) -> (Option<String>, String) {
    let meta = part.get("meta");
    let entity = meta.text().trim().to_owned();
    if entity.is_empty() || entity == "@sys.ignore" {
        return (None, String::new());
    }
    let Some(entity) = entity.strip_prefix('@').filter(|it| !it.is_empty()) else {
        meta.error(format!("{entity} is no entity (they begin with @): the part is plain text"));
        return (None, String::new());
    };
    let alias = part.get("alias").text();
    if !alias.is_empty() && !aliases.contains(&alias) {
        part.get("alias").warning(format!("the intent has no parameter {alias}: the value is not kept"));
    }
    (Some(entity.to_owned()), alias)
}

/// `call me @sys.date:when` in its parts.
pub(super) fn taken_apart(text: &str) -> Option<Phrase> {
    if text.trim().is_empty() || text.len() > MAX_BYTES {
        return None;
    }
    let mut parts = Vec::new();
    let mut plain = String::new();
    for word in text.split_inclusive(char::is_whitespace) {
        let body = word.trim_end();
        let is_entity = |it: &str| it.starts_with(|it: char| it.is_alphabetic() || it == '_');
        let (before, rest) = body.split_once('@').unwrap_or((body, ""));
        if !is_entity(rest) || before.ends_with(char::is_alphanumeric) {
            plain.push_str(word);
            continue;
        }
        let is_name = |it: char| it.is_alphanumeric() || matches!(it, '.' | '-' | '_' | ':');
        let marked = rest.find(|it| !is_name(it)).and_then(|it| rest.split_at_checked(it)).map_or(rest, |it| it.0);
        let marked = marked.trim_end_matches(['.', ':', '-']);
        let (entity, alias) = marked.split_once(':').unwrap_or((marked, ""));
        plain.push_str(before);
        if !plain.is_empty() {
            parts.push(Part { text: std::mem::take(&mut plain), entity: None, alias: String::new() });
        }
        parts.push(Part { text: format!("@{marked}"), entity: Some(entity.to_owned()), alias: alias.to_owned() });
        plain.push_str(rest.strip_prefix(marked).unwrap_or_default());
        plain.push_str(word.strip_prefix(body).unwrap_or_default());
    }
    if !plain.is_empty() {
        parts.push(Part { text: plain, entity: None, alias: String::new() });
    }
    Some(Phrase { parts, is_template: true })
}
