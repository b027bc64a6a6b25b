//! What a profile of a type can set: each setting's meaning, its bounds and its default, from what the form is made of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    asked::Named,
    operation::{Call, Draft, Operation},
    problem::{Kind, Problem},
    told::Shown,
};
use crate::{
    config::schema::Form,
    manager::{
        drafting,
        form::{self, Control, Entry},
        people::Role,
    },
};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        Draft::get("/profile-types", Role::Viewer, "listProfileTypes")
            .says("The types that a profile can be of", "Each is a kind of language engine.")
            .by(list),
        Draft::get("/profile-types/{type}", Role::Viewer, "getProfileType")
            .says("What a profile of a type can set", "Each setting by its path, with what it means, what it may be and what holds while it is not set. Those of a standby, a canary or a shadow are the same, below their own paths.")
            .by(show),
    ]
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProfileType {
    r#type: String,
    /// As people call it.
    title: String,
}

#[derive(Debug, Serialize, JsonSchema)]
struct ProfileTypes {
    types: Vec<ProfileType>,
}

async fn list(call: Call, (): ()) -> Result<Shown<ProfileTypes>, Problem> {
    let kinds = call.manager.house.kinds().into_iter();
    let types = kinds.map(|it| ProfileType { r#type: it.kind.to_owned(), title: it.title.to_owned() }).collect();
    Ok(Shown(ProfileTypes { types }))
}

#[derive(Debug, Deserialize, JsonSchema)]
struct OfType {
    #[schemars(length(min = 1, max = 64), extend("examples" = ["dialogflow-v2"]))]
    r#type: String,
}

/// What is sent.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Holds {
    Text,
    /// Sent as it is, and sealed before it is kept.
    Secret,
    /// `http` or `https`.
    Url,
    Choice,
    Integer,
    Decimal,
    Boolean,
    ListOfTexts,
    /// A business unit's name.
    Unit,
    /// A type of language engine.
    Type,
}

/// What may be sent.
#[derive(Debug, Serialize, JsonSchema)]
struct Bounds {
    holds: Holds,
    /// Of a text: characters; of a list: entries.
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    choices: Vec<&'static str>,
}

impl Bounds {
    const fn of(holds: Holds) -> Self {
        Self { holds, most: None, min: None, max: None, choices: Vec::new() }
    }

    #[expect(clippy::cast_precision_loss, reason = "no bound is beyond what a float tells exactly")]
    fn of_form(form: Form) -> Self {
        match form {
            Form::Text(most) | Form::LongText(most) | Form::Segment(most) => {
                Self { most: Some(most), ..Self::of(Holds::Text) }
            }
            Form::Secret | Form::ServiceAccount => Self::of(Holds::Secret),
            Form::Endpoint | Form::Url | Form::Proxy => Self::of(Holds::Url),
            Form::Choice(choices) => Self { choices: choices.to_vec(), ..Self::of(Holds::Choice) },
            Form::Number(min, max) | Form::Millis(min, max) | Form::Seconds(min, max) => {
                Self { min: Some(min as f64), max: Some(max as f64), ..Self::of(Holds::Integer) }
            }
            Form::Decimal(min, max) => Self { min: Some(min), max: Some(max), ..Self::of(Holds::Decimal) },
            Form::Flag => Self::of(Holds::Boolean),
            Form::Texts(most) => Self { most: Some(most), ..Self::of(Holds::ListOfTexts) },
        }
    }

    fn of_control(control: Control) -> Self {
        match control {
            Control::Of(form) => Self::of_form(form),
            Control::Unit => Self::of(Holds::Unit),
            Control::Kind(_) => Self::of(Holds::Type),
            Control::Switch => Self::of(Holds::Boolean),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SettingOfType")]
struct Setting {
    /// Its path, as settings are named by.
    key: String,
    /// As people call it.
    label: String,
    /// What it means.
    help: &'static str,
    #[serde(flatten)]
    bounds: Bounds,
    /// It has to be set.
    required: bool,
    /// What holds while it is not set, as somebody would type it; `null`: nothing.
    default: Option<String>,
}

impl From<Entry> for Setting {
    fn from(it: Entry) -> Self {
        Self {
            key: it.path,
            label: it.label.into_owned(),
            help: it.help,
            bounds: Bounds::of_control(it.control),
            required: it.is_required,
            default: it.default,
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct TypeSettings {
    r#type: String,
    title: String,
    settings: Vec<Setting>,
}

async fn show(call: Call, Named(OfType { r#type: kind }): Named<OfType>) -> Result<Shown<TypeSettings>, Problem> {
    let known = drafting::known(&call.manager);
    let schema = known.kinds.iter().find(|it| it.kind == kind);
    let schema = schema.ok_or_else(|| Kind::NotFound.says("there is no such type of profiles"))?;
    let blocks = form::blocks(&drafting::begun("", schema.kind), &known);
    let settings = blocks.into_iter().flat_map(|it| it.entries).map(Setting::from).collect();
    Ok(Shown(TypeSettings { r#type: schema.kind.to_owned(), title: schema.title.to_owned(), settings }))
}
