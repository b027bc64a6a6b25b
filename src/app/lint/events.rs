//! Events that the profile tells the engine of, intents that hand over, and the language.

use super::{Code, Look, Report, list, meant};
use crate::{
    config::Severity,
    core::{
        intents::Intents,
        profile::Events,
        said::{Said, said},
    },
};

pub(super) fn check(look: &Look<'_>, intents: &Intents, report: &mut Report) {
    let rules = &look.sides.profile.rules;
    check_event(look, ("welcome_event", &rules.welcome_event), intents, report);
    for (key, event) in named(&rules.events) {
        check_event(look, (key, event), intents, report);
    }
    let handing: Vec<_> = intents.list.iter().filter(|it| it.hands_over).collect();
    if rules.handover.to.is_none() && !handing.is_empty() {
        let message = said!(
            "{} for a live agent, but `[handover]` names no queue",
            asks(handing.iter().map(|it| it.name.as_str()).collect())
        );
        let ends = handing.iter().any(|it| it.ends);
        let help = if ends {
            said!(
                "set `handover.queue`: without it nobody takes over, and where the intent also ends the conversation the customer is sent away"
            )
        } else {
            said!("set `handover.queue`: without it nobody takes over")
        };
        report.add((Code::LiveAgentWithoutQueue, Severity::Warning), look.place("handover"), message, help);
    }
    check_language(look, intents, report);
}

fn asks(names: Vec<&str>) -> Said {
    if names.len() == 1 { said!("intent {} asks", list(names)) } else { said!("intents {} ask", list(names)) }
}

fn named(events: &Events) -> [(&'static str, &str); 12] {
    [
        ("events.human_returned", &events.human_returned),
        ("events.handover_accepted", &events.handover_accepted),
        ("events.handover_failed", &events.handover_failed),
        ("events.handover_expired", &events.handover_expired),
        ("events.queue_unavailable", &events.queue_unavailable),
        ("events.callback_done", &events.callback_done),
        ("events.callback_failed", &events.callback_failed),
        ("events.external_done", &events.external_done),
        ("events.external_failed", &events.external_failed),
        ("events.push_done", &events.push_done),
        ("events.push_failed", &events.push_failed),
        ("events.turn_interrupted", &events.turn_interrupted),
    ]
}

/// Engines compare events without regard to case.
fn check_event(look: &Look<'_>, (key, event): (&str, &str), intents: &Intents, report: &mut Report) {
    let known = || intents.list.iter().flat_map(|it| &it.events).map(String::as_str);
    if event.is_empty() || known().any(|it| it.eq_ignore_ascii_case(event)) {
        return;
    }
    let place = look.place(key);
    let by_default = if place.is_none() { said!(" (the default)") } else { Said::default() };
    let message = said!("`{}`: no intent listens to event `{}`{}", key, event, by_default);
    let help = match meant(event, known()) {
        Some((near, _)) => said!("did you mean `{}`? An event that nobody listens to is answered with nothing", near),
        None => said!("give an intent of the agent the event `{}`, or set `{} = \"\"`", event, key),
    };
    report.add((Code::EventUnheard, Severity::Warning), place, message, help);
}

fn check_language(look: &Look<'_>, intents: &Intents, report: &mut Report) {
    if intents.languages.is_empty() {
        return report.unchecked(said!("languages: the engine does not tell which ones its agent speaks"));
    }
    let wanted = look.sides.profile.rules.language.to_lowercase();
    let speaks = |tag: &str| intents.languages.iter().any(|it| it.eq_ignore_ascii_case(tag));
    let mut tags = std::iter::successors(Some(wanted.as_str()), |it| it.rsplit_once('-').map(|(root, _)| root));
    if tags.any(speaks) {
        return;
    }
    let message = said!("the agent does not speak `{}`, the profile's language", look.sides.profile.rules.language);
    let help = said!("add it to the agent, or set `language` to one that it has: {}", list(spoken(intents)));
    report.add((Code::LanguageMissing, Severity::Error), look.place("language"), message, help);
}

fn spoken(intents: &Intents) -> impl Iterator<Item = &str> {
    intents.languages.iter().map(String::as_str)
}
