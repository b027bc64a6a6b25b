//! How actions are put to engines that choose among what they are offered: descriptions, and parameters with their types.

use super::{
    section::{At, Section},
    settings::Engines,
};
use crate::core::{
    action::{self, ActionKind, ActionRule, Address, Holds, Offer, OfferedParameter},
    message::MediaType,
    said::said,
};

const MAX_DESCRIPTION_CHARACTERS: usize = 1024;
const MAX_PARAMETERS: usize = 32;
const MAX_VALUES: usize = 64;
/// What every server takes as the name of a property.
const MAX_NAME_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum Type {
    String,
    Number,
    Integer,
    Boolean,
    DateTime,
    Phone,
    Enum,
}

/// A model that has to choose among more chooses badly.
const MAX_OFFERS: usize = 20;

/// What an engine that chooses among the profile's actions cannot be offered, or not well.
pub(super) fn check(root: &Section<'_>, engines: Option<&Engines>, own: &[At<ActionRule>], units: &[ActionRule]) {
    if !engines.is_some_and(|it| it.all().any(|(_, engine)| engine.schema.is_offered_actions())) {
        return;
    }
    let all = || own.iter().map(|it| (&it.value, it.place)).chain(units.iter().map(|it| (it, root.place)));
    let mut told: Vec<&str> = Vec::new();
    for (rule, place) in all() {
        let Some(parameter) = rule.free_address().filter(|_| !told.contains(&rule.name.as_str())) else { continue };
        told.push(&rule.name);
        let key = if matches!(rule.kind, ActionKind::External { .. }) { "uri" } else { "url" };
        let message =
            said!("action `{}` is not offered to the language model, which would invent an address", rule.name);
        let help =
            said!("fix it with `{}`, or list the addresses: a parameter `{}` with type = \"enum\"", key, parameter);
        root.cx.warn(place, message, help);
    }
    for media in [MediaType::OpenMedia, MediaType::WebInteraction, MediaType::Speech] {
        let count = all().filter(|(rule, _)| rule.media == media && rule.free_address().is_none()).count();
        if count > MAX_OFFERS {
            let message = said!("a language model chooses among {} actions for one medium", count);
            root.cx.warn(root.place, message, said!("models choose well among up to {}: offer fewer", MAX_OFFERS));
        }
    }
}

/// Reads an action's `description` and `[[action.parameter]]`. `kind`: as far as it could be read.
pub(super) fn offer(section: &mut Section<'_>, kind: Option<&ActionKind>) -> Offer {
    let mut parameters: Vec<OfferedParameter> = Vec::new();
    let description = description(section);
    for mut own in section.sections("parameter") {
        let place = own.place;
        let read = parameter(&mut own, kind);
        own.finish();
        let Some(At { value: read, place: named }) = read else { continue };
        if parameters.iter().any(|other| other.name == read.name) {
            section.cx.error(named, said!("parameter `{}` is there already", read.name), said!("name each once"));
        } else if parameters.len() == MAX_PARAMETERS {
            section.cx.error(
                place,
                said!("more than {} parameters", MAX_PARAMETERS),
                said!("no engine fills in so many"),
            );
        } else {
            parameters.push(read);
        }
    }
    Offer { description, parameters }
}

fn description(section: &mut Section<'_>) -> String {
    let Some(At { value, place }) = section.text("description") else { return String::new() };
    let name = section.name_of("description");
    if value.chars().count() > MAX_DESCRIPTION_CHARACTERS {
        let message = said!("`{}` is longer than {} characters", name, MAX_DESCRIPTION_CHARACTERS);
        section.cx.error(place, message, said!("shorten it"));
    } else if value.chars().any(|c| c.is_control() && c != '\n') {
        section.cx.error(place, said!("`{}` contains a control character", name), said!("only line ends are allowed"));
    }
    value.trim().to_owned()
}

