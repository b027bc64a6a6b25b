//! An agent's intents by Google's own client: what `usher lint` compares a profile with (B3).

use std::time::Duration;

use google_cloud_dialogflow_v2::model::{self, intent::message::Message as Body};
use tokio::time::timeout;

use super::{DialogflowV2, convert, place, rest, session, way};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{
        intents::{Intent, Intents, Message, MessageKind, Parameter},
        message::FailureKind,
        said::{Said, said},
    },
    gateway::ports::AskError,
    nlp::{BuildError, Deps},
};

/// An agent holds 2,000 intents at most; whatever serves more, in whatever pages, is none.
const MAX_INTENTS: usize = 10_000;
const MAX_PAGES: usize = 1_000;
/// A page with all its phrases takes longer than an answer.
const PAGE_WITHIN: Duration = Duration::from_secs(30);

pub(in crate::nlp) async fn read(engine: &EngineSettings, profile: &Profile, deps: &Deps) -> Result<Intents, AskError> {
    let config = &DialogflowV2::of(&engine.values, profile);
    let unbuilt = |error: BuildError| AskError::new(FailureKind::Invalid, Said::foreign(error.to_string()));
    let way = way(profile, config, deps).map_err(unbuilt)?;
    let place = place(profile, config, &way.endpoint);
    let http = way.http(deps).map_err(unbuilt)?;
    let within = config.deadline.max(PAGE_WITHIN);
    let late = || match way.tokens.as_ref().and_then(|it| it.fault()) {
        Some(fault) => place.no_token(fault),
        None => place.late(within),
    };
    timeout(within, http.ready(&place)).await.unwrap_or_else(|_| Err(late()))?;
    let parent = session::parent(config);
    let languages = timeout(within, rest::agent(parent.clone(), http.clone(), &place)).await;
    // To list intents takes fewer rights than to read the agent.
    let languages = languages.unwrap_or_else(|_| Err(late())).map_or_else(
        |_unreadable| Vec::new(),
        |it| std::iter::once(it.default_language_code).chain(it.supported_language_codes).collect(),
    );
    let draft = config.environment.as_deref().is_none_or(|it| it == "draft");
    let agent = match &config.environment {
        Some(environment) if !draft => format!("{parent}/agent/environments/{environment}"),
        Some(_) | None => format!("{parent}/agent"),
    };
    let language = profile.rules.language.clone();
    let mut list = Vec::new();
    let mut token = String::new();
    for _ in 0..MAX_PAGES {
        let page = rest::intents((agent.clone(), language.clone(), token), http.clone(), &place);
        let page = timeout(within, page).await.unwrap_or_else(|_| Err(late()))?;
        list.extend(page.intents.into_iter().map(intent));
        token = page.next_page_token;
        if token.is_empty() {
            let phrases_known = draft;
            return Ok(Intents { language, languages, phrases_known, list, limits: convert::LIMITS });
        }
        if list.len() > MAX_INTENTS {
            break;
        }
    }
    Err(AskError::new(FailureKind::Malformed, said!("{}: the list of intents has no end", way.endpoint)))
}

fn intent(from: model::Intent) -> Intent {
    let webhook = from.webhook_state.value().is_none_or(|it| it != 0);
    let name = if from.display_name.is_empty() { last(&from.name) } else { from.display_name };
    Intent {
        name,
        action: from.action,
        parameters: from.parameters.into_iter().map(parameter).collect(),
        events: from.events,
        input_contexts: from.input_context_names.iter().map(|it| last(it)).collect(),
        output_contexts: from
            .output_contexts
            .iter()
            .filter(|it| it.lifespan_count > 0)
            .map(|it| last(&it.name))
            .collect(),
        phrases: from.training_phrases.len(),
        is_fallback: from.is_fallback,
        switched_off: from.priority < 0,
        webhook,
        ends: from.end_interaction,
        hands_over: from.live_agent_handoff,
        messages: from.messages.into_iter().map(message).collect(),
    }
}

fn parameter(from: model::intent::Parameter) -> Parameter {
    let constant = !from.value.is_empty() && !from.value.contains(['$', '#']);
    Parameter {
        name: from.display_name,
        entity: from.entity_type_display_name.trim_start_matches('@').to_owned(),
        required: from.mandatory,
        is_list: from.is_list,
        preset: constant || !from.default_value.is_empty(),
    }
}

fn message(from: model::intent::Message) -> Message {
    let platform = match from.platform.value() {
        Some(0) => None,
        Some(_) | None => Some(from.platform.name().unwrap_or("another channel").to_owned()),
    };
    let longest = |texts: &[&str]| texts.iter().map(|it| it.len()).max().unwrap_or_default();
    let (kind, bytes, items) = match from.message {
        Some(Body::Text(it)) => (MessageKind::Said, it.text.iter().map(String::len).max().unwrap_or_default(), 0),
        Some(Body::QuickReplies(it)) => (MessageKind::Said, it.title.len(), it.quick_replies.len()),
        Some(Body::Card(it)) => (MessageKind::Said, longest(&[&it.title, &it.subtitle]), it.buttons.len()),
        Some(Body::Image(it)) => (MessageKind::Said, longest(&[&it.image_uri, &it.accessibility_text]), 0),
        Some(Body::Payload(it)) => (MessageKind::Payload, serde_json::Value::Object(*it).to_string().len(), 0),
        Some(_) | None => (MessageKind::Said, 0, 0),
    };
    Message { platform, kind, bytes, items }
}

fn last(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}
