//! Where a new form begins: with another profile, or with what a file has come to.

use super::{Known, parts};
use crate::config::{
    Effective,
    draft::{Draft, DraftError, Value},
    schema::{Form, Schema},
};

/// A profile as another begins: name, virtual agents and keys that no two may share are its own. Of another type: what both
/// types have carries over.
///
/// # Errors
/// When the document is not of a form's shape.
pub(in crate::manager) fn copy(source: &Draft, kind: Option<&str>, known: &Known) -> Result<Draft, DraftError> {
    let mut draft = source.clone();
    for key in ["name", "agents"] {
        draft.remove(&[key])?;
    }
    if let Some(kind) = kind {
        turn_into(&mut draft, kind, known)?;
    }
    drop_secrets(&mut draft, known)?;
    Ok(draft)
}

/// Gives a profile another type; what both types have carries over.
pub(super) fn turn_into(draft: &mut Draft, kind: &str, known: &Known) -> Result<(), DraftError> {
    let source = draft.clone();
    let (Some(before), Some(after)) = (known.schema(&source, &[]), known.kind(kind)) else { return Ok(()) };
    if before.kind == after.kind {
        return Ok(());
    }
    draft.set(&["type"], &Value::Text(after.kind.to_owned()))?;
    draft.remove(&[before.section])?;
    for field in after.fields.iter().filter(|it| shares(before, it.key, it.form)) {
        if let Some(value) = source.get(&[before.section, field.key]) {
            draft.set(&[after.section, field.key], &value)?;
        }
    }
    Ok(())
}

fn shares(other: &Schema, key: &str, form: Form) -> bool {
    let is_secret = matches!(form, Form::Secret | Form::ServiceAccount);
    !is_secret && other.field(key).is_some_and(|it| it.form == form)
}

/// Keys of Google's are each profile's own (S6); what is not sealed here cannot be read by another document.
fn drop_secrets(draft: &mut Draft, known: &Known) -> Result<(), DraftError> {
    for entry in super::blocks(draft, known).iter().flat_map(|it| &it.entries).filter(|it| it.control.is_secret()) {
        let path = parts(&entry.path);
        let is_sealed = draft.has(&[&path[..], &["sealed"]].concat());
        if entry.control == super::Control::Of(Form::ServiceAccount) || !is_sealed {
            draft.remove(&path)?;
        }
    }
    Ok(())
}

/// What a profile's file has set, by what it has come to: a document of the same values.
pub(in crate::manager) fn of_effective<'a>(list: impl Iterator<Item = (&'a str, &'a Effective)>) -> Draft {
    let mut draft = Draft::default();
    for (key, it) in list.filter(|(_, it)| it.origin != "default") {
        let path = key.replace('[', ".").replace(']', "");
        let path = parts(&path);
        for (end, part) in path.iter().enumerate() {
            if let (Ok(at), Some(list)) = (part.parse::<usize>(), path.get(..end))
                && draft.count(list) == at
            {
                // What cannot be shown so stays out of what is only shown.
                draft.add(list, at).unwrap_or_default();
            }
        }
        draft.set(&path, &Value::Other(it.value.clone())).unwrap_or_default();
    }
    draft
}

#[cfg(test)]
mod tests {
    use super::{super::tests::known, *};

    #[test]
    fn s9_a_copy_to_v2_carries_over_what_both_have() {
        let source = Draft::read(
            "name = \"old\"\ntype = \"dialogflow\"\nagents = [\"va1\"]\nagent_password = { sealed = \"00\" }\nfallback_message = \"Sorry.\"\n\
             [dialogflow_v1]\nurl = \"http://x\"\nclient_token = { sealed = \"11\" }\ndeadline_ms = 4000\n[[action]]\nname = \"a\"\n",
        );
        let copied = copy(&source.unwrap(), Some("dialogflow-v2"), &known()).unwrap();
        assert_eq!(copied.text(&["type"]).as_deref(), Some("dialogflow-v2"));
        assert!(!copied.has(&["dialogflow_v1"]) && !copied.has(&["name"]) && !copied.has(&["agents"]), "{copied}");
        assert_eq!(copied.get(&["dialogflow", "deadline_ms"]), Some(Value::Integer(4000)));
        assert!(copied.has(&["agent_password", "sealed"]) && copied.has(&["action", "0"]), "{copied}");
    }

    #[test]
    fn s6_a_copy_has_no_key_that_is_another_profiles() {
        let source = Draft::read(
            "type = \"dialogflow-v2\"\nagent_password = { env = \"X\" }\n[dialogflow]\ncredential = { sealed = \"00\" }\n\
             [[standby]]\ntype = \"dialogflow-v2\"\n[standby.dialogflow]\ncredential = { sealed = \"00\" }\nregion = \"global\"\n",
        );
        let copied = copy(&source.unwrap(), None, &known()).unwrap();
        let text = copied.to_string();
        assert!(!text.contains("credential") && !text.contains("env") && text.contains("region"), "{text}");
    }

    #[test]
    fn what_a_file_has_set_is_shown_and_defaults_are_not() {
        let it = |key: &str, value: &str, origin: &str| Effective {
            key: key.to_owned(),
            value: value.to_owned(),
            origin: origin.to_owned(),
        };
        let list = [
            it("agents", "[\"va1\"]", "a.toml:1:1"),
            it("agent_password", "****", "a.toml:2:1"),
            it("handover.queue", "\"q\"", "a.toml:3:1"),
            it("handover.failures_after", "2", "default"),
            it("standby[0].name", "\"s\"", "a.toml:4:1"),
            it("standby[0].lex.region", "\"eu\"", "a.toml:5:1"),
        ];
        let draft = of_effective(list.iter().map(|it| (it.key.as_str(), it)));
        assert_eq!(draft.text(&["standby", "0", "lex", "region"]).as_deref(), Some("eu"));
        assert_eq!(draft.get(&["agents"]), Some(Value::Texts(vec!["va1".into()])));
        assert!(draft.has(&["agent_password"]) && !draft.has(&["handover", "failures_after"]), "{draft}");
    }
}
