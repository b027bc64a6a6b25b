//! The actions in the text of whoever has them: found, read, and written back in their place; comments and order stay.

use super::{Flaw, Form, Key, Order, Parameter, Trouble, keys};
use crate::{
    config::draft::{Draft, DraftError, Value},
    core::{action::What, ids::is_dots, message::MediaType},
    gateway::storage::Document,
};

/// All keys of all kinds: those of another kind are taken out.
const KEYS: [&str; 8] =
    ["queue", "target", "phone_parameter", "time_parameter", "uri", "uri_parameter", "url", "url_parameter"];
/// Of an action that stands alone.
const ALONE: &[&str] = &["action"];

/// A text with its list of actions.
#[derive(Debug)]
pub(super) struct Listed {
    draft: Draft,
    list: &'static [&'static str],
}

impl Listed {
    pub(super) fn read(text: &str, list: &'static [&'static str]) -> Result<Self, DraftError> {
        Ok(Self { draft: Draft::read(text)?, list })
    }

    fn path<'p>(&self, rest: &[&'p str]) -> Vec<&'p str> {
        [self.list, rest].concat()
    }

    fn get(&self, rest: &[&str]) -> Option<Value> {
        self.draft.get(&self.path(rest))
    }

    fn text(&self, rest: &[&str]) -> String {
        self.draft.text(&self.path(rest)).unwrap_or_default()
    }

    fn count(&self) -> usize {
        self.draft.count(self.list)
    }

    /// Where an action stands.
    pub(super) fn find(&self, (media, name): &Key) -> Option<usize> {
        (0..self.count()).find(|at| {
            let at = at.to_string();
            self.draft.text(&self.path(&[&at, "name"])).as_deref() == Some(name) && self.media(&at).contains(media)
        })
    }

    /// What the actions are known by, but the one at a place.
    fn keys(&self, but: Option<usize>) -> Vec<Key> {
        let others = (0..self.count()).filter(|at| Some(*at) != but).map(|at| at.to_string());
        let keys = |at: String| {
            let name = self.text(&[&at, "name"]);
            self.media(&at).into_iter().map(move |media| (media, name.clone()))
        };
        others.flat_map(keys).collect()
    }

    fn media(&self, at: &str) -> Vec<MediaType> {
        let named = match self.get(&[at, "media"]) {
            Some(Value::Text(one)) => vec![one],
            Some(Value::Texts(all)) => all,
            Some(Value::Integer(_) | Value::Decimal(_) | Value::Flag(_) | Value::Other(_)) | None => Vec::new(),
        };
        named.iter().filter_map(|it| MediaType::of(it)).collect()
    }

    pub(super) fn form(&self, at: usize) -> Option<Form> {
        let at = at.to_string();
        let text = |key: &str| self.text(&[&at, key]);
        let kind = What::of(&text("kind"))?;
        let count = self.draft.count(&self.path(&[&at, "parameter"]));
        Some(Form {
            kind,
            name: text("name"),
            media: self.media(&at),
            own: keys(kind).iter().map(|key| (*key, text(key))).filter(|it| !it.1.is_empty()).collect(),
            description: text("description"),
            parameters: (0..count).map(|row| self.parameter(&at, row)).collect(),
        })
    }

    fn parameter(&self, at: &str, row: usize) -> Parameter {
        let row = row.to_string();
        let of = |key: &str| self.get(&[at, "parameter", &row, key]);
        let text = |key: &str| of(key).as_ref().map(Value::typed).unwrap_or_default();
        Parameter {
            name: text("name"),
            holds: text("type"),
            description: text("description"),
            required: of("required") == Some(Value::Flag(true)),
            values: text("values"),
        }
    }

    fn put(&mut self, rest: &[&str], text: &str) -> Result<(), DraftError> {
        let path = self.path(rest);
        if text.is_empty() { self.draft.remove(&path) } else { self.draft.set(&path, &Value::Text(text.to_owned())) }
    }

    /// Puts it where it was, or at the end of the list; yields its place.
    fn write(&mut self, form: &Form, at: Option<usize>) -> Result<usize, DraftError> {
        let place = at.unwrap_or_else(|| self.count());
        if at.is_none() {
            self.draft.add(self.list, place)?;
        }
        let at = place.to_string();
        self.put(&[&at, "name"], &form.name)?;
        let media: Vec<String> = form.media.iter().map(|it| it.label().to_owned()).collect();
        let media = if let [only] = media.as_slice() { Value::Text(only.clone()) } else { Value::Texts(media) };
        self.draft.set(&self.path(&[&at, "media"]), &media)?;
        self.put(&[&at, "kind"], form.kind.label())?;
        for key in KEYS {
            let value = if keys(form.kind).contains(&key) { form.own(key) } else { "" };
            self.put(&[&at, key], value)?;
        }
        self.put(&[&at, "description"], &form.description)?;
        let list = self.path(&[&at, "parameter"]);
        while self.draft.count(&list) > form.parameters.len() {
            let last = (self.draft.count(&list) - 1).to_string();
            self.draft.remove(&[list.as_slice(), &[&last]].concat())?;
        }
        for (row, parameter) in form.parameters.iter().enumerate() {
            if self.draft.count(&list) <= row {
                self.draft.add(&list, row)?;
            }
            self.write_parameter(parameter, &at, &row.to_string())?;
        }
        Ok(place)
    }

    fn write_parameter(&mut self, it: &Parameter, at: &str, row: &str) -> Result<(), DraftError> {
        let rest = |key| [at, "parameter", row, key];
        self.put(&rest("name"), &it.name)?;
        self.put(&rest("type"), &it.holds)?;
        self.put(&rest("description"), &it.description)?;
        let required = self.path(&rest("required"));
        if it.required || self.draft.has(&required) {
            self.draft.set(&required, &Value::Flag(it.required))?;
        }
        let values: Vec<String> =
            it.values.lines().map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect();
        let path = self.path(&rest("values"));
        if values.is_empty() { self.draft.remove(&path) } else { self.draft.set(&path, &Value::Texts(values)) }
    }
}

