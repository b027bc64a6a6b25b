//! Log-ons and alerts as they are now.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Query,
    known,
    moment::Moment,
    names::Text,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::Shown,
};
use crate::{core::agent, manager::people::Role};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/agents", Role::Viewer, "listAgents")
            .says("Virtual agents and their log-ons", "Those that a profile has, by business unit and user.")
            .refuses(&[Kind::Invalid])
            .by(agents),
        Draft::get("/alerts", Role::Viewer, "listAlerts")
            .says(
                "What somebody has to mend",
                "The newest first. An alert stays until it is mended; nobody has to confirm it.",
            )
            .by(alerts),
    ]
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Of this business unit alone.
    unit: Option<Text<128>>,
    /// Of this profile alone.
    profile: Option<Text<128>>,
}

/// How far a log-on is.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum LogOn {
    /// Taken off its profile; it is being logged off.
    Unassigned,
    /// No routing engine is attached.
    AwaitingEngine,
    LoggingOn,
    LoggedOn,
    /// Refused; tried again by itself.
    BackingOff,
    /// The password is wrong; not tried again before that is mended.
    Stopped,
}

impl From<agent::Standing> for LogOn {
    fn from(standing: agent::Standing) -> Self {
        match standing {
            agent::Standing::Unassigned => Self::Unassigned,
            agent::Standing::AwaitingEngine => Self::AwaitingEngine,
            agent::Standing::LoggingOn => Self::LoggingOn,
            agent::Standing::LoggedOn => Self::LoggedOn,
            agent::Standing::BackingOff => Self::BackingOff,
            agent::Standing::Stopped => Self::Stopped,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Agent {
    unit: String,
    agent: String,
    profile: Option<String>,
    log_on: LogOn,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Agents {
    agents: Vec<Agent>,
}

async fn agents(call: Call, Query(wanted): Query<Wanted>) -> Result<Shown<Agents>, Problem> {
    let (unit, profile) = (wanted.unit.as_ref().map(Text::as_str), wanted.profile.as_ref().map(Text::as_str));
    known::names(&call.manager, unit, profile).await?;
    let all = call.manager.gateway.agents_now().into_iter();
    let of_unit = |unit: &str| wanted.unit.as_ref().is_none_or(|it| it.as_str() == unit);
    let of_profile =
        |profile: Option<&str>| wanted.profile.as_ref().is_none_or(|it| profile.is_some_and(|own| own == it.as_str()));
    let agents = all
        .filter(|it| of_unit(it.unit.as_str()) && of_profile(it.profile.as_ref().map(|it| it.as_str())))
        .map(|it| Agent {
            unit: it.unit.to_string(),
            agent: it.user.to_string(),
            profile: it.profile.map(|it| it.to_string()),
            log_on: it.standing.into(),
        })
        .collect();
    Ok(Shown(Agents { agents }))
}

#[derive(Debug, Serialize, JsonSchema)]
struct Alert {
    /// Of a closed set.
    kind: String,
    /// `null`: it concerns the whole gateway.
    unit: Option<String>,
    subject: String,
    text: String,
    mending: String,
    raised_at: Moment,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Alerts {
    alerts: Vec<Alert>,
}

async fn alerts(call: Call, (): ()) -> Result<Shown<Alerts>, Problem> {
    let alerts = call.manager.alerts.snapshot().into_iter();
    let alerts = alerts
        .map(|it| Alert {
            kind: it.key.kind.label().to_owned(),
            unit: it.key.unit.map(|it| it.to_string()),
            subject: it.key.about.to_string(),
            text: it.text.to_string(),
            mending: it.mending.to_string(),
            raised_at: Moment(it.raised_at),
        })
        .collect();
    Ok(Shown(Alerts { alerts }))
}
