//! Actions of business units and profiles (S17–S24).

use super::{
    offers,
    section::{At, Section},
    tree::Value,
};
use crate::core::{
    action::{self, ActionKind, ActionRule, Address, What},
    ids::{QueueId, SpeechTargetId},
    message::MediaType,
};

const MAX_NAME_CHARACTERS: usize = 256;
const KEYS_OF_KINDS: &[&str] =
    &["queue", "target", "phone_parameter", "time_parameter", "uri", "uri_parameter", "url", "url_parameter"];

/// Reads `[[action]]`: one rule per medium. Names are unique per medium within this one list.
pub(super) fn actions(scope: &mut Section<'_>) -> Vec<At<ActionRule>> {
    let mut rules: Vec<At<ActionRule>> = Vec::new();
    for mut section in scope.sections("action") {
        let name = section.required("name", "an action needs the exact name that the language engine sends");
        let media = media(&mut section);
        let kind: Option<What> = section
            .required("kind", "say what it does: requeue, speech_requeue, callback, external or push_url")
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
            let message = format!("the action's name is longer than {MAX_NAME_CHARACTERS} characters");
            scope.cx.error(name.place, message, "language engines send shorter ones");
        }
        for At { value: media, .. } in media {
            let (kind, offer) = (effect.clone(), offer.clone());
            let rule = ActionRule { name: name.value.to_owned(), media, kind, offer };
            if let Some(first) = rules.iter().find(|it| it.value.media == rule.media && it.value.name == rule.name) {
                let message = format!(
                    "action `{}` for {} is already at {}",
                    rule.name,
                    media.label(),
                    scope.cx.origin(first.place)
                );
                scope.cx.error(name.place, message, "keep one of the two, or give them different names or media");
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
    let why = "say for which contacts: openmedia, webinteraction, speech, or a list of them";
    let Some(entry) = section.entry("media") else {
        section.missing("media", why);
        return Vec::new();
    };
    let given = match &entry.node.value {
        Value::List(items) if items.is_empty() => {
            section.cx.error(entry.node.place, format!("`{}` is empty", section.name_of("media")), why);
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
            section.cx.error(*place, format!("{} is named twice", parsed.label()), "name it once");
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
        let allowed = kind.media().iter().map(|it| it.label()).collect::<Vec<_>>().join(" and ");
        let help = match kind {
            What::Requeue => format!("it is for {allowed}; for speech the kind is `speech_requeue`, with a `target`"),
            What::SpeechRequeue => format!("it is for {allowed}; for text the kind is `requeue`, with a `queue`"),
            What::Callback | What::External | What::PushUrl => format!("it is for {allowed} only"),
        };
        section.cx.error(*place, format!("this kind of action does not work for {}", value.label()), help);
    }
}

fn effect(section: &mut Section<'_>, kind: What) -> Option<ActionKind> {
    Some(match kind {
        What::Requeue => ActionKind::Requeue {
            queue: section.required_name::<QueueId>("queue", "name the queue that the contact goes to")?.value,
        },
        What::SpeechRequeue => ActionKind::SpeechRequeue {
            target: section.required_name::<SpeechTargetId>("target", "name the target that the call goes to")?.value,
        },
        What::Callback => {
            let queue = section.required_name::<QueueId>("queue", "name the queue that calls back");
            let phone = parameter(section, "phone_parameter", "the customer's phone number");
            let time = parameter(section, "time_parameter", "the time to call at");
            ActionKind::Callback { queue: queue?.value, phone_parameter: phone?, time_parameter: time? }
        }
        What::External => ActionKind::External { uri: address(section, "uri", "uri_parameter", "the address to ask")? },
        What::PushUrl => ActionKind::PushUrl { url: address(section, "url", "url_parameter", "the page to show")? },
    })
}

/// One of the two: the address itself, or the engine's parameter that holds it.
fn address(section: &mut Section<'_>, own: &'static str, named: &'static str, holds: &str) -> Option<Address> {
    if !section.has(own) {
        section.know(&[own]);
        return parameter(section, named, holds).map(Address::Parameter);
    }
    let At { value, place } = section.text(own)?;
    if let Some(other) = section.entry(named) {
        let message = format!("`{}` beside `{}`", section.name_of(named), section.name_of(own));
        section.cx.error(
            other.key,
            message,
            "keep one: an address of the configuration's is not the engine's to choose",
        );
    }
    if action::names_somebody(value) {
        let message = format!("`{}` holds a user name or a password", section.name_of(own));
        section.cx.error(
            place,
            message,
            "leave it out: whoever may look at the actions sees their addresses, and no external system is called by one",
        );
        return None;
    }
    match action::web_address(&value.into()) {
        Ok(address) => Some(Address::Fixed(address)),
        Err(problem) => {
            let message = format!("`{}` {problem}", section.name_of(own));
            section.cx.error(place, message, "write it as \"https://host/path\"");
            None
        }
    }
}

fn parameter(section: &mut Section<'_>, key: &'static str, holds: &str) -> Option<String> {
    let why = format!("name the engine's parameter that holds {holds}");
    section.required(key, &why).map(|at| at.value.to_owned())
}
