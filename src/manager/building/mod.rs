//! Actions as forms build them (S17–S23): read from a document, looked through, written back in their place.
//!
//! Whatever else is wrong with one the validation finds, as it does with files; what it finds is led back to the field.

use std::collections::BTreeMap;

use super::{
    Manager,
    ports::{ProfileOrder, Refusal},
};
use crate::{
    config::{
        Finding, Severity,
        draft::{Draft, DraftError, Value, path_at},
        settings::{AllowedHost, Profile},
    },
    core::{
        action::{ActionKind, ActionRule, Address, Holds, Offer, OfferedParameter, What},
        ids::{QueueId, SpeechTargetId},
        message::MediaType,
    },
    egress,
    gateway::storage::{Document, Expected},
};

/// Where a profile's document has them.
const LIST: &[&str] = &["action"];
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

/// All keys of all kinds: those of another kind are taken out.
const KEYS: [&str; 8] =
    ["queue", "target", "phone_parameter", "time_parameter", "uri", "uri_parameter", "url", "url_parameter"];

/// What is wrong with a form, before any validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    Missing,
    NoMedia,
    /// The kind is not for it.
    Media(MediaType),
    /// Another action of the profile has the name for these contacts (S18).
    Taken(MediaType),
    /// Neither a parameter nor an address of its own, or both.
    OneOfTwo,
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

    /// By the fields' names. `taken`: of the same document's other actions.
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

    /// The entry of a document's list.
    pub(super) fn read(draft: &Draft, at: usize) -> Option<Self> {
        let at = at.to_string();
        let text = |key: &str| draft.text(&["action", &at, key]).unwrap_or_default();
        let kind = What::of(&text("kind"))?;
        let count = draft.count(&["action", &at, "parameter"]);
        Some(Self {
            kind,
            name: text("name"),
            media: media_of(draft, &at),
            own: keys(kind).iter().map(|key| (*key, text(key))).filter(|it| !it.1.is_empty()).collect(),
            description: text("description"),
            parameters: (0..count).map(|row| Parameter::read(draft, &at, row)).collect(),
        })
    }

    /// Puts it where it was, or at the end of the list; yields its place.
    fn write(&self, draft: &mut Draft, at: Option<usize>) -> Result<usize, DraftError> {
        let place = at.unwrap_or_else(|| draft.count(LIST));
        if at.is_none() {
            draft.add(LIST, place)?;
        }
        let at = place.to_string();
        put(draft, &["action", &at, "name"], &self.name)?;
        let media: Vec<String> = self.media.iter().map(|it| it.label().to_owned()).collect();
        let media = if let [only] = media.as_slice() { Value::Text(only.clone()) } else { Value::Texts(media) };
        draft.set(&["action", &at, "media"], &media)?;
        put(draft, &["action", &at, "kind"], self.kind.label())?;
        for key in KEYS {
            let value = if keys(self.kind).contains(&key) { self.own(key) } else { "" };
            put(draft, &["action", &at, key], value)?;
        }
        put(draft, &["action", &at, "description"], &self.description)?;
        let list = ["action", &at, "parameter"];
        while draft.count(&list) > self.parameters.len() {
            draft.remove(&["action", &at, "parameter", &(draft.count(&list) - 1).to_string()])?;
        }
        for (row, parameter) in self.parameters.iter().enumerate() {
            if draft.count(&list) <= row {
                draft.add(&list, row)?;
            }
            parameter.write(draft, &at, &row.to_string())?;
        }
        Ok(place)
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

    fn read(draft: &Draft, at: &str, row: usize) -> Self {
        let row = row.to_string();
        let of = |key: &str| draft.get(&["action", at, "parameter", &row, key]);
        let text = |key: &str| of(key).as_ref().map(Value::typed).unwrap_or_default();
        Self {
            name: text("name"),
            holds: text("type"),
            description: text("description"),
            required: of("required") == Some(Value::Flag(true)),
            values: text("values"),
        }
    }

    fn write(&self, draft: &mut Draft, at: &str, row: &str) -> Result<(), DraftError> {
        let path = |key| ["action", at, "parameter", row, key];
        put(draft, &path("name"), &self.name)?;
        put(draft, &path("type"), &self.holds)?;
        put(draft, &path("description"), &self.description)?;
        if self.required || draft.has(&path("required")) {
            draft.set(&path("required"), &Value::Flag(self.required))?;
        }
        let values: Vec<String> =
            self.values.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        if values.is_empty() {
            draft.remove(&path("values"))
        } else {
            draft.set(&path("values"), &Value::Texts(values))
        }
    }
}

