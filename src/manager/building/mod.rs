//! Actions as forms build them (S17–S23): looked through, and written back into the text of their owner.
//!
//! [`listed`] finds them there. Whatever else is wrong with one the validation finds, as it does with files; what it finds is led back to the field.

mod listed;

use std::collections::BTreeMap;

use super::{Manager, estate::moved_on, owner::Owner, ports::Refusal};
use crate::{
    config::{
        Finding, Severity,
        draft::{DraftError, path_at},
        settings::AllowedHost,
    },
    core::{
        action::{ActionKind, ActionRule, Address, Holds, Offer, OfferedParameter, What},
        ids::{QueueId, SpeechTargetId},
        message::MediaType,
    },
    egress,
    gateway::storage::Document,
};
pub(super) use listed::action_in;
use listed::rewritten;

/// Types of parameters.
pub(super) const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "date_time", "phone", "enum"];

/// What an action is known by.
pub(super) type Key = (MediaType, String);

/// An action as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) kind: What,
    pub(super) name: String,
    pub(super) media: Vec<MediaType>,
    /// What its kind has, by its key; what is empty is not written.
    pub(super) own: BTreeMap<&'static str, String>,
    pub(super) description: String,
    pub(super) parameters: Vec<Parameter>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parameter {
    pub(super) name: String,
    /// One of [`TYPES`]; empty: the default.
    pub(super) holds: String,
    pub(super) description: String,
    pub(super) required: bool,
    /// One a line.
    pub(super) values: String,
}

/// What a kind of action is made of. Of two, one: whence an address comes.
pub(super) const fn keys(kind: What) -> &'static [&'static str] {
    match kind {
        What::Requeue => &["queue"],
        What::SpeechRequeue => &["target"],
        What::Callback => &["queue", "phone_parameter", "time_parameter"],
        What::External => &["uri_parameter", "uri"],
        What::PushUrl => &["url_parameter", "url"],
    }
}

/// What is wrong with a form, before any validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Missing,
    NoMedia,
    /// The kind is not for it.
    Media(MediaType),
    /// Another action of the owner has the name for these contacts (S18).
    Taken(MediaType),
    /// Neither a parameter nor an address of its own, or both.
    OneOfTwo,
    /// No address could name it.
    Dots,
}

/// Why it was not saved.
#[derive(Debug)]
pub(super) enum Trouble {
    /// By the fields' names.
    Flaws(Vec<(String, Flaw)>),
    Invalid {
        fields: Vec<(String, Finding)>,
        others: Vec<Finding>,
    },
    /// The action is not there any more.
    Gone,
    Draft(DraftError),
    Refused(Refusal),
}

impl Form {
    pub(super) fn new(kind: What) -> Self {
        Self {
            kind,
            name: String::new(),
            media: Vec::new(),
            own: BTreeMap::new(),
            description: String::new(),
            parameters: Vec::new(),
        }
    }

    /// As an action in force has it, for one that is to take its place.
    pub(super) fn of_rule(rule: &ActionRule) -> Self {
        let own: Vec<(&'static str, String)> = match &rule.kind {
            ActionKind::Requeue { queue } => vec![("queue", queue.to_string())],
            ActionKind::SpeechRequeue { target } => vec![("target", target.to_string())],
            ActionKind::Callback { queue, phone_parameter, time_parameter } => vec![
                ("queue", queue.to_string()),
                ("phone_parameter", phone_parameter.clone()),
                ("time_parameter", time_parameter.clone()),
            ],
            ActionKind::External { uri: Address::Fixed(uri) } => vec![("uri", uri.clone())],
            ActionKind::External { uri: Address::Parameter(name) } => vec![("uri_parameter", name.clone())],
            ActionKind::PushUrl { url: Address::Fixed(url) } => vec![("url", url.clone())],
            ActionKind::PushUrl { url: Address::Parameter(name) } => vec![("url_parameter", name.clone())],
        };
        Self {
            kind: rule.kind.what(),
            name: rule.name.clone(),
            media: vec![rule.media],
            own: own.into_iter().collect(),
            description: rule.offer.description.clone(),
            parameters: rule.offer.parameters.iter().map(Parameter::of).collect(),
        }
    }

