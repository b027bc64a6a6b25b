//! The connector as a language engine: a question becomes a turn, steps become outcomes.

use std::{fmt, sync::Arc, time::Duration};

use futures::future::BoxFuture;

use super::{
    convert,
    hub::{Desk, DeskName, Hub},
    pool::Terms,
};
use crate::{
    config::{
        schema::{Field, Form, Problem, Required, Schema, Values},
        settings::{EngineSettings, Profile},
    },
    core::{
        action::ActionRule,
        ids::ContactId,
        message::{Answer, FailureKind},
        said::said,
        step::Step,
    },
    gateway::ports::{Ask, AskError, LanguageEngine},
    nlp::{BuildError, CredentialReport, Deps},
};

const PLAIN: Field = Field { key: "", help: "", form: Form::Flag, default: None, example: "", required: Required::No };

const FIELDS: &[Field] = &[
    Field {
        key: "deadline_ms",
        help: "How long the connector has for an answer, waiting for a free socket included.",
        form: Form::Millis(100, 300_000),
        default: Some("10000"),
        ..PLAIN
    },
    Field {
        key: "credits",
        help: "Turns that one socket has at a time, at most; a connector may ask for fewer.",
        form: Form::Number(1, 1_024),
        default: Some("32"),
        ..PLAIN
    },
    Field {
        key: "resume_s",
        help: "How long after a cut a socket may come back to its contacts.",
        form: Form::Seconds(0, 3_600),
        default: Some("30"),
        ..PLAIN
    },
    Field {
        key: "patience_ms",
        help: "How long turns wait for a socket that was cut before they go to another, once.",
        form: Form::Millis(0, 60_000),
        default: Some("2000"),
        ..PLAIN
    },
    Field {
        key: "token_name",
        help: "Which of the profile's connector tokens dials in for this engine. Needed only where a profile has several\n\
               connectors, such as a canary: `usher token reload PROFILE --name NAME`.",
        form: Form::Text(64),
        example: "\"canary\"",
        ..PLAIN
    },
];

pub(in crate::nlp) const SCHEMA: Schema = Schema {
    kind: "connector",
    title: "Connector over WebSocket",
    section: "connector",
    fields: FIELDS,
    text_characters: 0,
    check,
    exclusive: Schema::nothing_exclusive,
};

fn check(values: &Values) -> Vec<Problem> {
    let name = values.text("token_name").unwrap_or_default();
    let is_good = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let mut problems = Vec::new();
    if !is_good {
        problems.push(Problem::error(
            "token_name",
            said!("is no name"),
            said!("use letters, digits, `.`, `_` and `-`"),
        ));
    }
    if values.millis("patience_ms") > values.seconds("resume_s") {
        let help = said!("set `patience_ms` to at most `resume_s`, or give sockets longer to come back");
        problems.push(Problem::warning("patience_ms", said!("is longer than a socket may take to come back"), help));
    }
    problems
}

/// What the schema's values mean.
struct Settings {
    deadline: Duration,
    terms: Terms,
    token_name: String,
}

impl Settings {
    fn of(values: &Values) -> Self {
        let resume_within = values.seconds("resume_s");
        Self {
            deadline: values.millis("deadline_ms"),
            terms: Terms {
                credits: u32::try_from(values.number("credits")).unwrap_or(u32::MAX),
                resume_within,
                patience: values.millis("patience_ms").min(resume_within),
            },
            token_name: values.owned("token_name").unwrap_or_default(),
        }
    }
}

/// By which of its profile's tokens a connector dials in; `None`: the engine is no connector.
#[must_use]
pub fn token_name(engine: &EngineSettings) -> Option<&str> {
    (engine.schema.kind == SCHEMA.kind).then(|| engine.values.text("token_name").unwrap_or_default())
}

pub(in crate::nlp) fn build(
    engine: &EngineSettings,
    profile: &Profile,
    deps: &Deps,
) -> Result<Arc<dyn LanguageEngine>, BuildError> {
    let Settings { deadline, terms, token_name } = Settings::of(&engine.values);
    let name = DeskName { unit: profile.unit.clone(), profile: profile.name.clone(), token: token_name };
    let desk = deps.connectors.desk(&name, terms);
    Ok(Arc::new(Connector { desk, deadline, actions: profile.rules.actions.clone() }))
}

/// A connector without a profile, for those who write one.
#[must_use]
pub fn on_trial(hub: &Hub, name: &DeskName, deadline: Duration) -> Arc<dyn LanguageEngine> {
    let terms = Terms { credits: 32, resume_within: Duration::from_secs(30), patience: Duration::from_secs(2) };
    Arc::new(Connector { desk: hub.desk(name, terms), deadline, actions: Vec::new() })
}

/// What can be told without the running gateway, where the connector is attached.
pub(in crate::nlp) fn check_online<'a>(
    _: &'a EngineSettings,
    profile: &'a Profile,
    _: &'a Deps,
) -> BoxFuture<'a, Result<CredentialReport, AskError>> {
    let about = said!(
        "a connector dials in by itself: /alerts and usher_connector_sockets of the running gateway say whether it has, \
         `usher token list` whether profile {} has a token",
        profile.name
    );
    Box::pin(std::future::ready(Ok(CredentialReport { account: None, about: Ok(about) })))
}

struct Connector {
    desk: Arc<Desk>,
    deadline: Duration,
    actions: Vec<ActionRule>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("desk", &self.desk).field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

impl LanguageEngine for Connector {
    fn ask(&self, ask: Ask) -> BoxFuture<'_, Result<Answer, AskError>> {
        Box::pin(async move {
            let (contact, progress, end) = (ask.contact.name.clone(), ask.progress.clone(), ask.end(self.deadline));
            let ear = ask.ear.clone();
            let Some(question) = convert::question(ask, &self.actions) else {
                return Err(AskError::new(FailureKind::Interrupted, said!("the input was sensitive and is not kept")));
            };
            // The desk sees to the deadline.
            let asked = self.desk.ask(contact, question, progress, end);
            let Some(settled) = asked.settled().await else {
                return Err(AskError::new(
                    FailureKind::Unavailable,
                    said!("the profile is no longer served by this connector"),
                ));
            };
            match settled.result {
                Ok(reply) => {
                    ear.answered(|| serde_json::to_string_pretty(&reply).unwrap_or_default());
                    convert::answer(*reply, settled.spoke)
                }
                Err(failure) => Err(AskError::new(failure.kind, failure.advice)),
            }
        })
    }

    fn hears_steps(&self) -> bool {
        true
    }

    fn on_step(&self, contact: &ContactId, step: &Step) {
        self.desk.on_step(&contact.name, step);
    }
}
