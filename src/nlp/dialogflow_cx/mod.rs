//! Dialogflow CX, API version 3: flows and pages, response messages, live agent hand-off, end of interaction, session
//! parameters; in one region and one environment of an agent.
//!
//! Its messages and names are here; how they travel is `google`'s. Inputs: text goes as text, DTMF as DTMF, events as
//! events, clicks and forms as the event `structured`, with their parameters in the session.

pub(super) mod check;
mod convert;
mod rest;
mod schema;

use std::sync::Arc;

use super::{
    BuildError, Deps,
    google::{
        Api, Asked, Dialogflow, Query,
        errors::Place,
        session::{Sessions, is_segment},
        way::{Settings, Way},
    },
};
use crate::{
    config::settings::{EngineSettings, Profile},
    core::message::Answer,
    gateway::ports::{AskError, LanguageEngine},
    wire::{
        dialogflow_cx::{DetectIntentRequest, DetectIntentResponse},
        json::Json,
    },
};

use schema::DialogflowCx;
pub(super) use schema::SCHEMA;

const PACKAGE: &str = "google.cloud.dialogflow.cx.v3";

/// The API's messages, and what every request of a profile carries.
#[derive(Debug)]
struct Cx(convert::Extras);

impl Api for Cx {
    type Request = DetectIntentRequest;
    type Response = DetectIntentResponse;
    const PACKAGE: &'static str = "google.cloud.dialogflow.cx.v3";
    const METHOD: &'static str = "/google.cloud.dialogflow.cx.v3.Sessions/DetectIntent";

    fn request(&self, session: String, query: Query, place: &Place) -> Result<DetectIntentRequest, AskError> {
        self.0.request(session, query, place)
    }

    fn answer(&self, response: DetectIntentResponse, asked: Asked, place: &Place) -> Result<Answer, AskError> {
        self.0.answer(response, asked, place)
    }
}

pub(super) fn build(
    settings: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let config = DialogflowCx::of(&settings.values, profile);
    let way = way(profile, &config, deps)?;
    engine(profile, &config, &way, deps).map(|it| it as Arc<dyn LanguageEngine>)
}

fn engine(profile: &Profile, config: &DialogflowCx, way: &Way, deps: &Deps) -> Result<Arc<dyn Dialogflow>, BuildError> {
    let extras = convert::Extras {
        time_zone: config.time_zone.clone(),
        sentiment: config.sentiment,
        channel: config.channel.clone(),
    };
    let json = Json::new(PACKAGE).map_err(|error| BuildError::Setting {
        profile: profile.origin.clone(),
        field: "transport",
        problem: format!("this program's description of the API is broken: {error}"),
    })?;
    let place = place(profile, config, &way.endpoint);
    way.engine(Cx(extras), place, sessions(config), |http| rest::RestTransport::new(http, json), deps)
}

fn way(profile: &Profile, config: &DialogflowCx, deps: &Deps) -> Result<Way, BuildError> {
    let segments = [
        ("project", Some(&config.project)),
        ("location", Some(&config.location)),
        ("agent", Some(&config.agent)),
        ("environment", config.environment.as_ref()),
    ];
    for (field, segment) in segments {
        if segment.is_some_and(|it| !is_segment(it)) {
            let problem = "is empty or holds a character that no such id has".to_owned();
            return Err(BuildError::Setting { profile: profile.origin.clone(), field, problem });
        }
    }
    let settings = Settings {
        credential: config.credential.as_ref(),
        own_endpoint: config.endpoint.as_deref(),
        region: Some(&config.location),
        transport: config.transport,
        connections: config.connections,
        deadline: config.deadline,
        proxy: config.proxy.as_deref(),
    };
    Way::new(&profile.origin, settings, deps)
}

/// `projects/P/locations/L/agents/A`
fn agent(config: &DialogflowCx) -> String {
    format!("projects/{}/locations/{}/agents/{}", config.project, config.location, config.agent)
}

fn sessions(config: &DialogflowCx) -> Sessions {
    let agent = agent(config);
    Sessions::new(match &config.environment {
        Some(environment) => format!("{agent}/environments/{environment}/sessions/"),
        None => format!("{agent}/sessions/"),
    })
}

fn place(profile: &Profile, config: &DialogflowCx, endpoint: &str) -> Place {
    Place {
        api: "Dialogflow CX",
        located_by: "location",
        profile: profile.name.to_string(),
        project: config.project.clone(),
        region: config.location.clone(),
        agent: Some(config.agent.clone()),
        environment: config.environment.clone().unwrap_or_else(|| "draft".into()),
        endpoint: endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests;
