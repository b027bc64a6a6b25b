//! `entities/N.json` and its entries.

use super::{
    super::agent::{EntityType, Entry},
    lenient::At,
};

/// A compiled expression may take this much memory.
const MAX_EXPRESSION_BYTES: usize = 1 << 20;

/// `language`: the agent's; entries that stand in the entity's own file, as old exports have them, are in it.
pub(super) fn read(at: &At<'_>, stem: &str, language: &str) -> EntityType {
    if !at.is_object() {
        return EntityType { name: stem.to_owned(), ..EntityType::default() };
    }
    let name = at.get("name").text().trim().trim_start_matches('@').to_owned();
    let mut entity = EntityType {
        id: at.get("id").text(),
        name: if name.is_empty() { stem.to_owned() } else { name },
        is_enum: at.get("isEnum").flag(),
        is_regexp: at.get("isRegexp").flag(),
        automated_expansion: at.get("automatedExpansion").flag(),
        fuzzy: at.get("allowFuzzyExtraction").flag(),
        ..EntityType::default()
    };
    let inline = entries(&at.get("entries"), entity.is_regexp);
    if !inline.is_empty() {
        entity.entries.insert(language.to_owned(), inline);
    }
    entity
}

pub(super) fn entries(at: &At<'_>, is_regexp: bool) -> Vec<Entry> {
    at.items().filter_map(|it| entry(&it, is_regexp)).collect()
}

fn entry(at: &At<'_>, is_regexp: bool) -> Option<Entry> {
    if at.value().is_string() {
        let value = at.text();
        return (!value.trim().is_empty()).then(|| Entry { synonyms: vec![value.clone()], value });
    }
    if !at.is_object() {
        return None;
    }
    let value = at.get("value").text();
    let mut synonyms = at.get("synonyms").texts();
    if synonyms.is_empty() {
        if value.trim().is_empty() {
            at.warning("is an empty entry: it is left out");
            return None;
        }
        // Nothing else could ever be found for it.
        synonyms.push(value.clone());
    }
    if is_regexp {
        synonyms.retain(|it| is_expression(it, at));
        if synonyms.is_empty() {
            return None;
        }
    }
    Some(Entry { value, synonyms })
}

fn is_expression(text: &str, at: &At<'_>) -> bool {
    let built = regex::RegexBuilder::new(text).size_limit(MAX_EXPRESSION_BYTES).build();
    if let Err(error) = &built {
        let last = error.to_string().lines().last().unwrap_or_default().trim().to_owned();
        at.error(format!("{text} is no expression that can be used ({last}): it is left out"));
    }
    built.is_ok()
}