fn put(draft: &mut Draft, path: &[&str], text: &str) -> Result<(), DraftError> {
    if text.is_empty() { draft.remove(path) } else { draft.set(path, &Value::Text(text.to_owned())) }
}

fn media_of(draft: &Draft, at: &str) -> Vec<MediaType> {
    let named = match draft.get(&["action", at, "media"]) {
        Some(Value::Text(one)) => vec![one],
        Some(Value::Texts(all)) => all,
        Some(Value::Integer(_) | Value::Decimal(_) | Value::Flag(_) | Value::Other(_)) | None => Vec::new(),
    };
    named.iter().filter_map(|it| MediaType::of(it)).collect()
}

/// Where the action stands in a document.
pub(super) fn find(draft: &Draft, (media, name): &Key) -> Option<usize> {
    (0..draft.count(LIST)).find(|at| {
        let at = at.to_string();
        draft.text(&["action", &at, "name"]).as_deref() == Some(name) && media_of(draft, &at).contains(media)
    })
}

/// What the actions of a document are known by, but the one at a place.
fn keys_of(draft: &Draft, but: Option<usize>) -> Vec<Key> {
    let others = (0..draft.count(LIST)).filter(|at| Some(*at) != but).map(|at| at.to_string());
    let keys = |at: String| {
        let name = draft.text(&["action", &at, "name"]).unwrap_or_default();
        media_of(draft, &at).into_iter().map(move |media| (media, name.clone()))
    };
    others.flat_map(keys).collect()
}

