//! What is to be mended before a customer meets it (B3).

use schemars::JsonSchema;
use serde::Serialize;

use super::{
    asked::Named,
    moment::Moment,
    operation::{Call, Draft, Operation},
    problem::{Problem, Told},
    profiles::{OfProfile, none},
    told::{Found, Shown},
};
use crate::{
    config::{self, Finding, settings},
    manager::{Manager, linting::Looked, people::Role},
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/lint", Role::Viewer, "getLint")
            .says(
                "Warnings, and what was found last",
                "What the configuration in force warns of, and the last look at each profile since the start.",
            )
            .by(show),
        Draft::post("/lint", Role::Operator, "lintAll")
            .says(
                "Look at every profile now",
                "Each is compared with its engine's agent and the contact centre's directory.",
            )
            .by(look_at_all),
        Draft::post("/lint/{unit}/{profile}", Role::Operator, "lintProfile")
            .says("Look at a profile now", "It is compared with its engine's agent and the contact centre's directory.")
            .by(look),
    ]
}

#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Severity {
    Error,
    Warning,
    /// Worth knowing; nothing need be wrong.
    Note,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LintFinding {
    severity: Severity,
    /// Of a closed set; the configuration's warnings have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(flatten)]
    finding: Told,
}

impl LintFinding {
    fn of(code: Option<&'static str>, it: &Finding) -> Self {
        let severity = match it.severity {
            config::Severity::Error => Severity::Error,
            config::Severity::Warning => Severity::Warning,
            config::Severity::Note => Severity::Note,
        };
        Self { severity, code, finding: Told::of(it) }
    }
}

/// What came of a look.
#[derive(Debug, Serialize, JsonSchema)]
struct LintOfProfile {
    unit: String,
    profile: String,
    /// `null`: nobody has looked since the start.
    looked_at: Option<Moment>,
    /// Why the engine's agent cannot be looked at; `null`: it can.
    failed: Option<String>,
    findings: Vec<LintFinding>,
    /// What could not be looked at, and why.
    unchecked: Vec<String>,
}

impl LintOfProfile {
    fn of(profile: &settings::Profile, looked: Option<&Looked>) -> Self {
        let told = looked.map(|it| &it.told);
        let linted = told.and_then(|it| it.as_ref().ok());
        let findings = linted.into_iter().flat_map(|it| &it.found);
        Self {
            unit: profile.unit.to_string(),
            profile: profile.name.to_string(),
            looked_at: looked.map(|it| Moment(it.at)),
            failed: told.and_then(|it| it.as_ref().err()).map(ToString::to_string),
            findings: findings.map(|(code, it)| LintFinding::of(Some(code), it)).collect(),
            unchecked: linted.map(|it| it.unchecked.iter().map(ToString::to_string).collect()).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct Lint {
    /// Of the configuration in force.
    warnings: Vec<LintFinding>,
    profiles: Vec<LintOfProfile>,
}

async fn show(call: Call, (): ()) -> Result<Shown<Lint>, Problem> {
    Ok(Shown(all(&call.manager)))
}

async fn look_at_all(call: Call, (): ()) -> Result<Found<Lint>, Problem> {
    call.manager.look_at_all().await;
    Ok(Found(all(&call.manager)))
}

fn all(manager: &Manager) -> Lint {
    let loaded = manager.house.configuration();
    let warnings = loaded.warnings.iter().map(|it| LintFinding::of(None, it)).collect();
    let profiles = loaded.settings.profiles.iter();
    let profiles = profiles.map(|it| LintOfProfile::of(it, manager.lints.find(it).as_deref())).collect();
    Lint { warnings, profiles }
}

async fn look(call: Call, Named(names): Named<OfProfile>) -> Result<Found<LintOfProfile>, Problem> {
    let (_, profile) = names.find(&call.manager).ok_or_else(none)?;
    let looked = call.manager.look_at(profile.clone()).await;
    Ok(Found(LintOfProfile::of(&profile, Some(&looked))))
}
