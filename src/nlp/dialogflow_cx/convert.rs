//! A question of ours as Dialogflow CX's request, and its response as an answer.
//!
//! CX knows no action: how a flow asks for one is a convention of ours (`docs/engines/dialogflow-cx.md`). In order of
//! precedence: a custom payload with `action`, a live agent hand-off whose metadata has one, the session parameter
//! `usher_action`, a telephony transfer.

mod messages;
mod rich;

use serde_json::Value;
use tonic::Code;

use crate::{
    core::message::{Answer, Input, Parameters},
    gateway::ports::AskError,
    nlp::google::{
        Asked, Query,
        content::{MAX_NAME_BYTES, clipped, failure_text, json, last_segment},
        errors::Place,
    },
    nlp::seed,
    wire::{
        dialogflow_cx::{
            DetectIntentRequest, DetectIntentResponse, DtmfInput, EventInput, Match, QueryInput, QueryParameters,
            QueryResult, TextInput, r#match::MatchType, query_input,
        },
        structs,
    },
};

use messages::{Messages, Wanted};

/// The event by which clicks and forms reach the agent.
const STRUCTURED_EVENT: &str = "structured";
/// The session parameter with what the contact centre knows of the contact. Every question says it anew: a session that has
/// begun again at Google knows it, too.
const CONTACT: &str = "usher";
/// The session parameter by which a flow asks for an action. Every question takes it out first: what an answer holds is new.
const ACTION: &str = "usher_action";

/// What every request of a profile carries.
#[derive(Clone, Debug)]
pub(super) struct Extras {
    pub(super) time_zone: String,
    pub(super) sentiment: bool,
    /// Empty: response messages of no channel.
    pub(super) channel: String,
}

impl Extras {
    pub(super) fn request(
        &self,
        session: String,
        query: Query,
        place: &Place,
    ) -> Result<DetectIntentRequest, AskError> {
        let Query { input, language, mut payload, seed } = query;
        // An event carries no parameters of its own here: they go into the session, as Google's own clients do it.
        let (input, mut parameters) = match input {
            Input::Text(text) => (query_input::Input::Text(TextInput { text }), Parameters::new()),
            Input::Dtmf(digits) => (query_input::Input::Dtmf(dtmf(digits)), Parameters::new()),
            Input::Event { name, parameters } => (query_input::Input::Event(EventInput { event: name }), parameters),
            Input::Structured(parameters) => {
                (query_input::Input::Event(EventInput { event: STRUCTURED_EVENT.to_owned() }), parameters)
            }
            Input::Redacted => return Err(place.redacted()),
        };
        if let Some(seed) = seed {
            seed::add(Some(&seed), &mut payload);
            // What other engines have gathered; what comes with the event is newer.
            if !seed.returns {
                parameters = seed.slots.into_iter().chain(parameters).collect();
            }
        }
        let known = if payload.is_empty() { Value::Null } else { Value::Object(payload.clone()) };
        parameters.insert(CONTACT.to_owned(), known);
        parameters.insert(ACTION.to_owned(), Value::Null);
        let query_params = QueryParameters {
            time_zone: self.time_zone.clone(),
            payload: Some(payload).filter(|it| !it.is_empty()).map(|it| structs::from_json(&it)),
            parameters: Some(structs::from_json(&parameters)),
            analyze_query_text_sentiment: self.sentiment,
            channel: self.channel.clone(),
            ..QueryParameters::default()
        };
        Ok(DetectIntentRequest {
            session,
            query_params: Some(query_params),
            query_input: Some(QueryInput { input: Some(input), language_code: language }),
        })
    }

