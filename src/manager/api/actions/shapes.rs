//! An action as JSON: what comes of it, and how it is put to language models.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::{contacts::MediaType, problem::Problem};
use crate::{
    core::{
        action::{ActionKind, ActionRule, Offer, What},
        message,
    },
    manager::building::{Form, Parameter},
};

/// As many as the validation takes.
const MAX_PARAMETERS: usize = 32;

/// What comes of it. Of an address and the parameter that holds one there is one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(in crate::manager::api) enum Does {
    /// The contact goes to a person by a queue.
    Requeue { queue: String },
    /// The call goes to a person by a target.
    SpeechRequeue { target: String },
    /// A person calls back.
    Callback { queue: String, phone_parameter: String, time_parameter: String },
    /// Another system is asked, and its answer said.
    External {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        uri_parameter: Option<String>,
    },
    /// A page is shown in the customer's browser.
    PushUrl {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url_parameter: Option<String>,
    },
}

impl Does {
    fn of(form: &Form) -> Self {
        let own = |key: &str| form.own(key).to_owned();
        let one = |key: &str| Some(own(key)).filter(|it| !it.is_empty());
        match form.kind {
            What::Requeue => Self::Requeue { queue: own("queue") },
            What::SpeechRequeue => Self::SpeechRequeue { target: own("target") },
            What::Callback => Self::Callback {
                queue: own("queue"),
                phone_parameter: own("phone_parameter"),
                time_parameter: own("time_parameter"),
            },
            What::External => Self::External { uri: one("uri"), uri_parameter: one("uri_parameter") },
            What::PushUrl => Self::PushUrl { url: one("url"), url_parameter: one("url_parameter") },
        }
    }

    fn own(self) -> (What, BTreeMap<&'static str, String>) {
        let (kind, own) = match self {
            Self::Requeue { queue } => (What::Requeue, vec![("queue", queue)]),
            Self::SpeechRequeue { target } => (What::SpeechRequeue, vec![("target", target)]),
            Self::Callback { queue, phone_parameter, time_parameter } => (
                What::Callback,
                vec![("queue", queue), ("phone_parameter", phone_parameter), ("time_parameter", time_parameter)],
            ),
            Self::External { uri, uri_parameter } => (
                What::External,
                vec![("uri", uri.unwrap_or_default()), ("uri_parameter", uri_parameter.unwrap_or_default())],
            ),
            Self::PushUrl { url, url_parameter } => (
                What::PushUrl,
                vec![("url", url.unwrap_or_default()), ("url_parameter", url_parameter.unwrap_or_default())],
            ),
        };
        (kind, own.into_iter().filter(|it| !it.1.is_empty()).collect())
    }
}

impl From<&ActionKind> for Does {
    fn from(kind: &ActionKind) -> Self {
        let (name, media) = (String::new(), message::MediaType::OpenMedia);
        Self::of(&Form::of_rule(&ActionRule { name, media, kind: kind.clone(), offer: Offer::default() }))
    }
}

/// What a parameter holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Holds {
    #[default]
    String,
    Number,
    Integer,
    Boolean,
    DateTime,
    Phone,
    Enum,
}

impl Holds {
    const ALL: [(&'static str, Self); 7] = [
        ("string", Self::String),
        ("number", Self::Number),
        ("integer", Self::Integer),
        ("boolean", Self::Boolean),
        ("date_time", Self::DateTime),
        ("phone", Self::Phone),
        ("enum", Self::Enum),
    ];

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
    fn is_text(&self) -> bool {
        *self == Self::String
    }

    fn label(self) -> &'static str {
        Self::ALL.iter().find(|it| it.1 == self).map_or("", |it| it.0)
    }

    fn of(label: &str) -> Self {
        Self::ALL.iter().find(|it| it.0 == label).map_or(Self::String, |it| it.1)
    }
}

/// A parameter as a language model is told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ActionParameter")]
struct Given {
    name: String,
    #[serde(default, skip_serializing_if = "Holds::is_text")]
    r#type: Holds,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    required: bool,
    /// Of the type `enum`: one line each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
}

/// An action as it is built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "BuiltAction")]
pub(super) struct Built {
    /// To the letter what the language engine sends.
    name: String,
    /// For which contacts.
    media: Vec<MediaType>,
    does: Does,
    /// For language models: when to ask for it, and what comes of it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_PARAMETERS))]
    parameters: Vec<Given>,
}

impl Built {
    pub(super) fn of(form: &Form) -> Self {
        let given = form.parameters.iter().map(|it| Given {
            name: it.name.clone(),
            r#type: Holds::of(&it.holds),
            description: it.description.clone(),
            required: it.required,
            values: it.values.lines().map(str::to_owned).collect(),
        });
        Self {
            name: form.name.clone(),
            media: form.media.iter().copied().map(MediaType::from).collect(),
            does: Does::of(form),
            description: form.description.clone(),
            parameters: given.collect(),
        }
    }

    pub(super) fn form(self) -> Result<Form, Problem> {
        let (kind, own) = self.does.own();
        let lines = |at: usize, it: &Given| {
            let bad = it.values.iter().position(|it| it.trim().is_empty() || it.contains(['\n', '\r']));
            bad.map(|value| {
                Problem::field(&format!("parameters[{at}].values[{value}]"), "a value is one line that is not empty")
            })
        };
        if let Some(problem) = self.parameters.iter().enumerate().find_map(|(at, it)| lines(at, it)) {
            return Err(problem);
        }
        let mut media: Vec<message::MediaType> = Vec::new();
        for it in self.media.into_iter().map(message::MediaType::from) {
            if !media.contains(&it) {
                media.push(it);
            }
        }
        let parameters = self.parameters.into_iter().map(|it| Parameter {
            name: it.name,
            // The default need not be written.
            holds: if it.r#type == Holds::String { String::new() } else { it.r#type.label().to_owned() },
            description: it.description,
            required: it.required,
            values: it.values.join("\n"),
        });
        Ok(Form { kind, name: self.name, media, own, description: self.description, parameters: parameters.collect() })
    }
}
