//! What somebody has typed into the form, written into the document.

use std::collections::BTreeMap;

use super::{
    Control, Entry, Known, blocks,
    copy::turn_into,
    former::{self, gone, settled},
    parts,
};
use crate::{
    config::{
        draft::{Draft, DraftError, Value},
        schema::Form,
    },
    core::said::{Said, said},
    manager::guard::Fields,
};

/// Of one secret: a key file has a few kilobytes.
const MAX_SECRET_BYTES: usize = 64 * 1024;

/// Makes what is kept of a secret; `Err`: why that cannot be.
pub(in crate::manager) type Seal<'a> = &'a dyn Fn(&str) -> Result<String, Said>;

/// Writes what was typed into the document. Fields that the form did not have stay as they are, those of another type that it
/// had included; what cannot be written is told by the field's path.
///
/// # Errors
/// When the document is not of a form's shape: it has to be changed as text.
pub(in crate::manager) fn apply(
    draft: &mut Draft,
    fields: &Fields,
    known: &Known,
    seal: Seal<'_>,
) -> Result<BTreeMap<String, Said>, DraftError> {
    for first in ["name", "unit"] {
        if fields.has(first) {
            text(draft, first, fields.get(first).trim())?;
        }
    }
    let before = blocks(draft, known);
    kinds(draft, fields)?;
    let now = blocks(draft, known);
    for entry in gone(&before, &now).into_iter().filter(|it| fields.has(&it.path)) {
        // What cannot be kept is typed again when its type comes back: nobody sees the field now.
        put(draft, entry, fields, seal)?.unwrap_or_default();
        if let Some((section, _)) = entry.path.rsplit_once('.') {
            prune(draft, &parts(section))?;
        }
    }
    if draft.to_string().len() > former::MOST_BYTES {
        *draft = settled(draft, known)?;
    }
    let mut problems = BTreeMap::new();
    for block in now {
        for entry in block.entries.iter().filter(|it| fields.has(&it.path)) {
            if let Err(problem) = put(draft, entry, fields, seal)? {
                problems.insert(entry.path.clone(), problem);
            }
        }
        let is_left_empty = block.entries.iter().all(|it| !draft.has(&parts(&it.path)));
        if is_left_empty && !block.path.is_empty() && !matches!(block.path.as_str(), "canary" | "shadow" | "type") {
            prune(draft, &parts(&block.path))?;
        }
        for entry in &block.entries {
            if let Some((section, _)) = entry.path.rsplit_once('.')
                && section != block.path
            {
                prune(draft, &parts(section))?;
            }
        }
    }
    Ok(problems)
}

/// A table with nothing in it says nothing.
pub(super) fn prune(draft: &mut Draft, table: &[&str]) -> Result<(), DraftError> {
    let is_entry = table.last().is_some_and(|it| it.parse::<usize>().is_ok());
    if !is_entry && draft.has(table) && draft.keys(table).is_empty() { draft.remove(table) } else { Ok(()) }
}

/// Types come first: with another one the fields are others.
fn kinds(draft: &mut Draft, fields: &Fields) -> Result<(), DraftError> {
    for table in tables(draft) {
        let path = format!("{table}type");
        if fields.has(&path) {
            text(draft, &path, fields.get(&path).trim())?;
        }
    }
    Ok(())
}

/// Those that have an engine; each path ends with a point unless it is the profile's own.
pub(super) fn tables(draft: &Draft) -> Vec<String> {
    let standbys = (0..draft.count(&["standby"])).map(|at| format!("standby.{at}."));
    let others = ["canary", "shadow"].into_iter().filter(|it| draft.has(&[it])).map(|it| format!("{it}."));
    [String::new()].into_iter().chain(standbys).chain(others).collect()
}

/// Gives the engine of one table another type, whose path is as [`tables`] has it; the section of the old one goes.
pub(super) fn kind_of(draft: &mut Draft, table: &str, kind: &str, known: &Known) -> Result<(), DraftError> {
    let before = known.schema(draft, &parts(table));
    text(draft, &format!("{table}type"), kind.trim())?;
    let after = known.schema(draft, &parts(table));
    match before.filter(|it| after.is_some_and(|after| after.kind != it.kind)) {
        Some(before) => draft.remove(&parts(&format!("{table}{}", before.section))),
        None => Ok(()),
    }
}

/// Empty: it is not set.
fn text(draft: &mut Draft, path: &str, typed: &str) -> Result<(), DraftError> {
    let value = (!typed.is_empty()).then(|| Value::Text(typed.to_owned()));
    write(draft, path, value)
}

