//! What intents say: on which channel, how much, and whether anything at all.

use super::{Code, Look, Report, list, reach::Reach};
use crate::{
    config::Severity,
    core::{
        intents::{Intent, Intents, Message, MessageKind},
        said::said,
    },
};

pub(super) fn check(look: &Look<'_>, intents: &Intents, reach: &Reach, report: &mut Report) {
    for (at, intent) in intents.list.iter().enumerate() {
        check_size(intent, intents, report);
        // One that only events of ours wake may have nothing to say to them.
        let for_customers = intent.is_fallback || intent.phrases > 0 || !intents.phrases_known;
        if reach.why_not(at).is_none() && for_customers && !intent.webhook {
            check_silence(look, intent, report);
        }
    }
}

fn check_silence(look: &Look<'_>, intent: &Intent, report: &mut Report) {
    let name = &intent.name;
    if intent.messages.iter().any(|it| it.platform.is_none()) {
        return;
    }
    let rules = &look.sides.profile.rules;
    let acts = rules.actions.iter().any(|it| it.name == intent.action && look.serves(it.media));
    let hands_over = intent.hands_over && rules.handover.to.is_some();
    let consequence = if intent.action.is_empty() && !intent.ends && !hands_over {
        said!("the customer hears the fallback message, and it counts as a failure")
    } else if acts || intent.ends || hands_over {
        return;
    } else {
        said!("its action is not configured, so the customer hears nothing")
    };
    let platforms: std::collections::BTreeSet<&str> =
        intent.messages.iter().filter_map(|it| it.platform.as_deref()).collect();
    if platforms.is_empty() {
        let message = said!("intent `{}` says nothing: {}", name, consequence);
        let help = said!("give it a text response");
        return report.of_intent((Code::IntentSilent, Severity::Warning), name, message, help);
    }
    let message = said!("intent `{}` has messages for {} alone: {}", name, list(platforms), consequence);
    let help =
        said!("give it a response on the agent's default platform: that is what contacts of a contact centre get");
    report.of_intent((Code::OtherPlatformsOnly, Severity::Warning), name, message, help);
}

/// What the gateway would cut off.
fn check_size(intent: &Intent, intents: &Intents, report: &mut Report) {
    let limits = intents.limits;
    let own: Vec<&Message> = intent.messages.iter().filter(|it| it.platform.is_none()).collect();
    let most = |of: fn(&Message) -> usize, kind: MessageKind| {
        own.iter().filter(|it| it.kind == kind).map(|it| of(it)).max().unwrap_or_default()
    };
    let measures = [
        (own.len(), limits.messages, said!("messages")),
        (most(|it| it.bytes, MessageKind::Said), limits.text_bytes, said!("bytes in one text")),
        (most(|it| it.items, MessageKind::Said), limits.items, said!("quick replies or buttons in one message")),
        (most(|it| it.bytes, MessageKind::Payload), limits.payload_bytes, said!("bytes in one payload")),
    ];
    for (has, may, what) in measures {
        if has > may {
            let message = said!("intent `{}` has {} {}: at most {} are passed on", intent.name, has, what, may);
            let help = said!("shorten it: what goes beyond is cut off, and a payload that is too large is left out");
            report.of_intent((Code::AnswerCut, Severity::Warning), &intent.name, message, help);
        }
    }
}
