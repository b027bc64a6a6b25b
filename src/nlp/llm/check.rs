//! `usher check --online`: whether a model holds a conversation with the tools it is to be offered.
//!
//! One completion with everything that an ask has (key, model, limit of tokens, tools): servers refuse at this point what they
//! were not started for. It costs a few hundred tokens. The list of models is a courtesy: some servers have none.

use serde_json::{Value, json};
use tokio::time::timeout_at;

use super::{Said, completion::Reported, server::Question};
use crate::{
    clock::Clock,
    config::settings::{EngineSettings, Profile},
    core::{
        ids::{ContactId, ContactName, Turn},
        message::{FailureKind, Input},
        said::said,
    },
    gateway::ports::{Ask, AskError},
    nlp::{CredentialReport, Deps},
};

pub(in crate::nlp) async fn run(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<CredentialReport, AskError> {
    let unbuilt = |error: String| AskError::new(FailureKind::Invalid, crate::core::said::Said::foreign(error));
    let engine = super::engine(engine, profile, deps).map_err(|error| unbuilt(error.to_string()))?;
    let (server, place) = (&engine.server, &engine.place);
    let name = ContactName::new("usher-check").map_err(|error| unbuilt(error.to_string()))?;
    let contact = ContactId { unit: profile.unit.clone(), name };
    let ask = Ask::new(contact, Input::Text(String::new()), "");
    let messages = vec![json!({"role": "user", "content": "Answer with the word: good"})];
    // Those of the medium that has the most.
    let tools = engine.guides.iter().map(|guide| guide.tools.offered()).max_by_key(|it| it.as_array().map(Vec::len));
    let tools = tools.cloned().unwrap_or_default();
    let question = Question::new(&ask, Turn(0), messages, tools);

    let end = Clock::instant() + place.deadline;
    let mut said = Said::default();
    let answer = server.ask(&question, (&ask.progress, &mut said), place, end);
    timeout_at(end, answer).await.unwrap_or_else(|_elapsed| Err(place.late()))?;

    let end = Clock::instant() + place.deadline;
    let models = timeout_at(end, server.models(place, end)).await.unwrap_or_else(|_elapsed| Err(place.late()));
    let about = models.and_then(|reply| {
        if !reply.status.is_success() {
            return Err(place.refused(&reply));
        }
        match models_in(&reply.body) {
            Some(models) if models.contains(&place.model) => Ok(said!("model {}", place.model)),
            Some(models) => Ok(said!("model {}, which is not among the {} it lists", place.model, models.len())),
            None => Err(place.malformed(&said!("is no list of models"))),
        }
    });
    Ok(CredentialReport { account: server.has_key().then(|| said!("its API key")), about })
}

fn models_in(body: &[u8]) -> Option<Vec<String>> {
    let list: Value = serde_json::from_slice(body).ok()?;
    if Reported::of(&list).is_some() {
        return None;
    }
    let ids = list.get("data")?.as_array()?.iter().filter_map(|it| it.get("id")?.as_str());
    Some(ids.map(str::to_owned).collect())
}
