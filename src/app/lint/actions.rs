//! Actions: configured and asked for by name, exactly (S17), for the kinds of contacts that there are (S18, S24).

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Look, Report, list, meant, media_name, reach::Reach};
use crate::{
    config::Severity,
    core::{
        action::{ActionKind, ActionRule},
        intents::{Intent, Intents},
        message::MediaType,
        said::{Said, said},
    },
};

/// Which intents ask for an action.
type Asking<'a> = BTreeMap<&'a str, Vec<(usize, &'a Intent)>>;

pub(super) fn asking(intents: &Intents) -> Asking<'_> {
    let mut asking = Asking::new();
    for (at, intent) in intents.list.iter().enumerate().filter(|(_, it)| !it.action.is_empty()) {
        asking.entry(&intent.action).or_default().push((at, intent));
    }
    asking
}

/// The rules in force: the first of each name and kind of contacts (S18).
pub(super) fn rules<'a>(look: &Look<'a>) -> Vec<&'a ActionRule> {
    let mut seen = BTreeSet::new();
    let rules = look.sides.profile.rules.actions.iter();
    rules.filter(|it| seen.insert((it.media, it.name.as_str()))).collect()
}

pub(super) fn check(look: &Look<'_>, intents: &Intents, reach: &Reach, report: &mut Report) {
    check_media(look, report);
    let asking = asking(intents);
    let rules: Vec<_> = rules(look).into_iter().filter(|it| look.serves(it.media)).collect();
    let mut by_name: BTreeMap<&str, Vec<&ActionRule>> = BTreeMap::new();
    for rule in rules {
        by_name.entry(&rule.name).or_default().push(rule);
    }
    let mut explained = BTreeSet::new();
    for (name, rules) in &by_name {
        let Some(media) = rules.first().map(|it| it.media) else { continue };
        match asking.get(name) {
            Some(intents) => check_reach(look, (name, media), intents, reach, report),
            None => {
                let others = asking.keys().copied().filter(|it| !by_name.contains_key(it));
                explained.extend(unasked(look, (name, media), &asking, others, report));
            }
        }
    }
    let unknown: Vec<&str> =
        asking.keys().copied().filter(|it| !by_name.contains_key(it) && !explained.contains(it)).collect();
    if !unknown.is_empty() {
        let message = said!("intents ask for actions that the profile does not configure: {}", list(unknown));
        let help = said!(
            "their words are said and nothing else happens; configure an `[[action]]` of exactly that name where more is meant"
        );
        report.add((Code::ActionNotConfigured, Severity::Note), None, message, help);
    }
}

/// No intent asks for a configured action. Yields the name that was meant, if one can be named.
fn unasked<'a>(
    look: &Look<'_>,
    (name, media): (&str, MediaType),
    asking: &Asking<'_>,
    others: impl Iterator<Item = &'a str> + Clone,
    report: &mut Report,
) -> Option<&'a str> {
    let place = look.place_of_action(name, media, "name");
    let near = meant(name, others);
    if let Some((near, severity)) = near {
        let intents = asking.get(near).into_iter().flatten().map(|(_, it)| it.name.as_str());
        let message = said!("no intent asks for action `{}`, but {} for `{}`", name, list(intents), near);
        let help = said!("names are compared to the letter (S17): write the same on both sides, or nothing happens");
        report.add((Code::ActionMisspelt, severity), place, message, help);
        return (severity == Severity::Error).then_some(near);
    }
    // Those of the business unit serve other profiles, too.
    let severity = if look.sides.places.is_own(name, media) { Severity::Warning } else { Severity::Note };
    let message = said!("no intent asks for action `{}`", name);
    let help = said!("it never fires: set it as the action of an intent, or take it out");
    report.add((Code::ActionOfNoIntent, severity), place, message, help);
    None
}

fn check_reach(
    look: &Look<'_>,
    (name, media): (&str, MediaType),
    intents: &[(usize, &Intent)],
    reach: &Reach,
    report: &mut Report,
) {
    let place = look.place_of_action(name, media, "name");
    let why: Option<Vec<Said>> = intents
        .iter()
        .map(|(at, intent)| reach.why_not(*at).map(|why| said!("intent `{}` {}", intent.name, why)))
        .collect();
    if let Some(why) = why {
        let why = why.into_iter().reduce(|all, one| said!("{}; {}", all, one)).unwrap_or_default();
        let message = said!("action `{}` can never fire: {}", name, why);
        report.add((Code::ActionUnreachable, Severity::Warning), place, message, reach.help());
    } else if intents.iter().all(|(_, it)| it.is_fallback && it.events.is_empty()) {
        let message = said!(
            "action `{}` fires only when nothing was understood: only fallback intents ask for it ({})",
            name,
            list(intents.iter().map(|(_, it)| it.name.as_str()))
        );
        let help =
            said!("the profile's own counts are in `[handover]`; set the action of an intent that customers can mean");
        report.add((Code::ActionOfFallbackOnly, Severity::Note), place, message, help);
    }
}

/// Actions for kinds of contacts that the profile's agents are not logged on for, or for one kind only.
pub(super) fn check_media(look: &Look<'_>, report: &mut Report) {
    let rules = rules(look);
    for rule in rules.iter().filter(|it| !look.serves(it.media)) {
        if !look.sides.places.is_own(&rule.name, rule.media) {
            continue;
        }
        let place = look.place_of_action(&rule.name, rule.media, "media");
        let (name, media) = (&rule.name, media_name(rule.media));
        let message = said!("action `{}` is for {}, which this profile's virtual agents do not serve", name, media);
        let served: Vec<&str> = look.media.iter().map(|it| media_name(*it)).collect();
        let help = said!("they are logged on for {}; for speech set `speech.enabled`", list(served));
        report.add((Code::ActionMediaNotServed, Severity::Warning), place, message, help);
    }
    for rule in rules.iter().filter(|it| is_for_any_text(&it.kind)) {
        let other = match rule.media {
            MediaType::OpenMedia => MediaType::WebInteraction,
            MediaType::WebInteraction => MediaType::OpenMedia,
            MediaType::Speech => continue,
        };
        if rules.iter().any(|it| it.name == rule.name && it.media == other) {
            continue;
        }
        let place = look.place_of_action(&rule.name, rule.media, "media");
        let (name, media, other) = (&rule.name, media_name(rule.media), media_name(other));
        let message = said!("action `{}` is configured for {} and not for {}", name, media, other);
        let help = said!("a contact by {} hears the words of its intent and nothing happens", other);
        report.add((Code::ActionOnOneMedium, Severity::Note), place, message, help);
    }
}

/// A page can be pushed on the web alone.
const fn is_for_any_text(kind: &ActionKind) -> bool {
    match kind {
        ActionKind::Requeue { .. } | ActionKind::Callback { .. } | ActionKind::External { .. } => true,
        ActionKind::SpeechRequeue { .. } | ActionKind::PushUrl { .. } => false,
    }
}