/// What is to become of an action.
#[derive(Clone, Copy, Debug)]
pub(super) enum Order<'a> {
    Add(&'a Form),
    Change(&'a Key, &'a Form),
    Remove(&'a Key),
}

/// Carries it out, and yields the document's new version; `document` is the profile's, `version` the one that whoever wants it has seen.
pub(super) async fn carry_out(
    manager: &Manager,
    by: &str,
    profile: &Profile,
    (document, version): (Document, u64),
    order: Order<'_>,
) -> Result<u64, Trouble> {
    if document.version != version {
        return Err(Trouble::Refused(Refusal::Conflict(Some(Box::new(document)))));
    }
    let (text, place) = rewritten(&String::from_utf8_lossy(&document.body), order)?;
    let order = ProfileOrder {
        by: by.to_owned(),
        name: document.name,
        expected: Expected::Version(version),
        text: Some(text.clone()),
    };
    match manager.house.change_profile(order).await {
        Ok(version) => Ok(version),
        Err(Refusal::Findings(list)) => Err(sorted(&text, (profile.origin.as_str(), place), list)),
        Err(other) => Err(Trouble::Refused(other)),
    }
}

/// The document after it, and where the action stands in it.
fn rewritten(text: &str, order: Order<'_>) -> Result<(String, Option<usize>), Trouble> {
    let mut draft = Draft::read(text).map_err(Trouble::Draft)?;
    let at = match order {
        Order::Add(_) => None,
        Order::Change(key, _) | Order::Remove(key) => Some(find(&draft, key).ok_or(Trouble::Gone)?),
    };
    let place = match order {
        Order::Add(form) | Order::Change(_, form) => {
            let flaws = form.flaws(&keys_of(&draft, at));
            if !flaws.is_empty() {
                return Err(Trouble::Flaws(flaws));
            }
            Some(form.write(&mut draft, at).map_err(Trouble::Draft)?)
        }
        Order::Remove(_) => {
            let at = at.map(|it| it.to_string()).unwrap_or_default();
            draft.remove(&["action", &at]).map_err(Trouble::Draft)?;
            None
        }
    };
    Ok((draft.to_string(), place))
}

/// What is found in the action's own entry belongs to its fields.
fn sorted(text: &str, (document, place): (&str, Option<usize>), list: Vec<Finding>) -> Trouble {
    let (mut fields, mut others) = (Vec::new(), Vec::new());
    for finding in list.into_iter().filter(|it| it.severity == Severity::Error) {
        let own = finding.location.as_ref().filter(|it| it.file == document);
        let path = own.map(|at| path_at(text, at.line, at.column)).unwrap_or_default();
        match (path.as_slice(), place) {
            ([list, at, field @ ..], Some(place)) if list == "action" && *at == place.to_string() => {
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

    const TEXT: &str = "# Ann's.\nname = \"a\"\n\n# To people.\n[[action]]\nname = \"human\" # as in the agent\nmedia = [\"openmedia\", \"webinteraction\"]\nkind = \"requeue\"\nqueue = \"desk\"\n\n[[action]]\nname = \"show\"\nmedia = \"webinteraction\"\nkind = \"push_url\"\nurl_parameter = \"url\"\n[[action.parameter]]\nname = \"url\"\ntype = \"enum\"\nvalues = [\"https://a.example\", \"https://b.example\"]\n\n[speech]\nenabled = false\n";

    fn human() -> Form {
        Form {
            media: vec![MediaType::OpenMedia],
            name: "human".to_owned(),
            own: [("queue", "desk".to_owned())].into(),
            ..Form::new(What::Requeue)
        }
    }

    fn at(order: Order<'_>) -> String {
        rewritten(TEXT, order).unwrap().0
    }

    #[test]
    fn s18_an_action_is_found_by_its_media_type_and_its_name_to_the_letter() {
        let draft = Draft::read(TEXT).unwrap();
        let find = |media, name: &str| find(&draft, &(media, name.to_owned()));
        assert_eq!(find(MediaType::WebInteraction, "human"), Some(0));
        assert_eq!(find(MediaType::WebInteraction, "show"), Some(1));
        assert_eq!(find(MediaType::WebInteraction, "Show"), None);
        assert_eq!(find(MediaType::Speech, "human"), None);
    }

    #[test]
    fn what_is_read_and_written_back_is_as_it_was() {
        for (media, name) in [(MediaType::OpenMedia, "human"), (MediaType::WebInteraction, "show")] {
            let (key, draft) = ((media, name.to_owned()), Draft::read(TEXT).unwrap());
            let form = Form::read(&draft, find(&draft, &key).unwrap()).unwrap();
            assert_eq!(at(Order::Change(&key, &form)), TEXT);
        }
    }

    #[test]
    fn s19_to_s23_each_kind_is_written_with_what_it_needs_and_nothing_of_another() {
        let key = (MediaType::OpenMedia, "human".to_owned());
        let form = Form {
            media: vec![MediaType::Speech],
            own: [("target", "4711".to_owned()), ("queue", "desk".to_owned())].into(),
            kind: What::SpeechRequeue,
            ..human()
        };
        let written = at(Order::Change(&key, &form));
        assert!(
            written.contains(
                "name = \"human\" # as in the agent\nmedia = \"speech\"\nkind = \"speech_requeue\"\ntarget = \"4711\"\n"
            ),
            "{written}"
        );
        let order =
            Parameter { name: "order".to_owned(), holds: "string".to_owned(), required: true, ..Parameter::default() };
        let form = Form {
            name: "status".to_owned(),
            media: MediaType::ALL.to_vec(),
            own: [("uri", "https://a.example/s".to_owned())].into(),
            parameters: vec![order],
            description: "Where it is.".to_owned(),
            ..Form::new(What::External)
        };
        let written = at(Order::Add(&form));
        let again = Draft::read(&written).unwrap();
        assert_eq!(Form::read(&again, 2), Some(form), "{written}");
        assert!(at(Order::Remove(&key)).contains("# Ann's.") && !at(Order::Remove(&key)).contains("human"));
    }

    #[test]
    fn s18_s19_what_is_missing_or_taken_is_told_at_its_field() {
        let flaws = |form: &Form| match rewritten(TEXT, Order::Add(form)) {
            Err(Trouble::Flaws(flaws)) => flaws,
            other => panic!("{other:?}"),
        };
        assert_eq!(flaws(&human()), [("name".to_owned(), Flaw::Taken(MediaType::OpenMedia))]);
        let nothing = ["name", "queue", "phone_parameter", "time_parameter"];
        let found: Vec<_> = flaws(&Form::new(What::Callback)).into_iter().filter(|it| it.1 == Flaw::Missing).collect();
        assert_eq!(found.iter().map(|it| it.0.as_str()).collect::<Vec<_>>(), nothing);
        let push = Form { name: "p".to_owned(), media: vec![MediaType::Speech], ..Form::new(What::PushUrl) };
        let expected =
            [("media".to_owned(), Flaw::Media(MediaType::Speech)), ("url_parameter".to_owned(), Flaw::OneOfTwo)];
        assert_eq!(flaws(&push), expected);
        let own = (MediaType::OpenMedia, "human".to_owned());
        assert!(rewritten(TEXT, Order::Change(&own, &human())).is_ok(), "its own name is its own");
    }

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
