//! What the API does, whichever way a request came in.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tonic::Status;

use super::{
    convert::{self, Asked},
    names::{Collection, ItemName, SessionName, is_project},
    sessions::{Seat, Sessions},
    webhook::{Webhook, unreadable},
};
use crate::{
    clock::Clock,
    offline_nlp::session::{Context, Engine, Fulfilment, Next, Outcome, Turn},
    wire::{
        dialogflow_v2::{
            Agent, Context as WireContext, CreateContextRequest, CreateSessionEntityTypeRequest, DetectIntentRequest,
            DetectIntentResponse, ListContextsRequest, ListContextsResponse, ListSessionEntityTypesRequest,
            ListSessionEntityTypesResponse, OriginalDetectIntentRequest, SessionEntityType, Status as WireStatus,
            UpdateContextRequest, UpdateSessionEntityTypeRequest, WebhookRequest,
        },
        json::Json,
        structs,
    },
};

/// Events that webhooks may have answered in one another's place within one turn.
const MAX_EVENTS: usize = 5;
const PAGE: usize = 100;
const MAX_PAGE: usize = 1000;
const SUCCESS: &str = "Webhook execution successful";

#[derive(Debug)]
pub(super) struct Service {
    pub(super) engine: Engine,
    pub(super) sessions: Sessions,
    /// `Err`: the agent has one that cannot be called, and why.
    pub(super) webhook: Option<Result<Webhook, String>>,
    pub(super) json: Json,
    /// The same for CX.
    pub(super) cx_json: Json,
    pub(super) clock: Clock,
}

/// How a turn's webhook calls went.
#[derive(Debug, Default)]
pub(super) struct Called {
    pub(super) status: Option<WireStatus>,
    took: Duration,
}

impl Service {
    pub(super) async fn detect_intent(&self, request: DetectIntentRequest) -> Result<DetectIntentResponse, Status> {
        let name = SessionName::parse(&request.session)?;
        let agent = self.engine.agent();
        let asked = convert::asked(request.query_input, &request.input_audio, request.query_params, agent)?;
        let mut seat = self.enter(&name).await?;
        let response_id = response_id();
        let query = asked.query.clone();
        let turn = self.engine.begin(&mut seat.session, query, self.now());
        let (outcome, called) = self.fulfil(&mut seat, turn, &asked, &name, &response_id).await;
        seat.keep(self.now())?;
        let mut result = convert::result(outcome, &name, agent);
        if called.status.is_some() {
            let latency = Value::from(u64::try_from(called.took.as_millis()).unwrap_or(u64::MAX));
            result.diagnostic_info =
                Some(structs::from_json(&Map::from_iter([("webhook_latency_ms".to_owned(), latency)])));
        }
        Ok(DetectIntentResponse { response_id, query_result: Some(result), webhook_status: called.status })
    }

    /// Asks the webhook as often as the turn's intents want it.
    pub(super) async fn fulfil(
        &self,
        seat: &mut Seat,
        mut turn: Turn,
        asked: &Asked,
        name: &SessionName,
        response_id: &str,
    ) -> (Outcome, Called) {
        let mut called = Called::default();
        let mut query = asked.query.clone();
        for _ in 0..=MAX_EVENTS {
            if !turn.asks_webhook {
                return (turn.outcome, called);
            }
            let began = Clock::instant();
            let answer = self.ask_webhook(&turn, asked, name, response_id).await;
            called.took += began.elapsed();
            let answer = match answer {
                Ok(answer) => {
                    called.status = Some(WireStatus { code: 0, message: SUCCESS.to_owned() });
                    Some(answer)
                }
                Err(status) => {
                    tracing::info!(code = ?status.code(), "the agent's webhook failed");
                    called.status = Some(failed(&status));
                    None
                }
            };
            match self.engine.finish(&mut seat.session, turn, answer, &query, self.now()) {
                Next::Done(outcome) => return (outcome, called),
                Next::Event(event) => {
                    query = event;
                    turn = self.engine.begin(&mut seat.session, query.clone(), self.now());
                }
            }
        }
        let status = Status::failed_precondition(format!(
            "more than {MAX_EVENTS} webhooks in a row have answered with followupEventInput"
        ));
        called.status = Some(failed(&status));
        seat.session.contexts.end_turn();
        (turn.outcome, called)
    }

    async fn ask_webhook(
        &self,
        turn: &Turn,
        asked: &Asked,
        name: &SessionName,
        response_id: &str,
    ) -> Result<Fulfilment, Status> {
        let webhook = match &self.webhook {
            Some(Ok(webhook)) => webhook,
            Some(Err(reason)) => return Err(Status::failed_precondition(reason.clone())),
            None => return Err(Status::failed_precondition("the agent has no webhook")),
        };
        let agent = self.engine.agent();
        let request = WebhookRequest {
            response_id: response_id.to_owned(),
            session: name.path.clone(),
            query_result: Some(convert::result(turn.outcome.clone(), name, agent)),
            original_detect_intent_request: Some(OriginalDetectIntentRequest {
                payload: Some(asked.payload.clone().unwrap_or_default()),
                ..OriginalDetectIntentRequest::default()
            }),
        };
        let answer = webhook.ask(&request, &asked.webhook_headers, &self.json).await?;
        convert::fulfilment(answer, name, agent).map_err(|status| unreadable(status.message()))
    }

