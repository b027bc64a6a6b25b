//! A profile's own settings as JSON, for programs: by their paths, and with what a document says of them.
//!
//! They end in the same document as what is typed into the form: comments, order and what is not named stay.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Map, Value as Json};

use super::{
    Known, blocks, parts,
    typed::{Seal, kind_of, prune, sealed_value, write},
};
use crate::config::{
    Finding, Severity,
    draft::{Draft, DraftError, Value},
    schema::Form,
};

/// Of a path, with what is nested below it.
const MAX_DEPTH: usize = 12;
const MAX_PATH_BYTES: usize = 256;
/// Of one change.
const MAX_VALUES: usize = 1_000;
/// Of a list of tables: more than any validation takes.
const MAX_ENTRIES: usize = 200;

/// All that the document sets, by path. A list of tables is one value; secrets are as they are kept.
pub(in crate::manager) fn values(draft: &Draft) -> Map<String, Json> {
    let mut found = Map::new();
    collect(draft, &[], &mut found);
    found
}

fn collect(draft: &Draft, table: &[&str], found: &mut Map<String, Json>) {
    for key in draft.keys(table) {
        let path = [table, &[key.as_str()]].concat();
        let is_secret = draft.has(&[&path[..], &["sealed"]].concat());
        if is_secret
            || draft.count(&path) > 0
            || draft.get(&path).is_some_and(|it| draft.keys(&path).is_empty() || is_plain(&it))
        {
            found.insert(path.join("."), value(draft, &path));
        } else {
            collect(draft, &path, found);
        }
    }
}

const fn is_plain(value: &Value) -> bool {
    !matches!(value, Value::Other(_))
}

/// What stands at a path.
fn value(draft: &Draft, path: &[&str]) -> Json {
    let count = draft.count(path);
    if count > 0 {
        let entry = |at: usize| value(draft, &[path, &[at.to_string().as_str()]].concat());
        return Json::Array((0..count).map(entry).collect());
    }
    match draft.get(path) {
        Some(Value::Text(text)) => text.into(),
        Some(Value::Integer(number)) => number.into(),
        Some(Value::Decimal(number)) => number.into(),
        Some(Value::Flag(flag)) => flag.into(),
        Some(Value::Texts(texts)) => texts.into(),
        Some(Value::Other(text)) if draft.keys(path).is_empty() => text.into(),
        Some(Value::Other(_)) | None => {
            let keys = draft.keys(path).into_iter();
            let members = keys.map(|key| {
                let inner = value(draft, &[path, &[key.as_str()]].concat());
                (key, inner)
            });
            Json::Object(members.collect())
        }
    }
}

