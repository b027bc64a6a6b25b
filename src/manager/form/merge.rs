//! Two who have changed the same profile: what each has made of it, field by field, and both together.

use std::collections::{BTreeMap, BTreeSet};

use super::{Known, blocks};
use crate::config::{
    draft::{Draft, DraftError},
    masked,
};

/// A value that somebody else has changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::manager) struct Clash {
    pub(in crate::manager) path: String,
    /// English; the path where there is no field.
    pub(in crate::manager) label: String,
    /// Empty: it was not set.
    pub(in crate::manager) was: String,
    pub(in crate::manager) now: String,
    /// One's own other value, which stays in the form.
    pub(in crate::manager) mine: Option<String>,
}

/// What is there now with one's own changes, and what the other has changed.
///
/// # Errors
/// When the documents do not fit together: they have to be brought together as text.
pub(in crate::manager) fn merge(
    seen: &Draft,
    now: &Draft,
    mine: &Draft,
    known: &Known,
) -> Result<(Draft, Vec<Clash>), DraftError> {
    let values = |draft: &Draft| -> BTreeMap<String, String> {
        draft.leaves().into_iter().map(|(path, value)| (path.join("."), value)).collect()
    };
    let (were, are, own) = (values(seen), values(now), values(mine));
    let mut both = now.clone();
    let paths: BTreeSet<&String> = were.keys().chain(are.keys()).chain(own.keys()).collect();
    for path in paths.iter().filter(|it| own.get(**it) != were.get(**it)) {
        both.take(&super::parts(path), mine)?;
    }
    let labels: BTreeMap<String, String> = [seen, now, mine]
        .iter()
        .flat_map(|it| blocks(it, known))
        .flat_map(|it| it.entries)
        .map(|it| (it.path, it.label.into_owned()))
        .collect();
    let shown = |value: Option<&String>, path: &str| value.map(|it| secret_free(path, it)).unwrap_or_default();
    let clashes = paths.into_iter().filter(|it| are.get(*it) != were.get(*it)).map(|path| {
        let is_mine = own.get(path) != were.get(path) && own.get(path) != are.get(path);
        Clash {
            label: labels.get(path).unwrap_or(path).clone(),
            was: shown(were.get(path), path),
            now: shown(are.get(path), path),
            mine: is_mine.then(|| shown(own.get(path), path)),
            path: path.clone(),
        }
    });
    Ok((both, clashes.collect()))
}

fn secret_free(path: &str, value: &str) -> String {
    if value.starts_with("[[") {
        return masked(value);
    }
    let key = path.rsplit('.').next().unwrap_or(path);
    let line = masked(&format!("{key} = {value}"));
    line.split_once(" = ").map_or(line.clone(), |(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::known, *};

    #[test]
    fn what_two_have_changed_comes_together_and_the_second_is_told_of_the_first() {
        let seen = "name = \"a\"\ntype = \"lex\"\nagent_password = { sealed = \"00\" }\n[handover]\nqueue = \"one\"\nfailures_after = 2\n";
        let now = seen.replace("\"one\"", "\"two\"").replace("= 2", "= 9").replace("\"00\"", "\"11\"");
        let mine = seen.replace("\"one\"", "\"three\"") + "not_understood_after = 5\n";
        let read = |text: &str| Draft::read(text).unwrap();
        let (both, clashes) = merge(&read(seen), &read(&now), &read(&mine), &known()).unwrap();
        assert_eq!(both.to_string(), now.replace("\"two\"", "\"three\"") + "not_understood_after = 5\n");
        let told: Vec<_> = clashes
            .iter()
            .map(|it| (it.label.as_str(), it.was.as_str(), it.now.as_str(), it.mine.as_deref()))
            .collect();
        let expected = [
            ("Password of the virtual agents", "****", "****", None),
            ("Failures, in a row", "2", "9", None),
            ("Queue", "\"one\"", "\"two\"", Some("\"three\"")),
        ];
        assert_eq!(told, expected);
    }
}
