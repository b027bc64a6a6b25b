//! Parameters that actions read: whether each intent that asks for the action has them, always and in the right shape (S21–S24).

use super::{Code, Look, Report, actions, meant, reach::Reach};
use crate::{
    config::Severity,
    core::{
        action::{ActionKind, ActionRule, Address},
        intents::{Intent, Intents, Parameter},
        said::{Said, said},
    },
};

/// A parameter that an action reads.
struct Needed<'a> {
    rule: &'a ActionRule,
    key: &'static str,
    name: &'a str,
    holds: Holds,
}

#[derive(Clone, Copy)]
enum Holds {
    Phone,
    Time,
    Address,
}

impl Holds {
    const fn what(self) -> Said {
        match self {
            Self::Phone => said!("a phone number"),
            Self::Time => said!("a time"),
            Self::Address => said!("an address"),
        }
    }

    /// Whether values of the agent's entity can be read as it. An entity of the agent's own is its author's word.
    fn takes(self, entity: &str) -> bool {
        let Some(system) = entity.strip_prefix("sys.") else { return true };
        match self {
            // A number would have lost its leading zeros.
            Self::Phone => matches!(system, "phone-number" | "any" | "number-sequence"),
            Self::Time => matches!(system, "date-time" | "date" | "time" | "date-period" | "time-period"),
            Self::Address => matches!(system, "url" | "any"),
        }
    }

    const fn entities(self) -> Said {
        match self {
            Self::Phone => said!("@sys.phone-number or @sys.any"),
            Self::Time => said!("@sys.date-time, @sys.date or @sys.time"),
            Self::Address => said!("@sys.url or @sys.any, or give it a constant value"),
        }
    }
}

fn needed(rule: &ActionRule) -> Vec<Needed<'_>> {
    let of = |key, name, holds| Needed { rule, key, name, holds };
    match &rule.kind {
        ActionKind::Requeue { .. } | ActionKind::SpeechRequeue { .. } => Vec::new(),
        ActionKind::Callback { phone_parameter, time_parameter, .. } => vec![
            of("phone_parameter", phone_parameter, Holds::Phone),
            of("time_parameter", time_parameter, Holds::Time),
        ],
        ActionKind::External { uri: Address::Parameter(name) } => vec![of("uri_parameter", name, Holds::Address)],
        ActionKind::PushUrl { url: Address::Parameter(name) } => vec![of("url_parameter", name, Holds::Address)],
        ActionKind::External { uri: Address::Fixed(_) } | ActionKind::PushUrl { url: Address::Fixed(_) } => Vec::new(),
    }
}

pub(super) fn check(look: &Look<'_>, intents: &Intents, reach: &Reach, report: &mut Report) {
    let asking = actions::asking(intents);
    for rule in actions::rules(look).into_iter().filter(|it| look.serves(it.media)) {
        let by = asking.get(rule.name.as_str()).into_iter().flatten();
        for (_, intent) in by.filter(|(at, _)| reach.why_not(*at).is_none()) {
            for needed in needed(rule) {
                check_one(look, &needed, intent, report);
            }
        }
    }
}

fn check_one(look: &Look<'_>, needed: &Needed<'_>, intent: &Intent, report: &mut Report) {
    let Needed { rule, key, name, holds } = needed;
    let place = look.place_of_action(&rule.name, rule.media, key);
    let what = said!("`{}` of action `{}`", key, rule.name);
    let Some(parameter) = intent.parameters.iter().find(|it| it.name == *name) else {
        let message = said!("{} is `{}`, which intent `{}` does not have", what, name, intent.name);
        let near = meant(name, intent.parameters.iter().map(|it| it.name.as_str()));
        let help = match near {
            Some((near, _)) => said!("did you mean `{}`? Names are compared to the letter", near),
            None => {
                said!("give the intent a parameter `{}` that holds {}, or name one that it has", name, holds.what())
            }
        };
        return report.add((Code::ParameterMissing, Severity::Error), place, message, help);
    };
    if parameter.preset {
        return;
    }
    if !parameter.required {
        let message = said!("{} is `{}`, which is not required in intent `{}`", what, name, intent.name);
        let help =
            said!("without it the action is refused (S24): mark the parameter as required, and the agent asks for it");
        report.add((Code::ParameterOptional, Severity::Warning), place, message, help);
    }
    check_type(look, needed, intent, parameter, report);
}

fn check_type(look: &Look<'_>, needed: &Needed<'_>, intent: &Intent, parameter: &Parameter, report: &mut Report) {
    let Needed { rule, key, name, holds } = needed;
    let place = look.place_of_action(&rule.name, rule.media, key);
    let is = if parameter.is_list {
        said!("a list")
    } else if holds.takes(&parameter.entity) {
        return;
    } else {
        Said::foreign(format!("@{}", parameter.entity))
    };
    let message = said!(
        "`{}` of action `{}` must hold {}, but `{}` of intent `{}` is {}",
        key,
        rule.name,
        holds.what(),
        name,
        intent.name,
        is
    );
    let help = if parameter.is_list {
        said!("switch \"is list\" off for the parameter, and let it be {}", holds.entities())
    } else {
        said!("let it be {}", holds.entities())
    };
    report.add((Code::ParameterType, Severity::Warning), place, message, help);
}
