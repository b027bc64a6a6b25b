//! A profile as a form: which fields it has, what they hold, and what becomes of what is typed into them.
//!
//! The profile stays TOML: a form is read from a [`Draft`] and written back into it field by field, so that comments, order
//! and everything that has no field stay. A field's name is its path in the document: `standby.0.lex.region`.

mod copy;
mod former;
mod merge;
mod problems;
mod sealing;
mod typed;
mod values;

use std::borrow::Cow;

pub(super) use copy::{copy, of_effective};
pub(super) use former::{former, remember, settled};
pub(super) use merge::{Clash, merge};
pub(super) use problems::Problems;
pub(super) use sealing::seal_text;
pub(super) use typed::{apply, rearrange, seal_typed};
pub(super) use values::{put, sorted, values};

use crate::{
    config::{
        draft::{Draft, Value},
        general::{CANARY, GROUPS, Group, SHADOW, STANDBY, Setting},
        schema::{Field, Form, Required, Schema},
    },
    core::ids::UnitName,
};

/// One field of the form.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) path: String,
    /// English.
    pub(super) label: Cow<'static, str>,
    pub(super) help: &'static str,
    pub(super) control: Control,
    /// As somebody would type it; `None`: there is none, or it is not known here.
    pub(super) default: Option<String>,
    pub(super) is_required: bool,
    /// What it means to set it to nothing.
    pub(super) none: Option<&'static str>,
    /// As it stands in the document; of a secret nothing.
    pub(super) value: String,
    pub(super) is_set: bool,
}

/// What a field is typed into.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Control {
    Of(Form),
    /// A business unit.
    Unit,
    /// A kind of language engine; `true`: there may be none, and then it is the profile's.
    Kind(bool),
    /// On, off, or as the profile has it.
    Switch,
}

impl Control {
    pub(super) const fn is_secret(self) -> bool {
        matches!(self, Self::Of(Form::Secret | Form::ServiceAccount))
    }
}

/// Fields that stand together.
#[derive(Clone, Debug)]
pub(super) struct Block {
    /// Where in the document: `handover`, `standby.0`.
    pub(super) path: String,
    pub(super) part: Part,
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Group(&'static Group),
    /// The profile's own engine; `None`: of no type that is known.
    Engine(Option<&'static Schema>),
    Standby {
        at: usize,
        of: usize,
    },
    Canary,
    Shadow,
}

/// The kinds of engines and the business units that there are.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) kinds: Vec<&'static Schema>,
    pub(super) units: Vec<UnitName>,
}

impl Known {
    fn kind(&self, kind: &str) -> Option<&'static Schema> {
        self.kinds.iter().find(|it| it.kind == kind).copied()
    }

    /// Of the table at a path: its own, or the profile's where it may have none.
    pub(super) fn schema(&self, draft: &Draft, table: &[&str]) -> Option<&'static Schema> {
        let own = draft.text(&[table, &["type"]].concat());
        match own {
            Some(kind) => self.kind(&kind),
            None if matches!(table, ["canary" | "shadow"]) => self.kind(&draft.text(&["type"])?),
            None => None,
        }
    }
}

/// Whether a secret is typed there.
pub(super) fn is_secret(draft: &Draft, path: &str, known: &Known) -> bool {
    blocks(draft, known).iter().flat_map(|it| &it.entries).any(|it| it.path == path && it.control.is_secret())
}

/// A path's parts.
pub(super) fn parts(path: &str) -> Vec<&str> {
    path.split('.').filter(|it| !it.is_empty()).collect()
}

/// The whole form, as the document is.
pub(super) fn blocks(draft: &Draft, known: &Known) -> Vec<Block> {
    let mut blocks = Vec::new();
    for group in GROUPS {
        let entries = group.settings.iter().map(|it| setting(draft, group.path(it), it)).collect();
        blocks.push(Block { path: group.section.to_owned(), part: Part::Group(group), entries });
        if group.section.is_empty() {
            let entries = engine(draft, known, "");
            let schema = known.schema(draft, &[]);
            let path = schema.map_or("type", |it| it.section).to_owned();
            blocks.push(Block { path, part: Part::Engine(schema), entries });
        }
    }
    let of = draft.count(&["standby"]);
    for at in 0..of {
        blocks.push(further(draft, known, format!("standby.{at}"), Part::Standby { at, of }, STANDBY));
    }
    for (key, part, settings) in [("canary", Part::Canary, CANARY), ("shadow", Part::Shadow, SHADOW)] {
        if draft.has(&[key]) {
            blocks.push(further(draft, known, key.to_owned(), part, settings));
        }
    }
    blocks
}

fn further(draft: &Draft, known: &Known, path: String, part: Part, settings: &[Setting]) -> Block {
    let own = settings.iter().map(|it| setting(draft, format!("{path}.{}", it.field.key), it));
    let entries = own.chain(engine(draft, known, &path)).collect();
    Block { path, part, entries }
}

fn setting(draft: &Draft, path: String, setting: &Setting) -> Entry {
    let mut entry = entry(draft, path, &setting.field);
    entry.label = Cow::Borrowed(setting.label);
    entry.none = setting.none;
    if entry.path == "unit" {
        entry.control = Control::Unit;
    }
    // These have no default, and must be said.
    entry.is_required |= setting.field.key == "share_percent" || entry.path.starts_with("standby.");
    entry
}