    pub(super) fn answer(
        &self,
        response: DetectIntentResponse,
        asked: Asked,
        place: &Place,
    ) -> Result<Answer, AskError> {
        let DetectIntentResponse { response_id, query_result } = response;
        let mut result = query_result.unwrap_or_default();
        let webhooks = std::mem::take(&mut result.webhook_statuses);
        let failed_webhook = webhooks.into_iter().find(|it| it.code != 0);

        let mut answer = self.read(result, &response_id, asked);
        let nothing = answer.replies.is_empty() && answer.action.is_empty();
        let nothing = nothing && !answer.end_interaction && !answer.live_agent_handoff;
        if nothing {
            if let Some(status) = &failed_webhook {
                return Err(place.webhook(Code::from(status.code)));
            }
            if !answer.not_understood {
                return Err(place.empty());
            }
        }
        answer.webhook_failure = failed_webhook.map(|it| failure_text(it.code, &it.message));
        Ok(answer)
    }

    fn read(&self, result: QueryResult, response_id: &str, asked: Asked) -> Answer {
        let Messages { replies, wanted, handoff, transfer, ends } =
            messages::read(result.response_messages, &self.channel, response_id, asked.media);
        let mut session = result.parameters.and_then(json).unwrap_or_default();
        session.remove(CONTACT);
        let said = session.remove(ACTION);
        let said = said.as_ref().and_then(Value::as_str).filter(|it| !it.trim().is_empty());
        let said = said.map(|it| Wanted { action: clipped(it.to_owned(), MAX_NAME_BYTES), parameters: None });

        let live_agent_handoff = handoff.is_some();
        let (wanted_by_handoff, metadata) = handoff.map(messages::Handoff::taken_apart).unwrap_or_default();
        let wanted = wanted.or(wanted_by_handoff).or(said).or(transfer);
        let (action, parameters) = match wanted {
            Some(Wanted { action, parameters }) => (action, parameters.unwrap_or(session)),
            // What the flow tells the person, and else all that it has gathered.
            None if !metadata.is_empty() => (String::new(), metadata),
            None => (String::new(), session),
        };
        let sentiment = result.sentiment_analysis_result.map(|it| it.score);
        let places = [result.current_flow.map(|it| it.display_name), result.current_page.map(|it| it.display_name)];
        let places = places.into_iter().flatten().filter(|it| !it.is_empty());
        let mut answer = Answer {
            replies,
            action,
            parameters,
            // A form that still asks has not come to the fulfilment that would ask for an action.
            parameters_complete: true,
            end_interaction: ends,
            live_agent_handoff,
            sentiment: sentiment.filter(|it| it.is_finite()).map(|it| it.clamp(-1.0, 1.0)),
            contexts: places.map(|it| clipped(it, MAX_NAME_BYTES)).collect(),
            ..Answer::default()
        };
        matched(&mut answer, result.r#match.unwrap_or_default(), asked);
        answer
    }
}

/// A hash at the end says that the digits are over.
fn dtmf(mut digits: String) -> DtmfInput {
    let is_finished = digits.len() > 1 && digits.ends_with('#');
    if is_finished {
        digits.pop();
    }
    DtmfInput { digits, finish_digit: if is_finished { "#".to_owned() } else { String::new() } }
}

fn matched(answer: &mut Answer, found: Match, asked: Asked) {
    let is_fallback = found.intent.as_ref().is_some_and(|it| it.is_fallback);
    answer.not_understood = match found.match_type() {
        // An event of ours that no handler takes is not the customer's doing.
        MatchType::NoMatch | MatchType::NoInput => asked.words,
        MatchType::Intent
        | MatchType::DirectIntent
        | MatchType::ParameterFilling
        | MatchType::Event
        | MatchType::KnowledgeConnector
        | MatchType::Playbook => is_fallback,
        // Also a kind that is newer than this program.
        MatchType::Unspecified => is_fallback,
    };
    if let Some(intent) = found.intent {
        let name = if intent.display_name.is_empty() { last_segment(intent.name) } else { intent.display_name };
        answer.intent = Some(clipped(name, MAX_NAME_BYTES)).filter(|it| !it.is_empty());
    }
    if answer.intent.is_some() {
        answer.confidence = Some(found.confidence).filter(|it| it.is_finite()).map(|it| it.clamp(0.0, 1.0));
    }
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;