    pub(super) fn agent(&self, parent: &str) -> Result<Agent, Status> {
        if !is_project(parent) {
            return Err(Status::invalid_argument("parent is not of the form projects/P[/locations/L]"));
        }
        let agent = self.engine.agent();
        let others = agent.languages.iter().filter(|it| **it != agent.default_language);
        Ok(Agent {
            parent: parent.to_owned(),
            display_name: agent.name.clone(),
            default_language_code: agent.default_language.clone(),
            supported_language_codes: others.cloned().collect(),
            time_zone: agent.time_zone.clone(),
            classification_threshold: agent.min_confidence,
        })
    }

    pub(super) async fn contexts(&self, request: ListContextsRequest) -> Result<ListContextsResponse, Status> {
        let name = SessionName::parse(&request.parent)?;
        let seat = self.enter(&name).await?;
        let all: Vec<WireContext> =
            seat.session.contexts.iter().map(|it| convert::context_to_wire(it, &name)).collect();
        let (contexts, next_page_token) = page(all, request.page_size, &request.page_token)?;
        Ok(ListContextsResponse { contexts, next_page_token })
    }

    pub(super) async fn context(&self, name: &str) -> Result<WireContext, Status> {
        let name = ItemName::parse(name, Collection::Contexts)?;
        let seat = self.enter(&name.session).await?;
        let context = seat.session.contexts.find(&name.id).ok_or_else(|| nothing("context", &name.id))?;
        Ok(convert::context_to_wire(context, &name.session))
    }

    pub(super) async fn create_context(&self, request: CreateContextRequest) -> Result<WireContext, Status> {
        let parent = SessionName::parse(&request.parent)?;
        let (name, context) = convert::context(request.context.ok_or_else(|| lacking("context"))?)?;
        if name.key != parent.key {
            return Err(Status::invalid_argument("the context's name and parent are of different sessions"));
        }
        let mut seat = self.enter(&parent).await?;
        let (wire, now) = (convert::context_to_wire(&context, &parent), self.now());
        seat.session.contexts.replace(context, now);
        // Without a turn left it is gone.
        seat.session.contexts.end_turn();
        seat.keep(now)?;
        Ok(wire)
    }

    pub(super) async fn update_context(&self, request: UpdateContextRequest) -> Result<WireContext, Status> {
        let (name, new) = convert::context(request.context.ok_or_else(|| lacking("context"))?)?;
        let mut seat = self.enter(&name).await?;
        let old = seat.session.contexts.find(&new.name).cloned().ok_or_else(|| nothing("context", &new.name))?;
        let mask = Mask::new(request.update_mask, &["name", "lifespan_count", "parameters"])?;
        let context = Context {
            lifespan: if mask.has("lifespan_count") { new.lifespan } else { old.lifespan },
            parameters: if mask.has("parameters") { new.parameters } else { old.parameters },
            name: new.name,
        };
        let wire = convert::context_to_wire(&context, &name);
        let now = self.now();
        seat.session.contexts.replace(context, now);
        // Without a turn left it is gone.
        seat.session.contexts.end_turn();
        seat.keep(now)?;
        Ok(wire)
    }

    pub(super) async fn delete_context(&self, name: &str) -> Result<(), Status> {
        let name = ItemName::parse(name, Collection::Contexts)?;
        let mut seat = self.enter(&name.session).await?;
        if !seat.session.contexts.remove(&name.id) {
            return Err(nothing("context", &name.id));
        }
        seat.keep(self.now())?;
        Ok(())
    }

    pub(super) async fn delete_contexts(&self, parent: &str) -> Result<(), Status> {
        let name = SessionName::parse(parent)?;
        let mut seat = self.enter(&name).await?;
        seat.session.contexts.clear();
        seat.keep(self.now())?;
        Ok(())
    }

    pub(super) async fn entity_types(
        &self,
        request: ListSessionEntityTypesRequest,
    ) -> Result<ListSessionEntityTypesResponse, Status> {
        let name = SessionName::parse(&request.parent)?;
        let seat = self.enter(&name).await?;
        let all: Vec<SessionEntityType> =
            seat.session.entities().map(|it| convert::entity_to_wire(it, &name)).collect();
        let (session_entity_types, next_page_token) = page(all, request.page_size, &request.page_token)?;
        Ok(ListSessionEntityTypesResponse { session_entity_types, next_page_token })
    }

    pub(super) async fn entity_type(&self, name: &str) -> Result<SessionEntityType, Status> {
        let name = ItemName::parse(name, Collection::EntityTypes)?;
        let seat = self.enter(&name.session).await?;
        let found = seat.session.entities().find(|it| it.name == name.id);
        let found = found.ok_or_else(|| nothing("session entity type", &name.id))?;
        Ok(convert::entity_to_wire(found, &name.session))
    }

