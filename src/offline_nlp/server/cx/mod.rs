//! What of the Dialogflow CX API, version 3, is served: an ES agent seen as a CX agent of one flow with one page.
//!
//! Intents are matched, slots filled and webhooks asked as for ES; here only the shapes differ. The session's parameters are
//! CX's own: what a client puts there stays, and what an intent finds joins it.

mod convert;
mod names;

use tonic::{Request, Response, Status, async_trait};

use self::{
    convert::{Heard, Question, Turned},
    names::AgentName,
};
use super::{
    grpc::Grpc,
    service::{Called, Service, response_id},
    sessions::Seat,
};
use crate::{
    offline_nlp::session::{Input, Next, Outcome},
    wire::dialogflow_cx::{
        Agent, DetectIntentRequest, DetectIntentResponse, GetAgentRequest, agents_server::Agents,
        sessions_server::Sessions,
    },
};

pub(super) use names::{AGENT, SessionName};

impl Service {
    pub(super) async fn cx_detect_intent(&self, request: DetectIntentRequest) -> Result<DetectIntentResponse, Status> {
        let name = SessionName::parse(&request.session)?;
        let question = convert::question(request.query_input, request.query_params)?;
        let mut seat = self.enter(&name.own).await?;
        convert::put(&mut seat.session.parameters, question.parameters.clone());
        let response_id = response_id();
        let fills = seat.session.fills();
        let (outcome, called) = match question.heard {
            Heard::Nothing => (None, Called::default()),
            Heard::Text | Heard::Digits(_) | Heard::Event(_) => {
                let (outcome, called) = self.cx_turn(&mut seat, &question, &name, &response_id).await;
                (Some(outcome), called)
            }
        };
        if let Some(outcome) = &outcome {
            let found = outcome.parameters.iter().filter(|(_, it)| !convert::is_empty(it));
            seat.session.parameters.extend(found.map(|(key, it)| (key.clone(), it.clone())));
        }
        let parameters = seat.session.parameters.clone();
        seat.keep(self.now())?;
        let turned = Turned { outcome, parameters, fills, webhook: called.status };
        let query_result = Some(convert::result(turned, &question, &name, self.engine.agent()));
        Ok(DetectIntentResponse { response_id, query_result })
    }

    async fn cx_turn(
        &self,
        seat: &mut Seat,
        question: &Question,
        name: &SessionName,
        response_id: &str,
    ) -> (Outcome, Called) {
        let mut asked = question.asked.clone();
        if let Input::Event { parameters, .. } = &mut asked.query.input {
            // An event has no parameters of its own here: `#event.parameter` reads the session's.
            parameters.clone_from(&seat.session.parameters);
        }
        let turn = self.engine.begin(&mut seat.session, asked.query.clone(), self.now());
        if question.disable_webhook && turn.asks_webhook {
            let spare = turn.outcome.clone();
            return match self.engine.finish(&mut seat.session, turn, None, &asked.query, self.now()) {
                Next::Done(outcome) => (outcome, Called::default()),
                // Only a webhook's answer leads to an event.
                Next::Event(_) => (spare, Called::default()),
            };
        }
        self.fulfil(seat, turn, &asked, &name.own, response_id).await
    }

    pub(super) fn cx_agent(&self, name: &str) -> Result<Agent, Status> {
        let name = AgentName::parse(name)?;
        let agent = self.engine.agent();
        let others = agent.languages.iter().filter(|it| **it != agent.default_language);
        Ok(Agent {
            name: name.path,
            display_name: agent.name.clone(),
            default_language_code: agent.default_language.clone(),
            supported_language_codes: others.cloned().collect(),
            time_zone: agent.time_zone.clone(),
        })
    }
}

#[async_trait]
impl Sessions for Grpc {
    async fn detect_intent(
        &self,
        request: Request<DetectIntentRequest>,
    ) -> Result<Response<DetectIntentResponse>, Status> {
        self.0.cx_detect_intent(request.into_inner()).await.map(Response::new)
    }
}

#[async_trait]
impl Agents for Grpc {
    async fn get_agent(&self, request: Request<GetAgentRequest>) -> Result<Response<Agent>, Status> {
        self.0.cx_agent(&request.into_inner().name).map(Response::new)
    }
}