/// Writes what is wanted, by path; `null`: it is not set. What cannot be written is told by its path.
pub(in crate::manager) fn put(
    draft: &mut Draft,
    wanted: &Map<String, Json>,
    known: &Known,
    seal: Seal<'_>,
) -> BTreeMap<String, String> {
    let mut problems = BTreeMap::new();
    let mut flat: Vec<(String, Leaf<'_>)> = Vec::new();
    for (path, wanted) in wanted {
        if let Err(problem) = flatten(path, wanted, &mut flat) {
            problems.insert(path.clone(), problem);
        }
    }
    if flat.len() > MAX_VALUES {
        return [(String::new(), format!("are more than {MAX_VALUES} values: write the profile's text"))].into();
    }
    // Lists are made before what stands in them, and types come before the fields of which they say what they are.
    flat.sort_by(|(a, left), (b, right)| left.rank(a).cmp(&right.rank(b)).then_with(|| by_parts(a, b)));
    let mut seen = BTreeSet::new();
    for (path, leaf) in &flat {
        if !seen.insert(path) {
            problems.insert(path.clone(), "is set twice: by its path, and within a table above it".to_owned());
            continue;
        }
        if let Err(problem) = put_one(draft, path, leaf, known, seal) {
            problems.insert(path.clone(), problem);
        }
    }
    problems
}

/// What is written at one path.
enum Leaf<'a> {
    /// A list of so many empty tables in place of whatever is there.
    List(usize),
    Gone,
    Sealed(&'a str),
    Value(&'a Json),
}

impl Leaf<'_> {
    fn rank(&self, path: &str) -> u8 {
        match self {
            Self::List(_) => 0,
            Self::Value(_) if path == "type" || path.ends_with(".type") => 1,
            Self::Gone | Self::Sealed(_) | Self::Value(_) => 2,
        }
    }
}

/// Places of lists as the numbers that they are.
fn by_parts(a: &str, b: &str) -> Ordering {
    let key = |path: &str| -> Vec<(Option<usize>, String)> {
        parts(path).into_iter().map(|it| (it.parse().ok(), it.to_owned())).collect()
    };
    key(a).cmp(&key(b))
}

fn flatten<'a>(path: &str, wanted: &'a Json, flat: &mut Vec<(String, Leaf<'a>)>) -> Result<(), String> {
    let is_path = path.len() <= MAX_PATH_BYTES && !path.is_empty() && path.split('.').all(|it| !it.is_empty());
    if !is_path || path.split('.').count() > MAX_DEPTH {
        return Err("is no path of a setting, as `handover.queue` or `standby.0.name`".to_owned());
    }
    let leaf = match wanted {
        Json::Null => Leaf::Gone,
        Json::Object(members) => match members.get("sealed").and_then(Json::as_str) {
            Some(sealed) if members.len() == 1 => Leaf::Sealed(sealed),
            Some(_) | None => {
                for (key, inner) in members {
                    flatten(&format!("{path}.{key}"), inner, flat)?;
                }
                return Ok(());
            }
        },
        Json::Array(list) if !list.is_empty() && list.iter().all(Json::is_object) => {
            if list.len() > MAX_ENTRIES {
                return Err(format!("has more than {MAX_ENTRIES} entries"));
            }
            flat.push((path.to_owned(), Leaf::List(list.len())));
            for (at, inner) in list.iter().enumerate() {
                flatten(&format!("{path}.{at}"), inner, flat)?;
            }
            return Ok(());
        }
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => Leaf::Value(wanted),
    };
    flat.push((path.to_owned(), leaf));
    Ok(())
}

fn put_one(draft: &mut Draft, path: &str, leaf: &Leaf<'_>, known: &Known, seal: Seal<'_>) -> Result<(), String> {
    let at = parts(path);
    let told = |error: DraftError| error.to_string();
    match leaf {
        Leaf::List(count) => {
            draft.remove(&at).map_err(told)?;
            (0..*count).try_for_each(|place| draft.add(&at, place)).map_err(told)
        }
        Leaf::Gone if !draft.has(&at) && !is_known(draft, path, known) => {
            Err("is no setting of this profile".to_owned())
        }
        Leaf::Gone => {
            draft.remove(&at).map_err(told)?;
            let above = at.split_last().map(|it| it.1).unwrap_or_default();
            if matches!(above, [] | ["canary" | "shadow"]) { Ok(()) } else { prune(draft, above).map_err(told) }
        }
        Leaf::Sealed(sealed) if sealed.bytes().all(|it| it.is_ascii_hexdigit()) => {
            begin_entry(draft, &at)?;
            draft.set(&at, &sealed_value(sealed)).map_err(told)
        }
        Leaf::Sealed(_) => {
            Err("is not what a secret is sealed to: send what was read, or the secret itself".to_owned())
        }
        Leaf::Value(value) => {
            begin_entry(draft, &at)?;
            if let Some(table) = path.strip_suffix("type").filter(|it| it.is_empty() || it.ends_with('.'))
                && let Json::String(kind) = value
            {
                return kind_of(draft, table, kind, known).map_err(told);
            }
            let form = form_of(draft, path, known);
            let value = match (form, *value) {
                (Some(Form::Secret | Form::ServiceAccount), Json::String(secret)) if secret.is_empty() => None,
                (Some(Form::Secret | Form::ServiceAccount), Json::String(secret)) => {
                    Some(sealed_value(&seal(secret).map_err(|why| why.to_string())?))
                }
                // A decimal that is whole is one all the same.
                (Some(Form::Decimal(..)), Json::Number(number)) => number.as_f64().map(Value::Decimal),
                (_, value) => Some(written(value)?),
            };
            write(draft, path, value).map_err(told)
        }
    }
}

/// Whether anything could be set there.
fn is_known(draft: &Draft, path: &str, known: &Known) -> bool {
    // Actions have no fields in the form.
    if path == "action" || path.starts_with("action.") {
        return true;
    }
    let mut whole = draft.clone();
    // Nothing but a table that is none is in the way: then there is nothing of it.
    for table in ["canary", "shadow"] {
        whole.open(&[table]).unwrap_or_default();
    }
    if whole.count(&["standby"]) == 0 {
        whole.add(&["standby"], 0).unwrap_or_default();
    }
    // An entry that is not there is like the first.
    let path: Vec<&str> = match parts(path).as_slice() {
        ["standby", at, rest @ ..] if at.parse::<usize>().is_ok_and(|it| it >= whole.count(&["standby"])) => {
            [&["standby", "0"][..], rest].concat()
        }
        other => other.to_vec(),
    };
    let path = path.join(".");
    let is_it = |it: &str| it == path || it.strip_prefix(&path).is_some_and(|rest| rest.starts_with('.'));
    blocks(&whole, known).iter().any(|it| is_it(&it.path) || it.entries.iter().any(|it| is_it(&it.path)))
}

/// The entry behind the last of a list is a new one.
fn begin_entry(draft: &mut Draft, path: &[&str]) -> Result<(), String> {
    for end in 1..path.len() {
        let (Some(list), Some(Ok(at))) = (path.get(..end), path.get(end).map(|it| it.parse::<usize>())) else {
            continue;
        };
        if draft.count(list) == at {
            draft.add(list, at).map_err(|error| error.to_string())?;
        }
    }
    Ok(())
}

fn form_of(draft: &Draft, path: &str, known: &Known) -> Option<Form> {
    let found = blocks(draft, known).into_iter().flat_map(|it| it.entries).find(|it| it.path == path)?;
    match found.control {
        super::Control::Of(form) => Some(form),
        super::Control::Switch => Some(Form::Flag),
        super::Control::Unit | super::Control::Kind(_) => None,
    }
}

fn written(value: &Json) -> Result<Value, String> {
    const OTHER: &str = "has to be a text, a number, true, false, a list of texts or of tables, or null";
    Ok(match value {
        Json::String(text) => Value::Text(text.clone()),
        Json::Bool(flag) => Value::Flag(*flag),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Integer(number),
            (None, Some(number)) => Value::Decimal(number),
            (None, None) => return Err(OTHER.to_owned()),
        },
        Json::Array(list) => {
            let texts: Option<Vec<String>> = list.iter().map(|it| it.as_str().map(str::to_owned)).collect();
            Value::Texts(texts.ok_or(OTHER)?)
        }
        Json::Null | Json::Object(_) => return Err(OTHER.to_owned()),
    })
}