fn parameter(section: &mut Section<'_>, kind: Option<&ActionKind>) -> Option<At<OfferedParameter>> {
    let name = section.required("name", said!("a parameter needs the exact name under which its value is passed on"));
    let typed = match section.has("type") {
        true => section.choice("type"),
        false => {
            section.know(&["type"]);
            Some(Type::String)
        }
    };
    let values = section.texts("values");
    let description = description(section);
    let required = section.flag("required");
    let (At { value: name, place }, typed) = (name?, typed?);
    if name.len() > MAX_NAME_BYTES || !name.bytes().all(|it| it.is_ascii_alphanumeric() || b"_-.".contains(&it)) {
        let message = said!("`{}` cannot be `{}`", section.name_of("name"), name);
        let help = said!("write 1 to {} letters, digits, `_`, `-`, `.`", MAX_NAME_BYTES);
        section.cx.error(place, message, help);
        return None;
    }
    let holds = holds(section, typed, values)?;
    check_kind(section, kind, (name, place), &holds);
    Some(At { value: OfferedParameter { name: name.to_owned(), holds, description, required }, place })
}

fn holds(section: &Section<'_>, typed: Type, values: Vec<At<String>>) -> Option<Holds> {
    let holds = match typed {
        Type::String => Holds::Text,
        Type::Number => Holds::Number,
        Type::Integer => Holds::Integer,
        Type::Boolean => Holds::Flag,
        Type::DateTime => Holds::DateTime,
        Type::Phone => Holds::Phone,
        Type::Enum => return one_of(section, values),
    };
    if let Some(first) = values.first() {
        let message = said!("`{}` is for `type = \"enum\"`", section.name_of("values"));
        section.cx.error(first.place, message, said!("take it out, or change the type"));
        return None;
    }
    Some(holds)
}

fn one_of(section: &Section<'_>, values: Vec<At<String>>) -> Option<Holds> {
    if values.is_empty() {
        section.missing("values", said!("list what the engine may choose from: values = [\"a\", \"b\"]"));
        return None;
    }
    let name = section.name_of("values");
    let mut all: Vec<String> = Vec::new();
    for At { value, place } in values {
        if all.len() == MAX_VALUES {
            section.cx.error(place, said!("`{}` has more than {} entries", name, MAX_VALUES), said!("take some out"));
            break;
        }
        if value.trim().is_empty() || value.chars().any(char::is_control) || value.len() > 2048 {
            section.cx.error(
                place,
                said!("`{}` has an entry that is no value", name),
                said!("write texts of one line each"),
            );
        } else if all.contains(&value) {
            section.cx.error(place, said!("`{}` is named twice", value), said!("name it once"));
        } else {
            all.push(value);
        }
    }
    Some(Holds::OneOf(all))
}

/// What the action's own keys name has a type by what it is for.
fn check_kind(
    section: &Section<'_>,
    kind: Option<&ActionKind>,
    (name, place): (&str, super::document::Place),
    holds: &Holds,
) {
    let is = |parameter: &str| parameter == name;
    let expected = match kind {
        Some(ActionKind::Callback { phone_parameter, .. }) if is(phone_parameter) && *holds != Holds::Phone => {
            said!("it holds the phone number: type = \"phone\"")
        }
        Some(ActionKind::Callback { time_parameter, .. }) if is(time_parameter) && *holds != Holds::DateTime => {
            said!("it holds the time to call at: type = \"date_time\"")
        }
        Some(
            ActionKind::External { uri: Address::Parameter(address) }
            | ActionKind::PushUrl { url: Address::Parameter(address) },
        ) if is(address) => match holds {
            Holds::OneOf(values) => {
                let is_bad =
                    |it: &String| action::names_somebody(it) || action::web_address(&it.as_str().into()).is_err();
                if !values.iter().any(is_bad) {
                    return;
                }
                said!(
                    "it holds an address: each of `values` must be one, such as \"https://host/path\", without user and password"
                )
            }
            Holds::Text | Holds::Number | Holds::Integer | Holds::Flag | Holds::DateTime | Holds::Phone => {
                said!("it holds an address: list those that may be chosen, with type = \"enum\" and `values`")
            }
        },
        Some(
            ActionKind::Requeue { .. }
            | ActionKind::SpeechRequeue { .. }
            | ActionKind::Callback { .. }
            | ActionKind::External { .. }
            | ActionKind::PushUrl { .. },
        )
        | None => return,
    };
    section.cx.error(place, said!("parameter `{}` has a type that does not fit its action", name), expected);
}