    pub(super) fn own(&self, key: &str) -> &str {
        self.own.get(key).map_or("", String::as_str)
    }

    /// By the fields' names. `taken`: of the same text's other actions.
    fn flaws(&self, taken: &[Key]) -> Vec<(String, Flaw)> {
        let mut flaws = Vec::new();
        let mut flaw = |field: &str, flaw| flaws.push((field.to_owned(), flaw));
        if self.name.is_empty() {
            flaw("name", Flaw::Missing);
        }
        if let Some((media, _)) = taken.iter().find(|it| it.1 == self.name && self.media.contains(&it.0)) {
            flaw("name", Flaw::Taken(*media));
        }
        if self.media.is_empty() {
            flaw("media", Flaw::NoMedia);
        }
        if let Some(other) = self.media.iter().find(|it| !self.kind.media().contains(it)) {
            flaw("media", Flaw::Media(*other));
        }
        match self.kind {
            What::Requeue | What::SpeechRequeue | What::Callback => {
                for key in keys(self.kind).iter().filter(|it| self.own(it).is_empty()) {
                    flaw(key, Flaw::Missing);
                }
            }
            What::External | What::PushUrl => {
                let given = keys(self.kind).iter().filter(|it| !self.own(it).is_empty()).count();
                if let (true, Some(key)) = (given != 1, keys(self.kind).first()) {
                    flaw(key, Flaw::OneOfTwo);
                }
            }
        }
        flaws
    }
}

impl Parameter {
    fn of(offered: &OfferedParameter) -> Self {
        let (holds, values) = match &offered.holds {
            Holds::Text => ("string", String::new()),
            Holds::Number => ("number", String::new()),
            Holds::Integer => ("integer", String::new()),
            Holds::Flag => ("boolean", String::new()),
            Holds::DateTime => ("date_time", String::new()),
            Holds::Phone => ("phone", String::new()),
            Holds::OneOf(values) => ("enum", values.join("\n")),
        };
        let (name, description) = (offered.name.clone(), offered.description.clone());
        Self { name, holds: holds.to_owned(), description, required: offered.required, values }
    }
}

