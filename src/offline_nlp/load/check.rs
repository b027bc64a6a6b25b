//! What no file shows by itself: names that lead nowhere, and what the export wants and cannot have.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{
        agent::{Agent, Intent},
        lexicon,
    },
    Report,
};

/// `intents` and `entities`: in which file each of them stands, by name.
pub(super) fn run(
    agent: &Agent,
    intents: &BTreeMap<String, String>,
    entities: &BTreeMap<String, String>,
    report: &Report,
) {
    let file = |files: &BTreeMap<String, String>, name: &str| files.get(name).cloned().unwrap_or_default();
    let ids: BTreeSet<&str> = agent.intents.iter().map(|it| it.id.as_str()).collect();
    for intent in &agent.intents {
        let file = file(intents, &intent.name);
        for entity in named_by(intent).into_iter().filter(|it| !is_known(agent, it)) {
            let message = if entity.starts_with("sys.") {
                format!("@{entity} is not supported: it behaves as @sys.any")
            } else {
                format!("there is no entity @{entity}: it behaves as @sys.any")
            };
            report.warning(&file, message);
        }
        for parent in [&intent.parent_id, &intent.root_parent_id].into_iter().flatten() {
            if !ids.contains(parent.as_str()) {
                report.warning(&file, format!("its parent {parent} is not among the intents"));
            }
        }
        if (intent.webhook_used || intent.webhook_for_slot_filling) && agent.webhook.is_none() {
            report.warning(
                &file,
                "asks the webhook, but the agent has none that is switched on: its own messages are said",
            );
        }
        languages(agent, &file, "phrases", intent.phrases.keys(), report);
    }
    for entity in &agent.entities {
        let file = file(entities, &entity.name);
        languages(agent, &file, "entries", entity.entries.keys(), report);
        if entity.entries.values().all(Vec::is_empty) {
            report.warning(&file, "has no entries: nothing is ever found for it");
        }
    }
}

fn named_by(intent: &Intent) -> BTreeSet<&str> {
    let in_phrases = intent.phrases.values().flatten().flat_map(|it| &it.parts).filter_map(|it| it.entity.as_deref());
    let in_parameters = intent.parameters.iter().map(|it| it.entity.as_str());
    in_phrases.chain(in_parameters).filter(|it| !it.is_empty()).collect()
}

fn is_known(agent: &Agent, entity: &str) -> bool {
    lexicon::is_known(entity) || agent.entities.iter().any(|it| it.name == entity)
}

fn languages<'a>(agent: &Agent, file: &str, what: &str, languages: impl Iterator<Item = &'a String>, report: &Report) {
    for language in languages.filter(|it| !agent.languages.contains(it)) {
        report.warning(file, format!("has {what} in {language}, which is not among the languages of agent.json"));
    }
}