/// `None`: it is not set. What says the same already stays as it is written.
pub(super) fn write(draft: &mut Draft, path: &str, value: Option<Value>) -> Result<(), DraftError> {
    let path = parts(path);
    match value {
        None => draft.remove(&path),
        Some(value) if draft.get(&path).as_ref() == Some(&value) => Ok(()),
        Some(value) => draft.set(&path, &value),
    }
}

fn put(draft: &mut Draft, entry: &Entry, fields: &Fields, seal: Seal<'_>) -> Result<Result<(), Said>, DraftError> {
    let path = entry.path.as_str();
    let typed = fields.get(path).replace("\r\n", "\n");
    let form = match entry.control {
        Control::Of(form) => form,
        Control::Switch => {
            let wanted = (!typed.is_empty()).then(|| Value::Flag(typed == "true"));
            return write(draft, path, wanted).map(Ok);
        }
        // Written before.
        Control::Unit | Control::Kind(_) => return Ok(Ok(())),
    };
    let value = match form {
        Form::Secret | Form::ServiceAccount => return secret(draft, entry, fields, seal),
        Form::Flag => {
            let wanted = fields.last(path) == "true";
            let default = entry.default.as_deref() == Some("true");
            let is_set = draft.get(&parts(path)).is_some();
            (is_set || wanted != default).then_some(Value::Flag(wanted))
        }
        Form::Texts(_) => {
            let lines: Vec<_> = typed.lines().map(str::trim).filter(|it| !it.is_empty()).map(str::to_owned).collect();
            (!lines.is_empty()).then_some(Value::Texts(lines))
        }
        // What is no number is written as it is: the validation tells of it as of any other value.
        Form::Number(..) | Form::Millis(..) | Form::Seconds(..) => {
            let typed = typed.trim();
            let number = typed.parse().map(Value::Integer).unwrap_or_else(|_no_number| Value::Text(typed.to_owned()));
            (!typed.is_empty()).then_some(number)
        }
        Form::Decimal(..) => {
            let typed = typed.trim().replace(',', ".");
            let same = draft.get(&parts(path)).filter(|it| it.typed() == typed);
            let number = typed.parse().map(Value::Decimal).unwrap_or_else(|_no_number| Value::Text(typed.clone()));
            (!typed.is_empty()).then(|| same.unwrap_or(number))
        }
        Form::LongText(_) => (!typed.is_empty()).then_some(Value::Text(typed)),
        Form::Text(_) | Form::Segment(_) | Form::Endpoint | Form::Url | Form::Proxy | Form::Choice(_) => {
            let typed = typed.trim();
            let is_none = entry.none.is_some() && fields.get(&format!("{path}.none")) == "true";
            (is_none || !typed.is_empty()).then(|| Value::Text(if is_none { String::new() } else { typed.to_owned() }))
        }
    };
    write(draft, path, value).map(Ok)
}