/// What is to become of an action.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order<'a> {
    Add(&'a Form),
    Change(&'a Key, &'a Form),
    Remove(&'a Key),
}

/// Carries it out, and yields the document's new version; `document` is the owner's, `version` the one that whoever wants it has seen.
pub(super) async fn carry_out(
    manager: &Manager,
    by: &str,
    owner: &Owner,
    (document, version): (Document, u64),
    order: Order<'_>,
) -> Result<u64, Trouble> {
    if document.version != version {
        return Err(Trouble::Refused(moved_on(document)));
    }
    let (text, place) = rewritten(&String::from_utf8_lossy(&document.body), owner.list(), order)?;
    match owner.write(manager, by, document, text.clone()).await {
        Ok(version) => Ok(version),
        Err(Refusal::Findings(list)) => Err(sorted(&text, (owner, place), list)),
        Err(other) => Err(Trouble::Refused(other)),
    }
}

/// What is found in the action's own entry belongs to its fields.
fn sorted(text: &str, (owner, place): (&Owner, Option<usize>), list: Vec<Finding>) -> Trouble {
    let (document, (mut fields, mut others)) = (owner.document(), (Vec::new(), Vec::new()));
    for finding in list.into_iter().filter(|it| it.severity == Severity::Error) {
        let own = finding.location.as_ref().filter(|it| it.file == document);
        let path = own.map(|at| path_at(text, at.line, at.column)).unwrap_or_default();
        let within = owner.list().iter().try_fold(path.as_slice(), |path, part| match path {
            [first, rest @ ..] if first == part => Some(rest),
            _ => None,
        });
        match (within, place) {
            (Some([at, field @ ..]), Some(place)) if *at == place.to_string() => {
                fields.push((field_of(field), finding));
            }
            _ => others.push(finding),
        }
    }
    Trouble::Invalid { fields, others }
}

/// What is missing is found at its table: its first field stands for it.
fn field_of(path: &[String]) -> String {
    match path {
        [] => "name".to_owned(),
        [list, row] if list == "parameter" => format!("parameter.{row}.name"),
        [list] if list == "parameter" => "parameter.0.name".to_owned(),
        other => other.join("."),
    }
}

/// What a form comes to, for each kind of contact; nothing while something mandatory is missing.
pub(super) fn rules(form: &Form) -> Vec<ActionRule> {
    let address = |own: &str, named: &str| match (form.own(own), form.own(named)) {
        ("", name) => Address::Parameter(name.to_owned()),
        (fixed, _) => Address::Fixed(fixed.to_owned()),
    };
    let kind = match form.kind {
        What::Requeue => QueueId::new(form.own("queue")).ok().map(|queue| ActionKind::Requeue { queue }),
        What::SpeechRequeue => {
            SpeechTargetId::new(form.own("target")).ok().map(|target| ActionKind::SpeechRequeue { target })
        }
        What::Callback => QueueId::new(form.own("queue")).ok().map(|queue| ActionKind::Callback {
            queue,
            phone_parameter: form.own("phone_parameter").to_owned(),
            time_parameter: form.own("time_parameter").to_owned(),
        }),
        What::External => Some(ActionKind::External { uri: address("uri", "uri_parameter") }),
        What::PushUrl => Some(ActionKind::PushUrl { url: address("url", "url_parameter") }),
    };
    let parameters = form.parameters.iter().map(|it| OfferedParameter {
        name: it.name.clone(),
        // No other type says which values there will be.
        holds: if it.holds == "enum" {
            Holds::OneOf(it.values.lines().map(str::to_owned).collect())
        } else {
            Holds::Text
        },
        description: it.description.clone(),
        required: it.required,
    });
    let offer = Offer { description: form.description.clone(), parameters: parameters.collect() };
    let rule =
        |media: &MediaType, kind| ActionRule { name: form.name.clone(), media: *media, kind, offer: offer.clone() };
    form.media.iter().filter_map(|media| Some(rule(media, kind.clone()?))).collect()
}

/// Why the allow-list does not let an external system be asked (B11): for each address that is known, if it is not.
pub(super) fn refused(allow: &[AllowedHost], rule: &ActionRule) -> Vec<String> {
    let ActionKind::External { uri } = &rule.kind else { return Vec::new() };
    let known: Vec<&str> = match uri {
        Address::Fixed(uri) => vec![uri],
        Address::Parameter(name) => {
            let own = rule.offer.parameters.iter().find(|it| it.name == *name);
            match own.map(|it| &it.holds) {
                Some(Holds::OneOf(values)) => values.iter().map(String::as_str).collect(),
                Some(Holds::Text | Holds::Number | Holds::Integer | Holds::Flag | Holds::DateTime | Holds::Phone)
                | None => Vec::new(),
            }
        }
    };
    known.into_iter().filter_map(|it| egress::allows(allow, it).err()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b11_an_address_is_held_against_the_allow_list() {
        let hosts = [AllowedHost {
            host: "a.example".to_owned(),
            port: None,
            private: false,
            plaintext: false,
            restore_tokens: false,
        }];
        let rule = |uri: Address| ActionRule {
            name: "status".to_owned(),
            media: MediaType::OpenMedia,
            kind: ActionKind::External { uri },
            offer: Offer::default(),
        };
        assert_eq!(refused(&hosts, &rule(Address::Fixed("https://a.example/x".to_owned()))), Vec::<String>::new());
        let told = refused(&hosts, &rule(Address::Fixed("https://b.example/x".to_owned())));
        assert!(matches!(told.as_slice(), [why] if why.contains("b.example")), "{told:?}");
        assert_eq!(refused(&[], &rule(Address::Parameter("uri".to_owned()))), Vec::<String>::new(), "not known before");
    }
}
