//! `intents/N.json`: when an intent matches, what it wants to know and where it leads.

use std::collections::BTreeMap;

use super::{
    super::agent::{Intent, Language, OutputContext, Parameter},
    lenient::At,
    phrase, response,
};

/// What a priority of 0, or none, means.
const NORMAL_PRIORITY: i64 = 500_000;
/// Dialogflow's own, for an output context without one.
const LIFESPAN: i64 = 5;

/// `language`: the agent's; phrases that stand in the intent's own file, as old exports have them, are in it.
pub(super) fn read(at: &At<'_>, stem: &str, language: &str) -> Intent {
    if !at.is_object() {
        return Intent { name: stem.to_owned(), ..Intent::default() };
    }
    unsupported(at);
    let response = at.get("responses");
    let response = response.items().next();
    if at.get("responses").items().count() > 1 {
        at.get("responses").warning("only the first one is used");
    }
    let mut intent = Intent {
        id: at.get("id").text(),
        name: Some(at.get("name").text()).filter(|it| !it.is_empty()).unwrap_or_else(|| stem.to_owned()),
        is_fallback: at.any_of(&["fallbackIntent", "isFallback"]).flag(),
        priority: priority(&at.get("priority")),
        input_contexts: at.get("contexts").items().filter_map(|it| context_name(&it)).collect(),
        events: at.get("events").items().filter_map(|it| event(&it)).collect(),
        parent_id: text_unless_empty(&at.get("parentId")),
        root_parent_id: text_unless_empty(&at.get("rootParentId")),
        webhook_used: at.get("webhookUsed").flag(),
        webhook_for_slot_filling: at.get("webhookForSlotFilling").flag(),
        ml_disabled: !at.get("auto").is_null() && !at.get("auto").flag(),
        end_interaction: at.get("endInteraction").flag(),
        live_agent_handoff: at.get("liveAgentHandoff").flag(),
        ..Intent::default()
    };
    if let Some(response) = response.filter(At::is_object) {
        intent.reset_contexts = response.get("resetContexts").flag();
        intent.output_contexts = response.get("affectedContexts").items().filter_map(|it| output(&it)).collect();
        intent.action = response.get("action").text().trim().to_owned();
        intent.parameters = response.get("parameters").items().filter_map(|it| parameter(&it)).collect();
        intent.messages = response::messages(&response);
    }
    let inline = phrase::inline(at, &intent.parameters);
    if !inline.is_empty() {
        intent.phrases.insert(language.to_owned(), inline);
    }
    intent
}

fn unsupported(at: &At<'_>) {
    for key in ["condition", "conditionalResponses", "conditionalFollowupEvents"] {
        if !at.get(key).is_empty() {
            at.get(key).warning("conditions are not supported: the intent behaves as if there were none");
        }
    }
}

fn priority(at: &At<'_>) -> i64 {
    at.integer().filter(|it| *it != 0).unwrap_or(NORMAL_PRIORITY)
}

fn text_unless_empty(at: &At<'_>) -> Option<String> {
    Some(at.text()).filter(|it| !it.is_empty())
}

/// Contexts are written by their name, sometimes by their full path, and compared without case.
fn context_name(at: &At<'_>) -> Option<String> {
    let text = at.text();
    let name = text.rsplit('/').next().unwrap_or_default().trim().to_lowercase();
    if name.is_empty() && !at.is_null() {
        at.warning("a context has a name: it is left out");
    }
    Some(name).filter(|it| !it.is_empty())
}

fn event(at: &At<'_>) -> Option<String> {
    let name = if at.value().is_object() { at.get("name").text() } else { at.text() };
    Some(name.trim().to_lowercase()).filter(|it| !it.is_empty())
}

fn output(at: &At<'_>) -> Option<OutputContext> {
    if !at.is_object() {
        return None;
    }
    if !at.get("parameters").is_empty() {
        at.get("parameters").warning("parameters of an output context are those of the intent; these are ignored");
    }
    let lifespan = at.any_of(&["lifespan", "lifespanCount"]).integer().unwrap_or(LIFESPAN);
    let lifespan = i32::try_from(lifespan.clamp(0, 1_000)).unwrap_or_default();
    Some(OutputContext { name: context_name(&at.get("name"))?, lifespan })
}

fn parameter(at: &At<'_>) -> Option<Parameter> {
    if !at.is_object() {
        return None;
    }
    let name = at.get("name").text().trim().to_owned();
    if name.is_empty() {
        at.error("a parameter must have a name: it is left out");
        return None;
    }
    for key in ["noMatchPromptMessages", "noInputPromptMessages", "outputDialogContexts"] {
        if !at.get(key).is_empty() {
            at.get(key).warning("is not supported: it is ignored");
        }
    }
    let entity = at.get("dataType").text();
    Some(Parameter {
        id: at.get("id").text(),
        value: text_unless_empty(&at.get("value")).unwrap_or_else(|| format!("${name}")),
        entity: entity.trim().trim_start_matches('@').to_owned(),
        default: Some(at.get("defaultValue")).filter(|it| !it.is_empty()).map(|it| it.value().clone()),
        required: at.get("required").flag(),
        is_list: at.get("isList").flag(),
        prompts: prompts(at),
        name,
    })
}

fn prompts(at: &At<'_>) -> BTreeMap<Language, Vec<String>> {
    let mut prompts: BTreeMap<Language, Vec<String>> = BTreeMap::new();
    for prompt in at.get("prompts").items() {
        if !prompt.is_object() {
            continue;
        }
        let text = prompt.get("value").text();
        if !text.trim().is_empty() {
            prompts.entry(prompt.get("lang").text().to_lowercase()).or_default().push(text);
        }
    }
    if prompts.is_empty() {
        for message in at.get("promptMessages").items() {
            if message.is_object() && response::is_default_platform(&message) {
                let texts = message.get("speech").texts();
                prompts.entry(message.get("lang").text().to_lowercase()).or_default().extend(texts);
            }
        }
        prompts.retain(|_, texts| !texts.is_empty());
    }
    prompts
}
