//! The agent's intents by the API, read only: what its export says, in the service's own shape.

use tonic::Status;

use super::{
    convert::message_to_wire,
    names::AgentName,
    service::{Service, page},
};
use crate::{
    offline_nlp::agent::{Agent, Intent, Language, Parameter, Phrase, localized},
    wire::dialogflow_v2::{
        self as wire, Context, GetIntentRequest, IntentView, ListIntentsRequest, ListIntentsResponse,
        intent::{
            FollowupIntentInfo, Parameter as WireParameter, TrainingPhrase, WebhookState,
            training_phrase::{Part, Type},
        },
    },
};

impl Service {
    pub(super) fn intents(&self, request: &ListIntentsRequest) -> Result<ListIntentsResponse, Status> {
        let name = AgentName::parse(&request.parent)?;
        let agent = self.engine.agent();
        let with_phrases = name.is_draft && is_full(request.intent_view);
        let told = Told::new(agent, &name.path, &request.language_code, with_phrases);
        // The page first: an agent may have thousands of phrases.
        let all: Vec<&Intent> = agent.intents.iter().collect();
        let (some, next_page_token) = page(all, request.page_size, &request.page_token)?;
        Ok(ListIntentsResponse { intents: some.into_iter().map(|it| told.intent(it)).collect(), next_page_token })
    }

    pub(super) fn intent(&self, request: &GetIntentRequest) -> Result<wire::Intent, Status> {
        let (name, id) = AgentName::of_intent(&request.name)?;
        let agent = self.engine.agent();
        let intent = agent.intents.iter().find(|it| it.id == id);
        let intent = intent.ok_or_else(|| Status::not_found(format!("the agent has no intent of the id {id:?}")))?;
        Ok(Told::new(agent, &name.path, &request.language_code, is_full(request.intent_view)).intent(intent))
    }
}

fn is_full(view: i32) -> bool {
    view == i32::from(IntentView::Full)
}

/// How intents are told: under which names, in which language.
struct Told<'a> {
    agent: &'a Agent,
    path: &'a str,
    language: Language,
    with_phrases: bool,
}

impl<'a> Told<'a> {
    fn new(agent: &'a Agent, path: &'a str, language: &str, with_phrases: bool) -> Self {
        let language = language.trim();
        let language = if language.is_empty() { agent.default_language.clone() } else { language.to_lowercase() };
        Self { agent, path, language, with_phrases }
    }

    fn intent(&self, intent: &Intent) -> wire::Intent {
        let webhook = match (intent.webhook_used, intent.webhook_for_slot_filling) {
            (_, true) => WebhookState::EnabledForSlotFilling,
            (true, false) => WebhookState::Enabled,
            (false, false) => WebhookState::Unspecified,
        };
        let followups = self.agent.intents.iter().filter(|it| it.parent_id.as_deref() == Some(&intent.id));
        let phrases = localized(&intent.phrases, &self.language).filter(|_| self.with_phrases);
        let messages = localized(&intent.messages, &self.language).or_else(|| intent.messages.get(""));
        wire::Intent {
            name: self.name(&intent.id),
            display_name: intent.name.clone(),
            priority: i32::try_from(intent.priority).unwrap_or(i32::MAX),
            is_fallback: intent.is_fallback,
            webhook_state: webhook.into(),
            input_context_names: intent.input_contexts.iter().map(|it| self.context(it)).collect(),
            events: intent.events.clone(),
            training_phrases: phrases.into_iter().flatten().map(phrase).collect(),
            action: intent.action.clone(),
            output_contexts: intent
                .output_contexts
                .iter()
                .map(|it| Context { name: self.context(&it.name), lifespan_count: it.lifespan, parameters: None })
                .collect(),
            reset_contexts: intent.reset_contexts,
            parameters: intent.parameters.iter().map(|it| self.parameter(it)).collect(),
            messages: messages.into_iter().flatten().cloned().map(message_to_wire).collect(),
            root_followup_intent_name: self.name_of(intent.root_parent_id.as_deref()),
            parent_followup_intent_name: self.name_of(intent.parent_id.as_deref()),
            followup_intent_info: followups
                .map(|it| FollowupIntentInfo {
                    followup_intent_name: self.name(&it.id),
                    parent_followup_intent_name: self.name(&intent.id),
                })
                .collect(),
            ml_disabled: intent.ml_disabled,
            live_agent_handoff: intent.live_agent_handoff,
            end_interaction: intent.end_interaction,
        }
    }

    fn parameter(&self, parameter: &Parameter) -> WireParameter {
        let default = parameter.default.as_ref();
        let prompts = localized(&parameter.prompts, &self.language).or_else(|| parameter.prompts.get(""));
        WireParameter {
            name: parameter.id.clone(),
            display_name: parameter.name.clone(),
            value: parameter.value.clone(),
            default_value: default
                .map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned))
                .unwrap_or_default(),
            entity_type_display_name: of_entity(&parameter.entity),
            mandatory: parameter.required,
            prompts: prompts.cloned().unwrap_or_default(),
            is_list: parameter.is_list,
        }
    }

    fn name(&self, id: &str) -> String {
        format!("{}/intents/{id}", self.path)
    }

    fn name_of(&self, id: Option<&str>) -> String {
        id.map(|it| self.name(it)).unwrap_or_default()
    }

    fn context(&self, name: &str) -> String {
        format!("{}/sessions/-/contexts/{name}", self.path)
    }
}

fn phrase(phrase: &Phrase) -> TrainingPhrase {
    let kind = if phrase.is_template { Type::Template } else { Type::Example };
    let parts = phrase.parts.iter().map(|it| Part {
        text: it.text.clone(),
        entity_type: it.entity.as_deref().map(of_entity).unwrap_or_default(),
        alias: it.alias.clone(),
        user_defined: it.entity.is_some(),
    });
    TrainingPhrase { name: String::new(), r#type: kind.into(), parts: parts.collect(), times_added_count: 0 }
}

/// `@sys.date`; nothing for nothing.
fn of_entity(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!("@{name}") }
}
