//! Actions of business units and profiles (S17–S24).

use super::{
    nearest::joined,
    offers,
    section::{At, Section},
    tree::Value,
};
use crate::core::{
    action::{self, ActionKind, ActionRule, Address, What},
    ids::{QueueId, SpeechTargetId},
    message::MediaType,
    said::{Said, said},
};

const MAX_NAME_CHARACTERS: usize = 256;
const KEYS_OF_KINDS: &[&str] =
    &["queue", "target", "phone_parameter", "time_parameter", "uri", "uri_parameter", "url", "url_parameter"];

/// Reads `[[action]]`: one rule per medium. Names are unique per medium within this one list.
pub(super) fn actions(scope: &mut Section<'_>) -> Vec<At<ActionRule>> {
    let mut rules: Vec<At<ActionRule>> = Vec::new();
    for mut section in scope.sections("action") {
        let name = section.required("name", said!("an action needs the exact name that the language engine sends"));
        let media = media(&mut section);
        let kind: Option<What> = section
            .required("kind", said!("say what it does: requeue, speech_requeue, callback, external or push_url"))
            .and_then(|at| section.one_of("kind", at));
        let effect = match kind {
            Some(kind) => {
                check_media(&section, kind, &media);
                effect(&mut section, kind)
            }
            None => {
                // Which keys belong here is not known, so none is reported as unknown.
                section.know(KEYS_OF_KINDS);
                None
            }
        };
        let offer = offers::offer(&mut section, effect.as_ref());
        section.finish();
        let (Some(name), Some(effect)) = (name, effect) else { continue };
        if name.value.chars().count() > MAX_NAME_CHARACTERS {
            let message = said!("the action's name is longer than {} characters", MAX_NAME_CHARACTERS);
            scope.cx.error(name.place, message, said!("language engines send shorter ones"));
        }
        for At { value: media, .. } in media {
            let (kind, offer) = (effect.clone(), offer.clone());
            let rule = ActionRule { name: name.value.to_owned(), media, kind, offer };
            if let Some(first) = rules.iter().find(|it| it.value.media == rule.media && it.value.name == rule.name) {
                let message = said!(
                    "action `{}` for {} is already at {}",
                    rule.name,
                    media.label(),
                    scope.cx.origin(first.place)
                );
                scope.cx.error(
                    name.place,
                    message,
                    said!("keep one of the two, or give them different names or media"),
                );
            }
            rules.push(At { value: rule, place: name.place });
        }
    }
    rules
}

pub(super) fn values(rules: Vec<At<ActionRule>>) -> Vec<ActionRule> {
    rules.into_iter().map(|rule| rule.value).collect()
}

/// One medium, or a list of them.
fn media(section: &mut Section<'_>) -> Vec<At<MediaType>> {
    let why = said!("say for which contacts: openmedia, webinteraction, speech, or a list of them");
    let Some(entry) = section.entry("media") else {
        section.missing("media", why);
        return Vec::new();
    };
    let given = match &entry.node.value {
        Value::List(items) if items.is_empty() => {
            section.cx.error(entry.node.place, said!("`{}` is empty", section.name_of("media")), why);
            return Vec::new();
        }
        Value::List(_) => section.texts("media"),
        Value::Text(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_)
        | Value::Table(_)
        | Value::Untyped(_) => {
            section.text("media").map(|at| At { value: at.value.to_owned(), place: at.place }).into_iter().collect()
        }
    };
    let mut media: Vec<At<MediaType>> = Vec::new();
    for At { value, place } in &given {
        let Some(parsed) = section.one_of::<MediaType>("media", At { value, place: *place }) else { continue };
        if media.iter().any(|other| other.value == parsed) {
            section.cx.error(*place, said!("{} is named twice", parsed.label()), said!("name it once"));
        } else {
            media.push(At { value: parsed, place: *place });
        }
    }
    media
}

fn check_media(section: &Section<'_>, kind: What, media: &[At<MediaType>]) {
    for At { value, place } in media {
        if kind.media().contains(value) {
            continue;
        }
        let allowed = joined(kind.media().iter().map(|it| it.label().to_owned()));
        let help = match kind {
            What::Requeue => said!("it is for {}; for speech the kind is `speech_requeue`, with a `target`", allowed),
            What::SpeechRequeue => said!("it is for {}; for text the kind is `requeue`, with a `queue`", allowed),
            What::Callback | What::External | What::PushUrl => said!("it is for {} only", allowed),
        };
        section.cx.error(*place, said!("this kind of action does not work for {}", value.label()), help);
    }
}

fn effect(section: &mut Section<'_>, kind: What) -> Option<ActionKind> {
    Some(match kind {
        What::Requeue => ActionKind::Requeue {
            queue: section.required_name::<QueueId>("queue", said!("name the queue that the contact goes to"))?.value,
        },
        What::SpeechRequeue => ActionKind::SpeechRequeue {
            target: section
                .required_name::<SpeechTargetId>("target", said!("name the target that the call goes to"))?
                .value,
        },
        What::Callback => {
            let queue = section.required_name::<QueueId>("queue", said!("name the queue that calls back"));
            let phone = parameter(section, "phone_parameter", &said!("the customer's phone number"));
            let time = parameter(section, "time_parameter", &said!("the time to call at"));
            ActionKind::Callback { queue: queue?.value, phone_parameter: phone?, time_parameter: time? }
        }
        What::External => {
            ActionKind::External { uri: address(section, "uri", "uri_parameter", &said!("the address to ask"))? }
        }
        What::PushUrl => {
            ActionKind::PushUrl { url: address(section, "url", "url_parameter", &said!("the page to show"))? }
        }
    })
}

/// One of the two: the address itself, or the engine's parameter that holds it.
fn address(section: &mut Section<'_>, own: &'static str, named: &'static str, holds: &Said) -> Option<Address> {
    if !section.has(own) {
        section.know(&[own]);
        return parameter(section, named, holds).map(Address::Parameter);
    }
    let At { value, place } = section.text(own)?;
    if let Some(other) = section.entry(named) {
        let message = said!("`{}` beside `{}`", section.name_of(named), section.name_of(own));
        section.cx.error(
            other.key,
            message,
            said!("keep one: an address of the configuration's is not the engine's to choose"),
        );
    }
    if action::names_somebody(value) {
        let message = said!("`{}` holds a user name or a password", section.name_of(own));
        section.cx.error(
            place,
            message,
            said!(
                "leave it out: whoever may look at the actions sees their addresses, and no external system is called by one"),
        );
        return None;
    }
    match action::web_address(&value.into()) {
        Ok(address) => Some(Address::Fixed(address)),
        Err(problem) => {
            let message = said!("`{}` {}", section.name_of(own), problem);
            section.cx.error(place, message, said!("write it as \"https://host/path\""));
            None
        }
    }
}

fn parameter(section: &mut Section<'_>, key: &'static str, holds: &Said) -> Option<String> {
    let why = said!("name the engine's parameter that holds {}", holds);
    section.required(key, why).map(|at| at.value.to_owned())
}
