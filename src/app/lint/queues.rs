//! Queues, targets and virtual agents that the profile names, beside the contact centre's directory.

use super::{Code, Look, Report};
use crate::{
    config::{Location, Severity},
    core::{
        action::ActionKind,
        assignment::{self, Problem, Subject},
        message::MediaType,
        profile::Destination,
        said::said,
    },
};

pub(super) fn check(look: &Look<'_>, report: &mut Report) {
    let profile = look.sides.profile;
    let Some(directory) = look.sides.directory else {
        return report.unchecked(said!(
            "queues, targets and virtual agents: no directory of the contact centre was given (--directory)"
        ));
    };
    if directory.users.is_empty() {
        report.unchecked(said!("virtual agents: the directory names no users"));
    }
    for finding in assignment::check(&profile.unit, directory, &[&profile.rules]) {
        let (code, severity) = match finding.problem {
            Problem::UnknownQueue => (Code::QueueUnknown, Severity::Error),
            Problem::QueueOfOtherMedia => (Code::QueueMedia, Severity::Error),
            Problem::UnknownTarget => (Code::TargetUnknown, Severity::Error),
            Problem::WindowsSignOn
            | Problem::Saml2SignOn
            | Problem::AutomaticPostProcessing
            | Problem::MandatoryWrapUpReason
            | Problem::NoAgentRights
            | Problem::UnknownUser
            | Problem::AssignedTwice => (Code::AgentUnfit, Severity::Error),
        };
        let place = match &finding.subject {
            Subject::User(_) if directory.users.is_empty() => continue,
            Subject::User(_) => look.place("agents"),
            Subject::Action { media, name } => of_action(look, *media, name),
            Subject::Profile(_) => look.place(match profile.rules.handover.to {
                Some(Destination::Target(_)) => "handover.target",
                Some(Destination::Queue(_)) | None => "handover.queue",
            }),
        };
        report.add((code, severity), place, finding.text, finding.mending);
    }
}

fn of_action<'a>(look: &'a Look<'_>, media: MediaType, name: &str) -> Option<&'a Location> {
    let rule = look.sides.profile.rules.actions.iter().find(|it| it.media == media && it.name == name)?;
    let key = match rule.kind {
        ActionKind::SpeechRequeue { .. } => "target",
        ActionKind::Requeue { .. }
        | ActionKind::Callback { .. }
        | ActionKind::External { .. }
        | ActionKind::PushUrl { .. } => "queue",
    };
    look.place_of_action(name, media, key)
}
