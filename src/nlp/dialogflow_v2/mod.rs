//! Dialogflow ES, API version 2 (S10): text and events in, one answer out, within the profile's deadline.
//!
//! Its messages and names are here; how they travel is `google`'s. Inputs: text and DTMF go as text, events as events,
//! clicks and forms as the event `structured`.

pub(super) mod check;
mod convert;
pub(super) mod intents;
mod rest;
mod rest_model;
mod schema;
mod session;

use std::sync::Arc;

use super::{
    BuildError, Deps,
    google::{
        Api, Asked, Dialogflow, Query,
        errors::Place,
        session::{MAX_ID_BYTES, is_segment},
        way::{Settings, Way},
    },
};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::{intents::AnswerLimits, message::Answer},
    gateway::ports::{AskError, LanguageEngine},
    wire::dialogflow_v2::{DetectIntentRequest, DetectIntentResponse},
};

pub use super::google::way::TransportKind;
pub use schema::DialogflowV2;
pub(super) use schema::SCHEMA;

/// What is taken of one answer.
pub(super) const ANSWER_LIMITS: AnswerLimits = convert::LIMITS;

/// The API's messages, and what every request of a profile carries.
#[derive(Debug)]
struct V2(convert::Extras);

impl Api for V2 {
    type Request = DetectIntentRequest;
    type Response = DetectIntentResponse;
    const PACKAGE: &'static str = "google.cloud.dialogflow.v2";
    const METHOD: &'static str = "/google.cloud.dialogflow.v2.Sessions/DetectIntent";

    fn request(&self, session: String, query: Query, place: &Place) -> Result<DetectIntentRequest, AskError> {
        self.0.request(session, query, place)
    }

    fn answer(&self, response: DetectIntentResponse, asked: Asked, place: &Place) -> Result<Answer, AskError> {
        convert::answer(response, asked, place)
    }
}

pub(super) fn build(
    settings: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let config = DialogflowV2::of(&settings.values, profile);
    let way = way(profile, &config, deps)?;
    engine(profile, &config, &way, deps).map(|it| it as Arc<dyn LanguageEngine>)
}

fn engine(profile: &Profile, config: &DialogflowV2, way: &Way, deps: &Deps) -> Result<Arc<dyn Dialogflow>, BuildError> {
    let api = V2(convert::Extras { time_zone: config.time_zone.clone(), sentiment: config.sentiment });
    let place = place(profile, config, &way.endpoint);
    way.engine(api, place, session::sessions(config), rest::RestTransport::new, deps)
}

fn way(profile: &Profile, config: &DialogflowV2, deps: &Deps) -> Result<Way, BuildError> {
    let bad = |field, problem: &str| {
        Err(BuildError::Setting { profile: profile.origin.clone(), field, problem: problem.to_owned() })
    };
    let segments = [("project", Some(&config.project)), ("region", config.region.as_ref())];
    let segments = segments.into_iter().chain([("environment", config.environment.as_ref())]);
    for (field, segment) in segments {
        if segment.is_some_and(|it| !is_segment(it)) {
            return bad(field, "is empty or holds a character that no such name has");
        }
    }
    if config.user.len() > MAX_ID_BYTES || !(config.user.is_empty() || is_segment(&config.user)) {
        return bad("user", "is longer than 36 bytes or holds a character that cannot stand in a path");
    }
    let settings = Settings {
        credential: config.credential.as_ref(),
        own_endpoint: config.endpoint.as_deref(),
        region: config.region.as_deref(),
        transport: config.transport,
        connections: config.connections,
        deadline: config.deadline,
        proxy: config.proxy.as_deref(),
    };
    Way::new(&profile.origin, settings, deps)
}

fn place(profile: &Profile, config: &DialogflowV2, endpoint: &str) -> Place {
    Place {
        api: "Dialogflow V2",
        located_by: "region",
        profile: profile.name.to_string(),
        project: config.project.clone(),
        region: config.region.clone().unwrap_or_else(|| "global".into()),
        agent: None,
        environment: config.environment.clone().unwrap_or_else(|| "draft".into()),
        endpoint: endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests;
