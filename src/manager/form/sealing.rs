//! A text that was typed with secrets in it, as it may be shown again: what is secret is sealed. That holds also where the text
//! is no TOML, where the type is not known, and where a key is mistyped.

use std::collections::BTreeSet;

use super::{Control, Known, parts, typed::Seal};
use crate::config::{
    draft::{Draft, Value},
    general::{CANARY, GROUPS, SHADOW, STANDBY},
    is_secret_key,
};

/// Lines that one value has, at most: a key file has fewer.
const MAX_VALUE_LINES: usize = 100;

/// The text with every secret sealed. What cannot be sealed is left out: it is typed again.
pub(in crate::manager) fn seal_text(text: &str, known: &Known, seal: Seal<'_>) -> String {
    let keys = Keys::of(known);
    if let Ok(draft) = Draft::read(text) {
        return sealed(draft, &keys, seal);
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (mut out, mut at) = (String::new(), 0);
    while let Some(line) = lines.get(at) {
        if !keys.are_in(line) {
            out.push_str(line);
            at += 1;
            continue;
        }
        let whole = (at + 1..=lines.len().min(at + MAX_VALUE_LINES)).find_map(|end| {
            let value = lines.get(at..end)?.concat();
            Draft::read(&value).ok().map(|draft| (draft, end))
        });
        if let Some((draft, end)) = whole {
            out.push_str(&sealed(draft, &keys, seal));
            at = end;
        } else {
            // Its value has no end that could be told: up to the next line that can be read by itself all of it may be secret.
            out.push_str(line.split('=').next().unwrap_or_default());
            out.push_str("= \"\"\n");
            at += 1;
            while lines.get(at).is_some_and(|it| Draft::read(it).is_err()) {
                at += 1;
            }
        }
    }
    out
}

/// Which keys are secret.
struct Keys {
    secret: BTreeSet<&'static str>,
    plain: BTreeSet<&'static str>,
}

impl Keys {
    fn of(known: &Known) -> Self {
        let settings = GROUPS.iter().flat_map(|it| it.settings).chain(STANDBY).chain(CANARY).chain(SHADOW);
        let fields = settings.map(|it| &it.field).chain(known.kinds.iter().flat_map(|it| it.fields));
        let (mut secret, mut plain) = (BTreeSet::new(), BTreeSet::new());
        for field in fields {
            let known = if Control::Of(field.form).is_secret() { &mut secret } else { &mut plain };
            known.insert(field.key);
        }
        Self { secret, plain }
    }

    fn is_secret(&self, key: &str, value: &str) -> bool {
        // A proxy's address is shown, unless there is a password in it.
        let is_proxy = key == "proxy" && value.contains('@');
        self.secret.contains(key) || is_proxy || (!self.plain.contains(key) && is_secret_key(key))
    }

    /// Whether such a key is given a value in this line.
    fn are_in(&self, line: &str) -> bool {
        let is_part = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-');
        let before = line.trim_start().split('=').map(|it| it.trim_end().trim_end_matches(['"', '\'']));
        let mut keys = before.map(|it| it.rsplit(|it| !is_part(it)).next().unwrap_or_default());
        !line.trim_start().starts_with('#') && line.contains('=') && keys.any(|it| self.is_secret(it, line))
    }
}

fn sealed(mut draft: Draft, keys: &Keys, seal: Seal<'_>) -> String {
    let mut found = Vec::new();
    typed_under(&draft, "", keys, &mut found);
    for path in found {
        let path = parts(&path);
        let value = draft.text(&path).unwrap_or_default();
        let written = match seal(&value) {
            Ok(sealed) => draft.set(&path, &super::typed::sealed_value(&sealed)),
            Err(_told_when_it_is_saved) => draft.set(&path, &Value::Text(String::new())),
        };
        // What cannot be written where it was read from goes.
        if written.is_err() {
            return String::new();
        }
    }
    draft.to_string()
}

/// Paths of secrets that stand there as they were typed.
fn typed_under(draft: &Draft, table: &str, keys: &Keys, found: &mut Vec<String>) {
    for key in draft.keys(&parts(table)) {
        let path = if table.is_empty() { key.clone() } else { format!("{table}.{key}") };
        let place = parts(&path);
        match draft.text(&place) {
            Some(text) if !text.is_empty() && keys.is_secret(&key, &text) => found.push(path),
            Some(_) => {}
            None => {
                for at in 0..draft.count(&place) {
                    typed_under(draft, &format!("{path}.{at}"), keys, found);
                }
                if draft.count(&place) == 0 {
                    typed_under(draft, &path, keys, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::known, *};

    fn shown(text: &str) -> String {
        seal_text(text, &known(), &|it| Ok(format!("sealed-{}", it.len())))
    }

    #[test]
    fn s12_secrets_are_sealed_wherever_they_stand_and_nothing_else_is_touched() {
        let text = "# mine\nname = \"a\" # its name\ntype = \"lx\"\nagent_password = \"planted\" # why\n[lex]\nsecret_access_key = \"planted\"\n\
                    [webhook]\nsigning_key = \"\"\n[[standby]]\ntype = \"llm\"\n[standby.llm]\nmax_tokens = 300\napi_key = \"planted\"\n\
                    [[action]]\nname = \"x\"\nphone_parameter = \"token\"\n[connector]\ntoken_name = \"north\"\n";
        let out = shown(text);
        assert_eq!(out, text.replace("\"planted\"", "{ sealed = \"sealed-7\" }"));
        let mistyped = shown("agent_pasword = \"planted\"\nname = \"a\"\n");
        assert_eq!(mistyped, "agent_pasword = { sealed = \"sealed-7\" }\nname = \"a\"\n");
        let kept = "agent_password = { env = \"NAME\" }\n[llm]\napi_key = { sealed = \"00\" }\n";
        assert_eq!(shown(kept), kept);
    }

    #[test]
    fn s12_secrets_are_sealed_in_what_is_no_toml_and_left_out_where_their_end_is_not_known() {
        let text = "name = \nagent_password = \"planted\"\n[dialogflow]\ncredential = '''\n{ \"private_key\": \"planted==\" }\n'''\nproject = \"p\"\n";
        let out = shown(text);
        assert!(out.starts_with("name = \nagent_password = { sealed = \"sealed-7\" }\n[dialogflow]\n"), "{out}");
        assert!(out.ends_with("project = \"p\"\n") && !out.contains("planted"), "{out}");
        assert_eq!(shown("agent_password = \"planted\nname = \"a\"\n"), "agent_password = \"\"\nname = \"a\"\n");
        let open = "[dialogflow]\ncredential = '''\n{ \"private_key\": \"planted==\" }\n[handover]\nqueue = \"q\"\n";
        assert_eq!(shown(open), "[dialogflow]\ncredential = \"\"\n[handover]\nqueue = \"q\"\n");
    }

    #[test]
    fn s12_what_cannot_be_sealed_is_left_out() {
        let out = seal_text("agent_password = \"planted\"\n", &known(), &|_| Err(crate::core::said::said!("no key")));
        assert_eq!(out, "agent_password = \"\"\n");
    }
}