/// Nothing typed: what is kept stays, unless it is to be forgotten.
fn secret(draft: &mut Draft, entry: &Entry, fields: &Fields, seal: Seal<'_>) -> Result<Result<(), Said>, DraftError> {
    let typed = fields.get(&entry.path);
    if typed.trim().is_empty() {
        let forgets = fields.get(&format!("{}.forget", entry.path)) == "true";
        return if forgets { draft.remove(&parts(&entry.path)).map(Ok) } else { Ok(Ok(())) };
    }
    if typed.len() > MAX_SECRET_BYTES {
        return Ok(Err(said!("`{}` is larger than {} bytes: is it the right file?", entry.path, MAX_SECRET_BYTES)));
    }
    match seal(typed) {
        Ok(sealed) => draft.set(&parts(&entry.path), &sealed_value(&sealed)).map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

/// Seals what stands in a document as it was typed, so that a form can hold the document.
///
/// # Errors
/// Why a secret cannot be sealed, or the document not be changed.
pub(in crate::manager) fn seal_typed(draft: &mut Draft, known: &Known, seal: Seal<'_>) -> Result<(), Said> {
    for entry in blocks(draft, known).iter().flat_map(|it| &it.entries).filter(|it| it.control.is_secret()) {
        if let Some(typed) = draft.text(&parts(&entry.path)) {
            let value = if typed.is_empty() { None } else { Some(seal(&typed)?) };
            let written = match value {
                Some(sealed) => draft.set(&parts(&entry.path), &sealed_value(&sealed)),
                None => draft.remove(&parts(&entry.path)),
            };
            written.map_err(|error| error.tell())?;
        }
    }
    Ok(())
}

pub(super) fn sealed_value(sealed: &str) -> Value {
    Value::Other(format!("{{ sealed = \"{sealed}\" }}"))
}

/// Carries out what a button beside the fields asks for: `add:standby`, `up:standby.1`, `remove:canary`.
///
/// # Errors
/// When the document is not of a form's shape.
pub(in crate::manager) fn rearrange(draft: &mut Draft, wanted: &str, known: &Known) -> Result<(), DraftError> {
    let (what, whom) = wanted.split_once(':').unwrap_or((wanted, ""));
    let path = parts(whom);
    match (what, path.as_slice()) {
        ("add", ["standby"]) => {
            let at = draft.count(&["standby"]);
            draft.add(&["standby"], at)?;
            if let Some(kind) = draft.text(&["type"]) {
                draft.set(&["standby", &at.to_string(), "type"], &Value::Text(kind))?;
            }
            Ok(())
        }
        ("add", ["canary" | "shadow"]) => draft.open(&path),
        ("turn", [kind]) => turn_into(draft, kind, known),
        ("remove", ["standby", _] | ["canary" | "shadow"]) => draft.remove(&path),
        ("up" | "down", ["standby", at]) => {
            let from = at.parse::<usize>().unwrap_or_default();
            let to = if what == "up" { from.saturating_sub(1) } else { from + 1 };
            if to < draft.count(&["standby"]) { draft.shift(&["standby"], from, to) } else { Ok(()) }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::known, *};

    fn typed(text: &str, fields: &[(&str, &str)]) -> (String, BTreeMap<String, Said>) {
        let mut draft = Draft::read(text).unwrap();
        let seal = |secret: &str| Ok(format!("sealed-{}", secret.len()));
        let problems = apply(&mut draft, &Fields::of(fields), &known(), &seal).unwrap();
        (draft.to_string(), problems)
    }

    #[test]
    fn what_is_left_empty_is_not_set_and_what_the_form_did_not_have_stays() {
        let text = "# mine\nname = \"a\" # its name\ntype = \"lex\"\nwelcome_event = \"HI\"\n[inactivity]\n\
                    timeout_minutes = 7\n\n# Kept.\n[[action]]\nname = \"x\"\n";
        let (out, problems) = typed(
            text,
            &[("name", "b"), ("type", "lex"), ("welcome_event", ""), ("inactivity.timeout_minutes", ""), ("unit", "")],
        );
        assert_eq!(out, "# mine\nname = \"b\" # its name\ntype = \"lex\"\n\n# Kept.\n[[action]]\nname = \"x\"\n");
        assert!(problems.is_empty());
        let (out, _) = typed(text, &[("welcome_event", ""), ("welcome_event.none", "true")]);
        assert!(out.contains("welcome_event = \"\""), "{out}");
    }

    #[test]
    fn each_kind_of_field_is_written_as_what_it_is() {
        let (out, _) = typed(
            "type = \"llm\"\n",
            &[
                ("agents", "va1\r\n  \r\nva2"),
                ("fallback_message", "One\r\ntwo"),
                ("handover.failures_after", "5"),
                ("handover.slow_after", "many"),
                ("speech.enabled", "false"),
                ("speech.enabled", "true"),
                ("llm.temperature", "0,5"),
                ("on_uncertain", "event"),
            ],
        );
        let draft = Draft::read(&out).unwrap();
        assert_eq!(draft.get(&["agents"]), Some(Value::Texts(vec!["va1".into(), "va2".into()])));
        assert_eq!(draft.text(&["fallback_message"]).as_deref(), Some("One\ntwo"));
        assert_eq!(draft.get(&["handover", "failures_after"]), Some(Value::Integer(5)));
        assert_eq!(draft.get(&["handover", "slow_after"]), Some(Value::Text("many".into())));
        assert_eq!(draft.get(&["speech", "enabled"]), Some(Value::Flag(true)));
        assert_eq!(draft.get(&["llm", "temperature"]), Some(Value::Decimal(0.5)));
        assert_eq!(draft.text(&["on_uncertain"]).as_deref(), Some("event"));
    }

    #[test]
    fn s12_a_secret_is_sealed_kept_or_forgotten_and_never_written_as_it_is() {
        let kept = "type = \"dialogflow-v2\"\nagent_password = { sealed = \"00\" }\n";
        let (out, _) = typed(kept, &[("agent_password", "")]);
        assert_eq!(out, kept);
        let (out, _) = typed(kept, &[("agent_password", "planted")]);
        assert!(out.contains("{ sealed = \"sealed-7\" }") && !out.contains("planted"), "{out}");
        let (out, _) = typed(kept, &[("agent_password", ""), ("agent_password.forget", "true")]);
        assert!(!out.contains("agent_password"), "{out}");
        let large = "x".repeat(MAX_SECRET_BYTES + 1);
        let (out, problems) = typed(kept, &[("dialogflow.credential", &large)]);
        assert!(
            !out.contains("credential") && problems["dialogflow.credential"].to_string().contains("is larger than"),
            "{out}"
        );
    }

    #[test]
    fn s12_what_was_typed_as_text_is_sealed_before_a_form_holds_it() {
        let mut draft =
            Draft::read("type = \"lex\"\nagent_password = \"planted\"\n[lex]\nsecret_access_key = \"\"\n").unwrap();
        seal_typed(&mut draft, &known(), &|it| Ok(it.len().to_string())).unwrap();
        assert_eq!(draft.to_string(), "type = \"lex\"\nagent_password = { sealed = \"7\" }\n[lex]\n");
    }

    #[test]
    fn what_is_typed_for_another_type_comes_back_with_it_and_is_not_saved() {
        let text = "type = \"lex\"\n[lex]\nregion = \"eu-west-1\"\n[[standby]]\nname = \"s\"\ntype = \"llm\"\n[standby.llm]\nmodel = \"m\"\n";
        let another = [
            ("type", "llm"),
            ("lex.region", "eu-west-2"),
            ("lex.secret_access_key", "planted"),
            ("standby.0.type", "lex"),
        ];
        let (out, _) = typed(text, &another);
        assert!(!out.contains("planted"), "{out}");
        let saved = settled(&Draft::read(&out).unwrap(), &known()).unwrap().to_string();
        assert!(!saved.contains("region") && !saved.contains("model") && saved.contains("name = \"s\""), "{saved}");
        let (back, _) = typed(&out, &[("type", "lex"), ("llm.model", ""), ("standby.0.type", "llm")]);
        let back = Draft::read(&back).unwrap();
        assert_eq!(back.text(&["lex", "region"]).as_deref(), Some("eu-west-2"));
        assert!(back.has(&["lex", "secret_access_key", "sealed"]), "{back}");
        assert_eq!(back.text(&["standby", "0", "llm", "model"]).as_deref(), Some("m"));
        let large = [("type", "llm"), ("lex.region", &*"x".repeat(former::MOST_BYTES))];
        assert!(!typed(text, &large).0.contains("region"), "a form has a bound");
    }

    #[test]
    fn b5_a_canary_has_a_flag_of_its_own_or_the_profiles() {
        let flag = known().kinds.iter().find_map(|schema| {
            let field = schema.fields.iter().find(|it| it.form == Form::Flag)?;
            Some((schema.kind, format!("canary.{}.{}", schema.section, field.key)))
        });
        let (kind, path) = flag.unwrap();
        let text = format!("type = \"{kind}\"\n[canary]\nshare_percent = 5\n");
        let draft_of = |typed_as: &str| Draft::read(&typed(&text, &[(&path, typed_as)]).0).unwrap();
        assert_eq!(draft_of("").get(&parts(&path)), None);
        assert_eq!(draft_of("false").get(&parts(&path)), Some(Value::Flag(false)));
        assert_eq!(draft_of("true").get(&parts(&path)), Some(Value::Flag(true)));
    }

    #[test]
    fn b7_standbys_are_added_moved_and_removed() {
        let mut draft = Draft::read("type = \"lex\"\n").unwrap();
        for wanted in ["add:standby", "add:standby", "add:canary", "nothing", "up:standby.9", "add:agents"] {
            rearrange(&mut draft, wanted, &known()).unwrap_or_default();
        }
        assert_eq!((draft.count(&["standby"]), draft.has(&["canary"]), draft.has(&["agents"])), (2, true, false));
        draft.set(&["standby", "1", "name"], &Value::Text("b".into())).unwrap();
        rearrange(&mut draft, "up:standby.1", &known()).unwrap();
        rearrange(&mut draft, "down:standby.1", &known()).unwrap();
        assert_eq!(draft.text(&["standby", "0", "name"]).as_deref(), Some("b"));
        rearrange(&mut draft, "remove:standby.0", &known()).unwrap();
        rearrange(&mut draft, "remove:canary", &known()).unwrap();
        assert_eq!((draft.count(&["standby"]), draft.has(&["canary"])), (1, false));
    }
}