/// Errors by the settings' paths; those that are about nothing in this document have none.
pub(in crate::manager) fn sorted(list: &[Finding], (document, text): (&str, &str)) -> Vec<(Option<String>, Finding)> {
    let errors = list.iter().filter(|it| it.severity == Severity::Error);
    let at = |it: &Finding| {
        let own = it.location.as_ref().filter(|it| it.file == document)?;
        Some(super::problems::path_of(it, own, text)).filter(|it| !it.is_empty())
    };
    errors.map(|it| (at(it), it.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::tests::known, *};

    const TEXT: &str = "# mine\nname = \"a\" # its name\ntype = \"lex\"\nagent_password = { sealed = \"00\" }\nagents = [\"va1\"]\n\n# Who.\n[handover]\nqueue = \"one\"\nfailures_after = 2\n\n[[standby]]\nname = \"s\"\ntype = \"llm\"\n[standby.llm]\napi_key = { sealed = \"11\" }\ntemperature = 0.5\n";

    fn changed(text: &str, wanted: &Json) -> (String, BTreeMap<String, String>) {
        let mut draft = Draft::read(text).unwrap();
        let seal = |secret: &str| Ok(format!("aa{:02}", secret.len()));
        let problems = put(&mut draft, wanted.as_object().unwrap(), &known(), &seal);
        (draft.to_string(), problems)
    }

    #[test]
    fn what_is_read_is_what_is_written_back() {
        let draft = Draft::read(TEXT).unwrap();
        let all = values(&draft);
        assert_eq!(all["agent_password"], json!({ "sealed": "00" }));
        assert_eq!((&all["handover.queue"], &all["agents"]), (&json!("one"), &json!(["va1"])));
        let standby =
            json!([{ "name": "s", "type": "llm", "llm": { "api_key": { "sealed": "11" }, "temperature": 0.5 } }]);
        assert_eq!(all["standby"], standby);
        let (again, problems) = changed(TEXT, &Json::Object(all.clone()));
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(values(&Draft::read(&again).unwrap()), all, "{again}");
        assert!(again.starts_with("# mine\nname = \"a\" # its name\n") && again.contains("# Who."), "{again}");
    }

    #[test]
    fn s12_values_are_changed_in_their_place_and_secrets_are_sealed() {
        let (text, problems) = changed(
            TEXT,
            &json!({ "handover": { "queue": "two" }, "handover.failures_after": null, "agent_password": "planted",
                     "standby.0.llm.temperature": 1, "standby.1.name": "t", "standby.1.type": "lex" }),
        );
        assert!(problems.is_empty(), "{problems:?}");
        let draft = Draft::read(&text).unwrap();
        assert!(text.contains("# Who.\n[handover]\nqueue = \"two\"\n") && !text.contains("failures_after"), "{text}");
        assert!(text.contains("agent_password = { sealed = \"aa07\" }") && !text.contains("planted"), "{text}");
        assert_eq!(draft.get(&["standby", "0", "llm", "temperature"]), Some(Value::Decimal(1.0)));
        assert_eq!(draft.text(&["standby", "1", "type"]).as_deref(), Some("lex"));
        let (gone, _) = changed(&text, &json!({ "handover.queue": null, "standby": null, "type": "llm" }));
        assert!(!gone.contains("handover") && !gone.contains("standby"), "{gone}");
    }

    #[test]
    fn what_cannot_be_written_is_told_at_its_path() {
        let long = "a.".repeat(20) + "b";
        for (path, value) in [
            ("", json!(1)),
            ("a..b", json!(1)),
            (long.as_str(), json!(1)),
            ("agents", json!([1])),
            ("name.first", json!("x")),
            ("standby.7.name", json!("x")),
            ("agent_password", json!({ "sealed": "\" }" })),
            ("nope", json!(null)),
            ("handover.nope", json!(null)),
            ("standby.0.nope", json!(null)),
        ] {
            let (_, problems) = changed(TEXT, &json!({ path: value }));
            assert!(problems.contains_key(path), "{path}: {problems:?}");
        }
        let twice = json!({ "handover": { "queue": "x" }, "handover.queue": "y" });
        let (_, problems) = changed(TEXT, &twice);
        assert!(matches!(problems.get("handover.queue"), Some(it) if it.contains("twice")), "{problems:?}");
        // What could be set, and is not, is no mistake.
        for path in [
            "welcome_event",
            "speech",
            "canary",
            "canary.share_percent",
            "shadow.share_percent",
            "action",
            "lex.region",
        ] {
            let (text, problems) = changed(TEXT, &json!({ path: null }));
            assert_eq!((text.as_str(), problems.len()), (TEXT, 0), "{path}: {problems:?}");
        }
    }
}
