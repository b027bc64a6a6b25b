//! Which intents can ever match: contexts lead from one to the next, and some lead nowhere.

use std::collections::BTreeSet;

use super::{Code, Look, Report};
use crate::{
    config::Severity,
    core::{
        intents::{Intent, Intents},
        said::{Said, said},
    },
};

/// Why each intent cannot match, if it cannot.
pub(super) struct Reach {
    why_not: Vec<Option<Said>>,
    /// A webhook may set contexts that no intent does.
    webhooks: bool,
}

impl Reach {
    /// From those that need no context on, along the contexts that they set.
    pub(super) fn of(intents: &Intents) -> Self {
        let lower = |it: &String| it.to_lowercase();
        let mut why_not: Vec<Option<Said>> = intents.list.iter().map(|it| inert(it, intents)).collect();
        let mut pending: Vec<usize> =
            why_not.iter().enumerate().filter(|(_, why)| why.is_none()).map(|(at, _)| at).collect();
        // An event activates a context of its name.
        let mut active: BTreeSet<String> = intents.list.iter().flat_map(|it| &it.events).map(lower).collect();
        let is_active = |active: &BTreeSet<String>, context: &str| {
            let context = context.to_lowercase();
            is_systems(&context) || active.contains(&context)
        };
        loop {
            let of = |at: usize| intents.list.get(at);
            let (reached, waiting): (Vec<usize>, Vec<usize>) = pending
                .iter()
                .partition(|at| of(**at).is_some_and(|it| it.input_contexts.iter().all(|it| is_active(&active, it))));
            active.extend(reached.iter().filter_map(|at| of(*at)).flat_map(|it| &it.output_contexts).map(lower));
            pending = waiting;
            if reached.is_empty() {
                break;
            }
        }
        for at in pending {
            let missing = intents.list.get(at).into_iter().flat_map(|it| &it.input_contexts);
            let missing = missing.into_iter().find(|it| !is_active(&active, it));
            let why = missing.map(|it| said!("needs the context `{}`, which no intent that can match sets", it));
            if let Some(slot) = why_not.get_mut(at) {
                *slot = why;
            }
        }
        Self { why_not, webhooks: intents.list.iter().any(|it| it.webhook) }
    }

    /// `intent X …`
    pub(super) fn why_not(&self, at: usize) -> Option<&Said> {
        self.why_not.get(at)?.as_ref()
    }

    pub(super) const fn help(&self) -> Said {
        if self.webhooks {
            said!(
                "give such an intent phrases, an event, or a context that another intent sets (a webhook of the agent's may set it, which cannot be seen here)"
            )
        } else {
            said!("give such an intent phrases, an event, or a context that another intent sets")
        }
    }
}

/// Whatever contexts are active.
fn inert(intent: &Intent, intents: &Intents) -> Option<Said> {
    if intent.switched_off {
        return Some(said!("is switched off by its priority"));
    }
    let silent = intents.phrases_known && intent.phrases == 0 && intent.events.is_empty() && !intent.is_fallback;
    silent.then(|| said!("has neither training phrases in `{}` nor an event", intents.language))
}

/// Those that the engine sets by itself: while it asks for parameters, and its own.
fn is_systems(context: &str) -> bool {
    context.starts_with("__") || context.contains("_dialog_params_") || context.ends_with("_dialog_context")
}

/// Intents without a configured action; those of a configured one have their finding at it.
pub(super) fn check(look: &Look<'_>, intents: &Intents, reach: &Reach, report: &mut Report) {
    let rules = &look.sides.profile.rules.actions;
    let known = |action: &str| rules.iter().any(|it| it.name == action && look.serves(it.media));
    let all_of_it = |action: &str| {
        let asking = intents.list.iter().enumerate().filter(|(_, it)| it.action == action);
        asking.into_iter().all(|(at, _)| reach.why_not(at).is_some())
    };
    for (at, intent) in intents.list.iter().enumerate() {
        let Some(why) = reach.why_not(at) else { continue };
        if known(&intent.action) && all_of_it(&intent.action) {
            continue;
        }
        let message = said!("intent `{}` {}", intent.name, why);
        report.of_intent((Code::IntentUnreachable, Severity::Warning), &intent.name, message, reach.help());
    }
    if !intents.phrases_known {
        report.unchecked(said!(
            "training phrases: the engine does not tell those of an environment, so intents without any are not found"
        ));
    }
}