/// An engine's type and the fields of it.
fn engine(draft: &Draft, known: &Known, table: &str) -> Vec<Entry> {
    let own = parts(table);
    let under = |key: &str| if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") };
    let may_be_none = matches!(own.as_slice(), ["canary" | "shadow"]);
    let kind = draft.text(&[&own, &["type"][..]].concat()).unwrap_or_default();
    let mut entries = vec![Entry {
        path: under("type"),
        label: Cow::Borrowed("Type of the language engine"),
        help: "",
        control: Control::Kind(may_be_none),
        default: None,
        is_required: !may_be_none,
        none: None,
        is_set: !kind.is_empty(),
        value: kind.clone(),
    }];
    if let Some(schema) = known.schema(draft, &own) {
        let inherits = may_be_none && kind.is_empty();
        entries.extend(schema.fields.iter().map(|field| {
            let mut entry = entry(draft, under(&format!("{}.{}", schema.section, field.key)), field);
            if inherits {
                // What is not set is the profile's.
                (entry.default, entry.is_required) = (None, false);
                if entry.control == Control::Of(Form::Flag) {
                    entry.control = Control::Switch;
                }
            }
            entry
        }));
    }
    entries
}

fn entry(draft: &Draft, path: String, field: &Field) -> Entry {
    let control = Control::Of(field.form);
    let found = draft.get(&parts(&path));
    let value = found.as_ref().filter(|_| !control.is_secret()).map(Value::typed).unwrap_or_default();
    Entry {
        label: Cow::Owned(label(field.key)),
        help: field.help,
        control,
        default: field.default.and_then(shown_default),
        is_required: matches!(field.required, Required::Yes(_)),
        none: None,
        value,
        is_set: found.is_some() || draft.has(&parts(&path)),
        path,
    }
}

/// A default as somebody would type it; `None`: it is nothing.
fn shown_default(toml: &str) -> Option<String> {
    let draft = Draft::read(&format!("it = {toml}")).ok()?;
    draft.get(&["it"]).map(|it| it.typed()).filter(|it| !it.is_empty())
}

/// A key as people read it: `deadline_ms` is "Deadline (ms)".
pub(super) fn label(key: &str) -> String {
    let (key, unit) = match key.rsplit_once('_') {
        Some((key, unit @ ("ms" | "s"))) => (key, format!(" ({unit})")),
        Some((key, "percent")) => (key, " (%)".to_owned()),
        _ => (key, String::new()),
    };
    let words = key.replace('_', " ").replace("url", "URL").replace("uri", "URI");
    let mut letters = words.chars();
    let first: String = letters.next().map(|it| it.to_uppercase().collect()).unwrap_or_default();
    format!("{first}{}{unit}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) fn known() -> Known {
        Known { kinds: crate::nlp::schemas(), units: vec![UnitName::new("sales").unwrap()] }
    }

    #[test]
    fn every_kind_of_engine_has_a_form_of_all_its_fields() {
        for schema in known().kinds {
            let draft = Draft::read(&format!("type = \"{}\"\n", schema.kind)).unwrap();
            let blocks = blocks(&draft, &known());
            let paths: Vec<_> = blocks.iter().flat_map(|it| &it.entries).map(|it| it.path.as_str()).collect();
            for field in schema.fields {
                assert!(paths.contains(&format!("{}.{}", schema.section, field.key).as_str()), "{}", field.key);
            }
            let of_groups: usize = GROUPS.iter().map(|it| it.settings.len()).sum();
            assert_eq!(paths.len(), of_groups + 1 + schema.fields.len(), "{}", schema.kind);
        }
    }

    #[test]
    fn a_field_says_what_is_set_and_what_holds_otherwise_and_shows_no_secret() {
        let text = "type = \"dialogflow-v2\"\nagent_password = { sealed = \"00ff\" }\n[inactivity]\ntimeout_minutes = 7\n\
                    [dialogflow]\ncredential = \"planted\"\n[canary]\nshare_percent = 5\n[[standby]]\ntype = \"lex\"\n";
        let blocks = blocks(&Draft::read(text).unwrap(), &known());
        let find = |path: &str| blocks.iter().flat_map(|it| &it.entries).find(|it| it.path == path).unwrap().clone();
        let minutes = find("inactivity.timeout_minutes");
        assert_eq!((minutes.value.as_str(), minutes.default.as_deref(), minutes.is_set), ("7", Some("3"), true));
        let region = find("dialogflow.region");
        assert_eq!((region.value.as_str(), region.default.as_deref(), region.is_set), ("", Some("global"), false));
        for secret in ["agent_password", "dialogflow.credential"] {
            assert_eq!((find(secret).value.as_str(), find(secret).is_set), ("", true), "{secret}");
        }
        assert_eq!(find("canary.dialogflow.region").default, None, "it is the profile's");
        assert!(find("standby.0.lex.region").is_required || !find("standby.0.lex.region").is_set);
        assert_eq!((label("deadline_ms"), label("client_token")), ("Deadline (ms)".into(), "Client token".into()));
    }
}