    pub(super) async fn create_entity_type(
        &self,
        request: CreateSessionEntityTypeRequest,
    ) -> Result<SessionEntityType, Status> {
        let parent = SessionName::parse(&request.parent)?;
        let given = request.session_entity_type.ok_or_else(|| lacking("session_entity_type"))?;
        let (name, entity) = convert::entity(given, self.engine.agent())?;
        if name.key != parent.key {
            return Err(Status::invalid_argument("the entity type's name and parent are of different sessions"));
        }
        let mut seat = self.enter(&parent).await?;
        let (wire, now) = (convert::entity_to_wire(&entity, &parent), self.now());
        seat.session.set_entity(entity, now);
        seat.keep(now)?;
        Ok(wire)
    }

    pub(super) async fn update_entity_type(
        &self,
        request: UpdateSessionEntityTypeRequest,
    ) -> Result<SessionEntityType, Status> {
        let mut new = request.session_entity_type.ok_or_else(|| lacking("session_entity_type"))?;
        let name = ItemName::parse(&new.name, Collection::EntityTypes)?;
        let mut seat = self.enter(&name.session).await?;
        let old = seat.session.entities().find(|it| it.name == name.id);
        let old = old.map(|it| convert::entity_to_wire(it, &name.session));
        let old = old.ok_or_else(|| nothing("session entity type", &name.id))?;
        let mask = Mask::new(request.update_mask, &["name", "entity_override_mode", "entities"])?;
        if !mask.has("entity_override_mode") {
            new.entity_override_mode = old.entity_override_mode;
        }
        if !mask.has("entities") {
            new.entities = old.entities;
        }
        let (_, entity) = convert::entity(new, self.engine.agent())?;
        let (wire, now) = (convert::entity_to_wire(&entity, &name.session), self.now());
        seat.session.set_entity(entity, now);
        seat.keep(now)?;
        Ok(wire)
    }

    pub(super) async fn delete_entity_type(&self, name: &str) -> Result<(), Status> {
        let name = ItemName::parse(name, Collection::EntityTypes)?;
        let mut seat = self.enter(&name.session).await?;
        if !seat.session.remove_entity(&name.id) {
            return Err(nothing("session entity type", &name.id));
        }
        seat.keep(self.now())?;
        Ok(())
    }

    pub(super) async fn enter(&self, name: &SessionName) -> Result<Seat, Status> {
        let mut seat = self.sessions.enter(&name.key, || self.now()).await?;
        seat.session.expire(self.now());
        Ok(seat)
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.clock.now().0).unwrap_or(Timestamp::MAX)
    }
}

/// Which fields an update is about; none named: all.
struct Mask(Vec<String>);

impl Mask {
    fn new(mask: Option<prost_types::FieldMask>, fields: &[&str]) -> Result<Self, Status> {
        let paths = mask.unwrap_or_default().paths;
        match paths.iter().find(|it| !fields.contains(&it.as_str())) {
            Some(_) => Err(Status::invalid_argument(format!("update_mask may name {}", fields.join(", ")))),
            None => Ok(Self(paths)),
        }
    }

    fn has(&self, field: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|it| it == field)
    }
}

fn failed(status: &Status) -> WireStatus {
    WireStatus { code: status.code().into(), message: status.message().to_owned() }
}

fn nothing(what: &str, id: &str) -> Status {
    Status::not_found(format!("there is no {what} {id:?} in this session"))
}

fn lacking(field: &str) -> Status {
    Status::invalid_argument(format!("{field} is missing"))
}

/// The page token is the place of the page's first item.
pub(super) fn page<T>(all: Vec<T>, size: i32, token: &str) -> Result<(Vec<T>, String), Status> {
    let bad = |what: &str| Status::invalid_argument(format!("{what} is not one that this API has given or takes"));
    let size = usize::try_from(size).map_err(|_negative| bad("page_size"))?;
    let size = if size == 0 { PAGE } else { size.min(MAX_PAGE) };
    let first: usize = if token.is_empty() { 0 } else { token.parse().map_err(|_no_number| bad("page_token"))? };
    let end = first.saturating_add(size);
    let next = if end < all.len() { end.to_string() } else { String::new() };
    Ok((all.into_iter().skip(first).take(size).collect(), next))
}

/// As the service writes them: a UUID and eight more digits.
pub(super) fn response_id() -> String {
    let [a, b, c, d] = [rand::random::<u32>(), rand::random(), rand::random(), rand::random()];
    let (b1, b2, c1, c2) = (b >> 16, b & 0x0fff, (c >> 16) & 0x3fff | 0x8000, c & 0xffff);
    format!("{a:08x}-{b1:04x}-4{b2:03x}-{c1:04x}-{c2:04x}{d:08x}-{:08x}", rand::random::<u32>())
}

/// Shared by both protocols.
pub(super) type Shared = Arc<Service>;