/// The action in a document.
pub(in crate::manager) fn action_in(document: &Document, list: &'static [&'static str], key: &Key) -> Option<Form> {
    // What is in force was read before: should it not be TOML, there is nothing to find in it.
    let listed = Listed::read(&String::from_utf8_lossy(&document.body), list).ok()?;
    listed.form(listed.find(key)?)
}

impl Form {
    /// As a text of its own, for a page that carries it.
    pub(in crate::manager) fn alone(&self) -> String {
        let mut listed = Listed { draft: Draft::default(), list: ALONE };
        // Nothing is in the way in an empty text.
        listed.write(self, None).map(|_| listed.draft.to_string()).unwrap_or_default()
    }

    /// What [`Self::alone`] has written.
    pub(in crate::manager) fn of_alone(text: &str) -> Option<Self> {
        Listed::read(text, ALONE).ok()?.form(0)
    }
}

/// The text after an order, and where the action stands in it.
pub(super) fn rewritten(
    text: &str,
    list: &'static [&'static str],
    order: Order<'_>,
) -> Result<(String, Option<usize>), Trouble> {
    let mut listed = Listed::read(text, list).map_err(Trouble::Draft)?;
    let at = match order {
        Order::Add(_) => None,
        Order::Change(key, _) | Order::Remove(key) => Some(listed.find(key).ok_or(Trouble::Gone)?),
    };
    let place = match order {
        Order::Add(form) | Order::Change(_, form) => {
            let mut flaws = form.flaws(&listed.keys(at));
            let before = if let Order::Change((_, name), _) = order { name.as_str() } else { "" };
            if is_dots(&form.name) && form.name != before {
                flaws.push(("name".to_owned(), Flaw::Dots));
            }
            if !flaws.is_empty() {
                return Err(Trouble::Flaws(flaws));
            }
            Some(listed.write(form, at).map_err(Trouble::Draft)?)
        }
        Order::Remove(_) => {
            let at = at.map(|it| it.to_string()).unwrap_or_default();
            listed.draft.remove(&listed.path(&[&at])).map_err(Trouble::Draft)?;
            None
        }
    };
    Ok((listed.draft.to_string(), place))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OF_PROFILE: &str = "# Ann's.\nname = \"a\"\n\n# To people.\n[[action]]\nname = \"human\" # as in the agent\nmedia = [\"openmedia\", \"webinteraction\"]\nkind = \"requeue\"\nqueue = \"desk\"\n\n[[action]]\nname = \"show\"\nmedia = \"webinteraction\"\nkind = \"push_url\"\nurl_parameter = \"url\"\n[[action.parameter]]\nname = \"url\"\ntype = \"enum\"\nvalues = [\"https://a.example\", \"https://b.example\"]\n";

    /// The same in a profile, which goes on behind them, and in a business unit; with where each has them.
    fn texts() -> [(String, &'static [&'static str]); 2] {
        let unit = OF_PROFILE.replace("# Ann's.\n", "# Ann's.\n[[unit]]\n").replace("[[action", "[[unit.action");
        [(format!("{OF_PROFILE}\n[speech]\nenabled = false\n"), &["action"]), (unit, &["unit", "0", "action"])]
    }

    fn human() -> Form {
        Form {
            media: vec![MediaType::OpenMedia],
            name: "human".to_owned(),
            own: [("queue", "desk".to_owned())].into(),
            ..Form::new(What::Requeue)
        }
    }

    #[test]
    fn s18_an_action_is_found_by_its_media_type_and_its_name_to_the_letter() {
        for (text, list) in texts() {
            let listed = Listed::read(&text, list).unwrap();
            let find = |media, name: &str| listed.find(&(media, name.to_owned()));
            assert_eq!(find(MediaType::WebInteraction, "human"), Some(0));
            assert_eq!(find(MediaType::WebInteraction, "show"), Some(1));
            assert_eq!(find(MediaType::WebInteraction, "Show"), None);
            assert_eq!(find(MediaType::Speech, "human"), None);
        }
    }

    #[test]
    fn what_is_read_and_written_back_is_as_it_was() {
        for (text, list) in texts() {
            for (media, name) in [(MediaType::OpenMedia, "human"), (MediaType::WebInteraction, "show")] {
                let (key, listed) = ((media, name.to_owned()), Listed::read(&text, list).unwrap());
                let form = listed.form(listed.find(&key).unwrap()).unwrap();
                assert_eq!(rewritten(&text, list, Order::Change(&key, &form)).unwrap().0, text);
                assert_eq!(Form::of_alone(&form.alone()), Some(form));
            }
        }
        assert_eq!(Form::of_alone("no TOML = "), None);
    }

    #[test]
    fn s19_to_s23_each_kind_is_written_with_what_it_needs_and_nothing_of_another() {
        let key = (MediaType::OpenMedia, "human".to_owned());
        for (text, list) in texts() {
            let at = |order: Order<'_>| rewritten(&text, list, order).unwrap().0;
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
            let order = Parameter {
                name: "order".to_owned(),
                holds: "string".to_owned(),
                required: true,
                ..Parameter::default()
            };
            let form = Form {
                name: "status".to_owned(),
                media: MediaType::ALL.to_vec(),
                own: [("uri", "https://a.example/s".to_owned())].into(),
                parameters: vec![order],
                description: "Where it is.".to_owned(),
                ..Form::new(What::External)
            };
            let written = at(Order::Add(&form));
            assert_eq!(Listed::read(&written, list).unwrap().form(2), Some(form), "{written}");
            let removed = at(Order::Remove(&key));
            assert!(removed.contains("# Ann's.") && !removed.contains("human"), "{removed}");
        }
    }

    #[test]
    fn s18_the_first_action_of_a_business_unit_is_written_into_it_and_the_last_leaves_it_whole() {
        let (text, list): (_, &'static [&'static str]) = ("[[unit]]\nname = \"a\"\n", &["unit", "0", "action"]);
        let (written, place) = rewritten(text, list, Order::Add(&human())).unwrap();
        let action = "[[unit.action]]\nname = \"human\"\nmedia = \"openmedia\"\nkind = \"requeue\"\nqueue = \"desk\"\n";
        assert_eq!(written.replacen("\n\n", "\n", 1), format!("{text}{action}"));
        assert_eq!(place, Some(0));
        let key = (MediaType::OpenMedia, "human".to_owned());
        assert_eq!(rewritten(&written, list, Order::Remove(&key)).unwrap().0, text);
    }

    #[test]
    fn s18_s19_what_is_missing_or_taken_is_told_at_its_field() {
        for (text, list) in texts() {
            let flaws = |form: &Form| match rewritten(&text, list, Order::Add(form)) {
                Err(Trouble::Flaws(flaws)) => flaws,
                other => panic!("{other:?}"),
            };
            assert_eq!(flaws(&human()), [("name".to_owned(), Flaw::Taken(MediaType::OpenMedia))]);
            let nothing = ["name", "queue", "phone_parameter", "time_parameter"];
            let found = flaws(&Form::new(What::Callback)).into_iter().filter(|it| it.1 == Flaw::Missing);
            assert_eq!(found.map(|it| it.0).collect::<Vec<_>>(), nothing);
            let push = Form { name: "p".to_owned(), media: vec![MediaType::Speech], ..Form::new(What::PushUrl) };
            let expected =
                [("media".to_owned(), Flaw::Media(MediaType::Speech)), ("url_parameter".to_owned(), Flaw::OneOfTwo)];
            assert_eq!(flaws(&push), expected);
            let dots = Form { name: "..".to_owned(), ..human() };
            assert_eq!(flaws(&dots), [("name".to_owned(), Flaw::Dots)]);
            let there = text.replace("\"human\"", "\"..\"");
            let key = (MediaType::OpenMedia, "..".to_owned());
            assert!(rewritten(&there, list, Order::Change(&key, &dots)).is_ok(), "one that is there stays usable");
            let own = (MediaType::OpenMedia, "human".to_owned());
            assert!(rewritten(&text, list, Order::Change(&own, &human())).is_ok(), "its own name is its own");
        }
    }
}
