//! What was found, for people and for programs.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::{
    config::{Finding, Location, Severity},
    core::said::Said,
};

/// What kind of finding it is, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    ActionMisspelt,
    ActionOfNoIntent,
    ActionNotConfigured,
    ActionMediaNotServed,
    ActionOnOneMedium,
    ActionUnreachable,
    ActionOfFallbackOnly,
    ParameterMissing,
    ParameterOptional,
    ParameterType,
    EventUnheard,
    LiveAgentWithoutQueue,
    LanguageMissing,
    IntentUnreachable,
    IntentSilent,
    OtherPlatformsOnly,
    AnswerCut,
    QueueUnknown,
    QueueMedia,
    TargetUnknown,
    AgentUnfit,
}

impl Code {
    pub const ALL: &[Self] = &[
        Self::ActionMisspelt,
        Self::ActionOfNoIntent,
        Self::ActionNotConfigured,
        Self::ActionMediaNotServed,
        Self::ActionOnOneMedium,
        Self::ActionUnreachable,
        Self::ActionOfFallbackOnly,
        Self::ParameterMissing,
        Self::ParameterOptional,
        Self::ParameterType,
        Self::EventUnheard,
        Self::LiveAgentWithoutQueue,
        Self::LanguageMissing,
        Self::IntentUnreachable,
        Self::IntentSilent,
        Self::OtherPlatformsOnly,
        Self::AnswerCut,
        Self::QueueUnknown,
        Self::QueueMedia,
        Self::TargetUnknown,
        Self::AgentUnfit,
    ];

    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::ActionMisspelt => "action_misspelt",
            Self::ActionOfNoIntent => "action_of_no_intent",
            Self::ActionNotConfigured => "action_not_configured",
            Self::ActionMediaNotServed => "action_media_not_served",
            Self::ActionOnOneMedium => "action_on_one_medium",
            Self::ActionUnreachable => "action_unreachable",
            Self::ActionOfFallbackOnly => "action_of_fallback_only",
            Self::ParameterMissing => "parameter_missing",
            Self::ParameterOptional => "parameter_optional",
            Self::ParameterType => "parameter_type",
            Self::EventUnheard => "event_unheard",
            Self::LiveAgentWithoutQueue => "live_agent_without_queue",
            Self::LanguageMissing => "language_missing",
            Self::IntentUnreachable => "intent_unreachable",
            Self::IntentSilent => "intent_silent",
            Self::OtherPlatformsOnly => "other_platforms_only",
            Self::AnswerCut => "answer_cut",
            Self::QueueUnknown => "queue_unknown",
            Self::QueueMedia => "queue_media",
            Self::TargetUnknown => "target_unknown",
            Self::AgentUnfit => "agent_unfit",
        }
    }
}

/// One finding, and the agent's intent that it is about, if it is about one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub code: Code,
    pub finding: Finding,
    pub intent: Option<String>,
}

/// Everything that was found, and what could not be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub list: Vec<Found>,
    pub unchecked: Vec<Said>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        (code, severity): (Code, Severity),
        location: Option<&Location>,
        message: Said,
        help: Said,
    ) {
        let finding = Finding { severity, message, help, location: location.cloned(), setting: None };
        self.list.push(Found { code, finding, intent: None });
    }

    /// About an intent of the agent's, which has no place in our files.
    pub(super) fn of_intent(&mut self, (code, severity): (Code, Severity), intent: &str, message: Said, help: Said) {
        let finding = Finding { severity, message, help, location: None, setting: None };
        self.list.push(Found { code, finding, intent: Some(intent.to_owned()) });
    }

    pub(super) fn unchecked(&mut self, what: Said) {
        self.unchecked.push(what);
    }

    /// By places, then by intents; each finding once.
    pub(super) fn settle(&mut self) {
        let place = |it: &Found| {
            let location = it.finding.location.as_ref();
            (location.is_none(), location.map(|it| (it.file.clone(), it.line, it.column)), it.intent.clone(), it.code)
        };
        self.list.sort_by_key(place);
        let mut seen = HashSet::new();
        self.list.retain(|it| seen.insert((it.code, it.finding.message.clone())));
    }

    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|it| it.finding.severity == severity).count()
    }

    /// One document.
    #[must_use]
    pub fn as_json(&self) -> Value {
        let findings = self.list.iter().map(|it| {
            let Finding { severity, message, help, location, setting: _ } = &it.finding;
            let severity = match severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
                Severity::Note => "note",
            };
            json!({
                "code": it.code.label(),
                "severity": severity,
                "message": message.to_string(),
                "help": help.to_string(),
                "place": location.as_ref().map(|it| json!({"file": it.file, "line": it.line, "column": it.column})),
                "intent": it.intent,
            })
        });
        json!({
            "findings": findings.collect::<Vec<_>>(),
            "unchecked": self.unchecked.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "errors": self.count(Severity::Error),
            "warnings": self.count(Severity::Warning),
            "notes": self.count(Severity::Note),
        })
    }
}
