//! Two forms of one action: what of it somebody else has made otherwise meanwhile, field by field.

use std::collections::BTreeSet;

use super::building::{Form, Parameter, keys};

/// A field that differs, and what it is there; empty: it is not set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) field: Differing,
    pub(super) now: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Differing {
    /// By its name in the form.
    Field(&'static str),
    /// By its own name.
    Parameter(String),
}

/// What somebody else has made otherwise than what was typed. `seen`: what both began with; without it everything that differs counts.
pub(super) fn differences(seen: Option<&Form>, typed: &Form, there: &Form) -> Vec<Other> {
    let mut list = between(typed, there);
    if let Some(seen) = seen {
        let theirs = between(seen, there);
        list.retain(|it| theirs.contains(it));
    }
    list
}

fn between(typed: &Form, there: &Form) -> Vec<Other> {
    let mut list = Vec::new();
    let mut field = |name: &'static str, typed: String, now: String| {
        if typed != now {
            list.push(Other { field: Differing::Field(name), now });
        }
    };
    field("kind", typed.kind.label().to_owned(), there.kind.label().to_owned());
    field("name", typed.name.clone(), there.name.clone());
    field("media", media(typed), media(there));
    let own: BTreeSet<&'static str> = keys(typed.kind).iter().chain(keys(there.kind)).copied().collect();
    for key in own {
        field(key, typed.own(key).to_owned(), there.own(key).to_owned());
    }
    field("description", typed.description.clone(), there.description.clone());
    let names: BTreeSet<&str> = typed.parameters.iter().chain(&there.parameters).map(|it| it.name.as_str()).collect();
    for name in names {
        let (typed, now) = (parameter(typed, name), parameter(there, name));
        if typed != now {
            list.push(Other { field: Differing::Parameter(name.to_owned()), now });
        }
    }
    list
}

fn media(form: &Form) -> String {
    let named: BTreeSet<&str> = form.media.iter().map(|it| it.label()).collect();
    named.into_iter().collect::<Vec<_>>().join(", ")
}

/// In one line; empty: there is none of that name.
fn parameter(form: &Form, name: &str) -> String {
    let line = |it: &Parameter| {
        let holds = if it.holds.is_empty() { "string" } else { &it.holds };
        let required = if it.required { "required" } else { "" };
        let values = it.values.lines().map(str::trim).filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" | ");
        let parts = [holds, required, &it.description, &values];
        parts.into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ")
    };
    form.parameters.iter().find(|it| it.name == name).map(line).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::{action::What, message::MediaType};

    #[test]
    fn whatever_differs_is_told_and_nothing_else() {
        let named = |name: &str, holds: &str| Parameter {
            name: name.to_owned(),
            holds: holds.to_owned(),
            ..Parameter::default()
        };
        let typed = Form {
            name: "a".to_owned(),
            media: vec![MediaType::OpenMedia, MediaType::WebInteraction],
            own: [("queue", "desk".to_owned())].into(),
            parameters: vec![named("why", ""), named("mine", "string")],
            ..Form::new(What::Requeue)
        };
        let same = Form {
            media: vec![MediaType::WebInteraction, MediaType::OpenMedia],
            parameters: vec![named("mine", "string"), named("why", "string")],
            ..typed.clone()
        };
        assert_eq!(differences(None, &typed, &same), []);
        let there = Form {
            media: vec![MediaType::OpenMedia],
            own: [("queue", "people".to_owned())].into(),
            description: "New.".to_owned(),
            parameters: vec![Parameter { required: true, values: "x\ny".to_owned(), ..named("why", "enum") }],
            ..typed.clone()
        };
        let told: Vec<_> = differences(None, &typed, &there).into_iter().map(|it| (it.field, it.now)).collect();
        let field = |name, now: &str| (Differing::Field(name), now.to_owned());
        let parameter = |name: &str, now: &str| (Differing::Parameter(name.to_owned()), now.to_owned());
        let expected = [
            field("media", "openmedia"),
            field("queue", "people"),
            field("description", "New."),
            parameter("mine", ""),
            parameter("why", "enum, required, x | y"),
        ];
        assert_eq!(told, expected);
    }
    #[test]
    fn what_only_you_have_changed_is_not_told_as_another_s() {
        let form = |queue: &str, description: &str| Form {
            name: "a".to_owned(),
            own: [("queue", queue.to_owned())].into(),
            description: description.to_owned(),
            ..Form::new(What::Requeue)
        };
        let (seen, typed) = (form("desk", ""), form("mine", ""));
        assert_eq!(differences(Some(&seen), &typed, &seen), []);
        let of =
            |there: &Form| differences(Some(&seen), &typed, there).into_iter().map(|it| it.now).collect::<Vec<_>>();
        assert_eq!(of(&form("desk", "Theirs.")), ["Theirs."]);
        assert_eq!(of(&form("theirs", "")), ["theirs"]);
        assert_eq!(of(&form("mine", "")), Vec::<String>::new(), "both have made it the same");
    }
}
